/** What is still to be delivered, and from where in the log on: on disk, so that a restart goes on where it was. */
import { DatabaseSync } from 'node:sqlite'
import type { KeyEvent } from '../domain/event.ts'
import { formatInstant, type Instant } from '../domain/time.ts'

export type Delivery = {
  readonly url: string
  readonly eventId: string
  readonly body: string
  /** Failed ones so far. */
  readonly attempts: number
  readonly queuedAt: Instant
}

export type Queue = {
  /** These addresses from now on: a new one is told of what comes after `place`; of others everything is forgotten. */
  follow(urls: readonly string[], place: number): void
  /** Where the next event is to be looked for. */
  place(): number
  /** Puts events in the queue of every address that follows from their place on; the next ones are looked for at `next`. */
  add(events: readonly KeyEvent[], next: number, now: Instant): void
  due(url: string, now: Instant, limit: number): readonly Delivery[]
  retry(delivery: Delivery, at: Instant): void
  remove(delivery: Delivery): void
  size(): number
  close(): void
}

const tables = `
  create table if not exists targets (url text primary key, next integer not null) strict, without rowid;
  create table if not exists deliveries (
    url text not null, event_id text not null, body text not null, attempts integer not null, next_at integer not null,
    queued_at integer not null, primary key (url, event_id)) strict, without rowid;
  create index if not exists deliveries_due on deliveries (url, next_at);
`

/** `file` is a path, or `:memory:`. */
export function openQueue(file: string): Queue {
  const database = new DatabaseSync(file)
  // A crash of the machine may lose the last moments, both of the place and of the queue: then they are sent once more.
  database.exec('pragma journal_mode = wal; pragma synchronous = normal')
  database.exec(tables)
  const targets = database.prepare('select url, next from targets')
  const follow = database.prepare('insert or ignore into targets values (?, ?)')
  const forget = database.prepare('delete from targets where url = ?')
  const drop = database.prepare('delete from deliveries where url = ?')
  const move = database.prepare('update targets set next = ?')
  const add = database.prepare('insert or ignore into deliveries values (?, ?, ?, 0, ?, ?)')
  const due = database.prepare('select * from deliveries where url = ? and next_at <= ? order by next_at limit ?')
  const retry = database.prepare('update deliveries set attempts = ?, next_at = ? where url = ? and event_id = ?')
  const remove = database.prepare('delete from deliveries where url = ? and event_id = ?')
  const count = database.prepare('select count(*) as count from deliveries')
  const allTargets = () => targets.all() as { url: string; next: number }[]

  function together(write: () => void): void {
    database.exec('begin')
    try {
      write()
      database.exec('commit')
    } catch (error) {
      database.exec('rollback')
      throw error
    }
  }

  return {
    follow(urls, place) {
      together(() => {
        for (const url of urls) follow.run(url, place)
        for (const { url, next } of allTargets()) {
          // A log shorter than what was seen of it is another log.
          if (next > place) move.run(place)
          if (urls.includes(url)) continue
          forget.run(url)
          drop.run(url)
        }
      })
    },
    place() {
      return Math.min(...allTargets().map(({ next }) => next))
    },
    add(events, next, now) {
      together(() => {
        for (const target of allTargets())
          for (const event of events)
            if (event.sequence >= target.next) add.run(target.url, event.eventId, bodyOf(event), now, now)
        move.run(next)
      })
    },
    due(url, now, limit) {
      return (due.all(url, now, limit) as DeliveryRow[]).map((row) => ({
        url: row.url,
        eventId: row.event_id,
        body: row.body,
        attempts: row.attempts,
        queuedAt: row.queued_at,
      }))
    },
    retry({ url, eventId, attempts }, at) {
      retry.run(attempts + 1, at, url, eventId)
    },
    remove({ url, eventId }) {
      remove.run(url, eventId)
    },
    size: () => Number(count.get()?.count),
    close() {
      database.close()
    },
  }
}

type DeliveryRow = {
  url: string
  event_id: string
  body: string
  attempts: number
  queued_at: number
}

/** The members that Standard Webhooks recommends: what, when, and the facts. */
function bodyOf({ type, at, sequence: _, ...data }: KeyEvent): string {
  return JSON.stringify({ type, timestamp: formatInstant(at), data })
}
