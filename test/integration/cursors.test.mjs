// Cursors over HTTP that are streamed while SQLite steps (hrana.md §3.3): order, batons, back-pressure, ends in the middle.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { sleep, startServer, to_stmt, until } from '../lib/server.mjs';

// A result that neither the client's buffers nor the kernel's can hold: who does not read it makes its statement pause.
const LARGE_ROWS = 1200;
const LARGE_ROW_BYTES = 50_000;
const large = (columns = 'i') =>
	`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${LARGE_ROWS})
	 SELECT ${columns}, printf('%.*c', ${LARGE_ROW_BYTES}, 'x') AS pad FROM c`;
// What the sanitizer keeps of freed memory would hide what is used.
const frugal = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? 'detect_leaks=1'}:quarantine_size_mb=4` };

let server;
let db;
let primary;
let replica;

before(async () => {
	server = await startServer({ args: ['--transaction-timeout', '1h', '--write-wait', '60s'], env: frugal });
	db = await server.createDatabase('shop', ['ord', 'nrt']);
	[primary, replica] = db.instances.map(({ label }) => label);
	await server.sql(primary, ['CREATE TABLE t(x)', 'CREATE TABLE u(id INTEGER PRIMARY KEY, x)']);
	await server.caught_up(db, 'SELECT count(*) FROM sqlite_schema');
});
after(() => server?.stop());

/// Lines of an answer, taken from the connection only when they are asked for.
class Lines {
	constructor(call, response) {
		Object.assign(this, { call, response, status: response.statusCode, headers: response.headers });
		this.chunks = response[Symbol.asyncIterator]();
		this.text = '';
	}

	async more() {
		const { value, done } = await this.chunks.next();
		if (!done) this.text += value.toString('utf8');
		return !done;
	}

	/// The next line as JSON; undefined at the end.
	async next() {
		for (;;) {
			const end = this.text.indexOf('\n');
			if (end >= 0) {
				const line = this.text.slice(0, end);
				this.text = this.text.slice(end + 1);
				return JSON.parse(line);
			}
			if (!(await this.more())) return undefined;
		}
	}

	async rest() {
		const lines = [];
		for (let line = await this.next(); line; line = await this.next()) lines.push(line);
		return lines;
	}

	/// Reads to the end and counts rows only.
	async count_rows() {
		let rows = 0;
		for (let line = await this.next(); line; line = await this.next()) rows += line.type === 'row';
		return rows;
	}

	leave() {
		this.call.destroy();
	}
}

/// Opens a cursor on a connection of its own; its answer is not read but for the head.
async function open_cursor(steps, { to = primary, baton = null, on = server } = {}) {
	const call = http.request(`${on.url}/db/${to}/v3/cursor`, {
		method: 'POST',
		agent: false,
		headers: { authorization: `Bearer ${on.jwt_of.get(to)}` },
	});
	call.on('error', () => {});
	call.end(
		JSON.stringify({
			baton,
			batch: {
				steps: steps.map((step) =>
					typeof step === 'string' || !step.condition
						? { stmt: typeof step === 'object' && step.sql_id !== undefined ? step : to_stmt(step) }
						: { condition: step.condition, stmt: { sql: step.sql } },
				),
			},
		}),
	);
	const [response] = await once(call, 'response');
	const lines = new Lines(call, response);
	assert.equal(lines.status, 200);
	lines.head = await lines.next();
	return lines;
}

const types = (lines) => lines.map(({ type }) => type);
const integer = (row) => Number(row.row[0].value);
const count = async (sql, to = primary) => Object.values((await server.rows(to, sql))[0])[0];
const send = (baton, statements, { to = primary, keep = false } = {}) =>
	server.sql(to, statements, { baton, keep, path: '/v3/pipeline' });

const cpu_ticks = () => {
	const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1].split(' ');
	return Number(fields[11]) + Number(fields[12]);
};
const rss_mb = () => Number(readFileSync(`/proc/${server.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/)[1]) / 1024;

/// Until the server does nothing any more: all statements are paused.
async function comes_to_rest() {
	let last = cpu_ticks();
	await until('the server to come to rest', async () => {
		await sleep(100);
		const now = cpu_ticks();
		const rests = now === last;
		last = now;
		return rests;
	});
}

