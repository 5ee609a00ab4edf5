// What one application gets from SQLite when each row is durable before the next one starts: WAL,
// synchronous=FULL, one row a commit, in this process.
//
//     full_loop DATABASE SECONDS
#include <string.h>

#include "sqlite.h"

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: full_loop DATABASE SECONDS\n");
		return 2;
	}
	sqlite3 *db = open_database(argv[1], "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
					     "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY,"
					     " name TEXT NOT NULL, value INTEGER NOT NULL)");
	sqlite3_stmt *insert = prepare(db, "INSERT INTO entry (name, value) VALUES (?, ?)");
	double start = now_s(), elapsed;
	int64_t rows = 0;
	do {
		char name[32];
		snprintf(name, sizeof(name), "entry number %06d", (int)(100000 + rows % 100000));
		expect(db, sqlite3_bind_text(insert, 1, name, -1, SQLITE_STATIC), SQLITE_OK);
		expect(db, sqlite3_bind_int64(insert, 2, rows), SQLITE_OK);
		expect(db, sqlite3_step(insert), SQLITE_DONE);
		expect(db, sqlite3_reset(insert), SQLITE_OK);
		rows++;
		elapsed = now_s() - start;
	} while (elapsed < atof(argv[2]));
	printf("%.1f\n", (double)rows / elapsed);
	sqlite3_finalize(insert);
	sqlite3_close(db);
	return 0;
}
