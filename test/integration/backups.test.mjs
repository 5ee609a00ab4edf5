// Backups: made by time and when asked for, restored aside and compared, kept, and made databases again (docs/operations.md).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, existsSync, linkSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { parse_exposition } from '../lib/exposition.mjs';
import { request, run_atolld, startServer, until } from '../lib/server.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'atoll-backups-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function new_target() {
	return path.join(folder, `target-${++count}`);
}

function backups_of(server) {
	const base = `/v1/organizations/${server.organization}/backups`;
	const call = async (method, at = '', body = undefined, status = 200) => {
		const answer = await server.api(method, base + at, body);
		assert.equal(answer.status, status, `${method} ${at}: ${answer.text}\n${server.report()}`);
		return answer.json;
	};
	return {
		call,
		list: async (query = '') => (await call('GET', query)).backups,
		get: async (id) => (await call('GET', `/${id}`)).backup,
		/// Asks for one and waits until it was made and verified.
		async make(database) {
			const { backups } = await call('POST', '', { database });
			return this.settled(backups[0].id);
		},
		settled(id) {
			return until(`backup ${id} to be made and verified`, async () => {
				const backup = await this.get(id);
				const over = backup.state === 'failed' || (backup.state === 'complete' && !backup.verification.pending);
				return over && backup.verification.verdict !== 'none' && backup;
			});
		},
		async verify(id) {
			await call('POST', `/${id}/verify`);
			return until('the verdict', async () => {
				const { verification } = await this.get(id);
				return !verification.pending && verification;
			});
		},
		/// A new database from a backup, with an instance: its label.
		async restore(id, name) {
			const { database } = await call('POST', `/${id}/restore`, { name });
			assert.equal(database.Name, name);
			return place(server, name);
		},
	};
}

async function place(server, name) {
	const at = `/v1/organizations/${server.organization}/databases/${name}`;
	const { instance } = (await server.api('POST', `${at}/instances`, { location: 'ord' })).json;
	assert.equal((await server.api('GET', `${at}/instances/${instance.name}/wait`)).status, 200);
	const label = `${name}-${server.organization}`;
	server.jwt_of.set(label, (await server.api('POST', `${at}/auth/tokens`)).json.jwt);
	return label;
}

/// The files of a backup in a target folder: {content, manifest}.
function files_of(target, id) {
	const all = existsSync(target) ? readdirSync(target, { recursive: true }).map(String) : [];
	const find = (ending) => all.find((name) => name.endsWith(`${id}${ending}`));
	const whole = (name) => name && path.join(target, name);
	return { content: whole(find('.db.gz')), manifest: whole(find('.json')), all };
}

async function metrics_of(server) {
	return parse_exposition((await server.api('GET', '/metrics')).text);
}

async function readiness(server) {
	const { status, json } = await request(`${server.url}/ready`);
	return { status, ...json, backups: json.checks.find(({ name }) => name === 'backups') };
}

/// Whoever opens the manifest waits until `let_go` is called, and finds nothing in it.
function hold_manifest(target, id) {
	const { manifest } = files_of(target, id);
	const beside = path.join(folder, `${id}.fifo`);
	rmSync(manifest);
	execFileSync('mkfifo', [beside]);
	linkSync(beside, manifest);
	return { beside, let_go: () => openSync(beside, 'r+') };
}

