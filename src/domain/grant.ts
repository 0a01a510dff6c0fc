/**
 * A grant allows one principal some operations with one key. It only ever allows; a Deny in any policy beats it. Its
 * constraints bind the operations that take an encryption context; it is in force from the moment it is stored.
 */
import { contextualActions } from './condition-context.ts'
import { problem } from './errors.ts'
import type { Scope } from './scope.ts'
import { type Family, type KeySpec, type KeyUsage, specs } from './specs.ts'
import type { Instant } from './time.ts'

type Suits = { readonly usages?: readonly KeyUsage[]; readonly families?: readonly Family[] }

/** What can be granted, and for keys of which usage and kind; no limit where none is named. */
const suits = {
  CreateGrant: {},
  Decapsulate: { usages: ['ENCAPSULATE_DECAPSULATE'] },
  Decrypt: { usages: ['ENCRYPT_DECRYPT'] },
  DeriveSharedSecret: { usages: ['KEY_AGREEMENT'] },
  DescribeKey: {},
  Encapsulate: { usages: ['ENCAPSULATE_DECAPSULATE'] },
  Encrypt: { usages: ['ENCRYPT_DECRYPT'] },
  GenerateDataKey: { usages: ['ENCRYPT_DECRYPT'], families: ['symmetric'] },
  GenerateDataKeyPair: { usages: ['ENCRYPT_DECRYPT'], families: ['symmetric'] },
  GenerateDataKeyPairWithoutPlaintext: { usages: ['ENCRYPT_DECRYPT'], families: ['symmetric'] },
  GenerateDataKeyWithoutPlaintext: { usages: ['ENCRYPT_DECRYPT'], families: ['symmetric'] },
  GenerateMac: { usages: ['GENERATE_VERIFY_MAC'] },
  GetPublicKey: { families: ['asymmetric'] },
  ReEncryptFrom: { usages: ['ENCRYPT_DECRYPT'] },
  ReEncryptTo: { usages: ['ENCRYPT_DECRYPT'] },
  RetireGrant: {},
  Sign: { usages: ['SIGN_VERIFY'] },
  Verify: { usages: ['SIGN_VERIFY'] },
  VerifyMac: { usages: ['GENERATE_VERIFY_MAC'] },
} as const satisfies Record<string, Suits>

export type GrantOperation = keyof typeof suits
export const grantOperations = Object.keys(suits) as readonly GrantOperation[]

export type GrantConstraints = {
  /** The encryption context of the request is exactly this. */
  readonly encryptionContextEquals?: Readonly<Record<string, string>>
  /** The encryption context of the request has at least these pairs. */
  readonly encryptionContextSubset?: Readonly<Record<string, string>>
  /** The request comes from this resource (aws:SourceArn). */
  readonly sourceArn?: string
}

export type Grant = Scope & {
  readonly revision: number
  readonly keyId: string
  /** 64 lower-case hex digits, as on AWS. */
  readonly grantId: string
  /** Empty where it was given none. The same name and terms again give the same grant. */
  readonly name: string
  /** Resource name of who may use it. */
  readonly granteePrincipal: string
  /** Resource name of who may end it. */
  readonly retiringPrincipal?: string
  readonly operations: readonly GrantOperation[]
  readonly constraints?: GrantConstraints
  /** `arn:aws:iam::<account>:root` of the principal that created it. */
  readonly issuingAccount: string
  readonly createdAt: Instant
  /** Hex SHA-256 of the grant token: RetireGrant finds the grant by it, and nobody makes a token out of a stolen database. */
  readonly tokenHash: string
}

/** What a grant gives: of a new one, what is compared with the grant it is made through. */
export type GrantTerms = Pick<Grant, 'operations' | 'constraints'>

export type GrantRequest = {
  /** `kms:Encrypt`. */
  readonly action: string
  readonly caller: { readonly principalArn: string }
  readonly encryptionContext?: Readonly<Record<string, string>> | undefined
  /** Where a source of the request is known: aws:SourceArn. */
  readonly sourceArn?: string | undefined
  /** CreateGrant: the terms of the new grant. Without them no grant allows it. */
  readonly newGrant?: GrantTerms | undefined
  /** RetireGrant: the grant that is to end. Without it no grant allows it. */
  readonly retires?: string | undefined
}

