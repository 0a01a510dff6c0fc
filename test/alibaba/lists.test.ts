import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { bringInto, createKey, describe } from './keys.ts'
import { asked, refused, startService, type TestService } from './service.ts'

let service: TestService
before(async () => {
  service = await startService()
})
after(() => service.close())

type Listed = { readonly Key: readonly { readonly KeyId: string }[] }

const pageOf = async (parameters: Record<string, string | number>, region: string) => {
  const answer = await asked(service, 'ListKeys', { ...parameters, RegionId: region })
  return {
    ids: (answer.Keys as Listed).Key.map(({ KeyId }) => KeyId),
    total: answer.TotalCount,
    number: answer.PageNumber,
    size: answer.PageSize,
  }
}

test('pages by number show every key once, and count them all on each page', async () => {
  const region = 'pages-1'
  const all: string[] = []
  for (let index = 0; index < 23; index++) {
    all.push(await createKey(service, { RegionId: region }))
    service.advance(1)
  }
  assert.deepEqual(await pageOf({}, region), { ids: all.slice(0, 10), total: 23, number: 1, size: 10 })
  assert.deepEqual(await pageOf({ PageNumber: 3 }, region), { ids: all.slice(20), total: 23, number: 3, size: 10 })
  assert.deepEqual(await pageOf({ PageNumber: 2, PageSize: 7 }, region), {
    ids: all.slice(7, 14),
    total: 23,
    number: 2,
    size: 7,
  })
  assert.deepEqual(await pageOf({ PageNumber: 4 }, region), { ids: [], total: 23, number: 4, size: 10 })
  assert.deepEqual(await pageOf({ PageSize: 100 }, region), { ids: all, total: 23, number: 1, size: 100 })
  assert.deepEqual(await pageOf({ PageNumber: 1000, PageSize: 100 }, region), {
    ids: [],
    total: 23,
    number: 1000,
    size: 100,
  })
})

test('a page is one question of rights and one record, however far the list is walked', async () => {
  const before = service.world.audit.size()
  await pageOf({ PageNumber: 2 }, 'pages-1')
  assert.equal(service.world.audit.size() - before, 1)
})

test('filters hold together, and count only what passes them', async () => {
  const region = 'filters-1'
  const RegionId = region
  const aes = await createKey(service, { RegionId })
  const disabled = await createKey(service, { RegionId })
  await asked(service, 'DisableKey', { KeyId: disabled, RegionId })
  const signing = await createKey(service, { RegionId, KeySpec: 'EC_P256' })
  const external = await createKey(service, { RegionId, Origin: 'EXTERNAL' })
  const filtered = async (...filters: readonly (readonly [string, readonly string[]])[]) => {
    const Filters = JSON.stringify(filters.map(([Key, Values]) => ({ Key, Values })))
    const { ids, total } = await pageOf({ Filters }, region)
    assert.equal(total, ids.length)
    return new Set(ids)
  }
  assert.deepEqual(await filtered(['KeyState', ['Enabled']]), new Set([aes, signing]))
  assert.deepEqual(await filtered(['KeyState', ['Disabled', 'PendingImport']]), new Set([disabled, external]))
  assert.deepEqual(await filtered(['KeySpec', ['EC_P256']]), new Set([signing]))
  assert.deepEqual(await filtered(['KeyUsage', ['ENCRYPT/DECRYPT']], ['KeyState', ['Enabled']]), new Set([aes]))
  assert.deepEqual(await filtered(['ProtectionLevel', ['HSM']]), new Set())
  assert.deepEqual(
    await filtered(['CreatorType', ['User']], ['KeyState', []]),
    new Set([aes, disabled, signing, external]),
  )
  for (const Filters of [
    '{}',
    '[{"Key":"Colour","Values":[]}]',
    '[{"Key":"KeyState"}]',
    '[{"Key":"KeyState","Values":[1]}]',
    '[null]',
    'x',
    `[${'{"Key":"KeyState","Values":[]},'.repeat(10)}{"Key":"KeyState","Values":[]}]`,
  ])
    assert.match(await refused(400, 'InvalidParameter', service, 'ListKeys', { Filters }), /"Filters"/)
})

