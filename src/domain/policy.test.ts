import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ConditionValue, contextOf } from './condition-context.ts'
import type { Grant } from './grant.ts'
import {
  type AccessRequest,
  type CompiledPolicy,
  decide,
  defaultKeyPolicy,
  explain,
  parsePolicy,
  wouldLockOut,
} from './policy.ts'

const here = '111122223333'
const abroad = '444455556666'
const arnOf = (account: string, name: string) =>
  name === 'root' ? `arn:aws:iam::${account}:root` : `arn:aws:iam::${account}:user/${name}`
const keyArn = (account: string) => `arn:aws:kms:local:${account}:key/1`

const document = (statements: readonly object[]): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((one) => ('NotResource' in one ? one : { Resource: '*', ...one })),
  })
const identity = (...statements: object[]): CompiledPolicy =>
  parsePolicy(document(statements), { kind: 'identity', name: 'mine' })
const key = (...statements: object[]): CompiledPolicy => parsePolicy(document(statements), { kind: 'key' })
const request = (
  changes: Partial<AccessRequest> & {
    readonly by?: string
    readonly of?: string
    readonly given?: Record<string, ConditionValue>
  } = {},
): AccessRequest => {
  const { by = 'alice', of: account = here, given = {}, ...rest } = changes
  return {
    action: 'kms:Decrypt',
    resource: keyArn(here),
    caller: { account, principalArn: arnOf(account, by) },
    context: contextOf(given),
    ...rest,
  }
}
const allowAll = identity({ Effect: 'Allow', Action: 'kms:*' })
const granted: Grant = {
  account: here,
  region: 'local',
  revision: 1,
  keyId: '1',
  grantId: 'g1',
  name: '',
  granteePrincipal: arnOf(here, 'alice'),
  operations: ['Decrypt'],
  issuingAccount: arnOf(here, 'root'),
  createdAt: 0,
  tokenHash: '',
}

test('nobody may do anything until something allows it', () => {
  assert.equal(decide(request(), { identityPolicies: [], key: { account: here } }).by, 'implicit-deny')
  assert.equal(decide(request(), { identityPolicies: [] }).by, 'implicit-deny')
})

test('the default key policy leaves a key to the identity policies of its account', () => {
  const decision = decide(request(), { identityPolicies: [allowAll], key: { account: here } })
  assert.deepEqual(
    { allowed: decision.allowed, by: decision.by, statement: decision.statement },
    { allowed: true, by: 'identity-policy', statement: { policyName: 'mine', index: 0 } },
  )
})

test('a key policy that does not leave the key to the account makes identity policies useless', () => {
  const policy = key({ Effect: 'Allow', Principal: { AWS: arnOf(here, 'bob') }, Action: 'kms:*' })
  assert.equal(decide(request(), { identityPolicies: [allowAll], key: { account: here, policy } }).allowed, false)
  const bob = decide(request({ by: 'bob' }), { identityPolicies: [], key: { account: here, policy } })
  assert.deepEqual([bob.allowed, bob.by], [true, 'key-policy'])
})

test('the account itself is named by the default key policy; nothing else is its by nature', () => {
  const root = request({ by: 'root' })
  assert.equal(decide(root, { identityPolicies: [], key: { account: here } }).by, 'key-policy')
  assert.equal(
    decide({ ...root, action: 'kms:CreateKey', resource: `arn:aws:kms:local:${here}:*` }, { identityPolicies: [] })
      .allowed,
    false,
  )
})

test("another account's key needs its key policy and an identity policy of the caller", () => {
  const foreign = request({ of: abroad })
  for (const Principal of [{ AWS: abroad }, { AWS: arnOf(abroad, 'alice') }, '*']) {
    const policy = key({ Effect: 'Allow', Principal, Action: 'kms:Decrypt' })
    assert.equal(
      decide(foreign, { identityPolicies: [allowAll], key: { account: here, policy } }).by,
      'key-and-identity-policy',
    )
    assert.equal(decide(foreign, { identityPolicies: [], key: { account: here, policy } }).allowed, false)
  }
  assert.equal(decide(foreign, { identityPolicies: [allowAll], key: { account: here } }).allowed, false)
  const grant = { ...granted, granteePrincipal: arnOf(abroad, 'alice') }
  assert.equal(decide(foreign, { identityPolicies: [], key: { account: here, grants: [grant] } }).by, 'grant')
})

