/** What the processes of a service ask of each other. */

import type { ProtectionLevel } from '../domain/key.ts'
import type { Device, Usage } from '../domain/ports.ts'
import type { KeySpec, KeyUsage } from '../domain/specs.ts'
import type { FirstCredentials } from '../operations/access/accounts.ts'
import type { Nonces } from '../protocols/alibaba/nonces.ts'
import type { Commit, Outcome } from '../stores/sqlite/transaction.ts'
import type { Failed } from '../stores/sqlite/writer-thread.ts'
import type { Snapshot } from '../telemetry/metrics.ts'
import type { Address, Refusal } from './channel.ts'

export type Calls = {
  // Of the keeper.
  commit(commit: Commit): Promise<Outcome | Failed>
  usage(method: keyof Usage, args: readonly unknown[]): Promise<unknown>
  device(protection: ProtectionLevel, method: keyof Device, args: readonly unknown[]): Promise<unknown>
  /** Undefined where there is no such device. */
  deviceFacts(protection: ProtectionLevel): DeviceFacts | undefined
  deviceHealthy(protection: ProtectionLevel): boolean

  // Of every process that has an audit log.
  /** Resolves once everything that is durable in its audit log is published. */
  publish(): Promise<void>
  metrics(): Snapshot
  /** Answers go out, everything is closed, and the process ends. */
  stop(): void

  // Of the supervisor.
  spendNonce(...used: Parameters<Nonces['use']>): void
  /** Calls all others that have an audit log; who does not answer in time is left out. */
  ask(name: 'publish' | 'metrics'): Promise<readonly Answered[]>
  started(facts: StartedFacts): void
  failed(refusal: Refusal): void
}

export type Answered = { readonly from: Address; readonly value: unknown }

/** What a process tells when it is ready: the keeper of the installation, one that serves of its listeners. */
export type StartedFacts = {
  /** The words for the operator. */
  readonly words: readonly string[]
  readonly urls: readonly string[]
  readonly first?: FirstCredentials & { readonly account: string; readonly setupPath: string }
}

/** What a device is asked without waiting. */
export type DeviceFacts = {
  readonly protection: ProtectionLevel
  readonly supports: Readonly<Partial<Record<KeySpec, readonly KeyUsage[]>>>
  readonly envelopeAlgorithms: Readonly<Partial<Record<KeySpec, number | Refusal>>>
  /** Spec, wrapping key spec and algorithm, with blanks between them. */
  readonly unwraps: readonly string[]
  readonly encryptsFor: boolean
}
