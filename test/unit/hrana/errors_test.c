#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hrana/errors.h"

static void every_code_has_a_row(void **state)
{
	for (int code = ERR_NONE + 1; code < ERROR_CODE_COUNT; code++) {
		const struct error_row *row = errors_row((enum error_code)code);
		assert_non_null(row->wire_code);
		assert_true(row->wire_code[0] != '\0');
		assert_in_range(row->status, 400, 503);
	}
}

// Texts and statuses of spec/hrana.md §1.1, §6 and §7.
static void the_wire_is_as_the_protocol_says(void **state)
{
	static const struct {
		enum error_code code;
		const char *wire_code;
		enum error_shape shape;
		int status;
	} expected[] = {
		{ERR_BAD_JSON, "BAD_JSON", SHAPE_TEXT, 400},
		{ERR_PROTOCOL, "PROTOCOL", SHAPE_TEXT, 400},
		{ERR_BATON_INVALID, "BATON_INVALID", SHAPE_TEXT, 400},
		{ERR_BATON_REUSED, "BATON_REUSED", SHAPE_TEXT, 400},
		{ERR_STREAM_EXPIRED, "STREAM_EXPIRED", SHAPE_MESSAGE, 400},
		{ERR_AUTH_JWT_INVALID, "AUTH_JWT_INVALID", SHAPE_CREDENTIAL, 401},
		{ERR_AUTH_JWT_EXPIRED, "AUTH_JWT_EXPIRED", SHAPE_CREDENTIAL, 401},
		{ERR_AUTH_SCHEME, "AUTH_HTTP_HEADER_UNSUPPORTED_SCHEME", SHAPE_CREDENTIAL, 401},
		{ERR_FORBIDDEN, "AUTH_FORBIDDEN", SHAPE_ERROR, 403},
		{ERR_NAMESPACE_NOT_FOUND, "NAMESPACE_NOT_FOUND", SHAPE_ERROR, 404},
		{ERR_BODY_TOO_LARGE, "REQUEST_TOO_LARGE", SHAPE_MESSAGE, 413},
		{ERR_RATE_LIMITED, "RATE_LIMITED", SHAPE_ERROR, 429},
		{ERR_IO, "IO", SHAPE_ERROR, 500},
		{ERR_UNAVAILABLE, "UNAVAILABLE", SHAPE_ERROR, 500},
		{ERR_SHUTDOWN, "SHUTDOWN", SHAPE_ERROR, 503},
		{ERR_NOT_READY, "NOT_READY", SHAPE_ERROR, 503},
		{ERR_SQL_PARSE, "SQL_PARSE_ERROR", SHAPE_STATEMENT, 400},
		{ERR_SQL_NO_STATEMENT, "SQL_NO_STATEMENT", SHAPE_STATEMENT, 400},
		{ERR_SQL_MANY_STATEMENTS, "SQL_MANY_STATEMENTS", SHAPE_STATEMENT, 400},
		{ERR_SQL_INPUT, "SQL_INPUT_ERROR", SHAPE_STATEMENT, 400},
		{ERR_ARGS_INVALID, "ARGS_INVALID", SHAPE_STATEMENT, 400},
		{ERR_ARGS_BOTH, "ARGS_BOTH_POSITIONAL_AND_NAMED", SHAPE_STATEMENT, 501},
		{ERR_TRANSACTION_TIMEOUT, "TRANSACTION_TIMEOUT", SHAPE_STATEMENT, 503},
		{ERR_TRANSACTION_BUSY, "TRANSACTION_BUSY", SHAPE_STATEMENT, 503},
		{ERR_BLOCKED, "BLOCKED", SHAPE_STATEMENT, 400},
		{ERR_RESPONSE_TOO_LARGE, "RESPONSE_TOO_LARGE", SHAPE_STATEMENT, 400},
		{ERR_SQL_STORE_TOO_MANY, "SQL_STORE_TOO_MANY", SHAPE_STATEMENT, 400},
		{ERR_SQL_STORE_TOO_LARGE, "SQL_STORE_TOO_LARGE", SHAPE_STATEMENT, 400},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
		const struct error_row *row = errors_row(expected[i].code);
		assert_string_equal(row->wire_code, expected[i].wire_code);
		assert_int_equal(row->shape, expected[i].shape);
		assert_int_equal(row->status, expected[i].status);
	}
}

