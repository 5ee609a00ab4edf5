// Groups: spec/platform-api.md §2.6, §3.5 and what they mean for instances (§4.7).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { label_of, startServer } from '../lib/server.mjs';

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

function refused(answer, status, error, code) {
	assert.equal(answer.status, status, answer.text);
	if (error instanceof RegExp) assert.match(answer.json.error, error);
	else if (error !== undefined) assert.equal(answer.json.error, error);
	assert.equal(answer.json.code, code);
}

const api = (method, tail, body) => server.api(method, `${o}${tail}`, body);

async function make_group(name, location = 'ord', more = []) {
	let { group } = answered(await api('POST', '/groups', { name, location }));
	for (const code of more) ({ group } = answered(await api('POST', `/groups/${name}/locations/${code}`)));
	return group;
}

async function make_database(name, group) {
	const { database } = answered(await api('POST', '/databases', { name, group }));
	const label = label_of(database.Hostname);
	server.jwt_of.set(label, answered(await api('POST', `/databases/${name}/auth/tokens`)).jwt);
	const { instances } = answered(await api('GET', `/databases/${name}/instances`));
	for (const one of instances) server.jwt_of.set(label_of(one.hostname), server.jwt_of.get(label));
	return { ...database, label, instances };
}

const instances_of = async (name) => answered(await api('GET', `/databases/${name}/instances`)).instances;
const regions_of = async (name) => answered(await api('GET', `/databases/${name}`)).database.regions;

