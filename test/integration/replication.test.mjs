// Primary and replicas as their users see them: filling, following, forwarding, and what a reader may rely on.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { digest, stopped_database_faults } from '../lib/checks.mjs';
import { label_of, rows_of, sleep, startServer, until } from '../lib/server.mjs';

async function add_instance(server, db, location) {
	const answer = await server.api('POST', `${db.path}/instances`, { location });
	assert.equal(answer.status, 200, answer.text);
	const { instance } = answer.json;
	const added = { ...instance, label: label_of(instance.hostname) };
	server.jwt_of.set(added.label, db.jwt);
	db.instances.push(added);
	return added;
}

/// As the command line does: asked again while the server says that it cannot hold the question any longer.
async function wait_for(server, db, instance) {
	const answer = await until(`${instance.name} to be ready`, async () => {
		const answer = await server.api('GET', `${db.path}/instances/${instance.name}/wait`);
		return answer.status !== 503 && answer;
	});
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.text, '');
}

async function equal_everywhere(server, db) {
	const expected = await digest(server, db.instances[0].label);
	for (const replica of db.instances.slice(1))
		await until(`${replica.region} to equal the primary`, async () => (await digest(server, replica.label)) === expected).catch(
			(error) => {
				throw new Error(`${error.message}\n${server.report()}`);
			},
		);
}

async function do_all(server, label, statements) {
	const answer = await server.sql(label, statements);
	assert.equal(answer.status, 200, answer.text);
	for (const [i, result] of answer.json.results.entries())
		assert.equal(result.type, 'ok', `${JSON.stringify(statements[i])}: ${JSON.stringify(result)}`);
	return answer;
}

const FILL = (table, count, bytes) =>
	`INSERT INTO ${table} WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${count}) SELECT n, randomblob(${bytes}) FROM c`;

