// What one application needs for a result of 10,000 rows in JSON when nothing stands between it and SQLite: steps the
// same statement on the same table, writes the same bytes, in this process, to nowhere.
//
//     rows_loop DATABASE SECONDS REPLY_FILE
//
// REPLY_FILE holds what the server under test answered: the loop writes its rows in that form, and says how many bytes of
// them it wrote a second, in MB.
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "sqlite.h"

enum { ROWS = 10000, OUT_BYTES = 64 * 1024, ROW_BYTES_MAX = 400 };

static char out[OUT_BYTES];
static size_t out_size;
static int64_t written;

static void flush_out(int fd)
{
	if (write(fd, out, out_size) != (ssize_t)out_size) {
		perror("rows_loop: write");
		exit(1);
	}
	written += (int64_t)out_size;
	out_size = 0;
}

static void put(const char *bytes, size_t size)
{
	memcpy(out + out_size, bytes, size);
	out_size += size;
}
#define PUT(literal) put("" literal "", sizeof(literal) - 1)

static void put_integer(int64_t value)
{
	char text[20];
	char *begin = text + sizeof(text);
	do
		*--begin = (char)('0' + value % 10);
	while (value /= 10);
	put(begin, (size_t)(text + sizeof(text) - begin));
}

// Nothing of the table's needs to be escaped; whoever writes for strangers has to look.
static void put_text(const unsigned char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] < 0x20 || text[i] >= 0x7f || text[i] == '"' || text[i] == '\\') {
			fprintf(stderr, "rows_loop: this text would have to be escaped\n");
			exit(1);
		}
	}
	put((const char *)text, size);
}

static void put_row(sqlite3_stmt *select)
{
	PUT("[{\"type\":\"integer\",\"value\":\"");
	put_integer(sqlite3_column_int64(select, 0));
	PUT("\"},{\"type\":\"text\",\"value\":\"");
	const unsigned char *name = sqlite3_column_text(select, 1);
	put_text(name, (size_t)sqlite3_column_bytes(select, 1));
	PUT("\"},{\"type\":\"integer\",\"value\":\"");
	put_integer(sqlite3_column_int64(select, 2));
	PUT("\"}]");
}

static void put_result(sqlite3 *db, sqlite3_stmt *select, int fd)
{
	int rc;
	int rows = 0;
	PUT("{\"rows\":[");
	while ((rc = sqlite3_step(select)) == SQLITE_ROW) {
		if (rows++ > 0)
			PUT(",");
		put_row(select);
		if (out_size > OUT_BYTES - ROW_BYTES_MAX)
			flush_out(fd);
	}
	PUT("]}");
	flush_out(fd);
	expect(db, rc, SQLITE_DONE);
	expect(db, sqlite3_reset(select), SQLITE_OK);
	if (rows != ROWS) {
		fprintf(stderr, "rows_loop: %d rows\n", rows);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: rows_loop DATABASE SECONDS\n");
		return 2;
	}
	int fd = open("/dev/null", O_WRONLY);
	sqlite3 *db =
		open_database(argv[1], "PRAGMA journal_mode=WAL;"
				       "CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY,"
				       " name TEXT NOT NULL, value INTEGER NOT NULL);"
				       "DELETE FROM item;"
				       "WITH RECURSIVE k(i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM k"
				       " WHERE i < 199999)"
				       " INSERT INTO item SELECT i, 'item number ' || i, i * 7 FROM k");
	sqlite3_stmt *select = prepare(db, "SELECT id, name, value FROM item LIMIT 10000");
	put_result(db, select, fd);
	written = 0;
	double start = now_s(), elapsed;
	do {
		put_result(db, select, fd);
		elapsed = now_s() - start;
	} while (elapsed < atof(argv[2]));
	printf("%.1f\n", (double)written / elapsed / 1e6);
	sqlite3_finalize(select);
	sqlite3_close(db);
	return 0;
}
