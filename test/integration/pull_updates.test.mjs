// POST /pull-updates (spec/replication.md §6), byte by byte: what a replica of pages is told, and what it has afterwards.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { PageReplica, bitmap, pull, pull_body } from '../lib/pages.mjs';
import { message } from '../lib/protobuf.mjs';
import { sleep, startServer, until } from '../lib/server.mjs';

const LONG_POLL_MAX_MS = 2000;

let server;
before(async () => (server = await startServer({ args: ['--long-poll-max', `${LONG_POLL_MAX_MS}ms`] })));
after(() => server?.stop());

let count = 0;
async function make(rows = 0) {
	const db = await server.createDatabase(`pages-${++count}`, ['ord']);
	if (rows) await write(db, 'CREATE TABLE t(id INTEGER PRIMARY KEY, x)', fill(rows));
	return db;
}

const fill = (rows, from = 1) =>
	`WITH RECURSIVE c(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM c WHERE n < ${from + rows - 1}) INSERT INTO t SELECT n, hex(zeroblob(100)) || n FROM c`;

async function write(db, ...statements) {
	const answer = await server.sql(db.label, statements);
	for (const { type, error } of answer.json.results) assert.equal(type, 'ok', error?.message);
}

/// The replica's file equals a whole new copy at the same revision, byte by byte, and is a sound database.
async function sound(replica, db) {
	const fresh = new PageReplica(server, db.label);
	await fresh.pull();
	assert.equal(replica.revision, fresh.revision);
	assert.ok(replica.bytes().equals(fresh.bytes()), 'the replica differs from a new copy');
	assert.equal(replica.ask('PRAGMA integrity_check'), 'ok');
}

describe('§6 content', () => {
	test('an empty body brings every page, page 0 first, in raw form', async () => {
		const db = await make(1000);
		const reply = await pull(server, db.label, Buffer.alloc(0));
		assert.equal(reply.headers['content-encoding'], undefined);
		assert.equal(reply.apply_mode, 0);
		assert.match(reply.revision, /^[0-9a-f-]{36}\.[0-9]+$/);
		assert.deepEqual(reply.ids, [...Array(reply.size).keys()]);
		assert.equal(reply.pages.get(0).subarray(0, 15).toString(), 'SQLite format 3');
		assert.deepEqual([...reply.pages.get(0).subarray(18, 20)], [2, 2], 'the file is one with a write-ahead log');
		// The first page of the reply has no field 1: its id is 0.
		assert.equal(reply.bytes[reply.header.length + 3], 0x12);
		const replica = new PageReplica(server, db.label);
		replica.apply(reply);
		assert.equal(replica.ask('SELECT count(*), max(id) FROM t'), '1000|1000');
		await sound(replica, db);
	});

	test('GET, with which older clients begin, is a request with an empty body', async () => {
		const db = await make(100);
		const posted = await pull(server, db.label, Buffer.alloc(0));
		const got = await server.data_plane(db.label, '/pull-updates', undefined, { method: 'GET' });
		assert.equal(got.status, 200);
		assert.equal(got.headers['content-type'], 'application/protobuf');
		assert.ok(got.bytes.equals(posted.bytes));
		assert.equal((await server.data_plane(db.label, '/pull-updates', undefined, { method: 'GET', token: null })).status, 401);
	});

	test('a database that nobody wrote to yet is told as it is', async () => {
		const db = await make();
		const replica = new PageReplica(server, db.label);
		const reply = await replica.pull();
		assert.equal(reply.ids.length, reply.size);
		assert.equal((await replica.pull()).ids.length, 0);
		await write(db, 'CREATE TABLE t(id INTEGER PRIMARY KEY, x)', fill(10));
		await replica.pull();
		assert.equal(replica.ask('SELECT count(*) FROM t'), '10');
	});

	test('no news: the header alone, with the same revision and size', async () => {
		const db = await make(10);
		const first = await pull(server, db.label);
		const again = await pull(server, db.label, { client_revision: first.revision });
		assert.deepEqual([again.revision, again.size, again.ids], [first.revision, first.size, []]);
	});

	test('an incremental pull has each page that changed, once, and no other', async () => {
		const db = await make(2000);
		const replica = new PageReplica(server, db.label);
		await replica.pull();
		for (let n = 0; n < 5; n++) await write(db, `UPDATE t SET x = 'changed ${n}' WHERE id = 1000`);
		const reply = await replica.pull();
		assert.ok(reply.ids.length >= 1 && reply.ids.length <= 4, `${reply.ids.length} pages for one row`);
		assert.deepEqual(reply.ids, [...reply.ids].sort((a, b) => a - b));
		assert.equal(replica.ask('SELECT x FROM t WHERE id = 1000'), 'changed 4');
		await sound(replica, db);
	});

	test('db_size shrinks: no page behind it is sent', async () => {
		const db = await make(5000);
		const replica = new PageReplica(server, db.label);
		const whole = await replica.pull();
		await write(db, 'DELETE FROM t WHERE id > 10');
		await replica.pull();
		await sound(replica, db);
		await write(db, 'VACUUM');
		const reply = await replica.pull();
		assert.ok(reply.size < whole.size / 10, `${reply.size} pages`);
		assert.ok(reply.ids.every((id) => id < reply.size));
		await sound(replica, db);
		assert.equal(replica.ask('SELECT count(*) FROM t'), '10');
		// And grows again.
		await write(db, fill(3000, 100));
		await replica.pull();
		await sound(replica, db);
	});

	test('many transactions between two pulls, some over several segments of the history', async () => {
		const small = await startServer({ args: ['--log-bytes-max', '8mb'] });
		try {
			const db = await small.createDatabase('segments', ['ord']);
			await small.sql(db.label, ['CREATE TABLE t(id INTEGER PRIMARY KEY, x)', fill(2000)]);
			const replica = new PageReplica(small, db.label);
			await replica.pull();
			// Twice what one segment holds.
			for (let n = 0; n < 60; n++) await small.sql(db.label, `UPDATE t SET x = x || ${n} WHERE id % 40 = ${n % 40}`);
			await replica.pull();
			assert.equal(replica.ask('SELECT count(*), sum(length(x)) FROM t'), Object.values((await small.rows(db.label, 'SELECT count(*) AS a, sum(length(x)) AS b FROM t'))[0]).join('|'));
			assert.equal(replica.ask('PRAGMA integrity_check'), 'ok');
		} finally {
			await small.stop();
		}
	});
});

