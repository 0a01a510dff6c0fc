/**
 * Keys of protection level HSM as their users meet them: over REST every spec with every operation through its whole life,
 * and with the same keys the faces of both clouds.
 */
import assert from 'node:assert/strict'
import {
  constants,
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto'
import { test } from 'node:test'
import {
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateMacCommand,
  GetPublicKeyCommand,
  SignCommand,
  VerifyCommand,
  VerifyMacCommand,
} from '@aws-sdk/client-kms'
import { algorithmsOf, type KeySpec, type KeyUsage, keySpecs, specs } from '../../src/domain/specs.ts'
import { operations } from '../../src/operations/index.ts'
import { ask, asked } from '../alibaba/service.ts'
import { kmsClient } from '../aws/clients.ts'
import { base64, days, type Json, testAccount } from '../service.ts'
import { hsmInstallation } from './served.ts'
import { missing, type SoftVendor, softVendors } from './tokens.ts'

/** What each soft token can do, usage by usage: whoever asks for more is told so. */
const everywhere: Readonly<Partial<Record<KeySpec, readonly KeyUsage[]>>> = {
  AES_256: ['ENCRYPT_DECRYPT'],
  RSA_2048: ['SIGN_VERIFY'],
  RSA_3072: ['SIGN_VERIFY'],
  RSA_4096: ['SIGN_VERIFY'],
  EC_P256: ['SIGN_VERIFY', 'KEY_AGREEMENT'],
  EC_P384: ['SIGN_VERIFY', 'KEY_AGREEMENT'],
  EC_P521: ['SIGN_VERIFY', 'KEY_AGREEMENT'],
  HMAC_SHA_224: ['GENERATE_VERIFY_MAC'],
  HMAC_SHA_256: ['GENERATE_VERIFY_MAC'],
  HMAC_SHA_384: ['GENERATE_VERIFY_MAC'],
  HMAC_SHA_512: ['GENERATE_VERIFY_MAC'],
}
const can: Readonly<Record<SoftVendor, typeof everywhere>> = {
  softhsm2: { ...everywhere, EC_SECP256K1: ['SIGN_VERIFY'] },
  nss: {
    ...everywhere,
    RSA_2048: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'],
    RSA_3072: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'],
    RSA_4096: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'],
  },
}

const message = Buffer.from('what is computed in the token')
const encryptionContext = { purpose: 'test' }
const deletion = { pendingWindowInDays: 7, evenIfRecentlyUsed: true }

for (const vendor of softVendors) {
  const skip = missing(vendor) ?? false
  test(`R28: ${vendor}: keys of protection level HSM, over the service`, { skip }, async (t) => {
    const service = await (await hsmInstallation(t, vendor)).start()
    const used = new Set<string>()

    async function call(method: string, path: string, body?: object): Promise<Json> {
      const answer = await service.api(method, path, body)
      assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
      used.add(operationAt(method, path))
      return answer.body
    }
    const refusal = async (method: string, path: string, body?: object): Promise<string> => {
      const answer = await service.api(method, path, body)
      assert.ok(answer.status >= 400, `${method} ${path} went well`)
      return answer.body.code
    }
    type Made = { readonly keyId: string; readonly keyVersionId: string; readonly path: string }
    async function newKey(keySpec: KeySpec, more: object = {}): Promise<Made> {
      const { key } = await call('POST', '/v1/keys', { keySpec, protectionLevel: 'HSM', ...more })
      assert.equal(key.protectionLevel, 'HSM')
      return {
        keyId: key.keyId,
        keyVersionId: key.newestVersionId ?? key.primaryVersionId,
        path: `/v1/keys/${key.keyId}`,
      }
    }

    await t.test('CreateKey takes what the token computes, and says of everything else that it does not', async () => {
      const countKeys = async () => service.world.store.count('key', `${testAccount}/local`)
      const before = await countKeys()
      for (const spec of keySpecs) {
        for (const usage of Object.keys(specs[spec].usages) as KeyUsage[]) {
          if (can[vendor][spec]?.includes(usage)) continue
          const answer = await service.api('POST', '/v1/keys', {
            keySpec: spec,
            keyUsage: usage,
            protectionLevel: 'HSM',
          })
          assert.deepEqual([answer.status, answer.body.code], [400, 'UnsupportedOperation'], `${spec} ${usage}`)
          assert.match(answer.body.detail, new RegExp(`${spec} for ${usage}`))
          assert.match(answer.body.mend, /protection level/)
        }
      }
      assert.equal(await countKeys(), before)
    })

    await t.test('AES_256: every operation of a symmetric key', async () => {
      const { keyId, path } = await newKey('AES_256')
      const other = await newKey('AES_256')
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

    await t.test('R34, R37: rotation makes the next version in the token, by hand and when it is due', async () => {
      const { path, keyId } = await newKey('AES_256', { rotationPeriodDays: 7 })
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

    for (const [name, usages] of Object.entries(can[vendor])) {
      const spec = name as KeySpec
      if (usages.includes('SIGN_VERIFY'))
        await t.test(`${spec}: signatures verify here and elsewhere, in every version`, async () => {
          const made = await newKey(spec, { keyUsage: 'SIGN_VERIFY' })
          // Larger RSA keys take a soft token seconds to make.
          const versions = [made.keyVersionId]
          if (spec !== 'RSA_3072' && spec !== 'RSA_4096')
            versions.push((await call('POST', `${made.path}/versions`)).version.keyVersionId)
          const signatures = new Set<string>()
          for (const keyVersionId of versions) {
            const { pem } = await call('GET', `${made.path}/public-key?keyVersionId=${keyVersionId}`)
            for (const signingAlgorithm of algorithmsOf(spec, 'SIGN_VERIFY')) {
              const hash = `sha${signingAlgorithm.slice(-3)}`
              const digest = createHash(hash).update(message).digest()
              for (const input of [
                { messageType: 'RAW', message: base64(message) },
                { messageType: 'DIGEST', message: base64(digest) },
              ]) {
                const named = { keyVersionId, signingAlgorithm, ...input }
                const { signature } = await call('POST', `${made.path}/sign`, named)
                signatures.add(signature)
                assert.ok(
                  verifiesElsewhere(pem, signingAlgorithm, hash, Buffer.from(signature, 'base64')),
                  signingAlgorithm,
                )
                const check = async (more: object) =>
                  (await call('POST', `${made.path}/verify`, { ...named, signature, ...more })).signatureValid
                assert.equal(await check({}), true)
                assert.equal(await check({ messageType: 'RAW', message: base64('another message') }), false)
                assert.equal(await check({ signature: base64(randomBytes(64)) }), false)
              }
            }
          }
          await dies(made, 'sign', {
            keyVersionId: made.keyVersionId,
            signingAlgorithm: algorithmsOf(spec, 'SIGN_VERIFY')[0],
            message: base64(message),
          })
        })
      if (usages.includes('KEY_AGREEMENT'))
        await t.test(`${spec}: a shared secret is the peer's, and no point off the curve is taken`, async () => {
          const made = await newKey(spec, { keyUsage: 'KEY_AGREEMENT' })
          const peer = generateKeyPairSync('ec', { namedCurve: spec.replace('EC_P', 'P-') })
          const own = createPublicKey(
            (await call('GET', `${made.path}/public-key?keyVersionId=${made.keyVersionId}`)).pem,
          )
          const spki = peer.publicKey.export({ format: 'der', type: 'spki' })
          const { sharedSecret } = await call('POST', `${made.path}/derive-shared-secret`, {
            keyVersionId: made.keyVersionId,
            publicKey: base64(spki),
          })
          assert.equal(sharedSecret, base64(diffieHellman({ privateKey: peer.privateKey, publicKey: own })))
          spki[spki.length - 1]! ^= 1
          assert.equal(
            await refusal('POST', `${made.path}/derive-shared-secret`, {
              keyVersionId: made.keyVersionId,
              publicKey: base64(spki),
            }),
            'InvalidPublicKey',
          )
        })
      if (usages.includes('ENCRYPT_DECRYPT') && specs[spec].family === 'asymmetric')
        await t.test(`${spec}: what is encrypted with the public key opens in the token`, async () => {
          const made = await newKey(spec, { keyUsage: 'ENCRYPT_DECRYPT' })
          const { pem } = await call('GET', `${made.path}/public-key?keyVersionId=${made.keyVersionId}`)
          for (const encryptionAlgorithm of algorithmsOf(spec, 'ENCRYPT_DECRYPT')) {
            const named = { keyVersionId: made.keyVersionId, encryptionAlgorithm }
            const oaepHash = encryptionAlgorithm.endsWith('_1') ? 'sha1' : 'sha256'
            const { ciphertextBlob } = await call('POST', `${made.path}/asymmetric-encrypt`, {
              ...named,
              plaintext: base64(message),
            })
            for (const blob of [ciphertextBlob, base64(publicEncrypt({ key: pem, oaepHash }, message))]) {
              const opened = await call('POST', `${made.path}/asymmetric-decrypt`, { ...named, ciphertextBlob: blob })
              assert.equal(opened.plaintext, base64(message))
            }
            const wrong = { ...named, ciphertextBlob: base64(randomBytes(256)) }
            assert.equal(await refusal('POST', `${made.path}/asymmetric-decrypt`, wrong), 'InvalidCiphertext')
          }
        })
      if (usages.includes('GENERATE_VERIFY_MAC'))
        await t.test(`${spec}: a MAC verifies for its message alone`, async () => {
          const made = await newKey(spec)
          const { mac } = await call('POST', `${made.path}/generate-mac`, { message: base64(message) })
          const check = async (text: Uint8Array) =>
            (await call('POST', `${made.path}/verify-mac`, { message: base64(text), mac })).macValid
          assert.equal(await check(message), true)
          assert.equal(await check(Buffer.from('another')), false)
          await dies(made, 'generate-mac', { message: base64(message) })
        })
    }

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

    await t.test(
      'R44: material is imported by what the token unwraps; what it does not, is refused at once',
      async () => {
        const hsm = service.world.devices.get('HSM')
        const material = randomBytes(32)
        const offered = (
          ['RSAES_OAEP_SHA_256', 'RSAES_OAEP_SHA_1', 'RSA_AES_KEY_WRAP_SHA_256', 'RSA_AES_KEY_WRAP_SHA_1'] as const
        ).filter((algorithm) => hsm?.unwraps('AES_256', 'RSA_2048', algorithm))
        assert.equal(offered.length, vendor === 'nss' ? 4 : 2)
        const { keyId, path } = await newKey('AES_256', { origin: 'EXTERNAL' })
        const parameters = (wrappingAlgorithm: string, wrappingKeySpec = 'RSA_2048') =>
          service.api('POST', `${path}/import-parameters`, { wrappingKeySpec, wrappingAlgorithm })
        if (vendor === 'softhsm2') {
          const refused = await parameters('RSAES_OAEP_SHA_256')
          assert.deepEqual([refused.status, refused.body.code], [400, 'UnsupportedOperation'])
          assert.match(refused.body.mend, /RSAES_OAEP_SHA_1, RSA_AES_KEY_WRAP_SHA_1/)
        }
        assert.equal((await parameters('SM2PKE', 'SM2')).body.code, 'UnsupportedOperation')
        let ciphertextBlob: string | undefined
        for (const algorithm of offered) {
          const given = (await parameters(algorithm)).body
          const body = { importToken: given.importToken, encryptedKeyMaterial: wrap(given.pem, algorithm, material) }
          const wrong = { ...body, encryptedKeyMaterial: wrap(given.pem, algorithm, randomBytes(32)) }
          if (ciphertextBlob !== undefined)
            assert.equal(await refusal('POST', `${path}/import`, wrong), 'IncorrectKeyMaterial')
          await call('POST', `${path}/import`, body)
          ciphertextBlob ??= (await call('POST', `${path}/encrypt`, { plaintext: base64(message) })).ciphertextBlob
          assert.equal((await call('POST', '/v1/decrypt', { ciphertextBlob })).plaintext, base64(message))
          await call('DELETE', `${path}/material`)
          assert.equal(await refusal('POST', '/v1/decrypt', { ciphertextBlob }), 'KeyPendingImport')
        }
        assert.equal(await refusal('POST', `${path}/rotate`), 'KeyPendingImport')
        assert.equal((await call('GET', `/v1/keys/${keyId}`)).key.keyState, 'PendingImport')
      },
    )

    await t.test('a copy in another region computes the same, with material that no other copy opens', async () => {
      const { keyId, path } = await newKey('AES_256', { multiRegion: true })
      const { ciphertextBlob } = await call('POST', `${path}/encrypt`, { plaintext: base64(message) })
      await call('POST', `${path}/replicate`, { replicaRegion: 'elsewhere' })
      const there = await service.api('POST', '/v1/decrypt', { ciphertextBlob }, { 'x-keyward-region': 'elsewhere' })
      assert.equal(there.body.plaintext, base64(message), JSON.stringify(there.body))
      const records = await Promise.all(
        ['local', 'elsewhere'].map((region) =>
          service.world.store.list('version', {
            partition: `${testAccount}/${region}`,
            index: 'number',
            prefix: `${keyId}/`,
            limit: 10,
          }),
        ),
      )
      const sealed = records.map(({ records: [version] }) => version?.sealed)
      assert.equal(new Set(sealed.filter((each) => each !== undefined)).size, 2)
    })

    await t.test('the face of AWS uses the same keys', async () => {
      const client = kmsClient(service, service, 'local')
      const aes = await newKey('AES_256')
      const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId: aes.keyId, Plaintext: message }))
      const opened = await client.send(new DecryptCommand({ CiphertextBlob }))
      assert.deepEqual(Buffer.from(opened.Plaintext as Uint8Array), message)
      const dataKey = await client.send(new GenerateDataKeyCommand({ KeyId: aes.keyId, KeySpec: 'AES_256' }))
      const again = await client.send(new DecryptCommand({ CiphertextBlob: dataKey.CiphertextBlob }))
      assert.deepEqual(again.Plaintext, dataKey.Plaintext)
      const pair = await newKey('EC_P384')
      const signed = { KeyId: pair.keyId, Message: message, SigningAlgorithm: 'ECDSA_SHA_384' } as const
      const { Signature } = await client.send(new SignCommand(signed))
      assert.equal((await client.send(new VerifyCommand({ ...signed, Signature }))).SignatureValid, true)
      const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: pair.keyId }))
      const spki = createPublicKey({ key: Buffer.from(PublicKey as Uint8Array), format: 'der', type: 'spki' })
      assert.ok(verify('sha384', message, spki, Signature as Uint8Array))
      const hmac = await newKey('HMAC_SHA_256')
      const macked = { KeyId: hmac.keyId, Message: message, MacAlgorithm: 'HMAC_SHA_256' } as const
      const { Mac } = await client.send(new GenerateMacCommand(macked))
      assert.equal((await client.send(new VerifyMacCommand({ ...macked, Mac }))).MacValid, true)
      client.destroy()
    })

    await t.test('the face of Alibaba Cloud makes them and uses them', async () => {
      const port = Number(new URL(service.url).port)
      const first = {
        account: testAccount,
        accessKeyId: service.accessKeyId,
        secret: service.secretAccessKey,
        token: '',
      }
      const face = {
        world: service.world,
        url: service.url,
        host: `localhost:${port}`,
        port,
        tls: false,
        first,
        second: first,
        advance: service.clock.advance,
        close: async () => {},
      }
      const { KeyMetadata } = await asked(face, 'CreateKey', { ProtectionLevel: 'HSM' })
      const { KeyId, ProtectionLevel } = KeyMetadata as Json
      assert.equal(ProtectionLevel, 'HSM')
      const { CiphertextBlob } = await asked(face, 'Encrypt', { KeyId, Plaintext: base64(message) })
      const { Plaintext } = await asked(face, 'Decrypt', { CiphertextBlob: CiphertextBlob as string })
      assert.equal(Buffer.from(Plaintext as string, 'base64').toString(), message.toString())
      const pair = (
        await asked(face, 'CreateKey', { KeySpec: 'EC_P256', KeyUsage: 'SIGN/VERIFY', ProtectionLevel: 'HSM' })
      ).KeyMetadata as Json
      const { KeyVersions } = await asked(face, 'ListKeyVersions', { KeyId: pair.KeyId })
      const KeyVersionId = (KeyVersions as Json).KeyVersion[0].KeyVersionId
      const named = { KeyId: pair.KeyId, KeyVersionId, Algorithm: 'ECDSA_SHA_256' }
      const Digest = base64(createHash('sha256').update(message).digest())
      const { Value } = await asked(face, 'AsymmetricSign', { ...named, Digest })
      const verified = await asked(face, 'AsymmetricVerify', { ...named, Digest, Value: Value as string })
      assert.equal(verified.Value, true)
      const refused = await ask(face, 'CreateKey', {
        KeySpec: 'EC_SM2',
        KeyUsage: 'SIGN/VERIFY',
        ProtectionLevel: 'HSM',
      })
      assert.equal(refused.status, 400, refused.text)
      assert.match(refused.text, /SM2/)
    })

    await t.test('no operation of cryptography was left out, but those of keys that no token has', () => {
      const all = operations.filter(({ group, name }) => group === 'cryptography' && name !== 'GenerateRandom')
      const left = all.map(({ name }) => name).filter((name) => !used.has(name))
      const withPairs = ['AsymmetricEncrypt', 'AsymmetricDecrypt']
      assert.deepEqual(left, [...(vendor === 'nss' ? [] : withPairs), 'Encapsulate', 'Decapsulate'])
    })
  })
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

function verifiesElsewhere(pem: string, algorithm: string, hash: string, signature: Buffer): boolean {
  if (!algorithm.startsWith('RSASSA_PSS')) return verify(hash, message, pem, signature)
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  return verify(hash, message, { key: pem, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
}

function wrap(pem: string, algorithm: string, material: Buffer): string {
  const oaepHash = algorithm.endsWith('_1') ? 'sha1' : 'sha256'
  if (algorithm.startsWith('RSAES')) return base64(publicEncrypt({ key: pem, oaepHash }, material))
  const between = randomBytes(32)
  const cipher = createCipheriv('id-aes256-wrap-pad', between, Buffer.from('a65959a6', 'hex'))
  return base64(
    Buffer.concat([publicEncrypt({ key: pem, oaepHash }, between), cipher.update(material), cipher.final()]),
  )
}
