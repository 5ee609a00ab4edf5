// Hrana over WebSocket (spec/hrana.md §4), message by message.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import { request, startServer, until } from '../lib/server.mjs';

let server;
let db;
let label;
const sockets = new Set();

before(async () => {
	server = await startServer({ args: ['--transaction-timeout', '1', '--socket-message-max', '1mb', '--socket-streams-max', '20'] });
	db = await server.createDatabase('socket', ['ord', 'nrt']);
	label = db.instances[0].label;
	await server.sql(label, ['CREATE TABLE t(x)', 'CREATE TABLE many(x)']);
});
after(async () => {
	for (const socket of sockets) socket.terminate();
	await server?.stop();
});

/// A socket whose answers can be awaited by their request's id.
class Socket {
	constructor(ws) {
		this.ws = ws;
		this.answers = [];
		this.waiting = new Map();
		this.next = 1;
		this.closed = new Promise((resolve) => ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })));
		ws.on('error', () => {});
		ws.on('message', (text) => {
			const message = JSON.parse(text);
			this.answers.push(message);
			this.waiting.get(message.request_id ?? message.type)?.(message);
		});
	}
	wait(key) {
		return new Promise((resolve) => this.waiting.set(key, resolve));
	}
	send(message) {
		this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
	}
	ask(body) {
		const request_id = this.next++;
		const answer = this.wait(request_id);
		this.send({ type: 'request', request_id, request: body });
		return answer;
	}
	async ok(body) {
		const answer = await this.ask(body);
		assert.equal(answer.type, 'response_ok', JSON.stringify(answer));
		assert.equal(answer.response.type, body.type);
		return answer.response;
	}
	async fails(body, code) {
		const answer = await this.ask(body);
		assert.equal(answer.type, 'response_error', JSON.stringify(answer));
		assert.equal(answer.error.code, code, answer.error.message);
		return answer.error;
	}
	execute(stream_id, sql) {
		return this.ok({ type: 'execute', stream_id, stmt: { sql } });
	}
}

async function connect({ protocols = ['hrana3'], to = label, jwt = db.jwt, hello = true } = {}) {
	const ws = new WebSocket(server.db_url(to).replace(/^http/, 'ws'), protocols);
	sockets.add(ws);
	const socket = new Socket(ws);
	await new Promise((resolve, reject) => {
		ws.on('open', resolve);
		ws.on('error', reject);
	});
	if (hello) socket.send({ type: 'hello', jwt });
	return socket;
}

const value = (response) => response.result.rows[0][0].value;

describe('the upgrade', () => {
	test('chooses the newest protocol that both know', async () => {
		assert.equal((await connect({ protocols: ['hrana1', 'hrana2', 'other'] })).ws.protocol, 'hrana2');
		assert.equal((await connect({ protocols: ['hrana1', 'hrana3', 'hrana2'] })).ws.protocol, 'hrana3');
		assert.equal((await connect({ protocols: ['hrana3', 'hrana3-protobuf'], hello: false })).ws.protocol, 'hrana3-protobuf');
		assert.equal((await connect({ protocols: [] })).ws.protocol, '');
	});

	test('is refused when no protocol is known, or the name', async () => {
		const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
		const none = await request(server.db_url(label), { headers: { ...upgrade, 'sec-websocket-protocol': 'soap' } });
		assert.equal(none.status, 400);
		assert.equal(none.text, 'Only these WebSocket subprotocols are supported: hrana3-protobuf hrana3 hrana2 hrana1');
		assert.equal((await request(`${server.url}/db/nobody/`, { headers: upgrade })).status, 404);
		const old = await request(server.db_url(label), { headers: { ...upgrade, 'sec-websocket-version': '8' } });
		assert.equal(old.status, 400);
		assert.equal(old.headers['sec-websocket-version'], '13');
		assert.equal((await request(server.db_url(label), { headers: { ...upgrade, 'sec-websocket-key': 'short' } })).status, 400);
	});
});

