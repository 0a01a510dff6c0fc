/**
 * The building blocks of schemas. Two kinds of values look different inside and outside: bytes (base64 outside) and
 * instants (RFC 3339 outside). Dialects ask `kindOf` where they write them in their own way.
 */
import { z } from 'zod'
import { algorithmsOf, type KeySpec, type KeyUsage, keySpecs, keyUsages } from '../domain/specs.ts'
import { formatInstant, type Instant } from '../domain/time.ts'

export type Kind = 'bytes' | 'instant'
/** By what a schema is made of, which `describe` and `meta` hand on to the copy they make. */
const kinds = new WeakMap<z.core.$ZodTypeDef, Kind>()

export function kindOf(schema: z.core.$ZodType): Kind | undefined {
  return kinds.get(schema._zod.def)
}

/** Strict base64 (RFC 4648, section 4): padded, no spaces, no URL-safe letters. Undefined where it is anything else. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  // Buffer reads nearly anything; of all that means these bytes, one text alone is written so.
  return bytes.toString('base64') === text ? bytes : undefined
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** Bytes, base64 outside; lengths count the decoded bytes. */
export function bytes(limits: { readonly min: number; readonly max: number }) {
  const mostCharacters = Math.ceil(limits.max / 3) * 4
  const schema = z.codec(
    z.string().meta({ format: 'byte', contentEncoding: 'base64' }),
    z.custom<Uint8Array>((value) => value instanceof Uint8Array),
    {
      decode: (text, context) => {
        const decoded = text.length > mostCharacters + 4 ? undefined : decodeBase64(text)
        if (decoded === undefined && text.length <= mostCharacters + 4) {
          context.issues.push({
            code: 'custom',
            input: text,
            message: 'must be base64 with padding (RFC 4648, section 4)',
          })
          return z.NEVER
        }
        const length = decoded?.length ?? Math.floor((text.length / 4) * 3)
        if (decoded === undefined || length < limits.min || length > limits.max) {
          context.issues.push({
            code: 'custom',
            input: text,
            message: `must be ${limits.min} to ${limits.max} bytes, and is ${length}`,
            params: { bytes: length, ...limits },
          })
          return z.NEVER
        }
        return decoded
      },
      encode: encodeBase64,
    },
  )
  kinds.set(schema._zod.def, 'bytes')
  return schema
}

/** An instant, RFC 3339 outside. */
export function instant() {
  const schema = z.codec(z.iso.datetime({ offset: true }), z.number(), {
    decode: (text): Instant => Date.parse(text),
    encode: (at) => formatInstant(at),
  })
  kinds.set(schema._zod.def, 'instant')
  return schema
}

/** A key id, a key ARN, `alias/NAME` or an alias ARN. */
export const keyRef = z
  .string()
  .min(1)
  .max(2048)
  .describe('A key id, a key ARN, alias/NAME or an alias ARN.')
  .meta({ example: 'alias/my-key' })

export const keyVersionId = z.uuid().describe('The id of a key version.')
export const keySpec = z.enum(keySpecs as [KeySpec, ...KeySpec[]])
export const keyUsage = z.enum(keyUsages as [KeyUsage, ...KeyUsage[]])
/** Those that a key can be asked for with. */
export const protectionLevel = z.enum(['SOFTWARE', 'HSM'])
/** Those that a key can have. */
export const keyProtection = z.enum(['SOFTWARE', 'HSM', 'EXTERNAL'])
export const description = z.string().max(8192)

/** All algorithm names of a usage, over all specs. */
export function algorithmNames(usage: KeyUsage): [string, ...string[]] {
  return [...new Set(keySpecs.flatMap((spec) => algorithmsOf(spec, usage)))] as [string, ...string[]]
}

/** Bound to the ciphertext, not secret: it stands in the audit log. Together at most 8,192 characters. */
export const encryptionContext = z
  .record(z.string().min(1), z.string())
  .refine(
    (context) => Object.entries(context).reduce((sum, [name, value]) => sum + name.length + value.length, 0) <= 8192,
    { error: 'must be at most 8,192 characters in all' },
  )
  .describe('Names and values that must be the same again at decryption. Not secret: they stand in the audit log.')

export const tagKey = z.string().min(1).max(128)
export const tags = z
  .record(tagKey, z.string().max(256))
  .refine((map) => Object.keys(map).length <= 50, { error: 'must be at most 50 tags' })

/** Some of these words, separated by commas: a filter that any of them meets. */
export function anyOf<const Word extends string>(words: readonly Word[]) {
  return z
    .codec(z.string().max(1024), z.array(z.enum(words as [Word, ...Word[]])).min(1), {
      decode: (text) => text.split(',') as Word[],
      encode: (chosen) => chosen.join(','),
    })
    .describe(`Any of ${words.join(', ')}; several are separated by commas.`)
}

export const pageLimit = z.coerce.number().int().min(1).max(1000).default(100)
export const pageMarker = z.string().min(1).max(1024).optional().describe('`nextMarker` of the page before.')
export const nextMarker = z.string().optional()

export const none = z.strictObject({})
