/** May this caller do this? The one question of rights, asked by `invoke` for every face. */
import { type Awaitable, andThen } from './domain/awaitable.ts'
import { type ConditionContext, conditionContext, type RequestFacts, requestFacts } from './domain/condition-context.ts'
import { type Problem, problem } from './domain/errors.ts'
import type { Grant, GrantTerms } from './domain/grant.ts'
import type { Key } from './domain/key.ts'
import { managedPolicies } from './domain/managed-policies.ts'
import {
  type AccessRequest,
  type CompiledPolicy,
  type Decision,
  decide,
  type Explanation,
  explain,
  parsePolicy,
  type Rights,
} from './domain/policy.ts'
import type { World } from './domain/ports.ts'
import type { Caller, PolicyRecord } from './domain/principal.ts'
import { partitionOf, type Scope } from './domain/scope.ts'
import type { Instant } from './domain/time.ts'

export type PermissionRequest = {
  readonly action: string
  /** Another name of the same right: a Deny under either refuses, an Allow under either is enough. */
  readonly otherAction?: string | undefined
  readonly resource: string
  readonly caller: Caller
  readonly scope: Scope
  /** Of the operation, decoded. Conditions ask about it. */
  readonly input: Readonly<Record<string, unknown>>
  readonly sourceAddress: string
  readonly secureTransport: boolean
  readonly grantTokens: readonly string[]
  readonly now: Instant
  readonly key?: Key | undefined
  /** The alias that the caller named the key by. */
  readonly aliasName?: string | undefined
  /** The key is, or would be, another account's. */
  readonly foreign?: boolean
  /** ReEncrypt: are both keys the same? */
  readonly reEncryptsOnSameKey?: boolean | undefined
  /** CreateGrant: the terms of the new grant; RetireGrant: which. */
  readonly newGrant?: GrantTerms | undefined
  readonly retires?: string | undefined
}

export type Permissions = {
  /**
   * `AccessDenied`, in the same words whether the key exists or not: thrown at once where all that decides is at hand, else
   * the promise rejects.
   */
  require(request: PermissionRequest): undefined | Promise<undefined>
  explain(request: PermissionRequest): Promise<Explanation>
}

const resourceAliasesKey = 'kms:resourcealiases'
const keyName = /^arn:aws:kms:([^:]+):([^:]+):key\/([^:]+)$/

