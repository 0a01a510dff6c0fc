/**
 * Signing in, and confirming, at the company's identity provider. The browser leaves, and comes back from another site:
 * then it sends no cookie that is SameSite=Strict, the session's among them. What is needed of the way there lies sealed in
 * a cookie that is Lax, for ten minutes; and the answer is a page that goes on by itself, from here to here.
 */
import { z } from 'zod'
import { Problem, problem } from '../../domain/errors.ts'
import type { Change } from '../../domain/ports.ts'
import type { Principal } from '../../domain/principal.ts'
import { installation } from '../../domain/records.ts'
import { endsAt, stepUpMs } from '../../domain/session.ts'
import type { Instant } from '../../domain/time.ts'
import type { Service } from '../../invoke.ts'
import { newPrincipal, principalName } from '../../operations/access/principals.ts'
import type { HttpAnswer, HttpRequest } from '../http.ts'
import { bodyOf, type Door, onRecord } from './door.ts'
import type { Identity, IdentityProvider, Journey } from './identity-provider.ts'
import { cookiesNamed, type Sessions } from './sessions.ts'
import type { Site } from './site.ts'

export const callbackPath = '/ui/api/oidc/callback'

const cookieName = '__Host-keyward_tx'
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax'
const noJourneyCookie = `${cookieName}=; ${attributes}; Max-Age=0`
/** Looking for the password, and the second factor. */
const journeyMs = 10 * 60_000
const sealPurpose = ['console-journey']

/** Why somebody was sent back, for the page to say in its own words. Never a text that came from elsewhere. */
export type CompanyRefusal =
  | 'expired'
  | 'notVouched'
  | 'noGroup'
  | 'nameTaken'
  | 'disabled'
  | 'somebodyElse'
  | 'notAfresh'

/** A page of ours: no other host, nothing that ends the attribute it is written into, and a cookie has room for it. */
const startSchema = z.strictObject({
  purpose: z.enum(['sign-in', 'step-up']),
  returnTo: z
    .string()
    .regex(/^\/ui\/[\w/.~%?=&+*-]{0,1000}$/)
    .catch('/ui/'),
})

type Packed = Journey & {
  readonly purpose: 'sign-in' | 'step-up'
  readonly expiresAt: Instant
  readonly startedAt: Instant
  /** The page that one comes back to. */
  readonly returnTo: string
  /** Of a step-up: whose. */
  readonly idHash?: string
}

export type Company = {
  readonly label: string
  readonly start: Door
  /** What the provider sends the browser back to: a page. */
  callback(request: HttpRequest): Promise<HttpAnswer>
}

