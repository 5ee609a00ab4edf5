// npm `libsql` and `@libsql/client` with a file that follows the server (spec/replication.md: protocol R1). What they end
// with is compared as a whole: the dump of the client's file with that of its primary, and SQLite's own check of the file.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'libsql';
import { startServer } from '../lib/server.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'atoll-embedded-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const new_file = () => path.join(folder, `replica-${++files}.db`);

let server;
before(async () => {
	server = await startServer();
});
after(() => server?.stop());

let databases = 0;
async function new_database(locations = ['ord'], options = {}) {
	return server.createDatabase(`db${++databases}`, locations, options);
}

const address_of = (label) => `${server.url}/db/${label}`;

function open(t, db, { label = db.label, file = new_file(), token = db.jwt, ...options } = {}) {
	const client = new Database(file, { syncUrl: address_of(label), authToken: token, ...options });
	client.file = file;
	t.after(() => client.close());
	return client;
}

const command_line = (file, sql) => execFileSync('sqlite3', ['-batch', file, sql], { encoding: 'utf8', maxBuffer: 1 << 28 });

// Of texts this long only the place where they part is worth reading.
function assert_same_text(actual, expected) {
	if (actual === expected) return;
	let at = 0;
	while (actual[at] === expected[at]) at++;
	const around = (text) => text.slice(Math.max(0, at - 60), at + 120);
	assert.equal(around(actual), around(expected), `at character ${at} of ${expected.length}`);
}

async function assert_same(file, db) {
	assert.equal(command_line(file, 'PRAGMA integrity_check').trim(), 'ok');
	const dump = await server.data_plane(db.label, '/dump', undefined, { method: 'GET' });
	assert.equal(dump.status, 200);
	assert_same_text(command_line(file, '.dump'), dump.text);
}

const run = (db, sql, label = db.label) => server.rows(label, sql);

// A statement that is not read to its end pins what its client sees of the file (spec/replication.md §1): never get().
const rows = (client, sql, ...args) => client.prepare(sql).all(...args);
const count = (client, where = '1') => rows(client, `SELECT count(*) AS c FROM things WHERE ${where}`)[0].c;

async function fill(db, table = 'things', count = 100) {
	await run(db, `CREATE TABLE ${table} (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n REAL, b BLOB)`);
	await run(
		db,
		`INSERT INTO ${table} (name, n, b) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${count})
		 SELECT 'name ' || i, i, randomblob(i % 300) FROM c`,
	);
}

test('a first sync brings the whole database, a further one what came since', async (t) => {
	const db = await new_database();
	await fill(db);
	const client = open(t, db);
	assert.ok((await client.sync()).frames_synced > 0);
	assert.equal(count(client), 100);
	await assert_same(client.file, db);
	await run(db, "INSERT INTO things (name) VALUES ('later')");
	await client.sync();
	assert.equal(count(client, "name = 'later'"), 1);
	await assert_same(client.file, db);
	assert.equal((await client.sync()).frames_synced, 0);
});

test('an empty database can be synced, and what is made of it', async (t) => {
	const db = await new_database();
	const client = open(t, db);
	await client.sync();
	await assert_same(client.file, db);
	await fill(db);
	await client.sync();
	await assert_same(client.file, db);
});

test('many pages, and one transaction of many', async (t) => {
	const db = await new_database();
	await fill(db);
	const client = open(t, db);
	await client.sync();
	await run(db, 'CREATE TABLE large (b)');
	await run(
		db,
		`INSERT INTO large WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 6000)
		 SELECT randomblob(4000) FROM c`,
	);
	await client.sync();
	await assert_same(client.file, db);
	const other = open(t, db);
	await other.sync();
	await assert_same(other.file, db);
});

test('writes go to the primary and are read here at once', async (t) => {
	const db = await new_database();
	await fill(db);
	const client = open(t, db);
	await client.sync();
	const insert = client.prepare('INSERT INTO things (name, n, b) VALUES (?, ?, ?)');
	const done = insert.run('mine', 1.5, Buffer.from([0, 1, 255]));
	assert.equal(done.changes, 1);
	assert.equal(Number(done.lastInsertRowid), 101);
	const [row] = rows(client, "SELECT * FROM things WHERE name = 'mine'");
	assert.deepEqual([row.id, row.n, [...new Uint8Array(row.b)]], [101, 1.5, [0, 1, 255]]);
	assert.equal((await run(db, "SELECT count(*) AS c FROM things WHERE name = 'mine'"))[0].c, 1);
	client.exec("CREATE TABLE more (a TEXT); INSERT INTO more VALUES ('Grüße 👋'); INSERT INTO more VALUES (NULL)");
	assert.deepEqual(rows(client, 'SELECT a FROM more'), [{ a: 'Grüße 👋' }, { a: null }]);
	client.prepare('UPDATE things SET n = :n WHERE id = $id').run({ n: 9007199254740993n, id: 1 });
	assert.throws(() => insert.run('mine', 0, null), /UNIQUE constraint failed: things.name/);
	assert.throws(() => client.exec('INSERT INTO nowhere VALUES (1)'), /no such table: nowhere/);
	await assert_same(client.file, db);
});

test('a transaction is one connection: its own reads see it, others do not', async (t) => {
	const db = await new_database();
	await fill(db);
	const client = open(t, db);
	await client.sync();
	client.exec('BEGIN');
	client.prepare("INSERT INTO things (name) VALUES ('inside')").run();
	assert.equal(client.inTransaction, true);
	assert.equal(count(client), 101);
	assert.deepEqual(client.prepare('SELECT name, n FROM things WHERE id = 101').raw().all(), [['inside', null]]);
	assert.equal((await run(db, 'SELECT count(*) AS c FROM things'))[0].c, 100);
	client.exec('ROLLBACK');
	assert.equal(client.inTransaction, false);
	assert.equal(count(client), 100);
	const many = client.transaction((names) => {
		for (const name of names) client.prepare('INSERT INTO things (name) VALUES (?)').run(name);
	});
	many(['a', 'b', 'c']);
	assert.throws(() => many(['d', 'a']), /UNIQUE/);
	assert.equal(count(client), 103);
	await assert_same(client.file, db);
});
