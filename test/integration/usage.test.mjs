// What was used, as clients are told: spec/platform-api.md §2.10, §2.11, §3.2, §3.6.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startServer } from '../lib/server.mjs';

const HOUR_MS = 3_600_000;
const FIGURES = ['rows_read', 'rows_written', 'storage_bytes', 'bytes_synced'];

let server, o;

before(async () => {
	server = await startServer();
	o = `/v1/organizations/${server.organization}`;
});

after(() => server.stop());

async function get(path, status = 200) {
	const answer = await server.api('GET', path);
	assert.equal(answer.status, status, `${path}: ${answer.text}`);
	return answer.json;
}

function figures(object) {
	for (const name of FIGURES) assert.ok(Number.isInteger(object[name]) && object[name] >= 0, `${name}: ${object[name]}`);
	return object;
}

/// Usage of a database, with its sums checked: {of: {instance uuid: figures}, total}.
async function usage(db, query = '') {
	const { database } = await get(`${db.path}/usage${query}`);
	assert.deepEqual(Object.keys(database), ['uuid', 'instances', 'usage', 'total']);
	assert.equal(database.uuid, db.uuid);
	assert.deepEqual(database.usage, database.total);
	const of = Object.fromEntries(database.instances.map((one) => [one.uuid, figures(one.usage)]));
	for (const name of FIGURES)
		assert.equal(
			figures(database.total)[name],
			Object.values(of).reduce((sum, one) => sum + one[name], 0),
			name,
		);
	return { of, total: database.total };
}

function difference(later, earlier) {
	return Object.fromEntries(FIGURES.map((name) => [name, later[name] - earlier[name]]));
}

test('statements are counted where they run, and the counts survive every end of the server', async (t) => {
	const db = await server.createDatabase('counted', ['ord', 'nrt']);
	const [primary, replica] = db.instances;
	let last;

	await t.test('nothing was used yet', async () => {
		const { of, total } = await usage(db);
		assert.deepEqual(Object.keys(of), [primary.uuid, replica.uuid], 'primary first, idle ones, too');
		assert.deepEqual([total.rows_read, total.rows_written, total.bytes_synced], [0, 0, 0]);
	});
	await t.test('writes', async () => {
		await server.rows(primary.label, 'CREATE TABLE t (id INTEGER PRIMARY KEY, x)');
		last = await usage(db);
		await server.rows(primary.label, "INSERT INTO t (x) VALUES ('a'), ('b'), ('c'), ('d'), ('e')");
		const now = await usage(db);
		assert.equal(difference(now.of[primary.uuid], last.of[primary.uuid]).rows_written, 5);
		assert.ok(now.of[primary.uuid].storage_bytes >= 8192);
		last = now;
	});
	await t.test('reads, by primary and replica', async () => {
		await server.caught_up(db, 'SELECT count(*) AS n FROM t');
		last = await usage(db);
		await server.rows(primary.label, 'SELECT * FROM t');
		let now = await usage(db);
		assert.equal(difference(now.of[primary.uuid], last.of[primary.uuid]).rows_read, 5);
		assert.equal(difference(now.of[replica.uuid], last.of[replica.uuid]).rows_read, 0);
		last = now;
		await server.rows(replica.label, 'SELECT * FROM t WHERE id <= 3');
		now = await usage(db);
		assert.equal(difference(now.of[primary.uuid], last.of[primary.uuid]).rows_read, 0);
		assert.equal(difference(now.of[replica.uuid], last.of[replica.uuid]).rows_read, 3);
		assert.ok(now.of[replica.uuid].storage_bytes >= 8192);
		last = now;
	});
	await t.test('a write sent to the replica is counted once', async () => {
		await server.rows(replica.label, "INSERT INTO t (x) VALUES ('f')");
		const now = await usage(db);
		assert.equal(difference(now.total, last.total).rows_written, 1);
		last = now;
	});
	await t.test('what was told survives SIGKILL', async () => {
		await server.kill();
		await server.start('127.0.0.1:0');
		const now = await usage(db);
		assert.ok(now.total.rows_read >= last.total.rows_read);
		assert.equal(now.total.rows_written, last.total.rows_written);
		last = now;
	});
	await t.test('what was never told survives SIGTERM', async () => {
		await server.rows(primary.label, "INSERT INTO t (x) VALUES ('g'), ('h')");
		await server.restart();
		const now = await usage(db);
		assert.equal(difference(now.total, last.total).rows_written, 2);
		last = now;
	});
	await t.test('an export leaves the primary as pages', async () => {
		const { bytes } = await server.api('GET', `${db.path}/export`);
		const now = await usage(db);
		assert.equal(difference(now.of[primary.uuid], last.of[primary.uuid]).bytes_synced, bytes.length);
		assert.equal(now.total.bytes_synced, bytes.length);
		assert.equal(now.total.storage_bytes, last.total.storage_bytes);
		last = now;
	});
	await t.test('one instance by name and by id', async () => {
		for (const ref of [replica.name, replica.uuid]) {
			const { instance } = await get(`${db.path}/instances/${ref}/usage`);
			assert.deepEqual(Object.keys(instance), ['uuid', 'name', 'usage']);
			assert.deepEqual([instance.uuid, instance.name], [replica.uuid, replica.name]);
			assert.deepEqual(instance.usage, last.of[replica.uuid]);
		}
		const none = await get(`${db.path}/instances/none/usage`, 404);
		assert.equal(none.error, 'could not find instance none of database counted');
	});
	await t.test('a destroyed instance stays in the month, without storage', async () => {
		last = await usage(db);
		const { status } = await server.api('DELETE', `${db.path}/instances/${replica.name}`);
		assert.equal(status, 200);
		const now = await usage(db);
		assert.deepEqual(Object.keys(now.of), [primary.uuid, replica.uuid]);
		assert.deepEqual(now.of[replica.uuid], { ...last.of[replica.uuid], storage_bytes: 0 });
		assert.equal(now.total.rows_read, last.total.rows_read);
	});
});

