/** Grants: one principal may do some things with one key, until somebody ends it. They only ever allow. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { type Grant, type GrantTerms, grantOperations, requireGrantable } from '../../domain/grant.ts'
import type { Key } from '../../domain/key.ts'
import { requireEnabled } from '../../domain/lifecycle.ts'
import type { World } from '../../domain/ports.ts'
import { principalArn } from '../../domain/principal.ts'
import { partitionOf } from '../../domain/scope.ts'
import { changed } from '../keys/changed.ts'
import { type KeyNeed, operation, present } from '../operation.ts'
import { instant, keyRef, nextMarker, pageLimit, pageMarker } from '../shapes.ts'
import { grantToken, grantTokenHash, keyArnOfToken, readGrantToken, requireGenuine } from './grant-token.ts'

const mostGrantsOfAKey = 50_000

const principal = z
  .string()
  .regex(
    /^arn:aws:iam::[0-9]{12,16}:(?:root|user\/[\w+=,.@-]{1,64})$/,
    'must be the resource name of a principal, such as arn:aws:iam::000000000000:user/alice',
  )
const pairs = z.record(z.string().min(1), z.string().max(384)).refine((map) => Object.keys(map).length <= 8, {
  error: 'must be at most 8 pairs',
})
const constraints = z.strictObject({
  encryptionContextEquals: pairs.optional().describe('The encryption context of a request must be exactly this.'),
  encryptionContextSubset: pairs.optional().describe('The encryption context of a request must have these pairs.'),
})
const grantedOperation = z.enum(grantOperations)
const grantId = z.string().min(1).max(128)

const grantFacts = z
  .object({
    grantId: z.string(),
    keyId: z.string(),
    name: z.string(),
    granteePrincipal: z.string(),
    retiringPrincipal: z.string().optional(),
    operations: z.array(grantedOperation),
    constraints: constraints.optional(),
    issuingAccount: z.string(),
    createdAt: instant(),
  })
  .meta({ id: 'Grant' })

function describeGrant(grant: Grant): z.output<typeof grantFacts> {
  const { encryptionContextEquals, encryptionContextSubset } = grant.constraints ?? {}
  return {
    grantId: grant.grantId,
    keyId: grant.keyId,
    name: grant.name,
    granteePrincipal: grant.granteePrincipal,
    retiringPrincipal: grant.retiringPrincipal,
    operations: [...grant.operations],
    constraints: grant.constraints === undefined ? undefined : { encryptionContextEquals, encryptionContextSubset },
    issuingAccount: grant.issuingAccount,
    createdAt: grant.createdAt,
  }
}

const createGrantInput = z.strictObject({
  keyId: keyRef,
  granteePrincipal: principal,
  retiringPrincipal: principal.optional(),
  operations: z.array(grantedOperation).min(1).max(grantOperations.length),
  constraints: constraints.optional(),
  name: z
    .string()
    .regex(/^[a-zA-Z0-9:/_-]{1,256}$/, 'must be 1 to 256 letters, digits or :/_-')
    .optional()
    .describe('The same name with the same terms again gives the same grant: safe to repeat.'),
})

type CreateGrantInput = z.output<typeof createGrantInput>

function termsOf({ operations, constraints: wanted }: CreateGrantInput): GrantTerms {
  const { encryptionContextEquals: equals, encryptionContextSubset: subset } = wanted ?? {}
  return {
    operations: [...new Set(operations)].sort(),
    ...(wanted === undefined
      ? {}
      : {
          constraints: {
            ...(equals === undefined ? {} : { encryptionContextEquals: equals }),
            ...(subset === undefined ? {} : { encryptionContextSubset: subset }),
          },
        }),
  }
}

export const createGrant = operation({
  name: 'CreateGrant',
  summary: 'Let a principal do some things with a key. Holds from the next request on.',
  group: 'access',
  rest: 'POST /v1/keys/{keyId}/grants',
  cli: 'grant create',
  stepUp: true,
  key: {
    ...present<CreateGrantInput>(),
    check: requireEnabled,
    grantFacts: (input) => ({ newGrant: termsOf(input) }),
  },
  crossAccount: true,
  input: createGrantInput,
  output: z.object({ grantId: z.string(), grantToken: z.string() }),
  audit: ['keyId', 'granteePrincipal', 'retiringPrincipal', 'operations', 'constraints', 'name'],
  async run({ world, key, caller, now, input, commit, note }) {
    const terms = termsOf(input)
    requireGrantable(terms, key)
    const wanted = {
      account: key.account,
      region: key.region,
      keyId: key.keyId,
      name: input.name ?? '',
      granteePrincipal: input.granteePrincipal,
      ...(input.retiringPrincipal === undefined ? {} : { retiringPrincipal: input.retiringPrincipal }),
      ...terms,
      issuingAccount: principalArn(caller.account, 'root'),
    }
    // A named grant has its id from its terms: the same call again finds the grant it has made before.
    const id =
      wanted.name === ''
        ? Buffer.from(world.random.bytes(32)).toString('hex')
        : createHash('sha256').update(JSON.stringify(wanted)).digest('hex')
    const name = { account: key.account, region: key.region, keyId: key.keyId, grantId: id }
    const token = grantToken(world.sealer, name)
    note({ input: { grantId: id } })
    if ((await findGrant(world, key, id)) !== undefined) return { grantId: id, grantToken: token }
    if (await isFull(world, key))
      throw problem('LimitExceeded', {
        message: `A key has at most ${mostGrantsOfAKey} grants.`,
        mend: 'Revoke some first.',
      })
    const grant: Grant = { ...wanted, grantId: id, revision: 1, createdAt: now, tokenHash: grantTokenHash(token) }
    await commit([{ put: 'grant', record: grant }, grantsChanged(key)])
    return { grantId: id, grantToken: token }
  },
})

/** Grants that are there now; what was ended is subtracted. */
async function isFull(world: Pick<World, 'store'>, key: Key): Promise<boolean> {
  // Fewer changes than the limit: there cannot be so many grants, and nothing needs to be counted.
  if ((key.grantRevision ?? 0) < mostGrantsOfAKey) return false
  let count = 0
  let after: string | undefined
  do {
    const page = await world.store.list('grant', {
      partition: partitionOf(key),
      prefix: `${key.keyId}/`,
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    })
    count += page.records.length
    after = page.next
  } while (after !== undefined)
  return count >= mostGrantsOfAKey
}

