/**
 * The Condition element of the IAM policy language, compiled. An operator is a family (how one value of the request is
 * compared with one of the policy), negated or not, with IfExists or not, over one value or over a set.
 *
 * What cannot be compared (a variable without a value, a number that is none) meets no condition of an Allow, and of a
 * Deny it meets the negated ones: where AWS is silent, the side that gives less is taken.
 */
import { arnMatches, compileArnPattern } from './arn-pattern.ts'
import {
  type ConditionContext,
  type ConditionScalar,
  type ConditionValue,
  isKnownConditionKey,
} from './condition-context.ts'
import { compileGlob, foldCase, type GlobToken, globMatches } from './glob.ts'
import { blockHolds, parseAddress, parseBlock } from './internet-address.ts'
import { malformed } from './malformed-policy.ts'
import { hasVariables, parsePolicyText, resolveText, type TextToken } from './policy-text.ts'
import type { Json } from './strict-json.ts'

export type Effect = 'Allow' | 'Deny'

export type Condition = {
  /** As written. */
  readonly operator: string
  readonly key: string
  /** The key in lower case. */
  readonly name: string
  readonly holds: (context: ConditionContext, effect: Effect) => boolean
}

/** Undefined: cannot be compared in this request. */
type Comparison = (value: string | number | boolean, context: ConditionContext) => boolean | undefined

type Family = (written: string, rules: { readonly variables: boolean }, path: string) => Comparison

type Operator = { readonly family: Family; readonly negated: boolean }

export function compileConditions(element: Json, variables: boolean, path: string): readonly Condition[] {
  const conditions: Condition[] = []
  const operators = new Set<string>()
  for (const [operator, keys] of members(element, path)) {
    const operatorPath = `${path}.${operator}`
    const { set, ifExists, base } = parseOperator(operator, operatorPath)
    refuseTwice(operators, operator, operatorPath)
    const names = new Set<string>()
    for (const [key, values] of members(keys, operatorPath)) {
      const keyPath = `${operatorPath}.${key}`
      const name = foldCase(key)
      if (!isKnownConditionKey(name))
        throw malformed(keyPath, 'is no condition key', 'Use a key such as kms:EncryptionContext:NAME or aws:SourceIp.')
      refuseTwice(names, key, keyPath)
      const holds =
        base === 'null'
          ? compileNull(name, valuesOf(values, keyPath), keyPath)
          : compileOperator(name, operatorOf(base, operatorPath), set, ifExists, {
              values: valuesOf(values, keyPath),
              variables,
              path: keyPath,
            })
      conditions.push({ operator, key, name, holds })
    }
  }
  return conditions
}

function members(value: Json, path: string): [string, Json][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(path, 'must be an object', 'Write {"StringEquals": {"aws:username": "NAME"}}, for example.')
  return Object.entries(value)
}

/** Names that differ only in case are the same one: which of the two would hold? */
function refuseTwice(seen: Set<string>, name: string, path: string): void {
  const folded = foldCase(name)
  if (seen.has(folded)) throw malformed(path, 'stands twice', 'Put all its values into one list.')
  seen.add(folded)
}

