/** The service's side of the agent: starts it, speaks to it, ends it when it hangs, starts another when it has ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type ProblemCode, problem } from '../../domain/errors.ts'
import { encodeFrame, type Frame, frameReader, outcomes, type Verb, verbs } from './frames.ts'

/**
 * For the C library of the agent (glibc.malloc in glibc's manual, "Memory Allocation Tunables"): what is freed is overwritten
 * at once, and what is given out is zeros (255 does that: a module that reads before it writes is better off, not worse).
 * Modules leave numbers behind that they have computed with: softhsm2 an encoding of one pair in four that it makes. Without
 * the cache of freed pieces, which would be passed over.
 */
const overwritesFreed = 'glibc.malloc.perturb=255:glibc.malloc.tcache_count=0'

export type AgentOptions = {
  /** The environment of the child: nothing else is in it. */
  readonly environment: Readonly<Record<string, string>>
  /** How many operations the agent runs at once: its threads. */
  readonly sessions: number
  /** Milliseconds. A call that is not answered in time means that the module hangs: the agent is killed. */
  readonly deadline: number
  /** The same for what takes a token long: making keys, the start, the self-test. */
  readonly slowDeadline: number
  /** Milliseconds between two looks at the token. */
  readonly checkEvery: number
  /** What an agent is told first; also after a restart. Rejects: the agent is ended, and another tried later. */
  readonly start: (call: Call, generation: number) => Promise<void>
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

export type Call = (verb: Verb, ...fields: readonly Uint8Array[]) => Promise<readonly Buffer[]>

export type AgentProcess = {
  /**
   * Rejects with the agent's refusal; with a Problem `DeviceUnavailable` when the agent or the token is gone: then the
   * call may or may not have been computed. While an agent starts, calls wait for it.
   */
  readonly call: Call
  /** Counts the agents: what was open in one is not in the next. */
  generation(): number
  healthy(): boolean
  /** Of the agent that runs; undefined while none does. */
  processId(): number | undefined
  close(): Promise<void>
}

type Pending = {
  readonly resolve: (fields: readonly Buffer[]) => void
  readonly reject: (error: unknown) => void
  /** Ticks that are left. */
  patience: number
}

type Agent = {
  readonly process: ChildProcess
  readonly channel: Duplex
  readonly pending: Map<number, Pending>
  readonly ended: Promise<void>
}

type State =
  | { readonly is: 'starting'; readonly ready: Promise<void> }
  | { readonly is: 'running' }
  | { readonly is: 'waiting' }
  | { readonly is: 'stopped'; readonly why: string }

const slowVerbs: ReadonlySet<Verb> = new Set(['start', 'selfTest', 'generate', 'generateWrappingKey'])
/** Deadlines are counted in ticks: one timer for all calls, and no clock. */
const ticksPerDeadline = 8
/** A queue that is longer than this is one that does not get shorter. */
const mostPending = 4096
const firstBackOff = 100
const longestBackOff = 10_000
const firstCallNumber = 1

/** Resolves when the first agent has started; rejects with the reason where it has not. */
export async function startAgent(options: AgentOptions): Promise<AgentProcess> {
  let agent: Agent | undefined
  let state: State = { is: 'waiting' }
  let generation = 0
  let failures = 0
  let lastCall = firstCallNumber
  let outgoing: Buffer[] = []
  let again: NodeJS.Timeout | undefined
  const tickMilliseconds = options.deadline / ticksPerDeadline
  const slowTicks = Math.ceil(options.slowDeadline / tickMilliseconds)

  const ticker = setInterval(tick, tickMilliseconds)
  const checker = setInterval(() => void check(), options.checkEvery)
  ticker.unref()
  checker.unref()

  try {
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return {
    async call(verb, ...fields) {
      if (state.is === 'starting') await state.ready
      if (state.is !== 'running') throw unavailable(state.is === 'stopped' ? state.why : 'the HSM agent is down')
      return send(verb, fields)
    },
    generation: () => generation,
    healthy: () => state.is === 'running',
    processId: () => (state.is === 'running' ? agent?.process.pid : undefined),
    close,
  }

  /** One agent, up to its answer to `start`. */
  async function start(): Promise<void> {
    const launched = launch()
    agent = launched
    generation += 1
    await options.start((verb, ...fields) => send(verb, fields), generation)
    if (agent !== launched) throw unavailable('the HSM agent ended while it started')
    state = { is: 'running' }
    if (generation > 1) options.log('HSM agent serves again', { processId: launched.process.pid, generation })
  }

  function launch(): Agent {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--disable-sigusr1', join(import.meta.dirname, 'agent.ts')],
      {
        // Its own group: what a terminal sends to the service must not end the agent before the last request.
        detached: true,
        cwd: '/',
        env: {
          ...options.environment,
          GLIBC_TUNABLES: overwritesFreed,
          UV_THREADPOOL_SIZE: String(options.sessions + 1),
        },
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      },
    )
    const channel = child.stdio[3] as Duplex
    const pending = new Map<number, Pending>()
    const ended = new Promise<void>((resolve) => {
      const end = () => {
        onEnd(launched)
        resolve()
      }
      child.once('exit', end)
      child.once('error', end)
    })
    const launched: Agent = { process: child, channel, pending, ended }
    const read = frameReader((frame) => settle(launched, frame))
    channel.on('data', (chunk: Buffer) => {
      try {
        read(chunk)
      } catch (error) {
        kill(launched, `it speaks no sense: ${(error as Error).message}`)
      }
    })
    // The end of the process tells everything that an error of the channel could.
    channel.on('error', () => {})
    child.stderr?.setEncoding('utf8')
    child.stderr?.on('data', (said: string) => options.log('HSM agent said', { said: said.slice(0, 1000) }))
    return launched
  }

  function send(verb: Verb, fields: readonly Uint8Array[]): Promise<readonly Buffer[]> {
    const to = agent
    if (to === undefined) return Promise.reject(unavailable('the HSM agent is down'))
    if (to.pending.size >= mostPending)
      return Promise.reject(problem('Throttled', { message: 'The hardware security module has too much to do.' }))
    lastCall = lastCall >= 0xffff_ffff ? firstCallNumber : lastCall + 1
    const number = lastCall
    const frame = encodeFrame(number, verbs.indexOf(verb), fields)
    return new Promise((resolve, reject) => {
      const patience = slowVerbs.has(verb) ? slowTicks : ticksPerDeadline
      // One tick more: the one that is running began before this call.
      to.pending.set(number, { resolve, reject, patience: patience + 1 })
      if (outgoing.length === 0) setImmediate(flush, to)
      outgoing.push(frame)
    })
  }

  /** Calls of one turn go out in one piece. They hold plaintext and, once, the PIN: overwritten when they are out. */
  function flush(to: Agent): void {
    const frames = outgoing
    outgoing = []
    if (to !== agent || to.channel.destroyed) return
    const piece = frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames)
    if (frames.length > 1) for (const frame of frames) frame.fill(0)
    to.channel.write(piece, () => piece.fill(0))
  }

  function settle(from: Agent, { call, kind, fields }: Frame): void {
    const waiting = from.pending.get(call)
    if (waiting === undefined) return
    from.pending.delete(call)
    const outcome = outcomes[kind]
    if (outcome === 'done') {
      waiting.resolve(fields)
      return
    }
    const said = fields[0]?.toString('utf8') ?? ''
    if (outcome === 'refused') {
      const { code, ...details } = JSON.parse(said) as { code: ProblemCode; message: string; mend?: string }
      waiting.reject(problem(code, details))
      return
    }
    if (outcome === 'failed') waiting.reject(unavailable(said))
    else if (outcome === 'lost') {
      waiting.reject(unavailable(said))
      kill(from, said)
    } else {
      if (outcome === 'pinRefused') state = { is: 'stopped', why: said }
      waiting.reject(new Error(said))
    }
  }

  function tick(): void {
    const watched = agent
    if (watched === undefined) return
    for (const waiting of watched.pending.values()) {
      waiting.patience -= 1
      // What is behind a call that hangs cannot be known: all of this agent's sessions may.
      if (waiting.patience <= 0) {
        kill(watched, 'it did not answer in time')
        return
      }
    }
  }

  async function check(): Promise<void> {
    if (state.is !== 'running') return
    try {
      await send('check', [])
      failures = 0
    } catch (error) {
      // A check fails when the token is not well; the agent has said so and ends, or is ended by its deadline.
      options.log('HSM check failed', { error })
    }
  }

  function kill(which: Agent, why: string): void {
    if (which !== agent) return
    options.log('HSM agent is killed', { why, processId: which.process.pid, pending: which.pending.size })
    which.process.kill('SIGKILL')
    onEnd(which)
  }

  function onEnd(which: Agent): void {
    if (which !== agent) return
    agent = undefined
    outgoing = []
    const gone = unavailable('the HSM agent ended')
    for (const waiting of which.pending.values()) waiting.reject(gone)
    which.pending.clear()
    which.channel.destroy()
    options.log('HSM agent ended', { code: which.process.exitCode, signal: which.process.signalCode })
    // While one starts, whoever started it sees its call rejected, and decides.
    if (state.is === 'running') startAgain()
  }

  /** At once after the first failure, then ever later: a token that is gone is not asked a thousand times a second. */
  function startAgain(): void {
    const backOff = failures === 0 ? 0 : Math.min(longestBackOff, firstBackOff * 2 ** (failures - 1))
    failures += 1
    if (backOff > 0) state = { is: 'waiting' }
    const attempt = (): Promise<void> => {
      const ready = start().catch((error) => {
        options.log('HSM agent cannot start', { error })
        endAgent()
        if (state.is !== 'stopped') startAgain()
      })
      if (state.is !== 'stopped') state = { is: 'starting', ready }
      return ready
    }
    if (backOff === 0) void attempt()
    else {
      again = setTimeout(attempt, backOff)
      again.unref()
    }
  }

  function endAgent(): Promise<void> {
    const ending = agent
    if (ending === undefined) return Promise.resolve()
    agent = undefined
    for (const waiting of ending.pending.values()) waiting.reject(unavailable('the HSM agent is ended'))
    ending.pending.clear()
    ending.channel.destroy()
    ending.process.kill('SIGKILL')
    return ending.ended
  }

  async function close(): Promise<void> {
    state = { is: 'stopped', why: 'the device is closed' }
    clearInterval(ticker)
    clearInterval(checker)
    clearTimeout(again)
    await endAgent()
  }
}

function unavailable(why: string): Error {
  return problem('DeviceUnavailable', {
    message: 'The hardware security module cannot be reached just now. Try again.',
    cause: new Error(why),
  })
}
