// @tursodatabase/sync: a replica in the client's process that pulls pages and pushes SQL (spec/replication.md §6).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connect_newest } from '@tursodatabase/sync';
import { connect as connect_2025 } from 'turso-sync-2025';
import { settled_copy } from '../lib/checks.mjs';
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
async function replica(t, connect, database, options = {}) {
	const at = file();
	const db = await connect({ path: at, url: server.db_url(database.label), authToken: database.jwt, clientName: 'test', ...options });
	db.file = at;
	t.after(() => db.close());
	return db;
}

const all = async (db, sql, ...args) => (await db.prepare(sql)).all(...args);

// What the client keeps for itself lies in its own tables.
const tables = `SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'turso_%'
	AND name NOT LIKE '\\_\\_turso%' ESCAPE '\\' ORDER BY name`;

/// What somebody else's sqlite3 says to a copy of the client's file.
function ask_file(file, ...statements) {
	const copy = settled_copy(file, folder, `copy-${++count}`);
	const said = statements.map((sql) => execFileSync('sqlite3', ['-batch', '-json', copy, sql], { encoding: 'utf8', maxBuffer: 1 << 28 }));
	return said.map((text) => (text.trim() ? JSON.parse(text) : []));
}

const sound = (file) => assert.deepEqual(ask_file(file, 'PRAGMA integrity_check'), [[{ integrity_check: 'ok' }]]);

/// The client has what the primary has, row by row, its file has it too, and is sound.
async function same(db, database, of = server) {
	const theirs = await of.rows(database.label, tables);
	assert.deepEqual(await all(db, tables), theirs);
	for (const { name } of theirs) {
		const rows = `SELECT rowid AS r, typeof(x) AS kind, hex(x) AS x FROM "${name}" ORDER BY rowid`;
		const expected = await of.rows(database.label, rows);
		assert.deepEqual(await all(db, rows), expected, name);
		assert.deepEqual(ask_file(db.file, rows), [expected], `${name} in the file`);
	}
	sound(db.file);
}

let databases = 0;
async function make(name, rows = 3) {
	const database = await server.createDatabase(`${name}-${++databases}`, ['ord']);
	await server.sql(database.label, ['CREATE TABLE t (id INTEGER PRIMARY KEY, x)', fill(1, rows)]);
	return database;
}

const fill = (from, to, table = 't') =>
	`WITH RECURSIVE c(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM c WHERE n < ${to}) INSERT INTO ${table} SELECT n, hex(n * 7919) || 'row' FROM c`;

// The newest, and the oldest that is to be had, a year older. Of that one:
//     refusal      it takes no notice of the status of a reply to its first request, and fails because the body makes no sense
//     is_complete  it has no partial replicas and no writes that go to the primary: its options of these names do nothing
const versions = {
	'@tursodatabase/sync 0.7.2': { connect: connect_newest, refusal: /40[14]/, is_complete: true },
	'@tursodatabase/sync 0.2.2': { connect: connect_2025, refusal: /unexpected end of protobuf message|failed to decode/, is_complete: false },
};

