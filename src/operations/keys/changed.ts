import { problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import type { Change } from '../../domain/ports.ts'

/** What may be taken away from a key by setting it to undefined. */
type KeyChanges = {
  readonly [Member in keyof Omit<Key, 'revision' | 'keyId' | 'account' | 'region'>]?: Key[Member] | undefined
}

/** The next revision of a key. A member that is given as undefined is left out of it. */
export function nextKey(key: Key, changes: KeyChanges): Key {
  const next: Record<string, unknown> = { ...key, ...changes, revision: key.revision + 1 }
  for (const [member, value] of Object.entries(changes)) if (value === undefined) delete next[member]
  return next as Key
}

export function changed(key: Key, changes: KeyChanges): Change {
  return { put: 'key', record: nextKey(key, changes) }
}

/** Default keys are the service's own: it rotates them, and nobody disables, deletes or renames them (reading 7). */
export function requireOwn(key: Key): void {
  if (key.defaultFor !== undefined)
    throw problem('DefaultKeyImmutable', {
      message: `This is the default key ${key.defaultFor}, which the service manages.`,
      mend: 'Create a key of your own for this.',
    })
}
