/** Rights, as policies and grants written for AWS give and take them, seen through its own SDK. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as kms from '@aws-sdk/client-kms'
import { startTestService, type TestService, testAccount } from '../service.ts'
import { type Keys, kmsClient, principal, refusal, region } from './clients.ts'

let service: TestService
let admin: kms.KMSClient
const clients: kms.KMSClient[] = []

before(async () => {
  service = await startTestService()
  admin = kmsClient(service, service)
  clients.push(admin)
})
after(async () => {
  for (const client of clients) client.destroy()
  await service.stop()
})

const Plaintext = new TextEncoder().encode('x')
const arn = (keyId: string) => `arn:aws:kms:${region}:${testAccount}:key/${keyId}`
const user = (name: string, account = testAccount) => `arn:aws:iam::${account}:user/${name}`

function as(keys: Keys): kms.KMSClient {
  const client = kmsClient(service, keys)
  clients.push(client)
  return client
}

async function newKey(wish: Partial<kms.CreateKeyCommandInput> = {}): Promise<string> {
  const { KeyMetadata: metadata } = await admin.send(new kms.CreateKeyCommand(wish))
  return metadata?.KeyId as string
}

let made = 0
/** A principal whose only policy is this one. */
async function withPolicy(
  ...statements: readonly Record<string, unknown>[]
): Promise<kms.KMSClient & { name: string }> {
  const name = `user${++made}`
  const document = JSON.stringify({ Version: '2012-10-17', Statement: statements })
  const put = await service.api('PUT', `/v1/policies/${name}`, { document })
  assert.equal(put.status, 200, JSON.stringify(put.body))
  return Object.assign(as(await principal(service, name, [name])), { name })
}

async function denied(call: Promise<unknown>): Promise<void> {
  const error = await refusal(call)
  assert.equal(error.name, 'AccessDeniedException', error.message)
}

test('an identity policy allows what it names, and nothing beside it', async () => {
  const KeyId = await newKey()
  const other = await newKey()
  const client = await withPolicy({ Effect: 'Allow', Action: ['kms:Encrypt'], Resource: arn(KeyId) })
  await client.send(new kms.EncryptCommand({ KeyId, Plaintext }))
  await denied(client.send(new kms.EncryptCommand({ KeyId: other, Plaintext })))
  await denied(client.send(new kms.DescribeKeyCommand({ KeyId })))
  await denied(client.send(new kms.ListKeysCommand({})))
})

test('a key that is not there and a key that is forbidden give the same answer', async () => {
  const client = await withPolicy({ Effect: 'Allow', Action: 'kms:ListKeys', Resource: '*' })
  const texts = []
  for (const KeyId of [await newKey(), '00000000-0000-4000-8000-000000000000']) {
    const error = await refusal(client.send(new kms.DescribeKeyCommand({ KeyId })))
    assert.equal(error.name, 'AccessDeniedException')
    texts.push(error.message)
  }
  assert.equal(texts[0], texts[1])
})

test('a Deny beats every Allow, in an identity policy and in the key policy', async () => {
  const KeyId = await newKey()
  const everything = { Effect: 'Allow', Action: 'kms:*', Resource: '*' }
  const client = await withPolicy(everything, { Effect: 'Deny', Action: 'kms:Decrypt', Resource: '*' })
  const { CiphertextBlob } = await client.send(new kms.EncryptCommand({ KeyId, Plaintext }))
  await denied(client.send(new kms.DecryptCommand({ CiphertextBlob })))
  const free = await withPolicy(everything)
  await free.send(new kms.DecryptCommand({ CiphertextBlob }))
  const { Policy } = await admin.send(new kms.GetKeyPolicyCommand({ KeyId }))
  const policy = JSON.parse(Policy ?? '')
  policy.Statement.push({ Effect: 'Deny', Principal: { AWS: user(free.name) }, Action: 'kms:Decrypt', Resource: '*' })
  await admin.send(new kms.PutKeyPolicyCommand({ KeyId, Policy: JSON.stringify(policy) }))
  await denied(free.send(new kms.DecryptCommand({ CiphertextBlob })))
})

