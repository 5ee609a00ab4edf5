// How much of its history a database keeps: its own history_retention and history_size, within what the server keeps of any.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { client_of } from '../lib/cli.mjs';
import { sleep, startServer, until } from '../lib/server.mjs';

const MB = 1 << 20;
let server;
before(async () => (server = await startServer({ args: ['--log-bytes-max', '64mb', '--history-retention', '2h'] })));
after(() => server?.stop());

const settings_of = (db, body) => server.api(body ? 'PATCH' : 'GET', `${db.path}/configuration`, body);

async function configure(db, body) {
	const answer = await settings_of(db, body);
	assert.equal(answer.status, 200, answer.text);
	return answer.json;
}

const kept = ({ history_retention, history_size }) => ({ history_retention, history_size });

let count = 0;
async function make() {
	const db = await server.createDatabase(`kept-${++count}`, ['ord']);
	await server.rows(db.label, 'CREATE TABLE t (id INTEGER PRIMARY KEY, pad BLOB)');
	await server.rows(db.label, "INSERT INTO t VALUES (1, '')");
	return db;
}

/// Writes so many MB of history, and leaves the content small.
async function churn(db, megabytes) {
	for (let i = 0; i < megabytes; i++) await server.rows(db.label, 'UPDATE t SET pad = randomblob(1000000)');
	await server.rows(db.label, 'UPDATE t SET pad = NULL');
}

function segment_bytes(db) {
	const folder = path.join(server.data, 'databases', db.uuid, 'log');
	return readdirSync(folder)
		.filter((name) => /^\d+\.log$/.test(name))
		.reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
}

const has_base = (db) => readdirSync(path.join(server.data, 'databases', db.uuid, 'log')).includes('base.db');

const restore = (db, at) =>
	server.api('POST', `/v1/organizations/${server.organization}/databases`, {
		name: `restored-${++count}`,
		seed: { type: 'database', name: db.name, timestamp: new Date(at).toISOString() },
	});

