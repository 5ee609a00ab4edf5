#include "sync/updates_message.h"

#include <ctype.h>
#include <inttypes.h>

#include "base/protobuf_read.h"
#include "base/protobuf_write.h"

enum request_field {
	REQUEST_ENCODING = 1,
	REQUEST_SERVER_REVISION = 2,
	REQUEST_CLIENT_REVISION = 3,
	REQUEST_LONG_POLL = 4,
	REQUEST_PAGES_SELECTOR = 5,
	REQUEST_CLIENT_PAGES = 6,
	REQUEST_QUERY_SELECTOR = 7,
	REQUEST_STREAM_KIND = 8,
};
enum header_field { HEADER_REVISION = 1, HEADER_DB_SIZE = 2, HEADER_RAW_ENCODING = 3 };
enum page_field { PAGE_ID = 1, PAGE_BYTES = 2 };

enum { REVISION_BYTES_MAX = 64 };

// -- in -----------------------------------------------------------------------------------------------

static bool is_log_id(const char *text, size_t size)
{
	if (size != LOG_ID_TEXT_BYTES - 1)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (!isxdigit((unsigned char)text[i]) && text[i] != '-')
			return false;
	}
	return true;
}

static bool read_digits(const char *text, size_t size, uint64_t *out)
{
	uint64_t number = 0;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number))
			return false;
	}
	*out = number;
	return size > 0;
}

// What has another form comes from another server, and is as good as a history that we do not know.
static void read_revision(const struct protobuf_field *field, struct revision *out)
{
	*out = (struct revision){.present = field->size > 0};
	const char *dot = field->size < REVISION_BYTES_MAX ? memchr(field->bytes, '.', field->size) : NULL;
	if (!dot || !is_log_id(field->bytes, (size_t)(dot - field->bytes)))
		return;
	size_t id_size = (size_t)(dot - field->bytes);
	if (read_digits(dot + 1, field->size - id_size - 1, &out->frame_no))
		memcpy(out->log_id, field->bytes, id_size);
}

static enum protobuf_type type_of(uint32_t number)
{
	switch (number) {
	case REQUEST_ENCODING:
	case REQUEST_LONG_POLL:
	case REQUEST_STREAM_KIND:
		return PROTOBUF_VARINT;
	default:
		return PROTOBUF_BYTES;
	}
}

static bool read_field(struct arena *arena, const struct protobuf_field *field, struct updates_request *out,
		       struct error *err)
{
	if (field->number > REQUEST_STREAM_KIND)
		return true; // of a newer client
	if (field->type != type_of(field->number))
		return error_set(err, ERR_BAD_REQUEST, "field %u of the message has a wrong type",
				 field->number);
	switch (field->number) {
	case REQUEST_SERVER_REVISION:
		read_revision(field, &out->server);
		return true;
	case REQUEST_CLIENT_REVISION:
		read_revision(field, &out->client);
		return true;
	case REQUEST_LONG_POLL:
		out->long_poll_ms = field->integer;
		return true;
	case REQUEST_PAGES_SELECTOR:
		out->selects = field->size > 0;
		return !out->selects || roaring_read(arena, field->bytes, field->size, &out->selector, err);
	default:
		return true;
	}
}

bool updates_decode(struct arena *arena, const void *bytes, size_t size, struct updates_request *out,
		    struct error *err)
{
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	struct updates_request request = {0};
	while (protobuf_read_next(&reader, &field)) {
		if (!read_field(arena, &field, &request, err))
			return false;
	}
	if (reader.broken)
		return error_set(err, ERR_BAD_REQUEST, "the body is no protobuf message");
	*out = request;
	return true;
}

// -- out ----------------------------------------------------------------------------------------------

void updates_write_header(struct buffer *out, const char *log_id, uint64_t frame_no, uint32_t page_count)
{
	char revision[REVISION_BYTES_MAX];
	snprintf(revision, sizeof(revision), "%s.%" PRIu64, log_id, frame_no);
	size_t begun = protobuf_begin(out, 0);
	protobuf_write_text(out, HEADER_REVISION, revision);
	protobuf_write_integer(out, HEADER_DB_SIZE, page_count);
	protobuf_write_head(out, HEADER_RAW_ENCODING, 0);
	protobuf_end(out, begun);
}

void updates_write_page(struct buffer *out, uint32_t page_no, const char *page)
{
	uint32_t id = page_no - 1;
	size_t id_size = id ? 1 + protobuf_varint_size(id) : 0;
	protobuf_write_varint(out, id_size + 1 + protobuf_varint_size(LOG_PAGE_BYTES) + LOG_PAGE_BYTES);
	if (id)
		protobuf_write_integer(out, PAGE_ID, id);
	protobuf_write_bytes(out, PAGE_BYTES, page, LOG_PAGE_BYTES);
}
