#include <string.h>
#include <strings.h>

#include "base/disk.h"
#include "base/json_write.h"
#include "base/trace.h"
#include "platform/internal.h"

static void add_team(struct store_txn *txn, const struct caller *owner, const char *slug, const char *name)
{
	char uuid[CRYPT_UUID_TEXT_BYTES];
	crypt_uuid(uuid);
	organization_add(txn, owner, uuid, slug, name, "team");
}

static bool write_file(const struct platform_bootstrap *first, const char *slug, const char *token,
		       struct error *err)
{
	OWNED(buffer) struct buffer json = {0};
	struct json_writer w = json_write_to(&json);
	json_write_object(&w);
	json_write_member_text(&w, "url", first->url);
	json_write_member_text(&w, "organization", slug);
	json_write_member_text(&w, "username", first->username);
	json_write_member_text(&w, "token", token);
	json_write_end_object(&w);
	buffer_append_byte(&json, '\n');
	bool ok = disk_write_file(first->file, json.data, json.size, err);
	explicit_bzero(json.data, json.size);
	return ok;
}

static bool user_exists(struct store_txn *txn)
{
	struct query *q = sql_query(txn, SQL_FIRST_USER);
	query_bind_null(q, ":username");
	return sql_has_row(q);
}

bool platform_bootstrap(struct platform *platform, const struct platform_bootstrap *first, bool *out_created,
			struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(arena) struct arena arena = {0};
	char slug[NAME_BYTES];
	const char *id;
	if (!name_is_for_user(first->username))
		return error_set(err, ERR_USAGE, "username: use 1 to 39 of A-Z, a-z, 0-9 and \"-\"");
	if (!name_make_slug(first->organization, slug))
		return error_set(err, ERR_USAGE, "organization: its name needs a letter or a digit");
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	if (user_exists(txn)) {
		*out_created = false;
		return store_commit(&txn, err);
	}
	struct caller owner = {.username = first->username, .origin = "cli"};
	struct user_wish wish = {.username = first->username, .administrator = true};
	owner.user = user_add(txn, &owner, &wish, NULL).row;
	// Who names both alike gets one organization: slugs are unique, and the personal one is already there.
	if (strcasecmp(slug, first->username) == 0)
		snprintf(slug, sizeof(slug), "%s", first->username);
	else
		add_team(txn, &owner, slug, first->organization);
	struct token_row row = {.user = owner.user, .name = "bootstrap"};
	const char *token = token_add(platform, txn, &row, &arena, &id);
	// The file before the commit: a crash in between leaves a useless file, which the next start replaces,
	// instead of a server whose only token nobody has.
	if (store_failed(txn, err) || !write_file(first, slug, token, err) || !store_commit(&txn, err))
		return false;
	trace_info("platform.bootstrapped", "organization", slug, "username", first->username);
	*out_created = true;
	return true;
}
