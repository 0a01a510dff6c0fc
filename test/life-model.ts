/**
 * What the life of a symmetric key must be, written from the requirements alone (R12-R23, R34-R38, R56-R77, readings 4,
 * 11 and 15) and without a look at the service: one function for each request, giving the answer it must have.
 */
export const day = 86_400_000

export type ModelVersion = {
  /** Undefined until an answer has shown it: the service draws it. */
  id: string | undefined
  readonly createdAt: number
}

export type ModelKey = {
  readonly keyId: string
  readonly createdAt: number
  state: 'Enabled' | 'Disabled' | 'PendingDeletion'
  deleteAt: number
  protection: string | undefined
  rotation: { enabled: boolean; periodDays: number; nextAt: number } | undefined
  readonly versions: ModelVersion[]
  lastUsedAt: number | undefined
}

export type ModelCiphertext = {
  readonly key: ModelKey
  readonly version: ModelVersion
  readonly plaintext: string
  readonly blob: string
}

export type Model = {
  now: number
  readonly keys: ModelKey[]
  readonly aliases: Map<string, ModelKey>
  readonly ciphertexts: ModelCiphertext[]
}

/** The code of the refusal; undefined where the request is served. */
export type Verdict = string | undefined

export function newModel(now: number): Model {
  return { now, keys: [], aliases: new Map(), ciphertexts: [] }
}

/** R14, R21: at its time the key is gone, for everybody, whoever has tidied up or not. */
export function isGone({ now }: Model, key: ModelKey): boolean {
  return key.state === 'PendingDeletion' && now >= key.deleteAt
}

/** Reading 11: the aliases of a key go with it. */
export function aliasTarget(model: Model, name: string): ModelKey | undefined {
  const key = model.aliases.get(name)
  return key === undefined || isGone(model, key) ? undefined : key
}

export function primary(key: ModelKey): ModelVersion {
  return key.versions.at(-1) as ModelVersion
}

/**
 * R35, R74, reading 15: a version that is due is there. Missed periods count as one, on the grid of the first day; while
 * the key is disabled or pending deletion nothing is due.
 */
export function catchUp({ now }: Model, key: ModelKey): void {
  const { rotation } = key
  if (key.state !== 'Enabled' || rotation?.enabled !== true || now < rotation.nextAt) return
  const period = rotation.periodDays * day
  const last = rotation.nextAt + Math.floor((now - rotation.nextAt) / period) * period
  key.versions.push({ id: undefined, createdAt: last })
  rotation.nextAt = last + period
}

function unlessPending(model: Model, key: ModelKey): Verdict {
  if (isGone(model, key)) return 'KeyNotFound'
  return key.state === 'PendingDeletion' ? 'KeyPendingDeletion' : undefined
}

/** R16, R17, R22. */
export function mayUse(model: Model, key: ModelKey): Verdict {
  return unlessPending(model, key) ?? (key.state === 'Disabled' ? 'KeyDisabled' : undefined)
}

export function use(model: Model, key: ModelKey): Verdict {
  const refused = mayUse(model, key)
  if (refused !== undefined) return refused
  catchUp(model, key)
  key.lastUsedAt = model.now
  return undefined
}

export function rotate(model: Model, key: ModelKey): Verdict {
  const refused = mayUse(model, key)
  if (refused !== undefined) return refused
  catchUp(model, key)
  key.versions.push({ id: undefined, createdAt: model.now })
  if (key.rotation !== undefined) key.rotation.nextAt = model.now + key.rotation.periodDays * day
  return undefined
}

export function setRotation(model: Model, key: ModelKey, enabled: boolean, periodDays: number): Verdict {
  const refused = mayUse(model, key)
  if (refused !== undefined) return refused
  catchUp(model, key)
  key.rotation = { enabled, periodDays, nextAt: primary(key).createdAt + periodDays * day }
  return undefined
}

export function enable(model: Model, key: ModelKey, wanted: 'Enabled' | 'Disabled'): Verdict {
  const refused = unlessPending(model, key)
  if (refused === undefined) key.state = wanted
  return refused
}

export function protect(model: Model, key: ModelKey, reason: string | undefined): Verdict {
  const refused = unlessPending(model, key)
  if (refused === undefined) key.protection = reason
  return refused
}

/** R12, R13, R18, R23. */
export function schedule(model: Model, key: ModelKey, days: number, evenIfRecentlyUsed: boolean): Verdict {
  if (!Number.isInteger(days) || days < 7 || days > 30) return 'InvalidRequest'
  const refused = unlessPending(model, key)
  if (refused !== undefined) return refused
  if (key.protection !== undefined) return 'DeletionProtected'
  if (!evenIfRecentlyUsed && key.lastUsedAt !== undefined && model.now - key.lastUsedAt < 7 * day) return 'RecentlyUsed'
  key.state = 'PendingDeletion'
  key.deleteAt = model.now + days * day
  return undefined
}

/** R19, reading 4. */
export function cancel(model: Model, key: ModelKey): Verdict {
  if (isGone(model, key)) return 'KeyNotFound'
  if (key.state !== 'PendingDeletion') return 'KeyStateConflict'
  key.state = 'Enabled'
  return undefined
}

/** R56, R58, R61, R65. */
export function createAlias(model: Model, name: string, key: ModelKey): Verdict {
  const refused = unlessPending(model, key)
  if (refused !== undefined) return refused
  if (aliasTarget(model, name) !== undefined) return 'AliasExists'
  model.aliases.set(name, key)
  return undefined
}

/** R62. */
export function moveAlias(model: Model, name: string, key: ModelKey): Verdict {
  const refused = unlessPending(model, key)
  if (refused !== undefined) return refused
  if (aliasTarget(model, name) === undefined) return 'AliasNotFound'
  model.aliases.set(name, key)
  return undefined
}

/** R59. */
export function deleteAlias(model: Model, name: string): Verdict {
  if (aliasTarget(model, name) === undefined) return 'AliasNotFound'
  model.aliases.delete(name)
  return undefined
}
