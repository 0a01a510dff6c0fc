import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Problem } from './errors.ts'
import {
  type Grant,
  type GrantRequest,
  type GrantTerms,
  grantAllows,
  grantableFor,
  grantOperations,
  isNoWider,
  requireGrantable,
} from './grant.ts'
import { keySpecs, keyUsages, specs } from './specs.ts'

const alice = 'arn:aws:iam::111122223333:user/alice'
const bob = 'arn:aws:iam::111122223333:user/bob'
const grant = (changes: Partial<Grant> = {}): Grant => ({
  account: '111122223333',
  region: 'local',
  revision: 1,
  keyId: '1',
  grantId: 'g1',
  name: '',
  granteePrincipal: alice,
  operations: ['Encrypt', 'Decrypt', 'DescribeKey'],
  issuingAccount: 'arn:aws:iam::111122223333:root',
  createdAt: 0,
  tokenHash: '',
  ...changes,
})
const allows = (one: Grant, action: string, more: Partial<GrantRequest> = {}) =>
  grantAllows(one, { action: `kms:${action}`, caller: { principalArn: alice }, ...more })

test('a grant is for its grantee and its operations', () => {
  assert.equal(allows(grant(), 'Decrypt'), true)
  assert.equal(allows(grant(), 'Sign'), false)
  assert.equal(allows(grant(), 'Decrypt', { caller: { principalArn: bob } }), false)
})

test('a constraint wants the encryption context to the letter', () => {
  const exact = grant({ constraints: { encryptionContextEquals: { a: '1' } } })
  const least = grant({ constraints: { encryptionContextSubset: { a: '1' } } })
  for (const [context, isExact, isLeast] of [
    [{ a: '1' }, true, true],
    [{ a: '1', b: '2' }, false, true],
    [{ A: '1' }, false, false],
    [{ a: '1 ' }, false, false],
    [{}, false, false],
    [undefined, false, false],
  ] as const) {
    assert.equal(allows(exact, 'Decrypt', { encryptionContext: context }), isExact)
    assert.equal(allows(least, 'Decrypt', { encryptionContext: context }), isLeast)
  }
  assert.equal(allows(exact, 'DescribeKey'), true, 'DescribeKey has no context to constrain')
  const inherited = grant({ constraints: { encryptionContextSubset: { constructor: 'x' } } })
  assert.equal(allows(inherited, 'Decrypt', { encryptionContext: {} }), false)
})

test('a source is wanted where the grant names one', () => {
  const one = grant({ constraints: { sourceArn: 'arn:aws:s3:::bucket' } })
  assert.equal(allows(one, 'Decrypt'), false)
  assert.equal(allows(one, 'Decrypt', { sourceArn: 'arn:aws:s3:::bucket' }), true)
})

test('a grant ends only by those who may end it, and only itself', () => {
  const one = grant({ operations: ['Decrypt'], retiringPrincipal: bob })
  const byBob = { caller: { principalArn: bob } }
  assert.equal(allows(one, 'RetireGrant', { ...byBob, retires: 'g1' }), true)
  assert.equal(allows(one, 'RetireGrant', { ...byBob, retires: 'g2' }), false)
  assert.equal(allows(one, 'RetireGrant', byBob), false)
  assert.equal(allows(one, 'RetireGrant', { retires: 'g1' }), false)
  assert.equal(allows(grant({ operations: ['RetireGrant'] }), 'RetireGrant', { retires: 'g1' }), true)
  assert.equal(allows(one, 'Decrypt', byBob), false)
})

