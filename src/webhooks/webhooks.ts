/**
 * Events to the addresses that the operator has configured, and to no others. Each event comes at least once, with the
 * same id every time, in no particular order; what cannot be delivered within three days is given up. Requests never
 * wait for any of this.
 */
import { rmSync } from 'node:fs'
import type { KeyEvent } from '../domain/event.ts'
import type { Random } from '../domain/ports.ts'
import { dayMs, hourMs, type Instant } from '../domain/time.ts'
import { type Post, post } from './post.ts'
import { type Delivery, openQueue } from './queue.ts'
import { signedHeaders } from './signature.ts'

const firstRetryMs = 5_000
const longestRetryMs = 6 * hourMs
const patienceMs = 3 * dayMs
/** To one address at a time: a slow receiver holds up only itself. */
const atOnce = 4
/** Events read from the fold at a time. */
const page = 200
/** The receiver says that it wants no more of this. */
const gone = 410

export type WebhooksNeeds = {
  /** A path, or `:memory:`. */
  readonly file: string
  readonly urls: readonly string[]
  readonly secrets: readonly Uint8Array[]
  readonly events: {
    catchUp(): Promise<void>
    folded(): number
    eventsFrom(place: number, limit: number): readonly KeyEvent[]
  }
  /** The machine's time: receivers compare it with their own. */
  readonly wall: () => Instant
  readonly random: Pick<Random, 'bytes'>
  /** Something that the operator should know: a delivery failed, or was given up. */
  readonly warn: (facts: Readonly<Record<string, unknown>>, words: string) => void
  readonly post?: Post
}

export type Webhooks = {
  /** Takes what is new, and begins to send what is due. Resolves without waiting for receivers. */
  round(): Promise<void>
  /** Resolves when nothing is being sent. */
  idle(): Promise<void>
  /** Messages that are still to be delivered. */
  waiting(): number
  /** What is being sent is broken off, and sent again after the next start. */
  stop(): Promise<void>
}

/** Nobody is to be told any more: whoever asks again is told of what comes after that. */
export function forgetWebhooks(file: string): void {
  if (file !== ':memory:') for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
}

export async function openWebhooks(needs: WebhooksNeeds): Promise<Webhooks> {
  const { urls, secrets, events, wall, random, warn, post: send = post } = needs
  const queue = openQueue(needs.file)
  // What happened before the operator asked to be told is not told.
  await events.catchUp()
  queue.follow(urls, events.folded())
  const stop = new AbortController()
  const sending = new Map<string, Promise<void>>()

  function takeNew(): void {
    while (queue.place() < events.folded()) {
      const found = events.eventsFrom(queue.place(), page)
      const last = found.at(-1)
      const isWhole = found.length < page || last === undefined
      queue.add(found, isWhole ? events.folded() : last.sequence + 1, wall())
      if (isWhole) return
    }
  }

  function sendDue(url: string): void {
    if (stop.signal.aborted) return
    const under = [...sending.keys()].filter((name) => name.startsWith(`${url} `)).length
    // Those that are being sent are still due: they are asked for, and passed over.
    for (const delivery of queue.due(url, wall(), atOnce + under)) {
      const name = `${url} ${delivery.eventId}`
      if (sending.has(name)) continue
      if ([...sending.keys()].filter((other) => other.startsWith(`${url} `)).length >= atOnce) return
      sending.set(
        name,
        deliver(delivery)
          .catch((error: unknown) => warn({ err: error }, 'the queue of webhooks cannot be written'))
          .finally(() => {
            sending.delete(name)
          }),
      )
    }
  }

  async function deliver(delivery: Delivery): Promise<void> {
    const { url, eventId, body } = delivery
    const headers = signedHeaders(secrets, eventId, Math.floor(wall() / 1000), body)
    let outcome: string
    try {
      const status = await send(url, headers, body, stop.signal)
      if (status >= 200 && status < 300) {
        queue.remove(delivery)
        sendNext(url)
        return
      }
      outcome = `status ${status}`
      if (status === gone) {
        queue.remove(delivery)
        warn({ host: new URL(url).host, eventId }, 'a webhook was refused for good (410)')
        return
      }
    } catch (error) {
      if (stop.signal.aborted) return
      outcome = (error as Error).message
    }
    const at = wall() + pause(delivery.attempts)
    // The path of an address can be a secret: only the host is logged.
    const facts = { host: new URL(url).host, eventId, attempts: delivery.attempts + 1, outcome }
    if (at > delivery.queuedAt + patienceMs) {
      queue.remove(delivery)
      warn(facts, 'a webhook was given up after three days')
    } else {
      queue.retry(delivery, at)
      warn(facts, 'a webhook failed; it will be tried again')
    }
  }

  /** After a success: others that wait for the same address, without waiting for the next round. */
  function sendNext(url: string): void {
    setImmediate(() => sendDue(url))
  }

  /** Doubles, and varies by a fifth, so that what failed together does not come back together. */
  function pause(attempts: number): number {
    const [byte = 0] = random.bytes(1)
    return Math.round(Math.min(firstRetryMs * 2 ** attempts, longestRetryMs) * (0.8 + (0.4 * byte) / 255))
  }

  return {
    async round() {
      await events.catchUp()
      takeNew()
      for (const url of urls) sendDue(url)
    },
    async idle() {
      while (sending.size > 0) {
        await Promise.all(sending.values())
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    waiting: () => queue.size(),
    async stop() {
      stop.abort()
      await Promise.all(sending.values())
      queue.close()
    },
  }
}
