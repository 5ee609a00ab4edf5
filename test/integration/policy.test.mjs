// Which SQL a client may run, with which token, and what it is told if not (spec/hrana.md §5, §6, §7, §10): one table a
// rule, through tokens that read and that write, at a primary and at a replica.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { from_value, rows_of, startServer, to_stmt, until } from '../lib/server.mjs';

let server;
let db;
let read_only;
const places = ['primary', 'replica'];
const label_at = (place) => db.instances[places.indexOf(place)].label;

async function api(method, path, body) {
	const answer = await server.api(method, path, body);
	assert.equal(answer.status, 200, answer.text);
	return answer.json;
}

before(async () => {
	server = await startServer();
	db = await server.createDatabase('policy', ['ord', 'nrt']);
	read_only = (await api('POST', `${db.path}/auth/tokens?authorization=read-only`)).jwt;
	const answer = await server.sql(db.label, [
		'CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE)',
		'CREATE INDEX i ON t(v)',
		"INSERT INTO t(v) VALUES ('one'), ('two')",
	]);
	assert.ok(answer.json.results.every((one) => one.type === 'ok'), answer.text);
	await server.caught_up(db, 'SELECT * FROM t');
});
after(() => server?.stop());

const execute = (statement) => ({ type: 'execute', stmt: to_stmt(statement) });

/// Each statement's outcome in a stream of its own requests: "ok", a code, or "403" for all when the request was
/// refused as a whole.
async function outcomes(place, statements, { token, version = 3 } = {}) {
	const answer = await server.sql(label_at(place), statements, { token, path: `/v${version}/pipeline` });
	if (answer.status !== 200) return statements.map(() => String(answer.status));
	return answer.json.results.slice(0, statements.length).map((one) => (one.type === 'ok' ? 'ok' : one.error.code));
}

/// Each statement in a stream of its own, several at once: { sql: outcome }.
async function each_alone(place, statements, options) {
	const found = {};
	const left = [...statements];
	const work = async () => {
		for (let sql; (sql = left.shift()) !== undefined; ) [found[sql]] = await outcomes(place, [sql], options);
	};
	await Promise.all(Array.from({ length: 4 }, work));
	return found;
}

const all_are = (statements, outcome) => Object.fromEntries(statements.map((sql) => [sql, outcome]));

// -- PRAGMA -------------------------------------------------------------------------------------------

// Name and an argument that it knows.
const read_class = {
	table_list: 't',
	index_list: 't',
	table_info: 't',
	table_xinfo: 't',
	index_info: 'i',
	index_xinfo: 'i',
	pragma_list: '1',
	compile_options: '1',
	database_list: '1',
	function_list: '1',
	module_list: '1',
	encoding: "'UTF-16le'",
};
// Of the write class: those that only read whatever they are given, and those that set something when they are given it.
const looking = {
	foreign_key_list: 't',
	foreign_key_check: 't',
	collation_list: '1',
	data_version: '1',
	freelist_count: '1',
	integrity_check: '5',
	quick_check: '5',
	legacy_file_format: '1',
	page_count: '1',
	stats: '1',
};
const setting = { foreign_keys: 'OFF', defer_foreign_keys: '0', user_version: '0' };
const only_shown = {
	...{ analysis_limit: 5, application_id: 5, auto_vacuum: 1, automatic_index: 0, busy_timeout: 1, cache_size: 5 },
	...{ cache_spill: 0, cell_size_check: 1, checkpoint_fullfsync: 1, fullfsync: 1, hard_heap_limit: 1000 },
	...{ journal_mode: 'DELETE', journal_size_limit: 5, legacy_alter_table: 1, locking_mode: 'EXCLUSIVE' },
	...{ max_page_count: 5, mmap_size: 5, page_size: 512, query_only: 1, read_uncommitted: 1, recursive_triggers: 1 },
	...{ reverse_unordered_selects: 1, secure_delete: 1, soft_heap_limit: 5, synchronous: 'OFF', temp_store: 2 },
	...{ threads: 2, trusted_schema: 1, wal_autocheckpoint: 5, schema_version: 5 },
};
const refused = {
	...{ case_sensitive_like: 1, ignore_check_constraints: 1, incremental_vacuum: 5, optimize: 1, parser_trace: 1 },
	...{ shrink_memory: 1, wal_checkpoint: 'TRUNCATE', writable_schema: 'ON', temp_store_directory: "'/tmp'" },
	...{ data_store_directory: "'/tmp'", full_column_names: 1, vdbe_debug: 1, key: "'x'", rekey: "'x'", nothing_known: 1 },
	...{ empty_result_callbacks: 1, count_changes: 1, lock_status: 1, activate_extensions: "'x'", hexkey: "'00'" },
};

const mixed = (name) => [...name].map((c, i) => (i % 2 ? c.toUpperCase() : c)).join('');
const plain_forms = (name) => [
	`PRAGMA ${name}`,
	`pragma ${name};`,
	`PRAGMA main.${name}`,
	`PrAgMa Main . ${mixed(name)} -- shown`,
	`/* first */ PRAGMA/**/${name.toUpperCase()}`,
];
const argument_forms = (name, argument) => [
	`PRAGMA ${name} = ${argument}`,
	`PRAGMA ${name}(${argument})`,
	`PRAGMA main.${name}=${argument}`,
	`pragma MAIN.${mixed(name)} ( ${argument} );`,
];
const explained = (name, argument) => [`EXPLAIN PRAGMA ${name}(${argument})`, `EXPLAIN QUERY PLAN PRAGMA ${name} = ${argument}`];
const forms_of = (table, make) => Object.entries(table).flatMap(([name, argument]) => make(name, argument));

