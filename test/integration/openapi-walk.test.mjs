// Walks every path and method of the public OpenAPI document (test/data/turso-openapi.json) against a running server:
// each documented status is provoked, and its body is held against the document's schemas. The document's own slips, and
// what the server answers beyond it, are named below with their reasons (spec/platform-api.md §1, §6.4).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { Document } from '../lib/openapi.mjs';
import { served_routes } from '../lib/routes.mjs';
import { startServer } from '../lib/server.mjs';
import { Tenants } from '../lib/tenants.mjs';

// What the document says otherwise than the clients need it, and what is done instead.
const slips = {
	'GET /v1/organizations 200': {
		reason: 'a bare array here, {"organizations":[…]} in its own text, the SDK and the command line',
		schema: {
			type: 'object',
			properties: { organizations: { type: 'array', items: { $ref: '#/components/schemas/Organization' } } },
		},
	},
	'POST /v1/organizations/{organizationSlug}/members body': {
		reason: 'requires "email", which it does not describe; it means "username"',
		schema: {
			type: 'object',
			properties: { username: { type: 'string' }, role: { type: 'string', enum: ['admin', 'member', 'viewer'] } },
			required: ['username'],
		},
	},
	'GET /v1/organizations/{organizationSlug}/databases/{databaseName}/usage 400': {
		reason: 'its example is a sentence of one programming language; the start of it is what matters',
		error: /^invalid from parameter: parsing time "2023-12-12T00:00:00"/,
	},
};

// Properties of answers that are absent where they say nothing.
const optional = {
	'APIToken.organization': 'only of a token that is restricted to one',
	'APIToken.group': 'only of a token that is restricted to one',
	'APIToken.scopes': 'only of a token of a group',
	'GET /v1/organizations/{organizationSlug}/api-tokens 200.tokens[].group': 'only of a token that is restricted to one',
	'GET /v1/organizations/{organizationSlug}/api-tokens 200.tokens[].scopes': 'only of a token of a group',
};

// Lists of values that are longer here.
const open = {
	'AuditLog.code': 'every change is told; the list has no word for most changes of accounts, tokens, settings and locations',
};

// Statuses that the document leaves out.
const unauthorized = 'every operation needs a token; the document declares that globally and gives no answer for it';
const beyond = {
	'GET /v1/organizations/{organizationSlug}/databases/{databaseName}/configuration': { 404: 'no such database' },
	'PATCH /v1/organizations/{organizationSlug}/databases/{databaseName}/configuration': {
		400: 'a size or switch that is none',
		404: 'no such database',
	},
	'GET /v1/organizations/{organizationSlug}/databases/{databaseName}/instances': { 404: 'no such database' },
	'GET /v1/organizations/{organizationSlug}/databases/{databaseName}/instances/{instanceName}': { 404: 'no such database or instance' },
	'DELETE /v1/organizations/{organizationSlug}/databases/{databaseName}': { 400: 'protected against deletion' },
	'POST /v1/organizations/{organizationSlug}/groups': { 400: 'a name or location that is none' },
	'DELETE /v1/organizations/{organizationSlug}/groups/{groupName}': { 400: 'protected against deletion' },
	'GET /v1/organizations/{organizationSlug}/groups/{groupName}/configuration': { 404: 'no such group' },
	'PATCH /v1/organizations/{organizationSlug}/groups/{groupName}/configuration': { 400: 'no switch', 404: 'no such group' },
	'POST /v1/organizations/{organizationSlug}/groups/{groupName}/transfer': {
		400: 'no organization named',
		403: 'no admin or owner there',
		409: 'the name is taken there',
	},
	'POST /v1/organizations/{organizationSlug}/groups/{groupName}/locations/{location}': { 409: 'has it already' },
	'PATCH /v1/organizations/{organizationSlug}': { 400: 'no switch' },
	'POST /v1/organizations/{organizationSlug}/members': { 400: 'a role that is none' },
	'DELETE /v1/organizations/{organizationSlug}/members/{username}': { 400: 'the owner stays' },
	'GET /v1/organizations/{organizationSlug}/audit-logs': { 400: 'a page that is none' },
	'POST /v1/auth/api-tokens/{tokenName}': { 400: 'a scope that is none', 409: 'the name is taken' },
	'DELETE /v1/auth/api-tokens/{tokenName}': { 404: 'no such token' },
	'DELETE /v1/organizations/{organizationSlug}/api-tokens/{tokenId}': { 404: 'no such token' },
	'POST /v2/organizations/{organizationSlug}/invites': { 400: 'not exactly one of e-mail and username' },
};

