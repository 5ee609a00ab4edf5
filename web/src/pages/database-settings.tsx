// What a database allows, how large it may grow, and its end.
import { useEffect, useState } from 'preact/hooks';
import { get, patch, path } from '../api';
import { Button, CheckField, TextField, useAction } from '../components/controls';
import { Panel } from '../components/layout';
import { Shown } from '../components/states';
import { toast } from '../components/toast';
import { useLoad } from '../load';
import { navigate } from '../router';
import type { DatabaseTabProps } from './database-tabs';
import { DeleteDatabaseDialog } from './databases';

interface Configuration {
	size_limit: string;
	allow_attach: boolean;
	block_reads: boolean;
	block_writes: boolean;
	delete_protection: boolean;
}

const switches = [
	['block_reads', 'Block reads', 'Every statement is refused, also on the replicas.'],
	['block_writes', 'Block writes', 'Statements that change something are refused.'],
	['allow_attach', 'Allow attaching', 'Other databases of the organization may read this one by ATTACH, with a token that names it.'],
	['delete_protection', 'Protect against deletion', 'Deleting the database is refused until this is off.'],
] as const;

function ConfigurationForm({ where, known, onSaved }: { where: string; known: Configuration; onSaved: () => void }) {
	const [wanted, setWanted] = useState(known);
	useEffect(() => setWanted(known), [known]);
	const changed = JSON.stringify(wanted) !== JSON.stringify(known);
	const save = useAction(async () => {
		const { size_limit, allow_attach, block_reads, block_writes, delete_protection } = wanted;
		await patch(where, { size_limit: size_limit || '0', allow_attach, block_reads, block_writes, delete_protection });
		toast('The settings were saved');
		onSaved();
	});
	return (
		<form
			class="stack"
			onSubmit={(event) => {
				event.preventDefault();
				void save.run();
			}}
		>
			{switches.map(([key, label, hint]) => (
				<CheckField key={key} label={label} hint={hint} checked={wanted[key]} onChecked={(checked) => setWanted({ ...wanted, [key]: checked })} />
			))}
			<TextField
				label="Size limit"
				value={wanted.size_limit}
				onValue={(size_limit) => setWanted({ ...wanted, size_limit })}
				error={save.message}
				placeholder="none"
				hint="In bytes, or as 256mb, 1gb; empty for none. Statements that would grow the database beyond are refused."
				autocomplete="off"
			/>
			<div class="actions">
				<Button disabled={!changed} onClick={() => setWanted(known)}>
					Undo
				</Button>
				<Button kind="primary" type="submit" busy={save.busy} disabled={!changed}>
					Save
				</Button>
			</div>
		</form>
	);
}

export function DatabaseSettingsTab({ org, database, reload }: DatabaseTabProps) {
	const db = database.Name;
	const where = path`/v1/organizations/${org}/databases/${db}/configuration`;
	const known = useLoad(where, (signal) => get<Configuration>(where, undefined, signal));
	const [deleting, setDeleting] = useState(false);
	return (
		<>
			<Panel title="Settings">
				<Shown of={known}>
					{(configuration) => (
						<ConfigurationForm
							where={where}
							known={configuration}
							onSaved={() => {
								known.reload();
								reload();
							}}
						/>
					)}
				</Shown>
			</Panel>
			<Panel
				title="Delete this database"
				actions={
					<Button kind="danger" onClick={() => setDeleting(true)}>
						Delete…
					</Button>
				}
			>
				<p class="muted">Content, instances, history and tokens go at once; the name is free again.</p>
			</Panel>
			{deleting && (
				<DeleteDatabaseDialog
					org={org}
					name={db}
					onClose={() => setDeleting(false)}
					onDone={() => navigate(`/${encodeURIComponent(org)}/databases`)}
				/>
			)}
		</>
	);
}
