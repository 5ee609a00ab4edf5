// The databases of an organization: find one, make one, delete one.
import { useMemo, useState } from 'preact/hooks';
import { get, path, post, remove } from '../api';
import { Button, SelectField, TextField, useAction } from '../components/controls';
import { ConfirmDialog, Dialog } from '../components/dialog';
import { Badge, type Column, Page, Panel, Table } from '../components/layout';
import { Empty, Shown } from '../components/states';
import { toast } from '../components/toast';
import { plural } from '../format';
import { useLoad } from '../load';
import { usePlaces } from '../places';
import { Link, navigate } from '../router';
import type { Database } from '../types';
import type { PageProps } from '.';

const ALONE = '';

export async function listDatabases(org: string, signal?: AbortSignal): Promise<Database[]> {
	const all: Database[] = [];
	let cursor: string | undefined;
	do {
		const page = await get<{ databases: Database[]; pagination: { next: string | null } }>(
			path`/v1/organizations/${org}/databases`,
			{ limit: 500, cursor },
			signal,
		);
		all.push(...page.databases);
		cursor = page.pagination.next ?? undefined;
	} while (cursor);
	return all;
}

async function createDatabase(org: string, name: string, group: string, location: string): Promise<void> {
	await post(path`/v1/organizations/${org}/databases`, group === ALONE ? { name } : { name, group });
	if (group === ALONE && location) await post(path`/v1/organizations/${org}/databases/${name}/instances`, { location });
}

function CreateDialog({ org, onClose }: { org: string; onClose: () => void }) {
	const [name, setName] = useState('');
	const [group, setGroup] = useState(ALONE);
	const [location, setLocation] = useState('');
	const places = usePlaces(org);
	const groups = useLoad(`groups ${org}`, (signal) =>
		get<{ groups: { name: string; primary: string; locations: string[] }[] }>(path`/v1/organizations/${org}/groups`, undefined, signal),
	);
	const first = location || places.data?.[0]?.code || '';
	const create = useAction(async () => {
		await createDatabase(org, name, group, first);
		toast(`Database ${name} was created`);
		navigate(`/${encodeURIComponent(org)}/databases/${encodeURIComponent(name)}`);
	});
	const existing = groups.data?.groups ?? [];
	return (
		<Dialog title="Create a database" onClose={onClose}>
			<form
				class="stack"
				onSubmit={(event) => {
					event.preventDefault();
					void create.run();
				}}
			>
				<TextField
					label="Name"
					value={name}
					onValue={setName}
					error={create.message}
					hint="Lower-case letters, digits and dashes; it becomes part of the host name."
					autocomplete="off"
					required
					autofocus
				/>
				{existing.length > 0 && (
					<SelectField
						label="Group"
						value={group}
						onValue={setGroup}
						options={[[ALONE, 'None: it stands alone'], ...existing.map((each) => [each.name, `${each.name} (${each.locations.join(', ')})`] as const)]}
					/>
				)}
				{group === ALONE && (
					<SelectField
						label="Primary location"
						value={first}
						onValue={setLocation}
						options={(places.data ?? []).map((place) => [place.code, `${place.name} (${place.code})`] as const)}
						hint="Takes the writes. Replicas can be added anywhere afterwards."
					/>
				)}
				<div class="actions">
					<Button onClick={onClose}>Cancel</Button>
					<Button kind="primary" type="submit" busy={create.busy}>
						Create
					</Button>
				</div>
			</form>
		</Dialog>
	);
}

export function DeleteDatabaseDialog({ org, name, onClose, onDone }: { org: string; name: string; onClose: () => void; onDone: () => void }) {
	const destroy = async () => {
		await remove(path`/v1/organizations/${org}/databases/${name}`);
		toast(`Database ${name} was deleted`);
		onDone();
	};
	return (
		<ConfirmDialog title={`Delete ${name}`} typed={name} action="Delete the database" onConfirm={destroy} onClose={onClose}>
			<p>Its content, instances and tokens go at once and cannot be brought back.</p>
		</ConfirmDialog>
	);
}

export function DatabasesPage({ params }: PageProps) {
	const org = params['org'] ?? '';
	const databases = useLoad(`databases ${org}`, (signal) => listDatabases(org, signal));
	const [creating, setCreating] = useState(false);
	const [deleting, setDeleting] = useState<string | null>(null);
	const [wanted, setWanted] = useState('');
	const found = useMemo(() => (databases.data ?? []).filter(({ Name }) => Name.includes(wanted.trim().toLowerCase())), [databases.data, wanted]);
	const columns: Column<Database>[] = [
		{
			head: 'Name',
			cell: (database) => (
				<Link class="strong" to={`/${encodeURIComponent(org)}/databases/${encodeURIComponent(database.Name)}`}>
					{database.Name}
				</Link>
			),
		},
		{ head: 'Primary', cell: ({ primaryRegion }) => (primaryRegion ? <code>{primaryRegion}</code> : <span class="muted">no instance</span>) },
		{
			head: 'Replicas',
			cell: ({ regions, primaryRegion }) => (
				<span class="muted">
					{regions.filter((code) => code !== primaryRegion).join(', ') || '–'}
				</span>
			),
		},
		{ head: 'Group', wide: true, cell: ({ group }) => group || <span class="muted">–</span> },
		{
			head: 'State',
			wide: true,
			cell: (database) => (
				<span class="badges">
					{database.archived && <Badge kind="warn">archived</Badge>}
					{database.block_reads && <Badge kind="bad">reads blocked</Badge>}
					{database.block_writes && <Badge kind="bad">writes blocked</Badge>}
					{database.delete_protection && <Badge>protected</Badge>}
					{database.parent && <Badge kind="accent">branch of {database.parent.name}</Badge>}
				</span>
			),
		},
		{
			head: 'Actions',
			bare: true,
			number: true,
			cell: ({ Name }) => (
				<Button kind="quiet" aria-label={`Delete ${Name}`} onClick={() => setDeleting(Name)}>
					Delete
				</Button>
			),
		},
	];
	return (
		<Page
			title="Databases"
			note={databases.data && plural(databases.data.length, 'database')}
			actions={
				<Button kind="primary" onClick={() => setCreating(true)}>
					Create a database
				</Button>
			}
		>
			<Shown of={databases}>
				{(all) =>
					all.length === 0 ? (
						<Empty title="There are no databases yet">
							<p>A database begins with one instance, its primary; replicas follow wherever your readers are.</p>
							<Button kind="primary" onClick={() => setCreating(true)}>
								Create the first one
							</Button>
						</Empty>
					) : (
						<Panel flush>
							<div class="toolbar">
								<input
									type="search"
									placeholder="Find a database"
									aria-label="Find a database"
									value={wanted}
									onInput={(event) => setWanted(event.currentTarget.value)}
								/>
							</div>
							{found.length > 0 ? (
								<Table label="Databases" columns={columns} rows={found} keyOf={({ DbId }) => DbId} />
							) : (
								<Empty title={`No database is called like “${wanted}”`} />
							)}
						</Panel>
					)
				}
			</Shown>
			{creating && <CreateDialog org={org} onClose={() => setCreating(false)} />}
			{deleting !== null && (
				<DeleteDatabaseDialog org={org} name={deleting} onClose={() => setDeleting(null)} onDone={databases.reload} />
			)}
		</Page>
	);
}
