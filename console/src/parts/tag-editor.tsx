/** Tags, as rows of a name and a value. */
import AttributeEditor from '@cloudscape-design/components/attribute-editor'
import Input from '@cloudscape-design/components/input'
import { useText } from '../i18n/index.tsx'

export type TagRow = { readonly name: string; readonly value: string }

export function tagRowsOf(tags: Readonly<Record<string, string>>): readonly TagRow[] {
  return Object.entries(tags).map(([name, value]) => ({ name, value }))
}

/** Rows without a name are none. */
export function tagsOf(rows: readonly TagRow[]): Record<string, string> {
  return Object.fromEntries(rows.filter(({ name }) => name !== '').map(({ name, value }) => [name, value]))
}

const mostTags = 50

export function TagEditor({
  rows,
  onChange,
}: {
  readonly rows: readonly TagRow[]
  readonly onChange: (rows: readonly TagRow[]) => void
}) {
  const text = useText()
  const change = (at: number, part: Partial<TagRow>) =>
    onChange(rows.map((row, index) => (index === at ? { ...row, ...part } : row)))
  const twice = (name: string) => name !== '' && rows.filter((row) => row.name === name).length > 1
  return (
    <AttributeEditor
      items={rows}
      addButtonText={text.app.tags.add}
      removeButtonText={text.app.remove}
      removeButtonAriaLabel={(row) => `${text.app.remove} ${row.name}`}
      empty={text.app.tags.none}
      disableAddButton={rows.length >= mostTags}
      onAddButtonClick={() => onChange([...rows, { name: '', value: '' }])}
      onRemoveButtonClick={({ detail }) => onChange(rows.filter((_, index) => index !== detail.itemIndex))}
      definition={[
        {
          label: text.app.tags.name,
          control: (row, index) => (
            <Input
              value={row.name}
              ariaLabel={text.app.tags.name}
              invalid={twice(row.name)}
              onChange={({ detail }) => change(index, { name: detail.value.slice(0, 128) })}
            />
          ),
          errorText: (row) => (twice(row.name) ? text.app.tags.twice : undefined),
        },
        {
          label: text.app.tags.value,
          control: (row, index) => (
            <Input
              value={row.value}
              ariaLabel={text.app.tags.value}
              onChange={({ detail }) => change(index, { value: detail.value.slice(0, 256) })}
            />
          ),
        },
      ]}
    />
  )
}