static void sqlite_errors_go_by_their_primary_code(void **state)
{
	static const struct {
		int sqlite_code;
		const char *wire_code;
	} expected[] = {
		{1, "SQLITE_UNKNOWN"},   {19, "SQLITE_CONSTRAINT"}, {19 | 6 << 8, "SQLITE_CONSTRAINT"},
		{5, "SQLITE_BUSY"},      {8, "SQLITE_READONLY"},    {13, "SQLITE_FULL"},
		{20, "SQLITE_MISMATCH"}, {23, "SQLITE_AUTH"},       {26, "SQLITE_NOTADB"},
		{16, "SQLITE_UNKNOWN"},  {0, "SQLITE_UNKNOWN"},     {200, "SQLITE_UNKNOWN"},
	};
	struct error err = {.code = ERR_SQLITE};
	for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
		err.sqlite_code = expected[i].sqlite_code;
		assert_string_equal(errors_wire_code(&err), expected[i].wire_code);
	}
}

static void assert_body(enum error_code code, const char *message, const char *body, const char *content_type)
{
	struct error err;
	error_set(&err, code, "%s", message);
	OWNED(buffer) struct buffer out = {0};
	const char *type;
	assert_int_equal(errors_write_body(&out, &err, &type), errors_row(code)->status);
	assert_string_equal(buffer_text(&out), body);
	assert_string_equal(type, content_type);
}

static void bodies_have_three_shapes(void **state)
{
	// Exactly this content type: hrana-client compares the whole header.
	assert_body(ERR_FORBIDDEN, "no \"write\"", "{\"error\":\"no \\\"write\\\"\"}", "application/json");
	assert_body(ERR_STREAM_EXPIRED, "gone", "{\"message\":\"gone\",\"code\":\"STREAM_EXPIRED\"}",
		    "application/json");
	assert_body(ERR_SQL_INPUT, "x", "{\"message\":\"x\",\"code\":\"SQL_INPUT_ERROR\"}",
		    "application/json");
	assert_body(ERR_AUTH_JWT_INVALID, "The JWT is invalid",
		    "{\"error\":\"Unauthorized: `The JWT is invalid`\"}", "application/json");
	assert_body(ERR_BATON_REUSED, "spent", "spent", "text/plain; charset=utf-8");
	assert_body(ERR_RESPONSE_TOO_LARGE, "large", "large", "text/plain; charset=utf-8");
}

// spec/hrana.md §4: protocol errors end a WebSocket with their text, internal ones without, and nothing else does.
static void few_failures_end_a_websocket(void **state)
{
	struct error err;
	const char *reason = NULL;
	for (int code = ERR_NONE + 1; code < ERROR_CODE_COUNT; code++) {
		error_set(&err, (enum error_code)code, "Stream 7 not found");
		int expected = code == ERR_PROTOCOL ? 1008 : code == ERR_INTERNAL ? 1011 : 0;
		assert_int_equal(errors_close_code(&err, &reason), expected);
		if (code == ERR_PROTOCOL)
			assert_string_equal(reason, "Stream 7 not found");
		if (code == ERR_INTERNAL)
			assert_string_equal(reason, "Internal server error");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_row),
		cmocka_unit_test(the_wire_is_as_the_protocol_says),
		cmocka_unit_test(sqlite_errors_go_by_their_primary_code),
		cmocka_unit_test(bodies_have_three_shapes),
		cmocka_unit_test(few_failures_end_a_websocket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
