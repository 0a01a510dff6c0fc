import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { openAuditLog } from '../../src/audit/log.ts'
import { openMemoryAuditLog } from '../../src/audit/memory-log.ts'
import { auditLogContract, signer } from './audit-log.ts'

const root = mkdtempSync(join(tmpdir(), 'keyward-audit-contract-'))
after(() => rmSync(root, { recursive: true }))
let opened = 0

auditLogContract('log on disk', () => {
  opened += 1
  return openAuditLog({ directory: join(root, `${opened}`), signer, segmentBytes: 4 << 20 })
})
auditLogContract('log in memory', () => openMemoryAuditLog({ signer }))
