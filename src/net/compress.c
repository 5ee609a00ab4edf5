#include "net/compress.h"

#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

// The fastest level: what is sent is compressed once, for one client.
enum { GZIP_WINDOW_BITS = 15 + 16, GZIP_MEMORY_LEVEL = 8, ROOM_BYTES = 16 * 1024, FULL_QUALITY = 1000 };

// -- what the client wants ------------------------------------------------------------------------------

struct word {
	const char *at;
	size_t size;
};

static const char *skip_blank(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

static bool is_word(const struct word *word, const char *text)
{
	return word->size == strlen(text) && strncasecmp(word->at, text, word->size) == 0;
}

// "0.5" in thousandths; what is no quality counts as none given.
static int read_quality(const char *at)
{
	if (*at != '0' && *at != '1')
		return FULL_QUALITY;
	int quality = (*at++ - '0') * FULL_QUALITY;
	if (*at == '.')
		at++;
	for (int unit = FULL_QUALITY / 10; unit > 0 && *at >= '0' && *at <= '9'; unit /= 10)
		quality += (*at++ - '0') * unit;
	return quality < FULL_QUALITY ? quality : FULL_QUALITY;
}

// One element, up to the comma: "gzip;q=0.5". Returns where the next begins.
static const char *read_element(const char *at, struct word *out, int *out_quality)
{
	at = skip_blank(at);
	out->at = at;
	out->size = strcspn(at, " \t;,");
	*out_quality = FULL_QUALITY;
	at += out->size;
	while (*at && *at != ',') {
		if (*at != ';') {
			at++;
			continue;
		}
		at = skip_blank(at + 1);
		if ((at[0] == 'q' || at[0] == 'Q') && at[1] == '=')
			*out_quality = read_quality(at + 2);
	}
	return *at == ',' ? at + 1 : at;
}

bool compress_is_wanted(const char *accept_encoding)
{
	int gzip = -1;
	int identity = -1;
	int any = -1;
	const char *at = accept_encoding ? accept_encoding : "";
	while (*at) {
		struct word word;
		int quality;
		at = read_element(at, &word, &quality);
		if (is_word(&word, "gzip") || is_word(&word, "x-gzip"))
			gzip = quality;
		else if (is_word(&word, "identity"))
			identity = quality;
		else if (is_word(&word, "*"))
			any = quality;
	}
	gzip = gzip >= 0 ? gzip : any;
	return gzip > 0 && gzip >= identity;
}

// -- compressing --------------------------------------------------------------------------------------

static bool begin(z_stream *stream)
{
	return deflateInit2(stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
			    Z_DEFAULT_STRATEGY) == Z_OK;
}

bool compress_whole(const struct buffer *body, struct buffer *out)
{
	z_stream stream = {.next_in = (Bytef *)body->data, .avail_in = (uInt)body->size};
	if (body->size == 0 || body->size > UINT32_MAX || !begin(&stream))
		return false;
	// No room for more than would be won.
	stream.avail_out = (uInt)(body->size - 1);
	stream.next_out = (Bytef *)buffer_reserve(out, body->size - 1);
	bool smaller = deflate(&stream, Z_FINISH) == Z_STREAM_END;
	out->size = smaller ? stream.total_out : 0;
	deflateEnd(&stream);
	return smaller;
}

struct compressor {
	z_stream stream;
};

struct compressor *compressor_create(void)
{
	struct compressor *compressor = calloc(1, sizeof(*compressor));
	ASSERT(compressor != NULL);
	if (begin(&compressor->stream))
		return compressor;
	free(compressor);
	return NULL;
}

void compressor_free(struct compressor *compressor)
{
	if (!compressor)
		return;
	deflateEnd(&compressor->stream);
	free(compressor);
}

// Until the library has nothing more to give.
static void run(z_stream *stream, int flush, struct buffer *out)
{
	do {
		stream->next_out = (Bytef *)buffer_reserve(out, ROOM_BYTES);
		stream->avail_out = ROOM_BYTES;
		int result = deflate(stream, flush);
		ASSERT(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
		out->size += ROOM_BYTES - stream->avail_out;
	} while (stream->avail_out == 0);
}

void compressor_put(struct compressor *compressor, const void *bytes, size_t size, struct buffer *out)
{
	z_stream *stream = &compressor->stream;
	const Bytef *at = bytes;
	while (size > 0) {
		uInt taken = size < UINT32_MAX ? (uInt)size : UINT32_MAX;
		stream->next_in = (Bytef *)(uintptr_t)at;
		stream->avail_in = taken;
		run(stream, Z_SYNC_FLUSH, out);
		at += taken;
		size -= taken;
	}
}

void compressor_finish(struct compressor *compressor, struct buffer *out)
{
	compressor->stream.avail_in = 0;
	run(&compressor->stream, Z_FINISH, out);
}
