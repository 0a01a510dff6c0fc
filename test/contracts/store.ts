/** The contract of the Store port (src/domain/ports.ts), as every engine must keep it. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Change, ListQuery, Store } from '../../src/domain/ports.ts'
import type { Collection } from '../../src/domain/records.ts'
import type { StoreEngine } from '../../src/stores/engine.ts'
import { openSqliteStore } from '../../src/stores/sqlite/store.ts'
import { storeModel } from './store-model.ts'
import { alias, auditRecord, dyingKey, key, partition, setting, version } from './store-records.ts'

export type StoreUnderTest = {
  readonly store: Store
  /** Closes the store and opens it again on what it has kept. Absent where nothing outlives it. */
  readonly reopen?: () => Promise<Store>
  /** A record is the same object until it changes. Engines leave that to the cache in front of them. */
  readonly sameObject: boolean
  /** Closes everything and leaves nothing behind. */
  end(): Promise<void>
}

/** Where `open` answers why there is no such store here, the contract is skipped, and says so. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest | string>): void {
  describe(name, () => {
    function fact(title: string, prove: (store: Store, opened: StoreUnderTest) => Promise<void>): void {
      test(title, async (context) => {
        const opened = await open()
        if (typeof opened === 'string') {
          context.skip(opened)
          return
        }
        try {
          await prove(opened.store, opened)
        } finally {
          await opened.end()
        }
      })
    }

    fact('what was never put is not there', async (store) => {
      assert.equal(await store.get('alias', partition, 'alias/a'), undefined)
      assert.deepEqual(await store.list('alias', { partition, limit: 10 }), { records: [] })
      assert.equal(await store.count('alias', partition), 0)
      assert.deepEqual(await store.due('key', Number.MAX_SAFE_INTEGER, 10), [])
    })

    fact('what was put comes out as it was', async (store) => {
      const record = key('k1', { description: 'a\0b "ü" 密钥 \ud83d\udd11 \ud800', tags: { '': ' ', 'k=\n': 'v' } })
      await store.commit([put('key', record)])
      assert.deepEqual(await store.get('key', partition, 'k1'), record)
      assert.deepEqual(await store.list('key', { partition, limit: 1 }), { records: [record] })
    })

    fact('what is asked for next is read along: of a key its latest version', async (store) => {
      const engine = store as Partial<StoreEngine>
      if (engine.getWithNext === undefined) return
      const versions = [1, 2, 10].map((number) => version('k1', number))
      const others = [version('k0', 11), version('k10', 12), version('k1', 99, { account: '444455556666' })]
      await store.commit([
        ...['k1', 'k2'].map((keyId) => put('key', key(keyId))),
        ...[...versions, ...others].map((record) => put('version', record)),
      ])
      assert.deepEqual(await engine.getWithNext('key', partition, 'k1'), { record: key('k1'), next: versions[2] })
      assert.deepEqual((await engine.getWithNext('key', partition, 'k2')).record, key('k2'))
      assert.equal((await engine.getWithNext('key', partition, 'k2')).next, undefined)
      assert.equal((await engine.getWithNext('key', partition, 'none')).record, undefined)
      assert.equal((await engine.getWithNext('alias', partition, 'alias/a')).record, undefined)
      await store.commit([put('alias', alias('alias/a'))])
      assert.deepEqual((await engine.getWithNext('alias', partition, 'alias/a')).record, alias('alias/a'))
    })

    fact('what was put is a copy', async (store) => {
      const record = { ...key('k1'), tags: { a: '1' } }
      const committed = store.commit([put('key', record)])
      record.tags.a = 'changed'
      await committed
      assert.deepEqual((await store.get('key', partition, 'k1'))?.tags, { a: '1' })
    })

    fact('a record comes out frozen, all the way down', async (store) => {
      await store.commit([put('key', dyingKey('k1', 5, { tags: { a: '1' } }))])
      const found = [
        await store.get('key', partition, 'k1'),
        (await store.list('key', { partition, limit: 1 })).records[0],
        (await store.due('key', 5, 1))[0],
      ]
      for (const record of found) {
        assert.ok(Object.isFrozen(record))
        assert.ok(Object.isFrozen(record?.tags))
        assert.ok(Object.isFrozen(record?.state))
      }
    })

    fact('a record is the same object until it changes', async (store, { sameObject }) => {
      if (!sameObject) return
      await store.commit([put('alias', alias('alias/a'))])
      const first = await store.get('alias', partition, 'alias/a')
      assert.equal(await store.get('alias', partition, 'alias/a'), first)
      assert.equal((await store.list('alias', { partition, limit: 1 })).records[0], first)
      await store.commit([put('alias', alias('alias/b'))])
      assert.equal(await store.get('alias', partition, 'alias/a'), first)
      await store.commit([put('alias', alias('alias/a', { revision: 2 }))])
      const second = await store.get('alias', partition, 'alias/a')
      assert.notEqual(second, first)
      assert.equal(await store.get('alias', partition, 'alias/a'), second)
    })

    fact('a revision is taken only if it follows the stored one', async (store) => {
      for (const stored of [0, 1, 2, 3]) {
        const name = `alias/stored-${stored}`
        for (let revision = 1; revision <= stored; revision++)
          await store.commit([put('alias', alias(name, { revision }))])
        for (const revision of [1, 2, 3, 4, 5]) {
          if (revision === stored + 1) continue
          await assert.rejects(store.commit([put('alias', alias(name, { revision, keyId: 'x' }))]), conflict)
        }
        for (const revision of [1, 2, 3, 4]) {
          if (revision === stored) continue
          await assert.rejects(store.commit([remove('alias', alias(name, { revision }))]), conflict)
        }
        const kept = await store.get('alias', partition, name)
        assert.deepEqual([kept?.revision, kept?.keyId], stored === 0 ? [undefined, undefined] : [stored, 'k'])
      }
    })

    fact('what was removed begins again at revision 1', async (store) => {
      await store.commit([put('alias', alias('alias/a'))])
      await store.commit([put('alias', alias('alias/a', { revision: 2 }))])
      await store.commit([remove('alias', alias('alias/a', { revision: 2 }))])
      assert.equal(await store.get('alias', partition, 'alias/a'), undefined)
      assert.equal(await store.count('alias', partition), 0)
      await assert.rejects(store.commit([put('alias', alias('alias/a', { revision: 3 }))]), conflict)
      await store.commit([put('alias', alias('alias/a', { keyId: 'again' }))])
      assert.equal((await store.get('alias', partition, 'alias/a'))?.keyId, 'again')
    })

    fact('a record is found in its own partition only', async (store) => {
      await store.commit([put('alias', alias('alias/a', { keyId: 'here' }))])
      await store.commit([put('alias', alias('alias/a', { region: 'elsewhere', keyId: 'there' }))])
      assert.equal((await store.get('alias', partition, 'alias/a'))?.keyId, 'here')
      assert.equal((await store.get('alias', '111122223333/elsewhere', 'alias/a'))?.keyId, 'there')
      assert.equal(await store.get('alias', '111122223333', 'alias/a'), undefined)
      assert.equal(await store.get('tombstone', partition, 'alias/a'), undefined)
      assert.equal(await store.count('alias', partition), 1)
      assert.equal((await store.list('alias', { partition, limit: 10 })).records.length, 1)
    })

    fact('a batch with one change that does not follow leaves no trace', async (store) => {
      await store.commit([put('alias', alias('alias/old'))])
      const good: readonly Change[] = [
        put('alias', alias('alias/new')),
        put('alias', alias('alias/old', { revision: 2 })),
        put('key', dyingKey('k1', 7)),
      ]
      const bad: readonly Change[] = [
        put('alias', alias('alias/other', { revision: 2 })),
        remove('alias', alias('alias/other')),
        put('setting', setting('s', 'v', 9)),
      ]
      for (const wrong of bad)
        for (let at = 0; at <= good.length; at++) {
          await assert.rejects(store.commit(good.toSpliced(at, 0, wrong), auditRecord('r')), conflict)
          assert.equal((await store.get('alias', partition, 'alias/old'))?.revision, 1)
          assert.equal(await store.get('alias', partition, 'alias/new'), undefined)
          assert.equal(await store.count('key', partition), 0)
          assert.deepEqual(await store.due('key', 7, 1), [])
          assert.deepEqual(await store.unsettled(), [])
        }
      await store.commit(good)
      assert.equal((await store.get('alias', partition, 'alias/old'))?.revision, 2)
    })

    fact('the changes of a batch are made in order', async (store) => {
      await store.commit([
        put('alias', alias('alias/a')),
        put('alias', alias('alias/a', { revision: 2 })),
        remove('alias', alias('alias/a', { revision: 2 })),
        put('alias', alias('alias/a', { keyId: 'last' })),
      ])
      assert.equal((await store.get('alias', partition, 'alias/a'))?.keyId, 'last')
      assert.equal(await store.count('alias', partition), 1)
      await assert.rejects(
        store.commit([
          put('alias', alias('alias/a', { revision: 3 })),
          put('alias', alias('alias/a', { revision: 2 })),
        ]),
        conflict,
      )
    })

    fact('a list is ordered by code unit, both ways, whatever the names', async (store) => {
      const names = [
        '',
        'A',
        'a',
        'aa',
        'a\0',
        'a\x01',
        'ab',
        'a\ud7ff',
        'a\ud83d\udd11',
        'a\ud83d',
        'a\ue000',
        'a\uffff',
      ]
      names.push('密钥', 'z', '%', '_', 'a%', 'a_', "a'", 'a\\')
      await store.commit(names.map((name) => put('alias', alias(name))))
      const ordered = names.toSorted((left, right) => (left < right ? -1 : 1))
      for (const reverse of [false, true])
        for (const prefix of ['', 'a', 'A', 'a\0', 'a\ud83d', '%', 'zz'])
          for (const limit of [1, 2, 7, 1000]) {
            const expected = ordered.filter((name) => name.startsWith(prefix))
            if (reverse) expected.reverse()
            const query = { partition, prefix, limit, reverse }
            assert.deepEqual(
              (await everyPage(store, 'alias', query)).map((record) => record.aliasName),
              expected,
            )
          }
    })

    fact('a list by index has the records with that value, ordered by value and then by id', async (store) => {
      await store.commit([
        put('alias', alias('alias/1', { keyId: 'b' })),
        put('alias', alias('alias/2', { keyId: 'a' })),
        put('alias', alias('alias/3', { keyId: 'b' })),
        put('alias', alias('alias/4', { keyId: 'ba' })),
      ])
      await store.commit([
        put('alias', alias('alias/1', { revision: 2, keyId: 'c' })),
        remove('alias', alias('alias/2')),
      ])
      const names = async (query: Partial<ListQuery>) =>
        (await everyPage(store, 'alias', { partition, index: 'key', limit: 1, ...query })).map(
          (found) => found.aliasName,
        )
      assert.deepEqual(await names({}), ['alias/3', 'alias/4', 'alias/1'])
      assert.deepEqual(await names({ reverse: true }), ['alias/1', 'alias/4', 'alias/3'])
      assert.deepEqual(await names({ prefix: 'b/' }), ['alias/3'])
      assert.deepEqual(await names({ prefix: 'b' }), ['alias/3', 'alias/4'])
      await store.commit(['z', 'y', 'x'].map((keyId) => put('key', key(keyId, { createdAt: 5 }))))
      const keys = await everyPage(store, 'key', { partition, index: 'created', limit: 2 })
      assert.deepEqual(
        keys.map((found) => found.keyId),
        ['x', 'y', 'z'],
      )
    })

    fact('a page says where the next one begins, and the last one does not', async (store) => {
      await store.commit(['a', 'b', 'c', 'd'].map((name) => put('alias', alias(name))))
      const first = await store.list('alias', { partition, limit: 2 })
      assert.equal(first.records.length, 2)
      assert.ok(first.next)
      const second = await store.list('alias', { partition, limit: 2, after: first.next })
      assert.deepEqual(
        second.records.map((found) => found.aliasName),
        ['c', 'd'],
      )
      assert.equal(second.next, undefined)
      assert.equal('next' in second, false)
    })

    fact('what does not change between two pages is seen exactly once', async (store) => {
      const still = Array.from({ length: 40 }, (_, at) => `still-${String(at).padStart(2, '0')}`)
      await store.commit(still.map((name) => put('alias', alias(name))))
      for (const query of [{}, { reverse: true }, { index: 'key' }, { index: 'key', reverse: true }]) {
        const seen: string[] = []
        let after: string | undefined
        for (let round = 0; ; round++) {
          const page = await store.list('alias', { partition, limit: 3, ...query, ...(after && { after }) })
          seen.push(...page.records.map((record) => record.aliasName))
          after = page.next
          if (after === undefined) break
          // Around, before and behind the place, and the very record the page ended with.
          const name = `still-${String((round * 17) % 40).padStart(2, '0')}x`
          const passing = alias(name)
          if ((await store.get('alias', partition, name)) === undefined) await store.commit([put('alias', passing)])
          else await store.commit([remove('alias', passing)])
        }
        const unchanged = seen.filter((name) => !name.endsWith('x'))
        assert.deepEqual(unchanged, query.reverse ? still.toReversed() : still)
      }
    })

    fact('a position whose record was removed is still a position', async (store) => {
      await store.commit(['a', 'b', 'c'].map((name) => put('alias', alias(name))))
      const { next } = await store.list('alias', { partition, limit: 2 })
      assert.ok(next)
      await store.commit([remove('alias', alias('b'))])
      const rest = await store.list('alias', { partition, limit: 2, after: next })
      assert.deepEqual(
        rest.records.map((found) => found.aliasName),
        ['c'],
      )
    })

    fact('a forged position is refused, or leads nowhere but into the own partition', async (store) => {
      await store.commit(['a', 'b', 'c'].map((name) => put('alias', alias(name))))
      const { next = '' } = await store.list('alias', { partition, limit: 1 })
      const byKey = await store.list('alias', { partition, index: 'key', limit: 1 })
      const forged = [
        '',
        ' ',
        'a',
        '%00',
        '..',
        '\0',
        `${next}=`,
        ` ${next}`,
        `${next}A`,
        next.slice(0, -1),
        Buffer.from('[]').toString('base64url'),
        Buffer.from('["","","a","more"]').toString('base64url'),
        Buffer.from('["",1,2]').toString('base64url'),
        Buffer.from('{"0":""}').toString('base64url'),
        Buffer.from('null').toString('base64url'),
        Buffer.from('["" ,"","a"]').toString('base64url'),
        Buffer.from(`["","","${'a'.repeat(10_000)}"]`).toString('base64url'),
        byKey.next ?? '',
      ]
      for (const after of forged)
        await assert.rejects(store.list('alias', { partition, limit: 1, after }), { code: 'InvalidRequest' }, after)
      const elsewhere = await store.list('alias', { partition: '999999999999/local', limit: 9, after: next })
      assert.deepEqual(elsewhere, { records: [] })
    })

    fact('a page has 1 to 1,000 entries', async (store) => {
      for (const limit of [0, -1, 1.5, 1001, Number.NaN, Number.POSITIVE_INFINITY])
        await assert.rejects(store.list('alias', { partition, limit }), { code: 'InvalidRequest' }, String(limit))
      await store.commit(Array.from({ length: 1001 }, (_, at) => put('alias', alias(`alias/${at}`))))
      assert.equal((await store.list('alias', { partition, limit: 1000 })).records.length, 1000)
    })

    fact('what falls due is found across partitions, the earliest first', async (store) => {
      await store.commit([
        put('key', dyingKey('late', 30)),
        put('key', dyingKey('early', 10)),
        put('key', dyingKey('elsewhere', 20, { region: 'elsewhere' })),
        put('key', key('never')),
      ])
      const due = async (before: number, limit = 10) =>
        (await store.due('key', before, limit)).map((found) => found.keyId)
      assert.deepEqual(await due(9), [])
      assert.deepEqual(await due(10), ['early'])
      assert.deepEqual(await due(30), ['early', 'elsewhere', 'late'])
      assert.deepEqual(await due(30, 2), ['early', 'elsewhere'])
      await store.commit([put('key', key('early', { revision: 2 }))])
      await store.commit([put('key', dyingKey('late', 15, { revision: 2 }))])
      assert.deepEqual(await due(30), ['late', 'elsewhere'])
      assert.deepEqual(await store.due('alias', 30, 10), [])
    })

    fact('of those who want the same revision exactly one gets it', async (store) => {
      await store.commit([put('setting', setting('s', 'start'))])
      const wins = await Promise.all(
        Array.from({ length: 32 }, async (_, who) => {
          try {
            await store.commit([put('setting', setting('s', `${who}`, 2))])
            return who
          } catch (error) {
            conflict(error)
            return undefined
          }
        }),
      )
      const winners = wins.filter((who) => who !== undefined)
      assert.equal(winners.length, 1)
      assert.equal((await store.get('setting', '*', 's'))?.value, `${winners[0]}`)
    })

    fact('reads and writes that overlap are linearizable', async (store) => {
      const names = ['a', 'b', 'c']
      /** Of each record: the highest revision whose commit has been answered, and the highest one ever sent. */
      const answered = new Map(names.map((name) => [name, 0]))
      const sent = new Map(names.map((name) => [name, 0]))
      let successes = 0
      const reader = async (name: string) => {
        let last = 0
        for (let read = 0; read < 60; read++) {
          const atLeast = Math.max(last, answered.get(name) ?? 0)
          const found = (await store.get('setting', '*', name))?.revision ?? 0
          assert.ok(found >= atLeast, `${name}: read ${found} when ${atLeast} was answered or seen before`)
          assert.ok(found <= (sent.get(name) ?? 0))
          last = found
          if (read % 7 === 0) {
            const listed = await store.list('setting', { partition: '*', prefix: name, limit: 1 })
            const revision = listed.records[0]?.revision ?? 0
            assert.ok(revision >= last, `${name}: listed ${revision} when ${last} was seen before`)
            last = revision
          }
        }
      }
      const writer = async (name: string) => {
        for (let write = 0; write < 25; write++) {
          const revision = ((await store.get('setting', '*', name))?.revision ?? 0) + 1
          sent.set(name, Math.max(sent.get(name) ?? 0, revision))
          try {
            await store.commit([put('setting', setting(name, '', revision))])
            successes++
            answered.set(name, Math.max(answered.get(name) ?? 0, revision))
          } catch (error) {
            conflict(error)
          }
        }
      }
      await Promise.all(names.flatMap((name) => [writer(name), reader(name), writer(name), reader(name), writer(name)]))
      const revisions = await Promise.all(
        names.map(async (name) => (await store.get('setting', '*', name))?.revision ?? 0),
      )
      assert.equal(
        revisions.reduce((sum, revision) => sum + revision, 0),
        successes,
      )
    })

    fact('nobody sees half a batch', async (store) => {
      const pair = (revision: number) => [
        put('alias', alias('pair/a', { revision })),
        put('alias', alias('pair/b', { revision })),
      ]
      let done = false
      const writing = (async () => {
        for (let revision = 1; revision <= 40; revision++) {
          await store.commit(pair(revision))
          await new Promise(setImmediate)
        }
        done = true
      })()
      const reading = (async () => {
        while (!done) {
          const { records } = await store.list('alias', { partition, prefix: 'pair/', limit: 10 })
          assert.equal(records[0]?.revision, records[1]?.revision)
          await new Promise(setImmediate)
        }
      })()
      await Promise.all([writing, reading])
    })

    fact('records are counted by what their index begins with', async (store) => {
      await store.commit([
        put('key', key('k1')),
        put('key', key('k2')),
        put('key', dyingKey('k3', 5)),
        put('key', key('k4', { region: 'elsewhere' })),
      ])
      const inState = (prefix: string) => store.count('key', partition, { index: 'state', prefix })
      assert.deepEqual(
        await Promise.all(['Enabled', 'PendingDeletion', 'Pending', 'Disabled', ''].map(inState)),
        [2, 1, 1, 0, 3],
      )
      await store.commit([put('key', key('k1', { revision: 2, state: { is: 'Disabled' } }))])
      assert.deepEqual(await Promise.all(['Enabled', 'Disabled'].map(inState)), [1, 1])
    })

    fact('many commits at once all arrive, whoever among them conflicts', async (store) => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 200 }, (_, at) =>
          store.commit([put('alias', alias(`alias/${at}`, { revision: at % 3 === 0 ? 2 : 1 }))], auditRecord(`r${at}`)),
        ),
      )
      outcomes.forEach((outcome, at) => {
        assert.equal(outcome.status, at % 3 === 0 ? 'rejected' : 'fulfilled')
        if (outcome.status === 'rejected') conflict(outcome.reason)
      })
      assert.equal(await store.count('alias', partition), 133)
      assert.equal((await store.unsettled()).length, 133)
    })

    fact('the record of a commit is kept until it is settled', async (store) => {
      await store.commit([put('alias', alias('a'))], auditRecord('r1'))
      await store.commit([], auditRecord('r2'))
      await store.commit([put('alias', alias('b'))])
      assert.deepEqual(await store.unsettled(), [auditRecord('r1'), auditRecord('r2')])
      await assert.rejects(store.commit([put('alias', alias('b'))], auditRecord('r3')), conflict)
      store.settled(['r1', 'never heard of'])
      assert.deepEqual(await store.unsettled(), [auditRecord('r2')])
      await store.commit([put('alias', alias('c'))], auditRecord('r4'))
      assert.deepEqual(
        (await store.unsettled()).map((record) => record.requestId),
        ['r2', 'r4'],
      )
      store.settled([])
      store.settled(['r4', 'r2'])
      assert.deepEqual(await store.unsettled(), [])
      await assert.rejects(store.commit([put('alias', alias('a'))]), conflict)
      assert.deepEqual(await store.unsettled(), [])
    })

    fact('any history of commits, reads and lists goes as in a plain map', async (store) => {
      await storeModel(store)
    })

    fact('a store that serves says that it does', async (store) => {
      await store.check()
      await store.commit([put('alias', alias('a'))])
      await store.check()
    })

    fact('everything is there when the store is opened again', async (store, { reopen }) => {
      if (reopen === undefined) return
      await store.commit([
        put('key', dyingKey('k1', 5)),
        put('alias', alias('a')),
        put('alias', alias('b')),
        put('alias', alias('c')),
      ])
      await store.commit([put('alias', alias('b', { revision: 2 })), remove('alias', alias('c'))], auditRecord('r1'))
      await store.commit([put('setting', setting('s', 'v'))], auditRecord('r2'))
      store.settled(['r1'])
      const again = await reopen()
      assert.deepEqual(await again.get('key', partition, 'k1'), dyingKey('k1', 5))
      const aliases = (await again.list('alias', { partition, limit: 10 })).records
      assert.deepEqual(aliases, [alias('a'), alias('b', { revision: 2 })])
      assert.equal(await again.count('alias', partition), 2)
      assert.equal((await again.due('key', 5, 1)).length, 1)
      assert.deepEqual(await again.unsettled(), [auditRecord('r2')])
      await assert.rejects(again.commit([put('alias', alias('b', { revision: 2 }))]), conflict)
      await again.commit([put('alias', alias('b', { revision: 3 }))])
    })

    fact('a backup is one moment of the store, made while it serves', async (store) => {
      const directory = await mkdtemp(join(tmpdir(), 'keyward-backup-'))
      try {
        const pair = (revision: number) => [
          put('alias', alias('pair/a', { revision })),
          put('key', key('pair/b', { revision })),
        ]
        await store.commit([...Array.from({ length: 300 }, (_, at) => put('alias', alias(`fill/${at}`))), ...pair(1)])
        await store.commit([], auditRecord('r1'))
        let done = false
        const writing = (async () => {
          for (let revision = 2; !done; revision++) {
            await store.commit(pair(revision))
            await new Promise(setImmediate)
          }
        })()
        const file = join(directory, 'backup.db')
        await store.backup(file).finally(() => {
          done = true
        })
        await writing
        await assert.rejects(store.backup(file), { code: 'InvalidRequest' })
        const restored = await openSqliteStore({ file })
        try {
          const first = await restored.get('alias', partition, 'pair/a')
          assert.ok(first)
          assert.equal((await restored.get('key', partition, 'pair/b'))?.revision, first.revision)
          assert.equal(await restored.count('alias', partition), 301)
          assert.deepEqual(await restored.unsettled(), [auditRecord('r1')])
          await restored.commit([put('alias', alias('pair/a', { revision: first.revision + 1 }))])
        } finally {
          await restored.close()
        }
      } finally {
        await rm(directory, { recursive: true })
      }
    })

    fact('a closed store says so', async (store) => {
      await store.commit([put('alias', alias('a'))])
      await Promise.all([store.close(), store.close()])
      await assert.rejects(async () => store.get('alias', partition, 'a'), { code: 'StoreUnavailable' })
      await assert.rejects(store.list('alias', { partition, limit: 1 }), { code: 'StoreUnavailable' })
      await assert.rejects(store.commit([put('alias', alias('b'))]), { code: 'StoreUnavailable' })
      await assert.rejects(store.check(), { code: 'StoreUnavailable' })
    })

    fact('what was committed before the store is closed is kept', async (store, { reopen }) => {
      if (reopen === undefined) return
      const commits = Array.from({ length: 50 }, (_, at) => store.commit([put('alias', alias(`alias/${at}`))]))
      const again = await reopen()
      await Promise.all(commits)
      assert.equal(await again.count('alias', partition), 50)
    })
  })
}

export function put<C extends Collection>(collection: C, record: Extract<Change, { put: C }>['record']): Change {
  return { put: collection, record } as unknown as Change
}

export function remove<C extends Collection>(collection: C, record: Extract<Change, { remove: C }>['record']): Change {
  return { remove: collection, record } as unknown as Change
}

export function conflict(error: unknown): true {
  assert.equal((error as { code?: unknown }).code, 'Conflict', String(error))
  return true
}

async function everyPage<C extends Collection>(store: Store, collection: C, query: ListQuery) {
  const records = []
  for (let after: string | undefined; ; ) {
    const page = await store.list(collection, { ...query, ...(after !== undefined && { after }) })
    assert.ok(page.records.length <= query.limit)
    records.push(...page.records)
    if (page.next === undefined) return records
    assert.equal(page.records.length, query.limit)
    after = page.next
  }
}
