/** What the documentation names against what this service has. With --write: docs/compatibility/alibaba.md. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { operations } from '../../src/operations/index.ts'
import { actions } from '../../src/protocols/alibaba/actions/index.ts'
import { ownOperations } from '../../src/protocols/alibaba/own-operations.ts'
import { compatibilityPage, type Documented, neverGiven } from './compatibility.ts'
import { asymmetricLife, type Call, exportLife, importedLife, Refusal, symmetricLife } from './life.ts'
import { ask, startService } from './service.ts'

const documented = JSON.parse(readFileSync(join(import.meta.dirname, 'documented.json'), 'utf8')) as Documented
const page = join(import.meta.dirname, '..', '..', 'docs', 'compatibility', 'alibaba.md')

if (process.argv.includes('--write')) {
  writeFileSync(page, compatibilityPage(documented))
  process.stdout.write(`${page} is written\n`)
} else {
  test('docs/compatibility/alibaba.md is what the tables say (node test/alibaba/compatibility.test.ts --write)', () => {
    assert.equal(readFileSync(page, 'utf8'), compatibilityPage(documented))
  })

  test('every action is bound to an operation that there is', () => {
    const names = new Set([...operations, ...ownOperations('local')].map(({ name }) => name))
    const lost = [...actions].filter(([, action]) => 'operation' in action && !names.has(action.operation))
    assert.deepEqual(lost, [])
  })

  test('every documented action has a row, and every parameter of it is read or refused with a reason', () => {
    const lost: string[] = []
    for (const [name, { parameters }] of Object.entries(documented)) {
      const action = actions.get(name)
      if (action === undefined) lost.push(name)
      else if ('parameters' in action)
        for (const parameter of parameters)
          if (!(parameter in action.parameters) && parameter !== 'DryRun' && parameter !== 'RegionId')
            lost.push(`${name}.${parameter}`)
    }
    assert.deepEqual(lost, [])
  })

  test('every documented member of an answer is given, and no other', async () => {
    const service = await startService()
    try {
      const seen = new Map<string, Set<string>>()
      const call: Call = async (action, parameters) => {
        const { body, code } = await ask(service, action, parameters)
        if (code !== undefined) throw new Refusal(code)
        const paths = seen.get(action) ?? new Set()
        seen.set(action, paths)
        collect(body, '', paths)
        return body
      }
      const client = {
        call,
        context: (context: Readonly<Record<string, string>>) => ({ EncryptionContext: JSON.stringify(context) }),
        advance: service.advance,
      }
      await symmetricLife(client)
      await asymmetricLife(client)
      await importedLife(client, { now: () => service.world.clock.now() })
      await exportLife(client)
      await others(call)
      const wrong: string[] = []
      for (const [name, { answer }] of Object.entries(documented)) {
        const action = actions.get(name)
        if (action === undefined || 'unsupported' in action) continue
        const given = seen.get(name)
        if (given === undefined) wrong.push(`${name} was not called`)
        const expected = new Set([...answer.filter((path) => neverGiven[path] === undefined), 'RequestId'])
        for (const path of expected)
          if (!given?.has(path) && !onlySometimes.has(`${name} ${path}`)) wrong.push(`${name} lacks ${path}`)
        for (const path of given ?? []) if (!expected.has(path)) wrong.push(`${name} has ${path} too`)
      }
      assert.deepEqual(wrong, [])
    } finally {
      await service.close()
    }
  })
}

/** A key that was just made is not pending deletion. */
const onlySometimes: ReadonlySet<string> = new Set(['CreateKey KeyMetadata.DeleteDate'])

function collect(value: unknown, path: string, into: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collect(item, path, into)
  else if (typeof value === 'object' && value !== null)
    for (const [name, inner] of Object.entries(value)) collect(inner, path === '' ? name : `${path}.${name}`, into)
  else into.add(path)
}

/** What no key lives through. */
async function others(call: Call): Promise<void> {
  const { KeyMetadata } = await call('CreateKey', { EnableAutomaticRotation: true, RotationInterval: '7d' })
  const KeyId = (KeyMetadata as Record<string, unknown>).KeyId as string
  await call('SetDeletionProtection', { KeyId, EnableDeletionProtection: true })
  await call('CreateAlias', { KeyId, AliasName: 'alias/other' })
  await call('ListAliases', {})
  const one = { RegionId: 'local', ResourceType: 'key', 'ResourceId.1': KeyId }
  await call('TagResources', { ...one, 'Tag.1.Key': 'a' })
  await call('ListTagResources', one)
  await call('UntagResources', { ...one, 'TagKey.1': 'a' })
  const { KeyMetadata: mac } = await call('CreateKey', { KeySpec: 'HMAC_SM3' })
  const macCall = { KeyId: (mac as Record<string, unknown>).KeyId as string, Algorithm: 'HMAC_SM3', Message: 'bQ==' }
  const { Mac } = await call('GenerateMac', macCall)
  const verified = await call('VerifyMac', { ...macCall, Mac: Mac as string })
  assert.equal(verified.Value, true)
  for (const action of ['DescribeRegions', 'DescribeService', 'DescribeAccountKmsStatus', 'OpenKmsService'])
    await call(action, {})
}
