// The command line: the real atoll against a real atolld, judged by its output, its exit status and what it leaves.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { at_terminal, atoll, client_of, new_folder } from '../lib/cli.mjs';
import { label_of, request, startServer } from '../lib/server.mjs';

const unreachable = 'http://127.0.0.1:1';

describe('atoll without a server', () => {
	test('explains itself on stdout and ends with 0', async () => {
		for (const args of [['--help'], ['help'], ['db', '--help'], ['db', 'create', '-h'], ['help', 'db', 'shell']]) {
			const { code, stdout, stderr } = await atoll(args);
			assert.equal(code, 0, args.join(' '));
			assert.match(stdout, /^usage: atoll /);
			assert.equal(stderr, '');
		}
		assert.match((await atoll(['--version'])).stdout, /^atoll \d+\.\d+\.\d+\n$/);
	});

	test('says on stderr what is wrong with the command line and ends with 2', async () => {
		const cases = [
			[[], /no command given/],
			[['db'], /"db" needs a verb/],
			[['db', 'fly'], /there is no command "db fly"/],
			[['db', 'replicate', 'x'], /LOCATION is missing/],
			[['db', 'list', 'x'], /one argument too many/],
			[['db', 'list', '--frobnicate'], /unknown option --frobnicate/],
			[['db', 'list', '--url', 'nowhere'], /--url: nowhere is not an address of a server/],
			[['db', 'shell', 'x', '--mode', 'box'], /--mode: "box" is not one of table/],
		];
		for (const [args, message] of cases) {
			const { code, stdout, stderr } = await atoll(args);
			assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
			assert.equal(stdout, '');
			assert.match(stderr, message);
			assert.match(stderr, /^usage: atoll/m);
		}
	});

	test('ends with 3 when the server cannot be reached, and says who named it', async () => {
		const flags = await atoll(['db', 'list', '--url', unreachable, '--token', 'x']);
		assert.equal(flags.code, 3);
		assert.match(flags.stderr, /cannot reach the server at http:\/\/127\.0\.0\.1:1 \(from --url\)/);
		const variables = await atoll(['db', 'list'], { env: { ATOLL_URL: unreachable, ATOLL_TOKEN: 'x' } });
		assert.equal(variables.code, 3);
		assert.match(variables.stderr, /from ATOLL_URL/);
		const turso = await atoll(['db', 'list'], { env: { TURSO_API_BASE_URL: unreachable, TURSO_API_TOKEN: 'x' } });
		assert.equal(turso.code, 3);
		assert.match(turso.stderr, /from TURSO_API_BASE_URL/);
		assert.equal((await atoll(['health', '--url', unreachable])).code, 3);
		assert.equal((await atoll(['db', 'shell', `${unreachable}/`, 'SELECT 1'])).code, 3);
	});

	test('ends with 4 when there is no token', async () => {
		const { code, stderr } = await atoll(['db', 'list']);
		assert.equal(code, 4);
		assert.match(stderr, /atoll auth login/);
	});
});

