/** The whole of AWS KMS by its own JavaScript SDK: every operation there is. */
import assert from 'node:assert/strict'
import {
  constants,
  createCipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  verify as verifyHere,
} from 'node:crypto'
import { after, before, test } from 'node:test'
import * as kms from '@aws-sdk/client-kms'
import { startTestService, type TestService, testAccount } from '../service.ts'
import { kmsClient, refusal, region } from './clients.ts'

let service: TestService
let client: kms.KMSClient

before(async () => {
  service = await startTestService()
  client = kmsClient(service, service)
})
after(async () => {
  client.destroy()
  await service.stop()
})

const arn = (keyId: string | undefined) => `arn:aws:kms:${region}:${testAccount}:key/${keyId}`
const bytes = (text: string) => new TextEncoder().encode(text)

async function newKey(wish: Partial<kms.CreateKeyCommandInput> = {}): Promise<kms.KeyMetadata & { KeyId: string }> {
  const { KeyMetadata: metadata } = await client.send(new kms.CreateKeyCommand(wish))
  assert.ok(metadata?.KeyId)
  return metadata as kms.KeyMetadata & { KeyId: string }
}

test('a key is created, described and listed with all that AWS tells of one', async () => {
  const metadata = await newKey({ Description: 'first', Tags: [{ TagKey: 'team', TagValue: 'red' }] })
  assert.match(metadata.KeyId, /^[0-9a-f]{8}-[0-9a-f]{4}-/)
  assert.equal(metadata.Arn, arn(metadata.KeyId))
  assert.equal(metadata.AWSAccountId, testAccount)
  assert.ok(metadata.CreationDate instanceof Date)
  assert.equal(metadata.CreationDate.getTime(), service.clock.now())
  assert.match(metadata.CurrentKeyMaterialId ?? '', /^[0-9a-f]{64}$/)
  const { KeyMetadata: described } = await client.send(new kms.DescribeKeyCommand({ KeyId: metadata.Arn }))
  assert.deepEqual(described, metadata)
  const { CreationDate: _, CurrentKeyMaterialId: __, ...rest } = metadata
  assert.deepEqual(rest, {
    AWSAccountId: testAccount,
    KeyId: metadata.KeyId,
    Arn: arn(metadata.KeyId),
    Enabled: true,
    Description: 'first',
    KeyUsage: 'ENCRYPT_DECRYPT',
    KeyState: 'Enabled',
    Origin: 'AWS_KMS',
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
    KeySpec: 'SYMMETRIC_DEFAULT',
    EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
    MultiRegion: false,
  })
  const keys: kms.KeyListEntry[] = []
  for await (const page of kms.paginateListKeys({ client, pageSize: 1 }, {})) keys.push(...(page.Keys ?? []))
  assert.ok(keys.some(({ KeyId, KeyArn }) => KeyId === metadata.KeyId && KeyArn === arn(KeyId)))
})

test('Encrypt, Decrypt and ReEncrypt: by id, ARN, alias and alias ARN, with the context bound', async () => {
  const { KeyId } = await newKey()
  const other = await newKey()
  await client.send(new kms.CreateAliasCommand({ AliasName: 'alias/crypt', TargetKeyId: KeyId }))
  const EncryptionContext = { purpose: 'é=test', tenant: 'a' }
  for (const name of [KeyId, arn(KeyId), 'alias/crypt', `arn:aws:kms:${region}:${testAccount}:alias/crypt`]) {
    const sealed = await client.send(
      new kms.EncryptCommand({ KeyId: name, Plaintext: bytes('hello'), EncryptionContext }),
    )
    assert.equal(sealed.KeyId, arn(KeyId))
    assert.equal(sealed.EncryptionAlgorithm, 'SYMMETRIC_DEFAULT')
    const opened = await client.send(
      new kms.DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext, KeyId: name }),
    )
    assert.equal(opened.KeyId, arn(KeyId))
    assert.deepEqual(Buffer.from(opened.Plaintext ?? []).toString(), 'hello')
    assert.match(opened.KeyMaterialId ?? '', /^[0-9a-f]{64}$/)
  }
  const sealed = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('x'), EncryptionContext }))
  const { CiphertextBlob } = sealed
  const wrong = await refusal(client.send(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext: { a: 'b' } })))
  assert.equal(wrong.name, 'InvalidCiphertextException')
  const foreign = await refusal(
    client.send(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext, KeyId: other.KeyId })),
  )
  assert.equal(foreign.name, 'IncorrectKeyException')
  assert.equal(foreign.message, 'The key ID in the request does not identify a CMK that can perform this operation.')
  const again = await client.send(
    new kms.ReEncryptCommand({
      CiphertextBlob,
      SourceEncryptionContext: EncryptionContext,
      DestinationKeyId: other.KeyId,
      DestinationEncryptionContext: { now: 'this' },
    }),
  )
  assert.equal(again.SourceKeyId, arn(KeyId))
  assert.equal(again.KeyId, arn(other.KeyId))
  assert.notEqual(again.SourceKeyMaterialId, again.DestinationKeyMaterialId)
  const opened = await client.send(
    new kms.DecryptCommand({ CiphertextBlob: again.CiphertextBlob, EncryptionContext: { now: 'this' } }),
  )
  assert.equal(Buffer.from(opened.Plaintext ?? []).toString(), 'x')
})

