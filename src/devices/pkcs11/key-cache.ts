/**
 * The keys that are open in the token, by the identity of their version records: a record that changes is another object,
 * and one that is forgotten takes its key with it. Beyond the capacity, the key that was used longest ago is closed.
 */
import type { KeyObject } from 'node:crypto'
import type { KeyVersion } from '../../domain/key.ts'

export type CachedKey = {
  /** What the agent calls it. */
  readonly name: Buffer
  /** The agent that opened it: no other knows the number. */
  readonly generation: number
  readonly publicKey: KeyObject | undefined
}

type Entry = {
  readonly opening: Promise<CachedKey>
  /** Undefined until it is open. */
  generation: number | undefined
  uses: number
  retired: boolean
}

export type KeyCache = {
  /** The work with the open key. It is not closed meanwhile. */
  use<T>(version: KeyVersion, work: (key: CachedKey) => Promise<T>): Promise<T>
  size(): number
}

export function keyCache(options: {
  readonly capacity: number
  /** Of the agent that runs. */
  readonly generation: () => number
  readonly open: (version: KeyVersion) => Promise<CachedKey>
  /** Never rejects. */
  readonly close: (key: CachedKey) => void
}): KeyCache {
  const { capacity, generation, open, close } = options
  const entries = new WeakMap<KeyVersion, Entry>()
  /** In the order of their last use. Holds no version: that would keep it alive. */
  const order = new Set<Entry>()
  const collected = new FinalizationRegistry<Entry>(retire)

  return {
    async use(version, work) {
      const entry = entryOf(version)
      entry.uses += 1
      order.delete(entry)
      order.add(entry)
      try {
        return await work(await entry.opening)
      } finally {
        entry.uses -= 1
        if (entry.retired && entry.uses === 0) finish(entry)
      }
    },
    size: () => order.size,
  }

  function entryOf(version: KeyVersion): Entry {
    const known = entries.get(version)
    if (known !== undefined) {
      const stale = known.generation !== undefined && known.generation !== generation()
      if (!known.retired && !stale) return known
      collected.unregister(known)
      retire(known)
    }
    const entry: Entry = { opening: open(version), generation: undefined, uses: 0, retired: false }
    entry.opening.then(
      (key) => {
        entry.generation = key.generation
      },
      // One that does not open is not kept; whoever waits for it is told.
      () => retire(entry),
    )
    entries.set(version, entry)
    collected.register(version, entry, entry)
    order.add(entry)
    for (const oldest of order) {
      if (order.size <= capacity || oldest === entry) break
      retire(oldest)
    }
    return entry
  }

  function retire(entry: Entry): void {
    if (entry.retired) return
    entry.retired = true
    order.delete(entry)
    if (entry.uses === 0) finish(entry)
  }

  function finish(entry: Entry): void {
    // Of one that never opened there is nothing to close.
    entry.opening.then(close, () => {})
  }
}
