import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import DateRangePicker from '@cloudscape-design/components/date-range-picker'
import Header from '@cloudscape-design/components/header'
import PropertyFilter from '@cloudscape-design/components/property-filter'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { useInfiniteQuery, useMutation } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { call } from '../../api/client.ts'
import { useOperationNames } from '../../api/operation-names.ts'
import { getAuditCheckpoint, listAuditRecords } from '../../api/operations.ts'
import { ScreenLink } from '../../app/follow.tsx'
import { useNotifications } from '../../app/notifications.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { More } from '../../parts/more.tsx'
import { allPages } from '../../parts/pages.ts'
import { PrincipalName } from '../../parts/principal-name.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { saveFile } from '../../parts/save-file.ts'
import {
  type AuditSearch,
  auditSearchFrom,
  filterOfCall,
  filterOptions,
  filterProperties,
  periodFrom,
  queryFrom,
  relativeHours,
  searchFrom,
  withPeriod,
} from './audit-filter.ts'
import type { AuditRecord } from './calls.ts'
import { Integrity } from './integrity.tsx'

const pageSize = 50
/** One call looks at 50,000 records at the most; a filter that few meet is asked on so many times by itself. */
const mostCalls = 10
/** An export is 1,000 records a call. */
const mostExportCalls = 100

export function AuditList() {
  const text = useText()
  const formats = useFormats()
  const navigate = useNavigate()
  const search = auditSearchFrom(useSearch({ strict: false }))
  const operations = useOperationNames()
  const records = useRecords(search)
  const shown = records.data?.pages.flatMap((page) => page.records) ?? []
  const lookFor = (wanted: AuditSearch) =>
    void navigate({ to: '/audit/records', search: wanted as never, replace: true })
  const filtered = Object.keys(search).length > 0
  // Of several logs the marker tells a place in each: too much to tell.
  const searchedTo = /^\d+$/.exec(records.data?.pages.at(-1)?.nextMarker ?? '')?.[0]

  return (
    <SpaceBetween size="l">
      <Integrity />
      <Table
        variant="full-page"
        items={shown}
        trackBy="index"
        resizableColumns
        loading={records.isPending}
        loadingText={text.app.loading}
        ariaLabels={{ tableLabel: text.audit.title }}
        header={
          <Header
            variant="awsui-h1-sticky"
            description={text.audit.description}
            counter={shown.length === 0 ? '' : text.audit.counter(formats.number(shown.length))}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button
                  iconName="refresh"
                  ariaLabel={text.app.refresh}
                  loading={records.isFetching && !records.isPending}
                  onClick={() => void records.refetch()}
                />
                <Export of={search} />
              </SpaceBetween>
            }
          >
            {text.audit.title}
          </Header>
        }
        filter={
          <SpaceBetween size="xs">
            <PropertyFilter
              query={queryFrom(search)}
              onChange={({ detail }) => lookFor(searchFrom(detail, search))}
              filteringProperties={filterProperties(text)}
              filteringOptions={filterOptions(text, operations)}
              filteringPlaceholder={text.audit.find}
              filteringAriaLabel={text.audit.find}
              hideOperations
              expandToViewport
            />
            <Period of={search} choose={lookFor} />
          </SpaceBetween>
        }
        columnDefinitions={[
          {
            id: 'time',
            header: text.audit.columns.time,
            cell: ({ time, index }) => (
              <ScreenLink to={`/audit/records/${index}`}>
                <time dateTime={time} title={formats.exactly(time)}>
                  {formats.second(time)}
                </time>
              </ScreenLink>
            ),
            isRowHeader: true,
            width: 200,
          },
          { id: 'operation', header: text.audit.columns.operation, cell: ({ operation }) => operation, width: 200 },
          { id: 'outcome', header: text.audit.columns.outcome, cell: (record) => <Outcome of={record} />, width: 220 },
          {
            id: 'principal',
            header: text.audit.columns.principal,
            cell: ({ principal }) => <PrincipalName arn={principal} />,
            width: 150,
          },
          { id: 'key', header: text.audit.columns.key, cell: (record) => <KeyOf record={record} />, width: 230 },
          { id: 'protocol', header: text.audit.columns.protocol, cell: ({ protocol }) => protocol, width: 110 },
          {
            id: 'address',
            header: text.audit.columns.sourceAddress,
            cell: ({ sourceAddress }) => sourceAddress ?? '–',
            width: 150,
          },
        ]}
        footer={
          <>
            {searchedTo !== undefined && filtered && (
              <Box textAlign="center" color="text-body-secondary">
                {text.audit.searchedBack(formats.number(Number(searchedTo)))}
              </Box>
            )}
            <More of={records} />
          </>
        }
        empty={
          records.error !== null ? (
            <ProblemAlert error={records.error} retry={() => void records.refetch()} />
          ) : (
            <Box textAlign="center" padding="l">
              <b>{filtered ? text.audit.noMatch : text.audit.empty}</b>
            </Box>
          )
        }
      />
    </SpaceBetween>
  )
}

