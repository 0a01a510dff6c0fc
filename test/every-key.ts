/**
 * Every kind of key with every operation through its whole life, as callers meet them over REST. What a device computes is
 * held against Node, sm-crypto and noble. One body for all protection levels: they must not be told apart.
 */
import assert from 'node:assert/strict'
import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto'
import type { TestContext } from 'node:test'
import { ed25519ph } from '@noble/curves/ed25519.js'
import smCrypto from 'sm-crypto'
import type { ProtectionLevel } from '../src/domain/key.ts'
import { algorithmsOf, type KeySpec, type KeyUsage, keySpecs, specs } from '../src/domain/specs.ts'
import { operations } from '../src/operations/index.ts'
import { base64, days, type Json, type TestService } from './service.ts'

/** Which usages of which specs a device can do. */
export type Abilities = Readonly<Partial<Record<KeySpec, readonly KeyUsage[]>>>

export const everything: Abilities = Object.fromEntries(
  keySpecs.map((spec) => [spec, Object.keys(specs[spec].usages) as KeyUsage[]]),
)

export const message = Buffer.from('what every key computes with')
const encryptionContext = { purpose: 'test' }
const deletion = { pendingWindowInDays: 7, evenIfRecentlyUsed: true }

type Made = { readonly keyId: string; readonly keyVersionId: string; readonly path: string }

/** Calls that must go well, and calls that must not. */
export function callsOf(service: TestService, protectionLevel: ProtectionLevel) {
  /** The operations that went well. */
  const used = new Set<string>()
  async function call(method: string, path: string, body?: object): Promise<Json> {
    const answer = await service.api(method, path, body)
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
    used.add(operationAt(method, path))
    return answer.body
  }
  async function refusal(method: string, path: string, body?: object): Promise<string> {
    const answer = await service.api(method, path, body)
    assert.ok(answer.status >= 400, `${method} ${path} went well`)
    return answer.body.code
  }
  async function newKey(keySpec: KeySpec, more: object = {}): Promise<Made> {
    const { key } = await call('POST', '/v1/keys', { keySpec, protectionLevel, ...more })
    assert.equal(key.protectionLevel, protectionLevel)
    return {
      keyId: key.keyId,
      keyVersionId: key.newestVersionId ?? key.primaryVersionId,
      path: `/v1/keys/${key.keyId}`,
    }
  }
  return { used, call, refusal, newKey }
}

