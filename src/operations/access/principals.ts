import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { managedPolicies } from '../../domain/managed-policies.ts'
import type { Change, World } from '../../domain/ports.ts'
import { type Principal, principalArn } from '../../domain/principal.ts'
import { installation } from '../../domain/records.ts'
import type { Instant } from '../../domain/time.ts'
import { operation } from '../operation.ts'
import { instant, nextMarker, pageLimit, pageMarker } from '../shapes.ts'
import { sessionsOf, withoutWaysIn } from './ways-in.ts'

/** As IAM user names: one spelling, no case folding, nothing that looks like a path. */
export const principalName = z
  .string()
  .regex(/^[A-Za-z0-9_+=,.@-]{1,64}$/, 'must be 1 to 64 letters, digits or _+=,.@-')

export const principalFacts = z
  .object({
    name: z.string(),
    principalArn: z.string(),
    principalId: z.string(),
    createdAt: instant(),
    policies: z.array(z.string()),
    disabled: z.boolean(),
  })
  .meta({ id: 'Principal' })

export function describePrincipal(principal: Principal): z.output<typeof principalFacts> {
  return {
    name: principal.name,
    principalArn: principalArn(principal.account, principal.name),
    principalId: principal.principalId,
    createdAt: principal.createdAt,
    policies: [...principal.policies],
    disabled: principal.disabled,
  }
}

export function newPrincipal(
  { random }: Pick<World, 'random'>,
  wish: Pick<Principal, 'account' | 'name' | 'policies'>,
  now: Instant,
): Principal {
  return {
    revision: 1,
    ...wish,
    principalId: `AIDA${random.uuid().replaceAll('-', '').slice(0, 17).toUpperCase()}`,
    createdAt: now,
    disabled: false,
  }
}

export async function findPrincipal(world: Pick<World, 'store'>, account: string, name: string): Promise<Principal> {
  const principal = await world.store.get('principal', account, name)
  if (principal === undefined) throw problem('PrincipalNotFound', { mend: 'ListPrincipals shows those there are.' })
  return principal
}

/**
 * The policies are there. The changes belong into the commit that attaches them: they let a deletion of one of them at the
 * same moment, or the attaching, fail; a policy that is attached is never deleted.
 */
async function requirePolicies(world: World, account: string, names: readonly string[]): Promise<readonly Change[]> {
  const changes: Change[] = []
  for (const name of new Set(names)) {
    if (name in managedPolicies) continue
    const policy = await world.store.get('policy', account, name)
    if (policy === undefined)
      throw problem('PolicyNotFound', {
        message: `There is no policy ${name}.`,
        mend: `Create it with PutPolicy, or attach a managed one: ${Object.keys(managedPolicies).join(', ')}.`,
      })
    changes.push({ put: 'policy', record: { ...policy, revision: policy.revision + 1 } })
  }
  return changes
}

const resource = (input: { readonly principalName: string }, scope: { readonly account: string }) =>
  principalArn(scope.account, input.principalName)

export const createPrincipal = operation({
  name: 'CreatePrincipal',
  summary: 'Create a user or service that may sign in. It may do nothing until a policy allows it.',
  group: 'access',
  rest: 'POST /v1/principals',
  cli: 'access principal create',
  key: undefined,
  resource,
  input: z.strictObject({ principalName, policies: z.array(z.string().max(128)).max(20).default([]) }),
  output: z.object({ principal: principalFacts }),
  audit: ['principalName', 'policies'],
  async run({ world, scope, now, input, commit }) {
    if (input.principalName === 'root')
      throw problem('InvalidRequest', {
        member: 'principalName',
        message: 'root is the account itself.',
        mend: 'Choose another name.',
      })
    if ((await world.store.get('principal', scope.account, input.principalName)) !== undefined)
      throw problem('PrincipalExists', { mend: 'Choose another name.' })
    const policyChanges = await requirePolicies(world, scope.account, input.policies)
    const principal = newPrincipal(
      world,
      { account: scope.account, name: input.principalName, policies: [...new Set(input.policies)] },
      now,
    )
    await commit([{ put: 'principal', record: principal }, ...policyChanges])
    return { principal: describePrincipal(principal) }
  },
})

export const listPrincipals = operation({
  name: 'ListPrincipals',
  summary: 'List the principals of the account.',
  group: 'access',
  rest: 'GET /v1/principals',
  cli: 'access principal list',
  key: undefined,
  input: z.strictObject({ limit: pageLimit, marker: pageMarker }),
  output: z.object({ principals: z.array(principalFacts), nextMarker }),
  audit: [],
  async run({ world, scope, input }) {
    const page = await world.store.list('principal', {
      partition: scope.account,
      limit: input.limit,
      ...(input.marker === undefined ? {} : { after: input.marker }),
    })
    return { principals: page.records.map(describePrincipal), nextMarker: page.next }
  },
})

export const updatePrincipal = operation({
  name: 'UpdatePrincipal',
  summary: 'Attach and detach policies, or lock a principal out and let it in again. Holds for its next request.',
  group: 'access',
  rest: 'PATCH /v1/principals/{principalName}',
  cli: 'access principal update',
  stepUp: true,
  key: undefined,
  resource,
  input: z.strictObject({
    principalName,
    attachPolicies: z.array(z.string().max(128)).max(20).default([]),
    detachPolicies: z.array(z.string().max(128)).max(20).default([]),
    disabled: z.boolean().optional(),
  }),
  output: z.object({ principal: principalFacts }),
  audit: ['principalName', 'attachPolicies', 'detachPolicies', 'disabled'],
  async run({ world, scope, input, commit }) {
    const principal = await findPrincipal(world, scope.account, input.principalName)
    const policyChanges = await requirePolicies(world, scope.account, input.attachPolicies)
    const policies = [...new Set([...principal.policies, ...input.attachPolicies])].filter(
      (name) => !input.detachPolicies.includes(name),
    )
    const next: Principal = {
      ...principal,
      revision: principal.revision + 1,
      policies,
      disabled: input.disabled ?? principal.disabled,
    }
    // Let in again, a principal signs in again.
    const ended = next.disabled ? await sessionsOf(world, scope.account, input.principalName) : []
    await commit([
      { put: 'principal', record: next },
      ...policyChanges,
      ...ended.map((record) => ({ remove: 'session', record }) as const),
    ])
    return { principal: describePrincipal(next) }
  },
})

export const deletePrincipal = operation({
  name: 'DeletePrincipal',
  summary: 'Delete a principal, all its credentials and passkeys, and sign it out.',
  group: 'access',
  rest: 'DELETE /v1/principals/{principalName}',
  cli: 'access principal delete',
  stepUp: true,
  key: undefined,
  resource,
  input: z.strictObject({ principalName }),
  output: z.object({}),
  audit: ['principalName'],
  async run({ world, scope, caller, input, commit }) {
    const principal = await findPrincipal(world, scope.account, input.principalName)
    if (caller.principalName === input.principalName)
      throw problem('Conflict', { message: 'Nobody deletes themselves.', mend: 'Let another administrator do it.' })
    const { records } = await world.store.list('credential', {
      partition: installation,
      index: 'principal',
      prefix: `${scope.account}/${input.principalName}/`,
      limit: 1000,
    })
    await commit([
      { remove: 'principal', record: principal },
      ...records.map((record) => ({ remove: 'credential', record }) as const),
      ...(await withoutWaysIn(world, scope.account, input.principalName)),
    ])
    return {}
  },
})
