import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import Grid from '@cloudscape-design/components/grid'
import Header from '@cloudscape-design/components/header'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type Answered, ApiProblem, call } from '../../api/client.ts'
import { getOverview } from '../../api/operations.ts'
import { ScreenLink, useButtonTo } from '../../app/follow.tsx'
import { Pending } from '../../app/pending.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { PrincipalName } from '../../parts/principal-name.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { Moment } from '../keys/key-words.tsx'

type Shown = Answered<typeof getOverview>

const refreshMs = 60_000

export function Overview() {
  const text = useText()
  const { data, error, isFetching, refetch } = useQuery({
    queryKey: ['overview'],
    queryFn: () => call(getOverview, {}),
    refetchInterval: refreshMs,
  })
  const toKeys = useButtonTo('/keys')
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={text.overview.description}
          actions={
            <Button
              iconName="refresh"
              ariaLabel={text.app.refresh}
              loading={isFetching && data !== undefined}
              onClick={() => void refetch()}
            />
          }
        >
          {text.overview.title}
        </Header>
      }
    >
      {data !== undefined ? (
        <Parts of={data} />
      ) : error instanceof ApiProblem && error.code === 'AccessDenied' ? (
        <Alert type="info" action={<Button {...toKeys}>{text.overview.toKeys}</Button>}>
          {text.overview.noRight}
        </Alert>
      ) : error !== null ? (
        <ProblemAlert error={error} retry={() => void refetch()} />
      ) : (
        <Pending />
      )}
    </ContentLayout>
  )
}

function Parts({ of }: { readonly of: Shown }) {
  return (
    <SpaceBetween size="l">
      <Grid gridDefinition={[{ colspan: { default: 12, xs: 7 } }, { colspan: { default: 12, xs: 5 } }]}>
        <Keys of={of} />
        <Health of={of} />
      </Grid>
      <Calendar of={of.calendar} />
      <Refusals of={of.refusals} />
    </SpaceBetween>
  )
}

function Keys({ of: { keys } }: { readonly of: Shown }) {
  const text = useText()
  const formats = useFormats()
  const figure = (label: string, count: number, to: string) => (
    <div key={label}>
      <Box variant="awsui-key-label">{label}</Box>
      <ScreenLink to={to} fontSize="display-l" ariaLabel={`${label}: ${formats.number(count)}`}>
        {formats.number(count)}
      </ScreenLink>
    </div>
  )
  const states = (Object.keys(keys.byState) as (keyof typeof keys.byState)[]).filter(
    // Copies of a deleted multi-Region key are rare: told only where there are any.
    (state) => state !== 'PendingReplicaDeletion' || keys.byState[state] > 0,
  )
  return (
    <Container header={<Header variant="h2">{text.overview.keys}</Header>} fitHeight>
      <ColumnLayout columns={3} minColumnWidth={110}>
        {figure(text.overview.total, keys.total, '/keys')}
        {states.map((state) => figure(text.keys.states[state], keys.byState[state], `/keys?state=${state}`))}
      </ColumnLayout>
    </Container>
  )
}

function Health({ of }: { readonly of: Shown }) {
  const text = useText()
  const formats = useFormats()
  const { audit, devices, importsWaiting } = of
  return (
    <Container header={<Header variant="h2">{text.overview.health}</Header>} fitHeight>
      <KeyValuePairs
        columns={1}
        items={[
          ...devices.map(({ protectionLevel, healthy }) => ({
            label: text.overview.device(text.keys.protections[protectionLevel]),
            value: (
              <StatusIndicator type={healthy ? 'success' : 'error'}>
                {healthy ? text.overview.deviceWell : text.overview.deviceIll}
              </StatusIndicator>
            ),
          })),
          {
            label: text.overview.audit,
            value: (
              <SpaceBetween size="xxs">
                <StatusIndicator type={audit.healthy ? 'success' : 'error'}>
                  {audit.healthy ? text.overview.auditWell : text.overview.auditIll}
                </StatusIndicator>
                <span>
                  {text.overview.records(formats.number(audit.records))} ·{' '}
                  <ScreenLink to="/audit/records">{text.overview.verify}</ScreenLink>
                </span>
              </SpaceBetween>
            ),
          },
          ...(importsWaiting === 0
            ? []
            : [
                {
                  label: text.overview.imports,
                  value: (
                    <StatusIndicator type="pending">
                      <ScreenLink to="/import-requests">{formats.number(importsWaiting)}</ScreenLink>
                    </StatusIndicator>
                  ),
                },
              ]),
        ]}
      />
    </Container>
  )
}

