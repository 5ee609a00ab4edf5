// What a user would take instead. Each is started for a measurement and stopped after it, on its own data.
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONNECTIONS, FIRST_KEY, KEY_COUNT, check_select, fill_statements, load, pipeline, schema } from './load.mjs';
import { LOAD_CORE, free_port, run, start_server, stop_server } from './process.mjs';

async function answers(port) {
	try {
		await fetch(`http://127.0.0.1:${port}/`);
		return true;
	} catch {
		return false;
	}
}

/// A server that takes pipelines over HTTP.
function http_peer({ name, version, argv, target: fixed = {} }) {
	let filled = false;
	const measure = (kind) => async (seconds) => {
		const port = await free_port();
		const server = await start_server(argv(port), () => answers(port));
		try {
			const target = { port, pid: server.pid, ...fixed };
			if (!filled) {
				for (const statement of schema) await pipeline(target, statement);
				for (const statement of fill_statements()) await pipeline(target, statement);
				filled = true;
			}
			await check_select(target);
			return await load(target, kind, seconds);
		} finally {
			await stop_server(server);
		}
	};
	return { name, version, measures: { select: measure('select'), insert: measure('insert') } };
}

const version_of = (folder, name) =>
	JSON.parse(readFileSync(path.join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;

export function node({ built, work }) {
	const modules = path.join(built, 'node');
	if (!existsSync(path.join(modules, 'installed')))
		return { name: 'node', absent: 'better-sqlite3 could not be installed here' };
	const script = fileURLToPath(new URL('peers/node_server.mjs', import.meta.url));
	return http_peer({
		name: 'node',
		version: `node ${process.versions.node}, better-sqlite3 ${version_of(modules, 'better-sqlite3')}`,
		argv: (port) => [process.execPath, script, String(port), path.join(work, 'node.db'), modules],
	});
}

export function tursodb({ built, work }) {
	const folder = path.join(built, 'tursodb');
	const scope = path.join(folder, 'node_modules', '@tursodatabase');
	const binary = existsSync(scope)
		? readdirSync(scope)
				.map((name) => path.join(scope, name, 'tursodb'))
				.find(existsSync)
		: undefined;
	if (!binary) return { name: 'tursodb', absent: 'the npm package turso has no binary for this machine' };
	return http_peer({
		name: 'tursodb',
		version: `tursodb ${version_of(folder, 'turso')}`,
		argv: (port) => [binary, path.join(work, 'tursodb.db'), '--sync-server', `127.0.0.1:${port}`],
		target: { close: false },
	});
}

// -- PostgreSQL ---------------------------------------------------------------------------------------

function postgres_folder() {
	const base = '/usr/lib/postgresql';
	if (!existsSync(base)) return undefined;
	const versions = readdirSync(base).filter((version) => existsSync(path.join(base, version, 'bin/pgbench')));
	versions.sort((a, b) => Number(b) - Number(a));
	return versions.length > 0 ? path.join(base, versions[0], 'bin') : undefined;
}

const scripts = {
	select: `\\set id random(${FIRST_KEY}, ${FIRST_KEY + KEY_COUNT - 1})
SELECT id, name, value FROM item WHERE id = :id;
`,
	insert: `\\set value random(${FIRST_KEY}, ${FIRST_KEY + KEY_COUNT - 1})
INSERT INTO entry (name, value) VALUES ('entry number ' || :value, :value);
`,
};

/// PostgreSQL refuses to run as root: Debian's package brings a user for it.
function as_postgres() {
	if (process.getuid() !== 0) return { prefix: [], uid: process.getuid(), gid: process.getgid() };
	const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
	return {
		prefix: ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', '--'],
		uid: id('-u'),
		gid: id('-g'),
	};
}

/// Debian's PostgreSQL with its own settings (fsync and synchronous_commit on), a cluster of our own, a Unix socket.
export function postgres({ work }) {
	const bin = postgres_folder();
	if (!bin) return { name: 'postgres', absent: "Debian's package postgresql is not installed" };
	const { prefix, uid, gid } = as_postgres();
	const folder = path.join(work, 'postgres');
	const data = path.join(folder, 'data');
	const tool = (name, ...args) => [path.join(bin, name), ...args];
	const sql = (text) =>
		run(LOAD_CORE, [
			'psql',
			'-XqAt',
			'-v',
			'ON_ERROR_STOP=1',
			'-h',
			folder,
			'-U',
			'bench',
			'-d',
			'postgres',
			'-c',
			text,
		]);

	async function create() {
		mkdirSync(folder);
		chownSync(folder, uid, gid);
		await run(
			LOAD_CORE,
			[...prefix, ...tool('initdb', '-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale=C')],
			{ cwd: '/' },
		);
		for (const [kind, text] of Object.entries(scripts)) writeFileSync(path.join(folder, `${kind}.sql`), text);
	}

	const start = () =>
		start_server(
			[...prefix, ...tool('postgres', '-D', data, '-k', folder, '-c', 'listen_addresses=')],
			async () => {
				try {
					await sql('SELECT 1');
					return true;
				} catch {
					return false;
				}
			},
			{ cwd: '/' },
		);

	async function pgbench(kind, seconds) {
		const out = await run(LOAD_CORE, [
			...tool('pgbench', '-n', '-M', 'prepared', '-c', String(CONNECTIONS), '-j', '1', '-T', String(seconds)),
			'-f',
			path.join(folder, `${kind}.sql`),
			'-h',
			folder,
			'-U',
			'bench',
			'postgres',
		]);
		if (!/number of failed transactions: 0 /.test(out)) throw new Error(`pgbench: ${out}`);
		return {
			rate: Number(out.match(/^tps = ([\d.]+)/m)[1]),
			mean_ms: Number(out.match(/^latency average = ([\d.]+) ms/m)[1]),
		};
	}

	const measure = (kind) => async (seconds) => {
		const is_new = !existsSync(data);
		if (is_new) await create();
		const server = await start();
		try {
			if (is_new) {
				await sql(`CREATE TABLE item (id bigint PRIMARY KEY, name text NOT NULL, value bigint NOT NULL);
					CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, value bigint NOT NULL);
					INSERT INTO item SELECT i, 'item number ' || i, i * 7
						FROM generate_series(${FIRST_KEY}, ${FIRST_KEY + KEY_COUNT - 1}) i;`);
				await sql('VACUUM ANALYZE');
				await sql('CHECKPOINT');
			}
			const settings = await sql('SHOW fsync; SHOW synchronous_commit');
			if (settings.trim() !== 'on\non') throw new Error(`PostgreSQL would not be durable: ${settings}`);
			await pgbench(kind, 1);
			return await pgbench(kind, seconds);
		} finally {
			await stop_server(server, 'SIGINT');
		}
	};
	const version = execFileSync(tool('postgres', '--version')[0], ['--version'], { encoding: 'utf8' }).match(
		/[\d.]+/,
	)[0];
	return {
		name: 'postgres',
		version: `PostgreSQL ${version}`,
		measures: { select: measure('select'), insert: measure('insert') },
	};
}