for (const place of places)
	describe(`PRAGMA at the ${place}`, () => {
		const judge = async (statements, outcome, options) => {
			// What all is fine or refused alone goes in one stream: the state of one must not let another through.
			const found = await outcomes(place, statements, options);
			assert.deepEqual(Object.fromEntries(statements.map((sql, i) => [sql, found[i]])), all_are(statements, outcome));
		};
		for (const who of ['rw', 'ro']) {
			const options = () => ({ token: who === 'ro' ? read_only : undefined });
			test(`§10 PRAGMAs of class Read run with and without argument (${who} token)`, () =>
				judge(forms_of(read_class, (name, argument) => [...plain_forms(name), ...argument_forms(name, argument)]), 'ok', options()));
			test(`§10 PRAGMAs of class Write run with and without argument when they only look (${who} token)`, () =>
				judge(forms_of(looking, (name, argument) => [...plain_forms(name), ...argument_forms(name, argument)]), 'ok', options()));
			test(`§10 PRAGMAs of class Write that set something show it without argument (${who} token)`, () =>
				judge(forms_of(setting, plain_forms), 'ok', options()));
			test(`§10 PRAGMAs of class Write only without argument are shown (${who} token)`, () =>
				judge(forms_of(only_shown, plain_forms), 'ok', options()));
			test(`§10 PRAGMAs of class Write only without argument are refused with one (${who} token)`, () =>
				judge(forms_of(only_shown, (name, argument) => [...argument_forms(name, argument), ...explained(name, argument)]), 'SQL_PARSE_ERROR', options()));
			test(`§10 refused and unknown PRAGMAs are refused in every form (${who} token)`, () =>
				judge(forms_of(refused, (name, argument) => [...plain_forms(name), ...argument_forms(name, argument)]), 'SQL_PARSE_ERROR', options()));
			test(`§10 table-valued PRAGMAs of the refused ones are stopped (${who} token)`, async () => {
				const found = await outcomes(place, forms_of(refused, (name) => [`SELECT * FROM pragma_${name}`]), options());
				assert.ok(found.every((one) => one !== 'ok'), String(found));
			});
		}
		test('§10 PRAGMAs that set something are set with a token that writes', () =>
			judge(forms_of(setting, (name, argument) => argument_forms(name, argument)), 'ok'));
		test('§7 PRAGMAs that set something are 403 with a token that reads', async () => {
			const statements = forms_of(setting, (name, argument) => [...argument_forms(name, argument), ...explained(name, argument)]);
			assert.deepEqual(await each_alone(place, statements, { token: read_only }), all_are(statements, '403'));
		});
		test('§10 table-valued PRAGMAs are SELECTs', async () => {
			const rows = [
				["SELECT name FROM pragma_table_info('t') ORDER BY cid", ['id', 'v']],
				["SELECT name FROM PRAGMA_TABLE_INFO('t', 'main') WHERE pk", ['id']],
				["SELECT name FROM pragma_index_list('t') WHERE origin = 'c'", ['i']],
				["SELECT t.name || '.' || c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c WHERE t.name = 't'", ['t.id', 't.v']],
				['SELECT foreign_keys FROM pragma_foreign_keys', [0]],
				['SELECT user_version FROM pragma_user_version', [0]],
			];
			for (const [sql, expected] of rows)
				for (const token of [undefined, read_only])
					assert.deepEqual((await server.rows(label_at(place), sql, { token })).map((row) => Object.values(row)[0]), expected, sql);
		});
		test('§10 table-valued PRAGMAs set nothing', async () => {
			for (const [name, argument] of Object.entries({ ...setting, ...only_shown })) {
				const given = typeof argument === 'number' || argument === 'OFF' || argument === '0' ? 7 : argument;
				const found = await outcomes(place, [`SELECT * FROM pragma_${name}(${given})`], { token: read_only });
				assert.notEqual(found[0], 'ok', `${name}: ${found}`);
			}
		});
		test('§10 foreign_keys and defer_foreign_keys are the stream\'s, off on a new one', async () => {
			const shown = ['PRAGMA foreign_keys', 'PRAGMA defer_foreign_keys'];
			const set = ['PRAGMA foreign_keys = ON', ...shown, 'BEGIN', 'PRAGMA defer_foreign_keys = 1', ...shown, 'ROLLBACK', ...shown];
			const answer = await server.sql(label_at(place), set);
			const seen = answer.json.results.map((one) => (one.response?.result?.rows ?? [])[0]?.[0].value);
			assert.deepEqual([seen[1], seen[2], seen[5], seen[6], seen[8]], ['1', '0', '1', '1', '1'], answer.text);
			const fresh = await server.sql(label_at(place), shown);
			assert.deepEqual([0, 1].map((i) => from_value(fresh.json.results[i].response.result.rows[0][0])), [0, 0]);
		});
		test('§10 user_version is written and read like a row', async () => {
			await server.rows(label_at(place), 'PRAGMA user_version = 77');
			await until('every instance to show it', async () => {
				for (const one of places) if ((await server.rows(label_at(one), 'PRAGMA user_version'))[0].user_version !== 77) return false;
				return true;
			});
			await server.rows(label_at(place), 'PRAGMA user_version = 0');
		});
	});

test('§10 what PRAGMAs show of the engine\'s own settings was not moved by any of them', async () => {
	const expected = { journal_mode: 'wal', synchronous: 1, wal_autocheckpoint: 0, page_size: 4096, trusted_schema: 0, locking_mode: 'normal' };
	for (const place of places)
		for (const [name, value] of Object.entries(expected))
			assert.deepEqual(Object.values((await server.rows(label_at(place), `PRAGMA ${name}`))[0]), [value], name);
});

test('§10 encoding with an argument changes nothing, also in an empty database', async () => {
	const empty = await server.createDatabase('empty');
	const tokens = (await api('POST', `${empty.path}/auth/tokens?authorization=read-only`)).jwt;
	for (const token of [tokens, undefined])
		assert.deepEqual(rows_of(await server.sql(empty.label, ["PRAGMA encoding = 'UTF-16le'", 'PRAGMA encoding'], { token }), 1), [{ encoding: 'UTF-8' }]);
	const made = await server.sql(empty.label, ["PRAGMA encoding = 'UTF-16be'", 'CREATE TABLE x(y)', "INSERT INTO x VALUES ('ä')", 'PRAGMA encoding']);
	assert.deepEqual(rows_of(made, 3), [{ encoding: 'UTF-8' }]);
	assert.deepEqual(await server.rows(empty.label, 'SELECT hex(y) AS h FROM x'), [{ h: 'C3A4' }]);
});

// -- statements that nobody may run ---------------------------------------------------------------------

const unsupported = (sql) => `SQL string could not be parsed: unsupported statement: ${sql}`;

