import type { ExternalKey } from './key-store.ts'
import type { Scope } from './scope.ts'
import type { KeySpec, KeyUsage } from './specs.ts'
import type { Instant } from './time.ts'

/** EXTERNAL: encrypted here, and once more by a key manager of the owner's, so that neither can open it alone. */
export type ProtectionLevel = 'SOFTWARE' | 'HSM' | 'EXTERNAL'

export type WrappingKeySpec = 'RSA_2048' | 'RSA_3072' | 'RSA_4096' | 'SM2'

/** Where the key material comes from: drawn by this service, or imported by its owner (BYOK). */
export type KeyOrigin = 'KEYWARD' | 'EXTERNAL' | 'EXTERNAL_KEY_STORE'

/** A state carries only the facts it has. What holds at an instant is told by `stateAt` in lifecycle.ts. */
export type KeyState =
  | { readonly is: 'PendingImport' }
  | { readonly is: 'Enabled' }
  | { readonly is: 'Disabled' }
  | {
      readonly is: 'PendingDeletion'
      readonly deleteAt: Instant
      readonly from: 'Enabled' | 'Disabled' | 'PendingImport'
    }
  | {
      /** The primary of a multi-Region key goes last: its own time begins when the last copy is gone. */
      readonly is: 'PendingReplicaDeletion'
      /** When that will be; absent while a copy is there to stay. */
      readonly copiesGoneAt?: Instant
      readonly windowDays: number
      readonly from: 'Enabled' | 'Disabled' | 'PendingImport'
    }
  | { readonly is: 'Deleted'; readonly deletedAt: Instant }

export type KeyStateName = KeyState['is']

export type Rotation = {
  readonly enabled: boolean
  /** Whole days, 7 to 730 (R34). */
  readonly periodDays: number
  /** Always a whole number of periods after the last one, so that periods do not drift (R74). */
  readonly nextAt: Instant
}

/** A customer master key: metadata. Its material is in its versions. */
export type Key = Scope & {
  /** One more than the revision it replaces; the store takes nothing else. */
  readonly revision: number
  /** A UUID; for a multi-Region key `mrk-` and 32 hex digits. */
  readonly keyId: string
  readonly spec: KeySpec
  readonly usage: KeyUsage
  readonly origin: KeyOrigin
  readonly protection: ProtectionLevel
  readonly description: string
  readonly createdAt: Instant
  /** Resource name of the principal that created it. */
  readonly createdBy: string
  readonly state: KeyState
  /**
   * The newest version. For symmetric and MAC keys it is the primary one, which encrypts (R36, R72); an asymmetric key has
   * no primary version (R41). Absent while no material was ever imported.
   */
  readonly currentVersionId?: string
  readonly versionCount: number
  /** When the newest version came to be: the due time for an automatic rotation. */
  readonly lastRotatedAt: Instant
  readonly rotation?: Rotation
  readonly deletionProtection?: { readonly reason: string }
  /** Imported material only: from this instant on the material, or the first of several, is gone (R50). */
  readonly materialExpiresAt?: Instant
  /** Imported material that waits for a rotation on demand to become the current one, as AWS has it. */
  readonly pendingMaterial?: { readonly versionId: string; readonly expiresAt?: Instant }
  /** The last warning that this very expiry is near: given so many days before it. */
  readonly expiryWarned?: { readonly expiresAt: Instant; readonly days: number }
  /** Of origin EXTERNAL_KEY_STORE: the key in the key manager of its owner. */
  readonly external?: ExternalKey
  /** Dual control: key material is imported only once a second principal has approved it. */
  readonly importApproval?: true
  readonly tags: Readonly<Record<string, string>>
  /** A default key of the service (R63, R64, R77): the reserved alias it answers to. */
  readonly defaultFor?: string
  /** The key policy, a JSON document; absent where the default policy holds. */
  readonly policy?: string
  /** How often the grants of this key have changed: so that whoever holds this record knows which grants go with it. */
  readonly grantRevision?: number
  /** The same key, of the same id and material, in several regions; every copy says the same here. */
  readonly multiRegion?: MultiRegion
}

export type MultiRegion = {
  /** Only there is the key replicated, and its rotation set. */
  readonly primaryRegion: string
  /** Where copies are, the primary included. */
  readonly regions: readonly string[]
}

/** Key material sealed by a device, base64. Opens only in that device, under the same binding. */
export type SealedMaterial = string & { readonly sealed: unique symbol }

/** What sealed material is tied to: authenticated when it is sealed, checked when it is opened. */
export type MaterialBinding = Scope & {
  readonly keyId: string
  readonly versionId: string
  readonly spec: KeySpec
}

export type KeyVersion = MaterialBinding & {
  readonly revision: number
  /** 1 for the first. */
  readonly number: number
  /** Why it came after another version: its time had come, or somebody asked. Absent of the first. */
  readonly madeBy?: 'AUTOMATIC' | 'ON_DEMAND'
  readonly createdAt: Instant
  /** Of imported material that waited for a rotation: when it became the current one. */
  readonly currentSince?: Instant
  /** Absent while imported material is deleted or expired. */
  readonly sealed?: SealedMaterial
  readonly imported?: ImportedFacts
  readonly external?: ExternalKey
  /** Asymmetric only: DER SubjectPublicKeyInfo (RFC 5280), base64. */
  readonly publicKey?: string
}

export type ImportedFacts = {
  /** A keyed fingerprint, made by the device: ties the version to its material for ever (R53). */
  readonly fingerprint: string
  readonly expiresAt?: Instant
  readonly description?: string
}

export type Alias = Scope & {
  readonly revision: number
  /** With its prefix: `alias/...`. */
  readonly aliasName: string
  readonly keyId: string
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** A key pair under which key material comes in; valid, and kept, for 24 hours (R9). */
export type WrappingKey = MaterialBinding & {
  readonly revision: number
  readonly wrappingKeyId: string
  readonly wrappingKeySpec: WrappingKeySpec
  readonly sealed: SealedMaterial
  readonly createdAt: Instant
  readonly expiresAt: Instant
}

/** Dual control: an import that waits for a second principal. The material in it is wrapped, and the wrapping key expires. */
export type ImportRequest = Scope & {
  readonly revision: number
  readonly keyId: string
  readonly importToken: string
  readonly encryptedKeyMaterial: string
  readonly materialExpiresAt?: Instant
  readonly isNew?: true
  readonly keyMaterialId?: string
  readonly materialDescription?: string
  readonly requestedBy: string
  readonly requestedAt: Instant
  readonly expiresAt: Instant
}

/** What stays of a deleted key, for ever: it keeps an old backup from reviving it (CVE-2026-42186). */
export type Tombstone = Scope & { readonly revision: number; readonly keyId: string; readonly deletedAt: Instant }
