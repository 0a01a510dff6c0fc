/** Odd combinations are ordinary input: each has an answer of its own, and none breaks anything. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { actions } from '../../src/protocols/alibaba/actions/index.ts'
import { keySpecWords, keyUsageWords } from '../../src/protocols/alibaba/words.ts'
import { newestVersion } from './keys.ts'
import { ask, startService, type TestService } from './service.ts'

let service: TestService
before(async () => {
  service = await startService()
})
// Anything that broke inside the service is in its log, and fails here.
after(() => service.close())

const clientErrors = new Set([400, 403, 404, 409])

/** The larger moduli take seconds to make, and are the same code. */
const specs = Object.values(keySpecWords).filter((word) => word !== 'RSA_3072' && word !== 'RSA_4096')
const digest = Buffer.alloc(32, 1).toString('base64')
const computing: Readonly<Record<string, Record<string, string>>> = {
  Encrypt: { Plaintext: digest },
  GenerateDataKey: {},
  GenerateDataKeyWithoutPlaintext: {},
  AsymmetricEncrypt: { Algorithm: 'RSAES_OAEP_SHA_256', Plaintext: digest },
  AsymmetricDecrypt: { Algorithm: 'SM2PKE', CiphertextBlob: digest },
  AsymmetricSign: { Algorithm: 'ECDSA_SHA_256', Digest: digest },
  AsymmetricVerify: { Algorithm: 'RSA_PSS_SHA_256', Digest: digest, Value: digest },
  GetPublicKey: {},
  GenerateMac: { Algorithm: 'HMAC_SHA_256', Message: digest },
  VerifyMac: { Algorithm: 'HMAC_SM3', Message: digest, Mac: digest },
  CreateKeyVersion: {},
  UpdateRotationPolicy: { EnableAutomaticRotation: 'true', RotationInterval: '7d' },
}
const takesVersion = /^(?:Asymmetric|GetPublicKey)/

for (const spec of specs)
  test(`every usage and every computation with a key of spec ${spec} has its own answer`, async () => {
    for (const usage of Object.values(keyUsageWords)) {
      const created = await ask(service, 'CreateKey', { KeySpec: spec, KeyUsage: usage })
      if (created.status !== 200) {
        assert.equal(created.code, 'InvalidParameter', created.text)
        continue
      }
      const KeyId = (created.body.KeyMetadata as Record<string, unknown>).KeyId as string
      const KeyVersionId = await newestVersion(service, KeyId)
      for (const [action, parameters] of Object.entries(computing)) {
        const answer = await ask(service, action, {
          KeyId,
          ...(takesVersion.test(action) ? { KeyVersionId } : {}),
          ...parameters,
        })
        assert.ok(answer.status === 200 || clientErrors.has(answer.status), `${usage}, ${action}: ${answer.text}`)
        assert.equal(answer.status === 200, answer.code === undefined)
      }
    }
  })

test('whatever stands in the parameters of an action, the answer is a success or an error of the caller', async () => {
  const bound = [...actions].flatMap(([name, action]) =>
    'parameters' in action ? [[name, Object.keys(action.parameters)] as const] : [],
  )
  const { KeyMetadata } = (await ask(service, 'CreateKey')).body
  const keyId = (KeyMetadata as Record<string, unknown>).KeyId as string
  const value = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.toWellFormed()),
    fc.constantFrom(
      keyId,
      'alias/x',
      `alias/${'x'.repeat(300)}`,
      '0',
      '-1',
      '99999999999',
      'true',
      '{}',
      '[]',
      'AAAA',
      'null',
      '7d',
      '\u0000',
      '../..',
      '%2e',
    ),
    fc.json({ maxDepth: 3 }),
    fc.base64String({ maxLength: 200 }),
  )
  const request = fc.constantFrom(...bound).chain(([action, names]) =>
    fc.tuple(
      fc.constant(action),
      fc.dictionary(fc.constantFrom(...names, 'Unknown', 'EncryptionContext.a', 'Tag.1.Key', 'ResourceId.1'), value, {
        maxKeys: 8,
        noNullPrototype: true,
      }),
      fc.constantFrom('v1' as const, 'acs3' as const),
      fc.boolean(),
    ),
  )
  await fc.assert(
    fc.asyncProperty(request, async ([action, parameters, style, form]) => {
      const answer = await ask(service, action, parameters, { style, form })
      assert.ok(answer.status === 200 || clientErrors.has(answer.status), answer.text)
      assert.equal(answer.status === 200, answer.code === undefined)
      assert.equal(typeof answer.body.RequestId, 'string')
    }),
    { numRuns: 300 },
  )
})

test('deep and large JSON in a parameter is refused', async () => {
  for (const EncryptionContext of [
    '['.repeat(1000),
    `{"a":${'['.repeat(100)}${']'.repeat(100)}}`,
    `{${'"a":"b",'.repeat(30_000)}"z":"z"}`,
  ]) {
    const answer = await ask(
      service,
      'Encrypt',
      { KeyId: 'alias/x', Plaintext: 'AAAA', EncryptionContext },
      { form: true },
    )
    assert.deepEqual([answer.status, answer.code], [400, 'InvalidParameter'])
  }
})
