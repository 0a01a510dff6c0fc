import { problem } from '../../domain/errors.ts'
import type { Clock, Random } from '../../domain/ports.ts'
import type { ForeignCommits, StoreEngine } from '../engine.ts'
import { type FactsOfAll, factsOfAll } from '../rows.ts'
import { type Batch, writeBackup } from '../sqlite/backup.ts'
import { committerOn } from './commit.ts'
import { type Leases, openLeases } from './lease.ts'
import { migrate } from './migrate.ts'
import { openOnceOnly } from './once.ts'
import { connect, explained, openPool, type PoolOptions, unavailable } from './pool.ts'
import { type Reader, readerOn } from './reader.ts'
import { collectionsOf, tablesIn } from './tables.ts'

export type PostgresOptions = PoolOptions & {
  readonly clock: Pick<Clock, 'wall'>
  readonly monotonic: () => number
  readonly random: Pick<Random, 'uuid'>
  /** The schema that holds the tables, `keyward` without it. Made where it is missing. */
  readonly schema?: string
  /** This node among those that share the database: its unsettled audit records are its own. The same at every start. */
  readonly node?: string
  /** For a copy of everything, while no node runs: the unsettled records of all nodes are told. */
  readonly ofEveryNode?: boolean
  /** How long a node that does not answer holds up the changes of the others, in milliseconds; 2,000 without it. */
  readonly leaseMs?: number
  /** False for engines without LISTEN: nodes then hear of a commit when they renew their lease. */
  readonly listens?: boolean
  readonly facts?: FactsOfAll
}

export type PostgresStore = StoreEngine & Required<ForeignCommits> & Required<Pick<StoreEngine, 'lease' | 'onceOnly'>>

/**
 * Everything in a PostgreSQL database that several nodes share. Reads and commits are one round trip each; both go on
 * through a failover, and a commit whose answer was lost is looked for before it is repeated (commit.ts).
 *
 * PostgreSQL keeps old versions of rows until it vacuums them, and in its write-ahead log and archives: what is removed is
 * gone for the service, not from the disks. Records come out frozen but are read anew each time: cached.ts in front of
 * this makes them the same object.
 */
export async function openPostgresStore(options: PostgresOptions): Promise<PostgresStore> {
  const facts = options.facts ?? factsOfAll
  const node = options.node ?? 'keyward'
  const listens = options.listens ?? true
  const tables = tablesIn(options.schema ?? 'keyward')
  const epoch = await migrate(options, tables, facts).catch((error: unknown) => {
    throw unavailable(error)
  })
  const pool = openPool(options)
  const reader = readerOn(pool.repeat, tables, facts)
  const committer = committerOn({
    pool,
    tables,
    facts,
    random: options.random,
    node,
    epoch,
    notifies: listens,
    expect: (commitId) => leases.expect(commitId),
  })
  let leases: Leases
  let closing: Promise<void> | undefined

  function requireOpen(): void {
    if (closing !== undefined) throw problem('StoreUnavailable', { message: 'The store is closed.' })
  }

  async function read<T>(from: () => Promise<T>): Promise<T> {
    requireOpen()
    try {
      return await from()
    } catch (error) {
      throw unavailable(error)
    }
  }

  const onceOnly = openOnceOnly({ ...options, tables })
  /** Commits that the store is not closed before. */
  const underWay = new Set<Promise<void>>()

  async function untilMade(commit: Promise<void>): Promise<void> {
    underWay.add(commit)
    try {
      await commit
    } finally {
      underWay.delete(commit)
    }
  }

  try {
    await forgetOldMarks()
    leases = await openLeases({
      ...options,
      pool,
      tables,
      node,
      instance: options.random.uuid(),
      leaseMs: options.leaseMs ?? defaultLeaseMs,
      listens,
      isOwn: committer.isOwn,
      finished: committer.finished,
    })
  } catch (error) {
    await pool.close()
    throw unavailable(error)
  }

  /** Of processes that ended before they could; a statement that is a day late is not on its way any more. */
  async function forgetOldMarks(): Promise<void> {
    await pool.repeat(`DELETE FROM ${tables.commits} WHERE made_at < now() - interval '1 day'`)
  }

  return {
    get: (collection, partition, id) => read(() => reader.get(collection, partition, id)),
    getWithNext: (collection, partition, id) => read(() => reader.getWithNext(collection, partition, id)),
    list: (collection, query) => read(() => reader.list(collection, query)),
    due: (collection, before, limit) => read(() => reader.due(collection, before, limit)),
    count: (collection, partition, within) => read(() => reader.count(collection, partition, within)),
    scan: (collection, after, limit) => read(() => reader.scan(collection, after, limit)),
    async commit(changes, record) {
      requireOpen()
      await untilMade(committer.commit(changes, record))
    },
    async load(collection, records) {
      requireOpen()
      await untilMade(committer.load(collection, records))
    },
    unsettled: () =>
      read(async () => {
        const records = await reader.unsettled(options.ofEveryNode ? undefined : node)
        return records.filter(({ requestId }) => !committer.settling.has(requestId))
      }),
    settled(requestIds) {
      committer.settle(requestIds)
    },
    async backup(toFile) {
      requireOpen()
      const database = connect(options, { max: 1, connection: { application_name: 'keyward', statement_timeout: 0 } })
      try {
        await database.begin('isolation level repeatable read read only', async (transaction) => {
          const moment = readerOn(async (text, values) => await transaction.unsafe(text, [...values]), tables, facts)
          await writeBackup(toFile, facts, everything(moment, facts), await moment.unsettled(node))
        })
      } catch (error) {
        throw unavailable(explained(error))
      } finally {
        await database.end({ timeout: 1 }).catch(() => {})
      }
    },
    async check() {
      requireOpen()
      await committer.probe()
    },
    close() {
      closing ??= (async () => {
        await Promise.allSettled(underWay)
        // What is not written now is settled again at the next start.
        await committer.flush().catch(() => {})
        await Promise.all([leases.close(), onceOnly.close()])
        await pool.close()
      })()
      return closing
    },
    generation: leases.generation,
    watch: leases.watch,
    lease: leases,
    onceOnly,
  }
}

export const defaultLeaseMs = 2_000
const scanSize = 1_000

async function* everything(reader: Reader, facts: FactsOfAll): AsyncIterable<Batch> {
  for (const collection of collectionsOf(facts)) {
    const { partition, id } = facts[collection]
    let after: { readonly partition: string; readonly id: string } | undefined
    for (;;) {
      const records = await reader.scan(collection, after, scanSize)
      const last = records.at(-1)
      if (last === undefined) break
      yield { collection, records }
      after = { partition: partition(last), id: id(last) }
    }
  }
}