describe('a target that does not answer', () => {
	const target = new_target();
	let server;
	let backups;

	before(async () => {
		server = await startServer({ args: ['--backup-target', target, '--backup-interval', '0'] });
		backups = backups_of(server);
		await server.createDatabase('held');
	});
	after(() => server?.stop());

	test('holds a few workers, not all', async () => {
		const { id } = await backups.make('held');
		const { let_go } = hold_manifest(target, id);
		const at = `/v1/organizations/${server.organization}/backups/${id}/restore`;
		const answers = ['a', 'b', 'c', 'd', 'e'].map((name) => server.api('POST', at, { name }));
		const first = await Promise.race(answers);
		const fd = let_go();
		const all = await Promise.all(answers);
		closeSync(fd);
		assert.equal(first.status, 503);
		assert.match(first.text, /4 backups are being restored already; try again \(limit RESTORES_MAX\)/);
		assert.deepEqual(all.map(({ status }) => status).sort(), [400, 400, 400, 400, 503]);
		await backups.call('DELETE', `/${id}`);
	});

	test('alarms nobody when the backup is removed meanwhile', async () => {
		const { id } = await backups.make('held');
		const { let_go } = hold_manifest(target, id);
		await backups.call('POST', `/${id}/verify`);
		const { backups: [next] } = await backups.call('POST', '', { database: 'held' });
		await backups.call('DELETE', `/${id}`);
		const fd = let_go();
		await backups.settled(next.id);
		closeSync(fd);
		assert.doesNotMatch(server.stderr, new RegExp(`backup.damaged backup=${id}`));
		assert.equal((await metrics_of(server)).value('atoll_backup_verifications_total', { result: 'failed' }), 0);
	});
});

