/** Passkeys: Web Authentication (level 3) with resident credentials and a verified person. */
import { hash } from 'node:crypto'
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { mostPasskeys, type Passkey } from '../../domain/passkey.ts'
import type { Change } from '../../domain/ports.ts'
import type { Principal } from '../../domain/principal.ts'
import { installation } from '../../domain/records.ts'
import type { Session } from '../../domain/session.ts'
import type { Instant } from '../../domain/time.ts'
import type { Service } from '../../invoke.ts'
import { passkeysOf } from '../../operations/access/ways-in.ts'
import { notAuthenticated } from '../authenticator.ts'
import type { HttpRequest } from '../http.ts'
import type { Challenges } from './challenges.ts'
import { bodyOf, type Door, onRecord } from './door.ts'
import type { RecoveryCodes } from './one-time-codes.ts'
import type { Sessions } from './sessions.ts'
import { type Site, takesPasskeys } from './site.ts'

/** Only the frame: what is inside is for the library to judge. */
const credentialSchema = z.looseObject({
  id: z.string().min(1).max(2048),
  rawId: z.string().min(1).max(2048),
  type: z.literal('public-key'),
  clientExtensionResults: z.looseObject({}),
})
const registrationSchema = credentialSchema.extend({
  response: z.looseObject({ clientDataJSON: z.string(), attestationObject: z.string() }),
})
export const assertionSchema = credentialSchema.extend({
  response: z.looseObject({
    clientDataJSON: z.string(),
    authenticatorData: z.string(),
    signature: z.string(),
    userHandle: z.string().optional(),
  }),
})
export type Assertion = z.output<typeof assertionSchema>

export type Passkeys = {
  readonly registerOptions: Door
  readonly register: Door
  readonly signInOptions: Door
  readonly signIn: Door
  /** What a browser asks the authenticator of a person who is signed in. */
  assertionOptions(request: HttpRequest, session: Session, purpose: readonly string[]): Promise<object>
  /** Whose it is, if it answers a challenge for the purpose; and what has to be noted of it. `NotAuthenticated` else. */
  checkAssertion(
    request: HttpRequest,
    response: Assertion,
    purpose: readonly string[],
    of?: Pick<Session, 'principalId'>,
  ): Promise<{ readonly passkey: Passkey; readonly principal: Principal; readonly changes: readonly Change[] }>
}

const signInPurpose = ['sign-in']

