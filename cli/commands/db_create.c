// New databases: empty, copied, or with the content of a file.

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "cli/commands/commands.h"
#include "cli/commands/db_target.h"
#include "cli/commands/instances.h"
#include "cli/json_copy.h"
#include "cli/names.h"
#include "cli/spinner.h"
#include "cli/transfer.h"

enum {
	NAME_TRIES = 5,
	KEY_BYTES = 16,
	CREATE_MS = 60 * 60 * 1000, // a copy or a dump may be large
	UNDO_MS = 30 * 1000,
};

struct wish {
	const char *name; // NULL: make one up
	const char *group;
	const char *location; // of the first instance, for a database of its own
	const char *source;   // database to copy
	const char *backup;   // to make it of
	const char *timestamp;
	const char *dump_url;
	const char *dump_path;
	const char *file_path;
};

// What there is once the server said yes.
struct created {
	const char *name;
	const char *id;
	const char *hostname;
	struct json *answer;   // owns
	struct json *instance; // owns; NULL until the first one was made here
};

static void created_cleanup(struct created *created)
{
	json_root_cleanup(&created->answer);
	json_root_cleanup(&created->instance);
}

static bool check_wish(const struct call *call, const struct wish *wish, struct error *err)
{
	int contents = (wish->source != NULL) + (wish->dump_url != NULL) + (wish->dump_path != NULL) +
		       (wish->file_path != NULL);
	const char *words = call->command->words;
	if (contents > 1)
		return error_set(
			err, ERR_USAGE,
			"%s: --from-db, --from-file, --from-dump and --from-dump-url exclude each other",
			words);
	if (wish->timestamp && !wish->source)
		return error_set(err, ERR_USAGE, "%s: --timestamp goes with --from-db", words);
	if (wish->group && wish->location)
		return error_set(
			err, ERR_USAGE,
			"%s: a group has its locations, so --group and --location exclude each other", words);
	return true;
}

// A copy goes where its source is.
static bool follow_source(struct call *call, struct wish *wish, struct error *err)
{
	if (!wish->source || wish->group || wish->location)
		return true;
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "GET", NULL, &root, err, "databases", wish->source, NULL))
		return false;
	const struct json *database = json_read_get(root, "database");
	const char *group = json_text_at(database, "group");
	const char *region = json_text_at(database, "primaryRegion");
	if (*group)
		wish->group = arena_text(call->arena, group);
	else if (*region)
		wish->location = arena_text(call->arena, region);
	return true;
}

static void write_seed(struct json_writer *w, const struct wish *wish)
{
	if (!wish->source && !wish->dump_url && !wish->file_path)
		return;
	json_write_key(w, "seed");
	json_write_object(w);
	if (wish->source) {
		json_write_member_text(w, "type", "database");
		json_write_member_text(w, "name", wish->source);
		if (wish->timestamp)
			json_write_member_text(w, "timestamp", wish->timestamp);
	} else if (wish->dump_url) {
		json_write_member_text(w, "type", "dump");
		json_write_member_text(w, "url", wish->dump_url);
	} else {
		json_write_member_text(w, "type", "database_upload");
	}
	json_write_end_object(w);
}

static const char *body_of(struct call *call, const char *name, const struct wish *wish)
{
	static const char *const same_names[][2] = {
		{"image", "image"}, {"size_limit", "size-limit"}, {"schema", "schema"}};
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	json_write_member_text(&w, "name", name);
	if (wish->group)
		json_write_member_text(&w, "group", wish->group);
	for (size_t i = 0; i < ARRAY_LENGTH(same_names); i++) {
		const char *value = call_option(call, same_names[i][1]);
		if (value)
			json_write_member_text(&w, same_names[i][0], value);
	}
	const char *type = call_option(call, "type");
	if (type && strcmp(type, "schema") == 0)
		json_write_member_bool(&w, "is_schema", true);
	write_seed(&w, wish);
	json_write_end_object(&w);
	return arena_text(call->arena, buffer_text(&body));
}

static bool create_path(struct call *call, const struct wish *wish, const char **out, struct error *err)
{
	if (wish->backup)
		return client_org_path(&call->client, out, err, "backups", wish->backup, "restore", NULL);
	return client_org_path(&call->client, out, err, "databases", NULL);
}

static bool send_create(struct call *call, const struct wish *wish, const char *body, const char *key,
			const char *what, struct json **out, struct error *err)
{
	struct http_request request = {
		.method = "POST",
		.key = key,
		.body = body,
		.body_size = strlen(body),
		.timeout_ms = CREATE_MS,
	};
	if (!create_path(call, wish, &request.url, err))
		return false;
	OWNED(spinner) struct spinner spinner;
	spinner_start(&spinner, what);
	http_on_tick(call->http, spinner_tick, &spinner);
	bool ok = client_send(&call->client, &request, out, err);
	http_on_tick(call->http, NULL, NULL);
	return ok;
}

