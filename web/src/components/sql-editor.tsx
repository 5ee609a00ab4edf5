// A field for SQL with colours and completion. It lives in a shadow root: there CodeMirror styles itself by sheets that it
// constructs, which the page's policy allows, and not by an element, which it forbids.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { SQLite, sql } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'preact/hooks';

/// Names of columns by the names of their tables.
export type SqlSchema = Record<string, readonly string[]>;

const colours = HighlightStyle.define([
	{ tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: 'var(--accent)', fontWeight: '600' },
	{ tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
	{ tag: [tags.number, tags.bool, tags.null], color: 'var(--warn)' },
	{ tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--accent-strong)' },
	{ tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
]);

const looks = EditorView.theme({
	'&': { fontSize: '13.5px', color: 'var(--text)', backgroundColor: 'var(--surface)' },
	'&.cm-focused': { outline: 'none' },
	'.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55', minHeight: '130px', maxHeight: '46vh' },
	'.cm-content': { padding: '10px 0', caretColor: 'var(--text)' },
	'.cm-cursor': { borderLeftColor: 'var(--text)' },
	'.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--muted)', border: 'none', paddingLeft: '6px' },
	'.cm-activeLine': { backgroundColor: 'transparent' },
	'&.cm-focused .cm-activeLine': { backgroundColor: 'var(--sunken)' },
	'&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-soft)' },
	'&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-soft)' },
	'.cm-tooltip': { backgroundColor: 'var(--raised)', border: '1px solid var(--line)', borderRadius: '7px', overflow: 'hidden' },
	'.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)' },
	'.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
	'.cm-completionDetail': { color: 'inherit', opacity: '0.8' },
});

interface SqlEditorProps {
	/// The text to begin with; another object replaces what was written. What is typed comes by onValue and never back, since a
	/// value on its way would overtake the keyboard.
	content: { text: string };
	schema: SqlSchema;
	onValue: (value: string) => void;
	/// Ctrl+Enter or Cmd+Enter: what is selected, or all.
	onRun: (text: string) => void;
}

export function SqlEditor({ content, schema, onValue, onRun }: SqlEditorProps) {
	const host = useRef<HTMLDivElement>(null);
	const view = useRef<EditorView | null>(null);
	const language = useRef(new Compartment());
	const told = useRef({ onValue, onRun });
	told.current = { onValue, onRun };
	useEffect(() => {
		const element = host.current;
		if (!element) return undefined;
		const shadow = element.shadowRoot ?? element.attachShadow({ mode: 'open' });
		const run = (editor: EditorView) => {
			const { from, to } = editor.state.selection.main;
			told.current.onRun(from === to ? editor.state.doc.toString() : editor.state.sliceDoc(from, to));
			return true;
		};
		const editor = new EditorView({
			root: shadow,
			parent: shadow,
			state: EditorState.create({
				doc: content.text,
				extensions: [
					Prec.highest(keymap.of([{ key: 'Mod-Enter', run }])),
					lineNumbers(),
					highlightSpecialChars(),
					history(),
					drawSelection(),
					bracketMatching(),
					closeBrackets(),
					autocompletion({ icons: false }),
					highlightActiveLine(),
					syntaxHighlighting(colours),
					// Tab goes on to the next control, so that the keyboard does not get stuck here.
					keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
					language.current.of(sql({ dialect: SQLite, schema: {} })),
					looks,
					EditorView.lineWrapping,
					EditorView.contentAttributes.of({ 'aria-label': 'SQL', 'data-sql': '' }),
					EditorView.updateListener.of((update) => {
						if (update.docChanged) told.current.onValue(update.state.doc.toString());
					}),
				],
			}),
		});
		view.current = editor;
		return () => {
			editor.destroy();
			view.current = null;
		};
	}, []);
	useEffect(() => {
		view.current?.dispatch({ effects: language.current.reconfigure(sql({ dialect: SQLite, schema: schema as Record<string, string[]> })) });
	}, [schema]);
	useEffect(() => {
		const editor = view.current;
		if (editor && editor.state.doc.toString() !== content.text)
			editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: content.text } });
	}, [content]);
	return <div ref={host} class="sql-editor" />;
}
