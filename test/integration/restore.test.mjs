// Branches and restores: POST …/databases with a seed of type "database" (spec/platform-api.md §3.6), judged by the content
// that was there at the moments asked for. Writers note when each of their writes was sent and answered; at some moments
// they rest, and the content is hashed inside one read transaction.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { content_digest } from '../lib/checks.mjs';
import { Random } from '../lib/random.mjs';
import { label_of, rows_of, sleep, startServer } from '../lib/server.mjs';

const WRITE_MS = Number(process.env.RESTORE_WRITE_MS ?? 1000); // between two moments
const random = Random.from_env('RESTORE_SEED');

let server, o;

before(async () => {
	server = await startServer();
	o = `/v1/organizations/${server.organization}`;
});
after(() => server?.stop());

async function must(method, path, body) {
	const answer = await server.api(method, path, body);
	assert.equal(answer.status, 200, `${method} ${path} ${JSON.stringify(body)}: ${answer.status} ${answer.text}`);
	return answer.json;
}

function refused(answer, status, error, code) {
	assert.equal(answer.status, status, answer.text);
	if (error instanceof RegExp) assert.match(answer.json.error, error);
	else assert.equal(answer.json.error, error);
	assert.equal(answer.json.code, code);
}

function seed_of(name, at) {
	return { type: 'database', name, ...(at === undefined ? {} : { timestamp: new Date(at).toISOString() }) };
}

/// A database with that seed and an instance in each location; by its SQL address and instances like createDatabase.
function restored(name, source, at, locations = ['ord']) {
	return server.createDatabase(name, locations, { seed: seed_of(source.name, at) });
}

/// Writers that insert, change, delete, and reshape, and the times of their inserts.
class Writers {
	constructor(db) {
		this.db = db;
		this.labels = [db.label, ...db.instances.map(({ label }) => label)];
		this.entries = []; // {id, sent_ms, answered_ms}
		this.next_id = 1;
		this.stopped = true;
	}

	async prepare() {
		for (const sql of [
			'CREATE TABLE entries (id INTEGER PRIMARY KEY, text TEXT)',
			'CREATE TABLE churn (k INTEGER PRIMARY KEY, v INTEGER, pad BLOB)',
			'CREATE INDEX churn_by_v ON churn (v)',
			'CREATE TABLE log (at TEXT, k INTEGER)',
			'CREATE TRIGGER churn_logs AFTER UPDATE ON churn BEGIN INSERT INTO log VALUES (datetime(), new.k); END',
		])
			await server.rows(this.db.label, sql);
	}

	async write() {
		const label = random.pick(this.labels);
		switch (random.weighted({ insert: 10, change: 6, remove: 2, transaction: 2, reshape: 0.2 })) {
			case 'insert': {
				const entry = { id: this.next_id++, sent_ms: Date.now() };
				await server.rows(label, { sql: 'INSERT INTO entries VALUES (?, ?)', args: [entry.id, `entry ${entry.id} ${'x'.repeat(random.between(0, 600))}`] });
				entry.answered_ms = Date.now();
				this.entries.push(entry);
				return;
			}
			case 'change':
				await server.rows(label, {
					sql: 'INSERT INTO churn VALUES (?, ?, randomblob(?)) ON CONFLICT (k) DO UPDATE SET v = excluded.v, pad = excluded.pad',
					args: [random.between(1, 200), random.between(0, 1e6), random.between(0, 3000)],
				});
				return;
			case 'remove':
				await server.rows(label, { sql: 'DELETE FROM churn WHERE k BETWEEN ? AND ? + 3', args: Array(2).fill(random.between(1, 200)) });
				return;
			case 'transaction': {
				const answer = await server.sql(label, [
					'BEGIN IMMEDIATE',
					{ sql: 'UPDATE churn SET v = v + 1 WHERE k % 10 = ?', args: [random.between(0, 9)] },
					'DELETE FROM log WHERE rowid % 5 = 0',
					random.fraction() < 0.8 ? 'COMMIT' : 'ROLLBACK',
				]);
				for (const index of [0, 1, 2, 3]) rows_of(answer, index);
				return;
			}
			case 'reshape':
				await server.rows(label, `CREATE TABLE extra_${this.next_id++} (a, b)`);
				return;
		}
	}

