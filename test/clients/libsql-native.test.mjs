// npm `libsql`: the Rust client that Go, Python and others are built on too. It speaks version 3: describe, cursors.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Database from 'libsql/promise';
import { startServer } from '../lib/server.mjs';

let server;
let database;
before(async () => {
	server = await startServer();
	database = await server.createDatabase('native', ['ord', 'nrt']);
});
after(() => server?.stop());

const addresses = { 'the primary': 0, 'a replica': 1 };
for (const [where, index] of Object.entries(addresses))
	test(`npm libsql works at ${where}`, async (t) => {
		const table = `things_${index}`;
		const db = new Database(server.db_url(database.instances[index].label), { authToken: database.jwt });
		t.after(() => db.close());

		await t.test('creates, inserts, reads', async () => {
			await db.exec(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, name TEXT, n REAL, b BLOB)`);
			const insert = await db.prepare(`INSERT INTO ${table} (name, n, b) VALUES (?, ?, ?)`);
			const done = await insert.run('first', 1.5, Buffer.from([0, 1, 255]));
			assert.equal(Number(done.changes), 1);
			assert.equal(Number(done.lastInsertRowid), 1);
			await insert.run('Grüße 👋', null, Buffer.alloc(0));
			const all = await (await db.prepare(`SELECT * FROM ${table} ORDER BY id`)).all();
			assert.deepEqual(
				all.map(({ id, name, n, b }) => [id, name, n, [...new Uint8Array(b)]]),
				[
					[1, 'first', 1.5, [0, 1, 255]],
					[2, 'Grüße 👋', null, []],
				],
			);
			assert.equal((await (await db.prepare(`SELECT name FROM ${table} WHERE id = ?`)).get(2)).name, 'Grüße 👋');
			assert.equal(await (await db.prepare(`SELECT name FROM ${table} WHERE id = ?`)).get(99), undefined);
		});

		await t.test('keeps integers of 64 bits', async () => {
			const select = (await db.prepare('SELECT 9223372036854775807 AS n, -9223372036854775808 AS m')).safeIntegers(true);
			const row = await select.get();
			assert.deepEqual([row.n, row.m], [9223372036854775807n, -9223372036854775808n]);
		});

		await t.test('reads many rows from a cursor', async () => {
			const rows = await (
				await db.prepare('WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT n FROM c')
			).all();
			assert.equal(rows.length, 20000);
			assert.equal(rows[19999].n, 20000);
		});

		await t.test('runs transactions', async () => {
			// One text each: a statement prepared before BEGIN is no part of the transaction for this client.
			await db.exec(`BEGIN; INSERT INTO ${table} (name) VALUES ('undone'); ROLLBACK;`);
			await db.exec('BEGIN IMMEDIATE');
			assert.equal(db.inTransaction, true);
			await db.exec(`INSERT INTO ${table} (name) VALUES ('kept')`);
			await db.exec('COMMIT');
			assert.equal(db.inTransaction, false);
			const names = await (await db.prepare(`SELECT name FROM ${table} ORDER BY id`)).all();
			assert.deepEqual(
				names.map((row) => row.name),
				['first', 'Grüße 👋', 'kept'],
			);
		});

		await t.test('throws the server’s errors', async () => {
			const insert = await db.prepare(`INSERT INTO ${table} (id) VALUES (?)`);
			await assert.rejects(async () => insert.run(1), /UNIQUE constraint failed/);
			await assert.rejects(db.prepare('SELECT * FROM no_such_table_here').then((stmt) => stmt.all()), /no such table/);
			await assert.rejects(db.exec('SELEKT 1'), /SELEKT|syntax|parse/i);
			assert.equal((await (await db.prepare('SELECT 1 AS alive')).get()).alive, 1);
		});
	});

test('npm libsql is refused with a wrong token', async () => {
	const db = new Database(server.db_url(database.label), { authToken: 'nonsense' });
	await assert.rejects(
		db.prepare('SELECT 1').then((stmt) => stmt.all()),
		/401|[Uu]nauthorized|invalid/,
	);
	db.close();
});