describe('settings', () => {
	test('are the server’s until they are set, are told back in seconds and bytes, and cleared by ""', async () => {
		const db = await make();
		assert.deepEqual(kept((await settings_of(db)).json), { history_retention: '', history_size: '' });
		assert.deepEqual(kept(await configure(db, { history_retention: '30m', history_size: '2mb' })), { history_retention: '1800', history_size: '2097152' });
		assert.deepEqual(kept(await configure(db, { block_writes: false })), { history_retention: '1800', history_size: '2097152' });
		assert.deepEqual(kept(await configure(db, { history_retention: null, history_size: '3000000' })), { history_retention: '1800', history_size: '3000000' });
		assert.deepEqual(kept(await configure(db, { history_retention: '0' })), { history_retention: '0', history_size: '3000000' });
		await server.restart();
		assert.deepEqual(kept((await settings_of(db)).json), { history_retention: '0', history_size: '3000000' });
		assert.deepEqual(kept(await configure(db, { history_retention: '', history_size: '' })), { history_retention: '', history_size: '' });
		const { audit_logs } = (await server.api('GET', `/v1/organizations/${server.organization}/audit-logs`)).json;
		const values = audit_logs.filter(({ code, data }) => code === 'db-configure' && 'history_retention' in data).map(({ data }) => data.history_retention);
		assert.deepEqual(values.slice(0, 2), ['', '0']);
	});

	test('beyond what the server keeps, or that are none, are refused by name', async () => {
		const db = await make();
		const rows = [
			[{ history_retention: '3h' }, /history_retention: at most 7200 seconds \(history-retention of the server\)/],
			[{ history_retention: 'soon' }, /invalid history_retention: soon/],
			[{ history_retention: '-1' }, /invalid history_retention/],
			[{ history_retention: '99999999999999999999' }, /invalid history_retention/],
			[{ history_retention: 60 }, /history_retention must be a string/],
			[{ history_size: '65mb' }, /history_size: from 1048576 to 67108864 bytes \(log-bytes-max of the server\)/],
			[{ history_size: '1000' }, /history_size: from 1048576/],
			[{ history_size: 'large' }, /invalid history_size: large/],
		];
		for (const [body, text] of rows) {
			const answer = await settings_of(db, body);
			assert.equal(answer.status, 400, JSON.stringify(body));
			assert.match(answer.json.error, text);
		}
		assert.deepEqual(kept((await settings_of(db)).json), { history_retention: '', history_size: '' });
	});

	test('the command line sets, shows and clears them', async () => {
		const db = await make();
		const { done, fails } = client_of({ ATOLL_URL: server.url, ATOLL_TOKEN: server.token });
		assert.match(await done(['db', 'config', 'history-retention', 'set', db.name, '90m']), /History retention of .*: 5400 seconds/);
		assert.match(await done(['db', 'config', 'history-size', 'set', db.name, '4mb']), /History size of .*: 4\.0 MiB/);
		const all = await done(['db', 'config', 'show', db.name]);
		assert.match(all, /History retention:?\s+5400 seconds/);
		assert.match(all, /History size:?\s+4\.0 MiB/);
		assert.match(await done(['db', 'config', 'history-retention', 'clear', db.name]), /: the server's/);
		assert.match(await done(['db', 'config', 'history-size', 'show', db.name]), /4\.0 MiB/);
		assert.match(await fails(['db', 'config', 'history-size', 'set', db.name], 2), /SIZE is missing/);
		assert.match(await fails(['db', 'config', 'history-retention', 'set', db.name, '3h'], 1), /at most 7200 seconds/);
		assert.deepEqual(kept((await settings_of(db)).json), { history_retention: '', history_size: '4194304' });
	});
});

describe('size', () => {
	test('of one database is kept within its own limit, of another within the server’s', async () => {
		const [narrow, wide] = [await make(), await make()];
		await configure(narrow, { history_size: '2mb' });
		for (const db of [narrow, wide]) await churn(db, 12);
		await until('the history to be shortened', () => segment_bytes(narrow) < 4 * MB);
		assert.ok(segment_bytes(wide) > 11 * MB);

		// At once, on an open database whose history is longer already.
		await configure(wide, { history_size: '2mb' });
		await churn(wide, 1);
		await until('the longer history to be shortened', () => segment_bytes(wide) < 4 * MB);
		await server.restart();
		await churn(wide, 8);
		await until('the limit to hold after a restart', () => segment_bytes(wide) < 4 * MB);
		await configure(wide, { history_size: '' });
		await churn(wide, 12);
		assert.ok(segment_bytes(wide) > 11 * MB);
	});
});

describe('retention', () => {
	test('moments of one database are kept no longer than it asks for, of another as the server keeps them', async () => {
		const [brief, long] = [await make(), await make()];
		await configure(brief, { history_retention: '1' });
		await sleep(10);
		const then = Date.now();
		await sleep(10);
		for (const db of [brief, long]) await churn(db, 1);
		await until('the moment to be gone', async () => {
			await churn(brief, 1);
			return (await restore(brief, then)).status === 400;
		});
		const refused = await restore(brief, then);
		assert.match(refused.json.error, /outside the retention: the oldest moment kept is/);
		assert.equal((await restore(long, then)).status, 200);
		// It goes on being kept from here.
		await configure(brief, { history_retention: '' });
		await sleep(10);
		const later = Date.now();
		await sleep(1500);
		await churn(brief, 1);
		assert.equal((await restore(brief, later)).status, 200);
	});

	test('none: nothing can be restored, no copy is kept, and it can be had again', async () => {
		const db = await make();
		await configure(db, { history_size: '1mb' });
		await churn(db, 4);
		await until('a copy to begin with', () => has_base(db));
		await configure(db, { history_retention: '0' });
		await until('the copy to go', () => !has_base(db));
		const refused = await restore(db, Date.now() - 5);
		assert.equal(refused.status, 400);
		assert.match(refused.json.error, /moments are not kept/);
		await churn(db, 3);
		assert.equal(has_base(db), false);
		await configure(db, { history_retention: '1h' });
		await until('a copy to begin with', () => has_base(db));
		await sleep(10);
		const then = Date.now();
		await sleep(10);
		await churn(db, 1);
		assert.equal((await restore(db, then)).status, 200);
	});
});
