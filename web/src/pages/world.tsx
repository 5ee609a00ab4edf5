// The world of a database: where its instances are, how far each is behind, and a place for another one.
import { useMemo, useRef, useState } from 'preact/hooks';
import { path, post, remove } from '../api';
import { Button, CopyButton, SelectField, TextField, useAction } from '../components/controls';
import { ConfirmDialog, Dialog } from '../components/dialog';
import { Badge, type Column, Figures, Panel, Table } from '../components/layout';
import { Sparkline } from '../components/sparkline';
import { Empty, Failure, Loading } from '../components/states';
import { toast } from '../components/toast';
import { WorldMap } from '../components/world-map';
import { formatBytes, formatCompact, formatDuration, formatMoment, formatNumber, plural } from '../format';
import { useLive } from '../live';
import { usePlaces } from '../places';
import type { LiveDatabase, LiveInstance, Place } from '../types';
import type { DatabaseTabProps } from './database-tabs';

interface Credentials {
	instance: string;
	username: string;
	password: string;
}

const SAMPLES_MAX = 120;

/// The lags of each instance as they were told, oldest first.
function useLagHistory(): { samples: Map<string, number[]>; add: (live: LiveDatabase) => void } {
	const samples = useRef(new Map<string, number[]>());
	const add = (live: LiveDatabase) => {
		const known = new Set(live.instances.map(({ uuid }) => uuid));
		for (const uuid of samples.current.keys()) if (!known.has(uuid)) samples.current.delete(uuid);
		for (const { uuid, lag_frames } of live.instances) {
			const list = samples.current.get(uuid) ?? [];
			list.push(lag_frames);
			if (list.length > SAMPLES_MAX) list.shift();
			samples.current.set(uuid, list);
		}
	};
	return { samples: samples.current, add };
}

export function LagText({ instance }: { instance: LiveInstance }) {
	if (instance.state === 'failed') return <Badge kind="bad">failed</Badge>;
	if (instance.state !== 'ready') return <Badge kind="warn">creating</Badge>;
	if (instance.type === 'primary') return <span class="muted">takes writes</span>;
	if (instance.lag_frames === 0) return <span class="caught-up">caught up</span>;
	return (
		<span>
			{plural(instance.lag_frames, 'frame')} <span class="muted">· {formatDuration(instance.lag_ms)}</span>
		</span>
	);
}

function CreateInstanceDialog({ org, db, place, first, onClose, onCreated }: {
	org: string;
	db: string;
	place: Place;
	first: boolean;
	onClose: () => void;
	onCreated: (made: Credentials) => void;
}) {
	const [name, setName] = useState('');
	const create = useAction(async () => {
		const body = name ? { location: place.code, instance_name: name } : { location: place.code };
		const answer = await post<{ instance: { name: string }; username: string; password: string }>(
			path`/v1/organizations/${org}/databases/${db}/instances`,
			body,
		);
		toast(`Instance ${answer.instance.name} is being created in ${place.name}`);
		onCreated({ instance: answer.instance.name, username: answer.username, password: answer.password });
	});
	return (
		<Dialog title={`Create ${first ? 'the primary' : 'a replica'} in ${place.name}`} onClose={onClose}>
			<form
				class="stack"
				onSubmit={(event) => {
					event.preventDefault();
					void create.run();
				}}
			>
				<p>
					{first
						? 'The first instance is the primary: it takes the writes of all others.'
						: 'It is filled from the primary, then follows it; reads there are local.'}
				</p>
				<TextField
					label="Name (optional)"
					value={name}
					onValue={setName}
					error={create.message}
					placeholder="chosen by the server"
					autocomplete="off"
				/>
				<div class="actions">
					<Button onClick={onClose}>Cancel</Button>
					<Button kind="primary" type="submit" busy={create.busy}>
						Create the instance
					</Button>
				</div>
			</form>
		</Dialog>
	);
}

function CredentialsPanel({ made, onClose }: { made: Credentials; onClose: () => void }) {
	return (
		<Panel title={`Credentials of instance ${made.instance}`} actions={<Button onClick={onClose}>Done</Button>}>
			<p>They open this instance by HTTP Basic and are shown this once.</p>
			<dl class="pairs">
				<dt>User name</dt>
				<dd>
					<code>{made.username}</code> <CopyButton text={made.username} />
				</dd>
				<dt>Password</dt>
				<dd>
					<code>{made.password}</code> <CopyButton text={made.password} />
				</dd>
			</dl>
		</Panel>
	);
}

/// The way to an instance in a place without a pointer.
function PlaceChoice({ places, onChoose }: { places: Place[]; onChoose: (place: Place) => void }) {
	const [code, setCode] = useState('');
	const chosen = places.find((place) => place.code === (code || places[0]?.code));
	return (
		<form
			class="place-choice"
			onSubmit={(event) => {
				event.preventDefault();
				if (chosen) onChoose(chosen);
			}}
		>
			<SelectField
				label="Location of a new instance"
				value={chosen?.code ?? ''}
				onValue={setCode}
				options={places.map((place) => [place.code, `${place.name} (${place.code})`] as const)}
			/>
			<Button type="submit" kind="primary">
				Create an instance
			</Button>
		</form>
	);
}

