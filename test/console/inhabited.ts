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

/** What people have typed, in their language. */
const typed = {
  en: {
    orders: 'Order database, production',
    protection: 'holds all orders',
    signing: 'Signs releases',
    mac: 'Session cookies',
    external: 'Brought along from the old HSM',
    waiting: 'Waits for its second person',
    dying: 'Old mail archive',
    disabled: 'Branch Shanghai',
    inbox: 'Letters from customers',
    firmware: 'Post-quantum firmware signatures',
    policy: 'The shop may use its own key and no other',
    accessKey: 'the old shop',
  },
  zh: {
    orders: '生产环境订单数据库',
    protection: '存有全部订单',
    signing: '发布签名',
    mac: '会话 Cookie',
    external: '从旧加密机迁入',
    waiting: '等待第二人批准',
    dying: '旧邮件归档',
    disabled: '上海分公司',
    inbox: '客户来信',
    firmware: '抗量子固件签名',
    policy: '商城只能使用自己的密钥',
    accessKey: '旧商城',
  },
}

export async function inhabitedService(language: keyof typeof typed = 'en'): Promise<Inhabited> {
  const said = typed[language]
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
        description: said.orders,
        rotationPeriodDays: 9,
        tags: { team: 'shop', stage: 'production' },
        deletionProtection: said.protection,
      },
      'shop/orders',
    ),
    signing: await key({ keySpec: 'EC_P256', keyUsage: 'SIGN_VERIFY', description: said.signing }, 'ci/releases'),
    mac: await key({ keySpec: 'HMAC_SHA_256', keyUsage: 'GENERATE_VERIFY_MAC', description: said.mac }, 'web/cookies'),
    external: await key({ origin: 'EXTERNAL', description: said.external }, 'bank/root'),
    waiting: await key({ origin: 'EXTERNAL', importApproval: true, description: said.waiting }),
    dying: await key({ description: said.dying }, 'mail/archive'),
    disabled: await key({ keySpec: 'SM4', description: said.disabled }, 'shanghai/files'),
  }
  await key({ keySpec: 'RSA_2048', keyUsage: 'ENCRYPT_DECRYPT', description: said.inbox }, 'mail/inbox')
  await key({ keySpec: 'ML_DSA_65', description: said.firmware }, 'ci/firmware')

  await call('PUT', '/v1/policies/shop-only', {
    description: said.policy,
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
    return (await call('POST', `/v1/principals/${principalName}/tokens`, { description: principalName })).token
  }
  const shop = service.as(await token('shop', ['shop-only']))
  const release = service.as(await token('release-robot', ['KeyUser']))
  await token('auditor', ['Auditor'])
  await token('mei', ['KeyAdministrator'])
  await call('POST', '/v1/principals/shop/access-keys', { description: said.accessKey })

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

/** An address for every screen there is, and further ones that look different. */
export function addressesOf({ keys, denied }: Inhabited): Readonly<Record<string, readonly string[]>> {
  return {
    '/overview': ['/overview'],
    '/keys': ['/keys', '/keys?state=PendingDeletion'],
    '/keys/new': ['/keys/new'],
    '/keys/$keyId': [keys.orders, keys.signing, keys.dying, keys.waiting].map((keyId) => `/keys/${keyId}`),
    '/keys/$keyId/import': [`/keys/${keys.external}/import`],
    '/aliases': ['/aliases'],
    '/workbench': [
      '/workbench',
      `/workbench?work=sign&keyId=${keys.signing}`,
      '/workbench?work=reEncrypt',
      '/workbench?work=inspect',
    ],
    '/audit/records': ['/audit/records', '/audit/records?outcome=failed&last=24'],
    '/audit/records/$index': [`/audit/records/${denied}`],
    '/events': ['/events'],
    '/usage-report': ['/usage-report'],
    '/import-requests': ['/import-requests'],
    '/principals': ['/principals'],
    '/principals/$principalName': ['/principals/shop'],
    '/policies': ['/policies'],
    '/policies/$policyName': ['/policies/shop-only', '/policies/Auditor'],
    '/account': ['/account'],
    '/settings': ['/settings'],
    '/access/explain': [`/access/explain?principalName=shop&action=kms:DisableKey&keyId=${keys.orders}`],
  }
}