describe('a large result', () => {
	for (const where of ['the primary', 'a replica'])
		test(`is sent while SQLite steps, at ${where}`, async () => {
			const lines = await open_cursor([large()], { to: where === 'a replica' ? replica : primary });
			assert.equal(lines.headers['content-type'], 'text/plain');
			assert.equal(lines.headers['content-length'], undefined);
			assert.equal(lines.head.base_url, null);
			assert.equal(typeof lines.head.baton, 'string');
			assert.equal((await lines.next()).type, 'step_begin');
			for (let i = 1; i <= LARGE_ROWS; i++) {
				const row = await lines.next();
				assert.equal(integer(row), i);
				assert.equal(row.row[1].value.length, LARGE_ROW_BYTES);
			}
			assert.deepEqual(types(await lines.rest()), ['step_end']);
			const next = await send(lines.head.baton, ['SELECT 1'], { to: where === 'a replica' ? replica : primary });
			assert.equal(next.status, 200, next.text);
		});

	test('takes little memory, also while nobody reads it', async () => {
		await (await open_cursor([large()])).count_rows();
		const before_mb = rss_mb();
		const lines = [];
		for (let i = 0; i < 4; i++) lines.push(await open_cursor([large(), large(), large()]));
		await comes_to_rest();
		const paused_mb = rss_mb();
		let most_mb = paused_mb;
		for (const one of lines) {
			assert.equal(await one.count_rows(), 3 * LARGE_ROWS);
			most_mb = Math.max(most_mb, rss_mb());
		}
		// Together they are 720 MB. A statement's own memory is SQLite's cache, a piece, and what waits to be sent.
		assert.ok(most_mb - before_mb < 100, `${before_mb} MB, paused ${paused_mb} MB, at most ${most_mb} MB`);
	});

	test('that is not read holds nobody up', async () => {
		const few = await startServer({ args: ['--workers-max', '4'], env: frugal });
		try {
			const own = await few.createDatabase('few', ['ord']);
			await few.sql(own.label, ['CREATE TABLE t(x)']);
			const lines = [];
			for (let i = 0; i < 40; i++) lines.push(await open_cursor([large()], { to: own.label, on: few }));
			for (let i = 0; i < 20; i++) {
				assert.equal((await few.sql(own.label, ['BEGIN', 'INSERT INTO t VALUES (1)', 'COMMIT'])).status, 200);
				assert.equal((await few.rows(own.label, 'SELECT count(*) AS n FROM t'))[0].n, i + 1);
			}
			// One that is read goes on beside the others, and ends.
			assert.equal(await lines[20].count_rows(), LARGE_ROWS);
			for (const one of lines) one.leave();
		} finally {
			await few.stop();
		}
	});

	test('may be followed by a second that is not, and by failures', async () => {
		const lines = await open_cursor([large(), 'SELECT 7', 'SELECT * FROM nowhere', 'SELECT 8']);
		const rest = await lines.rest();
		assert.equal(rest.length, LARGE_ROWS + 2 + 3 + 1 + 3);
		assert.deepEqual(types(rest.slice(LARGE_ROWS + 1)), [
			'step_end',
			...['step_begin', 'row', 'step_end'],
			'step_error',
			...['step_begin', 'row', 'step_end'],
		]);
		assert.equal(rest[LARGE_ROWS + 5].step, 2);
	});

	test('that fails in the middle says so behind its rows', async () => {
		const fails = `SELECT CASE i WHEN ${LARGE_ROWS} THEN abs(-9223372036854775807 - i / ${LARGE_ROWS}) ELSE i END, pad FROM (${large()})`;
		const lines = await open_cursor([fails, { condition: { type: 'error', step: 0 }, sql: 'SELECT 1' }]);
		const rest = await lines.rest();
		assert.equal(rest[0].type, 'step_begin');
		assert.equal(rest[LARGE_ROWS - 1].type, 'row');
		assert.deepEqual(rest[LARGE_ROWS], {
			type: 'step_error',
			step: 0,
			error: { message: 'SQLite error: integer overflow', code: 'SQLITE_UNKNOWN' },
		});
		assert.deepEqual(types(rest.slice(LARGE_ROWS + 1)), ['step_begin', 'row', 'step_end']);
	});
});

describe('rows that trickle', () => {
	const endless = 'WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c WHERE i IN (1, 200000)';

	test('arrive before the end, which never comes', async () => {
		const lines = await open_cursor([endless]);
		assert.equal((await lines.next()).type, 'step_begin');
		assert.equal(integer(await lines.next()), 1);
		assert.equal(integer(await lines.next()), 200000);
		lines.leave();
	});

	test('and what is before a slow statement arrives before it', async () => {
		const lines = await open_cursor(['SELECT 7', endless.replace('IN (1, 200000)', '< 0')]);
		assert.equal((await lines.next()).type, 'step_begin');
		assert.equal(integer(await lines.next()), 7);
		assert.equal((await lines.next()).type, 'step_end');
		lines.leave();
	});
});

