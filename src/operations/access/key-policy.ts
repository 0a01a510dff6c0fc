/** The key policy: who may do what with one key. Every key has exactly one, named `default`. */
import { z } from 'zod'
import { conditionContext } from '../../domain/condition-context.ts'
import { problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import { defaultKeyPolicy, parsePolicy, wouldLockOut } from '../../domain/policy.ts'
import type { Caller } from '../../domain/principal.ts'
import type { Instant } from '../../domain/time.ts'
import { changed } from '../keys/changed.ts'
import { operation, present } from '../operation.ts'
import { keyRef } from '../shapes.ts'

/** In characters; in bytes the parser has the last word. */
export const policyDocument = z.string().min(1).max(131_072).describe('In the IAM JSON policy language.')
export const bypassPolicyLockoutSafetyCheck = z
  .boolean()
  .default(false)
  .describe('Take the policy even where it keeps you from changing it ever again.')

/** `MalformedPolicy` where it is none; `PolicyLockout` where the caller could not mend it afterwards. */
export function checkKeyPolicy(
  document: string,
  key: Key,
  asking: { readonly caller: Caller; readonly now: Instant; readonly bypass: boolean },
): void {
  const { caller, now, bypass } = asking
  const policy = parsePolicy(document, { kind: 'key', account: key.account })
  if (bypass) return
  const action = 'kms:PutKeyPolicy'
  const resource = keyArn(key)
  const context = conditionContext({
    action,
    resource,
    region: key.region,
    now,
    secureTransport: true,
    caller: { ...caller, principalId: caller.principal.principalId },
    key,
    request: {},
  })
  if (wouldLockOut(policy, { action, resource, caller, context }))
    throw problem('PolicyLockout', {
      member: 'policy',
      mend: 'Let yourself or the account (arn:aws:iam::ACCOUNT:root) do kms:PutKeyPolicy, or set bypassPolicyLockoutSafetyCheck.',
    })
}

export const putKeyPolicy = operation({
  name: 'PutKeyPolicy',
  summary: 'Replace the policy of a key. Holds from the next request on.',
  group: 'access',
  rest: 'PUT /v1/keys/{keyId}/policy',
  cli: 'key policy put',
  stepUp: true,
  key: present(),
  input: z.strictObject({ keyId: keyRef, policy: policyDocument, bypassPolicyLockoutSafetyCheck }),
  output: z.object({}),
  audit: ['keyId', 'policy', 'bypassPolicyLockoutSafetyCheck'],
  async run({ key, caller, now, input, commit }) {
    checkKeyPolicy(input.policy, key, { caller, now, bypass: input.bypassPolicyLockoutSafetyCheck })
    await commit([changed(key, { policy: input.policy })])
    return {}
  },
})

export const getKeyPolicy = operation({
  name: 'GetKeyPolicy',
  summary: 'Show the policy of a key.',
  group: 'access',
  rest: 'GET /v1/keys/{keyId}/policy',
  cli: 'key policy get',
  key: present(),
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({ policy: z.string() }),
  audit: ['keyId'],
  async run({ key }) {
    return { policy: policyOf(key) }
  },
})

/** As it was put, to the letter; of a key that was never given one, the default policy. */
export function policyOf(key: Key): string {
  return key.policy ?? defaultKeyPolicy(key.account)
}

export const listKeyPolicies = operation({
  name: 'ListKeyPolicies',
  summary: 'List the names of the policies of a key: `default`, always.',
  group: 'access',
  rest: 'GET /v1/keys/{keyId}/policies',
  cli: 'key policy list',
  key: present(),
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({ policyNames: z.array(z.string()) }),
  audit: ['keyId'],
  async run() {
    return { policyNames: ['default'] }
  },
})
