import type { Random, Sealer } from '../../domain/ports.ts'
import type { RootKeys } from './root-keys.ts'
import { createSealing } from './sealing.ts'

export type ResealingSealer = Sealer & {
  /** The same secret under the newest root key; undefined where it is under that one already. */
  reseal(purpose: readonly string[], sealed: string): string | undefined
}

/** The service's own small secrets, sealed under the root key; base64. */
export function createSealer(needs: { readonly rootKeys: RootKeys; readonly random: Random }): ResealingSealer {
  const sealing = createSealing('service secret', needs)
  return {
    seal: (purpose, secret) => toText(sealing.seal(purpose, secret)),
    open: (purpose, sealed) => sealing.open(purpose, Buffer.from(sealed, 'base64')),
    derive: (purpose) => needs.rootKeys.deriveLasting(['service', ...purpose]),
    reseal(purpose, sealed) {
      const resealed = sealing.reseal(purpose, Buffer.from(sealed, 'base64'))
      return resealed === undefined ? undefined : toText(resealed)
    },
  }
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}