static void take_back(struct call *call, const char *name, const char *id, struct error *why)
{
	struct error failure = {0};
	OWNED(json_root) struct json *root = NULL;
	struct http_request request = {.method = "DELETE", .timeout_ms = UNDO_MS};
	http_ignore_interrupts(call->http, true);
	bool ok = client_org_path(&call->client, &request.url, &failure, "databases", id, NULL) &&
		  client_send(&call->client, &request, &root, &failure);
	http_ignore_interrupts(call->http, false);
	if (ok || call->client.status == 404)
		error_detail(why, "the database %s was taken back: nothing is left of it", name);
	else
		error_detail(why, "the database %s may exist: atoll db destroy %s", name, name);
}

// Nobody knows whether the server has made the database of a request that was ended. Asked again with the same key it
// tells, and does nothing twice.
static void take_back_unknown(struct call *call, const struct wish *wish, const char *name, const char *body,
			      const char *key, struct error *why)
{
	struct error failure = {0};
	OWNED(json_root) struct json *root = NULL;
	const char *what = arena_printf(call->arena, "Taking %s back", name);
	error_detail(why, "the database %s may exist: atoll db destroy %s", name, name);
	if (send_create(call, wish, body, key, what, &root, &failure))
		take_back(call, name, json_text_at(json_read_get(root, "database"), "DbId"), why);
	else if (failure.code == ERR_BAD_REQUEST)
		error_detail(why, "nothing was created");
}

static bool create_once(struct call *call, const char *name, const struct wish *wish, struct created *out,
			struct error *err)
{
	char key[2 * KEY_BYTES + 1];
	crypt_random_hex(KEY_BYTES, key);
	const char *body = body_of(call, name, wish);
	const char *what = arena_printf(call->arena, "Creating %s", name);
	if (!send_create(call, wish, body, key, what, &out->answer, err)) {
		if (err->code == ERR_SHUTDOWN)
			take_back_unknown(call, wish, name, body, key, err);
		return false;
	}
	const struct json *database = json_read_get(out->answer, "database");
	out->name = name;
	out->id = json_text_at(database, "DbId");
	out->hostname = json_text_at(database, "Hostname");
	return true;
}

// Without a name of the user's own, a taken one is simply replaced by another.
static bool create_database(struct call *call, const struct wish *wish, struct created *out,
			    struct error *err)
{
	for (int tries = 1;; tries++) {
		char made_up[NAME_BYTES];
		if (!wish->name)
			name_generate(made_up);
		const char *name = wish->name ? wish->name : arena_text(call->arena, made_up);
		if (create_once(call, name, wish, out, err))
			return true;
		if (wish->name || call->client.status != 409 || tries == NAME_TRIES)
			return false;
	}
}

static bool fill(struct call *call, const struct created *created, const struct transfer_file *file,
		 struct error *err)
{
	const char *token = NULL;
	return db_target_mint(call, created->name, "full-access", &token, err) &&
	       transfer_upload_database(&call->client, client_address_of(&call->client, created->hostname),
					token, file, err);
}

// The instances that it is to have: those of its group, or one of its own.
static bool place(struct call *call, const struct wish *wish, struct created *created, struct error *err)
{
	bool waits = !call_switch(call, "no-wait");
	if (wish->group)
		return !waits || instances_wait(call, created->name, err);
	if (!wish->location)
		return true;
	if (!instance_create(call, created->name, wish->location, NULL, call_option(call, "image"),
			     &created->instance, err))
		return false;
	const char *instance = json_text_at(json_read_get(created->instance, "instance"), "name");
	return !waits || instance_wait(call, created->name, instance, wish->location, err);
}

static void print_json(struct call *call, const struct created *created)
{
	OWNED(buffer) struct buffer text = {0};
	struct json_writer w = json_write_to(&text);
	json_write_object(&w);
	json_copy_member(&w, "database", json_read_get(created->answer, "database"));
	json_write_member_text(&w, "url", client_address_of(&call->client, created->hostname));
	if (created->instance) {
		json_copy_member(&w, "instance", json_read_get(created->instance, "instance"));
		json_copy_member(&w, "username", json_read_get(created->instance, "username"));
		json_copy_member(&w, "password", json_read_get(created->instance, "password"));
	}
	json_write_end_object(&w);
	call_print_json(&text);
}