test('data keys and key pairs open what they seal', async () => {
  const { KeyId } = await newKey()
  for (const wish of [{ KeySpec: 'AES_128' }, { KeySpec: 'AES_256' }, { NumberOfBytes: 77 }] as const) {
    const key = await client.send(new kms.GenerateDataKeyCommand({ KeyId, ...wish }))
    const length = 'NumberOfBytes' in wish ? 77 : wish.KeySpec === 'AES_128' ? 16 : 32
    assert.equal(key.Plaintext?.length, length)
    const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob: key.CiphertextBlob }))
    assert.deepEqual(opened.Plaintext, key.Plaintext)
    const sealed = await client.send(new kms.GenerateDataKeyWithoutPlaintextCommand({ KeyId, ...wish }))
    const length2 = await client.send(new kms.DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob }))
    assert.equal(length2.Plaintext?.length, length)
    assert.equal(sealed.KeyMaterialId, key.KeyMaterialId)
  }
  for (const KeyPairSpec of ['RSA_2048', 'ECC_NIST_P256', 'ECC_SECG_P256K1', 'ECC_NIST_EDWARDS25519'] as const) {
    const pair = await client.send(new kms.GenerateDataKeyPairCommand({ KeyId, KeyPairSpec }))
    assert.equal(pair.KeyPairSpec, KeyPairSpec)
    const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob: pair.PrivateKeyCiphertextBlob }))
    assert.deepEqual(opened.Plaintext, pair.PrivateKeyPlaintext)
    createPublicKey({ key: Buffer.from(pair.PublicKey ?? []), format: 'der', type: 'spki' })
  }
  const without = await client.send(
    new kms.GenerateDataKeyPairWithoutPlaintextCommand({ KeyId, KeyPairSpec: 'ML_KEM_768' }),
  )
  assert.ok(without.PrivateKeyCiphertextBlob)
  const { Plaintext } = await client.send(new kms.GenerateRandomCommand({ NumberOfBytes: 32 }))
  assert.equal(Plaintext?.length, 32)
})

const signing = [
  ['RSA_2048', 'RSASSA_PSS_SHA_256'],
  ['RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_512'],
  ['ECC_NIST_P256', 'ECDSA_SHA_256'],
  ['ECC_NIST_P384', 'ECDSA_SHA_384'],
  ['ECC_NIST_P521', 'ECDSA_SHA_512'],
  ['ECC_SECG_P256K1', 'ECDSA_SHA_256'],
  ['ECC_NIST_EDWARDS25519', 'ED25519_SHA_512'],
  ['ML_DSA_65', 'ML_DSA_SHAKE_256'],
  ['SM2', 'SM2DSA'],
] as const

for (const [KeySpec, SigningAlgorithm] of signing)
  test(`${KeySpec} signs with ${SigningAlgorithm}, and a wrong signature is an error`, async () => {
    const { KeyId, ...metadata } = await newKey({ KeySpec, KeyUsage: 'SIGN_VERIFY' })
    assert.ok(metadata.SigningAlgorithms?.includes(SigningAlgorithm))
    const Message = bytes('message')
    const signed = await client.send(new kms.SignCommand({ KeyId, Message, SigningAlgorithm }))
    assert.equal(signed.KeyId, arn(KeyId))
    const checked = await client.send(
      new kms.VerifyCommand({ KeyId, Message, SigningAlgorithm, Signature: signed.Signature }),
    )
    assert.equal(checked.SignatureValid, true)
    const wrong = await refusal(
      client.send(
        new kms.VerifyCommand({ KeyId, Message: bytes('other'), SigningAlgorithm, Signature: signed.Signature }),
      ),
    )
    assert.equal(wrong.name, 'KMSInvalidSignatureException')
    const published = await client.send(new kms.GetPublicKeyCommand({ KeyId }))
    assert.equal(published.KeySpec, KeySpec)
    assert.equal(published.KeyUsage, 'SIGN_VERIFY')
    if (KeySpec === 'ECC_NIST_P384')
      assert.ok(
        verifyHere(
          'sha384',
          Message,
          createPublicKey({ key: Buffer.from(published.PublicKey ?? []), format: 'der', type: 'spki' }),
          Buffer.from(signed.Signature ?? []),
        ),
      )
  })

test('a digest is signed as a digest', async () => {
  const { KeyId } = await newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
  const digest = createHash('sha256').update('message').digest()
  const ask = { KeyId, SigningAlgorithm: 'ECDSA_SHA_256' } as const
  const { Signature } = await client.send(new kms.SignCommand({ ...ask, Message: digest, MessageType: 'DIGEST' }))
  await client.send(new kms.VerifyCommand({ ...ask, Message: bytes('message'), Signature }))
  const short = await refusal(
    client.send(new kms.SignCommand({ ...ask, Message: digest.subarray(1), MessageType: 'DIGEST' })),
  )
  assert.equal(short.name, 'ValidationException')
  assert.match(short.message, /^Digest is invalid length for algorithm ECDSA_SHA_256\. /)
})

