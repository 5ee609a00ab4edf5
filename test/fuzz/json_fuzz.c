// JSON as clients send it: the reader, and the decoders of the SQL protocol that read its tree.
//
// Beyond memory: a tree keeps what the reader promises (depth, whole texts), every text survives being written and read
// again, and what the fast decoder takes means the same to the general one.

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "hrana/decode.h"
#include "hrana/decode_fast.h"

#include "fuzz/fuzz.h"
#include "fuzz/look.h"
#include "unit/hrana/same.h"

enum { DEPTH_MAX = 128, SHALLOW = 4 };

// -- the tree -----------------------------------------------------------------------------------------

static void write_again(struct json_writer *writer, const struct json *node, unsigned depth);

static void write_members(struct json_writer *writer, const struct json *node, unsigned depth)
{
	const char *key;
	const struct json *value;
	void *at = NULL;
	json_write_object(writer);
	while ((at = json_read_next(node, at, &key, &value))) {
		ASSERT(json_read_get(node, key) == value);
		json_write_key_escaped(writer, key);
		write_again(writer, value, depth);
	}
	json_write_end_object(writer);
}

static void write_elements(struct json_writer *writer, const struct json *node, unsigned depth)
{
	json_write_array(writer);
	for (size_t i = 0; i < json_read_size(node); i++)
		write_again(writer, json_read_at(node, i), depth);
	ASSERT(!json_read_at(node, json_read_size(node)));
	json_write_end_array(writer);
}

static void write_again(struct json_writer *writer, const struct json *node, unsigned depth)
{
	size_t size;
	const char *text = json_read_text(node, &size);
	switch (json_read_kind(node)) {
	case JSON_KIND_NULL:
		json_write_null(writer);
		return;
	case JSON_KIND_BOOL:
		json_write_bool(writer, json_read_bool(node));
		return;
	case JSON_KIND_INTEGER:
		json_write_integer(writer, json_read_integer(node));
		return;
	case JSON_KIND_REAL:
		ASSERT(isfinite(json_read_number(node)));
		json_write_real(writer, json_read_number(node));
		return;
	case JSON_KIND_TEXT:
		ASSERT(text[size] == '\0');
		json_write_text_sized(writer, text, size);
		return;
	case JSON_KIND_ARRAY:
		ASSERT(depth > 0);
		write_elements(writer, node, depth - 1);
		return;
	case JSON_KIND_OBJECT:
		ASSERT(depth > 0);
		write_members(writer, node, depth - 1);
		return;
	}
}

// What was written from a tree must give the same tree, and therefore the same text again.
static void survives_writing(const struct json *root)
{
	struct error err;
	OWNED(json_root) struct json *again = NULL;
	OWNED(buffer) struct buffer first = {0};
	OWNED(buffer) struct buffer second = {0};
	struct json_writer writer = json_write_to(&first);
	write_again(&writer, root, DEPTH_MAX);
	unsigned options = JSON_READ_UNIQUE_KEYS | JSON_READ_ALLOW_NUL;
	ASSERT(json_read_parse(first.data, first.size, options, DEPTH_MAX, &again, &err));
	writer = json_write_to(&second);
	write_again(&writer, again, DEPTH_MAX);
	ASSERT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
}

// A handler of the Platform API.
static void read_fields(const struct json *root)
{
	static const char *const choices[] = {"latest", "canary", NULL};
	struct json_fields fields = json_fields_of(root, JSON_ANY_CASE);
	const char *name = json_fields_text(&fields, "name", JSON_OPTIONAL);
	ASSERT(!name || name[0] != '\0');
	int64_t count = json_fields_integer(&fields, "count", 1, 10, 5);
	ASSERT(count >= 1 && count <= 10);
	int choice = json_fields_choice(&fields, "image", choices, 0);
	ASSERT(choice == 0 || choice == 1);
	(void)json_fields_bool(&fields, "block", false);
	struct error err = {0};
	if (!json_fields_ok(&fields, &err))
		ASSERT(err.code != ERR_NONE && err.message[0] != '\0');
}

