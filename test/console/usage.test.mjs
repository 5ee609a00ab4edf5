// Usage: what was counted, in charts, by instance, and by statement.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { signIn, startBrowser } from '../lib/browser.mjs';
import { startServer } from '../lib/server.mjs';

let server;
let browser;
let tab;
let db;

before(async () => {
	server = await startServer();
	db = await server.createDatabase('shop', ['ord', 'nrt']);
	await server.sql(db.label, ['CREATE TABLE t(x)', 'WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 4000) INSERT INTO t SELECT i FROM c']);
	await server.caught_up(db, 'SELECT count(*) FROM t');
	browser = await startBrowser();
	tab = await browser.open(server);
	await signIn(tab);
	await tab.go(`/${server.organization}/databases/shop/usage`);
});
after(async () => {
	await browser?.stop();
	await server?.stop();
});

test('what was counted is shown as numbers and as charts', async () => {
	const { page } = tab;
	const told = (await server.api('GET', `/v1/organizations/${server.organization}/databases/shop/usage`)).json.database.usage;
	const written = page.locator('.figure', { hasText: 'Rows written' });
	await written.waitFor();
	assert.equal(await written.locator('dd').textContent(), told.rows_written.toLocaleString('en'));
	for (const name of ['Rows read', 'Rows written', 'Bytes synced', 'Storage']) {
		const chart = page.getByRole('img', { name: new RegExp(`^${name}\\.`) });
		await chart.waitFor();
		// Something stands out from the empty chart.
		const drawn = await chart.locator('canvas').evaluate((canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size);
		assert.ok(drawn > 8, `${name} is drawn`);
	}
	assert.match(await page.getByRole('img', { name: /^Rows written\./ }).getAttribute('aria-label'), /4,000 in all, 4,000 at most/);
});

test('by instance and by statement, for other times, too', async () => {
	const { page } = tab;
	await page.getByRole('region', { name: 'Usage by instance' }).getByText('(nrt)').waitFor();
	await page.getByRole('region', { name: 'Costliest statements' }).getByText('INSERT INTO t SELECT i FROM c').waitFor();
	await tab.portrait('usage');
	await page.getByRole('button', { name: '14 days' }).click();
	await page.getByRole('img', { name: /^Rows written\. .*4,000 in all/ }).waitFor();
	await tab.check('14 days');
});
