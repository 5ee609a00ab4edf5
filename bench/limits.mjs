// What can't be beaten on this machine: the HTTP library alone, SQLite in one's own process, and an fsync for each row.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { load } from './load.mjs';
import { SERVER_CORE, free_port, run, start_server, stop_server } from './process.mjs';

/// `reply`, `path` and `token` are those of Atoll's select, so that both get the same bytes and send the same back.
export function ceiling({ built, work, like }) {
	return {
		name: 'ceiling',
		measures: {
			async select(seconds) {
				const reply = path.join(work, 'reply.json');
				writeFileSync(reply, like.reply);
				const port = await free_port();
				const server = await start_server([path.join(built, 'ceiling'), String(port), reply], ({ out }) =>
					out.includes('ready'),
				);
				try {
					const target = { port, pid: server.pid, path: like.path, token: like.token };
					const answer = await fetch(`http://127.0.0.1:${port}${like.path}`, { method: 'POST', body: '{}' });
					if ((await answer.text()) !== like.reply) throw new Error('the ceiling gives another reply');
					return await load(target, 'select', seconds);
				} finally {
					await stop_server(server);
				}
			},
		},
	};
}

function loop(name, kind, program, { built, work }) {
	return {
		name,
		measures: {
			async [kind](seconds) {
				const argv = [path.join(built, program), path.join(work, `${name}.db`), String(seconds)];
				return { rate: Number(await run(SERVER_CORE, argv)) };
			},
		},
	};
}

export const sqlite = (place) => loop('sqlite', 'select', 'sqlite_limit', place);
export const full = (place) => loop('full', 'insert', 'full_loop', place);