/** The key's own record goes along: whoever holds the newest one knows that its grants are still the same. */
function grantsChanged(key: Key) {
  return changed(key, { grantRevision: (key.grantRevision ?? 0) + 1 })
}

async function findGrant(world: Pick<World, 'store'>, key: Key, id: string): Promise<Grant | undefined> {
  return world.store.get('grant', partitionOf(key), `${key.keyId}/${id}`)
}

async function requireGrant(world: Pick<World, 'store'>, key: Key, id: string): Promise<Grant> {
  const grant = await findGrant(world, key, id)
  if (grant === undefined)
    throw problem('GrantNotFound', {
      message: `There is no grant ${id} for this key.`,
      mend: 'ListGrants shows those there are.',
      facts: { keyId: key.keyId, grantId: id },
    })
  return grant
}

export const listGrants = operation({
  name: 'ListGrants',
  summary: 'List the grants of a key.',
  group: 'access',
  rest: 'GET /v1/keys/{keyId}/grants',
  cli: 'grant list',
  key: present(),
  crossAccount: true,
  input: z.strictObject({
    keyId: keyRef,
    grantId: grantId.optional().describe('Only this one.'),
    granteePrincipal: z.string().min(1).max(256).optional().describe('Only those of this principal.'),
    limit: pageLimit,
    marker: pageMarker,
  }),
  output: z.object({ grants: z.array(grantFacts), nextMarker }),
  audit: ['keyId', 'grantId', 'granteePrincipal'],
  async run({ world, key, input }) {
    if (input.grantId !== undefined) {
      const grant = await findGrant(world, key, input.grantId)
      const fits =
        grant !== undefined &&
        (input.granteePrincipal === undefined || grant.granteePrincipal === input.granteePrincipal)
      return { grants: fits ? [describeGrant(grant)] : [], nextMarker: undefined }
    }
    const page = await world.store.list('grant', {
      partition: partitionOf(key),
      prefix: `${key.keyId}/`,
      limit: input.limit,
      ...(input.marker === undefined ? {} : { after: input.marker }),
    })
    return {
      grants: page.records
        .filter((grant) => input.granteePrincipal === undefined || grant.granteePrincipal === input.granteePrincipal)
        .map(describeGrant),
      nextMarker: page.next,
    }
  },
})