test('aliases and versions are paged alike; an alias of a dead key is none', async () => {
  const RegionId = 'aliases-1'
  const kept = await createKey(service, { RegionId })
  const dying = await createKey(service, { RegionId })
  for (let index = 0; index < 12; index++)
    await asked(service, 'CreateAlias', {
      RegionId,
      KeyId: index % 2 === 0 ? kept : dying,
      AliasName: `alias/a${10 + index}`,
    })
  const list = async (parameters: Record<string, string | number>) => {
    const answer = await asked(service, 'KeyId' in parameters ? 'ListAliasesByKeyId' : 'ListAliases', {
      RegionId,
      ...parameters,
    })
    const { Alias } = answer.Aliases as { readonly Alias: readonly { readonly AliasName: string }[] }
    return [answer.TotalCount, ...Alias.map(({ AliasName }) => AliasName)]
  }
  assert.deepEqual(await list({ PageNumber: 2, PageSize: 5 }), [
    12,
    ...['alias/a15', 'alias/a16', 'alias/a17', 'alias/a18', 'alias/a19'],
  ])
  assert.deepEqual(await list({ KeyId: kept, PageNumber: 2, PageSize: 4 }), [6, 'alias/a18', 'alias/a20'])
  await asked(service, 'ScheduleKeyDeletion', { RegionId, KeyId: dying, PendingWindowInDays: 7 })
  service.advance(7 * 86_400_000)
  assert.equal((await list({ PageSize: 100 }))[0], 6)
  const pair = await createKey(service, { RegionId, KeySpec: 'EC_P256' })
  for (let index = 0; index < 3; index++) await asked(service, 'CreateKeyVersion', { RegionId, KeyId: pair })
  const versions = await asked(service, 'ListKeyVersions', { RegionId, KeyId: pair, PageSize: 3, PageNumber: 2 })
  assert.equal(versions.TotalCount, 4)
  assert.equal((versions.KeyVersions as { KeyVersion: unknown[] }).KeyVersion.length, 1)
})

test('an alias names the same key wherever a key id can stand, and a key ARN in both spellings', async () => {
  const keyId = await createKey(service)
  const { Arn } = await describe(service, keyId)
  await asked(service, 'CreateAlias', { KeyId: keyId, AliasName: 'alias/everywhere' })
  for (const KeyId of ['alias/everywhere', Arn as string, (Arn as string).replace('acs:kms', 'arn:aws:kms')]) {
    assert.equal((await describe(service, KeyId)).KeyId, keyId)
    await asked(service, 'UpdateKeyDescription', { KeyId, Description: KeyId })
    await asked(service, 'DisableKey', { KeyId })
    await asked(service, 'EnableKey', { KeyId })
    await asked(service, 'Encrypt', { KeyId, Plaintext: 'cGxhaW4=' })
  }
  for (const KeyId of [
    'nonsense',
    'a\u0000b',
    'alias/../x',
    keyId.toUpperCase(),
    ` ${keyId}`,
    `${keyId}/`,
    'alias/%2e',
  ])
    assert.notEqual((await refusedAnyhow(KeyId)).length, 0)
})

async function refusedAnyhow(KeyId: string): Promise<string> {
  const code = KeyId.startsWith('alias/')
    ? (['InvalidParameter', 400] as const)
    : (['Forbidden.KeyNotFound', 404] as const)
  return refused(code[1], code[0], service, 'DescribeKey', { KeyId })
}

