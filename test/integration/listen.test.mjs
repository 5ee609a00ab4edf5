// GET /beta/listen (hrana.md §1): changes of a table as server-sent events, told when they are durable, to whom they concern.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';

import { sleep, startServer, until } from '../lib/server.mjs';

let server;
let db;
let primary;
let replica;
let open;

before(async () => {
	server = await startServer({ args: ['--listeners-max', '4'] });
	db = await server.createDatabase('shop', ['ord', 'nrt']);
	[primary, replica] = db.instances.map(({ label }) => label);
	await server.sql(primary, [
		'CREATE TABLE t(id INTEGER PRIMARY KEY, x UNIQUE)',
		'CREATE TABLE other(x)',
		'CREATE TABLE keyed(k PRIMARY KEY, v) WITHOUT ROWID',
		'CREATE TABLE log(x)',
		'CREATE TABLE "odd name&="(x)',
	]);
});
after(() => server?.stop());
beforeEach(async () => {
	for (const one of open ?? []) await one.leave();
	open = [];
});

class Listener {
	constructor(call, response) {
		Object.assign(this, { call, response, status: response.statusCode, headers: response.headers, events: [], comments: 0, ended: false, text: '' });
		response.setEncoding('utf8');
		response.on('error', () => {});
		response.on('data', (text) => this.take(text));
		response.on('close', () => (this.ended = true));
	}

	take(text) {
		const parts = (this.text + text).split('\n\n');
		this.text = parts.pop();
		for (const part of parts) {
			const event = {};
			for (const line of part.split('\n')) {
				const [name, ...value] = line.split(': ');
				if (name) event[name] = value.join(': ');
				else this.comments++;
			}
			if (event.event === 'changes') this.events.push(JSON.parse(event.data));
			else if (event.event) this.events.push(event);
		}
	}

	/// The next event.
	async next() {
		await until('an event', () => this.events.length > 0);
		return this.events.shift();
	}

	async leave() {
		this.call.destroy();
		await until('the connection to end', () => this.ended);
	}
}

async function listen(query, { to = primary, on = server, token = on.jwt_of.get(to), headers = {}, paused = false } = {}) {
	const call = http.get(`${on.url}/db/${to}/beta/listen?${query}`, {
		agent: false,
		headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
	});
	call.on('error', () => {});
	const [response] = await once(call, 'response');
	if (paused) return { call, response };
	const listener = new Listener(call, response);
	open.push(listener);
	return listener;
}

const write = async (...statements) => {
	const answer = await server.sql(primary, statements);
	for (const result of answer.json.results) assert.equal(result.type, 'ok', answer.text);
};
/// Whatever came before this has been told before this.
const fence = async (listener) => {
	await write("INSERT INTO t(x) VALUES ('fence' || random())");
	const seen = [];
	for (let event = await listener.next(); ; event = await listener.next()) {
		seen.push(event);
		if (event.insert === 1 && Object.keys(event).length === 1) return seen.slice(0, -1);
	}
};