describe('§6 revisions', () => {
	test('one of another history, of another server, or from the future brings all pages', async () => {
		const db = await make(100);
		const { revision, size } = await pull(server, db.label);
		const [id, frame] = revision.split('.');
		const other = (await pull(server, (await make(5)).label)).revision;
		for (const client_revision of [other, '6', '1.4', 'nonsense', `${id}.`, `${id}.x`, `${id}.${2n ** 80n}`, `${id}.${Number(frame) + 1000}`, `${id}.1`, 'x'.repeat(5000)]) {
			const reply = await pull(server, db.label, { client_revision });
			assert.equal(reply.status, 200, client_revision);
			assert.deepEqual([reply.revision, reply.apply_mode, reply.size, reply.ids.length], [revision, 0, size, size], client_revision);
		}
	});

	test('one that is too old brings all pages', async () => {
		const small = await startServer({ args: ['--log-bytes-max', '1mb', '--history-retention', '0'] });
		try {
			const db = await small.createDatabase('old', ['ord']);
			await small.sql(db.label, ['CREATE TABLE t(id INTEGER PRIMARY KEY, x)', fill(100)]);
			const replica = new PageReplica(small, db.label);
			const { revision } = await replica.pull();
			const kept = async () => (await pull(small, db.label, { client_revision: revision })).ids.length;
			await until('the history to be shortened', async () => {
				await small.sql(db.label, Array.from({ length: 40 }, (_, n) => `UPDATE t SET x = x || ${n}`));
				const reply = await pull(small, db.label, { client_revision: revision });
				return reply.ids.length === reply.size;
			});
			assert.ok((await kept()) > 0);
			// A revision of before cannot be asked for any more, and that is said.
			const gone = await pull(small, db.label, { server_revision: revision });
			assert.equal(gone.status, 410);
			assert.match(gone.json.error, /no longer kept/);
			await replica.pull();
			assert.equal(replica.ask('SELECT sum(length(x)) FROM t'), String((await small.rows(db.label, 'SELECT sum(length(x)) AS n FROM t'))[0].n));
			assert.equal(replica.ask('PRAGMA integrity_check'), 'ok');
		} finally {
			await small.stop();
		}
	});

	test('a server_revision is answered as of then, whatever happened since', async () => {
		const db = await make(3000);
		const then = new PageReplica(server, db.label);
		const { revision, size } = await then.pull();
		const expected = then.bytes();
		const pieces = async () => {
			const replica = new PageReplica(server, db.label);
			for (let at = 0; at < size; at += 40) {
				const selector = Array.from({ length: 40 }, (_, n) => at + n);
				const reply = await pull(server, db.label, { server_revision: revision, selector });
				assert.equal(reply.status, 200, reply.text);
				assert.deepEqual([reply.revision, reply.size], [revision, size]);
				assert.deepEqual(reply.ids, selector.filter((id) => id < size));
				replica.apply(reply);
			}
			assert.ok(replica.bytes().equals(expected), 'the pieces differ from the whole of then');
		};
		await pieces();
		await write(db, "UPDATE t SET x = 'later' WHERE id % 100 = 0");
		await pieces();
		await write(db, 'DELETE FROM t WHERE id > 5', 'VACUUM');
		await pieces();
		await write(db, fill(6000, 10));
		await pieces();
		const reply = await pull(server, db.label, { server_revision: revision });
		assert.equal(reply.ids.length, size);
		// And from there on to the present.
		await then.pull();
		await sound(then, db);
	});

	test('from one revision of before to another: the pages that changed between them', async () => {
		const db = await make(500);
		const replica = new PageReplica(server, db.label);
		const { revision: first } = await replica.pull();
		await write(db, "UPDATE t SET x = 'second' WHERE id = 3");
		const { revision: second } = await pull(server, db.label, { client_revision: first });
		const at_second = new PageReplica(server, db.label);
		await at_second.pull();
		await write(db, "UPDATE t SET x = 'third' WHERE id IN (3, 400)");
		replica.apply(await pull(server, db.label, { client_revision: first, server_revision: second }));
		assert.equal(replica.revision, second);
		assert.ok(replica.bytes().equals(at_second.bytes()));
		const none = await pull(server, db.label, { client_revision: second, server_revision: second });
		assert.deepEqual([none.revision, none.size, none.ids], [second, at_second.size, []]);
	});

	test('a server_revision that is none of this history is 410, not another content', async () => {
		const db = await make(10);
		const [id, frame] = (await pull(server, db.label)).revision.split('.');
		for (const server_revision of ['6', `${id}.${Number(frame) + 5}`, `${id}.1`, (await pull(server, (await make(1)).label)).revision]) {
			const reply = await pull(server, db.label, { server_revision });
			assert.equal(reply.status, 410, server_revision);
		}
	});

	test('a restart keeps revisions', async () => {
		const own = await startServer();
		try {
			const db = await own.createDatabase('restart', ['ord']);
			await own.sql(db.label, ['CREATE TABLE t(id INTEGER PRIMARY KEY, x)', fill(1000)]);
			const replica = new PageReplica(own, db.label);
			const { revision } = await replica.pull();
			await own.restart();
			const same = await replica.pull();
			assert.deepEqual([same.revision, same.ids], [revision, []]);
			await own.kill();
			await own.start('127.0.0.1:0');
			await own.sql(db.label, "UPDATE t SET x = 'new' WHERE id = 7");
			const news = await replica.pull();
			assert.ok(news.ids.length < 5, `${news.ids.length} pages`);
			assert.equal(replica.ask('SELECT x FROM t WHERE id = 7'), 'new');
		} finally {
			await own.stop();
		}
	});
});

