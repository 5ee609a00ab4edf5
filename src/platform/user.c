#include "platform/user.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/trace.h"
#include "platform/internal.h"
#include "platform/password.h"

// Columns: USER_COLUMNS of sql_account.def.
static struct user user_in(struct arena *arena, struct query *q)
{
	return (struct user){
		.row = query_integer(q, 0),
		.username = sql_text_in(arena, q, 1),
		.email = sql_text_in(arena, q, 2),
		.administrator = query_integer(q, 3) != 0,
		.password_hash = query_is_null(q, 4) ? NULL : sql_text_in(arena, q, 4),
		.created_ms = query_integer(q, 5),
	};
}

static bool take_user(struct query *q, struct arena *arena, struct user *out)
{
	if (!query_step(q))
		return false;
	*out = user_in(arena, q);
	query_run(q);
	return true;
}

bool user_look_for(struct store_txn *txn, const char *username, struct arena *arena, struct user *out)
{
	struct query *q = sql_query(txn, SQL_FIND_USER);
	query_bind_text(q, ":username", username);
	return take_user(q, arena, out);
}

bool user_look_for_email(struct store_txn *txn, const char *email, struct arena *arena, struct user *out)
{
	struct query *q = sql_query(txn, SQL_FIND_USER_BY_EMAIL);
	query_bind_text(q, ":email", email);
	return take_user(q, arena, out);
}

bool user_find(struct store_txn *txn, const char *username, struct arena *arena, struct user *out,
	       struct error *err)
{
	if (user_look_for(txn, username, arena, out))
		return true;
	return !store_failed(txn, err) &&
	       error_set(err, ERR_USER_NOT_FOUND, "could not find user %s", username);
}

bool user_find_row(struct store_txn *txn, int64_t row, struct arena *arena, struct user *out,
		   struct error *err)
{
	struct query *q = sql_query(txn, SQL_FIND_USER_BY_ROW);
	query_bind_integer(q, ":user", row);
	if (take_user(q, arena, out))
		return true;
	return !store_failed(txn, err) &&
	       error_set(err, ERR_USER_NOT_FOUND, "the user does not exist any more");
}

// -- making -------------------------------------------------------------------------------------------

static bool check_email(const char *email, struct error *err)
{
	return name_is_email(email) || error_set(err, ERR_INVALID_FIELD, "invalid email: %.80s", email);
}

bool user_check_wish(const struct user_wish *wish, struct error *err)
{
	if (!wish->username || !*wish->username)
		return error_set(err, ERR_MISSING_FIELD, "username is required");
	if (!name_is_for_user(wish->username))
		return error_set(err, ERR_INVALID_NAME,
				 "invalid username: use 1 to %d of A-Z, a-z, 0-9 and \"-\"",
				 USERNAME_LENGTH_MAX);
	return (!wish->email || check_email(wish->email, err)) &&
	       (!wish->password || password_check(wish->password, err));
}

static bool email_is_free(struct store_txn *txn, const char *email, int64_t but, struct arena *arena,
			  struct error *err)
{
	struct user other;
	if (!email || !*email || !user_look_for_email(txn, email, arena, &other) || other.row == but)
		return true;
	return error_set(err, ERR_ALREADY_EXISTS, "email %s belongs to another user", email);
}

bool user_is_free(struct store_txn *txn, const struct user_wish *wish, struct arena *arena, struct error *err)
{
	struct user other;
	if (user_look_for(txn, wish->username, arena, &other))
		return error_set(err, ERR_ALREADY_EXISTS, "user %s already exists", other.username);
	if (!organization_slug_is_free(txn, wish->username))
		return error_set(err, ERR_ALREADY_EXISTS, "username %s is taken by an organization",
				 wish->username);
	return email_is_free(txn, wish->email, 0, arena, err);
}

struct user user_add(struct store_txn *txn, const struct caller *author, const struct user_wish *wish,
		     const char *password_hash)
{
	char uuid[CRYPT_UUID_TEXT_BYTES];
	struct user user = {.username = wish->username,
			    .email = wish->email ? wish->email : "",
			    .administrator = wish->administrator,
			    .password_hash = password_hash,
			    .created_ms = clock_wall_ms()};
	struct query *q = sql_query(txn, SQL_ADD_USER);
	query_bind_text(q, ":username", user.username);
	query_bind_text(q, ":email", user.email);
	query_bind_text(q, ":password_hash", password_hash);
	query_bind_integer(q, ":administrator", user.administrator);
	query_bind_integer(q, ":now", user.created_ms);
	user.row = sql_single(q);

	// Who makes the account is the author; who gets it owns the organization.
	struct caller owner = *author;
	owner.user = user.row;
	owner.username = author->user ? author->username : user.username;
	crypt_uuid(uuid);
	int64_t personal = organization_add(txn, &owner, uuid, user.username, "personal", "personal");
	audit_add(txn, &owner, personal, "user-signup", "signed up",
		  (struct audit_datum[]){{"username", user.username}, {NULL, NULL}});
	return user;
}