async function errors_of(place, sql, { token, args = [] } = {}) {
	const step = { sql, args };
	const by = {
		v2: { path: '/v2/pipeline', body: { requests: [execute(step), { type: 'close' }] }, error: (json) => json.results[0].error },
		v3: { path: '/v3/pipeline', body: { requests: [execute(step), { type: 'close' }] }, error: (json) => json.results[0].error },
		v1: { path: '/v1/execute', body: { stmt: to_stmt(step) }, error: (json) => json },
	};
	const errors = [];
	for (const { path, body, error } of Object.values(by)) {
		const answer = await server.data_plane(label_at(place), path, body, { token });
		assert.ok(answer.json, `${sql}: ${answer.status} ${answer.text}`);
		errors.push({ ...error(answer.json), status: answer.status });
	}
	return errors;
}

for (const place of places)
	describe(`what is refused at the ${place}`, () => {
		const table = {
			'temporary objects': [
				'CREATE TEMP TABLE x(a)',
				'CREATE TEMPORARY TABLE x(a)',
				'create temp table if not exists x as select 1',
				'CREATE TEMP VIEW x AS SELECT 1',
				'CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END',
				'CREATE /* no */ TEMPORARY VIEW x AS SELECT 1',
				'CREATE TABLE temp.x(a)',
				'CREATE TABLE "temp".x AS SELECT 1',
				'CREATE VIEW temp.x AS SELECT 1',
				'CREATE TRIGGER temp.x AFTER INSERT ON main.t BEGIN SELECT 1; END',
				'CREATE VIRTUAL TABLE temp.x USING fts5(a)',
			],
			'ATTACH of anything but a name': [
				"ATTACH 'other' AS o",
				"ATTACH DATABASE 'file:/etc/passwd?mode=ro' AS o",
				"ATTACH ':memory:' AS o",
				"ATTACH '' AS o",
				"ATTACH x'6f' AS o",
				'ATTACH 5 AS o',
				"ATTACH 'a' || 'b' AS o",
				'ATTACH (SELECT v FROM t) AS o',
				'ATTACH lower(other) AS o',
				'ATTACH other.one AS o',
				"ATTACH other AS o KEY 'secret'",
				"EXPLAIN ATTACH 'other' AS o",
			],
			'VACUUM INTO a file': ["VACUUM INTO '/tmp/copy.db'", "VACUUM main INTO '/tmp/copy.db'", "vacuum/**/main/**/into 'x'"],
			'writes to the reserved tables': [
				'INSERT INTO _litestream_seq VALUES (1)',
				'INSERT INTO main._litestream_lock VALUES (1)',
				'DELETE FROM _litestream_seq',
				'UPDATE "_litestream_lock" SET id = 1',
				'WITH x AS (SELECT 1) REPLACE INTO libsql_wasm_func_table SELECT * FROM x',
			],
			'PRAGMAs': ['PRAGMA writable_schema = ON', 'PRAGMA journal_mode = OFF', "PRAGMA temp_store_directory = '/tmp'"],
		};
		for (const [what, statements] of Object.entries(table))
			test(`§10 refused as unsupported: ${what}`, async () => {
				for (const sql of statements)
					for (const error of await errors_of(place, sql)) {
						assert.equal(error.code, 'SQL_PARSE_ERROR', `${sql}: ${JSON.stringify(error)}`);
						assert.equal(error.message, unsupported(sql), sql);
					}
			});

		// Refused by SQLite's authorizer or because there is no such thing; never by what it would do.
		const never = [
			["SELECT load_extension('/tmp/x.so')", /load_extension/],
			["SELECT load_extension('/tmp/x.so', 'entry')", /load_extension/],
			["SELECT readfile('/etc/passwd')", /readfile/],
			["SELECT writefile('/tmp/x', 'y')", /writefile/],
			["SELECT edit('x')", /edit/],
			["SELECT fts3_tokenizer('simple')", /fts3_tokenizer/],
			["SELECT fts3_tokenizer('simple', x'0000000000000000')", /fts3_tokenizer/],
			["SELECT * FROM fsdir('/etc')", /fsdir/],
			["SELECT sqlite_log(1, 'a line among the log of the server')", /sqlite_log/],
			['SELECT * FROM sqlite_stmt', /sqlite_stmt/],
			['SELECT * FROM sqlite_dbpage', /sqlite_dbpage/],
			["INSERT INTO sqlite_dbpage(pgno, data) VALUES (1, x'00')", /sqlite_dbpage|not authorized/],
			["UPDATE sqlite_dbpage SET data = x'00' WHERE pgno = 1", /sqlite_dbpage|not authorized/],
			['SELECT * FROM dbstat', /dbstat/],
			['CREATE VIRTUAL TABLE stolen USING dbstat', /dbstat|not authorized/],
			['CREATE VIRTUAL TABLE stolen USING sqlite_dbpage', /sqlite_dbpage|not authorized/],
			["CREATE VIRTUAL TABLE stolen USING csv(filename = '/etc/passwd')", /csv/],
			["CREATE VIRTUAL TABLE stolen USING zipfile('/tmp/x.zip')", /zipfile/],
			["UPDATE sqlite_schema SET sql = 'x'", /may not be modified/],
			['DELETE FROM sqlite_master', /may not be modified/],
			["INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 2, 'CREATE TABLE x(y)')", /may not be modified/],
			['DROP TABLE sqlite_schema', /may not be dropped/],
			['DETACH main', /no such database|cannot detach|main/],
		];
		test('§10 load_extension, writable_schema and files: never', async () => {
			for (const [sql, message] of never)
				for (const error of await errors_of(place, sql)) {
					assert.match(error.code ?? '', /^SQL/, `${sql}: ${JSON.stringify(error)}`);
					assert.match(error.message, message, sql);
				}
		});
		test('§10 nor hidden in views, triggers, generated columns, checks and defaults', async () => {
			const name = `hidden_${place}`;
			const inside = [
				[`CREATE VIEW ${name} AS SELECT load_extension('x')`, `SELECT * FROM ${name}`, `DROP VIEW ${name}`],
				[`CREATE VIEW ${name} AS SELECT pgno FROM sqlite_dbpage`, `SELECT * FROM ${name}`, `DROP VIEW ${name}`],
				[`CREATE TABLE ${name}(x, y AS (load_extension(x)))`, `SELECT y FROM ${name}`, `DROP TABLE IF EXISTS ${name}`],
				[`CREATE TABLE ${name}(x DEFAULT (load_extension('x')))`, `INSERT INTO ${name} DEFAULT VALUES`, `DROP TABLE IF EXISTS ${name}`],
				[`CREATE TABLE ${name}(x CHECK (fts3_tokenizer(x)))`, `INSERT INTO ${name} VALUES ('simple')`, `DROP TABLE IF EXISTS ${name}`],
				[`CREATE TRIGGER ${name} INSERT ON t BEGIN SELECT load_extension('x'); END`, "INSERT INTO t(v) VALUES ('no')", `DROP TRIGGER IF EXISTS ${name}`],
			];
			for (const [make, use, drop] of inside) {
				const found = await outcomes(place, ['BEGIN', make, use, 'ROLLBACK']);
				assert.notEqual(found[1] === 'ok' ? found[2] : found[1], 'ok', `${make}: ${found}`);
				await outcomes(place, [drop]);
			}
		});
		test('§10 a refused statement anywhere in a batch runs nothing of it', async () => {
			for (const sql of ['CREATE TEMP TABLE x(a)', "ATTACH 'x' AS o", 'PRAGMA wal_checkpoint', "VACUUM INTO 'x'"]) {
				const steps = [{ stmt: { sql: "INSERT INTO t(v) VALUES ('never')" } }, { stmt: { sql } }];
				const answer = await server.sql(label_at(place), { type: 'batch', batch: { steps } });
				assert.equal(answer.json.results[0].error.code, 'SQL_PARSE_ERROR', answer.text);
				const sequence = await server.sql(label_at(place), { type: 'sequence', sql: `INSERT INTO t(v) VALUES ('never'); ${sql}` });
				assert.equal(sequence.json.results[0].error.code, 'SQL_PARSE_ERROR', sequence.text);
			}
			assert.deepEqual(await server.rows(label_at('primary'), "SELECT count(*) AS n FROM t WHERE v = 'never'"), [{ n: 0 }]);
		});
	});

