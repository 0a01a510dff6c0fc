/** A thread of the pool: performs what stands on the desk, and holds nothing in between. */
import { getPriority, setPriority } from 'node:os'
import { workerData } from 'node:worker_threads'
import { type Lane, openDesk } from './desk.ts'

export type ThreadOrders = {
  readonly memory: SharedArrayBuffer
  readonly thread: number
  readonly lanes: readonly Lane[]
}

/** Where cores are short, the event loop goes first: on it waits everybody, on this those who asked for it. */
const givesWay = 5
const mostNiceness = 19

const { memory, thread, lanes } = workerData as ThreadOrders
// setpriority(2) of Linux is about the calling thread; elsewhere it would be about the whole process.
if (process.platform === 'linux') {
  try {
    setPriority(Math.min(getPriority() + givesWay, mostNiceness))
  } catch {
    // A filter of system calls forbids it: then all threads are alike.
  }
}
openDesk(memory).serve(thread, lanes)