test('RSA and SM2 keys encrypt what only they decrypt', async () => {
  for (const [KeySpec, EncryptionAlgorithm] of [
    ['RSA_2048', 'RSAES_OAEP_SHA_256'],
    ['RSA_2048', 'RSAES_OAEP_SHA_1'],
    ['SM2', 'SM2PKE'],
  ] as const) {
    const { KeyId } = await newKey({ KeySpec, KeyUsage: 'ENCRYPT_DECRYPT' })
    const sealed = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('hi'), EncryptionAlgorithm }))
    assert.equal(sealed.EncryptionAlgorithm, EncryptionAlgorithm)
    const opened = await client.send(
      new kms.DecryptCommand({ KeyId, CiphertextBlob: sealed.CiphertextBlob, EncryptionAlgorithm }),
    )
    assert.equal(Buffer.from(opened.Plaintext ?? []).toString(), 'hi')
    const symmetric = await newKey()
    const moved = await client.send(
      new kms.ReEncryptCommand({
        CiphertextBlob: sealed.CiphertextBlob,
        SourceKeyId: KeyId,
        SourceEncryptionAlgorithm: EncryptionAlgorithm,
        DestinationKeyId: symmetric.KeyId,
      }),
    )
    const last = await client.send(new kms.DecryptCommand({ CiphertextBlob: moved.CiphertextBlob }))
    assert.equal(Buffer.from(last.Plaintext ?? []).toString(), 'hi')
    const plain = await refusal(client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('hi') })))
    assert.equal(plain.name, 'InvalidKeyUsageException')
    assert.equal(plain.message, `Algorithm SYMMETRIC_DEFAULT is incompatible with key spec ${KeySpec}.`)
  }
})

test('HMAC keys make and check codes', async () => {
  for (const bits of [224, 256, 384, 512] as const) {
    const { KeyId } = await newKey({ KeySpec: `HMAC_${bits}`, KeyUsage: 'GENERATE_VERIFY_MAC' })
    const ask = { KeyId, Message: bytes('m'), MacAlgorithm: `HMAC_SHA_${bits}` } as const
    const { Mac } = await client.send(new kms.GenerateMacCommand(ask))
    assert.equal(Mac?.length, bits / 8)
    const checked = await client.send(new kms.VerifyMacCommand({ ...ask, Mac }))
    assert.equal(checked.MacValid, true)
    const wrong = await refusal(client.send(new kms.VerifyMacCommand({ ...ask, Message: bytes('n'), Mac })))
    assert.equal(wrong.name, 'KMSInvalidMacException')
  }
})

test('key agreement gives the secret that the other side computes', async () => {
  const { KeyId } = await newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' })
  const mine = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { SharedSecret, KeyOrigin } = await client.send(
    new kms.DeriveSharedSecretCommand({
      KeyId,
      KeyAgreementAlgorithm: 'ECDH',
      PublicKey: mine.publicKey.export({ format: 'der', type: 'spki' }),
    }),
  )
  assert.equal(KeyOrigin, 'AWS_KMS')
  const { PublicKey } = await client.send(new kms.GetPublicKeyCommand({ KeyId }))
  const theirs = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' })
  assert.deepEqual(Buffer.from(SharedSecret ?? []), diffieHellman({ privateKey: mine.privateKey, publicKey: theirs }))
})

test('ML-KEM: what is encapsulated is decapsulated', async () => {
  for (const KeySpec of ['ML_KEM_512', 'ML_KEM_768', 'ML_KEM_1024'] as const) {
    const { KeyId, ...metadata } = await newKey({ KeySpec, KeyUsage: 'ENCAPSULATE_DECAPSULATE' })
    assert.deepEqual(metadata.EncapsulationAlgorithms, ['ML_KEM'])
    const ask = { KeyId, EncapsulationAlgorithm: 'ML_KEM' } as const
    const made = await client.send(new kms.EncapsulateCommand(ask))
    assert.equal(made.SharedSecret?.length, 32)
    const opened = await client.send(
      new kms.DecapsulateCommand({ ...ask, SharedSecretCiphertextBlob: made.SharedSecretCiphertextBlob }),
    )
    assert.deepEqual(opened.SharedSecret, made.SharedSecret)
  }
})

