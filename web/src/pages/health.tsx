// The node that answers: whether it is ready and why not, what it holds, and which locations it serves.
import { open, call } from '../api';
import { Button } from '../components/controls';
import { Badge, type Column, Figures, Page, Panel, Table } from '../components/layout';
import { Empty, Shown } from '../components/states';
import { formatBytes, formatCompact, formatDuration, formatNumber } from '../format';
import { useLoad } from '../load';
import { usePlaces } from '../places';
import type { Place } from '../types';
import type { PageProps } from '.';

interface Check {
	name: string;
	status: string;
	reason?: string;
	message?: string;
	[other: string]: unknown;
}

interface Readiness {
	status: string;
	checks: Check[];
}

// Samples of the Prometheus text by name, with their labels where there are some: `name{a="b"}`.
function readMetrics(text: string): Map<string, number> {
	const found = new Map<string, number>();
	for (const line of text.split('\n')) {
		const at = line.lastIndexOf(' ');
		if (line.startsWith('#') || at < 0) continue;
		found.set(line.slice(0, at), Number(line.slice(at + 1)));
	}
	return found;
}

/// null for whoever may not see them.
async function loadMetrics(signal: AbortSignal): Promise<Map<string, number> | null> {
	try {
		const response = await open('/metrics', { signal, keepsSession: true });
		return readMetrics(await response.text());
	} catch (error) {
		if (signal.aborted) throw error;
		return null;
	}
}

const checkNames: Record<string, string> = {
	data_folder: 'The data folder can be written',
	disk_space: 'There is room on the disk',
	platform_store: 'The platform’s own database answers',
	durability: 'Commits reach the disk',
	serving: 'Requests are served',
	backups: 'Backups are made and were verified',
};

const checkColumns: Column<Check>[] = [
	{ head: 'Check', cell: ({ name }) => checkNames[name] ?? name },
	{ head: 'State', cell: ({ status }) => <Badge kind={status === 'ok' ? 'good' : 'bad'}>{status}</Badge> },
	{
		head: 'Why',
		wide: true,
		cell: ({ name, status, ...rest }) => <span class="muted">{Object.values(rest).filter((value) => typeof value === 'string').join('; ')}</span>,
	},
];

const placeColumns: Column<Place>[] = [
	{ head: 'Code', cell: ({ code }) => <code>{code}</code> },
	{ head: 'Location', cell: ({ name }) => name },
	{
		head: 'Where',
		wide: true,
		number: true,
		cell: ({ latitude, longitude }) => (latitude === null || longitude === null ? <span class="muted">anywhere</span> : `${latitude.toFixed(2)}°, ${longitude.toFixed(2)}°`),
	},
];

function figuresOf(metrics: Map<string, number>) {
	const of = (name: string) => metrics.get(name) ?? 0;
	const started = of('process_start_time_seconds') * 1000;
	return [
		{ label: 'Up for', value: started > 0 ? formatDuration(Math.max(0, Date.now() - started)) : '–' },
		{ label: 'Memory', value: formatBytes(of('process_resident_memory_bytes')) },
		{ label: 'Connections', value: formatNumber(of('atoll_http_open_connections')), note: `${formatNumber(of('atoll_open_websockets'))} WebSockets` },
		{ label: 'Open databases', value: formatNumber(of('atoll_open_databases')), note: `${formatNumber(of('atoll_open_instances{role="replica"}'))} replicas` },
		{ label: 'Statements', value: formatCompact(of('atoll_statements_total')), note: 'since the start' },
		{ label: 'Commits', value: formatCompact(of('atoll_commits_total{store="databases"}')), note: 'since the start' },
		{ label: 'Furthest behind', value: `${formatNumber(of('atoll_replica_lag_frames'))} frames` },
		{ label: 'Disk free', value: formatBytes(of('atoll_disk_free_bytes')) },
	];
}

export function HealthPage({ params }: PageProps) {
	const org = params['org'] ?? '';
	const ready = useLoad('readiness', (signal) => call<Readiness>('/ready', { signal, accepts: [503], keepsSession: true }));
	const version = useLoad('version', async (signal) => (await open('/version', { signal })).text());
	const metrics = useLoad('metrics', async (signal) => ({ all: await loadMetrics(signal) }));
	const places = usePlaces(org);
	const reload = () => {
		ready.reload();
		metrics.reload();
	};
	return (
		<Page title="Nodes & health" actions={<Button onClick={reload}>Refresh</Button>}>
			<Shown of={ready}>
				{({ status, checks }) => (
					<Panel
						title={`Node at ${location.host}`}
						flush
						actions={
							<>
								{version.data && <Badge>{version.data.trim()}</Badge>}
								<Badge kind={status === 'ok' ? 'good' : 'bad'}>{status === 'ok' ? 'ready' : status}</Badge>
							</>
						}
					>
						<Table label="Checks" columns={checkColumns} rows={checks} keyOf={({ name }) => name} />
					</Panel>
				)}
			</Shown>
			<Shown of={metrics}>
				{({ all }) =>
					all ? (
						<Figures figures={figuresOf(all)} />
					) : (
						<Panel>
							<Empty title="The node’s numbers are for administrators of the server" />
						</Panel>
					)
				}
			</Shown>
			<Panel title="Locations served here" flush>
				<Shown of={places}>{(list) => <Table label="Locations" columns={placeColumns} rows={list} keyOf={({ code }) => code} />}</Shown>
			</Panel>
		</Page>
	);
}
