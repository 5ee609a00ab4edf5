// Streams of the SQL protocol over HTTP: batons, transactions, idleness, and what outlives a restart.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { sleep, startServer, to_stmt, until } from '../lib/server.mjs';

let server;
let db;
let label;

const execute = (statement) => ({ type: 'execute', stmt: to_stmt(statement) });
const close = { type: 'close' };
const autocommit = { type: 'get_autocommit' };

/// A pipeline on a stream. Statements given as text are executed.
function send(baton, requests, { path = '/v3/pipeline', to = label, ...options } = {}) {
	const list = requests.map((one) => (typeof one === 'string' ? execute(one) : one));
	return server.data_plane(to, path, { baton, requests: list }, options);
}

/// The same, which must succeed in every request.
async function run(baton, requests, options) {
	const answer = await send(baton, requests, options);
	assert.equal(answer.status, 200, answer.text);
	for (const one of answer.json.results) assert.equal(one.type, 'ok', JSON.stringify(one));
	return answer;
}

const first = (answer, index = 0) => answer.json.results[index].response.result.rows[0][0].value;
const count = async (table, options) => Number(first(await run(null, [`SELECT count(*) FROM ${table}`, close], options)));

function is_expired(answer) {
	assert.equal(answer.status, 400, answer.text);
	assert.deepEqual(answer.json, { message: 'The stream has expired due to inactivity', code: 'STREAM_EXPIRED' });
	assert.equal(answer.headers['content-type'], 'application/json');
}

function is_text(answer, text) {
	assert.equal(answer.status, 400, answer.text);
	assert.equal(answer.text, text);
	assert.match(answer.headers['content-type'], /^text\/plain/);
}

const reused = 'Received a baton that has already been used';
const invalid = 'Received an invalid baton';

before(async () => {
	server = await startServer({ args: ['--stream-idle-timeout', '2'] });
	db = await server.createDatabase('shop', ['ord', 'nrt']);
	label = db.instances[0].label;
	await run(null, ['CREATE TABLE t(x)', 'CREATE TABLE seen(x)', close]);
});
after(() => server.stop());

