import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Event, violationsOf } from './revocation-history.ts'

type Short = readonly [kind: Event['kind'], askedAt: number, answeredAt: number, outcome?: Event['outcome']]

function history(...events: readonly Short[]): readonly Event[] {
  return events.map(([kind, askedAt, answeredAt, outcome = 'done']) => ({
    key: 'k',
    kind,
    node: 'n',
    askedAt,
    answeredAt,
    outcome,
  }))
}

const never = Number.POSITIVE_INFINITY

test('histories that must pass', () => {
  for (const events of [
    history(['use', 0, 1]),
    history(['use', 0, 1], ['revoke', 2, 3]),
    // Asked before the revocation was answered: it may have been used before it.
    history(['revoke', 2, 4], ['use', 3, 9]),
    history(['use', 0, 9], ['revoke', 2, 4]),
    history(['revoke', 2, 3], ['use', 4, 5, 'refused']),
    history(['revoke', 2, 3], ['use', 4, 5, 'unknown']),
    history(['revoke', 2, 3], ['restore', 4, 5], ['use', 6, 7]),
    // The restoration may be carried out the moment it is asked.
    history(['revoke', 2, 3], ['restore', 4, 9], ['use', 5, 6]),
    history(['revoke', 2, 3], ['restore', 4, 5, 'unknown'], ['use', 90, 91]),
    history(['revoke', 2, 3], ['restore', 4, never, 'unknown'], ['use', 90, 91]),
    history(['revoke', 2, never, 'unknown'], ['use', 90, 91]),
    history(['restore', 0, 2], ['revoke', 0, 2], ['use', 4, 5]),
    history(['revoke', 2, 3, 'refused'], ['use', 4, 5]),
  ])
    assert.deepEqual(violationsOf(events), [])
})

test('histories that must fail', () => {
  for (const events of [
    history(['revoke', 2, 3], ['use', 4, 5]),
    history(['use', 4, 5], ['revoke', 2, 3]),
    history(['revoke', 2, 3], ['use', 3.1, 900]),
    history(['restore', 0, 1], ['revoke', 2, 3], ['use', 4, 5]),
    history(['revoke', 2, 3], ['restore', 4, 5, 'refused'], ['use', 6, 7]),
    history(['revoke', 2, 3], ['use', 4, 5], ['restore', 6, 7]),
    history(['revoke', 2, 3], ['restore', 4, 5], ['revoke', 6, 7], ['use', 8, 9]),
    history(['revoke', 0, 1], ['revoke', 2, never, 'unknown'], ['use', 4, 5]),
  ])
    assert.equal(violationsOf(events).length, 1, JSON.stringify(events))
})

test('keys have nothing to do with each other', () => {
  const [revoke, use] = history(['revoke', 2, 3], ['use', 4, 5]) as [Event, Event]
  assert.deepEqual(violationsOf([revoke, { ...use, key: 'other' }]), [])
})

/** Every order of the events in time, with every choice of what happened: slow, and plainly right. */
function isLinearizable(events: readonly Event[]): boolean {
  const place = (left: readonly Event[], alive: boolean): boolean => {
    if (left.every(({ outcome }) => outcome !== 'done')) return true
    // Whoever was asked after another one had been answered comes after it.
    const first = left.filter((event) =>
      left.every((other) => !(other.outcome === 'done' && other.answeredAt < event.askedAt)),
    )
    return first.some((event) => {
      const others = left.filter((other) => other !== event)
      if (event.outcome === 'unknown' && place(others, alive)) return true
      if (event.kind === 'use') return (alive || event.outcome === 'unknown') && place(others, alive)
      return place(others, event.kind === 'restore')
    })
  }
  return place(
    events.filter(({ kind, outcome }) => outcome === 'done' || (kind !== 'use' && outcome === 'unknown')),
    true,
  )
}

test('the check agrees with a search through all orders, for every use by itself', () => {
  const change = fc.record({
    kind: fc.constantFrom('revoke' as const, 'restore' as const),
    gap: fc.nat({ max: 3 }),
    takes: fc.integer({ min: 1, max: 4 }),
    outcome: fc.constantFrom('done' as const, 'done' as const, 'unknown' as const, 'refused' as const),
  })
  const use = fc.record({ askedAt: fc.nat({ max: 20 }), takes: fc.integer({ min: 1, max: 8 }) })
  let failing = 0
  fc.assert(
    fc.property(fc.array(change, { maxLength: 5 }), use, (changes, { askedAt, takes }) => {
      let now = 0
      const events = changes.map(({ kind, gap, takes: lasted, outcome }): Short => {
        const asked = now + gap + 0.5
        now = asked + lasted
        return [kind, asked, now, outcome]
      })
      const all = history(...events, ['use', askedAt, askedAt + takes])
      const passes = violationsOf(all).length === 0
      if (!passes) failing++
      assert.equal(passes, isLinearizable(all))
    }),
    { numRuns: 5_000 },
  )
  assert.ok(failing > 200, `only ${failing} histories failed`)
})
