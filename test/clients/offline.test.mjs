// npm `libsql` and `@libsql/client` with a file that is written while it is offline (spec/replication.md §5: protocol R2).
// What they end with is compared as a whole: the dump of the client's file with that of the database, and SQLite's own check
// of both.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createClient } from '@libsql/client';
import Database from 'libsql';
import Database2025 from 'libsql-2025-09';
import { sleep, startServer } from '../lib/server.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'atoll-offline-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const new_file = () => path.join(folder, `replica-${++files}.db`);

let server;
before(async () => {
	server = await startServer({ args: ['--generation-frames', '64'] });
});
after(() => server?.stop());

let databases = 0;
async function new_database(options = {}) {
	const db = await server.createDatabase(`off${++databases}`, ['ord'], options);
	const set = await server.api('PATCH', `${db.path}/configuration`, { offline_sync: true });
	assert.equal(set.status, 200, set.text);
	return db;
}

const address_of = (db) => `${server.url}/db/${db.label}`;

function open(t, Client, db, { file = new_file(), token = db.jwt } = {}) {
	const client = new Client(file, { syncUrl: address_of(db), authToken: token, offline: true });
	client.file = file;
	t.after(() => client.close());
	return client;
}

const command_line = (file, sql) => execFileSync('sqlite3', ['-batch', file, sql], { encoding: 'utf8', maxBuffer: 1 << 28 });

async function assert_same(file, db) {
	assert.equal(command_line(file, 'PRAGMA integrity_check').trim(), 'ok');
	assert.deepEqual(await run(db, 'PRAGMA integrity_check'), [['ok']]);
	const dump = await server.data_plane(db.label, '/dump', undefined, { method: 'GET' });
	assert.equal(dump.status, 200);
	assert.ok(command_line(file, '.dump') === dump.text, 'the dumps differ');
}

const run = async (db, sql) => (await server.rows(db.label, sql)).map((row) => Object.values(row).map(String));
const rows = (client, sql, ...args) => client.prepare(sql).all(...args);

async function fill(db, table = 'things', count = 100) {
	await run(db, `CREATE TABLE ${table} (id INTEGER PRIMARY KEY, name TEXT UNIQUE, b BLOB)`);
	await run(
		db,
		`INSERT INTO ${table} (name, b) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${count})
		 SELECT 'name ' || i, randomblob(i % 300) FROM c`,
	);
}

