import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Problem } from './errors.ts'
import { largestPolicyBytes, type PolicyKind, parsePolicy } from './policy-document.ts'

const variable = (name: string) => `\${${name}}`
const statement = { Effect: 'Allow', Action: 'kms:Encrypt', Resource: '*' }
const policy = (changes: object, version: string | undefined = '2012-10-17') => ({
  Version: version,
  Statement: [{ ...statement, ...changes }],
})

function refusal(
  document: unknown,
  kind: PolicyKind = 'identity',
): { code: string; member: string | undefined } | undefined {
  try {
    parsePolicy(typeof document === 'string' ? document : JSON.stringify(document), { kind })
    return undefined
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    assert.ok(error.mend, 'every refusal says how to mend it')
    return { code: error.code, member: error.member }
  }
}

const refusedAt = (document: unknown, member: string | undefined, kind: PolicyKind = 'identity') =>
  assert.deepEqual(refusal(document, kind), { code: 'MalformedPolicy', member }, JSON.stringify(document))
const accepted = (document: unknown, kind: PolicyKind = 'identity') =>
  assert.equal(refusal(document, kind), undefined, JSON.stringify(document))

test('what is no policy is refused, with the place', () => {
  refusedAt('', undefined)
  refusedAt('null', undefined)
  refusedAt('[]', undefined)
  refusedAt('{"Statement":', undefined)
  refusedAt({}, 'Statement')
  refusedAt({ Statement: [] }, 'Statement')
  refusedAt({ Statement: ['x'] }, 'Statement.0')
  refusedAt({ Version: '2012-10-18', Statement: [statement] }, 'Version')
  refusedAt({ Version: 2012, Statement: [statement] }, 'Version')
  refusedAt({ ...policy({}), Statment: [] }, 'Statment')
  refusedAt({ ...policy({}), statement: [] }, 'statement')
  refusedAt({ ...policy({}), Id: 7 }, 'Id')
  refusedAt(policy({ Conditions: {} }), 'Statement.0.Conditions')
  refusedAt(policy({ Effect: 'allow' }), 'Statement.0.Effect')
  refusedAt(policy({ Effect: undefined }), 'Statement.0.Effect')
  refusedAt(policy({ Sid: 7 }), 'Statement.0.Sid')
  refusedAt(policy({ Sid: 'with space' }), 'Statement.0.Sid')
  refusedAt(
    {
      Statement: [
        { ...statement, Sid: 'a' },
        { ...statement, Sid: 'a' },
      ],
    },
    'Statement.1.Sid',
  )
  refusedAt(
    `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}`,
    'Statement.Effect',
  )
})

test('actions are a service and an operation', () => {
  for (const Action of ['', 'Encrypt', 'kms:', ':Encrypt', 'kms:Encrypt:x', 'k*:Encrypt', 'kms: Encrypt', 'kms:Én'])
    refusedAt(policy({ Action }), 'Statement.0.Action')
  refusedAt(policy({ Action: ['kms:Encrypt', 7] }), 'Statement.0.Action.1')
  refusedAt(policy({ Action: [] }), 'Statement.0.Action')
  refusedAt(policy({ Action: undefined }), 'Statement.0')
  refusedAt(policy({ NotAction: 'kms:Decrypt' }), 'Statement.0')
  for (const Action of ['*', 'kms:*', 'KMS:enc?ypt', ['s3:GetObject', 'kms:Sign']]) accepted(policy({ Action }))
})

test('resources are ARNs of six parts, or everything', () => {
  for (const Resource of [
    '',
    'key/1',
    'arn:aws:kms:*',
    'arn:aws:kms:::',
    '?',
    'acs:kms:a:b:key/1',
    '*:aws:kms:a:b:key/1',
    '**',
  ])
    refusedAt(policy({ Resource }), 'Statement.0.Resource')
  refusedAt(policy({ Resource: ['*', 'x'] }), 'Statement.0.Resource.1')
  refusedAt(policy({ Resource: undefined }), 'Statement.0')
  refusedAt(policy({ NotResource: '*' }), 'Statement.0')
  for (const Resource of ['*', 'arn:aws:kms:*:111122223333:key/*', 'arn:*:*:*:*:*', 'arn:aws:kms:a:1:x:y:z'])
    accepted(policy({ Resource }))
})

