/**
 * The road that every request takes, whatever face it came through: who asks, is it well formed, which key, may they,
 * what fell due, can the key serve; then the operation; then its record, durable; then the answer.
 */
import type { z } from 'zod'
import { type Awaitable, andThen } from './domain/awaitable.ts'
import { Problem, problem } from './domain/errors.ts'
import type { Key } from './domain/key.ts'
import { keyArn, parseKeyReference } from './domain/key-reference.ts'
import { rotationDue, stateAt } from './domain/lifecycle.ts'
import type { AuditRecord, World } from './domain/ports.ts'
import { type Caller, principalArn } from './domain/principal.ts'
import { partitionOf, type Scope } from './domain/scope.ts'
import { formatInstant, type Instant } from './domain/time.ts'
import { ensureDefaultKey, namesDefaultKey } from './operations/keys/default-key.ts'
import type {
  AccessAnswer,
  AccessQuestion,
  AnyOperation,
  Differences,
  KeyNeed,
  ServiceSettings,
} from './operations/operation.ts'
import { withDueRotation } from './operations/versions/rotation.ts'
import type { PermissionRequest, Permissions } from './permissions.ts'

export type Service = {
  readonly world: World
  readonly permissions: Permissions
  readonly settings: ServiceSettings
  /** A bug: logged whole, shown to the caller only as a reference. */
  readonly reportBug: (error: unknown, requestId: string) => void
}

/** One request, as its protocol read it. */
export type Call = {
  readonly requestId: string
  readonly protocol: string
  readonly operation: AnyOperation
  /** In the canonical form: our own REST JSON. */
  readonly input: unknown
  readonly region: string
  readonly sourceAddress: string
  readonly secureTransport: boolean
  /** Throws where the credential is wrong; that too goes on record. */
  readonly authenticate: () => Awaitable<Caller>
  /** Asked when all that would refuse the request has been asked: throws where the person has to confirm it first. */
  readonly confirm?: (() => Promise<void>) | undefined
  readonly differences?: Differences
  /** AWS: grants that the caller points at. */
  readonly grantTokens?: readonly string[]
  /** Everything is checked, nothing is changed or answered: ends in the Problem `DryRun`. `rights`: not even computed. */
  readonly dryRun?: boolean | 'rights' | undefined
  /** Already decoded: an item of a batch. */
  readonly decoded?: true
}

const noDifferences: Differences = {}

/** A record that is still being written. */
export type Draft = { -readonly [Member in keyof AuditRecord]: AuditRecord[Member] }

/** The output of the operation, in memory form: bytes and instants; the dialect of the face writes them. */
export async function invoke(service: Service, call: Call): Promise<unknown> {
  const { world } = service
  const draft: Draft = {
    time: formatInstant(world.clock.now()),
    requestId: call.requestId,
    protocol: call.protocol,
    operation: call.operation.name,
    region: call.region,
    sourceAddress: call.sourceAddress,
    outcome: 'ok',
  }
  const used: Used[] = []
  const term = world.lease?.term()
  const output = await recorded(service, draft, (onCommit) => {
    requireLease(world, term)
    return perform(service, call, draft, used, onCommit)
  })
  for (const one of used) {
    const answers = stillAlive(service, one, draft, term)
    if (answers !== undefined) await answers
  }
  return output
}

/**
 * Does something that goes on record, however it ends; the record is durable before this returns or throws. Whoever
 * commits changes with the draft calls `onCommit` first.
 */
export async function recorded<T>(
  service: Service,
  draft: Draft,
  run: (onCommit: () => void) => Awaitable<T>,
): Promise<T> {
  const { world } = service
  let committed = false
  let output: T | undefined
  let refusal: Problem | undefined
  try {
    const running = run(() => {
      committed = true
    })
    output = running instanceof Promise ? await running : running
  } catch (error) {
    refusal = asProblem(error, service, draft.requestId)
    draft.outcome = refusal.code
  }
  await world.audit.append(draft)
  // Where the store could not say how the commit ended, the next start finds out.
  if (committed && refusal?.code !== 'StoreUnavailable') world.store.settled([draft.requestId])
  if (refusal !== undefined) throw refusal
  return output as T
}

