// A replica as `POST /pull-updates` feeds it (spec/replication.md §6), made of pages in memory: requests by their fields, replies
// taken apart and checked in form, and the pages put where they belong.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { all, message, messages, one } from './protobuf.mjs';
import { request } from './server.mjs';

const PAGE_BYTES = 4096;

/// A portable Roaring bitmap of page ids: arrays, or runs where `runs` is set.
export function bitmap(ids, { runs = false } = {}) {
	const sorted = [...new Set(ids)].sort((a, b) => a - b);
	const keys = [...new Set(sorted.map((id) => Math.floor(id / 65536)))];
	const of = (key) => sorted.filter((id) => Math.floor(id / 65536) === key).map((id) => id % 65536);
	const u16 = (...numbers) => Buffer.from(new Uint16Array(numbers).buffer);
	const u32 = (...numbers) => Buffer.from(new Uint32Array(numbers).buffer);
	const container = (numbers) => {
		if (runs) {
			const found = [];
			for (const number of numbers)
				if (found.length && found.at(-1)[0] + found.at(-1)[1] + 1 === number) found.at(-1)[1]++;
				else found.push([number, 0]);
			return Buffer.concat([u16(found.length), u16(...found.flat())]);
		}
		if (numbers.length <= 4096) return u16(...numbers);
		const bits = Buffer.alloc(8192);
		for (const number of numbers) bits[number >> 3] |= 1 << (number & 7);
		return bits;
	};
	const containers = keys.map((key) => container(of(key)));
	const flags = Buffer.alloc(Math.ceil(keys.length / 8));
	keys.forEach((_, i) => (flags[i >> 3] |= 1 << (i & 7)));
	const head = runs ? Buffer.concat([u16(12347, keys.length - 1), flags]) : u32(12346, keys.length);
	const descriptions = u16(...keys.flatMap((key) => [key, of(key).length - 1]));
	const parts = [head, descriptions];
	if (!runs || keys.length >= 4) {
		let at = head.length + descriptions.length + 4 * keys.length;
		parts.push(u32(...containers.map((bytes) => (at += bytes.length) - bytes.length)));
	}
	return Buffer.concat([...parts, ...containers]);
}

/// The request's body. A selector is a list of page ids, or bytes.
export function pull_body({ server_revision, client_revision, long_poll_ms, selector, query, encoding, stream_kind } = {}) {
	const fields = [];
	if (encoding !== undefined) fields.push([1, encoding]);
	if (server_revision) fields.push([2, server_revision]);
	if (client_revision) fields.push([3, client_revision]);
	if (long_poll_ms) fields.push([4, long_poll_ms]);
	if (selector) fields.push([5, Array.isArray(selector) ? bitmap(selector) : selector]);
	if (query) fields.push([7, query]);
	if (stream_kind !== undefined) fields.push([8, stream_kind]);
	return message(fields);
}

/// Sends a body (or the fields of one) and takes a 200 apart: {revision, size, pages: Map of id to bytes, ids in order}.
export async function pull(server, label, fields = {}, { token = server.jwt_of.get(label), headers = {} } = {}) {
	const answer = await request(`${server.url}/db/${label}/pull-updates`, {
		method: 'POST',
		body: Buffer.isBuffer(fields) ? fields : pull_body(fields),
		headers: {
			'content-type': 'application/protobuf',
			'accept-encoding': 'application/protobuf',
			...(token ? { authorization: `Bearer ${token}` } : {}),
			...headers,
		},
		agent: server.agent,
	});
	if (answer.status !== 200) return answer;
	const [header, ...rest] = messages(answer.bytes);
	const pages = new Map();
	for (const page of rest) {
		const id = Number(one(page, 1) ?? 0n);
		const bytes = one(page, 2);
		if (pages.has(id)) throw new Error(`page ${id} comes twice`);
		if (bytes.length !== PAGE_BYTES) throw new Error(`page ${id} has ${bytes.length} bytes`);
		pages.set(id, Buffer.from(bytes));
	}
	if (all(header, 3).length !== 1 || all(header, 4).length !== 0) throw new Error('not exactly one encoding, or not raw');
	return { ...answer, header, revision: one(header, 1).toString(), size: Number(one(header, 2) ?? 0n), apply_mode: Number(one(header, 6) ?? 0n), pages, ids: [...pages.keys()] };
}

export class PageReplica {
	constructor(server, label) {
		Object.assign(this, { server, label, revision: undefined, size: 0, pages: new Map() });
	}

	/// Pulls and applies; returns the reply.
	async pull(fields = {}) {
		const reply = await pull(this.server, this.label, { client_revision: this.revision, ...fields });
		if (reply.status === 200) this.apply(reply);
		return reply;
	}

	apply({ revision, size, pages }) {
		for (const [id, bytes] of pages) this.pages.set(id, bytes);
		for (const id of this.pages.keys()) if (id >= size) this.pages.delete(id);
		Object.assign(this, { revision, size });
	}

	/// The file; a page that is missing is an error.
	bytes() {
		const parts = [];
		for (let id = 0; id < this.size; id++) {
			if (!this.pages.has(id)) throw new Error(`page ${id} of ${this.size} is missing`);
			parts.push(this.pages.get(id));
		}
		return Buffer.concat(parts);
	}

	/// What somebody else's sqlite3 says to some SQL on the file.
	ask(sql) {
		const folder = mkdtempSync(path.join(tmpdir(), 'atoll-pages-'));
		try {
			const file = path.join(folder, 'replica.db');
			writeFileSync(file, this.bytes());
			return execFileSync('sqlite3', ['-batch', '-bail', file, sql], { encoding: 'utf8', maxBuffer: 256 << 20 }).trim();
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
	}
}
