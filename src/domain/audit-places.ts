/**
 * Several audit logs, one for each process that writes, read as one. A record's place is one number: in log 0 it is its
 * index, so that places of an installation with one log are what they always were.
 */
import type { AuditRecord, ReadableLog } from './ports.ts'

/** Each log has room for a trillion records, and there can be 8,192 logs: together a safe integer. */
const placesOfLog = 2 ** 40

export type Placed = { readonly place: number; readonly record: AuditRecord }

export function placeOf(log: number, index: number): number {
  return log * placesOfLog + index
}

export function logAndIndexOf(place: number): { readonly log: number; readonly index: number } {
  return { log: Math.floor(place / placesOfLog), index: place % placesOfLog }
}

/** How far each log is read: a size by the number of the log. */
export type Positions = ReadonlyMap<number, number>

export function positionsOf(logs: readonly Pick<ReadableLog, 'number' | 'size'>[]): Positions {
  return new Map(logs.map((log) => [log.number, log.size()]))
}

/** `120.7.33`: of logs 0, 1 and 2. Of one log it is just the number. */
export function formatPositions(positions: Positions): string {
  const numbers = Array.from({ length: Math.max(0, ...positions.keys()) + 1 }, (_, log) => positions.get(log) ?? 0)
  return numbers.join('.')
}

export function parsePositions(text: string): Positions {
  return new Map(text.split('.').map((size, log) => [log, Number(size)]))
}

/** From these positions on (a log without one from its beginning), in the order of the times of their records. */
export function readForward(
  logs: readonly Pick<ReadableLog, 'number' | 'size' | 'read'>[],
  from: Positions,
): AsyncGenerator<Placed> {
  const streams = logs.map((log) => placed(log.number, log.read(from.get(log.number) ?? 0, log.size())))
  // One log is in order already.
  if (streams.length === 1) return streams[0] as AsyncGenerator<Placed>
  return merged(streams, (one, other) => one.record.time < other.record.time)
}

/** Backwards from these positions (a log without one is left out): the latest record of all comes first. */
export function readBackward(
  logs: readonly Pick<ReadableLog, 'number' | 'read'>[],
  from: Positions,
): AsyncGenerator<Placed> {
  return merged(
    logs.map((log) => placed(log.number, backward(log, from.get(log.number) ?? 0))),
    (one, other) => one.record.time > other.record.time,
  )
}

type Indexed = { readonly index: number; readonly record: AuditRecord }

async function* placed(log: number, entries: AsyncIterable<Indexed>): AsyncGenerator<Placed> {
  for await (const { index, record } of entries) yield { place: placeOf(log, index), record }
}

/** Records read at a time. */
const chunk = 1000

async function* backward(log: Pick<ReadableLog, 'read'>, from: number): AsyncGenerator<Indexed> {
  for (let end = from; end > 0; end -= chunk) {
    const entries = await Array.fromAsync(log.read(Math.max(0, end - chunk), end))
    yield* entries.reverse()
  }
}

/** Each stream keeps its order; of their next records the one that comes first is given. */
async function* merged(
  streams: readonly AsyncGenerator<Placed>[],
  comesFirst: (one: Placed, other: Placed) => boolean,
): AsyncGenerator<Placed> {
  const heads = await Promise.all(streams.map(async (stream) => ({ stream, next: await stream.next() })))
  for (;;) {
    let first: (typeof heads)[number] | undefined
    for (const head of heads)
      if (!head.next.done && (first === undefined || comesFirst(head.next.value, first.next.value as Placed)))
        first = head
    if (first === undefined) return
    yield first.next.value as Placed
    first.next = await first.stream.next()
  }
}
