import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { managedPolicies } from '../../domain/managed-policies.ts'
import { parsePolicy } from '../../domain/policy.ts'
import { operation } from '../operation.ts'
import { nextMarker, pageLimit, pageMarker } from '../shapes.ts'

const policyName = z.string().regex(/^[A-Za-z0-9_+=,.@-]{1,128}$/, 'must be 1 to 128 letters, digits or _+=,.@-')
const resource = (input: { readonly policyName: string }, scope: { readonly account: string }) =>
  `arn:aws:iam::${scope.account}:policy/${input.policyName}`
const policyFacts = z
  .object({ policyName: z.string(), description: z.string(), document: z.string(), managed: z.boolean() })
  .meta({ id: 'Policy' })

export const putPolicy = operation({
  name: 'PutPolicy',
  summary: 'Create or replace a policy of the account, in the IAM JSON language. Holds from the next request on.',
  group: 'access',
  rest: 'PUT /v1/policies/{policyName}',
  cli: 'access policy put',
  stepUp: true,
  key: undefined,
  resource,
  input: z.strictObject({
    policyName,
    description: z.string().max(1024).default(''),
    document: z.string().min(2).max(32_768),
  }),
  output: z.object({}),
  audit: ['policyName', 'document'],
  async run({ world, scope, now, input, commit }) {
    if (input.policyName in managedPolicies)
      throw problem('ResourceExists', {
        message: `${input.policyName} is a managed policy.`,
        mend: 'Choose another name.',
      })
    parsePolicy(input.document, { kind: 'identity', account: scope.account })
    const stored = await world.store.get('policy', scope.account, input.policyName)
    await commit([
      {
        put: 'policy',
        record: {
          revision: (stored?.revision ?? 0) + 1,
          account: scope.account,
          name: input.policyName,
          description: input.description,
          document: input.document,
          createdAt: stored?.createdAt ?? now,
          updatedAt: now,
        },
      },
    ])
    return {}
  },
})

export const getPolicy = operation({
  name: 'GetPolicy',
  summary: 'Show a policy, managed or of the account.',
  group: 'access',
  rest: 'GET /v1/policies/{policyName}',
  cli: 'access policy get',
  key: undefined,
  resource,
  input: z.strictObject({ policyName }),
  output: z.object({ policy: policyFacts }),
  audit: ['policyName'],
  async run({ world, scope, input }) {
    const managed = managedPolicies[input.policyName]
    if (managed !== undefined)
      return {
        policy: {
          policyName: input.policyName,
          description: managed.description,
          document: managed.document,
          managed: true,
        },
      }
    const stored = await world.store.get('policy', scope.account, input.policyName)
    if (stored === undefined) throw problem('PolicyNotFound', { mend: 'ListPolicies shows those there are.' })
    return {
      policy: { policyName: stored.name, description: stored.description, document: stored.document, managed: false },
    }
  },
})

export const listPolicies = operation({
  name: 'ListPolicies',
  summary: 'List the policies of the account; the managed ones are on the first page.',
  group: 'access',
  rest: 'GET /v1/policies',
  cli: 'access policy list',
  key: undefined,
  input: z.strictObject({ limit: pageLimit, marker: pageMarker }),
  output: z.object({ policies: z.array(policyFacts), nextMarker }),
  audit: [],
  async run({ world, scope, input }) {
    const page = await world.store.list('policy', {
      partition: scope.account,
      limit: input.limit,
      ...(input.marker === undefined ? {} : { after: input.marker }),
    })
    const own = page.records.map(({ name, description, document }) => ({
      policyName: name,
      description,
      document,
      managed: false,
    }))
    const managed = Object.entries(managedPolicies).map(([name, { description, document }]) => ({
      policyName: name,
      description,
      document,
      managed: true,
    }))
    return { policies: input.marker === undefined ? [...managed, ...own] : own, nextMarker: page.next }
  },
})

export const deletePolicy = operation({
  name: 'DeletePolicy',
  summary: 'Delete a policy of the account that is attached to nobody.',
  group: 'access',
  rest: 'DELETE /v1/policies/{policyName}',
  cli: 'access policy delete',
  stepUp: true,
  key: undefined,
  resource,
  input: z.strictObject({ policyName }),
  output: z.object({}),
  audit: ['policyName'],
  async run({ world, scope, input, commit }) {
    const stored = await world.store.get('policy', scope.account, input.policyName)
    if (stored === undefined) throw problem('PolicyNotFound', { mend: 'ListPolicies shows those there are.' })
    let after: string | undefined
    do {
      const page = await world.store.list('principal', {
        partition: scope.account,
        limit: 1000,
        ...(after === undefined ? {} : { after }),
      })
      const holder = page.records.find(({ policies }) => policies.includes(input.policyName))
      if (holder !== undefined)
        throw problem('Conflict', {
          message: `The policy is attached to ${holder.name}.`,
          mend: 'Detach it first with UpdatePrincipal.',
        })
      after = page.next
    } while (after !== undefined)
    await commit([{ remove: 'policy', record: stored }])
    return {}
  },
})
