// Organizations from their beginning to their end, and the bill that nobody gets: spec/platform-api.md §2.1, §3.2.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Account, administrator, answered, refused, sign_up } from '../lib/accounts.mjs';
import { startServer } from '../lib/server.mjs';

let server, owner, bob;

before(async () => {
	server = await startServer();
	owner = administrator(server);
	bob = await sign_up(server, 'bob');
});

after(() => server.stop());

async function make(name) {
	return (await owner.post('/v1/organizations', { name })).organization;
}

const keys = [
	'id', 'name', 'slug', 'type', 'overages', 'blocked_reads', 'blocked_writes', 'plan_id', 'plan_timeline', 'platform', 'require_mfa',
];

test('an organization is made', async (t) => {
	await t.test('by its name, under both keys', async () => {
		const made = await owner.post('/v1/organizations', { name: 'Team One', stripe_id: 'any' });
		assert.deepEqual(made.org, made.organization);
		assert.deepEqual(Object.keys(made.org), keys);
		assert.match(made.org.id, /^[0-9a-f-]{36}$/);
		assert.deepEqual(
			[made.org.name, made.org.slug, made.org.type, made.org.plan_id],
			['Team One', 'team-one', 'team', 'self-hosted'],
		);
		assert.deepEqual(await owner.get('/v1/organizations/team-one'), { organization: made.org });
		assert.deepEqual(await owner.get(`/v1/organizations/${made.org.id}`), { organization: made.org });
		assert.deepEqual((await owner.get('/v1/organizations/team-one/members')).members, [
			{ username: server.username, role: 'owner', email: '' },
		]);
	});
	await t.test('in both lists, the personal one first', async () => {
		for (const version of ['v1', 'v2', 'v3']) {
			const { organizations } = await owner.get(`/${version}/organizations`);
			assert.equal(organizations[0].type, 'personal');
			assert.equal(organizations[0].name, 'personal');
			assert.equal(organizations[0].slug, server.username);
			assert.ok(organizations.some((one) => one.slug === 'team-one' && one.id));
		}
		assert.deepEqual((await bob.get('/v1/organizations')).organizations.map((one) => one.slug), ['bob']);
	});
	for (const [name, slug] of [
		['  Ünï çode!! ', 'n-ode'],
		['a--b__c', 'a-b-c'],
		['x'.repeat(64), 'x'.repeat(64)],
		['日本 2', '2'],
	])
		await t.test(`a slug of ${JSON.stringify(name)}`, async () => assert.equal((await make(name)).slug, slug));
	await t.test('a name whose slug is taken', async () => {
		for (const name of ['Team One', 'team one', 'TEAM-ONE'])
			refused(await owner.ask('POST', '/v1/organizations', { name }), 409, 'organization with slug team-one already exists', 'already_exists');
		refused(await owner.ask('POST', '/v1/organizations', { name: 'Bob' }), 409, 'organization with slug bob already exists', 'already_exists');
	});
	await t.test('names that are none', async () => {
		for (const name of ['---', '!', 'x'.repeat(65), 'a\tb', '日本'])
			refused(await owner.ask('POST', '/v1/organizations', { name }), 400, /^invalid organization name: /, 'invalid_name');
		refused(await owner.ask('POST', '/v1/organizations', {}), 400, 'name is required', 'missing_field');
		refused(await owner.ask('POST', '/v1/organizations', { name: 7 }), 400, 'name must be a string', 'invalid_field');
		refused(await owner.ask('POST', '/v1/organizations'), 400, 'missing request body', 'missing_field');
	});
	await t.test('a dry run makes nothing', async () => {
		const { org } = await owner.post('/v1/organizations?dry_run=true', { name: 'Dry Land' });
		assert.equal(org.slug, 'dry-land');
		refused(await owner.ask('GET', '/v1/organizations/dry-land'), 404, 'organization not found', 'org_not_found');
		refused(await owner.ask('POST', '/v1/organizations?dry_run=true', { name: 'Team One' }), 409, undefined, 'already_exists');
		refused(await owner.ask('POST', '/v1/organizations?dry_run=maybe', { name: 'x' }), 400, 'dry_run must be true or false', 'bad_request');
		assert.equal((await owner.post('/v1/organizations?dry_run=false', { name: 'Dry Land' })).org.slug, 'dry-land');
	});
	await t.test('once, when many ask at the same time', async () => {
		const answers = await Promise.all(Array.from({ length: 8 }, () => owner.ask('POST', '/v1/organizations', { name: 'Race' })));
		assert.deepEqual(answers.map((one) => one.status).sort(), [200, 409, 409, 409, 409, 409, 409, 409]);
	});
});

