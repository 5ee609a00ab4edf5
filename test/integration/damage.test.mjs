// Files of the history that are damaged, cut, missing or exchanged, while the server runs and while it does not: what is
// damaged is reported and never served, the server goes on, and the history begins again with the present content.
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { content_digest, digest, stopped_database_faults } from '../lib/checks.mjs';
import { Random } from '../lib/random.mjs';
import { label_of, sleep, startServer, until } from '../lib/server.mjs';

const ROUNDS = Number(process.env.DAMAGE_ROUNDS ?? 12);
const random = Random.from_env('DAMAGE_SEED');
const HEADER_BYTES = 80;

function log_folder(server, db) {
	return path.join(server.data, 'databases', db.uuid, 'log');
}

function files_of(folder) {
	return readdirSync(folder)
		.filter((name) => !name.includes('.new'))
		.map((name) => path.join(folder, name))
		.filter((file) => statSync(file).size > 0)
		.sort();
}

function segments_of(folder) {
	return files_of(folder).filter((file) => file.endsWith('.log'));
}

/// Only the bytes in question are written: the server may be appending.
function change(file, at, size, make) {
	const fd = openSync(file, 'r+');
	const bytes = Buffer.alloc(size);
	const count = readSync(fd, bytes, 0, size, at);
	make(bytes);
	writeSync(fd, bytes, 0, count, at);
	closeSync(fd);
}

const flip = (file, at) => change(file, at, 1, (bytes) => (bytes[0] ^= 1 << random.between(0, 7)));

/// What may happen to a file; each says what it did.
const damages = {
	flip(files) {
		const file = random.pick(files);
		const at = random.between(0, statSync(file).size - 1);
		flip(file, at);
		return `a bit of byte ${at} of ${path.basename(file)} is flipped`;
	},
	truncate(files) {
		const file = random.pick(files);
		const size = random.between(0, statSync(file).size - 1);
		truncateSync(file, size);
		return `${path.basename(file)} is cut to ${size} bytes`;
	},
	remove(files) {
		const file = random.pick(files);
		rmSync(file);
		return `${path.basename(file)} is removed`;
	},
	zero(files) {
		const file = random.pick(files);
		const at = Math.floor(random.between(0, statSync(file).size - 1) / 4096) * 4096;
		change(file, at, 4096, (bytes) => bytes.fill(0));
		return `4096 bytes from byte ${at} of ${path.basename(file)} are zero`;
	},
	swap(files) {
		const [a, b] = [random.pick(files), random.pick(files)];
		renameSync(a, `${a}.aside`);
		if (a !== b) renameSync(b, a);
		renameSync(`${a}.aside`, b);
		return `${path.basename(a)} and ${path.basename(b)} are exchanged`;
	},
};

const FILL = (count, bytes) =>
	`INSERT INTO t (b) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${count}) SELECT randomblob(${bytes}) FROM c`;

class Subject {
	constructor(server, db) {
		this.server = server;
		this.db = db;
		this.primary = db.instances[0].label;
		this.moments = []; // {at, digest}: the content while nobody wrote
		this.copies = 0;
	}

	static async make(server, name) {
		const subject = new Subject(server, await server.createDatabase(name, ['ord', 'nrt']));
		await server.rows(subject.primary, 'CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)');
		return subject;
	}

	async write(count = 30) {
		for (let i = 0; i < count; i++)
			await this.server.rows(this.primary, random.pick([FILL(random.between(1, 40), 300), 'DELETE FROM t WHERE id % 17 = 3', `UPDATE t SET b = randomblob(200) WHERE id % 29 = ${i}`]));
	}

	async rest() {
		await sleep(5); // a moment is a millisecond: nobody writes in the one that is noted
		this.moments.push({ at: Date.now(), digest: await content_digest(this.server, this.primary) });
		await sleep(5);
	}

	/// The content is the last one noted, here and at the replica.
	async check() {
		assert.equal(await content_digest(this.server, this.primary), this.moments.at(-1).digest, 'the primary has its content');
		const expected = await digest(this.server, this.primary);
		for (const { label } of this.db.instances.slice(1))
			await until('the replica to equal the primary', async () => (await digest(this.server, label)) === expected);
	}

	/// Right, or clearly refused. Gives the refusal's words, or null.
	async restore({ at, digest }) {
		const { server, db } = this;
		const base = `/v1/organizations/${server.organization}/databases`;
		const name = `${db.name}-copy-${++this.copies}`;
		const seed = { type: 'database', name: db.name, timestamp: new Date(at).toISOString() };
		const answer = await server.api('POST', base, { name, seed });
		if (answer.status !== 200) {
			assert.equal(answer.status, 400, answer.text);
			assert.match(answer.json.error, /outside the retention/);
			return answer.json.error;
		}
		const instance = (await server.api('POST', `${base}/${name}/instances`, { location: 'ord' })).json.instance;
		assert.equal((await server.api('GET', `${base}/${name}/instances/${instance.name}/wait`)).status, 200);
		const { jwt } = (await server.api('POST', `${base}/${name}/auth/tokens`)).json;
		assert.equal(await content_digest(server, label_of(instance.hostname), { token: jwt }), digest, `the content of ${new Date(at).toISOString()}`);
		assert.equal((await server.api('DELETE', `${base}/${name}`)).status, 200);
		return null;
	}

	/// After whatever happened there is a moment from which on every moment can be had again.
	async restorable() {
		await until('the present to be restorable', async () => {
			await this.rest();
			return (await this.restore(this.moments.at(-1))) === null;
		});
	}
}

