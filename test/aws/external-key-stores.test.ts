/** External key stores, against a proxy of the test's own: the AWS SDK on one side, the XKS Proxy API on the other. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import * as kms from '@aws-sdk/client-kms'
import { rotateRootKey } from '../../src/root-rotation.ts'
import { base64, days, type Json, startTestService, type TestService, testAccount } from '../service.ts'
import { kmsClient, refusal, region } from './clients.ts'
import { externalKey, openedBy, proxyCredential, startXksProxy, type XksProxy } from './xks-proxy.ts'

let folder: string
let proxy: XksProxy
/** The same, but its certificate is of an authority that the service does not know. */
let stranger: XksProxy
let service: TestService
let client: kms.KMSClient
/** Allowed, and nobody is there. */
const nobody = 'https://localhost:9'

before(async () => {
  ;[proxy, stranger] = await Promise.all([startXksProxy(), startXksProxy()])
  folder = mkdtempSync(join(tmpdir(), 'keyward-xks-'))
  const xksCa = join(folder, 'authority.pem')
  writeFileSync(xksCa, proxy.authority)
  service = await startTestService({
    on: 'sqlite',
    config: { xksEndpoints: [proxy.endpoint, stranger.endpoint, nobody], xksCa, xksTimeoutMs: 1500 },
  })
  client = kmsClient(service, service)
})
after(async () => {
  client.destroy()
  await service.stop()
  await Promise.all([proxy.stop(), stranger.stop()])
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  proxy.misbehave = undefined
  proxy.seen.length = 0
})

let made = 0
const wish = (changes: Partial<kms.CreateCustomKeyStoreCommandInput> = {}): kms.CreateCustomKeyStoreCommandInput => ({
  CustomKeyStoreName: `store ${++made}`,
  CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
  XksProxyConnectivity: 'PUBLIC_ENDPOINT',
  XksProxyUriEndpoint: proxy.endpoint,
  XksProxyUriPath: proxy.path,
  XksProxyAuthenticationCredential: proxyCredential,
  ...changes,
})
const create = (changes: Partial<kms.CreateCustomKeyStoreCommandInput> = {}) =>
  client.send(new kms.CreateCustomKeyStoreCommand(wish(changes)))
const connect = (CustomKeyStoreId: string) => client.send(new kms.ConnectCustomKeyStoreCommand({ CustomKeyStoreId }))
const disconnect = (CustomKeyStoreId: string) =>
  client.send(new kms.DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }))
const remove = (CustomKeyStoreId: string) => client.send(new kms.DeleteCustomKeyStoreCommand({ CustomKeyStoreId }))
const shown = async (CustomKeyStoreId: string) =>
  (await client.send(new kms.DescribeCustomKeyStoresCommand({ CustomKeyStoreId }))).CustomKeyStores?.[0]
const createKey = async (CustomKeyStoreId: string, XksKeyId: string) =>
  (await client.send(new kms.CreateKeyCommand({ Origin: 'EXTERNAL_KEY_STORE', CustomKeyStoreId, XksKeyId })))
    .KeyMetadata as kms.KeyMetadata & { KeyId: string }

/** Proxy and path go together once in an account and region: each test has its own, and cleans up. */
async function withStore(body: (id: string) => Promise<void>): Promise<void> {
  const { CustomKeyStoreId: id = '' } = await create()
  await connect(id)
  try {
    await body(id)
  } finally {
    proxy.misbehave = undefined
    for (const key of (await client.send(new kms.ListKeysCommand({}))).Keys ?? [])
      await client
        .send(new kms.ScheduleKeyDeletionCommand({ KeyId: key.KeyId, PendingWindowInDays: 7 }))
        .catch(() => {})
    service.clock.advance(days(8))
    await service.chores()
    if ((await shown(id))?.ConnectionState !== 'DISCONNECTED') await disconnect(id)
    await remove(id)
  }
}

