/**
 * Starts the processes of a service, carries the messages between them, replaces those that die, and ends them all.
 *
 * The keeper (process 0) writes the metadata and does what is done once; the others serve, each with an audit log of its
 * own. The supervisor itself holds no key and does nothing that could fail: it lives as long as the service. What was asked
 * of a keeper that died is asked again of the next one, so that whoever asked only waits a little longer.
 *
 * Connections are accepted here and given to the processes in turn (node:cluster): the kernel's own ways, a shared socket
 * or SO_REUSEPORT, spread a few dozen connections unevenly.
 */
import { type ChildProcess, fork } from 'node:child_process'
import cluster from 'node:cluster'
import process from 'node:process'
import { problem } from '../domain/errors.ts'
import { openNonces } from '../protocols/alibaba/nonces.ts'
import type { Snapshot } from '../telemetry/metrics.ts'
import type { Answered, StartedFacts } from './calls.ts'
import { type Address, errorOf, type Message, peer, type Refusal, refusalOf } from './channel.ts'
import type { Place } from './siblings.ts'

export type SupervisorOptions = {
  /** So long they serve on when they are asked to end. */
  readonly drainMs?: number
  /** The file that runs as each process; its argument is its place. */
  readonly program: string
  /** How many serve. */
  readonly processes: number
  readonly monotonic: () => number
  /** Told where a process ended that should not have. */
  readonly onEnded: (facts: Readonly<Record<string, unknown>>, words: string) => void
}

export type Supervisor = {
  /** What the keeper told, and what one that serves told. */
  readonly keeper: StartedFacts
  readonly serving: StartedFacts
  /** Answers in flight go out; then everything is closed. */
  stop(): Promise<void>
}

type Child = {
  readonly place: Place
  readonly process: ChildProcess
  readonly startedAt: number
  readonly ended: Promise<void>
  ready: boolean
}

type CallMessage = Message & { readonly is: 'call' }

const keeper = 0
/** A process that lived so long was well: what it dies of now is something new. */
const wellMs = 30_000
const firstPauseMs = 100
const longestPauseMs = 10_000
/** So long a call to the keeper waits for one; then it is refused. */
const keeperPatienceMs = 30_000
/** Of an answer that can be done without. */
const askPatienceMs = 2_000
/** Longer than the answers in flight are given. */
const stopPatienceMs = 20_000

