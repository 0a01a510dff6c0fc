/**
 * The whole life of a symmetric, an asymmetric and an imported key, through whatever client. Every member that the
 * documentation names must be in the answers.
 */
import assert from 'node:assert/strict'
import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  verify as verifySignature,
} from 'node:crypto'

type Members = Readonly<Record<string, unknown>>

/** Names in this cloud's case. Rejects with the code of an error, as it stands in the answer. */
export type Call = (action: string, parameters: Readonly<Record<string, string | number | boolean>>) => Promise<Members>

export class Refusal extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

export type Client = {
  readonly call: Call
  /** How it sends an encryption context. */
  readonly context: (context: Readonly<Record<string, string>>) => Readonly<Record<string, string>>
  /** Where the test can move the clock of the service. */
  readonly advance?: (milliseconds: number) => void
}

/** One SDK makes objects without a prototype. */
function same(actual: unknown, expected: unknown): void {
  assert.deepEqual(JSON.parse(JSON.stringify(actual)), expected)
}

const days = (count: number) => count * 86_400_000

async function refuses(code: string, attempt: Promise<unknown>): Promise<void> {
  await assert.rejects(attempt, (error) => {
    assert.ok(error instanceof Refusal, String(error))
    assert.equal(error.code, code)
    return true
  })
}

function members(of: Members, ...names: readonly string[]): void {
  assert.deepEqual(
    names.filter((name) => of[name] === undefined),
    [],
    `in ${JSON.stringify(of)}`,
  )
}

export async function symmetricLife({ call, context, advance }: Client): Promise<void> {
  const { KeyMetadata: created } = (await call('CreateKey', { Description: "d 中文 *~()!'" })) as {
    KeyMetadata: Members
  }
  members(
    created,
    'KeyId',
    'Arn',
    'Creator',
    'CreationDate',
    'Description',
    'KeyState',
    'KeyUsage',
    'KeySpec',
    'Origin',
  )
  members(
    created,
    'ProtectionLevel',
    'PrimaryKeyVersion',
    'MaterialExpireTime',
    'LastRotationDate',
    'AutomaticRotation',
  )
  assert.deepEqual(
    [
      created.KeyState,
      created.KeyUsage,
      created.KeySpec,
      created.Origin,
      created.ProtectionLevel,
      created.AutomaticRotation,
    ],
    ['Enabled', 'ENCRYPT/DECRYPT', 'Aliyun_AES_256', 'Aliyun_KMS', 'SOFTWARE', 'Disabled'],
  )
  assert.equal(created.Description, "d 中文 *~()!'")
  assert.match(created.Arn as string, /^acs:kms:[a-z-]+:\d+:key\/[0-9a-f-]{36}$/)
  const KeyId = created.KeyId as string
  const alias = `alias/life/${KeyId}`
  await call('CreateAlias', { KeyId, AliasName: alias })
  await refuses('AliasAlreadyExists', call('CreateAlias', { KeyId, AliasName: alias }))

  const bound = context({ app: 'x y', n: "*~()!'" })
  const encrypted = await call('Encrypt', { KeyId: alias, Plaintext: 'cGxhaW4=', ...bound })
  members(encrypted, 'CiphertextBlob', 'KeyId', 'KeyVersionId', 'RequestId')
  assert.equal(encrypted.KeyId, KeyId)
  const CiphertextBlob = encrypted.CiphertextBlob as string
  const opened = await call('Decrypt', { CiphertextBlob, ...bound })
  members(opened, 'Plaintext', 'KeyId', 'KeyVersionId', 'RequestId')
  assert.deepEqual([opened.Plaintext, opened.KeyVersionId], ['cGxhaW4=', created.PrimaryKeyVersion])
  await refuses('InvalidParameter', call('Decrypt', { CiphertextBlob, ...context({ app: 'x y', n: 'other' }) }))
  await refuses('InvalidParameter', call('Decrypt', { CiphertextBlob }))

  // The longest there can be in a URL: each letter of it takes three there.
  const largest = Buffer.alloc(6144, 0xff).toString('base64')
  const wide = context({ name: '"'.repeat(4000), app: 'x'.repeat(4000) })
  const large = await call('Encrypt', { KeyId, Plaintext: largest, ...wide })
  assert.equal((await call('Decrypt', { CiphertextBlob: large.CiphertextBlob as string, ...wide })).Plaintext, largest)

  const dataKey = await call('GenerateDataKey', { KeyId, KeySpec: 'AES_128' })
  members(dataKey, 'CiphertextBlob', 'Plaintext', 'KeyId', 'KeyVersionId')
  assert.equal(Buffer.from(dataKey.Plaintext as string, 'base64').length, 16)
  const sameKey = await call('Decrypt', { CiphertextBlob: dataKey.CiphertextBlob as string })
  assert.equal(sameKey.Plaintext, dataKey.Plaintext)

  const listed = await call('ListKeys', { PageNumber: 1, PageSize: 100 })
  members(listed, 'Keys', 'TotalCount', 'PageNumber', 'PageSize')
  const { Key: keys } = listed.Keys as { Key: readonly Members[] }
  assert.deepEqual({ ...keys.find((key) => key.KeyId === KeyId) }, { KeyId, KeyArn: created.Arn })
  const { Aliases } = (await call('ListAliasesByKeyId', { KeyId })) as { Aliases: { Alias: readonly Members[] } }
  same(Aliases.Alias, [{ KeyId, AliasName: alias, AliasArn: (created.Arn as string).replace(`key/${KeyId}`, alias) }])

  await call('DisableKey', { KeyId })
  await refuses('Rejected.Disabled', call('Encrypt', { KeyId, Plaintext: 'cGxhaW4=' }))
  await call('EnableKey', { KeyId })
  if (advance !== undefined) await laterLife(call, KeyId, CiphertextBlob, bound, advance)

  await call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
  await refuses('Rejected.PendingDeletion', call('Encrypt', { KeyId, Plaintext: 'cGxhaW4=' }))
  const { KeyMetadata: pending } = (await call('DescribeKey', { KeyId })) as { KeyMetadata: Members }
  assert.equal(pending.KeyState, 'PendingDeletion')
  members(pending, 'DeleteDate')
  await call('CancelKeyDeletion', { KeyId })
  assert.equal((await call('Decrypt', { CiphertextBlob, ...bound })).Plaintext, 'cGxhaW4=')
  await call('DeleteAlias', { AliasName: alias })
  await refuses('Forbidden.AliasNotFound', call('DescribeKey', { KeyId: alias }))
  await call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
  if (advance === undefined) return
  advance(days(7))
  await refuses('Forbidden.KeyNotFound', call('DescribeKey', { KeyId }))
  await refuses('Forbidden.KeyNotFound', call('Decrypt', { CiphertextBlob, ...bound }))
}

