// Kills atolld with SIGKILL at random moments while API calls create, change and destroy organizations, groups, locations,
// databases, instances, members, invites and tokens. After each restart the API shows exactly what was acknowledged; the one call
// that each actor had open is there whole or not at all; the platform's store is sound, and the files on disk are those
// of the databases and instances that the API lists.
//
//     PLATFORM_CRASH_CALLS=300  calls in total
//     PLATFORM_CRASH_SEED=…     repeats what chance drew (not the machine's timing)
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { settled_copy } from '../lib/checks.mjs';
import { Random } from '../lib/random.mjs';
import { label_of, sleep, startServer, until } from '../lib/server.mjs';
import { Tenants } from '../lib/tenants.mjs';

const CALLS = Number(process.env.PLATFORM_CRASH_CALLS ?? 300);
const ACTORS = 3;
const READY_MS = 20_000;
const random = Random.from_env('PLATFORM_CRASH_SEED');
const LOCATIONS = ['ord', 'nrt', 'ams', 'fra'];
const GROUPS = ['red', 'blue', 'green'];
const DATABASES = ['one', 'two', 'three', 'four', 'five'];
const USERS = ['ada', 'ben', 'cyd'];
const EMAILS = ['x@example.com', 'y@example.com'];

/// What an actor has, as the API shows it; also what a call would make of it.
function nothing() {
	return { org: null, groups: {}, databases: {}, members: {}, invites: {}, tokens: [], accounts: [] };
}

function one_of(names, there) {
	const found = names.filter(there);
	return found.length > 0 ? random.pick(found) : null;
}

/// The instances of a database of a group: the primary in the first location, replicas in the others.
function regions_of(group) {
	return group.locations.map((location, i) => [i === 0 ? 'primary' : 'replica', location]);
}

