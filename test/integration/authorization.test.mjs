// Who may do what: every row of the route table, tried by everybody. The expected status of each cell is data
// (test/data/authorization.json, from spec/platform-api.md §1.2, 1.5, 1.6, 2.2, 2.4, 3.12); here stand the requests, each
// so complete that a caller who may has success. A route without a line there, or without a request here, fails.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { route_rows, served_routes } from '../lib/routes.mjs';
import { startServer, until } from '../lib/server.mjs';
import { Tenants } from '../lib/tenants.mjs';

const { callers, rows } = JSON.parse(readFileSync(new URL('../data/authorization.json', import.meta.url), 'utf8'));

let server, tenants, token_of, file;
const org = 'team';
const base = `/v1/organizations/${org}`;
let count = 0;
let administrator_has_password = false; // the first start gives it none

// An application that users may let in.
const app = { client_id: 'app', client_secret: 'a-secret-of-the-app', redirect_uri: 'https://app.example.com/back' };
const verifier = 'v'.repeat(43);
const oauth_args = ['--oauth-clients', `app ${app.client_secret} ${app.redirect_uri}`];

before(async () => {
	const folder = mkdtempSync(path.join(tmpdir(), 'atoll-matrix-'));
	execFileSync('sqlite3', [path.join(folder, 'x.db'), 'CREATE TABLE t (x); PRAGMA journal_mode = WAL;']);
	file = readFileSync(path.join(folder, 'x.db'));
	rmSync(folder, { recursive: true });

	// A login that is over: made by a server that gives short ones.
	server = await startServer({ args: ['--login-lifetime', '1s', ...oauth_args] });
	const backups = ['--backup-target', path.join(server.data, 'backups'), '--backup-interval', '0'];
	tenants = new Tenants(server);
	for (const name of ['olga', 'anna', 'mia', 'vera', 'otto', 'tmp']) await tenants.account(name);
	const expired = tenants.tokens.get('olga');
	await until('the login to end', async () => (await server.api('GET', '/v1/auth/validate', undefined, { authorization: `Bearer ${expired}` })).json.code === 'token_expired');
	await server.restart({ args: [...oauth_args, ...backups] });

	// Everybody has a platform token without restriction, since logins end when passwords change.
	const mint = async (name, login, body) => (await tenants.must('POST', `/v1/auth/api-tokens/${name}`, body, login)).token;
	for (const name of ['olga', 'anna', 'mia', 'vera', 'otto', 'tmp'])
		tenants.tokens.set(name, await mint('own', { authorization: `Bearer ${await tenants.login(name)}` }));
	const olga = tenants.as('olga');
	for (const name of ['Team', 'Other', 'Target']) await tenants.organization(name, { owner: 'olga' });
	for (const slug of [org, 'target'])
		for (const [username, role] of [['anna', 'admin'], ['mia', 'member'], ['vera', 'viewer']])
			await tenants.must('POST', `/v1/organizations/${slug}/members`, { username, role }, olga);
	await make('POST', `${base}/groups`, { name: 'home', location: 'ord' });
	await make('POST', `${base}/groups/home/locations/nrt`);
	await make('POST', `${base}/groups`, { name: 'away', location: 'ord' });
	await make('POST', `${base}/databases`, { name: 'shop', group: 'home' });
	await make('POST', `${base}/databases`, { name: 'alone' });
	await make('POST', `${base}/databases/alone/instances`, { location: 'ord', instance_name: 'first' });
	await make('POST', `${base}/databases/alone/instances`, { location: 'nrt', instance_name: 'second' });
	await make('POST', `/v2/organizations/${org}/invites`, { email: 'guest@example.com' });
	await make('POST', '/v1/auth/api-tokens/narrow', { organization: org });
	usual.backup = await fresh_backup();
	usual.migration = (await make('POST', `${base}/groups/home/migrations`, { name: 'first', sql: 'SELECT 1' })).migration.id;
	const revoked = await mint('revoked', olga);
	await make('DELETE', '/v1/auth/api-tokens/revoked');
	token_of = {
		owner: tenants.tokens.get('olga'),
		admin: tenants.tokens.get('anna'),
		member: tenants.tokens.get('mia'),
		viewer: tenants.tokens.get('vera'),
		outsider: tenants.tokens.get('otto'),
		administrator: server.token,
		revoked,
		expired,
		other_organization: await mint('other', olga, { organization: 'other' }),
		group_reading: await mint('reading', olga, { organization: org, group: 'home', scopes: ['read-only'] }),
		group_full: await mint('full', olga, { organization: org, group: 'home', scopes: ['full-access'] }),
		database: (await make('POST', `${base}/databases/shop/auth/tokens`)).jwt,
		nobody: null,
	};
});
after(() => server?.stop());

