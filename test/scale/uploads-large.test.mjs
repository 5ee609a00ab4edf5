// A large SQLite file and a large dump, loaded by the command line: the server's memory stays bounded, the progress is
// shown, the content is whole; and an upload that is cut in the middle, on whichever way, leaves nothing behind.
//
//     UPLOAD_FILE_MB=1024 UPLOAD_DUMP_MB=200   full size; ./dev test-large sets them. The bound is the same for any size.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { label_of, startServer, until } from '../lib/server.mjs';

const FILE_MB = Number(process.env.UPLOAD_FILE_MB ?? 256);
const DUMP_MB = Number(process.env.UPLOAD_DUMP_MB ?? 100);
const GROWTH_MAX_MB = 100;
const RUN_MS = 600_000;

const tree = fileURLToPath(new URL('../..', import.meta.url));
const atoll_binary = path.resolve(tree, process.env.ATOLL ?? 'build/atoll');
const folder = mkdtempSync(path.join(process.env.TMPDIR ?? '/var/tmp', 'atoll-large-'));
const file = path.join(folder, 'large.db');
const dump = path.join(folder, 'large.sql');
let server, o;

before(async () => {
	server = await startServer();
	o = `/v1/organizations/${server.organization}`;
	make_file();
	make_dump();
	await must('POST', `${o}/groups`, { name: 'main', location: 'ord' });
});
after(async () => {
	await server?.stop();
	rmSync(folder, { recursive: true, force: true });
});

async function must(method, pathname, body) {
	const answer = await server.api(method, pathname, body);
	assert.equal(answer.status, 200, `${method} ${pathname}: ${answer.status} ${answer.text}\n${server.stderr.slice(-1000)}`);
	return answer.json;
}

/// A file that sqlite3 made: small rows with an index, and large values up to the size.
function make_file() {
	const large = Math.floor(FILE_MB * 0.9);
	const small = Math.floor((FILE_MB << 20) * 0.08 / 250);
	execFileSync('sqlite3', ['-batch', '-bail', file], {
		input: `PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
			BEGIN;
			CREATE TABLE small (id INTEGER PRIMARY KEY, text TEXT);
			CREATE TABLE large (id INTEGER PRIMARY KEY, pad BLOB);
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${small})
			INSERT INTO small SELECT i, printf('%d %.150c', i, 'x') FROM n;
			CREATE INDEX small_by_text ON small (substr(text, 1, 20));
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${large})
			INSERT INTO large SELECT i, CASE i % 10 WHEN 0 THEN randomblob(1048000) ELSE zeroblob(1048000) END FROM n;
			COMMIT;
			PRAGMA journal_mode = WAL;`,
	});
	assert.ok(statSync(file).size > FILE_MB * 0.95 * 2 ** 20, `${statSync(file).size} bytes`);
}

/// What .dump would write, in the same order.
function make_dump() {
	const out = openSync(dump, 'w');
	writeSync(out, 'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);\n');
	const pad = "it''s a note; with a semicolon -- ".repeat(24);
	for (let id = 1, size = 0; size < DUMP_MB << 20; ) {
		let part = '';
		for (let n = 0; n < 1000; n++, id++) part += `INSERT INTO notes VALUES(${id},'${id} ${pad}');\n`;
		size += writeSync(out, part);
	}
	writeSync(out, 'CREATE INDEX notes_by_text ON notes (substr(text, 1, 10));\nCOMMIT;\n');
	closeSync(out);
}

function memory_kb(name) {
	return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
}

/// How much more memory the server had at its peak while `work` ran.
async function growth_mb_of(work) {
	const before_kb = memory_kb('VmRSS');
	let most_kb = before_kb;
	const timer = setInterval(() => (most_kb = Math.max(most_kb, memory_kb('VmRSS'))), 20);
	try {
		await work();
	} finally {
		clearInterval(timer);
	}
	return (Math.max(most_kb, memory_kb('VmRSS')) - before_kb) / 1024;
}

