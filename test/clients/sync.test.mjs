// @tursodatabase/sync: a replica in the client's process that pulls pages and pushes SQL (spec/replication.md §6).
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from '@tursodatabase/sync';
import { startServer, until } from '../lib/server.mjs';

let server;
let folder;
let count = 0;
before(async () => {
	folder = mkdtempSync(path.join(tmpdir(), 'atoll-sync-'));
	server = await startServer();
});
after(async () => {
	await server?.stop();
	rmSync(folder, { recursive: true, force: true });
});

const file = () => path.join(folder, `replica-${++count}.db`);

/// A client of the database, closed with the test.
async function replica(t, database, options = {}) {
	const db = await connect({ path: file(), url: server.db_url(database.label), authToken: database.jwt, clientName: 'test', ...options });
	t.after(() => db.close());
	return db;
}

const all = async (db, sql, ...args) => (await db.prepare(sql)).all(...args);

// What the client keeps for itself lies in its own tables.
const tables = `SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'turso_%'
	AND name NOT LIKE '\\_\\_turso%' ESCAPE '\\' ORDER BY name`;

/// The client has what the primary has, row by row, and its file is sound.
async function same(db, database) {
	const theirs = await server.rows(database.label, tables);
	assert.deepEqual(await all(db, tables), theirs);
	for (const { name } of theirs) {
		const rows = `SELECT rowid AS r, quote(x) AS x FROM "${name}" ORDER BY rowid`;
		assert.deepEqual(await all(db, rows), await server.rows(database.label, rows), name);
	}
	assert.deepEqual(await all(db, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
}

async function make(name, rows = 3) {
	const database = await server.createDatabase(name, ['ord']);
	await server.sql(database.label, ['CREATE TABLE t (id INTEGER PRIMARY KEY, x)', fill(1, rows)]);
	return database;
}

const fill = (from, to, table = 't') =>
	`WITH RECURSIVE c(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM c WHERE n < ${to}) INSERT INTO ${table} SELECT n, hex(n * 7919) || 'row' FROM c`;

test('§6 connect brings the whole database, and pull what is new', async (t) => {
	const database = await make('first');
	const db = await replica(t, database);
	await same(db, database);
	assert.equal(await db.pull(), false);
	await server.sql(database.label, ["INSERT INTO t VALUES (10, 'ten')", "UPDATE t SET x = 'two' WHERE id = 2"]);
	assert.equal(await db.pull(), true);
	await same(db, database);
	assert.equal(await db.pull(), false);
});

test('§6 an empty database can be followed from its beginning', async (t) => {
	const database = await server.createDatabase('empty', ['ord']);
	const db = await replica(t, database);
	assert.equal(await db.pull(), false);
	await server.sql(database.label, ['CREATE TABLE t (id INTEGER PRIMARY KEY, x)', fill(1, 500)]);
	assert.equal(await db.pull(), true);
	await same(db, database);
});

test('§6 push sends what was written locally, and a pull brings nothing twice', async (t) => {
	const database = await make('push');
	const db = await replica(t, database);
	await db.exec("INSERT INTO t VALUES (20, 'mine'); UPDATE t SET x = 'changed' WHERE id = 1; DELETE FROM t WHERE id = 3");
	await db.exec('CREATE TABLE u (x TEXT)');
	await db.exec("INSERT INTO u VALUES ('also')");
	await db.push();
	assert.deepEqual(await server.rows(database.label, 'SELECT id, x FROM t ORDER BY id'), await all(db, 'SELECT id, x FROM t ORDER BY id'));
	await db.pull();
	await same(db, database);
	await db.push();
	assert.equal((await server.rows(database.label, 'SELECT count(*) AS n FROM u'))[0].n, 1);
});

test('§6 two replicas see each other’s rows', async (t) => {
	const database = await make('two');
	const a = await replica(t, database);
	const b = await replica(t, database);
	await a.exec("INSERT INTO t VALUES (100, 'from a')");
	await b.exec("INSERT INTO t VALUES (200, 'from b')");
	await a.push();
	await b.push();
	await a.pull();
	await b.pull();
	await same(a, database);
	await same(b, database);
	assert.equal((await all(a, 'SELECT x FROM t WHERE id >= 100 ORDER BY id')).length, 2);
});
