// @libsql/hrana-client, unmodified: every method on every wire it can speak, against the primary and a replica.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as hrana from '@libsql/hrana-client';
import WebSocket from 'ws';
import { startServer } from '../lib/server.mjs';

let server;
let db;
const clients = new Set();

before(async () => {
	server = await startServer();
	db = await server.createDatabase('wires', ['ord', 'nrt']);
});
after(async () => {
	for (const client of clients) client.close();
	await server?.stop();
});

const http = (label) => server.db_url(label);
const ws = (label) => server.db_url(label).replace(/^http/, 'ws');
// The client offers all protocols that its version allows; hrana3 in JSON has to be asked for.
const socket = (label, protocols) => new hrana.WsClient(new WebSocket(ws(label), protocols), db.jwt);

const wires = {
	'HTTP 2, JSON': { version: 2, open: (label) => hrana.openHttp(http(label), db.jwt) },
	'HTTP 3, protobuf': { version: 3, open: (label) => hrana.openHttp(http(label), db.jwt, undefined, undefined, 3) },
	'hrana1': { version: 1, open: (label) => socket(label, ['hrana1']) },
	'hrana2': { version: 2, open: (label) => hrana.openWs(ws(label), db.jwt) },
	'hrana3, JSON': { version: 3, open: (label) => socket(label, ['hrana3']) },
	'hrana3, protobuf': { version: 3, open: (label) => hrana.openWs(ws(label), db.jwt, 3) },
};

const rows = (result) => result.rows.map((row) => Array.from(row));

