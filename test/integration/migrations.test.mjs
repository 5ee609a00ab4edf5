// SQL that is applied to every database of a group: each of them whole and once, whatever happens meanwhile.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { administrator, answered, refused, sign_up } from '../lib/accounts.mjs';
import { label_of, startServer, until } from '../lib/server.mjs';

const COUNT = 500;

let server, o;

before(async () => {
	server = await startServer();
	o = `/v1/organizations/${server.organization}`;
});

after(() => server.stop());

const api = (method, tail, body) => server.api(method, `${o}${tail}`, body);
const get = async (tail) => answered(await api('GET', tail));
const post = async (tail, body) => answered(await api('POST', tail, body));

async function make_group(name) {
	await post('/groups', { name, location: 'ord' });
	return { name, token: (await post(`/groups/${name}/auth/tokens`)).jwt, path: `/groups/${name}/migrations` };
}

async function make_database(group, name, statements = []) {
	const { database } = await post('/databases', { name, group: group.name });
	const label = label_of(database.Hostname);
	server.jwt_of.set(label, group.token);
	if (statements.length > 0) await run(label, statements);
	return { name, label };
}

async function run(label, statements) {
	const answer = await server.sql(label, statements);
	assert.equal(answer.status, 200, answer.text);
	for (const result of answer.json.results) assert.equal(result.type, 'ok', JSON.stringify(result));
}

async function in_parallel(list, width, work) {
	const rest = [...list.entries()];
	const out = [];
	await Promise.all(Array.from({ length: width }, async () => {
		for (let next; (next = rest.shift()); ) out[next[0]] = await work(next[1], next[0]);
	}));
	return out;
}

async function dump(db) {
	const answer = await server.data_plane(db.label, '/dump', undefined, { method: 'GET' });
	assert.equal(answer.status, 200, answer.text);
	return answer.text;
}

const ended = (group, id) =>
	until(`migration ${id} has ended`, async () => {
		const { migration } = await get(`${group.path}/${id}`);
		return migration.ended_at && migration;
	}, 120_000);

async function migrate(group, wish) {
	const { migration } = await post(group.path, wish);
	return ended(group, migration.id);
}

const databases_of = async (group, id, status) =>
	(await get(`${group.path}/${id}/databases?page_size=1000${status ? `&status=${status}` : ''}`)).databases;

// Fails where a name is doubled, after two statements that would have gone well.
const UNIQUE = "ALTER TABLE t ADD COLUMN more TEXT DEFAULT 'x; y';\nUPDATE t SET n = n + 1;\nCREATE UNIQUE INDEX t_name ON t (name);\nINSERT INTO log VALUES ('u');";

test(`${COUNT} databases, of which three fail half-way`, async (t) => {
	const group = await make_group('many');
	const begun = Date.now();
	const list = await in_parallel(Array.from({ length: COUNT }, (_, i) => `many-${String(i).padStart(3, '0')}`), 8, (name) => make_database(group, name));
	const bad = [list[7], list[250], list[499]];
	await in_parallel(list, 8, (db) => run(db.label, [
		'CREATE TABLE t (n INTEGER, name TEXT)', 'CREATE TABLE log (what TEXT)',
		`INSERT INTO t VALUES (1, 'a'), (2, '${bad.includes(db) ? 'a' : 'b'}')`,
	]));
	t.diagnostic(`${COUNT} databases made in ${Date.now() - begun} ms`);
	const before_it = await Promise.all(bad.map(dump));

	const started = Date.now();
	let { migration } = await post(group.path, { name: '0001-unique.sql', sql: UNIQUE, concurrency: 4 });
	assert.equal(migration.status, 'checking');
	assert.equal(migration.databases.total, COUNT);
	refused(await api('POST', group.path, { name: 'another', sql: 'SELECT 1' }), 409, /0001-unique.sql .* is under way/, 'already_exists');
	migration = await ended(group, migration.id);
	t.diagnostic(`migrated in ${Date.now() - started} ms`);

	assert.equal(migration.status, 'failed');
	assert.deepEqual(migration.databases, { total: COUNT, pending: 0, running: 0, passed: 0, done: COUNT - 3, failed: 3, skipped: 0 });
	const failed = await databases_of(group, migration.id, 'failed');
	assert.deepEqual(failed.map((one) => [one.name, one.code, one.statement]), bad.map((db) => [db.name, 'SQLITE_CONSTRAINT', 3]));
	for (const one of failed) assert.match(one.error, /UNIQUE constraint failed: t.name/);
	assert.deepEqual(await Promise.all(bad.map(dump)), before_it, 'they are untouched');

	await Promise.all(bad.map((db) => run(db.label, ["UPDATE t SET name = 'b' WHERE n = 2"])));
	await post(`${group.path}/${migration.id}/resume`);
	migration = await ended(group, migration.id);
	assert.equal(migration.status, 'done');
	assert.equal(migration.databases.done, COUNT);
	await in_parallel(list, 8, async (db) => {
		assert.deepEqual(await server.rows(db.label, 'SELECT n, name, more FROM t ORDER BY n'),
			[{ n: 2, name: 'a', more: 'x; y' }, { n: 3, name: 'b', more: 'x; y' }], db.name);
		assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM log'), [{ n: 1 }], db.name);
	});

	await t.test('again, it changes nothing', async () => {
		const again = await migrate(group, { name: '0001-unique.sql', sql: UNIQUE, concurrency: 16 });
		assert.equal(again.status, 'done');
		assert.equal(again.databases.skipped, COUNT);
		assert.ok((await databases_of(group, again.id)).every((one) => one.code === 'applied'));
	});
	await t.test('another text of the same name is not applied where it was', async () => {
		const other = await migrate(group, { name: '0001-unique.sql', sql: 'DROP TABLE t', concurrency: 16 });
		assert.equal(other.databases.skipped, COUNT);
		assert.ok((await databases_of(group, other.id)).every((one) => one.code === 'other_text'));
	});
	await t.test('kill -9 in the middle: each has it once', async () => {
		const wish = { name: '0002', sql: "INSERT INTO log VALUES ('killed')", dry_run: 'none', concurrency: 4 };
		const { migration: begun_one } = await post(group.path, wish);
		for (let kill = 0; kill < 3; kill++) {
			await until('some more are done', async () => {
				const { databases, ended_at } = (await get(`${group.path}/${begun_one.id}`)).migration;
				return ended_at || databases.done > 40 * (kill + 1);
			});
			await server.kill();
			await server.restart();
		}
		const done = await ended(group, begun_one.id);
		assert.equal(done.status, 'done');
		assert.equal(done.databases.done, COUNT);
		await in_parallel(list, 8, async (db) =>
			assert.deepEqual(await server.rows(db.label, "SELECT count(*) AS n FROM log WHERE what = 'killed'"), [{ n: 1 }], db.name));
	});
});