const firstShown = 8

function Calendar({ of: { entries, until } }: { readonly of: Shown['calendar'] }) {
  const text = useText()
  const formats = useFormats()
  const [all, setAll] = useState(false)
  const cut = Date.parse(until) - Date.now() < 29 * 86_400_000
  return (
    <Table
      header={
        <Header
          variant="h2"
          counter={entries.length === 0 ? '' : `(${formats.number(entries.length)})`}
          description={cut ? text.overview.calendarUntil(formats.date(until)) : text.overview.calendarDescription}
        >
          {text.overview.calendar}
        </Header>
      }
      ariaLabels={{ tableLabel: text.overview.calendar }}
      items={all ? entries : entries.slice(0, firstShown)}
      columnDefinitions={[
        {
          id: 'when',
          header: text.overview.when,
          cell: ({ at }) => (
            <time dateTime={at} title={formats.exactly(at)}>
              {formats.time(at)} ({formats.fromNow(at)})
            </time>
          ),
          minWidth: 220,
        },
        {
          id: 'what',
          header: text.overview.what,
          cell: ({ type }) => (
            <StatusIndicator type={type === 'rotation' ? 'info' : type === 'deletion' ? 'error' : 'warning'}>
              {text.overview.types[type]}
            </StatusIndicator>
          ),
          minWidth: 190,
        },
        {
          id: 'key',
          header: text.overview.key,
          cell: ({ keyId, description }) => (
            <ScreenLink to={`/keys/${encodeURIComponent(keyId)}`}>{description || keyId}</ScreenLink>
          ),
          isRowHeader: true,
          minWidth: 200,
        },
      ]}
      footer={
        all || entries.length <= firstShown ? undefined : (
          <Box textAlign="center">
            <Button variant="inline-link" onClick={() => setAll(true)}>
              {text.overview.showAll(formats.number(entries.length))}
            </Button>
          </Box>
        )
      }
      empty={<Box color="text-body-secondary">{text.overview.calendarEmpty}</Box>}
    />
  )
}

function Refusals({ of: { lines, total } }: { readonly of: Shown['refusals'] }) {
  const text = useText()
  const formats = useFormats()
  return (
    <Table
      header={
        <Header
          variant="h2"
          counter={total === 0 ? '' : `(${formats.number(total)})`}
          description={text.overview.refusalsDescription}
          actions={
            total === 0 ? undefined : (
              <ScreenLink to="/audit/records?outcome=failed">{text.overview.allRefused}</ScreenLink>
            )
          }
        >
          {text.overview.refusals}
        </Header>
      }
      ariaLabels={{ tableLabel: text.overview.refusals }}
      items={lines}
      columnDefinitions={[
        {
          id: 'operation',
          header: text.overview.operation,
          cell: ({ operation }) => operation,
          isRowHeader: true,
          minWidth: 160,
        },
        {
          id: 'principal',
          header: text.overview.principal,
          cell: ({ principal }) => <PrincipalName arn={principal} />,
          minWidth: 140,
        },
        {
          id: 'outcome',
          header: text.overview.outcome,
          cell: ({ outcome }) => text.app.problems[outcome] ?? outcome,
          minWidth: 180,
        },
        { id: 'count', header: text.overview.count, cell: ({ count }) => formats.number(count), minWidth: 90 },
        {
          id: 'last',
          header: text.overview.last,
          cell: ({ lastAt, lastIndex }) => (
            <ScreenLink to={`/audit/records/${lastIndex}`}>
              <Moment at={lastAt} />
            </ScreenLink>
          ),
          minWidth: 140,
        },
      ]}
      empty={<Box color="text-body-secondary">{text.overview.refusalsEmpty}</Box>}
    />
  )
}
