// The wire: WebSocket beside HTTP, large results beside a C loop, and what streams and idle WebSockets keep in memory.
import http from 'node:http';
import path from 'node:path';
import { writeFileSync } from 'node:fs';
import { CONNECTIONS, select_sql } from './load.mjs';
import { LOAD_CORE, SERVER_CORE, cpu_s, rss_mb, run, start_server, stop_server } from './process.mjs';

const ROWS = 10_000;
const ROWS_SQL = `SELECT id, name, value FROM item LIMIT ${ROWS}`;
const ROWS_CONNECTIONS = 2;
const STREAM_BYTES = 1e9;
const STREAM_ROW = 10_000;
const SAMPLE_MS = 20;
const SETTLE_MS = 1000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const key_argument = [{ type: 'integer', value: '%KEY%' }];

function write_message(work, name, message) {
	const file = path.join(work, `${name}.json`);
	writeFileSync(file, JSON.stringify(message));
	return file;
}

const database_path = ({ path: where }) => where.replace(/v2\/pipeline$/, '');

async function wire_load({ built }, mode, target, connections, seconds, file) {
	const before = cpu_s(target.pid);
	const where = mode === 'ws' ? database_path(target) : target.path;
	const out = await run(LOAD_CORE, [path.join(built, 'wire_load'), mode, target.port, where, target.token, connections, seconds, file].map(String));
	const found = JSON.parse(out);
	return { rate: found.requests / (found.us / 1e6), mb_s: found.bytes / found.us, cpu_us: ((cpu_s(target.pid) - before) * 1e6) / found.requests };
}

/// Point selects over HTTP and over WebSocket, in turns, by the same client.
export async function compare_wires(place, target, seconds) {
	const files = {
		http: write_message(place.work, 'select-http', {
			requests: [{ type: 'execute', stmt: { sql: select_sql, args: key_argument } }, { type: 'close' }],
		}),
		ws: write_message(place.work, 'select-ws', {
			type: 'request',
			request_id: 2,
			request: { type: 'execute', stream_id: 1, stmt: { sql: select_sql, args: key_argument } },
		}),
	};
	const found = { http: [], ws: [] };
	for (const mode of ['http', 'ws', 'ws', 'http']) found[mode].push(await wire_load(place, mode, target, CONNECTIONS, seconds / 2, files[mode]));
	const mean = (mode, field) => (found[mode][0][field] + found[mode][1][field]) / 2;
	return {
		http: mean('http', 'rate'),
		rate: mean('ws', 'rate'),
		ratio: mean('ws', 'rate') / mean('http', 'rate'),
		http_cpu_us: mean('http', 'cpu_us'),
		cpu_us: mean('ws', 'cpu_us'),
	};
}

/// A result of many rows, beside a loop that writes the same bytes: both on the server's core, in turns.
export async function large_rows(place, target, seconds) {
	const loop = [path.join(place.built, 'rows_loop'), path.join(place.work, 'rows.db')];
	const wanted = await run(SERVER_CORE, [...loop, '0'], { kept: Infinity });
	const body = { requests: [{ type: 'execute', stmt: { sql: ROWS_SQL } }, { type: 'close' }] };
	const answer = await fetch(`http://127.0.0.1:${target.port}${target.path}`, {
		method: 'POST',
		headers: { authorization: `Bearer ${target.token}`, 'accept-encoding': 'identity' },
		body: JSON.stringify(body),
	});
	const text = await answer.text();
	if (!text.includes(`"rows":${wanted},`)) throw new Error('the loop writes other rows than the server');
	const file = write_message(place.work, 'rows', body);
	const ours = [];
	const theirs = [];
	for (let turn = 0; turn < 2; turn++) {
		ours.push((await wire_load(place, 'http', target, ROWS_CONNECTIONS, seconds / 2, file)).mb_s);
		theirs.push(Number(await run(SERVER_CORE, [...loop, String(seconds / 2)])));
	}
	const mean = ([a, b]) => (a + b) / 2;
	return { mb_s: mean(ours), loop_mb_s: mean(theirs), ratio: mean(ours) / mean(theirs) };
}

/// The most that the server has in memory while it sends a gigabyte by a cursor, above what it had before.
export async function stream_memory(target) {
	const sql = `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${STREAM_BYTES / STREAM_ROW}) SELECT i, printf('%.*c', ${STREAM_ROW}, 'x') FROM c`;
	await sleep(SETTLE_MS);
	const before = rss_mb(target.pid);
	let most = before;
	const sampling = setInterval(() => (most = Math.max(most, rss_mb(target.pid))), SAMPLE_MS);
	try {
		const bytes = await new Promise((resolve, reject) => {
			const call = http.request(
				{ port: target.port, path: `${database_path(target)}v3/cursor`, method: 'POST', headers: { authorization: `Bearer ${target.token}` } },
				(response) => {
					let bytes = 0;
					response.on('data', (chunk) => (bytes += chunk.length));
					response.on('end', () => resolve(bytes));
					response.on('error', reject);
				},
			);
			call.on('error', reject);
			call.end(JSON.stringify({ batch: { steps: [{ stmt: { sql } }] } }));
		});
		if (bytes < STREAM_BYTES) throw new Error(`only ${bytes} bytes came`);
		return { mb: most - before, bytes };
	} finally {
		clearInterval(sampling);
	}
}

/// What a server has in memory that holds so many WebSockets, each with its hello answered.
export async function idle_sockets({ built }, target, count) {
	const argv = [path.join(built, 'wire_load'), 'idle', target.port, database_path(target), target.token, count].map(String);
	const holder = await start_server(argv, ({ out }) => out.includes('ready'), { core: LOAD_CORE, stdio: ['pipe', 'pipe', 'pipe'] });
	try {
		await sleep(SETTLE_MS);
		return { mb: rss_mb(target.pid) };
	} finally {
		await stop_server(holder);
	}
}
