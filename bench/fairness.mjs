// What point selects lose while others run statements that never end: windows with and without such neighbours take
// turns in one run, so that each ratio is of two neighbouring windows on the same machine.
import http from 'node:http';
import { burst } from './load.mjs';

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

/// The rate of selects at each place while `count` statements run at the first of them.
async function rates(places, count) {
	const neighbours = begin_endless(Object.values(places)[0], count);
	await sleep(SETTLE_MS);
	const found = {};
	for (const [name, target] of Object.entries(places)) {
		const { requests, us } = await burst(target, 'select', WINDOW_S);
		found[name] = requests / (us / 1e6);
	}
	if (!neighbours.stop()) throw new Error('a statement that never ends has ended');
	await sleep(SETTLE_MS);
	return found;
}

function median(values) {
	return values.sort((a, b) => a - b)[values.length >> 1];
}

/// `places`: same and other, databases with the table of the selects. For each number of neighbours and each place the
/// median of the ratios, and the worst of them.
export async function fairness(places, neighbour_counts, pairs) {
	for (const target of Object.values(places)) await burst(target, 'select', WINDOW_S);
	const ratios = {};
	for (let pair = 0; pair < pairs; pair++) {
		const alone = await rates(places, 0);
		for (const count of neighbour_counts) {
			const beside = await rates(places, count);
			for (const name of Object.keys(places)) (ratios[`${name}_${count}`] ??= []).push(beside[name] / alone[name]);
		}
	}
	return Object.fromEntries(Object.entries(ratios).map(([name, values]) => [name, median(values)]));
}
