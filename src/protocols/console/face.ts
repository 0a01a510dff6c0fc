/**
 * The console: its pages under /ui, the ways in and out under /ui/api, and under /ui/v1 the operations of the REST API for
 * who is signed in. A session is good for nothing else, and a token for nothing here: neither road leads into the other.
 */
import { z } from 'zod'
import { Problem, problem } from '../../domain/errors.ts'
import { principalArn } from '../../domain/principal.ts'
import { installation } from '../../domain/records.ts'
import { endsAt, idleMs } from '../../domain/session.ts'
import { formatInstant } from '../../domain/time.ts'
import type { Service } from '../../invoke.ts'
import type { AnyOperation } from '../../operations/operation.ts'
import { type Authenticator, tokenLookup } from '../authenticator.ts'
import type { Face, HttpAnswer, HttpRequest, Limits } from '../http.ts'
import { restCalls } from '../rest/calls.ts'
import { refuseInProblems } from '../rest/face.ts'
import { problemAnswer } from '../rest/problems.ts'
import { openAttempts } from './attempts.ts'
import { openChallenges } from './challenges.ts'
import { callbackPath, openCompany } from './company.ts'
import { answerOf, bodyOf, type Door, onRecord } from './door.ts'
import { requireOwnPage } from './guard.ts'
import { reportPath, withHeaders } from './headers.ts'
import type { IdentityProvider } from './identity-provider.ts'
import { openOneTimeCodes, type SetupLinks } from './one-time-codes.ts'
import { consolePages } from './pages.ts'
import { openPasskeys } from './passkeys.ts'
import { reportViolation } from './reports.ts'
import { noSessionCookie, openSessions } from './sessions.ts'
import { properAddress, siteAt, takesPasskeys } from './site.ts'
import { openStepUp } from './step-up.ts'

export type ConsoleOptions = {
  readonly service: Service
  readonly operations: readonly AnyOperation[]
  readonly authenticator: Authenticator
  readonly limits: Limits
  readonly defaultRegion: string
  /** That people can choose from; the service itself knows no list of them. */
  readonly regions: readonly string[]
  /** Where `npm run console:build` puts its files. */
  readonly folder: string
  /** A throw-away service: the console says so on every page. */
  readonly devMode: boolean
  /** The address that people open, where it is not the one that requests show: behind a proxy. */
  readonly consoleUrl: string | undefined
  readonly setupLinks: SetupLinks
  /** Of the company, where the operator has named one. */
  readonly provider: IdentityProvider | undefined
  /** May people sign in by pasting a token? */
  readonly tokenSignIn: boolean
  readonly warn: (facts: object, words: string) => void
}

