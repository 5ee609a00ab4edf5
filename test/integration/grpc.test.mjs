// The calls of embedded replicas (spec/replication.md §1–§4), byte by byte: what is answered, and what is not.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { all, fields, message, one } from '../lib/protobuf.mjs';
import { request, startServer, until } from '../lib/server.mjs';

let server;
before(async () => {
	server = await startServer({ args: ['--log-bytes-max', '1mb', '--replica-connections-max', '4'] });
});
after(() => server?.stop());

const folder = mkdtempSync(path.join(tmpdir(), 'atoll-grpc-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let databases = 0;
const new_database = async (locations = ['ord']) => server.createDatabase(`wire${++databases}`, locations);

function framed(bytes) {
	const head = Buffer.alloc(5);
	head.writeUInt32BE(bytes.length, 1);
	return Buffer.concat([head, bytes]);
}

/// {status, message, messages}: the trailers and the data of a reply.
function parse(bytes) {
	const messages = [];
	let trailers;
	for (let at = 0; at < bytes.length; ) {
		assert.equal(trailers, undefined, 'nothing follows the trailers');
		const end = at + 5 + bytes.readUInt32BE(at + 1);
		assert.ok(end <= bytes.length, 'the reply is cut');
		const content = bytes.subarray(at + 5, end);
		if (bytes[at] === 0x80) trailers = content.toString('latin1');
		else messages.push(content);
		at = end;
	}
	const [, status, , text] = /^grpc-status:(\d+)\r\n(grpc-message:([^\r\n]*)\r\n)?$/.exec(trailers);
	return { status: Number(status), message: text === undefined ? undefined : decodeURIComponent(text), messages };
}

async function raw(db, method, body, { token = db.jwt, label = db.label, headers = {} } = {}) {
	const answer = await request(`${server.url}/db/${label}/${method}`, {
		method: 'POST',
		body,
		headers: { 'content-type': 'application/grpc-web', te: 'trailers', 'x-authorization': `Bearer ${token}`, ...headers },
	});
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.headers['content-type'], 'application/grpc-web+proto');
	return parse(answer.bytes);
}

const call = (db, method, message_fields, options) => raw(db, method, framed(message(message_fields)), options);

async function hello(db, options) {
	const answer = await call(db, 'wal_log.ReplicationLog/Hello', [[1, 1]], options);
	assert.equal(answer.status, 0, answer.message);
	const [reply] = answer.messages;
	return {
		log_id: String(one(reply, 3)),
		session: String(one(reply, 4)),
		index: Number(one(reply, 5)),
		generation: String(one(reply, 1)),
		config: one(reply, 6),
	};
}

const pull = (db, rpc, next, session, options = {}) =>
	call(db, `wal_log.ReplicationLog/${rpc}`, next === 0 ? [] : [[1, next]], { ...options, headers: { 'x-session-token': session } });

function frame_of(bytes) {
	const data = one(bytes, 1);
	assert.equal(data.length, 4120);
	return { no: Number(data.readBigUInt64LE(0)), page: data.readUInt32LE(16), size: data.readUInt32LE(20), image: data.subarray(24) };
}

const frames_of = (reply) => reply.messages.flatMap((bytes) => all(bytes, 1)).map(frame_of);

/// A client of the protocol: pages by their numbers, and the position.
class Replica {
	pages = new Map();
	size = 0;

	async snapshot(db, session) {
		const reply = await pull(db, 'Snapshot', 0, session);
		assert.equal(reply.status, 0, reply.message);
		const frames = reply.messages.map(frame_of);
		assert.equal(new Set(frames.map(({ page }) => page)).size, frames.length, 'each page once');
		assert.deepEqual(new Set(frames.slice(0, -1).map(({ size }) => size)), new Set(frames.length > 1 ? [0] : []));
		this.pages.clear();
		this.apply(frames);
		this.position = frames[0].no;
		return frames;
	}

	apply(frames) {
		for (const frame of frames) {
			this.pages.set(frame.page, frame.image);
			if (frame.size) this.size = frame.size;
			this.position = frame.no;
		}
		assert.notEqual(frames.at(-1).size, 0, 'it ends with a commit');
	}

	ask(sql) {
		const file = path.join(folder, 'copy.db');
		const bytes = Buffer.alloc(this.size * 4096);
		for (const [page, image] of this.pages) if (page <= this.size) image.copy(bytes, (page - 1) * 4096);
		// It says that it has a write-ahead log.
		rmSync(`${file}-wal`, { force: true });
		rmSync(`${file}-shm`, { force: true });
		writeFileSync(file, bytes);
		return execFileSync('sqlite3', ['-batch', file, sql], { encoding: 'utf8' }).trim();
	}
}

describe('wal_log.ReplicationLog', () => {
	test('Hello tells the history, the session and the last durable frame', async () => {
		const db = await new_database();
		const first = await hello(db);
		for (const id of [first.log_id, first.session, first.generation])
			assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
		assert.equal(first.index, 0);
		assert.equal(first.config.length, 0);
		await server.rows(db.label, 'CREATE TABLE t (x)');
		const second = await hello(db);
		assert.deepEqual({ ...second, index: 0 }, { ...first, index: 0 });
		assert.ok(second.index > 0);
	});

	test('what precedes the log needs a snapshot; what follows comes in frames', async () => {
		const db = await new_database(['ord', 'nrt']);
		await server.rows(db.label, 'CREATE TABLE t (x)');
		const { session, index } = await hello(db);
		assert.deepEqual({ ...(await pull(db, 'BatchLogEntries', 0, session)), messages: 0 }, { status: 9, message: 'NEED_SNAPSHOT', messages: 0 });
		const replica = new Replica();
		const frames = await replica.snapshot(db, session);
		assert.deepEqual(new Set(frames.map(({ no }) => no)), new Set([index]));
		assert.equal(replica.size, frames.length);
		assert.deepEqual([...replica.pages.get(1).subarray(18, 20)], [2, 2], 'the file says that it has a write-ahead log');
		const none = await pull(db, 'BatchLogEntries', index + 1, session);
		assert.deepEqual([none.status, none.messages.map((bytes) => bytes.length)], [0, [0]]);
		for (let i = 1; i <= 30; i++) await server.rows(db.label, `INSERT INTO t VALUES (${i})`);
		const reply = await pull(db, 'BatchLogEntries', index + 1, session, { label: db.instances[1].label });
		const news = frames_of(reply);
		assert.deepEqual(
			news.map(({ no }) => no),
			news.map(({ no }) => no).sort((a, b) => a - b),
		);
		assert.equal(news.at(-1).no, (await hello(db)).index);
		replica.apply(news);
		assert.equal(replica.ask('SELECT count(*), sum(x) FROM t'), '30|465');
		assert.equal(replica.ask('PRAGMA integrity_check'), 'ok');
	});

	test('positions that are no longer kept need a snapshot; later ones do not', async () => {
		const db = await new_database();
		await server.rows(db.label, 'CREATE TABLE t (x)');
		const { session, index } = await hello(db);
		const replica = new Replica();
		await replica.snapshot(db, session);
		await until('the history to be shortened', async () => {
			for (let i = 0; i < 20; i++) await server.rows(db.label, 'INSERT INTO t VALUES (randomblob(60000))');
			return (await pull(db, 'BatchLogEntries', index + 1, session)).message === 'NEED_SNAPSHOT';
		});
		await replica.snapshot(db, session);
		await server.rows(db.label, "INSERT INTO t VALUES ('after')");
		const reply = await pull(db, 'BatchLogEntries', replica.position + 1, session);
		assert.deepEqual([reply.status, reply.message], [0, undefined]);
		replica.apply(frames_of(reply));
		assert.equal(replica.ask("SELECT count(*) FROM t WHERE x = 'after'"), '1');
		assert.equal(replica.ask('PRAGMA integrity_check'), 'ok');
	});

	test('without the session, or with one of before: NO_HELLO', async () => {
		const db = await new_database();
		const other = await new_database();
		const { session } = await hello(db);
		const foreign = (await hello(other)).session;
		for (const token of ['', 'nonsense', foreign])
			for (const rpc of ['BatchLogEntries', 'Snapshot'])
				assert.equal((await pull(db, rpc, 1, token)).message, 'NO_HELLO', `${rpc} with ${token}`);
		await server.api('PATCH', `${db.path}/configuration`, { block_writes: true });
		assert.equal((await pull(db, 'BatchLogEntries', 1, session)).message, 'NO_HELLO');
		const changed = (await hello(db)).session;
		assert.notEqual(changed, session);
		assert.equal((await pull(db, 'BatchLogEntries', 1, changed)).status, 0);
	});

	test('credentials: 16 for bad ones, a database that there is not, and `authorization` as well', async () => {
		const db = await new_database();
		const other = await new_database();
		for (const token of ['', 'nonsense']) assert.equal((await call(db, 'wal_log.ReplicationLog/Hello', [], { token })).status, 16);
		for (const options of [{ token: other.jwt }, { label: 'nobody' }]) {
			const { status, message } = await call(db, 'wal_log.ReplicationLog/Hello', [], options);
			assert.deepEqual([status, message], [9, 'NAMESPACE_DOESNT_EXIST']);
		}
		await hello(db, { headers: { authorization: `Bearer ${db.jwt}` } });
		const { jwt } = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json;
		await hello(db, { token: jwt });
		await server.api('PATCH', `${db.path}/configuration`, { block_reads: true });
		assert.equal((await call(db, 'wal_log.ReplicationLog/Hello', [])).status, 7);
	});

	test('what is no call is refused, and what is not served says so', async () => {
		const db = await new_database();
		const { session } = await hello(db);
		const headers = { 'x-session-token': session };
		const whole = framed(message([[1, 1]]));
		for (const body of [Buffer.alloc(0), whole.subarray(0, 4), whole.subarray(0, 6), Buffer.concat([whole, whole]), Buffer.concat([Buffer.from([1]), whole.subarray(1)]), framed(Buffer.from([0x0a, 5]))])
			assert.equal((await raw(db, 'wal_log.ReplicationLog/BatchLogEntries', body, { headers })).status, 3, body.toString('hex'));
		assert.equal((await call(db, 'wal_log.ReplicationLog/BatchLogEntries', [[1, 1], [2, 1]], { headers })).status, 3);
		assert.equal((await call(db, 'wal_log.ReplicationLog/BatchLogEntries', [[1, 1n << 63n]], { headers })).status, 0);
		assert.equal((await call(db, 'wal_log.ReplicationLog/LogEntries', [[1, 1]], { headers })).status, 12);
		assert.equal((await call(db, 'proxy.Proxy/StreamExec', [])).status, 12);
	});
});

// -- programs ---------------------------------------------------------------------------------------------

const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value) => Buffer.from(BigInt64Array.of(BigInt(value)).buffer);
const f64 = (value) => Buffer.from(Float64Array.of(value).buffer);

