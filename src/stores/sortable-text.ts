/**
 * Text whose order by code point, and so by byte of its UTF-8, is the order of the original by UTF-16 code unit: what
 * JavaScript's `<` says, and what the ports promise. A database that compares bytes then sorts as every other store does.
 *
 * Each code unit is written on its own, so prefixes stay prefixes and no two texts look alike. Ordinary text stays as it
 * is. Written anew are: NUL, which PostgreSQL does not take; surrogates, which sort below U+E000 as code units and above
 * it as code points, and which no database takes unpaired; and what lies above them, to leave room at the top.
 */
export function sortableText(text: string): string {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit <= lastLow || unit >= firstHigh) return rewritten(text)
  }
  return text
}

/** Where the texts that begin with this sortable text end: above all of them, and not above any other. */
export function endOfPrefix(sortablePrefix: string): string {
  return `${sortablePrefix}\ue000`
}

/** U+0001 and U+D7FF (never assigned) announce a unit that is written anew. */
const lastLow = 0x0001
const firstHigh = 0xd7ff

function rewritten(text: string): string {
  let sortable = ''
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit <= lastLow) sortable += `\u0001${String.fromCharCode(unit + 1)}`
    else if (unit >= firstHigh) sortable += `\ud7ff${String.fromCharCode(unit - firstHigh + 1)}`
    else sortable += text[at]
  }
  return sortable
}
