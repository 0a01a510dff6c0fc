import Badge from '@cloudscape-design/components/badge'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useInfiniteQuery } from '@tanstack/react-query'
import { specs } from '../../../../../src/domain/specs.ts'
import { call } from '../../../api/client.ts'
import { type KeyMetadata, listKeyVersions } from '../../../api/operations.ts'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { Copyable, Moment } from '../key-words.tsx'

export function VersionsTab({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.versions
  const { keyId } = key
  const asymmetric = specs[key.keySpec].family === 'asymmetric'
  const { data, error, isPending, fetchNextPage, hasNextPage, isFetchingNextPage, refetch } = useInfiniteQuery({
    queryKey: ['keys', keyId, 'versions'],
    queryFn: ({ pageParam }) => call(listKeyVersions, { keyId, order: 'newest', limit: 50, marker: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextMarker }) => nextMarker,
  })
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
      {hasNextPage && (
        <Button loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {text.app.more}
        </Button>
      )}
    </SpaceBetween>
  )
}
