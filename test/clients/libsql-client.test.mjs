// @libsql/client over HTTP, unmodified, against the primary's, a replica's and the logical address.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { LibsqlError, createClient } from '@libsql/client';
import { startServer, until } from '../lib/server.mjs';
import { Socket } from '../lib/wires.mjs';

let server;
let db;
let passing; // a client whose token expires while the other tests run
let passing_token;
let passing_socket; // a WebSocket that was greeted with it
const clients = new Set();

before(async () => {
	server = await startServer();
	db = await server.createDatabase('judged', ['ord', 'nrt', 'ams']);
	const { json } = await server.api('POST', `${db.path}/auth/tokens?expiration=1s`);
	passing = open(db.label, { authToken: json.jwt });
	assert.equal((await passing.execute('SELECT 1 AS one')).rows[0].one, 1);
	passing_token = json.jwt;
	passing_socket = new Socket(server.db_url(db.label).replace(/^http/, 'ws'), 'hrana3', passing_token);
	assert.deepEqual(await passing_socket.opened, { type: 'hello_ok' });
});

after(async () => {
	for (const client of clients) client.close();
	passing_socket?.ws.terminate();
	await server?.stop();
});

function open(label, options = {}) {
	const { scheme = 'http', ...rest } = options;
	const url = server.db_url(label).replace(/^http/, scheme);
	const client = createClient({ url, authToken: db.jwt, ...rest });
	clients.add(client);
	return client;
}

function plain(result) {
	return result.rows.map((row) => ({ ...row }));
}

async function refused(promise, code, message) {
	const error = await promise.then(
		() => assert.fail(`expected ${code}, but it succeeded`),
		(error) => error,
	);
	assert.ok(error instanceof LibsqlError, `${error.stack}`);
	if (code instanceof RegExp) assert.match(error.code, code, error.message);
	else assert.equal(error.code, code, error.message);
	if (message) assert.match(error.message, message);
	return error;
}

// Where, its scheme, and the end of its tables' names.
const addresses = {
	'the logical address': [() => db.label, 'http', 'l'],
	'the primary': [() => db.instances[0].label, 'http', 'p'],
	'a replica': [() => db.instances[1].label, 'http', 'r'],
	'the logical address over a WebSocket': [() => db.label, 'ws', 'v'],
	'the primary over a WebSocket': [() => db.instances[0].label, 'ws', 'w'],
	'a replica over a WebSocket': [() => db.instances[1].label, 'ws', 'x'],
};

