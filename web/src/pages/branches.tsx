// Branches: copies of a database as it is, or as it was at any moment that its history still tells.
import { useEffect, useState } from 'preact/hooks';
import { get, path, post } from '../api';
import { Button, Field, TextField, useAction } from '../components/controls';
import { type Column, Panel, Table } from '../components/layout';
import { Empty, Failure, Loading, Shown } from '../components/states';
import { toast } from '../components/toast';
import { formatBytes, formatDuration, formatMoment } from '../format';
import { useLive } from '../live';
import { useLoad } from '../load';
import { Link, navigate } from '../router';
import type { Database, LiveDatabase } from '../types';
import type { DatabaseTabProps } from './database-tabs';

const SECOND = 1000;

/// The present, moved along every second.
function useNow(): number {
	const [now, setNow] = useState(Date.now());
	useEffect(() => {
		const timer = setInterval(() => setNow(Date.now()), SECOND);
		return () => clearInterval(timer);
	}, []);
	return now;
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

// What <input type="datetime-local"> reads: the local time, without a zone.
function toLocal(ms: number): string {
	const date = new Date(ms);
	return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function TimeSlider({ oldest, now, chosen, onChoose }: { oldest: number; now: number; chosen: number; onChoose: (ms: number) => void }) {
	const clamp = (ms: number) => Math.min(now, Math.max(oldest, ms));
	return (
		<div class="time-slider">
			<Field
				label="Moment"
				hint={
					<span class="time-ends">
						<span>{formatMoment(oldest)}</span>
						<span>now</span>
					</span>
				}
			>
				{(tie) => (
					<input
						{...tie}
						type="range"
						min={oldest}
						max={now}
						step={SECOND}
						value={chosen}
						aria-valuetext={`${exact.format(chosen)}, ${formatDuration(now - chosen)} ago`}
						onInput={(event) => onChoose(clamp(Number(event.currentTarget.value)))}
					/>
				)}
			</Field>
			<div class="row">
				<Field label="Exactly">
					{(tie) => (
						<input
							{...tie}
							type="datetime-local"
							step={1}
							min={toLocal(oldest)}
							max={toLocal(now)}
							value={toLocal(chosen)}
							onChange={(event) => {
								const ms = new Date(event.currentTarget.value).getTime();
								if (!Number.isNaN(ms)) onChoose(clamp(ms));
							}}
						/>
					)}
				</Field>
				<p class="chosen-moment" aria-live="polite">
					{formatDuration(Math.max(0, now - chosen))} ago
				</p>
			</div>
		</div>
	);
}

interface Copy {
	org: string;
	source: Database;
	name: string;
	at: number | null; // null: as it is now
}

async function copyDatabase({ org, source, name, at }: Copy): Promise<void> {
	const seed = { type: 'database', name: source.Name, ...(at === null ? {} : { timestamp: new Date(at).toISOString() }) };
	await post(path`/v1/organizations/${org}/databases`, { name, seed, ...(source.group ? { group: source.group } : {}) });
	// In a group it has its instances already; alone the first one loads the content.
	if (!source.group && source.primaryRegion)
		await post(path`/v1/organizations/${org}/databases/${name}/instances`, { location: source.primaryRegion });
}

function CopyForm({ org, source, live, onDone }: { org: string; source: Database; live: LiveDatabase; onDone: () => void }) {
	const now = useNow();
	const [way, setWay] = useState<'branch' | 'restore'>('branch');
	const [name, setName] = useState(`${source.Name}-branch`);
	const [wanted, setWanted] = useState(() => Math.floor(Date.now() / SECOND) * SECOND);
	const oldest = live.history.oldest ? new Date(live.history.oldest).getTime() : null;
	// The server refuses a moment before the oldest one to the millisecond; the slider knows whole seconds.
	const first = oldest === null ? null : Math.min(Math.ceil(oldest / SECOND) * SECOND, now);
	const chosen = first === null ? now : Math.min(now, Math.max(first, wanted));
	const copy = useAction(async () => {
		await copyDatabase({ org, source, name, at: way === 'restore' ? chosen : null });
		toast(way === 'restore' ? `${source.Name} was restored as ${name}` : `Branch ${name} was created`);
		onDone();
		navigate(`/${encodeURIComponent(org)}/databases/${encodeURIComponent(name)}`);
	});
	const choose = (other: typeof way) => {
		copy.clear();
		setWay(other);
		if (name === `${source.Name}-branch` || name === `${source.Name}-restored`) setName(`${source.Name}-${other === 'branch' ? 'branch' : 'restored'}`);
	};
	return (
		<form
			class="stack"
			onSubmit={(event) => {
				event.preventDefault();
				void copy.run();
			}}
		>
			<div class="segments narrow" role="group" aria-label="What is copied">
				<button type="button" aria-pressed={way === 'branch'} onClick={() => choose('branch')}>
					As it is now
				</button>
				<button type="button" aria-pressed={way === 'restore'} onClick={() => choose('restore')}>
					As it was
				</button>
			</div>
			{way === 'restore' &&
				(first === null ? (
					<p class="notice">There is no moment yet that could be restored: the history begins with the first write.</p>
				) : (
					<TimeSlider oldest={first} now={now} chosen={chosen} onChoose={setWanted} />
				))}
			<TextField
				label="Name of the new database"
				value={name}
				onValue={setName}
				error={copy.message}
				hint={`${source.Name} itself stays as it is.`}
				autocomplete="off"
				required
			/>
			<div class="actions">
				<Button kind="primary" type="submit" busy={copy.busy} disabled={way === 'restore' && first === null}>
					{way === 'restore' ? 'Restore into a new database' : 'Create the branch'}
				</Button>
			</div>
		</form>
	);
}

export function BranchesTab({ org, database }: DatabaseTabProps) {
	const live = useLive<LiveDatabase>(path`/v1/organizations/${org}/databases/${database.Name}/live`);
	const branches = useLoad(`branches of ${database.DbId}`, async (signal) =>
		(await get<{ databases: Database[] }>(path`/v1/organizations/${org}/databases`, { parent: database.DbId }, signal)).databases,
	);
	const columns: Column<Database>[] = [
		{
			head: 'Name',
			cell: ({ Name }) => (
				<Link class="strong" to={`/${encodeURIComponent(org)}/databases/${encodeURIComponent(Name)}`}>
					{Name}
				</Link>
			),
		},
		{ head: 'Branched at', cell: ({ parent }) => (parent ? formatMoment(parent.branched_at) : '') },
		{ head: 'Primary', wide: true, cell: ({ primaryRegion }) => <code>{primaryRegion || '–'}</code> },
	];
	if (live.error) return <Failure error={live.error} />;
	return (
		<>
			<Panel title="Copy into a new database">
				{live.data ? <CopyForm org={org} source={database} live={live.data} onDone={branches.reload} /> : <Loading what="Looking at the history" />}
				{live.data?.history.oldest && (
					<p class="hint">
						The history takes {formatBytes(live.data.history.bytes)} and reaches back to {formatMoment(live.data.history.oldest)}.
					</p>
				)}
			</Panel>
			<Panel title="Branches" flush>
				<Shown of={branches}>
					{(list) => (list.length > 0 ? <Table label="Branches" columns={columns} rows={list} keyOf={({ DbId }) => DbId} /> : <Empty title="There are no branches of this database" />)}
				</Shown>
			</Panel>
		</>
	);
}
