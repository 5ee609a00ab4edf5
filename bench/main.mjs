// The benchmark: every subject is measured in turn, in several rounds whose order alternates, in this one run.
// Ends with 1 when a line of the report is not met.
import { mkdtempSync, rmSync, chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { atoll } from './atoll.mjs';
import { ceiling, full, sqlite } from './limits.mjs';
import { CONNECTIONS } from './load.mjs';
import { file_system_of } from './machine.mjs';
import { node, postgres, tursodb } from './peers.mjs';
import { quiet } from './process.mjs';
import { BUSY, judge, lines_of, report } from './report.mjs';

const TRIES = 2;
const kinds = ['select', 'insert', 'replicated', 'start', 'idle', 'many', 'fairness', 'wires', 'rows', 'stream', 'sockets', 'followers', 'first_sync'];
const usage = `bench/run [--quick] [--only NAME]… [--measure KIND]… [--wait SECONDS]
  --quick         one round of 3 s instead of three of 5 s; prints, writes no file
  --only NAME     measures only ceiling, full, atoll, postgres, node, tursodb or sqlite; prints, writes no file
  --measure KIND  only select, insert, replicated, start, idle, many, fairness, wires, rows, stream, sockets, followers or first_sync; prints, writes no file
  --wait SECONDS  how long at most each measurement waits for a quiet machine (10)`;

function options_of(args) {
	const options = { rounds: 3, seconds: 5, only: new Set(), kinds: new Set(), wait_s: 10, writes: true };
	for (let i = 0; i < args.length; i++) {
		if (args[i] === '--quick') Object.assign(options, { rounds: 1, seconds: 3, writes: false });
		else if (args[i] === '--wait' && Number(args[i + 1]) >= 0) options.wait_s = Number(args[++i]);
		else if (args[i] === '--only' && i + 1 < args.length) {
			options.only.add(args[++i]);
			options.writes = false;
		} else if (args[i] === '--measure' && kinds.includes(args[i + 1])) {
			options.kinds.add(args[++i]);
			options.writes = false;
		} else {
			console.error(usage);
			process.exit(2);
		}
	}
	return options;
}

const makers = { ceiling, full, atoll, postgres, node, tursodb, sqlite };

/// The data must lie on a real disk, or nothing that is said of durable rows would be true.
function work_folder() {
	const folder = mkdtempSync(path.join(process.env.TMPDIR ?? '/var/tmp', 'atoll-bench-'));
	chmodSync(folder, 0o711);
	process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
	const kind = file_system_of(folder);
	if (kind === 'tmpfs' || kind === 'ramfs')
		throw new Error(`the temporary folder is on ${kind}: set TMPDIR to a folder on a disk`);
	return { folder, kind };
}

const options = options_of(process.argv.slice(2));
for (const name of options.only) {
	if (makers[name]) continue;
	console.error(usage);
	process.exit(2);
}
const build = fileURLToPath(new URL('../build', import.meta.url));
const work = work_folder();
const place = {
	build,
	built: path.join(build, 'bench'),
	work: work.folder,
	// Replaced by what Atoll answers, where it is measured.
	like: {
		reply: `{"baton":null,"results":["${'x'.repeat(360)}"]}`,
		path: '/db/read-default/v2/pipeline',
		token: 'x'.repeat(200),
	},
};
const subjects = Object.entries(makers)
	.filter(([name]) => options.only.size === 0 || options.only.has(name))
	.map(([, make]) => make(place, CONNECTIONS));
const results = {};

const say = (text) => process.stderr.write(`${text}\n`);
const shown = (found) =>
	Object.entries(found)
		.filter(([, value]) => typeof value === 'number')
		.map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
		.join('  ');

/// What other processes do to a measurement is seen, where it can be, and is a reason to repeat it; its result is not.
async function undisturbed(measure) {
	for (let tries = 1; ; tries++) {
		await quiet(options.wait_s);
		const found = await measure(options.seconds);
		if (!(found.others > BUSY) || tries === TRIES) return found;
	}
}

for (const { name, absent, create } of subjects) {
	if (absent) say(`${name}: not available: ${absent}`);
	await create?.();
}
for (let round = 0; round < options.rounds; round++) {
	// What is compared is measured close together in time.
	const wanted = kinds.filter((kind) => options.kinds.size === 0 || options.kinds.has(kind));
	const tasks = wanted.flatMap((kind) =>
		subjects
			.filter(({ measures }) => measures?.[kind])
			.map(({ name, measures }) => ({ name, kind, measure: measures[kind] })),
	);
	if (round % 2 === 1) tasks.reverse();
	for (const { name, kind, measure } of tasks) {
		const found = await undisturbed(measure);
		((results[name] ??= {})[kind] ??= []).push(found);
		say(`round ${round + 1}  ${`${name} ${kind}`.padEnd(18)}  ${shown(found)}`);
	}
}

const lines = lines_of(results);
const text = report({ lines, results, subjects, options, disk: work.kind });
if (options.writes) writeFileSync(new URL('RESULTS.md', import.meta.url), text);
process.stdout.write(text);
process.exitCode = judge(lines, options) ? 0 : 1;
