// curl replays the documented example of creating an instance to the letter, and opens what it made.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { label_of, startServer } from '../lib/server.mjs';

const execute = promisify(execFile);

let server;
before(async () => {
	server = await startServer({ args: ['--organization', 'my-org', '--username', 'me'] });
});
after(() => server?.stop());

/// Runs a shell text as a person would type it.
async function shell(text) {
	const { stdout } = await execute('bash', ['-euo', 'pipefail', '-c', text], {
		env: { ...process.env, TURSO_TOKEN: server.token, TURSO_BASE_URL: server.url },
		maxBuffer: 16 << 20,
	});
	return stdout;
}

const seed_example = `curl \\
  -X POST \\
  -H "Authorization: Bearer $TURSO_TOKEN" \\
  "$TURSO_BASE_URL/v1/organizations/my-org/databases/my-db/instances" \\
  -d '{"location": "ord", "image": "latest"}'`;

test('curl replays the example to the letter', async (t) => {
	await shell(`curl -fsS -X POST -H "Authorization: Bearer $TURSO_TOKEN" \\
		"$TURSO_BASE_URL/v1/organizations/my-org/databases" -d '{"name": "my-db", "image": "latest"}'`);

	let first;
	await t.test('the first instance is the primary', async () => {
		first = JSON.parse(await shell(seed_example));
		assert.deepEqual(Object.keys(first).sort(), ['instance', 'password', 'username']);
		assert.deepEqual(Object.keys(first.instance).sort(), ['hostname', 'name', 'region', 'type', 'uuid']);
		assert.match(first.instance.uuid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
		assert.match(first.instance.name, /^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$/);
		assert.equal(first.instance.type, 'primary');
		assert.equal(first.instance.region, 'ord');
		assert.match(first.instance.hostname, new RegExp(`^[0-9a-f]{14}-my-db-my-org\\.localhost:${server.port}$`));
		assert.ok(first.password.length >= 24, first.password);
		assert.ok(first.username.length > 0);
	});

	await t.test('the same command again makes a replica with a name and password of its own', async () => {
		const second = JSON.parse(await shell(seed_example));
		assert.equal(second.instance.type, 'replica');
		assert.notEqual(second.instance.name, first.instance.name);
		assert.notEqual(second.password, first.password);
		assert.equal(second.username, first.username);
	});

	await t.test('username and password open the instance by HTTP Basic', async () => {
		const label = label_of(first.instance.hostname);
		const pipeline = JSON.stringify({
			requests: [{ type: 'execute', stmt: { sql: "SELECT 'it works' AS answer" } }, { type: 'close' }],
		});
		const answer = JSON.parse(
			await shell(
				`curl -fsS -u '${first.username}:${first.password}' "$TURSO_BASE_URL/db/${label}/v2/pipeline" -d '${pipeline.replaceAll("'", "'\\''")}'`,
			),
		);
		assert.deepEqual(answer.results[0].response.result.rows, [[{ type: 'text', value: 'it works' }]]);
		const status = (user) =>
			shell(
				`curl -sS -o /dev/null -w '%{http_code}' -u '${user}' "$TURSO_BASE_URL/db/${label}/v2/pipeline" -d '{"requests":[]}'`,
			);
		assert.equal(await status(`${first.username}:${first.password}x`), '401');
		assert.equal(await status(`${first.username}x:${first.password}`), '401');
		assert.equal(await status(`${first.username}:`), '401');
		// By its own name, as the answer gave it: curl knows that *.localhost is this machine.
		const by_host = await shell(
			`curl -fsS -u '${first.username}:${first.password}' 'http://${first.instance.hostname}/v2/pipeline' -d '{"requests":[]}'`,
		);
		assert.deepEqual(JSON.parse(by_host).results, []);
	});

	await t.test('the primary cannot be destroyed, a replica can', async () => {
		const base = '"$TURSO_BASE_URL/v1/organizations/my-org/databases/my-db/instances';
		const list = async () =>
			JSON.parse(await shell(`curl -fsS -H "Authorization: Bearer $TURSO_TOKEN" ${base}"`)).instances;
		const destroy = async (name) => {
			const out = await shell(
				`curl -sS -X DELETE -w '\\n%{http_code}' -H "Authorization: Bearer $TURSO_TOKEN" ${base}/${name}"`,
			);
			const [body, status] = out.split('\n');
			return { status: Number(status), body: JSON.parse(body) };
		};
		const [primary, replica] = await list();
		const refused = await destroy(primary.name);
		assert.equal(refused.status, 400);
		assert.match(refused.body.error, /cannot destroy the primary instance of database my-db/);
		assert.deepEqual(await destroy(replica.name), { status: 200, body: { instance: replica.name } });
		const again = await destroy(replica.name);
		assert.equal(again.status, 404);
		assert.equal(again.body.error, `could not find instance ${replica.name} of database my-db`);
		assert.deepEqual(await list(), [primary]);
	});

	await t.test('bad requests are told what is wrong', async () => {
		const post = async (body, extra = '') => {
			const out = await shell(
				`curl -sS -X POST ${extra} -w '\\n%{http_code}' -H "Authorization: Bearer $TURSO_TOKEN" \\
				"$TURSO_BASE_URL/v1/organizations/my-org/databases/my-db/instances" -d '${body}'`,
			);
			const at = out.lastIndexOf('\n');
			return [Number(out.slice(at + 1)), JSON.parse(out.slice(0, at)).error];
		};
		assert.deepEqual(await post('{"location": "xyz"}'), [400, 'invalid location: xyz']);
		assert.deepEqual(await post('{}'), [400, 'location is required']);
		assert.deepEqual(await post('{"location": "ord", "image": "beta"}'), [400, 'invalid image: beta']);
		const [status, error] = await post('{"location": ');
		assert.equal(status, 400);
		assert.match(error, /^invalid JSON body/);
	});
});
