import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Commit, Outcome } from './transaction.ts'
import type { FromWriter, ToWriter, WriterData, Written } from './writer.ts'

export type Failed = { readonly is: 'failed'; readonly error: Error }

/** The calling thread's end of the writing thread. */
export type Writer = {
  /** Resolves once the commit is durable and to be seen, or once it is sure that it will not be, unless `failed`. */
  write(commit: Commit): Promise<Outcome | Failed>
  /** After all that was given to `write`. */
  close(settled: readonly string[]): Promise<void>
}

export async function startWriter(data: WriterData): Promise<Writer> {
  const worker = new Worker(new URL('./writer.ts', import.meta.url), { workerData: data })
  const waiting = new Map<number, (outcome: Outcome | Failed) => void>()
  let numbers = 0
  let closing = false
  /** Why nothing can be written any more. */
  let ended: Error | undefined

  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()

  worker.on('message', (message: FromWriter) => {
    if (message.is === 'open') opened.resolve()
    else if (message.is === 'closed') closed.resolve()
    else for (const written of message.outcomes) settle(written)
    restIfIdle()
  })
  worker.on('error', (error) => end(error instanceof Error ? error : new Error(String(error))))
  worker.on('exit', () => end(new Error('The thread that writes has ended.')))
  await opened.promise
  worker.unref()

  function settle({ number, outcome }: Written): void {
    const resolve = waiting.get(number)
    waiting.delete(number)
    resolve?.(outcome.is === 'failed' ? { is: 'failed', error: new Error(outcome.error) } : outcome)
  }

  function end(error: Error): void {
    ended ??= error
    opened.reject(ended)
    closed.resolve()
    for (const resolve of waiting.values()) resolve({ is: 'failed', error: ended })
    waiting.clear()
  }

  /** A process that has nothing else to do may end, but not while something is being written, or the thread is to end. */
  function restIfIdle(): void {
    if (waiting.size === 0 && !closing) worker.unref()
  }

  function write(commit: Commit): Promise<Outcome | Failed> {
    if (ended !== undefined) return Promise.resolve({ is: 'failed', error: ended })
    const number = numbers++
    const { promise, resolve } = Promise.withResolvers<Outcome | Failed>()
    waiting.set(number, resolve)
    worker.ref()
    post({ number, commit })
    return promise
  }

  function post(message: ToWriter): void {
    worker.postMessage(message)
  }

  return {
    write,
    close: async (settled) => {
      if (settled.length > 0) await write({ steps: [], settled })
      if (ended !== undefined) return
      closing = true
      worker.ref()
      const exited = once(worker, 'exit')
      post({ close: true })
      await closed.promise
      await exited
    },
  }
}
