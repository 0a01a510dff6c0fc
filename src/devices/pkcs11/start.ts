/** What the service tells its agent at the start. The PIN goes beside it, as bytes. */
import type { VendorName } from './vendors.ts'

/** Where the root key of the hardware level is: the index by which the token finds it. All that is stored of it (R32). */
export type RootKeyIndex = {
  /** CKA_LABEL of the root key's objects. */
  readonly label: string
  /** Begins their CKA_ID: hex, 16 bytes. */
  readonly id: string
}

export type TokenChoice = {
  readonly vendor: VendorName
  readonly modulePath: string
  /** NSS only: the string its initializer takes. */
  readonly moduleParameters?: string
  /** Which token, by its label. Without it the one token that is there. */
  readonly tokenLabel?: string
  /** Which token, by its serial number: for those that share a label. */
  readonly tokenSerial?: string
}

/** Which key of the token unlocks the software level: by its label, and where several have it by its CKA_ID, hex. */
export type UnlockKeyIndex = { readonly label: string; readonly id?: string }

export type StartRequest = TokenChoice & {
  /** Without it the token is opened for nothing but to unlock the software level. */
  readonly root?: RootKeyIndex
  /** Make the root key: refused where one is at this index already. */
  readonly create: boolean
  /** Which agent this is, counted by the service. Part of the names of its keys: none is taken for another agent's. */
  readonly generation: number
  /** How many sessions: as many operations run at once. */
  readonly sessions: number
}
