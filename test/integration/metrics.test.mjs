// What monitoring sees: /metrics, /health, /ready (docs/operations.md, "Monitoring").
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { parse_exposition } from '../lib/exposition.mjs';
import { pull } from '../lib/pages.mjs';
import { request, run_atolld, startServer, until } from '../lib/server.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'atoll-metrics-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const FOREVER = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)';

const repository = new URL('../..', import.meta.url);

/// Where metrics-listen serves.
function metrics_address(server) {
	return until('the address of the metrics', () => /server\.metrics address=(\S+)\n?/.exec(server.stderr)?.[1]);
}

async function scrape(server) {
	const answer = await server.api('GET', '/metrics');
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
	assert.equal(answer.headers['cache-control'], 'no-store');
	return parse_exposition(answer.text);
}

/// How much each of the values grew while `work` ran.
async function growth(server, names, work) {
	const earlier = await scrape(server);
	await work();
	const later = await scrape(server);
	return names.map(([name, labels]) => later.value(name, labels) - earlier.value(name, labels));
}

describe('metrics', () => {
	let server;
	let db;

	before(async () => {
		server = await startServer({ args: ['--metrics-databases', '3', '--usage-interval', '1h'] });
		db = await server.createDatabase('counted', ['ord', 'nrt']);
		await server.rows(db.label, 'CREATE TABLE t(x INTEGER PRIMARY KEY, y)');
	});
	after(() => server?.stop());

	test('requests are counted by route and status', async () => {
		const pipeline = { plane: 'hrana', method: 'POST', route: '/v2/pipeline' };
		const grown = await growth(
			server,
			[
				['atoll_http_requests_total', { ...pipeline, code: '200' }],
				['atoll_http_requests_total', { ...pipeline, code: '401' }],
				['atoll_http_requests_total', { plane: 'api', route: '/v1/organizations/{org}/databases/{db}', code: '404' }],
				['atoll_http_request_duration_seconds_count', { plane: 'hrana' }],
				['atoll_errors_total', { plane: 'hrana', code: 'AUTH_HEADER_NOT_FOUND' }],
				['atoll_errors_total', { plane: 'api', code: 'DATABASE_NOT_FOUND' }],
			],
			async () => {
				for (let i = 0; i < 5; i++) await server.rows(db.label, 'SELECT 1');
				for (let i = 0; i < 2; i++) assert.equal((await server.sql(db.label, 'SELECT 1', { token: null })).status, 401);
				assert.equal((await server.api('GET', `/v1/organizations/${server.organization}/databases/none`)).status, 404);
			},
		);
		assert.deepEqual(grown, [5, 2, 1, 7, 2, 1]);
	});

	test('statements, rows and commits are counted as often as they were', async () => {
		const of = { organization: server.organization, database: 'counted' };
		const grown = await growth(
			server,
			[
				['atoll_statements_total'],
				['atoll_rows_written_total'],
				['atoll_database_statements_total', of],
				['atoll_database_rows_written_total', of],
				['atoll_commits_total', { store: 'databases' }],
				['atoll_group_commit_size_sum', { store: 'databases' }],
				['atoll_statement_errors_total', { code: 'SQLITE' }],
				['atoll_statement_errors_total', { code: 'SQL_INPUT' }],
			],
			async () => {
				for (let i = 0; i < 10; i++)
					await server.rows(db.label, { sql: 'INSERT INTO t(y) VALUES (?)', args: [i] });
				await server.sql(db.label, ['BEGIN', "INSERT INTO t(y) VALUES ('a')", "INSERT INTO t(y) VALUES ('b')", 'COMMIT']);
				await server.sql(db.label, ['BEGIN', "INSERT INTO t(y) VALUES ('c')", 'ROLLBACK']);
				const answer = await server.sql(db.label, ['INSERT INTO t(x) VALUES (1)']);
				assert.equal(answer.json.results[0].error.code, 'SQLITE_CONSTRAINT');
				await server.sql(db.label, ['SELECT missing FROM t']);
			},
		);
		const [statements, rows_written, of_statements, of_rows, commits, flushed, constraint, unknown] = grown;
		assert.equal(commits, 11, 'ten autocommit writes and a transaction; what was rolled back is none');
		assert.equal(flushed, 11, 'each of them was made durable once');
		assert.equal(rows_written, of_rows);
		assert.equal(statements, of_statements);
		assert.ok(rows_written >= 12, `${rows_written}`);
		assert.ok(statements >= 18, `${statements}`);
		assert.equal(constraint + unknown, 2);
	});

	test('writes that come together are told as one group', async () => {
		const earlier = await scrape(server);
		const writes = 64;
		await Promise.all(
			Array.from({ length: writes }, (_, i) => server.rows(db.label, { sql: 'INSERT INTO t(y) VALUES (?)', args: [i] })),
		);
		const later = await scrape(server);
		const grown = (name) => later.value(name, { store: 'databases' }) - earlier.value(name, { store: 'databases' });
		assert.equal(grown('atoll_commits_total'), writes);
		assert.equal(grown('atoll_group_commit_size_sum'), writes);
		assert.ok(grown('atoll_group_commit_size_count') <= writes);
		assert.ok(grown('atoll_history_transactions_total') <= writes);
		assert.equal(later.value('atoll_commits_pending'), 0);
		assert.ok(later.value('atoll_flush_duration_seconds_count', { store: 'databases' }) > 0);
	});

	test('instances, replicas and their lag are told', async () => {
		await server.caught_up(db, 'SELECT count(*) FROM t');
		const metrics = await scrape(server);
		assert.equal(metrics.value('atoll_open_databases'), 1);
		assert.equal(metrics.value('atoll_open_instances', { role: 'primary' }), 1);
		assert.equal(metrics.value('atoll_open_instances', { role: 'replica' }), 1);
		assert.equal(metrics.value('atoll_replica_lag_frames'), 0);
		assert.equal(metrics.value('atoll_replica_lag_seconds'), 0);
		assert.ok(metrics.value('atoll_storage_bytes') >= 2 * 4096);
		assert.ok(metrics.value('atoll_history_bytes') > 4096);
		assert.ok(metrics.value('atoll_history_oldest_age_seconds') > 0);
		assert.equal(metrics.value('atoll_failed_instances'), 0);
		assert.ok(metrics.value('atoll_sqlite_connections') > 0);
		assert.ok(metrics.value('atoll_http_open_connections') > 0);
		assert.ok(metrics.value('process_resident_memory_bytes') > 1 << 20);
		assert.ok(metrics.value('process_open_fds') > 10);
		assert.ok(Math.abs(metrics.value('process_start_time_seconds') - Date.now() / 1000) < 3600);
		assert.ok(metrics.value('atoll_workers') > 0);
		const [build] = metrics.samples('atoll_build_info');
		assert.equal(build.value, 1);
		const { text } = await server.api('GET', '/version');
		assert.ok(text.includes(build.labels.version), text);
	});

	test('a replica that lags is told in frames and seconds, and so is its database', async () => {
		const slow = await startServer({ args: ['--simulate-latency', 'ord:nrt=9000ms'] });
		try {
			const far = await slow.createDatabase('far', ['ord', 'nrt']);
			await slow.rows(far.instances[0].label, 'CREATE TABLE t(x)');
			const metrics = await until('the lag to be seen', async () => {
				const now = await scrape(slow);
				return now.value('atoll_replica_lag_seconds') > 0 && now;
			});
			assert.ok(metrics.value('atoll_replica_lag_frames') >= 1);
			assert.ok(metrics.value('atoll_database_replica_lag_seconds', { database: 'far' }) > 0);
		} finally {
			await slow.stop();
		}
	});

	test('only so many databases are named, those with most', async () => {
		for (let i = 0; i < 5; i++) {
			const { label } = await server.createDatabase(`many-${i}`);
			await server.rows(label, 'CREATE TABLE t(x)');
			for (let k = 0; k < i; k++) await server.rows(label, 'INSERT INTO t VALUES (1)');
		}
		const metrics = await scrape(server);
		const named = metrics.samples('atoll_database_rows_written_total').map(({ labels }) => labels.database);
		assert.deepEqual(named.slice(0, 3), ['counted', 'many-4', 'many-3']);
		for (const [name, { samples }] of metrics.families)
			if (name.startsWith('atoll_database_')) assert.ok(samples.length <= 3, name);
		const count = [...metrics.families.values()].reduce((sum, { samples }) => sum + samples.length, 0);
		assert.ok(count < 1000, `${count} samples`);
	});

	test('what replicas in clients’ processes get is told by database and protocol, and how many there are', async () => {
		const own = await startServer();
		try {
			const [pages, offline] = [await own.createDatabase('of-pages'), await own.createDatabase('of-offline')];
			for (const { label } of [pages, offline]) await own.rows(label, 'CREATE TABLE t(x)');
			assert.equal((await own.api('PATCH', `${offline.path}/configuration`, { offline_sync: true })).status, 200);
			const before_all = await scrape(own);
			assert.equal(before_all.value('atoll_client_replicas'), 0);
			assert.deepEqual(before_all.samples('atoll_database_synced_bytes_total'), []);
			const of = (database, protocol) => ({ organization: own.organization, database, protocol });

			for (let i = 0; i < 3; i++) await pull(own, pages.label);
			const second = (await own.api('POST', `${pages.path}/auth/tokens?authorization=read-only`)).json.jwt;
			await pull(own, pages.label, {}, { token: second });
			const info = await own.data_plane(offline.label, '/info', undefined, { method: 'GET' });
			const copied = await own.data_plane(offline.label, `/export/${info.json.current_generation}`, undefined, { method: 'GET' });
			assert.equal(copied.status, 200);
			assert.equal((await own.data_plane(offline.label, '/info', undefined, { method: 'GET', token: 'none' })).status, 401);

			let metrics;
			await until('the bytes to be counted', async () => {
				metrics = await scrape(own);
				return metrics.samples('atoll_database_synced_bytes_total').length === 2;
			});
			assert.ok(metrics.value('atoll_database_synced_bytes_total', of('of-pages', 'pages')) >= 4 * 8192);
			assert.equal(metrics.value('atoll_database_synced_bytes_total', of('of-offline', 'offline')), copied.bytes.length);
			assert.equal(metrics.value('atoll_client_replicas'), 3, 'two tokens at the one, one at the other');
			assert.equal(metrics.value('atoll_database_client_replicas', { database: 'of-pages' }), 2);
			assert.equal(metrics.value('atoll_database_client_replicas', { database: 'of-offline' }), 1);
			assert.ok(metrics.value('atoll_database_history_bytes', { database: 'of-pages' }) > 8192);
			assert.ok(metrics.value('atoll_database_history_age_seconds', { database: 'of-pages' }) > 0);
		} finally {
			await own.stop();
		}
	});

	test('a database that is destroyed is named no more, and what it did is still in the sums', async () => {
		const { label, path: at } = await server.createDatabase('passing');
		await server.rows(label, 'CREATE TABLE t(x)');
		await server.rows(label, `${FOREVER} INSERT INTO t SELECT i FROM n LIMIT 500`);
		const earlier = await scrape(server);
		assert.equal(earlier.samples('atoll_database_rows_written_total', { database: 'passing' }).length, 1);
		assert.equal((await server.api('DELETE', at)).status, 200);
		const later = await scrape(server);
		assert.equal(later.samples('atoll_database_rows_written_total', { database: 'passing' }).length, 0);
		assert.ok(later.value('atoll_rows_written_total') >= earlier.value('atoll_rows_written_total'));
	});

	test('nobody sees them but administrators of the server', async () => {
		const get = (headers) => request(`${server.url}/metrics`, { headers });
		assert.equal((await get({})).status, 401);
		assert.equal((await get({ authorization: 'Bearer nonsense' })).status, 401);
		assert.equal((await get({ authorization: `Basic ${server.token}` })).status, 401);
		assert.equal((await get({ authorization: `Bearer ${db.jwt}` })).status, 401, 'the token of a database');

		const created = await server.api('POST', '/v1/users', { username: 'eve', password: 'correct horse battery' });
		assert.equal(created.status, 200, created.text);
		const login = await server.api('POST', '/v1/auth/login', { username: 'eve', password: 'correct horse battery' }, { authorization: null });
		const eve = login.json?.jwt;
		assert.ok(eve, login.text);
		const refused = await get({ authorization: `Bearer ${eve}` });
		assert.equal(refused.status, 403, refused.text);
		assert.doesNotMatch(refused.text, /atoll_/);

		const minted = await server.api('POST', '/v1/auth/api-tokens/restricted', { organization: server.organization });
		assert.equal(minted.status, 200, minted.text);
		assert.equal((await get({ authorization: `Bearer ${minted.json.token}` })).status, 403, 'good for one organization only');
		assert.equal((await request(`${server.url}/metrics`, { method: 'POST' })).status, 405);
	});

	test('the dashboard and the rules name only metrics that there are', async () => {
		const { families } = await scrape(server);
		const dashboard = JSON.parse(readFileSync(new URL('packaging/grafana/atoll.json', repository), 'utf8'));
		assert.ok(dashboard.panels.length > 10);
		const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
		const rules = readFileSync(new URL('packaging/prometheus/atoll.rules.yml', repository), 'utf8');
		const names = `${expressions.join('\n')}\n${rules.replace(/^\s*(#|- alert:).*$/gm, '')}`.match(/\b(atoll|process)_\w+/g);
		assert.ok(names.length > 30);
		for (const name of new Set(names)) {
			const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
			assert.ok(family, `${name} is not exposed`);
			if (name !== family.name) assert.equal(family.type, 'histogram', name);
		}
	});
});

