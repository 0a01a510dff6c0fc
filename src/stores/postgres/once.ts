import { problem } from '../../domain/errors.ts'
import type { Clock, OnceOnly } from '../../domain/ports.ts'
import { arrayText } from './array.ts'
import { openLine } from './line.ts'
import { type PoolOptions, unavailable } from './pool.ts'
import type { Tables } from './tables.ts'

/** So many names go into one statement. */
const mostAtOnce = 500
const sweepEveryMs = 60_000
const patienceMs = 5_000

type Claim = {
  readonly name: string
  readonly until: number
  readonly resolve: (isFirst: boolean) => void
  readonly reject: (error: unknown) => void
}

/**
 * Claims that come while a statement is under way go together in the next one. They are not waited for until they are on
 * disk: a crash of the database forgets those of its last half second, and nothing else depends on them.
 */
export function openOnceOnly(
  options: PoolOptions & { readonly tables: Tables; readonly clock: Pick<Clock, 'wall'> },
): OnceOnly & { close(): Promise<void> } {
  const { tables, clock } = options
  const line = openLine({ ...options, patienceMs, greeting: 'SET synchronous_commit = off' })
  let waiting: Claim[] = []
  let sending = false
  let sweptAt = clock.wall()

  async function send(): Promise<void> {
    if (sending) return
    sending = true
    while (waiting.length > 0) {
      const batch = waiting.slice(0, mostAtOnce)
      waiting = waiting.slice(mostAtOnce)
      try {
        const first = await insert(batch)
        for (const { name, resolve } of batch) resolve(first.delete(name))
      } catch (error) {
        // Whether they were claimed is not known: whoever asked must come with others.
        for (const { reject } of batch) reject(unavailable(error))
      }
      await sweep().catch(() => {})
    }
    sending = false
  }

  async function insert(batch: readonly Claim[]): Promise<Set<string>> {
    const rows = await line.query(
      `INSERT INTO ${tables.once} (name, until) SELECT * FROM unnest($1::text[], $2::bigint[])
      ON CONFLICT DO NOTHING RETURNING name`,
      [arrayText(batch.map(({ name }) => name)), arrayText(batch.map(({ until }) => until))],
    )
    return new Set(rows.map(({ name }) => String(name)))
  }

  async function sweep(): Promise<void> {
    const now = clock.wall()
    if (Math.abs(now - sweptAt) < sweepEveryMs) return
    sweptAt = now
    await line.query(`DELETE FROM ${tables.once} WHERE until < $1::bigint`, [now])
  }

  return {
    claim(name, until) {
      return new Promise((resolve, reject) => {
        waiting.push({ name, until, resolve, reject })
        void send()
      })
    },
    async close() {
      for (const { reject } of waiting) reject(problem('StoreUnavailable', { message: 'The store is closed.' }))
      waiting = []
      await line.close()
    },
  }
}