type Used = { readonly key: Key; readonly need: KeyNeed<unknown> }

async function perform(
  service: Service,
  call: Call,
  draft: Draft,
  used: Used[],
  onCommit: () => void,
): Promise<unknown> {
  const { settings } = service
  const { operation } = call
  const authenticated = call.authenticate()
  const caller = authenticated instanceof Promise ? await authenticated : authenticated
  draft.account = caller.account
  draft.principal = caller.principalArn
  draft.credentialId = caller.credentialId
  const scope: Scope = { account: caller.account, region: call.region }

  const input = call.decoded ? call.input : parseInput(operation, call.input)
  const visible = shown(operation, input)
  if (visible !== undefined) draft.input = visible

  let confirmed: Promise<void> | undefined
  const confirm = async () => {
    confirmed ??= call.confirm?.()
    await confirmed
  }
  const asking: Asking = { service, call, caller, scope, input, draft, confirm }
  if (operation.operatorOnly && caller.account !== settings.operatorAccount)
    throw problem('AccessDenied', { message: `${operation.name} is for principals of the operator account.` })
  const resource = operation.resource?.(input, scope)
  if ((operation.key === undefined && !operation.rightsByItem) || resource !== undefined) {
    const permitted = permit(asking, operation.name, resource ?? everything(scope))
    if (permitted !== undefined) await permitted
  }
  for (let attempt = 1; ; attempt++) {
    const commits: Commits = { made: 0, lost: 0 }
    try {
      return await attemptOnce(asking, used, commits, onCommit)
    } catch (error) {
      // Nothing was changed and nothing answered: it is as if the request had come a moment later.
      if (commits.made > 0 || commits.lost === 0 || attempt === mostAttempts || !isConflict(error)) throw error
      used.length = 0
      delete draft.keyId
      delete draft.keyVersionId
      delete draft.input
      if (visible !== undefined) draft.input = visible
    }
  }
}

/** Enough for a few callers who change the same thing at the same moment; a crowd is told `Conflict`. */
const mostAttempts = 5

/** Of one attempt: the commits that were made, and those that came second. */
type Commits = { made: number; lost: number }

function isConflict(error: unknown): boolean {
  return error instanceof Problem && error.code === 'Conflict'
}

