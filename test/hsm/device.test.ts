import assert from 'node:assert/strict'
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto'
import { test } from 'node:test'
import type { Pkcs11Device } from '../../src/devices/pkcs11/device.ts'
import { Problem } from '../../src/domain/errors.ts'
import type { KeyVersion, SealedMaterial } from '../../src/domain/key.ts'
import { algorithmsOf, type KeySpec, keySpecs, type SigningAlgorithm } from '../../src/domain/specs.ts'
import { bindingOf, missing, newVersion, openToken, type SoftVendor, softVendors, versionOf } from './tokens.ts'

const text = Buffer.from('The message that is computed with')
const context = Buffer.from('associated data')

const is = (code: string) => (error: unknown) => error instanceof Problem && error.code === code

/** What each soft token was seen to do: a probe that finds less, or more, is broken. */
const symmetricAndPairs: readonly KeySpec[] = [
  'AES_256',
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'EC_P256',
  'EC_P384',
  'EC_P521',
  'HMAC_SHA_224',
  'HMAC_SHA_256',
  'HMAC_SHA_384',
  'HMAC_SHA_512',
]
const computes: Readonly<Record<SoftVendor, readonly KeySpec[]>> = {
  softhsm2: [...symmetricAndPairs, 'EC_SECP256K1'],
  nss: symmetricAndPairs,
}

