// The way to a database's content: SQL over HTTP, as every client speaks it, with a token of an hour that lives in this page's
// memory only.
import { ApiError, call, path } from './api';
import { token as sessionToken } from './session';
import type { Database } from './types';

export type SqlValue = null | number | bigint | string | Uint8Array;

export interface SqlColumn {
	name: string;
	decltype: string | null;
}

export interface SqlResult {
	columns: SqlColumn[];
	rows: SqlValue[][];
	affected: number;
	rowsRead: number;
	rowsWritten: number;
	durationMs: number;
}

export interface SqlStatement {
	sql: string;
	args?: readonly SqlValue[];
}

/// A statement that failed; `step` tells which one of those that were given, -1 that it is not known.
export class SqlError extends Error {
	constructor(
		readonly step: number,
		readonly code: string,
		message: string,
		/// What the statements before it gave.
		readonly results: SqlResult[],
	) {
		super(message);
		this.name = 'SqlError';
	}
}

interface WireValue {
	type: 'null' | 'integer' | 'float' | 'text' | 'blob';
	value?: string | number;
	base64?: string;
}

interface WireResult {
	cols: { name: string | null; decltype: string | null }[];
	rows: WireValue[][];
	affected_row_count: number;
	rows_read: number;
	rows_written: number;
	query_duration_ms: number;
}

interface WireError {
	message: string;
	code?: string;
}

type WireAnswer = { type: 'ok'; response: { type: string; result: WireBatch } } | { type: 'error'; error: WireError };

interface WireBatch {
	step_results: (WireResult | null)[];
	step_errors: (WireError | null)[];
}

// -- values -------------------------------------------------------------------------------------------

function bytesOf(base64: string): Uint8Array {
	return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function fromWire(value: WireValue): SqlValue {
	switch (value.type) {
		case 'integer': {
			const number = Number(value.value);
			return Number.isSafeInteger(number) ? number : BigInt(value.value ?? 0);
		}
		case 'float':
			return Number(value.value);
		case 'text':
			return String(value.value);
		case 'blob':
			return bytesOf(value.base64 ?? '');
		case 'null':
			return null;
	}
}

function toWire(value: SqlValue): WireValue {
	if (value === null) return { type: 'null' };
	if (typeof value === 'string') return { type: 'text', value };
	if (typeof value === 'bigint') return { type: 'integer', value: String(value) };
	if (typeof value === 'number') return Number.isInteger(value) ? { type: 'integer', value: String(value) } : { type: 'float', value };
	let letters = '';
	for (const byte of value) letters += String.fromCharCode(byte);
	return { type: 'blob', base64: btoa(letters) };
}

function resultOf(result: WireResult): SqlResult {
	return {
		columns: result.cols.map(({ name, decltype }) => ({ name: name ?? '', decltype })),
		rows: result.rows.map((row) => row.map(fromWire)),
		affected: result.affected_row_count,
		rowsRead: result.rows_read,
		rowsWritten: result.rows_written,
		durationMs: result.query_duration_ms,
	};
}

// -- tokens -------------------------------------------------------------------------------------------

const LIFETIME = '1h';
const RENEW_MS = 50 * 60 * 1000;

// By the database's id and, since another session may follow in this page, the session.
const tokens = new Map<string, { jwt: string; mintedMs: number }>();
sessionToken.subscribe(() => tokens.clear());

async function tokenFor(org: string, database: Database, fresh: boolean): Promise<string> {
	const known = tokens.get(database.DbId);
	if (known && !fresh && Date.now() - known.mintedMs < RENEW_MS) return known.jwt;
	const { jwt } = await call<{ jwt: string }>(path`/v1/organizations/${org}/databases/${database.Name}/auth/tokens`, {
		method: 'POST',
		query: { expiration: LIFETIME },
	});
	tokens.set(database.DbId, { jwt, mintedMs: Date.now() });
	return jwt;
}

// -- running ------------------------------------------------------------------------------------------

/// The label of a host name, which stands for it in /db/{label}/.
export function labelOf(hostname: string): string {
	return hostname.split('.')[0] ?? hostname;
}

export interface RunOptions {
	/// Label of an instance; without it the server chooses the nearest.
	label?: string;
	signal?: AbortSignal;
}

/// Runs statements one after the other on one stream, until one fails.
/// Throws SqlError for what a statement did wrong, ApiError for what the server refused.
export async function run(org: string, database: Database, statements: readonly SqlStatement[], options: RunOptions = {}): Promise<SqlResult[]> {
	const steps = statements.map(({ sql, args = [] }, i) => ({
		stmt: { sql, args: args.map(toWire), want_rows: true },
		...(i > 0 ? { condition: { type: 'ok', step: i - 1 } } : {}),
	}));
	const where = path`/db/${options.label ?? labelOf(database.Hostname)}/v3/pipeline`;
	const send = (bearer: string) =>
		call<{ results: WireAnswer[] }>(where, {
			method: 'POST',
			body: { requests: [{ type: 'batch', batch: { steps } }, { type: 'close' }] },
			bearer,
			...(options.signal ? { signal: options.signal } : {}),
		});
	let answer: { results: WireAnswer[] };
	try {
		answer = await send(await tokenFor(org, database, false));
	} catch (error) {
		// The credentials were rotated meanwhile, or the clock of this machine is another one.
		if (!(error instanceof ApiError) || error.status !== 401) throw error;
		answer = await send(await tokenFor(org, database, true));
	}
	const [first] = answer.results;
	if (!first) throw new Error('the server gave no result');
	// All were refused before any ran: which of them it was for is known only of one.
	if (first.type === 'error') throw new SqlError(statements.length === 1 ? 0 : -1, first.error.code ?? '', first.error.message, []);
	const { step_results, step_errors } = first.response.result;
	const results = step_results.filter((result) => result !== null).map(resultOf);
	const failed = step_errors.findIndex((error) => error !== null);
	const why = step_errors[failed];
	if (why) throw new SqlError(failed, why.code ?? '', why.message, results);
	return results;
}

/// One statement's rows as objects.
export async function rowsOf(org: string, database: Database, statement: SqlStatement, options?: RunOptions): Promise<Record<string, SqlValue>[]> {
	const [result] = await run(org, database, [statement], options);
	if (!result) return [];
	return result.rows.map((row) => Object.fromEntries(row.map((value, i) => [result.columns[i]?.name ?? '', value])));
}

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
