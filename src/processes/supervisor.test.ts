import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { supervise } from './supervisor.ts'

const program = join(import.meta.dirname, '..', '..', 'test', 'processes-crashing.ts')

test('a process that dies again and again is replaced ever later, and each time is told', async () => {
  const deaths: { readonly process: number; readonly how: unknown; readonly pauseMs: number }[] = []
  const enough = Promise.withResolvers<void>()
  const supervisor = await supervise({
    program,
    processes: 1,
    monotonic: () => performance.now(),
    onEnded: (facts) => {
      deaths.push(facts as (typeof deaths)[0])
      if (deaths.length === 5) enough.resolve()
    },
  })
  assert.deepEqual(supervisor.keeper.words, ['process 0'])
  await enough.promise
  await supervisor.stop()
  assert.deepEqual(
    deaths.slice(0, 5).map(({ process, how, pauseMs }) => ({ process, how, pauseMs })),
    [0, 100, 200, 400, 800].map((pauseMs) => ({ process: 1, how: 3, pauseMs })),
  )
})

test('a program that cannot start is told by what it says, and nothing is left running', async () => {
  const nothing = join(import.meta.dirname, 'no-such-program.ts')
  const options = { processes: 2, monotonic: () => performance.now(), onEnded: () => {} }
  await assert.rejects(supervise({ ...options, program: nothing }), /Process 0 ended \(1\) at its start/)
})
