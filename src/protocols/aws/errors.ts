/** Problems in the words of AWS KMS: its codes, its sentences, and 400 for whatever the caller can mend. */
import { type Problem, type ProblemCode, problem } from '../../domain/errors.ts'
import { aliasArn } from '../../domain/key-reference.ts'
import type { ProxyFailure } from '../../domain/key-store.ts'
import type { HttpAnswer } from '../http.ts'
import { originWord, specWord } from './words.ts'

/** What is known of a request when it has failed. */
export type Failed = {
  readonly requestId: string
  readonly action?: string | undefined
  readonly region?: string | undefined
  /** The encryption algorithm that was asked for, in so many words or by saying none. */
  readonly algorithm?: string | undefined
  /** A member that came as base64 text within base64. */
  readonly twiceEncoded?: () => string | undefined
  /** The resource name of a key of this request, by the id that the problem tells. */
  readonly keyArn: (keyId: string) => string
}

type Said = { readonly code: string; readonly message: string }
type Words = (error: Problem, failed: Failed) => Said

/** The problem's own sentence, and what to do about it. */
const own =
  (code: string): Words =>
  (error) => ({ code, message: error.mend === undefined ? error.message : `${error.message} ${error.mend}` })

/** A sentence about the key; the problem's own where it does not say which key. */
const ofKey =
  (code: string, sentence: (arn: string, error: Problem, failed: Failed) => string): Words =>
  (error, failed) => {
    const { keyId } = error.facts
    if (typeof keyId !== 'string') return own(code)(error, failed)
    return { code, message: sentence(failed.keyArn(keyId), error, failed) }
  }

/** AWS says nothing at all here; where there is something to mend, we do. */
const silent =
  (code: ProblemCode, awsCode: string): Words =>
  (error, failed) =>
    error.message === problem(code).message ? { code: awsCode, message: '' } : own(awsCode)(error, failed)

const stateWords: Readonly<Record<string, string>> = {
  Enabled: 'is not pending deletion',
  Disabled: 'is disabled',
  PendingImport: 'is pending import',
  PendingDeletion: 'is pending deletion',
  PendingReplicaDeletion: 'is pending replica deletion',
}

const unsupportedOfKey = ofKey('UnsupportedOperationException', (arn, error) =>
  error.facts.origin === undefined
    ? `${arn}: ${error.message}`
    : `${arn} origin is ${originWord(error.facts.origin)} which is not valid for this operation.`,
)

/** Actions on a key store itself, which have codes of their own for what its proxy does. */
const ofKeyStores: ReadonlySet<unknown> = new Set(['CreateCustomKeyStore', 'UpdateCustomKeyStore'])
/** These, and the birth of a key, know the states of a key store; all others only those of a key. */
const seesKeyStores: ReadonlySet<unknown> = new Set([
  ...ofKeyStores,
  'ConnectCustomKeyStore',
  'DisconnectCustomKeyStore',
  'DeleteCustomKeyStore',
  'CreateKey',
])

/** One code at the birth of a key, where the caller names the external key; another while it is used. */
const ofExternalKey =
  (codeAtBirth: string): Words =>
  (error, failed) =>
    own(failed.action === 'CreateKey' ? codeAtBirth : 'KMSInvalidStateException')(error, failed)

const proxyCodes: Readonly<Record<ProxyFailure, string>> = {
  NotReachable: 'XksProxyUriUnreachableException',
  InvalidTls: 'XksProxyUriUnreachableException',
  TimedOut: 'XksProxyUriUnreachableException',
  Throttled: 'XksProxyUriUnreachableException',
  NotAuthenticated: 'XksProxyIncorrectAuthenticationCredentialException',
  AccessDenied: 'XksProxyInvalidResponseException',
  InvalidPath: 'XksProxyInvalidConfigurationException',
  InvalidResponse: 'XksProxyInvalidResponseException',
  UnsupportedOperation: 'XksProxyInvalidResponseException',
  ManagerUnavailable: 'XksProxyInvalidResponseException',
}

