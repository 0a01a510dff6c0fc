/**
 * What a policy's conditions can ask about a request. A value is worked out when a condition asks for it, so that a
 * request whose policies have no conditions pays nothing.
 */

import { accountOfArn } from './arn.ts'
import { foldCase } from './glob.ts'
import type { Key, KeyOrigin, ProtectionLevel } from './key.ts'
import { type KeySpec, type KeyUsage, specs } from './specs.ts'
import { formatInstant, type Instant } from './time.ts'

/** One thing with several names, such as ours and AWS's for a key spec: it equals each of them. */
export type Spellings = { readonly spellings: readonly string[] }
export type ConditionScalar = string | number | boolean | Spellings
/** Dates are RFC 3339 text, or a number of seconds since 1970. A list is a key that can have several values. */
export type ConditionValue = ConditionScalar | readonly ConditionScalar[]
/** The value of a condition key, named in lower case (`foldCase`); undefined, or an empty list, where there is none. */
export type ConditionContext = (name: string) => ConditionValue | undefined

export function textOf(value: ConditionScalar): string {
  return typeof value === 'object' ? (value.spellings[0] as string) : String(value)
}

/** A context out of a record, its names in any case: for tests of access, where somebody wrote the values down. */
export function contextOf(values: Readonly<Record<string, ConditionValue>>): ConditionContext {
  const folded = new Map(Object.entries(values).map(([name, value]) => [foldCase(name), value]))
  return (name) => folded.get(name)
}

/** The first of the two that has a value. */
export function eitherContext(first: ConditionContext, second: ConditionContext): ConditionContext {
  return (name) => first(name) ?? second(name)
}

/** Of the input of an operation, what conditions can ask about. `requestFacts` reads it off. */
export type RequestFacts = {
  readonly encryptionContext?: Readonly<Record<string, string>>
  readonly encryptionAlgorithm?: string
  readonly signingAlgorithm?: string
  readonly macAlgorithm?: string
  readonly keyAgreementAlgorithm?: string
  readonly messageType?: string
  readonly dataKeyPairSpec?: KeySpec
  readonly wrappingAlgorithm?: string
  readonly wrappingKeySpec?: string
  readonly materialExpiresAt?: Instant
  readonly tags?: Readonly<Record<string, string>>
  /** Where tags are removed: their names. */
  readonly tagKeys?: readonly string[]
  readonly grantOperations?: readonly string[]
  readonly grantConstraints?: { readonly encryptionContextEquals?: unknown; readonly encryptionContextSubset?: unknown }
  readonly granteePrincipal?: string
  readonly retiringPrincipal?: string
  readonly rotationPeriodDays?: number
  readonly pendingWindowInDays?: number
  readonly bypassPolicyLockoutSafetyCheck?: boolean
  readonly primaryRegion?: string
  readonly replicaRegion?: string
  /** Where a key is made: what it is to be. */
  readonly keySpec?: KeySpec
  readonly keyUsage?: KeyUsage
  readonly keyOrigin?: KeyOrigin
  readonly protectionLevel?: ProtectionLevel
  readonly multiRegion?: boolean
}

/** What the service knows when a request has been authenticated and its key been found. */
export type ConditionFacts = {
  readonly action: string
  readonly resource: string
  readonly region: string
  readonly now: Instant
  readonly sourceAddress?: string | undefined
  readonly secureTransport: boolean
  readonly caller: {
    readonly account: string
    readonly principalArn: string
    readonly principalName: string
    readonly principalId?: string | undefined
    readonly tags?: Readonly<Record<string, string>>
  }
  readonly key?:
    | Pick<Key, 'keyId' | 'region' | 'spec' | 'usage' | 'origin' | 'protection' | 'tags' | 'multiRegion'>
    | undefined
  /** `alias/...`, where the caller named the key so. */
  readonly requestAlias?: string | undefined
  /** All aliases of the key. Fetch them only where a policy asks for kms:ResourceAliases (`CompiledPolicy.asksFor`). */
  readonly resourceAliases?: readonly string[] | undefined
  /** ReEncrypt: are source and destination the same key? */
  readonly reEncryptsOnSameKey?: boolean | undefined
  readonly request: RequestFacts
}

