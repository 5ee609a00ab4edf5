// npm `libsql` and `@libsql/client` with a file that follows the server (spec/replication.md: protocol R1). What they end
// with is compared as a whole: the dump of the client's file with that of its primary, and SQLite's own check of the file.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createClient } from '@libsql/client';
import Database from 'libsql';
import Database2024 from 'libsql-2024';
import Database2025 from 'libsql-2025';
import { createClient as createClient2025 } from 'libsql-client-2025';
import { start_forwarder_thread } from '../lib/forwarder.mjs';
import { request, sleep, startServer, until } from '../lib/server.mjs';

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

function open(t, Client, db, { label = db.label, file = new_file(), token = db.jwt, ...options } = {}) {
	const client = new Client(file, { syncUrl: address_of(label), authToken: token, ...options });
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

async function add_instance(db) {
	const made = await server.api('POST', `${db.path}/instances`, { location: 'ord' });
	assert.equal(made.status, 200, made.text);
	await server.api('GET', `${db.path}/instances/${made.json.instance.name}/wait`);
}

// Those that people have: the newest, one a year older, and one from before clients asked which protocol is spoken.
const versions = {
	'libsql 0.5.29': { Client: Database, asks: true },
	'libsql 0.5.20': { Client: Database2025, asks: true },
	'libsql 0.4.7': { Client: Database2024, asks: false },
};

for (const [version, { Client, asks }] of Object.entries(versions))
	describe(version, () => {
		test('a first sync brings the whole database, a further one what came since', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
			assert.ok((await client.sync()).frames_synced > 0);
			assert.equal(count(client), 100);
			await assert_same(client.file, db);
			await run(db, "INSERT INTO things (name) VALUES ('later')");
			await client.sync();
			assert.equal(count(client, "name = 'later'"), 1);
			await assert_same(client.file, db);
			assert.equal((await client.sync()).frames_synced, 0);
		});

		test('what one transaction brought takes two round trips at most', async (t) => {
			const db = await new_database();
			await fill(db);
			const wire = await start_forwarder_thread(server.url);
			t.after(() => wire.stop());
			const client = new Client(new_file(), { syncUrl: `${wire.url}/db/${db.label}`, authToken: db.jwt });
			t.after(() => client.close());
			await client.sync();
			for (let i = 0; i < 3; i++) {
				await run(db, `INSERT INTO things (name) VALUES ('later ${i}')`);
				const before = (await wire.paths()).length;
				await client.sync();
				const taken = (await wire.paths()).slice(before);
				assert.equal(count(client, `name = 'later ${i}'`), 1);
				assert.ok(taken.length >= 1 && taken.length <= 2, taken.join());
			}
		});

		test('an empty database can be synced, and what is made of it', async (t) => {
			const db = await new_database();
			const client = open(t, Client, db);
			await client.sync();
			await assert_same(client.file, db);
			await fill(db);
			await client.sync();
			await assert_same(client.file, db);
		});

		test('many pages, and one transaction of many', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
			await client.sync();
			await run(db, 'CREATE TABLE large (b)');
			await run(
				db,
				`INSERT INTO large WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000)
				 SELECT randomblob(4000) FROM c`,
			);
			await client.sync();
			await assert_same(client.file, db);
			const other = open(t, Client, db);
			await other.sync();
			await assert_same(other.file, db);
		});

		test('writes go to the primary and are read here at once', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
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
			const client = open(t, Client, db);
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

		test('two replicas at once, each a writer', async (t) => {
			const db = await new_database();
			await fill(db);
			const clients = [open(t, Client, db), open(t, Client, db)];
			for (const client of clients) await client.sync();
			for (let i = 0; i < 20; i++) clients[i % 2].prepare('INSERT INTO things (name) VALUES (?)').run(`from ${i}`);
			for (const client of clients) {
				await client.sync();
				assert.equal(count(client), 120);
				await assert_same(client.file, db);
			}
		});

		test('a replica that is opened again goes on where it was', async (t) => {
			const db = await new_database();
			await fill(db);
			const first = open(t, Client, db);
			await first.sync();
			first.close();
			await run(db, "INSERT INTO things (name) VALUES ('meanwhile')");
			const second = open(t, Client, db, { file: first.file });
			assert.equal((await second.sync()).frames_synced > 0, true);
			assert.equal(count(second, "name = 'meanwhile'"), 1);
			await assert_same(second.file, db);
		});

		test('a replica survives VACUUM, mass deletes, and a schema that changes', async (t) => {
			const db = await new_database();
			await fill(db, 'things', 3000);
			const client = open(t, Client, db);
			await client.sync();
			await run(db, 'DELETE FROM things WHERE id > 10');
			await client.sync();
			await assert_same(client.file, db);
			await run(db, 'VACUUM');
			await client.sync();
			await assert_same(client.file, db);
			await run(db, 'DROP TABLE things');
			await fill(db, 'others', 50);
			await run(db, 'CREATE INDEX others_by_n ON others (n)');
			await run(db, 'ALTER TABLE others ADD COLUMN extra TEXT');
			await client.sync();
			await assert_same(client.file, db);
			client.prepare("UPDATE others SET extra = 'x' WHERE id < 5").run();
			await assert_same(client.file, db);
		});

		test('syncPeriod follows without being asked', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db, { syncPeriod: 0.1 });
			await until('the first sync', () => count(client) === 100);
			await run(db, "INSERT INTO things (name) VALUES ('followed')");
			await until('the row to come', () => count(client, "name = 'followed'") === 1);
			await until('the file to be the same', async () => (await assert_same(client.file, db), true));
		});

		for (const [how, end] of [
			['SIGTERM', (own) => own.stop({ keep_data: true })],
			['kill -9', (own) => own.kill()],
		])
			test(`a replica goes on after ${how} of the server`, async (t) => {
				const own = await startServer();
				t.after(() => own.stop());
				const db = await own.createDatabase('durable');
				await own.rows(db.label, 'CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)');
				const file = new_file();
				const client = new Client(file, { syncUrl: `${own.url}/db/${db.label}`, authToken: db.jwt });
				t.after(() => client.close());
				await client.sync();
				for (let round = 1; round <= 3; round++) {
					client.prepare('INSERT INTO things (name) VALUES (?)').run(`before ${round}`);
					await end(own);
					assert.equal(count(client), 2 * round - 1); // reads need no server
					await own.restart({ same_port: true });
					await own.rows(db.label, `INSERT INTO things (name) VALUES ('after ${round}')`);
					await client.sync();
					assert.equal(count(client), 2 * round);
					const dump = await own.data_plane(db.label, '/dump', undefined, { method: 'GET' });
					assert_same_text(command_line(file, '.dump'), dump.text);
					assert.equal(command_line(file, 'PRAGMA integrity_check').trim(), 'ok');
				}
			});

		test('a database that began as a file or a dump is synced with what it began with', async (t) => {
			const seed = new_file();
			command_line(seed, 'PRAGMA journal_mode = WAL; CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n REAL, b BLOB)');
			command_line(seed, "INSERT INTO things (name, b) SELECT 'seed ' || value, zeroblob(value * 10) FROM generate_series(1, 500)");
			command_line(seed, 'PRAGMA wal_checkpoint(TRUNCATE)');
			const from_file = await new_database([], { seed: { type: 'database_upload' } });
			const uploaded = await request(`${address_of(from_file.label)}/v1/upload`, {
				method: 'POST',
				body: readFileSync(seed),
				headers: { authorization: `Bearer ${from_file.jwt}` },
			});
			assert.equal(uploaded.status, 200, uploaded.text);
			await add_instance(from_file);
			const form = new FormData();
			form.append('file', new Blob([command_line(seed, '.dump')]), 'seed.sql');
			const dumped = await fetch(`${server.url}/v1/organizations/${server.organization}/databases/dumps`, {
				method: 'POST',
				body: form,
				headers: { authorization: `Bearer ${server.token}` },
			});
			const { dump_url } = await dumped.json();
			const from_dump = await new_database(['ord'], { seed: { type: 'dump', url: dump_url } });
			for (const db of [from_file, from_dump]) {
				const client = open(t, Client, db);
				await client.sync();
				assert.equal(count(client), 500);
				await assert_same(client.file, db);
				client.prepare("INSERT INTO things (name) VALUES ('first of its own')").run();
				await client.sync();
				await assert_same(client.file, db);
			}
		});

		test('a branch of an earlier moment is another history: the same file follows it', async (t) => {
			const db = await new_database();
			await fill(db);
			await sleep(50);
			const moment = new Date().toISOString();
			await sleep(50);
			await run(db, 'CREATE TABLE regretted (x)');
			await run(db, 'DELETE FROM things WHERE id > 3');
			const first = open(t, Client, db);
			await first.sync();
			assert.equal(count(first), 3);
			first.close();
			const branch = await new_database(['ord'], { seed: { type: 'database', name: db.name, timestamp: moment } });
			const second = open(t, Client, branch, { file: first.file });
			await second.sync();
			assert.equal(count(second), 100);
			await assert_same(second.file, branch);
			// The same without a new file's luck: an address under which another database stands now.
			await server.api('DELETE', branch.path);
			second.close();
			const again = await server.createDatabase(branch.name);
			await run(again, 'CREATE TABLE fresh (x)');
			const third = open(t, Client, again, { file: first.file });
			await third.sync();
			await assert_same(third.file, again);
		});

		test('tokens: a wrong one opens nothing, a read-only one follows and cannot write', async (t) => {
			const db = await new_database();
			await fill(db);
			const other = await new_database();
			for (const token of ['nonsense', ''])
				assert.throws(() => open(t, Client, db, { token }).sync(), asks ? /Unauthorized/ : /PrimaryHandshakeTimeout/);
			const stranger = open(t, Client, db, { token: other.jwt });
			assert.throws(() => stranger.sync(), /NamespaceDoesntExist/);
			const { jwt } = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json;
			const reader = open(t, Client, db, { token: jwt });
			await reader.sync();
			await assert_same(reader.file, db);
			assert.throws(() => reader.exec('DELETE FROM things'), /may only read/);
			assert.throws(() => reader.prepare('DELETE FROM things').run(), /may only read/);
			assert.equal((await run(db, 'SELECT count(*) AS c FROM things'))[0].c, 100);
			await run(db, 'DELETE FROM things');
			await reader.sync();
			assert.equal(count(reader), 0);
		});

		test("a replica instance's address serves as well", async (t) => {
			const db = await new_database(['ord', 'nrt']);
			await fill(db);
			const client = open(t, Client, db, { label: db.instances[1].label });
			await client.sync();
			client.prepare("INSERT INTO things (name) VALUES ('by the replica')").run();
			assert.equal(count(client, "name = 'by the replica'"), 1);
			await assert_same(client.file, db);
		});

		test('reads are blocked for replicas, too', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = open(t, Client, db);
			await client.sync();
			await server.api('PATCH', `${db.path}/configuration`, { block_writes: true });
			assert.throws(() => client.exec('DELETE FROM things'), /blocked/);
			await server.api('PATCH', `${db.path}/configuration`, { block_writes: false });
			client.exec('DELETE FROM things WHERE id = 1');
			await assert_same(client.file, db);
		});

		test('a transaction that was left alone is rolled back, and its client is told', async (t) => {
			const own = await startServer({ args: ['--replica-idle-timeout', '500ms'] });
			t.after(() => own.stop());
			const db = await own.createDatabase('idle');
			await own.rows(db.label, 'CREATE TABLE things (name TEXT)');
			const client = new Client(new_file(), { syncUrl: `${own.url}/db/${db.label}`, authToken: db.jwt });
			t.after(() => client.close());
			await client.sync();
			client.exec('BEGIN IMMEDIATE');
			client.exec("INSERT INTO things VALUES ('lost')");
			await until('the write lock to be free', async () => {
				await own.rows(db.label, "INSERT INTO things VALUES ('other')");
				return true;
			});
			assert.throws(() => client.exec("INSERT INTO things VALUES ('not alone')"), /timed out/);
			assert.equal(client.inTransaction, false);
			client.exec("INSERT INTO things VALUES ('anew')");
			assert.deepEqual(
				rows(client, 'SELECT name FROM things').map(({ name }) => name),
				['other', 'anew'],
			);
		});
	});

