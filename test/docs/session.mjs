// One shell for all blocks of a page: what one of them exports, the next one has.
import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const tree = fileURLToPath(new URL('../..', import.meta.url));
const BLOCK_MS = 60_000;

/// A folder as the pages assume it: programs in build/, the server's data beside them, the clients' packages installed.
export function furnish(folder, { atoll, atolld, data }) {
	mkdirSync(path.join(folder, 'build'));
	symlinkSync(atoll, path.join(folder, 'build/atoll'));
	symlinkSync(atolld, path.join(folder, 'build/atolld'));
	symlinkSync(data, path.join(folder, 'atoll-data'));
	symlinkSync(path.join(tree, 'test/clients/node_modules'), path.join(folder, 'node_modules'));
	writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}\n');
	mkdirSync(path.join(folder, 'home'));
}

export class Session {
	constructor(folder) {
		this.folder = folder;
		this.count = 0;
		this.output = '';
		const env = {
			PATH: `${path.join(folder, 'build')}:${process.env.PATH}`, HOME: path.join(folder, 'home'), LANG: 'C.UTF-8', TERM: 'dumb',
			ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? '',
		};
		// Its own group: what a block leaves running ends with the session.
		this.shell = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail'], { cwd: folder, env, stdio: 'pipe', detached: true });
		this.shell.on('exit', () => (this.ended = true, this.wake?.()));
		this.shell.stdin.on('error', () => {});
		this.shell.stdout.setEncoding('utf8').on('data', (text) => (this.output += text, this.wake?.()));
		this.shell.stderr.setEncoding('utf8').on('data', (text) => (this.errors += text));
	}

	/// Runs a block to its end and gives what it printed. Throws when a command failed.
	async run(language, text) {
		const name = `block-${++this.count}.${{ sh: 'sh', js: 'mjs', python: 'py' }[language]}`;
		writeFileSync(path.join(this.folder, name), `${text}\n`);
		const mark = `-- end of ${name} --`;
		const program = { sh: '.', js: 'node', python: 'python3' }[language];
		this.output = '';
		this.errors = '';
		this.shell.stdin.write(`${program} ./${name} </dev/null\necho '${mark}'\n`);
		const deadline = Date.now() + BLOCK_MS;
		while (!this.output.includes(mark)) {
			if (this.ended || Date.now() > deadline)
				throw new Error(`${this.ended ? 'it failed' : 'it does not end'}:\n${text}\n-- it printed:\n${this.output}${this.errors}`);
			await new Promise((resolve) => {
				const timer = setTimeout(resolve, 100);
				this.wake = () => (clearTimeout(timer), resolve());
			});
		}
		return this.output.slice(0, this.output.indexOf(mark));
	}

	end() {
		try {
			process.kill(-this.shell.pid, 'SIGKILL');
		} catch {
			// it has ended
		}
	}
}