/// As the owner of the organization; must succeed.
function make(method, pathname, body) {
	return tenants.must(method, pathname, body, tenants.as('olga'));
}

function user_of(caller) {
	return { owner: 'olga', admin: 'anna', member: 'mia', viewer: 'vera', outsider: 'otto', administrator: server.username }[caller] ?? 'olga';
}

function authorization_of(caller) {
	return { authorization: token_of[caller] === null ? null : `Bearer ${token_of[caller]}` };
}

function fresh_name(what) {
	return `${what}-${++count}`;
}

/// A database of the group, or alone.
async function fresh_database(options = { group: 'home' }) {
	const name = fresh_name('db');
	await make('POST', `${base}/databases`, { name, ...options });
	return name;
}

async function fresh_backup() {
	const { backups: [{ id }] } = await make('POST', `${base}/backups`, { database: 'alone' });
	await until('the backup', async () => (await make('GET', `${base}/backups/${id}`)).backup.state === 'complete');
	return id;
}

async function migrations_rest() {
	await until('migrations to end', async () => (await make('GET', `${base}/groups/home/migrations`)).migrations.every((one) => one.ended_at));
}

async function a_migration() {
	await migrations_rest();
	return { path: { id: usual.migration } };
}

async function fresh_group() {
	const name = fresh_name('group');
	await make('POST', `${base}/groups`, { name, location: 'ord' });
	return name;
}

function form_of(content) {
	const start = '--part\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n';
	return {
		body: Buffer.concat([Buffer.from(start), Buffer.from(content), Buffer.from('\r\n--part--\r\n')]),
		headers: { 'content-type': 'multipart/form-data; boundary=part' },
	};
}

// What stands in a path unless a request says otherwise.
const usual = { org, group: 'home', db: 'shop', instance: 'ord', location: 'nrt', code: 'ord', username: 'mia', name: 'none', id: 'none', email: 'guest@example.com' };

