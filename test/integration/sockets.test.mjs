// What a WebSocket promises beyond single messages (spec/hrana.md §4): which protocol it speaks, what runs side by side, what lives
// for how long and what is bounded. Message by message: test/clients/socket.test.mjs.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { sleep, startServer, until } from '../lib/server.mjs';
import { Socket } from '../lib/wires.mjs';

const IDLE_MS = 300;
const RESULT_BYTES = 80_000;

let server;
let db;
const sockets = [];

before(async () => {
	server = await startServer({ args: ['--stream-idle-timeout', `${IDLE_MS}ms`, '--result-bytes-max', String(RESULT_BYTES)] });
	db = await server.createDatabase('sockets', ['ord', 'nrt']);
	await server.sql(db.label, ['CREATE TABLE t(x)', 'CREATE TABLE kept(x)']);
});
after(async () => {
	for (const { ws } of sockets) ws.terminate();
	await server?.stop();
});

function connect({ protocol = 'hrana3', jwt = db.jwt, label = db.label, url = server.db_url(label) } = {}) {
	const socket = new Socket(url.replace(/^http/, 'ws'), protocol, jwt);
	socket.opened.catch(() => {});
	sockets.push(socket);
	return socket;
}

async function open(options) {
	const socket = connect(options);
	await done(socket, { type: 'open_stream', stream_id: 1 });
	return socket;
}

async function done(socket, request) {
	const answer = await socket.ask(request);
	assert.equal(answer.error, undefined, `${JSON.stringify(request)}: ${JSON.stringify(answer.error)}`);
	return answer;
}

const execute = (stream_id, sql) => ({ type: 'execute', stream_id, stmt: { sql } });
const first = ({ result }) => result.rows[0][0].value;
const slow = (rows) => `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${rows}) SELECT max(i) FROM c`;

/// The server's answer to an upgrade: the protocol that it names.
function upgrade(protocols) {
	const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
	if (protocols !== undefined) headers['sec-websocket-protocol'] = protocols;
	return new Promise((resolve, reject) => {
		const call = http.request(server.db_url(db.label), { headers, agent: false });
		call.on('error', reject);
		call.on('response', (response) => reject(new Error(`status ${response.statusCode}`)));
		call.on('upgrade', (response, connection) => {
			connection.destroy();
			resolve(response.headers['sec-websocket-protocol']);
		});
		call.end();
	});
}

describe('the protocol', () => {
	test('§4 is chosen by the server\'s preference, in whatever order and case it is offered', async () => {
		for (const [offered, chosen] of [
			['hrana1, hrana2, hrana3, hrana3-protobuf', 'hrana3-protobuf'],
			['hrana3-protobuf,hrana1', 'hrana3-protobuf'],
			['hrana1 ,hrana3,  hrana2', 'hrana3'],
			['hrana2, hrana1', 'hrana2'],
			['HRANA1', 'hrana1'],
			['soap, Hrana2, hrana1', 'hrana2'],
			['Hrana3-Protobuf', 'hrana3-protobuf'],
		])
			assert.equal((await upgrade(offered)).toLowerCase(), chosen, offered);
		assert.equal(await upgrade(undefined), undefined);
	});

	test('§4 is hrana1 for who names none', async () => {
		const socket = await open({ protocol: [] });
		assert.equal(first(await done(socket, execute(1, 'SELECT 1'))), '1');
		socket.ask({ type: 'sequence', stream_id: 1, sql: 'SELECT 1' }).catch(() => {});
		const { code, reason } = await socket.closed;
		assert.equal(code, 1008);
		assert.match(reason, /is only supported in protocol version hrana2 and higher$/);
	});

	test('§12.1 a URL is used as it is, with its slash at the end or without', async () => {
		const with_slash = server.db_url(db.label);
		assert.ok(with_slash.endsWith('/'), '§12.1 addresses that are given out end in a slash');
		for (const url of [with_slash, with_slash.slice(0, -1)]) assert.equal(first(await done(await open({ url }), execute(1, 'SELECT 5'))), '5');
	});
});

