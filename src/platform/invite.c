#include "platform/invite.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "platform/internal.h"
#include "platform/password.h"

// Columns: INVITE_COLUMNS of sql_organization.def.
static struct invite invite_in(struct arena *arena, struct query *q)
{
	return (struct invite){
		.id = query_integer(q, 0),
		.email = sql_text_in(arena, q, 1),
		.username = sql_text_in(arena, q, 2),
		.role = role_of(query_text(q, 3)),
		.created_ms = query_integer(q, 4),
		.accepted = query_integer(q, 5) != 0,
		.organization = {.row = query_integer(q, 6)},
	};
}

static bool take_invite(struct store_txn *txn, struct query *q, struct arena *arena, struct invite *out)
{
	if (!query_step(q))
		return false;
	*out = invite_in(arena, q);
	query_run(q);
	organization_find_row(txn, out->organization.row, arena, &out->organization);
	return true;
}

static void take_invites(struct store_txn *txn, struct query *q, struct arena *arena, struct invite **out,
			 size_t *out_count)
{
	OWNED(buffer) struct buffer rows = {0};
	while (query_step(q)) {
		struct invite invite = invite_in(arena, q);
		buffer_append(&rows, &invite, sizeof(invite));
	}
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct invite);
	for (size_t i = 0; i < *out_count; i++)
		organization_find_row(txn, (*out)[i].organization.row, arena, &(*out)[i].organization);
}

static bool invite_not_found(struct error *err)
{
	return error_set(err, ERR_INVITE_NOT_FOUND, "invite not found");
}

static void audit_invite(struct store_txn *txn, const struct caller *caller, int64_t organization,
			 const char *code, const char *done, const char *whom)
{
	char message[320];
	snprintf(message, sizeof(message), "%s %s", done, whom);
	audit_add(txn, caller, organization, code, message,
		  (struct audit_datum[]){{"invited", whom}, {NULL, NULL}});
}

// -- inviting -----------------------------------------------------------------------------------------

bool platform_list_invites(struct platform *platform, const struct organization *organization,
			   bool accepted_too, struct arena *arena, struct invite **out, size_t *out_count,
			   struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct invite *list;
	size_t count;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_LIST_INVITES, organization->row);
	query_bind_integer(q, ":all", accepted_too);
	take_invites(txn, q, arena, &list, &count);
	if (!store_commit(&txn, err))
		return false;
	*out = list;
	*out_count = count;
	return true;
}

static int remove_pending(struct store_txn *txn, const struct organization *organization, const char *ref)
{
	struct query *q = sql_org_query(txn, SQL_REMOVE_INVITE, organization->row);
	query_bind_text(q, ":ref", ref);
	return query_run(q);
}

// The user that is meant, if there is one. False for a name that nobody has.
static bool find_invited(struct store_txn *txn, const char *email, const char *username, struct arena *arena,
			 struct user *out, bool *out_known, struct error *err)
{
	*out_known = email ? user_look_for_email(txn, email, arena, out)
			   : user_find(txn, username, arena, out, err);
	return *out_known || email;
}

bool platform_create_invite(struct platform *platform, const struct caller *caller,
			    const struct organization *organization, const char *email, const char *username,
			    enum role role, struct arena *arena, struct invite *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char secret[CRYPT_SECRET_TEXT_BYTES];
	uint8_t hash[CRYPT_HASH_BYTES];
	struct user user = {0};
	bool known = false;
	if ((email != NULL) == (username != NULL))
		return error_set(err, ERR_BAD_REQUEST, "exactly one of email and username is needed");
	if (email && !name_is_email(email))
		return error_set(err, ERR_INVALID_FIELD, "invalid email: %.80s", email);
	if (!member_may_join(organization, err) || !store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !find_invited(txn, email, username, arena, &user, &known, err) ||
	    (known && !member_is_new(txn, organization, &user, err)))
		return false;
	remove_pending(txn, organization, email ? email : username);
	crypt_secret(secret);
	crypt_hash(secret, strlen(secret), hash);

	struct query *q = sql_org_query(txn, SQL_ADD_INVITE, organization->row);
	query_bind_text(q, ":email", email ? email : "");
	query_bind_integer(q, ":user", email ? 0 : user.row);
	query_bind_text(q, ":role", role_name(role));
	query_bind_blob(q, ":secret_hash", hash, sizeof(hash));
	query_bind_integer(q, ":author", caller->user);
	query_bind_integer(q, ":now", clock_wall_ms());
	struct invite made = {
		.id = sql_single(q),
		.email = email ? email : user.email,
		.username = email ? "" : user.username,
		.role = role,
		.created_ms = clock_wall_ms(),
		.organization = *organization,
	};
	audit_invite(txn, caller, organization->row, "org-invite-create", "invited",
		     email ? email : user.username);
	if (!store_commit(&txn, err))
		return false;
	made.secret = arena_text(arena, secret);
	*out = made;
	return true;
}

bool platform_remove_invite(struct platform *platform, const struct caller *caller,
			    const struct organization *organization, const char *ref, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	bool removed = remove_pending(txn, organization, ref) > 0;
	if (removed)
		audit_invite(txn, caller, organization->row, "org-invite-delete", "took back the invite of",
			     ref);
	if (!store_commit(&txn, err))
		return false;
	return removed || invite_not_found(err);
}

// -- being invited ------------------------------------------------------------------------------------

bool platform_list_own_invites(struct platform *platform, const struct caller *caller, struct arena *arena,
			       struct invite **out, size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct invite *list;
	size_t count;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_LIST_INVITES_OF_USER);
	query_bind_integer(q, ":user", caller->user);
	take_invites(txn, q, arena, &list, &count);
	if (!store_commit(&txn, err))
		return false;
	*out = list;
	*out_count = count;
	return true;
}

