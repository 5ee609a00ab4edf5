// @tursodatabase/api, unmodified, runs an organization from its creation to its end: groups, locations, databases, seeds, tokens,
// instances, usage, members, invites, audit log, deletion. What the SDK has no method for goes by fetch. At the end every method
// of its five clients has succeeded once and met a 404 once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createClient } from '@tursodatabase/api';

import { label_of, startServer, until } from '../lib/server.mjs';
import { Tenants } from '../lib/tenants.mjs';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const clients = ['apiTokens', 'organizations', 'locations', 'groups', 'databases'];
// Neither the SDK's options nor its base URL change where this one asks.
const unreachable = ['locations.closest'];

let server, tenants, org, turso;
const seen = { success: new Set(), not_found: new Set() };

before(async () => {
	server = await startServer();
	tenants = new Tenants(server);
	for (const name of ['mia', 'noa']) await tenants.account(name);
});
after(() => server?.stop());

/// The SDK's client, which notes what its methods met.
function connect(options = {}) {
	const client = createClient({ org, token: server.token, baseUrl: `${server.url}/v1/`, ...options });
	for (const name of clients) {
		client[name] = new Proxy(client[name], {
			get(target, method) {
				const value = target[method];
				if (typeof value !== 'function') return value;
				return async (...args) => {
					try {
						const result = await value.apply(target, args);
						seen.success.add(`${name}.${method}`);
						return result;
					} catch (error) {
						if (error.status === 404) seen.not_found.add(`${name}.${method}`);
						throw error;
					}
				};
			},
		});
	}
	return client;
}

