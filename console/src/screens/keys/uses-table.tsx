/** Who used a key for what: the lines of GetKeyUsage. */
import Box from '@cloudscape-design/components/box'
import Table from '@cloudscape-design/components/table'
import type { Answered } from '../../api/client.ts'
import type { getKeyUsage } from '../../api/operations.ts'
import { useFormats, useText } from '../../i18n/index.tsx'
import { Moment } from './key-words.tsx'

export function UsesTable({
  uses,
  empty,
}: {
  readonly uses: Answered<typeof getKeyUsage>['uses']
  readonly empty: string
}) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.usage
  return (
    <Table
      variant="embedded"
      items={uses}
      wrapLines
      ariaLabels={{ tableLabel: words.title }}
      empty={<Box color="text-body-secondary">{empty}</Box>}
      columnDefinitions={[
        { id: 'principal', header: words.principal, isRowHeader: true, cell: (use) => shortPrincipal(use.principal) },
        { id: 'operation', header: words.operation, cell: (use) => use.operation },
        { id: 'alias', header: words.alias, cell: (use) => use.alias ?? '–' },
        { id: 'count', header: words.count, cell: (use) => formats.number(use.count) },
        {
          id: 'refused',
          header: words.refused,
          cell: (use) => (use.refused === 0 ? '–' : <Box color="text-status-error">{formats.number(use.refused)}</Box>),
        },
        { id: 'last', header: words.last, cell: (use) => <Moment at={use.lastAt} /> },
      ]}
    />
  )
}

/** `arn:aws:iam::000000000000:user/alice` is `user/alice` to those of the same account. */
export function shortPrincipal(arn: string): string {
  return arn.split(':').at(-1) ?? arn
}
