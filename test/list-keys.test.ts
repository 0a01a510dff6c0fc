/** ListKeys: filters, pages, and what is shown only to those who may see it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newKey } from '../src/operations/keys/new-key.ts'
import { base64, days, type Json, startTestService, type TestService, testAccount } from './service.ts'

let service: TestService
const ids: Record<string, string> = {}

before(async () => {
  service = await startTestService()
  const wishes: Record<string, Json> = {
    orders: { description: 'Orders database', tags: { env: 'prod', 'a,b': 'x=y,z' } },
    signing: { keySpec: 'RSA_2048', keyUsage: 'SIGN_VERIFY', tags: { env: 'test' } },
    sealing: { keySpec: 'RSA_2048', keyUsage: 'ENCRYPT_DECRYPT', description: 'for 100% of letters' },
    brought: { origin: 'EXTERNAL', tags: { env: 'prod', team: 'core' } },
    leaving: { keySpec: 'SM4' },
  }
  for (const [name, wish] of Object.entries(wishes)) {
    ids[name] = (await service.api('POST', '/v1/keys', wish)).body.key.keyId
    service.clock.advance(1000)
  }
  await service.api('POST', '/v1/aliases', { aliasName: 'alias/letters/out', keyId: ids.sealing })
  await service.api('POST', `/v1/keys/${ids.leaving}/schedule-deletion`, { pendingWindowInDays: 7 })
})
after(() => service.stop())

async function list(query: string, api = service.api): Promise<Json> {
  const { status, body } = await api('GET', `/v1/keys?${query}`)
  assert.equal(status, 200, JSON.stringify(body))
  return body
}
const namesOf = ({ keys }: Json): string[] =>
  keys.map(({ keyId }: Json) => Object.entries(ids).find(([, id]) => id === keyId)?.[0] ?? keyId)
const found = async (query: string) => namesOf(await list(query))

test('a filter is met by any of its words, and all filters must be met', async () => {
  assert.deepEqual(await found('keySpec=RSA_2048,SM4'), ['signing', 'sealing', 'leaving'])
  assert.deepEqual(await found('keySpec=RSA_2048,SM4&keyUsage=ENCRYPT_DECRYPT'), ['sealing', 'leaving'])
  assert.deepEqual(await found('keyState=PendingImport'), ['brought'])
  assert.deepEqual(await found('keyState=PendingDeletion,PendingImport&order=newest'), ['leaving', 'brought'])
  assert.deepEqual(await found('origin=EXTERNAL&protectionLevel=SOFTWARE'), ['brought'])
  assert.deepEqual(await found('protectionLevel=HSM'), [])
})

test('tags are found by name, or by name and value, whatever signs are in them', async () => {
  assert.deepEqual(await found('tag=env'), ['orders', 'signing', 'brought'])
  assert.deepEqual(await found('tag=env%3Dprod'), ['orders', 'brought'])
  assert.deepEqual(await found('tag=env%3Dprod,team'), ['brought'])
  assert.deepEqual(await found(`tag=${encodeURIComponent('a%2Cb=x=y%2Cz')}`), ['orders'])
  const refused = await service.api('GET', '/v1/keys?tag=100%25')
  assert.equal(refused.body.member, 'tag')
})

test('a text is looked for in descriptions, key ids and aliases', async () => {
  assert.deepEqual(await found('text=ORDERS'), ['orders'])
  assert.deepEqual(await found(`text=${ids.signing?.slice(0, 9)}`), ['signing'])
  assert.deepEqual(await found('text=letters'), ['sealing'])
  assert.deepEqual(await found('text=alias/letters/'), ['sealing'])
  assert.deepEqual(await found('text=no%20such'), [])
})

test('the last use parts the keys, and those never used were not used since whenever', async () => {
  const before = service.clock.now()
  service.clock.advance(days(1))
  await service.api('POST', `/v1/keys/${ids.orders}/encrypt`, { plaintext: base64('x') })
  const since = new Date(before + 1).toISOString()
  assert.deepEqual(await found(`lastUsedAfter=${since}`), ['orders'])
  assert.deepEqual(await found(`lastUsedBefore=${since}`), ['signing', 'sealing', 'brought', 'leaving'])
  const { keys } = await list('include=aliases,lastUse&keySpec=AES_256,RSA_2048')
  assert.equal(keys[0].lastUse.operation, 'Encrypt')
  assert.equal(keys[1].lastUse, undefined)
  assert.deepEqual(keys[2].aliases, ['alias/letters/out'])
})

test('pages under a filter join to the whole, each key once, whatever their size', async () => {
  const whole = await found('keyUsage=ENCRYPT_DECRYPT')
  for (const limit of [1, 2, 3, 4]) {
    const joined: string[] = []
    let marker = ''
    do {
      const page = await list(
        `keyUsage=ENCRYPT_DECRYPT&limit=${limit}${marker && `&marker=${encodeURIComponent(marker)}`}`,
      )
      assert.ok(page.keys.length <= limit)
      assert.equal(page.total, 5)
      joined.push(...namesOf(page))
      marker = page.nextMarker ?? ''
    } while (marker !== '')
    assert.deepEqual(joined, whole, `limit ${limit}`)
  }
})

test('one call looks at a bounded number of keys, and the marker goes on from there', async () => {
  const region = 'far-away'
  const { world, clock } = service
  const wish = {
    spec: 'AES_256',
    origin: 'KEYWARD',
    protection: 'SOFTWARE',
    description: '',
    tags: {},
    createdBy: 'test',
  } as const
  const { key } = await newKey(world, { account: testAccount, region }, wish, clock.now())
  const record = (number: number) => ({ ...key, keyId: world.random.uuid(), createdAt: clock.now() + number })
  for (let made = 0; made < 6000; made += 1000)
    await world.store.commit(
      Array.from({ length: 1000 }, (_, number) => ({ put: 'key' as const, record: record(made + number) })),
    )
  const there = { 'x-keyward-region': region }
  const first = (await service.api('GET', '/v1/keys?keySpec=SM4', undefined, there)).body
  assert.deepEqual([first.keys, first.lookedAt, first.total], [[], 5000, 6000])
  const rest = (await service.api('GET', `/v1/keys?keySpec=SM4&marker=${first.nextMarker}`, undefined, there)).body
  assert.deepEqual([rest.keys, rest.lookedAt, rest.nextMarker], [[], 1000, undefined])
})

test('aliases and last uses take the rights to them; a text is then looked for elsewhere only', async () => {
  await service.api('PUT', '/v1/policies/lists', {
    document: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'kms:ListKeys', Resource: '*' }],
    }),
  })
  await service.api('POST', '/v1/principals', { principalName: 'lister', policies: ['lists'] })
  const { body } = await service.api('POST', '/v1/principals/lister/tokens', {})
  const api = service.as(body.token)
  assert.equal((await list('', api)).keys.length, 5)
  for (const query of ['include=aliases', 'include=lastUse', 'lastUsedAfter=2026-01-01T00:00:00Z'])
    assert.equal((await api('GET', `/v1/keys?${query}`)).body.code, 'AccessDenied', query)
  assert.deepEqual(namesOf(await list('text=alias/letters', api)), [])
  assert.deepEqual(namesOf(await list('text=of%20letters', api)), ['sealing'])
})
