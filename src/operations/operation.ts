/**
 * An operation is one value: REST, OpenAPI, the CLI, the audit schema and the permission check are read off it. One
 * without a right or an audit schema does not compile.
 */
import type { z } from 'zod'
import type { Awaitable } from '../domain/awaitable.ts'
import { problem } from '../domain/errors.ts'
import type { GrantTerms } from '../domain/grant.ts'
import type { Key } from '../domain/key.ts'
import { requireEnabled, stateAt } from '../domain/lifecycle.ts'
import type { Decision, Explanation } from '../domain/policy.ts'
import type { Change, OnBehalf, World } from '../domain/ports.ts'
import type { Caller, Principal } from '../domain/principal.ts'
import type { Scope } from '../domain/scope.ts'
import type { KeyUsage } from '../domain/specs.ts'
import type { Instant } from '../domain/time.ts'

/** The key an operation works on, and what must hold of it. Found, permitted and checked in one place: `invoke`. */
export type KeyNeed<Input> = {
  /** How the caller named it; undefined where this call needs none. */
  readonly ref: (input: Input) => string | undefined
  /** The right asked for on this key; the operation's own without it. */
  readonly action?: string
  /** What AWS calls the same right: policies may use either name, and a Deny under either refuses. */
  readonly actionInAws?: (input: Input) => string
  /** What grants decide by: the terms of the new grant, or which grant is to end. */
  readonly grantFacts?: (input: Input) => { readonly newGrant?: GrantTerms; readonly retires?: string }
  /**
   * A due rotation is carried out first, so that the key is used, and shown, as it must be at this instant. Whoever only
   * looks is shown the key as it is where its device cannot make a new version just now.
   */
  readonly rotates: boolean | 'ifPossible'
  /** The answer uses the key: it is checked once more before the answer leaves, so that a dead key answers nobody. */
  readonly uses: boolean
  /** Throws where the key cannot serve. After the permission: nothing is told to those who may not ask. */
  readonly check: (key: Key, now: Instant) => void
}

type WithKey = { readonly keyId: string }

/** A key that is there, in any state but Deleted. */
export function present<Input extends WithKey>(): KeyNeed<Input> {
  return { ref: (input) => input.keyId, rotates: false, uses: false, check: () => {} }
}

/** A key whose states are limited for this operation; others are `KeyStateConflict` or the refusal of that state. */
export function inState<Input extends WithKey>(
  ...allowed: readonly ReturnType<typeof stateAt>['is'][]
): KeyNeed<Input> {
  return {
    ...present<Input>(),
    check: (key, now) => {
      const { is } = stateAt(key, now)
      if (allowed.includes(is)) return
      if (is === 'PendingDeletion' || is === 'PendingReplicaDeletion')
        throw problem('KeyPendingDeletion', {
          mend: 'Cancel the deletion first.',
          facts: { keyId: key.keyId, state: is },
        })
      throw problem('KeyStateConflict', {
        message: `The key is ${is}; this needs it ${allowed.join(' or ')}.`,
        facts: { keyId: key.keyId, state: is },
      })
    },
  }
}

/** A key that is enabled and made for one of these usages. */
export function usable<Input>(
  usages: KeyUsage | readonly KeyUsage[],
  options: { readonly ref?: (input: Input) => string | undefined; readonly action?: string } = {},
): KeyNeed<Input> {
  const allowed: readonly KeyUsage[] = typeof usages === 'string' ? [usages] : usages
  return {
    ref: (input) => (input as { readonly keyId?: string }).keyId,
    ...options,
    rotates: true,
    uses: true,
    check: (key, now) => {
      if (!allowed.includes(key.usage))
        throw problem('KeyUsageMismatch', {
          message: `The key is for ${key.usage}; this operation needs a key for ${allowed.join(' or ')}.`,
          facts: { keyId: key.keyId, usage: key.usage },
        })
      requireEnabled(key, now)
    },
  }
}

/** What an operation runs with. */
export type Context = {
  readonly world: World
  readonly caller: Caller
  /** The account and region of the request. The key's own are on the key: it can be another account's. */
  readonly scope: Scope
  readonly requestId: string
  readonly now: Instant
  /** For devices that ask others. */
  readonly onBehalf: OnBehalf
  /** Which face asked: for the words of an answer, never for what is done. */
  readonly protocol: string
  /** All or nothing, together with this request's audit record. */
  commit(changes: readonly Change[]): Promise<void>
  /** Into the audit record of this request; for facts that only the operation learns. */
  note(facts: {
    readonly keyId?: string
    readonly keyVersionId?: string
    readonly input?: Readonly<Record<string, unknown>>
  }): void
  /** May the caller do this too? `AccessDenied` where not. */
  permit(action: string, resource: string): Promise<void>
  /** What would be allowed to a principal of the caller's account, and why. Nothing is done. */
  explain(question: AccessQuestion): Promise<AccessAnswer>
  /** Another operation in the name of the same caller, its input already decoded, with its own checks and its own record. */
  call(operation: AnyOperation, input: unknown): Promise<unknown>
  readonly settings: ServiceSettings
  /** Where this face's cloud differs on purpose; empty at the REST face. */
  readonly differences: Differences
}

