// What a page shows and how it got it: loaded when the page opens, again when its key changes, when the connection was mended,
// and when asked.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { isAbort } from './api';
import { mended } from './connection';
import { useStore } from './store';

export interface Loaded<T> {
	data: T | undefined; // the last that was loaded, also while it is loaded again
	error: Error | undefined;
	loading: boolean;
	reload: () => void;
}

/// `key` names what is loaded; another key is another thing.
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
	const [state, setState] = useState<{ key: string; data?: T; error?: Error; loading: boolean }>({ key, loading: true });
	const [turn, setTurn] = useState(0);
	const times = useStore(mended);
	const loader = useRef(load);
	loader.current = load;
	useEffect(() => {
		const controller = new AbortController();
		setState((old) => (old.key === key && old.data !== undefined ? { ...old, loading: true } : { key, loading: true }));
		loader.current(controller.signal).then(
			(data) => {
				if (!controller.signal.aborted) setState({ key, data, loading: false });
			},
			(error: unknown) => {
				if (controller.signal.aborted || isAbort(error)) return;
				const told = error instanceof Error ? error : new Error(String(error));
				setState((old) => ({ ...old, key, error: told, loading: false }));
			},
		);
		return () => controller.abort();
	}, [key, turn, times]);
	const reload = useCallback(() => setTurn((old) => old + 1), []);
	const current = state.key === key;
	return {
		data: current ? state.data : undefined,
		error: current ? state.error : undefined,
		loading: !current || state.loading,
		reload,
	};
}
