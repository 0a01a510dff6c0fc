import BarChart from '@cloudscape-design/components/bar-chart'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import Grid from '@cloudscape-design/components/grid'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { Answered } from '../../api/client.ts'
import { getUsageReport } from '../../api/operations.ts'
import { ScreenLink } from '../../app/follow.tsx'
import { useNotifications } from '../../app/notifications.tsx'
import { Pending } from '../../app/pending.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { allPages } from '../../parts/pages.ts'
import { ProblemAlert } from '../../parts/problem.tsx'
import { saveFile } from '../../parts/save-file.ts'

type KeyReport = Answered<typeof getUsageReport>['keys'][number]

/** 10,000 keys are summed up on the screen; all of them are in the file. */
const mostShownPages = 10
const mostPages = 1000
const daySeconds = 86_400

export function UsageReport() {
  const text = useText()
  const formats = useFormats()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { readonly month?: string }
  const thisMonth = new Date().toISOString().slice(0, 7)
  const month = /^\d{4}-(?:0[1-9]|1[0-2])$/.test(search.month ?? '') ? (search.month as string) : thisMonth
  const { failed } = useNotifications()
  const report = useQuery({
    queryKey: [getUsageReport.name, month],
    queryFn: async () => {
      const { pages, complete } = await allPages(getUsageReport, { month }, mostShownPages)
      return { keys: pages.flatMap(({ keys }) => keys), complete }
    },
  })
  const download = useMutation({
    mutationFn: async () => {
      const { pages } = await allPages(getUsageReport, { month, format: 'csv' }, mostPages)
      saveFile(`keyward-usage-${month}.csv`, pages.map(({ csv }) => csv ?? '').join(''), 'text/csv')
    },
    onError: failed,
  })
  const open = (wanted: string) =>
    void navigate({ to: '/usage-report', search: { month: wanted } as never, replace: true })
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={text.fees.description}
          actions={
            <SpaceBetween direction="horizontal" size="xs" alignItems="center">
              <Button
                iconName="angle-left"
                ariaLabel={text.fees.previous}
                onClick={() => open(monthAfter(month, -1))}
              />
              <Box variant="strong">{formats.month(month)}</Box>
              <Button
                iconName="angle-right"
                ariaLabel={text.fees.next}
                disabled={month >= thisMonth}
                onClick={() => open(monthAfter(month, 1))}
              />
              <Button
                iconName="download"
                loading={download.isPending}
                loadingText={text.fees.downloading}
                onClick={() => download.mutate()}
              >
                {text.fees.download}
              </Button>
            </SpaceBetween>
          }
        >
          {text.fees.title}
        </Header>
      }
    >
      {report.error !== null ? (
        <ProblemAlert error={report.error} retry={() => void report.refetch()} />
      ) : report.data === undefined ? (
        <Pending />
      ) : (
        <Shown month={month} keys={report.data.keys} complete={report.data.complete} />
      )}
    </ContentLayout>
  )
}

function monthAfter(month: string, steps: number): string {
  const [year, number] = month.split('-').map(Number) as [number, number]
  return new Date(Date.UTC(year, number - 1 + steps, 1)).toISOString().slice(0, 7)
}

type Sum = { ok: number; failed: number }

