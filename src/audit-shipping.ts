/** Ships the audit logs to where the settings say, and opens what was shipped for an auditor. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { diskFiles, readerOf } from './audit/files.ts'
import { logFolder, logsIn, vkeyOfLog } from './audit/places.ts'
import type { LogFiles } from './audit/prove.ts'
import { type Shipper, shipperOf } from './audit/ship.ts'
import {
  type Destination,
  folderDestination,
  type S3Credentials,
  type ShippedFiles,
  s3Destination,
  webFiles,
} from './audit/shipped.ts'
import type { Config } from './config.ts'
import { problem } from './domain/errors.ts'
import type { Metrics } from './telemetry/metrics.ts'

export type Shipping = {
  /** All logs, one after the other; rejects with the first failure after all were tried. */
  round(): Promise<void>
}

type ShippingSettings = Pick<
  Config,
  'data' | 'auditShip' | 'auditShipEndpoint' | 'auditShipRegion' | 'auditShipCredentialsFile'
>

/** Undefined where no destination is configured. */
export function openShipping(
  config: ShippingSettings,
  needs: { readonly vkey: string; readonly metrics: Metrics; readonly monotonic: () => number },
): Shipping | undefined {
  const { auditShip, data } = config
  if (auditShip === undefined) return undefined
  const destination = destinationOf(auditShip, config)
  const { vkey, metrics, monotonic } = needs
  const shippers = new Map<number, Shipper>()
  let wholeAt = monotonic()
  metrics.gauge('keyward_audit_ship_lag_records', 'Published audit records that were not shipped yet.', () =>
    [...shippers.values()].reduce((sum, shipper) => sum + shipper.lag(), 0),
  )
  metrics.gauge(
    'keyward_audit_ship_lag_seconds',
    'Seconds since everything that was published had been shipped.',
    () => (monotonic() - wholeAt) / 1000,
  )

  function shipperFor(log: number): Shipper {
    const known = shippers.get(log)
    if (known !== undefined) return known
    const folder = logFolder(log)
    const made = shipperOf({
      vkey: vkeyOfLog(vkey, log),
      readFile: readerOf(diskFiles, join(data, folder)),
      destination: {
        read: (path) => destination.read(`${folder}/${path}`),
        write: (path, bytes) => destination.write(`${folder}/${path}`, bytes),
      },
    })
    shippers.set(log, made)
    return made
  }

  return {
    async round() {
      const startedAt = monotonic()
      const failures: unknown[] = []
      for (const log of logsIn(data))
        await shipperFor(log)
          .ship()
          .catch((error) => failures.push(error))
      if (failures.length > 0) throw failures[0]
      wholeAt = startedAt
    },
  }
}

function destinationOf(place: string, config: ShippingSettings): Destination {
  if (!place.startsWith('s3://')) return folderDestination(place)
  const { auditShipRegion: region, auditShipCredentialsFile: file } = config
  if (file === undefined)
    throw problem('InvalidRequest', {
      message: 'KEYWARD_AUDIT_SHIP names an S3 store, and KEYWARD_AUDIT_SHIP_CREDENTIALS_FILE is not set.',
      mend: 'Name a file with the lines aws_access_key_id = ... and aws_secret_access_key = ...',
    })
  const endpoint = config.auditShipEndpoint ?? `https://s3.${region}.amazonaws.com`
  return s3Destination({ url: place, endpoint, region, credentials: readCredentials(file) })
}

/** As the AWS CLI keeps them; the names of profiles are passed over. */
function readCredentials(path: string): S3Credentials {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw problem('InvalidRequest', {
      message: `The file of KEYWARD_AUDIT_SHIP_CREDENTIALS_FILE cannot be read: ${(error as Error).message}`,
      mend: 'Mend its name or its rights.',
    })
  }
  const lineOf = (name: string) => new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)\\s*$`, 'm').exec(text)?.[1]
  const [accessKeyId, secretAccessKey] = [lineOf('aws_access_key_id'), lineOf('aws_secret_access_key')]
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw problem('InvalidRequest', {
      message: `The file ${path} holds no access key.`,
      mend: 'Write the lines aws_access_key_id = ... and aws_secret_access_key = ...',
    })
  const sessionToken = lineOf('aws_session_token')
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
}

/** What an auditor verifies: a folder, an S3 store (as the settings reach it), or a web server. */
export async function shippedLogs(from: string, config: ShippingSettings, vkey: string): Promise<readonly LogFiles[]> {
  const files: ShippedFiles = /^https?:\/\//.test(from) ? webFiles(from) : destinationOf(from, config)
  if (existsSync(from)) return logsIn(from).map((log) => logAt(log, vkey, files))
  // Where files cannot be listed: the logs are numbered, and each has a checkpoint from its first moment on.
  const logs = [logAt(0, vkey, files)]
  while ((await files.read(`${logFolder(logs.length)}/checkpoint`)) !== undefined)
    logs.push(logAt(logs.length, vkey, files))
  return logs
}

function logAt(number: number, vkey: string, files: ShippedFiles): LogFiles {
  return { number, directory: logFolder(number), vkey: vkeyOfLog(vkey, number), files }
}
