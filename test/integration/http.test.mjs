// HTTP itself, over raw sockets: what is malformed is refused with 4xx and never reaches a handler, what is unusual but
// right works, and the server starts, reloads and stops as its command line promises.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { request, rows_of, run_atolld, startServer, until } from '../lib/server.mjs';

const ANSWER_MS = 20_000;

// A socket that gives answers one after the other.
class Raw {
	constructor(port) {
		this.socket = net.connect(port, '127.0.0.1');
		this.bytes = Buffer.alloc(0);
		this.ended = false;
		this.wake = () => {};
		this.socket.on('data', (part) => {
			this.bytes = Buffer.concat([this.bytes, part]);
			this.wake();
		});
		for (const event of ['end', 'error', 'close'])
			this.socket.on(event, () => {
				this.ended = true;
				this.wake();
			});
	}

	send(bytes) {
		this.socket.write(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1'));
	}

	more() {
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
			this.wake = () => {
				clearTimeout(timer);
				resolve();
			};
			if (this.ended) this.wake();
		});
	}

	/// null when the connection ended instead. `head_only`: the answer to HEAD.
	async answer({ head_only = false } = {}) {
		let end;
		while ((end = this.bytes.indexOf('\r\n\r\n')) < 0) {
			if (this.ended) return null;
			await this.more();
		}
		const [first, ...lines] = this.bytes.subarray(0, end).toString('latin1').split('\r\n');
		const headers = Object.fromEntries(
			lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
		);
		const size = head_only ? 0 : Number(headers['content-length'] ?? 0);
		while (this.bytes.length < end + 4 + size) {
			if (this.ended) return null;
			await this.more();
		}
		const text = this.bytes.subarray(end + 4, end + 4 + size).toString('utf8');
		this.bytes = this.bytes.subarray(end + 4 + size);
		let json;
		try {
			json = JSON.parse(text);
		} catch {
			json = undefined;
		}
		return { status: Number(first.split(' ')[1]), headers, text, json };
	}

	async is_closed() {
		while (!this.ended) await this.more();
		return this.bytes.length === 0;
	}

	close() {
		this.socket.destroy();
	}
}

function is_refusal(answer) {
	assert.equal(answer.headers['content-type'], 'application/json', answer.text);
	assert.equal(typeof answer.json.error, 'string', answer.text);
	assert.ok(answer.headers['x-request-id']);
}

const HOST = 'Host: localhost\r\n';
const PLATFORM = '/v1/auth/validate';

