/** Several processes, one HSM: one agent for all of them, replaced with the keeper. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Connection, isLinux, serveProcesses } from '../processes-service.ts'
import { hsmInstallation } from './served.ts'
import { missing } from './tokens.ts'

/** The agents of HSMs that are children of these processes. */
function agentsOf(parents: readonly number[]): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const parent = Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])
        return parents.includes(parent) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('agent.ts')
      } catch {
        return false
      }
    }).length
}

test('several processes share one agent of the HSM, and a keeper that dies with it is replaced unnoticed', async (t) => {
  const why = isLinux() ? missing('softhsm2') : 'processes are found in /proc'
  if (why !== undefined) {
    t.skip(why)
    return
  }
  const { token, data } = await hsmInstallation(t, 'softhsm2')
  const service = await serveProcesses(data, 2, {
    environment: {
      ...token.connection.environment,
      KEYWARD_HSM_VENDOR: 'softhsm2',
      KEYWARD_HSM_PIN_FILE: token.pinFile,
      KEYWARD_HSM_TOKEN_LABEL: 'test',
      KEYWARD_ROOT_CIPHERTEXT: join(data, 'custody', '1'),
      KEYWARD_ROOT_PRIVATE_KEY: join(data, 'custody', '2'),
      KEYWARD_ROOT_UNLOCK_KEY: join(data, 'custody', '3', 'unlock-key'),
    },
  })
  t.after(() => service.stop())
  const [one, two] = (await service.connectToEach()) as [Connection, Connection]
  const { key } = (await one.call('POST', '/v1/keys', { protectionLevel: 'HSM' })).body
  const plaintext = Buffer.from('hello').toString('base64')
  const encrypt = (connection: Connection) => connection.call('POST', `/v1/keys/${key.keyId}/encrypt`, { plaintext })
  const sealed = (await encrypt(two)).body.ciphertextBlob
  assert.equal((await one.call('POST', '/v1/decrypt', { ciphertextBlob: sealed })).body.plaintext, plaintext)
  assert.equal(agentsOf([...service.pids().values()]), 1)
  // A refusal comes through as what it is.
  const refused = await one.call('POST', '/v1/decrypt', { ciphertextBlob: `${sealed.slice(0, -8)}AAAAAAA=` })
  assert.equal(refused.body.code, 'InvalidCiphertext')

  const before = service.pids().get(0) as number
  let running = true
  const statuses: number[] = []
  const using = [one, two].map(async (connection) => {
    while (running) statuses.push((await encrypt(connection)).status)
  })
  process.kill(before, 'SIGKILL')
  const answered = statuses.length
  for (let looks = 0; statuses.length < answered + 50 || service.pids().get(0) === before; looks++) {
    assert.ok(looks < 600, 'the HSM is used again')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  running = false
  await Promise.all(using)
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal(agentsOf([...service.pids().values()]), 1)
  assert.equal(await service.stop(), 0)
})
