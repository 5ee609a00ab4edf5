// Every route of hrana.md §1: who may ask, what each method gets, HEAD where GET works, 405 with Allow, CORS on every answer.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { request, startServer, until } from '../lib/server.mjs';

let server;
let db;
let replica;
let stranger;

const sql = { requests: [{ type: 'execute', stmt: { sql: 'SELECT 1' } }, { type: 'close' }] };
const steps = { batch: { steps: [{ stmt: { sql: 'SELECT 1' } }] } };
const json = 'application/json';
const text = /^text\/plain/;
const is_empty = (answer) => answer.text === '';
const error_is = (pattern) => (answer) => pattern.test(answer.json.error);

/// auth: whether the route asks for a token. get, post: [status, content type, body's judge]; absent: not allowed.
const table = [
	{ path: '/', auth: true, allow: 'GET, HEAD, POST', get: [404, undefined, is_empty], post: [200, json], body: { statements: ['SELECT 1'] }, get_is_open: true },
	{ path: '/health', get: [200, undefined, is_empty] },
	{ path: '/version', get: [200, text, ({ text }) => /^atolld \d+\.\d+\.\d+/.test(text)] },
	{ path: '/v1', get: [200, text, ({ text }) => /v1/.test(text) && /^[^\n]+\n$/.test(text)] },
	{ path: '/v2', get: [200, text, ({ text }) => /^[^\n]+\n$/.test(text)] },
	{ path: '/v3', get: [200, text, ({ text }) => /^[^\n]+\n$/.test(text)] },
	{ path: '/v3-protobuf', get: [200, text] },
	{ path: '/v1/execute', auth: true, post: [200, json], body: { stmt: { sql: 'SELECT 1' } } },
	{ path: '/v1/batch', auth: true, post: [200, json], body: steps },
	{ path: '/v2/pipeline', auth: true, post: [200, json], body: sql },
	{ path: '/v3/pipeline', auth: true, post: [200, json], body: sql },
	{ path: '/v3/cursor', auth: true, post: [200, 'text/plain'], body: steps },
	{ path: '/v3-protobuf/pipeline', auth: true, post: [200, 'application/x-protobuf'], body: '' },
	{ path: '/v3-protobuf/cursor', auth: true, post: [200, 'application/octet-stream'], body: Buffer.from([0x12, 0]) },
	{ path: '/dump', auth: true, get: [200, text, ({ text }) => /^PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n[^]*COMMIT;\n$/.test(text)] },
	{ path: '/v1/jobs', auth: true, get: [400, json, error_is(/^Invalid namespace$/)] },
	{ path: '/v1/jobs/7', auth: true, get: [400, json, error_is(/^Invalid namespace$/)] },
	{ path: '/info', auth: true, get: [404, undefined, is_empty] },
];

/// What sqld does not have either, with any method.
const unknown = ['/v1/stats', '/v1/health', '/console', '/v4', '/v2/cursor', '/beta', '/v1/jobs/7/8', '/metrics', '/anything/else'];

before(async () => {
	server = await startServer({ args: ['--request-body-max', '64kb'] });
	db = await server.createDatabase('shop', ['ord', 'nrt']);
	replica = db.instances[1].label;
	stranger = await server.createDatabase('stranger');
	await server.sql(db.label, 'CREATE TABLE t(x)');
});
after(() => server?.stop());

const call = (method, path, { body, token = db.jwt, label = db.label, headers = {}, ...more } = {}) =>
	server.data_plane(label, path, body, { method, token, headers: { origin: 'http://page.example', ...headers }, ...more });

function check_cors(answer, what) {
	assert.equal(answer.headers['access-control-allow-origin'], '*', `CORS of ${what}`);
}

function check(answer, [status, type, judge], what) {
	assert.equal(answer.status, status, `${what}: ${answer.text}`);
	check_cors(answer, what);
	if (type instanceof RegExp) assert.match(answer.headers['content-type'], type, what);
	else if (type) assert.equal(answer.headers['content-type'], type, what);
	if (judge) assert.ok(judge(answer), `${what}: ${answer.text}`);
}

