#include "hrana/decode_fast.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypt.h"

enum { REQUEST_COUNT_MAX = 4, NUMBER_BYTES_MAX = 40 };

struct scan {
	struct arena *arena;
	const char *at;
	const char *end;
};

struct text {
	const char *bytes;
	size_t size;
};

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end &&
	       (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
		scan->at++;
}

// The next character that is not white space, if it is this one.
static bool take(struct scan *scan, char wanted)
{
	skip_space(scan);
	if (scan->at == scan->end || *scan->at != wanted)
		return false;
	scan->at++;
	return true;
}

static bool take_word(struct scan *scan, const char *word)
{
	size_t size = strlen(word);
	skip_space(scan);
	if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
		return false;
	scan->at += size;
	return true;
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

// From the first escape on: into the arena. `end` is the closing quote.
static bool unescape(struct scan *scan, const char *begin, const char *end, struct text *out)
{
	char *copy = arena_alloc(scan->arena, (size_t)(end - begin) + 1);
	char *to = copy;
	for (const char *from = begin; from < end; from++) {
		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		switch (*++from) {
		case '"':
		case '\\':
		case '/':
			*to++ = *from;
			break;
		case 'n':
			*to++ = '\n';
			break;
		case 't':
			*to++ = '\t';
			break;
		case 'r':
			*to++ = '\r';
			break;
		case 'b':
			*to++ = '\b';
			break;
		case 'f':
			*to++ = '\f';
			break;
		default:
			return false;
		}
	}
	*out = (struct text){.bytes = copy, .size = (size_t)(to - copy)};
	return true;
}

static bool take_text(struct scan *scan, struct text *out)
{
	if (!take(scan, '"'))
		return false;
	const char *begin = scan->at;
	const char *at = begin;
	bool escaped = false;
	while (at < scan->end && *at != '"') {
		if (*at == '\\') {
			escaped = true;
			at++;
			if (at == scan->end)
				return false;
		} else if (!is_plain(*at)) {
			return false;
		}
		at++;
	}
	if (at >= scan->end)
		return false;
	scan->at = at + 1;
	if (escaped)
		return unescape(scan, begin, at, out);
	*out = (struct text){.bytes = begin, .size = (size_t)(at - begin)};
	return true;
}

static bool text_is(const struct text *text, const char *wanted)
{
	return text->size == strlen(wanted) && memcmp(text->bytes, wanted, text->size) == 0;
}

static bool take_bool(struct scan *scan, bool *out)
{
	*out = take_word(scan, "true");
	return *out || take_word(scan, "false");
}

// -- values -------------------------------------------------------------------------------------------

// Up to 18 digits cannot overflow.
static bool parse_integer(const struct text *text, int64_t *out)
{
	const char *at = text->bytes;
	const char *end = at + text->size;
	bool negative = at < end && *at == '-';
	at += negative;
	if (at == end || end - at > 18)
		return false;
	int64_t value = 0;
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return false;
		value = value * 10 + (*at - '0');
	}
	*out = negative ? -value : value;
	return true;
}

static const char *skip_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

static bool take_number(struct scan *scan, double *out)
{
	skip_space(scan);
	const char *begin = scan->at;
	const char *end = scan->end - begin > NUMBER_BYTES_MAX ? begin + NUMBER_BYTES_MAX : scan->end;
	const char *digits = begin + (begin < end && *begin == '-');
	const char *at = skip_digits(digits, end);
	if (at == digits || (*digits == '0' && at - digits > 1))
		return false;
	const char *integer_end = at;
	if (at < end && *at == '.') {
		const char *fraction = at + 1;
		at = skip_digits(fraction, end);
		if (at == fraction)
			return false;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		const char *exponent = at + 1;
		if (exponent < end && (*exponent == '+' || *exponent == '-'))
			exponent++;
		at = skip_digits(exponent, end);
		if (at == exponent)
			return false;
	}
	if (at == end)
		return false; // cut off, or longer than numbers are here
	scan->at = at;
	if (at == integer_end) {
		int64_t integer;
		struct text text = {.bytes = begin, .size = (size_t)(at - begin)};
		bool ok = parse_integer(&text, &integer);
		*out = (double)integer;
		return ok;
	}
	char copy[NUMBER_BYTES_MAX + 1];
	memcpy(copy, begin, (size_t)(at - begin));
	copy[at - begin] = '\0';
	*out = strtod(copy, NULL);
	return isfinite(*out);
}

