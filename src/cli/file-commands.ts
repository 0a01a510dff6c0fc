/** `keyward file encrypt|decrypt|inspect`, and `keyward encrypt|decrypt` for small data. */
import {
  closeSync,
  createReadStream,
  createWriteStream,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { decrypt } from '../operations/cryptography/decrypt.ts'
import { encrypt } from '../operations/cryptography/encrypt.ts'
import { generateDataKey } from '../operations/cryptography/generate-data-key.ts'
import type { Client } from './client.ts'
import { pairsOf, readInput } from './commands.ts'
import { CliError, exitCodes, usageError } from './exit-codes.ts'
import {
  chunkBytes,
  decodeFileHeader,
  decryptStream,
  encryptStream,
  type FileHeader,
  fileContext,
} from './file-format.ts'
import type { Terminal } from './terminal.ts'

const contextOption = ['--context <name=value...>', 'encryption context: must be the same at decryption'] as const

export function addDataCommands(
  program: Command,
  client: () => Client,
  terminal: Terminal,
  randomBytes: (count: number) => Uint8Array,
): void {
  program
    .command('encrypt')
    .description('Encrypt up to 6,144 bytes under a key. More: keyward file encrypt.')
    .argument('<key>', 'key id or alias')
    .option('--text <text>', 'what to encrypt')
    .option('--in <file>', 'what to encrypt; - is stdin')
    .option('--out <file>', 'where the ciphertext goes, in binary; else base64 on stdout')
    .option(...contextOption)
    .action(async (keyId: string, options: { text?: string; in?: string; out?: string; context?: string[] }) => {
      if ((options.text === undefined) === (options.in === undefined)) throw usageError('Give --text or --in.')
      const plaintext = options.text === undefined ? readInput(options.in as string) : Buffer.from(options.text, 'utf8')
      if (plaintext.length > 6144)
        throw usageError(
          `Encrypt takes at most 6144 bytes, and this is ${plaintext.length}.`,
          `keyward file encrypt ${options.in ?? 'FILE'} --key ${keyId}`,
        )
      const answer = await client().call(encrypt, {
        keyId,
        plaintext: plaintext.toString('base64'),
        ...contextOf(options.context),
      })
      const ciphertext = answer.ciphertextBlob as string
      if (options.out === undefined) terminal.out(`${ciphertext}\n`)
      else await writeWhole(options.out, [Buffer.from(ciphertext, 'base64')], terminal)
    })

  program
    .command('decrypt')
    .description('Decrypt what keyward encrypt made.')
    .argument('[ciphertext]', 'in base64; else --in')
    .option('--in <file>', 'the ciphertext, binary or base64; - is stdin')
    .option('--out <file>', 'where the plaintext goes; else stdout')
    .option('--key <key>', 'only if it was encrypted under this key')
    .option(...contextOption)
    .action(
      async (text: string | undefined, options: { in?: string; out?: string; key?: string; context?: string[] }) => {
        if ((text === undefined) === (options.in === undefined)) throw usageError('Give the ciphertext, or --in.')
        const given = text === undefined ? readInput(options.in as string) : Buffer.from(text, 'utf8')
        if (given.subarray(0, 3).toString('latin1') === 'KWF')
          throw usageError('This is a file of keyward file encrypt.', 'keyward file decrypt FILE')
        const binary = given.subarray(0, 2).toString('latin1') === 'KM'
        const answer = await client().call(decrypt, {
          ciphertextBlob: binary ? given.toString('base64') : given.toString('utf8').trim(),
          ...(options.key === undefined ? {} : { keyId: options.key }),
          ...contextOf(options.context),
        })
        const plaintext = Buffer.from(answer.plaintext as string, 'base64')
        if (options.out === undefined) terminal.out(plaintext)
        else await writeWhole(options.out, [plaintext], terminal)
      },
    )

  const file = program.command('file').description('Files of any size, encrypted on this machine under a data key')
  file
    .command('encrypt')
    .description('Encrypt a file of any size.')
    .argument('<file>', 'the file; - is stdin')
    .requiredOption('--key <key>', 'key id or alias')
    .option('--out <file>', 'else FILE.kw')
    .option(...contextOption)
    .action(async (path: string, options: { key: string; out?: string; context?: string[] }) => {
      const own = options.context === undefined ? {} : pairsOf('context', options.context)
      const out = options.out ?? (path === '-' ? '-' : `${path}.kw`)
      const answer = await client().call(generateDataKey, {
        keyId: options.key,
        dataKeySpec: 'AES_256',
        encryptionContext: { ...own, ...fileContext },
      })
      const header: FileHeader = {
        keyId: answer.keyId as string,
        keyVersionId: answer.keyVersionId as string,
        ciphertextBlob: answer.ciphertextBlob as string,
        encryptionContext: own,
        chunkBytes,
        salt: Buffer.from(randomBytes(32)).toString('base64'),
      }
      const dataKey = Buffer.from(answer.plaintext as string, 'base64')
      try {
        const source = inputStream(path, terminal)
        await writeWhole(out, encryptStream(source, dataKey, header), terminal)
      } finally {
        dataKey.fill(0)
      }
      if (out !== '-') terminal.say(`${out} can be decrypted with: keyward file decrypt ${out}`)
    })
  file
    .command('decrypt')
    .description('Decrypt a file. Nothing is left behind where it was changed or cut off.')
    .argument('<file>', 'the file; - is stdin')
    .option('--out <file>', 'else FILE without .kw; - is stdout')
    .action(async (path: string, options: { out?: string }) => {
      const out = options.out ?? (path.endsWith('.kw') ? path.slice(0, -3) : '-')
      const open = async (header: FileHeader) => {
        const answer = await client().call(decrypt, {
          ciphertextBlob: header.ciphertextBlob,
          encryptionContext: { ...header.encryptionContext, ...fileContext },
        })
        return Buffer.from(answer.plaintext as string, 'base64')
      }
      await writeWhole(out, decryptStream(inputStream(path, terminal), open), terminal)
    })
  file
    .command('inspect')
    .description('Show which key a file needs, without a server.')
    .argument('<file>')
    .action((path: string) => {
      const { header } = readHeader(path)
      const { salt: _, ciphertextBlob: __, ...shown } = header
      terminal.data(shown)
    })
}

function contextOf(given: readonly string[] | undefined) {
  return given === undefined ? {} : { encryptionContext: pairsOf('context', given) }
}

function readHeader(path: string): { readonly header: FileHeader } {
  const file = openSync(path, 'r')
  try {
    const start = Buffer.alloc(65_544)
    const found = decodeFileHeader(start.subarray(0, readSync(file, start)))
    if (found === undefined) throw new CliError('InvalidCiphertext', 'The file ends within its header.')
    return found
  } finally {
    closeSync(file)
  }
}

function inputStream(path: string, terminal: Terminal): AsyncIterable<Uint8Array> {
  if (path === '-') return process.stdin
  let total: number
  try {
    total = statSync(path).size
  } catch (error) {
    throw usageError(`${path} cannot be read: ${(error as Error).message}`)
  }
  return terminal.progress(createReadStream(path, { highWaterMark: chunkBytes }), total)
}

/** The whole of it or nothing: written beside its place, then renamed. `-` is stdout. */
async function writeWhole(
  path: string,
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  terminal: Terminal,
): Promise<void> {
  if (path === '-') {
    for await (const part of content) await terminal.outAll(part)
    return
  }
  const beside = `${path}.${process.pid}.partial`
  try {
    await pipeline(content, createWriteStream(beside, { mode: 0o600, flags: 'wx', flush: true }))
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    if (error instanceof CliError) throw error
    throw new CliError('NotWritten', `${path} cannot be written: ${(error as Error).message}`, {
      exitCode: exitCodes.unexpected,
    })
  }
}
