/** New material for imported symmetric keys, by rotation on demand; in one region and in several. */
import assert from 'node:assert/strict'
import { constants, publicEncrypt, randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import * as kms from '@aws-sdk/client-kms'
import { days, startTestService, type TestService, testAccount } from '../service.ts'
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

const arn = (keyId: string) => `arn:aws:kms:${region}:${testAccount}:key/${keyId}`

async function externalKey(wish: Partial<kms.CreateKeyCommandInput> = {}): Promise<string> {
  const made = await client.send(new kms.CreateKeyCommand({ Origin: 'EXTERNAL', ...wish }))
  return made.KeyMetadata?.KeyId as string
}

async function bring(
  KeyId: string,
  material: Uint8Array,
  wish: Partial<kms.ImportKeyMaterialCommandInput> = {},
  where = client,
): Promise<string> {
  const { PublicKey, ImportToken } = await where.send(
    new kms.GetParametersForImportCommand({
      KeyId,
      WrappingAlgorithm: 'RSAES_OAEP_SHA_256',
      WrappingKeySpec: 'RSA_2048',
    }),
  )
  const key = { key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki', oaepHash: 'sha256' } as const
  const EncryptedKeyMaterial = publicEncrypt({ ...key, padding: constants.RSA_PKCS1_OAEP_PADDING }, material)
  const { KeyMaterialId } = await where.send(
    new kms.ImportKeyMaterialCommand({
      KeyId,
      ImportToken,
      EncryptedKeyMaterial,
      ...(wish.ValidTo === undefined ? { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' } : {}),
      ...wish,
    }),
  )
  return KeyMaterialId as string
}

const fresh = { ImportType: 'NEW_KEY_MATERIAL' } as const
const known = { ImportType: 'EXISTING_KEY_MATERIAL' } as const

const describe = async (KeyId: string, where = client) =>
  (await where.send(new kms.DescribeKeyCommand({ KeyId }))).KeyMetadata
const materials = async (KeyId: string, where = client) =>
  (await where.send(new kms.ListKeyRotationsCommand({ KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' }))).Rotations ?? []
const rotate = (KeyId: string) => client.send(new kms.RotateKeyOnDemandCommand({ KeyId }))
const seal = async (KeyId: string) =>
  (await client.send(new kms.EncryptCommand({ KeyId, Plaintext: Buffer.from('x') }))).CiphertextBlob
const open = async (CiphertextBlob: Uint8Array | undefined, where = client) =>
  Buffer.from((await where.send(new kms.DecryptCommand({ CiphertextBlob }))).Plaintext ?? []).toString()

test('new material waits for the rotation, then encrypts; what the old one sealed still opens', async () => {
  const KeyId = await externalKey()
  const [one, two] = [randomBytes(32), randomBytes(32)]
  const first = await bring(KeyId, one, { KeyMaterialDescription: 'from the vault' })
  const nothingNew = await refusal(rotate(KeyId))
  assert.equal(nothingNew.name, 'KMSInvalidStateException')
  assert.equal(nothingNew.message, `No available key material pending rotation for the key: ${arn(KeyId)}.`)
  const before = await seal(KeyId)

  const second = await bring(KeyId, two, { ...fresh, KeyMaterialDescription: 'of 2027' })
  assert.notEqual(second, first)
  assert.equal((await describe(KeyId))?.CurrentKeyMaterialId, first)
  assert.deepEqual(
    (await materials(KeyId)).map((entry) => [
      entry.KeyMaterialId,
      entry.KeyMaterialState,
      entry.KeyMaterialDescription,
    ]),
    [
      [first, 'CURRENT', 'from the vault'],
      [second, 'PENDING_ROTATION', 'of 2027'],
    ],
  )
  assert.deepEqual((await client.send(new kms.ListKeyRotationsCommand({ KeyId }))).Rotations, [])
  const another = await refusal(bring(KeyId, randomBytes(32), fresh))
  assert.equal(another.name, 'KMSInvalidStateException')
  assert.match(another.message, new RegExp(`because another key material \\(id: ${second}\\) is pending rotation\\.$`))

  service.clock.advance(1000)
  assert.equal((await rotate(KeyId)).KeyId, arn(KeyId))
  const after = await seal(KeyId)
  assert.deepEqual([await open(before), await open(after)], ['x', 'x'])
  const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob: after }))
  assert.equal(opened.KeyMaterialId, second)
  const [old, current] = await materials(KeyId)
  assert.deepEqual([old?.KeyMaterialState, current?.KeyMaterialState], ['NON_CURRENT', 'CURRENT'])
  assert.equal(current?.RotationDate?.getTime(), service.clock.now())
  assert.equal(current?.RotationType, 'ON_DEMAND')
  assert.equal(old?.RotationDate, undefined)
  const same = await refusal(bring(KeyId, one, fresh))
  assert.equal(same.name, 'IncorrectKeyMaterialException')
})

test('the key is of use while all its material is there; each comes back by itself', async () => {
  const KeyId = await externalKey()
  const [one, two] = [randomBytes(32), randomBytes(32)]
  const first = await bring(KeyId, one)
  const sealed = await seal(KeyId)
  const second = await bring(KeyId, two, fresh)
  await rotate(KeyId)
  for (const [KeyMaterialId, material] of [
    [first, one],
    [second, two],
  ] as const) {
    const gone = await client.send(new kms.DeleteImportedKeyMaterialCommand({ KeyId, KeyMaterialId }))
    assert.equal(gone.KeyMaterialId, KeyMaterialId)
    assert.equal((await describe(KeyId))?.KeyState, 'PendingImport')
    assert.equal((await refusal(open(sealed))).name, 'KMSInvalidStateException')
    const foreign = await refusal(bring(KeyId, randomBytes(32), known))
    assert.equal(foreign.name, 'IncorrectKeyMaterialException')
    const wrongId = KeyMaterialId === first ? second : first
    const mistaken = await refusal(bring(KeyId, material, { ...known, KeyMaterialId: wrongId }))
    assert.equal(mistaken.name, 'IncorrectKeyMaterialException')
    assert.equal(await bring(KeyId, material, known), KeyMaterialId)
    assert.equal((await describe(KeyId))?.KeyState, 'Enabled')
    assert.equal(await open(sealed), 'x')
  }
})

test('material expires each at its own time; what waits for a rotation may go without harm', async () => {
  const KeyId = await externalKey()
  const began = service.clock.now()
  const [one, two] = [randomBytes(32), randomBytes(32)]
  const at = (count: number) => new Date(began + days(count))
  await bring(KeyId, one, { ValidTo: at(20) })
  const waiting = await bring(KeyId, two, { ...fresh, ValidTo: at(5) })
  assert.equal((await describe(KeyId))?.ValidTo?.getTime(), at(20).getTime())
  service.clock.set(began + days(5))
  const late = await refusal(rotate(KeyId))
  assert.equal(late.name, 'KMSInvalidStateException')
  await service.chores()
  assert.deepEqual(
    (await materials(KeyId)).map(({ KeyMaterialId }) => KeyMaterialId === waiting),
    [false],
  )
  assert.equal((await describe(KeyId))?.KeyState, 'Enabled')

  const second = await bring(KeyId, two, { ...fresh, ValidTo: at(10) })
  const stopped = await client.send(new kms.DeleteImportedKeyMaterialCommand({ KeyId, KeyMaterialId: second }))
  assert.equal(stopped.KeyMaterialId, second)
  assert.equal((await describe(KeyId))?.KeyState, 'Enabled')
  assert.equal((await materials(KeyId)).length, 1)

  await bring(KeyId, two, { ...fresh, ValidTo: at(10) })
  await rotate(KeyId)
  assert.equal((await describe(KeyId))?.ValidTo?.getTime(), at(10).getTime())
  const sealed = await seal(KeyId)
  service.clock.set(began + days(10))
  assert.equal((await describe(KeyId))?.KeyState, 'PendingImport')
  await service.chores()
  assert.deepEqual(
    (await materials(KeyId)).map(({ ImportState }) => ImportState),
    ['IMPORTED', 'PENDING_IMPORT'],
  )
  await bring(KeyId, two)
  assert.equal(await open(sealed), 'x')
  assert.equal((await describe(KeyId))?.ValidTo?.getTime(), at(20).getTime())
  service.clock.set(began + days(20))
  assert.equal((await refusal(open(sealed))).name, 'KMSInvalidStateException')
})

test('a multi-Region key rotates to new material once every copy has it', async () => {
  const KeyId = await externalKey({ MultiRegion: true })
  const there = kmsClient(service, service, 'us-east-1')
  const [one, two] = [randomBytes(32), randomBytes(32)]
  try {
    await bring(KeyId, one)
    await client.send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion: 'us-east-1' }))
    await bring(KeyId, one, {}, there)
    const atTheCopy = await refusal(bring(KeyId, two, fresh, there))
    assert.equal(atTheCopy.name, 'UnsupportedOperationException')
    const second = await bring(KeyId, two, fresh)
    const state = async () => (await materials(KeyId)).at(-1)?.KeyMaterialState
    assert.equal(await state(), 'PENDING_MULTI_REGION_IMPORT_AND_ROTATION')
    assert.equal((await refusal(rotate(KeyId))).name, 'KMSInvalidStateException')
    assert.equal(await bring(KeyId, two, known, there), second)
    assert.equal(await state(), 'PENDING_ROTATION')
    await rotate(KeyId)
    assert.equal((await describe(KeyId, there))?.CurrentKeyMaterialId, second)
    assert.equal(await open(await seal(KeyId), there), 'x')
    // Deleted at the primary, what waits is gone everywhere.
    const third = await bring(KeyId, randomBytes(32), fresh)
    assert.equal((await materials(KeyId, there)).length, 3)
    await client.send(new kms.DeleteImportedKeyMaterialCommand({ KeyId, KeyMaterialId: third }))
    assert.deepEqual([(await materials(KeyId)).length, (await materials(KeyId, there)).length], [2, 2])
  } finally {
    there.destroy()
  }
})

test('keys that are not symmetric keep their first material', async () => {
  const KeyId = await externalKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })
  await bring(KeyId, randomBytes(32))
  const refused = await refusal(bring(KeyId, randomBytes(32), fresh))
  assert.equal(refused.name, 'UnsupportedOperationException')
  const named = await refusal(bring(await externalKey(), randomBytes(32), { ...fresh, KeyMaterialId: '0'.repeat(64) }))
  assert.equal(named.name, 'ValidationException')
})
