import assert from 'node:assert/strict'
import { constants, createHash, createPublicKey, publicEncrypt, verify as verifySignature } from 'node:crypto'
import { after, before, test } from 'node:test'
import { base64, type Json, startTestService, type TestService } from '../service.ts'

let service: TestService
before(async () => {
  service = await startTestService()
})
after(() => service.stop())

const api: TestService['api'] = (...call) => service.api(...call)
async function newKey(body: object): Promise<{ keyId: string; keyVersionId: string }> {
  const answer = await api('POST', '/v1/keys', body)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return { keyId: answer.body.key.keyId, keyVersionId: answer.body.key.newestVersionId }
}
const call = async (keyId: string, what: string, body: object): Promise<Json> =>
  (await api('POST', `/v1/keys/${keyId}/${what}`, body)).body
const publicKeyOf = async (keyId: string, keyVersionId: string): Promise<Json> =>
  (await api('GET', `/v1/keys/${keyId}/public-key?keyVersionId=${keyVersionId}`)).body

for (const [fact, keySpec] of [
  ['R27', 'RSA_2048'],
  ['R25', 'SM2'],
] as const) {
  test(`${fact}: ${keySpec} encrypts and decrypts`, async () => {
    const { keyId, keyVersionId } = await newKey({ keySpec, keyUsage: 'ENCRYPT_DECRYPT' })
    const algorithm = keySpec === 'SM2' ? 'SM2PKE' : 'RSAES_OAEP_SHA_256'
    const sealed = await call(keyId, 'asymmetric-encrypt', {
      keyVersionId,
      encryptionAlgorithm: algorithm,
      plaintext: base64('secret'),
    })
    const opened = await call(keyId, 'asymmetric-decrypt', {
      keyVersionId,
      encryptionAlgorithm: algorithm,
      ciphertextBlob: sealed.ciphertextBlob,
    })
    assert.equal(opened.plaintext, base64('secret'))
    assert.equal((await call(keyId, 'sign', { keyVersionId, message: base64('m') })).code, 'KeyUsageMismatch')
    assert.equal((await call(keyId, 'encrypt', { plaintext: base64('m') })).code, 'KeySpecMismatch')
  })
  test(`${fact}: ${keySpec} signs and verifies`, async () => {
    const { keyId, keyVersionId } = await newKey({ keySpec, keyUsage: 'SIGN_VERIFY' })
    const signingAlgorithm = keySpec === 'SM2' ? 'SM2DSA' : 'RSASSA_PSS_SHA_256'
    const { signature } = await call(keyId, 'sign', { keyVersionId, signingAlgorithm, message: base64('message') })
    const verified = await call(keyId, 'verify', {
      keyVersionId,
      signingAlgorithm,
      message: base64('message'),
      signature,
    })
    assert.equal(verified.signatureValid, true)
    const other = await call(keyId, 'verify', { keyVersionId, signingAlgorithm, message: base64('messagf'), signature })
    assert.equal(other.signatureValid, false)
    assert.equal(
      (await call(keyId, 'asymmetric-encrypt', { keyVersionId, plaintext: base64('m') })).code,
      'KeyUsageMismatch',
    )
  })
}