function value_of(value) {
	if (value === null) return [[1, u32(0)]];
	if (typeof value === 'bigint') return [[1, Buffer.concat([u32(1), u64(value)])]];
	if (typeof value === 'number') return [[1, Buffer.concat([u32(2), f64(value)])]];
	const bytes = Buffer.from(value);
	return [[1, Buffer.concat([u32(typeof value === 'string' ? 3 : 4), u64(bytes.length), bytes])]];
}

function from_value(bytes) {
	const data = one(bytes, 1);
	switch (data.readUInt32LE(0)) {
		case 0:
			return null;
		case 1:
			return data.readBigInt64LE(4);
		case 2:
			return data.readDoubleLE(4);
		case 3:
			return data.subarray(12).toString();
		default:
			return data.subarray(12);
	}
}

const ok = (step) => [[1, step === 0 ? [] : [[1, step]]]];
const failed = (step) => [[2, [[1, step]]]];
const not = (cond) => [[3, [[1, cond]]]];
const both = (...conds) => [[4, conds.map((cond) => [1, cond])]];
const either = (...conds) => [[5, conds.map((cond) => [1, cond])]];
const is_autocommit = [[6, []]];

/// Steps are texts, or {sql, args, named, cond, skip_rows}.
function program(client, steps) {
	return [
		[1, client],
		[
			2,
			steps.map((step) => {
				const { sql, args, named, cond, skip_rows } = typeof step === 'string' ? { sql: step } : step;
				const query = [[1, sql]];
				if (args) query.push([2, args.map((value) => [1, value_of(value)])]);
				if (named) query.push([3, [...Object.keys(named).map((name) => [1, name]), ...Object.values(named).map((value) => [2, value_of(value)])]]);
				if (skip_rows) query.push([4, 1]);
				return [1, [...(cond ? [[1, cond]] : []), [2, query]]];
			}),
		],
	];
}

