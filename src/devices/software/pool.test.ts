/** Threads that compute beside the event loop: what they owe to the loop, to each other, and to whoever closes them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createPublicKey, hash, verify } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { Problem } from '../../domain/errors.ts'
import { type KeyPair, openPair, type PairSpec } from './key-pair.ts'
import { pairAnswers } from './known-answers-pairs.ts'
import { Unsealed } from './material.ts'
import { NativeKey } from './native-key.ts'
import { OpensslFailure } from './openssl.ts'
import { createPool } from './pool.ts'
import { signRsa } from './rsa.ts'

const pool = createPool({ threads: 2 })
after(() => pool.close())

const message = { type: 'RAW', message: Buffer.from('Keyward') } as const

/** How Linux sees threads: proc_pid_stat(5). */
const linuxOnly = { skip: process.platform !== 'linux' && 'read from /proc, which Linux alone has' }

function taskOf(thread: string) {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
  const fields = stat
    .replace(/^.*\) /, '')
    .split(' ')
    .map(Number)
  const [ticks, niceness] = [(fields[11] ?? 0) + (fields[12] ?? 0), fields[16] ?? 0]
  return { name: /\((.*)\)/.exec(stat)?.[1], ticks, niceness }
}

function crewThreads() {
  return readdirSync('/proc/self/task')
    .map(taskOf)
    .filter(({ name }) => name === 'openssl')
}

function knownPair(spec: PairSpec): KeyPair {
  return openPair(spec, new Unsealed(Buffer.from(pairAnswers[spec].privateKey, 'base64')))
}

test('sixteen RSA-4096 signatures at once leave the event loop turning', async () => {
  const pair = knownPair('RSA_4096')
  let finished = 0
  const signatures = Array.from({ length: 16 }, async () => {
    await signRsa(pool, pair, 'RSASSA_PSS_SHA_512', message)
    finished += 1
  })
  let turns = 0
  let turnsWithWork = 0
  while (finished < 16) {
    const before = finished
    await turn()
    turns += 1
    if (finished < 16 && finished === before) turnsWithWork += 1
  }
  await Promise.all(signatures)
  // Were they computed on this thread, there would be one turn to a signature and none in between.
  assert.ok(turnsWithWork > 32, `${turnsWithWork} of ${turns} turns`)
})

test('every answer goes to its own question, however many are asked', async () => {
  const pair = knownPair('EC_P384')
  const publicKey = createPublicKey({
    key: Buffer.from(pairAnswers.EC_P384.publicKey, 'base64'),
    format: 'der',
    type: 'spki',
  })
  const asked = Array.from({ length: 120 }, async (_, index) => {
    const text = Buffer.from(`message ${index}`)
    const input = hash('sha384', text, 'buffer')
    const signature = await pool.run(pair.native, { call: 'sign', scheme: 'DIGEST', input })
    return verify('sha384', text, publicKey, signature)
  })
  assert.deepEqual(await Promise.all(asked), new Array(120).fill(true))
})

test(
  'quick calls are shared between the threads and the event loop, and each has its own answer',
  linuxOnly,
  async () => {
    const pair = knownPair('EC_P256')
    const publicKey = createPublicKey({
      key: Buffer.from(pairAnswers.EC_P256.publicKey, 'base64'),
      format: 'der',
      type: 'spki',
    })
    const ticksOfCrew = () => crewThreads().reduce((sum, { ticks }) => sum + ticks, 0)
    const before = ticksOfCrew()
    const shared = async () => {
      // More than there are slots for, in rounds that overlap.
      const callers = Array.from({ length: 100 }, async (_, caller) => {
        for (let round = 0; round < 10; round++) {
          const text = Buffer.from(`message ${round} of ${caller}`)
          const input = hash('sha256', text, 'buffer')
          const signature = await pool.runQuick(pair.native, { call: 'sign', scheme: 'DIGEST', input })
          assert.ok(verify('sha256', text, publicKey, signature))
          const other = Uint8Array.from(input, (byte) => byte ^ 1)
          const valid = (digest: Uint8Array) =>
            pool.runQuick(pair.native, { call: 'verify', scheme: 'DIGEST', input: digest, signature })
          assert.deepEqual(await Promise.all([valid(input), valid(other)]), [true, false])
        }
      })
      await Promise.all(callers)
      return ticksOfCrew() - before
    }
    // A machine that is busy with other things may leave the threads, which give way, little time: once more then.
    let ticks = 0
    for (let attempt = 0; attempt < 50 && ticks < 5; attempt++) ticks = await shared()
    assert.ok(ticks >= 5, `${ticks} hundredths of a second on the threads`)
  },
)

test('on Linux the threads give way to the event loop', linuxOnly, async () => {
  await pool.run(knownPair('EC_P384').native, { call: 'sign', scheme: 'DIGEST', input: new Uint8Array(48) })
  const own = taskOf(String(process.pid)).niceness
  assert.ok(crewThreads().length > 0)
  for (const { niceness } of crewThreads()) assert.equal(niceness, Math.min(own + 5, 19))
})