const document = new Document(JSON.parse(readFileSync(new URL('../data/turso-openapi.json', import.meta.url), 'utf8')), { optional, open });
const operations = document.operations();

let server, tenants;
const names = {}; // what the cases speak of, filled in before they run

before(async () => {
	server = await startServer();
	tenants = new Tenants(server);
	await prepare_world();
});
after(() => server?.stop());

async function must(method, path, body) {
	const answer = await server.api(method, path, body);
	assert.equal(answer.status, 200, `${method} ${path}: ${answer.status} ${answer.text}\n${server.stderr.slice(-2000)}`);
	return answer.json;
}

/// An organization with everything in it that an operation could name.
async function prepare_world() {
	const org = await tenants.organization('Walk');
	const target = await tenants.organization('Walk Target');
	names.o = `/v1/organizations/${org}`;
	names.o2 = `/v2/organizations/${org}`;
	names.org = org;
	names.target = target;
	for (const [username, role] of [['wilma', 'admin'], ['mia', 'member'], ['vera', 'viewer'], ['lea', 'member'], ['noa', null], ['ida', null], ['stranger', null]])
		await tenants.account(username, { org, role });
	await must('POST', `${names.o}/groups`, { name: 'main', location: 'ord' });
	for (const name of ['spare', 'moving', 'kept']) await must('POST', `${names.o}/groups`, { name, location: 'ams' });
	await must('POST', `/v1/organizations/${target}/groups`, { name: 'kept', location: 'ams' });
	await must('POST', `${names.o}/groups/main/locations/nrt`);
	await must('POST', `${names.o}/databases`, { name: 'shop', group: 'main' });
	await must('POST', `${names.o}/databases`, { name: 'branch', group: 'main', seed: { type: 'database', name: 'shop' } });
	await must('POST', `${names.o}/databases`, { name: 'guarded', group: 'main' });
	await must('PATCH', `${names.o}/databases/guarded/configuration`, { delete_protection: true });
	await must('PATCH', `${names.o}/groups/kept/configuration`, { delete_protection: true });
	const { database } = await must('GET', `${names.o}/databases/shop`);
	names.shop_id = database.DbId;
	const { jwt } = await must('POST', `${names.o}/databases/shop/auth/tokens`);
	const label = database.Hostname.split('.')[0];
	await server.rows(label, 'CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT)', { token: jwt });
	await server.rows(label, "INSERT INTO goods (name) VALUES ('tea'), ('milk')", { token: jwt });
	await server.rows(label, 'SELECT * FROM goods', { token: jwt });
	await must('POST', `${names.o2}/invites`, { email: 'guest@example.com', role: 'viewer' });
	names.org_token_id = (await must('POST', '/v1/auth/api-tokens/narrow', { organization: org })).id;
	names.kept_token_id = (await must('POST', '/v1/auth/api-tokens/narrow-too', { organization: org })).id;
	await must('POST', '/v1/auth/api-tokens/of-group', { organization: org, group: 'main', scopes: ['read', 'db:create'] });
	await must('POST', '/v1/auth/api-tokens/goes');
}

// The cases of an operation in the order in which they run. A case is [status, {path: {parameter: value}, query, body, as,
// look}]: parameters of the path that are not named have the world's names, `as` is the account that calls, and `look` sees more in the
// answer than a schema can.
const O = '/v1/organizations/{organizationSlug}';
const G = `${O}/groups/{groupName}`;
const D = `${O}/databases/{databaseName}`;
const unknown_db = { path: { databaseName: 'nothing' } };
const unknown_group = { path: { groupName: 'nothing' } };