test('the organization, with its databases and those that are gone', async () => {
	const gone = await server.createDatabase('gone', ['ams']);
	await server.rows(gone.label, 'CREATE TABLE t (x)');
	await server.rows(gone.label, 'INSERT INTO t VALUES (1), (2), (3)');
	const before_end = (await get(`${o}/usage`)).organization;
	const used = before_end.databases.find(({ uuid }) => uuid === gone.uuid);
	assert.ok(used.usage.rows_written >= 3);
	assert.equal((await server.api('DELETE', gone.path)).status, 200);
	await get(`${gone.path}/usage`, 404);

	const { organization } = await get(`${o}/usage`);
	assert.deepEqual(Object.keys(organization), ['uuid', 'usage', 'databases']);
	const { databases } = await get(`${o}/databases`);
	assert.equal(organization.usage.databases, databases.length);
	assert.equal(organization.usage.locations, new Set(databases.flatMap((one) => one.regions)).size);
	assert.equal(organization.usage.groups, 0);
	for (const name of FIGURES)
		assert.equal(
			figures(organization.usage)[name],
			organization.databases.reduce((sum, one) => sum + one.usage[name], 0),
			name,
		);
	const listed = organization.databases.map(({ uuid }) => uuid);
	assert.deepEqual(listed.slice(0, databases.length), databases.map(({ DbId }) => DbId), 'those that live come first, by name');
	const left = organization.databases.find(({ uuid }) => uuid === gone.uuid);
	assert.equal(left.usage.rows_written, used.usage.rows_written);
	assert.equal(left.usage.storage_bytes, 0);
	assert.equal(organization.usage.databases, before_end.usage.databases - 1);
	assert.ok(organization.usage.rows_written >= before_end.usage.rows_written);
});