// A kind of call: (state, actor) → null when there is nothing to do it to, or {method, path, body, change(state)}.
// `path` is below the organization, or whole if it starts with "/"; a write has {write: database} in its place.
const kinds = {
	org_create(state, actor) {
		if (state.org) return null;
		const name = `${actor.name} ${++actor.orgs}`;
		return { method: 'POST', path: '/v1/organizations', body: { name }, change: (next) => (next.org = name.replaceAll(' ', '-')) };
	},
	org_delete(state) {
		const guarded = [...Object.values(state.groups), ...Object.values(state.databases).map(({ config }) => config)].some((one) => one.delete_protection);
		if (!state.org || guarded) return null;
		return { method: 'DELETE', path: '', change: (next) => Object.assign(next, nothing(), { tokens: next.tokens, accounts: next.accounts }) };
	},
	group_create(state) {
		const name = state.org && one_of(GROUPS, (one) => !state.groups[one]);
		if (!name) return null;
		const location = random.pick(LOCATIONS);
		return { method: 'POST', path: '/groups', body: { name, location }, change: (next) => (next.groups[name] = { locations: [location], delete_protection: false }) };
	},
	group_delete(state) {
		const inside = (group) => Object.values(state.databases).filter((one) => one.group === group);
		const name = one_of(GROUPS, (one) => state.groups[one] && !state.groups[one].delete_protection && !inside(one).some(({ config }) => config.delete_protection));
		if (!name) return null;
		return {
			method: 'DELETE',
			path: `/groups/${name}`,
			change(next) {
				delete next.groups[name];
				for (const [db, { group }] of Object.entries(next.databases)) if (group === name) delete next.databases[db];
			},
		};
	},
	group_protect(state) {
		const name = one_of(GROUPS, (one) => state.groups[one]);
		if (!name) return null;
		const delete_protection = random.fraction() < 0.2;
		return { method: 'PATCH', path: `/groups/${name}/configuration`, body: { delete_protection }, change: (next) => (next.groups[name].delete_protection = delete_protection) };
	},
	group_rename(state) {
		const from = one_of(GROUPS, (one) => state.groups[one]);
		const to = from && one_of(GROUPS, (one) => !state.groups[one]);
		if (!to) return null;
		return {
			method: 'POST',
			path: `/groups/${from}/rename`,
			body: { name: to },
			change(next) {
				next.groups[to] = next.groups[from];
				delete next.groups[from];
				for (const db of Object.values(next.databases)) if (db.group === from) db.group = to;
			},
		};
	},
	location_add(state) {
		const name = one_of(GROUPS, (one) => state.groups[one] && state.groups[one].locations.length < LOCATIONS.length);
		if (!name) return null;
		const location = one_of(LOCATIONS, (one) => !state.groups[name].locations.includes(one));
		return {
			method: 'POST',
			path: `/groups/${name}/locations/${location}`,
			change(next) {
				const group = next.groups[name];
				group.locations = [group.locations[0], ...[...group.locations.slice(1), location].sort()];
				for (const db of Object.values(next.databases)) if (db.group === name) db.regions = regions_of(group);
			},
		};
	},
	location_remove(state) {
		const name = one_of(GROUPS, (one) => state.groups[one] && state.groups[one].locations.length > 1);
		if (!name) return null;
		const location = random.pick(state.groups[name].locations.slice(1));
		return {
			method: 'DELETE',
			path: `/groups/${name}/locations/${location}`,
			change(next) {
				const group = next.groups[name];
				group.locations = group.locations.filter((one) => one !== location);
				for (const db of Object.values(next.databases)) if (db.group === name) db.regions = regions_of(group);
			},
		};
	},
	db_create(state) {
		const name = state.org && one_of(DATABASES, (one) => !state.databases[one]);
		if (!name) return null;
		const group = random.fraction() < 0.6 ? one_of(GROUPS, (one) => state.groups[one]) : null;
		const source = random.fraction() < 0.4 ? one_of(DATABASES, (one) => state.databases[one]?.regions.length > 0) : null;
		return {
			method: 'POST',
			path: '/databases',
			body: { name, ...(group ? { group } : {}), ...(source ? { seed: { type: 'database', name: source } } : {}) },
			change(next) {
				next.databases[name] = {
					group: group ?? '',
					regions: group ? regions_of(next.groups[group]) : [],
					config: { block_reads: false, block_writes: false, delete_protection: false, allow_attach: false },
					parent: source,
					marks: source ? [...next.databases[source].marks] : [],
				};
			},
		};
	},
	db_delete(state) {
		const name = one_of(DATABASES, (one) => state.databases[one] && !state.databases[one].config.delete_protection);
		if (!name) return null;
		return { method: 'DELETE', path: `/databases/${name}`, change: (next) => delete next.databases[name] };
	},
	db_configure(state) {
		const name = one_of(DATABASES, (one) => state.databases[one]);
		if (!name) return null;
		const body = { [random.pick(['block_reads', 'block_writes', 'allow_attach', 'delete_protection'])]: random.fraction() < 0.3 };
		return { method: 'PATCH', path: `/databases/${name}/configuration`, body, change: (next) => Object.assign(next.databases[name].config, body) };
	},
	instance_create(state) {
		const name = one_of(DATABASES, (one) => state.databases[one]?.group === '' && state.databases[one].regions.length < 4);
		if (!name) return null;
		const location = random.pick(LOCATIONS);
		return {
			method: 'POST',
			path: `/databases/${name}/instances`,
			body: { location },
			change(next) {
				const { regions } = next.databases[name];
				regions.push([regions.length === 0 ? 'primary' : 'replica', location]);
			},
		};
	},
	instance_delete(state, actor) {
		const name = one_of(DATABASES, (one) => state.databases[one]?.group === '' && state.databases[one].regions.length > 1);
		if (!name) return null;
		const instance = random.pick(actor.instances(name).filter(({ type }) => type === 'replica'));
		// The server was killed after it had answered and before it could be asked what it had made.
		if (!instance) return null;
		return {
			method: 'DELETE',
			path: `/databases/${name}/instances/${instance.name}`,
			change(next) {
				const { regions } = next.databases[name];
				regions.splice(regions.findIndex(([type, region]) => type === 'replica' && region === instance.region), 1);
			},
		};
	},
	db_write(state, actor) {
		const open = ({ regions, config }) => regions.length > 0 && !config.block_reads && !config.block_writes;
		const name = one_of(DATABASES, (one) => state.databases[one] && open(state.databases[one]));
		if (!name) return null;
		const mark = `${actor.name} ${++actor.marks}`;
		return { write: name, mark, change: (next) => next.databases[name].marks.push(mark) };
	},
	member_add(state, actor) {
		const user = state.org && one_of(USERS, (one) => !state.members[one]);
		if (!user) return null;
		const role = random.pick(['viewer', 'member', 'admin']);
		return { method: 'POST', path: '/members', body: { username: user, role }, change: (next) => (next.members[user] = role), actor };
	},
	member_change(state) {
		const user = one_of(USERS, (one) => state.members[one]);
		if (!user) return null;
		const role = random.pick(['viewer', 'member', 'admin']);
		return { method: 'PATCH', path: `/members/${user}`, body: { role }, change: (next) => (next.members[user] = role) };
	},
	member_remove(state) {
		const user = one_of(USERS, (one) => state.members[one]);
		if (!user) return null;
		return { method: 'DELETE', path: `/members/${user}`, change: (next) => delete next.members[user] };
	},
	invite(state) {
		const email = state.org && random.pick(EMAILS);
		if (!email) return null;
		const role = random.pick(['viewer', 'member', 'admin']);
		return { method: 'POST', path: `/v2/organizations/${state.org}/invites`, body: { email, role }, change: (next) => (next.invites[email] = role) };
	},
	invite_delete(state) {
		const email = one_of(EMAILS, (one) => state.invites[one]);
		if (!email) return null;
		return { method: 'DELETE', path: `/v2/organizations/${state.org}/invites/${email}`, change: (next) => delete next.invites[email] };
	},
	token_mint(state, actor) {
		const name = one_of([1, 2, 3].map((n) => `${actor.name}-token-${n}`), (one) => !state.tokens.includes(one));
		if (!name) return null;
		return { method: 'POST', path: `/v1/auth/api-tokens/${name}`, change: (next) => next.tokens.push(name) };
	},
	token_revoke(state) {
		if (state.tokens.length === 0) return null;
		const name = random.pick(state.tokens);
		return { method: 'DELETE', path: `/v1/auth/api-tokens/${name}`, change: (next) => next.tokens.splice(next.tokens.indexOf(name), 1) };
	},
	account_create(state, actor) {
		const username = one_of([1, 2].map((n) => `${actor.name}-user-${n}`), (one) => !state.accounts.includes(one));
		if (!username) return null;
		const body = { username, email: `${username}@example.com`, password: 'long enough to be one' };
		return { method: 'POST', path: '/v1/users', body, change: (next) => next.accounts.push(username) };
	},
	account_delete(state) {
		if (state.accounts.length === 0) return null;
		const username = random.pick(state.accounts);
		return { method: 'DELETE', path: `/v1/users/${username}`, change: (next) => next.accounts.splice(next.accounts.indexOf(username), 1) };
	},
};