export function consoleFace(options: ConsoleOptions): Face {
  const { service, authenticator, defaultRegion } = options
  const { world, settings } = service
  const site = siteAt(options.consoleUrl)
  const sessions = openSessions(world, authenticator)
  const company = options.provider && openCompany({ service, sessions, provider: options.provider, site })
  const attempts = openAttempts(() => world.clock.wall())
  const confirm = (request: HttpRequest) => stepUp.confirm(request)
  const codes = openOneTimeCodes({ service, sessions, attempts, setupLinks: options.setupLinks, confirm })
  const challenges = openChallenges(world)
  const passkeys = openPasskeys({ service, sessions, challenges, recoveryCodes: codes, site, confirm })
  const stepUp = openStepUp({
    service,
    sessions,
    passkeys,
    authenticator,
    attempts,
    site,
    tokenSignIn: options.tokenSignIn,
  })
  const pages = consolePages(options.folder)
  const violations = reportViolation(options.warn, () => world.clock.wall())
  const call = restCalls({
    ...options,
    protocol: 'console',
    authenticate: async (request) => (await sessions.callerOf(request)).caller,
    confirm,
  })

  const showSession: Door = async (request) => {
    const session = await sessions.find(request)
    return {
      body: {
        state: session === undefined ? 'login' : session.purpose === 'full' ? 'signed-in' : 'setup',
        devMode: options.devMode,
        methods: {
          passkey: takesPasskeys(site.hostOf(request)),
          token: options.tokenSignIn,
          ...(company === undefined ? {} : { oidc: { label: company.label } }),
        },
        defaultRegion,
        regions: [...new Set([defaultRegion, ...options.regions])],
        version: settings.version,
        idleSeconds: idleMs / 1000,
        ...(session === undefined
          ? {
              setupNeeded:
                !options.tokenSignIn &&
                company === undefined &&
                (await world.store.count('passkey', installation)) === 0,
            }
          : {
              principal: {
                account: session.account,
                name: session.principalName,
                arn: principalArn(session.account, session.principalName),
              },
              sessionId: session.credentialId,
              method: session.method,
              endsAt: formatInstant(endsAt(session)),
              ...(session.stepUp === undefined || world.clock.now() >= session.stepUp.until
                ? {}
                : { stepUpUntil: formatInstant(session.stepUp.until) }),
            }),
      },
    }
  }

  const signInByToken: Door = (request) =>
    onRecord(service, request, 'SignIn', async ({ about, note, commit }) => {
      note({ method: 'token' })
      if (!options.tokenSignIn)
        throw problem('AccessDenied', {
          message: 'Nobody signs in with a token here.',
          mend: 'Use a passkey. Or set KEYWARD_CONSOLE_TOKEN_SIGN_IN, for a time.',
        })
      const { token } = bodyOf(request, z.strictObject({ token: z.string().min(1).max(512) }))
      const caller = await attempts.guard(request.sourceAddress, async () => authenticator.byToken(token))
      const { session, changes, cookie } = await sessions.open(request, caller.principal, {
        method: 'token',
        purpose: 'full',
        tokenLookup: tokenLookup(token),
      })
      about(caller.principal, session.credentialId)
      note({ tokenId: caller.credentialId })
      await commit(changes)
      return { body: { state: 'signed-in' }, cookies: [cookie] }
    })

  const signOut: Door = async (request) => {
    const session = await sessions.find(request)
    if (session !== undefined)
      await onRecord(service, request, 'SignOut', async ({ about, commit }) => {
        about({ account: session.account, name: session.principalName }, session.credentialId)
        await commit([{ remove: 'session', record: session }])
      })
    // What the browser would show of the signed-in pages when one goes back. Not its storage: the last checkpoint of the
    // audit log that it has seen is there, and no secret.
    return { body: { state: 'login' }, cookies: [noSessionCookie], headers: { 'Clear-Site-Data': '"cache"' } }
  }

  const doors: ReadonlyMap<string, Door> = new Map([
    ['GET /ui/api/session', showSession],
    ['POST /ui/api/token', signInByToken],
    ['POST /ui/api/setup', codes.useSetupCode],
    ['POST /ui/api/recovery', codes.useRecoveryCode],
    ['POST /ui/api/recovery/codes', codes.newRecoveryCodes],
    ['POST /ui/api/passkey/register/options', passkeys.registerOptions],
    ['POST /ui/api/passkey/register/verify', passkeys.register],
    ['POST /ui/api/passkey/login/options', passkeys.signInOptions],
    ['POST /ui/api/passkey/login/verify', passkeys.signIn],
    ['POST /ui/api/step-up/options', stepUp.options],
    ['POST /ui/api/step-up/verify', stepUp.verify],
    ['POST /ui/api/logout', signOut],
    ...(company === undefined ? [] : [['POST /ui/api/oidc/start', company.start] as const]),
  ])

  async function throughDoor(request: HttpRequest): Promise<HttpAnswer> {
    const door = doors.get(`${request.method} ${request.path}`)
    if (door !== undefined) return answerOf(await door(request))
    if ([...doors.keys()].some((route) => route.endsWith(` ${request.path}`))) throw problem('MethodNotAllowed')
    throw problem('NotFound')
  }

  async function answer(request: HttpRequest): Promise<HttpAnswer> {
    const elsewhere = properAddress(request)
    if (elsewhere !== undefined) return { status: 308, headers: { Location: elsewhere }, body: '' }
    if (request.path === reportPath) return violations(request)
    if (request.path === callbackPath && request.method === 'GET' && company !== undefined)
      return company.callback(request)
    const forOperations = request.path.startsWith('/ui/v1/')
    if (!forOperations && !request.path.startsWith('/ui/api/')) return pages(request)
    try {
      requireOwnPage(request, site)
      return await (forOperations ? call(request, request.path.slice('/ui'.length)) : throughDoor(request))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return problemAnswer(error, request.requestId)
    }
  }

  return {
    name: 'console',
    takes: ({ path }) => path === '/ui' || path.startsWith('/ui/'),
    answer: async (request) => withoutChallenge(withHeaders(request, site, await answer(request))),
    refuse: (request, error) => withHeaders(request, site, refuseInProblems(request, error)),
  }
}

/** A browser has no token to send: it must not be asked for one. */
function withoutChallenge(answer: HttpAnswer): HttpAnswer {
  const { 'WWW-Authenticate': _, ...headers } = answer.headers
  return { ...answer, headers }
}
