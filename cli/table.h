/// table: rows of texts in aligned columns.
///
/// Cells are copied and made harmless for a terminal. A zeroed struct with titles set is an empty table;
/// table_cleanup frees it.
///
///     OWNED(table) struct table table = table_of((const char *const[]){"NAME", "TYPE"}, 2);
///     table_add(&table, name);  table_add(&table, type);      // a row is full after as many cells as titles
///     table_print(&table, stdout, TABLE_PLAIN);
#ifndef ATOLL_CLI_TABLE_H
#define ATOLL_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/attributes.h"
#include "base/buffer.h"

enum table_style {
	TABLE_PLAIN = 0,
	TABLE_BOLD = 1,     // titles in bold
	TABLE_RULED = 2,    // a line of dashes under each title
	TABLE_UNTITLED = 4, // no titles
};

struct table {
	size_t column_count;
	struct buffer text; // all cells, titles first
	struct table_cell *cells;
	size_t cell_count;
	size_t cell_capacity;
};

struct table table_of(const char *const *titles, size_t count);
/// A table whose titles are added as its first cells.
struct table table_of_columns(size_t count);

void table_add(struct table *table, const char *text); // NULL is an empty cell
void table_add_sized(struct table *table, const char *text, size_t size);
/// A cell that is aligned to the right, as numbers are.
void table_add_number(struct table *table, const char *text, size_t size);
void table_addf(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);

/// Rows under the titles.
size_t table_row_count(const struct table *table);
void table_print(struct table *table, FILE *out, unsigned style);
void table_cleanup(struct table *table);

#endif