function result_of(bytes) {
	const error = one(bytes, 1);
	if (error) return { code: Number(one(error, 1)), message: String(one(error, 2)), extended: Number(one(error, 3)) };
	const row = one(bytes, 2);
	const rowid = one(row, 4);
	return {
		columns: all(row, 1).map((column) => [String(one(column, 1)), one(column, 3) === undefined ? undefined : String(one(column, 3))]),
		rows: all(row, 2).map((values) => all(values, 1).map(from_value)),
		affected: Number(one(row, 3) ?? 0n),
		...(rowid === undefined ? {} : { rowid: Number(rowid) }),
	};
}

async function execute(db, client, steps, options) {
	const reply = await call(db, 'proxy.Proxy/Execute', program(client, steps), options);
	if (reply.status !== 0) return { status: reply.status, message: reply.message };
	const [bytes] = reply.messages;
	return { results: all(bytes, 1).map(result_of), state: Number(one(bytes, 2) ?? 0n), frame_no: Number(one(bytes, 3)) };
}

const skipped = { columns: [], rows: [], affected: 0 };

describe('proxy.Proxy', () => {
	test('a result for each step, values of every kind, and the state', async () => {
		const db = await new_database();
		const { results, state, frame_no } = await execute(db, 'a', [
			'CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT, y)',
			{ sql: 'INSERT INTO t (x, y) VALUES (?, ?)', args: ['Grüße', Buffer.from([0, 255])] },
			{ sql: 'INSERT INTO t (x, y) VALUES (:x, $y)', named: { ':x': null, y: 1.5 } },
			{ sql: 'SELECT * FROM t', skip_rows: true },
			{ sql: 'SELECT id, x, y, ? AS big FROM t', args: [-(1n << 62n)] },
		]);
		assert.deepEqual(results.slice(0, 3).map(({ affected, rowid }) => [affected, rowid]), [[0, undefined], [1, 1], [1, 2]]);
		assert.deepEqual([results[3].columns.length, results[3].rows], [3, []]);
		assert.deepEqual(results[4].columns, [['id', 'INTEGER'], ['x', 'TEXT'], ['y', undefined], ['big', undefined]]);
		assert.deepEqual(results[4].rows, [[1n, 'Grüße', Buffer.from([0, 255]), -(1n << 62n)], [2n, null, 1.5, -(1n << 62n)]]);
		assert.equal(state, 0);
		assert.equal(frame_no, (await hello(db)).index);
	});

	test('a step that fails fails alone; conditions decide about those behind', async () => {
		const db = await new_database();
		await server.rows(db.label, 'CREATE TABLE t (id INTEGER PRIMARY KEY)');
		const { results } = await execute(db, 'a', [
			'INSERT INTO t VALUES (1)',
			'INSERT INTO t VALUES (1)',
			'INSERT INTO t VALUES (2)',
			{ sql: 'INSERT INTO t VALUES (3)', cond: ok(0) },
			{ sql: 'INSERT INTO t VALUES (4)', cond: ok(1) },
			{ sql: 'INSERT INTO t VALUES (5)', cond: failed(1) },
			{ sql: 'INSERT INTO t VALUES (6)', cond: not(ok(1)) },
			{ sql: 'INSERT INTO t VALUES (7)', cond: both(ok(0), ok(1)) },
			{ sql: 'INSERT INTO t VALUES (8)', cond: either(ok(0), ok(1)) },
			{ sql: 'INSERT INTO t VALUES (9)', cond: not(is_autocommit) },
			'nonsense',
		]);
		assert.deepEqual(results[1], { code: 3, message: 'UNIQUE constraint failed: t.id', extended: 1555 });
		for (const i of [4, 7, 9]) assert.deepEqual(results[i], skipped, `step ${i}`);
		assert.equal(results[10].code, 0);
		assert.deepEqual((await server.rows(db.label, 'SELECT group_concat(id) AS ids FROM t'))[0].ids, '1,2,3,5,6,8');
	});

	test('a connection is one transaction, of one credential, and ends with Disconnect', async () => {
		const db = await new_database();
		const other = (await server.api('POST', `${db.path}/auth/tokens?expiration=1d`)).json.jwt;
		assert.notEqual(other, db.jwt);
		await server.rows(db.label, 'CREATE TABLE t (x)');
		const begun = await execute(db, 'mine', ['BEGIN', 'INSERT INTO t VALUES (1)']);
		assert.equal(begun.state, 2);
		assert.deepEqual((await execute(db, 'mine', ['SELECT x FROM t'])).results[0].rows, [[1n]]);
		assert.deepEqual((await execute(db, 'yours', ['SELECT x FROM t'])).results[0].rows, []);
		const guessed = await execute(db, 'mine', ['SELECT x FROM t'], { token: other });
		assert.deepEqual([guessed.results[0].rows, guessed.state], [[], 0]);
		assert.equal((await call(db, 'proxy.Proxy/Disconnect', [[1, 'mine']])).status, 0);
		assert.deepEqual((await execute(db, 'mine', ['SELECT x FROM t'])).results[0].rows, []);
		const done = await execute(db, 'mine', ['BEGIN', 'INSERT INTO t VALUES (2)', 'COMMIT']);
		assert.equal(done.state, 0);
		assert.deepEqual(await server.rows(db.label, 'SELECT x FROM t'), [{ x: 2 }]);
	});

	test('what a connection wrote last is known to its next program', async () => {
		const db = await new_database();
		await server.rows(db.label, 'CREATE TABLE t (x)');
		await execute(db, 'a', ['INSERT INTO t VALUES (1)']);
		assert.deepEqual((await execute(db, 'a', ['SELECT last_insert_rowid(), changes()'])).results[0].rows, [[1n, 1n]]);
	});

	test('programs of one connection run one after the other', async () => {
		const db = await new_database();
		await server.rows(db.label, 'CREATE TABLE t (x)');
		const count_up = ['BEGIN', 'INSERT INTO t SELECT count(*) FROM t', 'COMMIT'];
		const replies = await Promise.all(Array.from({ length: 30 }, () => execute(db, 'a', count_up)));
		for (const { results } of replies) assert.equal(results.filter(({ code }) => code !== undefined).length, 0);
		assert.deepEqual(await server.rows(db.label, 'SELECT count(DISTINCT x) AS n FROM t'), [{ n: 30 }]);
	});

	test('connections that hold a transaction are counted, with the limit named', async () => {
		const db = await new_database();
		for (let i = 0; i < 4; i++) assert.equal((await execute(db, `c${i}`, ['BEGIN', 'SELECT 1'])).state, 2);
		const refused = await execute(db, 'c4', ['SELECT 1']);
		assert.equal(refused.status, 8);
		assert.match(refused.message, /replica-connections-max/);
		await execute(db, 'c0', ['COMMIT']);
		assert.equal((await execute(db, 'c4', ['SELECT 1'])).state, 0);
	});

	test('Describe tells columns and parameters, and fails as a statement does', async () => {
		const db = await new_database();
		await server.rows(db.label, 'CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)');
		const describe_sql = async (sql, version) => {
			const headers = version ? { 'x-libsql-client-version': version } : {};
			const reply = await call(db, 'proxy.Proxy/Describe', [[1, 'a'], [2, sql]], { headers });
			assert.equal(reply.status, 0, reply.message);
			return reply.messages[0];
		};
		const sql = 'SELECT id, x, id + ? FROM t WHERE x = :x AND id > $low';
		const names = (bytes) => all(one(bytes, 2), 2).map(String);
		const description = one(await describe_sql(sql), 2);
		assert.deepEqual(
			all(description, 1).map((column) => [String(one(column, 1)), one(column, 3)?.toString()]),
			[['id', 'INTEGER'], ['x', 'TEXT'], ['id + ?', undefined]],
		);
		assert.equal(Number(one(description, 3)), 3);
		assert.deepEqual(names(await describe_sql(sql)), [':x', '$low']);
		// Clients that look for the first name in the second place.
		for (const version of ['libsql-rpc-0.9.30', 'libsql-rpc-0.6.1', 'libsql-rpc-libsql-js-rpc-0.4.7'])
			assert.deepEqual(names(await describe_sql(sql, version)), ['', ':x', '$low'], version);
		for (const version of ['libsql-rpc-0.9.31', 'libsql-rpc-1.0.0', 'another'])
			assert.deepEqual(names(await describe_sql(sql, version)), [':x', '$low'], version);
		const error = one(await describe_sql('SELECT * FROM nowhere'), 1);
		assert.match(String(one(error, 2)), /no such table: nowhere/);
	});

	test('a read-only token may describe, not execute', async () => {
		const db = await new_database();
		const { jwt } = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json;
		assert.equal((await execute(db, 'a', ['SELECT 1'], { token: jwt })).status, 7);
		assert.equal((await call(db, 'proxy.Proxy/Describe', [[1, 'a'], [2, 'SELECT 1']], { token: jwt })).status, 0);
		assert.equal((await execute(db, 'a', ['SELECT 1'], { token: 'nonsense' })).status, 16);
	});

	test('programs that cannot be read are refused as a whole', async () => {
		const db = await new_database();
		await server.rows(db.label, 'CREATE TABLE t (x)');
		const nested = (depth) => (depth === 0 ? ok(0) : not(nested(depth - 1)));
		const bad = {
			'no client': program('', ['SELECT 1']),
			'a long client': program('x'.repeat(65), ['SELECT 1']),
			'a condition on itself': program('a', [{ sql: 'INSERT INTO t VALUES (1)', cond: ok(0) }]),
			'a condition on a later step': program('a', ['INSERT INTO t VALUES (1)', { sql: 'SELECT 1', cond: failed(2) }]),
			'conditions too deep': program('a', ['INSERT INTO t VALUES (1)', { sql: 'SELECT 1', cond: nested(200) }]),
			'a value that is cut': [[1, 'a'], [2, [[1, [[2, [[1, 'SELECT ?'], [2, [[1, [[1, Buffer.from([1, 0, 0, 0, 5])]]]]]]]]]]]],
			'a text that is none': [[1, 'a'], [2, [[1, [[2, [[1, Buffer.from([0xff])]]]]]]]],
			'names without values': [[1, 'a'], [2, [[1, [[2, [[1, 'SELECT :a'], [3, [[1, ':a']]]]]]]]]],
		};
		for (const [what, fields_of_it] of Object.entries(bad))
			assert.equal((await call(db, 'proxy.Proxy/Execute', fields_of_it)).status, 3, what);
		assert.deepEqual(await server.rows(db.label, 'SELECT * FROM t'), []);
	});
});

test('GET /info: 401 for a bad credential, 404 for a good one', async () => {
	const db = await new_database();
	const info = async (headers) => (await request(`${server.url}/db/${db.label}/info`, { headers })).status;
	assert.equal(await info({ authorization: `Bearer ${db.jwt}` }), 404);
	assert.equal(await info({ authorization: 'Bearer nonsense' }), 401);
	assert.equal(await info({}), 401);
});
