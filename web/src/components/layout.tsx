// How pages are put together.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { Link } from '../router';

interface PageProps {
	title: string;
	/// What stands above the title: where this page belongs.
	crumbs?: readonly (readonly [text: string, to: string])[];
	note?: ComponentChildren;
	actions?: ComponentChildren;
	children: ComponentChildren;
}

export function Page({ title, crumbs, note, actions, children }: PageProps) {
	useEffect(() => {
		document.title = `${title} · Atoll`;
	}, [title]);
	return (
		<>
			<header class="page-head">
				<div class="page-title">
					{crumbs && (
						<nav aria-label="Breadcrumb" class="crumbs">
							{crumbs.map(([text, to]) => (
								<Link key={to} to={to}>
									{text}
								</Link>
							))}
						</nav>
					)}
					<h1>{title}</h1>
					{note && <p class="page-note">{note}</p>}
				</div>
				{actions && <div class="page-actions">{actions}</div>}
			</header>
			{children}
		</>
	);
}

export function Panel({ title, actions, children, flush = false }: { title?: string; actions?: ComponentChildren; children: ComponentChildren; flush?: boolean }) {
	return (
		<section class={`panel${flush ? ' flush' : ''}`}>
			{(title || actions) && (
				<header class="panel-head">
					{title && <h2>{title}</h2>}
					{actions && <div class="panel-actions">{actions}</div>}
				</header>
			)}
			{children}
		</section>
	);
}

export interface Column<T> {
	head: string;
	cell: (row: T) => ComponentChildren;
	/// Numbers stand at the right, in figures of equal width.
	number?: boolean;
	/// Left out where the page is narrow.
	wide?: boolean;
	/// Its head is for screen readers only.
	bare?: boolean;
}

interface TableProps<T> {
	label: string;
	columns: readonly Column<T>[];
	rows: readonly T[];
	keyOf: (row: T) => string;
}

export function Table<T>({ label, columns, rows, keyOf }: TableProps<T>) {
	const classOf = (column: Column<T>) => [column.number ? 'number' : '', column.wide ? 'wide' : ''].join(' ').trim() || undefined;
	return (
		<div class="table-frame" role="region" aria-label={label} tabIndex={0}>
			<table>
				<thead>
					<tr>
						{columns.map((column) => (
							<th key={column.head} scope="col" class={classOf(column)}>
								{column.bare ? <span class="off-screen">{column.head}</span> : column.head}
							</th>
						))}
					</tr>
				</thead>
				<tbody>
					{rows.map((row) => (
						<tr key={keyOf(row)}>
							{columns.map((column) => (
								<td key={column.head} class={classOf(column)}>
									{column.cell(row)}
								</td>
							))}
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

export function Badge({ kind = 'plain', children }: { kind?: 'plain' | 'good' | 'bad' | 'warn' | 'accent'; children: ComponentChildren }) {
	return <span class={`badge ${kind}`}>{children}</span>;
}

export interface Figure {
	label: string;
	value: ComponentChildren;
	note?: ComponentChildren;
}

/// A row of single numbers.
export function Figures({ figures }: { figures: readonly Figure[] }) {
	return (
		<dl class="figures">
			{figures.map(({ label, value, note }) => (
				<div key={label} class="figure">
					<dt>{label}</dt>
					<dd>{value}</dd>
					{note && <dd class="figure-note">{note}</dd>}
				</div>
			))}
		</dl>
	);
}