async function attemptOnce(asking: Asking, used: Used[], commits: Commits, onCommit: () => void): Promise<unknown> {
  const { service, call, caller, scope, input, draft } = asking
  const { world, settings } = service
  const { operation } = call
  const same = operation.otherKey === undefined ? undefined : await namesOneKey(asking)
  const key = operation.key === undefined ? undefined : await findKey(asking, operation.key, same)
  const otherKey = operation.otherKey === undefined ? undefined : await findKey(asking, operation.otherKey, same)
  if (key !== undefined) draft.keyId = key.keyId
  // Permission for all of them comes first: only then is anything told about a state.
  const prepared = key === undefined ? undefined : prepare(service, operation.key as KeyNeed<unknown>, key)
  const ready = prepared instanceof Promise ? await prepared : prepared
  const otherReady =
    otherKey === undefined
      ? undefined
      : await prepareOther(service, operation.otherKey as KeyNeed<unknown>, otherKey, draft)
  if (ready !== undefined && operation.key?.uses) used.push({ key: ready, need: operation.key })
  if (otherReady !== undefined && operation.otherKey?.uses) used.push({ key: otherReady, need: operation.otherKey })
  if (call.dryRun === 'rights') throw problem('DryRun')
  if (operation.stepUp) await asking.confirm()

  const context: Parameters<AnyOperation['run']>[0] = {
    input,
    key: ready,
    otherKey: otherReady,
    world,
    caller,
    scope,
    requestId: call.requestId,
    onBehalf: { principalArn: caller.principalArn, operation: operation.name, requestId: call.requestId },
    now: world.clock.now(),
    protocol: call.protocol,
    settings,
    differences: call.differences ?? noDifferences,
    commit: async (changes) => {
      if (call.dryRun) throw problem('DryRun')
      onCommit()
      try {
        await world.store.commit(changes, draft)
        commits.made++
      } catch (error) {
        if (isConflict(error)) commits.lost++
        throw error
      }
    },
    note: (facts) => {
      if (facts.keyId !== undefined) draft.keyId = facts.keyId
      if (facts.keyVersionId !== undefined) draft.keyVersionId = facts.keyVersionId
      if (facts.input !== undefined) draft.input = { ...draft.input, ...facts.input }
    },
    permit: async (action, onResource) => permit(asking, action, onResource),
    explain: (question) => answerQuestion(asking, question),
    call: (inner, innerInput) => {
      innerCalls += 1
      return invoke(service, {
        ...call,
        // Who has confirmed the whole has confirmed its parts.
        confirm: undefined,
        requestId: `${call.requestId}.${innerCalls}`,
        operation: inner,
        input: innerInput,
        decoded: true,
        authenticate: () => caller,
      })
    },
  }
  let innerCalls = 0
  const running = operation.run(context)
  const output = running instanceof Promise ? await running : running
  if (call.dryRun) throw problem('DryRun')
  return output
}

function parseInput(operation: AnyOperation, raw: unknown): unknown {
  const parsed = operation.input.safeParse(raw)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0] as z.core.$ZodIssue
  const member = issue.path.join('.')
  throw problem('InvalidRequest', {
    member,
    message: wordsFor(issue, member),
    facts: { issues: parsed.error.issues.map(({ path, message, code }) => ({ path: path.join('.'), message, code })) },
    mend: `See ${operation.name} in the API documentation.`,
  })
}

function wordsFor(issue: z.core.$ZodIssue, member: string): string {
  if (issue.code === 'unrecognized_keys') return `There is no member ${issue.keys.join(', ')} in this request.`
  const words = issue.message.replace(/^Invalid input: /, '')
  return member === '' ? `The request is not valid: ${words}.` : `${member}: ${words}.`
}

/** Only what the operation lists, so that nothing secret ever gets into the log. */
function shown(operation: AnyOperation, input: unknown): Record<string, unknown> | undefined {
  const members = input as Record<string, unknown>
  let result: Record<string, unknown> | undefined
  for (const name of operation.audit) {
    const value = members[name]
    if (value === undefined) continue
    result ??= {}
    result[name] = value
  }
  return result
}

type Asking = {
  readonly service: Service
  readonly call: Call
  readonly caller: Caller
  readonly scope: Scope
  readonly input: unknown
  readonly draft: Draft
  /** Once, however often the attempt is repeated. */
  readonly confirm: () => Promise<void>
}

/** Throws at once, or later where something had to be read. */
function permit(
  asking: Asking,
  action: string,
  resource: string,
  more?: Partial<PermissionRequest>,
): undefined | Promise<undefined> {
  const { service, call, caller, input, scope } = asking
  return service.permissions.require({
    action: `kms:${action}`,
    resource,
    caller,
    scope,
    input: input as Readonly<Record<string, unknown>>,
    sourceAddress: call.sourceAddress,
    secureTransport: call.secureTransport,
    grantTokens: call.grantTokens ?? noGrantTokens,
    now: service.world.clock.now(),
    otherAction: more?.otherAction,
    key: more?.key,
    aliasName: more?.aliasName,
    foreign: more?.foreign ?? false,
    reEncryptsOnSameKey: more?.reEncryptsOnSameKey,
    newGrant: more?.newGrant,
    retires: more?.retires,
  })
}

const noGrantTokens: readonly string[] = []

