import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  bringInto,
  createKey,
  describe,
  type ImportParameters,
  importMaterial,
  importParameters,
  newestVersion,
  type StateName,
  states,
} from './keys.ts'
import { type Answer, ask, asked, startService, type TestService } from './service.ts'
import { pairTable, type StateRow, stateTable } from './state-table.ts'

let service: TestService
before(async () => {
  service = await startService()
})
after(() => service.close())

/** A key, and what was made with it while it was enabled. */
type Prepared = {
  readonly keyId: string
  readonly versionId: string
  readonly alias: string
  readonly ciphertext: string
  readonly imports?: ImportParameters
}

const recipient = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .publicKey.export({ format: 'der', type: 'spki' })
  .toString('base64')
const wrapping = { PublicKeyBlob: recipient, WrappingKeySpec: 'RSA_2048', WrappingAlgorithm: 'RSAES_OAEP_SHA_256' }
const digest = createHash('sha256').update('m').digest('base64')
let serial = 0

async function prepare({ action, external }: StateRow, state: StateName): Promise<Prepared> {
  const origin = external === true || state === 'PendingImport' ? 'EXTERNAL' : 'Aliyun_KMS'
  const pair = action === 'CreateKeyVersion' && origin === 'Aliyun_KMS'
  const keyId = await createKey(service, { Origin: origin, KeySpec: pair ? 'EC_P256' : 'Aliyun_AES_256' })
  if (origin === 'EXTERNAL') await importMaterial(service, keyId)
  const alias = `alias/state-${++serial}`
  await asked(service, 'CreateAlias', { KeyId: keyId, AliasName: alias })
  await asked(service, 'TagResource', { KeyId: keyId, Tags: '[{"TagKey":"a","TagValue":"b"}]' })
  const ciphertext = pair
    ? ''
    : ((await asked(service, 'Encrypt', { KeyId: keyId, Plaintext: 'cGxhaW4=' })).CiphertextBlob as string)
  const versionId = await newestVersion(service, keyId)
  const imports = action === 'ImportKeyMaterial' ? { imports: await importParameters(service, keyId) } : {}
  await bringInto(service, keyId, state)
  return { keyId, versionId, alias, ciphertext, ...imports }
}

function attempt(action: string, { keyId, versionId, alias, ciphertext, imports }: Prepared): Promise<Answer> {
  const KeyId = keyId
  const call = (parameters: Record<string, string | number | boolean> = {}) => ask(service, action, parameters)
  switch (action) {
    case 'CreateKey':
    case 'ListKeys':
    case 'ListAliases':
      return call()
    case 'Encrypt':
      return call({ KeyId, Plaintext: 'cGxhaW4=' })
    case 'Decrypt':
      return call({ CiphertextBlob: ciphertext })
    case 'ReEncrypt':
      return call({ CiphertextBlob: ciphertext, DestinationKeyId: KeyId })
    case 'ExportDataKey':
      return call({ CiphertextBlob: ciphertext, ...wrapping })
    case 'GenerateAndExportDataKey':
      return call({ KeyId, ...wrapping })
    case 'UpdateKeyDescription':
      return call({ KeyId, Description: 'new' })
    case 'CreateAlias':
      return call({ KeyId, AliasName: `${alias}-new` })
    case 'DeleteAlias':
      return call({ AliasName: alias })
    case 'UpdateAlias':
      return aliasOfAnother(alias).then((AliasName) => call({ KeyId, AliasName }))
    case 'TagResource':
      return call({ KeyId, Tags: '[{"TagKey":"c","TagValue":"d"}]' })
    case 'UntagResource':
      return call({ KeyId, TagKeys: '["a"]' })
    case 'DescribeKeyVersion':
      return call({ KeyId, KeyVersionId: versionId })
    case 'UpdateRotationPolicy':
      return call({ KeyId, EnableAutomaticRotation: true, RotationInterval: '30d' })
    case 'GetParametersForImport':
      return call({ KeyId, WrappingAlgorithm: 'RSAES_OAEP_SHA_1', WrappingKeySpec: 'RSA_2048' })
    case 'ImportKeyMaterial':
      return call({ KeyId, ...imports })
    case 'SetDeletionProtection':
      return call({ KeyId, EnableDeletionProtection: true })
    default:
      return call({ KeyId })
  }
}

/** UpdateAlias looks at the key that the alias is to name: the one it names now is another. */
async function aliasOfAnother(alias: string): Promise<string> {
  const KeyId = await createKey(service)
  await asked(service, 'CreateAlias', { KeyId, AliasName: `${alias}-other` })
  return `${alias}-other`
}

for (const row of stateTable)
  for (const state of states) {
    const outcome = row.outcomes[state]
    test(`${row.action} on a key that is ${state}: ${outcome}`, async () => {
      const prepared = await prepare(row, state)
      const answer = await attempt(row.action, prepared)
      assert.deepEqual(
        [answer.status, answer.code ?? 'Success'],
        [outcome === 'Success' ? 200 : 409, outcome],
        answer.text,
      )
      await checkAfter(row.action, state, prepared)
    })
  }

