import { isIP } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { checkServerIdentity } from 'node:tls'
import postgres from 'postgres'
import { Problem, problem } from '../../domain/errors.ts'

export type PoolOptions = {
  /** `postgres://user:password@host:port,host:port/database`: the node that takes writes is found among them. */
  readonly url: string
  /**
   * Without it the server must show a certificate of a known authority for the host's own name. `off` is for a socket or
   * a network that nobody else can touch.
   */
  readonly tls?: 'off' | { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /** The most connections at a time; 10 without it. */
  readonly connections?: number
  /**
   * How long a statement may take, in milliseconds; 5,000 without it. Ours take a few: what takes so long has met a dead
   * connection, or a lock of somebody else's tool.
   */
  readonly answerWithinMs?: number
}

export type Value = string | number | null
export type Found = Readonly<Record<string, unknown>>

/** The connection broke, or nothing came back in time: whether the statement was carried out is not known. */
export class Lost extends Error {}

/** The database has answered that it did not carry out the statement. The code is an SQLSTATE. */
export class Refused extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(`${code}: ${message}`)
    this.code = code
  }
}

export type Pool = {
  /** One statement, in a transaction of its own. Rejects with Lost or Refused. */
  query(text: string, values?: readonly Value[]): Promise<readonly Found[]>
  /** For a statement that may be carried out twice: repeats it through a failover. */
  repeat(text: string, values?: readonly Value[]): Promise<readonly Found[]>
  /** The database has just not answered somebody else in time: what is asked from now on goes over new connections. */
  suspect(): void
  close(): Promise<void>
}

const answerWithinMs = 5_000

/** Long enough for a standby to take over where that is quick; callers are told to try again where it is not. */
const pausesMs = [20, 50, 100, 200, 400, 800, 1_600]

export function openPool(options: PoolOptions): Pool {
  const waitMs = options.answerWithinMs ?? answerWithinMs
  /** Seconds for the statements under way to end, once their pool is given up. */
  const graceSeconds = waitMs / 1000
  let current = connect(options)
  let closed = false

  /** A pool that lost one connection has probably lost them all, and is not asked again. */
  function giveUp(pool: postgres.Sql): void {
    if (pool !== current || closed) return
    current = connect(options)
    pool.end({ timeout: graceSeconds }).catch(() => {})
  }

  async function query(text: string, values: readonly Value[] = []): Promise<readonly Found[]> {
    const used = current
    try {
      return await inTime(waitMs, used.unsafe(text, [...values], { prepare: true }))
    } catch (error) {
      const told = explained(error)
      if (told instanceof Lost) giveUp(used)
      throw told
    }
  }

  return {
    query,
    repeat: (text, values) => throughFailover(() => query(text, values)),
    suspect: () => giveUp(current),
    close: async () => {
      closed = true
      await current.end({ timeout: graceSeconds }).catch(() => {})
    },
  }
}

/** One connection for a longer piece of work: a migration, a backup, listening. */
export function connect(options: PoolOptions, special: postgres.Options<Record<string, never>> = {}): postgres.Sql {
  const waitMs = options.answerWithinMs ?? answerWithinMs
  return postgres(options.url, {
    max: options.connections ?? 10,
    connect_timeout: waitMs / 1000,
    idle_timeout: 60,
    ssl:
      options.tls === 'off'
        ? false
        : { rejectUnauthorized: true, checkServerIdentity: identityFor(options.url), ...options.tls },
    target_session_attrs: 'read-write',
    // Asks the catalog about types that we do not use.
    fetch_types: false,
    onnotice: () => {},
    connection: {
      application_name: 'keyward',
      statement_timeout: waitMs,
      default_transaction_isolation: 'read committed',
    },
    ...special,
  })
}

/**
 * The driver names the host to TLS only where it is a name; for an address Node would look for `localhost` in the
 * certificate. So for addresses the certificate must be for one of those in the URL.
 */
function identityFor(url: string): typeof checkServerIdentity {
  const authority = /^[a-z]+:\/\/(?:[^@/?]*@)?([^/?]*)/.exec(url)?.[1] ?? ''
  const hosts = decodeURIComponent(authority)
    .split(',')
    .map((host) => host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'))
  const addresses = hosts.filter((host) => isIP(host) !== 0)
  return (name, certificate) => {
    if (hosts.includes(name) || addresses.length === 0) return checkServerIdentity(name, certificate)
    const errors = addresses.map((address) => checkServerIdentity(address, certificate))
    return errors.includes(undefined) ? undefined : errors[0]
  }
}

/** Repeats what was lost, with growing pauses; what still is lost then is lost. */
export async function throughFailover<T>(act: () => Promise<T>): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof Lost)) throw error
    }
    await wait(pauseMs)
  }
  return act()
}

/** How it is told to callers. What the database said goes to the log; it holds names at most. */
export function unavailable(error: unknown): unknown {
  if (error instanceof Lost || error instanceof Refused) return problem('StoreUnavailable', { cause: error })
  return error
}

/** A little later than the limit that the server was given, which tells more. */
export async function inTime<T>(waitMs: number, answer: PromiseLike<T>): Promise<T> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => timeout.reject(new Lost('No answer in time.')), waitMs * 1.2)
  try {
    return await Promise.race([answer, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * SQLSTATEs of a server that goes down, comes up, is full, or takes no writes any more. Of a statement that meets one of
 * these it is not certain that nothing happened, or it may be carried out by another server.
 */
const serverGoes = /^(?:08...|57P0.|25006|53300)$/

/**
 * The errors of the driver hold the values of the statement: they are never passed on. What is not the database's own is
 * the network's (sockets, TLS, the driver's time-outs), and has a code; what has none is a bug.
 */
export function explained(error: unknown): unknown {
  if (error instanceof Lost || error instanceof Problem || !(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (error instanceof postgres.PostgresError && !serverGoes.test(code)) return new Refused(code, error.message)
  return code === '' ? error : new Lost(`${code}: ${error.message}`)
}
