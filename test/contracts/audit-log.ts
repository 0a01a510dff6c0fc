/** What every audit log keeps; the words of src/domain/ports.ts, one by one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCheckpoint } from '../../src/audit/checkpoint.ts'
import { noteSigner, noteVerifier } from '../../src/audit/note.ts'
import { verifyProof } from '../../src/audit/proof-text.ts'
import { isConsistent } from '../../src/audit/proofs.ts'
import { hashFromBase64 } from '../../src/audit/tree.ts'
import type { AuditRecord, ProvableLog } from '../../src/domain/ports.ts'

export const signer = noteSigner('keyward.local/audit/test', Buffer.alloc(32, 7))
const verifier = noteVerifier(signer.vkey)

export function auditRecord(number: number): AuditRecord {
  return {
    time: '2026-11-23T18:20:11.123Z',
    requestId: `request-${number}`,
    protocol: 'rest',
    operation: 'Encrypt',
    account: '100000000001',
    outcome: 'ok',
    input: { number, encryptionContext: { tenant: 'blå' } },
  }
}

export async function appendMany(log: ProvableLog, from: number, count: number): Promise<readonly number[]> {
  const positions = await Promise.all(Array.from({ length: count }, (_, at) => log.append(auditRecord(from + at))))
  return positions.map(({ index }) => index)
}

async function readAll(log: ProvableLog, from: number, to: number) {
  const read: { readonly index: number; readonly record: AuditRecord }[] = []
  for await (const entry of log.read(from, to)) read.push(entry)
  return read
}

/** `open` opens a new, empty log; whoever opened it also removes it. */
export function auditLogContract(name: string, open: () => Promise<ProvableLog>): void {
  function contract(fact: string, check: (log: ProvableLog) => Promise<void>) {
    test(`${name}: ${fact}`, async () => {
      const log = await open()
      try {
        await check(log)
      } finally {
        await log.close()
      }
    })
  }

  contract('records stand in the order in which they were appended, from 0 on', async (log) => {
    assert.equal(log.size(), 0)
    assert.deepEqual(await appendMany(log, 0, 3), [0, 1, 2])
    assert.deepEqual(await log.append(auditRecord(3)), { index: 3 })
    assert.equal(log.size(), 4)
  })

  contract('what was appended can be read at once, exactly as it was given', async (log) => {
    await appendMany(log, 0, 600)
    const read = await readAll(log, 0, 600)
    assert.deepEqual(
      read,
      Array.from({ length: 600 }, (_, index) => ({ index, record: auditRecord(index) })),
    )
  })

  contract('a range is read from its first record to before its last, and cut to what there is', async (log) => {
    await appendMany(log, 0, 520)
    const indexes = async (from: number, to: number) => (await readAll(log, from, to)).map(({ index }) => index)
    assert.deepEqual(await indexes(254, 258), [254, 255, 256, 257])
    assert.deepEqual(await indexes(518, 9_999), [518, 519])
    assert.deepEqual(await indexes(-5, 2), [0, 1])
    assert.deepEqual(await indexes(7, 7), [])
    assert.deepEqual(await indexes(600, 700), [])
  })

  contract('a record is found by its request, the last one where there are several', async (log) => {
    await appendMany(log, 0, 600)
    await log.append({ ...auditRecord(1), outcome: 'AccessDenied' })
    assert.deepEqual(await log.find('request-3'), { index: 3, record: auditRecord(3) })
    assert.equal((await log.find('request-1'))?.index, 600)
    assert.equal(await log.find('request-'), undefined)
  })

  contract('the text of another member is not taken for the id of a request', async (log) => {
    await log.append({ ...auditRecord(1), input: { requestId: 'request-7' } })
    assert.equal(await log.find('request-7'), undefined)
  })

  contract('a checkpoint is signed over all that is durable', async (log) => {
    assert.equal(openCheckpoint(verifier, await log.checkpoint())?.size, 0)
    await appendMany(log, 0, 5)
    assert.equal(openCheckpoint(verifier, await log.checkpoint())?.size, 5)
  })

  contract('every record is proven with nothing but the text and the key', async (log) => {
    await appendMany(log, 0, 300)
    for (const index of [0, 1, 127, 255, 256, 299]) {
      const verdict = verifyProof(await log.prove(index), log.vkey)
      assert.ok(verdict.valid)
      assert.equal(verdict.index, index)
      assert.deepEqual(verdict.record, auditRecord(index))
    }
  })

  contract('there is no proof of a record that is not there', async (log) => {
    await appendMany(log, 0, 3)
    for (const index of [-1, 3, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER])
      await assert.rejects(log.prove(index), { code: 'ResourceNotFound' })
    await assert.rejects(log.proveConsistency(4), { code: 'ResourceNotFound' })
  })

  contract('the log is proven to begin with what it once was', async (log) => {
    let before = openCheckpoint(verifier, await log.checkpoint())
    for (const count of [1, 4, 250, 3, 300]) {
      await appendMany(log, log.size(), count)
      assert.ok(before)
      const { checkpoint, path } = await log.proveConsistency(before.size)
      const after = openCheckpoint(verifier, checkpoint)
      assert.ok(after)
      const hashes = path.map((line) => hashFromBase64(line) as string)
      assert.ok(isConsistent(before, after, hashes))
      before = after
    }
  })

  contract('a record that cannot be written as JSON is refused, and those beside it are not', async (log) => {
    const [bad, good] = await Promise.allSettled([
      log.append({ ...auditRecord(0), input: { amount: 1n } }),
      log.append(auditRecord(1)),
    ])
    assert.equal(bad.status, 'rejected')
    assert.deepEqual(good, { status: 'fulfilled', value: { index: 0 } })
  })

  contract('what the caller does with the record afterwards changes nothing', async (log) => {
    const record = { ...auditRecord(0), input: { number: 0 } }
    const appended = log.append(record)
    record.outcome = 'changed'
    record.input.number = 1
    await appended
    const [read] = await readAll(log, 0, 1)
    assert.equal(read?.record.outcome, 'ok')
    assert.deepEqual(read?.record.input, { number: 0 })
  })

  test(`${name}: a closed log takes nothing`, async () => {
    const log = await open()
    assert.ok(log.healthy())
    await log.append(auditRecord(0))
    await log.close()
    assert.ok(!log.healthy())
    await assert.rejects(log.append(auditRecord(1)), { code: 'AuditUnavailable' })
    await log.close()
  })
}