describe('a client that goes away', () => {
	const holds_lane = (sql) => ['BEGIN IMMEDIATE', 'INSERT INTO t VALUES (99)', sql];
	const rows = [
		['while its statement is paused', large(), async () => comes_to_rest()],
		[
			'while its statement runs',
			'WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c WHERE i = 1',
			async (lines) => {
				while ((await lines.next()).type !== 'row');
			},
		],
	];
	// A transaction that holds the write lock for an hour ends with its statement, or the next writer waits in vain.
	for (const [when, sql, reach] of rows)
		for (const to of ['the primary', 'a replica'])
			test(`${when} at ${to} ends it and its transaction`, async () => {
				const lines = await open_cursor(holds_lane(sql), { to: to === 'a replica' ? replica : primary });
				await reach(lines);
				lines.leave();
				assert.equal((await server.sql(primary, ['INSERT INTO t VALUES (1)'])).json.results[0].type, 'ok');
				assert.equal(await count('SELECT count(*) FROM t WHERE x = 99'), 0);
			});

	test('takes its stream with it', async () => {
		const lines = await open_cursor(['BEGIN', large()]);
		const waiting = send(lines.head.baton, ['SELECT 1']);
		lines.leave();
		const answer = await waiting;
		assert.equal(answer.status, 400, answer.text);
		assert.equal(answer.text, 'Received an invalid baton');
	});
});

describe('the baton of a streamed cursor', () => {
	test('makes the next request wait for its end', async () => {
		const lines = await open_cursor(['BEGIN', 'INSERT INTO t VALUES (5)', large()]);
		let answered = false;
		const next = send(
			lines.head.baton,
			[{ type: 'get_autocommit' }, 'SELECT count(*) FROM t WHERE x = 5', 'DELETE FROM t WHERE x = 5', 'COMMIT'],
		).then((answer) => {
			answered = true;
			return answer;
		});
		// Others are answered meanwhile; and the same baton is good once.
		assert.equal(await count('SELECT count(*) FROM t WHERE x = 5'), 0);
		const again = await send(lines.head.baton, ['SELECT 1']);
		assert.equal(again.status, 400);
		assert.equal(again.text, 'Received a baton that has already been used');
		assert.equal(answered, false);
		assert.equal(await lines.count_rows(), LARGE_ROWS);
		const answer = await next;
		assert.equal(answer.status, 200, answer.text);
		const [autocommit, seen, , commit] = answer.json.results;
		assert.equal(autocommit.response.is_autocommit, false);
		assert.equal(seen.response.result.rows[0][0].value, '1');
		assert.equal(commit.type, 'ok');
	});

	test('is good for as long as any other without a transaction', async () => {
		const short = await startServer({ args: ['--stream-idle-timeout', '300ms'], env: frugal });
		try {
			const own = await short.createDatabase('own', ['ord']);
			const cursor = (steps) => open_cursor(steps, { to: own.label, on: short });
			const wrote = await cursor(['CREATE TABLE t(x)', 'INSERT INTO t VALUES (1)', large()]);
			const read = await cursor([large()]);
			const begun = await cursor(['BEGIN', 'INSERT INTO t VALUES (2)', large()]);
			for (const lines of [wrote, read, begun]) assert.equal(await lines.count_rows(), LARGE_ROWS);
			// The transaction that was left open expires: then the others have been idle for long enough, too.
			const look = (baton) => short.sql(own.label, ['SELECT 1'], { baton });
			await until('the transaction to be rolled back', async () => {
				const answer = await short.sql(own.label, ['BEGIN IMMEDIATE', 'ROLLBACK']);
				return answer.json.results[0].type === 'ok';
			});
			await until('the stream to expire', async () => (await look(begun.head.baton)).json?.code === 'STREAM_EXPIRED');
			for (const lines of [wrote, read]) assert.equal((await look(lines.head.baton)).status, 200);
		} finally {
			await short.stop();
		}
	});

	test('of a small result is the stream as it is, and the answer comes whole', async () => {
		const lines = await open_cursor(['BEGIN', 'SELECT 1']);
		assert.notEqual(lines.headers['content-length'], undefined);
		await lines.rest();
		const answer = await send(lines.head.baton, [{ type: 'get_autocommit' }, 'ROLLBACK']);
		assert.equal(answer.json.results[0].response.is_autocommit, false);
	});

	test('reaches stored texts', async () => {
		const stored = await send(null, [{ type: 'store_sql', sql_id: 4, sql: large() }], { keep: true });
		const lines = await open_cursor([{ sql_id: 4 }], { baton: stored.json.baton });
		assert.equal(await lines.count_rows(), LARGE_ROWS);
		const again = await open_cursor([{ sql_id: 4 }], { baton: lines.head.baton });
		assert.equal(await again.count_rows(), LARGE_ROWS);
	});
});

