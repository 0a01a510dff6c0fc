/** Answers as the SDKs of this cloud take them: JSON, or XML where the request asks for it. */
import type { Problem } from '../../domain/errors.ts'
import { type HttpAnswer, type HttpRequest, header } from '../http.ts'
import { type Rewording, wordsFor } from './errors.ts'

export type Format = 'JSON' | 'XML'

/** The content type of errors in XML is looked at letter by letter by the SDKs. */
const contentTypes: Readonly<Record<Format, string>> = {
  JSON: 'application/json;charset=utf-8',
  XML: 'text/xml;charset=utf-8',
}

type Members = Readonly<Record<string, unknown>>

/** The members of the action and the request id. One SDK takes any top-level `Code` for an error: there is none here. */
export function successAnswer(members: Members, format: Format, requestId: string, operation: string): HttpAnswer {
  return {
    ...answer(200, { ...members, RequestId: requestIdWord(requestId) }, format, requestId),
    operation,
    outcome: 'ok',
  }
}

export function problemAnswer(
  problem: Problem,
  context: {
    readonly request: Pick<HttpRequest, 'headers' | 'requestId'>
    readonly format: Format
    /** What the request calls a member that the problem names. */
    readonly parameterOf: (member: string) => string
    readonly rewording?: Rewording | undefined
    readonly operation?: string | undefined
  },
): HttpAnswer {
  const { request, format } = context
  const parameter = problem.member === undefined ? '' : context.parameterOf(problem.member)
  const { code, status, message } = wordsFor(problem, parameter, context.rewording)
  const more = [problem.message, problem.mend].filter((sentence) => sentence !== undefined && sentence !== message)
  const members = {
    HttpStatus: status,
    Code: code,
    // The documented sentence first, for who compares; then what happened here, and what to do.
    Message: [message, ...more].join(' '),
    RequestId: requestIdWord(request.requestId),
    HostId: (header(request, 'host') ?? '').slice(0, 255),
  }
  return {
    ...answer(status, members, format, request.requestId),
    outcome: problem.code,
    ...(context.operation === undefined ? {} : { operation: context.operation }),
  }
}

function answer(status: number, members: Members, format: Format, requestId: string): HttpAnswer {
  return {
    status,
    headers: {
      'Content-Type': contentTypes[format],
      'Cache-Control': 'no-store',
      'x-acs-request-id': requestIdWord(requestId),
      ...(status === 503 || status === 429 ? { 'Retry-After': '1' } : {}),
    },
    body: format === 'XML' ? toXml(members) : JSON.stringify(members),
  }
}

/** The same id as in the log and the audit record, in this cloud's upper case. */
function requestIdWord(requestId: string): string {
  return requestId.toUpperCase()
}

function toXml(members: Members): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<KMS>${xmlMembers(members)}</KMS>`
}

function xmlMembers(members: Members): string {
  return Object.entries(members)
    .map(([name, value]) => xmlMember(name, value))
    .join('')
}

/** A list is its element, repeated. */
function xmlMember(name: string, value: unknown): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.map((item) => xmlMember(name, item)).join('')
  if (typeof value === 'object' && value !== null) return `<${name}>${xmlMembers(value as Members)}</${name}>`
  return `<${name}>${xmlText(String(value))}</${name}>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** XML 1.0, section 2.2: control characters cannot stand in it, escaped or not. */
function xmlText(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get through.
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"']/g, (letter) => entities[letter] as string)
  )
}