describe('backups in a folder', () => {
	const target = new_target();
	let server;
	let backups;

	before(async () => {
		server = await startServer({ args: ['--backup-target', target, '--backup-interval', '0'] });
		backups = backups_of(server);
	});
	after(() => server?.stop());

	test('one taken under write load restores to equal content', async () => {
		const db = await server.createDatabase('busy');
		await server.rows(db.label, 'CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)');
		await server.rows(db.label, 'CREATE INDEX t_a ON t(a)');
		let acknowledged = 0;
		let goes_on = true;
		const writer = (async () => {
			while (goes_on) {
				const text = randomBytes(400).toString('hex');
				await server.rows(db.label, { sql: 'INSERT INTO t(a, b) VALUES (?, ?)', args: [text, acknowledged] });
				acknowledged++;
			}
		})();
		await until('some rows', () => acknowledged > 100);
		const before = acknowledged;
		const backup = await backups.make('busy');
		await until('more rows', () => acknowledged > before + 50);
		goes_on = false;
		await writer;

		assert.equal(backup.state, 'complete');
		assert.equal(backup.verification.verdict, 'ok');
		const label = await backups.restore(backup.id, 'busy-again');
		const [{ n }] = await server.rows(label, 'SELECT count(*) AS n FROM t');
		assert.ok(n >= before, `${n} of ${before} acknowledged rows`);
		const rows = (of) => server.rows(of, { sql: 'SELECT * FROM t WHERE id <= ? ORDER BY id', args: [n] });
		assert.deepEqual(await rows(label), await rows(db.label));
		assert.deepEqual(await server.rows(label, 'SELECT max(id) AS m FROM t'), [{ m: n }], 'nothing that came later');
		assert.deepEqual(
			await server.rows(label, "SELECT name FROM sqlite_schema ORDER BY name"),
			await server.rows(db.label, "SELECT name FROM sqlite_schema ORDER BY name"),
		);
		await server.rows(label, "INSERT INTO t(a) VALUES ('its own')");

		// What lies in the target is a SQLite file that anybody can unpack, and says what it is.
		const { content, manifest } = files_of(target, backup.id);
		const file = gunzipSync(readFileSync(content));
		assert.equal(file.subarray(0, 15).toString(), 'SQLite format 3');
		assert.equal(createHash('sha256').update(file).digest('hex'), backup.content.sha256);
		const told = JSON.parse(readFileSync(manifest, 'utf8'));
		assert.equal(told.id, backup.id);
		assert.equal(told.database, 'busy');
		assert.equal(told.database_id, db.uuid);
		for (const name of ['log_id', 'frame_no', 'page_count', 'stored_bytes', 'sha256', 'at'])
			assert.equal(told[name], backup.content[name], name);
		assert.equal(told.content_bytes, file.length);
		assert.equal(told.format, 1);
		for (const name of [content, manifest]) assert.equal(statSync(name).mode & 0o777, 0o600);
	});

	test('one that is damaged turns the metric and the readiness red, and is not restored', async (t) => {
		const db = await server.createDatabase('kept');
		await server.rows(db.label, 'CREATE TABLE t(x)');
		for (let i = 0; i < 20; i++) await server.rows(db.label, { sql: 'INSERT INTO t VALUES (?)', args: [randomBytes(2000)] });
		const damages = {
			'a flipped byte of the content': ({ content }) => {
				const bytes = readFileSync(content);
				bytes[bytes.length >> 1] ^= 1;
				writeFileSync(content, bytes);
			},
			'a byte too many': ({ content }) => writeFileSync(content, 'x', { flag: 'a' }),
			'the end is missing': ({ content }) => truncateSync(content, statSync(content).size - 100),
			'another number in the description': ({ manifest }) =>
				writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/"page_count":/, '"page_count":1')),
			'no description': ({ manifest }) => rmSync(manifest),
			'no content': ({ content }) => rmSync(content),
		};
		for (const [what, damage] of Object.entries(damages))
			await t.test(what, async () => {
				const backup = await backups.make('kept');
				assert.equal((await readiness(server)).backups.status, 'ok');
				const earlier = await metrics_of(server);
				damage(files_of(target, backup.id));
				const verification = await backups.verify(backup.id);
				assert.equal(verification.verdict, 'failed', JSON.stringify(verification));
				assert.match(verification.error, /backup/);
				assert.equal(verification.verified_at, backup.verification.verified_at, 'the last time that it was good');

				const metrics = await metrics_of(server);
				assert.equal(metrics.value('atoll_backups_damaged'), 1);
				const failed = { result: 'failed' };
				assert.equal(
					metrics.value('atoll_backup_verifications_total', failed),
					earlier.value('atoll_backup_verifications_total', failed) + 1,
				);
				const ready = await readiness(server);
				assert.equal(ready.status, 'degraded', 'status, from the body');
				assert.equal(ready.backups.status, 'failed');
				assert.match(ready.backups.error, /1 backup could not be restored/);
				assert.equal((await request(`${server.url}/ready`)).status, 200, 'it serves all the same');
				await until('the log to tell of it', () => server.stderr.includes(`backup.damaged backup=${backup.id}`));

				const refused = await backups.call('POST', `/${backup.id}/restore`, { name: 'nothing' }, 400);
				assert.match(refused.error, /damaged|missing/);
				assert.equal((await server.api('GET', `/v1/organizations/${server.organization}/databases/nothing`)).status, 404);

				await backups.call('DELETE', `/${backup.id}`);
				await backups.call('GET', `/${backup.id}`, undefined, 404);
				assert.deepEqual(files_of(target, backup.id).content, undefined);
				assert.equal((await readiness(server)).status, 'ok');
				assert.equal((await metrics_of(server)).value('atoll_backups_damaged'), 0);
			});
	});

	test('one outlives its database', async () => {
		const db = await server.createDatabase('mortal');
		await server.rows(db.label, 'CREATE TABLE t(x)');
		await server.rows(db.label, "INSERT INTO t VALUES ('remembered')");
		const backup = await backups.make('mortal');
		assert.equal((await server.api('DELETE', db.path)).status, 200);
		assert.deepEqual((await backups.list('?database=mortal')).map(({ id }) => id), [backup.id]);
		assert.deepEqual((await backups.list(`?database=${db.uuid}`)).map(({ id }) => id), [backup.id]);
		assert.equal((await backups.verify(backup.id)).verdict, 'ok');
		const label = await backups.restore(backup.id, 'mortal');
		assert.deepEqual(await server.rows(label, 'SELECT * FROM t'), [{ x: 'remembered' }]);
	});

	test('all databases at once; one whose reads are blocked, too', async () => {
		const names = ['one', 'two', 'three'];
		for (const name of names) {
			const { label } = await server.createDatabase(name);
			await server.rows(label, `CREATE TABLE ${name}(x)`);
		}
		const blocked = await server.api('PATCH', `/v1/organizations/${server.organization}/databases/two/configuration`, {
			block_reads: true,
		});
		assert.equal(blocked.status, 200, blocked.text);
		const asked = (await backups.call('POST', '', {})).backups;
		const of = new Map(asked.map(({ database, id }) => [database, id]));
		for (const name of names) {
			const backup = await backups.settled(of.get(name));
			assert.equal(backup.verification.verdict, 'ok', name);
			assert.ok(!backup.automatic);
		}
		const ages = (await metrics_of(server)).samples('atoll_database_backup_verified_age_seconds');
		assert.ok(ages.some(({ labels }) => labels.database === 'three' && labels.organization === server.organization));
		for (const { value } of ages) assert.ok(value >= 0 && value < 3600);
	});

	test('who asks twice while it waits gets the same one', async () => {
		const answers = await Promise.all(Array.from({ length: 5 }, () => backups.call('POST', '', { database: 'one' })));
		const ids = answers.map(({ backups: [{ id }] }) => id);
		assert.ok(new Set(ids).size < 5, ids.join());
		for (const id of new Set(ids)) await backups.settled(id);
	});

	test('what cannot be backed up, and names that are none', async () => {
		const empty = await server.api('POST', `/v1/organizations/${server.organization}/databases`, { name: 'bare' });
		assert.equal(empty.status, 200);
		const { error, code } = await backups.call('POST', '', { database: 'bare' }, 409);
		assert.match(error, /no primary instance/);
		assert.equal(code, 'not_ready');
		await backups.call('POST', '', { database: 'unknown' }, 404);
		await backups.call('POST', '', { database: 7 }, 400);
		for (const at of ['/20261125T000000000Z-000000000000', '/x']) {
			assert.equal((await backups.call('GET', at, undefined, 404)).code, 'backup_not_found');
			await backups.call('POST', `${at}/verify`, undefined, 404);
			await backups.call('POST', `${at}/restore`, { name: 'x' }, 404);
			await backups.call('DELETE', at, undefined, 404);
		}
		const [backup] = await backups.list('?limit=1');
		await backups.call('POST', `/${backup.id}/restore`, {}, 400);
		await backups.call('POST', `/${backup.id}/restore`, { name: 'one' }, 409);
		await backups.call('POST', `/${backup.id}/restore`, { name: 'new', group: 'none' }, 400);
	});

	test('organizations never see each other, and members who are no administrators see none', async () => {
		const [backup] = await backups.list('?database=one');
		const password = 'correct horse battery';
		const token_of = async (username) => {
			const created = await server.api('POST', '/v1/users', { username, password });
			assert.equal(created.status, 200, created.text);
			const { json } = await server.api('POST', '/v1/auth/login', { username, password }, { authorization: null });
			return { authorization: `Bearer ${json.jwt}` };
		};
		const eve = await token_of('eve');
		const own = '/v1/organizations/eve/backups';
		assert.deepEqual((await server.api('GET', own, undefined, eve)).json, { backups: [] });
		assert.equal((await server.api('GET', `${own}/${backup.id}`, undefined, eve)).status, 404);
		assert.equal((await server.api('POST', `${own}/${backup.id}/restore`, { name: 'stolen' }, eve)).status, 404);
		assert.equal((await server.api('POST', `${own}/${backup.id}/verify`, undefined, eve)).status, 404);
		assert.equal((await server.api('DELETE', `${own}/${backup.id}`, undefined, eve)).status, 404);
		const theirs = `/v1/organizations/${server.organization}/backups`;
		assert.equal((await server.api('GET', theirs, undefined, eve)).status, 403);
		const mallory = await token_of('mallory');
		const added = await server.api('POST', `/v1/organizations/${server.organization}/members`, { username: 'mallory', role: 'member' });
		assert.equal(added.status, 200, added.text);
		for (const [method, at] of [['GET', ''], ['POST', ''], ['GET', `/${backup.id}`], ['DELETE', `/${backup.id}`]])
			assert.equal((await server.api(method, theirs + at, undefined, mallory)).status, 403, `${method} ${at}`);
		assert.equal((await server.api('GET', theirs, undefined, { authorization: null })).status, 401);
	});
});

