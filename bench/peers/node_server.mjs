// What people write today: node:http and better-sqlite3, synchronous, one process. It takes the same pipeline as
// Atoll, runs it with prepared statements and answers in the same form. WAL, synchronous=FULL.
//
//     node node_server.mjs PORT DATABASE MODULE_FOLDER
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const [port, file, modules] = process.argv.slice(2);
const Database = createRequire(path.join(modules, 'x.js'))('better-sqlite3');
const db = new Database(file);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(`CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL);
	CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL)`);

const prepared = new Map();

function prepare(sql) {
	let statement = prepared.get(sql);
	if (!statement) {
		statement = db.prepare(sql);
		if (statement.reader) statement.raw();
		prepared.set(sql, statement);
	}
	return statement;
}

const from_value = ({ type, value }) => (type === 'integer' ? Number(value) : value);

function to_value(value) {
	if (value === null) return { type: 'null' };
	return typeof value === 'number' ? { type: 'integer', value: String(value) } : { type: 'text', value };
}

function execute({ sql, args = [] }) {
	const statement = prepare(sql);
	const values = args.map(from_value);
	const result = { cols: [], rows: [], affected_row_count: 0, last_insert_rowid: null };
	if (statement.reader) {
		result.cols = statement.columns().map(({ name, type }) => ({ name, decltype: type }));
		result.rows = statement.all(...values).map((row) => row.map(to_value));
	} else {
		const { changes, lastInsertRowid } = statement.run(...values);
		result.affected_row_count = changes;
		result.last_insert_rowid = String(lastInsertRowid);
	}
	return { type: 'ok', response: { type: 'execute', result } };
}

const server = createServer((request, response) => {
	if (request.method !== 'POST') return response.writeHead(405).end();
	let body = '';
	request.on('data', (part) => (body += part));
	request.on('end', () => {
		const results = JSON.parse(body).requests.map(({ type, stmt }) =>
			type === 'execute' ? execute(stmt) : { type: 'ok', response: { type } },
		);
		response.setHeader('Content-Type', 'application/json');
		response.end(JSON.stringify({ baton: null, base_url: null, results }));
	});
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
