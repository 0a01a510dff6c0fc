/** The doors to the outside. The comment of a port is its contract; the contract suites in test/contracts quote it. */
import type { Awaitable } from './awaitable.ts'
import type { EventType, KeyEvent } from './event.ts'
import type { KeyVersion, MaterialBinding, ProtectionLevel, SealedMaterial, WrappingKeySpec } from './key.ts'
import type { KeyStoreProxy } from './key-store.ts'
import type { Collection, Collections } from './records.ts'
import type { Scope } from './scope.ts'
import type { EncryptionAlgorithm, KeySpec, KeyUsage, MacAlgorithm, SigningAlgorithm } from './specs.ts'
import type { Instant } from './time.ts'

export type Clock = {
  /** The time that decides over keys. Never goes back, not even over a restart: what has died stays dead. */
  now(): Instant
  /** The machine's own time, for what is compared with other machines: signatures and their skew. */
  wall(): Instant
}

/** Cryptographically strong, in production. */
export type Random = {
  bytes(count: number): Uint8Array
  /** A random UUID (RFC 9562, version 4), lower case. */
  uuid(): string
}

// ------------------------------------------------------------------------------------------------------------- store

export type Change = {
  readonly [C in Collection]:
    | {
        readonly put: C
        /** Its `revision` must be exactly one more than that of the stored record; 1 for a new one. */
        readonly record: Collections[C]
      }
    | {
        readonly remove: C
        /** As last read: removed only if the stored revision is still this one. */
        readonly record: Collections[C]
      }
}[Collection]

export type Page<T> = {
  readonly records: readonly T[]
  /** Where the next page begins; absent on the last. Opaque, but no secret: the partition is never taken from it. */
  readonly next?: string
}

export type ListQuery = {
  readonly partition: string
  /** The order: by id without it. */
  readonly index?: string
  /** Only values (of the index, else ids) that begin so. */
  readonly prefix?: string
  /** A `next` of the page before. One that is no such text is a Problem `InvalidRequest`. */
  readonly after?: string
  /** 1 to 1,000. */
  readonly limit: number
  /** Last first. */
  readonly reverse?: boolean
}

export type CountQuery = { readonly index: string; readonly prefix: string }

/**
 * Linearizable. A record that comes out is frozen, and the same object until it changes (so that a WeakMap keyed by it
 * is a cache by revision).
 */
export type Store = {
  /** One point read; at once where the record is at hand. */
  get<C extends Collection>(collection: C, partition: string, id: string): Awaitable<Collections[C] | undefined>
  /** Ordered by code unit; what is not changed between two pages is seen exactly once. */
  list<C extends Collection>(collection: C, query: ListQuery): Promise<Page<Collections[C]>>
  /** Records of all partitions with `due` at or before the instant, the earliest first. */
  due<C extends Collection>(collection: C, before: Instant, limit: number): Promise<readonly Collections[C][]>
  /** How many records there are; with `within`, how many whose value in that index begins with the prefix. */
  count(collection: Collection, partition: string, within?: CountQuery): Promise<number>
  /**
   * All changes, or none; on disk once resolved. A Problem `Conflict` where a revision does not follow, whatever else is
   * in the batch. With a record, the record is kept in the same transaction until `settled` names it: so that a change
   * whose audit record was lost in a crash is put on record at the next start. Where several nodes share the store it is
   * resolved once none of them answers from what was before; with a record and no changes, from what was before any
   * commit that this process has seen.
   */
  commit(changes: readonly Change[], record?: AuditRecord): Promise<void>
  /** The records that were kept by `commit` and not settled yet, oldest first. */
  unsettled(): Promise<readonly AuditRecord[]>
  /** These requests are on record in the audit log. May be written late, together with the next commit. */
  settled(requestIds: readonly string[]): void
  /** Everything of the store in one consistent copy, while it serves. */
  backup(toFile: string): Promise<void>
  /** Rejects with a Problem `StoreUnavailable` when it cannot be read or written just now. */
  check(): Promise<void>
  close(): Promise<void>
}

