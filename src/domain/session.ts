/** A person who is signed in to the console in one browser. */
import type { Instant } from './time.ts'

/** How the person proved who they are. */
export type SignInMethod = 'passkey' | 'oidc' | 'token' | 'setup' | 'recovery'

/** Of the id in the browser's cookie only the SHA-256 is kept: who reads the store opens no session. */
export type Session = {
  readonly revision: number
  /** Hex SHA-256 of the id. */
  readonly idHash: string
  /** Names the session in lists and in the audit log; says nothing of the id. */
  readonly credentialId: string
  readonly account: string
  readonly principalName: string
  /** A principal of the same name that was made later is somebody else. */
  readonly principalId: string
  readonly method: SignInMethod
  /** `enrolment`: by a one-time code; good for registering a passkey and for nothing else. */
  readonly purpose: 'full' | 'enrolment'
  /** The token that the person signed in with: the session ends with it. */
  readonly tokenLookup?: string
  /** The person has just shown again that they are there, for what is not to be undone. */
  readonly stepUp?: {
    readonly until: Instant
    /** With a passkey: for these requests and no others, once each. Without: for all. */
    readonly digests?: readonly string[]
  }
  readonly createdAt: Instant
  readonly lastSeenAt: Instant
  readonly expiresAt: Instant
  readonly sourceAddress: string
  /** As the browser calls itself, cut; for the list of sessions. */
  readonly userAgent: string
}

/** OWASP ASVS 5.0, 7.3.1: a console that reaches keys is closed when nobody has sat before it for so long. */
export const idleMs = 15 * 60_000
/** OWASP ASVS 5.0, 7.3.2: a working day. */
export const sessionMs = 8 * 3_600_000
/** As long as a setup code may lie about; then registering a passkey begins anew. */
export const enrolmentMs = 15 * 60_000
/** Long enough to repeat the request, or to do the few that belong together. */
export const stepUpMs = 5 * 60_000
/** That somebody was there is noted no more often: a request is no reason to write. */
export const seenStepMs = 60_000

export function endsAt({ lastSeenAt, expiresAt }: Session): Instant {
  return Math.min(lastSeenAt + idleMs, expiresAt)
}