test('groups that go, and databases that move to another organization', async () => {
	const post = async (path, body) => {
		const answer = await server.api('POST', path, body);
		assert.equal(answer.status, 200, answer.text);
		return answer.json;
	};
	const used = async (organization) => (await get(`/v1/organizations/${organization}/usage`)).organization;
	await post('/v1/organizations', { name: 'Mover' });
	await post('/v1/organizations', { name: 'Taker' });
	await post('/v1/organizations/mover/groups', { name: 'g', location: 'ord' });
	await post('/v1/organizations/mover/groups/g/locations/nrt');
	for (const [name, group] of [['grouped', 'g'], ['alone']]) await post('/v1/organizations/mover/databases', { name, group });
	const { instance } = await post('/v1/organizations/mover/databases/alone/instances', { location: 'ord' });
	await get(`/v1/organizations/mover/databases/alone/instances/${instance.name}/usage`);
	await server.api('GET', `/v1/organizations/mover/databases/alone/instances/${instance.name}/wait`);
	for (const name of ['grouped', 'alone']) {
		const { jwt } = await post(`/v1/organizations/mover/databases/${name}/auth/tokens`);
		await server.rows(`${name}-mover`, 'CREATE TABLE t (x)', { token: jwt });
		await server.rows(`${name}-mover`, 'INSERT INTO t VALUES (1), (2)', { token: jwt });
	}
	const both = await used('mover');
	assert.deepEqual([both.usage.databases, both.usage.groups, both.usage.locations], [2, 1, 2]);
	const alone = both.databases[0];

	// A token of a group sees the group's databases only.
	const { token } = await post('/v1/auth/api-tokens/of-g', { organization: 'mover', group: 'g', scopes: ['read'] });
	const seen = (await server.api('GET', '/v1/organizations/mover/usage', undefined, { authorization: `Bearer ${token}` })).json.organization;
	assert.deepEqual([seen.usage.databases, seen.usage.groups, seen.databases.length], [1, 1, 1]);
	assert.deepEqual(seen.databases[0], both.databases[1]);
	assert.equal(seen.usage.rows_written, both.databases[1].usage.rows_written);

	await post('/v1/organizations/mover/databases/alone/transfer', { org: 'taker' });
	const [left, taken] = [await used('mover'), await used('taker')];
	assert.equal(left.usage.rows_written, both.usage.rows_written, 'what was used stays');
	assert.equal(left.usage.storage_bytes, both.usage.storage_bytes - alone.usage.storage_bytes, 'what is stored moves');
	assert.equal(taken.usage.rows_written, 0);
	assert.equal(taken.usage.storage_bytes, alone.usage.storage_bytes);
	assert.equal(taken.databases[0].uuid, alone.uuid);

	assert.equal((await server.api('DELETE', '/v1/organizations/mover/groups/g')).status, 200);
	const gone = await used('mover');
	assert.equal(gone.usage.rows_written, both.usage.rows_written);
	assert.deepEqual([gone.usage.storage_bytes, gone.usage.databases, gone.usage.groups], [0, 0, 0]);
	for (const slug of ['mover', 'taker']) assert.equal((await server.api('DELETE', `/v1/organizations/${slug}`)).status, 200);
});

test("a caller's own organization", async () => {
	const { organization } = await get('/v1/usage');
	const own = (await get('/v1/organizations')).organizations.find(({ type }) => type === 'personal');
	assert.equal(organization.uuid, own.id);
	assert.equal(organization.usage.databases, 0);
	assert.deepEqual(organization.databases, []);
	assert.deepEqual(await get('/v3/usage'), { organization });
});

