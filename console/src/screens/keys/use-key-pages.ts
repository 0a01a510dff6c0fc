/** One page of the key list after the other, each asked for only when it is looked at: 100,000 keys open like 100. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type Answered, ApiProblem, call } from '../../api/client.ts'
import { getOwnRights, type ListedKey, listKeys } from '../../api/operations.ts'
import { filterOfCall, type KeySearch } from './key-filter.ts'

type Page = {
  readonly keys: readonly ListedKey[]
  readonly total: number
  readonly lookedAt: number
  readonly next: string | undefined
  /** False where the last uses are not for this person to see. */
  readonly showsUse: boolean
}

export function useKeyPages(search: KeySearch, pageSize: number, order: 'oldest' | 'newest') {
  const list = JSON.stringify([search, pageSize, order])
  // Where each page begins, as far as they were opened; of this very list.
  const [opened, setOpened] = useState<{ list: string; markers: readonly (string | undefined)[]; index: number }>({
    list,
    markers: [undefined],
    index: 0,
  })
  const place = opened.list === list ? opened : { list, markers: [undefined], index: 0 }
  const [lookedAt, setLookedAt] = useState(0)

  const query = useQuery({
    queryKey: ['keys', 'list', list, place.index],
    queryFn: ({ signal }) => fullPage(search, pageSize, order, place.markers[place.index], signal, setLookedAt),
    placeholderData: keepPreviousData,
  })
  const page = query.data
  const pagesKnown = page?.next === undefined ? place.index + 1 : place.index + 2

  return {
    ...query,
    page,
    /** While it searches: how many keys it has looked at. */
    lookedAt,
    pageNumber: place.index + 1,
    pagesKnown,
    mayBeMore: page?.next !== undefined,
    open(pageNumber: number) {
      const markers = [...place.markers]
      if (pageNumber === place.index + 2) markers[place.index + 1] = page?.next
      if (pageNumber <= markers.length) setOpened({ list, markers, index: pageNumber - 1 })
    },
  }
}

/** A filter that few keys meet is asked on until the page is full, since one call looks at some thousand keys at most. */
async function fullPage(
  search: KeySearch,
  pageSize: number,
  order: 'oldest' | 'newest',
  from: string | undefined,
  signal: AbortSignal,
  onLookedAt: (count: number) => void,
): Promise<Page> {
  const keys: ListedKey[] = []
  const filter = filterOfCall(search)
  let include: string | undefined = 'aliases,lastUse'
  let showsUse = true
  let marker = from
  let lookedAt = 0
  for (;;) {
    const input = { ...filter, order, limit: pageSize - keys.length, marker, include }
    let answer: Answered<typeof listKeys>
    try {
      answer = await call(listKeys, input)
    } catch (error) {
      // Who may list keys may still not see who used them, or what they are called: then the list goes without.
      if (include === undefined || !(error instanceof ApiProblem) || error.code !== 'AccessDenied') throw error
      const { rights } = await call(getOwnRights, { actions: ['kms:ListAliases', 'kms:GetKeyLastUsage'] })
      const [aliases, lastUse] = rights.map(({ allowed }) => allowed)
      if (aliases && lastUse) throw error
      include = aliases ? 'aliases' : lastUse ? 'lastUse' : undefined
      showsUse = lastUse === true
      continue
    }
    keys.push(...answer.keys)
    lookedAt += answer.lookedAt
    onLookedAt(lookedAt)
    marker = answer.nextMarker
    if (marker === undefined || keys.length >= pageSize || signal.aborted)
      return { keys, total: answer.total, lookedAt, next: marker, showsUse }
  }
}
