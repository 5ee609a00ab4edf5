#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hrana/decode_fast.h"
#include "unit/hrana/same.h"

// What the fast decoder takes, the general one must take as the same. Returns whether it was taken.
static bool check(const char *text, size_t size)
{
	OWNED(arena) struct arena arena = {0};
	OWNED(json_root) struct json *root = NULL;
	// A copy of exactly this size, so that reading past it is seen.
	char *copy = malloc(size ? size : 1);
	memcpy(copy, text, size);
	struct buffer body = {.data = copy, .size = size};
	struct pipeline fast;
	struct pipeline general;
	struct error err;
	struct decoder decoder = {.arena = &arena, .version = 2};
	bool taken = decode_fast(&arena, &body, &fast);
	if (taken && (!decode_parse(&body, &root, &err) || !decode_pipeline(&decoder, root, &general, &err) ||
		      general.broken || !same_pipeline(&fast, &general)))
		fail_msg("differs: %.*s", (int)size, text);
	for (size_t i = 0; taken && i < fast.request_count; i++) {
		const struct statement *statement = &fast.requests[i].step.statement;
		assert_true(!statement->sql || statement->sql[statement->sql_size] == '\0');
	}
	free(copy);
	return taken;
}

// The same for a WebSocket's message.
static bool check_message(const char *text, size_t size)
{
	OWNED(arena) struct arena arena = {0};
	OWNED(json_root) struct json *root = NULL;
	char *copy = malloc(size ? size : 1);
	memcpy(copy, text, size);
	struct buffer body = {.data = copy, .size = size};
	struct message fast;
	struct message general = {0};
	struct error err;
	struct decoder decoder = {.arena = &arena, .version = 1, .on_socket = true};
	bool taken = decode_fast_message(&arena, &body, &fast);
	if (taken && (!decode_parse(&body, &root, &err) || !decode_message(&decoder, root, &general, &err) ||
		      general.broken || general.kind != MESSAGE_REQUEST ||
		      fast.request_id != general.request_id || fast.request.kind != general.request.kind ||
		      fast.request.stream_id != general.request.stream_id ||
		      !same_step(&fast.request.step, &general.request.step)))
		fail_msg("differs: %.*s", (int)size, text);
	free(copy);
	return taken;
}

static void takes_what_clients_send(void **state)
{
	static const char *const taken[] = {
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT 1\"}}]}",
		"{\"baton\":null,\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT ?\\n, "
		"\\\"x\\\"\",\"args\":["
		"{\"type\":\"float\",\"value\":1},{\"type\":\"null\"},{\"type\":\"text\",\"value\":\"}]"
		"\\\\\"},"
		"{\"type\":\"integer\",\"value\":\"-12\"},{\"type\":\"blob\",\"base64\":\"AQI=\"}],\"named_"
		"args\":[],"
		"\"want_rows\":true}},{\"type\":\"close\"}]}",
		"{\"baton\":\"abc+/\",\"requests\":[{\"type\":\"close\"}]}",
		" { \"requests\" : [ { \"type\" : \"execute\" , \"stmt\" : { \"want_rows\" : false , "
		"\"named_args\" : [ { "
		"\"name\" : \":a\" , \"value\" : { \"type\" : \"float\" , \"value\" : -1.5e-3 } } ] , "
		"\"sql\" : \"x\" } } ] "
		"}\r\n\t",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(taken); i++)
		assert_true(check(taken[i], strlen(taken[i])));
}

static void leaves_everything_else(void **state)
{
	static const char *const left[] = {
		"",
		"{",
		"{}",
		"[]",
		"{\"requests\":[]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"sql\":\"y\"}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"sql_id\":1}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"\xc3\xa4\"}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"\\u0041\"}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"a\tb\"}}]}",
		"{\"requests\":[{\"type\":\"close\"}]}x",
		"{\"requests\":[{\"type\":\"close\"}],\"requests\":[]}",
		"{\"requests\":[{\"type\":\"close\"},]}",
		"{\"requests\":[{\"type\":\"close\"}],}",
		"{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[]}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"args\":[{\"type\":\"float\","
		"\"value\":01}]}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"args\":[{\"type\":\"float\","
		"\"value\":1.}]}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"args\":[{\"type\":\"float\","
		"\"value\":1e999}]}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"args\":[{\"type\":"
		"\"integer\",\"value\":\"\"}]}}]}",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(left); i++) {
		if (check(left[i], strlen(left[i])))
			fail_msg("taken: %s", left[i]);
	}
}

