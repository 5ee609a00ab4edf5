// What a client does that no correct one does, and what it is told (spec/hrana.md §1.1, §3.2, §3.4, §4, §7): every row, over HTTP
// and WebSocket. What is broken ends its own stream or socket, with its transaction, and nobody else's.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { Socket } from '../lib/wires.mjs';

let server;
let db;
let other;
const sockets = [];

before(async () => {
	server = await startServer({ args: ['--socket-streams-max', '3'] });
	db = await server.createDatabase('errors');
	other = await server.createDatabase('other');
	await server.rows(db.label, 'CREATE TABLE t(x)');
});
after(async () => {
	for (const { ws } of sockets) ws.terminate();
	await server?.stop();
});

const execute = (fields) => ({ type: 'execute', stmt: fields });
const batch = (...steps) => ({ type: 'batch', batch: { steps } });
const step = (condition, sql = 'SELECT 1') => ({ condition, stmt: { sql } });
const close = { type: 'close' };
const select = { sql: 'SELECT 1' };
const undecodable = /^Cannot deserialize client message from JSON: /;

function send(path, body, options) {
	return server.data_plane(db.label, path, body, options);
}

function told(answer, expected, what) {
	assert.equal(answer.status, 400, `${what}: ${answer.status} ${answer.text.slice(0, 300)}`);
	assert.match(answer.headers['content-type'], /^text\/plain/, what);
	if (expected instanceof RegExp) assert.match(answer.text, expected, what);
	else assert.equal(answer.text, expected, what);
}

async function open(statements = ['BEGIN', 'INSERT INTO t VALUES (1)']) {
	const answer = await server.sql(db.label, statements, { keep: true });
	assert.equal(answer.status, 200, answer.text);
	return answer.json.baton;
}

const gone = 'Received an invalid baton';
const count = async () => (await server.rows(db.label, 'SELECT count(*) AS n FROM t'))[0].n;

// -- HTTP ---------------------------------------------------------------------------------------------

