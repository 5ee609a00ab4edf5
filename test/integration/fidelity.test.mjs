// What goes in comes out: values, arguments, columns, counts, batches (spec/hrana.md §2), each over HTTP versions 1, 2 and 3,
// a cursor, and WebSockets of every version.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { startServer, to_stmt, to_value } from '../lib/server.mjs';
import { Wires } from '../lib/wires.mjs';

let server;
let db;
let wires;

before(async () => {
	server = await startServer();
	db = await server.createDatabase('fidelity', ['ord', 'nrt']);
	wires = new Wires(server, db.label);
});
after(async () => {
	wires?.close();
	await server?.stop();
});

const text = (value) => ({ type: 'text', value });
const integer = (value) => ({ type: 'integer', value: String(value) });
const float = (value) => ({ type: 'float', value });
const blob = (base64) => ({ type: 'blob', base64 });
const nil = { type: 'null' };

/// What every way answers, which must be the same everywhere.
async function everywhere(stmt) {
	let first;
	for (const [name, run] of wires.all()) {
		const answer = await run(stmt);
		first ??= answer;
		assert.deepEqual(answer, first, name);
	}
	return first;
}

async function rows_everywhere(stmt) {
	const { rows, error, text: refusal } = await everywhere(stmt);
	assert.ok(rows && !error, JSON.stringify(error) ?? refusal);
	return rows;
}

async function once(statement, { path = '/v3/pipeline' } = {}) {
	const answer = await server.sql(db.label, statement, { path });
	assert.equal(answer.status, 200, answer.text);
	const results = answer.json.results.map((one) => (one.type === 'ok' ? (one.response.result ?? one.response) : one.error));
	return Array.isArray(statement) ? results : results[0];
}

