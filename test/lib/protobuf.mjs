// Protobuf by field numbers (spec/hrana.md §12.2), written apart from the server's own reader and writer.

function varint(value) {
	const bytes = [];
	let rest = BigInt.asUintN(64, BigInt(value));
	do {
		const low = Number(rest & 127n);
		rest >>= 7n;
		bytes.push(rest ? low | 128 : low);
	} while (rest);
	return Buffer.from(bytes);
}

const key = (number, type) => varint((number << 3) | type);

/// A message of [number, value] pairs: numbers and bigints are varints, texts and buffers are bytes, lists are messages.
export function message(fields) {
	return Buffer.concat(
		fields.map(([number, value]) => {
			if (typeof value === 'number' || typeof value === 'bigint') return Buffer.concat([key(number, 0), varint(value)]);
			const bytes = Array.isArray(value) ? message(value) : Buffer.from(value);
			return Buffer.concat([key(number, 2), varint(bytes.length), bytes]);
		}),
	);
}

function read_varint(bytes, at) {
	let value = 0n;
	for (let shift = 0n; ; shift += 7n) {
		const byte = bytes[at++];
		if (byte === undefined) throw new Error('the message is cut');
		value |= BigInt(byte & 127) << shift;
		if (byte < 128) return [value, at];
	}
}

/// The fields of a message, [number, bigint or Buffer] each, in order.
export function fields(bytes) {
	const found = [];
	for (let at = 0; at < bytes.length; ) {
		let head;
		let value;
		[head, at] = read_varint(bytes, at);
		const number = Number(head >> 3n);
		const type = Number(head & 7n);
		if (type === 0) {
			[value, at] = read_varint(bytes, at);
		} else {
			let size = 8n;
			if (type === 2) [size, at] = read_varint(bytes, at);
			value = bytes.subarray(at, at + Number(size));
			at += Number(size);
			if (at > bytes.length) throw new Error('the message is cut');
		}
		found.push([number, value]);
	}
	return found;
}

/// The values of one number.
export const all = (bytes, number) => fields(bytes).filter(([n]) => n === number).map(([, value]) => value);
export const one = (bytes, number) => all(bytes, number)[0];
/// A path of numbers into nested messages.
export const at = (bytes, ...path) => path.reduce((message, number) => (message === undefined ? undefined : one(message, number)), bytes);

/// The messages of a stream, each behind its length.
export function messages(bytes) {
	const found = [];
	for (let at = 0; at < bytes.length; ) {
		let size;
		[size, at] = read_varint(bytes, at);
		found.push(bytes.subarray(at, at + Number(size)));
		at += Number(size);
	}
	return found;
}
