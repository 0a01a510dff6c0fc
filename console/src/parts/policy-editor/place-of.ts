/** Where in the text of a JSON document a member stands that is named by its path, `Statement.0.Action.1`. */
import type { SyntaxNode, Tree } from '@lezer/common'

type Place = { readonly from: number; readonly to: number }

/** The deepest part of the path that is there; the first error where the text is no JSON. */
export function placeOf(tree: Tree, text: (from: number, to: number) => string, path: string): Place | undefined {
  const error = firstError(tree)
  if (error !== undefined) return error
  let value = firstValue(tree.topNode)
  let place: Place | undefined = value ?? undefined
  for (const part of path === '' ? [] : path.split('.')) {
    if (value === null) break
    if (value.name === 'Array') {
      value = values(value)[Number(part)] ?? null
      if (value !== null) place = value
    } else {
      const property: SyntaxNode | undefined = value.getChildren('Property').find((one) => nameOf(one, text) === part)
      // A statement may stand without its list: `Statement.0` is then the statement itself.
      if (property === undefined && part === '0') continue
      place = property === undefined ? place : (property.firstChild ?? place)
      value = property === undefined ? null : firstValue(property)
    }
  }
  return place
}

function nameOf(property: SyntaxNode, text: (from: number, to: number) => string): string | undefined {
  const name = property.getChild('PropertyName')
  return name === null ? undefined : text(name.from + 1, name.to - 1)
}

const valueNames = ['Object', 'Array', 'String', 'Number', 'True', 'False', 'Null']

function values(node: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling)
    if (valueNames.includes(child.name)) found.push(child)
  return found
}

function firstValue(node: SyntaxNode): SyntaxNode | null {
  return values(node)[0] ?? null
}

function firstError(tree: Tree): Place | undefined {
  let found: Place | undefined
  tree.iterate({
    enter({ type, from, to }) {
      if (type.isError) found ??= { from, to: Math.max(to, from + 1) }
      return found === undefined
    },
  })
  return found
}
