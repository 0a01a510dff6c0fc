/** Where the CLI finds the server and its credential: flags, then the environment, then a profile. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { usageError } from './exit-codes.ts'

export type Connection = {
  readonly address: string
  readonly token: string | undefined
  readonly region: string | undefined
  /** PEM text of the authority that signed the server's certificate. */
  readonly caCert: string | undefined
}

export type ConnectionFlags = {
  readonly addr?: string
  readonly token?: string
  readonly tokenFile?: string
  readonly region?: string
  readonly cacert?: string
  readonly profile?: string
}

type Environment = Readonly<Record<string, string | undefined>>
type Profile = { addr?: string; token?: string; token_file?: string; region?: string; cacert?: string }

export const defaultAddress = 'http://localhost:8480'

export function profileFile(environment: Environment): string {
  return join(environment.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'keyward', 'config.yaml')
}

export function connectionFrom(flags: ConnectionFlags, environment: Environment): Connection {
  const profile = readProfile(flags.profile ?? environment.KEYWARD_PROFILE, environment)
  const tokenFile = flags.tokenFile ?? environment.KEYWARD_TOKEN_FILE
  const caCert = flags.cacert ?? environment.KEYWARD_CACERT ?? profile.cacert
  return {
    address: (flags.addr ?? environment.KEYWARD_ADDR ?? profile.addr ?? defaultAddress).replace(/\/+$/, ''),
    token:
      flags.token ??
      (flags.tokenFile === undefined ? environment.KEYWARD_TOKEN : undefined) ??
      (tokenFile === undefined ? undefined : readSecret(tokenFile)) ??
      profile.token ??
      (profile.token_file === undefined ? undefined : readSecret(profile.token_file)),
    region: flags.region ?? environment.KEYWARD_REGION ?? profile.region,
    caCert: caCert === undefined ? undefined : readText(caCert),
  }
}

function readProfile(name: string | undefined, environment: Environment): Profile {
  const path = profileFile(environment)
  if (!existsSync(path)) {
    if (name !== undefined) throw usageError(`There is no profile ${name}: ${path} does not exist.`)
    return {}
  }
  requirePrivate(path)
  const profiles = (parse(readText(path)) as { profiles?: Record<string, Profile>; default?: string } | null) ?? {}
  const chosen = name ?? profiles.default ?? 'default'
  const profile = profiles.profiles?.[chosen]
  if (profile === undefined && name !== undefined) throw usageError(`There is no profile ${name} in ${path}.`)
  return profile ?? {}
}

function readSecret(path: string): string {
  requirePrivate(path)
  return readText(path).trim()
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw usageError(`${path} cannot be read: ${(error as Error).message}`)
  }
}

/** A file with a token that others may read is refused, as ssh refuses such keys. */
function requirePrivate(path: string): void {
  if (!existsSync(path)) throw usageError(`There is no file ${path}.`)
  if ((statSync(path).mode & 0o077) !== 0) throw usageError(`${path} can be read by others.`, `chmod 600 ${path}`)
}