test('the life of a group', async (t) => {
	await t.test('create', async () => {
		const group = await make_group('life');
		assert.match(group.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
		const { uuid, version, ...rest } = group;
		assert.equal(typeof version, 'string');
		assert.deepEqual(rest, {
			name: 'life', primary: 'ord', locations: ['ord'], archived: false, delete_protection: false,
			status: { locations: [{ name: 'ord', status: 'up' }] },
		});
		assert.deepEqual(answered(await api('GET', '/groups/life')), { group });
		assert.deepEqual(answered(await api('GET', `/groups/${uuid}`)), { group });
		assert.deepEqual(answered(await api('GET', '/groups')).groups.find((one) => one.uuid === uuid), group);
	});
	await t.test('a group twice', async () => refused(await api('POST', '/groups', { name: 'life', location: 'ord' }), 409, 'group already exists', 'already_exists'));
	await t.test('bodies that clients send', async () => {
		let n = 0;
		for (const more of [{ extensions: 'all' }, { extensions: ['vector', 'uuid'] }, { version: 'latest', extensions: '' }, { extensions: [] }])
			answered(await api('POST', '/groups', { Name: `sent-${n++}`, Location: 'ord', ...more }));
	});
	for (const [what, body, error, code] of [
		['no name', { location: 'ord' }, 'name is required', 'missing_field'],
		['no location', { name: 'no' }, 'location is required', 'missing_field'],
		['an unknown location', { name: 'no', location: 'xyz' }, 'invalid location: xyz', 'invalid_location'],
		['a bad name', { name: 'No', location: 'ord' }, /name/, 'invalid_name'],
		['an unknown extension', { name: 'no', location: 'ord', extensions: ['rocket'] }, 'invalid extension: rocket', 'invalid_field'],
		['extensions that are none', { name: 'no', location: 'ord', extensions: 7 }, /extensions/, 'invalid_field'],
	])
		await t.test(`refuses ${what}`, async () => {
			refused(await api('POST', '/groups', body), 400, error, code);
			refused(await api('GET', '/groups/no'), 404, 'group not found', 'group_not_found');
		});
	await t.test('unknown groups', async () => {
		for (const [method, tail] of [['GET', ''], ['DELETE', ''], ['POST', '/locations/nrt'], ['DELETE', '/locations/nrt'], ['GET', '/locations/ord/wait'], ['GET', '/configuration'], ['POST', '/unarchive'], ['POST', '/update']])
			refused(await api(method, `/groups/none${tail}`), 404, 'group not found', 'group_not_found');
	});
	await t.test('settings and protection', async () => {
		assert.deepEqual(answered(await api('GET', '/groups/life/configuration')), { delete_protection: false });
		assert.deepEqual(answered(await api('PATCH', '/groups/life/configuration', { delete_protection: true })), { delete_protection: true });
		assert.deepEqual(answered(await api('PATCH', '/groups/life/configuration', { delete_protection: null })), { delete_protection: true });
		refused(await api('PATCH', '/groups/life/configuration', { delete_protection: 'yes' }), 400, /delete_protection/, 'invalid_field');
		assert.equal(answered(await api('GET', '/groups/life')).group.delete_protection, true);
		refused(await api('DELETE', '/groups/life'), 400, 'group is protected against deletion', 'delete_protected');
		answered(await api('PATCH', '/groups/life/configuration', { delete_protection: false }));
	});
	await t.test('unarchive, update, migration', async () => {
		assert.equal(answered(await api('POST', '/groups/life/unarchive')).group.archived, false);
		assert.deepEqual(answered(await api('POST', '/groups/life/update')), {});
		assert.deepEqual(answered(await api('GET', '/groups/life/aws/migration/info')), { status: 'none', comment: '' });
		for (const tail of ['start', 'abort']) refused(await api('POST', `/groups/life/aws/migration/${tail}`), 400, undefined, 'bad_request');
	});
	await t.test('rename', async () => {
		const { group } = answered(await api('POST', '/groups/life/rename', { Name: 'renamed' }));
		assert.equal(group.name, 'renamed');
		refused(await api('GET', '/groups/life'), 404, 'group not found', 'group_not_found');
		await make_group('life');
		refused(await api('POST', '/groups/renamed/rename', { name: 'life' }), 409, 'group already exists', 'already_exists');
		refused(await api('POST', '/groups/renamed/rename', { name: '' }), 400, 'name is required', 'missing_field');
	});
	await t.test('delete gives the group as it was', async () => {
		const { group } = answered(await api('GET', '/groups/renamed'));
		assert.deepEqual(answered(await api('DELETE', '/groups/renamed')), { group });
		refused(await api('DELETE', '/groups/renamed'), 404, 'group not found', 'group_not_found');
	});
});

test('databases of a group', async (t) => {
	await make_group('pair', 'ord', ['nrt']);

	await t.test('have an instance in each location, ready with the answer', async () => {
		const db = await make_database('paired', 'pair');
		assert.deepEqual([db.group, db.regions, db.primaryRegion], ['pair', ['ord', 'nrt'], 'ord']);
		assert.deepEqual(db.instances.map(({ name, type, region }) => [name, type, region]), [['ord', 'primary', 'ord'], ['nrt', 'replica', 'nrt']]);
		await server.rows(db.label, 'CREATE TABLE t (x)');
		await server.rows(label_of(db.instances[1].hostname), 'INSERT INTO t VALUES (7)');
		for (const { hostname } of db.instances) assert.deepEqual(await server.rows(label_of(hostname), 'SELECT x FROM t'), [{ x: 7 }]);
	});
	await t.test('group by id', async () => {
		const { group } = answered(await api('GET', '/groups/pair'));
		const { database } = answered(await api('POST', '/databases', { name: 'by-id', group_id: group.uuid }));
		assert.equal(database.group, 'pair');
		refused(await api('POST', '/databases', { name: 'no', group: 'pair', group_id: group.uuid }), 400, /exclude/, 'invalid_field');
	});
	await t.test('are found by their group', async () => {
		const names = (query) => api('GET', `/databases?${query}`).then((answer) => answered(answer).databases.map((one) => one.Name));
		assert.deepEqual(await names('group=pair'), ['by-id', 'paired']);
		assert.deepEqual(await names('group=none'), []);
	});
	await t.test('follow a new location, with what they hold', async () => {
		const { group } = answered(await api('POST', '/groups/pair/locations/ams'));
		assert.deepEqual(group.locations, ['ord', 'ams', 'nrt']);
		const wait = await api('GET', '/groups/pair/locations/ams/wait');
		assert.deepEqual([wait.status, wait.text], [200, '']);
		assert.deepEqual(await regions_of('paired'), ['ord', 'ams', 'nrt']);
		assert.deepEqual(await regions_of('by-id'), ['ord', 'ams', 'nrt']);
		const added = (await instances_of('paired')).find((one) => one.region === 'ams');
		assert.equal(added.name, 'ams');
		const token = server.jwt_of.get(`paired-${server.organization}`);
		assert.deepEqual(await server.rows(label_of(added.hostname), 'SELECT x FROM t', { token }), [{ x: 7 }]);
		refused(await api('POST', '/groups/pair/locations/ams'), 409, 'group pair already has location ams', 'already_exists');
		refused(await api('POST', '/groups/pair/locations/xyz'), 400, 'invalid location: xyz', 'invalid_location');
	});
	await t.test('leave a removed location', async () => {
		const gone = (await instances_of('paired')).find((one) => one.region === 'ams');
		const { group } = answered(await api('DELETE', '/groups/pair/locations/ams'));
		assert.deepEqual(group.locations, ['ord', 'nrt']);
		assert.deepEqual(await regions_of('paired'), ['ord', 'nrt']);
		const token = server.jwt_of.get(`paired-${server.organization}`);
		assert.equal((await server.sql(label_of(gone.hostname), 'SELECT 1', { token })).status, 404);
		refused(await api('DELETE', '/groups/pair/locations/ams'), 404, 'group pair has no location ams', 'location_not_found');
		refused(await api('DELETE', '/groups/pair/locations/xyz'), 400, 'Invalid location code', 'invalid_location');
		refused(await api('DELETE', '/groups/pair/locations/ord'), 400, 'cannot remove primary location', 'primary_instance');
		refused(await api('GET', '/groups/pair/locations/ams/wait'), 404, undefined, 'location_not_found');
	});
	await t.test('protect the group', async () => {
		answered(await api('PATCH', '/databases/paired/configuration', { delete_protection: true }));
		refused(await api('DELETE', '/groups/pair'), 400, 'database paired is protected against deletion', 'delete_protected');
		answered(await api('PATCH', '/databases/paired/configuration', { delete_protection: false }));
	});
	await t.test('go with the group', async () => {
		answered(await api('DELETE', '/groups/pair'));
		for (const name of ['paired', 'by-id']) refused(await api('GET', `/databases/${name}`), 404, undefined, 'database_not_found');
		assert.equal((await server.sql(`paired-${server.organization}`, 'SELECT 1')).status, 404);
		await make_group('pair');
		assert.deepEqual((await make_database('paired', 'pair')).regions, ['ord']);
	});
});

test('instances in groups', async (t) => {
	await make_group('sole');
	await make_database('only', 'sole');

	await t.test('the only database takes the group along', async () => {
		const { instance } = answered(await api('POST', '/databases/only/instances', { location: 'nrt' }));
		assert.deepEqual([instance.name, instance.type, instance.region], ['nrt', 'replica', 'nrt']);
		assert.deepEqual(answered(await api('GET', '/groups/sole')).group.locations, ['ord', 'nrt']);
	});
	await t.test('a location of the group is taken', async () => {
		refused(await api('POST', '/databases/only/instances', { location: 'nrt' }), 409, 'database only already has an instance in nrt', 'already_exists');
		refused(await api('POST', '/databases/only/instances', { location: 'ord' }), 409, 'database only already has an instance in ord', 'already_exists');
	});
	await t.test('the only database gives a location back', async () => {
		assert.deepEqual(answered(await api('DELETE', '/databases/only/instances/nrt')), { instance: 'nrt' });
		assert.deepEqual(answered(await api('GET', '/groups/sole')).group.locations, ['ord']);
		refused(await api('DELETE', '/databases/only/instances/ord'), 400, 'cannot destroy the primary instance of database only', 'primary_instance');
	});
	await t.test('one of many does neither', async () => {
		answered(await api('POST', '/databases/only/instances', { location: 'nrt' }));
		await make_database('second', 'sole');
		refused(await api('POST', '/databases/only/instances', { location: 'ams' }), 400, 'database only is part of group sole; add the location to the group instead', 'group_member');
		refused(await api('DELETE', '/databases/only/instances/nrt'), 400, 'database only is part of group sole; remove the location from the group instead', 'group_member');
		assert.deepEqual(await regions_of('second'), ['ord', 'nrt']);
	});
});

test('tokens of a group', async (t) => {
	await make_group('keyed');
	await make_group('other');
	const first = await make_database('first-keyed', 'keyed');
	const second = await make_database('second-keyed', 'keyed');
	const foreign = await make_database('foreign', 'other');
	const mint = async (group, query = '', body = undefined) => answered(await api('POST', `/groups/${group}/auth/tokens${query}`, body)).jwt;
	const status = async (db, token) => (await server.sql(db.label, 'SELECT 1', { token })).status;

	await t.test('open every database of it and no other', async () => {
		const token = await mint('keyed');
		const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
		assert.deepEqual([claims.a, claims.gid, claims.id], ['rw', answered(await api('GET', '/groups/keyed')).group.uuid, undefined]);
		await server.rows(first.label, 'CREATE TABLE t (x)', { token });
		assert.equal(await status(second, token), 200);
		assert.equal(await status(foreign, token), 404);
		const late = await make_database('late-keyed', 'keyed');
		assert.equal(await status(late, token), 200);
		answered(await api('DELETE', '/databases/late-keyed'));
	});
	await t.test('read-only, and for a time', async () => {
		const token = await mint('keyed', '?authorization=read-only&expiration=1d');
		await assert.rejects(server.rows(first.label, 'INSERT INTO t VALUES (1)', { token }));
		assert.equal(await status(first, token), 200);
		refused(await api('POST', '/groups/keyed/auth/tokens?expiration=soon'), 400, 'Invalid expiration format', 'invalid_expiration');
		refused(await api('POST', '/groups/keyed/auth/tokens?authorization=all'), 400, undefined, 'invalid_field');
	});
	await t.test('what may be attached is checked and written down', async () => {
		const token = await mint('keyed', '', { permissions: { read_attach: { databases: ['second-keyed', foreign.DbId] } } });
		const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
		assert.deepEqual(claims.p, { roa: { ns: [second.DbId, foreign.DbId] } });
		assert.equal(await status(first, token), 200);
		refused(await api('POST', '/groups/keyed/auth/tokens', { permissions: { read_attach: { databases: ['nowhere'] } } }), 400, /nowhere/, 'invalid_field');
	});
	await t.test('end with a rotation of the group, alone', async () => {
		const [token, others] = [await mint('keyed'), await mint('other')];
		for (const db of [first, second]) assert.equal(await status(db, token), 200);
		assert.deepEqual(answered(await api('POST', '/groups/keyed/auth/rotate')), {});
		for (const db of [first, second]) assert.equal(await status(db, token), 401);
		assert.equal(await status(foreign, others), 200);
		assert.equal(await status(first), 200, "the database's own token");
		assert.equal(await status(first, await mint('keyed')), 200);
	});
	await t.test("outlive a rotation of a database, whose own tokens end", async () => {
		const token = await mint('keyed');
		assert.equal(await status(first), 200);
		answered(await api('POST', '/databases/first-keyed/auth/rotate'));
		assert.equal(await status(first), 401);
		assert.equal(await status(first, token), 200);
		assert.equal(await status(second), 200);
	});
	await t.test('outlive a restart', async () => {
		const token = await mint('keyed');
		await server.restart();
		assert.equal(await status(second, token), 200);
	});
});

test('transfers', async (t) => {
	const other = `/v1/organizations/${server.username}`;
	await make_group('moving', 'ord', ['nrt']);
	const db = await make_database('moved', 'moving');
	const token = answered(await api('POST', '/groups/moving/auth/tokens')).jwt;
	await server.rows(db.label, 'CREATE TABLE t (x)');

	await t.test('refused where they cannot go', async () => {
		const to = (organization) => api('POST', '/groups/moving/transfer', { organization });
		refused(await to('nobody'), 404, 'organization not found', 'org_not_found');
		refused(await to(server.organization), 400, undefined, 'bad_request');
		refused(await to(undefined), 400, 'organization is required', 'missing_field');
		answered(await server.api('POST', `${other}/databases`, { name: 'moved' }));
		refused(await to(server.username), 409, /moved/, 'already_exists');
		answered(await server.api('DELETE', `${other}/databases/moved`));
		answered(await server.api('POST', `${other}/groups`, { name: 'moving', location: 'ams' }));
		refused(await to(server.username), 409, 'group already exists', 'already_exists');
		answered(await server.api('DELETE', `${other}/groups/moving`));
		assert.equal(answered(await api('GET', '/groups/moving')).group.name, 'moving');
	});
	await t.test('of a group: old addresses and tokens go on', async () => {
		const { group, ...bare } = answered(await api('POST', '/groups/moving/transfer', { organization: server.username }));
		assert.deepEqual(group, bare);
		assert.deepEqual([group.name, group.locations], ['moving', ['ord', 'nrt']]);
		refused(await api('GET', '/groups/moving'), 404, undefined, 'group_not_found');
		refused(await api('GET', '/databases/moved'), 404, undefined, 'database_not_found');
		const { database } = answered(await server.api('GET', `${other}/databases/moved`));
		assert.deepEqual([database.DbId, database.group], [db.DbId, 'moving']);
		assert.equal(label_of(database.Hostname), `moved-${server.username}`);
		const { instances } = answered(await server.api('GET', `${other}/databases/moved/instances`));
		const labels = [db.label, label_of(database.Hostname), ...[...db.instances, ...instances].map((one) => label_of(one.hostname))];
		assert.equal(new Set(labels).size, 6);
		for (const label of labels)
			for (const jwt of [token, server.jwt_of.get(db.label)]) assert.deepEqual(await server.rows(label, 'SELECT count(*) AS n FROM t', { token: jwt }), [{ n: 0 }]);
		refused(await api('POST', '/databases', { name: 'moved' }), 409, 'hostname is already taken', 'already_exists');
	});
	await t.test('and back', async () => {
		answered(await server.api('POST', `${other}/groups/moving/transfer`, { org: server.organization }));
		const { database } = answered(await api('GET', '/databases/moved'));
		assert.equal(label_of(database.Hostname), db.label);
		assert.deepEqual((await instances_of('moved')).map((one) => one.hostname), db.instances.map((one) => one.hostname));
		await server.restart();
		assert.deepEqual(await server.rows(`moved-${server.username}`, 'SELECT count(*) AS n FROM t', { token }), [{ n: 0 }]);
		answered(await api('DELETE', '/groups/moving'));
		assert.equal((await server.sql(`moved-${server.username}`, 'SELECT 1', { token })).status, 404);
	});
	await t.test('of a database that stands alone', async () => {
		const alone = await server.createDatabase('alone');
		await server.rows(alone.label, 'CREATE TABLE t (x)');
		const { database } = answered(await api('POST', '/databases/alone/transfer', { org: server.username }));
		assert.equal(label_of(database.Hostname), `alone-${server.username}`);
		for (const label of [alone.label, `alone-${server.username}`, alone.instances[0].label])
			assert.deepEqual(await server.rows(label, 'SELECT count(*) AS n FROM t', { token: alone.jwt }), [{ n: 0 }]);
		refused(await api('GET', '/databases/alone'), 404, undefined, 'database_not_found');
	});
	await t.test('of a database of a group', async () => {
		await make_database('bound', 'keyed');
		refused(await api('POST', '/databases/bound/transfer', { org: server.username }), 400, 'database bound is part of group keyed; transfer the group instead', 'group_member');
	});
});

test('the third version names things by id', async () => {
	const group = await make_group('third', 'ams');
	const [org] = answered(await server.api('GET', '/v2/organizations')).organizations.filter((one) => one.slug === server.organization);
	const base = `/v3/organizations/${org.id}`;
	const source = answered(await server.api('POST', `${base}/databases`, { name: 'third-db', group_id: group.uuid })).database;
	assert.deepEqual([source.group, source.regions], ['third', ['ams']]);
	const copy = answered(await server.api('POST', `${base}/databases`, { name: 'third-copy', group_id: group.uuid, seed: { type: 'database', name: 'third-db' } })).database;
	const names = async (query) => answered(await server.api('GET', `${base}/databases?${query}`)).databases.map((one) => one.Name);
	assert.deepEqual(await names(`group_id=${group.uuid}`), ['third-copy', 'third-db']);
	assert.deepEqual(await names(`group_id=${group.uuid}&limit=1`), ['third-copy']);
	assert.deepEqual(await names(`parent_db_id=${source.DbId}`), ['third-copy']);
	assert.deepEqual(answered(await server.api('GET', `${base}/groups/${group.uuid}`)).group, group);
	assert.ok(answered(await server.api('GET', `${base}/groups`)).groups.some((one) => one.uuid === group.uuid));
	const { allow_rules_config, ...rest } = answered(await server.api('GET', `${base}/databases/${copy.DbId}`)).database;
	assert.deepEqual([rest, allow_rules_config], [copy, { allowed_ips: [], allowed_aws_vpc_ids: [] }]);
	for (const path of [`databases/${copy.DbId}`, `groups/${group.uuid}`]) {
		const { jwt } = answered(await server.api('POST', `${base}/${path}/auth/tokens`));
		assert.equal((await server.sql(label_of(copy.Hostname), 'SELECT 1', { token: jwt })).status, 200);
	}
	assert.deepEqual(answered(await server.api('DELETE', `${base}/databases/${copy.DbId}`)), { database: 'third-copy' });
});

test('what was done to groups is written down', async () => {
	const codes = async () => answered(await api('GET', '/audit-logs?page_size=50')).audit_logs.map((one) => one.code);
	await make_group('audited', 'ord', ['nrt']);
	for (const [method, tail, body] of [
		['PATCH', '/configuration', { delete_protection: true }],
		['PATCH', '/configuration', { delete_protection: false }],
		['POST', '/auth/tokens'],
		['POST', '/auth/rotate'],
		['DELETE', '/locations/nrt'],
		['DELETE', ''],
	])
		answered(await api(method, `/groups/audited${tail}`, body));
	assert.deepEqual((await codes()).slice(0, 8), [
		'group-delete', 'group-location-rm', 'group-token-rotate', 'group-token-create', 'group-unprotect', 'group-protect',
		'group-location-add', 'group-create',
	]);
});

test('a start finishes what a kill left', async () => {
	const crashed = await startServer();
	try {
		const base = `/v1/organizations/${crashed.organization}`;
		answered(await crashed.api('POST', `${base}/groups`, { name: 'g', location: 'ord' }));
		const names = Array.from({ length: 12 }, (_, i) => `db-${i}`);
		for (const name of names) answered(await crashed.api('POST', `${base}/databases`, { name, group: 'g' }));
		// Both are cut somewhere: the server dies while the fleet still works on them.
		const adding = crashed.api('POST', `${base}/groups/g/locations/nrt`).catch(() => null);
		const removing = crashed.api('DELETE', `${base}/databases/db-0`).catch(() => null);
		await Promise.race([adding, removing]);
		await crashed.kill();
		await Promise.all([adding, removing]);
		await crashed.start('127.0.0.1:0');
		const { group } = answered(await crashed.api('GET', `${base}/groups/g`));
		const { databases } = answered(await crashed.api('GET', `${base}/databases`));
		if (group.locations.includes('nrt'))
			assert.equal((await crashed.api('GET', `${base}/groups/g/locations/nrt/wait`)).status, 200);
		for (const one of databases) assert.deepEqual(one.regions, group.locations, one.Name);
	} finally {
		await crashed.stop();
	}
});
