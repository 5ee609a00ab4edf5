// What a command asks of its command line, and how it answers.

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/json_copy.h"
#include "cli/table.h"
#include "cli/terminal.h"

size_t call_argument_count(const struct call *call)
{
	return call->word_count - call->name_word_count;
}

const char *call_argument(const struct call *call, size_t index)
{
	return index < call_argument_count(call) ? call->words[call->name_word_count + index] : NULL;
}

static const char *given_value(const struct call *call, const char *name, bool global)
{
	for (size_t i = call->given_count; i > 0; i--) {
		const struct given_option *given = &call->given[i - 1];
		if (given->is_global == global && strcmp(given->name, name) == 0)
			return given->value;
	}
	return NULL;
}

const char *call_option_each(const struct call *call, const char *name, size_t *at)
{
	while (*at < call->given_count) {
		const struct given_option *given = &call->given[(*at)++];
		if (!given->is_global && strcmp(given->name, name) == 0)
			return given->value;
	}
	return NULL;
}

const char *call_option(const struct call *call, const char *name)
{
	return given_value(call, name, false);
}

const char *call_global_option(const struct call *call, const char *name)
{
	return given_value(call, name, true);
}

bool call_switch(const struct call *call, const char *name)
{
	return call_option(call, name) != NULL;
}

unsigned call_table_style(const struct call *call)
{
	return call->color ? TABLE_BOLD : TABLE_PLAIN;
}

void call_print_json(const struct buffer *json)
{
	fwrite(json->data, 1, json->size, stdout);
	fputc('\n', stdout);
}

void call_print_json_text(const char *name, const char *value)
{
	OWNED(buffer) struct buffer text = {0};
	struct json_writer w = json_write_to(&text);
	json_write_object(&w);
	json_write_member_text(&w, name, value);
	json_write_end_object(&w);
	call_print_json(&text);
}

void call_print_answer(const struct json *answer)
{
	OWNED(buffer) struct buffer text = {0};
	struct json_writer w = json_write_to(&text);
	json_copy(&w, answer);
	call_print_json(&text);
}

const char *call_json_text(const struct call *call, const char *name, const char *value)
{
	OWNED(buffer) struct buffer text = {0};
	struct json_writer w = json_write_to(&text);
	json_write_object(&w);
	json_write_member_text(&w, name, value);
	json_write_end_object(&w);
	return arena_text(call->arena, buffer_text(&text));
}

const char *call_json_bool(const struct call *call, const char *name, bool value)
{
	return arena_printf(call->arena, "{\"%s\":%s}", name, value ? "true" : "false");
}

void call_say(const struct call *call, const struct json *answer, const char *format, ...)
{
	if (call->json) {
		call_print_answer(answer);
		return;
	}
	va_list args;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

bool call_confirm(const struct call *call, struct error *err, const char *name, const char *what_is_lost, ...)
{
	if (call_switch(call, "yes"))
		return true;
	if (!terminal_can_ask())
		return error_set(err, ERR_USAGE, "%s: nobody can be asked here, so say --yes",
				 call->command->words);
	char text[400];
	va_list args;
	va_start(args, what_is_lost);
	vsnprintf(text, sizeof(text), what_is_lost, args);
	va_end(args);
	fprintf(stderr, "%s\n", text);
	if (!terminal_confirm(name))
		return error_set(err, ERR_BAD_REQUEST, "nothing was done");
	return true;
}

enum exit_code command_exit_code(const struct error *err)
{
	switch (err->code) {
	case ERR_USAGE:
		return EXIT_USAGE;
	case ERR_UNAVAILABLE:
	case ERR_TIMEOUT:
		return EXIT_UNREACHABLE;
	case ERR_UNAUTHORIZED:
		return EXIT_UNAUTHENTICATED;
	case ERR_SHUTDOWN:
		return EXIT_INTERRUPTED;
	default:
		return EXIT_REFUSED;
	}
}
