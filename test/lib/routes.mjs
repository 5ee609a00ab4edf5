// The rows of src/api/routes.c as the server serves them, for tests that must miss none of them.
import { readFileSync } from 'node:fs';

const source = new URL('../../src/api/routes.c', import.meta.url);
const starts = {
	ORG: '/v1/organizations/{org}',
	DB: '/v1/organizations/{org}/databases/{db}',
	GROUP: '/v1/organizations/{org}/groups/{group}',
};

/// One entry a row: {method, path, handler, who, scope, body, forms, paths}; `paths` are all under which it is served.
export function route_rows() {
	const text = readFileSync(source, 'utf8');
	const row = /^\t\{"([A-Z]+)", +(ORG|DB|GROUP)? ?"([^"]*)", +(api_\w+), +(WHO_\w+), +(SCOPE_\w+), +(BODY_\w+), +([A-Z0-9_| ]+), +"/gm;
	const rows = [];
	for (const [, method, start, tail, handler, who, scope, body, forms] of text.matchAll(row)) {
		const path = (starts[start] ?? '') + tail;
		const paths = [path];
		if (forms.includes('USER_TWIN')) paths.push(path.replace('/organizations/{org}', ''));
		if (forms.includes('V3_TWIN')) paths.push(...paths.map((one) => one.replace(/^\/v1/, '/v3')));
		rows.push({ method, path, handler, who, scope, body, forms: forms.split('|').map((one) => one.trim()), paths });
	}
	const written = text.match(/^\t\{"[A-Z]+", /gm).length;
	if (rows.length !== written || written < 30)
		throw new Error(`src/api/routes.c has ${written} rows, and ${rows.length} of them were understood`);
	return rows;
}

/// One entry a method and path.
export function served_routes() {
	return route_rows().flatMap(({ paths, ...row }) => paths.map((path) => ({ ...row, path })));
}
