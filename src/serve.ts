/** A running service: its faces over its listeners, its chores, and its end. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openShipping } from './audit-shipping.ts'
import { doChores, type Rounds, rounds } from './chores.ts'
import { companySignIn } from './company-sign-in.ts'
import { type Config, shownSettings } from './config.ts'
import { problem } from './domain/errors.ts'
import type { Service } from './invoke.ts'
import { monotonic } from './machine.ts'
import { operations } from './operations/index.ts'
import { openPermissions } from './permissions.ts'
import type { Address } from './processes/channel.ts'
import type { Siblings } from './processes/siblings.ts'
import { alibabaFace } from './protocols/alibaba/face.ts'
import { openAuthenticator } from './protocols/authenticator.ts'
import { awsFace } from './protocols/aws/face.ts'
import { consoleFace } from './protocols/console/face.ts'
import { defaultLimits, type Face } from './protocols/http.ts'
import { operationsFace } from './protocols/operations-face.ts'
import { restFace } from './protocols/rest/face.ts'
import { openApiDocument } from './protocols/rest/openapi.ts'
import { cannotListen, type Listener, listen, type RunningServer } from './protocols/server.ts'
import { redoDeletions } from './redo-deletions.ts'
import { openSetupLinks } from './setup-links.ts'
import type { Logger } from './telemetry/log.ts'
import { createMetrics, type Metrics, renderMetrics, type Snapshot } from './telemetry/metrics.ts'
import { version } from './version.ts'
import { parseSecrets } from './webhooks/signature.ts'
import { forgetWebhooks, openWebhooks, type Webhooks } from './webhooks/webhooks.ts'
import type { OpenWorld } from './world.ts'

export type RunningService = {
  readonly service: Service
  readonly servers: readonly RunningServer[]
  /** Not ready from now on; answers in flight go out; then everything is closed. */
  stop(): Promise<void>
}

/** How long an event waits until its webhook is sent; and how far the counting is behind when somebody asks. */
const signalsEveryMs = 1_000
/** Milliseconds that answers in flight are given when the service ends. */
const graceMs = 10_000

type Needs = { readonly world: OpenWorld; readonly config: Config; readonly log: Logger; readonly metrics: Metrics }

export type FacesOptions = {
  readonly operatorAccount: string
  readonly listeners: readonly Listener[]
  /** Faces of this start only, before all others: dev mode's clock. */
  readonly moreFaces?: readonly Face[]
  /** A throw-away service: people sign in to the console with its token. */
  readonly devMode?: true
  /** Where this is one of several processes: what of a face is kept in one place, and who else has metrics. */
  readonly siblings?: Siblings
}

/** The service in one process. */
export async function startService(options: FacesOptions & Omit<Needs, 'metrics'>): Promise<RunningService> {
  const needs: Needs = { ...options, metrics: createMetrics() }
  const chores = await startChores(needs)
  let faces: RunningService
  try {
    faces = await startFaces(needs, options)
  } catch (error) {
    await chores.stop()
    // A process that has nothing more to do ends.
    await options.world.close()
    throw error
  }
  return {
    ...faces,
    async stop() {
      await Promise.all([chores.stop(), faces.stop()])
      await options.world.close()
    },
  }
}

/** What the service does by itself: once, however many processes serve. */
export async function startChores({ world, config, log, metrics }: Needs): Promise<Rounds> {
  await redoDeletions(world)
  const webhooks = await webhooksFor(world, config, log)
  if (webhooks !== undefined)
    metrics.gauge('keyward_webhooks_waiting', 'Webhook messages to be delivered.', () => webhooks.waiting())
  const shipping = openShipping(config, { vkey: world.audit.vkey, metrics, monotonic })
  const retried = (what: string) => (error: unknown) =>
    log.error({ err: error }, `${what} failed; it will be tried again`)
  const running = [
    // A node without a lease may be one whose clock is wrong: what it erased could not be brought back.
    rounds(async () => world.lease?.failing() ?? doChores(world), config.choreSeconds * 1000, retried('a chore')),
    rounds(() => webhooks?.round() ?? world.usage.catchUp(), signalsEveryMs, retried('counting the audit log')),
    ...(shipping === undefined
      ? []
      : [rounds(() => shipping.round(), config.auditShipSeconds * 1000, retried('shipping the audit log'))]),
  ]
  return {
    async stop() {
      await Promise.all(running.map((one) => one.stop()))
      await webhooks?.stop()
    },
  }
}

/** Gauges that every process has. */
export function measureProcess({ world, metrics }: Pick<Needs, 'world' | 'metrics'>): void {
  metrics.gauge('keyward_audit_records', 'Records in the audit log.', () => world.audit.size())
  metrics.gauge('keyward_audit_healthy', '1 while the audit log can be written.', () => (world.audit.healthy() ? 1 : 0))
  metrics.gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
}