test('§10 allowed: every kind of statement of the list, at a primary and a replica', async () => {
	for (const place of places) {
		const own = `own_${place}`;
		const statements = [
			'SELECT 1',
			'VALUES (1), (2)',
			'WITH x AS (SELECT 1) SELECT * FROM x',
			`CREATE TABLE ${own}(id INTEGER PRIMARY KEY, a, b)`,
			`CREATE TABLE ${own}_log(a)`,
			`CREATE INDEX ${own}_i ON ${own}(a)`,
			`CREATE VIEW ${own}_v AS SELECT a FROM ${own}`,
			`CREATE TRIGGER ${own}_t AFTER INSERT ON ${own} BEGIN INSERT INTO ${own}_log VALUES (new.a); END`,
			`CREATE VIRTUAL TABLE ${own}_f USING fts5(text)`,
			`CREATE VIRTUAL TABLE ${own}_r USING rtree(id, low, high)`,
			`INSERT INTO ${own}(a) VALUES (1)`,
			`REPLACE INTO ${own}(id, a) VALUES (1, 2)`,
			`UPDATE ${own} SET b = 3`,
			`INSERT INTO ${own}(id, a) VALUES (1, 5) ON CONFLICT DO UPDATE SET b = 9 RETURNING *`,
			`SELECT * FROM ${own}_v`,
			`ALTER TABLE ${own} ADD COLUMN c`,
			`ALTER TABLE ${own} RENAME COLUMN c TO d`,
			`ALTER TABLE ${own} DROP COLUMN d`,
			`REINDEX ${own}`,
			'ANALYZE',
			'BEGIN',
			'SAVEPOINT s',
			`DELETE FROM ${own}`,
			'ROLLBACK TO s',
			'RELEASE s',
			'COMMIT',
			'BEGIN',
			'END',
			'BEGIN',
			'ROLLBACK',
			`EXPLAIN SELECT * FROM ${own}`,
			`EXPLAIN QUERY PLAN DELETE FROM ${own}`,
			`DROP TRIGGER ${own}_t`,
			`DROP VIEW ${own}_v`,
			`DROP INDEX ${own}_i`,
			`DROP TABLE ${own}_f`,
			`DROP TABLE ${own}_r`,
			`DROP TABLE ${own}_log`,
			`ALTER TABLE ${own} RENAME TO ${own}_2`,
			`DROP TABLE ${own}_2`,
			'VACUUM',
		];
		const found = await outcomes(place, statements);
		assert.deepEqual(statements.filter((_, i) => found[i] !== 'ok').map((sql, i) => [sql, found[i]]), [], String(found));
	}
});

// -- transactions -------------------------------------------------------------------------------------

