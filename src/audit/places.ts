/**
 * Where the logs of an installation are, and what they are called. Log 0 is the first; each further process has one of
 * its own. They share a key; since the name is part of what is signed, no checkpoint of one passes for another's.
 */
import { readdirSync } from 'node:fs'
import { noteVerifier, renamedVerifier } from './note.ts'

/** Within the data folder, and within a folder or store that logs are shipped to. */
export function logFolder(number: number): string {
  return number === 0 ? 'audit' : `audit-${number}`
}

export function logName(auditName: string, number: number): string {
  return `${auditName}/${logFolder(number)}`
}

/** The verifier key of another log of the same installation, from that of log 0. */
export function vkeyOfLog(vkey: string, number: number): string {
  return number === 0 ? vkey : renamedVerifier(vkey, `${noteVerifier(vkey).name}-${number}`)
}

/** For a proof or checkpoint of any log of the installation, which says by its first line of which. */
export function vkeyOfOrigin(vkey: string, origin: string): string {
  const number = /^-([1-9]\d{0,3})$/.exec(origin.slice(noteVerifier(vkey).name.length))?.[1]
  return number !== undefined && origin.startsWith(noteVerifier(vkey).name) ? vkeyOfLog(vkey, Number(number)) : vkey
}

/** The logs that there are in a folder, by number. */
export function logsIn(folder: string): readonly number[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^audit(?:-[1-9]\d{0,3})?$/.test(entry.name))
    .map(({ name }) => Number(name.slice('audit-'.length)))
    .sort((one, other) => one - other)
}
