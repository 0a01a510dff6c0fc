import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { base64, type Json, startTestService, type TestService } from './service.ts'

let service: TestService
let keyId: string
before(async () => {
  service = await startTestService()
  keyId = (await service.api('POST', '/v1/keys')).body.key.keyId
})
after(() => service.stop())

const api: TestService['api'] = (...call) => service.api(...call)

test('bad bodies get a clear error each, and change nothing', async () => {
  const encryptPath = `/v1/keys/${keyId}/encrypt`
  const cases: [string, string, number][] = [
    ['not JSON', '{plaintext: "x"}', 400],
    ['cut off', '{"plaintext": "aGVsbG8="', 400],
    ['a list', '["aGVsbG8="]', 400],
    ['null', 'null', 400],
    ['a member twice', '{"plaintext":"aGVsbG8=","plaintext":"aGVsbG8="}', 400],
    ['a member twice, once escaped', '{"plaintext":"aGVsbG8=","pl\\u0061intext":"aGVsbG8="}', 400],
    ['nested deeply', `{"encryptionContext":${'['.repeat(100)}${']'.repeat(100)}}`, 413],
    ['an unknown member', '{"plaintext":"aGVsbG8=","plain":"x"}', 400],
    ['a wrong type', '{"plaintext":5}', 400],
    ['no plaintext', '{}', 400],
    ['an empty plaintext', '{"plaintext":""}', 400],
    ['URL-safe base64', '{"plaintext":"-_-_"}', 400],
    ['base64 without padding', '{"plaintext":"aGVsbG8"}', 400],
    ['base64 with a space', '{"plaintext":"aGVs bG8="}', 400],
    ['base64 with bits to spare', '{"plaintext":"aGVsbG9="}', 400],
    ['one byte too long', JSON.stringify({ plaintext: base64(Buffer.alloc(6145)) }), 400],
    ['a context of numbers', '{"plaintext":"aGVsbG8=","encryptionContext":{"a":1}}', 400],
    ['a context named __proto__', '{"plaintext":"aGVsbG8=","encryptionContext":{"__proto__":"x"}}', 400],
    ['a context too long', JSON.stringify({ plaintext: 'aGVsbG8=', encryptionContext: { a: 'x'.repeat(8193) } }), 400],
    ['the key twice', `{"plaintext":"aGVsbG8=","keyId":"${keyId}"}`, 400],
  ]
  for (const [what, body, status] of cases) {
    const answer = await api('POST', encryptPath, body)
    assert.equal(answer.status, status, `${what}: ${JSON.stringify(answer.body)}`)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    assert.ok(answer.body.code && answer.body.detail && answer.body.requestId, what)
  }
  assert.equal((await api('POST', encryptPath, { plaintext: base64(Buffer.alloc(6144)) })).status, 200)
  const latin = await fetch(`${service.url}${encryptPath}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${service.token}` },
    body: new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]),
  })
  assert.match(((await latin.json()) as Json).detail, /UTF-8/)
})

test('limits of lists and forged page marks are told', async () => {
  for (const query of ['limit=0', 'limit=-1', 'limit=1001', 'limit=x', 'limit=1&limit=2', 'unknown=1', 'marker=forged'])
    assert.equal((await api('GET', `/v1/keys?${query}`)).body.code, 'InvalidRequest', query)
})

test('names with tricks in them name nothing', async () => {
  for (const name of [
    '..',
    '%2e%2e',
    '%2F',
    'alias%2F..%2Fx',
    '%00',
    'alias%2Fa%00b',
    '%ff',
    keyId.toUpperCase(),
    `${keyId}%20`,
    'arn:aws:kms:local:111122223333:key%2F*',
  ]) {
    const { status } = await api('GET', `/v1/keys/${name}`)
    assert.ok(status === 404 || status === 400 || status === 405, `${name}: ${status}`)
  }
  for (const region of ['EU', 'a b', '../x', 'x'.repeat(65), ''])
    assert.notEqual((await api('GET', '/v1/keys', undefined, { 'x-keyward-region': region })).status, 200, region)
})

test('a body over the limit is refused before it is read, by length or by what comes', async () => {
  const large = await api('POST', `/v1/keys/${keyId}/encrypt`, `{"plaintext":"${'A'.repeat(3_000_000)}"}`).catch(
    () => undefined,
  )
  if (large !== undefined) assert.equal(large.status, 413)
  const port = Number(new URL(service.url).port)
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(
        `POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${service.token}\r\nContent-Length: 999999999\r\n\r\n{`,
      )
    })
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      socket.destroy()
    })
    socket.on('close', () => resolve(text))
  })
  assert.match(answer, /^HTTP\/1\.1 413/)
})