for (const [where, [label, scheme, suffix]] of Object.entries(addresses)) {
	const t = (name) => `${name}_${suffix}`;

	describe(`@libsql/client at ${where}`, () => {
		let client;
		before(() => {
			client = open(label(), { scheme });
		});

		test('answers types as they were stored', async () => {
			const table = t('kinds');
			const precise = open(label(), { scheme, intMode: 'bigint' });
			await client.execute(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, v)`);
			const blob = new Uint8Array(256).map((_, i) => i);
			const stored = [
				null,
				0n,
				-1n,
				9223372036854775807n,
				-9223372036854775808n,
				9007199254740993n,
				0.1,
				-0.5,
				1.7976931348623157e308,
				5e-324,
				'',
				'plain',
				'quotes \' " ` and \\ and \n\t',
				'a\u0000b\u0000',
				'Grüße 👩‍👩‍👧‍👦 \u{1F600} \u2028',
				new Uint8Array(0),
				blob,
			];
			for (const [i, value] of stored.entries())
				await precise.execute({ sql: `INSERT INTO ${table} VALUES (?, ?)`, args: [BigInt(i), value] });
			const { rows } = await precise.execute(`SELECT id, v, typeof(v) AS kind FROM ${table} ORDER BY id`);
			assert.equal(rows.length, stored.length);
			for (const [i, value] of stored.entries()) {
				const found = rows[i].v;
				if (value instanceof Uint8Array) assert.deepEqual(new Uint8Array(found), value);
				else assert.equal(found, value, `value ${i}`);
				const kind = { bigint: 'integer', number: 'real', string: 'text', object: value === null ? 'null' : 'blob' };
				assert.equal(rows[i].kind, kind[typeof value], `kind of value ${i}`);
			}
			const echoed = await precise.execute({ sql: 'SELECT ?, ?, ?', args: [stored[3], stored[13], blob] });
			assert.equal(echoed.rows[0][0], stored[3]);
			assert.equal(echoed.rows[0][1], stored[13]);
			assert.deepEqual(new Uint8Array(echoed.rows[0][2]), blob);
		});

		test('converts what JavaScript has and SQL has not', async () => {
			const at = new Date(1700000000123);
			const { rows } = await client.execute({
				sql: 'SELECT ? AS yes, ? AS no, ? AS at, typeof(?) AS one',
				args: [true, false, at, 1],
			});
			assert.deepEqual({ ...rows[0] }, { yes: 1, no: 0, at: 1700000000123, one: 'real' });
			const strings = open(label(), { scheme, intMode: 'string' });
			assert.equal((await strings.execute('SELECT 9223372036854775807 AS n')).rows[0].n, '9223372036854775807');
			await assert.rejects(client.execute('SELECT 9007199254740993 AS n'), RangeError);
			assert.equal((await client.execute('SELECT 9007199254740991 AS n')).rows[0].n, 9007199254740991);
		});

		test('gives a real number with an integral value as a number', async () => {
			const { rows } = await client.execute('SELECT 1.0 AS a, -0.0 AS b, 1e300 AS c, 123456789012345680.0 AS d');
			assert.deepEqual({ ...rows[0] }, { a: 1, b: rows[0].b, c: 1e300, d: 123456789012345680 });
			assert.ok(rows[0].b === 0);
		});

		test('binds positional and named arguments', async () => {
			const ask = async (sql, args) => Object.values((await client.execute({ sql, args })).rows[0]);
			assert.deepEqual(await ask('SELECT ? AS x, ? AS y', ['a', 2n]), ['a', 2]);
			assert.deepEqual(await ask('SELECT ?2 AS x, ?1 AS y', ['a', 'b']), ['b', 'a']);
			assert.deepEqual(await ask('SELECT ?3 AS x', ['a', 'b', 'c']), ['c']);
			assert.deepEqual(await ask('SELECT :a AS x, @a AS y, $a AS z', { a: 'same' }), ['same', 'same', 'same']);
			assert.deepEqual(await ask('SELECT :a AS x, @b AS y, $c AS z', { ':a': 1n, '@b': 2n, $c: 3n }), [1, 2, 3]);
			assert.deepEqual(await ask('SELECT :a AS x, @a AS y', { ':a': 'exact', a: 'loose' }), ['exact', 'loose']);
			assert.deepEqual(Object.values((await client.execute('SELECT ? + ?', [40n, 2n])).rows[0]), [42]);
		});

		test('tells columns, affected rows and the last rowid', async () => {
			const table = t('facts');
			const made = await client.execute(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, name VARCHAR(10), n REAL)`);
			assert.equal(made.rowsAffected, 0);
			assert.deepEqual(made.columns, []);
			const inserted = await client.execute(`INSERT INTO ${table} (name) VALUES ('a'), ('b'), ('c')`);
			assert.equal(inserted.rowsAffected, 3);
			assert.equal(inserted.lastInsertRowid, 3n);
			const updated = await client.execute(`UPDATE ${table} SET n = id * 1.5 WHERE id > 1`);
			assert.equal(updated.rowsAffected, 2);
			const read = await client.execute(`SELECT id, name, n, name || '!', id FROM ${table} ORDER BY id`);
			assert.deepEqual(read.columns, ['id', 'name', 'n', "name || '!'", 'id']);
			assert.deepEqual(read.columnTypes, ['INTEGER', 'VARCHAR(10)', 'REAL', '', 'INTEGER']);
			assert.equal(read.rowsAffected, 0);
			assert.equal(read.rows[2][1], 'c');
			assert.equal(read.rows[2].n, 4.5);
			assert.equal(read.rows[2].length, 5);
			const none = await client.execute(`SELECT id AS only FROM ${table} WHERE 0`);
			assert.deepEqual(none.columns, ['only']);
			assert.deepEqual(none.rows, []);
			const returned = await client.execute(`DELETE FROM ${table} WHERE id = 2 RETURNING id, name`);
			assert.deepEqual(plain(returned), [{ id: 2, name: 'b' }]);
			assert.equal(returned.rowsAffected, 1);
			const big = open(label(), { scheme, intMode: 'bigint' });
			const far = await big.execute(`INSERT INTO ${table} VALUES (9223372036854775807, 'last', NULL)`);
			assert.equal(far.lastInsertRowid, 9223372036854775807n);
		});

		test('runs a batch as one transaction', async () => {
			const table = t('batched');
			const results = await client.batch(
				[
					`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, v TEXT NOT NULL)`,
					{ sql: `INSERT INTO ${table} (v) VALUES (?)`, args: ['one'] },
					[`INSERT INTO ${table} (v) VALUES (:v)`, { v: 'two' }],
					`SELECT count(*) AS n FROM ${table}`,
				],
				'write',
			);
			assert.equal(results.length, 4);
			assert.equal(results[1].lastInsertRowid, 1n);
			assert.deepEqual(plain(results[3]), [{ n: 2 }]);

			await refused(
				client.batch(
					[
						`INSERT INTO ${table} (v) VALUES ('three')`,
						`DELETE FROM ${table} WHERE id = 1`,
						`INSERT INTO ${table} (v) VALUES (NULL)`,
						`INSERT INTO ${table} (v) VALUES ('four')`,
					],
					'write',
				),
				'SQLITE_CONSTRAINT',
				/NOT NULL constraint failed/,
			);
			assert.deepEqual(plain(await client.execute(`SELECT v FROM ${table} ORDER BY id`)), [{ v: 'one' }, { v: 'two' }]);
		});

		test('runs batches in every mode', async () => {
			const table = t('modes');
			await client.batch([`CREATE TABLE ${table} (v)`, `INSERT INTO ${table} VALUES (1)`], 'deferred');
			const read = await client.batch([`SELECT v FROM ${table}`, `SELECT count(*) AS n FROM ${table}`], 'read');
			assert.deepEqual(read.map(plain), [[{ v: 1 }], [{ n: 1 }]]);
			const sums = await client.batch(
				Array.from({ length: 300 }, (_, i) => ({ sql: `INSERT INTO ${table} VALUES (?)`, args: [BigInt(i)] })),
				'write',
			);
			assert.equal(sums.length, 300);
			const { rows } = await client.execute(`SELECT count(*) AS n, sum(v) AS sum FROM ${table}`);
			assert.deepEqual({ ...rows[0] }, { n: 301, sum: 1 + (299 * 300) / 2 });
		});

		test('commits and rolls back interactive transactions', async () => {
			const table = t('interactive');
			const other = open(label(), { scheme });
			await client.execute(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, v TEXT UNIQUE)`);
			const count = async (who) => (await who.execute(`SELECT count(*) AS n FROM ${table}`)).rows[0].n;

			const kept = await client.transaction('write');
			await kept.execute(`INSERT INTO ${table} (v) VALUES ('kept')`);
			await kept.batch([`INSERT INTO ${table} (v) VALUES ('b1')`, `INSERT INTO ${table} (v) VALUES ('b2')`]);
			await kept.executeMultiple(`INSERT INTO ${table} (v) VALUES ('m1'); INSERT INTO ${table} (v) VALUES ('m2');`);
			assert.equal(await count(kept), 5);
			assert.equal(await count(other), 0, 'nobody sees what is not committed');
			await kept.commit();
			assert.ok(kept.closed);
			assert.equal(await count(other), 5);
			await refused(kept.execute('SELECT 1'), 'TRANSACTION_CLOSED');

			const undone = await client.transaction('write');
			await undone.execute(`DELETE FROM ${table}`);
			assert.equal(await count(undone), 0);
			await undone.rollback();
			assert.equal(await count(other), 5);

			const left = await client.transaction('write');
			await left.execute(`INSERT INTO ${table} (v) VALUES ('left')`);
			left.close();
			// The lane is free again as soon as the closed transaction is rolled back: nobody waits for a limit.
			await other.execute(`INSERT INTO ${table} (v) VALUES ('after')`);
			assert.equal(await count(other), 6);
		});

		test('goes on after an error inside a transaction', async () => {
			const table = t('mended');
			await client.execute(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, v TEXT UNIQUE)`);
			const tx = await client.transaction('write');
			try {
				await tx.execute(`INSERT INTO ${table} (v) VALUES ('a')`);
				await refused(tx.execute(`INSERT INTO ${table} (v) VALUES ('a')`), 'SQLITE_CONSTRAINT', /UNIQUE/);
				await refused(tx.execute('SELECT no_such_column'), 'SQL_INPUT_ERROR');
				await refused(tx.execute('SELEKT 1'), 'SQL_PARSE_ERROR');
				await tx.execute(`INSERT INTO ${table} (v) VALUES ('b')`);
				await tx.commit();
			} finally {
				tx.close();
			}
			assert.deepEqual(plain(await client.execute(`SELECT v FROM ${table} ORDER BY v`)), [{ v: 'a' }, { v: 'b' }]);
		});

		test('supports savepoints inside a transaction', async () => {
			const table = t('nested');
			await client.execute(`CREATE TABLE ${table} (v)`);
			const tx = await client.transaction('write');
			await tx.execute(`INSERT INTO ${table} VALUES (1)`);
			await tx.execute('SAVEPOINT inner_one');
			await tx.execute(`INSERT INTO ${table} VALUES (2)`);
			await tx.execute('ROLLBACK TO inner_one');
			await tx.execute('RELEASE inner_one');
			await tx.execute(`INSERT INTO ${table} VALUES (3)`);
			await tx.commit();
			assert.deepEqual(plain(await client.execute(`SELECT v FROM ${table}`)), [{ v: 1 }, { v: 3 }]);
		});

		test('keeps a snapshot in a read transaction and refuses to write in it elsewhere', async () => {
			const table = t('snapshot');
			const other = open(label(), { scheme });
			await client.batch([`CREATE TABLE ${table} (v)`, `INSERT INTO ${table} VALUES (1)`]);
			const tx = await client.transaction('read');
			assert.equal((await tx.execute(`SELECT count(*) AS n FROM ${table}`)).rows[0].n, 1);
			await other.execute(`INSERT INTO ${table} VALUES (2)`);
			assert.equal((await tx.execute(`SELECT count(*) AS n FROM ${table}`)).rows[0].n, 1);
			await tx.commit();
			assert.equal((await client.execute(`SELECT count(*) AS n FROM ${table}`)).rows[0].n, 2);
		});

		test('names errors by their codes', async () => {
			const table = t('strict');
			await client.batch([
				`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, v TEXT NOT NULL UNIQUE, n INT CHECK (n > 0))`,
				`INSERT INTO ${table} VALUES (1, 'a', 1)`,
			]);
			const rows = [
				[`INSERT INTO ${table} VALUES (1, 'b', 1)`, 'SQLITE_CONSTRAINT', /UNIQUE constraint failed: strict_.\.id/],
				[`INSERT INTO ${table} VALUES (2, 'a', 1)`, 'SQLITE_CONSTRAINT', /UNIQUE constraint failed: strict_.\.v/],
				[`INSERT INTO ${table} VALUES (2, NULL, 1)`, 'SQLITE_CONSTRAINT', /NOT NULL constraint failed/],
				[`INSERT INTO ${table} VALUES (2, 'b', 0)`, 'SQLITE_CONSTRAINT', /CHECK constraint failed/],
				['SELECT * FROM there_is_no_such_table', 'SQLITE_UNKNOWN', /no such table: there_is_no_such_table/],
				[`SELECT missing FROM ${table}`, 'SQL_INPUT_ERROR', /no such column: missing/],
				['SELEKT 1', 'SQL_PARSE_ERROR', /SELEKT/],
				['SELECT (1', 'SQL_PARSE_ERROR'],
				['', 'SQL_NO_STATEMENT'],
				['-- only words', 'SQL_NO_STATEMENT'],
				['SELECT 1; SELECT 2', 'SQL_MANY_STATEMENTS'],
				[{ sql: 'SELECT ?, ?', args: [1] }, 'ARGS_INVALID'],
				[{ sql: 'SELECT ?', args: [1, 2] }, 'ARGS_INVALID'],
				[{ sql: 'SELECT :a', args: { b: 1 } }, 'ARGS_INVALID'],
				[{ sql: 'SELECT :a', args: [1] }, 'ARGS_INVALID'],
				['COMMIT', 'SQLITE_UNKNOWN', /no transaction is active/],
				["ATTACH 'other.db' AS other", 'SQL_PARSE_ERROR'],
				['CREATE TEMP TABLE short_lived (x)', 'SQL_PARSE_ERROR'],
				['PRAGMA journal_mode = DELETE', 'SQL_PARSE_ERROR'],
				['PRAGMA writable_schema = 1', 'SQL_PARSE_ERROR'],
				['PRAGMA wal_checkpoint(TRUNCATE)', 'SQL_PARSE_ERROR'],
				['BEGIN CONCURRENT', 'SQL_PARSE_ERROR'],
			];
			for (const [statement, code, message] of rows) await refused(client.execute(statement), code, message);
			assert.deepEqual(plain(await client.execute(`SELECT * FROM ${table}`)), [{ id: 1, v: 'a', n: 1 }]);
		});

		test('keeps what could break the server out of reach', async () => {
			for (const sql of [
				"SELECT load_extension('x.so')",
				'SELECT * FROM sqlite_dbpage',
				'UPDATE sqlite_dbpage SET data = zeroblob(4096) WHERE pgno = 1',
				'UPDATE sqlite_schema SET sql = NULL',
				"SELECT * FROM pragma_wal_checkpoint('TRUNCATE')",
				"SELECT writefile('x', 'y')",
				"SELECT fts3_tokenizer('simple')",
				"VACUUM INTO 'copy.db'",
				"ATTACH ':memory:' AS m",
			])
				await assert.rejects(client.execute(sql), LibsqlError, sql);
			assert.equal((await client.execute('SELECT 1 AS alive')).rows[0].alive, 1);
		});

		test('runs several statements, and none of a text with a syntax error', async () => {
			const table = t('many');
			await client.executeMultiple(`
				CREATE TABLE ${table} (v); -- the first
				INSERT INTO ${table} VALUES (';'), ('-- no comment');
				CREATE TRIGGER ${table}_trigger AFTER DELETE ON ${table} BEGIN
					INSERT INTO ${table} VALUES (old.v || '!');
					UPDATE ${table} SET v = v;
				END;
				DELETE FROM ${table} WHERE v = ';';
			`);
			const read = async () => (await client.execute(`SELECT v FROM ${table} ORDER BY v`)).rows.map((row) => row.v);
			assert.deepEqual(await read(), ['-- no comment', ';!']);
			await refused(client.executeMultiple(`DELETE FROM ${table}; SELEKT 1;`), 'SQL_PARSE_ERROR');
			assert.deepEqual(await read(), ['-- no comment', ';!']);
			await refused(
				client.executeMultiple(`INSERT INTO ${table} VALUES ('before'); SELECT * FROM no_table_here; DELETE FROM ${table};`),
				'SQLITE_UNKNOWN',
			);
			assert.deepEqual(await read(), ['-- no comment', ';!', 'before']);
			await client.executeMultiple('');
		});

		test('migrates with foreign keys off, all or nothing', async () => {
			const [parent, child] = [t('parent'), t('child')];
			await client.migrate([
				`CREATE TABLE ${parent} (id INTEGER PRIMARY KEY)`,
				`CREATE TABLE ${child} (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES ${parent})`,
				`INSERT INTO ${child} VALUES (1, 7)`,
				`INSERT INTO ${parent} VALUES (7)`,
			]);
			assert.equal((await client.execute(`SELECT parent FROM ${child}`)).rows[0].parent, 7);
			await refused(
				client.migrate([`ALTER TABLE ${parent} ADD COLUMN name TEXT`, `INSERT INTO ${parent} (id) VALUES (7)`]),
				'SQLITE_CONSTRAINT',
			);
			assert.deepEqual((await client.execute(`SELECT * FROM ${parent}`)).columns, ['id']);
			assert.equal((await client.execute(`SELECT count(*) AS n FROM ${parent}`)).rows[0].n, 1);
		});

		test('enforces foreign keys in the stream that asked for it', async () => {
			const [parent, child] = [t('owner'), t('owned')];
			await client.batch([
				`CREATE TABLE ${parent} (id INTEGER PRIMARY KEY)`,
				`CREATE TABLE ${child} (owner INTEGER REFERENCES ${parent})`,
				`INSERT INTO ${child} VALUES (1)`,
			]);
			await refused(
				client.executeMultiple(`PRAGMA foreign_keys = on; INSERT INTO ${child} VALUES (2)`),
				'SQLITE_CONSTRAINT',
				/FOREIGN KEY constraint failed/,
			);
			// The next stream starts with SQLite's default again.
			await client.execute(`INSERT INTO ${child} VALUES (3)`);
			assert.deepEqual(plain(await client.execute(`SELECT owner FROM ${child}`)), [{ owner: 1 }, { owner: 3 }]);
		});

		test('takes large values and many parameters', async () => {
			const table = t('large');
			await client.execute(`CREATE TABLE ${table} (v)`);
			const blob = new Uint8Array(1 << 20).map((_, i) => (i * 31) & 255);
			await client.execute({ sql: `INSERT INTO ${table} VALUES (?)`, args: [blob] });
			const { rows } = await client.execute(`SELECT v FROM ${table}`);
			assert.deepEqual(Buffer.compare(Buffer.from(rows[0].v), Buffer.from(blob)), 0);
			const args = Array.from({ length: 32766 }, (_, i) => BigInt(i));
			const found = await client.execute({ sql: `SELECT 5 IN (${args.map(() => '?').join(',')}) AS found`, args });
			assert.equal(found.rows[0].found, 1);
		});

		test('answers many clients at once', async () => {
			const table = t('crowd');
			await client.execute(`CREATE TABLE ${table} (who INTEGER, n INTEGER)`);
			const crowd = Array.from({ length: 24 }, () => open(label(), { scheme }));
			await Promise.all(
				crowd.map(async (one, who) => {
					for (let n = 0; n < 8; n++) {
						await one.execute({ sql: `INSERT INTO ${table} VALUES (?, ?)`, args: [who, n] });
						const { rows } = await one.execute({ sql: `SELECT count(*) AS n FROM ${table} WHERE who = ?`, args: [who] });
						assert.equal(rows[0].n, n + 1);
					}
				}),
			);
			const { rows } = await client.execute(`SELECT count(*) AS n, count(DISTINCT who) AS who FROM ${table}`);
			assert.deepEqual({ ...rows[0] }, { n: 24 * 8, who: 24 });
		});

		test('lets write transactions queue instead of failing busy', async () => {
			const table = t('queue');
			await client.batch([`CREATE TABLE ${table} (n INTEGER)`, `INSERT INTO ${table} VALUES (0)`]);
			await Promise.all(
				Array.from({ length: 12 }, async () => {
					const tx = await open(label(), { scheme }).transaction('write');
					const { rows } = await tx.execute(`SELECT n FROM ${table}`);
					await tx.execute({ sql: `UPDATE ${table} SET n = ?`, args: [BigInt(rows[0].n + 1)] });
					await tx.commit();
				}),
			);
			assert.equal((await client.execute(`SELECT n FROM ${table}`)).rows[0].n, 12);
		});
	});
}

describe('@libsql/client through replicas', () => {
	test('reads its own writes at once, 200 times', async () => {
		const client = open(db.instances[1].label);
		await client.execute('CREATE TABLE own (id INTEGER PRIMARY KEY, v TEXT)');
		for (let i = 1; i <= 200; i++) {
			const { lastInsertRowid } = await client.execute({ sql: 'INSERT INTO own (v) VALUES (?)', args: [`v${i}`] });
			assert.equal(lastInsertRowid, BigInt(i));
			const { rows } = await client.execute('SELECT count(*) AS n, max(id) AS last FROM own');
			assert.deepEqual({ ...rows[0] }, { n: i, last: i });
		}
	});

	test('reads its own batches and transactions at once', async () => {
		const client = open(db.instances[2].label);
		await client.execute('CREATE TABLE own_batches (v)');
		for (let i = 0; i < 20; i++) {
			await client.batch([`INSERT INTO own_batches VALUES (${i})`, `INSERT INTO own_batches VALUES (${i})`], 'write');
			assert.equal((await client.execute('SELECT count(*) AS n FROM own_batches')).rows[0].n, 4 * i + 2);
			const tx = await client.transaction('write');
			await tx.execute(`INSERT INTO own_batches VALUES (${i})`);
			await tx.execute(`INSERT INTO own_batches VALUES (${i})`);
			await tx.commit();
			assert.equal((await client.execute('SELECT count(*) AS n FROM own_batches')).rows[0].n, 4 * i + 4);
		}
	});

	test('shows a write through one address at every other', async () => {
		const [primary, one, other] = db.instances.map((instance) => open(instance.label));
		await one.execute('CREATE TABLE everywhere (v)');
		await other.execute("INSERT INTO everywhere VALUES ('from ams')");
		await primary.execute("INSERT INTO everywhere VALUES ('from ord')");
		for (const client of [primary, one, other])
			await until('both rows', async () => (await client.execute('SELECT count(*) AS n FROM everywhere')).rows[0].n === 2);
	});

	test('writes in a crowd at all addresses, and nothing is lost or busy', async () => {
		await open(db.label).execute('CREATE TABLE mixed (who INTEGER, n INTEGER)');
		const labels = [db.label, ...db.instances.map((instance) => instance.label)];
		const crowd = Array.from({ length: 32 }, (_, who) => open(labels[who % labels.length]));
		await Promise.all(
			crowd.map(async (client, who) => {
				for (let n = 0; n < 10; n++) {
					if (n % 3 === 0) {
						const tx = await client.transaction('write');
						await tx.execute({ sql: 'INSERT INTO mixed VALUES (?, ?)', args: [who, n] });
						await tx.commit();
					} else {
						await client.batch([{ sql: 'INSERT INTO mixed VALUES (?, ?)', args: [who, n] }], 'write');
					}
				}
			}),
		);
		for (const instance of db.instances)
			await until('all rows', async () => {
				const { rows } = await open(instance.label).execute('SELECT count(*) AS n, count(DISTINCT who || n) AS d FROM mixed');
				return rows[0].n === 320 && rows[0].d === 320;
			});
	});
});

describe('@libsql/client and database tokens', () => {
	async function mint(query) {
		const answer = await server.api('POST', `${db.path}/auth/tokens?${query}`);
		assert.equal(answer.status, 200, answer.text);
		return answer.json.jwt;
	}

	before(async () => {
		await open(db.label).batch(['CREATE TABLE IF NOT EXISTS guarded (v)', 'INSERT INTO guarded VALUES (1)']);
		await server.caught_up(db, 'SELECT count(*) FROM guarded');
	});

	// HTTP tells it by the status of the whole request, a WebSocket as an error of the request.
	const told = {
		http: { forbidden: ['SERVER_ERROR', /403/], unauthorized: ['SERVER_ERROR', /401/], unknown: ['SERVER_ERROR', /40[14]/] },
		ws: { forbidden: ['AUTH_FORBIDDEN'], unauthorized: [/^AUTH_/], unknown: ['NAMESPACE_NOT_FOUND'] },
	};

	for (const [where, [label, scheme]] of Object.entries(addresses))
		test(`a read-only token reads but does not write at ${where}`, async () => {
			const { forbidden } = told[scheme];
			const client = open(label(), { scheme, authToken: await mint('authorization=read-only') });
			assert.equal((await client.execute('SELECT count(*) AS n FROM guarded')).rows[0].n, 1);
			assert.equal((await client.batch(['SELECT 1', 'SELECT count(*) AS n FROM guarded'], 'read'))[1].rows[0].n, 1);
			const tx = await client.transaction('read');
			assert.equal((await tx.execute('SELECT count(*) AS n FROM guarded')).rows[0].n, 1);
			await tx.commit();
			for (const sql of [
				'INSERT INTO guarded VALUES (2)',
				'WITH x AS (SELECT 2) INSERT INTO guarded SELECT * FROM x',
				'UPDATE guarded SET v = 2',
				'DELETE FROM guarded',
				'DROP TABLE guarded',
				'CREATE TABLE more (v)',
				'ALTER TABLE guarded ADD COLUMN w',
				'PRAGMA user_version = 7',
			])
				await refused(client.execute(sql), ...forbidden);
			await refused(client.executeMultiple('SELECT 1; DELETE FROM guarded'), ...forbidden);
			await refused(client.batch(['SELECT 1', 'DELETE FROM guarded'], 'write'), ...forbidden);
			assert.equal((await client.execute('SELECT count(*) AS n FROM guarded')).rows[0].n, 1);
			assert.equal((await open(db.label).execute('SELECT count(*) AS n FROM guarded')).rows[0].n, 1);
		});

	for (const scheme of ['http', 'ws'])
		test(`refuses no token, a wrong one, one of another database, and the platform token, over ${scheme}`, async () => {
			const { unauthorized, unknown } = told[scheme];
			const other = await server.createDatabase(`stranger-${scheme}`, ['ord']);
			const [head, payload, signature] = db.jwt.split('.');
			const forged = Buffer.from('{"alg":"none"}').toString('base64url');
			for (const authToken of [
				undefined,
				'nonsense',
				`${head}.${payload}.${signature.slice(0, -6)}AAAAAA`,
				`${forged}.${payload}.`,
				server.token,
			])
				await refused(open(db.label, { scheme, authToken }).execute('SELECT 1'), ...unauthorized);
			await refused(open(db.label, { scheme, authToken: other.jwt }).execute('SELECT 1'), ...unknown);
			if (scheme === 'http') await refused(open('nobody-nowhere').execute('SELECT 1'), 'SERVER_ERROR', /404/);
			else await refused(open('nobody-nowhere', { scheme }).execute('SELECT 1'), 'HRANA_WEBSOCKET_ERROR', /404/);
		});

	test('rotation refuses every older token at once, at every address, also in an open transaction', async () => {
		const spun = await server.createDatabase('spun', ['ord', 'nrt']);
		const old = [spun.label, ...spun.instances.map((instance) => instance.label)].map((label) =>
			open(label, { authToken: spun.jwt }),
		);
		await old[0].execute('CREATE TABLE t (v)');
		for (const client of old) await client.execute('SELECT 1');
		const tx = await old[0].transaction('write');
		await tx.execute('INSERT INTO t VALUES (1)');

		assert.equal((await server.api('POST', `${spun.path}/auth/rotate`)).status, 200);
		for (const client of old) await refused(client.execute('SELECT 1'), 'SERVER_ERROR', /401/);
		await refused(tx.commit(), 'SERVER_ERROR', /401/);

		const minted = await server.api('POST', `${spun.path}/auth/tokens`);
		for (const label of [spun.label, ...spun.instances.map((instance) => instance.label)]) {
			const fresh = open(label, { authToken: minted.json.jwt });
			assert.equal((await fresh.execute('SELECT count(*) AS n FROM sqlite_schema')).rows[0].n, 1);
		}
		// What the cut transaction had is not there, and its lock does not stay.
		const fresh = open(spun.label, { authToken: minted.json.jwt });
		await fresh.execute('INSERT INTO t VALUES (2)');
		assert.deepEqual(plain(await fresh.execute('SELECT v FROM t')), [{ v: 2 }]);
	});

	test('refuses an expired token', async () => {
		// The protocol grants 60 seconds to clocks that differ.
		const error = await until(
			'the token to expire',
			() =>
				passing.execute('SELECT 1').then(
					() => null,
					(error) => error,
				),
			90_000,
		);
		assert.equal(error.code, 'SERVER_ERROR', error.message);
		assert.match(error.message, /401/);
	});

	test('§4 a WebSocket that was opened with it goes on; a new hello with it is refused', async () => {
		assert.equal((await passing_socket.ask({ type: 'open_stream', stream_id: 1 })).type, 'open_stream');
		const { result } = await passing_socket.ask({ type: 'execute', stream_id: 1, stmt: { sql: 'SELECT 1' } });
		assert.deepEqual(result.rows, [[{ type: 'integer', value: '1' }]]);
		const late = new Socket(server.db_url(db.label).replace(/^http/, 'ws'), 'hrana3', passing_token);
		const { type, error } = await late.opened;
		assert.equal(type, 'hello_error');
		assert.deepEqual(error, { message: 'Authentication failed: The JWT has expired', code: 'AUTH_JWT_EXPIRED' });
		assert.equal((await late.closed).code, 1000);
	});
});

describe('@libsql/client whose WebSocket was closed', () => {
	test('connects anew at its next use', async (t) => {
		const own = await startServer();
		t.after(() => own.stop());
		const { label, jwt } = await own.createDatabase('closed');
		const client = createClient({ url: own.db_url(label).replace(/^http/, 'ws'), authToken: jwt });
		t.after(() => client.close());
		await client.execute('CREATE TABLE t(x)');
		await own.restart({ same_port: true });
		// What it asks before it has seen the end fails; then it connects again.
		await until('the client to be connected', async () => {
			await client.execute('INSERT INTO t VALUES (1)');
			return true;
		});
		assert.equal((await client.execute('SELECT count(*) AS n FROM t')).rows[0].n, 1);
	});
});
