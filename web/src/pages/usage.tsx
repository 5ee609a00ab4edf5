// What a database costs: rows and bytes by the hour or the day, by instance, and the statements that cost most.
import { useState } from 'preact/hooks';
import { get, path } from '../api';
import { Chart } from '../components/chart';
import { Button } from '../components/controls';
import { type Column, Figures, Panel, Table } from '../components/layout';
import { Empty, Shown } from '../components/states';
import { formatBytes, formatCompact, formatNumber } from '../format';
import { useLoad } from '../load';
import type { Instance } from '../types';
import type { DatabaseTabProps } from './database-tabs';

interface Used {
	rows_read: number;
	rows_written: number;
	bytes_synced: number;
	storage_bytes: number;
}

interface DatabaseUsage {
	database: { instances: { uuid: string; usage: Used }[]; usage: Used };
}

interface TopQuery {
	query: string;
	rows_read: number;
	rows_written: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const ranges = {
	day: { label: '24 hours', count: 24, step: HOUR_MS },
	fortnight: { label: '14 days', count: 14, step: DAY_MS },
} as const;

type Range = keyof typeof ranges;

interface Usage {
	times: number[];
	bars: Used[];
	all: DatabaseUsage['database'];
}

// One request a bar: the API tells sums of periods, and an hour belongs to the period in which it begins.
async function loadUsage(where: string, range: Range, signal: AbortSignal): Promise<Usage> {
	const { count, step } = ranges[range];
	const end = Math.floor(Date.now() / step) * step + step;
	const times = Array.from({ length: count }, (_, i) => end - (count - i) * step);
	const of = async (from: number, to: number) =>
		(await get<DatabaseUsage>(where, { from: new Date(from).toISOString(), to: new Date(to).toISOString() }, signal)).database;
	const [all, ...bars] = await Promise.all([of(end - count * step, end), ...times.map((from) => of(from, from + step))]);
	if (!all) throw new Error('the server told no usage');
	return { times, bars: bars.map(({ usage }) => usage), all };
}

const queryColumns: Column<TopQuery>[] = [
	{ head: 'Statement', cell: ({ query }) => <code class="query-text">{query}</code> },
	{ head: 'Rows read', number: true, cell: ({ rows_read }) => formatNumber(rows_read) },
	{ head: 'Rows written', number: true, cell: ({ rows_written }) => formatNumber(rows_written) },
];

function Charts({ usage: { times, bars } }: { usage: Usage }) {
	const of = (key: keyof Used) => bars.map((used) => used[key]);
	return (
		<div class="charts">
			<Panel title="Rows read">
				<Chart label="Rows read" times={times} series={[{ label: 'Rows read', values: of('rows_read'), colour: '--accent' }]} />
			</Panel>
			<Panel title="Rows written">
				<Chart label="Rows written" times={times} series={[{ label: 'Rows written', values: of('rows_written'), colour: '--good' }]} />
			</Panel>
			<Panel title="Bytes synced">
				<Chart label="Bytes synced" times={times} series={[{ label: 'Bytes synced', values: of('bytes_synced'), colour: '--warn' }]} format={formatBytes} />
			</Panel>
			<Panel title="Storage">
				<Chart label="Storage" times={times} series={[{ label: 'Storage', values: of('storage_bytes'), colour: '--line-strong' }]} format={formatBytes} />
			</Panel>
		</div>
	);
}

export function UsageTab({ org, database }: DatabaseTabProps) {
	const base = path`/v1/organizations/${org}/databases/${database.Name}`;
	const [range, setRange] = useState<Range>('day');
	const usage = useLoad(`usage ${database.DbId} ${range}`, (signal) => loadUsage(`${base}/usage`, range, signal));
	const instances = useLoad(`instances ${database.DbId}`, async (signal) => (await get<{ instances: Instance[] }>(`${base}/instances`, undefined, signal)).instances);
	const queries = useLoad(`queries ${database.DbId}`, (signal) => get<TopQuery[]>(`${base}/usage/queries`, undefined, signal));
	const nameOf = (uuid: string) => {
		const found = instances.data?.find((instance) => instance.uuid === uuid);
		return found ? `${found.name} (${found.region})` : 'an instance that is gone';
	};
	const instanceColumns: Column<DatabaseUsage['database']['instances'][number]>[] = [
		{ head: 'Instance', cell: ({ uuid }) => nameOf(uuid) },
		{ head: 'Rows read', number: true, cell: ({ usage: used }) => formatNumber(used.rows_read) },
		{ head: 'Rows written', number: true, cell: ({ usage: used }) => formatNumber(used.rows_written) },
		{ head: 'Synced', wide: true, number: true, cell: ({ usage: used }) => formatBytes(used.bytes_synced) },
		{ head: 'Storage', wide: true, number: true, cell: ({ usage: used }) => formatBytes(used.storage_bytes) },
	];
	return (
		<>
			<div class="row spread">
				<div class="segments" role="group" aria-label="Time">
					{(Object.keys(ranges) as Range[]).map((each) => (
						<button key={each} type="button" aria-pressed={each === range} onClick={() => setRange(each)}>
							{ranges[each].label}
						</button>
					))}
				</div>
				<Button
					onClick={() => {
						usage.reload();
						queries.reload();
					}}
				>
					Refresh
				</Button>
			</div>
			<Shown of={usage}>
				{(known) => (
					<>
						<Figures
							figures={[
								{ label: 'Rows read', value: formatCompact(known.all.usage.rows_read) },
								{ label: 'Rows written', value: formatCompact(known.all.usage.rows_written) },
								{ label: 'Bytes synced', value: formatBytes(known.all.usage.bytes_synced) },
								{ label: 'Storage', value: formatBytes(known.all.usage.storage_bytes) },
							]}
						/>
						<Charts usage={known} />
						<Panel title="By instance" flush>
							{known.all.instances.length > 0 ? (
								<Table label="Usage by instance" columns={instanceColumns} rows={known.all.instances} keyOf={({ uuid }) => uuid} />
							) : (
								<Empty title="No instance was used in this time" />
							)}
						</Panel>
					</>
				)}
			</Shown>
			<Panel title="Costliest statements of the last days" flush>
				<Shown of={queries}>
					{(list) => (list.length > 0 ? <Table label="Costliest statements" columns={queryColumns} rows={list} keyOf={({ query }) => query} /> : <Empty title="Nothing was run yet" />)}
				</Shown>
			</Panel>
		</>
	);
}