describe('other ways to them', () => {
	test('metrics-token is the token of a file, read each time', async () => {
		const file = path.join(folder, 'token');
		writeFileSync(file, 'first-token-of-the-operator\n');
		const server = await startServer({ args: ['--metrics-token', file] });
		try {
			const status = async (token) =>
				(await request(`${server.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).status;
			assert.equal(await status('first-token-of-the-operator'), 200);
			assert.equal(await status('first-token-of-the-operato'), 401);
			assert.equal(await status(''), 401);
			assert.equal(await status(server.token), 200);
			writeFileSync(file, 'second-token-of-the-operator\n');
			assert.equal(await status('second-token-of-the-operator'), 200);
			assert.equal(await status('first-token-of-the-operator'), 401);
			const other = await request(`${server.url}/v1/user`, { headers: { authorization: 'Bearer second-token-of-the-operator' } });
			assert.equal(other.status, 401, 'it is good for nothing else');
			writeFileSync(file, '');
			assert.equal(await status(''), 401);
			assert.doesNotMatch(server.stderr, /token-of-the-operator/);
		} finally {
			await server.stop();
		}
	});

	test('a file without a token is no reason to start', async () => {
		const short = path.join(folder, 'short');
		writeFileSync(short, 'short');
		for (const file of [short, path.join(folder, 'absent')]) {
			const data = path.join(folder, 'unused');
			const { code, stderr } = await run_atolld(['--data', data, '--listen', '127.0.0.1:0', '--metrics-token', file]);
			assert.equal(code, 2, stderr);
			assert.match(stderr, /metrics-token/);
		}
	});

	test('metrics-listen serves them to anybody there, and nothing else', async () => {
		const server = await startServer({ args: ['--metrics-listen', '127.0.0.1:0'] });
		try {
			const address = await metrics_address(server);
			const get = (at) => request(`http://${address}${at}`);
			parse_exposition((await get('/metrics')).text);
			assert.equal((await get('/health')).json.status, 'ok');
			assert.equal((await get('/ready')).json.status, 'ok');
			for (const at of ['/', '/v1/user', '/db/x/v2/pipeline', '/version']) assert.equal((await get(at)).status, 404, at);
			assert.equal((await request(`${server.url}/metrics`)).status, 401, 'the main address asks as ever');
		} finally {
			await server.stop();
		}
	});

	test('metrics-listen must be an address that can be had', async () => {
		const { code, stderr } = await run_atolld([
			'--data', path.join(folder, 'unused2'), '--listen', '127.0.0.1:0', '--metrics-listen', 'nowhere',
		]);
		assert.equal(code, 2);
		assert.match(stderr, /metrics-listen/);
	});
});

describe('health and readiness', () => {
	test('both need no token and tell no names', async () => {
		const server = await startServer();
		try {
			const health = await request(`${server.url}/health`);
			assert.deepEqual([health.status, health.text], [200, '{"status":"ok"}']);
			const ready = await request(`${server.url}/ready`);
			assert.equal(ready.status, 200, ready.text);
			assert.equal(ready.json.status, 'ok');
			const names = ready.json.checks.map(({ name }) => name);
			for (const name of ['data_folder', 'disk_space', 'platform_store', 'durability', 'serving'])
				assert.ok(names.includes(name), name);
			for (const { status } of ready.json.checks) assert.equal(status, 'ok');
			assert.ok(!ready.text.includes(server.data));
			assert.equal((await request(`${server.url}/ready`, { method: 'HEAD' })).status, 200);
			// At the address of a database it is the database's.
			const db = await server.createDatabase('named');
			assert.equal((await server.data_plane(db.label, '/ready', undefined, { method: 'GET' })).status, 404);
		} finally {
			await server.stop();
		}
	});

	test('too little room on the disk: alive, not ready, and it says why', async () => {
		const server = await startServer({ args: ['--disk-free-min', '1024gb'] });
		try {
			const ready = await request(`${server.url}/ready`);
			assert.equal(ready.status, 503);
			assert.equal(ready.json.status, 'unavailable');
			assert.match(ready.json.error, /disk-free-min/);
			assert.deepEqual(
				ready.json.checks.filter(({ status }) => status !== 'ok').map(({ name, status }) => [name, status]),
				[['disk_space', 'failed']],
			);
			assert.equal((await request(`${server.url}/health`)).status, 200);
		} finally {
			await server.stop();
		}
	});

	test('a data folder that cannot be written to', { skip: process.getuid() === 0 && 'root may write anywhere' }, async () => {
		const server = await startServer();
		try {
			chmodSync(server.data, 0o500);
			const ready = await request(`${server.url}/ready`);
			assert.equal(ready.status, 503);
			assert.match(ready.json.error, /data folder/);
		} finally {
			chmodSync(server.data, 0o700);
			await server.stop();
		}
	});

	test('a server that is being stopped is not ready', async () => {
		const server = await startServer({ args: ['--metrics-listen', '127.0.0.1:0', '--statement-timeout', '20s'] });
		let stopping;
		try {
			const address = await metrics_address(server);
			const db = await server.createDatabase('busy');
			// What keeps the server from ending at once.
			const long = server.sql(db.label, `${FOREVER} SELECT count(*) FROM n`).catch(() => {});
			await until('the statement to run', async () => {
				const { text } = await request(`http://${address}/metrics`);
				return parse_exposition(text).value('atoll_workers', { state: 'aside' }) > 0;
			});
			stopping = server.stop();
			await until('the main address to refuse', async () => (await request(`${server.url}/ready`)).status === 503);
			const ready = await request(`http://${address}/ready`);
			assert.equal(ready.status, 503);
			assert.match(ready.json.error, /shutting down/);
			await long;
		} finally {
			await (stopping ?? server.stop());
		}
	});
});
