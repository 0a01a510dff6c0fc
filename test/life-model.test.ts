/**
 * Long random lives of keys in the real service, over HTTP, on every store, with a clock that the test moves. Every answer
 * is compared with the model of life-model.ts. A failure prints its seed; KEYWARD_LIFE_SEED=<seed> replays it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import * as life from './life-model.ts'
import { postgresServer } from './postgres-server.ts'
import { type Answer, base64, startTestService, type TestService, testClock } from './service.ts'

const seed = Number(process.env.KEYWARD_LIFE_SEED ?? Date.now() % 1_000_000_007)

/** The service of now, which a restart replaces. */
class Real {
  service: TestService
  readonly region: string
  readonly token: string
  readonly restart: (() => Promise<TestService>) | undefined
  restarts = 0
  constructor(service: TestService, region: string, token: string, restart: (() => Promise<TestService>) | undefined) {
    this.service = service
    this.region = region
    this.token = token
    this.restart = restart
  }
  call(method: string, path: string, body?: object): Promise<Answer> {
    return this.service.as(this.token)(method, path, body, { 'x-keyward-region': this.region })
  }
}

type Command = fc.AsyncCommand<life.Model, Real>

/** A command that runs against every state, and says in a failure what it was. */
function command(words: string, run: (model: life.Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => words }
}

const keyAt = (model: life.Model, index: number) => model.keys[index % Math.max(1, model.keys.length)]
const onKey = (
  words: string,
  index: number,
  run: (model: life.Model, real: Real, key: life.ModelKey) => Promise<void>,
) =>
  command(`${words} key ${index}`, async (model, real) => {
    const key = keyAt(model, index)
    if (key !== undefined) await run(model, real, key)
  })

function assertVerdict(answer: Answer, verdict: life.Verdict, what: string): void {
  assert.equal(answer.status === 200 ? undefined : answer.body.code, verdict, `${what}: ${JSON.stringify(answer.body)}`)
}

/** The id that an answer shows is that of this version, and of no other. */
function assertVersion(key: life.ModelKey, version: life.ModelVersion, id: string): void {
  if (version.id === undefined) {
    assert.ok(!key.versions.some((other) => other.id === id), `${id} is an older version`)
    version.id = id
  }
  assert.equal(id, version.id)
}

async function assertKey(model: life.Model, real: Real, key: life.ModelKey): Promise<void> {
  const answer = await real.call('GET', `/v1/keys/${key.keyId}`)
  if (life.isGone(model, key)) return assertVerdict(answer, 'KeyNotFound', 'describe')
  life.catchUp(model, key)
  const shown = answer.body.key
  assert.equal(shown.keyState, key.state)
  assert.equal(shown.versionCount, key.versions.length)
  assertVersion(key, life.primary(key), shown.primaryVersionId)
  assert.equal(Date.parse(shown.lastRotatedAt), life.primary(key).createdAt)
  assert.equal(shown.deleteAt === undefined ? undefined : Date.parse(shown.deleteAt), deleteAtOf(key))
  assert.equal(shown.deletionProtection?.reason, key.protection)
  if (key.rotation === undefined) assert.equal(shown.rotation, undefined)
  else {
    const status = !key.rotation.enabled ? 'Disabled' : key.state === 'Enabled' ? 'Enabled' : 'Suspended'
    assert.equal(shown.rotation.status, status)
    assert.equal(shown.rotation.periodDays, key.rotation.periodDays)
    if (key.rotation.enabled) assert.equal(Date.parse(shown.rotation.nextRotationAt), key.rotation.nextAt)
  }
}

const deleteAtOf = (key: life.ModelKey) => (key.state === 'PendingDeletion' ? key.deleteAt : undefined)

const periods = fc.constantFrom(7, 8, 30, 365, 730)
const names = fc.constantFrom('alias/a', 'alias/b', 'alias/c/d')
const index = fc.nat({ max: 5 })

