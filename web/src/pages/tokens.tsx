// Platform tokens: the person's own, and those of everybody that are good for this organization only.
import { useState } from 'preact/hooks';
import { get, path, post, remove } from '../api';
import { useAccount } from '../account';
import { Button, SelectField, TextField, useAction } from '../components/controls';
import { ConfirmDialog, Dialog } from '../components/dialog';
import { Badge, type Column, Page, Panel, Table } from '../components/layout';
import { SecretPanel } from '../components/secret';
import { Empty, Shown } from '../components/states';
import { toast } from '../components/toast';
import { useLoad } from '../load';
import type { PageProps } from '.';

interface ApiToken {
	id: string;
	name: string;
	organization?: string;
	group?: string;
	scopes?: string[];
	created_at: string;
	owner?: { username: string };
}

function goodFor(token: ApiToken) {
	if (token.group)
		return (
			<>
				group {token.group} of {token.organization} <Badge>{(token.scopes ?? []).join(', ')}</Badge>
			</>
		);
	return token.organization ? `organization ${token.organization}` : 'everything you may do';
}

function MintDialog({ org, onClose, onMinted }: { org: string; onClose: () => void; onMinted: (name: string, secret: string) => void }) {
	const [name, setName] = useState('');
	const [reach, setReach] = useState<'organization' | 'all'>('organization');
	const mint = useAction(async () => {
		const body = reach === 'organization' ? { organization: org } : {};
		const { token } = await post<{ token: string }>(path`/v1/auth/api-tokens/${name}`, body);
		onMinted(name, token);
	});
	return (
		<Dialog title="Create an API token" onClose={onClose}>
			<form
				class="stack"
				onSubmit={(event) => {
					event.preventDefault();
					void mint.run();
				}}
			>
				<TextField label="Name" value={name} onValue={setName} error={mint.message} autocomplete="off" required autofocus />
				<SelectField
					label="Good for"
					value={reach}
					onValue={(value) => setReach(value as typeof reach)}
					options={[
						['organization', `The organization ${org} only`],
						['all', 'Everything that you may do'],
					]}
				/>
				<div class="actions">
					<Button onClick={onClose}>Cancel</Button>
					<Button kind="primary" type="submit" busy={mint.busy}>
						Create the token
					</Button>
				</div>
			</form>
		</Dialog>
	);
}

export function TokensPage({ params }: PageProps) {
	const org = params['org'] ?? '';
	const { user } = useAccount();
	const own = useLoad('own tokens', async (signal) => (await get<{ tokens: ApiToken[] }>('/v1/auth/api-tokens', undefined, signal)).tokens);
	const shared = useLoad(`tokens of ${org}`, async (signal) =>
		(await get<{ tokens: ApiToken[] }>(path`/v1/organizations/${org}/api-tokens`, undefined, signal)).tokens,
	);
	const [creating, setCreating] = useState(false);
	const [minted, setMinted] = useState<{ name: string; secret: string } | null>(null);
	const [revoking, setRevoking] = useState<{ token: ApiToken; where: string } | null>(null);
	const reload = () => {
		own.reload();
		shared.reload();
	};
	const columnsOf = (whereOf: (token: ApiToken) => string, ownerShown: boolean): Column<ApiToken>[] => [
		{ head: 'Name', cell: ({ name }) => <span class="strong">{name}</span> },
		...(ownerShown ? [{ head: 'Owner', cell: ({ owner }: ApiToken) => owner?.username ?? '' }] : []),
		{ head: 'Good for', cell: goodFor },
		{ head: 'Created', wide: true, cell: ({ created_at }) => created_at },
		{
			head: 'Actions',
			bare: true,
			number: true,
			cell: (token) => (
				<Button kind="quiet" aria-label={`Revoke ${token.name}`} onClick={() => setRevoking({ token, where: whereOf(token) })}>
					Revoke
				</Button>
			),
		},
	];
	return (
		<Page
			title="API tokens"
			note="They operate the platform for the command line and for programs. What opens a database is made on its own page."
			actions={
				<Button kind="primary" onClick={() => setCreating(true)}>
					Create a token
				</Button>
			}
		>
			{minted && <SecretPanel title={`API token ${minted.name}`} secret={minted.secret} onClose={() => setMinted(null)} />}
			<Panel title="Yours" flush>
				<Shown of={own}>
					{(tokens) =>
						tokens.length > 0 ? (
							<Table label="Your tokens" columns={columnsOf(({ name }) => path`/v1/auth/api-tokens/${name}`, false)} rows={tokens} keyOf={({ id }) => id} />
						) : (
							<Empty title="You have no tokens">
								<p>You are signed in by a password, or with a token that sees no others.</p>
							</Empty>
						)
					}
				</Shown>
			</Panel>
			<Panel title={`Other people’s, for ${org}`} flush>
				<Shown of={shared}>
					{(tokens) => {
						const others = tokens.filter(({ owner }) => owner?.username !== user.username);
						return others.length > 0 ? (
							<Table
								label="Tokens of the organization"
								columns={columnsOf(({ id }) => path`/v1/organizations/${org}/api-tokens/${id}`, true)}
								rows={others}
								keyOf={({ id }) => id}
							/>
						) : (
							<Empty title="There are none that you may see" />
						);
					}}
				</Shown>
			</Panel>
			{creating && (
				<MintDialog
					org={org}
					onClose={() => setCreating(false)}
					onMinted={(name, secret) => {
						setCreating(false);
						setMinted({ name, secret });
						reload();
					}}
				/>
			)}
			{revoking && (
				<ConfirmDialog
					title={`Revoke the token ${revoking.token.name}`}
					action="Revoke"
					onConfirm={async () => {
						await remove(revoking.where);
						toast(`Token ${revoking.token.name} was revoked`);
						reload();
					}}
					onClose={() => setRevoking(null)}
				>
					<p>Whatever uses it is refused from the next request on.</p>
				</ConfirmDialog>
			)}
		</Page>
	);
}