test("an identity policy never reaches what is another account's, where no key policy opens it", () => {
  const resource = `arn:aws:kms:local:${abroad}:alias/x`
  assert.equal(decide(request({ resource }), { identityPolicies: [allowAll] }).allowed, false)
  assert.equal(
    decide(request({ resource: `arn:aws:iam::${abroad}:user/x` }), { identityPolicies: [allowAll] }).allowed,
    false,
  )
  assert.equal(
    decide(request({ resource: `arn:aws:iam::${here}:user/x` }), { identityPolicies: [allowAll] }).allowed,
    true,
  )
})

test("another account's policy is never applied", () => {
  const theirs = parsePolicy(JSON.stringify({ Statement: { Effect: 'Allow', Action: '*', Resource: '*' } }), {
    kind: 'identity',
    account: abroad,
  })
  assert.throws(() => decide(request(), { identityPolicies: [theirs] }), /another account/)
  const policy = parsePolicy(defaultKeyPolicy(abroad), { kind: 'key', account: abroad })
  assert.throws(() => decide(request(), { identityPolicies: [], key: { account: here, policy } }), /another account/)
})

test('a grant allows what it says, and only to whom it says', () => {
  const rights = { identityPolicies: [], key: { account: here, grants: [granted] } }
  assert.deepEqual([decide(request(), rights).by, decide(request(), rights).grantId], ['grant', 'g1'])
  assert.equal(decide(request({ by: 'bob' }), rights).allowed, false)
  assert.equal(decide(request({ action: 'kms:Encrypt' }), rights).allowed, false)
})

test('Deny beats allow on every verb, wherever both stand', () => {
  const verbs = [
    'Encrypt',
    'Decrypt',
    'CreateGrant',
    'PutKeyPolicy',
    'ScheduleKeyDeletion',
    'ImportKeyMaterial',
    'CreatePrincipal',
    'GetPolicy',
    'ListKeys',
  ]
  for (const verb of verbs) {
    const action = `kms:${verb}`
    const deny = { Effect: 'Deny', Action: action }
    const open = key({ Effect: 'Allow', Principal: '*', Action: '*' })
    const shut = key({ Effect: 'Allow', Principal: '*', Action: '*' }, { ...deny, Principal: { AWS: here } })
    const grants = [{ ...granted, operations: [...granted.operations, 'Encrypt', 'CreateGrant'] as const }]
    const asked = request({ action })
    assert.equal(
      decide(asked, { identityPolicies: [allowAll, identity(deny)], key: { account: here, policy: open, grants } }).by,
      'explicit-deny',
    )
    assert.equal(
      decide(asked, { identityPolicies: [allowAll], key: { account: here, policy: shut, grants } }).by,
      'explicit-deny',
    )
    assert.equal(
      decide({ ...asked, resource: `arn:aws:kms:local:${here}:*` }, { identityPolicies: [identity(deny), allowAll] })
        .by,
      'explicit-deny',
    )
  }
})

test('NotPrincipal denies everybody it does not name', () => {
  const policy = key(
    { Effect: 'Allow', Principal: '*', Action: '*' },
    { Effect: 'Deny', NotPrincipal: { AWS: [arnOf(here, 'alice'), here] }, Action: '*' },
  )
  const by = (name: string) =>
    decide(request({ by: name }), { identityPolicies: [], key: { account: here, policy } }).by
  assert.deepEqual([by('alice'), by('bob'), by('root')], ['key-policy', 'explicit-deny', 'key-policy'])
})

test('a key policy statement without action or resource has no effect', () => {
  for (const lacking of [{ Action: undefined }, { Resource: undefined }])
    for (const Effect of ['Allow', 'Deny']) {
      const policy = key(
        { Effect: 'Allow', Principal: { AWS: arnOf(here, 'bob') }, Action: '*' },
        { Effect, Principal: '*', Action: '*', ...lacking },
      )
      assert.equal(
        decide(request(), { identityPolicies: [allowAll], key: { account: here, policy } }).by,
        'implicit-deny',
      )
      assert.equal(
        decide(request({ by: 'bob' }), { identityPolicies: [], key: { account: here, policy } }).by,
        'key-policy',
      )
    }
})