export function conditionContext(facts: ConditionFacts): ConditionContext {
  return (name) => {
    const read = readers.get(name)
    if (read !== undefined) return read(facts)
    for (const [prefix, readNamed] of namedReaders)
      if (name.startsWith(prefix)) return valuesNamed(readNamed(facts), name.slice(prefix.length))
    return undefined
  }
}

/**
 * Condition keys have no case, tags and encryption contexts have. Where two names differ only in case both values are
 * given: such a list meets no condition of an Allow, and any of a Deny. (kms:EncryptionContextKeys tells the case.)
 */
function valuesNamed(record: Readonly<Record<string, string>> | undefined, folded: string): ConditionValue | undefined {
  if (record === undefined) return undefined
  let found: string | string[] | undefined
  for (const name of Object.keys(record)) {
    if (foldCase(name) !== folded) continue
    const value = record[name] as string
    found = found === undefined ? value : [...(typeof found === 'string' ? [found] : found), value]
  }
  return found
}

type Reader = (facts: ConditionFacts) => ConditionValue | undefined

/** Policies speak AWS's words as well as ours. A spec that AWS has not has only ours. */
const specInAws: Partial<Record<KeySpec, string>> = {
  AES_256: 'SYMMETRIC_DEFAULT',
  EC_P256: 'ECC_NIST_P256',
  EC_P384: 'ECC_NIST_P384',
  EC_P521: 'ECC_NIST_P521',
  EC_SECP256K1: 'ECC_SECG_P256K1',
  ED25519: 'ECC_NIST_EDWARDS25519',
  HMAC_SHA_224: 'HMAC_224',
  HMAC_SHA_256: 'HMAC_256',
  HMAC_SHA_384: 'HMAC_384',
  HMAC_SHA_512: 'HMAC_512',
}

function specSpellings(spec: KeySpec | undefined): ConditionValue | undefined {
  if (spec === undefined) return undefined
  const inAws = specInAws[spec]
  return inAws === undefined ? spec : { spellings: [spec, inAws] }
}

function originSpellings(origin: KeyOrigin | undefined): ConditionValue | undefined {
  return origin === 'KEYWARD' ? { spellings: ['KEYWARD', 'AWS_KMS'] } : origin
}

/** Operations of symmetric keys that take an encryption context. */
export const contextualActions: ReadonlySet<string> = new Set([
  'kms:Encrypt',
  'kms:Decrypt',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:GenerateDataKeyPair',
  'kms:GenerateDataKeyPairWithoutPlaintext',
])

const keySpecOf: Reader = ({ key, request }) => specSpellings(key?.spec ?? request.keySpec)
const keyUsageOf: Reader = ({ key, request }) => key?.usage ?? request.keyUsage