const weights = {
	org_create: 40,
	org_delete: 1,
	group_create: 8,
	group_delete: 2,
	group_protect: 2,
	group_rename: 2,
	location_add: 8,
	location_remove: 4,
	db_create: 18,
	db_delete: 7,
	db_configure: 5,
	instance_create: 14,
	instance_delete: 6,
	db_write: 14,
	member_add: 4,
	member_change: 3,
	member_remove: 2,
	invite: 3,
	invite_delete: 2,
	token_mint: 3,
	token_revoke: 2,
	account_create: 2,
	account_delete: 1,
};

/// The state in one form, so that two can be compared: order says nothing, and marks that nobody can read are left out.
function canonical(state) {
	const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
	const databases = Object.entries(state.databases).map(([name, db]) => [
		name,
		{
			...db,
			config: sorted(db.config),
			regions: db.regions.map((one) => one.join(' ')).sort(),
			marks: db.regions.length > 0 && !db.config.block_reads ? [...db.marks].sort() : 'unread',
		},
	]);
	return { ...state, groups: sorted(state.groups), databases: sorted(Object.fromEntries(databases)), members: sorted(state.members), invites: sorted(state.invites), tokens: [...state.tokens].sort(), accounts: [...state.accounts].sort() };
}

class Actor {
	constructor(server, name) {
		this.server = server;
		this.name = name;
		this.state = nothing();
		this.open = null; // what the call without an answer would have made
		this.orgs = 0;
		this.marks = 0;
		this.seen = new Map(); // database → {hostname, jwt, instances} as last listed
		this.faults = [];
	}