// Requests by row: a function of {caller, fresh} that gives {path: {parameter: value}, query, body, headers, undo}.
// `fresh`: the caller is expected to have success, so what the request uses up is made for it. Rows that read, and
// rows that do the same again, need nothing.
const requests = {
	'POST /v1/auth/api-tokens/{name}': () => ({ path: { name: fresh_name('token') } }),
	'POST /v2/auth/api-tokens/{name}': () => ({ path: { name: fresh_name('token') } }),
	async 'DELETE /v1/auth/api-tokens/{name}'({ caller, fresh }) {
		if (!fresh) return { path: { name: 'narrow' } };
		const name = fresh_name('token');
		await tenants.must('POST', `/v1/auth/api-tokens/${name}`, undefined, authorization_of(caller));
		return { path: { name } };
	},
	async 'DELETE /v1/organizations/{org}/api-tokens/{id}'({ caller, fresh }) {
		// Each may revoke an own one; who sees those of others is judged below.
		if (!fresh) return { path: { id: (await make('GET', `${base}/api-tokens`)).tokens[0].id } };
		const { id } = await tenants.must('POST', `/v1/auth/api-tokens/${fresh_name('token')}`, { organization: org }, authorization_of(caller));
		return { path: { id } };
	},
	'POST /v1/auth/login': () => ({ body: { username: 'tmp', password: tenants.password_of('tmp') } }),
	'POST /v1/oauth/authorize': () => ({ query: oauth_wish() }),
	'POST /v1/oauth/token': async () => {
		const { headers } = await tenants.api('tmp', 'POST', `/v1/oauth/authorize?${oauth_wish()}`);
		const code = new URL(headers.location).searchParams.get('code');
		return { body: new URLSearchParams({ ...app, grant_type: 'authorization_code', code, code_verifier: verifier }).toString() };
	},
	'POST /v1/user/password': ({ caller }) => {
		const password = tenants.password_of(user_of(caller));
		const has_one = caller !== 'administrator' || administrator_has_password;
		administrator_has_password ||= caller === 'administrator';
		return { body: has_one ? { current_password: password, password } : { password } };
	},
	'POST /': () => ({ body: `username=tmp&password=${encodeURIComponent(tenants.password_of('tmp'))}&redirect=false` }),
	'POST /signup': async () => {
		const { token, username, password } = await fresh_invite();
		return { body: new URLSearchParams({ token, username, password, redirect: 'false' }).toString() };
	},
	'POST /v1/invites/accept': async () => ({ body: await fresh_invite() }),
	'POST /v1/invites/{id}/accept': own_invite,
	'DELETE /v1/invites/{id}': own_invite,
	'POST /v1/users': () => {
		const username = fresh_name('user');
		return { body: { username, email: `${username}@example.com`, password: 'long enough to be one' } };
	},
	'PATCH /v1/users/{username}': () => ({ path: { username: 'tmp' }, body: { email: 'tmp@example.com' } }),
	async 'DELETE /v1/users/{username}'({ fresh }) {
		if (!fresh) return { path: { username: 'tmp' } };
		const username = fresh_name('user');
		await tenants.must('POST', '/v1/users', { username, email: `${username}@example.com`, password: 'long enough to be one' });
		return { path: { username } };
	},

	'POST /v1/organizations': () => ({ body: { name: fresh_name('made') } }),
	'PATCH /v1/organizations/{org}': () => ({ body: { overages: false } }),
	async 'DELETE /v1/organizations/{org}'({ fresh }) {
		return fresh ? { path: { org: await tenants.organization(fresh_name('gone'), { owner: 'olga' }) } } : {};
	},
	'POST /v1/organizations/{org}/subscription': () => ({ body: { plan: 'scaler' } }),
	'PUT /v1/organizations/{org}/billing/customer': () => ({ body: { name: 'Team' } }),
	'POST /v1/organizations/stripe-customer': () => ({ body: { Name: 'Team' } }),
	'POST /v1/organizations/{org}/billing/portal': () => ({ body: { stripe_id: 'self-hosted' } }),
	'PUT /v2/organizations/{org}/jwks/{name}': () => ({ body: { jwks_url: 'https://keys.example.com', region: 'ord' } }),
	'DELETE /v2/organizations/{org}/jwks/{name}': () => ({}),
	async 'POST /v1/organizations/{org}/members'({ fresh }) {
		if (fresh) await remove_member('tmp');
		return { body: { username: 'tmp', role: 'viewer' }, undo: () => remove_member('tmp') };
	},
	async 'POST /v1/organizations/{org}/members/{username}'({ fresh }) {
		if (fresh) await remove_member('tmp');
		return { path: { username: 'tmp' }, body: { member: 'tmp', role: 'viewer' }, undo: () => remove_member('tmp') };
	},
	async 'PATCH /v1/organizations/{org}/members/{username}'({ fresh }) {
		if (fresh) await add_member('tmp');
		return { path: { username: 'tmp' }, body: { role: 'member' }, undo: () => remove_member('tmp') };
	},
	async 'DELETE /v1/organizations/{org}/members/{username}'({ fresh }) {
		if (fresh) await add_member('tmp');
		return { path: { username: 'tmp' } };
	},
	'POST /v1/organizations/{org}/invites': () => ({ body: { email: `${fresh_name('guest')}@example.com` } }),
	'POST /v1/organizations/{org}/invite': () => ({ body: { email: `${fresh_name('guest')}@example.com`, role: 'viewer' } }),
	'POST /v2/organizations/{org}/invites': () => ({ body: { email: `${fresh_name('guest')}@example.com` } }),
	'DELETE /v1/organizations/{org}/invites/{email}': delete_invite,
	'DELETE /v2/organizations/{org}/invites/{email}': delete_invite,

	'POST /v1/organizations/{org}/groups': () => ({ body: { name: fresh_name('group'), location: 'ord' } }),
	async 'DELETE /v1/organizations/{org}/groups/{group}'({ fresh }) {
		return fresh ? { path: { group: await fresh_group() } } : {};
	},
	'PATCH /v1/organizations/{org}/groups/{group}/configuration': () => ({ body: { delete_protection: false } }),
	'POST /v1/organizations/{org}/groups/{group}/locations/{location}': () => ({ path: { location: 'ams' }, undo: () => make('DELETE', `${base}/groups/home/locations/ams`) }),
	async 'DELETE /v1/organizations/{org}/groups/{group}/locations/{location}'({ fresh }) {
		if (!fresh) return {};
		await make('POST', `${base}/groups/home/locations/ams`);
		return { path: { location: 'ams' } };
	},
	'POST /v1/organizations/{org}/groups/{group}/rename': () => ({ body: { Name: 'house' }, undo: () => make('POST', `${base}/groups/house/rename`, { Name: 'home' }) }),
	async 'POST /v1/organizations/{org}/groups/{group}/transfer'({ fresh }) {
		return { path: fresh ? { group: await fresh_group() } : {}, body: { organization: 'target' } };
	},

	// In a group that is migrated by nobody else meanwhile; a token of the group alone needs its own.
	async 'POST /v1/organizations/{org}/groups/{group}/migrations'() {
		await migrations_rest();
		return { body: { name: fresh_name('migration'), sql: 'SELECT 1' } };
	},
	'GET /v1/organizations/{org}/groups/{group}/migrations/{id}': a_migration,
	'GET /v1/organizations/{org}/groups/{group}/migrations/{id}/databases': a_migration,
	'POST /v1/organizations/{org}/groups/{group}/migrations/{id}/resume': a_migration,
	'POST /v1/organizations/{org}/groups/{group}/migrations/{id}/retry': a_migration,
	'POST /v1/organizations/{org}/groups/{group}/migrations/{id}/cancel': a_migration,

	'POST /v1/organizations/{org}/databases': () => ({ body: { name: fresh_name('db'), group: 'home' } }),
	'POST /v1/organizations/{org}/backups': () => ({ body: { database: 'alone' } }),
	async 'DELETE /v1/organizations/{org}/backups/{backup}'({ fresh }) {
		return fresh ? { path: { backup: await fresh_backup() } } : {};
	},
	'POST /v1/organizations/{org}/backups/{backup}/verify': () => ({}),
	'POST /v1/organizations/{org}/backups/{backup}/restore': () => ({ body: { name: fresh_name('db') } }),
	'POST /v1/organizations/{org}/databases/dumps': () => form_of('PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (x);\nCOMMIT;\n'),
	async 'DELETE /v1/organizations/{org}/databases/{db}'({ fresh }) {
		return fresh ? { path: { db: await fresh_database() } } : {};
	},
	'PATCH /v1/organizations/{org}/databases/{db}/configuration': () => ({ body: { block_reads: false } }),
	async 'POST /v1/organizations/{org}/databases/{db}/seed'({ fresh }) {
		return { path: { db: fresh ? await fresh_database({}) : 'alone' }, ...form_of(file) };
	},
	async 'POST /v1/organizations/{org}/databases/{db}/transfer'({ fresh }) {
		return { path: { db: fresh ? await fresh_database({}) : 'alone' }, body: { org: 'target' } };
	},
	async 'POST /v1/organizations/{org}/databases/{db}/instances'({ fresh }) {
		return { path: { db: fresh ? await fresh_database({}) : 'alone' }, body: { location: 'ord' } };
	},
	async 'DELETE /v1/organizations/{org}/databases/{db}/instances/{instance}'({ fresh }) {
		if (!fresh) return { path: { db: 'alone', instance: 'second' } };
		const db = await fresh_database({});
		for (const [location, instance_name] of [['ord', 'first'], ['nrt', 'second']]) await make('POST', `${base}/databases/${db}/instances`, { location, instance_name });
		return { path: { db, instance: 'second' } };
	},
};