describe('what is told', () => {
	test('each commit, with what it changed', async () => {
		const listener = await listen('table=t', { headers: { 'accept-encoding': 'gzip' } });
		assert.equal(listener.status, 200);
		assert.equal(listener.headers['content-type'], 'text/event-stream');
		assert.equal(listener.headers['content-encoding'], undefined, 'never compressed');
		assert.equal(listener.headers['access-control-allow-origin'], '*');
		await write('DELETE FROM t');
		await write("INSERT INTO t(id, x) VALUES (1, 'a'), (2, 'b')");
		assert.deepEqual(await listener.next(), { insert: 2 });
		await write("UPDATE t SET x = x || '!' WHERE id = 1");
		assert.deepEqual(await listener.next(), { update: 1 });
		await write('BEGIN', "INSERT INTO t(id, x) VALUES (3, 'c')", 'DELETE FROM t WHERE id < 3', 'UPDATE t SET id = 4', 'COMMIT');
		assert.deepEqual(await listener.next(), { delete: 2, insert: 1, update: 1 });
		assert.deepEqual(listener.events, []);
	});

	test('a delete without a condition is counted by rows', async () => {
		await write('DELETE FROM t', "INSERT INTO t(x) VALUES ('a'), ('b'), ('c')");
		const listener = await listen('table=t');
		await write('DELETE FROM t');
		assert.deepEqual(await listener.next(), { delete: 3 });
	});

	test('other tables, names in another letter case, tables without rowid, rows of triggers', async () => {
		const listener = await listen('table=KEYED');
		const odd = await listen(`table=${encodeURIComponent('odd name&=')}`);
		const log = await listen('table=log');
		await write('INSERT INTO other VALUES (1)', 'CREATE TRIGGER IF NOT EXISTS tr AFTER INSERT ON keyed BEGIN INSERT INTO log VALUES (new.k), (new.v); END');
		await write('INSERT INTO keyed VALUES (1, 1)');
		assert.deepEqual(await listener.next(), { insert: 1 });
		assert.deepEqual(await log.next(), { insert: 2 });
		await write('UPDATE keyed SET v = 2');
		assert.deepEqual(await listener.next(), { update: 1 });
		await write('INSERT INTO "odd name&=" VALUES (1)', 'DELETE FROM keyed');
		assert.deepEqual(await odd.next(), { insert: 1 });
		assert.deepEqual(await listener.next(), { delete: 1 });
		assert.deepEqual([...listener.events, ...odd.events, ...log.events], []);
	});

	test('only the actions that were asked for', async () => {
		const deletes = await listen('table=t&action=delete');
		const both = await listen('table=t&action=insert&action=update');
		await write('DELETE FROM t', "INSERT INTO t(id, x) VALUES (1, 'a')");
		assert.deepEqual(await both.next(), { insert: 1 });
		await write("BEGIN", "UPDATE t SET x = 'b'", 'DELETE FROM t', 'COMMIT');
		assert.deepEqual(await both.next(), { update: 1 });
		let last;
		do last = await deletes.next();
		while (deletes.events.length > 0);
		assert.deepEqual(last, { delete: 1 });
	});

	test('nothing of what was taken back', async () => {
		await write('DELETE FROM t', "INSERT INTO t(id, x) VALUES (1, 'a')");
		const listener = await listen('table=t');
		await write('BEGIN', "INSERT INTO t(x) VALUES ('b')", 'ROLLBACK');
		const failed = await server.sql(primary, ["INSERT INTO t(x) VALUES ('c'), ('d'), ('a')"]);
		assert.equal(failed.json.results[0].type, 'error');
		await server.sql(primary, ['BEGIN', "INSERT INTO t(x) VALUES ('e'), ('a')", "UPDATE t SET x = 'f' WHERE id = 1", 'COMMIT']);
		assert.deepEqual(await listener.next(), { update: 1 });
		const left = await server.sql(primary, ['BEGIN', "INSERT INTO t(x) VALUES ('g')"], {});
		assert.equal(left.status, 200); // and closed with it
		assert.deepEqual(await fence(listener), []);
	});

	test('after a return to a savepoint that something changed, not what', async () => {
		await write('DELETE FROM t');
		const listener = await listen('table=t&action=delete');
		await write('BEGIN', "INSERT INTO t(x) VALUES ('a')", 'SAVEPOINT s', "INSERT INTO t(x) VALUES ('b')", 'ROLLBACK TO s', 'COMMIT');
		assert.deepEqual(await listener.next(), { unknown: 2 });
	});

	test('writes of replicas, WebSockets and many clients at once, every one of them', async () => {
		const listener = await listen('table=other');
		const CLIENTS = 8;
		const WRITES = 25;
		await Promise.all(
			Array.from({ length: CLIENTS }, async (_, client) => {
				for (let i = 0; i < WRITES; i++) await server.rows(client % 2 ? replica : primary, { sql: 'INSERT INTO other VALUES (?)', args: [i] });
			}),
		);
		let sum = 0;
		while (sum < CLIENTS * WRITES) sum += (await listener.next()).insert;
		assert.equal(sum, CLIENTS * WRITES);
	});

	test('a table that is made later', async () => {
		const listener = await listen('table=later');
		await write('CREATE TABLE later(x)', 'INSERT INTO later VALUES (1)');
		assert.deepEqual(await listener.next(), { insert: 1 });
		await write('DROP TABLE later');
	});
});

