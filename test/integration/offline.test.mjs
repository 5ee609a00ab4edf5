// What clients that work offline see (spec/replication.md §5), byte by byte. The clients themselves: test/clients/offline.test.mjs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from '../lib/server.mjs';

const FRAME = 24 + 4096;
let server;
before(async () => {
	server = await startServer({ args: ['--generation-frames', '16', '--offline-push-max', '64kb'] });
});
after(() => server?.stop());

let databases = 0;
async function new_database() {
	const db = await server.createDatabase(`raw${++databases}`, ['ord']);
	const set = await server.api('PATCH', `${db.path}/configuration`, { offline_sync: true });
	assert.equal(set.json.offline_sync, true, set.text);
	await server.rows(db.label, 'CREATE TABLE t (id INTEGER PRIMARY KEY, b)');
	return db;
}

async function ask(db, route, { method = 'GET', token = db.jwt, body } = {}) {
	const headers = token ? { authorization: `Bearer ${token}` } : {};
	const answer = await fetch(`${server.url}/db/${db.label}${route}`, { method, headers, body });
	const bytes = Buffer.from(await answer.arrayBuffer());
	return { status: answer.status, bytes, json: bytes[0] === 0x7b ? JSON.parse(bytes.toString()) : null };
}

const generation_of = async (db) => (await ask(db, '/info')).json.current_generation;
const page_numbers = (bytes) => Array.from({ length: bytes.length / FRAME }, (_, i) => bytes.readUInt32BE(i * FRAME));

// A frame that writes what the database has there already.
async function own_frames(db, g) {
	const file = (await ask(db, `/export/${g}`)).bytes;
	const pages = file.length / 4096;
	const frame = (page_no, size_after) => {
		const bytes = Buffer.alloc(FRAME);
		bytes.writeUInt32BE(page_no, 0);
		bytes.writeUInt32BE(size_after, 4);
		file.copy(bytes, 24, (page_no - 1) * 4096, page_no * 4096);
		return bytes;
	};
	return { frame, pages };
}

test('a database serves such clients when its configuration says so', async () => {
	const db = await server.createDatabase('plain', ['ord']);
	assert.equal((await ask(db, '/info')).status, 404);
	assert.equal((await ask(db, '/info', { token: `${db.jwt}x` })).status, 401);
	for (const route of ['/export/1', '/sync/1/1/2']) assert.equal((await ask(db, route)).status, 404);
	await server.api('PATCH', `${db.path}/configuration`, { offline_sync: true });
	assert.ok((await generation_of(db)) >= 1);
	for (const route of ['/info', '/export/1', '/sync/1/1/2'])
		assert.equal((await ask(db, route, { token: `${db.jwt}x` })).status, 401);
});

test('export, frames, and the end of a generation', async () => {
	const db = await new_database();
	const g = await generation_of(db);
	const file = await ask(db, `/export/${g}`);
	assert.equal(file.status, 200);
	assert.equal(file.bytes.length % 4096, 0);
	assert.deepEqual([...file.bytes.subarray(16, 20)], [16, 0, 2, 2]);
	const end = await ask(db, `/sync/${g}/1/129`);
	assert.deepEqual([end.status, end.json], [400, { generation: g }]);
	await server.rows(db.label, 'INSERT INTO t (b) VALUES (1)');
	const one = await ask(db, `/sync/${g}/1/129`);
	assert.equal(one.status, 200);
	assert.equal(one.bytes.length % FRAME, 0);
	assert.equal(one.bytes.readUInt32BE(one.bytes.length - FRAME + 4), file.bytes.length / 4096);
	assert.ok((await ask(db, `/export/${g}`)).bytes.equals(file.bytes), 'the base of a generation stays');
});

test('frames in the middle of a transaction can be asked for', async () => {
	const db = await new_database();
	const g = await generation_of(db);
	await server.rows(db.label, 'INSERT INTO t (b) VALUES (randomblob(40000))');
	const all = (await ask(db, `/sync/${g}/1/129`)).bytes;
	assert.ok(all.length / FRAME > 8);
	const part = (await ask(db, `/sync/${g}/4/7`)).bytes;
	assert.deepEqual(page_numbers(part), page_numbers(all).slice(3, 6));
});

test('a generation that is full leads to the next, whose base is its end', async () => {
	const db = await new_database();
	const g = await generation_of(db);
	for (let i = 0; i < 30; i++) await server.rows(db.label, 'INSERT INTO t (b) VALUES (randomblob(3000))');
	assert.ok((await generation_of(db)) > g);
	const base = (await ask(db, `/export/${g}`)).bytes;
	const frames = (await ask(db, `/sync/${g}/1/129`)).bytes;
	const size = frames.readUInt32BE(frames.length - FRAME + 4);
	const made = Buffer.alloc(size * 4096);
	base.copy(made);
	for (let i = 0; i < frames.length; i += FRAME) frames.copy(made, (frames.readUInt32BE(i) - 1) * 4096, i + 24, i + FRAME);
	assert.ok((await ask(db, `/export/${g + 1}`)).bytes.equals(made));
	const end = await ask(db, `/sync/${g}/${frames.length / FRAME + 1}/${frames.length / FRAME + 129}`);
	assert.equal(end.status, 400);
	assert.ok(end.json.generation > g);
});