const supplied: Readonly<Record<string, Reader>> = {
  'aws:CurrentTime': ({ now }) => formatInstant(now),
  'aws:EpochTime': ({ now }) => Math.floor(now / 1000),
  'aws:PrincipalArn': ({ caller }) => caller.principalArn,
  'aws:PrincipalAccount': ({ caller }) => caller.account,
  'aws:PrincipalIsAWSService': () => false,
  'aws:PrincipalType': ({ caller }) => (caller.principalName === 'root' ? 'Account' : 'User'),
  'aws:RequestedRegion': ({ region }) => region,
  'aws:ResourceAccount': ({ resource }) => accountOfArn(resource),
  'aws:SecureTransport': ({ secureTransport }) => secureTransport,
  'aws:SourceIp': ({ sourceAddress }) => sourceAddress,
  'aws:TagKeys': ({ request }) => request.tagKeys ?? (request.tags && Object.keys(request.tags)),
  'aws:userid': ({ caller }) => (caller.principalName === 'root' ? caller.account : caller.principalId),
  // As on AWS, the account itself has no user name.
  'aws:username': ({ caller }) => (caller.principalName === 'root' ? undefined : caller.principalName),
  'aws:ViaAWSService': () => false,
  'kms:BypassPolicyLockoutSafetyCheck': ({ action, request }) =>
    action === 'kms:PutKeyPolicy' || action === 'kms:CreateKey'
      ? (request.bypassPolicyLockoutSafetyCheck ?? false)
      : undefined,
  'kms:CallerAccount': ({ caller }) => caller.account,
  'kms:CustomerMasterKeySpec': keySpecOf,
  'kms:CustomerMasterKeyUsage': keyUsageOf,
  'kms:DataKeyPairSpec': ({ request }) => specSpellings(request.dataKeyPairSpec),
  'kms:EncryptionAlgorithm': ({ action, key, request }) =>
    request.encryptionAlgorithm ??
    (key !== undefined && specs[key.spec].family === 'symmetric' && contextualActions.has(action)
      ? 'SYMMETRIC_DEFAULT'
      : undefined),
  'kms:EncryptionContextKeys': ({ request }) => request.encryptionContext && Object.keys(request.encryptionContext),
  'kms:ExpirationModel': ({ action, request }) =>
    action !== 'kms:ImportKeyMaterial'
      ? undefined
      : request.materialExpiresAt === undefined
        ? 'KEY_MATERIAL_DOES_NOT_EXPIRE'
        : 'KEY_MATERIAL_EXPIRES',
  'kms:GrantConstraintType': ({ request }) =>
    request.grantConstraints?.encryptionContextEquals !== undefined
      ? 'EncryptionContextEquals'
      : request.grantConstraints?.encryptionContextSubset !== undefined
        ? 'EncryptionContextSubset'
        : undefined,
  'kms:GrantIsForAWSResource': ({ action }) =>
    action === 'kms:CreateGrant' || action === 'kms:RevokeGrant' || action === 'kms:ListGrants' ? false : undefined,
  'kms:GrantOperations': ({ request }) => request.grantOperations,
  'kms:GranteePrincipal': ({ request }) => request.granteePrincipal,
  'kms:KeyAgreementAlgorithm': ({ request }) => request.keyAgreementAlgorithm,
  'kms:KeyOrigin': ({ key, request }) => originSpellings(key?.origin ?? request.keyOrigin),
  'kms:KeySpec': keySpecOf,
  'kms:KeyUsage': keyUsageOf,
  'kms:MacAlgorithm': ({ request }) => request.macAlgorithm,
  'kms:MessageType': ({ request }) => request.messageType,
  'kms:MultiRegion': ({ key, request }) => (key === undefined ? request.multiRegion : key.keyId.startsWith('mrk-')),
  'kms:MultiRegionKeyType': ({ key }) =>
    key?.multiRegion === undefined ? undefined : key.multiRegion.primaryRegion === key.region ? 'PRIMARY' : 'REPLICA',
  'kms:PrimaryRegion': ({ request }) => request.primaryRegion,
  // Ours: AWS has one protection level.
  'kms:ProtectionLevel': ({ key, request }) => key?.protection ?? request.protectionLevel,
  'kms:ReEncryptOnSameKey': ({ reEncryptsOnSameKey }) => reEncryptsOnSameKey,
  'kms:ReplicaRegion': ({ request }) => request.replicaRegion,
  'kms:RequestAlias': ({ requestAlias }) => requestAlias,
  'kms:ResourceAliases': ({ resourceAliases }) => resourceAliases,
  'kms:RetiringPrincipal': ({ request }) => request.retiringPrincipal,
  'kms:RotationPeriodInDays': ({ request }) => request.rotationPeriodDays,
  'kms:ScheduleKeyDeletionPendingWindowInDays': ({ request }) => request.pendingWindowInDays,
  'kms:SigningAlgorithm': ({ request }) => request.signingAlgorithm,
  'kms:ValidTo': ({ request }) =>
    request.materialExpiresAt === undefined ? undefined : formatInstant(request.materialExpiresAt),
  'kms:WrappingAlgorithm': ({ request }) => request.wrappingAlgorithm,
  'kms:WrappingKeySpec': ({ request }) => request.wrappingKeySpec,
}

/** Keys of AWS that no request of ours has: accepted in a policy, absent in every request, as on AWS outside their use. */
const neverPresent = [
  'aws:AssumedRoot',
  'aws:CalledVia',
  'aws:CalledViaFirst',
  'aws:CalledViaLast',
  'aws:ChatbotSourceArn',
  'aws:Ec2InstanceSourcePrivateIPv4',
  'aws:Ec2InstanceSourceVpc',
  'aws:FederatedProvider',
  'aws:MultiFactorAuthAge',
  'aws:MultiFactorAuthPresent',
  'aws:PrincipalOrgID',
  'aws:PrincipalOrgPaths',
  'aws:PrincipalServiceName',
  'aws:PrincipalServiceNamesList',
  'aws:referer',
  'aws:ResourceOrgID',
  'aws:ResourceOrgPaths',
  'aws:SourceAccount',
  'aws:SourceArn',
  'aws:SourceIdentity',
  'aws:SourceOrgID',
  'aws:SourceOrgPaths',
  'aws:SourceVpc',
  'aws:SourceVpcArn',
  'aws:SourceVpce',
  'aws:TokenIssueTime',
  'aws:UserAgent',
  'aws:VpceAccount',
  'aws:VpceOrgID',
  'aws:VpceOrgPaths',
  'aws:VpcSourceIp',
  'kms:RecipientAttestation:ImageSha384',
  'kms:ViaService',
]

