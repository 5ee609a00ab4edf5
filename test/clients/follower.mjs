// A program that has a replica of a database in its process and follows the server without pause, for tests that need
// several of them, or one whose client keeps JavaScript waiting while it syncs.
//
//     node follower.mjs PACKAGE FILE URL TOKEN      with an IPC channel: {id, call, …} → {id, value} or {id, error}
//
// Calls: pause (after the sync under way; tells what was done since), resume, sync (until nothing is new), rows {sql},
// write {sql} (through to the primary, or, where the client does not, locally and pushed), end.
import { setTimeout as sleep } from 'node:timers/promises';

const [name, file, url, token] = process.argv.slice(2);
const SYNCS_MAX = 50;

/// libsql: pulls frames, writes through the server (spec/replication.md, R1).
async function open_libsql() {
	const { default: Database } = await import(name);
	const db = new Database(file, { syncUrl: url, authToken: token });
	return {
		sync: async () => ((await db.sync()) ?? {}).frames_synced > 0,
		rows: async (sql) => db.prepare(sql).all(),
		write: async (sql) => db.exec(sql),
		close: async () => db.close(),
	};
}

/// @tursodatabase/sync: pulls pages (R3).
async function open_turso() {
	const { connect } = await import(name);
	const db = await connect({ path: file, url, authToken: token, clientName: 'follower' });
	return {
		sync: async () => Boolean(await db.pull()),
		rows: async (sql) => (await db.prepare(sql)).all(),
		write: async (sql) => {
			await db.exec(sql);
			await db.push();
		},
		close: async () => db.close(),
	};
}

const replica = await (name.startsWith('libsql') ? open_libsql() : open_turso());
const done = { synced: 0, failed: 0, error: '' };
const asked = [];
let follows = true;
let ended = false;
let wake = () => {};

const calls = {
	pause: async () => {
		follows = false;
		return { ...done };
	},
	resume: async () => {
		follows = true;
	},
	sync: async () => {
		for (let i = 0; i < SYNCS_MAX; i++) if (!(await replica.sync())) return i;
		throw new Error(`something is new after ${SYNCS_MAX} syncs`);
	},
	rows: ({ sql }) => replica.rows(sql),
	write: ({ sql }) => replica.write(sql),
	end: async () => {
		ended = true;
		await replica.close();
	},
};

async function answer({ id, call, ...parameters }) {
	try {
		process.send({ id, value: await calls[call](parameters) });
	} catch (error) {
		process.send({ id, error: error.message });
	}
}

async function follow() {
	try {
		await replica.sync();
		done.synced++;
	} catch (error) {
		done.failed++;
		done.error = error.message;
		await sleep(20);
	}
}

process.on('message', (message) => {
	asked.push(message);
	wake();
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
while (!ended) {
	await sleep(0);
	if (asked.length > 0) await answer(asked.shift());
	else if (follows) await follow();
	else await new Promise((resolve) => (wake = resolve));
}
process.disconnect();