test('generations of no history, and paths that are none', async () => {
	const db = await new_database();
	const g = await generation_of(db);
	for (const route of [`/sync/${g + 1}/1/2`, `/export/${g + 1}`, `/sync/${g}/9/10`]) {
		const answer = await ask(db, route);
		assert.equal(answer.status, 410, route);
		assert.match(answer.json.error, /delete the local files/);
	}
	for (const route of [`/sync/${g}/0/1`, `/sync/${g}/2/2`, `/sync/x/1/2`, `/sync/${g}/1/99999999999`, '/export/-1']) {
		const answer = await ask(db, route);
		assert.equal(answer.status, 400, route);
		assert.ok(answer.json.error, route);
	}
});

test('pushes: taken once, told again, in pieces, and conflicts', async () => {
	const db = await new_database();
	const g = await generation_of(db);
	const { frame, pages } = await own_frames(db, g);
	const push = (a, frames, baton = '') =>
		ask(db, `/sync/${g}/${a}/${a + frames.length}${baton}`, { method: 'POST', body: Buffer.concat(frames) });
	const ok = (max_frame_no, baton = null) => ({ status: 'ok', generation: g, max_frame_no, baton });
	assert.deepEqual((await push(1, [frame(1, 0), frame(2, pages)])).json, ok(2));
	assert.deepEqual((await push(1, [frame(1, 0), frame(2, pages)])).json, ok(2), 'what is held already');
	assert.equal((await push(1, [frame(2, 0), frame(1, pages)])).json.status, 'conflict');
	const first = (await push(3, [frame(2, 0)])).json;
	assert.equal(first.max_frame_no, 3);
	assert.deepEqual((await push(4, [frame(1, pages)], '/of-nobody')).json, ok(2), 'it is to be sent again');
	assert.deepEqual((await push(4, [frame(1, pages)], `/${first.baton}`)).json, ok(4));
	assert.deepEqual((await push(9, [frame(1, pages)])).json, ok(4), 'a gap');
	assert.deepEqual(page_numbers((await ask(db, `/sync/${g}/1/129`)).bytes), [1, 2, 2, 1]);
	await server.rows(db.label, 'INSERT INTO t (b) VALUES (1)');
	assert.equal((await push(5, [frame(2, pages)])).json.status, 'conflict');
});

test('a client that only pushes goes over the end of its generation, and others wait for theirs', async () => {
	const db = await new_database();
	const g = await generation_of(db);
	const { frame, pages } = await own_frames(db, g);
	const push = (a, frames, baton = '') =>
		ask(db, `/sync/${g}/${a}/${a + frames.length}${baton}`, { method: 'POST', body: Buffer.concat(frames) });
	const ok = (max_frame_no) => ({ status: 'ok', generation: g, max_frame_no, baton: null });
	// Transactions of two pages, in requests that do not end where the generation does.
	const five = Array.from({ length: 10 }, (_, i) => frame(1 + (i % 2), i % 2 ? pages : 0));
	for (let a = 1; a < 60; a += 10) assert.deepEqual((await push(a, five)).json, ok(a + 9));
	assert.ok((await generation_of(db)) > g);
	assert.deepEqual((await push(51, five)).json, ok(60), 'told again');
	const end = await ask(db, `/sync/${g}/61/189`);
	assert.deepEqual([end.status, end.json], [400, { generation: g }]);
	assert.equal((await ask(db, `/sync/${g}/62/189`)).status, 410);
	await server.rows(db.label, 'INSERT INTO t (b) VALUES (1)');
	assert.equal((await ask(db, `/sync/${g}/61/189`)).status, 200);
	assert.equal((await push(61, five)).json.status, 'conflict');

	const other = await new_database();
	const h = await generation_of(other);
	const half = () => ask(other, `/sync/${h}/1/2`, { method: 'POST', body: frame(2, 0) });
	const waiting = (await half()).json.baton;
	const now = (await ask(db, '/info')).json.current_generation;
	const held = (await ask(db, `/sync/${now}/1/129`)).bytes.length / FRAME;
	for (let i = 0; i < 70; i++)
		await ask(db, `/sync/${now}/${held + 1}/${held + 2}`, { method: 'POST', body: frame(2, 0) });
	const rest = await ask(other, `/sync/${h}/2/3/${waiting}`, { method: 'POST', body: frame(1, pages) });
	assert.equal(rest.json.max_frame_no, 2, rest.bytes.toString());
});

