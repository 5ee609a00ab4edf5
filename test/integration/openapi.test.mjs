// The server's own description: /openapi.json is valid, and says what the server does. A life of an organization is led
// here by every route there is; each answer is held against the document.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { after, before, test } from 'node:test';

import { route_rows } from '../lib/routes.mjs';
import { request, startServer, until } from '../lib/server.mjs';

const require = createRequire(new URL('../clients/package.json', import.meta.url));
const Ajv = require('ajv/dist/2020').default;
const Parser = require('@apidevtools/swagger-parser');

const date_time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

let server, o, judge;

/// Holds answers against the document, and knows which operations were seen to succeed.
class Judge {
	constructor(document) {
		this.document = document;
		this.ajv = new Ajv({ strict: false, allErrors: true, formats: { 'date-time': date_time } });
		this.ajv.addSchema(document, 'document');
		this.seen = new Set();
		this.operations = Object.entries(document.paths).flatMap(([path, methods]) =>
			Object.entries(methods).map(([method, operation]) => ({
				method: method.toUpperCase(),
				path,
				operation,
				pattern: new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
			})),
		);
	}

	/// A literal segment is more than one that stands for anything.
	find(method, pathname) {
		const found = this.operations.filter((one) => one.method === method && one.pattern.test(pathname));
		const wild = ({ path }) => path.split('{').length;
		return found.sort((a, b) => wild(a) - wild(b))[0];
	}

	resolve(node) {
		while (node?.$ref) node = node.$ref.slice(2).split('/').reduce((at, key) => at[key], this.document);
		return node;
	}

	check(schema, value, what) {
		const validate = this.ajv.compile({ $ref: `document${schema.$ref}` });
		if (validate(value)) return;
		const faults = validate.errors.map((one) => `${one.instancePath || 'the whole'} ${one.message} ${JSON.stringify(one.params)}`);
		assert.fail(`${what} is not as /openapi.json says:\n${faults.join('\n')}\n${JSON.stringify(value)}`);
	}

	answer(method, pathname, body, { status, headers, json, text }) {
		const { operation, path } = this.find(method, pathname) ?? assert.fail(`the document has no ${method} ${pathname}`);
		const what = `${method} ${path} → ${status}`;
		const answer = this.resolve(operation.responses[status]) ?? assert.fail(`${what} is not in the document: ${text}`);
		if (status === 200 || status === 303) {
			this.seen.add(`${method} ${operation['x-same-as'] ?? path}`);
			const takes = this.resolve(operation.requestBody)?.content['application/json'];
			if (takes && body !== undefined && !Buffer.isBuffer(body)) this.check(takes.schema, body, `the body of ${what}`);
		}
		if (!answer.content) return assert.equal(text, '', `${what} has no body`);
		const [type, { schema }] = Object.entries(answer.content)[0];
		assert.equal(headers['content-type'], type, what);
		if (type === 'application/json') this.check(schema, json, what);
	}
}

before(async () => {
	const target = mkdtempSync(path.join(tmpdir(), 'atoll-openapi-'));
	after(() => rmSync(target, { recursive: true, force: true }));
	const backups = ['--backup-target', target, '--backup-interval', '0'];
	server = await startServer({ args: ['--oauth-clients', 'app a-secret-of-the-app https://app.example.com/back', ...backups] });
	o = `/v1/organizations/${server.organization}`;
	judge = new Judge((await request(`${server.url}/openapi.json`)).json);
});

after(() => server.stop());

/// One request, whose answer must be as the document says. `status` is what it must have.
async function call(method, path, body, { status = 200, token, ...headers } = {}) {
	const credential = token === undefined ? {} : { authorization: token && `Bearer ${token}` };
	const answer = await server.api(method, path, body, { ...credential, ...headers });
	assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
	judge.answer(method, path.split('?')[0], body, answer);
	return answer.json;
}

/// The first event of an answer that goes on, whose data must be as that schema says.
async function first_event(path, schema) {
	const answer = await fetch(server.url + path, { headers: { authorization: `Bearer ${server.token}` } });
	judge.answer('GET', path, undefined, { status: answer.status, headers: Object.fromEntries(answer.headers), text: '' });
	let text = '';
	for await (const part of answer.body) {
		text += Buffer.from(part).toString();
		if (text.includes('\n\n')) break;
	}
	const [, data] = /^event: \w+\ndata: (.*)\n\n/.exec(text);
	judge.check({ $ref: `#/components/schemas/${schema}` }, JSON.parse(data), path);
}

