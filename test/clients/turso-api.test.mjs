// @tursodatabase/api, unmodified: every method whose route exists here, once with success and once with a 404.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createClient } from '@tursodatabase/api';
import { startServer, until } from '../lib/server.mjs';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let server;
let turso;
let stranger;

before(async () => {
	server = await startServer();
	turso = connect();
	stranger = connect({ org: 'no-such-organization' });
});
after(() => server?.stop());

function connect(options = {}) {
	return createClient({
		org: server.organization,
		token: server.token,
		baseUrl: `${server.url}/v1/`,
		...options,
	});
}

async function fails(promise, status, message) {
	const error = await promise.then(
		() => assert.fail(`expected status ${status}`),
		(error) => error,
	);
	assert.equal(error.name, 'TursoClientError', error.stack);
	assert.equal(error.status, status, error.message);
	assert.match(error.message, message);
}

describe('@tursodatabase/api databases', () => {
	test('create, list, get, delete', async () => {
		const created = await turso.databases.create('first');
		assert.equal(created.name, 'first');
		assert.match(created.id, uuid);
		assert.match(created.hostname, new RegExp(`^first-${server.organization}\\.localhost:${server.port}$`));

		const found = await turso.databases.get('first');
		assert.deepEqual(
			{ ...found },
			{
				name: 'first',
				id: created.id,
				hostname: created.hostname,
				regions: [],
				primaryRegion: '',
				type: 'logical',
				database_type: found.database_type,
				version: found.version,
				group: '',
				sleeping: false,
				archived: false,
				allow_attach: found.allow_attach,
				block_reads: false,
				block_writes: false,
				schema: '',
				is_schema: false,
			},
		);
		assert.equal(typeof found.version, 'string');
		await turso.databases.create('second', { image: 'canary' });
		assert.deepEqual(
			(await turso.databases.list()).map((one) => one.name).filter((name) => ['first', 'second'].includes(name)),
			['first', 'second'],
		);
		assert.deepEqual(await turso.databases.delete('second'), { database: 'second' });
		await fails(turso.databases.get('second'), 404, /could not find database with name \[second\]: record not found/);
		assert.ok(!(await turso.databases.list()).some((one) => one.name === 'second'));
	});

	test('refuse what is taken, badly named or unknown', async () => {
		await turso.databases.create('taken');
		await fails(turso.databases.create('taken'), 409, /database with name \[taken\] already exists/);
		await fails(turso.databases.create('Not A Name'), 400, /name/i);
		await fails(turso.databases.create('grouped', { group: 'no-such-group' }), 400, /group not found/);
		await fails(turso.databases.get('unknown'), 404, /could not find database/);
		await fails(turso.databases.delete('unknown'), 404, /could not find database/);
		await fails(stranger.databases.list(), 404, /organization not found/);
		await fails(stranger.databases.create('x'), 404, /organization not found/);
	});

	test('list and get instances', async () => {
		await server.createDatabase('placed', ['ord', 'nrt']);
		const instances = await turso.databases.listInstances('placed');
		assert.deepEqual(
			instances.map(({ type, region }) => [type, region]),
			[
				['primary', 'ord'],
				['replica', 'nrt'],
			],
		);
		for (const instance of instances) {
			assert.match(instance.uuid, uuid);
			assert.match(instance.hostname, new RegExp(`^[0-9a-f]{14}-placed-${server.organization}\\.localhost:${server.port}$`));
			assert.deepEqual(await turso.databases.getInstance('placed', instance.name), instance);
		}
		const placed = await turso.databases.get('placed');
		assert.deepEqual([placed.regions, placed.primaryRegion], [['ord', 'nrt'], 'ord']);
		await fails(turso.databases.listInstances('unknown'), 404, /could not find database/);
		await fails(turso.databases.getInstance('placed', 'unknown'), 404, /could not find instance unknown of database placed/);
		await fails(turso.databases.getInstance('unknown', 'unknown'), 404, /could not find/);
	});

	test('create and rotate tokens that open the database', async () => {
		const db = await server.createDatabase('opened', ['ord']);
		const select = async (token) => (await server.sql(db.label, 'SELECT 1', { token })).status;
		const { jwt } = await turso.databases.createToken('opened');
		assert.equal(await select(jwt), 200);
		const reading = await turso.databases.createToken('opened', { expiration: '1w2d', authorization: 'read-only' });
		assert.equal(await select(reading.jwt), 200);
		assert.equal((await server.sql(db.label, 'CREATE TABLE t (x)', { token: reading.jwt })).status, 403);
		assert.deepEqual(await turso.databases.rotateTokens('opened'), {});
		assert.equal(await select(jwt), 401);
		assert.equal(await select(reading.jwt), 401);
		assert.equal(await select((await turso.databases.createToken('opened', { expiration: 'never' })).jwt), 200);
		await fails(turso.databases.createToken('opened', { expiration: 'soon' }), 400, /Invalid expiration format/);
		await fails(turso.databases.createToken('opened', { authorization: 'root' }), 400, /authorization/);
		await fails(turso.databases.createToken('unknown'), 404, /could not find database/);
		await fails(turso.databases.rotateTokens('unknown'), 404, /could not find database/);
	});
});

