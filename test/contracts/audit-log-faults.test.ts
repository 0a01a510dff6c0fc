/** The log on a disk that fails and a machine that crashes: nothing that was acknowledged is ever lost or changed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AuditLogOnDisk, openAuditLog } from '../../src/audit/log.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import { Problem } from '../../src/domain/errors.ts'
import { auditRecord, signer } from './audit-log.ts'
import { type Fault, type Operation, simulatedDisk } from './audit-log-disk.ts'

const directory = '/data/audit'
const options = { directory, signer, publishMs: 3, retryMs: 1, segmentBytes: 2 << 20 }

type Step =
  | { readonly is: 'append'; readonly records: number }
  /** The next operations of the disk: one in so many fails. */
  | { readonly is: 'faults'; readonly oneIn: number; readonly operations: number; readonly only: readonly Operation[] }
  | { readonly is: 'pause' }
  | { readonly is: 'checkpoint' }
  | { readonly is: 'crash'; readonly faultsAtStart: boolean }
  | { readonly is: 'restart' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ is: fc.constant('append' as const), records: fc.integer({ min: 1, max: 200 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      is: fc.constant('faults' as const),
      oneIn: fc.integer({ min: 1, max: 8 }),
      operations: fc.integer({ min: 1, max: 30 }),
      only: fc.constantFrom<readonly Operation[]>(
        [],
        ['sync'],
        ['write'],
        ['rename', 'syncDirectory'],
        ['facts', 'read'],
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ is: 'pause' as const }) },
  { weight: 2, arbitrary: fc.constant({ is: 'checkpoint' as const }) },
  { weight: 3, arbitrary: fc.record({ is: fc.constant('crash' as const), faultsAtStart: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ is: 'restart' as const }) },
)

/** Mulberry32: small, seeded, good enough for dice. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const faultKinds: readonly Fault[] = ['fails', 'happens and fails', 'short']

async function runHistory(steps: readonly Step[], seed: number): Promise<void> {
  const chance = dice(seed)
  let faults = { oneIn: 1, left: 0, only: [] as readonly Operation[] }
  const disk = simulatedDisk((operation) => {
    if (faults.left === 0 || (faults.only.length > 0 && !faults.only.includes(operation))) return 'none'
    faults.left -= 1
    return chance() * faults.oneIn < 1 ? (faultKinds[Math.floor(chance() * faultKinds.length)] as Fault) : 'none'
  })
  const calm = () => {
    faults = { ...faults, left: 0 }
  }
  const acknowledged = new Map<number, string>()
  let remembered: string | undefined
  let next = 0
  let log = await openAuditLog({ ...options, files: disk.files() })

  async function append(count: number) {
    const numbers = Array.from({ length: count }, () => next++)
    const results = await Promise.allSettled(numbers.map((number) => log.append(auditRecord(number))))
    for (const [at, result] of results.entries())
      if (result.status === 'fulfilled') {
        assert.ok(!acknowledged.has(result.value.index), `the index ${result.value.index} was given twice`)
        acknowledged.set(result.value.index, `request-${numbers[at]}`)
      } else assert.ok(result.reason instanceof Problem && result.reason.code === 'AuditUnavailable', result.reason)
  }

  async function reopen(): Promise<AuditLogOnDisk> {
    const faulty = faults.left > 0
    try {
      return await openAuditLog({ ...options, files: disk.files() })
    } catch (error) {
      if (!faulty) throw error
    }
    calm()
    return openAuditLog({ ...options, files: disk.files() })
  }

  async function requireIntact() {
    calm()
    const report = await verifyLog({
      directory,
      vkey: signer.vkey,
      files: disk.files(),
      ...(remembered === undefined ? {} : { against: remembered }),
    })
    assert.deepEqual(report.findings, [])
    for (const index of acknowledged.keys()) assert.ok(index < report.size, `record ${index} of ${report.size} is gone`)
  }

  async function requireAcknowledged() {
    calm()
    const seen = new Set<string>()
    for await (const { index, record } of log.read(0, log.size())) {
      assert.ok(!seen.has(record.requestId), `${record.requestId} is on record twice`)
      seen.add(record.requestId)
      assert.equal(acknowledged.get(index) ?? record.requestId, record.requestId)
    }
    for (const requestId of acknowledged.values()) assert.ok(seen.has(requestId), `${requestId} is gone`)
  }

  for (const now of steps) {
    if (now.is === 'append') await append(now.records)
    else if (now.is === 'faults') faults = { oneIn: now.oneIn, left: now.operations, only: now.only }
    else if (now.is === 'pause') await new Promise((resolve) => setTimeout(resolve, 4))
    else if (now.is === 'checkpoint') remembered = await log.checkpoint().catch(() => remembered)
    else if (now.is === 'crash') {
      // Somebody waits for an answer at that moment.
      const interrupted = append(5)
      for (let turns = Math.floor(chance() * 6); turns > 0; turns -= 1)
        await new Promise((resolve) => setImmediate(resolve))
      disk.crash(() => chance() < 0.5)
      await interrupted
      await log.close()
      const { left, only } = faults
      await requireIntact()
      if (now.faultsAtStart) faults = { oneIn: faults.oneIn, left, only }
      else faults = { oneIn: 1, left: 0, only: [] }
      log = await reopen()
      await requireAcknowledged()
    } else {
      calm()
      await log.close()
      await requireIntact()
      faults = { oneIn: 1, left: 0, only: [] }
      log = await reopen()
      await requireAcknowledged()
    }
  }
  calm()
  // Something that failed before may still make itself felt once.
  for (let wait = 0; acknowledged.get(log.size() - 1) !== `request-${next - 1}`; wait += 1) {
    assert.ok(wait < 500, 'the log does not come back')
    if (log.healthy()) await append(3)
    else await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await requireAcknowledged()
  await log.close()
  await requireIntact()
}

test('whatever fails and whenever the machine crashes, what was acknowledged is on record, once, and verifies', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), fc.integer(), runHistory), {
    numRuns: Number(process.env.KEYWARD_TEST_HISTORIES ?? 30),
  })
})