	base(org = this.state.org) {
		return `/v1/organizations/${org}`;
	}

	async get(pathname) {
		const answer = await this.server.api('GET', pathname);
		if (answer.status !== 200) throw new Error(`GET ${pathname}: ${answer.status} ${answer.text}`);
		return answer.json;
	}

	instances(name) {
		return this.seen.get(name).instances;
	}

	draw() {
		for (;;) {
			const kind = random.weighted(weights);
			const call = kinds[kind](this.state, this);
			if (call) return { kind, ...call };
		}
	}

	/// One call. The state moves only with its answer; without one it stays open.
	async step() {
		const call = this.draw();
		const next = structuredClone(this.state);
		call.change(next);
		this.open = next;
		let answer;
		try {
			answer = call.write ? await this.write(call) : await this.server.api(call.method, call.path.startsWith('/v') ? call.path : this.base() + call.path, call.body);
		} catch {
			return; // killed: nobody knows
		}
		this.open = null;
		if (answer.status !== 200 || answer.json.results?.some(({ type }) => type === 'error')) {
			this.faults.push(`${call.kind} ${call.method ?? 'SQL'} ${call.path ?? call.write} ${JSON.stringify(call.body)} was refused: ${answer.status} ${answer.text}`);
			return;
		}
		this.state = next;
		await this.look_at(call).catch(() => {});
	}

	/// What later calls need to know of a database that this one made or changed.
	async look_at({ kind }) {
		if (/^(db_create|instance_|location_)/.test(kind)) await this.list();
	}

	async list() {
		const { databases } = await this.get(`${this.base()}/databases`);
		for (const { Name, DbId, Hostname } of databases) {
			const { instances } = await this.get(`${this.base()}/databases/${Name}/instances`);
			const known = this.seen.get(Name);
			const jwt = known?.uuid === DbId ? known.jwt : (await this.server.api('POST', `${this.base()}/databases/${Name}/auth/tokens`)).json.jwt;
			this.seen.set(Name, { uuid: DbId, label: label_of(Hostname), jwt, instances });
		}
		return databases;
	}

	async write({ write, mark }) {
		const { label, jwt } = this.seen.get(write);
		return this.server.sql(label, ['CREATE TABLE IF NOT EXISTS marks (mark TEXT)', { sql: 'INSERT INTO marks VALUES (?)', args: [mark] }], { token: jwt });
	}

	async marks_of(label, jwt) {
		const there = await this.server.rows(label, "SELECT 1 FROM sqlite_schema WHERE name = 'marks'", { token: jwt });
		return there.length === 0 ? [] : (await this.server.rows(label, 'SELECT mark FROM marks', { token: jwt })).map(({ mark }) => mark);
	}

	/// Everything as the API shows it. Instances are waited for; one that failed must say why.
	async view() {
		const found = nothing();
		const { tokens } = await this.get('/v1/auth/api-tokens');
		found.tokens = tokens.map(({ name }) => name).filter((name) => name.startsWith(`${this.name}-`));
		const { users } = await this.get('/v1/users');
		found.accounts = users.map(({ username }) => username).filter((name) => name.startsWith(`${this.name}-`));
		const { organizations } = await this.get('/v1/organizations');
		const mine = organizations.filter(({ slug }) => slug.startsWith(`${this.name}-`));
		if (mine.length > 1) throw new Error(`${this.name} has ${mine.length} organizations: ${mine.map(({ slug }) => slug)}`);
		if (mine.length === 0) return found;
		found.org = mine[0].slug;
		const base = this.base(found.org);
		for (const { name, locations, primary } of (await this.get(`${base}/groups`)).groups) {
			if (locations[0] !== primary) throw new Error(`group ${name}: primary ${primary} of ${locations}`);
			found.groups[name] = { locations, delete_protection: (await this.get(`${base}/groups/${name}/configuration`)).delete_protection };
		}
		for (const { username, role } of (await this.get(`${base}/members`)).members) if (username !== this.server.username) found.members[username] = role;
		for (const { email, role } of (await this.get(`/v2/organizations/${found.org}/invites`)).invites) found.invites[email] = role;
		const before = this.state.org;
		this.state.org = found.org;
		const databases = await this.list();
		this.state.org = before;
		for (const { Name, group, parent } of databases) found.databases[Name] = await this.view_database(`${base}/databases/${Name}`, Name, group, parent);
		return found;
	}

