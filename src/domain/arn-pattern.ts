/**
 * Patterns of Amazon resource names: `arn:partition:service:region:account:resource`. A wildcard holds within its part;
 * only the last part, the resource, may itself contain colons. So `arn:aws:kms:*:111122223333:key/x` never reaches into
 * another account, whatever a resource is called.
 */
import type { ConditionContext } from './condition-context.ts'
import { compileGlob, type Glob, type GlobToken, globMatches } from './glob.ts'
import { hasVariables, resolveText, splitAtColons, type TextToken } from './policy-text.ts'

const parts = 6

export type ArnPattern =
  | { readonly is: 'anything' }
  | ({ readonly is: 'fixed' } & Parts)
  /** Has variables: compiled for each request. */
  | { readonly is: 'open'; readonly parts: readonly (readonly TextToken[])[] }
  /** Nothing but one variable, which is to be a whole name. */
  | { readonly is: 'variable'; readonly tokens: readonly TextToken[] }

type Parts = {
  /** The parts at the beginning that are plain text, each with its colon: `arn:aws:kms:`. */
  readonly lead: string
  /** The others. */
  readonly globs: readonly Glob[]
}

/** Undefined where the text cannot be a resource name. */
export function compileArnPattern(tokens: readonly TextToken[]): ArnPattern | undefined {
  const [first] = tokens
  if (tokens.length === 1 && typeof first === 'object')
    return 'variable' in first ? { is: 'variable', tokens } : first.wildcard === '*' ? { is: 'anything' } : undefined
  const split = splitAtColons(tokens, parts)
  if (split.length !== parts || split[0]?.length !== 1 || split[0][0] !== 'arn' || split[5]?.length === 0)
    return undefined
  if (hasVariables(tokens)) return { is: 'open', parts: split }
  return { is: 'fixed', ...compileParts(split as GlobToken[][]) }
}

/** Undefined where a variable has no value in this request. */
export function arnMatches(pattern: ArnPattern, arn: string, context: ConditionContext): boolean | undefined {
  switch (pattern.is) {
    case 'anything':
      return true
    case 'fixed':
      return partsMatch(pattern, arn)
    case 'open': {
      const resolved: GlobToken[][] = []
      for (const part of pattern.parts) {
        const tokens = resolveText(part, context)
        if (tokens === undefined) return undefined
        resolved.push(tokens)
      }
      return partsMatch(compileParts(resolved), arn)
    }
    case 'variable': {
      const resolved = resolveText(pattern.tokens, context)
      return resolved === undefined ? undefined : resolved[0] === arn
    }
  }
}

function compileParts(tokens: readonly (readonly GlobToken[])[]): Parts {
  let lead = ''
  let plain = 0
  for (const part of tokens.slice(0, parts - 1)) {
    const text = part.join('')
    // A colon can only come out of a variable: such a part equals no part of a name.
    if (!part.every((token) => typeof token === 'string') || text.includes(':')) break
    lead += `${text}:`
    plain += 1
  }
  return { lead, globs: tokens.slice(plain).map(compileGlob) }
}

function partsMatch({ lead, globs }: Parts, arn: string): boolean {
  if (!arn.startsWith(lead)) return false
  let from = lead.length
  const last = globs.length - 1
  for (let index = 0; index < last; index += 1) {
    const to = arn.indexOf(':', from)
    if (to < 0 || !globMatches(globs[index] as Glob, arn, from, to)) return false
    from = to + 1
  }
  return globMatches(globs[last] as Glob, arn, from)
}