static bool take_blob(struct scan *scan, struct value *out)
{
	struct text text;
	if (!take_text(scan, &text))
		return false;
	size_t room = text.size / 4 * 3 + 3;
	struct buffer bytes = {.data = arena_alloc(scan->arena, room), .capacity = room};
	if (!crypt_base64_decode(&bytes, text.bytes, text.size, false))
		return false;
	*out = (struct value){.kind = VALUE_BLOB, .size = bytes.size, .bytes = bytes.data};
	return true;
}

// {"type":…,"value":…}
static bool take_value(struct scan *scan, struct value *out)
{
	struct text type;
	struct text text;
	if (!take(scan, '{') || !take_word(scan, "\"type\"") || !take(scan, ':') || !take_text(scan, &type))
		return false;
	if (text_is(&type, "null")) {
		out->kind = VALUE_NULL;
		return take(scan, '}');
	}
	bool blob = text_is(&type, "blob");
	if (!take(scan, ',') || !take_word(scan, blob ? "\"base64\"" : "\"value\"") || !take(scan, ':'))
		return false;
	if (blob)
		return take_blob(scan, out) && take(scan, '}');
	if (text_is(&type, "integer")) {
		out->kind = VALUE_INTEGER;
		return take_text(scan, &text) && parse_integer(&text, &out->integer) && take(scan, '}');
	}
	if (text_is(&type, "float")) {
		out->kind = VALUE_REAL;
		return take_number(scan, &out->real) && take(scan, '}');
	}
	if (!text_is(&type, "text") || !take_text(scan, &text))
		return false;
	*out = (struct value){.kind = VALUE_TEXT, .size = text.size, .bytes = text.bytes};
	return take(scan, '}');
}

// Every element of a list begins with '{', and what else does only makes the room too large.
static size_t count_elements(const struct scan *scan)
{
	size_t count = 0;
	bool in_text = false;
	int depth = 0;
	for (const char *at = scan->at; at < scan->end; at++) {
		if (*at == '"')
			in_text = !in_text;
		else if (in_text)
			at += *at == '\\';
		else if (*at == '{' && depth++ == 0)
			count++;
		else if (*at == '}')
			depth--;
		else if (*at == ']' && depth == 0)
			break;
	}
	return count;
}

static bool take_args(struct scan *scan, struct statement *out)
{
	if (!take(scan, '['))
		return false;
	if (take(scan, ']'))
		return true;
	size_t room = count_elements(scan);
	struct value *args = arena_alloc(scan->arena, room * sizeof(*args));
	do {
		if (out->arg_count == room || !take_value(scan, &args[out->arg_count]))
			return false;
		out->arg_count++;
	} while (take(scan, ','));
	out->args = args;
	return take(scan, ']');
}

static bool take_named_args(struct scan *scan, struct statement *out)
{
	if (!take(scan, '['))
		return false;
	if (take(scan, ']'))
		return true;
	size_t room = count_elements(scan);
	struct named_value *args = arena_alloc(scan->arena, room * sizeof(*args));
	do {
		struct text name;
		if (out->named_arg_count == room || !take(scan, '{') || !take_word(scan, "\"name\"") ||
		    !take(scan, ':') || !take_text(scan, &name) || !take(scan, ',') ||
		    !take_word(scan, "\"value\"") || !take(scan, ':'))
			return false;
		struct named_value *arg = &args[out->named_arg_count++];
		arg->name = arena_copy(scan->arena, name.bytes, name.size);
		if (!take_value(scan, &arg->value) || !take(scan, '}'))
			return false;
	} while (take(scan, ','));
	out->named_args = args;
	return take(scan, ']');
}

// -- requests -----------------------------------------------------------------------------------------

enum stmt_member { MEMBER_SQL = 1, MEMBER_ARGS = 2, MEMBER_NAMED_ARGS = 4, MEMBER_WANT_ROWS = 8 };

static bool take_member(struct scan *scan, enum stmt_member member, struct step *out)
{
	struct text sql;
	switch (member) {
	case MEMBER_SQL:
		if (!take_text(scan, &sql))
			return false;
		// With a NUL behind it, as the general decoder's texts have.
		out->statement.sql = arena_copy(scan->arena, sql.bytes, sql.size);
		out->statement.sql_size = sql.size;
		return true;
	case MEMBER_ARGS:
		return take_args(scan, &out->statement);
	case MEMBER_NAMED_ARGS:
		return take_named_args(scan, &out->statement);
	case MEMBER_WANT_ROWS:
		return take_bool(scan, &out->want_rows);
	}
	return false;
}

static bool member_of(const struct text *name, enum stmt_member *out)
{
	static const struct {
		const char *name;
		enum stmt_member member;
	} members[] = {
		{"sql", MEMBER_SQL},
		{"args", MEMBER_ARGS},
		{"named_args", MEMBER_NAMED_ARGS},
		{"want_rows", MEMBER_WANT_ROWS},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
		if (text_is(name, members[i].name)) {
			*out = members[i].member;
			return true;
		}
	}
	return false;
}

