/**
 * Keeps the event loop free while keys compute, and lets them compute on every core. An OpenSSL call goes to threads of
 * our own, because node:ffi is synchronous; calls of some 100 microseconds at most go there too where several come at
 * once, and the event loop takes part in them. The callback forms of node:crypto go to libuv's threads, a bounded number
 * at a time, because those are shared with the file system, and an audit record must not wait to be synced until
 * sixteen RSA keys are made. So signatures take the first way even where node:crypto has a callback for them: it costs
 * the main thread no more, and it grows with the cores.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { problem } from '../../domain/errors.ts'
import { type Desk, type Lane, mostThreads, newDeskMemory, openDesk, slotCount, slotsOf } from './desk.ts'
import type { NativeKey } from './native-key.ts'
import { type Answers, abandon, type Job, type Laid, layOut, perform, runOpenssl, takeOff } from './openssl-calls.ts'
import type { ThreadOrders } from './openssl-worker.ts'

type Done<T> = (error: Error | null, result: T) => void

export type Pool = {
  /** Runs the job on a thread. Its bytes are copied at once. Rejects with OpensslFailure as `runOpenssl` throws it. */
  run<J extends Job>(key: NativeKey, job: J): Promise<Answers[J['call']]>
  /** A job of some 100 microseconds at most: on a thread, or on this one, whichever has time first. */
  runQuick<J extends Job>(key: NativeKey, job: J): Promise<Answers[J['call']]>
  /** Starts a callback form of node:crypto once there is room for it. */
  native<T>(start: (done: Done<T>) => void): Promise<T>
  /** As `native`, one at a time: making an RSA-4096 key takes a thread for a second. */
  nativeSlow<T>(start: (done: Done<T>) => void): Promise<T>
  /** Lets what is under way finish, refuses what comes after. */
  close(): Promise<void>
}

/** libuv has four threads (UV_THREADPOOL_SIZE). With the slow lane that makes three: one is always left to files. */
const nativeAtOnce = 2

/** Beyond it an answer would come too late for whoever waits: some ten seconds of RSA-4096 on one core. */
const longestQueue = 8_192

/** Turns of the event loop that wait for quick calls, with nothing to do; then it sleeps until one is finished. */
const mostIdleTurns = 8

/** The flags of the process are not for its threads, and its environment is none of their business. */
const threadOptions = { name: 'openssl', execArgv: ['--disable-warning=ExperimentalWarning'], env: {} }

type Settle = {
  readonly resolve: (answer: Answers[Job['call']]) => void
  readonly reject: (error: unknown) => void
}

type Waiting = Settle & { readonly key: NativeKey; readonly job: Job }

/** On the desk. `laid` holds the NativeKey, so that its address stays good until the answer is here. */
type UnderWay = Settle & { readonly lane: Lane; readonly laid: Laid }

