// Two thousand databases in one organization, half of them in a group with an instance each, under a limit of open files that
// holds a few dozen: they are made, listed in pages, opened as they are asked for, and found again after a restart. How long that
// takes is ./dev bench's business.
//
//     MANY_DATABASES=2000
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { label_of, request, startServer } from '../lib/server.mjs';

const COUNT = Number(process.env.MANY_DATABASES ?? 2000);
const FILES_MAX = 600; // soft and hard limit of open files of the server
const AT_A_TIME = 4;
const DELETE_MS = 300_000; // a thousand databases in one request

const folder = mkdtempSync(path.join(tmpdir(), 'atoll-many-'));
const tree = fileURLToPath(new URL('../..', import.meta.url));
let server, o, jwt;

const name_of = (i) => `db-${String(i).padStart(5, '0')}`;
const in_group = (i) => i % 2 === 0;

before(async () => {
	const limited = path.join(folder, 'atolld-limited');
	writeFileSync(limited, `#!/bin/sh\nulimit -n ${FILES_MAX} || exit 1\nexec '${path.resolve(tree, process.env.ATOLLD ?? 'build/atolld')}' "$@"\n`);
	chmodSync(limited, 0o755);
	server = await startServer({ binary: limited });
	o = `/v1/organizations/${server.organization}`;
});
after(async () => {
	await server?.stop();
	rmSync(folder, { recursive: true, force: true });
});

async function must(method, pathname, body) {
	const answer = await server.api(method, pathname, body);
	assert.equal(answer.status, 200, `${method} ${pathname}: ${answer.status} ${answer.text}\n${server.stderr.slice(-1000)}`);
	return answer.json;
}

/// Runs `work` for 0 … count-1, some at a time.
async function for_each(count, work) {
	let next = 0;
	await Promise.all(
		Array.from({ length: AT_A_TIME }, async () => {
			for (let i; (i = next++) < count; ) await work(i);
		}),
	);
}

async function pages(query = '') {
	const found = [];
	for (let cursor = null; ; ) {
		const page = await must('GET', `${o}/databases?limit=100${query}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
		assert.ok(page.databases.length <= 100);
		found.push(...page.databases);
		cursor = page.pagination?.next ?? null;
		if (cursor === null) return found;
	}
}

function open_files() {
	return readdirSync(`/proc/${server.pid}/fd`).length;
}

async function ask(i, sql) {
	return server.rows(`${name_of(i)}-${server.organization}`, sql, { token: in_group(i) ? jwt.group : jwt[i] });
}

test(`${COUNT} databases are made`, async () => {
	await must('POST', `${o}/groups`, { name: 'many', location: 'ord' });
	await for_each(COUNT, async (i) => {
		const { database } = await must('POST', `${o}/databases`, { name: name_of(i), ...(in_group(i) ? { group: 'many' } : {}) });
		assert.equal(label_of(database.Hostname), `${name_of(i)}-${server.organization}`);
	});
	jwt = { group: (await must('POST', `${o}/groups/many/auth/tokens`)).jwt };
});

test('they are listed in pages, each once, in order', async () => {
	const all = Array.from({ length: COUNT }, (_, i) => name_of(i));
	assert.deepEqual((await pages()).map(({ Name }) => Name), all);
	assert.deepEqual((await pages('&group=many')).map(({ Name }) => Name), all.filter((_, i) => in_group(i)));
	assert.deepEqual((await must('GET', `${o}/databases`)).databases.length, COUNT, 'whole when nobody asks for pages');
});

test('each that has an instance answers, and few are open at once', async () => {
	let most = 0;
	await for_each(COUNT, async (i) => {
		if (!in_group(i)) return;
		await ask(i, 'CREATE TABLE t (n)');
		await ask(i, `INSERT INTO t VALUES (${i})`);
		most = Math.max(most, open_files());
	});
	assert.ok(most < FILES_MAX, `${most} open files`);
});

test('instances are made of those that stood alone', async () => {
	await for_each(Math.min(60, COUNT >> 1), async (k) => {
		const i = 2 * k + 1;
		await must('POST', `${o}/databases/${name_of(i)}/instances`, { location: 'ord' });
		jwt[i] = (await must('POST', `${o}/databases/${name_of(i)}/auth/tokens`)).jwt;
		assert.deepEqual(await ask(i, 'SELECT count(*) AS n FROM sqlite_schema'), [{ n: 0 }]);
	});
});

test('after a restart all are there', async () => {
	await server.restart();
	assert.equal((await pages()).length, COUNT);
	await for_each(COUNT, async (i) => {
		if (in_group(i)) assert.deepEqual(await ask(i, 'SELECT n FROM t'), [{ n: i }]);
	});
	assert.ok(open_files() < FILES_MAX);
});

test('the group goes with all its databases', async () => {
	const headers = { authorization: `Bearer ${server.token}` };
	const answer = await request(`${server.url}${o}/groups/many`, { method: 'DELETE', headers, timeout_ms: DELETE_MS });
	assert.equal(answer.status, 200, answer.text);
	assert.deepEqual((await pages()).map(({ Name }) => Name), Array.from({ length: COUNT }, (_, i) => name_of(i)).filter((_, i) => !in_group(i)));
	assert.ok(readdirSync(path.join(server.data, 'databases')).length <= 60, 'their folders are gone');
});
