#include "cli/shell_output.h"

#include <string.h>

#include "base/json_write.h"
#include "cli/json_copy.h"
#include "cli/sql_value.h"
#include "cli/table.h"
#include "cli/text_width.h"

static const char *const mode_names[] = {"table", "list", "csv", "json", "line", "markdown"};

bool output_mode_of(const char *name, enum output_mode *out)
{
	for (size_t i = 0; i < ARRAY_LENGTH(mode_names); i++) {
		if (strcmp(name, mode_names[i]) == 0) {
			*out = (enum output_mode)i;
			return true;
		}
	}
	return false;
}

const char *output_mode_name(enum output_mode mode)
{
	return mode_names[mode];
}

// A result, and one line of output that is built and written again and again.
struct printing {
	const struct output *output;
	const struct json *columns;
	const struct json *rows;
	size_t column_count;
	size_t row_count;
	struct buffer line;
};

static const char *column_name(const struct printing *p, size_t column)
{
	return json_text_at(json_read_at(p->columns, column), "name");
}

static const struct json *value_at(const struct printing *p, size_t row, size_t column)
{
	return json_read_at(json_read_at(p->rows, row), column);
}

static void append_raw(const struct printing *p, struct buffer *out, const struct buffer *text)
{
	if (p->output->harmless)
		text_append_visible(out, text->data, text->size);
	else
		buffer_append(out, text->data, text->size);
}

static void write_line(struct printing *p)
{
	buffer_append_byte(&p->line, '\n');
	fwrite(p->line.data, 1, p->line.size, p->output->file);
	buffer_truncate(&p->line, 0);
}

static void print_table(struct printing *p)
{
	OWNED(table) struct table table = table_of_columns(p->column_count);
	OWNED(buffer) struct buffer text = {0};
	for (size_t column = 0; column < p->column_count; column++)
		table_add(&table, column_name(p, column));
	for (size_t row = 0; row < p->row_count; row++) {
		for (size_t column = 0; column < p->column_count; column++) {
			const struct json *value = value_at(p, row, column);
			enum sql_kind kind = sql_value_kind(value);
			buffer_truncate(&text, 0);
			sql_value_append(&text, value);
			if (kind == SQL_INTEGER || kind == SQL_REAL)
				table_add_number(&table, text.data, text.size);
			else
				table_add_sized(&table, buffer_text(&text), text.size);
		}
	}
	unsigned style = p->output->headers ? TABLE_RULED : TABLE_UNTITLED;
	table_print(&table, p->output->file, style | (p->output->color ? TABLE_BOLD : 0));
}

static void print_list(struct printing *p)
{
	OWNED(buffer) struct buffer text = {0};
	for (size_t column = 0; p->output->headers && column < p->column_count; column++) {
		buffer_truncate(&text, 0);
		buffer_append_text(&text, column_name(p, column));
		if (column > 0)
			buffer_append_byte(&p->line, '|');
		append_raw(p, &p->line, &text);
	}
	if (p->output->headers)
		write_line(p);
	for (size_t row = 0; row < p->row_count; row++) {
		for (size_t column = 0; column < p->column_count; column++) {
			buffer_truncate(&text, 0);
			sql_value_append(&text, value_at(p, row, column));
			if (column > 0)
				buffer_append_byte(&p->line, '|');
			append_raw(p, &p->line, &text);
		}
		write_line(p);
	}
}

static void append_field(const struct printing *p, struct buffer *out, const struct buffer *text)
{
	bool quoted = text->size == 0;
	for (size_t i = 0; i < text->size && !quoted; i++)
		quoted = strchr(",\"\r\n", text->data[i]) != NULL; // finds NUL too
	if (!quoted) {
		append_raw(p, out, text);
		return;
	}
	OWNED(buffer) struct buffer doubled = {0};
	for (size_t i = 0; i < text->size; i++) {
		if (text->data[i] == '"')
			buffer_append_byte(&doubled, '"');
		buffer_append_byte(&doubled, text->data[i]);
	}
	buffer_append_byte(out, '"');
	append_raw(p, out, &doubled);
	buffer_append_byte(out, '"');
}

static void print_csv(struct printing *p)
{
	OWNED(buffer) struct buffer text = {0};
	for (size_t column = 0; p->output->headers && column < p->column_count; column++) {
		buffer_truncate(&text, 0);
		buffer_append_text(&text, column_name(p, column));
		if (column > 0)
			buffer_append_byte(&p->line, ',');
		append_field(p, &p->line, &text);
	}
	if (p->output->headers)
		write_line(p);
	for (size_t row = 0; row < p->row_count; row++) {
		for (size_t column = 0; column < p->column_count; column++) {
			const struct json *value = value_at(p, row, column);
			if (column > 0)
				buffer_append_byte(&p->line, ',');
			if (sql_value_kind(value) == SQL_NULL)
				continue;
			buffer_truncate(&text, 0);
			sql_value_append(&text, value);
			append_field(p, &p->line, &text);
		}
		write_line(p);
	}
}

