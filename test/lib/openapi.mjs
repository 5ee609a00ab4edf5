// Reads an OpenAPI 3.0 document as a judge of answers: schemas become validators that are stricter than the document,
// which declares almost nothing as required. What it describes in an answer must be there, unless it is named as optional.
import { createRequire } from 'node:module';

const { default: Ajv } = createRequire(new URL('../clients/package.json', import.meta.url))('ajv');
const date_time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

export class Document {
	/// `optional`: properties that may be absent, `open`: lists of values that may have others, each as {place: reason}.
	/// A place is "Schema.property", or "GET /v1/… 200.property[].property" where no schema has a name.
	constructor(json, { optional = {}, open = {} } = {}) {
		this.json = json;
		this.optional = optional;
		this.open = open;
		this.used = new Set(); // places of both that were met
		this.ajv = new Ajv({ strict: false, allErrors: true, formats: { 'date-time': date_time } });
	}

	resolve(node) {
		while (node?.$ref) {
			let found = this.json;
			for (const key of node.$ref.replace(/^#\//, '').split('/')) found = found[key];
			if (found === undefined) throw new Error(`the document has no ${node.$ref}`);
			node = found;
		}
		return node;
	}

	/// {key, method, path, parameters: {name: …} of the query, body, answers: {status: schema or null}}
	operations() {
		const list = [];
		for (const [path, methods] of Object.entries(this.json.paths))
			for (const [method, operation] of Object.entries(methods)) {
				if (!['get', 'post', 'put', 'patch', 'delete'].includes(method)) continue;
				const key = `${method.toUpperCase()} ${path}`;
				const query = (operation.parameters ?? []).map((one) => this.resolve(one)).filter((one) => one.in === 'query');
				const schema_of = (part) => this.resolve(part)?.content?.['application/json']?.schema ?? null;
				list.push({
					key,
					method: method.toUpperCase(),
					path,
					query: query.map((one) => one.name),
					body: operation.requestBody ? schema_of(operation.requestBody) : null,
					answers: Object.fromEntries(Object.entries(operation.responses).map(([status, one]) => [status, schema_of(one)])),
				});
			}
		return list;
	}

	/// JSON Schema of a schema of the document that stands at `place`. `demand`: what is described must be there.
	strict(node, place, demand) {
		if (node.$ref) {
			const name = node.$ref.split('/').slice(3).join('/').replace(/\/properties\//g, '.');
			return this.strict(this.resolve(node), name, demand);
		}
		const schema = { ...node };
		for (const key of ['description', 'example', 'examples', 'deprecated', 'nullable']) delete schema[key];
		if (this.open[place] && schema.enum) {
			this.used.add(place);
			delete schema.enum;
		}
		if (node.nullable) schema.type = [node.type, 'null'];
		for (const key of ['allOf', 'oneOf', 'anyOf']) if (node[key]) schema[key] = node[key].map((one) => this.strict(one, place, demand));
		if (node.items) schema.items = this.strict(node.items, `${place}[]`, demand);
		if (node.properties) {
			schema.properties = {};
			const required = [];
			for (const [name, one] of Object.entries(node.properties)) {
				const at = `${place}.${name}`;
				schema.properties[name] = this.strict(one, at, demand);
				if (this.optional[at]) this.used.add(at);
				else required.push(name);
			}
			if (demand) schema.required = required;
		}
		if (demand && node.properties && !schema.type) schema.type = 'object';
		return schema;
	}

	/// What is wrong with `value`, in words; null when nothing is. `demand`: all that is described must be there.
	fault(node, place, value, { demand = true } = {}) {
		const validate = this.ajv.compile(this.strict(node, place, demand));
		if (validate(value)) return null;
		return validate.errors.map((one) => `${one.instancePath || 'the answer'} ${one.message}`).join('; ');
	}

	/// The text that the document shows for an error, as a pattern: a [word] stands for any name, with its brackets or without.
	error_pattern(operation_key, status) {
		const [method, path] = operation_key.split(' ');
		const answer = this.resolve(this.json.paths[path][method.toLowerCase()].responses[status]);
		const example = answer?.content?.['application/json']?.schema?.properties?.error?.example;
		if (!example) return null;
		const literal = example.split(/\[\w+\]/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
		return new RegExp(`^${literal.join('\\[?[^\\[\\]]+\\]?')}$`);
	}
}
