/** Who signed a request: the same questions for both signatures, in the same order. */
import { problem } from '../../domain/errors.ts'
import type { Clock } from '../../domain/ports.ts'
import type { Caller } from '../../domain/principal.ts'
import type { Authenticator } from '../authenticator.ts'
import type { SpendNonce } from './nonces.ts'
import { signedAt } from './timestamp.ts'

/** A signature as a request carries it, not yet believed. */
export type Signed = {
  readonly accessKeyId: string
  readonly timestamp: string | undefined
  readonly nonce: string | undefined
  readonly securityToken: string | undefined
  /** In constant time for equal lengths. */
  readonly matches: (secret: string) => boolean
}

export async function callerOfSignature(
  from: { readonly authenticator: Authenticator; readonly clock: Clock; readonly spendNonce: SpendNonce },
  signed: Signed,
): Promise<Caller> {
  const wall = from.clock.wall()
  const at = signedAt(signed.timestamp, wall)
  if (signed.securityToken !== undefined)
    throw problem('NotAuthenticated', {
      message: 'Security tokens (STS) are not given out here, so none is taken.',
      mend: 'Use an access key: keyward access key create makes one.',
    })
  const accessKey = await from.authenticator.findAccessKey(signed.accessKeyId)
  if (accessKey === undefined) throw problem('NotAuthenticated', { message: 'There is no such access key here.' })
  if (!signed.matches(accessKey.secret))
    throw problem('SignatureMismatch', {
      mend: 'Check the secret of the access key, and that nothing between client and server changes the request.',
    })
  if (signed.nonce !== undefined) await from.spendNonce(signed.accessKeyId, signed.nonce, at, wall)
  return from.authenticator.callerOf(accessKey.credential)
}
