/**
 * Whose keys, and in which resource pool. Part of the name of everything that is stored: there is no look-up by a bare
 * id (CVE-2026-45808).
 */
export type Scope = {
  /** 12 to 16 decimal digits, as both clouds have them. */
  readonly account: string
  /** A lower-case region name such as `local`, `eu-central-1`, `cn-hangzhou`. */
  readonly region: string
}

export const accountPattern = /^[0-9]{12,16}$/
export const regionPattern = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/

/** The partition under which a scope's rows are stored. Neither part can hold a slash. */
export function partitionOf(scope: Scope): string {
  return `${scope.account}/${scope.region}`
}
