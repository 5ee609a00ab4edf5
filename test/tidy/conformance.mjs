// Checks test/conformance/hrana.tsv, which names each rule of the SQL protocol with the test that shows it: every section has
// rows, every row has a test, and every test is there, by the name that its file gives it. Prints what is wrong.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const tests = fileURLToPath(new URL('../', import.meta.url));
const table = 'conformance/hrana.tsv';

/// All that the protocol's description has, in its order.
const sections = [
	...Array.from({ length: 12 }, (_, i) => `0.${i + 1}`),
	...['1', '1.1', '2', '3.1', '3.2', '3.3', '3.4', '4', '5', '6', '7', '8', '9', '10', '11', '12.1', '12.2', '12.3', '12.4'],
];

/// Rules that are for another part of the system: their section, and how many. Such a row tells the reason instead of a test.
const elsewhere = "not this server's";
const elsewhere_counts = { 1: 1, 6: 1, 7: 3, 10: 1, 11: 7 };

const say = (line, what) => console.log(`test/${table}:${line}: ${what}`);

const sources = new Map();
function lines_of(file) {
	if (!sources.has(file)) sources.set(file, existsSync(tests + file) ? readFileSync(tests + file, 'utf8').split('\n') : null);
	return sources.get(file);
}

const is_call = /\b(test|describe)\(/;
const is_named = (line, name) => is_call.test(line) && ["'", '"', '`'].some((quote) => line.includes(quote + name + quote));

/// Where each part of "describe > test" stands behind the part before it.
function has_javascript_test(lines, name) {
	let at = -1;
	return name.split(' > ').every((part) => {
		at = lines.findIndex((line, i) => i > at && is_named(line, part));
		return at >= 0;
	});
}

/// A function, and its entry in the list that is run.
function has_c_test(lines, name) {
	if (!/^\w+$/.test(name)) return false;
	return lines.includes(`static void ${name}(void **state)`) && new RegExp(`cmocka_unit_test\\w*\\(\\s*${name}\\b`).test(lines.join('\n'));
}

function has_test(file, name) {
	const lines = lines_of(file);
	if (file.endsWith('_test.c')) return has_c_test(lines, name);
	if (file.endsWith('.py')) return lines.some((line) => line.includes(`def ${name}(self)`));
	return file.endsWith('.test.mjs') && has_javascript_test(lines, name);
}

const rows = readFileSync(tests + table, 'utf8').trimEnd().split('\n').map((line) => line.split('\t'));
const counts = new Map();
const seen = new Set();
const found_elsewhere = {};
if (rows[0].join() !== 'section,rule,file,test') say(1, 'the head is section, rule, file, test');
for (const [i, fields] of rows.entries()) {
	if (i === 0) continue;
	const [marked, rule, file, name] = fields;
	const section = marked.slice(1);
	if (fields.length !== 4 || fields.some((field) => field.trim() === '')) say(i + 1, 'a row is a section, a rule, a file and a test');
	else if (!marked.startsWith('§') || !sections.includes(section)) say(i + 1, `there is no section ${marked}`);
	else if (seen.has(`${section} ${rule}`)) say(i + 1, `"${rule}" is there twice`);
	else if (file === elsewhere) found_elsewhere[section] = (found_elsewhere[section] ?? 0) + 1;
	else if (!lines_of(file)) say(i + 1, `test/${file} does not exist`);
	else if (!has_test(file, name)) say(i + 1, `test/${file} has no test "${name}"`);
	else counts.set(section, (counts.get(section) ?? 0) + 1);
	seen.add(`${section} ${rule}`);
}
for (const section of sections) if (!counts.has(section)) say(1, `§${section} has no row`);
if (JSON.stringify(found_elsewhere) !== JSON.stringify(elsewhere_counts)) say(1, `${elsewhere}: ${JSON.stringify(found_elsewhere)}, expected ${JSON.stringify(elsewhere_counts)}`);
