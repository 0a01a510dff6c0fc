/**
 * The canonical JSON of an audit record (RFC 8785): members in order of their code units, no white space, UTF-8. Written
 * by hand because every answer of the service waits for it; a property test holds it to the `canonicalize` package.
 */
import { hash } from 'node:crypto'
import { problem } from '../domain/errors.ts'
import type { AuditRecord } from '../domain/ports.ts'

/** C2SP tlog-tiles: an entry's length is written in 16 bits. */
export const mostEntryBytes = 65_535

/**
 * The text of the record's entry in the log. One that would be too long for an entry loses its `input`, of which then
 * only length and SHA-256 are told: a request with a huge input still has to be on record. A Problem `RequestTooLarge`
 * where even that does not fit.
 */
export function entryText(record: AuditRecord): string {
  const text = canonicalRecord(record)
  if (text.length * 3 <= mostEntryBytes || Buffer.byteLength(text) <= mostEntryBytes) return text
  const input = canonicalJson(record.input ?? {})
  const omitted = { bytes: Buffer.byteLength(input), sha256: hash('sha256', input, 'hex') }
  const shorter = canonicalRecord({ ...record, input: { omitted } })
  if (Buffer.byteLength(shorter) > mostEntryBytes)
    throw problem('RequestTooLarge', { message: 'The request is too large to be put on record.' })
  return shorter
}

/** Exactly the members of an audit record, whatever else the object carries. */
function canonicalRecord(record: AuditRecord): string {
  // In the order of RFC 8785, section 3.2.3. JSON.stringify writes strings as the RFC wants them, and many at once far
  // quicker than one by one.
  const { account, alias, credentialId, input, keyId, keyVersionId, operation, outcome } = record
  const { principal, protocol, recovered, region, requestId, sourceAddress, time } = record
  const first = { account, alias, credentialId }
  const last = {
    keyId,
    keyVersionId,
    operation,
    outcome,
    principal,
    protocol,
    recovered,
    region,
    requestId,
    sourceAddress,
    time,
  }
  const before = JSON.stringify(first)
  const after = JSON.stringify(last)
  // The one exception is a lone surrogate. Its escape begins so; so does a backslash before these two letters.
  if (before.includes('\\ud') || after.includes('\\ud')) return canonicalJson({ ...first, input, ...last })
  const between = input === undefined ? '' : `"input":${canonicalJson(input)},`
  return `${before.slice(0, -1)}${before === '{}' ? '' : ','}${between}${after.slice(1)}`
}

/**
 * RFC 8785 for plain values. As in JSON.stringify a member that is undefined is left out, and an undefined element is
 * null. Bytes become base64, as everywhere outside this service. Lone surrogates, which have no UTF-8, become U+FFFD. A
 * TypeError for what JSON has no word for (NaN, a bigint, a function), since a log must not guess.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quote(value)
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${value} has no place in JSON`)
      // ECMAScript's own number format is the one of RFC 8785, section 3.2.2.3; -0 becomes 0.
      return `${value}`
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return `[${value.map((element) => canonicalJson(element ?? null)).join(',')}]`
      if (value instanceof Uint8Array)
        return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"`
      return canonicalObject(value as Readonly<Record<string, unknown>>)
    default:
      throw new TypeError(`A ${typeof value} has no place in JSON`)
  }
}

function canonicalObject(members: Readonly<Record<string, unknown>>): string {
  let text = ''
  for (const name of Object.keys(members).sort()) {
    const value = members[name]
    if (value !== undefined) text += `${text === '' ? '' : ','}${quote(name)}:${canonicalJson(value)}`
  }
  return `{${text}}`
}

/** Printable ASCII without quote and backslash: nearly every value of a record, and nothing in it to escape. */
const plain = /^[ !#-[\]-~]*$/

function quote(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text.toWellFormed())
}