describe('hello', () => {
	test('§4 that is refused is the last message that is heard', async () => {
		const socket = connect({ jwt: 'no.such.token' });
		const answers = [];
		socket.ws.on('message', (text) => answers.push(JSON.parse(text)));
		// At once, as clients do that do not wait.
		const go_on = () => {
			for (const message of [
				{ type: 'hello', jwt: db.jwt },
				{ type: 'request', request_id: 1, request: { type: 'open_stream', stream_id: 1 } },
				{ type: 'request', request_id: 2, request: execute(1, 'INSERT INTO t VALUES (1)') },
			])
				socket.ws.send(JSON.stringify(message));
		};
		socket.ws.on('open', () => setImmediate(go_on));
		assert.equal((await socket.closed).code, 1000);
		assert.deepEqual(answers.map(({ type }) => type), ['hello_error']);
		assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM t'), [{ n: 0 }]);
	});

	test('§7 without a token says that one is expected', async () => {
		const { type, error } = await connect({ jwt: null }).opened;
		assert.equal(type, 'hello_error');
		assert.deepEqual(error, { message: 'Authentication failed: Expected authorization header but none given', code: 'AUTH_HEADER_NOT_FOUND' });
	});
});

describe('streams of a socket', () => {
	test('§4 work side by side: one that is slow does not hold up another', async () => {
		const socket = new Socket(server.db_url(db.label).replace(/^http/, 'ws'), 'hrana3', db.jwt);
		sockets.push(socket);
		await socket.opened;
		const answered = [];
		let both;
		const all = new Promise((resolve) => (both = resolve));
		socket.ws.removeAllListeners('message');
		socket.ws.on('message', (text) => {
			const message = JSON.parse(text);
			assert.equal(message.type, 'response_ok', text.toString());
			if (message.response.type === 'execute') answered.push(message.request_id);
			if (answered.length === 2) both();
		});
		const requests = [{ type: 'open_stream', stream_id: 1 }, { type: 'open_stream', stream_id: 2 }, execute(1, slow(500_000)), execute(2, 'SELECT 1')];
		for (const [i, request] of requests.entries()) socket.ws.send(JSON.stringify({ type: 'request', request_id: i, request }));
		await all;
		assert.deepEqual(answered, [3, 2]);
	});

	test('§4 hold a transaction for as long as the socket lives', async () => {
		const socket = await open();
		await done(socket, execute(1, 'BEGIN'));
		await done(socket, execute(1, 'INSERT INTO kept VALUES (1)'));
		await sleep(4 * IDLE_MS);
		await done(socket, execute(1, 'COMMIT'));
		assert.deepEqual(await server.rows(db.label, 'SELECT x FROM kept'), [{ x: 1 }]);
	});

	test('§4 that are closed take their cursor along', async () => {
		const socket = await open();
		const cursor = { type: 'open_cursor', stream_id: 1, cursor_id: 7, batch: { steps: [{ stmt: { sql: 'VALUES (1), (2)' } }] } };
		await done(socket, cursor);
		await done(socket, { type: 'fetch_cursor', cursor_id: 7, max_count: 1 });
		await done(socket, { type: 'close_stream', stream_id: 1 });
		// Both numbers are free again.
		await done(socket, { type: 'open_stream', stream_id: 1 });
		await done(socket, cursor);
		await done(socket, { type: 'close_stream', stream_id: 1 });
		socket.ask({ type: 'fetch_cursor', cursor_id: 7, max_count: 1 }).catch(() => {});
		assert.deepEqual(await socket.closed, { code: 1008, reason: 'Cursor 7 not found' });
	});

	test('§4 take requests without end, in order, and many more than are run at once', async () => {
		const socket = await open();
		const answers = await Promise.all(Array.from({ length: 3000 }, (_, i) => socket.ask(execute(1, `SELECT ${i}`))));
		assert.deepEqual(answers.map((answer) => Number(first(answer))), Array.from({ length: 3000 }, (_, i) => i));
	});
});

describe('cursors of a socket', () => {
	test('§4 give an eighth of the largest response at a time', async () => {
		const socket = await open();
		const rows = 500;
		const sql = `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${rows}) SELECT hex(zeroblob(500)) FROM c`;
		await done(socket, { type: 'open_cursor', stream_id: 1, cursor_id: 1, batch: { steps: [{ stmt: { sql } }] } });
		let seen = 0;
		for (let finished = false; !finished; ) {
			const piece = await done(socket, { type: 'fetch_cursor', cursor_id: 1, max_count: 1000 });
			// The entry that reaches it is the last one.
			assert.ok(JSON.stringify(piece.entries).length < RESULT_BYTES / 8 + 2000, String(JSON.stringify(piece.entries).length));
			assert.ok(piece.done || piece.entries.length > 1);
			seen += piece.entries.filter(({ type }) => type === 'row').length;
			finished = piece.done;
		}
		assert.equal(seen, rows, 'together far more than a response may have');
	});

	test('§4 may end with an empty list', async () => {
		const socket = await open();
		await done(socket, { type: 'open_cursor', stream_id: 1, cursor_id: 1, batch: { steps: [] } });
		assert.deepEqual(await done(socket, { type: 'fetch_cursor', cursor_id: 1, max_count: 10 }), { type: 'fetch_cursor', entries: [], done: true });
	});
});

