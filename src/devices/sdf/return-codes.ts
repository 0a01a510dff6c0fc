/** What an SDF device says of a call (the error codes of GM/T 0018): SDR_OK, or SDR_BASE and a number. */
import { type Problem, problem } from '../../domain/errors.ts'

export const sdrOk = 0
const sdrBase = 0x0100_0000

/** By their distance from SDR_BASE. The last came with the edition of 2023. */
const names: Readonly<Record<number, string>> = {
  1: 'SDR_UNKNOWERR',
  2: 'SDR_NOTSUPPORT',
  3: 'SDR_COMMFAIL',
  4: 'SDR_HARDFAIL',
  5: 'SDR_OPENDEVICE',
  6: 'SDR_OPENSESSION',
  7: 'SDR_PARDENY',
  8: 'SDR_KEYNOTEXIST',
  9: 'SDR_ALGNOTSUPPORT',
  10: 'SDR_ALGMODNOTSUPPORT',
  11: 'SDR_PKOPERR',
  12: 'SDR_SKOPERR',
  13: 'SDR_SIGNERR',
  14: 'SDR_VERIFYERR',
  15: 'SDR_SYMOPERR',
  16: 'SDR_STEPERR',
  17: 'SDR_FILESIZEERR',
  18: 'SDR_FILENOEXIST',
  19: 'SDR_FILEOFSERR',
  20: 'SDR_KEYTYPEERR',
  21: 'SDR_KEYERR',
  22: 'SDR_ENCDATAERR',
  23: 'SDR_RANDERR',
  24: 'SDR_PRKRERR',
  25: 'SDR_MACERR',
  26: 'SDR_FILEEXISTS',
  27: 'SDR_FILEWERR',
  28: 'SDR_NOBUFFER',
  29: 'SDR_INARGERR',
  30: 'SDR_OUTARGERR',
  31: 'SDR_USERIDERR',
}

/** The standard's name and the number; makers add numbers of their own, which have no name here. */
export function nameOfReturnCode(code: number): string {
  // A C int: makers' codes with the highest bit set come out negative.
  const unsigned = code >>> 0
  const hex = `0x${unsigned.toString(16).padStart(8, '0')}`
  const name = names[unsigned - sdrBase]
  return name === undefined ? hex : `${name} (${hex})`
}

/** Throws a Problem `DeviceUnavailable` that names the call and the code, unless the device said SDR_OK. */
export function requireOk(call: string, code: number): void {
  if (code !== sdrOk) throw deviceFault(`${call} gave ${nameOfReturnCode(code)}`, { call, code: code >>> 0 })
}

export function deviceFault(what: string, facts: Readonly<Record<string, unknown>> = {}, cause?: unknown): Problem {
  return problem('DeviceUnavailable', { message: `The SDF device cannot be used: ${what}.`, facts, cause })
}