for (const place of places)
	describe(`BEGIN at the ${place}`, () => {
		const begin = [
			'BEGIN',
			'BEGIN TRANSACTION',
			'BEGIN DEFERRED',
			'BEGIN DEFERRED TRANSACTION',
			'BEGIN IMMEDIATE',
			'begin immediate transaction;',
			'BEGIN EXCLUSIVE',
			'BEGIN EXCLUSIVE TRANSACTION',
			'BEGIN READONLY',
			'BEGIN READONLY TRANSACTION',
			'BEGIN TRANSACTION READONLY',
			'BeGiN tRaNsAcTiOn ReAdOnLy ; -- as @libsql/client says it',
			'/* x */ BEGIN /* y */ TRANSACTION /* z */ READONLY',
		];
		const end = ['COMMIT', 'COMMIT TRANSACTION', 'END', 'END TRANSACTION', 'ROLLBACK', 'ROLLBACK TRANSACTION'];
		for (const who of ['rw', 'ro'])
			test(`§5 every BEGIN opens a transaction and every end ends it (${who} token)`, async () => {
				const state = { type: 'get_autocommit' };
				for (const [i, sql] of begin.entries()) {
					const answer = await server.sql(
						label_at(place),
						[sql, state, 'SELECT count(*) FROM t', end[i % end.length], state],
						{ token: who === 'ro' ? read_only : undefined, path: '/v3/pipeline' },
					);
					assert.equal(answer.status, 200, `${sql}: ${answer.text}`);
					assert.deepEqual(answer.json.results.map((one) => one.type), Array(6).fill('ok'), `${sql}: ${answer.text}`);
					assert.equal(answer.json.results[1].response.is_autocommit, false, sql);
					assert.equal(answer.json.results[4].response.is_autocommit, true, sql);
				}
			});
		const no_begin = [
			'BEGIN CONCURRENT',
			'BEGIN CONCURRENT TRANSACTION',
			'BEGIN SHARED',
			'BEGIN IMMEDIATE READONLY',
			'BEGIN READONLY READONLY',
			'BEGIN READONLY IMMEDIATE',
			'BEGIN READONLY TRANSACTION READONLY',
			'BEGIN TRANSACTION READONLY (1)',
			"BEGIN READONLY 'x'",
		];
		test('§5 any other BEGIN is a parse error with line and column', async () => {
			for (const sql of no_begin)
				for (const error of await errors_of(place, sql)) {
					assert.equal(error.code, 'SQL_PARSE_ERROR', `${sql}: ${JSON.stringify(error)}`);
					assert.match(error.message, /^SQL string could not be parsed: syntax error around L1:\d+: /, sql);
				}
		});
		test('§2 BEGIN READONLY and another statement are two', async () => {
			for (const sql of ['BEGIN READONLY; SELECT 1', 'BEGIN TRANSACTION READONLY; DELETE FROM t'])
				for (const error of await errors_of(place, sql)) assert.equal(error.code, 'SQL_MANY_STATEMENTS', sql);
		});
		test('§0.7 READONLY is DEFERRED: it reads one snapshot', async () => {
			const opened = await server.sql(label_at(place), ['BEGIN TRANSACTION READONLY', 'SELECT count(*) AS n FROM t'], { keep: true });
			const [{ n }] = rows_of(opened, 1);
			await server.rows(label_at('primary'), "INSERT INTO t(v) VALUES ('beside')");
			const again = await server.sql(label_at(place), ['SELECT count(*) AS n FROM t', 'COMMIT'], { baton: opened.json.baton });
			assert.deepEqual(rows_of(again), [{ n }]);
			await server.rows(label_at('primary'), "DELETE FROM t WHERE v = 'beside'");
			await server.caught_up(db, 'SELECT count(*) FROM t');
		});
		test('§5 a constraint that fails: ABORT undoes the statement, FAIL what follows, ROLLBACK the transaction', async () => {
			const state = { type: 'get_autocommit' };
			const rows = [
				['OR ABORT', false, 'before'],
				['', false, 'before'],
				['OR FAIL', false, 'before,first'],
				['OR IGNORE', false, 'before,first,last'],
				['OR ROLLBACK', true, null],
			];
			const own = `conflict_${place}`;
			await server.rows(label_at(place), `CREATE TABLE ${own}(v UNIQUE)`);
			for (const [clause, is_autocommit, left] of rows) {
				const insert = `INSERT ${clause} INTO ${own} VALUES ('first'), ('before'), ('last')`;
				const shown = `SELECT group_concat(v) AS v FROM (SELECT v FROM ${own} ORDER BY rowid)`;
				const answer = await server.sql(label_at(place), ['BEGIN', `INSERT INTO ${own} VALUES ('before')`, insert, state, shown, 'ROLLBACK'], { path: '/v3/pipeline' });
				const { results } = answer.json;
				assert.equal(results[2].error?.code, clause === 'OR IGNORE' ? undefined : 'SQLITE_CONSTRAINT', clause);
				assert.equal(results[3].response.is_autocommit, is_autocommit, clause);
				assert.deepEqual(rows_of(answer, 4), [{ v: left }], clause);
				assert.equal(results[5].type, is_autocommit ? 'error' : 'ok', clause);
				const steps = ['BEGIN', `INSERT INTO ${own} VALUES ('before')`, insert].map((sql) => ({ stmt: { sql } }));
				steps.push({ stmt: { sql: 'ROLLBACK' }, condition: { type: 'not', cond: { type: 'is_autocommit' } } });
				const batch = await server.sql(label_at(place), { type: 'batch', batch: { steps } }, { path: '/v3/pipeline' });
				assert.equal(batch.json.results[0].response.result.step_results[3] === null, is_autocommit, `${clause}: is_autocommit as a condition`);
			}
		});
		test('§5 savepoints over requests of one stream', async () => {
			const own = `savepoints_${place}`;
			await server.rows(label_at(place), `CREATE TABLE ${own}(v)`);
			let baton = null;
			for (const sql of ['SAVEPOINT a', `INSERT INTO ${own} VALUES (1)`, 'SAVEPOINT b', `INSERT INTO ${own} VALUES (2)`, 'ROLLBACK TO b', `INSERT INTO ${own} VALUES (3)`, 'RELEASE b', 'RELEASE a']) {
				const answer = await server.sql(label_at(place), sql, { baton, keep: true });
				assert.equal(answer.json.results[0].type, 'ok', `${sql}: ${answer.text}`);
				({ baton } = answer.json);
			}
			const answer = await server.sql(label_at(place), [`SELECT group_concat(v) AS v FROM ${own}`, { type: 'get_autocommit' }], { baton, path: '/v3/pipeline' });
			assert.deepEqual(rows_of(answer), [{ v: '1,3' }]);
			assert.equal(answer.json.results[1].response.is_autocommit, true);
		});
		test('§6 transaction statements without a transaction fail and say so', async () => {
			const rows = [
				['COMMIT', 'SQLite error: cannot commit - no transaction is active'],
				['ROLLBACK', 'SQLite error: cannot rollback - no transaction is active'],
				['ROLLBACK TO nowhere', 'SQLite error: no such savepoint: nowhere'],
				['RELEASE nowhere', 'SQLite error: no such savepoint: nowhere'],
			];
			for (const [sql, message] of rows)
				for (const error of await errors_of(place, sql))
					assert.deepEqual([error.code, error.message], ['SQLITE_UNKNOWN', message], sql);
			const { results } = (await server.sql(label_at(place), ['BEGIN', 'BEGIN', 'ROLLBACK'])).json;
			assert.deepEqual(results[1].error, { message: 'SQLite error: cannot start a transaction within a transaction', code: 'SQLITE_UNKNOWN' });
		});
	});

// -- permission ---------------------------------------------------------------------------------------