function oauth_wish() {
	const { client_id, redirect_uri } = app;
	const code_challenge = createHash('sha256').update(verifier).digest('base64url');
	return new URLSearchParams({ client_id, redirect_uri, response_type: 'code', code_challenge_method: 'S256', code_challenge }).toString();
}

async function add_member(username) {
	await remove_member(username);
	await make('POST', `${base}/members`, { username, role: 'viewer' });
}

async function remove_member(username) {
	await tenants.api('olga', 'DELETE', `${base}/members/${username}`);
}

/// What somebody without an account needs to accept one.
async function fresh_invite() {
	const username = fresh_name('invited');
	const { invited } = await make('POST', '/v2/organizations/other/invites', { email: `${username}@example.com` });
	return { token: invited.token, username, password: 'long enough to be one' };
}

/// An invite of the caller to a new organization.
async function own_invite({ caller, fresh }) {
	if (!fresh) return { path: { id: '1' } };
	const slug = await tenants.organization(fresh_name('inviting'), { owner: 'tmp' });
	await tenants.must('POST', `/v2/organizations/${slug}/invites`, { username: user_of(caller) }, tenants.as('tmp'));
	const { invites } = await tenants.must('GET', '/v1/invites', undefined, authorization_of(caller));
	return { path: { id: String(invites.at(-1).id) } };
}

