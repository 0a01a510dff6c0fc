/** Every problem in the words of this cloud: code, HTTP status and message as its documentation of 2021 has them. */
import type { Problem, ProblemCode } from '../../domain/errors.ts'

export type Words = { readonly code: string; readonly status: number; readonly message: string }
type WordsOf = Words | ((problem: Problem, parameter: string) => Words)

const invalidParameter = (parameter: string): Words => ({
  code: 'InvalidParameter',
  status: 400,
  message: `The specified parameter "${parameter}" is not valid.`,
})
const missingParameter = (parameter: string): Words => ({
  code: 'MissingParameter',
  status: 400,
  message: `The parameter "${parameter}" is needed but not provided.`,
})
const unreadable = (status: number): Words => ({
  code: 'ParseRequestParameterException',
  status,
  message: 'Server parse parameters exception. Please check your input params.',
})
const rejectedFor = (state: string): Words => ({
  code: `Rejected.${state}`,
  status: 409,
  message: `The request was rejected because the key state is ${state}.`,
})
const stateModifiedFailed: Words = {
  code: 'Rejected.StateModifiedFailed',
  status: 409,
  message: 'Keystate modified failed.',
}
const unsupported: Words = { code: 'UnsupportedOperation', status: 400, message: 'This action is not supported.' }
const rejectedUnsupported: Words = {
  code: 'Rejected.UnsupportedOperation',
  status: 400,
  message: 'The request was rejected because this operation is not supported by the key.',
}
const unsupportedProtectionLevel: Words = {
  code: 'Unsupported.ProtectionLevel',
  status: 400,
  message: 'This protection level is not valid for this region',
}
const unsupportedOrigin: Words = {
  code: 'Unsupported.Origin',
  status: 400,
  message: 'This key origin is not valid for this api.',
}
const noPermission: Words = {
  code: 'Forbidden.NoPermission',
  status: 403,
  message: 'This operation is forbidden by permission system.',
}
const noAccessKey: Words = {
  code: 'InvalidAccessKeyId.NotFound',
  status: 404,
  message: 'The AccessKey ID provided does not exist in our records.',
}
const unavailable: Words = {
  code: 'ServiceUnavailableTemporary',
  status: 503,
  message: 'Service Unavailable Temporary.',
}
const limitExceeded: Words = {
  code: 'Rejected.LimitExceeded',
  status: 400,
  message: 'The request was rejected because user create resource limit was exceeded.',
}
const aliasExists: Words = { code: 'AliasAlreadyExists', status: 400, message: 'AliasName Already Exists.' }
const invalidKeyMaterial: Words = { code: 'InvalidKeyMaterial', status: 400, message: 'key material is invalid.' }
const resourceNotFound: Words = {
  code: 'Forbidden.ResourceNotFound',
  status: 404,
  message: 'Resource not found.',
}

