// The Platform API beside instances: spec/platform-api.md §1 (conventions) and §3 (endpoints).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { served_routes } from '../lib/routes.mjs';
import { label_of, request, startServer } from '../lib/server.mjs';

let server, o;

before(async () => {
	server = await startServer();
	o = `/v1/organizations/${server.organization}`;
});

after(() => server.stop());

function answered(answer) {
	assert.equal(answer.status, 200, answer.text);
	assert.match(answer.headers['content-type'], /^application\/json\b/);
	assert.ok(answer.headers['x-request-id']);
	return answer.json;
}

function refused(answer, status, error, code) {
	assert.equal(answer.status, status, answer.text);
	assert.match(answer.headers['content-type'], /^application\/json\b/);
	assert.deepEqual(Object.keys(answer.json), ['error', 'code']);
	assert.equal(typeof answer.json.error, 'string');
	if (error instanceof RegExp) assert.match(answer.json.error, error);
	else if (error !== undefined) assert.equal(answer.json.error, error);
	assert.equal(answer.json.code, code);
	assert.ok(answer.headers['x-request-id']);
	if (status === 401) assert.equal(answer.headers['www-authenticate'], 'Bearer');
}

function filled(path, org = server.organization) {
	return path.replace('{org}', org).replace(/\{\w+\}/g, 'none');
}

test('the route table', async (t) => {
	const all = served_routes();
	const closed = all.filter(({ who }) => who !== 'WHO_ANYBODY');

	await t.test('only what anybody may know is open', () => {
		const open = all.filter(({ who }) => who === 'WHO_ANYBODY').map(({ method, path }) => `${method} ${path}`);
		assert.deepEqual(open, [
			'GET /releases/latest',
			'GET /closest-region',
			'GET /openapi.json',
			'GET /docs',
			'GET /docs/style.css',
			'POST /v1/auth/login',
			'GET /',
			'POST /',
			'GET /signup',
			'POST /signup',
			'POST /v1/oauth/token',
			'POST /v1/invites/accept',
		]);
	});
	await t.test('every route refuses a stranger', async () => {
		for (const { method, path } of closed) {
			const where = filled(path);
			const none = await server.api(method, where, undefined, { authorization: null });
			refused(none, 401, 'missing authorization header', 'unauthorized');
			const wrong = await server.api(method, where, undefined, { authorization: 'Bearer stranger' });
			refused(wrong, 401, 'invalid token', 'unauthorized');
		}
	});
	await t.test('no route tells a stranger which organizations exist', async () => {
		for (const { method, path } of closed.filter((row) => row.path.includes('{org}'))) {
			const there = await server.api(method, filled(path), undefined, { authorization: 'Bearer stranger' });
			const not_there = await server.api(method, filled(path, 'nobody'), undefined, { authorization: 'Bearer stranger' });
			assert.deepEqual([there.status, there.text], [not_there.status, not_there.text]);
		}
	});
	await t.test('every route of an organization says when there is none', async () => {
		for (const { method, path } of closed.filter((row) => row.path.includes('{org}')))
			refused(await server.api(method, filled(path, 'nobody')), 404, 'organization not found', 'org_not_found');
	});
	await t.test('every route of a database says when there is none', async () => {
		for (const { method, path } of closed.filter((row) => row.path.includes('{db}'))) {
			const answer = await server.api(method, filled(path));
			refused(answer, 404, /^could not find database/, 'database_not_found');
		}
	});
	await t.test('a method that no row has is refused with those that are', async () => {
		for (const path of new Set(all.map((row) => row.path))) {
			const answer = await server.api('PURGE', filled(path));
			refused(answer, 405, undefined, 'method_not_allowed');
			const allowed = answer.headers.allow.split(', ');
			for (const row of all) if (row.path === path) assert.ok(allowed.includes(row.method), `${path}: ${allowed}`);
		}
	});
	await t.test('any other path is not found', async () => {
		for (const path of ['/v1', '/v1/', '/v1/nothing', '/v4/databases', `${o}/databases/a/b/c/d`, '/v1/organizations//members', '//'])
			refused(await server.api('GET', path), 404, 'not found', 'route_not_found');
	});
});

