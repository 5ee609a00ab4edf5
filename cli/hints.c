#include "cli/hints.h"

#include <string.h>

#include "base/attributes.h"

const char *hint_of(const char *server_code)
{
	static const struct {
		const char *code;
		const char *hint;
	} rows[] = {
		{"delete_protected", "\"atoll db config delete-protection disable NAME\" lifts it (\"atoll "
				     "group config …\" for a group)"},
		{"insufficient_role", "\"atoll org members list\" shows who may: admins and the owner"},
		{"insufficient_scope",
		 "this token was made for less: \"atoll auth api-tokens list\" shows its "
		 "scopes"},
		{"org_not_found", "\"atoll org list\" shows your organizations"},
		{"not_a_member", "\"atoll org list\" shows your organizations"},
		{"database_not_found", "\"atoll db list\" shows the databases of the organization"},
		{"group_not_found", "\"atoll group list\" shows the groups of the organization"},
		{"instance_not_found", "\"atoll db instances NAME\" lists what there is"},
		{"invalid_location", "\"atoll db locations\" lists them"},
		{"location_not_found", "\"atoll locations list\" lists them"},
		{"member_not_found", "\"atoll org members list\" shows the members"},
		{"user_not_found", "\"atoll user list\" shows the users, to administrators of the server"},
		{"invite_not_found", "\"atoll org invites list\" shows the pending ones"},
		{"token_not_found", "\"atoll auth api-tokens list\" shows yours"},
		{"primary_instance",
		 "\"atoll db destroy NAME\" destroys the database with all its instances"},
		{"invalid_expiration", "durations look like 7d, 2w1d, 90m or never"},
		{"invalid_name", "names are made of a-z, 0-9 and hyphens, not at the ends, at most 64"},
		{"route_not_found", "the server does not know this: it may be older than this program"},
		{"rate_limited", "try again in a little while"},
		{"unavailable", "try again in a little while"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		if (strcmp(rows[i].code, server_code) == 0)
			return rows[i].hint;
	}
	return "";
}
