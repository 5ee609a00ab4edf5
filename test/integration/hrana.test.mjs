// The SQL protocol over HTTP and JSON: surface, values, statements, batches, errors (one table a section of the spec).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { request, rows_of, startServer, to_stmt, to_value } from '../lib/server.mjs';

let server;
let db;
let read_only;

before(async () => {
	server = await startServer();
	db = await server.createDatabase('shop', ['ord']);
	const answer = await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`);
	read_only = answer.json.jwt;
});
after(() => server.stop());

const execute = (statement) => ({ type: 'execute', stmt: to_stmt(statement) });
const close = { type: 'close' };

/// A pipeline as it is; the answer as it is.
function pipeline(requests, { version = 3, ...options } = {}) {
	return server.data_plane(db.label, `/v${version}/pipeline`, { baton: options.baton ?? null, requests }, options);
}

/// The result of one statement, or an Error object's fields.
async function result(statement, options) {
	const answer = await pipeline([execute(statement), close], options);
	assert.equal(answer.status, 200, answer.text);
	const [first] = answer.json.results;
	return first.type === 'ok' ? first.response.result : first.error;
}

async function value(sql, ...args) {
	const { rows, message } = await result({ sql, args });
	assert.ok(rows, message);
	return rows[0][0];
}

describe('surface', () => {
	const open = [
		['GET', '/health', 200],
		['GET', '/version', 200],
		['GET', '/v1', 200],
		['GET', '/v2', 200],
		['GET', '/v3', 200],
		['HEAD', '/v2', 200],
		['GET', '/v3/', 200],
		['GET', '//v3', 200],
		['GET', '/', 404],
		['GET', '/v3-protobuf', 200],
		['GET', '/nothing/here', 404],
		['GET', '/v2/pipeline', 405],
		['POST', '/health', 405],
		['DELETE', '/v3/pipeline', 405],
	];
	for (const [method, path, status] of open)
		test(`${method} ${path} without a token is ${status}`, async () => {
			const answer = await server.data_plane(db.label, path, undefined, { method, token: null });
			assert.equal(answer.status, status);
			assert.equal(answer.headers['access-control-allow-origin'], '*');
			if (status === 405) assert.ok(answer.headers.allow.includes(path === '/health' ? 'GET' : 'POST'));
			if (status === 404) assert.equal(answer.text, '');
		});

	test('the version has a name, a number and nothing secret', async () => {
		const answer = await server.data_plane(db.label, '/version', undefined, { method: 'GET', token: null });
		assert.match(answer.text, /^atolld \d+\.\d+\.\d+/);
	});

	test('GET /info tells a good token 404 and a bad one 401', async () => {
		assert.equal((await server.data_plane(db.label, '/info', undefined, { method: 'GET' })).status, 404);
		assert.equal((await server.data_plane(db.label, '/info', undefined, { method: 'GET', token: 'x' })).status, 401);
	});

	test('a preflight needs no token and echoes the headers it asks for', async () => {
		for (const path of ['/v2/pipeline', '/v3/cursor', '/anything']) {
			const answer = await server.data_plane(db.label, path, undefined, {
				method: 'OPTIONS',
				token: null,
				headers: { origin: 'http://x', 'access-control-request-headers': 'authorization, content-type' },
			});
			assert.equal(answer.status, 200);
			assert.equal(answer.text, '');
			assert.equal(answer.headers['access-control-allow-origin'], '*');
			assert.equal(answer.headers['access-control-allow-methods'], '*');
			assert.equal(answer.headers['access-control-allow-headers'], 'authorization, content-type');
		}
	});
});

describe('addresses', () => {
	const select = { requests: [execute('SELECT 7 AS n'), close] };
	const authorization = () => `Bearer ${db.jwt}`;
	const reach = (path, headers = {}) =>
		request(server.url + path, { method: 'POST', body: select, headers: { authorization: authorization(), ...headers } });

	test('a database is reached by path, host, header and the development path', async () => {
		const label = db.label;
		const ways = [
			[`/db/${label}/v2/pipeline`],
			[`/db/${label}//v3//pipeline`],
			[`//db/${label.toUpperCase()}/v3/pipeline`],
			['/v2/pipeline', { host: `${label}.localhost` }],
			['/v2/pipeline', { host: `${label}.localhost:9999` }],
			['/v2/pipeline', { host: `${label.toUpperCase()}.LOCALHOST.` }],
			['/v2/pipeline', { 'x-namespace': label }],
			['/v2/pipeline', { 'x-namespace-bin': Buffer.from(label).toString('base64').replaceAll('=', ''), 'x-namespace': 'no' }],
			['/v2/pipeline', { 'x-namespace': label, host: 'nobody.localhost' }],
			[`/dev/${label}/v2/pipeline`],
			[`/dev/${label}/v3/pipeline`],
			// The path decides, whatever else names a database.
			[`/dev/${label}/v3/pipeline`, { host: 'nobody.localhost' }],
			[`/dev/${label}/v2/pipeline`, { 'x-namespace': 'nobody' }],
			[`/db/${label}/v2/pipeline`, { host: 'nobody.localhost', 'x-namespace': 'nobody' }],
			[`/db/${db.instances[0].label}/v3/pipeline`],
			['/v3/pipeline', { host: `${db.instances[0].label}.localhost` }],
		];
		for (const [path, headers] of ways) {
			const answer = await reach(path, headers);
			assert.equal(answer.status, 200, `${path} ${JSON.stringify(headers)}: ${answer.text}`);
			assert.deepEqual(rows_of(answer), [{ n: 7 }]);
		}
	});

	test('what names no database is said so', async () => {
		const rows = [
			['/db/nobody-here/v2/pipeline', {}, 404, /Namespace `nobody-here` doesn't exist/],
			['/v2/pipeline', { host: 'nobody-here.localhost' }, 404, /Namespace `nobody-here` doesn't exist/],
			['/v2/pipeline', { 'x-namespace': 'nobody-here' }, 404, /doesn't exist/],
			['/v2/pipeline', {}, 400, /Invalid host header/],
			['/v2/pipeline', { 'x-namespace-bin': '***' }, 400, /Invalid/],
			// A name may be any text; no database has this one.
			['/v2/pipeline', { 'x-namespace-bin': Buffer.from('żółw & 🐢').toString('base64').replaceAll('=', '') }, 404, /^Namespace `żółw & 🐢` doesn't exist/],
			// @libsql/client with a base that does not end in a slash.
			['/db/v2/pipeline', {}, 404, /ends in a slash/],
			[`/dev/${db.label}/v4/pipeline`, {}, 400, /Invalid path in URI/],
		];
		for (const [path, headers, status, message] of rows) {
			const answer = await reach(path, headers);
			assert.equal(answer.status, status, `${path}: ${answer.text}`);
			assert.match(answer.json.error, message);
			assert.equal(answer.headers['content-type'], 'application/json');
		}
	});

	test("another database's token does not tell that the database exists", async () => {
		const other = await server.createDatabase('elsewhere', ['ord']);
		const answer = await server.sql(db.label, 'SELECT 1', { token: other.jwt });
		const unknown = await server.sql('nobody-here', 'SELECT 1', { token: other.jwt });
		assert.equal(answer.status, 404);
		assert.equal(unknown.status, 404);
		assert.equal(answer.text.replace(db.label, 'nobody-here'), unknown.text);
	});
});

describe('credentials', () => {
	const rows = [
		[undefined, 'Unauthorized: `Expected authorization header but none given`'],
		['Bearer nonsense', 'Unauthorized: `The JWT is invalid`'],
		['Token x', 'Unauthorized: `The authentication scheme in the `Authorization` HTTP header is not supported`'],
		['Bearer', "Unauthorized: `Auth string does not conform to '<scheme> <token>' form`"],
		[
			`Basic ${Buffer.from('root:wrong').toString('base64')}`,
			'Unauthorized: `The `Basic` HTTP authentication credentials were rejected`',
		],
	];
	for (const [authorization, error] of rows)
		test(`${authorization ?? 'none'} is 401`, async () => {
			const headers = authorization ? { authorization } : {};
			for (const path of ['/v2/pipeline', '/v3/cursor', '/v1/execute', '/']) {
				// The credential is judged first: the body is not even JSON.
				const answer = await server.data_plane(db.label, path, 'not json', { token: null, headers });
				assert.equal(answer.status, 401);
				assert.deepEqual(answer.json, { error });
				assert.equal(answer.headers['content-type'], 'application/json');
				assert.equal(answer.headers['access-control-allow-origin'], '*');
			}
		});

	test("an instance's username and password open the database", async () => {
		const { username, password } = db.instances[0];
		const answer = await server.sql(db.label, 'SELECT 1 AS one', { token: null, basic: [username, password] });
		assert.deepEqual(rows_of(answer), [{ one: 1 }]);
	});

	test('a read-only token reads, and a write is 403 for the whole request', async () => {
		await result('CREATE TABLE guarded(x)');
		assert.deepEqual(rows_of(await server.sql(db.label, 'SELECT count(*) AS n FROM guarded', { token: read_only })), [{ n: 0 }]);
		const attempts = [
			['/v2/pipeline', { requests: [execute('INSERT INTO guarded VALUES (1)'), close] }],
			['/v2/pipeline', { requests: [execute('CREATE TABLE more(x)'), close] }],
			['/v2/pipeline', { requests: [{ type: 'sequence', sql: 'SELECT 1; DELETE FROM guarded' }] }],
			// Also a step that would be skipped.
			[
				'/v3/pipeline',
				{
					requests: [
						{
							type: 'batch',
							batch: {
								steps: [
									{ stmt: { sql: 'SELECT 1' } },
									{ condition: { type: 'error', step: 0 }, stmt: { sql: 'DELETE FROM guarded' } },
								],
							},
						},
					],
				},
			],
			['/v3/cursor', { batch: { steps: [{ stmt: { sql: 'DELETE FROM guarded' } }] } }],
			['/v1/execute', { stmt: { sql: 'DELETE FROM guarded' } }],
			['/', { statements: ['DELETE FROM guarded'] }],
		];
		for (const [path, body] of attempts) {
			const answer = await server.data_plane(db.label, path, body, { token: read_only });
			assert.equal(answer.status, 403, `${path} ${JSON.stringify(body)}: ${answer.text}`);
			assert.match(answer.json.error, /^Authorization forbidden: /);
		}
		const description = await pipeline([{ type: 'describe', sql: 'DELETE FROM guarded' }, close], { token: read_only });
		assert.equal(description.json.results[0].response.result.is_readonly, false);
	});
});

describe('values', () => {
	const text = (value) => ({ type: 'text', value });
	const integer = (value) => ({ type: 'integer', value });
	const float = (value) => ({ type: 'float', value });
	const blob = (base64) => ({ type: 'blob', base64 });
	const rows = [
		[{ type: 'null' }, { type: 'null' }],
		[integer('0'), integer('0')],
		[integer('-9223372036854775808'), integer('-9223372036854775808')],
		[integer('9223372036854775807'), integer('9223372036854775807')],
		[integer('+5'), integer('5')],
		[float(1), float(1)],
		[float(0.1), float(0.1)],
		[float(-1.7976931348623157e308), float(-1.7976931348623157e308)],
		[float(5e-324), float(5e-324)],
		[float(1e20), float(1e20)],
		[text(''), text('')],
		[text('ä€😀 "\\/\n\t'), text('ä€😀 "\\/\n\t')],
		[text('a\u0000b'), text('a\u0000b')],
		[blob(''), blob('')],
		[blob('AQI'), blob('AQI')],
		[blob('AQI='), blob('AQI')],
		[blob('/+8'), blob('/+8')],
	];
	for (const [given, expected] of rows)
		test(`${JSON.stringify(given)} comes back`, async () => {
			assert.deepEqual(await value('SELECT ?', given), expected);
		});

	test('a REAL is recognizable as one, infinities are null, broken UTF-8 is replaced', async () => {
		const answer = await pipeline([execute("SELECT 2.0, 9e999, -9e999, CAST(x'61ff62' AS TEXT)"), close]);
		assert.ok(answer.text.includes('[[{"type":"float","value":2.0},{"type":"float","value":null},{"type":"float","value":null},'));
		assert.equal(answer.json.results[0].response.result.rows[0][3].value, 'a\ufffdb');
	});

	test('numbers from JavaScript take the affinity of their column', async () => {
		await result('CREATE TABLE affinity(i INTEGER, r REAL, n)');
		await result({ sql: 'INSERT INTO affinity VALUES (?, ?, ?)', args: [float(1), integer('1'), float(1)] });
		const { rows: found } = await result('SELECT * FROM affinity');
		assert.deepEqual(found, [[integer('1'), float(1), float(1)]]);
	});

	const wrong = [
		{ type: 'integer', value: 5 },
		{ type: 'integer', value: '1e3' },
		{ type: 'integer', value: '9223372036854775808' },
		{ type: 'float', value: '1' },
		{ type: 'text' },
		{ type: 'blob', base64: '*' },
		{ type: 'boolean', value: true },
		7,
	];
	for (const given of wrong)
		test(`${JSON.stringify(given)} is refused`, async () => {
			const answer = await pipeline([{ type: 'execute', stmt: { sql: 'SELECT ?', args: [given] } }]);
			assert.equal(answer.status, 400);
			assert.match(answer.text, /^Cannot deserialize client message from JSON: /);
			assert.match(answer.headers['content-type'], /^text\/plain/);
		});
});

describe('arguments', () => {
	const named = (...pairs) => pairs.map(([name, value]) => ({ name, value: to_value(value) }));
	const rows = [
		['SELECT ?, ?', { args: [1, 2].map(to_value) }, [1, 2]],
		['SELECT ?2, ?1', { args: [1, 2].map(to_value) }, [2, 1]],
		['SELECT :a, @b, $c', { named_args: named(['a', 1], ['@b', 2], ['c', 3]) }, [1, 2, 3]],
		['SELECT :a, $a', { named_args: named(['a', 1], ['$a', 2]) }, [1, 2]],
		['SELECT ?', { args: [] }, 'ARGS_INVALID'],
		['SELECT ?', { args: [1, 2].map(to_value) }, 'ARGS_INVALID'],
		['SELECT :a', { args: [to_value(1)] }, 'ARGS_INVALID'],
		['SELECT ?', { named_args: named(['a', 1]) }, 'ARGS_INVALID'],
		['SELECT ?, :a', { args: [to_value(1)], named_args: named(['a', 1]) }, 'ARGS_BOTH_POSITIONAL_AND_NAMED'],
		['EXPLAIN SELECT ?', { args: [] }, 'rows'],
	];
	for (const [sql, args, expected] of rows)
		test(`${sql} with ${JSON.stringify(args)}`, async () => {
			const answer = await pipeline([{ type: 'execute', stmt: { sql, ...args } }, close]);
			const [first] = answer.json.results;
			if (expected === 'rows') assert.equal(first.type, 'ok');
			else if (typeof expected === 'string') assert.equal(first.error.code, expected);
			else assert.deepEqual(first.response.result.rows[0].map((v) => Number(v.value)), expected);
		});

	test('32766 parameters can be bound', async () => {
		const count = 32766;
		const sql = `SELECT ${'?+'.repeat(999)}?`; // the parser's own depth bounds one expression
		const args = Array.from({ length: 1000 }, () => 1);
		assert.deepEqual(await value(sql, ...args.map(to_value)), { type: 'integer', value: '1000' });
		const many = `SELECT count(*) FROM (VALUES ${Array.from({ length: count }, () => '(?)').join(',')})`;
		assert.deepEqual(await value(many, ...Array.from({ length: count }, (_, i) => to_value(i))), {
			type: 'integer',
			value: String(count),
		});
	});
});

describe('results', () => {
	before(async () => {
		await result('CREATE TABLE item(id INTEGER PRIMARY KEY, name VARCHAR(10) NOT NULL, price)');
	});

	test('have every member with its kind', async () => {
		const inserted = await result({ sql: 'INSERT INTO item VALUES (?, ?, ?)', args: [41, 'pen', 1.5] });
		assert.deepEqual(inserted.cols, []);
		assert.deepEqual(inserted.rows, []);
		assert.equal(inserted.affected_row_count, 1);
		assert.equal(inserted.last_insert_rowid, '41');
		assert.match(inserted.replication_index, /^\d+$/);
		assert.equal(typeof inserted.rows_read, 'number');
		assert.equal(typeof inserted.rows_written, 'number');
		assert.equal(typeof inserted.query_duration_ms, 'number');

		const selected = await result('SELECT id, name, price, id + 1 AS next, id FROM item WHERE id = 41');
		assert.deepEqual(selected.cols, [
			{ name: 'id', decltype: 'INTEGER' },
			{ name: 'name', decltype: 'VARCHAR(10)' },
			{ name: 'price', decltype: null },
			{ name: 'next', decltype: null },
			{ name: 'id', decltype: 'INTEGER' },
		]);
		assert.equal(selected.affected_row_count, 0);
		assert.equal(selected.last_insert_rowid, null);
	});

	test('want_rows false leaves the columns and no rows', async () => {
		const found = await result({ sql: 'SELECT id FROM item', want_rows: false });
		assert.deepEqual(found.cols, [{ name: 'id', decltype: 'INTEGER' }]);
		assert.deepEqual(found.rows, []);
	});

	test('affected_row_count and last_insert_rowid follow the kind of statement', async () => {
		const rows = [
			["INSERT INTO item(name) VALUES ('a'), ('b')", 2, '43'],
			["INSERT INTO item(name) VALUES ('c') RETURNING id", 1, '44'],
			["WITH x(n) AS (VALUES ('d')) INSERT INTO item(name) SELECT n FROM x", 1, '45'],
			["REPLACE INTO item(id, name) VALUES (45, 'e')", 1, '45'],
			["UPDATE item SET price = 1 WHERE id > 43", 2, null],
			['DELETE FROM item WHERE id > 100', 0, null],
			['SELECT * FROM item', 0, null],
			['CREATE TABLE side(x)', 0, null],
			['PRAGMA table_info(item)', 0, null],
		];
		for (const [sql, count, rowid] of rows) {
			const found = await result(sql);
			assert.equal(found.affected_row_count, count, `${sql}: ${JSON.stringify(found)}`);
			assert.equal(found.last_insert_rowid, rowid, sql);
		}
	});
});

describe('SQL errors', () => {
	before(async () => {
		await result('CREATE TABLE one(id INTEGER PRIMARY KEY, u UNIQUE, n NOT NULL DEFAULT 0, c CHECK (c < 10))');
		await result('INSERT INTO one(id, u) VALUES (1, 1)');
	});
	const rows = [
		['SELEC 1', 'SQL_PARSE_ERROR', /^SQL string could not be parsed: /],
		['', 'SQL_NO_STATEMENT', /^SQL string does not contain any statement$/],
		[' -- only this\n', 'SQL_NO_STATEMENT', /./],
		['SELECT 1; SELECT 2', 'SQL_MANY_STATEMENTS', /^SQL string contains more than one statement$/],
		['SELECT 1; -- more\n ;', null],
		['SELECT nope FROM one', 'SQL_INPUT_ERROR', /^SQL input error: no such column: nope \(at offset 7\)$/],
		['SELECT * FROM nope', 'SQLITE_UNKNOWN', /^SQLite error: no such table: nope$/],
		['INSERT INTO one(id) VALUES (1)', 'SQLITE_CONSTRAINT', /^SQLite error: UNIQUE constraint failed: one\.id$/],
		['INSERT INTO one(u) VALUES (1)', 'SQLITE_CONSTRAINT', /UNIQUE constraint failed: one\.u/],
		['INSERT INTO one(n) VALUES (NULL)', 'SQLITE_CONSTRAINT', /NOT NULL constraint failed: one\.n/],
		['INSERT INTO one(c) VALUES (11)', 'SQLITE_CONSTRAINT', /CHECK constraint failed/],
		['INSERT INTO one(id) VALUES (\'x\')', 'SQLITE_MISMATCH', /datatype mismatch/],
		['COMMIT', 'SQLITE_UNKNOWN', /cannot commit - no transaction is active/],
		['ROLLBACK', 'SQLITE_UNKNOWN', /cannot rollback - no transaction is active/],
		['PRAGMA journal_mode = DELETE', 'SQL_PARSE_ERROR', /unsupported statement/],
		['PRAGMA wal_checkpoint', 'SQL_PARSE_ERROR', /unsupported statement/],
		["ATTACH 'x.db' AS x", 'SQL_PARSE_ERROR', /unsupported statement/],
		['CREATE TEMP TABLE t(x)', 'SQL_PARSE_ERROR', /unsupported statement/],
		["SELECT load_extension('x')", 'SQL', /./],
		['SELECT * FROM sqlite_dbpage', 'SQL', /./],
	];
	for (const [sql, code, message] of rows)
		test(`${JSON.stringify(sql)} is ${code ?? 'fine'}`, async () => {
			for (const version of [2, 3]) {
				const found = await result(sql, { version });
				if (!code) return assert.deepEqual(found.rows, [[{ type: 'integer', value: '1' }]]);
				assert.ok(code === 'SQL' ? /^SQL/.test(found.code) : found.code === code, JSON.stringify(found));
				assert.match(found.message, message);
			}
		});

	test('an error of one request leaves the others', async () => {
		const answer = await pipeline([execute('SELECT 1'), execute('SELECT * FROM nope'), execute('SELECT 2'), close]);
		assert.deepEqual(
			answer.json.results.map((one) => one.type),
			['ok', 'error', 'ok', 'ok'],
		);
	});

	test('a result over its limit fails its request alone', async () => {
		const large = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT hex(zeroblob(50000)) FROM n";
		const answer = await pipeline([execute('SELECT 1'), execute(large), execute('SELECT 2'), close]);
		assert.equal(answer.status, 200, answer.text);
		assert.equal(answer.json.results[1].error.code, 'RESPONSE_TOO_LARGE');
		assert.match(answer.json.results[1].error.message, /^Response is too large/);
		assert.equal(answer.json.results[2].type, 'ok');
	});
});

describe('batches', () => {
	before(() => result('CREATE TABLE log(step)'));
	const step = (sql, condition = null) => ({ condition, stmt: { sql } });
	const batch = async (steps, version = 3) => {
		const answer = await pipeline([{ type: 'batch', batch: { steps } }, close], { version });
		assert.equal(answer.status, 200, answer.text);
		const [first] = answer.json.results;
		return first.type === 'ok' ? first.response.result : first.error;
	};
	const ok = (number) => ({ type: 'ok', step: number });
	const error = (number) => ({ type: 'error', step: number });
	const not = (cond) => ({ type: 'not', cond });
	const good = 'SELECT 1';
	const bad = 'SELECT * FROM nope';

	test('conditions choose the steps', async () => {
		const steps = [
			[good, null, 'ok'],
			[bad, null, 'error'],
			[good, ok(0), 'ok'],
			[good, ok(1), 'skip'],
			[good, error(1), 'ok'],
			[good, error(0), 'skip'],
			// A skipped step is neither.
			[good, ok(3), 'skip'],
			[good, error(3), 'skip'],
			[good, not(ok(3)), 'ok'],
			[good, { type: 'and', conds: [] }, 'ok'],
			[good, { type: 'or', conds: [] }, 'skip'],
			[good, { type: 'and', conds: [ok(0), ok(1)] }, 'skip'],
			[good, { type: 'or', conds: [ok(1), ok(0)] }, 'ok'],
			[good, { type: 'is_autocommit' }, 'ok'],
			['BEGIN', null, 'ok'],
			[good, { type: 'is_autocommit' }, 'skip'],
			['ROLLBACK', not({ type: 'is_autocommit' }), 'ok'],
		];
		const found = await batch(steps.map(([sql, condition]) => step(sql, condition)));
		const outcome = (i) => (found.step_results[i] ? 'ok' : found.step_errors[i] ? 'error' : 'skip');
		assert.deepEqual(
			steps.map((_, i) => outcome(i)),
			steps.map(([, , expected]) => expected),
		);
		assert.equal(found.step_errors[1].code, 'SQLITE_UNKNOWN');
		assert.match(found.replication_index, /^\d+$/);
	});

	test('what @libsql/client sends for a transaction', async () => {
		const found = await batch(
			[
				step('BEGIN IMMEDIATE'),
				step('INSERT INTO log VALUES (1)', ok(0)),
				step('INSERT INTO log VALUES (2)', ok(1)),
				step('COMMIT', ok(2)),
				step('ROLLBACK', not(ok(3))),
			],
			2,
		);
		assert.deepEqual(found.step_errors, [null, null, null, null, null]);
		assert.equal(found.step_results[4], null);
		assert.deepEqual(await value('SELECT count(*) FROM log'), { type: 'integer', value: '2' });
	});

	test('a failing step and the rollback that follows it', async () => {
		const found = await batch([
			step('BEGIN'),
			step('INSERT INTO log VALUES (3)', ok(0)),
			step(bad, ok(1)),
			step('COMMIT', ok(2)),
			step('ROLLBACK', not(ok(3))),
			step('ROLLBACK', ok(4)),
		]);
		assert.equal(found.step_results[3], null);
		assert.ok(found.step_results[4]);
		assert.equal(found.step_errors[5].code, 'SQLITE_UNKNOWN');
		assert.deepEqual(await value('SELECT count(*) FROM log'), { type: 'integer', value: '2' });
	});

	test('a later step uses the table that an earlier one makes', async () => {
		const found = await batch([step('CREATE TABLE made(x)'), step('INSERT INTO made VALUES (5)'), step('SELECT x FROM made')]);
		assert.deepEqual(found.step_results[2].rows, [[{ type: 'integer', value: '5' }]]);
	});

	test('one malformed step runs nothing', async () => {
		for (const [sql, code] of [
			['INSRT INTO log VALUES (9)', 'SQL_PARSE_ERROR'],
			['', 'SQL_NO_STATEMENT'],
			['SELECT 1; SELECT 2', 'SQL_MANY_STATEMENTS'],
		]) {
			const found = await batch([step('INSERT INTO log VALUES (9)'), step(sql)]);
			assert.equal(found.code, code);
		}
		assert.deepEqual(await value('SELECT count(*) FROM log WHERE step = 9'), { type: 'integer', value: '0' });
	});

	test('an empty batch is a batch', async () => {
		const found = await batch([]);
		assert.deepEqual([found.step_results, found.step_errors], [[], []]);
	});
});

describe('sequence, describe, stored texts', () => {
	test('a sequence runs until its first error and discards rows', async () => {
		const requests = [
			{ type: 'sequence', sql: 'CREATE TABLE seq(x); INSERT INTO seq VALUES (1); SELECT * FROM seq; -- end' },
			{ type: 'sequence', sql: '' },
			{ type: 'sequence', sql: 'INSERT INTO seq VALUES (2); INSERT INTO nope VALUES (1); INSERT INTO seq VALUES (3)' },
			{ type: 'sequence', sql: 'INSERT INTO seq VALUES (4); SELEC' },
			execute('SELECT group_concat(x) FROM seq'),
			close,
		];
		const { results } = (await pipeline(requests)).json;
		assert.deepEqual(results[0], { type: 'ok', response: { type: 'sequence' } });
		assert.equal(results[1].type, 'ok');
		assert.equal(results[2].error.code, 'SQLITE_UNKNOWN');
		assert.equal(results[3].error.code, 'SQL_PARSE_ERROR');
		assert.equal(results[4].response.result.rows[0][0].value, '1,2');
	});

	test('describe names parameters and columns without running', async () => {
		await result('CREATE TABLE thing(id INTEGER PRIMARY KEY, label TEXT)');
		const rows = [
			[
				'SELECT id, label, 1 AS one FROM thing WHERE id = :id AND label > ?',
				{
					params: [{ name: ':id' }, { name: null }],
					cols: [
						{ name: 'id', decltype: 'INTEGER' },
						{ name: 'label', decltype: 'TEXT' },
						{ name: 'one', decltype: null },
					],
					is_explain: false,
					is_readonly: true,
				},
			],
			['INSERT INTO thing VALUES (?3, @a)', { params: [{ name: null }, { name: null }, { name: '?3' }, { name: '@a' }], cols: [], is_explain: false, is_readonly: false }],
			['BEGIN', { params: [], cols: [], is_explain: false, is_readonly: true }],
		];
		for (const [sql, expected] of rows) {
			const answer = await pipeline([{ type: 'describe', sql }, close], { version: 2 });
			assert.deepEqual(answer.json.results[0].response.result, expected, sql);
		}
		const explained = await pipeline([{ type: 'describe', sql: 'EXPLAIN QUERY PLAN SELECT 1' }, close]);
		assert.equal(explained.json.results[0].response.result.is_explain, true);
		const failed = await pipeline([{ type: 'describe', sql: 'SELECT * FROM nope' }, close]);
		assert.equal(failed.json.results[0].error.code, 'SQLITE_UNKNOWN');
		assert.deepEqual(await value('SELECT count(*) FROM thing'), { type: 'integer', value: '0' });
	});

	test('stored texts serve every request that has a text', async () => {
		const answer = await pipeline(
			[
				{ type: 'store_sql', sql_id: 1, sql: 'SELECT ? AS x' },
				{ type: 'store_sql', sql_id: -2147483648, sql: 'SELECT 2' },
				{ type: 'execute', stmt: { sql_id: 1, args: [to_value(5)] } },
				{ type: 'batch', batch: { steps: [{ stmt: { sql_id: -2147483648 } }] } },
				{ type: 'describe', sql_id: 1 },
				{ type: 'sequence', sql_id: -2147483648 },
				{ type: 'close_sql', sql_id: 1 },
				{ type: 'close_sql', sql_id: 77 },
				{ type: 'store_sql', sql_id: 1, sql: 'SELECT 3' },
				{ type: 'execute', stmt: { sql_id: 1 } },
				close,
			],
			{ version: 2 },
		);
		assert.equal(answer.status, 200, answer.text);
		assert.deepEqual(
			answer.json.results.map((one) => one.type),
			Array(11).fill('ok'),
		);
		assert.equal(answer.json.results[2].response.result.rows[0][0].value, '5');
		assert.equal(answer.json.results[9].response.result.rows[0][0].value, '3');
	});

	test('stored texts are bounded in number and size', async () => {
		const many = Array.from({ length: 51 }, (_, i) => ({ type: 'store_sql', sql_id: i, sql: 'SELECT 1' }));
		const { results } = (await pipeline([...many, close])).json;
		assert.equal(results[49].type, 'ok');
		assert.equal(results[50].error.code, 'SQL_STORE_TOO_MANY');
		assert.equal(results[50].error.message, 'The server already stores 50 SQL texts, it cannot store more');
		const long = (size) => ({ type: 'store_sql', sql_id: size, sql: `SELECT 1 --${'x'.repeat(size - 11)}` });
		const large = (await pipeline([long(20000), long(20001), close])).json.results;
		assert.equal(large[0].type, 'ok');
		assert.equal(large[1].error.code, 'SQL_STORE_TOO_LARGE');
		assert.equal(large[1].error.message, 'The statement is too large to be stored: 20001/20000');
	});
});

describe('broken rules', () => {
	const stmt = (fields) => ({ type: 'execute', stmt: fields });
	const conditional = (condition) => ({ type: 'batch', batch: { steps: [{ condition, stmt: { sql: 'SELECT 1' } }] } });
	const rows = [
		[3, [stmt({ sql: 'SELECT 1', sql_id: 1 })], 'Either `sql` or `sql_id` are required, but not both'],
		[3, [stmt({})], 'Either `sql` or `sql_id` are required'],
		[3, [{ type: 'describe' }], 'Either `sql` or `sql_id` are required'],
		[3, [stmt({ sql_id: 9 })], 'SQL text 9 not found'],
		[
			3,
			[
				{ type: 'store_sql', sql_id: 9, sql: 'x' },
				{ type: 'store_sql', sql_id: 9, sql: 'y' },
			],
			'SQL text 9 already exists',
		],
		[3, [conditional({ type: 'ok', step: 0 })], 'Invalid reference to step in a batch condition'],
		[3, [close, stmt({ sql: 'SELECT 1' })], 'Stream for this baton was closed'],
		[2, [{ type: 'get_autocommit' }], /hrana3 and higher$/],
		[3, [{ type: 'nap' }], /^Cannot deserialize client message from JSON: /],
		[3, [conditional({ type: 'maybe' })], /^Cannot deserialize client message from JSON: /],
		[3, [conditional({ type: 'ok', step: -1 })], /^Cannot deserialize client message from JSON: /],
		[3, [stmt({ sql_id: 3e9 })], /^Cannot deserialize client message from JSON: /],
		[3, {}, /^Cannot deserialize client message from JSON: /],
	];
	for (const [version, requests, expected] of rows)
		test(`v${version} ${JSON.stringify(requests)}`, async () => {
			const answer = await pipeline(requests, { version });
			assert.equal(answer.status, 400);
			assert.match(answer.headers['content-type'], /^text\/plain/);
			if (typeof expected === 'string') assert.equal(answer.text, expected);
			else assert.match(answer.text, expected);
		});

	const bodies = [
		['nothing', ''],
		['no JSON', '{"requests": ['],
		['two values', '{"requests": []} {}'],
		['a duplicate member', '{"requests": [], "requests": []}'],
		['broken UTF-8', Buffer.from('7b2262223a22ff227d', 'hex')],
		['deep nesting', `{"requests": ${'['.repeat(200)}${']'.repeat(200)}}`],
		['a list', '[]'],
	];
	for (const [what, body] of bodies)
		test(`a body with ${what} is refused`, async () => {
			for (const path of ['/v2/pipeline', '/v3/pipeline', '/v3/cursor']) {
				const answer = await server.data_plane(db.label, path, body);
				assert.equal(answer.status, 400);
				assert.match(answer.text, /^Cannot deserialize client message from JSON: /);
			}
		});

	test('a body over the limit is 413 with a message and a code', async () => {
		const answer = await server.data_plane(db.label, '/v2/pipeline', 'x'.repeat(64 * 1024 * 1024 + 1));
		assert.equal(answer.status, 413);
		assert.equal(answer.json.code, 'REQUEST_TOO_LARGE');
		assert.match(answer.json.message, /67108864/);
	});

	test('ten blobs of 4 MB go through', async () => {
		const base64 = Buffer.alloc(4_000_000, 7).toString('base64');
		const answer = await pipeline([
			...Array.from({ length: 10 }, () => ({
				type: 'execute',
				stmt: { sql: 'SELECT length(?)', args: [{ type: 'blob', base64 }] },
			})),
			close,
		]);
		assert.equal(answer.status, 200, answer.text.slice(0, 300));
		for (let i = 0; i < 10; i++) assert.equal(answer.json.results[i].response.result.rows[0][0].value, '4000000');
	});
});

describe('cursor', () => {
	const cursor = async (batch, options) => {
		const answer = await server.data_plane(db.label, '/v3/cursor', { baton: null, batch }, options);
		return { ...answer, lines: answer.text.trimEnd().split('\n').map((line) => JSON.parse(line)) };
	};

	test('gives head, columns, rows and ends by lines', async () => {
		const answer = await cursor({
			steps: [
				{ stmt: { sql: 'CREATE TABLE cur(x)' } },
				{ stmt: { sql: 'INSERT INTO cur VALUES (7), (8)' } },
				{ stmt: { sql: 'SELECT x FROM cur' } },
				{ stmt: { sql: 'SELECT * FROM nope' } },
				{ condition: { type: 'ok', step: 3 }, stmt: { sql: 'SELECT 1' } },
				{ condition: { type: 'is_autocommit' }, stmt: { sql: 'SELECT 1', want_rows: false } },
			],
		});
		assert.equal(answer.status, 200, answer.text);
		assert.equal(answer.headers['content-type'], 'text/plain');
		const [head, ...entries] = answer.lines;
		assert.equal(typeof head.baton, 'string');
		assert.equal(head.base_url, null);
		assert.deepEqual(entries, [
			{ type: 'step_begin', step: 0, cols: [] },
			{ type: 'step_end', affected_row_count: 0, last_insert_rowid: null },
			{ type: 'step_begin', step: 1, cols: [] },
			{ type: 'step_end', affected_row_count: 2, last_insert_rowid: 2 },
			{ type: 'step_begin', step: 2, cols: [{ name: 'x', decltype: null }] },
			{ type: 'row', row: [{ type: 'integer', value: '7' }] },
			{ type: 'row', row: [{ type: 'integer', value: '8' }] },
			{ type: 'step_end', affected_row_count: 0, last_insert_rowid: null },
			{ type: 'step_error', step: 3, error: { message: 'SQLite error: no such table: nope', code: 'SQLITE_UNKNOWN' } },
			{ type: 'step_begin', step: 5, cols: [{ name: '1', decltype: null }] },
			{ type: 'step_end', affected_row_count: 0, last_insert_rowid: null },
		]);
	});

	test('a malformed step is an entry of its own, and nothing runs', async () => {
		const answer = await cursor({ steps: [{ stmt: { sql: 'CREATE TABLE never(x)' } }, { stmt: { sql: 'SELEC' } }] });
		assert.equal(answer.status, 200);
		assert.equal(answer.lines.length, 2);
		assert.equal(answer.lines[1].type, 'error');
		assert.equal(answer.lines[1].error.code, 'SQL_PARSE_ERROR');
		assert.deepEqual(await value("SELECT count(*) FROM sqlite_schema WHERE name = 'never'"), { type: 'integer', value: '0' });
	});

	test('its stream goes on in pipelines', async () => {
		const begun = await cursor({ steps: [{ stmt: { sql: 'BEGIN' } }, { stmt: { sql: 'CREATE TABLE gone(x)' } }] });
		const next = await pipeline([{ type: 'get_autocommit' }, execute('ROLLBACK'), close], { baton: begun.lines[0].baton });
		assert.equal(next.json.results[0].response.is_autocommit, false);
		assert.equal(next.json.results[1].type, 'ok');
	});
});

describe('/v1', () => {
	const post = (path, body) => server.data_plane(db.label, path, body);

	test('execute and batch', async () => {
		const one = await post('/v1/execute', { stmt: { sql: 'SELECT ? AS x', args: [to_value('y')] } });
		assert.equal(one.status, 200, one.text);
		assert.deepEqual(one.json.result.rows, [[{ type: 'text', value: 'y' }]]);
		const batch = await post('/v1/batch', { batch: { steps: [{ stmt: { sql: 'SELECT 1' } }, { stmt: { sql: 'SELECT * FROM nope' } }] } });
		assert.equal(batch.status, 200);
		assert.ok(batch.json.result.step_results[0]);
		assert.equal(batch.json.result.step_errors[1].code, 'SQLITE_UNKNOWN');
	});

	test('an SQL error is the answer', async () => {
		const rows = [
			['SELEC', 400, 'SQL_PARSE_ERROR'],
			['SELECT nope', 400, 'SQL_INPUT_ERROR'],
			['SELECT * FROM nope', 500, 'SQLITE_UNKNOWN'],
			['SELECT ?', 400, 'ARGS_INVALID'],
		];
		for (const [sql, status, code] of rows) {
			const answer = await post('/v1/execute', { stmt: { sql } });
			assert.equal(answer.status, status, answer.text);
			assert.equal(answer.json.code, code);
			assert.equal(typeof answer.json.message, 'string');
			assert.equal(answer.headers['content-type'], 'application/json');
		}
	});

	test('has no stored texts and leaves no transaction', async () => {
		const stored = await post('/v1/execute', { stmt: { sql_id: 1 } });
		assert.equal(stored.status, 400);
		assert.match(stored.text, /hrana2 and higher$/);
		await post('/v1/batch', { batch: { steps: [{ stmt: { sql: 'BEGIN' } }, { stmt: { sql: 'CREATE TABLE v1(x)' } }] } });
		assert.deepEqual(await value("SELECT count(*) FROM sqlite_schema WHERE name = 'v1'"), { type: 'integer', value: '0' });
	});
});

describe('legacy POST /', () => {
	const post = (body) => server.data_plane(db.label, '/', body);

	test('runs statements with parameters of all kinds', async () => {
		const answer = await post({
			statements: [
				'CREATE TABLE old(a, b, c, d, e)',
				{ q: 'INSERT INTO old VALUES (?, ?, ?, ?, ?)', params: [1, 2.5, 'x', true, { base64: '/w' }] },
				{ q: 'SELECT * FROM old WHERE a = :a OR a IS $b', params: { ':a': 1, b: null } },
				'',
			],
		});
		assert.equal(answer.status, 200, answer.text);
		const [created, inserted, selected, nothing] = answer.json;
		assert.deepEqual(created.results.columns, []);
		assert.equal(inserted.results.rows_written >= 1, true);
		assert.deepEqual(selected.results.columns, ['a', 'b', 'c', 'd', 'e']);
		assert.deepEqual(selected.results.rows, [[1, 2.5, 'x', 1, { base64: '/w' }]]);
		assert.equal(typeof selected.results.query_duration_ms, 'number');
		assert.deepEqual(nothing.results.rows, []);
	});

	test('stops at the first error', async () => {
		const answer = await post({ statements: ['SELECT 1', 'SELECT * FROM nope', 'SELECT 2'] });
		assert.equal(answer.status, 200);
		assert.ok(answer.json[0].results);
		assert.match(answer.json[1].error, /no such table: nope/);
		assert.equal(answer.json[2], null);
	});

	const rows = [
		[{ statements: ['SELECT 1; SELECT 2'] }, 400, /^Failed to parse query: `/],
		[{ statements: ['SELEC'] }, 400, /^Failed to parse query: `/],
		[{ statements: ['BEGIN', 'CREATE TABLE left_open(x)'] }, 400, /^Query error: `interactive transaction not allowed in HTTP queries`$/],
		[{ statements: ['SAVEPOINT x', 'RELEASE x'] }, 400, /interactive transaction/],
		[{ statements: [{ q: 'SELECT 1', extra: 1 }] }, 422, null],
		[{ statements: 'SELECT 1' }, 422, null],
		['{', 400, null],
	];
	for (const [body, status, message] of rows)
		test(`${JSON.stringify(body)} is ${status}`, async () => {
			const answer = await post(body);
			assert.equal(answer.status, status, answer.text);
			if (message) assert.match(answer.json.error, message);
			else assert.match(answer.headers['content-type'], /^text\/plain/);
		});

	test('what was left open was rolled back', async () => {
		assert.deepEqual(await value("SELECT count(*) FROM sqlite_schema WHERE name = 'left_open'"), { type: 'integer', value: '0' });
	});
});

describe('clients that are in no package of the test suite', () => {
	const post = (path, body, headers = {}) => server.data_plane(db.label, path, JSON.stringify(body), { headers });

	test('§12.3 libsql-stateless: a probe, then v3 pipelines without a content type and with as few members as may be', async () => {
		assert.equal((await server.data_plane(db.label, '/v3', undefined, { method: 'GET', token: null })).status, 200);
		const one = await post('/v3/pipeline', { requests: [{ type: 'execute', stmt: { sql: 'SELECT 1 AS n' } }, { type: 'close' }] });
		assert.equal(one.json.baton, null);
		assert.deepEqual(one.json.results.map(({ response }) => response.type), ['execute', 'close']);
		const ok = (step) => ({ type: 'ok', step });
		const steps = [
			{ stmt: { sql: 'BEGIN DEFERRED' } },
			{ stmt: { sql: 'CREATE TABLE stateless(x)' }, condition: ok(0) },
			{ stmt: { sql: 'INSERT INTO stateless VALUES (?)', args: [{ type: 'float', value: 1 }] }, condition: ok(1) },
			{ stmt: { sql: 'COMMIT' }, condition: ok(2) },
			{ stmt: { sql: 'ROLLBACK' }, condition: { type: 'not', cond: ok(3) } },
		];
		const batch = await post('/v3/pipeline', { requests: [{ type: 'batch', batch: { steps } }, { type: 'close' }] });
		const { step_results, step_errors } = batch.json.results[0].response.result;
		assert.deepEqual(step_errors, [null, null, null, null, null]);
		assert.equal(step_results[2].affected_row_count, 1);
		assert.equal(step_results[4], null);
	});

	test('§12.3 the Rust family: its headers are taken, and every answer to a read is 200', async () => {
		const headers = { 'x-libsql-client-version': 'libsql-remote-0.9.30', 'x-namespace': db.label, 'x-turso-encryption-key': 'none' };
		const described = await post('/v3/pipeline', { baton: null, requests: [{ type: 'describe', sql: 'SELECT :a AS a;' }] }, headers);
		assert.deepEqual(described.json.results[0].response.result.params, [{ name: ':a' }]);
		const stmt = { sql: 'SELECT :a AS a;', sql_id: null, args: [], named_args: [{ name: ':a', value: { type: 'integer', value: '5' } }], want_rows: true, replication_index: null };
		const rows = await post('/v3/cursor', { baton: described.json.baton, batch: { steps: [{ condition: null, stmt }], replication_index: null } }, headers);
		assert.equal(rows.status, 200);
		assert.deepEqual(rows.text.trimEnd().split('\n').map((line) => JSON.parse(line).type ?? 'head'), ['head', 'step_begin', 'row', 'step_end']);
	});
});
