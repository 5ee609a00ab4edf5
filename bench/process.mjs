// Processes of the benchmark: each server on core 0, each load generator on core 1, all stopped at the end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

export const SERVER_CORE = '0';
export const LOAD_CORE = '1';
const STOP_MS = 30_000;
const TICKS_A_SECOND = 100;
const QUIET_MS = 500;
const QUIET_SHARE = 0.9;

const running = new Set();
process.on('exit', () => {
	for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

export async function free_port() {
	const listener = createServer().listen(0, '127.0.0.1');
	await once(listener, 'listening');
	const { port } = listener.address();
	listener.close();
	await once(listener, 'close');
	return port;
}

const KEPT = 65536;

function pinned(core, argv, { kept = KEPT, ...options } = {}) {
	const [command, ...args] = ['taskset', '-c', core, ...argv];
	const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
	running.add(child);
	child.out = '';
	child.err = '';
	child.stdout?.setEncoding('utf8').on('data', (text) => (child.out = (child.out + text).slice(-kept)));
	child.stderr?.setEncoding('utf8').on('data', (text) => (child.err = (child.err + text).slice(-KEPT)));
	child.ended = once(child, 'close').then(([code, signal]) => {
		running.delete(child);
		return code ?? signal;
	});
	return child;
}

/// Starts a server, or what holds connections to one, and returns once `is_up` says yes.
export async function start_server(argv, is_up, { core = SERVER_CORE, ...options } = {}) {
	const child = pinned(core, argv, options);
	const deadline = Date.now() + STOP_MS;
	let ended = null;
	child.ended.then((status) => (ended = status));
	while (!(await is_up(child))) {
		if (ended !== null || Date.now() > deadline) {
			child.kill('SIGKILL');
			throw new Error(`${argv[0]} did not start (${ended ?? 'in time'}): ${child.err}${child.out}`);
		}
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
	return child;
}

export async function stop_server(child, signal = 'SIGTERM') {
	child.kill(signal);
	const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
	await child.ended;
	clearTimeout(timer);
}

/// Runs a program to its end on one of the cores and gives its output, the last `kept` characters; anything but 0 is an error.
export async function run(core, argv, options) {
	const child = pinned(core, argv, options);
	const status = await child.ended;
	if (status !== 0) throw new Error(`${argv.join(' ')}: ended with ${status}\n${child.err}${child.out}`);
	return child.out;
}

/// CPU time of a process so far, in seconds.
export function cpu_s(pid) {
	const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
	return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/// What the server's core has done so far, in seconds: `busy` for processes, `stolen` by the machine's host.
export function core_s() {
	const line = readFileSync('/proc/stat', 'utf8').match(new RegExp(`^cpu${SERVER_CORE} (.*)$`, 'm'))[1];
	const [user, nice, system, , , , , steal] = line.split(' ').map((ticks) => Number(ticks) / TICKS_A_SECOND);
	return { busy: user + nice + system, stolen: steal };
}

/// Share of all cores that did nothing since the last look.
function idle_since(last) {
	const [user, nice, system, idle, iowait, irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
		.match(/^cpu +(.*)$/m)[1]
		.split(' ')
		.map(Number);
	const now = { idle: idle + iowait, all: user + nice + system + idle + iowait + irq + softirq + steal };
	const share = (now.idle - last.idle) / (now.all - last.all);
	Object.assign(last, now);
	return share;
}

/// Waits until nothing else runs on the machine, `wait_s` at most.
export async function quiet(wait_s) {
	const end = Date.now() + wait_s * 1000;
	const last = { idle: 0, all: 0 };
	idle_since(last);
	do await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
	while (idle_since(last) < QUIET_SHARE && Date.now() < end);
}

/// Resident memory of a process in MB (10^6 bytes).
export function rss_mb(pid) {
	const kib = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB$/m)[1];
	return (Number(kib) * 1024) / 1e6;
}