describe('values', () => {
	const integers = ['0', '1', '-1', '9007199254740993', '-9007199254740993', '9223372036854775807', '-9223372036854775808'];
	test('§2 INTEGER is text of 64 bits both ways, to the extremes', async () => {
		for (const value of integers) {
			assert.deepEqual(await rows_everywhere({ sql: 'SELECT ?, typeof(?1)', args: [integer(value)] }), [[integer(value), text('integer')]]);
			assert.deepEqual(await rows_everywhere({ sql: `SELECT ${value === '-9223372036854775808' ? '-9223372036854775807 - 1' : value}` }), [[integer(value)]]);
		}
	});
	test('§2 INTEGER may have a sign and zeros', async () => {
		for (const [given, expected] of [['+5', '5'], ['-0', '0'], ['007', '7'], ['+9223372036854775807', '9223372036854775807']])
			assert.deepEqual(await rows_everywhere({ sql: 'SELECT ?', args: [integer(given)] }), [[integer(expected)]], given);
	});

	// As JSON has them: JavaScript would write -0 and 1e21 otherwise.
	const floats = [
		['0.0', 0],
		['-0.0', -0],
		['5e-324', 5e-324],
		['2.2250738585072014e-308', 2.2250738585072014e-308],
		['1.7976931348623157e308', Number.MAX_VALUE],
		['-1.7976931348623157E+308', -Number.MAX_VALUE],
		['0.1', 0.1],
		['0.30000000000000004', 0.1 + 0.2],
		['1e21', 1e21],
		['123456789.123456789', 123456789.123456789],
		['1', 1],
		['9007199254740993', 9007199254740992],
		['18446744073709551616', 18446744073709551616],
		['1e-400', 0],
	];
	test('§2 REAL comes back to the last bit, also when an integer or an exponent was sent', async () => {
		for (const [given, expected] of floats) {
			const rows = await rows_everywhere(`{"sql":"SELECT ?, typeof(?1)","args":[{"type":"float","value":${given}}]}`);
			assert.ok(Object.is(rows[0][0].value, expected), `${given}: ${rows[0][0].value}`);
			assert.deepEqual(rows[0][1], text('real'), given);
		}
	});
	test('§2 REAL is written in the shortest form that comes back', async () => {
		const answer = await server.sql(db.label, 'SELECT 0.1, 1e21, 5e-324, 1.7976931348623157e308, -0.0, 100.0, 1.0/3');
		const written = [...answer.text.matchAll(/"type":"float","value":([^}]*)\}/g)].map(([, number]) => number);
		assert.equal(written.length, 7, answer.text);
		for (const [i, expected] of [0.1, 1e21, 5e-324, Number.MAX_VALUE, -0, 100, 1 / 3].entries()) {
			assert.ok(Object.is(JSON.parse(written[i]), expected), written[i]);
			assert.ok(written[i].replace(/e.*|[^0-9]/g, '').length <= 17, written[i]);
		}
	});
	test('§2 NaN is NULL, infinities are floats without a value', async () => {
		assert.deepEqual(await rows_everywhere({ sql: "SELECT 9e999, -9e999, 9e999 - 9e999, typeof(9e999), 9e999 > 1e308" }), [
			[float(null), float(null), nil, text('real'), integer(1)],
		]);
	});
	test('§2 NULL travels, in rows, arguments and columns without a name', async () => {
		assert.deepEqual(await rows_everywhere({ sql: 'SELECT ?, NULL, typeof(?1)', args: [nil] }), [[nil, nil, text('null')]]);
	});

	const texts = ['', ' ', 'ä€😀', '"\\/\b\f\n\r\t', '\u0000', 'a\u0000b\u0000', '\u0001\u001f\u007f\u0080', '\u2028\u2029\ufeff', '</script>', "it''s; -- not /* a comment", 'x'.repeat(100_000)];
	test('§2 TEXT travels both ways, NULs, controls and all planes of Unicode', async () => {
		for (const value of texts) {
			const rows = await rows_everywhere({ sql: 'SELECT ?, typeof(?1), length(CAST(?1 AS BLOB))', args: [text(value)] });
			assert.deepEqual(rows, [[text(value), text('text'), integer(Buffer.byteLength(value))]], JSON.stringify(value).slice(0, 80));
		}
	});
	test('§2 TEXT in escapes of JSON, surrogates too', async () => {
		const rows = await rows_everywhere('{"sql":"SELECT ?","args":[{"type":"text","value":"\\u00e4\\ud83d\\ude00\\u0000\\/"}]}');
		assert.deepEqual(rows, [[text('ä😀\u0000/')]]);
	});
	test('§2 TEXT that is no UTF-8 in the database is shown with U+FFFD', async () => {
		const rows = [
			['ff', '\ufffd'],
			['61ff62', 'a\ufffdb'],
			['c3', '\ufffd'],
			['c3a4ff', 'ä\ufffd'],
			['00ff00', '\u0000\ufffd\u0000'],
		];
		for (const [hex, expected] of rows)
			assert.deepEqual(await rows_everywhere({ sql: `SELECT CAST(x'${hex}' AS TEXT)` }), [[text(expected)]], hex);
		// Forms that are cut, overlong, surrogates: how many signs stand for them is free.
		for (const hex of ['e282', 'c0af', 'eda080', 'f8888080', 'f4908080']) {
			const [[{ value }]] = await rows_everywhere({ sql: `SELECT CAST(x'61${hex}62' AS TEXT)` });
			assert.match(value, /^a\ufffd+b$/, hex);
		}
	});

	test('§2 BLOB comes unpadded, of any length, and goes in padded or not', async () => {
		const bytes = Buffer.from([0xfb, 0xff, 0x00, 0x3e, 0x80, 0x7f]);
		for (let size = 0; size <= bytes.length; size++) {
			const padded = bytes.subarray(0, size).toString('base64');
			const bare = padded.replaceAll('=', '');
			for (const given of [padded, bare, `${bare}=`, `${bare}====`]) {
				const rows = await rows_everywhere({ sql: 'SELECT ?, typeof(?1), hex(?1)', args: [blob(given)] });
				assert.deepEqual(rows, [[blob(bare), text('blob'), text(bytes.subarray(0, size).toString('hex').toUpperCase())]], given);
			}
		}
		assert.deepEqual(await rows_everywhere({ sql: "SELECT x'', zeroblob(0), zeroblob(3)" }), [[blob(''), blob(''), blob('AAAA')]]);
	});
	test('§2 a BLOB in another alphabet is refused', async () => {
		for (const given of ['-_', 'A', 'AAAAA', 'A=AA', 'AA\n', ' AA', 'ä', '*']) {
			const answer = await server.sql(db.label, { sql: 'SELECT ?', args: [blob(given)] });
			assert.equal(answer.status, 400, JSON.stringify(given));
			assert.match(answer.text, /^Cannot deserialize client message from JSON: /);
		}
	});

	test('§2 numbers from JavaScript take the affinity of their column', async () => {
		await once('CREATE TABLE affinity(i INTEGER, r REAL, n NUMERIC, t TEXT, b BLOB, x)');
		await once({ sql: 'INSERT INTO affinity VALUES (?1, ?1, ?1, ?1, ?1, ?1)', args: [float(1)] });
		assert.deepEqual(await rows_everywhere({ sql: 'SELECT * FROM affinity' }), [[integer(1), float(1), integer(1), text('1.0'), float(1), float(1)]]);
	});
	test('§2 what was stored is what is read, at the primary and at a replica', async () => {
		await once('CREATE TABLE kept(id INTEGER PRIMARY KEY, v)');
		const values = [...integers.map(integer), float(1e21), float(5e-324), ...texts.slice(0, 9).map(text), blob('AP/+'), nil];
		for (const value of values) await once({ sql: 'INSERT INTO kept(v) VALUES (?)', args: [value] });
		await server.caught_up(db, 'SELECT count(*) FROM kept');
		for (const { label } of db.instances) {
			const answer = await server.sql(label, 'SELECT v FROM kept ORDER BY id');
			assert.deepEqual(answer.json.results[0].response.result.rows.map(([value]) => value), values);
		}
	});
});

