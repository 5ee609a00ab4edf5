// Kills atolld under writers while replicas in other processes follow it (npm clients of two protocols), and looks before
// it is asked for anything else: no replica holds a transaction that the primary lost, and in the end all are equal. Once
// as a process that dies, and once as a machine that loses its power: what no sync made durable is gone then.
//
//     EMBEDDED_ROUNDS=30  how often it is killed, of either kind half
//     CRASH_SEED=…        repeats what chance drew (not the machine's timing)
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Ledger, settled_copy, torn_transactions } from '../lib/checks.mjs';
import { Follower } from '../lib/followers.mjs';
import { Power } from '../lib/power.mjs';
import { Random } from '../lib/random.mjs';
import { sleep, startServer, until } from '../lib/server.mjs';

const ROUNDS = Math.ceil(Number(process.env.EMBEDDED_ROUNDS ?? 30) / 2);
const WRITERS = 6;
const COUNTERS = 40;
const THINNED_EVERY = 8; // rounds
const FOLLOWERS = ['libsql', 'libsql', 'libsql-2025', '@tursodatabase/sync', 'turso-sync-2025'];
const random = Random.from_env('CRASH_SEED');

const MARKS = 'SELECT txn, count(DISTINCT part) AS n, whole FROM marks GROUP BY txn, whole ORDER BY txn';
const COUNTED = 'SELECT k, v FROM counters ORDER BY k';
const CONTENTS = ['SELECT txn, part, whole, pad FROM marks ORDER BY txn, part', COUNTED, 'SELECT k, length(pad) AS size, pad FROM churn ORDER BY k'];

const hash_of = (rows) => createHash('sha256').update(JSON.stringify(rows)).digest('hex');

/// Where two texts part: an excerpt of each, or null.
function difference_of(text, expected) {
	if (text === expected) return null;
	let at = 0;
	while (text[at] === expected[at]) at++;
	return [text, expected].map((one) => JSON.stringify(one.slice(Math.max(0, at - 60), at + 60)));
}

/// What a copy shows of the writers' work: {marks, counters}. `ask` runs a statement on it.
async function held_by(ask) {
	return { marks: await ask(MARKS), counters: await ask(COUNTED) };
}

/// Faults of what a replica held when its primary died, against what that primary has after its start.
function ahead_faults(name, held, primary) {
	const there = new Set(primary.marks.map(({ txn }) => txn));
	const value = new Map(primary.counters.map(({ k, v }) => [k, v]));
	return [
		...held.marks.filter(({ txn }) => !there.has(txn)).map(({ txn }) => `${name} holds transaction ${txn}, which its primary lost`),
		...held.counters
			.filter(({ k, v }) => v > (value.get(k) ?? 0))
			.map(({ k, v }) => `${name} has counted ${k} to ${v}, its primary only to ${value.get(k)}`),
		...torn_transactions(held.marks).map((fault) => `${name}: ${fault}`),
	];
}

class Work {
	constructor(server, db) {
		this.server = server;
		this.db = db;
		this.ledger = new Ledger();
		this.next_txn = 1;
		this.acknowledged = 0;
		this.refused = [];
		this.stopped = true;
	}

	async prepare() {
		await this.ok([
			'CREATE TABLE marks (txn INTEGER, part INTEGER, whole INTEGER, pad TEXT)',
			'CREATE INDEX marks_txn ON marks (txn, part)',
			'CREATE TABLE counters (k INTEGER PRIMARY KEY, v INTEGER)',
			'CREATE TABLE churn (k INTEGER PRIMARY KEY, pad TEXT)',
			`INSERT INTO counters WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < ${COUNTERS - 1}) SELECT n, 0 FROM c`,
		]);
	}

	async ok(statements) {
		const answer = await this.server.sql(this.db.label, statements);
		for (const result of answer.json.results) assert.equal(result.type, 'ok', JSON.stringify(result));
	}

