#include "api/errors.h"

#include "base/json_write.h"
#include "base/trace.h"
#include "net/server.h"

// Never 403 but for membership, role and scope: command-line clients forget their organization on any 403
// (§1.5). Codes of the SQL protocol stand here because the table is total; none of them reaches the Platform
// API.
static const struct api_error_row rows[ERROR_CODE_COUNT] = {
	[ERR_INTERNAL] = {500, "internal"},
	[ERR_MEMORY] = {503, "unavailable"},
	[ERR_IO] = {500, "internal"},
	[ERR_FULL] = {503, "unavailable"},
	[ERR_CORRUPT] = {500, "internal"},
	[ERR_NOT_FOUND] = {500, "internal"}, // of a file: what clients name has codes of its own
	[ERR_EXISTS] = {500, "internal"},
	[ERR_LIMIT] = {400, "bad_request"},
	[ERR_TIMEOUT] = {503, "unavailable"},
	[ERR_BUSY] = {503, "unavailable"},
	[ERR_SHUTDOWN] = {503, "unavailable"},
	[ERR_UNAVAILABLE] = {503, "unavailable"},
	[ERR_STALE] = {503, "unavailable"},
	[ERR_USAGE] = {500, "internal"},

	[ERR_BAD_JSON] = {400, "bad_json"},
	[ERR_BAD_REQUEST] = {400, "bad_request"},
	[ERR_MISSING_FIELD] = {400, "missing_field"},
	[ERR_INVALID_FIELD] = {400, "invalid_field"},
	[ERR_BODY_TOO_LARGE] = {413, "body_too_large"},
	[ERR_UNSUPPORTED_MEDIA] = {415, "unsupported_media"},
	[ERR_ROUTE_NOT_FOUND] = {404, "route_not_found"},
	[ERR_METHOD_NOT_ALLOWED] = {405, "method_not_allowed"},
	[ERR_RATE_LIMITED] = {429, "rate_limited"},

	[ERR_INVALID_NAME] = {400, "invalid_name"},
	[ERR_INVALID_LOCATION] = {400, "invalid_location"},
	[ERR_INVALID_EXPIRATION] = {400, "invalid_expiration"},
	[ERR_UNAUTHORIZED] = {401, "unauthorized"},
	[ERR_TOKEN_EXPIRED] = {401, "token_expired"},
	[ERR_TOKEN_REVOKED] = {401, "token_revoked"},
	[ERR_NOT_A_MEMBER] = {403, "not_a_member"},
	[ERR_INSUFFICIENT_ROLE] = {403, "insufficient_role"},
	[ERR_INSUFFICIENT_SCOPE] = {403, "insufficient_scope"},
	[ERR_ORG_NOT_FOUND] = {404, "org_not_found"},
	[ERR_DATABASE_NOT_FOUND] = {404, "database_not_found"},
	[ERR_GROUP_NOT_FOUND] = {404, "group_not_found"},
	[ERR_INSTANCE_NOT_FOUND] = {404, "instance_not_found"},
	[ERR_LOCATION_NOT_FOUND] = {404, "location_not_found"},
	[ERR_USER_NOT_FOUND] = {404, "member_not_found"},
	[ERR_MEMBER_NOT_FOUND] = {404, "member_not_found"},
	[ERR_INVITE_NOT_FOUND] = {404, "invite_not_found"},
	[ERR_TOKEN_NOT_FOUND] = {404, "token_not_found"},
	[ERR_BACKUP_NOT_FOUND] = {404, "backup_not_found"},
	[ERR_MIGRATION_NOT_FOUND] = {404, "migration_not_found"},
	[ERR_UPLOAD_NOT_FOUND] = {404, "upload_not_found"},
	[ERR_ALREADY_EXISTS] = {409, "already_exists"},
	[ERR_PRIMARY_INSTANCE] = {400, "primary_instance"},
	[ERR_DELETE_PROTECTED] = {400, "delete_protected"},
	[ERR_GROUP_MEMBER] = {400, "group_member"},
	[ERR_NOT_READY] = {409, "not_ready"}, // of a database; a wait that ran out answers 503 (instances.c)
	[ERR_QUOTA_EXCEEDED] = {402, "quota_exceeded"},

	[ERR_NAMESPACE_NOT_FOUND] = {404, "database_not_found"},
	[ERR_FORBIDDEN] = {400, "bad_request"},
	[ERR_AUTH_HEADER_NOT_FOUND] = {401, "unauthorized"},
	[ERR_AUTH_HEADER_MALFORMED] = {401, "unauthorized"},
	[ERR_AUTH_SCHEME] = {401, "unauthorized"},
	[ERR_AUTH_JWT_INVALID] = {401, "unauthorized"},
	[ERR_AUTH_JWT_EXPIRED] = {401, "token_expired"},
	[ERR_AUTH_JWT_IMMATURE] = {401, "unauthorized"},
	[ERR_AUTH_BASIC_REJECTED] = {401, "unauthorized"},
	[ERR_PROTOCOL] = {400, "bad_request"},
	[ERR_BATON_INVALID] = {400, "bad_request"},
	[ERR_BATON_REUSED] = {400, "bad_request"},
	[ERR_STREAM_NOT_OPEN] = {400, "bad_request"},
	[ERR_CURSOR_NOT_OPEN] = {400, "bad_request"},
	[ERR_STREAM_EXPIRED] = {400, "bad_request"},

	[ERR_SQL_PARSE] = {500, "internal"},
	[ERR_SQL_NO_STATEMENT] = {500, "internal"},
	[ERR_SQL_MANY_STATEMENTS] = {500, "internal"},
	[ERR_SQL_INPUT] = {500, "internal"},
	[ERR_ARGS_INVALID] = {500, "internal"},
	[ERR_ARGS_BOTH] = {500, "internal"},
	[ERR_SQLITE] = {500, "internal"},
	[ERR_TRANSACTION_TIMEOUT] = {503, "unavailable"},
	[ERR_TRANSACTION_BUSY] = {503, "unavailable"},
	[ERR_BLOCKED] = {400, "bad_request"},
	[ERR_RESPONSE_TOO_LARGE] = {400, "bad_request"},
	[ERR_STATEMENT_TIMEOUT] = {503, "unavailable"},
	[ERR_SQL_TOO_LONG] = {400, "bad_request"},
	[ERR_SQL_STORE_TOO_MANY] = {400, "bad_request"},
	[ERR_SQL_STORE_TOO_LARGE] = {400, "bad_request"},
};