describe('rights', () => {
	const reads = {
		Read: ['SELECT * FROM t', 'VALUES (1)', 'EXPLAIN DELETE FROM t', 'EXPLAIN QUERY PLAN DROP TABLE t', 'PRAGMA table_info(t)', 'PRAGMA integrity_check'],
		Begin: ['BEGIN', 'BEGIN DEFERRED', 'BEGIN IMMEDIATE', 'BEGIN EXCLUSIVE', 'BEGIN READONLY'],
		// What cannot be done without a transaction is told by SQLite, not by rights.
		Ends: ['COMMIT', 'END', 'ROLLBACK'],
		Savepoints: ['SAVEPOINT s', 'RELEASE s', 'ROLLBACK TO s'],
		Detach: ['DETACH o'],
	};
	const writes = {
		Write: [
			"INSERT INTO t(v) VALUES ('x')",
			"REPLACE INTO t(v) VALUES ('x')",
			"UPDATE t SET v = 'x' WHERE id = -1",
			'DELETE FROM t WHERE id = -1',
			"INSERT INTO t(v) VALUES ('x') RETURNING id",
			"WITH x AS (SELECT 'x') INSERT INTO t(v) SELECT * FROM x",
			'WITH x AS (SELECT 1) DELETE FROM t WHERE id IN (SELECT -1 FROM x)',
			'INSERT INTO not_there VALUES (1)',
			'UPDATE t SET not_there = 1',
		],
		DDL: [
			'CREATE TABLE made(x)',
			'CREATE TABLE IF NOT EXISTS t(x)',
			'CREATE TABLE made AS SELECT 1',
			'CREATE INDEX made ON t(id)',
			'CREATE VIEW made AS SELECT 1',
			'CREATE TRIGGER made AFTER INSERT ON t BEGIN SELECT 1; END',
			'CREATE VIRTUAL TABLE made USING fts5(x)',
			'DROP TABLE IF EXISTS not_there',
			'DROP INDEX IF EXISTS not_there',
			'ALTER TABLE t RENAME TO t2',
			'REINDEX',
			'ANALYZE',
			'VACUUM',
		],
		PRAGMA: ['PRAGMA user_version = 5', 'PRAGMA foreign_keys = ON', 'PRAGMA defer_foreign_keys(1)'],
	};

	// Ways for one statement to arrive.
	const skipped = { type: 'error', step: 0 };
	const batch_of = (sql) => ({ steps: [{ stmt: { sql: 'SELECT 1' } }, { condition: skipped, stmt: { sql } }] });
	const ways = {
		'execute over v2': (sql) => ['/v2/pipeline', { requests: [execute(sql), { type: 'close' }] }],
		'execute over v3': (sql) => ['/v3/pipeline', { requests: [execute(sql), { type: 'close' }] }],
		'a skipped step of a batch': (sql) => ['/v3/pipeline', { requests: [{ type: 'batch', batch: batch_of(sql) }, { type: 'close' }] }],
		'a skipped step of a cursor': (sql) => ['/v3/cursor', { batch: batch_of(sql) }],
		'a sequence': (sql) => ['/v2/pipeline', { requests: [{ type: 'sequence', sql: `SELECT 1; ${sql}` }, { type: 'close' }] }],
		'/v1/execute': (sql) => ['/v1/execute', { stmt: { sql } }],
		'a skipped step of /v1/batch': (sql) => ['/v1/batch', { batch: batch_of(sql) }],
		'a stored text': (sql) => [
			'/v2/pipeline',
			{ requests: [{ type: 'store_sql', sql_id: 1, sql }, { type: 'execute', stmt: { sql_id: 1 } }, { type: 'close' }] },
		],
	};
	const send = (place, way, sql, token) => {
		const [path, body] = ways[way](sql);
		return server.data_plane(label_at(place), path, body, { token });
	};

	for (const place of places) {
		for (const [kind, statements] of Object.entries(reads))
			test(`§7 ${kind} needs the right to read, at the ${place}`, async () => {
				for (const sql of statements)
					for (const way of Object.keys(ways)) {
						const answer = await send(place, way, sql, read_only);
						assert.notEqual(answer.status, 403, `${sql} by ${way}: ${answer.text}`);
					}
			});
		for (const [kind, statements] of Object.entries(writes))
			test(`§7 ${kind} needs the right to write, at the ${place}, by every way`, async () => {
				for (const sql of statements)
					for (const way of Object.keys(ways)) {
						const answer = await send(place, way, sql, read_only);
						assert.equal(answer.status, 403, `${sql} by ${way}: ${answer.status} ${answer.text}`);
						assert.equal(answer.headers['content-type'], 'application/json');
						assert.match(answer.json.error, /^Authorization forbidden: /);
					}
			});
		test(`§7 describe needs the right to read, also of writes, at the ${place}`, async () => {
			for (const sql of [...Object.values(reads).flat(), ...Object.values(writes).flat()]) {
				const answer = await server.sql(label_at(place), { type: 'describe', sql }, { token: read_only });
				assert.equal(answer.status, 200, `${sql}: ${answer.text}`);
			}
		});
	}
	test('§7 nothing that was forbidden left a trace', async () => {
		assert.deepEqual(await server.rows(label_at('primary'), "SELECT name FROM sqlite_schema WHERE name LIKE 'made%' OR name = 't2'"), []);
		assert.deepEqual(await server.rows(label_at('primary'), 'SELECT v FROM t'), [{ v: 'one' }, { v: 'two' }]);
	});
	test('§7 rights are checked for all steps before any runs', async () => {
		for (const place of places)
			for (const path of ['/v3/pipeline', '/v3/cursor']) {
				const batch = { steps: [{ stmt: { sql: 'BEGIN' } }, { stmt: { sql: 'SELECT 1' } }, { stmt: { sql: "INSERT INTO t(v) VALUES ('x')" } }] };
				const body = path === '/v3/cursor' ? { batch } : { requests: [{ type: 'batch', batch }] };
				const answer = await server.data_plane(label_at(place), path, body, { token: read_only });
				assert.equal(answer.status, 403);
			}
	});
	test('§1.1 a 403 ends the stream and its transaction', async () => {
		for (const place of places) {
			const opened = await server.sql(label_at(place), ['BEGIN', 'SELECT 1'], { token: read_only, keep: true });
			const answer = await server.sql(label_at(place), ['DELETE FROM t'], { token: read_only, keep: true, baton: opened.json.baton });
			assert.equal(answer.status, 403);
			const next = await server.sql(label_at(place), ['SELECT 1'], { token: read_only, baton: opened.json.baton });
			assert.equal(next.status, 400, next.text);
		}
	});
	test('§3.2 a token that reads never writes through a stream that another opened', async () => {
		const opened = await server.sql(db.label, ['BEGIN', "INSERT INTO t(v) VALUES ('mine')"], { keep: true });
		const answer = await server.sql(db.label, ["INSERT INTO t(v) VALUES ('theirs')"], { token: read_only, keep: true, baton: opened.json.baton });
		assert.notEqual(answer.status, 200);
		await server.sql(db.label, ['ROLLBACK'], { baton: opened.json.baton });
		assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM t'), [{ n: 2 }]);
	});
});