/**
 * Where several nodes share a store, each answers under a lease: as long as it holds, no change was answered by any node
 * that this one does not know of. A node that lost its lease is not waited for any more, and answers nothing.
 */
export type Lease = {
  /** The name of this node. */
  readonly node: string
  /**
   * Another number once the lease was lost in between, and something may have been changed unheard; undefined while there
   * is none. Two readings of clocks, and nothing else: it is asked for every request.
   */
  term(): number | undefined
  /** A sentence on why there is none. */
  failing(): string | undefined
  /** How long a change is held up by a node that does not answer, in milliseconds. */
  readonly boundMs: number
}

/** What is good for one use, whoever of those who share the store sees it. */
export type OnceOnly = {
  /** True for the first one who claims this name (ASCII, at most 64 characters); it is forgotten some time after `until`. */
  claim(name: string, until: Instant): Promise<boolean>
}

// ------------------------------------------------------------------------------------------------------------- audit

/** What happened, for ever. Canonical JSON (RFC 8785) of exactly these members. Absent where unknown or not applicable. */
export type AuditRecord = {
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string
  readonly requestId: string
  /** Which face: `rest`, `aws`, `alibaba`, `console`, or `service` for what the service does by itself. */
  readonly protocol: string
  readonly operation: string
  readonly account?: string
  readonly region?: string
  /** Resource name of the caller; absent where nobody was authenticated. */
  readonly principal?: string
  readonly credentialId?: string
  readonly sourceAddress?: string
  readonly keyId?: string
  readonly keyVersionId?: string
  /** The alias the caller named the key by. */
  readonly alias?: string
  /** `ok`, or the code of the Problem. */
  readonly outcome: string
  /** Of the input, what the operation's audit schema lists. Never plaintext, ciphertext, or secrets. */
  readonly input?: Readonly<Record<string, unknown>>
  /** A record written at start for a change that was durable when its process died. */
  readonly recovered?: true
}

export type AuditPosition = {
  /** Zero-based index in the log. */
  readonly index: number
}

/**
 * Append-only, a Merkle tree (RFC 6962). Resolves once the record is durable: no caller gets an answer that is not on
 * record. Rejects with a Problem `AuditUnavailable`, quickly, while the log cannot be written; then a record may or may
 * not be in the log, but none that resolved is lost.
 */
export type AuditLog = {
  append(record: AuditRecord): Promise<AuditPosition>
  /** Can it be written? The readiness of the service asks. */
  healthy(): boolean
  /** Records `from` to before `to`, in order. For search and for folds; `to` is cut to the durable size. */
  read(from: number, to: number): AsyncIterable<{ readonly index: number; readonly record: AuditRecord }>
  /** How many records are durable. */
  size(): number
  close(): Promise<void>
}

/** A log that can prove what it holds to somebody who does not trust whoever runs it. */
export type ProvableLog = AuditLog & {
  /** The key that everything is verified with (C2SP signed-note: `NAME+HASH+BASE64`). */
  readonly vkey: string
  /** A signed checkpoint (C2SP tlog-checkpoint) over all records that are durable now. */
  checkpoint(): Promise<string>
  /** A text that proves the record offline. A Problem `ResourceNotFound` where there is no such record. */
  prove(index: number): Promise<string>
  /** That the log of now begins with the log of an older size (RFC 6962, section 2.1.2); hashes in base64. */
  proveConsistency(olderSize: number): Promise<{ readonly checkpoint: string; readonly path: readonly string[] }>
  /** The last record of a request. */
  find(requestId: string): Promise<{ readonly index: number; readonly record: AuditRecord } | undefined>
}

/** A log to be read: that of this process, or of another one. */
export type ReadableLog = Omit<ProvableLog, 'append' | 'healthy' | 'close'> & {
  /** 0 is the first one; each further process has a log of its own. */
  readonly number: number
}

// ------------------------------------------------------------------------------------------------------------ secrets