export function openPasskeys(needs: {
  readonly service: Service
  readonly sessions: Sessions
  readonly challenges: Challenges
  readonly recoveryCodes: RecoveryCodes
  readonly site: Site
  /** Who is signed in already confirms that they want one more. */
  readonly confirm: (request: HttpRequest) => Promise<void>
}): Passkeys {
  const { service, sessions, challenges, recoveryCodes, site } = needs
  const { world } = service
  const { store, clock } = world

  function requireHost(request: HttpRequest): string {
    const host = site.hostOf(request)
    if (takesPasskeys(host)) return host
    throw problem('UnsupportedOperation', {
      message: 'There are no passkeys at a mere internet address.',
      mend: 'Open the console by a name of this machine, such as localhost.',
    })
  }

  async function checkAssertion(
    request: HttpRequest,
    response: Assertion,
    purpose: readonly string[],
    of?: Pick<Session, 'principalId'>,
  ) {
    const passkey = await store.get('passkey', installation, hash('sha256', response.id))
    if (passkey === undefined || passkey.host !== site.hostOf(request)) throw refusedPasskey()
    const principal = await store.get('principal', passkey.account, passkey.principalName)
    if (principal === undefined || principal.disabled || principal.principalId !== passkey.principalId)
      throw refusedPasskey()
    if (of !== undefined && of.principalId !== passkey.principalId) throw refusedPasskey()
    const { userHandle } = response.response
    if (userHandle !== undefined && userHandle !== handleOf(principal)) throw refusedPasskey()

    let issuedAt: Instant | undefined
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: response as unknown as AuthenticationResponseJSON,
      expectedChallenge: (challenge) => {
        issuedAt = challenges.issuedAt(challenge, purpose)
        return issuedAt !== undefined
      },
      expectedOrigin: site.originOf(request),
      expectedRPID: passkey.host,
      requireUserVerification: true,
      credential: {
        id: passkey.credentialId,
        publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
        counter: passkey.counter,
      },
    }).catch((error: unknown) => {
      throw refusedPasskey(error)
    })
    if (!verified || issuedAt === undefined || issuedAt <= (passkey.lastChallengeAt ?? 0)) throw refusedPasskey()
    const next: Passkey = {
      ...passkey,
      revision: passkey.revision + 1,
      counter: authenticationInfo.newCounter,
      synced: authenticationInfo.credentialBackedUp,
      lastUsedAt: clock.now(),
      lastChallengeAt: issuedAt,
    }
    return { passkey, principal, changes: [{ put: 'passkey', record: next }] as const }
  }

  return {
    checkAssertion,

    async assertionOptions(request, session, purpose) {
      const host = requireHost(request)
      const own = await passkeysOf(world, session.account, session.principalName)
      return generateAuthenticationOptions({
        rpID: host,
        challenge: challenges.issue(purpose),
        userVerification: 'required',
        allowCredentials: own
          .filter((passkey) => passkey.host === host)
          .map(({ credentialId, transports }) => ({ id: credentialId, transports: [...transports] })),
      })
    },

    async signInOptions(request) {
      const options = await generateAuthenticationOptions({
        rpID: requireHost(request),
        challenge: challenges.issue(signInPurpose),
        userVerification: 'required',
      })
      return { body: options }
    },

    signIn: (request) =>
      onRecord(service, request, 'SignIn', async ({ about, note, commit }) => {
        note({ method: 'passkey' })
        const { response } = bodyOf(request, z.strictObject({ response: assertionSchema }))
        const { passkey, principal, changes } = await checkAssertion(request, response, signInPurpose)
        const opened = await sessions.open(request, principal, { method: 'passkey', purpose: 'full' })
        about(principal, opened.session.credentialId)
        note({ passkeyId: passkey.passkeyId })
        await commit([...changes, ...opened.changes])
        return { body: { state: 'signed-in' }, cookies: [opened.cookie] }
      }),

    async registerOptions(request) {
      const host = requireHost(request)
      const session = await sessions.require(request)
      if (session.purpose === 'full') await needs.confirm(request)
      const principal = await principalOf(session)
      const own = await passkeysOf(world, session.account, session.principalName)
      if (own.length >= mostPasskeys)
        throw problem('LimitExceeded', { message: `One has at most ${mostPasskeys} passkeys.`, mend: 'Delete one.' })
      const options = await generateRegistrationOptions({
        rpName: 'Keyward',
        rpID: host,
        userID: new Uint8Array(Buffer.from(principal.principalId)),
        userName: `${principal.name}@${principal.account}`,
        userDisplayName: principal.name,
        challenge: challenges.issue(['register', session.idHash]),
        attestationType: 'none',
        excludeCredentials: own
          .filter((passkey) => passkey.host === host)
          .map(({ credentialId, transports }) => ({ id: credentialId, transports: [...transports] })),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      })
      return { body: options }
    },

    register: (request) =>
      onRecord(service, request, 'RegisterPasskey', async ({ about, note, commit }) => {
        const host = requireHost(request)
        const session = await sessions.require(request)
        const principal = await principalOf(session)
        about(principal, session.credentialId)
        const { response, label } = bodyOf(
          request,
          z.strictObject({ response: registrationSchema, label: z.string().trim().min(1).max(64) }),
        )
        const { verified, registrationInfo } = await verifyRegistrationResponse({
          response: response as unknown as RegistrationResponseJSON,
          expectedChallenge: (challenge) => challenges.issuedAt(challenge, ['register', session.idHash]) !== undefined,
          expectedOrigin: site.originOf(request),
          expectedRPID: host,
          requireUserVerification: true,
        }).catch((error: unknown) => {
          throw refusedRegistration(error)
        })
        if (!verified) throw refusedRegistration()
        const { credential, credentialBackedUp } = registrationInfo
        const passkey: Passkey = {
          revision: 1,
          idHash: hash('sha256', credential.id),
          passkeyId: `pk-${world.random.uuid()}`,
          credentialId: credential.id,
          publicKey: Buffer.from(credential.publicKey).toString('base64url'),
          counter: credential.counter,
          transports: credential.transports ?? [],
          host,
          account: principal.account,
          principalName: principal.name,
          principalId: principal.principalId,
          label,
          synced: credentialBackedUp,
          createdAt: clock.now(),
        }
        note({ passkeyId: passkey.passkeyId, label, host })
        if ((await store.get('passkey', installation, passkey.idHash)) !== undefined)
          throw problem('ResourceExists', { message: 'This passkey is registered already.' })
        const codes = await recoveryCodes.unlessThere(principal)
        // With the first passkey one is in; whoever was in stays so.
        const opened =
          session.purpose === 'full'
            ? undefined
            : await sessions.open(request, principal, { method: 'passkey', purpose: 'full' })
        await commit([{ put: 'passkey', record: passkey }, ...codes.changes, ...(opened?.changes ?? [])])
        return {
          body: {
            passkeyId: passkey.passkeyId,
            ...(codes.codes === undefined ? {} : { recoveryCodes: codes.codes }),
          },
          ...(opened === undefined ? {} : { cookies: [opened.cookie] }),
        }
      }),
  }

  async function principalOf(session: Session): Promise<Principal> {
    const principal = await store.get('principal', session.account, session.principalName)
    if (principal === undefined) throw notAuthenticated()
    return principal
  }
}

/** Says nothing of the person: the id is random. As the library writes a handle, base64url. */
function handleOf({ principalId }: Principal): string {
  return Buffer.from(principalId).toString('base64url')
}

/** In the same words whatever is wrong: whether a passkey is known is nobody's business. */
function refusedPasskey(cause?: unknown) {
  return problem('NotAuthenticated', {
    message: 'The passkey was not accepted.',
    mend: 'Try again, or use another passkey. A recovery code or a new setup code helps where none is left.',
    cause,
  })
}

function refusedRegistration(cause?: unknown) {
  return problem('InvalidRequest', {
    message: 'The passkey could not be registered.',
    mend: 'Begin again. Your authenticator must be able to verify you, by a PIN or by biometrics.',
    cause,
  })
}
