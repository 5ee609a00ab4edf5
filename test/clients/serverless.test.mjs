// @tursodatabase/serverless: version 3 only, cursors, one baton for the life of a connection.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TimeoutError, connect } from '@tursodatabase/serverless';
import { createClient } from '@tursodatabase/serverless/compat';
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

		await t.test('keeps values of every kind', async () => {
			const values = [null, 0, -7, 2 ** 53 - 1, 0.5, -1e300, '', 'a\0b', 'žluťoučký 🐎', Buffer.alloc(0), Buffer.from([0, 255, 1])];
			for (const value of values) assert.deepEqual((await db.get('SELECT ? AS v', [value])).v, value);
			const select = await db.prepare('SELECT 9223372036854775807 AS n, :m AS m');
			assert.deepEqual({ ...(await select.safeIntegers(true).get({ m: -9223372036854775808n })) }, { n: 2n ** 63n - 1n, m: -(2n ** 63n) });
		});

		await t.test('describes, plucks and gives raw rows', async () => {
			const select = await db.prepare(`SELECT id, name, 1 + 1 AS two FROM ${table} WHERE id < ? ORDER BY id`);
			assert.deepEqual(select.columns(), [
				{ name: 'id', type: 'INTEGER' },
				{ name: 'name', type: 'TEXT' },
				{ name: 'two', type: null },
			]);
			assert.deepEqual(await select.raw().all([3]), [
				[1, 'a', 2],
				[2, 'b', 2],
			]);
			assert.deepEqual(await (await db.prepare(`SELECT name FROM ${table} WHERE id < ? ORDER BY id`)).pluck().all([3]), ['a', 'b']);
			await assert.rejects(db.prepare(`SELECT name FROM ${table} WHERE missing`), { code: 'SQL_INPUT_ERROR' });
			const { rows } = await db.pragma('user_version');
			assert.equal(rows[0].user_version, 0);
		});

		await t.test('runs transactions beside the connection, whole or not at all', async () => {
			const add = db.transactionAsync(async (tx, ...names) => {
				const insert = await tx.prepare(`INSERT INTO ${table} (name) VALUES (?)`);
				for (const name of names) await insert.run([name]);
				const { n } = await tx.get(`SELECT count(*) AS n FROM ${table}`);
				assert.equal(db.inTransaction, false);
				assert.equal((await db.get(`SELECT count(*) AS n FROM ${table}`)).n, n - names.length);
				return n;
			});
			const { n } = await db.get(`SELECT count(*) AS n FROM ${table}`);
			assert.equal(await add('t1', 't2'), n + 2);
			assert.equal(await add.immediate('t3'), n + 3);
			await assert.rejects(add('t4', 't1'), { code: 'SQLITE_CONSTRAINT' });
			assert.equal((await db.get(`SELECT count(*) AS n FROM ${table}`)).n, n + 3);
		});

		await t.test('a batch without a mode keeps what went before its error', async () => {
			const [first, second] = await db.batch([
				{ sql: `INSERT INTO ${table} (name) VALUES (?)`, args: ['p'] },
				{ sql: `SELECT name FROM ${table} WHERE name = :name`, args: { name: 'p' } },
			]);
			assert.equal(first.rowsAffected, 1);
			assert.equal(second.rows[0].name, 'p');
			await assert.rejects(db.batch([`INSERT INTO ${table} (name) VALUES ('q')`, `INSERT INTO ${table} (name) VALUES ('q')`]), {
				code: 'SQLITE_CONSTRAINT',
			});
			assert.equal((await db.get(`SELECT count(*) AS n FROM ${table} WHERE name = 'q'`)).n, 1);
		});

		await t.test('gives a statement up at its deadline and works on', async () => {
			const endless = 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c';
			await assert.rejects(db.all(endless, { queryTimeout: 200 }), TimeoutError);
			await db.run(`INSERT INTO ${table} (name) VALUES ('later')`);
			assert.equal((await db.get('SELECT 1 AS one')).one, 1);
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

		await t.test('works through its interface of @libsql/client', async () => {
			const client = createClient({ url: server.db_url(database.instances[index].label), authToken: database.jwt });
			const made = await client.execute({ sql: `INSERT INTO ${table} (name) VALUES (?)`, args: ['compat'] });
			assert.equal(made.rowsAffected, 1);
			assert.equal(typeof made.lastInsertRowid, 'bigint');
			const [, found] = await client.batch([`UPDATE ${table} SET b = x'01' WHERE name = 'compat'`, `SELECT b FROM ${table} WHERE name = 'compat'`], 'write');
			assert.deepEqual([...found.rows[0].b], [1]);
			const undone = await client.transaction('write');
			await undone.execute(`DELETE FROM ${table}`);
			assert.equal((await undone.execute(`SELECT count(*) AS n FROM ${table}`)).rows[0].n, 0);
			await undone.rollback();
			const kept = await client.transaction('write');
			await kept.execute(`DELETE FROM ${table} WHERE name = 'compat'`);
			await kept.commit();
			assert.ok((await client.execute(`SELECT count(*) AS n FROM ${table}`)).rows[0].n > 5);
			await assert.rejects(client.execute(`INSERT INTO ${table} (id) VALUES (1)`), { code: 'SQLITE_CONSTRAINT' });
			await client.executeMultiple(`CREATE TABLE ${table}_more (x); INSERT INTO ${table}_more VALUES (1); DROP TABLE ${table}_more;`);
			client.close();
		});

		await t.test('is refused with a wrong token', async () => {
			const stranger = connect({ url: server.db_url(database.instances[index].label), authToken: 'nonsense' });
			await assert.rejects(stranger.exec('SELECT 1'), /401/);
			await assert.rejects(stranger.all('SELECT 1'), /token|authenti|401/i);
		});
	});