test('a key of an external store encrypts twice: its manager sees no plaintext, and opens nothing alone', async () => {
  await withStore(async (id) => {
    proxy.keys.set('bb8562717f809024', externalKey())
    const key = await createKey(id, 'bb8562717f809024')
    assert.equal(key.Origin, 'EXTERNAL_KEY_STORE')
    assert.equal(key.CustomKeyStoreId, id)
    assert.deepEqual(key.XksKeyConfiguration, { Id: 'bb8562717f809024' })
    assert.equal(key.KeyState, 'Enabled')
    assert.equal(key.CurrentKeyMaterialId, undefined)
    const EncryptionContext = { tenant: 'é' }
    const secret = 'what nobody else may read'
    const { CiphertextBlob, KeyId } = await client.send(
      new kms.EncryptCommand({ KeyId: key.KeyId, Plaintext: Buffer.from(secret), EncryptionContext }),
    )
    assert.equal(KeyId, key.Arn)
    const asked = proxy.seen.at(-1) as { operation: string; body: Json }
    assert.equal(asked.operation, 'encrypt')
    const { kmsRequestId, ...metadata } = asked.body.requestMetadata
    assert.match(kmsRequestId, /^[0-9a-f-]{36}$/)
    assert.deepEqual(metadata, {
      awsPrincipalArn: `arn:aws:iam::${testAccount}:user/admin`,
      kmsKeyArn: key.Arn,
      kmsOperation: 'Encrypt',
    })
    const handedOver = Buffer.from(asked.body.plaintext, 'base64')
    assert.equal(handedOver.includes(secret), false)
    assert.ok(handedOver.length > secret.length)

    const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext }))
    assert.equal(Buffer.from(opened.Plaintext ?? []).toString(), secret)
    // The manager's own key opens the outer half only; what it finds is still encrypted.
    const inside = openedBy(proxy.keys.get('bb8562717f809024'), proxy.seen.at(-1)?.body ?? {})
    assert.deepEqual(inside, handedOver)

    const otherContext = await refusal(client.send(new kms.DecryptCommand({ CiphertextBlob })))
    assert.equal(otherContext.name, 'KMSInvalidStateException')
    assert.match(otherContext.message, /encryption context/)
    const turned = Uint8Array.from(CiphertextBlob ?? [])
    turned.set([(turned.at(-1) ?? 0) ^ 1], turned.length - 1)
    const touched = await refusal(client.send(new kms.DecryptCommand({ CiphertextBlob: turned, EncryptionContext })))
    assert.equal(touched.name, 'KMSInvalidStateException')
    const cut = await refusal(
      client.send(new kms.DecryptCommand({ CiphertextBlob: CiphertextBlob?.slice(0, 75), EncryptionContext })),
    )
    assert.equal(cut.name, 'InvalidCiphertextException')
  })
})

test('data keys, key pairs and ReEncrypt work, each by its name at the proxy; what a key pair does is refused', async () => {
  await withStore(async (id) => {
    proxy.keys.set('data', externalKey())
    const { KeyId } = await createKey(id, 'data')
    const own = (await client.send(new kms.CreateKeyCommand({}))).KeyMetadata?.KeyId as string
    const data = await client.send(new kms.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }))
    const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob: data.CiphertextBlob }))
    assert.deepEqual(opened.Plaintext, data.Plaintext)
    const pair = await client.send(new kms.GenerateDataKeyPairCommand({ KeyId, KeyPairSpec: 'ECC_NIST_P256' }))
    const half = await client.send(new kms.DecryptCommand({ CiphertextBlob: pair.PrivateKeyCiphertextBlob }))
    assert.deepEqual(half.Plaintext, pair.PrivateKeyPlaintext)
    const away = await client.send(
      new kms.ReEncryptCommand({ CiphertextBlob: data.CiphertextBlob, DestinationKeyId: own }),
    )
    const back = await client.send(
      new kms.ReEncryptCommand({ CiphertextBlob: away.CiphertextBlob, DestinationKeyId: KeyId }),
    )
    const again = await client.send(new kms.DecryptCommand({ CiphertextBlob: back.CiphertextBlob }))
    assert.deepEqual(again.Plaintext, data.Plaintext)
    assert.deepEqual(
      proxy.seen.slice(-6).map(({ operation, body }) => [operation, body.requestMetadata.kmsOperation]),
      [
        ['encrypt', 'GenerateDataKeyPair'],
        ['decrypt', 'Decrypt'],
        ['decrypt', 'ReEncrypt'],
        ['encrypt', 'ReEncrypt'],
        ['decrypt', 'Decrypt'],
      ].toSpliced(0, 0, ['decrypt', 'Decrypt']),
    )
    const longest = Buffer.alloc(4096, 7)
    const { CiphertextBlob } = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: longest }))
    const whole = await client.send(new kms.DecryptCommand({ CiphertextBlob }))
    assert.deepEqual(Buffer.from(whole.Plaintext ?? []), longest)
    for (const call of [
      client.send(new kms.EnableKeyRotationCommand({ KeyId })),
      client.send(new kms.RotateKeyOnDemandCommand({ KeyId })),
      client.send(
        new kms.GetParametersForImportCommand({
          KeyId,
          WrappingAlgorithm: 'RSAES_OAEP_SHA_256',
          WrappingKeySpec: 'RSA_2048',
        }),
      ),
    ]) {
      const refused = await refusal(call)
      assert.equal(refused.name, 'UnsupportedOperationException')
      assert.match(refused.message, /origin is EXTERNAL_KEY_STORE which is not valid/)
    }
  })
})

