/**
 * This cloud asks for a page by its number, and wants the count of all; our lists go on from a marker. So the list is
 * walked within one call: one question of rights, one audit record, and no more than one page of it kept.
 */
import { problem } from '../../domain/errors.ts'
import type { AnyOperation } from '../../operations/operation.ts'
import { integer, type Parameter } from './members.ts'

export const pageParameters: Readonly<Record<string, Parameter>> = {
  PageNumber: integer('pageNumber'),
  PageSize: integer('pageSize'),
}

export type PageWish = { readonly number: number; readonly size: number }

/** The pages of the documentation disagree whether 100 or 101 is the most. */
const largestPage = 100
const usualPage = 10
/** A list is not walked further than this: what lies behind is for our own API, which goes on from markers. */
const farthest = 100_000
const step = 1000

export const firstPage: PageWish = { number: 1, size: usualPage }

export function pageWish(pageNumber: unknown, pageSize: unknown): PageWish {
  const number = (pageNumber ?? firstPage.number) as number
  const size = (pageSize ?? firstPage.size) as number
  if (number < 1) throw problem('InvalidRequest', { member: 'PageNumber', message: 'PageNumber must be at least 1.' })
  if (size < 1 || size > largestPage)
    throw problem('InvalidRequest', { member: 'PageSize', message: `PageSize must be 1 to ${largestPage}.` })
  if (number * size > farthest)
    throw problem('InvalidRequest', {
      member: 'PageNumber',
      message: `A list is shown up to item ${farthest} here.`,
      mend: 'Go on from markers with the REST API.',
    })
  return { number, size }
}

export type PagedCall = {
  /** In place of the list operation: the same right, the same schema; its answer has exactly the page. */
  readonly operation: AnyOperation
  /** All items, counted while walking; counting stops at 100,000. */
  readonly total: () => number
}

type Marked = Item & { readonly nextMarker?: string | undefined }

type Item = Readonly<Record<string, unknown>>

export function pagedCall(
  list: AnyOperation,
  items: string,
  /** Asked when the list is walked, once the request was read. */
  asked: { readonly wish: () => PageWish; readonly keep: (item: Item) => boolean },
): PagedCall {
  let total = 0
  const operation: AnyOperation = {
    ...list,
    async run(context) {
      const { number, size } = asked.wish()
      const first = (number - 1) * size
      const page: unknown[] = []
      let walked = 0
      let marker: string | undefined
      do {
        const input = { ...(context.input as object), limit: step, ...(marker === undefined ? {} : { marker }) }
        const part = (await list.run({ ...context, input })) as Marked
        for (const item of part[items] as Item[]) {
          if (!asked.keep(item)) continue
          if (total >= first && page.length < size) page.push(item)
          total++
        }
        walked += step
        marker = part.nextMarker
      } while (marker !== undefined && walked < farthest)
      return { [items]: page }
    },
  }
  return { operation, total: () => total }
}