function valuesOf(value: Json, path: string): string[] {
  const list: readonly Json[] = Array.isArray(value) ? value : [value as Json]
  if (list.length === 0) throw malformed(path, 'has no value', 'Give at least one value, or leave the key out.')
  return list.map((one, index) => {
    if (typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean') return String(one)
    throw malformed(
      Array.isArray(value) ? `${path}.${index}` : path,
      'must be a text, a number or a boolean',
      'Write the value as text.',
    )
  })
}

type SetOperator = 'any' | 'all' | undefined

function parseOperator(written: string, path: string): { set: SetOperator; ifExists: boolean; base: string } {
  let base = foldCase(written)
  let set: SetOperator
  if (base.startsWith('foranyvalue:')) set = 'any'
  if (base.startsWith('forallvalues:')) set = 'all'
  if (set !== undefined) base = base.slice(base.indexOf(':') + 1)
  const ifExists = base.endsWith('ifexists')
  if (ifExists) base = base.slice(0, -'ifexists'.length)
  if (base === 'null' && (set !== undefined || ifExists))
    throw malformed(path, 'is no condition operator', 'Null stands alone: {"Null": {"KEY": "true"}}.')
  return { set, ifExists, base }
}

function operatorOf(base: string, path: string): Operator {
  const operator = operators.get(base)
  if (operator === undefined)
    throw malformed(path, 'is no condition operator', `Use one of ${operatorNames.join(', ')} or Null.`)
  return operator
}

/** `true`: the key must not be there. An empty list is not there. */
function compileNull(name: string, values: readonly string[], path: string): Condition['holds'] {
  const wanted = new Set(values.map((value) => booleanOf(value, path)))
  return (context) => wanted.has(!isPresent(context(name)))
}

function isPresent(value: ConditionValue | undefined): value is ConditionValue {
  return value !== undefined && !(Array.isArray(value) && value.length === 0)
}

function compileOperator(
  name: string,
  { family, negated }: Operator,
  set: SetOperator,
  ifExists: boolean,
  written: { readonly values: readonly string[]; readonly variables: boolean; readonly path: string },
): Condition['holds'] {
  const comparisons = written.values.map((value, index) =>
    family(value, written, written.values.length === 1 ? written.path : `${written.path}.${index}`),
  )
  /** ForAllValues holds of nothing; ForAnyValue does not; a negated operator is met by a key that is not there. */
  const whenAbsent = set === 'all' || ifExists || (negated && set === undefined)
  const one = (value: ConditionScalar, context: ConditionContext, effect: Effect): boolean => {
    const equal = compareAny(comparisons, value, context)
    if (!negated) return equal === true
    return equal === undefined ? effect === 'Deny' : !equal
  }
  return (context, effect) => {
    const value = context(name)
    if (!isPresent(value)) return whenAbsent
    if (!isList(value)) return one(value, context, effect)
    if (set === 'all') return value.every((each) => one(each, context, effect))
    // As on AWS, an operator for one value is not met by a key that can have several; but no Deny is lost that way.
    if (set === undefined && effect === 'Allow') return false
    return value.some((each) => one(each, context, effect))
  }
}

function isList(value: ConditionValue): value is readonly ConditionScalar[] {
  return Array.isArray(value)
}

/** True: equal to one of them. Undefined: to none, but one of them could not be compared. */
function compareAny(
  comparisons: readonly Comparison[],
  value: ConditionScalar,
  context: ConditionContext,
): boolean | undefined {
  if (typeof value === 'object') {
    let result: boolean | undefined = false
    for (const spelling of value.spellings) {
      const equal = compareAny(comparisons, spelling, context)
      if (equal === true) return true
      if (equal === undefined) result = undefined
    }
    return result
  }
  let result: boolean | undefined = false
  for (const compare of comparisons) {
    const equal = compare(value, context)
    if (equal === true) return true
    if (equal === undefined) result = undefined
  }
  return result
}

// ------------------------------------------------------------------------------------------------------------ families

const stringEquals: Family = (written, { variables }, path) => {
  const tokens = parsePolicyText(written, { wildcards: false, variables }, path)
  return compareText(tokens, (wanted, value) => wanted === value)
}

const stringEqualsIgnoreCase: Family = (written, { variables }, path) => {
  const tokens = parsePolicyText(written, { wildcards: false, variables }, path)
  return compareText(tokens, (wanted, value) => wanted.toLowerCase() === value.toLowerCase())
}

function compareText(tokens: readonly TextToken[], equal: (wanted: string, value: string) => boolean): Comparison {
  if (!hasVariables(tokens)) {
    const wanted = tokens.join('')
    return (value) => equal(wanted, String(value))
  }
  return (value, context) => {
    const resolved = resolveText(tokens, context)
    return resolved === undefined ? undefined : equal(resolved.join(''), String(value))
  }
}

const stringLike: Family = (written, { variables }, path) => {
  const tokens = parsePolicyText(written, { wildcards: true, variables }, path)
  if (!hasVariables(tokens)) {
    const glob = compileGlob(tokens as readonly GlobToken[])
    return (value) => globMatches(glob, String(value))
  }
  return (value, context) => {
    const resolved = resolveText(tokens, context)
    return resolved === undefined ? undefined : globMatches(compileGlob(resolved), String(value))
  }
}

/** ArnEquals and ArnLike are the same operator, as on AWS. */
const arnLike: Family = (written, { variables }, path) => {
  const pattern = compileArnPattern(parsePolicyText(written, { wildcards: true, variables }, path))
  if (pattern === undefined)
    throw malformed(path, 'is no ARN', 'Write all six parts, such as arn:aws:iam::111122223333:user/*.')
  return (value, context) => arnMatches(pattern, String(value), context)
}

function numeric(holds: (value: number, wanted: number) => boolean): Family {
  return (written, _rules, path) => {
    const wanted = numberOf(written)
    if (wanted === undefined) throw malformed(path, 'must be a number', 'Write digits, such as 30 or 0.5.')
    return (value) => {
      const number = typeof value === 'number' ? value : numberOf(String(value))
      return number === undefined ? undefined : holds(number, wanted)
    }
  }
}

function numberOf(text: string): number | undefined {
  if (!/^[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$/.test(text)) return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : undefined
}

function date(holds: (value: number, wanted: number) => boolean): Family {
  return (written, _rules, path) => {
    const wanted = millisecondsOf(written)
    if (wanted === undefined)
      throw malformed(
        path,
        'is no date',
        'Write it as 2026-12-31T23:59:59Z (ISO 8601, with its zone), 2026-12-31, or in seconds since 1970.',
      )
    return (value) => {
      const at = millisecondsOf(String(value))
      return at === undefined ? undefined : holds(at, wanted)
    }
  }
}

const isoDate =
  /^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:[0-9]{2}))?)?)?$/