export const listRetirableGrants = operation({
  name: 'ListRetirableGrants',
  summary: 'List the grants of the account and region that a principal may end.',
  group: 'access',
  rest: 'GET /v1/grants/retirable',
  cli: 'grant retirable',
  key: undefined,
  input: z.strictObject({ retiringPrincipal: z.string().min(1).max(256), limit: pageLimit, marker: pageMarker }),
  output: z.object({ grants: z.array(grantFacts), nextMarker }),
  audit: ['retiringPrincipal'],
  async run({ world, scope, input }) {
    const page = await world.store.list('grant', {
      partition: partitionOf(scope),
      index: 'retiring',
      prefix: `${input.retiringPrincipal}/`,
      limit: input.limit,
      ...(input.marker === undefined ? {} : { after: input.marker }),
    })
    return {
      grants: page.records.filter((grant) => grant.retiringPrincipal === input.retiringPrincipal).map(describeGrant),
      nextMarker: page.next,
    }
  },
})

const retireGrantInput = z
  .strictObject({
    grantToken: z.string().min(1).max(8192).optional().describe('Names key and grant by itself.'),
    keyId: keyRef.optional(),
    grantId: grantId.optional(),
  })
  .refine(
    ({ grantToken: token, keyId, grantId: id }) =>
      token === undefined ? keyId !== undefined && id !== undefined : keyId === undefined && id === undefined,
    { error: 'must have either a grantToken, or a keyId and a grantId' },
  )

type RetireGrantInput = z.output<typeof retireGrantInput>

function retiredId(input: RetireGrantInput): string {
  return input.grantToken === undefined ? (input.grantId as string) : readGrantToken(input.grantToken).grantId
}

const ofTheGrant: KeyNeed<RetireGrantInput> = {
  ref: (input) => (input.grantToken === undefined ? input.keyId : keyArnOfToken(input.grantToken)),
  rotates: false,
  uses: false,
  check: () => {},
  grantFacts: (input) => ({ retires: retiredId(input) }),
}

export const retireGrant = operation({
  name: 'RetireGrant',
  summary: 'End a grant whose work is done: for its retiring principal, and for a grantee that was granted this too.',
  group: 'access',
  rest: 'POST /v1/grants/retire',
  cli: 'grant retire',
  key: ofTheGrant,
  crossAccount: true,
  input: retireGrantInput,
  output: z.object({}),
  audit: ['keyId', 'grantId'],
  async run({ world, key, input, commit, note }) {
    if (input.grantToken !== undefined) requireGenuine(world.sealer, input.grantToken)
    const grant = await requireGrant(world, key, retiredId(input))
    note({ input: { grantId: grant.grantId } })
    await commit([{ remove: 'grant', record: grant }, grantsChanged(key)])
    return {}
  },
})

export const revokeGrant = operation({
  name: 'RevokeGrant',
  summary: 'Take a grant back. Holds from the next request on.',
  group: 'access',
  rest: 'DELETE /v1/keys/{keyId}/grants/{grantId}',
  cli: 'grant revoke',
  key: present(),
  crossAccount: true,
  input: z.strictObject({ keyId: keyRef, grantId }),
  output: z.object({}),
  audit: ['keyId', 'grantId'],
  async run({ world, key, input, commit }) {
    const grant = await requireGrant(world, key, input.grantId)
    await commit([{ remove: 'grant', record: grant }, grantsChanged(key)])
    return {}
  },
})
