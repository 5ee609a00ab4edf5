// SQL's values as people see them, and as files have them.
import { formatBytes } from './format';
import type { SqlResult, SqlValue } from './sql';

const SHOWN_CHARACTERS = 300;
const SHOWN_BYTES = 16;

function hexOf(bytes: Uint8Array): string {
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function textOf(value: SqlValue): string {
	if (value === null) return 'NULL';
	if (value instanceof Uint8Array) return `x'${hexOf(value)}'`;
	return String(value);
}

export function Value({ value }: { value: SqlValue }) {
	if (value === null) return <span class="value-null">NULL</span>;
	if (value instanceof Uint8Array)
		return (
			<span class="value-blob" title={formatBytes(value.length)}>
				x'{hexOf(value.subarray(0, SHOWN_BYTES))}
				{value.length > SHOWN_BYTES && '…'}'
			</span>
		);
	const text = String(value);
	if (text.length <= SHOWN_CHARACTERS) return <>{text}</>;
	return <span title={`${text.length} characters`}>{text.slice(0, SHOWN_CHARACTERS)}…</span>;
}

export const isNumber = (value: SqlValue): boolean => typeof value === 'number' || typeof value === 'bigint';

function csvField(value: SqlValue): string {
	if (value === null) return '';
	const text = value instanceof Uint8Array ? hexOf(value) : String(value);
	return /[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text;
}

/// RFC 4180; NULL is an empty field, an empty text a quoted one.
export function toCsv({ columns, rows }: SqlResult): string {
	return [columns.map(({ name }) => name), ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

/// An array of objects; integers that JavaScript cannot hold are texts, blobs hexadecimal.
export function toJson({ columns, rows }: SqlResult): string {
	const plain = (value: SqlValue) => (typeof value === 'bigint' ? String(value) : value instanceof Uint8Array ? hexOf(value) : value);
	const objects = rows.map((row) => Object.fromEntries(row.map((value, i) => [columns[i]?.name ?? '', plain(value)])));
	return `${JSON.stringify(objects, null, '\t')}\n`;
}

/// Hands a file to the browser.
export function download(name: string, type: string, text: string): void {
	const address = URL.createObjectURL(new Blob([text], { type }));
	const link = document.createElement('a');
	link.href = address;
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
