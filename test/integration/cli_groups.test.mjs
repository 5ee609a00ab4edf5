// Groups, settings and copies on the command line: the real atoll against a real atolld.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { at_terminal, client_of } from '../lib/cli.mjs';
import { startServer, until } from '../lib/server.mjs';

describe('groups on the command line', () => {
	let server;
	let env;
	let done;
	let done_json;
	let fails;

	before(async () => {
		server = await startServer();
		env = { ATOLL_URL: server.url, ATOLL_TOKEN: server.token, ATOLL_ORG: server.organization };
		({ done, done_json, fails } = client_of(env));
	});
	after(() => server?.stop());

	const rows = (database, sql, args = []) => done_json(['db', 'shell', database, sql, ...args]);

	test('a group is created, shown and listed', async () => {
		assert.match(await done(['group', 'list']), /No groups yet/);
		assert.match(await done(['group', 'create', 'shops', '--location', 'ord', '--wait']), /Created group shops in ord/);
		assert.match(await fails(['group', 'create', 'shops', '--location', 'ord'], 1), /group already exists/);
		assert.match(await fails(['group', 'create', 'other', '--location', 'xyz'], 1), /invalid location: xyz[^]*atoll db locations/);
		assert.match(await done(['group', 'list']), /^shops +ord +awake$/m);
		assert.match(await done(['group', 'show', 'shops']), /Primary +ord/);
		assert.equal((await done_json(['group', 'show', 'shops'])).group.name, 'shops');
		assert.deepEqual((await done_json(['group', 'list'])).groups.map(({ name }) => name), ['shops']);
		assert.match(await fails(['group', 'show', 'nope'], 1), /group not found[^]*atoll group list/);
	});

	test('its databases live where the group lives', async () => {
		assert.match(await done(['db', 'create', 'orders', '--group', 'shops']), /Created database orders/);
		await done(['db', 'shell', 'orders', 'CREATE TABLE t(x)']);
		assert.match(await done(['group', 'locations', 'add', 'shops', 'nrt', 'ams']), /lives in nrt now[^]*lives in ams now/);
		assert.match(await fails(['group', 'locations', 'add', 'shops', 'nrt'], 1), /nrt/);
		assert.match(await done(['group', 'locations', 'list', 'shops']), /^ord +primary\n/m);
		assert.deepEqual((await done_json(['group', 'locations', 'list', 'shops'])).locations.sort(), ['ams', 'nrt', 'ord']);
		const { instances } = await done_json(['db', 'instances', 'orders']);
		assert.deepEqual(instances.map(({ region }) => region).sort(), ['ams', 'nrt', 'ord']);
		assert.deepEqual(await rows('orders', 'SELECT count(*) AS n FROM t', ['--location', 'nrt']), [{ n: 0 }]);
		assert.match(await fails(['group', 'locations', 'remove', 'shops', 'ams'], 2), /--yes/);
		await done(['group', 'locations', 'remove', 'shops', 'ams', '-y']);
		assert.match(await fails(['group', 'locations', 'remove', 'shops', 'ord', '-y'], 1), /cannot remove primary location/);
		assert.match(await done(['db', 'list', '--group', 'shops']), /^orders +shops +ord, nrt /m);
		assert.match(await fails(['db', 'create', 'x', '--group', 'nope'], 1), /group not found/);
		assert.match(await fails(['db', 'create', 'x', '--group', 'shops', '--location', 'ord'], 2), /exclude each other/);
	});

	test('a token of the group opens all its databases until it is made worthless', async () => {
		const token = (await done(['group', 'tokens', 'create', 'shops', '--expiration', '1d'])).trim();
		const url = (await done(['db', 'show', 'orders', '--url'])).trim();
		await done(['db', 'shell', url, '--token', token, 'INSERT INTO t VALUES(1)']);
		const reader = (await done(['group', 'tokens', 'create', 'shops', '-r'])).trim();
		await fails(['db', 'shell', url, '--token', reader, 'INSERT INTO t VALUES(1)'], 1);
		assert.match(await fails(['group', 'tokens', 'create', 'shops', '-e', 'soon'], 1), /expiration/i);
		assert.match(await fails(['group', 'tokens', 'create', 'shops', '-p', 'nonsense'], 2), /TABLE/);
		assert.match(await fails(['group', 'tokens', 'invalidate', 'shops'], 2), /--yes/);
		await done(['group', 'tokens', 'invalidate', 'shops', '--yes']);
		await fails(['db', 'shell', url, '--token', token, 'SELECT 1'], 4);
	});

	test('a protected group is not destroyed', async () => {
		assert.match(await done(['group', 'config', 'delete-protection', 'enable', 'shops']), /is on/);
		assert.match(await fails(['group', 'destroy', 'shops', '-y'], 1), /protected against deletion[^]*delete-protection disable/);
		assert.match(await done(['group', 'config', 'delete-protection', 'show', 'shops']), /is on/);
		assert.match(await done(['group', 'config', 'delete-protection', 'disable', 'shops']), /is off/);
		assert.match(await fails(['group', 'config', 'delete-protection', 'perhaps', 'shops'], 2), /not one of enable\|disable\|show/);
	});

	test('a group is renamed, updated and woken', async () => {
		assert.match(await done(['group', 'rename', 'shops', 'stores']), /is called stores now/);
		await done(['group', 'update', 'stores']);
		assert.match(await done(['group', 'unarchive', 'stores']), /awake/);
		await done(['group', 'wakeup', 'stores']);
		assert.match(await fails(['group', 'rename', 'shops', 'x'], 1), /group not found/);
	});

	test('settings of a database are shown and changed', async () => {
		assert.match(await done(['db', 'config', 'show', 'orders']), /Size limit +none\n[^]*Attaching +off/);
		for (const [what, on, off] of [
			['attach', 'allow', 'disallow'],
			['delete-protection', 'enable', 'disable'],
			['block-reads', 'enable', 'disable'],
			['block-writes', 'enable', 'disable'],
		]) {
			assert.match(await done(['db', 'config', what, on, 'orders']), /is on for orders/);
			assert.match(await done(['db', 'config', what, 'show', 'orders']), /is on for orders/);
			assert.match(await done(['db', 'config', what, off, 'orders']), /is off for orders/);
		}
		assert.match(await done(['db', 'config', 'size-limit', 'set', 'orders', '256mb']), /is 256\.0 MiB/);
		assert.equal((await done_json(['db', 'config', 'show', 'orders'])).size_limit, String(256 << 20));
		assert.match(await done(['db', 'config', 'size-limit', 'clear', 'orders']), /is none/);
		assert.match(await fails(['db', 'config', 'size-limit', 'set', 'orders'], 2), /SIZE is missing/);
		await fails(['db', 'config', 'size-limit', 'set', 'orders', 'large'], 1);
		assert.match(await fails(['db', 'config', 'show', 'nope'], 1), /could not find database[^]*atoll db list/);
		await done(['db', 'update', 'orders']);
		assert.match(await done(['db', 'unarchive', 'orders']), /awake/);
	});

	test('writes that are blocked are refused, and so is the end of what is protected', async () => {
		await done(['db', 'config', 'block-writes', 'enable', 'orders']);
		await until('writes are blocked', async () => /block/i.test(await fails(['db', 'shell', 'orders', 'INSERT INTO t VALUES(1)'], 1)));
		await done(['db', 'config', 'block-writes', 'disable', 'orders']);
		await done(['db', 'config', 'delete-protection', 'enable', 'orders']);
		assert.match(await fails(['db', 'destroy', 'orders', '-y'], 1), /protected against deletion/);
		await done(['db', 'config', 'delete-protection', 'disable', 'orders']);
	});

	test('a branch holds what its source held, then or now', async () => {
		await done(['db', 'create', 'ledger', '--location', 'ord']);
		await done(['db', 'shell', 'ledger', 'CREATE TABLE e(x); INSERT INTO e VALUES(1);'], {});
		const then = (await rows('ledger', "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+0.005 seconds') AS t"))[0].t;
		await until('the moment is over', () => Date.now() > Date.parse(then) + 20);
		await done(['db', 'shell', 'ledger', 'INSERT INTO e VALUES(2)']);
		assert.match(await done(['db', 'branch', 'ledger', 'ledger-now']), /Created database ledger-now[^]*in ord \(primary\)/);
		await done(['db', 'branch', 'ledger', 'ledger-then', '--timestamp', then]);
		await done(['db', 'create', 'ledger-copy', '--from-db', 'ledger', '--group', 'stores']);
		assert.deepEqual(await rows('ledger-now', 'SELECT count(*) AS n FROM e'), [{ n: 2 }]);
		assert.deepEqual(await rows('ledger-then', 'SELECT count(*) AS n FROM e'), [{ n: 1 }]);
		assert.deepEqual(await rows('ledger-copy', 'SELECT count(*) AS n FROM e'), [{ n: 2 }]);
		assert.deepEqual((await done(['db', 'show', 'ledger', '--branches'])).trim().split('\n').sort(), ['ledger-copy', 'ledger-now', 'ledger-then']);
		assert.match(await done(['db', 'show', 'ledger-now']), /Copied from +ledger/);
		assert.match(await fails(['db', 'branch', 'nope', 'x'], 1), /could not find database/);
		assert.match(await fails(['db', 'branch', 'ledger', 'x', '--timestamp', 'yesterday'], 1), /timestamp/);
		assert.match(await fails(['db', 'create', 'x', '--timestamp', then], 2), /--timestamp goes with --from-db/);
		assert.match(await fails(['db', 'create', 'x', '--from-db', 'a', '--from-file', 'b'], 2), /exclude each other/);
	});

	test('a database has the schema of its parent, and a size limit from the start', async () => {
		await done(['db', 'create', 'parent', '--type', 'schema', '--location', 'ord']);
		await done(['db', 'create', 'child', '--schema', 'parent', '--size-limit', '1mb']);
		assert.match(await done(['db', 'list', '--schema', 'parent']), /^child /m);
		assert.doesNotMatch(await done(['db', 'list', '-s', 'parent']), /^ledger /m);
		assert.match(await done(['db', 'show', 'parent']), /schema of others/);
		assert.match(await done(['db', 'show', 'child']), /Schema +parent/);
		assert.match(await done(['db', 'config', 'size-limit', 'show', 'child']), /1\.0 MiB/);
		assert.match(await fails(['db', 'create', 'x', '--size-limit', 'huge'], 1), /size_limit/);
		assert.match(await fails(['db', 'create', 'x', '--type', 'odd'], 2), /not one of regular\|schema/);
	});

	test('one instance is shown by its name', async () => {
		const { instances } = await done_json(['db', 'show', 'orders']);
		const { instance_urls } = await done_json(['db', 'show', 'orders']);
		const name = instances[0].name;
		assert.equal((await done(['db', 'show', 'orders', '--instance-url', name])).trim(), instance_urls[name]);
		assert.match(await fails(['db', 'show', 'orders', '--instance-url', 'nope'], 1), /no instance named nope/);
	});

	test('destroying a group says how much is lost and has its name typed', async () => {
		const no = await at_terminal(['group', 'destroy', 'stores'], [[/all its databases \(2 at present\)[^]*Type stores to go on: /, 'no\r']], { env });
		assert.equal(no.code, 1, no.screen);
		const yes = await at_terminal(['group', 'destroy', 'stores'], [[/Type stores to go on: /, 'stores\r']], { env });
		assert.equal(yes.code, 0, yes.screen);
		assert.match(await fails(['db', 'show', 'orders'], 1), /could not find database/);
	});

	test('a group without a location goes to the closest one', async () => {
		const closest = (await done(['locations', 'closest'])).trim();
		assert.match(await done(['group', 'create', 'near']), new RegExp(`in ${closest}`));
		assert.match(await done(['locations', 'list']), /^ord +Chicago/m);
	});
});
