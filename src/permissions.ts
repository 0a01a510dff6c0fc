/** May this caller do this? The one question of rights, asked by `invoke` for every face. */
import { problem } from './domain/errors.ts'
import type { Key } from './domain/key.ts'
import type { World } from './domain/ports.ts'
import type { Caller } from './domain/principal.ts'
import type { Scope } from './domain/scope.ts'
import type { Instant } from './domain/time.ts'

export type PermissionRequest = {
  readonly action: string
  readonly resource: string
  readonly caller: Caller
  readonly scope: Scope
  readonly input: Readonly<Record<string, unknown>>
  readonly sourceAddress: string
  readonly secureTransport: boolean
  readonly grantTokens: readonly string[]
  readonly now: Instant
  readonly key?: Key | undefined
  /** The alias that the caller named the key by. */
  readonly aliasName?: string | undefined
  /** The key is another account's. */
  readonly foreign?: boolean
}

export type Permissions = {
  /** `AccessDenied`, in the same words whether the key exists or not. */
  require(request: PermissionRequest): Promise<void>
  explain(request: PermissionRequest): Promise<unknown>
}
