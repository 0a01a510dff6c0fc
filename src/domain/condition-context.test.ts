import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ConditionFacts,
  type ConditionValue,
  conditionContext,
  contextOf,
  requestFacts,
} from './condition-context.ts'
import { compileConditions, type Effect, operatorNames } from './policy-conditions.ts'

const holds = (condition: object, given: Record<string, ConditionValue>, effect: Effect = 'Allow') =>
  compileConditions(JSON.parse(JSON.stringify(condition)), true, 'Condition').every((one) =>
    one.holds(contextOf(given), effect),
  )

const facts: ConditionFacts = {
  action: 'kms:Decrypt',
  resource: 'arn:aws:kms:local:111122223333:key/1',
  region: 'local',
  now: Date.UTC(2026, 0, 1),
  sourceAddress: '10.1.2.3',
  secureTransport: true,
  caller: {
    account: '111122223333',
    principalArn: 'arn:aws:iam::111122223333:user/alice',
    principalName: 'alice',
    principalId: 'AIDA1',
    tags: { Team: 'blue' },
  },
  key: {
    keyId: 'mrk-0123456789abcdef0123456789abcdef',
    region: 'local',
    spec: 'AES_256',
    usage: 'ENCRYPT_DECRYPT',
    origin: 'KEYWARD',
    protection: 'HSM',
    tags: { Dept: 'IT', dept: 'HR', Stage: 'prod' },
  },
  requestAlias: 'alias/app',
  resourceAliases: ['alias/app', 'alias/old'],
  request: { encryptionContext: { Purpose: 'test', a: '1' } },
}
const met = (condition: object, changes: Partial<ConditionFacts> = {}, effect: Effect = 'Allow') =>
  compileConditions(JSON.parse(JSON.stringify(condition)), true, 'Condition').every((one) =>
    one.holds(conditionContext({ ...facts, ...changes }), effect),
  )

test('conditions can ask who, from where, when, about which key and with which context', () => {
  for (const condition of [
    { StringEquals: { 'aws:username': 'alice', 'aws:userid': 'AIDA1', 'aws:PrincipalTag/team': 'blue' } },
    { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:user/al*' } },
    {
      StringEquals: {
        'aws:PrincipalAccount': '111122223333',
        'kms:CallerAccount': '111122223333',
        'aws:ResourceAccount': '111122223333',
      },
    },
    { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' }, Bool: { 'aws:SecureTransport': 'true', 'kms:MultiRegion': 'true' } },
    {
      DateLessThanEquals: { 'aws:CurrentTime': '2026-01-01T01:00:00+01:00' },
      NumericEquals: { 'aws:EpochTime': 1767225600 },
    },
    { DateEquals: { 'aws:EpochTime': '2026-01-01' } },
    { StringEquals: { 'kms:RequestAlias': 'alias/app', 'aws:RequestedRegion': 'local' } },
    { 'ForAnyValue:StringLike': { 'kms:ResourceAliases': 'alias/o*' } },
    { StringEquals: { 'kms:EncryptionContext:purpose': 'test', 'kms:EncryptionAlgorithm': 'SYMMETRIC_DEFAULT' } },
    { 'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': ['Purpose', 'a'] } },
    {
      StringEquals: {
        'kms:ProtectionLevel': 'HSM',
        'aws:ResourceTag/stage': 'prod',
        'kms:KeyUsage': 'ENCRYPT_DECRYPT',
      },
    },
    { Null: { 'aws:MultiFactorAuthPresent': 'true', 'aws:ResourceTag/none': true, 'kms:GrantOperations': 'true' } },
  ])
    assert.ok(met(condition), JSON.stringify(condition))
})

test("a key spec is asked for in our words or in AWS's", () => {
  for (const spec of ['AES_256', 'SYMMETRIC_DEFAULT']) {
    assert.equal(met({ StringEquals: { 'kms:KeySpec': spec } }), true)
    assert.equal(met({ StringNotEquals: { 'kms:KeySpec': ['RSA_2048', spec] } }), false)
  }
  assert.equal(met({ StringEquals: { 'kms:KeyOrigin': 'AWS_KMS' } }), true)
  assert.equal(met({ StringEquals: { 'kms:KeySpec': 'RSA_2048' } }), false)
})

test('the value of an encryption context has a case, its name has none', () => {
  assert.equal(met({ StringEquals: { 'kms:EncryptionContext:PURPOSE': 'test' } }), true)
  assert.equal(met({ StringEquals: { 'kms:EncryptionContext:Purpose': 'Test' } }), false)
  assert.equal(met({ 'ForAnyValue:StringEquals': { 'kms:EncryptionContextKeys': 'purpose' } }), false)
})

test('two names that differ only in case help no Allow and disarm no Deny', () => {
  for (const value of ['IT', 'HR']) {
    assert.equal(met({ StringEquals: { 'aws:ResourceTag/dept': value } }, {}, 'Allow'), false)
    assert.equal(met({ StringEquals: { 'aws:ResourceTag/dept': value } }, {}, 'Deny'), true)
    assert.equal(met({ StringNotEquals: { 'aws:ResourceTag/dept': value } }, {}, 'Allow'), false)
    assert.equal(met({ StringNotEquals: { 'aws:ResourceTag/dept': value } }, {}, 'Deny'), true)
  }
})

test('the account itself has no user name', () => {
  const root = { ...facts.caller, principalName: 'root', principalArn: 'arn:aws:iam::111122223333:root' }
  assert.equal(
    met({ Null: { 'aws:username': 'true' }, StringEquals: { 'aws:PrincipalType': 'Account' } }, { caller: root }),
    true,
  )
})

test('ReEncrypt is asked about the context that it opens with, and the one that it seals with', () => {
  const input = { sourceEncryptionContext: { a: '1' }, destinationEncryptionContext: { a: '2' } }
  assert.deepEqual(requestFacts('kms:ReEncryptFrom', input).encryptionContext, { a: '1' })
  assert.deepEqual(requestFacts('kms:ReEncryptTo', input).encryptionContext, { a: '2' })
})

test('a request to create a key is asked about the key it wants', () => {
  const request = requestFacts('kms:CreateKey', {
    keySpec: 'SM4',
    origin: 'EXTERNAL',
    protectionLevel: 'HSM',
    tags: { Dept: 'IT' },
  })
  const wants = { action: 'kms:CreateKey', key: undefined, request }
  assert.equal(
    met({ StringEquals: { 'kms:KeySpec': 'SM4', 'kms:KeyOrigin': 'EXTERNAL', 'aws:RequestTag/dept': 'IT' } }, wants),
    true,
  )
  assert.equal(met({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['Dept'] } }, wants), true)
  assert.equal(met({ Null: { 'aws:ResourceTag/dept': 'true', 'kms:EncryptionAlgorithm': 'true' } }, wants), true)
})

