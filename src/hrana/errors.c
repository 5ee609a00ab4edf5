#include "hrana/errors.h"

#include <stdio.h>

#include "net/socket.h"

static const struct error_row rows[ERROR_CODE_COUNT] = {
	[ERR_INTERNAL] = {"INTERNAL", SHAPE_ERROR, 500},
	[ERR_MEMORY] = {"OUT_OF_MEMORY", SHAPE_ERROR, 503},
	[ERR_IO] = {"IO", SHAPE_ERROR, 500},
	[ERR_FULL] = {"FULL", SHAPE_ERROR, 500},
	[ERR_CORRUPT] = {"CORRUPT", SHAPE_ERROR, 500},
	[ERR_NOT_FOUND] = {"NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_EXISTS] = {"EXISTS", SHAPE_ERROR, 409},
	[ERR_LIMIT] = {"LIMIT", SHAPE_ERROR, 429},
	[ERR_TIMEOUT] = {"TIMEOUT", SHAPE_ERROR, 503},
	[ERR_BUSY] = {"BUSY", SHAPE_ERROR, 503},
	[ERR_SHUTDOWN] = {"SHUTDOWN", SHAPE_ERROR, 503},
	// A replica whose primary is out of reach (spec/hrana.md §11): reads go on.
	[ERR_UNAVAILABLE] = {"UNAVAILABLE", SHAPE_ERROR, 500},
	[ERR_STALE] = {"STALE", SHAPE_ERROR, 503},
	[ERR_USAGE] = {"USAGE", SHAPE_ERROR, 500},

	[ERR_BAD_JSON] = {"BAD_JSON", SHAPE_TEXT, 400},
	[ERR_BAD_REQUEST] = {"BAD_REQUEST", SHAPE_ERROR, 400},
	[ERR_MISSING_FIELD] = {"MISSING_FIELD", SHAPE_TEXT, 422},
	[ERR_INVALID_FIELD] = {"INVALID_FIELD", SHAPE_TEXT, 422},
	[ERR_BODY_TOO_LARGE] = {"REQUEST_TOO_LARGE", SHAPE_MESSAGE, 413},
	[ERR_UNSUPPORTED_MEDIA] = {"UNSUPPORTED_MEDIA", SHAPE_TEXT, 415},
	[ERR_ROUTE_NOT_FOUND] = {"NOT_FOUND", SHAPE_TEXT, 404},
	[ERR_METHOD_NOT_ALLOWED] = {"METHOD_NOT_ALLOWED", SHAPE_TEXT, 405},
	[ERR_RATE_LIMITED] = {"RATE_LIMITED", SHAPE_ERROR, 429},

	[ERR_INVALID_NAME] = {"INVALID_NAME", SHAPE_ERROR, 400},
	[ERR_INVALID_LOCATION] = {"INVALID_LOCATION", SHAPE_ERROR, 400},
	[ERR_INVALID_EXPIRATION] = {"INVALID_EXPIRATION", SHAPE_ERROR, 400},
	[ERR_UNAUTHORIZED] = {"UNAUTHORIZED", SHAPE_ERROR, 401},
	[ERR_TOKEN_EXPIRED] = {"TOKEN_EXPIRED", SHAPE_ERROR, 401},
	[ERR_TOKEN_REVOKED] = {"TOKEN_REVOKED", SHAPE_ERROR, 401},
	[ERR_NOT_A_MEMBER] = {"NOT_A_MEMBER", SHAPE_ERROR, 403},
	[ERR_INSUFFICIENT_ROLE] = {"INSUFFICIENT_ROLE", SHAPE_ERROR, 403},
	[ERR_INSUFFICIENT_SCOPE] = {"INSUFFICIENT_SCOPE", SHAPE_ERROR, 403},
	[ERR_ORG_NOT_FOUND] = {"ORG_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_DATABASE_NOT_FOUND] = {"DATABASE_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_GROUP_NOT_FOUND] = {"GROUP_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_INSTANCE_NOT_FOUND] = {"INSTANCE_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_LOCATION_NOT_FOUND] = {"LOCATION_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_USER_NOT_FOUND] = {"USER_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_MEMBER_NOT_FOUND] = {"MEMBER_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_INVITE_NOT_FOUND] = {"INVITE_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_BACKUP_NOT_FOUND] = {"BACKUP_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_MIGRATION_NOT_FOUND] = {"MIGRATION_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_UPLOAD_NOT_FOUND] = {"UPLOAD_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_TOKEN_NOT_FOUND] = {"TOKEN_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_ALREADY_EXISTS] = {"ALREADY_EXISTS", SHAPE_ERROR, 409},
	[ERR_PRIMARY_INSTANCE] = {"PRIMARY_INSTANCE", SHAPE_ERROR, 409},
	[ERR_DELETE_PROTECTED] = {"DELETE_PROTECTED", SHAPE_ERROR, 409},
	[ERR_GROUP_MEMBER] = {"GROUP_MEMBER", SHAPE_ERROR, 409},
	[ERR_NOT_READY] = {"NOT_READY", SHAPE_ERROR, 503},
	[ERR_QUOTA_EXCEEDED] = {"QUOTA_EXCEEDED", SHAPE_ERROR, 429},

	[ERR_NAMESPACE_NOT_FOUND] = {"NAMESPACE_NOT_FOUND", SHAPE_ERROR, 404},
	[ERR_FORBIDDEN] = {"AUTH_FORBIDDEN", SHAPE_ERROR, 403},
	[ERR_AUTH_HEADER_NOT_FOUND] = {"AUTH_HEADER_NOT_FOUND", SHAPE_CREDENTIAL, 401},
	[ERR_AUTH_HEADER_MALFORMED] = {"AUTH_HEADER_MALFORMED", SHAPE_CREDENTIAL, 401},
	[ERR_AUTH_SCHEME] = {"AUTH_HTTP_HEADER_UNSUPPORTED_SCHEME", SHAPE_CREDENTIAL, 401},
	[ERR_AUTH_JWT_INVALID] = {"AUTH_JWT_INVALID", SHAPE_CREDENTIAL, 401},
	[ERR_AUTH_JWT_EXPIRED] = {"AUTH_JWT_EXPIRED", SHAPE_CREDENTIAL, 401},
	[ERR_AUTH_JWT_IMMATURE] = {"AUTH_JWT_IMMATURE", SHAPE_CREDENTIAL, 401},
	[ERR_AUTH_BASIC_REJECTED] = {"AUTH_BASIC_REJECTED", SHAPE_CREDENTIAL, 401},
	[ERR_PROTOCOL] = {"PROTOCOL", SHAPE_TEXT, 400},
	[ERR_BATON_INVALID] = {"BATON_INVALID", SHAPE_TEXT, 400},
	[ERR_BATON_REUSED] = {"BATON_REUSED", SHAPE_TEXT, 400},
	[ERR_STREAM_NOT_OPEN] = {"STREAM_NOT_OPEN", SHAPE_STATEMENT, 400},
	[ERR_CURSOR_NOT_OPEN] = {"CURSOR_NOT_OPEN", SHAPE_STATEMENT, 400},
	[ERR_STREAM_EXPIRED] = {"STREAM_EXPIRED", SHAPE_MESSAGE, 400},

	[ERR_SQL_PARSE] = {"SQL_PARSE_ERROR", SHAPE_STATEMENT, 400},
	[ERR_SQL_NO_STATEMENT] = {"SQL_NO_STATEMENT", SHAPE_STATEMENT, 400},
	[ERR_SQL_MANY_STATEMENTS] = {"SQL_MANY_STATEMENTS", SHAPE_STATEMENT, 400},
	[ERR_SQL_INPUT] = {"SQL_INPUT_ERROR", SHAPE_STATEMENT, 400},
	[ERR_ARGS_INVALID] = {"ARGS_INVALID", SHAPE_STATEMENT, 400},
	[ERR_ARGS_BOTH] = {"ARGS_BOTH_POSITIONAL_AND_NAMED", SHAPE_STATEMENT, 501},
	[ERR_SQLITE] = {"SQLITE_UNKNOWN", SHAPE_STATEMENT, 500},
	[ERR_TRANSACTION_TIMEOUT] = {"TRANSACTION_TIMEOUT", SHAPE_STATEMENT, 503},
	[ERR_TRANSACTION_BUSY] = {"TRANSACTION_BUSY", SHAPE_STATEMENT, 503},
	[ERR_BLOCKED] = {"BLOCKED", SHAPE_STATEMENT, 400},
	[ERR_RESPONSE_TOO_LARGE] = {"RESPONSE_TOO_LARGE", SHAPE_STATEMENT, 400},
	[ERR_STATEMENT_TIMEOUT] = {"SQLITE_INTERRUPT", SHAPE_STATEMENT, 500},
	[ERR_SQL_TOO_LONG] = {"SQLITE_TOOBIG", SHAPE_STATEMENT, 400},
	[ERR_SQL_STORE_TOO_MANY] = {"SQL_STORE_TOO_MANY", SHAPE_STATEMENT, 400},
	[ERR_SQL_STORE_TOO_LARGE] = {"SQL_STORE_TOO_LARGE", SHAPE_STATEMENT, 400},
};

const struct error_row *errors_row(enum error_code code)
{
	ASSERT(code > ERR_NONE && code < ERROR_CODE_COUNT && rows[code].wire_code != NULL);
	return &rows[code];
}

const char *errors_wire_code(const struct error *err)
{
	const char *name = err->code == ERR_SQLITE ? error_sqlite_name(err->sqlite_code) : NULL;
	return name ? name : errors_row(err->code)->wire_code;
}

int errors_close_code(const struct error *err, const char **out_reason)
{
	switch (err->code) {
	case ERR_PROTOCOL:
		*out_reason = err->message;
		return NET_CLOSE_POLICY;
	case ERR_INTERNAL: // its text is for the log
		*out_reason = "Internal server error";
		return NET_CLOSE_INTERNAL;
	default:
		return 0;
	}
}

bool errors_is_statement(const struct error *err)
{
	return errors_row(err->code)->shape == SHAPE_STATEMENT;
}

void errors_write(struct json_writer *w, const struct error *err)
{
	json_write_object(w);
	json_write_member_text(w, "message", err->message);
	json_write_member_text(w, "code", errors_wire_code(err));
	json_write_end_object(w);
}

int errors_write_body(struct buffer *body, const struct error *err, const char **out_content_type)
{
	const struct error_row *row = errors_row(err->code);
	// Among results it has a code like the others; alone (/v1/execute) it is told as a protocol error is (hrana.md §6).
	enum error_shape shape = err->code == ERR_RESPONSE_TOO_LARGE ? SHAPE_TEXT : row->shape;
	struct json_writer w = json_write_to(body);
	char text[sizeof(err->message) + 20];
	// hrana-client compares the whole header value: a charset would hide the message from its users.
	*out_content_type = "application/json";
	switch (shape) {
	case SHAPE_STATEMENT:
	case SHAPE_MESSAGE:
		errors_write(&w, err);
		break;
	case SHAPE_ERROR:
		json_write_object(&w);
		json_write_member_text(&w, "error", err->message);
		json_write_end_object(&w);
		break;
	case SHAPE_CREDENTIAL:
		snprintf(text, sizeof(text), "Unauthorized: `%s`", err->message);
		json_write_object(&w);
		json_write_member_text(&w, "error", text);
		json_write_end_object(&w);
		break;
	case SHAPE_TEXT:
		*out_content_type = "text/plain; charset=utf-8";
		buffer_append_text(body, err->message);
		break;
	}
	return row->status;
}
