import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect as connectSocket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Key } from '../src/domain/key.ts'
import { openSqliteStore } from '../src/stores/sqlite/store.ts'
import { ask, seconds } from './alibaba/service.ts'
import {
  type Connection,
  isLinux,
  keyward,
  type Processes,
  recordedRequests,
  serveProcesses,
} from './processes-service.ts'

const onLinux = { skip: isLinux() ? false : 'processes are found in /proc' }

function dataFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-processes-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'data')
}

async function start(t: TestContext, data: string, processes: number, options = {}): Promise<Processes> {
  const service = await serveProcesses(data, processes, options)
  t.after(() => service.stop())
  return service
}

const newKey = async (connection: Connection) =>
  (await connection.call('POST', '/v1/keys', {})).body.key.keyId as string
const plaintext = Buffer.from('hello').toString('base64')
const encrypt = (connection: Connection, keyId: string) =>
  connection.call('POST', `/v1/keys/${keyId}/encrypt`, { plaintext })

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await holds()); looks++) {
    assert.ok(looks < 600, `never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test(
  'several processes are one service: what one did the others know, count and have on record',
  onLinux,
  async (t) => {
    const data = dataFor(t)
    let service = await start(t, data, 3)
    const { token } = service
    let each = await service.connectToEach()
    assert.deepEqual(
      each.map((connection) => connection.process),
      [1, 2, 3],
    )
    const [one, two, three] = each as [Connection, Connection, Connection]
    const keyId = await newKey(one)
    assert.equal((await three.call('POST', '/v1/aliases', { aliasName: 'alias/a', keyId })).status, 200)
    for (const connection of each) assert.equal((await encrypt(connection, 'alias%2Fa')).status, 200)
    const sealed = (await encrypt(two, keyId)).body.ciphertextBlob
    assert.equal((await three.call('POST', '/v1/decrypt', { ciphertextBlob: sealed })).body.plaintext, plaintext)

    const usage = (await one.call('GET', `/v1/keys/${keyId}/usage`)).body
    assert.equal(
      usage.uses.reduce((sum: number, use: { count: number }) => sum + use.count, 0),
      5,
    )
    const { records } = (await two.call('GET', `/v1/audit/records?keyId=${keyId}`)).body
    assert.deepEqual(
      records.map(({ operation }: { operation: string }) => operation),
      ['GetKeyUsage', 'Decrypt', 'Encrypt', 'Encrypt', 'Encrypt', 'Encrypt', 'CreateAlias', 'CreateKey'],
    )
    const { proof } = (await three.call('GET', `/v1/audit/records/${records[1].index}/proof`)).body
    const proofFile = join(data, 'proof')
    writeFileSync(proofFile, proof)
    assert.equal((await keyward(data, 'audit', 'verify-proof', proofFile)).record.requestId, records[1].requestId)

    const metrics = (await two.call('GET', '/metrics')).body.text
    for (const number of [1, 2, 3])
      assert.match(
        metrics,
        new RegExp(`requests_total\\{process="${number}",face="rest",operation="Encrypt",outcome="ok"\\} [12]`),
      )
    assert.match(metrics, /keyward_audit_records\{process="0"\} \d/)

    const { checkpoint } = await keyward(data, 'audit', 'verify')
    const remembered = join(data, 'remembered')
    writeFileSync(remembered, checkpoint)
    assert.equal(checkpoint.match(/^keyward\/audit/gm).length, 4)
    assert.equal(await service.stop(), 0, 'SIGTERM ends all of them cleanly')
    const size = (await keyward(data, 'audit', 'verify', '--against', remembered)).size
    assert.ok(size >= 10, `${size} records`)

    // With fewer processes, and with one alone, everything is still there.
    for (const processes of [2, 1]) {
      service = await start(t, data, processes, { token })
      each = processes === 1 ? [await service.connect()] : await service.connectToEach()
      for (const connection of each) assert.equal((await encrypt(connection, keyId)).status, 200)
      const found = (await (each[0] as Connection).call('GET', `/v1/audit/records?keyId=${keyId}&operation=Encrypt`))
        .body
      assert.equal(found.records.length, processes === 2 ? 6 : 7)
      assert.equal(await service.stop(), 0)
    }
    await keyward(data, 'audit', 'verify', '--against', remembered)
    rmSync(join(data, 'audit-3'), { recursive: true })
    await assert.rejects(keyward(data, 'audit', 'verify', '--against', remembered), /no such log|does not verify/)
  },
)

test(
  'once DisableKey is answered by one process, no request to any other is answered with the key',
  onLinux,
  async (t) => {
    const service = await start(t, dataFor(t), 3)
    const each = await service.connectToEach()
    const [first] = each as [Connection]
    const keyId = await newKey(first)
    const hammers = await Promise.all(Array.from({ length: 6 }, () => service.connect()))
    assert.equal(new Set(hammers.map((connection) => connection.process)).size, 3)
    /** Odd from the answer to DisableKey on, until EnableKey is asked for. */
    let phase = 0
    let running = true
    let used = 0
    const late: string[] = []
    const hammering = hammers.map(async (connection) => {
      while (running) {
        const sentIn = phase
        const answer = await encrypt(connection, keyId)
        if (answer.status !== 200) assert.equal(answer.body.code, 'KeyDisabled')
        else if (sentIn % 2 === 1 && phase === sentIn) late.push(`process ${answer.process}`)
        else used++
      }
    })
    const rounds = 150
    for (let round = 0; round < rounds; round++) {
      const changing = each[round % each.length] as Connection
      assert.equal((await changing.call('POST', `/v1/keys/${keyId}/disable`)).status, 200)
      phase++
      for (const connection of each) assert.equal((await encrypt(connection, keyId)).body.code, 'KeyDisabled')
      phase++
      assert.equal((await changing.call('POST', `/v1/keys/${keyId}/enable`)).status, 200)
      for (const connection of each) assert.equal((await encrypt(connection, keyId)).status, 200)
    }
    running = false
    await Promise.all(hammering)
    assert.deepEqual(late, [])
    assert.ok(used > rounds, `${used} uses between the changes`)
  },
)

test('a right that was taken away is gone in every process at the next request', onLinux, async (t) => {
  const service = await start(t, dataFor(t), 2)
  const [one, two] = (await service.connectToEach()) as [Connection, Connection]
  const keyId = await newKey(one)
  assert.equal((await one.call('POST', '/v1/principals', { principalName: 'app' })).status, 200)
  for (let round = 0; round < 20; round++) {
    const made = (await one.call('POST', '/v1/principals/app/tokens', {})).body
    const headers = { authorization: `Bearer ${made.token}` }
    assert.equal((await two.call('GET', `/v1/keys/${keyId}`, undefined, headers)).body.code, 'AccessDenied')
    const path = `/v1/principals/app/credentials/${made.credentialId}`
    assert.equal((await one.call('DELETE', path)).status, 200, path)
    assert.equal((await two.call('GET', `/v1/keys/${keyId}`, undefined, headers)).body.code, 'NotAuthenticated')
  }
})

type Failure = { readonly process: number; readonly why: string }

test('a signed request of the Alibaba protocol is taken once, whichever process it comes to', onLinux, async (t) => {
  const service = await start(t, dataFor(t), 2)
  const { port } = new URL(service.url)
  const accessKeyId = /AWS_ACCESS_KEY_ID=(\S+)/.exec(service.said)?.[1] ?? ''
  const secret = /AWS_SECRET_ACCESS_KEY=(\S+)/.exec(service.said)?.[1] ?? ''
  const signer = {
    first: { accessKeyId, secret },
    host: `localhost:${port}`,
    port: Number(port),
    tls: false,
    world: { clock: { wall: () => Date.now() } },
  } as unknown as Parameters<typeof ask>[0]
  for (let round = 0; round < 10; round++) {
    const how = { nonce: `nonce-${round}`, timestamp: seconds(Date.now()) }
    // Connections are given out in turn: these come to both.
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask(signer, 'ListKeys', {}, how)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400, 400, 400], JSON.stringify(answers))
    assert.equal(answers.filter(({ code }) => code === 'SignatureNonceUsed').length, 3)
  }
})

/** Load on every process until it is ended; what was acknowledged, and what failed where. */
async function load(service: Processes) {
  const connections = await Promise.all(Array.from({ length: 8 }, () => service.connect()))
  const keys: string[] = []
  const sealed: string[] = []
  const answered: string[] = []
  const failures: Failure[] = []
  let running = true
  const workers = connections.map(async (first, worker) => {
    let connection = first
    while (running) {
      try {
        const isNew = worker % 4 === 0 || keys.length === 0
        const answer = isNew
          ? await connection.call('POST', '/v1/keys', {})
          : await encrypt(connection, keys[Math.floor(Math.random() * keys.length)] as string)
        if (answer.status !== 200) failures.push({ process: connection.process, why: JSON.stringify(answer.body) })
        else {
          answered.push(answer.requestId)
          if (isNew) keys.push(answer.body.key.keyId)
          else sealed.push(answer.body.ciphertextBlob)
        }
      } catch (error) {
        if (!running) return
        failures.push({ process: connection.process, why: (error as Error).message })
        connection.close()
        connection = (await service.connect().catch(() => undefined)) ?? connection
      }
    }
  })
  return {
    keys,
    sealed,
    answered,
    failures,
    async end() {
      running = false
      await Promise.all(workers)
    },
  }
}

test('a process that is killed is replaced, the keeper too, and no request elsewhere notices', onLinux, async (t) => {
  const data = dataFor(t)
  const service = await start(t, data, 2)
  const { keys, sealed, answered, failures, end } = await load(service)
  const replaced = async (number: number) => {
    const before = service.pids().get(number) as number
    const answeredBefore = answered.length
    process.kill(before, 'SIGKILL')
    await until(`process ${number} is replaced`, () => {
      const now = service.pids().get(number)
      return now !== undefined && now !== before
    })
    await until('requests are answered again', () => answered.length > answeredBefore + 200)
  }
  await until('a load', () => answered.length > 200)
  for (let round = 0; round < 3; round++) await replaced(0)
  assert.deepEqual([...failures], [], 'the keeper died, and nobody noticed')
  await replaced(1)
  await end()
  assert.deepEqual(
    failures.filter((failure) => failure.process !== 1),
    [],
    'process 1 died, and nobody else noticed',
  )
  assert.match(service.logged(), /the keeper has ended and is replaced/)
  assert.match(service.logged(), /a process has ended and is replaced/)
  await until('both serve', async () => (await service.connectToEach()).length === 2)

  for (const connection of await service.connectToEach()) {
    for (const keyId of keys.slice(-50))
      assert.equal((await connection.call('GET', `/v1/keys/${keyId}`)).body.key?.keyState, 'Enabled')
    for (const ciphertextBlob of sealed.slice(-50))
      assert.equal((await connection.call('POST', '/v1/decrypt', { ciphertextBlob })).body.plaintext, plaintext)
    const recorded = await recordedRequests(connection, 'outcome=ok')
    assert.deepEqual(
      answered.filter((requestId) => !recorded.has(requestId)),
      [],
    )
  }
  assert.match((await (await service.connect()).call('GET', '/metrics')).body.text, /restarts_total\{process="0"\} 3/)
  assert.equal(await service.stop(), 0)
  assert.ok((await keyward(data, 'audit', 'verify')).size > answered.length)
})

test('a connection that was being given to a process when it died is closed', onLinux, async (t) => {
  const service = await start(t, dataFor(t), 2)
  const stopped = service.pids().get(1) as number
  process.kill(stopped, 'SIGSTOP')
  // In turn: one of two at each listener is given to the process that does not take it.
  const ports = [/https:\/\/\S+:(\d+)/, /http:\/\/\S+:(\d+)/].map((url) => Number(url.exec(service.said)?.[1]))
  const sockets = [...ports, ...ports].map((port) => connectSocket(port, '127.0.0.1'))
  for (const socket of sockets) socket.resume().on('error', () => {})
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  await service.connect()
  process.kill(stopped, 'SIGKILL')
  try {
    await until('those are closed', () => sockets.filter(({ closed }) => closed).length === 2)
    assert.notEqual(sockets[0]?.closed, sockets[2]?.closed)
  } finally {
    for (const socket of sockets) socket.destroy()
  }
})

test(
  'killed all at once under load, and started with another number: every answer is on record, once',
  onLinux,
  async (t) => {
    const data = dataFor(t)
    let service = await start(t, data, 3)
    const { token } = service
    const { keys, answered, end } = await load(service)
    await until('a load', () => answered.length > 300)
    const ended = new Promise((resolve) => service.supervisor.once('exit', resolve))
    const pids = [service.supervisor.pid as number, ...service.pids().values()]
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await ended
    await Promise.race([end(), new Promise((resolve) => setTimeout(resolve, 500))])

    service = await start(t, data, 1, { token })
    const connection = await service.connect()
    const recorded = await recordedRequests(connection, 'outcome=ok')
    assert.deepEqual(
      answered.filter((requestId) => !recorded.has(requestId)),
      [],
    )
    const created = await recordedRequests(connection, 'operation=CreateKey&outcome=ok')
    let keyCount = 0
    let marker: string | undefined
    do {
      const page = (
        await connection.call('GET', `/v1/keys?limit=1000${marker === undefined ? '' : `&marker=${marker}`}`)
      ).body
      keyCount += page.keys.length
      marker = page.nextMarker
    } while (marker !== undefined)
    assert.equal(created.size, keyCount, 'as many keys as records of their creation')
    assert.ok(keyCount >= keys.length)
    assert.equal(await service.stop(), 0)
    await keyward(data, 'audit', 'verify')
  },
)

test('a rotation that falls due while processes race for it happens once', onLinux, async (t) => {
  const data = dataFor(t)
  let service = await start(t, data, 2)
  const { token } = service
  const [one] = (await service.connectToEach()) as [Connection]
  const keyIds = await Promise.all(Array.from({ length: 10 }, () => newKey(one)))
  for (const keyId of keyIds)
    assert.equal(
      (
        await one.call('PUT', `/v1/keys/${keyId}/rotation-policy`, {
          enabled: true,
          periodDays: 90,
        })
      ).status,
      200,
    )
  await service.stop()
  const store = await openSqliteStore({ file: join(data, 'keyward.sqlite') })
  const account = /account\s+(\d+)/.exec(service.said)?.[1]
  for (const keyId of keyIds) {
    const key = (await store.get('key', `${account}/local`, keyId)) as Key
    assert.ok(key.rotation !== undefined)
    const record = { ...key, revision: key.revision + 1, rotation: { ...key.rotation, nextAt: Date.now() - 1000 } }
    await store.commit([{ put: 'key', record: record as Key }])
  }
  await store.close()
  service = await start(t, data, 2, { token, environment: { KEYWARD_CHORE_SECONDS: '3600' } })
  const connections = [...(await service.connectToEach()), ...(await service.connectToEach())]
  for (const keyId of keyIds) {
    const answers = await Promise.all(connections.map((connection) => encrypt(connection, keyId)))
    for (const { status, body } of answers) assert.equal(status, 200, JSON.stringify(body))
    assert.equal(new Set(answers.map(({ body }) => body.keyVersionId)).size, 1)
    const { versions } = (await (connections[0] as Connection).call('GET', `/v1/keys/${keyId}/versions`)).body
    assert.equal(versions.length, 2)
  }
})

test('a start that cannot be says why, and leaves nothing running', onLinux, async (t) => {
  const data = dataFor(t)
  const service = await start(t, data, 2)
  await service.stop()
  const place = join(data, 'custody', 'private-key', 'private-key')
  const bytes = readFileSync(place)
  rmSync(place)
  await assert.rejects(serveProcesses(data, 2), /[Pp]lace 2/)
  writeFileSync(place, bytes, { mode: 0o600 })
  await assert.rejects(serveProcesses(data, 0), /whole number, 1 to 64/)
  await assert.rejects(serveProcesses(data, 2, { environment: { KEYWARD_STORE: 'memory' } }), /serve over SQLite/)

  // The credentials of a first start are shown once: where it could not show them, it makes none.
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  for (const processes of [1, 2]) {
    const fresh = dataFor(t)
    const environment = { KEYWARD_HTTP_PORT: String(port) }
    await assert.rejects(serveProcesses(fresh, processes, { environment }), /cannot listen.*KEYWARD_HTTP_PORT/s)
    assert.equal(existsSync(fresh), false)
  }
})
