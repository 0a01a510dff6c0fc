/**
 * The settings of the service: from the environment, else from a YAML file, else the default. An unknown setting refuses
 * the start: a misspelt one must never mean a weaker default. The table in docs/operating/settings.md is made from this.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'
import { problem } from './domain/errors.ts'
import { accountPattern, regionPattern } from './domain/scope.ts'
import { defaultNode } from './domain/setting-names.ts'
import type { ShownSetting } from './operations/operation.ts'

type Setting<T> = {
  /** In the file; in the environment `KEYWARD_` and the same in capitals. */
  readonly name: string
  readonly summary: string
  readonly fallback: T | ((data: string) => T)
  readonly read: (text: string) => T
}

const text = (value: string) => value
const path = (value: string) => resolve(value)
const port = (value: string) => {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 0 || number > 65_535) throw new Error('must be a port number, 0 to 65535')
  return number
}
const flag = (value: string) => {
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  throw new Error('must be true or false')
}
const optional =
  <T>(read: (value: string) => T) =>
  (value: string): T | undefined =>
    value === '' ? undefined : read(value)
const matching = (pattern: RegExp, words: string) => (value: string) => {
  if (!pattern.test(value)) throw new Error(words)
  return value
}
const oneOf =
  <T extends string>(...values: readonly T[]) =>
  (value: string): T => {
    if (!values.includes(value as T)) throw new Error(`must be one of ${values.join(', ')}`)
    return value as T
  }
const whole = (min: number, max: number) => (value: string) => {
  const number = Number(value)
  if (!Number.isInteger(number) || number < min || number > max)
    throw new Error(`must be a whole number, ${min} to ${max}`)
  return number
}
const isThisMachine = (name: string) => /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(name)
/** Over TLS, or to this machine; never with a password in the address, which would end up in logs. */
const webhookUrls = (value: string): readonly string[] =>
  value.split(',').map((part) => {
    const url = URL.parse(part.trim())
    if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isThisMachine(url.hostname))))
      throw new Error('must be https addresses with commas between them; http only to this machine')
    if (url.username !== '' || url.password !== '' || url.hash !== '')
      throw new Error('must be addresses without user name, password or fragment')
    return url.href
  })

/** The origin that passkeys and cookies are tied to: https, or this machine. */
const consoleUrl = (value: string): string => {
  const url = URL.parse(value)
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && url.hostname === 'localhost')))
    throw new Error('must be an https address such as https://keys.example.com; http only for localhost')
  if (url.username !== '' || url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new Error('must be an address without user name, path, query or fragment: the console is under /ui of it')
  return url.origin
}

/** Whole addresses, so that one that is allowed is not found at the beginning of another one. */
const httpsOrigins = (value: string): readonly string[] =>
  value.split(',').map((part) => {
    const url = URL.parse(part.trim())
    if (url === null || url.protocol !== 'https:' || url.origin !== url.href.replace(/\/$/, ''))
      throw new Error('must be https://HOST or https://HOST:PORT, with commas between them')
    return url.origin
  })
const regions = (value: string): readonly string[] =>
  value
    .split(',')
    .map((part) =>
      matching(regionPattern, 'must be regions (lower-case letters, digits, hyphens) with commas between')(part.trim()),
    )
/** Over TLS, or on this machine. */
const issuer = (value: string): string => {
  const url = URL.parse(value)
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isThisMachine(url.hostname))))
    throw new Error('must be an https address; http only on this machine')
  return value
}
/** `admins=KeywardAdministrator; users=KeyUser+Auditor`. Names of groups can have commas and equals signs in them. */
const groupPolicies = (value: string): ReadonlyMap<string, readonly string[]> => {
  const pairs = value.split(';').map((pair): [string, readonly string[]] => {
    const at = pair.lastIndexOf('=')
    const policies = pair
      .slice(at + 1)
      .split('+')
      .map((policy) => policy.trim())
    const group = pair.slice(0, Math.max(at, 0)).trim()
    if (group === '' || policies.includes(''))
      throw new Error(
        'must be GROUP=POLICY with semicolons between them; several policies of a group with + between them',
      )
    return [group, policies]
  })
  if (new Set(pairs.map(([group]) => group)).size < pairs.length) throw new Error('must name each group once')
  return new Map(pairs)
}

