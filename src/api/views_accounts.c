#include <string.h>

#include "api/views.h"
#include "base/clock.h"
#include "platform/scope.h"

static void write_time(struct json_writer *w, const char *key, int64_t wall_ms)
{
	char text[CLOCK_TEXT_BYTES];
	clock_format(wall_ms, text);
	json_write_member_text(w, key, text);
}

// -- users --------------------------------------------------------------------------------------------

void view_caller(struct json_writer *w, const struct caller *caller, bool has_pending_invites)
{
	json_write_object(w);
	json_write_key(w, "user");
	json_write_object(w);
	json_write_member_text(w, "username", caller->username);
	json_write_member_text(w, "name", caller->username);
	json_write_member_text(w, "email", caller->email);
	json_write_member_text(w, "avatarUrl", "");
	json_write_member_text(w, "plan", "self-hosted");
	json_write_member_bool(w, "mfa", false);
	json_write_member_bool(w, "has_pending_invites", has_pending_invites);
	json_write_member_bool(w, "administrator", caller->administrator);
	json_write_end_object(w);
	json_write_end_object(w);
}

static void write_user(struct json_writer *w, const struct user *user)
{
	json_write_object(w);
	json_write_member_text(w, "username", user->username);
	json_write_member_text(w, "email", user->email);
	json_write_member_bool(w, "administrator", user->administrator);
	json_write_member_bool(w, "has_password", user->password_hash != NULL);
	write_time(w, "created_at", user->created_ms);
	json_write_end_object(w);
}

void view_user(struct json_writer *w, const struct user *user)
{
	json_write_object(w);
	json_write_key(w, "user");
	write_user(w, user);
	json_write_end_object(w);
}

void view_users(struct json_writer *w, const struct user *users, size_t count)
{
	json_write_object(w);
	json_write_key(w, "users");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_user(w, &users[i]);
	json_write_end_array(w);
	json_write_end_object(w);
}

// -- sessions -----------------------------------------------------------------------------------------

static void write_session(struct json_writer *w, const struct session *session)
{
	json_write_member_text(w, "jwt", session->jwt);
	json_write_member_text(w, "username", session->username);
	json_write_member_integer(w, "exp", session->expires_ms / 1000);
}

void view_session(struct json_writer *w, const struct session *session)
{
	json_write_object(w);
	write_session(w, session);
	json_write_end_object(w);
}

// The command line reads "validFrom" and nothing that is spelt otherwise (§3.1).
void view_sessions_ended(struct json_writer *w, int64_t valid_from_ms)
{
	json_write_object(w);
	json_write_member_integer(w, "validFrom", valid_from_ms / 1000);
	json_write_end_object(w);
}

void view_access_token(struct json_writer *w, const char *token)
{
	json_write_object(w);
	json_write_member_text(w, "access_token", token);
	json_write_member_text(w, "token_type", "Bearer");
	json_write_end_object(w);
}

// -- tokens -------------------------------------------------------------------------------------------

static void write_token(struct json_writer *w, const struct token *token, bool with_owner)
{
	char created[CLOCK_TEXT_BYTES];
	clock_format(token->created_ms, created);
	json_write_object(w);
	json_write_member_text(w, "name", token->name);
	json_write_member_text(w, "id", token->id);
	if (token->organization)
		json_write_member_text(w, "organization", token->organization);
	if (token->group) {
		const char *names[SCOPE_COUNT];
		size_t count = scope_names(token->scopes, names);
		json_write_member_text(w, "group", token->group);
		json_write_key(w, "scopes");
		json_write_array(w);
		for (size_t i = 0; i < count; i++)
			json_write_text(w, names[i]);
		json_write_end_array(w);
	}
	if (with_owner) {
		json_write_key(w, "owner");
		json_write_object(w);
		json_write_member_text(w, "username", token->username);
		json_write_member_text(w, "email", token->email);
		json_write_end_object(w);
	}
	json_write_key(w, "created_at");
	json_write_text_sized(w, created, strlen("YYYY-MM-DD"));
	json_write_end_object(w);
}

static void write_tokens(struct json_writer *w, const struct token *tokens, size_t count, bool with_owner)
{
	json_write_object(w);
	json_write_key(w, "tokens");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_token(w, &tokens[i], with_owner);
	json_write_end_array(w);
	json_write_end_object(w);
}

void view_tokens(struct json_writer *w, const struct token *tokens, size_t count)
{
	write_tokens(w, tokens, count, false);
}

void view_organization_tokens(struct json_writer *w, const struct token *tokens, size_t count)
{
	write_tokens(w, tokens, count, true);
}

// -- invites ------------------------------------------------------------------------------------------

static void write_invite(struct json_writer *w, const struct invite *invite)
{
	json_write_object(w);
	json_write_member_integer(w, "id", invite->id);
	json_write_member_text(w, "email", invite->email);
	if (invite->username[0])
		json_write_member_text(w, "username", invite->username);
	json_write_member_text(w, "role", role_name(invite->role));
	write_time(w, "created_at", invite->created_ms);
	json_write_end_object(w);
}