static bool take_statement(struct scan *scan, struct step *out)
{
	unsigned seen = 0;
	out->want_rows = true;
	if (!take(scan, '{'))
		return false;
	do {
		struct text name;
		enum stmt_member member;
		if (!take_text(scan, &name) || !member_of(&name, &member) || (seen & member) ||
		    !take(scan, ':') || !take_member(scan, member, out))
			return false;
		seen |= member;
	} while (take(scan, ','));
	return (seen & MEMBER_SQL) && take(scan, '}');
}

static bool take_request(struct scan *scan, struct request *out)
{
	struct text type;
	if (!take(scan, '{') || !take_word(scan, "\"type\"") || !take(scan, ':') || !take_text(scan, &type))
		return false;
	if (text_is(&type, "close")) {
		out->kind = REQUEST_CLOSE;
		return take(scan, '}');
	}
	out->kind = REQUEST_EXECUTE;
	return text_is(&type, "execute") && take(scan, ',') && take_word(scan, "\"stmt\"") &&
	       take(scan, ':') && take_statement(scan, &out->step) && take(scan, '}');
}

static bool take_requests(struct scan *scan, struct pipeline *out)
{
	if (!take(scan, '['))
		return false;
	out->requests = arena_alloc(scan->arena, REQUEST_COUNT_MAX * sizeof(*out->requests));
	do {
		if (out->request_count == REQUEST_COUNT_MAX ||
		    !take_request(scan, &out->requests[out->request_count]))
			return false;
		out->request_count++;
	} while (take(scan, ','));
	return take(scan, ']');
}

static bool take_baton(struct scan *scan, struct pipeline *out)
{
	if (take_word(scan, "null"))
		return true;
	struct text text;
	if (!take_text(scan, &text))
		return false;
	out->baton = text.bytes;
	out->baton_size = text.size;
	return true;
}

// Up to 9 digits cannot overflow.
static bool take_id(struct scan *scan, int32_t *out)
{
	skip_space(scan);
	const char *begin = scan->at;
	const char *end = skip_digits(begin, scan->end);
	size_t size = (size_t)(end - begin);
	int64_t value;
	struct text text = {.bytes = begin, .size = size};
	if (size == 0 || size > 9 || (*begin == '0' && size > 1) || !parse_integer(&text, &value))
		return false;
	scan->at = end;
	*out = (int32_t)value;
	return true;
}

static bool take_name(struct scan *scan, const char *quoted)
{
	return take_word(scan, quoted) && take(scan, ':');
}

static struct scan scan_of(struct arena *arena, const struct buffer *body)
{
	return (struct scan){.arena = arena,
			     .at = body->data,
			     .end = body->size > 0 ? body->data + body->size : body->data};
}

bool decode_fast_message(struct arena *arena, const struct buffer *body, struct message *out)
{
	struct scan scan = scan_of(arena, body);
	struct request *request = &out->request;
	*out = (struct message){.kind = MESSAGE_REQUEST};
	request->kind = REQUEST_EXECUTE;
	if (body->size == 0 || !take(&scan, '{') || !take_name(&scan, "\"type\"") ||
	    !take_word(&scan, "\"request\"") || !take(&scan, ',') || !take_name(&scan, "\"request_id\"") ||
	    !take_id(&scan, &out->request_id) || !take(&scan, ',') || !take_name(&scan, "\"request\"") ||
	    !take(&scan, '{') || !take_name(&scan, "\"type\"") || !take_word(&scan, "\"execute\"") ||
	    !take(&scan, ',') || !take_name(&scan, "\"stream_id\"") || !take_id(&scan, &request->stream_id) ||
	    !take(&scan, ',') || !take_name(&scan, "\"stmt\"") || !take_statement(&scan, &request->step) ||
	    !take(&scan, '}') || !take(&scan, '}'))
		return false;
	skip_space(&scan);
	return scan.at == scan.end;
}

bool decode_fast(struct arena *arena, const struct buffer *body, struct pipeline *out)
{
	struct scan scan = scan_of(arena, body);
	*out = (struct pipeline){0};
	if (body->size == 0 || !take(&scan, '{'))
		return false;
	if (take_word(&scan, "\"baton\"") &&
	    (!take(&scan, ':') || !take_baton(&scan, out) || !take(&scan, ',')))
		return false;
	if (!take_word(&scan, "\"requests\"") || !take(&scan, ':') || !take_requests(&scan, out) ||
	    !take(&scan, '}'))
		return false;
	skip_space(&scan);
	return scan.at == scan.end;
}
