import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { type KeyMetadata, listAuditRecords } from '../../../api/operations.ts'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { More } from '../../../parts/more.tsx'
import { usePages } from '../../../parts/pages.ts'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { shortPrincipal } from '../uses-table.tsx'

export function AuditTab({ ofKey: { keyId } }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.audit
  const pages = usePages(listAuditRecords, { keyId, limit: 50 })
  const { data, error, isPending, isFetching, refetch } = pages
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  return (
    <SpaceBetween size="m">
      <Table
        loading={isPending}
        loadingText={text.app.loading}
        items={data?.pages.flatMap(({ records }) => records) ?? []}
        ariaLabels={{ tableLabel: words.title }}
        header={
          <Header
            description={words.hint}
            actions={
              <Button
                iconName="refresh"
                ariaLabel={text.app.refresh}
                loading={isFetching && !isPending}
                onClick={() => void refetch()}
              />
            }
          >
            {words.title}
          </Header>
        }
        empty={<Box color="text-body-secondary">{words.none}</Box>}
        columnDefinitions={[
          {
            id: 'time',
            header: words.time,
            minWidth: 200,
            cell: ({ time }) => <time dateTime={time}>{formats.time(time)}</time>,
          },
          { id: 'operation', header: words.operation, isRowHeader: true, cell: ({ operation }) => operation },
          {
            id: 'principal',
            header: words.principal,
            cell: ({ principal }) => (principal === undefined ? '–' : shortPrincipal(principal)),
          },
          {
            id: 'outcome',
            header: words.outcome,
            cell: ({ outcome }) => (
              <StatusIndicator type={outcome === 'ok' ? 'success' : 'error'}>
                {outcome === 'ok' ? words.ok : outcome}
              </StatusIndicator>
            ),
          },
          { id: 'face', header: words.face, cell: ({ protocol }) => protocol },
          { id: 'source', header: words.source, cell: ({ sourceAddress }) => sourceAddress ?? '–' },
        ]}
      />
      <More of={pages} />
    </SpaceBetween>
  )
}