test('a wildcard in the account of an ARN does not reach across parts', () => {
  const deny = identity({ Effect: 'Allow', Action: '*', Resource: `arn:aws:kms:*:${abroad}:key/*` })
  const resource = `arn:aws:kms:local:${here}:alias/x:${abroad}:key/1`
  assert.equal(decide(request({ resource }), { identityPolicies: [deny] }).allowed, false)
})

test('what stands in a variable is text: a star in a tag is no wildcard', () => {
  const policy = identity({
    Effect: 'Allow',
    Action: '*',
    Resource: `arn:aws:kms:local:${here}:key/\${aws:PrincipalTag/key}`,
  })
  const may = (tag: string) =>
    decide(request({ given: { 'aws:PrincipalTag/key': tag } }), { identityPolicies: [policy], key: { account: here } })
      .allowed
  assert.deepEqual([may('1'), may('*'), may('?'), may('')], [true, false, false, false])
})

test('a policy that would lock its author out is noticed', () => {
  const asked = request({ action: 'kms:PutKeyPolicy' })
  const locks = (...statements: object[]) => wouldLockOut(key(...statements), asked)
  assert.equal(wouldLockOut(parsePolicy(defaultKeyPolicy(here), { kind: 'key' }), asked), false)
  assert.equal(locks({ Effect: 'Allow', Principal: { AWS: arnOf(here, 'alice') }, Action: 'kms:Put*' }), false)
  assert.equal(locks({ Effect: 'Allow', Principal: { AWS: arnOf(here, 'bob') }, Action: '*' }), true)
  assert.equal(locks({ Effect: 'Allow', Principal: { AWS: arnOf(here, 'alice') }, Action: 'kms:Decrypt' }), true)
  assert.equal(
    locks({ Effect: 'Allow', Principal: '*', Action: '*' }, { Effect: 'Deny', Principal: '*', Action: 'kms:*' }),
    true,
  )
  assert.equal(
    locks({ Effect: 'Allow', Principal: '*', Action: '*', Condition: { Bool: { 'aws:SecureTransport': 'true' } } }),
    true,
  )
})

// ------------------------------------------------------------------------------------------------------------ properties

