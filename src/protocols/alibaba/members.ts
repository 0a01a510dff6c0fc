/** From the parameters of an action, all of them text, to the members of our own input. */
import { problem } from '../../domain/errors.ts'
import { type Limits, parseJson } from '../http.ts'
import type { Parameters } from './parameters.ts'
import { daysOfInterval, reader } from './words.ts'

export type Members = Readonly<Record<string, unknown>>

/** How one parameter is read. `undefined` from `read` leaves the member out. */
export type Parameter = {
  /** Our name for it. */
  readonly member: string
  readonly required: boolean
  /** An empty value is a value; elsewhere it is as good as none (SDKs send `Name=` for what was not set). */
  readonly emptyCounts: boolean
  readonly read: (text: string, name: string, limits: Limits) => unknown
  /** Read from `Name.x=...&Name.y=...`, by what follows the first dot. */
  readonly readPieces?: (pieces: ReadonlyMap<string, string>, name: string) => unknown
}

/** Those that belong to the request, not to the action. */
const commonParameters: ReadonlySet<string> = new Set([
  'Action',
  'Version',
  'Format',
  'RegionId',
  'AccessKeyId',
  'Signature',
  'SignatureMethod',
  'SignatureVersion',
  'SignatureNonce',
  'SignatureType',
  'Timestamp',
  'SecurityToken',
  'DryRun',
])

/** What the action does not know is refused: a KMS that passes over a parameter does something else than it was asked. */
export function membersOf(
  declared: Readonly<Record<string, Parameter>>,
  parameters: Parameters,
  limits: Limits,
): Members {
  for (const [name, text] of parameters) {
    if (text === '' || commonParameters.has(name) || Object.hasOwn(declared, name)) continue
    const stem = name.slice(0, Math.max(0, name.indexOf('.')))
    if (!Object.hasOwn(declared, stem) || declared[stem]?.readPieces === undefined)
      throw problem('InvalidRequest', { member: name, message: `There is no parameter ${name} in this action.` })
  }
  const members: Record<string, unknown> = {}
  const missing: string[] = []
  for (const [name, parameter] of Object.entries(declared)) {
    const value = readOne(name, parameter, parameters, limits)
    if (value !== undefined) members[parameter.member] = value
    else if (parameter.required) missing.push(name)
  }
  // What was given wrongly or cannot be given here comes first: it tells more than that something else lacks.
  if (missing.length > 0)
    throw problem('InvalidRequest', {
      member: missing[0] as string,
      message: `${missing.join(', ')} must be given.`,
      facts: { missing: true },
    })
  return members
}

function readOne(name: string, parameter: Parameter, parameters: Parameters, limits: Limits): unknown {
  const text = parameters.get(name)
  const whole = text === undefined || (text === '' && !parameter.emptyCounts) ? undefined : text
  if (parameter.readPieces !== undefined) {
    const pieces = piecesOf(name, parameters)
    if (pieces.size > 0) {
      if (whole !== undefined) throw invalid(name, `${name} stands in the request whole and in pieces.`)
      return parameter.readPieces(pieces, name)
    }
  }
  return whole === undefined ? undefined : parameter.read(whole, name, limits)
}

function piecesOf(name: string, parameters: Parameters): ReadonlyMap<string, string> {
  const pieces = new Map<string, string>()
  for (const [full, text] of parameters) if (full.startsWith(`${name}.`)) pieces.set(full.slice(name.length + 1), text)
  return pieces
}

export function invalid(name: string, message: string, mend?: string) {
  return problem('InvalidRequest', { member: name, message, ...(mend === undefined ? {} : { mend }) })
}

const plain = { required: false, emptyCounts: false } as const

export function text(member: string): Parameter {
  return { ...plain, member, read: (value) => value }
}

/** Without this parameter the action does nothing. */
export function required(parameter: Parameter): Parameter {
  return { ...parameter, required: true }
}

export function withEmpty(parameter: Parameter): Parameter {
  return { ...parameter, emptyCounts: true }
}

/** Documented, and not offered here: refused with the reason, for to pass over it would do something else. */
export function refused(reason: string): Parameter {
  return {
    ...plain,
    member: '',
    read: (_, name) => {
      throw problem('UnsupportedOperation', { member: name, message: `${name} is not supported: ${reason}` })
    },
  }
}

/** Documented, and without meaning for this service. */
export function ignored(): Parameter {
  return { ...plain, member: '', read: () => undefined }
}

export function integer(member: string): Parameter {
  return {
    ...plain,
    member,
    read: (value, name) => {
      if (!/^(?:0|-?[1-9][0-9]{0,14})$/.test(value)) throw invalid(name, `${name} must be a whole number.`)
      return Number(value)
    },
  }
}

/** SDKs write `true`, `True` or `TRUE`, by their language. */
export function boolean(member: string): Parameter {
  return { ...plain, member, read: readBoolean }
}

export function readBoolean(value: string, name: string): boolean {
  const lower = value.toLowerCase()
  if (lower !== 'true' && lower !== 'false') throw invalid(name, `${name} must be true or false.`)
  return lower === 'true'
}

