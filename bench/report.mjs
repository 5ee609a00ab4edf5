// Numbers into judgements: ratios are taken inside each round and their median counts, so that a machine whose speed
// drifts misleads less.
import { CONNECTIONS } from './load.mjs';
import { machine_facts } from './machine.mjs';

const SELECT_RATIO = 0.35;
const INSERT_RATIO = 5;
const LAG_MS = 50;
const IDLE_MB = 20;
const START_MS = 100;
const GROWTH = 1.5;
const PAGE_MS = 50;
const FAIR_RATIO = 0.7;
const WIRE_RATIO = 1;
const ROWS_MB_S = 200;
const ROWS_RATIO = 0.5;
const STREAM_MB = 16;
const SOCKETS_MB = 400;
const SYNC_RATIO = 1.5;
const FOLLOWED_RATIO = 0.9;
/// A core that others use more than this says little.
export const BUSY = 0.1;

function median(values) {
	const sorted = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
	if (sorted.length === 0) return undefined;
	const middle = sorted.length >> 1;
	return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const number = (value) => {
	if (value === undefined) return '–';
	if (value >= 100) return Math.round(value).toLocaleString('en-US');
	return value.toPrecision(3);
};

const all = (results, name, kind, field) => results[name]?.[kind]?.map((found) => found[field]) ?? [];

function ratios(results, [name, kind], [other, other_kind]) {
	const ours = all(results, name, kind, 'rate');
	const theirs = all(results, other, other_kind, 'rate');
	return ours.slice(0, theirs.length).map((rate, i) => rate / theirs[i]);
}

/// Each line the project promises: what was found, what is wanted, and whether that is met (undefined: not measured).
export function lines_of(results) {
	const line = (text, values, choose, wanted, met, unit = '') => {
		const found = values.length > 0 ? choose(values) : undefined;
		const spread = values.length > 1 ? `${number(Math.min(...values))} … ${number(Math.max(...values))}` : '';
		return {
			text,
			found: found === undefined ? '–' : `${number(found)}${unit}`,
			spread,
			wanted: `${wanted}${unit}`,
			met: found === undefined ? undefined : met(found),
		};
	};
	const most = (values) => Math.max(...values);
	return [
		line(
			'Select by primary key ÷ the bare HTTP library',
			ratios(results, ['atoll', 'select'], ['ceiling', 'select']),
			median,
			`≥ ${SELECT_RATIO}`,
			(found) => found >= SELECT_RATIO,
		),
		line(
			'Durable inserts ÷ in-process loop with synchronous=FULL',
			ratios(results, ['atoll', 'insert'], ['full', 'insert']),
			median,
			`≥ ${INSERT_RATIO}`,
			(found) => found >= INSERT_RATIO,
		),
		line(
			'Durable inserts ÷ PostgreSQL',
			ratios(results, ['atoll', 'insert'], ['postgres', 'insert']),
			median,
			'> 1',
			(found) => found > 1,
		),
		line(
			'Replica behind when the insert load ends, worst round',
			all(results, 'atoll', 'replicated', 'end_lag_ms'),
			most,
			`< ${LAG_MS}`,
			(found) => found < LAG_MS,
			' ms',
		),
		line(
			'Idle server, resident memory, worst round',
			all(results, 'atoll', 'idle', 'mb'),
			most,
			`< ${IDLE_MB}`,
			(found) => found < IDLE_MB,
			' MB',
		),
		line(
			'Start to first answer, existing data',
			all(results, 'atoll', 'start', 'ms'),
			median,
			`< ${START_MS}`,
			(found) => found < START_MS,
			' ms',
		),
		line(
			'Creating the last hundred of 2,000 databases ÷ the first hundred',
			all(results, 'atoll', 'many', 'growth'),
			median,
			`≤ ${GROWTH}`,
			(found) => found <= GROWTH,
		),
		line(
			'Slowest page of 100 when 2,000 databases are listed, worst round',
			all(results, 'atoll', 'many', 'page_ms'),
			most,
			`< ${PAGE_MS}`,
			(found) => found < PAGE_MS,
			' ms',
		),
		...[
			['Selects beside one endless statement on the same database ÷ alone', 'same_1'],
			['Selects beside one endless statement on another database ÷ alone', 'other_1'],
			['Selects beside eight endless statements on the same database ÷ alone', 'same_8'],
			['Selects beside eight endless statements on another database ÷ alone', 'other_8'],
		].map(([text, field]) =>
			line(text, all(results, 'atoll', 'fairness', field), median, `≥ ${FAIR_RATIO}`, (found) => found >= FAIR_RATIO),
		),
		line(
			'Selects by primary key over WebSocket ÷ over HTTP',
			all(results, 'atoll', 'wires', 'ratio'),
			median,
			`≥ ${WIRE_RATIO}`,
			(found) => found >= WIRE_RATIO,
		),
		line(
			'A result of 10,000 rows',
			all(results, 'atoll', 'rows', 'mb_s'),
			median,
			`≥ ${ROWS_MB_S}`,
			(found) => found >= ROWS_MB_S,
			' MB/s',
		),
		line(
			'A result of 10,000 rows ÷ a C loop that writes the same bytes',
			all(results, 'atoll', 'rows', 'ratio'),
			median,
			`≥ ${ROWS_RATIO}`,
			(found) => found >= ROWS_RATIO,
		),
		line(
			'Memory while 1 GB is streamed, above idle, worst round',
			all(results, 'atoll', 'stream', 'mb'),
			most,
			`< ${STREAM_MB}`,
			(found) => found < STREAM_MB,
			' MB',
		),
		line(
			'Memory with 10,000 idle WebSockets, worst round',
			all(results, 'atoll', 'sockets', 'mb'),
			most,
			`< ${SOCKETS_MB}`,
			(found) => found < SOCKETS_MB,
			' MB',
		),
		line(
			'First sync of 1 GB ÷ its export as a file',
			all(results, 'atoll', 'first_sync', 'ratio'),
			median,
			`≤ ${SYNC_RATIO}`,
			(found) => found <= SYNC_RATIO,
		),
		line(
			'Writes beside 1,000 followers ÷ alone, of 200 a second',
			all(results, 'atoll', 'followers', 'ratio'),
			median,
			`≥ ${FOLLOWED_RATIO}`,
			(found) => found >= FOLLOWED_RATIO,
		),
	];
}

/// Whether all lines are met; those that a run with --only or --measure has no numbers for are passed over.
export function judge(lines, options) {
	return lines.every(({ met }) => met ?? options.only.size + options.kinds.size > 0);
}

function table(head, rows, aligned) {
	const line = (cells) => `| ${cells.join(' | ')} |\n`;
	return line(head) + line(aligned.map((right) => (right ? '---:' : '---'))) + rows.map(line).join('');
}

function comparison(results, subjects, kind, title, names) {
	const rows = [];
	for (const [name, own_kind, label] of names) {
		const subject = subjects.find((one) => one.name === name);
		if (!subject) continue;
		if (subject.absent) {
			rows.push([`${label} (${subject.absent})`, 'not available', '', '', '', '']);
			continue;
		}
		const of = (field) => median(all(results, name, own_kind, field));
		const latency = of('p50_ms') ?? of('mean_ms');
		const shown = latency === undefined ? '–' : `${number(latency)}${of('p50_ms') === undefined ? ' (mean)' : ''}`;
		const ratio = results.atoll ? number(median(ratios(results, ['atoll', kind], [name, own_kind]))) : '–';
		rows.push([label, ratio, number(of('rate')), shown, number(of('p99_ms')), number(of('cpu_us'))]);
	}
	const head = ['', 'Atoll ÷ this', 'a second', 'median ms', 'p99 ms', 'server µs of CPU each'];
	return `## ${title}\n\n${table(head, rows, [0, 1, 1, 1, 1, 1])}\n`;
}

export function report({ lines, results, subjects, options, disk }) {
	const verdict = (met) => (met === undefined ? 'not measured' : met ? 'met' : '**not met**');
	const rounds = options.rounds === 1 ? 'one round' : `${options.rounds} rounds in alternating order`;
	let text = '# How fast Atoll is\n\n';
	text += `Written by \`./dev bench\`. Everything below was measured in one run on one machine: servers on core 0, load
on core 1, ${rounds} of ${options.seconds} s each after a warm-up; medians of the rounds. A ratio is taken inside each
round, since both of its sides then had the same machine. Ratios travel to other machines, absolute numbers do not.\n\n`;
	if (median(others(results)) > BUSY)
		text += `**The machine was busy with other work (${percent_of(others(results))} of core 0): measure again on a quiet one.**\n\n`;
	text += table(
		['promise', 'found', 'rounds', 'wanted', ''],
		lines.map(({ text: what, found, spread, wanted, met }) => [what, found, spread, wanted, verdict(met)]),
		[0, 1, 1, 1, 0],
	);
	text += '\n';
	text += comparison(results, subjects, 'select', 'Selects by primary key', [
		['atoll', 'select', '**Atoll**'],
		['ceiling', 'select', 'libmicrohttpd, constant reply of the same bytes'],
		['postgres', 'select', 'PostgreSQL, pgbench prepared'],
		['node', 'select', 'node:http + better-sqlite3'],
		['tursodb', 'select', 'tursodb --sync-server'],
		['sqlite', 'select', "SQLite in one's own process, prepared"],
	]);
	text += comparison(results, subjects, 'insert', 'Single-row inserts, each durable before its answer', [
		['atoll', 'insert', '**Atoll**, primary alone'],
		['atoll', 'replicated', 'Atoll, with one replica on the same core'],
		['postgres', 'insert', 'PostgreSQL, pgbench prepared'],
		['node', 'insert', 'node:http + better-sqlite3'],
		['tursodb', 'insert', 'tursodb --sync-server'],
		['full', 'insert', "SQLite in one's own process, synchronous=FULL"],
	]);
	const of = (kind, field) => number(median(all(results, 'atoll', kind, field)));
	const busy = (name, kind) => percent_of(all(results, name, kind, 'busy'));
	text += `## Replica, memory, start, many databases

* Behind at the end: from the last answer that the load had until the replica answers with the primary's newest row
  (asked by HTTP; the time of asking counts). While the load runs, a row that the primary has just shown is on the replica
  after ${of('replicated', 'lag_median_ms')} ms at the median, ${of('replicated', 'lag_most_ms')} ms at most in a round (the questions queue behind the load).
* Memory: VmRSS of a fresh server on an empty folder, one second after it is ready.
* Start: from starting the process to the first answer to a SELECT, on the folder that the rounds write to.
* Many databases: one after another in one organization, each in a group with an instance of its own, so that a database
  is a folder with files: ${of('many', 'first_ms')} ms each at first, ${of('many', 'last_ms')} ms at last. A page of the list takes ${of('many', 'page_median_ms')} ms at the
  median.

* Fairness: clients that each run a recursive query without an end, and the selects' load beside them or alone in turns
  of a second; a ratio is taken of neighbouring windows.
* The wire: \`wire_load\` asks for the same selects over HTTP (${of('wires', 'http')} a second, ${of('wires', 'http_cpu_us')} µs of the server's CPU each) and over
  WebSocket (${of('wires', 'rate')} a second, ${of('wires', 'cpu_us')} µs), ${CONNECTIONS} connections with one request under way on each, in turns. The C loop and
  the server each have the same core, in turns; the loop's rows are compared with the server's byte by byte. A stream is
  a cursor over HTTP that is read as fast as node can. Idle WebSockets have had their hello answered.

* Replicas in clients' processes: a first sync is the reply of \`Snapshot\`, beside the file that the Platform API exports, read by
  the same program in turns. Followers ask for news once a second (\`Hello\`, \`BatchLogEntries\`) and have all there was before; a single
  client writes a row each 5 ms meanwhile (${of('followers', 'alone_ms')} ms at the median alone, ${of('followers', 'median_ms')} ms beside them, ${of('followers', 'mb_s')} MB/s sent).

## How it is measured

* Load: wrk, ${CONNECTIONS} connections that stay open, 1 thread, requests prepared beforehand with random keys out of 100,000 rows;
  the ceiling gets the same bytes and sends the same bytes. PostgreSQL: pgbench with ${CONNECTIONS} clients, 1 thread, prepared
  statements, over a Unix socket, Debian's settings (fsync and synchronous_commit on).
* Every answer must have status 200; before a load the reply is checked to hold the right row; after an insert load the
  primary (and the replica) must hold every acknowledged row.
* node answers the same pipeline with prepared statements, WAL and synchronous=FULL. tursodb knows no \`close\` in a pipeline
  and closes each connection after its answer, so it is asked without and pays for a connection each time.
* Core 0 spent ${percent_of(others(results))} on other processes while Atoll and the ceiling were measured, ${percent_of(stolen(results))} was taken by the
  machine's host. Atoll itself used ${busy('atoll', 'select')} of it for selects and ${busy('atoll', 'insert')} for inserts, the ceiling ${busy('ceiling', 'select')}.

`;
	const facts = machine_facts(disk);
	for (const { version } of subjects) if (version) facts.push(['Peer', version]);
	facts.push(['Date', new Date().toISOString().slice(0, 10)]);
	text += table(['machine', ''], facts, [0, 0]);
	return text;
}

function percent_of(values) {
	const found = median(values);
	return found === undefined ? '–' : `${Math.round(found * 100)} %`;
}

const of_all = (field) => (results) =>
	[
		['atoll', 'select'],
		['atoll', 'insert'],
		['ceiling', 'select'],
	].flatMap(([name, kind]) => all(results, name, kind, field));
const others = of_all('others');
const stolen = of_all('stolen');
