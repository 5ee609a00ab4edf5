// The page this product began with, replayed to the letter: curl as a person types it, its form content type included.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { startServer } from '../lib/server.mjs';

const run = promisify(execFile);

let server;

before(async () => {
	server = await startServer({ args: ['--organization', 'my-org'] });
	const created = await server.api('POST', '/v1/organizations/my-org/databases', { name: 'my-db' });
	assert.equal(created.status, 200, created.text);
});

after(() => server.stop());

// The command is given to a shell as the page prints it.
async function shell(command) {
	const { stdout } = await run('bash', ['-euc', command], {
		env: { ...process.env, TURSO_TOKEN: server.token, TURSO_BASE_URL: server.url },
	});
	return stdout;
}

const create_instance = `curl --silent --show-error \\
  -X POST \\
  -H "Authorization: Bearer $TURSO_TOKEN" \\
  "$TURSO_BASE_URL/v1/organizations/my-org/databases/my-db/instances" \\
  -d '{"location": "ord", "image": "latest"}'
`;

test('the example of the page', async (t) => {
	let first;

	await t.test('answers as the page shows', async () => {
		const answer = JSON.parse(await shell(create_instance));
		assert.deepEqual(Object.keys(answer).sort(), ['instance', 'password', 'username']);
		assert.deepEqual(Object.keys(answer.instance).sort(), ['hostname', 'name', 'region', 'type', 'uuid']);
		first = answer.instance;
		assert.match(first.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
		assert.match(first.name, /^[a-z0-9]+(-[a-z0-9]+)+$/);
		assert.equal(first.type, 'primary');
		assert.equal(first.region, 'ord');
		assert.equal(first.hostname.split('.')[0].slice(14), '-my-db-my-org');
		assert.match(first.hostname, new RegExp(`^[0-9a-f]{14}-my-db-my-org\\.localhost:${server.port}$`));
		assert.equal(typeof answer.username, 'string');
		assert.ok(answer.username.length > 0);
		assert.ok(answer.password.length >= 24, 'a password of at least 24 characters');
		assert.doesNotMatch(answer.password, /[\s":@/]/, 'a password that can stand in a URL');
	});

	await t.test('gives a replica the second time', async () => {
		const answer = JSON.parse(await shell(create_instance));
		assert.equal(answer.instance.type, 'replica');
		assert.equal(answer.instance.region, 'ord');
		assert.notEqual(answer.instance.name, first.name);
		assert.notEqual(answer.instance.uuid, first.uuid);
		assert.notEqual(answer.instance.hostname, first.hostname);
	});

	await t.test('never lets go of the first instance', async () => {
		const answer = JSON.parse(
			await shell(`curl --silent -X DELETE -H "Authorization: Bearer $TURSO_TOKEN" \\
				"$TURSO_BASE_URL/v1/organizations/my-org/databases/my-db/instances/${first.name}"`),
		);
		assert.equal(answer.error, 'cannot destroy the primary instance of database my-db');
		const list = await server.api('GET', '/v1/organizations/my-org/databases/my-db/instances');
		assert.equal(list.json.instances.length, 2);
		assert.deepEqual(list.json.instances[0], first);
	});
});

test('username and password of the answer open the instance, and only they', async () => {
	const { instance, username, password } = JSON.parse(await shell(create_instance));
	const label = instance.hostname.split('.')[0];
	const waited = await server.api(
		'GET',
		`/v1/organizations/my-org/databases/my-db/instances/${instance.name}/wait`,
	);
	assert.equal(waited.status, 200, waited.text);
	assert.equal(waited.text, '');

	const query = JSON.stringify({
		requests: [{ type: 'execute', stmt: { sql: 'SELECT 6 * 7 AS answer' } }, { type: 'close' }],
	});
	const open = `curl --silent --show-error --user '${username}:${password}' \\
		"$TURSO_BASE_URL/db/${label}/v2/pipeline" -d '${query}'`;
	const result = JSON.parse(await shell(open));
	assert.equal(result.results[0].type, 'ok', JSON.stringify(result));
	assert.equal(result.results[0].response.result.rows[0][0].value, '42');

	const status = await shell(`curl --silent --output /dev/null --write-out '%{http_code}' \\
		--user '${username}:x${password}' "$TURSO_BASE_URL/db/${label}/v2/pipeline" -d '${query}'`);
	assert.equal(status, '401');
});
