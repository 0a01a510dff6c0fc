import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { appendMany, auditRecord, signer } from '../../test/contracts/audit-log.ts'
import { openAuditLog } from './log.ts'
import { noteSigner } from './note.ts'
import { verifyProof } from './proof-text.ts'
import { proveFromFiles } from './prove.ts'

const directory = mkdtempSync(join(tmpdir(), 'keyward-audit-prove-'))
const { vkey } = signer
const logs = [{ number: 0, directory, vkey }]

before(async () => {
  const log = await openAuditLog({ directory, signer, segmentBytes: 2 << 20 })
  await appendMany(log, 0, 600)
  await log.close()
})
after(() => rmSync(directory, { recursive: true }))

/** None, one or two of them: of ASCII, control characters included, and beyond. */
const letters = fc
  .array(fc.integer({ min: 0, max: 0x2ff }), { maxLength: 2 })
  .map((codes) => String.fromCharCode(...codes))

test('a record is proven from the files, by its index or its request', async () => {
  for (const record of [{ place: 5 }, { place: 599 }, { requestId: 'request-300' }]) {
    const verdict = verifyProof(await proveFromFiles({ logs, record }), vkey)
    const index = 'place' in record ? record.place : 300
    assert.deepEqual(verdict, { valid: true, index, record: auditRecord(index), size: 600 })
  }
})

test('what is not in the log is not proven', async () => {
  for (const record of [{ place: 600 }, { place: -1 }, { requestId: 'request-600' }])
    await assert.rejects(proveFromFiles({ logs, record }), { code: 'ResourceNotFound' })
})

test('a proof has the form of C2SP tlog-proof', async () => {
  const text = await proveFromFiles({ logs, record: { place: 5 } })
  const lines = text.split('\n')
  assert.equal(lines[0], 'c2sp.org/tlog-proof@v1')
  assert.deepEqual(
    JSON.parse(Buffer.from((lines[1] as string).slice('extra '.length), 'base64').toString()),
    auditRecord(5),
  )
  assert.equal(lines[2], 'index 5')
  const blank = lines.indexOf('')
  // 600 leaves: 9 siblings up to 512, and the rest.
  assert.equal(blank - 3, 10)
  assert.deepEqual(lines.slice(blank + 1, blank + 3), [signer.name, '600'])
})

test('a proof with any letter changed, missing or added proves nothing', async () => {
  const text = await proveFromFiles({ logs, record: { requestId: 'request-300' } })
  const refuse = (changed: string) => {
    if (changed !== text) assert.equal(verifyProof(changed, vkey).valid, false, changed)
  }
  fc.assert(
    fc.property(fc.nat(text.length - 1), letters, (at, inserted) => {
      refuse(text.slice(0, at) + inserted + text.slice(at + 1))
      refuse(text.slice(0, at) + inserted + text.slice(at))
      refuse(text.slice(0, at))
    }),
    { numRuns: 150 },
  )
})

test('a proof of another log or key proves nothing', async () => {
  const text = await proveFromFiles({ logs, record: { place: 5 } })
  assert.equal(verifyProof(text, noteSigner(signer.name, Buffer.alloc(32, 8)).vkey).valid, false)
  assert.equal(verifyProof(text, noteSigner('other.log', Buffer.alloc(32, 7)).vkey).valid, false)
  assert.throws(() => verifyProof(text, 'no key'), TypeError)
})
