// Who belongs to an organization, as what, and who is asked to.
import { useState } from 'preact/hooks';
import { useAccount } from '../account';
import { get, messageOf, patch, path, post, remove } from '../api';
import { Button, SelectField, TextField, useAction } from '../components/controls';
import { ConfirmDialog, Dialog } from '../components/dialog';
import { Badge, type Column, Page, Panel, Table } from '../components/layout';
import { SecretPanel } from '../components/secret';
import { Empty, Shown } from '../components/states';
import { toast } from '../components/toast';
import { formatMoment } from '../format';
import { useLoad } from '../load';
import type { PageProps } from '.';

interface Member {
	username: string;
	role: string;
	email: string;
}

interface Invite {
	id: number;
	email: string;
	username?: string;
	role: string;
	created_at: string;
}

interface OwnInvite {
	id: number;
	organization: string;
	organization_name: string;
	role: string;
}

const roles = [
	['viewer', 'Viewer: reads everything'],
	['member', 'Member: makes and changes databases'],
	['admin', 'Admin: members, invites, settings'],
] as const;

function InviteDialog({ org, onClose, onInvited }: { org: string; onClose: () => void; onInvited: (who: string, token: string) => void }) {
	const [who, setWho] = useState('');
	const [role, setRole] = useState('member');
	const invite = useAction(async () => {
		const person = who.includes('@') ? { email: who } : { username: who };
		const { invited } = await post<{ invited: { token: string } }>(path`/v2/organizations/${org}/invites`, { ...person, role });
		onInvited(who, invited.token);
	});
	return (
		<Dialog title={`Invite somebody to ${org}`} onClose={onClose}>
			<form
				class="stack"
				onSubmit={(event) => {
					event.preventDefault();
					void invite.run();
				}}
			>
				<TextField
					label="E-mail or user name"
					value={who}
					onValue={setWho}
					error={invite.message}
					hint="Atoll sends no mail: you get the invite’s token and hand it over."
					autocomplete="off"
					required
					autofocus
				/>
				<SelectField label="Role" value={role} onValue={setRole} options={roles} />
				<div class="actions">
					<Button onClick={onClose}>Cancel</Button>
					<Button kind="primary" type="submit" busy={invite.busy}>
						Invite
					</Button>
				</div>
			</form>
		</Dialog>
	);
}

function RoleChoice({ org, member, onChanged }: { org: string; member: Member; onChanged: () => void }) {
	const [busy, setBusy] = useState(false);
	if (member.role === 'owner') return <Badge kind="accent">owner</Badge>;
	const change = async (role: string) => {
		setBusy(true);
		try {
			await patch(path`/v1/organizations/${org}/members/${member.username}`, { role });
			toast(`${member.username} is ${role} now`);
		} catch (error) {
			toast(messageOf(error), 'bad');
		}
		setBusy(false);
		onChanged();
	};
	return (
		<select
			aria-label={`Role of ${member.username}`}
			value={member.role}
			disabled={busy}
			onChange={(event) => void change(event.currentTarget.value)}
		>
			{roles.map(([role]) => (
				<option key={role} value={role}>
					{role}
				</option>
			))}
		</select>
	);
}

/// Where the person itself is asked to join.
function OwnInvites() {
	const account = useAccount();
	const invites = useLoad('own invites', async (signal) => {
		try {
			return (await get<{ invites: OwnInvite[] }>('/v1/invites', undefined, signal)).invites;
		} catch {
			return []; // a token that is good for one organization sees none
		}
	});
	const answer = async (invite: OwnInvite, accepts: boolean) => {
		try {
			await (accepts ? post(`/v1/invites/${invite.id}/accept`) : remove(`/v1/invites/${invite.id}`));
			toast(accepts ? `You belong to ${invite.organization_name} now` : 'The invite was declined');
			account.reload();
		} catch (error) {
			toast(messageOf(error), 'bad');
		}
		invites.reload();
	};
	if (!invites.data || invites.data.length === 0) return null;
	return (
		<Panel title="You are invited">
			{invites.data.map((invite) => (
				<div key={invite.id} class="row spread">
					<span>
						to <span class="strong">{invite.organization_name}</span>, as {invite.role}
					</span>
					<span class="row">
						<Button onClick={() => void answer(invite, false)}>Decline</Button>
						<Button kind="primary" onClick={() => void answer(invite, true)}>
							Accept
						</Button>
					</span>
				</div>
			))}
		</Panel>
	);
}