// -- ATTACH -------------------------------------------------------------------------------------------

describe('ATTACH', () => {
	let tokens;
	before(async () => {
		for (const name of ['target', 'closed']) {
			const other = await server.createDatabase(name, ['ord', 'nrt']);
			await server.rows(other.label, `CREATE TABLE ${name}_t(v)`);
			await server.rows(other.label, `INSERT INTO ${name}_t VALUES ('of ${name}')`);
			await server.caught_up(other, `SELECT * FROM ${name}_t`);
		}
		await api('PATCH', `/v1/organizations/${server.organization}/databases/target/configuration`, { allow_attach: true });
		const permissions = { permissions: { read_attach: { databases: ['target', 'closed'] } } };
		tokens = {
			rw: db.jwt,
			ro: read_only,
			'rw and attach': (await api('POST', `${db.path}/auth/tokens`, permissions)).jwt,
			'ro and attach': (await api('POST', `${db.path}/auth/tokens?authorization=read-only`, permissions)).jwt,
		};
	});
	const verdicts = [
		['rw', 'target', 403],
		['ro', 'target', 403],
		['rw and attach', 'target', 200],
		['ro and attach', 'target', 200],
		['rw', 'closed', 403],
		['ro', 'closed', 403],
		['rw and attach', 'closed', 403],
		['ro and attach', 'closed', 403],
		['rw and attach', 'nowhere', 403],
	];
	for (const place of places)
		for (const [who, name, status] of verdicts)
			test(`§7 ATTACH ${name} with ${who} is ${status}, at the ${place}`, async () => {
				const statements = [`ATTACH ${name} AS o`, `SELECT v FROM o.${name}_t`, 'DETACH o'];
				const steps = statements.map((sql) => ({ stmt: { sql } }));
				for (const asked of [statements, [{ type: 'batch', batch: { steps } }], [{ type: 'sequence', sql: statements.join(';') }]]) {
					const answer = await server.sql(label_at(place), asked, { token: tokens[who] });
					assert.equal(answer.status, status, answer.text);
					if (status === 403) assert.deepEqual(answer.json, { error: `Namespace \`${name}\` doesn't allow attach` });
					else assert.ok(answer.json.results.every((one) => one.type === 'ok'), answer.text);
				}
				if (status === 200)
					assert.deepEqual(rows_of(await server.sql(label_at(place), statements, { token: tokens[who] }), 1), [{ v: `of ${name}` }]);
			});
	test('§10 a name may be quoted as an identifier, DATABASE is optional, keywords have no case', async () => {
		for (const sql of ['ATTACH target AS o', 'ATTACH "target" AS o', 'attach database target as o', 'ATTACH DATABASE [target] AS "o"', 'ATTACH `target` AS o -- x'])
			assert.deepEqual(rows_of(await server.sql(db.label, [sql, 'SELECT v FROM o.target_t'], { token: tokens['ro and attach'] }), 1), [{ v: 'of target' }], sql);
	});
	test('§10 ATTACH reads only, whatever the token', async () => {
		for (const place of places)
			for (const sql of ['INSERT INTO o.target_t VALUES (1)', 'DROP TABLE o.target_t', 'CREATE TABLE o.x(y)', 'PRAGMA o.user_version = 9', 'DELETE FROM target_t']) {
				const found = await outcomes(place, ['ATTACH target AS o', sql], { token: tokens['rw and attach'] });
				assert.equal(found[0], 'ok');
				assert.notEqual(found[1], 'ok', sql);
			}
	});
	test('§10 nor are its schema and statistics written, and its pages are not shown', async () => {
		const statements = ['VACUUM o', 'ANALYZE o', 'CREATE INDEX o.x ON target_t(v)', 'ALTER TABLE o.target_t ADD COLUMN x', 'SELECT * FROM o.sqlite_dbpage', 'CREATE TEMP VIEW x AS SELECT * FROM o.target_t'];
		for (const place of places)
			for (const sql of statements) {
				const found = await outcomes(place, ['ATTACH target AS o', sql], { token: tokens['rw and attach'] });
				assert.equal(found[0], 'ok');
				assert.notEqual(found[1], 'ok', sql);
			}
	});
	test('§10 an alias that is taken is refused', async () => {
		for (const alias of ['main', 'temp', 'o']) {
			const { json } = await server.sql(db.label, ['ATTACH target AS o', `ATTACH target AS ${alias}`], { token: tokens['ro and attach'] });
			assert.equal(json.results[1].error.message, `SQLite error: database ${alias} is already in use`);
		}
	});
	test('§10 a PRAGMA of an attached database is read', async () => {
		const found = await server.sql(db.label, ['ATTACH target AS o', 'PRAGMA o.table_info(target_t)', 'PRAGMA o.user_version'], { token: tokens['ro and attach'] });
		assert.equal(rows_of(found, 1)[0].name, 'v');
		assert.deepEqual(rows_of(found, 2), [{ user_version: 0 }]);
	});
	test('§2 describe of ATTACH and DETACH', async () => {
		for (const sql of ['ATTACH target AS o', 'DETACH o']) {
			const answer = await server.sql(db.label, { type: 'describe', sql }, { token: tokens['ro and attach'] });
			assert.deepEqual(answer.json.results[0].response?.result, { params: [], cols: [], is_explain: false, is_readonly: true }, answer.text);
		}
	});
});

// -- messages -----------------------------------------------------------------------------------------