test('a quick call does not wait for slow ones', async () => {
  const quick = knownPair('EC_P256')
  const slow = knownPair('RSA_4096')
  let finished = 0
  const signatures = Array.from({ length: 60 }, async () => {
    await signRsa(pool, slow, 'RSASSA_PSS_SHA_512', message)
    finished += 1
  })
  for (let call = 0; call < 3; call++) {
    await pool.runQuick(quick.native, { call: 'sign', scheme: 'DIGEST', input: new Uint8Array(32) })
  }
  assert.ok(finished < 30, `${finished} of 60 slow calls were done before three quick ones`)
  await Promise.all(signatures)
})

test('more calls than the desk has slots wait for one, in order', async () => {
  const pair = knownPair('EC_P384')
  const order: number[] = []
  const asked = Array.from({ length: 200 }, async (_, index) => {
    await pool.run(pair.native, { call: 'sign', scheme: 'DIGEST', input: new Uint8Array(48) })
    order.push(index)
  })
  await Promise.all(asked)
  // Two threads may overtake each other, and the slots are taken by turns.
  for (const [place, index] of order.entries()) assert.ok(Math.abs(place - index) < 64, `${index} came ${place}th`)
})

test('what is handed to the pool may change afterwards: the pool has its own copy', async () => {
  const pair = knownPair('EC_P384')
  // More than the desk has slots: the one looked at has to wait.
  const busy = Array.from({ length: 100 }, () =>
    pool.run(pair.native, { call: 'sign', scheme: 'DIGEST', input: new Uint8Array(48) }),
  )
  const input = new Uint8Array(48).fill(7)
  const signing = pool.run(pair.native, { call: 'sign', scheme: 'DIGEST', input })
  input.fill(9)
  const signature = await signing
  const valid = (digest: number) =>
    pool.run(pair.native, { call: 'verify', scheme: 'DIGEST', input: new Uint8Array(48).fill(digest), signature })
  assert.deepEqual([await valid(7), await valid(9)], [true, false])
  await Promise.all(busy)
})

test('a call that OpenSSL refuses for no fault of the input rejects, and the thread goes on', async () => {
  const pair = knownPair('EC_P384')
  const scheme = { rsa: 'PSS', hash: 'sha256' } as const
  await assert.rejects(pool.run(pair.native, { call: 'sign', scheme, input: new Uint8Array(32) }), OpensslFailure)
  await assert.rejects(
    pool.run(pair.native, { call: 'decrypt', scheme: 'SM2', input: new Uint8Array(32) }),
    OpensslFailure,
  )
  const signature = await pool.run(pair.native, { call: 'sign', scheme: 'DIGEST', input: new Uint8Array(48) })
  assert.ok(signature.length > 90)
})

test('a key stays open while somebody computes with it, though nobody holds it any more', async () => {
  const asked = Array.from({ length: 40 }, () => {
    const { native } = knownPair('EC_P521')
    return pool.run(native, { call: 'sign', scheme: 'DIGEST', input: new Uint8Array(64) })
  })
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  for (let round = 0; round < 10; round++) {
    collect()
    await turn()
  }
  for (const signature of await Promise.all(asked)) assert.ok(signature.length > 130)
})

test('calls of node:crypto run two at a time, in order, and a failing one gives its place to the next', async () => {
  const starts: number[] = []
  const dones: ((error: Error | null, result: number) => void)[] = []
  const results = Array.from({ length: 5 }, (_, index) =>
    pool.native<number>((done) => {
      starts.push(index)
      dones[index] = done
    }),
  )
  await turn()
  assert.deepEqual(starts, [0, 1])
  dones[1]?.(new Error('no'), 0)
  await assert.rejects(results[1]!, /no/)
  await turn()
  assert.deepEqual(starts, [0, 1, 2])
  for (const index of [0, 2]) dones[index]?.(null, index)
  await turn()
  for (const index of [3, 4]) dones[index]?.(null, index)
  assert.deepEqual(await Promise.all([results[0], results[2], results[3], results[4]]), [0, 2, 3, 4])
})

test('a call of node:crypto that throws at once gives its place back', async () => {
  for (let round = 0; round < 5; round++) {
    const thrown = pool.native(() => {
      throw new Error('at once')
    })
    await assert.rejects(thrown, /at once/)
  }
  assert.equal(await pool.native<number>((done) => done(null, 1)), 1)
})

