#include "api/views.h"

// What a platform of one's own has to say to clients that ask for the bill: one plan, nothing owed
// (spec/platform-api.md §3.2). Their command line asks before it makes an organization, and waits for a "yes".

// Exact in JavaScript, and more than anybody has.
#define UNLIMITED INT64_C(9007199254740991)

void view_plans(struct json_writer *w)
{
	static const char *const quotas[] = {"rowsRead", "rowsWritten", "databases",  "locations",
					     "storage",  "groups",      "bytesSynced"};
	json_write_object(w);
	json_write_key(w, "plans");
	json_write_array(w);
	json_write_object(w);
	json_write_member_text(w, "name", "self-hosted");
	json_write_member_text(w, "price", "0");
	json_write_key(w, "prices");
	json_write_array(w);
	json_write_object(w);
	json_write_member_text(w, "value", "0");
	json_write_member_text(w, "timeline", "monthly");
	json_write_end_object(w);
	json_write_end_array(w);
	json_write_key(w, "quotas");
	json_write_object(w);
	for (size_t i = 0; i < ARRAY_LENGTH(quotas); i++)
		json_write_member_integer(w, quotas[i], UNLIMITED);
	json_write_end_object(w);
	json_write_end_object(w);
	json_write_end_array(w);
	json_write_end_object(w);
}

void view_subscription(struct json_writer *w, const struct organization *organization)
{
	json_write_object(w);
	json_write_key(w, "subscription");
	json_write_object(w);
	json_write_member_text(w, "name", "self-hosted");
	json_write_member_text(w, "plan", "self-hosted");
	json_write_member_text(w, "timeline", "monthly");
	json_write_member_bool(w, "overages", organization->overages);
	json_write_end_object(w);
	json_write_end_object(w);
}

static void write_empty_list(struct json_writer *w, const char *key)
{
	json_write_object(w);
	json_write_key(w, key);
	json_write_array(w);
	json_write_end_array(w);
	json_write_end_object(w);
}

void view_no_invoices(struct json_writer *w)
{
	write_empty_list(w, "invoices");
}

void view_no_jwks(struct json_writer *w)
{
	write_empty_list(w, "jwks");
}

void view_billing_portal(struct json_writer *w, const char *url)
{
	json_write_object(w);
	json_write_key(w, "portal");
	json_write_object(w);
	json_write_member_text(w, "url", url);
	json_write_end_object(w);
	json_write_end_object(w);
}

void view_payment_methods(struct json_writer *w)
{
	json_write_object(w);
	json_write_member_bool(w, "exists", true);
	json_write_end_object(w);
}

void view_stripe_customer(struct json_writer *w)
{
	view_name(w, "stripeCustomerId", "self-hosted");
}

static void write_texts(struct json_writer *w, const char *const *keys, const char *const *values,
			size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_write_member_text(w, keys[i], values[i] ? values[i] : "");
}

void view_billing_customer(struct json_writer *w, const struct billing_customer *customer)
{
	json_write_object(w);
	write_texts(w, billing_texts, customer->texts, BILLING_TEXT_COUNT);
	json_write_key(w, "tax_id");
	json_write_object(w);
	write_texts(w, billing_tax_texts, customer->tax, BILLING_TAX_COUNT);
	json_write_end_object(w);
	json_write_key(w, "billing_address");
	json_write_object(w);
	write_texts(w, billing_address_texts, customer->address, BILLING_ADDRESS_COUNT);
	json_write_end_object(w);
	json_write_end_object(w);
}