for (const place of places)
	describe(`errors at the ${place}`, () => {
		const status_of = { SQL: 400, ARGS_INVALID: 400, ARGS_BOTH_POSITIONAL_AND_NAMED: 501, SQLITE: 500 };
		const rows = [
			['SELEC 1', 'SQL_PARSE_ERROR', 'SQL string could not be parsed: syntax error around L1:1: `SELEC`'],
			['SELECT 1 FRM t', 'SQL_PARSE_ERROR', 'SQL string could not be parsed: syntax error around L1:14: `t`'],
			['SELECT\n  1,\n  FROM t', 'SQL_PARSE_ERROR', 'SQL string could not be parsed: syntax error around L3:3: `FROM`'],
			['SELECT * FROM t WHERE', 'SQL_PARSE_ERROR', 'SQL string could not be parsed: syntax error around L1:22: unexpected end of input'],
			['', 'SQL_NO_STATEMENT', 'SQL string does not contain any statement'],
			[' ; /* nothing */ -- more', 'SQL_NO_STATEMENT', 'SQL string does not contain any statement'],
			['SELECT 1; SELECT 2', 'SQL_MANY_STATEMENTS', 'SQL string contains more than one statement'],
			['SELECT 1; SELEC', 'SQL_MANY_STATEMENTS', 'SQL string contains more than one statement'],
			['SELECT ?', 'ARGS_INVALID', 'Arguments do not match SQL parameters: value for parameter 1 not found'],
			['SELECT ?7', 'ARGS_INVALID', 'Arguments do not match SQL parameters: value for parameter 1 not found'],
			['SELECT :a', 'ARGS_INVALID', 'Arguments do not match SQL parameters: value for parameter :a not found'],
			['SELECT nope FROM t', 'SQL_INPUT_ERROR', 'SQL input error: no such column: nope (at offset 7)'],
			["SELECT 'ä', nope FROM t", 'SQL_INPUT_ERROR', 'SQL input error: no such column: nope (at offset 13)'],
			['SELECT nope(1)', 'SQL_INPUT_ERROR', 'SQL input error: no such function: nope (at offset 7)'],
			['SELECT * FROM nope', 'SQLITE_UNKNOWN', 'SQLite error: no such table: nope'],
			['CREATE TABLE t(x)', 'SQLITE', /table t already exists/],
			['INSERT INTO t(id) VALUES (1)', 'SQLITE_CONSTRAINT', 'SQLite error: UNIQUE constraint failed: t.id'],
			["INSERT INTO t(v) VALUES ('one')", 'SQLITE_CONSTRAINT', 'SQLite error: UNIQUE constraint failed: t.v'],
			["INSERT INTO t(id) VALUES ('x')", 'SQLITE_MISMATCH', 'SQLite error: datatype mismatch'],
			["SELECT json('{')", 'SQLITE_UNKNOWN', 'SQLite error: malformed JSON'],
			['SELECT abs(-9223372036854775808)', 'SQLITE_UNKNOWN', 'SQLite error: integer overflow'],
			['INSERT INTO t(v) VALUES (zeroblob(5000001))', 'SQLITE_TOOBIG', 'SQLite error: string or blob too big'],
			['SELECT zeroblob(6000000)', 'SQLITE_TOOBIG', 'SQLite error: string or blob too big'],
			["SELECT 1 LIKE hex(zeroblob(2000))", 'SQLITE_UNKNOWN', 'SQLite error: LIKE or GLOB pattern too complex'],
			['RELEASE s', 'SQLITE_UNKNOWN', 'SQLite error: no such savepoint: s'],
		];
		for (const [sql, code, message] of rows)
			test(`§6 ${JSON.stringify(sql)} is ${code}`, async () => {
				for (const [i, error] of (await errors_of(place, sql)).entries()) {
					if (message instanceof RegExp) assert.match(error.message, message);
					else assert.deepEqual({ code: error.code, message: error.message }, { code, message });
					const expected = i < 2 ? 200 : (status_of[error.code] ?? status_of[error.code.split('_')[0]]);
					assert.equal(error.status, expected, JSON.stringify(error));
				}
			});
		test('§6 ARGS_INVALID with too many, ARGS_BOTH_POSITIONAL_AND_NAMED', async () => {
			for (const error of await errors_of(place, 'SELECT ?', { args: [1, 2] }))
				assert.deepEqual(
					[error.code, error.message],
					['ARGS_INVALID', 'Arguments do not match SQL parameters: too many parameters, expected 1 found 2'],
				);
			const stmt = { sql: 'SELECT ?', args: [{ type: 'null' }], named_args: [{ name: 'a', value: { type: 'null' } }] };
			const answer = await server.data_plane(label_at(place), '/v1/execute', { stmt });
			assert.equal(answer.status, 501);
			assert.deepEqual(answer.json, {
				message: 'Specifying both positional and named arguments is not supported',
				code: 'ARGS_BOTH_POSITIONAL_AND_NAMED',
			});
		});
		test('§6 SQLITE_CONSTRAINT of every kind keeps its primary code', async () => {
			const own = `constraints_${place}`;
			await server.sql(label_at(place), [
				`CREATE TABLE ${own}_parent(id INTEGER PRIMARY KEY)`,
				`CREATE TABLE ${own}(n INT NOT NULL DEFAULT 0, c INT CHECK (c < 10), p INT REFERENCES ${own}_parent, s INT) STRICT`,
				`CREATE TRIGGER ${own}_no BEFORE DELETE ON ${own} BEGIN SELECT RAISE(ABORT, 'not these'); END`,
				`INSERT INTO ${own}(s) VALUES (1)`,
			]);
			const failing = [
				[`INSERT INTO ${own}(n) VALUES (NULL)`, `NOT NULL constraint failed: ${own}.n`],
				[`INSERT INTO ${own}(c) VALUES (11)`, 'CHECK constraint failed: c < 10'],
				[`INSERT INTO ${own}(p) VALUES (99)`, 'FOREIGN KEY constraint failed'],
				[`INSERT INTO ${own}(s) VALUES ('x')`, `cannot store TEXT value in INT column ${own}.s`],
				[`DELETE FROM ${own}`, 'not these'],
			];
			for (const [sql, message] of failing) {
				const { results } = (await server.sql(label_at(place), ['PRAGMA foreign_keys = ON', sql])).json;
				assert.deepEqual(results[1].error, { message: `SQLite error: ${message}`, code: 'SQLITE_CONSTRAINT' }, sql);
			}
		});
	});
