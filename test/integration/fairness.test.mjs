// Nobody's long statements stop the others' short ones, and they end when their clients go.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { sleep, startServer, to_stmt, until } from '../lib/server.mjs';
import { Socket } from '../lib/wires.mjs';

const ENDLESS = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
const ADMITTED = 32; // requests of a database on workers at a moment
const ROWS = 500;

let server;
let db;
let other;

/// A request whose statement never ends. `ended` is its answer, once there is one, or its error.
function begin(label, ...statements) {
	const requests = statements.map((one) => ({ type: 'execute', stmt: to_stmt(one) }));
	const call = http.request(`${server.url}/db/${label}/v2/pipeline`, {
		method: 'POST',
		agent: false,
		headers: { authorization: `Bearer ${db.jwt}` },
	});
	const one = { call, ended: null };
	call.on('response', (response) => (one.ended = response.statusCode));
	call.on('error', (error) => (one.ended = error.message));
	call.end(JSON.stringify({ requests: [...requests, { type: 'close' }] }));
	return one;
}

async function hang_up(ones) {
	const gone = ones.map(({ call }) => call.closed || new Promise((resolve) => call.on('close', resolve)));
	for (const { call } of ones) call.destroy();
	await Promise.all(gone);
}

const select = (id) => ({ sql: 'SELECT v FROM item WHERE id = ?', args: [id] });

async function selects_work(label, count = 20) {
	for (let i = 1; i <= count; i++) assert.deepEqual(await server.rows(label, select(i)), [{ v: `number ${i}` }]);
}

/// What needs a worker: it is not one single statement.
async function program_works(label) {
	const answer = await server.sql(label, ['SELECT 1', select(7)]);
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.json.results[1].response.result.rows[0][0].value, 'number 7');
}

before(async () => {
	server = await startServer({ args: ['--statement-timeout', '10m', '--transaction-timeout', '400ms'] });
	db = await server.createDatabase('busy', ['ord', 'nrt']);
	other = await server.createDatabase('calm', ['ord']);
	for (const { label } of [db, other]) {
		await server.rows(label, 'CREATE TABLE item (id INTEGER PRIMARY KEY, v TEXT)');
		await server.rows(
			label,
			`INSERT INTO item WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${ROWS}) SELECT x, 'number ' || x FROM c`,
		);
	}
	await server.caught_up(db, 'SELECT count(*) FROM item');
});
after(() => server?.stop());

const places = { 'the primary': 0, 'a replica': 1 };
for (const [where, index] of Object.entries(places))
	describe(`while endless statements run at ${where}, as many as are admitted`, () => {
		const label = () => db.instances[index].label;
		let endless;
		before(async () => {
			endless = Array.from({ length: ADMITTED }, () => begin(label(), ENDLESS));
			await sleep(300); // so that they run
		});
		after(() => hang_up(endless));

		const all_run = () => assert.deepEqual(endless.filter(({ ended }) => ended !== null), []);

		test('point selects on the same database are answered', async () => {
			await selects_work(label());
			all_run();
		});

		test('point selects on another database are answered', async () => {
			await selects_work(other.label);
			all_run();
		});

		test('single writes on the same database and on another are answered', async () => {
			for (const to of [db.label, other.label])
				for (let i = 0; i < 5; i++) await server.rows(to, { sql: "UPDATE item SET v = 'number 9' WHERE id = ?", args: [9] });
			all_run();
		});

		test('programs and transactions on another database are answered', async () => {
			await program_works(other.label);
			const begun = await server.sql(other.label, ['BEGIN IMMEDIATE', 'DELETE FROM item WHERE id > 400'], { keep: true });
			const ended = await server.sql(other.label, ['ROLLBACK', 'SELECT count(*) FROM item'], { baton: begun.json.baton });
			assert.equal(ended.json.results[1].response.result.rows[0][0].value, String(ROWS));
			all_run();
		});

		test('they end when their clients go', async () => {
			all_run();
			const waiting = program_works(label()); // for one of the places that they hold
			await hang_up(endless.splice(0));
			await waiting;
			// All places are free again: as many others find one.
			const next = Array.from({ length: ADMITTED }, () => begin(label(), 'SELECT 1', ENDLESS));
			await sleep(300);
			assert.deepEqual(next.filter(({ ended }) => ended !== null), []);
			await selects_work(label(), 3);
			await hang_up(next);
			await program_works(label());
		});
	});

