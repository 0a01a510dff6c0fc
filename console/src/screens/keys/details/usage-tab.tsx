/** How much the key was used, day by day, and by whom. */
import BarChart from '@cloudscape-design/components/bar-chart'
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import { useQuery } from '@tanstack/react-query'
import { type Answered, call } from '../../../api/client.ts'
import { getKeyUsage, type KeyMetadata } from '../../../api/operations.ts'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { Moment } from '../key-words.tsx'
import { UsesTable } from '../uses-table.tsx'

/** Days that the chart shows. */
const shownDays = 30

export function UsageTab({ ofKey: { keyId } }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const { data, error, refetch } = useQuery({
    queryKey: ['keys', keyId, 'usage'],
    queryFn: () => call(getKeyUsage, { keyId }),
  })
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  if (data === undefined) return <Spinner />
  return (
    <SpaceBetween size="l">
      <Container
        header={
          <Header
            variant="h2"
            description={
              <>
                {text.keys.columns.lastUsed}: <Moment at={data.lastUsedAt} />
              </>
            }
          >
            {text.keys.usage.chart(shownDays)}
          </Header>
        }
      >
        <UsageChart days={data.days} />
      </Container>
      <Container header={<Header variant="h2">{text.keys.usage.who}</Header>}>
        <UsesTable uses={data.uses} empty={text.keys.usage.nobody} />
      </Container>
    </SpaceBetween>
  )
}

function UsageChart({ days }: { readonly days: Answered<typeof getKeyUsage>['days'] }) {
  const text = useText()
  const formats = useFormats()
  const today = Math.floor(Date.now() / 86_400_000)
  const domain = Array.from({ length: shownDays }, (_, ago) =>
    new Date((today - shownDays + 1 + ago) * 86_400_000).toISOString().slice(0, 10),
  )
  const shown = days.filter(({ day }) => domain.includes(day))
  const operations = [...new Set(shown.map(({ operation }) => operation))].sort()
  const series = operations.map((operation) => ({
    type: 'bar' as const,
    title: operation,
    data: shown.filter((one) => one.operation === operation).map(({ day, count }) => ({ x: day, y: count })),
    valueFormatter: formats.number,
  }))
  const shortDay = new Intl.DateTimeFormat(document.documentElement.lang, {
    month: 'short',
    day: 'numeric',
    timeZone: 'UTC',
  })
  return (
    <BarChart
      series={series}
      stackedBars
      hideFilter
      height={220}
      xDomain={domain}
      xScaleType="categorical"
      xTitle={text.keys.usage.day}
      yTitle={text.keys.usage.count}
      ariaLabel={text.keys.usage.chart(shownDays)}
      i18nStrings={{ xTickFormatter: (day) => shortDay.format(new Date(`${day}T00:00:00Z`)) }}
      empty={
        <Box textAlign="center" color="text-body-secondary">
          {text.keys.usage.nothing(shownDays)}
        </Box>
      }
    />
  )
}
