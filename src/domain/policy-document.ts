/**
 * A policy in the IAM JSON policy language (Version 2012-10-17, or 2008-10-17 without variables), read strictly and compiled
 * once per revision. Identity policies are attached to principals; a key policy belongs to one key and names principals.
 *
 * What AWS refuses is refused, and so is what it takes but nobody can have meant: members that stand twice, misspelt
 * condition keys, Allow with NotPrincipal. Every refusal says where and how to mend it.
 */
import { type ArnPattern, arnMatches, compileArnPattern } from './arn-pattern.ts'
import type { ConditionContext } from './condition-context.ts'
import { problem } from './errors.ts'
import { foldCase, type Glob, globMatches, globOf } from './glob.ts'
import { malformed } from './malformed-policy.ts'
import { type Condition, compileConditions, type Effect } from './policy-conditions.ts'
import { parsePolicyText } from './policy-text.ts'
import { accountPattern } from './scope.ts'
import { type Json, parseStrictJson } from './strict-json.ts'

/** AWS's quota for a key policy; for both kinds here. */
export const largestPolicyBytes = 32_768
/** Document, Statement, statement, Condition, operator, key: 7 with the list of values; some room. */
const deepestPolicy = 16

export type PolicyKind = 'identity' | 'key'

export type StatementReference = {
  readonly policyName: string
  readonly sid?: string
  /** Zero-based. */
  readonly index: number
}

/** How far a Principal element reaches: to the caller by name, to its account (whose policies then decide), or not. */
export type Reach = 'principal' | 'account' | 'none'

export type PrincipalPattern = {
  /** NotPrincipal. */
  readonly not: boolean
  readonly anyone: boolean
  readonly accounts: ReadonlySet<string>
  readonly arns: ReadonlySet<string>
}

export type ActionPattern = { readonly not: boolean; readonly globs: readonly Glob[] }
export type ResourcePattern = { readonly not: boolean; readonly arns: readonly ArnPattern[] }

export type Statement = {
  readonly reference: StatementReference
  readonly effect: Effect
  /** Key policies only, and there always. */
  readonly principals?: PrincipalPattern
  /** Absent in a key policy's statement that names none: it has no effect, as on AWS. So has one without resources. */
  readonly actions?: ActionPattern
  readonly resources?: ResourcePattern
  readonly conditions: readonly Condition[]
}

/** The statements that speak of one action. */
export type StatementsAbout = { readonly deny: readonly Statement[]; readonly allow: readonly Statement[] }

export type CompiledPolicy = {
  readonly kind: PolicyKind
  readonly name: string
  /** Whose policy it is; absent for managed ones, which are everybody's. */
  readonly account?: string
  readonly statements: readonly Statement[]
  /** Condition keys, in lower case, that any of its conditions asks for. */
  readonly asksFor: ReadonlySet<string>
  /** `kms:Encrypt`, in any case. */
  readonly about: (action: string) => StatementsAbout
}

export type PolicyOptions = {
  readonly kind: PolicyKind
  /** The account whose policy it is: it is never applied to another's principals or keys. */
  readonly account?: string
  /** In decisions and explanations. */
  readonly name?: string
}

/** Problems: `MalformedPolicy`, and `LimitExceeded` for one that is too large. */
export function parsePolicy(text: string, options: PolicyOptions): CompiledPolicy {
  const bytes = Buffer.byteLength(text, 'utf8')
  if (bytes > largestPolicyBytes)
    throw problem('LimitExceeded', {
      message: `A policy has at most ${largestPolicyBytes} bytes; this one has ${bytes}.`,
      mend: 'Shorten it with wildcards, or split it into several policies.',
    })
  const { kind, account } = options
  const name = options.name ?? (kind === 'key' ? 'key policy' : 'policy')
  const document = record(parseJson(text), '', ['Version', 'Id', 'Statement'])
  const variables = parseVersion(document.get('Version'))
  const id = document.get('Id')
  if (id !== undefined) textAt(id, 'Id')
  const statements = parseStatements(document.get('Statement'), { kind, name, variables })
  return {
    kind,
    name,
    ...(account === undefined ? {} : { account }),
    statements,
    asksFor: new Set(statements.flatMap(({ conditions }) => conditions.map((condition) => condition.name))),
    about: indexByAction(statements),
  }
}

