/** A tree of path segments: finds the operation in a tenth of a microsecond, where URLPattern over all takes a hundred. */
import type { AnyOperation } from '../../operations/operation.ts'

type Node = {
  readonly fixed: Map<string, Node>
  parameter?: { readonly name: string; readonly node: Node }
  methods: Map<string, AnyOperation>
}

export type Match =
  | { readonly operation: AnyOperation; readonly parameters: Readonly<Record<string, string>> }
  | { readonly allowed: readonly string[] }
  | undefined

const newNode = (): Node => ({ fixed: new Map(), methods: new Map() })

export function routeTree(operations: readonly AnyOperation[]): (method: string, path: string) => Match {
  const root = newNode()
  for (const operation of operations) {
    const [method = '', path = ''] = operation.rest.split(' ')
    let node = root
    for (const segment of path.split('/').slice(1)) {
      if (segment.startsWith('{')) {
        const name = segment.slice(1, -1)
        node.parameter ??= { name, node: newNode() }
        if (node.parameter.name !== name) throw new Error(`${path}: two names for one place`)
        node = node.parameter.node
      } else {
        const next = node.fixed.get(segment) ?? newNode()
        node.fixed.set(segment, next)
        node = next
      }
    }
    if (node.methods.has(method)) throw new Error(`two operations at ${operation.rest}`)
    node.methods.set(method, operation)
  }
  return (method, path) => find(root, method, path)
}

function find(root: Node, method: string, path: string): Match {
  let node = root
  let parameters: Record<string, string> | undefined
  let from = 1
  while (from <= path.length) {
    const slash = path.indexOf('/', from)
    const segment = path.slice(from, slash === -1 ? path.length : slash)
    from = slash === -1 ? path.length + 1 : slash + 1
    const fixed = node.fixed.get(segment)
    if (fixed !== undefined) {
      node = fixed
      continue
    }
    if (node.parameter === undefined || segment === '') return undefined
    const value = decoded(segment)
    if (value === undefined) return undefined
    parameters ??= {}
    parameters[node.parameter.name] = value
    node = node.parameter.node
  }
  const operation = node.methods.get(method)
  if (operation !== undefined) return { operation, parameters: parameters ?? {} }
  return node.methods.size === 0 ? undefined : { allowed: [...node.methods.keys()] }
}

function decoded(segment: string): string | undefined {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
