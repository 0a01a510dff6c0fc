/**
 * Everything that a caller can be told went wrong. A protocol maps each code in a total `Record<ProblemCode, ...>`, so
 * the compiler finds the one somebody forgot. What is not a Problem is a bug: shown with a reference, logged whole.
 */
const problems = {
  // the request
  InvalidRequest: 'The request is not valid.',
  RequestTooLarge: 'The request is too large.',
  NotFound: 'There is nothing at this path.',
  MethodNotAllowed: 'This path does not take this method.',
  UnsupportedMediaType: 'The body must be JSON.',
  UnsupportedOperation: 'This operation is not supported.',
  Conflict: 'Somebody else changed this at the same moment. Read it again, then repeat the call.',
  LimitExceeded: 'A limit is reached.',
  // who asks
  NotAuthenticated: 'The request carries no valid credential.',
  SignatureMismatch: 'The signature does not match the request.',
  RequestExpired: 'The request was signed too long ago or too far ahead.',
  RequestReplayed: 'The nonce of this request was used before.',
  AccessDenied: 'Not allowed.',
  StepUpRequired: 'Show again that it is you, then repeat the request.',
  // keys
  KeyNotFound: 'The key does not exist.',
  KeyVersionNotFound: 'The key version does not exist.',
  KeyVersionRequired: 'Name the key version: an asymmetric key has no primary version.',
  AliasNotFound: 'The alias does not exist.',
  AliasNotAllowed: 'An alias cannot be given here. Use the key id.',
  AliasExists: 'The alias exists already.',
  InvalidAliasName: 'The alias name is not valid.',
  ReservedAlias: 'Alias names that begin with alias/acs/ or alias/aws/ are reserved.',
  DefaultKeyImmutable: 'A default key is managed by the service.',
  KeyDisabled: 'The key is disabled.',
  KeyPendingDeletion: 'The key is pending deletion.',
  KeyPendingImport: 'The key is pending import: it has no key material.',
  KeyUnavailable: 'The key cannot be used just now. Try again.',
  KeyStateConflict: 'The state of the key does not allow this.',
  KeyUsageMismatch: 'The key was made for another usage.',
  KeyOriginMismatch: 'The origin of the key does not allow this.',
  KeySpecMismatch: 'The spec of the key does not allow this.',
  AlgorithmMismatch: 'The key cannot compute this algorithm.',
  DeletionProtected: 'Deletion protection is on for this key.',
  RecentlyUsed: 'The key was used in the last seven days.',
  RotationNotSupported: 'This key cannot be rotated automatically.',
  // data
  InvalidCiphertext: 'The ciphertext cannot be decrypted.',
  IncorrectKey: 'The ciphertext was made with another key.',
  InvalidSignature: 'The signature is not valid.',
  InvalidMac: 'The MAC is not valid.',
  InvalidPublicKey: 'The public key is not valid.',
  // importing key material
  InvalidImportToken: 'The import token is not valid.',
  ExpiredImportToken: 'The import token has expired. Get new import parameters.',
  InvalidKeyMaterial: 'The key material is not valid.',
  IncorrectKeyMaterial: 'This is not the key material that was first imported into the key.',
  ApprovalRequired: 'A second principal must approve this.',
  // external key stores
  KeyStoreNotFound: 'The key store does not exist.',
  KeyStoreExists: 'There is such a key store already.',
  KeyStoreNotEmpty: 'There are keys in this key store.',
  KeyStoreStateConflict: 'The connection state of the key store does not allow this.',
  KeyStoreAddressNotAllowed: 'The operator of this service has not allowed this address.',
  KeyStoreProxyFailed: 'The external key store proxy failed.',
  ExternalKeyNotFound: 'The external key manager has no such key.',
  ExternalKeyInUse: 'The external key belongs to another key already.',
  ExternalKeyUnfit: 'The external key cannot be used.',
  // access
  PrincipalNotFound: 'The principal does not exist.',
  PrincipalExists: 'The principal exists already.',
  PolicyNotFound: 'The policy does not exist.',
  MalformedPolicy: 'The policy document is not valid.',
  PolicyLockout: 'This policy would lock you out of the key.',
  CredentialNotFound: 'The credential does not exist.',
  SessionNotFound: 'The session does not exist.',
  PasskeyNotFound: 'The passkey does not exist.',
  GrantNotFound: 'The grant does not exist.',
  InvalidGrantToken: 'The grant token is not valid.',
  AccountExists: 'The account exists already.',
  ResourceNotFound: 'There is no such resource.',
  ResourceExists: 'The resource exists already.',
  DryRun: 'The request would have succeeded, but the DryRun option is set.',
  // the service
  Throttled: 'Too many requests. Try again later.',
  AuditUnavailable: 'The audit log cannot be written, so nothing is answered. Try again later.',
  StoreUnavailable: 'The store cannot be reached. Try again later.',
  DeviceUnavailable: 'The cryptographic device cannot be reached. Try again later.',
  Unavailable: 'The service is not ready. Try again later.',
  Internal: 'Something broke inside the service.',
} as const

export type ProblemCode = keyof typeof problems
export const problemCodes = Object.keys(problems) as readonly ProblemCode[]

export type ProblemDetails = {
  /** What happened, in one sentence for this case; without it the code's own sentence is said. */
  readonly message?: string
  /** What the caller can do about it. */
  readonly mend?: string
  /** The member of the request that is wrong, as a path such as `tags.0.key`. */
  readonly member?: string
  /** Facts a protocol may need to word its own message. Never secret. */
  readonly facts?: Readonly<Record<string, unknown>>
  /** For the log, never for the caller. */
  readonly cause?: unknown
}

export class Problem extends Error {
  readonly code: ProblemCode
  readonly mend: string | undefined
  readonly member: string | undefined
  readonly facts: Readonly<Record<string, unknown>>
  constructor(code: ProblemCode, details: ProblemDetails = {}) {
    super(details.message ?? problems[code], details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'Problem'
    this.code = code
    this.mend = details.mend
    this.member = details.member
    this.facts = details.facts ?? {}
  }
}

/** Reads at the call as `throw problem('KeyNotFound', { facts: { keyId } })`. */
export function problem(code: ProblemCode, details?: ProblemDetails): Problem {
  return new Problem(code, details)
}