test('a Deny under the name of AWS or under ours refuses the same thing, on both faces', async () => {
  const KeyId = await newKey()
  for (const name of ['kms:EnableKeyRotation', 'kms:UpdateRotationPolicy']) {
    const client = await withPolicy(
      { Effect: 'Allow', Action: 'kms:*', Resource: '*' },
      { Effect: 'Deny', Action: name, Resource: '*' },
    )
    await denied(client.send(new kms.EnableKeyRotationCommand({ KeyId })))
    const only = await withPolicy({ Effect: 'Allow', Action: name, Resource: '*' })
    await only.send(new kms.EnableKeyRotationCommand({ KeyId }))
  }
})

test('a policy on the encryption context is held to', async () => {
  const KeyId = await newKey()
  const client = await withPolicy({
    Effect: 'Allow',
    Action: ['kms:Encrypt', 'kms:Decrypt'],
    Resource: '*',
    Condition: {
      StringEquals: { 'kms:EncryptionContext:tenant': 'red' },
      'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': ['tenant'] },
    },
  })
  const encrypt = (EncryptionContext?: Record<string, string>) =>
    client.send(
      new kms.EncryptCommand({ KeyId, Plaintext, ...(EncryptionContext === undefined ? {} : { EncryptionContext }) }),
    )
  await encrypt({ tenant: 'red' })
  await denied(encrypt({ tenant: 'blue' }))
  await denied(encrypt({ tenant: 'red', more: 'x' }))
  await denied(encrypt())
})

test('conditions see the alias a key was named by, and those it has', async () => {
  const KeyId = await newKey()
  await admin.send(new kms.CreateAliasCommand({ AliasName: 'alias/rights', TargetKeyId: KeyId }))
  const byAlias = await withPolicy({
    Effect: 'Allow',
    Action: 'kms:Encrypt',
    Resource: '*',
    Condition: { StringEquals: { 'kms:RequestAlias': 'alias/rights' } },
  })
  await byAlias.send(new kms.EncryptCommand({ KeyId: 'alias/rights', Plaintext }))
  await denied(byAlias.send(new kms.EncryptCommand({ KeyId, Plaintext })))
  const withAlias = await withPolicy({
    Effect: 'Allow',
    Action: 'kms:Encrypt',
    Resource: '*',
    Condition: { 'ForAnyValue:StringLike': { 'kms:ResourceAliases': 'alias/rig*' } },
  })
  await withAlias.send(new kms.EncryptCommand({ KeyId, Plaintext }))
  await denied(withAlias.send(new kms.EncryptCommand({ KeyId: await newKey(), Plaintext })))
})