function environment() {
	return { PATH: process.env.PATH, HOME: folder, TERM: 'xterm', ATOLL_URL: server.url, ATOLL_TOKEN: server.token, ATOLL_ORG: server.organization };
}

function start_atoll(args) {
	const child = spawn(atoll_binary, args, { env: environment(), stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
	child.out = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (child.out[name] += text));
	child.timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS);
	child.ended = once(child, 'close').then(([code, signal]) => {
		clearTimeout(child.timer);
		return { code: code ?? signal, ...child.out };
	});
	return child;
}

async function atoll(args) {
	const { code, stdout, stderr } = await start_atoll(args).ended;
	assert.equal(code, 0, `atoll ${args.join(' ')}: ${code}\n${stdout}${stderr}\n${server.stderr.slice(-2000)}`);
	return { stdout, stderr };
}

function percents(text) {
	return [...text.matchAll(/(\d+) %/g)].map(([, number]) => Number(number));
}

function assert_progress(text) {
	const shown = percents(text);
	assert.ok(shown.length >= 5, `progress: ${text}`);
	assert.deepEqual(shown, [...shown].sort((a, b) => a - b), 'it only grows');
	assert.equal(shown.at(-1), 100);
}

async function ask(name, sql) {
	const { jwt } = await must('POST', `${o}/databases/${name}/auth/tokens`);
	const { database } = await must('GET', `${o}/databases/${name}`);
	return server.rows(label_of(database.Hostname), sql, { token: jwt });
}

function tree_of(root) {
	return existsSync(root) ? readdirSync(root, { recursive: true }).map(String).sort() : [];
}

describe('large content', () => {
	test(`a SQLite file of ${FILE_MB} MB, with bounded memory and the progress shown`, async (t) => {
		let run;
		const growth_mb = await growth_mb_of(async () => (run = await atoll(['db', 'create', 'from-file', '--group', 'main', '--from-file', file])));
		t.diagnostic(`memory grew by ${growth_mb.toFixed(1)} MB`);
		assert_progress(run.stderr);
		assert.deepEqual(await ask('from-file', 'SELECT count(*) AS n, sum(length(pad)) AS bytes FROM large'), [
			{ n: Math.floor(FILE_MB * 0.9), bytes: Math.floor(FILE_MB * 0.9) * 1048000 },
		]);
		assert.deepEqual(await ask('from-file', "SELECT count(*) AS n FROM small WHERE substr(text, 1, 20) LIKE '1%'"), [
			{ n: Number(execFileSync('sqlite3', [file, "SELECT count(*) FROM small WHERE substr(text, 1, 20) LIKE '1%'"], { encoding: 'utf8' })) },
		]);
		assert.ok(growth_mb < GROWTH_MAX_MB, `memory grew by ${growth_mb.toFixed(1)} MB`);
		await ask('from-file', "INSERT INTO small (text) VALUES ('written here')");
		assert.deepEqual(tree_of(path.join(server.data, 'uploads')), []);
	});

	test(`a dump of ${DUMP_MB} MB, with bounded memory and the progress shown`, async (t) => {
		let run;
		const growth_mb = await growth_mb_of(async () => (run = await atoll(['db', 'create', 'from-dump', '--group', 'main', '--from-dump', dump])));
		t.diagnostic(`memory grew by ${growth_mb.toFixed(1)} MB`);
		assert_progress(run.stderr);
		const lines = Number(execFileSync('grep', ['-c', '^INSERT', dump], { encoding: 'utf8' }));
		assert.deepEqual(await ask('from-dump', 'SELECT count(*) AS n, max(id) AS last FROM notes'), [{ n: lines, last: lines }]);
		assert.match((await ask('from-dump', 'SELECT text FROM notes WHERE id = 77'))[0].text, /^77 it's a note; with a semicolon -- it's/);
		assert.ok(growth_mb < GROWTH_MAX_MB, `memory grew by ${growth_mb.toFixed(1)} MB`);
	});

	test('the export of the large file, with bounded memory, is the file', async (t) => {
		const target = path.join(folder, 'exported.db');
		const growth_mb = await growth_mb_of(() => atoll(['db', 'export', 'from-file', '--output-file', target]));
		t.diagnostic(`memory grew by ${growth_mb.toFixed(1)} MB`);
		assert.ok(growth_mb < GROWTH_MAX_MB, `memory grew by ${growth_mb.toFixed(1)} MB`);
		const sum = (name) => execFileSync('sqlite3', [name, "SELECT count(*), sum(length(pad)) FROM large; SELECT count(*) FROM small; PRAGMA quick_check"], { encoding: 'utf8' });
		assert.equal(sum(target), sum(file).replace(/\n(\d+)\n/, (_, n) => `\n${Number(n) + 1}\n`));
		rmSync(target);
	});

	test('both are there after a restart', async () => {
		await server.restart();
		assert.equal((await ask('from-file', 'SELECT count(*) AS n FROM large'))[0].n, Math.floor(FILE_MB * 0.9));
		assert.ok((await ask('from-dump', 'SELECT count(*) AS n FROM notes'))[0].n > 0);
		for (const name of ['from-file', 'from-dump']) await must('DELETE', `${o}/databases/${name}`);
	});
});