// -- @libsql/client ----------------------------------------------------------------------------------------

async function open_client(t, create, db, options = {}) {
	const file = new_file();
	const client = create({ url: `file:${file}`, syncUrl: address_of(db.label), authToken: db.jwt, ...options });
	client.file = file;
	t.after(() => client.close());
	await client.sync();
	return client;
}

for (const [version, create] of Object.entries({ '@libsql/client 0.18.0': createClient, '@libsql/client 0.15.15': createClient2025 }))
	describe(version, () => {
		test('execute, batch, transactions, named arguments', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = await open_client(t, create, db);
			const one = async (sql, args = []) => (await client.execute({ sql, args })).rows[0];
			assert.equal((await one('SELECT count(*) AS c FROM things')).c, 100);
			const inserted = await client.execute({ sql: 'INSERT INTO things (name, n) VALUES (:name, $n)', args: { name: 'named', n: 2 } });
			assert.equal(inserted.rowsAffected, 1);
			assert.equal(inserted.lastInsertRowid, 101n);
			assert.equal((await one('SELECT name FROM things WHERE id = ?', [101])).name, 'named');
			await client.batch(["INSERT INTO things (name) VALUES ('b1')", { sql: 'INSERT INTO things (name) VALUES (?)', args: ['b2'] }], 'write');
			await assert.rejects(
				client.batch(["INSERT INTO things (name) VALUES ('b3')", "INSERT INTO things (name) VALUES ('b1')"], 'write'),
				/UNIQUE constraint failed/,
			);
			assert.equal((await one('SELECT count(*) AS c FROM things')).c, 103);
			const transaction = await client.transaction('write');
			await transaction.execute("INSERT INTO things (name) VALUES ('t1')");
			assert.equal((await transaction.execute('SELECT count(*) AS c FROM things')).rows[0].c, 104);
			await transaction.rollback();
			const kept = await client.transaction('write');
			await kept.execute("INSERT INTO things (name) VALUES ('t2')");
			await kept.commit();
			assert.equal((await one('SELECT count(*) AS c FROM things')).c, 104);
			const returned = await client.execute("UPDATE things SET n = 7 WHERE name = 't2' RETURNING id, n");
			assert.deepEqual([returned.columns, returned.rows[0].n], [['id', 'n'], 7]);
			await client.sync();
			await assert_same(client.file, db);
		});

		test('syncInterval follows without being asked', async (t) => {
			const db = await new_database();
			await fill(db);
			const client = await open_client(t, create, db, { syncInterval: 0.1 });
			await run(db, "INSERT INTO things (name) VALUES ('followed')");
			await until('the row to come', async () => (await client.execute("SELECT 1 FROM things WHERE name = 'followed'")).rows.length === 1);
			await client.sync();
			await assert_same(client.file, db);
		});

		test('two replicas at once, each a writer', async (t) => {
			const db = await new_database();
			await fill(db);
			const clients = [await open_client(t, create, db), await open_client(t, create, db)];
			for (let i = 0; i < 10; i++) await clients[i % 2].execute({ sql: 'INSERT INTO things (name) VALUES (?)', args: [`from ${i}`] });
			for (const client of clients) {
				await client.sync();
				assert.equal((await client.execute('SELECT count(*) AS c FROM things')).rows[0].c, 110);
				await assert_same(client.file, db);
			}
		});

		test('VACUUM, mass deletes and a schema that changes', async (t) => {
			const db = await new_database();
			await fill(db, 'things', 3000);
			const client = await open_client(t, create, db);
			for (const sql of ['DELETE FROM things WHERE id > 10', 'VACUUM', 'DROP TABLE things']) {
				await run(db, sql);
				await client.sync();
				await assert_same(client.file, db);
			}
			await fill(db, 'others');
			await client.sync();
			await assert_same(client.file, db);
		});

		test('the server goes and comes: reads need none, and the next sync brings what was missed', async (t) => {
			const own = await startServer();
			t.after(() => own.stop());
			const db = await own.createDatabase('durable');
			await own.rows(db.label, 'CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)');
			const file = new_file();
			const client = create({ url: `file:${file}`, syncUrl: `${own.url}/db/${db.label}`, authToken: db.jwt });
			t.after(() => client.close());
			await client.sync();
			for (const [round, end] of [() => own.stop({ keep_data: true }), () => own.kill()].entries()) {
				await client.execute("INSERT INTO things (name) VALUES ('before')");
				await end();
				assert.equal((await client.execute('SELECT count(*) AS c FROM things')).rows[0].c, 2 * round + 1);
				await assert.rejects(client.execute("INSERT INTO things (name) VALUES ('nobody there')"));
				await own.start(`127.0.0.1:${own.port}`);
				await own.rows(db.label, "INSERT INTO things (name) VALUES ('after')");
				await client.sync();
				const dump = await own.data_plane(db.label, '/dump', undefined, { method: 'GET' });
				assert_same_text(command_line(file, '.dump'), dump.text);
				assert.equal(command_line(file, 'PRAGMA integrity_check').trim(), 'ok');
			}
		});

		test('a restore to an earlier moment replaces what the file has', async (t) => {
			const db = await new_database();
			await fill(db);
			await sleep(50);
			const moment = new Date().toISOString();
			await sleep(50);
			await run(db, 'DELETE FROM things WHERE id > 3');
			const first = await open_client(t, create, db);
			first.close();
			const past = await new_database(['ord'], { seed: { type: 'database', name: db.name, timestamp: moment } });
			const second = create({ url: `file:${first.file}`, syncUrl: address_of(past.label), authToken: past.jwt });
			t.after(() => second.close());
			await second.sync();
			assert.equal((await second.execute('SELECT count(*) AS c FROM things')).rows[0].c, 100);
			await assert_same(first.file, past);
		});

		test('tokens: a wrong one opens nothing, a read-only one follows and cannot write', async (t) => {
			const db = await new_database();
			await fill(db);
			const other = await new_database();
			for (const authToken of ['nonsense', other.jwt]) await assert.rejects(open_client(t, create, db, { authToken }));
			const { jwt } = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json;
			const reader = await open_client(t, create, db, { authToken: jwt });
			await assert_same(reader.file, db);
			await assert.rejects(reader.execute('DELETE FROM things'), /may only read/);
			await run(db, 'DELETE FROM things WHERE id > 50');
			await reader.sync();
			await assert_same(reader.file, db);
		});
	});