test('a thread that dies fails what it had under way, and another one takes its place', async (context) => {
  const mortal = createPool({ threads: 2 })
  const pair = knownPair('EC_P384')
  const sign = () => mortal.run(pair.native, { call: 'sign', scheme: 'DIGEST', input: new Uint8Array(48) })
  await sign()
  const dying = new Set<Worker>()
  const mocks = (['ref', 'unref'] as const).map(
    (name) =>
      context.mock.method(Worker.prototype, name, function (this: Worker) {
        // Ending a thread calls `ref` itself.
        if (dying.has(this)) return
        dying.add(this)
        void this.terminate()
      }).mock,
  )
  // Those hired in their place die as well. A thread takes one call along at most; what it has finished is answered.
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, sign))
  const lost = outcomes.filter((outcome) => outcome.status === 'rejected')
  assert.ok(lost.length > 0)
  for (const { reason } of lost) {
    assert.ok(reason instanceof Problem, String(reason))
    assert.equal(reason.code, 'DeviceUnavailable')
  }
  for (const mock of mocks) mock.restore()
  assert.ok((await sign()).length > 90)
  await mortal.close()
})

test('a pool that closes answers what is under way, and refuses what comes after', async () => {
  const closing = createPool({ threads: 2 })
  const pair = knownPair('RSA_4096')
  const underWay = Array.from({ length: 6 }, () => signRsa(closing, pair, 'RSASSA_PSS_SHA_256', message))
  const closed = closing.close()
  const unavailable = (error: unknown) => error instanceof Problem && error.code === 'DeviceUnavailable'
  await assert.rejects(signRsa(closing, pair, 'RSASSA_PSS_SHA_256', message), unavailable)
  await assert.rejects(
    closing.native((done) => done(null, 1)),
    unavailable,
  )
  await closed
  for (const signature of await Promise.all(underWay)) assert.equal(signature.length, 512)
})

/** What a process of its own prints that runs this, with a pair at hand. */
async function printedBy(script: string, flags: readonly string[] = []): Promise<string> {
  const all = [...flags, '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script]
  const { stdout } = await promisify(execFile)(process.execPath, all, { cwd: import.meta.dirname, timeout: 30_000 })
  return stdout
}

const withPair = `
  const { createPool } = await import('./pool.ts')
  const { openPair } = await import('./key-pair.ts')
  const { pairAnswers } = await import('./known-answers-pairs.ts')
  const { Unsealed } = await import('./material.ts')
  const pair = openPair('EC_P384', new Unsealed(Buffer.from(pairAnswers.EC_P384.privateKey, 'base64')))
  const signIn = (pool) => pool.run(pair.native, { call: 'sign', scheme: 'DIGEST', input: new Uint8Array(48) })`

test('a pool that nobody closed does not keep the process alive', async () => {
  const printed = await printedBy(`${withPair}
    console.log((await signIn(createPool())).length > 90)`)
  assert.equal(printed, 'true\n')
})

test('a call that waits keeps the process alive, after its threads have died too', async () => {
  const printed = await printedBy(`${withPair}
    const { Worker } = await import('node:worker_threads')
    const threads = new Set()
    const { ref } = Worker.prototype
    Worker.prototype.ref = function () {
      threads.add(this)
      return ref.call(this)
    }
    const pool = createPool({ threads: 2 })
    await signIn(pool)
    for (let round = 0; round < 5; round++) {
      const asked = Promise.allSettled([signIn(pool), signIn(pool), signIn(pool), signIn(pool)])
      // Of a thread that ends, the pool lets go.
      const alive = setInterval(() => {}, 1_000)
      await Promise.all([...threads].map((thread) => thread.terminate()))
      clearInterval(alive)
      await asked
    }
    console.log((await signIn(pool)).length > 90)`)
  assert.equal(printed, 'true\n')
})

test('without node:ffi the device says so, and how to have it', async () => {
  const script = `
    const { NativeKey } = await import('./native-key.ts')
    try { new NativeKey('private', new Uint8Array(1)) } catch (error) { console.log(error.code, error.message, error.mend) }`
  for (const flags of [['--no-experimental-ffi'], ['--permission', '--allow-fs-read=*']])
    assert.match(await printedBy(script, flags), /^DeviceUnavailable .*node:ffi.* --allow-ffi/)
})

test('without threads the device says so, and how to have them', async () => {
  const script = `${withPair}
    const pool = createPool()
    for (const { reason } of await Promise.allSettled([signIn(pool), signIn(pool)])) console.log(reason.code, reason.mend)
    await pool.close()`
  const printed = await printedBy(script, ['--permission', '--allow-fs-read=*', '--allow-ffi'])
  assert.match(printed, /^(DeviceUnavailable .*--allow-worker\.\n){2}$/)
})

test('bytes that are no key are refused, and leave nothing in the error queue of node:crypto', () => {
  for (const bytes of ['', '00', '3000', '3003020100', 'ff'.repeat(64)]) {
    for (const half of ['private', 'public'] as const) {
      assert.throws(() => new NativeKey(half, Buffer.from(bytes, 'hex')), OpensslFailure)
    }
  }
  const { publicKey, signatures } = pairAnswers.EC_P256
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' })
  const signature = Buffer.from(signatures?.ECDSA_SHA_256 ?? '', 'base64')
  assert.equal(verify('sha256', message.message, key, signature), true)
})
