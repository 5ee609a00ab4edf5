// GET /dump (hrana.md §1): the database as SQL text, read back by SQLite's own shell and by ourselves; streamed from one moment.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { label_of, sleep, startServer, until } from '../lib/server.mjs';

const MIB = 1 << 20;
const LARGE_ROWS = 1500;
const LARGE_ROW_BYTES = 40_000; // twice that in the dump
// What the sanitizer keeps of freed memory would hide what is used.
const frugal = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? 'detect_leaks=1'}:quarantine_size_mb=4` };

let folder;
let server;
let db;
let primary;
let replica;

const content = [
	'CREATE TABLE plain(id INTEGER PRIMARY KEY, "select" TEXT, "wi""th quote" BLOB)',
	"INSERT INTO plain VALUES (1, 'it''s', x'00ff10'), (2, NULL, x''), (-9223372036854775808, '', zeroblob(3))",
	{ sql: 'INSERT INTO plain VALUES (?, ?, ?)', args: [9223372036854775807n, 'żółw 🐢', 'a\0b\0'] },
	{ sql: 'INSERT INTO plain VALUES (?, ?, ?)', args: [10, 'a\nb\r\nc\\n\\r', 'no end: \\n \\012 \n(\\n0)'] },
	'CREATE TABLE "two words"(x, y TEXT DEFAULT \'d\' CHECK (y <> \'no;\') /* kept */, PRIMARY KEY (y, x)) WITHOUT ROWID',
	"INSERT INTO \"two words\" VALUES (1, 'p'), ('1', 'p'), (x'31', 'p')",
	'CREATE TABLE made(a INTEGER, b AS (a * 2) STORED, c TEXT, d AS (a || c))',
	"INSERT INTO made(a, c) VALUES (4, 'four'), (NULL, NULL)",
	'CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, x)',
	'INSERT INTO counted(x) VALUES (1), (2), (3)',
	'DELETE FROM counted WHERE id > 1',
	"CREATE VIRTUAL TABLE words USING fts5(t, tokenize='porter')",
	"INSERT INTO words VALUES ('the quick foxes'), ('it''s lazy')",
	'CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1)',
	'INSERT INTO boxes VALUES (7, 1.5, 2.5)',
	'CREATE TABLE child(p REFERENCES plain(id) ON DELETE CASCADE, n INTEGER)',
	'INSERT INTO child VALUES (99, 1), (1, 2)',
	'CREATE TABLE logged(x)',
	'CREATE TRIGGER log AFTER INSERT ON child BEGIN INSERT INTO logged VALUES (new.n); SELECT 1; END',
	'CREATE UNIQUE INDEX made_c ON made(c) WHERE a > 0',
	'CREATE VIEW seen AS SELECT a, c FROM made',
];
const reals = [0.1, 1 / 3, -1.5e300, 5e-324, 1.7976931348623157e308, 123456789012345680000, 2, -0.5, 9007199254740993, 1e15];

const get_dump = (label, query = '', { token = server.jwt_of.get(label), method = 'GET' } = {}) =>
	server.data_plane(label, `/dump${query}`, undefined, { method, token });

before(async () => {
	folder = mkdtempSync(path.join(tmpdir(), 'atoll-dump-'));
	server = await startServer({ env: frugal });
	db = await server.createDatabase('shop', ['ord', 'nrt']);
	[primary, replica] = db.instances.map(({ label }) => label);
	const answer = await server.sql(primary, content);
	assert.ok(answer.json.results.every(({ type }) => type === 'ok'), answer.text);
});
after(async () => {
	await server?.stop();
	rmSync(folder, { recursive: true, force: true });
});

let files = 0;
const sqlite = (file, ...commands) => execFileSync('sqlite3', ['-batch', '-bail', file, ...commands], { encoding: 'utf8', maxBuffer: 64 * MIB });
function load(text) {
	const file = path.join(folder, `${++files}.db`);
	execFileSync('sqlite3', ['-batch', '-bail', file], { input: text });
	return file;
}

/// Every value of a table, as SQLite writes it down.
const everything = (table, columns) => `SELECT group_concat(${columns.map((c) => `quote(${c})`).join("||','||")}, ';') AS all_of_it FROM (SELECT * FROM ${table} ORDER BY 1, 2)`;

async function database_of(dump) {
	const boundary = 'x-atoll-x';
	const body = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n${dump}\r\n--${boundary}--\r\n`;
	const base = `/v1/organizations/${server.organization}/databases`;
	const uploaded = await server.api('POST', `${base}/dumps`, Buffer.from(body), { 'content-type': `multipart/form-data; boundary=${boundary}` });
	assert.equal(uploaded.status, 200, uploaded.text);
	const name = `copy-${++files}`;
	const created = await server.api('POST', base, { name, seed: { type: 'dump', url: uploaded.json.dump_url } });
	assert.equal(created.status, 200, created.text);
	const made = await server.api('POST', `${base}/${name}/instances`, { location: 'ord' });
	await server.api('GET', `${base}/${name}/instances/${made.json.instance.name}/wait`);
	const label = label_of(created.json.database.Hostname);
	server.jwt_of.set(label, (await server.api('POST', `${base}/${name}/auth/tokens`)).json.jwt);
	return label;
}

