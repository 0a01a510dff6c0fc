/** Our own REST API: JSON, bearer tokens, RFC 9457. All of it is read off the operations. */
import { Problem, problem } from '../../domain/errors.ts'
import type { Authenticator } from '../authenticator.ts'
import { type Face, type HttpRequest, header } from '../http.ts'
import { type RestCallsOptions, restCalls } from './calls.ts'
import { problemAnswer } from './problems.ts'

export type RestOptions = Omit<RestCallsOptions, 'protocol' | 'authenticate'> & {
  readonly authenticator: Authenticator
}

export function restFace({ authenticator, ...options }: RestOptions): Face {
  const call = restCalls({
    ...options,
    protocol: 'rest',
    authenticate: (request) => authenticator.byToken(bearerToken(request)),
  })
  return {
    name: 'rest',
    takes: ({ path }) => path.startsWith('/v1/'),
    answer: (request) => call(request, request.path),
    refuse: refuseInProblems,
  }
}

/** Of a request that was refused before its body was read, or that met a bug. */
export const refuseInProblems: Face['refuse'] = (request, error) =>
  problemAnswer(
    error instanceof Problem ? error : problem('Internal', { mend: `Reference: ${request.requestId}` }),
    request.requestId,
  )

function bearerToken(request: HttpRequest): string {
  const authorization = header(request, 'authorization')
  const match = /^Bearer +([\x21-\x7e]{8,512})$/i.exec(authorization ?? '')
  if (match === null)
    throw problem('NotAuthenticated', {
      message: 'The request carries no token.',
      mend: 'Send Authorization: Bearer TOKEN. The first start printed the first one; keyward access token create makes more.',
    })
  return match[1] as string
}
