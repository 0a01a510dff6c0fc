/** Whose key a record is about. The account of a record is the caller's; the key may be another account's. */
import type { AuditRecord } from '../domain/ports.ts'
import type { Scope } from '../domain/scope.ts'

export type KeyName = Scope & { readonly keyId: string }

const resourceName = /^(?:arn:aws:kms|acs:kms):([^:]+):([0-9]+):(?:key\/(.+)|alias\/.+)$/

/** The key that the request was for; undefined where it found none. */
export function concernedKey(record: AuditRecord): KeyName | undefined {
  if (record.keyId === undefined) return undefined
  return namedBy(record, record.input?.keyId ?? record.input?.sourceKeyId, record.keyId)
}

/** The key that ReEncrypt encrypted under. */
export function destinationKey(record: AuditRecord): KeyName | undefined {
  const given = record.input?.destinationKeyId
  if (typeof given !== 'string') return undefined
  return namedBy(record, given, resourceName.exec(given)?.[3] ?? given)
}

/** The key whose state refused the request: of the two keys of ReEncrypt it can be the second. */
export function refusingKey(record: AuditRecord): KeyName | undefined {
  const refused = record.input?.refusedKeyId
  return typeof refused === 'string' ? namedBy(record, record.input?.destinationKeyId, refused) : concernedKey(record)
}

/** A key of another account is always named by a resource name, which says whose it is. */
function namedBy(record: AuditRecord, given: unknown, keyId: string): KeyName | undefined {
  const { account, region } = record
  const [, namedRegion, namedAccount] = (typeof given === 'string' && resourceName.exec(given)) || []
  if (namedRegion !== undefined && namedAccount !== undefined)
    return { account: namedAccount, region: namedRegion, keyId }
  return account === undefined || region === undefined ? undefined : { account, region, keyId }
}