export function openPermissions({ store }: Pick<World, 'store'>): Permissions {
  // By the identity of the record: a policy that was changed is compiled anew, at the next request.
  const compiled = new WeakMap<PolicyRecord, CompiledPolicy>()
  const compiledManaged = new Map<string, CompiledPolicy>()
  const compiledKeyPolicies = new WeakMap<Key, CompiledPolicy>()

  function managedPolicy(name: string): CompiledPolicy | undefined {
    const known = compiledManaged.get(name)
    if (known !== undefined) return known
    const managed = managedPolicies[name]
    if (managed === undefined) return undefined
    const policy = parsePolicy(managed.document, { kind: 'identity', name })
    compiledManaged.set(name, policy)
    return policy
  }

  function policyOfAccount(account: string, name: string): Awaitable<CompiledPolicy | undefined> {
    return andThen(store.get('policy', account, name), (record) => compiledOf(record, account, name))
  }

  function compiledOf(record: PolicyRecord | undefined, account: string, name: string): CompiledPolicy | undefined {
    // A policy that was deleted while it was attached allows nothing; it cannot deny any more either.
    if (record === undefined) return undefined
    let policy = compiled.get(record)
    if (policy === undefined) {
      policy = parsePolicy(record.document, { kind: 'identity', account, name })
      compiled.set(record, policy)
    }
    return policy
  }

  function identityPolicies({ principal, account }: Caller): Awaitable<readonly CompiledPolicy[]> {
    const policies = principal.policies.map((name) => managedPolicy(name) ?? policyOfAccount(account, name))
    const present = (all: readonly (CompiledPolicy | undefined)[]) => all.filter((policy) => policy !== undefined)
    return policies.some((policy) => policy instanceof Promise)
      ? Promise.all(policies).then(present)
      : present(policies as readonly (CompiledPolicy | undefined)[])
  }

  function keyPolicyOf(key: Key): CompiledPolicy | undefined {
    if (key.policy === undefined) return undefined
    let policy = compiledKeyPolicies.get(key)
    if (policy === undefined) {
      policy = parsePolicy(key.policy, { kind: 'key', account: key.account })
      compiledKeyPolicies.set(key, policy)
    }
    return policy
  }

  /** Without grants: they are fetched only for who has the right in no other way. */
  function rightsFor({ key, resource }: PermissionRequest, identity: readonly CompiledPolicy[]): Rights {
    if (key !== undefined)
      return { identityPolicies: identity, key: { account: key.account, policy: keyPolicyOf(key) } }
    // A key that is not there is decided like one with the default policy: the answer tells nothing. That policy names
    // the key's own account only, so that another account's key that is not there is forbidden.
    const account = keyName.exec(resource)?.[2]
    return account === undefined ? { identityPolicies: identity } : { identityPolicies: identity, key: { account } }
  }

  /**
   * An operation that asks for a right on a second key names it by its ARN: that key's own policy decides. (By the
   * default policy a Deny there would be lost.) A foreign key that `invoke` did not hand over stays out of sight.
   */
  function withKey(request: PermissionRequest): Awaitable<PermissionRequest> {
    if (request.key !== undefined || request.foreign) return request
    const [, region, account, keyId] = keyName.exec(request.resource) ?? []
    if (region === undefined || account === undefined || keyId === undefined) return request
    return andThen(store.get('key', partitionOf({ account, region }), keyId), (key) => ({ ...request, key }))
  }

  /** The aliases of the key, where a policy asks for them. */
  function aliasesFor({ key }: PermissionRequest, rights: Rights): Awaitable<readonly string[] | undefined> {
    const asked =
      rights.identityPolicies.some(({ asksFor }) => asksFor.has(resourceAliasesKey)) ||
      rights.key?.policy?.asksFor.has(resourceAliasesKey) === true
    if (key === undefined || !asked) return undefined
    return store
      .list('alias', { partition: partitionOf(key), index: 'key', prefix: `${key.keyId}/`, limit: 1000 })
      .then(({ records }) => records.map(({ aliasName }) => aliasName))
  }

  function accessRequest(request: PermissionRequest, aliases: readonly string[] | undefined): AccessRequest {
    const { action, resource, caller, key } = request
    // Most policies ask for no condition, and most requests need no grant: what those ask about is read off when asked.
    let read: RequestFacts | undefined
    const facts = () => {
      read ??= requestFacts(action, request.input)
      return read
    }
    let context: ConditionContext | undefined
    return {
      action,
      resource,
      caller,
      get encryptionContext() {
        return facts().encryptionContext
      },
      newGrant: request.newGrant,
      retires: request.retires,
      context(name) {
        context ??= conditionContext({
          action,
          resource,
          region: request.scope.region,
          now: request.now,
          sourceAddress: request.sourceAddress,
          secureTransport: request.secureTransport,
          caller: { ...caller, principalId: caller.principal.principalId },
          key,
          requestAlias: request.aliasName,
          resourceAliases: aliases,
          reEncryptsOnSameKey: request.reEncryptsOnSameKey,
          request: facts(),
        })
        return context(name)
      },
    }
  }

  async function grantsOf(key: Key): Promise<readonly Grant[]> {
    const grants: Grant[] = []
    let after: string | undefined
    do {
      const page = await store.list('grant', {
        partition: partitionOf(key),
        prefix: `${key.keyId}/`,
        limit: 1000,
        ...(after === undefined ? {} : { after }),
      })
      grants.push(...page.records)
      after = page.next
    } while (after !== undefined)
    return grants
  }

  /** Without an await in it: of nearly every request everything is at hand. */
  function decisionOn(asked: PermissionRequest): Awaitable<Decision> {
    return andThen(withKey(asked), (request) =>
      andThen(identityPolicies(request.caller), (identity) => {
        const rights = rightsFor(request, identity)
        return andThen(aliasesFor(request, rights), (aliases) => decideWith(request, rights, aliases))
      }),
    )
  }

  function decideWith(
    request: PermissionRequest,
    rights: Rights,
    aliases: readonly string[] | undefined,
  ): Awaitable<Decision> {
    const access = accessRequest(request, aliases)
    const decision = decide(access, rights)
    if (decision.allowed || decision.by !== 'implicit-deny' || request.key === undefined || rights.key === undefined)
      return decision
    const { key } = rights
    return grantsOf(request.key).then((grants) => decide(access, { ...rights, key: { ...key, grants } }))
  }

  async function decisionOnBothNames(request: PermissionRequest, otherAction: string): Promise<Decision> {
    const decision = await decisionOn(request)
    if (decision.by === 'explicit-deny') return decision
    const other = await decisionOn({ ...request, action: otherAction })
    return other.by === 'explicit-deny' || other.allowed ? other : decision
  }

  return {
    require(request) {
      const { otherAction } = request
      const decision = otherAction === undefined ? decisionOn(request) : decisionOnBothNames(request, otherAction)
      return andThen(decision, ({ allowed, by }) => {
        if (allowed) return undefined
        throw denied(request, by)
      })
    },
    async explain(asked) {
      const request = await withKey(asked)
      const rights = rightsFor(request, await identityPolicies(request.caller))
      const access = accessRequest(request, await aliasesFor(request, rights))
      if (request.key === undefined || rights.key === undefined) return explain(access, rights)
      return explain(access, { ...rights, key: { ...rights.key, grants: await grantsOf(request.key) } })
    },
  }
}

function denied({ caller, action, resource }: PermissionRequest, by: Decision['by']): Problem {
  return problem('AccessDenied', {
    message: `${caller.principalArn} is not allowed to do ${action} here.`,
    mend: 'Ask an administrator for a policy that allows it; POST /v1/access/explain tells them what decided.',
    facts: { action, resource, principal: caller.principalArn, by },
  })
}
