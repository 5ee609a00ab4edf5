#include "engine/sql_text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/disk.h"
#include "engine/policy.h"

enum { WINDOW_BYTES = 256 * 1024 };

struct sql_text {
	int fd;
	uint64_t file_size;
	uint64_t read; // bytes of the file that were read
	size_t statement_bytes_max;
	char *window;
	size_t capacity;
	size_t start; // of what was not handed out
	size_t end;
	size_t handed; // bytes of the present statement, before `start`
	char saved;    // what stood where its NUL stands
	uint64_t line; // of the present statement's first byte
};

bool sql_text_open(const char *path, size_t statement_bytes_max, struct sql_text **out, struct error *err)
{
	OWNED(fd) int fd = -1;
	uint64_t size;
	if (!disk_open(path, O_RDONLY, &fd, err) || !disk_size(fd, &size, err))
		return false;
	struct sql_text *text = calloc(1, sizeof(*text));
	ASSERT(text != NULL);
	text->fd = fd;
	fd = -1;
	text->file_size = size;
	text->statement_bytes_max = statement_bytes_max;
	text->capacity = WINDOW_BYTES;
	text->window = malloc(text->capacity + 1);
	ASSERT(text->window != NULL);
	text->line = 1;
	*out = text;
	return true;
}

void sql_text_close(struct sql_text *text)
{
	if (!text)
		return;
	fd_cleanup(&text->fd);
	free(text->window);
	free(text);
}

static uint64_t count_lines(const char *bytes, size_t size)
{
	uint64_t lines = 0;
	const char *end = bytes + size;
	while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes)))) {
		lines++;
		bytes++;
	}
	return lines;
}

uint64_t sql_text_line(const struct sql_text *text, size_t offset)
{
	const char *statement = text->window + text->start - text->handed;
	return text->line + count_lines(statement, offset < text->handed ? offset : text->handed);
}

static bool too_long(const struct sql_text *text, struct error *err)
{
	const char *rest = text->window + text->start;
	size_t blank = policy_blank_prefix(rest, text->end - text->start);
	return error_set(
		err, ERR_BAD_REQUEST,
		"line %llu: the statement is longer than the limit of %zu bytes, or its end is missing",
		(unsigned long long)(text->line + count_lines(rest, blank)), text->statement_bytes_max);
}

// Reads more behind what the window holds: first the room of what was handed out is used, then it grows.
static bool read_more(struct sql_text *text, struct error *err)
{
	memmove(text->window, text->window + text->start, text->end - text->start);
	text->end -= text->start;
	text->start = 0;
	if (text->end >= text->statement_bytes_max)
		return too_long(text, err);
	if (text->end > text->capacity / 2) {
		text->capacity *= 2;
		text->window = realloc(text->window, text->capacity + 1);
		ASSERT(text->window != NULL);
	}
	uint64_t left = text->file_size - text->read;
	size_t room = text->capacity - text->end;
	size_t count = left < room ? (size_t)left : room;
	if (!disk_read_at(text->fd, text->window + text->end, count, text->read, err))
		return false;
	text->end += count;
	text->read += count;
	return true;
}

static void finish_present(struct sql_text *text)
{
	if (text->handed == 0)
		return;
	text->window[text->start] = text->saved;
	text->line += count_lines(text->window + text->start - text->handed, text->handed);
	text->handed = 0;
}

bool sql_text_next(struct sql_text *text, struct sql_text_statement *out, bool *out_found, struct error *err)
{
	finish_present(text);
	size_t size;
	for (;;) {
		// What ends with the window may go on behind it.
		size_t held = text->end - text->start;
		size = policy_first_statement(text->window + text->start, held);
		if ((size > 0 && size < held) || text->read == text->file_size)
			break;
		if (!read_more(text, err))
			return false;
	}
	*out_found = size > 0;
	if (size == 0)
		return true;
	char *sql = text->window + text->start;
	text->start += size;
	text->handed = size;
	text->saved = text->window[text->start];
	text->window[text->start] = '\0';
	const char *nul = memchr(sql, '\0', size);
	if (nul)
		return error_set(err, ERR_BAD_REQUEST, "line %llu: the text holds a NUL character",
				 (unsigned long long)sql_text_line(text, (size_t)(nul - sql)));
	*out = (struct sql_text_statement){.sql = sql, .size = size};
	return true;
}
