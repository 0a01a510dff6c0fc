import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Alias } from '../../src/domain/key.ts'
import type { Change, ListQuery, Store } from '../../src/domain/ports.ts'
import { alias, dyingKey, partition } from './store-records.ts'

/** What a store is to its callers: records by name. Everything else follows by looking at all of them. */
type Model = { aliases: Map<string, Alias>; keys: Map<string, number>; keyRevisions: Map<string, number> }

type Command = fc.AsyncCommand<Model, Store>

const names = fc.constantFrom('', 'a', 'a/', 'a/b', 'a/\ud83d\udd11', 'a\uffff', 'B', 'b', '密')
const keyIds = fc.constantFrom('', 'k', 'k1', 'k1/', 'ü')
const instants = fc.integer({ min: 0, max: 20 })
/** By how much the revision misses the right one; mostly not at all. */
const misses = fc.constantFrom(0, 0, 0, 0, 1, -1)

/** Runs random histories against a store and the model; the seed is printed with a failure. The store must be empty. */
export async function storeModel(store: Store): Promise<void> {
  const command = fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .array(fc.record({ remove: fc.boolean(), name: names, keyId: keyIds, miss: misses }), {
          minLength: 1,
          maxLength: 3,
        })
        .map(commitAliases),
    },
    { weight: 2, arbitrary: fc.record({ keyId: keyIds, deleteAt: instants, remove: fc.boolean() }).map(commitKey) },
    { weight: 2, arbitrary: names.map(get) },
    {
      weight: 3,
      arbitrary: fc
        .record({
          index: fc.constantFrom('', 'key'),
          prefix: fc.constantFrom('', 'a', 'a/', 'k', 'k1', 'B'),
          limit: fc.integer({ min: 1, max: 4 }),
          reverse: fc.boolean(),
        })
        .map(list),
    },
    { weight: 1, arbitrary: fc.record({ before: instants, limit: fc.integer({ min: 1, max: 4 }) }).map(due) },
  )
  await fc.assert(
    fc.asyncProperty(fc.commands([command], { maxCommands: 40 }), async (commands) => {
      await empty(store)
      await fc.asyncModelRun(
        () => ({ model: { aliases: new Map(), keys: new Map(), keyRevisions: new Map() }, real: store }),
        commands,
      )
    }),
    { numRuns: 25, interruptAfterTimeLimit: 10_000, endOnFailure: true },
  )
}

async function empty(store: Store): Promise<void> {
  const aliases = (await store.list('alias', { partition, limit: 1000 })).records
  const keys = (await store.list('key', { partition, limit: 1000 })).records
  await store.commit([
    ...aliases.map((record): Change => ({ remove: 'alias', record })),
    ...keys.map((record): Change => ({ remove: 'key', record })),
  ])
}

function commitAliases(
  wanted: readonly { readonly remove: boolean; readonly name: string; readonly keyId: string; readonly miss: number }[],
): Command {
  return command(`commit ${JSON.stringify(wanted)}`, async (model, store) => {
    const after = new Map(model.aliases)
    let follows = true
    const changes = wanted.map(({ remove, name, keyId, miss }): Change => {
      const stored = after.get(name)?.revision ?? 0
      const right = remove ? stored : stored + 1
      const record = alias(name, { keyId, revision: Math.max(1, right + miss) })
      if (record.revision !== right) follows = false
      if (remove) after.delete(name)
      else after.set(name, record)
      return remove ? { remove: 'alias', record } : { put: 'alias', record }
    })
    const committed = store.commit(changes)
    if (follows) {
      await committed
      model.aliases = after
    } else await assert.rejects(committed, { code: 'Conflict' })
  })
}

function commitKey({ keyId, deleteAt, remove }: { keyId: string; deleteAt: number; remove: boolean }): Command {
  return command(`key ${keyId} ${remove ? 'removed' : `due at ${deleteAt}`}`, async (model, store) => {
    const revision = model.keyRevisions.get(keyId) ?? 0
    if (remove && revision > 0) {
      await store.commit([{ remove: 'key', record: dyingKey(keyId, 0, { revision }) }])
      model.keyRevisions.delete(keyId)
      model.keys.delete(keyId)
    } else {
      await store.commit([{ put: 'key', record: dyingKey(keyId, deleteAt, { revision: revision + 1 }) }])
      model.keyRevisions.set(keyId, revision + 1)
      model.keys.set(keyId, deleteAt)
    }
  })
}

function get(name: string): Command {
  return command(`get ${JSON.stringify(name)}`, async (model, store) => {
    assert.deepEqual(await store.get('alias', partition, name), model.aliases.get(name))
    assert.equal(await store.count('alias', partition), model.aliases.size)
  })
}

function list(wanted: { index: string; prefix: string; limit: number; reverse: boolean }): Command {
  const { index, prefix, limit, reverse } = wanted
  return command(`list ${JSON.stringify(wanted)}`, async (model, store) => {
    const valueIn = (record: Alias) => (index === '' ? record.aliasName : `${record.keyId}/${record.aliasName}`)
    const expected = [...model.aliases.values()]
      .filter((record) => valueIn(record).startsWith(prefix))
      .sort((left, right) => (valueIn(left) < valueIn(right) ? -1 : 1))
    if (reverse) expected.reverse()
    const found: Alias[] = []
    let query: ListQuery = { partition, prefix, limit, reverse, ...(index !== '' && { index }) }
    for (;;) {
      const page = await store.list('alias', query)
      found.push(...page.records)
      if (page.next === undefined) break
      query = { ...query, after: page.next }
    }
    // Two values can be equal (`k/` + `x`, `k` + `/x`): then the ids decide, which the sort above does not look at.
    const text = (record: Alias) => `${valueIn(record)} ${record.aliasName}`
    assert.deepEqual(found.map(valueIn), expected.map(valueIn))
    assert.deepEqual(found.map(text).sort(), expected.map(text).sort())
  })
}

function due({ before, limit }: { before: number; limit: number }): Command {
  return command(`due ${before}, at most ${limit}`, async (model, store) => {
    const expected = [...model.keys]
      .filter(([, deleteAt]) => deleteAt <= before)
      .sort(([left, leftAt], [right, rightAt]) => leftAt - rightAt || (left < right ? -1 : 1))
      .slice(0, limit)
      .map(([keyId]) => keyId)
    assert.deepEqual(
      (await store.due('key', before, limit)).map((found) => found.keyId),
      expected,
    )
  })
}

function command(title: string, run: Command['run']): Command {
  return { check: () => true, run, toString: () => title }
}
