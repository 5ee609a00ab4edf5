// What the documentation shows works: every block of every page is run, in the page's order, by real programs against a real
// server, or says why it cannot be. See blocks.mjs for how a page says what a block is.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { binary as atoll } from '../lib/cli.mjs';
import { startServer } from '../lib/server.mjs';
import { blocks_of, PageError, shows } from './blocks.mjs';
import { furnish, Session } from './session.mjs';

const tree = fileURLToPath(new URL('../..', import.meta.url));
const atolld = path.resolve(tree, process.env.ATOLLD ?? 'build/atolld');
const pages = ['README.md', ...readdirSync(path.join(tree, 'docs')).filter((name) => name.endsWith('.md')).sort().map((name) => `docs/${name}`)];

for (const page of pages)
	test(page, async (t) => {
		const blocks = blocks_of(readFileSync(path.join(tree, page), 'utf8'), page);
		if (!blocks.some(({ kind }) => kind === 'run')) return;
		const folder = mkdtempSync(path.join(tmpdir(), 'atoll-docs-'));
		const server = await startServer();
		furnish(folder, { atoll, atolld, data: server.data });
		const session = new Session(folder);
		// Pages speak of the usual port.
		const here = (text) => text.replaceAll(/\b(127\.0\.0\.1|localhost):8080\b/g, `$1:${server.port}`);
		let printed = '';
		try {
			for (const block of blocks) {
				const name = `${page}:${block.line}${block.hidden ? ' (setup)' : ''}`;
				if (block.kind === 'skipped') {
					await t.test(name, { skip: block.reason }, () => {});
				} else if (block.kind === 'file') {
					writeFileSync(path.join(folder, block.name), `${here(block.text)}\n`);
				} else if (block.kind === 'output') {
					await t.test(`${name} (output)`, () => assert.ok(shows(here(block.text), printed), `the page shows\n${block.text}\n-- but it was\n${printed}`));
				} else {
					await t.test(name, async () => {
						assert.ok(!session.ended, 'an earlier block failed');
						printed = await session.run(block.language, here(block.text));
					});
				}
			}
		} finally {
			session.end();
			await server.stop();
			rmSync(folder, { recursive: true, force: true });
		}
	});

test('what a page may say of its blocks', async (t) => {
	const page = (...lines) => blocks_of(lines.join('\n'), 'page');
	await t.test('one that says nothing is an error', () => assert.throws(() => page('```sh', 'ls', '```'), PageError));
	await t.test('so is a reason without a block', () => assert.throws(() => page('<!-- not run: no -->', 'text'), PageError));
	await t.test('and both at once', () => assert.throws(() => page('<!-- not run: no -->', '```sh run', 'ls', '```'), PageError));
	await t.test('kinds', () => assert.deepEqual(
		page('<!-- setup', 'cd x', '-->', '```sh run', 'ls', '```', '```text output', 'a', '```', '<!-- not run: why -->', '```go', 'x', '```', '```sql file a.sql', 'y', '```').map(({ kind }) => kind),
		['run', 'run', 'output', 'skipped', 'file']));
	await t.test('… stands for what varies', () => {
		assert.ok(shows('id: …\n…\nend', 'id: 17\nmore\nand more\nend\n'));
		assert.ok(shows('a  b', 'a      b'));
		assert.ok(!shows('id: …', 'id: 17\nmore'));
		assert.ok(!shows('a.c', 'abc'));
	});
});