function columnsOf(places: Place[], samples: Map<string, number[]>, destroy: (instance: LiveInstance) => void): Column<LiveInstance>[] {
	const nameOf = (code: string) => places.find((place) => place.code === code)?.name ?? code;
	return [
		{
			head: 'Instance',
			cell: (instance) => (
				<>
					<span class="strong">{instance.name}</span> {instance.type === 'primary' && <Badge kind="accent">primary</Badge>}
				</>
			),
		},
		{ head: 'Location', wide: true, cell: (instance) => <span title={instance.region}>{nameOf(instance.region)}</span> },
		{ head: 'Behind', cell: (instance) => <LagText instance={instance} /> },
		{
			head: 'Lag lately',
			wide: true,
			cell: (instance) => instance.type === 'replica' && <Sparkline values={samples.get(instance.uuid) ?? []} label={`Lag of ${instance.name} lately`} />,
		},
		{ head: 'Frame', wide: true, number: true, cell: (instance) => formatNumber(instance.frame_no) },
		{ head: 'Size', number: true, cell: (instance) => formatBytes(instance.storage_bytes) },
		{
			head: 'Actions',
			bare: true,
			number: true,
			cell: (instance) =>
				instance.type === 'replica' && (
					<Button kind="quiet" aria-label={`Destroy instance ${instance.name}`} onClick={() => destroy(instance)}>
						Destroy
					</Button>
				),
		},
	];
}

function figuresOf(live: LiveDatabase) {
	const replicas = live.instances.filter(({ type }) => type === 'replica');
	const furthest = Math.max(0, ...replicas.map(({ lag_frames }) => lag_frames));
	const bytes = live.instances.reduce((sum, { storage_bytes }) => sum + storage_bytes, 0);
	return [
		{ label: 'Instances', value: formatNumber(live.instances.length) },
		{ label: 'Furthest behind', value: replicas.length === 0 ? '–' : plural(furthest, 'frame') },
		{ label: 'Storage', value: formatBytes(bytes) },
		{ label: 'Rows read', value: formatCompact(live.usage.rows_read), note: 'this month' },
		{ label: 'Rows written', value: formatCompact(live.usage.rows_written), note: 'this month' },
		{
			label: 'History',
			value: formatBytes(live.history.bytes),
			note: live.history.oldest ? `since ${formatMoment(live.history.oldest)}` : 'no restorable moment yet',
		},
	];
}

export function WorldTab({ org, database, reload }: DatabaseTabProps) {
	const db = database.Name;
	const { samples, add } = useLagHistory();
	const places = usePlaces(org);
	const live = useLive<LiveDatabase>(path`/v1/organizations/${org}/databases/${db}/live`, add);
	const [chosen, setChosen] = useState<Place | null>(null);
	const [made, setMade] = useState<Credentials | null>(null);
	const [destroying, setDestroying] = useState<LiveInstance | null>(null);
	const known = places.data ?? [];
	const instances = live.data?.instances ?? [];
	const columns = useMemo(() => columnsOf(known, samples, setDestroying), [known, samples]);
	if (live.error) return <Failure error={live.error} />;
	if (places.error) return <Failure error={places.error} retry={places.reload} />;
	if (!live.data || !places.data) return <Loading what="Waiting for the instances" />;
	return (
		<>
			<Figures figures={figuresOf(live.data)} />
			<section class="panel map-panel" aria-label="World map">
				<WorldMap places={known} instances={instances} onChoose={setChosen} />
				<div class="map-foot">
					<PlaceChoice places={known} onChoose={setChosen} />
					<p class="hint">Or click a location on the map.</p>
				</div>
			</section>
			{made && <CredentialsPanel made={made} onClose={() => setMade(null)} />}
			<Panel title="Instances" flush>
				{instances.length > 0 ? (
					<Table label="Instances" columns={columns} rows={instances} keyOf={({ uuid }) => uuid} />
				) : (
					<Empty title="There is no instance yet">
						<p>Choose a location: the first instance becomes the primary.</p>
					</Empty>
				)}
			</Panel>
			{chosen && (
				<CreateInstanceDialog
					org={org}
					db={db}
					place={chosen}
					first={instances.length === 0}
					onClose={() => setChosen(null)}
					onCreated={(credentials) => {
						setChosen(null);
						setMade(credentials);
						reload();
					}}
				/>
			)}
			{destroying && (
				<ConfirmDialog
					title={`Destroy instance ${destroying.name}`}
					action="Destroy the instance"
					onConfirm={async () => {
						await remove(path`/v1/organizations/${org}/databases/${db}/instances/${destroying.name}`);
						toast(`Instance ${destroying.name} was destroyed`);
						reload();
					}}
					onClose={() => setDestroying(null)}
				>
					<p>Its copy and its credentials go at once. The database keeps everything that was written.</p>
				</ConfirmDialog>
			)}
		</>
	);
}