describe('backups and the end of the process', () => {
	test('kill -9 in the middle leaves nothing that counts as a backup, and it is made after the start', async () => {
		const target = new_target();
		const server = await startServer({ args: ['--backup-target', target, '--backup-interval', '0'] });
		try {
			const backups = backups_of(server);
			const db = await server.createDatabase('large');
			await server.rows(db.label, 'CREATE TABLE t(x)');
			for (let i = 0; i < 24; i++)
				await server.sql(db.label, ['BEGIN', ...Array(4).fill({ sql: 'INSERT INTO t VALUES (randomblob(?))', args: [1 << 20] }), 'COMMIT']);
			const { backups: [{ id }] } = await backups.call('POST', '', { database: 'large' });
			await until('it to be under way', async () => (await backups.get(id)).progress?.done_bytes > 0);
			await server.kill();
			assert.equal(files_of(target, id).manifest, undefined, 'no description, no backup');
			await server.restart();
			const backup = await backups.settled(id);
			assert.equal(backup.state, 'complete');
			assert.equal(backup.verification.verdict, 'ok');
			assert.ok(backup.attempts >= 2);
			assert.ok(files_of(target, id).manifest);
			assert.deepEqual(files_of(target, id).all.filter((name) => name.endsWith('.part')), []);
			assert.deepEqual(readdirSync(path.join(server.data, 'uploads')), []);
		} finally {
			await server.stop();
		}
	});

	test('a stop does not wait for a backup', async () => {
		const server = await startServer({ args: ['--backup-target', new_target(), '--backup-interval', '0'] });
		const backups = backups_of(server);
		const db = await server.createDatabase('large');
		await server.rows(db.label, 'CREATE TABLE t(x)');
		for (let i = 0; i < 8; i++)
			await server.sql(db.label, ['BEGIN', ...Array(4).fill({ sql: 'INSERT INTO t VALUES (randomblob(?))', args: [1 << 20] }), 'COMMIT']);
		const { backups: [{ id }] } = await backups.call('POST', '', { database: 'large' });
		await server.restart();
		assert.equal((await backups.settled(id)).verification.verdict, 'ok');
		await server.stop();
	});
});

