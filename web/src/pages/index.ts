// Every page, by its path below /console. What is not the first thing to be seen is loaded when it is opened (pages/lazy.tsx).
import type { FunctionComponent } from 'preact';
import { DatabasePage } from './database';
import { DatabasesPage } from './databases';
import { lazy } from './lazy';

export interface PageProps {
	params: Record<string, string>;
}

export interface PageEntry {
	pattern: string;
	view: FunctionComponent<PageProps>;
	/// Its name in the organization's menu.
	menu?: string;
	/// Paths with the same key show the same page, which is not begun anew; without it each path is a page.
	keyOf?: (params: Record<string, string>) => string;
}

const databaseKey = (params: Record<string, string>): string => `${params['org']}/${params['db']}`;

export const pages: readonly PageEntry[] = [
	{ pattern: '/{org}/databases', view: DatabasesPage, menu: 'Databases' },
	{ pattern: '/{org}/databases/{db}', view: DatabasePage, keyOf: databaseKey },
	{ pattern: '/{org}/databases/{db}/{tab}', view: DatabasePage, keyOf: databaseKey },
	{ pattern: '/{org}/members', view: lazy<PageProps>('members', async () => (await import('./members')).MembersPage), menu: 'Members' },
	{ pattern: '/{org}/tokens', view: lazy<PageProps>('tokens', async () => (await import('./tokens')).TokensPage), menu: 'API tokens' },
	{ pattern: '/{org}/audit', view: lazy<PageProps>('audit', async () => (await import('./audit')).AuditPage), menu: 'Audit log' },
	{ pattern: '/{org}/health', view: lazy<PageProps>('health', async () => (await import('./health')).HealthPage), menu: 'Nodes & health' },
];
