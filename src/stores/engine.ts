import type { Lease, OnceOnly, Store } from '../domain/ports.ts'
import type { Collection, Collections } from '../domain/records.ts'
import type { AnyRecord, RecordName } from './rows.ts'

/** The lease of this node on a store that several nodes share. */
export type NodeLease = Lease & {
  /** Answers nothing from memory before. A Problem `Conflict` where another process runs under the name of this node. */
  take(): Promise<void>
  /** A Problem `Conflict` where another node runs: for work that must be alone. Takes a lease of each that has crashed. */
  requireAlone(): Promise<void>
}

export type WithNext<C extends Collection> = {
  readonly record: Collections[C] | undefined
  /** Absent where the facts of the collection name none, or there is none. */
  readonly next?: AnyRecord | undefined
}

/** What every engine can do beside serving: be read and be filled whole, for copies and backups. */
export type StoreEngine = Store & {
  /** The record, and what is asked for next (see `next` in domain/records.ts): one read, and of one moment. */
  getWithNext<C extends Collection>(collection: C, partition: string, id: string): Promise<WithNext<C>>
  /** Records of all partitions, ordered by partition and id by code unit, after the one named. */
  scan<C extends Collection>(
    collection: C,
    after: { readonly partition: string; readonly id: string } | undefined,
    limit: number,
  ): Promise<readonly Collections[C][]>
  /**
   * Keeps records as they are, revision and all. What is there already, and the same, is left alone; a Problem `Conflict`
   * where something else is there, and then nothing of the batch is kept.
   */
  load<C extends Collection>(collection: C, records: readonly Collections[C][]): Promise<void>
  /** Only where several nodes share the store. Given back when it is closed. */
  readonly lease?: NodeLease
  readonly onceOnly?: OnceOnly
}

/** A store that others write to as well tells a cache in front of it by one or both of these. */
export type ForeignCommits = {
  /**
   * Another number than before once somebody else may have committed what no watcher was told. `undefined`: that cannot
   * be told just now, and nothing that was read earlier may be answered.
   */
  generation?(): number | undefined
  /** Calls for the records that somebody else has changed. */
  watch?(changed: (names: readonly RecordName[]) => void): void
}
