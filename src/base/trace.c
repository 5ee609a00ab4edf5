#include "base/trace.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"

// The tracer is the one piece of state outside main: every layer may speak, and a handle to it in each struct
// would say nothing. Three words, set at start.
static _Atomic(int) level_now = TRACE_INFO;
static _Atomic(bool) json_now = false;
static _Atomic(bool) marks_now = false;

static const char *const level_names[TRACE_LEVEL_COUNT] = {"error", "warn", "info", "debug"};
static const char *const priorities[TRACE_LEVEL_COUNT] = {"<3>", "<4>", "<6>", "<7>"}; // sd-daemon(3)

void trace_configure(enum trace_level level, bool json)
{
	atomic_store(&level_now, (int)level);
	atomic_store(&json_now, json);
}

void trace_mark_priorities(bool marks)
{
	atomic_store(&marks_now, marks);
}

bool trace_level_of(const char *name, enum trace_level *out)
{
	for (int i = 0; i < TRACE_LEVEL_COUNT; i++) {
		if (strcmp(level_names[i], name) == 0) {
			*out = (enum trace_level)i;
			return true;
		}
	}
	return false;
}

bool trace_enabled(enum trace_level level)
{
	return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

struct trace_number trace_number(int64_t value)
{
	struct trace_number number;
	snprintf(number.text, sizeof(number.text), "%lld", (long long)value);
	return number;
}

static bool needs_quotes(const char *value)
{
	return value[0] == '\0' || strpbrk(value, " \"=\n\t\\") != NULL;
}

static void write_text_form(struct buffer *line, enum trace_level level, const char *event, va_list args)
{
	char when[CLOCK_TEXT_BYTES];
	clock_format(clock_wall_ms(), when);
	buffer_printf(line, "%s %s %s", when, level_names[level], event);
	const char *key;
	while ((key = va_arg(args, const char *))) {
		const char *value = va_arg(args, const char *);
		value = value ? value : "-";
		buffer_printf(line, " %s=", key);
		if (needs_quotes(value)) {
			struct json_writer quoted = json_write_to(line);
			json_write_text(&quoted, value);
		} else {
			buffer_append_text(line, value);
		}
	}
}

static void write_json_form(struct buffer *line, enum trace_level level, const char *event, va_list args)
{
	char when[CLOCK_TEXT_BYTES];
	clock_format(clock_wall_ms(), when);
	struct json_writer w = json_write_to(line);
	json_write_object(&w);
	json_write_member_text(&w, "time", when);
	json_write_member_text(&w, "level", level_names[level]);
	json_write_member_text(&w, "event", event);
	const char *key;
	while ((key = va_arg(args, const char *)))
		json_write_member_text(&w, key, va_arg(args, const char *));
	json_write_end_object(&w);
}

void trace_event(enum trace_level level, const char *event, ...)
{
	if (!trace_enabled(level))
		return;
	OWNED(buffer) struct buffer line = {0};
	if (atomic_load(&marks_now))
		buffer_append_text(&line, priorities[level]);
	va_list args;
	va_start(args, event);
	if (atomic_load(&json_now))
		write_json_form(&line, level, event, args);
	else
		write_text_form(&line, level, event, args);
	va_end(args);
	buffer_append_byte(&line, '\n');
	// Nothing sensible can be done when stderr is gone.
	ssize_t ignored UNUSED = write(STDERR_FILENO, line.data, line.size);
}
