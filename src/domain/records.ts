import type { Grant } from './grant.ts'
import type { Alias, ImportRequest, Key, KeyVersion, Tombstone, WrappingKey } from './key.ts'
import type { KeyStores } from './key-store.ts'
import { dueAt, upcomingOf } from './lifecycle.ts'
import type { OneTimeCode, Passkey } from './passkey.ts'
import type { Account, Credential, PolicyRecord, Principal } from './principal.ts'
import { partitionOf } from './scope.ts'
import { endsAt, type Session } from './session.ts'
import type { Instant } from './time.ts'

/** Everything a store keeps, by collection. */
export type Collections = {
  account: Account
  principal: Principal
  policy: PolicyRecord
  credential: Credential
  session: Session
  passkey: Passkey
  oneTimeCode: OneTimeCode
  key: Key
  keyStores: KeyStores
  version: KeyVersion
  alias: Alias
  wrappingKey: WrappingKey
  importRequest: ImportRequest
  grant: Grant
  tombstone: Tombstone
  setting: Setting
}

export type Collection = keyof Collections

/** A small fact of the installation, such as the clock's high-water mark. */
export type Setting = { readonly revision: number; readonly name: string; readonly value: string }

/** How a collection is named, ordered and found. */
type CollectionFacts<T> = {
  /** Scope first: account and region, account, or `*` for what belongs to the installation. Part of every look-up. */
  readonly partition: (record: T) => string
  /** Unique in its partition. */
  readonly id: (record: T) => string
  /**
   * Further orders in which a partition can be listed, by a value of at most 512 characters. A record without the value
   * is not in that list. Values need not be unique.
   */
  readonly indexes: Readonly<Record<string, (record: T) => string | undefined>>
  /** When a chore must look at the record; found across partitions. */
  readonly due?: (record: T) => Instant | undefined
  /** Who asks for a record asks for this one next: of another collection, same partition, the last one in that index. */
  readonly next?: { readonly collection: Collection; readonly index: string; readonly prefix: (id: string) => string }
}

/** Sorts as text the way the number sorts; 13 digits hold every instant until the year 2286. */
function sortable(value: number, digits: number): string {
  return value.toString().padStart(digits, '0')
}

/** When the next thing happens to the key by itself: what a calendar is read off. */
function firstUpcoming(key: Key): string | undefined {
  const [first] = upcomingOf(key)
  return first === undefined ? undefined : sortable(first.at, 13)
}

export const installation = '*'

export const collections: { readonly [C in Collection]: CollectionFacts<Collections[C]> } = {
  account: { partition: () => installation, id: (account) => account.account, indexes: {} },
  principal: {
    partition: (principal) => principal.account,
    id: (principal) => principal.name,
    indexes: { identity: (principal) => principal.identity },
  },
  policy: { partition: (policy) => policy.account, id: (policy) => policy.name, indexes: {} },
  credential: {
    partition: () => installation,
    id: (credential) => credential.lookup,
    indexes: {
      principal: (credential) => `${credential.account}/${credential.principalName}/${credential.credentialId}`,
    },
    due: (credential) => credential.expiresAt,
  },
  session: {
    partition: () => installation,
    id: (session) => session.idHash,
    indexes: { principal: (session) => `${session.account}/${session.principalName}/${session.credentialId}` },
    due: endsAt,
  },
  passkey: {
    partition: () => installation,
    id: (passkey) => passkey.idHash,
    indexes: { principal: (passkey) => `${passkey.account}/${passkey.principalName}/${passkey.passkeyId}` },
  },
  oneTimeCode: {
    partition: () => installation,
    id: (code) => code.codeHash,
    indexes: { principal: (code) => `${code.account}/${code.principalName}/${code.codeHash}` },
    due: (code) => code.expiresAt,
  },
  key: {
    partition: partitionOf,
    id: (key) => key.keyId,
    indexes: {
      created: (key) => sortable(key.createdAt, 13),
      state: (key) => key.state.is,
      upcoming: (key) => firstUpcoming(key),
      external: ({ external, keyId }) =>
        external === undefined ? undefined : `${external.keyStoreId}/${external.externalKeyId}/${keyId}`,
    },
    due: dueAt,
    next: { collection: 'version', index: 'number', prefix: (keyId) => `${keyId}/` },
  },
  keyStores: { partition: partitionOf, id: () => 'all', indexes: {} },
  version: {
    partition: partitionOf,
    id: (version) => `${version.keyId}/${version.versionId}`,
    indexes: { number: (version) => `${version.keyId}/${sortable(version.number, 6)}` },
  },
  alias: {
    partition: partitionOf,
    id: (alias) => alias.aliasName,
    indexes: { key: (alias) => `${alias.keyId}/${alias.aliasName}` },
  },
  wrappingKey: {
    partition: partitionOf,
    id: (wrappingKey) => `${wrappingKey.keyId}/${wrappingKey.wrappingKeyId}`,
    indexes: {},
    due: (wrappingKey) => wrappingKey.expiresAt,
  },
  importRequest: {
    partition: partitionOf,
    id: (request) => request.keyId,
    indexes: {},
    due: (request) => request.expiresAt,
  },
  grant: {
    partition: partitionOf,
    id: (grant) => `${grant.keyId}/${grant.grantId}`,
    indexes: {
      token: (grant) => grant.tokenHash,
      retiring: (grant) =>
        grant.retiringPrincipal === undefined
          ? undefined
          : `${grant.retiringPrincipal}/${grant.keyId}/${grant.grantId}`,
    },
  },
  tombstone: { partition: partitionOf, id: (tombstone) => tombstone.keyId, indexes: {} },
  setting: { partition: () => installation, id: (setting) => setting.name, indexes: {} },
}
