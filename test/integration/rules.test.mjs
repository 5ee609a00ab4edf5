// What the owner of a database allows (spec/platform-api.md §2.13, spec/hrana.md §6, §7, §10): blocks, size, ATTACH.
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { rows_of, startServer, to_stmt, until } from '../lib/server.mjs';

let server, o;

before(async () => {
	server = await startServer();
	o = `/v1/organizations/${server.organization}`;
});

after(() => server.stop());

function answered(answer) {
	assert.equal(answer.status, 200, answer.text);
	return answer.json;
}

const api = (method, tail, body) => server.api(method, `${o}${tail}`, body);
const configure = async (name, settings) => answered(await api('PATCH', `/databases/${name}/configuration`, settings));
const fails = (code, message) => (error) => {
	assert.equal(error.code, code, error.message);
	assert.ok(error.message.includes(message), error.message);
	return true;
};
const blocked = fails('BLOCKED', 'Operation was blocked');

// One stream, request by request; each statement's result or error.
function stream(label, token) {
	let baton = null;
	return async (...statements) => {
		const answer = await server.sql(label, statements, { token, baton, keep: true });
		baton = answer.json?.baton ?? null;
		return answer;
	};
}

test('blocks', async (t) => {
	const db = await server.createDatabase('blocks', ['ord', 'nrt']);
	const [primary, replica] = db.instances;
	await server.rows(db.label, 'CREATE TABLE t(v)');
	await server.rows(db.label, 'INSERT INTO t VALUES (1)');
	await server.caught_up(db, 'SELECT * FROM t');

	await t.test('of writes, on every instance and path', async () => {
		const run = stream(db.label);
		answered(await run('BEGIN', 'INSERT INTO t VALUES (2)'));
		await configure('blocks', { block_writes: true });
		for (const label of [db.label, primary.label, replica.label]) {
			await assert.rejects(server.rows(label, 'INSERT INTO t VALUES (3)'), blocked);
			await assert.rejects(server.rows(label, 'DROP TABLE t'), blocked);
			assert.ok((await server.rows(label, 'SELECT count(*) AS n FROM t'))[0].n >= 1);
		}
		const ended = answered(await run('INSERT INTO t VALUES (4)', 'COMMIT'));
		assert.deepEqual(ended.results.map((one) => one.error?.code), ['BLOCKED', undefined]);
		assert.equal((await server.rows(primary.label, 'SELECT count(*) AS n FROM t'))[0].n, 2);
		const simple = await server.data_plane(db.label, '/v1/execute', { stmt: { sql: 'DELETE FROM t' } });
		assert.equal(simple.status, 400);
		assert.deepEqual(simple.json, { message: 'Operation was blocked', code: 'BLOCKED' });
	});
	await t.test('of reads, which block writes as well', async () => {
		await configure('blocks', { block_writes: false, block_reads: true });
		for (const label of [db.label, replica.label]) {
			await assert.rejects(server.rows(label, 'SELECT 1'), blocked);
			await assert.rejects(server.rows(label, 'DELETE FROM t'), blocked);
			await assert.rejects(server.rows(label, 'BEGIN'), blocked);
		}
	});
	await t.test('of reads leave the end of a transaction alone', async () => {
		for (const label of [db.label, replica.label])
			for (const end of ['COMMIT', 'ROLLBACK', 'SAVEPOINT s']) {
				await configure('blocks', { block_reads: false });
				const run = stream(label);
				answered(await run('BEGIN', 'SELECT count(*) FROM t'));
				await configure('blocks', { block_reads: true });
				const ended = answered(await run('SELECT count(*) FROM t', end, 'ROLLBACK'));
				assert.deepEqual(ended.results.slice(0, 2).map((one) => one.error?.code), ['BLOCKED', undefined], `${end} at ${label}`);
			}
	});
	await t.test('end at once', async () => {
		await configure('blocks', { block_reads: false });
		await server.rows(replica.label, 'INSERT INTO t VALUES (5)');
		assert.equal((await server.rows(replica.label, 'SELECT count(*) AS n FROM t'))[0].n, 3);
	});
});

test('size_limit', async (t) => {
	const db = await server.createDatabase('small');
	const full = fails('SQLITE_FULL', 'size limit of the database reached (size_limit = 262144 bytes)');
	await server.rows(db.label, 'CREATE TABLE t(id INTEGER PRIMARY KEY, v)');
	await configure('small', { size_limit: '256kb' });

	await t.test('ends growth, nothing else', async () => {
		await assert.rejects(async () => {
			for (let i = 0; i < 100; i++) await server.rows(db.label, 'INSERT INTO t(v) VALUES (randomblob(10000))');
		}, full);
		const [{ n }] = await server.rows(db.label, 'SELECT count(*) AS n FROM t');
		assert.ok(n > 10 && n < 30, n);
		await server.rows(db.label, 'DELETE FROM t WHERE id < 6');
		await server.rows(db.label, 'VACUUM');
		await server.rows(db.label, 'INSERT INTO t(v) VALUES (randomblob(10000))');
	});
	await t.test('undoes the one statement of a transaction', async () => {
		const run = stream(db.label);
		const answer = answered(await run('BEGIN', "INSERT INTO t(v) VALUES ('kept')", 'INSERT INTO t(v) VALUES (randomblob(300000))', 'COMMIT'));
		assert.deepEqual(answer.results.map((one) => one.error?.code), [undefined, undefined, 'SQLITE_FULL', undefined]);
		assert.equal((await server.rows(db.label, "SELECT count(*) AS n FROM t WHERE v = 'kept'"))[0].n, 1);
	});
	await t.test('holds after a restart, and can be lifted', async () => {
		await server.restart();
		await assert.rejects(server.rows(db.label, 'INSERT INTO t(v) VALUES (randomblob(300000))'), full);
		await configure('small', { size_limit: '' });
		await server.rows(db.label, 'INSERT INTO t(v) VALUES (randomblob(300000))');
	});
});

