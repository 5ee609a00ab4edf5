// What a service manager is to a service: an ear for its messages, and a listening socket that it hands over.
//
//     const manager = await startManager();
//     const server = await startServer({ env: { NOTIFY_SOCKET: manager.path } });
//     await manager.heard((message) => message.READY === '1');
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from './server.mjs';

// Node has no datagram sockets of that family; Python is there, since Meson needs it.
const listener = fileURLToPath(new URL('notify_listener.py', import.meta.url));

export async function startManager() {
	const folder = mkdtempSync(path.join(tmpdir(), 'atoll-manager-'));
	const address = path.join(folder, 'notify');
	const child = spawn('python3', [listener, address], { stdio: ['ignore', 'pipe', 'inherit'] });
	const messages = [];
	let bound = false;
	createInterface({ input: child.stdout }).on('line', (line) => {
		if (bound) messages.push(JSON.parse(line));
		bound = true;
	});
	await until('the ear is open', () => bound);
	return {
		path: address,
		messages,
		heard: (wanted) => until(`a message: ${wanted}`, () => messages.find(wanted)),
		stop() {
			child.kill();
			rmSync(folder, { recursive: true, force: true });
		},
	};
}
