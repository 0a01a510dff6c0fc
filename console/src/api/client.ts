/** Calls of the operations, as this console's session: the only place that talks to the server. */
import type { Wire } from '../../../src/operations/operation.ts'

// biome-ignore lint/suspicious/noExplicitAny: any operation, whatever goes in and comes out
export type AnyWire = Wire<string, string, string, any, any>
export type InputOf<Op extends AnyWire> = NonNullable<Op['wire']>['input']
export type OutputOf<Op extends AnyWire> = NonNullable<Op['wire']>['output']

/** An operation that can be called: its name, its route, its words on the command line. `of` is for the compiler alone. */
export type Endpoint<Op extends AnyWire> = {
  readonly name: Op['name']
  readonly rest: Op['rest']
  readonly cli: Op['cli']
  readonly of?: Op
}

/** What goes into an endpoint, what comes out of it. */
export type Asked<E> = E extends Endpoint<infer Op> ? InputOf<Op> : never
export type Answered<E> = E extends Endpoint<infer Op> ? OutputOf<Op> : never

/** All three are checked by the compiler against the operation itself. */
export function endpoint<Op extends AnyWire>(name: Op['name'], rest: Op['rest'], cli: Op['cli']): Endpoint<Op> {
  return { name, rest, cli }
}

/** A problem that the server told (RFC 9457), or that kept it from being asked. */
export class ApiProblem extends Error {
  readonly status: number
  readonly code: string
  readonly mend: string | undefined
  readonly member: string | undefined
  readonly requestId: string | undefined
  /** The whole answer, for members that single problems have. */
  readonly body: Readonly<Record<string, unknown>>
  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    super(typeof body.detail === 'string' ? body.detail : String(body.title ?? 'The server cannot be reached.'))
    const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
    this.name = 'ApiProblem'
    this.status = status
    this.code = text(body.code) ?? 'Unreachable'
    this.mend = text(body.mend)
    this.member = text(body.member)
    this.requestId = text(body.requestId)
    this.body = body
  }
}

export type HttpCall = {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Proves to the server that it is still the same person. True where the call may be repeated. */
export type StepUp = (problem: ApiProblem, call: HttpCall) => Promise<boolean>

let stepUp: StepUp | undefined
export function answerStepUpWith(ask: StepUp): void {
  stepUp = ask
}

let region: string | undefined
/** The region of all calls from now on. */
export function setRegionOfCalls(name: string | undefined): void {
  region = name
}

/** Any call of the console's server side, `/ui/...`. */
export async function request<Answer>(call: HttpCall): Promise<Answer> {
  try {
    return await send<Answer>(call)
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.code !== 'StepUpRequired' || stepUp === undefined) throw error
    if (!(await stepUp(error, call))) throw error
    return await send<Answer>(call)
  }
}

async function send<Answer>({ method, path, body, headers }: HttpCall): Promise<Answer> {
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: {
        ...(method === 'GET' ? {} : { 'Content-Type': 'application/json', 'x-keyward-csrf': '1' }),
        ...(region === undefined ? {} : { 'X-Keyward-Region': region }),
        ...headers,
      },
      ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
    })
  } catch {
    throw new ApiProblem(0, { code: 'Unreachable' })
  }
  const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>
  if (!response.ok) throw new ApiProblem(response.status, answer)
  return answer as Answer
}

export function call<Op extends AnyWire>(of: Endpoint<Op>, input: InputOf<Op>): Promise<OutputOf<Op>> {
  return request<OutputOf<Op>>(httpCall(of, input))
}

/** How an operation looks as a request: members named in the path, the others in the query or the body. */
export function httpCall<Op extends AnyWire>(of: Endpoint<Op>, input: InputOf<Op>, prefix = '/ui'): HttpCall {
  const [method = '', route = ''] = of.rest.split(' ')
  const rest: Record<string, unknown> = { ...(input as object) }
  const path = route.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(rest[name])
    delete rest[name]
    return encodeURIComponent(value)
  })
  if (method !== 'GET') return { method, path: prefix + path, body: rest }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) query.set(name, String(value))
  return { method, path: prefix + path + (query.size === 0 ? '' : `?${query}`) }
}