test('disable, enable, describe otherwise, schedule and cancel deletion', async () => {
  const { KeyId } = await newKey()
  await client.send(new kms.DisableKeyCommand({ KeyId }))
  const disabled = await refusal(client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('x') })))
  assert.equal(disabled.name, 'DisabledException')
  assert.equal(disabled.message, `${arn(KeyId)} is disabled.`)
  await client.send(new kms.EnableKeyCommand({ KeyId }))
  await client.send(new kms.UpdateKeyDescriptionCommand({ KeyId, Description: 'other' }))
  const notPending = await refusal(client.send(new kms.CancelKeyDeletionCommand({ KeyId })))
  assert.equal(notPending.name, 'KMSInvalidStateException')
  assert.equal(notPending.message, `${arn(KeyId)} is not pending deletion.`)
  const scheduled = await client.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
  assert.equal(scheduled.KeyId, arn(KeyId))
  assert.equal(scheduled.KeyState, 'PendingDeletion')
  assert.equal(scheduled.PendingWindowInDays, 7)
  assert.equal(scheduled.DeletionDate?.getTime(), service.clock.now() + 7 * 86_400_000)
  const pending = await refusal(client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('x') })))
  assert.equal(pending.name, 'KMSInvalidStateException')
  assert.equal(pending.message, `${arn(KeyId)} is pending deletion.`)
  const cancelled = await client.send(new kms.CancelKeyDeletionCommand({ KeyId }))
  assert.equal(cancelled.KeyId, arn(KeyId))
  const { KeyMetadata: now } = await client.send(new kms.DescribeKeyCommand({ KeyId }))
  assert.equal(now?.KeyState, 'Disabled')
  assert.equal(now?.Description, 'other')
})

test('aliases are made, moved, listed and deleted', async () => {
  const [first, second] = [await newKey(), await newKey()]
  const AliasName = 'alias/app/main'
  await client.send(new kms.CreateAliasCommand({ AliasName, TargetKeyId: first.KeyId }))
  const twice = await refusal(client.send(new kms.CreateAliasCommand({ AliasName, TargetKeyId: second.KeyId })))
  assert.equal(twice.name, 'AlreadyExistsException')
  assert.equal(twice.message, `An alias with the name arn:aws:kms:${region}:${testAccount}:${AliasName} already exists`)
  await client.send(new kms.UpdateAliasCommand({ AliasName, TargetKeyId: second.Arn }))
  const { Aliases } = await client.send(new kms.ListAliasesCommand({ KeyId: second.KeyId }))
  assert.equal(Aliases?.length, 1)
  assert.equal(Aliases?.[0]?.TargetKeyId, second.KeyId)
  assert.equal(Aliases?.[0]?.AliasArn, `arn:aws:kms:${region}:${testAccount}:${AliasName}`)
  await client.send(new kms.DeleteAliasCommand({ AliasName }))
  const gone = await refusal(client.send(new kms.DescribeKeyCommand({ KeyId: AliasName })))
  assert.equal(gone.name, 'NotFoundException')
  assert.equal(gone.message, `Alias arn:aws:kms:${region}:${testAccount}:${AliasName} is not found.`)
  const prefix = await refusal(client.send(new kms.CreateAliasCommand({ AliasName: 'app', TargetKeyId: first.KeyId })))
  assert.equal(prefix.name, 'ValidationException')
  assert.match(prefix.message, /^Alias must start with the prefix "alias\/"\. Please see https:/)
})

test('tags are set, paged and removed', async () => {
  const { KeyId } = await newKey()
  const Tags = ['a', 'b', 'c'].map((TagKey) => ({ TagKey, TagValue: `${TagKey}!` }))
  await client.send(new kms.TagResourceCommand({ KeyId, Tags }))
  const seen: kms.Tag[] = []
  let pages = 0
  for await (const page of kms.paginateListResourceTags({ client, pageSize: 2 }, { KeyId })) {
    seen.push(...(page.Tags ?? []))
    pages++
  }
  assert.equal(pages, 2)
  assert.deepEqual(seen, Tags)
  await client.send(new kms.UntagResourceCommand({ KeyId, TagKeys: ['a', 'c'] }))
  const { Tags: left } = await client.send(new kms.ListResourceTagsCommand({ KeyId }))
  assert.deepEqual(left, [{ TagKey: 'b', TagValue: 'b!' }])
  const twice = await refusal(client.send(new kms.TagResourceCommand({ KeyId, Tags: [Tags[0], Tags[0]] as kms.Tag[] })))
  assert.equal(twice.name, 'TagException')
  assert.equal(twice.message, 'Duplicate tag keys')
})