function methods_of(client) {
	return clients.flatMap((name) =>
		Object.getOwnPropertyNames(Object.getPrototypeOf(client[name]))
			.filter((method) => !['constructor', 'org', 'formatDateParameter', 'formatResponse', 'formatCreateResponse'].includes(method))
			.map((method) => `${name}.${method}`),
	);
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

/// What has no method in the SDK.
async function by_fetch(method, path, body) {
	const response = await fetch(server.url + path, {
		method,
		headers: { authorization: `Bearer ${server.token}` },
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	const text = await response.text();
	assert.equal(response.status, 200, `${method} ${path}: ${response.status} ${text}`);
	return text === '' ? null : JSON.parse(text);
}

async function select(database, sql, token) {
	return server.rows(label_of(database.hostname), sql, { token });
}

test('an organization comes into being', async () => {
	const created = await by_fetch('POST', '/v1/organizations', { name: 'Tea House' });
	org = created.org.slug;
	assert.equal(org, 'tea-house');
	turso = connect();
	const own = (await turso.organizations.list()).find(({ slug }) => slug === org);
	assert.deepEqual([own.name, own.type, own.overages, own.blocked_reads, own.blocked_writes], ['Tea House', 'team', false, false, false]);
	assert.equal((await turso.organizations.update({ overages: true })).overages, true);
	assert.equal((await turso.organizations.update({ overages: false })).overages, false);
	assert.deepEqual(await turso.organizations.invoices(), []);
	assert.equal((await by_fetch('GET', `/v1/organizations/${org}/subscription`)).subscription.plan, 'self-hosted');
	assert.equal((await by_fetch('GET', `/v1/organizations/${org}/plans`)).plans.length, 1);
});

test('locations', async () => {
	const codes = (await turso.locations.list()).map(({ code }) => code);
	for (const code of ['ord', 'nrt', 'ams']) assert.ok(codes.includes(code));
	const { closest } = (await by_fetch('GET', '/v1/locations/ord')).location;
	assert.ok(closest.length > 0);
	assert.ok(codes.includes((await by_fetch('GET', '/closest-region')).server));
});

test('groups and their locations', async () => {
	assert.deepEqual(await turso.groups.list(), []);
	const group = await turso.groups.create('main', 'ord', { extensions: ['vector', 'math'] });
	assert.deepEqual([group.name, group.primary, group.locations], ['main', 'ord', ['ord']]);
	assert.deepEqual((await turso.groups.addLocation('main', 'nrt')).locations, ['ord', 'nrt']);
	await by_fetch('GET', `/v1/organizations/${org}/groups/main/locations/nrt/wait`);
	assert.deepEqual((await turso.groups.get('main')).locations, ['ord', 'nrt']);
	assert.deepEqual((await turso.groups.list()).map(({ name }) => name), ['main']);
	await turso.groups.create('fleeting', 'ams', { extensions: 'all' });
	assert.equal((await turso.groups.delete('fleeting')).name, 'fleeting');
	await fails(turso.groups.create('main', 'ord'), 409, /^group already exists$/);
	await fails(turso.groups.create('else', 'amss'), 400, /^invalid location: amss$/);
	await fails(turso.groups.addLocation('main', 'amss'), 400, /^invalid location: amss$/);
	await fails(turso.groups.removeLocation('main', 'ord'), 400, /primary/);
});

test('databases of a group have their instances at once', async () => {
	const shop = await turso.databases.create('shop', { group: 'main' });
	assert.match(shop.id, uuid);
	const instances = await turso.databases.listInstances('shop');
	assert.deepEqual(instances.map(({ name, type, region }) => [name, type, region]), [['ord', 'primary', 'ord'], ['nrt', 'replica', 'nrt']]);
	assert.equal((await turso.databases.getInstance('shop', 'nrt')).type, 'replica');
	const { jwt } = await turso.databases.createToken('shop');
	await select(shop, 'CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT)', jwt);
	await select(shop, "INSERT INTO goods (name) VALUES ('tea'), ('milk'), ('sugar')", jwt);
	for (const { hostname } of instances)
		await until('the rows everywhere', async () => (await select({ hostname }, 'SELECT count(*) AS n FROM goods', jwt))[0].n === 3);
	assert.deepEqual((await turso.databases.list({ group: 'main' })).map(({ name, group }) => [name, group]), [['shop', 'main']]);
	const found = await turso.databases.get('shop');
	assert.deepEqual([found.regions, found.primaryRegion, found.group], [['ord', 'nrt'], 'ord', 'main']);

	// A location that comes and goes takes every database along.
	await turso.groups.addLocation('main', 'ams');
	const added = await turso.databases.getInstance('shop', 'ams');
	await by_fetch('GET', `/v1/organizations/${org}/databases/shop/instances/ams/wait`);
	assert.deepEqual(await select(added, 'SELECT count(*) AS n FROM goods', jwt), [{ n: 3 }]);
	assert.deepEqual((await turso.groups.removeLocation('main', 'ams')).locations, ['ord', 'nrt']);
	await fails(turso.databases.getInstance('shop', 'ams'), 404, /could not find instance ams of database shop/);
});

test('databases seeded from another, now and as it was', async () => {
	const shop = await turso.databases.get('shop');
	const { jwt } = await turso.databases.createToken('shop');
	await new Promise((resolve) => setTimeout(resolve, 20));
	const then = new Date();
	await new Promise((resolve) => setTimeout(resolve, 20));
	await select(shop, "INSERT INTO goods (name) VALUES ('salt')", jwt);
	const names = async (name) => {
		const { jwt } = await turso.databases.createToken(name);
		return (await select(await turso.databases.get(name), 'SELECT name FROM goods ORDER BY id', jwt)).map((row) => row.name);
	};
	await turso.databases.create('shop-now', { group: 'main', seed: { type: 'database', name: 'shop' } });
	assert.deepEqual(await names('shop-now'), ['tea', 'milk', 'sugar', 'salt']);
	await turso.databases.create('shop-then', { group: 'main', seed: { type: 'database', name: 'shop', timestamp: then } });
	assert.deepEqual(await names('shop-then'), ['tea', 'milk', 'sugar']);
	await turso.databases.create('shop-then-text', { group: 'main', seed: { type: 'database', name: 'shop', timestamp: then.toISOString() } });
	assert.deepEqual(await names('shop-then-text'), ['tea', 'milk', 'sugar']);
	const { database } = await by_fetch('GET', `/v1/organizations/${org}/databases/shop-now`);
	assert.deepEqual([database.parent.id, database.parent.name], [shop.id, 'shop']);
	await fails(turso.databases.create('of-none', { group: 'main', seed: { type: 'database', name: 'none' } }), 404, /could not find database with name none: record not found/);
});

test('databases seeded from a dump', async () => {
	const form = new FormData();
	form.append('file', new Blob(["PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE notes (text);\nINSERT INTO notes VALUES ('kept');\nCOMMIT;\n"]), 'dump.sql');
	const response = await fetch(`${server.url}/v1/organizations/${org}/databases/dumps`, { method: 'POST', headers: { authorization: `Bearer ${server.token}` }, body: form });
	const { dump_url } = await response.json();
	assert.equal(response.status, 200);
	const made = await turso.databases.create('dumped', { group: 'main', seed: { type: 'dump', url: dump_url } });
	const { jwt } = await turso.databases.createToken('dumped');
	assert.deepEqual(await select(made, 'SELECT text FROM notes', jwt), [{ text: 'kept' }]);
	await fails(turso.databases.create('undumped', { group: 'main', seed: { type: 'dump', url: `${dump_url}-other` } }), 400, /./);
	await fails(turso.databases.get('undumped'), 404, /could not find database/);
});

test('databases that stand alone', async () => {
	const alone = await turso.databases.create('alone', { size_limit: '1mb' });
	assert.deepEqual(await turso.databases.listInstances('alone'), []);
	const first = await by_fetch('POST', `/v1/organizations/${org}/databases/alone/instances`, { location: 'ord' });
	const second = await by_fetch('POST', `/v1/organizations/${org}/databases/alone/instances`, { location: 'nrt' });
	for (const { instance } of [first, second]) await by_fetch('GET', `/v1/organizations/${org}/databases/alone/instances/${instance.name}/wait`);
	const { jwt } = await turso.databases.createToken('alone');
	await select(alone, 'CREATE TABLE big (pad)', jwt);
	await assert.rejects(async () => {
		for (let i = 0; i < 20; i++) await select(alone, 'INSERT INTO big VALUES (randomblob(100000))', jwt);
	}, 'the size limit stops writes');
	await by_fetch('DELETE', `/v1/organizations/${org}/databases/alone/instances/${second.instance.name}`);
	assert.equal((await turso.databases.listInstances('alone')).length, 1);
	assert.deepEqual(await turso.databases.updateVersion('alone'), {});
	await turso.databases.create('parent-schema', { is_schema: true });
	assert.deepEqual((await turso.databases.list({ type: 'schema' })).map(({ name }) => name), ['parent-schema']);
	assert.deepEqual(await turso.databases.list({ schema: 'parent-schema' }), []);
	assert.deepEqual(await turso.databases.delete('parent-schema'), { database: 'parent-schema' });
});

test('configuration is obeyed', async () => {
	const shop = await turso.databases.get('shop');
	const { jwt } = await turso.databases.createToken('shop');
	const configure = (body) => by_fetch('PATCH', `/v1/organizations/${org}/databases/shop/configuration`, body);
	await configure({ block_writes: true });
	await assert.rejects(select(shop, "INSERT INTO goods (name) VALUES ('no')", jwt));
	assert.equal((await select(shop, 'SELECT count(*) AS n FROM goods', jwt))[0].n, 4);
	assert.equal((await turso.databases.get('shop')).block_writes, true);
	await configure({ block_writes: false, block_reads: true });
	await assert.rejects(select(shop, 'SELECT 1 FROM goods', jwt));
	await configure({ block_reads: false, delete_protection: true });
	await fails(turso.databases.delete('shop'), 400, /^database shop is protected against deletion$/);
	await configure({ delete_protection: false });
});

test('tokens of databases and groups', async () => {
	const shop = await turso.databases.get('shop');
	const works = async (token) => (await server.sql(label_of(shop.hostname), 'SELECT 1', { token })).status === 200;
	const writes = async (token) => (await server.sql(label_of(shop.hostname), 'CREATE TABLE w (x)', { token })).status === 200;
	const of_group = (await turso.groups.createToken('main')).jwt;
	const reading = (await turso.groups.createToken('main', { expiration: '1w', authorization: 'read-only' })).jwt;
	const of_database = (await turso.databases.createToken('shop', { expiration: '1d' })).jwt;
	assert.deepEqual([await works(of_group), await works(reading), await works(of_database)], [true, true, true]);
	assert.equal(await writes(reading), false);
	await fails(turso.groups.createToken('main', { expiration: 'soon' }), 400, /^Invalid expiration format$/);
	assert.deepEqual(await turso.databases.rotateTokens('shop'), {});
	assert.deepEqual([await works(of_group), await works(of_database)], [true, false], 'the tokens of a group live on');
	assert.deepEqual(await turso.groups.rotateTokens('main'), {});
	assert.deepEqual([await works(of_group), await works(reading)], [false, false]);
	assert.equal(await works((await turso.groups.createToken('main')).jwt), true);
});

test('usage', async () => {
	const usage = await until('the writes to be counted', async () => {
		const found = await turso.databases.usage('shop');
		return found.usage.rows_written >= 4 && found.usage.rows_read > 0 && found;
	});
	const instances = await turso.databases.listInstances('shop');
	for (const { uuid } of instances) assert.ok(usage.instances.some((one) => one.uuid === uuid), 'each instance is counted');
	assert.ok(usage.usage.storage_bytes > 0);
	const past = await turso.databases.usage('shop', { from: new Date('2023-01-01T00:00:00Z'), to: '2023-02-01T00:00:00Z' });
	assert.deepEqual([past.usage.rows_read, past.usage.rows_written], [0, 0]);
	await fails(turso.databases.usage('shop', { from: '2024-01-01T00:00:00Z', to: '2023-01-01T00:00:00Z' }), 400, /from/);
	const { organization } = await by_fetch('GET', `/v1/organizations/${org}/usage`);
	assert.ok(organization.usage.rows_written >= 4);
	assert.equal(organization.usage.groups, 1);
	assert.ok(organization.databases.some(({ uuid }) => uuid === usage.uuid));
	const { top_queries } = await by_fetch('GET', `/v1/organizations/${org}/databases/shop/stats`);
	assert.ok(top_queries.some(({ query }) => /goods/.test(query)), JSON.stringify(top_queries));
});

test('members and invites', async () => {
	assert.deepEqual(await turso.organizations.addMember('mia'), { member: 'mia', role: 'member' });
	assert.deepEqual(await turso.organizations.addMember('noa', 'admin'), { member: 'noa', role: 'admin' });
	await fails(turso.organizations.addMember('mia'), 409, /^user mia is already a member of organization tea-house$/);
	const roles = Object.fromEntries((await turso.organizations.members()).map(({ username, role }) => [username, role]));
	assert.deepEqual(roles, { [server.username]: 'owner', mia: 'member', noa: 'admin' });

	// Each may do what the role says.
	const mia = connect({ token: tenants.tokens.get('mia') });
	const noa = connect({ token: tenants.tokens.get('noa') });
	assert.equal((await mia.databases.create('of-mia', { group: 'main' })).name, 'of-mia');
	await fails(mia.organizations.addMember('else'), 403, /admin/);
	assert.equal((await noa.organizations.inviteUser('ida@example.com', 'member')).organization, 'Tea House');
	await fails(noa.organizations.delete(), 403, /owner/);

	const invited = await turso.organizations.inviteUser('guest@example.com');
	assert.deepEqual([invited.email, invited.role, invited.organization], ['guest@example.com', 'member', 'Tea House']);
	assert.deepEqual((await turso.organizations.listInvites()).map(({ email }) => email).sort(), ['guest@example.com', 'ida@example.com']);
	await turso.organizations.deleteInvite('guest@example.com');
	assert.deepEqual((await turso.organizations.listInvites()).map(({ email }) => email), ['ida@example.com']);

	assert.deepEqual(await turso.organizations.removeMember('mia'), { member: 'mia' });
	await fails(mia.databases.list(), 403, /not a member of organization/);
});

test('platform tokens', async () => {
	const made = await turso.apiTokens.create('deploy');
	const other = connect({ token: made.token });
	assert.ok((await other.databases.list()).length > 0);
	assert.deepEqual(await other.apiTokens.validate('any'), { valid: false, expiry: -1 });
	assert.ok((await turso.apiTokens.list()).some(({ name }) => name === 'deploy'));
	const login = connect({ token: tenants.tokens.get('noa') });
	const { valid, expiry } = await login.apiTokens.validate('any');
	assert.ok(valid && expiry > Date.now() / 1000, 'a login ends one day');
	assert.deepEqual(await turso.apiTokens.revoke('deploy'), { token: 'deploy' });
	await fails(other.databases.list(), 401, /revoked/);
});

test('what is not there is a 404 for every method', async () => {
	const nowhere = connect({ org: 'no-such-organization' });
	const astray = connect({ baseUrl: `${server.url}/v1/none/` });
	const database = /could not find database with name \[none\]: record not found/;
	await fails(turso.databases.get('none'), 404, database);
	await fails(turso.databases.delete('none'), 404, database);
	await fails(turso.databases.listInstances('none'), 404, /could not find database/);
	await fails(turso.databases.getInstance('none', 'ord'), 404, /could not find/);
	await fails(turso.databases.createToken('none'), 404, database);
	await fails(turso.databases.rotateTokens('none'), 404, database);
	await fails(turso.databases.updateVersion('none'), 404, database);
	await fails(turso.databases.usage('none'), 404, database);
	await fails(nowhere.databases.list(), 404, /^organization not found$/);
	await fails(nowhere.databases.create('x'), 404, /^organization not found$/);
	for (const call of ['get', 'delete', 'createToken', 'rotateTokens']) await fails(turso.groups[call]('none'), 404, /^group not found$/);
	for (const call of ['addLocation', 'removeLocation']) await fails(turso.groups[call]('none', 'ord'), 404, /^group not found$/);
	await fails(nowhere.groups.list(), 404, /^organization not found$/);
	await fails(nowhere.groups.create('x', 'ord'), 404, /^organization not found$/);
	await fails(nowhere.organizations.update({ overages: true }), 404, /^organization not found$/);
	for (const call of ['delete', 'members', 'listInvites', 'invoices']) await fails(nowhere.organizations[call](), 404, /^organization not found$/);
	await fails(nowhere.organizations.inviteUser('x@example.com'), 404, /^organization not found$/);
	await fails(turso.organizations.addMember('nobody-at-all'), 404, /^could not find user nobody-at-all$/);
	await fails(turso.organizations.removeMember('nobody-at-all'), 404, /^user nobody-at-all is not a member of org tea-house$/);
	await fails(turso.organizations.deleteInvite('none@example.com'), 404, /^invite not found$/);
	await fails(turso.apiTokens.revoke('none'), 404, /^could not find token none$/);
	await fails(astray.organizations.list(), 404, /^not found$/);
	await fails(astray.locations.list(), 404, /^not found$/);
	for (const [call, ...args] of [['list'], ['create', 'x'], ['validate', 'x']]) await fails(astray.apiTokens[call](...args), 404, /^not found$/);
});

test('the audit log tells it all', async () => {
	const entries = [];
	for (let page = 1; ; page++) {
		const { audit_logs, pagination } = await by_fetch('GET', `/v1/organizations/${org}/audit-logs?page=${page}&page_size=10`);
		entries.push(...audit_logs);
		assert.equal(pagination.page, page);
		if (page >= pagination.total_pages) {
			assert.equal(entries.length, pagination.total_rows);
			break;
		}
	}
	const codes = new Set(entries.map(({ code }) => code));
	for (const code of ['org-create', 'org-set-overages', 'group-create', 'group-delete', 'db-create', 'db-delete', 'instance-create', 'instance-delete', 'db-token-create', 'group-token-create', 'db-protect', 'db-unprotect', 'org-member-add', 'org-member-rm'])
		assert.ok(codes.has(code), `${code} is not in the audit log: ${[...codes]}`);
	const of_mia = entries.find(({ code, author }) => code === 'db-create' && author === 'mia');
	assert.match(of_mia.message, /of-mia/);
	assert.match(of_mia.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
	assert.equal(of_mia.origin, 'web');
	const times = entries.map(({ created_at }) => created_at);
	assert.deepEqual(times, [...times].sort().reverse(), 'newest first');
	assert.ok(!/eyJ[\w-]+\./.test(JSON.stringify(entries)), 'no token is told');
});

test('the same by ids, below /v3', async () => {
	const { organizations } = await by_fetch('GET', '/v2/organizations');
	const third = connect({ org: undefined, orgId: organizations.find(({ slug }) => slug === org).id, baseUrl: `${server.url}/v3/` });
	const group = await by_fetch('GET', `/v1/organizations/${org}/groups/main`);
	const made = await third.databases.create('by-id', { groupId: group.group.uuid });
	assert.deepEqual((await third.databases.listInstances(made.id)).map(({ region }) => region), ['ord', 'nrt']);
	assert.equal((await third.groups.get(group.group.uuid)).name, 'main');
	assert.deepEqual(await third.databases.delete(made.id), { database: 'by-id' });
});

test('the end', async () => {
	const shop = await turso.databases.get('shop');
	const { jwt } = await turso.databases.createToken('shop');
	assert.deepEqual(await turso.databases.delete('shop-then'), { database: 'shop-then' });
	await fails(turso.databases.get('shop-then'), 404, /could not find database/);
	assert.equal((await turso.groups.delete('main')).name, 'main');
	await fails(turso.databases.get('shop'), 404, /could not find database/);
	await until('its address to be unknown', async () => (await server.sql(label_of(shop.hostname), 'SELECT 1', { token: jwt })).status === 404);
	assert.deepEqual((await turso.databases.list()).map(({ name }) => name), ['alone'], 'what stood alone stays');
	assert.deepEqual(await turso.organizations.delete(), {});
	assert.ok(!(await turso.organizations.list()).some(({ slug }) => slug === org));
	await fails(turso.databases.list(), 404, /^organization not found$/);
	await fails(connect({ org: server.username }).organizations.delete(), 400, /^cannot delete personal organization$/);
	// The name is free again, and nothing of the old one comes back.
	assert.equal((await by_fetch('POST', '/v1/organizations', { name: 'Tea House' })).org.slug, org);
	assert.deepEqual([await turso.databases.list(), await turso.groups.list()], [[], []]);
	assert.deepEqual(await turso.organizations.delete(), {});
});

test('every method has succeeded, and met a 404', () => {
	const all = methods_of(turso).filter((name) => !unreachable.includes(name));
	assert.ok(all.length > 30, `${all.length} methods`);
	assert.deepEqual(all.filter((name) => !seen.success.has(name)), []);
	assert.deepEqual(all.filter((name) => !seen.not_found.has(name)), []);
});