/** Where the table says what becomes of the key. */
async function checkAfter(action: string, state: StateName, { keyId }: Prepared): Promise<void> {
  const after = await describe(service, keyId)
  const becomes: Readonly<Record<string, string>> = {
    'EnableKey Disabled': 'Enabled',
    'DisableKey Enabled': 'Disabled',
    'ScheduleKeyDeletion Enabled': 'PendingDeletion',
    'ScheduleKeyDeletion Disabled': 'PendingDeletion',
    'ScheduleKeyDeletion PendingImport': 'PendingDeletion',
    'CancelKeyDeletion PendingDeletion': 'Enabled',
    'ImportKeyMaterial PendingImport': 'Enabled',
    'DeleteKeyMaterial Enabled': 'PendingImport',
    'DeleteKeyMaterial Disabled': 'PendingImport',
  }
  assert.equal(after.KeyState, becomes[`${action} ${state}`] ?? state)
  assert.equal('DeleteDate' in after, after.KeyState === 'PendingDeletion')
}

async function preparePair({ action }: StateRow, state: StateName): Promise<() => Promise<Answer>> {
  const signs = /Sign|Verify/.test(action)
  const spec = /Mac/.test(action) ? 'HMAC_SHA_256' : signs || action === 'CreateKeyVersion' ? 'EC_P256' : 'EC_SM2'
  const KeyId = await createKey(service, { KeySpec: spec })
  const KeyVersionId = await newestVersion(service, KeyId)
  const signing = { KeyId, KeyVersionId, Algorithm: 'ECDSA_SHA_256', Digest: digest }
  const encrypting = { KeyId, KeyVersionId, Algorithm: 'SM2PKE' }
  const mac = { KeyId, Algorithm: 'HMAC_SHA_256', Message: 'bQ==' }
  const inputs: Readonly<Record<string, () => Promise<Record<string, string>>>> = {
    AsymmetricEncrypt: async () => ({ ...encrypting, Plaintext: 'cGxhaW4=' }),
    AsymmetricDecrypt: async () => ({
      ...encrypting,
      CiphertextBlob: (await asked(service, 'AsymmetricEncrypt', { ...encrypting, Plaintext: 'cGxhaW4=' }))
        .CiphertextBlob as string,
    }),
    AsymmetricSign: async () => signing,
    AsymmetricVerify: async () => ({
      ...signing,
      Value: (await asked(service, 'AsymmetricSign', signing)).Value as string,
    }),
    GetPublicKey: async () => ({ KeyId, KeyVersionId }),
    CreateKeyVersion: async () => ({ KeyId }),
    GenerateMac: async () => mac,
    VerifyMac: async () => ({ ...mac, Mac: (await asked(service, 'GenerateMac', mac)).Mac as string }),
  }
  const input = await (inputs[action] as () => Promise<Record<string, string>>)()
  await bringInto(service, KeyId, state)
  return () => ask(service, action, input)
}

for (const row of pairTable)
  for (const state of states.filter((name) => name !== 'PendingImport')) {
    const outcome = row.outcomes[state]
    test(`${row.action} with a key pair or a MAC key that is ${state}: ${outcome}`, async () => {
      const answer = await (await preparePair(row, state))()
      assert.deepEqual(
        [answer.status, answer.code ?? 'Success'],
        [outcome === 'Success' ? 200 : 409, outcome],
        answer.text,
      )
    })
  }

test('a deletion that is cancelled leaves the key Enabled, though it was Disabled, and PendingImport without material', async () => {
  const disabled = await createKey(service)
  await bringInto(service, disabled, 'Disabled')
  await bringInto(service, disabled, 'PendingDeletion')
  await asked(service, 'CancelKeyDeletion', { KeyId: disabled })
  assert.equal((await describe(service, disabled)).KeyState, 'Enabled')
  const empty = await createKey(service, { Origin: 'EXTERNAL' })
  await bringInto(service, empty, 'PendingDeletion')
  await asked(service, 'CancelKeyDeletion', { KeyId: empty })
  assert.equal((await describe(service, empty)).KeyState, 'PendingImport')
})

test('DeleteKeyMaterial on a key that is PendingDeletion changes neither state nor date', async () => {
  const keyId = await createKey(service, { Origin: 'EXTERNAL' })
  await importMaterial(service, keyId)
  await bringInto(service, keyId, 'PendingDeletion')
  const { DeleteDate } = await describe(service, keyId)
  await asked(service, 'DeleteKeyMaterial', { KeyId: keyId })
  const after = await describe(service, keyId)
  assert.deepEqual([after.KeyState, after.DeleteDate], ['PendingDeletion', DeleteDate])
})