bool platform_has_invites(struct platform *platform, const struct caller *caller, bool *out,
			  struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_HAS_INVITES);
	query_bind_integer(q, ":user", caller->user);
	bool has = sql_has_row(q);
	if (!store_commit(&txn, err))
		return false;
	*out = has;
	return true;
}

static bool find_own(struct store_txn *txn, const struct caller *caller, int64_t id, struct arena *arena,
		     struct invite *out, struct error *err)
{
	struct query *q = sql_query(txn, SQL_FIND_INVITE_OF_USER);
	query_bind_integer(q, ":user", caller->user);
	query_bind_integer(q, ":invite", id);
	return take_invite(txn, q, arena, out) || (!store_failed(txn, err) && invite_not_found(err));
}

// The user becomes a member; other invites of it to the same organization end.
static bool join(struct store_txn *txn, const struct caller *caller, struct invite *invite,
		 const struct user *user, struct error *err)
{
	if (!member_is_new(txn, &invite->organization, user, err))
		return false;
	struct query *q = sql_query(txn, SQL_ACCEPT_INVITE);
	query_bind_integer(q, ":invite", invite->id);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
	member_add(txn, caller, invite->organization.row, user, invite->role);
	invite->accepted = true;
	invite->organization.role = invite->role;
	return true;
}

bool platform_accept_own_invite(struct platform *platform, const struct caller *caller, int64_t id,
				struct arena *arena, struct invite *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct invite invite = {0};
	struct user user = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !find_own(txn, caller, id, arena, &invite, err) ||
	    !user_find_row(txn, caller->user, arena, &user, err) || !join(txn, caller, &invite, &user, err) ||
	    !store_commit(&txn, err))
		return false;
	*out = invite;
	return true;
}

bool platform_decline_invite(struct platform *platform, const struct caller *caller, int64_t id,
			     struct arena *arena, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct invite invite = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !find_own(txn, caller, id, arena, &invite, err))
		return false;
	struct query *q = sql_query(txn, SQL_DECLINE_INVITE);
	query_bind_integer(q, ":invite", id);
	query_run(q);
	audit_invite(txn, caller, invite.organization.row, "org-invite-decline",
		     "declined the invite:", caller->username);
	return store_commit(&txn, err);
}

// -- with the secret ----------------------------------------------------------------------------------

// The pending invite, and its user if there is one.
static bool find_by_secret(struct store_txn *txn, const char *secret, struct arena *arena, struct invite *out,
			   struct user *user, bool *out_known, struct error *err)
{
	uint8_t hash[CRYPT_HASH_BYTES];
	crypt_hash(secret, strlen(secret), hash);
	struct query *q = sql_query(txn, SQL_FIND_INVITE_BY_SECRET);
	query_bind_blob(q, ":secret_hash", hash, sizeof(hash));
	if (!take_invite(txn, q, arena, out))
		return !store_failed(txn, err) && invite_not_found(err);
	*out_known = out->username[0] ? user_look_for(txn, out->username, arena, user)
				      : user_look_for_email(txn, out->email, arena, user);
	return true;
}

static bool look_at_secret(struct platform *platform, const char *secret, struct arena *arena,
			   struct invite *out, struct user *user, bool *out_known, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	return store_begin(platform->store, STORE_READ, &txn, err) &&
	       find_by_secret(txn, secret, arena, out, user, out_known, err) && store_commit(&txn, err);
}

// The account that the address has already must be shown to be the visitor's.
static bool prove(struct platform *platform, const struct caller *visitor, const struct user *user,
		  const char *username, const char *password, int64_t *out_retry_ms, struct error *err)
{
	bool matches = false;
	// Counted for the user, or another name each time would be another chance.
	if (!login_try(platform, user, user->username, password, visitor->address, &matches, out_retry_ms,
		       err))
		return false;
	bool named = strcasecmp(username, user->username) == 0 || strcasecmp(username, user->email) == 0;
	return (matches && named) || error_set(err, ERR_UNAUTHORIZED, "invalid username or password");
}

bool platform_accept_invite(struct platform *platform, const struct caller *visitor, const char *secret,
			    const char *username, const char *password, struct arena *arena,
			    struct invite *out, struct session *out_session, int64_t *out_retry_ms,
			    struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char hash[CRYPT_PASSWORD_TEXT_BYTES] = "";
	struct user_wish wish = {.username = username, .password = password};
	struct invite invite = {0};
	struct user user = {0};
	bool known = false;
	bool known_before = false;
	// Slow work is done outside the transaction that writes; what it rests on is looked at again there.
	if (!look_at_secret(platform, secret, arena, &invite, &user, &known_before, err))
		return false;
	if (known_before ? !prove(platform, visitor, &user, username, password, out_retry_ms, err)
			 : !user_check_wish(&wish, err) ||
				   !password_hash(platform->passwords, password, hash, err))
		return false;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !find_by_secret(txn, secret, arena, &invite, &user, &known, err))
		return false;
	if (known != known_before)
		return error_set(err, ERR_UNAVAILABLE, "the account changed meanwhile; try again");
	struct caller caller = *visitor;
	if (!known) {
		wish.email = invite.email;
		if (!user_is_free(txn, &wish, arena, err))
			return false;
		user = user_add(txn, visitor, &wish, hash);
	}
	caller.user = user.row;
	caller.username = user.username;
	if (!join(txn, &caller, &invite, &user, err))
		return false;
	struct session session = session_add(platform, txn, &user, arena);
	if (!store_commit(&txn, err))
		return false;
	*out = invite;
	*out_session = session;
	return true;
}