	parts(txn) {
		const whole = random.between(1, 6);
		return Array.from({ length: whole }, (_, part) => ({
			sql: 'INSERT INTO marks VALUES (?, ?, ?, ?)',
			args: [txn, part, whole, `${txn},`.repeat(random.between(0, random.fraction() < 0.05 ? 5000 : 60))],
		}));
	}

	async transaction(key) {
		const txn = this.next_txn++;
		this.ledger.send(txn);
		let statements = this.parts(txn);
		const counter = key + WRITERS * random.between(0, Math.floor(COUNTERS / WRITERS) - 1);
		statements.push(`UPDATE counters SET v = v + 1 WHERE k = ${counter}`);
		statements = ['BEGIN IMMEDIATE', ...statements, 'COMMIT'];
		// A single statement takes the short way of autocommit.
		if (random.fraction() < 0.4) statements = [{ sql: 'INSERT INTO marks VALUES (?, 0, 1, ?)', args: [txn, 'x'.repeat(random.between(0, 200))] }];
		await this.send(statements, txn);
	}

	async churn(key) {
		const k = key * 10 + random.between(0, 9);
		if (random.fraction() < 0.2) await this.send([`DELETE FROM churn WHERE k BETWEEN ${key * 10} AND ${key * 10 + 9}`]);
		else await this.send([{ sql: 'INSERT OR REPLACE INTO churn VALUES (?, ?)', args: [k, 'y'.repeat(random.between(0, 9000))] }]);
	}

	async send(statements, txn) {
		let answer;
		try {
			answer = await this.server.sql(this.db.label, statements);
		} catch {
			return; // killed: nobody knows
		}
		const bad = answer.status !== 200 ? `${answer.status} ${answer.text}` : answer.json.results.find(({ type }) => type === 'error')?.error.message;
		if (bad) this.refused.push(bad);
		else if (txn) this.ledger.acknowledge(txn);
		this.acknowledged += !bad;
	}

	async write(key) {
		while (!this.stopped) {
			if (random.fraction() < 0.75) await this.transaction(key);
			else if (random.fraction() < 0.01) await this.send(['VACUUM']);
			else await this.churn(key);
		}
	}

	/// Runs the writers until the server is killed under them.
	async run_until_killed() {
		this.stopped = false;
		const before = this.acknowledged;
		const everybody = Array.from({ length: WRITERS }, (_, key) => this.write(key));
		await until('a first answer', () => this.acknowledged > before);
		await sleep(random.between(20, 600));
		this.stopped = true;
		await this.server.kill();
		await Promise.all(everybody);
	}

	rows(sql) {
		return this.server.rows(this.db.label, sql);
	}

	/// Deletes most of what earlier rounds left. The replicas are told before the next round.
	async thin_out() {
		await this.ok([`DELETE FROM marks WHERE txn % 16 <> 0 AND txn < ${this.next_txn}`, 'VACUUM']);
		for (const txn of [...this.ledger.kept]) if (txn % 16 !== 0) this.ledger.withdraw(txn);
	}
}

class Scene {
	constructor(power) {
		this.power = power;
		this.folder = mkdtempSync(path.join(tmpdir(), 'atoll-embedded-crash-'));
		this.followers = [];
		this.copies = 0;
	}

	async begin() {
		this.server = await startServer({ env: this.power?.env ?? {}, args: ['--log-bytes-max', '8mb'] });
		this.db = await this.server.createDatabase('followed', ['ord']);
		this.work = new Work(this.server, this.db);
		await this.work.prepare();
		for (const [i, name] of FOLLOWERS.entries()) await this.follow(name, `${i}-${name.replace(/\W/g, '')}.db`);
	}

	async follow(name, file) {
		const url = `${this.server.url}/db/${this.db.label}`;
		this.followers.push(await Follower.start(name, { file: path.join(this.folder, file), url, token: this.db.jwt }));
	}

	/// What the user of a file does that cannot go on.
	async begin_anew(follower) {
		await follower.end();
		for (const end of ['', '-wal', '-shm', '-client_wal_index']) rmSync(follower.file + end, { force: true });
		this.followers.splice(this.followers.indexOf(follower), 1);
		await this.follow(follower.name, path.basename(follower.file));
	}

