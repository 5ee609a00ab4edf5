// Accounts and logins: spec/platform-api.md §1.2, §2.14, §3.1.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Account, administrator, answered, login, refused, sign_up } from '../lib/accounts.mjs';
import { request, startServer, until } from '../lib/server.mjs';

let server, root;

before(async () => {
	server = await startServer({ args: ['--login-failures-max', '5'] });
	root = administrator(server);
});

after(() => server.stop());

test('accounts', async (t) => {
	await t.test('are made by an administrator of the server', async () => {
		const { user } = await root.post('/v1/users', { username: 'Ann-1', email: 'ann@example.com', password: 'correct horse' });
		assert.deepEqual(
			{ ...user, created_at: 0 },
			{ username: 'Ann-1', email: 'ann@example.com', administrator: false, has_password: true, created_at: 0 },
		);
		assert.deepEqual(await root.get('/v1/users/ann-1'), { user });
		const { users } = await root.get('/v1/users');
		assert.deepEqual(users.map(({ username, administrator: is }) => [username, is]), [['admin', true], ['Ann-1', false]]);
	});
	await t.test('with a name, an address and a password that can be', async () => {
		const make = (body) => root.ask('POST', '/v1/users', body);
		refused(await make({}), 400, 'username is required', 'missing_field');
		for (const username of ['a b', 'a_b', 'x'.repeat(40), 'ü'])
			refused(await make({ username }), 400, /^invalid username: /, 'invalid_name');
		refused(await make({ username: 'x', email: 'none' }), 400, 'invalid email: none', 'invalid_field');
		for (const password of ['1234567', 'x'.repeat(1025)])
			refused(await make({ username: 'x', password }), 400, 'password must have 8 to 1024 bytes', 'invalid_field');
		refused(await make({ username: 'x', administrator: 'yes' }), 400, /^administrator must be true or false/, 'invalid_field');
		refused(await make({ username: 'ANN-1' }), 409, 'user Ann-1 already exists', 'already_exists');
		refused(await make({ username: 'x', email: 'ANN@example.com' }), 409, 'email ANN@example.com belongs to another user', 'already_exists');
		refused(await make({ username: 'DEFAULT' }), 409, 'username DEFAULT is taken by an organization', 'already_exists');
	});
	await t.test('are nobody else’s business', async () => {
		const bob = await sign_up(server, 'bob');
		for (const [method, where] of [['GET', ''], ['POST', ''], ['GET', '/admin'], ['PATCH', '/bob'], ['DELETE', '/admin']])
			refused(await bob.ask(method, `/v1/users${where}`, method === 'GET' ? undefined : {}), 403, 'this is for administrators of the server only', 'insufficient_role');
		const { token } = await root.post('/v1/auth/api-tokens/of-one', { organization: server.organization });
		refused(await new Account(server, 'admin', token).ask('GET', '/v1/users'), 403, /one organization only/, 'insufficient_scope');
	});
	await t.test('change', async () => {
		const change = (body) => root.patch('/v1/users/bob', body);
		assert.equal((await change({ email: 'bob@example.com' })).user.email, 'bob@example.com');
		assert.equal((await change({ administrator: true, email: null })).user.administrator, true);
		assert.equal((await change({ email: '' })).user.email, '');
		assert.equal((await change({ administrator: false })).user.administrator, false);
		refused(await root.ask('PATCH', '/v1/users/bob', { email: 'ann@example.com' }), 409, undefined, 'already_exists');
		refused(await root.ask('PATCH', '/v1/users/nobody', {}), 404, 'could not find user nobody', 'member_not_found');
		refused(await root.ask('PATCH', '/v1/users/admin', { administrator: false }), 400, 'user admin is the last administrator of this server', 'bad_request');
	});
	await t.test('end, with their databases and tokens', async () => {
		const dan = await sign_up(server, 'dan');
		await dan.post('/v1/databases', { name: 'mine' });
		await dan.post('/v1/auth/api-tokens/t');
		await dan.post('/v1/organizations', { name: 'Dans' });
		refused(await root.ask('DELETE', '/v1/users/dan'), 400, 'user dan owns organization dans; delete the organization first', 'bad_request');
		await dan.delete('/v1/organizations/dans');
		assert.deepEqual(await root.delete('/v1/users/dan'), { user: 'dan' });
		refused(await dan.ask('GET', '/v1/user'), 401, 'invalid token', 'unauthorized');
		refused(await root.ask('GET', '/v1/organizations/dan'), 404, 'organization not found', 'org_not_found');
		refused(await root.ask('DELETE', '/v1/users/dan'), 404, 'could not find user dan', 'member_not_found');
		refused(await root.ask('DELETE', '/v1/users/admin'), 400, 'user admin is the last administrator of this server', 'bad_request');
		const { audit_logs } = await root.get('/v1/organizations/admin/audit-logs');
		assert.equal(audit_logs[0].code, 'user-delete');
		assert.deepEqual((await (await sign_up(server, 'dan')).get('/v1/databases')).databases, []);
	});
});

