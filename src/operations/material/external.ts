import { problem } from '../../domain/errors.ts'
import type { Key, KeyStateName } from '../../domain/key.ts'
import { isToBeDeleted, stateAt } from '../../domain/lifecycle.ts'
import type { Instant } from '../../domain/time.ts'
import type { KeyNeed } from '../operation.ts'

type WithKey = { readonly keyId: string }

/** A key whose material its owner brings, in one of these states; without any, in every state. */
export function external(...states: readonly KeyStateName[]): KeyNeed<WithKey> {
  return {
    ref: (input) => input.keyId,
    rotates: false,
    uses: false,
    check: (key: Key, now: Instant) => {
      if (key.origin !== 'EXTERNAL')
        throw problem('KeyOriginMismatch', {
          message: `The material of this key was made by the service (origin ${key.origin}).`,
          mend: 'Create a key with origin EXTERNAL, and import there.',
          facts: { keyId: key.keyId, origin: key.origin },
        })
      const state = stateAt(key, now)
      if (states.length > 0 && !states.includes(state.is))
        throw problem(isToBeDeleted(state) ? 'KeyPendingDeletion' : 'KeyStateConflict', {
          message: `The key is ${state.is}.`,
          mend: 'Cancel the deletion first.',
          facts: { keyId: key.keyId, state: state.is },
        })
    },
  }
}