function useRecords(search: AuditSearch) {
  return useInfiniteQuery({
    queryKey: ['audit', 'records', search],
    queryFn: async ({ pageParam }) => {
      const records: AuditRecord[] = []
      let marker = pageParam
      for (let calls = 0; calls < mostCalls; calls++) {
        const answer = await call(listAuditRecords, {
          ...filterOfCall(search),
          limit: pageSize - records.length,
          ...(marker === undefined ? {} : { marker }),
        })
        records.push(...answer.records)
        marker = answer.nextMarker
        if (marker === undefined || records.length >= pageSize) break
      }
      return { records, nextMarker: marker }
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextMarker }) => nextMarker,
  })
}

export function Outcome({ of: { outcome } }: { readonly of: Pick<AuditRecord, 'outcome'> }) {
  const text = useText()
  return (
    <StatusIndicator type={outcome === 'ok' ? 'success' : outcome === 'AccessDenied' ? 'stopped' : 'error'}>
      {outcome === 'ok' ? text.audit.ok : outcome}
    </StatusIndicator>
  )
}

function KeyOf({ record: { keyId, alias } }: { readonly record: AuditRecord }) {
  if (keyId === undefined) return <>{alias ?? '–'}</>
  return <ScreenLink to={`/keys/${encodeURIComponent(keyId)}`}>{alias ?? keyId}</ScreenLink>
}

function Period({ of, choose }: { readonly of: AuditSearch; readonly choose: (search: AuditSearch) => void }) {
  const text = useText()
  return (
    <DateRangePicker
      value={periodFrom(of)}
      onChange={({ detail }) => choose(withPeriod(of, detail.value))}
      relativeOptions={relativeHours.map((amount) => ({
        type: 'relative' as const,
        key: String(amount),
        unit: 'hour' as const,
        amount,
      }))}
      customRelativeRangeUnits={['hour', 'day']}
      isValidRange={(range) =>
        range === null ||
        range.type === 'relative' ||
        (range.startDate !== '' && range.endDate !== '' && range.startDate < range.endDate)
          ? { valid: true }
          : { valid: false, errorMessage: text.audit.invalidPeriod }
      }
      placeholder={text.audit.anyTime}
      expandToViewport
      i18nStrings={{
        ariaLabel: text.audit.period,
        formatRelativeRange: ({ amount, unit }) => text.audit.relative(amount * (unit === 'day' ? 24 : 1)),
        formatUnit: (unit) => text.audit.units[unit as 'hour' | 'day'],
        relativeModeTitle: text.audit.relativeMode,
        absoluteModeTitle: text.audit.absoluteMode,
        relativeRangeSelectionHeading: text.audit.period,
        customRelativeRangeOptionLabel: text.audit.customPeriod,
        startDateLabel: text.audit.from,
        endDateLabel: text.audit.to,
        startTimeLabel: text.audit.fromTime,
        endTimeLabel: text.audit.toTime,
        clearButtonLabel: text.audit.clear,
        cancelButtonLabel: text.app.cancel,
        applyButtonLabel: text.audit.apply,
        dateTimeConstraintText: text.audit.periodHint,
      }}
    />
  )
}

function Export({ of }: { readonly of: AuditSearch }) {
  const text = useText()
  const formats = useFormats()
  const { done, failed } = useNotifications()
  const [count, setCount] = useState(0)
  const save = useMutation({
    mutationFn: async () => {
      let read = 0
      setCount(0)
      const { pages, complete } = await allPages(
        listAuditRecords,
        { ...filterOfCall(of), limit: 1000 },
        mostExportCalls,
        (page) => {
          read += page.records.length
          setCount(read)
        },
      )
      const lines = pages.flatMap(({ records }) => records.map((record) => `${JSON.stringify(record)}\n`))
      const name = `keyward-audit-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`
      saveFile(`${name}.ndjson`, lines.join(''), 'application/x-ndjson')
      // After the records, so that it vouches for all of them.
      const { checkpoint, verifierKey } = await call(getAuditCheckpoint, {})
      saveFile(`${name}-checkpoint.txt`, checkpoint, 'text/plain')
      saveFile(`${name}-verifier-key.txt`, `${verifierKey}\n`, 'text/plain')
      return { saved: lines.length, complete }
    },
    onSuccess: ({ saved, complete }) =>
      done(
        text.audit.exported(formats.number(saved)),
        complete ? undefined : text.audit.exportCut(formats.number(saved)),
      ),
    onError: failed,
  })
  return (
    <GuardedButton
      right="kms:GetAuditCheckpoint"
      iconName="download"
      loading={save.isPending}
      loadingText={text.audit.exporting(formats.number(count))}
      onClick={() => save.mutate()}
    >
      {text.audit.export}
    </GuardedButton>
  )
}