bool platform_create_user(struct platform *platform, const struct caller *caller,
			  const struct user_wish *wish, struct arena *arena, struct user *out,
			  struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char hash[CRYPT_PASSWORD_TEXT_BYTES] = "";
	if (!user_check_wish(wish, err) ||
	    (wish->password && !password_hash(platform->passwords, wish->password, hash, err)) ||
	    !store_begin(platform->store, STORE_WRITE, &txn, err) || !user_is_free(txn, wish, arena, err))
		return false;
	struct user user = user_add(txn, caller, wish, wish->password ? hash : NULL);
	if (!store_commit(&txn, err))
		return false;
	trace_info("user.created", "username", user.username, "author", caller->username);
	user.password_hash = wish->password ? arena_text(arena, hash) : NULL;
	*out = user;
	return true;
}

// -- finding ------------------------------------------------------------------------------------------

bool platform_list_users(struct platform *platform, struct arena *arena, struct user **out, size_t *out_count,
			 struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_LIST_USERS);
	while (query_step(q)) {
		struct user user = user_in(arena, q);
		buffer_append(&rows, &user, sizeof(user));
	}
	if (!store_commit(&txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct user);
	return true;
}

bool platform_find_user(struct platform *platform, const char *username, struct arena *arena,
			struct user *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct user found = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err) ||
	    !user_find(txn, username, arena, &found, err) || !store_commit(&txn, err))
		return false;
	*out = found;
	return true;
}

// -- changing -----------------------------------------------------------------------------------------

static bool leaves_an_administrator(struct store_txn *txn, const struct user *user, struct error *err)
{
	if (!user->administrator)
		return true;
	struct query *q = sql_query(txn, SQL_OTHER_ADMINISTRATOR);
	query_bind_integer(q, ":user", user->row);
	return sql_has_row(q) ||
	       error_set(err, ERR_BAD_REQUEST, "user %s is the last administrator of this server",
			 user->username);
}

static void set_password(struct store_txn *txn, int64_t user, const char *hash)
{
	struct query *q = sql_query(txn, SQL_SET_PASSWORD);
	query_bind_integer(q, ":user", user);
	query_bind_text(q, ":password_hash", hash);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
}

static void audit_user(struct store_txn *txn, const struct caller *caller, int64_t organization,
		       const char *code, const char *done, const char *username)
{
	char message[128];
	snprintf(message, sizeof(message), "%s %s", done, username);
	audit_add(txn, caller, organization, code, message,
		  (struct audit_datum[]){{"username", username}, {NULL, NULL}});
}

static bool change_user(struct store_txn *txn, struct user *user, const struct user_change *change,
			const char *password_hash, struct arena *arena, struct error *err)
{
	if (!email_is_free(txn, change->email, user->row, arena, err) ||
	    (change->administrator && !*change->administrator && !leaves_an_administrator(txn, user, err)))
		return false;
	if (change->email)
		user->email = change->email;
	if (change->administrator)
		user->administrator = *change->administrator;
	if (change->password) {
		user->password_hash = arena_text(arena, password_hash);
		set_password(txn, user->row, password_hash);
	}
	struct query *q = sql_query(txn, SQL_SET_USER);
	query_bind_integer(q, ":user", user->row);
	query_bind_text(q, ":email", user->email);
	query_bind_integer(q, ":administrator", user->administrator);
	query_run(q);
	return true;
}

bool platform_update_user(struct platform *platform, const struct caller *caller, const char *username,
			  const struct user_change *change, struct arena *arena, struct user *out,
			  struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char hash[CRYPT_PASSWORD_TEXT_BYTES] = "";
	struct user user = {0};
	if (change->email && *change->email && !check_email(change->email, err))
		return false;
	if ((change->password && !password_hash(platform->passwords, change->password, hash, err)) ||
	    !store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !user_find(txn, username, arena, &user, err) ||
	    !change_user(txn, &user, change, hash, arena, err))
		return false;
	audit_user(txn, caller, organization_personal(txn, user.row), "user-update", "changed user",
		   user.username);
	if (!store_commit(&txn, err))
		return false;
	*out = user;
	return true;
}

