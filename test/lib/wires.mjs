// One statement, one answer, over every way that the SQL protocol has in JSON: HTTP pipelines of versions 2 and 3, a
// cursor, /v1/execute, and WebSockets of every version. The test asks all of them the same.
//
//     const wires = new Wires(server, db.label);
//     after(() => wires.close());
//     for (const [name, run] of wires.all()) (await run({ sql: 'SELECT 1' })).rows;
//
// An answer has cols, rows, affected_row_count and last_insert_rowid, and error if it failed; status and text where HTTP
// refused the request as a whole.
import { createRequire } from 'node:module';

const WebSocket = createRequire(new URL('../clients/package.json', import.meta.url))('ws');

/// A WebSocket whose answers are awaited one by one.
export class Socket {
	constructor(url, protocol, jwt) {
		this.ws = new WebSocket(url, protocol, { maxPayload: 1 << 30 });
		this.waiting = [];
		this.next = 1;
		this.closed = new Promise((resolve) => this.ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })));
		this.ws.on('error', () => {});
		this.ws.on('close', () => this.waiting.splice(0).forEach(({ reject }) => reject(new Error('the WebSocket was closed'))));
		this.ws.on('message', (text) => this.waiting.shift()?.resolve(JSON.parse(text)));
		this.opened = new Promise((resolve, reject) => {
			this.ws.on('open', resolve);
			this.ws.on('error', reject);
		}).then(() => this.send({ type: 'hello', jwt }));
	}

	send(message) {
		return new Promise((resolve, reject) => {
			this.waiting.push({ resolve, reject });
			this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
		});
	}

	/// The response's fields, or { error }.
	async ask(request) {
		await this.opened;
		// A request that is text already holds numbers that JavaScript would write otherwise.
		const body = typeof request === 'string' ? request : JSON.stringify(request);
		const answer = await this.send(`{"type":"request","request_id":${this.next++},"request":${body}}`);
		return answer.type === 'response_ok' ? answer.response : { error: answer.error };
	}
}

const plain = ({ cols, rows, affected_row_count, last_insert_rowid }) => ({
	cols,
	rows,
	affected_row_count,
	last_insert_rowid: last_insert_rowid === null ? null : String(last_insert_rowid),
});

/// The entries of a cursor with one step, as the answer of an execute.
function gathered(entries) {
	const answer = { cols: null, rows: [] };
	for (const entry of entries) {
		if (entry.type === 'step_begin') answer.cols = entry.cols;
		else if (entry.type === 'row') answer.rows.push(entry.row);
		else if (entry.type === 'step_end') Object.assign(answer, plain({ ...answer, ...entry }));
		else return { error: entry.error };
	}
	return answer;
}

export class Wires {
	constructor(server, label, { token = server.jwt_of.get(label) } = {}) {
		Object.assign(this, { server, label, token });
		this.sockets = new Map();
	}

	async http(path, body) {
		const answer = await this.server.data_plane(this.label, path, body, { token: this.token });
		return answer.status === 200 ? answer : { failed: answer };
	}

	async pipeline(version, stmt) {
		const body = `{"requests":[{"type":"execute","stmt":${stmt}},{"type":"close"}]}`;
		const { json, failed } = await this.http(`/v${version}/pipeline`, body);
		if (failed) return failed;
		const [first] = json.results;
		return first.type === 'ok' ? plain(first.response.result) : { error: first.error };
	}

	async v1(stmt) {
		const { json, failed } = await this.http('/v1/execute', `{"stmt":${stmt}}`);
		if (failed) return failed.json?.code ? { error: failed.json } : failed;
		return plain(json.result);
	}

	async cursor(stmt) {
		const { text, failed } = await this.http('/v3/cursor', `{"batch":{"steps":[{"stmt":${stmt}}]}}`);
		if (failed) return failed;
		const [head, ...entries] = text.trimEnd().split('\n').map((line) => JSON.parse(line));
		await this.http('/v3/pipeline', { baton: head.baton, requests: [{ type: 'close' }] });
		return gathered(entries);
	}

	socket(protocol) {
		let socket = this.sockets.get(protocol);
		if (!socket) {
			socket = new Socket(this.server.db_url(this.label).replace(/^http/, 'ws'), protocol, this.token);
			this.sockets.set(protocol, socket);
		}
		return socket;
	}

	async over_socket(protocol, stmt) {
		const socket = this.socket(protocol);
		await socket.ask({ type: 'open_stream', stream_id: 1 });
		const { result, error } = await socket.ask(`{"type":"execute","stream_id":1,"stmt":${stmt}}`);
		await socket.ask({ type: 'close_stream', stream_id: 1 });
		return error ? { error } : plain(result);
	}

	async fetched(stmt) {
		const socket = this.socket('hrana3');
		await socket.ask({ type: 'open_stream', stream_id: 2 });
		await socket.ask(`{"type":"open_cursor","stream_id":2,"cursor_id":1,"batch":{"steps":[{"stmt":${stmt}}]}}`);
		const entries = [];
		for (let done = false; !done; ) {
			const piece = await socket.ask({ type: 'fetch_cursor', cursor_id: 1, max_count: 1000 });
			if (piece.error) return piece;
			entries.push(...piece.entries);
			({ done } = piece);
		}
		await socket.ask({ type: 'close_stream', stream_id: 2 });
		return gathered(entries);
	}

	/// [name, run] of each way. What is run is a Stmt, or its JSON.
	all() {
		const text = (stmt) => (typeof stmt === 'string' ? stmt : JSON.stringify(stmt));
		return [
			['v1', (stmt) => this.v1(text(stmt))],
			['v2', (stmt) => this.pipeline(2, text(stmt))],
			['v3', (stmt) => this.pipeline(3, text(stmt))],
			['cursor', (stmt) => this.cursor(text(stmt))],
			['hrana1', (stmt) => this.over_socket('hrana1', text(stmt))],
			['hrana2', (stmt) => this.over_socket('hrana2', text(stmt))],
			['hrana3', (stmt) => this.over_socket('hrana3', text(stmt))],
			['hrana3 cursor', (stmt) => this.fetched(text(stmt))],
		];
	}

	close() {
		for (const { ws } of this.sockets.values()) ws.terminate();
	}
}
