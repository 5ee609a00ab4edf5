// Every limit of the data plane: what exceeds it is refused with the code of the protocol and the name of the
// setting, and nobody else feels it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { rows_of, sleep, startServer, until } from '../lib/server.mjs';

const SLOW = 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c';

function series(count) {
	return `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${count}) SELECT n FROM c`;
}

function error_of(answer, index = 0) {
	assert.equal(answer.status, 200, answer.text);
	const result = answer.json.results[index];
	assert.equal(result.type, 'error', answer.text.slice(0, 300));
	return result.error;
}

function refused(answer, code, limit, index) {
	const error = error_of(answer, index);
	assert.equal(error.code, code, error.message);
	assert.match(error.message, limit);
}

describe('limits of requests and statements', () => {
	let server;
	let db;
	let other;
	before(async () => {
		server = await startServer({
			args: [
				...['--request-body-max', '300000'],
				...['--sql-length-max', '20000'],
				...['--statement-timeout', '300ms'],
				...['--result-bytes-max', '100000'],
				...['--row-size-max', '200000'],
				...['--streams-max', '4'],
			],
		});
		db = await server.createDatabase('bounded', ['ord', 'nrt']);
		other = await server.createDatabase('neighbour', ['ord']);
		await server.rows(db.label, 'CREATE TABLE t (v)');
		await server.caught_up(db, 'SELECT count(*) FROM t');
	});
	after(() => server?.stop());

	const places = { 'the primary': 0, 'a replica': 1 };
	for (const [where, index] of Object.entries(places))
		describe(`at ${where}`, () => {
			const label = () => db.instances[index].label;

			test('a request body', async () => {
				const fits = await server.sql(label(), { sql: 'SELECT length(?) AS n', args: ['x'.repeat(90_000)] });
				assert.deepEqual(rows_of(fits), [{ n: 90_000 }]);
				const answer = await server.sql(label(), { sql: 'SELECT length(?)', args: ['x'.repeat(400_000)] });
				assert.equal(answer.status, 413);
				assert.equal(answer.json.code, 'REQUEST_TOO_LARGE');
				assert.match(answer.json.message, /request-body-max/);
				assert.deepEqual(await server.rows(label(), 'SELECT 1 AS n'), [{ n: 1 }]);
			});

			test('a request body of unknown length', async () => {
				const body = JSON.stringify({ requests: [{ type: 'execute', stmt: { sql: `SELECT '${'x'.repeat(400_000)}'` } }] });
				const headers = { 'transfer-encoding': 'chunked' };
				const answer = await server.data_plane(label(), '/v2/pipeline', body, { headers });
				assert.equal(answer.status, 413);
				assert.equal(answer.json.code, 'REQUEST_TOO_LARGE');
			});

			test('the length of an SQL text', async () => {
				const text = (length) => `SELECT '${'x'.repeat(length - 9)}'`;
				assert.equal((await server.rows(label(), text(20_000))).length, 1);
				for (const request of [
					{ sql: text(20_001) },
					{ type: 'sequence', sql: text(20_001) },
					{ type: 'describe', sql: text(20_001) },
					{ type: 'batch', batch: { steps: [{ stmt: { sql: text(20_001) } }] } },
				])
					refused(await server.sql(label(), request), 'SQLITE_TOOBIG', /sql-length-max/);
			});

			test('the time of a statement', async () => {
				refused(await server.sql(label(), SLOW), 'SQLITE_INTERRUPT', /statement-timeout/);
				refused(await server.sql(label(), { type: 'sequence', sql: `SELECT 1; ${SLOW}` }), 'SQLITE_INTERRUPT', /statement-timeout/);
				refused(await server.sql(label(), `INSERT INTO t ${SLOW}`), 'SQLITE_INTERRUPT', /statement-timeout/);
				assert.deepEqual(await server.rows(label(), 'SELECT count(*) AS n FROM t'), [{ n: 0 }]);
			});

			test('the time of a statement, while others go on', async () => {
				const slow = Array.from({ length: 3 }, () => server.sql(label(), SLOW));
				let answered = 0;
				let running = true;
				const others = (async () => {
					while (running) {
						assert.deepEqual(await server.rows(other.label, 'SELECT 1 AS n'), [{ n: 1 }]);
						assert.deepEqual(await server.rows(label(), 'SELECT 2 AS n'), [{ n: 2 }]);
						answered++;
					}
				})();
				for (const one of slow) refused(await one, 'SQLITE_INTERRUPT', /statement-timeout/);
				running = false;
				await others;
				assert.ok(answered > 0);
			});

			test('the size of a result', async () => {
				assert.equal((await server.rows(label(), series(1000))).length, 1000);
				const answer = await server.sql(label(), [series(20_000), 'SELECT 3 AS n']);
				refused(answer, 'RESPONSE_TOO_LARGE', /result-bytes-max/);
				assert.deepEqual(rows_of(answer, 1), [{ n: 3 }], 'the stream goes on');
				const batch = await server.sql(label(), {
					type: 'batch',
					batch: { steps: [{ stmt: { sql: 'SELECT 1' } }, { stmt: { sql: series(20_000) } }] },
				});
				refused(batch, 'RESPONSE_TOO_LARGE', /result-bytes-max/);
				const unwanted = await server.sql(label(), { sql: series(20_000), want_rows: false });
				assert.deepEqual(rows_of(unwanted), []);
			});

			test('the size of a row', async () => {
				refused(await server.sql(label(), 'SELECT length(zeroblob(300000))'), 'SQLITE_TOOBIG', /row-size-max|too big/);
				refused(await server.sql(label(), 'INSERT INTO t VALUES (zeroblob(300000))'), 'SQLITE_TOOBIG', /row-size-max|too big/);
				assert.deepEqual(await server.rows(label(), 'SELECT count(*) AS n FROM t'), [{ n: 0 }]);
			});

			test('the number of streams that hold something', async () => {
				const batons = [];
				for (let i = 0; i < 4; i++) {
					const answer = await server.sql(label(), ['BEGIN', 'SELECT count(*) FROM t'], { keep: true });
					assert.equal(answer.status, 200, answer.text);
					batons.push(answer.json.baton);
				}
				const answer = await server.sql(label(), 'BEGIN', { keep: true });
				assert.equal(answer.status, 429, answer.text);
				assert.match(answer.json.error, /streams-max/);
				assert.deepEqual(await server.rows(other.label, 'SELECT 1 AS n'), [{ n: 1 }]);
				for (const baton of batons) assert.equal((await server.sql(label(), [], { baton })).status, 200);
				const freed = await server.sql(label(), ['BEGIN', 'SELECT count(*) FROM t']);
				assert.equal(freed.json.results[1].type, 'ok');
			});

			test('the number of stored texts', async () => {
				const store = (count) => Array.from({ length: count }, (_, i) => ({ type: 'store_sql', sql_id: i, sql: `SELECT ${i}` }));
				const answer = await server.sql(label(), [...store(51), { sql_id: 49 }]);
				refused(answer, 'SQL_STORE_TOO_MANY', /50/, 50);
				assert.deepEqual(rows_of(answer, 51), [{ 49: 49 }]);
			});
		});

	test('the number of parameters', async () => {
		const list = (count) => Array.from({ length: count }, () => '?').join(',');
		const args = (count) => Array.from({ length: count }, () => null);
		assert.deepEqual(await server.rows(db.label, { sql: `SELECT 1 IN (${list(5000)}) AS x`, args: args(5000) }), [{ x: null }]);
		const error = error_of(await server.sql(db.label, 'SELECT ?40000'));
		assert.match(error.message, /variable number must be between/);
	});

	test('a platform request body', async () => {
		const answer = await server.api('POST', `${db.path}/../`.replace('/bounded/../', ''), `{"name":"${'x'.repeat(1 << 20)}"}`);
		assert.equal(answer.status, 413);
		assert.equal(answer.json.code, 'body_too_large');
		assert.equal((await server.api('GET', db.path)).status, 200);
	});

	test('the depth of JSON', async () => {
		const nested = (depth) => `{"requests":[],"ignored":${'['.repeat(depth)}${']'.repeat(depth)}}`;
		assert.equal((await server.data_plane(db.label, '/v2/pipeline', nested(100))).status, 200);
		const answer = await server.data_plane(db.label, '/v2/pipeline', nested(50_000));
		assert.equal(answer.status, 400);
		assert.match(answer.text, /JSON/);
	});
});

