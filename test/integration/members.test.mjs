// Who belongs to an organization and what each role may do; invites: spec/platform-api.md §2.2, §2.3, §3.3.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Account, administrator, answered, refused, sign_up } from '../lib/accounts.mjs';
import { startServer } from '../lib/server.mjs';

let server, owner, ann, bob, cat, o;

before(async () => {
	server = await startServer();
	owner = administrator(server);
	[ann, bob, cat] = await Promise.all(['ann', 'bob', 'cat'].map((name) => sign_up(server, name, { email: `${name}@example.com` })));
	const { organization } = await owner.post('/v1/organizations', { name: 'Crew' });
	o = `/v1/organizations/${organization.slug}`;
});

after(() => server.stop());

test('members', async (t) => {
	await t.test('are added by name', async () => {
		assert.deepEqual(await owner.post(`${o}/members`, { username: 'ann' }), { member: 'ann', role: 'member' });
		assert.deepEqual(await owner.post(`${o}/members/BOB`, { member: 'cat', role: 'viewer' }), { member: 'bob', role: 'viewer' });
		assert.deepEqual(await owner.get(`${o}/members/ann`), {
			member: { username: 'ann', role: 'member', email: 'ann@example.com' },
		});
		assert.deepEqual(
			(await ann.get(`${o}/members`)).members.map(({ username, role }) => [username, role]),
			[[server.username, 'owner'], ['ann', 'member'], ['bob', 'viewer']],
		);
		assert.ok((await bob.get('/v1/organizations')).organizations.some((one) => one.slug === 'crew'));
	});
	await t.test('are refused who cannot be', async () => {
		refused(await owner.ask('POST', `${o}/members`, { username: 'nobody' }), 404, 'could not find user nobody', 'member_not_found');
		refused(await owner.ask('POST', `${o}/members`, { username: 'ann' }), 409, 'user ann is already a member of organization crew', 'already_exists');
		refused(await owner.ask('POST', `${o}/members`, {}), 400, 'username is required', 'missing_field');
		for (const role of ['owner', 'king', 'Admin'])
			refused(await owner.ask('POST', `${o}/members`, { username: 'cat', role }), 400, 'invalid role', 'invalid_field');
		refused(await owner.ask('POST', `${o}/members`, { username: 'cat', role: 7 }), 400, 'role must be a string', 'invalid_field');
		refused(
			await owner.ask('POST', `/v1/organizations/${server.username}/members`, { username: 'ann' }),
			400,
			'cannot add members to a personal organization',
			'bad_request',
		);
		refused(await owner.ask('GET', `${o}/members/cat`), 404, 'could not find member', 'member_not_found');
	});
	await t.test('get another role', async () => {
		assert.deepEqual(await owner.patch(`${o}/members/bob`, { role: 'admin' }), {
			member: { username: 'bob', role: 'admin', email: 'bob@example.com' },
		});
		refused(await owner.ask('PATCH', `${o}/members/bob`, { role: 'none' }), 400, 'invalid role', 'invalid_field');
		refused(await owner.ask('PATCH', `${o}/members/bob`, {}), 400, 'role is required', 'missing_field');
		refused(await owner.ask('PATCH', `${o}/members/cat`, { role: 'admin' }), 404, 'could not find user cat', 'member_not_found');
		refused(
			await bob.ask('PATCH', `${o}/members/${server.username}`, { role: 'viewer' }),
			400,
			'cannot change the role of the owner of organization crew',
			'bad_request',
		);
		refused(
			await ann.ask('PATCH', `${o}/members/bob`, { role: 'viewer' }),
			403,
			'updating member roles is only allowed for admin or owner',
			'insufficient_role',
		);
	});
	await t.test('go, by others or by themselves', async () => {
		refused(await ann.ask('DELETE', `${o}/members/bob`), 403, /needs the role admin/, 'insufficient_role');
		refused(await bob.ask('DELETE', `${o}/members/cat`), 404, 'user cat is not a member of org crew', 'member_not_found');
		refused(await bob.ask('DELETE', `${o}/members/${server.username}`), 400, 'cannot remove the owner of organization crew', 'bad_request');
		refused(await owner.ask('DELETE', `${o}/members/${server.username}`), 400, undefined, 'bad_request');
		const { token } = await ann.post('/v1/auth/api-tokens/of-crew', { organization: 'crew' });
		assert.deepEqual(await ann.delete(`${o}/members/ANN`), { member: 'ann' });
		refused(await ann.ask('GET', o), 403, 'not a member of organization crew', 'not_a_member');
		// What a member could do before does not come back with it.
		await owner.post(`${o}/members`, { username: 'ann' });
		refused(await new Account(server, 'ann', token).ask('GET', o), 401, 'token has been revoked', 'token_revoked');
		assert.deepEqual(await bob.delete(`${o}/members/ann`), { member: 'ann' });
		const codes = (await owner.get(`${o}/audit-logs`)).audit_logs.map((one) => one.code);
		assert.deepEqual(codes, [
			'org-member-rm', 'org-member-add', 'org-member-leave', 'user-token-create',
			'org-member-update', 'org-member-add', 'org-member-add', 'org-create',
		]);
	});
});

