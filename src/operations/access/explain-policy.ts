import { z } from 'zod'
import { Problem } from '../../domain/errors.ts'
import { parsePolicy } from '../../domain/policy.ts'
import { operation } from '../operation.ts'

export const explainPolicy = operation({
  name: 'ExplainPolicy',
  summary: 'Would this policy document be taken? Where not, it says what is wrong and how to mend it. Nothing is kept.',
  group: 'access',
  rest: 'POST /v1/access/explain-policy',
  cli: 'access policy check',
  key: undefined,
  input: z.strictObject({
    document: z.string().min(1).max(32_768),
    kind: z.enum(['identity', 'key']).default('identity').describe('key: a key policy, which names principals.'),
  }),
  output: z.object({
    valid: z.boolean(),
    message: z.string().optional(),
    mend: z.string().optional(),
    member: z.string().optional().describe('Where, such as Statement.0.Action.1.'),
    conditionKeys: z.array(z.string()).optional().describe('What its conditions ask about.'),
  }),
  audit: ['kind'],
  async run({ scope, input }) {
    try {
      const { asksFor } = parsePolicy(input.document, { kind: input.kind, account: scope.account })
      return { valid: true, message: undefined, mend: undefined, member: undefined, conditionKeys: [...asksFor].sort() }
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return { valid: false, message: error.message, mend: error.mend, member: error.member, conditionKeys: undefined }
    }
  },
})
