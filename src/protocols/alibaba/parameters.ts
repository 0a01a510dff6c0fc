/** The parameters of a request: all of the query and of a form in the body, decoded once, each name at most once. */
import { problem } from '../../domain/errors.ts'
import { type HttpRequest, header } from '../http.ts'

export type Parameters = ReadonlyMap<string, string>

/** The longest request has some twenty; an encryption context sent in pieces may bring some more. */
const mostParameters = 500

export function queryParameters(request: Pick<HttpRequest, 'query'>): Parameters {
  const parameters = new Map<string, string>()
  addForm(parameters, request.query)
  return parameters
}

/** With those of the body. A name that stands in both is refused: two readers must never see two different requests. */
export function allParameters(query: Parameters, request: Pick<HttpRequest, 'headers' | 'body'>): Parameters {
  if (request.body.length === 0) return query
  if (!isForm(header(request, 'content-type')))
    throw problem('UnsupportedMediaType', {
      message: 'A body must be a form.',
      mend: 'Send Content-Type: application/x-www-form-urlencoded, or all parameters in the query.',
    })
  const parameters = new Map(query)
  addForm(parameters, Buffer.from(request.body.buffer, request.body.byteOffset, request.body.length).toString('latin1'))
  return parameters
}

export function isForm(contentType: string | undefined): boolean {
  return /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(contentType ?? '')
}

function addForm(parameters: Map<string, string>, text: string): void {
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decoded(equals === -1 ? pair : pair.slice(0, equals))
    if (parameters.has(name))
      throw problem('InvalidRequest', { member: name, message: `The parameter ${name} stands twice in the request.` })
    parameters.set(name, equals === -1 ? '' : decoded(pair.slice(equals + 1)))
    if (parameters.size > mostParameters)
      throw problem('RequestTooLarge', { message: `A request has at most ${mostParameters} parameters.` })
  }
}

/** Percent-encoded UTF-8, a plus sign for a space. What is neither is refused, never guessed at. */
function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  if (/[^\x20-\x7e]/.test(spaced)) throw unreadable()
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    throw unreadable()
  }
}

function unreadable() {
  return problem('InvalidRequest', {
    message: 'The parameters are not percent-encoded UTF-8.',
    facts: { unreadable: true },
  })
}

/**
 * RFC 3986, section 2.3: letters, digits and `-_.~` stand for themselves, all else as %XX. What is signed is always
 * encoded so, however it came over the wire.
 */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** Sorted by name, encoded, joined: the canonical query of both signatures. */
export function canonicalQuery(parameters: Parameters): string {
  return [...parameters.keys()]
    .sort()
    .map((name) => `${percentEncode(name)}=${percentEncode(parameters.get(name) as string)}`)
    .join('&')
}