describe('requests that are malformed', () => {
	let server;
	before(async () => {
		server = await startServer();
	});
	after(() => server?.stop());

	const post = (headers, body = '') => `POST ${PLATFORM} HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;
	const get = (headers, line = `GET ${PLATFORM} HTTP/1.1`) => `${line}\r\n${headers}\r\n`;
	const table = {
		'NUL in a header value': get(`${HOST}X: a\0b\r\n`),
		'NUL in the path': get(HOST, 'GET /v1/\0auth HTTP/1.1'),
		'two equal lengths': post('Content-Length: 1\r\nContent-Length: 1\r\n', 'x'),
		'two lengths': post('Content-Length: 1\r\nContent-Length: 5\r\n', 'hello'),
		'a length and chunks': post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
		'chunks and a length': post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
		'an encoding that is not served': post('Transfer-Encoding: gzip\r\n', 'x'),
		'encodings in a list': post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
		'a blank before the colon': get(`${HOST}X : a\r\n`),
		'a blank before the length\'s colon': post('Content-Length : 1\r\n', 'x'),
		'a folded header': get(`${HOST}X: a\r\n b\r\n`),
		'a bare LF': get(`${HOST}X: a\nY: b\r\n`),
		'a bare CR': get(`${HOST}X: a\rY: b\r\n`),
		'a control character': get(`${HOST}X: \u0007\r\n`),
		'no Host': get('X: a\r\n'),
		'two Hosts': get(`${HOST}${HOST}`),
		'a Host that is none': get('Host: a b\r\n'),
		'a blank in the path': get(HOST, 'GET /v1/a b HTTP/1.1'),
		'a method that is no token': get(HOST, `G<T ${PLATFORM} HTTP/1.1`),
	};
	for (const [name, bytes] of Object.entries(table))
		test(`${name}: 400 as JSON, and the connection ends`, async () => {
			const raw = new Raw(server.port);
			raw.send(bytes);
			const answer = await raw.answer();
			assert.equal(answer.status, 400);
			is_refusal(answer);
			assert.equal(answer.headers.connection, 'close');
			assert.ok(await raw.is_closed());
		});

	// What the HTTP library refuses by itself it refuses in its own words.
	const by_library = {
		'a length with a sign': [post('Content-Length: +1\r\n', 'x'), 400],
		'a negative length': [post('Content-Length: -1\r\n'), 400],
		'a length beyond 64 bits': [post('Content-Length: 99999999999999999999999\r\n'), 413],
		'a header without colon': [get(`${HOST}X\r\n`), 400],
		'a version that is none': [get(HOST, `GET ${PLATFORM} HTTP/x.y`), 400],
		'HTTP/2.0 in a request line': [get(HOST, `GET ${PLATFORM} HTTP/2.0`), 505],
		'a chunk size that is none': [post('Transfer-Encoding: chunked\r\n', 'xyz\r\n'), 400],
		'a chunk without its line end': [post('Transfer-Encoding: chunked\r\n', '1\r\nxyz\r\n0\r\n\r\n'), 400],
	};
	for (const [name, [bytes, status]] of Object.entries(by_library))
		test(`${name}: ${status}, and the connection ends`, async () => {
			const raw = new Raw(server.port);
			raw.send(bytes);
			const answer = await raw.answer();
			assert.equal(answer.status, status);
			await raw.is_closed();
		});

	test('a head over 12 KiB: 431', async () => {
		for (const size of [13_000, 200_000]) {
			const raw = new Raw(server.port);
			raw.send(get(`${HOST}X: ${'x'.repeat(size)}\r\n`));
			assert.equal((await raw.answer()).status, 431);
			raw.close();
		}
	});

	test('a head of 11 KiB is fine', async () => {
		const answer = await request(server.url + PLATFORM, {
			headers: { authorization: `Bearer ${server.token}`, x: 'x'.repeat(11_000) },
		});
		assert.equal(answer.status, 200);
	});

	test('what is no HTTP is not answered, or with 400', async () => {
		for (const bytes of ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 'hello\r\n\r\n', '\r\n\r\n\0\0\0\r\n\r\n']) {
			const raw = new Raw(server.port);
			raw.send(bytes);
			raw.socket.end();
			// The library may keep such a connection until its idle time is over: not answered is what is asked.
			const enough = setTimeout(() => raw.close(), 3000);
			const answer = await raw.answer();
			clearTimeout(enough);
			assert.ok(answer === null || answer.status === 400, answer?.text);
			raw.close();
		}
		assert.equal((await server.api('GET', PLATFORM)).status, 200);
	});

	test('a client that leaves at any moment harms nobody', async () => {
		const whole = post('Content-Length: 4\r\n', 'body');
		for (let size = 0; size < whole.length; size += 3) {
			const raw = new Raw(server.port);
			await once(raw.socket, 'connect');
			raw.send(whole.slice(0, size));
			if (size % 2) raw.socket.resetAndDestroy();
			else raw.socket.destroy();
		}
		assert.equal((await server.api('GET', PLATFORM)).status, 200);
	});
});

describe('requests that are right', () => {
	let server;
	let db;
	let authorization;
	before(async () => {
		server = await startServer();
		db = await server.createDatabase('web', ['ord']);
		authorization = `Authorization: Bearer ${server.token}\r\n`;
	});
	after(() => server?.stop());

	test('follow each other on one connection, also unasked', async () => {
		const raw = new Raw(server.port);
		const one = `GET ${PLATFORM} HTTP/1.1\r\n${HOST}${authorization}\r\n`;
		raw.send(one.repeat(20));
		for (let i = 0; i < 20; i++) assert.equal((await raw.answer()).status, 200);
		raw.send(`GET /nowhere HTTP/1.1\r\n${HOST}${authorization}\r\n${one}`);
		assert.equal((await raw.answer()).status, 404);
		assert.equal((await raw.answer()).status, 200);
		raw.close();
	});

	test('HTTP/1.0 is served and the connection ends', async () => {
		const raw = new Raw(server.port);
		raw.send('GET /health HTTP/1.0\r\n\r\n');
		assert.equal((await raw.answer()).status, 200);
		assert.ok(await raw.is_closed());
	});

	test('HEAD is GET without its body', async () => {
		const raw = new Raw(server.port);
		raw.send(`HEAD ${PLATFORM} HTTP/1.1\r\n${HOST}${authorization}\r\n`);
		const answer = await raw.answer({ head_only: true });
		assert.equal(answer.status, 200);
		assert.equal(answer.headers['content-type'], 'application/json');
		assert.ok(Number(answer.headers['content-length']) > 0);
		raw.send(`GET ${PLATFORM} HTTP/1.1\r\n${HOST}${authorization}\r\n`);
		assert.equal((await raw.answer()).status, 200);
		raw.close();
	});

	test('the absolute form of a request line', async () => {
		const raw = new Raw(server.port);
		raw.send(`GET http://localhost:${server.port}${PLATFORM} HTTP/1.1\r\n${HOST}${authorization}\r\n`);
		assert.equal((await raw.answer()).status, 200);
		raw.close();
	});

	test('a chunked body and one that waits for 100 Continue', async () => {
		const body = JSON.stringify({ requests: [{ type: 'execute', stmt: { sql: 'SELECT 7 AS n' } }, { type: 'close' }] });
		const head = `POST /db/${db.label}/v2/pipeline HTTP/1.1\r\n${HOST}Authorization: Bearer ${db.jwt}\r\n`;
		const raw = new Raw(server.port);
		raw.send(`${head}Transfer-Encoding: chunked\r\n\r\n`);
		for (const letter of body) raw.send(`1\r\n${letter}\r\n`);
		raw.send('0\r\n\r\n');
		assert.deepEqual(rows_of(await raw.answer()), [{ n: 7 }]);
		raw.send(`${head}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
		assert.equal((await raw.answer()).status, 100);
		raw.send(body);
		assert.deepEqual(rows_of(await raw.answer()), [{ n: 7 }]);
		raw.close();
	});

	test('a request id comes back; without one, one is made', async () => {
		const given = await request(server.url + '/health', { headers: { 'x-request-id': 'my-id.1' } });
		assert.equal(given.headers['x-request-id'], 'my-id.1');
		const made = [];
		for (let i = 0; i < 3; i++) made.push((await request(server.url + '/health')).headers['x-request-id']);
		assert.equal(new Set(made).size, 3);
	});

	test('slashes: one at the end is ignored; a doubled one is nothing here and one on the data plane', async () => {
		assert.equal((await server.api('GET', `${PLATFORM}/`)).status, 200);
		assert.equal((await server.api('GET', `/${PLATFORM}`)).status, 404);
		assert.equal((await server.api('GET', '/v1//auth/validate')).status, 404);
		assert.deepEqual(await server.rows(db.label, 'SELECT 1 AS n', { path: '//v2/pipeline' }), [{ n: 1 }]);
		assert.deepEqual(await server.rows(db.label, 'SELECT 1 AS n', { path: '/v2/pipeline/' }), [{ n: 1 }]);
	});

	test('escapes are decoded once, after the split', async () => {
		const base = `/v1/organizations/${server.organization}/databases`;
		assert.equal((await server.api('GET', `${base}/w%65b`)).status, 200);
		assert.equal((await server.api('GET', `/v1/organizations/${server.organization}/%64atabases/web`)).status, 200);
		assert.equal((await server.api('GET', `${base}/w%2565b`)).status, 404);
		for (const bad of ['web%2Fx', 'web%00', 'web%', 'web%zz']) {
			const answer = await server.api('GET', `${base}/${bad}`);
			assert.equal(answer.status, 400, bad);
			assert.equal(answer.json.code, 'bad_request');
		}
	});

	test('a wrong method is told which ones are right', async () => {
		const platform = await server.api('PATCH', `/v1/organizations/${server.organization}/databases/web/instances`);
		assert.equal(platform.status, 405);
		assert.deepEqual(platform.headers.allow.split(', ').sort(), ['GET', 'HEAD', 'POST']);
		assert.equal(platform.json.code, 'method_not_allowed');
		const data = await server.data_plane(db.label, '/v2/pipeline', undefined, { method: 'GET' });
		assert.equal(data.status, 405);
		assert.equal(data.headers.allow, 'POST');
	});

	test('a body over its limit: 413 in the form of its site, and the connection goes on where the body ended', async () => {
		const raw = new Raw(server.port);
		const body = 'x'.repeat(3 << 20);
		raw.send(`POST /v1/organizations/${server.organization}/databases HTTP/1.1\r\n${HOST}${authorization}`);
		raw.send(`Content-Length: ${body.length}\r\n\r\n${body}`);
		const refused = await raw.answer();
		assert.equal(refused.status, 413);
		assert.equal(refused.json.code, 'body_too_large');
		raw.send(`GET ${PLATFORM} HTTP/1.1\r\n${HOST}${authorization}\r\n`);
		assert.equal((await raw.answer()).status, 200);
		raw.close();
	});

	test('an endless body is refused while it comes, and the connection ends', async () => {
		const raw = new Raw(server.port);
		raw.send(`POST /v1/organizations/${server.organization}/databases HTTP/1.1\r\n${HOST}${authorization}`);
		raw.send('Transfer-Encoding: chunked\r\n\r\n');
		const chunk = `${(1 << 16).toString(16)}\r\n${'x'.repeat(1 << 16)}\r\n`;
		for (let sent = 0; sent < 64 << 20 && !raw.ended; sent += chunk.length) {
			raw.send(chunk);
			await new Promise(setImmediate);
		}
		await raw.is_closed();
		assert.equal((await server.api('GET', PLATFORM)).status, 200);
	});

	test('a browser sees a page, a watchdog that all is well', async () => {
		const page = await request(`${server.url}/`);
		assert.equal(page.status, 200);
		assert.match(page.headers['content-type'], /^text\/html/);
		assert.match(page.text, /Atoll/);
		assert.equal((await request(`${server.url}/health`)).status, 200);
	});

	test('many connections at once', async () => {
		const raws = Array.from({ length: 300 }, () => new Raw(server.port));
		for (const raw of raws) raw.send(`GET ${PLATFORM} HTTP/1.1\r\n${HOST}${authorization}\r\n`);
		for (const raw of raws) assert.equal((await raw.answer()).status, 200);
		for (const raw of raws) raw.close();
	});
});

describe('the process', () => {
	test('SIGTERM lets a request under way finish, refuses others and ends with 0', async () => {
		const server = await startServer({ args: ['--drain-timeout', '60s'] });
		const db = await server.createDatabase('busy', ['ord']);
		const idle = new Raw(server.port);
		idle.send(`GET /health HTTP/1.1\r\n${HOST}\r\n`);
		assert.equal((await idle.answer()).status, 200);
		// It is under way from its head on, and ends when we send the rest of its body.
		const under_way = new Raw(server.port);
		const body = JSON.stringify({ requests: [{ type: 'execute', stmt: { sql: 'SELECT 7 AS n' } }, { type: 'close' }] });
		under_way.send(`POST /db/${db.label}/v2/pipeline HTTP/1.1\r\n${HOST}Authorization: Bearer ${db.jwt}\r\n`);
		under_way.send(`Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
		assert.equal((await under_way.answer()).status, 100);
		const stopped = server.stop();
		const refused = await until('a refusal while it drains', async () => {
			idle.send(`GET /health HTTP/1.1\r\n${HOST}\r\n`);
			const answer = await idle.answer();
			return (answer === null || answer.status === 503 || answer.headers.connection === 'close') && { answer };
		});
		if (refused.answer?.status === 503) is_refusal(refused.answer);
		under_way.send(body);
		assert.deepEqual(rows_of(await under_way.answer()), [{ n: 7 }]);
		await stopped;
	});

	test('a connection over the limit waits for its turn', async () => {
		const server = await startServer({ args: ['--http-connections-max', '1', '--http-threads', '8'] });
		server.agent.destroy();
		const first = new Raw(server.port);
		first.send(`GET /health HTTP/1.1\r\n${HOST}\r\n`);
		assert.equal((await first.answer()).status, 200);
		const second = new Raw(server.port);
		second.send(`GET /health HTTP/1.1\r\n${HOST}\r\n`);
		first.send(`GET /health HTTP/1.1\r\n${HOST}\r\n`);
		assert.equal((await first.answer()).status, 200);
		assert.equal(second.bytes.length, 0);
		first.close();
		assert.equal((await second.answer()).status, 200);
		second.close();
		await server.stop();
	});

	test('a second server on the same data says who holds it', async () => {
		const server = await startServer();
		const second = await run_atolld(['--data', server.data, '--listen', '127.0.0.1:0']);
		assert.equal(second.code, 1);
		assert.match(second.stderr, new RegExp(`process ${server.pid}\\b`));
		const mint = await run_atolld(['token', 'mint', '--data', server.data]);
		assert.equal(mint.code, 1);
		assert.match(mint.stderr, new RegExp(`process ${server.pid}\\b`));
		assert.equal((await server.api('GET', PLATFORM)).status, 200);
		await server.stop();
	});

	test('an address in use is named', async () => {
		const server = await startServer();
		const folder = mkdtempSync(path.join(tmpdir(), 'atoll-http-'));
		const second = await run_atolld(['--data', folder, '--listen', `127.0.0.1:${server.port}`]);
		assert.equal(second.code, 1);
		assert.match(second.stderr, new RegExp(`127\\.0\\.0\\.1:${server.port}`));
		rmSync(folder, { recursive: true });
		await server.stop();
	});

	test('token mint gives a token that works, once no server runs', async () => {
		const folder = mkdtempSync(path.join(tmpdir(), 'atoll-http-'));
		const server = await startServer({ data: folder, args: ['--username', 'ada'] });
		assert.equal(statSync(path.join(folder, 'bootstrap.json')).mode & 0o777, 0o600);
		await server.stop();
		const minted = await run_atolld(['token', 'mint', '--data', folder]);
		assert.equal(minted.code, 0, minted.stderr);
		const unknown = await run_atolld(['token', 'mint', '--data', folder, '--username', 'nobody']);
		assert.equal(unknown.code, 1);
		assert.match(unknown.stderr, /nobody/);
		const again = await startServer({ data: folder });
		const answer = await again.api('GET', '/v1/current-user', undefined, {
			authorization: `Bearer ${minted.stdout.trim()}`,
		});
		assert.equal(answer.status, 200);
		assert.equal(answer.json.user.username, 'ada');
		await again.stop();
		rmSync(folder, { recursive: true });
	});

	test('wrong use is told on stderr and ends with 2; help and version go to stdout', async () => {
		const wrong = [
			[['--write-wait', 'soon'], /write-wait.*soon/],
			[['--no-such-flag=1'], /--no-such-flag/],
			[['--log-level=loud'], /log-level/],
			[['--tls-cert=/x'], /tls-key/],
			[['--config', '/nowhere.ini'], /nowhere\.ini/],
			[['frobnicate'], /frobnicate/],
		];
		for (const [args, message] of wrong) {
			const ended = await run_atolld(args);
			assert.equal(ended.code, 2, args.join(' '));
			assert.match(ended.stderr, message);
			assert.equal(ended.stdout, '');
		}
		const environment = await run_atolld([], { env: { ATOLLD_STREAMS_MAX: 'many' } });
		assert.equal(environment.code, 2);
		assert.match(environment.stderr, /ATOLLD_STREAMS_MAX/);
		const version = await run_atolld(['--version']);
		assert.deepEqual([version.code, version.stdout, version.stderr], [0, 'atolld 0.1.0\n', '']);
		const help = await run_atolld(['--help']);
		assert.equal(help.code, 0);
		for (const flag of ['--config', '--data', '--listen', '--domain', '--locations', '--tls-cert', '--simulate-latency'])
			assert.ok(help.stdout.includes(`${flag} `), flag);
	});

	test('a configuration file is read, and a flag wins over it', async () => {
		const folder = mkdtempSync(path.join(tmpdir(), 'atoll-http-'));
		const config = path.join(folder, 'atolld.ini');
		writeFileSync(config, '; ours\norganization = from-file\nusername = from-file\n');
		const server = await startServer({ args: ['--config', config, '--username', 'from-flag'] });
		assert.equal(server.organization, 'from-file');
		assert.equal(server.username, 'from-flag');
		await server.stop();
		rmSync(folder, { recursive: true });
	});
});

