/**
 * Is a request what the model says? Every member that is not is named in one message, in the words that AWS uses, since
 * people search for them and tools parse them.
 */
import { problem } from '../../domain/errors.ts'
import { type Members, model, typeFacts } from './model.ts'

export type Given = Readonly<Record<string, unknown>>

/** Throws `InvalidRequest`; members that are null are as if they were not there. */
export type Validator = (value: unknown) => Given

type Failures = string[]
type Check = (value: unknown, path: string, failures: Failures) => void

/** Enough to mend a request by; a list of ten thousand wrong elements is not repeated to its sender. */
const mostFailures = 20

export function validatorFor(members: Members): Validator {
  const check = structureCheck(members)
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw notSerializable('The body must be a JSON object.')
    const failures: Failures = []
    check(value, '', failures)
    if (failures.length > 0) throw validationProblem(failures)
    const given = value as Given
    for (const name in given) if (given[name] === null) return withoutNulls(given)
    return given
  }
}

function withoutNulls(given: Given): Given {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null))
}

export function validationProblem(failures: readonly string[]) {
  const shown = failures.slice(0, mostFailures)
  return problem('InvalidRequest', {
    message: `${failures.length} validation error${failures.length === 1 ? '' : 's'} detected: ${shown.join('; ')}`,
    facts: { awsCode: 'ValidationException', verbatim: true },
  })
}

export function notSerializable(message: string) {
  return problem('InvalidRequest', { message, facts: { awsCode: 'SerializationException', verbatim: true } })
}

function structureCheck(members: Members): Check {
  const checks = Object.entries(members).map(([name, type]) => ({
    name,
    path: name.charAt(0).toLowerCase() + name.slice(1),
    required: type.endsWith('!'),
    check: checkOf(type.endsWith('!') ? type.slice(0, -1) : type),
  }))
  const known = new Set(Object.keys(members))
  return (value, path, failures) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(value, 'Structure', path)
    const source = value as Record<string, unknown>
    // A member that is silently passed over could be the one that the caller relies on.
    for (const name of Object.keys(source))
      if (!known.has(name))
        throw notSerializable(`The member ${JSON.stringify(name.slice(0, 128))} is not known to this operation.`)
    for (const { name, path: own, required, check } of checks) {
      const inner = source[name]
      if (inner !== undefined && inner !== null) check(inner, path === '' ? own : `${path}.${own}`, failures)
      else if (required)
        failures.push(
          `Value null at '${path === '' ? own : `${path}.${own}`}' failed to satisfy constraint: Member must not be null`,
        )
    }
  }
}

function checkOf(type: string): Check {
  const facts = typeFacts(type)
  if (facts === undefined) {
    const members = model.structures[type]
    if (members === undefined) throw new Error(`the model has no type ${type}`)
    return structureCheck(members)
  }
  const { min = 0, max = Number.POSITIVE_INFINITY, sensitive } = facts
  const value = (shown: unknown) => (sensitive ? 'Value' : `Value '${String(shown).slice(0, 256)}'`)
  switch (facts.t) {
    case 'string': {
      const pattern = facts.pattern === undefined ? undefined : new RegExp(`^(?:${facts.pattern})$`, 'u')
      const allowed = facts.enum === undefined ? undefined : new Set(facts.enum)
      return (text, path, failures) => {
        if (typeof text !== 'string') throw wrongType(text, 'String', path)
        const fail = (constraint: string) =>
          failures.push(`${value(text)} at '${path}' failed to satisfy constraint: Member must ${constraint}`)
        if (allowed !== undefined && !allowed.has(text))
          fail(`satisfy enum value set: [${(facts.enum as readonly string[]).join(', ')}]`)
        else if (text.length > max) fail(`have length less than or equal to ${max}`)
        else if (text.length < min) fail(`have length greater than or equal to ${min}`)
        else if (pattern !== undefined && !pattern.test(text))
          fail(`satisfy regular expression pattern: ${facts.pattern}`)
      }
    }
    case 'blob':
      return (text, path, failures) => {
        if (typeof text !== 'string') throw wrongType(text, 'Blob', path)
        const length = decodedLength(text)
        const fail = (constraint: string) =>
          failures.push(`Value at '${path}' failed to satisfy constraint: Member must ${constraint}`)
        if (length > max) fail(`have length less than or equal to ${max}`)
        else if (length < min) fail(`have length greater than or equal to ${min}`)
      }
    case 'integer':
      return (number, path, failures) => {
        if (typeof number !== 'number' || !Number.isInteger(number)) throw wrongType(number, 'Integer', path)
        const fail = (constraint: string) =>
          failures.push(`${value(number)} at '${path}' failed to satisfy constraint: Member must ${constraint}`)
        if (number > max) fail(`have value less than or equal to ${max}`)
        else if (number < min) fail(`have value greater than or equal to ${min}`)
      }
    case 'boolean':
      return (flag, path) => {
        if (typeof flag !== 'boolean') throw wrongType(flag, 'Boolean', path)
      }
    case 'timestamp':
      return (at, path) => {
        if (typeof at !== 'number' || !Number.isFinite(at)) throw wrongType(at, 'Timestamp', path)
      }
    case 'list': {
      const check = checkOf(facts.of as string)
      return (list, path, failures) => {
        if (!Array.isArray(list)) throw wrongType(list, 'List', path)
        if (list.length > max || list.length < min)
          failures.push(
            `Value at '${path}' failed to satisfy constraint: Member must have length ${list.length > max ? `less than or equal to ${max}` : `greater than or equal to ${min}`}`,
          )
        else
          for (const [index, element] of list.entries())
            if (failures.length < mostFailures) check(element, `${path}.${index + 1}.member`, failures)
      }
    }
    case 'map': {
      const check = checkOf(facts.value as string)
      return (map, path, failures) => {
        if (typeof map !== 'object' || map === null || Array.isArray(map)) throw wrongType(map, 'Map', path)
        for (const [name, inner] of Object.entries(map)) check(inner, `${path}.${name}.member`, failures)
      }
    }
  }
}

/** Whether it is base64 at all is asked when it is decoded; here only how long it would be. */
function decodedLength(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return Math.floor((text.length * 3) / 4) - padding
}

function wrongType(value: unknown, wanted: string, path: string) {
  return notSerializable(`${kindOfJson(value)} cannot be converted to ${wanted}${path === '' ? '' : ` at '${path}'`}`)
}

function kindOfJson(value: unknown): string {
  if (value === null) return 'NULL_VALUE'
  if (Array.isArray(value)) return 'START_ARRAY'
  switch (typeof value) {
    case 'string':
      return 'STRING_VALUE'
    case 'number':
      return Number.isInteger(value) ? 'NUMBER_VALUE' : 'DECIMAL_VALUE'
    case 'boolean':
      return value ? 'TRUE_VALUE' : 'FALSE_VALUE'
    default:
      return 'START_OBJECT'
  }
}