test('attach', async (t) => {
	const main = await server.createDatabase('main-one');
	const other = await server.createDatabase('other-one');
	await server.rows(other.label, 'CREATE TABLE t(v)');
	await server.rows(other.label, 'INSERT INTO t VALUES (41), (1)');
	const mint = async (databases, query = '') =>
		answered(await api('POST', `/databases/main-one/auth/tokens${query}`, { permissions: { read_attach: { databases } } })).jwt;
	const token = await mint(['other-one']);
	const refused = fails(undefined, "Namespace `other-one` doesn't allow attach");
	const attach = 'ATTACH "other-one" AS o';
	const sum = 'SELECT sum(v) AS n FROM o.t';
	const one_by_one = async (credential, ...statements) =>
		rows_of(await server.sql(main.label, statements, { token: credential }), statements.length - 1);
	const forbidden = async (credential) => {
		const answer = await server.sql(main.label, [attach, sum], { token: credential });
		assert.equal(answer.status, 403, answer.text);
		assert.deepEqual(answer.json, { error: "Namespace `other-one` doesn't allow attach" });
	};

	await t.test('needs the owner and the token', async () => {
		await forbidden(token);
		await configure('other-one', { allow_attach: true });
		await forbidden(undefined);
		assert.deepEqual(await one_by_one(token, attach, sum), [{ n: 42 }]);
		assert.deepEqual(await one_by_one(await mint(['other-one'], '?authorization=read-only'), attach, sum), [{ n: 42 }]);
	});
	await t.test('is a state of the stream, in a transaction, too', async () => {
		const run = stream(main.label, token);
		answered(await run(attach));
		assert.deepEqual(rows_of(await run(sum)), [{ n: 42 }]);
		answered(await run('BEGIN', 'CREATE TABLE c AS SELECT v FROM o.t', 'COMMIT', 'DETACH o'));
		assert.equal((await run(sum)).json.results[0].type, 'error');
		assert.deepEqual(await server.rows(main.label, 'SELECT count(*) AS n FROM c'), [{ n: 2 }]);
	});
	await t.test('reads only, and names databases only', async () => {
		for (const bad of ['INSERT INTO o.t VALUES (1)', 'DROP TABLE o.t', 'DELETE FROM o.t', 'CREATE TABLE o.u(x)', 'PRAGMA o.user_version = 1']) {
			const { results } = answered(await server.sql(main.label, [attach, bad], { token }));
			assert.equal(results[1].type, 'error', bad);
		}
		for (const bad of ["ATTACH 'other-one' AS o", "ATTACH '/etc/passwd' AS o", "ATTACH DATABASE 'file:x' AS o", 'ATTACH ? AS o'])
			await assert.rejects(server.rows(main.label, bad, { token }), fails('SQL_PARSE_ERROR', 'unsupported statement'));
		assert.deepEqual(await server.rows(other.label, 'SELECT count(*) AS n FROM t'), [{ n: 2 }]);
	});
	await t.test('is checked before any step of a batch runs', async () => {
		const steps = ['CREATE TABLE never(x)', 'ATTACH "third-one" AS o'].map((sql) => ({ stmt: to_stmt(sql) }));
		const answer = await server.sql(main.label, { type: 'batch', batch: { steps } }, { token });
		assert.equal(answer.status, 403, answer.text);
		await assert.rejects(server.rows(main.label, 'SELECT * FROM never'), fails('SQLITE_UNKNOWN', 'no such table'));
	});
	await t.test('ends when the owner says so', async () => {
		const run = stream(main.label, token);
		answered(await run(attach, sum));
		await configure('other-one', { allow_attach: false });
		const answer = await run(sum);
		assert.equal(answer.status, 403, answer.text);
		await forbidden(token);
	});
});

test('databases that nobody uses are closed', async () => {
	const small = await startServer({ args: ['--database-idle-timeout', '50ms', '--open-databases-max', '4'] });
	try {
		const folder = `/proc/${small.pid}/fd`;
		const target = (fd) => {
			try {
				return readlinkSync(`${folder}/${fd}`);
			} catch {
				return ''; // closed meanwhile
			}
		};
		const open_files = () => readdirSync(folder).map(target).filter((file) => file.includes('/databases/'));
		const made = [];
		for (let i = 0; i < 8; i++) {
			const db = await small.createDatabase(`idle-${i}`, ['ord', 'nrt']);
			await small.rows(db.label, 'CREATE TABLE t(v)');
			made.push(db);
		}
		for (let round = 0; round < 3; round++)
			await Promise.all(made.map((db, i) => small.rows(db.instances[i % 2].label, 'INSERT INTO t VALUES (1)')));
		await until('the files of unused databases are closed', () => open_files().length === 0);
		for (const db of made)
			for (const instance of db.instances)
				assert.deepEqual(await small.rows(instance.label, 'SELECT count(*) AS n FROM t'), [{ n: 3 }]);
	} finally {
		await small.stop();
	}
});
