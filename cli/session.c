#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_write.h"
#include "cli/json_copy.h"

enum { DEPTH_MAX = 64, CLOSE_TIMEOUT_MS = 5000 };

struct session {
	struct http *http;
	struct session_target target;
	char *baton; // NULL while there is no stream
	char *base;  // the server may ask to continue elsewhere
	bool in_transaction;
};

struct session *session_create(struct http *http, const struct session_target *target)
{
	struct session *session = calloc(1, sizeof(*session));
	ASSERT(session != NULL);
	session->http = http;
	session->target = *target;
	return session;
}

struct http *session_http(struct session *session)
{
	return session->http;
}

bool session_in_transaction(const struct session *session)
{
	return session->in_transaction;
}

void session_answer_cleanup(struct session_answer *answer)
{
	json_read_free(answer->root);
	*answer = (struct session_answer){0};
}

static void forget_stream(struct session *session)
{
	free(session->baton);
	free(session->base);
	session->baton = NULL;
	session->base = NULL;
	session->in_transaction = false;
}

static bool post(struct session *session, const struct buffer *body, int64_t timeout_ms,
		 struct http_answer *out, struct error *err)
{
	OWNED(buffer) struct buffer url = {0};
	buffer_printf(&url, "%sv3/pipeline", session->base ? session->base : session->target.base);
	struct http_request request = {
		.method = "POST",
		.url = buffer_text(&url),
		.bearer = session->target.token,
		.user = session->target.user,
		.password = session->target.password,
		.body = body->data,
		.body_size = body->size,
		.timeout_ms = timeout_ms,
	};
	return http_send(session->http, &request, out, err);
}

static void begin_body(struct json_writer *w, const struct session *session)
{
	json_write_object(w);
	json_write_member_text(w, "baton", session->baton);
	json_write_key(w, "requests");
	json_write_array(w);
}

static void end_body(struct json_writer *w)
{
	json_write_end_array(w);
	json_write_end_object(w);
}

static void write_simple(struct json_writer *w, const char *type)
{
	json_write_object(w);
	json_write_member_text(w, "type", type);
	json_write_end_object(w);
}

static void write_execute(struct json_writer *w, const char *sql, size_t size, const char *const *args,
			  size_t arg_count)
{
	json_write_object(w);
	json_write_member_text(w, "type", "execute");
	json_write_key(w, "stmt");
	json_write_object(w);
	json_write_key(w, "sql");
	json_write_text_sized(w, sql, size);
	json_write_key(w, "args");
	json_write_array(w);
	for (size_t i = 0; i < arg_count; i++) {
		json_write_object(w);
		json_write_member_text(w, "type", "text");
		json_write_member_text(w, "value", args[i]);
		json_write_end_object(w);
	}
	json_write_end_array(w);
	json_write_end_object(w);
	json_write_end_object(w);
}

void session_destroy(struct session *session)
{
	if (!session)
		return;
	if (session->baton) {
		// The server would end the stream by itself after a while: a failure here is nobody's
		// concern.
		OWNED(buffer) struct buffer body = {0};
		OWNED(http_answer) struct http_answer answer = {0};
		struct json_writer w = json_write_to(&body);
		begin_body(&w, session);
		write_simple(&w, "close");
		end_body(&w);
		struct error ignored;
		(void)!post(session, &body, CLOSE_TIMEOUT_MS, &answer, &ignored);
	}
	forget_stream(session);
	free(session);
}

void session_cleanup(struct session **session)
{
	session_destroy(*session);
	*session = NULL;
}

static char *copy_or_null(const char *text)
{
	if (!text)
		return NULL;
	char *copy = strdup(text);
	ASSERT(copy != NULL);
	return copy;
}

static const char *text_or_null(const struct json *object, const char *key)
{
	return json_read_text(json_read_get(object, key), NULL);
}