describe('hello', () => {
	test('opens the socket once its token is good', async () => {
		const socket = await connect();
		await until('hello_ok', () => socket.answers.some((answer) => answer.type === 'hello_ok'));
		socket.ws.close(1000);
		assert.equal((await socket.closed).code, 1000);
	});

	test('with a bad token is answered by its code and an orderly end', async () => {
		const socket = await connect({ jwt: 'no.such.token' });
		assert.equal((await socket.closed).code, 1000);
		assert.equal(socket.answers[0].type, 'hello_error');
		assert.equal(socket.answers[0].error.code, 'AUTH_JWT_INVALID');
		assert.match(socket.answers[0].error.message, /^Authentication failed: /);
	});

	test('must come before any request', async () => {
		const socket = await connect({ hello: false });
		socket.send({ type: 'request', request_id: 1, request: { type: 'open_stream', stream_id: 1 } });
		assert.deepEqual(await socket.closed, { code: 1008, reason: 'Received a request before hello message' });
	});

	test('may come again from version 2 on', async () => {
		const socket = await connect();
		const again = socket.wait('hello_ok');
		socket.send({ type: 'hello', jwt: db.jwt });
		await again;
		const oldest = await connect({ protocols: ['hrana1'] });
		oldest.send({ type: 'hello', jwt: db.jwt });
		assert.equal((await oldest.closed).code, 1008);
	});

	test('a token that is revoked ends a socket that does nothing, with its transaction', async () => {
		const other = await server.createDatabase('rotated-idle', ['ord']);
		const socket = await connect({ to: other.label, jwt: other.jwt });
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		await socket.execute(1, 'CREATE TABLE t(x)');
		await socket.execute(1, 'BEGIN IMMEDIATE');
		assert.equal((await server.api('POST', `${other.path}/auth/rotate`)).status, 200);
		assert.deepEqual(await socket.closed, { code: 1008, reason: 'token revoked' });
	});

	test('a token that is revoked ends the socket at its next message', async () => {
		const other = await server.createDatabase('rotated', ['ord']);
		const socket = await connect({ to: other.label, jwt: other.jwt });
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		const rotated = await server.api('POST', `${other.path}/auth/rotate`);
		assert.equal(rotated.status, 200);
		socket.ask({ type: 'get_autocommit', stream_id: 1 });
		assert.deepEqual(await socket.closed, { code: 1008, reason: 'token revoked' });
	});
});

describe('streams', () => {
	test('take pipelined requests in order, each stream its own transaction', async () => {
		const socket = await connect();
		const all = [];
		for (const stream_id of [1, 2]) {
			all.push(socket.ok({ type: 'open_stream', stream_id }));
			all.push(socket.ok({ type: 'execute', stream_id, stmt: { sql: stream_id === 1 ? 'BEGIN' : 'SELECT 1' } }));
			all.push(socket.ok({ type: 'execute', stream_id, stmt: { sql: 'SELECT count(*) FROM t' } }));
		}
		await Promise.all(all);
		await socket.execute(1, 'INSERT INTO t VALUES (1)');
		assert.equal(value(await socket.execute(1, 'SELECT count(*) FROM t')), '1');
		assert.equal(value(await socket.execute(2, 'SELECT count(*) FROM t')), '0');
		assert.equal((await socket.ok({ type: 'get_autocommit', stream_id: 1 })).is_autocommit, false);
		await socket.ok({ type: 'close_stream', stream_id: 1 });
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		assert.equal((await socket.ok({ type: 'get_autocommit', stream_id: 1 })).is_autocommit, true);
		assert.equal(value(await socket.execute(1, 'SELECT count(*) FROM t')), '0');
	});

	test('unknown and taken ids end the socket', async () => {
		const unknown = await connect();
		unknown.ask({ type: 'execute', stream_id: 5, stmt: { sql: 'SELECT 1' } });
		assert.deepEqual(await unknown.closed, { code: 1008, reason: 'Stream 5 not found' });
		const taken = await connect();
		await taken.ok({ type: 'open_stream', stream_id: 5 });
		taken.ask({ type: 'open_stream', stream_id: 5 });
		assert.deepEqual(await taken.closed, { code: 1008, reason: 'Stream 5 already exists' });
	});

	test('one that could not be opened says so until it is closed', async () => {
		const socket = await connect();
		for (let id = 0; id < 20; id++) await socket.ok({ type: 'open_stream', stream_id: id });
		await socket.fails({ type: 'open_stream', stream_id: 20 }, 'RATE_LIMITED');
		const error = await socket.fails({ type: 'execute', stream_id: 20, stmt: { sql: 'SELECT 1' } }, 'STREAM_NOT_OPEN');
		assert.equal(error.message, 'Stream 20 has failed to open');
		await socket.ok({ type: 'close_stream', stream_id: 20 });
		await socket.ok({ type: 'close_stream', stream_id: 0 });
		await socket.ok({ type: 'open_stream', stream_id: 20 });
	});

	test('last_insert_rowid and changes stay with the stream', async () => {
		const socket = await connect();
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		await socket.execute(1, 'INSERT INTO many VALUES (1), (2), (3)');
		assert.equal(value(await socket.execute(1, 'SELECT changes()')), '3');
	});

	test('a socket that ends rolls back', async () => {
		const socket = await connect();
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		await socket.execute(1, 'BEGIN IMMEDIATE');
		await socket.execute(1, 'INSERT INTO t VALUES (9)');
		socket.ws.terminate();
		await server.sql(label, ['INSERT INTO t VALUES (10)']);
		assert.deepEqual(await server.rows(label, 'SELECT x FROM t'), [{ x: 10 }]);
		await server.sql(label, ['DELETE FROM t']);
	});

	test('a running statement is stopped when its socket ends', async () => {
		const socket = await connect();
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		await socket.execute(1, 'BEGIN IMMEDIATE');
		socket.ask({
			type: 'execute',
			stream_id: 1,
			stmt: { sql: 'INSERT INTO t WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c' },
		});
		await new Promise((resolve) => setTimeout(resolve, 100));
		socket.ws.terminate();
		await server.sql(label, ['INSERT INTO t VALUES (1)', 'DELETE FROM t']);
	});

	test('a slow transaction is ended when others want to write, and its client is told', async () => {
		const socket = await connect();
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		await socket.execute(1, 'BEGIN IMMEDIATE');
		await server.sql(label, ['INSERT INTO t VALUES (2)']);
		await socket.fails({ type: 'execute', stream_id: 1, stmt: { sql: 'COMMIT' } }, 'TRANSACTION_TIMEOUT');
		assert.equal((await socket.ok({ type: 'get_autocommit', stream_id: 1 })).is_autocommit, true);
		await server.sql(label, ['DELETE FROM t']);
	});

	test('a replica shows what its stream wrote', async () => {
		const socket = await connect({ to: db.instances[1].label });
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		await socket.execute(1, 'INSERT INTO t VALUES (77)');
		assert.equal(value(await socket.execute(1, 'SELECT x FROM t')), '77');
		await socket.execute(1, 'DELETE FROM t');
	});
});