	async view_database(pathname, name, group, parent) {
		const { block_reads, block_writes, delete_protection, allow_attach } = await this.get(`${pathname}/configuration`);
		const { jwt, instances } = this.seen.get(name);
		for (const instance of instances)
			await until(
				`instance ${instance.name} of ${name} to be ready`,
				async () => {
					const answer = await this.server.api('GET', `${pathname}/instances/${instance.name}/wait`);
					if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
					return true;
				},
				READY_MS,
			);
		let marks = [];
		if (instances.length > 0 && !block_reads) {
			marks = await this.marks_of(label_of(instances[0].hostname), jwt);
			for (const { name: replica, hostname } of instances.slice(1))
				await until(
					`replica ${replica} of ${name} to have what its primary has`,
					async () => JSON.stringify((await this.marks_of(label_of(hostname), jwt)).sort()) === JSON.stringify([...marks].sort()),
					READY_MS,
				);
		}
		return {
			group,
			regions: instances.map(({ type, region }) => [type, region]),
			config: { block_reads, block_writes, delete_protection, allow_attach },
			parent: parent?.name ?? null,
			marks,
		};
	}

	/// Faults of what the API shows against what was acknowledged; then what it shows is the truth.
	async check() {
		const faults = this.faults.splice(0);
		const found = await this.view();
		const allowed = [this.state, ...(this.open ? [this.open] : [])];
		const text = (state) => JSON.stringify(canonical(state), null, 1);
		const index = allowed.findIndex((state) => text(state) === text(found));
		if (index < 0)
			faults.push(`${this.name}: the API shows\n${text(found)}\nand not what was acknowledged\n${text(this.state)}${this.open ? `\nnor, whole, what was open\n${text(this.open)}` : ''}`);
		else this.state = structuredClone(allowed[index]);
		this.open = null;
		return faults;
	}
}

