// Migrations of a group on the command line: the real atoll against a real atolld.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { at_terminal, client_of, new_folder } from '../lib/cli.mjs';
import { startServer } from '../lib/server.mjs';

let server, env, done, done_json, fails;
const folder = new_folder();

before(async () => {
	server = await startServer();
	env = { ATOLL_URL: server.url, ATOLL_TOKEN: server.token, ATOLL_ORG: server.organization };
	({ done, done_json, fails } = client_of(env));
	await done(['group', 'create', 'tenants', '--location', 'ord']);
	for (const name of ['red', 'green', 'blue']) {
		await done(['db', 'create', name, '--group', 'tenants']);
		await done(['db', 'shell', name, 'CREATE TABLE t (x INTEGER)']);
	}
	await done(['db', 'shell', 'green', 'CREATE TABLE extra (y)']);
});
after(() => server?.stop());

function file(name, sql) {
	const at = path.join(folder, name);
	writeFileSync(at, sql);
	return at;
}

test('one that goes well, and again', async () => {
	const add = file('0001-add.sql', 'ALTER TABLE t ADD COLUMN y TEXT;\nINSERT INTO t VALUES (1, \'one\');\n');
	assert.match(await done(['group', 'migrate', 'tenants', add, '--yes']), /^0001-add.sql done: 3 done\.$/m);
	assert.deepEqual(await done_json(['db', 'shell', 'blue', 'SELECT * FROM t']), [{ x: 1, y: 'one' }]);
	assert.match(await done(['group', 'migrate', 'tenants', add, '--yes']), /^0001-add.sql done: 3 skipped\.$/m);
	assert.deepEqual(await done_json(['db', 'shell', 'blue', 'SELECT count(*) AS n FROM t']), [{ n: 1 }]);
	assert.match(await done(['group', 'migrations', 'list', 'tenants']), /0001-add\.sql +done +0 +0 +3 +0/);
});

test('one that fails in a database says where, and goes on once it is mended', async () => {
	const extra = file('0002-extra.sql', 'INSERT INTO t VALUES (2, \'two\');\nCREATE TABLE extra (y);\n');
	const said = await fails(['group', 'migrate', 'tenants', extra, '--yes', '--try', 'none', '--concurrency', '1'], 1);
	assert.match(said, /some databases failed; when it is mended: atoll group migrations resume tenants ([0-9a-f-]{36})/);
	const id = said.match(/resume tenants ([0-9a-f-]{36})/)[1];
	const shown = await done(['group', 'migrations', 'show', 'tenants', id, '--status', 'failed']);
	assert.match(shown, /^green +failed +2 +\S+ +.*table extra already exists/m);
	assert.doesNotMatch(shown, /^(red|blue) /m);
	assert.deepEqual(await done_json(['db', 'shell', 'green', 'SELECT count(*) AS n FROM t']), [{ n: 1 }]);
	await done(['db', 'shell', 'green', 'DROP TABLE extra']);
	const { migration, databases } = await done_json(['group', 'migrations', 'resume', 'tenants', id]);
	assert.equal(migration.status, 'done');
	assert.deepEqual(databases, []);
	assert.match(await done(['group', 'migrations', 'cancel', 'tenants', id]), /done: 3 done/);
	assert.match(await fails(['group', 'migrations', 'show', 'tenants', 'none'], 1), /migration not found/);
});

test('a dry run applies nothing, and what cannot work is refused', async () => {
	const drop = file('0003-drop.sql', 'DROP TABLE t;');
	assert.match(await done(['group', 'migrate', 'tenants', drop, '--dry-run']), /^0003-drop.sql done: 3 passed\.$/m);
	assert.deepEqual(await done_json(['db', 'shell', 'red', 'SELECT count(*) AS n FROM t']), [{ n: 2 }]);
	assert.match(await fails(['group', 'migrate', 'tenants', file('bad.sql', 'SELECT 1; VACUUM;')], 2), /nobody can be asked/);
	assert.match(await fails(['group', 'migrate', 'tenants', file('bad.sql', 'SELECT 1; VACUUM;'), '--yes'], 1), /statement 2: VACUUM/);
	assert.match(await fails(['group', 'migrate', 'tenants', path.join(folder, 'none.sql'), '--yes'], 2), /none\.sql cannot be read/);
	assert.match(await fails(['group', 'migrate', 'tenants', drop, '--yes', '--concurrency', 'many'], 2), /whole number/);
	assert.match(await fails(['group', 'migrate', 'tenants', drop, '--yes', '--concurrency', '17'], 1), /concurrency/);
});

test('at a terminal it asks', async () => {
	const drop = file('0004-drop.sql', 'DROP TABLE missing;');
	const { code } = await at_terminal(['group', 'migrate', 'tenants', drop], [[/0004-drop\.sql is applied to every database/, 'no\r']], { env });
	assert.equal(code, 1);
	assert.doesNotMatch(await done(['group', 'migrations', 'list', 'tenants']), /0004/);
});
