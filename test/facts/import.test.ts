import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { base64, days, type Json, startTestService, type TestService } from '../service.ts'

let service: TestService
const logged: string[] = []
let folder: string
before(async () => {
  service = await startTestService({ on: 'sqlite', logTo: (line) => logged.push(line) })
  folder = mkdtempSync(join(tmpdir(), 'keyward-import-'))
})
after(async () => {
  await service.stop()
  rmSync(folder, { recursive: true })
})

const api: TestService['api'] = (...call) => service.api(...call)
const external = async (more: object = {}): Promise<string> =>
  (await api('POST', '/v1/keys', { origin: 'EXTERNAL', ...more })).body.key.keyId
const parameters = async (keyId: string, body: object = { wrappingKeySpec: 'RSA_2048' }): Promise<Json> =>
  (await api('POST', `/v1/keys/${keyId}/import-parameters`, body)).body
const encrypt = async (keyId: string) =>
  (await api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('x') })).body
const decrypt = async (ciphertextBlob: string) => (await api('POST', '/v1/decrypt', { ciphertextBlob })).body
const stateOf = async (keyId: string) => (await api('GET', `/v1/keys/${keyId}`)).body.key.keyState

const sha256 = ['-pkeyopt', 'rsa_padding_mode:oaep', '-pkeyopt', 'rsa_oaep_md:sha256', '-pkeyopt', 'rsa_mgf1_md:sha256']
/** With plain openssl, as docs/import.md has it. */
function wrap(pem: string, material: Uint8Array, options: readonly string[] = sha256): string {
  const [publicKey, plain, wrapped] = ['public.pem', 'material.bin', 'wrapped.bin'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  writeFileSync(publicKey, pem)
  writeFileSync(plain, material)
  execFileSync('openssl', [
    'pkeyutl',
    '-encrypt',
    '-pubin',
    '-inkey',
    publicKey,
    '-in',
    plain,
    '-out',
    wrapped,
    ...options,
  ])
  return base64(readFileSync(wrapped))
}

async function importInto(keyId: string, material: Uint8Array, more: object = {}): Promise<Json> {
  const given = await parameters(keyId)
  return (
    await api('POST', `/v1/keys/${keyId}/import`, {
      importToken: given.importToken,
      encryptedKeyMaterial: wrap(given.pem, material),
      ...more,
    })
  ).body
}

test('R44: only AES_256 takes external material', async () => {
  for (const keySpec of ['SM4', 'RSA_2048', 'EC_P256', 'SM2', 'HMAC_SHA_256', 'ML_DSA_44'])
    assert.equal(
      (await api('POST', '/v1/keys', { origin: 'EXTERNAL', keySpec })).body.code,
      'KeyOriginMismatch',
      keySpec,
    )
})

test('R5, R6, R43: parameters, wrapping with openssl, import; then the key works', async () => {
  const keyId = await external()
  assert.equal(await stateOf(keyId), 'PendingImport')
  assert.equal((await encrypt(keyId)).code, 'KeyPendingImport')
  const given = await parameters(keyId)
  assert.match(given.pem, /^-----BEGIN PUBLIC KEY-----/)
  assert.equal((await importInto(keyId, randomBytes(32))).status, 'Imported')
  assert.equal(await stateOf(keyId), 'Enabled')
  const sealed = await encrypt(keyId)
  assert.equal((await decrypt(sealed.ciphertextBlob)).plaintext, base64('x'))
})

test('every wrapping key spec and algorithm brings the same material in', async () => {
  const keyId = await external()
  const material = randomBytes(32)
  const oaep = { RSAES_OAEP_SHA_256: sha256, RSAES_OAEP_SHA_1: ['-pkeyopt', 'rsa_padding_mode:oaep'] }
  for (const wrappingKeySpec of ['RSA_2048', 'RSA_3072', 'RSA_4096'])
    for (const [wrappingAlgorithm, options] of Object.entries(oaep)) {
      const given = await parameters(keyId, { wrappingKeySpec, wrappingAlgorithm })
      const { status, body } = await api('POST', `/v1/keys/${keyId}/import`, {
        importToken: given.importToken,
        encryptedKeyMaterial: wrap(given.pem, material, options),
      })
      assert.equal(status, 200, JSON.stringify(body))
    }
  for (const hash of ['SHA_256', 'SHA_1']) {
    const given = await parameters(keyId, { wrappingAlgorithm: `RSA_AES_KEY_WRAP_${hash}` })
    const ephemeral = randomBytes(32)
    const { createCipheriv } = await import('node:crypto')
    const cipher = createCipheriv('id-aes256-wrap-pad', ephemeral, Buffer.from('a65959a6', 'hex'))
    const inner = Buffer.concat([cipher.update(material), cipher.final()])
    const outer = Buffer.from(wrap(given.pem, ephemeral, hash === 'SHA_1' ? oaep.RSAES_OAEP_SHA_1 : sha256), 'base64')
    const { status, body } = await api('POST', `/v1/keys/${keyId}/import`, {
      importToken: given.importToken,
      encryptedKeyMaterial: base64(Buffer.concat([outer, inner])),
    })
    assert.equal(status, 200, JSON.stringify(body))
  }
})

test('R7, R8: a token goes with its own public key and its own key', async () => {
  const [one, other] = [await external(), await external()]
  const material = randomBytes(32)
  const [a, b] = [await parameters(one), await parameters(one)]
  const crossed = await api('POST', `/v1/keys/${one}/import`, {
    importToken: a.importToken,
    encryptedKeyMaterial: wrap(b.pem, material),
  })
  assert.equal(crossed.body.code, 'InvalidKeyMaterial')
  const foreign = await api('POST', `/v1/keys/${other}/import`, {
    importToken: a.importToken,
    encryptedKeyMaterial: wrap(a.pem, material),
  })
  assert.equal(foreign.body.code, 'InvalidImportToken')
  assert.match(foreign.body.detail, /another key/)
  const token = Buffer.from(a.importToken, 'base64')
  for (const at of [0, 20, 40, token.length - 2]) {
    const forged = Buffer.from(token)
    forged[at] = (forged[at] as number) ^ 1
    assert.equal(
      (
        await api('POST', `/v1/keys/${one}/import`, {
          importToken: base64(forged),
          encryptedKeyMaterial: wrap(a.pem, material),
        })
      ).body.code,
      'InvalidImportToken',
    )
  }
  assert.equal(await stateOf(one), 'PendingImport')
})

test('R9, R10, R11: a token serves for 24 hours, more than once, and not after', async () => {
  const keyId = await external()
  const material = randomBytes(32)
  const given = await parameters(keyId)
  const again = await parameters(keyId)
  assert.notEqual(again.importToken, given.importToken)
  assert.notEqual(again.publicKey, given.publicKey)
  assert.equal(Date.parse(given.expiresAt), service.clock.now() + days(1))
  const body = { importToken: given.importToken, encryptedKeyMaterial: wrap(given.pem, material) }
  assert.equal((await api('POST', `/v1/keys/${keyId}/import`, body)).status, 200)
  service.clock.advance(days(1) - 1)
  assert.equal((await api('POST', `/v1/keys/${keyId}/import`, body)).status, 200)
  service.clock.advance(1)
  const late = await api('POST', `/v1/keys/${keyId}/import`, body)
  assert.equal(late.body.code, 'ExpiredImportToken')
  await service.chores()
  assert.equal(
    (await service.world.store.list('wrappingKey', { partition: '111122223333/local', prefix: `${keyId}/`, limit: 10 }))
      .records.length,
    0,
  )
})

test('R47, R48: an imported key is not rotated and has one version', async () => {
  const keyId = await external()
  await importInto(keyId, randomBytes(32))
  assert.equal(
    (await api('POST', '/v1/keys', { origin: 'EXTERNAL', rotationPeriodDays: 30 })).body.code,
    'RotationNotSupported',
  )
  assert.equal(
    (await api('PUT', `/v1/keys/${keyId}/rotation-policy`, { enabled: true, periodDays: 30 })).body.code,
    'RotationNotSupported',
  )
  assert.equal((await api('POST', `/v1/keys/${keyId}/rotate`)).body.code, 'RotationNotSupported')
  assert.equal((await api('POST', `/v1/keys/${keyId}/versions`)).body.code, 'KeyOriginMismatch')
  assert.equal((await api('GET', `/v1/keys/${keyId}/versions`)).body.versions.length, 1)
})

test('R49, R50, R51, R52, R53: material expires at its instant or is deleted by hand, comes back, and no other ever comes in', async () => {
  const keyId = await external()
  const material = randomBytes(32)
  const expiry = new Date(service.clock.now() + days(2)).toISOString()
  assert.equal((await importInto(keyId, material, { materialExpiresAt: expiry })).status, 'Imported')
  const sealed = await encrypt(keyId)
  service.clock.advance(days(2) - 1)
  assert.equal((await decrypt(sealed.ciphertextBlob)).plaintext, base64('x'))
  service.clock.advance(1)
  // R50: by the clock alone, before any chore
  assert.equal((await decrypt(sealed.ciphertextBlob)).code, 'KeyPendingImport')
  assert.equal(await stateOf(keyId), 'PendingImport')
  assert.equal((await importInto(keyId, randomBytes(32))).code, 'IncorrectKeyMaterial')
  await service.chores()
  const version = (
    await service.world.store.list('version', { partition: '111122223333/local', prefix: `${keyId}/`, limit: 1 })
  ).records[0]
  assert.equal(version?.sealed, undefined)
  assert.equal((await importInto(keyId, randomBytes(32))).code, 'IncorrectKeyMaterial')
  // R52
  assert.equal((await importInto(keyId, material)).status, 'Imported')
  assert.equal((await decrypt(sealed.ciphertextBlob)).plaintext, base64('x'))
  // R51
  assert.equal((await api('DELETE', `/v1/keys/${keyId}/material`)).status, 200)
  assert.equal(await stateOf(keyId), 'PendingImport')
  assert.equal((await api('GET', `/v1/keys/${keyId}`)).body.key.keyId, keyId)
  assert.equal((await importInto(keyId, randomBytes(32))).code, 'IncorrectKeyMaterial')
  assert.equal((await importInto(keyId, material)).status, 'Imported')
  assert.equal((await decrypt(sealed.ciphertextBlob)).plaintext, base64('x'))
  // R53, after a cancelled deletion too
  await api('POST', `/v1/keys/${keyId}/schedule-deletion`, { evenIfRecentlyUsed: true })
  await api('DELETE', `/v1/keys/${keyId}/material`)
  await api('POST', `/v1/keys/${keyId}/cancel-deletion`)
  assert.equal(await stateOf(keyId), 'PendingImport')
  assert.equal((await importInto(keyId, randomBytes(32))).code, 'IncorrectKeyMaterial')
})

test('R55: two keys with the same material do not open each other', async () => {
  const material = randomBytes(32)
  const [one, other] = [await external(), await external()]
  await importInto(one, material)
  await importInto(other, material)
  const { ciphertextBlob } = await encrypt(one)
  const versionOf = async (keyId: string) => (await api('GET', `/v1/keys/${keyId}`)).body.key.primaryVersionId
  const turned = Buffer.from(ciphertextBlob, 'base64')
  Buffer.from(other.replaceAll('-', ''), 'hex').copy(turned, 5)
  Buffer.from((await versionOf(other)).replaceAll('-', ''), 'hex').copy(turned, 21)
  assert.equal((await decrypt(base64(turned))).code, 'InvalidCiphertext')
  const fingerprints = await Promise.all(
    [one, other].map(async (id) => {
      const versions = await service.world.store.list('version', {
        partition: '111122223333/local',
        prefix: `${id}/`,
        limit: 1,
      })
      return versions.records[0]?.imported?.fingerprint
    }),
  )
  assert.match(fingerprints[0] ?? '', /^[0-9a-f]{64}$/)
  assert.notEqual(fingerprints[0], fingerprints[1])
})

test('R48, R53: at this face no other material is ever offered a place, also where it is called new', async () => {
  const keyId = await external()
  await importInto(keyId, randomBytes(32), { importType: 'NEW_KEY_MATERIAL' })
  const again = await importInto(keyId, randomBytes(32), { importType: 'NEW_KEY_MATERIAL' })
  assert.equal(again.code, 'IncorrectKeyMaterial')
  assert.match(again.mend, /another key/)
  assert.equal((await api('GET', `/v1/keys/${keyId}/versions`)).body.versions.length, 1)
})

test('each mistake of an import says its mend', async () => {
  const keyId = await external()
  const material = randomBytes(32)
  const given = await parameters(keyId)
  const attempt = async (encryptedKeyMaterial: string) =>
    (await api('POST', `/v1/keys/${keyId}/import`, { importToken: given.importToken, encryptedKeyMaterial })).body
  const words = (body: Json) => `${body.detail} ${body.mend}`
  const sha1 = await attempt(wrap(given.pem, material, ['-pkeyopt', 'rsa_padding_mode:oaep']))
  assert.equal(sha1.code, 'InvalidKeyMaterial')
  assert.match(words(sha1), /rsa_oaep_md:sha256/)
  assert.match(words(await attempt(wrap(given.pem, Buffer.from(material.toString('hex'))))), /hex/)
  assert.match(words(await attempt(wrap(given.pem, Buffer.from(material.toString('base64'))))), /base64/)
  assert.match(words(await attempt(wrap(given.pem, randomBytes(16)))), /32/)
  assert.match(words(await attempt(base64(wrap(given.pem, material)))), /base64/)
  assert.equal(await stateOf(keyId), 'PendingImport')
})

test('dual control: an import waits for a second principal', async () => {
  const keyId = await external({ importApproval: true })
  assert.equal((await importInto(keyId, randomBytes(32))).status, 'PendingApproval')
  assert.equal(await stateOf(keyId), 'PendingImport')
  assert.equal((await api('POST', `/v1/keys/${keyId}/approve-import`)).body.code, 'ApprovalRequired')
  await api('POST', '/v1/principals', { principalName: 'second', policies: ['KeyAdministrator'] })
  const { token } = (await api('POST', '/v1/principals/second/tokens')).body
  const approved = await service.as(token)('POST', `/v1/keys/${keyId}/approve-import`)
  assert.equal(approved.status, 200, JSON.stringify(approved.body))
  assert.equal(await stateOf(keyId), 'Enabled')
})

test('dual control: whoever may sees what waits, and refuses it', async () => {
  const keyId = await external({ importApproval: true })
  const waiting = async () =>
    (await api('GET', '/v1/import-requests')).body.importRequests.filter((one: Json) => one.keyId === keyId)
  assert.deepEqual(await waiting(), [])
  await importInto(keyId, randomBytes(32))
  const [request] = await waiting()
  assert.match(request.requestedBy, /:user\/admin$/)
  assert.equal(JSON.stringify(request).includes('importToken'), false)
  assert.equal((await api('POST', `/v1/keys/${keyId}/reject-import`)).status, 200)
  assert.deepEqual(await waiting(), [])
  assert.equal((await api('POST', `/v1/keys/${keyId}/reject-import`)).body.code, 'ResourceNotFound')
  assert.equal((await api('POST', `/v1/keys/${keyId}/approve-import`)).body.code, 'ResourceNotFound')
  assert.equal(await stateOf(keyId), 'PendingImport')
  await importInto(keyId, randomBytes(32))
  service.clock.advance(days(1))
  assert.deepEqual(await waiting(), [], 'a request ends with its token')
})

test('nothing of the material is in the database, its log, the audit log, or what is logged', async () => {
  const keyId = await external()
  const material = randomBytes(32)
  await importInto(keyId, material)
  await encrypt(keyId)
  await service.world.audit.checkpoint()
  // Whatever stands before it in the same base64: three ways to be cut into groups of three bytes.
  const inBase64 = [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), material])
      .toString('base64')
      .slice(before === 0 ? 0 : 4, 40),
  )
  const patterns = [
    material,
    ...[material.toString('hex'), material.toString('hex').toUpperCase(), ...inBase64].map((text) => Buffer.from(text)),
  ]
  const said = Buffer.from(logged.join(''))
  assert.ok(said.includes('ImportKeyMaterial'))
  for (const pattern of patterns) assert.equal(said.includes(pattern), false)
  let searched = 0
  const search = (path: string) => {
    for (const name of readdirSync(path)) {
      const at = join(path, name)
      if (statSync(at).isDirectory()) search(at)
      else {
        const content = readFileSync(at)
        searched += content.length
        for (const pattern of patterns) assert.equal(content.includes(pattern), false, at)
      }
    }
  }
  search(service.config.data)
  assert.ok(searched > 10_000)
})

