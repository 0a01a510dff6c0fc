/** Names and values that must be the same again at decryption. Not secret: they stand in the audit log. */
import AttributeEditor from '@cloudscape-design/components/attribute-editor'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import type { ReactNode } from 'react'
import { useText } from '../i18n/index.tsx'

export type ContextPair = { readonly name: string; readonly value: string }

export function contextOf(pairs: readonly ContextPair[]): Record<string, string> {
  return Object.fromEntries(pairs.filter(({ name }) => name !== '').map(({ name, value }) => [name, value]))
}

/** Of a context as JSON; what is none has no pairs. */
export function pairsOf(json: string | undefined): readonly ContextPair[] {
  try {
    return Object.entries(JSON.parse(json ?? '{}') as Record<string, unknown>).map(([name, value]) => ({
      name,
      value: String(value),
    }))
  } catch {
    return []
  }
}

export function EncryptionContext({
  label,
  description,
  pairs,
  onChange,
}: {
  readonly label: string
  readonly description?: ReactNode
  readonly pairs: readonly ContextPair[]
  readonly onChange: (pairs: readonly ContextPair[]) => void
}) {
  const text = useText()
  const change = (index: number, part: Partial<ContextPair>) =>
    onChange(pairs.map((pair, at) => (at === index ? { ...pair, ...part } : pair)))
  return (
    <FormField label={label} description={description} stretch>
      <AttributeEditor
        items={pairs}
        addButtonText={text.access.addContext}
        removeButtonText={text.access.removeContext}
        empty={text.access.noContext}
        onAddButtonClick={() => onChange([...pairs, { name: '', value: '' }])}
        onRemoveButtonClick={({ detail }) => onChange(pairs.filter((_, at) => at !== detail.itemIndex))}
        definition={[
          {
            label: text.access.contextName,
            control: ({ name }, index) => (
              <Input value={name} onChange={({ detail }) => change(index, { name: detail.value })} />
            ),
          },
          {
            label: text.access.contextValue,
            control: ({ value }, index) => (
              <Input value={value} onChange={({ detail }) => change(index, { value: detail.value })} />
            ),
          },
        ]}
      />
    </FormField>
  )
}
