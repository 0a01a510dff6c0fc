/**
 * What is not to be undone, or gives rights away, takes more than an open browser: the person shows again that they are
 * there. With a passkey they sign what they are about to do: the digest of the request is part of the challenge, and the
 * proof is good for that request, once. (OWASP ASVS 5.0, 7.5.3.)
 */
import { hash } from 'node:crypto'
import { z } from 'zod'
import { Problem, problem } from '../../domain/errors.ts'
import type { World } from '../../domain/ports.ts'
import { type Session, stepUpMs } from '../../domain/session.ts'
import { formatInstant } from '../../domain/time.ts'
import type { Service } from '../../invoke.ts'
import { passkeysOf } from '../../operations/access/ways-in.ts'
import type { Authenticator } from '../authenticator.ts'
import { type HttpRequest, header } from '../http.ts'
import type { Attempts } from './attempts.ts'
import { bodyOf, type Door, onRecord } from './door.ts'
import { assertionSchema, type Passkeys } from './passkeys.ts'
import type { Sessions } from './sessions.ts'
import type { Site } from './site.ts'

export type StepUpMethod = 'passkey' | 'token' | 'oidc'

export type StepUp = {
  /** Throws `StepUpRequired` where the person has not confirmed this very request; its facts say how they can. */
  confirm(request: HttpRequest): Promise<void>
  readonly options: Door
  readonly verify: Door
}

/** A screen that does the same to many keys has them confirmed together. */
const mostDigests = 100
const digestSchema = z
  .array(z.string().regex(/^[0-9a-f]{64}$/))
  .min(1)
  .max(mostDigests)
/** Other requests of the same browser change the session at the same moment. */
const mostTries = 10

/** Of everything that decides what is done: hex SHA-256. */
export function requestDigest(request: HttpRequest): string {
  const query = request.query === '' ? '' : `?${request.query}`
  const head = `${request.method} ${request.path}${query}\n${header(request, 'x-keyward-region') ?? ''}\n`
  return hash('sha256', Buffer.concat([Buffer.from(head), request.body]))
}

export function openStepUp(needs: {
  readonly service: Service
  readonly sessions: Sessions
  readonly passkeys: Passkeys
  readonly authenticator: Authenticator
  readonly attempts: Attempts
  readonly site: Site
  readonly tokenSignIn: boolean
}): StepUp {
  const { service, sessions, passkeys, authenticator, attempts, site } = needs
  const { world } = service

  async function methodsOf(request: HttpRequest, session: Session): Promise<readonly StepUpMethod[]> {
    const own = await passkeysOf(world, session.account, session.principalName)
    // Who has a passkey for this host uses it: nothing weaker takes its place.
    if (own.some(({ host }) => host === site.hostOf(request))) return ['passkey']
    return [
      ...(session.method === 'oidc' ? (['oidc'] as const) : []),
      ...(needs.tokenSignIn ? (['token'] as const) : []),
    ]
  }

  return {
    async confirm(request) {
      const digest = requestDigest(request)
      for (let attempt = 1; ; attempt++) {
        const session = await sessions.require(request)
        const now = world.clock.now()
        const { stepUp } = session
        if (stepUp !== undefined && now < stepUp.until) {
          if (stepUp.digests === undefined) return
          if (stepUp.digests.includes(digest)) {
            if (await used(world, session, digest)) return
            if (attempt < mostTries) continue
            throw problem('Conflict')
          }
        }
        throw problem('StepUpRequired', {
          mend: 'Confirm it with your passkey, or by signing in again; then repeat the same request.',
          facts: { digest, methods: await methodsOf(request, session) },
        })
      }
    },

    async options(request) {
      const session = await sessions.require(request)
      const { digests } = bodyOf(request, z.strictObject({ digests: digestSchema }))
      return { body: await passkeys.assertionOptions(request, session, purposeOf(session, digests)) }
    },

    verify: (request) =>
      onRecord(service, request, 'StepUp', async ({ about, note, commit }) => {
        const session = await sessions.require(request)
        about({ account: session.account, name: session.principalName }, session.credentialId)
        const methods = await methodsOf(request, session)
        const body = bodyOf(
          request,
          z.union([
            z.strictObject({ digests: digestSchema, response: assertionSchema }),
            z.strictObject({ token: z.string().min(1).max(512) }),
          ]),
        )
        const method = 'token' in body ? 'token' : 'passkey'
        note({ method, ...('digests' in body ? { requests: body.digests } : {}) })
        if (!methods.includes(method))
          throw problem('AccessDenied', { message: `Here one confirms with: ${methods.join(', ') || 'nothing'}.` })
        const until = world.clock.now() + stepUpMs
        const proof =
          'token' in body
            ? await attempts.guard(request.sourceAddress, async () => {
                const caller = await authenticator.byToken(body.token)
                if (caller.principal.principalId !== session.principalId)
                  throw problem('NotAuthenticated', { message: 'This is the token of somebody else.' })
                return { changes: [], stepUp: { until } }
              })
            : {
                ...(await passkeys.checkAssertion(request, body.response, purposeOf(session, body.digests), session)),
                stepUp: { until, digests: body.digests },
              }
        const { changes, cookie } = sessions.rotate(session, { stepUp: proof.stepUp })
        await commit([...proof.changes, ...changes])
        return { body: { stepUpUntil: formatInstant(until) }, cookies: [cookie] }
      }),
  }
}

/** The id of a session changes with every step-up: no proof is good for a second one. */
function purposeOf({ idHash }: Session, digests: readonly string[]): readonly string[] {
  return ['step-up', idHash, ...digests]
}

/** One of the requests that were confirmed has come. False where the session was changed meanwhile. */
async function used({ store }: Pick<World, 'store'>, session: Session, digest: string): Promise<boolean> {
  const { stepUp, ...rest } = session
  const left = stepUp?.digests?.filter((other) => other !== digest) ?? []
  try {
    await store.commit([
      {
        put: 'session',
        record: {
          ...rest,
          ...(stepUp === undefined || left.length === 0 ? {} : { stepUp: { ...stepUp, digests: left } }),
          revision: session.revision + 1,
        },
      },
    ])
    return true
  } catch (error) {
    if (error instanceof Problem && error.code === 'Conflict') return false
    throw error
  }
}