describe('a statement that writes for long', () => {
	test('keeps nobody from reading', async () => {
		const writer = begin(db.label, `INSERT INTO item (v) ${ENDLESS}`);
		await sleep(300);
		for (const { label } of [...db.instances, other]) await selects_work(label);
		assert.equal(writer.ended, null);
		await hang_up([writer]);
	});

	test('is ended when others wait too long to write, and its client is told', async () => {
		for (const begins of [[], ['BEGIN IMMEDIATE']]) {
			const long = server.sql(db.label, [...begins, `INSERT INTO item (id, v) SELECT 1000, x FROM (${ENDLESS.replace('count(*)', 'count(*) AS x')})`]);
			await sleep(300); // so that it runs
			await server.rows(db.label, { sql: "UPDATE item SET v = 'number 3' WHERE id = ?", args: [3] });
			const answer = await long;
			const { type, error } = answer.json.results[begins.length];
			assert.equal(type, 'error', answer.text);
			assert.equal(error.code, 'TRANSACTION_TIMEOUT');
			assert.match(error.message, /Transaction timed out/);
			assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM item WHERE id = 1000'), [{ n: 0 }]);
		}
	});
});

test('writers that wait for their turn keep nobody else from running', async (t) => {
	const WORKERS = 4;
	const own = await startServer({ args: ['--workers-max', String(WORKERS), '--write-wait', '10m', '--transaction-timeout', '10m', '--stream-idle-timeout', '10m'] });
	t.after(() => own.stop());
	const crowded = await own.createDatabase('crowded', ['ord']);
	const calm = await own.createDatabase('calm', ['ord']);
	await own.rows(crowded.label, 'CREATE TABLE t (v)');
	const holder = await own.sql(crowded.label, ['BEGIN IMMEDIATE', 'INSERT INTO t VALUES (0)'], { keep: true });
	const writers = Array.from({ length: 3 * WORKERS }, (_, i) => own.sql(crowded.label, ['SELECT 1', { sql: 'INSERT INTO t VALUES (?)', args: [i + 1] }]));
	await sleep(300); // so that they wait
	for (const { label } of [crowded, calm]) {
		const answer = await own.sql(label, ['SELECT 1', 'SELECT count(*) FROM sqlite_schema']);
		assert.equal(answer.status, 200, answer.text);
		assert.equal(answer.json.results[1].type, 'ok');
	}
	await own.sql(crowded.label, 'COMMIT', { baton: holder.json.baton });
	for (const answer of await Promise.all(writers)) assert.equal(answer.json.results[1].type, 'ok', answer.text);
	assert.deepEqual(await own.rows(crowded.label, 'SELECT count(*) AS n FROM t'), [{ n: 3 * WORKERS + 1 }]);
});

test('a server that stops does not wait for statements that never end', async () => {
	const own = await startServer({ args: ['--statement-timeout', '10m', '--drain-timeout', '200ms'] });
	const mine = await own.createDatabase('mine', ['ord']);
	const calls = Array.from({ length: 8 }, () => own.sql(mine.label, ENDLESS).catch((error) => error));
	await sleep(300);
	await own.stop();
	await Promise.all(calls);
});

test('§1.1 more requests than may wait are 429, and the stream of their baton stays as it is', async () => {
	const WAITING = 1024; // behind those that are admitted
	const STREAMS = 120;
	const opened = await server.sql(db.label, ['SELECT 1', 'SELECT 2'], { keep: true });
	const sockets = Array.from({ length: Math.ceil((ADMITTED + WAITING) / STREAMS) }, () => new Socket(server.db_url(db.label).replace(/^http/, 'ws'), 'hrana3', db.jwt));
	for (const socket of sockets) {
		await socket.opened;
		for (let id = 0; id < STREAMS; id++)
			for (const request of [{ type: 'open_stream', stream_id: id }, { type: 'execute', stream_id: id, stmt: { sql: ENDLESS } }])
				socket.ws.send(JSON.stringify({ type: 'request', request_id: id, request }));
	}
	const ask = (baton) => server.sql(db.label, ['SELECT 1', 'SELECT 3'], { baton });
	await until('nobody else to be let in', async () => (await Promise.race([ask(null), sleep(1000)]))?.status === 429);
	const refused = await ask(opened.json.baton);
	assert.equal(refused.status, 429);
	assert.equal(refused.headers['content-type'], 'application/json');
	assert.match(refused.json.error, /^Too many concurrent requests/);
	// Other databases feel nothing of it.
	await program_works(other.label);
	for (const { ws } of sockets) ws.terminate();
	const next = await until('room again', async () => {
		const answer = await ask(opened.json.baton);
		return answer.status !== 429 && answer;
	});
	assert.equal(next.json?.results[1].type, 'ok', next.text);
});