const commands = [
  fc.option(periods, { nil: undefined }).map((periodDays) =>
    command(`create ${periodDays ?? ''}`, async (model, real) => {
      const { body } = await real.call(
        'POST',
        '/v1/keys',
        periodDays === undefined ? {} : { rotationPeriodDays: periodDays },
      )
      model.keys.push({
        keyId: body.key.keyId,
        createdAt: model.now,
        state: 'Enabled',
        deleteAt: 0,
        protection: undefined,
        rotation:
          periodDays === undefined
            ? undefined
            : { enabled: true, periodDays, nextAt: model.now + periodDays * life.day },
        versions: [{ id: body.key.primaryVersionId, createdAt: model.now }],
        lastUsedAt: undefined,
      })
    }),
  ),
  fc.tuple(index, fc.option(names, { nil: undefined })).map(([at, alias]) =>
    command(`encrypt ${alias ?? `key ${at}`}`, async (model, real) => {
      const key = alias === undefined ? keyAt(model, at) : life.aliasTarget(model, alias)
      const name = alias ?? key?.keyId
      if (name === undefined) return
      const plaintext = `text ${model.ciphertexts.length}`
      const answer = await real.call('POST', `/v1/keys/${encodeURIComponent(name)}/encrypt`, {
        plaintext: base64(plaintext),
      })
      // R68: calls through an alias that is not there fail.
      if (key === undefined) return assertVerdict(answer, 'AliasNotFound', 'encrypt')
      const verdict = life.use(model, key)
      assertVerdict(answer, verdict, 'encrypt')
      if (verdict !== undefined) return
      // R36, R69, R72: the newest version encrypts.
      assertVersion(key, life.primary(key), answer.body.keyVersionId)
      model.ciphertexts.push({ key, version: life.primary(key), plaintext, blob: answer.body.ciphertextBlob })
    }),
  ),
  fc.nat({ max: 1000 }).map((at) =>
    command(`decrypt ${at}`, async (model, real) => {
      const ciphertext = model.ciphertexts[at % Math.max(1, model.ciphertexts.length)]
      if (ciphertext === undefined) return
      const answer = await real.call('POST', '/v1/decrypt', { ciphertextBlob: ciphertext.blob })
      const verdict = life.use(model, ciphertext.key)
      assertVerdict(answer, verdict, 'decrypt')
      if (verdict !== undefined) return
      // R38, R70: every older version opens what it sealed.
      assert.equal(answer.body.plaintext, base64(ciphertext.plaintext))
      assert.equal(answer.body.keyVersionId, ciphertext.version.id)
    }),
  ),
  index.map((at) =>
    onKey('rotate', at, async (model, real, key) => {
      const answer = await real.call('POST', `/v1/keys/${key.keyId}/rotate`)
      const verdict = life.rotate(model, key)
      assertVerdict(answer, verdict, 'rotate')
      if (verdict === undefined) assertVersion(key, life.primary(key), answer.body.primaryVersionId)
    }),
  ),
  fc.tuple(index, fc.boolean(), periods).map(([at, enabled, periodDays]) =>
    onKey(`rotation ${enabled} ${periodDays}`, at, async (model, real, key) => {
      const answer = await real.call('PUT', `/v1/keys/${key.keyId}/rotation-policy`, { enabled, periodDays })
      assertVerdict(answer, life.setRotation(model, key, enabled, periodDays), 'rotation')
    }),
  ),
  fc.tuple(index, fc.constantFrom('Enabled', 'Disabled')).map(([at, wanted]) =>
    onKey(wanted, at, async (model, real, key) => {
      const path = wanted === 'Enabled' ? 'enable' : 'disable'
      const answer = await real.call('POST', `/v1/keys/${key.keyId}/${path}`)
      assertVerdict(answer, life.enable(model, key, wanted), path)
    }),
  ),
  fc.tuple(index, fc.option(fc.constant('payroll'), { nil: undefined, freq: 1 })).map(([at, reason]) =>
    onKey(`protect ${reason ?? 'no more'}`, at, async (model, real, key) => {
      const body = reason === undefined ? { enabled: false } : { enabled: true, reason }
      const answer = await real.call('PUT', `/v1/keys/${key.keyId}/deletion-protection`, body)
      assertVerdict(answer, life.protect(model, key, reason), 'protect')
    }),
  ),
  fc.tuple(index, fc.constantFrom(7, 8, 30, 6, 31), fc.boolean()).map(([at, days, even]) =>
    onKey(`schedule ${days} ${even}`, at, async (model, real, key) => {
      const answer = await real.call('POST', `/v1/keys/${key.keyId}/schedule-deletion`, {
        pendingWindowInDays: days,
        ...(even ? { evenIfRecentlyUsed: true } : {}),
      })
      const verdict = life.schedule(model, key, days, even)
      assertVerdict(answer, verdict, 'schedule')
      if (verdict === undefined) assert.equal(Date.parse(answer.body.deleteAt), key.deleteAt)
    }),
  ),
  index.map((at) =>
    onKey('cancel', at, async (model, real, key) => {
      const answer = await real.call('POST', `/v1/keys/${key.keyId}/cancel-deletion`)
      assertVerdict(answer, life.cancel(model, key), 'cancel')
    }),
  ),
  fc.tuple(names, index, fc.constantFrom('POST', 'PUT')).map(([aliasName, at, method]) =>
    onKey(`${method} ${aliasName}`, at, async (model, real, key) => {
      const isNew = method === 'POST'
      const answer = isNew
        ? await real.call('POST', '/v1/aliases', { aliasName, keyId: key.keyId })
        : await real.call('PUT', `/v1/aliases/${encodeURIComponent(aliasName)}`, { keyId: key.keyId })
      assertVerdict(answer, (isNew ? life.createAlias : life.moveAlias)(model, aliasName, key), `alias ${method}`)
    }),
  ),
  names.map((aliasName) =>
    command(`delete ${aliasName}`, async (model, real) => {
      const answer = await real.call('DELETE', `/v1/aliases/${encodeURIComponent(aliasName)}`)
      assertVerdict(answer, life.deleteAlias(model, aliasName), 'delete alias')
    }),
  ),
  index.map((at) => onKey('describe', at, assertKey)),
  index.map((at) =>
    onKey('versions of', at, async (model, real, key) => {
      const answer = await real.call('GET', `/v1/keys/${key.keyId}/versions?limit=1000`)
      if (life.isGone(model, key)) return assertVerdict(answer, 'KeyNotFound', 'versions')
      life.catchUp(model, key)
      const shown = answer.body.versions as { keyVersionId: string; createdAt: string; primary: boolean }[]
      // R37, R71, R73: all of them, and the newest alone is the primary one.
      assert.deepEqual(
        shown.map(({ createdAt, primary }) => [Date.parse(createdAt), primary]),
        key.versions.map((version) => [version.createdAt, version === life.primary(key)]),
      )
      for (const [place, { keyVersionId }] of shown.entries())
        assertVersion(key, key.versions[place] as life.ModelVersion, keyVersionId)
    }),
  ),
  fc.constant(
    command('list', async (model, real) => {
      const living = model.keys.filter((key) => !life.isGone(model, key))
      const { keys } = (await real.call('GET', '/v1/keys?limit=1000')).body
      assert.deepEqual(
        keys.map(({ keyId }: { keyId: string }) => keyId).toSorted(),
        living.map(({ keyId }) => keyId).toSorted(),
      )
      const { aliases } = (await real.call('GET', '/v1/aliases?limit=1000')).body
      assert.deepEqual(
        aliases.map(({ aliasName, keyId }: { aliasName: string; keyId: string }) => [aliasName, keyId]).toSorted(),
        [...model.aliases]
          .filter(([name]) => life.aliasTarget(model, name) !== undefined)
          .map(([name, { keyId }]) => [name, keyId])
          .toSorted(),
      )
    }),
  ),
  // Odd amounts: some milliseconds, some days, or up to, just before or just after what is next for some key.
  fc
    .oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 40 * life.day }))
    .map((step) => command(`wait ${step}`, (model, real) => wait(model, real, step))),
  fc.tuple(index, fc.constantFrom(-1, 0, 1)).map(([at, off]) =>
    onKey(`wait for ${off} ms beside the next of`, at, async (model, real, key) => {
      const next = key.state === 'PendingDeletion' ? key.deleteAt : key.rotation?.nextAt
      if (next !== undefined && next + off > model.now) await wait(model, real, next + off - model.now)
    }),
  ),
  fc.constant(
    command('chores', async (model, real) => {
      await real.service.chores()
      for (const key of model.keys) if (!life.isGone(model, key)) life.catchUp(model, key)
    }),
  ),
  fc.constant(
    command('restart', async (_, real) => {
      // Each takes a good part of a second.
      if (real.restart === undefined || real.restarts > 0) return
      real.restarts++
      real.service = await real.restart()
    }),
  ),
]

