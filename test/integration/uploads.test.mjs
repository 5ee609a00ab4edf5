// Files that clients send and fetch: SQL dumps, SQLite files whole and in chunks, exports. What is cut off or refused leaves
// nothing in the server's folder; memory does not grow with a file.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { label_of, request, startServer, until } from '../lib/server.mjs';

const MIB = 1 << 20;
const CHUNK = 16 * MIB;
const BIG_ROWS = 300;

let folder;
let server; // takes files of 64 MiB at most
let databases;
let counter = 0;

before(async () => {
	folder = mkdtempSync(path.join(tmpdir(), 'atoll-uploads-'));
	server = await startServer({ args: ['--upload-size-max', '64mb'] });
	databases = `/v1/organizations/${server.organization}/databases`;
});

after(async () => {
	await server.stop();
	rmSync(folder, { recursive: true, force: true });
});

// -- files -------------------------------------------------------------------------------------------------

function sqlite(file, sql) {
	return execFileSync('sqlite3', ['-batch', '-bail', file, sql], { encoding: 'utf8', maxBuffer: 256 * MIB }).trim();
}

/// A SQLite file of `count` rows of `size` random bytes each, and what a query over all of it tells.
function make_file(name, count, size) {
	const file = path.join(folder, name);
	sqlite(
		file,
		`PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;
		 CREATE TABLE t (id INTEGER PRIMARY KEY, content BLOB);
		 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
		 INSERT INTO t SELECT i, randomblob(${size}) FROM n;
		 PRAGMA wal_checkpoint(TRUNCATE);`,
	);
	return file;
}

const digest = 'SELECT count(*) AS n, sum(length(content)) AS bytes, hex(max(substr(content, 1, 16))) AS greatest FROM t';
const digest_of_file = (file) => {
	const [n, bytes, greatest] = sqlite(file, digest).split('|');
	return { n: Number(n), bytes: Number(bytes), greatest };
};

function form(bytes, { boundary = '----AtollBoundary', part = 'file', end = `\r\n------AtollBoundary--\r\n` } = {}) {
	const head = `--${boundary}\r\nContent-Disposition: form-data; name="${part}"; filename="f"\r\n\r\n`;
	return {
		body: Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(end)]),
		headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
	};
}

const post_form = (pathname, bytes, options, at = server) => {
	const { body, headers } = form(bytes, options);
	return at.api('POST', pathname, body, headers);
};

// -- the server's side ---------------------------------------------------------------------------------------

const kept_files = (at = server, prefix = '') =>
	readdirSync(path.join(at.data, 'uploads')).filter((name) => name.startsWith(prefix));
const nothing_half = (at = server) => until('no half file to be kept', () => kept_files(at, 'part-').length === 0 && kept_files(at, 'seed-').length === 0);

const create = async (body, at = server) => {
	const name = `up-${++counter}`;
	const answer = await at.api('POST', `/v1/organizations/${at.organization}/databases`, { name, ...body });
	return { name, answer, path: `/v1/organizations/${at.organization}/databases/${name}` };
};

const token_of = async (db, query = '', at = server) => (await at.api('POST', `${db.path}/auth/tokens${query}`)).json.jwt;

async function draft(body = {}, at = server) {
	const db = await create({ seed: { type: 'database_upload' }, ...body }, at);
	assert.equal(db.answer.status, 200, db.answer.text);
	db.label = label_of(db.answer.json.database.Hostname);
	db.token = await token_of(db, '', at);
	return db;
}

const to_host = (db, method, route, body, { token = db.token, headers = {}, at = server } = {}) =>
	request(`${at.url}/db/${db.label}${route}`, {
		method,
		body,
		headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
	});

async function open_instance(db, at = server) {
	const made = await at.api('POST', `${db.path}/instances`, { location: 'ord' });
	assert.equal(made.status, 200, made.text);
	const ready = await at.api('GET', `${db.path}/instances/${made.json.instance.name}/wait`);
	assert.equal(ready.status, 200, ready.text);
}

