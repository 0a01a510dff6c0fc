/** What the CLI says and where: data on stdout, words and progress on stderr. */
import { type Format, pick, render } from './output.ts'

export type Terminal = {
  format: Format | undefined
  field: string | undefined
  /** Raw data. */
  out(data: string | Uint8Array): void
  /** Raw data, waiting while the reader is slower. */
  outAll(data: Uint8Array): Promise<void>
  /** An answer, in the format asked for. */
  data(value: unknown): void
  say(words: string): void
  /** The same bytes, with a bar on stderr where that is a terminal. */
  progress(source: AsyncIterable<Uint8Array>, totalBytes: number): AsyncIterable<Uint8Array>
}

export function openTerminal(
  stdout: NodeJS.WriteStream,
  stderr: NodeJS.WriteStream,
  monotonic: () => number,
): Terminal {
  const terminal: Terminal = {
    format: undefined,
    field: undefined,
    out: (data) => {
      stdout.write(data)
    },
    outAll: (data) =>
      new Promise((resolve, reject) => {
        stdout.write(data, (error) => (error ? reject(error) : resolve()))
      }),
    data: (value) => {
      if (terminal.field !== undefined) {
        const picked = pick(value, terminal.field)
        const text = typeof picked === 'string' ? picked : JSON.stringify(picked)
        // A text of whole lines, such as a CSV, is left as it is.
        stdout.write(text?.endsWith('\n') ? text : `${text}\n`)
      } else stdout.write(render(value, terminal.format ?? 'table'))
    },
    say: (words) => {
      stderr.write(`${words}\n`)
    },
    async *progress(source, totalBytes) {
      const begun = monotonic()
      let done = 0
      let shown = 0
      for await (const part of source) {
        done += part.length
        const now = monotonic()
        if (stderr.isTTY && now - shown > 100) {
          shown = now
          stderr.write(`\r${bar(done, totalBytes, (now - begun) / 1000)}`)
        }
        yield part
      }
      if (stderr.isTTY && shown > 0) stderr.write('\r\u001b[K')
    },
  }
  return terminal
}

const barWidth = 24

function bar(done: number, total: number, seconds: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const filled = Math.round(share * barWidth)
  const rate = seconds > 0 ? done / 1_048_576 / seconds : 0
  const left = rate > 0 ? Math.ceil((total - done) / 1_048_576 / rate) : 0
  return `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${Math.floor(share * 100)} %  ${rate.toFixed(0)} MiB/s  ${left} s left `
}
