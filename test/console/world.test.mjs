// The console from the first page to a replica that follows: sign in, create a database, create an instance by clicking the map,
// see how far it is behind while somebody writes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { signIn, startBrowser } from '../lib/browser.mjs';
import { startServer, until } from '../lib/server.mjs';

const password = 'correct horse battery staple';

let server;
let browser;
let tab;

before(async () => {
	server = await startServer({ args: ['--simulate-latency', 'ord:nrt=300ms', '--usage-interval', '1'] });
	assert.equal((await server.api('POST', '/v1/users', { username: 'ada', email: 'ada@example.com', password })).status, 200);
	browser = await startBrowser();
	tab = await browser.open(server);
});
after(async () => {
	await browser?.stop();
	await server?.stop();
});

test('a page without a session is the sign-in page, which says what was wrong', async () => {
	const { page } = tab;
	await tab.go('/default/databases');
	await page.getByRole('heading', { name: 'Sign in to Atoll' }).waitFor();
	await page.getByLabel('User name or e-mail').fill('ada');
	await page.getByLabel('Password').fill('wrong');
	await page.getByRole('button', { name: 'Sign in' }).click();
	const message = page.getByRole('alert');
	await message.waitFor();
	const refusal = (await server.api('POST', '/v1/auth/login', { username: 'ada', password: 'wrong' })).json.error;
	assert.equal(await message.textContent(), refusal, 'the server’s own message, beside the field');
	await tab.portrait('sign-in');
});

test('a password opens the person’s own organization', async () => {
	const { page } = tab;
	await page.getByLabel('Password').fill(password);
	await page.getByRole('button', { name: 'Sign in' }).click();
	await page.getByRole('heading', { name: 'Databases', exact: true }).waitFor();
	await page.getByText('not a member').waitFor();
	await page.getByRole('button', { name: 'Sign out' }).click();
	await page.getByRole('heading', { name: 'Sign in to Atoll' }).waitFor();
});

test('a token that is none is refused with the server’s words', async () => {
	const { page } = tab;
	await page.getByRole('button', { name: 'Token', exact: true }).click();
	await page.getByLabel('Platform token').fill('nonsense');
	await page.getByRole('button', { name: 'Sign in' }).click();
	assert.match(await page.getByRole('alert').textContent(), /invalid token/);
	await signIn(tab);
	assert.equal(new URL(page.url()).pathname, `/console/${server.organization}/databases`);
	await page.getByText('There are no databases yet').waitFor();
	await tab.portrait('databases-empty');
});

test('a database is created with its primary', async () => {
	const { page } = tab;
	await page.getByRole('button', { name: 'Create a database' }).click();
	await page.getByRole('dialog').waitFor();
	await page.getByLabel('Name').fill('Not A Name');
	await page.getByLabel('Primary location').selectOption('ord');
	await page.getByRole('button', { name: 'Create', exact: true }).click();
	const refusal = (await server.api('POST', `/v1/organizations/${server.organization}/databases`, { name: 'Not A Name' })).json.error;
	assert.equal(await page.getByRole('dialog').getByRole('alert').textContent(), refusal);
	await tab.check('the dialog');
	await page.getByLabel('Name').fill('shop');
	await page.getByRole('button', { name: 'Create', exact: true }).click();
	await page.getByRole('heading', { name: 'shop', exact: true }).waitFor();
	assert.equal(new URL(page.url()).pathname, `/console/${server.organization}/databases/shop`);
	await page.locator('.map-dot.primary[data-location=ord]').waitFor();
	await page.getByRole('row', { name: /primary/ }).getByText('takes writes').waitFor();
});

test('a click on the map creates an instance there, and it becomes ready', async () => {
	const { page } = tab;
	await page.locator('.map-dot[data-location=nrt] .map-reach').click();
	await page.getByRole('dialog', { name: 'Create a replica in Tokyo, Japan' }).waitFor();
	await page.getByRole('button', { name: 'Create the instance' }).click();
	await page.getByText('shown this once').waitFor();
	await page.locator('.map-dot.ready[data-location=nrt]').waitFor();
	await page.getByRole('button', { name: 'Done' }).click();
});

test('and so does a choice in the list, with the keyboard alone', async () => {
	const { page } = tab;
	await page.getByLabel('Location of a new instance').focus();
	await page.getByLabel('Location of a new instance').selectOption('fra');
	await page.keyboard.press('Tab');
	await page.keyboard.press('Enter');
	await page.getByRole('dialog', { name: 'Create a replica in Frankfurt, Germany' }).waitFor();
	assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'INPUT', 'the dialog has the focus');
	await page.keyboard.type('europe');
	await page.keyboard.press('Enter');
	await page.locator('.map-dot.ready[data-location=fra]').waitFor();
	await page.getByRole('cell', { name: 'europe', exact: true }).waitFor();
	await page.getByRole('button', { name: 'Done' }).click();
});

test('the lag of the far one moves while somebody writes, and ends afterwards', async () => {
	const { page } = tab;
	const { jwt } = (await server.api('POST', `/v1/organizations/${server.organization}/databases/shop/auth/tokens`)).json;
	const label = `shop-${server.organization}`;
	const write = (sql) => server.sql(label, [sql], { token: jwt });
	await write('CREATE TABLE orders(id INTEGER PRIMARY KEY, what, price)');
	let writing = true;
	const writer = (async () => {
		while (writing) await write("INSERT INTO orders(what, price) VALUES (hex(randomblob(300)), 12.5)");
	})();
	try {
		const lag = page.getByRole('row', { name: /Tokyo/ });
		const seen = new Set();
		await until('three different lags', async () => {
			const text = /(\d+) frames?/.exec((await lag.textContent()) ?? '')?.[1];
			if (text) seen.add(text);
			return seen.size >= 3;
		});
		await page.locator('.map-dot.behind[data-location=nrt]').waitFor();
		await tab.portrait('world', { phone: true });
	} finally {
		writing = false;
		await writer;
	}
	await page.getByRole('row', { name: /Tokyo/ }).getByText('caught up').waitFor();
	await page.locator('.map-dot.ready[data-location=nrt]').waitFor();
	const { written } = await until('what was written to be counted', async () => {
		const text = await page.locator('.figure', { hasText: 'Rows written' }).textContent();
		return !/written0/.test(text) && { written: text };
	});
	assert.match(written, /[1-9]/);
});

test('a lost server is told, and the page mends itself when it is back', async () => {
	const { page } = tab;
	await server.restart({ same_port: true });
	await page.getByText('The server cannot be reached').waitFor({ state: 'hidden' });
	await page.locator('.map-dot.primary[data-location=ord]').waitFor();
	await page.getByRole('row', { name: /Tokyo/ }).getByText('caught up').waitFor();
});

test('an instance is destroyed, and the database when its name was typed', async () => {
	const { page } = tab;
	await page.getByRole('button', { name: 'Destroy instance europe' }).click();
	await page.getByRole('button', { name: 'Destroy the instance' }).click();
	await page.locator('.map-dot.free[data-location=fra]').waitFor();
	await page.getByRole('link', { name: 'Databases' }).first().click();
	await page.getByRole('link', { name: 'shop' }).waitFor();
	await tab.portrait('databases');
	await page.getByRole('button', { name: 'Delete shop' }).click();
	const gone = page.getByRole('button', { name: 'Delete the database' });
	assert.ok(await gone.isDisabled());
	await page.getByLabel('Type shop to confirm').fill('shop');
	await gone.click();
	await page.getByText('There are no databases yet').waitFor();
	await tab.check('the end');
});