async function delete_invite({ fresh }) {
	if (!fresh) return {};
	const email = `${fresh_name('guest')}@example.com`;
	await make('POST', `/v2/organizations/${org}/invites`, { email });
	return { path: { email } };
}

function fill(pattern, parameters, query) {
	const named = { ...usual, ...parameters };
	return pattern.replace(/\{(\w+)\}/g, (_, name) => named[name]) + (query ? `?${query}` : '');
}

/// What the organization holds, as its owner sees it; what the requests make for themselves left out.
async function snapshot() {
	const get = (pathname) => make('GET', pathname);
	const standing = (name) => !/-\d+(@|$)/.test(name);
	const { databases } = await get(`${base}/databases`);
	return {
		organization: await get(base),
		members: (await get(`${base}/members`)).members,
		invites: (await get(`/v2/organizations/${org}/invites`)).invites.filter(({ email }) => standing(email)),
		groups: (await get(`${base}/groups`)).groups.filter(({ name }) => standing(name)),
		databases: databases.filter(({ Name }) => standing(Name)),
		instances: await get(`${base}/databases/alone/instances`),
		tokens: (await get('/v1/auth/api-tokens')).tokens.filter(({ name }) => standing(name)),
		elsewhere: await get('/v1/organizations/target/members'),
	};
}

test('every row of the route table has a line in the data, and every line a row', () => {
	assert.deepEqual(Object.keys(rows).sort(), route_rows().map(({ method, path }) => `${method} ${path}`).sort());
	for (const [name, cells] of Object.entries(rows)) {
		assert.equal(cells.length, callers.length, name);
		for (const status of cells) assert.ok(Number.isInteger(status), name);
	}
	assert.deepEqual(Object.keys(token_of), callers);
});

test('every row that changes something has a request', () => {
	const bare = /\/(wait|unarchive|update|rotate|tokens|wakeup|invalidate|start|abort)$/;
	for (const { method, path } of route_rows())
		if (method !== 'GET' && !bare.test(path)) assert.ok(requests[`${method} ${path}`], `${method} ${path}`);
});

