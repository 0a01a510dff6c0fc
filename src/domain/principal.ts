import type { Instant } from './time.ts'

export type Account = {
  readonly revision: number
  readonly account: string
  readonly name: string
  readonly createdAt: Instant
}

/** A user or a service that signs in. Its right comes from the policies attached to it, and from nothing else. */
export type Principal = {
  readonly revision: number
  readonly account: string
  /** Letters, digits and `_+=,.@-`, 1 to 64 (as IAM user names). */
  readonly name: string
  readonly principalId: string
  readonly createdAt: Instant
  /** Names of policies of the account, managed ones included. */
  readonly policies: readonly string[]
  readonly disabled: boolean
  /** Signs in at the company's identity provider: hex SHA-256 of issuer and subject. */
  readonly identity?: string
}

export type PolicyRecord = {
  readonly revision: number
  readonly account: string
  readonly name: string
  readonly description: string
  /** A document in the IAM JSON policy language. */
  readonly document: string
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** Bearer tokens are kept as SHA-256 hashes; secrets of access-key pairs sealed, since signatures need them. */
export type Credential = {
  readonly revision: number
  readonly kind: 'token' | 'accessKey'
  /** For a token the hex SHA-256 of its text, for a pair the access key id. What a caller presents leads here. */
  readonly lookup: string
  /** Names the credential in lists and in the audit log; says nothing of the secret. */
  readonly credentialId: string
  readonly account: string
  readonly principalName: string
  readonly description: string
  readonly createdAt: Instant
  readonly expiresAt?: Instant
  readonly sealedSecret?: string
}

/** Who makes a request, once a protocol has authenticated it. */
export type Caller = {
  readonly account: string
  /** `arn:aws:iam::<account>:user/<name>`, or `...:root`. */
  readonly principalArn: string
  readonly principalName: string
  readonly credentialId: string
  readonly principal: Principal
}

/** The one spelling of a principal's resource name. */
export function principalArn(account: string, name: string): string {
  return name === 'root' ? `arn:aws:iam::${account}:root` : `arn:aws:iam::${account}:user/${name}`
}
