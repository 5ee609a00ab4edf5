// Hrana over HTTP in protobuf (hrana.md §3, §12.2), field by field. A whole client speaks it in test/clients/hrana-client.test.mjs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { all, at, fields, message, messages, one } from '../lib/protobuf.mjs';
import { startServer } from '../lib/server.mjs';

let server;
let db;
let url;

before(async () => {
	server = await startServer();
	db = await server.createDatabase('binary', ['ord', 'nrt']);
	url = `${server.db_url(db.label)}v3-protobuf`;
	await server.sql(db.label, ['CREATE TABLE t(id INTEGER PRIMARY KEY, x)']);
});
after(() => server?.stop());

async function post(path, body, headers = {}, to = url) {
	const response = await fetch(`${to}/${path}`, {
		method: 'POST',
		headers: { authorization: `Bearer ${db.jwt}`, ...headers },
		body: Buffer.isBuffer(body) ? body : message(body),
	});
	return { status: response.status, type: response.headers.get('content-type'), bytes: Buffer.from(await response.arrayBuffer()) };
}

const CLOSE = [2, [[1, []]]];
const execute = (sql, ...args) => [2, [[2, [[1, [[1, sql], ...args.map((arg) => [3, [arg]])]]]]]];
const get_autocommit = [2, [[8, []]]];

async function pipeline(...requests) {
	const answer = await post('pipeline', requests);
	assert.equal(answer.status, 200, answer.bytes.toString());
	assert.equal(answer.type, 'application/x-protobuf');
	return answer.bytes;
}

// The StmtResult of the first answer.
const result = (bytes) => at(bytes, 3, 1, 2, 1);

test('§0.2 GET /v3-protobuf answers without a token', async () => {
	const response = await fetch(url);
	assert.equal(response.status, 200);
});

test('§12.2 a pipeline: results, a baton while the stream is open, none once it is closed', async () => {
	const open = await pipeline(execute('SELECT 1'), get_autocommit);
	const results = all(open, 3);
	assert.equal(results.length, 2);
	assert.equal(at(results[1], 1, 8, 1), 1n);
	const baton = one(open, 1);
	assert.ok(baton.length > 0);
	const closed = await pipeline([1, baton], execute('SELECT 2'), CLOSE);
	assert.equal(one(closed, 1), undefined);
	assert.deepEqual(fields(at(closed, 3, 1)).map(([number]) => number), [2]);
	assert.deepEqual(fields(all(closed, 3)[1]).map(([number]) => number), [1]);
});

test('§12.2 members of a oneof are there also when they are empty or zero', async () => {
	const row = at(result(await pipeline(execute("SELECT NULL, 0, 0.0, '', x''"), CLOSE)), 2);
	const values = all(row, 1).map((value) => fields(value));
	assert.deepEqual(values, [
		[[1, Buffer.alloc(0)]],
		[[2, 0n]],
		[[3, Buffer.alloc(8)]],
		[[4, Buffer.alloc(0)]],
		[[5, Buffer.alloc(0)]],
	]);
});

test('§12.2 values come back as they were sent', async () => {
	const zigzag = (value) => BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
	for (const value of [0n, -1n, 9223372036854775807n, -9223372036854775808n]) {
		const row = at(result(await pipeline(execute('SELECT ?', [2, zigzag(value)]), CLOSE)), 2);
		assert.equal(at(row, 1, 2), zigzag(value));
	}
	const row = at(result(await pipeline(execute('SELECT ?, ?, ?', [4, 'a\0ž'], [5, Buffer.from([255, 0])], [1, []]), CLOSE)), 2);
	const [text, blob, none] = all(row, 1);
	assert.equal(one(text, 4).toString(), 'a\0ž');
	assert.deepEqual(one(blob, 5), Buffer.from([255, 0]));
	assert.deepEqual(one(none, 1), Buffer.alloc(0));
});

test('§2 infinities travel, and bytes that are no UTF-8 become U+FFFD', async () => {
	const row = at(result(await pipeline(execute("SELECT 1e999, CAST(x'61ff' AS TEXT)"), CLOSE)), 2);
	const [infinity, text] = all(row, 1);
	assert.equal(one(infinity, 3).readDoubleLE(), Infinity);
	assert.equal(one(text, 4).toString(), 'a\ufffd');
});

test('§0.4 the rowid is folded in a StmtResult and stands as it is in a cursor', async () => {
	const inserted = result(await pipeline(execute('INSERT INTO t VALUES (1000, 1)'), CLOSE));
	assert.equal(one(inserted, 3), 1n);
	assert.equal(one(inserted, 4), 2000n);
	const cursor = await post('cursor', [[2, [[1, [[2, [[1, 'INSERT INTO t VALUES (1001, 1)']]]]]]]]);
	assert.equal(cursor.status, 200);
	assert.equal(cursor.type, 'application/octet-stream');
	const [head, begin, end, ...more] = messages(cursor.bytes);
	assert.ok(one(head, 1).length > 0);
	assert.deepEqual(fields(begin).map(([number]) => number), [1]);
	assert.equal(at(end, 2, 1), 1n);
	assert.equal(at(end, 2, 2), 1001n);
	assert.equal(more.length, 0, '§0.3 no replication_index entry');
});

