// Starts a real atolld on a data folder of its own and speaks to it, for every test that judges the server from outside.
//
//     const server = await startServer({ args: ['--stream-idle-timeout', '1'] });
//     after(() => server.stop());
//     const db = await server.createDatabase('shop', ['ord', 'nrt']);
//     const answer = await server.sql(db.label, ['CREATE TABLE t(x)', { sql: 'SELECT ?', args: [1] }]);
//     const rows = await server.rows(db.instances[1].label, 'SELECT * FROM t');
//
// A server that ends by itself, ends with a wrong status, or writes a sanitizer's report or a failed assertion fails
// the test that stops it (or the one that looks: check()).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const START_MS = 60_000;
const STOP_MS = 60_000;
const REQUEST_MS = 60_000;
const STDERR_BYTES_MAX = 4 << 20;

const bad_lines =
	/(ERROR|WARNING|SUMMARY): \w*Sanitizer|runtime error: |assertion failed|Assertion .* failed|stack smashing|malloc\(\)|double free|free\(\): /;

const tree = fileURLToPath(new URL('../..', import.meta.url));

function default_binary() {
	return path.resolve(tree, process.env.ATOLLD ?? 'build/atolld');
}

const running = new Set();
process.on('exit', () => {
	for (const server of running) {
		server.child?.kill('SIGKILL');
		server.remove_data();
	}
});

export function sleep(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

/// Calls `look` until it gives something true, and returns that; an error of `look` counts as not yet.
export async function until(what, look, deadline_ms = 30_000) {
	const end = Date.now() + deadline_ms;
	let last = '';
	for (let pause_ms = 2; ; pause_ms = Math.min(pause_ms * 2, 100)) {
		try {
			const found = await look();
			if (found) return found;
			last = `last look: ${JSON.stringify(found)}`;
		} catch (error) {
			last = `last look: ${error.message}`;
		}
		if (Date.now() > end) throw new Error(`waited ${deadline_ms} ms in vain for: ${what} (${last})`);
		await sleep(pause_ms);
	}
}

/// One HTTP request, exactly as given: no header is added but Host, Content-Length and Connection. `body` is a
/// string, a Buffer, or anything else, which is sent as JSON. Resolves for every status.
export function request(url, { method = 'GET', body, headers = {}, agent, timeout_ms = REQUEST_MS } = {}) {
	let bytes = body;
	if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)) bytes = JSON.stringify(body);
	return new Promise((resolve, reject) => {
		const chunked = Object.keys(headers).some((name) => name.toLowerCase() === 'transfer-encoding');
		const call = http.request(url, {
			method,
			agent,
			headers: {
				...(bytes === undefined || chunked ? {} : { 'content-length': Buffer.byteLength(bytes) }),
				...headers,
			},
		});
		call.setTimeout(timeout_ms, () => call.destroy(new Error(`no answer within ${timeout_ms} ms: ${method} ${url}`)));
		call.on('error', reject);
		call.on('response', (response) => {
			const parts = [];
			response.on('data', (part) => parts.push(part));
			response.on('error', reject);
			response.on('aborted', () => reject(new Error(`answer was cut off: ${method} ${url}`)));
			response.on('end', () => {
				const bytes = Buffer.concat(parts);
				const text = bytes.toString('utf8');
				let json;
				try {
					json = JSON.parse(text);
				} catch {
					json = undefined;
				}
				resolve({ status: response.statusCode, headers: response.headers, text, json, bytes });
			});
		});
		if (bytes !== undefined) call.write(bytes);
		call.end();
	});
}

/// A JavaScript value in Hrana's form: bigint and safe integers become INTEGER, other numbers REAL.
export function to_value(value) {
	if (value === null || value === undefined) return { type: 'null' };
	if (typeof value === 'bigint' || typeof value === 'boolean' || Number.isSafeInteger(value))
		return { type: 'integer', value: String(typeof value === 'boolean' ? Number(value) : value) };
	if (typeof value === 'number') return { type: 'float', value };
	if (typeof value === 'string') return { type: 'text', value };
	if (value instanceof Uint8Array) return { type: 'blob', base64: Buffer.from(value).toString('base64') };
	return value; // in Hrana's form already
}

/// The way back; an integer beyond 2^53 becomes a bigint.
export function from_value(value) {
	switch (value.type) {
		case 'null':
			return null;
		case 'integer': {
			const number = Number(value.value);
			return Number.isSafeInteger(number) ? number : BigInt(value.value);
		}
		case 'blob':
			return Buffer.from(value.base64, 'base64');
		default:
			return value.value;
	}
}

/// "SELECT 1", {sql, args: […] or {name: …}, …} → Stmt.
export function to_stmt(statement) {
	if (typeof statement === 'string') return { sql: statement };
	const { args, ...rest } = statement;
	if (args === undefined) return rest;
	if (Array.isArray(args)) return { ...rest, args: args.map(to_value) };
	return { ...rest, named_args: Object.entries(args).map(([name, value]) => ({ name, value: to_value(value) })) };
}