const words: Readonly<Record<ProblemCode, WordsOf>> = {
  InvalidRequest: ({ facts }, parameter) => {
    if (facts.unreadable === true) return unreadable(400)
    return facts.missing === true ? missingParameter(parameter) : invalidParameter(parameter)
  },
  RequestTooLarge: unreadable(413),
  NotFound: {
    code: 'InvalidAction.NotFound',
    status: 404,
    message: 'Specified api is not found, please check your url and method.',
  },
  MethodNotAllowed: { code: 'UnsupportedHTTPMethod', status: 403, message: 'This http method is not supported.' },
  UnsupportedMediaType: unreadable(400),
  UnsupportedOperation: ({ facts }) => (facts.protectionLevel === undefined ? unsupported : unsupportedProtectionLevel),
  Conflict: stateModifiedFailed,
  LimitExceeded: limitExceeded,
  NotAuthenticated: ({ facts }, parameter) => (facts.missing === true ? missingParameter(parameter) : noAccessKey),
  // The gateway shows the text it signed; here it stays inside, since a plaintext can stand in it.
  SignatureMismatch: ({ facts }) =>
    facts.incomplete === true
      ? {
          code: 'IncompleteSignature',
          status: 400,
          message: 'The request signature does not conform to Alibaba Cloud standards.',
        }
      : {
          code: 'SignatureDoesNotMatch',
          status: 400,
          message: 'Specified signature is not matched with our calculation.',
        },
  RequestExpired: ({ facts }) =>
    facts.illegal === true
      ? {
          code: 'IllegalTimestamp',
          status: 400,
          message: 'The input parameter "Timestamp" that is required for processing this request is not supplied.',
        }
      : {
          code: 'InvalidTimeStamp.Expired',
          status: 400,
          message: 'Specified time stamp or date value is expired.',
        },
  RequestReplayed: { code: 'SignatureNonceUsed', status: 400, message: 'Specified signature nonce was used already.' },
  AccessDenied: noPermission,
  StepUpRequired: noPermission,
  KeyNotFound: { code: 'Forbidden.KeyNotFound', status: 404, message: 'The specified Key is not found.' },
  KeyVersionNotFound: {
    code: 'Forbidden.KeyVersionNotFound',
    status: 404,
    message: 'The specified Key version is not found.',
  },
  KeyVersionRequired: missingParameter('KeyVersionId'),
  AliasNotFound: { code: 'Forbidden.AliasNotFound', status: 404, message: 'The specified Alias is not found.' },
  AliasNotAllowed: { code: 'Unsupported.Alias', status: 400, message: 'Alias is not valid for this api.' },
  AliasExists: aliasExists,
  InvalidAliasName: (_, parameter) => invalidParameter(parameter === '' ? 'AliasName' : parameter),
  ReservedAlias: (_, parameter) => invalidParameter(parameter === '' ? 'AliasName' : parameter),
  DefaultKeyImmutable: unsupported,
  KeyDisabled: rejectedFor('Disabled'),
  KeyPendingDeletion: rejectedFor('PendingDeletion'),
  KeyPendingImport: rejectedFor('PendingImport'),
  KeyUnavailable: rejectedFor('Unavailable'),
  KeyStateConflict: stateModifiedFailed,
  KeyUsageMismatch: unsupported,
  KeyOriginMismatch: unsupportedOrigin,
  KeySpecMismatch: unsupported,
  AlgorithmMismatch: (_, parameter) => invalidParameter(parameter === '' ? 'Algorithm' : parameter),
  // Nowhere documented; named like the other refusals of a key that is not in the state for it.
  DeletionProtected: {
    code: 'Rejected.DeletionProtection',
    status: 409,
    message: 'The request was rejected because deletion protection is enabled for the key.',
  },
  RecentlyUsed: stateModifiedFailed,
  RotationNotSupported: ({ facts }) => (facts.origin === undefined ? unsupported : unsupportedOrigin),
  InvalidCiphertext: invalidParameter('CiphertextBlob'),
  IncorrectKey: invalidParameter('CiphertextBlob'),
  InvalidSignature: invalidParameter('Value'),
  InvalidMac: invalidParameter('Mac'),
  InvalidPublicKey: invalidParameter('PublicKeyBlob'),
  InvalidImportToken: { code: 'InvalidImportToken', status: 400, message: 'import token is invalid.' },
  ExpiredImportToken: { code: 'ExpiredImportToken', status: 400, message: 'import token is expired.' },
  InvalidKeyMaterial: invalidKeyMaterial,
  IncorrectKeyMaterial: invalidKeyMaterial,
  ApprovalRequired: noPermission,
  // Here keys of external stores are only used, never made: whatever fails there, the key is not available.
  KeyStoreNotFound: rejectedFor('Unavailable'),
  KeyStoreExists: unsupported,
  KeyStoreNotEmpty: unsupported,
  KeyStoreStateConflict: rejectedFor('Unavailable'),
  KeyStoreAddressNotAllowed: rejectedFor('Unavailable'),
  KeyStoreProxyFailed: rejectedFor('Unavailable'),
  ExternalKeyNotFound: rejectedFor('Unavailable'),
  ExternalKeyInUse: unsupported,
  ExternalKeyUnfit: rejectedFor('Unavailable'),
  PrincipalNotFound: resourceNotFound,
  PrincipalExists: invalidParameter('Name'),
  PolicyNotFound: resourceNotFound,
  MalformedPolicy: invalidParameter('Policy'),
  PolicyLockout: invalidParameter('Policy'),
  CredentialNotFound: resourceNotFound,
  SessionNotFound: resourceNotFound,
  PasskeyNotFound: resourceNotFound,
  GrantNotFound: resourceNotFound,
  InvalidGrantToken: invalidParameter('GrantToken'),
  AccountExists: invalidParameter('Account'),
  ResourceNotFound: resourceNotFound,
  ResourceExists: invalidParameter('Name'),
  DryRun: {
    code: 'DryRunOperationError',
    status: 400,
    message: 'The request would have succeeded, but the DryRun parameter is set.',
  },
  Throttled: {
    code: 'Rejected.Throttling',
    status: 429,
    message: 'The request was rejected because it exceeds the limit of requests.',
  },
  AuditUnavailable: unavailable,
  StoreUnavailable: unavailable,
  DeviceUnavailable: unavailable,
  Unavailable: unavailable,
  Internal: { code: 'InternalFailure', status: 500, message: 'Internal Failure.' },
}

/** Where an action has its own answer to a problem. */
export type Rewording = Partial<Readonly<Record<ProblemCode, Words>>>

/** Actions that change the state of a key refuse every wrong state alike. */
export const changesState: Rewording = {
  KeyDisabled: stateModifiedFailed,
  KeyPendingDeletion: stateModifiedFailed,
  KeyPendingImport: stateModifiedFailed,
}

/** The pages of key pairs and versions have another code for a key that is not made for the call. */
export const rejectsMisuse: Rewording = {
  KeyUsageMismatch: rejectedUnsupported,
  KeySpecMismatch: rejectedUnsupported,
}

/** `parameter` names what is wrong in the words of the request; empty where nothing is named. */
export function wordsFor(problem: Problem, parameter: string, rewording: Rewording = {}): Words {
  const reworded = rewording[problem.code]
  if (reworded !== undefined) return reworded
  const found = words[problem.code]
  return typeof found === 'function' ? found(problem, parameter) : found
}