export function openCompany(needs: {
  readonly service: Service
  readonly sessions: Sessions
  readonly provider: IdentityProvider
  readonly site: Site
}): Company {
  const { service, sessions, provider, site } = needs
  const { world } = service
  const { store, clock, sealer } = world
  const account = service.settings.operatorAccount
  const { groupPolicies } = provider.settings
  const mapped = new Set([...groupPolicies.values()].flat())

  async function principalFor(found: Identity): Promise<{ principal: Principal; changes: readonly Change[] }> {
    const policies = [...new Set(found.groups.flatMap((group) => groupPolicies.get(group) ?? []))]
    const { records } = await store.list('principal', {
      partition: account,
      index: 'identity',
      prefix: found.identity,
      limit: 1,
    })
    const [known] = records
    if (known === undefined) {
      if (policies.length === 0) throw refused('noGroup')
      const name = nameFrom(found)
      if ((await store.get('principal', account, name)) !== undefined) throw refused('nameTaken')
      const principal = { ...newPrincipal(world, { account, name, policies }, clock.now()), identity: found.identity }
      return { principal, changes: [{ put: 'principal', record: principal }] }
    }
    if (known.disabled) throw refused('disabled')
    // Those that groups decide over follow the groups; others were attached by hand, and stay.
    const next = [...known.policies.filter((policy) => !mapped.has(policy)), ...policies]
    const same = next.length === known.policies.length && next.every((policy) => known.policies.includes(policy))
    const principal = same ? known : { ...known, revision: known.revision + 1, policies: next }
    return { principal, changes: same ? [] : [{ put: 'principal', record: principal }] }
  }

  function unpack(request: HttpRequest): Packed {
    const [sealed, another] = cookiesNamed(request, cookieName)
    if (sealed === undefined || another !== undefined) throw refused('expired')
    let packed: Packed
    try {
      packed = JSON.parse(Buffer.from(sealer.open(sealPurpose, sealed)).toString('utf8')) as Packed
    } catch {
      throw refused('expired')
    }
    if (clock.now() >= packed.expiresAt) throw refused('expired')
    return packed
  }

  const signIn = (request: HttpRequest, packed: Packed) =>
    onRecord(service, request, 'SignIn', async ({ about, note, commit }) => {
      note({ method: 'oidc' })
      const found = await provider.arrive(packed, request.query)
      note({ issuer: provider.settings.issuer, subject: found.subject })
      const { principal, changes } = await principalFor(found)
      const opened = await sessions.open(request, principal, { method: 'oidc', purpose: 'full' })
      about(principal, opened.session.credentialId)
      if (changes.length > 0) note({ policies: principal.policies })
      await commit([...changes, ...opened.changes])
      return opened.cookie
    })

  const stepUp = (request: HttpRequest, packed: Packed) =>
    onRecord(service, request, 'StepUp', async ({ about, note, commit }) => {
      note({ method: 'oidc' })
      const found = await provider.arrive(packed, request.query)
      const session = await store.get('session', installation, packed.idHash ?? '')
      if (session === undefined || clock.now() >= endsAt(session)) throw refused('expired')
      const principal = await store.get('principal', session.account, session.principalName)
      if (principal === undefined || principal.disabled) throw refused('disabled')
      about(principal, session.credentialId)
      if (principal.identity !== found.identity) throw refused('somebodyElse')
      // A provider that let the browser's old session count has not asked anybody.
      if (found.authenticatedAt === undefined || found.authenticatedAt < packed.startedAt - skewMs)
        throw refused('notAfresh')
      const { changes, cookie } = sessions.rotate(session, { stepUp: { until: clock.now() + stepUpMs } })
      await commit(changes)
      return cookie
    })

  return {
    label: provider.settings.label,

    async start(request) {
      const { purpose, returnTo } = bodyOf(request, startSchema)
      const session = purpose === 'step-up' ? await sessions.require(request) : undefined
      if (session !== undefined && session.method !== 'oidc')
        throw problem('AccessDenied', { message: 'Who came in by other means confirms by other means.' })
      const { url, journey } = await provider.depart(site.originOf(request) + callbackPath, purpose === 'step-up')
      const packed: Packed = {
        ...journey,
        purpose,
        returnTo,
        // The provider's clock is compared with it: the machine's own.
        startedAt: clock.wall(),
        expiresAt: clock.now() + journeyMs,
        ...(session === undefined ? {} : { idHash: session.idHash }),
      }
      const sealed = sealer.seal(sealPurpose, Buffer.from(JSON.stringify(packed)))
      return {
        body: { url },
        cookies: [`${cookieName}=${sealed}; ${attributes}; Max-Age=${journeyMs / 1000}`],
      }
    },

    async callback(request) {
      try {
        const packed = unpack(request)
        const cookie = await (packed.purpose === 'sign-in' ? signIn(request, packed) : stepUp(request, packed))
        return onward(packed.returnTo, [cookie, noJourneyCookie])
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        const reason: CompanyRefusal = (error.facts.reason as CompanyRefusal | undefined) ?? 'notVouched'
        return onward(`/ui/?refused=${reason}`, [noJourneyCookie], error.code)
      }
    },
  }
}

/** Seconds are whole in tokens, and two clocks differ. */
const skewMs = 10_000

function refused(reason: CompanyRefusal): Problem {
  return problem('NotAuthenticated', { message: `Nobody is let in: ${reason}.`, facts: { reason } })
}

/** As the provider calls the person, where a principal can be called so. */
function nameFrom({ name, identity }: Identity): string {
  const parsed = principalName.safeParse(name)
  return parsed.success && parsed.data !== 'root' ? parsed.data : `oidc-${identity.slice(0, 16)}`
}

/** A redirect would still count as coming from the other site, and the session's cookie would not be sent with it. */
function onward(to: string, cookies: string[], outcome = 'ok'): HttpAnswer {
  const path = to.replaceAll('&', '&amp;')
  return {
    status: 200,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Set-Cookie': cookies },
    body: `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${path}"><title>Keyward</title></head><body><a href="${path}">Keyward</a></body></html>`,
    outcome,
  }
}
