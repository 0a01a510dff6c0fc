/**
 * May this caller do this? One evaluator for every face, with the semantics of AWS KMS:
 *
 * - A Deny anywhere, in an identity policy or the key policy, refuses.
 * - A key: allowed where the key policy names the caller, where a grant allows it, or where the key policy hands the
 *   decision to the account (`arn:aws:iam::ACCOUNT:root`) and an identity policy of the caller allows it.
 * - Another account's key: the key policy must name the caller or its account, *and* an identity policy must allow it.
 *   A grant is enough by itself.
 * - No key: identity policies alone decide, and only over the caller's own account.
 *
 * Everything else is refused.
 */
import { accountOfArn } from './arn.ts'
import type { ConditionContext } from './condition-context.ts'
import { foldCase } from './glob.ts'
import { type Grant, type GrantRequest, grantAllows } from './grant.ts'
import type { Effect } from './policy-conditions.ts'
import {
  actionMatches,
  type CompiledPolicy,
  conditionsHold,
  type PolicyKind,
  parsePolicy,
  type Reach,
  reachOf,
  resourceMatches,
  type Statement,
  type StatementReference,
} from './policy-document.ts'

export { type CompiledPolicy, parsePolicy } from './policy-document.ts'

export type AccessRequest = GrantRequest & {
  /** `kms:Encrypt`. */
  readonly action: string
  /** The resource name of the key, or of what else the request is about. */
  readonly resource: string
  readonly caller: { readonly account: string; readonly principalArn: string }
  readonly context: ConditionContext
}

/** What decides over a request. */
export type Rights = {
  /** Those attached to the caller, managed ones included. */
  readonly identityPolicies: readonly CompiledPolicy[]
  /** Absent where the request is about no key. */
  readonly key?: {
    readonly account: string
    /** Absent: the default policy, which hands everything to the account. */
    readonly policy?: CompiledPolicy | undefined
    /** The grants of this key; at least those that name the caller. */
    readonly grants?: readonly Grant[] | undefined
  }
}

export type DecidedBy =
  | 'explicit-deny'
  | 'implicit-deny'
  | 'key-policy'
  | 'identity-policy'
  /** Both: the identity policy of the caller, to which the key policy of another account opens. */
  | 'key-and-identity-policy'
  | 'grant'

export type Decision = {
  readonly allowed: boolean
  readonly by: DecidedBy
  /** The statement that decided; where two had to agree, that of the identity policy. */
  readonly statement?: StatementReference
  readonly grantId?: string
  readonly reason: string
}

const reasons = {
  denied: 'A statement denies it.',
  namedByKeyPolicy: 'The key policy allows it to the caller.',
  granted: 'A grant allows it.',
  identityPolicy: 'An identity policy of the caller allows it.',
  bothPolicies: 'The key policy of the other account and an identity policy of the caller allow it.',
  noIdentityPolicy: 'No identity policy of the caller allows it.',
  keyPolicyAloneAbroad: 'The key policy of the other account allows it, but no identity policy of the caller does.',
  notNamed: 'The key policy of the other account does not allow it, and no grant does.',
  notDelegated: 'The key policy neither allows it to the caller nor leaves it to the account, and no grant allows it.',
  foreignResource: 'The resource belongs to another account.',
} as const