/** What the oldest SDK has no call for: rotation, tags, descriptions; and time. */
async function laterLife(
  call: Call,
  KeyId: string,
  CiphertextBlob: string,
  bound: Readonly<Record<string, string>>,
  advance: (milliseconds: number) => void,
): Promise<void> {
  await call('UpdateRotationPolicy', { KeyId, EnableAutomaticRotation: true, RotationInterval: '168h' })
  const { KeyMetadata: rotating } = (await call('DescribeKey', { KeyId })) as { KeyMetadata: Members }
  assert.deepEqual([rotating.AutomaticRotation, rotating.RotationInterval], ['Enabled', '604800s'])
  members(rotating, 'NextRotationDate')
  advance(days(8))
  const versions = await call('ListKeyVersions', { KeyId })
  members(versions, 'KeyVersions', 'TotalCount', 'PageNumber', 'PageSize')
  assert.equal(versions.TotalCount, 2)
  const { KeyMetadata: rotated } = (await call('DescribeKey', { KeyId })) as { KeyMetadata: Members }
  assert.notEqual(rotated.PrimaryKeyVersion, rotating.PrimaryKeyVersion)
  assert.equal((await call('Decrypt', { CiphertextBlob, ...bound })).KeyVersionId, rotating.PrimaryKeyVersion)
  const anew = await call('Encrypt', { KeyId, Plaintext: 'cGxhaW4=' })
  assert.equal(anew.KeyVersionId, rotated.PrimaryKeyVersion)
  const described = await call('DescribeKeyVersion', { KeyId, KeyVersionId: anew.KeyVersionId as string })
  members(described.KeyVersion as Members, 'KeyId', 'KeyVersionId', 'CreationDate')

  const sealed = await call('GenerateDataKeyWithoutPlaintext', { KeyId, NumberOfBytes: 40 })
  const { Plaintext } = await call('Decrypt', { CiphertextBlob: sealed.CiphertextBlob as string })
  assert.equal(Buffer.from(Plaintext as string, 'base64').length, 40)

  await call('UpdateKeyDescription', { KeyId, Description: 'other' })
  await call('TagResource', { KeyId, Tags: '[{"TagKey":"a","TagValue":"b c"},{"TagKey":"d","TagValue":""}]' })
  await call('UntagResource', { KeyId, TagKeys: '["d"]' })
  const { Tags } = await call('ListResourceTags', { KeyId: `alias/life/${KeyId}` })
  same(Tags, { Tag: [{ KeyId, TagKey: 'a', TagValue: 'b c' }] })

  const { KeyMetadata: other } = (await call('CreateKey', {})) as { KeyMetadata: Members }
  const OtherId = other.KeyId as string
  await call('UpdateAlias', { KeyId: OtherId, AliasName: `alias/life/${KeyId}` })
  const { KeyMetadata: named } = (await call('DescribeKey', { KeyId: `alias/life/${KeyId}` })) as {
    KeyMetadata: Members
  }
  assert.equal(named.KeyId, OtherId)
}

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }

export async function asymmetricLife({ call, advance }: Client): Promise<void> {
  const made = async (KeySpec: string, KeyUsage: string) => {
    const { KeyMetadata } = (await call('CreateKey', { KeySpec, KeyUsage })) as { KeyMetadata: Members }
    assert.equal(KeyMetadata.PrimaryKeyVersion, undefined, 'a key pair has no primary version')
    const KeyId = KeyMetadata.KeyId as string
    const { KeyVersions } = (await call('ListKeyVersions', { KeyId })) as { KeyVersions: { KeyVersion: Members[] } }
    return { KeyId, KeyVersionId: KeyVersions.KeyVersion[0]?.KeyVersionId as string }
  }
  const message = Buffer.from('a message')
  const Digest = createHash('sha256').update(message).digest('base64')

  const encrypting = await made('RSA_2048', 'ENCRYPT/DECRYPT')
  const { PublicKey } = await call('GetPublicKey', encrypting)
  const key = createPublicKey(PublicKey as string)
  const outside = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, message)
  const opened = await call('AsymmetricDecrypt', {
    ...encrypting,
    Algorithm: 'RSAES_OAEP_SHA_256',
    CiphertextBlob: outside.toString('base64'),
  })
  members(opened, 'Plaintext', 'KeyId', 'KeyVersionId')
  assert.equal(opened.Plaintext, message.toString('base64'))
  await refuses(
    'InvalidParameter',
    call('AsymmetricEncrypt', {
      ...encrypting,
      Algorithm: 'RSAES_OAEP_SHA_256',
      Plaintext: Buffer.alloc(191).toString('base64'),
    }),
  )
  await refuses(
    'Rejected.UnsupportedOperation',
    call('AsymmetricSign', { ...encrypting, Algorithm: 'RSA_PSS_SHA_256', Digest }),
  )

  const signing = await made('RSA_2048', 'SIGN/VERIFY')
  const verifiers: readonly (readonly [string, Awaited<ReturnType<typeof made>>, object])[] = [
    ['RSA_PSS_SHA_256', signing, pss],
    ['RSA_PKCS1_SHA_256', signing, {}],
    ['ECDSA_SHA_256', await made('EC_P256', 'SIGN/VERIFY'), {}],
    ['ECDSA_SHA_256', await made('EC_P256K', 'SIGN/VERIFY'), {}],
  ]
  for (const [Algorithm, pair, padding] of verifiers) {
    const { PublicKey: pem } = await call('GetPublicKey', pair)
    const { Value } = await call('AsymmetricSign', { ...pair, Algorithm, Digest })
    assert.ok(
      verifySignature('sha256', message, { key: pem as string, ...padding }, Buffer.from(Value as string, 'base64')),
    )
    const same = await call('AsymmetricVerify', { ...pair, Algorithm, Digest, Value: Value as string })
    members(same, 'KeyId', 'KeyVersionId')
    assert.equal(same.Value, true)
    const otherDigest = createHash('sha256').update('other').digest('base64')
    assert.equal(
      (await call('AsymmetricVerify', { ...pair, Algorithm, Digest: otherDigest, Value: Value as string })).Value,
      false,
    )
  }
  await refuses('InvalidParameter', call('AsymmetricSign', { ...signing, Algorithm: 'SM2DSA', Digest }))

  const sm2 = await made('EC_SM2', 'ENCRYPT/DECRYPT')
  const { CiphertextBlob } = await call('AsymmetricEncrypt', {
    ...sm2,
    Algorithm: 'SM2PKE',
    Plaintext: message.toString('base64'),
  })
  assert.equal(
    (await call('AsymmetricDecrypt', { ...sm2, Algorithm: 'SM2PKE', CiphertextBlob: CiphertextBlob as string }))
      .Plaintext,
    message.toString('base64'),
  )
  const sm2Signing = await made('EC_SM2', 'SIGN/VERIFY')
  const signed = { ...sm2Signing, Algorithm: 'SM2DSA', Digest }
  const { Value } = await call('AsymmetricSign', signed)
  assert.equal((await call('AsymmetricVerify', { ...signed, Value: Value as string })).Value, true)

  // A second version: each verifies its own signatures, and none the other's.
  const { KeyVersion } = (await call('CreateKeyVersion', { KeyId: sm2Signing.KeyId })) as { KeyVersion: Members }
  members(KeyVersion, 'KeyId', 'KeyVersionId', 'CreationDate')
  assert.notEqual(KeyVersion.KeyVersionId, sm2Signing.KeyVersionId)
  const withSecond = { ...signed, KeyVersionId: KeyVersion.KeyVersionId as string, Value: Value as string }
  assert.equal((await call('AsymmetricVerify', withSecond)).Value, false)
  await refuses('MissingParameter', call('AsymmetricSign', { KeyId: sm2Signing.KeyId, Algorithm: 'SM2DSA', Digest }))
  await refuses(
    'Forbidden.KeyVersionNotFound',
    call('GetPublicKey', { KeyId: sm2Signing.KeyId, KeyVersionId: sm2.KeyVersionId }),
  )
  await call('ScheduleKeyDeletion', { KeyId: sm2Signing.KeyId, PendingWindowInDays: 30 })
  if (advance === undefined) return
  advance(days(30))
  await refuses('Forbidden.KeyNotFound', call('AsymmetricVerify', { ...signed, Value: Value as string }))
}