describe('an upload that is cut in the middle leaves nothing', () => {
	let names, files;

	before(async () => {
		await server.restart(); // what dumps of before are kept for later, is
		names = await listed();
		files = everything();
	});

	async function listed() {
		return (await must('GET', `${o}/databases`)).databases.map(({ Name }) => Name);
	}

	function everything() {
		return { databases: readdirSync(path.join(server.data, 'databases')).sort(), uploads: tree_of(path.join(server.data, 'uploads')) };
	}

	async function assert_nothing_left() {
		await until('the server to have cleared away', async () => JSON.stringify([await listed(), everything()]) === JSON.stringify([names, files]), 20_000);
	}

	/// Sends the head and the first half of a body of `size` bytes, and cuts the connection once the server has taken it.
	async function half_a_request(method, pathname, headers, size, first = '') {
		const socket = net.connect(server.port, '127.0.0.1').on('error', () => {});
		await once(socket, 'connect');
		const lines = Object.entries({ Host: `127.0.0.1:${server.port}`, Authorization: `Bearer ${server.token}`, 'Content-Length': size, ...headers });
		socket.write(`${method} ${pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${first}`);
		const source = openSync(file, 'r');
		const part = Buffer.alloc(1 << 16);
		for (let sent = first.length; sent < size / 2; sent += part.length) {
			readSync(source, part, 0, part.length, null);
			if (!socket.write(part)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
			if (socket.destroyed) break;
		}
		closeSync(source);
		return socket;
	}

	const size = 32 << 20;
	const form = { 'Content-Type': 'multipart/form-data; boundary=cut' };
	const head = '--cut\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n';

	test('a dump', async () => {
		const socket = await half_a_request('POST', `${o}/databases/dumps`, form, size, `${head}PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n`);
		socket.destroy();
		await assert_nothing_left();
	});

	test('a file for an empty database', async () => {
		await must('POST', `${o}/databases`, { name: 'seeding' });
		const socket = await half_a_request('POST', `${o}/databases/seeding/seed`, form, size, head);
		socket.destroy();
		await until('the database to be empty still', async () => {
			const { instance } = await must('POST', `${o}/databases/seeding/instances`, { location: 'ord' });
			return instance.type === 'primary';
		});
		assert.deepEqual(await ask('seeding', 'SELECT name FROM sqlite_schema'), []);
		await must('DELETE', `${o}/databases/seeding`);
		await assert_nothing_left();
	});

	test('a file for a draft, whole and in pieces', async () => {
		await must('POST', `${o}/databases`, { name: 'draft', group: 'main', seed: { type: 'database_upload' } });
		const { jwt } = await must('POST', `${o}/databases/draft/auth/tokens`);
		const label = label_of((await must('GET', `${o}/databases/draft`)).database.Hostname);
		const token = { Authorization: `Bearer ${jwt}` };
		(await half_a_request('POST', `/db/${label}/v1/upload`, token, size)).destroy();
		const started = await server.data_plane(label, '/v2/upload/start', { db_size_bytes: size }, { method: 'PUT', token: jwt });
		assert.equal(started.status, 200, started.text);
		const { chunk_size, upload_id } = started.json;
		(await half_a_request('PUT', `/db/${label}/v2/upload/${upload_id}/chunk/0`, token, Math.min(chunk_size, size))).destroy();
		const early = await until('the cut to be noticed', async () => {
			const answer = await server.data_plane(label, `/v2/upload/${upload_id}/finalize`, undefined, { method: 'PUT', token: jwt });
			return answer.status !== 503 && answer;
		});
		assert.equal(early.status, 400, early.text);
		await must('DELETE', `${o}/databases/draft`);
		await assert_nothing_left();
	});

	for (const [what, flag, source] of [
		['a file', '--from-file', () => file],
		['a dump', '--from-dump', () => dump],
	])
		for (const signal of ['SIGINT', 'SIGTERM'])
			test(`the command line, ended by ${signal} while it sends ${what}`, async () => {
				const child = start_atoll(['db', 'create', 'cut', '--group', 'main', flag, source()]);
				await until('the first progress', () => percents(child.out.stderr).some((one) => one > 0) || child.exitCode !== null, RUN_MS);
				child.kill(signal);
				const { code, stderr } = await child.ended;
				assert.notEqual(code, 0, stderr);
				await assert_nothing_left();
			});

	test('SIGKILL of the server', async () => {
		const socket = await half_a_request('POST', `${o}/databases/dumps`, form, size, `${head}PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n`);
		const child = start_atoll(['db', 'create', 'killed', '--group', 'main', '--from-file', file]);
		await until('the first progress', () => percents(child.out.stderr).some((one) => one > 0) || child.exitCode !== null, RUN_MS);
		await server.kill();
		child.kill('SIGKILL');
		await child.ended;
		socket.destroy();
		await server.restart();
		// The draft was acknowledged; it is there, without content, and goes as any database does.
		if ((await listed()).includes('killed')) await must('DELETE', `${o}/databases/killed`);
		await assert_nothing_left();
	});

	test('files and dumps that are none are refused whole', async () => {
		const garbage = path.join(folder, 'garbage.sql');
		execFileSync('sh', ['-c', `printf 'PRAGMA foreign_keys=OFF;\\nBEGIN TRANSACTION;\\nCREATE TABLE t (x);\\nINSERT INTO nothing VALUES (1);\\nCOMMIT;\\n' > '${garbage}'`]);
		const damaged = path.join(folder, 'damaged.db');
		execFileSync('sqlite3', [damaged, 'CREATE TABLE t (x, y UNIQUE); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT i, i FROM n; PRAGMA journal_mode = WAL;']);
		const out = openSync(damaged, 'r+');
		writeSync(out, Buffer.alloc(4096, 0xa5), 0, 4096, 10 * 4096);
		closeSync(out);
		for (const [flag, source, why] of [['--from-dump', garbage, /line 4: .*nothing/], ['--from-file', damaged, /./]]) {
			const { code, stderr } = await start_atoll(['db', 'create', 'bad', '--group', 'main', flag, source]).ended;
			assert.notEqual(code, 0);
			assert.match(stderr, why);
			await until('nothing to be left', async () => {
				assert.deepEqual(await listed(), names);
				assert.deepEqual(everything().databases, files.databases);
				return true;
			});
		}
	});
});