/** Who asks has the right to ask (kms:ExplainAccess); the question is about another principal of their account. */
async function answerQuestion(
  { service, call, caller, scope }: Asking,
  question: AccessQuestion,
): Promise<AccessAnswer> {
  const { store, clock } = service.world
  const { principal } = question
  const reference = question.keyRef === undefined ? undefined : parseKeyReference(question.keyRef)
  const where = reference?.scope ?? scope
  const keyId =
    reference?.by === 'alias'
      ? (await store.get('alias', partitionOf(where), reference.aliasName))?.keyId
      : reference?.keyId
  const key = keyId === undefined ? undefined : await store.get('key', partitionOf(where), keyId)
  const explanation = await service.permissions.explain({
    action: question.action,
    resource: reference === undefined ? everything(scope) : keyArn({ ...where, keyId: keyId ?? 'unknown' }),
    caller: {
      ...caller,
      principal,
      principalName: principal.name,
      principalArn: principalArn(principal.account, principal.name),
    },
    scope,
    input: question.input,
    sourceAddress: question.sourceAddress ?? call.sourceAddress,
    secureTransport: call.secureTransport,
    grantTokens: [],
    now: clock.now(),
    key,
    aliasName: reference?.by === 'alias' ? reference.aliasName : undefined,
    foreign: where.account !== scope.account,
  })
  const { decision, ...findings } = explanation
  return { ...decision, ...findings }
}

/** The resource of what is about no key or principal in particular. */
function everything(scope: Scope): string {
  return `arn:aws:kms:${scope.region}:${scope.account}:*`
}

/**
 * The key that the caller means, if they may do this with it. A key that is not there and a key that is forbidden give
 * the same answer to whoever has no right (Infisical tells that a key exists before it asks for the permission).
 */
async function findKey(
  asking: Asking,
  need: KeyNeed<unknown>,
  reEncryptsOnSameKey: boolean | undefined,
): Promise<Key | undefined> {
  const { service, call, scope, input, draft } = asking
  const { store, clock } = service.world
  const text = need.ref(input)
  if (text === undefined) return undefined
  const action = need.action ?? call.operation.name
  const reference = parseKeyReference(text)
  const where = reference.scope ?? scope
  const foreign = where.account !== scope.account
  let aliasName: string | undefined
  let keyId: string | undefined
  if (reference.by === 'alias') {
    aliasName = reference.aliasName
    if (need === call.operation.key) draft.alias = aliasName
    keyId = (await store.get('alias', partitionOf(where), aliasName))?.keyId
  } else keyId = reference.keyId

  const found = keyId === undefined ? undefined : store.get('key', partitionOf(where), keyId)
  let key = found instanceof Promise ? await found : found
  if (key !== undefined && stateAt(key, clock.now()).is === 'Deleted') {
    key = undefined
    // Its aliases died with it, though their records may be tidied away later.
    if (reference.by === 'alias') keyId = undefined
  }
  if (where.region !== scope.region || (foreign && !call.operation.crossAccount)) key = undefined

  const resource = keyArn({ ...where, keyId: key?.keyId ?? keyId ?? 'unknown' })
  const other = need.actionInAws?.(input)
  const permitted = permit(asking, action, resource, {
    key,
    aliasName,
    foreign,
    reEncryptsOnSameKey,
    otherAction: other === undefined ? undefined : `kms:${other}`,
    ...need.grantFacts?.(input),
  })
  if (permitted !== undefined) await permitted
  if (key !== undefined) return key
  const here = !foreign && where.region === scope.region
  if (aliasName !== undefined && keyId === undefined && here && need.uses && namesDefaultKey(aliasName)) {
    const made = await ensureDefaultKey(service.world, scope, aliasName)
    if (made !== undefined) return made
  }
  if (reference.by === 'alias' && keyId === undefined)
    throw problem('AliasNotFound', {
      message: `There is no ${aliasName} in region ${where.region}.`,
      mend: 'ListAliases shows those there are. Aliases belong to one region.',
      facts: { reference: text, ...where, aliasName },
    })
  throw problem('KeyNotFound', {
    message: `There is no such key in region ${where.region}.`,
    mend: 'ListKeys shows those there are. Keys belong to one account and region.',
    facts: { reference: text, ...where, keyId },
  })
}

