// Kills atolld with SIGKILL at random moments under concurrent writers, restarts it on the same data, and looks:
// every acknowledged row is there exactly once, what a reader was shown is there, transactions are whole or absent,
// every instance passes SQLite's integrity check, and replicas equal the primary, byte for byte once stopped.
//
//     CRASH_ROUNDS=50  how often it is killed
//     CRASH_SEED=…     repeats what chance drew (not the machine's timing)
import assert from 'node:assert/strict';
import { openSync, closeSync, readSync, writeSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Ledger, digest, all_rows, stopped_database_faults, torn_transactions } from '../lib/checks.mjs';
import { Random } from '../lib/random.mjs';
import { sleep, startServer, until } from '../lib/server.mjs';

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 50);
const STOPPED_EVERY = 5; // rounds after which files are compared
const random = Random.from_env('CRASH_SEED');

const EVERYBODY = {
	insert: 60,
	large: 4,
	transaction: 8,
	undone: 3,
	batch: 8,
	interactive: 6,
	churn: 14,
	reshape: 1,
	vacuum: 0.2,
};
const HEAVY = { fill: 9, vacuum: 1 };

/// The content of a row follows from its id, so that a mixed-up page shows.
function payload_of(id, size) {
	return Buffer.alloc(size, `${id},`);
}

class Workload {
	constructor(server, db) {
		this.server = server;
		this.db = db;
		this.labels = [db.label, ...db.instances.map((instance) => instance.label)];
		this.entries = new Ledger();
		this.transactions = new Ledger();
		this.churn = new Map(); // key → {known, asked}: value last acknowledged, value sent since
		this.next_id = 1;
		this.acknowledged_count = 0;
		this.refusals = [];
		this.false_views = [];
		this.stopped = true;
	}

	async prepare() {
		const answer = await this.server.sql(this.db.label, [
			'CREATE TABLE entries (id INTEGER, size INTEGER, payload BLOB)',
			'CREATE INDEX entries_id ON entries (id)',
			'CREATE TABLE parts (txn INTEGER, part INTEGER, whole INTEGER, note TEXT)',
			'CREATE INDEX parts_txn ON parts (txn)',
			'CREATE TABLE bulk (txn INTEGER, part INTEGER, whole INTEGER, pad TEXT)',
			'CREATE TABLE churn (k INTEGER PRIMARY KEY, v INTEGER, pad BLOB)',
			'CREATE TABLE churn_log (k INTEGER, v INTEGER)',
			`CREATE TRIGGER churn_logs AFTER UPDATE ON churn BEGIN
				INSERT INTO churn_log VALUES (new.k, new.v);
				DELETE FROM churn_log WHERE k = new.k AND v < new.v - 3;
			END`,
		]);
		for (const result of answer.json.results) assert.equal(result.type, 'ok', JSON.stringify(result));
	}

	/// Sends a pipeline. True: all of it was answered well. False: the connection broke, nobody knows.
	async send(label, statements, options) {
		let answer;
		try {
			answer = await this.server.sql(label, statements, options);
		} catch {
			return { known: false };
		}
		const bad =
			answer.status !== 200 ? `${answer.status} ${answer.text}` : answer.json.results.find(({ type }) => type === 'error')?.error;
		if (bad) this.refusals.push(typeof bad === 'string' ? bad : `${bad.code}: ${bad.message}`);
		return { known: true, good: !bad, answer };
	}

	async insert(label, size) {
		const id = this.next_id++;
		this.entries.send(id);
		const sent = await this.send(label, {
			sql: 'INSERT INTO entries VALUES (?, ?, ?)',
			args: [id, size, payload_of(id, size)],
		});
		if (sent.known && sent.good) {
			this.entries.acknowledge(id);
			this.acknowledged_count++;
		}
	}

	part(txn, part, whole) {
		return { sql: 'INSERT INTO parts VALUES (?, ?, ?, ?)', args: [txn, part, whole, 'x'.repeat(part * 40)] };
	}