let number = 0;
for (const [name, { version, open }] of Object.entries(wires)) {
	for (const [where, place] of [['the primary', 0], ['a replica', 1]]) {
		const table = `t${++number}`;
		describe(`${name}, ${where}`, () => {
			let client;
			const stream = () => client.openStream();

			before(async () => {
				client = open(db.instances[place].label);
				clients.add(client);
				const setup = stream();
				await setup.run(`CREATE TABLE ${table}(id INTEGER PRIMARY KEY, x)`);
				setup.close();
			});

			test('getVersion', async () => assert.equal(await client.getVersion(), version));

			test('query, queryRow, queryValue and run', async () => {
				const s = stream();
				const ran = await s.run([`INSERT INTO ${table} VALUES (7, ?), (8, NULL)`, ['x']]);
				assert.equal(ran.affectedRowCount, 2);
				assert.equal(ran.lastInsertRowid, 8n);
				const found = await s.query(`SELECT id, x, 1 + 1 AS two FROM ${table} ORDER BY id`);
				assert.deepEqual(found.columnNames, ['id', 'x', 'two']);
				assert.deepEqual(rows(found), [[7, 'x', 2], [8, null, 2]]);
				if (version > 1) assert.deepEqual(found.columnDecltypes, ['INTEGER', undefined, undefined]);
				assert.equal((await s.queryRow(`SELECT x FROM ${table} WHERE id = 7`)).row.x, 'x');
				assert.equal((await s.queryRow(`SELECT x FROM ${table} WHERE id = 70`)).row, undefined);
				assert.equal((await s.queryValue(`SELECT count(*) FROM ${table}`)).value, 2);
				assert.equal((await s.queryValue('SELECT 1 WHERE 0')).value, undefined);
				assert.deepEqual(rows(await s.query('SELECT 1 WHERE 0')), []);
				s.close();
			});

			test('values of all kinds, both ways', async () => {
				const s = stream();
				s.intMode = 'bigint';
				const values = [0n, 1n, -1n, 9223372036854775807n, -9223372036854775808n, 0.5, -1e300, '', 'a\0b', 'žluťoučký 🐎', null];
				for (const value of values) assert.deepEqual((await s.queryValue(['SELECT ?', [value]])).value, value);
				for (const size of [0, 1, 2, 3, 1000]) {
					const bytes = Uint8Array.from({ length: size }, (_, i) => 255 - (i % 256));
					assert.deepEqual(new Uint8Array((await s.queryValue(['SELECT ?', [bytes]])).value), bytes);
				}
				assert.equal((await s.queryValue(['SELECT ?', [true]])).value, 1n);
				assert.equal((await s.queryValue("SELECT CAST(x'61ff62' AS TEXT)")).value, 'a\ufffdb');
				if (name.includes('protobuf')) assert.equal((await s.queryValue('SELECT 1e999')).value, Infinity);
				s.close();
			});

			test('large results and large arguments', async () => {
				const s = stream();
				const text = 'x'.repeat(300_000);
				assert.equal((await s.queryValue(['SELECT ?', [text]])).value, text);
				const many = await s.query('WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000) SELECT i, i * i FROM c');
				assert.equal(many.rows.length, 5000);
				assert.deepEqual(Array.from(many.rows[4999]), [5000, 25000000]);
				s.close();
			});

			test('arguments: positions, names, statements', async () => {
				const s = stream();
				assert.equal((await s.queryValue(new hrana.Stmt('SELECT ?2 || ?1').bindIndexes(['a', 'b']))).value, 'ba');
				assert.equal((await s.queryValue(new hrana.Stmt('SELECT ?2').bindIndex(2, 'b').bindIndex(1, 'a'))).value, 'b');
				assert.equal((await s.queryValue(['SELECT :n || @m || $o', { n: 'a', '@m': 'b', $o: 'c' }])).value, 'abc');
				assert.equal((await s.queryValue(new hrana.Stmt('SELECT :n').bindName('n', 1))).value, 1);
				await assert.rejects(s.query(['SELECT ?', []]), { code: 'ARGS_INVALID' });
				s.close();
			});

			test('errors leave the stream as it is', async () => {
				const s = stream();
				await assert.rejects(s.query('SELECT foo'), { code: 'SQL_INPUT_ERROR' });
				await assert.rejects(s.query('SELEC'), { code: 'SQL_PARSE_ERROR' });
				await assert.rejects(s.query('SELECT * FROM nowhere'), { code: 'SQLITE_UNKNOWN' });
				await s.run(`INSERT INTO ${table} VALUES (100, 1)`);
				await assert.rejects(s.run(`INSERT INTO ${table} VALUES (100, 1)`), { code: 'SQLITE_CONSTRAINT' });
				assert.equal((await s.queryValue('SELECT 1')).value, 1);
				s.close();
			});

			test('transactions on a stream, others at its side', async () => {
				const one = stream();
				const other = stream();
				await one.run('BEGIN');
				await one.run(`INSERT INTO ${table} VALUES (200, 1)`);
				assert.equal((await one.queryValue(`SELECT count(*) FROM ${table} WHERE id = 200`)).value, 1);
				assert.equal((await other.queryValue(`SELECT count(*) FROM ${table} WHERE id = 200`)).value, 0);
				await one.run('ROLLBACK');
				assert.equal((await one.queryValue(`SELECT count(*) FROM ${table} WHERE id = 200`)).value, 0);
				one.close();
				other.closeGracefully();
			});

			const batches = [false, ...(version >= 3 ? [true] : [])];
			for (const cursor of batches) {
				test(`batch${cursor ? ' with a cursor' : ''}: steps and conditions`, async () => {
					const s = stream();
					const batch = s.batch(cursor);
					const insert = batch.step();
					const inserted = insert.run(`INSERT INTO ${table}(x) VALUES ('batch')`);
					const bad = batch.step();
					const failed = assert.rejects(bad.run('INSERT INTO nowhere VALUES (1)'), { code: 'SQLITE_UNKNOWN' });
					const ok = batch.step().condition(hrana.BatchCond.ok(insert)).queryValue(`SELECT x FROM ${table} WHERE id = last_insert_rowid()`);
					const skipped = batch.step().condition(hrana.BatchCond.ok(bad)).queryValue('SELECT 1');
					const either = batch.step().condition(hrana.BatchCond.or(batch, [hrana.BatchCond.ok(bad), hrana.BatchCond.error(bad)])).queryRow('SELECT 5 AS five');
					const both = batch.step().condition(hrana.BatchCond.and(batch, [hrana.BatchCond.ok(insert), hrana.BatchCond.not(hrana.BatchCond.ok(bad))])).query('VALUES (1), (2)');
					const auto = version >= 3 ? batch.step().condition(hrana.BatchCond.isAutocommit(batch)).queryValue('SELECT 6') : Promise.resolve({ value: 6 });
					await batch.execute();
					const result = await inserted;
					assert.equal(result.affectedRowCount, 1);
					await failed;
					assert.equal((await ok).value, 'batch');
					assert.equal(await skipped, undefined);
					assert.equal((await either).row.five, 5);
					assert.deepEqual(rows(await both), [[1], [2]]);
					assert.equal((await auto).value, 6);
					assert.equal(result.lastInsertRowid, BigInt((await s.queryValue(`SELECT max(id) FROM ${table} WHERE x = 'batch'`)).value));
					s.close();
				});

				test(`batch${cursor ? ' with a cursor' : ''}: many rows, and none`, async () => {
					const s = stream();
					const batch = s.batch(cursor);
					const many = batch.step().query('WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 4321) SELECT i FROM c');
					const none = batch.step().query('SELECT 1 WHERE 0');
					await batch.execute();
					assert.equal((await many).rows.length, 4321);
					assert.deepEqual(rows(await none), []);
					await s.batch(cursor).execute();
					s.close();
				});
			}

			if (version >= 2) {
				test('sequence and describe', async () => {
					const s = stream();
					await s.sequence(`INSERT INTO ${table} VALUES (300, 1); INSERT INTO ${table} VALUES (301, 1);`);
					assert.equal((await s.queryValue(`SELECT count(*) FROM ${table} WHERE id IN (300, 301)`)).value, 2);
					await assert.rejects(s.sequence('SELECT 1; SELECT foo'), { code: 'SQL_INPUT_ERROR' });
					const described = await s.describe(`SELECT id, x AS other FROM ${table} WHERE id = :id AND x = ?3`);
					assert.deepEqual(described.paramNames, [':id', undefined, '?3']);
					assert.deepEqual(described.columns, [{ name: 'id', decltype: 'INTEGER' }, { name: 'other', decltype: undefined }]);
					assert.equal(described.isExplain, false);
					assert.equal(described.isReadonly, true);
					assert.equal((await s.describe(`DELETE FROM ${table}`)).isReadonly, false);
					assert.equal((await s.describe('EXPLAIN SELECT 1')).isExplain, true);
					s.close();
				});

				test('stored texts', async () => {
					const s = stream();
					const owner = client.storeSql ? client : s; // of the connection, or over HTTP of the stream
					const sql = owner.storeSql(`SELECT count(*) FROM ${table} WHERE id > ?`);
					assert.equal(typeof (await s.queryValue([sql, [0]])).value, 'number');
					assert.equal((await s.describe(sql)).isReadonly, true);
					const text = owner.storeSql('SELECT 1; SELECT 2');
					await s.sequence(text);
					const batch = s.batch();
					const step = batch.step().queryValue([sql, [1e9]]);
					await batch.execute();
					assert.equal((await step).value, 0);
					sql.close();
					assert.ok(sql.closed);
					text.close();
					s.close();
				});
			}

			if (version >= 3) {
				test('getAutocommit', async () => {
					const s = stream();
					assert.equal(await s.getAutocommit(), true);
					await s.run('BEGIN');
					assert.equal(await s.getAutocommit(), false);
					await s.run('COMMIT');
					assert.equal(await s.getAutocommit(), true);
					s.close();
				});
			}

			test('a client that was closed refuses', async () => {
				const other = open(db.instances[place].label);
				const s = other.openStream();
				assert.equal((await s.queryValue('SELECT 1')).value, 1);
				s.close();
				assert.ok(s.closed);
				await assert.rejects(s.query('SELECT 1'), hrana.ClosedError);
				other.close();
				assert.ok(other.closed);
			});
		});
	}
}

test('a token that is none is told by its code on a WebSocket, by its status over HTTP', async () => {
	for (const version of [2, 3]) {
		const label = db.instances[0].label;
		const over_ws = hrana.openWs(ws(label), 'no.such.token', version);
		await assert.rejects(over_ws.openStream().query('SELECT 1'), { code: 'AUTH_JWT_INVALID' });
		const over_http = hrana.openHttp(http(label), 'no.such.token', undefined, undefined, version);
		await assert.rejects(over_http.openStream().query('SELECT 1'), { status: 401 });
		over_ws.close();
		over_http.close();
	}
});
