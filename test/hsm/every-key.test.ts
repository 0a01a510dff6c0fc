/**
 * Keys of protection level HSM as their users meet them: over REST every spec with every operation through its whole life,
 * and with the same keys the faces of both clouds.
 */
import assert from 'node:assert/strict'
import { createCipheriv, createHash, createPublicKey, publicEncrypt, randomBytes, verify } from 'node:crypto'
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
import { type KeyUsage, keySpecs, specs } from '../../src/domain/specs.ts'
import { ask, asked } from '../alibaba/service.ts'
import { kmsClient } from '../aws/clients.ts'
import { type Abilities, callsOf, everyKey, message } from '../every-key.ts'
import { base64, type Json, testAccount } from '../service.ts'
import { hsmInstallation } from './served.ts'
import { missing, type SoftVendor, softVendors } from './tokens.ts'

/** What each soft token can do, usage by usage: whoever asks for more is told so. */
const everywhere: Abilities = {
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
const can: Readonly<Record<SoftVendor, Abilities>> = {
  softhsm2: { ...everywhere, EC_SECP256K1: ['SIGN_VERIFY'] },
  nss: {
    ...everywhere,
    RSA_2048: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'],
    RSA_3072: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'],
    RSA_4096: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'],
  },
}

for (const vendor of softVendors) {
  const skip = missing(vendor) ?? false
  test(`R28: ${vendor}: keys of protection level HSM, over the service`, { skip }, async (t) => {
    const service = await (await hsmInstallation(t, vendor)).start()
    const { call, refusal, newKey } = callsOf(service, 'HSM')

    await everyKey(t, service, 'HSM', can[vendor])

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
  })
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
