// Users of a server, and what they are answered.
import assert from 'node:assert/strict';

export function answered(answer) {
	assert.equal(answer.status, 200, answer.text);
	assert.match(answer.headers['content-type'], /^application\/json\b/);
	return answer.json;
}

export function refused(answer, status, error, code) {
	assert.equal(answer.status, status, answer.text);
	assert.deepEqual(Object.keys(answer.json), ['error', 'code']);
	if (error instanceof RegExp) assert.match(answer.json.error, error);
	else if (error !== undefined) assert.equal(answer.json.error, error);
	if (code !== undefined) assert.equal(answer.json.code, code);
	return answer;
}

/// Somebody with a token.
export class Account {
	constructor(server, username, token) {
		this.server = server;
		this.username = username;
		this.token = token;
	}

	ask(method, path, body, headers = {}) {
		return this.server.api(method, path, body, { authorization: `Bearer ${this.token}`, ...headers });
	}

	async get(path) {
		return answered(await this.ask('GET', path));
	}

	async post(path, body) {
		return answered(await this.ask('POST', path, body));
	}

	async patch(path, body) {
		return answered(await this.ask('PATCH', path, body));
	}

	async delete(path) {
		return answered(await this.ask('DELETE', path));
	}
}

/// The first user, with the token of bootstrap.json.
export function administrator(server) {
	return new Account(server, server.username, server.token);
}

export function login(server, body) {
	return server.api('POST', '/v1/auth/login', body, { authorization: null });
}

/// Makes an account and logs it in.
export async function sign_up(server, username, { email, password = `password of ${username}` } = {}) {
	await administrator(server).post('/v1/users', { username, email, password });
	const { jwt } = answered(await login(server, { username, password }));
	return new Account(server, username, jwt);
}
