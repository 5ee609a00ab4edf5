// The tables of a database: their columns and definitions, their rows in pages, and changes of single rows, on the primary.
import { useState } from 'preact/hooks';
import { Button, CheckField, Field, SelectField, useAction } from '../components/controls';
import { ConfirmDialog, Dialog } from '../components/dialog';
import { Badge, type Column, Panel, Table } from '../components/layout';
import { Empty, Shown } from '../components/states';
import { toast } from '../components/toast';
import { formatNumber } from '../format';
import { useLoad } from '../load';
import { quoteName, rowsOf, run, type SqlStatement, type SqlValue } from '../sql';
import type { Database } from '../types';
import { isNumber, textOf, Value } from '../values';
import type { DatabaseTabProps } from './database-tabs';

const PAGE_ROWS = 50;

interface TableColumn {
	name: string;
	type: string;
	required: boolean;
	fallback: string | null; // the default's SQL
	key: number; // place in the primary key, from 1; 0 is none
	generated: boolean;
}

interface TableShape {
	name: string;
	kind: string;
	sql: string;
	columns: TableColumn[];
	/// What names a row: columns of the primary key, or the row's number; null when nothing does (a view).
	identity: readonly string[] | null;
}

async function loadNames(org: string, database: Database, signal: AbortSignal): Promise<string[]> {
	const rows = await rowsOf(org, database, { sql: "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name" }, { signal });
	return rows.map(({ name }) => String(name));
}

async function loadShape(org: string, database: Database, name: string, signal: AbortSignal): Promise<TableShape> {
	const [[schema], columns, list] = await Promise.all([
		rowsOf(org, database, { sql: "SELECT type, sql FROM sqlite_schema WHERE name = ? AND type IN ('table', 'view')", args: [name] }, { signal }),
		rowsOf(org, database, { sql: 'SELECT * FROM pragma_table_xinfo(?)', args: [name] }, { signal }),
		rowsOf(org, database, { sql: 'SELECT wr FROM pragma_table_list WHERE name = ?', args: [name] }, { signal }),
	]);
	const shape = columns
		.filter(({ hidden }) => hidden !== 1)
		.map((column) => ({
			name: String(column['name']),
			type: String(column['type'] ?? ''),
			required: Number(column['notnull']) !== 0,
			fallback: column['dflt_value'] == null ? null : String(column['dflt_value']),
			key: Number(column['pk']),
			generated: Number(column['hidden']) > 1,
		}));
	const kind = String(schema?.['type'] ?? 'table');
	const key = shape.filter((column) => column.key > 0).sort((a, b) => a.key - b.key).map((column) => column.name);
	const withoutRowid = Number(list[0]?.['wr'] ?? 0) !== 0;
	// A column called rowid hides the number.
	const number = ['rowid', '_rowid_', 'oid'].find((word) => !shape.some((column) => column.name.toLowerCase() === word));
	const identity = kind === 'view' ? null : withoutRowid ? key : number ? [number] : key.length > 0 ? key : null;
	return { name, kind, sql: String(schema?.['sql'] ?? ''), columns: shape, identity };
}

interface Row {
	identity: SqlValue[];
	values: SqlValue[];
}

interface RowsPage {
	rows: Row[];
	total: number;
}

async function loadRows(org: string, database: Database, shape: TableShape, page: number, signal: AbortSignal): Promise<RowsPage> {
	const identity = shape.identity ?? [];
	const order = identity.length > 0 ? ` ORDER BY ${identity.map(quoteIdentity).join(', ')}` : '';
	const selected = [...identity.map(quoteIdentity), ...shape.columns.map(({ name }) => quoteName(name))].join(', ');
	const [list, count] = await run(
		org,
		database,
		[
			{ sql: `SELECT ${selected} FROM ${quoteName(shape.name)}${order} LIMIT ? OFFSET ?`, args: [PAGE_ROWS, page * PAGE_ROWS] },
			{ sql: `SELECT count(*) FROM ${quoteName(shape.name)}` },
		],
		{ signal },
	);
	return {
		rows: (list?.rows ?? []).map((values) => ({ identity: values.slice(0, identity.length), values: values.slice(identity.length) })),
		total: Number(count?.rows[0]?.[0] ?? 0),
	};
}

