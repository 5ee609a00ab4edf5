// atolld under a service manager: what it tells, what it takes over, and what it says of its settings.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { startManager } from '../lib/manager.mjs';
import { request, startServer, until } from '../lib/server.mjs';

const atolld = path.resolve(process.env.ATOLLD ?? 'build/atolld');

async function manage(t, { env = {}, args = [] } = {}) {
	const manager = await startManager();
	t.after(() => manager.stop());
	const server = await startServer({ args, env: { NOTIFY_SOCKET: manager.path, ...env } });
	t.after(() => server.stop());
	return { manager, server };
}

function folder_of(t) {
	const folder = mkdtempSync(path.join(tmpdir(), 'atoll-service-'));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

describe('the service manager hears', () => {
	test('that the server answers, reads its settings again, and ends', async (t) => {
		const { manager, server } = await manage(t);
		const ready = await manager.heard((message) => message.READY === '1');
		assert.match(ready.STATUS, new RegExp(`^Serving 127\\.0\\.0\\.1:${server.port}$`));
		assert.equal((await request(`${server.url}/health`)).status, 200);

		process.kill(server.pid, 'SIGHUP');
		const reloading = await manager.heard((message) => message.RELOADING === '1');
		assert.match(reloading.MONOTONIC_USEC, /^[1-9][0-9]+$/);
		await until('ready again', () => manager.messages.filter((message) => message.READY === '1').length === 2);

		await server.stop();
		const stopping = await manager.heard((message) => message.STOPPING === '1');
		// The default of drain-timeout is in it.
		assert.ok(Number(stopping.EXTEND_TIMEOUT_USEC) > 10_000_000, stopping.EXTEND_TIMEOUT_USEC);
		assert.equal(manager.messages.indexOf(stopping), manager.messages.length - 1);
	});

	test('again and again that it is alive, when there is a watchdog', async (t) => {
		const { manager, server } = await manage(t, { env: { WATCHDOG_USEC: '300000' } });
		await until('three signs of life', () => manager.messages.filter((message) => message.WATCHDOG === '1').length > 2);
		// Requests in between change nothing.
		for (let i = 0; i < 20; i++) await request(`${server.url}/health`);
		const seen = manager.messages.length;
		await until('more of them', () => manager.messages.length > seen + 2);
		assert.doesNotMatch(server.stderr, /server\.hangs/);
	});

	test('nothing of a watchdog that is another process’s', async (t) => {
		const { manager, server } = await manage(t, { env: { WATCHDOG_USEC: '3000', WATCHDOG_PID: '1' } });
		await manager.heard((message) => message.READY === '1');
		for (let i = 0; i < 20; i++) await request(`${server.url}/health`);
		await server.stop();
		assert.equal(manager.messages.some((message) => message.WATCHDOG), false);
	});

	test('no sign of life of a server that hangs', async (t) => {
		const { manager, server } = await manage(t, { env: { WATCHDOG_USEC: '300000' } });
		await manager.heard((message) => message.WATCHDOG === '1');
		process.kill(server.pid, 'SIGSTOP');
		t.after(() => server.exit || process.kill(server.pid, 'SIGCONT'));
		// A message that was on its way may still arrive; then there is silence.
		let seen = -1;
		await until('silence', async () => {
			const before = manager.messages.length;
			await new Promise((resolve) => setTimeout(resolve, 500));
			seen = manager.messages.length;
			return seen === before;
		});
		process.kill(server.pid, 'SIGCONT');
		await until('signs of life', () => manager.messages.length > seen);
	});
});

// Starts atolld with descriptors 3 and on, as a manager does: LISTEN_PID is the pid of atolld itself.
function start_activated(t, fds, { stderr = 'pipe', env = {} } = {}) {
	const data = folder_of(t);
	const script = `LISTEN_PID=$$ LISTEN_FDS=${fds.length} exec "$0" --data "$1" --listen 127.0.0.1:1`;
	const child = spawn('sh', ['-c', script, atolld, data], {
		stdio: ['ignore', 'pipe', stderr, ...fds],
		env: { ...process.env, ...env },
	});
	const seen = { child, stdout: '', stderr: '', ended: once(child, 'close') };
	child.stdout.on('data', (text) => (seen.stdout += text));
	child.stderr?.on('data', (text) => (seen.stderr += text));
	t.after(() => child.exitCode === null && child.kill('SIGKILL'));
	return seen;
}

// Bound and listening; whoever hands it over closes it, or would take its connections, too.
async function listen() {
	const socket = net.createServer();
	socket.listen(0, '127.0.0.1');
	await once(socket, 'listening');
	return socket;
}

describe('a listening socket that was handed over', () => {
	test('is served instead of the address of the settings', async (t) => {
		const socket = await listen();
		const { port } = socket.address();
		const server = start_activated(t, [socket._handle.fd]);
		socket.close();
		await until('ready', () => /^ready .*\n/m.test(server.stdout));
		assert.match(server.stdout, new RegExp(`ready http://127\\.0\\.0\\.1:${port}\\n`));
		assert.equal((await request(`http://127.0.0.1:${port}/health`)).status, 200);
		server.child.kill('SIGTERM');
		assert.deepEqual(await server.ended, [0, null], server.stderr);
	});

	test('is one: of two it is not known which', async (t) => {
		const sockets = [await listen(), await listen()];
		const server = start_activated(t, sockets.map((socket) => socket._handle.fd));
		for (const socket of sockets) socket.close();
		assert.deepEqual(await server.ended, [2, null]);
		assert.match(server.stderr, /2 sockets were handed over \(LISTEN_FDS\)/);
	});

	test('is a socket that listens, for TCP', async (t) => {
		const file = openSync('/dev/null', 'r');
		const server = start_activated(t, [file]);
		assert.deepEqual(await server.ended, [2, null]);
		assert.match(server.stderr, /the inherited socket is no TCP socket/);
	});
});

function run(args, env = {}) {
	return spawnSync(atolld, args, { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 60_000 });
}

describe('--check-config', () => {
	test('is content with good settings, and touches nothing', (t) => {
		const folder = folder_of(t);
		const file = path.join(folder, 'atolld.conf');
		writeFileSync(file, `data = ${folder}/data\nlocations = ord, nrt\n`);
		const { status, stdout, stderr } = run(['--config', file, '--check-config']);
		assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'the settings are good\n', stderr: '' });
		assert.notEqual(run(['token', 'mint', '--data', `${folder}/data`]).status, 0, 'the folder was made');
	});

	for (const [line, complaint] of [
		['write-wait = soon', '"soon" is not a duration such as 5s or 60ms'],
		['workers-max = 1', '1 is out of bounds: 2 to 10000'],
		['log-level = loud', '"loud" is not one of error|warn|info|debug'],
		['listen = here', '"here" is not ADDRESS:PORT'],
		['locations = ord,moon', 'there is no location "moon"'],
		['closest-region = moon', '"moon" is not served here'],
		['simulate-latency = far', '"far" is neither "60ms" nor "ord:nrt=80ms"'],
		['oauth-clients = app', 'each is ID SECRET URL'],
		['colour = red', 'unknown setting "colour"; --help lists them'],
		['colour', 'expected NAME = VALUE'],
	])
		test(`tells file, line and what is allowed: ${line}`, (t) => {
			const file = path.join(folder_of(t), 'atolld.conf');
			writeFileSync(file, `# the third line is wrong\nlog-format = json\n${line}\n`);
			const { status, stderr } = run(['--config', file, '--check-config']);
			assert.equal(status, 1);
			assert.ok(stderr.includes(`${file}:3`), stderr);
			assert.ok(stderr.includes(complaint), stderr);
		});

	test('tells of the environment and of flags, and of a certificate that there is not', () => {
		const environment = run(['--check-config'], { ATOLLD_STREAMS_MAX: 'many' });
		assert.equal(environment.status, 1);
		assert.match(environment.stderr, /"streams-max" \(environment ATOLLD_STREAMS_MAX\): "many" is not a whole number/);
		const flag = run(['--check-config', '--tls-cert=/nowhere/cert.pem', '--tls-key=/nowhere/key.pem']);
		assert.equal(flag.status, 1);
		assert.match(flag.stderr, /"tls-cert" \(flag --tls-cert\): cannot open a file\natolld: \/nowhere\/cert\.pem/);
	});
});