const proxyFailed: Words = (error, failed) => {
  const failure = error.facts.failure as ProxyFailure
  if (ofKeyStores.has(failed.action)) return own(proxyCodes[failure])(error, failed)
  return own(
    failed.action === 'CreateKey' && failure !== 'AccessDenied'
      ? 'CustomKeyStoreInvalidStateException'
      : 'KMSInvalidStateException',
  )(error, failed)
}

const serviceTrouble = own('DependencyTimeoutException')

const words: Readonly<Record<ProblemCode, Words>> = {
  InvalidRequest: (error, failed) => {
    if (error.member === 'marker' || error.member === 'after')
      return { code: 'InvalidMarkerException', message: 'The marker is not valid.' }
    const code = typeof error.facts.awsCode === 'string' ? error.facts.awsCode : 'ValidationException'
    return error.facts.verbatim === true ? { code, message: error.message } : own(code)(error, failed)
  },
  RequestTooLarge: own('ValidationException'),
  NotFound: own('UnknownOperationException'),
  MethodNotAllowed: own('UnknownOperationException'),
  UnsupportedMediaType: own('SerializationException'),
  UnsupportedOperation: own('UnsupportedOperationException'),
  // Nothing was done, so the client may simply try again; and it does, after a code of 500.
  Conflict: own('KMSInternalException'),
  LimitExceeded: own('LimitExceededException'),
  NotAuthenticated: (error, failed) =>
    own(typeof error.facts.awsCode === 'string' ? error.facts.awsCode : 'UnrecognizedClientException')(error, failed),
  SignatureMismatch: own('InvalidSignatureException'),
  RequestExpired: (error) => ({ code: 'InvalidSignatureException', message: error.message }),
  RequestReplayed: own('InvalidSignatureException'),
  AccessDenied: own('AccessDeniedException'),
  StepUpRequired: own('AccessDeniedException'),
  KeyNotFound: (error, failed) => {
    const { reference, malformed, keyId, region } = error.facts
    const code = 'NotFoundException'
    if (malformed === true) return { code, message: `Invalid keyId '${String(reference)}'` }
    if (typeof region === 'string' && failed.region !== undefined && region !== failed.region)
      return { code, message: `Invalid arn ${region}` }
    return typeof keyId === 'string'
      ? { code, message: `Key '${failed.keyArn(keyId)}' does not exist` }
      : own(code)(error, failed)
  },
  KeyVersionNotFound: own('NotFoundException'),
  KeyVersionRequired: own('ValidationException'),
  AliasNotFound: (error, failed) => {
    const { aliasArn: arn, aliasName, account, region } = error.facts
    const name =
      typeof arn === 'string'
        ? arn
        : typeof aliasName === 'string' && typeof account === 'string' && typeof region === 'string'
          ? aliasArn({ account, region, aliasName })
          : undefined
    return name === undefined
      ? own('NotFoundException')(error, failed)
      : { code: 'NotFoundException', message: `Alias ${name} is not found.` }
  },
  AliasNotAllowed: own('NotFoundException'),
  AliasExists: (error, failed) =>
    typeof error.facts.aliasArn === 'string'
      ? { code: 'AlreadyExistsException', message: `An alias with the name ${error.facts.aliasArn} already exists` }
      : own('AlreadyExistsException')(error, failed),
  InvalidAliasName: (error, failed) =>
    error.facts.noPrefix === true
      ? {
          code: 'ValidationException',
          message:
            'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
        }
      : own('InvalidAliasNameException')(error, failed),
  ReservedAlias: own('InvalidAliasNameException'),
  DefaultKeyImmutable: own('AccessDeniedException'),
  KeyDisabled: ofKey('DisabledException', (arn) => `${arn} is disabled.`),
  KeyPendingDeletion: ofKey(
    'KMSInvalidStateException',
    (arn, error) => `${arn} ${stateWords[String(error.facts.state)] ?? 'is pending deletion'}.`,
  ),
  KeyPendingImport: ofKey('KMSInvalidStateException', (arn) => `${arn} is pending import.`),
  KeyUnavailable: own('KeyUnavailableException'),
  KeyStateConflict: ofKey('KMSInvalidStateException', (arn, error, failed) => {
    const state = String(error.facts.state)
    if (failed.action === 'CancelKeyDeletion') return `${arn} is not pending deletion.`
    return stateWords[state] === undefined ? `${arn}: ${error.message}` : `${arn} ${stateWords[state]}.`
  }),
  KeyUsageMismatch: (error, failed) => {
    const { keyId, usage } = error.facts
    if (failed.action === 'GetPublicKey') return unsupportedOfKey(error, failed)
    const code = 'InvalidKeyUsageException'
    return typeof keyId === 'string' && typeof usage === 'string' && failed.action !== 'UpdateAlias'
      ? { code, message: `${failed.keyArn(keyId)} key usage is ${usage} which is not valid for ${failed.action}.` }
      : own(failed.action === 'UpdateAlias' ? 'ValidationException' : code)(error, failed)
  },
  KeyOriginMismatch: unsupportedOfKey,
  KeySpecMismatch: (error, failed) => {
    if (failed.action === 'GetPublicKey') return unsupportedOfKey(error, failed)
    const { spec } = error.facts
    // Encrypt under a key pair without naming an algorithm: AWS takes the symmetric one then, and the key cannot.
    return typeof spec === 'string'
      ? {
          code: 'InvalidKeyUsageException',
          message: incompatible(failed.algorithm ?? 'SYMMETRIC_DEFAULT', specWord(spec)),
        }
      : own('InvalidKeyUsageException')(error, failed)
  },
  AlgorithmMismatch: (error, failed) => {
    const { algorithm, spec } = error.facts
    return typeof algorithm === 'string' && typeof spec === 'string'
      ? { code: 'InvalidKeyUsageException', message: incompatible(algorithm, specWord(spec)) }
      : own('InvalidKeyUsageException')(error, failed)
  },
  DeletionProtected: own('KMSInvalidStateException'),
  RecentlyUsed: own('KMSInvalidStateException'),
  RotationNotSupported: unsupportedOfKey,
  InvalidCiphertext: (error, failed) =>
    error.facts.external === true
      ? own('KMSInvalidStateException')(error, failed)
      : silent('InvalidCiphertext', 'InvalidCiphertextException')(error, failed),
  IncorrectKey: () => ({
    code: 'IncorrectKeyException',
    message: 'The key ID in the request does not identify a CMK that can perform this operation.',
  }),
  InvalidSignature: silent('InvalidSignature', 'KMSInvalidSignatureException'),
  InvalidMac: silent('InvalidMac', 'KMSInvalidMacException'),
  InvalidPublicKey: own('ValidationException'),
  InvalidImportToken: own('InvalidImportTokenException'),
  ExpiredImportToken: own('ExpiredImportTokenException'),
  InvalidKeyMaterial: own('InvalidCiphertextException'),
  IncorrectKeyMaterial: own('IncorrectKeyMaterialException'),
  ApprovalRequired: own('KMSInvalidStateException'),
  KeyStoreNotFound: own('CustomKeyStoreNotFoundException'),
  KeyStoreExists: (error, failed) =>
    own(error.facts.same === 'name' ? 'CustomKeyStoreNameInUseException' : 'XksProxyUriInUseException')(error, failed),
  KeyStoreNotEmpty: own('CustomKeyStoreHasCMKsException'),
  KeyStoreStateConflict: (error, failed) => {
    if (seesKeyStores.has(failed.action)) return own('CustomKeyStoreInvalidStateException')(error, failed)
    return own('KMSInvalidStateException')(error, failed)
  },
  KeyStoreAddressNotAllowed: (error, failed) =>
    own(ofKeyStores.has(failed.action) ? 'XksProxyInvalidConfigurationException' : 'KMSInvalidStateException')(
      error,
      failed,
    ),
  KeyStoreProxyFailed: proxyFailed,
  ExternalKeyNotFound: ofExternalKey('XksKeyNotFoundException'),
  ExternalKeyInUse: own('XksKeyAlreadyInUseException'),
  ExternalKeyUnfit: ofExternalKey('XksKeyInvalidConfigurationException'),
  PrincipalNotFound: own('NotFoundException'),
  PrincipalExists: own('AlreadyExistsException'),
  PolicyNotFound: (error, failed) => ({
    code: 'NotFoundException',
    message: error.facts.policyName === undefined ? own('')(error, failed).message : 'No such policy exists',
  }),
  MalformedPolicy: own('MalformedPolicyDocumentException'),
  PolicyLockout: () => ({
    code: 'MalformedPolicyDocumentException',
    message: 'The new key policy will not allow you to update the key policy in the future.',
  }),
  CredentialNotFound: own('NotFoundException'),
  SessionNotFound: own('NotFoundException'),
  PasskeyNotFound: own('NotFoundException'),
  GrantNotFound: own('NotFoundException'),
  InvalidGrantToken: own('InvalidGrantTokenException'),
  AccountExists: own('AlreadyExistsException'),
  ResourceNotFound: own('NotFoundException'),
  ResourceExists: own('AlreadyExistsException'),
  DryRun: () => ({
    code: 'DryRunOperationException',
    message: 'The request would have succeeded, but the DryRun option is set.',
  }),
  Throttled: own('ThrottlingException'),
  AuditUnavailable: serviceTrouble,
  StoreUnavailable: serviceTrouble,
  DeviceUnavailable: serviceTrouble,
  Unavailable: serviceTrouble,
  Internal: own('KMSInternalException'),
}