describe('arguments', () => {
	const named = (entries) => Object.entries(entries).map(([name, value]) => ({ name, value: to_value(value) }));
	const bound = async (sql, args) => (await rows_everywhere({ sql, ...args }))[0].map((value) => (value.type === 'null' ? null : Number(value.value)));

	test('§2 ? takes the argument of its place, ?N the N-th', async () => {
		const args = [1, 2, 3].map(to_value);
		for (const [sql, expected] of [
			['SELECT ?, ?, ?', [1, 2, 3]],
			['SELECT ?3, ?1, ?2', [3, 1, 2]],
			['SELECT ?2, ?, ?1', [2, 3, 1]],
			['SELECT ?003, ?1, ?3, ?2', [3, 1, 3, 2]],
		])
			assert.deepEqual(await bound(sql, { args }), expected, sql);
	});
	test('§2 names are found with their prefix or without, an exact match first', async () => {
		const rows = [
			['SELECT :a, @b, $c', { a: 1, b: 2, c: 3 }, [1, 2, 3]],
			['SELECT :a, @b, $c', { ':a': 1, '@b': 2, '$c': 3 }, [1, 2, 3]],
			['SELECT :x, @x, $x', { x: 1 }, [1, 1, 1]],
			['SELECT :x, @x, $x', { x: 1, '@x': 2 }, [1, 2, 1]],
			['SELECT :x, $x', { '$x': 2, x: 1 }, [1, 2]],
			['SELECT :x, $x', { x: 1, ':x': 3 }, [3, 1]],
			['SELECT :a, :a, @b', { a: 1, b: 2 }, [1, 1, 2]],
			['SELECT $a::b', { 'a::b': 5 }, [5]],
			['SELECT :ä', { ä: 6 }, [6]],
			// One that nobody asks for is fine while they are not more than the parameters.
			['SELECT :a, :a, :b', { a: 1, b: 2 }, [1, 1, 2]],
		];
		for (const [sql, entries, expected] of rows) assert.deepEqual(await bound(sql, { named_args: named(entries) }), expected, sql);
	});
	test('§2 an unused named argument is accepted while they are not more than the parameters', async () => {
		// A parameter that is found twice over leaves room for one that nobody asks for.
		assert.deepEqual(await bound('SELECT :x, $x', { named_args: named({ x: 1, unused: 2 }) }), [1, 1]);
	});
	const invalid = (what) => ({ error: { message: `Arguments do not match SQL parameters: ${what}`, code: 'ARGS_INVALID' } });
	const refused = [
		['SELECT ?', {}, 'value for parameter 1 not found'],
		['SELECT ?, ?', { args: [1] }, 'value for parameter 2 not found'],
		['SELECT ?2', { args: [1] }, 'value for parameter ?2 not found'],
		['SELECT :a', {}, 'value for parameter :a not found'],
		['SELECT :a', { args: [1] }, 'value for parameter :a not found'],
		['SELECT @a', { named: { b: 1 } }, 'value for parameter @a not found'],
		['SELECT $a', { named: { ':a': 1 } }, 'value for parameter $a not found'],
		['SELECT ?', { named: { 1: 1 } }, 'value for parameter 1 not found'],
		['SELECT ?1', { named: { '?1': 1 } }, 'value for parameter ?1 not found'],
		['SELECT 1', { args: [1] }, 'too many parameters, expected 0 found 1'],
		['SELECT ?', { args: [1, 2, 3] }, 'too many parameters, expected 1 found 3'],
		['SELECT :a', { named: { a: 1, b: 2 } }, 'too many parameters, expected 1 found 2'],
		['SELECT :a, :a', { named: { a: 1, b: 2 } }, 'too many parameters, expected 1 found 2'],
	];
	for (const [sql, { args = [], named: entries = {} }, message] of refused)
		test(`§2 ARGS_INVALID: ${sql} with ${JSON.stringify(args)} and ${JSON.stringify(entries)}`, async () => {
			assert.deepEqual(await everywhere({ sql, args: args.map(to_value), named_args: named(entries) }), invalid(message));
		});
	test('§2 ARGS_BOTH_POSITIONAL_AND_NAMED', async () => {
		const { error } = await everywhere({ sql: 'SELECT ?, :a', args: [to_value(1)], named_args: named({ a: 1 }) });
		assert.deepEqual(error, { message: 'Specifying both positional and named arguments is not supported', code: 'ARGS_BOTH_POSITIONAL_AND_NAMED' });
		// An empty list is none.
		assert.deepEqual(await bound('SELECT :a', { args: [], named_args: named({ a: 1 }) }), [1]);
		assert.deepEqual(await bound('SELECT ?', { args: [to_value(1)], named_args: [] }), [1]);
	});
	test('§2 EXPLAIN needs no arguments', async () => {
		for (const sql of ['EXPLAIN SELECT ?, :a', 'EXPLAIN QUERY PLAN SELECT * FROM sqlite_schema WHERE name = ?'])
			assert.ok((await rows_everywhere({ sql })).length > 0, sql);
	});
	test('§2 thousands of named arguments find their parameters', async () => {
		const count = 5000;
		const sql = `SELECT sum(column1), sum(column2) FROM (VALUES ${Array.from({ length: count }, (_, i) => `(:n${i}, $n${i})`).join(',')})`;
		const entries = Object.fromEntries(Array.from({ length: count }, (_, i) => [[`n${i}`, i], [`$n${i}`, 1]]).flat());
		assert.deepEqual((await once({ sql, args: entries })).rows, [[integer((count * (count - 1)) / 2), integer(count)]]);
	});
	test('§6 32766 parameters are bound, by place and by number; 32767 are refused', async () => {
		const count = 32766;
		const args = Array.from({ length: count + 1 }, (_, i) => integer(i));
		const sum = String((count * (count - 1)) / 2);
		const values = (each) => `SELECT count(*), sum(column1) FROM (VALUES ${Array.from({ length: count }, (_, i) => `(${each(i)})`).join(',')})`;
		const forms = [() => '?', (i) => `?${i + 1}`];
		for (const form of [0, 1])
			// Half of the ways each: what is between the ways and the engine does not know the form.
			for (const [name, run] of wires.all().filter((_, i) => i % 2 === form)) {
				const answer = await run({ sql: values(forms[form]), args: args.slice(0, count) });
				assert.deepEqual(answer.rows, [[integer(count), integer(sum)]], `${name}: ${JSON.stringify(answer.error)}`);
			}
		const numbered = await everywhere({ sql: 'SELECT ?32767', args });
		assert.match(numbered.error.message, /variable number must be between \?1 and \?32766/);
		const placed = await once({ sql: values(() => '?').replace('(?)', '(?),(?)'), args });
		assert.match(placed.message, /too many SQL variables/);
	});
});

