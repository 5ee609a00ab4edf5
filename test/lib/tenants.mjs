// People and organizations of a running server: accounts made by its administrator, who log in by password as themselves.
//
//     const tenants = new Tenants(server);
//     const org = await tenants.organization('Shop');             // its slug; the administrator owns it
//     await tenants.account('mia', { org, role: 'member' });
//     const answer = await tenants.api('mia', 'GET', `/v1/organizations/${org}/databases`);
export class Tenants {
	constructor(server) {
		this.server = server;
		this.tokens = new Map([[server.username, server.token]]);
	}

	async must(method, path, body, headers) {
		const answer = await this.server.api(method, path, body, headers);
		if (answer.status !== 200)
			throw new Error(`${method} ${path} ${JSON.stringify(body)}: ${answer.status} ${answer.text}\n${this.server.report()}`);
		return answer.json;
	}

	as(username) {
		const token = this.tokens.get(username);
		if (!token) throw new Error(`nobody is called ${username}`);
		return { authorization: `Bearer ${token}` };
	}

	/// The Platform API as somebody.
	api(username, method, path, body, headers = {}) {
		return this.server.api(method, path, body, { ...this.as(username), ...headers });
	}

	async organization(name, { owner = this.server.username } = {}) {
		return (await this.must('POST', '/v1/organizations', { name }, this.as(owner))).org.slug;
	}

	password_of(username) {
		return `secret of ${username}, long enough`;
	}

	/// An account with an e-mail address and a password, logged in; with a role, also a member of an organization of
	/// the administrator.
	async account(username, { org, role } = {}) {
		await this.must('POST', '/v1/users', { username, email: `${username}@example.com`, password: this.password_of(username) });
		this.tokens.set(username, await this.login(username));
		if (role) await this.must('POST', `/v1/organizations/${org}/members`, { username, role });
	}

	/// A login token.
	async login(username) {
		return (await this.must('POST', '/v1/auth/login', { username, password: this.password_of(username) }, { authorization: null })).jwt;
	}
}
