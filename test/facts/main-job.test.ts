import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { base64, startTestService, type TestService } from '../service.ts'

let service: TestService
before(async () => {
  service = await startTestService()
})
after(() => service.stop())

async function newKey(body: object = {}): Promise<string> {
  const { status, body: answer } = await service.api('POST', '/v1/keys', body)
  assert.equal(status, 200, JSON.stringify(answer))
  return answer.key.keyId
}

test('R2, R54: CreateKey makes a key with id, description, status and creation date; R1: over an HTTP REST API', async () => {
  const keyId = await newKey({ description: 'for certificates' })
  const { body } = await service.api('GET', `/v1/keys/${keyId}`)
  assert.equal(body.key.keyId, keyId)
  assert.equal(body.key.description, 'for certificates')
  assert.equal(body.key.keyState, 'Enabled')
  assert.equal(body.key.createdAt, '2026-11-23T12:00:00.000Z')
  assert.equal(body.key.keySpec, 'AES_256')
  const listed = await service.api('GET', '/v1/keys?limit=1000')
  assert.ok(listed.body.keys.some((key: { keyId: string }) => key.keyId === keyId))
})

test('R3, R4: a certificate with its private key is encrypted, and decrypted byte for byte', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-cert-'))
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=keyward.test',
      '-keyout',
      join(folder, 'key.pem'),
      '-out',
      join(folder, 'cert.pem'),
    ],
    { stdio: 'ignore' },
  )
  const certificate = Buffer.concat([readFileSync(join(folder, 'cert.pem')), readFileSync(join(folder, 'key.pem'))])
  rmSync(folder, { recursive: true })
  const keyId = await newKey()
  const encrypted = await service.api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64(certificate) })
  assert.equal(encrypted.status, 200)
  assert.equal(Buffer.from(encrypted.body.ciphertextBlob, 'base64').includes('PRIVATE KEY'), false)
  const decrypted = await service.api('POST', '/v1/decrypt', { ciphertextBlob: encrypted.body.ciphertextBlob })
  assert.deepEqual(Buffer.from(decrypted.body.plaintext, 'base64'), certificate)
  assert.equal(decrypted.body.keyId, keyId)
})

for (const [fact, keySpec] of [
  ['R26', 'AES_256'],
  ['R24', 'SM4'],
] as const)
  test(`${fact}: ${keySpec} keys encrypt and decrypt, with a context that must be the same again`, async () => {
    const keyId = await newKey({ keySpec })
    const encryptionContext = { purpose: 'test', 名: '值' }
    const { body } = await service.api('POST', `/v1/keys/${keyId}/encrypt`, {
      plaintext: base64('hello'),
      encryptionContext,
    })
    const { ciphertextBlob } = body
    const opened = await service.api('POST', '/v1/decrypt', {
      ciphertextBlob,
      encryptionContext: { 名: '值', purpose: 'test' },
    })
    assert.equal(opened.body.plaintext, base64('hello'))
    for (const wrong of [
      {},
      { purpose: 'test' },
      { ...encryptionContext, more: 'x' },
      { purpose: 'tes', 名: 't值' },
      { purpose: 'Test', 名: '值' },
    ]) {
      const refused = await service.api('POST', '/v1/decrypt', { ciphertextBlob, encryptionContext: wrong })
      assert.equal(refused.body.code, 'InvalidCiphertext')
    }
  })

test('R26: an AES_256 key does not sign', async () => {
  const keyId = await newKey()
  const { body } = await service.api('POST', `/v1/keys/${keyId}/sign`, { message: base64('m') })
  assert.equal(body.code, 'KeyUsageMismatch')
})