export type AccessAnswer = Decision & Pick<Explanation, 'statements' | 'grants'>

export type AccessQuestion = {
  readonly principal: Principal
  /** `kms:Encrypt`. */
  readonly action: string
  readonly keyRef: string | undefined
  readonly input: Readonly<Record<string, unknown>>
  readonly sourceAddress: string | undefined
}

/** What a cloud's binding may ask for, in sight, where its cloud behaves otherwise than the core. */
export type Differences = {
  /** AWS: key material of every spec may be imported, not only AES_256 (R44). */
  readonly importsEverySpec?: true
  /** AWS: symmetric keys take new material for their next rotation on demand; elsewhere R47, R48 and R53 hold. */
  readonly importsNewMaterial?: true
  /** AWS: a cancelled deletion leaves the key Disabled (reading 4). */
  readonly cancelledDeletionDisables?: true
  /** The clouds: scheduling the deletion of a key in use needs no second word. */
  readonly deletesWithoutAsking?: true
  /** Alibaba: RSAES_PKCS1_V1_5 is a wrapping algorithm there. */
  readonly importsUnderPkcs1?: true
  /** AWS: 25 rotations of a key on demand. */
  readonly limitsOnDemandRotations?: true
  /** AWS: asymmetric calls name no version; the newest serves. */
  readonly newestVersionServes?: true
}

export type ServiceSettings = {
  /** The account of those who run the installation: only they manage accounts. */
  readonly operatorAccount: string
  readonly version: string
  readonly listOperations: () => readonly AnyOperation[]
  readonly listSettings: () => readonly ShownSetting[]
}

/** As people see it; a password is not in it. */
export type ShownSetting = {
  readonly name: string
  readonly environment: string
  readonly value: string
  readonly summary: string
}

type Run<Input, Output, Need, OtherNeed> = (
  run: Context & {
    readonly input: Input
    readonly key: Need extends object ? Key : undefined
    readonly otherKey: OtherNeed extends object ? Key : undefined
  },
) => Awaitable<Output>

export type OperationGroup =
  | 'cryptography'
  | 'keys'
  | 'versions'
  | 'material'
  | 'keyStores'
  | 'aliases'
  | 'access'
  | 'audit'
  | 'usage'

type Route = `${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /v1/${string}`

type Definition<
  Input extends z.ZodType,
  Output extends z.ZodType,
  Need,
  OtherNeed,
  Name extends string = string,
  Rest extends Route = Route,
  Cli extends string = string,
> = {
  /** As the clouds name it, where they agree. The right to it is `kms:<name>`. */
  readonly name: Name
  readonly summary: string
  readonly group: OperationGroup
  /** Method and path under the root; `{name}` takes a member of the input. */
  readonly rest: Rest
  /** The words of the CLI command. */
  readonly cli: Cli
  readonly key: Need
  readonly otherKey?: OtherNeed
  /** Where no key is concerned: the resource the right is asked for; `*` is everything of the account and region. */
  readonly resource?: (input: z.output<Input>, scope: Scope) => string
  /** The rights are asked for each item, by the operation that does it; there is none for the bundle. */
  readonly rightsByItem?: true
  /** Cannot be undone, or gives rights away: at the console the person first shows again that they are there. */
  readonly stepUp?: true
  /** Only principals of the operator account. */
  readonly operatorOnly?: true
  /** The key may be another account's, named by its ARN. */
  readonly crossAccount?: true
  readonly input: Input
  readonly output: Output
  /** The members of the input that the audit record shows, and no others. Never secrets, plaintext or ciphertext. */
  readonly audit: readonly (keyof z.output<Input> & string)[]
  readonly run: Run<z.output<Input>, z.output<Output>, Need, OtherNeed>
}

/** An operation with its types forgotten: how the list, `invoke` and the faces see it. */
export type AnyOperation = Omit<
  Definition<z.ZodType, z.ZodType, never, never>,
  'key' | 'otherKey' | 'resource' | 'audit' | 'run'
> & {
  readonly key: KeyNeed<unknown> | undefined
  readonly otherKey?: KeyNeed<unknown>
  readonly resource?: (input: unknown, scope: Scope) => string
  readonly audit: readonly string[]
  readonly run: (
    run: Context & { readonly input: unknown; readonly key: Key | undefined; readonly otherKey: Key | undefined },
  ) => Awaitable<unknown>
}

/** What a caller in TypeScript must know of an operation: its names, its route, and the JSON that goes in and comes out. */
export type Wire<Name extends string, Rest extends string, Cli extends string, Input, Output> = {
  readonly name: Name
  readonly rest: Rest
  readonly cli: Cli
  /** For the compiler alone; never there. */
  readonly wire?: { readonly input: Input; readonly output: Output }
}

export function operation<
  const Name extends string,
  const Rest extends Route,
  const Cli extends string,
  Input extends z.ZodType,
  Output extends z.ZodType,
  Need extends KeyNeed<z.output<Input>> | undefined,
  OtherNeed extends KeyNeed<z.output<Input>> | undefined = undefined,
>(
  definition: Definition<Input, Output, Need, OtherNeed, Name, Rest, Cli>,
): AnyOperation & Wire<Name, Rest, Cli, z.input<Input>, z.input<Output>> {
  return definition as never
}