test('rotation: its period, on demand, and the list of what was', async () => {
  const { KeyId, CurrentKeyMaterialId } = await newKey()
  const off = await client.send(new kms.GetKeyRotationStatusCommand({ KeyId }))
  assert.equal(off.KeyRotationEnabled, false)
  await client.send(new kms.EnableKeyRotationCommand({ KeyId, RotationPeriodInDays: 90 }))
  const on = await client.send(new kms.GetKeyRotationStatusCommand({ KeyId }))
  assert.equal(on.KeyId, arn(KeyId))
  assert.equal(on.KeyRotationEnabled, true)
  assert.equal(on.RotationPeriodInDays, 90)
  assert.equal(on.NextRotationDate?.getTime(), service.clock.now() + 90 * 86_400_000)
  const before = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('old') }))
  const rotated = await client.send(new kms.RotateKeyOnDemandCommand({ KeyId }))
  assert.equal(rotated.KeyId, arn(KeyId))
  const { KeyMetadata: now } = await client.send(new kms.DescribeKeyCommand({ KeyId }))
  assert.notEqual(now?.CurrentKeyMaterialId, CurrentKeyMaterialId)
  const { Rotations } = await client.send(new kms.ListKeyRotationsCommand({ KeyId }))
  assert.equal(Rotations?.length, 1)
  assert.equal(Rotations?.[0]?.RotationType, 'ON_DEMAND')
  assert.equal(Rotations?.[0]?.KeyMaterialId, now?.CurrentKeyMaterialId)
  const all = await client.send(new kms.ListKeyRotationsCommand({ KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' }))
  assert.deepEqual(
    all.Rotations?.map(({ KeyMaterialState }) => KeyMaterialState),
    ['NON_CURRENT', 'CURRENT'],
  )
  const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob: before.CiphertextBlob }))
  assert.equal(opened.KeyMaterialId, CurrentKeyMaterialId)
  await client.send(new kms.DisableKeyRotationCommand({ KeyId }))
  const long = await refusal(client.send(new kms.EnableKeyRotationCommand({ KeyId, RotationPeriodInDays: 731 })))
  assert.equal(
    long.message,
    "1 validation error detected: Value '731' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value less than or equal to 730",
  )
  const pair = await newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
  const unsupported = await refusal(client.send(new kms.EnableKeyRotationCommand({ KeyId: pair.KeyId })))
  assert.equal(unsupported.name, 'UnsupportedOperationException')
})

test('a key is rotated on demand 25 times, and not once more', async () => {
  const { KeyId } = await newKey()
  for (let times = 0; times < 25; times++) await client.send(new kms.RotateKeyOnDemandCommand({ KeyId }))
  const refused = await refusal(client.send(new kms.RotateKeyOnDemandCommand({ KeyId })))
  assert.equal(refused.name, 'LimitExceededException')
})

test('GetKeyLastUsage tells for what a key was last used', async () => {
  const { KeyId } = await newKey()
  const unused = await client.send(new kms.GetKeyLastUsageCommand({ KeyId }))
  assert.equal(unused.KeyLastUsage, undefined)
  assert.equal(unused.KeyCreationDate?.getTime(), service.clock.now())
  const made = await client.send(new kms.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }))
  const used = await client.send(new kms.GetKeyLastUsageCommand({ KeyId }))
  assert.equal(used.KeyLastUsage?.Operation, 'GenerateDataKey')
  assert.equal(used.KeyLastUsage?.Timestamp?.getTime(), service.clock.now())
  assert.equal(used.KeyLastUsage?.KmsRequestId, made.$metadata.requestId)
})

/** Wrapped as the owner of key material wraps it. */
function wrap(publicKey: Uint8Array, material: Uint8Array, algorithm: 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256') {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
  const oaepHash = algorithm === 'RSAES_OAEP_SHA_1' ? 'sha1' : 'sha256'
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, material)
}

/** RSA_AES_KEY_WRAP: an AES key under RSA-OAEP, and the material under it (RFC 5649). */
function wrapLong(publicKey: Uint8Array, material: Uint8Array) {
  const aes = randomBytes(32)
  const cipher = createCipheriv('id-aes256-wrap-pad', aes, Buffer.from('a65959a6', 'hex'))
  return Buffer.concat([wrap(publicKey, aes, 'RSAES_OAEP_SHA_256'), cipher.update(material), cipher.final()])
}

