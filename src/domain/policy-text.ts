/**
 * Text in a policy that may hold wildcards and policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`,
 * and `${*}`, `${?}`, `${$}` for the characters themselves. What a variable stands for is plain text: a star in somebody's
 * tag is a star, never a wildcard.
 */
import { type ConditionContext, type ConditionScalar, isKnownConditionKey, textOf } from './condition-context.ts'
import { anyCharacter, anyText, foldCase, type GlobToken } from './glob.ts'
import { malformed } from './malformed-policy.ts'

export type Variable = { readonly variable: string; readonly fallback?: string }
export type TextToken = GlobToken | Variable

export type TextRules = {
  /** Do `*` and `?` stand for other text? */
  readonly wildcards: boolean
  /** Version 2012-10-17 has variables; the version before it has not. */
  readonly variables: boolean
}

export function parsePolicyText(text: string, rules: TextRules, path: string): TextToken[] {
  const tokens: TextToken[] = []
  let plain = ''
  const flush = () => {
    if (plain !== '') tokens.push(plain)
    plain = ''
  }
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] as string
    if (rules.wildcards && (character === '*' || character === '?')) {
      flush()
      tokens.push(character === '*' ? anyText : anyCharacter)
    } else if (character === '$' && text[at + 1] === '{') {
      const end = text.indexOf('}', at)
      const inner = text.slice(at + 2, end)
      if (end < 0) throw malformed(path, 'opens a policy variable that is not closed', 'Write $' + '{key}.')
      if (!rules.variables)
        throw malformed(
          path,
          'uses a policy variable, which only Version 2012-10-17 has',
          'Add "Version": "2012-10-17" to the policy.',
        )
      if (inner === '*' || inner === '?' || inner === '$') plain += inner
      else {
        flush()
        tokens.push(parseVariable(inner, path))
      }
      at = end
    } else plain += character
  }
  flush()
  return tokens
}

function parseVariable(inner: string, path: string): Variable {
  const [, name = '', fallback] = /^\s*([^,'{}$]+?)\s*(?:,\s*'([^']*)'\s*)?$/.exec(inner) ?? []
  if (!isKnownConditionKey(foldCase(name)))
    throw malformed(
      path,
      `uses a policy variable that is not known: ${inner}`,
      'Name a condition key, such as aws:username or aws:PrincipalTag/team.',
    )
  return { variable: foldCase(name), ...(fallback === undefined ? {} : { fallback }) }
}

export function hasVariables(tokens: readonly TextToken[]): boolean {
  return tokens.some((token) => typeof token === 'object' && 'variable' in token)
}

/** The tokens with every variable replaced; undefined where one has no single value in this request and no fallback. */
export function resolveText(tokens: readonly TextToken[], context: ConditionContext): GlobToken[] | undefined {
  const resolved: GlobToken[] = []
  for (const token of tokens) {
    if (typeof token === 'string' || 'wildcard' in token) resolved.push(token)
    else {
      const value = context(token.variable)
      const text = value === undefined || Array.isArray(value) ? token.fallback : textOf(value as ConditionScalar)
      if (text === undefined || text === '') return undefined
      resolved.push(text)
    }
  }
  return resolved
}

/** Splits at the first `count - 1` colons that were written; colons inside variables do not count. */
export function splitAtColons(tokens: readonly TextToken[], count: number): TextToken[][] {
  const parts: TextToken[][] = [[]]
  for (const token of tokens) {
    if (typeof token !== 'string') {
      parts.at(-1)?.push(token)
      continue
    }
    let rest = token
    for (let colon = rest.indexOf(':'); colon >= 0 && parts.length < count; colon = rest.indexOf(':')) {
      if (colon > 0) parts.at(-1)?.push(rest.slice(0, colon))
      parts.push([])
      rest = rest.slice(colon + 1)
    }
    if (rest !== '') parts.at(-1)?.push(rest)
  }
  return parts
}