async function wait(model: life.Model, real: Real, step: number): Promise<void> {
  real.service.clock.advance(step)
  model.now += step
}

/** Lives on each store: a commit and a restart cost more there. */
const runs = { memory: 60, sqlite: 8, postgres: 5 } as const

for (const on of ['memory', 'sqlite', 'postgres'] as const)
  test(`R12-R23, R34-R38, R56-R77: random lives of keys go as the model says, on ${on}`, async (t) => {
    const server = on === 'postgres' ? await postgresServer(t) : undefined
    if (on === 'postgres' && server === undefined) return
    const store = server === undefined ? (on as 'memory' | 'sqlite') : await server.newDatabase()
    const data = mkdtempSync(join(tmpdir(), 'keyward-life-'))
    t.after(() => rmSync(data, { recursive: true, force: true }))
    const clock = testClock()
    let service = await startTestService({ on: store, data, clock })
    const { token } = service
    t.after(async () => {
      await service.stop()
      await server?.stop()
    })
    const restart = async () => {
      await service.stop()
      service = await startTestService({ on: store, data, clock })
      return service
    }
    let life_ = 0
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 150, size: 'max' }), async (lives) => {
        // Every life in a region of its own: nothing of another one is seen there.
        const region = `life-${life_++}`
        await fc.asyncModelRun(
          () => ({
            model: life.newModel(clock.now()),
            real: new Real(service, region, token, on === 'memory' ? undefined : restart),
          }),
          lives,
        )
      }),
      { seed, numRuns: runs[on], interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
    )
  })
