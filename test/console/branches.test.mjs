// A database's settings, its branches, and what it was at an earlier moment.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { signIn, startBrowser } from '../lib/browser.mjs';
import { sleep, startServer } from '../lib/server.mjs';

let server;
let browser;
let tab;
let o;
let db;
let moment; // when there was one row

const count = async (name) => {
	const { jwt } = (await server.api('POST', `${o}/databases/${name}/auth/tokens`)).json;
	return (await server.rows(`${name}-${server.organization}`, 'SELECT count(*) AS n FROM orders', { token: jwt }))[0].n;
};

before(async () => {
	server = await startServer();
	o = `/v1/organizations/${server.organization}`;
	db = await server.createDatabase('shop', ['ord']);
	await server.sql(db.label, ['CREATE TABLE orders(x)', 'INSERT INTO orders VALUES (1)']);
	// The slider and the field know whole seconds.
	await sleep(2000);
	moment = Date.now();
	await sleep(1000);
	await server.sql(db.label, ['INSERT INTO orders VALUES (2), (3)']);
	browser = await startBrowser();
	tab = await browser.open(server);
	await signIn(tab);
});
after(async () => {
	await browser?.stop();
	await server?.stop();
});

test('a branch has what the database has now', async () => {
	const { page } = tab;
	await tab.go(`/${server.organization}/databases/shop`);
	await page.getByRole('link', { name: 'Branch & restore' }).click();
	await page.getByText('There are no branches').waitFor();
	await page.getByLabel('Name of the new database').fill('shop');
	await page.getByRole('button', { name: 'Create the branch' }).click();
	await page.getByText('already exists').waitFor();
	await page.getByLabel('Name of the new database').fill('shop-branch');
	await page.getByRole('button', { name: 'Create the branch' }).click();
	await page.getByRole('heading', { name: 'shop-branch', exact: true }).waitFor();
	await page.getByText('branch of shop').waitFor();
	await page.locator('.map-dot.primary[data-location=ord]').waitFor();
	assert.equal(await count('shop-branch'), 3);
});

test('a restored one has what it had at the moment that the slider says', async () => {
	const { page } = tab;
	await tab.go(`/${server.organization}/databases/shop/branches`);
	await page.getByRole('link', { name: 'shop-branch' }).waitFor();
	await page.getByRole('button', { name: 'As it was' }).click();
	const slider = page.getByRole('slider', { name: 'Moment' });
	await slider.focus();
	// By the keyboard, to the oldest moment and from there up to the wanted one.
	await page.keyboard.press('Home');
	const at = async () => Number(await slider.inputValue());
	for (let steps = 0; (await at()) + 1000 <= moment && steps < 60; steps++) await page.keyboard.press('ArrowRight');
	assert.ok((await at()) <= moment && (await at()) > moment - 2000, `${new Date(await at()).toISOString()} for ${new Date(moment).toISOString()}`);
	await tab.portrait('restore');
	await page.getByRole('button', { name: 'Restore into a new database' }).click();
	await page.getByRole('heading', { name: 'shop-restored', exact: true }).waitFor();
	await page.locator('.map-dot.primary[data-location=ord]').waitFor();
	assert.equal(await count('shop-restored'), 1);
	assert.equal(await count('shop'), 3);
});

test('settings are saved, hold at once, and a bad one is told beside its field', async () => {
	const { page } = tab;
	await tab.go(`/${server.organization}/databases/shop/settings`);
	await page.getByLabel('Block writes').check();
	await page.getByLabel('Protect against deletion').check();
	await page.getByLabel('Size limit').fill('plenty');
	await page.getByRole('button', { name: 'Save' }).click();
	const refusal = (await server.api('PATCH', `${o}/databases/shop/configuration`, { size_limit: 'plenty' })).json.error;
	await page.getByRole('alert').getByText(refusal, { exact: true }).waitFor();
	await page.getByLabel('Size limit').fill('64mb');
	await page.getByRole('button', { name: 'Save' }).click();
	await page.getByText('The settings were saved').waitFor();
	const told = (await server.api('GET', `${o}/databases/shop/configuration`)).json;
	assert.deepEqual([told.block_writes, told.delete_protection, told.block_reads], [true, true, false]);
	assert.ok(Number(told.size_limit) >= 64_000_000);
	assert.match((await server.sql(db.label, ['INSERT INTO orders VALUES (4)'])).text, /BLOCKED/i);
	await tab.portrait('settings');
	await page.getByRole('button', { name: 'Delete…' }).click();
	await page.getByLabel('Type shop to confirm').fill('shop');
	await page.getByRole('button', { name: 'Delete the database' }).click();
	await page.getByText('is protected against deletion').waitFor();
	await page.keyboard.press('Escape');
	await page.getByRole('dialog').waitFor({ state: 'detached' });
});