describe('columns', () => {
	test('§2 duplicate names are kept in order', async () => {
		const { cols, rows } = await everywhere({ sql: 'SELECT 1 AS a, 2 AS b, 3 AS a, 4 AS A, 5 AS ""' });
		assert.deepEqual(cols.map(({ name }) => name), ['a', 'b', 'a', 'A', '']);
		assert.deepEqual(rows, [[1, 2, 3, 4, 5].map(integer)]);
	});
	test('§2 decltype of plain table columns as written, else null', async () => {
		await once('CREATE TABLE types(a VARCHAR(10), b  double   precision, c, d INTEGER PRIMARY KEY, e "my type", f DECIMAL(10,5) NOT NULL, g TEXT AS (a || 1))');
		await once('CREATE VIEW types_view AS SELECT a, f + 1 AS h FROM types');
		const { cols } = await everywhere({ sql: 'SELECT a, b, c, d, e, f, g, a || b, rowid, (SELECT a FROM types), t.a FROM types AS t' });
		assert.deepEqual(
			cols.map(({ decltype }) => decltype),
			['VARCHAR(10)', 'double   precision', null, 'INTEGER', 'my type', 'DECIMAL(10,5)', 'TEXT', null, 'INTEGER', 'VARCHAR(10)', 'VARCHAR(10)'],
		);
		const view = await everywhere({ sql: 'SELECT * FROM types_view' });
		assert.deepEqual(view.cols, [{ name: 'a', decltype: 'VARCHAR(10)' }, { name: 'h', decltype: null }]);
	});
	test('§2 names of columns are Unicode and may be anything', async () => {
		const { cols } = await everywhere({ sql: 'SELECT 1 AS "ä 😀", 2 AS "a""b\\c", 3 AS [x\ny]' });
		assert.deepEqual(cols.map(({ name }) => name), ['ä 😀', 'a"b\\c', 'x\ny']);
	});
	test('§2 columns are there without rows, and none for statements without', async () => {
		assert.deepEqual(await everywhere({ sql: 'SELECT 1 AS x WHERE 0' }), {
			cols: [{ name: 'x', decltype: null }],
			rows: [],
			affected_row_count: 0,
			last_insert_rowid: null,
		});
		assert.deepEqual((await everywhere({ sql: 'CREATE TABLE IF NOT EXISTS columnless(x)' })).cols, []);
	});
	test('§2 2000 columns', async () => {
		const names = Array.from({ length: 2000 }, (_, i) => `c${i}`);
		await once(`CREATE TABLE wide(${names.map((name) => `${name} INT`).join(', ')})`);
		await once({ sql: `INSERT INTO wide VALUES (${names.map(() => '?').join(', ')})`, args: names.map((_, i) => integer(i)) });
		const { cols, rows } = await everywhere({ sql: 'SELECT * FROM wide' });
		assert.deepEqual(cols, names.map((name) => ({ name, decltype: 'INT' })));
		assert.deepEqual(rows, [names.map((_, i) => integer(i))]);
		const { error } = await everywhere({ sql: `SELECT ${'1,'.repeat(2000)}1` });
		assert.match(error.message, /too many columns in result set/);
	});
	test('§0.9 want_rows false: the columns and no rows', async () => {
		const found = await everywhere({ sql: 'SELECT 1 AS x UNION SELECT 2', want_rows: false });
		assert.deepEqual(found, { cols: [{ name: 'x', decltype: null }], rows: [], affected_row_count: 0, last_insert_rowid: null });
		await once('CREATE TABLE unwanted(x)');
		const returning = await once({ sql: 'INSERT INTO unwanted VALUES (1), (2) RETURNING x', want_rows: false });
		assert.deepEqual([returning.rows, returning.cols.length, returning.affected_row_count, returning.last_insert_rowid], [[], 1, 2, '2']);
	});
});