async function rows_in(db, sql, at = server) {
	return at.rows(label_of((await at.api('GET', db.path)).json.database.Hostname), sql, { token: await token_of(db, '', at) });
}

/// Sends the head and half of the body, then cuts the connection.
function send_half(at, method, pathname, headers, bytes, length = bytes.length) {
	return new Promise((resolve, reject) => {
		const socket = net.connect(at.port, '127.0.0.1');
		const lines = Object.entries({ host: 'localhost', 'content-length': length, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
		socket.on('error', reject);
		socket.on('close', resolve);
		socket.write(`${method} ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n`);
		socket.write(bytes.subarray(0, bytes.length / 2), () => socket.destroySoon());
	});
}

// -- dumps -------------------------------------------------------------------------------------------------

const good_dump = `PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT);
INSERT INTO t VALUES (1, 'one'), (2, 'it''s two;');
CREATE INDEX t_x ON t (x);
COMMIT;
`;

test('a dump becomes the content of databases of its organization', async () => {
	const uploaded = await post_form(`${databases}/dumps`, good_dump);
	assert.equal(uploaded.status, 200, uploaded.text);
	assert.deepEqual(Object.keys(uploaded.json), ['dump_url']);
	const { dump_url } = uploaded.json;
	assert.match(dump_url, /^https?:\/\/.+\/databases\/dumps\/[A-Za-z0-9_-]{43}$/);
	assert.equal(kept_files(server, 'dump-').length, 1);
	assert.ok(!kept_files().some((name) => name.includes(dump_url.split('/').at(-1))), 'the secret is no file name');

	const db = await create({ seed: { type: 'dump', url: dump_url } });
	assert.equal(db.answer.status, 200, db.answer.text);
	await open_instance(db);
	assert.deepEqual(await rows_in(db, 'SELECT * FROM t'), [
		{ id: 1, x: 'one' },
		{ id: 2, x: "it's two;" },
	]);
	await nothing_half();

	const made = await server.api('POST', '/v1/organizations', { name: 'others' });
	assert.equal(made.status, 200, made.text);
	const foreign = await server.api('POST', `/v1/organizations/others/databases`, { name: 'theirs', seed: { type: 'dump', url: dump_url } });
	assert.equal(foreign.status, 400, foreign.text);
	const guessed = await create({ seed: { type: 'dump', url: dump_url.slice(0, -4) + 'AAAA' } });
	assert.equal(guessed.answer.status, 400);
	assert.match(guessed.answer.json.error, /not known here or has expired/);
});

test('a dump goes by the short path too', async () => {
	const uploaded = await post_form('/v1/databases/dumps', good_dump);
	assert.equal(uploaded.status, 200, uploaded.text);
});

test('a bad dump is refused with its line and leaves nothing', async () => {
	const uploaded = await post_form(`${databases}/dumps`, `${good_dump}SELECT nonsense FROM nowhere;\n`);
	assert.equal(uploaded.status, 200);
	const folders = readdirSync(path.join(server.data, 'databases')).length;
	const db = await create({ seed: { type: 'dump', url: uploaded.json.dump_url } });
	assert.equal(db.answer.status, 400, db.answer.text);
	assert.match(db.answer.json.error, /line 7/);
	assert.equal((await server.api('GET', db.path)).status, 404);
	assert.equal(readdirSync(path.join(server.data, 'databases')).length, folders);
	await nothing_half();
});

test('a dump that lies elsewhere is fetched, but not from where the public cannot reach', async () => {
	const elsewhere = http.createServer((call, answer) => {
		if (call.url === '/dump.sql') answer.end(good_dump);
		else if (call.url === '/redirect') answer.writeHead(302, { location: '/dump.sql' }).end();
		else if (call.url === '/to-file') answer.writeHead(302, { location: 'file:///etc/passwd' }).end();
		else if (call.url === '/big') answer.end(Buffer.alloc(3 * MIB, '-'));
		else answer.writeHead(404).end();
	});
	await new Promise((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
	const base = `http://127.0.0.1:${elsewhere.address().port}`;
	const open = await startServer({ args: ['--fetch-private-addresses', 'yes', '--upload-size-max', '1mb'] });
	try {
		for (const url of [`${base}/dump.sql`, `http://localhost:${elsewhere.address().port}/dump.sql`, 'http://[::ffff:127.0.0.1]/x']) {
			const refused = await create({ seed: { type: 'dump', url } });
			assert.equal(refused.answer.status, 400, refused.answer.text);
			assert.match(refused.answer.json.error, /not public/);
		}
		for (const url of ['file:///etc/passwd', 'ftp://127.0.0.1/x', 'gopher://127.0.0.1/x', 'nonsense']) {
			const refused = await create({ seed: { type: 'dump', url } });
			assert.equal(refused.answer.status, 400, refused.answer.text);
		}
		for (const route of ['/dump.sql', '/redirect']) {
			const db = await create({ seed: { type: 'dump', url: base + route } }, open);
			assert.equal(db.answer.status, 200, db.answer.text);
			await open_instance(db, open);
			assert.equal((await rows_in(db, 'SELECT count(*) AS n FROM t', open))[0].n, 2);
		}
		for (const [route, says] of [
			['/to-file', /http/],
			['/nowhere', /404/],
			['/big', /upload-size-max/],
		]) {
			const db = await create({ seed: { type: 'dump', url: base + route } }, open);
			assert.equal(db.answer.status, 400, db.answer.text);
			assert.match(db.answer.json.error, says);
		}
		await nothing_half(open);
	} finally {
		await open.stop();
		elsewhere.close();
	}
});

// -- forms -------------------------------------------------------------------------------------------------

test('a form that is none, broken or too large is refused and leaves nothing', async () => {
	const empty = await create({});
	for (const route of [`${databases}/dumps`, `${empty.path}/seed`]) {
		const before = kept_files().length;
		const none = await server.api('POST', route, good_dump, { 'content-type': 'application/sql' });
		assert.equal(none.status, 415, none.text);
		assert.equal(none.json.code, 'unsupported_media');
		const other_part = await post_form(route, good_dump, { part: 'attachment' });
		assert.equal(other_part.status, 400, other_part.text);
		assert.match(other_part.json.error, /no part named "file"/);
		const unended = await post_form(route, good_dump, { end: '' });
		assert.equal(unended.status, 400, unended.text);

		const { headers, body } = form(Buffer.alloc(MIB));
		const announced = await new Promise((resolve, reject) => {
			const call = http.request(server.url + route, {
				method: 'POST',
				headers: { ...headers, authorization: `Bearer ${server.token}`, 'content-length': 70 * MIB },
			});
			call.on('error', reject);
			call.on('response', (answer) => {
				answer.resume();
				resolve(answer.statusCode);
				call.destroy();
			});
			call.write(body);
		});
		assert.equal(announced, 413);
		const chunked = await server.api('POST', route, form(Buffer.alloc(66 * MIB)).body, { ...headers, 'transfer-encoding': 'chunked' });
		assert.equal(chunked.status, 413, chunked.text);
		assert.equal(chunked.json.code, 'body_too_large');
		assert.match(chunked.json.error, /upload-size-max/);

		const unknown = await server.api('POST', route, body, { ...headers, authorization: 'Bearer nonsense' });
		assert.equal(unknown.status, 401, unknown.text);

		await send_half(server, 'POST', route, { ...headers, authorization: `Bearer ${server.token}` }, form(Buffer.alloc(8 * MIB)).body);
		await nothing_half();
		assert.equal(kept_files().length, before);
	}
});

// -- seed ---------------------------------------------------------------------------------------------------

test('a SQLite file becomes the content of a database without instances', async () => {
	const file = make_file('seed.db', 100, 1000);
	const db = await create({});
	const answer = await post_form(`${db.path}/seed`, readFileSync(file));
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.text, '{}');
	await open_instance(db);
	assert.deepEqual((await rows_in(db, digest))[0], digest_of_file(file));
	const again = await post_form(`${db.path}/seed`, readFileSync(file));
	assert.equal(again.status, 409, again.text);
	await nothing_half();
});

test('what is no SQLite file is no seed', async () => {
	const db = await create({});
	const file = readFileSync(make_file('damaged.db', 1000, 1000));
	const damaged = Buffer.from(file);
	damaged.fill(0xa5, 8192, 400_000);
	for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), good_dump, damaged]) {
		const answer = await post_form(`${db.path}/seed`, bytes);
		assert.equal(answer.status, 400, answer.text);
	}
	await nothing_half();
	await open_instance(db);
	assert.deepEqual(await rows_in(db, 'SELECT name FROM sqlite_schema'), []);
});