describe('backups by time', () => {
	test('they make themselves, and only so many are kept', async () => {
		const target = new_target();
		const server = await startServer({
			args: ['--backup-target', target, '--backup-interval', '400ms', '--backup-keep', '2'],
		});
		try {
			const backups = backups_of(server);
			const db = await server.createDatabase('timed');
			await server.rows(db.label, 'CREATE TABLE t(x)');
			const first = await until('the first one', async () => (await backups.list()).find(({ state }) => state === 'complete'));
			assert.ok(first.automatic);
			await until('it to be replaced', async () => (await backups.list()).every(({ id }) => id !== first.id));
			const newest = await until('a good one', async () =>
				(await backups.list()).find(({ verification }) => verification.verdict === 'ok'),
			);
			assert.ok(newest.id > first.id);
			const { content, manifest } = files_of(target, first.id);
			assert.deepEqual([content, manifest], [undefined, undefined]);
			const complete = (await backups.list()).filter(({ state }) => state === 'complete');
			assert.ok(complete.length <= 4, `${complete.length}`);
		} finally {
			await server.stop();
		}
	});

	test('from the target alone a server comes back', async () => {
		const target = new_target();
		const args = ['--backup-target', target, '--backup-interval', '300ms'];
		const server = await startServer({ args });
		const { token, organization, bootstrap } = server;
		try {
			const { label } = await server.createDatabase('precious');
			await server.rows(label, 'CREATE TABLE t(x)');
			await server.rows(label, "INSERT INTO t VALUES ('kept')");
			const good = await backups_of(server).make('precious');
			assert.equal(good.verification.verdict, 'ok');
			for (const one of await backups_of(server).list()) assert.notEqual(one.database, 'platform', 'the operator alone has it');
			const own = () => readdirSync(path.join(target, 'platform')).filter((name) => name.endsWith('.json')).sort();
			await until('the platform to be backed up after that', async () => own().at(-1)?.slice(0, 19) > good.id.slice(0, 19) && (await metrics_of(server)).value('atoll_backups_damaged') === 0);
			await server.kill();
			const data = path.join(folder, 'rebuilt');
			mkdirSync(path.join(data, 'platform'), { recursive: true });
			const newest = own().at(-1).replace('.json', '.db.gz');
			writeFileSync(path.join(data, 'platform/data.db'), gunzipSync(readFileSync(path.join(target, 'platform', newest))));
			writeFileSync(path.join(data, 'bootstrap.json'), JSON.stringify(bootstrap));
			const rebuilt = await startServer({ args: [...args.slice(0, 2), '--backup-interval', '0'], data });
			try {
				assert.equal(rebuilt.token, token, 'the tokens of before');
				assert.equal(rebuilt.organization, organization);
				const backups = backups_of(rebuilt);
				const at = `/v1/organizations/${organization}/databases/precious`;
				assert.equal((await rebuilt.api('DELETE', at)).status, 200);
				const again = await backups.restore(good.id, 'precious');
				assert.deepEqual(await rebuilt.rows(again, 'SELECT x FROM t'), [{ x: 'kept' }]);
			} finally {
				await rebuilt.stop();
			}
		} finally {
			await server.stop();
			server.remove_data();
		}
	});

	test('old ones go, but the newest good one of a database that lives', async () => {
		const target = new_target();
		const args = ['--backup-target', target, '--backup-interval', '0'];
		const server = await startServer({ args });
		try {
			const backups = backups_of(server);
			const made = {};
			for (const name of ['alive', 'dead']) {
				const { label } = await server.createDatabase(name);
				await server.rows(label, 'CREATE TABLE t(x)');
				made[name] = [await backups.make(name), await backups.make(name)];
			}
			await server.api('DELETE', `/v1/organizations/${server.organization}/databases/dead`);
			await server.restart({ args: [...args, '--backup-keep-age', '1ms'] });
			const left = await until('the old ones to go', async () => {
				const list = await backups.list();
				return list.length === 1 && list;
			});
			assert.equal(left[0].id, made.alive[1].id);
			assert.equal(files_of(target, made.dead[1].id).all.filter((name) => name.endsWith('.gz')).length, 1);
		} finally {
			await server.stop();
		}
	});

	test('the newest one is verified again by itself, and damage is found', async () => {
		const target = new_target();
		const server = await startServer({
			args: ['--backup-target', target, '--backup-interval', '0', '--backup-verify-interval', '200ms'],
		});
		try {
			const backups = backups_of(server);
			const { label } = await server.createDatabase('watched');
			await server.rows(label, 'CREATE TABLE t(x)');
			const backup = await backups.make('watched');
			await until('a second time', async () =>
				(await metrics_of(server)).value('atoll_backup_verifications_total', { result: 'ok' }) >= 2,
			);
			rmSync(files_of(target, backup.id).content);
			await until('the loss to be seen', async () => (await readiness(server)).backups.status === 'failed');
		} finally {
			await server.stop();
		}
	});
});