/** Resolves once all are ready. Rejects with what the first one that cannot start says, and leaves nothing running. */
export async function supervise(options: SupervisorOptions): Promise<Supervisor> {
  const { program, processes, monotonic, onEnded } = options
  const children = new Map<number, Child>()
  /** Calls that were carried to a process and not answered yet. */
  const waiting = new Map<string, CallMessage>()
  const starting = new Map<number, PromiseWithResolvers<StartedFacts>>()
  const deaths = new Map<number, { inARow: number; all: number }>()
  const nonces = openNonces()
  let serials = 0
  let keeperGoneAt: number | undefined = monotonic()
  let phase: 'starting' | 'running' | 'stopping servers' | 'stopping all' = 'starting'

  // ------------------------------------------------------------------------------------------------------- messages

  const own = peer('supervisor', serials, carry)
  own.handle('spendNonce', (...used) => nonces.use(...used))

  function send(child: Child | undefined, message: Message): void {
    if (child?.process.connected) child.process.send(message, () => {})
  }

  /** From whoever sent it to whom it is for. */
  function carry(message: Message): void {
    if (message.is === 'call') carryCall(message)
    else if (waiting.delete(message.id)) deliver(message)
  }

  function carryCall(message: CallMessage): void {
    const { to, id } = message
    waiting.set(id, message)
    if (to === 'supervisor') answerOwn(message)
    else if (to === keeper) {
      // One that starts answers when it can; the one after it is asked again.
      if (keeperGoneAt !== undefined && monotonic() - keeperGoneAt > keeperPatienceMs) refuse(message, keeperIsGone())
      else send(children.get(keeper), message)
    } else if (children.get(to)?.ready) send(children.get(to), message)
    else refuse(message, problem('Unavailable', { message: `Process ${to} does not run.` }))
  }

  function deliver(message: Message): void {
    if (message.to === 'supervisor') own.receive(message)
    else send(children.get(message.to), message)
  }

  function refuse({ from: to, id }: CallMessage, error: Error): void {
    carry({ is: 'refusal', to, id, refusal: refusalOf(error) })
  }

  function answerOwn(message: CallMessage): void {
    const { from, id, name, args } = message
    const child = from === 'supervisor' ? undefined : children.get(from)
    if (name === 'started' && child !== undefined) started(child, args[0] as StartedFacts)
    else if (name === 'failed' && child !== undefined) failed(child, args[0] as Refusal)
    else if (name === 'ask') {
      const asked = ask(from, args[0] as 'publish' | 'metrics')
      asked.then((value) => carry({ is: 'answer', to: from, id, value }))
      return
    } else {
      own.receive(message)
      return
    }
    carry({ is: 'answer', to: from, id, value: undefined })
  }

  async function ask(from: Address, name: 'publish' | 'metrics'): Promise<readonly Answered[]> {
    const others = [...children.values()].filter(({ ready, place }) => ready && place.number !== from)
    const answers = others.map(async ({ place: { number } }): Promise<Answered | undefined> => {
      const late = Promise.withResolvers<undefined>()
      const timer = setTimeout(() => late.resolve(undefined), askPatienceMs)
      const asked = own.call(number, name).then(
        (value) => ({ from: number, value }),
        () => undefined,
      )
      return Promise.race([asked, late.promise]).finally(() => clearTimeout(timer))
    })
    const told = (await Promise.all(answers)).filter((answer) => answer !== undefined)
    return name === 'metrics' ? [...told, { from: 'supervisor', value: ownMetrics() }] : told
  }

  function ownMetrics(): Snapshot {
    const values = [...children.keys()].map((number) => [`process="${number}"`, deaths.get(number)?.all ?? 0] as const)
    const help = 'How often a process ended that should not have, and was replaced.'
    return { totals: [], durations: [], gauges: [{ name: 'keyward_process_restarts_total', help, values }] }
  }

  function keeperIsGone(): Error {
    return problem('Unavailable', { message: 'The process that writes the metadata does not run.' })
  }

  // -------------------------------------------------------------------------------------------------------- children

  function start(number: number): Promise<StartedFacts> {
    serials++
    const place: Place = { number, processes, serial: serials, resumes: phase !== 'starting' }
    const child = number === keeper ? forkKeeper(place) : forkServing(place)
    const ended = Promise.withResolvers<void>()
    const entry: Child = { place, process: child, startedAt: monotonic(), ended: ended.promise, ready: false }
    children.set(number, entry)
    child.on('message', (message) => {
      if (children.get(number) === entry) carry(message as Message)
    })
    const end = (how: unknown) => {
      ended.resolve()
      gone(entry, how)
    }
    child.once('exit', (code, signal) => end(signal ?? code))
    // One that the system could not start never exits. Any other error is told by its end.
    child.on('error', (error) => {
      if (child.pid === undefined) end(error.message)
    })
    if (number === keeper) for (const message of waiting.values()) if (message.to === keeper) send(entry, message)
    const ready = Promise.withResolvers<StartedFacts>()
    starting.set(number, ready)
    return ready.promise
  }

  function forkKeeper(place: Place): ChildProcess {
    return fork(program, [JSON.stringify(place)], { execArgv: process.execArgv, serialization: 'advanced' })
  }

  function forkServing(place: Place): ChildProcess {
    cluster.setupPrimary({
      exec: program,
      args: [JSON.stringify(place)],
      execArgv: process.execArgv,
      serialization: 'advanced',
    })
    const worker = cluster.fork()
    // The same errors once more.
    worker.on('error', () => {})
    closeWhatIsLost(worker.process)
    return worker.process
  }

  /**
   * node:cluster forgets a connection that it was giving to a process when that one died: nobody would ever read from it or
   * close it. A process is given one at a time of each listener, by its key. Closing one that was taken does nothing: the
   * other end of it is gone too.
   */
  function closeWhatIsLost(child: ChildProcess): void {
    type Closable = { close(): void }
    const send = child.send as (...sent: unknown[]) => boolean
    const given = new Map<unknown, Closable>()
    child.send = (...sent: unknown[]) => {
      const [message, handle] = sent
      if (handle instanceof Object && 'close' in handle)
        given.set((message as { readonly key: unknown }).key, handle as Closable)
      return send.apply(child, sent)
    }
    child.once('exit', () => {
      for (const handle of given.values()) handle.close()
    })
  }

  function started(child: Child, facts: StartedFacts): void {
    const { number } = child.place
    child.ready = true
    starting.get(number)?.resolve(facts)
    if (number === keeper) keeperGoneAt = undefined
  }

  function failed(child: Child, refusal: Refusal): void {
    starting.get(child.place.number)?.reject(errorOf(refusal))
    if (phase !== 'starting') onEnded({ process: child.place.number, why: refusal.message }, 'a process cannot start')
  }

  function gone(child: Child, how: unknown): void {
    const { number } = child.place
    if (children.get(number) !== child) return
    children.delete(number)
    starting.get(number)?.reject(problem('Unavailable', { message: `Process ${number} ended (${how}) at its start.` }))
    if (number === keeper) loseKeeper()
    for (const [id, message] of waiting) {
      if (message.from === number) waiting.delete(id)
      else if (message.to === number && number !== keeper)
        refuse(message, problem('Unavailable', { message: `Process ${number} has ended.` }))
    }
    const isReplaced = phase === 'running' || (phase === 'stopping servers' && number === keeper)
    if (isReplaced) replace(child, how)
  }

  function loseKeeper(): void {
    const goneAt = monotonic()
    keeperGoneAt = goneAt
    const timer = setTimeout(() => {
      if (keeperGoneAt !== goneAt) return
      for (const message of waiting.values()) if (message.to === keeper) refuse(message, keeperIsGone())
    }, keeperPatienceMs)
    timer.unref()
  }

  /** At once where it was well; ever later where it dies again and again. */
  function replace({ place: { number }, startedAt, process: { pid } }: Child, how: unknown): void {
    const death = deaths.get(number) ?? { inARow: 0, all: 0 }
    death.inARow = monotonic() - startedAt > wellMs ? 1 : death.inARow + 1
    death.all++
    deaths.set(number, death)
    const again = death.inARow - 2
    const pauseMs = again < 0 ? 0 : Math.min(firstPauseMs * 2 ** again, longestPauseMs)
    const facts = { process: number, pid, how, inARow: death.inARow, pauseMs }
    onEnded(facts, number === keeper ? 'the keeper has ended and is replaced' : 'a process has ended and is replaced')
    setTimeout(() => {
      if (phase === 'running' || (phase === 'stopping servers' && number === keeper)) start(number).catch(() => {})
    }, pauseMs)
  }

  // ------------------------------------------------------------------------------------------------------------ end

  async function end(numbers: readonly number[]): Promise<void> {
    await Promise.all(
      numbers.map(async (number) => {
        const child = children.get(number)
        if (child === undefined) return
        if (child.ready) own.call(number, 'stop').catch(() => {})
        else child.process.kill('SIGKILL')
        const timer = setTimeout(() => child.process.kill('SIGKILL'), stopPatienceMs + (options.drainMs ?? 0))
        await child.ended
        clearTimeout(timer)
      }),
    )
  }

  async function stop(): Promise<void> {
    phase = 'stopping servers'
    await end([...children.keys()].filter((number) => number !== keeper))
    phase = 'stopping all'
    await end([keeper])
  }

  try {
    const keeperFacts = await start(keeper)
    const [serving] = await Promise.all(Array.from({ length: processes }, (_, before) => start(before + 1)))
    phase = 'running'
    return { keeper: keeperFacts, serving: serving as StartedFacts, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