test('nothing is sent to an address that the operator has not allowed', async () => {
  let connections = 0
  const listener = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as { port: number }
  try {
    for (const XksProxyUriEndpoint of [
      `https://localhost:${port}`,
      `https://127.0.0.1:${port}`,
      // The beginning of one that is allowed is none.
      proxy.endpoint.slice(0, -1),
      'https://169.254.169.254',
    ]) {
      const refused = await refusal(create({ XksProxyUriEndpoint }))
      assert.equal(refused.name, 'XksProxyInvalidConfigurationException', XksProxyUriEndpoint)
      assert.match(refused.message, /xks_endpoints/)
    }
    await withStore(async (id) => {
      await disconnect(id)
      const moved = await refusal(
        client.send(
          new kms.UpdateCustomKeyStoreCommand({
            CustomKeyStoreId: id,
            XksProxyUriEndpoint: `https://localhost:${port}`,
          }),
        ),
      )
      assert.equal(moved.name, 'XksProxyInvalidConfigurationException')
    })
    // A path or a key id must not lead elsewhere either.
    for (const XksProxyUriPath of ['/../kms/xks/v1', '/a?b=/kms/xks/v1', '@evil/kms/xks/v1'])
      assert.equal((await refusal(create({ XksProxyUriPath }))).name, 'ValidationException')
    assert.equal(connections, 0)
  } finally {
    await new Promise((resolve) => listener.close(resolve))
  }
})

