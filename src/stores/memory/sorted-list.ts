/**
 * Entries in order, in one array: a look-up is a binary search, a change moves what stands behind it. Good for some
 * hundred thousand entries.
 */
export type SortedList<T> = {
  readonly entries: readonly T[]
  /** The place of the first entry that is not before this one. */
  placeOf(entry: T): number
  /** The place of the first entry that is after this one. */
  placeAfter(entry: T): number
  add(entry: T): void
  remove(entry: T): void
}

/** No two entries that are kept at the same time may compare as equal. */
export function sortedList<T>(compare: (left: T, right: T) => number): SortedList<T> {
  const entries: T[] = []

  function search(isBefore: (candidate: T) => boolean): number {
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(entries[middle] as T)) low = middle + 1
      else high = middle
    }
    return low
  }

  const list: SortedList<T> = {
    entries,
    placeOf: (entry) => search((candidate) => compare(candidate, entry) < 0),
    placeAfter: (entry) => search((candidate) => compare(candidate, entry) <= 0),
    add: (entry) => {
      entries.splice(list.placeOf(entry), 0, entry)
    },
    remove: (entry) => {
      const place = list.placeOf(entry)
      const found = entries[place]
      if (found === undefined || compare(found, entry) !== 0)
        throw new Error('A sorted list lacks what it should hold.')
      entries.splice(place, 1)
    },
  }
  return list
}
