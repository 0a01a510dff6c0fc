/** Slows down whoever tries out secrets: after a few wrong ones an address, and after many everybody, has to wait. */
import { Problem, problem } from '../../domain/errors.ts'

export type Attempts = {
  /** `Throttled` while too many were wrong. `NotAuthenticated` counts; a right secret makes up for its address. */
  guard<T>(sourceAddress: string, prove: () => Promise<T>): Promise<T>
}

export const windowMs = 15 * 60_000
export const mostOfAddress = 5
/** From many addresses at once: nobody mistypes so often. It bounds the memory too. */
export const mostOfAll = 100

type Failures = { count: number; readonly since: number }

/** By the machine's own time, in this process alone: whoever starts it anew need not wait. */
export function openAttempts(wall: () => number): Attempts {
  const byAddress = new Map<string, Failures>()
  let all: Failures = { count: 0, since: 0 }

  function refuse(until: number, now: number): never {
    const seconds = Math.max(1, Math.ceil((until - now) / 1000))
    throw problem('Throttled', {
      message: 'Too many wrong attempts.',
      mend: `Try again in ${Math.ceil(seconds / 60)} minutes.`,
    })
  }

  return {
    async guard(sourceAddress, prove) {
      const now = wall()
      if (now - all.since >= windowMs) all = { count: 0, since: now }
      for (const [address, { since }] of byAddress) if (now - since >= windowMs) byAddress.delete(address)
      const own = byAddress.get(sourceAddress) ?? { count: 0, since: now }
      const everybody = all
      if (own.count >= mostOfAddress) refuse(own.since + windowMs, now)
      if (everybody.count >= mostOfAll) refuse(everybody.since + windowMs, now)
      // Counted before it is known to be wrong: many at once are no way around.
      own.count++
      everybody.count++
      byAddress.set(sourceAddress, own)
      try {
        const result = await prove()
        everybody.count--
        byAddress.delete(sourceAddress)
        return result
      } catch (error) {
        if (!(error instanceof Problem && error.code === 'NotAuthenticated')) {
          own.count--
          everybody.count--
        }
        throw error
      }
    },
  }
}