// The number's names are no names of columns, and stay unquoted.
const quoteIdentity = (name: string): string => (/^(?:rowid|_rowid_|oid)$/.test(name) ? name : quoteName(name));

const whereOf = (shape: TableShape): string => (shape.identity ?? []).map((name) => `${quoteIdentity(name)} IS ?`).join(' AND ');

// -- one row ------------------------------------------------------------------------------------------

type Kind = 'null' | 'text' | 'number' | 'blob' | 'default';

interface Cell {
	kind: Kind;
	text: string;
}

function cellOf(value: SqlValue): Cell {
	if (value === null) return { kind: 'null', text: '' };
	if (value instanceof Uint8Array) return { kind: 'blob', text: textOf(value).slice(2, -1) };
	return { kind: isNumber(value) ? 'number' : 'text', text: String(value) };
}

function valueOf({ kind, text }: Cell, column: string): SqlValue {
	switch (kind) {
		case 'null':
		case 'default':
			return null;
		case 'text':
			return text;
		case 'number': {
			const trimmed = text.trim();
			if (/^[+-]?\d+$/.test(trimmed)) {
				const whole = BigInt(trimmed);
				return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
			}
			const number = Number(trimmed);
			if (trimmed === '' || !Number.isFinite(number)) throw new Error(`${column}: “${text}” is no number`);
			return number;
		}
		case 'blob': {
			if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw new Error(`${column}: a blob is written as pairs of hexadecimal digits`);
			return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
		}
	}
}

function saveStatement(shape: TableShape, cells: readonly Cell[], row: Row | null): SqlStatement | null {
	const columns = shape.columns;
	if (!row) {
		const given = columns.flatMap(({ name, generated }, i) => {
			const cell = cells[i];
			return cell && cell.kind !== 'default' && !generated ? [{ name, value: valueOf(cell, name) }] : [];
		});
		if (given.length === 0) return { sql: `INSERT INTO ${quoteName(shape.name)} DEFAULT VALUES` };
		return {
			sql: `INSERT INTO ${quoteName(shape.name)} (${given.map(({ name }) => quoteName(name)).join(', ')}) VALUES (${given.map(() => '?').join(', ')})`,
			args: given.map(({ value }) => value),
		};
	}
	const changed = columns.flatMap(({ name, generated }, i) => {
		const cell = cells[i];
		const before = cellOf(row.values[i] ?? null);
		return cell && !generated && (cell.kind !== before.kind || cell.text !== before.text) ? [{ name, value: valueOf(cell, name) }] : [];
	});
	if (changed.length === 0) return null;
	return {
		sql: `UPDATE ${quoteName(shape.name)} SET ${changed.map(({ name }) => `${quoteName(name)} = ?`).join(', ')} WHERE ${whereOf(shape)}`,
		args: [...changed.map(({ value }) => value), ...row.identity],
	};
}

/// One row must be what it was meant for: none, when somebody else was faster.
async function changeOne(org: string, database: Database, statement: SqlStatement): Promise<void> {
	const [result] = await run(org, database, [statement]);
	if (result?.affected === 0) throw new Error('The row is not there any more: somebody else changed it.');
}

const kinds = [
	['text', 'Text'],
	['number', 'Number'],
	['blob', 'Blob'],
	['null', 'NULL'],
] as const;

