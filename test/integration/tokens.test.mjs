// Platform tokens and what each is good for: spec/platform-api.md §2.4, §3.1, §3.12.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Account, administrator, refused, sign_up } from '../lib/accounts.mjs';
import { startServer } from '../lib/server.mjs';

let server, owner, ann, o;
const mint_path = '/v1/auth/api-tokens';

before(async () => {
	server = await startServer();
	owner = administrator(server);
	ann = await sign_up(server, 'ann', { email: 'ann@example.com' });
	o = `/v1/organizations/${server.organization}`;
	await owner.post(`${o}/members`, { username: 'ann', role: 'member' });
	for (const name of ['in', 'out']) {
		await owner.post(`${o}/groups`, { name, location: 'ord' });
		await owner.post(`${o}/databases`, { name: `db-${name}`, group: name });
	}
	await owner.post(`${o}/databases`, { name: 'db-alone' });
});

after(() => server.stop());

let counter = 0;
async function of_group(scopes, group = 'in') {
	const { token } = await owner.post(`${mint_path}/g${++counter}`, { organization: server.organization, group, scopes });
	return new Account(server, owner.username, token);
}

test('bounds of a token', async (t) => {
	await t.test('are stored expanded and listed', async () => {
		await owner.post(`${mint_path}/all`);
		await owner.post(`${mint_path}/org`, { organization: server.organization });
		await owner.post(`/v2/auth/api-tokens/some`, { organization: server.organization, group: 'in', scopes: ['db:create', 'read', 'db:create'] });
		await owner.post(`${mint_path}/reads`, { organization: server.organization, group: 'in', scopes: ['read-only'] });
		await owner.post(`${mint_path}/full`, { organization: server.organization, group: 'in', scopes: ['full-access'] });
		const { tokens } = await owner.get(mint_path);
		const shown = Object.fromEntries(tokens.map(({ name, id, created_at, ...rest }) => [name, rest]));
		for (const one of tokens) {
			assert.match(one.id, /^[A-Za-z0-9_-]{22}$/);
			assert.match(one.created_at, /^\d{4}-\d\d-\d\d$/);
		}
		const organization = server.organization;
		assert.deepEqual(shown.all, {});
		assert.deepEqual(shown.org, { organization });
		assert.deepEqual(shown.some, { organization, group: 'in', scopes: ['read', 'db:create'] });
		assert.deepEqual(shown.reads, { organization, group: 'in', scopes: ['read'] });
		assert.deepEqual(shown.full.scopes, [
			'read', 'db:create', 'db:delete', 'db:configure', 'db:mint-token', 'db:rotate-creds',
			'group:configure', 'group:mint-token', 'group:rotate-creds',
		]);
	});
	await t.test('go together, or are refused', async () => {
		const organization = server.organization;
		const mint = (body, who = owner) => who.ask('POST', `${mint_path}/x`, body);
		refused(await mint({ group: 'in', scopes: ['read'] }), 400, 'group needs organization beside it', 'bad_request');
		refused(await mint({ organization, group: 'in' }), 400, 'group needs scopes beside it', 'bad_request');
		refused(await mint({ organization, group: 'in', scopes: [] }), 400, 'group needs scopes beside it', 'bad_request');
		refused(await mint({ organization, scopes: ['read'] }), 400, 'scopes need organization and group beside them', 'bad_request');
		refused(await mint({ organization, group: 'in', scopes: ['write'] }), 400, 'invalid scope: write', 'invalid_field');
		refused(await mint({ organization, group: 'in', scopes: [7] }), 400, 'scopes must be an array of strings', 'invalid_field');
		refused(await mint({ organization, group: 'in', scopes: 'read' }), 400, 'scopes must be an array of strings', 'invalid_field');
		refused(await mint({ organization, group: 'none', scopes: ['read'] }), 404, 'group not found', 'group_not_found');
		refused(await mint({ organization: 'nobody', group: 'in', scopes: ['read'] }), 404, 'organization not found', 'org_not_found');
		refused(await mint({ organization: 'admin' }, ann), 403, 'not a member of organization admin', 'not_a_member');
		refused(await mint({ organization, group: 'in', scopes: ['read'] }, ann), 403, /needs the role admin/, 'insufficient_role');
	});
	await t.test('never widen', async () => {
		const organization = server.organization;
		const { token } = await owner.post(`${mint_path}/narrow`, { organization });
		const narrow = new Account(server, owner.username, token);
		refused(await narrow.ask('POST', `${mint_path}/y`), 403, undefined, 'insufficient_scope');
		refused(await narrow.ask('POST', `${mint_path}/y`, { organization: 'admin' }), 403, undefined, 'not_a_member');
		const group = await of_group(['read', 'db:create']);
		refused(await group.ask('POST', `${mint_path}/y`, { organization }), 403, undefined, 'insufficient_scope');
		refused(await group.ask('POST', `${mint_path}/y`, { organization, group: 'in', scopes: ['full-access'] }), 403, undefined, 'insufficient_scope');
		refused(await group.ask('POST', `${mint_path}/y`, { organization, group: 'out', scopes: ['read'] }), 404, undefined, 'group_not_found');
		const lesser = await group.post(`${mint_path}/lesser`, { organization, group: 'in', scopes: ['read'] });
		await new Account(server, owner.username, lesser.token).get(`${o}/groups/in`);
		assert.ok(!(await group.get(mint_path)).tokens.some((one) => one.group !== 'in'), 'it sees its like only');
		assert.ok(!(await narrow.get(mint_path)).tokens.some((one) => one.organization !== organization));
		refused(await group.ask('DELETE', `${mint_path}/narrow`), 404, undefined, 'token_not_found');
		refused(await narrow.ask('DELETE', `${mint_path}/all`), 404, undefined, 'token_not_found');
	});
});