test('R22: a disabled key refuses use at once, and is usable again when it is enabled', async () => {
  const keyId = await newKey()
  const { body: sealed } = await service.api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('x') })
  assert.equal((await service.api('POST', `/v1/keys/${keyId}/disable`)).status, 200)
  for (const [path, body] of [
    [`/v1/keys/${keyId}/encrypt`, { plaintext: base64('x') }],
    ['/v1/decrypt', { ciphertextBlob: sealed.ciphertextBlob }],
    [`/v1/keys/${keyId}/generate-data-key`, {}],
  ] as const) {
    const refused = await service.api('POST', path, body)
    assert.equal(refused.status, 409)
    assert.equal(refused.body.code, 'KeyDisabled')
    assert.match(refused.body.mend, /Enable/)
  }
  assert.equal((await service.api('GET', `/v1/keys/${keyId}`)).body.key.keyState, 'Disabled')
  assert.equal((await service.api('POST', `/v1/keys/${keyId}/enable`)).status, 200)
  assert.equal(
    (await service.api('POST', '/v1/decrypt', { ciphertextBlob: sealed.ciphertextBlob })).body.plaintext,
    base64('x'),
  )
})

test('R55: no key opens the ciphertext of another', async () => {
  const [one, other] = [await newKey(), await newKey()]
  const { body } = await service.api('POST', `/v1/keys/${one}/encrypt`, { plaintext: base64('x') })
  const named = await service.api('POST', '/v1/decrypt', { ciphertextBlob: body.ciphertextBlob, keyId: other })
  assert.equal(named.body.code, 'IncorrectKey')
  // A ciphertext whose header is turned to another key does not open either.
  const bytes = Buffer.from(body.ciphertextBlob, 'base64')
  Buffer.from(other.replaceAll('-', ''), 'hex').copy(bytes, 5)
  const { body: owns } = await service.api('GET', `/v1/keys/${other}`)
  Buffer.from(owns.key.primaryVersionId.replaceAll('-', ''), 'hex').copy(bytes, 21)
  const forged = await service.api('POST', '/v1/decrypt', { ciphertextBlob: base64(bytes) })
  assert.equal(forged.body.code, 'InvalidCiphertext')
})

test('a ciphertext that was changed anywhere does not open', async () => {
  const keyId = await newKey()
  const { body } = await service.api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('some plaintext') })
  const bytes = Buffer.from(body.ciphertextBlob, 'base64')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] as number) ^ 0x01
    const { status } = await service.api('POST', '/v1/decrypt', { ciphertextBlob: base64(changed) })
    assert.ok(status === 400 || status === 404, `byte ${at}: ${status}`)
  }
  for (const cut of [0, 1, 36, 37, 60, bytes.length - 1]) {
    const { status } = await service.api('POST', '/v1/decrypt', { ciphertextBlob: base64(bytes.subarray(0, cut)) })
    assert.equal(status, 400)
  }
  const longer = await service.api('POST', '/v1/decrypt', {
    ciphertextBlob: base64(Buffer.concat([bytes, Buffer.from([0])])),
  })
  assert.equal(longer.body.code, 'InvalidCiphertext')
})

test('a ciphertext in base64 twice is told so, with the mend', async () => {
  const keyId = await newKey()
  const { body } = await service.api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('x') })
  const twice = await service.api('POST', '/v1/decrypt', { ciphertextBlob: base64(body.ciphertextBlob) })
  assert.equal(twice.body.code, 'InvalidCiphertext')
  assert.match(twice.body.mend, /fileb:\/\//)
})

test('ReEncrypt moves a ciphertext to another key and context', async () => {
  const [one, other] = [await newKey(), await newKey({ keySpec: 'SM4' })]
  const { body } = await service.api('POST', `/v1/keys/${one}/encrypt`, {
    plaintext: base64('x'),
    encryptionContext: { a: '1' },
  })
  const moved = await service.api('POST', '/v1/re-encrypt', {
    ciphertextBlob: body.ciphertextBlob,
    sourceEncryptionContext: { a: '1' },
    destinationKeyId: other,
    destinationEncryptionContext: { b: '2' },
  })
  assert.equal(moved.body.sourceKeyId, one)
  assert.equal(moved.body.plaintext, undefined)
  const opened = await service.api('POST', '/v1/decrypt', {
    ciphertextBlob: moved.body.ciphertextBlob,
    encryptionContext: { b: '2' },
  })
  assert.equal(opened.body.plaintext, base64('x'))
  assert.equal(opened.body.keyId, other)
})

