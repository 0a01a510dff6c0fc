/** Data on stdout, words on stderr. */
import { stringify } from 'yaml'

export const formats = ['table', 'json', 'ndjson', 'yaml', 'raw'] as const
export type Format = (typeof formats)[number]

export type Sink = { readonly write: (text: string | Uint8Array) => void; readonly isTTY: boolean }

/** The answer as the API gave it; a table shows its list, or its members line by line. */
export function render(value: unknown, format: Format): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(value, undefined, 2)}\n`
    case 'ndjson':
      return rowsOf(value)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join('')
    case 'yaml':
      return stringify(value)
    case 'raw':
      return typeof value === 'string' ? value : JSON.stringify(value)
    case 'table':
      return table(value)
  }
}

/** One value out of an answer: `key.keyId`, `aliases.0.aliasName`. */
export function pick(value: unknown, path: string): unknown {
  let current = value
  for (const step of path.split('.')) {
    if (typeof current !== 'object' || current === null) return undefined
    current = (current as Record<string, unknown>)[step]
  }
  return current
}

function rowsOf(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [value]
  const list = Object.values(value).find((member) => Array.isArray(member))
  return list ?? [value]
}

function table(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `${text(value)}\n`
  const entries = Object.entries(value)
  if (entries.length === 0) return 'ok\n'
  const list = entries.find(([, member]) => Array.isArray(member) && member.every((item) => typeof item === 'object'))
  if (
    list !== undefined &&
    (entries.length === 1 || entries.every(([name]) => name === list[0] || name === 'nextMarker'))
  )
    return `${rows(list[1] as Record<string, unknown>[])}${moreLine(value as Record<string, unknown>)}`
  const only = entries[0] as [string, unknown]
  if (entries.length === 1 && typeof only[1] === 'object' && only[1] !== null && !Array.isArray(only[1]))
    return table(only[1])
  const width = Math.max(...entries.map(([name]) => name.length))
  return entries
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) =>
      Array.isArray(member) && member.length > 0 && typeof member[0] === 'object'
        ? `${name}\n${indent(rows(member as Record<string, unknown>[]))}`
        : `${name.padEnd(width)}  ${text(member)}\n`,
    )
    .join('')
}

function moreLine(value: Record<string, unknown>): string {
  return value.nextMarker === undefined ? '' : `(more: --marker ${value.nextMarker})\n`
}

/** In lists, what tells one line from another; the rest is in the JSON. */
const columnsShown = 7

function rows(items: readonly Record<string, unknown>[]): string {
  if (items.length === 0) return '(none)\n'
  const names = [...new Set(items.flatMap((item) => Object.keys(item)))]
    .filter((name) => items.some((item) => typeof item[name] !== 'object') && name !== 'keyArn' && name !== 'aliasArn')
    .filter((name) => !['account', 'region', 'createdBy', 'document'].includes(name))
    .slice(0, columnsShown)
  const cells = [
    names.map((name) => name.replace(/([a-z])([A-Z])/g, '$1 $2').toUpperCase()),
    ...items.map((item) => names.map((name) => text(item[name]))),
  ]
  const widths = names.map((_, column) => Math.max(...cells.map((row) => width(row[column] as string))))
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell + ' '.repeat((widths[column] as number) - width(cell)))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function indent(block: string): string {
  return block.replace(/^(?=.)/gm, '  ')
}

function text(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-'
  if (typeof value === 'object') return JSON.stringify(value)
  return String(value)
}

/** Columns on a terminal: CJK characters take two. */
function width(cell: string): number {
  let columns = 0
  for (const letter of cell)
    columns += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(
      letter,
    )
      ? 2
      : 1
  return columns
}
