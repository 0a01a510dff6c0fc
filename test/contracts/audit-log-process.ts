/** Run by audit-log-kill.test.ts as a process of its own: appends until it is killed, and says what was acknowledged. */
import process from 'node:process'
import { openAuditLog } from '../../src/audit/log.ts'
import { auditRecord, signer } from './audit-log.ts'

const [directory = '', first = '0'] = process.argv.slice(2)
const log = await openAuditLog({ directory, signer, publishMs: 20, segmentBytes: 2 << 20 })
let next = Number(first)

await Promise.all(
  Array.from({ length: 32 }, async () => {
    for (;;) {
      const number = next
      next += 1
      const { index } = await log.append(auditRecord(number))
      process.send?.({ index, requestId: `request-${number}` })
    }
  }),
)