for (const vendor of softVendors) {
  const skip = missing(vendor) ?? false
  test(`${vendor}: the hardware protection level`, { skip }, async (t) => {
    const { device } = await openToken(t, vendor)
    const tried = device.capabilities

    await t.test(
      'R28: keys of protection level HSM are made for what the token can compute, and for nothing else',
      async () => {
        assert.equal(device.protection, 'HSM')
        const supported = keySpecs.filter((spec) => algorithmsOfAny(spec).some((usage) => device.supports(spec, usage)))
        assert.deepEqual([...supported].sort(), [...computes[vendor]].sort())
        for (const spec of keySpecs) {
          if (supported.includes(spec)) continue
          await assert.rejects(device.generate(bindingOf(spec)), is('KeySpecMismatch'), spec)
        }
      },
    )

    await t.test('what is encrypted comes back, and only under the same associated data', async () => {
      const version = await newVersion(device, 'AES_256')
      assert.equal(device.envelopeAlgorithm('AES_256'), 3)
      for (const bytes of [1, 15, 16, 17, 4096, 6144]) {
        const plaintext = randomBytes(bytes)
        const body = await device.encrypt(version, plaintext, context)
        assert.equal(body.length, 12 + bytes + 16)
        assert.deepEqual(Buffer.from(await device.decrypt(version, body, context)), plaintext)
      }
      const body = await device.encrypt(version, text, context)
      await assert.rejects(device.decrypt(version, body, Buffer.from('other data')), is('InvalidCiphertext'))
      const empty = await device.encrypt(version, text, new Uint8Array(0))
      assert.deepEqual(Buffer.from(await device.decrypt(version, empty, new Uint8Array(0))), text)
    })

    await t.test('a changed, cut or lengthened ciphertext does not open, and the token goes on', async () => {
      const version = await newVersion(device, 'AES_256')
      const body = Buffer.from(await device.encrypt(version, text, context))
      const wrong: Buffer[] = [Buffer.concat([body, Buffer.of(0)]), Buffer.alloc(0), Buffer.alloc(28)]
      for (let at = 0; at < body.length; at += 7) {
        const changed = Buffer.from(body)
        changed[at] = (changed[at] as number) ^ 0x80
        wrong.push(changed)
      }
      for (const bytes of [1, 11, 12, 27, 28, body.length - 1]) wrong.push(body.subarray(0, bytes))
      for (const forged of wrong)
        await assert.rejects(device.decrypt(version, forged, context), is('InvalidCiphertext'))
      assert.deepEqual(Buffer.from(await device.decrypt(version, body, context)), text)
      assert.equal(device.healthy(), true)
    })

    await t.test('no two ciphertexts share a nonce', async () => {
      const version = await newVersion(device, 'AES_256')
      const bodies = await Promise.all(Array.from({ length: 200 }, () => device.encrypt(version, text, context)))
      assert.equal(new Set(bodies.map((body) => Buffer.from(body).toString('hex', 0, 12))).size, 200)
    })

    await t.test('sealed material opens only under its own binding, and only as it was sealed', async () => {
      const version = await newVersion(device, 'AES_256')
      const foreign: Partial<KeyVersion>[] = [
        { account: '210987654321' },
        { region: 'elsewhere' },
        { keyId: 'another' },
        { versionId: 'another' },
        { spec: 'HMAC_SHA_256' },
      ]
      for (const change of foreign) {
        const moved = { ...version, ...change }
        const using =
          moved.spec === 'AES_256' ? device.encrypt(moved, text, context) : device.mac(moved, 'HMAC_SHA_256', text)
        await assert.rejects(using, is('Internal'), JSON.stringify(change))
      }
      const sealed = Buffer.from(version.sealed as string, 'base64')
      for (let at = 0; at < sealed.length; at += 5) {
        const changed = Buffer.from(sealed)
        changed[at] = (changed[at] as number) ^ 1
        const forged = { ...version, sealed: changed.toString('base64') as SealedMaterial }
        await assert.rejects(device.encrypt(forged, text, context), is('Internal'), `byte ${at}`)
      }
      const wrapping = await device.generateWrappingKey('RSA_2048', bindingOf('AES_256', version.keyId))
      const posing = {
        ...bindingOf('RSA_2048', version.keyId),
        revision: 1,
        number: 1,
        createdAt: 0,
        sealed: wrapping.sealed,
      }
      await assert.rejects(device.sign(posing, 'RSASSA_PSS_SHA_256', { type: 'RAW', message: text }), is('Internal'))
      await assert.rejects(
        device.encrypt({ ...version, sealed: 'AQ==' as SealedMaterial }, text, context),
        is('Internal'),
      )
    })

    await t.test('equal material is sealed to unequal text, and a replica computes the same', async () => {
      const version = await newVersion(device, 'AES_256')
      const binding = { ...bindingOf('AES_256', version.keyId), region: 'elsewhere' }
      const sealed = await device.rebind(version, binding)
      const again = await device.rebind(version, binding)
      assert.equal(new Set([version.sealed, sealed, again]).size, 3)
      const body = await device.encrypt(version, text, context)
      assert.deepEqual(Buffer.from(await device.decrypt(versionOf(binding, { sealed }), body, context)), text)
      await assert.rejects(device.rebind({ ...version, keyId: 'another' }, binding), is('Internal'))
      await assert.rejects(device.rebind(version, bindingOf('EC_P256')), is('KeySpecMismatch'))
    })

    for (const spec of computes[vendor].filter((spec) => algorithmsOf(spec, 'SIGN_VERIFY').length > 0)) {
      // The larger RSA keys take a soft token seconds to make.
      if (spec === 'RSA_3072' || spec === 'RSA_4096') continue
      await t.test(`a signature with ${spec} verifies here and in Node, and its forgery in neither`, async () => {
        const version = await newVersion(device, spec)
        for (const algorithm of algorithmsOf(spec, 'SIGN_VERIFY') as readonly SigningAlgorithm[]) {
          const signature = await device.sign(version, algorithm, { type: 'RAW', message: text })
          assert.equal(verifiesInNode(version, algorithm, text, signature), true, algorithm)
          assert.equal(
            await device.verify(version, algorithm, { type: 'RAW', message: text }, signature),
            true,
            algorithm,
          )
          const hash = nodeHash(algorithm)
          const digest = createHash(hash).update(text).digest()
          const ofDigest = await device.sign(version, algorithm, { type: 'DIGEST', digest })
          assert.equal(verifiesInNode(version, algorithm, text, ofDigest), true, algorithm)
          assert.equal(await device.verify(version, algorithm, { type: 'DIGEST', digest }, signature), true)
          const forgeries = [
            Buffer.concat([signature, Buffer.of(0)]),
            Buffer.from(signature).fill(0, 8, 16),
            Buffer.alloc(signature.length),
            Buffer.alloc(0),
            Buffer.from(signature).subarray(0, signature.length - 1),
          ]
          for (const forged of forgeries)
            assert.equal(await device.verify(version, algorithm, { type: 'RAW', message: text }, forged), false)
          const other = { type: 'RAW', message: Buffer.from('another message') } as const
          assert.equal(await device.verify(version, algorithm, other, signature), false)
          const short = { type: 'DIGEST', digest: digest.subarray(1) } as const
          await assert.rejects(device.sign(version, algorithm, short), is('InvalidRequest'))
        }
      })
    }

    await t.test(
      'RSA decrypts what Node encrypted where the token has the padding, and says so where it has not',
      async () => {
        const version = await newVersion(device, 'RSA_2048')
        for (const algorithm of ['RSAES_OAEP_SHA_256', 'RSAES_OAEP_SHA_1'] as const) {
          const oaepHash = algorithm === 'RSAES_OAEP_SHA_1' ? 'sha1' : 'sha256'
          const ciphertext = publicEncrypt({ key: publicKeyOf(version), oaepHash }, text)
          if (!device.supports('RSA_2048', 'ENCRYPT_DECRYPT')) {
            assert.equal(vendor, 'softhsm2')
            await assert.rejects(device.asymmetricDecrypt(version, algorithm, ciphertext), is('KeySpecMismatch'))
            await assert.rejects(device.asymmetricEncrypt(version, algorithm, text), is('KeySpecMismatch'))
            continue
          }
          assert.deepEqual(Buffer.from(await device.asymmetricDecrypt(version, algorithm, ciphertext)), text)
          const ours = await device.asymmetricEncrypt(version, algorithm, text)
          assert.deepEqual(Buffer.from(await device.asymmetricDecrypt(version, algorithm, ours)), text)
          const forged = Buffer.from(ours).fill(1, 100, 110)
          await assert.rejects(device.asymmetricDecrypt(version, algorithm, forged), is('InvalidCiphertext'))
          await assert.rejects(device.asymmetricDecrypt(version, algorithm, ours.subarray(1)), is('InvalidCiphertext'))
          await assert.rejects(device.asymmetricEncrypt(version, algorithm, randomBytes(256)), is('InvalidRequest'))
        }
      },
    )

    await t.test('a MAC is of the length of its hash, and verifies only for its message', async () => {
      for (const algorithm of ['HMAC_SHA_224', 'HMAC_SHA_256', 'HMAC_SHA_384', 'HMAC_SHA_512'] as const) {
        const version = await newVersion(device, algorithm)
        const mac = await device.mac(version, algorithm, text)
        assert.equal(mac.length, Number(algorithm.slice(-3)) / 8)
        assert.equal(await device.verifyMac(version, algorithm, text, mac), true)
        assert.equal(await device.verifyMac(version, algorithm, context, mac), false)
        assert.equal(await device.verifyMac(version, algorithm, text, mac.subarray(1)), false)
        assert.notDeepEqual(await device.mac(await newVersion(device, algorithm), algorithm, text), mac)
      }
    })

    await t.test('ECDH gives what the peer computes, and takes no point off the curve', async () => {
      for (const [spec, namedCurve] of [
        ['EC_P256', 'P-256'],
        ['EC_P384', 'P-384'],
        ['EC_P521', 'P-521'],
      ] as const) {
        const version = await newVersion(device, spec)
        const peer = generateKeyPairSync('ec', { namedCurve })
        const spki = peer.publicKey.export({ format: 'der', type: 'spki' })
        const secret = await device.agree(version, spki)
        assert.deepEqual(
          Buffer.from(secret),
          diffieHellman({ privateKey: peer.privateKey, publicKey: publicKeyOf(version) }),
        )
        const off = Buffer.from(spki)
        off[off.length - 1] = (off[off.length - 1] as number) ^ 1
        await assert.rejects(device.agree(version, off), is('InvalidPublicKey'))
        const foreign = generateKeyPairSync('ec', { namedCurve: spec === 'EC_P256' ? 'P-384' : 'P-256' }).publicKey
        await assert.rejects(
          device.agree(version, foreign.export({ format: 'der', type: 'spki' })),
          is('InvalidPublicKey'),
        )
        await assert.rejects(device.agree(version, Buffer.from('no key')), is('InvalidPublicKey'))
      }
    })

    await t.test(
      'imported material is unwrapped in the token: it computes, and its fingerprint tells it apart',
      async () => {
        assert.ok(tried.imports.length >= 2)
        const material = randomBytes(32)
        const pairBinding = bindingOf('AES_256')
        const pair = await device.generateWrappingKey('RSA_2048', pairBinding)
        const key = createPublicKey({ key: Buffer.from(pair.publicKey), format: 'der', type: 'spki' })
        const importWith = (
          wrappingAlgorithm: (typeof tried.imports)[number],
          encrypted: Uint8Array,
          binding = pairBinding,
        ) =>
          device.importMaterial({
            wrappingKeySpec: 'RSA_2048',
            wrappingAlgorithm,
            sealedWrappingKey: pair.sealed,
            wrappingKeyBinding: pairBinding,
            encryptedKeyMaterial: encrypted,
            binding,
          })
        const wrap = (algorithm: string, bytes: Buffer) => {
          const oaepHash = algorithm.endsWith('_1') ? 'sha1' : 'sha256'
          if (algorithm.startsWith('RSAES')) return publicEncrypt({ key, oaepHash }, bytes)
          const between = randomBytes(32)
          const cipher = createCipheriv('id-aes256-wrap-pad', between, Buffer.from('a65959a6', 'hex'))
          return Buffer.concat([publicEncrypt({ key, oaepHash }, between), cipher.update(bytes), cipher.final()])
        }
        const fingerprints = new Set<string>()
        for (const algorithm of tried.imports) {
          const imported = await importWith(algorithm, wrap(algorithm, material))
          fingerprints.add(imported.fingerprint)
          const body = Buffer.from(await device.encrypt(versionOf(pairBinding, imported), text, context))
          const decipher = createDecipheriv('aes-256-gcm', material, body.subarray(0, 12), { authTagLength: 16 })
          decipher.setAAD(context).setAuthTag(body.subarray(-16))
          assert.deepEqual(Buffer.concat([decipher.update(body.subarray(12, -16)), decipher.final()]), text)
          for (const bytes of [0, 16, 24, 31, 33, 64])
            await assert.rejects(
              importWith(algorithm, wrap(algorithm, randomBytes(bytes))),
              is('InvalidKeyMaterial'),
              `${bytes}`,
            )
          await assert.rejects(importWith(algorithm, randomBytes(256)), is('InvalidKeyMaterial'))
          await assert.rejects(importWith(algorithm, randomBytes(7)), is('InvalidKeyMaterial'))
        }
        assert.equal(fingerprints.size, 1, 'the same material has the same fingerprint, however it came')
        const [algorithm] = tried.imports as [(typeof tried.imports)[number]]
        const other = await importWith(algorithm, wrap(algorithm, randomBytes(32)))
        const elsewhere = await importWith(algorithm, wrap(algorithm, material), bindingOf('AES_256'))
        fingerprints.add(other.fingerprint).add(elsewhere.fingerprint)
        assert.equal(fingerprints.size, 3, 'neither other material nor another key shares it')
        await assert.rejects(importWith('RSAES_PKCS1_V1_5', randomBytes(256)), is('UnsupportedOperation'))
      },
    )

    await t.test(
      'every combination of spec and operation gives an answer or its own refusal, and none harms the token',
      async () => {
        const versions = await Promise.all(
          computes[vendor]
            .filter((spec) => spec !== 'RSA_3072' && spec !== 'RSA_4096')
            .map((spec) => newVersion(device, spec)),
        )
        const known = new Set([
          'KeySpecMismatch',
          'AlgorithmMismatch',
          'UnsupportedOperation',
          'InvalidRequest',
          'InvalidCiphertext',
          'InvalidPublicKey',
        ])
        for (const version of versions)
          for (const odd of oddCalls(device, version)) {
            await odd().catch((error: unknown) => {
              if (!(error instanceof Problem) || !known.has(error.code)) throw error
            })
          }
        assert.equal(device.healthy(), true)
      },
    )

    await t.test('sixty-four callers at once all get their own answers', async () => {
      const aes = await newVersion(device, 'AES_256')
      const ec = await newVersion(device, 'EC_P256')
      await Promise.all(
        Array.from({ length: 64 }, async (_, index) => {
          const mine = Buffer.from(`message ${index}`)
          const body = await device.encrypt(aes, mine, context)
          const signature = await device.sign(ec, 'ECDSA_SHA_256', { type: 'RAW', message: mine })
          assert.deepEqual(Buffer.from(await device.decrypt(aes, body, context)), mine)
          assert.equal(verifiesInNode(ec, 'ECDSA_SHA_256', mine, signature), true)
        }),
      )
    })

    await t.test('the self-test tries it all again', () => device.selfTest())
  })

  test(`${vendor}: beyond its capacity the token closes the key used longest ago, and opens it again`, {
    skip,
  }, async (t) => {
    const { device } = await openToken(t, vendor, { capacity: 3 })
    const versions = await Promise.all(Array.from({ length: 8 }, () => newVersion(device, 'AES_256')))
    const bodies = await Promise.all(versions.map((version) => device.encrypt(version, text, context)))
    assert.ok(device.openKeys() <= 3)
    for (const [index, version] of versions.entries())
      assert.deepEqual(Buffer.from(await device.decrypt(version, bodies[index] as Uint8Array, context)), text)
    assert.ok(device.openKeys() <= 3)
  })
}

