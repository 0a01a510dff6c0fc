import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import ButtonDropdown from '@cloudscape-design/components/button-dropdown'
import CollectionPreferences, {
  type CollectionPreferencesProps,
} from '@cloudscape-design/components/collection-preferences'
import Header from '@cloudscape-design/components/header'
import Pagination from '@cloudscape-design/components/pagination'
import PropertyFilter from '@cloudscape-design/components/property-filter'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table, { type TableProps } from '@cloudscape-design/components/table'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { ListedKey } from '../../api/operations.ts'
import { base, ScreenLink, useFollow } from '../../app/follow.tsx'
import { type Catalogue, type Formats, useFormats, useText } from '../../i18n/index.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { useRemembered } from '../../parts/remembered.ts'
import { useBulkActions } from './bulk-actions.tsx'
import { filterOptions, filterProperties, type KeySearch, keySearchFrom, queryFrom, searchFrom } from './key-filter.ts'
import { KeyStateIndicator, Moment, nameOf } from './key-words.tsx'
import { useKeyPages } from './use-key-pages.ts'

type Preferences = { readonly pageSize: number; readonly columns: readonly string[] }
const firstPreferences: Preferences = {
  pageSize: 50,
  columns: ['name', 'description', 'state', 'spec', 'usage', 'origin', 'protection', 'lastUsed', 'created'],
}

export function KeyList() {
  const text = useText()
  const formats = useFormats()
  const follow = useFollow()
  const navigate = useNavigate()
  const search = keySearchFrom(useSearch({ strict: false }))
  const filtered = Object.keys(search).length > 0
  const [preferences, setPreferences] = useRemembered('keyward.keys', firstPreferences)
  const [order, setOrder] = useState<'oldest' | 'newest'>('newest')
  const [selection, setSelected] = useState<readonly ListedKey[]>([])
  const pages = useKeyPages(search, preferences.pageSize, order)
  const keys = pages.page?.keys ?? []
  // Rows that stand in for those under way are to be read only: what is changed at once is what the filter finds.
  const standIn = pages.isPlaceholderData
  const selected = standIn ? [] : keys.filter(({ keyId }) => selection.some((key) => key.keyId === keyId))
  const bulk = useBulkActions(selected, () => setSelected([]))
  const filterBy = (wanted: KeySearch) => {
    setSelected([])
    void navigate({ to: '/keys', search: wanted as never, replace: true })
  }

  return (
    <SpaceBetween size="m">
      <Table
        variant="full-page"
        stickyHeader
        items={keys}
        trackBy="keyId"
        columnDefinitions={columns(text, formats, pages.page?.showsUse ?? true)}
        columnDisplay={columnIds.map((id) => ({ id, visible: id === 'name' || preferences.columns.includes(id) }))}
        resizableColumns
        stickyColumns={{ first: 0 }}
        wrapLines={false}
        selectionType="multi"
        selectedItems={selected}
        isItemDisabled={() => standIn}
        onSelectionChange={({ detail }) => setSelected(detail.selectedItems)}
        sortingColumn={{ sortingField: 'createdAt' }}
        sortingDescending={order === 'newest'}
        onSortingChange={({ detail }) => setOrder(detail.isDescending ? 'newest' : 'oldest')}
        loading={pages.isPending}
        loadingText={text.app.loading}
        ariaLabels={{
          tableLabel: text.keys.table,
          selectionGroupLabel: text.keys.table,
          allItemsSelectionLabel: () => text.keys.selectAll,
          itemSelectionLabel: (_, key) => text.keys.select(nameOf(key)),
        }}
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={pages.page === undefined ? '' : text.keys.counter(formats.number(pages.page.total))}
            description={
              filtered && pages.page !== undefined
                ? text.keys.searched(
                    formats.number(pages.isFetching ? pages.lookedAt : pages.page.lookedAt),
                    formats.number(pages.page.total),
                  )
                : undefined
            }
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button
                  iconName="refresh"
                  ariaLabel={text.app.refresh}
                  loading={pages.isFetching && !pages.isPending}
                  onClick={() => void pages.refetch()}
                />
                <ButtonDropdown items={bulk.items} onItemClick={({ detail }) => bulk.start(detail.id)}>
                  {selected.length === 0 ? text.app.actions : text.keys.selected(formats.number(selected.length))}
                </ButtonDropdown>
                <GuardedButton right="kms:CreateKey" variant="primary" href={`${base}/keys/new`} onFollow={follow}>
                  {text.keys.create}
                </GuardedButton>
              </SpaceBetween>
            }
          >
            {text.keys.title}
          </Header>
        }
        filter={
          <PropertyFilter
            query={queryFrom(text, search)}
            onChange={({ detail }) => filterBy(searchFrom(detail))}
            filteringProperties={filterProperties(text)}
            filteringOptions={filterOptions(text)}
            filteringPlaceholder={text.keys.find}
            filteringAriaLabel={text.keys.find}
            hideOperations
            expandToViewport
          />
        }
        pagination={
          <Pagination
            currentPageIndex={pages.pageNumber}
            pagesCount={pages.pagesKnown}
            openEnd={pages.mayBeMore}
            onChange={({ detail }) => {
              setSelected([])
              pages.open(detail.currentPageIndex)
            }}
          />
        }
        preferences={
          <CollectionPreferences
            title={text.keys.preferences}
            confirmLabel={text.app.confirm}
            cancelLabel={text.app.cancel}
            preferences={{ pageSize: preferences.pageSize, visibleContent: preferences.columns }}
            pageSizePreference={{
              title: text.keys.pageSize,
              options: [20, 50, 100, 200].map((value) => ({ value, label: formats.number(value) })),
            }}
            visibleContentPreference={visibleContent(text)}
            onConfirm={({ detail }) =>
              setPreferences({
                pageSize: detail.pageSize ?? firstPreferences.pageSize,
                columns: detail.visibleContent ?? firstPreferences.columns,
              })
            }
          />
        }
        empty={
          pages.error !== null ? (
            <ProblemAlert error={pages.error} retry={() => void pages.refetch()} />
          ) : filtered ? (
            <Box textAlign="center" padding="l">
              <SpaceBetween size="s">
                <b>{text.keys.noMatch}</b>
                <Button onClick={() => filterBy({})}>{text.keys.clearFilter}</Button>
              </SpaceBetween>
            </Box>
          ) : (
            <Box textAlign="center" padding="l">
              <SpaceBetween size="s">
                <b>{text.keys.empty}</b>
                <Box color="text-body-secondary">{text.keys.emptyHint}</Box>
                <GuardedButton right="kms:CreateKey" href={`${base}/keys/new`} onFollow={follow}>
                  {text.keys.create}
                </GuardedButton>
              </SpaceBetween>
            </Box>
          )
        }
      />
      {bulk.dialog}
    </SpaceBetween>
  )
}

