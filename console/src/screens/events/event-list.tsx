import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Header from '@cloudscape-design/components/header'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type EventType, eventTypes } from '../../../../src/domain/event.ts'
import type { Answered } from '../../api/client.ts'
import { listEvents } from '../../api/operations.ts'
import { ScreenLink } from '../../app/follow.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { More } from '../../parts/more.tsx'
import { usePages } from '../../parts/pages.ts'
import { PrincipalName } from '../../parts/principal-name.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'

type Event = Answered<typeof listEvents>['events'][number]

const looks: Readonly<Record<EventType, StatusIndicatorProps.Type>> = {
  'key.rotated': 'success',
  'key.material.expiring': 'warning',
  'key.material.expired': 'error',
  'key.deletion.scheduled': 'warning',
  'key.deletion.cancelled': 'success',
  'key.deleted': 'error',
  'key.use.denied': 'warning',
}

export function EventList() {
  const text = useText()
  const formats = useFormats()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { readonly type?: string; readonly keyId?: string }
  const type = eventTypes.find((one) => one === search.type)
  const keyId = search.keyId
  const pages = usePages(listEvents, {
    limit: 50,
    ...(type === undefined ? {} : { type }),
    ...(keyId === undefined ? {} : { keyId }),
  })
  const all = { value: '', label: text.events.all }
  const options = [all, ...eventTypes.map((value) => ({ value: value as string, label: text.events.types[value] }))]
  const choose = (value: string) => {
    const wanted = { ...(value === '' ? {} : { type: value }), ...(keyId === undefined ? {} : { keyId }) }
    void navigate({ to: '/events', search: wanted as never, replace: true })
  }
  return (
    <Table
      variant="full-page"
      items={pages.data?.pages.flatMap(({ events }) => events) ?? []}
      trackBy="eventId"
      wrapLines
      loading={pages.isPending}
      loadingText={text.app.loading}
      ariaLabels={{ tableLabel: text.events.title }}
      header={
        <Header
          variant="awsui-h1-sticky"
          description={keyId === undefined ? text.events.description : text.events.ofKey(keyId)}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {keyId !== undefined && <ScreenLink to="/events">{text.events.showAll}</ScreenLink>}
              <Button iconName="refresh" ariaLabel={text.app.refresh} onClick={() => void pages.refetch()} />
            </SpaceBetween>
          }
        >
          {text.events.title}
        </Header>
      }
      filter={
        <Select
          ariaLabel={text.events.filterType}
          selectedOption={options.find(({ value }) => value === (type ?? '')) ?? all}
          onChange={({ detail }) => choose(detail.selectedOption.value ?? '')}
          options={options}
          expandToViewport
        />
      }
      columnDefinitions={[
        {
          id: 'time',
          header: text.events.time,
          cell: ({ at }) => (
            <time dateTime={at} title={formats.exactly(at)}>
              {formats.time(at)}
            </time>
          ),
          minWidth: 150,
        },
        {
          id: 'type',
          header: text.events.type,
          cell: (event) => (
            <StatusIndicator type={looks[event.type]} wrapText={false}>
              {text.events.types[event.type]}
            </StatusIndicator>
          ),
          isRowHeader: true,
          minWidth: 230,
        },
        {
          id: 'key',
          header: text.events.key,
          cell: (event) =>
            event.type === 'key.deleted' ? (
              event.keyId
            ) : (
              <ScreenLink to={`/keys/${encodeURIComponent(event.keyId)}`}>{event.keyId}</ScreenLink>
            ),
          minWidth: 150,
        },
        { id: 'by', header: text.events.by, cell: ({ principal }) => <PrincipalName arn={principal} />, minWidth: 100 },
        { id: 'details', header: text.events.details, cell: (event) => <Details of={event} />, minWidth: 180 },
        {
          id: 'record',
          header: text.events.record,
          cell: ({ index }) => <ScreenLink to={`/audit/records/${index}`}>{formats.number(index)}</ScreenLink>,
          minWidth: 90,
        },
      ]}
      footer={<More of={pages} />}
      empty={
        pages.error !== null ? (
          <ProblemAlert error={pages.error} retry={() => void pages.refetch()} />
        ) : (
          <Box textAlign="center" padding="l">
            <b>{text.events.empty}</b>
          </Box>
        )
      }
    />
  )
}

function Details({ of: { details } }: { readonly of: Event }) {
  const text = useText()
  const formats = useFormats()
  const entries = Object.entries(details)
  if (entries.length === 0) return <>–</>
  return (
    <>
      {entries.map(([name, value]) => (
        <div key={name}>
          {text.events.detail[name] ?? name}:{' '}
          {/^\d{4}-\d\d-\d\dT/.test(String(value)) ? formats.time(String(value)) : value}
        </div>
      ))}
    </>
  )
}
