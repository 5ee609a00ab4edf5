// People on the command line: logging in, users, organizations, members, invites, what was done and used.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { at_terminal, client_of, new_folder } from '../lib/cli.mjs';
import { startServer } from '../lib/server.mjs';

const password = 'correct horse battery';

describe('people on the command line', () => {
	let server;
	let env;
	let done;
	let done_json;
	let fails;

	before(async () => {
		server = await startServer();
		env = { ATOLL_URL: server.url, ATOLL_TOKEN: server.token, ATOLL_ORG: server.organization };
		({ done, done_json, fails } = client_of(env));
	});
	after(() => server?.stop());

	/// Logs a user in on a machine of the user's own: its environment, and what client_of gives.
	async function at_home_of(username, secret = password) {
		const HOME = new_folder();
		const in_home = { HOME };
		const home = client_of(in_home);
		await home.done(['auth', 'login', '--url', server.url, '--username', username, '--password-stdin'], { input: `${secret}\n` });
		return { ...home, HOME, env: in_home };
	}

	test('an administrator makes, lists and deletes users', async () => {
		await done(['user', 'create', 'ann', '--email', 'ann@example.com', '--password-stdin'], { input: `${password}\n` });
		await done(['user', 'create', 'bob', '--password-stdin'], { input: `${password}\n` });
		await done(['user', 'create', 'gone', '--no-password']);
		assert.match(await done(['user', 'list']), /^ann +ann@example\.com/m);
		assert.ok((await done_json(['user', 'list'])).users.some(({ username }) => username === 'bob'));
		assert.match(await fails(['user', 'create', 'ann', '--no-password'], 1), /already exists/);
		assert.match(await fails(['user', 'create', 'short', '--password-stdin'], 1, { input: 'x\n' }), /password/);
		assert.match(await fails(['user', 'create', 'cat'], 2), /--password-stdin/);
		assert.match(await fails(['user', 'delete', 'gone'], 2), /--yes/);
		await done(['user', 'delete', 'gone', '--yes']);
		await fails(['user', 'delete', 'gone', '--yes'], 1);
	});

	test('login with a password keeps a login token, and a wrong one keeps nothing', async () => {
		const ann = await at_home_of('ann');
		assert.equal((await ann.done(['auth', 'whoami'])).trim(), 'ann');
		const file = path.join(ann.HOME, '.config/atoll/config.ini');
		assert.equal(statSync(file).mode & 0o777, 0o600);
		assert.ok(!readFileSync(file, 'utf8').includes(password));
		assert.match(await ann.fails(['user', 'list'], 1), /administrator/);

		const nobody = client_of({ HOME: new_folder() });
		const args = ['auth', 'login', '--url', server.url, '--username', 'ann'];
		assert.match(await nobody.fails([...args, '--password-stdin'], 4, { input: 'wrong password\n' }), /invalid username or password/);
		assert.match(await nobody.fails(args, 2), /--password-stdin/);
		assert.match(await nobody.fails(['auth', 'login', '--url', server.url, '--password-stdin'], 2, { input: 'x\n' }), /--username/);
		await nobody.fails(['auth', 'whoami', '--url', server.url], 4);
	});

	test('on a terminal user and password are asked for, and the password is not shown', async () => {
		const HOME = new_folder();
		const { code, screen } = await at_terminal(
			['auth', 'login', '--url', server.url],
			[
				[/Username: /, 'bob\r'],
				[/Password: /, `${password}\r`],
			],
			{ env: { HOME } },
		);
		assert.equal(code, 0, screen);
		assert.match(screen, /Logged in at .* as bob/);
		assert.ok(!screen.includes(password));
	});

	test('logout --all ends the sessions on other machines, not the platform tokens', async () => {
		const here = await at_home_of('bob');
		const there = await at_home_of('bob');
		const token = (await here.done(['auth', 'api-tokens', 'mint', 'ci'])).trim();
		await here.done(['auth', 'logout', '--all']);
		await there.fails(['auth', 'whoami'], 4);
		assert.equal((await client_of({ ATOLL_URL: server.url, ATOLL_TOKEN: token }).done(['auth', 'whoami'])).trim(), 'bob');
	});

	test('a password is changed by its owner, who must know it, and by an administrator', async () => {
		const bob = await at_home_of('bob');
		await bob.fails(['user', 'password', '--password-stdin'], 1, { input: `another fine one\nnot the present one\n` });
		await bob.done(['user', 'password', '--password-stdin'], { input: `another fine one\n${password}\n` });
		const again = await at_home_of('bob', 'another fine one');
		await done(['user', 'password', 'bob', '--password-stdin'], { input: `${password}\n` });
		await again.fails(['auth', 'whoami'], 4);
		await at_home_of('bob');
	});

	test('a new password is typed twice', async () => {
		const typed = (again) => [
			[/New password: /, `${password}\r`],
			[/Once more: /, `${again}\r`],
		];
		const no = await at_terminal(['user', 'password', 'bob'], typed('something else'), { env });
		assert.equal(no.code, 1, no.screen);
		assert.match(no.screen, /the two passwords differ/);
		const yes = await at_terminal(['user', 'password', 'bob'], typed(password), { env });
		assert.equal(yes.code, 0, yes.screen);
		assert.ok(!yes.screen.includes(password));
	});

	test('an organization is created, worked on, and destroyed', async () => {
		const ann = await at_home_of('ann');
		assert.match(await ann.done(['org', 'create', 'Ann & Co']), /organization ann-co/);
		assert.match(await ann.fails(['org', 'create', 'Ann & Co'], 1), /already|taken/);
		await ann.done(['org', 'switch', 'ann-co']);
		await ann.done(['db', 'create', 'books', '--location', 'ord']);
		assert.match(await ann.done(['org', 'list']), /^ann-co .*\(current\)$/m);
		assert.match(await ann.fails(['org', 'destroy', 'ann-co', '-y'], 2), /switch to another/);
		await ann.done(['org', 'create', 'Other']);
		assert.match(await ann.fails(['org', 'destroy', 'other'], 2), /--yes/);
		await ann.done(['org', 'destroy', 'other', '--yes']);
		assert.match(await ann.fails(['org', 'destroy', 'ann', '--yes'], 1), /cannot delete personal organization/);
		assert.match(await ann.fails(['org', 'destroy', 'nope', '--yes'], 1), /organization not found/);
	});

	test('members come, change and go', async () => {
		const ann = await at_home_of('ann');
		await ann.done(['org', 'switch', 'ann-co']);
		assert.match(await ann.done(['org', 'members', 'add', 'bob']), /bob is member of ann-co/);
		assert.match(await ann.fails(['org', 'members', 'add', 'bob'], 1), /already a member/);
		assert.match(await ann.fails(['org', 'members', 'add', 'nobody'], 1), /could not find user nobody/);
		assert.match(await ann.done(['org', 'members', 'list']), /^bob +member/m);
		await ann.done(['org', 'members', 'role', 'bob', 'viewer']);
		const bob = await at_home_of('bob');
		await bob.done(['org', 'switch', 'ann-co']);
		await bob.done(['db', 'show', 'books']);
		assert.match(await bob.fails(['db', 'create', 'x'], 1), /role[^]*atoll org members list/);
		assert.match(await ann.fails(['org', 'members', 'role', 'bob', 'king'], 2), /not one of admin\|member\|viewer/);
		assert.match(await ann.fails(['org', 'members', 'rm', 'bob'], 2), /--yes/);
		await ann.done(['org', 'members', 'rm', 'bob', '-y']);
		await bob.fails(['db', 'list'], 1);
		assert.match(await ann.fails(['org', 'members', 'rm', 'bob', '-y'], 1), /not a member/);
	});

	test('an invite is made, seen, accepted, declined and taken back', async () => {
		const ann = await at_home_of('ann');
		await ann.done(['org', 'switch', 'ann-co']);
		const said = await ann.done(['org', 'members', 'invite', 'cleo@example.com', '--admin']);
		const [, token] = /atoll org invites accept (\S+)/.exec(said);
		assert.match(await ann.done(['org', 'invites', 'list']), /^cleo@example\.com +admin/m);
		const visitor = client_of({ ATOLL_URL: server.url });
		const accept = ['org', 'invites', 'accept', token, '--username', 'cleo', '--password-stdin'];
		assert.match(await visitor.done(accept, { input: `${password}\n` }), /You are admin of organization ann-co/);
		await visitor.fails(accept, 1, { input: `${password}\n` });
		assert.match(await ann.done(['org', 'members', 'list']), /^cleo +admin/m);
		assert.match(await ann.done(['org', 'invites', 'list']), /Nobody is invited/);

		const bob = await at_home_of('bob');
		await ann.done(['org', 'invites', 'create', 'bob', '--role', 'viewer']);
		assert.match(await bob.done(['org', 'invites', 'list', '--mine']), /^ann-co .*viewer/m);
		await bob.done(['org', 'invites', 'decline', 'ann-co']);
		assert.match(await bob.fails(['org', 'invites', 'accept', 'ann-co'], 1), /no organization "ann-co" invites you/);
		await ann.done(['org', 'invites', 'create', 'bob', '--role', 'viewer']);
		assert.match(await bob.done(['org', 'invites', 'accept', 'ann-co']), /You are viewer of organization ann-co/);
		await ann.done(['org', 'invites', 'create', 'dora@example.com']);
		await ann.done(['org', 'invites', 'remove', 'dora@example.com']);
		assert.match(await ann.fails(['org', 'invites', 'remove', 'dora@example.com'], 1), /invite not found/);
	});

	test('a token for a group may do what its scopes say and no more', async () => {
		const ann = await at_home_of('ann');
		await ann.done(['org', 'switch', 'ann-co']);
		await ann.done(['group', 'create', 'limited', '--location', 'ord']);
		const token = (await ann.done(['auth', 'api-tokens', 'mint', 'reader', '--group', 'limited', '--read-only'])).trim();
		const reader = client_of({ ATOLL_URL: server.url, ATOLL_TOKEN: token, ATOLL_ORG: 'ann-co' });
		assert.match(await reader.done(['group', 'list']), /^limited /m);
		assert.match(await reader.fails(['group', 'locations', 'add', 'limited', 'nrt'], 1), /scope[^]*api-tokens list/);
		assert.match(await ann.done(['auth', 'api-tokens', 'list']), /^reader .*group limited: read/m);
		assert.match(await ann.fails(['auth', 'api-tokens', 'mint', 'x', '--group', 'limited', '--scope', 'fly'], 1), /invalid scope: fly/);
		await ann.fails(['auth', 'api-tokens', 'mint', 'x', '--group', 'limited'], 1);
		assert.match(await ann.fails(['auth', 'api-tokens', 'mint', 'x', '--read-only', '--full-access'], 2), /exclude each other/);
		await ann.done(['auth', 'api-tokens', 'mint', 'all', '--group', 'limited', '--full-access']);
	});

	test('what was done is told, page by page', async () => {
		const ann = await at_home_of('ann');
		await ann.done(['org', 'switch', 'ann-co']);
		const log = await ann.done(['org', 'audit-logs', 'list']);
		assert.match(log, /ann +db-create /);
		assert.match(log, /Page 1 of \d+, \d+ entries in all/);
		assert.equal((await ann.done_json(['org', 'audit-logs', 'list', '--limit', '2'])).audit_logs.length, 2);
		assert.equal((await ann.done_json(['org', 'audit-logs', 'list', '-s', '2', '-p', '2'])).pagination.page, 2);
		assert.match(await ann.done(['org', 'audit-logs', 'list', '--verbose']), /DETAILS/);
		assert.match(await ann.fails(['org', 'audit-logs', 'list', '--page', '0'], 2), /whole number/);
	});

	test('what is used and owed is told', async () => {
		const ann = await at_home_of('ann');
		await ann.done(['org', 'switch', 'ann-co']);
		await ann.done(['db', 'shell', 'books', 'CREATE TABLE t(x); INSERT INTO t VALUES(1), (2);']);
		assert.match(await ann.done(['plan', 'show']), /Plan +self-hosted[^]*Rows written/);
		assert.match(await ann.done(['invoice', 'list']), /nothing is owed/);
		assert.match(await ann.done(['jwks', 'list']), /No key sets/);
		assert.match(await ann.done(['org', 'usage']), /Databases +1[^]*DATABASE[^]*books/);
		assert.match(await ann.done(['db', 'usage', 'books']), /Rows read/);
		const none = await ann.done_json(['db', 'usage', 'books', '--from', '2020-01-01T00:00:00Z', '--to', '2020-02-01T00:00:00Z']);
		assert.equal(none.database.usage.rows_written, 0);
		assert.match(await ann.fails(['db', 'usage', 'books', '--from', 'yesterday'], 1), /invalid from parameter/);
		const seen = await ann.done_json(['db', 'inspect', 'books', '--verbose', '--queries']);
		assert.ok(Array.isArray(seen.instance_usage) && 'top_queries' in seen);
		assert.match(await ann.done(['db', 'inspect', 'books', '--queries']), /INSERT INTO t/);
	});

	test('databases and groups are given to another organization', async () => {
		const ann = await at_home_of('ann');
		await ann.done(['org', 'switch', 'ann-co']);
		await ann.done(['org', 'create', 'Heirs']);
		await ann.done(['db', 'create', 'in-group', '--group', 'limited']);
		assert.match(await ann.fails(['db', 'transfer', 'books', 'heirs'], 2), /--yes/);
		await ann.done(['db', 'transfer', 'books', 'heirs', '--yes']);
		assert.match(await ann.done(['db', 'list', '--org', 'heirs']), /^books /m);
		await ann.done(['group', 'transfer', 'limited', 'heirs', '--yes']);
		assert.match(await ann.done(['db', 'list', '--org', 'heirs']), /^in-group +limited /m);
		await ann.done(['org', 'db-transfer', 'books', 'ann-co', '--yes', '--org', 'heirs']);
		assert.match(await ann.fails(['db', 'transfer', 'books', 'nowhere', '--yes'], 1), /organization not found/);
	});

	test('settings are written one by one', async () => {
		const HOME = new_folder();
		const home = client_of({ HOME });
		const file = (await home.done(['config', 'path'])).trim();
		assert.equal(file, path.join(HOME, '.config/atoll/config.ini'));
		await home.done(['config', 'set', 'url', server.url]);
		await home.done(['config', 'set', 'token', server.token]);
		await home.done(['config', 'set', 'organization', server.organization]);
		assert.equal(statSync(file).mode & 0o777, 0o600);
		assert.equal((await home.done(['auth', 'whoami'])).trim(), server.username);
		assert.match(await home.fails(['config', 'set', 'url', 'nowhere'], 2), /not an address of a server/);
		assert.match(await home.fails(['config', 'set', 'colour', 'red'], 2), /not one of url\|token\|organization/);
	});
});