// -- bodies made by chance, then damaged ----------------------------------------------------------------

static uint64_t chance_state;

static unsigned chance(unsigned below)
{
	chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(chance_state >> 33) % below;
}

static void pick(struct buffer *out, const char *const *choices, size_t count)
{
	buffer_append_text(out, choices[chance((unsigned)count)]);
}

#define PICK(out, ...)                                                                                       \
	do {                                                                                                 \
		static const char *const choices_[] = {__VA_ARGS__};                                         \
		pick(out, choices_, ARRAY_LENGTH(choices_));                                                 \
	} while (0)

static void make_text(struct buffer *out)
{
	buffer_append_byte(out, '"');
	for (unsigned i = chance(6); i > 0; i--)
		PICK(out, "a", "SELECT ", "\\n", "\\\"", "\\\\", "\\/", "]}", "{", "[", ",", "\\u00e4",
		     "\xc3\xa4", "\\x", "\x7f", "?");
	buffer_append_byte(out, '"');
}

static void make_value(struct buffer *out)
{
	switch (chance(6)) {
	case 0:
		PICK(out, "{\"type\":\"null\"}", "{\"type\":\"null\",\"value\":null}", "null");
		break;
	case 1:
		buffer_append_text(out, "{\"type\":\"integer\",\"value\":\"");
		PICK(out, "0", "-1", "+1", "007", "-0", "123456789012345678", "9223372036854775807",
		     "9223372036854775808", "", "-", "1e3", " 1");
		buffer_append_text(out, "\"}");
		break;
	case 2:
		buffer_append_text(out, "{\"type\":\"float\",\"value\":");
		PICK(out, "0", "-0", "-0.0", "1", "1.5", "1e5", "1E-5", "0.1", "123456789012345678", "1e400",
		     "01", ".5", "1.", "9223372036854775808", "100000000000000000000", "5e-324",
		     "0.1000000000000000055511151231257827", "- 1", "1e", "1e+");
		buffer_append_byte(out, '}');
		break;
	case 3:
		buffer_append_text(out, "{\"type\":\"text\",\"value\":");
		make_text(out);
		buffer_append_byte(out, '}');
		break;
	case 4:
		buffer_append_text(out, "{\"type\":\"blob\",\"base64\":\"");
		PICK(out, "", "AQI", "AQI=", "AQID", "A", "A*", "=", "AQIDBAUGBwgJ", "AR==");
		buffer_append_text(out, "\"}");
		break;
	default:
		buffer_append_text(out, "{\"value\":\"1\",\"type\":\"integer\"}");
	}
}

static void make_list(struct buffer *out, bool named)
{
	buffer_append_byte(out, '[');
	for (unsigned i = chance(4); i > 0; i--) {
		if (named) {
			buffer_append_text(out, "{\"name\":");
			make_text(out);
			buffer_append_text(out, ",\"value\":");
		}
		make_value(out);
		if (named)
			buffer_append_byte(out, '}');
		if (i > 1)
			buffer_append_byte(out, ',');
	}
	buffer_append_byte(out, ']');
}

static void make_statement(struct buffer *out)
{
	buffer_append_text(out, "{\"type\":\"execute\",\"stmt\":{\"sql\":");
	make_text(out);
	for (unsigned i = chance(4); i > 0; i--) {
		switch (chance(4)) {
		case 0:
			buffer_append_text(out, ",\"args\":");
			make_list(out, false);
			break;
		case 1:
			buffer_append_text(out, ",\"named_args\":");
			make_list(out, true);
			break;
		case 2:
			PICK(out, ",\"want_rows\":true", ",\"want_rows\":false", ",\"want_rows\":null");
			break;
		default:
			PICK(out, ", \"sql_id\":null", " ", ",\"replication_index\":\"5\"", ",\"x\":1");
		}
	}
	buffer_append_text(out, "}}");
}

