// Runs the real atoll, alone or on a terminal, for the tests that judge the command line.
//
//     const { code, stdout } = await atoll(['db', 'list'], { env: { ATOLL_URL: server.url, ATOLL_TOKEN: server.token } });
//     const { done, fails } = client_of(env);   // the same, expecting an end
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { until } from './server.mjs';

const tree = fileURLToPath(new URL('../..', import.meta.url));
export const binary = path.resolve(tree, process.env.ATOLL ?? 'build/atoll');
const RUN_MS = 60_000;

const folders = [];
process.on('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

export function new_folder() {
	const folder = mkdtempSync(path.join(tmpdir(), 'atoll-cli-'));
	folders.push(folder);
	return folder;
}

export const home = new_folder(); // without any configuration

export function environment(extra) {
	const { PATH, ASAN_OPTIONS, UBSAN_OPTIONS } = process.env;
	const all = { PATH, ASAN_OPTIONS, UBSAN_OPTIONS, HOME: home, TERM: 'xterm', ...extra };
	return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/// Starts atoll: {child, end}; `end` is a promise of {code, stdout, stderr}. Whatever a sanitizer says is a failure.
export function start_atoll(args, { env = {}, input = '', cwd = home } = {}) {
	const child = spawn(binary, args, { cwd, env: environment(env), stdio: 'pipe' });
	const out = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (out[name] += text));
	child.stdin.on('error', () => {}); // it may end before it has read everything
	child.stdin.end(input);
	const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS);
	const end = once(child, 'close').then(([code, signal]) => {
		clearTimeout(timer);
		assert.doesNotMatch(out.stderr, /Sanitizer|runtime error|assertion failed/);
		return { code: code ?? signal, ...out };
	});
	return { child, end };
}

/// Runs it to its end.
export function atoll(args, options) {
	return start_atoll(args, options).end;
}

/// atoll on a terminal, with keys typed when the screen shows what `steps` wait for: [[pattern, keys], …].
///
/// A control key that comes while the program switches the terminal between its modes is lost, as it would be for a
/// person, who then presses it again: so does this.
export async function at_terminal(args, steps, { env = {}, cwd = home } = {}) {
	// exec: a shell in between would take a Ctrl-C to heart.
	const command = `exec ${[binary, ...args].map((word) => `'${word}'`).join(' ')}`;
	const child = spawn('script', ['-qefc', command, '/dev/null'], { cwd, env: environment(env), stdio: 'pipe' });
	let screen = '';
	let seen = 0;
	let pressed = { keys: '', at_ms: 0 };
	let end = null;
	child.stdout.setEncoding('utf8').on('data', (text) => (screen += text));
	child.stdin.on('error', () => {});
	child.on('close', (code, signal) => (end = { code: code ?? signal }));
	const press = (keys) => {
		pressed = { keys, at_ms: Date.now() };
		child.stdin.write(keys);
	};
	const press_again = () => {
		if (/^[\x03\x04]$/.test(pressed.keys) && Date.now() - pressed.at_ms > 500) press(pressed.keys);
	};
	try {
		for (const [pattern, keys] of steps) {
			await until(`${pattern} on the terminal`, () => {
				const match = pattern.exec(screen.slice(seen));
				if (match) seen += match.index + match[0].length;
				else if (end) throw new Error(`it ended with ${end.code}`);
				else press_again();
				return match;
			}).catch((error) => assert.fail(`${error.message}; the terminal shows:\n${screen}`));
			press(keys);
		}
		await until('the end', () => {
			press_again();
			return end;
		}).catch((error) => assert.fail(`${error.message}; the terminal shows:\n${screen}`));
		return { code: end.code, screen };
	} finally {
		child.kill('SIGKILL');
	}
}

/// atoll with an environment: done(args) must succeed and gives its stdout, done_json(args) reads it; fails(args, status)
/// must end with the status and gives its stderr.
export function client_of(env) {
	async function done(args, options = {}) {
		const { code, stdout, stderr } = await atoll(args, { env, ...options });
		assert.equal(code, 0, `atoll ${args.join(' ')} ended with ${code}: ${stderr}`);
		return stdout;
	}
	async function done_json(args, options) {
		return JSON.parse(await done([...args, '--json'], options));
	}
	async function fails(args, status, options = {}) {
		const { code, stderr } = await atoll(args, { env, ...options });
		assert.equal(code, status, `atoll ${args.join(' ')} ended with ${code}: ${stderr}`);
		return stderr;
	}
	return { done, done_json, fails };
}
