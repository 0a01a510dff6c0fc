import type postgres from 'postgres'
import type { Clock } from '../../domain/ports.ts'
import type { Collection } from '../../domain/records.ts'
import type { Instant } from '../../domain/time.ts'
import type { ForeignCommits } from '../engine.ts'
import type { RecordName } from '../rows.ts'
import { connect, explained, type PoolOptions } from './pool.ts'
import type { Tables } from './tables.ts'

/**
 * How a node hears of what the others commit. Each commit notifies, in its transaction; PostgreSQL delivers notifications
 * in the order of the commits. So a node also notifies itself now and then: once it hears its own beat, it has heard of
 * everything that was committed before the beat was sent. What was read earlier may be answered for `leaseMs` from then
 * on, and no longer: that is the bound on how old an answer of this node can be, whatever the network does.
 */
export type Invalidation = Required<ForeignCommits> & { close(): Promise<void> }

export type InvalidationOptions = PoolOptions & {
  readonly clock: Pick<Clock, 'wall'>
  /** At most so old is what a node answers from memory, in milliseconds; mostly it is one millisecond. */
  readonly leaseMs: number
}

/** The longest text PostgreSQL notifies is one byte short of 8,000. */
const longestAnnouncement = 7_900

export function announcementOf(commitId: string, names: readonly RecordName[] | 'many'): string {
  const text = JSON.stringify(
    names === 'many'
      ? { commitId }
      : { commitId, names: names.map(({ collection, partition, id }) => [collection, partition, id]) },
  )
  return Buffer.byteLength(text) <= longestAnnouncement ? text : announcementOf(commitId, 'many')
}

/** Two leases long nothing was heard. */
const beatsOfDeath = 8

type Announcement = {
  readonly commitId?: string
  /** Absent where they are too many to be told. */
  readonly names?: readonly (readonly [Collection, string, string])[]
  readonly beat?: string
  readonly number?: number
}

export async function listen(
  options: InvalidationOptions,
  tables: Tables,
  self: { readonly instance: string; isOwn(commitId: string): boolean },
): Promise<Invalidation> {
  const { clock, leaseMs } = options
  const beatMs = Math.max(10, leaseMs / 4)
  const channel = tables.channel.slice(1, -1)
  const watchers: ((names: readonly RecordName[]) => void)[] = []
  /** Grows whenever something may have been missed. */
  let generation = 0
  let listening: postgres.Sql | undefined
  let connecting = false
  let closed = false
  let beats = 0
  const sentAt = new Map<number, number>()
  /** When the last beat that came back was sent: until then nothing was missed. */
  let heardUntil = Number.NEGATIVE_INFINITY
  let latest = Number.NEGATIVE_INFINITY

  /** A clock that was set back cannot tell how long ago a beat was sent: all of them count for nothing. */
  function now(): Instant {
    const wall = clock.wall()
    if (wall < latest) {
      heardUntil = Number.NEGATIVE_INFINITY
      sentAt.clear()
    }
    latest = wall
    return wall
  }

  function hear(text: string): void {
    const told = JSON.parse(text) as Announcement
    if (told.beat !== undefined) {
      if (told.beat !== self.instance) return
      const sent = sentAt.get(told.number ?? 0)
      if (sent === undefined) return
      heardUntil = Math.max(heardUntil, sent)
      for (const number of sentAt.keys()) if (number <= (told.number ?? 0)) sentAt.delete(number)
      return
    }
    if (told.commitId !== undefined && self.isOwn(told.commitId)) return
    if (told.names === undefined) {
      generation++
      return
    }
    const names = told.names.map(([collection, partition, id]) => ({ collection, partition, id }))
    for (const changed of watchers) changed(names)
  }

  async function start(): Promise<void> {
    connecting = true
    // Beats sent over an earlier connection say nothing of this one.
    sentAt.clear()
    const client = connect(options, {
      max: 1,
      idle_timeout: undefined,
      max_lifetime: null,
      onnotify: (_: string, text: string) => {
        if (client === listening) hear(text)
      },
      onclose: () => drop(client),
    } as postgres.Options<Record<string, never>>)
    try {
      await client.unsafe(`LISTEN ${tables.channel}`)
      if (closed) throw new Error('The store was closed.')
      listening = client
      // Whatever was committed while nobody listened.
      generation++
      await beat(client)
    } catch (error) {
      drop(client)
      throw explained(error)
    } finally {
      connecting = false
    }
  }

  function drop(client: postgres.Sql): void {
    if (client === listening) listening = undefined
    client.end({ timeout: 0 }).catch(() => {})
  }

  async function beat(client: postgres.Sql): Promise<void> {
    const number = ++beats
    sentAt.set(number, now())
    const text: Announcement = { beat: self.instance, number }
    await client.unsafe('SELECT pg_notify($1, $2)', [channel, JSON.stringify(text)])
  }

  function tick(): void {
    if (connecting || closed) return
    const client = listening
    if (client === undefined) start().catch(() => {})
    // A connection over which no beat comes back is dead, whatever it says itself.
    else if (sentAt.size >= beatsOfDeath) drop(client)
    else beat(client).catch(() => drop(client))
  }

  await start()
  const timer = setInterval(tick, beatMs)
  timer.unref()

  return {
    generation: () => (now() - heardUntil <= leaseMs ? generation : undefined),
    watch: (changed) => {
      watchers.push(changed)
    },
    close: async () => {
      closed = true
      clearInterval(timer)
      const client = listening
      listening = undefined
      await client?.end({ timeout: 1 }).catch(() => {})
    },
  }
}
