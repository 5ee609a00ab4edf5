// The fenced blocks of a Markdown page, and what the page says of each.
//
//     ```sh run           runs in the page's shell                    (also js, python)
//     ```text output      what the block before it printed; … stands for anything, on a line of its own for any lines
//     ```sql file a.sql   becomes a file in the page's folder
//     <!-- not run: REASON -->   before a block that cannot be run
//     <!-- setup …commands… -->  commands that the page assumes to have been given, and does not show
const fence = /^(\s*)```(.*)$/;

export class PageError extends Error {}

function kind_of(info, where, reason) {
	const [language, role, name, ...rest] = info.trim().split(/\s+/);
	if (rest.length > 0) throw new PageError(`${where}: what does "${info}" mean?`);
	if (reason !== null) {
		if (role) throw new PageError(`${where}: a block is run or it is not`);
		return { kind: 'skipped', language, reason };
	}
	if (role === 'run' && ['sh', 'js', 'python'].includes(language)) return { kind: 'run', language };
	if (role === 'output') return { kind: 'output' };
	if (role === 'file' && name) return { kind: 'file', name };
	throw new PageError(`${where}: say "${language || 'sh'} run", "text output", "… file NAME", or <!-- not run: REASON --> before it`);
}

/// [{kind, language, text, line, …}] in the page's order.
export function blocks_of(markdown, page) {
	const lines = markdown.split('\n');
	const blocks = [];
	let reason = null;
	for (let i = 0; i < lines.length; i++) {
		const where = `${page}:${i + 1}`;
		const comment = /^<!-- not run: (.+) -->$/.exec(lines[i]);
		if (comment) {
			reason = comment[1];
			continue;
		}
		if (lines[i] === '<!-- setup') {
			const end = lines.indexOf('-->', i);
			if (end < 0) throw new PageError(`${where}: the comment has no end`);
			blocks.push({ kind: 'run', language: 'sh', hidden: true, line: i + 1, text: lines.slice(i + 1, end).join('\n') });
			i = end;
			continue;
		}
		const open = fence.exec(lines[i]);
		if (!open) {
			if (lines[i].trim() !== '' && reason !== null) throw new PageError(`${where}: "not run" stands before no block`);
			continue;
		}
		const end = lines.findIndex((line, at) => at > i && line.trim() === '```');
		if (end < 0) throw new PageError(`${where}: the block has no end`);
		const indent = open[1].length;
		const text = lines.slice(i + 1, end).map((line) => line.slice(indent)).join('\n');
		const block = { ...kind_of(open[2], where, reason), line: i + 1, text };
		if (block.kind === 'output' && blocks.at(-1)?.kind !== 'run') throw new PageError(`${where}: output of what?`);
		blocks.push(block);
		reason = null;
		i = end;
	}
	return blocks;
}

/// Whether what was printed is what the page shows.
export function shows(expected, printed) {
	const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
	const lines = expected.trimEnd().split('\n').map((line) =>
		line.trim() === '…' ? '(?:.*\\n)*?' : `${line.trimEnd().split('…').map((part) => escape(part).replace(/ {2,}/g, ' +')).join('.*?')}[ ]*\\n`);
	return new RegExp(`^${lines.join('')}$`).test(`${printed.trimEnd()}\n`);
}
