// Whether the server can be reached. Whoever fails to reach it says so here; from then on it is asked until it answers, and
// pages load again what they show.
import { Store } from './store';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

export const reachable = new Store(true);
/// How often the connection was mended; loaders depend on it.
export const mended = new Store(0);

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function answers(): Promise<boolean> {
	try {
		return (await fetch('/health', { cache: 'no-store' })).ok;
	} catch {
		return false;
	}
}

export async function lostConnection(): Promise<void> {
	if (!reachable.value) return;
	reachable.set(false);
	for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
		await sleep(pause);
		if (await answers()) break;
	}
	reachable.set(true);
	mended.set(mended.value + 1);
}
