/**
 * Keeps the event loop free while keys compute. What takes longer than some 50 microseconds leaves the main thread: an
 * OpenSSL call goes to threads of our own, because node:ffi is synchronous; and the callback forms of node:crypto go to
 * libuv's threads, a bounded number at a time, because those are shared with the file system, and an audit record must
 * not wait to be synced until sixteen RSA keys are made. So signatures take the first way even where node:crypto has a
 * callback for them: it costs the main thread the same, and it grows with the cores.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { problem } from '../../domain/errors.ts'
import { type NativeKey, type OpensslAnswers, OpensslFailure, type OpensslJob } from './openssl.ts'
import type { Answer, Question } from './openssl-worker.ts'

/** A job without the key's address, which the pool takes from the NativeKey itself. */
export type Job = OpensslJob extends infer J ? (J extends OpensslJob ? Omit<J, 'key'> : never) : never

type Done<T> = (error: Error | null, result: T) => void

export type Pool = {
  /** Runs the job on a thread. The arguments are copied. Rejects with OpensslFailure as `runOpenssl` throws it. */
  run<J extends Job>(key: NativeKey, job: J): Promise<OpensslAnswers[J['call']]>
  /** Starts a callback form of node:crypto once there is room for it. */
  native<T>(start: (done: Done<T>) => void): Promise<T>
  /** As `native`, one at a time: making an RSA-4096 key takes a thread for a second. */
  nativeSlow<T>(start: (done: Done<T>) => void): Promise<T>
  /** Lets what is under way finish, refuses what comes after. */
  close(): Promise<void>
}

/** libuv has four threads (UV_THREADPOOL_SIZE). With the slow lane that makes three: one is always left to files. */
const nativeAtOnce = 2

/** The main thread cannot feed more; and each thread is an engine of its own, of some ten megabytes. */
const mostThreads = 16

/** Beyond it an answer would come too late for whoever waits: some ten seconds of RSA-4096 on one core. */
const longestQueue = 8_192

/** Two to a thread: the next one is there already when the first is answered. */
const perThread = 2

/** The flags of the process are not for its threads, and its environment is none of their business. */
const threadOptions = { name: 'openssl', execArgv: ['--disable-warning=ExperimentalWarning'], env: {} }

type Waiting = {
  readonly key: NativeKey
  readonly job: Job
  readonly resolve: (answer: Uint8Array | boolean | undefined) => void
  readonly reject: (error: unknown) => void
}

type Thread = { readonly worker: Worker; readonly underWay: Map<number, Waiting> }

/** `threads` of our own, without it as many as there are cores, up to sixteen. They start at first use. */
export function createPool({
  threads = Math.min(availableParallelism(), mostThreads),
}: {
  readonly threads?: number
} = {}): Pool {
  const crew = new Set<Thread>()
  const queue: Waiting[] = []
  const native = lane(nativeAtOnce)
  const slow = lane(1)
  const unfinished = new Set<Promise<unknown>>()
  let lastId = 0
  let closed = false

  /** What is still to be answered, for `close` to wait for. */
  function tracked<T>(promise: Promise<T>): Promise<T> {
    unfinished.add(promise)
    const finished = () => unfinished.delete(promise)
    promise.then(finished, finished)
    return promise
  }

  function hire(): Thread {
    const worker = new Worker(new URL('./openssl-worker.ts', import.meta.url), threadOptions)
    const thread: Thread = { worker, underWay: new Map() }
    worker.on('message', (answer: Answer) => {
      const waiting = thread.underWay.get(answer.id)
      if (waiting === undefined) return
      thread.underWay.delete(answer.id)
      dispatch()
      if ('failure' in answer) waiting.reject(new OpensslFailure(answer.failure))
      else waiting.resolve(answer.answer)
      // An idle thread must not keep the process alive; a busy one must.
      if (thread.underWay.size === 0) worker.unref()
    })
    let cause: unknown
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', () => {
      crew.delete(thread)
      for (const waiting of thread.underWay.values()) waiting.reject(problem('DeviceUnavailable', { cause }))
      thread.underWay.clear()
      dispatch()
    })
    crew.add(thread)
    return thread
  }

  /** The least busy thread that has room; a new one before any gets its second job. */
  function idlest(): Thread | undefined {
    let best: Thread | undefined
    for (const thread of crew) if (best === undefined || thread.underWay.size < best.underWay.size) best = thread
    if ((best === undefined || best.underWay.size > 0) && crew.size < threads) return hire()
    return best !== undefined && best.underWay.size < perThread ? best : undefined
  }

  function dispatch(): void {
    while (queue.length > 0) {
      let thread: Thread | undefined
      try {
        thread = idlest()
      } catch (cause) {
        for (const waiting of queue.splice(0)) waiting.reject(noThread(cause))
        return
      }
      if (thread === undefined) return
      const waiting = queue.shift()
      if (waiting === undefined) return
      const id = ++lastId
      // The map holds the NativeKey, so that its address stays good until the answer is here.
      thread.underWay.set(id, waiting)
      thread.worker.ref()
      const job = { ...waiting.job, key: waiting.key.address } as OpensslJob
      thread.worker.postMessage({ id, job } satisfies Question)
      wipe(waiting.job)
    }
  }

  return {
    async run<J extends Job>(key: NativeKey, job: J) {
      if (closed) throw problem('DeviceUnavailable')
      if (queue.length >= longestQueue) throw problem('Throttled')
      const { promise, resolve, reject } = Promise.withResolvers<OpensslAnswers[J['call']]>()
      queue.push({ key, job: copied(job), resolve: resolve as Waiting['resolve'], reject })
      dispatch()
      return tracked(promise)
    },
    native: async (start) => {
      if (closed) throw problem('DeviceUnavailable')
      return tracked(native(start))
    },
    nativeSlow: async (start) => {
      if (closed) throw problem('DeviceUnavailable')
      return tracked(slow(start))
    },
    async close() {
      closed = true
      await Promise.allSettled(unfinished)
      await Promise.all([...crew].map(({ worker }) => worker.terminate()))
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

/** In buffers of its own: a message clones the whole buffer below a view, and the bytes of others with it. */
function copied(job: Job): Job {
  const copy: Record<string, unknown> = { ...job }
  for (const [name, value] of Object.entries(job)) if (value instanceof Uint8Array) copy[name] = new Uint8Array(value)
  return copy as Job
}

/** The thread has its own copy: nothing of a plaintext stays in this one. */
function wipe(job: Job): void {
  for (const value of Object.values(job)) if (value instanceof Uint8Array) value.fill(0)
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