describe('@tursodatabase/api groups and versions', () => {
	test('databases stand alone, in the newest version', async () => {
		assert.deepEqual(await turso.groups.list(), []);
		await fails(turso.groups.get('default'), 404, /group not found/);
		await turso.databases.create('versioned');
		assert.deepEqual(await turso.databases.updateVersion('versioned'), {});
		await fails(turso.databases.updateVersion('unknown'), 404, /could not find database/);
		assert.deepEqual(await turso.databases.list({ group: 'default' }), []);
	});

	test('an organization is found by its id, below /v3 too', async () => {
		const answer = await server.api('GET', '/v2/organizations');
		const { id } = answer.json.organizations.find(({ slug }) => slug === server.organization);
		assert.match(id, uuid);
		const by_id = connect({ org: undefined, orgId: id });
		const names = async (client) => (await client.databases.list()).map(({ name }) => name);
		assert.deepEqual(await names(by_id), await names(turso));
		const third = connect({ org: undefined, orgId: id, baseUrl: `${server.url}/v3/` });
		const made = await third.databases.create('by-id');
		assert.equal((await third.databases.get(made.id)).name, 'by-id');
		const { jwt } = await third.databases.createToken(made.id);
		assert.ok(jwt.split('.').length === 3);
		assert.deepEqual(await third.databases.delete(made.id), { database: 'by-id' });
	});
});

describe('@tursodatabase/api locations, organizations, tokens', () => {
	test('list locations', async () => {
		const locations = await turso.locations.list();
		const by_code = Object.fromEntries(locations.map(({ code, description }) => [code, description]));
		assert.equal(by_code.ord, 'Chicago, Illinois (US)');
		assert.equal(by_code.ams, 'Amsterdam, Netherlands');
		assert.ok(locations.length >= 32, `${locations.length} locations`);
	});

	test('list organizations and members', async () => {
		const organizations = await turso.organizations.list();
		const own = organizations.find((one) => one.slug === server.organization);
		assert.ok(own, JSON.stringify(organizations));
		assert.equal(typeof own.name, 'string');
		assert.ok(['personal', 'team'].includes(own.type));
		const members = await turso.organizations.members();
		assert.deepEqual(
			members.map(({ username, role }) => [username, role]),
			[[server.username, 'owner']],
		);
		await fails(stranger.organizations.members(), 404, /organization not found/);
	});

	test('create, list, validate and revoke platform tokens', async () => {
		const made = await turso.apiTokens.create('ci');
		assert.equal(made.name, 'ci');
		assert.match(made.id, /^[A-Za-z0-9_-]{22}$/);
		assert.ok(made.token.length > 20);
		assert.ok((await turso.apiTokens.list()).some(({ name, id }) => name === 'ci' && id === made.id));
		assert.ok(!JSON.stringify(await turso.apiTokens.list()).includes(made.token));
		await fails(turso.apiTokens.create('ci'), 409, /ci already exists/);

		const other = connect({ token: made.token });
		assert.ok(Array.isArray(await other.databases.list()));
		assert.deepEqual(await other.apiTokens.validate(made.token), { valid: false, expiry: -1 });

		assert.deepEqual(await turso.apiTokens.revoke('ci'), { token: 'ci' });
		await fails(other.databases.list(), 401, /revoked|invalid/);
		await fails(turso.apiTokens.revoke('ci'), 404, /could not find token ci/);
		await fails(connect({ token: 'nonsense' }).databases.list(), 401, /invalid token/);
	});

	test('a database made and destroyed by the SDK is gone for its clients too', async () => {
		const db = await server.createDatabase('fleeting', ['ord', 'nrt']);
		assert.equal((await server.sql(db.label, 'SELECT 1')).status, 200);
		await turso.databases.delete('fleeting');
		for (const label of [db.label, ...db.instances.map((instance) => instance.label)])
			await until('its address to be unknown', async () => (await server.sql(label, 'SELECT 1')).status === 404);
		// The name is free at once, and nothing of the old one comes back.
		const again = await server.createDatabase('fleeting', ['ams']);
		assert.deepEqual(await server.rows(again.label, 'SELECT count(*) AS n FROM sqlite_schema'), [{ n: 0 }]);
		assert.equal((await server.sql(again.label, 'SELECT 1', { token: db.jwt })).status, 401);
	});
});