static void print_created(struct call *call, const struct wish *wish, const struct created *created,
			  int64_t ready_ms)
{
	const char *name = created->name;
	if (created->instance)
		instance_print_created(call, name, created->instance, ready_ms);
	printf("\nURL:   %s\n", client_address_of(&call->client, created->hostname));
	if (wish->location || wish->group)
		printf("SQL:   atoll db shell %s\nToken: atoll db tokens create %s\n", name, name);
	else
		printf("Next:  atoll db replicate %s LOCATION    (\"atoll db locations\" lists them)\n",
		       name);
}

static bool create_and_fill(struct call *call, const struct wish *wish, const struct transfer_file *file,
			    struct created *created, struct error *err)
{
	int64_t started_ms = clock_monotonic_ms();
	if (!create_database(call, wish, created, err))
		return false;
	if (!call->json && !file)
		printf("Created database %s in organization %s.\n", created->name, call->client.org);
	fflush(stdout);
	bool filled = !file || fill(call, created, file, err);
	if (!filled || !place(call, wish, created, err)) {
		// A database that has what it was to have is kept; half a one is not.
		if (!filled || err->code == ERR_SHUTDOWN)
			take_back(call, created->name, created->id, err);
		else
			error_detail(err,
				     "the database %s exists all the same; see \"atoll db instances %s\"",
				     created->name, created->name);
		return false;
	}
	if (call->json) {
		print_json(call, created);
		return true;
	}
	if (file)
		printf("Created database %s from %s in organization %s.\n", created->name, file->name,
		       call->client.org);
	print_created(call, wish, created, clock_monotonic_ms() - started_ms);
	return true;
}

static bool create(struct call *call, struct wish *wish, struct error *err)
{
	if (!check_wish(call, wish, err))
		return false;
	OWNED(transfer_file) struct transfer_file file = {.fd = -1};
	OWNED(transfer_file) struct transfer_file dump = {.fd = -1};
	if ((wish->file_path && !transfer_open_database(wish->file_path, &file, err)) ||
	    (wish->dump_path && !transfer_open_dump(wish->dump_path, &dump, err)) ||
	    !follow_source(call, wish, err))
		return false;
	// Checked before, so that a slip of the finger does not leave a database without instances behind.
	if (wish->location && !location_check(call, wish->location, err))
		return false;
	http_catch_endings(call->http);
	if (wish->dump_path && !transfer_upload_dump(&call->client, &dump, &wish->dump_url, err))
		return err->detail[0] ? false : error_detail(err, "nothing was created");
	OWNED(created) struct created created = {0};
	return create_and_fill(call, wish, wish->file_path ? &file : NULL, &created, err);
}

bool command_db_create(struct call *call, struct error *err)
{
	struct wish wish = {
		.name = call_argument(call, 0),
		.group = call_option(call, "group"),
		.location = call_option(call, "location"),
		.source = call_option(call, "from-db"),
		.timestamp = call_option(call, "timestamp"),
		.dump_url = call_option(call, "from-dump-url"),
		.dump_path = call_option(call, "from-dump"),
		.file_path = call_option(call, "from-file"),
	};
	return create(call, &wish, err);
}

bool command_backup_restore(struct call *call, struct error *err)
{
	struct wish wish = {
		.name = call_argument(call, 1),
		.group = call_option(call, "group"),
		.location = call_option(call, "location"),
		.backup = call_argument(call, 0),
	};
	return create(call, &wish, err);
}

bool command_db_branch(struct call *call, struct error *err)
{
	struct wish wish = {
		.name = call_argument(call, 1),
		.group = call_option(call, "group"),
		.location = call_option(call, "location"),
		.source = call_argument(call, 0),
		.timestamp = call_option(call, "timestamp"),
	};
	return create(call, &wish, err);
}

// "My Books.db" is the database my-books.
static const char *name_of_file(struct call *call, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	size_t size = dot && dot != base ? (size_t)(dot - base) : strlen(base), length = 0;
	char *name = arena_copy(call->arena, base, size);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)name[i];
		bool upper = c >= 'A' && c <= 'Z';
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (upper)
			name[length++] = (char)(c + ('a' - 'A'));
		else if (plain)
			name[length++] = (char)c;
		else if (length > 0 && name[length - 1] != '-')
			name[length++] = '-';
	}
	while (length > 0 && name[length - 1] == '-')
		length--;
	name[length] = '\0';
	return name;
}

bool command_db_import(struct call *call, struct error *err)
{
	const char *path = call_argument(call, 0);
	struct wish wish = {
		.name = name_of_file(call, path),
		.group = call_option(call, "group"),
		.location = call_option(call, "location"),
		.file_path = path,
	};
	if (!*wish.name)
		return error_set(err, ERR_USAGE,
				 "db import: \"%s\" gives no name: atoll db create NAME --from-file FILE",
				 path);
	return create(call, &wish, err);
}