// -- whole, on the database's host ----------------------------------------------------------------------------

test('a draft gets its content in one piece', async () => {
	const file = make_file('whole.db', 200, 1000);
	const bytes = readFileSync(file);
	const db = await draft();
	const early = await server.api('POST', `${db.path}/instances`, { location: 'ord' });
	assert.equal(early.status, 409, early.text);
	assert.equal(early.json.code, 'not_ready');

	const other = await draft();
	const read_only = await token_of(db, '?authorization=read-only');
	for (const [options, status] of [
		[{ token: null }, 401],
		[{ token: 'nonsense' }, 401],
		[{ token: server.token }, 401],
		[{ token: other.token }, 404],
		[{ token: read_only }, 403],
		[{ headers: { 'transfer-encoding': 'chunked' } }, 400],
		[{ headers: { 'x-turso-encryption-key': 'AAAA' } }, 400],
		[{ headers: { 'x-turso-encryption-cipher': 'aes256gcm' } }, 400],
	]) {
		const refused = await to_host(db, 'POST', '/v1/upload', bytes, options);
		assert.equal(refused.status, status, `${JSON.stringify(options)}: ${refused.text}`);
		assert.equal(typeof refused.json.error, 'string');
	}
	const nonsense = await to_host(db, 'POST', '/v1/upload', 'hello');
	assert.equal(nonsense.status, 400, nonsense.text);
	await send_half(server, 'POST', `/db/${db.label}/v1/upload`, { authorization: `Bearer ${db.token}` }, bytes);
	await nothing_half();

	const answer = await to_host(db, 'POST', '/v1/upload', bytes);
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.text, '');
	await open_instance(db);
	assert.deepEqual((await rows_in(db, digest))[0], digest_of_file(file));
	const again = await to_host(db, 'POST', '/v1/upload', bytes);
	assert.equal(again.status, 409, again.text);
	assert.match(again.json.error, /not waiting for an upload/);
	await nothing_half();
});

