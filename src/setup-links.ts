/**
 * Links that open the console without a passkey, made on the host: whoever can write into the data folder could do more.
 * The store belongs to the running service alone, so a link lies in a file of its own, and the service takes it away when
 * somebody comes with its code. Of the code there is only the hash.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { problem } from './domain/errors.ts'
import { setupCodeMs } from './domain/passkey.ts'
import type { Clock, Random } from './domain/ports.ts'
import { accountPattern } from './domain/scope.ts'
import type { Instant } from './domain/time.ts'
import { oneTimeCodeHash, randomSetupCode, setupPath } from './operations/access/passkeys.ts'
import { principalName } from './operations/access/principals.ts'
import type { SetupLinks } from './protocols/console/one-time-codes.ts'

/** The account is that of the operator where it is absent. */
type Link = { readonly principalName: string; readonly account?: string; readonly expiresAt: Instant }

const folderOf = (data: string) => join(data, 'setup-links')

/** By the machine's own time: the service's clock is not at hand, and the two may not go back to the same moment. */
export function makeSetupLink(
  { data }: { readonly data: string },
  { clock, random }: { readonly clock: Pick<Clock, 'wall'>; readonly random: Random },
  of: Omit<Link, 'expiresAt'>,
): { readonly path: string; readonly expiresAt: Instant } {
  if (!principalName.safeParse(of.principalName).success)
    throw problem('InvalidRequest', { message: `${of.principalName} is no name of a principal.`, mend: 'Mend it.' })
  if (of.account !== undefined && !accountPattern.test(of.account))
    throw problem('InvalidRequest', { message: `${of.account} is no account.`, mend: 'It has 12 to 16 digits.' })
  const folder = folderOf(data)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  removeExpired(folder, clock.wall())
  const code = randomSetupCode({ random })
  const link: Link = { ...of, expiresAt: clock.wall() + setupCodeMs }
  writeFileSync(join(folder, oneTimeCodeHash(code)), JSON.stringify(link), { mode: 0o600, flag: 'wx' })
  return { path: setupPath(code), expiresAt: link.expiresAt }
}

export function openSetupLinks(
  data: string,
  of: { readonly operatorAccount: string; readonly wall: () => Instant },
): SetupLinks {
  const folder = folderOf(data)
  return {
    take(codeHash) {
      const link = read(join(folder, codeHash))
      if (link === undefined) return undefined
      try {
        unlinkSync(join(folder, codeHash))
      } catch {
        // Somebody else has come with the same code at the same moment.
        return undefined
      }
      if (of.wall() >= link.expiresAt) return undefined
      return { account: link.account ?? of.operatorAccount, principalName: link.principalName }
    },
  }
}

function read(path: string): Link | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Link
  } catch {
    return undefined
  }
}

function removeExpired(folder: string, now: Instant): void {
  for (const name of readdirSync(folder)) {
    const link = read(join(folder, name))
    if (link !== undefined && now >= link.expiresAt) rmSync(join(folder, name), { force: true })
  }
}