	/// One pipeline from BEGIN to its end, which undoes it now and then.
	async transaction(label, undo) {
		const txn = this.next_id++;
		const whole = random.between(2, 12);
		this.transactions.send(txn);
		const parts = Array.from({ length: whole }, (_, i) => this.part(txn, i, whole));
		const sent = await this.send(label, ['BEGIN IMMEDIATE', ...parts, undo ? 'ROLLBACK' : 'COMMIT']);
		if (undo) this.transactions.withdraw(txn);
		else if (sent.known && sent.good) this.transactions.acknowledge(txn);
		this.acknowledged_count += sent.known && sent.good;
	}

	/// The batch that client libraries send: each step depends on the one before, ROLLBACK if not COMMIT.
	async batch(label) {
		const txn = this.next_id++;
		const whole = random.between(2, 30);
		this.transactions.send(txn);
		const ok = (step) => ({ type: 'ok', step });
		const steps = [{ stmt: { sql: 'BEGIN IMMEDIATE' } }];
		for (let i = 0; i < whole; i++)
			steps.push({
				condition: ok(i),
				stmt: {
					sql: 'INSERT INTO parts VALUES (?, ?, ?, NULL)',
					args: [txn, i, whole].map((n) => ({ type: 'integer', value: String(n) })),
				},
			});
		steps.push({ condition: ok(whole), stmt: { sql: 'COMMIT' } });
		steps.push({ condition: { type: 'not', cond: ok(whole + 1) }, stmt: { sql: 'ROLLBACK' } });
		const sent = await this.send(label, { type: 'batch', batch: { steps } });
		if (!sent.known || !sent.good) return;
		const { step_errors } = sent.answer.json.results[0].response.result;
		const error = step_errors.find((one) => one);
		if (error) this.refusals.push(`batch: ${error.code}: ${error.message}`);
		else this.transactions.acknowledge(txn);
		this.acknowledged_count += !error;
	}

	/// One transaction over several requests of one stream.
	async interactive(label) {
		const txn = this.next_id++;
		const whole = random.between(2, 5);
		this.transactions.send(txn);
		let sent = await this.send(label, 'BEGIN IMMEDIATE', { keep: true });
		for (let i = 0; i < whole && sent.known && sent.good; i++) {
			const { baton } = sent.answer.json;
			sent = await this.send(label, this.part(txn, i, whole), { keep: true, baton });
		}
		if (!sent.known || !sent.good) return;
		sent = await this.send(label, 'COMMIT', { baton: sent.answer.json.baton });
		if (sent.known && sent.good) this.transactions.acknowledge(txn);
		this.acknowledged_count += sent.known && sent.good;
	}

	/// Only one writer owns a key, so its value is the last acknowledged one or the one asked for since.
	async turn_over(label, key) {
		const state = this.churn.get(key) ?? { known: null, asked: null };
		this.churn.set(key, state);
		const erase = state.known !== null && random.fraction() < 0.3;
		state.asked = erase ? null : this.next_id++;
		state.is_open = true;
		const pad = payload_of(key, random.between(0, 3000));
		const sent = await this.send(
			label,
			erase
				? { sql: 'DELETE FROM churn WHERE k = ?', args: [key] }
				: {
						sql: 'INSERT INTO churn VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET v = excluded.v, pad = excluded.pad',
						args: [key, state.asked, pad],
					},
		);
		if (!sent.known) return;
		state.is_open = false;
		if (sent.good) state.known = state.asked;
		this.acknowledged_count += sent.good;
	}

	async reshape(label, key) {
		const table = `scratch_${key}_${this.next_id++}`;
		await this.send(label, [
			`CREATE TABLE ${table} (x INTEGER PRIMARY KEY, y)`,
			`INSERT INTO ${table} WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 50) SELECT n, hex(n) FROM c`,
			`CREATE INDEX ${table}_y ON ${table} (y)`,
			`DROP TABLE ${table}`,
		]);
	}

