// Replicas in clients' processes: a first sync beside a copy of the same bytes, and what writes lose to many followers.
import http from 'node:http';
import path from 'node:path';
import { pipeline } from './load.mjs';
import { LOAD_CORE, cpu_s, run } from './process.mjs';

const FOLLOWERS = 1000;
const WRITES_A_SECOND = 200;
const FILL_ROWS = 13_000;
const FILL_MB = 50; // a statement's

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const database_path = ({ path: where }) => where.replace(/v2\/pipeline$/, '');

/// Reads a whole reply and counts its bytes.
function read_all(port, where, { method = 'GET', headers, body }) {
	const begun_ns = process.hrtime.bigint();
	return new Promise((resolve, reject) => {
		const call = http.request({ port, path: where, method, headers, agent: false }, (response) => {
			let bytes = 0;
			const answered_ns = process.hrtime.bigint();
			const kept = [];
			response.on('data', (chunk) => {
				if (bytes < 4096) kept.push(chunk);
				bytes += chunk.length;
			});
			response.on('end', () => resolve({ status: response.statusCode, bytes, seconds: Number(process.hrtime.bigint() - begun_ns) / 1e9, sending_s: Number(process.hrtime.bigint() - answered_ns) / 1e9, head: Buffer.concat(kept) }));
			response.on('error', reject);
		});
		call.on('error', reject);
		call.end(body);
	});
}

const no_message = Buffer.alloc(5);
const greeting = Buffer.from([0, 0, 0, 0, 2, 8, 1]);

async function call_grpc(target, method, body, session = '') {
	const answer = await read_all(target.port, `${database_path(target)}wal_log.ReplicationLog/${method}`, {
		method: 'POST',
		headers: { 'x-authorization': `Bearer ${target.token}`, 'content-type': 'application/grpc-web', 'x-session-token': session },
		body,
	});
	if (answer.status !== 200) throw new Error(`${method}: ${answer.status}`);
	return answer;
}

/// Field 4 of the answer to Hello, 36 characters.
function session_of({ head }) {
	const at = head.indexOf(Buffer.from([0x22, 36]));
	return head.subarray(at + 2, at + 38).toString('latin1');
}

export async function fill(target, megabytes) {
	await pipeline(target, 'CREATE TABLE blobs (id INTEGER PRIMARY KEY, b)');
	for (let done = 0; done < megabytes; done += FILL_MB)
		await pipeline(target, `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${FILL_ROWS}) INSERT INTO blobs(b) SELECT randomblob(3800) FROM c`);
}

/// A snapshot by the replication protocol ÷ the export of the database as a file, by the same server, in turns.
export async function first_sync(target, file) {
	const session = session_of(await call_grpc(target, 'Hello', greeting));
	const times = { file: [], sync: [] };
	for (const what of ['file', 'sync', 'sync', 'file']) {
		const answer = what === 'file' ? await read_all(target.port, file.path, { headers: file.headers }) : await call_grpc(target, 'Snapshot', no_message, session);
		if (answer.bytes < 1e6) throw new Error(`${what}: only ${answer.bytes} bytes came`);
		// The file is made before it is sent: its sending alone is the measure.
		times[what].push(what === 'file' ? answer.sending_s : answer.seconds);
	}
	const sum = ([a, b]) => a + b;
	return { ratio: sum(times.sync) / sum(times.file), sync_s: sum(times.sync) / 2, file_s: sum(times.file) / 2 };
}

/// Writes at a fixed pace, one after another; how many a second come through, and their time.
async function write_for(target, seconds) {
	const begun = Date.now();
	const times = [];
	while (Date.now() < begun + seconds * 1000) {
		const due = begun + (times.length * 1000) / WRITES_A_SECOND;
		if (due > Date.now()) await sleep(due - Date.now());
		const sent_ns = process.hrtime.bigint();
		await pipeline(target, { sql: 'INSERT INTO entry (name, value) VALUES (?, 1)', args: [{ type: 'text', value: `entry ${times.length}` }] });
		times.push(Number(process.hrtime.bigint() - sent_ns) / 1e6);
	}
	times.sort((a, b) => a - b);
	return { rate: times.length / ((Date.now() - begun) / 1000), median_ms: times[times.length >> 1] };
}

/// The rate of paced writes beside many replicas that ask for news each second ÷ the rate alone.
export async function followers({ built }, target, seconds) {
	const alone = await write_for(target, seconds);
	const before = cpu_s(target.pid);
	const argv = [path.join(built, 'wire_load'), 'follow', target.port, database_path(target), target.token, FOLLOWERS, seconds + 2].map(String);
	const following = run(LOAD_CORE, argv);
	await sleep(1000);
	const beside = await write_for(target, seconds);
	const found = JSON.parse(await following);
	if (found.requests < FOLLOWERS) throw new Error(`only ${found.requests} syncs were answered`);
	return {
		ratio: beside.rate / alone.rate,
		alone: alone.rate,
		rate: beside.rate,
		alone_ms: alone.median_ms,
		median_ms: beside.median_ms,
		syncs: found.requests / (found.us / 1e6),
		mb_s: found.bytes / found.us,
		cpu: (cpu_s(target.pid) - before) / (found.us / 1e6),
	};
}
