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
  | { readonly is: 'fixed'; readonly globs: readonly Glob[] }
  /** Has variables: compiled for each request. */
  | { readonly is: 'open'; readonly parts: readonly (readonly TextToken[])[] }
  /** Nothing but one variable, which is to be a whole name. */
  | { readonly is: 'variable'; readonly tokens: readonly TextToken[] }

/** Undefined where the text cannot be a resource name. */
export function compileArnPattern(tokens: readonly TextToken[]): ArnPattern | undefined {
  const [first] = tokens
  if (tokens.length === 1 && typeof first === 'object')
    return 'variable' in first ? { is: 'variable', tokens } : first.wildcard === '*' ? { is: 'anything' } : undefined
  const split = splitAtColons(tokens, parts)
  if (split.length !== parts || split[0]?.length !== 1 || split[0][0] !== 'arn' || split[5]?.length === 0)
    return undefined
  if (hasVariables(tokens)) return { is: 'open', parts: split }
  return { is: 'fixed', globs: split.map((part) => compileGlob(part as GlobToken[])) }
}

/** Undefined where a variable has no value in this request. */
export function arnMatches(pattern: ArnPattern, arn: string, context: ConditionContext): boolean | undefined {
  switch (pattern.is) {
    case 'anything':
      return true
    case 'fixed':
      return partsMatch(pattern.globs, arn)
    case 'open': {
      const globs: Glob[] = []
      for (const part of pattern.parts) {
        const resolved = resolveText(part, context)
        if (resolved === undefined) return undefined
        globs.push(compileGlob(resolved))
      }
      return partsMatch(globs, arn)
    }
    case 'variable': {
      const resolved = resolveText(pattern.tokens, context)
      return resolved === undefined ? undefined : resolved[0] === arn
    }
  }
}

function partsMatch(globs: readonly Glob[], arn: string): boolean {
  let from = 0
  for (let index = 0; index < parts - 1; index += 1) {
    const to = arn.indexOf(':', from)
    if (to < 0 || !globMatches(globs[index] as Glob, arn, from, to)) return false
    from = to + 1
  }
  return globMatches(globs[parts - 1] as Glob, arn, from)
}