function CellField({ column, cell, fresh, onCell }: { column: TableColumn; cell: Cell; fresh: boolean; onCell: (cell: Cell) => void }) {
	const given = cell.kind !== 'null' && cell.kind !== 'default';
	return (
		<div class="cell-field">
			<Field label={column.name} hint={[column.type.toLowerCase(), column.required ? 'not null' : '', column.key ? 'key' : ''].filter(Boolean).join(', ') || undefined}>
				{(tie) => (
					<textarea
						{...tie}
						rows={cell.text.length > 60 || cell.text.includes('\n') ? 4 : 1}
						disabled={!given}
						value={given ? cell.text : ''}
						placeholder={cell.kind === 'default' ? (column.fallback ?? 'default') : cell.kind === 'null' ? 'NULL' : ''}
						onInput={(event) => onCell({ ...cell, text: event.currentTarget.value })}
					/>
				)}
			</Field>
			<select aria-label={`Type of ${column.name}`} value={cell.kind} onChange={(event) => onCell({ ...cell, kind: event.currentTarget.value as Kind })}>
				{fresh && <option value="default">Default</option>}
				{kinds.map(([kind, label]) => (
					<option key={kind} value={kind}>
						{label}
					</option>
				))}
			</select>
		</div>
	);
}

function RowDialog({ org, database, shape, row, onClose, onDone }: { org: string; database: Database; shape: TableShape; row: Row | null; onClose: () => void; onDone: () => void }) {
	const [cells, setCells] = useState<Cell[]>(() => shape.columns.map((_, i) => (row ? cellOf(row.values[i] ?? null) : { kind: 'default', text: '' })));
	const save = useAction(async () => {
		const statement = saveStatement(shape, cells, row);
		if (statement) await changeOne(org, database, statement);
		toast(row ? 'The row was changed' : 'The row was added');
		onDone();
	});
	return (
		<Dialog title={row ? `Edit a row of ${shape.name}` : `Add a row to ${shape.name}`} onClose={onClose}>
			<form
				class="stack"
				onSubmit={(event) => {
					event.preventDefault();
					void save.run();
				}}
			>
				{shape.columns.map(
					(column, i) =>
						!column.generated && (
							<CellField
								key={column.name}
								column={column}
								cell={cells[i] ?? { kind: 'null', text: '' }}
								fresh={!row}
								onCell={(cell) => setCells(cells.map((old, j) => (j === i ? cell : old)))}
							/>
						),
				)}
				{save.message && (
					<p class="field-error" role="alert">
						{save.message}
					</p>
				)}
				<div class="actions">
					<Button onClick={onClose}>Cancel</Button>
					<Button kind="primary" type="submit" busy={save.busy}>
						{row ? 'Save the row' : 'Add the row'}
					</Button>
				</div>
			</form>
		</Dialog>
	);
}

// -- one table ----------------------------------------------------------------------------------------

const schemaColumns: Column<TableColumn>[] = [
	{ head: 'Column', cell: ({ name, key }) => <><span class="strong">{name}</span> {key > 0 && <Badge kind="accent">key</Badge>}</> },
	{ head: 'Type', cell: ({ type, generated }) => <>{type.toLowerCase() || <span class="muted">any</span>} {generated && <Badge>generated</Badge>}</> },
	{ head: 'Null', wide: true, cell: ({ required }) => (required ? 'not null' : <span class="muted">allowed</span>) },
	{ head: 'Default', wide: true, cell: ({ fallback }) => (fallback === null ? <span class="muted">–</span> : <code>{fallback}</code>) },
];

function Schema({ shape }: { shape: TableShape }) {
	return (
		<Panel title={`Columns of ${shape.name}`} flush>
			<Table label={`Columns of ${shape.name}`} columns={schemaColumns} rows={shape.columns} keyOf={({ name }) => name} />
			<pre class="code-block square" tabIndex={0}>
				{shape.sql}
			</pre>
		</Panel>
	);
}

