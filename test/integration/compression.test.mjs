// gzip of replies by accept-encoding (hrana.md §1, Compression): whole and streamed, from a size on, never where it would not pay.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';

import { startServer } from '../lib/server.mjs';

let server;
let db;

const numbers = (count) => `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${count}) SELECT i, 'number ' || i AS t FROM c`;
const body_of = (sql) => ({ requests: [{ type: 'execute', stmt: { sql } }, { type: 'close' }] });

before(async () => {
	server = await startServer();
	db = await server.createDatabase('shop');
	await server.sql(db.label, ['CREATE TABLE t(x)', `INSERT INTO t SELECT t FROM (${numbers(20000)})`]);
});
after(() => server?.stop());

const ask = (sql, accept, { on = server, route = '/v2/pipeline', body = body_of(sql), method = 'POST' } = {}) =>
	on.data_plane(db.label, route, body, { method, token: db.jwt, headers: accept === undefined ? {} : { 'accept-encoding': accept } });

const without_time = (text) => text.replace(/"query_duration_ms":[^,}]*/g, '');

describe('a whole reply', () => {
	test('is compressed when it is large and the client asks for it', async () => {
		const plain = await ask(numbers(10000));
		const packed = await ask(numbers(10000), 'gzip, deflate, br');
		assert.equal(plain.headers['content-encoding'], undefined);
		assert.equal(packed.headers['content-encoding'], 'gzip');
		assert.equal(packed.headers['content-type'], 'application/json');
		assert.equal(Number(packed.headers['content-length']), packed.bytes.length);
		assert.ok(packed.bytes.length < plain.bytes.length / 2, `${packed.bytes.length} of ${plain.bytes.length} bytes`);
		assert.equal(without_time(zlib.gunzipSync(packed.bytes).toString()), without_time(plain.text));
		for (const answer of [plain, packed]) assert.match(answer.headers.vary, /accept-encoding/i);
		assert.equal(packed.headers['access-control-allow-origin'], '*');
	});

	test('by the qualities that the client gives', async () => {
		for (const [accept, encoding] of [
			['gzip;q=0', undefined],
			['gzip;q=0.1', 'gzip'],
			['*', 'gzip'],
			['identity, gzip;q=0.5', undefined],
			['br, deflate, zstd', undefined],
			['identity;q=0, *', 'gzip'],
		])
			assert.equal((await ask(numbers(2000), accept)).headers['content-encoding'], encoding, accept);
	});

	test('is not compressed when it is small, nor are errors', async () => {
		const small = await ask('SELECT 1', 'gzip');
		assert.equal(small.headers['content-encoding'], undefined);
		assert.equal(small.headers.vary, undefined);
		const wrong = await ask('SELECT nonsense', 'gzip');
		assert.equal(wrong.json.results[0].error.code, 'SQL_INPUT_ERROR');
		const refused = await server.data_plane(db.label, '/v2/pipeline', body_of('SELECT 1'), { token: null, headers: { 'accept-encoding': 'gzip' } });
		assert.equal(refused.status, 401);
		assert.equal(refused.headers['content-encoding'], undefined);
	});

	test('of every route with SQL', async () => {
		for (const [route, body] of [
			['/v3/pipeline', body_of(numbers(3000))],
			['/v1/execute', { stmt: { sql: numbers(3000) } }],
			['/v1/batch', { batch: { steps: [{ stmt: { sql: numbers(3000) } }] } }],
			['/', { statements: [numbers(3000)] }],
		]) {
			const answer = await ask('', 'gzip', { route, body });
			assert.equal(answer.status, 200, route);
			assert.equal(answer.headers['content-encoding'], 'gzip', route);
			assert.match(zlib.gunzipSync(answer.bytes).toString(), /number 3000/, route);
		}
	});

	test('is read by fetch as ever', async () => {
		const answer = await fetch(`${server.url}/db/${db.label}/v2/pipeline`, {
			method: 'POST',
			headers: { authorization: `Bearer ${db.jwt}` },
			body: JSON.stringify(body_of(numbers(5000))),
		});
		assert.equal(answer.headers.get('content-encoding'), 'gzip');
		assert.equal((await answer.json()).results[0].response.result.rows.length, 5000);
	});

	test('on one connection, compressed and not, in turn', async () => {
		const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
		for (const [count, accept, encoding] of [[3000, 'gzip', 'gzip'], [1, 'gzip', undefined], [3000, 'br', undefined], [3000, 'gzip', 'gzip']]) {
			const call = http.request(`${server.url}/db/${db.label}/v2/pipeline`, {
				method: 'POST',
				agent,
				headers: { authorization: `Bearer ${db.jwt}`, 'accept-encoding': accept },
			});
			call.end(JSON.stringify(body_of(numbers(count))));
			const [response] = await once(call, 'response');
			const parts = [];
			for await (const part of response) parts.push(part);
			assert.equal(response.headers['content-encoding'], encoding);
			const bytes = Buffer.concat(parts);
			const text = (encoding ? zlib.gunzipSync(bytes) : bytes).toString();
			assert.equal(JSON.parse(text).results[0].response.result.rows.length, count);
		}
		agent.destroy();
	});
});

