/**
 * An editor for policy documents: CodeMirror in a shadow root, where it brings its styles as adopted sheets, which the
 * content security policy lets pass. What it says is wrong comes from the server, which reads the document as it would when
 * it is put.
 */
import { autocompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { json } from '@codemirror/lang-json'
import {
  bracketMatching,
  ensureSyntaxTree,
  HighlightStyle,
  indentOnInput,
  syntaxHighlighting,
} from '@codemirror/language'
import { type Diagnostic, linter, lintGutter, lintKeymap } from '@codemirror/lint'
import { Compartment, EditorState } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { placeOf } from './place-of.ts'

export type PolicyFinding = {
  readonly valid: boolean
  readonly message?: string | undefined
  readonly mend?: string | undefined
  /** `Statement.0.Action.1`. */
  readonly member?: string | undefined
}

export type EditorOptions = {
  readonly host: HTMLElement
  readonly document: string
  readonly label: string
  readonly readOnly: boolean
  /** Names of operations, offered where an action is typed. */
  readonly actions: () => readonly string[]
  readonly onChange: (document: string) => void
  /** Asked once the typing pauses. */
  readonly check: (document: string) => Promise<PolicyFinding>
}

export type Editor = {
  /** Replaces the whole document, unless it is what stands there. */
  set(document: string): void
  setReadOnly(readOnly: boolean): void
  destroy(): void
}

const pauseMs = 500

/** Both themes in one: the page says by `color-scheme` which of the two colours counts. All are at least 4.5 to 1. */
const look = EditorView.theme({
  '&': {
    fontSize: '14px',
    color: 'light-dark(#0f141a, #ebebf0)',
    backgroundColor: 'light-dark(#ffffff, #0f141a)',
    border: '1px solid light-dark(#8c8c94, #656871)',
    borderRadius: '8px',
  },
  '&.cm-focused': { outline: '2px solid light-dark(#006ce0, #42b4ff)' },
  '.cm-content': { fontFamily: "Monaco, Menlo, Consolas, 'Courier Prime', Courier, monospace", minHeight: '12em' },
  '.cm-scroller': { maxHeight: '32em', overflow: 'auto', borderRadius: '8px' },
  '.cm-cursor': { borderLeftColor: 'light-dark(#0f141a, #ebebf0)' },
  '.cm-gutters': {
    color: 'light-dark(#656871, #a4a4ad)',
    backgroundColor: 'light-dark(#f6f6f9, #161d26)',
    border: 'none',
  },
  '.cm-activeLine': { backgroundColor: 'light-dark(#f0fbff80, #001b3340)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'light-dark(#b8d7ff, #00316b)',
  },
  '.cm-tooltip': {
    color: 'light-dark(#0f141a, #ebebf0)',
    backgroundColor: 'light-dark(#ffffff, #1b232d)',
    border: '1px solid light-dark(#8c8c94, #656871)',
  },
  // CodeMirror's own marks are data: images, which the content security policy refuses.
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy light-dark(#db0000, #ff7a7a)',
    textDecorationSkipInk: 'none',
  },
  '.cm-lint-marker-error': {
    content: 'normal',
    backgroundColor: 'light-dark(#db0000, #ff7a7a)',
    borderRadius: '50%',
    width: '0.8em',
    height: '0.8em',
  },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    color: 'light-dark(#ffffff, #0f141a)',
    backgroundColor: 'light-dark(#006ce0, #42b4ff)',
  },
})
const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: 'light-dark(#0033a0, #75cfff)' },
  { tag: tags.string, color: 'light-dark(#00602b, #7ce0a5)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'light-dark(#962249, #ffb0c8)' },
])

export function openEditor(options: EditorOptions): Editor {
  const root = options.host.shadowRoot ?? options.host.attachShadow({ mode: 'open' })
  const editable = new Compartment()
  const readOnly = (is: boolean) => [EditorState.readOnly.of(is), EditorView.editable.of(true)]
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.document,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        highlightActiveLine(),
        json(),
        syntaxHighlighting(colours),
        lintGutter(),
        linter(async (within) => findings(within, await options.check(within.state.doc.toString())), {
          delay: pauseMs,
        }),
        autocompletion({ override: [(context) => completions(context, options.actions())] }),
        // Tab goes on to the next field: nobody is caught in the editor.
        keymap.of([...defaultKeymap, ...historyKeymap, ...lintKeymap]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: 'false' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onChange(update.state.doc.toString())
        }),
        editable.of(readOnly(options.readOnly)),
        look,
      ],
    }),
  })
  // What scrolls is reached by keyboard.
  view.scrollDOM.tabIndex = 0
  return {
    set(document) {
      const length = view.state.doc.length
      if (view.state.doc.toString() !== document) view.dispatch({ changes: { from: 0, to: length, insert: document } })
    },
    setReadOnly: (is) => view.dispatch({ effects: editable.reconfigure(readOnly(is)) }),
    destroy: () => view.destroy(),
  }
}

function findings(view: EditorView, finding: PolicyFinding): Diagnostic[] {
  if (finding.valid) return []
  const tree = ensureSyntaxTree(view.state, view.state.doc.length, 1000)
  const place =
    tree === null ? undefined : placeOf(tree, (from, to) => view.state.sliceDoc(from, to), finding.member ?? '')
  const { from, to } = place ?? { from: 0, to: Math.min(1, view.state.doc.length) }
  return [{ from, to, severity: 'error', message: [finding.message, finding.mend].filter(Boolean).join(' ') }]
}

const members = [
  'Version',
  'Id',
  'Statement',
  'Sid',
  'Effect',
  'Principal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
]
const others = ['2012-10-17', 'Allow', 'Deny', 'kms:*', '*']
const conditionKeys = [
  'aws:SourceIp',
  'aws:CurrentTime',
  'aws:SecureTransport',
  'aws:PrincipalArn',
  'aws:username',
  'kms:EncryptionContext:',
  'kms:EncryptionContextKeys',
  'kms:RequestAlias',
  'kms:ResourceAliases',
  'kms:KeySpec',
  'kms:KeyUsage',
  'kms:KeyOrigin',
]

/** Inside a string: the words of the language, and the actions of this service. */
function completions(context: CompletionContext, actions: readonly string[]): CompletionResult | null {
  const typed = context.matchBefore(/"[^"]*/)
  if (typed === null) return null
  const offered = [...members, ...others, ...conditionKeys, ...actions.map((action) => `kms:${action}`)]
  return { from: typed.from + 1, options: offered.map((label) => ({ label })), validFor: /^[\w:*-]*$/ }
}