test('invites', async (t) => {
	const v2 = '/v2/organizations/crew/invites';
	let secret;
	await t.test('are made for an address', async () => {
		const { invited } = await bob.post(v2, { email: 'dan@example.com', role: 'viewer' });
		secret = invited.token;
		assert.match(secret, /^[A-Za-z0-9_-]{43}$/);
		assert.deepEqual(invited, { email: 'dan@example.com', role: 'viewer', organization: 'Crew', token: secret });
	});
	await t.test('are listed in both forms, without the secret', async () => {
		const list = await owner.get(v2);
		assert.equal(list.invites.length, 1);
		assert.deepEqual(Object.keys(list.invites[0]), ['id', 'email', 'role', 'created_at']);
		const old = await owner.get(`${o}/invites`);
		assert.deepEqual(Object.keys(old.invites[0]), [
			'ID', 'CreatedAt', 'UpdatedAt', 'DeletedAt', 'Role', 'Email', 'OrganizationID', 'Token', 'Organization', 'Accepted',
		]);
		assert.equal(old.invites[0].ID, list.invites[0].id);
		assert.equal(old.invites[0].Organization.slug, 'crew');
		assert.equal(old.invites[0].Accepted, false);
		assert.ok(!JSON.stringify([list, old]).includes(secret));
	});
	await t.test('take the place of a pending one for the same', async () => {
		const { invited } = await owner.post(v2, { email: 'DAN@example.com' });
		assert.equal((await owner.get(v2)).invites.length, 1);
		assert.equal((await owner.get(v2)).invites[0].role, 'member');
		refused(
			await server.api('POST', '/v1/invites/accept', { token: secret, username: 'dan', password: 'long enough' }, { authorization: null }),
			404,
			'invite not found',
			'invite_not_found',
		);
		secret = invited.token;
	});
	await t.test('are refused for what cannot be invited', async () => {
		for (const body of [{}, { email: 'a@b.c', username: 'cat' }])
			refused(await owner.ask('POST', v2, body), 400, 'exactly one of email and username is needed', 'bad_request');
		for (const email of ['a', '@b', 'a@', 'a@b@c', 'a b@c', `${'a'.repeat(250)}@b.cd`])
			refused(await owner.ask('POST', v2, { email }), 400, /^invalid email: /, 'invalid_field');
		refused(await owner.ask('POST', v2, { username: 'nobody' }), 404, 'could not find user nobody', 'member_not_found');
		refused(await owner.ask('POST', v2, { username: 'bob' }), 409, 'user bob is already a member of organization crew', 'already_exists');
		refused(await owner.ask('POST', v2, { email: 'bob@example.com' }), 409, undefined, 'already_exists');
		refused(await owner.ask('POST', v2, { email: 'x@y.z', role: 'owner' }), 400, 'invalid role', 'invalid_field');
		refused(await owner.ask('POST', `/v2/organizations/${server.username}/invites`, { email: 'x@y.z' }), 400, undefined, 'bad_request');
	});
	await t.test('make the account of an address that has none', async () => {
		const accept = (body) => server.api('POST', '/v1/invites/accept', body, { authorization: null });
		refused(await accept({ token: secret, username: 'bob', password: 'long enough' }), 409, 'user bob already exists', 'already_exists');
		refused(await accept({ token: secret, username: 'crew', password: 'long enough' }), 409, 'username crew is taken by an organization', 'already_exists');
		refused(await accept({ token: secret, username: 'dan', password: 'short' }), 400, 'password must have 8 to 1024 bytes', 'invalid_field');
		refused(await accept({ token: 'no secret', username: 'dan', password: 'long enough' }), 404, 'invite not found', 'invite_not_found');
		refused(await accept({ username: 'dan', password: 'long enough' }), 400, 'token is required', 'missing_field');
		const made = answered(await accept({ token: secret, username: 'dan', password: 'long enough' }));
		assert.deepEqual([made.organization, made.role, made.username], ['crew', 'member', 'dan']);
		const dan = new Account(server, 'dan', made.jwt);
		assert.equal((await dan.get('/v1/user')).user.email, 'DAN@example.com');
		assert.equal((await dan.get(`${o}/members/dan`)).member.role, 'member');
		refused(await accept({ token: secret, username: 'dan2', password: 'long enough' }), 404, 'invite not found', 'invite_not_found');
		assert.deepEqual((await owner.get(v2)).invites, []);
		assert.equal((await owner.get(`${o}/invites`)).invites[0].Accepted, true);
	});
	await t.test('want the password of an address that has one', async () => {
		const { invited } = await owner.post(`${o}/invite`, { email: 'cat@example.com', role: 'member' });
		const accept = (username, password) =>
			server.api('POST', '/v1/invites/accept', { token: invited.Token, username, password }, { authorization: null });
		refused(await accept('cat', 'not the password'), 401, 'invalid username or password', 'unauthorized');
		refused(await accept('bob', 'password of bob'), 401, 'invalid username or password', 'unauthorized');
		assert.equal(answered(await accept('cat', 'password of cat')).organization, 'crew');
		assert.equal((await cat.get(o)).organization.slug, 'crew');
		await cat.delete(`${o}/members/cat`);
	});
	await t.test('wait for those who are signed in', async () => {
		assert.equal((await cat.get('/v1/user')).user.has_pending_invites, false);
		await owner.post(`${o}/invites`, { email: 'cat@example.com', role: 'viewer' });
		await owner.post('/v1/organizations', { name: 'Other' });
		await owner.post('/v2/organizations/other/invites', { username: 'cat' });
		assert.equal((await cat.get('/v1/current-user')).user.has_pending_invites, true);
		assert.equal((await bob.get('/v1/user')).user.has_pending_invites, false);
		const { invites } = await cat.get('/v1/invites');
		assert.deepEqual(invites.map(({ organization, role }) => [organization, role]), [['crew', 'viewer'], ['other', 'member']]);
		refused(await bob.ask('POST', `/v1/invites/${invites[0].id}/accept`), 404, 'invite not found', 'invite_not_found');
		refused(await bob.ask('DELETE', `/v1/invites/${invites[0].id}`), 404, 'invite not found', 'invite_not_found');
		refused(await cat.ask('POST', '/v1/invites/x/accept'), 404, 'invite not found', 'invite_not_found');
		assert.deepEqual(await cat.post(`/v1/invites/${invites[0].id}/accept`), { organization: 'crew', role: 'viewer' });
		assert.deepEqual(await cat.delete(`/v1/invites/${invites[1].id}`), {});
		assert.deepEqual((await cat.get('/v1/invites')).invites, []);
		refused(await cat.ask('GET', '/v1/organizations/other'), 403, undefined, 'not_a_member');
	});
	await t.test('are taken back, by address or name', async () => {
		await owner.post(v2, { email: 'eve+x@example.com' });
		await owner.post(v2, { username: 'ann' });
		assert.deepEqual(await owner.delete(`${v2}/eve+x@example.com`), {});
		assert.deepEqual(await owner.delete(`${o}/invites/ann`), {});
		refused(await owner.ask('DELETE', `${v2}/ann`), 404, 'invite not found', 'invite_not_found');
		assert.deepEqual((await ann.get('/v1/invites')).invites, []);
	});
	await t.test('end when the user becomes a member otherwise', async () => {
		await owner.post(v2, { email: 'ann@example.com' });
		await owner.post(`${o}/members`, { username: 'ann' });
		assert.deepEqual((await owner.get(v2)).invites, []);
	});
	await t.test('are an administrator’s business', async () => {
		refused(await ann.ask('POST', v2, { email: 'x@y.z' }), 403, /needs the role admin/, 'insufficient_role');
		refused(await ann.ask('DELETE', `${v2}/x@y.z`), 403, /needs the role admin/, 'insufficient_role');
		assert.deepEqual(await ann.get(v2), { invites: [] });
	});
});

test('roles', async (t) => {
	const rights = {
		viewer: { look: 200, database: 403, group: 403, invite: 403, settings: 403, remove: 403 },
		member: { look: 200, database: 200, group: 200, invite: 403, settings: 403, remove: 403 },
		admin: { look: 200, database: 200, group: 200, invite: 200, settings: 200, remove: 403 },
	};
	for (const [role, expected] of Object.entries(rights))
		await t.test(role, async () => {
			await owner.patch(`${o}/members/ann`, { role });
			const asked = {
				look: await ann.ask('GET', `${o}/databases`),
				database: await ann.ask('POST', `${o}/databases`, { name: `of-${role}` }),
				group: await ann.ask('POST', `${o}/groups`, { name: `of-${role}`, location: 'ord' }),
				invite: await ann.ask('POST', `${o}/invite`, { email: `${role}@example.com` }),
				settings: await ann.ask('PATCH', o, { overages: true }),
				remove: await ann.ask('DELETE', o),
			};
			assert.deepEqual(Object.fromEntries(Object.entries(asked).map(([what, { status }]) => [what, status])), expected);
		});
});
