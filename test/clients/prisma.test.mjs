// Prisma through its libSQL adapter: its own SQL, nested writes, interactive transactions, error codes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PrismaLibSQL } from '@prisma/adapter-libsql';
import { startServer } from '../lib/server.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const schema = [
	'CREATE TABLE Author (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE)',
	`CREATE TABLE Book (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, score REAL, cover BLOB,
		added DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, copies BIGINT NOT NULL DEFAULT 0,
		lent BOOLEAN NOT NULL DEFAULT false,
		authorId INTEGER NOT NULL REFERENCES Author(id) ON DELETE CASCADE)`,
];

let server;
let database;
let folder;
let PrismaClient;
before(async () => {
	folder = mkdtempSync(path.join(tmpdir(), 'atoll-prisma-'));
	copyFileSync(path.join(here, 'prisma/schema.prisma'), path.join(folder, 'schema.prisma'));
	symlinkSync(path.join(here, 'node_modules'), path.join(folder, 'node_modules'));
	// With an adapter no engine is needed; naming one keeps Prisma from fetching it.
	execFileSync(process.execPath, [path.join(here, 'node_modules/prisma/build/index.js'), 'generate', '--schema', 'schema.prisma'], {
		cwd: folder,
		stdio: 'pipe',
		env: {
			...process.env,
			PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true',
			PRISMA_QUERY_ENGINE_LIBRARY: '/bin/true',
			PRISMA_HIDE_UPDATE_MESSAGE: '1',
			CHECKPOINT_DISABLE: '1',
		},
	});
	({ PrismaClient } = createRequire(import.meta.url)(path.join(folder, 'generated')));
	server = await startServer();
	database = await server.createDatabase('prisma', ['ord', 'nrt']);
	await server.sql(database.label, schema);
});
after(async () => {
	await server?.stop();
	rmSync(folder, { recursive: true, force: true });
});

const clash = /SQLITE_CONSTRAINT: SQLite error: UNIQUE constraint failed: Author.name/;

const flavours = {
	'HTTP at the primary': (url) => ({ url: url(0) }),
	'HTTP at a replica': (url) => ({ url: url(1) }),
	'a WebSocket at the primary': (url) => ({ url: url(0).replace(/^http/, 'ws') }),
	'a WebSocket at a replica': (url) => ({ url: url(1).replace(/^http/, 'ws') }),
};

for (const [where, config] of Object.entries(flavours))
	test(`an application on Prisma works over ${where}`, async (t) => {
		const url = (index) => server.db_url(database.instances[index].label);
		const db = new PrismaClient({ adapter: new PrismaLibSQL({ ...config(url), authToken: database.jwt }) });
		t.after(() => db.$disconnect());
		await db.author.deleteMany();

		await t.test('nested writes come back with every kind of value', async () => {
			const added = new Date('2026-02-03T04:05:06.789Z');
			const ada = await db.author.create({
				data: {
					name: 'Ada',
					books: {
						create: [
							{ title: 'Notes', score: 4.5, cover: Uint8Array.of(0, 255, 7), added, copies: 9007199254740991n, lent: true },
							{ title: 'Élan \u0000 ✓', added },
						],
					},
				},
				include: { books: { orderBy: { id: 'asc' } } },
			});
			const [notes, elan] = ada.books;
			assert.equal(notes.score, 4.5);
			assert.deepEqual([...notes.cover], [0, 255, 7]);
			assert.equal(notes.added.getTime(), added.getTime());
			assert.equal(notes.copies, 9007199254740991n);
			assert.equal(notes.lent, true);
			assert.equal(elan.title, 'Élan \u0000 ✓');
			assert.equal(elan.score, null);
			assert.deepEqual(
				await db.author.findMany({ include: { _count: { select: { books: true } } } }),
				[{ id: ada.id, name: 'Ada', _count: { books: 2 } }],
			);
		});

		// The adapter looks for SQLite's extended code, which this protocol does not carry: P2002 cannot be.
		await t.test('a broken constraint is told with its code and message', async () => {
			await assert.rejects(db.author.create({ data: { name: 'Ada' } }), clash);
			await assert.rejects(db.author.delete({ where: { name: 'nobody' } }), { code: 'P2025' });
		});

		await t.test('transactions commit whole or not at all', async () => {
			const count = await db.$transaction(async (tx) => {
				await tx.author.create({ data: { name: 'Bob' } });
				return tx.author.count();
			});
			assert.equal(count, 2);
			await assert.rejects(
				db.$transaction(async (tx) => {
					await tx.author.create({ data: { name: 'Cleo' } });
					assert.equal(await tx.author.count(), 3);
					throw new Error('changed my mind');
				}),
				/changed my mind/,
			);
			await assert.rejects(
				db.$transaction([db.author.create({ data: { name: 'Cleo' } }), db.author.create({ data: { name: 'Ada' } })]),
				clash,
			);
			assert.deepEqual(
				(await db.author.findMany({ orderBy: { name: 'asc' } })).map((author) => author.name),
				['Ada', 'Bob'],
			);
		});

		await t.test('updates, raw SQL, grouping and deletion', async () => {
			await db.book.updateMany({ where: { title: 'Notes' }, data: { copies: { increment: 0 }, score: { multiply: 2 } } });
			const [row] = await db.$queryRaw`SELECT title, score FROM Book WHERE score > ${8}`;
			assert.deepEqual(row, { title: 'Notes', score: 9 });
			const sums = await db.book.groupBy({ by: ['lent'], _count: true, orderBy: { lent: 'asc' } });
			assert.deepEqual(
				sums.map((sum) => [sum.lent, sum._count]),
				[
					[false, 1],
					[true, 1],
				],
			);
			assert.deepEqual(await db.book.deleteMany({ where: { author: { name: 'Ada' } } }), { count: 2 });
			assert.equal(await db.book.count(), 0);
		});
	});
