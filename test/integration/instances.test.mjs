// Instances of a logical database: spec/platform-api.md §4, every row of its edge cases and its walk-through.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { label_of, startServer, until } from '../lib/server.mjs';

let server, base;

before(async () => {
	server = await startServer();
	base = `/v1/organizations/${server.organization}/databases`;
});

after(() => server.stop());

async function create_database(name) {
	const answer = await server.api('POST', base, { name });
	assert.equal(answer.status, 200, answer.text);
	return answer.json.database;
}

async function create_instance(db, location = 'ord', more = {}, headers = {}) {
	const answer = await server.api('POST', `${base}/${db}/instances`, { location, ...more }, headers);
	assert.equal(answer.status, 200, answer.text);
	return answer.json;
}

async function list(db) {
	const answer = await server.api('GET', `${base}/${db}/instances`);
	assert.equal(answer.status, 200, answer.text);
	return answer.json.instances;
}

function refused(answer, status, error, code) {
	assert.equal(answer.status, status, answer.text);
	assert.match(answer.headers['content-type'], /^application\/json\b/);
	assert.equal(typeof answer.json.error, 'string');
	if (error instanceof RegExp) assert.match(answer.json.error, error);
	else if (error !== undefined) assert.equal(answer.json.error, error);
	assert.equal(answer.json.code, code);
	if (status === 401) assert.equal(answer.headers['www-authenticate'], 'Bearer');
	assert.ok(answer.headers['x-request-id']);
}

test('the walk-through', async () => {
	const created = await server.api('POST', base, { name: 'walk', image: 'latest' });
	assert.equal(created.status, 200, created.text);
	assert.deepEqual(created.json.database.regions, []);
	assert.equal(created.json.database.primaryRegion, '');
	assert.equal(created.json.username, '');
	assert.equal(created.json.password, '');
	assert.deepEqual(await list('walk'), []);

	const { instance: primary } = await create_instance('walk', 'ord');
	assert.equal(primary.type, 'primary');
	assert.equal(primary.region, 'ord');
	const { instance: replica } = await create_instance('walk', 'nrt');
	assert.equal(replica.type, 'replica');
	assert.equal(replica.region, 'nrt');
	assert.deepEqual(await list('walk'), [primary, replica]);
	for (const instance of [primary, replica]) {
		const got = await server.api('GET', `${base}/walk/instances/${instance.name}`);
		assert.deepEqual(got.json, { instance });
	}

	const shown = await server.api('GET', `${base}/walk`);
	assert.deepEqual(shown.json.database.regions, ['ord', 'nrt']);
	assert.equal(shown.json.database.primaryRegion, 'ord');

	const waited = await server.api('GET', `${base}/walk/instances/${replica.name}/wait`);
	assert.equal(waited.status, 200, waited.text);
	assert.equal(waited.text, '');

	const token = await server.api('POST', `${base}/walk/auth/tokens`);
	assert.equal(token.status, 200, token.text);
	const options = { token: token.json.jwt };
	const label = label_of(replica.hostname);
	await server.rows(label, 'CREATE TABLE t (x)', options);
	await server.rows(label, { sql: 'INSERT INTO t VALUES (?)', args: [7] }, options);
	assert.deepEqual(await server.rows(label, 'SELECT x FROM t', options), [{ x: 7 }]);

	refused(
		await server.api('DELETE', `${base}/walk/instances/${primary.name}`),
		400,
		'cannot destroy the primary instance of database walk',
		'primary_instance',
	);
	const gone = await server.api('DELETE', `${base}/walk/instances/${replica.name}`);
	assert.equal(gone.status, 200, gone.text);
	assert.deepEqual(gone.json, { instance: replica.name });
	for (const method of ['DELETE', 'GET'])
		refused(
			await server.api(method, `${base}/walk/instances/${replica.name}`),
			404,
			`could not find instance ${replica.name} of database walk`,
			'instance_not_found',
		);
	refused(
		await server.api('GET', `${base}/walk/instances/${replica.name}/wait`),
		404,
		`could not find instance ${replica.name} of database walk`,
		'instance_not_found',
	);
	assert.deepEqual(await list('walk'), [primary]);
	assert.deepEqual((await server.api('GET', `${base}/walk`)).json.database.regions, ['ord']);

	const destroyed = await server.api('DELETE', `${base}/walk`);
	assert.equal(destroyed.status, 200, destroyed.text);
	assert.deepEqual(destroyed.json, { database: 'walk' });
	refused(
		await server.api('POST', `${base}/walk/instances`, { location: 'ord' }),
		404,
		'could not find database with name [walk]: record not found',
		'database_not_found',
	);
	refused(
		await server.api('DELETE', `${base}/walk/instances/${primary.name}`),
		404,
		'could not find database walk to delete instance from',
		'database_not_found',
	);
});

