import Badge from '@cloudscape-design/components/badge'
import Box from '@cloudscape-design/components/box'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { specs } from '../../../../../src/domain/specs.ts'
import { type KeyMetadata, listKeyVersions } from '../../../api/operations.ts'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { More } from '../../../parts/more.tsx'
import { usePages } from '../../../parts/pages.ts'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { Copyable, Moment } from '../key-words.tsx'

export function VersionsTab({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.versions
  const { keyId } = key
  const asymmetric = specs[key.keySpec].family === 'asymmetric'
  const pages = usePages(listKeyVersions, { keyId, order: 'newest', limit: 50 })
  const { data, error, isPending, refetch } = pages
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  return (
    <SpaceBetween size="m">
      <Table
        loading={isPending}
        loadingText={text.app.loading}
        items={data?.pages.flatMap(({ versions }) => versions) ?? []}
        trackBy="keyVersionId"
        ariaLabels={{ tableLabel: words.title }}
        header={
          <Header
            counter={text.keys.counter(formats.number(key.versionCount))}
            description={asymmetric ? words.hintAsymmetric : words.hint}
          >
            {words.title}
          </Header>
        }
        empty={<Box color="text-body-secondary">{words.none}</Box>}
        columnDefinitions={[
          { id: 'number', header: words.number, cell: ({ number }) => formats.number(number), width: 110 },
          {
            id: 'id',
            header: words.id,
            isRowHeader: true,
            minWidth: 360,
            cell: ({ keyVersionId }) => <Copyable value={keyVersionId} />,
          },
          {
            id: 'primary',
            header: words.role,
            minWidth: 130,
            cell: (version) =>
              version.primary ? <Badge color="green">{words.primary}</Badge> : asymmetric ? '–' : words.decryptsOnly,
          },
          {
            id: 'created',
            header: text.keys.columns.created,
            minWidth: 180,
            cell: (version) => formats.time(version.createdAt),
          },
          {
            id: 'decrypted',
            header: words.lastDecrypted,
            minWidth: 150,
            cell: (version) => <Moment at={version.lastDecryptedAt} />,
          },
        ]}
      />
      <More of={pages} />
    </SpaceBetween>
  )
}