describe('targets', () => {
	test('a target that cannot be written to is told, and tried again', async () => {
		const file = path.join(folder, 'no-folder');
		writeFileSync(file, '');
		const server = await startServer({ args: ['--backup-target', file, '--backup-interval', '0'] });
		try {
			const backups = backups_of(server);
			await server.createDatabase('a');
			const { backups: [{ id }] } = await backups.call('POST', '', { database: 'a' });
			const waiting = await until('a failure', async () => {
				const backup = await backups.get(id);
				return backup.error && backup;
			});
			assert.equal(waiting.state, 'queued', 'it is tried again');
			await until('the log to tell of it', () => server.stderr.includes('backup.failed'));
			// It is mended meanwhile.
			rmSync(file);
			mkdirSync(file);
			const backup = await backups.settled(id);
			assert.equal(backup.verification.verdict, 'ok');
			assert.ok(backup.attempts >= 2);
			assert.equal(backup.error, null);
		} finally {
			await server.stop();
		}
	});

	test('without a target there are none', async () => {
		const server = await startServer();
		try {
			const backups = backups_of(server);
			await server.createDatabase('a');
			const { error } = await backups.call('POST', '', { database: 'a' }, 400);
			assert.match(error, /backup-target/);
			assert.deepEqual(await backups.list(), []);
			assert.equal((await readiness(server)).backups.status, 'ok');
		} finally {
			await server.stop();
		}
	});

	test('rclone takes them to wherever it can reach, and its secrets stay its own', async () => {
		const place = new_target();
		mkdirSync(place);
		const config = path.join(folder, 'rclone.conf');
		writeFileSync(config, `[depot]\ntype = alias\nremote = ${place}\n`);
		const server = await startServer({
			args: ['--backup-target', 'rclone:depot:atoll/backups', '--backup-interval', '0'],
			env: { RCLONE_CONFIG: config },
		});
		try {
			const backups = backups_of(server);
			const { label } = await server.createDatabase('far');
			await server.rows(label, 'CREATE TABLE t(x)');
			await server.rows(label, "INSERT INTO t VALUES ('far away')");
			const backup = await backups.make('far');
			assert.equal(backup.verification.verdict, 'ok', JSON.stringify(backup));
			const { content } = files_of(place, backup.id);
			assert.ok(content.startsWith(path.join(place, 'atoll/backups/')));
			const again = await backups.restore(backup.id, 'near');
			assert.deepEqual(await server.rows(again, 'SELECT x FROM t'), [{ x: 'far away' }]);

			const bytes = readFileSync(content);
			bytes[bytes.length >> 1] ^= 4;
			writeFileSync(content, bytes);
			assert.equal((await backups.verify(backup.id)).verdict, 'failed');
			rmSync(content);
			const lost = await backups.verify(backup.id);
			assert.match(lost.error, /missing/);
			await backups.call('DELETE', `/${backup.id}`);
			assert.equal(files_of(place, backup.id).manifest, undefined);
		} finally {
			await server.stop();
		}
	});

	test('an unknown remote, or no rclone at all, is said in words', async (t) => {
		const config = path.join(folder, 'empty.conf');
		writeFileSync(config, '');
		const cases = [
			['an unknown remote', { RCLONE_CONFIG: config }, /^rclone copyto failed \(exit status \d+\); the server's log tells why$/, /didn't find section/],
			['no program', { PATH: path.join(folder, 'empty') }, /the program rclone is not installed/],
		];
		for (const [what, env, expected, logged] of cases)
			await t.test(what, async () => {
				const server = await startServer({ args: ['--backup-target', 'rclone:nowhere:x', '--backup-interval', '0'], env });
				try {
					const backups = backups_of(server);
					await server.createDatabase('a');
					const { backups: [{ id }] } = await backups.call('POST', '', { database: 'a' });
					const { error } = await until('a failure', async () => {
						const backup = await backups.get(id);
						return backup.error && backup;
					});
					assert.match(error, expected);
					if (logged) await until('the log to tell of it', () => logged.test(server.stderr));
				} finally {
					await server.stop();
				}
			});
	});

	test('a target that is none ends the start', async () => {
		const data = path.join(folder, 'unused');
		const { code, stderr } = await run_atolld(['--data', data, '--listen', '127.0.0.1:0', '--backup-target', 'rclone:nothing']);
		assert.equal(code, 2, stderr);
		assert.match(stderr, /backup-target/);
	});
});