export async function everyKey(
  t: TestContext,
  service: TestService,
  protectionLevel: ProtectionLevel,
  can: Abilities,
): Promise<void> {
  const { used, call, refusal, newKey } = callsOf(service, protectionLevel)
  const withUsage = (usage: KeyUsage) =>
    (Object.keys(can) as KeySpec[]).filter((spec) => can[spec]?.includes(usage) === true)
  const symmetric = withUsage('ENCRYPT_DECRYPT').filter((spec) => specs[spec].family === 'symmetric')
  const encrypting = withUsage('ENCRYPT_DECRYPT').filter((spec) => specs[spec].family === 'asymmetric')

  for (const spec of symmetric)
    await t.test(`${spec}: every operation of a symmetric key`, async () => {
      const { keyId, path } = await newKey(spec)
      const other = await newKey(spec)
      const software = (await call('POST', '/v1/keys', {})).key.keyId
      const { ciphertextBlob } = await call('POST', `${path}/encrypt`, {
        plaintext: base64(message),
        encryptionContext,
      })
      const open = async (blob: string, context: object | undefined = encryptionContext) =>
        call('POST', '/v1/decrypt', { ciphertextBlob: blob, encryptionContext: context })
      assert.equal((await open(ciphertextBlob)).plaintext, base64(message))
      assert.equal(await refusal('POST', '/v1/decrypt', { ciphertextBlob }), 'InvalidCiphertext')
      const forged = Buffer.from(ciphertextBlob, 'base64')
      forged[forged.length - 1]! ^= 1
      assert.equal(
        await refusal('POST', '/v1/decrypt', { ciphertextBlob: base64(forged), encryptionContext }),
        'InvalidCiphertext',
      )

      for (const destinationKeyId of [other.keyId, software]) {
        const moved = await call('POST', '/v1/re-encrypt', {
          ciphertextBlob,
          sourceEncryptionContext: encryptionContext,
          destinationKeyId,
          destinationEncryptionContext: { moved: 'yes' },
        })
        assert.equal((await open(moved.ciphertextBlob, { moved: 'yes' })).plaintext, base64(message))
        const back = await call('POST', '/v1/re-encrypt', {
          ciphertextBlob: moved.ciphertextBlob,
          sourceEncryptionContext: { moved: 'yes' },
          destinationKeyId: keyId,
          destinationEncryptionContext: encryptionContext,
        })
        assert.equal((await open(back.ciphertextBlob)).plaintext, base64(message))
      }

      const { items } = await call('POST', `${path}/batch-encrypt`, {
        items: [{ plaintext: base64('one') }, { plaintext: base64('two') }],
      })
      const opened = await call('POST', '/v1/batch-decrypt', {
        items: items.map((item: Json) => ({ ciphertextBlob: item.ciphertextBlob })),
      })
      assert.deepEqual(
        opened.items.map((item: Json) => item.plaintext),
        [base64('one'), base64('two')],
      )

      const dataKey = await call('POST', `${path}/generate-data-key`, { dataKeySpec: 'AES_256', encryptionContext })
      assert.equal((await open(dataKey.ciphertextBlob)).plaintext, dataKey.plaintext)
      const sealedOnly = await call('POST', `${path}/generate-data-key-without-plaintext`, { dataKeySpec: 'AES_128' })
      assert.equal(sealedOnly.plaintext, undefined)
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const recipient = {
        publicKey: base64(publicKey.export({ format: 'der', type: 'spki' })),
        wrappingKeySpec: 'RSA_2048',
        wrappingAlgorithm: 'RSAES_OAEP_SHA_256',
      }
      const unwrap = (wrapped: string) =>
        base64(privateDecrypt({ key: privateKey, oaepHash: 'sha256' }, Buffer.from(wrapped, 'base64')))
      const exported = await call('POST', '/v1/export-data-key', {
        ciphertextBlob: dataKey.ciphertextBlob,
        encryptionContext,
        ...recipient,
      })
      assert.equal(unwrap(exported.exportedDataKey), dataKey.plaintext)
      const both = await call('POST', `${path}/generate-and-export-data-key`, { dataKeySpec: 'AES_256', ...recipient })
      const reopened = await call('POST', '/v1/decrypt', { ciphertextBlob: both.ciphertextBlob })
      assert.equal(reopened.plaintext, unwrap(both.exportedDataKey))
      const pair = await call('POST', `${path}/generate-data-key-pair`, { keyPairSpec: 'EC_P256', encryptionContext })
      assert.equal((await open(pair.privateKeyCiphertextBlob)).plaintext, pair.privateKeyPlaintext)
      createPrivateKey({ key: Buffer.from(pair.privateKeyPlaintext, 'base64'), format: 'der', type: 'pkcs8' })
      const pairSealed = await call('POST', `${path}/generate-data-key-pair-without-plaintext`, { keyPairSpec: 'SM2' })
      assert.equal(pairSealed.privateKeyPlaintext, undefined)

      assert.equal(await refusal('POST', `${path}/sign`, { message: base64(message) }), 'KeyUsageMismatch')
      await dies(other, 'encrypt', { plaintext: base64(message) })
    })

  for (const spec of symmetric)
    await t.test(`R34, R37: ${spec}: rotation makes the next version, by hand and when it is due`, async () => {
      const { path, keyId } = await newKey(spec, { rotationPeriodDays: 7 })
      const encrypt = async () => (await call('POST', `${path}/encrypt`, { plaintext: base64(message) })).ciphertextBlob
      const blobs = [await encrypt()]
      const rotated = await call('POST', `${path}/rotate`)
      assert.equal(rotated.versionCount, 2)
      blobs.push(await encrypt())
      service.clock.advance(days(8))
      blobs.push(await encrypt())
      const { key } = await call('GET', path)
      const { versions } = await call('GET', `${path}/versions`)
      assert.equal(versions.length, 3)
      const madeBy = []
      for (const ciphertextBlob of blobs) {
        const opened = await call('POST', '/v1/decrypt', { ciphertextBlob, keyId })
        assert.equal(opened.plaintext, base64(message))
        madeBy.push(opened.keyVersionId)
      }
      assert.equal(new Set(madeBy).size, 3)
      assert.equal(madeBy.at(-1), key.primaryVersionId)
    })

  for (const spec of withUsage('SIGN_VERIFY'))
    await t.test(`${spec}: signatures verify here and elsewhere, in every version`, async () => {
      const made = await newKey(spec, { keyUsage: 'SIGN_VERIFY' })
      // Larger RSA keys take seconds to make.
      const versions = [made.keyVersionId]
      if (spec !== 'RSA_3072' && spec !== 'RSA_4096')
        versions.push((await call('POST', `${made.path}/versions`)).version.keyVersionId)
      for (const keyVersionId of versions) {
        const { pem } = await call('GET', `${made.path}/public-key?keyVersionId=${keyVersionId}`)
        for (const signingAlgorithm of algorithmsOf(spec, 'SIGN_VERIFY'))
          for (const { input, holds } of signingInputs(signingAlgorithm)) {
            const named = { keyVersionId, signingAlgorithm, ...input }
            const { signature } = await call('POST', `${made.path}/sign`, named)
            assert.ok(holds(pem, Buffer.from(signature, 'base64')), `${signingAlgorithm} ${JSON.stringify(input)}`)
            const check = async (more: object) =>
              (await call('POST', `${made.path}/verify`, { ...named, signature, ...more })).signatureValid
            assert.equal(await check({}), true)
            const other = Buffer.from(input.message, 'base64')
            other[0]! ^= 1
            assert.equal(await check({ message: base64(other) }), false)
            for (const wrong of [randomBytes(64), Buffer.concat([Buffer.from(signature, 'base64'), Buffer.of(0)])])
              assert.equal(await check({ signature: base64(wrong) }), false)
            if (keyVersionId !== made.keyVersionId)
              assert.equal(await check({ keyVersionId: made.keyVersionId }), false, 'a signature is of its own version')
          }
      }
      const [signingAlgorithm = ''] = algorithmsOf(spec, 'SIGN_VERIFY')
      const [first] = signingInputs(signingAlgorithm)
      await dies(made, 'sign', { keyVersionId: made.keyVersionId, signingAlgorithm, ...first?.input })
    })

  for (const spec of withUsage('KEY_AGREEMENT'))
    await t.test(`${spec}: a shared secret is the peer's, and no point off the curve is taken`, async () => {
      const made = await newKey(spec, { keyUsage: 'KEY_AGREEMENT' })
      const publicKeyOf = async ({ path, keyVersionId }: Made) =>
        (await call('GET', `${path}/public-key?keyVersionId=${keyVersionId}`)).publicKey as string
      const agree = async ({ path, keyVersionId }: Made, publicKey: string) =>
        (await call('POST', `${path}/derive-shared-secret`, { keyVersionId, publicKey })).sharedSecret as string
      const own = await publicKeyOf(made)
      // Node agrees with no SM2 key that it has read: there, a second key of the service is the peer.
      const second = await newKey(spec, { keyUsage: 'KEY_AGREEMENT' })
      const peer = await publicKeyOf(second)
      assert.equal(await agree(made, peer), await agree(second, own))
      if (spec !== 'SM2') {
        const elsewhere = generateKeyPairSync('ec', { namedCurve: spec.replace('EC_P', 'P-') })
        const publicKey = createPublicKey({ key: Buffer.from(own, 'base64'), format: 'der', type: 'spki' })
        assert.equal(
          await agree(made, base64(elsewhere.publicKey.export({ format: 'der', type: 'spki' }))),
          base64(diffieHellman({ privateKey: elsewhere.privateKey, publicKey })),
        )
      }
      const off = Buffer.from(peer, 'base64')
      off[off.length - 1]! ^= 1
      for (const publicKey of [off, Buffer.concat([Buffer.from(peer, 'base64'), Buffer.of(0)]), Buffer.from('no key')])
        assert.equal(
          await refusal('POST', `${made.path}/derive-shared-secret`, {
            keyVersionId: made.keyVersionId,
            publicKey: base64(publicKey),
          }),
          'InvalidPublicKey',
        )
    })

  for (const spec of encrypting)
    await t.test(`${spec}: what is encrypted with the public key opens, from here and from elsewhere`, async () => {
      const made = await newKey(spec, { keyUsage: 'ENCRYPT_DECRYPT' })
      const { pem } = await call('GET', `${made.path}/public-key?keyVersionId=${made.keyVersionId}`)
      for (const encryptionAlgorithm of algorithmsOf(spec, 'ENCRYPT_DECRYPT')) {
        const named = { keyVersionId: made.keyVersionId, encryptionAlgorithm }
        const { ciphertextBlob } = await call('POST', `${made.path}/asymmetric-encrypt`, {
          ...named,
          plaintext: base64(message),
        })
        for (const blob of [ciphertextBlob, base64(encryptedElsewhere(pem, encryptionAlgorithm))]) {
          const opened = await call('POST', `${made.path}/asymmetric-decrypt`, { ...named, ciphertextBlob: blob })
          assert.equal(opened.plaintext, base64(message))
        }
        const longer = Buffer.concat([Buffer.from(ciphertextBlob, 'base64'), Buffer.of(0)])
        for (const wrong of [randomBytes(256), longer])
          assert.equal(
            await refusal('POST', `${made.path}/asymmetric-decrypt`, { ...named, ciphertextBlob: base64(wrong) }),
            'InvalidCiphertext',
          )
      }
    })

  for (const spec of withUsage('GENERATE_VERIFY_MAC'))
    await t.test(`${spec}: a MAC verifies for its message alone`, async () => {
      const made = await newKey(spec)
      const { mac } = await call('POST', `${made.path}/generate-mac`, { message: base64(message) })
      const check = async (text: Uint8Array) =>
        (await call('POST', `${made.path}/verify-mac`, { message: base64(text), mac })).macValid
      assert.equal(await check(message), true)
      assert.equal(await check(Buffer.from('another')), false)
      await dies(made, 'generate-mac', { message: base64(message) })
    })

  for (const spec of withUsage('ENCAPSULATE_DECAPSULATE'))
    await t.test(`${spec}: a secret that was encapsulated here or elsewhere is opened`, async () => {
      const { path, keyVersionId } = await newKey(spec)
      const { pem } = await call('GET', `${path}/public-key?keyVersionId=${keyVersionId}`)
      const open = async (ciphertextBlob: string) =>
        (await call('POST', `${path}/decapsulate`, { keyVersionId, ciphertextBlob })).sharedSecret
      const ours = await call('POST', `${path}/encapsulate`, { keyVersionId })
      assert.equal(await open(ours.ciphertextBlob), ours.sharedSecret)
      const theirs = encapsulate(createPublicKey(pem))
      assert.equal(await open(base64(theirs.ciphertext)), base64(theirs.sharedKey))
      assert.equal(
        await refusal('POST', `${path}/decapsulate`, { keyVersionId, ciphertextBlob: base64(randomBytes(100)) }),
        'InvalidCiphertext',
      )
    })

  /** Disabled it refuses; enabled again it serves; scheduled for deletion it refuses; and then it is gone. */
  async function dies({ path }: Made, operation: string, body: object): Promise<void> {
    await call('POST', `${path}/disable`)
    assert.equal(await refusal('POST', `${path}/${operation}`, body), 'KeyDisabled')
    await call('POST', `${path}/enable`)
    await call('POST', `${path}/${operation}`, body)
    await call('POST', `${path}/schedule-deletion`, deletion)
    assert.equal(await refusal('POST', `${path}/${operation}`, body), 'KeyPendingDeletion')
    await call('POST', `${path}/cancel-deletion`)
    await call('POST', `${path}/enable`)
    await call('POST', `${path}/${operation}`, body)
    await call('POST', `${path}/schedule-deletion`, deletion)
    service.clock.advance(days(7))
    assert.equal(await refusal('POST', `${path}/${operation}`, body), 'KeyNotFound')
  }

  await t.test('while RSA keys are made, other requests are answered', async () => {
    const { path } = await newKey('AES_256')
    let making = true
    const pair = () => newKey('RSA_4096', { keyUsage: 'SIGN_VERIFY' })
    const made = Promise.all([pair(), pair()]).finally(() => {
      making = false
    })
    let answered = 0
    for (; making; answered += 1) await call('POST', `${path}/encrypt`, { plaintext: base64(message) })
    await made
    // A pair takes some hundred times as long as a request: one that waited for it would be the only one.
    assert.ok(answered >= 5, `${answered} requests were answered meanwhile`)
  })

  await t.test('no operation of cryptography was left out, but those of keys that the device does not have', () => {
    const all = operations.filter(({ group, name }) => group === 'cryptography' && name !== 'GenerateRandom')
    const left = all.map(({ name }) => name).filter((name) => !used.has(name))
    const expected = [
      ...(encrypting.length > 0 ? [] : ['AsymmetricEncrypt', 'AsymmetricDecrypt']),
      ...(withUsage('ENCAPSULATE_DECAPSULATE').length > 0 ? [] : ['Encapsulate', 'Decapsulate']),
    ]
    assert.deepEqual(left, expected)
  })
}

