/**
 * What an authenticator signs. Nothing is kept of a challenge that was given out, so that strangers who ask for many fill
 * no memory: it says itself when it was made, and that it is ours. Each purpose sees to it that none is answered twice.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { World } from '../../domain/ports.ts'
import type { Instant } from '../../domain/time.ts'

export type Challenges = {
  /** For one purpose, such as `['step-up', SESSION, DIGEST]`. */
  issue(purpose: readonly string[]): Uint8Array<ArrayBuffer>
  /** When it was issued for just this purpose; undefined where it was not, or too long ago. */
  issuedAt(challenge: string, purpose: readonly string[]): Instant | undefined
}

/** A person looks for their security key, and types its PIN. */
const challengeMs = 5 * 60_000
/** The clocks of two nodes of one installation. */
const skewMs = 10_000
const drawnBytes = 16
const timeBytes = 8
const macBytes = 32

export function openChallenges({ clock, random, sealer }: Pick<World, 'clock' | 'random' | 'sealer'>): Challenges {
  // The same at every start and on every node: who began at one may end at another.
  const key = sealer.derive(['console-challenges'])

  function mac(head: Uint8Array, purpose: readonly string[]): Uint8Array {
    // JSON separates the parts: no two purposes look alike.
    return createHmac('sha256', key).update(head).update(JSON.stringify(purpose), 'utf8').digest()
  }

  return {
    issue(purpose) {
      const challenge = Buffer.alloc(timeBytes + drawnBytes + macBytes)
      challenge.writeBigUInt64BE(BigInt(clock.now()))
      challenge.set(random.bytes(drawnBytes), timeBytes)
      challenge.set(mac(challenge.subarray(0, timeBytes + drawnBytes), purpose), timeBytes + drawnBytes)
      return new Uint8Array(challenge)
    },
    issuedAt(text, purpose) {
      const challenge = Buffer.from(text, 'base64url')
      if (challenge.length !== timeBytes + drawnBytes + macBytes) return undefined
      const head = challenge.subarray(0, timeBytes + drawnBytes)
      if (!timingSafeEqual(mac(head, purpose), challenge.subarray(timeBytes + drawnBytes))) return undefined
      const issuedAt = Number(challenge.readBigUInt64BE())
      const age = clock.now() - issuedAt
      return age > -skewMs && age < challengeMs ? issuedAt : undefined
    },
  }
}