export async function importedLife(
  { call, advance }: Client,
  options: { readonly now: () => number; readonly versions?: boolean },
): Promise<void> {
  const { KeyMetadata: created } = (await call('CreateKey', { Origin: 'EXTERNAL' })) as { KeyMetadata: Members }
  assert.deepEqual([created.Origin, created.KeyState], ['EXTERNAL', 'PendingImport'])
  const KeyId = created.KeyId as string
  await refuses('Rejected.PendingImport', call('Encrypt', { KeyId, Plaintext: 'cGxhaW4=' }))
  const material = createHash('sha256').update(KeyId).digest()
  const paddings = {
    RSAES_PKCS1_V1_5: { padding: constants.RSA_PKCS1_PADDING },
    RSAES_OAEP_SHA_1: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
    RSAES_OAEP_SHA_256: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
  } as const
  const parameters = async (WrappingAlgorithm: keyof typeof paddings, bytes: Uint8Array) => {
    const got = await call('GetParametersForImport', { KeyId, WrappingAlgorithm, WrappingKeySpec: 'RSA_2048' })
    members(got, 'KeyId', 'ImportToken', 'PublicKey', 'TokenExpireTime', 'RequestId')
    const key = createPublicKey({ key: Buffer.from(got.PublicKey as string, 'base64'), format: 'der', type: 'spki' })
    const EncryptedKeyMaterial = publicEncrypt({ key, ...paddings[WrappingAlgorithm] }, bytes).toString('base64')
    return { KeyId, EncryptedKeyMaterial, ImportToken: got.ImportToken as string }
  }
  const never = { KeyMaterialExpireUnix: 0 }

  await call('ImportKeyMaterial', { ...(await parameters('RSAES_OAEP_SHA_256', material)), ...never })
  const { CiphertextBlob } = await call('Encrypt', { KeyId, Plaintext: 'cGxhaW4=' })
  const decrypts = async () => (await call('Decrypt', { CiphertextBlob: CiphertextBlob as string })).Plaintext
  await call('DeleteKeyMaterial', { KeyId })
  await refuses('Rejected.PendingImport', decrypts())
  for (const algorithm of ['RSAES_PKCS1_V1_5', 'RSAES_OAEP_SHA_1'] as const) {
    await refuses(
      'InvalidKeyMaterial',
      call('ImportKeyMaterial', { ...(await parameters(algorithm, Buffer.alloc(32, 1))), ...never }),
    )
    await call('ImportKeyMaterial', { ...(await parameters(algorithm, material)), ...never })
    assert.equal(await decrypts(), 'cGxhaW4=')
  }
  const wrong = await parameters('RSAES_OAEP_SHA_256', material)
  await refuses('InvalidImportToken', call('ImportKeyMaterial', { ...wrong, ...never, ImportToken: 'AAAA' }))
  await refuses(
    'InvalidParameter',
    call('ImportKeyMaterial', { ...wrong, KeyMaterialExpireUnix: Math.floor(options.now() / 1000) - 1 }),
  )
  const expires = Math.floor((options.now() + days(2)) / 1000)
  await call('ImportKeyMaterial', { ...wrong, KeyMaterialExpireUnix: expires })
  const { KeyMetadata: expiring } = (await call('DescribeKey', { KeyId })) as { KeyMetadata: Members }
  assert.equal(Date.parse(expiring.MaterialExpireTime as string), expires * 1000)
  if (options.versions !== false) {
    await refuses(
      'Unsupported.Origin',
      call('UpdateRotationPolicy', { KeyId, EnableAutomaticRotation: true, RotationInterval: '7d' }),
    )
    await refuses('Unsupported.Origin', call('CreateKeyVersion', { KeyId }))
  }
  if (advance !== undefined) {
    advance(days(2))
    await refuses('Rejected.PendingImport', decrypts())
    await refuses('ExpiredImportToken', call('ImportKeyMaterial', { ...wrong, ...never }))
    await call('ImportKeyMaterial', { ...(await parameters('RSAES_OAEP_SHA_256', material)), ...never })
    assert.equal(await decrypts(), 'cGxhaW4=')
  }
  await call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
}

