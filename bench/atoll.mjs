// Atoll itself: one primary with the table of the selects, one primary alone for inserts, one with a replica.
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { label_of, startServer } from '../test/lib/server.mjs';
import { fill, first_sync, followers } from './embedded.mjs';
import { fairness } from './fairness.mjs';
import { check_select, fill_statements, load, pipeline, scalar, schema } from './load.mjs';
import { rss_mb } from './process.mjs';
import { compare_wires, idle_sockets, large_rows, stream_memory } from './wires.mjs';

const CATCH_UP_MS = 30_000;
const on_server_core = fileURLToPath(new URL('on_server_core', import.meta.url));
const SAMPLE_EVERY_MS = 50;
const IDLE_MS = 1000;
const MANY = 2000;
const HUNDRED = 100;
const IDLE_SOCKETS = 10_000;
const SYNCED_MB = 1000;
const ENDLESS = [1, 8];

const now_ns = () => process.hrtime.bigint();
const ms_between = (from_ns, to_ns) => Number(to_ns - from_ns) / 1e6;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/// How long a row that the primary has shown takes until the replica shows it, sampled while the load runs. The
/// times are those of whole HTTP requests that queue beside the load's, so they are upper bounds.
async function sample_lag(primary, replica, is_over) {
	const samples = [];
	const newest = 'SELECT max(id) FROM entry';
	while (!is_over()) {
		const wanted = await scalar(primary, newest);
		const seen_ns = now_ns();
		while ((await scalar(replica, newest)) < wanted) {
			if (ms_between(seen_ns, now_ns()) > CATCH_UP_MS) throw new Error('the replica does not follow');
		}
		samples.push(ms_between(seen_ns, now_ns()));
		await sleep(SAMPLE_EVERY_MS);
	}
	return samples.sort((a, b) => a - b);
}

/// From the last answer that the load had until the replica shows all that the primary has; a poll's own time counts.
async function lag_at_end(primary, replica, end_ns) {
	const newest = 'SELECT max(id) FROM entry';
	let found = await scalar(replica, newest);
	let seen_ns = now_ns();
	const wanted = await scalar(primary, newest);
	while (found < wanted) {
		found = await scalar(replica, newest);
		seen_ns = now_ns();
		if (ms_between(end_ns, seen_ns) > CATCH_UP_MS) throw new Error('the replica does not catch up');
	}
	return ms_between(end_ns, seen_ns);
}

/// A server that must hold exactly what it has acknowledged, and may hold the last request of each connection.
async function check_count(target, before, answered, connections) {
	const rows = (await scalar(target, 'SELECT count(*) FROM entry')) - before;
	// The warm-up and the run each end with requests under way.
	if (rows < answered || rows > answered + 2 * connections)
		throw new Error(`${answered} inserts were acknowledged, ${rows} rows are there`);
}

/// Databases with an instance each, made one after another in one organization, then listed in pages.
async function make_many(server) {
	const base = `/v1/organizations/${server.organization}`;
	const must = async (method, pathname, body) => {
		const answer = await server.api(method, pathname, body);
		if (answer.status !== 200) throw new Error(`${method} ${pathname}: ${answer.status} ${answer.text}`);
		return answer.json;
	};
	await must('POST', `${base}/groups`, { name: 'many', location: 'ord' });
	const times = [];
	for (let i = 0; i < MANY; i++) {
		const begun_ns = now_ns();
		await must('POST', `${base}/databases`, { name: `db-${String(i).padStart(6, '0')}`, group: 'many' });
		times.push(ms_between(begun_ns, now_ns()));
	}
	const sum = (list) => list.reduce((a, b) => a + b, 0);
	const pages = [];
	let listed = 0;
	for (let cursor = ''; cursor !== null; ) {
		const begun_ns = now_ns();
		const page = await must('GET', `${base}/databases?limit=${HUNDRED}&cursor=${encodeURIComponent(cursor)}`);
		pages.push(ms_between(begun_ns, now_ns()));
		listed += page.databases.length;
		cursor = page.pagination?.next ?? null;
	}
	if (listed !== MANY) throw new Error(`${MANY} databases were made, ${listed} are listed`);
	const first = sum(times.slice(0, HUNDRED));
	const last = sum(times.slice(-HUNDRED));
	return { first_ms: first / HUNDRED, last_ms: last / HUNDRED, growth: last / first, page_ms: Math.max(...pages), page_median_ms: pages.sort((a, b) => a - b)[pages.length >> 1] };
}

