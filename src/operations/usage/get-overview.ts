import { z } from 'zod'
import type { Key } from '../../domain/key.ts'
import { stateAt, type Upcoming, upcomingOf } from '../../domain/lifecycle.ts'
import type { World } from '../../domain/ports.ts'
import { partitionOf, type Scope } from '../../domain/scope.ts'
import { dayMs, type Instant } from '../../domain/time.ts'
import { operation } from '../operation.ts'
import { instant, keyProtection, none } from '../shapes.ts'

/** So many keys of the calendar are looked at: the answer stays small and quick however many there are. */
const mostUpcoming = 500
const calendarDays = 30
const mostRefusals = 20

/** The states a key is counted by. Deleted keys are gone. */
const states = ['Enabled', 'Disabled', 'PendingImport', 'PendingDeletion', 'PendingReplicaDeletion'] as const
type State = (typeof states)[number]

export const getOverview = operation({
  name: 'GetOverview',
  summary:
    'How many keys are in which state, what happens to them in the next 30 days, and who was refused what today.',
  group: 'usage',
  rest: 'GET /v1/overview',
  cli: 'usage overview',
  key: undefined,
  input: none,
  output: z.object({
    account: z.string(),
    region: z.string(),
    keys: z.object({
      total: z.number().int(),
      byState: z.object({
        Enabled: z.number().int(),
        Disabled: z.number().int(),
        PendingImport: z.number().int(),
        PendingDeletion: z.number().int(),
        PendingReplicaDeletion: z.number().int(),
      }),
    }),
    calendar: z.object({
      until: instant().describe('The entries are complete up to here: 30 days, or less where there are very many.'),
      entries: z.array(
        z.object({
          type: z.enum(['rotation', 'materialExpiry', 'deletion']),
          at: instant(),
          keyId: z.string(),
          description: z.string(),
        }),
      ),
    }),
    refusals: z.object({
      from: instant(),
      total: z.number().int(),
      lines: z
        .array(
          z.object({
            principal: z.string(),
            operation: z.string(),
            outcome: z.string(),
            count: z.number().int(),
            lastAt: instant(),
            lastIndex: z.number().int().describe('Place of the last one in the audit log.'),
          }),
        )
        .describe('The latest ones, summed up by hour.'),
    }),
    audit: z.object({ healthy: z.boolean(), records: z.number().int() }),
    devices: z.array(z.object({ protectionLevel: keyProtection, healthy: z.boolean() })),
    importsWaiting: z.number().int().describe('Imports that wait for a second principal.'),
  }),
  audit: [],
  async run({ world, scope, now }) {
    const { store } = world
    const from = now - dayMs
    const [counts, upcoming, refusals, importsWaiting] = await Promise.all([
      countsByState(world, scope),
      store.list('key', { partition: partitionOf(scope), index: 'upcoming', limit: mostUpcoming }),
      world.usage.refusals(scope, { from, limit: mostRefusals }),
      store.count('importRequest', partitionOf(scope)),
    ])
    // Those whose time has come are in their new state already, though no chore has written it down yet.
    for (const key of upcoming.records) {
      const is = stateAt(key, now).is
      if (is === key.state.is) continue
      counts[key.state.is as State] -= 1
      if (is !== 'Deleted') counts[is] += 1
    }
    const until = Math.min(
      now + calendarDays * dayMs,
      upcoming.next === undefined
        ? Number.POSITIVE_INFINITY
        : (upcomingOf(upcoming.records.at(-1) as Key)[0]?.at ?? now),
    )
    return {
      ...scope,
      keys: { total: states.reduce((sum, state) => sum + counts[state], 0), byState: counts },
      calendar: {
        until,
        entries: upcoming.records
          .flatMap((key) => entriesOf(key, now, until))
          .sort((left, right) => left.at - right.at),
      },
      refusals: { from, total: refusals.total, lines: refusals.lines.map(({ hour: _, ...line }) => line) },
      audit: { healthy: world.audit.healthy(), records: world.audit.size() },
      devices: [...world.devices].map(([level, device]) => ({ protectionLevel: level, healthy: device.healthy() })),
      importsWaiting,
    }
  },
})

async function countsByState({ store }: Pick<World, 'store'>, scope: Scope): Promise<Record<State, number>> {
  const counted = await Promise.all(
    states.map((state) => store.count('key', partitionOf(scope), { index: 'state', prefix: state })),
  )
  return Object.fromEntries(states.map((state, at) => [state, counted[at] as number])) as Record<State, number>
}

/** Of rotations all that fall into the time, not only the next one. */
function entriesOf(key: Key, now: Instant, until: Instant) {
  const { keyId, description } = key
  const entries: (Upcoming & { readonly keyId: string; readonly description: string })[] = []
  for (const { type, at } of upcomingOf(key)) {
    const everyMs = type === 'rotation' && key.rotation !== undefined ? key.rotation.periodDays * dayMs : until
    for (let time = at; time <= until; time += everyMs)
      if (time > now) entries.push({ type, at: time, keyId, description })
  }
  return entries
}
