/** What callers and operators see when the token, or the process that speaks to it, fails; and where its PIN is found. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { EncryptCommand } from '@aws-sdk/client-kms'
import type { Pkcs11Device } from '../../src/devices/pkcs11/device.ts'
import { kmsClient, refusal } from '../aws/clients.ts'
import { type Answer, base64, type TestService } from '../service.ts'
import { hsmInstallation, hsmSettings } from './served.ts'
import { cloneOf, eventually, missing, softVendors } from './tokens.ts'

const skip = missing('softhsm2') ?? false
const text = base64('what is computed while the token fails')

function agentOf(service: TestService): number | undefined {
  return (service.world.devices.get('HSM') as Pkcs11Device).agentProcessId()
}

async function newKey(service: TestService, protectionLevel: 'HSM' | 'SOFTWARE'): Promise<string> {
  const { body } = await service.api('POST', '/v1/keys', { protectionLevel })
  return body.key.keyId
}

const encrypt = (service: TestService, keyId: string, token = service.token): Promise<Answer> =>
  service.as(token)('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: text })

const readiness = async (service: TestService) => {
  const response = await fetch(`${service.url}/readyz`)
  return { status: response.status, body: (await response.json()) as { failing: Record<string, string> } }
}

test('an agent that dies costs the requests in flight a retryable error, and other keys nothing', {
  skip,
}, async (t) => {
  const service = await (await hsmInstallation(t, 'softhsm2')).start()
  const [hsm, software] = [await newKey(service, 'HSM'), await newKey(service, 'SOFTWARE')]
  assert.equal((await encrypt(service, hsm)).status, 200)
  let lost = 0
  for (let round = 0; round < 5; round += 1) {
    const killed = agentOf(service) as number
    // Stopped first: so that there are requests in flight when it dies.
    process.kill(killed, 'SIGSTOP')
    const underWay = Array.from({ length: 20 }, () => encrypt(service, hsm))
    await Promise.all(Array.from({ length: 5 }, () => encrypt(service, software)))
    process.kill(killed, 'SIGKILL')
    for (const answer of await Promise.all(underWay)) {
      if (answer.status === 200) continue
      lost += 1
      assert.deepEqual([answer.status, answer.body.code], [503, 'DeviceUnavailable'])
      assert.equal(answer.headers.get('retry-after'), '1')
      assert.doesNotMatch(JSON.stringify(answer.body), /agent|pkcs|CKR_/i)
    }
    await eventually(async () => (await encrypt(service, hsm)).status === 200)
    assert.notEqual(agentOf(service), killed)
  }
  assert.ok(lost >= 5)
  assert.equal((await readiness(service)).status, 200)

  // What AWS's SDK takes for worth another try, it tries again by itself.
  process.kill(agentOf(service) as number, 'SIGSTOP')
  const call = new EncryptCommand({ KeyId: hsm, Plaintext: Buffer.from('once more') })
  const client = kmsClient(service, service, 'local')
  const failing = refusal(client.send(call))
  await new Promise((resolve) => setTimeout(resolve, 100))
  process.kill(agentOf(service) as number, 'SIGKILL')
  const { $retryable, $metadata, name } = await failing
  assert.ok($metadata.httpStatusCode === 500 || $retryable !== undefined, name)
  client.destroy()
})

test('a token that is pulled: readiness tells, software keys serve on, and it is served again once it is back', {
  skip,
}, async (t) => {
  const installation = await hsmInstallation(t, 'softhsm2')
  const told: string[] = []
  const service = await installation.start({ warn: (facts, words) => told.push(`${words} ${JSON.stringify(facts)}`) })
  const [hsm, software] = [await newKey(service, 'HSM'), await newKey(service, 'SOFTWARE')]
  assert.deepEqual(told, [])
  const before = await encrypt(service, hsm)
  const { objects, directory } = installation.token
  await rename(objects, join(directory, 'pulled'))
  // The agent lives on what it has open: it is the next one that finds no token.
  process.kill(agentOf(service) as number, 'SIGKILL')
  await eventually(async () => (await readiness(service)).status === 503)
  assert.deepEqual(Object.keys((await readiness(service)).body.failing), ['device HSM'])
  const refused = await encrypt(service, hsm)
  assert.deepEqual([refused.status, refused.body.code], [503, 'DeviceUnavailable'])
  const made = await service.api('POST', '/v1/keys', { protectionLevel: 'HSM' })
  assert.equal(made.body.code, 'DeviceUnavailable')
  assert.equal((await encrypt(service, software)).status, 200)
  await rename(join(directory, 'pulled'), objects)
  await eventually(async () => (await readiness(service)).status === 200)
  const opened = await service.api('POST', '/v1/decrypt', { ciphertextBlob: before.body.ciphertextBlob })
  assert.equal(opened.body.plaintext, text)
  // The operator hears of it, and of no secret.
  const log = told.join('\n')
  for (const words of ['HSM agent ended', 'HSM agent cannot start', 'HSM agent serves again'])
    assert.ok(log.includes(words), words)
  assert.equal(log.includes(installation.token.pin), false)
})

for (const vendor of softVendors) {
  test(`${vendor}: two tokens with the same root key and one key store: either serves`, {
    skip: missing(vendor) ?? false,
  }, async (t) => {
    const installation = await hsmInstallation(t, vendor)
    const first = await installation.start()
    const { token } = first
    const keyId = await newKey(first, 'HSM')
    const blobs = [(await encrypt(first, keyId)).body.ciphertextBlob]
    await first.stop()
    const clone = await cloneOf(t, installation.token)
    for (const where of [clone, installation.token]) {
      const environment = where.connection.environment ?? {}
      const service = await installation.start({ config: hsmSettings(where), environment })
      for (const ciphertextBlob of blobs) {
        const opened = await service.as(token)('POST', '/v1/decrypt', { ciphertextBlob })
        assert.equal(opened.body.plaintext, text, JSON.stringify(opened.body))
      }
      // A key that this token made, for the other to open.
      const made = await service.as(token)('POST', '/v1/keys', { protectionLevel: 'HSM' })
      blobs.push((await encrypt(service, made.body.key.keyId, token)).body.ciphertextBlob)
      await service.stop()
    }
  })
}

test('the PIN comes from a file, a systemd credential or the environment; no list of settings and no process shows it', {
  skip,
}, async (t) => {
  const installation = await hsmInstallation(t, 'softhsm2')
  const { pin, connection, directory } = installation.token
  const credentials = join(directory, 'credentials')
  await mkdir(credentials, { mode: 0o700 })
  // As systemd hands one in: owned by the service's user, readable and no more.
  await writeFile(join(credentials, 'hsm-pin'), pin, { mode: 0o400 })
  const fromEnvironment = { ...connection.environment, KEYWARD_HSM_PIN: pin }
  const first = await installation.start()
  const { token } = first
  await first.stop()
  const sources = [
    {},
    { config: { hsmPinFile: join(credentials, 'hsm-pin') } },
    { config: { hsmPinFile: undefined }, environment: fromEnvironment },
  ]
  for (const source of sources) {
    const service = await installation.start(source)
    const made = await service.as(token)('POST', '/v1/keys', { protectionLevel: 'HSM' })
    assert.equal(made.status, 200, JSON.stringify(made.body))
    const agent = agentOf(service) as number
    for (const file of ['cmdline', 'environ'])
      assert.equal(readFileSync(`/proc/${agent}/${file}`).includes(pin), false, file)
    await service.stop()
  }
  await assert.rejects(installation.start({ environment: fromEnvironment }), /Both hsm_pin_file and KEYWARD_HSM_PIN/)
  await assert.rejects(installation.start({ config: { hsmPinFile: undefined } }), /Neither hsm_pin_file nor/)
  const { stdout, stderr, status } = spawnSync(process.execPath, ['src/main.ts', 'settings'], {
    cwd: join(import.meta.dirname, '..', '..'),
    encoding: 'utf8',
    env: { ...process.env, ...fromEnvironment },
  })
  assert.equal(status, 0, stderr)
  assert.match(stdout, /hsm_pin_file/)
  assert.equal(`${stdout}${stderr}`.includes(pin), false)
})