test('public routes', async () => {
	const open = (path) => request(server.url + path);
	assert.deepEqual(answered(await open('/health')), { status: 'ok' });
	assert.deepEqual(answered(await open('/releases/latest')), { latest: 'v0.0.0' });
	const version = await open('/version');
	assert.equal(version.status, 200);
	assert.match(version.text, /^atolld \d+\.\d+\.\d+/);
	const closest = answered(await open('/closest-region'));
	assert.equal(closest.server, closest.client);
	const known = answered(await server.api('GET', '/v1/locations')).locations;
	assert.ok(known[closest.server], closest.server);
});

test('authentication', async (t) => {
	const validate = (authorization) => server.api('GET', '/v1/auth/validate', undefined, { authorization });

	for (const [name, authorization, error] of [
		['no header', null, 'missing authorization header'],
		['empty header', '', 'missing authorization header'],
		['scheme alone', 'Bearer', 'missing authorization header'],
		['empty token', 'Bearer ', 'missing authorization header'],
		['another scheme', 'Basic YTpi', 'missing authorization header'],
		['no scheme', 'abc', 'missing authorization header'],
		['no token of ours', 'Bearer abc', 'invalid token'],
		['three empty parts', 'Bearer ..', 'invalid token'],
		['a long one', `Bearer ${'a'.repeat(5000)}`, 'invalid token'],
	])
		await t.test(name, async () => refused(await validate(authorization), 401, error, 'unauthorized'));

	await t.test('a token with one letter changed', async () => {
		const at = server.token.length - 8;
		const changed = server.token.slice(0, at) + (server.token[at] === 'A' ? 'B' : 'A') + server.token.slice(at + 1);
		refused(await validate(`Bearer ${changed}`), 401, 'invalid token', 'unauthorized');
	});
	await t.test('the scheme in any letter case', async () => {
		for (const scheme of ['bearer', 'BEARER', 'BeArEr'])
			assert.deepEqual(answered(await validate(`${scheme} ${server.token}`)), { exp: -1 });
	});
	await t.test('validate, by both paths', async () => {
		for (const path of ['/v1/auth/validate', '/v1/auth/api-tokens/validate'])
			assert.deepEqual(answered(await server.api('GET', path)), { exp: -1 });
	});
	await t.test('a database token is none', async () => {
		answered(await server.api('POST', `${o}/databases`, { name: 'auth' }));
		const { jwt } = answered(await server.api('POST', `${o}/databases/auth/auth/tokens`));
		refused(await validate(`Bearer ${jwt}`), 401, 'invalid token', 'unauthorized');
	});
});

