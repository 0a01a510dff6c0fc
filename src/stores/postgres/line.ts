import type postgres from 'postgres'
import { connect, explained, type Found, inTime, Lost, type PoolOptions, type Value } from './pool.ts'

/**
 * One connection that is kept for as long as it lives: notifications come in over it, and statements that must not wait
 * behind others go out. A connection over which an answer does not come in time is given up, and the next statement
 * makes another one.
 */
export type Line = {
  /** Rejects with Lost or Refused. Statements are carried out one after the other. */
  query(text: string, values: readonly Value[]): Promise<readonly Found[]>
  connect(): Promise<void>
  close(): Promise<void>
}

export type LineOptions = PoolOptions & {
  /** The first statement on each connection: LISTEN, or a setting. */
  readonly greeting: string
  readonly onNotification?: (text: string) => void
  /** A new connection listens from now on: what was notified earlier may never come. */
  readonly onConnected?: () => void
  /** After so many milliseconds an answer is lost. */
  readonly patienceMs: number
  /** No answer came in time, or the connection broke. */
  readonly onLost?: () => void
}

/** Making a connection takes some round trips and signatures more than a statement does. */
const leastConnectMs = 500

export function openLine(options: LineOptions): Line {
  const { greeting, onNotification, onConnected, patienceMs } = options
  let current: Promise<postgres.Sql> | undefined
  let closed = false

  async function start(started: Promise<postgres.Sql>): Promise<postgres.Sql> {
    const client = connect({ ...options, answerWithinMs: Math.max(leastConnectMs, patienceMs) }, {
      max: 1,
      idle_timeout: undefined,
      max_lifetime: null,
      onnotify: (_: string, text: string) => {
        if (!closed) onNotification?.(text)
      },
      onclose: () => drop(started, client),
    } as postgres.Options<Record<string, never>>)
    try {
      await inTime(leastConnectMs + patienceMs, client.unsafe(greeting))
    } catch (error) {
      drop(started, client)
      throw error
    }
    onConnected?.()
    return client
  }

  function drop(started: Promise<postgres.Sql>, client: postgres.Sql): void {
    if (started === current) current = undefined
    client.end({ timeout: 0 }).catch(() => {})
  }

  function connected(): Promise<postgres.Sql> {
    if (current !== undefined) return current
    const { promise, resolve } = Promise.withResolvers<postgres.Sql>()
    current = promise
    resolve(start(promise))
    return promise
  }

  async function query(text: string, values: readonly Value[]): Promise<readonly Found[]> {
    if (closed) throw new Lost('The line is closed.')
    const used = connected()
    try {
      const client = await used
      try {
        return await inTime(patienceMs, client.unsafe(text, [...values], { prepare: true }))
      } catch (error) {
        if (explained(error) instanceof Lost) {
          drop(used, client)
          if (!closed) options.onLost?.()
        }
        throw error
      }
    } catch (error) {
      throw explained(error)
    }
  }

  return {
    query,
    async connect() {
      await connected().catch((error: unknown) => {
        throw explained(error)
      })
    },
    async close() {
      closed = true
      const open = current
      current = undefined
      await open?.then((client) => client.end({ timeout: 1 })).catch(() => {})
    },
  }
}