// An answer that goes on has the status of one that does not.
const method_of = (method, pattern) => (pattern.endsWith('/live') ? 'HEAD' : method);

test('the matrix', async (t) => {
	const before_all = await snapshot();
	for (const { method, path: pattern, forms } of route_rows()) {
		const name = `${method} ${pattern}`;
		if (!rows[name]) continue;
		await t.test(name, async () => {
			const faults = [];
			for (const [i, caller] of callers.entries()) {
				const expected = rows[name][i];
				// Also below /v3, where it means the same.
				for (const way of forms.includes('V3_TWIN') ? [pattern, pattern.replace(/^\/v1/, '/v3')] : [pattern]) {
					const { path: parameters, query, body, headers, undo } = (await requests[name]?.({ caller, fresh: expected === 200 })) ?? {};
					const answer = await server.api(method_of(method, pattern), fill(way, parameters, query), body, { ...headers, ...authorization_of(caller) });
					if (answer.status !== expected) faults.push(`${caller}: ${answer.status} instead of ${expected} at ${way}: ${answer.text.slice(0, 200)}`);
					if (answer.status === 401) assert.equal(answer.headers['www-authenticate'], 'Bearer');
					if (answer.status === 200) await undo?.();
				}
			}
			assert.deepEqual(faults, []);
		});
	}
	await t.test('what was refused has changed nothing, what was allowed only what it said', async () => {
		assert.deepEqual(await snapshot(), before_all);
	});
});

test('every refusal says why', async (t) => {
	for (const [caller, code, error] of [
		['nobody', 'unauthorized', 'missing authorization header'],
		['revoked', 'token_revoked', 'token has been revoked'],
		['expired', 'token_expired', 'token expired'],
		['database', 'unauthorized', 'invalid token'],
		['outsider', 'not_a_member', `not a member of organization ${org}`],
		['administrator', 'not_a_member', `not a member of organization ${org}`],
		['other_organization', 'not_a_member', /./],
	])
		await t.test(caller, async () => {
			const answer = await server.api('GET', `${base}/databases`, undefined, authorization_of(caller));
			assert.equal(answer.json.code, code, answer.text);
			if (error instanceof RegExp) assert.match(answer.json.error, error);
			else assert.equal(answer.json.error, error);
		});
	await t.test('a role, a scope', async () => {
		const role = await server.api('DELETE', `${base}/databases/shop`, undefined, authorization_of('viewer'));
		assert.deepEqual([role.status, role.json.code], [403, 'insufficient_role']);
		const scope = await server.api('DELETE', `${base}/databases/shop`, undefined, authorization_of('group_reading'));
		assert.deepEqual([scope.status, scope.json.code], [403, 'insufficient_scope']);
	});
});

test('below no organization, a path means the own one, and nobody else’s', async () => {
	for (const { method, path: pattern, forms } of route_rows()) {
		if (!forms.includes('USER_TWIN') || !/\{(db|group)\}/.test(pattern)) continue;
		const where = fill(pattern.replace('/organizations/{org}', ''));
		for (const caller of ['outsider', 'administrator', 'owner']) {
			const answer = await server.api(method, where, undefined, authorization_of(caller));
			assert.equal(answer.status, 404, `${caller}: ${method} ${where}: ${answer.status} ${answer.text}`);
		}
		for (const caller of ['revoked', 'expired', 'database', 'nobody'])
			assert.equal((await server.api(method, where, undefined, authorization_of(caller))).status, 401, `${caller}: ${method} ${where}`);
	}
	// With a token for one organization it means that one.
	const found = await server.api('GET', '/v1/databases/shop', undefined, authorization_of('group_reading'));
	assert.equal(found.json.database?.Name, 'shop', found.text);
});

