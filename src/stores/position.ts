import { problem } from '../domain/errors.ts'
import type { ListQuery, Page } from '../domain/ports.ts'
import type { AnyRecord, Facts } from './rows.ts'

/** A place in a list: just after the record of this id, which the index (if any) gives this value. */
export type Position = { readonly value: string; readonly id: string }

export const largestPage = 1000

/** The longest position a list can give out is far shorter: an index value, an id, and base64 over them. */
const longestPosition = 8192

/** What the query says, checked. Of the position only the place is taken, never the partition. */
export function readQuery(facts: Facts, query: ListQuery): { readonly after: Position | undefined } {
  if (query.index !== undefined && !Object.hasOwn(facts.indexes, query.index))
    throw new Error(`There is no index ${query.index}.`)
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > largestPage)
    throw problem('InvalidRequest', { message: `A page has 1 to ${largestPage} entries.`, member: 'limit' })
  return { after: query.after === undefined ? undefined : readPosition(query.index, query.after) }
}

/** Cuts what was read (one more than asked for, where there is more) to the page, and says where the next one begins. */
export function pageOf<T extends AnyRecord>(facts: Facts, query: ListQuery, found: readonly T[]): Page<T> {
  if (found.length <= query.limit) return { records: found }
  const records = found.slice(0, query.limit)
  return { records, next: positionAfter(facts, query.index, records[records.length - 1] as T) }
}

function positionAfter(facts: Facts, index: string | undefined, record: AnyRecord): string {
  const value = index === undefined ? '' : facts.indexes[index]?.(record)
  return written(index, { value: value ?? '', id: facts.id(record) })
}

function written(index: string | undefined, { value, id }: Position): string {
  return Buffer.from(JSON.stringify([index ?? '', value, id])).toString('base64url')
}

function readPosition(index: string | undefined, text: string): Position {
  const position = text.length > longestPosition ? undefined : parsed(text)
  // One spelling only, and only of this list: written again it must be the same text.
  if (position === undefined || written(index, position) !== text)
    throw problem('InvalidRequest', {
      message: 'This is no position in this list.',
      mend: 'Give the position that came with the page before, unchanged, or begin without one.',
      member: 'after',
    })
  return position
}

function parsed(text: string): Position | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (!Array.isArray(parts)) return undefined
    const [, value, id] = parts
    return typeof value === 'string' && typeof id === 'string' ? { value, id } : undefined
  } catch {
    return undefined
  }
}
