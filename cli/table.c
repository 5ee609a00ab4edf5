#include "cli/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "cli/text_width.h"

struct table_cell {
	size_t offset; // in the table's text
	size_t size;
	size_t width;
	bool right;
};

enum { GAP = 2 }; // blanks between columns

struct table table_of_columns(size_t count)
{
	return (struct table){.column_count = count};
}

struct table table_of(const char *const *titles, size_t count)
{
	struct table table = table_of_columns(count);
	for (size_t i = 0; i < count; i++)
		table_add(&table, titles[i]);
	return table;
}

static void add_cell(struct table *table, const char *text, size_t size, bool right)
{
	if (table->cell_count == table->cell_capacity) {
		table->cell_capacity = table->cell_capacity ? table->cell_capacity * 2 : 64;
		table->cells = realloc(table->cells, table->cell_capacity * sizeof(*table->cells));
		ASSERT(table->cells != NULL);
	}
	struct table_cell *cell = &table->cells[table->cell_count++];
	cell->offset = table->text.size;
	cell->width = text_append_visible(&table->text, text, size);
	cell->size = table->text.size - cell->offset;
	cell->right = right;
}

void table_add_sized(struct table *table, const char *text, size_t size)
{
	add_cell(table, text, size, false);
}

void table_add(struct table *table, const char *text)
{
	add_cell(table, text ? text : "", text ? strlen(text) : 0, false);
}

void table_add_number(struct table *table, const char *text, size_t size)
{
	add_cell(table, text, size, true);
}

void table_addf(struct table *table, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = NULL;
	int size = vasprintf(&text, format, args);
	va_end(args);
	ASSERT(size >= 0);
	add_cell(table, text, (size_t)size, false);
	free(text);
}

size_t table_row_count(const struct table *table)
{
	return table->column_count == 0 ? 0 : table->cell_count / table->column_count - 1;
}

static void pad(FILE *out, size_t columns, char with)
{
	for (size_t i = 0; i < columns; i++)
		fputc(with, out);
}

static void print_row(const struct table *table, const size_t *widths, size_t row, bool bold, FILE *out)
{
	const struct table_cell *cells = table->cells + row * table->column_count;
	size_t blanks = 0; // owed, and paid only if something follows on the line
	for (size_t column = 0; column < table->column_count; column++) {
		const struct table_cell *cell = &cells[column];
		size_t padding = widths[column] - cell->width;
		if (cell->size > 0) {
			pad(out, blanks + (cell->right ? padding : 0), ' ');
			fputs(bold ? "\033[1m" : "", out);
			fwrite(table->text.data + cell->offset, 1, cell->size, out);
			fputs(bold ? "\033[0m" : "", out);
			blanks = cell->right ? 0 : padding;
		} else {
			blanks += widths[column];
		}
		blanks += GAP;
	}
	fputc('\n', out);
}

static void print_rule(const struct table *table, const size_t *widths, FILE *out)
{
	for (size_t column = 0; column < table->column_count; column++) {
		if (column > 0)
			pad(out, GAP, ' ');
		pad(out, widths[column] ? widths[column] : 1, '-');
	}
	fputc('\n', out);
}

void table_print(struct table *table, FILE *out, unsigned style)
{
	if (table->column_count == 0)
		return;
	ASSERT(table->cell_count % table->column_count == 0);
	size_t *widths = calloc(table->column_count, sizeof(*widths));
	ASSERT(widths != NULL);
	bool titled = !(style & TABLE_UNTITLED);
	size_t rows = table_row_count(table) + 1;
	for (size_t i = titled ? 0 : table->column_count; i < table->cell_count; i++) {
		size_t *width = &widths[i % table->column_count];
		if (table->cells[i].width > *width)
			*width = table->cells[i].width;
	}
	if (titled) {
		print_row(table, widths, 0, style & TABLE_BOLD, out);
		if (style & TABLE_RULED)
			print_rule(table, widths, out);
	}
	for (size_t row = 1; row < rows; row++)
		print_row(table, widths, row, false, out);
	free(widths);
}

void table_cleanup(struct table *table)
{
	buffer_cleanup(&table->text);
	free(table->cells);
	*table = (struct table){0};
}
