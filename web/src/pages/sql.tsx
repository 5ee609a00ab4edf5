// The SQL editor: choose an instance, write, run, look, take along. What was run is remembered for this tab's session.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { get, isAbort, messageOf, path } from '../api';
import { Button, SelectField } from '../components/controls';
import { Badge, Panel } from '../components/layout';
import { SqlEditor, type SqlSchema } from '../components/sql-editor';
import { Empty } from '../components/states';
import { useLoad } from '../load';
import { labelOf, rowsOf, run, SqlError, type SqlResult } from '../sql';
import { splitStatements } from '../sql-text';
import type { Instance } from '../types';
import type { DatabaseTabProps } from './database-tabs';
import { PlanPanel, ResultPanel } from './sql-results';

const HISTORY_MAX = 50;

const historyKey = (id: string): string => `atoll.sql.${id}`;

function readHistory(id: string): string[] {
	try {
		const kept: unknown = JSON.parse(sessionStorage.getItem(historyKey(id)) ?? '[]');
		return Array.isArray(kept) ? kept.filter((each) => typeof each === 'string') : [];
	} catch {
		return [];
	}
}

function addToHistory(id: string, text: string): string[] {
	const list = [text, ...readHistory(id).filter((each) => each !== text)].slice(0, HISTORY_MAX);
	try {
		sessionStorage.setItem(historyKey(id), JSON.stringify(list));
	} catch {
		// remembered no longer than the page
	}
	return list;
}

interface Outcome {
	kind: 'results' | 'plan';
	statements: string[];
	results: SqlResult[];
	error?: { message: string; code: string; sql: string };
	instance: string;
}

async function attempt(work: () => Promise<SqlResult[]>): Promise<{ results: SqlResult[]; failure?: unknown }> {
	try {
		return { results: await work() };
	} catch (error) {
		return { results: error instanceof SqlError ? error.results : [], failure: error };
	}
}

const SCHEMA_SQL = `SELECT m.name AS "table", p.name AS "column" FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) p WHERE m.type IN ('table', 'view') ORDER BY 1, p.cid`;

function useSchema({ org, database }: DatabaseTabProps, turn: number): SqlSchema {
	const loaded = useLoad(`schema ${database.DbId} ${turn}`, async (signal) => {
		const schema: Record<string, string[]> = {};
		for (const { table, column } of await rowsOf(org, database, { sql: SCHEMA_SQL }, { signal })) (schema[String(table)] ??= []).push(String(column));
		return schema;
	});
	const last = useRef<SqlSchema>({});
	if (loaded.data) last.current = loaded.data;
	return last.current;
}

function Problem({ error }: { error: NonNullable<Outcome['error']> }) {
	return (
		<div class="panel problem" role="alert">
			<p>
				{error.code && <Badge kind="bad">{error.code}</Badge>} <span>{error.message}</span>
			</p>
			{error.sql && (
				<p class="muted">
					in <code>{error.sql.slice(0, 240)}</code>
				</p>
			)}
		</div>
	);
}

export function SqlTab(props: DatabaseTabProps) {
	const { org, database } = props;
	const instances = useLoad(`instances ${database.DbId}`, async (signal) =>
		(await get<{ instances: Instance[] }>(path`/v1/organizations/${org}/databases/${database.Name}/instances`, undefined, signal)).instances,
	);
	const [where, setWhere] = useState('');
	const [past, setPast] = useState(() => readHistory(database.DbId));
	const [content, setContent] = useState(() => ({ text: past[0] ?? 'SELECT name, type FROM sqlite_schema;' }));
	const [text, setText] = useState(content.text);
	const [outcome, setOutcome] = useState<Outcome | null>(null);
	const [turn, setTurn] = useState(0);
	const running = useRef<AbortController | null>(null);
	const [busy, setBusy] = useState(false);
	const schema = useSchema(props, turn);
	useEffect(() => () => running.current?.abort(), []);
	const list = instances.data ?? [];
	const chosen = list.find(({ uuid }) => uuid === where);

	const execute = async (given: string, kind: Outcome['kind']) => {
		const statements = splitStatements(given);
		if (statements.length === 0 || running.current) return;
		const controller = new AbortController();
		running.current = controller;
		setBusy(true);
		setPast(addToHistory(database.DbId, given.trim()));
		const sent = statements.map((sql) => ({ sql: kind === 'plan' ? `EXPLAIN QUERY PLAN ${sql}` : sql }));
		const { results, failure } = await attempt(() =>
			run(org, database, sent, { signal: controller.signal, ...(chosen ? { label: labelOf(chosen.hostname) } : {}) }),
		);
		running.current = null;
		setBusy(false);
		const next: Outcome = { kind, statements, results, instance: chosen?.name ?? 'nearest' };
		if (failure !== undefined) {
			const cancelled = isAbort(failure);
			next.error = {
				message: cancelled ? 'Cancelled: the server was told to stop.' : messageOf(failure),
				code: failure instanceof SqlError ? failure.code : '',
				sql: failure instanceof SqlError ? (statements[failure.step] ?? '') : '',
			};
		}
		setOutcome(next);
		// A statement may have changed what can be completed.
		if (statements.some((sql) => /^\s*(create|alter|drop)\b/i.test(sql))) setTurn((old) => old + 1);
	};

	const options = useMemo(
		() => [
			['', 'Nearest instance'] as const,
			...(instances.data ?? []).map((each) => [each.uuid, `${each.name} (${each.region}${each.type === 'primary' ? ', primary' : ''})`] as const),
		],
		[instances.data],
	);
	if (instances.data && list.length === 0)
		return (
			<Empty title="There is no instance that could answer">
				<p>Create one on the map first.</p>
			</Empty>
		);
	return (
		<>
			<Panel flush>
				<SqlEditor content={content} schema={schema} onValue={setText} onRun={(given) => void execute(given, 'results')} />
				<div class="sql-foot">
					<SelectField label="Instance" value={where} onValue={setWhere} options={options} />
					<div class="row">
						<Button kind="primary" busy={busy} onClick={() => void execute(text, 'results')}>
							Run
						</Button>
						<Button disabled={busy} onClick={() => void execute(text, 'plan')}>
							Explain
						</Button>
						{busy && <Button onClick={() => running.current?.abort()}>Cancel</Button>}
					</div>
					<p class="hint">Ctrl+Enter runs what is selected, or all.</p>
				</div>
			</Panel>
			{outcome?.error && <Problem error={outcome.error} />}
			{outcome?.results.map((result, i) =>
				outcome.kind === 'plan' ? (
					<PlanPanel key={i} sql={outcome.statements[i] ?? ''} result={result} />
				) : (
					<ResultPanel key={i} sql={outcome.statements[i] ?? ''} result={result} name={`${database.Name}-${i + 1}`} />
				),
			)}
			{past.length > 0 && (
				<details class="panel sql-history">
					<summary>What was run in this session</summary>
					<ul>
						{past.map((each) => (
							<li key={each}>
								<button type="button" class="history-entry" onClick={() => {
										setText(each);
										setContent({ text: each });
									}}>
									<code>{each.slice(0, 200)}</code>
								</button>
							</li>
						))}
					</ul>
				</details>
			)}
		</>
	);
}
