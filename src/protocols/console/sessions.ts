/** Sessions of browsers: an id of 256 bits in a cookie that no script reads, its hash in the store. */
import { hash } from 'node:crypto'
import { Problem, problem } from '../../domain/errors.ts'
import type { Change, World } from '../../domain/ports.ts'
import type { Caller, Principal } from '../../domain/principal.ts'
import { installation } from '../../domain/records.ts'
import { endsAt, enrolmentMs, type Session, seenStepMs, sessionMs } from '../../domain/session.ts'
import { sessionsOf } from '../../operations/access/ways-in.ts'
import type { Authenticator } from '../authenticator.ts'
import { type HttpRequest, header } from '../http.ts'

/** `__Host-`: sent only to this host over a secure channel, and no other host can have set it (RFC 6265bis, 4.1.3.2). */
const cookieName = '__Host-keyward_sid'
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Strict'
export const noSessionCookie = `${cookieName}=; ${attributes}; Max-Age=0`

/** Of one principal at a time; one more ends the one that was left alone for longest. */
const mostSessions = 20
/** Longer names of browsers are cut. */
const userAgentLength = 256

/** The changes that make it so, and the cookie that shows it afterwards. */
export type NewSession = {
  readonly session: Session
  readonly changes: readonly Change[]
  readonly cookie: string
}

export type Sessions = {
  /** The session that the cookie names, while it lives; undefined without one. Nobody is made to wait for its end. */
  find(request: HttpRequest): Promise<Session | undefined>
  /** `NotAuthenticated` where there is none that may call operations. That somebody was there is noted. */
  callerOf(request: HttpRequest): Promise<{ readonly session: Session; readonly caller: Caller }>
  /** Whatever it is good for. `NotAuthenticated` where there is none. */
  require(request: HttpRequest): Promise<Session>
  /** The same session under another id, so that nobody goes on with the old one. */
  rotate(session: Session, changes: Partial<Session>): NewSession
  /** A session for somebody who has proved who they are. What the browser had before ends. */
  open(
    request: HttpRequest,
    principal: Principal,
    how: Pick<Session, 'method' | 'purpose' | 'tokenLookup'>,
  ): Promise<NewSession>
}

export function openSessions(
  world: Pick<World, 'store' | 'clock' | 'random'>,
  authenticator: Pick<Authenticator, 'callerOf' | 'findToken'>,
): Sessions {
  const { store, clock, random } = world

  async function find(request: HttpRequest): Promise<Session | undefined> {
    const id = sessionIdOf(request)
    if (id === undefined) return undefined
    const session = await store.get('session', installation, hash('sha256', id))
    if (session === undefined || clock.now() >= endsAt(session)) return undefined
    const { account, principalName, principalId, tokenLookup } = session
    if (tokenLookup !== undefined && (await authenticator.findToken(tokenLookup)) === undefined) return undefined
    const principal = await store.get('principal', account, principalName)
    return principal === undefined || principal.disabled || principal.principalId !== principalId ? undefined : session
  }

  async function touch(session: Session): Promise<void> {
    const now = clock.now()
    if (now - session.lastSeenAt < seenStepMs) return
    try {
      await store.commit([{ put: 'session', record: { ...session, revision: session.revision + 1, lastSeenAt: now } }])
    } catch (error) {
      // Another request of the same browser has noted it, or has ended the session.
      if (!(error instanceof Problem && error.code === 'Conflict')) throw error
    }
  }

  async function require(request: HttpRequest): Promise<Session> {
    const session = await find(request)
    if (session !== undefined) return session
    throw problem('NotAuthenticated', { message: 'Nobody is signed in here.', mend: 'Sign in again.' })
  }

  function underNewId(session: Omit<Session, 'idHash' | 'revision'>, changes: readonly Change[]): NewSession {
    const id = Buffer.from(random.bytes(32)).toString('base64url')
    const next: Session = { ...session, revision: 1, idHash: hash('sha256', id) }
    return {
      session: next,
      changes: [{ put: 'session', record: next }, ...changes],
      cookie: `${cookieName}=${id}; ${attributes}`,
    }
  }

  /** Those that have to go so that one more has room. */
  async function tooMany({ account, name }: Principal): Promise<readonly Session[]> {
    const all = await sessionsOf(world, account, name)
    return all.toSorted((one, other) => other.lastSeenAt - one.lastSeenAt).slice(mostSessions - 1)
  }

  return {
    find,
    require,
    rotate: (session, changes) =>
      underNewId({ ...session, ...changes, lastSeenAt: clock.now() }, [{ remove: 'session', record: session }]),
    async callerOf(request) {
      const session = await require(request)
      if (session.purpose !== 'full')
        throw problem('NotAuthenticated', {
          message: 'This session is for registering a passkey alone.',
          mend: 'Register one first.',
        })
      await touch(session)
      return { session, caller: await authenticator.callerOf(session) }
    },
    async open(request, principal, how) {
      const now = clock.now()
      const before = await find(request)
      const ended = new Set([...(before === undefined ? [] : [before]), ...(await tooMany(principal))])
      return underNewId(
        {
          credentialId: `ses-${random.uuid()}`,
          account: principal.account,
          principalName: principal.name,
          principalId: principal.principalId,
          ...how,
          createdAt: now,
          lastSeenAt: now,
          expiresAt: now + (how.purpose === 'full' ? sessionMs : enrolmentMs),
          sourceAddress: request.sourceAddress,
          userAgent: (header(request, 'user-agent') ?? '').slice(0, userAgentLength),
        },
        [...ended].map((record) => ({ remove: 'session', record })),
      )
    },
  }
}

/** A cookie that comes twice is none: somebody else may have set the other one. */
function sessionIdOf(request: HttpRequest): string | undefined {
  const found = cookiesNamed(request, cookieName)
  return found.length === 1 && /^[\w-]{43}$/.test(found[0] as string) ? found[0] : undefined
}

export function cookiesNamed(request: Pick<HttpRequest, 'headers'>, name: string): readonly string[] {
  return (header(request, 'cookie') ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
}