export function word<Name extends string>(member: string, words: Readonly<Record<Name, string>>): Parameter {
  const nameOf = reader(words)
  return {
    ...plain,
    member,
    read: (value, name) => {
      const found = nameOf(value)
      if (found === undefined) throw invalid(name, `${name} must be one of: ${Object.values(words).join(', ')}.`)
      return found
    },
  }
}

/** `7d`, `168h`, `604800s`: to whole days. */
export function interval(member: string): Parameter {
  return {
    ...plain,
    member,
    read: (value, name) => {
      const days = daysOfInterval(value)
      if (days === undefined)
        throw invalid(name, `${name} must be a whole number of days, such as 7d, 168h or 604800s.`)
      return days
    },
  }
}

/** One JSON object of strings, or in pieces: `EncryptionContext.app=x`, as the old SDKs for Node send it. */
export function context(member: string): Parameter {
  return {
    ...plain,
    member,
    read: (value, name, limits) => {
      const parsed = readJson(value, name, limits)
      if (!isStringRecord(parsed)) throw invalid(name, `${name} must be a JSON object whose values are strings.`)
      return withoutProto(parsed, name)
    },
    readPieces: (pieces, name) => withoutProto(Object.fromEntries(pieces), name),
  }
}

/** `[{"TagKey":"a","TagValue":"b"}]`. */
export function tagList(member: string, most: number): Parameter {
  return {
    ...plain,
    member,
    read: (value, name, limits) => {
      const parsed = readJson(value, name, limits)
      const wrong = () =>
        invalid(name, `${name} must be a JSON array of at most ${most} objects with TagKey and TagValue.`)
      if (!Array.isArray(parsed) || parsed.length === 0 || parsed.length > most) throw wrong()
      return tagsOf(
        parsed.map((item: unknown) => {
          if (!isStringRecord(item) || item.TagKey === undefined || Object.keys(item).length > 2) throw wrong()
          return [item.TagKey, item.TagValue ?? ''] as const
        }),
        name,
      )
    },
  }
}

/** `["a","b"]`. */
export function textList(member: string): Parameter {
  return {
    ...plain,
    member,
    read: (value, name, limits) => {
      const parsed = readJson(value, name, limits)
      if (!Array.isArray(parsed) || !parsed.every((item) => typeof item === 'string'))
        throw invalid(name, `${name} must be a JSON array of strings.`)
      return parsed
    },
  }
}

/** `Name.1=a&Name.2=b`. */
export function numbered(member: string): Parameter {
  return {
    ...plain,
    member,
    read: (value) => [value],
    readPieces: (pieces, name) => inOrder(pieces, name).map(([, value]) => value),
  }
}

/** `Tag.1.Key=a&Tag.1.Value=b`. */
export function numberedTags(member: string): Parameter {
  return {
    ...plain,
    member,
    read: (_, name) => {
      throw invalid(name, `Send tags as ${name}.1.Key and ${name}.1.Value.`)
    },
    readPieces: (pieces, name) => {
      const keys = new Map<string, string>()
      const values = new Map<string, string>()
      for (const [piece, value] of pieces) {
        const match = /^([0-9]+)\.(Key|Value)$/.exec(piece)
        if (match === null) throw invalid(`${name}.${piece}`, `There is no parameter ${name}.${piece} in this action.`)
        const target = match[2] === 'Key' ? keys : values
        target.set(match[1] as string, value)
      }
      for (const number of values.keys())
        if (!keys.has(number)) throw invalid(`${name}.${number}.Key`, 'A tag needs a key.')
      return tagsOf(
        inOrder(keys, name).map(([number, key]) => [key, values.get(number) ?? ''] as const),
        name,
      )
    },
  }
}

function inOrder(pieces: ReadonlyMap<string, string>, name: string): [string, string][] {
  const entries = [...pieces]
  for (const [piece] of entries)
    if (!/^[1-9][0-9]{0,2}$/.test(piece)) throw invalid(`${name}.${piece}`, `${name} is numbered from 1.`)
  return entries.sort(([left], [right]) => Number(left) - Number(right))
}

function tagsOf(pairs: readonly (readonly [string, string])[], name: string): Readonly<Record<string, string>> {
  const tags = new Map(pairs)
  if (tags.size !== pairs.length) throw invalid(name, 'A tag key stands twice.')
  return withoutProto(Object.fromEntries(tags), name)
}

/** Readers of objects pass over this name, and what is passed over would not be bound to the ciphertext. */
function withoutProto(names: Readonly<Record<string, string>>, name: string): Readonly<Record<string, string>> {
  if (Object.hasOwn(names, '__proto__')) throw invalid(name, `${name} cannot have the name __proto__ in it.`)
  return names
}

export function readJson(value: string, name: string, limits: Limits): unknown {
  try {
    return parseJson(Buffer.from(value, 'utf8'), limits)
  } catch (error) {
    throw invalid(name, `${name} must be JSON: ${(error as Error).message}`)
  }
}

export function isStringRecord(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === 'string')
  )
}
