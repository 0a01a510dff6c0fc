import type { Collection } from '../../domain/records.ts'
import type { RecordName } from '../rows.ts'

/**
 * What one node tells the others: over NOTIFY at once, and in the mark that a commit leaves, for whoever did not hear it
 * (lease.ts).
 */
export type Announcement =
  | {
      readonly commitId: string
      /** What was changed; `many` where that is too much to be told. */
      readonly names: readonly RecordName[] | 'many'
    }
  | {
      /** Commits that this instance no longer answers from before of. */
      readonly acknowledged: readonly string[]
      readonly by: string
    }

/** The longest text that PostgreSQL notifies is one byte short of 8,000; the rest is around the names. */
const longestNames = 7_800
const many = '*'

/** Of names, as they stand in a mark. */
export function textOfNames(names: readonly RecordName[] | 'many'): string {
  if (names === 'many') return many
  const text = JSON.stringify(names.map(({ collection, partition, id }) => [collection, partition, id]))
  return Buffer.byteLength(text) <= longestNames ? text : many
}

export function namesOfText(text: string): readonly RecordName[] | 'many' {
  if (text === many) return 'many'
  const named = JSON.parse(text) as readonly (readonly [Collection, string, string])[]
  return named.map(([collection, partition, id]) => ({ collection, partition, id }))
}

export function announcementOf(commitId: string, namesText: string): string {
  return JSON.stringify({ commitId, names: namesText })
}

export function acknowledgementOf(acknowledged: readonly string[], by: string): string {
  return JSON.stringify({ acknowledged, by })
}

export function parseAnnouncement(text: string): Announcement {
  const told = JSON.parse(text)
  return 'commitId' in told ? { commitId: told.commitId, names: namesOfText(told.names) } : told
}
