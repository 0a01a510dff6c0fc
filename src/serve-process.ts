/** One process of several: the keeper (0), or one that serves. The supervisor starts it; its argument is its place. */
import process from 'node:process'
import { type Environment, loadConfig, processEnvironment } from './config.ts'
import { Problem } from './domain/errors.ts'
import type { StartedFacts } from './processes/calls.ts'
import { type Message, peer, refusalOf } from './processes/channel.ts'
import type { Place, Siblings } from './processes/siblings.ts'
import { measureProcess, startChores, startFaces } from './serve.ts'
import { installationFacts, listenersOf, operatorAccount } from './server-runs.ts'
import { createLog } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { type OpenWorld, openWorld } from './world.ts'

/** So long it waits for processes of a service before this one, whose supervisor was killed a moment ago. */
const lockPatienceMs = 5_000
const lockPauseMs = 100

type Running = { readonly facts: StartedFacts; stop(): Promise<void> }

async function run(siblings: Siblings, environment: Environment): Promise<Running> {
  const config = loadConfig(environment)
  const log = createLog(config.logLevel).child({ process: siblings.number })
  const warn = (facts: Readonly<Record<string, unknown>>, words: string) => log.warn(facts, words)
  const world = await openPatiently(() => openWorld(config, { environment, warn, siblings }))
  const metrics = createMetrics()
  siblings.handle('metrics', () => metrics.snapshot())
  const needs = { world, config, log, metrics }
  try {
    if (siblings.number > 0) {
      const faces = await startFaces(needs, {
        operatorAccount: await operatorAccount(world, config),
        listeners: await listenersOf(config, world),
        siblings,
      })
      return {
        facts: { words: [], urls: faces.servers.map(({ url }) => url) },
        stop: () => faces.stop().then(world.close),
      }
    }
    measureProcess(needs)
    const facts = await installationFacts(config, world)
    const chores = await startChores(needs)
    return { facts, stop: () => chores.stop().then(world.close) }
  } catch (error) {
    await world.close()
    throw error
  }
}

async function openPatiently(open: () => Promise<OpenWorld>): Promise<OpenWorld> {
  for (let waitedMs = 0; ; waitedMs += lockPauseMs) {
    try {
      return await open()
    } catch (error) {
      if (waitedMs >= lockPatienceMs || !/^Another process /.test((error as Error).message)) throw error
      await new Promise((resolve) => setTimeout(resolve, lockPauseMs))
    }
  }
}

const { number, processes, serial, resumes } = JSON.parse(process.argv[2] ?? '') as Place
process.title = number === 0 ? 'keyward keeper' : `keyward ${number}`
const own = peer(number, serial, (message) => process.send?.(message, undefined, undefined, () => {}))
process.on('message', (message) => own.receive(message as Message))
// The supervisor is told to stop, by a terminal or by whoever runs it, and tells this one.
process.on('SIGTERM', () => {})
process.on('SIGINT', () => {})
try {
  const running = await run({ number, processes, serial, resumes, ...own }, processEnvironment())
  const end = async () => {
    await running.stop()
    process.exit(0)
  }
  own.handle('stop', end)
  process.once('disconnect', end)
  await own.call('supervisor', 'started', running.facts)
} catch (error) {
  const refusal = refusalOf(error)
  const custody = !(error instanceof Problem) && error instanceof Error && 'mend' in error
  await own.call('supervisor', 'failed', custody ? { message: error.message, mend: String(error.mend) } : refusal)
  process.exit(1)
}