describe('protocol errors over HTTP', () => {
	const both = 'Either `sql` or `sql_id` are required, but not both';
	const neither = 'Either `sql` or `sql_id` are required';
	const twice = { sql: 'SELECT 1', sql_id: 1 };
	const reference = 'Invalid reference to step in a batch condition';
	const closed = 'Stream for this baton was closed';
	const rows = [
		['execute with sql and sql_id', [execute(twice)], both],
		['a step with sql and sql_id', [batch({ stmt: twice })], both],
		['sequence with sql and sql_id', [{ type: 'sequence', ...twice }], both],
		['describe with sql and sql_id', [{ type: 'describe', ...twice }], both],
		['execute with neither', [execute({})], neither],
		['execute with nulls', [execute({ sql: null, sql_id: null })], neither],
		['a step with neither', [batch({ stmt: {} })], neither],
		['sequence with neither', [{ type: 'sequence' }], neither],
		['describe with neither', [{ type: 'describe' }], neither],
		['an unknown text, executed', [execute({ sql_id: 7 })], 'SQL text 7 not found'],
		['an unknown text, in a step', [batch({ stmt: { sql_id: -7 } })], 'SQL text -7 not found'],
		['an unknown text, in a step that is skipped', [batch(step(null), { condition: { type: 'or', conds: [] }, stmt: { sql_id: 8 } })], 'SQL text 8 not found'],
		['an unknown text, as a sequence', [{ type: 'sequence', sql_id: 0 }], 'SQL text 0 not found'],
		['an unknown text, described', [{ type: 'describe', sql_id: 2147483647 }], 'SQL text 2147483647 not found'],
		['a text that was closed', [{ type: 'store_sql', sql_id: 1, sql: 'SELECT 1' }, { type: 'close_sql', sql_id: 1 }, execute({ sql_id: 1 })], 'SQL text 1 not found'],
		['a text stored twice', [{ type: 'store_sql', sql_id: 1, sql: 'SELECT 1' }, { type: 'store_sql', sql_id: 1, sql: 'SELECT 1' }], 'SQL text 1 already exists'],
		['a condition of its own step', [batch(step({ type: 'ok', step: 0 }))], reference],
		['a condition of a later step', [batch(step(null), step({ type: 'error', step: 2 }), step(null))], reference],
		['a condition of no step, deep inside', [batch(step(null), step({ type: 'not', cond: { type: 'and', conds: [{ type: 'or', conds: [{ type: 'ok', step: 4294967295 }] }] } }))], reference],
		['execute after close', [close, execute(select)], closed],
		['batch after close', [close, batch(step(null))], closed],
		['sequence after close', [close, { type: 'sequence', sql: 'SELECT 1' }], closed],
		['describe after close', [close, { type: 'describe', sql: 'SELECT 1' }], closed],
		['get_autocommit after close', [close, { type: 'get_autocommit' }], closed],
	];
	for (const [what, requests, message] of rows)
		test(`§3.4 ${what}: 400, and the stream is dropped`, async () => {
			const baton = await open();
			// What stands before it in the pipeline does not help.
			told(await send('/v3/pipeline', { baton, requests: [execute(select), ...requests] }), message, what);
			told(await send('/v3/pipeline', { baton, requests: [execute({ sql: 'COMMIT' })] }), gone, what);
			assert.equal(await count(), 0, 'its transaction was rolled back');
		});
	test('§3.4 the same in a cursor', async () => {
		const steps = [
			[{ stmt: twice }, both],
			[{ stmt: {} }, neither],
			[{ stmt: { sql_id: 3 } }, 'SQL text 3 not found'],
			[step({ type: 'ok', step: 0 }), reference],
		];
		for (const [one, message] of steps) {
			const baton = await open();
			told(await send('/v3/cursor', { baton, batch: { steps: [one] } }), message);
			told(await send('/v3/cursor', { baton, batch: { steps: [step(null)] } }), gone);
		}
		assert.equal(await count(), 0);
	});
	test('§3.4 what an older version does not know', async () => {
		const rows = [
			['/v2/pipeline', { requests: [{ type: 'get_autocommit' }] }, 'The `get_autocommit` request is only supported in protocol version hrana3 and higher'],
			['/v1/batch', { batch: { steps: [step({ type: 'is_autocommit' })] } }, 'The `is_autocommit` condition is only supported in protocol version hrana3 and higher'],
			['/v1/execute', { stmt: { sql_id: 1 } }, '`sql_id` is only supported in protocol version hrana2 and higher'],
			['/v1/batch', { batch: { steps: [{ stmt: { sql_id: 1 } }] } }, '`sql_id` is only supported in protocol version hrana2 and higher'],
			['/v1/execute', { stmt: {} }, neither],
		];
		for (const [path, body, message] of rows) told(await send(path, body), message, `${path} ${JSON.stringify(body)}`);
	});
	test('§3.4 unknown types of requests, conditions and values', async () => {
		const rows = [
			[{ type: 'nap' }],
			[{ type: 'Execute', stmt: select }],
			[{ type: 'open_stream', stream_id: 1 }],
			[{ type: 'fetch_cursor', cursor_id: 1, max_count: 1 }],
			[{ type: null }],
			[{}],
			[batch(step({ type: 'maybe' }))],
			[batch(step({ type: 'not' }))],
			[batch(step({ type: 'and' }))],
			[batch(step({}))],
			[batch(step('ok'))],
			[execute({ sql: 'SELECT ?', args: [{ type: 'boolean', value: true }] })],
			[execute({ sql: 'SELECT ?', args: [{ value: '1' }] })],
			[execute({ sql: 'SELECT ?', args: ['1'] })],
			[execute({ sql: 'SELECT ?', args: [null] })],
			[execute({ sql: 'SELECT :a', named_args: [{ name: 'a' }] })],
			[execute({ sql: 'SELECT :a', named_args: [{ value: { type: 'null' } }] })],
		];
		for (const requests of rows) told(await send('/v3/pipeline', { requests }), undecodable, JSON.stringify(requests));
	});
	test('§3.4 members of the wrong kind', async () => {
		const bodies = [
			['/v3/pipeline', {}],
			['/v3/pipeline', { requests: null }],
			['/v3/pipeline', { requests: {} }],
			['/v3/pipeline', { requests: [null] }],
			['/v3/pipeline', { requests: [[]] }],
			['/v3/pipeline', { baton: 5, requests: [] }],
			['/v3/pipeline', { requests: [execute(null)] }],
			['/v3/pipeline', { requests: [execute('SELECT 1')] }],
			['/v3/pipeline', { requests: [execute({ sql: 5 })] }],
			['/v3/pipeline', { requests: [execute({ ...select, args: {} })] }],
			['/v3/pipeline', { requests: [execute({ ...select, named_args: { a: 1 } })] }],
			['/v3/pipeline', { requests: [execute({ ...select, want_rows: 'yes' })] }],
			['/v3/pipeline', { requests: [execute({ ...select, want_rows: 1 })] }],
			['/v3/pipeline', { requests: [{ type: 'batch' }] }],
			['/v3/pipeline', { requests: [{ type: 'batch', batch: { steps: null } }] }],
			['/v3/pipeline', { requests: [{ type: 'batch', batch: { steps: [select] } }] }],
			['/v3/pipeline', { requests: [{ type: 'store_sql', sql_id: 1 }] }],
			['/v3/pipeline', { requests: [{ type: 'store_sql', sql: 'x' }] }],
			['/v3/pipeline', { requests: [{ type: 'close_sql' }] }],
			['/v3/cursor', {}],
			['/v3/cursor', { batch: [] }],
			['/v1/execute', {}],
			['/v1/batch', { batch: {} }],
		];
		for (const [path, body] of bodies) told(await send(path, body), undecodable, `${path} ${JSON.stringify(body)}`);
	});
	test('§3.4 numbers out of range for their field', async () => {
		const ids = ['2147483648', '-2147483649', '3e9', '1.5', '1e400', '"1"', 'true', '[]', '99999999999999999999'];
		for (const id of ids) {
			for (const request of [`{"type":"execute","stmt":{"sql_id":${id}}}`, `{"type":"store_sql","sql_id":${id},"sql":"x"}`, `{"type":"close_sql","sql_id":${id}}`, `{"type":"describe","sql_id":${id}}`])
				told(await send('/v3/pipeline', `{"requests":[${request}]}`), undecodable, request);
		}
		for (const number of ['-1', '4294967296', '0.5', '"0"', 'null', '1e99'])
			told(await send('/v3/pipeline', `{"requests":[{"type":"batch","batch":{"steps":[{"condition":{"type":"ok","step":${number}},"stmt":{"sql":"SELECT 1"}}]}}]}`), undecodable, number);
		const integers = ['"1e3"', '"9223372036854775808"', '"-9223372036854775809"', '""', '"-"', '"+"', '"1.0"', '" 1"', '"1 "', '"0x10"', '"1\\u0000"', '"١"', '1', '1.5', 'null'];
		for (const value of integers)
			told(await send('/v3/pipeline', `{"requests":[{"type":"execute","stmt":{"sql":"SELECT ?","args":[{"type":"integer","value":${value}}]}}]}`), undecodable, value);
		for (const value of ['"1.5"', 'null', '1e400', '-1e400', '[1]', 'NaN', 'Infinity', '.5', '01', '+1', '1.'])
			told(await send('/v3/pipeline', `{"requests":[{"type":"execute","stmt":{"sql":"SELECT ?","args":[{"type":"float","value":${value}}]}}]}`), undecodable, value);
	});
	test('§3.4 a replication_index may be a string or a number, everywhere it may stand', async () => {
		const places = [
			(index) => `{"type":"execute","stmt":{"sql":"SELECT 1","replication_index":${index}}}`,
			(index) => `{"type":"batch","batch":{"steps":[{"stmt":{"sql":"SELECT 1","replication_index":${index}}}]}}`,
			(index) => `{"type":"batch","batch":{"steps":[{"stmt":{"sql":"SELECT 1"}}],"replication_index":${index}}}`,
			(index) => `{"type":"sequence","sql":"SELECT 1","replication_index":${index}}`,
			(index) => `{"type":"describe","sql":"SELECT 1","replication_index":${index}}`,
		];
		for (const place of places) {
			for (const index of ['"1"', '1', '0', '"0"', 'null', '1.0', '"18446744073709551615"']) {
				const answer = await send('/v3/pipeline', `{"requests":[${place(index)},{"type":"close"}]}`);
				assert.equal(answer.json?.results[0].type, 'ok', `${place(index)}: ${answer.text}`);
			}
			for (const index of ['-1', '"-1"', '1.5', '"1.5"', '"x"', '""', '"18446744073709551616"', '1e300', 'true', '{}'])
				told(await send('/v3/pipeline', `{"requests":[${place(index)}]}`), undecodable, place(index));
		}
	});

	// The request itself: {"requests":[{…{"condition":…}}]} takes 5 levels down to a step's condition.
	const nested = (levels) => `{"requests":[],"extra":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
	test('§3.4 JSON nested deeper than 128 is refused, 128 is not', async () => {
		assert.equal((await send('/v3/pipeline', nested(128))).status, 200);
		for (const levels of [129, 1000, 100_000]) told(await send('/v3/pipeline', nested(levels)), undecodable, String(levels));
		const conditions = (n) => `{"requests":[{"type":"batch","batch":{"steps":[{"stmt":{"sql":"SELECT 1"}},{"stmt":{"sql":"SELECT 1"},"condition":${'{"type":"not","cond":'.repeat(n)}{"type":"ok","step":0}${'}'.repeat(n)}}]}}]}`;
		assert.equal((await send('/v3/pipeline', conditions(120))).status, 200);
		told(await send('/v3/pipeline', conditions(125)), undecodable);
		// Brackets in a text are no levels.
		const answer = await server.sql(db.label, { sql: 'SELECT ?', args: ['[{'.repeat(1000)] });
		assert.equal(answer.json.results[0].type, 'ok');
	});
	test('§3.4 duplicate members of one object are refused, wherever they stand', async () => {
		const bodies = [
			'{"requests":[],"requests":[]}',
			'{"baton":null,"requests":[],"baton":null}',
			'{"requests":[{"type":"close","type":"close"}]}',
			'{"requests":[{"type":"execute","stmt":{"sql":"SELECT 1","sql":"SELECT 2"}}]}',
			'{"requests":[{"type":"execute","stmt":{"sql":"SELECT 1","s\\u0071l":"SELECT 2"}}]}',
			'{"requests":[{"type":"execute","stmt":{"sql":"SELECT ?","args":[{"type":"null","type":"null"}]}}]}',
			'{"requests":[{"type":"execute","stmt":{"sql":"SELECT :a","named_args":[{"name":"a","name":"b","value":{"type":"null"}}]}}]}',
			'{"requests":[{"type":"batch","batch":{"steps":[{"stmt":{"sql":"SELECT 1"},"stmt":{"sql":"SELECT 1"}}]}}]}',
			'{"requests":[],"unknown":{"a":1,"b":2,"a":3}}',
		];
		for (const body of bodies) told(await send('/v3/pipeline', body), undecodable, body);
		told(await send('/v1/execute', '{"stmt":{"sql":"SELECT 1","sql":"SELECT 1"}}'), undecodable);
		told(await send('/v3/cursor', '{"batch":{"steps":[],"steps":[]}}'), undecodable);
	});
	test('§1.1 a body that is no JSON', async () => {
		const bodies = ['', ' ', '{', '{"requests":[]', '{"requests":[]}}', '{"requests":[]} x', "{'requests':[]}", '{"requests":[],}', '[]', 'null', '"x"', 'requests', '\ufeff{"requests":[]}', Buffer.from('{"requests":[],"x":"\xff"}', 'latin1'), '{"requests":[],"x":"\\ud800"}', '{"requests":[],"x":"\n"}', '{"requests":[],"x":"\\x"}', Buffer.alloc(1000)];
		for (const body of bodies)
			for (const path of ['/v1/execute', '/v1/batch', '/v2/pipeline', '/v3/pipeline', '/v3/cursor']) told(await send(path, body), undecodable, `${path} ${body.toString('latin1')}`);
	});
	test('§1 unknown members are ignored, and the type of the content is not looked at', async () => {
		for (const type of ['text/plain', 'application/xml', undefined]) {
			const headers = type ? { 'content-type': type } : {};
			const body = { requests: [{ type: 'execute', stmt: { ...select, later: { x: [1] } }, later: 1 }, { type: 'close', later: null }], later: 'x' };
			const answer = await send('/v2/pipeline', body, { headers });
			assert.deepEqual(answer.json?.results.map((one) => one.type), ['ok', 'ok'], answer.text);
		}
	});
});

// -- batons -------------------------------------------------------------------------------------------

describe('batons', () => {
	const commit = (baton, options) => server.sql(db.label, ['COMMIT'], { baton, ...options });
	test('§3.2 a forged one is invalid, whichever sign of it is another, and the stream lives on', async () => {
		const baton = await open();
		const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
		const forged = [...baton].map((sign, i) => {
			// Another value of all six bits, also where the last sign carries fewer.
			const at = alphabet.indexOf(sign);
			return baton.slice(0, i) + alphabet[(at + 32) % 64] + baton.slice(i + 1);
		});
		for (const one of [...forged, '', 'A', baton.slice(1), baton.slice(0, -1), `${baton}A`, baton + baton, baton.toLowerCase(), `${baton}\u0000`, 'x'.repeat(100_000)]) {
			if (one === baton) continue;
			for (const [path, body] of [['/v3/pipeline', { requests: [execute({ sql: 'COMMIT' })] }], ['/v3/cursor', { batch: { steps: [step(null, 'COMMIT')] } }]])
				told(await send(path, { baton: one, ...body }), gone, one.slice(0, 100));
		}
		const answer = await server.sql(db.label, ['SELECT count(*) FROM t', 'ROLLBACK'], { baton });
		assert.deepEqual(answer.json.results.map((one) => one.type), ['ok', 'ok', 'ok'], answer.text);
	});
	test('§3.2 a used one is refused, and the stream lives on', async () => {
		const first = await open();
		const answer = await server.sql(db.label, 'INSERT INTO t VALUES (2)', { baton: first, keep: true });
		const used = 'Received a baton that has already been used';
		for (let i = 0; i < 3; i++) told(await commit(first), used);
		told(await send('/v3/cursor', { baton: first, batch: { steps: [step(null)] } }), used);
		const rest = await server.sql(db.label, ['SELECT count(*) FROM t', 'ROLLBACK'], { baton: answer.json.baton });
		assert.equal(rest.json.results[0].response.result.rows[0][0].value, '2');
	});
	test('§3.2 a foreign one is invalid: of another database, another credential, another server', async () => {
		const baton = await open();
		const theirs = (await server.sql(other.label, ['BEGIN'], { keep: true })).json.baton;
		told(await commit(theirs), gone);
		told(await server.sql(other.label, ['COMMIT'], { baton }), gone);
		const second = (await server.api('POST', `${db.path}/auth/tokens?expiration=1d`)).json.jwt;
		told(await commit(baton, { token: second }), gone);
		const { username, password } = db.instances[0];
		told(await commit(baton, { token: null, basic: [username, password] }), gone);
		const elsewhere = await startServer();
		try {
			const same = await elsewhere.createDatabase('errors');
			told(await elsewhere.sql(same.label, ['COMMIT'], { baton }), gone);
		} finally {
			await elsewhere.stop();
		}
		// A credential that is none is told so before the baton is looked at, and nothing of all that touched the stream.
		assert.equal((await commit(baton, { token: 'nonsense' })).status, 401);
		assert.deepEqual((await server.sql(db.label, ['SELECT count(*) FROM t', 'ROLLBACK'], { baton })).json.results.map((one) => one.type), ['ok', 'ok', 'ok']);
	});
	test('§3.1 a stream is opened by a pipeline without requests, and closed by close', async () => {
		const opened = await send('/v3/pipeline', { requests: [] });
		assert.deepEqual(opened.json.results, []);
		assert.equal(typeof opened.json.baton, 'string');
		const ended = await send('/v3/pipeline', { baton: opened.json.baton, requests: [close, close] });
		assert.equal(ended.json.baton, null);
		assert.deepEqual(ended.json.results, [close, close].map((response) => ({ type: 'ok', response })));
	});
	test('§3.4 nobody else was harmed', async () => assert.equal(await count(), 0));
});

// -- WebSocket ----------------------------------------------------------------------------------------

function connect(protocol, jwt = db.jwt, label = db.label) {
	const socket = new Socket(server.db_url(label).replace(/^http/, 'ws'), protocol, jwt);
	socket.opened.catch(() => {});
	sockets.push(socket);
	return socket;
}

describe('protocol errors over WebSocket', () => {
	const opened = [{ type: 'open_stream', stream_id: 1 }];
	const cursor = { type: 'open_cursor', stream_id: 1, cursor_id: 4, batch: { steps: [step(null)] } };
	const too_old = /is only supported in protocol version hrana[23] and higher$/;
	const rows = [
		['hrana3', [{ type: 'execute', stream_id: 9, stmt: select }], 'Stream 9 not found'],
		['hrana2', [{ type: 'describe', stream_id: -9, sql: 'SELECT 1' }], 'Stream -9 not found'],
		['hrana3', [{ type: 'close_stream', stream_id: 9 }], 'Stream 9 not found'],
		['hrana1', [...opened, ...opened], 'Stream 1 already exists'],
		['hrana3', [{ type: 'fetch_cursor', cursor_id: 9, max_count: 1 }], 'Cursor 9 not found'],
		['hrana3', [{ type: 'close_cursor', cursor_id: 9 }], 'Cursor 9 not found'],
		['hrana3', [...opened, { type: 'open_stream', stream_id: 2 }, cursor, { ...cursor, stream_id: 2 }], 'Cursor 4 already exists'],
		['hrana3', [...opened, cursor, { ...cursor, cursor_id: 5 }], 'Stream 1 already has an open cursor'],
		['hrana3', [...opened, cursor, { type: 'execute', stream_id: 1, stmt: select }], 'Stream 1 already has an open cursor'],
		['hrana2', [...opened, { type: 'execute', stream_id: 1, stmt: { sql_id: 6 } }], 'SQL text 6 not found'],
		['hrana2', [{ type: 'store_sql', sql_id: 6, sql: 'x' }, { type: 'store_sql', sql_id: 6, sql: 'x' }], 'SQL text 6 already exists'],
		['hrana3', [...opened, { type: 'execute', stream_id: 1, stmt: {} }], 'Either `sql` or `sql_id` are required'],
		['hrana3', [...opened, { type: 'execute', stream_id: 1, stmt: { ...select, sql_id: 1 } }], 'Either `sql` or `sql_id` are required, but not both'],
		['hrana2', [...opened, { type: 'batch', stream_id: 1, batch: { steps: [step({ type: 'ok', step: 0 })] } }], 'Invalid reference to step in a batch condition'],
		['hrana1', [...opened, { type: 'sequence', stream_id: 1, sql: 'SELECT 1' }], too_old],
		['hrana1', [...opened, { type: 'execute', stream_id: 1, stmt: { sql_id: 1 } }], too_old],
		['hrana1', [{ type: 'close_sql', sql_id: 1 }], too_old],
		['hrana2', [...opened, { type: 'get_autocommit', stream_id: 1 }], too_old],
		['hrana2', [...opened, { type: 'batch', stream_id: 1, batch: { steps: [step({ type: 'is_autocommit' })] } }], too_old],
		['hrana2', [...opened, cursor], too_old],
		['hrana2', [{ type: 'fetch_cursor', cursor_id: 1, max_count: 1 }], too_old],
	];
	for (const [protocol, requests, reason] of rows)
		test(`§3.4 ${protocol} ${JSON.stringify(requests.at(-1))} ends the socket with 1008`, async () => {
			const socket = connect(protocol);
			await socket.opened;
			for (const request of requests.slice(0, -1)) assert.ok(!(await socket.ask(request)).error);
			socket.ask(requests.at(-1)).catch(() => {});
			const end = await socket.closed;
			assert.equal(end.code, 1008, JSON.stringify(end));
			if (reason instanceof RegExp) assert.match(end.reason, reason);
			else assert.equal(end.reason, reason);
		});
	const undecodable_messages = {
		'an unknown message': '{"type":"greet"}',
		'an unknown request': '{"type":"request","request_id":1,"request":{"type":"close"}}',
		'a request without an id': '{"type":"request","request":{"type":"open_stream","stream_id":1}}',
		'an id out of range': '{"type":"request","request_id":2147483648,"request":{"type":"open_stream","stream_id":1}}',
		'a stream out of range': '{"type":"request","request_id":1,"request":{"type":"open_stream","stream_id":-2147483649}}',
		'max_count out of range': '{"type":"request","request_id":1,"request":{"type":"fetch_cursor","cursor_id":1,"max_count":-1}}',
		'duplicate members': '{"type":"hello","jwt":null,"jwt":null}',
		'129 levels': `{"type":"hello","jwt":null,"x":${'['.repeat(128)}${']'.repeat(128)}}`,
		'no JSON': 'hello',
	};
	for (const [what, message] of Object.entries(undecodable_messages))
		test(`§4 ${what} ends the socket with 1007`, async () => {
			const socket = connect('hrana3');
			await socket.opened;
			socket.send(message).catch(() => {});
			assert.equal((await socket.closed).code, 1007);
		});
	test('§4 a stream that failed to open stays taken, and so does its cursor', async () => {
		const socket = connect('hrana3');
		for (let id = 1; id <= 3; id++) assert.ok(!(await socket.ask({ type: 'open_stream', stream_id: id })).error);
		assert.ok((await socket.ask({ type: 'open_stream', stream_id: 4 })).error);
		const failed = [
			[{ type: 'execute', stream_id: 4, stmt: select }, 'STREAM_NOT_OPEN', 'Stream 4 has failed to open'],
			[{ type: 'describe', stream_id: 4, sql: 'SELECT 1' }, 'STREAM_NOT_OPEN', 'Stream 4 has failed to open'],
			[{ type: 'open_cursor', stream_id: 4, cursor_id: 1, batch: { steps: [step(null)] } }, 'STREAM_NOT_OPEN', 'Stream 4 has failed to open'],
			[{ type: 'fetch_cursor', cursor_id: 1, max_count: 10 }, 'CURSOR_NOT_OPEN', 'Cursor 1 has failed to open'],
		];
		for (const [request, code, message] of failed) assert.deepEqual((await socket.ask(request)).error, { message, code }, JSON.stringify(request));
		assert.ok(!(await socket.ask({ type: 'close_cursor', cursor_id: 1 })).error);
		assert.ok(!(await socket.ask({ type: 'close_stream', stream_id: 4 })).error);
		assert.ok(!(await socket.ask({ type: 'close_stream', stream_id: 1 })).error);
		assert.ok(!(await socket.ask({ type: 'open_stream', stream_id: 4 })).error);
	});
	test('§7 a cursor that may not run is told so when it is fetched, and the socket lives', async () => {
		const reader = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json.jwt;
		const socket = connect('hrana3', reader);
		await socket.ask({ type: 'open_stream', stream_id: 1 });
		const cursor = { type: 'open_cursor', stream_id: 1, cursor_id: 2, batch: { steps: [step(null), step(null, 'INSERT INTO t VALUES (1)')] } };
		const fetch = { type: 'fetch_cursor', cursor_id: 2, max_count: 10 };
		assert.ok(!(await socket.ask(cursor)).error);
		assert.equal((await socket.ask(fetch)).error.code, 'AUTH_FORBIDDEN');
		assert.ok(!(await socket.ask({ type: 'close_cursor', cursor_id: 2 })).error);
		assert.ok(!(await socket.ask({ ...cursor, batch: { steps: [step(null)] } })).error);
		assert.equal((await socket.ask(fetch)).done, true);
	});
	test('§4 what ends one socket leaves the others and their transactions', async () => {
		const good = connect('hrana3');
		await good.ask({ type: 'open_stream', stream_id: 1 });
		await good.ask({ type: 'execute', stream_id: 1, stmt: { sql: 'BEGIN' } });
		await good.ask({ type: 'execute', stream_id: 1, stmt: { sql: 'INSERT INTO t VALUES (7)' } });
		const bad = connect('hrana3');
		await bad.opened;
		bad.ask({ type: 'execute', stream_id: 5, stmt: select }).catch(() => {});
		await bad.closed;
		const { result } = await good.ask({ type: 'execute', stream_id: 1, stmt: { sql: 'SELECT x FROM t' } });
		assert.deepEqual(result.rows, [[{ type: 'integer', value: '7' }]]);
		assert.ok(!(await good.ask({ type: 'execute', stream_id: 1, stmt: { sql: 'ROLLBACK' } })).error);
	});
	test('§7 hello with a bad token: the code, then an orderly end', async () => {
		const [head, payload, signature] = db.jwt.split('.');
		const header = (fields) => Buffer.from(JSON.stringify(fields)).toString('base64url');
		const tokens = [
			['nonsense', 'AUTH_JWT_INVALID'],
			['a.b.c', 'AUTH_JWT_INVALID'],
			[`${head}.${payload}`, 'AUTH_JWT_INVALID'],
			[`${head}.${payload}.`, 'AUTH_JWT_INVALID'],
			[`${head}.${payload}.${signature.slice(0, -2)}AA`, 'AUTH_JWT_INVALID'],
			[`${head}.${Buffer.from('{"a":"rw"}').toString('base64url')}.${signature}`, 'AUTH_JWT_INVALID'],
			[`${header({ alg: 'none' })}.${payload}.`, 'AUTH_JWT_INVALID'],
			[`${header({ alg: 'HS256' })}.${payload}.${signature}`, 'AUTH_JWT_INVALID'],
			[`${header({ alg: 'RS256' })}.${payload}.${signature}`, 'AUTH_JWT_INVALID'],
		];
		for (const [token, code] of tokens) {
			const socket = connect('hrana3', token);
			const { type, error } = await socket.opened;
			assert.equal(type, 'hello_error', token);
			assert.equal(error.code, code, token);
			assert.equal(error.message, 'Authentication failed: The JWT is invalid');
			assert.equal((await socket.closed).code, 1000);
			const answer = await server.sql(db.label, 'SELECT 1', { token });
			assert.equal(answer.status, 401, token);
			assert.deepEqual(answer.json, { error: 'Unauthorized: `The JWT is invalid`' });
		}
	});
});

// -- codes of §6 that need a situation ------------------------------------------------------------------

describe('codes that need a situation', () => {
	test('§6 SQLITE_BUSY: a transaction that read before another wrote cannot write', async () => {
		const baton = await open(['BEGIN', 'SELECT * FROM t']);
		await server.sql(db.label, ['INSERT INTO t VALUES (3)', 'DELETE FROM t']);
		const answer = await server.sql(db.label, ['INSERT INTO t VALUES (4)', { type: 'get_autocommit' }, 'ROLLBACK'], { baton, path: '/v3/pipeline' });
		assert.deepEqual(answer.json.results[0].error, { message: 'SQLite error: database is locked', code: 'SQLITE_BUSY' });
		assert.equal(answer.json.results[1].response.is_autocommit, false);
	});
	test('§6 SQLITE_AUTH: what only SQLite sees', async () => {
		const answer = await send('/v1/execute', { stmt: { sql: 'SELECT * FROM sqlite_dbpage' } });
		assert.equal(answer.status, 500);
		assert.equal(answer.json.code, 'SQLITE_AUTH');
	});
	test('§6 SQL_STORE_TOO_MANY and SQL_STORE_TOO_LARGE fail their request alone', async () => {
		const many = Array.from({ length: 51 }, (_, i) => ({ type: 'store_sql', sql_id: i, sql: 'SELECT 1' }));
		const answer = await send('/v3/pipeline', { requests: [...many, { type: 'store_sql', sql_id: 60, sql: 'x'.repeat(20_001) }, { type: 'close_sql', sql_id: 0 }, many[50], execute({ sql_id: 50 }), close] });
		const [too_many, too_large, , again, found] = answer.json.results.slice(50);
		assert.deepEqual(too_many.error, { message: 'The server already stores 50 SQL texts, it cannot store more', code: 'SQL_STORE_TOO_MANY' });
		assert.match(too_large.error.code, /^SQL_STORE_TOO_/);
		assert.equal(again.type, 'ok');
		assert.equal(found.type, 'ok');
	});
	test('§6 RESPONSE_TOO_LARGE fails the whole batch; what its steps did stays', async () => {
		const large = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT hex(zeroblob(50000)) FROM n";
		const baton = await open(['BEGIN']);
		const answer = await server.sql(db.label, [batch(step(null, 'INSERT INTO t VALUES (5)'), step(null, large), step(null, 'INSERT INTO t VALUES (6)')), 'SELECT group_concat(x) FROM t', 'ROLLBACK'], { baton });
		assert.equal(answer.json.results[0].error.code, 'RESPONSE_TOO_LARGE');
		assert.equal(answer.json.results[1].response.result.rows[0][0].value, '5');
	});
	test('§6 RESPONSE_TOO_LARGE at /v1 is 400 and a text', async () => {
		const large = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT hex(zeroblob(50000)) FROM n";
		told(await send('/v1/execute', { stmt: { sql: large } }), /^Response is too large/);
		told(await send('/v1/batch', { batch: { steps: [step(null, 'INSERT INTO t VALUES (8)'), step(null, large)] } }), /^Response is too large/);
		assert.equal(await count(), 1, 'what its steps did stays');
		await server.rows(db.label, 'DELETE FROM t');
	});
	test('§6 the error of one request, whatever it is, leaves the stream as it is', async () => {
		const failing = ['SELEC', '', 'SELECT 1; SELECT 2', 'SELECT ?', 'SELECT nope', 'SELECT * FROM nope', 'CREATE TEMP TABLE x(y)', "ATTACH 'x' AS y", 'PRAGMA wal_checkpoint', 'SELECT zeroblob(6000000)', "SELECT json('{')"];
		const baton = await open();
		const answer = await server.sql(db.label, [...failing, 'SELECT count(*) FROM t', 'ROLLBACK'], { baton });
		const { results } = answer.json;
		assert.ok(results.slice(0, failing.length).every(({ error }) => typeof error?.code === 'string' && typeof error.message === 'string'), answer.text);
		assert.equal(results[failing.length].response.result.rows[0][0].value, '1');
	});
});