static void read_plainly(const struct buffer *body)
{
	struct error err = {0};
	OWNED(json_root) struct json *root = NULL;
	OWNED(json_root) struct json *shallow = NULL;
	if (json_read_parse(body->data, body->size, 0, DEPTH_MAX, &root, &err)) {
		survives_writing(root);
		read_fields(root);
	} else {
		ASSERT(err.code == ERR_BAD_JSON);
	}
	if (json_read_parse(body->data, body->size, 0, SHALLOW, &shallow, &err)) {
		OWNED(buffer) struct buffer text = {0};
		struct json_writer writer = json_write_to(&text);
		write_again(&writer, shallow, SHALLOW);
	}
}

// -- the SQL protocol ---------------------------------------------------------------------------------

static void decode_all(const struct json *root, int version)
{
	OWNED(arena) struct arena arena = {0};
	struct error err;
	struct pipeline pipeline;
	struct message message = {0};
	struct step step = {0};
	struct batch batch = {0};
	struct decoder decoder = {.arena = &arena, .version = version};
	struct decoder of_socket = {.arena = &arena, .version = version, .on_socket = true};
	if (decode_pipeline(&decoder, root, &pipeline, &err))
		look_at_pipeline(&pipeline);
	if (decode_cursor(&decoder, root, &pipeline, &err))
		look_at_pipeline(&pipeline);
	if (decode_message(&of_socket, root, &message, &err))
		look_at_message(&message);
	if (decode_statement(&decoder, root, &step, &err))
		look_at_step(&step);
	if (decode_batch(&decoder, decode_member(root, "batch"), &batch, &err))
		look_at_batch(&batch);
}

// Returns the body's tree, or NULL for what is none.
static struct json *decode(const struct buffer *body)
{
	struct error err = {0};
	struct json *root = NULL;
	if (!decode_parse(body, &root, &err)) {
		ASSERT(err.code == ERR_BAD_JSON || err.code == ERR_BODY_TOO_LARGE);
		return NULL;
	}
	survives_writing(root);
	for (int version = 1; version <= 3; version++)
		decode_all(root, version);
	return root;
}

static void fast_means_the_same(const struct buffer *body, const struct json *root)
{
	OWNED(arena) struct arena arena = {0};
	struct pipeline fast;
	if (!decode_fast(&arena, body, &fast))
		return;
	struct error err;
	struct pipeline general;
	struct decoder decoder = {.arena = &arena, .version = 2};
	ASSERT(root && decode_pipeline(&decoder, root, &general, &err));
	ASSERT(!general.broken && same_pipeline(&fast, &general));
	for (size_t i = 0; i < fast.request_count; i++)
		look_at_request(&fast.requests[i]);
}

static void fast_message_means_the_same(const struct buffer *body, const struct json *root)
{
	OWNED(arena) struct arena arena = {0};
	struct message fast;
	if (!decode_fast_message(&arena, body, &fast))
		return;
	struct error err;
	struct message general = {0};
	struct decoder decoder = {.arena = &arena, .version = 1, .on_socket = true};
	ASSERT(root && decode_message(&decoder, root, &general, &err) && !decoder.broken);
	ASSERT(fast.kind == MESSAGE_REQUEST && general.kind == MESSAGE_REQUEST);
	ASSERT(fast.request_id == general.request_id && fast.request.kind == general.request.kind);
	ASSERT(fast.request.stream_id == general.request.stream_id && !fast.broken);
	ASSERT(same_step(&fast.request.step, &general.request.step));
	look_at_message(&fast);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// A copy of exactly this size, so that reading past it is seen.
	OWNED(text) char *copy = malloc(size ? size : 1);
	if (size > 0)
		memcpy(copy, data, size);
	struct buffer body = {.data = copy, .size = size};
	read_plainly(&body);
	OWNED(json_root) struct json *root = decode(&body);
	fast_means_the_same(&body, root);
	fast_message_means_the_same(&body, root);
	return 0;
}