describe('batons', () => {
	test('every answer carries a fresh one until the stream is closed', async () => {
		const opened = await run(null, []);
		assert.deepEqual(opened.json.results, []);
		assert.equal(opened.json.base_url, null);
		const seen = new Set([opened.json.baton]);
		let { baton } = opened.json;
		for (const requests of [['SELECT 1'], [], ['SELECT 2', 'SELECT 3'], [autocommit]]) {
			({ baton } = (await run(baton, requests)).json);
			assert.equal(typeof baton, 'string');
			seen.add(baton);
		}
		assert.equal(seen.size, 5);
		assert.equal((await run(baton, [close])).json.baton, null);
	});

	test('one that was used is refused, and the stream lives on', async () => {
		const one = await run(null, ['BEGIN']);
		const two = await run(one.json.baton, ['SELECT 1']);
		is_text(await send(one.json.baton, ['SELECT 1']), reused);
		is_text(await send(one.json.baton, [close]), reused);
		const three = await run(two.json.baton, [autocommit, close]);
		assert.equal(three.json.results[0].response.is_autocommit, false);
	});

	test('the first answer to a lone SELECT gives one like any other', async () => {
		const one = await run(null, ['SELECT 1']);
		const two = await run(one.json.baton, ['SELECT 2']);
		is_text(await send(one.json.baton, ['SELECT 3']), reused);
		await run(two.json.baton, [close]);
	});

	test('a stream is used by one request at a time', async () => {
		const { baton } = (await run(null, ['BEGIN', 'SELECT 1'])).json;
		const slow = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) FROM n';
		const answers = await Promise.all([1, 2, 3, 4].map(() => send(baton, [slow])));
		const good = answers.filter((answer) => answer.status === 200);
		assert.equal(good.length, 1);
		for (const answer of answers) if (answer !== good[0]) is_text(answer, reused);
		await run(good[0].json.baton, ['ROLLBACK', close]);
	});

	test('what is no baton is refused', async () => {
		const { baton } = (await run(null, ['BEGIN'])).json;
		const other = baton.at(5) === 'A' ? 'B' : 'A';
		for (const text of ['', 'x', baton.slice(1), `${baton}A`, baton.slice(0, 5) + other + baton.slice(6)])
			is_text(await send(text, ['SELECT 1']), invalid);
		assert.equal((await send(7, ['SELECT 1'])).status, 400);
		await run(baton, ['ROLLBACK', close]);
	});

	test('a closed stream is gone', async () => {
		const { baton } = (await run(null, ['BEGIN', 'INSERT INTO t VALUES (1)'])).json;
		await run(baton, [close]);
		is_text(await send(baton, ['SELECT 1']), invalid);
		assert.equal(await count('t'), 0);
	});

	test('another credential or database cannot use it', async () => {
		const { baton } = (await run(null, ['BEGIN', 'INSERT INTO t VALUES (1)'])).json;
		const reader = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json.jwt;
		const writer = (await server.api('POST', `${db.path}/auth/tokens?expiration=1d`)).json.jwt;
		is_text(await send(baton, ['COMMIT'], { token: reader }), invalid);
		is_text(await send(baton, ['COMMIT'], { token: writer }), invalid);
		assert.equal((await send(baton, ['COMMIT'], { token: 'nonsense' })).status, 401);
		// Nothing of that touched the stream.
		await run(baton, ['ROLLBACK', close]);
		assert.equal(await count('t'), 0);
	});

	test('a request that fails as a whole ends the stream', async () => {
		const broken = [
			[{ type: 'execute', stmt: { sql_id: 5 } }],
			[{ type: 'execute', stmt: {} }],
			[{ type: 'batch', batch: { steps: [{ condition: { type: 'ok', step: 0 }, stmt: { sql: 'SELECT 1' } }] } }],
		];
		for (const requests of broken) {
			const { baton } = (await run(null, ['BEGIN', 'INSERT INTO t VALUES (1)'])).json;
			assert.equal((await send(baton, requests)).status, 400);
			is_text(await send(baton, ['COMMIT']), invalid);
		}
		assert.equal(await count('t'), 0);
	});

	test('an SQL error does not', async () => {
		const one = await run(null, ['BEGIN', 'INSERT INTO t VALUES (1)']);
		const two = await send(one.json.baton, ['SELECT * FROM nope', autocommit]);
		assert.equal(two.json.results[0].type, 'error');
		assert.equal(two.json.results[1].response.is_autocommit, false);
		await run(two.json.baton, ['ROLLBACK', close]);
	});
});