// A body is sent as it stands; the rows are those of §4.8.
const refusals = [
	['1 no body', undefined, 400, 'missing request body', 'missing_field'],
	['1 empty body', '', 400, 'missing request body', 'missing_field'],
	['2 empty object', '{}', 400, 'location is required', 'missing_field'],
	['2 the literal null', 'null', 400, 'location is required', 'missing_field'],
	['2 location is null', '{"location":null}', 400, 'location is required', 'missing_field'],
	['2 location is empty', '{"location":""}', 400, 'location is required', 'missing_field'],
	['3 unknown location', '{"location":"xyz"}', 400, 'invalid location: xyz', 'invalid_location'],
	['3 a hostile location', '{"location":"\\"\\n\\u00fc"}', 400, 'invalid location: "\nü', 'invalid_location'],
	['4 upper case', '{"location":"ORD"}', 400, 'invalid location: ORD', 'invalid_location'],
	['4 leading space', '{"location":" ord"}', 400, 'invalid location:  ord', 'invalid_location'],
	['5 a number', '{"location":7}', 400, 'location must be a string', 'invalid_field'],
	['5 an array', '{"location":["ord"]}', 400, 'location must be a string', 'invalid_field'],
	['5 an object', '{"location":{}}', 400, 'location must be a string', 'invalid_field'],
	['5 a boolean', '{"location":true}', 400, 'location must be a string', 'invalid_field'],
	['5 region is a number', '{"region":7}', 400, 'region must be a string', 'invalid_field'],
	['6 truncated', '{"location":"ord"', 400, /^invalid JSON body: /, 'bad_json'],
	['6 broken', '{location:"ord"}', 400, /^invalid JSON body: /, 'bad_json'],
	['6 trailing bytes', '{"location":"ord"} x', 400, /^invalid JSON body: /, 'bad_json'],
	['6 two values', '{"location":"ord"}{}', 400, /^invalid JSON body: /, 'bad_json'],
	['6 trailing comma', '{"location":"ord",}', 400, /^invalid JSON body: /, 'bad_json'],
	['6 byte order mark', '\ufeff{"location":"ord"}', 400, /^invalid JSON body: /, 'bad_json'],
	['6 invalid UTF-8', Buffer.from('{"location":"\xff"}', 'latin1'), 400, /^invalid JSON body: /, 'bad_json'],
	['6 NUL in a text', '{"location":"ord\\u0000"}', 400, /^invalid JSON body: /, 'bad_json'],
	['6 bare NUL', '{"location":"ord"}\0', 400, /^invalid JSON body: /, 'bad_json'],
	['7 an array', '[]', 400, 'request body must be a JSON object', 'bad_request'],
	['7 a string', '"ord"', 400, 'request body must be a JSON object', 'bad_request'],
	['7 a number', '7', 400, 'request body must be a JSON object', 'bad_request'],
	['7 a boolean', 'true', 400, 'request body must be a JSON object', 'bad_request'],
	['8 form-encoded', 'location=ord', 400, /^invalid JSON body: /, 'bad_json'],
	['11 nested too deep', `{"location":"ord","x":${'['.repeat(64)}${']'.repeat(64)}}`, 400, /nested deeper than 64/, 'bad_json'],
	['12 the last duplicate wins', '{"location":"ord","location":"xyz"}', 400, 'invalid location: xyz', 'invalid_location'],
	['15 unknown image', '{"location":"ord","image":"beta"}', 400, 'invalid image: beta', 'invalid_field'],
	['15 image is a number', '{"location":"ord","image":7}', 400, /^invalid image: /, 'invalid_field'],
	['15 image in upper case', '{"location":"ord","image":"LATEST"}', 400, 'invalid image: LATEST', 'invalid_field'],
	['16 upper case', '{"location":"ord","instance_name":"My"}', 400, /^invalid instance name/, 'invalid_name'],
	['16 leading hyphen', '{"location":"ord","instance_name":"-a"}', 400, /^invalid instance name/, 'invalid_name'],
	['16 trailing hyphen', '{"location":"ord","instance_name":"a-"}', 400, /^invalid instance name/, 'invalid_name'],
	['16 a slash', '{"location":"ord","instance_name":"a/b"}', 400, /^invalid instance name/, 'invalid_name'],
	['16 65 characters', `{"location":"ord","instance_name":"${'a'.repeat(65)}"}`, 400, /^invalid instance name/, 'invalid_name'],
	['16 not a string', '{"location":"ord","instance_name":7}', 400, /instance_name must be a string/, 'invalid_field'],
	['18 location and region differ', '{"location":"ord","region":"nrt"}', 400, /location and region/, 'invalid_field'],
	['50 a code that is not served', '{"location":"mars"}', 400, 'invalid location: mars', 'invalid_location'],
];