describe('counts', () => {
	before(() =>
		once([
			'CREATE TABLE counted(id INTEGER PRIMARY KEY, u UNIQUE, n)',
			'CREATE TABLE counted_log(id INTEGER PRIMARY KEY, x)',
			'CREATE TRIGGER counted_t AFTER INSERT ON counted BEGIN INSERT INTO counted_log(id, x) VALUES (NULL, 1), (NULL, 2), (NULL, 3); END',
			'CREATE TABLE parent(id INTEGER PRIMARY KEY)',
			'CREATE TABLE child(p REFERENCES parent ON DELETE CASCADE)',
			'CREATE TABLE bare(k TEXT PRIMARY KEY) WITHOUT ROWID',
			'CREATE VIEW shown AS SELECT n FROM counted',
			'CREATE TRIGGER shown_t INSTEAD OF INSERT ON shown BEGIN INSERT INTO counted_log(x) VALUES (new.n); END',
		]),
	);
	// Each in a stream of its own, over every way in turn, so that none is run twice.
	const table = [
		["INSERT INTO counted(id, u) VALUES (10, 'a')", 1, '10', 'an INSERT whose trigger writes more'],
		["INSERT INTO counted(u) VALUES ('b'), ('c')", 2, '12', 'several rows'],
		["INSERT INTO counted(u) VALUES ('d') RETURNING id, u", 1, '13', 'RETURNING'],
		["INSERT OR IGNORE INTO counted(u) VALUES ('a')", 0, '0', 'OR IGNORE that did nothing: the stream\'s old rowid'],
		["INSERT INTO counted(u) VALUES ('a') ON CONFLICT DO NOTHING", 0, '0', 'ON CONFLICT DO NOTHING'],
		["INSERT INTO counted(u) VALUES ('a') ON CONFLICT(u) DO UPDATE SET n = 5", 1, '0', 'an UPSERT that updates'],
		["INSERT OR REPLACE INTO counted(id, u) VALUES (20, 'b')", 1, '20', 'OR REPLACE'],
		["REPLACE INTO counted(id, u) VALUES (21, 'c')", 1, '21', 'REPLACE'],
		["WITH x AS (SELECT 'e') INSERT INTO counted(u) SELECT * FROM x", 1, '22', 'WITH … INSERT'],
		['UPDATE counted SET n = 1 WHERE id >= 20', 3, null, 'UPDATE'],
		['UPDATE counted SET n = 2 WHERE id >= 20 RETURNING id', 3, null, 'UPDATE … RETURNING'],
		['UPDATE counted SET n = 2 WHERE 0', 0, null, 'UPDATE of nothing'],
		['WITH x AS (SELECT 22) DELETE FROM counted WHERE id IN (SELECT * FROM x)', 1, null, 'WITH … DELETE'],
		['DELETE FROM counted WHERE id = 21 RETURNING *', 1, null, 'DELETE … RETURNING'],
		['DELETE FROM counted_log', 21, null, 'DELETE of all'],
		["INSERT INTO bare VALUES ('k')", 1, '0', 'a table without rowids'],
		['INSERT INTO shown VALUES (1)', 0, '0', 'INSERT into a view, whose triggers do the work'],
		['SELECT * FROM counted', 0, null, 'SELECT'],
		['CREATE TABLE counted_copy AS SELECT * FROM counted', 0, null, 'CREATE TABLE … AS'],
		['DROP TABLE counted_copy', 0, null, 'DROP'],
		['PRAGMA table_info(counted)', 0, null, 'PRAGMA'],
		['EXPLAIN INSERT INTO counted(u) VALUES (1)', 0, null, 'EXPLAIN'],
		['BEGIN', 0, null, 'BEGIN'],
	];
	for (const [i, [sql, count, rowid, what]] of table.entries())
		test(`§2 affected_row_count and last_insert_rowid: ${what}`, async () => {
			const ways = wires.all();
			const [name, run] = ways[i % ways.length];
			const found = await run({ sql });
			assert.ok(!found.error, `${name}: ${JSON.stringify(found.error)}`);
			assert.equal(found.affected_row_count, count, name);
			assert.equal(found.last_insert_rowid, rowid, name);
		});
	test('§2 rows of FK actions do not count', async () => {
		const results = await once(['PRAGMA foreign_keys = ON', 'INSERT INTO parent VALUES (1), (2)', 'INSERT INTO child VALUES (1), (1), (2)', 'DELETE FROM parent', 'SELECT count(*) FROM child']);
		assert.equal(results[3].affected_row_count, 2);
		assert.deepEqual(results[4].rows, [[integer(0)]]);
	});
	test('§2 last_insert_rowid beyond 2^53 keeps every digit; on HTTP cursors it is a number, elsewhere text', async () => {
		const big = '9007199254740993';
		const answer = await server.data_plane(db.label, '/v3/cursor', { batch: { steps: [{ stmt: { sql: `INSERT INTO counted_log(id) VALUES (${big})` } }] } });
		assert.ok(answer.text.includes(`"last_insert_rowid":${big}`), answer.text);
		assert.equal((await once(`INSERT INTO counted_log(id) VALUES (${Number.MAX_SAFE_INTEGER})`)).last_insert_rowid, String(Number.MAX_SAFE_INTEGER));
		assert.equal((await once('INSERT INTO counted_log(id) VALUES (-9223372036854775808)')).last_insert_rowid, '-9223372036854775808');
	});
});

describe('what SQLite is built with', () => {
	test('FTS5', async () => {
		await once(['CREATE VIRTUAL TABLE words USING fts5(body, tokenize = \'porter\')', "INSERT INTO words VALUES ('running fast'), ('slow walk')"]);
		assert.deepEqual(await rows_everywhere({ sql: "SELECT rowid, highlight(words, 0, '<', '>') FROM words WHERE words MATCH ?", args: [text('run')] }), [[integer(1), text('<running> fast')]]);
	});
	test('R-Tree', async () => {
		await once(['CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1)', 'INSERT INTO boxes VALUES (1, 0, 1, 0, 1), (2, 5, 6, 5, 6)']);
		assert.deepEqual(await rows_everywhere({ sql: 'SELECT id FROM boxes WHERE x0 >= ? AND x1 <= ?', args: [4, 7].map(to_value) }), [[integer(2)]]);
	});
	test('JSON and JSONB', async () => {
		assert.deepEqual(await rows_everywhere({ sql: `SELECT json_extract(?1, '$.a[1]'), ?1 ->> '$.b', json_array(1, 'x', NULL), json_group_array(value) FROM json_each('[1,2]')`, args: [text('{"a":[1,2.5],"b":"ä"}')] }), [
			[float(2.5), text('ä'), text('[1,"x",null]'), text('[1,2]')],
		]);
		assert.deepEqual(await rows_everywhere({ sql: `SELECT json(jsonb('{"a":1}')), typeof(jsonb('[]'))` }), [[text('{"a":1}'), text('blob')]]);
	});
	test('generated columns, STRICT, window functions, mathematical functions', async () => {
		await once(['CREATE TABLE made(a INT, twice INT AS (a * 2) STORED, thrice INT AS (a * 3) VIRTUAL) STRICT', 'INSERT INTO made(a) VALUES (2), (3)']);
		assert.deepEqual(await rows_everywhere({ sql: 'SELECT *, sum(a) OVER (ORDER BY a) FROM made' }), [
			[2, 4, 6, 2].map(integer),
			[3, 6, 9, 5].map(integer),
		]);
		assert.deepEqual(await rows_everywhere({ sql: 'SELECT sqrt(4), pow(2, 10), iif(1, 2, 3)' }), [[float(2), float(1024), integer(2)]]);
	});
});

