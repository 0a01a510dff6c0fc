import { z } from 'zod'
import { operation } from '../operation.ts'
import { encryptionContext, keyRef } from '../shapes.ts'
import { findPrincipal, principalName } from './principals.ts'

export const statementReference = z.object({
  policyName: z.string(),
  sid: z.string().optional(),
  index: z.number().int(),
})

export const askedAction = z
  .string()
  .regex(/^(?:kms:)?[A-Za-z]{1,64}$/)
  .describe('Such as Encrypt or kms:Encrypt.')

export const explainAccess = operation({
  name: 'ExplainAccess',
  summary: 'What would be allowed to a principal, and which statement decides. Nothing is done.',
  group: 'access',
  rest: 'POST /v1/access/explain',
  cli: 'access test',
  key: undefined,
  input: z.strictObject({
    principalName: principalName.describe('Of this account.'),
    action: askedAction,
    keyId: keyRef.optional(),
    encryptionContext: encryptionContext.optional(),
    sourceAddress: z.string().max(64).optional().describe("Without it: the caller's own."),
  }),
  output: z.object({
    allowed: z.boolean(),
    by: z.string(),
    reason: z.string(),
    statement: statementReference.optional(),
    grantId: z.string().optional(),
    statements: z.array(z.record(z.string(), z.unknown())),
    grants: z.array(z.record(z.string(), z.unknown())),
  }),
  audit: ['principalName', 'action', 'keyId'],
  async run({ world, scope, input, explain }) {
    const principal = await findPrincipal(world, scope.account, input.principalName)
    const explanation = await explain({
      principal,
      action: input.action.startsWith('kms:') ? input.action : `kms:${input.action}`,
      keyRef: input.keyId,
      input: input.encryptionContext === undefined ? {} : { encryptionContext: input.encryptionContext },
      sourceAddress: input.sourceAddress,
    })
    return explanation as never
  },
})