describe('limits of transactions', () => {
	const TRANSACTION_MS = 400;
	const IDLE_MS = 1500;
	let server;
	let db;
	before(async () => {
		server = await startServer({
			args: ['--transaction-timeout', `${TRANSACTION_MS}ms`, '--stream-idle-timeout', `${IDLE_MS}ms`],
		});
		db = await server.createDatabase('shared', ['ord', 'nrt']);
		await server.rows(db.label, 'CREATE TABLE t (v TEXT)');
	});
	after(() => server?.stop());

	const values = async (label) => (await server.rows(label, 'SELECT v FROM t ORDER BY rowid')).map(({ v }) => v);

	const places = { 'the primary': 0, 'a replica': 1 };
	for (const [where, index] of Object.entries(places)) {
		const label = () => db.instances[index].label;
		const primary = () => db.instances[0].label;

		test(`a write transaction at ${where} may be long while nobody waits`, async () => {
			await server.rows(label(), 'DELETE FROM t');
			let answer = await server.sql(label(), ['BEGIN IMMEDIATE', "INSERT INTO t VALUES ('patient')"], { keep: true });
			await sleep(2 * TRANSACTION_MS);
			// Readers are nobody who waits.
			assert.deepEqual(await values(primary()), []);
			answer = await server.sql(label(), 'COMMIT', { baton: answer.json.baton });
			assert.equal(answer.json.results[0].type, 'ok', answer.text);
			assert.deepEqual(await values(label()), ['patient']);
		});

		test(`a write transaction at ${where} is ended when others wait too long`, async () => {
			await server.rows(label(), 'DELETE FROM t');
			let answer = await server.sql(label(), ['BEGIN IMMEDIATE', "INSERT INTO t VALUES ('slow')"], { keep: true });
			const { baton } = answer.json;
			await Promise.all(
				['first', 'second', 'third'].map((v) => server.rows(primary(), { sql: 'INSERT INTO t VALUES (?)', args: [v] })),
			);
			assert.deepEqual((await values(primary())).sort(), ['first', 'second', 'third']);

			answer = await server.sql(label(), ["INSERT INTO t VALUES ('never')", 'COMMIT'], { baton, keep: true });
			refused(answer, 'TRANSACTION_TIMEOUT', /transaction-timeout/);
			assert.equal(error_of(answer, 1).code, 'TRANSACTION_TIMEOUT', 'a COMMIT after the theft fails too');
			// Then the stream is usable again, in autocommit.
			answer = await server.sql(label(), "INSERT INTO t VALUES ('again')", { baton: answer.json.baton });
			assert.equal(answer.json.results[0].type, 'ok', answer.text);
			assert.deepEqual((await values(label())).sort(), ['again', 'first', 'second', 'third']);
		});

		test(`a transaction at ${where} that is idle for too long is rolled back`, async () => {
			await server.rows(label(), 'DELETE FROM t');
			const left = await server.sql(label(), ['BEGIN IMMEDIATE', "INSERT INTO t VALUES ('left')"], { keep: true });
			const expired = await until('the stream to expire', async () => {
				await sleep(IDLE_MS * 1.2);
				return server.sql(label(), 'COMMIT', { baton: left.json.baton });
			});
			assert.equal(expired.status, 400, expired.text);
			assert.equal(expired.json.code, 'STREAM_EXPIRED');
			await server.rows(label(), "INSERT INTO t VALUES ('next')");
			assert.deepEqual(await values(label()), ['next']);
		});

		test(`a stream at ${where} without a transaction never expires for its client`, async () => {
			let answer = await server.sql(label(), 'SELECT 1 AS n', { keep: true });
			for (let i = 0; i < 2; i++) {
				await sleep(IDLE_MS * 1.5);
				answer = await server.sql(label(), `SELECT ${i} AS n`, { baton: answer.json.baton, keep: true });
				assert.deepEqual(rows_of(answer), [{ n: i }]);
			}
			const spent = answer.json.baton;
			answer = await server.sql(label(), 'SELECT 1', { baton: spent, keep: true });
			assert.equal(answer.status, 200);
		});
	}

	test('a spent, a forged and a foreign baton are refused', async () => {
		const first = await server.sql(db.label, 'BEGIN', { keep: true });
		const second = await server.sql(db.label, 'SELECT 1', { baton: first.json.baton, keep: true });
		const spent = await server.sql(db.label, 'SELECT 1', { baton: first.json.baton });
		assert.equal(spent.status, 400);
		assert.match(spent.text, /Received a baton that has already been used/);
		// The stream itself lives on.
		const third = await server.sql(db.label, 'COMMIT', { baton: second.json.baton, keep: true });
		assert.equal(third.json.results[0].type, 'ok', third.text);

		for (const baton of ['', 'AAAA', `${third.json.baton.slice(0, -4)}AAAA`, 'x'.repeat(10_000)]) {
			const forged = await server.sql(db.label, 'SELECT 1', { baton });
			assert.equal(forged.status, 400, `baton ${baton}`);
			assert.match(forged.text, /Received an invalid baton/);
		}
		const other = await server.createDatabase('foreign', ['ord']);
		const open = await server.sql(db.label, ['BEGIN IMMEDIATE', "INSERT INTO t VALUES ('mine')"], { keep: true });
		const foreign = await server.sql(other.label, 'COMMIT', { baton: open.json.baton });
		assert.equal(foreign.status, 400);
		const reader = await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`);
		const weaker = await server.sql(db.label, "INSERT INTO t VALUES ('theirs')", {
			baton: open.json.baton,
			token: reader.json.jwt,
		});
		assert.ok([400, 401, 403].includes(weaker.status), `a read-only token wrote through another's baton: ${weaker.text}`);
		assert.ok(!(await values(db.label)).includes('theirs'));
	});
});

