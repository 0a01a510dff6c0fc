/**
 * The PIN comes from a file: one that the operator names, or a systemd credential (which is a file as well:
 * `$CREDENTIALS_DIRECTORY/<name>`); or from the service's environment. It is read anew at each start of the agent, handed
 * over, and overwritten.
 */
import { readFile, stat } from 'node:fs/promises'

export type PinSource =
  /** Not open to everybody. */
  | { readonly file: string }
  /** As the environment has it. */
  | { readonly text: string }

const longestPin = 255

/** A file's bytes without the line end. Rejects with what is wrong, never with what is in it. */
export async function readPin(source: PinSource): Promise<Buffer> {
  if ('text' in source) return Buffer.from(source.text, 'utf8')
  const { file } = source
  const { mode, size } = await stat(file).catch(() => {
    throw new Error(`the PIN file ${file} cannot be read`)
  })
  // Files of some credential stores are readable by their group; nobody's are by everybody.
  if ((mode & 0o007) !== 0) throw new Error(`the PIN file ${file} is open to everybody: chmod o= it`)
  if (size > longestPin + 2) throw new Error(`the PIN file ${file} holds more than a PIN`)
  const bytes = await readFile(file)
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end -= 1
  if (end === 0) throw new Error(`the PIN file ${file} is empty`)
  bytes.fill(0, end)
  return bytes.subarray(0, end)
}