const cases = {
	[`GET ${O}/databases`]: [
		[200, { look: ({ databases }) => assert.deepEqual(databases.map(({ Name }) => Name), ['branch', 'guarded', 'shop']) }],
		[200, { query: 'group=spare', look: ({ databases }) => assert.deepEqual(databases, []) }],
		[200, { query: 'schema=none', look: ({ databases }) => assert.deepEqual(databases, []) }],
		[200, { query: () => `parent=${names.shop_id}`, look: ({ databases }) => assert.deepEqual(databases.map(({ Name }) => Name), ['branch']) }],
	],
	[`POST ${O}/databases`]: [
		[200, { body: { name: 'made', group: 'main' } }],
		[200, { body: { name: 'made-smaller', group: 'main', size_limit: '1mb' } }],
		[200, { body: { name: 'made-branch', group: 'main', seed: { type: 'database', name: 'shop' } } }],
		[200, { body: { name: 'made-draft', group: 'main', seed: { type: 'database_upload' } } }],
		[400, { body: { name: 'other', group: 'nothing' } }],
		[409, { body: { name: 'shop', group: 'main' } }],
	],
	[`GET ${D}`]: [
		[200, { look: ({ database }) => assert.deepEqual([database.regions, database.primaryRegion, database.group], [['ord', 'nrt'], 'ord', 'main']) }],
		[200, { path: { databaseName: 'branch' }, look: ({ database }) => assert.deepEqual([database.parent.id, database.parent.name], [names.shop_id, 'shop']) }],
		[404, unknown_db],
	],
	[`GET ${D}/configuration`]: [[200], [404, unknown_db]],
	[`PATCH ${D}/configuration`]: [
		[200, { body: { size_limit: '256mb', allow_attach: true, block_reads: false, block_writes: false, delete_protection: false, allowed_ips: [], allowed_aws_vpc_ids: [] }, look: (found) => assert.deepEqual([found.size_limit, found.allow_attach], [String(256 << 20), true]) }],
		[400, { body: { size_limit: 'much' } }],
		[404, { ...unknown_db, body: {} }],
	],
	[`GET ${D}/instances`]: [
		[200, { look: ({ instances }) => assert.deepEqual(instances.map(({ type, region }) => [type, region]), [['primary', 'ord'], ['replica', 'nrt']]) }],
		[404, unknown_db],
	],
	[`GET ${D}/instances/{instanceName}`]: [
		[200],
		[404, { path: { instanceName: 'nothing' } }],
	],
	[`POST ${D}/auth/tokens`]: [
		[200],
		[200, { query: 'expiration=2w1d30m&authorization=read-only', body: {} }],
		[200, { body: { permissions: { read_attach: { databases: ['branch'] } } } }],
		[400, { query: 'expiration=soon' }],
		[404, unknown_db],
	],
	[`GET ${D}/usage`]: [
		[200, { look: ({ database }) => assert.deepEqual([database.uuid, database.instances.length], [names.shop_id, 2]) }],
		[200, { query: 'from=2023-01-01T00:00:00Z&to=2023-02-01T00:00:00Z' }],
		[400, { query: 'from=2023-12-12T00:00:00' }],
		[404, unknown_db],
	],
	[`GET ${D}/stats`]: [[200], [404, unknown_db]],
	[`POST ${D}/auth/rotate`]: [[200], [404, unknown_db]],
	[`DELETE ${D}`]: [
		[200, { path: { databaseName: 'branch' } }],
		[400, { path: { databaseName: 'guarded' } }],
		[404, unknown_db],
	],

	[`GET ${O}/groups`]: [
		[200, { look: ({ groups }) => assert.deepEqual(groups.map(({ name }) => name).sort(), ['kept', 'main', 'moving', 'spare']) }],
	],
	[`POST ${O}/groups`]: [
		[200, { body: { name: 'fresh', location: 'ord' } }],
		[200, { body: { name: 'fresh-all', location: 'ord', extensions: 'all' } }],
		[200, { body: { name: 'fresh-some', location: 'ord', extensions: ['vector', 'crypto', 'fuzzy', 'math', 'stats', 'text', 'unicode', 'uuid', 'regexp', 'vec'] } }],
		[400, { body: { name: 'nowhere', location: 'amss' } }],
		[409, { body: { name: 'main', location: 'ord' } }],
	],
	[`GET ${G}`]: [
		[200, { look: ({ group }) => assert.deepEqual([group.name, group.locations, group.primary], ['main', ['ord', 'nrt'], 'ord']) }],
		[404, unknown_group],
	],
	[`GET ${G}/configuration`]: [[200, { look: (found) => assert.deepEqual(found, { delete_protection: false }) }], [404, unknown_group]],
	[`PATCH ${G}/configuration`]: [
		[200, { body: { delete_protection: false } }],
		[400, { body: { delete_protection: 'yes' }, beyond_body: true }],
		[404, { ...unknown_group, body: { delete_protection: true } }],
	],
	[`POST ${G}/locations/{location}`]: [
		[200, { path: { location: 'ams' }, look: ({ group }) => assert.deepEqual(group.locations, ['ord', 'ams', 'nrt']) }],
		[400, { path: { location: 'amss' } }],
		[404, { path: { groupName: 'nothing', location: 'ams' } }],
		[409, { path: { location: 'nrt' } }],
	],
	[`DELETE ${G}/locations/{location}`]: [
		[200, { path: { location: 'ams' }, look: ({ group }) => assert.deepEqual(group.locations, ['ord', 'nrt']) }],
		[400, { path: { location: 'amss' } }],
		[404, { path: { groupName: 'nothing', location: 'ams' } }],
	],
	[`POST ${G}/unarchive`]: [[200], [404, unknown_group]],
	[`POST ${G}/update`]: [[200], [404, unknown_group]],
	[`POST ${G}/auth/tokens`]: [
		[200],
		[200, { query: 'expiration=1w&authorization=read-only', body: {} }],
		[400, { query: 'expiration=-1d' }],
		[404, unknown_group],
	],
	[`POST ${G}/auth/rotate`]: [[200], [404, unknown_group]],
	[`POST ${G}/transfer`]: [
		[200, { path: { groupName: 'moving' }, body: () => ({ organization: names.target }), look: (group) => assert.equal(group.name, 'moving') }],
		[404, { ...unknown_group, body: () => ({ organization: names.target }) }],
		[409, { path: { groupName: 'kept' }, body: () => ({ organization: names.target }) }],
		[400, { body: {} }],
		[403, { path: { groupName: 'spare' }, as: 'wilma', body: () => ({ organization: names.target }) }],
	],
	[`DELETE ${G}`]: [
		[200, { path: { groupName: 'spare' }, look: ({ group }) => assert.equal(group.name, 'spare') }],
		[400, { path: { groupName: 'kept' } }],
		[404, unknown_group],
	],

	'GET /v1/locations': [[200, { look: ({ locations }) => assert.equal(locations.ord, 'Chicago, Illinois (US)') }]],
	'GET /v1/organizations': [[200, { look: ({ organizations }) => assert.ok(organizations.some(({ slug }) => slug === names.org)) }]],
	[`GET ${O}`]: [[200, { look: ({ organization }) => assert.deepEqual([organization.slug, organization.type], [names.org, 'team']) }], [404, { path: { organizationSlug: 'nobody' } }]],
	[`PATCH ${O}`]: [
		[200, { body: { overages: true, require_mfa: false }, look: ({ organization }) => assert.deepEqual([organization.overages, organization.require_mfa], [true, false]) }],
		[400, { body: { overages: 'yes' }, beyond_body: true }],
	],
	[`GET ${O}/plans`]: [[200, { look: ({ plans }) => assert.equal(plans.length, 1) }]],
	[`GET ${O}/invoices`]: [
		[200, { look: ({ invoices }) => assert.deepEqual(invoices, []) }],
		...['all', 'upcoming', 'issued'].map((type) => [200, { query: `type=${type}` }]),
	],
	[`GET ${O}/subscription`]: [[200]],
	[`GET ${O}/usage`]: [[200, { look: ({ organization }) => assert.ok(organization.usage.groups >= 4 && organization.databases.length > 0, JSON.stringify(organization)) }]],
	[`GET ${O}/members`]: [[200, { look: ({ members }) => assert.equal(members.length, 5) }]],
	[`POST ${O}/members`]: [
		[200, { body: { username: 'noa', role: 'viewer' }, look: (found) => assert.deepEqual([found.member, found.role], ['noa', 'viewer']) }],
		[200, { body: { username: 'ida' }, look: (found) => assert.deepEqual([found.member, found.role], ['ida', 'member']) }],
		[404, { body: { username: 'nobody-at-all' } }],
		[409, { body: { username: 'mia' } }],
		[400, { body: { username: 'mia', role: 'king' }, beyond_body: true }],
	],
	[`GET ${O}/members/{username}`]: [[200, { look: ({ member }) => assert.deepEqual([member.username, member.role], ['mia', 'member']) }], [404, { path: { username: 'nobody-at-all' } }]],
	[`PATCH ${O}/members/{username}`]: [
		[200, { path: { username: 'lea' }, body: { role: 'admin' }, look: ({ member }) => assert.deepEqual([member.username, member.role], ['lea', 'admin']) }],
		[400, { body: { role: 'king' }, beyond_body: true }],
		[403, { as: 'vera', body: { role: 'admin' } }],
		[404, { path: { username: 'nobody-at-all' }, body: { role: 'viewer' } }],
	],
	[`DELETE ${O}/members/{username}`]: [
		[200, { path: { username: 'lea' }, look: ({ member }) => assert.equal(member, 'lea') }],
		[404, { path: { username: 'nobody-at-all' } }],
		[400, { path: () => ({ username: server.username }) }],
	],

	'GET /v1/auth/validate': [[200, { look: ({ exp }) => assert.equal(exp, -1) }]],
	'GET /v1/auth/api-tokens': [[200, { look: ({ tokens }) => assert.deepEqual(tokens.find(({ name }) => name === 'of-group').scopes, ['read', 'db:create']) }]],
	'POST /v1/auth/api-tokens/{tokenName}': [
		[200, { path: { tokenName: 'minted' } }],
		[200, { path: { tokenName: 'minted-narrow' }, body: () => ({ organization: names.org }) }],
		[200, { path: { tokenName: 'minted-group' }, body: () => ({ organization: names.org, group: 'main', scopes: ['read-only', 'db:delete', 'db:configure', 'db:mint-token', 'db:rotate-creds', 'group:configure', 'group:mint-token', 'group:rotate-creds'] }) }],
		[200, { path: { tokenName: 'minted-full' }, body: () => ({ organization: names.org, group: 'main', scopes: ['full-access'] }) }],
		[400, { path: { tokenName: 'bad' }, body: () => ({ organization: names.org, group: 'main', scopes: ['everything'] }), beyond_body: true }],
		[409, { path: { tokenName: 'minted' } }],
	],
	'DELETE /v1/auth/api-tokens/{tokenName}': [[200, { path: { tokenName: 'goes' }, look: ({ token }) => assert.equal(token, 'goes') }], [404, { path: { tokenName: 'goes' } }]],
	[`GET ${O}/api-tokens`]: [
		[200, { look: ({ tokens }) => {
			assert.deepEqual(tokens.map(({ name }) => name).filter((name) => !name.startsWith('minted')).sort(), ['narrow', 'narrow-too', 'of-group']);
			for (const token of tokens) assert.match(token.created_at, /^\d{4}-\d\d-\d\d$/);
		} }],
	],
	[`DELETE ${O}/api-tokens/{tokenId}`]: [
		[200, { path: () => ({ tokenId: names.org_token_id }), look: ({ token }) => assert.equal(token, names.org_token_id) }],
		[404, { path: () => ({ tokenId: names.org_token_id }) }],
	],
	[`GET ${O}/audit-logs`]: [
		[200, { look: ({ audit_logs, pagination }) => {
			assert.deepEqual([pagination.page, pagination.page_size], [1, 100]);
			assert.ok(audit_logs.some(({ code }) => code === 'db-create'), 'a created database is told');
		} }],
		[200, { query: 'page=2&page_size=3', look: ({ audit_logs, pagination }) => assert.deepEqual([audit_logs.length, pagination.page, pagination.page_size], [3, 2, 3]) }],
		[200, { query: 'page=9999', look: ({ audit_logs }) => assert.deepEqual(audit_logs, []) }],
		[400, { query: 'page=none' }],
	],
	'GET /v2/organizations/{organizationSlug}/invites': [
		[200, { look: ({ invites }) => assert.deepEqual(invites.map(({ email, role, token }) => [email, role, token]), [['guest@example.com', 'viewer', undefined]]) }],
	],
	'POST /v2/organizations/{organizationSlug}/invites': [
		[200, { body: { email: 'new@example.com', role: 'admin' }, look: ({ invited }) => assert.deepEqual([invited.email, invited.role, invited.organization], ['new@example.com', 'admin', 'Walk']) }],
		[200, { body: { email: 'plain@example.com' }, look: ({ invited }) => assert.equal(invited.role, 'member') }],
		[400, { body: { role: 'admin' } }],
		[400, { body: { email: 'a@example.com', username: 'noa' } }],
	],
	'DELETE /v2/organizations/{organizationSlug}/invites/{email}': [
		[200, { path: { email: 'guest@example.com' } }],
		[404, { path: { email: 'guest@example.com' } }],
	],
	'GET /v1/user': [[200, { look: ({ user }) => assert.equal(user.username, server.username) }]],
};

