import { z } from 'zod'
import { keyArn } from '../../domain/key-reference.ts'
import { bypassPolicyLockoutSafetyCheck, checkKeyPolicy, policyDocument } from '../access/key-policy.ts'
import { operation } from '../operation.ts'
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
      .enum(['KEYWARD', 'EXTERNAL'])
      .default('KEYWARD')
      .describe('EXTERNAL: you import the key material (AES_256 only).'),
    protectionLevel: protectionLevel.default('SOFTWARE'),
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
    'rotationPeriodDays',
    'deletionProtection',
    'importApproval',
    'tags',
    'policy',
    'bypassPolicyLockoutSafetyCheck',
    'multiRegion',
  ],
  async run({ world, caller, scope, now, input, commit, note, permit, differences }) {
    const { key, changes } = await newKey(
      world,
      scope,
      {
        spec: input.keySpec,
        usage: input.keyUsage,
        origin: input.origin,
        protection: input.protectionLevel,
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
    await commit(changes)
    return { key: describeKey(key, now) }
  },
})