test('the document is valid OpenAPI', async () => {
	const { status, headers, json } = await request(`${server.url}/openapi.json`);
	assert.equal(status, 200);
	assert.match(headers['content-type'], /^application\/json/);
	assert.equal(json.openapi, '3.1.0');
	await Parser.validate(structuredClone(json));
});

test('the document has every row of the route table, with its rights', () => {
	const document = judge.document;
	const expected = new Set();
	for (const row of route_rows())
		for (const path of row.paths) {
			expected.add(`${row.method} ${path}`);
			const operation = document.paths[path]?.[row.method.toLowerCase()];
			assert.ok(operation, `${row.method} ${path}`);
			if (row.who === 'WHO_ANYBODY') assert.deepEqual(operation.security, []);
			else assert.ok(!operation.security && operation.responses[401]);
			assert.deepEqual(
				operation.parameters.map((one) => judge.resolve(one)).filter((one) => one.in === 'path').map((one) => one.name),
				[...path.matchAll(/\{(\w+)\}/g)].map((one) => one[1]),
			);
		}
	const told = judge.operations.map(({ method, path }) => `${method} ${path}`);
	assert.deepEqual(told.sort(), [...expected].sort());
});

test('the document has every query parameter that a handler asks for', () => {
	const folder = new URL('../../src/api/', import.meta.url);
	const told = new Set(Object.values(judge.document.components.parameters).filter((one) => one.in === 'query').map((one) => one.name));
	for (const file of readdirSync(folder).filter((name) => name.endsWith('.c')))
		for (const [, name] of readFileSync(new URL(file, folder), 'utf8').matchAll(/api_query(?:_\w+)?\(req, "(\w+)"/g))
			assert.ok(told.has(name), `${file} asks for ${name}`);
});

test('the document and the page are for everybody, compressed for who can read that', async () => {
	for (const path of ['/openapi.json', '/docs', '/docs/style.css']) {
		const plain = await request(server.url + path);
		const packed = await request(server.url + path, { headers: { 'accept-encoding': 'br, gzip' } });
		const refused = await request(server.url + path, { headers: { 'accept-encoding': 'gzip;q=0' } });
		assert.equal(plain.headers['content-encoding'], undefined);
		assert.equal(packed.headers['content-encoding'], 'gzip');
		assert.equal(refused.headers['content-encoding'], undefined);
		assert.equal(gunzipSync(packed.bytes).toString(), plain.text);
		assert.equal(plain.headers['content-security-policy'], "default-src 'none'; style-src 'self'");
		assert.equal(plain.headers['x-content-type-options'], 'nosniff');
		assert.match(plain.headers.vary, /Accept-Encoding/);
		assert.equal((await request(server.url + path, { method: 'POST' })).status, 405);
	}
	const page = (await request(`${server.url}/docs`)).text;
	assert.doesNotMatch(page, /<script|https?:|style="/);
	for (const { method, path, summary } of route_rows())
		assert.ok(page.includes(`<b class="${method}">${method}</b> <code>${path}</code>`), `${method} ${path}`);
});

/// What a page's form sends.
function form(fields) {
	return Buffer.from(new URLSearchParams(fields).toString());
}

/// What a client sends a file with.
function multipart(bytes) {
	const parts = ['--boundary\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n', bytes, '\r\n--boundary--\r\n'];
	return { body: Buffer.concat(parts.map((part) => Buffer.from(part))), type: 'multipart/form-data; boundary=boundary' };
}

// In order: what one step makes, the next ones use.
test('the life of an organization, by every route', async (t) => {
	const password = 'correct horse battery staple';
	const made = {};

	await t.test('what anybody may ask', async () => {
		for (const path of ['/closest-region', '/releases/latest', '/openapi.json', '/docs', '/docs/style.css', '/', '/signup'])
			await call('GET', path, undefined, { token: null });
	});
	await t.test('accounts', async () => {
		await call('GET', '/v1/user');
		await call('GET', '/v1/current-user');
		await call('GET', '/v1/users');
		await call('POST', '/v1/users', { username: 'ada', email: 'ada@example.com', password });
		await call('POST', '/v1/users', { username: 'ada' }, { status: 409 });
		await call('POST', '/v1/users', { username: 'bob', password });
		await call('POST', '/v1/users', { username: 'eve', password });
		await call('GET', '/v1/users/ada');
		await call('GET', '/v1/users/nobody', undefined, { status: 404 });
		await call('PATCH', '/v1/users/bob', { email: 'bob@example.com' });
		made.ada = (await call('POST', '/v1/auth/login', { username: 'ada', password }, { token: null })).jwt;
		made.bob = (await call('POST', '/v1/auth/login', { email: 'bob@example.com', password }, { token: null })).jwt;
		await call('POST', '/v1/auth/login', { username: 'ada', password: 'wrong' }, { token: null, status: 401 });
		const app = { client_id: 'app', redirect_uri: 'https://app.example.com/back' };
		const code_verifier = 'v'.repeat(43);
		const code_challenge = createHash('sha256').update(code_verifier).digest('base64url');
		const wish = form({ ...app, response_type: 'code', code_challenge_method: 'S256', code_challenge });
		const { headers } = await server.api('POST', '/v1/oauth/authorize', wish, { authorization: `Bearer ${made.ada}` });
		await call('POST', '/v1/oauth/authorize', wish, { token: made.ada, status: 303 });
		const code = new URL(headers.location).searchParams.get('code');
		const shown = { ...app, client_secret: 'a-secret-of-the-app', grant_type: 'authorization_code', code, code_verifier };
		await call('POST', '/v1/oauth/token', form(shown), { token: null });
		await call('POST', '/v1/oauth/token', form(shown), { token: null, status: 400 });
		await call('POST', '/', form({ username: 'ada', password, redirect: 'false' }), { token: null });
		await call('POST', '/', form({ username: 'ada', password: 'wrong', redirect: 'false' }), { token: null, status: 401 });
		await call('POST', '/', form({ username: 'ada', password, redirect: 'true', port: '1234' }), { token: null, status: 303 });
		await call('POST', '/v1/user/password', { current_password: password, password: `${password}!` }, { token: made.bob });
		await call('GET', '/v1/users', undefined, { token: made.ada, status: 403 });
	});
	await t.test('organizations', async () => {
		await call('POST', '/v1/organizations?dry_run=true', { name: 'Acme' });
		await call('POST', '/v1/organizations', { name: 'Acme' });
		await call('POST', '/v1/organizations', { name: 'Acme' }, { status: 409 });
		await call('POST', '/v1/organizations', { name: 7 }, { status: 400 });
		await call('GET', '/v1/organizations');
		await call('GET', '/v2/organizations');
		o = '/v1/organizations/acme';
		await call('GET', o);
		await call('PATCH', o, { overages: true });
		await call('GET', '/v1/organizations/none', undefined, { status: 404 });
		await call('GET', o, undefined, { token: made.ada, status: 403 });
	});
	await t.test('members and invites', async () => {
		await call('POST', `${o}/members`, { username: 'ada', role: 'admin' });
		await call('POST', `${o}/members/bob`, { role: 'viewer' });
		await call('PATCH', `${o}/members/bob`, { role: 'member' });
		await call('GET', `${o}/members`);
		await call('GET', `${o}/members/ada`);
		await call('DELETE', `${o}/members/bob`);
		await call('DELETE', `${o}/members/bob`, undefined, { status: 404 });
		const v2 = '/v2/organizations/acme/invites';
		const { invited } = await call('POST', v2, { email: 'cy@example.com' });
		await call('POST', v2, {}, { status: 400 });
		await call('GET', v2);
		await call('GET', `${o}/invites`);
		await call('POST', '/v1/invites/accept', { token: invited.token, username: 'cy', password }, { token: null });
		await call('POST', '/v1/invites/accept', { token: 'none', username: 'cy', password }, { token: null, status: 404 });
		const form_invite = (await call('POST', `${o}/invites`, { email: 'dee@example.com' })).invited;
		await call('POST', '/signup', form({ token: form_invite.Token, username: 'dee', password, redirect: 'false' }), { token: null });
		await call('POST', '/signup', form({ token: 'none', username: 'di', password, redirect: 'false' }), { token: null, status: 404 });
		await call('POST', `${o}/invite`, { email: 'gone@example.com' });
		await call('DELETE', `${o}/invites/gone@example.com`);
		await call('POST', v2, { email: 'gone@example.com' });
		await call('DELETE', `${v2}/gone@example.com`);
		await call('DELETE', `${v2}/gone@example.com`, undefined, { status: 404 });
		for (const _ of ['accepted', 'declined']) await call('POST', v2, { username: _ === 'accepted' ? 'bob' : 'eve' });
		const bob = (await call('POST', '/v1/auth/login', { username: 'bob', password: `${password}!` }, { token: null })).jwt;
		const eve = (await call('POST', '/v1/auth/login', { username: 'eve', password }, { token: null })).jwt;
		const own = async (token) => (await call('GET', '/v1/invites', undefined, { token })).invites[0].id;
		await call('POST', `/v1/invites/${await own(bob)}/accept`, undefined, { token: bob });
		await call('DELETE', `/v1/invites/${await own(eve)}`, undefined, { token: eve });
		await call('DELETE', '/v1/invites/99999', undefined, { token: eve, status: 404 });
	});
	await t.test('groups', async () => {
		await call('POST', `${o}/groups`, { name: 'default', location: 'ord' });
		await call('POST', `${o}/groups`, { name: 'default', location: 'ord' }, { status: 409 });
		await call('POST', `${o}/groups`, { name: 'x', location: 'nowhere' }, { status: 400 });
		await call('POST', `${o}/groups/default/locations/nrt`);
		await call('POST', `${o}/groups/default/locations/ams`);
		await call('GET', `${o}/groups/default/locations/nrt/wait`);
		await call('DELETE', `${o}/groups/default/locations/ams`);
		await call('GET', `${o}/groups`);
		await call('GET', `${o}/groups/default`);
		await call('GET', `${o}/groups/none`, undefined, { status: 404 });
		await call('PATCH', `${o}/groups/default/configuration`, { delete_protection: true });
		await call('DELETE', `${o}/groups/default`, undefined, { status: 400 });
		await call('PATCH', `${o}/groups/default/configuration`, { delete_protection: false });
		await call('GET', `${o}/groups/default/configuration`);
		await call('POST', `${o}/groups/default/unarchive`);
		await call('POST', `${o}/groups/default/update`);
		await call('POST', `${o}/groups/default/rename`, { name: 'main' });
		await call('POST', `${o}/groups/main/auth/tokens?expiration=1d&authorization=read-only`);
		await call('POST', `${o}/groups/main/auth/tokens?expiration=soon`, undefined, { status: 400 });
		await call('POST', `${o}/groups/main/auth/rotate`);
		await call('GET', `${o}/groups/main/aws/migration/info`);
		for (const what of ['start', 'abort']) await call('POST', `${o}/groups/main/aws/migration/${what}`, undefined, { status: 400 });
	});
	await t.test('databases and instances', async () => {
		await call('POST', `${o}/databases`, { name: 'grouped', group: 'main' });
		await call('POST', `${o}/databases`, { name: 'alone', image: 'latest' }, { 'Idempotency-Key': 'once' });
		await call('POST', `${o}/databases`, { name: 'alone' }, { status: 409 });
		await call('POST', `${o}/databases`, { name: 'Bad Name' }, { status: 400 });
		await call('GET', `${o}/databases?limit=1`);
		await call('GET', `${o}/databases?limit=0`, undefined, { status: 400 });
		const db = `${o}/databases/alone`;
		await call('GET', db);
		await call('GET', `${o}/databases/none`, undefined, { status: 404 });
		const { instance } = await call('POST', `${db}/instances`, { location: 'ord' });
		await call('POST', `${db}/instances`, { location: 'xyz' }, { status: 400 });
		const replica = (await call('POST', `${db}/instances`, { location: 'nrt', instance_name: 'second' })).instance;
		for (const name of [instance.name, replica.name]) await call('GET', `${db}/instances/${name}/wait`);
		await call('GET', `${db}/instances`);
		await call('GET', `${db}/instances/second`);
		await call('GET', `${db}/instances/third`, undefined, { status: 404 });
		await call('DELETE', `${db}/instances/${instance.name}`, undefined, { status: 400 });
		const { jwt } = await call('POST', `${db}/auth/tokens?expiration=1h&authorization=full-access`, { permissions: { read_attach: { databases: ['grouped'] } } });
		const label = 'alone-acme';
		await server.rows(label, 'CREATE TABLE t (x)', { token: jwt });
		await server.rows(label, 'INSERT INTO t VALUES (1), (2)', { token: jwt });
		for (const tail of ['usage', 'stats', 'usage/queries', `instances/${instance.name}/usage`]) await call('GET', `${db}/${tail}`);
		await first_event(`${db}/live`, 'LiveDatabase');
		await call('GET', `${db}/usage?from=x`, undefined, { status: 400 });
		await call('DELETE', `${db}/instances/second`);
		await call('GET', `${o}/usage`);
		await call('PATCH', `${db}/configuration`, { size_limit: '1gb', block_writes: true, delete_protection: true });
		await call('PATCH', `${db}/configuration`, { block_writes: 'yes' }, { status: 400 });
		await call('GET', `${db}/configuration`);
		await call('DELETE', db, undefined, { status: 400 });
		await call('PATCH', `${db}/configuration`, { block_writes: false, delete_protection: false });
		await call('POST', `${db}/wakeup`);
		await call('POST', `${db}/update`);
		await call('POST', `${db}/auth/rotate`);
		await call('POST', `${o}/databases`, { name: 'branch', group: 'main', seed: { type: 'database', name: 'grouped' } });
		await call('GET', `${o}/databases/branch`);
	});
	await t.test('platform tokens', async () => {
		await call('GET', '/v1/auth/validate');
		await call('GET', '/v1/auth/api-tokens/validate');
		await call('GET', '/v1/auth/validate', undefined, { token: null, status: 401 });
		await call('GET', '/v1/auth/validate', undefined, { token: made.ada });
		await call('POST', '/v1/auth/api-tokens/all');
		await call('POST', '/v1/auth/api-tokens/all', undefined, { status: 409 });
		await call('POST', '/v2/auth/api-tokens/acme', { organization: 'acme' });
		const scoped = await call('POST', '/v1/auth/api-tokens/group', { organization: 'acme', group: 'main', scopes: ['read-only'] });
		await call('DELETE', `${o}/databases/grouped`, undefined, { token: scoped.token, status: 403 });
		await call('GET', `${o}/databases`, undefined, { token: scoped.token });
		await call('GET', '/v1/auth/api-tokens');
		const { tokens } = await call('GET', `${o}/api-tokens`);
		await call('DELETE', `${o}/api-tokens/${tokens[0].id}`);
		await call('DELETE', `${o}/api-tokens/none`, undefined, { status: 404 });
		await call('DELETE', '/v1/auth/api-tokens/all');
		await call('DELETE', '/v1/auth/api-tokens/all', undefined, { status: 404 });
	});
	await t.test('locations', async () => {
		await call('GET', '/v1/locations');
		await call('GET', '/v1/locations/ord');
		await call('GET', '/v1/locations/xyz', undefined, { status: 404 });
		await call('GET', '/v2/locations');
		await call('GET', '/v2/organizations/acme/locations');
		await call('GET', '/v1/organizations/acme/locations');
	});
	await t.test('the bill', async () => {
		await call('POST', '/v1/organizations/stripe-customer', { name: 'Acme' });
		await call('POST', `${o}/billing/portal`, { stripe_id: 'self-hosted' });
		for (const tail of ['billing/payment-methods', 'billing/customer', 'plans', 'subscription', 'invoices?type=all']) await call('GET', `${o}/${tail}`);
		await call('GET', `${o}/invoices?type=none`, undefined, { status: 400 });
		await call('POST', `${o}/subscription`, { plan: 'scaler' });
		await call('PUT', `${o}/billing/customer`, { name: 'Acme', tax_id: { value: '1' } });
		await call('GET', '/v2/organizations/acme/jwks');
		await call('GET', '/v2/organizations/acme/jwks-template', undefined, { status: 400 });
		for (const method of ['PUT', 'DELETE']) await call(method, '/v2/organizations/acme/jwks/mine', undefined, { status: 400 });
	});
	await t.test('the audit log', async () => {
		await call('GET', `${o}/audit-logs?page=1&page_size=5`);
		await call('GET', `${o}/audit-logs?page=x`, undefined, { status: 400 });
	});
	await t.test('the twins of a path answer alike', async () => {
		for (const path of ['/v3/organizations/acme/databases', '/v1/databases', '/v3/databases', '/v1/usage', '/v3/organizations/acme/groups', '/v1/groups'])
			await call('GET', path);
	});
	await t.test('files', async () => {
		const text = 'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (x);\nINSERT INTO t VALUES (1);\nCOMMIT;\n';
		const upload = (path, bytes, options) => {
			const { body, type } = multipart(bytes);
			return call('POST', path, body, { 'content-type': type, ...options });
		};
		const { dump_url } = await upload(`${o}/databases/dumps`, text);
		await call('POST', `${o}/databases/dumps`, Buffer.from(text), { status: 415 });
		await call('POST', `${o}/databases`, { name: 'dumped', group: 'main', seed: { type: 'dump', url: dump_url } });
		const file = await server.api('GET', `${o}/databases/dumped/export`);
		judge.answer('GET', `${o}/databases/dumped/export`, undefined, file);
		await call('POST', `${o}/databases`, { name: 'seeded' });
		await call('GET', `${o}/databases/seeded/export`, undefined, { status: 409 });
		await upload(`${o}/databases/seeded/seed`, 'no SQLite file', { status: 400 });
		await upload(`${o}/databases/seeded/seed`, file.bytes);
		await call('POST', `${o}/databases/seeded/instances`, { location: 'ord' });
		await upload(`${o}/databases/seeded/seed`, file.bytes, { status: 409 });
	});
	await t.test('migrations', async () => {
		const at = `${o}/groups/main/migrations`;
		const { migration } = await call('POST', at, { name: 'm', sql: 'CREATE TABLE IF NOT EXISTS migrated (x)', dry_run: 'all', apply: true, concurrency: 1, pause_ms: 0, max_failures: 1 });
		const ended = () => until('the migration', async () => (await call('GET', `${at}/${migration.id}`)).migration.ended_at);
		await ended();
		await call('GET', `${at}?page=1&page_size=10`);
		await call('GET', `${at}/${migration.id}/databases?status=done&page=1&page_size=10`);
		await call('GET', `${at}/${migration.id}/databases?status=odd`, undefined, { status: 400 });
		await call('GET', `${at}/none`, undefined, { status: 404 });
		await call('POST', at, { name: 'm', sql: 'VACUUM' }, { status: 400 });
		for (const verb of ['resume', 'retry']) {
			await call('POST', `${at}/${migration.id}/${verb}`);
			await ended();
		}
		await call('POST', `${at}/${migration.id}/cancel`);
	});
	await t.test('backups', async () => {
		const { backups } = await call('POST', `${o}/backups`, { database: 'dumped' });
		const at = `${o}/backups/${backups[0].id}`;
		await until('the backup', async () => {
			const { backup } = await call('GET', at);
			return backup.verification.verdict === 'ok' && !backup.verification.pending;
		});
		await call('GET', `${o}/backups?limit=5&database=dumped`);
		await call('GET', `${o}/backups?limit=0`, undefined, { status: 400 });
		await call('GET', `${o}/backups/none`, undefined, { status: 404 });
		await call('POST', `${at}/verify`);
		await call('POST', `${at}/restore`, { name: 'restored' });
		await call('POST', `${at}/restore`, { name: 'restored' }, { status: 409 });
		await until('the verdict', async () => !(await call('GET', at)).backup.verification.pending);
		await call('DELETE', at);
	});
	await t.test('transfers', async () => {
		await call('POST', '/v1/organizations', { name: 'Other' });
		await call('POST', `${o}/databases`, { name: 'moving' });
		await call('POST', `${o}/databases/moving/transfer`, { org: 'other' });
		await call('POST', `${o}/databases/moving/transfer`, { org: 'other' }, { status: 404 });
		await call('POST', `${o}/groups`, { name: 'moving', location: 'ord' });
		await call('POST', `${o}/groups/moving/transfer`, { organization: 'none' }, { status: 404 });
		await call('POST', `${o}/groups/moving/transfer`, { organization: 'other' });
		await call('GET', '/v1/organizations/other/groups/moving');
	});
	await t.test('the end', async () => {
		await call('DELETE', `${o}/databases/branch`);
		await call('DELETE', `${o}/groups/main`);
		await call('DELETE', `${o}/databases/alone`);
		await call('DELETE', o, undefined, { token: made.ada, status: 403 });
		await call('DELETE', o);
		await call('DELETE', '/v1/users/cy');
		await call('POST', '/v1/auth/invalidate', undefined, { token: made.ada });
	});
	await t.test('no route was left out', () => {
		// They refuse, whoever asks.
		const refuses = new Set(['api_refuse_group_migration', 'api_refuse_jwks']);
		const left = route_rows().filter(({ method, path, handler }) => !judge.seen.has(`${method} ${path}`) && !refuses.has(handler));
		assert.deepEqual(left.map(({ method, path }) => `${method} ${path}`), []);
	});
});