/** The key must be the one that the grant is for: the caller has looked the grants up by key. */
export function grantAllows(grant: Grant, request: GrantRequest): boolean {
  const { principalArn } = request.caller
  const isGrantee = grant.granteePrincipal === principalArn
  if (request.action === 'kms:RetireGrant')
    return (
      request.retires === grant.grantId &&
      (grant.retiringPrincipal === principalArn || (isGrantee && grant.operations.includes('RetireGrant')))
    )
  if (!isGrantee || !grant.operations.some((operation) => request.action === `kms:${operation}`)) return false
  const { constraints } = grant
  if (constraints?.sourceArn !== undefined && constraints.sourceArn !== request.sourceArn) return false
  if (request.action === 'kms:CreateGrant') return request.newGrant !== undefined && isNoWider(request.newGrant, grant)
  return !contextualActions.has(request.action) || contextMeets(constraints, request.encryptionContext ?? {})
}

/** Names and values count to the letter. */
function contextMeets(constraints: GrantConstraints | undefined, context: Readonly<Record<string, string>>): boolean {
  const { encryptionContextEquals: exact, encryptionContextSubset: least } = constraints ?? {}
  if (exact !== undefined && !(includesAll(context, exact) && includesAll(exact, context))) return false
  return least === undefined || includesAll(context, least)
}

function includesAll(whole: Readonly<Record<string, string>>, part: Readonly<Record<string, string>>): boolean {
  for (const name of Object.keys(part)) if (!Object.hasOwn(whole, name) || whole[name] !== part[name]) return false
  return true
}

/**
 * May a grant with these terms be made through that one? Its operations are among that one's, its constraints the same or
 * stricter.
 */
export function isNoWider(terms: GrantTerms, through: GrantTerms): boolean {
  if (!terms.operations.every((operation) => through.operations.includes(operation))) return false
  const inner = terms.constraints ?? {}
  const outer = through.constraints ?? {}
  if (outer.sourceArn !== undefined && outer.sourceArn !== inner.sourceArn) return false
  const exact = inner.encryptionContextEquals
  if (outer.encryptionContextEquals !== undefined) {
    const wanted = outer.encryptionContextEquals
    if (exact === undefined || !includesAll(exact, wanted) || !includesAll(wanted, exact)) return false
  }
  if (outer.encryptionContextSubset !== undefined) {
    // Both may be given: then a request must meet both, so that either one is enough to be as strict.
    const promised = { ...inner.encryptionContextSubset, ...exact }
    if (!includesAll(promised, outer.encryptionContextSubset)) return false
  }
  return true
}

/** `InvalidRequest` where a key of this spec and usage cannot do an operation, or has no encryption context to constrain. */
export function requireGrantable(terms: GrantTerms, key: { readonly spec: KeySpec; readonly usage: KeyUsage }): void {
  const { family } = specs[key.spec]
  for (const [index, operation] of terms.operations.entries()) {
    const { usages, families }: Suits = suits[operation]
    if ((usages?.includes(key.usage) ?? true) && (families?.includes(family) ?? true)) continue
    throw problem('InvalidRequest', {
      member: `operations.${index}`,
      message: `${operation} cannot be granted for a key of spec ${key.spec} and usage ${key.usage}.`,
      mend: `It can do ${grantableFor(key).join(', ')}.`,
    })
  }
  const { encryptionContextEquals, encryptionContextSubset } = terms.constraints ?? {}
  if (family !== 'symmetric' && (encryptionContextEquals ?? encryptionContextSubset) !== undefined)
    throw problem('InvalidRequest', {
      member: 'constraints',
      message: `A key of spec ${key.spec} takes no encryption context, so that none can be required.`,
      mend: 'Leave the constraint out.',
    })
}

/** The operations that can be granted for such a key. */
export function grantableFor(key: { readonly spec: KeySpec; readonly usage: KeyUsage }): readonly GrantOperation[] {
  return grantOperations.filter((operation) => {
    const { usages, families }: Suits = suits[operation]
    return (usages?.includes(key.usage) ?? true) && (families?.includes(specs[key.spec].family) ?? true)
  })
}