test('the host name of a database leads there too, an unknown one nowhere', async () => {
	const bytes = readFileSync(make_file('host.db', 10, 100));
	const db = await draft();
	const send = (host) =>
		request(`${server.url}/v1/upload`, { method: 'POST', body: bytes, headers: { host, authorization: `Bearer ${db.token}` } });
	assert.equal((await send(`nobody.localhost:${server.port}`)).status, 404);
	assert.equal((await send(`127.0.0.1:${server.port}`)).status, 404);
	assert.equal((await send(`${db.label}.localhost:${server.port}`)).status, 200);
});

test('a draft of a group has its instances once its content is there', async () => {
	const group = `/v1/organizations/${server.organization}/groups`;
	assert.equal((await server.api('POST', group, { name: 'grown', location: 'ord' })).status, 200);
	assert.equal((await server.api('POST', `${group}/grown/locations/nrt`)).status, 200);
	const file = make_file('grouped.db', 50, 1000);
	const db = await draft({ group: 'grown' });
	assert.deepEqual((await server.api('GET', `${db.path}/instances`)).json.instances, []);
	const answer = await to_host(db, 'POST', '/v1/upload', readFileSync(file));
	assert.equal(answer.status, 200, answer.text);
	const { instances } = (await server.api('GET', `${db.path}/instances`)).json;
	assert.deepEqual(instances.map(({ region }) => region), ['ord', 'nrt']);
	for (const { name } of instances) assert.equal((await server.api('GET', `${db.path}/instances/${name}/wait`)).status, 200);
	for (const { hostname } of instances)
		assert.deepEqual((await server.rows(label_of(hostname), digest, { token: db.token }))[0], digest_of_file(file));
});