const columnIds = [
  'name',
  'keyId',
  'description',
  'state',
  'spec',
  'usage',
  'origin',
  'protection',
  'lastUsed',
  'created',
  'expires',
  'rotation',
  'tags',
] as const

function columns(text: Catalogue, formats: Formats, showsUse: boolean): TableProps.ColumnDefinition<ListedKey>[] {
  const cells: Readonly<
    Record<(typeof columnIds)[number], Omit<TableProps.ColumnDefinition<ListedKey>, 'id' | 'header'>>
  > = {
    name: { cell: (key) => <KeyName ofKey={key} />, isRowHeader: true, minWidth: 180, width: 260 },
    keyId: { cell: ({ keyId }) => keyId, width: 330 },
    description: { cell: ({ description }) => description || '–', width: 220 },
    state: { cell: ({ keyState }) => <KeyStateIndicator state={keyState} />, width: 190 },
    spec: { cell: ({ keySpec }) => keySpec, width: 150 },
    usage: { cell: ({ keyUsage }) => text.keys.usages[keyUsage], width: 200 },
    origin: { cell: ({ origin }) => text.keys.origins[origin], width: 130 },
    protection: { cell: ({ protectionLevel }) => text.keys.protections[protectionLevel], width: 150 },
    lastUsed: { cell: ({ lastUse }) => (showsUse ? <Moment at={lastUse?.at} /> : text.keys.hidden), width: 150 },
    created: {
      cell: ({ createdAt }) => <time dateTime={createdAt}>{formats.time(createdAt)}</time>,
      sortingField: 'createdAt',
      width: 200,
    },
    expires: {
      cell: ({ materialExpiresAt }) => (materialExpiresAt === undefined ? '–' : formats.time(materialExpiresAt)),
      width: 200,
    },
    rotation: {
      cell: ({ rotation }) => (rotation?.nextRotationAt === undefined ? '–' : formats.date(rotation.nextRotationAt)),
      width: 150,
    },
    tags: {
      cell: ({ tags }) =>
        Object.entries(tags)
          .map(([name, value]) => `${name}=${value}`)
          .join(', ') || '–',
      width: 240,
    },
  }
  return columnIds.map((id) => ({ id, header: text.keys.columns[id], ...cells[id] }))
}

function visibleContent(text: Catalogue): CollectionPreferencesProps.VisibleContentPreference {
  return {
    title: text.keys.preferences,
    options: [
      {
        label: text.keys.one,
        options: columnIds.map((id) => ({ id, label: text.keys.columns[id], editable: id !== 'name' })),
      },
    ],
  }
}

function KeyName({ ofKey: key }: { readonly ofKey: ListedKey }) {
  const text = useText()
  const more = (key.aliases?.length ?? 0) - 1
  return (
    <>
      <ScreenLink to={`/keys/${key.keyId}`}>{nameOf(key)}</ScreenLink>
      {more > 0 && ` ${text.keys.moreAliases(more)}`}
    </>
  )
}
