// Drives the console of a real atolld with Debian's Chromium.
//
//     const browser = await startBrowser();
//     after(() => browser.stop());
//     const tab = await browser.open(server);          // a tab with a session storage of its own
//     await signIn(tab, server);
//     await tab.check('databases');                    // accessible, and nothing went wrong on the page
//
// A tab notes what a page may not do: an error, a break of its own policy, a request to another host, a token in an address
// or in a storage that outlives the tab. check() fails on any of it.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const WAIT_MS = 20_000;
const DESKTOP = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };

const require = createRequire(new URL('../console/package.json', import.meta.url));
const pictures = fileURLToPath(new URL('../../docs/images/', import.meta.url));

export class Tab {
	constructor(page, server) {
		Object.assign(this, { page, server, faults: [] });
		page.setDefaultTimeout(WAIT_MS);
		page.on('pageerror', (error) => this.faults.push(`error: ${error.stack ?? error.message}`));
		page.on('console', (message) => {
			const text = message.text();
			// What the server refuses is shown by the page; the browser's own line about the status is no fault.
			// Breaks of the policy are told by the page, with where they were.
			if (message.type() === 'error' && !/Failed to load resource|Content Security Policy/.test(text)) this.faults.push(`console: ${text}`);
			if (this.leaks(text)) this.faults.push('a token is in the console');
		});
		page.on('request', (request) => {
			const url = request.url();
			if (!/^(data|blob):/.test(url) && new URL(url).origin !== server.url) this.faults.push(`a request to ${url}`);
			if (this.leaks(url)) this.faults.push(`a token is in an address: ${new URL(url).pathname}`);
		});
	}

	leaks(text) {
		return text.includes(this.server.token) || /eyJ[\w-]{10,}\.eyJ/.test(text);
	}

	go(where) {
		return this.page.goto(`${this.server.url}/console${where}`);
	}

	/// Without axe's copies of style sheets (preload), which break the page's policy themselves.
	/// Fails on what went wrong so far, and on what a person with a screen reader would stumble over.
	async check(what) {
		await this.page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
		const { violations } = await this.page.evaluate(() =>
			// eslint-disable-next-line no-undef
			axe.run(document, { resultTypes: ['violations'], preload: false }),
		);
		const found = violations.map(({ id, impact, help, nodes }) => `${impact} ${id}: ${help}\n    ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).slice(0, 3).join('\n    ')}`);
		assert.deepEqual(found, [], `${what} is accessible`);
		assert.deepEqual(this.faults, [], `nothing went wrong at ${what}`);
		const kept = await this.page.evaluate(() => JSON.stringify({ ...localStorage }) + document.cookie);
		assert.ok(!this.leaks(kept), `${what} keeps no token beyond the tab`);
	}

	/// Checks, in both colours and at both widths; kept as a picture when pictures are asked for (./dev screenshots).
	async portrait(name, { phone = false } = {}) {
		await this.page.evaluate(() => {
			for (const close of document.querySelectorAll('.toast-close')) close.click();
			scrollTo(0, 0);
		});
		for (const colorScheme of ['dark', 'light']) {
			await this.page.emulateMedia({ colorScheme });
			await this.check(`${name} (${colorScheme})`);
			if (process.env.SCREENSHOTS && (colorScheme === 'light' || name === 'world')) await this.picture(colorScheme === 'light' ? name : `${name}-dark`);
		}
		await this.page.setViewportSize(PHONE);
		// What sticks out is named.
		const out = await this.page.evaluate(async () => {
			for (let frames = 0; frames < 3; frames++) await new Promise(requestAnimationFrame);
			const { scrollWidth, clientWidth } = document.documentElement;
			if (scrollWidth <= clientWidth) return '';
			const wide = [...document.body.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > clientWidth + 0.5);
			return `${scrollWidth} of ${clientWidth} pixels: ${wide.slice(0, 8).map((one) => `${one.tagName}.${one.getAttribute('class')}`)}`;
		});
		assert.equal(out, '', `${name} fits a phone`);
		await this.check(`${name} (phone)`);
		if (process.env.SCREENSHOTS && phone) await this.picture(`${name}-phone`);
		await this.page.setViewportSize(DESKTOP);
	}

	async picture(name) {
		mkdirSync(pictures, { recursive: true });
		await this.page.screenshot({ path: path.join(pictures, `${name}.png`), animations: 'disabled' });
	}
}

class Browser {
	async start() {
		const { chromium } = require('playwright-core');
		this.browser = await chromium.launch({
			executablePath: CHROMIUM,
			args: [...(process.getuid() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage', '--disable-gpu'],
		});
	}

	async open(server) {
		const context = await this.browser.newContext({
			viewport: DESKTOP,
			colorScheme: 'light',
			reducedMotion: 'reduce',
			locale: 'en-GB',
			timezoneId: 'UTC',
		});
		const tab = new Tab(await context.newPage(), server);
		await tab.page.exposeFunction('policyBroken', (what) => void tab.faults.push(`the policy was broken: ${what}`));
		await tab.page.addInitScript(() =>
			addEventListener('securitypolicyviolation', (event) => {
				const [target, ...around] = event.composedPath();
				// In a text that is edited, Chromium's own editing writes styles, which are stopped, too.
				if (around.some((one) => one.isContentEditable)) return;
				globalThis.policyBroken(`${event.violatedDirective} ${event.blockedURI} ${target?.outerHTML?.slice(0, 200)}`);
			}),
		);
		return tab;
	}

	stop() {
		return this.browser.close();
	}
}

export async function startBrowser() {
	const browser = new Browser();
	await browser.start();
	return browser;
}

/// By the token that the first start wrote, or another one.
export async function signIn(tab, token = tab.server.token) {
	await tab.go('/');
	await tab.page.getByRole('button', { name: 'Token', exact: true }).click();
	await tab.page.getByLabel('Platform token').fill(token);
	await tab.page.getByRole('button', { name: 'Sign in' }).click();
	await tab.page.getByRole('heading', { name: 'Databases' }).waitFor();
}
