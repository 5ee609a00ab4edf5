// Stopping, starting again, and what a data folder keeps.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { stopped_database_faults, instance_file } from '../lib/checks.mjs';
import { Random } from '../lib/random.mjs';
import { request, rows_of, run_atolld, sleep, startServer, until } from '../lib/server.mjs';

async function serve(t, options) {
	const server = await startServer(options);
	t.after(() => server.stop());
	return server;
}

function series_sum(count) {
	return `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${BigInt(count)}) SELECT sum(n) AS n FROM c`;
}

describe('SIGTERM', () => {
	test('answers what is under way, and ends with 0', async (t) => {
		const server = await serve(t, { args: ['--drain-timeout', '60s'] });
		const db = await server.createDatabase('busy', ['ord', 'nrt']);
		await server.rows(db.label, 'CREATE TABLE t (n)');
		const count = 1_000_000;
		const slow = db.instances.map(({ label }) => server.rows(label, series_sum(count)));
		const write = server.rows(db.label, `INSERT INTO t ${series_sum(count)}`);
		await sleep(300); // so that they have begun
		await server.restart();
		for (const answer of slow) assert.deepEqual(await answer, [{ n: (count * (count + 1)) / 2 }]);
		await write;
		assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM t'), [{ n: 1 }]);
	});

	test('does not wait for ever: what exceeds drain-timeout is interrupted', async (t) => {
		const server = await serve(t, { args: ['--drain-timeout', '300ms', '--statement-timeout', '10m'] });
		const db = await server.createDatabase('endless', ['ord', 'nrt']);
		await server.rows(db.label, 'CREATE TABLE t (n)');
		const endless = db.instances.map(({ label }) => server.sql(label, series_sum(1e15)));
		const write = server.sql(db.label, `INSERT INTO t ${series_sum(1e15)}`);
		await sleep(300);
		await server.restart();
		for (const one of [...endless, write]) {
			const answer = await one;
			if (answer.status === 200) assert.equal(answer.json.results[0].type, 'error', answer.text);
			else assert.equal(answer.status, 503, answer.text);
		}
		assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM t'), [{ n: 0 }]);
	});

	test('is not held up by idle connections or open transactions', async (t) => {
		const server = await serve(t);
		const db = await server.createDatabase('open', ['ord', 'nrt']);
		await server.rows(db.label, 'CREATE TABLE t (n)');
		const open = [];
		for (const { label } of db.instances.slice(0, 1))
			open.push(await server.sql(label, ['BEGIN IMMEDIATE', 'INSERT INTO t VALUES (1)'], { keep: true }));
		await server.sql(db.instances[1].label, ['BEGIN', 'SELECT * FROM t'], { keep: true });
		await server.restart();
		assert.deepEqual(await server.rows(db.label, 'SELECT count(*) AS n FROM t'), [{ n: 0 }]);
		// The transaction is gone, and its client is told so instead of being given an empty one.
		const late = await server.sql(db.instances[0].label, 'COMMIT', { baton: open[0].json.baton });
		assert.equal(late.status, 400, late.text);
	});

	test('under load: every answer that came stays true', async (t) => {
		const server = await serve(t);
		const db = await server.createDatabase('loaded', ['ord', 'nrt']);
		await server.rows(db.label, 'CREATE TABLE t (n INTEGER)');
		const labels = db.instances.map(({ label }) => label);
		const acknowledged = new Set();
		let running = true;
		let next = 0;
		const writers = Array.from({ length: 12 }, async (_, i) => {
			while (running) {
				const n = next++;
				try {
					rows_of(await server.sql(labels[i % 2], { sql: 'INSERT INTO t VALUES (?)', args: [n] }));
					acknowledged.add(n);
				} catch (error) {
					// Once it stops it may refuse, or be gone; it may not say that a write failed by a fault of its own.
					if (error.status) assert.match(error.message, /503|SHUTDOWN|stopping|shutting|closed/i);
					if (!running) return;
					await sleep(5);
				}
			}
		});
		await until('some writes', () => acknowledged.size > 100);
		await server.stop({ keep_data: true });
		running = false;
		await Promise.all(writers);
		assert.deepEqual(stopped_database_faults(server, db), []);
		await server.restart();
		const found = new Set((await server.rows(db.label, 'SELECT n FROM t')).map(({ n }) => n));
		assert.deepEqual(
			[...acknowledged].filter((n) => !found.has(n)),
			[],
		);
	});
});