/** Over TLS, or to this machine. */
const secureAddress = (value: string): string => {
  const url = URL.parse(value)
  const isLoopback = url !== null && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback)))
    throw new Error('must be an https address; http only to this machine')
  return url.origin
}
const shipDestination = (value: string): string => {
  if (!value.includes('://')) return resolve(value)
  if (!/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/[A-Za-z0-9!_.*'()/-]*)?$/.test(value))
    throw new Error('must be a folder, or s3://BUCKET/PREFIX')
  return value
}

const setting = <T>(
  name: string,
  summary: string,
  fallback: Setting<T>['fallback'],
  read: Setting<T>['read'],
): Setting<T> => ({
  name,
  summary,
  fallback,
  read,
})

export const settings = {
  data: setting('data', 'Folder for everything the service keeps.', () => resolve('data'), path),
  httpsHost: setting('https_host', 'Address of the HTTPS listener.', '0.0.0.0', text),
  httpsPort: setting('https_port', 'Port of the HTTPS listener.', 8443, port),
  httpPort: setting('http_port', 'Port of the plain HTTP listener, on loopback only.', 8480, port),
  tlsCert: setting<string | undefined>(
    'tls_cert',
    'PEM certificate chain; without it one is made on first start.',
    undefined,
    optional(path),
  ),
  tlsKey: setting<string | undefined>('tls_key', 'PEM private key of the certificate.', undefined, optional(path)),
  account: setting<string | undefined>(
    'account',
    'Number of the operator account, made on first start; random without it.',
    undefined,
    optional(matching(accountPattern, 'must be 12 to 16 digits')),
  ),
  region: setting(
    'region',
    'Region of requests that name none.',
    'local',
    matching(regionPattern, 'must be lower-case letters, digits and hyphens'),
  ),
  store: setting(
    'store',
    'Where metadata lies: sqlite, memory (lost at the end), or a postgres:// URL.',
    'sqlite',
    text,
  ),
  storeTls: setting(
    'store_tls',
    'TLS to PostgreSQL: on, or off for a socket or network that nobody else can touch.',
    'on',
    oneOf('on', 'off'),
  ),
  storeCa: setting<string | undefined>(
    'store_ca',
    'PEM file of the authority that signed the certificate of PostgreSQL.',
    undefined,
    optional(path),
  ),
  node: setting(
    'node',
    'Name of this node among those that share a PostgreSQL store; the same at every start.',
    defaultNode,
    matching(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and hyphens'),
  ),
  leaseMs: setting(
    'lease_ms',
    'How long a node that does not answer holds up the changes of the others (docs/operating/nodes.md).',
    2_000,
    whole(200, 60_000),
  ),
  storeListen: setting(
    'store_listen',
    'Whether the PostgreSQL store has LISTEN and NOTIFY. Without them changes take about a fifth of lease_ms.',
    true,
    flag,
  ),
  processes: setting<number | undefined>(
    'processes',
    'How many processes serve, over SQLite; one per core without it. 1 is a single process that does everything.',
    undefined,
    optional(whole(1, 64)),
  ),
  rootCiphertext: setting(
    'root_ciphertext',
    'Root key, place 1: folder of its public-key ciphertext.',
    (data: string) => join(data, 'custody', 'root-ciphertext'),
    path,
  ),
  rootPrivateKey: setting(
    'root_private_key',
    'Root key, place 2: folder of the encrypted private key that opens place 1.',
    (data: string) => join(data, 'custody', 'private-key'),
    path,
  ),
  rootUnlockKey: setting(
    'root_unlock_key',
    'Root key, place 3: file of the symmetric key that opens place 2. Best on another volume, or a credential.',
    (data: string) => join(data, 'custody', 'unlock-key', 'unlock-key'),
    path,
  ),
  rootUnlockCredential: setting<string | undefined>(
    'root_unlock_credential',
    'The file of place 3, handed in by what starts the service (a systemd credential, a container secret): only read.',
    undefined,
    optional(path),
  ),
  rootPassphraseFile: setting<string | undefined>(
    'root_passphrase_file',
    'File with a passphrase that takes the place of place 3 (argon2id).',
    undefined,
    optional(path),
  ),
  rootUnlockHsm: setting<string | undefined>(
    'root_unlock_hsm',
    'A key in the token of the hsm_ settings that takes the place of place 3: its label, or label/id (CKA_ID in hex).',
    undefined,
    optional(
      matching(/^[^/]{1,64}(?:\/(?:[0-9a-fA-F]{2}){1,64})?$/, 'must be a label, or label/id with the id in hex'),
    ),
  ),
  auditName: setting(
    'audit_name',
    'Name of the audit log, as it stands in its checkpoints.',
    'keyward',
    matching(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'must be lower-case letters, digits, dots and hyphens'),
  ),
  auditShip: setting<string | undefined>(
    'audit_ship',
    'Where the audit logs are copied to, for auditors: a folder, or s3://BUCKET/PREFIX (docs/audit.md).',
    undefined,
    optional(shipDestination),
  ),
  auditShipEndpoint: setting<string | undefined>(
    'audit_ship_endpoint',
    'Address of the S3 store; that of AWS in the region without it.',
    undefined,
    optional(secureAddress),
  ),
  auditShipRegion: setting('audit_ship_region', 'Region of the S3 store.', 'us-east-1', text),
  auditShipCredentialsFile: setting<string | undefined>(
    'audit_ship_credentials_file',
    'File with aws_access_key_id and aws_secret_access_key of the S3 store, a line each.',
    undefined,
    optional(path),
  ),
  auditShipSeconds: setting(
    'audit_ship_seconds',
    'Seconds between two shipments of the audit logs.',
    10,
    whole(1, 3600),
  ),
  cachedRecords: setting('cached_records', 'How many records are kept in memory.', 20_000, whole(100, 10_000_000)),
  metricsForAll: setting('metrics_for_all', 'Let other machines than this one read /metrics.', false, flag),
  logLevel: setting(
    'log_level',
    'How much is logged: trace, debug, info, warn, error.',
    'info',
    oneOf('trace', 'debug', 'info', 'warn', 'error'),
  ),
  console: setting('console', 'Serve the console under /ui.', true, flag),
  consoleUrl: setting<string | undefined>(
    'console_url',
    'Address that people open the console at, behind a proxy: https://NAME. Passkeys belong to it.',
    undefined,
    optional(consoleUrl),
  ),
  consoleRegions: setting<readonly string[]>(
    'console_regions',
    'Regions that the console offers beside the one of requests that name none, with commas between them.',
    () => [],
    regions,
  ),
  consoleTokenSignIn: setting(
    'console_token_sign_in',
    'Let people sign in to the console by pasting a token.',
    false,
    flag,
  ),
  oidcIssuer: setting<string | undefined>(
    'oidc_issuer',
    "Address of the company's identity provider (OpenID Connect), for signing in to the console.",
    undefined,
    optional(issuer),
  ),
  oidcClientId: setting<string | undefined>(
    'oidc_client_id',
    'The name under which the provider knows this service.',
    undefined,
    optional(text),
  ),
  oidcClientSecretFile: setting<string | undefined>(
    'oidc_client_secret_file',
    'File with the secret that goes with it; a public client has none.',
    undefined,
    optional(path),
  ),
  oidcLabel: setting('oidc_label', 'What the provider is called on the sign-in page.', 'your company', text),
  oidcScopes: setting('oidc_scopes', 'Scopes that are asked for.', 'openid profile', text),
  oidcNameClaim: setting('oidc_name_claim', 'Claim that a new principal is named after.', 'preferred_username', text),
  oidcGroupsClaim: setting('oidc_groups_claim', 'Claim with the groups of a person.', 'groups', text),
  oidcGroupPolicies: setting<ReadonlyMap<string, readonly string[]> | undefined>(
    'oidc_group_policies',
    'Which policies a group gives: admins=KeywardAdministrator; users=KeyUser+Auditor.',
    undefined,
    optional(groupPolicies),
  ),
  drainSeconds: setting(
    'drain_seconds',
    'Seconds that a service which is to end still serves while /readyz says not ready, for load balancers to notice.',
    0,
    whole(0, 300),
  ),
  choreSeconds: setting(
    'chore_seconds',
    'Seconds between two rounds of chores. Nothing depends on them being quick.',
    10,
    whole(1, 3600),
  ),
  webhookUrls: setting<readonly string[] | undefined>(
    'webhook_urls',
    'Where events are sent to (docs/events.md): addresses, with commas between them.',
    undefined,
    optional(webhookUrls),
  ),
  webhookSecretFile: setting<string | undefined>(
    'webhook_secret_file',
    'File with the secret that events are signed with: whsec_ and base64.',
    undefined,
    optional(path),
  ),
  xksEndpoints: setting<readonly string[] | undefined>(
    'xks_endpoints',
    'Proxies that external key stores may be made with (docs/operating/external-key-stores.md): https addresses, with commas between them.',
    undefined,
    optional(httpsOrigins),
  ),
  xksCa: setting<string | undefined>(
    'xks_ca',
    'PEM file of the authorities that signed the certificates of these proxies; those of the system without it.',
    undefined,
    optional(path),
  ),
  xksTimeoutMs: setting(
    'xks_timeout_ms',
    'How long a proxy may take for an answer. AWS gives it 250 milliseconds.',
    1000,
    whole(50, 60_000),
  ),
  hsmModule: setting<string | undefined>(
    'hsm_module',
    'PKCS#11 library of the hardware protection level.',
    undefined,
    optional(path),
  ),
  hsmVendor: setting<string | undefined>(
    'hsm_vendor',
    'Row of src/devices/pkcs11/vendors.ts for that library.',
    undefined,
    optional(text),
  ),
  hsmModuleParameters: setting<string | undefined>(
    'hsm_module_parameters',
    'NSS only: where its database is.',
    undefined,
    optional(text),
  ),
  hsmTokenSerial: setting<string | undefined>(
    'hsm_token_serial',
    'Serial number of the token, where two share a label.',
    undefined,
    optional(text),
  ),
  hsmTokenLabel: setting<string | undefined>('hsm_token_label', 'Label of the token.', undefined, optional(text)),
  hsmPinFile: setting<string | undefined>(
    'hsm_pin_file',
    'File with the PIN of the token (a systemd credential is one). Without it: KEYWARD_HSM_PIN, in the environment only.',
    undefined,
    optional(path),
  ),
  hsmRootKey: setting(
    'hsm_root_key',
    'Label of the root key in the token: its index, all that is kept of it.',
    'keyward-root',
    text,
  ),
} as const

type Settings = typeof settings
export type Config = { readonly [Name in keyof Settings]: Settings[Name] extends Setting<infer T> ? T : never }

/** The PIN of the token, where no file holds it. No setting: settings stand in files, and are listed. */
export const hsmPinVariable = 'KEYWARD_HSM_PIN'

/** Of the environment, names that are no settings: those of the CLI, of dev mode, and a secret. */
const otherNames: ReadonlySet<string> = new Set([
  'KEYWARD_CONFIG',
  hsmPinVariable,
  'KEYWARD_ADDR',
  'KEYWARD_TOKEN',
  'KEYWARD_TOKEN_FILE',
  'KEYWARD_PROFILE',
  'KEYWARD_CACERT',
  'KEYWARD_FORMAT',
  'KEYWARD_DEV_TOKEN',
  'KEYWARD_DEV_ACCESS_KEY_ID',
  'KEYWARD_DEV_SECRET_ACCESS_KEY',
  'KEYWARD_TEST_STRICT',
  'KEYWARD_LIFE_SEED',
])

/** In the data folder: the key that checkpoints and proofs of the audit log are verified with. */
export const verifierKeyFile = 'audit-verifier-key'

export type Environment = Readonly<Record<string, string | undefined>>

const variableOf = (name: string) => `KEYWARD_${name.toUpperCase()}`

/** Throws `InvalidRequest` with the setting, where it came from, and the mend. */
export function loadConfig(environment: Environment, overrides: Partial<Config> = {}): Config {
  const all = Object.entries(settings) as [keyof Settings, Setting<unknown>][]
  const known = new Set([...all.map(([, { name }]) => variableOf(name)), ...otherNames])
  for (const name of Object.keys(environment))
    if (name.startsWith('KEYWARD_') && !known.has(name))
      throw refusal(`${name} in the environment is no setting of Keyward.`, nearest(name, [...known]))
  const file = fileSettings(environment)
  const names = all.map(([, { name }]) => name)
  for (const name of Object.keys(file.values))
    if (!names.includes(name)) throw refusal(`${name} in ${file.path} is no setting of Keyward.`, nearest(name, names))

  const result: Record<string, unknown> = {}
  for (const [member, { name, fallback, read }] of all) {
    const fromEnvironment = environment[variableOf(name)]
    const given = fromEnvironment ?? file.values[name]
    if (member in overrides) result[member] = overrides[member]
    else if (given === undefined)
      result[member] =
        typeof fallback === 'function' ? (fallback as (data: string) => unknown)(result.data as string) : fallback
    else {
      try {
        result[member] = read(String(given))
      } catch (error) {
        const where = fromEnvironment === undefined ? `${name} in ${file.path}` : variableOf(name)
        throw refusal(`${where} ${(error as Error).message}.`, 'Mend it and start again.')
      }
    }
  }
  return result as Config
}

/** All settings, with what holds here. */
export function shownSettings(config: Config): readonly ShownSetting[] {
  return Object.entries(settings).map(([member, { name, summary }]) => ({
    name,
    environment: variableOf(name),
    value: withoutPassword(written(config[member as keyof Config])),
    summary,
  }))
}

function written(value: Config[keyof Config]): string {
  return value instanceof Map
    ? Array.from(value, ([group, policies]) => `${group}=${policies.join('+')}`).join('; ')
    : String(value ?? '')
}

/** Of an address such as that of PostgreSQL. */
function withoutPassword(value: string): string {
  return value.replace(/^([a-z]+:\/\/[^/?#]*?:)[^/?#]*@/, '$1***@').replace(/([?&]password=)[^&]*/gi, '$1***')
}

function fileSettings(environment: Environment): {
  readonly path: string
  readonly values: Readonly<Record<string, unknown>>
} {
  const named = environment.KEYWARD_CONFIG
  const path = resolve(named ?? 'keyward.yaml')
  if (!existsSync(path)) {
    if (named !== undefined) throw refusal(`There is no file ${path}, which KEYWARD_CONFIG names.`, 'Mend the name.')
    return { path, values: {} }
  }
  let values: unknown
  try {
    values = parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw refusal(`${path} is not YAML: ${(error as Error).message}`, 'Mend the file.')
  }
  if (values === null || values === undefined) return { path, values: {} }
  if (typeof values !== 'object' || Array.isArray(values))
    throw refusal(`${path} must be a map of settings.`, 'Write name: value, a line each.')
  return { path, values: values as Record<string, unknown> }
}

function refusal(message: string, mend: string) {
  return problem('InvalidRequest', { message, mend })
}

/** The name with the most letters in common at its beginning. */
function nearest(name: string, names: readonly string[]): string {
  const shared = (other: string) => {
    let length = 0
    while (length < name.length && name[length] === other[length]) length++
    return length
  }
  const best = names.toSorted((left, right) => shared(right) - shared(left))[0]
  return `Did you mean ${best}? keyward settings lists them all.`
}

/** The process's own environment, read in this one place. */
export function processEnvironment(): Environment {
  return process.env
}
