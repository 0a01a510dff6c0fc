/** What a person signs in to the console with: passkeys, and the codes that lead to the first or the next of them. */
import type { Instant } from './time.ts'

/** A credential of Web Authentication. The private key is in the person's authenticator; here is nothing secret. */
export type Passkey = {
  readonly revision: number
  /** Hex SHA-256 of the credential id, which can be 1,023 bytes long. */
  readonly idHash: string
  /** Names the passkey in lists and in the audit log. */
  readonly passkeyId: string
  /** Base64url, as the browser says it. */
  readonly credentialId: string
  /** COSE, base64url. */
  readonly publicKey: string
  readonly counter: number
  readonly transports: readonly string[]
  /** The name of the host that it was made at: it is good nowhere else. */
  readonly host: string
  readonly account: string
  readonly principalName: string
  readonly principalId: string
  /** The person's own words. */
  readonly label: string
  /** It can be on several devices of the person. */
  readonly synced: boolean
  readonly createdAt: Instant
  readonly lastUsedAt?: Instant
  /** Of the last challenge that it answered: only a later one is taken, so that no answer is taken twice. */
  readonly lastChallengeAt?: Instant
}

/**
 * Opens the console once, far enough to register a passkey. Only the hash is kept; the codes are too long to be guessed
 * (128 bits of a setup code, 80 of a recovery code), so that a plain hash gives nothing away.
 */
export type OneTimeCode = {
  readonly revision: number
  /** Hex SHA-256 of the code. */
  readonly codeHash: string
  readonly kind: 'setup' | 'recovery'
  readonly account: string
  readonly principalName: string
  readonly principalId: string
  readonly createdAt: Instant
  /** Recovery codes hold until they are used or replaced. */
  readonly expiresAt?: Instant
}

/** Whoever the code was meant for is at the keyboard, or has it in a message. */
export const setupCodeMs = 15 * 60_000
export const recoveryCodeCount = 10
export const mostPasskeys = 20
