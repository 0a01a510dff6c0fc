/** One store of keys behind three protocols: what one of them makes the others use, within one account and region. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import { DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms'
import { createKey } from './keys.ts'
import { type AccessKey, type Answer, ask, asked, refused, startService, type TestService } from './service.ts'

let service: TestService
before(async () => {
  service = await startService()
})
after(() => service.close())

const region = 'eu-central-1'
const context = { app: 'billing', part: '7' }

function aws(as: AccessKey = service.first, inRegion: string = region): KMSClient {
  return new KMSClient({
    region: inRegion,
    endpoint: service.url,
    credentials: { accessKeyId: as.accessKeyId, secretAccessKey: as.secret },
    maxAttempts: 1,
  })
}

async function rest(
  path: string,
  body: object,
  as: AccessKey = service.first,
  inRegion: string = region,
  method: 'POST' | 'PUT' = 'POST',
) {
  const response = await fetch(`${service.url}/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${as.token}`,
      'content-type': 'application/json',
      'x-keyward-region': inRegion,
    },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const alibaba = (ciphertext: string, as: AccessKey = service.first, RegionId: string = region): Promise<Answer> =>
  ask(service, 'Decrypt', { CiphertextBlob: ciphertext, EncryptionContext: JSON.stringify(context), RegionId }, { as })

async function ciphertexts(keyId: string): Promise<Readonly<Record<string, string>>> {
  const client = aws()
  const encrypted = await client.send(
    new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.from('plain'), EncryptionContext: context }),
  )
  client.destroy()
  const byRest = await rest(`keys/${keyId}/encrypt`, { plaintext: 'cGxhaW4=', encryptionContext: context })
  const byAlibaba = await asked(service, 'Encrypt', {
    KeyId: keyId,
    Plaintext: 'cGxhaW4=',
    EncryptionContext: JSON.stringify(context),
    RegionId: region,
  })
  return {
    aws: Buffer.from(encrypted.CiphertextBlob as Uint8Array).toString('base64'),
    rest: byRest.body.ciphertextBlob as string,
    alibaba: byAlibaba.CiphertextBlob as string,
  }
}

test('a ciphertext of any face is opened at every face', async () => {
  const keyId = await createKey(service, { RegionId: region })
  const client = aws()
  for (const [made, ciphertext] of Object.entries(await ciphertexts(keyId))) {
    const { Plaintext } = await client.send(
      new DecryptCommand({ CiphertextBlob: Buffer.from(ciphertext, 'base64'), EncryptionContext: context }),
    )
    assert.equal(Buffer.from(Plaintext as Uint8Array).toString(), 'plain', `${made}, at AWS's face`)
    const byRest = await rest('decrypt', { ciphertextBlob: ciphertext, encryptionContext: context })
    assert.equal(byRest.body.plaintext, 'cGxhaW4=', `${made}, at the REST face`)
    assert.equal((await alibaba(ciphertext)).body.Plaintext, 'cGxhaW4=', `${made}, at Alibaba's face`)
  }
  client.destroy()
})

test('another account and another region open no ciphertext, at any face', async () => {
  const keyId = await createKey(service, { RegionId: region })
  const others = [
    [service.second, region],
    [service.first, 'eu-west-1'],
  ] as const
  for (const ciphertext of Object.values(await ciphertexts(keyId)))
    for (const [as, inRegion] of others) {
      const client = aws(as, inRegion)
      await assert.rejects(
        client.send(
          new DecryptCommand({ CiphertextBlob: Buffer.from(ciphertext, 'base64'), EncryptionContext: context }),
        ),
        /AccessDenied|NotFound/,
      )
      client.destroy()
      assert.ok(
        [403, 404].includes(
          (await rest('decrypt', { ciphertextBlob: ciphertext, encryptionContext: context }, as, inRegion)).status,
        ),
      )
      assert.ok([403, 404].includes((await alibaba(ciphertext, as, inRegion)).status))
    }
})

test('R66: the same alias names a key in each region, and in each account', async () => {
  const named = async (RegionId: string, as: AccessKey) => {
    const KeyId = await createKey(service, { RegionId }, { as })
    await asked(service, 'CreateAlias', { KeyId, AliasName: 'alias/same', RegionId }, { as })
    return { KeyId, RegionId, as }
  }
  const all = [
    await named('pool-1', service.first),
    await named('pool-2', service.first),
    await named('pool-1', service.second),
  ]
  for (const { KeyId, RegionId, as } of all) {
    const encrypted = await asked(service, 'Encrypt', { KeyId: 'alias/same', Plaintext: 'cGxhaW4=', RegionId }, { as })
    assert.equal(encrypted.KeyId, KeyId)
    // R65: and a second time in the same one it is refused.
    await refused(
      400,
      'AliasAlreadyExists',
      service,
      'CreateAlias',
      { KeyId, AliasName: 'alias/same', RegionId },
      { as },
    )
  }
})

test('who has no right on a key is told the same whether it is there or not', async () => {
  const keyId = await createKey(service)
  const absent = '00000000-0000-4000-8000-000000000000'
  const restricted = await principal('nobody', [])
  const messages = new Set<string>()
  for (const KeyId of [keyId, absent])
    messages.add(
      (await refused(403, 'Forbidden.NoPermission', service, 'DescribeKey', { KeyId }, { as: restricted })).replace(
        KeyId,
        '<id>',
      ),
    )
  assert.equal(messages.size, 1)
})

type Asking = readonly [action: string, parameters: Readonly<Record<string, string>>]

test('who may not decrypt exports no data key either, nor who may do everything but export', async () => {
  const keyId = await createKey(service)
  const { CiphertextBlob } = await asked(service, 'GenerateDataKey', { KeyId: keyId })
  const blob = CiphertextBlob as string
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const recipient = {
    PublicKeyBlob: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    WrappingKeySpec: 'RSA_2048',
    WrappingAlgorithm: 'RSAES_OAEP_SHA_256',
  }
  const denied = async (action: string) => {
    const Statement = [
      { Effect: 'Allow', Action: 'kms:*', Resource: '*' },
      { Effect: 'Deny', Action: `kms:${action}`, Resource: '*' },
    ]
    const document = JSON.stringify({ Version: '2012-10-17', Statement })
    const put = await rest(`policies/no${action}`, { document }, service.first, region, 'PUT')
    assert.equal(put.status, 200, JSON.stringify(put.body))
    return principal(`no-${action}`, [`no${action}`])
  }
  const exporting: Asking = ['ExportDataKey', { CiphertextBlob: blob, ...recipient }]
  const generating: Asking = ['GenerateAndExportDataKey', { KeyId: keyId, ...recipient }]
  for (const [action, call, other] of [
    ['Decrypt', exporting, generating],
    ['ExportDataKey', exporting, generating],
    ['GenerateDataKey', generating, exporting],
    ['GenerateAndExportDataKey', generating, exporting],
  ] as const) {
    const as = await denied(action)
    await refused(403, 'Forbidden.NoPermission', service, ...call, { as })
    await asked(service, ...other, { as })
  }
})

async function principal(principalName: string, policies: readonly string[]): Promise<AccessKey> {
  await rest('principals', { principalName, policies })
  const made = await rest(`principals/${principalName}/access-keys`, {})
  assert.equal(made.status, 200, JSON.stringify(made.body))
  return {
    account: service.first.account,
    accessKeyId: made.body.accessKeyId as string,
    secret: made.body.secretAccessKey as string,
    token: '',
  }
}