describe('what a dump says', () => {
	test('the head, the schema in order, the end', async () => {
		const { status, text, headers } = await get_dump(primary);
		assert.equal(status, 200, text);
		assert.match(headers['content-type'], /^text\/plain/);
		const lines = text.split('\n');
		assert.deepEqual(lines.slice(0, 2), ['PRAGMA foreign_keys=OFF;', 'BEGIN TRANSACTION;']);
		assert.deepEqual(lines.slice(-3), ['PRAGMA writable_schema=OFF;', 'COMMIT;', '']);
		assert.ok(lines.includes(`INSERT INTO plain VALUES(1,'it''s',X'00ff10');`), text);
		assert.ok(lines.includes('INSERT INTO "two words" VALUES(1,\'p\');'), text);
		assert.ok(lines.includes("INSERT INTO made VALUES(4,'four');"), 'generated columns are left out');
		assert.ok(lines.includes('DELETE FROM sqlite_sequence;') && lines.includes("INSERT INTO sqlite_sequence VALUES('counted',3);"));
		const at = (start) => lines.findIndex((line) => line.startsWith(start));
		for (const last of ['CREATE TRIGGER', 'CREATE UNIQUE INDEX', 'CREATE VIEW']) assert.ok(at(last) > at('INSERT INTO sqlite_sequence'), last);
	});

	test("SQLite's shell reads it, and dumps the same", async () => {
		const { text } = await get_dump(primary);
		const file = load(text);
		// The shell cuts a text at NUL.
		const comparable = (dump) => dump.split('\n').filter((line) => !line.includes('9223372036854775807') && !line.startsWith('INSERT INTO boxes'));
		assert.deepEqual(comparable(sqlite(file, '.dump')), comparable(text));
		for (const [table, columns] of [
			['plain', ['id', '"select"', '"wi""th quote"']],
			['made', ['a', 'b', 'c', 'd']],
			['"two words"', ['x', 'y']],
			['counted', ['id', 'x']],
			['boxes', ['id', 'x0', 'x1']],
			['child', ['p', 'n']],
		]) {
			const [{ all_of_it }] = await server.rows(primary, everything(table, columns));
			assert.equal(sqlite(file, everything(table, columns)), `${all_of_it}\n`, table);
		}
		assert.equal(sqlite(file, 'SELECT count(*) FROM logged'), '0\n', 'triggers come after the rows');
		assert.equal(sqlite(file, "SELECT t FROM words WHERE words MATCH 'fox'"), 'the quick foxes\n');
		assert.equal(sqlite(file, 'SELECT max(length("select")), hex("wi""th quote") FROM plain WHERE id = 9223372036854775807'), '6|61006200\n');
	});

	test('our own import reads it, and dumps the same', async () => {
		const { text } = await get_dump(primary);
		const copy = await database_of(text);
		// Virtual tables end up behind those that hold their content.
		const sorted = (dump) => dump.split('\n').sort();
		assert.deepEqual(sorted((await get_dump(copy)).text), sorted(text));
		assert.deepEqual(await server.rows(copy, "SELECT t FROM words WHERE words MATCH 'fox'"), [{ t: 'the quick foxes' }]);
		await server.sql(copy, 'INSERT INTO counted(x) VALUES (4)');
		assert.deepEqual(await server.rows(copy, 'SELECT max(id) AS id FROM counted'), [{ id: 4 }]);
	});

	test('reals read back equal, infinities too', async () => {
		const one = await server.createDatabase('reals');
		await server.sql(one.label, ['CREATE TABLE r(x)', ...reals.map((x) => ({ sql: 'INSERT INTO r VALUES (?)', args: [{ type: 'float', value: x }] })), 'INSERT INTO r VALUES (9e999), (-9e999)']);
		const { text } = await get_dump(one.label);
		const copy = await database_of(text);
		assert.deepEqual(
			(await server.rows(copy, "SELECT x FROM r WHERE typeof(x) = 'real' LIMIT 10")).map(({ x }) => x),
			reals,
		);
		assert.equal((await get_dump(copy)).text, text);
		assert.match(text, /VALUES\(1e999\);\nINSERT INTO r VALUES\(-1e999\);/);
	});

	test('statistics, comments at an end, and no sequence that nobody needs', async () => {
		const one = await server.createDatabase('odd');
		await server.sql(one.label, [
			'CREATE TABLE a(x, y -- last\n)',
			'CREATE INDEX a_x ON a(x)',
			'INSERT INTO a VALUES (1, 2)',
			'ANALYZE',
			'CREATE VIEW v AS SELECT 1 /* open',
			'CREATE TABLE gone(id INTEGER PRIMARY KEY AUTOINCREMENT)',
			'DROP TABLE gone',
		]);
		const { text } = await get_dump(one.label);
		assert.match(text, /^ANALYZE sqlite_schema;\nINSERT INTO sqlite_stat1 VALUES\('a','a_x','1 1'\);$/m);
		assert.ok(!text.includes('sqlite_sequence'), text);
		assert.equal(sqlite(load(text), 'SELECT count(*) FROM a'), '1\n');
		assert.equal((await get_dump(await database_of(text))).text, text);
	});

	test('an empty database', async () => {
		const empty = await server.createDatabase('empty');
		assert.equal((await get_dump(empty.label)).text, 'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCOMMIT;\n');
	});

	test('preserve_row_ids writes the numbers that no column stands for', async () => {
		const one = await server.createDatabase('rowids');
		await server.sql(one.label, [
			'CREATE TABLE bare(x)',
			'INSERT INTO bare(rowid, x) VALUES (5, 1), (70, 2)',
			'CREATE TABLE hidden(rowid, _rowid_)',
			'INSERT INTO hidden(oid, rowid) VALUES (8, 1)',
			'CREATE TABLE keyed(id INTEGER PRIMARY KEY, x)',
			'INSERT INTO keyed VALUES (3, 1)',
			'CREATE TABLE backwards(id INTEGER PRIMARY KEY DESC)',
			'INSERT INTO backwards(rowid, id) VALUES (6, 1)',
			'CREATE TABLE without(id INTEGER PRIMARY KEY) WITHOUT ROWID',
			'INSERT INTO without VALUES (4)',
		]);
		const plain = (await get_dump(one.label, '?preserve_row_ids=false')).text;
		assert.equal(plain, (await get_dump(one.label)).text);
		assert.ok(plain.includes('INSERT INTO bare VALUES(1);'));
		const { text } = await get_dump(one.label, '?preserve_row_ids=true');
		for (const line of [
			'INSERT INTO bare(rowid,x) VALUES(5,1);',
			'INSERT INTO bare(rowid,x) VALUES(70,2);',
			'INSERT INTO hidden(oid,rowid,_rowid_) VALUES(8,1,NULL);',
			'INSERT INTO keyed VALUES(3,1);',
			'INSERT INTO backwards(rowid,id) VALUES(6,1);',
			'INSERT INTO "without" VALUES(4);',
		])
			assert.ok(text.split('\n').includes(line), `${line}\n${text}`);
		assert.equal(text, sqlite(load(text), '.dump --preserve-rowids'));
		assert.equal((await get_dump(one.label, '?preserve_row_ids=maybe')).status, 400);
	});
});