test('--print-config shows every setting and where it comes from, and no secret', (t) => {
	const file = path.join(folder_of(t), 'atolld.conf');
	const secret = 'correct-horse-battery-staple-0123456789';
	writeFileSync(file, `\norganization = acme\noauth-clients = app ${secret} https://app.example/back\n`);
	const { status, stdout } = run(['--config', file, '--print-config', '--write-wait=60ms'], {
		ATOLLD_CONFIG: '/nowhere/atolld.conf', // the flag goes before it
		ATOLLD_DOMAIN: 'db.example',
	});
	assert.equal(status, 0);
	const rows = new Map(
		stdout.trimEnd().split('\n').map((line) => {
			const [, name, value, origin] = /^([a-z-]+) = (.*?) +# (.*)$/.exec(line);
			return [name, [value, origin]];
		}),
	);
	assert.deepEqual(rows.get('config'), [file, 'flag --config']);
	assert.deepEqual(rows.get('organization'), ['acme', `${file}:2`]);
	assert.deepEqual(rows.get('domain'), ['db.example', 'environment ATOLLD_DOMAIN']);
	assert.deepEqual(rows.get('write-wait'), ['60ms', 'flag --write-wait']);
	assert.deepEqual(rows.get('log-level'), ['info', 'default']);
	assert.deepEqual(rows.get('oauth-clients'), ['(hidden)', `${file}:3`]);
	assert.equal(stdout.includes(secret), false);
	for (const [, name] of run(['--help']).stdout.matchAll(/^ {2}--([a-z-]+) \S/gm)) {
		if (!name.endsWith('-config')) assert.ok(rows.has(name), name);
	}
});

test('under the journal, lines begin with their priority', async (t) => {
	const socket = await listen();
	const folder = folder_of(t);
	const log = path.join(folder, 'stderr');
	const fd = openSync(log, 'w');
	const { statSync, readFileSync } = await import('node:fs');
	const { dev, ino } = statSync(log);
	const server = start_activated(t, [socket._handle.fd], { stderr: fd, env: { JOURNAL_STREAM: `${dev}:${ino}` } });
	socket.close();
	await until('ready', () => /^ready .*\n/m.test(server.stdout));
	server.child.kill('SIGTERM');
	assert.deepEqual(await server.ended, [0, null]);
	const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
	assert.ok(lines.some((line) => /^<6>\S+ info server\.ready /.test(line)), lines.join('\n'));
	assert.ok(lines.every((line) => /^<[3-7]>/.test(line)), lines.join('\n'));
});