	async end() {
		for (const follower of this.followers) await follower.end();
		await this.server?.stop();
		rmSync(this.folder, { recursive: true, force: true });
		this.power?.remove();
	}

	label(follower) {
		return path.basename(follower.file);
	}

	/// Everybody's content at the moment of the death: [{name, held}].
	async held_at_death() {
		const all = [];
		await Promise.all(
			this.followers.map(async (follower) => {
				await follower.pause();
				all.push({ name: this.label(follower), held: await held_by((sql) => follower.rows(sql)) });
			}),
		);
		return all;
	}

	/// The primary as it comes back, before anything is written, against all that was held.
	async faults_after_start(held) {
		const primary = await held_by((sql) => this.work.rows(sql));
		const txns = primary.marks.map(({ txn }) => txn);
		const faults = [
			...held.flatMap((one) => ahead_faults(one.name, one.held, primary)),
			...this.work.ledger.faults(txns),
			...torn_transactions(primary.marks),
			...this.work.refused.map((text) => `refused: ${text}`),
		];
		if ((await this.work.rows('PRAGMA integrity_check'))[0].integrity_check !== 'ok') faults.push('the primary is not sound');
		this.work.ledger.settle(txns);
		return faults;
	}

	/// A client's file as somebody else's sqlite3 sees it.
	dump(follower) {
		const copy = settled_copy(follower.file, this.folder, `copy-${++this.copies}`);
		const said = (sql) => execFileSync('sqlite3', ['-batch', copy, sql], { encoding: 'utf8', maxBuffer: 1 << 28 });
		const out = { integrity: said('PRAGMA integrity_check').trim(), dump: said('.dump') };
		for (const end of ['', '-wal', '-shm']) rmSync(copy + end, { force: true });
		return out;
	}

	/// Faults of the replicas against the primary once they have synced.
	async faults_after_sync() {
		const faults = [];
		const expected = [];
		for (const sql of CONTENTS) expected.push(hash_of(await this.work.rows(sql)));
		const { text } = await this.server.data_plane(this.db.label, '/dump', undefined, { method: 'GET' });
		for (const follower of this.followers) {
			const name = this.label(follower);
			await follower.sync();
			for (const [i, sql] of CONTENTS.entries())
				if (hash_of(await follower.rows(sql)) !== expected[i]) faults.push(`${name} differs from its primary in: ${sql}`);
			const file = this.dump(follower);
			if (file.integrity !== 'ok') faults.push(`${name}: integrity_check says ${file.integrity}`);
			// The other clients keep tables of their own in the file.
			if (!follower.name.startsWith('libsql')) continue;
			const difference = difference_of(file.dump, text);
			if (difference) faults.push(`${name}: the dump of its file has ${difference[0]} where its primary's has ${difference[1]}`);
		}
		return faults;
	}

	async resume() {
		for (const follower of this.followers) await follower.resume();
	}

	fail(faults, what) {
		if (faults.length > 0) throw new Error(`${what}:\n${faults.slice(0, 40).join('\n')}\n${this.server.report()}`);
	}

	async round(number) {
		const what = `round ${number}`;
		await this.work.run_until_killed();
		const held = await this.held_at_death();
		const lost = this.power?.lose(this.server.data);
		await this.server.start(`127.0.0.1:${this.server.port}`);
		this.fail(await this.faults_after_start(held), `${what}, after the start${lost ? `, history ${lost.luck}` : ''}`);
		if (number % THINNED_EVERY === 0) await this.work.thin_out();
		this.fail(await this.faults_after_sync(), `${what}, after a sync${lost ? `, history ${lost.luck}` : ''}`);
		await this.resume();
		return lost?.files ?? 0;
	}

	/// The followers were at work: each has synced, and the rounds were no rounds without followers.
	async faults_of_followers() {
		const faults = [];
		for (const follower of this.followers) {
			const { synced, error } = await follower.pause();
			if (synced < ROUNDS) faults.push(`${this.label(follower)} synced only ${synced} times (${error})`);
			await follower.resume();
		}
		return faults;
	}
}

