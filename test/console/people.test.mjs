// Who may what: API tokens, tokens of a database, members, invites and roles, the audit log; and how the node is.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { signIn, startBrowser } from '../lib/browser.mjs';
import { startServer, until } from '../lib/server.mjs';

const password = 'correct horse battery staple';

let server;
let browser;
let tab;
let o;

before(async () => {
	server = await startServer();
	o = `/v1/organizations/${server.organization}`;
	for (const username of ['ada', 'bob']) assert.equal((await server.api('POST', '/v1/users', { username, email: `${username}@example.com`, password })).status, 200);
	await server.createDatabase('shop', ['ord']);
	browser = await startBrowser();
	tab = await browser.open(server);
	await signIn(tab);
});
after(async () => {
	await browser?.stop();
	await server?.stop();
});

const secret = () => tab.page.locator('[data-secret]').textContent();

test('an API token is made, works, and ends when it is revoked', async () => {
	const { page } = tab;
	await page.getByRole('link', { name: 'API tokens' }).click();
	await page.getByRole('heading', { name: 'API tokens' }).waitFor();
	await page.getByRole('button', { name: 'Create a token' }).click();
	await page.getByLabel('Name').fill('no name!');
	await page.getByRole('button', { name: 'Create the token' }).click();
	const refusal = (await server.api('POST', '/v1/auth/api-tokens/no%20name!', { organization: server.organization })).json.error;
	assert.equal(await page.getByRole('dialog').getByRole('alert').textContent(), refusal);
	await page.getByLabel('Name').fill('deploy');
	await page.getByRole('button', { name: 'Create the token' }).click();
	const token = await secret();
	const as = { authorization: `Bearer ${token}` };
	assert.equal((await server.api('GET', `${o}/databases`, undefined, as)).status, 200);
	assert.equal((await server.api('GET', '/v1/users', undefined, as)).status, 403, 'it is good for the organization only');
	await page.getByRole('button', { name: 'Done' }).click();
	assert.ok(!(await page.content()).includes(token), 'it is shown once');
	await page.getByRole('row', { name: /deploy/ }).waitFor();
	await tab.portrait('tokens');
	await page.getByRole('button', { name: 'Revoke deploy' }).click();
	await page.getByRole('button', { name: 'Revoke', exact: true }).click();
	await page.getByRole('row', { name: /deploy/ }).waitFor({ state: 'detached' });
	assert.equal((await server.api('GET', `${o}/databases`, undefined, as)).status, 401);
});

test('a token of a database reads only, when that is asked for, and ends by rotation', async () => {
	const { page } = tab;
	await tab.go(`/${server.organization}/databases/shop/tokens`);
	await page.getByLabel('Allows').selectOption('read-only');
	await page.getByLabel('Good for').selectOption('other');
	await page.getByLabel('Time').fill('soon');
	await page.getByRole('button', { name: 'Create the token' }).click();
	await page.getByText('Invalid expiration format').waitFor();
	await page.getByLabel('Time').fill('2h');
	await page.getByRole('button', { name: 'Create the token' }).click();
	const token = await secret();
	const label = `shop-${server.organization}`;
	const answer = await server.sql(label, ['SELECT 1'], { token });
	assert.equal(answer.json.results[0].type, 'ok', answer.text);
	assert.match((await server.sql(label, ['CREATE TABLE t(x)'], { token })).text, /may only read/);
	await tab.check('the token that is shown once');
	await page.getByRole('button', { name: 'Done' }).click();
	await tab.portrait('database-tokens');
	await page.getByRole('button', { name: 'Rotate…' }).click();
	await page.getByLabel('Type shop to confirm').fill('shop');
	await page.getByRole('button', { name: 'Rotate', exact: true }).click();
	await page.getByText('were rotated').waitFor();
	assert.equal((await server.sql(label, ['SELECT 1'], { token })).status, 401);
});

