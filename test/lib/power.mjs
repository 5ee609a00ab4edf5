// What a loss of power leaves of a data folder: see test/crash/power.c. POSIX promises nothing for what was not synced, so
// each file becomes what it was at its last sync; the files of a history, which are not synced at all, may survive with all
// that was written, in part, or not.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const source = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../crash/power.c');

export class Power {
	constructor(random, { delay_us = 12_000 } = {}) {
		this.random = random;
		this.folder = mkdtempSync(path.join(tmpdir(), 'atoll-power-'));
		this.kept = path.join(this.folder, 'kept');
		mkdirSync(this.kept);
		const library = path.join(this.folder, 'power.so');
		execFileSync('cc', ['-std=gnu17', '-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source], { stdio: ['ignore', 'inherit', 'inherit'] });
		/// For the server. A library that is loaded before a sanitizer's is no fault of the server.
		this.env = {
			LD_PRELOAD: library,
			POWER_FOLDER: this.kept,
			POWER_DELAY_US: String(delay_us),
			ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`,
		};
	}

	/// The state of the disk at this moment, to lose more than is right.
	remember() {
		const folder = mkdtempSync(path.join(this.folder, 'moment-'));
		cpSync(this.kept, folder, { recursive: true });
		return folder;
	}

	copy_of(file, kept) {
		const { ino, birthtimeNs } = statSync(file, { bigint: true });
		const second = birthtimeNs / 1_000_000_000n;
		const rest = String(birthtimeNs % 1_000_000_000n).padStart(9, '0');
		const copy = path.join(kept, `${ino}-${second}.${rest}`);
		return existsSync(copy) ? copy : null;
	}

	lose_history(file, copy, luck) {
		const known = copy ? statSync(copy).size : 0;
		const size = statSync(file).size;
		if (luck === 'cut') truncateSync(file, this.random.between(Math.min(known, size), size));
		else if (luck === 'lost' && copy) copyFileSync(copy, file);
		else if (luck === 'lost') truncateSync(file, 0);
	}

	/// After the server was killed. `luck`: what becomes of histories: 'kept', 'cut' or 'lost'. Tells what was lost.
	lose(data, { kept = this.kept, luck = this.random.pick(['kept', 'cut', 'lost']) } = {}) {
		const lost = { luck, files: 0 };
		for (const folder of this.folders(path.join(data, 'databases')))
			for (const entry of readdirSync(folder, { withFileTypes: true })) {
				const file = path.join(folder, entry.name);
				if (!entry.isFile()) continue;
				const copy = this.copy_of(file, kept);
				if (path.basename(folder) === 'log') this.lose_history(file, copy, luck);
				else if (entry.name.endsWith('-shm')) rmSync(file);
				else if (copy && !readFileSync(copy).equals(readFileSync(file))) {
					// In place, so that the file keeps its number.
					writeFileSync(file, readFileSync(copy));
					lost.files++;
				}
			}
		return lost;
	}

	*folders(folder) {
		yield folder;
		for (const entry of readdirSync(folder, { withFileTypes: true }))
			if (entry.isDirectory()) yield* this.folders(path.join(folder, entry.name));
	}

	remove() {
		rmSync(this.folder, { recursive: true, force: true });
	}
}