export function MembersPage({ params }: PageProps) {
	const org = params['org'] ?? '';
	const { user } = useAccount();
	const members = useLoad(`members ${org}`, async (signal) =>
		(await get<{ members: Member[] }>(path`/v1/organizations/${org}/members`, undefined, signal)).members,
	);
	const invites = useLoad(`invites ${org}`, async (signal) =>
		(await get<{ invites: Invite[] }>(path`/v2/organizations/${org}/invites`, undefined, signal)).invites,
	);
	const [inviting, setInviting] = useState(false);
	const [invited, setInvited] = useState<{ who: string; token: string } | null>(null);
	const [removing, setRemoving] = useState<Member | null>(null);
	const withdraw = async (invite: Invite) => {
		try {
			await remove(path`/v2/organizations/${org}/invites/${invite.email || (invite.username ?? '')}`);
			toast('The invite was taken back');
		} catch (error) {
			toast(messageOf(error), 'bad');
		}
		invites.reload();
	};
	const memberColumns: Column<Member>[] = [
		{
			head: 'Name',
			cell: ({ username }) => (
				<>
					<span class="strong">{username}</span> {username === user.username && <Badge>you</Badge>}
				</>
			),
		},
		{ head: 'E-mail', wide: true, cell: ({ email }) => email || <span class="muted">–</span> },
		{ head: 'Role', cell: (member) => <RoleChoice org={org} member={member} onChanged={members.reload} /> },
		{
			head: 'Actions',
			bare: true,
			number: true,
			cell: (member) =>
				member.role !== 'owner' && (
					<Button kind="quiet" aria-label={`Remove ${member.username}`} onClick={() => setRemoving(member)}>
						{member.username === user.username ? 'Leave' : 'Remove'}
					</Button>
				),
		},
	];
	const inviteColumns: Column<Invite>[] = [
		{ head: 'Invited', cell: ({ email, username }) => email || username },
		{ head: 'Role', cell: ({ role }) => role },
		{ head: 'Since', wide: true, cell: ({ created_at }) => formatMoment(created_at) },
		{
			head: 'Actions',
			bare: true,
			number: true,
			cell: (invite) => (
				<Button kind="quiet" aria-label={`Take back the invite of ${invite.email || invite.username}`} onClick={() => void withdraw(invite)}>
					Take back
				</Button>
			),
		},
	];
	return (
		<Page
			title="Members"
			actions={
				<Button kind="primary" onClick={() => setInviting(true)}>
					Invite somebody
				</Button>
			}
		>
			<OwnInvites />
			{invited && (
				<SecretPanel title={`Invite of ${invited.who}`} secret={invited.token} onClose={() => setInvited(null)}>
					<p>
						Hand it over: with it, {invited.who} joins at {location.origin}/signup. It is shown this once.
					</p>
				</SecretPanel>
			)}
			<Panel flush>
				<Shown of={members}>{(list) => <Table label="Members" columns={memberColumns} rows={list} keyOf={({ username }) => username} />}</Shown>
			</Panel>
			<Panel title="Pending invites" flush>
				<Shown of={invites}>
					{(list) => (list.length > 0 ? <Table label="Pending invites" columns={inviteColumns} rows={list} keyOf={({ id }) => String(id)} /> : <Empty title="Nobody is invited" />)}
				</Shown>
			</Panel>
			{inviting && (
				<InviteDialog
					org={org}
					onClose={() => setInviting(false)}
					onInvited={(who, token) => {
						setInviting(false);
						setInvited({ who, token });
						invites.reload();
					}}
				/>
			)}
			{removing && (
				<ConfirmDialog
					title={removing.username === user.username ? `Leave ${org}` : `Remove ${removing.username} from ${org}`}
					action={removing.username === user.username ? 'Leave' : 'Remove'}
					onConfirm={async () => {
						await remove(path`/v1/organizations/${org}/members/${removing.username}`);
						toast(`${removing.username} is no member any more`);
						members.reload();
					}}
					onClose={() => setRemoving(null)}
				>
					<p>Their tokens open nothing of the organization any more. What they made stays.</p>
				</ConfirmDialog>
			)}
		</Page>
	);
}
