import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAuditLog } from '../../src/audit/log.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import { signer } from './audit-log.ts'

type Acknowledged = { readonly index: number; readonly requestId: string }

const program = join(import.meta.dirname, 'audit-log-process.ts')

/** Kills it with -9 after so many answers; what it has answered until then. */
function killAfter(answers: number, directory: string, first: number): Promise<readonly Acknowledged[]> {
  return new Promise((resolve, reject) => {
    const acknowledged: Acknowledged[] = []
    const child = fork(program, [directory, `${first}`])
    child.on('message', (answer) => {
      acknowledged.push(answer as Acknowledged)
      if (acknowledged.length === answers) child.kill('SIGKILL')
    })
    child.on('error', reject)
    // Not until its last words have arrived.
    child.on('close', (_, signal) => {
      if (signal === 'SIGKILL') resolve(acknowledged)
      else reject(new Error('The process ended by itself.'))
    })
  })
}

test('after kill -9 under load everything that was answered for is on record, and the log verifies', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'keyward-audit-kill-'))
  try {
    const acknowledged = new Map<number, string>()
    for (const answers of [1, 700, 50]) {
      for (const { index, requestId } of await killAfter(answers, directory, acknowledged.size * 1_000))
        acknowledged.set(index, requestId)
      const report = await verifyLog({ directory, vkey: signer.vkey })
      assert.deepEqual(report.findings, [])
      assert.ok(report.size >= acknowledged.size)

      const log = await openAuditLog({ directory, signer, segmentBytes: 2 << 20 })
      assert.deepEqual(log.recovery.damage, [])
      const onRecord = new Map<number, string>()
      for await (const { index, record } of log.read(0, log.size())) onRecord.set(index, record.requestId)
      for (const [index, requestId] of acknowledged) assert.equal(onRecord.get(index), requestId)
      await log.close()
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a log that is being written verifies at any moment', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'keyward-audit-live-'))
  try {
    const child = fork(program, [directory, '0'])
    const ended = new Promise((resolve) => child.on('close', resolve))
    await new Promise((resolve) => child.once('message', resolve))
    let against: string | undefined
    let size = 0
    for (let look = 0; look < 4; look += 1) {
      const report = await verifyLog({ directory, vkey: signer.vkey, ...(against === undefined ? {} : { against }) })
      assert.deepEqual(report.findings, [])
      assert.ok(report.size >= size)
      size = report.size
      against = report.checkpoint
    }
    child.kill('SIGKILL')
    await ended
  } finally {
    rmSync(directory, { recursive: true })
  }
})