/** Pure and without waiting; a few hundred nanoseconds. */
export function decide(request: AccessRequest, rights: Rights): Decision {
  const { caller } = request
  const { identityPolicies, key } = rights
  for (const policy of identityPolicies) {
    if (policy.account !== undefined && policy.account !== caller.account)
      throw new Error('an identity policy of another account was about to be applied')
    const denial = findStatement(policy.about(request.action).deny, request)
    if (denial !== undefined) return denied(denial)
  }
  if (key === undefined) {
    const owner = accountOfArn(request.resource)
    if (owner !== undefined && owner !== '' && owner !== caller.account) return refused(reasons.foreignResource)
    const allowance = findIdentityAllowance(request, identityPolicies)
    return allowance === undefined
      ? refused(reasons.noIdentityPolicy)
      : allowed('identity-policy', reasons.identityPolicy, allowance)
  }

  const keyPolicy = policyOf(key)
  const about = keyPolicy.about(request.action)
  const denial = findStatement(about.deny, request)
  if (denial !== undefined) return denied(denial)
  for (const grant of key.grants ?? [])
    if (grantAllows(grant, request))
      return { allowed: true, by: 'grant', grantId: grant.grantId, reason: reasons.granted }

  const abroad = key.account !== caller.account
  let opens = false
  for (const statement of about.allow) {
    const reach = reachOfStatement(statement, request)
    if (reach === 'principal' && !abroad) return allowed('key-policy', reasons.namedByKeyPolicy, statement)
    if (reach !== 'none') opens = true
  }
  if (!opens) return refused(abroad ? reasons.notNamed : reasons.notDelegated)
  const allowance = findIdentityAllowance(request, identityPolicies)
  if (allowance === undefined) return refused(abroad ? reasons.keyPolicyAloneAbroad : reasons.noIdentityPolicy)
  return abroad
    ? allowed('key-and-identity-policy', reasons.bothPolicies, allowance)
    : allowed('identity-policy', reasons.identityPolicy, allowance)
}

function denied({ reference }: Statement): Decision {
  return { allowed: false, by: 'explicit-deny', statement: reference, reason: reasons.denied }
}

function refused(reason: string): Decision {
  return { allowed: false, by: 'implicit-deny', reason }
}

function allowed(by: DecidedBy, reason: string, { reference }: Statement): Decision {
  return { allowed: true, by, statement: reference, reason }
}

function findIdentityAllowance(request: AccessRequest, policies: readonly CompiledPolicy[]): Statement | undefined {
  for (const policy of policies) {
    const statement = findStatement(policy.about(request.action).allow, request)
    if (statement !== undefined) return statement
  }
  return undefined
}

/** The first that applies to the caller, in whatever way it reaches it. */
function findStatement(statements: readonly Statement[], request: AccessRequest): Statement | undefined {
  for (const statement of statements) if (reachOfStatement(statement, request) !== 'none') return statement
  return undefined
}

/** Of a statement that speaks of the action: does all the rest apply, and how far does it reach? */
function reachOfStatement(statement: Statement, request: AccessRequest): Reach {
  const { principals, resources, effect } = statement
  const reach = principals === undefined ? 'principal' : reachOf(principals, request.caller)
  if (reach === 'none' || resources === undefined) return 'none'
  if (!resourceMatches(resources, request.resource, request.context, effect)) return 'none'
  return conditionsHold(statement, request.context) ? reach : 'none'
}

// ------------------------------------------------------------------------------------------------------ the key policy

/** What AWS gives a key that is created without a policy: every right is the account's to hand out. */
export function defaultKeyPolicy(account: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Id: 'key-default-1',
    Statement: [
      {
        Sid: 'Enable IAM User Permissions',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: 'kms:*',
        Resource: '*',
      },
    ],
  })
}

/** By account. Emptied when it is full: a caller can name any number of accounts, and none of them may fill the memory. */
const defaults = new Map<string, CompiledPolicy>()
const mostDefaults = 1024

function policyOf({ account, policy }: NonNullable<Rights['key']>): CompiledPolicy {
  if (policy !== undefined) {
    if (policy.account !== undefined && policy.account !== account)
      throw new Error('a key policy of another account was about to be applied')
    return policy
  }
  const known = defaults.get(account)
  if (known !== undefined) return known
  if (defaults.size === mostDefaults) defaults.clear()
  const compiled = parsePolicy(defaultKeyPolicy(account), { kind: 'key', account, name: 'default key policy' })
  defaults.set(account, compiled)
  return compiled
}

