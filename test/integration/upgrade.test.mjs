// A data folder of an earlier version is brought up to date, one of a later version is refused.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../lib/server.mjs';

// Written by Atoll as it was on 2026-11-24, the first with a platform: schema 1, no file "format". It holds a database "books"
// with a replica in nrt, and books.token, which opens it.
const old = fileURLToPath(new URL('../data/schema-1.tar.gz', import.meta.url));

function folder_of(t) {
	const folder = mkdtempSync(path.join(tmpdir(), 'atoll-upgrade-'));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

const titles = [{ title: 'Moby-Dick' }, { title: 'Emma' }, { title: 'Ficciones' }];

test('a folder of an earlier version is brought up to date, and serves what it held', async (t) => {
	const data = folder_of(t);
	execFileSync('tar', ['-xzf', old, '-C', data]);
	const server = await startServer({ data });
	t.after(() => server.stop({ keep_data: true }));
	assert.match(server.stderr, /data\.upgraded from=0 to=1/);
	assert.match(server.stderr, /platform\.migrated version=3/);
	assert.equal(readFileSync(path.join(data, 'format'), 'utf8'), '1\n');

	// The platform token of that time is still good, and so is the database's.
	const base = `/v1/organizations/${server.organization}/databases/books`;
	const { json } = await server.api('GET', `${base}/instances`);
	assert.deepEqual(json.instances.map(({ type, region }) => [type, region]).sort(), [['primary', 'ord'], ['replica', 'nrt']]);
	const token = readFileSync(path.join(data, 'books.token'), 'utf8');
	const replica = json.instances.find(({ type }) => type === 'replica').hostname.split('.')[0];
	for (const label of ['books-default', replica])
		assert.deepEqual(await server.rows(label, 'SELECT title FROM book ORDER BY id', { token }), titles);
	await server.rows(replica, "INSERT INTO book (title) VALUES ('Solaris')", { token });
	assert.deepEqual(await server.rows(replica, 'SELECT count(*) AS n FROM book', { token }), [{ n: 4 }]);

	// What came with later versions works on it.
	const usage = await server.api('GET', `${base}/usage`);
	assert.equal(usage.status, 200, usage.text);

	await server.restart();
	assert.doesNotMatch(server.stderr, /data\.upgraded|platform\.migrated/);
	assert.deepEqual(await server.rows('books-default', 'SELECT count(*) AS n FROM book', { token }), [{ n: 4 }]);
});

function start_in_vain(data) {
	const binary = path.resolve(process.env.ATOLLD ?? 'build/atolld');
	const found = spawnSync(binary, ['--data', data, '--listen', '127.0.0.1:0'], { encoding: 'utf8', timeout: 60_000 });
	assert.equal(found.status, 1, found.stderr);
	return found.stderr;
}

test('a folder of a newer format is refused with both numbers, and is not touched', (t) => {
	const data = folder_of(t);
	writeFileSync(path.join(data, 'format'), '7\n');
	assert.match(
		start_in_vain(data),
		/the data folder was written by a newer Atoll \(format 7, this one knows 1\): start that version, or restore a backup/,
	);
	assert.deepEqual(readdirSync(data).sort(), ['format', 'lock']);
	assert.equal(existsSync(path.join(data, 'platform')), false);
});

test('a platform of a newer schema is refused with both numbers', async (t) => {
	const data = folder_of(t);
	const server = await startServer({ data });
	await server.stop({ keep_data: true });
	const store = path.join(data, 'platform', 'data.db');
	const known = execFileSync('sqlite3', [store, 'SELECT max(version) FROM schema_version'], { encoding: 'utf8' }).trim();
	execFileSync('sqlite3', [store, 'INSERT INTO schema_version (version) VALUES (1000)']);
	assert.match(
		start_in_vain(data),
		new RegExp(`written by a newer Atoll \\(schema 1000, this one knows ${known}\\): start that version, or restore a backup`),
	);
});
