// A small application on drizzle-orm: migrations as drizzle-kit writes them, relations, transactions, batches.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createClient } from '@libsql/client';
import { count, desc, eq, relations, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/libsql';
import { migrate } from 'drizzle-orm/libsql/migrator';
import { blob, integer, primaryKey, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { startServer } from '../lib/server.mjs';

const people = sqliteTable('people', {
	id: integer().primaryKey({ autoIncrement: true }),
	name: text().notNull(),
	email: text().notNull().unique(),
	settings: text({ mode: 'json' }).notNull().default({}),
	joinedAt: integer('joined_at', { mode: 'timestamp_ms' }).notNull(),
	admin: integer({ mode: 'boolean' }).notNull().default(false),
});
const posts = sqliteTable('posts', {
	id: integer().primaryKey({ autoIncrement: true }),
	authorId: integer('author_id')
		.notNull()
		.references(() => people.id, { onDelete: 'cascade' }),
	title: text().notNull(),
	score: real().notNull().default(1.5),
	picture: blob({ mode: 'buffer' }),
});
const tags = sqliteTable(
	'tags',
	{
		postId: integer('post_id')
			.notNull()
			.references(() => posts.id, { onDelete: 'cascade' }),
		tag: text().notNull(),
	},
	(table) => [primaryKey({ columns: [table.postId, table.tag] })],
);
const peopleRelations = relations(people, ({ many }) => ({ posts: many(posts) }));
const postsRelations = relations(posts, ({ one, many }) => ({
	author: one(people, { fields: [posts.authorId], references: [people.id] }),
	tags: many(tags),
}));
const tagsRelations = relations(tags, ({ one }) => ({
	post: one(posts, { fields: [tags.postId], references: [posts.id] }),
}));
const schema = { people, posts, tags, peopleRelations, postsRelations, tagsRelations };

const migrationsFolder = fileURLToPath(new URL('./drizzle-migrations', import.meta.url));
const joined = new Date('2026-01-02T03:04:05.678Z');

let server;
let database;
before(async () => {
	server = await startServer();
	database = await server.createDatabase('orm', ['ord', 'nrt']);
});
after(() => server?.stop());

const flavours = {
	'HTTP at the primary': [0, 'http'],
	'HTTP at a replica': [1, 'http'],
	'a WebSocket at the primary': [0, 'ws'],
	'a WebSocket at a replica': [1, 'ws'],
};

for (const [where, [index, scheme]] of Object.entries(flavours))
	test(`a drizzle application works over ${where}`, async (t) => {
		const url = server.db_url(database.instances[index].label).replace(/^http/, scheme);
		const client = createClient({ url, authToken: database.jwt });
		t.after(() => client.close());
		const db = drizzle(client, { schema });

		await t.test('migrates, and a second time changes nothing', async () => {
			await migrate(db, { migrationsFolder });
			await migrate(db, { migrationsFolder });
			const applied = await db.all(sql`SELECT count(*) AS n FROM __drizzle_migrations`);
			assert.deepEqual({ ...applied[0] }, { n: 2 });
			await db.delete(tags);
			await db.delete(posts);
			await db.delete(people);
		});

		await t.test('inserts, returns and reads typed values', async () => {
			const [ada] = await db
				.insert(people)
				.values({ name: 'Ada', email: 'ada@example.org', settings: { theme: 'dark', sizes: [1, 2] }, joinedAt: joined, admin: true })
				.returning();
			assert.deepEqual(ada, {
				id: ada.id,
				name: 'Ada',
				email: 'ada@example.org',
				settings: { theme: 'dark', sizes: [1, 2] },
				joinedAt: joined,
				admin: true,
			});
			await db.insert(people).values({ name: 'Bob', email: 'bob@example.org', joinedAt: joined });
			const made = await db
				.insert(posts)
				.values([
					{ authorId: ada.id, title: 'First', picture: Buffer.from([0, 255, 1]) },
					{ authorId: ada.id, title: 'Second', score: 0.25 },
				])
				.returning({ id: posts.id, score: posts.score });
			assert.deepEqual(
				made.map((row) => row.score),
				[1.5, 0.25],
			);
			await db.insert(tags).values(made.map(({ id }) => ({ postId: id, tag: 'new' })));
			const [row] = await db.select({ picture: posts.picture }).from(posts).where(eq(posts.title, 'First'));
			assert.deepEqual([...row.picture], [0, 255, 1]);
		});

		await t.test('follows relations', async () => {
			const found = await db.query.people.findMany({
				// JSON, in which drizzle nests rows, holds no blobs.
				with: { posts: { columns: { picture: false }, with: { tags: true }, orderBy: (post, { asc }) => [asc(post.id)] } },
				orderBy: (person, { asc }) => [asc(person.name)],
			});
			assert.deepEqual(
				found.map(({ name, posts }) => [name, posts.map((post) => [post.title, post.tags.map((tag) => tag.tag)])]),
				[
					[
						'Ada',
						[
							['First', ['new']],
							['Second', ['new']],
						],
					],
					['Bob', []],
				],
			);
			const post = await db.query.posts.findFirst({ with: { author: true }, where: eq(posts.title, 'Second') });
			assert.equal(post.author.email, 'ada@example.org');
			const best = await db
				.select({ name: people.name, n: count(posts.id) })
				.from(people)
				.leftJoin(posts, eq(posts.authorId, people.id))
				.groupBy(people.id)
				.orderBy(desc(count(posts.id)));
			assert.deepEqual(best, [
				{ name: 'Ada', n: 2 },
				{ name: 'Bob', n: 0 },
			]);
		});

		await t.test('commits a transaction, and rolls one back by an error', async () => {
			await db.transaction(async (tx) => {
				const [bob] = await tx.select().from(people).where(eq(people.name, 'Bob'));
				await tx.insert(posts).values({ authorId: bob.id, title: 'Third' });
				await tx.transaction(async (nested) => {
					await nested.update(people).set({ admin: true }).where(eq(people.id, bob.id));
				});
			});
			assert.equal((await db.select().from(people).where(eq(people.name, 'Bob')))[0].admin, true);
			await assert.rejects(
				db.transaction(async (tx) => {
					await tx.delete(people);
					assert.equal((await tx.select().from(people)).length, 0);
					throw new Error('changed my mind');
				}),
				/changed my mind/,
			);
			await assert.rejects(
				db.transaction(async (tx) => {
					await tx.insert(posts).values({ authorId: 1, title: 'never kept' });
					tx.rollback();
				}),
			);
			assert.equal(await db.$count(people), 2);
			assert.equal(await db.$count(posts, eq(posts.title, 'never kept')), 0);
		});

		await t.test('tells a constraint from other errors', async () => {
			const failure = await db
				.insert(people)
				.values({ name: 'Copy', email: 'ada@example.org', joinedAt: joined })
				.then(
					() => assert.fail('a second row with the same e-mail'),
					(error) => error,
				);
			const cause = failure.cause ?? failure;
			assert.equal(cause.code, 'SQLITE_CONSTRAINT');
			assert.match(cause.message, /UNIQUE constraint failed: people\.email/);
		});

		await t.test('upserts and batches', async () => {
			await db
				.insert(people)
				.values({ name: 'Ada Lovelace', email: 'ada@example.org', joinedAt: joined })
				.onConflictDoUpdate({ target: people.email, set: { name: sql`excluded.name` } });
			const [, , names] = await db.batch([
				db.insert(people).values({ name: 'Cy', email: 'cy@example.org', joinedAt: joined }),
				db.update(posts).set({ score: sql`${posts.score} + 1` }),
				db.select({ name: people.name }).from(people).orderBy(people.name),
			]);
			assert.deepEqual(names, [{ name: 'Ada Lovelace' }, { name: 'Bob' }, { name: 'Cy' }]);
			await assert.rejects(
				db.batch([
					db.delete(posts),
					db.insert(people).values({ name: 'Copy', email: 'cy@example.org', joinedAt: joined }),
				]),
			);
			assert.equal(await db.$count(posts), 3);
		});
	});