const usual = { groupName: 'main', databaseName: 'shop', instanceName: 'ord', username: 'mia', tokenName: 'none', tokenId: 'none', email: 'none@example.com', location: 'ams' };

function value_of(part) {
	return typeof part === 'function' ? part() : part;
}

function address(path, parameters, query) {
	const named = { organizationSlug: names.org, ...usual, ...parameters };
	const filled = path.replace(/\{(\w+)\}/g, (_, name) => {
		assert.ok(named[name] !== undefined, `no value for {${name}}`);
		return encodeURIComponent(named[name]).replaceAll('%40', '@');
	});
	return query ? `${filled}?${query}` : filled;
}

function plain(path) {
	return path.replace(/\{\w+\}/g, '{}');
}

function judge_answer(operation, answer) {
	const { status } = answer;
	const where = `${operation.key} → ${status} ${answer.text}`;
	assert.ok(answer.headers['x-request-id'], where);
	assert.match(answer.headers['content-type'] ?? '', /^application\/json\b/, where);
	const slip = slips[`${operation.key} ${status}`];
	if (status !== 200) {
		assert.equal(typeof answer.json?.error, 'string', where);
		assert.equal(typeof answer.json.code, 'string', where);
		const documented = status in operation.answers ? document.error_pattern(operation.key, status) : null;
		const pattern = slip?.error ?? documented;
		if (pattern) assert.match(answer.json.error, pattern, where);
	}
	const schema = slip?.schema ?? operation.answers[status];
	if (schema) assert.equal(document.fault(schema, `${operation.key} ${status}`, answer.json), null, where);
	else if (status === 200) assert.deepEqual(answer.json, {}, where);
}

