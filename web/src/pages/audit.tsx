// What was changed in an organization, by whom, newest first.
import { useState } from 'preact/hooks';
import { get, path } from '../api';
import { Button } from '../components/controls';
import { Badge, type Column, Page, Panel, Table } from '../components/layout';
import { Empty, Shown } from '../components/states';
import { plural } from '../format';
import { useLoad } from '../load';
import type { PageProps } from '.';

interface AuditEntry {
	code: string;
	message: string;
	origin: string;
	author: string;
	created_at: string;
	ip: string;
	data: Record<string, unknown>;
}

interface AuditPageAnswer {
	audit_logs: AuditEntry[];
	pagination: { page: number; page_size: number; total_pages: number; total_rows: number };
}

const PAGE_SIZE = 25;

const moments = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

const columns: Column<AuditEntry>[] = [
	{ head: 'When', cell: ({ created_at }) => <time dateTime={created_at}>{moments.format(new Date(created_at))}</time> },
	{ head: 'Who', cell: ({ author }) => <span class="strong">{author}</span> },
	{
		head: 'What',
		cell: ({ message, data }) => (
			<details class="audit-entry">
				<summary>{message}</summary>
				<dl class="pairs">
					{Object.entries(data).flatMap(([key, value]) => [
						<dt key={`${key} name`}>{key}</dt>,
						<dd key={key}>
							<code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
						</dd>,
					])}
				</dl>
			</details>
		),
	},
	{ head: 'Code', wide: true, cell: ({ code }) => <Badge>{code}</Badge> },
	{ head: 'From', wide: true, cell: ({ origin, ip }) => <span class="muted">{[origin, ip].filter(Boolean).join(' · ')}</span> },
];

export function AuditPage({ params }: PageProps) {
	const org = params['org'] ?? '';
	const [page, setPage] = useState(1);
	const entries = useLoad(`audit ${org} ${page}`, (signal) =>
		get<AuditPageAnswer>(path`/v1/organizations/${org}/audit-logs`, { page, page_size: PAGE_SIZE }, signal),
	);
	return (
		<Page title="Audit log" actions={<Button onClick={entries.reload}>Refresh</Button>}>
			<Shown of={entries}>
				{({ audit_logs, pagination }) =>
					audit_logs.length === 0 && page === 1 ? (
						<Empty title="Nothing was changed yet" />
					) : (
						<Panel flush>
							<Table label="Audit log" columns={columns} rows={audit_logs} keyOf={(entry) => `${entry.created_at} ${entry.code} ${entry.message}`} />
							<nav class="pager" aria-label="Pages">
								<Button disabled={page <= 1} onClick={() => setPage(page - 1)}>
									Newer
								</Button>
								<span>
									Page {page} of {Math.max(1, pagination.total_pages)}, {plural(pagination.total_rows, 'entry', 'entries')}
								</span>
								<Button disabled={page >= pagination.total_pages} onClick={() => setPage(page + 1)}>
									Older
								</Button>
							</nav>
						</Panel>
					)
				}
			</Shown>
		</Page>
	);
}