const struct api_error_row *api_error_row(enum error_code code)
{
	ASSERT(code > ERR_NONE && code < ERROR_CODE_COUNT && rows[code].code != NULL);
	return &rows[code];
}

void api_reply_error(struct net_request *request, const struct error *err, int status)
{
	api_reply_error_until(request, err, status, 0);
}

static const char *retry_after(struct net_request *request, int64_t retry_ms)
{
	return arena_printf(net_request_arena(request), "%lld",
			    retry_ms > 1000 ? (long long)(retry_ms + 999) / 1000 : 1);
}

void api_reply_error_until(struct net_request *request, const struct error *err, int status, int64_t retry_ms)
{
	const struct api_error_row *row = api_error_row(err->code);
	struct buffer *body = net_reply_body(request);
	struct json_writer w = json_write_to(body);

	if (status == 0)
		status = row->status;
	buffer_truncate(body, 0);
	net_request_count_error(request, err->code);
	net_reply_status(request, status);
	net_reply_type(request, "application/json");
	if (status == 401)
		net_reply_header(request, "WWW-Authenticate", "Bearer");
	if (status == 503 || status == 429)
		net_reply_header(request, "Retry-After", retry_after(request, retry_ms));
	if (row->status >= 500)
		trace_error("api.failed", "request", net_request_id(request), "method",
			    net_request_method(request), "path", net_request_path(request), "code",
			    error_code_name(err->code), "message", err->message, "detail", err->detail);

	json_write_object(&w);
	json_write_key(&w, "error");
	if (status == 500) {
		struct error told;
		error_set(&told, err->code, "internal error; the server's log tells more under request %s",
			  net_request_id(request));
		json_write_text(&w, told.message);
	} else {
		json_write_text(&w, err->message);
	}
	json_write_member_text(&w, "code", row->code);
	json_write_end_object(&w);
}