/** Seals the service's own small secrets (access-key secrets, signing keys of the log) under the root key. */
export type Sealer = {
  /** Authenticated with its purpose: opens only under the same words, in the same order. */
  seal(purpose: readonly string[], secret: Uint8Array): string
  /** Throws a Problem `Internal` where the words or the bytes differ. */
  open(purpose: readonly string[], sealed: string): Uint8Array
  /** 32 bytes derived from the root key for this purpose; the same ones at every start (HKDF-SHA-256). */
  derive(purpose: readonly string[]): Uint8Array
}

// ------------------------------------------------------------------------------------------------------------- device

/** The message of a signature, or what stands for it. */
export type Signable =
  | { readonly type: 'RAW'; readonly message: Uint8Array }
  | { readonly type: 'DIGEST'; readonly digest: Uint8Array }
  /** ML-DSA's mu, 64 bytes (FIPS 204, algorithm 7). */
  | { readonly type: 'EXTERNAL_MU'; readonly mu: Uint8Array }

export type SignOptions = {
  /** SM2: the signer's id of Z_A; `1234567812345678` without it (GM/T 0009). */
  readonly signerId?: Uint8Array
}

export type { WrappingKeySpec }
export type WrappingAlgorithm =
  | 'RSAES_OAEP_SHA_256'
  | 'RSAES_OAEP_SHA_1'
  | 'RSA_AES_KEY_WRAP_SHA_256'
  | 'RSA_AES_KEY_WRAP_SHA_1'
  | 'RSAES_PKCS1_V1_5'
  | 'SM2PKE'

export type NewMaterial = {
  readonly sealed: SealedMaterial
  /** Asymmetric only: DER SubjectPublicKeyInfo. */
  readonly publicKey?: Uint8Array
}

export type ImportedMaterial = NewMaterial & {
  /**
   * Tells the same material from other material (R53), by a MAC under a key that never leaves the device, bound to
   * account and key id: who reads it learns nothing of the material, nor that two keys share theirs.
   */
  readonly fingerprint: string
}

/** In whose name and for what: told to the key managers of external key stores, which may decide by it. */
export type OnBehalf = {
  readonly principalArn: string
  readonly operation: string
  readonly requestId: string
}

/**
 * Holds key material and computes with it. Plaintext key bytes exist only inside. Wrong input (a length, a point off the
 * curve, a tampered ciphertext) is a Problem; material that does not open under its binding is a Problem `Internal`.
 * Opened material is cached by the identity of the version record, and is gone with it.
 */