test('the cases cover the document', async (t) => {
	await t.test('every operation has cases, and no other', () => {
		assert.deepEqual(Object.keys(cases).sort(), operations.map(({ key }) => key).sort());
	});
	await t.test('every documented status is provoked', () => {
		for (const { key, answers } of operations)
			for (const status of Object.keys(answers)) assert.ok(cases[key].some(([one]) => one === Number(status)), `${key} ${status}`);
	});
	await t.test('every parameter of a query is used', () => {
		for (const { key, query } of operations) {
			const used = cases[key].map(([, { query: one } = {}]) => value_of(one) ?? '').join('&');
			for (const name of query) assert.ok(`&${used}`.includes(`&${name}=`), `${key} ?${name}=`);
		}
	});
	await t.test('statuses beyond the document have a reason', () => {
		for (const { key, answers } of operations) {
			for (const [status] of cases[key])
				assert.ok(status in answers || beyond[key]?.[status], `${key} gives ${status}, which neither the document nor the table above knows`);
			for (const status of Object.keys(beyond[key] ?? {}))
				assert.ok(cases[key].some(([one]) => one === Number(status)) && !(status in answers), `${key} ${status} stands above without need`);
		}
	});
});

test('every operation of the document', async (t) => {
	for (const key of Object.keys(cases)) {
		const operation = operations.find((one) => one.key === key);
		if (!operation) continue;
		await t.test(key, async (t) => {
			for (const [status, { path, query, body, as, look, beyond_body } = {}] of cases[operation.key]) {
				const sent = value_of(body);
				const title = `${status}${query ? ` ?${value_of(query)}` : ''}${sent ? ` ${JSON.stringify(sent)}` : ''}`;
				await t.test(title, async () => {
					const schema = slips[`${operation.key} body`]?.schema ?? operation.body;
					if (sent !== undefined && schema && !beyond_body && status === 200)
						assert.equal(document.fault(schema, `${operation.key} body`, sent, { demand: false }), null, 'the request itself');
					const where = address(operation.path, value_of(path), value_of(query));
					const answer = as ? await tenants.api(as, operation.method, where, sent) : await server.api(operation.method, where, sent);
					assert.equal(answer.status, status, `${operation.key}: ${answer.status} ${answer.text}`);
					judge_answer(operation, answer);
					look?.(answer.json);
				});
			}
		});
	}
});