test('no sequence of imports, expiries, deletions and cancels ever lets a second material in', async () => {
  const step = fc.constantFrom('own', 'other', 'expire', 'delete', 'schedule', 'cancel', 'disable', 'enable', 'chores')
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 10 }), async (steps) => {
      const keyId = await external()
      const [own, other] = [randomBytes(32), randomBytes(32)]
      await importInto(keyId, own)
      const { ciphertextBlob } = await encrypt(keyId)
      for (const one of steps) {
        if (one === 'own')
          await importInto(keyId, own, { materialExpiresAt: new Date(service.clock.now() + 1000).toISOString() })
        else if (one === 'other') {
          const { code } = await importInto(keyId, other)
          assert.ok(code === 'IncorrectKeyMaterial' || code === 'KeyPendingDeletion', code)
        } else if (one === 'expire') service.clock.advance(2000)
        else if (one === 'delete') await api('DELETE', `/v1/keys/${keyId}/material`)
        else if (one === 'schedule')
          await api('POST', `/v1/keys/${keyId}/schedule-deletion`, { evenIfRecentlyUsed: true })
        else if (one === 'cancel') await api('POST', `/v1/keys/${keyId}/cancel-deletion`)
        else if (one === 'chores') await service.chores()
        else await api('POST', `/v1/keys/${keyId}/${one}`)
        const answer = await decrypt(ciphertextBlob)
        assert.ok(
          answer.plaintext === base64('x') ||
            ['KeyPendingImport', 'KeyPendingDeletion', 'KeyDisabled'].includes(answer.code),
          JSON.stringify(answer),
        )
      }
    }),
    { numRuns: 12 },
  )
})
