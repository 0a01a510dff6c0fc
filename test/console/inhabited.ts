/** An installation that has been lived in for some weeks: what every screen of the console has something to show of. */
import assert from 'node:assert/strict'
import { constants, publicEncrypt } from 'node:crypto'
import { base64, days, type Json, startTestService, type TestService, testClock } from '../service.ts'

export type Inhabited = {
  readonly service: TestService
  /** `http://localhost:PORT`: passkeys and cookies know no other name for this machine. */
  readonly origin: string
  readonly keys: Readonly<Record<'orders' | 'signing' | 'mac' | 'external' | 'waiting' | 'dying' | 'disabled', string>>
  /** What people have typed: descriptions and reasons. */
  readonly words: ReadonlySet<string>
  /** Place in the audit log of a call that was denied. */
  readonly denied: number
}

const weeks = 3

export async function inhabitedService(): Promise<Inhabited> {
  const clock = testClock(Date.now() - days(7 * weeks))
  const service = await startTestService({ devMode: true, host: 'localhost', clock, on: 'sqlite' })
  const words = new Set<string>()
  const call = async (method: string, path: string, body?: Json): Promise<Json> => {
    for (const typed of [body?.description, body?.deletionProtection]) if (typeof typed === 'string') words.add(typed)
    const answer = await service.api(method, path, body)
    assert.equal(answer.status, 200, `${method} ${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const key = async (body: object, alias?: string): Promise<string> => {
    const { keyId } = (await call('POST', '/v1/keys', body)).key
    if (alias !== undefined) await call('POST', '/v1/aliases', { aliasName: `alias/${alias}`, keyId })
    return keyId
  }
  const keys = {
    orders: await key(
      {
        description: 'Order database, production',
        rotationPeriodDays: 9,
        tags: { team: 'shop', stage: 'production' },
        deletionProtection: 'holds all orders',
      },
      'shop/orders',
    ),
    signing: await key({ keySpec: 'EC_P256', keyUsage: 'SIGN_VERIFY', description: 'Signs releases' }, 'ci/releases'),
    mac: await key(
      { keySpec: 'HMAC_SHA_256', keyUsage: 'GENERATE_VERIFY_MAC', description: 'Session cookies' },
      'web/cookies',
    ),
    external: await key({ origin: 'EXTERNAL', description: 'Brought along from the old HSM' }, 'bank/root'),
    waiting: await key({ origin: 'EXTERNAL', importApproval: true, description: 'Waits for its second person' }),
    dying: await key({ description: 'Old mail archive' }, 'mail/archive'),
    disabled: await key({ keySpec: 'SM4', description: 'Branch Shanghai' }, 'shanghai/files'),
  }
  await key({ keySpec: 'RSA_2048', keyUsage: 'ENCRYPT_DECRYPT', description: 'Letters from customers' }, 'mail/inbox')
  await key({ keySpec: 'ML_DSA_65', description: 'Post-quantum firmware signatures' }, 'ci/firmware')

  await call('PUT', '/v1/policies/shop-only', {
    description: 'The shop may use its own key and no other',
    document: JSON.stringify(
      {
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'OwnKey',
            Effect: 'Allow',
            Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey'],
            Resource: '*',
            Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/shop/orders' } },
          },
          { Sid: 'NeverDelete', Effect: 'Deny', Action: 'kms:ScheduleKeyDeletion', Resource: '*' },
        ],
      },
      null,
      2,
    ),
  })
  const token = async (principalName: string, policies: readonly string[]): Promise<string> => {
    await call('POST', '/v1/principals', { principalName, policies })
    return (await call('POST', `/v1/principals/${principalName}/tokens`, { description: `of ${principalName}` })).token
  }
  const shop = service.as(await token('shop', ['shop-only']))
  const release = service.as(await token('release-robot', ['KeyUser']))
  await token('auditor', ['Auditor'])
  await token('mei', ['KeyAdministrator'])
  await call('POST', '/v1/principals/shop/access-keys', { description: 'the old shop' })

  const material = Buffer.alloc(32, 7)
  await importInto(keys.external, material, { materialExpiresAt: new Date(Date.now() + days(12)).toISOString() })
  for (let day = 0; day < 7 * weeks; day++) {
    clock.advance(days(1))
    await service.chores()
    for (let count = 0; count <= (day * 7) % 5; count++)
      await shop('POST', '/v1/keys/alias%2Fshop%2Forders/encrypt', {
        plaintext: base64(`order ${count}`),
        encryptionContext: { tenant: 'shop' },
      })
    if (day % 3 === 0) await sign(release, keys.signing)
  }
  // The clock has come to this moment.
  await importInto(keys.waiting, material)
  await call('POST', `/v1/keys/${keys.disabled}/disable`)
  await call('POST', `/v1/keys/${keys.dying}/schedule-deletion`, { pendingWindowInDays: 14 })
  await shop('POST', `/v1/keys/${keys.dying}/encrypt`, { plaintext: base64('late') })
  await release('POST', '/v1/keys/alias%2Fmail%2Farchive/encrypt', { plaintext: base64('late') })
  for (let count = 0; count < 3; count++) await shop('POST', `/v1/keys/${keys.orders}/disable`)
  const refused = await call('GET', '/v1/audit/records?operation=DisableKey&outcome=AccessDenied&limit=1')
  return {
    service,
    origin: `http://localhost:${service.running.servers[0]?.port}`,
    keys,
    words,
    denied: refused.records[0].index,
  }

  async function importInto(keyId: string, bytes: Uint8Array, more: object = {}): Promise<void> {
    const { publicKey, importToken } = await call('POST', `/v1/keys/${keyId}/import-parameters`, {
      wrappingKeySpec: 'RSA_2048',
    })
    const wrapped = publicEncrypt(
      {
        key: Buffer.from(publicKey, 'base64'),
        format: 'der',
        type: 'spki',
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash: 'sha256',
      } as never,
      bytes,
    )
    await call('POST', `/v1/keys/${keyId}/import`, {
      importToken,
      encryptedKeyMaterial: wrapped.toString('base64'),
      ...more,
    })
  }

  async function sign(as: TestService['api'], keyId: string): Promise<void> {
    const { versions } = await call('GET', `/v1/keys/${keyId}/versions`)
    await as('POST', `/v1/keys/${keyId}/sign`, {
      keyVersionId: versions[0].keyVersionId,
      message: base64('release 1.2.3'),
    })
  }
}
