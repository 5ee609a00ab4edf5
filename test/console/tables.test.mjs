// The table browser: columns, pages of rows, and rows that are edited, added and deleted by what names them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { signIn, startBrowser } from '../lib/browser.mjs';
import { startServer } from '../lib/server.mjs';

let server;
let browser;
let tab;
let db;

const select = (sql) => server.rows(db.label, sql);

before(async () => {
	server = await startServer();
	db = await server.createDatabase('shop', ['ord']);
	await server.sql(db.label, [
		"CREATE TABLE orders(what TEXT NOT NULL CHECK (what <> ''), price REAL DEFAULT 1.5, note BLOB, total AS (price * 2))",
		'CREATE TABLE pairs(a TEXT, b INTEGER, v, PRIMARY KEY (a, b)) WITHOUT ROWID',
		'CREATE VIEW cheap AS SELECT * FROM orders WHERE price < 5',
		"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 120) INSERT INTO orders(what, price) SELECT 'thing ' || i, i FROM c",
		"INSERT INTO pairs VALUES ('x', 1, 'one'), ('x', 2, 'two')",
	]);
	browser = await startBrowser();
	tab = await browser.open(server);
	await signIn(tab);
	await tab.go(`/${server.organization}/databases/shop/tables`);
});
after(async () => {
	await browser?.stop();
	await server?.stop();
});

test('a table is chosen, its columns and its rows are shown in pages', async () => {
	const { page } = tab;
	await page.getByLabel('Table', { exact: true }).selectOption('orders');
	await page.getByText('1 to 50 of 120').waitFor();
	await page.getByLabel('Show its columns').check();
	await page.getByRole('region', { name: 'Columns of orders' }).getByText('generated').waitFor();
	await page.getByRole('button', { name: 'Next' }).click();
	await page.getByRole('cell', { name: 'thing 51', exact: true }).waitFor();
	await page.getByText('51 to 100 of 120').waitFor();
	await tab.portrait('tables');
	await page.getByLabel('Show its columns').uncheck();
	await page.getByRole('button', { name: 'Back' }).click();
	await page.getByRole('cell', { name: 'thing 1', exact: true }).waitFor();
});

test('a row is edited, and what the database refuses is told', async () => {
	const { page } = tab;
	await page.getByRole('button', { name: 'Edit row 2', exact: true }).click();
	await page.getByLabel('what', { exact: true }).fill('');
	await page.getByRole('button', { name: 'Save the row' }).click();
	await page.getByRole('alert').getByText('CHECK constraint failed').waitFor();
	await tab.check('the row that is edited');
	await page.getByLabel('what', { exact: true }).fill('tea');
	await page.getByLabel('price', { exact: true }).fill('2,5');
	await page.getByRole('button', { name: 'Save the row' }).click();
	await page.getByRole('alert').getByText('is no number').waitFor();
	await page.getByLabel('price', { exact: true }).fill('2.5');
	await page.getByLabel('Type of note').selectOption('blob');
	await page.getByLabel('note', { exact: true }).fill('00ff');
	await page.getByRole('button', { name: 'Save the row' }).click();
	await page.getByRole('cell', { name: 'tea', exact: true }).waitFor();
	assert.deepEqual(await select('SELECT what, price, hex(note) AS note FROM orders WHERE rowid = 2'), [{ what: 'tea', price: 2.5, note: '00FF' }]);
	assert.deepEqual(await select('SELECT count(*) AS n FROM orders WHERE note IS NOT NULL'), [{ n: 1 }]);
});

test('a row is added with defaults, and deleted', async () => {
	const { page } = tab;
	await page.getByRole('button', { name: 'Add a row' }).click();
	await page.getByLabel('Type of what').selectOption('text');
	await page.getByLabel('what', { exact: true }).fill('new one');
	await page.getByRole('button', { name: 'Add the row' }).click();
	await page.getByText('of 121').waitFor();
	assert.deepEqual(await select("SELECT rowid AS id, price, note FROM orders WHERE what = 'new one'"), [{ id: 121, price: 1.5, note: null }]);
	await page.getByRole('button', { name: 'Delete row 1', exact: true }).click();
	await page.getByRole('button', { name: 'Delete the row' }).click();
	await page.getByText('of 120').waitFor();
	assert.deepEqual(await select('SELECT min(rowid) AS first FROM orders'), [{ first: 2 }]);
});

test('rows without a number go by their key, and rows of a view stay as they are', async () => {
	const { page } = tab;
	await page.getByLabel('Table', { exact: true }).selectOption('pairs');
	await page.getByRole('button', { name: 'Edit row x, 2' }).click();
	await page.getByLabel('v', { exact: true }).fill('zwei');
	await page.getByRole('button', { name: 'Save the row' }).click();
	await page.getByRole('cell', { name: 'zwei', exact: true }).waitFor();
	assert.deepEqual(await select('SELECT v FROM pairs ORDER BY b'), [{ v: 'one' }, { v: 'zwei' }]);
	await page.getByLabel('Table', { exact: true }).selectOption('cheap');
	await page.getByRole('region', { name: 'Rows of cheap' }).waitFor();
	assert.equal(await page.getByRole('button', { name: /^Edit row/ }).count(), 0);
	assert.equal(await page.getByRole('button', { name: 'Add a row' }).count(), 0);
	await tab.check('a view');
});