const usages = [
  'ENCRYPT_DECRYPT',
  'SIGN_VERIFY',
  'GENERATE_VERIFY_MAC',
  'KEY_AGREEMENT',
  'ENCAPSULATE_DECAPSULATE',
] as const
function algorithmsOfAny(spec: KeySpec) {
  return usages.filter((usage) => algorithmsOf(spec, usage).length > 0)
}

function publicKeyOf(version: KeyVersion) {
  return createPublicKey({ key: Buffer.from(version.publicKey as string, 'base64'), format: 'der', type: 'spki' })
}

function nodeHash(algorithm: SigningAlgorithm): string {
  return `sha${algorithm.slice(-3)}`
}

function verifiesInNode(
  version: KeyVersion,
  algorithm: SigningAlgorithm,
  message: Buffer,
  signature: Uint8Array,
): boolean {
  const key = publicKeyOf(version)
  if (!algorithm.startsWith('RSASSA_PSS')) return verify(nodeHash(algorithm), message, key, signature)
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  return verify(nodeHash(algorithm), message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
}

function oddCalls(device: Pkcs11Device, version: KeyVersion): readonly (() => Promise<unknown>)[] {
  const raw = { type: 'RAW', message: text } as const
  return [
    () => device.encrypt(version, text, context),
    () => device.decrypt(version, randomBytes(64), context),
    () => device.asymmetricEncrypt(version, 'RSAES_OAEP_SHA_256', text),
    () => device.asymmetricEncrypt(version, 'SM2PKE', text),
    () => device.asymmetricEncrypt(version, 'SYMMETRIC_DEFAULT', text),
    () => device.asymmetricDecrypt(version, 'RSAES_OAEP_SHA_1', randomBytes(256)),
    () => device.asymmetricDecrypt(version, 'SYMMETRIC_DEFAULT', randomBytes(256)),
    () => device.sign(version, 'RSASSA_PSS_SHA_512', raw),
    () => device.sign(version, 'ECDSA_SHA_384', raw),
    () => device.sign(version, 'ED25519_SHA_512', raw),
    () => device.sign(version, 'SM2DSA', raw),
    () => device.sign(version, 'ECDSA_SHA_256', { type: 'EXTERNAL_MU', mu: randomBytes(64) }),
    () => device.verify(version, 'ECDSA_SHA_256', raw, randomBytes(70)),
    () => device.verify(version, 'RSASSA_PKCS1_V1_5_SHA_256', raw, randomBytes(256)),
    () => device.mac(version, 'HMAC_SM3', text),
    () => device.mac(version, 'HMAC_SHA_256', text),
    () => device.mac(version, 'HMAC_SHA_256', randomBytes(6144)),
    () => device.agree(version, randomBytes(91)),
    () => device.encapsulate(version),
    () => device.decapsulate(version, randomBytes(768)),
  ]
}