test('a token of one organization', async () => {
	const { token } = await owner.post(`${mint_path}/only`, { organization: server.organization });
	const only = new Account(server, owner.username, token);
	assert.deepEqual((await only.get('/v1/organizations')).organizations.map((one) => one.slug), [server.organization]);
	refused(await only.ask('GET', '/v1/organizations/admin'), 403, undefined, 'not_a_member');
	assert.ok((await only.get('/v1/databases')).databases.length > 0, 'it means its organization where none is named');
	await only.get(`${o}/members`);
	for (const [method, where, body] of [
		['POST', '/v1/organizations', { name: 'x' }],
		['POST', '/v1/auth/invalidate'],
		['POST', '/v1/user/password', { password: 'long enough' }],
		['GET', '/v1/invites'],
		['GET', '/v1/users'],
	])
		refused(await only.ask(method, where, body), 403, /one organization only/, 'insufficient_scope');
});

test('a token of one group', async (t) => {
	const full = await of_group(['full-access']);
	const reads = await of_group(['read-only']);

	await t.test('sees nothing outside', async () => {
		for (const who of [full, reads]) {
			assert.deepEqual((await who.get(`${o}/groups`)).groups.map((one) => one.name), ['in']);
			assert.deepEqual((await who.get(`${o}/databases`)).databases.map((one) => one.Name), ['db-in']);
			await who.get(`${o}/databases/db-in`);
			for (const name of ['db-out', 'db-alone', 'none'])
				refused(await who.ask('GET', `${o}/databases/${name}`), 404, `could not find database with name [${name}]: record not found`, 'database_not_found');
			for (const name of ['out', 'none']) refused(await who.ask('GET', `${o}/groups/${name}`), 404, 'group not found', 'group_not_found');
		}
		refused(await full.ask('DELETE', `${o}/databases/db-out`), 404, undefined, 'database_not_found');
		refused(await full.ask('POST', `${o}/groups/out/auth/tokens`), 404, undefined, 'group_not_found');
		refused(await full.ask('POST', `${o}/databases`, { name: 'n1', group: 'out' }), 400, 'group not found', 'group_not_found');
	});
	await t.test('does what its scopes say', async () => {
		const needs = [
			['db:create', 'POST', `${o}/databases`, { name: 'made', group: 'in' }],
			['db:configure', 'PATCH', `${o}/databases/made/configuration`, { block_reads: false }],
			['db:mint-token', 'POST', `${o}/databases/made/auth/tokens`],
			['db:rotate-creds', 'POST', `${o}/databases/made/auth/rotate`],
			['db:delete', 'DELETE', `${o}/databases/made`],
			['group:configure', 'PATCH', `${o}/groups/in/configuration`, { delete_protection: false }],
			['group:mint-token', 'POST', `${o}/groups/in/auth/tokens`],
			['group:rotate-creds', 'POST', `${o}/groups/in/auth/rotate`],
			['read', 'GET', `${o}/groups/in`],
		];
		const names = needs.map(([scope]) => scope);
		for (const [scope, method, where, body] of needs) {
			const others = await of_group(names.filter((one) => one !== scope));
			refused(await others.ask(method, where, body), 403, `this needs the scope ${scope}, which the token has not`, 'insufficient_scope');
			const one = await of_group([scope]);
			const answer = await one.ask(method, where, body);
			assert.equal(answer.status, 200, `${scope}: ${answer.text}`);
		}
	});
	await t.test('leaves the organization alone', async () => {
		for (const [method, where, body] of [
			['POST', `${o}/groups`, { name: 'x', location: 'ord' }],
			['DELETE', `${o}/groups/in`],
			['POST', `${o}/groups/in/transfer`, { organization: 'admin' }],
			['PATCH', o, {}],
			['DELETE', o],
			['GET', `${o}/members`],
			['POST', `${o}/members`, { username: 'x' }],
			['POST', `${o}/invite`, { email: 'x@y.z' }],
			['GET', `${o}/audit-logs`],
			['GET', `${o}/api-tokens`],
		])
			refused(await full.ask(method, where, body), 403, undefined, 'insufficient_scope');
		for (const [method, where, body] of [['POST', '/v1/organizations', { name: 'x' }], ['POST', '/v1/auth/invalidate'], ['GET', '/v1/users']])
			refused(await full.ask(method, where, body), 403, undefined, 'insufficient_scope');
		assert.equal((await full.get(o)).organization.slug, server.organization);
		assert.deepEqual(await full.get('/v1/auth/validate'), { exp: -1 });
	});
	await t.test('ends with its group, and another of the name inherits nothing', async () => {
		await owner.post(`${o}/groups`, { name: 'brief', location: 'ord' });
		const brief = await of_group(['full-access'], 'brief');
		await brief.get(`${o}/groups/brief`);
		await owner.delete(`${o}/groups/brief`);
		refused(await brief.ask('GET', `${o}/groups`), 401, 'token has been revoked', 'token_revoked');
		await owner.post(`${o}/groups`, { name: 'brief', location: 'ord' });
		refused(await brief.ask('GET', `${o}/groups/brief`), 401, 'token has been revoked', 'token_revoked');
	});
	await t.test('keeps to the role of its user', async () => {
		await owner.patch(`${o}/members/ann`, { role: 'admin' });
		const { token } = await ann.post(`${mint_path}/hers`, { organization: server.organization, group: 'in', scopes: ['full-access'] });
		const hers = new Account(server, 'ann', token);
		await hers.post(`${o}/databases`, { name: 'hers', group: 'in' });
		await owner.patch(`${o}/members/ann`, { role: 'viewer' });
		refused(await hers.ask('DELETE', `${o}/databases/hers`), 403, /needs the role member/, 'insufficient_role');
		await owner.patch(`${o}/members/ann`, { role: 'member' });
		await hers.delete(`${o}/databases/hers`);
	});
});