test('refusals of §4.8', async (t) => {
	await create_database('refusals');
	for (const [name, body, status, error, code] of refusals)
		await t.test(name, async () => {
			refused(await server.api('POST', `${base}/refusals/instances`, body), status, error, code);
		});
	await t.test('nothing was created', async () => assert.deepEqual(await list('refusals'), []));
});

const acceptances = [
	['9 no content type', '{"location":"ord"}', {}],
	['9 text', '{"location":"ord"}', { 'content-type': 'text/plain;charset=UTF-8' }],
	['9 form', '{"location":"ord"}', { 'content-type': 'application/x-www-form-urlencoded' }],
	['9 something else', '{"location":"ord"}', { 'content-type': 'image/png' }],
	['11 nested 64 deep', `{"location":"ord","x":${'['.repeat(63)}${']'.repeat(63)}}`, {}],
	['12 the last duplicate wins', '{"location":"xyz","location":"ord"}', {}],
	['13 unknown keys', '{"location":"ord","extensions":"","version":null,"password":7,"x":{"y":[1]}}', {}],
	['14 canary', '{"location":"ord","image":"canary"}', {}],
	['14 latest', '{"location":"ord","image":"latest"}', {}],
	['14 image is null', '{"location":"ord","image":null}', {}],
	['14 image is empty', '{"location":"ord","image":""}', {}],
	['region alone', '{"Region":"ord","Image":"latest"}', {}],
	['keys in any case', '{"LOCATION":"ord","iMaGe":"canary"}', {}],
	['the exact key wins', '{"Location":"xyz","location":"ord","LOCATION":"abc"}', {}],
	['location and region agree', '{"location":"ord","region":"ord"}', {}],
	['space around the body', ' \r\n\t{"location":"ord"} \n', {}],
	['47 chunked', '{"location":"ord"}', { 'transfer-encoding': 'chunked' }],
	['43 trailing slash', '{"location":"ord"}', {}, '/'],
	['44 query parameters', '{"location":"ord"}', {}, '?location=nrt&x=%zz&'],
];

