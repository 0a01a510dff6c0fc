/** Threads and the main thread reach for the same slots: each call is claimed by one of them alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { newDeskMemory, openDesk, slotsOf } from './desk.ts'
import { openPair } from './key-pair.ts'
import { pairAnswers } from './known-answers-pairs.ts'
import { Unsealed } from './material.ts'
import { type Laid, layOut, perform, takeOff } from './openssl-calls.ts'
import type { ThreadOrders } from './openssl-worker.ts'

test('each call is performed once, whoever reaches for it', async () => {
  const desk = openDesk(newDeskMemory())
  const pair = openPair('EC_P256', new Unsealed(Buffer.from(pairAnswers.EC_P256.privateKey, 'base64')))
  // Refused at its first byte: the threads spend their time on claiming.
  const job = { call: 'verify', scheme: 'DIGEST', input: new Uint8Array(32), signature: new Uint8Array(1) } as const
  const workers = [0, 1].map(
    (thread) =>
      new Worker(new URL('./openssl-worker.ts', import.meta.url), {
        execArgv: ['--disable-warning=ExperimentalWarning'],
        workerData: { memory: desk.memory, thread, lanes: ['quick'] } satisfies ThreadOrders,
      }),
  )
  let offered = 0
  let takenBack = 0
  const end = performance.now() + 1_000
  while (performance.now() < end || desk.finishedCount() === 0) {
    const laid = slotsOf.quick.map((index) => {
      const one = layOut(desk.slot(index), pair.native, job) as Laid
      desk.offer(index)
      offered += 1
      return { index, one, mine: false }
    })
    desk.wake(0)
    desk.wake(1)
    for (let index = desk.takeBack('quick'); index !== undefined; index = desk.takeBack('quick')) {
      takenBack += 1
      perform(desk.slot(index))
      const one = laid.find((candidate) => candidate.index === index)
      if (one !== undefined) one.mine = true
    }
    for (const { index, one, mine } of laid) {
      while (!mine && !desk.isFinished(index)) await turn()
      assert.equal(takeOff(desk.slot(index), one), false)
      desk.clear(index)
    }
  }
  await Promise.all(workers.map((worker) => worker.terminate()))
  const byThreads = desk.finishedCount()
  assert.ok(byThreads > 0 && takenBack > 0)
  assert.equal(byThreads + takenBack, offered)
})
