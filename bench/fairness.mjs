// What point selects lose while others run statements that never end: windows with and without such neighbours take
// turns in one run, so that each ratio is of two neighbouring windows on the same machine.
import http from 'node:http';
import { burst } from './load.mjs';
import { core_s, cpu_s } from './process.mjs';

const WINDOW_S = 1;
const SETTLE_MS = 200;
const endless = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/// Begins endless statements, each on a connection of its own; `stop` says whether all still ran, and hangs up.
function begin_endless({ port, path: where, token }, count) {
	const body = JSON.stringify({ requests: [{ type: 'execute', stmt: { sql: endless } }, { type: 'close' }] });
	let running = count;
	const calls = Array.from({ length: count }, () => {
		const call = http.request({
			port,
			path: where,
			method: 'POST',
			agent: false,
			headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
		});
		call.on('response', () => running--);
		call.on('error', () => running--); // our own hanging up, or the server's
		call.end(body);
		return call;
	});
	return {
		stop() {
			const all_ran = running === count;
			for (const call of calls) call.destroy();
			return all_ran;
		},
	};
}

async function rate(target) {
	const { requests, us } = await burst(target, 'select', WINDOW_S);
	return requests / (us / 1e6);
}

/// The rate of selects at one place beside `count` statements at the other, and alone, right before or after.
async function ratio(target, neighbours_at, count, alone_first) {
	let alone = alone_first ? await rate(target) : 0;
	const neighbours = begin_endless(neighbours_at, count);
	await sleep(SETTLE_MS);
	const beside = await rate(target);
	if (!neighbours.stop()) throw new Error('a statement that never ends has ended');
	await sleep(SETTLE_MS);
	if (!alone_first) alone = await rate(target);
	return beside / alone;
}

function median(values) {
	return values.sort((a, b) => a - b)[values.length >> 1];
}

/// `places`: same and other, databases with the table of the selects; the neighbours run at the first. For each place
/// and number of neighbours the median of the ratios of some pairs of windows, and what others took of the server's core.
export async function fairness(places, neighbour_counts, pairs) {
	for (const target of Object.values(places)) await burst(target, 'select', WINDOW_S);
	const { same } = places;
	const ratios = {};
	const before = { own: cpu_s(same.pid), busy: core_s().busy, at: performance.now() };
	for (let pair = 0; pair < pairs; pair++)
		for (const count of neighbour_counts)
			for (const [name, target] of Object.entries(places))
				(ratios[`${name}_${count}`] ??= []).push(await ratio(target, same, count, pair % 2 === 0));
	const elapsed_s = (performance.now() - before.at) / 1000;
	const others = (core_s().busy - before.busy - (cpu_s(same.pid) - before.own)) / elapsed_s;
	const found = Object.entries(ratios).map(([name, values]) => [name, median(values)]);
	return { ...Object.fromEntries(found), others: Math.max(0, others) };
}
