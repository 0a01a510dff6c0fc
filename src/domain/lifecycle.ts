import { problem } from './errors.ts'
import type { Key, KeyState, KeyStateName } from './key.ts'
import { dayMs, type Instant } from './time.ts'

/**
 * The state of a key at an instant, from the clock alone: a key dies and its material expires at its time, whether or
 * not any chore has run (reading 15).
 */
export function stateAt(key: Key, now: Instant): KeyState {
  const state = withoutCopies(key.state, now)
  if (state.is === 'PendingDeletion')
    return now >= state.deleteAt ? { is: 'Deleted', deletedAt: state.deleteAt } : state
  if (state.is === 'Deleted' || state.is === 'PendingReplicaDeletion') return state
  if (key.materialExpiresAt !== undefined && now >= key.materialExpiresAt) return { is: 'PendingImport' }
  return key.state
}

/** Once the last copy is gone, the primary that waited for it is pending deletion like any other key. */
function withoutCopies(state: KeyState, now: Instant): KeyState {
  if (state.is !== 'PendingReplicaDeletion' || state.copiesGoneAt === undefined || now < state.copiesGoneAt)
    return state
  return { is: 'PendingDeletion', deleteAt: state.copiesGoneAt + state.windowDays * dayMs, from: state.from }
}

/** When the key is gone for good, as far as it is settled. */
export function deleteAtOf(state: KeyState): Instant | undefined {
  if (state.is === 'PendingDeletion') return state.deleteAt
  return state.is === 'PendingReplicaDeletion' && state.copiesGoneAt !== undefined
    ? state.copiesGoneAt + state.windowDays * dayMs
    : undefined
}

/** Its deletion is scheduled, and can still be cancelled. */
export function isToBeDeleted(state: KeyState): state is Extract<KeyState, { readonly from: unknown }> {
  return state.is === 'PendingDeletion' || state.is === 'PendingReplicaDeletion'
}

/** Is a new version due? Only while the key is enabled: rotation is suspended otherwise, and caught up later. */
export function rotationDue(key: Key, now: Instant): boolean {
  return key.rotation?.enabled === true && now >= key.rotation.nextAt && stateAt(key, now).is === 'Enabled'
}

/** The first instant after `now` on the key's own grid of rotation times, so that periods never drift (R74). */
export function nextRotationAfter(dueAt: Instant, periodDays: number, now: Instant): Instant {
  const period = periodDays * dayMs
  return dueAt + (Math.floor(Math.max(0, now - dueAt) / period) + 1) * period
}

/** So many days before imported material expires its owner is warned. The longest first. */
const expiryWarnings = [7, 1]

/** Warnings of this expiry that are still to be given. A new expiry has all its warnings before it. */
function warningsLeft(key: Key): readonly number[] {
  const { expiryWarned, materialExpiresAt } = key
  if (materialExpiresAt === undefined || isToBeDeleted(key.state)) return []
  return expiryWarned?.expiresAt === materialExpiresAt
    ? expiryWarnings.filter((days) => days < expiryWarned.days)
    : expiryWarnings
}

/** The warning to be given now, in days: where two are late, only the more urgent one. */
export function expiryWarningDue(key: Key, now: Instant): number | undefined {
  const { materialExpiresAt } = key
  if (materialExpiresAt === undefined || now >= materialExpiresAt) return undefined
  return warningsLeft(key).findLast((days) => now >= materialExpiresAt - days * dayMs)
}

/** When material expires, or its owner is to be warned of that. */
function expiryStepAt(key: Key): Instant | undefined {
  const [days] = warningsLeft(key)
  const { materialExpiresAt } = key
  const step =
    materialExpiresAt === undefined || days === undefined ? materialExpiresAt : materialExpiresAt - days * dayMs
  return earliest(step, key.pendingMaterial?.expiresAt)
}

/** The first instant at which imported material is to be erased, be it in use or waiting for a rotation. */
export function nextExpiryAt(key: Key): Instant | undefined {
  return earliest(key.materialExpiresAt, key.pendingMaterial?.expiresAt)
}

/** The next instant at which a chore has something to do for this key. */
export function dueAt(key: Key): Instant | undefined {
  switch (key.state.is) {
    case 'PendingDeletion':
    case 'PendingReplicaDeletion':
      return earliest(deleteAtOf(key.state), nextExpiryAt(key))
    case 'Deleted':
      return key.state.deletedAt
    case 'Enabled':
      return earliest(expiryStepAt(key), key.rotation?.enabled ? key.rotation.nextAt : undefined)
    default:
      return expiryStepAt(key)
  }
}

export type Upcoming = { readonly type: 'rotation' | 'materialExpiry' | 'deletion'; readonly at: Instant }

/** What will happen to a key by itself as it stands now, the earliest first: of its rotations only the next one. */
export function upcomingOf(key: Key): readonly Upcoming[] {
  const { state, rotation, materialExpiresAt } = key
  if (state.is === 'Deleted') return []
  const upcoming: Upcoming[] = []
  const deleteAt = deleteAtOf(state)
  if (deleteAt !== undefined) upcoming.push({ type: 'deletion', at: deleteAt })
  if (materialExpiresAt !== undefined) upcoming.push({ type: 'materialExpiry', at: materialExpiresAt })
  if (state.is === 'Enabled' && rotation?.enabled) upcoming.push({ type: 'rotation', at: rotation.nextAt })
  return upcoming.sort((left, right) => left.at - right.at)
}

function earliest(...instants: readonly (Instant | undefined)[]): Instant | undefined {
  const known = instants.filter((instant) => instant !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

const refusals: Record<
  Exclude<KeyStateName, 'Enabled' | 'Deleted'>,
  'KeyDisabled' | 'KeyPendingDeletion' | 'KeyPendingImport'
> = {
  Disabled: 'KeyDisabled',
  PendingDeletion: 'KeyPendingDeletion',
  PendingReplicaDeletion: 'KeyPendingDeletion',
  PendingImport: 'KeyPendingImport',
}

const mends: Record<keyof typeof refusals, string> = {
  Disabled: 'Enable the key first.',
  PendingDeletion: 'Cancel the deletion of the key first.',
  PendingReplicaDeletion: 'Cancel the deletion of the key first.',
  PendingImport: 'Import the key material first.',
}

/** The key may be used only when Enabled; each other state has its own refusal (R16, R17). */
export function requireEnabled(key: Key, now: Instant): void {
  const { is } = stateAt(key, now)
  if (is === 'Enabled') return
  if (is === 'Deleted') throw problem('KeyNotFound')
  throw problem(refusals[is], { mend: mends[is], facts: { keyId: key.keyId, state: is } })
}