test('date ranges', async (t) => {
	const db = await server.createDatabase('dated', ['ord']);
	await server.rows(db.label, 'CREATE TABLE t (x)');
	await server.rows(db.label, 'INSERT INTO t VALUES (1)');
	const { total } = await usage(db);
	const hour_ms = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
	const at = (ms) => new Date(ms).toISOString();
	const query = (from, to) => {
		const pairs = Object.entries({ from, to }).filter(([, value]) => value !== undefined);
		return `?${new URLSearchParams(pairs)}`;
	};
	assert.ok(total.rows_written >= 1);

	await t.test('around this hour', async () => {
		assert.deepEqual((await usage(db, query(at(hour_ms - HOUR_MS), at(hour_ms + 2 * HOUR_MS)))).total, total);
		assert.deepEqual((await usage(db, query(at(hour_ms - HOUR_MS)))).total, total);
		assert.deepEqual((await usage(db, query(undefined, at(hour_ms + 2 * HOUR_MS)))).total, total);
	});
	await t.test('with other zones', async () => {
		const zoned = `${at(hour_ms - HOUR_MS + 2 * HOUR_MS).slice(0, 19)}+02:00`;
		assert.deepEqual((await usage(db, query(zoned))).total, total);
	});
	await t.test('after it', async () => {
		const later = await usage(db, query(at(hour_ms + 2 * HOUR_MS), at(hour_ms + 3 * HOUR_MS)));
		assert.deepEqual([later.total.rows_read, later.total.rows_written], [0, 0]);
		assert.equal(later.total.storage_bytes, total.storage_bytes, 'what is stored stays stored');
	});
	await t.test('before it was made', async () => {
		const earlier = await usage(db, query('2020-01-01T00:00:00Z', '2020-02-01T00:00:00Z'));
		assert.deepEqual(earlier.of, {});
		const { organization } = await get(`${o}/usage${query('2020-01-01T00:00:00Z', '2020-02-01T00:00:00Z')}`);
		assert.deepEqual(organization.databases, []);
	});
	for (const path of [`${db.path}/usage`, `${db.path}/stats`, `${db.path}/usage/queries`, `${o}/usage`, `${db.path}/instances/${db.instances[0].name}/usage`])
		await t.test(`what is no date is refused: ${path}`, async () => {
			for (const [given, message] of [
				[{ from: 'yesterday' }, /^invalid from parameter: parsing time "yesterday"/],
				[{ to: '2026-02-30T00:00:00Z' }, /^invalid to parameter: parsing time "2026-02-30T00:00:00Z"/],
				[{ from: '2026-01-01T00:00:00' }, /^invalid from parameter: parsing time "2026-01-01T00:00:00"/],
				[{ from: '2026-02-01T00:00:00Z', to: '2026-01-01T00:00:00Z' }, /^from must not be later than to$/],
			]) {
				const { error, code } = await get(`${path}?${new URLSearchParams(given)}`, 400);
				assert.match(error, message);
				assert.equal(code, 'bad_request');
			}
		});
});

test('the costliest queries', async (t) => {
	const db = await server.createDatabase('queries', ['ord', 'nrt']);

	await t.test('there are none yet', async () => {
		assert.deepEqual(await get(`${db.path}/stats`), { top_queries: null });
		assert.deepEqual(await get(`${db.path}/usage/queries`), []);
	});
	await t.test('by rows, of all instances, by text', async () => {
		await server.rows(db.label, 'CREATE TABLE t (id INTEGER PRIMARY KEY)');
		await server.rows(db.instances[0].label, {
			sql: 'WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?) INSERT INTO t SELECT x FROM n',
			args: [100],
		});
		await server.caught_up(db, 'SELECT max(id) FROM t');
		const text = 'SELECT id FROM t WHERE id > 10';
		for (const { label } of db.instances) for (let i = 0; i < 3; i++) await server.rows(label, text);
		const { top_queries } = await get(`${db.path}/stats`);
		const mine = top_queries.find(({ query }) => query === text);
		assert.deepEqual(mine, { query: text, rows_read: 6 * 90, rows_written: 0 });
		assert.equal(top_queries[0], mine, 'the costliest is first');
		assert.ok(top_queries.find(({ query }) => query.startsWith('WITH RECURSIVE')).rows_written === 100);
		assert.deepEqual(await get(`${db.path}/usage/queries?from=${new Date(Date.now() - 24 * HOUR_MS).toISOString().slice(0, 19)}Z`), top_queries);
		assert.deepEqual(await get(`${db.path}/usage/queries?from=${new Date(Date.now() + HOUR_MS).toISOString()}&to=${new Date(Date.now() + 2 * HOUR_MS).toISOString()}`), []);
	});
	await t.test('at most ten', async () => {
		for (let i = 0; i < 15; i++) await server.rows(db.label, `SELECT ${i} FROM t`);
		const { top_queries } = await get(`${db.path}/stats`);
		assert.equal(top_queries.length, 10);
		const cost = top_queries.map(({ rows_read, rows_written }) => rows_read + rows_written);
		assert.deepEqual(cost, [...cost].sort((a, b) => b - a));
	});
	await t.test('they survive a restart and die with their database', async () => {
		const before_end = await get(`${db.path}/stats`);
		await server.restart();
		assert.deepEqual(await get(`${db.path}/stats`), before_end);
		assert.equal((await server.api('DELETE', db.path)).status, 200);
		const again = await server.createDatabase('queries', ['ord']);
		assert.deepEqual(await get(`${again.path}/stats`), { top_queries: null });
	});
});
