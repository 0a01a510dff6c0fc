/** Reads records back: from memory what is not published in full bundles, from the bundles what is. */
import { problem } from '../domain/errors.ts'
import type { AuditRecord } from '../domain/ports.ts'
import type { Growing } from './growing.ts'
import { decodeEntries, type ReadLogFile, readBundle } from './tiles.ts'
import { tileWidth } from './tree.ts'

type Indexed = { readonly index: number; readonly record: AuditRecord }

export type EntryReader = {
  entry(index: number): Promise<Buffer>
  read(from: number, to: number): AsyncGenerator<Indexed>
  find(requestId: string): Promise<Indexed | undefined>
}

/** `inMemory` need not know the bundles that are published. */
export function entryReader(
  readFile: ReadLogFile,
  inMemory: Growing['bundle'],
  durableSize: () => number,
): EntryReader {
  /** As far as they are durable. */
  async function bundle(index: number): Promise<readonly Buffer[]> {
    const width = Math.min(tileWidth, durableSize() - index * tileWidth)
    const kept = inMemory(index)
    if (kept !== undefined) return decodeEntries(kept).entries.slice(0, width)
    let cause: unknown
    const entries = await readBundle(readFile, index, width).catch((error) => {
      cause = error
      return undefined
    })
    if (entries !== undefined && entries.length >= width) return entries.slice(0, width)
    const range = `${index * tileWidth} to ${index * tileWidth + width - 1}`
    throw problem('AuditUnavailable', { message: `The records ${range} of the audit log cannot be read.`, cause })
  }

  return {
    async entry(index) {
      return (await bundle(Math.floor(index / tileWidth)))[index % tileWidth] as Buffer
    },
    async *read(from, to) {
      const end = Math.min(to, durableSize())
      let index = Math.max(0, from)
      while (index < end) {
        const start = index % tileWidth
        const entries = await bundle(Math.floor(index / tileWidth))
        for (const entry of entries.slice(start, start + end - index)) {
          yield { index, record: parse(entry) }
          index += 1
        }
      }
    },
    async find(requestId) {
      // Most entries are passed over without being parsed.
      const needle = Buffer.from(`"requestId":${JSON.stringify(requestId)}`)
      for (let number = Math.ceil(durableSize() / tileWidth) - 1; number >= 0; number -= 1) {
        const entries = await bundle(number)
        for (let position = entries.length - 1; position >= 0; position -= 1) {
          const entry = entries[position] as Buffer
          if (!entry.includes(needle)) continue
          const record = parse(entry)
          if (record.requestId === requestId) return { index: number * tileWidth + position, record }
        }
      }
      return undefined
    },
  }
}

function parse(entry: Buffer): AuditRecord {
  return JSON.parse(entry.toString()) as AuditRecord
}