/** Codes that mean: not your fault, try again. All others are 400. */
const serverFaults = new Set(['KMSInternalException', 'DependencyTimeoutException', 'KeyUnavailableException'])

export function answerHeadersFor(requestId: string): Readonly<Record<string, string>> {
  return {
    'Content-Type': 'application/x-amz-json-1.1',
    'Cache-Control': 'no-cache, no-store, must-revalidate, private',
    'x-amzn-RequestId': requestId,
  }
}

/** How long a throttled client should wait at least. */
const retryAfterMs = 1000

export function errorAnswer(error: Problem, failed: Failed): HttpAnswer {
  // A binding may know the one code that AWS has for its case.
  const { code, message: said } =
    typeof error.facts.awsOnly === 'string'
      ? { code: error.facts.awsOnly, message: error.message }
      : words[error.code](error, failed)
  const message = ofBlobs.has(error.code) ? withHint(said, failed) : said
  return {
    status: serverFaults.has(code) ? 500 : 400,
    headers: {
      ...answerHeadersFor(failed.requestId),
      'x-amzn-ErrorType': code,
      ...(code === 'ThrottlingException' ? { 'x-amz-retry-after': String(retryAfterMs) } : {}),
    },
    body: JSON.stringify({ __type: code, message }),
    outcome: error.code,
    ...(failed.action === undefined ? {} : { operation: failed.action }),
  }
}