/** A data key handed over to whoever has the private key, and key material handed over to another key, never seen. */
export async function exportLife({ call }: Client): Promise<void> {
  const { KeyMetadata } = (await call('CreateKey', {})) as { KeyMetadata: Members }
  const KeyId = KeyMetadata.KeyId as string
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const PublicKeyBlob = publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
  const recipient = { PublicKeyBlob, WrappingKeySpec: 'RSA_2048', WrappingAlgorithm: 'RSAES_OAEP_SHA_256' }
  const unwrapped = (blob: unknown) =>
    privateDecrypt(
      { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
      Buffer.from(blob as string, 'base64'),
    ).toString('base64')
  const generated = await call('GenerateAndExportDataKey', { KeyId, ...recipient })
  members(generated, 'CiphertextBlob', 'ExportedDataKey', 'KeyId', 'KeyVersionId')
  assert.equal(generated.Plaintext, undefined)
  const CiphertextBlob = generated.CiphertextBlob as string
  const { Plaintext } = await call('Decrypt', { CiphertextBlob })
  assert.equal(unwrapped(generated.ExportedDataKey), Plaintext)
  const exported = await call('ExportDataKey', { CiphertextBlob, ...recipient })
  members(exported, 'ExportedDataKey', 'KeyId', 'KeyVersionId')
  assert.equal(unwrapped(exported.ExportedDataKey), Plaintext)
  await refuses('InvalidParameter', call('ExportDataKey', { CiphertextBlob, ...recipient, PublicKeyBlob: 'AAAA' }))
  await refuses(
    'InvalidParameter',
    call('ExportDataKey', { CiphertextBlob, ...recipient, WrappingAlgorithm: 'SM2PKE' }),
  )

  const again = await call('ReEncrypt', { CiphertextBlob, DestinationKeyId: KeyId })
  members(again, 'CiphertextBlob', 'KeyId', 'KeyVersionId')
  assert.equal((await call('Decrypt', { CiphertextBlob: again.CiphertextBlob as string })).Plaintext, Plaintext)

  const { KeyMetadata: importing } = (await call('CreateKey', { Origin: 'EXTERNAL' })) as { KeyMetadata: Members }
  const ImportId = importing.KeyId as string
  const got = await call('GetParametersForImport', {
    KeyId: ImportId,
    WrappingAlgorithm: 'SM2PKE',
    WrappingKeySpec: 'EC_SM2',
  })
  const { ExportedDataKey } = await call('ExportDataKey', {
    CiphertextBlob,
    PublicKeyBlob: got.PublicKey as string,
    WrappingAlgorithm: 'SM2PKE',
    WrappingKeySpec: 'EC_SM2',
  })
  await call('ImportKeyMaterial', {
    KeyId: ImportId,
    EncryptedKeyMaterial: ExportedDataKey as string,
    ImportToken: got.ImportToken as string,
    KeyMaterialExpireUnix: 0,
  })
  const { KeyMetadata: imported } = (await call('DescribeKey', { KeyId: ImportId })) as { KeyMetadata: Members }
  assert.equal(imported.KeyState, 'Enabled')
}