	/// Fills the write-ahead log beyond what makes the server checkpoint it, and frees the pages again.
	async fill(label) {
		const txn = this.next_id++;
		const whole = random.between(500, 1500);
		const sent = await this.send(
			label,
			`INSERT INTO bulk WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${whole})
				SELECT ${txn}, n, ${whole}, printf('%03000d', n) FROM c`,
		);
		if (sent.good) await this.send(label, `DELETE FROM bulk WHERE txn = ${txn}`);
	}

	async write(key, weights) {
		while (!this.stopped) {
			const label = random.pick(this.labels);
			const kind = random.weighted(weights);
			switch (kind) {
				case 'insert':
					await this.insert(label, random.between(0, 200));
					break;
				case 'large':
					await this.insert(label, random.between(5_000, 120_000));
					break;
				case 'transaction':
				case 'undone':
					await this.transaction(label, kind === 'undone');
					break;
				case 'churn':
					await this.turn_over(label, key);
					break;
				case 'vacuum':
					await this.send(label, 'VACUUM');
					break;
				default:
					await this[kind](label, key);
			}
		}
	}

	/// What a reader is shown must stay, and no reader may be shown a part of a transaction.
	async read(label) {
		while (!this.stopped) {
			let answer;
			try {
				answer = await this.server.sql(label, [
					'SELECT group_concat(id) AS ids FROM (SELECT id FROM entries ORDER BY rowid DESC LIMIT 30)',
					`SELECT txn, count(*) AS n, whole FROM parts WHERE txn > (SELECT max(txn) - 200 FROM parts)
						GROUP BY txn HAVING count(*) <> whole`,
				]);
			} catch {
				return;
			}
			if (answer.status !== 200) {
				this.refusals.push(`reader: ${answer.status} ${answer.text}`);
				return;
			}
			const [ids, torn] = answer.json.results.slice(0, 2).map(({ response, error }) => {
				if (error) this.refusals.push(`reader: ${error.code}: ${error.message}`);
				return response?.result.rows ?? [];
			});
			for (const id of ids[0]?.[0]?.value?.split(',') ?? []) {
				const fault = this.entries.see(Number(id));
				if (fault) this.false_views.push(`${label}: ${fault}`);
			}
			if (torn.length > 0) this.false_views.push(`${label} shows ${JSON.stringify(torn)}`);
		}
	}

	/// Runs everybody until the server is killed under them.
	async run_until_killed(writer_count, kill_after_ms) {
		this.stopped = false;
		const everybody = [
			...Array.from({ length: writer_count }, (_, key) => this.write(key, EVERYBODY)),
			...(random.fraction() < 0.25 ? [this.write(-1, HEAVY)] : []),
			...this.db.instances.map(({ label }) => this.read(label)),
		].map((one) => one.catch((error) => this.refusals.push(`in the test itself: ${error.stack}`)));
		// Mostly the writers are well under way, now and then they are met while they connect.
		const before = this.acknowledged_count;
		if (random.fraction() < 0.8) await until('a first answer', () => this.acknowledged_count > before);
		await sleep(kill_after_ms);
		this.stopped = true;
		await this.server.kill();
		await Promise.all(everybody);
	}

	/// Deletes most of what earlier rounds left, as work to be kept like any other.
	async thin_out() {
		const before = this.next_id;
		const answer = await this.server.sql(this.db.instances[1].label, [
			'BEGIN IMMEDIATE',
			`DELETE FROM entries WHERE id < ${before} AND id % 8 <> 0`,
			`DELETE FROM parts WHERE txn < ${before} AND txn % 8 <> 0`,
			'COMMIT',
		]);
		for (const result of answer.json.results) assert.equal(result.type, 'ok', JSON.stringify(result));
		for (const ledger of [this.entries, this.transactions])
			for (const id of [...ledger.kept]) if (id % 8 !== 0) ledger.withdraw(id);
		// Another replica may rightly show what it has not heard to be deleted.
		await this.server.caught_up(this.db, 'SELECT count(*) FROM entries');
	}