test('a dry run', async (t) => {
	const group = await make_group('dry');
	const list = await in_parallel(['dry-a', 'dry-b', 'dry-c'], 3, (name) => make_database(group, name, ['CREATE TABLE t (n)', 'INSERT INTO t VALUES (1)']));
	await run(list[1].label, ['CREATE TABLE u (x)']);
	const dumps = () => Promise.all(list.map(dump));
	const untouched = await dumps();
	await t.test('that fails stops it', async () => {
		const one = await migrate(group, { name: 'bad', sql: 'UPDATE t SET n = 2; INSERT INTO missing VALUES (1)' });
		assert.equal(one.status, 'failed');
		assert.match(one.failure, /dry run/);
		assert.deepEqual([one.databases.failed, one.databases.pending], [1, 2]);
		const [failed] = await databases_of(group, one.id, 'failed');
		assert.match(failed.error, /no such table: missing/);
		assert.equal(failed.statement, 2);
		assert.deepEqual(await dumps(), untouched);
	});
	await t.test('on a copy of each', async () => {
		const all = await migrate(group, { name: 'u', sql: 'CREATE TABLE u (x)', dry_run: 'all' });
		assert.equal(all.status, 'failed');
		assert.deepEqual((await databases_of(group, all.id)).map((one) => [one.name, one.status]), [['dry-a', 'passed'], ['dry-b', 'failed'], ['dry-c', 'passed']]);
		assert.deepEqual(await dumps(), untouched);
	});
	await t.test('and nothing more', async () => {
		const dry = await migrate(group, { name: 'v', sql: 'CREATE TABLE v (x)', dry_run: 'all', apply: false });
		assert.equal(dry.status, 'done');
		assert.equal(dry.databases.passed, 3);
		assert.deepEqual(await dumps(), untouched);
	});
	await t.test('keeps to the size that the database may have', async () => {
		const small = await make_group('dry-small');
		await make_database(small, 'dry-d', ['CREATE TABLE t (n)']);
		answered(await api('PATCH', '/databases/dry-d/configuration', { size_limit: '1mb' }));
		const dry = await migrate(small, { name: 'w', sql: 'INSERT INTO t VALUES (zeroblob(2000000))', apply: false });
		assert.equal(dry.status, 'failed');
		assert.equal((await databases_of(small, dry.id))[0].code, 'SQLITE_FULL');
	});
	await t.test('leaves no database behind', async () =>
		assert.deepEqual((await get(`/databases?group=dry`)).databases.map((one) => one.Name), list.map((one) => one.name)));
});

test('what becomes of databases that cannot be reached, and of new ones', async () => {
	const group = await make_group('odd');
	const [a, blocked, gone] = await in_parallel(['odd-a', 'odd-blocked', 'odd-gone'], 3, (name) => make_database(group, name, ['CREATE TABLE t (n)']));
	answered(await api('PATCH', `/databases/${blocked.name}/configuration`, { block_writes: true }));
	const { migration } = await post(group.path, { name: 'm', sql: 'INSERT INTO t VALUES (1)', dry_run: 'none', concurrency: 1, pause_ms: 1000 });
	answered(await api('DELETE', `/databases/${gone.name}`));
	const late = await make_database(group, 'odd-late', ['CREATE TABLE t (n)']);
	const done = await ended(group, migration.id);
	assert.equal(done.status, 'done');
	assert.deepEqual((await databases_of(group, migration.id)).map((one) => [one.name, one.status, one.code]), [
		['odd-a', 'done', ''], ['odd-blocked', 'skipped', 'blocked'], ['odd-gone', 'skipped', 'destroyed'], ['odd-late', 'done', ''],
	]);
	for (const db of [a, late]) assert.deepEqual(await server.rows(db.label, 'SELECT n FROM t'), [{ n: 1 }]);
});

