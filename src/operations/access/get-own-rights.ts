import { z } from 'zod'
import { operation } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { askedAction, statementReference } from './explain-access.ts'

/** A screen of the console has some thirty buttons; a list of keys asks for each key on a page. */
const mostActions = 200

export const getOwnRights = operation({
  name: 'GetOwnRights',
  summary: 'What may I do? For each action whether it is allowed to the caller, and what refuses it. Nothing is done.',
  group: 'access',
  rest: 'POST /v1/access/rights',
  cli: 'access rights',
  key: undefined,
  rightsByItem: true,
  input: z.strictObject({
    actions: z.array(askedAction).min(1).max(mostActions),
    keyId: keyRef.optional(),
  }),
  output: z.object({
    rights: z.array(
      z.object({
        action: z.string(),
        allowed: z.boolean(),
        /** Of what is refused: `implicit-deny` wants a policy that allows it, `explicit-deny` has a statement against it. */
        by: z.enum(['explicit-deny', 'implicit-deny']).optional(),
        statement: statementReference.optional(),
      }),
    ),
  }),
  audit: ['keyId'],
  async run({ caller, input, explain }) {
    const rights = []
    for (const action of input.actions) {
      const { allowed, statement, statements } = await explain({
        principal: caller.principal,
        action: action.startsWith('kms:') ? action : `kms:${action}`,
        keyRef: input.keyId,
        input: {},
        sourceAddress: undefined,
      })
      // What a key's own policy says is told only to those who may read it (GetKeyPolicy).
      const own =
        !allowed &&
        statements.some(
          ({ kind, policyName, index }) =>
            kind === 'identity' && policyName === statement?.policyName && index === statement.index,
        )
      rights.push({
        action,
        allowed,
        ...(allowed ? {} : { by: own ? ('explicit-deny' as const) : ('implicit-deny' as const) }),
        ...(own ? { statement } : {}),
      })
    }
    return { rights }
  },
})
