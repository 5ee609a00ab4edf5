// Locations: spec/platform-api.md §2.5 and §3.4, and those that an operator defines.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { request, run_atolld, startServer } from '../lib/server.mjs';

const define = 'hel=Helsinki, Finland@60.32,24.95; dc-1=Our cellar; aws-eu-north-1=AWS Stockholm@59.33,18.06; ams=Amsterdam Zuid@52.3,4.9';

let server, o;

before(async () => {
	server = await startServer({ args: ['--location-define', define] });
	o = `/v1/organizations/${server.organization}`;
});

after(() => server.stop());

async function get(path, headers) {
	const answer = await server.api('GET', path, undefined, headers);
	assert.equal(answer.status, 200, `${path}: ${answer.text}`);
	return answer.json;
}

test('a list of codes and names', async () => {
	const { locations } = await get('/v1/locations');
	assert.equal(Object.keys(locations).length, 32 + 3);
	assert.deepEqual(Object.keys(locations), Object.keys(locations).sort());
	assert.equal(locations.ord, 'Chicago, Illinois (US)');
	assert.equal(locations.hel, 'Helsinki, Finland');
	assert.equal(locations['dc-1'], 'Our cellar');
	assert.equal(locations.ams, 'Amsterdam Zuid', 'a definition of a built-in code wins');
});

test('with where they are', async () => {
	const { locations } = await get(`/v1/organizations/${server.organization}/locations`);
	const of = Object.fromEntries(locations.map((one) => [one.code, one]));
	assert.deepEqual(Object.keys(of), Object.keys((await get('/v1/locations')).locations));
	assert.deepEqual(of.hel, { code: 'hel', name: 'Helsinki, Finland', latitude: 60.32, longitude: 24.95 });
	assert.deepEqual(of['dc-1'], { code: 'dc-1', name: 'Our cellar', latitude: null, longitude: null });
	assert.equal(of.nrt.longitude, 140.39);
});

test('by platform, in both forms', async () => {
	const { locations } = await get('/v2/locations');
	assert.deepEqual(Object.keys(locations), ['fly', 'aws', 'local']);
	assert.deepEqual(locations.aws, { 'aws-eu-north-1': 'AWS Stockholm' });
	assert.deepEqual(Object.keys(locations.local), ['local']);
	assert.equal(locations.fly.hel, 'Helsinki, Finland');
	assert.equal(Object.keys(locations.fly).length, 33);
	assert.deepEqual(await get(`/v2/organizations/${server.organization}/locations`), { locations });
});

test('one, with those closest to it', async () => {
	assert.deepEqual(await get('/v1/locations/hel'), {
		location: {
			code: 'hel',
			description: 'Helsinki, Finland',
			closest: [
				{ code: 'arn', description: 'Stockholm, Sweden' },
				{ code: 'aws-eu-north-1', description: 'AWS Stockholm' },
				{ code: 'waw', description: 'Warsaw, Poland' },
			],
		},
	});
	assert.deepEqual((await get('/v1/locations/dc-1')).location.closest, [], 'what is nowhere is near to none');
	for (const code of ['xyz', 'HEL', 'hel%20']) {
		const { status, json } = await server.api('GET', `/v1/locations/${code}`);
		assert.deepEqual([status, json], [404, { error: 'location not found', code: 'location_not_found' }]);
	}
});

test('who may ask', async () => {
	for (const path of ['/v1/locations', '/v1/locations/ord', '/v2/locations', `/v2/organizations/${server.organization}/locations`]) {
		const { status } = await server.api('GET', path, undefined, { authorization: null });
		assert.equal(status, 401, path);
	}
	const { status, json } = await request(`${server.url}/closest-region`);
	assert.deepEqual([status, json], [200, { server: 'ams', client: 'ams' }]);
});

test('a database lives in a location of the operator, also after it is gone', async () => {
	const db = await server.createDatabase('cellar', ['hel', 'dc-1']);
	await server.rows(db.label, 'CREATE TABLE t (x)');
	assert.deepEqual(
		db.instances.map(({ type, region }) => [type, region]),
		[
			['primary', 'hel'],
			['replica', 'dc-1'],
		],
	);
	await server.restart({ args: ['--locations', 'ord,nrt', '--closest-region', 'nrt'] });
	const { database } = await get(db.path);
	assert.deepEqual([database.primaryRegion, database.regions], ['hel', ['hel', 'dc-1']]);
	await server.rows(db.label, 'INSERT INTO t VALUES (1)');
	await server.caught_up(db, 'SELECT x FROM t');
	const refused = await server.api('POST', `${db.path}/instances`, { location: 'hel' });
	assert.deepEqual([refused.status, refused.json.error], [400, 'invalid location: hel']);
	assert.deepEqual(Object.keys((await get('/v1/locations')).locations), ['nrt', 'ord']);
	assert.deepEqual((await request(`${server.url}/closest-region`)).json, { server: 'nrt', client: 'nrt' });
});

test('what cannot be a location ends the start with its reason', async () => {
	for (const [args, message] of [
		[['--location-define', 'hel'], 'location-define: "hel": expected CODE=NAME or CODE=NAME@LATITUDE,LONGITUDE'],
		[['--location-define', 'hel=H@91,0'], 'location-define: location hel: latitude "91" is not a number from -90 to 90'],
		[['--location-define', 'hel=H;hel=I'], 'location-define: location hel is defined twice'],
		[['--locations', 'hel'], 'locations: there is no location "hel"'],
	]) {
		const { code, stderr } = await run_atolld(['--listen', '127.0.0.1:0', '--data', `${server.data}/none`, ...args]);
		assert.equal(code, 2, stderr);
		const [name, ...rest] = message.split(':');
		assert.ok(stderr.includes(`atolld: setting "${name}" (flag --${name}):${rest.join(':')}\n`), stderr);
	}
});