describe('§6 selector', () => {
	test('arrays, runs and bitmaps choose pages; ids beyond the end choose none', async () => {
		const db = await make(30000);
		const { size } = await pull(server, db.label, { selector: [0] });
		assert.ok(size > 900, `${size} pages`);
		const every = Array.from({ length: 70000 }, (_, id) => id);
		const rows = [
			[[0], [0]],
			[[3, 5, 700, 69999], [3, 5, 700]],
			[bitmap([0, 1, 2, 3, 50, 51], { runs: true }), [0, 1, 2, 3, 50, 51]],
			[every, every.slice(0, size)],
			[bitmap([2, 70000, 140000, 210000, 280000], { runs: true }), [2]],
			[[size, 4294967295], []],
		];
		for (const [selector, ids] of rows) {
			const reply = await pull(server, db.label, { selector });
			assert.equal(reply.status, 200, reply.text);
			assert.deepEqual(reply.ids, ids);
		}
	});

	test('it applies to an incremental pull, too', async () => {
		const db = await make(1000);
		const { revision } = await pull(server, db.label);
		await write(db, "UPDATE t SET x = 'x' WHERE id IN (1, 500, 1000)");
		const { ids } = await pull(server, db.label, { client_revision: revision });
		assert.ok(ids.length >= 3);
		const chosen = await pull(server, db.label, { client_revision: revision, selector: [ids[1], 100000] });
		assert.deepEqual(chosen.ids, [ids[1]]);
	});

	test('what cannot be chosen by is not: a query brings all pages, other forms are answered raw', async () => {
		const db = await make(10);
		for (const fields of [{ query: 'SELECT * FROM t' }, { encoding: 1 }, { stream_kind: 1 }]) {
			const reply = await pull(server, db.label, fields);
			assert.equal(reply.ids.length, reply.size, JSON.stringify(fields));
		}
	});
});

