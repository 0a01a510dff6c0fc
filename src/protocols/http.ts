/** What a request and an answer are to a protocol: nothing of node:http goes further in. */
import { problem } from '../domain/errors.ts'

export type HttpRequest = {
  readonly method: string
  /** As on the wire, percent-encoding and all, without the query. */
  readonly path: string
  /** As on the wire, without the question mark; empty without a query. */
  readonly query: string
  /** Names in lower case; a header that came several times is joined with commas, as node:http does it. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Uint8Array
  readonly sourceAddress: string
  /** Came over TLS. */
  readonly secure: boolean
  readonly requestId: string
}

export type HttpAnswer = {
  readonly status: number
  /** A list is a header that comes several times. */
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body: string | Uint8Array
  /** For metrics and the log: which operation, and how it ended. */
  readonly operation?: string
  readonly outcome?: string
}

/** A protocol, as the server sees it. The first face that takes a request answers it. */
export type Face = {
  readonly name: string
  takes(request: Pick<HttpRequest, 'method' | 'path' | 'query' | 'headers'>): boolean
  /** Never throws: what goes wrong is an answer in the protocol's own words. */
  answer(request: HttpRequest): Promise<HttpAnswer>
  /** A request that was refused before its body was read, in the protocol's own words. */
  refuse(request: Omit<HttpRequest, 'body'>, error: unknown): HttpAnswer
}

export type Limits = {
  readonly bodyBytes: number
  readonly jsonDepth: number
  readonly jsonMembers: number
}

/** A batch of 100 full ciphertexts in base64 is 1.1 MB; nothing else comes near. (CVE-2025-6203, CVE-2025-59043.) */
export const defaultLimits: Limits = { bodyBytes: 2_097_152, jsonDepth: 32, jsonMembers: 20_000 }

export function header(request: Pick<HttpRequest, 'headers'>, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * JSON (RFC 8259) of limited depth and size, and without duplicate members: two readers must never see two different
 * requests in the same bytes (RFC 8725, section 2.4 tells of such).
 */
export function parseJson(bytes: Uint8Array, limits: Limits): unknown {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw problem('InvalidRequest', { message: 'The body is not UTF-8.' })
  }
  scan(text, limits)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw problem('InvalidRequest', { message: `The body is not JSON: ${(error as Error).message}` })
  }
}

const quote = 0x22
const backslash = 0x5c

/** One pass over the text: depth, members, duplicates. Whether it is JSON at all is JSON.parse's question. */
function scan(text: string, limits: Limits): void {
  const names: (Set<string> | undefined)[] = []
  let members = 0
  let awaitsName = false
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const start = at
        let escaped = false
        for (at++; at < text.length; at++) {
          const letter = text.charCodeAt(at)
          if (letter === backslash) {
            escaped = true
            at++
          } else if (letter === quote) break
        }
        if (awaitsName) {
          awaitsName = false
          const raw = text.slice(start + 1, at)
          const name = escaped ? unescaped(raw) : raw
          const seen = names[names.length - 1] as Set<string>
          // Objects of JavaScript lose it: a value that is lost would be bound to nothing.
          if (name === '__proto__') throw problem('InvalidRequest', { message: 'A member cannot be named __proto__.' })
          if (seen.has(name))
            throw problem('InvalidRequest', {
              message: `The member ${JSON.stringify(name)} stands twice in the same object.`,
            })
          seen.add(name)
          if (++members > limits.jsonMembers)
            throw problem('RequestTooLarge', { message: 'The JSON has too many members.' })
        }
        break
      }
      case 0x7b /* { */:
        names.push(new Set())
        awaitsName = true
        break
      case 0x5b /* [ */:
        names.push(undefined)
        awaitsName = false
        break
      case 0x7d /* } */:
      case 0x5d /* ] */:
        names.pop()
        awaitsName = false
        break
      case 0x2c /* , */:
        awaitsName = names[names.length - 1] !== undefined
        if (++members > limits.jsonMembers)
          throw problem('RequestTooLarge', { message: 'The JSON has too many members.' })
        break
    }
    if (names.length > limits.jsonDepth)
      throw problem('RequestTooLarge', { message: `The JSON is nested more than ${limits.jsonDepth} deep.` })
  }
}

function unescaped(raw: string): string {
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch {
    return raw
  }
}
