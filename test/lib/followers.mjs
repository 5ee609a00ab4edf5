// Replicas of a database in processes of their own (test/clients/follower.mjs).
//
//     const follower = await Follower.start('libsql', { file, url, token });
//     await follower.pause();
//     const rows = await follower.rows('SELECT * FROM t');
import { fork } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const program = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../clients/follower.mjs');
const CALL_MS = 60_000;

export class Follower {
	constructor(name, file) {
		this.name = name;
		this.file = file;
		this.calls = new Map();
		this.next = 1;
		this.stderr = '';
	}

	static async start(name, { file, url, token }) {
		const self = new Follower(name, file);
		self.child = fork(program, [name, file, url, token], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
		self.child.stderr.setEncoding('utf8').on('data', (text) => (self.stderr = (self.stderr + text).slice(-8000)));
		self.ended = new Promise((resolve) => self.child.on('exit', resolve));
		await new Promise((resolve, reject) => {
			self.child.on('message', (message) => (message.ready ? resolve() : self.settle(message)));
			self.child.on('exit', (code, signal) => {
				const error = new Error(`${name} ended with ${code ?? signal}\n${self.stderr}`);
				reject(error);
				for (const { reject: fail } of self.calls.values()) fail(error);
				self.calls.clear();
			});
		});
		return self;
	}

	settle({ id, value, error }) {
		const call = this.calls.get(id);
		this.calls.delete(id);
		if (error !== undefined) call?.reject(new Error(`${this.name}: ${error}`));
		else call?.resolve(value);
	}

	call(call, parameters = {}) {
		return new Promise((resolve, reject) => {
			const id = this.next++;
			const timer = setTimeout(() => reject(new Error(`${this.name}: no answer to ${call}\n${this.stderr}`)), CALL_MS);
			const settled = (settle) => (value) => {
				clearTimeout(timer);
				settle(value);
			};
			this.calls.set(id, { resolve: settled(resolve), reject: settled(reject) });
			this.child.send({ id, call, ...parameters });
		});
	}

	/// Resolves when no sync is under way any more: {synced, failed, error} since the start.
	pause() {
		return this.call('pause');
	}

	resume() {
		return this.call('resume');
	}

	/// Until nothing is new.
	sync() {
		return this.call('sync');
	}

	rows(sql) {
		return this.call('rows', { sql });
	}

	write(sql) {
		return this.call('write', { sql });
	}

	async end() {
		if (this.child.exitCode === null && this.child.signalCode === null) {
			const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
			await this.call('end').catch(() => this.child.kill('SIGKILL'));
			await this.ended;
			clearTimeout(timer);
		}
	}
}