type SigningInput = {
  readonly input: { readonly messageType: string; readonly message: string; readonly signerId?: string }
  /** Whether other code than ours takes the signature. */
  readonly holds: (pem: string, signature: Buffer) => boolean
}

/** Everything that an algorithm signs: the message, its digest, or what else stands for it. */
function signingInputs(algorithm: string): readonly SigningInput[] {
  const raw = { messageType: 'RAW', message: base64(message) }
  const digestOf = (name: string) => createHash(name).update(message).digest()
  const plain = (pem: string, signature: Buffer) => verify(null, message, pem, signature)
  switch (algorithm) {
    case 'ED25519_SHA_512':
      return [{ input: raw, holds: plain }]
    case 'ED25519_PH_SHA_512': {
      const digest = digestOf('sha512')
      const holds = (pem: string, signature: Buffer) =>
        ed25519ph.verify(signature, digest, createPublicKey(pem).export({ format: 'der', type: 'spki' }).subarray(-32))
      return [{ input: { messageType: 'DIGEST', message: base64(digest) }, holds }]
    }
    case 'ML_DSA_SHAKE_256': {
      // What mu is made of takes the public key: any 64 bytes are signed, and verified here.
      const mu = { messageType: 'EXTERNAL_MU', message: base64(digestOf('sha512')) }
      return [
        { input: raw, holds: plain },
        { input: mu, holds: (pem, signature) => !plain(pem, signature) },
      ]
    }
    case 'SM2DSA': {
      const ofSigner = (userId: string) => (pem: string, signature: Buffer) => {
        const publicKey = pointOf(pem).toString('hex')
        const options = { hash: true, der: true, userId, publicKey }
        return smCrypto.sm2.doVerifySignature(message.toString(), signature.toString('hex'), publicKey, options)
      }
      const byDefault = ofSigner('1234567812345678')
      return [
        { input: raw, holds: byDefault },
        { input: { ...raw, signerId: base64('somebody') }, holds: ofSigner('somebody') },
        // The digest is e, which takes Z_A: this one is of another message.
        {
          input: { messageType: 'DIGEST', message: base64(digestOf('sm3')) },
          holds: (pem, signature) => !byDefault(pem, signature),
        },
      ]
    }
  }
  const name = `sha${algorithm.slice(-3)}`
  const holds = (pem: string, signature: Buffer) => {
    if (!algorithm.startsWith('RSASSA_PSS')) return verify(name, message, pem, signature)
    const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
    return verify(name, message, { key: pem, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
  }
  return [
    { input: raw, holds },
    { input: { messageType: 'DIGEST', message: base64(digestOf(name)) }, holds },
  ]
}

function encryptedElsewhere(pem: string, algorithm: string): Buffer {
  if (algorithm !== 'SM2PKE')
    return publicEncrypt({ key: pem, oaepHash: algorithm.endsWith('_1') ? 'sha1' : 'sha256' }, message)
  const made = Buffer.from(smCrypto.sm2.doEncrypt(message.toString(), pointOf(pem).toString('hex'), 1), 'hex')
  // C1 (x, y), C3, C2, in the DER of GM/T 0009.
  const integer = (bytes: Buffer) => {
    const digits = bytes.subarray(bytes.findIndex((byte) => byte !== 0))
    return element(0x02, (digits[0] as number) < 0x80 ? digits : Buffer.concat([Buffer.of(0), digits]))
  }
  const [x, y] = [made.subarray(0, 32), made.subarray(32, 64)]
  const hashed = [element(0x04, made.subarray(64, 96)), element(0x04, made.subarray(96))]
  return element(0x30, Buffer.concat([integer(x), integer(y), ...hashed]))
}

function element(tag: number, content: Buffer): Buffer {
  const head = content.length < 128 ? [tag, content.length] : [tag, 0x81, content.length]
  return Buffer.concat([Buffer.from(head), content])
}

/** 04, x, y: the end of an SM2 key's SubjectPublicKeyInfo. */
function pointOf(pem: string): Buffer {
  return createPublicKey(pem).export({ format: 'der', type: 'spki' }).subarray(-65)
}

/** The name of the operation whose route this is. */
function operationAt(method: string, path: string): string {
  const [pathname = ''] = path.split('?')
  const found = operations.find(({ rest }) => {
    const [verb, route = ''] = rest.split(' ')
    return verb === method && new RegExp(`^${route.replace(/\{\w+\}/g, '[^/]+')}$`).test(pathname)
  })
  return found?.name ?? ''
}