test('through a grant only a grant is made that gives no more', () => {
  const through = grant({
    operations: ['CreateGrant', 'Decrypt'],
    constraints: { encryptionContextSubset: { a: '1' } },
  })
  const may = (newGrant?: GrantTerms) => allows(through, 'CreateGrant', { newGrant })
  assert.equal(may(), false)
  assert.equal(may({ operations: ['Decrypt'] }), false)
  assert.equal(may({ operations: ['Decrypt'], constraints: { encryptionContextSubset: { a: '1' } } }), true)
  assert.equal(may({ operations: ['Decrypt'], constraints: { encryptionContextSubset: { a: '1', b: '2' } } }), true)
  assert.equal(may({ operations: ['Decrypt'], constraints: { encryptionContextEquals: { a: '1', b: '2' } } }), true)
  assert.equal(may({ operations: ['Decrypt'], constraints: { encryptionContextEquals: { a: '2' } } }), false)
  assert.equal(may({ operations: ['Encrypt'], constraints: { encryptionContextSubset: { a: '1' } } }), false)
  const exact = grant({ operations: ['CreateGrant', 'Decrypt'], constraints: { encryptionContextEquals: { a: '1' } } })
  assert.equal(
    isNoWider({ operations: ['Decrypt'], constraints: { encryptionContextSubset: { a: '1' } } }, exact),
    false,
  )
  assert.equal(
    isNoWider({ operations: ['Decrypt'], constraints: { encryptionContextEquals: { a: '1' } } }, exact),
    true,
  )
})

test('whatever a narrower grant allows, the grant it was made through would have allowed', () => {
  const pairs = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2'), {
    maxKeys: 2,
    noNullPrototype: true,
  })
  const operation = fc.constantFrom('Encrypt', 'Decrypt', 'GenerateDataKey', 'DescribeKey')
  const terms = fc.record({
    operations: fc.uniqueArray(operation, { maxLength: 4 }),
    constraints: fc.record(
      { encryptionContextEquals: pairs, encryptionContextSubset: pairs, sourceArn: fc.constantFrom('x', 'y') },
      { requiredKeys: [] },
    ),
  }) as fc.Arbitrary<GrantTerms>
  let narrower = 0
  fc.assert(
    fc.property(
      terms,
      terms,
      operation,
      pairs,
      fc.constantFrom(undefined, 'x', 'y'),
      (inner, outer, action, encryptionContext, sourceArn) => {
        fc.pre(isNoWider(inner, outer))
        narrower += 1
        const request = { encryptionContext, sourceArn }
        assert.ok(!allows(grant(inner), action, request) || allows(grant(outer), action, request))
      },
    ),
    { numRuns: 1000, maxSkipsPerRun: 1000 },
  )
  assert.ok(narrower >= 1000)
})

test('an operation is granted only for a key that can do it', () => {
  assert.deepEqual(grantableFor({ spec: 'ML_KEM_768', usage: 'ENCAPSULATE_DECAPSULATE' }), [
    'CreateGrant',
    'Decapsulate',
    'DescribeKey',
    'Encapsulate',
    'GetPublicKey',
    'RetireGrant',
  ])
  assert.equal(grantableFor({ spec: 'AES_256', usage: 'ENCRYPT_DECRYPT' }).length, 11)
  for (const spec of keySpecs)
    for (const usage of keyUsages) {
      if (specs[spec].usages[usage] === undefined) continue
      const key = { spec, usage }
      for (const operation of grantOperations) {
        const fits = grantableFor(key).includes(operation)
        if (fits) requireGrantable({ operations: [operation] }, key)
        else
          assert.throws(
            () => requireGrantable({ operations: ['CreateGrant', operation] }, key),
            (error) => error instanceof Problem && error.code === 'InvalidRequest' && error.member === 'operations.1',
          )
      }
    }
})

test('a key without an encryption context takes no constraint on it', () => {
  const terms: GrantTerms = { operations: ['Sign'], constraints: { encryptionContextSubset: { a: '1' } } }
  assert.throws(() => requireGrantable(terms, { spec: 'EC_P256', usage: 'SIGN_VERIFY' }), Problem)
  requireGrantable(
    { operations: ['Decrypt'], constraints: { encryptionContextEquals: {} } },
    { spec: 'SM4', usage: 'ENCRYPT_DECRYPT' },
  )
})
