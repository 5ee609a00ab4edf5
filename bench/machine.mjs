// What the report says of the machine: what speed depends on, no names.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';

export function file_system_of(folder) {
	return execFileSync('findmnt', ['-n', '-o', 'FSTYPE', '-T', folder], { encoding: 'utf8' }).trim();
}

function package_version(name) {
	try {
		return execFileSync('dpkg-query', ['-W', '-f=${Version}', name], {
			encoding: 'utf8',
			stdio: ['ignore', 'pipe', 'ignore'],
		}).replace(/^\d+:/, '');
	} catch {
		return 'not from Debian';
	}
}

export function machine_facts(disk) {
	const sqlite = readFileSync(new URL('../vendor/sqlite.pin', import.meta.url), 'utf8').match(/^version (.*)$/m)[1];
	return [
		['Processor', `${os.cpus()[0].model.trim()}, ${os.cpus().length} cores`],
		['Memory', `${Math.round(os.totalmem() / 2 ** 30)} GiB`],
		['System', `Linux ${os.release().split(".").slice(0, 2).join(".")}, ${readFileSync('/etc/os-release', 'utf8').match(/^PRETTY_NAME="(.*)"$/m)[1]}`],
		['File system of the data', disk],
		['SQLite', sqlite],
		['libmicrohttpd', package_version('libmicrohttpd12')],
		['wrk', package_version('wrk')],
	];
}
