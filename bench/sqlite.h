/// What both in-process loops share: opening the database and giving up on an error.
#ifndef ATOLL_BENCH_SQLITE_H
#define ATOLL_BENCH_SQLITE_H

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void expect(sqlite3 *db, int got, int wanted)
{
	if (got == wanted)
		return;
	fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(db));
	exit(1);
}

static inline sqlite3 *open_database(const char *path, const char *setup)
{
	sqlite3 *db = NULL;
	expect(db,
	       sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			       NULL),
	       SQLITE_OK);
	expect(db, sqlite3_exec(db, setup, NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static inline sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	expect(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), SQLITE_OK);
	return statement;
}

static inline double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
