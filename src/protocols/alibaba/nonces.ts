/**
 * Every nonce once. A nonce is signed together with its timestamp, so it is looked for among those of the same second
 * only, and forgotten when that second is too old to be accepted.
 *
 * Memory is bounded for each access key, and only who has its secret gets anything in. A key that signs more requests
 * than are kept loses its oldest seconds, and requests signed in them are then refused as expired: the window becomes
 * shorter, it never opens. It is kept in one process of a service, and asked by all of them; so a request can be repeated
 * after a restart, for as long as its timestamp is accepted. Nodes that share a store also ask there.
 */
import { hash } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import type { OnceOnly } from '../../domain/ports.ts'
import type { Instant } from '../../domain/time.ts'
import { mostSkewMs } from './timestamp.ts'

export type Nonces = {
  /** `RequestReplayed` where it was seen with this timestamp. To be asked only once the signature is found right. */
  use(accessKeyId: string, nonce: string, signedAt: Instant, wall: Instant): void
}

/** The same, wherever the nonces are kept. */
export type SpendNonce = (...used: Parameters<Nonces['use']>) => void | Promise<void>

/** The clocks of nodes are not so far apart (lease.ts). */
const mostApartMs = 2 * 60_000

/** Nonces of all who share the store. */
export function sharedNonces(onceOnly: OnceOnly, own: Nonces = openNonces()): SpendNonce {
  return async (accessKeyId, nonce, signedAt, wall) => {
    // Costs nothing, and tells most of what is repeated.
    own.use(accessKeyId, nonce, signedAt, wall)
    const name = hash('sha256', JSON.stringify([accessKeyId, signedAt, nonce]), 'base64url')
    if (!(await onceOnly.claim(name, signedAt + mostSkewMs + mostApartMs))) throw replayed()
  }
}

function replayed() {
  return problem('RequestReplayed', { mend: 'Draw a new nonce for every request, for repeated ones too.' })
}

/** 15 minutes at 145 requests a second, or one minute at 2,180; some 15 MB at most for one access key. */
const mostPerAccessKey = 131_072
const sweepEveryMs = 30_000
/** SDKs send 32 or 36 characters. */
const longestNonce = 128

type Seen = {
  /** By second. A timestamp ahead of this machine's time is fine, so seconds do not come in order. */
  readonly seconds: Map<number, Set<string>>
  count: number
  /** Seconds before this one were forgotten for lack of room. */
  floor: number
}

export function openNonces(limit: number = mostPerAccessKey): Nonces {
  const byAccessKey = new Map<string, Seen>()
  let sweptAt = 0

  return {
    use(accessKeyId, nonce, signedAt, wall) {
      if (nonce.length > longestNonce)
        throw problem('InvalidRequest', {
          member: 'SignatureNonce',
          message: `A nonce has at most ${longestNonce} characters.`,
        })
      if (Math.abs(wall - sweptAt) >= sweepEveryMs) {
        sweptAt = wall
        sweep(byAccessKey, Math.floor((wall - mostSkewMs) / 1000))
      }
      let seen = byAccessKey.get(accessKeyId)
      if (seen === undefined) {
        seen = { seconds: new Map(), count: 0, floor: 0 }
        byAccessKey.set(accessKeyId, seen)
      }
      const second = Math.floor(signedAt / 1000)
      if (second < seen.floor)
        throw problem('RequestExpired', {
          message: 'This access key signs so many requests that older ones are no longer told from repeated ones.',
          mend: 'Sign the request again.',
        })
      let nonces = seen.seconds.get(second)
      if (nonces === undefined) {
        nonces = new Set()
        seen.seconds.set(second, nonces)
      }
      if (nonces.has(nonce)) throw replayed()
      nonces.add(nonce)
      seen.count++
      if (seen.count > limit) forgetOldest(seen)
    },
  }
}

/** What is older than any timestamp that would still be accepted. */
function sweep(byAccessKey: Map<string, Seen>, oldest: number): void {
  for (const [accessKeyId, seen] of byAccessKey) {
    for (const [second, nonces] of seen.seconds)
      if (second < oldest) {
        seen.seconds.delete(second)
        seen.count -= nonces.size
      }
    if (seen.count === 0 && seen.floor < oldest) byAccessKey.delete(accessKeyId)
  }
}

function forgetOldest(seen: Seen): void {
  let oldest = Number.POSITIVE_INFINITY
  for (const second of seen.seconds.keys()) if (second < oldest) oldest = second
  seen.count -= seen.seconds.get(oldest)?.size ?? 0
  seen.seconds.delete(oldest)
  seen.floor = oldest + 1
}