export type Device = {
  readonly protection: ProtectionLevel
  supports(spec: KeySpec, usage: KeyUsage): boolean
  generate(binding: MaterialBinding): Promise<NewMaterial>

  /** The number of the algorithm, as it stands in the header of an envelope (docs/ciphertext.md). */
  envelopeAlgorithm(spec: KeySpec): number
  /** Nonce, ciphertext and tag in one piece. The device draws the nonce. The associated data is authenticated. */
  encrypt(
    version: KeyVersion,
    plaintext: Uint8Array,
    associatedData: Uint8Array,
    onBehalf?: OnBehalf,
  ): Promise<Uint8Array>
  /** Throws `InvalidCiphertext` for whatever reason it does not open. */
  decrypt(version: KeyVersion, body: Uint8Array, associatedData: Uint8Array, onBehalf?: OnBehalf): Promise<Uint8Array>

  asymmetricEncrypt(version: KeyVersion, algorithm: EncryptionAlgorithm, plaintext: Uint8Array): Promise<Uint8Array>
  asymmetricDecrypt(version: KeyVersion, algorithm: EncryptionAlgorithm, ciphertext: Uint8Array): Promise<Uint8Array>
  sign(version: KeyVersion, algorithm: SigningAlgorithm, message: Signable, options?: SignOptions): Promise<Uint8Array>
  verify(
    version: KeyVersion,
    algorithm: SigningAlgorithm,
    message: Signable,
    signature: Uint8Array,
    options?: SignOptions,
  ): Promise<boolean>
  mac(version: KeyVersion, algorithm: MacAlgorithm, message: Uint8Array): Promise<Uint8Array>
  /** Compares in constant time. */
  verifyMac(version: KeyVersion, algorithm: MacAlgorithm, message: Uint8Array, mac: Uint8Array): Promise<boolean>
  /** ECDH: the x-coordinate, big-endian, as long as the field (SEC 1). The peer's key is a DER SubjectPublicKeyInfo. */
  agree(version: KeyVersion, peerPublicKey: Uint8Array): Promise<Uint8Array>
  encapsulate(version: KeyVersion): Promise<{ readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array }>
  decapsulate(version: KeyVersion, ciphertext: Uint8Array): Promise<Uint8Array>
  /** A key pair for the caller's own use: PKCS#8 and SubjectPublicKeyInfo, DER. Nothing of it is kept. */
  generateKeyPair(spec: KeySpec): Promise<{ readonly privateKey: Uint8Array; readonly publicKey: Uint8Array }>
  /**
   * Encrypts a secret of the caller's under somebody else's public key (DER SubjectPublicKeyInfo), for them alone to read.
   * No key of the device takes part, so one device that can do it is enough. `InvalidPublicKey` where it is not of the spec.
   */
  encryptFor?(
    spec: WrappingKeySpec,
    publicKey: Uint8Array,
    algorithm: EncryptionAlgorithm,
    plaintext: Uint8Array,
  ): Promise<Uint8Array>

  /** May material of this spec come wrapped so? What may not, `importMaterial` refuses too. */
  unwraps(spec: KeySpec, wrappingKeySpec: WrappingKeySpec, algorithm: WrappingAlgorithm): boolean
  /** A key pair that others wrap key material under. The binding's spec is that of the key to import into. */
  generateWrappingKey(
    wrappingKeySpec: WrappingKeySpec,
    binding: MaterialBinding,
  ): Promise<{ readonly sealed: SealedMaterial; readonly publicKey: Uint8Array }>
  /** Unwraps and seals again under `binding`, without the material ever leaving. `InvalidKeyMaterial` says the mend. */
  importMaterial(wrapped: {
    readonly wrappingKeySpec: WrappingKeySpec
    readonly wrappingAlgorithm: WrappingAlgorithm
    readonly sealedWrappingKey: SealedMaterial
    /** What `generateWrappingKey` was given. */
    readonly wrappingKeyBinding: MaterialBinding
    readonly encryptedKeyMaterial: Uint8Array
    readonly binding: MaterialBinding
  }): Promise<ImportedMaterial>
  /** The same material sealed for another binding: a replica in another region. */
  rebind(version: KeyVersion, binding: MaterialBinding): Promise<SealedMaterial>

  /** One known answer per algorithm; rejects on a mismatch, and then nothing is served. */
  selfTest(): Promise<void>
  healthy(): boolean
  close(): Promise<void>
}

/** A key store, or one that is to be. */
export type KeyStoreAddress = Scope & { readonly keyStoreId: string; readonly proxy: KeyStoreProxy }

/**
 * The proxies of external key stores. Nothing is sent to an address that the operator has not allowed
 * (`KeyStoreAddressNotAllowed`). What goes wrong on the way or there is `KeyStoreProxyFailed`, with `failure` in its facts.
 */
export type KeyStoreProxies = {
  /** Such as `https://xks.example.com`; none where the operator has allowed none. */
  readonly allowedEndpoints: readonly string[]
  /** The proxy answers, accepts the signature, and can use its key manager. */
  check(store: KeyStoreAddress, onBehalf: OnBehalf): Promise<void>
  /** The key is there, is AES_256, enabled, encrypts and decrypts; else `ExternalKeyNotFound` or `ExternalKeyUnfit`. */
  checkKey(store: KeyStoreAddress, externalKeyId: string, onBehalf: OnBehalf): Promise<void>
}

// -------------------------------------------------------------------------------------------------------------- usage

export type LastUse = {
  readonly at: Instant
  readonly operation: string
  readonly principal: string
  readonly requestId: string
}

/** Successful ones, from the first day of the key on. */
export type Decryptions = { readonly count: number; readonly lastAt: Instant }

/** One line of what would break without a key. */
export type KeyUse = {
  readonly principal: string
  readonly operation: string
  readonly alias?: string
  readonly keyVersionId?: string
  readonly count: number
  /** How many of them were refused because the key was pending deletion or disabled. */
  readonly refused: number
  readonly firstAt: Instant
  readonly lastAt: Instant
}