describe('who gets a dump', () => {
	test('a token that may read is enough', async () => {
		const { jwt } = (await server.api('POST', `${db.path}/auth/tokens?authorization=read-only`)).json;
		assert.equal((await get_dump(primary, '', { token: jwt })).status, 200);
	});

	test('without a token 401, with that of another database 404', async () => {
		assert.equal((await get_dump(primary, '', { token: null })).status, 401);
		const other = await server.createDatabase('other');
		assert.equal((await get_dump(primary, '', { token: other.jwt })).status, 404);
	});

	test('a replica is not the place', async () => {
		const answer = await get_dump(replica);
		assert.equal(answer.status, 400);
		assert.deepEqual(answer.json, { error: 'database is not a primary' });
		assert.equal(answer.headers['content-type'], 'application/json');
	});

	test('a database whose reads are blocked says so', async () => {
		const one = await server.createDatabase('blocked');
		assert.equal((await server.api('PATCH', `${one.path}/configuration`, { block_reads: true })).status, 200);
		const answer = await get_dump(one.label);
		assert.equal(answer.status, 400, answer.text);
		assert.match(answer.text, /Operation was blocked/);
	});

	test('HEAD has no body, other methods are not allowed', async () => {
		const head = await get_dump(primary, '', { method: 'HEAD' });
		assert.equal(head.status, 200);
		assert.equal(head.text, '');
		const post = await get_dump(primary, '', { method: 'POST' });
		assert.equal(post.status, 405);
		assert.equal(post.headers.allow, 'GET, HEAD');
	});
});