describe('large results', () => {
	const row_bytes = 4_000_000;
	const row_count = 25;
	const sql = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${row_count}) SELECT i, zeroblob(${row_bytes}) FROM n`;

	test('§3.3 100 MB of blobs go through a cursor', async () => {
		// Counted, not kept: 133 MB of base64.
		const counts = await new Promise((resolve, reject) => {
			const call = http.request(`${server.url}/db/${db.label}/v3/cursor`, { method: 'POST', agent: server.agent, headers: { authorization: `Bearer ${db.jwt}` } });
			call.on('error', reject);
			call.on('response', (response) => {
				const found = { status: response.statusCode, bytes: 0, lines: 0, end: '' };
				response.on('data', (part) => {
					found.bytes += part.length;
					for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, at + 1)) found.lines++;
					found.end = (found.end + part.toString('latin1')).slice(-200);
				});
				response.on('end', () => resolve(found));
				response.on('error', reject);
			});
			call.end(JSON.stringify({ batch: { steps: [{ stmt: { sql } }] } }));
		});
		assert.equal(counts.status, 200);
		assert.equal(counts.lines, row_count + 3);
		assert.ok(counts.bytes > (row_count * row_bytes * 4) / 3, String(counts.bytes));
		assert.match(counts.end, /"type":"step_end"/);
	});
	test('§6 the same at once is too large', async () => {
		const failed = await once(sql);
		assert.equal(failed.code, 'RESPONSE_TOO_LARGE');
		assert.match(failed.message, /^Response is too large/);
	});
	test('§6 one value over 5,000,000 bytes is SQLITE_TOOBIG', async () => {
		assert.deepEqual(await rows_everywhere({ sql: 'SELECT length(zeroblob(5000000))' }), [[integer(5000000)]]);
		const { error } = await everywhere({ sql: 'SELECT zeroblob(5000001)' });
		assert.deepEqual(error, { message: 'SQLite error: string or blob too big', code: 'SQLITE_TOOBIG' });
	});
});

describe('one blob of 100 MB', () => {
	const size = 100_000_000;
	const rows_in = (answer) => {
		assert.equal(answer.json?.results[0].type, 'ok', answer.text.slice(0, 300));
		return answer.json.results[0].response.result.rows;
	};
	let large;
	let store;
	before(async () => {
		const frugal = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? 'detect_leaks=1'}:quarantine_size_mb=4` };
		large = await startServer({ args: ['--row-size-max', '110mb', '--result-bytes-max', '200mb', '--request-body-max', '200mb'], env: frugal });
		store = await large.createDatabase('large');
	});
	after(() => large?.stop());
	test('§2 goes in, is stored, and comes out with row-size-max, result-bytes-max and request-body-max raised', async () => {
		const bytes = Buffer.alloc(size);
		for (let at = 0; at < size; at += 4096) bytes.writeUInt32LE(at, at);
		await large.rows(store.label, 'CREATE TABLE b(v)');
		const body = Buffer.concat([
			Buffer.from('{"requests":[{"type":"execute","stmt":{"sql":"INSERT INTO b VALUES (?)","args":[{"type":"blob","base64":"'),
			Buffer.from(bytes.toString('base64'), 'latin1'),
			Buffer.from('"}]}},{"type":"close"}]}'),
		]);
		const put = await large.data_plane(store.label, '/v2/pipeline', body);
		assert.equal(put.json?.results[0].type, 'ok', put.text.slice(0, 300));
		const got = await large.sql(store.label, 'SELECT v FROM b');
		const [[value]] = rows_in(got);
		assert.ok(Buffer.from(value.base64, 'base64').equals(bytes));
	});
});