test('settings of an organization', async (t) => {
	const { slug } = await make('Settings');
	const o = `/v1/organizations/${slug}`;
	await t.test('change and stay', async () => {
		assert.equal((await owner.patch(o, { overages: true })).organization.overages, true);
		assert.equal((await owner.patch(o, { require_mfa: true })).organization.require_mfa, true);
		const { organization } = await owner.get(o);
		assert.deepEqual([organization.overages, organization.require_mfa], [true, true]);
		assert.equal((await owner.patch(o, { overages: false, require_mfa: null })).organization.overages, false);
		assert.equal((await owner.get(o)).organization.require_mfa, true);
		await owner.patch(o, {});
	});
	await t.test('are true or false', async () => {
		for (const overages of ['true', 1, []])
			refused(await owner.ask('PATCH', o, { overages }), 400, /^overages must be true or false/, 'invalid_field');
	});
	await t.test('stand in the log', async () => {
		const codes = (await owner.get(`${o}/audit-logs`)).audit_logs.map((one) => one.code);
		assert.deepEqual(codes, ['org-set-overages', 'org-set-require-mfa', 'org-set-overages', 'org-create']);
	});
});

test('an organization ends', async (t) => {
	await t.test('with its databases, groups and tokens', async () => {
		const { slug } = await make('Short Lived');
		const o = `/v1/organizations/${slug}`;
		await owner.post(`${o}/groups`, { name: 'g', location: 'ord' });
		await owner.post(`${o}/databases`, { name: 'alone' });
		await owner.post(`${o}/databases/alone/instances`, { location: 'ord' });
		const { database } = (await owner.post(`${o}/databases`, { name: 'grouped', group: 'g' }));
		const { jwt } = await owner.post(`${o}/databases/alone/auth/tokens`);
		const { token } = await owner.post('/v1/auth/api-tokens/narrow', { organization: slug });
		const narrow = new Account(server, owner.username, token);
		await narrow.get(o);
		const label = `alone-${slug}`;
		const sql = () => server.sql(label, 'SELECT 1', { token: jwt });
		assert.equal((await sql()).status, 200);

		assert.deepEqual(await owner.delete(o), {});
		refused(await owner.ask('GET', o), 404, 'organization not found', 'org_not_found');
		refused(await narrow.ask('GET', o), 401, 'invalid token', 'unauthorized');
		assert.equal((await sql()).status, 404);
		assert.equal(existsSync(path.join(server.data, 'databases', database.DbId)), false);
		assert.equal((await make('Short Lived')).slug, slug);
		assert.deepEqual((await owner.get(`${o}/databases`)).databases, []);
		assert.deepEqual((await owner.get(`${o}/groups`)).groups, []);
		assert.deepEqual((await owner.get(`${o}/audit-logs`)).audit_logs.map((one) => one.code), ['org-create']);
	});
	await t.test('and its owner finds that in the personal log', async () => {
		const { audit_logs } = await owner.get(`/v1/organizations/${server.username}/audit-logs`);
		const end = audit_logs.find((one) => one.code === 'org-delete');
		assert.deepEqual(end.data, { name: 'Short Lived', slug: 'short-lived' });
	});
	await t.test('but not a personal one', async () => {
		refused(await owner.ask('DELETE', `/v1/organizations/${server.username}`), 400, 'cannot delete personal organization', 'bad_request');
	});
	await t.test('and not while something in it is protected', async () => {
		const { slug } = await make('Guarded');
		const o = `/v1/organizations/${slug}`;
		await owner.post(`${o}/groups`, { name: 'kept', location: 'ord' });
		await owner.patch(`${o}/groups/kept/configuration`, { delete_protection: true });
		refused(await owner.ask('DELETE', o), 400, 'group kept is protected against deletion', 'delete_protected');
		await owner.get(`${o}/groups/kept`);
		await owner.patch(`${o}/groups/kept/configuration`, { delete_protection: false });
		await owner.delete(o);
	});
	await t.test('by nobody but its owner', async () => {
		const { slug } = await make('Not Theirs');
		const o = `/v1/organizations/${slug}`;
		refused(await bob.ask('DELETE', o), 403, `not a member of organization ${slug}`, 'not_a_member');
		await owner.post(`${o}/members`, { username: 'bob', role: 'admin' });
		refused(await bob.ask('DELETE', o), 403, /needs the role owner/, 'insufficient_role');
	});
	await t.test('also over a restart', async () => {
		const { slug } = await make('Gone');
		await owner.post(`/v1/organizations/${slug}/databases`, { name: 'd' });
		await owner.delete(`/v1/organizations/${slug}`);
		await server.restart();
		refused(await owner.ask('GET', `/v1/organizations/${slug}`), 404, 'organization not found', 'org_not_found');
	});
});

