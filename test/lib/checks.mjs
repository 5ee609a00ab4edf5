// Judges of what a server kept: pure functions over what was sent, answered and found, and comparisons of whole
// databases. Each returns a list of faults in words; an empty list means that nothing is wrong.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { from_value, rows_of } from './server.mjs';

/// What became of each thing that was sent, by its id.
///     kept   was acknowledged, or seen by a reader: must be there, once
///     open   was sent and never answered: may be there, once, or not
///     gone   was refused, rolled back, deleted, or found missing while open: must not be there
export class Ledger {
	constructor() {
		this.kept = new Set();
		this.open = new Set();
		this.gone = new Set();
	}

	send(id) {
		this.open.add(id);
	}

	acknowledge(id) {
		this.open.delete(id);
		this.kept.add(id);
	}

	withdraw(id) {
		this.open.delete(id);
		this.kept.delete(id);
		this.gone.add(id);
	}

	/// A reader was shown it: it must not vanish any more, whether its writer has its answer yet or not. Gives a
	/// fault if it should not have been there.
	see(id) {
		if (this.gone.has(id)) return `${id} was undone or deleted and was shown to a reader`;
		if (this.open.has(id)) this.acknowledge(id);
		return null;
	}

	/// `found`: ids as they stand in the database, each as often as it stands there.
	faults(found) {
		const count = new Map();
		for (const id of found) count.set(id, (count.get(id) ?? 0) + 1);
		const faults = [];
		for (const id of this.kept) if (!count.has(id)) faults.push(`${id} was acknowledged or seen and is lost`);
		for (const [id, n] of count) {
			if (n > 1) faults.push(`${id} is there ${n} times`);
			if (this.gone.has(id)) faults.push(`${id} was undone or deleted and is there`);
			else if (!this.kept.has(id) && !this.open.has(id)) faults.push(`${id} was never sent and is there`);
		}
		return faults;
	}

	/// After a check: what was open is decided for ever by what was found.
	settle(found) {
		const there = new Set(found);
		for (const id of [...this.open]) {
			if (there.has(id)) this.acknowledge(id);
			else this.withdraw(id);
		}
	}
}

/// `groups`: rows {txn, n, whole} with the number of parts found and the number each transaction had.
export function torn_transactions(groups) {
	return groups
		.filter(({ n, whole }) => n !== whole)
		.map(({ txn, n, whole }) => `transaction ${txn} is torn: ${n} of its ${whole} parts are there`);
}

/// All rows of a table in pages, so that no answer exceeds a limit.
export async function all_rows(server, label, table, { page_rows = 500 } = {}) {
	const rows = [];
	for (let last = -(2n ** 63n); ; ) {
		const page = rows_of(
			await server.sql(label, {
				sql: `SELECT rowid AS "the rowid", * FROM "${table}" WHERE rowid > ? ORDER BY rowid LIMIT ?`,
				args: [last, page_rows],
			}),
		);
		rows.push(...page);
		if (page.length < page_rows) return rows;
		last = BigInt(page.at(-1)['the rowid']);
	}
}

/// A digest of everything an instance shows by SQL: schema and rows, in order. Equal databases have equal digests.
export async function digest(server, label, { page_rows = 500 } = {}) {
	const hash = createHash('sha256');
	const schema = await server.sql(label, 'SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rowid');
	hash.update(JSON.stringify(rows_of(schema)));
	for (const row of schema.json.results[0].response.result.rows) {
		const [type, name, , rootpage, sql] = row.map(from_value);
		if (type !== 'table' || rootpage === 0) continue;
		if (/WITHOUT\s+ROWID\s*$/i.test(sql)) {
			hash.update(JSON.stringify(rows_of(await server.sql(label, `SELECT * FROM "${name}"`)).map(Object.values)));
			continue;
		}
		for (let last = -(2n ** 63n); ; ) {
			const answer = await server.sql(label, {
				sql: `SELECT rowid, * FROM "${name}" WHERE rowid > ? ORDER BY rowid LIMIT ?`,
				args: [last, page_rows],
			});
			rows_of(answer);
			const { rows } = answer.json.results[0].response.result;
			hash.update(JSON.stringify(rows));
			if (rows.length < page_rows) break;
			last = BigInt(rows.at(-1)[0].value);
		}
	}
	return hash.digest('hex');
}

