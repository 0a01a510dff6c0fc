/** Requests for operations over our own REST JSON, whoever authenticates them: the API by a token, the console by a session. */
import type { Awaitable } from '../../domain/awaitable.ts'
import { Problem, problem } from '../../domain/errors.ts'
import type { Caller } from '../../domain/principal.ts'
import { regionPattern } from '../../domain/scope.ts'
import { invoke, type Service } from '../../invoke.ts'
import type { AnyOperation } from '../../operations/operation.ts'
import { canonicalDialect, encoderFor } from '../dialect.ts'
import { type HttpAnswer, type HttpRequest, header, type Limits, parseJson } from '../http.ts'
import { problemAnswer } from './problems.ts'
import { routeTree } from './routes.ts'

export type RestCallsOptions = {
  /** As it stands in the audit log. */
  readonly protocol: 'rest' | 'console'
  readonly service: Service
  readonly operations: readonly AnyOperation[]
  readonly limits: Limits
  /** The region of requests that name none. */
  readonly defaultRegion: string
  readonly authenticate: (request: HttpRequest) => Awaitable<Caller>
  /** For operations that ask for a step-up: throws where the person behind the request has not confirmed it. */
  readonly confirm?: (request: HttpRequest) => Promise<void>
}

const jsonHeaders = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }

/** The path is that of the operation, `/v1/...`. Throws only what is a bug. */
export function restCalls(options: RestCallsOptions): (request: HttpRequest, path: string) => Promise<HttpAnswer> {
  const { protocol, service, operations, limits, defaultRegion, authenticate, confirm } = options
  const route = routeTree(operations)
  const encoders = new Map(
    operations.map((operation) => [operation, encoderFor(operation.output, canonicalDialect)] as const),
  )

  return async (request, path) => {
    let operation: AnyOperation | undefined
    try {
      const match = route(request.method, path)
      if (match === undefined)
        throw problem('NotFound', {
          mend: 'GET /v1/openapi.json lists all paths. An alias in a path is written alias%2FNAME.',
        })
      if ('allowed' in match) throw problem('MethodNotAllowed', { mend: `Use ${match.allowed.join(' or ')}.` })
      operation = match.operation
      const output = await invoke(service, {
        requestId: request.requestId,
        protocol,
        operation,
        input: inputOf(request, match.parameters, limits),
        region: regionOf(request, defaultRegion),
        sourceAddress: request.sourceAddress,
        secureTransport: request.secure,
        authenticate: () => authenticate(request),
        confirm: confirm && (() => confirm(request)),
      })
      return {
        status: 200,
        headers: jsonHeaders,
        body: JSON.stringify(encoders.get(operation)?.(output)),
        operation: operation.name,
        outcome: 'ok',
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return problemAnswer(error, request.requestId, operation?.name)
    }
  }
}

function inputOf(request: HttpRequest, parameters: Readonly<Record<string, string>>, limits: Limits): unknown {
  const outside: Record<string, string> = request.query === '' ? {} : queryOf(request.query)
  Object.assign(outside, parameters)
  let body: object = {}
  if (request.body.length > 0) {
    const type = header(request, 'content-type')
    // curl -d says form-urlencoded of itself; a JSON body is what counts. Anything else is a mistake worth telling.
    if (type !== undefined && !/^application\/(?:[\w.+-]*json|x-www-form-urlencoded)\b/i.test(type))
      throw problem('UnsupportedMediaType', { mend: 'Send Content-Type: application/json.' })
    const parsed = parseJson(request.body, limits)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      throw problem('InvalidRequest', { message: 'The body must be a JSON object.' })
    body = parsed
  }
  for (const name of Object.keys(outside))
    if (Object.hasOwn(body, name))
      throw problem('InvalidRequest', {
        member: name,
        message: `${name} stands in the URL and in the body.`,
        mend: 'Leave it out of the body.',
      })
  return Object.assign(body, outside)
}

function queryOf(text: string): Record<string, string> {
  const query: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(text)) {
    if (name in query) throw problem('InvalidRequest', { member: name, message: `The query names ${name} twice.` })
    query[name] = value
  }
  return query
}

function regionOf(request: HttpRequest, defaultRegion: string): string {
  const region = header(request, 'x-keyward-region')
  if (region === undefined) return defaultRegion
  if (region.length > 64 || !regionPattern.test(region))
    throw problem('InvalidRequest', {
      member: 'X-Keyward-Region',
      message: 'The region is not a valid name.',
      mend: 'Lower-case letters, digits and hyphens.',
    })
  return region
}