test('platform tokens', async (t) => {
	const path = '/v1/auth/api-tokens';

	await t.test('mint, list, use, revoke', async () => {
		const minted = answered(await server.api('POST', `${path}/ci`));
		assert.deepEqual(Object.keys(minted).sort(), ['id', 'name', 'token']);
		assert.equal(minted.name, 'ci');
		assert.match(minted.id, /^[A-Za-z0-9_-]{22}$/);
		const listed = answered(await server.api('GET', path));
		const mine = listed.tokens.find((one) => one.name === 'ci');
		assert.equal(mine.id, minted.id);
		assert.equal(JSON.stringify(listed).includes(minted.token), false);
		const authorization = `Bearer ${minted.token}`;
		answered(await server.api('GET', `${o}/databases`, undefined, { authorization }));
		assert.deepEqual(answered(await server.api('DELETE', `${path}/ci`)), { token: 'ci' });
		refused(await server.api('GET', `${o}/databases`, undefined, { authorization }), 401, 'token has been revoked', 'token_revoked');
		refused(await server.api('DELETE', `${path}/ci`), 404, 'could not find token ci', 'token_not_found');
	});
	await t.test('the second form of mint', async () => {
		const { token } = answered(await server.api('POST', '/v2/auth/api-tokens/second'));
		assert.deepEqual(Object.keys(token).sort(), ['id', 'name', 'value']);
		const authorization = `Bearer ${token.value}`;
		assert.deepEqual(answered(await server.api('GET', '/v1/auth/validate', undefined, { authorization })), { exp: -1 });
	});
	await t.test('bodies that clients send', async () => {
		for (const [name, body] of [['b1', undefined], ['b2', ''], ['b3', '{}'], ['b4', 'null'], ['b5', '{"organization":"","group":null}']])
			answered(await server.api('POST', `${path}/${name}`, body));
	});
	await t.test('a name twice', async () => {
		answered(await server.api('POST', `${path}/twice`));
		refused(await server.api('POST', `${path}/twice`), 409, 'token with name twice already exists', 'already_exists');
	});
	await t.test('names that are refused', async () => {
		for (const name of ['validate', 'a%20b', 'a'.repeat(65), '%C3%BC'])
			refused(await server.api('POST', `${path}/${name}`), 400, undefined, 'invalid_name');
	});
	await t.test('names that are not', async () => {
		for (const name of ['a', 'A.b_c-9', 'a'.repeat(64)]) answered(await server.api('POST', `${path}/${name}`));
	});
	await t.test('bodies that are refused', async () => {
		refused(await server.api('POST', `${path}/x`, '{'), 400, /^invalid JSON body: /, 'bad_json');
		refused(await server.api('POST', `${path}/x`, '[]'), 400, 'request body must be a JSON object', 'bad_request');
		refused(await server.api('POST', `${path}/x`, { organization: 7 }), 400, /organization must be a string/, 'invalid_field');
		refused(await server.api('POST', `${path}/x`, { organization: 'nobody' }), 404, 'organization not found', 'org_not_found');
		refused(await server.api('POST', `${path}/x`, { group: 'g', scopes: ['read'] }), 400, /organization/, 'bad_request');
	});
	await t.test('one that is restricted to an organization', async () => {
		const minted = answered(await server.api('POST', `${path}/narrow`, { organization: server.organization }));
		const authorization = `Bearer ${minted.token}`;
		const listed = answered(await server.api('GET', path)).tokens.find((one) => one.name === 'narrow');
		assert.equal(listed.organization, server.organization);
		answered(await server.api('GET', `${o}/databases`, undefined, { authorization }));
		const { organizations } = answered(await server.api('GET', '/v1/organizations', undefined, { authorization }));
		assert.deepEqual(organizations.map((one) => one.slug), [server.organization]);
	});
	await t.test('tokens outlive a restart, revocations too', async () => {
		const other = await startServer();
		try {
			const kept = answered(await other.api('POST', `${path}/kept`));
			const lost = answered(await other.api('POST', `${path}/lost`));
			answered(await other.api('DELETE', `${path}/lost`));
			await other.restart();
			const validate = (token) =>
				other.api('GET', '/v1/auth/validate', undefined, { authorization: `Bearer ${token}` });
			answered(await validate(kept.token));
			refused(await validate(lost.token), 401, 'token has been revoked', 'token_revoked');
		} finally {
			await other.stop();
		}
	});
});

test('the caller', async () => {
	for (const path of ['/v1/current-user', '/v1/user']) {
		const { user } = answered(await server.api('GET', path));
		assert.equal(user.username, server.username);
		for (const key of ['name', 'email', 'avatarUrl', 'plan']) assert.equal(typeof user[key], 'string', key);
		assert.equal(typeof user.mfa, 'boolean');
	}
});

