/** Who is signed in, and where. */
import { useQuery } from '@tanstack/react-query'
import { request } from './client.ts'

export type Session = {
  readonly state: 'setup' | 'login' | 'signed-in'
  readonly devMode: boolean
  /** How one may sign in here. */
  readonly methods: { readonly passkey: boolean; readonly oidc?: { readonly label: string }; readonly token: boolean }
  readonly principal?: { readonly account: string; readonly name: string; readonly arn: string }
  readonly defaultRegion: string
  readonly regions: readonly string[]
  readonly version: string
  /** Nobody can sign in yet. */
  readonly setupNeeded?: boolean
  readonly sessionId?: string
}

export const sessionKey = ['session'] as const

export function useSession() {
  return useQuery({
    queryKey: sessionKey,
    queryFn: () => request<Session>({ method: 'GET', path: '/ui/api/session' }),
    staleTime: Number.POSITIVE_INFINITY,
  })
}

/** The session of a screen that only the signed-in see. */
export function useSignedIn(): Session & { readonly principal: NonNullable<Session['principal']> } {
  const { data } = useSession()
  if (data?.principal === undefined) throw new Error('this screen is for the signed-in')
  return { ...data, principal: data.principal }
}
