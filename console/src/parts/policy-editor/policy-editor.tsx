import { useEffect, useRef } from 'react'
import { call } from '../../api/client.ts'
import { useOperationNames } from '../../api/operation-names.ts'
import { explainPolicy } from '../../api/operations.ts'
import { type Editor, openEditor, type PolicyFinding } from './editor.ts'

export type PolicyEditorProps = {
  readonly label: string
  readonly document: string
  /** `key`: a key policy, which names principals. */
  readonly kind: 'identity' | 'key'
  readonly readOnly: boolean
  readonly onChange: (document: string) => void
  /** What the server says of the document as it stands; undefined where it cannot be asked. */
  readonly onFinding: (finding: PolicyFinding | undefined) => void
}

export function PolicyEditor(props: PolicyEditorProps) {
  const host = useRef<HTMLDivElement>(null)
  const editor = useRef<Editor>(undefined)
  const actions = useOperationNames()
  const latest = useRef({ props, actions })
  latest.current = { props, actions }

  // biome-ignore lint/correctness/useExhaustiveDependencies: opened once; what changes later is handed on below
  useEffect(() => {
    const { label, document, readOnly } = props
    editor.current = openEditor({
      host: host.current as HTMLDivElement,
      label,
      document,
      readOnly,
      actions: () => latest.current.actions,
      onChange: (text) => latest.current.props.onChange(text),
      check: async (text) => {
        const { kind, onFinding } = latest.current.props
        const finding = await call(explainPolicy, { document: text, kind }).catch(() => undefined)
        onFinding(finding)
        return finding ?? { valid: true }
      },
    })
    return () => editor.current?.destroy()
  }, [])
  useEffect(() => editor.current?.set(props.document), [props.document])
  useEffect(() => editor.current?.setReadOnly(props.readOnly), [props.readOnly])

  return <div ref={host} />
}
