/** Small records to fill stores with. What is not named is the same in each. */
import type { Alias, Key, KeyVersion } from '../../src/domain/key.ts'
import type { AuditRecord } from '../../src/domain/ports.ts'
import type { Setting } from '../../src/domain/records.ts'

const scope = { account: '111122223333', region: 'local' }
export const partition = '111122223333/local'

export function alias(aliasName: string, changes: Partial<Alias> = {}): Alias {
  return { ...scope, revision: 1, aliasName, keyId: 'k', createdAt: 1, updatedAt: 1, ...changes }
}

export function key(keyId: string, changes: Partial<Key> = {}): Key {
  return {
    ...scope,
    revision: 1,
    keyId,
    spec: 'AES_256',
    usage: 'ENCRYPT_DECRYPT',
    origin: 'KEYWARD',
    protection: 'SOFTWARE',
    description: '',
    createdAt: 1_800_000_000_000,
    createdBy: 'arn:aws:iam::111122223333:root',
    state: { is: 'Enabled' },
    versionCount: 1,
    lastRotatedAt: 1_800_000_000_000,
    tags: {},
    ...changes,
  }
}

export function version(keyId: string, number: number, changes: Partial<KeyVersion> = {}): KeyVersion {
  return {
    ...scope,
    revision: 1,
    keyId,
    versionId: `v${number}`,
    number,
    spec: 'AES_256',
    createdAt: 1_800_000_000_000,
    ...changes,
  }
}

/** A key that is due at an instant. */
export function dyingKey(keyId: string, deleteAt: number, changes: Partial<Key> = {}): Key {
  return key(keyId, { state: { is: 'PendingDeletion', deleteAt, from: 'Enabled' }, ...changes })
}

export function setting(name: string, value: string, revision = 1): Setting {
  return { revision, name, value }
}

export function auditRecord(requestId: string): AuditRecord {
  return {
    time: '2026-11-23T00:00:00.000Z',
    requestId,
    protocol: 'rest',
    operation: 'CreateKey',
    outcome: 'ok',
    input: { description: 'Prüfschlüssel 密钥' },
  }
}