test('key material is imported, expires, is deleted, and comes back', async () => {
  const { KeyId, ...metadata } = await newKey({ Origin: 'EXTERNAL' })
  assert.equal(metadata.KeyState, 'PendingImport')
  const pending = await refusal(client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('x') })))
  assert.equal(pending.name, 'KMSInvalidStateException')
  assert.equal(pending.message, `${arn(KeyId)} is pending import.`)
  const material = randomBytes(32)
  const importNow = async (expiry: Partial<kms.ImportKeyMaterialCommandInput>, bytesToImport: Uint8Array) => {
    const WrappingAlgorithm = 'RSAES_OAEP_SHA_256'
    const { PublicKey, ImportToken, ParametersValidTo } = await client.send(
      new kms.GetParametersForImportCommand({ KeyId, WrappingAlgorithm, WrappingKeySpec: 'RSA_2048' }),
    )
    assert.equal(ParametersValidTo?.getTime(), service.clock.now() + 86_400_000)
    return client.send(
      new kms.ImportKeyMaterialCommand({
        KeyId,
        ImportToken,
        EncryptedKeyMaterial: wrap(PublicKey as Uint8Array, bytesToImport, WrappingAlgorithm),
        ...expiry,
      }),
    )
  }
  const noDate = await refusal(importNow({}, material))
  assert.equal(noDate.name, 'ValidationException')
  assert.equal(noDate.message, 'A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES')
  const ValidTo = new Date(service.clock.now() + 86_400_000)
  const imported = await importNow({ ValidTo }, material)
  assert.equal(imported.KeyId, arn(KeyId))
  const { KeyMetadata: now } = await client.send(new kms.DescribeKeyCommand({ KeyId }))
  assert.equal(now?.ExpirationModel, 'KEY_MATERIAL_EXPIRES')
  assert.equal(now?.ValidTo?.getTime(), ValidTo.getTime())
  assert.equal(now?.CurrentKeyMaterialId, imported.KeyMaterialId)
  const sealed = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('mine') }))
  const deleted = await client.send(new kms.DeleteImportedKeyMaterialCommand({ KeyId }))
  assert.equal(deleted.KeyId, arn(KeyId))
  assert.equal(deleted.KeyMaterialId, imported.KeyMaterialId)
  const other = await refusal(importNow({ ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' }, randomBytes(32)))
  assert.equal(other.name, 'IncorrectKeyMaterialException')
  await importNow({ ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' }, material)
  const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob }))
  assert.equal(Buffer.from(opened.Plaintext ?? []).toString(), 'mine')
  const unsupported = await refusal(client.send(new kms.EnableKeyRotationCommand({ KeyId })))
  assert.equal(unsupported.message, `${arn(KeyId)} origin is EXTERNAL which is not valid for this operation.`)
  const own = await newKey()
  const notExternal = await refusal(
    client.send(
      new kms.GetParametersForImportCommand({
        KeyId: own.KeyId,
        WrappingAlgorithm: 'RSAES_OAEP_SHA_1',
        WrappingKeySpec: 'RSA_2048',
      }),
    ),
  )
  assert.equal(notExternal.name, 'UnsupportedOperationException')
  assert.equal(notExternal.message, `${arn(own.KeyId)} origin is AWS_KMS which is not valid for this operation.`)
})

test('key material of every kind is imported', async () => {
  const der = { format: 'der', type: 'pkcs8' } as const
  const kinds = [
    ['HMAC_256', 'GENERATE_VERIFY_MAC', 'RSAES_OAEP_SHA_1', randomBytes(32)],
    [
      'RSA_2048',
      'SIGN_VERIFY',
      'RSA_AES_KEY_WRAP_SHA_256',
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(der),
    ],
    [
      'ECC_NIST_P256',
      'SIGN_VERIFY',
      'RSAES_OAEP_SHA_256',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(der),
    ],
    [
      'ECC_SECG_P256K1',
      'SIGN_VERIFY',
      'RSA_AES_KEY_WRAP_SHA_256',
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export(der),
    ],
  ] as const
  for (const [KeySpec, KeyUsage, WrappingAlgorithm, material] of kinds) {
    const { KeyId } = await newKey({ KeySpec, KeyUsage, Origin: 'EXTERNAL' })
    const parameters = await client.send(
      new kms.GetParametersForImportCommand({ KeyId, WrappingAlgorithm, WrappingKeySpec: 'RSA_3072' }),
    )
    const publicKey = parameters.PublicKey as Uint8Array
    await client.send(
      new kms.ImportKeyMaterialCommand({
        KeyId,
        ImportToken: parameters.ImportToken,
        EncryptedKeyMaterial:
          WrappingAlgorithm === 'RSA_AES_KEY_WRAP_SHA_256'
            ? wrapLong(publicKey, material)
            : wrap(publicKey, material, WrappingAlgorithm),
        ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
      }),
    )
    const { KeyMetadata: metadata } = await client.send(new kms.DescribeKeyCommand({ KeyId }))
    assert.equal(metadata?.KeyState, 'Enabled', KeySpec)
  }
})

test('the key policy is shown, replaced, and never locks its author out by mistake', async () => {
  const { KeyId } = await newKey()
  const { Policy, PolicyName } = await client.send(new kms.GetKeyPolicyCommand({ KeyId }))
  assert.equal(PolicyName, 'default')
  assert.equal(JSON.parse(Policy ?? '').Statement[0].Principal.AWS, `arn:aws:iam::${testAccount}:root`)
  const names = await client.send(new kms.ListKeyPoliciesCommand({ KeyId }))
  assert.deepEqual(names.PolicyNames, ['default'])
  const deny = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::999999999999:root' }, Action: 'kms:*', Resource: '*' },
    ],
  })
  const lockout = await refusal(client.send(new kms.PutKeyPolicyCommand({ KeyId, Policy: deny })))
  assert.equal(lockout.name, 'MalformedPolicyDocumentException')
  assert.equal(lockout.message, 'The new key policy will not allow you to update the key policy in the future.')
  const malformed = await refusal(client.send(new kms.PutKeyPolicyCommand({ KeyId, Policy: '{"a":1}' })))
  assert.equal(malformed.name, 'MalformedPolicyDocumentException')
  const mine = (Policy ?? '').replace('key-default-1', 'mine')
  await client.send(new kms.PutKeyPolicyCommand({ KeyId, Policy: mine, PolicyName: 'default' }))
  assert.equal((await client.send(new kms.GetKeyPolicyCommand({ KeyId }))).Policy, mine)
  await client.send(new kms.PutKeyPolicyCommand({ KeyId, Policy: deny, BypassPolicyLockoutSafetyCheck: true }))
  const refused = await refusal(client.send(new kms.GetKeyPolicyCommand({ KeyId })))
  assert.equal(refused.name, 'AccessDeniedException')
})

