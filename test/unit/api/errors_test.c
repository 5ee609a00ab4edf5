#include "api/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// spec/platform-api.md §1.6, the whole list.
static const char *const codes[] = {
	"bad_json",           "bad_request",        "missing_field",      "invalid_field",
	"invalid_name",       "invalid_location",   "invalid_expiration", "unauthorized",
	"token_expired",      "token_revoked",      "not_a_member",       "insufficient_role",
	"insufficient_scope", "org_not_found",      "database_not_found", "group_not_found",
	"instance_not_found", "location_not_found", "member_not_found",   "invite_not_found",
	"token_not_found",    "upload_not_found",   "backup_not_found",   "migration_not_found",
	"already_exists",     "primary_instance",   "delete_protected",   "group_member",
	"not_ready",          "quota_exceeded",     "route_not_found",    "method_not_allowed",
	"body_too_large",     "unsupported_media",  "rate_limited",       "unavailable",
	"internal",
};

static bool is_listed(const char *code)
{
	for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
		if (strcmp(codes[i], code) == 0)
			return true;
	}
	return false;
}

static const enum error_code all[] = {
#define ERROR_CODE(name, meaning) name,
#include "base/error.def"
#undef ERROR_CODE
};

static void every_error_has_a_row_of_the_specification(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
		const struct api_error_row *row = api_error_row(all[i]);
		if (!row->code || row->status < 400 || row->status > 599 || !is_listed(row->code))
			fail_msg("%s has no good row", error_code_name(all[i]));
	}
}

static void every_code_of_the_specification_is_used(void **state)
{
	for (size_t c = 0; c < ARRAY_LENGTH(codes); c++) {
		bool used = false;
		for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
			used |= strcmp(api_error_row(all[i])->code, codes[c]) == 0;
		if (!used)
			fail_msg("no error says %s", codes[c]);
	}
}

static void only_membership_role_and_scope_answer_403(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
		bool may = all[i] == ERR_NOT_A_MEMBER || all[i] == ERR_INSUFFICIENT_ROLE ||
			   all[i] == ERR_INSUFFICIENT_SCOPE;
		assert_int_equal(api_error_row(all[i])->status == 403, may);
	}
}

// Clients discard the message of a 422 and take any success but 200 for a failure (§1.4, §1.5).
static void no_error_answers_422(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
		assert_int_not_equal(api_error_row(all[i])->status, 422);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_a_row_of_the_specification),
		cmocka_unit_test(every_code_of_the_specification_is_used),
		cmocka_unit_test(only_membership_role_and_scope_answer_403),
		cmocka_unit_test(no_error_answers_422),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
