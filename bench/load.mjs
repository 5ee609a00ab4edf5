// The load on an HTTP server: wrk with load.lua, 32 connections that stay open, one thread.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOAD_CORE, core_s, cpu_s, run } from './process.mjs';

export const CONNECTIONS = 32;
export const FIRST_KEY = 100_000;
export const KEY_COUNT = 100_000;
const script = fileURLToPath(new URL('load.lua', import.meta.url));
const WARM_UP_S = 1;

/// Runs the load for some seconds; any answer but 200 is an error.
export async function burst(target, kind, seconds) {
	const { port, path: where = '/v2/pipeline', token = 'none', close = true } = target;
	const out = await run(LOAD_CORE, [
		'wrk',
		'-t1',
		`-c${CONNECTIONS}`,
		`-d${seconds}s`,
		'--timeout',
		'5s',
		'-s',
		script,
		`http://127.0.0.1:${port}`,
		'--',
		kind,
		where,
		token,
		close ? 'close' : 'open',
	]);
	const found = JSON.parse(out.trim().split('\n').at(-1));
	if (found.refused > 0 || found.broken > 0)
		throw new Error(
			`${found.refused} refused and ${found.broken} broken of ${found.requests} requests: ${kind} ${where}`,
		);
	return found;
}

/// Runs the load for some seconds after a warm-up. `answered` counts both.
export async function load(target, kind, seconds) {
	const warm = await burst(target, kind, WARM_UP_S);
	const before = { own: cpu_s(target.pid), core: core_s(), at: process.hrtime.bigint() };
	const found = await burst(target, kind, seconds);
	const elapsed_s = Number(process.hrtime.bigint() - before.at) / 1e9;
	const after = { own: cpu_s(target.pid), core: core_s() };
	const own_s = after.own - before.own;
	return {
		rate: found.requests / (found.us / 1e6),
		p50_ms: found.p50_us / 1000,
		p99_ms: found.p99_us / 1000,
		answered: warm.requests + found.requests,
		end_ns: BigInt(found.end_ns),
		cpu_us: (own_s * 1e6) / found.requests,
		busy: own_s / elapsed_s,
		others: Math.max(0, after.core.busy - before.core.busy - own_s) / elapsed_s,
		stolen: (after.core.stolen - before.core.stolen) / elapsed_s,
	};
}

export const select_sql = 'SELECT id, name, value FROM item WHERE id = ?';
export const insert_sql = 'INSERT INTO entry (name, value) VALUES (?, ?)';
export const schema = ['item', 'entry'].map(
	(table) => `CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL)`,
);

/// INSERT statements that fill `item`, 500 rows each.
export function* fill_statements() {
	for (let first = FIRST_KEY; first < FIRST_KEY + KEY_COUNT; first += 500) {
		const rows = Array.from({ length: 500 }, (_, i) => `(${first + i},'item number ${first + i}',${(first + i) * 7})`);
		yield `INSERT INTO item VALUES ${rows.join(',')}`;
	}
}

/// Sends statements to a server that takes pipelines, in one request; gives the results. Any failure is an error.
export async function pipeline({ port, path: where = '/v2/pipeline', token = 'none', close = true }, ...statements) {
	const requests = statements.map((stmt) => ({
		type: 'execute',
		stmt: typeof stmt === 'string' ? { sql: stmt } : stmt,
	}));
	if (close) requests.push({ type: 'close' });
	const answer = await fetch(`http://127.0.0.1:${port}${where}`, {
		method: 'POST',
		headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
		body: JSON.stringify({ requests }),
	});
	const text = await answer.text();
	if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
	const { results } = JSON.parse(text);
	const bad = results.find(({ type }) => type !== 'ok');
	if (bad) throw new Error(`${statements[0].sql ?? statements[0]}: ${JSON.stringify(bad.error)}`);
	return { text, results: results.slice(0, statements.length).map(({ response }) => response.result) };
}

/// Makes sure that the right row comes before anything is measured; gives the reply's text.
export async function check_select(target) {
	const key = FIRST_KEY + 4711;
	const { text, results } = await pipeline(target, {
		sql: select_sql,
		args: [{ type: 'integer', value: String(key) }],
	});
	const row = results[0].rows[0].map(({ value }) => String(value)).join();
	if (row !== `${key},item number ${key},${key * 7}`) throw new Error(`wrong row: ${row}`);
	return text;
}

export async function scalar(target, sql) {
	return Number((await pipeline(target, sql)).results[0].rows[0][0].value ?? 0);
}
