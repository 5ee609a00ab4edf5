// Instances of databases.

#include "cli/commands/instances.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands/commands.h"
#include "cli/json_copy.h"
#include "cli/spinner.h"
#include "cli/table.h"

// A replica of a large database takes its time; each single wait of the server lasts half a minute.
enum { WAIT_MS_MAX = 30 * 60 * 1000 };

bool instance_create(struct call *call, const char *db, const char *location, const char *name,
		     const char *image, struct json **out, struct error *err)
{
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	json_write_member_text(&w, "location", location);
	if (image)
		json_write_member_text(&w, "image", image);
	if (name)
		json_write_member_text(&w, "instance_name", name);
	json_write_end_object(&w);
	const char *path;
	if (!client_org_path(&call->client, &path, err, "databases", db, "instances", NULL))
		return false;
	OWNED(spinner) struct spinner spinner;
	spinner_start(&spinner, arena_printf(call->arena, "Creating an instance of %s in %s", db, location));
	http_on_tick(call->http, spinner_tick, &spinner);
	bool ok = client_call(&call->client, "POST", path, buffer_text(&body), out, err);
	http_on_tick(call->http, NULL, NULL);
	return ok;
}

static bool ask_until_ready(struct call *call, const char *path, struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS_MAX;
	for (;;) {
		OWNED(json_root) struct json *root = NULL;
		int64_t asked_ms = clock_monotonic_ms();
		if (client_call(&call->client, "GET", path, NULL, &root, err))
			return true;
		// A server that says "not ready" at once instead of holding the request would be asked
		// without end.
		bool held = clock_monotonic_ms() - asked_ms > 1000;
		if (err->code != ERR_NOT_READY || !held || clock_monotonic_ms() > deadline_ms)
			return false;
	}
}

bool call_wait(struct call *call, const char *path, const char *what, struct error *err)
{
	OWNED(spinner) struct spinner spinner;
	spinner_start(&spinner, what);
	http_on_tick(call->http, spinner_tick, &spinner);
	bool ok = ask_until_ready(call, path, err);
	http_on_tick(call->http, NULL, NULL);
	return ok;
}

bool instance_wait(struct call *call, const char *db, const char *instance, const char *location,
		   struct error *err)
{
	const char *path;
	return client_org_path(&call->client, &path, err, "databases", db, "instances", instance, "wait",
			       NULL) &&
	       (call_wait(call, path,
			  arena_printf(call->arena, "Waiting for instance %s in %s", instance, location),
			  err) ||
		error_context(err, "instance %s of %s", instance, db));
}

bool instances_wait(struct call *call, const char *db, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!instances_fetch(call, db, &root, err))
		return false;
	const struct json *list = json_read_get(root, "instances");
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *one = json_read_at(list, i);
		if (!instance_wait(call, db, json_text_at(one, "name"), json_text_at(one, "region"), err))
			return false;
	}
	return true;
}

void instance_print_created(const struct call *call, const char *db, const struct json *answer,
			    int64_t ready_ms)
{
	const struct json *instance = json_read_get(answer, "instance");
	printf("Created instance %s of %s in %s (%s)", json_text_at(instance, "name"), db,
	       json_text_at(instance, "region"), json_text_at(instance, "type"));
	if (ready_ms >= 0) {
		char elapsed[40];
		spinner_format_elapsed(ready_ms, elapsed, sizeof(elapsed));
		printf(", ready after %s", elapsed);
	}
	puts(".");
	if (call_switch(call, "credentials"))
		printf("user:     %s\npassword: %s\n", json_text_at(answer, "username"),
		       json_text_at(answer, "password"));
}

bool instances_fetch(struct call *call, const char *db, struct json **out, struct error *err)
{
	const char *path;
	return client_org_path(&call->client, &path, err, "databases", db, "instances", NULL) &&
	       client_call(&call->client, "GET", path, NULL, out, err);
}

bool location_check(struct call *call, const char *location, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "GET", "/v1/locations", NULL, &root, err))
		return false;
	if (!json_read_get(json_read_get(root, "locations"), location))
		return error_set(err, ERR_BAD_REQUEST,
				 "invalid location: %s (\"atoll db locations\" lists them)", location);
	return true;
}

void instances_print(struct call *call, const struct json *list)
{
	OWNED(table)
	struct table table = table_of((const char *const[]){"NAME", "TYPE", "LOCATION", "URL"}, 4);
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *instance = json_read_at(list, i);
		table_add(&table, json_text_at(instance, "name"));
		table_add(&table, json_text_at(instance, "type"));
		table_add(&table, json_text_at(instance, "region"));
		table_add(&table, client_address_of(&call->client, json_text_at(instance, "hostname")));
	}
	table_print(&table, stdout, call_table_style(call));
}

bool command_db_replicate(struct call *call, struct error *err)
{
	const char *db = call_argument(call, 0), *location = call_argument(call, 1);
	int64_t started_ms = clock_monotonic_ms(), ready_ms = -1;
	OWNED(json_root) struct json *answer = NULL;
	if (!instance_create(call, db, location, call_argument(call, 2), call_option(call, "image"), &answer,
			     err))
		return false;
	const struct json *instance = json_read_get(answer, "instance");
	const char *name = json_text_at(instance, "name");
	if (!call_switch(call, "no-wait")) {
		if (!instance_wait(call, db, name, location, err))
			return false;
		ready_ms = clock_monotonic_ms() - started_ms;
	}
	if (call->json)
		call_print_answer(answer);
	else
		instance_print_created(call, db, answer, ready_ms);
	return true;
}

bool command_db_instances(struct call *call, struct error *err)
{
	const char *db = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!instances_fetch(call, db, &root, err))
		return false;
	const struct json *list = json_read_get(root, "instances");
	if (call->json)
		call_print_answer(root);
	else if (json_read_size(list) == 0)
		printf("%s has no instance yet: atoll db replicate %s LOCATION creates the first.\n", db, db);
	else
		instances_print(call, list);
	return true;
}
