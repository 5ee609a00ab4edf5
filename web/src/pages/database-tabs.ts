// The tabs of a database's page, in their order. A tab with code of its own beyond a few KB is lazy.
import type { FunctionComponent } from 'preact';
import type { Database } from '../types';
import { lazy } from './lazy';

export interface DatabaseTabProps {
	org: string;
	database: Database;
	/// After something of the database itself was changed.
	reload: () => void;
}

interface DatabaseTab {
	id: string; // of the path; '' is the first
	label: string;
	view: FunctionComponent<DatabaseTabProps>;
}

export const databaseTabs: readonly DatabaseTab[] = [
	{ id: '', label: 'World', view: lazy<DatabaseTabProps>('world', async () => (await import('./world')).WorldTab) },
	{ id: 'sql', label: 'SQL', view: lazy<DatabaseTabProps>('SQL', async () => (await import('./sql')).SqlTab) },
	{ id: 'tables', label: 'Tables', view: lazy<DatabaseTabProps>('tables', async () => (await import('./tables')).TablesTab) },
	{ id: 'usage', label: 'Usage', view: lazy<DatabaseTabProps>('usage', async () => (await import('./usage')).UsageTab) },
	{ id: 'branches', label: 'Branch & restore', view: lazy<DatabaseTabProps>('branches', async () => (await import('./branches')).BranchesTab) },
	{ id: 'tokens', label: 'Tokens', view: lazy<DatabaseTabProps>('database tokens', async () => (await import('./database-tokens')).DatabaseTokensTab) },
	{ id: 'settings', label: 'Settings', view: lazy<DatabaseTabProps>('settings', async () => (await import('./database-settings')).DatabaseSettingsTab) },
];
