// What opens a database: tokens for its clients, and the end of all of them.
import { useState } from 'preact/hooks';
import { call, path, post } from '../api';
import { Button, CopyButton, SelectField, TextField, useAction } from '../components/controls';
import { ConfirmDialog } from '../components/dialog';
import { Panel } from '../components/layout';
import { SecretPanel } from '../components/secret';
import { toast } from '../components/toast';
import type { DatabaseTabProps } from './database-tabs';

const OTHER = 'other';

const lifetimes = [
	['1h', 'One hour'],
	['1d', 'One day'],
	['1w', 'One week'],
	['30d', '30 days'],
	['never', 'For ever, until the credentials are rotated'],
	[OTHER, 'Another time…'],
] as const;

function Recipes({ url }: { url: string }) {
	const code = `import { createClient } from '@libsql/client';\n\nconst db = createClient({ url: '${url}', authToken: process.env.ATOLL_DB_TOKEN });\nconsole.log((await db.execute('SELECT 1')).rows);`;
	return (
		<Panel title="Connect" actions={<CopyButton text={code} />}>
			<pre class="code-block" tabIndex={0}>
				{code}
			</pre>
		</Panel>
	);
}

export function DatabaseTokensTab({ org, database }: DatabaseTabProps) {
	const db = database.Name;
	const base = path`/v1/organizations/${org}/databases/${db}/auth`;
	const [lifetime, setLifetime] = useState<string>('1w');
	const [other, setOther] = useState('');
	const [rights, setRights] = useState('full-access');
	const [minted, setMinted] = useState<string | null>(null);
	const [rotating, setRotating] = useState(false);
	const expiration = lifetime === OTHER ? other : lifetime;
	const mint = useAction(async () => {
		const { jwt } = await call<{ jwt: string }>(`${base}/tokens`, { method: 'POST', query: { expiration, authorization: rights } });
		setMinted(jwt);
	});
	return (
		<>
			<Panel title="Create a token">
				<form
					class="row"
					onSubmit={(event) => {
						event.preventDefault();
						void mint.run();
					}}
				>
					<SelectField
						label="Allows"
						value={rights}
						onValue={setRights}
						options={[
							['full-access', 'Reading and writing'],
							['read-only', 'Reading only'],
						]}
					/>
					<SelectField label="Good for" value={lifetime} onValue={setLifetime} options={lifetimes} />
					{lifetime === OTHER && <TextField label="Time" value={other} onValue={setOther} placeholder="2w1d30m" required />}
					<Button kind="primary" type="submit" busy={mint.busy}>
						Create the token
					</Button>
				</form>
				{mint.message && (
					<p class="field-error" role="alert">
						{mint.message}
					</p>
				)}
			</Panel>
			{minted && (
				<SecretPanel title={`Token of ${db}`} secret={minted} onClose={() => setMinted(null)}>
					<p>It is shown this once. Clients give it as authToken, or as Authorization: Bearer.</p>
				</SecretPanel>
			)}
			<Recipes url={`${location.origin}/db/${database.Hostname.split('.')[0]}/`} />
			<Panel title="Rotate the credentials" actions={<Button onClick={() => setRotating(true)}>Rotate…</Button>}>
				<p class="muted">Ends every token of this database and the password of every instance, from the next request on.</p>
			</Panel>
			{rotating && (
				<ConfirmDialog
					title={`Rotate the credentials of ${db}`}
					typed={db}
					action="Rotate"
					onConfirm={async () => {
						await post(`${base}/rotate`);
						setMinted(null);
						toast(`The credentials of ${db} were rotated`);
					}}
					onClose={() => setRotating(false)}
				>
					<p>All clients are refused until they get new tokens.</p>
				</ConfirmDialog>
			)}
		</>
	);
}
