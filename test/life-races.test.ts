/** Requests that meet on the same key and the same aliases, at once. Whatever comes first, nothing is ever half done. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { type Answer, base64, days, startTestService, type TestService } from './service.ts'

const seed = Number(process.env.KEYWARD_LIFE_SEED ?? Date.now() % 1_000_000_007)
const partition = '111122223333/local'

/** The refusals that each request may meet in some order of the others. */
const refusals: Readonly<Record<string, readonly string[]>> = {
  encrypt: ['KeyDisabled', 'KeyPendingDeletion'],
  decrypt: ['KeyDisabled', 'KeyPendingDeletion'],
  rotate: ['KeyDisabled', 'KeyPendingDeletion', 'Conflict'],
  policy: ['KeyDisabled', 'KeyPendingDeletion', 'Conflict'],
  disable: ['KeyPendingDeletion', 'Conflict'],
  enable: ['KeyPendingDeletion', 'Conflict'],
  schedule: ['KeyPendingDeletion', 'Conflict'],
  cancel: ['KeyStateConflict', 'Conflict'],
  create: ['AliasExists', 'KeyPendingDeletion', 'Conflict'],
  move: ['AliasNotFound', 'KeyPendingDeletion', 'Conflict'],
  remove: ['AliasNotFound', 'Conflict'],
  describe: [],
}
const racers = fc.array(fc.constantFrom(...Object.keys(refusals)), { minLength: 2, maxLength: 14 })

for (const on of ['memory', 'sqlite'] as const)
  describe(on, () => {
    let service: TestService
    before(async () => {
      service = await startTestService({ on })
    })
    after(() => service.stop())

    async function race(names: readonly string[], isDue: boolean): Promise<void> {
      const { api, clock, world } = service
      const made = async () => (await api('POST', '/v1/keys', { rotationPeriodDays: 7 })).body.key.keyId as string
      const [keyId, other] = [await made(), await made()]
      const aliasName = `alias/${keyId}`
      const first = (await api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('first') })).body.ciphertextBlob
      await api('POST', '/v1/aliases', { aliasName, keyId: other })
      if (isDue) clock.advance(days(7))
      const alias = `/v1/aliases/${encodeURIComponent(aliasName)}`
      const requests: Readonly<Record<string, () => Promise<Answer>>> = {
        encrypt: () => api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('raced') }),
        decrypt: () => api('POST', '/v1/decrypt', { ciphertextBlob: first }),
        rotate: () => api('POST', `/v1/keys/${keyId}/rotate`),
        policy: () => api('PUT', `/v1/keys/${keyId}/rotation-policy`, { enabled: true, periodDays: 30 }),
        disable: () => api('POST', `/v1/keys/${keyId}/disable`),
        enable: () => api('POST', `/v1/keys/${keyId}/enable`),
        schedule: () =>
          api('POST', `/v1/keys/${keyId}/schedule-deletion`, { pendingWindowInDays: 7, evenIfRecentlyUsed: true }),
        cancel: () => api('POST', `/v1/keys/${keyId}/cancel-deletion`),
        create: () => api('POST', '/v1/aliases', { aliasName, keyId }),
        move: () => api('PUT', alias, { keyId }),
        remove: () => api('DELETE', alias),
        describe: () => api('GET', `/v1/keys/${keyId}`),
      }
      const answers = await Promise.all(names.map((name) => (requests[name] as () => Promise<Answer>)()))
      const served = (name: string) => answers.filter(({ status }, at) => names[at] === name && status === 200)
      for (const [at, { status, body }] of answers.entries())
        if (status !== 200)
          assert.ok(
            (refusals[names[at] as string] as readonly string[]).includes(body.code),
            `${names[at]}: ${body.code}`,
          )

      const key = await world.store.get('key', partition, keyId)
      const { records: versions } = await world.store.list('version', {
        partition,
        index: 'number',
        prefix: `${keyId}/`,
        limit: 100,
      })
      assert.deepEqual(
        versions.map(({ number }) => number),
        versions.map((_, place) => place + 1),
        'versions are numbered without a gap',
      )
      assert.equal(key?.versionCount, versions.length)
      assert.equal(key?.currentVersionId, versions.at(-1)?.versionId, 'the newest is the primary one, and no other')
      const automatic = versions.filter(({ madeBy }) => madeBy === 'AUTOMATIC').length
      assert.ok(automatic <= (isDue ? 1 : 0), 'what was due came once')
      assert.equal(versions.length, 1 + automatic + served('rotate').length, 'a rotation for each that was answered so')
      // Of schedule and cancel, each that was served followed one of the other.
      const open = served('schedule').length - served('cancel').length
      assert.equal(open, key?.state.is === 'PendingDeletion' ? 1 : 0)

      const { aliases } = (await api('GET', `/v1/aliases?keyId=${other}`)).body
      if (served('move').length + served('remove').length === 0) assert.equal(aliases.length, 1)
      if (key?.state.is === 'PendingDeletion') await api('POST', `/v1/keys/${keyId}/cancel-deletion`)
      await api('POST', `/v1/keys/${keyId}/enable`)
      for (const { body } of [...served('encrypt'), { body: { ciphertextBlob: first } }])
        assert.equal((await api('POST', '/v1/decrypt', { ciphertextBlob: body.ciphertextBlob })).status, 200)
    }

    test('R71: rotate, disable, delete, re-point and decrypt at once: one primary, nothing half done', async () => {
      await fc.assert(fc.asyncProperty(racers, fc.boolean(), race), {
        seed,
        numRuns: on === 'memory' ? 120 : 40,
        endOnFailure: true,
      })
    })

    test('two who change the same key at once are both served, one after the other', async () => {
      const { api } = service
      const keyId = (await api('POST', '/v1/keys', {})).body.key.keyId
      const answers = await Promise.all([
        api('POST', `/v1/keys/${keyId}/rotate`),
        api('POST', `/v1/keys/${keyId}/rotate`),
        api('PATCH', `/v1/keys/${keyId}`, { description: 'raced' }),
      ])
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200],
      )
      const { key } = (await api('GET', `/v1/keys/${keyId}`)).body
      assert.deepEqual([key.versionCount, key.description], [3, 'raced'])
    })
  })