// ------------------------------------------------------------------------------------------------------------ matching

export function reachOf(
  pattern: PrincipalPattern,
  caller: { readonly account: string; readonly principalArn: string },
): Reach {
  const named = pattern.anyone || pattern.arns.has(caller.principalArn)
  // Only who is named is spared: that its account stands beside it spares nobody else there.
  if (pattern.not) return named ? 'none' : 'principal'
  if (named) return 'principal'
  return pattern.accounts.has(caller.account) ? 'account' : 'none'
}

/** `folded`: the action in lower case. */
export function actionMatches(pattern: ActionPattern, folded: string): boolean {
  for (const glob of pattern.globs) if (globMatches(glob, folded)) return !pattern.not
  return pattern.not
}

/**
 * A name with a variable that has no value matches nothing. In a NotResource it would then take everything in: a statement
 * that allows is not applied instead, one that denies is.
 */
export function resourceMatches(
  pattern: ResourcePattern,
  resource: string,
  context: ConditionContext,
  effect: Effect,
): boolean {
  let unresolved = false
  for (const arn of pattern.arns) {
    const matches = arnMatches(arn, resource, context)
    if (matches === true) return !pattern.not
    if (matches === undefined) unresolved = true
  }
  return pattern.not && !(unresolved && effect === 'Allow')
}

export function conditionsHold(statement: Statement, context: ConditionContext): boolean {
  for (const condition of statement.conditions) if (!condition.holds(context, statement.effect)) return false
  return true
}

/** The operations of the service are few; an index that meets more names than that was asked about made-up ones. */
const mostIndexedActions = 512

/** Which statements speak of an action is worked out once per action. */
function indexByAction(statements: readonly Statement[]): CompiledPolicy['about'] {
  const index = new Map<string, StatementsAbout>()
  return (action) => {
    const known = index.get(action)
    if (known !== undefined) return known
    const folded = foldCase(action)
    const about = statements.filter(({ actions }) => actions !== undefined && actionMatches(actions, folded))
    const entry = {
      deny: about.filter(({ effect }) => effect === 'Deny'),
      allow: about.filter(({ effect }) => effect === 'Allow'),
    }
    if (index.size < mostIndexedActions) index.set(action, entry)
    return entry
  }
}

// ------------------------------------------------------------------------------------------------------------- reading

function parseJson(text: string): Json {
  const parsed = parseStrictJson(text, deepestPolicy)
  if (parsed.ok) return parsed.value
  const { what, path, line, column } = parsed.fault
  switch (what) {
    case 'syntax':
      throw malformed(
        '',
        line === undefined ? 'is not JSON' : `is not JSON: see line ${line}, column ${column}`,
        'Check quotation marks, commas and brackets.',
      )
    case 'duplicate':
      throw malformed(path, 'stands twice in the same object', 'Keep one of them; several values go into one list.')
    case 'unicode':
      throw malformed(path, 'holds half of a surrogate pair, which is no character', 'Write the text in UTF-8.')
    case 'depth':
      throw malformed(path, 'is nested too deep', 'A policy needs no more than 7 levels.')
  }
}

function record(value: Json, path: string, allowed: readonly string[]): ReadonlyMap<string, Json> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(path, 'must be a JSON object', `Its members are ${allowed.join(', ')}.`)
  const members = new Map(Object.entries(value))
  for (const name of members.keys())
    if (!allowed.includes(name))
      throw malformed(
        path === '' ? name : `${path}.${name}`,
        'is not a member of the policy language here',
        `Its members are ${allowed.join(', ')}; upper and lower case count.`,
      )
  return members
}

function textAt(value: Json, path: string): string {
  if (typeof value !== 'string') throw malformed(path, 'must be a text', 'Put it in quotation marks.')
  return value
}

/** One text, or a list of at least one. */
function textsAt(value: Json, path: string): { readonly text: string; readonly path: string }[] {
  if (!Array.isArray(value)) return [{ text: textAt(value, path), path }]
  if (value.length === 0) throw malformed(path, 'is empty', 'Name at least one, or leave the statement out.')
  return value.map((one, index) => ({ text: textAt(one as Json, `${path}.${index}`), path: `${path}.${index}` }))
}