/** W3C's profile of ISO 8601, or seconds since 1970: four digits are a year. */
function millisecondsOf(text: string): number | undefined {
  if (/^-?[0-9]{5,12}(?:\.[0-9]{1,3})?$/.test(text)) return Number(text) * 1000
  const [, year, month = '01', day = '01'] = isoDate.exec(text) ?? []
  if (year === undefined) return undefined
  // Date.parse takes the 30th of February for the 2nd of March.
  const daysInMonth = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  const at = Number(day) <= daysInMonth ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}

const bool: Family = (written, _rules, path) => {
  const wanted = booleanOf(written, path)
  return (value) => {
    const text = String(value).toLowerCase()
    return text === 'true' || text === 'false' ? (text === 'true') === wanted : undefined
  }
}

function booleanOf(text: string, path: string): boolean {
  const folded = foldCase(text)
  if (folded !== 'true' && folded !== 'false')
    throw malformed(path, 'must be true or false', 'Write "true" or "false".')
  return folded === 'true'
}

const ipAddress: Family = (written, _rules, path) => {
  const block = parseBlock(written)
  if (block === undefined)
    throw malformed(path, 'is no IP address or CIDR block', 'Write 203.0.113.0/24 or 2001:db8::/32, for example.')
  return (value) => {
    // A link-local peer is reported with its zone: fe80::1%eth0.
    const text = String(value)
    const zone = text.indexOf('%')
    const address = parseAddress(zone < 0 ? text : text.slice(0, zone))
    return address === undefined ? undefined : blockHolds(block, address)
  }
}

const binaryEquals: Family = (written, _rules, path) => {
  if (written.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(written))
    throw malformed(path, 'is not base64', 'Write the bytes in base64 with padding (RFC 4648, section 4).')
  return (value) => value === written
}

const equal = (value: number, wanted: number) => value === wanted
const less = (value: number, wanted: number) => value < wanted
const atMost = (value: number, wanted: number) => value <= wanted
const greater = (value: number, wanted: number) => value > wanted
const atLeast = (value: number, wanted: number) => value >= wanted

const table: Readonly<Record<string, Operator>> = {
  StringEquals: { family: stringEquals, negated: false },
  StringNotEquals: { family: stringEquals, negated: true },
  StringEqualsIgnoreCase: { family: stringEqualsIgnoreCase, negated: false },
  StringNotEqualsIgnoreCase: { family: stringEqualsIgnoreCase, negated: true },
  StringLike: { family: stringLike, negated: false },
  StringNotLike: { family: stringLike, negated: true },
  NumericEquals: { family: numeric(equal), negated: false },
  NumericNotEquals: { family: numeric(equal), negated: true },
  NumericLessThan: { family: numeric(less), negated: false },
  NumericLessThanEquals: { family: numeric(atMost), negated: false },
  NumericGreaterThan: { family: numeric(greater), negated: false },
  NumericGreaterThanEquals: { family: numeric(atLeast), negated: false },
  DateEquals: { family: date(equal), negated: false },
  DateNotEquals: { family: date(equal), negated: true },
  DateLessThan: { family: date(less), negated: false },
  DateLessThanEquals: { family: date(atMost), negated: false },
  DateGreaterThan: { family: date(greater), negated: false },
  DateGreaterThanEquals: { family: date(atLeast), negated: false },
  Bool: { family: bool, negated: false },
  BinaryEquals: { family: binaryEquals, negated: false },
  IpAddress: { family: ipAddress, negated: false },
  NotIpAddress: { family: ipAddress, negated: true },
  ArnEquals: { family: arnLike, negated: false },
  ArnNotEquals: { family: arnLike, negated: true },
  ArnLike: { family: arnLike, negated: false },
  ArnNotLike: { family: arnLike, negated: true },
}

export const operatorNames: readonly string[] = Object.keys(table)
const operators: ReadonlyMap<string, Operator> = new Map(
  Object.entries(table).map(([name, operator]) => [foldCase(name), operator]),
)
