// What SQLite gives an application that has it in its own process: prepared selects by primary key, each a
// transaction of its own.
//
//     sqlite_limit DATABASE SECONDS
#include "sqlite.h"

enum { FIRST_KEY = 100000, KEY_COUNT = 100000 };

static const char fill[] =
	"PRAGMA journal_mode=WAL;"
	"CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
	" value INTEGER NOT NULL);"
	"WITH RECURSIVE n(i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM n WHERE i < 199999)"
	" INSERT OR IGNORE INTO item SELECT i, 'item number ' || i, i * 7 FROM n";

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: sqlite_limit DATABASE SECONDS\n");
		return 2;
	}
	sqlite3 *db = open_database(argv[1], fill);
	sqlite3_stmt *select = prepare(db, "SELECT id, name, value FROM item WHERE id = ?");
	uint64_t state = 88172645463325252U;
	int64_t rows = 0, sum = 0;
	double start = now_s(), elapsed;
	do {
		for (int i = 0; i < 100; i++) {
			int64_t key = FIRST_KEY + (int64_t)(next_random(&state) % KEY_COUNT);
			expect(db, sqlite3_bind_int64(select, 1, key), SQLITE_OK);
			expect(db, sqlite3_step(select), SQLITE_ROW);
			sum += sqlite3_column_int64(select, 0) + sqlite3_column_text(select, 1)[0] +
			       sqlite3_column_int64(select, 2);
			expect(db, sqlite3_step(select), SQLITE_DONE);
			expect(db, sqlite3_reset(select), SQLITE_OK);
		}
		rows += 100;
		elapsed = now_s() - start;
	} while (elapsed < atof(argv[2]));
	printf("%.1f\n", (double)rows / elapsed);
	sqlite3_finalize(select);
	sqlite3_close(db);
	return sum == 0;
}