void view_invites(struct json_writer *w, const struct invite *invites, size_t count)
{
	json_write_object(w);
	json_write_key(w, "invites");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_invite(w, &invites[i]);
	json_write_end_array(w);
	json_write_end_object(w);
}

void view_invited(struct json_writer *w, const struct invite *invite)
{
	json_write_object(w);
	json_write_key(w, "invited");
	json_write_object(w);
	json_write_member_text(w, "email", invite->email);
	json_write_member_text(w, "role", role_name(invite->role));
	json_write_member_text(w, "organization", invite->organization.name);
	json_write_member_text(w, "token", invite->secret);
	json_write_end_object(w);
	json_write_end_object(w);
}

// The form of 2024 (§2.3). Only the creation tells the secret.
static void write_invite_v1(struct json_writer *w, const struct invite *invite)
{
	json_write_object(w);
	json_write_member_integer(w, "ID", invite->id);
	write_time(w, "CreatedAt", invite->created_ms);
	write_time(w, "UpdatedAt", invite->created_ms);
	json_write_key(w, "DeletedAt");
	json_write_null(w);
	json_write_member_text(w, "Role", role_name(invite->role));
	json_write_member_text(w, "Email", invite->email);
	json_write_member_integer(w, "OrganizationID", invite->organization.row);
	json_write_member_text(w, "Token", invite->secret ? invite->secret : "");
	json_write_key(w, "Organization");
	view_organization_object(w, &invite->organization);
	json_write_member_bool(w, "Accepted", invite->accepted);
	json_write_end_object(w);
}

void view_invites_v1(struct json_writer *w, const struct invite *invites, size_t count)
{
	json_write_object(w);
	json_write_key(w, "invites");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_invite_v1(w, &invites[i]);
	json_write_end_array(w);
	json_write_end_object(w);
}

void view_invited_v1(struct json_writer *w, const struct invite *invite)
{
	json_write_object(w);
	json_write_key(w, "invited");
	write_invite_v1(w, invite);
	json_write_end_object(w);
}

// As the invited see them: by whom, and not to whom.
void view_own_invites(struct json_writer *w, const struct invite *invites, size_t count)
{
	json_write_object(w);
	json_write_key(w, "invites");
	json_write_array(w);
	for (size_t i = 0; i < count; i++) {
		json_write_object(w);
		json_write_member_integer(w, "id", invites[i].id);
		json_write_member_text(w, "organization", invites[i].organization.slug);
		json_write_member_text(w, "organization_name", invites[i].organization.name);
		json_write_member_text(w, "role", role_name(invites[i].role));
		write_time(w, "created_at", invites[i].created_ms);
		json_write_end_object(w);
	}
	json_write_end_array(w);
	json_write_end_object(w);
}

void view_invite_accepted(struct json_writer *w, const struct invite *invite, const struct session *session)
{
	json_write_object(w);
	json_write_member_text(w, "organization", invite->organization.slug);
	json_write_member_text(w, "role", role_name(invite->role));
	if (session)
		write_session(w, session);
	json_write_end_object(w);
}

// -- members ------------------------------------------------------------------------------------------

void view_member_added(struct json_writer *w, const struct member *member)
{
	json_write_object(w);
	json_write_member_text(w, "member", member->username);
	json_write_member_text(w, "role", role_name(member->role));
	json_write_end_object(w);
}

// -- audit log ----------------------------------------------------------------------------------------

static void write_entry(struct json_writer *w, const struct audit_entry *entry)
{
	json_write_object(w);
	json_write_member_text(w, "code", entry->code);
	json_write_member_text(w, "message", entry->message);
	json_write_member_text(w, "origin", entry->origin);
	json_write_member_text(w, "author", entry->author);
	write_time(w, "created_at", entry->created_ms);
	json_write_key(w, "data");
	json_write_raw(w, entry->data, strlen(entry->data));
	// Where an address lies on the map is not known here.
	json_write_member_text(w, "city", "");
	json_write_member_text(w, "country_code", "");
	json_write_member_text(w, "latitude", "");
	json_write_member_text(w, "longitude", "");
	json_write_member_text(w, "ip", entry->address);
	json_write_end_object(w);
}

void view_audit(struct json_writer *w, const struct audit_entry *entries, size_t count, int64_t page,
		int64_t page_size, int64_t total)
{
	json_write_object(w);
	json_write_key(w, "audit_logs");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_entry(w, &entries[i]);
	json_write_end_array(w);
	json_write_key(w, "pagination");
	json_write_object(w);
	json_write_member_integer(w, "page", page);
	json_write_member_integer(w, "page_size", page_size);
	json_write_member_integer(w, "total_pages", (total + page_size - 1) / page_size);
	json_write_member_integer(w, "total_rows", total);
	json_write_member_text(w, "sort", "created_at desc");
	json_write_end_object(w);
	json_write_end_object(w);
}
