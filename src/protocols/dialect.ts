/**
 * How values look in a protocol: the case of member names, and how bytes and instants are written. Encoders are made from
 * the schema of an operation once, and know which strings are names of members and which are the caller's own data.
 */
import type { z } from 'zod'
import type { Instant } from '../domain/time.ts'
import { encodeBase64, kindOf } from '../operations/shapes.ts'

export type Dialect = {
  readonly memberName: (canonical: string) => string
  readonly bytes: (value: Uint8Array) => unknown
  readonly instant: (value: Instant) => unknown
}

export type Encoder = (value: unknown) => unknown

/** Our own JSON: names as they are, base64, RFC 3339. */
export const canonicalDialect: Dialect = {
  memberName: (name) => name,
  bytes: encodeBase64,
  instant: (at) => new Date(at).toISOString(),
}

/** `keyId` -> `KeyId`: both clouds. */
export function pascalCase(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

const identity: Encoder = (value) => value

/** From a value in memory to one that JSON can hold. Members that are undefined are left out. */
export function encoderFor(schema: z.core.$ZodType, dialect: Dialect): Encoder {
  const kind = kindOf(schema)
  if (kind === 'bytes') return (value) => dialect.bytes(value as Uint8Array)
  if (kind === 'instant') return (value) => dialect.instant(value as Instant)
  const { def } = schema._zod as { def: z.core.$ZodTypeDef }
  switch (def.type) {
    case 'object':
      return objectEncoder(def as z.core.$ZodObjectDef, dialect)
    case 'array': {
      const element = encoderFor((def as z.core.$ZodArrayDef).element, dialect)
      return element === identity ? identity : (value) => (value as unknown[]).map(element)
    }
    case 'record': {
      const inner = encoderFor((def as z.core.$ZodRecordDef).valueType, dialect)
      if (inner === identity) return identity
      return (value) => Object.fromEntries(Object.entries(value as object).map(([name, item]) => [name, inner(item)]))
    }
    case 'optional':
    case 'nullable':
    case 'default':
    case 'readonly': {
      const inner = encoderFor((def as unknown as { innerType: z.core.$ZodType }).innerType, dialect)
      return inner === identity ? identity : (value) => (value === undefined || value === null ? value : inner(value))
    }
    default:
      return identity
  }
}

function objectEncoder(def: z.core.$ZodObjectDef, dialect: Dialect): Encoder {
  const members = Object.entries(def.shape).map(([name, schema]) => ({
    name,
    outer: dialect.memberName(name),
    encode: encoderFor(schema, dialect),
  }))
  return (value) => {
    const source = value as Record<string, unknown>
    const result: Record<string, unknown> = {}
    for (const { name, outer, encode } of members) {
      const inner = source[name]
      if (inner !== undefined) result[outer] = encode(inner)
    }
    return result
  }
}