/// Faults of the platform's own store, looked at in a copy by somebody else's sqlite3 while no server owns it.
function store_faults(server, damage = () => {}) {
	const folder = mkdtempSync(path.join(tmpdir(), 'atoll-platform-'));
	try {
		const copy = settled_copy(path.join(server.data, 'platform', 'data.db'), folder, 'platform');
		damage(copy);
		return ['integrity_check', 'foreign_key_check'].flatMap((name) => {
			const said = execFileSync('sqlite3', ['-batch', copy, `PRAGMA ${name}`], { encoding: 'utf8' }).trim();
			return said === (name === 'integrity_check' ? 'ok' : '') ? [] : [`${name} of the platform's store says ${said}`];
		});
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

/// Faults of the folders against what the API lists: {databases: Map uuid → {instances: [uuid]}} of everybody.
function file_faults(server, listed) {
	const faults = [];
	const names = (folder) => (existsSync(folder) ? readdirSync(folder) : []);
	const databases = path.join(server.data, 'databases');
	for (const uuid of names(databases)) {
		if (!listed.has(uuid)) {
			faults.push(`databases/${uuid} belongs to no database: ${names(path.join(databases, uuid))}`);
			continue;
		}
		const known = new Set([...listed.get(uuid), 'log', 'seed.db']);
		for (const name of names(path.join(databases, uuid)))
			if (!known.has(name)) faults.push(`databases/${uuid}/${name} belongs to no instance of ${listed.get(uuid).size}`);
	}
	for (const [uuid, instances] of listed)
		for (const instance of instances)
			if (!existsSync(path.join(databases, uuid, instance, 'data.db'))) faults.push(`instance ${instance} of database ${uuid} has no file`);
	for (const name of names(path.join(server.data, 'uploads'))) faults.push(`uploads/${name} was left`);
	return faults;
}

async function listed_by_api(server) {
	const listed = new Map();
	const get = async (pathname) => (await server.api('GET', pathname)).json;
	for (const { slug } of (await get('/v1/organizations')).organizations)
		for (const { Name, DbId } of (await get(`/v1/organizations/${slug}/databases`)).databases) {
			const { instances } = await get(`/v1/organizations/${slug}/databases/${Name}/instances`);
			listed.set(DbId, new Set(instances.map(({ uuid }) => uuid)));
		}
	return listed;
}

/// The sweep at start may still be at work.
async function settled_file_faults(server) {
	const listed = await listed_by_api(server);
	let faults = [];
	await until('the files to be those of the API', () => (faults = file_faults(server, listed)).length === 0, READY_MS).catch(() => {});
	return faults;
}

describe(`${CALLS} calls, killed again and again`, () => {
	let server;
	let actors;

	before(async () => {
		server = await startServer();
		const tenants = new Tenants(server);
		for (const name of USERS) await tenants.account(name);
		actors = Array.from({ length: ACTORS }, (_, i) => new Actor(server, `actor${i + 1}`));
	});
	after(() => server?.stop());

	async function check(what) {
		const faults = [];
		for (const actor of actors) faults.push(...(await actor.check()));
		faults.push(...(await settled_file_faults(server)));
		if (faults.length > 0) throw new Error(`${what}:\n${faults.slice(0, 10).join('\n')}\n${server.report()}`);
	}

	test('what was acknowledged is there, what was not is whole or absent, nothing else is left', async (t) => {
		let calls = 0;
		let open = 0;
		for (let round = 1; calls < CALLS; round++) {
			const planned = calls + random.between(1, 8);
			const work = actors.map(async (actor) => {
				for (; !actor.open; calls++) await actor.step();
			});
			await until('the calls of the round', () => calls >= planned, 60_000);
			await sleep(random.between(0, 12)); // they go on meanwhile
			await server.kill();
			await Promise.all(work);
			open += actors.filter((actor) => actor.open).length;
			assert.deepEqual(store_faults(server), [], `after round ${round}`);
			await server.restart();
			await check(`round ${round}`);
			t.diagnostic(`round ${round}: ${calls} calls, ${open} without an answer so far`);
		}
		assert.ok(open > 0, 'no call was cut: the kills came too late');
		await server.stop({ keep_data: true });
		assert.deepEqual(store_faults(server), []);
		await server.restart();
		await check('after a clean stop');
	});

	test('the judges notice what they must', async () => {
		const [actor] = actors;
		const kept = structuredClone(actor.state);
		actor.state.tokens.push(`${actor.name}-token-9`);
		assert.match((await actor.check()).join(), /and not what was acknowledged/);
		actor.state = kept;
		assert.deepEqual(await actor.check(), []);

		mkdirSync(path.join(server.data, 'databases', '00000000-0000-4000-8000-000000000000'));
		mkdirSync(path.join(server.data, 'uploads'), { recursive: true });
		writeFileSync(path.join(server.data, 'uploads', 'half'), 'x');
		const listed = await listed_by_api(server);
		listed.set('11111111-0000-4000-8000-000000000000', new Set(['22222222-0000-4000-8000-000000000000']));
		const faults = file_faults(server, listed).join('\n');
		assert.match(faults, /databases\/0{8}-.* belongs to no database/);
		assert.match(faults, /uploads\/half was left/);
		assert.match(faults, /instance 22222222.* has no file/);
		rmSync(path.join(server.data, 'uploads', 'half'));

		// The folder of a database that was never stored goes with the next start.
		await server.restart();
		assert.deepEqual(await settled_file_faults(server), []);

		await server.stop({ keep_data: true });
		const damage = (copy) => execFileSync('sqlite3', ['-batch', copy, 'PRAGMA foreign_keys = OFF; DELETE FROM user']);
		assert.match(store_faults(server, damage).join(), /foreign_key_check of the platform's store says/);
		await server.restart();
	});
});