test('conditions see what is asked for: key spec, algorithm, tags, address, transport', async () => {
  const KeyId = await newKey({ Tags: [{ TagKey: 'env', TagValue: 'test' }] })
  const create = (KeySpec: kms.KeySpec) => new kms.CreateKeyCommand({ KeySpec, KeyUsage: 'SIGN_VERIFY' })
  const curves = await withPolicy({
    Effect: 'Allow',
    Action: 'kms:CreateKey',
    Resource: '*',
    Condition: { StringEquals: { 'kms:KeySpec': 'ECC_NIST_P256' } },
  })
  await curves.send(create('ECC_NIST_P256'))
  await denied(curves.send(create('ECC_NIST_P384')))
  const cases = [
    [{ StringEquals: { 'aws:ResourceTag/env': 'test' } }, { StringEquals: { 'aws:ResourceTag/env': 'live' } }],
    [{ IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } }, { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }],
    [{ Bool: { 'aws:SecureTransport': 'false' } }, { Bool: { 'aws:SecureTransport': 'true' } }],
    [{ StringEquals: { 'kms:CallerAccount': testAccount } }, { StringEquals: { 'kms:CallerAccount': '999999999999' } }],
    [
      { DateGreaterThan: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' } },
      { DateLessThan: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' } },
    ],
    [
      { StringEquals: { 'kms:EncryptionAlgorithm': 'SYMMETRIC_DEFAULT' } },
      { StringEquals: { 'kms:EncryptionAlgorithm': 'RSAES_OAEP_SHA_256' } },
    ],
  ]
  for (const [met, unmet] of cases) {
    const allow = { Effect: 'Allow', Action: 'kms:Encrypt', Resource: '*' }
    const may = await withPolicy({ ...allow, Condition: met })
    await may.send(new kms.EncryptCommand({ KeyId, Plaintext }))
    const mayNot = await withPolicy({ ...allow, Condition: unmet })
    await denied(mayNot.send(new kms.EncryptCommand({ KeyId, Plaintext })))
  }
})

test('tags at the birth of a key need the right to tag, and conditions see them', async () => {
  const Tags = [{ TagKey: 'team', TagValue: 'red' }]
  const create = { Effect: 'Allow', Action: 'kms:CreateKey', Resource: '*' }
  const untagged = await withPolicy(create)
  await untagged.send(new kms.CreateKeyCommand({}))
  await denied(untagged.send(new kms.CreateKeyCommand({ Tags })))
  const tags = { Effect: 'Allow', Action: 'kms:TagResource', Resource: `arn:aws:kms:*:${testAccount}:key/*` }
  await (await withPolicy(create, tags)).send(new kms.CreateKeyCommand({ Tags }))
  // The pattern of AWS's own guide: exactly these tags, with these values, or no key.
  const held = await withPolicy(tags, {
    ...create,
    Condition: {
      StringEquals: { 'aws:RequestTag/team': ['red', 'blue'] },
      'ForAllValues:StringEquals': { 'aws:TagKeys': ['team', 'stage'] },
    },
  })
  await held.send(new kms.CreateKeyCommand({ Tags }))
  await denied(held.send(new kms.CreateKeyCommand({})))
  await denied(held.send(new kms.CreateKeyCommand({ Tags: [{ TagKey: 'team', TagValue: 'green' }] })))
  await denied(held.send(new kms.CreateKeyCommand({ Tags: [...Tags, { TagKey: 'other', TagValue: 'x' }] })))
  // The same at the REST face: one evaluator for all.
  const { body } = await service.api('POST', `/v1/principals/${held.name}/tokens`, {})
  const rest = await service.as(body.token)('POST', '/v1/keys', { tags: { team: 'green' } })
  assert.equal(rest.status, 403)
  assert.equal((await service.as(body.token)('POST', '/v1/keys', { tags: { team: 'blue' } })).status, 200)
})

test('conditions tell the primary of a multi-Region key from its copies', async () => {
  const KeyId = await newKey({ MultiRegion: true })
  await admin.send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion: 'us-east-1' }))
  const name = await withPolicy({
    Effect: 'Allow',
    Action: 'kms:Encrypt',
    Resource: '*',
    Condition: { StringEquals: { 'kms:MultiRegionKeyType': 'PRIMARY' } },
  })
  await name.send(new kms.EncryptCommand({ KeyId, Plaintext }))
  await denied(name.send(new kms.EncryptCommand({ KeyId: await newKey(), Plaintext })))
  const there = kmsClient(service, await name.config.credentials(), 'us-east-1')
  await denied(there.send(new kms.EncryptCommand({ KeyId, Plaintext })))
  there.destroy()
})

test('a copy of a key is tagged by those who may', async () => {
  const KeyId = await newKey({ MultiRegion: true })
  const Tags = [{ TagKey: 'team', TagValue: 'red' }]
  const copier = await withPolicy({ Effect: 'Allow', Action: ['kms:CreateKey', 'kms:ReplicateKey'], Resource: '*' })
  await denied(copier.send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion: 'us-east-1', Tags })))
  await copier.send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion: 'us-east-1' }))
})

test('ReEncrypt needs the right on both keys', async () => {
  const [source, destination] = [await newKey(), await newKey()]
  const { CiphertextBlob } = await admin.send(new kms.EncryptCommand({ KeyId: source, Plaintext }))
  const from = { Effect: 'Allow', Action: 'kms:ReEncryptFrom', Resource: arn(source) }
  const to = { Effect: 'Allow', Action: 'kms:ReEncryptTo', Resource: arn(destination) }
  const call = () => new kms.ReEncryptCommand({ CiphertextBlob, DestinationKeyId: destination })
  await (await withPolicy(from, to)).send(call())
  await denied((await withPolicy(from)).send(call()))
  await denied((await withPolicy(to)).send(call()))
  const onSameKey = await withPolicy({
    Effect: 'Allow',
    Action: 'kms:ReEncrypt*',
    Resource: '*',
    Condition: { Bool: { 'kms:ReEncryptOnSameKey': 'true' } },
  })
  await onSameKey.send(new kms.ReEncryptCommand({ CiphertextBlob, DestinationKeyId: arn(source) }))
  await denied(onSameKey.send(call()))
})

