// What a page shows before, instead of, and around what was loaded.
import type { ComponentChildren } from 'preact';
import type { Loaded } from '../load';
import { Button } from './controls';

export function Loading({ what = 'Loading' }: { what?: string }) {
	return (
		<p class="state loading" role="status">
			<span class="spinner" aria-hidden="true" />
			{what}…
		</p>
	);
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
	return (
		<div class="state empty">
			<p class="state-title">{title}</p>
			{children}
		</div>
	);
}

export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
	return (
		<div class="state failure" role="alert">
			<p class="state-title">This could not be shown</p>
			<p>{error.message}</p>
			{retry && <Button onClick={retry}>Try again</Button>}
		</div>
	);
}

/// Loading and error states of something that is loaded; `children` shows it once it is there.
export function Shown<T>({ of, children, what }: { of: Loaded<T>; what?: string; children: (data: T) => ComponentChildren }) {
	if (of.data !== undefined) return <>{children(of.data)}</>;
	if (of.error) return <Failure error={of.error} retry={of.reload} />;
	return <Loading {...(what ? { what } : {})} />;
}