/// A statement's failure as the server told it.
export class SqlError extends Error {
	constructor({ message, code }, status) {
		super(`${code}: ${message}`);
		this.code = code;
		this.status = status;
	}
}

/// The one result of a pipeline with one statement, as an array of row objects; throws SqlError.
export function rows_of(answer, index = 0) {
	if (answer.status !== 200)
		throw new SqlError(
			{ message: answer.json?.message ?? answer.json?.error ?? answer.text, code: answer.json?.code ?? `HTTP_${answer.status}` },
			answer.status,
		);
	const result = answer.json.results[index];
	if (result.type === 'error') throw new SqlError(result.error, 200);
	const { cols, rows } = result.response.result;
	return rows.map((row) => Object.fromEntries(row.map((value, i) => [cols[i].name, from_value(value)])));
}

class Server {
	constructor({ args, env, data, binary }) {
		this.args = args;
		this.env = env;
		this.binary = path.resolve(binary);
		this.owns_data = data === null;
		this.data = data ?? mkdtempSync(path.join(tmpdir(), 'atoll-test-'));
		this.jwt_of = new Map();
		this.child = null;
		this.stderr = '';
	}

	async start(listen) {
		this.agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
		this.stderr = '';
		this.exit = null;
		this.expects_end = false;
		const argv = ['--listen', listen, '--data', this.data, ...this.args];
		const child = spawn(this.binary, argv, {
			stdio: ['ignore', 'pipe', 'pipe'],
			env: { ...process.env, ...this.env },
		});
		this.child = child;
		this.pid = child.pid;
		running.add(this);
		child.stderr.setEncoding('utf8');
		child.stderr.on('data', (text) => {
			this.stderr = (this.stderr + text).slice(-STDERR_BYTES_MAX);
		});
		this.ended = new Promise((resolve) => {
			child.on('error', (error) => {
				this.exit = { code: null, signal: null, error };
				resolve(this.exit);
			});
			child.on('close', (code, signal) => {
				this.exit ??= { code, signal };
				resolve(this.exit);
			});
		});
		const address = await this.ready_address();
		this.port = Number(address.split(':').at(-1));
		this.url = `http://127.0.0.1:${this.port}`;
		const bootstrap = JSON.parse(readFileSync(path.join(this.data, 'bootstrap.json'), 'utf8'));
		this.token = bootstrap.token;
		this.organization = bootstrap.organization;
		this.username = bootstrap.username;
		this.bootstrap = bootstrap;
	}

	ready_address() {
		return new Promise((resolve, reject) => {
			let out = '';
			const fail = (why) => reject(new Error(`${this.binary}: ${why}\n${this.report()}`));
			const timer = setTimeout(() => {
				this.child.kill('SIGKILL');
				fail(`not ready within ${START_MS} ms`);
			}, START_MS);
			this.ended.then(({ code, signal, error }) => {
				clearTimeout(timer);
				fail(error ? error.message : `ended before it was ready (status ${code ?? signal})`);
			});
			this.child.stdout.setEncoding('utf8');
			this.child.stdout.on('data', (text) => {
				out += text;
				const match = /^.*\bready\b.*?([0-9A-Za-z.[\]:]+:[0-9]+).*\n/m.exec(out);
				if (match) {
					clearTimeout(timer);
					resolve(match[1]);
				}
			});
		});
	}

	report() {
		const end = this.exit ? `ended with ${this.exit.code ?? this.exit.signal}` : 'runs';
		return `atolld ${end}; its standard error:\n${this.stderr.slice(-8000)}`;
	}

	/// Throws if the server said or did what no server may.
	check() {
		if (bad_lines.test(this.stderr)) {
			const at = this.stderr.search(bad_lines);
			throw new Error(`atolld reports a fault:\n${this.stderr.slice(Math.max(0, at - 500), at + 7500)}`);
		}
		if (this.exit && !this.expects_end) throw new Error(`atolld ended by itself\n${this.report()}`);
	}

	/// SIGTERM: drains, must end with 0. The data goes unless it is to be kept or was the caller's.
	async stop({ keep_data = false } = {}) {
		if (!this.child) return;
		try {
			if (!this.exit) {
				this.expects_end = true;
				this.child.kill('SIGTERM');
				const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
				const { code, signal } = await this.ended;
				clearTimeout(timer);
				if (code !== 0)
					throw new Error(`SIGTERM must end atolld with 0, it ended with ${code ?? signal}\n${this.report()}`);
			}
			this.check();
		} finally {
			this.forget();
			if (!keep_data) this.remove_data();
		}
	}

	/// SIGKILL. The data stays: restart() goes on with it.
	async kill() {
		this.expects_end = true;
		this.child.kill('SIGKILL');
		await this.ended;
		this.forget();
		this.check();
	}

	/// Stops the server if it runs and starts it on the same data. Its port may be another one unless same_port.
	async restart({ args = this.args, env = this.env, same_port = false } = {}) {
		await this.stop({ keep_data: true });
		this.args = args;
		this.env = env;
		await this.start(same_port ? `127.0.0.1:${this.port}` : '127.0.0.1:0');
	}

