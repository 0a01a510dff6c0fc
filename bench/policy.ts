/**
 * How long a decision takes, in nanoseconds: a managed policy and three statements of the account's own, as on every
 * request. `node bench/policy.ts`
 */
import { conditionContext } from '../src/domain/condition-context.ts'
import { managedPolicies } from '../src/domain/managed-policies.ts'
import { type AccessRequest, decide, parsePolicy, type Rights } from '../src/domain/policy.ts'

const account = '111122223333'
const own = parsePolicy(
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        Resource: `arn:aws:kms:*:${account}:key/*`,
        Condition: { StringEquals: { 'kms:EncryptionContext:app': 'shop' } },
      },
      { Effect: 'Deny', Action: 'kms:*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      {
        Effect: 'Deny',
        Action: 'kms:*',
        Resource: '*',
        Condition: { NotIpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '2001:db8::/32'] } },
      },
    ],
  }),
  { kind: 'identity', account, name: 'shop' },
)
const plain = parsePolicy(
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'kms:Sign', Resource: '*' },
      { Effect: 'Deny', Action: ['kms:Schedule*', 'kms:Disable*'], Resource: '*' },
      { Effect: 'Deny', Action: 'kms:*', Resource: `arn:aws:kms:*:${account}:key/0000*` },
    ],
  }),
  { kind: 'identity', account, name: 'plain' },
)
const user = managedPolicies.KeyUser?.policy
if (user === undefined) throw new Error('KeyUser is gone')

/** As `invoke` does: the context is made anew for each request, its values when they are asked for. */
function request(action: string): AccessRequest {
  const caller = { account, principalArn: `arn:aws:iam::${account}:user/shop`, principalName: 'shop' }
  const resource = `arn:aws:kms:local:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`
  const encryptionContext = { app: 'shop' }
  return {
    action,
    resource,
    caller,
    encryptionContext,
    context: conditionContext({
      action,
      resource,
      region: 'local',
      now: 1_767_225_600_000,
      sourceAddress: '10.1.2.3',
      secureTransport: true,
      caller,
      request: { encryptionContext },
    }),
  }
}

const cases: readonly (readonly [name: string, rights: Rights])[] = [
  ['managed policy alone', { identityPolicies: [user], key: { account } }],
  ['managed and 3 statements', { identityPolicies: [user, plain], key: { account } }],
  ['managed and 3 with conditions', { identityPolicies: [user, own], key: { account } }],
]
const rounds = 300_000
for (const [name, rights] of cases) {
  let best = Number.POSITIVE_INFINITY
  for (let repetition = 0; repetition < 5; repetition += 1) {
    const start = process.hrtime.bigint()
    for (let round = 0; round < rounds; round += 1)
      if (!decide(request('kms:Decrypt'), rights).allowed) throw new Error('it must be allowed')
    best = Math.min(best, Number(process.hrtime.bigint() - start) / rounds)
  }
  console.log(`${name.padEnd(32)} ${best.toFixed(0).padStart(6)} ns`)
}
