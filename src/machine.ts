/** What is asked of the machine: the time, and chance. No other file asks for either. */
import { randomFillSync, randomUUID } from 'node:crypto'
import type { Clock, Random } from './domain/ports.ts'
import type { Instant } from './domain/time.ts'

/** Bytes drawn from the kernel's generator at a time: a call costs as much for 12 bytes as for these. */
const randomBlock = 4096

export function systemRandom(): Random {
  let block = Buffer.alloc(0)
  let used = 0
  return {
    bytes(count) {
      if (count > randomBlock / 4) return randomFillSync(new Uint8Array(count))
      if (used + count > block.length) {
        block = randomFillSync(Buffer.allocUnsafeSlow(randomBlock))
        used = 0
      }
      const drawn = new Uint8Array(block.subarray(used, used + count))
      // What was given out must not be found here later.
      block.fill(0, used, used + count)
      used += count
      return drawn
    },
    uuid: () => randomUUID(),
  }
}

export type WorldClock = Clock & {
  /** Dev mode: the time that decides over keys goes forward, and never back. */
  advance(milliseconds: number): void
  /** Nothing earlier than this will be told from now on. */
  raiseTo(instant: Instant): void
}

export function systemClock(): WorldClock {
  let ahead = 0
  let latest = 0
  return {
    wall: () => Date.now(),
    now() {
      const now = Date.now() + ahead
      if (now > latest) latest = now
      return latest
    },
    advance(milliseconds) {
      ahead += milliseconds
    },
    raiseTo(instant) {
      if (instant > latest) latest = instant
    },
  }
}

/** Milliseconds from an arbitrary point, for durations. Goes on while the process is stopped, but not while the machine sleeps. */
export const monotonic = (): number => performance.now()