/// The judges of a scene must be able to see a fault: a row that only a replica has.
async function controls(scene) {
	const held = await scene.held_at_death();
	assert.deepEqual(await scene.faults_after_start(held), []);
	const [first] = held;
	first.held.marks.push({ txn: 999_999, n: 1, whole: 1 });
	first.held.counters[0].v += 1000;
	const faults = (await scene.faults_after_start(held)).join('\n');
	assert.match(faults, /holds transaction 999999, which its primary lost/);
	assert.match(faults, /has counted 0 to \d+, its primary only to/);
	const libsql = scene.followers.find(({ name }) => name === 'libsql');
	const file_row = 'INSERT INTO marks VALUES (888888, 0, 1, NULL)';
	execFileSync('sqlite3', ['-batch', libsql.file, file_row]);
	const seen = await scene.held_at_death();
	assert.match((await scene.faults_after_start(seen)).join(), /libsql.db holds transaction 888888, which its primary lost/);
	assert.match((await scene.faults_after_sync()).join('\n'), /libsql.db differs from its primary in: SELECT txn/);
	// The other protocol's client takes a row of its own for one that it has still to push.
	await scene.begin_anew(libsql);
	assert.deepEqual(await scene.faults_after_sync(), []);
	await scene.resume();
}

describe(`killed ${ROUNDS} times with replicas in clients' processes`, () => {
	const scene = new Scene(null);
	before(() => scene.begin());
	after(() => scene.end());

	test('no replica holds what its primary lost, and all become equal', async (t) => {
		for (let number = 1; number <= ROUNDS; number++) await scene.round(number);
		t.diagnostic(`${scene.work.acknowledged} acknowledged writes in ${ROUNDS} rounds`);
		assert.deepEqual(await scene.faults_of_followers(), []);
	});

	test('the judge notices a row that only a replica has', () => controls(scene));
});

describe(`${ROUNDS} losses of power with replicas in clients' processes`, () => {
	const scene = new Scene(new Power(random));
	before(() => scene.begin());
	after(() => scene.end());

	test('no replica holds what its primary lost, and all become equal', async (t) => {
		let files = 0;
		for (let number = 1; number <= ROUNDS; number++) files += await scene.round(number);
		t.diagnostic(`${scene.work.acknowledged} acknowledged writes in ${ROUNDS} rounds, ${files} files lost something`);
		if (ROUNDS >= 5) assert.ok(files > 0, 'no file lost anything: the disk was no such disk');
		assert.deepEqual(await scene.faults_of_followers(), []);
	});

	// A disk that lied: what it said to be durable is gone. Nobody can save those writes, and the clients of libsql cannot be
	// told by their protocol that there were more frames once: their files are made anew (docs/embedded-replicas.md).
	test('a disk that loses what it had made durable is noticed by the judge', async () => {
		const moment = scene.power.remember();
		const before_count = scene.work.acknowledged;
		scene.work.stopped = false;
		const writers = Array.from({ length: WRITERS }, (_, key) => scene.work.write(key));
		await until('writes', () => scene.work.acknowledged > before_count + 30);
		scene.work.stopped = true;
		await Promise.all(writers);
		for (const follower of scene.followers) await follower.sync();
		await scene.server.kill();
		const held = await scene.held_at_death();
		scene.power.lose(scene.server.data, { kept: moment, luck: 'kept' });
		await scene.server.start(`127.0.0.1:${scene.server.port}`);
		const faults = (await scene.faults_after_start(held)).join('\n');
		for (const follower of scene.followers) assert.ok(faults.includes(`${scene.label(follower)} holds transaction`), faults.slice(0, 2000));
		assert.match(faults, /was acknowledged or seen and is lost/);
		await scene.work.ok(["INSERT INTO churn VALUES (5000, 'after')"]);
		for (const follower of scene.followers.filter(({ name }) => name.startsWith('libsql'))) await scene.begin_anew(follower);
		scene.fail(await scene.faults_after_sync(), 'after the disk lied');
		await scene.resume();
	});
});
