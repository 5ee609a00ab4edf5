// How an application gets a user's token: spec/platform-api.md §3.1, RFC 6749 §4.1, RFC 7636.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';

import { Account, administrator, answered, refused, sign_up } from '../lib/accounts.mjs';
import { run_atolld, startServer } from '../lib/server.mjs';

const secret = 'a secret of the shop'.replaceAll(' ', '-');
const redirect_uri = 'http://localhost:3000/oauth/atoll?from=atoll';
let server, ann;

before(async () => {
	server = await startServer({ args: ['--oauth-clients', `shop ${secret} ${redirect_uri}; other ${secret}-2 https://other.example/back`] });
	ann = await sign_up(server, 'ann');
});

after(() => server.stop());

const query = (params) => new URLSearchParams(params).toString();
const basic = (id, password) => `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}`;

function make_verifier() {
	const code_verifier = randomBytes(32).toString('base64url');
	return { code_verifier, code_challenge: createHash('sha256').update(code_verifier).digest('base64url') };
}

function wish(code_challenge, changes = {}) {
	return { client_id: 'shop', redirect_uri, response_type: 'code', code_challenge_method: 'S256', code_challenge, ...changes };
}

function authorize(params, who = ann) {
	return who.ask('POST', `/v1/oauth/authorize?${query(params)}`);
}

function exchange(params, authorization = basic('shop', secret)) {
	return server.api('POST', `/v1/oauth/token?${query({ grant_type: 'authorization_code', redirect_uri, client_id: 'shop', ...params })}`, undefined, { authorization });
}

async function get_code(code_challenge, changes) {
	const answer = await authorize(wish(code_challenge, changes));
	assert.equal(answer.status, 303, answer.text);
	return new URL(answer.headers.location).searchParams.get('code');
}

test('a user lets an application in', async () => {
	const { code_verifier, code_challenge } = make_verifier();
	const answer = await authorize(wish(code_challenge, { state: 'a b&c' }));
	assert.equal(answer.status, 303);
	const back = new URL(answer.headers.location);
	assert.equal(back.origin + back.pathname, 'http://localhost:3000/oauth/atoll');
	assert.equal(back.searchParams.get('from'), 'atoll');
	assert.equal(back.searchParams.get('state'), 'a b&c');
	const code = back.searchParams.get('code');

	const token = answered(await exchange({ code, code_verifier }));
	assert.deepEqual(Object.keys(token), ['access_token', 'token_type']);
	assert.equal(token.token_type, 'Bearer');
	const shop = new Account(server, 'ann', token.access_token);
	assert.equal((await shop.get('/v1/user')).user.username, 'ann');
	const [listed] = (await ann.get('/v1/auth/api-tokens')).tokens;
	assert.match(listed.name, /^oauth-shop-[0-9a-f]{12}$/);
	await ann.delete(`/v1/auth/api-tokens/${listed.name}`);
	refused(await shop.ask('GET', '/v1/user'), 401, 'token has been revoked', 'token_revoked');
});

test('a form does as well as a query', async () => {
	const { code_verifier, code_challenge } = make_verifier();
	const code = await get_code(code_challenge);
	const body = query({ grant_type: 'authorization_code', redirect_uri, client_id: 'shop', client_secret: secret, code, code_verifier });
	answered(await server.api('POST', '/v1/oauth/token', body, { authorization: null, 'content-type': 'application/x-www-form-urlencoded' }));
});

test('nobody is led to where the operator did not say', async () => {
	const { code_challenge } = make_verifier();
	for (const changes of [{ redirect_uri: 'https://evil.example/' }, { redirect_uri: `${redirect_uri}x` }, { client_id: 'evil' }, { client_id: 'other' }]) {
		const answer = refused(await authorize(wish(code_challenge, changes)), 400, undefined, 'invalid_field');
		assert.equal(answer.headers.location, undefined);
	}
});

test('what is asked for must be whole', async () => {
	const { code_challenge } = make_verifier();
	for (const name of ['client_id', 'redirect_uri', 'response_type', 'code_challenge_method', 'code_challenge'])
		refused(await authorize(wish(code_challenge, { [name]: '' })), 400, `${name} is required`, 'missing_field');
	refused(await authorize(wish(code_challenge, { response_type: 'token' })), 400, 'response_type must be code', 'invalid_field');
	refused(await authorize(wish(code_challenge, { code_challenge_method: 'plain' })), 400, 'code_challenge_method must be S256', 'invalid_field');
	refused(await authorize(wish('short')), 400, /^code_challenge must be/, 'invalid_field');
	const { token } = await administrator(server).post('/v1/auth/api-tokens/narrow', { organization: server.organization });
	refused(await authorize(wish(code_challenge), new Account(server, 'admin', token)), 403, undefined, 'insufficient_scope');
});

test('a code is good once, for its client and its verifier', async () => {
	const { code_verifier, code_challenge } = make_verifier();
	const bad = 'the code is not valid, or not any more';
	const code = await get_code(code_challenge);
	answered(await exchange({ code, code_verifier }));
	refused(await exchange({ code, code_verifier }), 400, bad, 'bad_request');
	refused(await exchange({ code: await get_code(code_challenge), code_verifier: make_verifier().code_verifier }), 400, bad, 'bad_request');
	refused(await exchange({ code: await get_code(code_challenge), code_verifier, redirect_uri: 'https://other.example/back' }), 400, bad, 'bad_request');
	refused(
		await exchange({ code: await get_code(code_challenge), code_verifier, client_id: 'other' }, basic('other', `${secret}-2`)),
		400,
		bad,
		'bad_request',
	);
	refused(await exchange({ code: 'none', code_verifier }), 400, bad, 'bad_request');
	// A wrong try spends the code.
	const spent = await get_code(code_challenge);
	refused(await exchange({ code: spent, code_verifier: 'x'.repeat(43) }), 400, bad, 'bad_request');
	refused(await exchange({ code: spent, code_verifier }), 400, bad, 'bad_request');
});

test('the application shows its secret', async () => {
	const { code_verifier, code_challenge } = make_verifier();
	const code = await get_code(code_challenge);
	for (const authorization of [null, basic('shop', 'wrong'), basic('none', secret), 'Basic !!', `Bearer ${ann.token}`])
		refused(await exchange({ code, code_verifier }, authorization), 401, 'unknown client, or wrong secret', 'unauthorized');
	refused(await exchange({ code, code_verifier, grant_type: 'password' }), 400, 'grant_type must be authorization_code', 'invalid_field');
	answered(await exchange({ code, code_verifier }));
});

test('clients that cannot be are told at the start', async () => {
	for (const [clients, error] of [
		['shop', /each is ID SECRET URL/],
		['shop short https://x.example', /shorter than 16/],
		[`shop ${secret} http://x.example/`, /must begin with https/],
		[`sh/op ${secret} https://x.example/`, /is no name of a client/],
	]) {
		const run = await run_atolld(['--data', `${server.data}-none`, '--listen', '127.0.0.1:0', '--oauth-clients', clients]);
		assert.equal(run.code, 2);
		assert.match(run.stderr, error);
		assert.ok(!run.stderr.includes(secret));
	}
});
