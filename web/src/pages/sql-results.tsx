// What statements gave: a grid, what it cost, and the ways to take it along.
import { useState } from 'preact/hooks';
import { Button } from '../components/controls';
import { Badge, Panel } from '../components/layout';
import { formatNumber, plural } from '../format';
import type { SqlResult } from '../sql';
import { download, isNumber, toCsv, toJson, Value } from '../values';

const PAGE_ROWS = 200;

function Grid({ result, label }: { result: SqlResult; label: string }) {
	const [shown, setShown] = useState(PAGE_ROWS);
	return (
		<>
			<div class="table-frame grid" role="region" aria-label={label} tabIndex={0}>
				<table>
					<thead>
						<tr>
							<th scope="col" class="row-number">
								<span class="off-screen">Row</span>
							</th>
							{result.columns.map(({ name, decltype }, i) => (
								<th key={i} scope="col">
									{name} {decltype && <span class="decltype">{decltype.toLowerCase()}</span>}
								</th>
							))}
						</tr>
					</thead>
					<tbody>
						{result.rows.slice(0, shown).map((row, i) => (
							<tr key={i}>
								<td class="row-number">{i + 1}</td>
								{row.map((value, j) => (
									<td key={j} class={isNumber(value) ? 'number' : undefined}>
										<Value value={value} />
									</td>
								))}
							</tr>
						))}
					</tbody>
				</table>
			</div>
			{result.rows.length > shown && (
				<div class="pager">
					<span>
						{formatNumber(shown)} of {plural(result.rows.length, 'row')}
					</span>
					<Button onClick={() => setShown(shown + 5 * PAGE_ROWS)}>Show more</Button>
				</div>
			)}
		</>
	);
}

function costOf(result: SqlResult): string {
	const time = result.durationMs < 10 ? result.durationMs.toFixed(2) : result.durationMs.toFixed(0);
	return [
		result.columns.length > 0 ? plural(result.rows.length, 'row') : `${plural(result.affected, 'row')} changed`,
		`${time} ms`,
		`${plural(result.rowsRead, 'row')} read`,
		...(result.rowsWritten > 0 ? [`${plural(result.rowsWritten, 'row')} written`] : []),
	].join(' · ');
}

export function ResultPanel({ sql, result, name }: { sql: string; result: SqlResult; name: string }) {
	const grid = result.columns.length > 0;
	return (
		<Panel
			flush
			actions={
				<>
					<span class="cost" role="status">
						{costOf(result)}
					</span>
					{grid && (
						<>
							<Button kind="quiet" onClick={() => download(`${name}.csv`, 'text/csv', toCsv(result))}>
								CSV
							</Button>
							<Button kind="quiet" onClick={() => download(`${name}.json`, 'application/json', toJson(result))}>
								JSON
							</Button>
						</>
					)}
				</>
			}
		>
			<p class="ran">
				<code>{sql.length > 240 ? `${sql.slice(0, 240)}…` : sql}</code>
			</p>
			{grid && (result.rows.length > 0 ? <Grid result={result} label={`Rows of ${sql.slice(0, 60)}`} /> : <p class="ran muted">No rows</p>)}
		</Panel>
	);
}

/// EXPLAIN QUERY PLAN gives rows of id, parent, unused, detail: a tree.
export function PlanPanel({ sql, result }: { sql: string; result: SqlResult }) {
	const nodes = result.rows.map(([id, parent, , detail]) => ({ id: Number(id), parent: Number(parent), detail: String(detail) }));
	const below = (parent: number) => {
		const children = nodes.filter((node) => node.parent === parent);
		if (children.length === 0) return null;
		return (
			<ul class="plan">
				{children.map((node) => (
					<li key={node.id}>
						<span>{node.detail}</span> {/^SCAN /.test(node.detail) && !/ USING /.test(node.detail) && <Badge kind="warn">whole table</Badge>}
						{below(node.id)}
					</li>
				))}
			</ul>
		);
	};
	return (
		<Panel title="Query plan">
			<p class="ran-plain">
				<code>{sql.length > 240 ? `${sql.slice(0, 240)}…` : sql}</code>
			</p>
			{below(0) ?? <p class="muted">Nothing is read.</p>}
		</Panel>
	);
}
