/** What the operations on external key stores share: how they are kept, found, named and shown. */
import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import { type KeyStore, type KeyStores, keyStoreSecretPurpose, type ProxyFailure } from '../../domain/key-store.ts'
import { stateAt } from '../../domain/lifecycle.ts'
import type { Change, KeyStoreAddress, World } from '../../domain/ports.ts'
import { partitionOf, type Scope } from '../../domain/scope.ts'
import type { Instant } from '../../domain/time.ts'
import { bytes, instant } from '../shapes.ts'

/** AWS's quota, for an account and region. */
const mostKeyStores = 10

export const keyStoreId = z.string().min(1).max(64).describe('The id of a key store: cks- and 17 hex digits.')
export const keyStoreName = z.string().min(1).max(256)
export const externalKeyId = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9._-]+$/, 'must be letters, digits, dots, hyphens and underscores')
  // As a piece of a path these two would lead elsewhere.
  .refine((id) => id !== '.' && id !== '..', { error: 'must name a key' })
  .describe('The id of the key in its external key manager.')

/** One spelling of every address: a host in lower case, and no port where it is the usual one. */
export function originOf(endpoint: string): string {
  return new URL(endpoint).origin
}

/** The members that say where a proxy is and how it knows this service. */
export const proxyMembers = {
  endpoint: z
    .string()
    .max(128)
    .regex(/^https:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?$/, 'must be https:// and a host, with a port where it is not 443')
    .refine((text) => URL.canParse(text), { error: 'must be an address' })
    .describe('https:// and the host of the proxy. The operator must have allowed it (xks_endpoints).'),
  path: z
    .string()
    .max(128)
    .regex(/^(?:\/[A-Za-z0-9/_-]+)?\/kms\/xks\/v1$/, 'must end in /kms/xks/v1')
    .describe('The path of the proxy: /kms/xks/v1, or one that ends so.'),
  accessKeyId: z
    .string()
    .regex(/^[A-Z2-7]{20,30}$/, 'must be 20 to 30 of A-Z and 2-7')
    .describe('The access key that the proxy knows this service by.'),
  secretAccessKey: bytes({ min: 43, max: 64 })
    .refine((secret) => /^[A-Za-z0-9+/=]+$/.test(Buffer.from(secret).toString('latin1')), {
      error: 'must be text of A-Z, a-z, 0-9, +, / and =, without a line end',
    })
    .describe('Its secret. With the CLI name a file: @FILE.'),
}

export const keyStoreFacts = z
  .object({
    keyStoreId: z.string(),
    name: z.string(),
    endpoint: z.string(),
    path: z.string(),
    accessKeyId: z.string(),
    connectionState: z.enum(['CONNECTED', 'DISCONNECTED', 'FAILED']),
    connectionFailure: z.string().optional().describe('Of a store that is FAILED: what failed.'),
    createdAt: instant(),
  })
  .meta({ id: 'KeyStore' })

export function describeKeyStore({ keyStoreId: id, name, proxy, connection, createdAt }: KeyStore) {
  return {
    keyStoreId: id,
    name,
    endpoint: proxy.endpoint,
    path: proxy.path,
    accessKeyId: proxy.accessKeyId,
    connectionState: connection.is,
    connectionFailure: connection.is === 'FAILED' ? (connection.failure as ProxyFailure) : undefined,
    createdAt,
  }
}

export async function keyStoresOf({ store }: Pick<World, 'store'>, scope: Scope): Promise<KeyStores> {
  const { account, region } = scope
  return (await store.get('keyStores', partitionOf(scope), 'all')) ?? { account, region, revision: 0, stores: [] }
}

/** All stores as they are to be. Each such change has to be the next one, so nothing unique among them is made twice. */
export function changedStores(all: KeyStores, stores: readonly KeyStore[]): Change {
  return { put: 'keyStores', record: { ...all, revision: all.revision + 1, stores } }
}

export function replacing(all: KeyStores, next: KeyStore): Change {
  return changedStores(
    all,
    all.stores.map((one) => (one.keyStoreId === next.keyStoreId ? next : one)),
  )
}

export function findKeyStore(all: KeyStores, id: string): KeyStore {
  const found = all.stores.find((one) => one.keyStoreId === id)
  if (found === undefined)
    throw problem('KeyStoreNotFound', {
      message: `There is no key store ${id} in region ${all.region}.`,
      mend: 'DescribeCustomKeyStores shows those there are.',
    })
  return found
}

export function addressOf(
  { account, region }: Scope,
  { keyStoreId: id, proxy }: Pick<KeyStore, 'keyStoreId' | 'proxy'>,
) {
  return { account, region, keyStoreId: id, proxy } satisfies KeyStoreAddress
}

/** Names, and addresses, are unique in an account and region. */
export function requireUnique(all: KeyStores, wanted: Pick<KeyStore, 'keyStoreId' | 'name' | 'proxy'>): void {
  const others = all.stores.filter((one) => one.keyStoreId !== wanted.keyStoreId)
  if (others.some(({ name }) => name === wanted.name))
    throw problem('KeyStoreExists', {
      member: 'name',
      message: `There is a key store ${wanted.name} already.`,
      mend: 'Choose another name.',
      facts: { same: 'name' },
    })
  const { endpoint, path } = wanted.proxy
  if (others.some(({ proxy }) => proxy.endpoint === endpoint && proxy.path === path))
    throw problem('KeyStoreExists', {
      member: 'path',
      message: `There is a key store with the proxy ${endpoint}${path} already.`,
      mend: 'Use that one, or another path.',
      facts: { same: 'proxy' },
    })
  if (others.length >= mostKeyStores)
    throw problem('LimitExceeded', {
      message: `An account has at most ${mostKeyStores} key stores in a region.`,
      mend: 'Delete one first.',
    })
}

export function requireConnection(found: KeyStore, ...allowed: readonly KeyStore['connection']['is'][]): void {
  const { is } = found.connection
  if (allowed.includes(is)) return
  throw problem('KeyStoreStateConflict', {
    message: `The key store is ${is}; this needs it ${allowed.join(' or ')}.`,
    mend: is === 'DISCONNECTED' ? 'Connect it first.' : 'Disconnect it first.',
    facts: { keyStoreId: found.keyStoreId, connectionState: is },
  })
}

/** Keys of a store, whoever of them is still there at this instant. */
export async function keysIn(
  { store }: Pick<World, 'store'>,
  scope: Scope,
  of: { readonly keyStoreId: string; readonly externalKeyId?: string },
  now: Instant,
): Promise<readonly Key[]> {
  const page = await store.list('key', {
    partition: partitionOf(scope),
    index: 'external',
    prefix: `${of.keyStoreId}/${of.externalKeyId === undefined ? '' : `${of.externalKeyId}/`}`,
    limit: 1000,
  })
  return page.records.filter((key) => stateAt(key, now).is !== 'Deleted')
}

export function sealSecret({ sealer }: Pick<World, 'sealer'>, scope: Scope, id: string, secret: Uint8Array): string {
  return sealer.seal(keyStoreSecretPurpose(scope, id), secret)
}