test('deletion protection refuses the deletion until it is off, and DescribeKey shows why', async () => {
  const keyId = await createKey(service)
  const { Arn } = await describe(service, keyId)
  await asked(service, 'SetDeletionProtection', {
    ProtectedResourceArn: Arn as string,
    EnableDeletionProtection: true,
    DeletionProtectionDescription: 'the archive',
  })
  const shown = await describe(service, keyId)
  assert.deepEqual([shown.DeletionProtection, shown.DeletionProtectionDescription], ['Enabled', 'the archive'])
  const message = await refused(409, 'Rejected.DeletionProtection', service, 'ScheduleKeyDeletion', {
    KeyId: keyId,
    PendingWindowInDays: 7,
  })
  assert.match(message, /the archive/)
  await asked(service, 'SetDeletionProtection', { KeyId: keyId, EnableDeletionProtection: false })
  assert.deepEqual((await describe(service, keyId)).DeletionProtection, 'Disabled')
  await bringInto(service, keyId, 'PendingDeletion')
  await refused(400, 'MissingParameter', service, 'SetDeletionProtection', { EnableDeletionProtection: true })
  await refused(400, 'InvalidParameter', service, 'SetDeletionProtection', {
    KeyId: keyId,
    ProtectedResourceArn: Arn as string,
    EnableDeletionProtection: true,
  })
})

test('a key that was used a moment ago can be scheduled for deletion without a second word, as on this cloud', async () => {
  const keyId = await createKey(service)
  await asked(service, 'Encrypt', { KeyId: keyId, Plaintext: 'cGxhaW4=' })
  await asked(service, 'ScheduleKeyDeletion', { KeyId: keyId, PendingWindowInDays: 30 })
})

test('R13: deletion in 7 to 30 days, 30 without a word; R34: rotation in 7 to 730 days', async () => {
  for (const [given, days] of [
    [7, 7],
    [30, 30],
    [undefined, 30],
  ] as const) {
    const keyId = await createKey(service)
    const now = service.world.clock.now()
    await asked(service, 'ScheduleKeyDeletion', {
      KeyId: keyId,
      ...(given === undefined ? {} : { PendingWindowInDays: given }),
    })
    const left = Date.parse((await describe(service, keyId)).DeleteDate as string) - now
    assert.ok(Math.abs(left - days * 86_400_000) < 60_000)
  }
  for (const RotationInterval of ['7d', '730d', '17520h']) {
    const { KeyMetadata } = await asked(service, 'CreateKey', { EnableAutomaticRotation: true, RotationInterval })
    assert.equal((KeyMetadata as Record<string, unknown>).AutomaticRotation, 'Enabled')
  }
  // Without EnableAutomaticRotation the interval says nothing.
  const { KeyMetadata } = await asked(service, 'CreateKey', { RotationInterval: '30d' })
  assert.equal((KeyMetadata as Record<string, unknown>).AutomaticRotation, 'Disabled')
})

test('tags by the later actions: one key in a call', async () => {
  const keyId = await createKey(service, { Tags: '[{"TagKey":"made","TagValue":"with"}]' })
  const one = { ResourceType: 'key', 'ResourceId.1': keyId, RegionId: 'local' }
  await asked(service, 'TagResources', { ...one, 'Tag.1.Key': 'a', 'Tag.1.Value': 'b' })
  const listed = await asked(service, 'ListTagResources', one)
  assert.deepEqual(listed.TagResources, {
    TagResource: [
      { ResourceId: keyId, ResourceType: 'key', TagKey: 'made', TagValue: 'with' },
      { ResourceId: keyId, ResourceType: 'key', TagKey: 'a', TagValue: 'b' },
    ],
  })
  await asked(service, 'UntagResources', { ...one, 'TagKey.1': 'made' })
  assert.deepEqual((await asked(service, 'ListResourceTags', { KeyId: keyId })).Tags, {
    Tag: [{ KeyId: keyId, TagKey: 'a', TagValue: 'b' }],
  })
  await refused(400, 'Rejected.LimitExceeded', service, 'TagResources', {
    ...one,
    'ResourceId.2': keyId,
    'Tag.1.Key': 'a',
  })
  await refused(400, 'InvalidParameter', service, 'TagResources', { ...one, ResourceType: 'secret', 'Tag.1.Key': 'a' })
})