describe('§6 long poll', () => {
	/// Begins one and tells when it is answered.
	const begin = (db, revision, long_poll_ms = 60_000) => {
		const poll = { done: false };
		poll.reply = pull(server, db.label, { client_revision: revision, long_poll_ms }).finally(() => (poll.done = true));
		return poll;
	};

	test('a commit ends it at once, with what was committed', async () => {
		const db = await make(10);
		const replica = new PageReplica(server, db.label);
		await replica.pull();
		const polls = Array.from({ length: 20 }, () => begin(db, replica.revision));
		await sleep(200);
		assert.ok(polls.every(({ done }) => !done));
		await write(db, "INSERT INTO t VALUES (100, 'news')");
		for (const { reply } of polls) {
			const news = await reply;
			assert.ok(news.ids.length > 0);
			assert.notEqual(news.revision, replica.revision);
		}
		replica.apply(await polls[0].reply);
		assert.equal(replica.ask('SELECT x FROM t WHERE id = 100'), 'news');
	});

	test('news that are there already are not waited for', async () => {
		const db = await make(10);
		const { revision } = await pull(server, db.label);
		await write(db, "INSERT INTO t VALUES (100, 'news')");
		assert.ok((await pull(server, db.label, { client_revision: revision, long_poll_ms: 60_000 })).ids.length > 0);
		// Nor is a revision of another history.
		assert.ok((await pull(server, db.label, { client_revision: '6', long_poll_ms: 60_000 })).ids.length > 0);
	});

	test('without news it ends with the header alone, when the client said or at long-poll-max', async () => {
		const db = await make(10);
		const { revision, size } = await pull(server, db.label);
		for (const [long_poll_ms, least] of [
			[300, 250],
			[4_000_000_000, LONG_POLL_MAX_MS - 100],
		]) {
			const began = Date.now();
			const reply = await pull(server, db.label, { client_revision: revision, long_poll_ms });
			assert.ok(Date.now() - began >= least);
			assert.deepEqual([reply.revision, reply.size, reply.ids], [revision, size, []]);
		}
	});

	test('it holds no worker, and a shutdown ends it', async () => {
		const own = await startServer({ args: ['--workers-max', '4'] });
		let replies;
		try {
			const db = await own.createDatabase('drain', ['ord']);
			await own.sql(db.label, ['CREATE TABLE t(id INTEGER PRIMARY KEY, x)', fill(10)]);
			const { revision } = await pull(own, db.label);
			replies = Array.from({ length: 30 }, () => pull(own, db.label, { client_revision: revision, long_poll_ms: 60_000 }));
			await sleep(200);
			const answer = await own.sql(db.label, 'SELECT count(*) FROM t');
			assert.equal(answer.status, 200);
		} finally {
			await own.stop();
		}
		for (const reply of await Promise.all(replies)) assert.deepEqual([reply.status, reply.ids], [200, []]);
	});

	test('a client that goes away, and a token that is revoked, end it', async () => {
		const db = await make(10);
		const { revision } = await pull(server, db.label);
		const call = http.request(`${server.url}/db/${db.label}/pull-updates`, { method: 'POST', headers: { authorization: `Bearer ${db.jwt}` } });
		call.on('error', () => {});
		call.end(pull_body({ client_revision: revision, long_poll_ms: 60_000 }));
		await sleep(100);
		call.destroy();
		const poll = begin(db, revision);
		await sleep(100);
		const rotated = await server.api('POST', `${db.path}/auth/rotate`);
		assert.equal(rotated.status, 200);
		const reply = await poll.reply;
		assert.equal(reply.status, 401);
	});
});