export function atoll(place, connections) {
	const { build, work, like } = place;
	const binary = path.resolve(process.env.ATOLLD ?? path.join(build, 'atolld'));
	if (!existsSync(binary)) return { name: 'atoll', absent: 'build/atolld is not built' };
	const data = path.join(work, 'atoll');
	const places = {};
	const starts = [];

	const start = (folder) => startServer({ binary: on_server_core, env: { BENCH_PROGRAM: binary }, data: folder });

	async function create() {
		const server = await start(data);
		try {
			for (const [name, locations] of [
				['read', ['ord']],
				['other', ['ord']],
				['write', ['ord']],
				['pair', ['ord', 'nrt']],
			]) {
				const db = await server.createDatabase(name, locations);
				const address = (label) => ({ path: `/db/${label}/v2/pipeline`, token: db.jwt });
				places[name] = {
					primary: address(label_of(db.hostname)),
					instances: db.instances.map(({ label }) => address(label)),
				};
				const target = { port: server.port, ...places[name].primary };
				for (const statement of schema) await pipeline(target, statement);
			}
			const target = { port: server.port, ...places.read.primary };
			const other = { port: server.port, ...places.other.primary };
			for (const statement of fill_statements()) {
				await pipeline(target, statement);
				await pipeline(other, statement);
			}
			Object.assign(like, places.read.primary, { reply: await check_select(target) });
		} finally {
			await server.stop();
		}
	}

	/// Starts on the existing data, up to the first answer to a select, and runs `work_on` with a way to address it.
	async function with_server(work_on) {
		const started_ns = now_ns();
		const server = await start(data);
		try {
			await pipeline({ port: server.port, ...places.read.primary }, 'SELECT 1');
			starts.push(ms_between(started_ns, now_ns()));
			return await work_on((address) => ({ port: server.port, pid: server.pid, ...address }), server);
		} finally {
			await server.stop();
		}
	}

	const measures = {
		select: (seconds) =>
			with_server(async (at) => {
				const target = at(places.read.primary);
				await check_select(target);
				return load(target, 'select', seconds);
			}),
		insert: (seconds) =>
			with_server(async (at) => {
				const target = at(places.write.primary);
				const before = await scalar(target, 'SELECT count(*) FROM entry');
				const found = await load(target, 'insert', seconds);
				await check_count(target, before, found.answered, connections);
				return found;
			}),
		replicated: (seconds) =>
			with_server(async (at) => {
				const [primary, replica] = places.pair.instances.map(at);
				const before = await scalar(primary, 'SELECT count(*) FROM entry');
				let over = false;
				const sampling = sample_lag(primary, replica, () => over);
				const found = await load(primary, 'insert', seconds).finally(() => (over = true));
				const end_lag_ms = await lag_at_end(primary, replica, found.end_ns);
				const samples = await sampling;
				await check_count(primary, before, found.answered, connections);
				await check_count(replica, before, found.answered, connections);
				return { ...found, end_lag_ms, lag_median_ms: samples[samples.length >> 1], lag_most_ms: samples.at(-1) };
			}),
		fairness: (seconds) =>
			with_server(async (at) => {
				const same = at(places.read.primary);
				const other = at(places.other.primary);
				await check_select(same);
				await check_select(other);
				return fairness({ same, other }, ENDLESS, seconds);
			}),
		wires: (seconds) =>
			with_server(async (at) => {
				const target = at(places.read.primary);
				await check_select(target);
				return compare_wires(place, target, seconds);
			}),
		rows: (seconds) => with_server((at) => large_rows(place, at(places.read.primary), seconds)),
		stream: () => with_server((at) => stream_memory(at(places.read.primary))),
		sockets: () => with_server((at) => idle_sockets(place, at(places.read.primary), IDLE_SOCKETS)),
		followers: (seconds) => with_server((at) => followers(place, at(places.write.primary), seconds)),
		first_sync: async () => {
			const folder = path.join(work, `large-${starts.length}`);
			const server = await start(folder);
			try {
				const db = await server.createDatabase('large', ['ord']);
				const target = { port: server.port, pid: server.pid, path: `/db/${label_of(db.hostname)}/v2/pipeline`, token: db.jwt };
				await fill(target, SYNCED_MB);
				return await first_sync(target, { path: `${db.path}/export`, headers: { authorization: `Bearer ${server.token}` } });
			} finally {
				await server.stop();
				rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
			}
		},
		start: async () => {
			await with_server(async () => {});
			return { ms: starts.at(-1) };
		},
		many: async () => {
			const folder = path.join(work, `many-${starts.length}`);
			const server = await start(folder);
			try {
				return await make_many(server);
			} finally {
				await server.stop();
				rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
			}
		},
		idle: async () => {
			const folder = path.join(work, `idle-${starts.length}`);
			const server = await start(folder);
			try {
				await sleep(IDLE_MS);
				return { mb: rss_mb(server.pid) };
			} finally {
				await server.stop();
			}
		},
	};
	return { name: 'atoll', create, measures };
}