export function instance_file(server, db, instance) {
	return path.join(server.data, 'databases', db.uuid, instance.uuid, 'data.db');
}

function sqlite3(file, sql) {
	return execFileSync('sqlite3', ['-batch', '-bail', file, sql], { encoding: 'utf8', maxBuffer: 256 << 20 }).trim();
}

/// A copy of an instance's file in `folder`, its WAL written back, as somebody else's sqlite3 sees it.
export function settled_copy(file, folder, name) {
	const copy = path.join(folder, `${name}.db`);
	copyFileSync(file, copy);
	if (existsSync(`${file}-wal`)) {
		copyFileSync(`${file}-wal`, `${copy}-wal`);
		sqlite3(copy, 'PRAGMA wal_checkpoint(TRUNCATE)');
	}
	return copy;
}

/// Faults of one file, and of one file against another, page by page.
export function file_faults(file) {
	const verdict = sqlite3(file, 'PRAGMA integrity_check');
	return verdict === 'ok' ? [] : [`${path.basename(file)}: integrity_check says ${verdict}`];
}

export function difference_faults(expected_file, file) {
	const [expected, found] = [expected_file, file].map((one) => readFileSync(one));
	const names = `${path.basename(file)} and ${path.basename(expected_file)}`;
	if (expected.length !== found.length)
		return [`${names} differ: ${found.length} bytes where the primary has ${expected.length}`];
	if (expected.equals(found)) return [];
	const page_size = expected.readUInt16BE(16) === 1 ? 65536 : expected.readUInt16BE(16);
	const pages = [];
	for (let at = 0; at < expected.length; at += page_size)
		if (expected.compare(found, at, at + page_size, at, at + page_size) !== 0) pages.push(at / page_size + 1);
	const first = pages[0] - 1;
	const at = first * page_size;
	let byte = at;
	while (expected[byte] === found[byte]) byte++;
	return [
		`${names} differ in ${pages.length} pages of ${expected.length / page_size}: ${pages.slice(0, 20).join(', ')}; first at byte ${byte - at} of page ${first + 1}`,
	];
}

/// After a clean stop: every instance's file is sound, and each replica's equals the primary's, byte for byte.
/// `damage(copies)` may spoil the copies first, to see the judge notice.
export function stopped_database_faults(server, db, damage = () => {}) {
	const folder = mkdtempSync(path.join(tmpdir(), 'atoll-compare-'));
	try {
		const copies = db.instances.map((instance) =>
			settled_copy(instance_file(server, db, instance), folder, `${instance.type}-${instance.region}`),
		);
		damage(copies);
		return [
			...copies.slice(1).flatMap((copy) => difference_faults(copies[0], copy)),
			...copies.flatMap((copy) => file_faults(copy)),
		];
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

/// A digest of what an instance holds at one moment: schema and all rows, read inside one read transaction of one
/// stream. Unlike digest() it knows no page numbers: VACUUM does not change it.
export async function content_digest(server, label, { page_rows = 500, token } = {}) {
	const hash = createHash('sha256');
	let baton = null;
	const ask = async (statement, keep = true) => {
		const answer = await server.sql(label, statement, { baton, keep, token });
		const rows = rows_of(answer);
		({ baton } = answer.json);
		return rows;
	};
	await ask('BEGIN');
	const schema = await ask('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name');
	hash.update(JSON.stringify(schema));
	let row_count = 0;
	for (const { type, name, sql } of schema) {
		if (type !== 'table' || /^CREATE VIRTUAL/i.test(sql)) continue;
		for (let last = -(2n ** 63n); ; ) {
			const rows = await ask({
				sql: `SELECT rowid AS "the rowid", * FROM "${name}" WHERE rowid > ? ORDER BY rowid LIMIT ?`,
				args: [last, page_rows],
			});
			hash.update(JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
			row_count += rows.length;
			if (rows.length < page_rows) break;
			last = BigInt(rows.at(-1)['the rowid']);
		}
	}
	await ask('COMMIT', false);
	return `${hash.digest('hex')} of ${row_count} rows`;
}
