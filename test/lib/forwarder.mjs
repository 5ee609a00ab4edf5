// A wire between a client and a server that can be made slow and be cut: what networks do.
//
//     const wire = await start_forwarder(server.url);
//     wire.bytes_per_second = 1 << 20;   // of what the client sends; Infinity at first
//     wire.cut_after(1 << 20);           // cuts every connection once the client has sent so much more
//     await wire.stop();
import net from 'node:net';

const TICK_MS = 20;

export async function start_forwarder(target) {
	const { hostname, port } = new URL(target);
	const open = new Set();
	const wire = { bytes_per_second: Infinity, sent: 0, cuts: 0 };
	let cut_at = Infinity;

	function cut() {
		wire.cuts++;
		cut_at = Infinity;
		for (const socket of open) socket.destroy();
	}

	// Takes what the client sent in portions, so that the client feels how slow it is.
	async function carry(from, to) {
		for await (const bytes of from) {
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