/** Conditions on kms:ReEncryptOnSameKey: do both references of the request lead to one key, whether it is there or not? */
async function namesOneKey({ service, call, scope, input }: Asking): Promise<boolean> {
  const names = await Promise.all(
    [call.operation.key, call.operation.otherKey].map(async (need) => {
      const text = need?.ref(input)
      if (text === undefined) return undefined
      const reference = parseKeyReference(text)
      const where = reference.scope ?? scope
      const keyId =
        reference.by === 'keyId'
          ? reference.keyId
          : (await service.world.store.get('alias', partitionOf(where), reference.aliasName))?.keyId
      return keyId === undefined ? undefined : keyArn({ ...where, keyId })
    }),
  )
  return names[0] !== undefined && names[0] === names[1]
}

/** What fell due happens now; then the key must be in a state and of a usage to serve. */
function prepare(service: Service, need: KeyNeed<unknown>, found: Key): Awaitable<Key> {
  const { world } = service
  const now = world.clock.now()
  need.check(found, now)
  return need.rotates && rotationDue(found, now) ? rotatedNow(world, need, found, now) : found
}

async function rotatedNow(world: World, need: KeyNeed<unknown>, found: Key, now: Instant): Promise<Key> {
  try {
    return await withDueRotation(world, found, now)
  } catch (error) {
    if (need.rotates === 'ifPossible' && error instanceof Problem && error.code === 'DeviceUnavailable') return found
    throw error
  }
}

/** The record is about the first key; where the second one refuses, it says so. */
async function prepareOther(service: Service, need: KeyNeed<unknown>, found: Key, draft: Draft): Promise<Key> {
  try {
    return await prepare(service, need, found)
  } catch (error) {
    draft.input = { ...draft.input, refusedKeyId: found.keyId }
    throw error
  }
}

/**
 * Between the computation and the answer the key may have been disabled, and that been answered. Then this answer does
 * not leave: once DisableKey is answered, the key answers nobody. Nothing is awaited between this look and the writing.
 * Nor does it leave once this node has lost the lease under which it began: then others do not wait for it.
 */
function stillAlive(
  service: Service,
  { key, need }: Used,
  draft: Draft,
  term: number | undefined,
): undefined | Promise<undefined> {
  const { store, clock } = service.world
  const look = (latest: Key | undefined): undefined | Promise<undefined> => {
    try {
      if (latest === undefined) throw problem('KeyNotFound')
      need.check(latest, clock.now())
      requireLease(service.world, term)
      return undefined
    } catch (error) {
      return refuseAfterAll(asProblem(error, service, draft.requestId))
    }
  }
  const refuseAfterAll = async (refusal: Problem): Promise<undefined> => {
    await service.world.audit.append({ ...draft, outcome: refusal.code })
    throw refusal
  }
  return andThen(store.get('key', partitionOf(key), key.keyId), look)
}

/** Without its lease a node does not know what was revoked at the others. */
function requireLease({ lease }: World, term: number | undefined): void {
  if (lease === undefined || (term !== undefined && lease.term() === term)) return
  throw problem('Unavailable', {
    message: lease.failing() ?? 'This node lost its lease on the store while it computed.',
    mend: 'Try again, here or at another node.',
  })
}

function asProblem(error: unknown, service: Service, requestId: string): Problem {
  if (error instanceof Problem && error.code !== 'Internal') return error
  service.reportBug(error, requestId)
  return problem('Internal', { mend: `Tell whoever runs the service this reference: ${requestId}.`, cause: error })
}