/** Serves requests; whoever calls it closes the world. */
export async function startFaces(needs: Needs, options: FacesOptions): Promise<RunningService> {
  const { world, config, log, metrics } = needs
  const { siblings } = options
  const wall = () => world.clock.wall()
  const provider = await companySignIn(config, options.operatorAccount, world)
  let stopping = false
  const reportBug = (error: unknown, requestId: string) => log.error({ err: error, requestId }, 'bug')
  const service: Service = {
    world,
    permissions: openPermissions(world),
    settings: {
      operatorAccount: options.operatorAccount,
      version,
      listOperations: () => operations,
      listSettings: () => shownSettings(config),
    },
    reportBug,
  }
  const authenticator = openAuthenticator(world)
  const limits = defaultLimits
  const faces: Face[] = [
    ...(options.moreFaces ?? []),
    ...(config.console
      ? [
          consoleFace({
            service,
            operations,
            authenticator,
            limits,
            defaultRegion: config.region,
            folder: join(import.meta.dirname, '..', 'console', 'dist'),
            regions: config.consoleRegions,
            consoleUrl: config.consoleUrl,
            setupLinks: openSetupLinks(config.data, { operatorAccount: options.operatorAccount, wall }),
            provider,
            devMode: options.devMode === true,
            tokenSignIn: options.devMode === true || config.consoleTokenSignIn,
            warn: (facts, words) => log.warn(facts, words),
          }),
        ]
      : []),
    awsFace({ service, operations, authenticator, limits }),
    alibabaFace({
      service,
      operations,
      authenticator,
      limits,
      defaultRegion: config.region,
      spendNonce: siblings && ((...used) => siblings.call('supervisor', 'spendNonce', ...used)),
    }),
    operationsFace({
      checks: [
        { name: 'stopping', failing: () => (stopping ? 'The service is ending.' : undefined) },
        { name: 'lease', failing: () => world.lease?.failing() },
        { name: 'audit', failing: () => (world.audit.healthy() ? undefined : 'The audit log cannot be written.') },
        ...[...world.devices].map(([protection, device]) => ({
          name: `device ${protection}`,
          failing: () => (device.healthy() ? undefined : `The ${protection} device does not answer.`),
        })),
        {
          name: 'store',
          failing: () =>
            world.store.check().then(
              () => undefined,
              (error: Error) => error.message,
            ),
        },
      ],
      metrics: () => metricsOfAll(metrics, siblings),
      metricsForAll: config.metricsForAll,
      openApi: () => openApiDocument(operations, version),
      home: config.console ? '/ui/' : '/docs/',
      facts: () => ({
        version,
        auditSize: world.audit.size(),
        ...(world.lease && { node: world.lease.node, revocationBoundMs: world.lease.boundMs }),
        ...(siblings && { process: siblings.number, processes: siblings.processes }),
      }),
    }),
    restFace({ service, operations, authenticator, limits, defaultRegion: config.region }),
  ]
  measureProcess(needs)

  const servers: RunningServer[] = []
  try {
    for (const listener of options.listeners)
      servers.push(
        await listen(listener, {
          faces,
          limits,
          requestId: () => world.random.uuid(),
          reportBug,
          date: httpDate(wall),
          monotonic,
          onAnswer: (request, answer, face, startedAt) => {
            const seconds = (monotonic() - startedAt) / 1000
            metrics.observeRequest(face, answer.operation ?? 'none', answer.outcome ?? String(answer.status), seconds)
            if (log.isLevelEnabled('debug'))
              log.debug(
                {
                  requestId: request.requestId,
                  face,
                  operation: answer.operation,
                  status: answer.status,
                  outcome: answer.outcome,
                  ms: seconds * 1000,
                },
                'answered',
              )
          },
        }),
      )
  } catch (error) {
    await Promise.all(servers.map((server) => server.close(0)))
    throw cannotListen(error)
  }
  return {
    service,
    servers,
    async stop() {
      stopping = true
      await wait(config.drainSeconds * 1000)
      await Promise.all(servers.map((server) => server.close(graceMs)))
    },
  }
}

/** Those of this process; of several, those of all, whichever is asked. */
async function metricsOfAll(own: Metrics, siblings: Siblings | undefined): Promise<string> {
  if (siblings === undefined) return renderMetrics([{ labels: '', snapshot: own.snapshot() }])
  const others = await siblings.call('supervisor', 'ask', 'metrics')
  const all = [{ from: siblings.number as Address, value: own.snapshot() as unknown }, ...others]
  return renderMetrics(
    all
      .toSorted((one, other) => String(one.from).localeCompare(String(other.from)))
      .map(({ from, value }) => ({
        labels: from === 'supervisor' ? '' : `process="${from}"`,
        snapshot: value as Snapshot,
      })),
  )
}

/** Undefined where no address is configured; then what was still to be sent is forgotten. */
async function webhooksFor(world: OpenWorld, config: Config, log: Logger): Promise<Webhooks | undefined> {
  const { webhookUrls: urls = [], webhookSecretFile: secretFile } = config
  const file = config.store === 'memory' ? ':memory:' : join(config.data, 'webhooks.sqlite')
  if (urls.length === 0 || world.fold === undefined) {
    forgetWebhooks(file)
    return undefined
  }
  if (secretFile === undefined)
    throw problem('InvalidRequest', {
      message: 'KEYWARD_WEBHOOK_URLS is set, and KEYWARD_WEBHOOK_SECRET_FILE is not.',
      mend: 'Webhooks are always signed: name a file with a secret.',
    })
  return openWebhooks({
    file,
    urls,
    secrets: parseSecrets(readSecretFile(secretFile)),
    events: world.fold,
    wall: () => world.clock.wall(),
    random: world.random,
    warn: (facts, words) => log.warn(facts, words),
  })
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw problem('InvalidRequest', {
      message: `The file of KEYWARD_WEBHOOK_SECRET_FILE cannot be read: ${(error as Error).message}`,
      mend: 'Mend its name or its rights.',
    })
  }
}

/** The value of the Date header, made once a second. */
function httpDate(wall: () => number): () => string {
  let second = 0
  let text = ''
  return () => {
    const now = Math.floor(wall() / 1000)
    if (now !== second) {
      second = now
      text = new Date(now * 1000).toUTCString()
    }
    return text
  }
}
