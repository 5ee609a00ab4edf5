// Light or dark: what the system says, until the person chooses.
import { Store } from './store';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'atoll.theme';

function stored(): Theme {
	try {
		const value = localStorage.getItem(KEY);
		return value === 'light' || value === 'dark' ? value : 'system';
	} catch {
		return 'system';
	}
}

export const theme = new Store<Theme>(stored());

function apply(value: Theme): void {
	if (value === 'system') delete document.documentElement.dataset['theme'];
	else document.documentElement.dataset['theme'] = value;
}

export function chooseTheme(value: Theme): void {
	try {
		localStorage.setItem(KEY, value);
	} catch {
		// it lasts as long as the page
	}
	theme.set(value);
}

theme.subscribe(apply);
apply(theme.value);
