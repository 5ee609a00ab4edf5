// A question that has to be answered first: the browser's own modal dialog, which keeps the focus and closes by Escape.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Button, TextField, useAction } from './controls';

interface DialogProps {
	title: string;
	onClose: () => void;
	children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
	const dialog = useRef<HTMLDialogElement>(null);
	const id = useId();
	useEffect(() => {
		const element = dialog.current;
		if (!element) return undefined;
		element.showModal();
		element.querySelector<HTMLElement>('[data-autofocus], input, select, textarea')?.focus();
		return () => element.close();
	}, []);
	return (
		<dialog
			ref={dialog}
			class="dialog"
			aria-labelledby={id}
			onCancel={(event) => {
				event.preventDefault();
				onClose();
			}}
			onClick={(event) => {
				if (event.target === dialog.current) onClose();
			}}
		>
			<div class="dialog-body">
				<h2 id={id}>{title}</h2>
				{children}
			</div>
		</dialog>
	);
}

interface ConfirmProps {
	title: string;
	/// What has to be typed; without it a press is enough.
	typed?: string;
	action: string;
	onConfirm: () => Promise<unknown>;
	onClose: () => void;
	children?: ComponentChildren;
}

/// Asks before something is destroyed, and shows why the server would not.
export function ConfirmDialog({ title, typed, action, onConfirm, onClose, children }: ConfirmProps) {
	const [text, setText] = useState('');
	const confirm = useAction(onConfirm);
	const submit = async (event: Event) => {
		event.preventDefault();
		if (await confirm.run()) onClose();
	};
	return (
		<Dialog title={title} onClose={onClose}>
			<form onSubmit={(event) => void submit(event)} class="stack">
				{children}
				{typed !== undefined ? (
					<TextField
						label={`Type ${typed} to confirm`}
						value={text}
						onValue={setText}
						error={confirm.message}
						autocomplete="off"
						autofocus
					/>
				) : (
					confirm.message && (
						<p class="field-error" role="alert">
							{confirm.message}
						</p>
					)
				)}
				<div class="actions">
					<Button onClick={onClose}>Cancel</Button>
					<Button kind="danger" type="submit" busy={confirm.busy} disabled={typed !== undefined && text !== typed}>
						{action}
					</Button>
				</div>
			</form>
		</Dialog>
	);
}