/** `threads` of our own, without it as many as there are cores; sixteen at most. They start at first use. */
export function createPool({ threads = availableParallelism() }: { readonly threads?: number } = {}): Pool {
  const native = lane(nativeAtOnce)
  const slow = lane(1)
  /** Calls of node:crypto, for `close` to wait for. */
  const nativeCalls = new Set<Promise<unknown>>()
  let closed = false

  function requireOpen(): void {
    if (closed) throw problem('DeviceUnavailable')
  }

  function tracked<T>(promise: Promise<T>): Promise<T> {
    nativeCalls.add(promise)
    const finished = () => nativeCalls.delete(promise)
    promise.then(finished, finished)
    return promise
  }

  // ------------------------------------------------------------------------------------------------------- the desk

  /** Opened at first use: it has more than a megabyte. */
  let opened: Desk | undefined
  const freeSlots: Readonly<Record<Lane, number[]>> = { quick: [...slotsOf.quick], slow: [...slotsOf.slow] }
  /** By slot. */
  const underWay: (UnderWay | undefined)[] = new Array(slotCount).fill(undefined)
  const counts: Record<Lane, number> = { quick: 0, slow: 0 }
  /** Slow jobs that have no slot yet. */
  const queue: Waiting[] = []
  let whenIdle: (() => void) | undefined

  function theDesk(): Desk {
    opened ??= openDesk(newDeskMemory())
    return opened
  }

  const isIdle = () => counts.quick + counts.slow + queue.length === 0

  /** Puts it into a free slot. Throws where it cannot be laid out; then nothing has happened. */
  function offer(lane: Lane, key: NativeKey, job: Job, { resolve, reject }: Settle): void {
    const desk = theDesk()
    const index = freeSlots[lane].at(-1) as number
    const laid = layOut(desk.slot(index), key, job)
    if (laid === undefined) {
      // No operation lets in a job that is longer than a slot.
      resolve(runOpenssl(key, job))
      return
    }
    freeSlots[lane].pop()
    underWay[index] = { lane, laid, resolve, reject }
    counts[lane] += 1
    desk.offer(index)
    if (lane === 'slow' || counts.quick > 1) wakeFor(lane)
    if (lane === 'quick') schedule()
  }

  /** What was under way in the slot, which is free now. Nothing of it may be looked at any more. */
  function release(index: number): UnderWay {
    const { [index]: one } = underWay as UnderWay[]
    underWay[index] = undefined
    counts[(one as UnderWay).lane] -= 1
    freeSlots[(one as UnderWay).lane].push(index)
    theDesk().clear(index)
    return one as UnderWay
  }

  function settle(index: number): void {
    const { laid } = underWay[index] as UnderWay
    let answer: Answers[Job['call']]
    try {
      answer = takeOff(theDesk().slot(index), laid)
    } catch (error) {
      release(index).reject(error)
      return
    }
    release(index).resolve(answer)
  }

  /** Of what this thread has taken back, or what a thread had that is gone: nobody else may have it. */
  function fail(index: number, error: Error): void {
    const { laid } = underWay[index] as UnderWay
    abandon(theDesk().slot(index), laid)
    release(index).reject(error)
  }

  /** True where something was finished. */
  function collect(): boolean {
    const quick = collectFrom('quick')
    const found = collectFrom('slow') || quick
    if (found) fill()
    return found
  }

  function collectFrom(lane: Lane): boolean {
    if (counts[lane] === 0) return false
    const desk = theDesk()
    let found = false
    for (const index of slotsOf[lane])
      if (underWay[index] !== undefined && desk.isFinished(index)) {
        found = true
        settle(index)
      }
    return found
  }

  /** What waits for a slot gets one. */
  function fill(): void {
    while (queue.length > 0 && freeSlots.slow.length > 0) {
      const { key, job, ...settle } = queue.shift() as Waiting
      try {
        offer('slow', key, job, settle)
      } catch (error) {
        settle.reject(error)
      }
      // The desk has its own copy: nothing of a plaintext stays in this one.
      for (const value of Object.values(job)) if (value instanceof Uint8Array) value.fill(0)
    }
    if (isIdle()) whenIdle?.()
  }

  // ---------------------------------------------------------------------------------------------------- the threads

  /** By their numbers. The first is for slow calls alone: the others and the event loop are as many as the cores. */
  const crew: (Worker | undefined)[] = new Array(Math.min(threads, mostThreads)).fill(undefined)
  const firstOf = { slow: 0, quick: 1 } as const

  /** Wakes a thread for a call that was offered; or hires one where all are at work. */
  function wakeFor(lane: Lane): void {
    let vacant: number | undefined
    let atWork = 0
    for (let thread = crew.length - 1; thread >= firstOf[lane]; thread--) {
      if (crew[thread] === undefined) vacant = thread
      else if (theDesk().wake(thread)) return
      else atWork += 1
    }
    // The event loop itself is one of those who perform quick calls.
    const wanted = lane === 'slow' ? counts.slow : counts.quick - 1
    if (vacant === undefined || atWork >= wanted) return
    try {
      crew[vacant] = hire(vacant)
    } catch (cause) {
      // Quick calls need no thread, slow ones do.
      if (lane === 'slow' && atWork === 0) failSlow(() => noThread(cause))
    }
  }

  function hire(thread: number): Worker {
    const desk = theDesk()
    const lanes: readonly Lane[] = thread >= firstOf.quick ? ['quick', 'slow'] : ['slow']
    desk.forget(thread)
    const worker = new Worker(new URL('./openssl-worker.ts', import.meta.url), {
      ...threadOptions,
      workerData: { memory: desk.memory, thread, lanes } satisfies ThreadOrders,
    })
    let cause: unknown
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', () => {
      crew[thread] = undefined
      failThoseOf(thread, cause)
    })
    keepAlive(worker)
    return worker
  }

  /** A thread is gone. What it had claimed is lost; where that was nothing, one call is, lest threads die for ever. */
  function failThoseOf(thread: number, cause: unknown): void {
    const desk = theDesk()
    // What it finished last it may not have told any more.
    collect()
    const lost = [...underWay.keys()].find((index) => desk.isClaimedBy(index, thread)) ?? desk.takeBack('slow')
    if (lost !== undefined) fail(lost, problem('DeviceUnavailable', { cause }))
    if (counts.slow > 0) wakeFor('slow')
    fill()
    hold(asleep && !isIdle())
  }

  function failSlow(error: () => Error): void {
    // Taken back first: of what another thread may have, nothing may be freed.
    for (let index = theDesk().takeBack('slow'); index !== undefined; index = theDesk().takeBack('slow'))
      fail(index, error())
    for (const { reject } of queue.splice(0)) reject(error())
  }

  // ------------------------------------------------------------------------------------------------- the event loop

  let scheduled = false
  let idleTurns = 0
  /** Until something is finished. */
  let asleep = false
  let holding = false

  /** An idle thread must not keep the process alive; a busy one must, where nothing else does. */
  function hold(alive: boolean): void {
    if (holding === alive) return
    holding = alive
    for (const worker of crew) if (worker !== undefined) keepAlive(worker)
  }

  function keepAlive(worker: Worker): void {
    if (holding) worker.ref()
    else worker.unref()
  }

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(turn)
  }

  /** Takes in what is finished, and performs one quick call where one is left. */
  function turn(): void {
    scheduled = false
    const desk = theDesk()
    const count = desk.finishedCount()
    let moved = collect()
    const index = desk.takeBack('quick')
    if (index !== undefined) {
      moved = true
      perform(desk.slot(index))
      settle(index)
      fill()
    }
    if (counts.quick + counts.slow === 0) return
    idleTurns = moved ? 0 : idleTurns + 1
    if (counts.quick > 0 && idleTurns < mostIdleTurns) schedule()
    else sleep(count)
  }

  /** Until more is finished than what was when something was last taken in. */
  function sleep(count: number): void {
    if (asleep) {
      hold(true)
      return
    }
    const more = theDesk().moreFinished(count)
    if (more === undefined) {
      schedule()
      return
    }
    asleep = true
    hold(true)
    more.then(() => {
      asleep = false
      hold(false)
      idleTurns = 0
      turn()
    })
  }

  return {
    run: (key, job) =>
      new Promise<Answers[Job['call']]>((resolve, reject) => {
        requireOpen()
        const count = theDesk().finishedCount()
        if (queue.length === 0 && freeSlots.slow.length > 0) offer('slow', key, job, { resolve, reject })
        else if (queue.length >= longestQueue) throw problem('Throttled')
        else queue.push({ key, job: copied(job), resolve, reject })
        if (counts.slow > 0) sleep(count)
      }) as Promise<never>,
    runQuick: (key, job) =>
      new Promise<Answers[Job['call']]>((resolve, reject) => {
        requireOpen()
        // On one core, and with so many of them under way, threads are no help.
        if (crew.length > firstOf.quick && freeSlots.quick.length > 0) offer('quick', key, job, { resolve, reject })
        else resolve(runOpenssl(key, job))
      }) as Promise<never>,
    native: async (start) => {
      requireOpen()
      return tracked(native(start))
    },
    nativeSlow: async (start) => {
      requireOpen()
      return tracked(slow(start))
    },
    async close() {
      closed = true
      await Promise.allSettled(nativeCalls)
      if (!isIdle()) {
        await new Promise<void>((resolve) => {
          whenIdle = resolve
        })
      }
      await Promise.all(crew.map((worker) => worker?.terminate()))
    },
  }
}

function noThread(cause: unknown): Error {
  return problem('DeviceUnavailable', {
    message: 'The software device could not start a thread to compute on.',
    mend: 'Allow the process more threads; under --permission give --allow-worker.',
    cause,
  })
}

/** Whoever gave the bytes may change them while the job waits for a place. */
function copied(job: Job): Job {
  const copy: Record<string, unknown> = { ...job }
  for (const [name, value] of Object.entries(job)) if (value instanceof Uint8Array) copy[name] = new Uint8Array(value)
  return copy as Job
}

/** At most `atOnce` calls under way, the others in order. */
function lane(atOnce: number): <T>(start: (done: Done<T>) => void) => Promise<T> {
  const waiting: (() => void)[] = []
  let underWay = 0
  return async (start) => {
    if (underWay >= atOnce) {
      if (waiting.length >= longestQueue) throw problem('Throttled')
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else underWay += 1
    try {
      return await new Promise((resolve, reject) => {
        start((error, result) => (error === null ? resolve(result) : reject(error)))
      })
    } finally {
      // The place goes to the next in line, or is free.
      const next = waiting.shift()
      if (next === undefined) underWay -= 1
      else next()
    }
  }
}
