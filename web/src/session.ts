// Who is signed in. The token lives in this tab's sessionStorage and nowhere else: never in an address, a cookie or a log.
import { Store } from './store';

const KEY = 'atoll.token';

function readStored(): string | null {
	try {
		return sessionStorage.getItem(KEY);
	} catch {
		return null; // storage is forbidden: the session lasts as long as the page
	}
}

export const token = new Store<string | null>(readStored());

/// Why the last session ended, for the sign-in page; "" when the person ended it.
export const farewell = new Store('');

export function beginSession(given: string): void {
	try {
		sessionStorage.setItem(KEY, given);
	} catch {
		// as above
	}
	farewell.set('');
	token.set(given);
}

export function endSession(why = ''): void {
	try {
		sessionStorage.removeItem(KEY);
	} catch {
		// as above
	}
	if (token.value !== null) farewell.set(why);
	token.set(null);
}
