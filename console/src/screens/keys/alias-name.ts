import type { Catalogue } from '../../i18n/index.tsx'

/** What is wrong with a new alias, given without its `alias/`; the server decides over the rest. */
export function aliasComplaint(text: Catalogue, name: string): string | undefined {
  if (!/^[\w/-]{1,250}$/.test(name)) return text.keys.creation.aliasRule
  if (/^(?:acs|aws)\//.test(name)) return text.keys.creation.aliasReserved
  return undefined
}