test('what the public key encrypts elsewhere, the key decrypts; what the key signs verifies elsewhere', async () => {
  const rsa = await newKey({ keySpec: 'RSA_3072', keyUsage: 'ENCRYPT_DECRYPT' })
  const { pem } = await publicKeyOf(rsa.keyId, rsa.keyVersionId)
  const ciphertext = publicEncrypt(
    { key: pem, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
    Buffer.from('from outside'),
  )
  const opened = await call(rsa.keyId, 'asymmetric-decrypt', {
    keyVersionId: rsa.keyVersionId,
    encryptionAlgorithm: 'RSAES_OAEP_SHA_1',
    ciphertextBlob: base64(ciphertext),
  })
  assert.equal(opened.plaintext, base64('from outside'))
  for (const [keySpec, hash] of [
    ['EC_P256', 'sha256'],
    ['EC_P384', 'sha384'],
    ['EC_P521', 'sha512'],
    ['EC_SECP256K1', 'sha256'],
  ] as const) {
    const { keyId, keyVersionId } = await newKey({ keySpec, keyUsage: 'SIGN_VERIFY' })
    const key = createPublicKey((await publicKeyOf(keyId, keyVersionId)).pem)
    const message = Buffer.from(`to be signed by ${keySpec}`)
    const raw = await call(keyId, 'sign', { keyVersionId, message: base64(message) })
    assert.ok(verifySignature(hash, message, key, Buffer.from(raw.signature, 'base64')), keySpec)
    const digest = await call(keyId, 'sign', {
      keyVersionId,
      messageType: 'DIGEST',
      message: base64(createHash(hash).update(message).digest()),
    })
    assert.ok(verifySignature(hash, message, key, Buffer.from(digest.signature, 'base64')), `${keySpec} over a digest`)
    assert.ok((await call(keyId, 'sign', { keyVersionId, messageType: 'DIGEST', message: base64('short') })).code)
  }
  for (const keySpec of ['ED25519', 'ML_DSA_44', 'ML_DSA_65', 'ML_DSA_87'] as const) {
    const { keyId, keyVersionId } = await newKey({ keySpec })
    const key = createPublicKey((await publicKeyOf(keyId, keyVersionId)).pem)
    const signed = await call(keyId, 'sign', {
      keyVersionId,
      ...(keySpec === 'ED25519' ? { signingAlgorithm: 'ED25519_SHA_512' } : {}),
      message: base64('m'),
    })
    assert.ok(verifySignature(null, Buffer.from('m'), key, Buffer.from(signed.signature, 'base64')), keySpec)
  }
})

test('R42, R76, R41: every asymmetric call names a version; there is no primary', async () => {
  const cases: [object, string, object][] = [
    [
      { keySpec: 'RSA_2048', keyUsage: 'ENCRYPT_DECRYPT' },
      'asymmetric-encrypt',
      { encryptionAlgorithm: 'RSAES_OAEP_SHA_256', plaintext: base64('x') },
    ],
    [{ keySpec: 'EC_P256', keyUsage: 'SIGN_VERIFY' }, 'sign', { message: base64('x') }],
    [{ keySpec: 'EC_P256', keyUsage: 'KEY_AGREEMENT' }, 'derive-shared-secret', { publicKey: base64('x') }],
    [{ keySpec: 'ML_KEM_768' }, 'encapsulate', {}],
  ]
  for (const [wish, what, body] of cases) {
    const { keyId } = await newKey(wish)
    const refused = await call(keyId, what, body)
    assert.equal(refused.code, 'KeyVersionRequired', what)
    assert.match(refused.mend, /keyVersionId/)
    const unknown = await call(keyId, what, { ...body, keyVersionId: '00000000-0000-4000-8000-000000000000' })
    assert.equal(unknown.code, 'KeyVersionNotFound')
    const { key } = (await api('GET', `/v1/keys/${keyId}`)).body
    assert.equal(key.primaryVersionId, undefined)
    assert.equal((await api('GET', `/v1/keys/${keyId}/versions`)).body.versions[0].primary, false)
  }
})

test('R39, R40: no automatic rotation; new versions by hand, up to 50, and the old ones go on', async () => {
  assert.equal(
    (await api('POST', '/v1/keys', { keySpec: 'ED25519', rotationPeriodDays: 30 })).body.code,
    'RotationNotSupported',
  )
  const { keyId, keyVersionId } = await newKey({ keySpec: 'ED25519' })
  assert.equal(
    (await api('PUT', `/v1/keys/${keyId}/rotation-policy`, { enabled: true, periodDays: 30 })).body.code,
    'RotationNotSupported',
  )
  assert.equal((await api('POST', `/v1/keys/${keyId}/rotate`)).body.code, 'RotationNotSupported')
  const signingAlgorithm = 'ED25519_SHA_512'
  const { signature } = await call(keyId, 'sign', { keyVersionId, signingAlgorithm, message: base64('m') })
  for (let number = 2; number <= 50; number++)
    assert.equal((await api('POST', `/v1/keys/${keyId}/versions`)).body.version.number, number)
  assert.equal((await api('POST', `/v1/keys/${keyId}/versions`)).body.code, 'LimitExceeded')
  const newest = (await api('GET', `/v1/keys/${keyId}`)).body.key.newestVersionId
  const input = { signingAlgorithm, message: base64('m'), signature }
  assert.equal((await call(keyId, 'verify', { ...input, keyVersionId })).signatureValid, true)
  assert.equal((await call(keyId, 'verify', { ...input, keyVersionId: newest })).signatureValid, false)
})

test('MACs, ECDH between two keys, ML-KEM and data key pairs', async () => {
  for (const keySpec of ['HMAC_SHA_224', 'HMAC_SHA_256', 'HMAC_SHA_384', 'HMAC_SHA_512', 'HMAC_SM3']) {
    const { keyId } = await newKey({ keySpec })
    const { mac } = await call(keyId, 'generate-mac', { message: base64('m') })
    assert.equal((await call(keyId, 'verify-mac', { message: base64('m'), mac })).macValid, true)
    assert.equal((await call(keyId, 'verify-mac', { message: base64('n'), mac })).macValid, false)
  }
  for (const keySpec of ['EC_P256', 'EC_P384', 'EC_P521', 'SM2']) {
    const [a, b] = [
      await newKey({ keySpec, keyUsage: 'KEY_AGREEMENT' }),
      await newKey({ keySpec, keyUsage: 'KEY_AGREEMENT' }),
    ]
    const derive = async (own: typeof a, peer: typeof b) =>
      (
        await call(own.keyId, 'derive-shared-secret', {
          keyVersionId: own.keyVersionId,
          publicKey: (await publicKeyOf(peer.keyId, peer.keyVersionId)).publicKey,
        })
      ).sharedSecret
    const secret = await derive(a, b)
    assert.ok(secret)
    assert.equal(secret, await derive(b, a), keySpec)
  }
  for (const keySpec of ['ML_KEM_512', 'ML_KEM_768', 'ML_KEM_1024']) {
    const { keyId, keyVersionId } = await newKey({ keySpec })
    const made = await call(keyId, 'encapsulate', { keyVersionId })
    const got = await call(keyId, 'decapsulate', { keyVersionId, ciphertextBlob: made.ciphertextBlob })
    assert.equal(got.sharedSecret, made.sharedSecret)
    assert.equal(
      (await call(keyId, 'decapsulate', { keyVersionId, ciphertextBlob: base64('short') })).code,
      'InvalidCiphertext',
    )
  }
  const { keyId } = await newKey({})
  for (const keyPairSpec of ['RSA_2048', 'EC_P256', 'SM2', 'ED25519']) {
    const pair = await call(keyId, 'generate-data-key-pair', { keyPairSpec })
    const opened = (await api('POST', '/v1/decrypt', { ciphertextBlob: pair.privateKeyCiphertextBlob })).body
    assert.equal(opened.plaintext, pair.privateKeyPlaintext)
    assert.equal(
      (await call(keyId, 'generate-data-key-pair-without-plaintext', { keyPairSpec })).privateKeyPlaintext,
      undefined,
    )
  }
})

test('every key spec, usage and operation together work or say why not, and none breaks the service', async () => {
  const specs = [
    'AES_256',
    'SM4',
    'RSA_2048',
    'EC_P256',
    'EC_P521',
    'EC_SECP256K1',
    'ED25519',
    'SM2',
    'HMAC_SHA_256',
    'HMAC_SM3',
    'ML_DSA_44',
    'ML_KEM_512',
  ]
  const usages = ['ENCRYPT_DECRYPT', 'SIGN_VERIFY', 'GENERATE_VERIFY_MAC', 'KEY_AGREEMENT', 'ENCAPSULATE_DECAPSULATE']
  const some = base64(Buffer.alloc(32, 1))
  let made = 0
  for (const keySpec of specs)
    for (const keyUsage of usages) {
      const answer = await api('POST', '/v1/keys', { keySpec, keyUsage })
      if (answer.status !== 200) {
        assert.equal(answer.body.code, 'InvalidRequest')
        continue
      }
      made++
      const { keyId, newestVersionId: keyVersionId } = answer.body.key
      const bodies: Record<string, object> = {
        encrypt: { plaintext: some },
        'asymmetric-encrypt': { keyVersionId, plaintext: some },
        'asymmetric-decrypt': { keyVersionId, ciphertextBlob: some },
        sign: { keyVersionId, message: some },
        verify: { keyVersionId, message: some, signature: some },
        'generate-mac': { message: some },
        'verify-mac': { message: some, mac: some },
        'derive-shared-secret': { keyVersionId, publicKey: some },
        encapsulate: { keyVersionId },
        decapsulate: { keyVersionId, ciphertextBlob: some },
        'generate-data-key': {},
        rotate: {},
        versions: {},
      }
      for (const [what, body] of Object.entries(bodies)) {
        const { status, body: got } = await api('POST', `/v1/keys/${keyId}/${what}`, body)
        assert.ok(status < 500, `${keySpec} ${keyUsage} ${what}: ${JSON.stringify(got)}`)
      }
      assert.ok((await api('GET', `/v1/keys/${keyId}/public-key?keyVersionId=${keyVersionId}`)).status < 500)
    }
  assert.equal(made, 17)
})