describe('what writes', () => {
	test('shows rows only when it has succeeded', async () => {
		await server.sql(primary, ['DELETE FROM u', 'INSERT INTO u VALUES (3, 3)']);
		const insert = 'INSERT INTO u(id, x) SELECT column1, 0 FROM (VALUES (1), (2), (3)) RETURNING id';
		const failed = await (await open_cursor([insert])).rest();
		assert.deepEqual(types(failed), ['step_error']);
		assert.equal(failed[0].error.code, 'SQLITE_CONSTRAINT');
		await server.sql(primary, ['DELETE FROM u']);
		const lines = await (await open_cursor([insert, large()])).rest();
		assert.deepEqual(types(lines.slice(0, 6)), ['step_begin', 'row', 'row', 'row', 'step_end', 'step_begin']);
		assert.equal(lines[4].affected_row_count, 3);
		assert.equal(lines[4].last_insert_rowid, 3);
	});

	test('and returns too much is undone', async () => {
		await server.sql(primary, ['DELETE FROM u']);
		const lines = await (await open_cursor([`INSERT INTO u(x) SELECT pad FROM (${large()}) RETURNING x`, 'SELECT 1'])).rest();
		assert.deepEqual(types(lines), ['error']);
		assert.equal(lines[0].error.code, 'RESPONSE_TOO_LARGE');
		assert.equal(await count('SELECT count(*) FROM u'), 0);
	});

	for (const where of ['the primary', 'a replica'])
		test(`in a transaction is streamed, at ${where}, and read there afterwards`, async () => {
			const to = where === 'a replica' ? replica : primary;
			await server.sql(primary, ['DELETE FROM u']);
			const write = `INSERT INTO u(x) SELECT pad FROM (${large()}) RETURNING id, x`;
			const lines = await open_cursor(['BEGIN', write, 'COMMIT', 'SELECT count(*) FROM u'], { to });
			const rest = await lines.rest();
			assert.equal(rest.filter(({ type }) => type === 'row').length, LARGE_ROWS + 1);
			assert.equal(integer(rest.at(-2)), LARGE_ROWS);
			assert.equal(await count('SELECT count(*) FROM u', to), LARGE_ROWS);
		});
});

describe('the end of other things', () => {
	test('a database that is deleted ends its paused statements', async () => {
		const gone = await server.createDatabase('gone', ['ord']);
		const lines = await open_cursor([large()], { to: gone.label });
		await comes_to_rest();
		assert.equal((await server.api('DELETE', gone.path)).status, 200);
		const rest = await lines.rest();
		assert.ok(rest.length < LARGE_ROWS);
		assert.deepEqual(types(rest.slice(-1)), ['step_error']);
		assert.equal(rest.at(-1).error.code, 'SQLITE_INTERRUPT');
	});

	test('a paused writer gives way to others, and its client is told', async () => {
		const strict = await startServer({ args: ['--transaction-timeout', '50ms'], env: frugal });
		try {
			const own = await strict.createDatabase('own', ['ord']);
			await strict.sql(own.label, ['CREATE TABLE t(x)']);
			const lines = await open_cursor(['BEGIN IMMEDIATE', 'INSERT INTO t VALUES (1)', large(), 'COMMIT'], {
				to: own.label,
				on: strict,
			});
			// Only by taking the lock from the cursor, which nobody reads.
			assert.equal((await strict.sql(own.label, ['INSERT INTO t VALUES (2)'])).json.results[0].type, 'ok');
			const rest = await lines.rest();
			const errors = rest.filter(({ type }) => type === 'step_error');
			assert.deepEqual(
				errors.map(({ step, error }) => [step, error.code]),
				[
					[2, 'TRANSACTION_TIMEOUT'],
					[3, 'TRANSACTION_TIMEOUT'],
				],
			);
			assert.deepEqual(await strict.rows(own.label, 'SELECT x FROM t'), [{ x: 2 }]);
		} finally {
			await strict.stop();
		}
	});

	test('a server that stops does not wait for clients that do not read', async () => {
		const stopping = await startServer({ args: ['--drain-timeout', '200ms'], env: frugal });
		const own = await stopping.createDatabase('own', ['ord']);
		const lines = await open_cursor([large()], { to: own.label, on: stopping });
		await stopping.stop();
		await assert.rejects(lines.rest());
	});
});

test('clients that go away at any moment take nothing with them', async () => {
	const body = JSON.stringify({ batch: { steps: [{ stmt: { sql: 'WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 30000) SELECT count(*) FROM c' } }] } });
	const leave = (after_ms) =>
		new Promise((resolve) => {
			const call = http.request(`${server.db_url(primary)}v3/cursor`, { method: 'POST', agent: false, headers: { authorization: `Bearer ${db.jwt}`, 'content-length': body.length } });
			call.on('error', () => {});
			call.on('response', (response) => response.resume());
			call.on('close', resolve);
			call.end(body, () => setTimeout(() => call.destroy(), after_ms));
		});
	for (let round = 0; round < 30; round++) await Promise.all(Array.from({ length: 16 }, (_, i) => leave((i + round) % 40)));
	assert.deepEqual(await server.rows(primary, 'SELECT 1 AS n'), [{ n: 1 }]);
});