test('a grant gives its grantee just what it says, at once, until it is revoked', async () => {
  const KeyId = await newKey()
  const client = await withPolicy({ Effect: 'Allow', Action: 'kms:ListKeys', Resource: '*' })
  const EncryptionContext = { tenant: 'red' }
  await denied(client.send(new kms.EncryptCommand({ KeyId, Plaintext, EncryptionContext })))
  const { GrantId } = await admin.send(
    new kms.CreateGrantCommand({
      KeyId,
      GranteePrincipal: user(client.name),
      Operations: ['Encrypt', 'CreateGrant', 'RetireGrant'],
      Constraints: { EncryptionContextSubset: EncryptionContext },
    }),
  )
  await client.send(new kms.EncryptCommand({ KeyId, Plaintext, EncryptionContext }))
  await denied(client.send(new kms.EncryptCommand({ KeyId, Plaintext })))
  await denied(client.send(new kms.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', EncryptionContext })))

  const passOn = (more: Partial<kms.CreateGrantCommandInput>) =>
    client.send(
      new kms.CreateGrantCommand({ KeyId, GranteePrincipal: user('admin'), Operations: ['Encrypt'], ...more }),
    )
  await denied(passOn({}))
  await denied(passOn({ Operations: ['Decrypt'], Constraints: { EncryptionContextSubset: EncryptionContext } }))
  const passed = await passOn({ Constraints: { EncryptionContextEquals: EncryptionContext } })
  await denied(client.send(new kms.RetireGrantCommand({ KeyId: arn(KeyId), GrantId: passed.GrantId })))
  await client.send(new kms.RetireGrantCommand({ KeyId: arn(KeyId), GrantId }))
  await denied(client.send(new kms.EncryptCommand({ KeyId, Plaintext, EncryptionContext })))
})

test("another account's key opens only where its policy names the account and the caller's own policy allows it", async () => {
  const KeyId = await newKey()
  const account = '444455556666'
  const other = await service.api('POST', '/v1/accounts', { account, name: 'other' })
  assert.ok(other.status < 300, JSON.stringify(other.body))
  const stranger = as(other.body as Keys)
  const call = () => stranger.send(new kms.EncryptCommand({ KeyId: arn(KeyId), Plaintext }))
  await denied(call())
  const { Policy } = await admin.send(new kms.GetKeyPolicyCommand({ KeyId }))
  const policy = JSON.parse(Policy ?? '')
  policy.Statement.push({
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${account}:root` },
    Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:DescribeKey', 'kms:DisableKey'],
    Resource: '*',
  })
  await admin.send(new kms.PutKeyPolicyCommand({ KeyId, Policy: JSON.stringify(policy) }))
  const sealed = await call()
  assert.equal(sealed.KeyId, arn(KeyId))
  // A ciphertext alone means a key of the caller's own account: another's is named by its ARN.
  const nameless = await refusal(stranger.send(new kms.DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob })))
  assert.equal(nameless.name, 'NotFoundException')
  const opened = await stranger.send(
    new kms.DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, KeyId: arn(KeyId) }),
  )
  assert.equal(opened.KeyId, arn(KeyId))
  const managed = await refusal(stranger.send(new kms.DisableKeyCommand({ KeyId: arn(KeyId) })))
  assert.ok(['AccessDeniedException', 'NotFoundException'].includes(managed.name), 'management stays at home')
})

test('a policy that changes holds from the next request on', async () => {
  const KeyId = await newKey()
  const client = await withPolicy({ Effect: 'Allow', Action: 'kms:Encrypt', Resource: '*' })
  await client.send(new kms.EncryptCommand({ KeyId, Plaintext }))
  const none = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: '*', Resource: '*' }] })
  await service.api('PUT', `/v1/policies/${client.name}`, { document: none })
  await denied(client.send(new kms.EncryptCommand({ KeyId, Plaintext })))
})