test('a writer waits no longer than write-wait', async (t) => {
	const server = await startServer({ args: ['--write-wait', '300ms', '--transaction-timeout', '60s'] });
	t.after(() => server.stop());
	const db = await server.createDatabase('queue', ['ord', 'nrt']);
	await server.rows(db.label, 'CREATE TABLE t (v)');
	const holder = await server.sql(db.label, ['BEGIN IMMEDIATE', 'INSERT INTO t VALUES (1)'], { keep: true });
	for (const instance of db.instances)
		refused(await server.sql(instance.label, 'INSERT INTO t VALUES (2)'), 'TRANSACTION_BUSY', /write-wait/);
	const done = await server.sql(db.label, 'COMMIT', { baton: holder.json.baton });
	assert.equal(done.json.results[0].type, 'ok');
	await server.rows(db.label, 'INSERT INTO t VALUES (3)');
	assert.deepEqual(await server.rows(db.instances[0].label, 'SELECT v FROM t'), [{ v: 1 }, { v: 3 }]);
});

test('a client that hangs up frees what it held', async (t) => {
	const server = await startServer({ args: ['--write-wait', '5s', '--statement-timeout', '10m', '--transaction-timeout', '10m'] });
	t.after(() => server.stop());
	const db = await server.createDatabase('left', ['ord', 'nrt']);
	await server.rows(db.label, 'CREATE TABLE t (v)');
	for (const { label } of db.instances)
		for (const slow of [`INSERT INTO t ${SLOW}`, SLOW]) {
			const requests = ['BEGIN IMMEDIATE', "INSERT INTO t VALUES ('left')", slow].map((sql) => ({ type: 'execute', stmt: { sql } }));
			const call = http.request(`${server.url}/db/${label}/v2/pipeline`, {
				method: 'POST',
				headers: { authorization: `Bearer ${db.jwt}` },
			});
			const closed = new Promise((resolve) => call.on('close', resolve));
			call.on('error', () => {}); // our own hanging up
			call.end(JSON.stringify({ requests }));
			await sleep(200); // so that it runs
			call.destroy();
			await closed;
			await server.rows(db.label, "INSERT INTO t VALUES ('next')");
		}
	assert.deepEqual(await server.rows(db.instances[0].label, 'SELECT v, count(*) AS n FROM t GROUP BY v'), [{ v: 'next', n: 4 }]);
});

test('a reader waits for a connection, and is told the limit', async (t) => {
	const server = await startServer({ args: ['--connections-max', '3'] });
	t.after(() => server.stop());
	const db = await server.createDatabase('few', ['ord']);
	await server.rows(db.label, 'CREATE TABLE t (v)');
	const batons = [];
	let last;
	for (let i = 0; i < 12; i++) {
		last = await server.sql(db.label, ['BEGIN', 'SELECT count(*) FROM t'], { keep: true });
		if (last.status !== 200) break;
		batons.push(last.json.baton);
	}
	assert.equal(last.status, 429, last.text);
	assert.match(last.json.error, /connections-max/);
	for (const baton of batons) await server.sql(db.label, [], { baton });
	assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM t'), [{ n: 0 }]);
});