test('a token of a group sees its group and nothing else', async () => {
	const get = (pathname) => server.api('GET', pathname, undefined, authorization_of('group_reading'));
	assert.deepEqual((await get(`${base}/groups`)).json.groups.map(({ name }) => name), ['home']);
	const { databases } = (await get(`${base}/databases`)).json;
	assert.ok(databases.length > 0 && databases.every(({ group }) => group === 'home'), JSON.stringify(databases.map(({ Name, group }) => [Name, group])));
	assert.equal((await get(`${base}/groups/away`)).status, 404);
	assert.equal((await get(`${base}/databases/alone`)).status, 404);
	assert.equal((await get('/v1/organizations/target/groups')).status, 403);
	assert.deepEqual((await get('/v1/organizations')).json.organizations?.map(({ slug }) => slug) ?? [org], [org]);
	// It can't make one that is wider than itself.
	for (const [status, body] of [
		[403, undefined],
		[403, { organization: org }],
		[404, { organization: org, group: 'away', scopes: ['read'] }],
		[403, { organization: org, group: 'home', scopes: ['full-access'] }],
	]) {
		const answer = await server.api('POST', `/v1/auth/api-tokens/${fresh_name('token')}`, body, authorization_of('group_reading'));
		assert.equal(answer.status, status, `${JSON.stringify(body)}: ${answer.text}`);
	}
});

test('who sees whose tokens of an organization', async () => {
	for (const name of ['mia', 'anna']) await tenants.must('POST', `/v1/auth/api-tokens/${name}-narrow`, { organization: org }, tenants.as(name));
	const owners = async (name) => new Set((await tenants.must('GET', `${base}/api-tokens`, undefined, tenants.as(name))).tokens.map(({ owner }) => owner.username));
	assert.deepEqual(await owners('mia'), new Set(['mia']));
	for (const name of ['olga', 'anna']) for (const one of ['olga', 'anna', 'mia']) assert.ok((await owners(name)).has(one), `${name} sees those of ${one}`);
	const { tokens } = await make('GET', `${base}/api-tokens`);
	const of = (username) => tokens.find(({ owner }) => owner.username === username).id;
	const revoke = async (caller, id) => (await tenants.api(caller, 'DELETE', `${base}/api-tokens/${id}`)).status;
	assert.equal(await revoke('mia', of('anna')), 404);
	assert.equal(await revoke('vera', of('mia')), 403);
	assert.equal(await revoke('anna', of('mia')), 200);
	// One without restriction belongs to no organization.
	const { id } = (await make('GET', '/v1/auth/api-tokens')).tokens.find(({ name }) => name === 'own');
	assert.equal(await revoke('olga', id), 404);
});

test('a member may leave, the owner may not', async () => {
	await add_member('tmp');
	assert.equal((await tenants.api('tmp', 'DELETE', `${base}/members/vera`)).status, 403);
	assert.equal((await tenants.api('tmp', 'DELETE', `${base}/members/tmp`)).status, 200);
	assert.equal((await tenants.api('tmp', 'GET', `${base}/members`)).status, 403);
	assert.equal((await tenants.api('olga', 'DELETE', `${base}/members/olga`)).status, 400);
	assert.equal((await tenants.api('anna', 'DELETE', `${base}/members/olga`)).status, 400);
});

test('a role that changes counts from the next request on', async () => {
	await add_member('tmp');
	const create = async () => (await tenants.api('tmp', 'POST', `${base}/databases`, { name: fresh_name('db') })).status;
	assert.equal(await create(), 403);
	await make('PATCH', `${base}/members/tmp`, { role: 'member' });
	assert.equal(await create(), 200);
	await make('DELETE', `${base}/members/tmp`);
	assert.equal(await create(), 403);
});

test('every way a row is served knows its caller', async () => {
	for (const { method, path: pattern, who } of served_routes()) {
		if (who === 'WHO_ANYBODY') continue;
		for (const caller of ['nobody', 'revoked', 'expired', 'database'])
			assert.equal((await server.api(method, fill(pattern), undefined, authorization_of(caller))).status, 401, `${caller}: ${method} ${pattern}`);
	}
});