test('errors that the document leaves out', async (t) => {
	const of_organization = operations.filter(({ path }) => path.includes('{organizationSlug}'));
	await t.test(unauthorized, async () => {
		for (const operation of operations) {
			const answer = await server.api(operation.method, address(operation.path), undefined, { authorization: null });
			assert.equal(answer.status, 401, `${operation.key} ${answer.text}`);
			judge_answer(operation, answer);
		}
	});
	await t.test('403 for who is no member, whatever the operation', async () => {
		for (const operation of of_organization) {
			const answer = await tenants.api('stranger', operation.method, address(operation.path));
			assert.equal(answer.status, 403, `${operation.key} ${answer.text}`);
			assert.equal(answer.json.code, 'not_a_member');
		}
	});
	await t.test('404 for an organization that is none', async () => {
		for (const operation of of_organization) {
			const answer = await server.api(operation.method, address(operation.path, { organizationSlug: 'nobody' }));
			assert.equal(answer.status, 404, `${operation.key} ${answer.text}`);
			assert.deepEqual(answer.json, { error: 'organization not found', code: 'org_not_found' });
		}
	});
	await t.test('400 for a body that is no JSON object', async () => {
		for (const operation of operations.filter(({ body }) => body))
			for (const [body, error] of [['{', /^invalid JSON body: /], ['[]', /^request body must be a JSON object$/], ['"text"', /^request body must be a JSON object$/]]) {
				const answer = await server.api(operation.method, address(operation.path), body);
				assert.equal(answer.status, 400, `${operation.key} ${body}: ${answer.text}`);
				assert.match(answer.json.error, error, operation.key);
			}
	});
	await t.test('400 for a required field that is missing', async () => {
		for (const operation of operations) {
			const schema = slips[`${operation.key} body`]?.schema ?? document.resolve(operation.body);
			if (!schema?.required) continue;
			const answer = await server.api(operation.method, address(operation.path), {});
			assert.equal(answer.status, 400, `${operation.key}: ${answer.text}`);
			assert.match(answer.json.error, new RegExp(schema.required[0]), operation.key);
		}
	});
});

