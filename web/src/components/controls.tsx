// What people press and fill in.
import type { ComponentChildren, JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import { ApiError, messageOf } from '../api';

type ButtonProps = {
	kind?: 'plain' | 'primary' | 'danger' | 'quiet';
	busy?: boolean;
	children: ComponentChildren;
} & Omit<JSX.HTMLAttributes<HTMLButtonElement>, 'type'> & { type?: 'button' | 'submit'; disabled?: boolean };

export function Button({ kind = 'plain', busy = false, type = 'button', disabled = false, children, ...rest }: ButtonProps) {
	return (
		<button {...rest} type={type} class={`button ${kind}`} disabled={disabled || busy} aria-busy={busy}>
			{children}
		</button>
	);
}

interface FieldProps {
	label: string;
	hint?: ComponentChildren;
	error?: string | undefined;
	/// The input, given what ties it to its label and message.
	children: (tie: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: boolean }) => ComponentChildren;
}

/// A labelled control with the server's message beside it.
export function Field({ label, hint, error, children }: FieldProps) {
	const id = useId();
	const described = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
	return (
		<div class="field">
			<label for={id}>{label}</label>
			{children({ id, ...(described ? { 'aria-describedby': described } : {}), ...(error ? { 'aria-invalid': true } : {}) })}
			{hint && (
				<p class="hint" id={`${id}-hint`}>
					{hint}
				</p>
			)}
			{error && (
				<p class="field-error" id={`${id}-error`} role="alert">
					{error}
				</p>
			)}
		</div>
	);
}

type InputProps = {
	label: string;
	hint?: ComponentChildren;
	error?: string | undefined;
	value: string;
	onValue: (value: string) => void;
	type?: string;
	autocomplete?: string;
	placeholder?: string;
	required?: boolean;
	disabled?: boolean;
	autofocus?: boolean;
	name?: string;
	min?: string;
	max?: string;
};

export function TextField({ label, hint, error, value, onValue, autofocus, ...rest }: InputProps) {
	return (
		<Field label={label} hint={hint} error={error}>
			{(tie) => (
				<input
					{...rest}
					{...tie}
					{...(autofocus ? { 'data-autofocus': '' } : {})}
					spellcheck={false}
					value={value}
					onInput={(event) => onValue(event.currentTarget.value)}
				/>
			)}
		</Field>
	);
}

interface SelectProps {
	label: string;
	hint?: ComponentChildren;
	error?: string | undefined;
	value: string;
	onValue: (value: string) => void;
	options: readonly (readonly [value: string, label: string])[];
	disabled?: boolean;
}

export function SelectField({ label, hint, error, value, onValue, options, disabled = false }: SelectProps) {
	return (
		<Field label={label} hint={hint} error={error}>
			{(tie) => (
				<select {...tie} value={value} disabled={disabled} onChange={(event) => onValue(event.currentTarget.value)}>
					{options.map(([option, text]) => (
						<option key={option} value={option}>
							{text}
						</option>
					))}
				</select>
			)}
		</Field>
	);
}

interface CheckProps {
	label: string;
	hint?: ComponentChildren;
	checked: boolean;
	onChecked: (checked: boolean) => void;
	disabled?: boolean;
}

export function CheckField({ label, hint, checked, onChecked, disabled = false }: CheckProps) {
	const id = useId();
	return (
		<div class="check-field">
			<input
				id={id}
				type="checkbox"
				checked={checked}
				disabled={disabled}
				aria-describedby={hint ? `${id}-hint` : undefined}
				onChange={(event) => onChecked(event.currentTarget.checked)}
			/>
			<label for={id}>{label}</label>
			{hint && (
				<p class="hint" id={`${id}-hint`}>
					{hint}
				</p>
			)}
		</div>
	);
}

export interface Action<A extends unknown[]> {
	run: (...args: A) => Promise<boolean>;
	busy: boolean;
	error: ApiError | Error | undefined;
	message: string | undefined;
	clear: () => void;
}

/// Something that is sent to the server once at a time: its state, and what the server said when it refused.
export function useAction<A extends unknown[]>(act: (...args: A) => Promise<unknown>): Action<A> {
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState<Error | undefined>();
	const run = async (...args: A): Promise<boolean> => {
		if (busy) return false;
		setBusy(true);
		setError(undefined);
		try {
			await act(...args);
			return true;
		} catch (failure) {
			setError(failure instanceof Error ? failure : new Error(messageOf(failure)));
			return false;
		} finally {
			setBusy(false);
		}
	};
	return { run, busy, error, message: error?.message, clear: () => setError(undefined) };
}

/// Copies a text, and says that it did.
export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
	const [done, setDone] = useState(false);
	const copy = async () => {
		await copyText(text);
		setDone(true);
		setTimeout(() => setDone(false), 1500);
	};
	return (
		<Button kind="quiet" onClick={() => void copy()}>
			<span aria-live="polite">{done ? 'Copied' : label}</span>
		</Button>
	);
}

// The clipboard's interface is there on https and localhost only; the older way works elsewhere.
async function copyText(text: string): Promise<void> {
	try {
		await navigator.clipboard.writeText(text);
	} catch {
		const area = document.createElement('textarea');
		area.value = text;
		area.className = 'off-screen';
		document.body.append(area);
		area.select();
		document.execCommand('copy');
		area.remove();
	}
}
