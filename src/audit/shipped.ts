/**
 * Where copies of audit logs lie, for an auditor who verifies them without the service: a folder, or a store that speaks
 * S3's protocol; to be read, also any web server. Nothing is ever removed there, and what is immutable is written once.
 */
import { hash } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AwsClient } from 'aws4fetch'

export type ShippedFiles = {
  /** Undefined where there is no such file. */
  read(path: string): Promise<Buffer | undefined>
}

export type Destination = ShippedFiles & {
  /** Durable once resolved; the whole file or the one before it. */
  write(path: string, bytes: Uint8Array): Promise<void>
}

export function folderDestination(folder: string): Destination {
  return {
    async read(path) {
      try {
        return await fs.readFile(join(folder, path))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    async write(path, bytes) {
      const place = join(folder, path)
      await fs.mkdir(dirname(place), { recursive: true })
      const unfinished = `${place}.tmp`
      const file = await fs.open(unfinished, 'w')
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await fs.rename(unfinished, place)
    },
  }
}

export type S3Options = {
  /** `s3://BUCKET` or `s3://BUCKET/PREFIX`. */
  readonly url: string
  /** `https://...`; the bucket is the first part of the path (path style), which every store understands. */
  readonly endpoint: string
  readonly region: string
  readonly credentials: S3Credentials
}

export type S3Credentials = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Longer than the largest bundle takes over a slow line. */
const requestMs = 30_000
/** What such a store says when something is wrong is short. */
const mostErrorCharacters = 300

export function s3Destination({ url, endpoint, region, credentials }: S3Options): Destination {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(url) ?? []
  const base = `${endpoint.replace(/\/$/, '')}/${[bucket, ...prefix.split('/')].filter(Boolean).join('/')}`
  const client = new AwsClient({ ...credentials, region, service: 's3', retries: 0 })

  function ask(path: string, method: string, body: Uint8Array<ArrayBuffer> | undefined) {
    return client.fetch(`${base}/${path}`, {
      method,
      headers: { 'x-amz-content-sha256': hash('sha256', body ?? '') },
      ...(body && { body }),
      // A redirect would lead to an address that nobody has configured.
      redirect: 'error',
      signal: AbortSignal.timeout(requestMs),
    })
  }

  return {
    async read(path) {
      const response = await ask(path, 'GET', undefined)
      if (response.status !== 404) return bodyOf(response, path)
      await response.body?.cancel()
      return undefined
    },
    async write(path, bytes) {
      const response = await ask(path, 'PUT', Uint8Array.from(bytes))
      await bodyOf(response, path)
    },
  }
}

/** A copy on a web server, for whoever may read it. */
export function webFiles(url: string): ShippedFiles {
  return {
    async read(path) {
      const response = await fetch(`${url.replace(/\/$/, '')}/${path}`, { signal: AbortSignal.timeout(requestMs) })
      if (response.status !== 404) return bodyOf(response, path)
      await response.body?.cancel()
      return undefined
    },
  }
}

async function bodyOf(response: Response, path: string): Promise<Buffer> {
  const bytes = Buffer.from(await response.arrayBuffer())
  if (response.ok) return bytes
  const text = bytes.toString()
  const code = /<Code>([^<]+)<\/Code>/.exec(text)?.[1] ?? text.slice(0, mostErrorCharacters)
  throw new Error(`${path}: the store answered ${response.status} ${code}`)
}