static void continue_stream(struct session *session, const struct json *root)
{
	free(session->baton);
	session->baton = copy_or_null(text_or_null(root, "baton"));
	const char *base = text_or_null(root, "base_url");
	if (!base)
		return;
	OWNED(buffer) struct buffer slashed = {0};
	buffer_append_text(&slashed, base);
	if (slashed.size > 0 && slashed.data[slashed.size - 1] != '/')
		buffer_append_byte(&slashed, '/');
	free(session->base);
	session->base = buffer_take(&slashed, NULL);
}

// A refusal of the whole request: {"error"}, {"message","code"} or plain text (spec/hrana.md §1.1).
static bool refuse(const struct http_answer *answer, const struct json *root, struct error *err)
{
	const char *message = text_or_null(root, "message");
	if (!message)
		message = text_or_null(root, "error");
	OWNED(text) char *plain = NULL;
	bool is_text = strncmp(answer->content_type, "text/plain", 10) == 0;
	if (!message && is_text && answer->body.size > 0) {
		plain = strndup(answer->body.data, answer->body.size);
		message = plain;
	}
	enum error_code code = answer->status == 401 ? ERR_UNAUTHORIZED : ERR_BAD_REQUEST;
	if (!message)
		return error_set(err, code, "the server answered with status %d", answer->status);
	return error_set(err, code, "%s", message);
}

static bool fail_statement(const struct json *error, struct error *err)
{
	const char *code = json_text_at(error, "code");
	bool too_large = strcmp(code, "RESPONSE_TOO_LARGE") == 0;
	return error_set(err, too_large ? ERR_LIMIT : ERR_SQLITE, "%s%s%s%s", json_text_at(error, "message"),
			 *code ? " (" : "", code, *code ? ")" : "");
}

static bool is_ok(const struct json *entry)
{
	return strcmp(json_text_at(entry, "type"), "ok") == 0;
}

static bool read_results(struct session *session, const struct json *root, const struct json **out_result,
			 struct error *err)
{
	const struct json *results = json_read_get(root, "results");
	const struct json *executed = json_read_at(results, 0);
	const struct json *autocommit = json_read_at(results, 1);
	if (!executed || !autocommit)
		return error_set(err, ERR_BAD_REQUEST, "the answer is not that of a database server");
	if (is_ok(autocommit)) {
		const struct json *value =
			json_read_get(json_read_get(autocommit, "response"), "is_autocommit");
		session->in_transaction = value && !json_read_bool(value);
	}
	if (!is_ok(executed))
		return fail_statement(json_read_get(executed, "error"), err);
	*out_result = json_read_get(json_read_get(executed, "response"), "result");
	return true;
}

// The connection broke, or was broken from the keyboard: the server ends the stream when it sees that.
static bool lose_stream(struct session *session, struct error *err)
{
	bool lost_transaction = session->in_transaction;
	if (err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT)
		error_context(err, "cannot reach the database at %s", session->target.base);
	forget_stream(session);
	if (lost_transaction)
		error_detail(err, "The open transaction was rolled back.");
	return false;
}

bool session_execute(struct session *session, const char *sql, size_t size, const char *const *args,
		     size_t arg_count, struct session_answer *out, struct error *err)
{
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	begin_body(&w, session);
	write_execute(&w, sql, size, args, arg_count);
	write_simple(&w, "get_autocommit");
	end_body(&w);

	OWNED(http_answer) struct http_answer answer = {0};
	if (!post(session, &body, 0, &answer, err))
		return lose_stream(session, err);
	OWNED(json_root) struct json *root = NULL;
	struct error unreadable;
	bool is_json = json_read_parse(answer.body.data, answer.body.size, JSON_READ_ALLOW_NUL, DEPTH_MAX,
				       &root, &unreadable);
	if (answer.status != 200) {
		refuse(&answer, root, err);
		return lose_stream(session, err);
	}
	if (!is_json) {
		error_set(err, ERR_BAD_REQUEST, "%s: the answer is not that of a database server",
			  session->target.base);
		return lose_stream(session, err);
	}
	continue_stream(session, root);
	const struct json *result = NULL;
	if (!read_results(session, root, &result, err))
		return false;
	*out = (struct session_answer){.root = TAKE(root), .result = result};
	return true;
}