describe('state of a stream', () => {
	test('a transaction over several requests is seen when it is committed', async () => {
		const one = await run(null, ['BEGIN IMMEDIATE', 'INSERT INTO seen VALUES (1)']);
		assert.equal(await count('seen'), 0);
		const two = await run(one.json.baton, ['INSERT INTO seen VALUES (2)', 'SELECT count(*) FROM seen']);
		assert.equal(first(two, 1), '2');
		await run(two.json.baton, ['COMMIT', close]);
		assert.equal(await count('seen'), 2);
	});

	test('savepoints, read-only transactions, constraint failures', async () => {
		const one = await run(null, ['CREATE TABLE sp(x UNIQUE)', 'BEGIN', 'INSERT INTO sp VALUES (1)', 'SAVEPOINT a', 'INSERT INTO sp VALUES (2)']);
		const two = await send(one.json.baton, ['INSERT INTO sp VALUES (1)', 'ROLLBACK TO a', 'RELEASE a', autocommit]);
		assert.equal(two.json.results[0].error.code, 'SQLITE_CONSTRAINT');
		assert.equal(two.json.results[3].response.is_autocommit, false);
		await run(two.json.baton, ['COMMIT', close]);
		assert.equal(await count('sp'), 1);
		const three = await run(null, ['BEGIN TRANSACTION READONLY', 'SELECT * FROM sp']);
		await run(three.json.baton, ['COMMIT', autocommit, close]);
	});

	test('last_insert_rowid and changes belong to the stream', async () => {
		await run(null, ['CREATE TABLE ids(id INTEGER PRIMARY KEY, x)', 'INSERT INTO ids VALUES (900, 0)', close]);
		const one = await run(null, ["INSERT INTO ids(x) VALUES ('a')"]);
		await run(null, ["INSERT INTO ids VALUES (5000, 'b'), (5001, 'c')", close]);
		const two = await run(one.json.baton, ['SELECT last_insert_rowid()', 'SELECT changes()', close]);
		assert.equal(first(two, 0), '901');
		assert.equal(first(two, 1), '1');
		// Asked at once and after another statement: that takes another way through the server.
		for (const before of [[], ['SELECT 1']]) {
			const fresh = await run(null, [...before, 'SELECT last_insert_rowid() + changes() + total_changes()', close]);
			assert.equal(first(fresh, before.length), '0');
		}
	});

	test('a table that another stream has made anew is known at once', async () => {
		// A pragma keeps the stream's connection, which knows the older table.
		const opened = await run(null, ['PRAGMA foreign_keys=ON', 'CREATE TABLE renewed(a)', 'SELECT * FROM renewed']);
		await run(null, ['DROP TABLE renewed', 'CREATE TABLE renewed(a, b)', close]);
		await run(opened.json.baton, ['INSERT INTO renewed VALUES (1, 2)', close]);
		assert.equal(await count('renewed'), 1);
	});

	test('foreign keys are off on a fresh stream, and stay as a stream set them', async () => {
		await run(null, ['CREATE TABLE parent(id INTEGER PRIMARY KEY)', 'CREATE TABLE child(p REFERENCES parent)', close]);
		const one = await run(null, ['PRAGMA foreign_keys = ON', 'PRAGMA foreign_keys']);
		assert.equal(first(one, 1), '1');
		const refused = await send(one.json.baton, ['INSERT INTO child VALUES (1)']);
		assert.equal(refused.json.results[0].error.code, 'SQLITE_CONSTRAINT');
		await run(refused.json.baton, [close]);
		assert.equal(first(await run(null, ['PRAGMA foreign_keys', 'INSERT INTO child VALUES (1)', 'DELETE FROM child', close])), '0');
	});

	test('stored texts belong to the stream', async () => {
		const one = await run(null, [{ type: 'store_sql', sql_id: 1, sql: 'SELECT 42' }]);
		const two = await run(one.json.baton, [{ type: 'execute', stmt: { sql_id: 1 } }]);
		assert.equal(first(two), '42');
		is_text(await send(null, [{ type: 'execute', stmt: { sql_id: 1 } }]), 'SQL text 1 not found');
		await run(two.json.baton, [close]);
	});
});

// A writer that waits for the lock of an idle stream gets it when that stream has expired: so all streams that were
// left before that one are idle for longer.
async function let_streams_expire() {
	const { baton } = (await run(null, ['BEGIN IMMEDIATE', 'INSERT INTO t VALUES (7)'])).json;
	await run(null, ['INSERT INTO t VALUES (8)', 'DELETE FROM t', close]);
	return baton;
}