	forget() {
		this.agent.destroy();
		this.child = null;
		if (!this.owns_data) running.delete(this);
	}

	remove_data() {
		running.delete(this);
		if (this.owns_data && !process.env.ATOLL_KEEP_DATA)
			rmSync(this.data, { recursive: true, force: true, maxRetries: 5 });
	}

	/// Platform API (or any path); the platform token goes along unless `headers` has another or a null authorization.
	api(method, pathname, body, headers = {}) {
		const all = { authorization: `Bearer ${this.token}`, ...headers };
		if (all.authorization === null) delete all.authorization;
		return request(this.url + pathname, { method, body, headers: all, agent: this.agent });
	}

	/// Address of a database or instance for clients.
	db_url(label) {
		return `${this.url}/db/${label}/`;
	}

	/// A pipeline on the data plane. `token` undefined: the database's own from createDatabase; null: none. `basic`:
	/// [user, password]. An element with a `type` is a request as it is; others are statements to execute. The stream
	/// is closed at the end unless `keep`.
	sql(label, statements, { token, basic, path: route = '/v2/pipeline', baton = null, keep = false, headers = {} } = {}) {
		const list = Array.isArray(statements) ? statements : [statements];
		const requests = list.map((one) => (one.type ? one : { type: 'execute', stmt: to_stmt(one) }));
		if (!keep) requests.push({ type: 'close' });
		return this.data_plane(label, route, { baton, requests }, { token, basic, headers });
	}

	data_plane(label, route, body, { method = 'POST', token, basic, headers = {} } = {}) {
		const credential = token === undefined ? this.jwt_of.get(label) : token;
		const all = { ...headers };
		if (basic) all.authorization ??= `Basic ${Buffer.from(basic.join(':')).toString('base64')}`;
		else if (credential) all.authorization ??= `Bearer ${credential}`;
		return request(`${this.url}/db/${label}${route}`, { method, body, headers: all, agent: this.agent });
	}

	/// Runs one statement and gives its rows as objects; throws SqlError with the server's code.
	async rows(label, statement, options) {
		return rows_of(await this.sql(label, statement, options));
	}

	/// Databases by the API; each location gets an instance, the first one the primary, all waited for.
	async createDatabase(name, locations = ['ord'], options = {}) {
		const base = `/v1/organizations/${this.organization}/databases`;
		const expect_ok = (answer, what) => {
			if (answer.status !== 200) throw new Error(`${what}: ${answer.status} ${answer.text}\n${this.report()}`);
			return answer;
		};
		const created = expect_ok(await this.api('POST', base, { name, ...options }), `create database ${name}`);
		const hostname = created.json.database.Hostname;
		const label = label_of(hostname);
		const instances = [];
		for (const location of locations) {
			const answer = expect_ok(
				await this.api('POST', `${base}/${name}/instances`, { location }),
				`create instance in ${location}`,
			);
			expect_ok(
				await this.api('GET', `${base}/${name}/instances/${answer.json.instance.name}/wait`),
				`wait for instance in ${location}`,
			);
			const { instance, username, password } = answer.json;
			instances.push({ ...instance, label: label_of(instance.hostname), username, password });
		}
		const jwt = expect_ok(await this.api('POST', `${base}/${name}/auth/tokens`), `token for ${name}`).json.jwt;
		for (const one of [label, ...instances.map((instance) => instance.label)]) this.jwt_of.set(one, jwt);
		return { name, hostname, label, instances, jwt, uuid: created.json.database.DbId, path: `${base}/${name}` };
	}

	/// Lets replicas reach what the primary has now: each is asked until it answers as the primary does.
	async caught_up(db, statement, deadline_ms = 60_000) {
		const expected = JSON.stringify(await this.rows(db.instances[0].label, statement));
		for (const instance of db.instances.slice(1))
			await until(
				`${instance.type} in ${instance.region} to answer ${statement} like the primary`,
				async () => JSON.stringify(await this.rows(instance.label, statement)) === expected,
				deadline_ms,
			);
	}
}

/// "3287469dae4185-my-db-my-org.localhost:8080" → "3287469dae4185-my-db-my-org"
export function label_of(hostname) {
	return hostname.split('.')[0];
}

export async function startServer({
	args = [],
	env = {},
	data = null,
	binary = default_binary(),
} = {}) {
	const server = new Server({ args, env, data, binary });
	try {
		await server.start('127.0.0.1:0');
	} catch (error) {
		server.child?.kill('SIGKILL');
		server.remove_data();
		throw error;
	}
	return server;
}

/// Runs atolld to its end, for command lines that must fail: {code, stdout, stderr}.
export async function run_atolld(args, { env = {}, binary = default_binary(), timeout_ms = START_MS } = {}) {
	const child = spawn(path.resolve(binary), args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
	const out = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (out[name] += text));
	const timer = setTimeout(() => child.kill('SIGKILL'), timeout_ms);
	const [code, signal] = await once(child, 'close');
	clearTimeout(timer);
	return { code, signal, ...out };
}