/**
 * Would nobody, as far as this caller can know, be able to mend the key's policy once this one holds? So it is where the
 * policy neither lets the caller put a policy nor leaves that to the account, or where it denies it to the caller. AWS's
 * safety check of PutKeyPolicy and CreateKey. `request` is the one at hand: whose it is, about which key, from where.
 */
export function wouldLockOut(policy: CompiledPolicy, request: AccessRequest): boolean {
  const later = { ...request, action: 'kms:PutKeyPolicy' }
  const about = policy.about(later.action)
  return findStatement(about.deny, later) !== undefined || findStatement(about.allow, later) === undefined
}

// ----------------------------------------------------------------------------------------------------------- explaining

export type ConditionFinding = {
  readonly operator: string
  readonly key: string
  /** Has the request a value for the key? */
  readonly present: boolean
  readonly holds: boolean
}

export type StatementFinding = StatementReference & {
  readonly kind: PolicyKind
  readonly effect: Effect
  /** Does it apply to the request? `account`: to the caller's account, whose identity policies then decide. */
  readonly applies: Reach
  readonly action: boolean
  readonly resource: boolean
  /** Key policies only. */
  readonly principal?: Reach
  readonly conditions: readonly ConditionFinding[]
  /** In one sentence: what it does, or the first thing that keeps it from applying. */
  readonly why: string
}

export type GrantFinding = { readonly grantId: string; readonly name: string; readonly allows: boolean }

export type Explanation = {
  readonly decision: Decision
  /** Every statement of every policy that was looked at, in their order. */
  readonly statements: readonly StatementFinding[]
  readonly grants: readonly GrantFinding[]
}

/** The decision and everything it rests on, for people. The decision is that of `decide`. */
export function explain(request: AccessRequest, rights: Rights): Explanation {
  const policies =
    rights.key === undefined ? rights.identityPolicies : [...rights.identityPolicies, policyOf(rights.key)]
  return {
    decision: decide(request, rights),
    statements: policies.flatMap(({ kind, statements }) =>
      statements.map((statement) => explainStatement(kind, statement, request)),
    ),
    grants: (rights.key?.grants ?? []).map((grant) => ({
      grantId: grant.grantId,
      name: grant.name,
      allows: grantAllows(grant, request),
    })),
  }
}

function explainStatement(kind: PolicyKind, statement: Statement, request: AccessRequest): StatementFinding {
  const { effect, actions, resources, principals, reference } = statement
  const action = actions !== undefined && actionMatches(actions, foldCase(request.action))
  const resource = resources !== undefined && resourceMatches(resources, request.resource, request.context, effect)
  const principal = principals === undefined ? undefined : reachOf(principals, request.caller)
  const conditions = statement.conditions.map(({ operator, key, name, holds }) => {
    const value = request.context(name)
    const present = value !== undefined && !(Array.isArray(value) && value.length === 0)
    return { operator, key, present, holds: holds(request.context, effect) }
  })
  const unmet = conditions.find(({ holds }) => !holds)
  const applies = action && resource && unmet === undefined ? (principal ?? 'principal') : 'none'
  return {
    ...reference,
    kind,
    effect,
    applies,
    action,
    resource,
    ...(principal === undefined ? {} : { principal }),
    conditions,
    why: whyOf(),
  }

  function whyOf(): string {
    if (actions === undefined || resources === undefined) return 'It names no action or no resource: it has no effect.'
    if (principal === 'none') return 'It is about other principals.'
    if (!action) return `It does not speak of ${request.action}.`
    if (!resource) return 'It is about other resources.'
    if (unmet !== undefined)
      return `Its condition ${unmet.operator} on ${unmet.key} is not met${unmet.present ? '' : ': the request has no such key'}.`
    if (effect === 'Deny') return 'It denies this.'
    return principal === 'account' ? "It leaves this to the caller's account." : 'It allows this.'
  }
}
