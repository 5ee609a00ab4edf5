// Where the person is: real paths below /console/, which the server answers with the same page.
import type { ComponentChildren, JSX } from 'preact';
import { Store, useStore } from './store';

export const BASE = '/console';

function here(): string {
	return location.pathname.startsWith(`${BASE}/`) ? location.pathname.slice(BASE.length) : '/';
}

const current = new Store(here());
addEventListener('popstate', () => current.set(here()));

/// The path below BASE: "/acme/databases".
export function usePath(): string {
	return useStore(current);
}

export function navigate(to: string, { replace = false } = {}): void {
	if (to === here()) return;
	history[replace ? 'replaceState' : 'pushState'](null, '', BASE + to);
	current.set(here());
	if (!replace) scrollTo(0, 0);
}

/// "/{org}/databases/{db}" against a path: its names' decoded values, or null.
export function match(pattern: string, where: string): Record<string, string> | null {
	const wanted = pattern.split('/');
	const given = where.replace(/(.)\/$/, '$1').split('/');
	if (wanted.length !== given.length) return null;
	const found: Record<string, string> = {};
	for (const [i, segment] of wanted.entries()) {
		const value = given[i] ?? '';
		if (segment.startsWith('{')) {
			try {
				found[segment.slice(1, -1)] = decodeURIComponent(value);
			} catch {
				return null;
			}
			if (!value) return null;
		} else if (segment !== value) {
			return null;
		}
	}
	return found;
}

type LinkProps = { to: string; children: ComponentChildren } & Omit<JSX.HTMLAttributes<HTMLAnchorElement>, 'href'>;

export function Link({ to, children, ...rest }: LinkProps) {
	const follow = (event: MouseEvent) => {
		if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
		event.preventDefault();
		navigate(to);
	};
	return (
		<a href={BASE + to} onClick={follow} {...rest}>
			{children}
		</a>
	);
}