describe('TLS', { skip: !has_openssl() }, () => {
	let folder;
	let server;
	const certificate = (name) => {
		execFileSync('openssl', [
			...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
			...['-subj', `/CN=${name}`, '-keyout', path.join(folder, 'key.pem'), '-out', path.join(folder, 'cert.pem')],
		], { stdio: 'ignore' });
	};
	const look = () =>
		new Promise((resolve, reject) => {
			https
				.get({ host: '127.0.0.1', port: server.port, path: '/health', rejectUnauthorized: false, agent: false }, (answer) => {
					const name = answer.socket.getPeerCertificate().subject.CN;
					answer.resume();
					answer.on('end', () => resolve({ status: answer.statusCode, name }));
				})
				.on('error', reject);
		});
	before(async () => {
		folder = mkdtempSync(path.join(tmpdir(), 'atoll-http-'));
		certificate('first.example');
		server = await startServer({
			args: ['--tls-cert', path.join(folder, 'cert.pem'), '--tls-key', path.join(folder, 'key.pem')],
		});
	});
	after(async () => {
		await server?.stop();
		rmSync(folder, { recursive: true });
	});

	test('serves HTTPS, and says so', async () => {
		assert.match(server.bootstrap.url, /^https:/);
		assert.deepEqual(await look(), { status: 200, name: 'first.example' });
	});

	test('SIGHUP takes a new certificate; a broken one leaves the old in force', async () => {
		certificate('second.example');
		process.kill(server.pid, 'SIGHUP');
		await until('the new certificate', async () => (await look()).name === 'second.example');
		writeFileSync(path.join(folder, 'cert.pem'), 'nonsense');
		process.kill(server.pid, 'SIGHUP');
		await until('the complaint', () => server.stderr.includes('server.reload_failed'));
		assert.deepEqual(await look(), { status: 200, name: 'second.example' });
	});

	test('plain HTTP on that port is not served', async () => {
		const raw = new Raw(server.port);
		raw.send(`GET /health HTTP/1.1\r\n${HOST}\r\n`);
		const answer = await raw.answer();
		assert.ok(answer === null || answer.status >= 400);
		raw.close();
	});
});

function has_openssl() {
	try {
		execFileSync('openssl', ['version'], { stdio: 'ignore' });
		return true;
	} catch {
		return false;
	}
}