test('a store is made only where the proxy answers well, and each failure has its code', async () => {
  const cases: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['XksProxyUriUnreachableException', () => create({ XksProxyUriEndpoint: nobody })],
    ['XksProxyUriUnreachableException', () => create({ XksProxyUriEndpoint: stranger.endpoint })],
    ['XksProxyInvalidConfigurationException', () => create({ XksProxyUriPath: '/other/kms/xks/v1' })],
    [
      'XksProxyIncorrectAuthenticationCredentialException',
      () =>
        create({
          XksProxyAuthenticationCredential: { ...proxyCredential, RawSecretAccessKey: 'x'.repeat(43) },
        }),
    ],
    ['XksProxyUriUnreachableException', () => misbehaving('silence', create)],
    ['XksProxyInvalidResponseException', () => misbehaving('nonsense', create)],
    ['XksProxyInvalidResponseException', () => misbehaving('redirect', create)],
    ['XksProxyInvalidResponseException', () => misbehaving('flood', create)],
    ['XksProxyInvalidResponseException', () => misbehaving('UNAVAILABLE', create)],
    ['XksProxyInvalidResponseException', () => misbehaving('asleep', create)],
    ['XksProxyUriUnreachableException', () => misbehaving('DependencyTimeoutException', create)],
    ['UnsupportedOperationException', () => create({ CustomKeyStoreType: 'AWS_CLOUDHSM' })],
    ['UnsupportedOperationException', () => create({ XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE' })],
    ['ValidationException', () => create({ XksProxyUriPath: undefined })],
  ]
  for (const [code, attempt] of cases) {
    const refused = await refusal(attempt())
    assert.equal(refused.name, code, `${refused.name}: ${refused.message}`)
    assert.equal(/secret of the proxy|VU6W2/.test(refused.message), false)
  }
  assert.deepEqual((await client.send(new kms.DescribeCustomKeyStoresCommand({}))).CustomKeyStores, [])
})

async function misbehaving<T>(how: string, call: () => Promise<T>): Promise<T> {
  proxy.misbehave = how
  try {
    return await call()
  } finally {
    proxy.misbehave = undefined
  }
}

test('connected, disconnected, failed: the keys of a store follow its state', async () => {
  await withStore(async (id) => {
    proxy.keys.set('state', externalKey())
    const { KeyId } = await createKey(id, 'state')
    const { CiphertextBlob } = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: Buffer.from('x') }))
    const stateOf = async () => (await client.send(new kms.DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState
    assert.equal((await shown(id))?.ConnectionState, 'CONNECTED')
    await connect(id)
    assert.equal((await refusal(remove(id))).name, 'CustomKeyStoreInvalidStateException')
    await disconnect(id)
    assert.equal(await stateOf(), 'Unavailable')
    const cutOff = await refusal(client.send(new kms.DecryptCommand({ CiphertextBlob })))
    assert.equal(cutOff.name, 'KMSInvalidStateException')
    assert.match(cutOff.message, /not connected/)
    assert.equal((await refusal(createKey(id, 'state2'))).name, 'CustomKeyStoreInvalidStateException')
    assert.equal((await refusal(disconnect(id))).name, 'CustomKeyStoreInvalidStateException')
    assert.equal((await refusal(remove(id))).name, 'CustomKeyStoreHasCMKsException')

    await misbehaving('AccessDeniedException', () => connect(id))
    const failed = await shown(id)
    assert.equal(failed?.ConnectionState, 'FAILED')
    assert.equal(failed?.ConnectionErrorCode, 'XKS_PROXY_ACCESS_DENIED')
    assert.equal((await refusal(connect(id))).name, 'CustomKeyStoreInvalidStateException')
    await disconnect(id)
    await connect(id)
    assert.equal(await stateOf(), 'Enabled')
    const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob }))
    assert.equal(Buffer.from(opened.Plaintext ?? []).toString(), 'x')

    // Whatever goes wrong there, the caller gets a sentence, and no word of the proxy's own.
    for (const [how, words] of [
      ['AuthenticationFailedException', /signature/],
      ['AccessDeniedException', /denied access/],
      ['ThrottlingException', /request rate/],
      ['InternalException', /key manager/],
      ['KeyNotFoundException', /no key of this id/],
      ['InvalidStateException', /not enabled/],
      ['silence', /in time/],
      ['nonsense', /cannot be interpreted/],
      ['flood', /cannot be interpreted/],
    ] as const) {
      const refused = await misbehaving(how, () => refusal(client.send(new kms.DecryptCommand({ CiphertextBlob }))))
      assert.equal(refused.name, 'KMSInvalidStateException', how)
      assert.match(refused.message, words)
      assert.equal(refused.message.includes('secret of the proxy'), false)
    }
    const flipped = await misbehaving('bit flip', () =>
      refusal(client.send(new kms.EncryptCommand({ KeyId, Plaintext: Buffer.from('x') }))),
    )
    assert.match(flipped.message, /cannot be interpreted/)
  })
})

