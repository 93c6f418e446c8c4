// The editor of the configuration's text, and the view of what a change would do: CodeMirror, in a shadow of its own, since
// the page's policy allows no style elements while constructed sheets of a shadow are its own affair.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { unifiedMergeView } from '@codemirror/merge';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import type { Problem } from './queries.ts';

const LOOK = EditorView.theme({
  '&': { backgroundColor: 'var(--surface-1)', color: 'var(--text)', fontSize: '13px', height: '100%' },
  '.cm-content': { fontFamily: 'var(--font-mono)', caretColor: 'var(--accent)' },
  '.cm-gutters': { backgroundColor: 'var(--surface-1)', color: 'var(--text-dim)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--surface-2)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-soft) !important' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-2px' },
  '.cm-panels': { backgroundColor: 'var(--surface-2)', color: 'var(--text)' },
  '.cm-tooltip': { backgroundColor: 'var(--surface-1)', border: '1px solid var(--line)', color: 'var(--text)' },
  '.cm-insertedLine, .cm-changedLine': { backgroundColor: 'var(--ok-soft) !important' },
  '.cm-deletedChunk': { backgroundColor: 'var(--bad-soft) !important' },
  '.cm-changedText': { background: 'none !important' },
});

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--code-title)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--code-number)' },
  { tag: [tags.keyword, tags.labelName, tags.typeName], color: 'var(--code-keyword)' },
  { tag: tags.comment, color: 'var(--code-comment)' },
]);

const BASE: readonly Extension[] = [lineNumbers(), yaml(), syntaxHighlighting(COLOURS), LOOK, EditorView.lineWrapping];

interface EditorProps {
  readonly label: string;
  /** How to go on with the keyboard. */
  readonly help: string;
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly problems: readonly Problem[];
  /** A line to go to, from 1; a new object goes there again. */
  readonly target: { readonly line: number } | null;
}

/** Of the shadow, where nothing else has a name. */
const HELP_ID = 'help';

/** A view in a shadow of the frame, where it may put its sheets. */
function viewIn(frame: HTMLElement, label: string, doc: string, extensions: readonly Extension[]): EditorView {
  const root = frame.shadowRoot ?? frame.attachShadow({ mode: 'open' });
  const parent = document.createElement('div');
  parent.style.height = '100%';
  root.replaceChildren(parent);
  const named = EditorView.contentAttributes.of({ 'aria-label': label });
  return new EditorView({ parent, root, state: EditorState.create({ doc, extensions: [BASE, named, extensions] }) });
}

/** Names of another tree are not seen from a shadow, so it says for itself how to leave it. */
function describe(frame: HTMLElement, help: string): void {
  const said = document.createElement('p');
  said.id = HELP_ID;
  said.hidden = true;
  said.textContent = help;
  frame.shadowRoot?.append(said);
}

export function Editor({ label, help, text, onChange, problems, target }: EditorProps) {
  const frame = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(onChange);
  latest.current = onChange;
  const first = useRef(text);
  useEffect(() => {
    if (frame.current === null) return undefined;
    const made = viewIn(frame.current, label, first.current, [
      history(),
      drawSelection(),
      highlightActiveLine(),
      highlightSelectionMatches(),
      search({ top: true }),
      lintGutter(),
      EditorView.contentAttributes.of({ 'aria-describedby': HELP_ID }),
      keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, indentWithTab]),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) latest.current(update.state.doc.toString());
      }),
    ]);
    describe(frame.current, help);
    view.current = made;
    return () => {
      made.destroy();
      view.current = null;
    };
  }, [label, help]);
  useEffect(() => {
    const { current } = view;
    if (current === null || current.state.doc.toString() === text) return;
    current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: text } });
  }, [text]);
  useEffect(() => {
    const { current } = view;
    if (current === null) return;
    current.dispatch(
      setDiagnostics(
        current.state,
        problems.flatMap((problem) => diagnosticOf(current.state, problem)),
      ),
    );
  }, [problems]);
  useEffect(() => {
    const { current } = view;
    if (current === null || target === null) return;
    const { from } = current.state.doc.line(Math.min(Math.max(1, target.line), current.state.doc.lines));
    current.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: 'center' }) });
    current.focus();
  }, [target]);
  return <div ref={frame} className="settings-editor" />;
}

function diagnosticOf({ doc }: EditorState, { line, column, severity, message }: Problem): Diagnostic[] {
  if (line === null || line > doc.lines) return [];
  const { from, to } = doc.line(line);
  const start = Math.min(to, from + Math.max(0, (column ?? 1) - 1));
  return [{ from: start, to: Math.max(start, to), severity, message }];
}

interface DiffProps {
  readonly label: string;
  readonly before: string;
  readonly after: string;
}

/** What is taken out and put in, line by line. */
export function Diff({ label, before, after }: DiffProps) {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (frame.current === null) return undefined;
    const made = viewIn(frame.current, label, after, [
      EditorState.readOnly.of(true),
      unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 } }),
    ]);
    return () => made.destroy();
  }, [label, before, after]);
  return <div ref={frame} className="settings-editor settings-diff" />;
}