test('what §4.8 accepts', async (t) => {
	await create_database('accepts');
	for (const [name, body, headers, tail = ''] of acceptances)
		await t.test(name, async () => {
			const before = await list('accepts');
			const answer = await server.api('POST', `${base}/accepts/instances${tail}`, body, headers);
			assert.equal(answer.status, 200, answer.text);
			assert.equal(answer.json.instance.region, 'ord');
			assert.equal(answer.json.instance.type, before.length === 0 ? 'primary' : 'replica');
			assert.deepEqual((await list('accepts')).slice(0, before.length), before);
			if (before.length > 0) await server.api('DELETE', `${base}/accepts/instances/${answer.json.instance.name}`);
		});
});

test('bodies and connections that are out of bounds', async (t) => {
	await create_database('bounds');
	const path = `${base}/bounds/instances`;

	await t.test('10 more than 1 MiB', async () => {
		const answer = await server.api('POST', path, JSON.stringify({ location: 'ord', x: 'x'.repeat(1 << 20) }));
		refused(answer, 413, undefined, 'body_too_large');
	});
	await t.test('10 exactly 1 MiB', async () => {
		const empty = JSON.stringify({ location: 'ord', x: '' }).length;
		const answer = await server.api('POST', path, JSON.stringify({ location: 'ord', x: 'x'.repeat((1 << 20) - empty) }));
		assert.equal(answer.status, 200, answer.text);
	});
	await t.test('Expect: 100-continue', async () => {
		const body = JSON.stringify({ location: 'nrt' });
		const status = await new Promise((resolve, reject) => {
			const call = http.request(server.url + path, {
				method: 'POST',
				headers: {
					authorization: `Bearer ${server.token}`,
					expect: '100-continue',
					'content-length': body.length,
				},
			});
			call.on('continue', () => call.end(body));
			call.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode)));
			call.on('error', reject);
		});
		assert.equal(status, 200);
	});
	await t.test('36 a client that left before the answer', async () => {
		const count = (await list('bounds')).length;
		const body = JSON.stringify({ location: 'ams', instance_name: 'left-early' });
		const socket = net.connect(server.port, '127.0.0.1');
		await new Promise((resolve) => socket.on('connect', resolve));
		await new Promise((resolve) =>
			socket.write(
				`POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.token}\r\n` +
					`Content-Length: ${body.length}\r\n\r\n${body}`,
				resolve,
			),
		);
		socket.end();
		await until('the instance to be there', async () => (await list('bounds')).length === count + 1);
		const waited = await server.api('GET', `${path}/left-early/wait`);
		assert.equal(waited.status, 200, waited.text);
		socket.destroy();
	});
	await t.test('48 a body shorter than its Content-Length', async () => {
		const count = (await list('bounds')).length;
		const socket = net.connect(server.port, '127.0.0.1');
		await new Promise((resolve) => socket.on('connect', resolve));
		socket.end(
			`POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.token}\r\n` +
				`Content-Length: 1000\r\n\r\n{"location":"ord"}`,
		);
		let text = '';
		socket.on('data', (part) => (text += part));
		await new Promise((resolve) => socket.on('close', resolve));
		assert.doesNotMatch(text, /^HTTP\/1\.1 2/);
		assert.equal((await list('bounds')).length, count);
	});
});

