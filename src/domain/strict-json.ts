/**
 * JSON (RFC 8259) of limited depth in which no object has a member twice. `JSON.parse` keeps the last of the two and says
 * nothing; whoever reviewed the first has then approved something else.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

export type JsonFault = {
  readonly what: 'syntax' | 'duplicate' | 'unicode' | 'depth'
  /** Where, such as `Statement.0.Effect`; empty for the text as a whole. */
  readonly path: string
  /** One-based; for `syntax` only, and only where the parser tells. */
  readonly line?: number
  readonly column?: number
}

export type StrictJson = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly fault: JsonFault }

export function parseStrictJson(text: string, deepest: number): StrictJson {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (error) {
    return { ok: false, fault: { what: 'syntax', path: '', ...placeOf(error, text) } }
  }
  // A lone surrogate is no character: in UTF-8 two different names would become the same one.
  if (!text.isWellFormed()) return { ok: false, fault: { what: 'unicode', path: '' } }
  const fault = findFault(text, deepest)
  return fault === undefined ? { ok: true, value } : { ok: false, fault }
}

function placeOf(error: unknown, text: string): { line?: number; column?: number } {
  const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1]
  if (position === undefined) return {}
  const lines = text.slice(0, Number(position)).split('\n')
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 }
}

/** An object has `names`; the step is the member or the index that the walk is at. */
type Level = { readonly names?: Set<string>; step: string | number }

/** Walks a text that is known to be JSON, without recursion. */
function findFault(text: string, deepest: number): JsonFault | undefined {
  const levels: Level[] = []
  const fault = (what: JsonFault['what']): JsonFault => ({ what, path: levels.map(({ step }) => step).join('.') })
  let expectsName = false
  for (let at = 0; at < text.length; at += 1) {
    const level = levels.at(-1)
    switch (text[at]) {
      case '{':
      case '[':
        if (levels.length === deepest) return fault('depth')
        expectsName = text[at] === '{'
        levels.push(expectsName ? { names: new Set(), step: '' } : { step: 0 })
        break
      case '}':
      case ']':
        levels.pop()
        expectsName = false
        break
      case ',':
        if (typeof level?.step === 'number') level.step += 1
        expectsName = level?.names !== undefined
        break
      case '"': {
        const end = endOfString(text, at)
        const decoded = JSON.parse(text.slice(at, end)) as string
        if (expectsName && level?.names !== undefined) {
          level.step = decoded
          if (level.names.has(decoded)) return fault('duplicate')
          level.names.add(decoded)
          expectsName = false
        }
        if (!decoded.isWellFormed()) return fault('unicode')
        at = end - 1
        break
      }
    }
  }
  return undefined
}

/** Just after the closing quotation mark. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}