/** Bytes that are not what they should be. */
const ofBlobs: ReadonlySet<ProblemCode> = new Set([
  'InvalidCiphertext',
  'InvalidSignature',
  'InvalidMac',
  'InvalidPublicKey',
  'InvalidImportToken',
  'InvalidKeyMaterial',
])

/** Version 1 of the AWS CLI takes blobs for text, and encodes them: base64 that its user pastes arrives twice encoded. */
function withHint(said: string, failed: Failed): string {
  const member = said.includes('fileb://') ? undefined : failed.twiceEncoded?.()
  if (member === undefined) return said
  const option = member.replace(/(?<=.)([A-Z])/g, '-$1').toLowerCase()
  return `${said} ${member} is base64 text that was encoded in base64 once more. With AWS CLI version 1 use --${option} fileb://FILE with the bytes themselves.`.trimStart()
}

/** A refusal that has a code of AWS's own and no other place. */
export function refusal(awsCode: string, message: string): Problem {
  return problem(awsCode === 'UnsupportedOperationException' ? 'UnsupportedOperation' : 'InvalidRequest', {
    message,
    facts: { awsOnly: awsCode },
  })
}

function incompatible(algorithm: string, spec: string): string {
  return `Algorithm ${algorithm} is incompatible with key spec ${spec}.`
}