// -- in chunks -----------------------------------------------------------------------------------------------

const start_chunks = async (db, size) => {
	const answer = await to_host(db, 'PUT', '/v2/upload/start', { db_size_bytes: size });
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.json.chunk_size, CHUNK);
	return answer.json.upload_id;
};
const send_chunk = (db, id, n, bytes, options) => to_host(db, 'PUT', `/v2/upload/${id}/chunk/${n}`, bytes, options);
const chunk_of = (bytes, n) => bytes.subarray(n * CHUNK, (n + 1) * CHUNK);

test('a draft gets its content in chunks, in any order, some twice, over a restart', async () => {
	const file = make_file('chunks.db', 40, MIB);
	const bytes = readFileSync(file);
	const db = await draft();
	const other = await draft();
	const id = await start_chunks(db, bytes.length);

	for (const [answer, status] of [
		[await send_chunk(db, 'nonsense', 0, chunk_of(bytes, 0)), 404],
		[await send_chunk(other, id, 0, chunk_of(bytes, 0)), 404],
		[await send_chunk(db, id, 3, chunk_of(bytes, 0)), 400],
		[await send_chunk(db, id, 'x', chunk_of(bytes, 0)), 400],
		[await send_chunk(db, id, 0, bytes.subarray(0, 1000)), 400],
		[await send_chunk(db, id, 2, chunk_of(bytes, 0)), 400],
		[await send_chunk(db, id, 0, chunk_of(bytes, 0), { token: other.token }), 404],
		[await send_chunk(db, id, 0, chunk_of(bytes, 0), { token: null }), 401],
		[await send_chunk(db, id, 0, bytes.subarray(0, CHUNK + 1)), 413],
		[await to_host(db, 'PUT', `/v2/upload/${id}/finalize`), 400],
	])
		assert.equal(answer.status, status, answer.text);

	for (const n of [2, 0]) assert.equal((await send_chunk(db, id, n, chunk_of(bytes, n))).status, 200);
	// A chunk that was whole and is sent again, but cut off, does not count any more.
	await send_half(server, 'PUT', `/db/${db.label}/v2/upload/${id}/chunk/0`, { authorization: `Bearer ${db.token}` }, chunk_of(bytes, 0));
	await server.restart({ same_port: true });
	assert.equal((await send_chunk(db, id, 1, chunk_of(bytes, 1))).status, 200);
	const missing = await to_host(db, 'PUT', `/v2/upload/${id}/finalize`);
	assert.equal(missing.status, 400, missing.text);
	assert.match(missing.json.error, /chunk 0 is missing/);
	assert.equal((await send_chunk(db, id, 0, chunk_of(bytes, 0))).status, 200);

	const done = await to_host(db, 'PUT', `/v2/upload/${id}/finalize`);
	assert.equal(done.status, 200, done.text);
	assert.equal(kept_files(server, 'chunks-').length, 0);
	await open_instance(db);
	assert.deepEqual((await rows_in(db, digest))[0], digest_of_file(file));
	assert.equal((await to_host(db, 'PUT', `/v2/upload/${id}/finalize`)).status, 409);
	await nothing_half();
});

test('an upload in chunks is bound to what was announced, and goes with its database', async () => {
	const db = await draft();
	for (const [body, status] of [
		[{ db_size_bytes: 65 * MIB }, 413],
		[{ db_size_bytes: 10 }, 400],
		[{ db_size_bytes: -1 }, 400],
		[{ db_size_bytes: 'x' }, 400],
		[{}, 400],
		['nonsense', 400],
	]) {
		const refused = await to_host(db, 'PUT', '/v2/upload/start', body);
		assert.equal(refused.status, status, `${JSON.stringify(body)}: ${refused.text}`);
	}
	const first = await start_chunks(db, 5000);
	const second = await start_chunks(db, 6000);
	assert.equal((await send_chunk(db, first, 0, Buffer.alloc(5000))).status, 404);
	assert.equal((await send_chunk(db, second, 0, Buffer.alloc(6000))).status, 200);
	assert.equal(kept_files(server, 'chunks-').length, 1);
	const bad = await to_host(db, 'PUT', `/v2/upload/${second}/finalize`);
	assert.equal(bad.status, 400, bad.text);
	assert.equal(kept_files(server, 'chunks-').length, 0, 'a bad file does not stay');

	await start_chunks(db, 5000);
	assert.equal(kept_files(server, 'chunks-').length, 1);
	assert.equal((await server.api('DELETE', db.path)).status, 200);
	assert.equal(kept_files(server, 'chunks-').length, 0);
});