function Shown({
  month,
  keys,
  complete,
}: {
  readonly month: string
  readonly keys: readonly KeyReport[]
  readonly complete: boolean
}) {
  const text = useText()
  const formats = useFormats()
  const requests = keys.flatMap((key) => key.requests)
  const total = summed(requests)
  const operations = [...groupedBy(requests, ({ operation }) => operation)].sort(
    ([, one], [, other]) => other.ok + other.failed - one.ok - one.failed,
  )
  const billable = keys.filter(({ billableSeconds }) => billableSeconds > 0)
  const keyDays = keys.reduce((sum, { billableSeconds }) => sum + billableSeconds, 0) / daySeconds
  return (
    <SpaceBetween size="l">
      <Container>
        <ColumnLayout columns={4} variant="text-grid" minColumnWidth={140}>
          <Figure label={text.fees.keys} value={formats.number(billable.length)} />
          <Figure label={text.fees.keyDays} value={formats.number(Math.round(keyDays * 10) / 10)} />
          <Figure label={text.fees.requests} value={formats.number(total.ok + total.failed)} />
          <Figure label={text.fees.failed} value={formats.number(total.failed)} />
        </ColumnLayout>
        {!complete && <Box color="text-body-secondary">{text.fees.part(formats.number(keys.length))}</Box>}
      </Container>
      <Chart month={month} byDay={groupedBy(requests, ({ day }) => day)} />
      <Grid gridDefinition={[{ colspan: { default: 12, xs: 5 } }, { colspan: { default: 12, xs: 7 } }]}>
        <Table
          header={<Header variant="h2">{text.fees.byOperation}</Header>}
          ariaLabels={{ tableLabel: text.fees.byOperation }}
          items={operations}
          columnDefinitions={[
            { id: 'operation', header: text.fees.operation, cell: ([operation]) => operation, isRowHeader: true },
            { id: 'ok', header: text.fees.done, cell: ([, { ok }]) => formats.number(ok) },
            { id: 'failed', header: text.fees.notDone, cell: ([, sum]) => formats.number(sum.failed) },
          ]}
          empty={<Box>{text.fees.chartEmpty}</Box>}
        />
        <Table
          header={<Header variant="h2">{text.fees.byKey}</Header>}
          ariaLabels={{ tableLabel: text.fees.byKey }}
          items={[...keys].sort((one, other) => countOf(other) - countOf(one)).slice(0, 50)}
          columnDefinitions={[
            {
              id: 'key',
              header: text.fees.key,
              cell: ({ keyId, defaultFor }) => (
                <ScreenLink to={`/keys/${encodeURIComponent(keyId)}`}>
                  {defaultFor === undefined ? keyId : text.fees.defaultKey(defaultFor)}
                </ScreenLink>
              ),
              isRowHeader: true,
            },
            {
              id: 'days',
              header: text.fees.days,
              cell: ({ billableSeconds }) => formats.number(Math.round((billableSeconds / daySeconds) * 10) / 10),
            },
            { id: 'requests', header: text.fees.share, cell: (key) => formats.number(countOf(key)) },
          ]}
          empty={<Box>{text.fees.empty}</Box>}
        />
      </Grid>
    </SpaceBetween>
  )
}

function countOf({ requests }: KeyReport): number {
  const { ok, failed } = summed(requests)
  return ok + failed
}

function Figure({ label, value }: { readonly label: string; readonly value: string }) {
  return (
    <div>
      <Box variant="awsui-key-label">{label}</Box>
      <Box variant="awsui-value-large">{value}</Box>
    </div>
  )
}

function Chart({ month, byDay }: { readonly month: string; readonly byDay: ReadonlyMap<string, Sum> }) {
  const text = useText()
  const formats = useFormats()
  const [year, number] = month.split('-').map(Number) as [number, number]
  const days = Array.from({ length: new Date(Date.UTC(year, number, 0)).getUTCDate() }, (_, at) => String(at + 1))
  const sumOf = (day: string): Sum => byDay.get(`${month}-${day.padStart(2, '0')}`) ?? { ok: 0, failed: 0 }
  return (
    <Container header={<Header variant="h2">{text.fees.chart}</Header>}>
      <BarChart
        ariaLabel={text.fees.chart}
        height={220}
        stackedBars
        hideFilter
        xScaleType="categorical"
        xDomain={days}
        xTitle={text.fees.day}
        yTitle={text.fees.requests}
        i18nStrings={{ yTickFormatter: (value) => formats.number(value) }}
        series={[
          { type: 'bar', title: text.fees.done, data: days.map((x) => ({ x, y: sumOf(x).ok })) },
          { type: 'bar', title: text.fees.notDone, data: days.map((x) => ({ x, y: sumOf(x).failed })) },
        ]}
        empty={<Box textAlign="center">{text.fees.chartEmpty}</Box>}
      />
    </Container>
  )
}

function groupedBy<Item extends Sum>(items: readonly Item[], nameOf: (item: Item) => string): Map<string, Sum> {
  const sums = new Map<string, Sum>()
  for (const item of items) {
    const sum = sums.get(nameOf(item)) ?? { ok: 0, failed: 0 }
    sums.set(nameOf(item), { ok: sum.ok + item.ok, failed: sum.failed + item.failed })
  }
  return sums
}

function summed(items: readonly Sum[]): Sum {
  return items.reduce((sum, { ok, failed }) => ({ ok: sum.ok + ok, failed: sum.failed + failed }), { ok: 0, failed: 0 })
}
