import { z } from 'zod'
import { operation } from '../operation.ts'
import { none } from '../shapes.ts'

export const getCallerIdentity = operation({
  name: 'GetCallerIdentity',
  summary: 'Who am I? Needs no right: whoever may ask knows the answer.',
  group: 'access',
  rest: 'GET /v1/caller',
  cli: 'whoami',
  key: undefined,
  rightsByItem: true,
  input: none,
  output: z.object({
    account: z.string(),
    region: z.string(),
    principalArn: z.string(),
    principalName: z.string(),
    credentialId: z.string(),
    policies: z.array(z.string()),
  }),
  audit: [],
  async run({ caller, scope }) {
    return {
      account: caller.account,
      region: scope.region,
      principalArn: caller.principalArn,
      principalName: caller.principalName,
      credentialId: caller.credentialId,
      policies: [...caller.principal.policies],
    }
  },
})
