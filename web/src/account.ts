// Who is signed in and what they belong to, loaded once a session.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { get } from './api';
import type { Organization, User } from './types';

export interface Account {
	user: User;
	organizations: Organization[];
	reload: () => void;
}

export const AccountContext = createContext<Account | null>(null);

export function useAccount(): Account {
	const account = useContext(AccountContext);
	if (!account) throw new Error('there is no account outside of a session');
	return account;
}

/// Where the person begins: an organization that is shared, if there is one, else the own one.
export function homeOf({ organizations }: Pick<Account, 'organizations'>): string | undefined {
	return (organizations.find(({ type }) => type !== 'personal') ?? organizations[0])?.slug;
}

export async function loadAccount(signal: AbortSignal): Promise<Omit<Account, 'reload'>> {
	const [{ user }, { organizations }] = await Promise.all([
		get<{ user: User }>('/v1/current-user', undefined, signal),
		get<{ organizations: Organization[] }>('/v1/organizations', undefined, signal),
	]);
	return { user, organizations };
}