test('§3.3 a cursor tells each step: rows, failures, and skips those whose condition is false', async () => {
	const step = (sql, ...rest) => [1, [...rest, [2, [[1, sql]]]]];
	const ok = (n) => [1, [[1, n]]];
	const body = [[2, [step('VALUES (1), (2)'), step('SELECT * FROM nowhere'), step('SELECT 3', ok(1)), step('SELECT 4', ok(0))]]];
	const [, ...entries] = messages((await post('cursor', body)).bytes);
	assert.deepEqual(entries.map((entry) => fields(entry)[0][0]), [1, 4, 4, 2, 3, 1, 4, 2]);
	assert.equal(at(entries[4], 3, 1), 1n);
	assert.equal(at(entries[4], 3, 2, 2).toString(), 'SQLITE_UNKNOWN');
	assert.equal(at(entries[5], 1, 1), 3n);
});

// The quick path begins to write a reply, and leaves it to the other when the statement is none for it.
test('§12.2 a write that is forwarded answers with its rows', async () => {
	for (const { label } of db.instances) {
		const insert = [execute("INSERT INTO t(x) VALUES ('forwarded') RETURNING x, 1 AS one"), CLOSE];
		const { status, bytes } = await post('pipeline', insert, {}, `${server.db_url(label)}v3-protobuf`);
		assert.equal(status, 200, bytes.toString());
		assert.deepEqual(all(result(bytes), 1).map((column) => one(column, 1).toString()), ['x', 'one']);
		const [text, number] = all(at(result(bytes), 2), 1);
		assert.equal(one(text, 4).toString(), 'forwarded');
		assert.equal(one(number, 2), 2n);
		assert.equal(all(bytes, 3).length, 2);
	}
});

test('§12.2 a batch answers by maps: no entry for a step that was skipped', async () => {
	const step = (sql, ...rest) => [1, [...rest, [2, [[1, sql]]]]];
	const batch = [2, [[3, [[1, [step('SELECT 1'), step('SELECT foo'), step('SELECT 2', [1, [[1, 1]]])]]]]]];
	const answer = at(await pipeline(batch, CLOSE), 3, 1, 3, 1);
	const keys = (number) => all(answer, number).map((entry) => one(entry, 1));
	assert.deepEqual(keys(1), [0n]);
	assert.deepEqual(keys(2), [1n]);
	assert.equal(at(answer, 2, 2, 2).toString(), 'SQL_INPUT_ERROR');
});

test('§12.2 describe', async () => {
	const described = at(await pipeline([2, [[5, [[1, 'SELECT id FROM t WHERE x = :x']]]]], CLOSE), 3, 1, 5, 1);
	assert.equal(at(described, 1, 1).toString(), ':x');
	assert.equal(at(described, 2, 1).toString(), 'id');
	assert.equal(at(described, 2, 2).toString(), 'INTEGER');
	assert.equal(one(described, 3), 0n);
	assert.equal(one(described, 4), 1n);
});

test('§6 a failed statement is a result among others', async () => {
	const answer = await pipeline(execute('SELECT foo'), execute('SELECT 5'), CLOSE);
	const [failed, good] = all(answer, 3);
	assert.equal(at(failed, 2, 2).toString(), 'SQL_INPUT_ERROR');
	assert.equal(at(failed, 2, 1).toString(), 'SQL input error: no such column: foo (at offset 7)');
	assert.equal(at(good, 1, 2, 1, 2, 1, 2), 10n);
});

test('§3.2 one stream, whichever form its requests have', async () => {
	const opened = await pipeline(execute('BEGIN'), execute('INSERT INTO t VALUES (5000, 1)'));
	const response = await fetch(`${server.db_url(db.label)}v3/pipeline`, {
		method: 'POST',
		headers: { authorization: `Bearer ${db.jwt}` },
		body: JSON.stringify({ baton: one(opened, 1).toString(), requests: [{ type: 'get_autocommit' }, { type: 'close' }] }),
	});
	assert.equal((await response.json()).results[0].response.is_autocommit, false);
});

test('§1.1 what is no message is refused with a text', async () => {
	for (const body of [Buffer.from('{"requests":[]}'), Buffer.from([0x12, 5, 1]), Buffer.from([0x0b])]) {
		for (const path of ['pipeline', 'cursor']) {
			const answer = await post(path, body);
			assert.equal(answer.status, 400);
			assert.match(answer.bytes.toString(), /^Could not decode client message from Protobuf: /);
			assert.match(answer.type, /^text\/plain/);
		}
	}
});

test('§3.4 broken rules are refused with their text', async () => {
	for (const [requests, text] of [
		[[[2, []]], 'Request type not recognized'],
		[[execute('SELECT ?', [9, 1])], 'Value type not recognized'],
		[[[2, [[2, [[1, []]]]]]], 'Either `sql` or `sql_id` are required'],
		[[[2, [[2, [[1, [[2, 77]]]]]]]], 'SQL text 77 not found'],
		[[CLOSE, execute('SELECT 1')], 'Stream for this baton was closed'],
		[[[1, 'forged'], execute('SELECT 1')], 'Received an invalid baton'],
	]) {
		const answer = await post('pipeline', requests);
		assert.equal(answer.status, 400, text);
		assert.equal(answer.bytes.toString(), text);
	}
});

test('§1.1 credentials and names are told as everywhere', async () => {
	const denied = await post('pipeline', [execute('SELECT 1')], { authorization: 'Bearer no.such.token' });
	assert.equal(denied.status, 401);
	assert.equal(denied.type, 'application/json');
	assert.match(JSON.parse(denied.bytes).error, /^Unauthorized: /);
});

test('§6 a response that is too large fails its request alone', async () => {
	const [failed, good] = all(await pipeline(execute('WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 12) SELECT zeroblob(1000000) FROM c'), execute('SELECT 5'), CLOSE), 3);
	assert.equal(at(failed, 2, 2).toString(), 'RESPONSE_TOO_LARGE');
	assert.equal(at(good, 1, 2, 1, 2, 1, 2), 10n);
});
