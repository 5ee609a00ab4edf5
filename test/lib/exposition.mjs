// Reads Prometheus' text format 0.0.4 as its specification has it, and refuses everything that it does not name.
//
//     const metrics = parse_exposition(text);
//     metrics.value('atoll_commits_total', { store: 'databases' });
//     metrics.families.get('atoll_commits_total').type;

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const NUMBER = /^(?:[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]Inf|NaN)$/;
const TYPES = ['counter', 'gauge', 'histogram'];

function fail(line, why) {
	throw new Error(`${why}: ${line}`);
}

// The part between the braces, from behind the first of them: [labels, index behind the last].
function read_labels(line, start) {
	const labels = {};
	let at = start;
	for (;;) {
		const equals = line.indexOf('="', at);
		const name = line.slice(at, equals);
		if (equals < 0 || !LABEL.test(name) || name.startsWith('__')) fail(line, 'no label');
		if (name in labels) fail(line, `label ${name} twice`);
		let value = '';
		for (at = equals + 2; line[at] !== '"'; at++) {
			if (at >= line.length) fail(line, 'label without an end');
			if (line[at] === '\\') {
				at++;
				const known = { '\\': '\\', '"': '"', n: '\n' }[line[at]];
				if (known === undefined) fail(line, `escape \\${line[at]}`);
				value += known;
			} else value += line[at];
		}
		labels[name] = value;
		at++;
		if (line[at] === '}') return [labels, at + 1];
		if (line[at] !== ',') fail(line, 'no comma between labels');
		at++;
	}
}

function key_of(name, labels) {
	return name + JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function read_sample(line) {
	const name_end = line.search(/[{ ]/);
	const name = line.slice(0, name_end);
	if (!NAME.test(name)) fail(line, 'no name of a metric');
	const [labels, end] = line[name_end] === '{' ? read_labels(line, name_end + 1) : [{}, name_end];
	if (line[end] !== ' ') fail(line, 'no blank before the value');
	const text = line.slice(end + 1);
	if (!NUMBER.test(text)) fail(line, 'no number');
	return { name, labels, value: text.endsWith('Inf') ? Number(`${text}inity`) : Number(text) };
}

function check_histogram(family) {
	const series = new Map();
	for (const { name, labels, value } of family.samples) {
		const { le, ...rest } = labels;
		const key = key_of('', rest);
		if (!series.has(key)) series.set(key, { buckets: [] });
		const one = series.get(key);
		const kind = name.slice(family.name.length + 1);
		if (kind === 'bucket') one.buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
		else if (['sum', 'count'].includes(kind) && le === undefined) one[kind] = value;
		else throw new Error(`${name} is no part of a histogram`);
	}
	for (const [key, { buckets, sum, count }] of series) {
		const where = `${family.name}${key}`;
		if (sum === undefined || count === undefined) throw new Error(`${where}: no sum or no count`);
		for (let i = 1; i < buckets.length; i++)
			if (!(buckets[i][0] > buckets[i - 1][0]) || buckets[i][1] < buckets[i - 1][1])
				throw new Error(`${where}: buckets do not ascend`);
		const [last, all] = buckets.at(-1);
		if (last !== Infinity || all !== count) throw new Error(`${where}: its last bucket does not hold all`);
	}
}

export function parse_exposition(text) {
	const families = new Map();
	const seen = new Set();
	let family;
	if (!text.endsWith('\n')) throw new Error('the last line has no end');
	for (const line of text.slice(0, -1).split('\n')) {
		const head = /^# (HELP|TYPE) ([^ ]+) (.+)$/.exec(line);
		if (head) {
			const [, what, name, rest] = head;
			if (!NAME.test(name)) fail(line, 'no name of a metric');
			if (what === 'HELP') {
				if (families.has(name)) fail(line, 'a family twice');
				family = { name, help: rest, samples: [] };
				families.set(name, family);
			} else {
				if (family?.name !== name || family.type) fail(line, 'TYPE does not follow HELP');
				if (!TYPES.includes(rest)) fail(line, 'unknown type');
				family.type = rest;
				if (rest === 'counter' && !name.endsWith('_total')) fail(line, 'a counter that is not called so');
			}
			continue;
		}
		const sample = read_sample(line);
		const base = family?.type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
		if (!family?.type || base !== family.name) fail(line, 'not in its family');
		const key = key_of(sample.name, sample.labels);
		if (seen.has(key)) fail(line, 'twice');
		seen.add(key);
		if (family.type === 'counter' && !(sample.value >= 0)) fail(line, 'a counter below 0');
		family.samples.push(sample);
	}
	for (const one of families.values()) if (one.type === 'histogram') check_histogram(one);
	return {
		families,
		/// All samples of a name whose labels have these values.
		samples(name, labels = {}) {
			const of = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
			if (!of) throw new Error(`there is no metric ${name}`);
			return of.samples.filter(
				(one) => one.name === name && Object.entries(labels).every(([label, value]) => one.labels[label] === value),
			);
		},
		/// Their sum; 0 when there are none.
		value(name, labels) {
			return this.samples(name, labels).reduce((sum, one) => sum + one.value, 0);
		},
	};
}