test('variables must be known, closed, and of a version that has them', () => {
  accepted(policy({ Resource: `arn:aws:kms:*:*:key/${variable('aws:username')}` }))
  accepted(policy({ Resource: `arn:aws:kms:*:*:key/${variable("aws:PrincipalTag/key, 'none'")}` }))
  accepted(policy({ Resource: `arn:aws:kms:*:*:key/${variable('*')}` }))
  for (const bad of [
    variable('aws:nobody'),
    variable(''),
    variable("aws:username, 'x"),
    '${aws:username',
    variable('username'),
  ])
    refusedAt(policy({ Resource: `arn:aws:kms:*:*:key/${bad}` }), 'Statement.0.Resource')
  refusedAt(policy({ Resource: variable('aws:PrincipalArn') }), 'Statement.0.Resource')
  for (const version of [undefined, '2008-10-17'])
    refusedAt(
      { ...policy({ Resource: `arn:aws:kms:*:*:key/${variable('aws:username')}` }), Version: version },
      'Statement.0.Resource',
    )
  accepted({ Statement: statement })
})

test('conditions have known operators, known keys and values of the right form', () => {
  const at = (path: string) => `Statement.0.Condition${path}`
  refusedAt(policy({ Condition: [] }), at(''))
  refusedAt(policy({ Condition: { StringEquals: 'x' } }), at('.StringEquals'))
  refusedAt(policy({ Condition: { StringIs: { 'aws:username': 'x' } } }), at('.StringIs'))
  refusedAt(policy({ Condition: { StringEquals: { 'aws:user': 'x' } } }), at('.StringEquals.aws:user'))
  refusedAt(
    policy({ Condition: { StringEquals: { 'kms:EncryptionContext:': 'x' } } }),
    at('.StringEquals.kms:EncryptionContext:'),
  )
  refusedAt(policy({ Condition: { StringEquals: { 'aws:username': [] } } }), at('.StringEquals.aws:username'))
  refusedAt(
    policy({ Condition: { StringEquals: { 'aws:username': ['a', null] } } }),
    at('.StringEquals.aws:username.1'),
  )
  refusedAt(
    policy({ Condition: { StringEquals: { 'aws:username': 'a', 'AWS:UserName': 'b' } } }),
    at('.StringEquals.AWS:UserName'),
  )
  refusedAt(policy({ Condition: { Bool: { 'aws:SecureTransport': 'yes' } } }), at('.Bool.aws:SecureTransport'))
  refusedAt(
    policy({ Condition: { NumericEquals: { 'kms:RotationPeriodInDays': ['7', 'week'] } } }),
    at('.NumericEquals.kms:RotationPeriodInDays.1'),
  )
  for (const date of ['2026-02-30', '2026-13-01', '2026-01-01T00:00:00', 'tomorrow', '2026-1-1', ''])
    refusedAt(policy({ Condition: { DateLessThan: { 'aws:CurrentTime': date } } }), at('.DateLessThan.aws:CurrentTime'))
  refusedAt(policy({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } } }), at('.IpAddress.aws:SourceIp'))
  refusedAt(policy({ Condition: { ArnLike: { 'aws:PrincipalArn': 'user/x' } } }), at('.ArnLike.aws:PrincipalArn'))
  refusedAt(policy({ Condition: { BinaryEquals: { 'aws:username': 'a' } } }), at('.BinaryEquals.aws:username'))
  refusedAt(policy({ Condition: { NullIfExists: { 'aws:username': 'true' } } }), at('.NullIfExists'))
  refusedAt(policy({ Condition: { 'ForAnyValue:Null': { 'aws:TagKeys': 'true' } } }), at('.ForAnyValue:Null'))
  refusedAt(
    policy({ Condition: { NumericEquals: { 'kms:RotationPeriodInDays': variable('aws:username') } } }),
    at('.NumericEquals.kms:RotationPeriodInDays'),
  )
  accepted(policy({ Condition: {} }))
  accepted(policy({ Condition: { StringEquals: {} } }))
  accepted(policy({ Condition: { 'forallvalues:stringlikeifexists': { 'aws:tagkeys': ['a*', 7, true] } } }))
  accepted(policy({ Condition: { StringEquals: { 's3:prefix': 'x' } } }))
})