test('logging in', async (t) => {
	await t.test('gives a token for some days', async () => {
		const session = answered(await login(server, { username: 'ann-1', password: 'correct horse' }));
		assert.deepEqual(Object.keys(session), ['jwt', 'username', 'exp']);
		assert.equal(session.username, 'Ann-1');
		const claims = JSON.parse(Buffer.from(session.jwt.split('.')[1], 'base64url'));
		assert.deepEqual(Object.keys(claims), ['jti', 'exp']);
		assert.equal(claims.exp, session.exp);
		const days = (session.exp - Date.now() / 1000) / 86400;
		assert.ok(days > 6.9 && days < 7.1, `${days} days`);
		const ann = new Account(server, 'Ann-1', session.jwt);
		assert.deepEqual(await ann.get('/v1/auth/validate'), { exp: session.exp });
		const { user } = await ann.get('/v1/user');
		assert.deepEqual(user, {
			username: 'Ann-1',
			name: 'Ann-1',
			email: 'ann@example.com',
			avatarUrl: '',
			plan: 'self-hosted',
			mfa: false,
			has_pending_invites: false,
			administrator: false,
		});
		assert.deepEqual((await ann.get('/v1/auth/api-tokens')).tokens, [], 'a login is none of the platform tokens');
	});
	await t.test('by address too', async () => {
		assert.equal(answered(await login(server, { email: 'Ann@Example.com', password: 'correct horse' })).username, 'Ann-1');
		assert.equal(answered(await login(server, { username: 'ann@example.com', password: 'correct horse' })).username, 'Ann-1');
	});
	await t.test('is refused in the same words for whatever is wrong', async () => {
		for (const body of [
			{ username: 'ann-1', password: 'wrong horse' },
			{ username: 'nobody', password: 'correct horse' },
			{ username: 'admin', password: 'has no password' },
			{ email: 'nobody@example.com', password: 'correct horse' },
			{ username: 'ann-1', password: 'x'.repeat(100000) },
		])
			refused(await login(server, body), 401, 'invalid username or password', 'unauthorized');
		refused(await login(server, { username: 'ann-1' }), 400, 'password is required', 'missing_field');
		refused(await login(server, { password: 'x' }), 400, 'username is required', 'missing_field');
		refused(await login(server, { username: 'a', email: 'a@b.c', password: 'x' }), 400, undefined, 'bad_request');
	});
	await t.test('ends when all sessions are ended, platform tokens go on', async () => {
		const ann = new Account(server, 'Ann-1', answered(await login(server, { username: 'Ann-1', password: 'correct horse' })).jwt);
		const { token } = await ann.post('/v1/auth/api-tokens/lasting');
		const { validFrom } = await ann.post('/v1/auth/invalidate');
		assert.ok(Math.abs(validFrom - Date.now() / 1000) < 60);
		refused(await ann.ask('GET', '/v1/user'), 401, 'token has been revoked', 'token_revoked');
		await new Account(server, 'Ann-1', token).get('/v1/user');
		answered(await login(server, { username: 'Ann-1', password: 'correct horse' }));
	});
	await t.test('wants the new password after a change', async () => {
		const eve = await sign_up(server, 'eve');
		refused(await eve.ask('POST', '/v1/user/password', { password: 'another password' }), 400, 'current_password is required', 'missing_field');
		refused(await eve.ask('POST', '/v1/user/password', { current_password: 'x', password: 'another password' }), 400, 'current_password is wrong', 'invalid_field');
		refused(await eve.ask('POST', '/v1/user/password', { current_password: 'password of eve', password: 'short' }), 400, /^password must have/, 'invalid_field');
		assert.deepEqual(await eve.post('/v1/user/password', { current_password: 'password of eve', password: 'another password' }), {});
		refused(await eve.ask('GET', '/v1/user'), 401, 'token has been revoked', 'token_revoked');
		refused(await login(server, { username: 'eve', password: 'password of eve' }), 401, undefined, 'unauthorized');
		answered(await login(server, { username: 'eve', password: 'another password' }));
		await root.patch('/v1/users/eve', { password: 'given by admin' });
		answered(await login(server, { username: 'eve', password: 'given by admin' }));
		// Who has none needs none.
		await root.post('/v1/user/password', { password: 'first of admin' });
		answered(await login(server, { username: 'admin', password: 'first of admin' }));
	});
	await t.test('is refused for a while after too many failures', async () => {
		await sign_up(server, 'flo');
		for (let i = 0; i < 5; i++) refused(await login(server, { username: 'FLO', password: 'wrong' }), 401, undefined, 'unauthorized');
		const answer = refused(await login(server, { username: 'flo', password: 'password of flo' }), 429, /^too many failed logins/, 'rate_limited');
		const seconds = Number(answer.headers['retry-after']);
		assert.ok(seconds >= 1 && seconds <= 60, `${seconds} s`);
		answered(await login(server, { username: 'eve', password: 'given by admin' }));
	});
	await t.test('and the refusal does not tell whose address one is', async () => {
		// Failures under the name say nothing under the address.
		await root.patch('/v1/users/flo', { email: 'flo@example.com' });
		answered(await login(server, { email: 'flo@example.com', password: 'password of flo' }));
	});
});