test('the server serves and describes every operation', async (t) => {
	await t.test('its route table has them', () => {
		const served = new Set(served_routes().map(({ method, path }) => `${method} ${plain(path)}`));
		for (const { method, path } of operations) assert.ok(served.has(`${method} ${plain(path)}`), `${method} ${path}`);
	});
	await t.test('its own document has them, and every row of its table', async () => {
		const own = (await server.api('GET', '/openapi.json')).json;
		const described = new Set(
			Object.entries(own.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${plain(path)}`)),
		);
		for (const { method, path } of operations) assert.ok(described.has(`${method} ${plain(path)}`), `${method} ${path}`);
		for (const { method, path } of served_routes()) assert.ok(described.has(`${method} ${plain(path)}`), `${method} ${path}`);
	});
});

// Last: what the tables above allow, and nothing needed, would hide a fault one day.
test('every exception was needed', () => {
	for (const place of [...Object.keys(optional), ...Object.keys(open)]) assert.ok(document.used.has(place), place);
	for (const name of Object.keys(slips)) {
		const key = name.replace(/ (\d+|body)$/, '');
		assert.ok(operations.some((one) => one.key === key), name);
	}
});

test('the judge notices a property that is missing, of another type, or no member of its list', () => {
	const group = operations.find(({ key }) => key === `GET ${G}`).answers[200];
	const good = { group: { name: 'g', version: 'v', uuid: 'u', locations: ['ord'], primary: 'ord', delete_protection: false } };
	assert.equal(document.fault(group, 'x', good), null);
	assert.match(document.fault(group, 'x', {}), /group/);
	assert.match(document.fault(group, 'x', { group: { ...good.group, primary: undefined } }), /primary/);
	assert.match(document.fault(group, 'x', { group: { ...good.group, locations: 'ord' } }), /locations must be array/);
	const member = operations.find(({ key }) => key === `GET ${O}/members/{username}`).answers[200];
	assert.match(document.fault(member, 'x', { member: { username: 'a', role: 'king', email: '' } }), /role/);
});