	async faults_of(instance) {
		const where = `${instance.type} in ${instance.region}`;
		const { server } = this;
		const verdict = await server.rows(instance.label, 'PRAGMA integrity_check');
		const faults = [];
		if (verdict.length !== 1 || verdict[0].integrity_check !== 'ok') faults.push(`integrity: ${JSON.stringify(verdict)}`);

		const entries = await all_rows(server, instance.label, 'entries', { page_rows: 200 });
		for (const { id, size, payload } of entries)
			if (!payload.equals(payload_of(id, size))) faults.push(`${id} has another content`);
		const ids = entries.map(({ id }) => id);
		faults.push(...this.entries.faults(ids));

		const groups = await server.rows(
			instance.label,
			'SELECT txn, count(DISTINCT part) AS n, count(*) AS all_parts, whole FROM parts GROUP BY txn',
		);
		const bulk = await server.rows(instance.label, 'SELECT txn, count(DISTINCT part) AS n, whole FROM bulk GROUP BY txn');
		faults.push(...torn_transactions(groups), ...torn_transactions(bulk));
		for (const { txn, n, all_parts } of groups) if (n !== all_parts) faults.push(`transaction ${txn} has doubled parts`);
		const txns = groups.map(({ txn }) => txn);
		faults.push(...this.transactions.faults(txns));

		const churn = new Map((await server.rows(instance.label, 'SELECT k, v FROM churn')).map(({ k, v }) => [k, v]));
		for (const [key, { known, asked, is_open }] of this.churn) {
			const found = churn.get(key) ?? null;
			if (found !== known && !(is_open && found === asked))
				faults.push(`key ${key} is ${found}, acknowledged was ${known}${is_open ? `, asked for ${asked}` : ''}`);
		}
		return { faults: faults.map((fault) => `${where}: ${fault}`), ids, txns, churn };
	}

	/// Checks every instance, replicas once they have caught up, and decides what was open.
	async check(round) {
		const [primary, ...replicas] = this.db.instances;
		const found = await this.faults_of(primary);
		const faults = [...found.faults, ...this.false_views, ...this.refusals.map((text) => `refused: ${text}`)];
		const expected = await digest(this.server, primary.label);
		for (const replica of replicas) {
			await until(
				`replica in ${replica.region} to equal the primary`,
				async () => (await digest(this.server, replica.label)) === expected,
				20_000,
			).catch((error) => faults.push(error.message));
			faults.push(...(await this.faults_of(replica)).faults);
		}
		if (faults.length > 0) throw new Error(`round ${round}:\n${faults.slice(0, 50).join('\n')}\n${this.server.report()}`);
		this.entries.settle(found.ids);
		this.transactions.settle(found.txns);
		for (const [key, state] of this.churn) {
			state.known = found.churn.get(key) ?? null;
			state.is_open = false;
		}
		await this.server.rows(primary.label, 'DELETE FROM bulk');
	}
}

