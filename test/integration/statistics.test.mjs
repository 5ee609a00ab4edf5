// What a statement cost: in its result (spec/hrana.md §2), and in the database's list of its costliest texts, whichever way it came.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer, until } from '../lib/server.mjs';
import { Socket } from '../lib/wires.mjs';

let server;
let db;

before(async () => {
	server = await startServer();
	db = await server.createDatabase('statistics', ['ord', 'nrt']);
	await server.sql(db.label, [
		'CREATE TABLE t(id INTEGER PRIMARY KEY, v, w)',
		'CREATE INDEX i ON t(v)',
		'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100) INSERT INTO t(v, w) SELECT x, x FROM n',
		'CREATE TABLE log(x)',
		'CREATE TABLE source(x)',
		'CREATE TRIGGER source_t AFTER INSERT ON source BEGIN INSERT INTO log VALUES (1), (2); END',
	]);
	await server.caught_up(db, 'SELECT count(*) FROM t');
});
after(() => server?.stop());

const cost = ({ rows_read, rows_written }) => [rows_read, rows_written];

function is_counted(result, what) {
	for (const name of ['rows_read', 'rows_written']) assert.ok(Number.isSafeInteger(result[name]) && result[name] >= 0, `${what}: ${name} ${result[name]}`);
	assert.ok(typeof result.query_duration_ms === 'number' && result.query_duration_ms >= 0, `${what}: ${result.query_duration_ms}`);
}

describe('the cost of a statement', () => {
	const rows = [
		['SELECT * FROM t', [100, 0]],
		['SELECT * FROM t WHERE id = 7', [1, 0]],
		['SELECT * FROM t WHERE v = 7', [1, 0]],
		['SELECT * FROM t WHERE w = 7', [100, 0]],
		['SELECT * FROM t LIMIT 5', [5, 0]],
		['SELECT sum(w) FROM t', [100, 0]],
		['BEGIN', [0, 0]],
		["INSERT INTO t(v) VALUES ('a')", [0, 1]],
		["INSERT INTO t(v) VALUES ('b'), ('c') RETURNING id", [2, 2]],
		['UPDATE t SET w = 1 WHERE id IN (1, 2, 3)', [0, 3]],
		['DELETE FROM t WHERE id > 100', [0, 3]],
		['INSERT INTO source VALUES (1)', [0, 3]],
		['ROLLBACK', [0, 0]],
	];
	for (const place of [0, 1])
		test(`§2 rows_read and rows_written count rows, those of triggers too, at ${place ? 'a replica' : 'the primary'}`, async () => {
			const answer = await server.sql(db.instances[place].label, rows.map(([sql]) => sql));
			for (const [i, [sql, expected]] of rows.entries()) {
				const { result } = answer.json.results[i].response;
				is_counted(result, sql);
				assert.deepEqual(cost(result), expected, sql);
			}
		});
	test('§2 they and query_duration_ms are numbers in every result', async () => {
		const sql = 'SELECT * FROM t';
		const steps = [{ stmt: { sql } }];
		const post = async (path, body) => (await server.data_plane(db.label, path, body)).json;
		const socket = new Socket(server.db_url(db.label).replace(/^http/, 'ws'), 'hrana3', db.jwt);
		await socket.ask({ type: 'open_stream', stream_id: 1 });
		const results = {
			'/v1/execute': (await post('/v1/execute', { stmt: { sql } })).result,
			'/v1/batch': (await post('/v1/batch', { batch: { steps } })).result.step_results[0],
			'/v2/pipeline': (await server.sql(db.label, sql)).json.results[0].response.result,
			'/v3/pipeline': (await server.sql(db.label, { type: 'batch', batch: { steps } }, { path: '/v3/pipeline' })).json.results[0].response.result.step_results[0],
			'/': (await post('/', { statements: [sql] }))[0].results,
			execute: (await socket.ask({ type: 'execute', stream_id: 1, stmt: { sql } })).result,
			batch: (await socket.ask({ type: 'batch', stream_id: 1, batch: { steps } })).result.step_results[0],
		};
		socket.ws.terminate();
		for (const [way, result] of Object.entries(results)) {
			is_counted(result, way);
			assert.deepEqual(cost(result), [100, 0], way);
		}
	});
	test('§2 query_duration_ms is the time that the statement took', async () => {
		const long = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000) SELECT count(*) FROM n';
		const began = process.hrtime.bigint();
		const answer = await server.sql(db.label, ['SELECT 1', long]);
		const passed_ms = Number(process.hrtime.bigint() - began) / 1e6;
		const [short_ms, long_ms] = answer.json.results.slice(0, 2).map(({ response }) => response.result.query_duration_ms);
		assert.ok(long_ms > short_ms && long_ms <= passed_ms, `${short_ms} < ${long_ms} <= ${passed_ms}`);
	});
	test('§2 a failed statement costs nothing that its result could tell, and want_rows false what it read', async () => {
		const answer = await server.sql(db.label, { sql: 'SELECT * FROM t', want_rows: false });
		assert.deepEqual(cost(answer.json.results[0].response.result), [100, 0]);
	});
});

test('§2 the list of the costliest texts counts every way that a statement comes', async () => {
	const text = (way) => `SELECT /* ${way} */ * FROM t`;
	const steps = (way) => [{ stmt: { sql: text(way) } }];
	const post = async (path, body) => assert.equal((await server.data_plane(db.label, path, body)).status, 200);
	const socket = new Socket(server.db_url(db.instances[1].label).replace(/^http/, 'ws'), 'hrana3', db.jwt);
	await socket.ask({ type: 'open_stream', stream_id: 1 });
	const ways = {
		execute: () => server.sql(db.label, text('execute')),
		batch: () => server.sql(db.label, { type: 'batch', batch: { steps: steps('batch') } }),
		sequence: () => server.sql(db.label, { type: 'sequence', sql: `${text('sequence')}; SELECT 1` }),
		stored: () => server.sql(db.label, [{ type: 'store_sql', sql_id: 1, sql: text('stored') }, { type: 'execute', stmt: { sql_id: 1 } }]),
		cursor: () => post('/v3/cursor', { batch: { steps: steps('cursor') } }),
		v1: () => post('/v1/execute', { stmt: { sql: text('v1') } }),
		legacy: () => post('/', { statements: [text('legacy')] }),
		socket: () => socket.ask({ type: 'execute', stream_id: 1, stmt: { sql: text('socket') } }),
		replica: () => server.sql(db.instances[1].label, text('replica')),
	};
	// Other texts of this file are as costly, once; these are run often enough to be the first.
	const times = 5;
	for (const run of Object.values(ways)) for (let i = 0; i < times; i++) await run();
	socket.ws.terminate();
	await until('the list to hold them all', async () => {
		const { top_queries } = (await server.api('GET', `${db.path}/stats`)).json;
		for (const way of Object.keys(ways)) {
			const found = top_queries.find(({ query }) => query.includes(`/* ${way} */`));
			assert.ok(found, `${way}: ${JSON.stringify(top_queries.map(({ query }) => query))}`);
			assert.deepEqual(cost(found), [100 * times, 0], way);
		}
		return true;
	});
});
