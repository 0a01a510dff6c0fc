/** What the browser computes over the audit log, against the real log, and against logs that lie. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  hashesOf,
  isConsistent,
  openCheckpoint,
  openVerifierKey,
  verifyProof,
} from '../../console/src/screens/audit/proof.ts'
import {
  type Answers,
  compareWith,
  forgetIn,
  rememberedIn,
} from '../../console/src/screens/audit/remembered-checkpoint.ts'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { noteSigner } from '../../src/audit/note.ts'
import { emptyTree, leafHashOfText } from '../../src/audit/tree.ts'
import { startTestService, type TestService } from '../service.ts'

let service: TestService
before(async () => {
  service = await startTestService({ on: 'sqlite' })
})
after(() => service.stop())

const get = async (path: string) => (await service.api('GET', path)).body
const grow = async (records: number) => {
  for (let count = 0; count < records; count++) await get('/v1/aliases')
}
const answers = (): Answers => ({
  checkpoints: async () => (await get('/v1/audit/checkpoint')).logs,
  consistency: async (log, size) => (await get(`/v1/audit/consistency/${size}?log=${log}`)) as never,
})
const memory = () => {
  const kept = new Map<string, string>()
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  }
}
const now = () => '2026-11-25T00:00:00Z'

test('every record of the log is proven, and none that was changed', async () => {
  await grow(20)
  const { verifierKey } = await get('/v1/audit/checkpoint')
  const key = (await openVerifierKey(verifierKey)) ?? assert.fail('no key')
  for (let index = 0; index < 20; index++) {
    const { proof } = await get(`/v1/audit/records/${index}/proof`)
    const verdict = await verifyProof(proof, key, index)
    assert.ok(verdict.valid)
    assert.equal(verdict.index, index)
    assert.equal(verdict.record.operation, index === 20 ? 'GetAuditCheckpoint' : 'ListAliases')
  }
  const { proof } = await get('/v1/audit/records/7/proof')
  const [first, extra = '', ...rest] = proof.split('\n')
  const entry = Buffer.from(extra.slice(6), 'base64').toString().replace('ListAliases', 'ListKeys')
  const changed = [first, `extra ${Buffer.from(entry).toString('base64')}`, ...rest].join('\n')
  assert.deepEqual(await verifyProof(changed, key, 7), { valid: false, failed: 'inclusion' })
  assert.deepEqual(await verifyProof(proof.replace('index 7', 'index 8'), key, 8), {
    valid: false,
    failed: 'inclusion',
  })
  assert.deepEqual(
    await verifyProof(proof, key, 8),
    { valid: false, failed: 'inclusion' },
    'another record than asked for',
  )
  assert.deepEqual(await verifyProof(proof.replace(/\n(\d+)\n/, '\n9$1\n'), key, 7), {
    valid: false,
    failed: 'signature',
  })
  assert.deepEqual(await verifyProof('', key, 7), { valid: false, failed: 'format' })
  assert.equal(await openVerifierKey(verifierKey.replace(/\+[0-9a-f]{8}\+/, '+00000000+')), undefined)
})

test('a log that grows is consistent with every size it had', async () => {
  const { verifierKey } = await get('/v1/audit/checkpoint')
  const key = (await openVerifierKey(verifierKey)) ?? assert.fail('no key')
  const seen = []
  for (let count = 0; count < 20; count++) {
    seen.push((await openCheckpoint(key, (await get('/v1/audit/checkpoint')).checkpoint)) ?? assert.fail('not signed'))
    await grow(count % 3)
  }
  for (const older of seen) {
    const { checkpoint, path } = await get(`/v1/audit/consistency/${older.size}`)
    const newer = (await openCheckpoint(key, checkpoint)) ?? assert.fail('not signed')
    const hashes = hashesOf(path) ?? assert.fail('no hashes')
    assert.ok(await isConsistent(older, newer, hashes), String(older.size))
    const other = { ...older, root: older.root.map((byte) => byte ^ 1) }
    assert.equal(await isConsistent(other, newer, hashes), false)
  }
})

test('a browser that remembers notices a log that was cut, changed or signed by another key', async () => {
  const compared = async (within: ReturnType<typeof memory>, log: Answers) => {
    const [finding, ...more] = await compareWith(within, log, now)
    assert.deepEqual(more, [])
    return finding ?? assert.fail('no finding')
  }
  const kept = memory()
  assert.equal((await compared(kept, answers())).is, 'first')
  await grow(5)
  const later = await compared(kept, answers())
  assert.ok(later.is === 'consistent' && later.now.size > later.before.size + 5)

  // Whoever holds the signing key can sign any log: only the memory tells.
  const signer = noteSigner('test/audit', new Uint8Array(32).fill(7))
  const logOf = (count: number, word = 'record') => {
    const tree = emptyTree()
    for (let at = 0; at < count; at++) tree.append(leafHashOfText(`${word} ${at}`))
    return signCheckpoint(signer, count, tree.root())
  }
  const lying = (checkpoint: string): Answers => ({
    checkpoints: async () => [{ log: 0, checkpoint, verifierKey: signer.vkey }],
    consistency: async () => ({ checkpoint, path: [] }),
  })
  const own = memory()
  const claimed = async (checkpoint: string) => (await compared(own, lying(checkpoint))).is
  assert.equal(await claimed(logOf(9)), 'first')
  assert.equal(await claimed(logOf(9)), 'consistent')
  assert.equal(await claimed(logOf(8)), 'rolled-back')
  assert.equal(await claimed(logOf(9, 'other')), 'changed')
  assert.equal(await claimed(logOf(12, 'other')), 'changed')
  assert.equal(await claimed(logOf(9).replace('\n9\n', '\n99\n')), 'not-signed')
  assert.equal((await compared(own, answers())).is, 'other-key')
  assert.equal((await compared(own, { ...lying(''), checkpoints: async () => [] })).is, 'gone')
  assert.equal(rememberedIn(own)[0]?.note, logOf(9), 'an alarm changes nothing of what is remembered')
  forgetIn(own)
  assert.equal((await compared(own, answers())).is, 'first')
})