static void write_json_value(struct json_writer *w, const struct json *value)
{
	size_t size = 0;
	const char *text = json_read_text(json_read_get(value, "value"), &size);
	switch (sql_value_kind(value)) {
	case SQL_INTEGER:
		json_write_raw(w, text ? text : "0", text ? size : 1);
		return;
	case SQL_TEXT:
		json_write_text_sized(w, text ? text : "", size);
		return;
	case SQL_BLOB:
		json_write_object(w);
		json_copy_member(w, "base64", json_read_get(value, "base64"));
		json_write_end_object(w);
		return;
	case SQL_REAL:
	case SQL_NULL:
		json_copy(w, json_read_get(value, "value"));
		return;
	}
}

static void print_json(struct printing *p)
{
	struct json_writer w = json_write_to(&p->line);
	json_write_array(&w);
	for (size_t row = 0; row < p->row_count; row++) {
		json_write_object(&w);
		for (size_t column = 0; column < p->column_count; column++) {
			json_write_key_escaped(&w, column_name(p, column));
			write_json_value(&w, value_at(p, row, column));
		}
		json_write_end_object(&w);
	}
	json_write_end_array(&w);
	write_line(p);
}

static void print_lines(struct printing *p)
{
	size_t widest = 0;
	for (size_t column = 0; column < p->column_count; column++) {
		const char *name = column_name(p, column);
		size_t width = text_width(name, strlen(name));
		widest = width > widest ? width : widest;
	}
	OWNED(buffer) struct buffer text = {0};
	for (size_t row = 0; row < p->row_count; row++) {
		if (row > 0)
			write_line(p);
		for (size_t column = 0; column < p->column_count; column++) {
			const char *name = column_name(p, column);
			for (size_t pad = text_width(name, strlen(name)); pad < widest; pad++)
				buffer_append_byte(&p->line, ' ');
			text_append_visible(&p->line, name, strlen(name));
			buffer_append_text(&p->line, " = ");
			buffer_truncate(&text, 0);
			sql_value_append(&text, value_at(p, row, column));
			append_raw(p, &p->line, &text);
			write_line(p);
		}
	}
}

static void append_markdown_cell(struct buffer *out, const struct buffer *text)
{
	OWNED(buffer) struct buffer visible = {0};
	for (size_t i = 0; i < text->size; i++) {
		if (text->data[i] == '\n') {
			buffer_append_text(&visible, "<br>");
			continue;
		}
		if (text->data[i] == '|' || text->data[i] == '\\')
			buffer_append_byte(&visible, '\\');
		buffer_append_byte(&visible, text->data[i]);
	}
	buffer_append_byte(out, ' ');
	text_append_visible(out, visible.data, visible.size);
	buffer_append_text(out, " |");
}

static void print_markdown(struct printing *p)
{
	OWNED(buffer) struct buffer text = {0};
	buffer_append_byte(&p->line, '|');
	for (size_t column = 0; column < p->column_count; column++) {
		buffer_truncate(&text, 0);
		// A table of Markdown has a head in any case.
		if (p->output->headers)
			buffer_append_text(&text, column_name(p, column));
		append_markdown_cell(&p->line, &text);
	}
	write_line(p);
	buffer_append_byte(&p->line, '|');
	for (size_t column = 0; column < p->column_count; column++)
		buffer_append_text(&p->line, "---|");
	write_line(p);
	for (size_t row = 0; row < p->row_count; row++) {
		buffer_append_byte(&p->line, '|');
		for (size_t column = 0; column < p->column_count; column++) {
			buffer_truncate(&text, 0);
			sql_value_append(&text, value_at(p, row, column));
			append_markdown_cell(&p->line, &text);
		}
		write_line(p);
	}
}

void output_result(const struct output *output, const struct json *result)
{
	struct printing p = {
		.output = output,
		.columns = json_read_get(result, "cols"),
		.rows = json_read_get(result, "rows"),
	};
	p.column_count = json_read_size(p.columns);
	p.row_count = json_read_size(p.rows);
	if (p.column_count == 0)
		return;
	switch (output->mode) {
	case OUTPUT_TABLE:
		print_table(&p);
		break;
	case OUTPUT_LIST:
		print_list(&p);
		break;
	case OUTPUT_CSV:
		print_csv(&p);
		break;
	case OUTPUT_JSON:
		print_json(&p);
		break;
	case OUTPUT_LINE:
		print_lines(&p);
		break;
	case OUTPUT_MARKDOWN:
		print_markdown(&p);
		break;
	}
	buffer_cleanup(&p.line);
}
