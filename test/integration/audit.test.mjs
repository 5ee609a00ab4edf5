// The audit log: spec/platform-api.md §1.8, §2.12, §3.2.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { administrator, refused } from '../lib/accounts.mjs';
import { startServer } from '../lib/server.mjs';

let server, owner, logs;

before(async () => {
	server = await startServer();
	owner = administrator(server);
	logs = `/v1/organizations/${server.organization}/audit-logs`;
});

after(() => server.stop());

test('a change is written down', async (t) => {
	await t.test('with all that is known of it', async () => {
		const before_ms = Date.now();
		await owner.post(`/v1/organizations/${server.organization}/databases`, { name: 'one' });
		const { audit_logs } = await owner.get(logs);
		const { created_at, data, ...rest } = audit_logs[0];
		assert.deepEqual(rest, {
			code: 'db-create',
			message: 'created database one',
			origin: 'web',
			author: server.username,
			city: '',
			country_code: '',
			latitude: '',
			longitude: '',
			ip: '127.0.0.1',
		});
		assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
		assert.ok(Math.abs(Date.parse(created_at) - before_ms) < 60_000);
		assert.equal(data.database, 'one');
	});
	await t.test('with the kind of client', async () => {
		for (const [agent, origin] of [['turso-cli/v0.90.0', 'cli'], ['atoll/0.1.0', 'cli'], ['Mozilla/5.0', 'web']]) {
			const answer = await owner.ask('POST', `/v1/organizations/${server.organization}/databases`, { name: `by-${origin}-${agent.length}` }, { 'user-agent': agent });
			assert.equal(answer.status, 200, answer.text);
			assert.equal((await owner.get(`${logs}?page_size=1`)).audit_logs[0].origin, origin);
		}
	});
	await t.test('and one that was refused is not', async () => {
		const { pagination } = await owner.get(logs);
		refused(await owner.ask('POST', `/v1/organizations/${server.organization}/databases`, { name: 'one' }), 409, undefined, 'already_exists');
		assert.equal((await owner.get(logs)).pagination.total_rows, pagination.total_rows);
	});
});

test('pages', async (t) => {
	await t.test('newest first, and empty past the end', async () => {
		const all = (await owner.get(logs)).audit_logs;
		assert.ok(all.length >= 5);
		const pages = Math.ceil(all.length / 2);
		const seen = [];
		for (let page = 1; page <= pages; page++) {
			const { audit_logs, pagination } = await owner.get(`${logs}?page=${page}&page_size=2`);
			assert.deepEqual(pagination, { page, page_size: 2, total_pages: pages, total_rows: all.length, sort: 'created_at desc' });
			seen.push(...audit_logs);
		}
		assert.deepEqual(seen, all);
		assert.equal(all.at(-1).code, 'org-create');
		const past = await owner.get(`${logs}?page=${pages + 1}&page_size=2`);
		assert.deepEqual(past.audit_logs, []);
		assert.equal(past.pagination.total_rows, all.length);
		assert.deepEqual((await owner.get(`${logs}?page=&page_size=`)).pagination.page_size, 100);
	});
	await t.test('of a number that is none', async () => {
		for (const page of ['0', '-1', '1.5', 'x', '1e3', '99999999999999999999', '%201'])
			refused(await owner.ask('GET', `${logs}?page=${page}`), 400, 'page must be a whole number from 1 to 1000000000', 'bad_request');
		for (const size of ['0', '1001', 'many'])
			refused(await owner.ask('GET', `${logs}?page_size=${size}`), 400, 'page_size must be a whole number from 1 to 1000', 'bad_request');
	});
});
