// Files on the command line, up and down: the real atoll against a real atolld, over wires that are slow or break.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, openSync, readFileSync, readdirSync, statSync, writeFileSync, writeSync, closeSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { at_terminal, atoll, client_of, new_folder, start_atoll } from '../lib/cli.mjs';
import { start_forwarder } from '../lib/forwarder.mjs';
import { startServer, until } from '../lib/server.mjs';

const MIB = 1 << 20;

function sqlite(file, sql) {
	return execFileSync('sqlite3', [file], { input: sql, encoding: 'utf8' });
}

describe('files on the command line', () => {
	let server;
	let env;
	let done;
	let done_json;
	let fails;
	const cwd = new_folder();
	const small = path.join(cwd, 'Small Books.db');
	const large = path.join(cwd, 'large.db');
	const dump = path.join(cwd, 'books.sql');

	before(async () => {
		server = await startServer();
		env = { ATOLL_URL: server.url, ATOLL_TOKEN: server.token, ATOLL_ORG: server.organization };
		({ done, done_json, fails } = client_of(env));
		sqlite(small, 'CREATE TABLE book(title); INSERT INTO book VALUES (\'Emma\'), (\'Dune\');');
		sqlite(
			large,
			'PRAGMA page_size = 4096; CREATE TABLE blob(x); WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 640)' +
				' INSERT INTO blob SELECT randomblob(65536) FROM c;',
		);
		writeFileSync(dump, `${sqlite(small, '.dump')}`);
		await done(['group', 'create', 'files', '--location', 'ord']);
	});
	after(() => server?.stop());

	const rows = (database, sql) => done_json(['db', 'shell', database, sql]);
	const names = async () => (await done_json(['db', 'list'])).databases.map(({ Name }) => Name);

	test('a SQLite file becomes a database, alone or in a group', async () => {
		const said = await done(['db', 'create', 'alone', '--from-file', small, '--location', 'nrt']);
		assert.match(said, /Created database alone from Small Books\.db[^]*in nrt \(primary\)/);
		assert.deepEqual(await rows('alone', 'SELECT title FROM book ORDER BY 1'), [{ title: 'Dune' }, { title: 'Emma' }]);
		await done(['db', 'create', 'grouped', '--from-file', small, '--group', 'files']);
		assert.deepEqual(await rows('grouped', 'SELECT count(*) AS n FROM book'), [{ n: 2 }]);
	});

	test('an import is named after its file', async () => {
		await done(['db', 'import', small, '--group', 'files']);
		assert.deepEqual(await rows('small-books', 'SELECT count(*) AS n FROM book'), [{ n: 2 }]);
		assert.match(await fails(['db', 'import', small, '--group', 'files'], 1), /already exists/);
	});

	test('a dump becomes a database', async () => {
		await done(['db', 'create', 'dumped', '--from-dump', dump, '--group', 'files']);
		assert.deepEqual(await rows('dumped', 'SELECT count(*) AS n FROM book'), [{ n: 2 }]);
	});

	test('a dump that lies somewhere is named by its address', async () => {
		const form = new FormData();
		form.append('file', new Blob([readFileSync(dump)]), 'books.sql');
		const answer = await fetch(`${server.url}/v1/organizations/${server.organization}/databases/dumps`, {
			method: 'POST',
			headers: { authorization: `Bearer ${server.token}` },
			body: form,
		});
		const { dump_url } = await answer.json();
		await done(['db', 'create', 'fetched', '--from-dump-url', dump_url, '--location', 'ord']);
		assert.deepEqual(await rows('fetched', 'SELECT count(*) AS n FROM book'), [{ n: 2 }]);
		await fails(['db', 'create', 'lost', '--from-dump-url', `${server.url}/no/dump.sql`, '--location', 'ord'], 1);
		assert.ok(!(await names()).includes('lost'));
	});

	test('a dump that is wrong leaves nothing', async () => {
		const bad = path.join(cwd, 'bad.sql');
		writeFileSync(bad, 'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(x);\nINSERT INTO nowhere VALUES(1);\nCOMMIT;\n');
		assert.match(await fails(['db', 'create', 'bad', '--from-dump', bad, '--group', 'files'], 1), /nowhere/);
		assert.ok(!(await names()).includes('bad'));
	});

	test('files are looked at before anything is created', async () => {
		const cases = [
			[['--from-file', path.join(cwd, 'missing.db')], /cannot read .*missing\.db: No such file/],
			[['--from-file', dump], /is no SQLite database[^]*--from-dump/],
			[['--from-dump', small], /is a SQLite database and no text with SQL[^]*--from-file/],
			[['--from-file', cwd], /is no regular file/],
		];
		for (const [args, message] of cases) assert.match(await fails(['db', 'create', 'never', ...args], 1), message);
		const busy = path.join(cwd, 'busy.db');
		writeFileSync(busy, readFileSync(small));
		writeFileSync(`${busy}-wal`, 'x');
		assert.match(await fails(['db', 'create', 'never', '--from-file', busy], 1), /busy\.db-wal holds changes[^]*wal_checkpoint/);
		const gzip = path.join(cwd, 'dump.sql.gz');
		writeFileSync(gzip, Buffer.from([0x1f, 0x8b, 8, 0]));
		assert.match(await fails(['db', 'create', 'never', '--from-dump', gzip], 1), /compressed/);
		assert.ok(!(await names()).includes('never'));
	});

	test('a file that is damaged leaves nothing', async () => {
		const damaged = path.join(cwd, 'damaged.db');
		const bytes = Buffer.from(readFileSync(small));
		bytes.fill(0x5a, 4096);
		writeFileSync(damaged, bytes);
		const said = await fails(['db', 'create', 'damaged', '--from-file', damaged, '--group', 'files'], 1);
		assert.match(said, /nothing is left of it/);
		assert.ok(!(await names()).includes('damaged'));
	});

	test('elsewhere than on a terminal a line tells of each tenth', async () => {
		const { code, stderr } = await atoll(['db', 'create', 'told', '--from-file', large, '--group', 'files'], { env });
		assert.equal(code, 0, stderr);
		const lines = stderr.trim().split('\n');
		assert.ok(lines.length >= 3 && lines.length <= 11, stderr);
		for (const line of lines) assert.match(line, /^Uploading large\.db: +\d+ %, [\d.]+ MiB of [\d.]+ MiB/);
		assert.match(lines.at(-1), /: 100 %, /);
	});

	test('a broken connection costs a piece, not the file', async () => {
		const wire = await start_forwarder(server.url);
		try {
			wire.cut_after(20 * MIB);
			const through = { env: { ...env, ATOLL_URL: wire.url } };
			await done(['db', 'create', 'broken', '--from-file', large, '--group', 'files'], through);
			assert.equal(wire.cuts, 1);
			assert.ok(wire.sent < 1.9 * statSync(large).size, `${wire.sent} bytes were sent`);
			assert.deepEqual(await rows('broken', 'SELECT count(*) AS n FROM blob'), [{ n: 640 }]);
		} finally {
			await wire.stop();
		}
	});

	test('a terminal shows one line that tells how far it is, and Ctrl-C leaves nothing', async () => {
		const wire = await start_forwarder(server.url);
		try {
			wire.bytes_per_second = 4 * MIB;
			const { code, screen } = await at_terminal(
				['db', 'create', 'stopped', '--from-file', large, '--group', 'files'],
				[[/\r\x1b\[KUploading large\.db: +\d+ %, [\d.]+ MiB of [\d.]+ MiB, [\d.]+ [KM]iB\/s, \d+ s left/, '\x03']],
				{ env: { ...env, ATOLL_URL: wire.url } },
			);
			assert.equal(code, 130, screen);
			assert.match(screen, /interrupted[^]*nothing is left of it/);
			assert.ok(!(await names()).includes('stopped'));
		} finally {
			await wire.stop();
		}
	});

	test('SIGTERM leaves nothing either', async () => {
		const wire = await start_forwarder(server.url);
		try {
			wire.bytes_per_second = 4 * MIB;
			const running = start_atoll(['db', 'create', 'ended', '--from-file', large, '--group', 'files'], {
				env: { ...env, ATOLL_URL: wire.url },
			});
			await until('the upload is under way', () => wire.sent > 2 * MIB);
			running.child.kill('SIGTERM');
			const { code, stderr } = await running.end;
			assert.equal(code, 130, stderr);
			assert.ok(!(await names()).includes('ended'));
		} finally {
			await wire.stop();
		}
	});

	test('a load that is ended while the server is at it leaves nothing', async () => {
		const long = path.join(cwd, 'long.sql');
		const insert = `INSERT INTO t VALUES('${'x'.repeat(100)}');\n`;
		writeFileSync(long, `PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(x);\n${insert.repeat(100_000)}COMMIT;\n`);
		const running = start_atoll(['db', 'create', 'long', '--from-dump', long, '--group', 'files'], { env });
		await new Promise((resolve) => {
			let seen = '';
			running.child.stderr.on('data', (text) => (seen += text).includes(' 100 %') && resolve());
			running.child.on('close', resolve);
		});
		running.child.kill('SIGINT');
		const { code, stderr } = await running.end;
		assert.equal(code, 130, stderr);
		assert.match(stderr, /interrupted\n.*(nothing is left of it|nothing was created)/);
		assert.ok(!(await names()).includes('long'));
	});

	test('an upload keeps little in memory', async () => {
		const huge = path.join(cwd, 'huge.db');
		// As large as it says, and full of holes: only the reading counts here.
		const page = Buffer.from(readFileSync(small)).subarray(0, 4096);
		const fd = openSync(huge, 'w');
		writeSync(fd, page, 0, 4096, 0);
		writeSync(fd, Buffer.alloc(1), 0, 1, 256 * MIB - 1);
		closeSync(fd);
		const running = start_atoll(['db', 'create', 'huge', '--from-file', huge, '--group', 'files'], { env });
		let most = 0;
		const status = `/proc/${running.child.pid}/status`;
		const look = setInterval(() => {
			try {
				most = Math.max(most, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1] ?? 0));
			} catch {}
		}, 20);
		const { code, stderr } = await running.end;
		clearInterval(look);
		assert.equal(code, 1, 'a file full of holes is no database');
		assert.match(stderr, /100 %/);
		assert.ok(most > 0 && most < 100 * 1024, `${most} KiB`);
		assert.ok(!(await names()).includes('huge'));
	});

	test('an export is the database, and replaces nothing unasked', async () => {
		const where = new_folder();
		await done(['db', 'create', 'out', '--location', 'ord']);
		await done(['db', 'shell', 'out', "CREATE TABLE t(x); INSERT INTO t VALUES('kept');"]);
		assert.match(await done(['db', 'export', 'out'], { cwd: where }), /Wrote out\.db, /);
		const file = path.join(where, 'out.db');
		assert.equal(sqlite(file, 'SELECT x FROM t; PRAGMA integrity_check;'), 'kept\nok\n');
		assert.equal(statSync(file).mode & 0o777, 0o600);
		assert.match(await fails(['db', 'export', 'out'], 1, { cwd: where }), /out\.db exists already[^]*--overwrite/);
		await done(['db', 'shell', 'out', "INSERT INTO t VALUES('more')"]);
		await done(['db', 'export', 'out', '--overwrite'], { cwd: where });
		assert.equal(sqlite(file, 'SELECT count(*) FROM t'), '2\n');
		const named = await done_json(['db', 'export', 'out', '--output-file', 'copy.db'], { cwd: where });
		assert.equal(named.file, 'copy.db');
		assert.equal(named.size_bytes, statSync(path.join(where, 'copy.db')).size);
		assert.match(await fails(['db', 'export', 'nope'], 1, { cwd: where }), /could not find database/);
		assert.deepEqual(readdirSync(where).sort(), ['copy.db', 'out.db']);
		assert.ok(!existsSync(path.join(where, 'nope.db')));
	});

	test('an export that was taken makes the same database again', async () => {
		const where = new_folder();
		await done(['db', 'export', 'told', '--output-file', 'told.db'], { cwd: where });
		await done(['db', 'create', 'again', '--from-file', path.join(where, 'told.db'), '--group', 'files']);
		const sum = 'SELECT count(*) AS n, sum(length(x)) AS bytes, max(hex(substr(x, 1, 8))) AS last FROM blob';
		assert.deepEqual(await rows('again', sum), await rows('told', sum));
	});
});