test('logging in with a browser', async (t) => {
	const post = (form, where = '/') =>
		request(server.url + where, {
			method: 'POST',
			body: new URLSearchParams(form).toString(),
			headers: { 'content-type': 'application/x-www-form-urlencoded' },
		});

	await t.test('shows a form that keeps where to go', async () => {
		const page = await request(`${server.url}/?port=51234&redirect=true&type=cli&state=s-1_~.x`);
		assert.equal(page.status, 200);
		assert.match(page.headers['content-type'], /^text\/html/);
		assert.match(page.headers['content-security-policy'], /form-action 'self' http:\/\/localhost:51234; frame-ancestors 'none'/);
		assert.equal(page.headers['cache-control'], 'no-store');
		assert.match(page.text, /name="port" value="51234"/);
		assert.match(page.text, /name="state" value="s-1_~.x"/);
		assert.match((await request(server.url)).text, /id="app"/, 'the plain page is another');
		assert.equal((await request(`${server.url}/health?port=1&redirect=true`)).json.status, 'ok');
	});
	await t.test('leads back to the command line with the token', async () => {
		const answer = await post({ username: 'ann-1', password: 'correct horse', port: '51234', redirect: 'true', state: 's1' });
		assert.equal(answer.status, 303);
		const to = new URL(answer.headers.location);
		assert.equal(to.origin, 'http://localhost:51234');
		assert.equal(to.searchParams.get('state'), 's1');
		assert.equal((await new Account(server, 'Ann-1', to.searchParams.get('jwt')).get('/v1/user')).user.username, 'Ann-1');
		assert.ok(!server.stderr.includes(to.searchParams.get('jwt')), 'no token in the log');
		assert.ok(!answer.text.includes(to.searchParams.get('jwt')));
	});
	await t.test('or shows the token', async () => {
		const answer = await post({ username: 'ann-1', password: 'correct horse', redirect: 'false' });
		assert.equal(answer.status, 200);
		const [, jwt] = /<code>([^<]+)<\/code>/.exec(answer.text);
		await new Account(server, 'Ann-1', jwt).get('/v1/user');
	});
	await t.test('asks again after a mistake', async () => {
		const answer = await post({ username: '<script>', password: 'x', port: '51234', redirect: 'true', state: 's1' });
		assert.equal(answer.status, 401);
		assert.match(answer.text, /invalid username or password/);
		assert.match(answer.text, /name="port" value="51234"/);
		assert.ok(!answer.text.includes('<script>'));
		assert.equal((await post({ username: 'ann-1', port: '1', redirect: 'true' })).status, 400);
	});
	await t.test('leads nowhere else', async () => {
		for (const query of [
			'port=0&redirect=true', 'port=65536&redirect=true', 'port=1.2&redirect=true', 'port=80@evil.example&redirect=true',
			'port=&redirect=true', 'redirect=true', 'port=80&redirect=maybe', 'port=80&state=%22%3E', 'port=80&state=a%20b', `port=80&state=${'a'.repeat(257)}`,
		])
			assert.equal((await request(`${server.url}/?${query}`)).status, 400, query);
		const form = { username: 'ann-1', password: 'correct horse', redirect: 'true' };
		for (const port of ['80@evil.example', '80/x', '-1', '99999']) {
			const answer = await post({ ...form, port });
			assert.equal(answer.status, 400, port);
			assert.equal(answer.headers.location, undefined);
		}
	});
	await t.test('accepts an invite', async () => {
		await root.post('/v1/organizations', { name: 'Inviting' });
		const { invited } = await root.post('/v2/organizations/inviting/invites', { email: 'gus@example.com' });
		const page = await request(`${server.url}/signup?port=51234&redirect=true&state=s2`);
		assert.match(page.text, /name="token"/);
		const wrong = await post({ token: 'x', username: 'gus', password: 'long enough' }, '/signup');
		assert.equal(wrong.status, 404);
		assert.match(wrong.text, /invite not found/);
		const answer = await post({ token: invited.token, username: 'gus', password: 'long enough', port: '51234', redirect: 'true', state: 's2' }, '/signup');
		assert.equal(answer.status, 303);
		const jwt = new URL(answer.headers.location).searchParams.get('jwt');
		assert.equal((await new Account(server, 'gus', jwt).get('/v1/organizations/inviting')).organization.slug, 'inviting');
	});
});