describe('who listens', () => {
	test('a replica sends to its primary', async () => {
		const listener = await listen('table=t%20%26&action=insert', { to: replica });
		assert.equal(listener.status, 307);
		assert.equal(listener.headers.location, `/db/${db.label}/beta/listen?table=t%20%26&action=insert`);
		assert.equal(listener.headers['access-control-allow-origin'], '*');
		const followed = new AbortController();
		const answer = await fetch(`${server.url}/db/${replica}/beta/listen?table=t`, { headers: { authorization: `Bearer ${db.jwt}` }, signal: followed.signal });
		assert.equal(answer.status, 200);
		assert.match(answer.url, new RegExp(`/db/${db.label}/beta/listen`));
		followed.abort();
	});

	test('with a token that may read; none is 401, a foreign one 404', async () => {
		const { jwt } = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json;
		assert.equal((await listen('table=t', { token: jwt })).status, 200);
		assert.equal((await listen('table=t', { token: null })).status, 401);
		const foreign = await server.createDatabase('foreign');
		assert.equal((await listen('table=t', { token: foreign.jwt })).status, 404);
	});

	test('with a table and actions that are some', async () => {
		for (const query of ['', 'action=insert', 'table=', 'table=t&action=drop', `table=${'x'.repeat(2000)}`]) {
			const answer = await server.data_plane(primary, `/beta/listen?${query}`, undefined, { method: 'GET' });
			assert.equal(answer.status, 400, query);
			assert.equal(typeof answer.json.error, 'string', query);
		}
	});

	test('no more than listeners-max of a database', async () => {
		for (let i = 0; i < 4; i++) assert.equal((await listen('table=t')).status, 200);
		const refused = await server.data_plane(primary, '/beta/listen?table=t', undefined, { method: 'GET' });
		assert.equal(refused.status, 429);
		assert.match(refused.json.error, /listeners-max/);
		await open[0].leave();
		await until('room for another listener', async () => (await listen('table=t')).status === 200);
	});

	test('until its token is rotated: nothing is told any more, and the answer ends', async () => {
		const one = await server.createDatabase('rotated');
		await server.sql(one.label, 'CREATE TABLE t(x)');
		const listener = await listen('table=t', { to: one.label });
		await server.sql(one.label, 'INSERT INTO t VALUES (1)');
		assert.deepEqual(await listener.next(), { insert: 1 });
		assert.equal((await server.api('POST', `${one.path}/auth/rotate`)).status, 200);
		const { jwt } = (await server.api('POST', `${one.path}/auth/tokens`)).json;
		assert.equal((await server.sql(one.label, 'INSERT INTO t VALUES (2)', { token: jwt })).json.results[0].type, 'ok');
		await until('the answer to end', () => listener.ended);
		assert.deepEqual(listener.events, []);
	});

	test('until its database is destroyed, or its reads are blocked', async () => {
		for (const [name, end] of [
			['destroyed', (one) => server.api('DELETE', one.path)],
			['blocked', (one) => server.api('PATCH', `${one.path}/configuration`, { block_reads: true })],
		]) {
			const one = await server.createDatabase(name);
			const listener = await listen('table=t', { to: one.label });
			assert.equal((await end(one)).status, 200);
			await until('the answer to end', () => listener.ended);
		}
	});
});

describe('a listener', () => {
	let silent;

	before(async () => {
		silent = await listen('table=nothing');
		open = [];
	});
	after(() => silent.leave());

	test('that does not read is told that it has missed something, and takes bounded memory', async () => {
		const { call, response } = await listen('table=other', { paused: true });
		response.pause();
		// More than the kernel's buffers and ours hold.
		const bulk = Array.from({ length: 4000 }, () => 'INSERT INTO other VALUES (1)');
		const listener = new Listener(call, response);
		open.push(listener);
		response.pause();
		for (let round = 0; round < 40; round++) await write(...bulk);
		response.resume();
		await until('the notice', () => listener.events.some((event) => event.event === 'error'), 60_000);
		const notice = listener.events.find((event) => event.event === 'error');
		assert.equal(notice.data, 'some changes were lost');
		listener.events.length = 0;
		await write("INSERT INTO other VALUES ('after')");
		await until('what comes afterwards', () => listener.events.some((event) => event.insert === 1));
	});

	test('hears a comment every 15 s', async () => {
		await until('a comment', () => silent.comments > 0, 40_000);
		assert.deepEqual(silent.events, []);
	});

	test('does not hold up the end of the server', async () => {
		const other = await startServer({ args: ['--drain-timeout', '1h'] });
		const their = await other.createDatabase('shop');
		const listener = await listen('table=t', { to: their.label, on: other });
		await other.stop();
		await until('the answer to end', () => listener.ended);
	});

	test('that leaves costs nothing', async () => {
		const one = await server.createDatabase('left');
		await server.sql(one.label, ['CREATE TABLE t(x)', 'INSERT INTO t VALUES (1), (2)']);
		const listener = await listen('table=t', { to: one.label });
		await listener.leave();
		await sleep(10);
		const answer = await server.sql(one.label, ['DELETE FROM t', 'INSERT INTO t VALUES (3)']);
		assert.deepEqual(answer.json.results.slice(0, 2).map(({ response }) => response.result.affected_row_count), [2, 1]);
		assert.equal((await server.api('DELETE', one.path)).status, 200);
	});
});
