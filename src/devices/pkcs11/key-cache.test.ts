import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyVersion } from '../../domain/key.ts'
import { type CachedKey, keyCache } from './key-cache.ts'

function cacheOf(capacity: number) {
  const opened: string[] = []
  const closed: number[] = []
  let generation = 1
  const cache = keyCache({
    capacity,
    generation: () => generation,
    async open(version) {
      opened.push(version.versionId)
      if (version.versionId === 'broken') throw new Error('it does not open')
      const name = Buffer.alloc(4)
      name.writeUInt32BE(opened.length)
      return { name, generation, publicKey: undefined } satisfies CachedKey
    },
    close: ({ name }) => closed.push(name.readUInt32BE()),
  })
  return { cache, opened, closed, restart: () => (generation += 1) }
}

const version = (versionId: string) => ({ versionId }) as KeyVersion
const use = (cache: ReturnType<typeof cacheOf>['cache'], of: KeyVersion) => cache.use(of, async () => 'used')

test('a key is opened once for its record, however many ask at once', async () => {
  const { cache, opened } = cacheOf(2)
  const one = version('one')
  await Promise.all(Array.from({ length: 9 }, () => use(cache, one)))
  await use(cache, one)
  assert.deepEqual(opened, ['one'])
  await use(cache, version('one'))
  assert.deepEqual(opened, ['one', 'one'], 'another record is another key')
})

test('the key used longest ago is closed, but not while it computes', async () => {
  const { cache, opened, closed } = cacheOf(2)
  const [one, two, three] = [version('one'), version('two'), version('three')]
  await use(cache, one)
  await use(cache, two)
  await use(cache, one)
  await use(cache, three)
  await settled()
  assert.deepEqual(closed, [2])
  let finish = (): void => {}
  const computing = cache.use(one, () => new Promise<void>((resolve) => (finish = resolve)))
  await use(cache, two)
  await use(cache, version('four'))
  await settled()
  assert.equal(closed.includes(1), false)
  finish()
  await computing
  await settled()
  assert.equal(closed.includes(1), true)
  assert.ok(cache.size() <= 2)
  await use(cache, one)
  assert.equal(opened.filter((name) => name === 'one').length, 2)
})

test('what does not open is told to all who wait, and tried again for the next', async () => {
  const { cache, opened } = cacheOf(2)
  const broken = version('broken')
  const outcomes = await Promise.allSettled([use(cache, broken), use(cache, broken)])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await assert.rejects(use(cache, broken))
  assert.equal(opened.length, 2)
  assert.equal(cache.size(), 0)
})

test('after a restart of the agent every key is opened anew', async () => {
  const { cache, opened, restart } = cacheOf(2)
  const one = version('one')
  await use(cache, one)
  restart()
  await use(cache, one)
  assert.deepEqual(opened, ['one', 'one'])
  assert.equal(cache.size(), 1)
})

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