test('an external key is taken once, and only where it can serve', async () => {
  await withStore(async (id) => {
    proxy.keys.set('taken', externalKey())
    proxy.keys.set('rsa', externalKey({ spec: 'RSA_2048' }))
    proxy.keys.set('signing', externalKey({ usage: ['SIGN'] }))
    proxy.keys.set('off', externalKey({ status: 'DISABLED' }))
    const results = await Promise.allSettled([createKey(id, 'taken'), createKey(id, 'taken'), createKey(id, 'taken')])
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected'])
    for (const [externalId, code] of [
      ['taken', 'XksKeyAlreadyInUseException'],
      ['missing', 'XksKeyNotFoundException'],
      ['rsa', 'XksKeyInvalidConfigurationException'],
      ['signing', 'XksKeyInvalidConfigurationException'],
      ['off', 'XksKeyInvalidConfigurationException'],
    ] as const)
      assert.equal((await refusal(createKey(id, externalId))).name, code, externalId)
    const denied = await misbehaving('AccessDeniedException', () => refusal(createKey(id, 'other')))
    assert.equal(denied.name, 'KMSInvalidStateException')
    const wishes: readonly (readonly [string, kms.CreateKeyCommandInput])[] = [
      ['ValidationException', { Origin: 'EXTERNAL_KEY_STORE' }],
      ['ValidationException', { CustomKeyStoreId: id, XksKeyId: 'x' }],
      ['CustomKeyStoreNotFoundException', { Origin: 'EXTERNAL_KEY_STORE', CustomKeyStoreId: 'cks-1', XksKeyId: 'x' }],
      ['ValidationException', { Origin: 'EXTERNAL_KEY_STORE', CustomKeyStoreId: id, XksKeyId: '..' }],
    ]
    for (const [code, input] of wishes)
      assert.equal((await refusal(client.send(new kms.CreateKeyCommand(input)))).name, code, JSON.stringify(input))
    proxy.keys.set('spread', externalKey())
    const spread = { Origin: 'EXTERNAL_KEY_STORE', CustomKeyStoreId: id, XksKeyId: 'spread' } as const
    for (const input of [
      { ...spread, MultiRegion: true },
      { ...spread, KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' },
    ] as const)
      assert.ok(await refusal(client.send(new kms.CreateKeyCommand(input))))
  })
})

test('names and addresses are unique; a changed credential is tried before it is taken', async () => {
  await withStore(async (id) => {
    const name = (await shown(id))?.CustomKeyStoreName
    const sameName = await refusal(create({ CustomKeyStoreName: name, XksProxyUriPath: '/other/kms/xks/v1' }))
    assert.equal(sameName.name, 'CustomKeyStoreNameInUseException')
    assert.equal((await refusal(create())).name, 'XksProxyUriInUseException')
    const update = (changes: Partial<kms.UpdateCustomKeyStoreCommandInput>) =>
      client.send(new kms.UpdateCustomKeyStoreCommand({ CustomKeyStoreId: id, ...changes }))
    await update({ NewCustomKeyStoreName: 'renamed' })
    const wrong = { AccessKeyId: proxyCredential.AccessKeyId, RawSecretAccessKey: 'y'.repeat(43) }
    assert.equal(
      (await refusal(update({ XksProxyAuthenticationCredential: wrong }))).name,
      'XksProxyIncorrectAuthenticationCredentialException',
    )
    await update({ XksProxyAuthenticationCredential: proxyCredential })
    assert.equal(
      (await refusal(update({ XksProxyUriEndpoint: nobody }))).name,
      'CustomKeyStoreInvalidStateException',
      'to another address only while it is disconnected',
    )
    const { CreationDate, ...entry } = (await shown(id)) ?? {}
    assert.ok(CreationDate instanceof Date)
    assert.deepEqual(entry, {
      CustomKeyStoreId: id,
      CustomKeyStoreName: 'renamed',
      CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
      ConnectionState: 'CONNECTED',
      XksProxyConfiguration: {
        AccessKeyId: proxyCredential.AccessKeyId,
        Connectivity: 'PUBLIC_ENDPOINT',
        UriEndpoint: proxy.endpoint,
        UriPath: proxy.path,
      },
    })
    const unknown = await refusal(client.send(new kms.DescribeCustomKeyStoresCommand({ CustomKeyStoreName: 'no' })))
    assert.equal(unknown.name, 'CustomKeyStoreNotFoundException')
    const there = kmsClient(service, service, 'us-east-1')
    assert.deepEqual((await there.send(new kms.DescribeCustomKeyStoresCommand({}))).CustomKeyStores, [])
    there.destroy()
  })
})

test('the secret of a proxy is sealed: no file and no answer shows it, and it outlives a new root key', async () => {
  await withStore(async (id) => {
    proxy.keys.set('sealed', externalKey())
    const { KeyId } = await createKey(id, 'sealed')
    const { CiphertextBlob } = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: Buffer.from('x') }))
    await rotateRootKey(service.world)
    const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob }))
    assert.equal(Buffer.from(opened.Plaintext ?? []).toString(), 'x')
    const secret = proxyCredential.RawSecretAccessKey
    const patterns = [secret, base64(secret).slice(0, 40), Buffer.from(secret).toString('hex')]
    const search = (path: string): number => {
      let found = 0
      for (const name of readdirSync(path)) {
        const at = join(path, name)
        if (statSync(at).isDirectory()) found += search(at)
        else {
          const content = readFileSync(at)
          found += 1
          for (const pattern of patterns) assert.equal(content.includes(pattern), false, at)
        }
      }
      return found
    }
    await service.world.audit.checkpoint()
    assert.ok(search(service.config.data) > 3)
  })
})