describe('idle streams', () => {
	test('a transaction is rolled back, and its client is told', async () => {
		const baton = await let_streams_expire();
		is_expired(await send(baton, ['COMMIT']));
		is_expired(await send(baton, ['SELECT 1']));
		assert.equal(await count('t'), 0);
	});

	test('a stream without a transaction never expires', async () => {
		const plain = await run(null, ['SELECT 1', 'SELECT 2']);
		const wrote = await run(null, ['CREATE TABLE IF NOT EXISTS later(x)', 'INSERT INTO later VALUES (1)']);
		const lone = await run(null, ['SELECT 1']);
		const stored = await run(null, [{ type: 'store_sql', sql_id: 1, sql: 'SELECT 42' }]);
		const settings = await run(null, ['PRAGMA foreign_keys = ON']);
		const committed = await run(null, ['BEGIN', 'INSERT INTO later VALUES (2)', 'COMMIT']);
		await let_streams_expire();
		for (const one of [plain, wrote, lone, committed]) {
			const two = await run(one.json.baton, ['SELECT 3', 'SELECT count(*) FROM later']);
			assert.equal(first(two), '3');
			assert.equal(first(two, 1), '2');
			await run(two.json.baton, [close]);
		}
		assert.equal(first(await run(stored.json.baton, [{ type: 'execute', stmt: { sql_id: 1 } }, close])), '42');
		assert.equal(first(await run(settings.json.baton, ['PRAGMA foreign_keys', close])), '1');
	});

	test('§3.2 a request that runs for longer than the idle time keeps its stream', async () => {
		const slow = (rows) => `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT max(i) FROM n`;
		const { baton } = (await run(null, ['BEGIN', 'INSERT INTO t VALUES (3)'])).json;
		// Twice the idle time and more, by statements of which none needs long.
		const begin = Date.now();
		await run(null, [slow(300_000), close]);
		const count_of_them = Math.ceil(5000 / (Date.now() - begin + 1)) + 1;
		const from = Date.now();
		const answer = await run(baton, [...Array.from({ length: count_of_them }, () => slow(300_000)), autocommit, 'SELECT count(*) FROM t', 'ROLLBACK', close]);
		assert.ok(Date.now() - from > 2000, 'it took longer than a stream may be idle');
		assert.equal(answer.json.results.at(-4).response.is_autocommit, false);
		assert.equal(first(answer, count_of_them + 1), '1');
	});

	test('each request begins the time anew', async () => {
		let { baton } = (await run(null, ['BEGIN', 'INSERT INTO t VALUES (9)'])).json;
		const end = Date.now() + 5000;
		while (Date.now() < end) ({ baton } = (await run(baton, ['SELECT 1'])).json);
		await run(baton, ['ROLLBACK', close]);
	});
});

describe('writers', () => {
	test('wait for each other in order instead of failing', async () => {
		await run(null, ['CREATE TABLE queue(id INTEGER PRIMARY KEY, who)', close]);
		const holder = await run(null, ['BEGIN IMMEDIATE', "INSERT INTO queue(who) VALUES ('holder')"]);
		const waiting = Array.from({ length: 20 }, (_, i) => run(null, [{ ...execute({ sql: 'INSERT INTO queue(who) VALUES (?)', args: [i] }) }, close]));
		const transaction = run(null, ['BEGIN IMMEDIATE', "INSERT INTO queue(who) VALUES ('t')", 'COMMIT', close]);
		// Readers never wait.
		assert.equal(await count('queue'), 0);
		await run(holder.json.baton, ['COMMIT', close]);
		await Promise.all([...waiting, transaction]);
		assert.equal(await count('queue'), 22);
		assert.equal(first(await run(null, ['SELECT who FROM queue ORDER BY id LIMIT 1', close])), 'holder');
	});

	test('a request of the holder is never stuck behind those who wait for it', async () => {
		const holder = await run(null, ['BEGIN IMMEDIATE', "INSERT INTO queue(who) VALUES ('first')"]);
		const waiting = Array.from({ length: 200 }, () => run(null, ["INSERT INTO queue(who) VALUES ('w')", close]));
		const two = await run(holder.json.baton, ['SELECT count(*) FROM queue']);
		await run(two.json.baton, ['COMMIT', close]);
		await Promise.all(waiting);
		assert.equal(Number(first(await run(null, ["SELECT count(*) FROM queue WHERE who = 'w'", close]))), 200);
	});
});

