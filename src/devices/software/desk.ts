/**
 * The memory that the threads of a pool work on: slots with calls to OpenSSL, and who has which. A slot is laid out by
 * the main thread, claimed by one thread alone (a compare-and-exchange of its state decides), performed, and taken off by
 * the main thread. So a call costs its threads some atomic operations, and no message. Whoever sleeps is woken through a
 * futex (Atomics.wait, Atomics.notify).
 *
 * The first half of the slots is for quick calls, which the main thread performs too while it would otherwise wait; they
 * never stand behind slow ones.
 */
import { perform, type Slot, slotBytes, slotIn } from './openssl-calls.ts'

export type Lane = 'quick' | 'slow'

const slotsOfLane = 32
export const slotCount = 2 * slotsOfLane
export const slotsOf: Readonly<Record<Lane, readonly number[]>> = {
  quick: Array.from({ length: slotsOfLane }, (_, at) => at),
  slow: Array.from({ length: slotsOfLane }, (_, at) => slotsOfLane + at),
}
export const mostThreads = 16

/** States of a slot; a claimed one has this and the number of the thread. */
const free = 0
const ready = 1
const finished = 2
const claimed = 3

/** Of Int32: the states, then a bell and a flag (asleep) for each thread, then the count of what was finished. */
const bellsAt = slotCount
const asleepAt = bellsAt + mostThreads
const countAt = asleepAt + mostThreads
const controlBytes = 512

/** Looks before a thread goes to sleep: falling asleep and being woken cost as much as a quick call. */
const looksBeforeSleep = 50

export type Desk = ReturnType<typeof openDesk>

export function newDeskMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(controlBytes + slotCount * slotBytes)
}

export function openDesk(memory: SharedArrayBuffer) {
  const control = new Int32Array(memory, 0, controlBytes / 4)
  const slots: Slot[] = Array.from({ length: slotCount }, (_, index) =>
    slotIn(memory, controlBytes + index * slotBytes),
  )
  /** Where the next look begins, so that every slot gets its turn. */
  const cursors = { quick: 0, slow: 0 }

  function claimNext(lane: Lane, claim: number): number | undefined {
    const first = slotsOf[lane][0] as number
    for (let step = 0; step < slotsOfLane; step++) {
      const index = first + ((cursors[lane] + step) % slotsOfLane)
      if (Atomics.load(control, index) !== ready) continue
      if (Atomics.compareExchange(control, index, ready, claim) !== ready) continue
      cursors[lane] = (index + 1 - first) % slotsOfLane
      return index
    }
    return undefined
  }

  return {
    memory,
    slot: (index: number) => slots[index] as Slot,

    // ------------------------------------------------------------------------------------------ on the main thread

    offer(index: number): void {
      Atomics.store(control, index, ready)
    },
    /** Takes an offer back for this thread: no other will have it. */
    takeBack(lane: Lane): number | undefined {
      return claimNext(lane, claimed + mostThreads)
    },
    isFinished: (index: number) => Atomics.load(control, index) === finished,
    isClaimedBy: (index: number, thread: number) => Atomics.load(control, index) === claimed + thread,
    clear(index: number): void {
      Atomics.store(control, index, free)
    },
    /** False where this thread is at work, or was woken already. */
    wake(thread: number): boolean {
      if (Atomics.compareExchange(control, asleepAt + thread, 1, 0) !== 1) return false
      Atomics.add(control, bellsAt + thread, 1)
      Atomics.notify(control, bellsAt + thread)
      return true
    },
    /** Before a new thread takes the number of one that is gone. */
    forget(thread: number): void {
      Atomics.store(control, asleepAt + thread, 0)
    },
    finishedCount: () => Atomics.load(control, countAt),
    /** Resolves when more was finished than this count; undefined where that is so already. */
    moreFinished(count: number): Promise<unknown> | undefined {
      const waiting = Atomics.waitAsync(control, countAt, count)
      return waiting.async ? waiting.value : undefined
    },

    // ---------------------------------------------------------------------------------------- on a thread of its own

    /** Performs what is offered in these lanes, the first one first, for ever. */
    serve(thread: number, lanes: readonly Lane[]): never {
      const next = () => {
        for (const lane of lanes) {
          const index = claimNext(lane, claimed + thread)
          if (index !== undefined) return index
        }
        return undefined
      }
      const performAndTell = (index: number) => {
        perform(slots[index] as Slot)
        Atomics.store(control, index, finished)
        Atomics.add(control, countAt, 1)
        Atomics.notify(control, countAt)
      }
      for (let looks = 0; ; looks++) {
        const bell = Atomics.load(control, bellsAt + thread)
        let index = next()
        if (index === undefined && looks >= looksBeforeSleep) {
          // Whoever offers something after this sees the flag; whoever did before is seen by the look after it.
          Atomics.store(control, asleepAt + thread, 1)
          index = next()
          if (index === undefined) Atomics.wait(control, bellsAt + thread, bell)
          Atomics.store(control, asleepAt + thread, 0)
          looks = 0
        }
        if (index === undefined) continue
        performAndTell(index)
        looks = 0
      }
    },
  }
}