describe('batches, sequences, describe', () => {
	const step = (sql, condition = null) => ({ condition, stmt: to_stmt(sql) });
	const ok = (number) => ({ type: 'ok', step: number });
	const error = (number) => ({ type: 'error', step: number });
	const not = (cond) => ({ type: 'not', cond });
	const and = (...conds) => ({ type: 'and', conds });
	const or = (...conds) => ({ type: 'or', conds });
	const autocommit = { type: 'is_autocommit' };
	const good = 'SELECT 1';
	const bad = 'SELECT * FROM nowhere';

	/// "ok", "error" or "skip" of each step: by HTTP versions 1 to 3, a cursor, and a WebSocket.
	async function judged(steps, { version = 1 } = {}) {
		const batch = { steps };
		const of_result = ({ step_results, step_errors }) => steps.map((_, i) => (step_results[i] ? 'ok' : step_errors[i] ? 'error' : 'skip'));
		const found = [];
		if (version === 1) {
			const answer = await server.data_plane(db.label, '/v1/batch', { batch });
			assert.equal(answer.status, 200, answer.text);
			found.push(of_result(answer.json.result));
			found.push(of_result((await server.sql(db.label, { type: 'batch', batch })).json.results[0].response.result));
		}
		found.push(of_result((await server.sql(db.label, { type: 'batch', batch }, { path: '/v3/pipeline' })).json.results[0].response.result));
		const cursor = await server.data_plane(db.label, '/v3/cursor', { batch });
		const outcome = steps.map(() => 'skip');
		let begun;
		for (const entry of cursor.text.trimEnd().split('\n').map((line) => JSON.parse(line)).slice(1)) {
			if (entry.type === 'step_begin') begun = entry.step;
			if (entry.type === 'step_end') outcome[begun] = 'ok';
			if (entry.type === 'step_error') outcome[entry.step] = 'error';
		}
		found.push(outcome);
		const socket = wires.socket('hrana3');
		await socket.ask({ type: 'open_stream', stream_id: 9 });
		found.push(of_result((await socket.ask({ type: 'batch', stream_id: 9, batch })).result));
		await socket.ask({ type: 'close_stream', stream_id: 9 });
		for (const one of found) assert.deepEqual(one, found[0]);
		return found[0];
	}

	const conditions = [
		['ok holds for a step that succeeded', ok(0), 'ok'],
		['ok does not hold for one that failed', ok(1), 'skip'],
		['nor for one that was skipped', ok(2), 'skip'],
		['error holds for a step that failed', error(1), 'ok'],
		['error does not hold for one that succeeded', error(0), 'skip'],
		['nor for one that was skipped', error(2), 'skip'],
		['not turns it around', not(ok(1)), 'ok'],
		['not of a skipped step\'s ok and error', and(not(ok(2)), not(error(2))), 'ok'],
		['an empty and is true', and(), 'ok'],
		['an empty or is false', or(), 'skip'],
		['nested empty lists', and(and(), not(or()), not(and(or()))), 'ok'],
		['nested empty lists, turned around', or(or(), and(or()), not(and())), 'skip'],
		['and of both', and(ok(0), ok(1)), 'skip'],
		['or of both', or(ok(1), ok(0)), 'ok'],
		['deeply nested', Array.from({ length: 50 }).reduce((inner) => not(not(and(or(inner)))), ok(0)), 'ok'],
	];
	for (const [what, condition, expected] of conditions)
		test(`§2 a condition: ${what}`, async () => {
			const depth = JSON.stringify(condition).split('{').length;
			if (depth > 100) {
				// Deeper than JSON may be nested: the request is refused whole.
				const answer = await server.sql(db.label, { type: 'batch', batch: { steps: [step(good), step(good, condition)] } });
				assert.equal(answer.status, 400);
				return;
			}
			assert.deepEqual(await judged([step(good), step(bad), step(good, or()), step(good, condition)]), ['ok', 'error', 'skip', expected]);
		});
	test('§2 is_autocommit is of the moment before the step', async () => {
		const steps = [step(good, autocommit), step('BEGIN'), step(good, autocommit), step(good, not(autocommit)), step('ROLLBACK', not(autocommit)), step(good, autocommit)];
		assert.deepEqual(await judged(steps, { version: 3 }), ['ok', 'ok', 'skip', 'ok', 'ok', 'ok']);
	});
	test('§2 a condition names an earlier step only', async () => {
		for (const condition of [ok(0), ok(1), error(0), not(ok(0)), and(ok(0)), or(and(error(7)))]) {
			const answer = await server.sql(db.label, { type: 'batch', batch: { steps: [step(good, condition)] } });
			assert.equal(answer.status, 400);
			assert.equal(answer.text, 'Invalid reference to step in a batch condition');
		}
	});
	test('§2 errors inside steps never abort the batch; a null condition is none', async () => {
		assert.deepEqual(await judged([step(bad), { stmt: { sql: good } }, step('INSERT INTO nowhere VALUES (1)'), step({ sql: 'SELECT ?' }), step(good)]), ['error', 'ok', 'error', 'error', 'ok']);
	});
	test('§2 ROLLBACK without a transaction is an error of its step', async () => {
		assert.deepEqual(await judged([step('BEGIN'), step('COMMIT'), step('ROLLBACK')]), ['ok', 'ok', 'error']);
	});

	test('§2 the end of a text is looked at before anything of it runs', async () => {
		await once('CREATE TABLE tail(x)');
		for (const sql of ['INSERT INTO tail VALUES (1); SELECT 2', 'INSERT INTO tail VALUES (1); SELEC', 'INSERT INTO tail VALUES (1); INSERT INTO tail VALUES (2)'])
			assert.equal((await everywhere({ sql })).error.code, 'SQL_MANY_STATEMENTS', sql);
		assert.deepEqual((await once('SELECT count(*) FROM tail')).rows, [[integer(0)]]);
	});
	test('§2 a sequence that fails in the middle keeps what ran before', async () => {
		const [sequence, rows] = await once([{ type: 'sequence', sql: 'CREATE TABLE s1(x); INSERT INTO s1 VALUES (1); INSERT INTO nowhere VALUES (1); INSERT INTO s1 VALUES (2)' }, 'SELECT x FROM s1']);
		assert.equal(sequence.code, 'SQLITE_UNKNOWN');
		assert.deepEqual(rows.rows, [[integer(1)]]);
	});
	test('§2 a transaction that the text opened stays open on the stream', async () => {
		const results = await once([
			{ type: 'sequence', sql: 'CREATE TABLE s2(x); BEGIN; INSERT INTO s2 VALUES (1); INSERT INTO nowhere VALUES (1); COMMIT' },
			{ type: 'get_autocommit' },
			'SELECT count(*) FROM s2',
			'ROLLBACK',
			'SELECT count(*) FROM s2',
		]);
		assert.equal(results[0].code, 'SQLITE_UNKNOWN');
		assert.equal(results[1].is_autocommit, false);
		assert.deepEqual([results[2].rows, results[4].rows], [[[integer(1)]], [[integer(0)]]]);
	});
	test('§2 a sequence with a syntax error in its last statement runs none', async () => {
		const results = await once([{ type: 'sequence', sql: 'CREATE TABLE s3(x); INSERT INTO s3 VALUES (1); SELEC' }, 'SELECT * FROM s3']);
		assert.deepEqual(results.slice(0, 2).map(({ code }) => code), ['SQL_PARSE_ERROR', 'SQLITE_UNKNOWN']);
	});
	test('§2 a sequence takes empty statements, comments, triggers, and discards rows', async () => {
		const results = await once([
			{ type: 'sequence', sql: '' },
			{ type: 'sequence', sql: ' ;; -- nothing\n/* more */ ;' },
			{
				type: 'sequence',
				sql: `CREATE TABLE s4(x); CREATE TRIGGER s4_t AFTER INSERT ON s4 WHEN new.x < 3 BEGIN INSERT INTO s4 VALUES (new.x + 1); SELECT CASE WHEN 1 THEN 2 END; END;
				INSERT INTO s4 VALUES (1); SELECT ';' FROM s4; -- the end`,
			},
			'SELECT group_concat(x) FROM s4',
		]);
		assert.deepEqual(results.slice(0, 3), [{ type: 'sequence' }, { type: 'sequence' }, { type: 'sequence' }]);
		assert.deepEqual(results[3].rows, [[text('1,2')]]);
	});
	test('§2 a sequence has no parameters', async () => {
		const [found] = await once([{ type: 'sequence', sql: 'SELECT ?' }]);
		assert.equal(found.code, 'ARGS_INVALID');
	});

	const describe_rows = [
		['SELECT 1', [], ['1'], true, false],
		['SELECT ?, ?', [null, null], ['?', '?'], true, false],
		['SELECT ?5, ?2', [null, '?2', null, null, '?5'], ['?5', '?2'], true, false],
		['SELECT :a, @b, $c, :a, ?', [':a', '@b', '$c', null], [':a', '@b', '$c', ':a', '?'], true, false],
		['INSERT INTO described VALUES (:id, ?) RETURNING id, label', [':id', null], ['id', 'label'], false, false],
		['UPDATE described SET id = ?', [null], [], false, false],
		['CREATE TABLE never_made(x)', [], [], false, false],
		['DROP TABLE described', [], [], false, false],
		['BEGIN', [], [], true, false],
		['BEGIN TRANSACTION READONLY', [], [], true, false],
		['COMMIT', [], [], true, false],
		['ROLLBACK', [], [], true, false],
		['SAVEPOINT s', [], [], true, false],
		['PRAGMA table_info(described)', [], ['cid', 'name', 'type', 'notnull', 'dflt_value', 'pk'], true, false],
		['PRAGMA foreign_keys', [], ['foreign_keys'], true, false],
		['PRAGMA user_version = 5', [], [], false, false],
		['EXPLAIN SELECT ?', [null], ['addr', 'opcode', 'p1', 'p2', 'p3', 'p4', 'p5', 'comment'], true, true],
		['EXPLAIN QUERY PLAN SELECT 1', [], ['id', 'parent', 'notused', 'detail'], true, true],
		['SELECT 1; SELECT 2', [], ['1'], true, false],
		['', 'SQL_NO_STATEMENT'],
		['SELEC', 'SQL_PARSE_ERROR'],
		['SELECT nope FROM described', 'SQL_INPUT_ERROR'],
		['SELECT * FROM nowhere', 'SQLITE_UNKNOWN'],
		['CREATE TEMP TABLE x(y)', 'SQL_PARSE_ERROR'],
	];
	test('§2 describe tells parameters, columns and kind, and runs nothing', async () => {
		await once('CREATE TABLE described(id INTEGER PRIMARY KEY, label VARCHAR(5))');
		await server.caught_up(db, 'SELECT count(*) FROM sqlite_schema');
		const socket = wires.socket('hrana2');
		await socket.ask({ type: 'open_stream', stream_id: 3 });
		for (const [sql, params, cols, is_readonly, is_explain] of describe_rows)
			for (const found of [
				...(await Promise.all(
					db.instances.map(async ({ label }) => {
						const [first] = (await server.sql(label, { type: 'describe', sql })).json.results;
						return first.response ?? first;
					}),
				)),
				await socket.ask({ type: 'describe', stream_id: 3, sql }),
			]) {
				if (typeof params === 'string') {
					assert.equal(found.error?.code, params, sql);
					continue;
				}
				const { result } = found;
				assert.ok(result, `${sql}: ${JSON.stringify(found)}`);
				assert.deepEqual(result.params, params.map((name) => ({ name })), sql);
				assert.deepEqual(result.cols.map(({ name }) => name), cols, sql);
				assert.deepEqual([result.is_readonly, result.is_explain], [is_readonly, is_explain], sql);
			}
		assert.deepEqual((await once('SELECT count(*) FROM described')).rows, [[integer(0)]]);
	});
	test('§2 describe inside a transaction sees its own schema', async () => {
		const results = await once(['BEGIN', 'CREATE TABLE inside(a INT, b)', { type: 'describe', sql: 'SELECT * FROM inside' }, 'ROLLBACK', { type: 'describe', sql: 'SELECT * FROM inside' }]);
		assert.deepEqual(results[2].cols, [{ name: 'a', decltype: 'INT' }, { name: 'b', decltype: null }]);
		assert.equal(results[4].code, 'SQLITE_UNKNOWN');
	});
});
