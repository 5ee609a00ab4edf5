// @tursodatabase/serverless: version 3 only, cursors, one baton for the life of a connection.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from '@tursodatabase/serverless';
import { sleep, startServer } from '../lib/server.mjs';

const IDLE_MS = 400;

let server;
let database;
before(async () => {
	server = await startServer({ args: ['--stream-idle-timeout', `${IDLE_MS}ms`] });
	database = await server.createDatabase('serverless', ['ord', 'nrt']);
});
after(() => server?.stop());

const addresses = { 'the primary': 0, 'a replica': 1 };
for (const [where, index] of Object.entries(addresses))
	test(`@tursodatabase/serverless works at ${where}`, async (t) => {
		const table = `items_${index}`;
		const open = () => connect({ url: server.db_url(database.instances[index].label), authToken: database.jwt });
		const db = open();
		t.after(() => db.close());

		await t.test('runs, gets, lists and iterates', async () => {
			await db.exec(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, name TEXT UNIQUE, b BLOB)`);
			const insert = await db.prepare(`INSERT INTO ${table} (name, b) VALUES (?, ?)`);
			const done = await insert.run(['a', Buffer.from([7])]);
			assert.deepEqual([done.changes, Number(done.lastInsertRowid)], [1, 1]);
			await db.run(`INSERT INTO ${table} (name) VALUES (:name)`, { name: 'b' });
			assert.equal((await db.get(`SELECT name FROM ${table} WHERE id = ?`, [2])).name, 'b');
			assert.deepEqual(
				(await db.all(`SELECT name FROM ${table} ORDER BY id`)).map((row) => row.name),
				['a', 'b'],
			);
			let n = 0;
			const many = await db.prepare('WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) SELECT n FROM c');
			for await (const row of many.iterate()) assert.equal(row.n, ++n);
			assert.equal(n, 5000);
		});

		await t.test('knows whether a transaction is open', async () => {
			await db.exec('BEGIN');
			assert.equal(db.inTransaction, true);
			await db.run(`INSERT INTO ${table} (name) VALUES ('c')`);
			await db.exec('ROLLBACK');
			assert.equal(db.inTransaction, false);
			assert.equal((await db.get(`SELECT count(*) AS n FROM ${table}`)).n, 2);
		});

		await t.test('batches atomically', async () => {
			await db.batch([`INSERT INTO ${table} (name) VALUES ('d')`, `INSERT INTO ${table} (name) VALUES ('e')`], 'immediate');
			await assert.rejects(
				db.batch([`INSERT INTO ${table} (name) VALUES ('f')`, `INSERT INTO ${table} (name) VALUES ('d')`], 'immediate'),
				/UNIQUE constraint failed/,
			);
			assert.equal((await db.get(`SELECT count(*) AS n FROM ${table}`)).n, 4);
		});

		await t.test('goes on after a pause as if there had been none', async () => {
			for (let i = 0; i < 2; i++) {
				await sleep(3 * IDLE_MS);
				assert.equal((await db.get('SELECT 1 AS one')).one, 1);
			}
		});

		await t.test('shows errors and stays usable', async () => {
			await assert.rejects(db.run(`INSERT INTO ${table} (id) VALUES (1)`), (error) => {
				assert.equal(error.code, 'SQLITE_CONSTRAINT');
				return true;
			});
			await assert.rejects(db.all('SELECT * FROM no_such_table_here'), /no such table/);
			await assert.rejects(db.exec('SELEKT 1'), /SELEKT|syntax/);
			assert.equal((await db.get('SELECT 1 AS one')).one, 1);
		});
	});
