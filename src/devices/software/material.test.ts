import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { Unsealed } from './material.ts'

/** Easy to find in any output: as text, as hex, as base64, as numbers. */
const secret = 'SECRETSECRETSECRETSECRETSECRET!!'
const traces = [
  secret,
  Buffer.from(secret).toString('hex'),
  Buffer.from(secret).toString('base64'),
  [...Buffer.from(secret)].slice(0, 6).join(),
  [...Buffer.from(secret)].slice(0, 6).join(', '),
  Buffer.from(secret).toString('hex').slice(0, 12).replace(/../g, '$& ').trim(),
]

function shows(output: unknown): boolean {
  const text = typeof output === 'string' ? output : Buffer.from(output as Uint8Array).toString('latin1')
  return traces.some((trace) => text.includes(trace))
}

test('unsealed material is shown by nothing but use', () => {
  const material = new Unsealed(Buffer.from(secret))
  const holder = { keyId: 'k', material, error: new Error(`with ${material}`) }
  const outputs: Record<string, unknown> = {
    template: `${material}`,
    concatenation: `${material} and ${[material]}`,
    string: String(material),
    inspect: inspect(material, { showHidden: true, depth: null, getters: true, customInspect: true }),
    'inspect without the custom one': inspect(material, { showHidden: true, depth: null, customInspect: false }),
    'inspect of what holds it': inspect(holder, { showHidden: true, depth: null }),
    format: format('%s %o %O %j', material, material, material, {}),
    structuredClone: inspect(structuredClone(material), { depth: null, showHidden: true }),
    serialize: serialize(material),
    keys: Object.entries(material).join() + Reflect.ownKeys(material).join(),
    spread: inspect({ ...material }),
    error: inspect(holder.error),
  }
  for (const [name, output] of Object.entries(outputs)) assert.ok(!shows(output), `${name} shows the bytes`)
  assert.equal(`${material}`, '[unsealed]')
  assert.deepEqual(Reflect.ownKeys(deserialize(serialize(material))), [])
  assert.equal(Buffer.from(material.use((bytes) => Uint8Array.from(bytes))).toString(), secret)
})

test('the search for traces finds what is shown', () => {
  const bytes = Buffer.from(secret)
  for (const output of [
    secret,
    inspect(bytes),
    inspect(new Uint8Array(bytes)),
    JSON.stringify(bytes),
    serialize(bytes),
  ])
    assert.ok(shows(output))
})

test('unsealed material cannot be written as JSON, also not inside something else', () => {
  const material = new Unsealed(Buffer.from(secret))
  assert.throws(() => JSON.stringify(material), /cannot be serialized/)
  assert.throws(() => JSON.stringify({ record: { sealed: material } }), /cannot be serialized/)
})

test('wiped material is zero, and cannot be used any more', () => {
  const bytes = Buffer.from(secret)
  const material = new Unsealed(bytes)
  material.wipe()
  material.wipe()
  assert.ok(bytes.every((byte) => byte === 0))
  assert.throws(() => material.use((lent) => lent), /after it was wiped/)
})
