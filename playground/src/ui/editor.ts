// The SQL editor: CodeMirror with SQLite's dialect, completion from the schema, and marks where SQLite
// found an error.

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { SQLite, sql } from "@codemirror/lang-sql";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  syntaxHighlighting,
} from "@codemirror/language";
import { type Diagnostic, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
  placeholder,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { endOfToken } from "../sql/offsets.ts";
import type { TableInfo } from "../sql/schema.ts";

/** What the editor tells. */
export interface EditorEvents {
  onChange(text: string): void;
  onRun(): void;
  onCancel(): void;
}

/** What is to be run: the selection where there is one, else everything. */
export interface EditorText {
  readonly text: string;
  /** Where it begins in the document. */
  readonly offset: number;
}

const highlighting = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: "var(--accent)", fontWeight: "600" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--series-4)" },
  { tag: tags.string, color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--series-2)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
]);

const look = EditorView.theme({
  "&": {
    height: "100%",
    fontSize: "0.875rem",
    color: "var(--text)",
    backgroundColor: "var(--surface)",
  },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)", borderLeftWidth: "2px" },
  ".cm-gutters": {
    backgroundColor: "var(--surface)",
    color: "var(--muted)",
    borderRight: "1px solid var(--line)",
  },
  ".cm-activeLine": { backgroundColor: "color-mix(in oklab, var(--accent) 6%, transparent)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground":
    {
      backgroundColor: "color-mix(in oklab, var(--accent) 28%, transparent)",
    },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-tooltip": {
    backgroundColor: "var(--surface)",
    color: "var(--text)",
    border: "1px solid var(--line)",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--on-accent)",
  },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--text)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
});

/** The editor in `parent`. */
export class SqlEditor {
  readonly #view: EditorView;
  readonly #language = new Compartment();

  constructor(parent: HTMLElement, text: string, events: EditorEvents) {
    // Nothing is completed any more: the list, which may be on its way, would lie over the results.
    const run = (view: EditorView) => {
      closeCompletion(view);
      return done(events.onRun);
    };
    const commands = Prec.highest(
      keymap.of([
        { key: "Mod-Enter", run },
        { key: "Ctrl-Enter", run },
        { key: "Mod-.", run: () => done(events.onCancel) },
      ]),
    );
    this.#view = new EditorView({
      parent,
      state: EditorState.create({
        doc: text,
        extensions: [
          commands,
          lineNumbers(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ icons: false }),
          highlightActiveLine(),
          highlightSelectionMatches(),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({
            "aria-label": "SQL",
            spellcheck: "false",
            tabindex: "0",
          }),
          placeholder("SELECT …"),
          syntaxHighlighting(highlighting),
          look,
          this.#language.of(sql({ dialect: SQLite, upperCaseKeywords: true })),
          // Tab moves on to the next control, as everywhere else on the page.
          keymap.of([
            ...closeBracketsKeymap,
            ...completionKeymap,
            ...defaultKeymap,
            ...historyKeymap,
            ...searchKeymap,
            ...lintKeymap,
          ]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) events.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  /** The text as a whole. */
  set text(text: string) {
    const { length } = this.#view.state.doc;
    this.#view.dispatch({ changes: { from: 0, to: length, insert: text } });
    this.clearError();
  }

  get toRun(): EditorText {
    const { main } = this.#view.state.selection;
    if (main.empty) return { text: this.text, offset: 0 };
    return { text: this.#view.state.sliceDoc(main.from, main.to), offset: main.from };
  }

  /** Puts text where the cursor is. */
  insert(text: string): void {
    this.#view.dispatch(this.#view.state.replaceSelection(text));
    this.#view.focus();
  }

  focus(): void {
    this.#view.focus();
  }

  completeFrom(tables: readonly TableInfo[]): void {
    const schema = Object.fromEntries(
      tables.map(({ name, columns }) => [name, columns.map((column) => column.name)]),
    );
    const language = sql({ dialect: SQLite, upperCaseKeywords: true, schema });
    this.#view.dispatch({ effects: this.#language.reconfigure(language) });
  }

  /** Marks the token at `index`, and brings it into view. */
  markError(index: number, message: string): void {
    const { text } = this;
    const from = Math.min(index, text.length);
    const to = endOfToken(text, from);
    const mark: Diagnostic = { from, to: Math.max(to, from), severity: "error", message };
    this.#view.dispatch(setDiagnostics(this.#view.state, [mark]));
    this.#view.dispatch({ effects: EditorView.scrollIntoView(from, { y: "center" }) });
  }

  clearError(): void {
    this.#view.dispatch(setDiagnostics(this.#view.state, []));
  }

  destroy(): void {
    this.#view.destroy();
  }
}

function done(action: () => void): true {
  action();
  return true;
}
