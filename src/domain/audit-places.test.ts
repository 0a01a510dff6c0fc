import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  formatPositions,
  logAndIndexOf,
  parsePositions,
  placeOf,
  positionsOf,
  readBackward,
  readForward,
} from './audit-places.ts'
import type { AuditRecord } from './ports.ts'

function logOf(number: number, times: readonly number[]) {
  const records = times.map((time, index) => ({ time: new Date(time).toISOString(), requestId: `${number}/${index}` }))
  return {
    number,
    size: () => records.length,
    async *read(from: number, to: number) {
      for (const [at, record] of records.slice(from, to).entries())
        yield { index: from + at, record: record as AuditRecord }
    },
  }
}

/** Up to five logs; in each, times never go back. */
const logs = fc.array(fc.array(fc.nat(1_000_000), { maxLength: 40 }), { minLength: 1, maxLength: 5 }).map((all) =>
  all.map((times, number) =>
    logOf(
      number,
      times.toSorted((one, other) => one - other),
    ),
  ),
)

test('a place in log 0 is its index, and every place tells its log and index', () => {
  assert.equal(placeOf(0, 17), 17)
  fc.assert(
    fc.property(fc.nat(8191), fc.nat(2 ** 40 - 1), (log, index) => {
      assert.ok(Number.isSafeInteger(placeOf(log, index)))
      assert.deepEqual(logAndIndexOf(placeOf(log, index)), { log, index })
    }),
  )
})

test('several logs read as one: every record once, in the order of the times, both ways', async () => {
  await fc.assert(
    fc.asyncProperty(logs, async (all) => {
      const forward = await Array.fromAsync(readForward(all, new Map()))
      const times = forward.map(({ record }) => record.time)
      assert.deepEqual(times, times.toSorted())
      assert.equal(
        new Set(forward.map(({ place }) => place)).size,
        all.reduce((sum, log) => sum + log.size(), 0),
      )
      const backward = await Array.fromAsync(readBackward(all, positionsOf(all)))
      assert.deepEqual(
        backward.map(({ record }) => record.time),
        times.toReversed(),
      )
    }),
    { numRuns: 50 },
  )
})

test('a reading that stops goes on where it was, whatever was appended meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(logs, fc.nat(60), async (all, pageSize) => {
      const seen: number[] = []
      let positions = positionsOf(all)
      for (;;) {
        const page: number[] = []
        const next = new Map(positions)
        for await (const { place } of readBackward(all, positions)) {
          if (page.length > pageSize) break
          const { log, index } = logAndIndexOf(place)
          next.set(log, index)
          page.push(place)
        }
        if (page.length === 0) break
        seen.push(...page)
        positions = parsePositions(formatPositions(next))
      }
      const places = all.flatMap((log) => Array.from({ length: log.size() }, (_, index) => placeOf(log.number, index)))
      assert.deepEqual(
        seen.toSorted((one, other) => one - other),
        places,
      )
    }),
    { numRuns: 50 },
  )
  assert.equal(formatPositions(new Map([[0, 120]])), '120')
})