function Rows({ org, database, shape }: { org: string; database: Database; shape: TableShape }) {
	const [page, setPage] = useState(0);
	const [editing, setEditing] = useState<Row | 'new' | null>(null);
	const [deleting, setDeleting] = useState<Row | null>(null);
	const rows = useLoad(`rows ${database.DbId} ${shape.name} ${page}`, (signal) => loadRows(org, database, shape, page, signal));
	const changes = shape.identity !== null;
	const nameOf = (row: Row) => row.identity.map(textOf).join(', ');
	return (
		<Panel
			title={`Rows of ${shape.name}`}
			flush
			actions={
				<>
					<Button onClick={rows.reload}>Refresh</Button>
					{changes && (
						<Button kind="primary" onClick={() => setEditing('new')}>
							Add a row
						</Button>
					)}
				</>
			}
		>
			<Shown of={rows}>
				{({ rows: list, total }) => (
					<>
						{list.length > 0 ? (
							<div class="table-frame grid" role="region" aria-label={`Rows of ${shape.name}`} tabIndex={0}>
								<table>
									<thead>
										<tr>
											{shape.columns.map(({ name, type }) => (
												<th key={name} scope="col">
													{name} {type && <span class="decltype">{type.toLowerCase()}</span>}
												</th>
											))}
											{changes && (
												<th scope="col">
													<span class="off-screen">Actions</span>
												</th>
											)}
										</tr>
									</thead>
									<tbody>
										{list.map((row, i) => (
											<tr key={i}>
												{row.values.map((value, j) => (
													<td key={j} class={isNumber(value) ? 'number' : undefined}>
														<Value value={value} />
													</td>
												))}
												{changes && (
													<td class="row-actions">
														<Button kind="quiet" aria-label={`Edit row ${nameOf(row)}`} onClick={() => setEditing(row)}>
															Edit
														</Button>
														<Button kind="quiet" aria-label={`Delete row ${nameOf(row)}`} onClick={() => setDeleting(row)}>
															Delete
														</Button>
													</td>
												)}
											</tr>
										))}
									</tbody>
								</table>
							</div>
						) : (
							<Empty title="There are no rows here" />
						)}
						<nav class="pager" aria-label="Pages">
							<Button disabled={page === 0} onClick={() => setPage(page - 1)}>
								Back
							</Button>
							<span>
								{total === 0 ? '0 rows' : `${formatNumber(page * PAGE_ROWS + 1)} to ${formatNumber(Math.min(total, (page + 1) * PAGE_ROWS))} of ${formatNumber(total)}`}
							</span>
							<Button disabled={(page + 1) * PAGE_ROWS >= total} onClick={() => setPage(page + 1)}>
								Next
							</Button>
						</nav>
					</>
				)}
			</Shown>
			{editing && (
				<RowDialog
					org={org}
					database={database}
					shape={shape}
					row={editing === 'new' ? null : editing}
					onClose={() => setEditing(null)}
					onDone={() => {
						setEditing(null);
						rows.reload();
					}}
				/>
			)}
			{deleting && (
				<ConfirmDialog
					title={`Delete row ${nameOf(deleting)} of ${shape.name}`}
					action="Delete the row"
					onConfirm={async () => {
						await changeOne(org, database, { sql: `DELETE FROM ${quoteName(shape.name)} WHERE ${whereOf(shape)}`, args: deleting.identity });
						toast('The row was deleted');
						rows.reload();
					}}
					onClose={() => setDeleting(null)}
				/>
			)}
		</Panel>
	);
}

export function TablesTab({ org, database }: DatabaseTabProps) {
	const names = useLoad(`tables ${database.DbId}`, (signal) => loadNames(org, database, signal));
	const [wanted, setWanted] = useState('');
	const [withSchema, setWithSchema] = useState(false);
	const name = wanted || names.data?.[0] || '';
	const shape = useLoad(`shape ${database.DbId} ${name}`, async (signal) => (name ? loadShape(org, database, name, signal) : null));
	return (
		<Shown of={names}>
			{(list) =>
				list.length === 0 ? (
					<Empty title="There are no tables yet">
						<p>Create one in the SQL editor.</p>
					</Empty>
				) : (
					<>
						<div class="row spread">
							<SelectField label="Table" value={name} onValue={setWanted} options={list.map((each) => [each, each] as const)} />
							<CheckField label="Show its columns" checked={withSchema} onChecked={setWithSchema} />
						</div>
						<Shown of={shape}>
							{(known) =>
								known && (
									<>
										{withSchema && <Schema shape={known} />}
										<Rows key={known.name} org={org} database={database} shape={known} />
									</>
								)
							}
						</Shown>
					</>
				)
			}
		</Shown>
	);
}