test('grants are made, listed, retired and revoked', async () => {
  const { KeyId } = await newKey()
  const grantee = `arn:aws:iam::${testAccount}:user/admin`
  const wish = {
    KeyId,
    GranteePrincipal: grantee,
    RetiringPrincipal: grantee,
    Operations: ['Encrypt', 'Decrypt'] as kms.GrantOperation[],
    Constraints: { EncryptionContextSubset: { tenant: 'a' } },
    Name: 'job-1',
  }
  const made = await client.send(new kms.CreateGrantCommand(wish))
  assert.match(made.GrantId ?? '', /^[0-9a-f]{64}$/)
  const again = await client.send(new kms.CreateGrantCommand(wish))
  assert.equal(again.GrantId, made.GrantId)
  const { Grants } = await client.send(new kms.ListGrantsCommand({ KeyId }))
  assert.equal(Grants?.length, 1)
  const [grant] = Grants ?? []
  assert.equal(grant?.KeyId, arn(KeyId))
  assert.equal(grant?.IssuingAccount, `arn:aws:iam::${testAccount}:root`)
  assert.deepEqual(grant?.Constraints, { EncryptionContextSubset: { tenant: 'a' } })
  assert.equal(grant?.Name, 'job-1')
  const retirable = await client.send(new kms.ListRetirableGrantsCommand({ RetiringPrincipal: grantee }))
  assert.equal(retirable.Grants?.[0]?.GrantId, made.GrantId)
  await client.send(new kms.RetireGrantCommand({ GrantToken: made.GrantToken }))
  const second = await client.send(new kms.CreateGrantCommand({ ...wish, Name: 'job-2' }))
  await client.send(new kms.RevokeGrantCommand({ KeyId, GrantId: second.GrantId }))
  const third = await client.send(new kms.CreateGrantCommand({ ...wish, Name: 'job-3' }))
  await client.send(new kms.RetireGrantCommand({ KeyId: arn(KeyId), GrantId: third.GrantId }))
  assert.deepEqual((await client.send(new kms.ListGrantsCommand({ KeyId }))).Grants, [])
  const gone = await refusal(client.send(new kms.RevokeGrantCommand({ KeyId, GrantId: made.GrantId })))
  assert.equal(gone.name, 'NotFoundException')
  const forged = await refusal(client.send(new kms.RetireGrantCommand({ GrantToken: 'AQpAM2RhZ...' })))
  assert.equal(forged.name, 'InvalidGrantTokenException')
  const unfit = await refusal(client.send(new kms.CreateGrantCommand({ ...wish, Operations: ['Sign'] })))
  assert.equal(unfit.name, 'ValidationException')
})

test('a multi-Region key opens in one region what another sealed, through a rotation and a change of primary', async () => {
  const metadata = await newKey({ MultiRegion: true })
  const { KeyId } = metadata
  assert.match(KeyId, /^mrk-[0-9a-f]{32}$/)
  assert.deepEqual(metadata.MultiRegionConfiguration, {
    MultiRegionKeyType: 'PRIMARY',
    PrimaryKey: { Arn: arn(KeyId), Region: region },
    ReplicaKeys: [],
  })
  const there = kmsClient(service, service, 'us-east-1')
  try {
    const early = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('before') }))
    const replicated = await client.send(
      new kms.ReplicateKeyCommand({
        KeyId,
        ReplicaRegion: 'us-east-1',
        Description: 'copy',
        Tags: [{ TagKey: 'a', TagValue: 'b' }],
      }),
    )
    assert.equal(replicated.ReplicaKeyMetadata?.Arn, arn(KeyId).replace(region, 'us-east-1'))
    assert.deepEqual(replicated.ReplicaTags, [{ TagKey: 'a', TagValue: 'b' }])
    assert.equal(JSON.parse(replicated.ReplicaPolicy ?? '').Version, '2012-10-17')
    const twice = await refusal(client.send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion: 'us-east-1' })))
    assert.equal(twice.name, 'AlreadyExistsException')
    await client.send(new kms.RotateKeyOnDemandCommand({ KeyId }))
    for (const CiphertextBlob of [
      early.CiphertextBlob,
      (await client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('before') }))).CiphertextBlob,
    ]) {
      const opened = await there.send(new kms.DecryptCommand({ CiphertextBlob }))
      assert.equal(Buffer.from(opened.Plaintext ?? []).toString(), 'before')
      assert.equal(opened.KeyId, arn(KeyId).replace(region, 'us-east-1'))
    }
    const notPrimary = await refusal(there.send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion: 'eu-west-1' })))
    assert.equal(notPrimary.name, 'UnsupportedOperationException')
    await client.send(new kms.UpdatePrimaryRegionCommand({ KeyId, PrimaryRegion: 'us-east-1' }))
    const { KeyMetadata: moved } = await client.send(new kms.DescribeKeyCommand({ KeyId }))
    assert.equal(moved?.MultiRegionConfiguration?.MultiRegionKeyType, 'REPLICA')
    assert.equal(moved?.MultiRegionConfiguration?.PrimaryKey?.Region, 'us-east-1')
  } finally {
    there.destroy()
  }
})

