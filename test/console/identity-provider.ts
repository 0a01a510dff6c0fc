/** An identity provider of the test's own, on loopback: oidc-provider, with its pages for development. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

export type TestProvider = {
  readonly issuer: string
  /** Name of the person (what they type in) to their groups. */
  readonly people: Map<string, readonly string[]>
  /** The service is known at the provider from now on: it had to be started first. */
  register(redirectUri: string): void
  close(): Promise<void>
}

export const clientId = 'keyward'
export const clientSecret = 'a secret of the test, long enough'

export async function startProvider(): Promise<TestProvider> {
  const people = new Map<string, readonly string[]>()
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`
  const providerFor = (redirectUris: string[]) =>
    new Provider(issuer, {
      clients: [
        {
          client_id: clientId,
          client_secret: clientSecret,
          redirect_uris: redirectUris,
          grant_types: ['authorization_code'],
          response_types: ['code'],
        },
      ],
      claims: { openid: ['sub', 'auth_time'], profile: ['preferred_username', 'groups'] },
      findAccount: (_, id) => ({
        accountId: id,
        claims: async () => ({ sub: `subject-of-${id}`, preferred_username: id, groups: [...(people.get(id) ?? [])] }),
      }),
      cookies: { keys: ['a key of the test'] },
      pkce: { required: () => true },
      features: { devInteractions: { enabled: true } },
    }).callback()
  let handle = providerFor(['http://localhost/'])
  return {
    issuer,
    people,
    register(redirectUri) {
      handle = providerFor([redirectUri])
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