// Whoever holds the whole generation writes page_no behind it, as its only page.
async function push_page(db, page_no, change = () => {}, grown = 0) {
	const g = await generation_of(db);
	const held = await ask(db, `/sync/${g}/1/129`);
	const count = held.status === 200 ? held.bytes.length / FRAME : 0;
	const { frame, pages } = await own_frames(db, g);
	const bytes = frame(page_no, pages + grown);
	change(bytes.subarray(24));
	return ask(db, `/sync/${g}/${count + 1}/${count + 2}`, { method: 'POST', body: bytes });
}

test('a push that nobody could open again is refused, and the database goes on', async () => {
	const db = await new_database();
	await server.rows(db.label, 'INSERT INTO t (b) VALUES (5)');
	for (const [change, error] of [
		[(page) => page.fill(0, 100), /no schema/],
		[(page) => page.fill(0xa5, 100), /no schema/],
		[(page) => page.write('CREATE TUBLE', page.indexOf('CREATE TABLE')), /no schema/],
		[(page) => page.writeUInt32BE(9, 44), /no schema/],
		[(page) => page.writeUInt32BE(2, 56), /encoding/],
		[(page) => page.writeUInt32BE(2, 52), /auto_vacuum/],
	]) {
		const answer = await push_page(db, 1, change);
		assert.equal(answer.status, 400, `${change}`);
		assert.match(answer.json.error, error);
		assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM t'), [{ n: 1 }], `${change}`);
	}
	assert.match((await push_page(db, 2, () => {}, 5)).json.error, /page 1 is missing/);
	await server.rows(db.label, 'INSERT INTO t (b) VALUES (6)');
	await server.rows(db.label, 'CREATE TABLE u (a)');
	assert.equal((await push_page(await new_database(), 1)).json.status, 'ok');
});

test('the first schema of an empty database can be pushed', async () => {
	const model = await new_database();
	const { frame, pages } = await own_frames(model, await generation_of(model));
	const db = await server.createDatabase('raw-empty', ['ord']);
	await server.api('PATCH', `${db.path}/configuration`, { offline_sync: true });
	const body = Buffer.concat(Array.from({ length: pages }, (_, i) => frame(i + 1, i + 1 === pages ? pages : 0)));
	const g = await generation_of(db);
	const answer = await ask(db, `/sync/${g}/1/${1 + pages}`, { method: 'POST', body });
	assert.deepEqual(answer.json, { status: 'ok', generation: g, max_frame_no: pages, baton: null });
	await server.rows(db.label, 'INSERT INTO t (b) VALUES (6)');
	assert.deepEqual(await server.rows(db.label, 'SELECT b FROM t'), [{ b: 6 }]);
});

test('noise in a table is its own database\'s affair, and can be mended', async () => {
	const db = await new_database();
	const other = await new_database();
	await server.rows(db.label, 'INSERT INTO t (b) VALUES (5)');
	await generation_of(db);
	assert.equal((await push_page(db, 2, (page) => page.fill(0xa5))).json.status, 'ok');
	await assert.rejects(server.rows(db.label, 'SELECT * FROM t'), /malformed/);
	await assert.rejects(server.rows(db.label, 'INSERT INTO t (b) VALUES (6)'), /malformed/);
	await server.restart({ same_port: true });
	await assert.rejects(server.rows(db.label, 'SELECT * FROM t'), /malformed/);
	await server.rows(other.label, 'INSERT INTO t (b) VALUES (6)');
	assert.equal((await push_page(db, 2, (page) => page.fill(0).set([13], 0))).status, 200);
	await server.rows(db.label, 'CREATE TABLE u (a)');
});

test('pushes that are refused change nothing', async () => {
	const db = await new_database();
	const g = await generation_of(db);
	const { frame, pages } = await own_frames(db, g);
	const push = (frames, token, count = frames.length) =>
		ask(db, `/sync/${g}/1/${1 + count}`, { method: 'POST', body: Buffer.concat(frames), token });
	const damaged = (at, value) => {
		const bytes = frame(1, pages);
		bytes[24 + at] = value;
		return bytes;
	};
	const far = frame(2, pages);
	far.writeUInt32BE(pages + 1, 0);
	const bad = [[far], [frame(2, 0), frame(2, pages)], [frame(2, 900000)]];
	for (const at of [0, 16, 18, 19, 20, 21, 28, 56]) bad.push([damaged(at, 77)]);
	for (const frames of bad) assert.equal((await push(frames)).status, 400);
	assert.equal((await push([frame(2, pages)], db.jwt, 2)).status, 400);
	assert.equal((await push([frame(2, pages).subarray(1)])).status, 400);
	assert.equal((await push(Array.from({ length: 17 }, () => frame(2, 0)))).status, 413);
	const { jwt } = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json;
	assert.equal((await push([frame(2, pages)], jwt)).status, 403);
	assert.equal((await push([frame(2, pages)], `${jwt}x`)).status, 401);
	assert.deepEqual((await ask(db, `/sync/${g}/1/2`)).json, { generation: g });
	await server.api('PATCH', `${db.path}/configuration`, { block_writes: true });
	assert.equal((await push([frame(2, pages)])).status, 400);
});