describe('texts of a socket', () => {
	test('§4 have no limit of size', async () => {
		const socket = await open();
		const text = `SELECT 8 AS n -- ${'x'.repeat(300_000)}`;
		await done(socket, { type: 'store_sql', sql_id: 1, sql: text });
		assert.equal(first(await done(socket, { type: 'execute', stream_id: 1, stmt: { sql_id: 1 } })), '8');
	});
});

describe('a replica', () => {
	test('§2 waits for the index that a request brings: statement, batch, sequence, describe, also beside the stream', async () => {
		const socket = await open({ label: db.instances[1].label });
		for (let i = 0; i < 30; i++) {
			const made = await server.sql(db.instances[0].label, `CREATE TABLE made_${i}(x)`);
			const { replication_index } = made.json.results[0].response.result;
			const sql = `SELECT x FROM made_${i}`;
			const ways = [
				{ type: 'execute', stream_id: 1, stmt: { sql, replication_index } },
				{ type: 'execute', stream_id: 1, stmt: { sql }, replication_index },
				{ type: 'execute', stream_id: 1, stmt: { sql }, replication_index: Number(replication_index) },
				{ type: 'batch', stream_id: 1, batch: { steps: [{ stmt: { sql } }], replication_index } },
				{ type: 'sequence', stream_id: 1, sql, replication_index },
				{ type: 'describe', stream_id: 1, sql, replication_index },
			];
			const answer = await done(socket, ways[i % ways.length]);
			if (answer.type === 'batch') assert.deepEqual(answer.result.step_errors, [null]);
			const over_http = [
				{ type: 'sequence', sql, replication_index },
				{ type: 'describe', sql, replication_index },
			];
			const { json } = await server.sql(db.instances[1].label, over_http[i % 2]);
			assert.equal(json.results[0].type, 'ok', JSON.stringify(json.results[0]));
		}
	});

	test('§9 waits for the index of a legacy request', async () => {
		for (let i = 0; i < 10; i++) {
			const wrote = await server.sql(db.instances[0].label, `INSERT INTO t VALUES (${i})`);
			const { replication_index } = wrote.json.results[0].response.result;
			const body = { statements: ['SELECT max(x) AS x FROM t'], replication_index: Number(replication_index) };
			const answer = await server.data_plane(db.instances[1].label, '/', body);
			assert.deepEqual(answer.json[0].results.rows, [[i]], answer.text);
		}
		const bad = await server.data_plane(db.label, '/', { statements: [], replication_index: -1 });
		assert.equal(bad.status, 422, bad.text);
	});
});

describe('a client that does not read', () => {
	test('§4 is not read either, and others go on', async () => {
		const socket = await open();
		socket.ws.pause();
		const rss_before = await rss_mb();
		const text = 'x'.repeat(60_000);
		for (let i = 0; i < 3000; i++) socket.ask({ type: 'execute', stream_id: 1, stmt: { sql: 'SELECT ?', args: [{ type: 'text', value: text }] } }).catch(() => {});
		// 180 MB each way: what does not fit into the buffers stays with the client.
		let last = -1;
		await until('the socket to come to rest', async () => {
			await sleep(200);
			const now = socket.ws.bufferedAmount;
			const rests = now === last;
			last = now;
			return rests;
		});
		assert.ok(last > 100_000_000, `${last} bytes wait at the client`);
		assert.ok((await rss_mb()) - rss_before < 64, `${rss_before} MB before, ${await rss_mb()} MB`);
		assert.deepEqual(await server.rows(db.label, 'SELECT 1 AS n'), [{ n: 1 }]);
		socket.ws.terminate();
	});
});

async function rss_mb() {
	const { readFileSync } = await import('node:fs');
	return Number(readFileSync(`/proc/${server.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/)[1]) / 1024;
}