describe('§6 refusals', () => {
	test('no token, a wrong one and one of another database are refused; a read-only one may pull', async () => {
		const db = await make(10);
		const other = await make(1);
		for (const token of [null, 'nonsense', server.token]) assert.equal((await pull(server, db.label, {}, { token })).status, 401, token);
		const foreign = await pull(server, db.label, {}, { token: other.jwt });
		assert.ok(foreign.status === 401 || foreign.status === 404, foreign.text);
		const read_only = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json.jwt;
		assert.equal((await pull(server, db.label, {}, { token: read_only })).status, 200);
	});

	test('what is no message, or no bitmap, is 400 with a text', async () => {
		const db = await make(10);
		const rows = [
			[Buffer.from('\xff\xff\xff', 'latin1'), /protobuf/],
			[Buffer.from([0x12, 0x05, 0x61]), /protobuf/],
			[message([[3, 7]]), /field 3/],
			[message([[4, 'soon']]), /field 4/],
			[pull_body({ selector: Buffer.from('no bitmap') }), /Roaring/],
			[pull_body({ selector: bitmap([1, 2, 3]).subarray(0, -1) }), /Roaring/],
			[pull_body({ selector: Buffer.concat([bitmap([1]), Buffer.from([0])]) }), /Roaring/],
		];
		for (const [body, text] of rows) {
			const answer = await pull(server, db.label, body);
			assert.equal(answer.status, 400, body.toString('hex'));
			assert.match(answer.json.error, text);
		}
		// A field that is not known is of a newer client.
		assert.equal((await pull(server, db.label, message([[99, 'x']]))).status, 200);
	});

	test('other methods, and databases whose reads are blocked', async () => {
		const db = await make(10);
		const put = await server.data_plane(db.label, '/pull-updates', undefined, { method: 'PUT' });
		assert.equal(put.status, 405);
		assert.equal((await server.api('PATCH', `${db.path}/configuration`, { block_reads: true })).status, 200);
		const blocked = await pull(server, db.label);
		assert.notEqual(blocked.status, 200);
		assert.match(blocked.json.error, /blocked/);
	});
});

describe('§6 replies that are read slowly', () => {
	/// Begins a bootstrap and reads nothing of its body.
	const begin = (own, db) =>
		new Promise((resolve, reject) => {
			const call = http.request(`${own.url}/db/${db.label}/pull-updates`, { method: 'POST', headers: { authorization: `Bearer ${db.jwt}` } }, (response) => resolve({ call, response: response.pause() }));
			call.on('error', reject);
			call.end();
		});
	const read = async ({ response }) => {
		const parts = [];
		for await (const part of response) parts.push(part);
		return Buffer.concat(parts);
	};

	test('they are of one moment, whatever is committed meanwhile; more of them than snapshots-max wait elsewhere', async () => {
		const own = await startServer({ args: ['--snapshots-max', '2'] });
		try {
			const db = await own.createDatabase('slow', ['ord']);
			await own.sql(db.label, ['CREATE TABLE t(id INTEGER PRIMARY KEY, x)', ...Array.from({ length: 4 }, (_, n) => fill(20000, 1 + n * 20000).replace('zeroblob(100)', 'zeroblob(250)'))]);
			const expected = await pull(own, db.label);
			assert.ok(expected.bytes.length > 40e6);
			const slow = [await begin(own, db), await begin(own, db)];
			const refused = await pull(own, db.label);
			assert.equal(refused.status, 429, refused.text);
			assert.match(refused.json.error, /snapshots-max/);
			for (const statement of ['DELETE FROM t WHERE id % 3 = 0', 'VACUUM', 'DELETE FROM t']) assert.equal((await own.sql(db.label, statement)).json.results[0].type, 'ok');
			assert.ok((await read(slow[0])).equals(expected.bytes));
			assert.ok((await read(slow[1])).equals(expected.bytes));
			assert.equal((await pull(own, db.label)).status, 200);
			// Those that go away make room as well.
			for (const { call } of [await begin(own, db), await begin(own, db)]) call.destroy();
			await until('room for another', async () => (await pull(own, db.label)).status === 200);
		} finally {
			await own.stop();
		}
	});
});