test('a data key comes in plaintext and sealed, or sealed only', async () => {
  const keyId = await newKey()
  const { body } = await service.api('POST', `/v1/keys/${keyId}/generate-data-key`, { dataKeySpec: 'AES_256' })
  assert.equal(Buffer.from(body.plaintext, 'base64').length, 32)
  assert.equal(
    (await service.api('POST', '/v1/decrypt', { ciphertextBlob: body.ciphertextBlob })).body.plaintext,
    body.plaintext,
  )
  const sealed = await service.api('POST', `/v1/keys/${keyId}/generate-data-key-without-plaintext`, {
    numberOfBytes: 17,
  })
  assert.equal(sealed.body.plaintext, undefined)
  const opened = await service.api('POST', '/v1/decrypt', { ciphertextBlob: sealed.body.ciphertextBlob })
  assert.equal(Buffer.from(opened.body.plaintext, 'base64').length, 17)
})

test('a batch gives each item its own answer or error, and its own audit record', async () => {
  const keyId = await newKey()
  const many = await service.api('POST', `/v1/keys/${keyId}/batch-encrypt`, {
    items: [{ plaintext: base64('a') }, { plaintext: base64('b'), encryptionContext: { n: '2' } }],
  })
  assert.equal(many.body.items.length, 2)
  const opened = await service.api('POST', '/v1/batch-decrypt', {
    items: [
      { ciphertextBlob: many.body.items[0].ciphertextBlob },
      { ciphertextBlob: many.body.items[1].ciphertextBlob },
      { ciphertextBlob: many.body.items[1].ciphertextBlob, encryptionContext: { n: '2' } },
      { ciphertextBlob: base64('nonsense') },
    ],
  })
  assert.equal(opened.body.items[0].plaintext, base64('a'))
  assert.equal(opened.body.items[1].error.code, 'InvalidCiphertext')
  assert.equal(opened.body.items[2].plaintext, base64('b'))
  assert.equal(opened.body.items[3].error.code, 'InvalidCiphertext')
  const requestId = opened.headers.get('x-request-id')
  const records = await service.api('GET', '/v1/audit/records?operation=Decrypt&limit=10')
  const ofBatch = records.body.records.filter((record: { requestId: string }) =>
    record.requestId.startsWith(`${requestId}.`),
  )
  assert.equal(ofBatch.length, 4)
})

test('every call is on record, with what its audit schema lists and no secret', async () => {
  const keyId = await newKey()
  const secret = 'a-plaintext-that-must-not-be-logged'
  const { headers } = await service.api('POST', `/v1/keys/${keyId}/encrypt`, {
    plaintext: base64(secret),
    encryptionContext: { app: 'billing' },
  })
  await service.api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: 'not base64!' })
  const { body } = await service.api('GET', `/v1/audit/records?keyId=${keyId}&operation=Encrypt`)
  const record = body.records.find((one: { requestId: string }) => one.requestId === headers.get('x-request-id'))
  assert.deepEqual(record.input, { keyId, encryptionContext: { app: 'billing' } })
  assert.equal(record.outcome, 'ok')
  assert.equal(record.principal, 'arn:aws:iam::111122223333:user/admin')
  assert.equal(JSON.stringify(body).includes(base64(secret)), false)
  const failed = await service.api('GET', '/v1/audit/records?outcome=InvalidRequest')
  assert.ok(failed.body.records.length > 0)
})

test('a wrong token is refused, and that is on record', async () => {
  const size = service.world.audit.size()
  const refused = await service.as('kwt_wrong-token')('GET', '/v1/keys')
  assert.equal(refused.status, 401)
  assert.equal(refused.body.code, 'NotAuthenticated')
  assert.equal(service.world.audit.size(), size + 1)
})
