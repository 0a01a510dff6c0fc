/** Counters, histograms and gauges in the Prometheus text format (version 0.0.4). No library: prom-client has slept since 2024. */

export type Metrics = {
  /** One request: its operation, how it ended, and how long it took in seconds. */
  observeRequest(face: string, operation: string, outcome: string, seconds: number): void
  /** A value that is asked for when the metrics are read. */
  gauge(name: string, help: string, read: () => number | Iterable<readonly [labels: string, value: number]>): void
  snapshot(): Snapshot
}

/** What one process has counted; plain, so that it can be told to another. */
export type Snapshot = {
  readonly totals: readonly (readonly [labels: string, count: number])[]
  readonly durations: readonly (readonly [labels: string, series: Readonly<Series>])[]
  readonly gauges: readonly Gauge[]
}

type Gauge = {
  readonly name: string
  readonly help: string
  readonly values: readonly (readonly [labels: string, value: number])[]
}

/** Seconds. From what an AES Encrypt takes to what an RSA-4096 key pair takes. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export type Series = { count: number; sum: number; readonly counts: number[] }

export function createMetrics(): Metrics {
  const totals = new Map<string, number>()
  const durations = new Map<string, Series>()
  const gauges: { readonly name: string; readonly help: string; readonly read: Parameters<Metrics['gauge']>[2] }[] = []

  return {
    observeRequest(face, operation, outcome, seconds) {
      const labels = `face="${face}",operation="${operation}",outcome="${outcome}"`
      totals.set(labels, (totals.get(labels) ?? 0) + 1)
      const name = `face="${face}",operation="${operation}"`
      let series = durations.get(name)
      if (series === undefined) {
        series = { count: 0, sum: 0, counts: buckets.map(() => 0) }
        durations.set(name, series)
      }
      series.count++
      series.sum += seconds
      const bucket = buckets.findIndex((bound) => seconds <= bound)
      if (bucket !== -1) series.counts[bucket] = (series.counts[bucket] as number) + 1
    },
    gauge(name, help, read) {
      gauges.push({ name, help, read })
    },
    snapshot: () => ({
      totals: [...totals],
      durations: [...durations],
      gauges: gauges.map(({ name, help, read }) => {
        const value = read()
        return { name, help, values: typeof value === 'number' ? [['', value]] : [...value] }
      }),
    }),
  }
}

/** Of several processes together; `labels` tells them apart, and is empty where there is one. */
export function renderMetrics(parts: readonly { readonly labels: string; readonly snapshot: Snapshot }[]): string {
  const lines: string[] = []
  const head = (name: string, help: string, type: string) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  }
  const line = (name: string, labels: readonly string[], value: number) => {
    const all = labels.filter((one) => one !== '').join(',')
    lines.push(all === '' ? `${name} ${value}` : `${name}{${all}} ${value}`)
  }
  head('keyward_requests_total', 'Requests answered.', 'counter')
  for (const { labels: of, snapshot } of parts)
    for (const [labels, count] of snapshot.totals) line('keyward_requests_total', [of, labels], count)
  const duration = 'keyward_request_duration_seconds'
  head(duration, 'Time from the request line to the answer.', 'histogram')
  for (const { labels: of, snapshot } of parts)
    for (const [labels, { count, sum, counts }] of snapshot.durations) {
      let cumulative = 0
      buckets.forEach((bound, index) => {
        cumulative += counts[index] as number
        line(`${duration}_bucket`, [of, labels, `le="${bound}"`], cumulative)
      })
      line(`${duration}_bucket`, [of, labels, 'le="+Inf"'], count)
      line(`${duration}_sum`, [of, labels], sum)
      line(`${duration}_count`, [of, labels], count)
    }
  const gauges = Map.groupBy(
    parts.flatMap(({ labels, snapshot }) => snapshot.gauges.map((gauge) => ({ labels, ...gauge }))),
    ({ name }) => name,
  )
  for (const [name, same] of gauges) {
    head(name, same[0]?.help ?? '', name.endsWith('_total') ? 'counter' : 'gauge')
    for (const { labels: of, values } of same) for (const [labels, value] of values) line(name, [of, labels], value)
  }
  return `${lines.join('\n')}\n`
}