test('somebody is invited, joins, gets another role and is removed', async () => {
	const { page } = tab;
	await page.getByRole('link', { name: 'Members' }).click();
	await page.getByRole('row', { name: new RegExp(server.username) }).getByText('owner').waitFor();
	await page.getByRole('button', { name: 'Invite somebody' }).click();
	await page.getByLabel('E-mail or user name').fill('ada@example.com');
	await page.getByLabel('Role').selectOption('viewer');
	await tab.check('the dialog');
	await page.getByRole('button', { name: 'Invite', exact: true }).click();
	assert.ok((await secret()).length > 20);
	await page.getByRole('button', { name: 'Done' }).click();
	await page.getByRole('row', { name: /ada@example.com/ }).waitFor();
	// She sees it in her own console.
	const hers = await browser.open(server);
	await signIn(hers, (await server.api('POST', '/v1/auth/login', { username: 'ada', password })).json.jwt);
	await hers.page.getByRole('link', { name: 'Members' }).click();
	await hers.page.getByRole('button', { name: 'Accept' }).click();
	await hers.page.getByText('You belong to').waitFor();
	await hers.page.getByRole('combobox', { name: 'Organization' }).selectOption(server.organization);
	await hers.page.getByRole('link', { name: 'shop' }).waitFor();
	await hers.check('what a viewer sees');
	// A role that may not: the server's own words.
	await hers.page.getByRole('button', { name: 'Create a database' }).click();
	await hers.page.getByLabel('Name').fill('hers');
	await hers.page.getByRole('button', { name: 'Create', exact: true }).click();
	await hers.page.getByText('this needs the role member').waitFor();

	await page.reload();
	await page.getByLabel('Role of ada').selectOption('member');
	await page.getByText('ada is member now').waitFor();
	await tab.portrait('members');
	const { members } = (await server.api('GET', `${o}/members`)).json;
	assert.equal(members.find(({ username }) => username === 'ada').role, 'member');
	await page.getByRole('button', { name: 'Remove ada' }).click();
	await page.getByRole('button', { name: 'Remove', exact: true }).click();
	await page.getByLabel('Role of ada').waitFor({ state: 'detached' });
	await hers.page.reload();
	await hers.page.getByText('not a member').first().waitFor();
});

test('an invite is taken back', async () => {
	const { page } = tab;
	await page.getByRole('button', { name: 'Invite somebody' }).click();
	await page.getByLabel('E-mail or user name').fill('bob');
	await page.getByRole('button', { name: 'Invite', exact: true }).click();
	await page.getByRole('button', { name: 'Done' }).click();
	await page.getByRole('button', { name: /^Take back the invite/ }).click();
	await page.getByText('Nobody is invited').waitFor();
	assert.deepEqual((await server.api('GET', `/v2/organizations/${server.organization}/invites`)).json.invites, []);
});

test('the audit log tells all of it', async () => {
	const { page } = tab;
	await page.getByRole('link', { name: 'Audit log' }).click();
	const table = page.getByRole('region', { name: 'Audit log' });
	await table.getByText('db-create').first().waitFor();
	const { audit_logs } = (await server.api('GET', `${o}/audit-logs?page=1&page_size=25`)).json;
	for (const { message } of audit_logs) await table.getByText(message, { exact: true }).first().waitFor();
	await table.locator('summary').first().click();
	await table.locator('details[open] dt').first().waitFor();
	await tab.portrait('audit');
	assert.ok(!(await page.content()).includes('eyJ'), 'without a secret');
});

test('the node says how it is', async () => {
	const { page } = tab;
	await page.getByRole('link', { name: 'Nodes & health' }).click();
	await page.getByText('Commits reach the disk').waitFor();
	await page.getByText('Up for').waitFor();
	await page.getByRole('cell', { name: 'Tokyo, Japan' }).waitFor();
	await tab.portrait('health');
});

test('a session that ends elsewhere ends here, and says why', async () => {
	const { page } = tab;
	await server.api('POST', '/v1/auth/api-tokens/passing');
	const other = await browser.open(server);
	const { token } = (await server.api('POST', '/v1/auth/api-tokens/passing2')).json;
	await signIn(other, token);
	await other.page.getByRole('link', { name: 'shop' }).click();
	await other.page.locator('.map-dot.primary').waitFor();
	await server.api('DELETE', '/v1/auth/api-tokens/passing2');
	await other.page.getByText('You were signed out: token has been revoked').waitFor();
	assert.equal(await other.page.evaluate(() => sessionStorage.length), 0);
	await until('no fault', () => other.faults.length === 0);
	await page.getByRole('button', { name: 'Sign out' }).click();
	await page.getByRole('heading', { name: 'Sign in to Atoll' }).waitFor();
	assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});
