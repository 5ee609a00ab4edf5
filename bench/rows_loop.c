// What a large result costs at the least: a loop that steps the rows and writes them as the SQL protocol's JSON into memory.
//
//     rows_loop DATABASE SECONDS   prints MB/s
//     rows_loop DATABASE 0         prints the rows once, to compare them with a server's
#include "sqlite.h"

#include <stdbool.h>
#include <string.h>

enum { ROW_COUNT = 10000, ROW_BYTES_MAX = 512 };

static const char fill[] =
	"PRAGMA journal_mode=WAL;"
	"CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
	" value INTEGER NOT NULL);"
	"WITH RECURSIVE n(i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM n WHERE i < 199999)"
	" INSERT OR IGNORE INTO item SELECT i, 'item number ' || i, i * 7 FROM n";

static char *put(char *to, const char *text, size_t size)
{
	memcpy(to, text, size);
	return to + size;
}

#define PUT(to, literal) put(to, literal, sizeof(literal) - 1)

static char *put_integer(char *to, int64_t value)
{
	char digits[24];
	char *at = digits + sizeof(digits);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	to = PUT(to, "{\"type\":\"integer\",\"value\":\"");
	to = put(to, at, (size_t)(digits + sizeof(digits) - at));
	return PUT(to, "\"}");
}

static char *put_text(char *to, const unsigned char *text, int size)
{
	to = PUT(to, "{\"type\":\"text\",\"value\":\"");
	for (int i = 0; i < size; i++) {
		if (text[i] < 0x20 || text[i] == '"' || text[i] == '\\')
			to += sprintf(to, "\\u%04x", text[i]);
		else
			*to++ = (char)text[i];
	}
	return PUT(to, "\"}");
}

// Writes all rows; returns the end.
static char *run(sqlite3 *db, sqlite3_stmt *select, char *to)
{
	bool first = true;
	*to++ = '[';
	while (sqlite3_step(select) == SQLITE_ROW) {
		if (!first)
			*to++ = ',';
		first = false;
		*to++ = '[';
		to = put_integer(to, sqlite3_column_int64(select, 0));
		*to++ = ',';
		const unsigned char *text = sqlite3_column_text(select, 1);
		to = put_text(to, text, sqlite3_column_bytes(select, 1));
		*to++ = ',';
		to = put_integer(to, sqlite3_column_int64(select, 2));
		*to++ = ']';
	}
	expect(db, sqlite3_reset(select), SQLITE_OK);
	*to++ = ']';
	return to;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: rows_loop DATABASE SECONDS\n");
		return 2;
	}
	sqlite3 *db = open_database(argv[1], fill);
	sqlite3_stmt *select = prepare(db, "SELECT id, name, value FROM item LIMIT 10000");
	char *bytes = malloc((size_t)ROW_COUNT * ROW_BYTES_MAX);
	double seconds = atof(argv[2]);
	if (!bytes)
		return 1;
	if (seconds <= 0) {
		fwrite(bytes, 1, (size_t)(run(db, select, bytes) - bytes), stdout);
	} else {
		double start = now_s(), elapsed, written = 0;
		do {
			written += (double)(run(db, select, bytes) - bytes);
			elapsed = now_s() - start;
		} while (elapsed < seconds);
		printf("%.1f\n", written / 1e6 / elapsed);
	}
	free(bytes);
	sqlite3_finalize(select);
	sqlite3_close(db);
	return 0;
}