describe('a streamed reply', () => {
	test('is compressed, from the first byte to the last', async () => {
		const body = { batch: { steps: [{ stmt: { sql: numbers(100000) } }] } };
		const plain = await ask('', undefined, { route: '/v3/cursor', body });
		const packed = await ask('', 'gzip', { route: '/v3/cursor', body });
		assert.equal(plain.headers['content-encoding'], undefined);
		assert.equal(packed.headers['content-encoding'], 'gzip');
		assert.equal(packed.headers['content-length'], undefined);
		for (const answer of [plain, packed]) assert.match(answer.headers.vary, /accept-encoding/i);
		const entries = (text) => text.split('\n').slice(1);
		assert.deepEqual(entries(zlib.gunzipSync(packed.bytes).toString()), entries(plain.text));
	});

	test('a dump is', async () => {
		const plain = await ask('', undefined, { route: '/dump', method: 'GET', body: undefined });
		const packed = await server.data_plane(db.label, '/dump', undefined, { method: 'GET', token: db.jwt, headers: { 'accept-encoding': 'gzip' } });
		assert.equal(packed.headers['content-encoding'], 'gzip');
		assert.equal(zlib.gunzipSync(packed.bytes).toString(), plain.text);
	});

	test('shows each row when it is there, though its statement never ends', async () => {
		const call = http.request(`${server.url}/db/${db.label}/v3/cursor`, {
			method: 'POST',
			agent: false,
			headers: { authorization: `Bearer ${db.jwt}`, 'accept-encoding': 'gzip' },
		});
		const endless = 'WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c WHERE i < 3';
		call.end(JSON.stringify({ batch: { steps: [{ stmt: { sql: endless } }] } }));
		const [response] = await once(call, 'response');
		assert.equal(response.headers['content-encoding'], 'gzip');
		const unpacked = response.pipe(zlib.createGunzip());
		unpacked.on('error', () => {});
		response.on('error', () => {});
		let text = '';
		for await (const part of unpacked) {
			text += part;
			if (text.includes('"value":"2"')) break;
		}
		assert.deepEqual(text.trim().split('\n').slice(1).map((line) => JSON.parse(line).type), ['step_begin', 'row', 'row']);
		call.destroy();
	});

	test('that is broken off is not a whole one', async () => {
		const other = await startServer({ args: ['--drain-timeout', '0'] });
		let stopping;
		try {
			const their = await other.createDatabase('shop');
			const call = http.request(`${other.url}/db/${their.label}/v3/cursor`, {
				method: 'POST',
				agent: false,
				headers: { authorization: `Bearer ${their.jwt}`, 'accept-encoding': 'gzip' },
			});
			const endless = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i, printf('%.*c', 4000, 'x') FROM c";
			call.end(JSON.stringify({ batch: { steps: [{ stmt: { sql: endless } }] } }));
			const [response] = await once(call, 'response');
			response.once('data', () => (stopping = other.stop()));
			const parts = [];
			const whole = async () => {
				for await (const part of response) parts.push(part);
				return zlib.gunzipSync(Buffer.concat(parts)).toString();
			};
			// The statement's end by the stop may still be told before the connection goes.
			const text = await whole().catch(() => null);
			if (text !== null) assert.match(JSON.parse(text.trim().split('\n').at(-1)).type, /^(step_)?error$/, text.slice(-300));
		} finally {
			await (stopping ?? other.stop());
		}
	});
});

describe('the setting compression', () => {
	for (const [value, count, expected] of [
		['never', 10000, undefined],
		['always', 100, 'gzip'],
		['always', 1, undefined],
		['auto', 100, undefined],
	])
		test(`${value}, ${count} rows`, async () => {
			const other = await startServer({ args: ['--compression', value] });
			try {
				const their = await other.createDatabase('shop');
				const answer = await other.data_plane(their.label, '/v2/pipeline', body_of(numbers(count)), { token: their.jwt, headers: { 'accept-encoding': 'gzip' } });
				assert.equal(answer.status, 200);
				assert.equal(answer.headers['content-encoding'], expected);
			} finally {
				await other.stop();
			}
		});
});