const readers: ReadonlyMap<string, Reader> = new Map(
  Object.entries(supplied).map(([name, read]) => [foldCase(name), read]),
)
const absent: ReadonlySet<string> = new Set(neverPresent.map(foldCase))

/** Families of keys: the rest of the name is that of a tag, or of a pair of the encryption context. */
const namedReaders: readonly (readonly [
  prefix: string,
  read: (facts: ConditionFacts) => Readonly<Record<string, string>> | undefined,
])[] = [
  ['kms:encryptioncontext:', ({ request }) => request.encryptionContext],
  ['aws:resourcetag/', ({ key }) => key?.tags],
  ['aws:requesttag/', ({ request }) => request.tags],
  ['aws:principaltag/', ({ caller }) => caller.tags],
  ['kms:recipientattestation:pcr', () => undefined],
]

/**
 * Is there such a key? For the names of this service and of AWS only: other services have their own. A condition on a
 * misspelt key would never be met in an Allow, and always be met by an IfExists.
 */
export function isKnownConditionKey(folded: string): boolean {
  if (!/^[a-z0-9-]+:./.test(folded)) return false
  if (!folded.startsWith('aws:') && !folded.startsWith('kms:')) return true
  return (
    readers.has(folded) ||
    absent.has(folded) ||
    namedReaders.some(([prefix]) => folded.startsWith(prefix) && folded.length > prefix.length)
  )
}

/** Reads what conditions ask about off the input of an operation, in the canonical form (our own REST JSON, decoded). */
export function requestFacts(action: string, input: Readonly<Record<string, unknown>>): RequestFacts {
  const facts: { -readonly [Member in keyof RequestFacts]: unknown } = {}
  for (const [member, fact] of Object.entries(members)) {
    const value = input[member]
    if (value !== undefined) facts[fact] = value
  }
  // ReEncrypt asks twice: about the ciphertext it opens, and about the one it makes.
  if (action === 'kms:ReEncryptFrom') facts.encryptionContext = input.sourceEncryptionContext
  if (action === 'kms:ReEncryptTo') facts.encryptionContext = input.destinationEncryptionContext
  return facts as RequestFacts
}

/** Member of the input: fact. */
const members: Readonly<Record<string, keyof RequestFacts>> = {
  encryptionContext: 'encryptionContext',
  encryptionAlgorithm: 'encryptionAlgorithm',
  signingAlgorithm: 'signingAlgorithm',
  macAlgorithm: 'macAlgorithm',
  keyAgreementAlgorithm: 'keyAgreementAlgorithm',
  messageType: 'messageType',
  keyPairSpec: 'dataKeyPairSpec',
  wrappingAlgorithm: 'wrappingAlgorithm',
  wrappingKeySpec: 'wrappingKeySpec',
  materialExpiresAt: 'materialExpiresAt',
  tags: 'tags',
  tagKeys: 'tagKeys',
  operations: 'grantOperations',
  constraints: 'grantConstraints',
  granteePrincipal: 'granteePrincipal',
  retiringPrincipal: 'retiringPrincipal',
  rotationPeriodDays: 'rotationPeriodDays',
  periodDays: 'rotationPeriodDays',
  pendingWindowInDays: 'pendingWindowInDays',
  bypassPolicyLockoutSafetyCheck: 'bypassPolicyLockoutSafetyCheck',
  primaryRegion: 'primaryRegion',
  replicaRegion: 'replicaRegion',
  keySpec: 'keySpec',
  keyUsage: 'keyUsage',
  origin: 'keyOrigin',
  protectionLevel: 'protectionLevel',
  multiRegion: 'multiRegion',
}
