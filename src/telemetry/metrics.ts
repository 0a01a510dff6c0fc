/** Counters, histograms and gauges in the Prometheus text format (version 0.0.4). No library: prom-client has slept since 2024. */

export type Metrics = {
  /** One request: its operation, how it ended, and how long it took in seconds. */
  observeRequest(face: string, operation: string, outcome: string, seconds: number): void
  /** A value that is asked for when the metrics are read. */
  gauge(name: string, help: string, read: () => number | Iterable<readonly [labels: string, value: number]>): void
  render(): string
}

/** Seconds. From what an AES Encrypt takes to what an RSA-4096 key pair takes. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

type Series = { count: number; sum: number; readonly counts: number[] }

export function createMetrics(): Metrics {
  const totals = new Map<string, number>()
  const durations = new Map<string, Series>()
  const gauges: { name: string; help: string; read: Parameters<Metrics['gauge']>[2] }[] = []

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
    render() {
      const lines = ['# HELP keyward_requests_total Requests answered.', '# TYPE keyward_requests_total counter']
      for (const [labels, value] of totals) lines.push(`keyward_requests_total{${labels}} ${value}`)
      lines.push(
        '# HELP keyward_request_duration_seconds Time from the request line to the answer.',
        '# TYPE keyward_request_duration_seconds histogram',
      )
      for (const [labels, { count, sum, counts }] of durations) {
        let cumulative = 0
        buckets.forEach((bound, index) => {
          cumulative += counts[index] as number
          lines.push(`keyward_request_duration_seconds_bucket{${labels},le="${bound}"} ${cumulative}`)
        })
        lines.push(
          `keyward_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`,
          `keyward_request_duration_seconds_sum{${labels}} ${sum}`,
          `keyward_request_duration_seconds_count{${labels}} ${count}`,
        )
      }
      for (const { name, help, read } of gauges) {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`)
        const value = read()
        if (typeof value === 'number') lines.push(`${name} ${value}`)
        else for (const [labels, item] of value) lines.push(`${name}{${labels}} ${item}`)
      }
      return `${lines.join('\n')}\n`
    },
  }
}
