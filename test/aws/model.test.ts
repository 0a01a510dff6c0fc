/** Every action and member that AWS KMS has, and what this service does with it. `--write` makes the page anew. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Problem } from '../../src/domain/errors.ts'
import { operations } from '../../src/operations/index.ts'
import { actions } from '../../src/protocols/aws/actions.ts'
import { bind, type Row, type Take } from '../../src/protocols/aws/binding.ts'
import { type Action, actionNames, model, typeFacts } from '../../src/protocols/aws/model.ts'
import { compatibilityPage, factsOf } from './compatibility.ts'

const page = join(import.meta.dirname, '../../docs/compatibility/aws.md')
if (process.argv.includes('--write')) writeFileSync(page, compatibilityPage())

test('the model has 56 actions, and each has a row or a reason', () => {
  assert.equal(actionNames.length, 56)
  assert.deepEqual(Object.keys(actions).sort(), [...actionNames].sort())
  for (const action of actionNames) {
    const facts = factsOf(action)
    if ('unsupported' in facts) {
      assert.ok(facts.unsupported.length > 20, action)
      continue
    }
    for (const name of facts.operations)
      assert.ok(
        operations.some((operation) => operation.name === name),
        `${action}: there is no operation ${name}`,
      )
    for (const { name, honoured, how } of [...facts.takes, ...facts.gives])
      assert.ok(honoured || (how !== undefined && how !== 'nobody has thought of it'), `${action}.${name}`)
  }
})

test('every member that a row hands on is one that the operation takes', () => {
  for (const action of actionNames) {
    const row = actions[action] as unknown as Row<Action>
    if ('unsupported' in row) continue
    const names =
      'operations' in factsOf(action) ? (factsOf(action) as { operations: readonly string[] }).operations : []
    const known = new Set(
      operations
        .filter(({ name }) => names.includes(name))
        .flatMap(({ input }) => Object.keys((input as unknown as { shape: object }).shape)),
    )
    for (const [member, take] of Object.entries<Take>(row.takes)) {
      const name = typeof take === 'string' ? take : 'as' in take ? take.as : undefined
      if (name !== undefined) assert.ok(known.has(name), `${action}.${member} is ${name}`)
    }
  }
})

/** A value that the model takes for a type. */
function sample(type: string): unknown {
  const facts = typeFacts(type)
  if (facts === undefined)
    return Object.fromEntries(
      Object.entries(model.structures[type] ?? {}).map(([name, inner]) => [name, sample(inner.replace('!', ''))]),
    )
  if (facts.enum !== undefined) return facts.enum[0]
  switch (facts.t) {
    case 'blob':
      return 'YWJj'
    case 'integer':
      return facts.min ?? 1
    case 'boolean':
      return true
    case 'timestamp':
      return 1_800_000_000
    case 'list':
      return [sample(facts.of as string)]
    case 'map':
      return { a: 'b' }
    case 'string':
      return texts.find((text) => fits(text, facts)) ?? assert.fail(`no sample for ${type}`)
  }
}

const texts = [
  '11111111-2222-4333-8444-555555555555',
  'alias/a',
  'arn:aws:iam::111122223333:user/a',
  'arn:aws:s3:us-east-1:111122223333:a',
  'kms.amazonaws.com',
  'a'.repeat(64),
  'cluster-abcdefghijk',
  'com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0',
  'MUBSXM6K3KMXHN6RRCXI7TWQ22',
  '111122223333',
  'https://xks.example.com',
  '/kms/xks/v1',
  'a',
]

function fits(
  text: string,
  facts: { readonly min?: number; readonly max?: number; readonly pattern?: string },
): boolean {
  return (
    text.length >= (facts.min ?? 0) &&
    text.length <= (facts.max ?? 1e9) &&
    (facts.pattern === undefined || new RegExp(`^(?:${facts.pattern})$`, 'u').test(text))
  )
}

test('what the table says is refused is refused, in the words of the table', () => {
  let refusals = 0
  for (const action of actionNames) {
    const row = actions[action] as unknown as Row<Action>
    if ('unsupported' in row) continue
    const bound = bind(action, row)
    const members = model.operations[action].in
    const needed = Object.entries(members).filter(([, type]) => type.endsWith('!'))
    for (const [member, take] of Object.entries<Take>(row.takes)) {
      if (typeof take === 'string' || !('refused' in take)) continue
      const given = Object.fromEntries(
        [...needed, [member, members[member] as string] as const].map(([name, type]) => [
          name,
          sample(type.replace('!', '')),
        ]),
      )
      assert.throws(
        () => bound.read(bound.validate(given)),
        (error) => error instanceof Problem && error.message === take.refused,
        `${action}.${member}`,
      )
      refusals++
    }
  }
  assert.ok(refusals > 5)
})

test('docs/compatibility/aws.md says what the table says', () => {
  assert.equal(readFileSync(page, 'utf8'), compatibilityPage(), 'node test/aws/model.test.ts --write makes it anew')
})
