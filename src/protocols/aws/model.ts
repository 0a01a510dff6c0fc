/**
 * What AWS KMS takes and gives, by name: facts of its public service model (API version 2014-11-01, as of November 2026)
 * in model.json. A member type that ends in `!` is required.
 */
import facts from './model.json' with { type: 'json' }

export type Action = keyof typeof facts.operations
export type MembersIn<A extends Action> = keyof (typeof facts.operations)[A]['in']
export type MembersOut<A extends Action> = keyof (typeof facts.operations)[A]['out']

export type Members = Readonly<Record<string, string>>

type TypeFacts = {
  readonly t: 'string' | 'blob' | 'integer' | 'boolean' | 'timestamp' | 'list' | 'map'
  /** Of a string its characters, of a blob its bytes, of a list its elements, of a number its value. */
  readonly min?: number
  readonly max?: number
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly of?: string
  readonly value?: string
  /** Never shown again, not even to its sender. */
  readonly sensitive?: boolean
}

type Model = {
  readonly operations: Readonly<
    Record<Action, { readonly in: Members; readonly out: Members; readonly emptyBody?: boolean }>
  >
  readonly structures: Readonly<Record<string, Members>>
  readonly types: Readonly<Record<string, TypeFacts>>
}

export const model = facts as unknown as Model
export const actionNames = Object.keys(facts.operations) as readonly Action[]

/**
 * Where this service takes other values than AWS. Each is told to the caller in the words of AWS's own validation.
 * - Regions here are whatever the operator calls them, such as `local`.
 * - Automatic rotation happens every 730 days at the longest; AWS goes up to 2,560.
 * - An external key store is whatever address the operator allows; AWS wants a public name and one port.
 */
const deviations: Model['types'] = {
  XksProxyUriEndpointType: { t: 'string', min: 10, max: 128, pattern: 'https://[a-zA-Z0-9.-]+(?::[0-9]{1,5})?' },
  RegionType: { t: 'string', min: 1, max: 64, pattern: '[a-z][a-z0-9]*(?:-[a-z0-9]+)*' },
  RotationPeriodInDaysType: { t: 'integer', min: 90, max: 730 },
}

export function typeFacts(name: string): TypeFacts | undefined {
  return deviations[name] ?? model.types[name]
}