static bool is_removable(struct store_txn *txn, const struct user *user, int64_t personal,
			 struct arena *arena, struct error *err)
{
	if (!leaves_an_administrator(txn, user, err))
		return false;
	struct query *q = sql_query(txn, SQL_OWNED_TEAM);
	query_bind_integer(q, ":user", user->row);
	if (query_step(q)) {
		error_set(err, ERR_BAD_REQUEST, "user %s owns organization %s; delete the organization first",
			  user->username, query_text(q, 0));
		query_run(q);
		return false;
	}
	return organization_is_removable(txn, personal, arena, err);
}

bool platform_delete_user(struct platform *platform, const struct caller *caller, const char *username,
			  struct arena *arena, struct error *err)
{
	static const enum sql_id steps[] = {SQL_REMOVE_USER_MEMBERSHIPS, SQL_REMOVE_USER_INVITES,
					    SQL_REMOVE_USER_TOKENS, SQL_REMOVE_USER};
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer uuids = {0};
	struct user user = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !user_find(txn, username, arena, &user, err))
		return false;
	int64_t personal = organization_personal(txn, user.row);
	if (!is_removable(txn, &user, personal, arena, err))
		return false;
	organization_remove(txn, personal, &uuids);
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
		struct query *q = sql_query(txn, steps[i]);
		query_bind_integer(q, ":user", user.row);
		query_run(q);
	}
	// Who deletes himself leaves no log to write to.
	if (user.row != caller->user)
		audit_user(txn, caller, organization_personal(txn, caller->user), "user-delete",
			   "deleted user", user.username);
	if (!store_commit(&txn, err))
		return false;
	databases_removed(platform, &uuids);
	trace_info("user.deleted", "username", user.username, "author", caller->username);
	return true;
}

// -- one's own password -------------------------------------------------------------------------------

static bool check_current(struct platform *platform, const struct caller *caller, const char *current,
			  int64_t *out_retry_ms, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(arena) struct arena arena = {0};
	struct user user = {0};
	bool matches = false;
	if (!store_begin(platform->store, STORE_READ, &txn, err) ||
	    !user_find_row(txn, caller->user, &arena, &user, err) || !store_commit(&txn, err))
		return false;
	if (!user.password_hash)
		return true;
	if (!current)
		return error_set(err, ERR_MISSING_FIELD, "current_password is required");
	if (!login_try(platform, &user, user.username, current, caller->address, &matches, out_retry_ms, err))
		return false;
	return matches || error_set(err, ERR_INVALID_FIELD, "current_password is wrong");
}

bool platform_change_password(struct platform *platform, const struct caller *caller, const char *current,
			      const char *password, int64_t *out_retry_ms, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char hash[CRYPT_PASSWORD_TEXT_BYTES] = "";
	if (!password)
		return error_set(err, ERR_MISSING_FIELD, "password is required");
	if (!password_check(password, err) || !check_current(platform, caller, current, out_retry_ms, err) ||
	    !password_hash(platform->passwords, password, hash, err) ||
	    !store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	set_password(txn, caller->user, hash);
	audit_user(txn, caller, organization_personal(txn, caller->user), "user-update",
		   "changed the password of", caller->username);
	return store_commit(&txn, err);
}

bool platform_set_operator_password(struct platform *platform, const char *username, const char *password,
				    struct arena *arena, const char **out_username, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char hash[CRYPT_PASSWORD_TEXT_BYTES] = "";
	struct caller caller = {.origin = "cli"};
	if (!password_hash(platform->passwords, password, hash, err) ||
	    !store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !user_find_operator(txn, username, arena, &caller, err))
		return false;
	set_password(txn, caller.user, hash);
	audit_user(txn, &caller, organization_personal(txn, caller.user), "user-update",
		   "operator changed the password of", caller.username);
	if (!store_commit(&txn, err))
		return false;
	*out_username = caller.username;
	return true;
}

bool user_find_operator(struct store_txn *txn, const char *username, struct arena *arena, struct caller *out,
			struct error *err)
{
	struct query *q = sql_query(txn, SQL_FIRST_USER);
	query_bind_text(q, ":username", username);
	if (query_step(q)) {
		out->user = query_integer(q, 0);
		out->username = sql_text_in(arena, q, 1);
		query_run(q);
		return true;
	}
	if (store_failed(txn, err))
		return false;
	return username ? error_set(err, ERR_NOT_FOUND, "there is no user %s", username)
			: error_set(err, ERR_NOT_FOUND,
				    "there is no user yet: start the server once, which makes the first");
}
