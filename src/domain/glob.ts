/**
 * Patterns with `*` (any text) and `?` (any one UTF-16 code unit), compiled once. No regular expression is ever made from
 * what somebody wrote: pieces are looked for from left to right and never given back, so that the work is at most the
 * length of the text times that of the pattern, whatever the pattern.
 */
export const anyText = { wildcard: '*' } as const
export const anyCharacter = { wildcard: '?' } as const
/** Text that stands for itself, or a wildcard. */
export type GlobToken = string | typeof anyText | typeof anyCharacter

/** What stands between two stars. */
type Piece = {
  /** A `?` is held open by a NUL here, and told apart by `open`. */
  readonly text: string
  /** Positions of the question marks; absent where there are none, and then the text can be compared whole. */
  readonly open?: ReadonlySet<number>
}

export type Glob = {
  readonly first: Piece
  /** Absent where the pattern has no star: then `first` is all of it. */
  readonly rest?: { readonly middle: readonly Piece[]; readonly last: Piece; readonly length: number }
}

export function compileGlob(tokens: readonly GlobToken[]): Glob {
  const pieces: Piece[] = []
  let text = ''
  let open = new Set<number>()
  const close = () => {
    pieces.push(open.size === 0 ? { text } : { text, open })
    text = ''
    open = new Set()
  }
  for (const token of tokens) {
    if (token === anyText) close()
    else if (token === anyCharacter) {
      open.add(text.length)
      text += '\0'
    } else text += token
  }
  close()
  const first = pieces[0] as Piece
  if (pieces.length === 1) return { first }
  return {
    first,
    rest: {
      middle: pieces.slice(1, -1).filter((piece) => piece.text !== ''),
      last: pieces.at(-1) as Piece,
      length: pieces.reduce((sum, piece) => sum + piece.text.length, 0),
    },
  }
}

/** A pattern as it is written, without escapes. */
export function globOf(pattern: string): Glob {
  return compileGlob(globTokens(pattern))
}

export function globTokens(pattern: string): GlobToken[] {
  const tokens: GlobToken[] = []
  let start = 0
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at]
    if (character !== '*' && character !== '?') continue
    if (at > start) tokens.push(pattern.slice(start, at))
    tokens.push(character === '*' ? anyText : anyCharacter)
    start = at + 1
  }
  if (start < pattern.length) tokens.push(pattern.slice(start))
  return tokens
}

/** Does the pattern match all of `text`, or all of its part from `from` to before `to`? */
export function globMatches(glob: Glob, text: string, from = 0, to = text.length): boolean {
  const { first, rest } = glob
  if (rest === undefined) return to - from === first.text.length && standsAt(first, text, from)
  if (to - from < rest.length || !standsAt(first, text, from)) return false
  const lastAt = to - rest.last.text.length
  if (!standsAt(rest.last, text, lastAt)) return false
  let at = from + first.text.length
  for (const piece of rest.middle) {
    at = find(piece, text, at, lastAt)
    if (at < 0) return false
    at += piece.text.length
  }
  return true
}

/** The caller has made sure that the text is long enough. */
function standsAt(piece: Piece, text: string, at: number): boolean {
  if (piece.open === undefined) return text.startsWith(piece.text, at)
  for (let index = 0; index < piece.text.length; index += 1)
    if (text.charCodeAt(at + index) !== piece.text.charCodeAt(index) && !piece.open.has(index)) return false
  return true
}

/** Where the piece stands first, ending at or before `end`; -1 where it does not. The leftmost place is never wrong. */
function find(piece: Piece, text: string, from: number, end: number): number {
  const latest = end - piece.text.length
  if (piece.open === undefined) {
    const at = text.indexOf(piece.text, from)
    return at > latest ? -1 : at
  }
  for (let at = from; at <= latest; at += 1) if (standsAt(piece, text, at)) return at
  return -1
}

/** ASCII letters in lower case; look-alikes such as the Kelvin sign stay what they are. */
export function foldCase(text: string): string {
  // Most names are in lower case already, and this is on the road of every request.
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code >= 0x41 && code <= 0x5a) return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  }
  return text
}
