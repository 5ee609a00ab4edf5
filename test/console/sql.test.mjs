// The SQL editor: on the instance that was chosen, several statements, mistakes, plans, files, what was run before, and an end to
// what takes too long.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { signIn, startBrowser } from '../lib/browser.mjs';
import { startServer, until } from '../lib/server.mjs';

let server;
let browser;
let tab;
let db;

before(async () => {
	server = await startServer();
	db = await server.createDatabase('shop', ['ord', 'nrt']);
	browser = await startBrowser();
	tab = await browser.open(server);
	await signIn(tab);
	await tab.page.getByRole('link', { name: 'shop' }).click();
	await tab.page.getByRole('link', { name: 'SQL' }).click();
	await tab.page.getByRole('textbox', { name: 'SQL' }).waitFor();
});
after(async () => {
	await browser?.stop();
	await server?.stop();
});

async function write(text) {
	const field = tab.page.getByRole('textbox', { name: 'SQL' });
	await field.focus();
	await tab.page.keyboard.press('ControlOrMeta+a');
	await tab.page.keyboard.insertText(text);
}

async function run(text) {
	await write(text);
	await tab.page.keyboard.press('ControlOrMeta+Enter');
	await tab.page.getByRole('button', { name: 'Run' }).and(tab.page.locator('[aria-busy=false]')).waitFor();
}

const cells = () => tab.page.locator('.grid').last().locator('tbody td:not(.row-number)').allTextContents();
const costs = () => tab.page.locator('.cost').allTextContents();

test('several statements run in order, and each tells what it cost', async () => {
	await run(
		"CREATE TABLE orders(id INTEGER PRIMARY KEY, what TEXT, price REAL, note BLOB);\n" +
			"CREATE TABLE log(x);\n" +
			"CREATE TRIGGER noted AFTER INSERT ON orders BEGIN INSERT INTO log VALUES (new.id); INSERT INTO log VALUES ('; END'); END;\n" +
			"INSERT INTO orders(what, price, note) VALUES ('tea; green', 4.5, x'0102'), ('coffee -- black', NULL, NULL);\n" +
			'/* all; of it */ SELECT id, what, price, note FROM orders -- the end;\n',
	);
	await tab.page.getByText('2 rows ·').waitFor();
	assert.deepEqual(await cells(), ['1', 'tea; green', '4.5', "x'0102'", '2', 'coffee -- black', 'NULL', 'NULL']);
	const told = await costs();
	assert.equal(told.length, 5);
	assert.match(told[3], /^2 rows changed · .* written$/);
	assert.match(told[4], /^2 rows · [\d.]+ ms · 2 rows read$/);
});

test('on the instance that was chosen: a replica answers', async () => {
	const { page } = tab;
	const replica = db.instances[1];
	await server.caught_up(db, 'SELECT count(*) FROM orders');
	await page.getByLabel('Instance').selectOption({ label: `${replica.name} (nrt)` });
	const asked = page.waitForRequest((request) => request.url().includes('/v3/pipeline'));
	await run('SELECT what FROM orders ORDER BY id');
	assert.equal(new URL((await asked).url()).pathname, `/db/${replica.label}/v3/pipeline`);
	await page.getByText('2 rows ·').waitFor();
	assert.deepEqual(await cells(), ['tea; green', 'coffee -- black']);
	const used = (await server.api('GET', `/v1/organizations/${server.organization}/databases/shop/instances/${replica.name}/usage`)).json;
	assert.ok(JSON.stringify(used).match(/"rows_read":[1-9]/), JSON.stringify(used));
	await tab.portrait('sql');
	await page.getByLabel('Instance').selectOption('');
});

test('a mistake is told in the server’s words, with the statement and what ran before it', async () => {
	const { page } = tab;
	await run('SELECT 1 AS one; SELECT * FROM missing; SELECT 2');
	await page.getByRole('alert').getByText('no such table: missing').waitFor();
	await page.getByRole('alert').getByText('SELECT * FROM missing', { exact: true }).waitFor();
	assert.equal((await costs()).length, 1);
	await tab.check('a mistake');
	// What failed is undone with its transaction, as everywhere.
	await run('BEGIN; DELETE FROM orders; SELECT * FROM missing; COMMIT');
	await run('SELECT count(*) FROM orders');
	assert.deepEqual(await cells(), ['2']);
});

test('a plan is shown as a tree', async () => {
	const { page } = tab;
	await write('SELECT * FROM orders o JOIN log l ON l.x = o.id WHERE o.price > 1');
	await page.getByRole('button', { name: 'Explain' }).click();
	await page.getByText('Query plan').waitFor();
	await page.locator('.plan').getByText('SCAN').first().waitFor();
	await tab.check('a plan');
});

test('results go into files', async () => {
	const { page } = tab;
	await run("SELECT id, what AS \"a,b\", price, 9007199254740993 AS big, '' AS empty FROM orders");
	const file = async (name) => {
		const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name, exact: true }).click()]);
		return { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') };
	};
	const csv = await file('CSV');
	assert.equal(csv.name, 'shop-1.csv');
	assert.equal(csv.text, 'id,"a,b",price,big,empty\r\n1,tea; green,4.5,9007199254740993,""\r\n2,coffee -- black,,9007199254740993,""\r\n');
	const json = await file('JSON');
	assert.deepEqual(JSON.parse(json.text)[1], { id: 2, 'a,b': 'coffee -- black', price: null, big: '9007199254740993', empty: '' });
});

test('many rows are shown in portions', async () => {
	const { page } = tab;
	await run('WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000) SELECT i FROM c');
	await page.getByText('200 of 3,000 rows').waitFor();
	await page.getByRole('button', { name: 'Show more' }).click();
	await page.getByText('1,200 of 3,000 rows').waitFor();
});

test('what takes too long is cancelled, and the server stops with it', async () => {
	const { page } = tab;
	await write('WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c');
	await page.keyboard.press('ControlOrMeta+Enter');
	const cancel = page.getByRole('button', { name: 'Cancel' });
	await cancel.waitFor();
	const computing = async () => {
		const { text } = await server.api('GET', '/metrics');
		return Number(/^atoll_workers\{state="busy"\} (\d+)/m.exec(text)[1]) + Number(/^atoll_workers\{state="aside"\} (\d+)/m.exec(text)[1]);
	};
	await until('it to compute', async () => (await computing()) > 1);
	await cancel.click();
	await page.getByText('Cancelled').waitFor();
	await until('the server to stop it', async () => (await computing()) <= 1);
	await run('SELECT 42');
	assert.deepEqual(await cells(), ['42']);
});

test('what was run is remembered for the session', async () => {
	const { page } = tab;
	await page.reload();
	await page.getByText('What was run in this session').click();
	await page.getByRole('button', { name: 'SELECT count(*) FROM orders' }).click();
	await page.getByRole('button', { name: 'Run' }).click();
	await page.getByText('1 row ·').waitFor();
	assert.deepEqual(await cells(), ['2']);
});

test('names of tables are completed', async () => {
	const { page } = tab;
	await write('');
	await page.keyboard.type('SELECT * FROM ord');
	await page.locator('.cm-tooltip-autocomplete').getByText('orders').click();
	assert.match(await page.getByRole('textbox', { name: 'SQL' }).textContent(), /FROM orders$/);
	await tab.check('completion');
});
