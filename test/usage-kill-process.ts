/** A process that is killed: it writes an audit log and counts it, both without end. `node usage-kill-process.ts FOLDER` */
import { join } from 'node:path'
import { openAuditLog } from '../src/audit/log.ts'
import { noteSigner } from '../src/audit/note.ts'
import type { AuditRecord } from '../src/domain/ports.ts'
import { openUsage } from '../src/usage/fold.ts'

export const signer = noteSigner('keyward/audit', Buffer.alloc(32, 1))

const operations = ['Encrypt', 'Decrypt', 'RotateKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion', 'CreateKey']

/** Every record is another one, and what it says follows from its number alone. */
function recordOf(number: number): AuditRecord {
  return {
    time: new Date(Date.UTC(2026, 0, 1) + number * 60_000).toISOString(),
    requestId: `request-${number}`,
    protocol: 'rest',
    operation: operations[number % operations.length] as string,
    account: '111122223333',
    region: 'local',
    principal: `arn:aws:iam::111122223333:user/${number % 3}`,
    keyId: `key-${number % 7}`,
    outcome: number % 5 === 0 ? 'KeyPendingDeletion' : 'ok',
  }
}

if (import.meta.main) {
  const folder = process.argv[2] as string
  const log = await openAuditLog({ directory: join(folder, 'audit'), signer })
  const usage = openUsage(
    join(folder, 'usage.sqlite'),
    async () => [{ number: 0, ...log }],
    () => 0,
  )
  const before = usage.folded()
  for (let number = log.size(); ; ) {
    const batch = Array.from({ length: 400 }, () => log.append(recordOf(number++)))
    await Promise.all([...batch, usage.catchUp()])
    if (usage.folded() > before) process.send?.('counting')
  }
}
