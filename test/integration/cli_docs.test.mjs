// What explains the programs: manual pages and the completions of the shells, against the programs themselves.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { binary, client_of, environment } from '../lib/cli.mjs';
import { startServer } from '../lib/server.mjs';

const tree = fileURLToPath(new URL('../..', import.meta.url));
const server_binary = path.resolve(tree, process.env.ATOLLD ?? 'build/atolld');
const built = path.dirname(binary);
const page = (name) => path.join(built, 'docs/man', name);
const completion = (name) => path.join(tree, 'packaging/completions', name);
const has = (program) => spawnSync('which', [program]).status === 0;

function shown(name) {
	const text = execFileSync('man', ['--warnings', '-l', page(name)], {
		encoding: 'utf8',
		env: { ...process.env, MANWIDTH: '300', LC_ALL: 'C.UTF-8', MANPAGER: 'cat', GROFF_NO_SGR: '1' },
	});
	return text.replace(/.\x08/g, '');
}

describe('manual pages', () => {
	const skip = !has('man') && 'no man here';

	test('every command and option has its place', { skip }, () => {
		const text = shown('atoll.1');
		const overview = execFileSync(binary, ['--help'], { encoding: 'utf8' });
		const commands = [...overview.matchAll(/^  ([a-z][a-z-]*(?: [a-z][a-z-]*)*)(?: [A-Z[].*?| [a-z]+\|.*?)?(?:  |$)/gm)].map((m) => m[1]);
		assert.ok(commands.length > 80, `${commands.length} commands`);
		for (const words of commands) {
			assert.ok(text.includes(`atoll ${words}`), `atoll ${words} is missing`);
			const help = execFileSync(binary, [...words.split(' '), '--help'], { encoding: 'utf8' });
			for (const [, name] of help.matchAll(/^ +(?:-\w, )?--([a-z-]+)/gm))
				assert.ok(text.includes(`--${name}`), `--${name} of ${words} is missing`);
		}
	});

	test('every setting of the server has its place', { skip }, () => {
		const names = [...readFileSync(path.join(tree, 'src/base/settings.def'), 'utf8').matchAll(/^SETTING\(\w+, "([a-z-]+)"/gm)].map((m) => m[1]);
		assert.ok(names.length > 30);
		const flags = shown('atolld.8');
		const keys = shown('atolld.conf.5');
		const help = execFileSync(server_binary, ['--help'], { encoding: 'utf8' });
		for (const [, words] of help.matchAll(/^  atolld ([a-z]+ [a-z]+)/gm)) assert.ok(flags.includes(`atolld ${words}`), words);
		for (const name of names) {
			assert.match(flags, new RegExp(`^ +--${name} `, 'm'));
			assert.match(help, new RegExp(`^ +--${name} `, 'm'));
			if (name !== 'config') assert.match(keys, new RegExp(`^ +${name} = `, 'm'));
		}
	});

	test('formatters have nothing to say against them', { skip }, () => {
		for (const name of ['atoll.1', 'atolld.8', 'atolld.conf.5']) {
			const { stderr } = spawnSync('man', ['--warnings', '-l', page(name)], { encoding: 'utf8', env: { ...process.env, MANPAGER: 'cat' } });
			assert.equal(stderr, '', name);
			if (!has('mandoc')) continue;
			const lint = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', page(name)], { encoding: 'utf8' });
			assert.equal(lint.stdout, '', name);
		}
	});
});

describe('installation', () => {
	const skip = !(has('meson') && existsSync(path.join(built, 'build.ninja'))) && 'no build folder here';

	test('puts programs, pages and completions where they are looked for', { skip }, () => {
		const root = mkdtempSync(path.join(tmpdir(), 'atoll-install-'));
		try {
			execFileSync('meson', ['install', '-C', built, '--no-rebuild', '--quiet', '--destdir', root]);
			const files = readdirSync(root, { recursive: true }).map(String);
			for (const end of [
				'bin/atoll',
				'bin/atolld',
				'man/man1/atoll.1',
				'man/man8/atolld.8',
				'man/man5/atolld.conf.5',
				'share/bash-completion/completions/atoll',
				'share/zsh/site-functions/_atoll',
				'share/fish/vendor_completions.d/atoll.fish',
			])
				assert.ok(files.some((file) => file.endsWith(end)), `${end} is missing`);
		} finally {
			rmSync(root, { recursive: true, force: true });
		}
	});
});

describe('completion', () => {
	const folder = mkdtempSync(path.join(tmpdir(), 'atoll-completion-'));
	let server;
	let env;

	before(async () => {
		server = await startServer();
		env = environment({ ATOLL_URL: server.url, ATOLL_TOKEN: server.token, ATOLL_ORG: server.organization });
		env.PATH = `${folder}:${env.PATH}`;
		symlinkSync(binary, path.join(folder, 'atoll'));
		await client_of(env).done(['db', 'create', 'completed']);
	});
	after(async () => {
		rmSync(folder, { recursive: true, force: true });
		await server?.stop();
	});

	/// What each shell offers at the end of a line, as a sorted list of words.
	const shells = {
		bash(line) {
			const script = `source '${completion('atoll.bash')}'
				COMP_LINE=$1 COMP_POINT=\${#1}; read -ra COMP_WORDS <<<"$1"; COMP_CWORD=0
				compopt() { printf '<%s>\\n' "$*"; }
				_atoll; printf '%s\\n' "\${COMPREPLY[@]}"`;
			return execFileSync('bash', ['-c', script, 'bash', line], { encoding: 'utf8', env });
		},
		zsh(line) {
			const script = `compdef() { : }; _files() { print '<-o default>' }; compset() { : }
				_describe() { print -l -- \${(P)4} }
				source '${completion('_atoll')}'
				words=("\${(@s: :)1}"); CURRENT=$#words; PREFIX=$words[-1]; _atoll`;
			return execFileSync('zsh', ['-f', '-c', script, 'zsh', line], { encoding: 'utf8', env });
		},
		fish(line) {
			const script = `source '${completion('atoll.fish')}'; complete -C "$argv[1]"`;
			return execFileSync('fish', ['--no-config', '-c', script, line], { encoding: 'utf8', env });
		},
	};

	for (const [shell, offer] of Object.entries(shells)) {
		const skip = !has(shell) && `no ${shell} here`;
		const words = (line) =>
			offer(line)
				.split('\n')
				.filter(Boolean)
				.map((one) => one.split(/\t|(?<!\\):/)[0])
				.sort();

		test(`${shell} offers what the program knows`, { skip }, () => {
			assert.deepEqual(words('atoll db tokens '), ['create', 'invalidate']);
			assert.deepEqual(words('atoll group loc'), ['locations']);
			assert.deepEqual(words('atoll db config attach '), ['allow', 'disallow', 'show']);
			assert.deepEqual(words('atoll db destroy --y'), ['--yes']);
		});

		test(`${shell} offers names that the server knows`, { skip }, () => {
			assert.deepEqual(words('atoll db show '), ['completed']);
			assert.deepEqual(words('atoll db create x --from-db com'), ['completed']);
			assert.deepEqual(words('atoll --org '), [server.organization, server.username].sort());
			assert.ok(words('atoll db replicate completed ').includes('ord'));
		});
	}

	test('a server that does not answer leaves the person to type', async () => {
		const unreachable = { ATOLL_URL: 'http://127.0.0.1:1', ATOLL_TOKEN: 'x', ATOLL_ORG: 'x' };
		assert.equal(await client_of(unreachable).done(['completion', 'candidates', '--', 'db', 'show', '']), '');
		assert.equal(await client_of({}).done(['completion', 'candidates', '--', 'db', 'show', '']), '');
	});

	test('the program prints what is installed', async () => {
		const { done } = client_of({});
		for (const [shell, file] of Object.entries({ bash: 'atoll.bash', zsh: '_atoll', fish: 'atoll.fish' }))
			assert.equal(await done(['completion', shell]), readFileSync(completion(file), 'utf8'));
	});
});
