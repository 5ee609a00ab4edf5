// One database: its name, and tabs for what can be seen and done.
import { get, path } from '../api';
import { CopyButton } from '../components/controls';
import { Badge, Page } from '../components/layout';
import { Failure, Shown } from '../components/states';
import { useLoad } from '../load';
import { Link } from '../router';
import type { Database } from '../types';
import type { PageProps } from '.';
import { databaseTabs } from './database-tabs';

function Tabs({ base, current }: { base: string; current: string }) {
	return (
		<nav class="tabs" aria-label="Database">
			{databaseTabs.map(({ id, label }) => (
				<Link key={id} to={id ? `${base}/${id}` : base} {...(id === current ? { 'aria-current': 'page' as const } : {})}>
					{label}
				</Link>
			))}
		</nav>
	);
}

export function DatabasePage({ params }: PageProps) {
	const { org = '', db = '', tab = '' } = params;
	const database = useLoad(`database ${org}/${db}`, async (signal) => {
		const answer = await get<{ database: Database }>(path`/v1/organizations/${org}/databases/${db}`, undefined, signal);
		return answer.database;
	});
	const base = `/${encodeURIComponent(org)}/databases/${encodeURIComponent(db)}`;
	const View = databaseTabs.find(({ id }) => id === tab)?.view;
	const address = database.data && `${location.origin}/db/${database.data.Hostname.split('.')[0]}/`;
	return (
		<Page
			title={db}
			crumbs={[['Databases', `/${encodeURIComponent(org)}/databases`]]}
			note={
				<>
					{database.data?.group && <Badge>group {database.data.group}</Badge>}{' '}
					{database.data?.parent && <Badge kind="accent">branch of {database.data.parent.name}</Badge>}{' '}
					{address && (
						<span class="address">
							<code>{address}</code>
							<CopyButton text={address} label="Copy the address" />
						</span>
					)}
				</>
			}
		>
			<Tabs base={base} current={tab} />
			<Shown of={database}>
				{(data) =>
					View ? (
						<View key={tab} org={org} database={data} reload={database.reload} />
					) : (
						<Failure error={new Error(`There is no tab ${tab}.`)} />
					)
				}
			</Shown>
		</Page>
	);
}