// -- exports -------------------------------------------------------------------------------------------------

test('a database is downloaded as one SQLite file', async () => {
	const file = make_file('original.db', 300, 1000);
	const db = await create({});
	assert.equal((await server.api('GET', `${db.path}/export`)).status, 409);
	assert.equal((await post_form(`${db.path}/seed`, readFileSync(file))).status, 200);
	await open_instance(db);
	const answer = await server.api('GET', `${db.path}/export`);
	assert.equal(answer.status, 200);
	assert.equal(answer.headers['content-type'], 'application/vnd.sqlite3');
	assert.equal(answer.headers['content-disposition'], `attachment; filename="${db.name}.db"`);
	assert.equal(Number(answer.headers['content-length']), answer.bytes.length);
	const exported = path.join(folder, 'exported.db');
	writeFileSync(exported, answer.bytes);
	assert.equal(sqlite(exported, 'PRAGMA integrity_check'), 'ok');
	assert.deepEqual(digest_of_file(exported), digest_of_file(file));
	const head = await server.api('HEAD', `${db.path}/export`);
	assert.equal(head.status, 200);
	assert.equal(head.text, '');
	await nothing_half();
});

// -- memory --------------------------------------------------------------------------------------------------

test('memory does not grow with a file', async () => {
	const big = await startServer({
		env: { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=4:thread_local_quarantine_size_kb=64` },
	});
	try {
		const file = make_file('big.db', BIG_ROWS, MIB);
		const size = statSync(file).size;
		const expected = digest_of_file(file);
		const memory = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${big.pid}/status`, 'utf8'))[1]) / 1024;
		const rss = memory('VmRSS');
		const send = (method, pathname, token, headers, head, end) =>
			new Promise((resolve, reject) => {
				const call = http.request(big.url + pathname, { method, headers: { authorization: `Bearer ${token}`, ...headers } });
				call.on('error', reject);
				call.on('response', (answer) => {
					let text = '';
					answer.on('data', (bytes) => (text += bytes));
					answer.on('end', () => resolve({ status: answer.statusCode, text }));
				});
				call.write(head);
				createReadStream(file).on('end', () => call.end(end)).pipe(call, { end: false });
			});

		const seeded = await create({}, big);
		const { headers } = form('');
		const [head, end] = ['------AtollBoundary\r\nContent-Disposition: form-data; name="file"\r\n\r\n', '\r\n------AtollBoundary--\r\n'];
		const answer = await send('POST', `${seeded.path}/seed`, big.token, headers, head, end);
		assert.equal(answer.status, 200, answer.text);
		await open_instance(seeded, big);
		assert.deepEqual((await rows_in(seeded, digest, big))[0], expected);

		const whole = await draft({}, big);
		const sent = await send('POST', `/db/${whole.label}/v1/upload`, whole.token, { 'content-length': size }, '', undefined);
		assert.equal(sent.status, 200, sent.text);

		const exported = await new Promise((resolve, reject) => {
			http.get(`${big.url}${seeded.path}/export`, { headers: { authorization: `Bearer ${big.token}` } }, (download) => {
				let bytes = 0;
				download.on('data', (piece) => (bytes += piece.length));
				download.on('end', () => resolve(bytes));
				download.on('error', reject);
			});
		});
		assert.ok(exported >= expected.bytes);
		const growth = memory('VmHWM') - rss;
		assert.ok(growth < 100, `memory grew by ${growth} MB`);
		await nothing_half(big);
	} finally {
		await big.stop();
	}
});
