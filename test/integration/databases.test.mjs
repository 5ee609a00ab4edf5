// Databases beyond their creation: settings, seeds, drafts (spec/platform-api.md §2.13, §3.6).
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
const create = (body) => api('POST', '/databases', body);
const settings = (name, body) => api(body === undefined ? 'GET' : 'PATCH', `/databases/${name}/configuration`, body);

test('settings', async (t) => {
	const defaults = {
		size_limit: '', allow_attach: false, block_reads: false, block_writes: false, delete_protection: false,
		offline_sync: false, history_retention: '', history_size: '', allowed_ips: [], allowed_aws_vpc_ids: [],
	};
	await server.createDatabase('set');

	await t.test('each is kept and shown', async () => {
		assert.deepEqual(answered(await settings('set')), defaults);
		const changed = { allow_attach: true, block_reads: true, block_writes: true, delete_protection: true };
		for (const [key, value] of Object.entries(changed)) {
			const answer = answered(await settings('set', { [key]: value }));
			assert.equal(answer[key], value);
			assert.deepEqual(answered(await settings('set')), answer);
			assert.equal(answered(await api('GET', '/databases/set')).database[key], value);
		}
		const back = Object.fromEntries(Object.keys(changed).map((key) => [key, false]));
		assert.deepEqual(answered(await settings('set', back)), defaults);
	});
	await t.test('null and what is absent stay', async () => {
		answered(await settings('set', { allow_attach: true, size_limit: '1mb' }));
		const kept = answered(await settings('set', { allow_attach: null, delete_protection: null, size_limit: null }));
		assert.deepEqual(kept, { ...defaults, allow_attach: true, size_limit: '1048576' });
		assert.deepEqual(answered(await settings('set', {})), kept);
		assert.deepEqual(answered(await settings('set', { allowed_ips: [], allowed_aws_vpc_ids: null })), kept);
	});
	await t.test('sizes', async () => {
		for (const [text, bytes] of [['4096', '4096'], ['1kb', '1024'], ['256MB', '268435456'], ['1gb', '1073741824'], ['10b', '10'], ['0', ''], ['2tb', '2199023255552'], ['', '']])
			assert.equal(answered(await settings('set', { size_limit: text })).size_limit, bytes, text);
	});
	for (const [what, body, error] of [
		['a size that is none', { size_limit: 'big' }, /^invalid size_limit: big/],
		['a negative size', { size_limit: '-1' }, /^invalid size_limit: -1/],
		['a size beyond all', { size_limit: '99999999tb' }, /^invalid size_limit/],
		['a size with a fraction', { size_limit: '1.5gb' }, /^invalid size_limit/],
		['a number for a size', { size_limit: 7 }, 'size_limit must be a string'],
		['a flag that is none', { block_reads: 'yes' }, /^block_reads/],
		['addresses', { allowed_ips: ['10.0.0.0/8'] }, 'allowed_ips is not supported by this server'],
		['VPCs', { allowed_aws_vpc_ids: ['vpc-1'] }, 'allowed_aws_vpc_ids is not supported by this server'],
		['addresses that are no list', { allowed_ips: 'all' }, 'allowed_ips must be an array'],
	])
		await t.test(`refuses ${what}`, async () => {
			const before = answered(await settings('set'));
			refused(await settings('set', body), 400, error, 'invalid_field');
			assert.deepEqual(answered(await settings('set')), before);
		});
	await t.test('hold from the next statement on, also in an open stream', async () => {
		const db = await server.createDatabase('held');
		await server.rows(db.label, 'CREATE TABLE t (x)');
		answered(await settings('held', { block_writes: true }));
		await assert.rejects(server.rows(db.label, 'INSERT INTO t VALUES (1)'), { code: 'BLOCKED' });
		assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM t'), [{ n: 0 }]);
		answered(await settings('held', { block_reads: true, block_writes: false }));
		await assert.rejects(server.rows(db.label, 'SELECT 1'), { code: 'BLOCKED' });
		answered(await settings('held', { block_reads: false }));
		await server.rows(db.label, 'INSERT INTO t VALUES (1)');
	});
	await t.test('outlive a restart', async () => {
		const db = await server.createDatabase('lasting');
		await server.rows(db.label, 'CREATE TABLE t (x)');
		answered(await settings('lasting', { block_writes: true, size_limit: '8mb' }));
		await server.restart();
		assert.equal(answered(await settings('lasting')).size_limit, '8388608');
		await assert.rejects(server.rows(db.label, 'INSERT INTO t VALUES (1)'), { code: 'BLOCKED' });
	});
	await t.test('protection', async () => {
		answered(await create({ name: 'guarded' }));
		answered(await settings('guarded', { delete_protection: true }));
		refused(await api('DELETE', '/databases/guarded'), 400, 'database guarded is protected against deletion', 'delete_protected');
		answered(await settings('guarded', { delete_protection: false }));
		answered(await api('DELETE', '/databases/guarded'));
	});
	await t.test('at creation', async () => {
		answered(await create({ name: 'born', size_limit: '2mb' }));
		assert.equal(answered(await settings('born')).size_limit, '2097152');
		refused(await create({ name: 'no', size_limit: 'huge' }), 400, /^invalid size_limit: huge/, 'invalid_field');
	});
	await t.test('wakeup does nothing to who is awake', async () => {
		const { database } = answered(await api('GET', '/databases/born'));
		assert.deepEqual(answered(await api('POST', '/databases/born/wakeup')), { database });
	});
});