test('cancel and max_failures', async () => {
	const group = await make_group('stop');
	await in_parallel(['stop-a', 'stop-b', 'stop-c'], 3, (name) => make_database(group, name));
	const { migration } = await post(group.path, { name: 'slow', sql: 'CREATE TABLE t (n)', dry_run: 'none', concurrency: 1, pause_ms: 60000 });
	await until('the first is done', async () => (await get(`${group.path}/${migration.id}`)).migration.databases.done === 1);
	const { migration: cancelled } = await post(`${group.path}/${migration.id}/cancel`);
	assert.equal(cancelled.status, 'cancelled');
	assert.equal(cancelled.databases.pending, 2);
	const stopped = await migrate(group, { name: 'worse', sql: 'INSERT INTO missing VALUES (1)', dry_run: 'none', concurrency: 1, max_failures: 1 });
	assert.deepEqual([stopped.status, stopped.databases.failed, stopped.databases.pending], ['failed', 1, 2]);
	assert.match(stopped.failure, /as many databases failed as may/);
	assert.deepEqual((await get(group.path)).migrations.map((one) => one.name), ['worse', 'slow']);
});

test('SQL that cannot be one transaction is refused before anything starts', async (t) => {
	const group = await make_group('refused');
	for (const [sql, error] of [
		['CREATE TABLE t (n); VACUUM', /^statement 2: .*VACUUM/],
		['BEGIN; SELECT 1; COMMIT', /^statement 1: .*BEGIN/],
		['SELECT 1; PRAGMA journal_mode = DELETE', /^statement 2: /],
		['PRAGMA foreign_keys = OFF', /^statement 1: .*defer_foreign_keys/],
		["SELECT 1;\n\nATTACH 'x' AS y", /^statement 2: .*attached/],
		['SAVEPOINT s', /^statement 1: .*savepoint/],
		[' -- nothing\n;', /no statement/],
	])
		await t.test(sql, async () => refused(await api('POST', group.path, { name: 'm', sql }), 400, error));
	for (const [what, body] of [['name', { sql: 'SELECT 1' }], ['sql', { name: 'm' }]])
		await t.test(`without ${what}`, async () => refused(await api('POST', group.path, body), 400, `${what} is required`, 'missing_field'));
	assert.equal((await get(group.path)).total, 0);
});

test('SQL that nests as deep as its length allows ends nothing but its migration', async () => {
	const group = await make_group('deep');
	await make_database(group, 'deep-a');
	// Each level is a common table expression of the one before it.
	const steps = Array.from({ length: 4_000 }, (_, i) => `c${i + 1} AS (SELECT * FROM c${i})`);
	const deep = await migrate(group, { name: 'm', sql: `WITH c0 AS (SELECT 1), ${steps.join(', ')} SELECT * FROM c4000` });
	assert.ok(['done', 'failed'].includes(deep.status));
	server.check();
	assert.equal((await migrate(group, { name: 'n', sql: 'CREATE TABLE t (n)' })).status, 'done');
});

test('who may', async () => {
	const group = await make_group('rights');
	const { migration } = await post(group.path, { name: 'm', sql: 'CREATE TABLE t (n)' });
	await ended(group, migration.id);
	const stranger = await sign_up(server, 'migration-stranger', { email: 'stranger@example.com' });
	const own = `/v1/organizations/${stranger.username}`;
	answered(await stranger.ask('POST', `${own}/groups`, { name: 'mine', location: 'ord' }));
	refused(await stranger.ask('GET', `${own}/groups/mine/migrations/${migration.id}`), 404, 'migration not found', 'migration_not_found');
	for (const verb of ['resume', 'cancel']) refused(await stranger.ask('POST', `${own}/groups/mine/migrations/${migration.id}/${verb}`), 404);
	assert.equal((await stranger.ask('GET', `${o}${group.path}`)).status, 403);
	const viewer = await sign_up(server, 'migration-viewer', { email: 'viewer@example.com' });
	answered(await administrator(server).ask('POST', `${o}/members`, { username: viewer.username, role: 'viewer' }));
	answered(await viewer.ask('GET', `${o}${group.path}/${migration.id}`));
	refused(await viewer.ask('POST', `${o}${group.path}`, { name: 'n', sql: 'SELECT 1' }), 403);
	const { audit_logs } = await get('/audit-logs?page_size=1000');
	const entry = audit_logs.find((one) => one.code === 'group-migrate' && one.data.uuid === migration.id);
	assert.equal(entry.message, 'started migration m of group rights');
	assert.equal(entry.author, server.username);
});