static void make_body(struct buffer *out)
{
	buffer_append_byte(out, '{');
	PICK(out, "", "\"baton\":null,", "\"baton\":\"AAAA\",", " \"baton\" : null , ");
	buffer_append_text(out, "\"requests\":[");
	make_statement(out);
	PICK(out, "", ",{\"type\":\"close\"}", ",{\"type\":\"close\"} ", ",{\"type\":\"get_autocommit\"}");
	buffer_append_text(out, "]}");
}

static void damage(struct buffer *text)
{
	static const char bytes[] = "{}[]\",:\\ 01e.-\n\x01\x80truenlaq";
	for (unsigned i = chance(3); i > 0 && text->size > 0; i--) {
		unsigned at = chance((unsigned)text->size);
		switch (chance(3)) {
		case 0:
			text->data[at] = bytes[chance(sizeof(bytes) - 1)];
			break;
		case 1:
			memmove(text->data + at, text->data + at + 1, text->size - at - 1);
			text->size--;
			break;
		default:
			buffer_truncate(text, at);
		}
	}
}

static void make_message(struct buffer *out)
{
	buffer_append_text(out, "{\"type\":\"request\",\"request_id\":");
	PICK(out, "0", "7", "42", "123456789", "8", "9", "1234567890", "-3", "01", "1.0");
	buffer_append_text(out, ",\"request\":");
	OWNED(buffer) struct buffer statement = {0};
	make_statement(&statement);
	// {"type":"execute","stmt":…}: the stream stands between the two.
	static const char begin[] = "{\"type\":\"execute\",";
	buffer_append_text(out, begin);
	PICK(out, "\"stream_id\":1,", "\"stream_id\":7,", "\"stream_id\" : 2 ,", "", "\"stream_id\":\"1\",");
	buffer_append(out, statement.data + sizeof(begin) - 1, statement.size - sizeof(begin) + 1);
	PICK(out, "}", "}", "} ", ",\"x\":1}", "");
}

static void takes_what_clients_send_on_sockets(void **state)
{
	static const char *const taken[] = {
		"{\"type\":\"request\",\"request_id\":2,\"request\":{\"type\":\"execute\",\"stream_id\":0,"
		"\"stmt\":{\"sql\":\"SELECT "
		"?\",\"args\":[{\"type\":\"integer\",\"value\":\"1\"}],\"named_args\":[],"
		"\"want_rows\":true}}}",
	};
	static const char *const left[] = {
		"{\"type\":\"hello\",\"jwt\":\"a.b.c\"}",
		"{\"type\":\"request\",\"request_id\":2,\"request\":{\"type\":\"open_stream\",\"stream_id\":"
		"0}}",
		"{\"type\":\"request\",\"request_id\":2,\"request\":{\"type\":\"execute\",\"stream_id\":0,"
		"\"stmt\":{\"sql_id\":1}}}",
		"",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(taken); i++)
		assert_true(check_message(taken[i], strlen(taken[i])));
	for (size_t i = 0; i < ARRAY_LENGTH(left); i++)
		assert_false(check_message(left[i], strlen(left[i])));
}

static void messages_mean_the_same(void **state)
{
	unsigned taken = 0;
	enum { COUNT = 60000 };
	for (unsigned seed = 0; seed < COUNT; seed++) {
		chance_state = seed;
		OWNED(buffer) struct buffer text = {0};
		make_message(&text);
		if (seed % 2)
			damage(&text);
		taken += check_message(text.data, text.size);
	}
	assert_true(taken > COUNT / 100);
}

static void means_the_same_as_the_general_decoder(void **state)
{
	unsigned taken = 0;
	enum { COUNT = 60000 };
	for (unsigned seed = 0; seed < COUNT; seed++) {
		chance_state = seed;
		OWNED(buffer) struct buffer text = {0};
		make_body(&text);
		if (seed % 2)
			damage(&text);
		taken += check(text.data, text.size);
	}
	// Otherwise nothing was compared.
	assert_true(taken > COUNT / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_clients_send),
		cmocka_unit_test(leaves_everything_else),
		cmocka_unit_test(means_the_same_as_the_general_decoder),
		cmocka_unit_test(takes_what_clients_send_on_sockets),
		cmocka_unit_test(messages_mean_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