for (const [version, { connect, refusal, is_complete }] of Object.entries(versions))
	describe(version, () => {
		test('§6 connect brings the whole database, and pull what is new', async (t) => {
			const database = await make('first');
			const db = await replica(t, connect, database);
			await same(db, database);
			assert.equal(await db.pull(), false);
			await server.sql(database.label, ["INSERT INTO t VALUES (10, 'ten')", "UPDATE t SET x = 'two' WHERE id = 2"]);
			assert.equal(await db.pull(), true);
			await same(db, database);
			assert.equal(await db.pull(), false);
		});

		test('§6 an empty database can be followed from its beginning', async (t) => {
			const database = await server.createDatabase(`empty-${++databases}`, ['ord']);
			const db = await replica(t, connect, database);
			assert.equal(await db.pull(), false);
			await server.sql(database.label, ['CREATE TABLE t (id INTEGER PRIMARY KEY, x)', fill(1, 500)]);
			assert.equal(await db.pull(), true);
			await same(db, database);
		});

		test('§6 push sends what was written locally, and a pull brings nothing twice', async (t) => {
			const database = await make('push');
			const db = await replica(t, connect, database);
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
			const a = await replica(t, connect, database);
			const b = await replica(t, connect, database);
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

		test('§6 many pulls and pushes in turn leave both sides equal', async (t) => {
			const database = await make('turns', 50);
			const a = await replica(t, connect, database);
			const b = await replica(t, connect, database);
			for (let round = 0; round < 15; round++) {
				await a.exec(`INSERT INTO t VALUES (${1000 + round}, 'a${round}')`);
				await b.exec(`UPDATE t SET x = 'b${round}' WHERE id = ${round + 1}`);
				await server.sql(database.label, [`DELETE FROM t WHERE id = ${50 - round}`, `INSERT INTO t VALUES (${2000 + round}, zeroblob(6000))`]);
				await a.push();
				await b.pull();
				await b.push();
				await a.pull();
			}
			await b.pull();
			await same(a, database);
			await same(b, database);
		});

		test('§6 VACUUM and mass delete in between', async (t) => {
			const database = await make('vacuum', 5000);
			const db = await replica(t, connect, database);
			await server.sql(database.label, ['DELETE FROM t WHERE id % 50 <> 0']);
			assert.equal(await db.pull(), true);
			await same(db, database);
			await server.sql(database.label, ['VACUUM']);
			assert.equal(await db.pull(), true);
			await same(db, database);
			await server.sql(database.label, ['DROP TABLE t', 'CREATE TABLE t (id INTEGER PRIMARY KEY, x)', fill(1, 2000), 'VACUUM']);
			await db.pull();
			await same(db, database);
		});

		test('§6 the server restarts, and is killed, in between', async (t) => {
			const own = await startServer();
			t.after(() => own.stop());
			const database = await own.createDatabase('restart', ['ord']);
			await own.sql(database.label, ['CREATE TABLE t (id INTEGER PRIMARY KEY, x)', fill(1, 100)]);
			const url = () => own.db_url(database.label);
			const path_of_it = file();
			let db = Object.assign(await connect({ path: path_of_it, url, authToken: database.jwt }), { file: path_of_it });
			const count_rows = async () => (await all(db, 'SELECT count(*) AS n FROM t'))[0].n;
			await own.restart();
			await own.sql(database.label, fill(101, 150));
			assert.equal(await db.pull(), true);
			assert.equal(await count_rows(), 150);
			await own.kill();
			await assert.rejects(db.pull(), /fetch/);
			await db.exec("INSERT INTO t VALUES (1000, 'offline')");
			await db.close();
			// An existing file opens without a server.
			db = Object.assign(await connect({ path: path_of_it, url, authToken: database.jwt }), { file: path_of_it });
			assert.equal(await count_rows(), 151);
			await own.start('127.0.0.1:0');
			await db.push();
			await own.sql(database.label, fill(151, 160));
			await db.pull();
			assert.equal(await count_rows(), 161);
			await same(db, database, own);
			await db.close();
		});

		test('§6 a database of the same address with another history replaces what the replica has', async (t) => {
			const database = await make('before', 400);
			const other = await make('after', 30);
			let target = database;
			const db = await replica(t, connect, target, { url: () => server.db_url(target.label), authToken: async () => target.jwt });
			await same(db, database);
			target = other;
			assert.equal(await db.pull(), true);
			await same(db, other);
			target = database;
			await db.pull();
			await same(db, database);
		});

		test('§6 a database that was restored to a moment replaces what the replica has', async (t) => {
			const database = await make('present', 10);
			const at = new Date((await server.rows(database.label, "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS ms"))[0].ms + 2);
			await until('the moment to be over', () => Date.now() > at.getTime() + 5);
			await server.sql(database.label, ['DELETE FROM t WHERE id > 5', "INSERT INTO t VALUES (500, 'after the moment')"]);
			let target = database;
			const db = await replica(t, connect, target, { url: () => server.db_url(target.label), authToken: async () => target.jwt });
			target = await server.createDatabase(`past-${++databases}`, ['ord'], { seed: { type: 'database', name: database.name, timestamp: at.toISOString() } });
			await db.pull();
			await same(db, target);
			assert.equal((await all(db, 'SELECT count(*) AS n FROM t'))[0].n, 10);
		});

		test('§6 wrong tokens are refused, read-only ones pull and cannot push', async (t) => {
			const database = await make('tokens');
			const other = await make('stranger');
			for (const token of ['nonsense', undefined, server.token])
				await assert.rejects(connect({ path: file(), url: server.db_url(database.label), authToken: token }), refusal, token);
			await assert.rejects(connect({ path: file(), url: server.db_url(database.label), authToken: other.jwt }), refusal);
			const token = (await server.api('POST', `${database.path}/auth/tokens?authorization=read-only`)).json.jwt;
			const db = await replica(t, connect, database, { authToken: token });
			await server.sql(database.label, fill(10, 20));
			assert.equal(await db.pull(), true);
			await same(db, database);
			await db.exec("INSERT INTO t VALUES (999, 'mine')");
			await assert.rejects(db.push());
			assert.deepEqual(await server.rows(database.label, 'SELECT * FROM t WHERE id = 999'), []);
		});

		test('§6 a pull that waits ends with the next commit', async (t) => {
			const database = await make('wait');
			const db = await replica(t, connect, database, { longPollTimeoutMs: 20_000 });
			let done = false;
			const pulled = db.pull().finally(() => (done = true));
			await new Promise((resolve) => setTimeout(resolve, 300));
			assert.equal(done, false);
			await server.sql(database.label, "INSERT INTO t VALUES (77, 'news')");
			assert.equal(await pulled, true);
			await same(db, database);
		});

		test('§6 a bootstrap in pieces, while others write', async (t) => {
			const database = await make('pieces', 20_000);
			let writing = true;
			const writer = (async () => {
				for (let n = 0; writing; n++) await server.sql(database.label, `UPDATE t SET x = x || '${n}' WHERE id % 97 = ${n % 97}`);
			})();
			const db = await replica(t, connect, database, { pullBytesThreshold: 100_000 });
			sound(db.file);
			writing = false;
			await writer;
			await db.pull();
			await same(db, database);
		});

		const skip = is_complete ? false : 'this version has no such option';
		test('§6 partial replicas read what they do not have from their revision', { skip }, async (t) => {
			const database = await make('partial', 20_000);
			const bootstraps = { prefix: { kind: 'prefix', length: 64 * 1024 }, query: { kind: 'query', query: 'SELECT * FROM t WHERE id < 10' } };
			for (const [name, bootstrapStrategy] of Object.entries(bootstraps)) {
				const db = await replica(t, connect, database, { partialSyncExperimental: { bootstrapStrategy } });
				assert.equal((await all(db, 'SELECT count(*) AS n FROM t'))[0].n, (await server.rows(database.label, 'SELECT count(*) AS n FROM t'))[0].n, name);
				await server.sql(database.label, ["UPDATE t SET x = 'changed' WHERE id IN (5, 15000)", `INSERT INTO t (x) VALUES ('${name}')`]);
				await db.pull();
				assert.deepEqual(await all(db, 'SELECT x FROM t WHERE id IN (5, 15000)'), [{ x: 'changed' }, { x: 'changed' }], name);
				assert.equal((await all(db, 'SELECT count(*) AS n FROM t'))[0].n, (await server.rows(database.label, 'SELECT count(*) AS n FROM t'))[0].n, name);
			}
		});

		test('§6 writes that go to the primary are read here at once', { skip }, async (t) => {
			const database = await make('remote');
			const db = await replica(t, connect, database, { remoteWritesExperimental: true });
			await db.exec("INSERT INTO t VALUES (300, 'remote')");
			assert.deepEqual(await all(db, 'SELECT x FROM t WHERE id = 300'), [{ x: 'remote' }]);
			const insert = await db.prepare('INSERT INTO t VALUES (?, ?)');
			await insert.run(301, 'prepared');
			assert.deepEqual(await server.rows(database.label, 'SELECT x FROM t WHERE id = 301'), [{ x: 'prepared' }]);
			await same(db, database);
		});

		test('§6 large rows, many tables, STRICT and WITHOUT ROWID', async (t) => {
			const database = await make('shapes');
			await server.sql(database.label, [
				'CREATE TABLE s (id INTEGER PRIMARY KEY, x TEXT) STRICT',
				'CREATE TABLE w (id TEXT PRIMARY KEY, x) WITHOUT ROWID',
				"INSERT INTO s VALUES (1, 'ü€😀')",
				"INSERT INTO w VALUES ('k', 5)",
				'INSERT INTO t VALUES (900, randomblob(200000))',
				'CREATE INDEX i ON t (x)',
				'CREATE VIEW v AS SELECT count(*) AS n FROM t',
			]);
			const db = await replica(t, connect, database);
			assert.deepEqual(await all(db, 'SELECT * FROM s'), [{ id: 1, x: 'ü€😀' }]);
			assert.deepEqual(await all(db, 'SELECT * FROM w'), [{ id: 'k', x: 5 }]);
			assert.deepEqual(await all(db, 'SELECT hex(x) AS x FROM t WHERE id = 900'), await server.rows(database.label, 'SELECT hex(x) AS x FROM t WHERE id = 900'));
			sound(db.file);
		});
	});