describe('a large database', () => {
	let large;

	before(async () => {
		large = (await server.createDatabase('large')).label;
		await server.rows(large, 'CREATE TABLE t(id INTEGER PRIMARY KEY, x)');
		await server.rows(
			large,
			`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${LARGE_ROWS}) INSERT INTO t SELECT i, randomblob(${LARGE_ROW_BYTES}) FROM c`,
		);
	});

	/// Its answer is not read but for the head.
	async function open_dump() {
		const call = http.get(`${server.url}/db/${large}/dump`, { agent: false, headers: { authorization: `Bearer ${server.jwt_of.get(large)}` } });
		call.on('error', () => {});
		const [response] = await once(call, 'response');
		assert.equal(response.statusCode, 200);
		return { call, response };
	}

	const cpu_ticks = () => {
		const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1].split(' ');
		return Number(fields[11]) + Number(fields[12]);
	};
	const rss_mb = () => Number(readFileSync(`/proc/${server.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/)[1]) / 1024;
	async function comes_to_rest() {
		let last = cpu_ticks();
		await until('the server to come to rest', async () => {
			await sleep(100);
			const now = cpu_ticks();
			const rests = now === last;
			last = now;
			return rests;
		});
	}

	test('is one moment, however long its client takes, and takes little memory', async () => {
		await comes_to_rest();
		const idle_mb = rss_mb();
		const { response } = await open_dump();
		assert.equal(response.headers['content-length'], undefined);
		await comes_to_rest();
		assert.ok(rss_mb() - idle_mb < 48, `${idle_mb} MB idle, ${rss_mb()} MB with a dump that nobody reads`);
		// Writers and readers go on meanwhile.
		await server.rows(large, 'DELETE FROM t WHERE id % 2 = 0');
		await server.rows(large, "INSERT INTO t VALUES (0, 'late')");
		assert.equal((await server.rows(large, 'SELECT count(*) AS n FROM t'))[0].n, LARGE_ROWS / 2 + 1);
		let text = '';
		let rows = 0;
		for await (const part of response) {
			text += part.toString('latin1');
			const lines = text.split('\n');
			text = lines.pop();
			rows += lines.filter((line) => line.startsWith('INSERT INTO t VALUES(')).length;
			if (lines.length > 0) response.last_line = lines.at(-1);
		}
		assert.equal(rows, LARGE_ROWS);
		assert.equal(response.last_line, 'COMMIT;');
	});

	test('is given up when its client leaves', async () => {
		for (let i = 0; i < 3; i++) {
			const { call } = await open_dump();
			call.destroy();
		}
		// Nothing holds the database: it can be destroyed at once.
		assert.equal((await server.api('DELETE', `/v1/organizations/${server.organization}/databases/large`)).status, 200);
		assert.equal((await get_dump(large)).status, 404);
	});
});