describe('a replica', () => {
	let server;
	let db;
	before(async () => {
		server = await startServer();
		db = await server.createDatabase('followed', ['ord', 'nrt']);
	});
	after(() => server?.stop());

	test('follows rows, deletes, schema changes, large transactions and VACUUM', async () => {
		const primary = db.instances[0].label;
		const steps = [
			['CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)', FILL('t', 2000, 300)],
			['CREATE INDEX t_b ON t (b)', 'UPDATE t SET b = randomblob(500) WHERE id % 3 = 0', 'DELETE FROM t WHERE id % 5 = 0'],
			['ALTER TABLE t ADD COLUMN note TEXT DEFAULT \'none\'', "UPDATE t SET note = 'even' WHERE id % 2 = 0"],
			['ALTER TABLE t RENAME COLUMN note TO remark', 'ALTER TABLE t RENAME TO renamed'],
			['CREATE VIEW v AS SELECT id, remark FROM renamed WHERE remark <> \'none\''],
			[
				'CREATE TABLE audit (id INTEGER, remark TEXT)',
				'CREATE TRIGGER renamed_audit AFTER UPDATE OF remark ON renamed BEGIN INSERT INTO audit VALUES (new.id, new.remark); END',
				"UPDATE renamed SET remark = 'odd' WHERE id % 7 = 1",
			],
			[
				'CREATE VIRTUAL TABLE texts USING fts5(body)',
				"INSERT INTO texts VALUES ('atolls are rings of coral'), ('logs are lists of pages')",
				'CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1)',
				'INSERT INTO boxes VALUES (1, 0.5, 1.5)',
			],
			['BEGIN IMMEDIATE', 'CREATE TABLE big (id INTEGER PRIMARY KEY, b BLOB)', FILL('big', 20_000, 700), 'COMMIT'],
			['DROP INDEX t_b', 'DELETE FROM big WHERE id > 50'],
			['VACUUM'],
			['ANALYZE', 'REINDEX', 'PRAGMA user_version = 42', 'PRAGMA application_id'],
			['DROP TABLE big', 'VACUUM', 'CREATE TABLE last_one (v)', 'INSERT INTO last_one VALUES (1)'],
		];
		for (const statements of steps) {
			await do_all(server, primary, statements);
			await equal_everywhere(server, db);
		}
		for (const { label } of db.instances) {
			assert.deepEqual(await server.rows(label, "SELECT body FROM texts WHERE texts MATCH 'coral'"), [
				{ body: 'atolls are rings of coral' },
			]);
			assert.deepEqual(await server.rows(label, 'PRAGMA user_version'), [{ user_version: 42 }]);
			assert.deepEqual(await server.rows(label, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
		}
		const [a, b] = await Promise.all(db.instances.map(({ label }) => server.rows(label, 'PRAGMA page_count')));
		assert.deepEqual(b, a, 'VACUUM shrinks the replica too');
	});

	test('ends with the same bytes as its primary', async () => {
		await server.stop({ keep_data: true });
		assert.deepEqual(stopped_database_faults(server, db), []);
		await server.restart();
		await equal_everywhere(server, db);
	});

	test('rolled-back work never reaches it', async () => {
		const [primary, replica] = db.instances.map(({ label }) => label);
		await do_all(server, primary, ['BEGIN IMMEDIATE', 'INSERT INTO last_one VALUES (2)', 'ROLLBACK']);
		await server.sql(primary, ['BEGIN', 'INSERT INTO last_one VALUES (3)', 'SAVEPOINT s', 'INSERT INTO last_one VALUES (4)', 'ROLLBACK TO s', 'COMMIT']);
		await equal_everywhere(server, db);
		assert.deepEqual(await server.rows(replica, 'SELECT v FROM last_one'), [{ v: 1 }, { v: 3 }]);
	});

	test('made later has all that its primary had, while others read and write', async () => {
		const [primary, replica] = db.instances.map(({ label }) => label);
		await do_all(server, primary, ['CREATE TABLE history (id INTEGER PRIMARY KEY, b BLOB)', FILL('history', 15_000, 400)]);
		await do_all(server, primary, ['CREATE TABLE ticks (n INTEGER)', 'INSERT INTO ticks VALUES (0)']);
		await equal_everywhere(server, db);

		let running = true;
		let reads = 0;
		const writer = (async () => {
			for (let n = 1; running; n++)
				await do_all(server, primary, ['BEGIN IMMEDIATE', `UPDATE ticks SET n = ${n}`, `INSERT INTO history (b) VALUES (randomblob(${n % 2000}))`, 'COMMIT']);
		})();
		const readers = Array.from({ length: 3 }, async () => {
			let last = 0;
			while (running) {
				const [{ n }] = await server.rows(replica, 'SELECT n FROM ticks');
				assert.ok(n >= last, `${replica} went back from ${last} to ${n}`);
				last = n;
				reads++;
			}
		});
		const added = await Promise.all(['ams', 'fra', 'syd'].map((location) => add_instance(server, db, location)));
		for (const instance of added) {
			await wait_for(server, db, instance);
			const [{ n }] = await server.rows(instance.label, 'SELECT count(*) AS n FROM history');
			assert.ok(n >= 15_000, `${instance.region} took traffic with ${n} rows`);
		}
		const before = reads;
		await until('readers to go on', () => reads > before);
		running = false;
		await Promise.all([writer, ...readers]);
		await equal_everywhere(server, db);
		await server.stop({ keep_data: true });
		assert.deepEqual(stopped_database_faults(server, db), []);
		await server.restart();
	});

	test('destroyed under load is gone at once; the others go on', async () => {
		const victim = db.instances.pop();
		const primary = db.instances[0].label;
		await do_all(server, primary, ['CREATE TABLE IF NOT EXISTS after_all (v INTEGER)']);
		let running = true;
		const seen = new Set();
		const visitor = (async () => {
			while (running) {
				const answer = await server.sql(victim.label, 'SELECT 1');
				seen.add(answer.status);
				if (answer.status !== 200) await sleep(2);
			}
		})();
		const writer = (async () => {
			let n = 0;
			while (running) await do_all(server, primary, [`INSERT INTO after_all VALUES (${n++})`]);
			return n;
		})();
		const answer = await server.api('DELETE', `${db.path}/instances/${victim.name}`);
		assert.deepEqual([answer.status, answer.json], [200, { instance: victim.name }]);
		assert.equal((await server.sql(victim.label, 'SELECT 1')).status, 404);
		running = false;
		const written = await writer;
		await visitor;
		for (const status of seen) assert.ok([200, 404, 503].includes(status), `status ${status}`);
		assert.deepEqual(await server.rows(primary, 'SELECT count(*) AS n FROM after_all'), [{ n: written }]);
		await equal_everywhere(server, db);
	});
});

describe('writes at a replica', () => {
	let server;
	let db;
	let primary;
	let replica;
	before(async () => {
		server = await startServer();
		db = await server.createDatabase('forwarded', ['ord', 'nrt', 'ams']);
		[primary, replica] = db.instances.map(({ label }) => label);
	});
	after(() => server?.stop());

	test('answer as at the primary, and errors keep their code', async () => {
		const table = { [primary]: 'at_primary', [replica]: 'at_replica' };
		const outcome = async (label) => {
			const t = table[label];
			const out = [];
			for (const sql of [
				`CREATE TABLE ${t} (id INTEGER PRIMARY KEY, v TEXT NOT NULL UNIQUE)`,
				`INSERT INTO ${t} (v) VALUES ('a'), ('b'), ('c') RETURNING id, v`,
				`UPDATE ${t} SET v = v || '!' WHERE id > 1`,
				`INSERT INTO ${t} (v) VALUES ('a')`,
				`INSERT OR IGNORE INTO ${t} (v) VALUES ('a')`,
				`INSERT OR REPLACE INTO ${t} VALUES (1, 'z')`,
				`INSERT INTO ${t} (v) VALUES (NULL)`,
				`INSERT INTO ${t} (missing) VALUES (1)`,
				`INSERT INTO nowhere VALUES (1)`,
				`DELETE FROM ${t} WHERE id = 2 RETURNING v`,
				'PRAGMA foreign_keys = on',
				`CREATE INDEX ${t}_v ON ${t} (v)`,
				`SELECT id, v FROM ${t} ORDER BY id`,
				'VACUUM',
			]) {
				const { results } = (await server.sql(label, sql)).json;
				const text = JSON.stringify(results[0]).replaceAll(t, 'T');
				out.push(text.replaceAll(/"(replication_index|rows_read|rows_written|query_duration_ms)":("?)[\d.e-]+\2/g, '"$1":0'));
			}
			return out;
		};
		assert.deepEqual(await outcome(replica), await outcome(primary));
	});

	test('in a transaction see their own work, and nobody else does before COMMIT', async () => {
		await do_all(server, primary, ['CREATE TABLE own (v)']);
		let answer = await server.sql(replica, ['BEGIN', 'INSERT INTO own VALUES (1)', 'SELECT count(*) AS n FROM own'], { keep: true });
		assert.deepEqual(rows_of(answer, 2), [{ n: 1 }]);
		answer = await server.sql(replica, ['INSERT INTO own VALUES (2)', 'SELECT count(*) AS n FROM own'], { keep: true, baton: answer.json.baton });
		assert.deepEqual(rows_of(answer, 1), [{ n: 2 }]);
		for (const { label } of db.instances) assert.deepEqual(await server.rows(label, 'SELECT count(*) AS n FROM own'), [{ n: 0 }]);
		answer = await server.sql(replica, ['COMMIT', 'SELECT count(*) AS n FROM own'], { baton: answer.json.baton });
		assert.deepEqual(rows_of(answer, 1), [{ n: 2 }]);
	});

	test('that began by reading become writers, or are told that their snapshot is old', async () => {
		await do_all(server, primary, ['CREATE TABLE upgraded (v)', 'INSERT INTO upgraded VALUES (0)']);
		await server.caught_up(db, 'SELECT count(*) FROM upgraded');
		let answer = await server.sql(replica, ['BEGIN', 'SELECT v FROM upgraded', 'UPDATE upgraded SET v = v + 1', 'COMMIT']);
		for (const result of answer.json.results) assert.equal(result.type, 'ok', JSON.stringify(result));

		const first = await server.sql(replica, ['BEGIN', 'SELECT v FROM upgraded'], { keep: true });
		await do_all(server, primary, ['UPDATE upgraded SET v = 10']);
		answer = await server.sql(replica, ['UPDATE upgraded SET v = v + 1', 'COMMIT'], { baton: first.json.baton });
		const [result] = answer.json.results;
		if (result.type === 'error') assert.equal(result.error.code, 'SQLITE_BUSY', result.error.message);
		await server.caught_up(db, 'SELECT v FROM upgraded');
		// Serializable: never a write that was computed from the old value.
		assert.deepEqual(await server.rows(replica, 'SELECT v FROM upgraded'), [{ v: result.type === 'error' ? 10 : 11 }]);
	});

	test('are read by their stream at once, 200 times', async () => {
		await do_all(server, primary, ['CREATE TABLE stream_own (n INTEGER)']);
		let baton = null;
		for (let n = 1; n <= 200; n++) {
			const answer = await server.sql(replica, [`INSERT INTO stream_own VALUES (${n})`, 'SELECT max(n) AS n FROM stream_own'], { keep: true, baton });
			assert.deepEqual(rows_of(answer, 1), [{ n }]);
			baton = answer.json.baton;
		}
	});

	test('are read anywhere by who passes their replication_index on, 200 times', async () => {
		await do_all(server, primary, ['CREATE TABLE passed (n INTEGER)', 'INSERT INTO passed VALUES (0)']);
		const labels = db.instances.map(({ label }) => label);
		for (let n = 1; n <= 200; n++) {
			const written = await server.sql(labels[n % 3], `UPDATE passed SET n = ${n}`);
			const { replication_index } = written.json.results[0].response.result;
			assert.match(replication_index, /^\d+$/);
			for (const label of labels) {
				const read = await server.sql(label, { sql: 'SELECT n FROM passed', replication_index });
				assert.deepEqual(rows_of(read), [{ n }]);
			}
		}
	});

	test('that move money keep its sum, at every moment and in every place', async () => {
		const accounts = 10;
		await do_all(server, primary, [
			'CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0))',
			`INSERT INTO accounts WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${accounts}) SELECT n, 100 FROM c`,
		]);
		await server.caught_up(db, 'SELECT count(*) FROM accounts');
		let running = true;
		const auditors = db.instances.map(async ({ label, region }) => {
			while (running)
				assert.deepEqual(await server.rows(label, 'SELECT sum(balance) AS n FROM accounts'), [{ n: accounts * 100 }], region);
		});
		// The client computes: what it read must still hold when it writes.
		const move = async (label, begin, from, to) => {
			let answer = await server.sql(label, [begin, `SELECT balance FROM accounts WHERE id = ${from}`, `SELECT balance FROM accounts WHERE id = ${to}`], { keep: true });
			const [a, b] = [rows_of(answer, 1)[0].balance, rows_of(answer, 2)[0].balance];
			const amount = Math.min(a, 7);
			answer = await server.sql(
				label,
				[`UPDATE accounts SET balance = ${a - amount} WHERE id = ${from}`, `UPDATE accounts SET balance = ${b + amount} WHERE id = ${to}`, 'COMMIT'],
				{ baton: answer.json.baton },
			);
			const error = answer.json.results.find(({ type }) => type === 'error')?.error;
			if (!error) return;
			// Only who began by reading may have read too early.
			assert.equal(begin, 'BEGIN', error.message);
			assert.equal(error.code, 'SQLITE_BUSY', error.message);
		};
		await Promise.all(
			Array.from({ length: 12 }, async (_, who) => {
				for (let i = 0; i < 12; i++) {
					const from = 1 + ((who + i) % accounts);
					const to = 1 + ((who * 3 + i * 7 + 1) % accounts);
					if (from !== to) await move(db.instances[who % 3].label, i % 3 === 0 ? 'BEGIN' : 'BEGIN IMMEDIATE', from, to);
				}
			}),
		).finally(() => {
			running = false;
		});
		await Promise.all(auditors);
		await equal_everywhere(server, db);
	});

	test('an index from the future is waited for in vain, not for ever', async () => {
		const answer = await server.sql(replica, { sql: 'SELECT 1', replication_index: '900000000000' });
		if (answer.status === 200) assert.equal(answer.json.results[0].type, 'error', answer.text);
		else assert.ok([400, 503].includes(answer.status), answer.text);
	});
});

describe('readers', () => {
	let server;
	let db;
	before(async () => {
		server = await startServer();
		db = await server.createDatabase('read', ['ord', 'nrt', 'ams']);
		await do_all(server, db.label, ['CREATE TABLE clock (n INTEGER)', 'INSERT INTO clock VALUES (0)', 'CREATE TABLE pairs (a INTEGER, b INTEGER)']);
		await server.caught_up(db, 'SELECT count(*) FROM clock, sqlite_schema');
	});
	after(() => server?.stop());

	test('never go back on an instance, never see a part of a transaction, and keep their snapshot', async () => {
		let running = true;
		let n = 0;
		const writer = (async () => {
			while (running) {
				n++;
				const label = db.instances[n % 3].label;
				await do_all(server, label, ['BEGIN IMMEDIATE', `UPDATE clock SET n = ${n}`, `INSERT INTO pairs VALUES (${n}, 0)`, `UPDATE pairs SET b = ${n} WHERE a = ${n}`, 'COMMIT']);
			}
		})();
		const rounds = 150;
		const readers = db.instances.flatMap(({ label, region }) => {
			const last = { n: 0 };
			return Array.from({ length: 2 }, async () => {
				for (let i = 0; i < rounds; i++) {
					// Monotonic for requests one after the other, whatever stream they are on.
					const floor = last.n;
					const [row] = await server.rows(
						label,
						'SELECT n, (SELECT max(a) FROM pairs) AS a, (SELECT count(*) FROM pairs WHERE a <> b) AS torn, (SELECT count(*) FROM pairs) AS count FROM clock',
					);
					assert.ok(row.n >= floor, `${region} went back from ${floor} to ${row.n}`);
					assert.deepEqual([row.a ?? 0, row.torn, row.count], [row.n, 0, row.n], region);
					last.n = Math.max(last.n, row.n);
					if (i % 25 === 0) {
						const open = await server.sql(label, ['BEGIN', 'SELECT n FROM clock'], { keep: true });
						const [{ n: held }] = rows_of(open, 1);
						await server.rows(label, 'SELECT 1');
						const again = await server.sql(label, ['SELECT n FROM clock', 'COMMIT'], { baton: open.json.baton });
						assert.deepEqual(rows_of(again), [{ n: held }], `${region}: a snapshot moved`);
					}
				}
			});
		});
		await Promise.all(readers).finally(() => {
			running = false;
		});
		await writer;
		assert.ok(n > 10);
		await equal_everywhere(server, db);
	});
});

describe('checkpoints', () => {
	test('do not hold up writers, neither in one request nor in several', async (t) => {
		// Nobody here waits for long unless the server itself stands in the way.
		const server = await startServer({ args: ['--write-wait', '1500ms'] });
		t.after(() => server.stop());
		const db = await server.createDatabase('checked', ['ord', 'nrt']);
		const labels = db.instances.map(({ label }) => label);
		await do_all(server, labels[0], ['CREATE TABLE t (who INTEGER, n INTEGER)', 'CREATE TABLE bulk (n INTEGER, b BLOB)']);
		let count = 0;
		const kinds = [
			(label, who, n) => do_all(server, label, [`INSERT INTO t VALUES (${who}, ${n})`]),
			(label, who, n) => do_all(server, label, ['BEGIN IMMEDIATE', `INSERT INTO t VALUES (${who}, ${n})`, 'COMMIT']),
			async (label, who, n) => {
				let baton = null;
				for (const sql of ['BEGIN IMMEDIATE', `INSERT INTO t VALUES (${who}, ${n})`, 'COMMIT']) {
					const answer = await server.sql(label, sql, { keep: true, baton });
					assert.equal(answer.json.results?.[0].type, 'ok', answer.text);
					baton = answer.json.baton;
				}
			},
		];
		for (let round = 0; round < 3; round++) {
			// 3900 pages at once, so that the writers meet what happens when a write-ahead log gets long.
			await do_all(server, labels[0], [FILL('bulk', 3900, 4000), 'DELETE FROM bulk']);
			await Promise.all(
				Array.from({ length: 16 }, async (_, who) => {
					for (let n = 0; n < 24; n++, count++) await kinds[(who + n) % 3](labels[(who >> 1) % 2], who, n);
				}),
			);
		}
		await equal_everywhere(server, db);
		assert.deepEqual(await server.rows(labels[1], 'SELECT count(*) AS n FROM t'), [{ n: count }]);
	});
});

describe('simulated distance', () => {
	test('is felt by replication and forwarding, and breaks no promise', async (t) => {
		const LATENCY_MS = 150;
		const server = await startServer({ args: ['--simulate-latency', `${LATENCY_MS}ms`] });
		t.after(() => server.stop());
		const db = await server.createDatabase('far', ['ord', 'nrt']);
		const [primary, replica] = db.instances.map(({ label }) => label);
		await do_all(server, primary, ['CREATE TABLE t (n INTEGER)', 'INSERT INTO t VALUES (0)']);
		await server.caught_up(db, 'SELECT n FROM t');

		let stale = 0;
		for (let n = 1; n <= 3; n++) {
			await do_all(server, primary, [`UPDATE t SET n = ${n}`]);
			const [row] = await server.rows(replica, 'SELECT n FROM t');
			stale += row.n < n;
			await server.caught_up(db, 'SELECT n FROM t');
		}
		assert.ok(stale > 0, 'a replica 150 ms away knew of a write at once');

		for (let n = 10; n <= 13; n++) {
			const from = performance.now();
			const answer = await do_all(server, replica, [`UPDATE t SET n = ${n}`, 'SELECT n FROM t']);
			assert.ok(performance.now() - from >= LATENCY_MS, 'a forwarded write took no time');
			assert.deepEqual(rows_of(answer, 1), [{ n }], 'read your writes');
		}
	});

	test('can be given for each pair of locations', async (t) => {
		const server = await startServer({ args: ['--simulate-latency', 'ord:nrt=200ms,ord:ams=0ms'] });
		t.after(() => server.stop());
		const db = await server.createDatabase('pairs', ['ord', 'nrt', 'ams']);
		const far = db.instances[1].label;
		await do_all(server, far, ['CREATE TABLE t (n INTEGER)']);
		const from = performance.now();
		await do_all(server, far, ['INSERT INTO t VALUES (1)']);
		assert.ok(performance.now() - from >= 200);
		await server.caught_up(db, 'SELECT n FROM t');
	});
});

describe('first instances', () => {
	test('50 at once give exactly one primary', async (t) => {
		const server = await startServer();
		t.after(() => server.stop());
		const db = await server.createDatabase('race', []);
		const locations = ['ord', 'nrt', 'ams', 'fra', 'syd'];
		const answers = await Promise.all(
			Array.from({ length: 50 }, (_, i) => server.api('POST', `${db.path}/instances`, { location: locations[i % 5] })),
		);
		for (const { status, text } of answers) assert.equal(status, 200, text);
		const instances = answers.map(({ json }) => json.instance);
		assert.equal(instances.filter(({ type }) => type === 'primary').length, 1);
		assert.equal(new Set(instances.map(({ name }) => name)).size, 50);
		assert.equal(new Set(instances.map(({ hostname }) => hostname)).size, 50);
		const listed = (await server.api('GET', `${db.path}/instances`)).json.instances;
		assert.equal(listed.length, 50);
		assert.equal(listed[0].type, 'primary');
		await Promise.all(listed.map((instance) => wait_for(server, db, instance)));

		const { jwt } = (await server.api('POST', `${db.path}/auth/tokens`)).json;
		await server.rows(db.label, 'CREATE TABLE t (v)', { token: jwt });
		for (const { hostname } of listed)
			await until('the table', () => server.rows(label_of(hostname), 'SELECT * FROM t', { token: jwt }).then(() => true));
	});
});
