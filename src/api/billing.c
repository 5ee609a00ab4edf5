#include "api/billing.h"

#include "api/body.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/state.h"
#include "api/views.h"

const char *const billing_texts[] = {"name", "email"};
const char *const billing_tax_texts[] = {"value", "country"};
const char *const billing_address_texts[] = {"line1", "line2", "city", "state", "postal_code", "country"};

bool api_list_plans(struct api_request *req, struct error *err)
{
	(void)err;
	view_plans(&req->out);
	return true;
}

bool api_get_subscription(struct api_request *req, struct error *err)
{
	(void)err;
	view_subscription(&req->out, &req->organization);
	return true;
}

// Any plan will do: there is only one. A refusal would make Turso's command line delete the organization that it has
// just made (§3.2).
bool api_set_subscription(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	body_text(&fields, "plan", JSON_OPTIONAL);
	body_text(&fields, "timeline", JSON_OPTIONAL);
	json_fields_bool(&fields, "overages", false);
	if (!json_fields_ok(&fields, err))
		return false;
	view_subscription(&req->out, &req->organization);
	return true;
}

bool api_list_invoices(struct api_request *req, struct error *err)
{
	static const char *const types[] = {"all", "upcoming", "issued", NULL};
	int type;
	if (!api_query_choice(req, "type", types, 0, &type, err))
		return false;
	view_no_invoices(&req->out);
	return true;
}

// There is nothing to pay at; this server's own page is the nearest thing.
bool api_open_billing_portal(struct api_request *req, struct error *err)
{
	(void)err;
	view_billing_portal(&req->out, req->api->url);
	return true;
}

bool api_get_payment_methods(struct api_request *req, struct error *err)
{
	(void)err;
	view_payment_methods(&req->out);
	return true;
}

bool api_create_stripe_customer(struct api_request *req, struct error *err)
{
	(void)err;
	view_stripe_customer(&req->out);
	return true;
}

bool api_get_billing_customer(struct api_request *req, struct error *err)
{
	(void)err;
	view_billing_customer(&req->out, &(struct billing_customer){0});
	return true;
}

static void read_texts(struct json_fields *fields, const char *const *names, const char **out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		out[i] = body_text(fields, names[i], JSON_OPTIONAL);
}

static struct json_fields inner(struct json_fields *fields, const char *name)
{
	const struct json *node = json_fields_get(fields, name);
	if (node && json_read_kind(node) != JSON_KIND_OBJECT) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "%s must be an object", name);
		node = NULL;
	}
	return json_fields_of(node, JSON_ANY_CASE);
}

bool api_set_billing_customer(struct api_request *req, struct error *err)
{
	struct billing_customer customer;
	struct json_fields fields = api_fields(req);
	struct json_fields tax = inner(&fields, "tax_id");
	struct json_fields address = inner(&fields, "billing_address");
	read_texts(&fields, billing_texts, customer.texts, BILLING_TEXT_COUNT);
	read_texts(&tax, billing_tax_texts, customer.tax, BILLING_TAX_COUNT);
	read_texts(&address, billing_address_texts, customer.address, BILLING_ADDRESS_COUNT);
	if (!json_fields_ok(&fields, err) || !json_fields_ok(&tax, err) || !json_fields_ok(&address, err))
		return false;
	view_billing_customer(&req->out, &customer);
	return true;
}

// -- keys of others -----------------------------------------------------------------------------------

bool api_list_jwks(struct api_request *req, struct error *err)
{
	(void)err;
	view_no_jwks(&req->out);
	return true;
}

bool api_refuse_jwks(struct api_request *req, struct error *err)
{
	(void)req;
	return error_set(err, ERR_BAD_REQUEST, "this server takes no tokens that others sign");
}