for (const route of table) {
	const { path, auth = false, get, post, body } = route;
	const allow = route.allow ?? (get ? 'GET, HEAD' : 'POST');

	describe(`§1 ${path}`, () => {
		if (get)
			test('GET, and HEAD as GET without a body', async () => {
				check(await call('GET', path), get, `GET ${path}`);
				const whole = await call('GET', path);
				const head = await call('HEAD', path);
				check(head, [get[0], get[1], is_empty], `HEAD ${path}`);
				if (whole.headers['content-length'] !== '0') assert.equal(head.headers['content-length'], whole.headers['content-length']);
			});
		if (post) test('POST', async () => check(await call('POST', path, { body }), post, `POST ${path}`));

		test('other methods are 405 with Allow', async () => {
			for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']) {
				if (allow.split(', ').includes(method)) continue;
				const answer = await call(method, path, { body: method === 'HEAD' || method === 'GET' ? undefined : 'x' });
				check(answer, [405], `${method} ${path}`);
				assert.equal(answer.headers.allow, allow, `${method} ${path}`);
			}
		});

		test(auth ? 'a token is asked for' : 'no token is asked for', async () => {
			for (const [method, expected, open] of [['GET', get, !auth || route.get_is_open], ['POST', post, !auth]]) {
				if (!expected) continue;
				const what = `${method} ${path} without a token`;
				const answer = await call(method, path, { body: method === 'POST' ? body : undefined, token: null });
				if (open) {
					check(answer, expected, what);
					continue;
				}
				check(answer, [401, json, error_is(/^Unauthorized: `Expected authorization header but none given`$/)], what);
				const bad = await call(method, path, { body: method === 'POST' ? body : undefined, token: 'nonsense' });
				check(bad, [401, json, error_is(/^Unauthorized: /)], `${method} ${path} with a bad token`);
				const foreign = await call(method, path, { body: method === 'POST' ? body : undefined, token: stranger.jwt });
				check(foreign, [404, json, error_is(/^Namespace `.*` doesn't exist/)], `${method} ${path} with a stranger's token`);
			}
		});

		test('a preflight needs no token and echoes the headers it asks for', async () => {
			const answer = await call('OPTIONS', path, {
				token: null,
				headers: { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,x-own' },
			});
			check(answer, [200, undefined, is_empty], `OPTIONS ${path}`);
			assert.equal(answer.headers['access-control-allow-methods'], '*');
			assert.equal(answer.headers['access-control-allow-headers'], 'authorization,x-own');
			const plain = await call('OPTIONS', path, { token: null });
			assert.equal(plain.headers['access-control-allow-headers'], '*');
		});
	});
}

describe('§1 /beta/listen', () => {
	test('GET is a stream of events, HEAD its head', async () => {
		const asked = http.get(`${server.url}/db/${db.label}/beta/listen?table=t`, { agent: false, headers: { authorization: `Bearer ${db.jwt}` } });
		asked.on('error', () => {});
		const [answer] = await once(asked, 'response');
		answer.on('error', () => {});
		check({ status: answer.statusCode, headers: answer.headers }, [200, 'text/event-stream'], 'GET /beta/listen');
		asked.destroy();
		check(await call('HEAD', '/beta/listen?table=t', { headers: { connection: 'close' } }), [200, 'text/event-stream', is_empty], 'HEAD /beta/listen');
	});

	test('who may not, and what else may not be', async () => {
		check(await call('GET', '/beta/listen?table=t', { token: null }), [401, json], 'without a token');
		check(await call('GET', '/beta/listen?table=t', { token: stranger.jwt }), [404, json], 'with a foreign one');
		const answer = await call('POST', '/beta/listen?table=t', { body: 'x' });
		check(answer, [405], 'POST');
		assert.equal(answer.headers.allow, 'GET, HEAD');
		check(await call('GET', '/beta/listen'), [400, json], 'without a table');
		check(await call('GET', '/beta/listen?table=t', { label: replica }), [307, undefined, is_empty], 'at a replica');
	});
});

describe('§1 errors', () => {
	test('what is unknown is 404 with an empty body, for every method, with a token and without', async () => {
		for (const path of unknown) {
			for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
				for (const token of [db.jwt, null]) check(await call(method, path, { token, body: method === 'POST' ? '{}' : undefined }), [404, undefined, is_empty], `${method} ${path}`);
			}
			check(await call('OPTIONS', path, { token: null }), [200, undefined, is_empty], `OPTIONS ${path}`);
		}
	});

	test('/dump at a replica is 400, and at a database that does not exist 404', async () => {
		check(await call('GET', '/dump', { label: replica }), [400, json, error_is(/^database is not a primary$/)], 'a replica');
		check(await call('GET', '/dump', { label: 'nobody' }), [404, json, error_is(/^Namespace `nobody` doesn't exist/)], 'nobody');
	});

	test('the development path: the versions it has, and those it has not', async () => {
		const at = (method, path, headers, body) => request(server.url + path, { method, body, headers: { authorization: `Bearer ${db.jwt}`, ...headers } });
		for (const version of ['v2', 'v3']) check(await at('POST', `/dev/${db.label}/${version}/pipeline`, {}, sql), [200, json], version);
		for (const version of ['v1', 'v4', 'v3-protobuf'])
			check(await at('POST', `/dev/${db.label}/${version}/pipeline`, {}, sql), [400, json, error_is(/^Invalid path in URI: /)], version);
	});

	test('a body that is too large is 413 in the M-shape', async () => {
		const answer = await call('POST', '/v2/pipeline', { body: `{"requests":[],"x":"${'x'.repeat(100_000)}"}` });
		check(answer, [413, json, ({ json }) => json.code === 'REQUEST_TOO_LARGE' && /request-body-max/.test(json.message)], 'a large body');
	});

	test('refusals of SQL, of bodies and of rights', async () => {
		check(await call('POST', '/v2/pipeline', { body: 'no JSON' }), [400, text], 'no JSON');
		check(await call('POST', '/v2/pipeline', { body: { ...sql, baton: 'forged' } }), [400, text, ({ text }) => text === 'Received an invalid baton'], 'a forged baton');
		const { jwt } = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json;
		const write = { requests: [{ type: 'execute', stmt: { sql: 'INSERT INTO t VALUES (1)' } }] };
		check(await call('POST', '/v2/pipeline', { body: write, token: jwt }), [403, json, error_is(/^Authorization forbidden/)], 'a write of a reader');
		check(await call('POST', '/v1/execute', { body: { stmt: { sql: 'SELECT no_such_column' } } }), [400, json, ({ json }) => json.code === 'SQL_INPUT_ERROR'], 'an SQL error');
		check(await call('POST', '/', { body: { statements: ['BEGIN'] } }), [400, json], 'a transaction at POST /');
	});

	test('a server that shuts down says so, to browsers too', async () => {
		const other = await startServer();
		const their = await other.createDatabase('shop');
		// A connection that is there before, and a request that holds the end up.
		const socket = net.connect(other.port, '127.0.0.1');
		let answer = '';
		socket.on('data', (bytes) => (answer += bytes));
		socket.on('error', () => {});
		const ask = () => socket.write(`GET /db/${their.label}/health HTTP/1.1\r\nhost: x\r\n\r\n`);
		ask();
		await until('the first answer', () => /^HTTP\/1.1 200 /.test(answer));
		const endless = 'WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c';
		const held = other.sql(their.label, endless).catch(() => {});
		await until('the statement to run', async () => {
			const shown = await other.api('GET', '/v1/locations');
			return shown.status === 200;
		});
		answer = '';
		const stopped = other.stop();
		await until('the refusal', () => {
			const refused = /^HTTP\/1.1 503 /.test(answer);
			if (!refused) {
				answer = '';
				ask();
			}
			return refused;
		});
		assert.match(answer, /^access-control-allow-origin: \*\r$/im);
		assert.match(answer, /\{"error":"[^"]*shutting down[^"]*"\}/);
		socket.destroy();
		await stopped;
		await held;
	});
});