test('organizations and members', async (t) => {
	await t.test('list, in both forms', async () => {
		for (const path of ['/v1/organizations', '/v2/organizations']) {
			const { organizations } = answered(await server.api('GET', path));
			const ours = organizations.find((one) => one.slug === server.organization);
			assert.ok(ours, JSON.stringify(organizations));
			assert.match(ours.id, /^[0-9a-f-]{36}$/);
			assert.match(ours.type, /^(personal|team)$/);
			assert.equal(ours.overages, false);
			assert.equal(ours.blocked_reads, false);
			assert.equal(ours.blocked_writes, false);
			assert.equal(ours.plan_id, 'self-hosted');
			assert.equal(ours.plan_timeline, '');
			assert.equal(ours.platform, '');
		}
	});
	await t.test('retrieve, by slug and by id', async () => {
		const { organization } = answered(await server.api('GET', o));
		assert.equal(organization.slug, server.organization);
		assert.deepEqual(answered(await server.api('GET', `/v1/organizations/${organization.id}`)), { organization });
		assert.deepEqual(answered(await server.api('GET', `/v3/organizations/${organization.id}/databases`)), answered(await server.api('GET', `${o}/databases`)));
	});
	await t.test('members', async () => {
		const { members } = answered(await server.api('GET', `${o}/members`));
		assert.equal(members.length, 1);
		assert.equal(members[0].username, server.username);
		assert.equal(members[0].role, 'owner');
		assert.equal(typeof members[0].email, 'string');
		assert.deepEqual(answered(await server.api('GET', `${o}/members/${server.username}`)), { member: members[0] });
		assert.deepEqual(answered(await server.api('GET', `${o}/members/${server.username.toUpperCase()}`)), { member: members[0] });
		refused(await server.api('GET', `${o}/members/nobody`), 404, 'could not find member', 'member_not_found');
		refused(await server.api('GET', `${o}/members/a@b+c`), 404, 'could not find member', 'member_not_found');
	});
});

test('locations', async (t) => {
	await t.test('the flat list', async () => {
		const { locations } = answered(await server.api('GET', '/v1/locations'));
		assert.equal(Object.keys(locations).length, 32);
		assert.equal(locations.ord, 'Chicago, Illinois (US)');
		assert.equal(locations.gru, 'São Paulo, Brazil');
		assert.equal(locations.qro, 'Querétaro, Mexico');
		assert.ok(locations.local);
	});
	await t.test('the list by platform', async () => {
		const flat = answered(await server.api('GET', '/v1/locations')).locations;
		for (const path of ['/v2/locations', `/v2/organizations/${server.organization}/locations`]) {
			const { locations } = answered(await server.api('GET', path));
			assert.deepEqual(Object.keys(locations).sort(), ['fly', 'local']);
			assert.deepEqual(locations.local, { local: flat.local });
			assert.deepEqual({ ...locations.fly, ...locations.local }, flat);
		}
	});
	await t.test('one, with those that are closest', async () => {
		const { location } = answered(await server.api('GET', '/v1/locations/ord'));
		assert.equal(location.code, 'ord');
		assert.equal(location.description, 'Chicago, Illinois (US)');
		assert.equal(location.closest.length, 3);
		for (const { code, description } of location.closest) {
			assert.notEqual(code, 'ord');
			assert.equal(typeof description, 'string');
		}
		assert.ok(location.closest.some(({ code }) => code === 'yyz'), 'Toronto is close to Chicago');
	});
	await t.test('an unknown one', async () => {
		for (const code of ['xyz', 'ORD', '%20'])
			refused(await server.api('GET', `/v1/locations/${code}`), 404, 'location not found', 'location_not_found');
	});
	await t.test('only those that are served', async () => {
		const other = await startServer({ args: ['--locations', 'nrt,ams'] });
		try {
			const { locations } = answered(await other.api('GET', '/v1/locations'));
			assert.deepEqual(Object.keys(locations).sort(), ['ams', 'nrt']);
			const base = `/v1/organizations/${other.organization}/databases`;
			answered(await other.api('POST', base, { name: 'here' }));
			refused(await other.api('POST', `${base}/here/instances`, { location: 'ord' }), 400, 'invalid location: ord', 'invalid_location');
			answered(await other.api('POST', `${base}/here/instances`, { location: 'ams' }));
		} finally {
			await other.stop();
		}
	});
});