describe('the judges notice', () => {
	test('a lost, a doubled, a revived and an invented row', () => {
		const ledger = new Ledger();
		for (const id of [1, 2, 3, 4]) ledger.send(id);
		for (const id of [1, 2]) ledger.acknowledge(id);
		ledger.withdraw(3);
		assert.deepEqual(ledger.faults([1, 2]), []);
		assert.deepEqual(ledger.faults([1, 2, 4]), []);
		assert.deepEqual(ledger.faults([1]), ['2 was acknowledged or seen and is lost']);
		assert.deepEqual(ledger.faults([1, 2, 2]), ['2 is there 2 times']);
		assert.deepEqual(ledger.faults([1, 2, 3]), ['3 was undone or deleted and is there']);
		assert.deepEqual(ledger.faults([1, 2, 9]), ['9 was never sent and is there']);
		assert.equal(ledger.see(1), null);
		assert.equal(ledger.see(4), null);
		assert.match(ledger.see(3), /3 was undone or deleted and was shown/);
		assert.deepEqual(ledger.faults([1, 2]), ['4 was acknowledged or seen and is lost']);
	});

	test('an unanswered row that came and went', () => {
		const ledger = new Ledger();
		ledger.send(1);
		ledger.send(2);
		ledger.settle([1]);
		assert.deepEqual(ledger.faults([]), ['1 was acknowledged or seen and is lost']);
		assert.deepEqual(ledger.faults([1, 2]), ['2 was undone or deleted and is there']);
	});

	test('a torn transaction', () => {
		assert.deepEqual(torn_transactions([{ txn: 1, n: 3, whole: 3 }]), []);
		assert.equal(torn_transactions([{ txn: 1, n: 2, whole: 3 }]).length, 1);
	});
});

describe(`killed ${ROUNDS} times`, () => {
	let server;
	let db;
	let work;

	before(async () => {
		server = await startServer();
		db = await server.createDatabase('crash', ['ord', 'nrt', 'ams']);
		work = new Workload(server, db);
		await work.prepare();
	});
	after(() => server?.stop());

	/// Stops cleanly, compares the files, and starts again.
	async function compare_files(damage) {
		await work.check('before a clean stop');
		await server.stop({ keep_data: true });
		const faults = stopped_database_faults(server, db, damage);
		await server.restart();
		return faults;
	}

	test('nothing acknowledged is lost, nothing is torn, replicas equal the primary', async (t) => {
		for (let round = 1; round <= ROUNDS; round++) {
			await work.run_until_killed(random.between(8, 32), random.between(5, 400));
			await server.restart();
			await work.check(round);
			if (round % STOPPED_EVERY === 0 || round === ROUNDS) {
				assert.deepEqual(await compare_files(), [], `files after round ${round}`);
				await work.thin_out();
			}
		}
		t.diagnostic(`${work.acknowledged_count} acknowledged writes in ${ROUNDS} rounds`);
		assert.ok(work.acknowledged_count > ROUNDS * 5, `only ${work.acknowledged_count} writes were acknowledged`);
	});

	test('the judge of a live server notices a dropped row, a doubled one and a half transaction', async () => {
		const lost = work.next_id++;
		work.entries.send(lost);
		work.entries.acknowledge(lost); // nobody ever inserted it
		await assert.rejects(work.check('control'), new RegExp(`${lost} was acknowledged or seen and is lost`));
		work.entries.withdraw(lost);
		await work.check('control');

		await server.sql(db.label, `INSERT INTO entries VALUES (${lost + 1}, 0, x'')`);
		await assert.rejects(work.check('control'), /was never sent and is there/);
		await server.sql(db.label, `DELETE FROM entries WHERE id = ${lost + 1}`);

		await server.sql(db.label, `INSERT INTO parts VALUES (${lost + 2}, 0, 2, NULL)`);
		await assert.rejects(work.check('control'), /is torn: 1 of its 2 parts/);
		await server.sql(db.label, `DELETE FROM parts WHERE txn = ${lost + 2}`);
		work.next_id += 2;
		await work.check('control');
	});

	test('the judge of files notices one flipped bit in a replica', async () => {
		const flip = (copies) => {
			const file = openSync(copies.at(-1), 'r+');
			const byte = Buffer.alloc(1);
			const at = 3 * 4096 + random.between(100, 4000);
			readSync(file, byte, 0, 1, at);
			byte[0] ^= 0x10;
			writeSync(file, byte, 0, 1, at);
			closeSync(file);
		};
		const faults = await compare_files(flip);
		assert.match(faults.join('\n'), /replica-ams\.db and primary-ord\.db differ in 1 pages of .*: 4;/);
		assert.deepEqual(await compare_files(), []);
	});
});