describe('a restart', () => {
	test('keeps databases, instances, tokens, passwords and data', async (t) => {
		const server = await serve(t);
		const db = await server.createDatabase('kept', ['ord', 'nrt', 'ams']);
		await server.createDatabase('empty', []);
		await server.rows(db.label, 'CREATE TABLE t (v)');
		await server.rows(db.instances[1].label, "INSERT INTO t VALUES ('before')");
		const minted = await server.api('POST', '/v1/auth/api-tokens/kept-token');
		const stripped = (value) => JSON.parse(JSON.stringify(value).replaceAll(/:\d{4,5}"/g, ':PORT"'));
		const look = async () => {
			const out = {};
			for (const where of [
				'/v1/organizations',
				`/v1/organizations/${server.organization}/members`,
				`/v1/organizations/${server.organization}/databases`,
				`${db.path}/instances`,
				'/v1/auth/api-tokens',
			])
				out[where] = stripped((await server.api('GET', where)).json);
			return out;
		};
		const before = await look();
		const bootstrap = readFileSync(path.join(server.data, 'bootstrap.json'), 'utf8');
		assert.equal(statSync(path.join(server.data, 'bootstrap.json')).mode & 0o777, 0o600);
		// Nobody else may read or enter anything, whatever the umask of whoever starts it.
		const names = readdirSync(server.data, { recursive: true });
		assert.ok(names.some((name) => String(name).endsWith('.db')), names.join());
		for (const name of names) {
			const found = statSync(path.join(server.data, String(name)), { throwIfNoEntry: false });
			assert.equal((found?.mode ?? 0) & 0o077, 0, name);
		}

		for (const how of ['stop', 'kill']) {
			if (how === 'kill') await server.kill();
			await server.restart();
			assert.deepEqual(await look(), before);
			assert.equal(JSON.parse(bootstrap).token, server.token);
			for (const instance of db.instances) {
				assert.deepEqual(await server.rows(instance.label, 'SELECT v FROM t'), [{ v: 'before' }], instance.region);
				const basic = [instance.username, instance.password];
				assert.deepEqual(await server.rows(instance.label, 'SELECT 1 AS n', { token: null, basic }), [{ n: 1 }]);
			}
			const authorization = `Bearer ${minted.json.token}`;
			assert.equal((await server.api('GET', '/v1/auth/validate', undefined, { authorization })).status, 200);
		}
	});

	test('a revoked token and a rotated key stay refused', async (t) => {
		const server = await serve(t);
		const db = await server.createDatabase('shut', ['ord']);
		const minted = await server.api('POST', '/v1/auth/api-tokens/passing');
		await server.api('DELETE', '/v1/auth/api-tokens/passing');
		await server.api('POST', `${db.path}/auth/rotate`);
		await server.kill();
		await server.restart();
		assert.equal((await server.sql(db.label, 'SELECT 1')).status, 401);
		const [{ username, password }] = db.instances;
		assert.equal((await server.sql(db.label, 'SELECT 1', { token: null, basic: [username, password] })).status, 401);
		const authorization = `Bearer ${minted.json.token}`;
		assert.equal((await server.api('GET', '/v1/auth/validate', undefined, { authorization })).status, 401);
	});

	test('a stream without a transaction goes on over it', async (t) => {
		const server = await serve(t);
		const db = await server.createDatabase('streamed', ['ord', 'nrt']);
		const answers = await Promise.all(db.instances.map(({ label }) => server.sql(label, 'SELECT 1', { keep: true })));
		await server.kill();
		await server.restart();
		for (const [i, { label }] of db.instances.entries()) {
			const answer = await server.sql(label, 'SELECT 2 AS n', { baton: answers[i].json.baton });
			assert.deepEqual(rows_of(answer), [{ n: 2 }]);
		}
	});

	test('replicas that were behind catch up with what a kill left', async (t) => {
		const server = await serve(t, { args: ['--simulate-latency', '300ms'] });
		const db = await server.createDatabase('behind', ['ord', 'nrt']);
		await server.rows(db.label, 'CREATE TABLE t (v)');
		for (let i = 0; i < 50; i++) await server.rows(db.instances[0].label, `INSERT INTO t VALUES (${i})`);
		await server.kill();
		await server.restart({ args: [] });
		await server.caught_up(db, 'SELECT count(*), sum(v) FROM t');
		await server.stop({ keep_data: true });
		assert.deepEqual(stopped_database_faults(server, db), []);
		await server.restart();
	});

	test('survives rubbish after the end of a WAL', async (t) => {
		const server = await serve(t);
		const db = await server.createDatabase('rubbish', ['ord', 'nrt']);
		await server.rows(db.label, 'CREATE TABLE t (v)');
		for (let i = 0; i < 20; i++) await server.rows(db.label, `INSERT INTO t VALUES (${i})`);
		await server.kill();
		for (const instance of db.instances) appendFileSync(`${instance_file(server, db, instance)}-wal`, Buffer.alloc(5000, 0xa5));
		await server.restart();
		for (let i = 20; i < 40; i++) await server.rows(db.instances[1].label, `INSERT INTO t VALUES (${i})`);
		for (const { label } of db.instances)
			await until('all rows', async () => (await server.rows(label, 'SELECT count(DISTINCT v) AS n FROM t'))[0].n === 40);
		await server.stop({ keep_data: true });
		assert.deepEqual(stopped_database_faults(server, db), []);
		await server.restart();
	});
});

describe('what is missing or damaged at a start', () => {
	const flip = (file, at) => {
		const bytes = readFileSync(file);
		bytes[at < 0 ? bytes.length + at : at] ^= 0x40;
		writeFileSync(file, bytes);
	};
	const losses = {
		'a replica’s file': (folder, replica) => rmSync(path.join(replica, 'data.db')),
		'a replica’s folder': (folder, replica) => rmSync(replica, { recursive: true }),
		'a replica’s position': (folder, replica) => rmSync(path.join(replica, 'position')),
		'sense in a replica’s position': (folder, replica) => writeFileSync(path.join(replica, 'position'), 'nonsense\n'),
		'the end of a replica’s WAL': (folder, replica) => {
			const wal = path.join(replica, 'data.db-wal');
			const bytes = readFileSync(wal);
			writeFileSync(wal, bytes.subarray(0, bytes.length - 5000));
		},
		'a bit in the middle of a replica’s WAL': (folder, replica) => {
			const wal = path.join(replica, 'data.db-wal');
			flip(wal, Math.floor(statSync(wal).size / 2));
		},
		'the history': (folder) => rmSync(path.join(folder, 'log'), { recursive: true }),
		'a bit at the end of the history': (folder) => {
			for (const name of readdirSync(path.join(folder, 'log')).filter((name) => statSync(path.join(folder, 'log', name)).size > 1000))
				flip(path.join(folder, 'log', name), -100);
		},
		'the last kilobytes of the history': (folder) => {
			for (const name of readdirSync(path.join(folder, 'log'))) {
				const file = path.join(folder, 'log', name);
				const bytes = readFileSync(file);
				if (bytes.length > 20_000) writeFileSync(file, bytes.subarray(0, bytes.length - 9000));
			}
		},
	};
	for (const [what, lose] of Object.entries(losses))
		test(`${what}: the primary has all, and replicas are filled anew`, async (t) => {
			const server = await serve(t);
			const db = await server.createDatabase('mended', ['ord', 'nrt', 'ams']);
			await server.rows(db.label, 'CREATE TABLE t (n INTEGER, b BLOB)');
			for (let n = 0; n < 60; n++) await server.rows(db.instances[n % 3].label, `INSERT INTO t VALUES (${n}, randomblob(500))`);
			await server.caught_up(db, 'SELECT count(*), sum(n) FROM t');
			await server.kill();
			const folder = path.join(server.data, 'databases', db.uuid);
			lose(folder, path.join(folder, db.instances[1].uuid));
			await server.restart();
			const n = async (label) => (await server.rows(label, 'SELECT count(DISTINCT n) AS n FROM t'))[0].n;
			assert.equal(await n(db.instances[0].label), 60);
			await server.rows(db.instances[0].label, 'INSERT INTO t VALUES (60, NULL)');
			for (const { label, region } of db.instances.slice(1))
				await until(`${region} to have all`, async () => (await n(label)) === 61);
			await server.rows(db.instances[1].label, 'INSERT INTO t VALUES (61, NULL)');
			assert.equal(await n(db.instances[1].label), 62);
			await server.caught_up(db, 'SELECT count(*), sum(n) FROM t');
			await server.stop({ keep_data: true });
			assert.deepEqual(stopped_database_faults(server, db), []);
			await server.restart();
			for (const { label } of db.instances) assert.equal(await n(label), 62);
		});
});

describe('killed while the platform works', () => {
	test('databases and instances are there whole or not at all', async (t) => {
		const random = Random.from_env('RESTART_SEED');
		const server = await serve(t);
		const base = `/v1/organizations/${server.organization}/databases`;
		const made = new Set(); // names that were answered 200
		const gone = new Set();
		let next = 0;
		for (let round = 0; round < 6; round++) {
			let running = true;
			const churn = Array.from({ length: 4 }, async () => {
				while (running) {
					const name = `db-${next++}`;
					try {
						if ((await server.api('POST', base, { name })).status === 200) made.add(name);
						const answers = await Promise.all(
							['ord', 'nrt'].map((location) => server.api('POST', `${base}/${name}/instances`, { location })),
						);
						for (const { status, text } of answers) assert.equal(status, 200, text);
						if (random.fraction() < 0.5) {
							made.delete(name); // from here on nobody knows
							if ((await server.api('DELETE', `${base}/${name}`)).status === 200) gone.add(name);
						}
					} catch (error) {
						if (error.name === 'AssertionError') throw error;
						return;
					}
				}
			});
			await sleep(random.between(10, 250));
			running = false;
			await server.kill();
			await Promise.all(churn);
			await server.restart();

			const list = (await server.api('GET', base)).json.databases;
			const names = new Set(list.map(({ Name }) => Name));
			for (const name of made) assert.ok(names.has(name), `${name} was created and is lost`);
			for (const name of gone) assert.ok(!names.has(name), `${name} was destroyed and is back`);
			for (const { Name, DbId } of list) {
				const { instances } = (await server.api('GET', `${base}/${Name}/instances`)).json;
				assert.ok(
					instances.length === 0 || instances.filter(({ type }) => type === 'primary').length === 1,
					`${Name}: ${JSON.stringify(instances)}`,
				);
				if (instances.length === 0) continue;
				const { jwt } = (await server.api('POST', `${base}/${Name}/auth/tokens`)).json;
				for (const instance of instances) {
					const wait = await server.api('GET', `${base}/${Name}/instances/${instance.name}/wait`);
					assert.equal(wait.status, 200, `${Name}/${instance.name}: ${wait.text}`);
					const label = instance.hostname.split('.')[0];
					assert.deepEqual(await server.rows(label, 'SELECT 1 AS n', { token: jwt }), [{ n: 1 }]);
				}
				assert.ok(DbId);
			}
			const known = new Set(list.map(({ DbId }) => DbId));
			const folders = readdirSync(path.join(server.data, 'databases'));
			const orphans = folders.filter((name) => /^[0-9a-f]{8}-/.test(name) && !known.has(name));
			// One folder belongs to the platform's own database.
			assert.ok(orphans.length <= 1, `folders of databases that do not exist: ${orphans.join(', ')}`);
			for (const name of names) {
				made.delete(name);
				await server.api('DELETE', `${base}/${name}`);
			}
		}
	});
});

describe('the command line', () => {
	test('a second server on the same data says who holds it', async (t) => {
		const server = await serve(t);
		const second = await run_atolld(['--listen', '127.0.0.1:0', '--data', server.data]);
		assert.notEqual(second.code, 0);
		assert.notEqual(second.code, null, second.stderr);
		assert.match(second.stderr, new RegExp(`\\b${server.pid}\\b`));
		assert.match(second.stderr, /data|folder|directory|lock/i);
		assert.equal((await server.api('GET', '/health')).status, 200, 'the first one goes on');
	});

	test('a port that is taken is named', async (t) => {
		const server = await serve(t);
		const other = await startServer(); // its data, stopped, is a folder to start on
		await other.stop({ keep_data: true });
		t.after(() => other.remove_data());
		const second = await run_atolld(['--listen', `127.0.0.1:${server.port}`, '--data', other.data]);
		assert.notEqual(second.code, 0);
		assert.match(second.stderr, new RegExp(`127\\.0\\.0\\.1:${server.port}`));
	});

	test('wrong use ends with 2 and a word on standard error', async () => {
		for (const args of [['--no-such-flag'], ['--listen'], ['--listen', 'nonsense'], ['surplus']]) {
			const ended = await run_atolld([...args]);
			assert.equal(ended.code, 2, `${args}: ${ended.stderr}`);
			assert.equal(ended.stdout, '');
			assert.ok(ended.stderr.includes(args.at(-1)), ended.stderr);
		}
	});

	test('--help and --version answer on standard output', async () => {
		const help = await run_atolld(['--help']);
		assert.equal(help.code, 0, help.stderr);
		for (const flag of ['--data', '--listen', '--domain', '--locations', '--tls-cert', '--log-level', '--simulate-latency'])
			assert.ok(help.stdout.includes(flag), flag);
		const version = await run_atolld(['--version']);
		assert.equal(version.code, 0);
		assert.match(version.stdout, /^atolld \d+\.\d+/);
	});

	test('`atolld token mint` replaces a lost token', async (t) => {
		const server = await serve(t);
		await server.stop({ keep_data: true });
		const minted = await run_atolld(['token', 'mint', '--data', server.data]);
		assert.equal(minted.code, 0, minted.stderr);
		const token = minted.stdout.trim().split(/\s+/).at(-1);
		await server.restart();
		const authorization = `Bearer ${token}`;
		const answer = await server.api('GET', '/v1/organizations', undefined, { authorization });
		assert.equal(answer.status, 200, answer.text);
		assert.ok(answer.json.organizations.some(({ slug }) => slug === server.organization), answer.text);
	});

	test('settings come from flags before environment before the file', async (t) => {
		const file = await startServer();
		await file.stop({ keep_data: true });
		t.after(() => file.remove_data());
		const config = path.join(file.data, 'atolld.ini');
		appendFileSync(config, 'organization = from-file\nusername = file-user\nlocations = ord,nrt\n');
		const server = await startServer({
			args: ['--config', config, '--organization', 'from-flag'],
			env: { ATOLLD_ORGANIZATION: 'from-env', ATOLLD_USERNAME: 'env-user' },
		});
		t.after(() => server.stop());
		assert.equal(server.organization, 'from-flag');
		assert.equal(server.username, 'env-user');
		const locations = (await server.api('GET', '/v1/locations')).json.locations;
		assert.deepEqual(Object.keys(locations).sort(), ['nrt', 'ord']);
	});

	test('health answers without a token, also while it starts a second time', async (t) => {
		const server = await serve(t);
		for (let i = 0; i < 2; i++) {
			assert.equal((await request(`${server.url}/health`)).status, 200);
			await server.restart({ same_port: true });
		}
	});
});