test('who has no right learns nothing: an unknown, a foreign, a disabled and an existing key give one answer', async () => {
  await api('POST', '/v1/principals', { principalName: 'stranger' })
  const { token } = (await api('POST', '/v1/principals/stranger/tokens')).body
  const stranger = service.as(token)
  const disabled = (await api('POST', '/v1/keys')).body.key.keyId
  await api('POST', `/v1/keys/${disabled}/disable`)
  await api('POST', '/v1/aliases', { aliasName: 'alias/known', keyId })
  const unknown = '00000000-0000-4000-8000-000000000000'
  const answers = await Promise.all(
    [keyId, disabled, unknown, 'alias%2Fknown', 'alias%2Funknown'].map(async (ref) => {
      const { status, body } = await stranger('POST', `/v1/keys/${ref}/encrypt`, { plaintext: 'aGVsbG8=' })
      const { requestId: _, ...rest } = body
      return JSON.stringify({ status, ...rest })
    }),
  )
  assert.equal(new Set(answers).size, 1, answers.join('\n'))
  assert.match(answers[0] as string, /AccessDenied/)
})

test('a right on one key is none on another, and a Deny beats it', async () => {
  const other = (await api('POST', '/v1/keys')).body.key.keyId
  const statement = (Effect: string, Action: string, id: string) => ({
    Effect,
    Action,
    Resource: `arn:aws:kms:local:111122223333:key/${id}`,
  })
  const put = (statements: object[]) =>
    api('PUT', '/v1/policies/narrow', { document: JSON.stringify({ Version: '2012-10-17', Statement: statements }) })
  assert.equal((await put([statement('Allow', 'kms:*', keyId)])).status, 200)
  await api('POST', '/v1/principals', { principalName: 'narrow', policies: ['narrow'] })
  const narrow = service.as((await api('POST', '/v1/principals/narrow/tokens')).body.token)
  const encrypt = async (id: string) =>
    (await narrow('POST', `/v1/keys/${id}/encrypt`, { plaintext: 'aGVsbG8=' })).status
  assert.equal(await encrypt(keyId), 200)
  assert.equal(await encrypt(other), 403)
  // A changed policy holds for the next request.
  await put([statement('Allow', 'kms:*', keyId), statement('Deny', 'kms:Encrypt', keyId)])
  assert.equal(await encrypt(keyId), 403)
  const explained = await api('POST', '/v1/access/explain', { principalName: 'narrow', action: 'Encrypt', keyId })
  assert.equal(explained.body.allowed, false)
  assert.equal(explained.body.by, 'explicit-deny')
  // So does a principal that is locked out, and a credential that is deleted.
  await put([statement('Allow', 'kms:*', keyId)])
  await api('PATCH', '/v1/principals/narrow', { disabled: true })
  assert.equal(await encrypt(keyId), 401)
  await api('PATCH', '/v1/principals/narrow', { disabled: false })
  assert.equal(await encrypt(keyId), 200)
  const { credentials } = (await api('GET', '/v1/principals/narrow/credentials')).body
  await api('DELETE', `/v1/principals/narrow/credentials/${credentials[0].credentialId}`)
  assert.equal(await encrypt(keyId), 401)
})

test('R55, R65: another account knows nothing of these keys', async () => {
  const made = await api('POST', '/v1/accounts', { account: '999900001111', name: 'tenant' })
  const tenant = service.as(made.body.token)
  const { ciphertextBlob } = (await api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: 'aGVsbG8=' })).body
  assert.equal((await tenant('GET', `/v1/keys/${keyId}`)).body.code, 'KeyNotFound')
  assert.equal((await tenant('POST', '/v1/decrypt', { ciphertextBlob })).body.code, 'KeyNotFound')
  assert.equal((await tenant('GET', '/v1/keys')).body.keys.length, 0)
  assert.equal((await tenant('POST', '/v1/accounts', { account: '999900002222', name: 'x' })).body.code, 'AccessDenied')
  const foreign = await tenant('GET', `/v1/keys/${encodeURIComponent(`arn:aws:kms:local:111122223333:key/${keyId}`)}`)
  assert.equal(foreign.body.code, 'AccessDenied')
  const records = (await tenant('GET', '/v1/audit/records')).body.records
  assert.ok(records.every((record: Json) => record.account === '999900001111'))
  assert.equal((await tenant('GET', '/v1/audit/records/0/proof')).body.code, 'ResourceNotFound')
})

test('the service tells how it is: alive, ready, its metrics, its API', async () => {
  for (const path of ['/livez', '/readyz', '/startupz']) assert.equal((await fetch(service.url + path)).status, 200)
  const metrics = await (await fetch(`${service.url}/metrics`)).text()
  assert.match(metrics, /keyward_requests_total\{face="rest",operation="Encrypt",outcome="ok"\} \d+/)
  const openApi = (await (await fetch(`${service.url}/v1/openapi.json`)).json()) as Json
  assert.equal(openApi.openapi, '3.1.0')
  assert.ok(openApi.paths['/v1/keys/{keyId}/encrypt'].post.requestBody)
  assert.match(await (await fetch(`${service.url}/docs/`)).text(), /swagger-ui/)
  // Outside dev mode the clock cannot be moved.
  assert.equal((await fetch(`${service.url}/dev/clock`, { method: 'POST', body: '{"advance":"P8D"}' })).status, 405)
})
