// What one statement may take of memory and of temporary files: it fails with the limit's name, alone, and what it wrote is
// undone.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { rows_of, startServer } from '../lib/server.mjs';

const MB = 1 << 20;

const list = (count, text) => Array.from({ length: count }, () => text).join(',');
/// Rows of 1 KB in an order that takes sorting.
const sorted = (rows) => `
	WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${rows}),
	s(v) AS MATERIALIZED (SELECT x || hex(zeroblob(512)) AS v FROM c ORDER BY v)
	SELECT count(*) AS n FROM s`;

function is_refused(result, code, limit) {
	assert.equal(result.type, 'error', JSON.stringify(result).slice(0, 300));
	assert.equal(result.error.code, code, result.error.message);
	assert.match(result.error.message, limit);
}

describe('budgets of a statement', () => {
	let server;
	let db;
	before(async () => {
		server = await startServer({
			args: [
				...['--statement-memory-max', '8mb'],
				...['--statement-temp-max', '20mb'],
				...['--result-bytes-max', '100mb'],
				...['--statement-rows-max', '1000000'],
			],
		});
		db = await server.createDatabase('bounded', ['ord', 'nrt']);
		await server.rows(db.label, 'CREATE TABLE t (v)');
		await server.caught_up(db, 'SELECT count(*) FROM t');
	});
	after(() => server?.stop());

	const greedy = {
		'values that are computed': `SELECT ${list(10, `hex(zeroblob(${2 * MB}))`)}`,
		'values that are made when they are asked for': `SELECT ${list(10, `zeroblob(${4 * MB})`)}`,
		'values in a row of a table': `SELECT * FROM (SELECT ${list(10, `randomblob(${2 * MB})`)}) a`,
		'a text to compile': `SELECT 1 IN (${list(200_000, '1')})`,
	};
	const places = { 'the primary': 0, 'a replica': 1 };
	for (const [where, index] of Object.entries(places))
		for (const [what, sql] of Object.entries(greedy))
			test(`memory for ${what}, at ${where}`, async () => {
				const { label } = db.instances[index];
				// As a single statement, and in a program, whose other statements run.
				const alone = await server.sql(label, sql);
				is_refused(alone.json.results[0], 'SQLITE_NOMEM', /statement-memory-max of 8388608 bytes/);
				const among = await server.sql(label, ['SELECT 1 AS n', sql, 'SELECT 2 AS n']);
				is_refused(among.json.results[1], 'SQLITE_NOMEM', /statement-memory-max/);
				assert.deepEqual(rows_of(among, 0), [{ n: 1 }]);
				assert.deepEqual(rows_of(among, 2), [{ n: 2 }]);
				// It was not kept by those that failed.
				for (let i = 0; i < 5; i++)
					assert.deepEqual(await server.rows(label, `SELECT length(hex(zeroblob(${2 * MB}))) AS n`), [{ n: 4 * MB }]);
			});

	test('memory of a cursor', async () => {
		const body = { batch: { steps: [{ stmt: { sql: greedy['values that are made when they are asked for'] } }, { stmt: { sql: 'SELECT 7' } }] } };
		const answer = await server.data_plane(db.label, '/v3/cursor', body);
		const entries = answer.text.trim().split('\n').slice(1).map((line) => JSON.parse(line));
		const failed = entries.find(({ type }) => type === 'step_error');
		assert.equal(failed.error.code, 'SQLITE_NOMEM');
		assert.match(failed.error.message, /statement-memory-max/);
		assert.deepEqual(entries.filter(({ type }) => type === 'row'), [{ type: 'row', row: [{ type: 'integer', value: '7' }] }]);
	});

	test('a write that takes too much memory is undone', async () => {
		const sql = `INSERT INTO t VALUES (1) RETURNING hex(zeroblob(2400000))`;
		for (const statements of [[sql], ['SELECT 1', sql]]) {
			const answer = await server.sql(db.label, statements);
			is_refused(answer.json.results.at(-2) ?? answer.json.results[0], 'SQLITE_NOMEM', /statement-memory-max/);
			assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM t'), [{ n: 0 }]);
		}
	});

	test('a stream goes on after that, its transaction as SQLite has left it', async () => {
		const begun = await server.sql(db.label, ['BEGIN IMMEDIATE', 'INSERT INTO t VALUES (1)', greedy['values that are computed']], { keep: true });
		is_refused(begun.json.results[2], 'SQLITE_NOMEM', /statement-memory-max/);
		assert.ok(begun.json.baton);
		const next = await server.data_plane(db.label, '/v3/pipeline', { baton: begun.json.baton, requests: [{ type: 'get_autocommit' }, { type: 'execute', stmt: { sql: 'SELECT count(*) AS n FROM t' } }, { type: 'close' }] });
		assert.equal(next.status, 200, next.text);
		const { is_autocommit } = next.json.results[0].response;
		assert.deepEqual(rows_of(next, 1), [{ n: is_autocommit ? 0 : 1 }]);
		assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM t'), [{ n: 0 }]);
		await server.rows(db.label, 'DELETE FROM t');
	});

	test('rows', async () => {
		await server.rows(db.label, 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 2000) INSERT INTO t SELECT x FROM c');
		await server.caught_up(db, 'SELECT count(*) FROM t');
		for (const { label } of db.instances) {
			assert.deepEqual(await server.rows(label, 'SELECT sum(v) AS n FROM t'), [{ n: 2_001_000 }]);
			const answer = await server.sql(label, ['SELECT count(*) AS n FROM t a, t b', 'SELECT count(*) AS n FROM t']);
			is_refused(answer.json.results[0], 'SQLITE_INTERRUPT', /read more rows than the limit statement-rows-max of 1000000/);
			assert.deepEqual(rows_of(answer, 1), [{ n: 2_000 }]);
		}
		const deleted = await server.sql(db.label, ['DELETE FROM t WHERE (SELECT count(*) FROM t a, t b WHERE a.v <> t.v) > 0', 'SELECT count(*) AS n FROM t']);
		is_refused(deleted.json.results[0], 'SQLITE_INTERRUPT', /statement-rows-max/);
		assert.deepEqual(rows_of(deleted, 1), [{ n: 2_000 }]);
		await server.rows(db.label, 'DELETE FROM t');
	});

	test('temporary files', async () => {
		for (const { label } of db.instances) {
			assert.deepEqual(await server.rows(label, sorted(5_000)), [{ n: 5_000 }]);
			const answer = await server.sql(label, ['SELECT 1 AS n', sorted(100_000), 'SELECT 2 AS n']);
			is_refused(answer.json.results[1], 'SQLITE_FULL', /statement-temp-max of 20971520 bytes/);
			assert.deepEqual(rows_of(answer, 2), [{ n: 2 }]);
			// It was given back by the one that failed, and by those that did not.
			for (let i = 0; i < 5; i++) assert.deepEqual(await server.rows(label, sorted(5_000)), [{ n: 5_000 }]);
		}
	});
});

test('the memory of all statements', async (t) => {
	const server = await startServer({ args: ['--memory-max', '20mb'] });
	t.after(() => server.stop());
	const db = await server.createDatabase('all', ['ord']);
	const answer = await server.sql(db.label, [`SELECT ${list(2, `length(hex(zeroblob(${2 * MB})))`)}`, `SELECT ${list(6, `hex(zeroblob(${2 * MB}))`)}`]);
	assert.equal(answer.json.results[0].type, 'ok', answer.text.slice(0, 300));
	is_refused(answer.json.results[1], 'SQLITE_NOMEM', /memory-max of 20971520 bytes/);
	for (let i = 0; i < 5; i++) assert.deepEqual(await server.rows(db.label, `SELECT length(hex(zeroblob(${2 * MB}))) AS n`), [{ n: 4 * MB }]);
});
