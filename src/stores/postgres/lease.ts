import { setTimeout as wait } from 'node:timers/promises'
import { problem } from '../../domain/errors.ts'
import type { Clock } from '../../domain/ports.ts'
import type { ForeignCommits, NodeLease } from '../engine.ts'
import type { RecordName } from '../rows.ts'
import { acknowledgementOf, namesOfText, parseAnnouncement } from './announcement.ts'
import { arrayText } from './array.ts'
import { openLine } from './line.ts'
import { type Pool, type PoolOptions, unavailable } from './pool.ts'
import type { Tables } from './tables.ts'

/**
 * How a commit holds everywhere before it is answered (docs/decisions/leases.md has the whole argument).
 *
 * A node that answers from memory has a row in `lease`. It renews the row all the time, and trusts it for nearly nine tenths
 * of the lease by its own clock, counted from before the renewal was sent. Every commit leaves a mark with the names of what
 * it changed. A renewal reads all marks in the snapshot in which it is made, and nothing is answered under it before what
 * they name was dropped from memory. So for each row that the committer finds after its commit there are three ends:
 *
 * - the node says that it has dropped what the commit changed: at once, since it hears a NOTIFY; or with a renewal;
 * - the row stays as it was for nearly a whole lease by the committer's clock: the node has stopped trusting it. The row is
 *   removed, and a renewal that is still on its way finds none;
 * - the row is gone: given back, or removed by another committer who has waited as long.
 *
 * No two clocks are compared: only that they run at the same rate, give or take a twentieth.
 */
export type Leases = NodeLease &
  Required<ForeignCommits> & {
    /** To be called before a commit is sent: what is acknowledged from then on is counted. */
    expect(commitId: string): Expected
    close(): Promise<void>
  }

export type Expected = {
  /** Resolves once no node answers from what was before this commit. */
  everywhere(): Promise<void>
  /** It was not made, or nobody waits for it. */
  forget(): void
}

export type LeasesOptions = PoolOptions & {
  readonly clock: Pick<Clock, 'wall'>
  /** Milliseconds from an arbitrary point; a process that is stopped does not stop it. */
  readonly monotonic: () => number
  readonly pool: Pool
  readonly tables: Tables
  readonly node: string
  /** This process, among all that ever had the name of the node. */
  readonly instance: string
  readonly leaseMs: number
  /** Does the engine have LISTEN? Without it others hear of a commit when they renew. */
  readonly listens: boolean
  /** A commit of this process, of which it knows by itself. */
  readonly isOwn: (commitId: string) => boolean
  /** Marks that nobody needs any more: a renewal removes them. */
  readonly finished: { take(): readonly string[]; putBack(commitIds: readonly string[]): void }
}

/**
 * The holder trusts its lease for less than the others wait for its end. They wait for a little less than the lease, so that
 * it bounds the whole change with all its round trips.
 */
const trustedShare = 0.88
const waitedShare = 0.98
/** Of a lease: further apart than this the two clocks of a machine do not agree how long it has run. */
const disagreementShare = 0.05
/** Renewals in a lease, so that two may be lost. Without LISTEN they also are how others hear of a commit. */
const renewals = { listening: 4, deaf: 10 } as const
/** A clock that is so far from the database's would kill keys at the wrong time. Signatures allow some minutes. */
const mostSkewMs = 60_000
/** Of late, in order. */
const mostRemembered = 10_000

/** Milliseconds since 1970, as text. */
const databaseNow = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint::text'

type Reading = { readonly monotonic: number; readonly wall: number }