const REPORTS = /(history\.(damaged|end_cut|lost|shortened|base_made)|database\.history_(restarted|completed)) /;

describe('a damaged history', () => {
	let server;
	let subject;
	before(async () => {
		server = await startServer({ args: ['--log-bytes-max', '4mb'] });
		subject = await Subject.make(server, 'damaged');
	});
	after(() => server?.stop());

	for (let round = 1; round <= ROUNDS; round++)
		test(`anywhere and in any way, round ${round}`, async (t) => {
			for (let i = 0; i < 2; i++) {
				await subject.write(random.between(1, 30));
				await subject.rest();
			}
			await subject.check();
			const how = random.pick(['stopped', 'killed', 'running']);
			if (how === 'stopped') await server.stop({ keep_data: true });
			if (how === 'killed') await server.kill();
			const kind = random.pick(Object.keys(damages));
			const folder = log_folder(server, subject.db);
			const words = damages[kind](kind === 'swap' ? segments_of(folder) : files_of(folder));
			t.diagnostic(`${how}: ${words}`);
			const said = server.stderr.length;
			if (how !== 'running') await server.restart();
			await subject.check();
			const refusals = [];
			for (const moment of [subject.moments.at(-1), random.pick(subject.moments), subject.moments.at(-1)])
				refusals.push(await subject.restore(moment));
			await subject.write(3);
			await subject.rest();
			await subject.check();
			await subject.restorable();
			const report = how === 'running' ? server.stderr.slice(said) : server.stderr;
			if (refusals[0]) assert.match(report, REPORTS, `${how}: ${words}; ${refusals[0]}`);
			await server.stop({ keep_data: true });
			assert.deepEqual(stopped_database_faults(server, subject.db), []);
			await server.restart();
			await subject.check();
		});
});

describe('a damaged place', () => {
	let server;
	before(async () => {
		server = await startServer({ args: ['--log-bytes-max', '4mb'] });
	});
	after(() => server?.stop());

	const history_of = async (name) => {
		const subject = await Subject.make(server, name);
		while (segments_of(log_folder(server, subject.db)).length < 4) await subject.write();
		await subject.rest();
		return subject;
	};

	test('in a closed segment is found by a restore, reported with file and place, and healed', async () => {
		const subject = await history_of('closed');
		const [, second] = segments_of(log_folder(server, subject.db));
		flip(second, HEADER_BYTES + 300);
		assert.match(await subject.restore(subject.moments.at(-1)), /history is damaged/);
		assert.match(server.stderr, new RegExp(`warn history\\.damaged file=\\S*/log/${path.basename(second)} offset=80 error="a record does not fit its checksum"`));
		await until('the new beginning', () => /info history\.base_made /.test(server.stderr));
		await until('the damaged segment to go', () => !existsSync(second));
		await subject.restorable();
		await subject.check();
	});

	test('at the end of the newest segment, after a clean stop, is no shorter history', async () => {
		const subject = await history_of('newest');
		await server.stop({ keep_data: true });
		// The last record goes whole: nothing in the file tells that it was there.
		const newest = segments_of(log_folder(server, subject.db)).at(-1);
		const bytes = readFileSync(newest);
		let at = HEADER_BYTES;
		let end = at;
		let count = 0;
		for (; at < bytes.length; count++) {
			if (bytes.toString('latin1', at, at + 4) === 'ATXN') end = at;
			at += 64 + bytes.readUInt32LE(at + 4) * 4100;
		}
		assert.equal(at, bytes.length);
		truncateSync(newest, end);
		await server.restart();
		await subject.check();
		assert.match(server.stderr, /warn database\.history_restarted /);
		await subject.restorable();
		assert.match(await subject.restore(subject.moments[0]), /outside the retention/);
	});

	test('of a whole newest segment, removed, is no shorter history', async () => {
		const subject = await history_of('removed');
		await server.stop({ keep_data: true });
		rmSync(segments_of(log_folder(server, subject.db)).at(-1));
		await server.restart();
		await subject.check();
		assert.match(server.stderr, /warn database\.history_restarted /);
		await subject.write(2);
		await subject.rest();
		await subject.check();
		await subject.restorable();
	});

	test('of the whole folder', async () => {
		const subject = await history_of('folder');
		await server.stop({ keep_data: true });
		rmSync(log_folder(server, subject.db), { recursive: true });
		await server.restart();
		await subject.check();
		await subject.write(2);
		await subject.rest();
		await subject.check();
		await subject.restorable();
	});
});

describe('a replica that lags', () => {
	let server;
	before(async () => {
		server = await startServer({ args: ['--log-bytes-max', '4mb', '--simulate-latency', 'ord:nrt=700ms'] });
	});
	after(() => server?.stop());

	for (const kind of Object.keys(damages))
		test(`is not given what was damaged before it came there: ${kind}`, async (t) => {
			const subject = await Subject.make(server, `lags-${kind}`);
			const replica = subject.db.instances[1].label;
			await until('the table', async () => (await server.rows(replica, 'SELECT count(*) FROM t'))[0]);
			await subject.write(20);
			const segments = segments_of(log_folder(server, subject.db));
			t.diagnostic(damages[kind](kind === 'swap' ? segments : segments.slice(-1)));
			await subject.write(20);
			await subject.rest();
			await subject.check();
			assert.deepEqual(await server.rows(replica, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
			await subject.write(2);
			await subject.rest();
			await subject.check();
		});
});