// The newest, and one a year older. 0.5.20 and before know no offline writes: they fail with "generation is 0", and ask nothing.
for (const [name, Client] of [
	['libsql 0.5.29', Database],
	['libsql 0.5.22', Database2025],
]) {
	describe(name, () => {
		test('a database is taken whole, then what is new', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
			await client.sync();
			await assert_same(client.file, db);
			await run(db, "INSERT INTO things (name) VALUES ('later')");
			await client.sync();
			assert.equal(rows(client, "SELECT count(*) AS c FROM things WHERE name = 'later'")[0].c, 1);
			await assert_same(client.file, db);
		});

		test('what is written offline is sent, and others get it', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
			await client.sync();
			client.exec('CREATE TABLE mine (x)');
			for (let i = 0; i < 20; i++) client.prepare('INSERT INTO mine VALUES (?)').run(i);
			await client.sync();
			assert.deepEqual(await run(db, 'SELECT count(*) FROM mine'), [['20']]);
			await assert_same(client.file, db);
			const other = open(t, Client, db);
			await other.sync();
			await assert_same(other.file, db);
			await run(db, 'INSERT INTO mine VALUES (99)');
			await client.sync();
			await other.sync();
			await assert_same(client.file, db);
			await assert_same(other.file, db);
		});

		test('a transaction of many pages goes over in pieces', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
			await client.sync();
			client.exec('CREATE TABLE large (b)');
			client.exec('INSERT INTO large WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 400) SELECT randomblob(4000) FROM c');
			await client.sync();
			await assert_same(client.file, db);
			await run(db, 'DELETE FROM large WHERE rowid % 2');
			await client.sync();
			await assert_same(client.file, db);
		});

		test('of two who write at once one is refused', async (t) => {
			const db = await new_database();
			await fill(db);
			const one = open(t, Client, db);
			const two = open(t, Client, db);
			await one.sync();
			await two.sync();
			one.exec("INSERT INTO things (name) VALUES ('one')");
			two.exec("INSERT INTO things (name) VALUES ('two')");
			await one.sync();
			await assert.rejects(async () => two.sync(), /onflict/);
			await assert_same(one.file, db);
			assert.deepEqual(await run(db, "SELECT count(*) FROM things WHERE name = 'two'"), [['0']]);
		});

		test('generations follow each other', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
			await client.sync();
			for (let i = 0; i < 40; i++) await run(db, `INSERT INTO things (name, b) VALUES ('g${i}', randomblob(9000))`);
			await client.sync();
			await assert_same(client.file, db);
			client.exec("INSERT INTO things (name) VALUES ('mine')");
			await client.sync();
			await assert_same(client.file, db);
			for (let i = 0; i < 40; i++) await run(db, `UPDATE things SET b = randomblob(9000) WHERE name = 'g${i}'`);
			await client.sync();
			await assert_same(client.file, db);
			const late = open(t, Client, db);
			await late.sync();
			await assert_same(late.file, db);
		});

		test('many small transactions are more than a generation', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
			await client.sync();
			for (let round = 0; round < 3; round++) {
				for (let i = 0; i < 150; i++) client.exec(`INSERT INTO things (name, b) VALUES ('s${round}-${i}', randomblob(${i * 20}))`);
				await client.sync();
				await assert_same(client.file, db);
			}
			await run(db, "UPDATE things SET b = randomblob(9000) WHERE name LIKE 's1%'");
			await client.sync();
			await assert_same(client.file, db);
			client.exec("DELETE FROM things WHERE name LIKE 's2%'");
			await client.sync();
			await assert_same(client.file, db);
			const late = open(t, Client, db);
			await late.sync();
			await assert_same(late.file, db);
		});

		test('VACUUM and mass deletes', async (t) => {
			const db = await new_database();
			await fill(db, 'things', 3000);
			const client = open(t, Client, db);
			await client.sync();
			await run(db, 'DELETE FROM things WHERE id % 3');
			await run(db, 'VACUUM');
			await client.sync();
			await assert_same(client.file, db);
			await run(db, 'DELETE FROM things');
			await client.sync();
			await assert_same(client.file, db);
		});

		test('a read-only token syncs, and cannot send; a wrong one does neither', async (t) => {
			const db = await new_database();
			await fill(db);
			const { jwt } = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json;
			const client = open(t, Client, db, { token: jwt });
			await client.sync();
			await assert_same(client.file, db);
			client.exec("INSERT INTO things (name) VALUES ('mine')");
			await assert.rejects(async () => client.sync(), /403/);
			assert.deepEqual(await run(db, "SELECT count(*) FROM things WHERE name = 'mine'"), [['0']]);
			assert.throws(() => open(t, Client, db, { token: `${db.jwt}x` }), /401|nauthorized/);
		});

		test('the server is killed right after a push, and after that all goes on', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
			await client.sync();
			client.exec("INSERT INTO things (name) VALUES ('mine')");
			await client.sync();
			await server.kill();
			await server.restart({ same_port: true });
			assert.deepEqual(await run(db, "SELECT count(*) FROM things WHERE name = 'mine'"), [['1']]);
			await assert_same(client.file, db);
			client.exec("INSERT INTO things (name) VALUES ('again')");
			await client.sync();
			await run(db, "INSERT INTO things (name) VALUES ('theirs')");
			await client.sync();
			await assert_same(client.file, db);
		});

		test('another history is refused, and the file stays whole', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
			await client.sync();
			client.close();
			await sleep(20);
			const moment = new Date().toISOString();
			const before_it = command_line(client.file, '.dump');
			const branch = await new_database({ seed: { type: 'database', name: db.name, timestamp: moment } });
			await run(branch, "INSERT INTO things (name) VALUES ('elsewhere')");
			const other = new Client(client.file, { syncUrl: address_of(branch), authToken: branch.jwt, offline: true });
			t.after(() => other.close());
			await assert.rejects(async () => other.sync(), /not of this history/);
			assert.equal(command_line(client.file, 'PRAGMA integrity_check').trim(), 'ok');
			assert.equal(command_line(client.file, '.dump'), before_it);
		});
	});
}

describe('@libsql/client', () => {
	test('offline: it writes, syncs, and gets what others wrote', async (t) => {
		const db = await new_database();
		await fill(db);
		const file = new_file();
		const client = createClient({ url: `file:${file}`, syncUrl: address_of(db), authToken: db.jwt, offline: true });
		t.after(() => client.close());
		await client.sync();
		await client.execute("INSERT INTO things (name) VALUES ('mine')");
		await client.sync();
		assert.deepEqual(await run(db, "SELECT count(*) FROM things WHERE name = 'mine'"), [['1']]);
		await run(db, "INSERT INTO things (name) VALUES ('theirs')");
		await client.sync();
		await assert_same(file, db);
	});

	test('without offline it writes to the database, and reads what it wrote', async (t) => {
		const db = await new_database();
		await fill(db);
		const file = new_file();
		const client = createClient({ url: `file:${file}`, syncUrl: address_of(db), authToken: db.jwt });
		t.after(() => client.close());
		await client.sync();
		await client.execute("INSERT INTO things (name) VALUES ('mine')");
		const { rows: found } = await client.execute("SELECT count(*) AS c FROM things WHERE name = 'mine'");
		assert.equal(Number(found[0].c), 1);
		await client.sync();
		await assert_same(file, db);
	});
});
