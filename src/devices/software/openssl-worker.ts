/** A thread of the pool: performs what stands on the desk, and holds nothing in between. */
import { workerData } from 'node:worker_threads'
import { type Lane, openDesk } from './desk.ts'

export type ThreadOrders = {
  readonly memory: SharedArrayBuffer
  readonly thread: number
  readonly lanes: readonly Lane[]
}

const { memory, thread, lanes } = workerData as ThreadOrders
openDesk(memory).serve(thread, lanes)