describe('requests', () => {
	test('every kind has its answer', async () => {
		const socket = await connect();
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		const batch = { steps: [{ stmt: { sql: 'SELECT 1' } }, { condition: { type: 'error', step: 0 }, stmt: { sql: 'SELECT 2' } }] };
		const { result } = await socket.ok({ type: 'batch', stream_id: 1, batch });
		assert.deepEqual([result.step_results.length, result.step_results[1], result.step_errors], [2, null, [null, null]]);
		await socket.ok({ type: 'sequence', stream_id: 1, sql: 'SELECT 1; SELECT 2;' });
		const described = await socket.ok({ type: 'describe', stream_id: 1, sql: 'SELECT :a AS b' });
		assert.deepEqual(described.result.params, [{ name: ':a' }]);
	});

	test('stored texts belong to the socket and to the order of its messages', async () => {
		const socket = await connect();
		const all = [
			socket.ok({ type: 'open_stream', stream_id: 1 }),
			socket.ok({ type: 'store_sql', sql_id: 3, sql: 'SELECT 33' }),
			socket.ok({ type: 'execute', stream_id: 1, stmt: { sql_id: 3 } }),
			socket.ok({ type: 'close_sql', sql_id: 3 }),
			socket.ok({ type: 'store_sql', sql_id: 3, sql: 'SELECT 34' }),
			socket.ok({ type: 'execute', stream_id: 1, stmt: { sql_id: 3 } }),
		];
		const answers = await Promise.all(all);
		assert.deepEqual([value(answers[2]), value(answers[5])], ['33', '34']);
		for (let id = 10; id < 159; id++) await socket.ok({ type: 'store_sql', sql_id: id, sql: 'SELECT 1' });
		await socket.fails({ type: 'store_sql', sql_id: 200, sql: 'SELECT 1' }, 'SQL_STORE_TOO_MANY');
		socket.ask({ type: 'execute', stream_id: 1, stmt: { sql_id: 999 } });
		assert.deepEqual(await socket.closed, { code: 1008, reason: 'SQL text 999 not found' });
	});

	test('cursors are fetched in pieces', async () => {
		const socket = await connect();
		const batch = {
			steps: [
				{ stmt: { sql: 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT n FROM c' } },
				{ stmt: { sql: 'SELECT * FROM missing' } },
				{ stmt: { sql: 'INSERT INTO many VALUES (1) RETURNING x' } },
			],
		};
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		await socket.ok({ type: 'open_cursor', stream_id: 1, cursor_id: 4, batch });
		const entries = [];
		for (let done = false; !done; ) {
			const piece = await socket.ok({ type: 'fetch_cursor', cursor_id: 4, max_count: 2 });
			assert.ok(piece.entries.length <= 2);
			entries.push(...piece.entries);
			done = piece.done;
		}
		assert.deepEqual(
			entries.map((entry) => entry.type),
			['step_begin', 'row', 'row', 'row', 'row', 'row', 'step_end', 'step_error', 'step_begin', 'row', 'step_end'],
		);
		assert.equal(typeof entries.at(-1).last_insert_rowid, 'string');
		await socket.ok({ type: 'close_cursor', cursor_id: 4 });
		await socket.ok({ type: 'open_cursor', stream_id: 1, cursor_id: 4, batch });
		// In the middle of a statement.
		await socket.ok({ type: 'fetch_cursor', cursor_id: 4, max_count: 3 });
		await socket.ok({ type: 'close_cursor', cursor_id: 4 });
		await socket.ok({ type: 'execute', stream_id: 1, stmt: { sql: 'SELECT 1' } });
		await socket.ok({ type: 'open_cursor', stream_id: 1, cursor_id: 4, batch });
		socket.ask({ type: 'execute', stream_id: 1, stmt: { sql: 'SELECT 1' } });
		assert.deepEqual(await socket.closed, { code: 1008, reason: 'Stream 1 already has an open cursor' });
	});

	test('failures of SQL and of rights leave the socket alone', async () => {
		const { json } = await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`);
		const socket = await connect({ jwt: json.jwt });
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		const stmt = (sql) => ({ type: 'execute', stream_id: 1, stmt: { sql } });
		await socket.fails(stmt('SELEC'), 'SQL_PARSE_ERROR');
		await socket.fails(stmt('SELECT * FROM missing'), 'SQLITE_UNKNOWN');
		await socket.fails(stmt('INSERT INTO t VALUES (1)'), 'AUTH_FORBIDDEN');
		assert.equal(value(await socket.execute(1, 'SELECT 5')), '5');
	});

	test('what an older version does not know ends the socket', async () => {
		for (const [protocol, body] of [
			['hrana1', { type: 'describe', stream_id: 1, sql: 'SELECT 1' }],
			['hrana1', { type: 'store_sql', sql_id: 1, sql: 'SELECT 1' }],
			['hrana2', { type: 'get_autocommit', stream_id: 1 }],
			['hrana2', { type: 'open_cursor', stream_id: 1, cursor_id: 1, batch: { steps: [] } }],
		]) {
			const socket = await connect({ protocols: [protocol] });
			await socket.ok({ type: 'open_stream', stream_id: 1 });
			socket.ask(body);
			const { code, reason } = await socket.closed;
			assert.equal(code, 1008);
			assert.match(reason, /is only supported in protocol version hrana\d and higher/);
		}
	});
});

describe('bad messages', () => {
	for (const [what, text] of Object.entries({
		'no JSON': '{"type":',
		'an unknown type': '{"type":"greet"}',
		'an unknown request': '{"type":"request","request_id":1,"request":{"type":"explode"}}',
		'a duplicate member': '{"type":"hello","jwt":null,"jwt":null}',
		'a huge id': '{"type":"request","request_id":3000000000,"request":{"type":"open_stream","stream_id":1}}',
		'deep nesting': `{"type":"hello","x":${'['.repeat(200)}${']'.repeat(200)}}`,
	}))
		test(`${what} is 1007`, async () => {
			const socket = await connect();
			socket.send(text);
			assert.equal((await socket.closed).code, 1007);
		});

	test('a binary message is 1003', async () => {
		const socket = await connect();
		socket.ws.send(Buffer.from('{}'));
		assert.equal((await socket.closed).code, 1003);
	});

	test('hrana3-protobuf takes binary messages alone, and whole ones', async () => {
		const text = await connect({ protocols: ['hrana3-protobuf'], hello: false });
		text.send('{}');
		assert.equal((await text.closed).code, 1003);
		for (const bytes of [[0x0a, 9], [0x0b], []]) {
			const broken = await connect({ protocols: ['hrana3-protobuf'], hello: false });
			broken.ws.send(Buffer.from(bytes));
			assert.equal((await broken.closed).code, 1007);
		}
		const early = await connect({ protocols: ['hrana3-protobuf'], hello: false });
		early.ws.send(Buffer.from([0x12, 0]));
		assert.deepEqual(await early.closed, { code: 1008, reason: 'Received a request before hello message' });
	});

	test('one that is too large is 1009', async () => {
		const socket = await connect();
		socket.send(`{"x":"${'y'.repeat(1 << 20)}"}`);
		assert.equal((await socket.closed).code, 1009);
	});

	test('fragments and pings work', async () => {
		const socket = await connect();
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		const pong = new Promise((resolve) => socket.ws.on('pong', resolve));
		const text = JSON.stringify({ type: 'request', request_id: 500, request: { type: 'execute', stream_id: 1, stmt: { sql: "SELECT 'é'" } } });
		const answer = socket.wait(500);
		socket.ws.send(text.slice(0, 20), { fin: false });
		socket.ws.ping('x');
		socket.ws.send(text.slice(20), { fin: true });
		assert.equal(String(await pong), 'x');
		assert.equal((await answer).response.result.rows[0][0].value, 'é');
	});
});

test('three hundred sockets work side by side', async () => {
	const many = await Promise.all(Array.from({ length: 300 }, () => connect()));
	await Promise.all(
		many.map(async (socket, i) => {
			await socket.ok({ type: 'open_stream', stream_id: 1 });
			assert.equal(value(await socket.execute(1, `SELECT ${i}`)), String(i));
		}),
	);
	for (const socket of many) socket.ws.close();
});

test('a server that stops says so', async () => {
	const other = await startServer();
	const { label: to, jwt } = await other.createDatabase('stops', ['ord']);
	const ws = new WebSocket(other.db_url(to).replace(/^http/, 'ws'), ['hrana3']);
	const socket = new Socket(ws);
	await new Promise((resolve) => ws.on('open', resolve));
	socket.send({ type: 'hello', jwt });
	await socket.ok({ type: 'open_stream', stream_id: 1 });
	await socket.execute(1, 'SELECT 1');
	await other.stop();
	assert.equal((await socket.closed).code, 1001);
});

test('what runs when a server stops is answered first; an open transaction that does nothing is not waited for', async () => {
	const other = await startServer({ args: ['--drain-timeout', '2m'] });
	const { label: to, jwt } = await other.createDatabase('drains', ['ord']);
	const sockets = [];
	for (const name of ['works', 'idles']) {
		const socket = new Socket(new WebSocket(other.db_url(to).replace(/^http/, 'ws'), ['hrana3']));
		await new Promise((resolve) => socket.ws.on('open', resolve));
		socket.send({ type: 'hello', jwt });
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		sockets.push(socket);
	}
	const [works, idles] = sockets;
	await works.execute(1, 'CREATE TABLE t(x)');
	await idles.execute(1, 'BEGIN');
	await idles.execute(1, 'SELECT count(*) FROM t');
	const answer = works.execute(1, 'WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 300000) INSERT INTO t SELECT max(i) FROM c');
	await works.ok({ type: 'open_stream', stream_id: 2 }); // so the statement was taken before the server is told
	const stopped = other.stop();
	assert.equal((await idles.closed).code, 1001);
	assert.equal((await answer).result.affected_row_count, 1);
	assert.deepEqual(await works.closed, { code: 1001, reason: 'the server is shutting down' });
	await stopped;
});

test('over TLS', { skip: !has_openssl() }, async () => {
	const folder = mkdtempSync(path.join(tmpdir(), 'atoll-socket-'));
	const at = (name) => path.join(folder, name);
	execFileSync('openssl', [
		...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
		...['-subj', '/CN=localhost', '-keyout', at('key.pem'), '-out', at('cert.pem')],
	], { stdio: 'ignore' });
	const plain = await startServer({ data: at('data') });
	const { label: to, jwt } = await plain.createDatabase('secret', ['ord']);
	await plain.stop();
	const secure = await startServer({ data: at('data'), args: ['--tls-cert', at('cert.pem'), '--tls-key', at('key.pem')] });
	try {
		const ws = new WebSocket(`wss://127.0.0.1:${secure.port}/db/${to}/`, ['hrana3'], { rejectUnauthorized: false });
		const socket = new Socket(ws);
		await new Promise((resolve, reject) => {
			ws.on('open', resolve);
			ws.on('error', reject);
		});
		socket.send({ type: 'hello', jwt });
		await socket.ok({ type: 'open_stream', stream_id: 1 });
		assert.equal(value(await socket.execute(1, 'SELECT 42')), '42');
		const text = 'x'.repeat(3_000_000);
		assert.equal(value(await socket.ok({ type: 'execute', stream_id: 1, stmt: { sql: 'SELECT ?', args: [{ type: 'text', value: text }] } })), text);
		assert.equal((await socket.execute(1, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 50000) SELECT i, 'some text' FROM c")).result.rows.length, 50000);
		ws.close(1000);
		assert.equal((await socket.closed).code, 1000);
	} finally {
		await secure.stop();
		rmSync(folder, { recursive: true });
	}
});

function has_openssl() {
	try {
		execFileSync('openssl', ['version'], { stdio: 'ignore' });
		return true;
	} catch {
		return false;
	}
}