test('databases', async (t) => {
	const path = () => `${o}/databases`;

	await t.test('create gives the whole object', async () => {
		const { database, username, password } = answered(await server.api('POST', path(), { name: 'whole' }));
		assert.deepEqual([username, password], ['', '']);
		assert.equal(database.Name, 'whole');
		assert.match(database.DbId, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
		assert.equal(database.Hostname, `whole-${server.organization}.localhost:${server.port}`);
		const expected = {
			IssuedCertLimit: 0, IssuedCertCount: 0, regions: [], primaryRegion: '', type: 'logical', group: '',
			sleeping: false, archived: false, allow_attach: false, block_reads: false, block_writes: false,
			is_schema: false, schema: '', delete_protection: false, parent: null, database_type: 'libsql',
		};
		for (const [key, value] of Object.entries(expected)) assert.deepEqual(database[key], value, key);
		assert.equal(typeof database.version, 'string');
		assert.deepEqual(answered(await server.api('GET', `${path()}/whole`)), { database });
		assert.deepEqual(answered(await server.api('GET', `${path()}/${database.DbId}`)), { database });
		const { databases } = answered(await server.api('GET', path()));
		assert.deepEqual(databases.find((one) => one.Name === 'whole'), database);
	});
	await t.test('bodies that clients send', async () => {
		let n = 0;
		for (const body of [
			(name) => ({ name }),
			(name) => ({ Name: name, image: 'canary' }),
			(name) => ({ NAME: name, location: 'ord', image: '', group: '', extensions: '', version: null }),
			(name) => ({ name, region: 'nrt', password: 'x' }),
			(name) => ({ name, use_tursodb: false, is_schema: false, schema: '' }),
		]) {
			const name = `sent-${n++}`;
			const { database } = answered(await server.api('POST', path(), body(name)));
			assert.equal(database.Name, name);
			assert.deepEqual(answered(await server.api('GET', `${path()}/${name}/instances`)), { instances: [] });
		}
	});
	await t.test('names', async () => {
		for (const name of ['a', '7', 'a-b', 'x'.repeat(64)]) answered(await server.api('POST', path(), { name }));
		for (const name of ['A', '-a', 'a-', 'a_b', 'a.b', 'ü', 'a b', 'x'.repeat(65), '../etc'])
			refused(await server.api('POST', path(), { name }), 400, /name/, 'invalid_name');
	});
	const refusals = [
		['no body', undefined, 400, 'missing request body', 'missing_field'],
		['no name', '{}', 400, 'name is required', 'missing_field'],
		['an empty name', '{"name":""}', 400, 'name is required', 'missing_field'],
		['a name that is no text', '{"name":1}', 400, /^name must be a string/, 'invalid_field'],
		['an unknown image', '{"name":"no","image":"beta"}', 400, 'invalid image: beta', 'invalid_field'],
		['an unknown location', '{"name":"no","location":"xyz"}', 400, 'invalid location: xyz', 'invalid_location'],
		['an unknown group', '{"name":"no","group":"none"}', 400, 'group not found', 'group_not_found'],
		['broken JSON', '{"name":', 400, /^invalid JSON body: /, 'bad_json'],
		['no object', '["no"]', 400, 'request body must be a JSON object', 'bad_request'],
		['use_tursodb', '{"name":"no","use_tursodb":true}', 400, /use_tursodb/, 'invalid_field'],
		['encryption', '{"name":"no","remote_encryption":{"encryption_key":"x"}}', 400, /not supported/, 'invalid_field'],
	];
	for (const [name, body, status, error, code] of refusals)
		await t.test(`refuses ${name}`, async () => {
			refused(await server.api('POST', path(), body), status, error, code);
			refused(await server.api('GET', `${path()}/no`), 404, 'could not find database with name [no]: record not found', 'database_not_found');
		});
	await t.test('a name twice', async () => {
		answered(await server.api('POST', path(), { name: 'twice' }));
		refused(await server.api('POST', path(), { name: 'twice' }), 409, 'database with name [twice] already exists', 'already_exists');
	});
	await t.test('the same name at the same time', async () => {
		const answers = await Promise.all(Array.from({ length: 10 }, () => server.api('POST', path(), { name: 'at-once' })));
		assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, ...Array(9).fill(409)]);
	});
	await t.test('destroy, and the name is free', async () => {
		answered(await server.api('POST', path(), { name: 'short' }));
		assert.deepEqual(answered(await server.api('DELETE', `${path()}/short`)), { database: 'short' });
		refused(await server.api('DELETE', `${path()}/short`), 404, 'could not find database with name [short]: record not found', 'database_not_found');
		answered(await server.api('POST', path(), { name: 'short' }));
	});
	await t.test('the list is sorted, whole, and comes in pages when asked', async () => {
		const { databases } = answered(await server.api('GET', path()));
		const names = databases.map((one) => one.Name);
		assert.deepEqual(names, [...names].sort());
		const paged = [];
		let cursor = '';
		do {
			const answer = answered(await server.api('GET', `${path()}?limit=3${cursor && `&cursor=${cursor}`}`));
			assert.ok(answer.databases.length <= 3);
			paged.push(...answer.databases.map((one) => one.Name));
			cursor = answer.pagination?.next;
		} while (cursor);
		assert.deepEqual(paged, names);
		for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=-1', 'limit=3&cursor=%21'])
			refused(await server.api('GET', `${path()}?${query}`), 400, undefined, 'bad_request');
	});
	await t.test('filters', async () => {
		for (const query of ['group=none', 'schema=none', 'type=schema', 'parent=00000000-0000-4000-8000-000000000000'])
			assert.deepEqual(answered(await server.api('GET', `${path()}?${query}`)).databases, [], query);
		assert.deepEqual(answered(await server.api('GET', `${path()}?`)), answered(await server.api('GET', path())));
	});
	await t.test('configuration', async () => {
		answered(await server.api('POST', path(), { name: 'configured' }));
		assert.deepEqual(answered(await server.api('GET', `${path()}/configured/configuration`)), {
			size_limit: '', allow_attach: false, block_reads: false, block_writes: false, delete_protection: false,
			offline_sync: false, history_retention: '', history_size: '', allowed_ips: [], allowed_aws_vpc_ids: [],
		});
	});
	await t.test('forms without an organization, and by id', async () => {
		const made = answered(await server.api('POST', '/v1/databases', { name: 'twin' })).database;
		assert.deepEqual(answered(await server.api('GET', '/v1/databases/twin')).database, made);
		const own = `organizations/${server.username}/databases`;
		assert.deepEqual(answered(await server.api('GET', `/v1/${own}/twin`)).database, made);
		const { allow_rules_config, ...by_id } = answered(await server.api('GET', `/v3/${own}/${made.DbId}`)).database;
		assert.deepEqual([by_id, allow_rules_config], [made, { allowed_ips: [], allowed_aws_vpc_ids: [] }]);
		assert.deepEqual(answered(await server.api('DELETE', '/v1/databases/twin')), { database: 'twin' });
	});
	await t.test('update is done when it answers', async () => {
		answered(await server.api('POST', path(), { name: 'updated' }));
		assert.deepEqual(answered(await server.api('POST', `${path()}/updated/update`)), {});
	});
});

