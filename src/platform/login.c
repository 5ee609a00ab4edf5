#include "platform/login.h"

#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "platform/internal.h"
#include "platform/password.h"

bool login_try(struct platform *platform, const struct user *user, const char *counted, const char *password,
	       const char *address, bool *out_matches, int64_t *out_retry_ms, struct error *err)
{
	char lower[LABEL_BYTES];
	// A name that is too long is nobody's; its beginning is counted.
	if (!name_make_label(counted, lower))
		snprintf(lower, sizeof(lower), "%.*s", (int)sizeof(lower) - 1, counted);
	struct password_attempt attempt = {
		.user = lower,
		.address = address,
		.password = password,
		.hash = user ? user->password_hash : NULL,
	};
	return password_try(platform->passwords, &attempt, out_matches, out_retry_ms, err);
}

static bool find(struct platform *platform, const char *name, struct arena *arena, struct user *user,
		 bool *out_known, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	*out_known = user_look_for(txn, name, arena, user) || user_look_for_email(txn, name, arena, user);
	return store_commit(&txn, err);
}

static void clear_old(struct store_txn *txn, int64_t user)
{
	struct query *q = sql_query(txn, SQL_REMOVE_OLD_SESSIONS);
	query_bind_integer(q, ":user", user);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_bind_integer(q, ":keep", SESSIONS_MAX - 1);
	query_run(q);
}

struct session session_add(struct platform *platform, struct store_txn *txn, const struct user *user,
			   struct arena *arena)
{
	// Whole seconds, as the token says them.
	int64_t expires_s = (clock_wall_ms() + platform->login_lifetime_ms) / 1000;
	struct session session = {.username = user->username, .expires_ms = expires_s * 1000};
	clear_old(txn, user->row);
	const char *id = token_make_id(arena);
	struct query *q = sql_query(txn, SQL_ADD_SESSION);
	query_bind_text(q, ":id", id);
	query_bind_integer(q, ":user", user->row);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_bind_integer(q, ":expires", session.expires_ms);
	query_run(q);
	session.jwt = token_write(platform, arena, id, expires_s);
	return session;
}

// The password may have been changed while the old one was checked.
static bool still_has(struct store_txn *txn, const struct user *user, struct arena *arena)
{
	struct user now;
	struct error ignored;
	return user_find_row(txn, user->row, arena, &now, &ignored) && now.password_hash &&
	       strcmp(now.password_hash, user->password_hash) == 0;
}

bool platform_login(struct platform *platform, const char *username, const char *password,
		    const char *address, struct arena *arena, struct session *out, int64_t *out_retry_ms,
		    struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct user user = {0};
	bool known = false;
	bool matches = false;
	// Counted as it was typed: what is refused tells nothing of whose name or address it is.
	if (!find(platform, username, arena, &user, &known, err) ||
	    !login_try(platform, known ? &user : NULL, username, password, address, &matches, out_retry_ms,
		       err))
		return false;
	if (!matches) {
		trace_warn("user.login_refused", "address", address ? address : "");
		return error_set(err, ERR_UNAUTHORIZED, "invalid username or password");
	}
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	if (!still_has(txn, &user, arena))
		return !store_failed(txn, err) &&
		       error_set(err, ERR_UNAUTHORIZED, "invalid username or password");
	struct session session = session_add(platform, txn, &user, arena);
	if (!store_commit(&txn, err))
		return false;
	trace_info("user.logged_in", "username", user.username, "address", address ? address : "");
	*out = session;
	return true;
}

bool platform_end_sessions(struct platform *platform, const struct caller *caller, int64_t *out_valid_from_ms,
			   struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_END_SESSIONS);
	query_bind_integer(q, ":user", caller->user);
	query_bind_integer(q, ":now", clock_wall_ms());
	int64_t from_ms = sql_single(q);
	audit_add(txn, caller, organization_personal(txn, caller->user), "user-sessions-end",
		  "ended all sessions", (struct audit_datum[]){{"username", caller->username}, {NULL, NULL}});
	if (!store_commit(&txn, err))
		return false;
	*out_valid_from_ms = from_ms;
	return true;
}