test('tokens of an organization', async (t) => {
	await t.test('are all seen by those who administer it', async () => {
		await ann.post(`${mint_path}/anns`, { organization: server.organization });
		await ann.post(`${mint_path}/anns-own`);
		const { tokens } = await owner.get(`${o}/api-tokens`);
		const anns = tokens.find((one) => one.name === 'anns');
		assert.deepEqual(anns.owner, { username: 'ann', email: 'ann@example.com' });
		assert.equal(anns.organization, server.organization);
		assert.ok(tokens.some((one) => one.owner.username === owner.username));
		assert.ok(!tokens.some((one) => one.name === 'anns-own' || one.name === 'all'), 'those for everything never appear');
		const own = (await ann.get(`${o}/api-tokens`)).tokens;
		assert.ok(own.length > 0 && own.every((one) => one.owner.username === 'ann'));
	});
	await t.test('are revoked by id', async () => {
		const others = (await owner.get(`${o}/api-tokens`)).tokens.find((one) => one.name === 'org');
		refused(await ann.ask('DELETE', `${o}/api-tokens/${others.id}`), 404, 'token not found', 'token_not_found');
		const all = (await owner.get(mint_path)).tokens.find((one) => one.name === 'all');
		refused(await owner.ask('DELETE', `${o}/api-tokens/${all.id}`), 404, 'token not found', 'token_not_found');
		refused(await owner.ask('DELETE', `${o}/api-tokens/none`), 404, 'token not found', 'token_not_found');
		const { token, id } = await ann.post(`${mint_path}/short`, { organization: server.organization });
		await new Account(server, 'ann', token).get(o);
		assert.deepEqual(await owner.delete(`${o}/api-tokens/${id}`), { token: id });
		refused(await new Account(server, 'ann', token).ask('GET', o), 401, 'token has been revoked', 'token_revoked');
		const mine = (await ann.get(`${o}/api-tokens`)).tokens[0];
		await ann.delete(`${o}/api-tokens/${mine.id}`);
	});
});