describe('atoll with a server', () => {
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

	/// Rows of a statement through db shell.
	async function rows(database, sql, args = []) {
		return done_json(['db', 'shell', database, sql, ...args]);
	}

	test('health --ready tells what keeps a server from work', async () => {
		const full = await startServer({ args: ['--disk-free-min', '1024gb'] });
		try {
			assert.equal((await atoll(['health', full.url])).code, 0);
			const { code, stderr } = await atoll(['health', '--ready', full.url]);
			assert.equal(code, 1);
			assert.match(stderr, /disk-free-min/);
		} finally {
			await full.stop();
		}
	});

	describe('settings', () => {
		test('health needs no token', async () => {
			const { code, stdout } = await atoll(['health'], { env: { ATOLL_URL: server.url } });
			assert.equal(code, 0);
			assert.match(stdout, /is alive/);
			assert.equal((await done_json(['health'])).status, 'ok');
			const given = await atoll(['health', `${server.url}/`], { env: { ATOLL_URL: unreachable } });
			assert.equal(given.code, 0, given.stderr);
			assert.equal((await atoll(['health', 'ftp://nowhere'])).code, 2);
			assert.match(await done(['health', '--ready']), /^ok +platform_store$/m);
			assert.equal((await done_json(['health', '--ready'])).status, 'ok');
		});

		test('a bootstrap.json in the current folder is enough', async () => {
			const cwd = new_folder();
			mkdirSync(path.join(cwd, 'atoll-data'));
			const bootstrap = { ...server.bootstrap, url: server.url };
			writeFileSync(path.join(cwd, 'atoll-data/bootstrap.json'), JSON.stringify(bootstrap));
			assert.equal((await done(['auth', 'whoami'], { cwd, env: {} })).trim(), server.username);
			const settings = await done_json(['config', 'show'], { cwd, env: {} });
			assert.equal(settings.url.value, server.url);
			assert.match(settings.token.origin, /bootstrap\.json/);
			assert.equal(settings.organization.value, server.organization);
			assert.ok(!JSON.stringify(settings).includes(server.token), 'the token is not shown');
		});

		test('login keeps the token, readable for its owner only, and logout forgets it', async () => {
			const HOME = new_folder();
			const file = path.join(HOME, '.config/atoll/config.ini');
			const in_home = { env: { HOME } };
			const said = await done(['auth', 'login', '--url', server.url, '--token', server.token], in_home);
			assert.ok(said.includes(server.username) && said.includes(file));
			assert.equal(statSync(file).mode & 0o777, 0o600);
			assert.equal((await done(['auth', 'whoami'], in_home)).trim(), server.username);
			assert.equal((await done(['auth', 'token'], in_home)).trim(), server.token);

			const elsewhere = await fails(['auth', 'whoami', '--url', unreachable], 4, in_home);
			assert.match(elsewhere, /the token in .*config\.ini is for/, 'a stored token is for its server only');

			await done(['auth', 'logout'], in_home);
			assert.ok(!readFileSync(file, 'utf8').includes(server.token));
			await fails(['auth', 'whoami'], 4, in_home);
		});

		test('login takes the token from standard input and refuses a wrong one', async () => {
			const HOME = new_folder();
			await done(['auth', 'login', '--url', server.url], { env: { HOME }, input: `${server.token}\n` });
			assert.equal((await done(['auth', 'whoami'], { env: { HOME } })).trim(), server.username);
			const other = new_folder();
			await fails(['auth', 'login', '--url', server.url, '--token', 'wrong'], 4, { env: { HOME: other } });
			assert.throws(() => statSync(path.join(other, '.config/atoll/config.ini')));
		});

		test('a refused token is named by where it came from', async () => {
			const stderr = await fails(['db', 'list'], 4, { env: { ...env, ATOLL_TOKEN: 'wrong' } });
			assert.match(stderr, /does not accept the token from ATOLL_TOKEN/);
		});

		test('an organization that is none is named by where it came from', async () => {
			const stderr = await fails(['db', 'list'], 1, { env: { ...env, ATOLL_ORG: 'no-such-org' } });
			assert.match(stderr, /no-such-org comes from ATOLL_ORG/);
		});

		test('without a word on the organization the own one is taken', async () => {
			const { ATOLL_ORG, ...rest } = env;
			assert.match(await done(['org', 'show'], { env: rest }), new RegExp(server.organization));
		});
	});

	describe('auth and org', () => {
		test('a platform token is minted, works, and is worthless once revoked', async () => {
			const token = (await done(['auth', 'api-tokens', 'mint', 'ci'])).trim();
			const with_it = { env: { ...env, ATOLL_TOKEN: token } };
			assert.equal((await done(['auth', 'whoami'], with_it)).trim(), server.username);
			assert.match(await done(['auth', 'api-tokens', 'list']), /^ci /m);
			assert.ok((await done_json(['auth', 'api-tokens', 'list'])).tokens.some(({ name }) => name === 'ci'));
			await fails(['auth', 'api-tokens', 'mint', 'ci'], 1);
			await done(['auth', 'api-tokens', 'revoke', 'ci']);
			await fails(['auth', 'whoami'], 4, with_it);
			await fails(['auth', 'api-tokens', 'revoke', 'ci'], 1);
		});

		test('organizations and members are listed', async () => {
			assert.match(await done(['org', 'list']), new RegExp(`^${server.organization} .*\\(current\\)$`, 'm'));
			assert.equal((await done_json(['org', 'show'])).organization.slug, server.organization);
			const { members } = await done_json(['org', 'members', 'list']);
			assert.ok(members.some(({ username, role }) => username === server.username && role === 'owner'));
			assert.match(await done(['org', 'members', 'list']), /owner/);
		});

		test('org switch is remembered', async () => {
			const HOME = new_folder();
			const { ATOLL_ORG, ...rest } = env;
			const in_home = { env: { ...rest, HOME } };
			await done(['org', 'switch', server.organization], in_home);
			const settings = await done_json(['config', 'show'], in_home);
			assert.equal(settings.organization.value, server.organization);
			assert.match(settings.organization.origin, /config\.ini/);
			await fails(['org', 'switch', 'no-such-org'], 1, in_home);
		});
	});

	describe('databases', () => {
		test('a database is created, replicated, shown, and destroyed piece by piece', async () => {
			assert.match(await done(['db', 'create', 'life']), /atoll db replicate life/);
			assert.match(await fails(['db', 'create', 'life'], 1), /already exists/);
			assert.match(await done(['db', 'instances', 'life']), /no instance yet/);
			assert.match(await fails(['db', 'shell', 'life', 'SELECT 1'], 1), /atoll db replicate life LOCATION/);

			assert.match(await done(['db', 'replicate', 'life', 'ord']), /in ord \(primary\), ready after/);
			const replica = await done_json(['db', 'replicate', 'life', 'nrt', 'second-one']);
			assert.equal(replica.instance.type, 'replica');
			assert.equal(replica.instance.name, 'second-one');
			assert.ok(replica.password, '--json has the credentials, shown only now');
			assert.match(await fails(['db', 'replicate', 'life', 'xyz'], 1), /invalid location: xyz[^]*atoll db locations/);
			assert.match(await fails(['db', 'replicate', 'life', 'ord', 'second-one'], 1), /already exists/);

			assert.match(await done(['db', 'list']), /^life +ord, nrt +http/m);
			const shown = await done_json(['db', 'show', 'life']);
			assert.deepEqual(
				shown.instances.map(({ type, region }) => `${type} ${region}`),
				['primary ord', 'replica nrt'],
			);
			const label = label_of(shown.database.Hostname);
			assert.equal((await done(['db', 'show', 'life', '--url'])).trim(), `${server.url}/db/${label}/`);
			assert.equal((await done(['db', 'show', 'life', '--http-url'])).trim(), `${server.url}/db/${label}/`);
			const urls = (await done(['db', 'show', 'life', '--instance-urls'])).trim().split('\n');
			assert.deepEqual(urls, Object.values(shown.instance_urls));
			assert.match(await done(['db', 'show', 'life']), /second-one +replica +nrt/);

			const primary = shown.instances[0].name;
			assert.match(await fails(['db', 'destroy', 'life'], 2), /--yes/);
			assert.match(await fails(['db', 'destroy', 'life', '--instance', primary, '--yes'], 1), /primary/);
			assert.match(await fails(['db', 'destroy', 'life', '--location', 'ord', '--yes'], 1), /primary/);
			await done(['db', 'destroy', 'life', '--instance', 'second-one', '--yes']);
			await done(['db', 'replicate', 'life', 'nrt', '--no-wait']);
			await done(['db', 'replicate', 'life', 'nrt', '--wait']);
			await done(['db', 'destroy', 'life', '--location', 'nrt', '-y']);
			assert.equal((await done_json(['db', 'instances', 'life'])).instances.length, 1);
			assert.match(await fails(['db', 'destroy', 'life', '--location', 'nrt', '-y'], 1), /no instance in nrt/);
			await done(['db', 'destroy', 'life', '--yes']);
			assert.match(await fails(['db', 'show', 'life'], 1), /could not find database/);
		});

		test('db create --location gives a database that can be used', async () => {
			const created = await done_json(['db', 'create', 'ready', '--location', 'ord']);
			assert.equal(created.instance.type, 'primary');
			const answer = await request(`${created.url}v2/pipeline`, {
				method: 'POST',
				headers: {
					authorization: `Basic ${Buffer.from(`${created.username}:${created.password}`).toString('base64')}`,
				},
				body: { requests: [{ type: 'execute', stmt: { sql: 'SELECT 1' } }, { type: 'close' }] },
			});
			assert.equal(answer.status, 200, answer.text);
			await done(['db', 'destroy', 'ready', '--yes']);
		});

		test('a wrong location leaves no database behind', async () => {
			assert.match(await fails(['db', 'create', 'nowhere', '--location', 'xyz'], 1), /invalid location: xyz/);
			await fails(['db', 'show', 'nowhere'], 1);
		});

		test('a name is made up when none is given', async () => {
			const { database } = await done_json(['db', 'create']);
			assert.match(database.Name, /^[a-z]+-[a-z]+$/);
			await done(['db', 'destroy', database.Name, '--yes']);
		});

		test('locations are listed', async () => {
			assert.match(await done(['db', 'locations']), /^ord +Chicago/m);
			assert.ok((await done_json(['db', 'locations'])).locations.nrt);
		});
	});

	describe('db shell', () => {
		before(async () => {
			await done(['db', 'create', 'sql', '--location', 'ord']);
			await done(['db', 'replicate', 'sql', 'nrt', 'far']);
		});

		test('prints results in each mode', async () => {
			const sql = `SELECT 1 AS id, '' AS t, NULL AS n, x'0aff' AS b, 'São 日本' AS w UNION ALL SELECT -20, 'a,"b"', 1.5, x'', 'x'`;
			const in_mode = (mode) => done(['db', 'shell', 'sql', sql, '--mode', mode]);
			assert.equal(
				await in_mode('table'),
				[
					'id   t      n     b        w',
					'---  -----  ----  -------  --------',
					"  1         NULL  x'0aff'  São 日本",
					`-20  a,"b"   1.5  x''      x`,
					'',
				].join('\n'),
			);
			assert.equal(await in_mode('list'), `id|t|n|b|w\n1||NULL|x'0aff'|São 日本\n-20|a,"b"|1.5|x''|x\n`);
			assert.equal(await in_mode('csv'), `id,t,n,b,w\n1,"",,x'0aff',São 日本\n-20,"a,""b""",1.5,x'',x\n`);
			assert.deepEqual(JSON.parse(await in_mode('json')), [
				{ id: 1, t: '', n: null, b: { base64: 'Cv8' }, w: 'São 日本' },
				{ id: -20, t: 'a,"b"', n: 1.5, b: { base64: '' }, w: 'x' },
			]);
			assert.match(await in_mode('line'), /^id = 1\n t = \n n = NULL\n/);
			assert.match(await in_mode('markdown'), /^\| id \| t \| n \| b \| w \|\n\|---\|/);
			assert.equal(await done(['db', 'shell', 'sql', '--mode', 'list', '--no-headers', 'SELECT 1, 2']), '1|2\n');
			assert.equal(await done(['db', 'shell', 'sql', '--mode', 'list', 'SELECT 9223372036854775807 AS big']), 'big\n9223372036854775807\n');
		});

		test('reads statements from standard input, over lines and with dot-commands between', async () => {
			const input = [
				'CREATE TABLE a(id INTEGER PRIMARY KEY, t);',
				'CREATE TABLE log(id); CREATE INDEX log_id ON log(id);',
				'CREATE TRIGGER tr AFTER INSERT ON a BEGIN',
				"  INSERT INTO log VALUES(new.id); INSERT INTO log VALUES(';');",
				'END;',
				"INSERT INTO a VALUES(1, 'semi;colon'), -- a comment; really",
				"  (2, 'it''s');",
				'.mode list',
				'.headers off',
				'SELECT * FROM a',
			].join('\n');
			assert.equal(await done(['db', 'shell', 'sql'], { input }), "1|semi;colon\n2|it's\n");
			assert.deepEqual(await rows('sql', 'SELECT count(*) AS n FROM log'), [{ n: 4 }]);
			assert.equal(await done(['db', 'shell', 'sql', '.tables']), 'a\nlog\n');
			assert.equal(await done(['db', 'shell', 'sql', '.tables l%']), 'log\n');
			assert.equal(await done(['db', 'shell', 'sql', '.indexes']), 'log_id\n');
			assert.match(await done(['db', 'shell', 'sql', '.schema a']), /^CREATE TABLE a\(.*\);\nCREATE TRIGGER tr [^]*END;\n$/);
		});

		test('a transaction spans statements', async () => {
			await done(['db', 'shell', 'sql'], { input: 'CREATE TABLE tx(x);\nBEGIN;\nINSERT INTO tx VALUES(1);\nINSERT INTO tx VALUES(2);\nCOMMIT;\n' });
			assert.deepEqual(await rows('sql', 'SELECT count(*) AS n FROM tx'), [{ n: 2 }]);
			const rolled_back = 'BEGIN;\nDELETE FROM tx;\nROLLBACK;\nSELECT count(*) AS n FROM tx;\n';
			assert.deepEqual(JSON.parse(await done(['db', 'shell', 'sql', '--json'], { input: rolled_back })), [{ n: 2 }]);
			const open = await fails(['db', 'shell', 'sql'], 1, { input: 'BEGIN;\nDELETE FROM tx;\n' });
			assert.match(open, /ended inside a transaction/);
			assert.deepEqual(await rows('sql', 'SELECT count(*) AS n FROM tx'), [{ n: 2 }]);
		});

		test('the first statement that fails ends the run with 1', async () => {
			const input = 'CREATE TABLE f(x PRIMARY KEY);\n\nINSERT INTO f VALUES(1);\nINSERT INTO f\n VALUES(1);\nINSERT INTO f VALUES(2);\n';
			const stderr = await fails(['db', 'shell', 'sql'], 1, { input });
			assert.match(stderr, /line 4: .*UNIQUE constraint failed: f\.x \(SQLITE_CONSTRAINT/);
			assert.deepEqual(await rows('sql', 'SELECT x FROM f'), [{ x: 1 }]);
			assert.match(await fails(['db', 'shell', 'sql', 'SELECT nope'], 1), /no such column: nope/);
			assert.match(await fails(['db', 'shell', 'sql', "SELECT 'open"], 1), /ends inside a quoted text/);
			assert.match(await fails(['db', 'shell', 'sql', '.frobnicate'], 1), /\.help lists them/);
		});

		test('.read runs a file and says where it failed', async () => {
			const cwd = new_folder();
			writeFileSync(path.join(cwd, 'good.sql'), 'CREATE TABLE r(x);\n.read "more.sql"\nSELECT x FROM r;\n');
			writeFileSync(path.join(cwd, 'more.sql'), 'INSERT INTO r VALUES(7);\n');
			writeFileSync(path.join(cwd, 'bad.sql'), 'SELECT 1;\n\nSELECT * FROM no_such_table;\n');
			assert.deepEqual(JSON.parse(await done(['db', 'shell', 'sql', '.read good.sql', '--json'], { cwd })), [{ x: 7 }]);
			assert.match(await fails(['db', 'shell', 'sql', '.read bad.sql'], 1, { cwd }), /bad\.sql:3: .*no such table/);
			assert.match(await fails(['db', 'shell', 'sql', '.read missing.sql'], 1, { cwd }), /cannot read missing\.sql/);
		});

		test('a dump makes the same database again', async () => {
			await done(['db', 'create', 'one', '--location', 'ord']);
			await done(['db', 'create', 'two', '--location', 'ord']);
			const fill = `
				CREATE TABLE plain(id INTEGER PRIMARY KEY AUTOINCREMENT, "we""ird" TEXT, b BLOB, r REAL);
				WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2500)
					INSERT INTO plain SELECT i * 3, 'it''s ' || i, CAST('b' || i AS BLOB), i * 0.1 FROM c;
				INSERT INTO plain VALUES(-5, CAST(x'610062' AS TEXT), NULL, 1e300);
				CREATE TABLE norow(a TEXT, b INT, PRIMARY KEY(b DESC, a)) WITHOUT ROWID;
				INSERT INTO norow VALUES('x', 1), ('y', 2), ('z', 3);
				CREATE TABLE gen(a, b GENERATED ALWAYS AS (a * 2) STORED, rowid TEXT, c AS (a + 1));
				INSERT INTO gen(a, rowid) VALUES(1, 'x'), (2, 'y');
				CREATE VIRTUAL TABLE docs USING fts5(title, body);
				INSERT INTO docs(rowid, title, body) VALUES(10, 'hello', 'world of text'), (20, 'b', 'more');
				CREATE INDEX by_r ON plain(r);
				CREATE VIEW v AS SELECT count(*) AS n FROM plain;
				CREATE TRIGGER tr AFTER INSERT ON norow BEGIN UPDATE plain SET r = 0 WHERE id = 3; END;
				DELETE FROM plain WHERE id > 7000;`;
			await done(['db', 'shell', 'one'], { input: fill });
			const dump = await done(['db', 'shell', 'one', '.dump']);
			assert.match(dump, /^PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n[^]*\nCOMMIT;\n$/);
			await done(['db', 'shell', 'two'], { input: dump });
			assert.equal(await done(['db', 'shell', 'two', '.dump']), dump);
			assert.deepEqual(await rows('two', `SELECT rowid AS id FROM docs WHERE docs MATCH 'text'`), [{ id: 10 }]);
			assert.deepEqual(await rows('two', 'SELECT seq FROM sqlite_sequence'), [{ seq: 7500 }]);
			await done(['db', 'destroy', 'one', 'two', '--yes']);
		});

		test('an instance is chosen by name or location, and writes through a replica are read there', async () => {
			await done(['db', 'shell', 'sql', 'CREATE TABLE inst(x)']);
			const input = 'INSERT INTO inst VALUES(5);\nSELECT x FROM inst;\n';
			assert.deepEqual(JSON.parse(await done(['db', 'shell', 'sql', '--instance', 'far', '--json'], { input })), [{ x: 5 }]);
			assert.deepEqual(await rows('sql', 'SELECT 1 AS one', ['--location', 'nrt']), [{ one: 1 }]);
			assert.match(await fails(['db', 'shell', 'sql', 'SELECT 1', '--location', 'ams'], 1), /no instance in ams/);
			assert.match(await fails(['db', 'shell', 'sql', 'SELECT 1', '--instance', 'x'], 1), /no instance named x/);
		});

		test('a URL is opened with the token or the user given with it', async () => {
			const url = (await done(['db', 'show', 'sql', '--url'])).trim();
			const token = (await done(['db', 'tokens', 'create', 'sql', '--expiration', '7d'])).trim();
			const one = [{ one: 1 }];
			const by_url = async (args, extra = {}) =>
				JSON.parse(await done(['db', 'shell', ...args, 'SELECT 1 AS one', '--json'], { env: extra }));
			assert.deepEqual(await by_url([url, '--token', token]), one);
			assert.deepEqual(await by_url([`${url}?authToken=${token}`]), one);
			assert.deepEqual(await by_url([url], { TURSO_AUTH_TOKEN: token }), one);
			assert.deepEqual(await by_url([`${url.replace('http:', 'libsql:')}?tls=0`], { LIBSQL_AUTH_TOKEN: token }), one);
			const { username, password } = await done_json(['db', 'replicate', 'sql', 'ams', 'near']);
			const { instance_urls } = await done_json(['db', 'show', 'sql']);
			assert.deepEqual(await by_url([instance_urls.near.replace('://', `://${username}:${password}@`)]), one);
			await fails(['db', 'shell', url, 'SELECT 1'], 4, { env: {} });
			await fails(['db', 'shell', url, 'SELECT 1'], 4, { env }); // a platform token is not sent to a URL
		});

		test('tokens for reading cannot write, and invalidated ones can nothing', async () => {
			await done(['db', 'shell', 'sql', 'CREATE TABLE ro(x)']);
			const url = (await done(['db', 'show', 'sql', '--url'])).trim();
			const reader = (await done(['db', 'tokens', 'create', 'sql', '--read-only'])).trim();
			await done(['db', 'shell', url, '--token', reader, 'SELECT * FROM ro']);
			await fails(['db', 'shell', url, '--token', reader, 'INSERT INTO ro VALUES(1)'], 1);
			await done(['db', 'shell', 'sql', '--read-only', 'SELECT * FROM ro']);
			await fails(['db', 'shell', 'sql', '--read-only', 'INSERT INTO ro VALUES(1)'], 1);
			assert.match(await fails(['db', 'tokens', 'create', 'sql', '--expiration', 'soon'], 1), /expiration/i);
			assert.match(await fails(['db', 'tokens', 'invalidate', 'sql'], 2), /--yes/);
			await done(['db', 'tokens', 'invalidate', 'sql', '--yes']);
			await fails(['db', 'shell', url, '--token', reader, 'SELECT 1'], 4);
			assert.deepEqual(await rows('sql', 'SELECT count(*) AS n FROM ro'), [{ n: 0 }]);
		});

		test('db inspect tells of instances and tables', async () => {
			await done(['db', 'shell', 'sql', 'CREATE TABLE seen(x); CREATE INDEX seen_x ON seen(x);']);
			const found = await done_json(['db', 'inspect', 'sql']);
			assert.ok(found.instances.some(({ type, size_bytes }) => type === 'primary' && size_bytes > 0));
			assert.equal(found.tables.find(({ name }) => name === 'seen').index_count, 1);
			assert.match(await done(['db', 'inspect', 'sql']), /^seen +1/m);
		});
	});

	describe('at a terminal', () => {
		before(() => done(['db', 'create', 'term', '--location', 'ord']));

		test('lines are edited, cancelled and remembered', async () => {
			const HOME = new_folder();
			const { code, screen } = await at_terminal(
				['db', 'shell', 'term'],
				[
					[/term> /, 'CREATE TABLE k(x);\r'],
					[/term> /, "SELECT 'never\r"],
					[/\.\.\.> /, '\x03'],
					[/term> /, 'BEGIN;\r'],
					[/term\*> /, 'INSERT INTO k VALUES(42),\r'],
					[/\.\.\.> /, '(43);\r'],
					[/term\*> /, 'COMMIT;\r'],
					[/term> /, 'nonsense;\r'],
					[/Error:[^]*term> /, 'SELECT sum(x) FROM k;\r'],
					[/\b85\b[^]*term> /, '.quit\r'],
				],
				{ env: { ...env, HOME } },
			);
			assert.equal(code, 0, screen);
			const history = path.join(HOME, '.local/state/atoll/history');
			assert.equal(statSync(history).mode & 0o777, 0o600);
			assert.match(readFileSync(history, 'utf8'), /COMMIT/);
			const again = await at_terminal(
				['db', 'shell', 'term'],
				[
					[/term> /, '\x1b[A\x1b[A\r'],
					[/\b85\b[^]*term> /, '\x04'],
				],
				{ env: { ...env, HOME } },
			);
			assert.equal(again.code, 0, again.screen);
		});

		test('Ctrl-C ends a running statement, not the shell', async () => {
			const endless = 'WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT max(i) FROM c;\r';
			const { code, screen } = await at_terminal(
				['db', 'shell', 'term'],
				[
					[/term> /, endless],
					[/FROM c;\r\n/, '\x03'],
					[/interrupted[^]*term> /, 'SELECT 6 * 7;\r'],
					[/\b42\b[^]*term> /, '\x04'],
				],
				{ env },
			);
			assert.equal(code, 0, screen);
		});

		test('destroying says what is lost and has the name typed', async () => {
			const no = await at_terminal(
				['db', 'destroy', 'term'],
				[[/Database term is destroyed with all its data[^]*Type term to go on: /, 'y\r']],
				{ env },
			);
			assert.equal(no.code, 1, no.screen);
			assert.match(no.screen, /nothing was done/);
			await done(['db', 'show', 'term']);
			const yes = await at_terminal(['db', 'destroy', 'term'], [[/Type term to go on: /, 'term\r']], { env });
			assert.equal(yes.code, 0, yes.screen);
			await fails(['db', 'show', 'term'], 1);
		});

		test('colours are for terminals, unless they are not wanted', async () => {
			const colored = await at_terminal(['org', 'list'], [], { env });
			assert.match(colored.screen, /\x1b\[1mSLUG/);
			for (const [args, extra] of [
				[['--no-color'], {}],
				[[], { NO_COLOR: '1' }],
				[[], { TERM: 'dumb' }],
			]) {
				const plain = await at_terminal(['org', 'list', ...args], [], { env: { ...env, ...extra } });
				assert.doesNotMatch(plain.screen, /\x1b\[1m/);
			}
			assert.doesNotMatch(await done(['org', 'list']), /\x1b/);
		});
	});
});