/** Has the version variables? A policy without one is of 2008-10-17, as on AWS. */
function parseVersion(value: Json | undefined): boolean {
  if (value === undefined || value === '2008-10-17') return false
  if (value === '2012-10-17') return true
  throw malformed('Version', 'is not a version of the policy language', 'Write "2012-10-17".')
}

type Reading = { readonly kind: PolicyKind; readonly name: string; readonly variables: boolean }

function parseStatements(value: Json | undefined, reading: Reading): readonly Statement[] {
  if (value === undefined)
    throw malformed('Statement', 'is missing', 'A policy has a list of statements: {"Statement": [...]}.')
  const list: readonly Json[] = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw malformed('Statement', 'is empty', 'Write at least one statement.')
  const sids = new Set<string>()
  return list.map((statement, index) => {
    const path = Array.isArray(value) ? `Statement.${index}` : 'Statement'
    const parsed = parseStatement(statement, path, index, reading)
    const { sid } = parsed.reference
    // AWS's rule for identity policies. Key policies in use there have the same Sid twice.
    if (sid !== undefined && reading.kind === 'identity') {
      if (sids.has(sid)) throw malformed(`${path}.Sid`, 'is the Sid of another statement too', 'Give each its own.')
      sids.add(sid)
    }
    return parsed
  })
}

const statementMembers = ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition']
const keyStatementMembers = [...statementMembers, 'Principal', 'NotPrincipal']

function parseStatement(value: Json, path: string, index: number, reading: Reading): Statement {
  const { kind, name, variables } = reading
  if (kind === 'identity' && typeof value === 'object' && value !== null)
    for (const member of ['Principal', 'NotPrincipal'])
      if (member in value)
        throw malformed(
          `${path}.${member}`,
          'has no place in an identity policy',
          'It applies to whom it is attached to. Principals stand in key policies.',
        )
  const members = record(value, path, kind === 'key' ? keyStatementMembers : statementMembers)
  const effect = members.get('Effect')
  if (effect !== 'Allow' && effect !== 'Deny')
    throw malformed(`${path}.Effect`, 'must be Allow or Deny', 'Write "Effect": "Allow" or "Effect": "Deny".')
  const sid = members.has('Sid') ? parseSid(members.get('Sid') as Json, `${path}.Sid`, kind) : undefined
  const principals = kind === 'key' ? parsePrincipals(members, effect, path) : undefined
  const actions = parseActions(members, path, kind)
  const resources = parseResources(members, path, reading)
  const condition = members.get('Condition')
  return {
    reference: { policyName: name, ...(sid === undefined ? {} : { sid }), index },
    effect,
    ...(principals === undefined ? {} : { principals }),
    ...(actions === undefined ? {} : { actions }),
    ...(resources === undefined ? {} : { resources }),
    conditions: condition === undefined ? [] : compileConditions(condition, variables, `${path}.Condition`),
  }
}

function parseSid(value: Json, path: string, kind: PolicyKind): string {
  const sid = textAt(value, path)
  if (kind === 'identity' && !/^[A-Za-z0-9]*$/.test(sid))
    throw malformed(path, 'may hold only letters and digits', 'Leave out spaces and signs.')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are the ones refused
  if (/[\u0000-\u001f\u007f]/.test(sid)) throw malformed(path, 'holds a control character', 'Leave it out.')
  return sid
}

/** Of a pair such as Action and NotAction, the one that is there; both is wrong, none is for the caller to judge. */
function oneOf(
  members: ReadonlyMap<string, Json>,
  name: string,
  path: string,
): { readonly not: boolean; readonly value: Json; readonly path: string } | undefined {
  const value = members.get(name)
  const not = members.get(`Not${name}`)
  if (value !== undefined && not !== undefined)
    throw malformed(path, `has both ${name} and Not${name}`, 'Keep one of them; write two statements if need be.')
  if (value !== undefined) return { not: false, value, path: `${path}.${name}` }
  return not === undefined ? undefined : { not: true, value: not, path: `${path}.Not${name}` }
}

