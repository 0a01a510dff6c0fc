import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { keyArn } from '../../domain/key-reference.ts'
import type { ExternalKey } from '../../domain/key-store.ts'
import type { Change } from '../../domain/ports.ts'
import { bypassPolicyLockoutSafetyCheck, checkKeyPolicy, policyDocument } from '../access/key-policy.ts'
import {
  addressOf,
  changedStores,
  externalKeyId,
  findKeyStore,
  keyStoreId,
  keyStoresOf,
  keysIn,
  requireConnection,
} from '../key-stores/key-stores.ts'
import { type Context, operation } from '../operation.ts'
import { description, keySpec, keyUsage, protectionLevel, tags } from '../shapes.ts'
import { describeKey, keyMetadata } from './metadata.ts'
import { newKey } from './new-key.ts'

export const rotationPeriodDays = z
  .number()
  .int()
  .min(7)
  .max(730)
  .describe('Whole days between two automatic rotations, 7 to 730.')

export const createKey = operation({
  name: 'CreateKey',
  summary: 'Create a customer master key.',
  group: 'keys',
  rest: 'POST /v1/keys',
  cli: 'key create',
  key: undefined,
  input: z.strictObject({
    keySpec: keySpec.default('AES_256'),
    keyUsage: keyUsage.optional().describe('Without it: what keys of this spec are mostly made for.'),
    origin: z
      .enum(['KEYWARD', 'EXTERNAL', 'EXTERNAL_KEY_STORE'])
      .default('KEYWARD')
      .describe(
        'EXTERNAL: you import the key material (AES_256 only). EXTERNAL_KEY_STORE: a key manager of yours has the other half.',
      ),
    protectionLevel: protectionLevel
      .optional()
      .describe('SOFTWARE without it; of keys in an external key store always EXTERNAL.'),
    keyStoreId: keyStoreId.optional(),
    externalKeyId: externalKeyId.optional(),
    description: description.default(''),
    rotationPeriodDays: rotationPeriodDays.optional(),
    deletionProtection: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe('Turns deletion protection on; the text says why.'),
    importApproval: z
      .literal(true)
      .optional()
      .describe('Imports into this key need the approval of a second principal.'),
    tags: tags.default({}),
    policy: policyDocument.optional().describe('The key policy; the default policy without it.'),
    bypassPolicyLockoutSafetyCheck,
    multiRegion: z.boolean().default(false).describe('The key can be replicated into other regions.'),
  }),
  output: z.object({ key: keyMetadata }),
  audit: [
    'keySpec',
    'keyUsage',
    'origin',
    'protectionLevel',
    'keyStoreId',
    'externalKeyId',
    'rotationPeriodDays',
    'deletionProtection',
    'importApproval',
    'tags',
    'policy',
    'bypassPolicyLockoutSafetyCheck',
    'multiRegion',
  ],
  async run({ world, caller, scope, now, input, commit, note, permit, onBehalf, differences }) {
    const place = await placeOf({ world, scope, now, onBehalf }, input)
    const { key, changes } = await newKey(
      world,
      scope,
      {
        spec: input.keySpec,
        usage: input.keyUsage,
        origin: input.origin,
        protection: input.protectionLevel ?? (place === undefined ? 'SOFTWARE' : 'EXTERNAL'),
        external: place?.external,
        description: input.description,
        rotationPeriodDays: input.rotationPeriodDays,
        deletionProtection: input.deletionProtection === undefined ? undefined : { reason: input.deletionProtection },
        importApproval: input.importApproval,
        tags: input.tags,
        createdBy: caller.principalArn,
        importsEverySpec: differences.importsEverySpec,
        policy: input.policy,
        multiRegion: input.multiRegion,
      },
      now,
    )
    // Tags decide over rights (aws:ResourceTag): who may not set them cannot bring them along either.
    if (Object.keys(input.tags).length > 0) await permit('TagResource', keyArn(key))
    if (input.policy !== undefined)
      checkKeyPolicy(input.policy, key, { caller, now, bypass: input.bypassPolicyLockoutSafetyCheck })
    note({ keyId: key.keyId })
    await commit([...changes, ...(place?.changes ?? [])])
    return { key: describeKey(key, now) }
  },
})

/** For a key in an external key store: which key it is there, once the proxy has said that it can serve. */
async function placeOf(
  { world, scope, now, onBehalf }: Pick<Context, 'world' | 'scope' | 'now' | 'onBehalf'>,
  input: {
    readonly origin: string
    readonly keyStoreId?: string | undefined
    readonly externalKeyId?: string | undefined
  },
): Promise<{ readonly external: ExternalKey; readonly changes: readonly Change[] } | undefined> {
  const { keyStoreId: storeId, externalKeyId: id } = input
  if (input.origin !== 'EXTERNAL_KEY_STORE' && storeId === undefined && id === undefined) return undefined
  if (input.origin !== 'EXTERNAL_KEY_STORE' || storeId === undefined || id === undefined)
    throw problem('InvalidRequest', {
      member: storeId === undefined ? 'keyStoreId' : id === undefined ? 'externalKeyId' : 'origin',
      message: 'origin EXTERNAL_KEY_STORE, keyStoreId and externalKeyId go together; one of them is missing.',
      mend: 'Give all three for a key in an external key store, or none.',
    })
  const all = await keyStoresOf(world, scope)
  const store = findKeyStore(all, storeId)
  requireConnection(store, 'CONNECTED')
  const external = { keyStoreId: storeId, externalKeyId: id }
  const [taken] = await keysIn(world, scope, external, now)
  if (taken !== undefined)
    throw problem('ExternalKeyInUse', {
      message: `The external key ${id} belongs to the key ${taken.keyId} already.`,
      mend: 'Name another one: each key has its own.',
    })
  await world.keyStoreProxies.checkKey(addressOf(scope, store), id, onBehalf)
  // The stores are written again, unchanged: of two who ask for one external key at once the second looks again.
  return { external, changes: [changedStores(all, all.stores)] }
}
