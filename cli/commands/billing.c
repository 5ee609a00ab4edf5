// What an organization may use and owes, and whom it trusts.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/facts.h"
#include "cli/commands/usage.h"
#include "cli/json_copy.h"
#include "cli/table.h"

static const struct json *find_plan(const struct json *plans, const char *name)
{
	for (size_t i = 0; i < json_read_size(plans); i++) {
		if (strcmp(json_text_at(json_read_at(plans, i), "name"), name) == 0)
			return json_read_at(plans, i);
	}
	return json_read_at(plans, 0);
}

bool command_plan_show(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *subscribed = NULL;
	OWNED(json_root) struct json *plans = NULL;
	OWNED(json_root) struct json *used = NULL;
	if (!client_org_call(&call->client, "GET", NULL, &subscribed, err, "subscription", NULL) ||
	    !client_org_call(&call->client, "GET", NULL, &plans, err, "plans", NULL) ||
	    !client_org_call(&call->client, "GET", NULL, &used, err, "usage", NULL))
		return false;
	const struct json *subscription = json_read_get(subscribed, "subscription");
	const char *name = json_text_at(subscription, "plan");
	const struct json *plan = find_plan(json_read_get(plans, "plans"), name);
	const struct json *sums = json_read_get(json_read_get(used, "organization"), "usage");
	if (call->json) {
		OWNED(buffer) struct buffer text = {0};
		struct json_writer w = json_write_to(&text);
		json_write_object(&w);
		json_copy_member(&w, "subscription", subscription);
		json_copy_member(&w, "plan", plan);
		json_copy_member(&w, "usage", sums);
		json_write_end_object(&w);
		call_print_json(&text);
		return true;
	}
	OWNED(table) struct table facts = facts_table();
	facts_add(&facts, "Plan", name);
	facts_add(&facts, "Price", json_text_at(plan, "price"));
	facts_add(&facts, "Overages", json_read_bool(json_read_get(subscription, "overages")) ? "yes" : "no");
	facts_print(&facts);
	puts("\nUsed this month:");
	usage_print(sums);
	return true;
}

bool command_invoice_list(struct call *call, struct error *err)
{
	const char *path;
	const char *type = call_option(call, "type");
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_path(&call->client, &path, err, "invoices", NULL))
		return false;
	path = arena_printf(call->arena, "%s?type=%s", path,
			    address_segment(call->arena, type ? type : "all"));
	if (!client_call(&call->client, "GET", path, NULL, &root, err))
		return false;
	const struct json *list = json_read_get(root, "invoices");
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	if (json_read_size(list) == 0) {
		puts("No invoices: nothing is owed.");
		return true;
	}
	OWNED(table)
	struct table table = table_of((const char *const[]){"NUMBER", "AMOUNT", "DUE", "PAID"}, 4);
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *invoice = json_read_at(list, i);
		table_add(&table, json_text_at(invoice, "invoice_number"));
		table_add(&table, json_text_at(invoice, "amount_due"));
		table_add(&table, json_text_at(invoice, "due_date"));
		table_add(&table, json_text_at(invoice, "paid_at"));
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

bool command_jwks_list(struct call *call, struct error *err)
{
	const char *org;
	OWNED(json_root) struct json *root = NULL;
	if (!client_org(&call->client, &org, err))
		return false;
	const char *path =
		arena_printf(call->arena, "/v2/organizations/%s/jwks", address_segment(call->arena, org));
	if (!client_call(&call->client, "GET", path, NULL, &root, err))
		return false;
	const struct json *list = json_read_get(root, "jwks");
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	if (json_read_size(list) == 0) {
		puts("No key sets: only tokens of this server open its databases.");
		return true;
	}
	OWNED(table) struct table table = table_of((const char *const[]){"NAME", "URL"}, 2);
	for (size_t i = 0; i < json_read_size(list); i++) {
		table_add(&table, json_text_at(json_read_at(list, i), "jwks_name"));
		table_add(&table, json_text_at(json_read_at(list, i), "jwks_url"));
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}
