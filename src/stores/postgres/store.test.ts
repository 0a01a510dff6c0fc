import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import postgres from 'postgres'
import { certificateAuthority } from '../../../test/certificates.ts'
import { conflict, put, remove, storeContract } from '../../../test/contracts/store.ts'
import { alias, auditRecord, dyingKey, key, partition } from '../../../test/contracts/store-records.ts'
import { type FaultyLink, faultyLink } from '../../../test/faulty-link.ts'
import { type PostgresServer, postgresServer } from '../../../test/postgres-server.ts'
import type { Store } from '../../domain/ports.ts'
import { cachedStore } from '../cached.ts'
import { copyStore } from '../copy.ts'
import { memoryStore } from '../memory/store.ts'
import { type FactsOfAll, factsOfAll } from '../rows.ts'
import { namesOfText, textOfNames } from './announcement.ts'
import { arrayText } from './array.ts'
import { openPostgresStore, type PostgresOptions, type PostgresStore } from './store.ts'

const clock = { wall: () => Date.now() }
const monotonic = () => performance.now()
const random = { uuid: () => randomUUID() as string }

/** Each test has tables of its own in the one server. */
let schemas = 0
const newSchema = () => `test_${++schemas}`

describe('PostgreSQL', async () => {
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

  function options(schema: string, more: Partial<PostgresOptions> = {}): PostgresOptions {
    if (server === undefined) throw new Error(missing)
    return { url: server.url, tls: 'off', clock, monotonic, random, schema, connections: 4, ...more }
  }

  function fact(title: string, prove: (server: PostgresServer, schema: string) => Promise<void>): void {
    test(title, async (context) => {
      if (server === undefined) context.skip(missing)
      else await prove(server, newSchema())
    })
  }

  /** A node that answers from memory. */
  async function node(schema: string, more: Partial<PostgresOptions> = {}): Promise<PostgresStore> {
    const store = await openPostgresStore(options(schema, more))
    await store.lease.take()
    return store
  }

  contract('The store in PostgreSQL', (store) => store, false)
  contract('A cache in front of the store in PostgreSQL', (store) => cachedStore(store, { maximumRecords: 100 }), true)

  function contract(name: string, dress: (store: PostgresStore) => Store, sameObject: boolean): void {
    storeContract(name, async () => {
      if (server === undefined) return missing ?? ''
      const schema = newSchema()
      let store = dress(await node(schema))
      return {
        store,
        sameObject,
        reopen: async () => {
          await store.close()
          store = dress(await node(schema))
          return store
        },
        end: () => store.close(),
      }
    })
  }

  fact('several nodes that start at once make the tables once', async (_, schema) => {
    const nodes = await Promise.all(
      Array.from({ length: 4 }, () => openPostgresStore(options(schema, { connections: 1 }))),
    )
    try {
      const [first, second] = nodes
      await first?.commit([put('alias', alias('a'))])
      assert.ok(await second?.get('alias', partition, 'a'))
    } finally {
      await Promise.all(nodes.map((node) => node.close()))
    }
  })

  fact('a commit whose answer was lost is found to have happened, and happens once', async (server, schema) => {
    await throughFaultyLink(server, schema, async (store, link) => {
      for (let round = 1; round <= 3; round++) {
        link.loseAnswersWith(`lost-answer-${round}`)
        await store.commit([put('alias', alias(`lost-answer-${round}`))], auditRecord(`r${round}`))
        assert.equal(link.faults(), round)
        assert.equal((await store.get('alias', partition, `lost-answer-${round}`))?.revision, 1)
        assert.deepEqual((await store.unsettled()).length, round)
      }
    })
  })

  fact('a commit that never arrived is sent again', async (server, schema) => {
    await throughFaultyLink(server, schema, async (store, link) => {
      link.loseRequestsWith('lost-request')
      await store.commit([put('alias', alias('lost-request'))], auditRecord('r1'))
      assert.equal(link.faults(), 1)
      assert.ok(await store.get('alias', partition, 'lost-request'))
      assert.equal((await store.unsettled()).length, 1)
    })
  })

  fact('a commit that was given up on and arrives later does nothing', async (server, schema) => {
    await throughFaultyLink(server, schema, async (store, link) => {
      link.delayRequestsWith('"late"')
      await store.commit([put('alias', alias('late', { keyId: 'again' }))])
      await store.commit([remove('alias', alias('late'))])
      assert.equal(link.faults(), 1)
      await link.deliverDelayed()
      assert.equal(await store.get('alias', partition, 'late'), undefined)
    })
  })

  fact('a commit that conflicts says so even when the first answer was lost', async (server, schema) => {
    await throughFaultyLink(server, schema, async (store, link) => {
      await store.commit([put('alias', alias('taken'))])
      link.loseAnswersWith('"taken"')
      await assert.rejects(store.commit([put('alias', alias('taken', { keyId: 'other' }))]), conflict)
      assert.equal(link.faults(), 1)
    })
  })

  fact('a store without its database says so, and serves again when it is back', async (server, schema) => {
    const store = cachedStore(await openPostgresStore(options(schema)), { maximumRecords: 10 })
    try {
      const answered = new Set<number>()
      let stop = false
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let number = writer; !stop; number += 4) {
          try {
            await store.commit([put('alias', alias(`n${number}`)), put('key', key(`n${number}`))])
            answered.add(number)
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'StoreUnavailable', String(error))
          }
        }
      })
      await until(() => answered.size > 20)
      await server.kill()
      const during = store.get('alias', partition, 'n0')
      await wait(300)
      await server.start()
      const before = answered.size
      assert.ok(await during, 'a read waits for a short failover')
      await until(() => answered.size > before + 20)
      stop = true
      await Promise.all(writers)
      await store.check()
      for (const number of answered) {
        assert.equal((await store.get('alias', partition, `n${number}`))?.revision, 1)
        assert.equal((await store.get('key', partition, `n${number}`))?.revision, 1)
      }
      assert.equal(await store.count('alias', partition), await store.count('key', partition))
    } finally {
      await store.close()
    }
  })

  fact('a database that stays away is a Problem, for reads, commits and the check', async (server, schema) => {
    const store = await openPostgresStore(options(schema))
    try {
      await server.kill()
      const unavailable = { code: 'StoreUnavailable' }
      await Promise.all([
        assert.rejects(async () => store.get('alias', partition, 'a'), unavailable),
        assert.rejects(store.commit([put('alias', alias('a'))]), unavailable),
        assert.rejects(store.check(), unavailable),
        assert.rejects(openPostgresStore(options(newSchema())), unavailable),
      ])
    } finally {
      await server.start()
      await store.close()
    }
  })

  fact(
    'an index, a due time and a collection that come later work on older tables; the older version writes no more',
    async (_, schema) => {
      const { tombstone: _tombstone, ...others } = factsOfAll
      const { due: _due, ...keyFacts } = factsOfAll.key
      const facts = { ...others, key: { ...keyFacts, indexes: {} } } as unknown as FactsOfAll
      const older = await openPostgresStore(options(schema, { facts }))
      await older.commit([
        put('key', key('k1', { createdAt: 30 })),
        put('key', dyingKey('k2', 7, { createdAt: 10, description: 'a"b\\c\0' })),
      ])
      const newer = await openPostgresStore(options(schema))
      try {
        const list = await newer.list('key', { partition, index: 'created', limit: 10 })
        assert.deepEqual(
          list.records.map((found) => found.keyId),
          ['k2', 'k1'],
        )
        assert.deepEqual(
          (await newer.due('key', 7, 10)).map((found) => found.keyId),
          ['k2'],
        )
        assert.equal(list.records[0]?.description, 'a"b\\c\0')
        await newer.commit([put('key', key('k1', { revision: 2, createdAt: 5 }))])
        await assert.rejects(older.commit([put('alias', alias('a'))]), {
          code: 'StoreUnavailable',
          message: /Another version of Keyward/,
        })
        await assert.rejects(openPostgresStore(options(schema, { facts })), { message: /newer version.*"tombstone"/ })
        const again = await openPostgresStore(options(schema))
        await newer.commit([put('alias', alias('a'))])
        await again.close()
      } finally {
        await older.close()
        await newer.close()
      }
    },
  )

  fact('tables of a newer format and settings that cannot keep the word are refused', async (server, schema) => {
    await (await openPostgresStore(options(schema))).close()
    const sql = postgres(server.url, { max: 1, onnotice: () => {} })
    try {
      await sql.unsafe(`UPDATE ${schema}.installation SET version = 99`)
      await assert.rejects(openPostgresStore(options(schema)), {
        code: 'StoreUnavailable',
        message: /newer version.*format 99/,
      })
      await sql.unsafe('CREATE ROLE hasty LOGIN SUPERUSER')
      await sql.unsafe('ALTER ROLE hasty SET synchronous_commit = off')
      const url = server.url.replace('keyward@', 'hasty@')
      await assert.rejects(openPostgresStore(options(newSchema(), { url })), { message: /before they are on disk/ })
    } finally {
      await sql.end()
    }
  })

  fact('what is good for one use is claimed once, whichever node claims it', async (_, schema) => {
    const nodes = await Promise.all(['one', 'two', 'three'].map((node) => openPostgresStore(options(schema, { node }))))
    const names = Array.from({ length: 1_200 }, (_, at) => `name-${at % 400}`)
    const claims = await Promise.all(
      names.flatMap((name) =>
        nodes.map(async ({ onceOnly }) => ({ name, first: await onceOnly.claim(name, Date.now() + 60_000) })),
      ),
    )
    const first = claims.filter((claim) => claim.first).map(({ name }) => name)
    assert.deepEqual(first.toSorted(), [...new Set(names)].toSorted())
    await Promise.all(nodes.map((node) => node.close()))
  })

  fact('what was claimed is forgotten after its time, and not before', async (server, schema) => {
    let now = Date.now()
    const store = await openPostgresStore(options(schema, { clock: { wall: () => now } }))
    const sql = postgres(server.url, { max: 1, onnotice: () => {} })
    const kept = async () => (await sql.unsafe(`SELECT name FROM ${schema}.once ORDER BY name`)).map(({ name }) => name)
    try {
      await store.onceOnly.claim('short', now + 1_000)
      await store.onceOnly.claim('long', now + 200_000)
      now += 61_000
      assert.equal(await store.onceOnly.claim('short', now), false, 'until somebody sweeps')
      await until(async () => (await kept()).join() === 'long')
      assert.equal(await store.onceOnly.claim('long', now), false)
      assert.equal(await store.onceOnly.claim('short', now + 1_000), true)
    } finally {
      await store.close()
      await sql.end()
    }
  })

  fact('everything can be copied into it and out of it', async (_, schema) => {
    const source = memoryStore()
    await source.commit([
      ...Array.from({ length: 1_500 }, (_, at) => put('alias', alias(`alias/${at}`))),
      put('alias', alias('\0"\\{,}\ud83d\udd11\uffff')),
      put('key', dyingKey('k1', 7)),
    ])
    await source.commit([put('key', dyingKey('k1', 8, { revision: 2 }))], auditRecord('r1'))
    const store = await openPostgresStore(options(schema))
    const back = memoryStore()
    const copied = await copyStore(source, store)
    assert.deepEqual(await copyStore(source, store), copied, 'a second time changes nothing')
    assert.deepEqual(await copyStore(store, back), copied)
    assert.equal((await back.get('key', partition, 'k1'))?.revision, 2)
    await source.commit([put('alias', alias('alias/0', { revision: 2 }))])
    await assert.rejects(copyStore(source, store), conflict)
    await store.close()
  })

  fact('each node has its own unsettled records, and installations their own tables', async (_, schema) => {
    const first = await openPostgresStore(options(schema, { node: 'first' }))
    const second = await openPostgresStore(options(schema, { node: 'second' }))
    const apart = await openPostgresStore(options(newSchema()))
    await first.commit([put('alias', alias('a'))], auditRecord('r1'))
    await second.commit([], auditRecord('r2'))
    second.settled(['r1'])
    assert.deepEqual(
      (await first.unsettled()).map((record) => record.requestId),
      ['r1'],
    )
    assert.deepEqual(
      (await second.unsettled()).map((record) => record.requestId),
      ['r2'],
    )
    assert.equal(await apart.get('alias', partition, 'a'), undefined)
    await Promise.all([first, second, apart].map((store) => store.close()))
  })

  test('a connection is encrypted, and made only to whom the certificate names', async (context) => {
    const [authority, other] = await Promise.all([certificateAuthority(), certificateAuthority()])
    const named = await authority.issue('127.0.0.1')
    const secure = await postgresServer(context, [], named)
    if (secure === undefined) return
    const misnamed = await postgresServer(context, [], await authority.issue('localhost'))
    try {
      const opened = (server: PostgresServer | undefined, ca?: string) =>
        openPostgresStore({ url: server?.url ?? '', clock, monotonic, random, tls: { ...(ca && { ca }) } })
      const store = await opened(secure, authority.certificate)
      await store.commit([put('alias', alias('a'))])
      await store.close()
      await assert.rejects(opened(secure, other.certificate), { code: 'StoreUnavailable' })
      await assert.rejects(opened(secure), { code: 'StoreUnavailable' })
      await assert.rejects(opened(misnamed, authority.certificate), { code: 'StoreUnavailable' })
    } finally {
      await secure.stop()
      await misnamed?.stop()
    }
  })

  fact('a connection that is not encrypted is not made unless it was asked for', async (_, schema) => {
    const { tls: _tls, ...encrypted } = options(schema)
    await assert.rejects(openPostgresStore(encrypted), { code: 'StoreUnavailable' })
  })

  async function throughFaultyLink(
    server: PostgresServer,
    schema: string,
    prove: (store: Store, link: FaultyLink) => Promise<void>,
  ): Promise<void> {
    const link = await faultyLink(server.port)
    const store = await openPostgresStore(options(schema, { url: link.url }))
    try {
      await prove(store, link)
    } finally {
      await store.close()
      await link.close()
    }
  }
})

test('an array is written as PostgreSQL reads it', () => {
  assert.equal(arrayText(['a', 'NULL', null, 'a"b\\c,{}', '', 7]), '{"a","NULL",NULL,"a\\"b\\\\c,{}","","7"}')
})

test('names that are too many to be told say that anything may have changed', () => {
  const name = { collection: 'alias', partition, id: 'a'.repeat(100) } as const
  assert.deepEqual(namesOfText(textOfNames([name])), [name])
  assert.equal(namesOfText(textOfNames(Array.from({ length: 100 }, () => name))), 'many')
})

/** Waits for what comes soon; says so where it never does. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 2000; tries++) {
    if (await holds()) return
    await wait(5)
  }
  assert.fail('what was waited for did not come')
}