test('the same over REST, which shows the state of a failed store and the mend', async () => {
  const { api } = service
  const members = {
    name: 'over REST',
    endpoint: proxy.endpoint.toUpperCase().replace('HTTPS', 'https'),
    path: proxy.path,
    accessKeyId: proxyCredential.AccessKeyId,
    secretAccessKey: base64(proxyCredential.RawSecretAccessKey),
  }
  const here = { 'x-keyward-region': region }
  const away = await api('POST', '/v1/key-stores', { ...members, endpoint: 'https://example.com' }, here)
  assert.deepEqual([away.status, away.body.code], [400, 'KeyStoreAddressNotAllowed'])
  assert.match(away.body.mend, /xks_endpoints/)
  const made = await api('POST', '/v1/key-stores', members, here)
  assert.equal(made.status, 200, JSON.stringify(made.body))
  assert.equal(JSON.stringify(made.body).includes(members.secretAccessKey), false)
  const { keyStoreId } = made.body.keyStore
  proxy.keys.set('rest', externalKey())
  try {
    proxy.misbehave = 'InternalException'
    const failed = await api('POST', `/v1/key-stores/${keyStoreId}/connect`, {}, here)
    assert.deepEqual(
      [failed.body.keyStore.connectionState, failed.body.keyStore.connectionFailure],
      ['FAILED', 'ManagerUnavailable'],
    )
    proxy.misbehave = undefined
    await api('POST', `/v1/key-stores/${keyStoreId}/disconnect`, {}, here)
    await api('POST', `/v1/key-stores/${keyStoreId}/connect`, {}, here)
    const wanted = { origin: 'EXTERNAL_KEY_STORE', keyStoreId, externalKeyId: 'rest' }
    const key = await api('POST', '/v1/keys', wanted, here)
    assert.equal(key.body.key?.protectionLevel, 'EXTERNAL', JSON.stringify(key.body))
    const path = `/v1/keys/${key.body.key.keyId}`
    const sealed = await api('POST', `${path}/encrypt`, { plaintext: base64('x') }, here)
    assert.equal(
      (await api('POST', '/v1/decrypt', { ciphertextBlob: sealed.body.ciphertextBlob }, here)).body.plaintext,
      base64('x'),
    )
    const long = await api('POST', `${path}/encrypt`, { plaintext: base64(Buffer.alloc(5000)) }, here)
    assert.deepEqual([long.status, long.body.code], [400, 'InvalidRequest'])
    proxy.misbehave = 'silence'
    const late = await api('POST', `${path}/encrypt`, { plaintext: base64('x') }, here)
    assert.deepEqual([late.status, late.body.code], [502, 'KeyStoreProxyFailed'])
    proxy.misbehave = undefined
    await api('POST', `${path}/schedule-deletion`, { pendingWindowInDays: 7, evenIfRecentlyUsed: true }, here)
    service.clock.advance(days(7))
  } finally {
    await api('POST', `/v1/key-stores/${keyStoreId}/disconnect`, {}, here)
    const gone = await api('DELETE', `/v1/key-stores/${keyStoreId}`, undefined, here)
    assert.equal(gone.status, 200, JSON.stringify(gone.body))
  }
})