test('schemas are kept and found', async () => {
	answered(await create({ name: 'parent-schema', is_schema: true }));
	const { database } = answered(await create({ name: 'follower', schema: 'parent-schema' }));
	assert.deepEqual([database.schema, database.is_schema], ['parent-schema', false]);
	const names = async (query) => answered(await api('GET', `/databases?${query}`)).databases.map((one) => one.Name);
	assert.deepEqual(await names('type=schema'), ['parent-schema']);
	assert.deepEqual(await names('schema=parent-schema'), ['follower']);
	refused(await create({ name: 'no', schema: 'No Name' }), 400, 'invalid schema: No Name', 'invalid_field');
	refused(await create({ name: 'no', schema: 'x', is_schema: true }), 400, 'schema and is_schema exclude each other', 'invalid_field');
});

test('the implicit group', async () => {
	const other = await startServer({ args: ['--implicit-group', 'default'] });
	try {
		const base = `/v1/organizations/${other.organization}`;
		refused(await other.api('POST', `${base}/databases`, { name: 'early' }), 400, 'group not found', 'group_not_found');
		answered(await other.api('POST', `${base}/groups`, { name: 'default', location: 'nrt' }));
		const { database } = answered(await other.api('POST', `${base}/databases`, { name: 'joined' }));
		assert.deepEqual([database.group, database.regions], ['default', ['nrt']]);
	} finally {
		await other.stop();
	}
});

