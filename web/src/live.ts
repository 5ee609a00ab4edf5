// Values that the server sends by itself: server-sent events, read by fetch because EventSource could carry the token only in
// the address. A stream that breaks is opened again.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, isAbort, open } from './api';
import { mended } from './connection';
import { useStore } from './store';

const PAUSE_MS = 1000;

export interface LiveEvent {
	name: string;
	data: string;
}

/// Cuts a text that comes in pieces into events.
export class EventParser {
	#rest = '';

	*feed(piece: string): Generator<LiveEvent> {
		this.#rest += piece;
		for (let end = this.#rest.indexOf('\n\n'); end >= 0; end = this.#rest.indexOf('\n\n')) {
			const block = this.#rest.slice(0, end);
			this.#rest = this.#rest.slice(end + 2);
			const event: LiveEvent = { name: 'message', data: '' };
			for (const line of block.split('\n')) {
				if (line.startsWith('event:')) event.name = line.slice(6).trim();
				else if (line.startsWith('data:')) event.data += (event.data ? '\n' : '') + line.slice(5).trimStart();
			}
			if (event.data) yield event;
		}
	}
}

async function readAll(where: string, signal: AbortSignal, tell: (event: LiveEvent) => void): Promise<void> {
	const response = await open(where, { signal, accept: 'text/event-stream' });
	const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
	if (!reader) return;
	const parser = new EventParser();
	for (;;) {
		const { value, done } = await reader.read();
		if (done) return;
		for (const event of parser.feed(value)) tell(event);
	}
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const timer = setTimeout(resolve, ms);
		signal.addEventListener('abort', () => {
			clearTimeout(timer);
			resolve();
		});
	});
}

/// Listens until the signal aborts. A refusal other than "not now" ends it, told to `refuse`.
async function listen(
	where: string,
	signal: AbortSignal,
	tell: (event: LiveEvent) => void,
	refuse: (error: ApiError) => void,
): Promise<void> {
	while (!signal.aborted) {
		try {
			await readAll(where, signal, tell);
		} catch (error) {
			if (isAbort(error) || signal.aborted) return;
			if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) {
				refuse(error);
				return;
			}
		}
		await pause(PAUSE_MS, signal);
	}
}

export interface Live<T> {
	data: T | undefined; // the last event's
	error: ApiError | undefined;
}

/// The newest event of a stream whose events are JSON; `where` null listens to nothing.
export function useLive<T>(where: string | null, onEvent?: (data: T) => void): Live<T> {
	const [state, setState] = useState<Live<T> & { where: string | null }>({ where, data: undefined, error: undefined });
	const times = useStore(mended);
	const told = useRef(onEvent);
	told.current = onEvent;
	useEffect(() => {
		if (where === null) return undefined;
		const controller = new AbortController();
		void listen(
			where,
			controller.signal,
			(event) => {
				const data = JSON.parse(event.data) as T;
				setState({ where, data, error: undefined });
				told.current?.(data);
			},
			(error) => setState({ where, data: undefined, error }),
		);
		return () => controller.abort();
	}, [where, times]);
	return state.where === where ? state : { data: undefined, error: undefined };
}