test('names of instances', async (t) => {
	await create_database('named');
	const path = `${base}/named/instances`;

	await t.test('a given name is kept', async () => {
		for (const instance_name of ['mine', 'a', '0', `${'a'.repeat(63)}9`, 'a--b']) {
			const { instance } = await create_instance('named', 'ord', { instance_name });
			assert.equal(instance.name, instance_name);
		}
	});
	await t.test('17 a name in use', async () => {
		const answer = await server.api('POST', path, { location: 'ord', instance_name: 'mine' });
		refused(answer, 409, 'instance mine already exists', 'already_exists');
	});
	await t.test('32 the same name at the same time', async () => {
		const answers = await Promise.all(
			Array.from({ length: 8 }, () => server.api('POST', path, { location: 'ord', instance_name: 'once' })),
		);
		const statuses = answers.map((answer) => answer.status).sort();
		assert.deepEqual(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
		for (const answer of answers)
			if (answer.status === 409) refused(answer, 409, 'instance once already exists', 'already_exists');
	});
	await t.test('a name is free again after its instance is gone', async () => {
		assert.equal((await server.api('DELETE', `${path}/once`)).status, 200);
		await create_instance('named', 'ord', { instance_name: 'once' });
	});
	await t.test('the same name in another database', async () => {
		await create_database('named-too');
		await create_instance('named-too', 'ord', { instance_name: 'mine' });
	});
	await t.test('generated names are unique and readable', async () => {
		const names = new Set();
		for (let i = 0; i < 10; i++) names.add((await create_instance('named')).instance.name);
		assert.equal(names.size, 10);
		for (const name of names) assert.match(name, /^[a-z]+-[a-z]+/);
	});
	await t.test('45 percent-encoded names are decoded', async () => {
		const answer = await server.api('GET', `${base}/%6eamed/instances/%6dine`);
		assert.equal(answer.status, 200, answer.text);
		assert.equal(answer.json.instance.name, 'mine');
	});
});

test('who and what is unknown', async (t) => {
	await create_database('known');
	const { instance } = await create_instance('known');
	const o = `/v1/organizations/${server.organization}`;
	const body = { location: 'ord' };
	const no_database = (name) => `could not find database with name [${name}]: record not found`;

	const rows = [
		['19 organization', '/v1/organizations/nobody/databases/known/instances', 404, 'organization not found', 'org_not_found'],
		['19 organization before database', '/v1/organizations/nobody/databases/none/instances', 404, 'organization not found', 'org_not_found'],
		['22 database', `${o}/databases/none/instances`, 404, no_database('none'), 'database_not_found'],
		['24 characters no name has', `${o}/databases/n%20o%C3%BC/instances`, 404, no_database('n oü'), 'database_not_found'],
		['24 a broken escape', `${o}/databases/%zz/instances`, 400, undefined, 'bad_request'],
		['24 an escaped slash', `${o}/databases/a%2Fb/instances`, 400, undefined, 'bad_request'],
		['24 an escaped NUL', `${o}/databases/a%00b/instances`, 400, undefined, 'bad_request'],
		['24 an empty segment', `${o}/databases//instances`, 404, 'not found', 'route_not_found'],
		['46 database in another letter case', `${o}/databases/Known/instances`, 404, no_database('Known'), 'database_not_found'],
		['46 organization in another letter case', `/v1/organizations/${server.organization.toUpperCase()}/databases/known/instances`, 404, 'organization not found', 'org_not_found'],
	];
	for (const [name, path, status, error, code] of rows)
		await t.test(name, async () => refused(await server.api('POST', path, body), status, error, code));

	await t.test('the path is looked at before the body', async () => {
		refused(await server.api('POST', `${o}/databases/none/instances`, '{'), 404, no_database('none'), 'database_not_found');
	});
	await t.test('28 other methods', async () => {
		for (const method of ['PUT', 'PATCH', 'DELETE']) {
			const answer = await server.api(method, `${o}/databases/known/instances`, body);
			refused(answer, 405, undefined, 'method_not_allowed');
			const allowed = answer.headers.allow.split(/, */);
			assert.deepEqual(allowed.filter((one) => one !== 'HEAD').sort(), ['GET', 'POST']);
		}
		const answer = await server.api('POST', `${o}/databases/known/instances/${instance.name}`, {});
		refused(answer, 405, undefined, 'method_not_allowed');
	});
	await t.test('29 HEAD', async () => {
		const answer = await server.api('HEAD', `${o}/databases/known/instances`);
		assert.equal(answer.status, 200);
		assert.equal(answer.text, '');
	});
	await t.test('30 OPTIONS', async () => {
		refused(await server.api('OPTIONS', `${o}/databases/known/instances`), 405, undefined, 'method_not_allowed');
	});
	await t.test('by UUID', async () => {
		const { DbId } = (await server.api('GET', `${o}/databases/known`)).json.database;
		const answer = await server.api('GET', `${o}/databases/${DbId}/instances`);
		assert.equal(answer.status, 200, answer.text);
		assert.deepEqual(answer.json.instances, [instance]);
		refused(
			await server.api('GET', `${o}/databases/00000000-0000-4000-8000-000000000000`),
			404,
			no_database('00000000-0000-4000-8000-000000000000'),
			'database_not_found',
		);
	});
	await t.test('an unknown instance', async () => {
		for (const [method, tail] of [['GET', ''], ['DELETE', ''], ['GET', '/wait']])
			refused(
				await server.api(method, `${o}/databases/known/instances/none${tail}`),
				404,
				'could not find instance none of database known',
				'instance_not_found',
			);
	});
});

test('many at once', async (t) => {
	await t.test('31 fifty first instances make one primary', async () => {
		await create_database('race');
		const locations = ['ord', 'nrt', 'ams', 'fra', 'syd'];
		const answers = await Promise.all(
			Array.from({ length: 50 }, (_, i) =>
				server.api('POST', `${base}/race/instances`, { location: locations[i % locations.length] }),
			),
		);
		for (const answer of answers) assert.equal(answer.status, 200, answer.text);
		const made = answers.map((answer) => answer.json.instance);
		assert.equal(made.filter((one) => one.type === 'primary').length, 1);
		for (const key of ['uuid', 'name', 'hostname']) assert.equal(new Set(made.map((one) => one[key])).size, 50);

		const instances = await list('race');
		assert.equal(instances.length, 50);
		assert.equal(instances[0].type, 'primary');
		assert.ok(instances.slice(1).every((one) => one.type === 'replica'));
		const { database } = (await server.api('GET', `${base}/race`)).json;
		assert.equal(database.primaryRegion, instances[0].region);
		assert.deepEqual(database.regions, [
			instances[0].region,
			...locations.filter((one) => one !== instances[0].region).sort(),
		]);
		for (const instance of instances.slice(0, 5)) {
			const waited = await server.api('GET', `${base}/race/instances/${instance.name}/wait`);
			assert.equal(waited.status, 200, waited.text);
		}
		assert.equal((await server.api('DELETE', `${base}/race`)).status, 200);
	});

	await t.test('33 creation races destruction and leaves no orphan', async () => {
		for (let round = 0; round < 5; round++) {
			await create_database('fleeting');
			await create_instance('fleeting');
			const [destroyed, ...created] = await Promise.all([
				server.api('DELETE', `${base}/fleeting`),
				...Array.from({ length: 6 }, () => server.api('POST', `${base}/fleeting/instances`, { location: 'nrt' })),
			]);
			assert.equal(destroyed.status, 200, destroyed.text);
			for (const answer of created) {
				assert.ok(answer.status === 200 || answer.status === 404, answer.text);
				if (answer.status === 404) continue;
				const label = label_of(answer.json.instance.hostname);
				const { username, password } = answer.json;
				const asked = await server.sql(label, 'SELECT 1', { basic: [username, password] });
				assert.notEqual(asked.status, 200, 'an instance of a destroyed database answers');
			}
		}
	});

	await t.test('34 the last replica goes while another comes', async () => {
		await create_database('turn');
		await create_instance('turn');
		const { instance: last } = await create_instance('turn', 'nrt');
		const [deleted, created] = await Promise.all([
			server.api('DELETE', `${base}/turn/instances/${last.name}`),
			server.api('POST', `${base}/turn/instances`, { location: 'ams' }),
		]);
		assert.equal(deleted.status, 200, deleted.text);
		assert.equal(created.status, 200, created.text);
		assert.deepEqual((await list('turn')).map((one) => one.type), ['primary', 'replica']);
	});
});

test('35 Idempotency-Key', async (t) => {
	await create_database('retry');
	const path = `${base}/retry/instances`;
	const post = (body, key) => server.api('POST', path, body, { 'idempotency-key': key });

	await t.test('without a key a retry makes a second instance', async () => {
		await create_instance('retry');
		await create_instance('retry');
		assert.equal((await list('retry')).length, 2);
	});
	await t.test('the same key and body give the first answer again', async () => {
		const first = await post({ location: 'nrt' }, 'key-1');
		assert.equal(first.status, 200, first.text);
		const again = await post({ location: 'nrt' }, 'key-1');
		assert.equal(again.status, 200, again.text);
		assert.equal(again.text, first.text);
		assert.equal((await list('retry')).length, 3);
	});
	await t.test('the same key at the same time makes one instance', async () => {
		const answers = await Promise.all(Array.from({ length: 6 }, () => post({ location: 'ams' }, 'key-2')));
		assert.equal(new Set(answers.map((answer) => answer.text)).size, 1, answers[0].text);
		assert.equal((await list('retry')).length, 4);
	});
	await t.test('the same key with another body', async () => {
		refused(await post({ location: 'syd' }, 'key-1'), 409, /Idempotency-Key/, 'already_exists');
	});
	await t.test('a refusal is not kept', async () => {
		assert.equal((await post({ location: 'xyz' }, 'key-3')).status, 400);
		assert.equal((await post({ location: 'fra' }, 'key-3')).status, 200);
	});
	await t.test('another database, the same key', async () => {
		await create_database('retry-too');
		const answer = await server.api('POST', `${base}/retry-too/instances`, { location: 'nrt' }, { 'idempotency-key': 'key-1' });
		assert.equal(answer.status, 200, answer.text);
		assert.equal(answer.json.instance.type, 'primary');
	});
	await t.test('a key that is too long', async () => {
		refused(await post({ location: 'nrt' }, 'k'.repeat(129)), 400, /Idempotency-Key/, 'bad_request');
	});
});

test('without an organization in the path the caller\'s own is meant', async () => {
	const own = `/v1/organizations/${server.username}/databases`;
	assert.equal((await server.api('POST', own, { name: 'twin' })).status, 200);
	const first = await server.api('POST', `${own}/twin/instances`, { location: 'ord' });
	assert.equal(first.status, 200, first.text);
	const second = await server.api('POST', '/v1/databases/twin/instances', { Location: 'nrt' });
	assert.equal(second.status, 200, second.text);
	assert.equal(second.json.instance.type, 'replica');
	const instances = [first.json.instance, second.json.instance];
	assert.deepEqual((await server.api('GET', '/v1/databases/twin/instances')).json, { instances });
	assert.deepEqual((await server.api('GET', `${own}/twin/instances`)).json, { instances });
	refused(
		await server.api('GET', `${base}/twin/instances`),
		404,
		'could not find database with name [twin]: record not found',
		'database_not_found',
	);
});

test('37 instances survive a kill', async () => {
	const other = await startServer();
	try {
		const path = `/v1/organizations/${other.organization}/databases`;
		assert.equal((await other.api('POST', path, { name: 'kept' })).status, 200);
		const first = await other.api('POST', `${path}/kept/instances`, { location: 'ord' });
		const second = await other.api('POST', `${path}/kept/instances`, { location: 'nrt' });
		await other.kill();
		await other.start('127.0.0.1:0');
		const { instances } = (await other.api('GET', `${path}/kept/instances`)).json;
		assert.deepEqual(
			instances.map((one) => [one.uuid, one.name, one.type]),
			[first, second].map((one) => one.json.instance).map((one) => [one.uuid, one.name, one.type]),
		);
		for (const { name } of instances) {
			const waited = await other.api('GET', `${path}/kept/instances/${name}/wait`);
			assert.equal(waited.status, 200, waited.text);
		}
		const { username, password, instance } = second.json;
		assert.deepEqual(await other.rows(label_of(instance.hostname), 'SELECT 1 AS one', { basic: [username, password] }), [
			{ one: 1 },
		]);
	} finally {
		await other.stop();
	}
});