	start(count = 6) {
		this.stopped = false;
		this.running = Array.from({ length: count }, async () => {
			while (!this.stopped) await this.write();
		});
	}

	async rest() {
		this.stopped = true;
		await Promise.all(this.running);
	}

	/// What a restore to `at` got wrong: nothing answered before is missing, nothing sent after is there.
	async faults_at(at, label) {
		const found = new Set((await server.rows(label, 'SELECT id FROM entries')).map(({ id }) => id));
		const faults = [];
		for (const { id, sent_ms, answered_ms } of this.entries) {
			if (answered_ms < at && !found.has(id)) faults.push(`${id}, answered ${at - answered_ms} ms before, is missing`);
			if (sent_ms > at && found.has(id)) faults.push(`${id}, sent ${sent_ms - at} ms after, is there`);
		}
		return faults;
	}
}

describe('restore to a moment', () => {
	const rests = []; // {at, digest}: the content while everybody rested
	const busy = []; // moments in the midst of writing
	let source, writers;

	before(async () => {
		source = await server.createDatabase('source', ['ord', 'nrt']);
		writers = new Writers(source);
		await writers.prepare();
		for (let i = 0; i < 4; i++) {
			writers.start();
			await sleep(WRITE_MS / 2);
			busy.push(Date.now());
			await sleep(WRITE_MS / 2);
			await writers.rest();
			await sleep(20); // a moment is a millisecond: nobody writes in the one that is asked for
			const digest = await content_digest(server, source.instances[0].label);
			rests.push({ at: Date.now(), digest });
			await sleep(20);
		}
		assert.equal(new Set(rests.map(({ digest }) => digest)).size, rests.length, 'the moments differ');
	});

	test('the content is what was there', async (t) => {
		t.diagnostic(`${writers.entries.length} inserts`);
		for (const [i, { at, digest }] of rests.entries()) {
			const db = await restored(`rest-${i}`, source, at);
			assert.equal(await content_digest(server, db.label), digest, `moment ${i}`);
			const { database } = await must('GET', db.path);
			assert.deepEqual([database.parent.id, database.parent.name], [source.uuid, 'source']);
			assert.ok(Math.abs(Date.parse(database.parent.branched_at) - at) < 1000 || Date.parse(database.parent.branched_at) > at);
		}
		const now = await restored('rest-now', source);
		assert.equal(await content_digest(server, now.label), rests.at(-1).digest);
	});

	test('moments in the midst of writing cut between transactions', async () => {
		for (const [i, at] of busy.entries()) {
			const db = await restored(`busy-${i}`, source, at);
			assert.deepEqual(await writers.faults_at(at, db.label), [], `moment ${i}`);
			assert.deepEqual(await server.rows(db.label, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
		}
	});

	test('with replicas, each the same', async () => {
		const db = await restored('many-places', source, rests[1].at, ['ams', 'ord', 'nrt']);
		for (const { label } of db.instances) assert.equal(await content_digest(server, label), rests[1].digest);
		await server.rows(db.instances[2].label, "INSERT INTO entries VALUES (-1, 'in the branch')");
		await server.caught_up(db, 'SELECT count(*) FROM entries');
	});

	test('in a group it is there at once', async () => {
		await must('POST', `${o}/groups`, { name: 'branches', location: 'ord' });
		await must('POST', `${o}/groups/branches/locations/nrt`);
		const { database } = await must('POST', `${o}/databases`, { name: 'in-group', group: 'branches', seed: seed_of('source', rests[2].at) });
		const { jwt } = await must('POST', `${o}/databases/in-group/auth/tokens`);
		for (const { name } of (await must('GET', `${o}/databases/in-group/instances`)).instances) {
			const answer = await server.api('GET', `${o}/databases/in-group/instances/${name}/wait`);
			assert.equal(answer.status, 200, answer.text);
			const { instance } = await must('GET', `${o}/databases/in-group/instances/${name}`);
			assert.equal(await content_digest(server, label_of(instance.hostname), { token: jwt }), rests[2].digest);
		}
		assert.equal(database.Name, 'in-group');
	});

	test('after a restart and a VACUUM the past is still there', async () => {
		await server.rows(source.label, 'VACUUM');
		await server.restart();
		for (const i of [0, 2]) {
			const db = await restored(`later-${i}`, source, rests[i].at);
			assert.equal(await content_digest(server, db.label), rests[i].digest, `moment ${i}`);
		}
		// What is written after the restart makes a past of its own.
		writers.start();
		await sleep(WRITE_MS / 2);
		await writers.rest();
		await sleep(20);
		const digest = await content_digest(server, source.label);
		const at = Date.now();
		await sleep(20);
		await server.rows(source.label, 'DELETE FROM entries');
		const db = await restored('later-now', source, at);
		assert.equal(await content_digest(server, db.label), digest);
		const old = await restored('later-old', source, rests[3].at);
		assert.equal(await content_digest(server, old.label), rests[3].digest);
	});

	test('a branch and its parent know nothing of each other', async () => {
		const branch = await restored('independent', source);
		const digest = await content_digest(server, source.label);
		await server.rows(branch.label, "INSERT INTO entries VALUES (-5, 'only here')");
		await server.rows(branch.label, 'DROP TABLE log');
		assert.equal(await content_digest(server, source.label), digest);
		const branch_digest = await content_digest(server, branch.label);
		await server.rows(source.label, "INSERT INTO entries VALUES (-6, 'only there')");
		assert.equal(await content_digest(server, branch.label), branch_digest);
		assert.notEqual((await server.sql(branch.label, 'SELECT 1', { token: source.jwt })).status, 200, "the parent's token opens no branch");
		// A branch of a branch, and a branch that outlives its parent.
		const second = await restored('second-level', branch);
		assert.equal(await content_digest(server, second.label), branch_digest);
		assert.deepEqual(await must('DELETE', branch.path), { database: 'independent' });
		assert.equal(await content_digest(server, second.label), branch_digest);
		await server.restart();
		assert.equal(await content_digest(server, second.label), branch_digest);
	});

	test('the judge notices another moment, and one changed letter', async () => {
		const db = await restored('control', source, rests[0].at);
		assert.notEqual(await content_digest(server, db.label), rests[1].digest);
		await server.rows(db.label, "UPDATE entries SET text = text || '.' WHERE id = (SELECT max(id) FROM entries)");
		assert.notEqual(await content_digest(server, db.label), rests[0].digest);
		const faults = await writers.faults_at(rests[2].at, db.label);
		assert.ok(faults.length > 10, 'entries of later moments are told missing');
		assert.ok((await writers.faults_at(rests[0].at - WRITE_MS / 2, db.label)).some((one) => /is there$/.test(one)));
	});
});

describe('what can not be', () => {
	test('unknown sources, moments that are none, or not yet', async () => {
		const db = await server.createDatabase('refusing', ['ord']);
		await server.rows(db.label, 'CREATE TABLE t (x)');
		const create = (seed) => server.api('POST', `${o}/databases`, { name: 'never', seed });
		refused(await create({ type: 'database', name: 'nothing' }), 404, 'could not find database with name nothing: record not found', 'database_not_found');
		refused(await create({ type: 'database' }), 400, /name/, 'missing_field');
		refused(await create({ type: 'copy', name: 'refusing' }), 400, /type/, 'invalid_field');
		refused(await create(seed_of('refusing', Date.now() + 3600_000)), 400, /future/, 'invalid_field');
		refused(await create(seed_of('refusing', Date.now() - 3600_000)), 400, /retention/, 'bad_request');
		for (const timestamp of ['yesterday', '2026-13-01T00:00:00Z', '2026-01-01T00:00:00', 17])
			refused(await create({ type: 'database', name: 'refusing', timestamp }), 400, /timestamp/, 'invalid_field');
		refused(await server.api('GET', `${o}/databases/never`), 404, /could not find database/, 'database_not_found');
		// Another organization's databases are none here.
		const { org } = await must('POST', '/v1/organizations', { name: 'Elsewhere' });
		refused(
			await server.api('POST', `/v1/organizations/${org.slug}/databases`, { name: 'stolen', seed: seed_of('refusing') }),
			404,
			'could not find database with name refusing: record not found',
			'database_not_found',
		);
	});

	test('the command line calls the source `value`', async () => {
		const db = await server.createDatabase('valued', ['ord']);
		await server.rows(db.label, 'CREATE TABLE seen (x)');
		const branch = await server.createDatabase('valued-branch', ['ord'], { seed: { type: 'database', value: 'valued' } });
		assert.deepEqual(await server.rows(branch.label, 'SELECT name FROM sqlite_schema'), [{ name: 'seen' }]);
	});

	test('a source without instances gives nothing, or what it was seeded with', async () => {
		await must('POST', `${o}/databases`, { name: 'bare' });
		const empty = await server.createDatabase('of-bare', ['ord'], { seed: seed_of('bare') });
		assert.deepEqual(await server.rows(empty.label, 'SELECT name FROM sqlite_schema'), []);
		const db = await server.createDatabase('full', ['ord']);
		await server.rows(db.label, 'CREATE TABLE seen (x)');
		await must('POST', `${o}/databases`, { name: 'seeded-bare', seed: seed_of('full') });
		const copy = await server.createDatabase('of-seeded-bare', ['ord'], { seed: seed_of('seeded-bare') });
		assert.deepEqual(await server.rows(copy.label, 'SELECT name FROM sqlite_schema'), [{ name: 'seen' }]);
	});

	test('what the retention no longer holds is refused, and what it holds is right', async () => {
		const small = await startServer({ args: ['--log-bytes-max', '1mb'] });
		try {
			const db = await small.createDatabase('narrow', ['ord']);
			const base = `/v1/organizations/${small.organization}/databases`;
			await small.rows(db.label, 'CREATE TABLE bulk (n INTEGER PRIMARY KEY, pad BLOB)');
			const moments = [];
			for (let i = 0; i < 16; i++) {
				for (let j = 0; j < 4; j++)
					await small.rows(db.label, { sql: 'INSERT INTO bulk VALUES (?, randomblob(100000))', args: [i * 4 + j] });
				await small.rows(db.label, { sql: 'DELETE FROM bulk WHERE n < ?', args: [i * 4 - 20] });
				await sleep(5);
				moments.push({ at: Date.now(), digest: await content_digest(small, db.label, { page_rows: 50 }) });
				await sleep(5);
			}
			const answers = [];
			for (const [i, { at, digest }] of moments.entries()) {
				const answer = await small.api('POST', base, { name: `n-${i}`, seed: seed_of('narrow', at) });
				answers.push(answer.status);
				if (answer.status !== 200) {
					assert.equal(answer.status, 400, answer.text);
					assert.match(answer.json.error, /outside the retention: the oldest moment kept is \d{4}-\d\d-\d\dT/);
					continue;
				}
				const instance = await small.api('POST', `${base}/n-${i}/instances`, { location: 'ord' });
				assert.equal(instance.status, 200, instance.text);
				assert.equal((await small.api('GET', `${base}/n-${i}/instances/${instance.json.instance.name}/wait`)).status, 200);
				const { jwt } = (await small.api('POST', `${base}/n-${i}/auth/tokens`)).json;
				assert.equal(await content_digest(small, label_of(instance.json.instance.hostname), { token: jwt, page_rows: 50 }), digest, `moment ${i}`);
				assert.equal((await small.api('DELETE', `${base}/n-${i}`)).status, 200);
			}
			assert.equal(answers[0], 400, 'the first moment is long gone');
			assert.equal(answers.at(-1), 200, 'the last moment is there');
			assert.deepEqual(answers, [...answers].sort().reverse(), 'what is kept is one stretch up to now');
		} finally {
			await small.stop();
		}
	});
});

