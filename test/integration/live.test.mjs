// GET {db}/live: a database and its instances as server-sent events, whenever they have changed, for as long as whoever watches
// may see them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';

import { sleep, startServer, until } from '../lib/server.mjs';

let server;
let o;
let open = [];

before(async () => {
	server = await startServer({ args: ['--listeners-max', '3', '--usage-interval', '1', '--simulate-latency', 'ord:nrt=300ms'] });
	o = `/v1/organizations/${server.organization}`;
});
after(() => server?.stop());
beforeEach(async () => {
	for (const one of open) await one.leave();
	open = [];
});

class Watcher {
	constructor(call, response) {
		Object.assign(this, { call, response, status: response.statusCode, headers: response.headers, states: [], comments: 0, ended: false, text: '' });
		response.setEncoding('utf8');
		response.on('error', () => {});
		response.on('data', (text) => this.take(text));
		response.on('close', () => (this.ended = true));
	}

	take(text) {
		const parts = (this.text + text).split('\n\n');
		this.text = parts.pop();
		for (const part of parts) {
			if (part.startsWith(':')) {
				this.comments++;
				continue;
			}
			const [, data] = /^event: database\ndata: (.*)$/.exec(part) ?? assert.fail(`no event: ${part}`);
			this.states.push(JSON.parse(data));
		}
	}

	get newest() {
		return this.states.at(-1);
	}

	/// A state that `fits`.
	state(what, fits) {
		return until(what, () => this.states.find(fits));
	}

	async leave() {
		this.call.destroy();
		await until('the connection to end', () => this.ended);
	}
}

async function watch(name, { on = server, token = on.token, method = 'GET' } = {}) {
	const call = http.request(`${on.url}/v1/organizations/${on.organization}/databases/${name}/live`, {
		method,
		agent: false,
		headers: token ? { authorization: `Bearer ${token}` } : {},
	});
	call.on('error', () => {});
	call.end();
	const [response] = await once(call, 'response');
	const watcher = new Watcher(call, response);
	open.push(watcher);
	return watcher;
}

const instance = (state, region) => state.instances.find((one) => one.region === region);

describe('what is told', () => {
	test('first all there is, then what changes', async () => {
		const db = await server.createDatabase('shop', ['ord']);
		const watcher = await watch('shop');
		assert.equal(watcher.status, 200);
		assert.equal(watcher.headers['content-type'], 'text/event-stream');
		assert.equal(watcher.headers['cache-control'], 'no-store');
		const first = await watcher.state('a first state', () => true);
		assert.deepEqual(
			first.instances.map(({ type, region, state, lag_frames, lag_ms, failure }) => ({ type, region, state, lag_frames, lag_ms, failure })),
			[{ type: 'primary', region: 'ord', state: 'ready', lag_frames: 0, lag_ms: 0, failure: '' }],
		);
		await server.sql(db.label, ['CREATE TABLE t(x)', 'INSERT INTO t VALUES (1)']);
		await watcher.state('the primary to move', (state) => state.instances[0].frame_no > first.instances[0].frame_no);
		await watcher.state('what was counted', ({ usage }) => usage.rows_written >= 1);
		assert.ok(watcher.newest.history.bytes > 0);
		assert.ok(watcher.newest.instances[0].storage_bytes > 0);
	});

	test('an instance that comes, lags, catches up and goes', async () => {
		const db = await server.createDatabase('shop2', ['ord']);
		const watcher = await watch('shop2');
		await server.sql(db.label, ['CREATE TABLE t(x)']);
		const made = (await server.api('POST', `${o}/databases/shop2/instances`, { location: 'nrt' })).json.instance;
		await watcher.state('it to be ready', (state) => instance(state, 'nrt')?.state === 'ready');
		let writes = true;
		const writer = (async () => {
			while (writes) await server.sql(db.label, ["INSERT INTO t VALUES (randomblob(500))"]);
		})();
		const behind = await watcher.state('it to lag', (state) => instance(state, 'nrt')?.lag_frames > 0);
		writes = false;
		await writer;
		assert.ok(instance(behind, 'nrt').lag_ms >= 0);
		await until('it to catch up', () => {
			const [primary, replica] = [instance(watcher.newest, 'ord'), instance(watcher.newest, 'nrt')];
			return replica.lag_frames === 0 && replica.lag_ms === 0 && replica.frame_no === primary.frame_no && replica.frame_no >= instance(behind, 'ord').frame_no;
		});
		assert.equal((await server.api('DELETE', `${o}/databases/shop2/instances/${made.name}`)).status, 200);
		await until('it to be gone', () => !instance(watcher.newest, 'nrt'));
		assert.equal(watcher.ended, false);
	});

	test('nothing while nothing changes', async () => {
		await server.createDatabase('quiet', ['ord']);
		const watcher = await watch('quiet');
		await watcher.state('a first state', () => true);
		await sleep(2500); // five looks
		assert.ok(watcher.states.length <= 3, `${watcher.states.length} states`);
	});

	test('HEAD tells the type and ends', async () => {
		await server.createDatabase('headed', ['ord']);
		const watcher = await watch('headed', { method: 'HEAD' });
		assert.equal(watcher.status, 200);
		assert.equal(watcher.headers['content-type'], 'text/event-stream');
		await until('the answer to end', () => watcher.ended);
	});
});

