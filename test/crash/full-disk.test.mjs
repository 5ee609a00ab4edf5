// A disk that is really full: a small tmpfs. Writes are refused with a word, reads go on, nothing acknowledged is
// lost, and once there is room again the server goes on by itself.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { stopped_database_faults } from '../lib/checks.mjs';
import { startServer, until } from '../lib/server.mjs';

const BALLAST_BYTES = 6 << 20;
const ROW_BYTES = 20_000;

/// A folder on a file system of its own, or null where nobody may mount one.
function mount_small(t, size) {
	const folder = mkdtempSync(path.join(tmpdir(), 'atoll-full-'));
	try {
		execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', folder], { stdio: 'ignore' });
	} catch {
		rmSync(folder, { recursive: true });
		return null;
	}
	t.after(() => {
		execFileSync('umount', ['-l', folder]);
		rmSync(folder, { recursive: true });
	});
	return folder;
}

test('a full disk refuses writes, loses nothing, and is forgotten when there is room', async (t) => {
	const folder = mount_small(t, '32m');
	if (!folder) {
		t.skip('needs the right to mount a tmpfs');
		return;
	}
	const data = path.join(folder, 'data');
	const ballast = path.join(folder, 'ballast');
	const server = await startServer({ data });
	try {
		const db = await server.createDatabase('full', ['ord', 'nrt']);
		const [primary, replica] = db.instances.map(({ label }) => label);
		await server.rows(primary, 'CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)');
		writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES, 1));

		const acknowledged = new Set();
		const undecided = new Set();
		const refusals = [];
		const insert = async (label, n) => {
			undecided.add(n);
			const answer = await server.sql(label, {
				sql: 'INSERT INTO t VALUES (?, ?)',
				args: [n, Buffer.alloc(ROW_BYTES, n & 255)],
			});
			const error = answer.status === 200 ? answer.json.results[0].error : { code: answer.status, message: answer.text };
			if (!error) {
				acknowledged.add(n);
				undecided.delete(n);
			} else refusals.push(error);
			return !error;
		};
		let next = 0;
		// Until it is full for good: some refusals one after the other.
		for (let refused = 0; refused < 20 && next < 4000; ) refused = (await insert(next % 2 ? replica : primary, next++)) ? 0 : refused + 1;
		assert.ok(refusals.length >= 20, `${next} rows of ${ROW_BYTES} bytes fit into 32 MB`);
		assert.ok(acknowledged.size > 50, `only ${acknowledged.size} rows fitted`);
		for (const { code, message } of refusals) {
			assert.ok(message && message.length > 5, JSON.stringify({ code, message }));
			assert.ok(!/assert|sanitizer/i.test(message), message);
		}

		const lost = async (label) => {
			const found = new Set((await server.rows(label, 'SELECT n FROM t')).map(({ n }) => n));
			for (const n of found) assert.ok(acknowledged.has(n) || undecided.has(n), `${n} was never sent`);
			return [...acknowledged].filter((n) => !found.has(n));
		};
		assert.deepEqual(await lost(primary), [], 'reads go on at the primary');
		await server.rows(replica, 'SELECT count(*) FROM t');

		await t.test('and is killed then', async () => {
			await server.kill();
			await server.restart();
			assert.deepEqual(await lost(primary), []);
		});

		rmSync(ballast);
		await until('writes to be taken again', () => insert(primary, next++), 60_000);
		for (let i = 0; i < 20; i++) assert.ok(await insert(i % 2 ? replica : primary, next++), JSON.stringify(refusals.at(-1)));
		assert.deepEqual(await lost(primary), []);
		await server.caught_up(db, 'SELECT count(*), sum(n), sum(length(b)) FROM t');
		for (const label of [primary, replica])
			assert.deepEqual(await server.rows(label, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);

		await server.restart();
		assert.deepEqual(await lost(primary), []);
		await server.caught_up(db, 'SELECT count(*), sum(n), sum(length(b)) FROM t');
		await server.stop({ keep_data: true });
		assert.deepEqual(stopped_database_faults(server, db), []);
	} finally {
		await server.stop();
	}
});
