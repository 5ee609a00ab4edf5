// Cuts a text into SQL statements, by the rules of sqlite3_complete(): a semicolon ends one unless it stands in a text, a name, a
// comment, or the body of a trigger.

// Comments, quoted things, words, semicolons, and whatever is left.
const tokens = /--[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|[A-Za-z_][\w$]*|;|\s+|[^]/g;

const isSpace = (token: string): boolean => /^(?:\s|--|\/\*)/.test(token);

export function splitStatements(text: string): string[] {
	const statements: string[] = [];
	let current = '';
	let words: string[] = []; // of the current statement, at its beginning
	let last = ''; // token that says something
	const isTrigger = () => /^create( temp| temporary)? trigger\b/.test(words.join(' '));
	const end = () => {
		if (words.length > 0 || /\S/.test(current.replace(/--[^\n]*|\/\*[^]*?\*\//g, ''))) statements.push(current.trim());
		current = '';
		words = [];
		last = '';
	};
	for (const [token] of text.matchAll(tokens)) {
		if (token === ';') {
			if (!isTrigger() || last === 'end') {
				end();
				continue;
			}
		} else if (!isSpace(token)) {
			const word = token.toLowerCase();
			if (/^\w/.test(word) && words.length < 3) words.push(word);
			last = last === ';' && word === 'end' ? 'end' : word;
		}
		if (token === ';') last = ';';
		current += token;
	}
	end();
	return statements;
}