/** The uses of one day, all principals together. */
export type UsesOfDay = {
  /** UTC, such as `2026-11-01`. */
  readonly day: string
  readonly operation: string
  readonly count: number
  /** How many of them were refused, as of a `KeyUse`. */
  readonly refused: number
}

/** A time with a beginning; without an end it still goes on. The end is the first instant outside. */
export type Interval = { readonly from: Instant; readonly to?: Instant }

/** Of one key, what fees are counted from (R20). */
export type KeyReport = {
  readonly keyId: string
  /** A default key of the service: the reserved alias it answers to. */
  readonly defaultFor?: string
  /** From creation on; not while a deletion is scheduled; again from its cancellation on. Cut to the time asked about. */
  readonly billable: readonly Interval[]
  /** By day (UTC, such as `2026-11-01`) and operation. */
  readonly requests: readonly {
    readonly day: string
    readonly operation: string
    readonly ok: number
    readonly failed: number
  }[]
}

/** Calls that were refused for want of a right, or because of the state of a key: by hour, since they may be many. */
export type Refusals = {
  readonly hour: Instant
  readonly principal: string
  readonly operation: string
  /** The code of the Problem. */
  readonly outcome: string
  readonly count: number
  readonly lastAt: Instant
  /** Place of the last one in the audit log. */
  readonly lastIndex: number
}

export type EventQuery = {
  readonly type?: EventType | undefined
  readonly keyId?: string | undefined
  /** Only events before this one, by its `sequence`. */
  readonly before?: number | undefined
  readonly limit: number
}

/**
 * Who used which key for what, what it costs, and what happened to it: a fold over the audit log, which can be rebuilt
 * from it. Never on the road of a request; complete up to the record that was durable when it is asked. What somebody of
 * another account did with a key stands with the key's own account.
 */
export type Usage = {
  /** The last successful cryptographic use of any version. */
  lastUse(key: Scope & { readonly keyId: string }): Promise<LastUse | undefined>
  /** In the last 90 days, whole days, the most recent first. */
  usesOf(key: Scope & { readonly keyId: string }): Promise<readonly KeyUse[]>
  /** The same uses by day and operation, the oldest first; days without any are left out. */
  usesByDay(key: Scope & { readonly keyId: string }): Promise<readonly UsesOfDay[]>
  /** By version id. */
  decryptionsByVersion(key: Scope & { readonly keyId: string }): Promise<ReadonlyMap<string, Decryptions>>
  /**
   * Keys in the order of their ids, from after `after` on, that were billable or asked for between two midnights (UTC). A
   * page looks at `limit` keys, and shows those; `next` is there while there are more to look at.
   */
  report(
    scope: Scope,
    period: { readonly from: Instant; readonly to: Instant },
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<{ readonly keys: readonly KeyReport[]; readonly next?: string }>
  /** The newest first. */
  events(scope: Scope, query: EventQuery): Promise<readonly KeyEvent[]>
  /** Refused calls of the last eight days, from a time on (of a whole hour): the latest lines first, at most `limit`. */
  refusals(
    scope: Scope,
    query: { readonly from: Instant; readonly limit: number },
  ): Promise<{ readonly total: number; readonly lines: readonly Refusals[] }>
  /** Folds what has come since. Every answer does it first; done in the background it keeps answers quick. */
  catchUp(): Promise<void>
}

/** All that the service has from outside. A simulation hands out its own. */
export type World = {
  readonly clock: Clock
  readonly random: Random
  readonly store: Store
  readonly devices: ReadonlyMap<ProtectionLevel, Device>
  readonly keyStoreProxies: KeyStoreProxies
  /** Where this process puts its records. */
  readonly audit: ProvableLog
  /** All audit logs of the installation on this machine, by number: in them stands every record that is durable by now. */
  readonly logs: () => Promise<readonly ReadableLog[]>
  readonly sealer: Sealer
  readonly usage: Usage
  /** Only where several nodes share the store. */
  readonly lease?: Lease
  readonly onceOnly?: OnceOnly
}
