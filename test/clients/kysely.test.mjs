// kysely on its libSQL dialect, which brings an older @libsql/client (0.8) and hrana-client (0.6) along.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LibsqlDialect } from '@libsql/kysely-libsql';
import { Kysely, Migrator, sql } from 'kysely';
import { startServer } from '../lib/server.mjs';

let server;
let database;
before(async () => {
	server = await startServer();
	database = await server.createDatabase('kysely', ['ord', 'nrt']);
});
after(() => server?.stop());

const migrations = {
	'1-people': {
		async up(db) {
			await db.schema
				.createTable('person')
				.addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
				.addColumn('name', 'text', (column) => column.notNull().unique())
				.addColumn('weight', 'real')
				.addColumn('picture', 'blob')
				.execute();
		},
	},
	'2-pets': {
		async up(db) {
			await db.schema
				.createTable('pet')
				.addColumn('id', 'integer', (column) => column.primaryKey())
				.addColumn('owner', 'integer', (column) => column.references('person.id'))
				.addColumn('name', 'text')
				.execute();
			await db.schema.createIndex('pet_owner').on('pet').column('owner').execute();
		},
	},
};

const flavours = {
	'HTTP at the primary': [0, 'http'],
	'HTTP at a replica': [1, 'http'],
	'a WebSocket at the primary': [0, 'ws'],
	'a WebSocket at a replica': [1, 'ws'],
};

for (const [where, [index, scheme]] of Object.entries(flavours))
	test(`an application on kysely works over ${where}`, async (t) => {
		const url = server.db_url(database.instances[index].label).replace(/^http/, scheme);
		const db = new Kysely({ dialect: new LibsqlDialect({ url, authToken: database.jwt }) });
		t.after(() => db.destroy());

		await t.test('migrates, and a second time changes nothing', async () => {
			const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
			for (let round = 0; round < 2; round++) {
				const { error } = await migrator.migrateToLatest();
				assert.equal(error, undefined);
			}
			const tables = await db.introspection.getTables();
			assert.deepEqual(tables.map((table) => table.name).sort(), ['person', 'pet']);
			await db.deleteFrom('pet').execute();
			await db.deleteFrom('person').execute();
		});

		await t.test('inserts, joins and returns', async () => {
			const { id } = await db
				.insertInto('person')
				.values({ name: 'Ada', weight: 60.5, picture: Uint8Array.of(1, 2, 3) })
				.returning('id')
				.executeTakeFirstOrThrow();
			const inserted = await db.insertInto('pet').values({ id: 1, owner: id, name: 'Bit' }).executeTakeFirst();
			assert.equal(inserted.insertId, 1n);
			const rows = await db
				.selectFrom('pet')
				.innerJoin('person', 'person.id', 'pet.owner')
				.select(['pet.name as pet', 'person.name as owner', 'weight', sql`typeof(picture)`.as('kind')])
				.execute();
			assert.deepEqual(
				rows.map((row) => ({ ...row })),
				[{ pet: 'Bit', owner: 'Ada', weight: 60.5, kind: 'blob' }],
			);
			const updated = await db.updateTable('person').set({ weight: 61 }).where('name', '=', 'Ada').executeTakeFirst();
			assert.equal(updated.numUpdatedRows, 1n);
		});

		await t.test('transactions commit whole or not at all', async () => {
			await db.transaction().execute(async (trx) => {
				await trx.insertInto('person').values({ name: 'Bob' }).execute();
				const { n } = await trx
					.selectFrom('person')
					.select((build) => build.fn.countAll().as('n'))
					.executeTakeFirstOrThrow();
				assert.equal(n, 2);
			});
			await assert.rejects(
				db.transaction().execute(async (trx) => {
					await trx.insertInto('person').values({ name: 'Cleo' }).execute();
					await trx.insertInto('person').values({ name: 'Ada' }).execute();
				}),
				/UNIQUE constraint failed: person.name/,
			);
			const names = await db.selectFrom('person').select('name').orderBy('name').execute();
			assert.deepEqual(
				names.map((row) => row.name),
				['Ada', 'Bob'],
			);
		});
	});