export async function openLeases(options: LeasesOptions): Promise<Leases> {
  const { clock, monotonic, pool, tables, node, instance, leaseMs, isOwn } = options
  const channel = tables.channel.slice(1, -1)
  const trustedMs = leaseMs * trustedShare
  const disagreementMs = leaseMs * disagreementShare
  const renewEveryMs = leaseMs / (options.listens ? renewals.listening : renewals.deaf)
  const watchers: ((names: readonly RecordName[]) => void)[] = []
  const expected = new Map<string, { readonly by: Set<string>; heard: () => void }>()

  /** When the last renewal that was answered was sent. */
  let sentAt: Reading | undefined
  let failing: string | undefined = 'The lease was not taken yet.'
  let term = 0
  /** Grows when everything that was read earlier is to be dropped. */
  let generation = 0
  let taken = false
  let closed = false
  let renewing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  // ------------------------------------------------------------------------------------------- what others have changed

  /** Commits whose names were dropped here. */
  const dropped = new Set<string>()
  /** Of those, what the last renewal found still standing: the next one says that they are acknowledged. */
  let standing: readonly string[] = []
  /** What was notified before this connection listened is known only once a renewal has read the marks. */
  let caughtUp = false
  let toAcknowledge: string[] = []
  let acknowledging = false

  const line = openLine({
    ...options,
    greeting: options.listens ? `LISTEN ${tables.channel}` : 'SELECT 1',
    patienceMs: leaseMs / 2,
    // A renewal is the first to notice that the database is gone without a word.
    onLost: pool.suspect,
    onConnected: () => {
      caughtUp = false
    },
    onNotification: (text) => {
      const told = parseAnnouncement(text)
      if ('commitId' in told) {
        if (!isOwn(told.commitId)) drop(told.commitId, told.names)
        return
      }
      for (const commitId of told.acknowledged) {
        const waiting = expected.get(commitId)
        waiting?.by.add(told.by)
        waiting?.heard()
      }
    },
  })

  function drop(commitId: string, names: readonly RecordName[] | 'many'): void {
    if (!dropped.has(commitId)) {
      dropped.add(commitId)
      if (dropped.size > mostRemembered) dropped.delete(dropped.values().next().value as string)
      if (names === 'many') generation++
      else for (const changed of watchers) changed(names)
    }
    if (taken) toAcknowledge.push(commitId)
    if (caughtUp) acknowledge()
  }

  function acknowledge(): void {
    if (acknowledging || toAcknowledge.length === 0) return
    acknowledging = true
    const ids = toAcknowledge.slice(0, mostAtOnce)
    toAcknowledge = toAcknowledge.slice(mostAtOnce)
    line
      .query('SELECT pg_notify($1, $2)', [channel, acknowledgementOf(ids, instance)])
      // Whoever does not hear it reads it from the row.
      .catch(() => {})
      .then(() => {
        acknowledging = false
        acknowledge()
      })
  }

  // ------------------------------------------------------------------------------------------------------ the own lease

  function reading(): Reading {
    return { monotonic: monotonic(), wall: clock.wall() }
  }

  /**
   * The monotonic clock runs while a process is stopped, but not while a machine sleeps; the wall clock is put forward
   * then. Where the two do not agree, nobody knows how old the lease is.
   */
  function holds(): boolean {
    if (sentAt === undefined) return false
    const passed = monotonic() - sentAt.monotonic
    const passedOnWall = clock.wall() - sentAt.wall
    if (passed < trustedMs && Math.abs(passedOnWall - passed) <= disagreementMs) return true
    sentAt = undefined
    failing = `The lease of node ${node} ran out before it was renewed.`
    void renew()
    return false
  }

  function renew(): Promise<void> {
    renewing ??= renewOnce()
      .catch(() => {
        failing ??= `The lease of node ${node} cannot be renewed: the database does not answer.`
      })
      .finally(() => {
        renewing = undefined
      })
    return renewing
  }

  async function renewOnce(): Promise<void> {
    if (!taken || closed) return
    const sent = reading()
    const finished = options.finished.take()
    const statement = `WITH renewed AS (
        UPDATE ${tables.leases} SET renewals = renewals + 1, acknowledged = $3
        WHERE node = $1 AND instance = $2 RETURNING 1),
      finished AS (DELETE FROM ${tables.commits} WHERE id = ANY ($4::text[]))
      SELECT NULL AS id, ${databaseNow} AS told FROM renewed
      UNION ALL SELECT id, names AS told FROM ${tables.commits} WHERE outcome = 'made' AND names <> ''`
    const rows = await line
      .query(statement, [node, instance, JSON.stringify(standing), arrayText(finished)])
      .catch((error: unknown) => {
        options.finished.putBack(finished)
        throw error
      })
    if (closed) return
    const renewed = rows.find(({ id }) => id === null)
    if (renewed === undefined) {
      // Somebody has waited for this node for a whole lease, and has gone on without it.
      sentAt = undefined
      if (!(await register())) failing = takenByAnother(node)
      return
    }
    const marks = rows.filter(({ id }) => id !== null && !isOwn(String(id)))
    caughtUp = true
    for (const { id, told } of marks) if (!dropped.has(String(id))) drop(String(id), namesOfText(String(told)))
    standing = marks.map(({ id }) => String(id))
    acknowledge()
    trust(sent, Number(renewed.told))
  }

  function trust(sent: Reading, databaseAt: number): void {
    const skew = clock.wall() - databaseAt
    if (Math.abs(skew) > mostSkewMs) {
      sentAt = undefined
      failing = `The clock of node ${node} and that of the database differ by ${Math.round(skew / 1000)} seconds.`
      return
    }
    sentAt = sent
    failing = undefined
  }

  /** A new term, in which nothing is remembered of before. False where another process has the name. */
  async function register(): Promise<boolean> {
    const sent = reading()
    const [row] = await line.query(
      `INSERT INTO ${tables.leases} AS l (node, instance, lease_ms, renewals, acknowledged)
      VALUES ($1, $2, $3::bigint, 0, '[]')
      ON CONFLICT (node) DO UPDATE SET renewals = l.renewals + 1 WHERE l.instance = excluded.instance
      RETURNING ${databaseNow} AS now`,
      [node, instance, leaseMs],
    )
    if (row === undefined) return false
    term++
    generation++
    standing = []
    trust(sent, Number(row.now))
    return true
  }

  // --------------------------------------------------------------------------------------------------- the others' leases

  async function holders(): Promise<readonly Holder[]> {
    const rows = await pool.repeat(`SELECT node, instance, lease_ms, renewals, acknowledged FROM ${tables.leases}`)
    return rows.map((row) => ({
      node: String(row.node),
      instance: String(row.instance),
      leaseMs: Number(row.lease_ms),
      renewals: Number(row.renewals),
      acknowledged: JSON.parse(String(row.acknowledged)) as readonly string[],
    }))
  }

  /** Of a holder that nobody heard of for a whole lease. A renewal that is still on its way finds nothing to renew. */
  async function removeUnlessRenewed(holder: Holder): Promise<void> {
    await pool.repeat(`DELETE FROM ${tables.leases} WHERE node = $1 AND instance = $2 AND renewals = $3::bigint`, [
      holder.node,
      holder.instance,
      holder.renewals,
    ])
  }

  /** Or is this what a crash has left? That takes one lease to tell, and then it is gone. */
  async function isRunning(found: Holder): Promise<boolean> {
    await wait(found.leaseMs)
    const again = (await holders()).find((holder) => holder.instance === found.instance)
    if (again !== undefined && again.renewals !== found.renewals) return true
    await removeUnlessRenewed(found)
    return false
  }

  async function everywhere(commitId: string, by: ReadonlySet<string>, heard: () => Promise<void>): Promise<void> {
    const knows = (holder: Holder) => by.has(holder.instance) || holder.acknowledged.includes(commitId)
    // Asked after the commit: whoever takes a lease later begins with what was committed.
    const found = await holders()
    const startedAt = monotonic()
    let waitingFor = found
      .filter((holder) => holder.instance !== instance && !knows(holder))
      .map((holder) => ({ ...holder, until: startedAt + holder.leaseMs * waitedShare }))
    let askAgainAt = startedAt + renewEveryMs
    while (waitingFor.length > 0) {
      const next = Math.min(askAgainAt, ...waitingFor.map(({ until }) => until))
      await Promise.race([heard(), wait(Math.max(0, next - monotonic()), undefined, { ref: false })])
      waitingFor = waitingFor.filter((holder) => !knows(holder))
      if (waitingFor.length === 0 || monotonic() < next) continue

      await Promise.all(waitingFor.filter(({ until }) => until <= monotonic()).map(removeUnlessRenewed))
      const now = new Map((await holders()).map((holder) => [holder.instance, holder]))
      const askedAt = monotonic()
      waitingFor = waitingFor.flatMap((holder) => {
        const latest = now.get(holder.instance)
        if (latest === undefined || knows(latest)) return []
        return latest.renewals === holder.renewals
          ? holder
          : { ...latest, until: askedAt + latest.leaseMs * waitedShare }
      })
      askAgainAt = askedAt + renewEveryMs
      const stubborn = waitingFor.find((holder) => askedAt > startedAt + holder.leaseMs * mostLeases)
      if (stubborn !== undefined)
        throw problem('StoreUnavailable', {
          message: `The change was made, but node ${stubborn.node} renews its lease and does not say that it knows.`,
          mend: 'End that node, then repeat the call.',
        })
    }
  }

  await line.connect()

  return {
    node,
    boundMs: leaseMs,
    term: () => (holds() ? term : undefined),
    failing: () => (holds() ? undefined : failing),
    generation: () => (holds() ? generation : undefined),
    watch: (changed) => {
      watchers.push(changed)
    },
    async requireAlone() {
      const others = (await holders()).filter((holder) => holder.instance !== instance)
      const running = await Promise.all(others.map(isRunning))
      const found = others.find((_, at) => running[at])
      if (found !== undefined)
        throw problem('Conflict', { message: `Node ${found.node} runs on this store.`, mend: 'End all nodes first.' })
    },
    async take() {
      taken = true
      try {
        while (!(await register())) {
          const found = (await holders()).find((holder) => holder.node === node)
          if (found !== undefined && (await isRunning(found))) throw nameTaken(node)
        }
      } catch (error) {
        taken = false
        throw unavailable(error)
      }
      timer = setInterval(renew, renewEveryMs)
      timer.unref()
      await renew()
    },
    expect(commitId) {
      let wake = Promise.withResolvers<void>()
      const waiting = {
        by: new Set<string>(),
        heard: () => {
          wake.resolve()
          wake = Promise.withResolvers<void>()
        },
      }
      expected.set(commitId, waiting)
      return {
        everywhere: () => everywhere(commitId, waiting.by, () => wake.promise),
        forget: () => expected.delete(commitId),
      }
    },
    async close() {
      closed = true
      sentAt = undefined
      failing = 'The service is ending.'
      clearInterval(timer)
      await line.close()
      await renewing
      // Nothing is answered any more: nobody needs to wait for this node.
      if (taken)
        await pool
          .query(`DELETE FROM ${tables.leases} WHERE node = $1 AND instance = $2`, [node, instance])
          .catch(() => {})
    },
  }
}

/** So many leases a node is waited for that renews and does not acknowledge, which is a bug of that node. */
const mostLeases = 4
/** So many acknowledgements fit into one notification. */
const mostAtOnce = 100

type Holder = {
  readonly node: string
  readonly instance: string
  /** Its own setting. */
  readonly leaseMs: number
  readonly renewals: number
  readonly acknowledged: readonly string[]
}

function takenByAnother(node: string): string {
  return `Another process runs as node ${node}.`
}

function nameTaken(node: string) {
  return problem('Conflict', {
    message: takenByAnother(node),
    mend: 'Give each node a name of its own (KEYWARD_NODE), the same at every start; or end the other process.',
  })
}