test('a login is over after its time', async () => {
	const short = await startServer({ args: ['--login-lifetime', '1s'] });
	try {
		const ann = await sign_up(short, 'ann');
		await until('the token to expire', async () => (await ann.ask('GET', '/v1/user')).status === 401, 10_000);
		const answer = refused(await ann.ask('GET', '/v1/user'), 401, 'token expired', 'token_expired');
		assert.equal(answer.headers['www-authenticate'], 'Bearer');
		answered(await login(short, { username: 'ann', password: 'password of ann' }));
		refused(await ann.ask('GET', '/v1/user'), 401, 'token expired', 'token_expired');
	} finally {
		await short.stop();
	}
});

test('no password is stored as it is', async () => {
	const secrets = ['correct horse', 'given by admin', 'password of flo'];
	const files = readdirSync(server.data, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
	for (const file of files) {
		const bytes = readFileSync(path.join(file.parentPath ?? file.path, file.name));
		for (const secret of secrets) assert.equal(bytes.indexOf(secret), -1, `${file.name} holds a password`);
	}
	for (const secret of secrets) assert.ok(!server.stderr.includes(secret));
});

test('the operator sets a password without a server', async () => {
	const data = server.data;
	const run = (args, input) => spawnSync(server.binary, ['user', 'password', '--data', data, ...args], { input, encoding: 'utf8' });
	const held = run([], 'by the operator\n');
	assert.notEqual(held.status, 0, 'the server holds the folder');
	await server.stop({ keep_data: true });
	const set = run(['--username', 'BOB'], 'by the operator\n');
	assert.equal(set.stdout, 'the password of bob is set\n', set.stderr);
	assert.match(run(['--username', 'nobody'], 'by the operator\n').stderr, /there is no user nobody/);
	assert.match(run([], 'short\n').stderr, /password must have 8 to 1024 bytes/);
	assert.match(run([], '').stderr, /standard input/);
	await server.start('127.0.0.1:0');
	answered(await login(server, { username: 'bob', password: 'by the operator' }));
});
