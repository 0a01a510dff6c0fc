/** How an action of this cloud is bound to an operation of ours. */
import type { World } from '../../domain/ports.ts'
import type { Differences } from '../../operations/operation.ts'
import { encodeBase64 } from '../../operations/shapes.ts'
import type { Dialect } from '../dialect.ts'
import { pascalCase } from '../dialect.ts'
import type { Rewording } from './errors.ts'
import type { Members, Parameter } from './members.ts'
import { instantWord } from './words.ts'

export type Binding = {
  /** Its name; the face finds it in the list. */
  readonly operation: string
  readonly parameters: Readonly<Record<string, Parameter>>
  /** Where the members that were read are not yet our input. */
  readonly input?: (members: Members, world: Pick<World, 'devices'>) => Members
  /** From the output (of a list: an item of it) in this cloud's case, and the members of the request, to the answer. */
  readonly answer: (output: Members, members: Members) => Members
  /** A list, asked for by page number. */
  readonly list?: {
    /** The member of our output that holds the items, and of the answer. */
    readonly items: string
    readonly member: string
    readonly element: string
    readonly keep?: (members: Members) => (item: Members) => boolean
  }
  readonly differences?: Differences
  readonly rewording?: Rewording
}

/** Known, and not offered: the answer says why. */
export type Unsupported = { readonly unsupported: string }

export type Action = Binding | Unsupported

export const dialect: Dialect = { memberName: pascalCase, bytes: encodeBase64, instant: instantWord }

/** These members of the output, as they are. */
export function only(...names: readonly string[]): Binding['answer'] {
  return (output) => Object.fromEntries(names.map((name) => [name, output[name]]))
}

/** Nothing but the request id. */
export const nothing: Binding['answer'] = () => ({})