function parseActions(members: ReadonlyMap<string, Json>, path: string, kind: PolicyKind): ActionPattern | undefined {
  const element = oneOf(members, 'Action', path)
  if (element === undefined) {
    if (kind === 'key') return undefined
    throw malformed(path, 'has neither Action nor NotAction', 'Write "Action": "kms:Decrypt", for example.')
  }
  return {
    not: element.not,
    globs: textsAt(element.value, element.path).map(({ text, path: at }) => {
      if (text !== '*' && !/^[A-Za-z0-9-]{1,64}:[A-Za-z0-9*?]{1,128}$/.test(text))
        throw malformed(at, 'is no action', 'Write the service and the operation, such as kms:Decrypt or kms:List*.')
      return globOf(foldCase(text))
    }),
  }
}

function parseResources(
  members: ReadonlyMap<string, Json>,
  path: string,
  { kind, variables }: Reading,
): ResourcePattern | undefined {
  const element = oneOf(members, 'Resource', path)
  if (element === undefined) {
    if (kind === 'key') return undefined
    throw malformed(path, 'has neither Resource nor NotResource', 'Write "Resource": "*", or the ARN of a key.')
  }
  return {
    not: element.not,
    arns: textsAt(element.value, element.path).map(({ text, path: at }) => {
      const arn = compileArnPattern(parsePolicyText(text, { wildcards: true, variables }, at))
      if (arn === undefined || arn.is === 'variable')
        throw malformed(
          at,
          'must be in ARN format or "*"',
          'Write all six parts, such as arn:aws:kms:*:111122223333:key/*.',
        )
      return arn
    }),
  }
}

function parsePrincipals(members: ReadonlyMap<string, Json>, effect: Effect, path: string): PrincipalPattern {
  const element = oneOf(members, 'Principal', path)
  if (element === undefined)
    throw malformed(
      path,
      'has no Principal',
      'Say whom it is about, such as "Principal": {"AWS": "arn:aws:iam::111122223333:root"}.',
    )
  if (element.not && effect === 'Allow')
    throw malformed(
      element.path,
      'would allow everybody but those it names',
      'Name those who are allowed in Principal. NotPrincipal goes with Deny.',
    )
  const pattern = { not: element.not, anyone: false, accounts: new Set<string>(), arns: new Set<string>() }
  if (element.value === '*') return { ...pattern, anyone: true }
  const kinds = record(element.value, element.path, ['AWS', 'Service'])
  if (kinds.size === 0) throw malformed(element.path, 'names nobody', 'Write {"AWS": "ARN"}.')
  for (const [kind, names] of kinds)
    for (const { text, path: at } of textsAt(names, `${element.path}.${kind}`)) {
      if (kind === 'Service') checkService(text, at)
      else if (text === '*') pattern.anyone = true
      else addPrincipal(pattern, text, at)
    }
  return pattern
}

/** Policies written for AWS name its services. None of them ever calls here, so they match nobody. */
function checkService(text: string, path: string): void {
  if (!/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(text))
    throw malformed(path, 'is no service principal', 'Write it as logs.amazonaws.com.')
}

const principalName =
  /^arn:aws:(iam|sts)::([0-9]+):(root|(?:user|role|assumed-role|federated-user)\/[\x21-\x7e]{1,1024})$/

function addPrincipal(pattern: { accounts: Set<string>; arns: Set<string> }, text: string, path: string): void {
  const [, service, owner = '', resource = ''] = principalName.exec(text) ?? []
  const account = accountPattern.test(text) ? text : owner
  const session = resource.startsWith('assumed-role/') || resource.startsWith('federated-user/')
  if (!accountPattern.test(account) || (service === 'sts') !== session || /[*?]/.test(resource))
    throw malformed(
      path,
      'is no principal',
      /[*?]/.test(text)
        ? 'Wildcards do not work here: write "*" alone, with a Condition on aws:PrincipalArn.'
        : 'Write an account id or an ARN such as arn:aws:iam::111122223333:user/NAME.',
    )
  if (account === text || resource === 'root') {
    pattern.accounts.add(account)
    // The account's own principal is named by this too, not only reached through its account.
    pattern.arns.add(`arn:aws:iam::${account}:root`)
  } else pattern.arns.add(text)
}
