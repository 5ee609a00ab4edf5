// atoll backup …
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { atoll, client_of } from '../lib/cli.mjs';
import { startServer } from '../lib/server.mjs';

describe('atoll backup', () => {
	const target = mkdtempSync(path.join(tmpdir(), 'atoll-cli-backups-'));
	let server;
	let done;
	let done_json;
	let fails;

	before(async () => {
		server = await startServer({ args: ['--backup-target', target, '--backup-interval', '0'] });
		({ done, done_json, fails } = client_of({ ATOLL_URL: server.url, ATOLL_TOKEN: server.token, ATOLL_ORG: server.organization }));
		for (const name of ['books', 'shop']) {
			const { label } = await server.createDatabase(name);
			await server.rows(label, 'CREATE TABLE t(x)');
			await server.rows(label, `INSERT INTO t VALUES ('${name}')`);
		}
	});
	after(async () => {
		await server?.stop();
		rmSync(target, { recursive: true, force: true });
	});

	test('create waits if asked to, list and show tell, restore makes a database', async () => {
		assert.match(await done(['backup', 'create', 'books', '--wait']), /of books is made and verified/);
		const { backups } = await done_json(['backup', 'list', 'books']);
		assert.equal(backups.length, 1);
		const [{ id }] = backups;
		assert.match(await done(['backup', 'list']), new RegExp(`${id} +books +complete`));
		const shown = await done(['backup', 'show', id]);
		assert.match(shown, /Verdict: +ok|Verdict +ok/);
		assert.ok(shown.includes(backups[0].content.sha256));
		await done(['backup', 'restore', id, 'books-again', '--location', 'ord']);
		assert.deepEqual((await done(['db', 'shell', 'books-again', 'SELECT x FROM t', '--json'])).trim(), '[{"x":"books"}]');
		assert.match(await done(['backup', 'verify', id, '--wait']), /is good/);
	});

	test('create --all makes one of each', async () => {
		const said = await done(['backup', 'create', '--all', '--wait']);
		for (const name of ['books', 'shop']) assert.match(said, new RegExp(`of ${name} is made`));
	});

	test('a damaged one fails verify, with its reason, and destroy removes it', async () => {
		await done(['backup', 'create', 'shop', '--wait']);
		const [{ id }] = (await done_json(['backup', 'list', 'shop'])).backups;
		const file = path.join(target, readdirSync(target, { recursive: true }).map(String).find((name) => name.endsWith(`${id}.db.gz`)));
		const bytes = readFileSync(file);
		bytes[bytes.length >> 1] ^= 1;
		writeFileSync(file, bytes);
		assert.match(await fails(['backup', 'verify', id, '--wait'], 1), /could not be verified: the backup is damaged/);
		assert.match(await fails(['backup', 'restore', id, 'nothing'], 1), /damaged/);
		await done(['backup', 'destroy', id, '--yes']);
		assert.match(await fails(['backup', 'show', id], 1), /could not find backup/);
	});

	test('wrong use', async () => {
		assert.match(await fails(['backup', 'create'], 2), /name a database, or give --all/);
		assert.match(await fails(['backup', 'create', 'books', '--all'], 2), /name a database, or give --all/);
		await fails(['backup', 'restore', 'x'], 2);
		await fails(['backup', 'create', 'unknown'], 1);
		assert.equal((await atoll(['backup', '--help'])).code, 0);
	});
});