test('copies of a database', async (t) => {
	const source = await server.createDatabase('source');
	await server.rows(source.label, 'CREATE TABLE t (x)');
	await server.rows(source.label, 'INSERT INTO t VALUES (1)');
	answered(await api('POST', '/groups', { name: 'copies', location: 'ord' }));
	answered(await api('POST', '/groups/copies/locations/nrt'));

	const read = async (database, sql) => {
		const { jwt } = answered(await api('POST', `/databases/${database.Name}/auth/tokens`));
		const { instances } = answered(await api('GET', `/databases/${database.Name}/instances`));
		const answers = [];
		for (const { hostname } of instances) answers.push(await server.rows(label_of(hostname), sql, { token: jwt }));
		return answers;
	};

	for (const key of ['name', 'value'])
		await t.test(`in a group, the source as ${key}`, async () => {
			const { database } = answered(await create({ name: `copy-${key}`, group: 'copies', seed: { type: 'database', [key]: 'source' } }));
			assert.deepEqual([database.parent.id, database.parent.name], [source.uuid, 'source']);
			assert.match(database.parent.branched_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
			assert.deepEqual(await read(database, 'SELECT x FROM t'), [[{ x: 1 }], [{ x: 1 }]]);
			const { databases } = answered(await api('GET', `/databases?parent=${source.uuid}`));
			assert.ok(databases.some((one) => one.Name === database.Name));
		});
	await t.test('alone: with its first instance', async () => {
		const { database } = answered(await create({ name: 'copy-alone', seed: { type: 'database', name: 'source' } }));
		assert.deepEqual(database.regions, []);
		const { instance } = answered(await api('POST', '/databases/copy-alone/instances', { location: 'ams' }));
		assert.equal((await api('GET', `/databases/copy-alone/instances/${instance.name}/wait`)).status, 200);
		assert.deepEqual(await read(database, 'SELECT x FROM t'), [[{ x: 1 }]]);
	});
	await t.test('of a moment', async () => {
		const moment = new Date().toISOString();
		await server.rows(source.label, 'INSERT INTO t VALUES (2)');
		const { database } = answered(await create({ name: 'copy-then', group: 'copies', seed: { type: 'database', name: 'source', timestamp: moment } }));
		assert.equal(new Date(database.parent.branched_at) > new Date(Date.parse(moment) - 1000), true);
		assert.deepEqual(await read(database, 'SELECT x FROM t'), [[{ x: 1 }], [{ x: 1 }]]);
	});
	await t.test('lead lives of their own', async () => {
		answered(await api('DELETE', '/databases/copy-name'));
		assert.deepEqual(await server.rows(source.label, 'SELECT count(*) AS n FROM t'), [{ n: 2 }]);
	});
	const year = 365 * 24 * 3600 * 1000;
	for (const [what, seed, status, error, code] of [
		['an unknown type', { type: 'magic' }, 400, /^invalid type: magic/, 'invalid_field'],
		['no type', { name: 'source' }, 400, 'seed.type is required', 'missing_field'],
		['no source', { type: 'database' }, 400, 'seed.name is required', 'missing_field'],
		['an unknown source', { type: 'database', name: 'nowhere' }, 404, 'could not find database with name nowhere: record not found', 'database_not_found'],
		['a seed that is no object', 'source', 400, 'seed must be an object', 'invalid_field'],
		['a moment that is none', { type: 'database', name: 'source', timestamp: 'yesterday' }, 400, /yesterday/, 'invalid_field'],
		['a moment to come', { type: 'database', name: 'source', timestamp: new Date(Date.now() + year).toISOString() }, 400, /future/, 'invalid_field'],
		['a moment too long ago', { type: 'database', name: 'source', timestamp: new Date(Date.now() - year).toISOString() }, 400, /retention/, 'bad_request'],
		['a dump from nowhere', { type: 'dump' }, 400, 'seed.url is required', 'missing_field'],
	])
		await t.test(`refuses ${what}`, async () => {
			refused(await create({ name: 'no', group: 'copies', seed }), status, error, code);
			refused(await api('GET', '/databases/no'), 404, undefined, 'database_not_found');
		});
});

test('a draft has no instances and takes none', async () => {
	const { database } = answered(await create({ name: 'draft', group: 'copies', seed: { type: 'database_upload' } }));
	assert.deepEqual([database.group, database.regions], ['copies', []]);
	refused(await api('POST', '/databases/draft/instances', { location: 'ord' }), 409, undefined, 'not_ready');
	refused(await create({ name: 'no', seed: { type: 'database', name: 'draft' } }), 409, undefined, 'not_ready');
	answered(await api('POST', '/databases/draft/auth/tokens'));
	answered(await api('DELETE', '/databases/draft'));
});