test('§6 a replica’s address serves the primary’s history', async () => {
	const db = await server.createDatabase('addresses', ['ord', 'nrt']);
	await server.sql(db.label, ['CREATE TABLE t(id INTEGER PRIMARY KEY, x)', fill(100)]);
	const whole = await pull(server, db.label);
	for (const { label } of db.instances) {
		await server.sql(db.label, "INSERT INTO t(x) VALUES ('more')");
		const replica = new PageReplica(server, label);
		replica.apply(whole);
		const reply = await replica.pull();
		assert.ok(reply.ids.length > 0 && reply.ids.length < whole.size);
		await sound(replica, db);
	}
});

describe('§6 push, as clients send it', () => {
	const condition = { type: 'not', cond: { type: 'is_autocommit' } };
	const step = (sql, args = []) => ({ stmt: { sql, args, want_rows: false }, condition });
	const batch = (steps) => ({ baton: null, requests: [{ type: 'batch', batch: { steps } }] });
	const send = (db, steps, token) => server.data_plane(db.label, '/v2/pipeline', batch(steps), { token });
	const text = (value) => ({ type: 'text', value });
	const last = { stmt: { sql: 'SELECT pull_gen, change_id FROM turso_sync_last_change_id WHERE client_id = ?', args: [text('c')], want_rows: true } };
	const table = 'CREATE TABLE IF NOT EXISTS turso_sync_last_change_id (client_id TEXT PRIMARY KEY, pull_gen INTEGER, change_id INTEGER)';
	const begin = { stmt: { sql: 'BEGIN IMMEDIATE', want_rows: false } };
	const upsert = step('INSERT INTO turso_sync_last_change_id VALUES (?, 1, 2) ON CONFLICT(client_id) DO UPDATE SET change_id = excluded.change_id', [text('c')]);

	test('the missing table is told as `no such table`; the push then is in the next pull', async () => {
		const db = await make(10);
		const { revision } = await pull(server, db.label);
		const before = await send(db, [last]);
		assert.equal(before.status, 200);
		assert.match(before.json.results[0].response.result.step_errors[0].message, /no such table/);
		const pushed = await send(db, [begin, step(table), step("INSERT INTO t VALUES (77, 'pushed')"), upsert, step('COMMIT')]);
		assert.deepEqual(pushed.json.results[0].response.result.step_errors, [null, null, null, null, null]);
		const replica = new PageReplica(server, db.label);
		await replica.pull();
		assert.equal(replica.ask('SELECT x FROM t WHERE id = 77'), 'pushed');
		assert.ok((await pull(server, db.label, { client_revision: revision })).ids.length > 0);
		const known = await send(db, [last]);
		assert.deepEqual(known.json.results[0].response.result.step_results[0].rows[0].map(({ value }) => value), ['1', '2']);
	});

	test('a push that fails in the middle leaves nothing, once its stream is dropped', async () => {
		const db = await make(10);
		const failed = await send(db, [begin, step("INSERT INTO t VALUES (78, 'lost')"), step('INSERT INTO missing VALUES (1)')]);
		assert.match(failed.json.results[0].response.result.step_errors[2].message, /no such table/);
		// Nobody closes the stream, nor speaks to it again: others get their turn, without what it wrote.
		await write(db, "INSERT INTO t VALUES (79, 'next')");
		assert.deepEqual(await server.rows(db.label, 'SELECT id FROM t WHERE id > 70'), [{ id: 79 }]);
	});

	test('a read-only token cannot push', async () => {
		const db = await make(10);
		const token = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json.jwt;
		const answer = await send(db, [begin, step("INSERT INTO t VALUES (78, 'x')"), step('COMMIT')], token);
		assert.ok(answer.status === 403 || answer.json.results[0].response.result.step_errors.some(Boolean), answer.text);
		assert.deepEqual(await server.rows(db.label, 'SELECT id FROM t WHERE id > 70'), []);
	});
});