describe('who may watch', () => {
	test('members with a token that may read, and nobody else', async () => {
		await server.createDatabase('guarded', ['ord']);
		assert.equal((await watch('guarded', { token: null })).status, 401);
		assert.equal((await watch('guarded', { token: 'nonsense' })).status, 401);
		assert.equal((await watch('nothing')).status, 404);
		const password = 'correct horse battery staple';
		await server.api('POST', '/v1/users', { username: 'eve', password });
		const { jwt } = (await server.api('POST', '/v1/auth/login', { username: 'eve', password })).json;
		assert.equal((await watch('guarded', { token: jwt })).status, 403);
		await server.api('POST', `${o}/members`, { username: 'eve', role: 'viewer' });
		const watcher = await watch('guarded', { token: jwt });
		assert.equal(watcher.status, 200);
		assert.equal((await server.api('DELETE', `${o}/members/eve`)).status, 200);
		await until('it to end with the membership', () => watcher.ended);
	});

	test('until the token is revoked', async () => {
		await server.createDatabase('revoked', ['ord']);
		const { token } = (await server.api('POST', '/v1/auth/api-tokens/passing')).json;
		const [short, long] = [await watch('revoked', { token }), await watch('revoked')];
		assert.equal((await server.api('DELETE', '/v1/auth/api-tokens/passing')).status, 200);
		await until('it to end', () => short.ended);
		assert.equal(long.ended, false);
	});

	test('until the database is gone, also when another one takes its name', async () => {
		await server.createDatabase('mortal', ['ord']);
		const watcher = await watch('mortal');
		assert.equal((await server.api('DELETE', `${o}/databases/mortal`)).status, 200);
		await server.createDatabase('mortal', ['ord']);
		await until('it to end', () => watcher.ended);
	});

	test('as many as the limit says, and more once they have left', async () => {
		await server.createDatabase('crowded', ['ord']);
		for (let i = 0; i < 3; i++) assert.equal((await watch('crowded')).status, 200);
		const refused = await watch('crowded');
		assert.equal(refused.status, 429);
		await until('the refusal', () => refused.ended);
		assert.match(refused.text, /listeners-max/);
		await open[0].leave();
		await until('a place', async () => (await watch('crowded')).status === 200);
	});
});

test('a server that stops ends them at once', async () => {
	const other = await startServer();
	await other.createDatabase('shop', ['ord']);
	const watcher = await watch('shop', { on: other });
	assert.equal(watcher.status, 200);
	await other.stop();
	await until('it to end', () => watcher.ended);
});
