/** The company's identity provider: OpenID Connect Core 1.0, code flow with PKCE (RFC 7636), state and nonce. */
import { createHash } from 'node:crypto'
import * as client from 'openid-client'
import { problem } from '../../domain/errors.ts'
import type { Random } from '../../domain/ports.ts'

export type ProviderSettings = {
  readonly issuer: string
  readonly clientId: string
  /** Absent: a public client, which PKCE protects alone. */
  readonly clientSecret: string | undefined
  readonly label: string
  readonly scopes: string
  readonly nameClaim: string
  readonly groupsClaim: string
  /** Policies of the operator account by group; a person gets those of all their groups. */
  readonly groupPolicies: ReadonlyMap<string, readonly string[]>
}

/** Kept by the browser, sealed, until it comes back. */
export type Journey = {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly redirectUri: string
}

/** Whom the provider speaks of. */
export type Identity = {
  /** Hex SHA-256 of issuer and subject: what a principal is found by. A name may change hands; a subject does not. */
  readonly identity: string
  readonly subject: string
  readonly name: string | undefined
  readonly groups: readonly string[]
  /** Milliseconds since the epoch, where the provider was asked for it. */
  readonly authenticatedAt: number | undefined
}

export type IdentityProvider = {
  readonly settings: ProviderSettings
  /** Where the browser is sent. `afresh`: the person has to show again who they are. */
  depart(redirectUri: string, afresh: boolean): Promise<{ readonly url: string; readonly journey: Journey }>
  /** `NotAuthenticated` where anything is not as it must be. */
  arrive(journey: Journey, query: string): Promise<Identity>
}

/** Seconds. A provider that does not answer must not hold up a start for long. */
const timeoutSeconds = 10

/** Throws where the provider cannot be reached, or is not who the settings say: nothing weaker takes its place. */
export async function openIdentityProvider(settings: ProviderSettings, random: Random): Promise<IdentityProvider> {
  const issuer = new URL(settings.issuer)
  const configuration = await client
    .discovery(
      issuer,
      settings.clientId,
      undefined,
      settings.clientSecret === undefined ? client.None() : client.ClientSecretBasic(settings.clientSecret),
      // The settings let plain HTTP be only on this machine.
      { timeout: timeoutSeconds, execute: issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [] },
    )
    .catch((error: unknown) => {
      throw problem('InvalidRequest', {
        message: `The identity provider at ${settings.issuer} cannot be used: ${reasonOf(error)}.`,
        mend: 'Mend KEYWARD_OIDC_ISSUER, or the way to it; or leave the oidc_ settings out. docs/operating/console.md.',
        cause: error,
      })
    })
  const draw = () => Buffer.from(random.bytes(32)).toString('base64url')

  return {
    settings,
    async depart(redirectUri, afresh) {
      const journey: Journey = { state: draw(), nonce: draw(), verifier: draw(), redirectUri }
      const url = client.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope: settings.scopes,
        state: journey.state,
        nonce: journey.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(journey.verifier),
        code_challenge_method: 'S256',
        ...(afresh ? { prompt: 'login', max_age: '0' } : {}),
      })
      return { url: url.href, journey }
    },
    async arrive(journey, query) {
      const { state, nonce, verifier, redirectUri } = journey
      try {
        const tokens = await client.authorizationCodeGrant(configuration, new URL(`${redirectUri}?${query}`), {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        })
        const claims = tokens.claims()
        if (claims === undefined) throw new Error('no ID token')
        // Some providers tell groups and names only there.
        const more =
          claims[settings.groupsClaim] === undefined && configuration.serverMetadata().userinfo_endpoint !== undefined
            ? await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)
            : {}
        const all: Readonly<Record<string, unknown>> = { ...more, ...claims }
        const name = all[settings.nameClaim]
        const groups = all[settings.groupsClaim]
        return {
          identity: createHash('sha256')
            .update(JSON.stringify([claims.iss, claims.sub]), 'utf8')
            .digest('hex'),
          subject: claims.sub,
          name: typeof name === 'string' ? name : undefined,
          groups: (Array.isArray(groups) ? groups : [groups]).filter((group) => typeof group === 'string'),
          authenticatedAt: claims.auth_time === undefined ? undefined : claims.auth_time * 1000,
        }
      } catch (error) {
        throw problem('NotAuthenticated', {
          message: `The identity provider did not vouch for anybody: ${reasonOf(error)}.`,
          mend: 'Begin again.',
          cause: error,
        })
      }
    },
  }
}

/** In the words of the library, which says the error of the provider, and no secret. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  const inner = cause instanceof Error ? cause.message : undefined
  return inner === undefined || inner === error.message ? error.message : `${error.message} (${inner})`
}