describe('clients that go away', () => {
	test('their statement is stopped and their transaction rolled back', async () => {
		const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n';
		let baton;
		await until('the statement to run', async () => {
			baton = (await run(null, ['BEGIN IMMEDIATE', 'INSERT INTO t VALUES (1)'])).json.baton;
			const body = JSON.stringify({ baton, requests: [execute(endless)] });
			const socket = net.connect(server.port, '127.0.0.1');
			await once(socket, 'connect');
			let answered = false;
			socket.on('data', () => (answered = true));
			socket.write(
				`POST /db/${label}/v3/pipeline HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${db.jwt}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
			);
			await sleep(300);
			// It runs if its baton counts as used; but asking that may itself have used it, if the other came later.
			const asked = await send(baton, []);
			await sleep(300);
			socket.destroy();
			if (asked.text === reused && !answered) return true;
			await run(asked.json?.baton ?? null, [close]);
			return false;
		});
		await run(null, ['INSERT INTO t VALUES (2)', 'DELETE FROM t', close]);
		await until('the stream to be gone', async () => (await send(baton, [])).text === invalid);
	});
});

describe('on a replica', () => {
	const replica = () => ({ to: db.instances[1].label });

	test('a stream reads what it wrote, within a transaction and after', async () => {
		const one = await run(null, ['CREATE TABLE rep(x)', 'INSERT INTO rep VALUES (1)', 'SELECT count(*) FROM rep'], replica());
		assert.equal(first(one, 2), '1');
		const two = await run(one.json.baton, ['BEGIN', 'INSERT INTO rep VALUES (2)', 'SELECT count(*) FROM rep'], replica());
		assert.equal(first(two, 2), '2');
		const three = await run(two.json.baton, ['COMMIT', 'SELECT count(*) FROM rep'], replica());
		assert.equal(first(three, 1), '2');
		await run(three.json.baton, [close], replica());
	});

	test('last_insert_rowid and changes are those of a write that was forwarded', async () => {
		const to = db.instances[1].label;
		await run(null, ['CREATE TABLE counted(id INTEGER PRIMARY KEY)', close], { to });
		const one = await run(null, ['INSERT INTO counted VALUES (70), (71)', 'SELECT changes()'], { to });
		assert.equal(first(one, 1), '2');
		const two = await run(one.json.baton, ['SELECT last_insert_rowid()', close], { to });
		assert.equal(first(two), '71');
	});

	test('a replication index makes it wait', async () => {
		for (let i = 0; i < 20; i++) {
			const wrote = await run(null, [`INSERT INTO rep VALUES (${100 + i})`, close]);
			const index = wrote.json.results[0].response.result.replication_index;
			const sql = `SELECT count(*) FROM rep WHERE x = ${100 + i}`;
			const ways = [
				{ type: 'execute', stmt: { sql, replication_index: index } },
				{ type: 'execute', stmt: { sql, replication_index: Number(index) } },
				{ type: 'batch', batch: { steps: [{ stmt: { sql } }], replication_index: index } },
			];
			const read = await run(null, [ways[i % 3], close], replica());
			const { result } = read.json.results[0].response;
			assert.equal((result.rows ?? result.step_results[0].rows)[0][0].value, '1');
		}
	});

	test('a baton brings what its stream has seen to another address of the database', async () => {
		for (let i = 0; i < 10; i++) {
			const wrote = await run(null, [`INSERT INTO rep VALUES (${200 + i})`]);
			const read = await run(wrote.json.baton, [`SELECT count(*) FROM rep WHERE x = ${200 + i}`, close], replica());
			assert.equal(first(read), '1');
		}
	});
});

describe('after a restart', () => {
	test('plain streams go on, those that held something are expired', async () => {
		const plain = await run(null, ['SELECT 1', 'SELECT 2']);
		const lone = await run(null, ['SELECT 1']);
		const open = await run(null, ['BEGIN', 'INSERT INTO t VALUES (1)']);
		const stored = await run(null, [{ type: 'store_sql', sql_id: 1, sql: 'SELECT 42' }]);
		await server.restart();
		for (const one of [plain, lone]) assert.equal(first(await run(one.json.baton, ['SELECT 3', close])), '3');
		for (const one of [open, stored]) is_expired(await send(one.json.baton, ['SELECT 3']));
		assert.equal(await count('t'), 0);
	});
});
