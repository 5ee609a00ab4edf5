// Something that the server tells only this once.
import type { ComponentChildren } from 'preact';
import { Button, CopyButton } from './controls';
import { Panel } from './layout';

interface SecretProps {
	title: string;
	secret: string;
	onClose: () => void;
	children?: ComponentChildren;
}

export function SecretPanel({ title, secret, onClose, children }: SecretProps) {
	return (
		<Panel title={title} actions={<Button onClick={onClose}>Done</Button>}>
			{children ?? <p>It is shown this once: keep it where it is safe.</p>}
			<div class="secret">
				<code data-secret>{secret}</code>
				<CopyButton text={secret} />
			</div>
		</Panel>
	);
}