const some = <T>(...values: T[]) => fc.constantFrom(...values)
const conditions = some<object>(
  {},
  {},
  { Condition: { StringEquals: { 'aws:username': 'alice' } } },
  { Condition: { StringNotLike: { 'kms:EncryptionContext:a': ['b*', `\${aws:username}`] } } },
  { Condition: { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a'] } } },
  { Condition: { NumericLessThanIfExists: { 'kms:ScheduleKeyDeletionPendingWindowInDays': 10 } } },
  { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' }, Null: { 'aws:username': 'false' } } },
)
const anyStatement = fc
  .tuple(
    some('Allow', 'Deny', 'Allow'),
    some<object>(
      { Action: '*' },
      { Action: 'kms:Decrypt' },
      { NotAction: 'kms:Encrypt' },
      { Action: ['kms:E*', 'kms:?ecrypt'] },
    ),
    some<object>({ Resource: '*' }, { Resource: keyArn('*') }, { NotResource: keyArn(abroad) }),
    conditions,
  )
  .map(([Effect, ...parts]) => Object.assign({ Effect }, ...parts) as { Effect: string })
const anyKeyStatement = fc
  .tuple(anyStatement, some<unknown>('*', { AWS: here }, { AWS: abroad }, { AWS: arnOf(here, 'alice') }))
  .map(([one, Principal]) => ({ ...one, Principal }))
const statements = fc.array(anyStatement, { minLength: 1, maxLength: 4 })
const keyStatements = fc.array(anyKeyStatement, { minLength: 1, maxLength: 4 })
const anyRequest = fc
  .record({
    by: some('alice', 'bob', 'root'),
    of: some(here, here, abroad),
    action: some('kms:Decrypt', 'kms:Encrypt', 'kms:ScheduleKeyDeletion'),
    given: fc.dictionary(
      some(
        'aws:username',
        'kms:EncryptionContext:a',
        'aws:TagKeys',
        'kms:ScheduleKeyDeletionPendingWindowInDays',
        'aws:SourceIp',
      ),
      some<ConditionValue>('alice', 'b', ['a'], ['a', 'c'], 7, '10.1.1.1', true, { spellings: ['alice', 'x'] }),
    ),
  })
  .map(request)
const rightsOf = (mine: object[], keys: object[] | undefined, grants: readonly Grant[] = []) => ({
  identityPolicies: [identity(...mine)],
  key: { account: here, policy: keys === undefined ? undefined : key(...keys), grants },
})
const maybeGrants = some<readonly Grant[]>([], [granted])

test('one more Deny never allows anything', () => {
  fc.assert(
    fc.property(
      anyRequest,
      statements,
      fc.option(keyStatements, { nil: undefined }),
      maybeGrants,
      anyStatement,
      (asked, mine, keys, grants, extra) => {
        const before = decide(asked, rightsOf(mine, keys, grants)).allowed
        const deny = { ...extra, Effect: 'Deny' }
        assert.ok(!decide(asked, rightsOf([...mine, deny], keys, grants)).allowed || before)
        if (keys !== undefined)
          assert.ok(!decide(asked, rightsOf(mine, [...keys, { ...deny, Principal: '*' }], grants)).allowed || before)
      },
    ),
    { numRuns: 2000 },
  )
})

test('one more Allow never takes anything away', () => {
  fc.assert(
    fc.property(anyRequest, statements, keyStatements, anyStatement, (asked, mine, keys, extra) => {
      const before = decide(asked, rightsOf(mine, keys))
      const allow = { ...extra, Effect: 'Allow' }
      assert.ok(decide(asked, rightsOf([...mine, allow], keys)).allowed || !before.allowed)
      assert.ok(decide(asked, rightsOf(mine, [...keys, { ...allow, Principal: '*' }])).allowed || !before.allowed)
    }),
    { numRuns: 2000 },
  )
})

test('the order of statements and of policies does not matter', () => {
  fc.assert(
    fc.property(anyRequest, statements, keyStatements, maybeGrants, fc.nat(), (asked, mine, keys, grants, seed) => {
      const turned = <T>(list: readonly T[]) =>
        list.map((_, index) => list[(index + seed) % list.length] as T).reverse()
      const one = decide(asked, rightsOf(mine, keys, grants))
      const other = decide(asked, rightsOf(turned(mine), turned(keys), grants))
      assert.deepEqual([one.allowed, one.by], [other.allowed, other.by])
      const apart = decide(asked, {
        ...rightsOf(mine, keys, grants),
        identityPolicies: turned(mine).map((each) => identity(each)),
      })
      assert.deepEqual([one.allowed, one.by], [apart.allowed, apart.by])
    }),
    { numRuns: 1000 },
  )
})

test('an explanation agrees with the decision it explains', () => {
  fc.assert(
    fc.property(anyRequest, statements, keyStatements, maybeGrants, (asked, mine, keys, grants) => {
      const rights = rightsOf(mine, keys, grants)
      const { decision, statements: findings, grants: found } = explain(asked, rights)
      assert.deepEqual(decision, decide(asked, rights))
      assert.equal(findings.length, mine.length + keys.length)
      const applies = (effect: string) =>
        findings.filter((finding) => finding.effect === effect && finding.applies !== 'none')
      assert.equal(decision.by === 'explicit-deny', applies('Deny').length > 0)
      if (decision.allowed)
        assert.ok(
          found.some(({ allows }) => allows) ||
            applies('Allow').some(
              ({ policyName, index }) =>
                policyName === decision.statement?.policyName && index === decision.statement.index,
            ),
        )
      for (const { why } of findings) assert.match(why, /^.+\.$/)
    }),
    { numRuns: 1000 },
  )
})

test('an explanation names the condition that is not met', () => {
  const policy = identity({
    Sid: 'office',
    Effect: 'Allow',
    Action: 'kms:Decrypt',
    Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
  })
  const why = (given: Record<string, ConditionValue>) =>
    explain(request({ given }), { identityPolicies: [policy], key: { account: here } }).statements[0]?.why
  assert.equal(why({}), 'Its condition IpAddress on aws:SourceIp is not met: the request has no such key.')
  assert.equal(why({ 'aws:SourceIp': '192.0.2.1' }), 'Its condition IpAddress on aws:SourceIp is not met.')
  assert.equal(why({ 'aws:SourceIp': '10.0.0.1' }), 'It allows this.')
})
