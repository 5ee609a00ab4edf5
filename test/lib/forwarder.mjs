// A wire between a client and a server that can be made slow and be cut: what networks do.
//
//     const wire = await start_forwarder(server.url);
//     wire.bytes_per_second = 1 << 20;   // of what the client sends; Infinity at first
//     wire.cut_after(1 << 20);           // cuts every connection once the client has sent so much more
//     wire.paths                         // of the requests that went over it
//     await wire.stop();
//
// For clients that hold up the thread which calls them there is a wire in a thread of its own:
//
//     const wire = await start_forwarder_thread(server.url);
//     await wire.paths();
//     await wire.stop();
import { once } from 'node:events';
import net from 'node:net';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

const TICK_MS = 20;

export async function start_forwarder(target) {
	const { hostname, port } = new URL(target);
	const open = new Set();
	const wire = { bytes_per_second: Infinity, sent: 0, cuts: 0, paths: [] };
	let cut_at = Infinity;

	function cut() {
		wire.cuts++;
		cut_at = Infinity;
		for (const socket of open) socket.destroy();
	}

	// Takes what the client sent in portions, so that the client feels how slow it is.
	async function carry(from, to) {
		for await (const bytes of from) {
			for (const [, where] of bytes.toString('latin1').matchAll(/[A-Z]+ (\S+) HTTP\/1\.1\r\n/g)) wire.paths.push(where);
			for (let at = 0; at < bytes.length; ) {
				const slow = Number.isFinite(wire.bytes_per_second);
				const portion = slow ? Math.max(1, Math.floor((wire.bytes_per_second * TICK_MS) / 1000)) : bytes.length;
				const part = bytes.subarray(at, at + portion);
				at += part.length;
				wire.sent += part.length;
				if (!to.write(part)) await new Promise((resolve) => to.once('drain', resolve).once('close', resolve));
				if (slow) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
				if (wire.sent >= cut_at) return cut();
			}
		}
		to.end();
	}

	const listener = net.createServer((client) => {
		const server = net.connect(Number(port), hostname);
		for (const socket of [client, server]) {
			open.add(socket);
			socket.on('error', () => {});
			socket.on('close', () => {
				open.delete(socket);
				client.destroy();
				server.destroy();
			});
		}
		server.pipe(client);
		carry(client, server).catch(() => server.destroy());
	});
	await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
	wire.url = `http://127.0.0.1:${listener.address().port}`;
	wire.cut_after = (bytes) => (cut_at = wire.sent + bytes);
	wire.stop = () => {
		for (const socket of open) socket.destroy();
		return new Promise((resolve) => listener.close(resolve));
	};
	return wire;
}

export async function start_forwarder_thread(target) {
	const worker = new Worker(new URL(import.meta.url), { workerData: { forward_to: target } });
	const [url] = await once(worker, 'message');
	return {
		url,
		async paths() {
			worker.postMessage('paths');
			return (await once(worker, 'message'))[0];
		},
		stop: () => worker.terminate(),
	};
}

if (!isMainThread && workerData?.forward_to) {
	const wire = await start_forwarder(workerData.forward_to);
	parentPort.on('message', () => parentPort.postMessage(wire.paths));
	parentPort.postMessage(wire.url);
}
