/** Several nodes of one store in one process, with clocks and links that the test bends. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import postgres from 'postgres'
import { put } from '../../../test/contracts/store.ts'
import { alias, auditRecord, setting } from '../../../test/contracts/store-records.ts'
import { type FaultyLink, faultyLink } from '../../../test/faulty-link.ts'
import { type PostgresServer, postgresServer } from '../../../test/postgres-server.ts'
import { cachedStore } from '../cached.ts'
import { openPostgresStore, type PostgresOptions } from './store.ts'

const leaseMs = 800
/** For what takes some round trips, on a machine that does much else. */
const soonMs = leaseMs * 0.8

/** A clock of a node, that can be moved. */
function bentClock() {
  let wallAhead = 0
  let monotonicAhead = 0
  return {
    clock: { wall: () => Date.now() + wallAhead },
    monotonic: () => performance.now() + monotonicAhead,
    jump: (milliseconds: number) => {
      wallAhead += milliseconds
    },
    /** As while a process is stopped. */
    stop: (milliseconds: number) => {
      wallAhead += milliseconds
      monotonicAhead += milliseconds
    },
  }
}

describe('The lease of a node', async () => {
  let server: PostgresServer | undefined
  let missing: string | undefined
  let schemas = 0

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

  type World = {
    readonly server: PostgresServer
    readonly schema: string
    /** A node with a cache in front, which holds a lease. */
    node(name: string, more?: Partial<PostgresOptions>): Promise<Node>
  }
  type Node = Awaited<ReturnType<typeof startNode>>

  async function startNode(url: string, schema: string, name: string, more: Partial<PostgresOptions>) {
    const bent = bentClock()
    const engine = await openPostgresStore({
      url,
      tls: 'off',
      schema,
      node: name,
      leaseMs,
      clock: bent.clock,
      monotonic: bent.monotonic,
      random: { uuid: () => randomUUID() as string },
      connections: 4,
      ...more,
    })
    try {
      await engine.lease.take()
    } catch (error) {
      await engine.close()
      throw error
    }
    const cache = cachedStore(engine, { maximumRecords: 100 })
    return {
      ...bent,
      engine,
      cache,
      lease: engine.lease,
      read: async () => (await cache.get('setting', '*', 's'))?.value,
      write: (value: string, revision: number) => cache.commit([put('setting', setting('s', value, revision))]),
    }
  }

  function fact(title: string, prove: (world: World) => Promise<void>): void {
    test(title, async (context) => {
      if (server === undefined) return context.skip(missing)
      const { url } = server
      const schema = `lease_${++schemas}`
      const nodes: Node[] = []
      try {
        await prove({
          server,
          schema,
          async node(name, more = {}) {
            const node = await startNode(url, schema, name, more)
            nodes.push(node)
            return node
          },
        })
      } finally {
        await Promise.all(nodes.map(({ engine }) => engine.close()))
      }
    })
  }

  async function timed(act: () => Promise<unknown>): Promise<number> {
    const start = performance.now()
    await act()
    return performance.now() - start
  }

  fact(
    'a change is answered once no node answers from what was before, and at once where all are well',
    async (world) => {
      const nodes = [await world.node('one'), await world.node('two'), await world.node('three')] as const
      const [writer, ...others] = nodes
      await writer.write('0', 1)
      const took: number[] = []
      for (let round = 1; round <= 200; round++) {
        for (const node of nodes) assert.equal(await node.read(), String(round - 1))
        took.push(await timed(() => writer.write(String(round), round + 1)))
        // Without any wait: that is the point.
        for (const node of others) assert.equal(await node.read(), String(round))
      }
      assert.ok(took.filter((ms) => ms > soonMs).length < 20, `it takes long: ${took.map(Math.round)}`)
    },
  )

  fact('changes of all nodes at once hold at all of them when they are answered', async (world) => {
    const nodes = [await world.node('one'), await world.node('two'), await world.node('three')]
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    await Promise.all(
      names.map(async (name, at) => {
        for (let revision = 1; revision <= 60; revision++) {
          const writer = nodes[(at + revision) % nodes.length] as Node
          await writer.cache.commit([put('setting', setting(name, String(revision), revision))])
          for (const node of nodes)
            assert.equal((await node.cache.get('setting', '*', name))?.value, String(revision), name)
        }
      }),
    )
  })

  fact('more names than can be told end everything that was kept', async (world) => {
    const [one, two] = [await world.node('one'), await world.node('two')]
    const many = (revision: number) =>
      Array.from({ length: 1000 }, (_, at) => put('alias', alias(`alias/${at}`, { revision })))
    await one.cache.commit([put('setting', setting('s', '1')), ...many(1)])
    assert.equal(await two.read(), '1')
    await one.cache.commit([put('setting', setting('s', '2', 2)), ...many(2)])
    assert.equal(await two.read(), '2')
  })

  fact('what did not change stays in memory', async (world) => {
    const [one, two] = [await world.node('one'), await world.node('two')]
    await one.write('1', 1)
    const kept = await two.cache.get('setting', '*', 's')
    await one.cache.commit([put('setting', setting('other', '1'))])
    assert.equal(await two.cache.get('setting', '*', 's'), kept)
  })

  fact('a node that is stopped holds a change up for one lease, and knows by itself that it is over', async (world) => {
    const [one, two] = [await world.node('one'), await world.node('two')]
    await one.write('1', 1)
    assert.equal(await two.read(), '1')
    // It hears and sends nothing; its memory goes on answering while it believes in its lease.
    const deaf = await deafNode(world, 'three')
    try {
      assert.equal(await deaf.node.read(), '1')
      deaf.link.stallOpen()
      deaf.link.refuseNew()
      let answered = false
      const began = performance.now()
      const write = one.write('2', 2).then(() => {
        answered = true
      })
      while (!answered) {
        const value = deaf.node.lease.term() === undefined ? 'none' : await deaf.node.read()
        if (answered) assert.notEqual(value, '1', 'the old value was answered after the change was')
        await wait(1)
      }
      await write
      const took = performance.now() - began
      assert.equal(deaf.node.lease.term(), undefined)
      assert.ok(took >= leaseMs * 0.9 && took < leaseMs + soonMs, `one lease, not ${took} ms`)
      assert.equal(await two.read(), '2')
      assert.ok((await timed(() => one.write('3', 3))) < soonMs, 'nobody waits for it again')
    } finally {
      await deaf.node.engine.close()
      await deaf.link.close()
    }
  })

  fact('a node is waited for as long as its own lease is, whatever the others have', async (world) => {
    const one = await world.node('one', { leaseMs: leaseMs / 2 })
    await one.write('1', 1)
    const deaf = await deafNode(world, 'two')
    try {
      deaf.link.stallOpen()
      deaf.link.refuseNew()
      const took = await timed(() => one.write('2', 2))
      assert.ok(took >= leaseMs * 0.9, `${took} ms`)
    } finally {
      await deaf.node.engine.close()
      await deaf.link.close()
    }
  })

  fact('a node whose renewals arrive, but no answers to it, is not waited for much longer', async (world) => {
    const one = await world.node('one')
    await one.write('1', 1)
    const deaf = await deafNode(world, 'two')
    try {
      assert.equal(await deaf.node.read(), '1')
      deaf.link.muteOpen()
      deaf.link.refuseNew()
      const took = await timed(() => one.write('2', 2))
      assert.equal(deaf.node.lease.term(), undefined)
      assert.ok(took < leaseMs * 1.5 + soonMs, `${took} ms`)
    } finally {
      await deaf.node.engine.close()
      await deaf.link.close()
    }
  })

  fact('a node that lost its lease takes another one, in a new term and with an empty memory', async (world) => {
    const one = await world.node('one')
    await one.write('1', 1)
    const deaf = await deafNode(world, 'two')
    try {
      assert.equal(await deaf.node.read(), '1')
      const term = deaf.node.lease.term()
      deaf.link.stallOpen()
      deaf.link.refuseNew()
      await one.write('2', 2)
      assert.equal(deaf.node.lease.term(), undefined)
      assert.match(deaf.node.lease.failing() ?? '', /ran out/)
      deaf.link.acceptNew()
      await until(() => deaf.node.lease.term() !== undefined)
      assert.notEqual(deaf.node.lease.term(), term)
      assert.equal(await deaf.node.read(), '2')
    } finally {
      await deaf.node.engine.close()
      await deaf.link.close()
    }
  })

  fact('a pause in which nothing was changed ends no term', async (world) => {
    const one = await world.node('one')
    const term = one.lease.term()
    one.stop(10 * leaseMs)
    assert.equal(one.lease.term(), undefined, 'it cannot know before it has renewed')
    await until(() => one.lease.term() !== undefined)
    assert.equal(one.lease.term(), term)
  })

  fact('clocks of a machine that do not agree end the lease until it is renewed: it may have slept', async (world) => {
    const one = await world.node('one')
    for (const jump of [5_000, -5_000, leaseMs / 10, -leaseMs / 10]) {
      await until(() => one.lease.term() !== undefined)
      one.jump(jump)
      assert.equal(one.lease.term(), undefined, `after a jump of ${jump} ms`)
      assert.equal(one.engine.generation(), undefined)
    }
    await until(() => one.lease.term() !== undefined)
  })

  fact('a node whose clock is far from that of the database has no lease', async (world) => {
    const one = await world.node('one')
    one.jump(3_600_000)
    assert.equal(one.lease.term(), undefined)
    await until(() => /differ by 3600 seconds/.test(one.lease.failing() ?? ''))
    one.jump(-3_600_000)
    await until(() => one.lease.term() !== undefined)
  })

  fact('two processes do not run under one name; what a crash left behind is waited for', async (world) => {
    const one = await world.node('one')
    await assert.rejects(world.node('one'), { code: 'Conflict', message: /node one/, mend: /KEYWARD_NODE/ })
    assert.notEqual(one.lease.term(), undefined)
    await one.engine.close()
    assert.ok((await timed(() => world.node('one'))) < leaseMs, 'a node that has ended has given its lease back')
    const sql = postgres(world.server.url, { max: 1, onnotice: () => {} })
    try {
      await sql.unsafe(`INSERT INTO ${world.schema}.lease VALUES ('two', 'crashed', ${leaseMs}, 7, '[]')`)
    } finally {
      await sql.end()
    }
    const took = await timed(() => world.node('two'))
    assert.ok(took >= leaseMs && took < leaseMs + 2 * soonMs, `one lease, not ${took} ms`)
  })

  fact('whoever ends gives the lease back: nobody waits for it', async (world) => {
    const [one, two] = [await world.node('one'), await world.node('two')]
    await assert.rejects(one.lease.requireAlone(), { code: 'Conflict', message: /Node two runs/ })
    await two.engine.close()
    assert.ok((await timed(() => one.write('1', 1))) < soonMs)
    await one.lease.requireAlone()
  })

  fact('a change by who holds no lease waits for the others like any', async (world) => {
    const one = await world.node('one')
    await one.write('1', 1)
    assert.equal(await one.read(), '1')
    const tool = await openPostgresStore({
      url: world.server.url,
      tls: 'off',
      schema: world.schema,
      node: 'tool',
      leaseMs,
      clock: { wall: () => Date.now() },
      monotonic: () => performance.now(),
      random: { uuid: () => randomUUID() as string },
    })
    try {
      await tool.commit([put('setting', setting('s', '2', 2))])
      assert.equal(await one.read(), '2')
      assert.equal(tool.generation(), undefined, 'without a lease nothing is answered from memory')
    } finally {
      await tool.close()
    }
  })

  fact('a record without changes waits for the changes that were seen', async (world) => {
    const [one, two] = [await world.node('one'), await world.node('two')]
    const deaf = await deafNode(world, 'three')
    try {
      await one.write('1', 1)
      assert.equal(await deaf.node.read(), '1')
      deaf.link.stallOpen()
      deaf.link.refuseNew()
      const first = one.write('2', 2)
      await until(async () => (await two.engine.get('setting', '*', 's'))?.value === '2')
      await two.cache.commit([], auditRecord('r1'))
      assert.equal(deaf.node.lease.term(), undefined)
      await first
    } finally {
      await deaf.node.engine.close()
      await deaf.link.close()
    }
  })

  fact('without LISTEN a change is answered when the others have renewed', async (world) => {
    const [one, two] = [await world.node('one', { listens: false }), await world.node('two', { listens: false })]
    await one.write('0', 1)
    for (let round = 1; round <= 5; round++) {
      assert.equal(await two.read(), String(round - 1))
      const took = await timed(() => one.write(String(round), round + 1))
      assert.equal(await two.read(), String(round))
      assert.ok(took < leaseMs, `${took} ms`)
    }
  })

  fact('what is notified while a connection is made again is known before anything is acknowledged', async (world) => {
    const one = await world.node('one')
    const deaf = await deafNode(world, 'two')
    try {
      await one.write('0', 1)
      for (let round = 1; round <= 10; round++) {
        assert.equal(await deaf.node.read(), String(round - 1))
        deaf.link.cutOpen()
        await one.write(String(round), round + 1)
        assert.equal(await deaf.node.read(), String(round))
      }
    } finally {
      await deaf.node.engine.close()
      await deaf.link.close()
    }
  })

  fact('marks go once everybody knows: nothing is left behind', async (world) => {
    const [one] = [await world.node('one'), await world.node('two')]
    for (let revision = 1; revision <= 20; revision++) await one.write('s', revision)
    const sql = postgres(world.server.url, { max: 1, onnotice: () => {} })
    try {
      await until(async () => (await sql.unsafe(`SELECT 1 FROM ${world.schema}.commit`)).length === 0)
    } finally {
      await sql.end()
    }
  })

  async function deafNode(world: World, name: string): Promise<{ readonly node: Node; readonly link: FaultyLink }> {
    const link = await faultyLink(world.server.port)
    const node = await startNode(link.url, world.schema, name, { answerWithinMs: leaseMs })
    return { node, link }
  }
})

/** Waits for what comes soon; says so where it never does. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 2000; tries++) {
    if (await holds()) return
    await wait(5)
  }
  assert.fail('what was waited for did not come')
}
