import assert from 'node:assert/strict'
import { test } from 'node:test'
import { managedPolicies } from '../src/domain/managed-policies.ts'
import { decide } from '../src/domain/policy.ts'
import { operations } from '../src/operations/index.ts'

const account = '111122223333'
const may = (policyName: string, operation: string) =>
  decide(
    {
      action: `kms:${operation}`,
      resource: `arn:aws:kms:local:${account}:key/1`,
      caller: { account, principalArn: `arn:aws:iam::${account}:user/alice` },
      context: () => undefined,
    },
    { identityPolicies: [managedPolicies[policyName]?.policy ?? assert.fail(policyName)], key: { account } },
  ).allowed

const names = operations.map(({ name }) => name)
const ofGroup = (...groups: string[]) =>
  operations.filter(({ group }) => groups.includes(group)).map(({ name }) => name)
/** The public half of a key is no secret: whoever sees a key sees it. */
const cryptography = ofGroup('cryptography').filter((name) => name !== 'GetPublicKey')
const reads = (name: string) => /^(?:List|Describe|Get|Explain)/.test(name) && name !== 'GetParametersForImport'
const rightsOverKeys = [
  'GetKeyPolicy',
  'PutKeyPolicy',
  'ListKeyPolicies',
  'ListGrants',
  'ListRetirableGrants',
  'RetireGrant',
  'RevokeGrant',
]

test('the administrator may do everything in the account', () => {
  for (const name of names) assert.ok(may('KeywardAdministrator', name), name)
})

test('who manages keys uses none, makes no principals, and grants nobody the use', () => {
  const others = ofGroup('access').filter(
    (name) =>
      !rightsOverKeys.includes(name) &&
      !['GetCallerIdentity', 'GetOwnRights', 'ExplainAccess', 'ExplainPolicy'].includes(name),
  )
  assert.ok(others.includes('CreateGrant') && others.includes('CreateAccessKey'))
  for (const name of [...cryptography, 'ReEncryptFrom', 'ReEncryptTo', ...others])
    assert.ok(!may('KeyAdministrator', name), name)
  for (const name of [...rightsOverKeys, ...ofGroup('keys', 'versions', 'material', 'keyStores', 'aliases')])
    assert.ok(may('KeyAdministrator', name), name)
})

test('who uses keys manages nothing', () => {
  for (const name of [...cryptography, 'ReEncryptFrom', 'ReEncryptTo']) assert.ok(may('KeyUser', name), name)
  for (const name of ofGroup('keys', 'versions', 'material', 'keyStores', 'aliases', 'access', 'audit', 'usage'))
    assert.ok(!may('KeyUser', name) || reads(name), name)
})

test('an auditor reads everything, uses no key and changes nothing', () => {
  for (const name of names) assert.equal(may('Auditor', name), reads(name) && !cryptography.includes(name), name)
})

test('there is no policy of the name of a member that every object has', () => {
  assert.equal('constructor' in managedPolicies, false)
  assert.equal(managedPolicies.toString, undefined)
})