test('groups: none yet', async () => {
	assert.deepEqual(answered(await server.api('GET', `${o}/groups`)), { groups: [] });
	assert.deepEqual(answered(await server.api('GET', '/v1/groups')), { groups: [] });
	refused(await server.api('GET', `${o}/groups/none`), 404, 'group not found', 'group_not_found');
});

test('database tokens', async (t) => {
	const path = () => `${o}/databases/tokens`;
	let label;

	await t.test('a database with an instance', async () => {
		const { database } = answered(await server.api('POST', `${o}/databases`, { name: 'tokens' }));
		label = label_of(database.Hostname);
		const { instance } = answered(await server.api('POST', `${path()}/instances`, { location: 'ord' }));
		assert.equal((await server.api('GET', `${path()}/instances/${instance.name}/wait`)).status, 200);
	});
	const mint = (query = '', body = undefined) => server.api('POST', `${path()}/auth/tokens${query}`, body);
	const claims = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));

	await t.test('open the database', async () => {
		const { jwt } = answered(await mint());
		assert.equal(claims(jwt).a, 'rw');
		assert.equal('exp' in claims(jwt), false);
		await server.rows(label, 'CREATE TABLE t (x)', { token: jwt });
	});
	await t.test('read-only ones only read', async () => {
		const { jwt } = answered(await mint('?authorization=read-only'));
		assert.equal(claims(jwt).a, 'ro');
		assert.deepEqual(await server.rows(label, 'SELECT * FROM t', { token: jwt }), []);
		await assert.rejects(server.rows(label, 'INSERT INTO t VALUES (1)', { token: jwt }));
	});
	await t.test('expirations', async () => {
		const now = () => Math.floor(Date.now() / 1000);
		for (const [text, seconds] of [['1w2d6h3ns', 9 * 86400 + 6 * 3600], ['2w1d30m', 15 * 86400 + 1800], ['1h', 3600], ['90s', 90]]) {
			const { exp } = claims(answered(await mint(`?expiration=${text}`)).jwt);
			assert.ok(Math.abs(exp - now() - seconds) <= 5, `${text}: ${exp - now()}`);
		}
		for (const text of ['never', 'none', 'default', ''])
			assert.equal('exp' in claims(answered(await mint(`?expiration=${text}`)).jwt), false, text);
		for (const text of ['0s', '-1h', '1', 'h', 'soon', '1x', '1h%20', '99999999999999999999w'])
			refused(await mint(`?expiration=${text}`), 400, 'Invalid expiration format', 'invalid_expiration');
	});
	await t.test('other parameters', async () => {
		for (const query of ['?', '?authorization=full-access', '?authorization=', '?other=1']) answered(await mint(query));
		refused(await mint('?authorization=admin'), 400, /authorization/, 'invalid_field');
		const nothing = { permissions: { read_attach: { databases: [] } }, fine_grained_permissions: [] };
		for (const body of ['', '{}', 'null', '{"permissions":null}', nothing]) answered(await mint('', body));
		for (const body of [
			{ permissions: [] },
			{ permissions: { read_attach: 1 } },
			{ permissions: { read_attach: { databases: 'x' } } },
			{ permissions: { read_attach: { databases: ['other'] } } },
			{ fine_grained_permissions: [{ t: null, a: ['data_read'] }] },
		])
			refused(await mint('', body), 400, /permissions/, 'invalid_field');
		refused(await mint('', '{'), 400, /^invalid JSON body: /, 'bad_json');
	});
	await t.test('rotation ends them all at once', async () => {
		const { jwt } = answered(await mint());
		await server.rows(label, 'SELECT 1', { token: jwt });
		assert.deepEqual(answered(await server.api('POST', `${path()}/auth/rotate`)), {});
		await assert.rejects(server.rows(label, 'SELECT 1', { token: jwt }), (error) => error.status === 401);
		const { jwt: fresh } = answered(await mint());
		await server.rows(label, 'SELECT 1', { token: fresh });
	});
	await t.test('of a database without instances', async () => {
		answered(await server.api('POST', `${o}/databases`, { name: 'tokens-bare' }));
		assert.match(answered(await server.api('POST', `${o}/databases/tokens-bare/auth/tokens`)).jwt, /^[\w-]+\.[\w-]+\.[\w-]+$/);
	});
});

test('every answer carries its request id', async () => {
	const ids = new Set();
	for (let i = 0; i < 5; i++) ids.add((await server.api('GET', '/v1/auth/validate')).headers['x-request-id']);
	assert.equal(ids.size, 5);
});
