// The console as bytes: what "/" and /console/… answer, to whom, how it may be kept, and that it reaches for nothing else.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

import { request, startServer } from '../lib/server.mjs';

const BUDGET_BYTES = 350 * 1024;

const built = fileURLToPath(new URL('../../web/dist', import.meta.url));
const files = readdirSync(built, { recursive: true, withFileTypes: true })
	.filter((entry) => entry.isFile() && entry.name !== 'sources.sha256')
	.map((entry) => path.relative(built, path.join(entry.parentPath ?? entry.path, entry.name)));

let server;
before(async () => {
	server = await startServer();
});
after(() => server?.stop());

const get = (where, headers = {}, method = 'GET') => request(server.url + where, { method, headers });

function addresses_in(html) {
	return [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
}

describe('the page', () => {
	test('is at the root and at every place inside it', async () => {
		const page = await get('/');
		assert.equal(page.status, 200);
		assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
		for (const where of ['/console', '/console/', '/console/acme/databases', '/console/acme/databases/a%20b/sql', '/console/x?y=1'])
			assert.equal((await get(where)).text, page.text, where);
	});

	test('names files of this server only, and all of them are there', async () => {
		const addresses = addresses_in((await get('/')).text);
		assert.ok(addresses.length >= 3);
		for (const address of addresses) {
			assert.match(address, /^\/console\//);
			assert.equal((await get(address)).status, 200, address);
		}
		assert.equal((await get('/console/assets/gone-12345678.js')).status, 404);
	});

	test('needs no token and sets no cookie', async () => {
		const page = await get('/', { authorization: 'Bearer nonsense' });
		assert.equal(page.status, 200);
		assert.equal(page.headers['set-cookie'], undefined);
	});

	test('is not at the address of a database, nor instead of the form for command lines', async () => {
		const db = await server.createDatabase('shop');
		assert.equal((await request(`${server.url}/db/${db.label}/`)).status, 404);
		assert.equal((await request(`${server.url}/db/${db.label}/console`)).status, 404);
		assert.equal((await get('/', { host: `${db.label}.localhost` })).status, 404);
		assert.match((await get('/?port=51234&redirect=true')).text, /<form/);
		assert.equal((await get('/console/', {}, 'POST')).status, 404);
	});
});

describe('every file', () => {
	test('comes as it was built, compressed for those who ask for it', async () => {
		for (const file of files) {
			const content = readFileSync(path.join(built, file));
			const plain = await get(`/console/${file}`);
			const packed = await get(`/console/${file}`, { 'accept-encoding': 'gzip, br' });
			assert.equal(plain.status, 200, file);
			assert.equal(plain.headers['content-encoding'], undefined, file);
			assert.ok(plain.bytes.equals(content), file);
			assert.equal(packed.headers['content-encoding'], 'gzip', file);
			assert.ok(zlib.gunzipSync(packed.bytes).equals(content), file);
			assert.notEqual(plain.headers.etag, packed.headers.etag, file);
			for (const answer of [plain, packed]) assert.match(answer.headers.vary, /accept-encoding/i);
		}
	});

	test('is kept by its tag, and for ever when its name tells its content', async () => {
		for (const file of files) {
			const first = await get(`/console/${file}`);
			const lasting = file.startsWith('assets/');
			assert.equal(first.headers['cache-control'], lasting ? 'public, max-age=31536000, immutable' : 'no-cache', file);
			for (const known of [first.headers.etag, `"other", W/${first.headers.etag}`, '*']) {
				const again = await get(`/console/${file}`, { 'if-none-match': known });
				assert.equal(again.status, 304, `${file} ${known}`);
				assert.equal(again.bytes.length, 0);
				assert.equal(again.headers.etag, first.headers.etag);
			}
			for (const unknown of ['"other"', first.headers.etag.slice(0, -2), `${first.headers.etag}x`])
				assert.equal((await get(`/console/${file}`, { 'if-none-match': unknown })).status, 200, `${file} ${unknown}`);
		}
	});

	test('has a head of its own', async () => {
		for (const file of files) {
			const whole = await get(`/console/${file}`);
			const head = await get(`/console/${file}`, {}, 'HEAD');
			assert.equal(head.status, 200);
			assert.equal(head.bytes.length, 0);
			for (const name of ['content-length', 'content-type', 'etag', 'cache-control', 'content-security-policy'])
				assert.equal(head.headers[name], whole.headers[name], `${file} ${name}`);
		}
	});

	test('is served under a strict policy', async () => {
		for (const where of ['/', ...files.map((file) => `/console/${file}`)]) {
			const { headers } = await get(where);
			const policy = Object.fromEntries(
				headers['content-security-policy'].split(/;\s*/).map((rule) => [rule.split(' ')[0], rule.split(' ').slice(1).join(' ')]),
			);
			assert.deepEqual(policy, {
				'default-src': "'none'",
				'script-src': "'self'",
				'style-src': "'self'",
				'img-src': "'self' data:",
				'connect-src': "'self'",
				'font-src': "'self'",
				'frame-ancestors': "'none'",
				'base-uri': "'none'",
				'form-action': "'self'",
			});
			assert.equal(headers['x-content-type-options'], 'nosniff');
			assert.equal(headers['referrer-policy'], 'no-referrer');
		}
	});
});

test('the page has no script and no style of its own, which the policy would stop', async () => {
	const { text } = await get('/');
	assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|javascript:/i);
	for (const [, attributes, content] of text.matchAll(/<script([^>]*)>([^]*?)<\/script>/g)) {
		assert.match(attributes, /src=/);
		assert.equal(content, '');
	}
});

test('all of the console is within its budget', () => {
	const sizes = files.map((file) => [file, zlib.gzipSync(readFileSync(path.join(built, file)), { level: 9 }).length]);
	const sum = sizes.reduce((all, [, size]) => all + size, 0);
	assert.ok(sum <= BUDGET_BYTES, `${sum} bytes gzip: ${sizes.map(([file, size]) => `${file} ${size}`).join(', ')}`);
});
