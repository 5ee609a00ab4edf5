// What happened, said once at the edge of the page.
import { Store, useStore } from '../store';

interface Toast {
	id: number;
	text: string;
	kind: 'good' | 'bad';
}

const SHOWN_MS = 5000;

const toasts = new Store<Toast[]>([]);
let last = 0;

export function toast(text: string, kind: Toast['kind'] = 'good'): void {
	const id = ++last;
	toasts.set([...toasts.value, { id, text, kind }]);
	setTimeout(() => dismiss(id), SHOWN_MS);
}

function dismiss(id: number): void {
	toasts.set(toasts.value.filter((each) => each.id !== id));
}

export function Toasts() {
	const shown = useStore(toasts);
	return (
		<div class="toasts" role="status" aria-live="polite">
			{shown.map(({ id, text, kind }) => (
				<div key={id} class={`toast ${kind}`}>
					<span>{text}</span>
					<button type="button" class="toast-close" aria-label="Dismiss" onClick={() => dismiss(id)}>
						×
					</button>
				</div>
			))}
		</div>
	);
}
