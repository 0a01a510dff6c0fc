/** Several nodes that share a store, as their callers see them. Each is a whole service; the database is real. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { constants, createHmac, publicEncrypt, randomBytes } from 'node:crypto'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Config, loadConfig } from '../../src/config.ts'
import { readForward } from '../../src/domain/audit-places.ts'
import { openWorld } from '../../src/world.ts'
import { faultyLink } from '../faulty-link.ts'
import { type PostgresServer, postgresServer } from '../postgres-server.ts'
import {
  type Answer,
  base64,
  custodyIn,
  days,
  type Json,
  startTestService,
  type TestService,
  testClock,
} from '../service.ts'
import { startCluster } from './cluster.ts'

/** No test here waits for a lease to run out, but on a busy machine a short one does. */
const leaseMs = 5_000
const partition = '111122223333/local'

describe('Several nodes', async () => {
  let server: PostgresServer | undefined
  let missing: string | undefined

  before(async () => {
    server = await postgresServer({
      skip: (why) => {
        missing = why
      },
    })
  })
  after(async () => {
    await server?.stop()
  })

  type Nodes = readonly [TestService, TestService, TestService]

  function fact(title: string, prove: (nodes: Nodes) => Promise<void>): void {
    test(title, async (context) => {
      if (server === undefined) return context.skip(missing)
      const custody = mkdtempSync(join(tmpdir(), 'keyward-nodes-'))
      const clock = testClock()
      const on = await server.newDatabase()
      const nodes: TestService[] = []
      try {
        for (const node of ['one', 'two', 'three'])
          nodes.push(
            await startTestService({
              on,
              clock,
              custody,
              config: { node, leaseMs },
              ...(nodes[0] === undefined ? {} : { token: nodes[0].token }),
            }),
          )
        await prove(nodes as unknown as Nodes)
      } finally {
        await Promise.all(nodes.map((node) => node.stop()))
        rmSync(custody, { recursive: true, force: true })
      }
    })
  }

  const text = { plaintext: base64('text') }
  const newKey = async ({ as, token }: TestService, wish: object, from = token) =>
    (await as(from)('POST', '/v1/keys', wish)).body.key.keyId as string

  fact('whatever is revoked at one node is revoked at all of them when that is answered', async (nodes) => {
    const [one] = nodes
    const { api } = one
    const ok = async (call: Promise<Answer>): Promise<Json> => {
      const { status, body } = await call
      assert.equal(status, 200, JSON.stringify(body))
      return body
    }
    const policy = (effect: 'Allow' | 'Deny', action: string) => ({
      document: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: effect, Action: action, Resource: '*' }],
      }),
    })
    await ok(api('PUT', '/v1/policies/may-encrypt', policy('Allow', 'kms:Encrypt')))

    /** All of it in use at every node, and so in the memory of every node. */
    async function somebody(wish: object = {}) {
      const principalName = `user-${randomBytes(6).toString('hex')}`
      await ok(api('POST', '/v1/principals', { principalName, policies: ['may-encrypt'] }))
      const { token, credentialId } = await ok(api('POST', `/v1/principals/${principalName}/tokens`, {}))
      const keyId = await newKey(one, wish)
      const encrypt = (node: TestService) => node.as(token)('POST', `/v1/keys/${keyId}/encrypt`, text)
      return { principalName, token, credentialId, keyId, encrypt }
    }
    type Somebody = Awaited<ReturnType<typeof somebody>>

    const external = async (): Promise<Somebody> => {
      const who = await somebody({ origin: 'EXTERNAL' })
      const given = await ok(api('POST', `/v1/keys/${who.keyId}/import-parameters`, { wrappingKeySpec: 'RSA_2048' }))
      const wrapped = publicEncrypt(
        { key: given.pem, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
        randomBytes(32),
      )
      const { importToken } = given
      await ok(api('POST', `/v1/keys/${who.keyId}/import`, { importToken, encryptedKeyMaterial: base64(wrapped) }))
      return who
    }
    const revocations: readonly {
      readonly name: string
      readonly code: string
      readonly made?: () => Promise<Somebody>
      readonly revoke: (who: Somebody, at: TestService['api']) => Promise<Answer>
    }[] = [
      { name: 'DisableKey', code: 'KeyDisabled', revoke: ({ keyId }, at) => at('POST', `/v1/keys/${keyId}/disable`) },
      {
        name: 'ScheduleKeyDeletion',
        code: 'KeyPendingDeletion',
        revoke: ({ keyId }, at) => at('POST', `/v1/keys/${keyId}/schedule-deletion`, { evenIfRecentlyUsed: true }),
      },
      {
        name: 'DeleteKeyMaterial',
        code: 'KeyPendingImport',
        made: external,
        revoke: ({ keyId }, at) => at('DELETE', `/v1/keys/${keyId}/material`),
      },
      {
        name: 'PutKeyPolicy',
        code: 'AccessDenied',
        revoke: ({ keyId, principalName }, at) =>
          at('PUT', `/v1/keys/${keyId}/policy`, {
            policy: JSON.stringify({
              Version: '2012-10-17',
              Statement: [
                { Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: 'kms:*', Resource: '*' },
                {
                  Effect: 'Deny',
                  Principal: { AWS: `arn:aws:iam::111122223333:user/${principalName}` },
                  Action: 'kms:Encrypt',
                  Resource: '*',
                },
              ],
            }),
          }),
      },
      {
        name: 'UpdatePrincipal, a policy',
        code: 'AccessDenied',
        revoke: ({ principalName }, at) =>
          at('PATCH', `/v1/principals/${principalName}`, { detachPolicies: ['may-encrypt'] }),
      },
      {
        name: 'UpdatePrincipal, locked out',
        code: 'NotAuthenticated',
        revoke: ({ principalName }, at) => at('PATCH', `/v1/principals/${principalName}`, { disabled: true }),
      },
      {
        name: 'DeleteCredential',
        code: 'NotAuthenticated',
        revoke: ({ principalName, credentialId }, at) =>
          at('DELETE', `/v1/principals/${principalName}/credentials/${credentialId}`),
      },
      {
        name: 'RevokeGrant',
        code: 'AccessDenied',
        made: async () => {
          const who = await somebody()
          await ok(api('PATCH', `/v1/principals/${who.principalName}`, { detachPolicies: ['may-encrypt'] }))
          const { grantId } = await ok(
            api('POST', `/v1/keys/${who.keyId}/grants`, {
              granteePrincipal: `arn:aws:iam::111122223333:user/${who.principalName}`,
              operations: ['Encrypt'],
            }),
          )
          return { ...who, credentialId: grantId }
        },
        revoke: ({ keyId, credentialId: grantId }, at) => at('DELETE', `/v1/keys/${keyId}/grants/${grantId}`),
      },
      {
        name: 'PutPolicy',
        code: 'AccessDenied',
        revoke: (_, at) => at('PUT', '/v1/policies/may-encrypt', policy('Deny', 'kms:Encrypt')),
      },
    ]
    for (const { name, code, made = somebody, revoke } of revocations)
      for (const [at, revoker] of (name === 'PutPolicy' ? nodes.slice(0, 1) : nodes).entries()) {
        const who = await made()
        for (const node of nodes) await ok(who.encrypt(node))
        await ok(revoke(who, revoker.as(one.token)))
        // Without any wait.
        for (const node of nodes) {
          const { body } = await who.encrypt(node)
          assert.equal(body.code, code, `${name} at node ${at}: ${JSON.stringify(body)}`)
        }
      }
  })

  fact('what is made at one node is there at all of them when that is answered', async (nodes) => {
    const token = nodes[0].token
    for (let round = 0; round < 10; round++)
      for (const [at, maker] of nodes.entries()) {
        const aliasName = `alias/made-${round}-${at}`
        const encrypt = (node: TestService) =>
          node.as(token)('POST', `/v1/keys/${encodeURIComponent(aliasName)}/encrypt`, text)
        // That there is none is remembered as well.
        for (const node of nodes) assert.equal((await encrypt(node)).body.code, 'AliasNotFound')
        const keyId = await newKey(maker, {}, token)
        assert.equal((await maker.as(token)('POST', '/v1/aliases', { aliasName, keyId })).status, 200)
        for (const node of nodes) assert.equal((await encrypt(node)).status, 200)
      }
  })

  fact('what falls due happens once and is on record once, when all nodes do their chores at once', async (nodes) => {
    const [one] = nodes
    const rounds = 6
    const made = await Promise.all(
      Array.from({ length: rounds }, async () => ({
        rotating: await newKey(one, { rotationPeriodDays: 7 }),
        dying: await newKey(one, {}),
      })),
    )
    for (const { dying } of made) {
      await one.api('POST', '/v1/aliases', { aliasName: `alias/of-${dying}`, keyId: dying })
      const answer = await one.api('POST', `/v1/keys/${dying}/schedule-deletion`, { pendingWindowInDays: 7 })
      assert.equal(answer.status, 200)
    }
    one.clock.advance(days(7))
    // Chores and callers meet, at every node and at the same moment.
    await Promise.all(
      nodes.flatMap((node) => [
        node.chores(),
        ...made.map(({ rotating }) => node.as(one.token)('POST', `/v1/keys/${rotating}/encrypt`, text)),
        node.chores(),
      ]),
    )
    for (const node of nodes) assert.equal(await node.chores(), 0, 'nothing is left to be done')
    for (const { rotating, dying } of made) {
      const { body } = await one.api('GET', `/v1/keys/${rotating}/versions`)
      assert.equal(body.versions.length, 2)
      for (const node of nodes) {
        assert.equal(await node.world.store.get('key', partition, dying), undefined)
        assert.ok(await node.world.store.get('tombstone', partition, dying))
        assert.equal(await node.world.store.get('alias', partition, `alias/of-${dying}`), undefined)
      }
    }
    const records = await Promise.all(
      nodes.map(async ({ world }) => Array.fromAsync(readForward(await world.logs(), new Map()))),
    )
    const count = (operation: string, key: string) =>
      records.flat().filter(({ record }) => record.operation === operation && record.keyId === key).length
    for (const { rotating, dying } of made) {
      assert.equal(count('RotateKey', rotating), 1)
      assert.equal(count('DeleteKey', dying), 1)
    }
  })

  fact('each node signs its own audit log under its own name, and goes on with it', async (nodes) => {
    const names = nodes.map(({ world }) => world.audit.vkey.split('+')[0])
    assert.deepEqual(names, ['keyward/one/audit', 'keyward/two/audit', 'keyward/three/audit'])
    for (const node of nodes) {
      await wait(5)
      node.clock.advance(2_000)
      await node.chores()
    }
    const noted = await Promise.all(
      ['one', 'two', 'three'].map((node) => nodes[0].world.store.get('setting', '*', `audit-checkpoint/${node}`)),
    )
    for (const [at, setting] of noted.entries()) assert.match(setting?.value ?? '', new RegExp(`^${names[at]}\n`))
  })

  fact('the node, the bound and the lease are told to who asks whether it is ready', async (nodes) => {
    const ready = (await (await fetch(`${nodes[1].url}/readyz`)).json()) as Json
    assert.equal(ready.node, 'two')
    assert.equal(ready.revocationBoundMs, leaseMs)
    assert.equal(ready.status, 'ready')
  })

  fact('a request signed for Alibaba Cloud is taken once, at whichever node it comes first', async (nodes) => {
    const [one] = nodes
    const parameters = {
      Action: 'ListKeys',
      Version: '2016-01-20',
      AccessKeyId: one.accessKeyId,
      SignatureMethod: 'HMAC-SHA1',
      SignatureVersion: '1.0',
      Timestamp: new Date().toISOString().replace(/\.\d{3}/, ''),
    }
    const encoded = (text: string) =>
      encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    const signed = (nonce: string) => {
      const query = Object.entries({ ...parameters, SignatureNonce: nonce })
        .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
        .sort()
        .join('&')
      const toSign = `GET&%2F&${encoded(query)}`
      const signature = createHmac('sha1', `${one.secretAccessKey}&`).update(toSign).digest('base64')
      return `/?${query}&Signature=${encoded(signature)}`
    }
    for (let round = 0; round < 5; round++) {
      const path = signed(`nonce-${round}`)
      const answers = await Promise.all(nodes.flatMap(({ url }) => [fetch(`${url}${path}`), fetch(`${url}${path}`)]))
      const told = await Promise.all(
        answers.map(async (answer) => [answer.status, (await answer.json()) as Json] as const),
      )
      assert.equal(told.filter(([status]) => status === 200).length, 1, JSON.stringify(told))
      assert.ok(told.every(([status, { Code }]) => status === 200 || Code === 'SignatureNonceUsed'))
    }
  })

  fact('a second process under the name of a node is turned away, and the first one serves on', async ([one]) => {
    await assert.rejects(
      startTestService({ on: one.config.store as 'sqlite', custody: one.config.data, config: { ...one.config } }),
      { code: 'Conflict', message: /node one/ },
    )
    assert.equal((await one.api('GET', '/v1/keys')).status, 200)
  })

  test('nodes that start at once on an empty database agree on what is made once', async (context) => {
    if (server === undefined) return context.skip(missing)
    const folder = mkdtempSync(join(tmpdir(), 'keyward-nodes-'))
    const configOf = (node: string, store: string): Config => ({
      ...loadConfig({}),
      ...custodyIn(folder),
      storeTls: 'off',
      data: join(folder, node),
      node,
      store,
    })
    try {
      // The root key is there, as docs/operating/nodes.md has it.
      await (await openWorld(configOf('zero', 'memory'))).close()
      for (let round = 0; round < 3; round++) {
        const url: string = await server.newDatabase()
        const names = ['one', 'two', 'three'].map((name) => `${name}-${round}`)
        const worlds = await Promise.all(names.map((name) => openWorld(configOf(name, url))))
        const keys = worlds.map(({ audit }) => audit.vkey.split('+')[2])
        assert.equal(new Set(keys).size, 1, 'one key signs the audit logs of all')
        await Promise.all(worlds.map((world) => world.close()))
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('a service that is to end serves on for a while, and says that it is not ready', async () => {
    const service = await startTestService({ config: { drainSeconds: 1 } })
    const ready = async () => (await fetch(`${service.url}/readyz`)).status
    assert.equal(await ready(), 200)
    const stopped = service.stop()
    assert.equal(await ready(), 503)
    assert.equal((await service.api('GET', '/v1/keys')).status, 200)
    await stopped
    await assert.rejects(ready())
  })

  test('an answer that was computed before its node lost its lease, or before the key was disabled, does not leave', async (context) => {
    if (server === undefined) return context.skip(missing)
    const custody = mkdtempSync(join(tmpdir(), 'keyward-nodes-'))
    const link = await faultyLink(server.port)
    const url = await server.newDatabase()
    const lease = { leaseMs: 1_000 }
    const one = await startTestService({ on: url, custody, config: { node: 'one', ...lease } })
    const { port } = new URL(link.url)
    const throughLink = url.replace(/:\d+\//, `:${port}/`) as typeof url
    const two = await startTestService({ on: throughLink, custody, config: { node: 'two', ...lease } })
    try {
      await one.api('PUT', '/v1/policies/encrypts', {
        document: JSON.stringify({
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Action: 'kms:Encrypt', Resource: '*' }],
        }),
      })
      await one.api('POST', '/v1/principals', { principalName: 'user', policies: ['encrypts'] })
      const { token } = (await one.api('POST', '/v1/principals/user/tokens', {})).body
      const keyId = await newKey(one, {})
      const encrypt = () => two.as(token)('POST', `/v1/keys/${keyId}/encrypt`, text)
      const cutOff = () => {
        link.stallOpen()
        link.refuseNew()
      }
      const untilLeased = async () => {
        link.acceptNew()
        while (two.world.lease?.term() === undefined) await wait(5)
      }

      /** What is answered at node two to a request that had computed everything before `between`. */
      async function answeredAfter(between: () => Promise<void>): Promise<Json> {
        while ((await encrypt()).status !== 200) await wait(20)
        const append = two.world.audit.append
        const computed = Promise.withResolvers<void>()
        const goOn = Promise.withResolvers<void>()
        const audit = two.world.audit as { append: typeof append }
        audit.append = async (record) => {
          if (record.operation === 'Encrypt') {
            audit.append = append
            computed.resolve()
            await goOn.promise
          }
          return append(record)
        }
        const answer = encrypt()
        await computed.promise
        await between()
        goOn.resolve()
        return (await answer).body
      }
      const done = async (call: Promise<Answer>) => assert.equal((await call).status, 200)
      const disable = () => done(one.api('POST', `/v1/keys/${keyId}/disable`))
      const enable = () => done(one.api('POST', `/v1/keys/${keyId}/enable`))
      const detach = () => done(one.api('PATCH', '/v1/principals/user', { detachPolicies: ['encrypts'] }))
      const attach = () => done(one.api('PATCH', '/v1/principals/user', { attachPolicies: ['encrypts'] }))

      assert.ok((await answeredAfter(async () => {})).ciphertextBlob)
      assert.equal((await answeredAfter(disable)).code, 'KeyDisabled', 'all are well')
      await enable()
      const cutOffBefore = (revoke: () => Promise<void>) => async () => {
        cutOff()
        await revoke()
      }
      // What it knows of the key is from before; that it lost its lease is all that it knows.
      assert.match((await answeredAfter(cutOffBefore(disable))).code, /Unavailable/)
      await untilLeased()
      await enable()
      assert.match((await answeredAfter(cutOffBefore(detach))).code, /Unavailable/)
      await untilLeased()
      await attach()
      // It has a lease again when the answer is ready, and the key is well: but not the one under which it began.
      const lostAndTaken = async () => {
        await cutOffBefore(detach)()
        await untilLeased()
      }
      assert.equal((await answeredAfter(lostAndTaken)).code, 'Unavailable')
      await attach()
      // A lease that ran out and was renewed before anybody changed anything was never lost.
      const onlySlow = async () => {
        cutOff()
        await wait(lease.leaseMs)
        await untilLeased()
      }
      assert.ok((await answeredAfter(onlySlow)).ciphertextBlob)
    } finally {
      link.acceptNew()
      await Promise.all([one.stop(), two.stop()])
      await link.close()
      rmSync(custody, { recursive: true, force: true })
    }
  })

  test('a store is copied to PostgreSQL and back by the command line, while no node runs', async (context) => {
    if (server === undefined) return context.skip(missing)
    const folder = mkdtempSync(join(tmpdir(), 'keyward-copy-'))
    try {
      const url = await server.newDatabase()
      const source = await startTestService({ on: 'sqlite', data: folder })
      const keyId = await newKey(source, {})
      await source.api('POST', '/v1/aliases', { aliasName: 'alias/copied', keyId })
      const { ciphertextBlob } = (await source.api('POST', `/v1/keys/${keyId}/encrypt`, text)).body
      const { token } = source
      await source.stop()

      const keyward = async (data: string, ...words: readonly string[]) => {
        const environment = { KEYWARD_DATA: data, KEYWARD_STORE_TLS: 'off', KEYWARD_LEASE_MS: '500' }
        const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
        const { stdout } = await promisify(execFile)(
          process.execPath,
          ['--disable-warning=ExperimentalWarning', main, '-o', 'json', ...words],
          { env: { PATH: process.env.PATH, ...environment } },
        )
        return JSON.parse(stdout) as Record<string, number>
      }
      const copied = await keyward(folder, 'store', 'copy', '--from', 'sqlite', '--to', url)
      assert.ok((copied.key as number) >= 1 && copied.alias === 1)
      assert.deepEqual(await keyward(folder, 'store', 'copy', '--from', 'sqlite', '--to', url), copied, 'begun again')

      const node = await startTestService({ on: url, data: folder, token, config: { leaseMs: 1_000 } })
      const opened = await node.api('POST', '/v1/decrypt', { ciphertextBlob })
      assert.equal(opened.body.plaintext, text.plaintext)
      const later = await newKey(node, {})
      // The audit log stays where it is; only the store moves.
      for (const file of globSync('keyward.sqlite*', { cwd: folder })) rmSync(join(folder, file))
      const copyBack = () => keyward(folder, 'store', 'copy', '--from', url, '--to', 'sqlite')
      await assert.rejects(copyBack(), { message: /Node keyward runs/ })
      await node.stop()
      assert.equal((await copyBack()).key, (copied.key as number) + 1)
      const again = await startTestService({ on: 'sqlite', data: folder, token })
      assert.equal((await again.api('POST', '/v1/decrypt', { ciphertextBlob })).body.plaintext, text.plaintext)
      assert.equal((await again.api('GET', `/v1/keys/${later}`)).status, 200)
      await again.stop()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('a node that is ended answers what is in flight and gives its lease back; one that is killed does not', async (context) => {
    const cluster = await startCluster(context, { nodes: 3, leaseMs })
    if (cluster === undefined) return
    try {
      const [one, two, three] = cluster.nodes as unknown as readonly [Node, Node, Node]
      type Node = (typeof cluster.nodes)[number]
      const keyId = JSON.parse((await one.call('POST', '/v1/keys', {})).body).key.keyId as string
      let ending = false
      const outcomes: number[] = []
      const load = Array.from({ length: 8 }, async () => {
        while (!ending) outcomes.push((await two.call('POST', `/v1/keys/${keyId}/encrypt`, text)).status)
      })
      while (outcomes.length < 50) await wait(5)
      const ended = two.stop()
      // Whoever comes later is refused the connection; nobody who was heard is left without an answer.
      const results = await Promise.allSettled([ended, ...load.map((one) => one.catch(() => {}))])
      ending = true
      assert.ok(results.every(({ status }) => status === 'fulfilled'))
      assert.ok(outcomes.every((status) => status === 200))
      const changed = async (verb: 'disable' | 'enable') => {
        const start = performance.now()
        assert.equal((await one.call('POST', `/v1/keys/${keyId}/${verb}`, {})).status, 200)
        return performance.now() - start
      }
      assert.ok((await changed('disable')) < leaseMs / 2, 'nobody waits for who has ended')
      process.kill(three.child.pid as number, 'SIGKILL')
      const took = await changed('enable')
      assert.ok(took > leaseMs / 2, `a crash is waited for, ${took} ms`)
      assert.ok((await changed('disable')) < leaseMs / 2, 'once')
    } finally {
      await cluster.stop()
    }
  })
})