test('principals stand in key policies, and only there', () => {
  const key = (Principal: unknown, more: object = {}) => ({
    Version: '2012-10-17',
    Statement: [{ ...statement, Principal, ...more }],
  })
  refusedAt(policy({ Principal: '*' }), 'Statement.0.Principal')
  refusedAt(policy({}), 'Statement.0', 'key')
  for (const name of [
    'x',
    'arn:aws:iam::1:root',
    'arn:aws:iam::111122223333:group/x',
    'arn:aws:iam::111122223333:user/*',
    'arn:aws:iam::*:root',
    'arn:aws-cn:iam::111122223333:root',
    'arn:aws:sts::111122223333:user/x',
    'arn:aws:iam::111122223333:user/a b',
  ])
    refusedAt(key({ AWS: name }), 'Statement.0.Principal.AWS', 'key')
  refusedAt(key('arn:aws:iam::111122223333:root'), 'Statement.0.Principal', 'key')
  refusedAt(key({}), 'Statement.0.Principal', 'key')
  refusedAt(key({ Federated: 'x' }), 'Statement.0.Principal.Federated', 'key')
  refusedAt(key({ Service: 'logs' }), 'Statement.0.Principal.Service', 'key')
  refusedAt(key('*', { NotPrincipal: '*' }), 'Statement.0', 'key')
  refusedAt({ Statement: [{ ...statement, NotPrincipal: '*' }] }, 'Statement.0.NotPrincipal', 'key')
  accepted({ Statement: [{ ...statement, Effect: 'Deny', NotPrincipal: { AWS: '111122223333' } }] }, 'key')
  for (const name of [
    '*',
    '111122223333',
    '1111222233334444',
    'arn:aws:iam::111122223333:root',
    'arn:aws:iam::111122223333:user/a',
    'arn:aws:iam::111122223333:role/a/b',
    'arn:aws:sts::111122223333:assumed-role/a/b',
  ])
    accepted(key({ AWS: [name], Service: 'logs.amazonaws.com' }), 'key')
})

test('a key policy may hold a statement without action or resource, as on AWS', () => {
  accepted(
    {
      Statement: [
        { Sid: 'with spaces', Effect: 'Allow', Principal: '*' },
        { Sid: 'with spaces', Effect: 'Deny', Principal: '*' },
      ],
    },
    'key',
  )
})

test('a policy has at most 32,768 bytes', () => {
  const text = JSON.stringify(policy({}))
  accepted(text + ' '.repeat(largestPolicyBytes - text.length))
  assert.equal(refusal(text + ' '.repeat(largestPolicyBytes - text.length + 1))?.code, 'LimitExceeded')
  const wide = JSON.stringify({ ...policy({}), Id: '中'.repeat(11_000) })
  assert.equal(refusal(wide)?.code, 'LimitExceeded')
})

/** Documents that are nearly right go deeper into the parser than arbitrary ones. */
const nearly = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(
      '*',
      'Allow',
      'Deny',
      'kms:Encrypt',
      'arn:aws:kms:a:1:key/1',
      '2012-10-17',
      variable('aws:username'),
      '${',
      '10.0.0.0/8',
      'true',
      '2026-01-01',
      'aws:SourceIp',
    ),
    fc.string({ maxLength: 12 }),
    fc.jsonValue({ maxDepth: 1 }),
  ),
  list: fc.array(tie('any'), { maxLength: 3 }),
  object: fc.dictionary(
    fc.constantFrom(
      'Version',
      'Id',
      'Statement',
      'Sid',
      'Effect',
      'Action',
      'NotAction',
      'Resource',
      'NotResource',
      'Principal',
      'NotPrincipal',
      'AWS',
      'Service',
      'Condition',
      'StringLike',
      'ForAllValues:ArnLike',
      'IpAddress',
      'DateEquals',
      'Null',
      'aws:username',
      'kms:EncryptionContext:a',
      '__proto__',
      'constructor',
    ),
    tie('any'),
    { maxKeys: 6 },
  ),
  any: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('list'), tie('object')),
}))

test('whatever is given for a policy, the answer is a policy or a Problem', () => {
  const half = fc.record(
    { Effect: fc.constantFrom('Allow', 'Deny'), Action: nearly.any, Resource: nearly.any, Condition: nearly.any },
    { requiredKeys: ['Effect'] },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        nearly.any.map((value) => JSON.stringify(value)),
        fc.array(half).map((Statement) => JSON.stringify({ Version: '2012-10-17', Statement })),
      ),
      fc.constantFrom<PolicyKind>('identity', 'key'),
      (text, kind) => {
        refusal(text, kind)
      },
    ),
    { numRuns: 3000 },
  )
})