test('the primary of a multi-Region key waits for its copies before its own days begin', async () => {
  const { KeyId } = await newKey({ MultiRegion: true })
  const copies = [kmsClient(service, service, 'us-east-1'), kmsClient(service, service, 'us-west-2')] as const
  const [east, west] = copies
  const primary = async () => (await client.send(new kms.DescribeKeyCommand({ KeyId }))).KeyMetadata
  const { CiphertextBlob } = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('x') }))
  const began = service.clock.now()
  try {
    for (const ReplicaRegion of ['us-east-1', 'us-west-2'])
      await client.send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion }))
    const scheduled = await client.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
    assert.equal(scheduled.KeyState, 'PendingReplicaDeletion')
    assert.equal(scheduled.DeletionDate, undefined)
    assert.equal(scheduled.PendingWindowInDays, 7)
    const waiting = await primary()
    assert.equal(waiting?.KeyState, 'PendingReplicaDeletion')
    assert.equal(waiting?.DeletionDate, undefined)
    assert.equal(waiting?.PendingDeletionWindowInDays, 7)
    const refused = await refusal(client.send(new kms.DecryptCommand({ CiphertextBlob })))
    assert.equal(refused.name, 'KMSInvalidStateException')
    assert.equal(refused.message, `${arn(KeyId)} is pending replica deletion.`)
    // The copies live on, for as long as they are left.
    service.clock.advance(40 * 86_400_000)
    await east.send(new kms.DecryptCommand({ CiphertextBlob }))
    assert.equal((await primary())?.KeyState, 'PendingReplicaDeletion')

    const first = await east.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 8 }))
    assert.equal(first.KeyState, 'PendingDeletion')
    await west.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 9 }))
    await west.send(new kms.CancelKeyDeletionCommand({ KeyId }))
    service.clock.advance(8 * 86_400_000)
    await service.chores()
    assert.equal((await refusal(east.send(new kms.DescribeKeyCommand({ KeyId })))).name, 'NotFoundException')
    assert.equal((await primary())?.KeyState, 'PendingReplicaDeletion')
    await west.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
    service.clock.advance(7 * 86_400_000 - 1)
    assert.equal((await primary())?.KeyState, 'PendingReplicaDeletion')
    service.clock.advance(1)
    // By the clock alone: nothing has tidied up yet.
    const counting = await primary()
    assert.equal(counting?.KeyState, 'PendingDeletion')
    assert.equal(counting?.DeletionDate?.getTime(), service.clock.now() + 7 * 86_400_000)
    assert.equal(counting?.PendingDeletionWindowInDays, undefined)
    await client.send(new kms.CancelKeyDeletionCommand({ KeyId }))
    assert.equal((await primary())?.KeyState, 'Disabled')
    const alone = await client.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
    assert.equal(alone.KeyState, 'PendingDeletion')
    service.clock.advance(7 * 86_400_000)
    await service.chores()
    assert.equal((await refusal(primary())).name, 'NotFoundException')
  } finally {
    service.clock.set(began)
    for (const copy of copies) copy.destroy()
  }
})

test('a dry run checks everything and changes nothing', async () => {
  const { KeyId } = await newKey()
  const { CiphertextBlob } = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('x') }))
  const DryRun = true
  for (const call of [
    client.send(new kms.EncryptCommand({ KeyId, Plaintext: bytes('x'), DryRun })),
    client.send(new kms.DecryptCommand({ CiphertextBlob, DryRun })),
    client.send(new kms.DecryptCommand({ KeyId, DryRun, DryRunModifiers: ['IGNORE_CIPHERTEXT'] })),
    client.send(new kms.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', DryRun })),
    client.send(
      new kms.CreateGrantCommand({
        KeyId,
        GranteePrincipal: `arn:aws:iam::${testAccount}:root`,
        Operations: ['Encrypt'],
        DryRun,
      }),
    ),
  ]) {
    const refused = await refusal(call)
    assert.equal(refused.name, 'DryRunOperationException')
    assert.equal(refused.message, 'The request would have succeeded, but the DryRun option is set.')
  }
  assert.deepEqual((await client.send(new kms.ListGrantsCommand({ KeyId }))).Grants, [])
  const broken = await refusal(
    client.send(new kms.DecryptCommand({ CiphertextBlob: CiphertextBlob?.slice(0, -1), DryRun })),
  )
  assert.equal(broken.name, 'InvalidCiphertextException')
})