test('a key that is not there: only negated operators, IfExists, ForAllValues and Null are met', () => {
  const value: Record<string, string> = {
    Str: 'x',
    Num: '1',
    Dat: '2026',
    Boo: 'true',
    Bin: 'AA==',
    IpA: '::1',
    Not: '::1',
    Arn: 'arn:a:b:c:d:e',
  }
  for (const operator of operatorNames) {
    const condition = (name: string) => ({ [name]: { 'aws:SourceArn': value[operator.slice(0, 3)] } })
    const negated = operator.includes('Not')
    assert.equal(holds(condition(operator), {}), negated, operator)
    assert.equal(holds(condition(`${operator}IfExists`), {}), true, operator)
    assert.equal(holds(condition(`ForAllValues:${operator}`), {}), true, operator)
    assert.equal(holds(condition(`ForAnyValue:${operator}`), {}), false, operator)
    assert.equal(
      holds(condition(`ForAnyValue:${operator}`), { 'aws:SourceArn': [] }),
      false,
      'an empty list is not there',
    )
  }
})

test('what cannot be compared helps no Allow, and meets a negated condition of a Deny', () => {
  for (const [negated, positive, given] of [
    [{ NumericNotEquals: { 'aws:EpochTime': 1 } }, { NumericEquals: { 'aws:EpochTime': 1 } }, 'seven'],
    [{ DateNotEquals: { 'aws:EpochTime': '2026' } }, { DateEquals: { 'aws:EpochTime': '2026' } }, 'today'],
    [{ NotIpAddress: { 'aws:EpochTime': '::1' } }, { IpAddress: { 'aws:EpochTime': '::1' } }, 'localhost'],
    [
      { StringNotLike: { 'aws:EpochTime': `\${aws:username}*` } },
      { StringLike: { 'aws:EpochTime': `\${aws:username}*` } },
      'x',
    ],
    [
      { ArnNotLike: { 'aws:EpochTime': `arn:a:b:c:d:\${aws:username}` } },
      { ArnLike: { 'aws:EpochTime': `arn:a:b:c:d:\${aws:username}` } },
      'arn:a:b:c:d:e',
    ],
    [
      { StringNotEquals: { 'aws:EpochTime': `\${aws:username}` } },
      { StringEquals: { 'aws:EpochTime': `\${aws:username}` } },
      { spellings: ['x', 'y'] },
    ],
  ] as const) {
    assert.equal(holds(negated, { 'aws:EpochTime': given }, 'Allow'), false, JSON.stringify(negated))
    assert.equal(holds(negated, { 'aws:EpochTime': given }, 'Deny'), true, JSON.stringify(negated))
    assert.equal(holds(positive, { 'aws:EpochTime': given }, 'Allow'), false, JSON.stringify(positive))
  }
})

test('an ARN is compared part by part', () => {
  const like = (pattern: string, arn: string) =>
    holds({ ArnLike: { 'aws:SourceArn': pattern } }, { 'aws:SourceArn': arn })
  assert.equal(like('arn:aws:s3:*:*:b/*', 'arn:aws:s3:::b/x:y/z'), true)
  assert.equal(like('arn:aws:s3:*:222233334444:x', 'arn:aws:s3:r:111122223333:y:222233334444:x'), false)
  assert.equal(like(`\${aws:SourceArn}`, 'arn:aws:s3:::b'), true)
  assert.equal(like('*', 'anything'), true)
})

test('binary values are compared as they are encoded, booleans in any case', () => {
  assert.equal(holds({ BinaryEquals: { 'aws:userid': 'QUJD' } }, { 'aws:userid': 'QUJD' }), true)
  assert.equal(holds({ BinaryEquals: { 'aws:userid': 'QUJD' } }, { 'aws:userid': 'qujd' }), false)
  assert.equal(holds({ Bool: { 'aws:SecureTransport': 'TRUE' } }, { 'aws:SecureTransport': true }), true)
})