test('the bill', async (t) => {
	const o = `/v1/organizations/${server.organization}`;
	await t.test('there is one plan, and it is free', async () => {
		for (const where of [o, '/v1']) {
			const { plans } = await owner.get(`${where}/plans`);
			assert.equal(plans.length, 1);
			assert.deepEqual([plans[0].name, plans[0].price], ['self-hosted', '0']);
			assert.deepEqual(Object.keys(plans[0].quotas), ['rowsRead', 'rowsWritten', 'databases', 'locations', 'storage', 'groups', 'bytesSynced']);
			for (const quota of Object.values(plans[0].quotas)) assert.ok(Number.isSafeInteger(quota));
		}
	});
	await t.test('everybody has it', async () => {
		const subscription = { name: 'self-hosted', plan: 'self-hosted', timeline: 'monthly', overages: false };
		assert.deepEqual(await owner.get(`${o}/subscription`), { subscription });
		assert.deepEqual(await owner.post(`${o}/subscription`, { plan: 'scaler', timeline: 'yearly' }), { subscription });
		assert.deepEqual(await owner.get('/v1/subscription'), { subscription });
	});
	await t.test('nothing is owed', async () => {
		for (const query of ['', '?type=all', '?type=upcoming', '?type=issued'])
			assert.deepEqual(await owner.get(`${o}/invoices${query}`), { invoices: [] });
		refused(await owner.ask('GET', `${o}/invoices?type=none`), 400, 'invalid type parameter: none', 'bad_request');
	});
	await t.test('the command line of Turso comes through', async () => {
		const { org } = await owner.post('/v1/organizations?dry_run=true', { name: 'cli' });
		const { stripeCustomerId } = await owner.post('/v1/organizations/stripe-customer', { Name: org.name });
		const { portal } = await owner.post('/v1/billing/portal', { stripe_id: stripeCustomerId });
		assert.equal(portal.url, server.url);
		assert.deepEqual(await owner.get(`/v1/billing/payment-methods?stripe_id=${stripeCustomerId}`), { exists: true });
		await owner.post('/v1/organizations', { name: 'cli', stripe_id: stripeCustomerId });
		await owner.post('/v1/organizations/cli/subscription', { plan: 'scaler' });
	});
	await t.test('who pays is shown back', async () => {
		const none = await owner.get(`${o}/billing/customer`);
		assert.deepEqual(none, {
			name: '',
			email: '',
			tax_id: { value: '', country: '' },
			billing_address: { line1: '', line2: '', city: '', state: '', postal_code: '', country: '' },
		});
		const sent = { ...none, name: 'Ann', tax_id: { value: '1', country: 'DE' } };
		assert.deepEqual(answered(await owner.ask('PUT', `${o}/billing/customer`, sent)), sent);
		refused(await owner.ask('PUT', `${o}/billing/customer`, { tax_id: 'x' }), 400, 'tax_id must be an object', 'invalid_field');
	});
	await t.test('keys of others are not taken', async () => {
		const jwks = `/v2/organizations/${server.organization}/jwks`;
		assert.deepEqual(await owner.get(jwks), { jwks: [] });
		refused(await owner.ask('PUT', `${jwks}/x`, { jwks_url: 'https://x' }), 400, undefined, 'bad_request');
		refused(await owner.ask('DELETE', `${jwks}/x`), 400, undefined, 'bad_request');
		refused(await owner.ask('GET', `${jwks}-template`), 400, undefined, 'bad_request');
	});
});
