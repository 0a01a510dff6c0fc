/** `keyward import`: all three steps at once, or one by one. */
import { constants, createCipheriv, createPublicKey, publicEncrypt } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { getParametersForImport } from '../operations/material/get-parameters-for-import.ts'
import { importKeyMaterial } from '../operations/material/import-key-material.ts'
import type { Client } from './client.ts'
import { readInput } from './commands.ts'
import { usageError } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

type Parameters = {
  readonly wrappingAlgorithm: string
  readonly wrappingKeySpec: string
  /** DER, base64. */
  readonly publicKey: string
}

/** AES_256 material. */
const materialBytes = 32

export function addImportCommands(
  program: Command,
  client: () => Client,
  terminal: Terminal,
  randomBytes: (count: number) => Uint8Array,
): void {
  const group = program.commands.find((command) => command.name() === 'import')
  if (group === undefined) throw new Error('the import operations come first')
  group
    .argument('[key]', 'key id or alias of a key with origin EXTERNAL')
    .option('--file <file>', 'the key material, 32 bytes; - is stdin')
    .option('--expires <instant>', 'when the service deletes the material, RFC 3339')
    .option('--wrapping-key-spec <spec>', 'RSA_2048, RSA_3072 or RSA_4096', 'RSA_4096')
    .option('--wrapping-algorithm <algorithm>', 'how to wrap', 'RSAES_OAEP_SHA_256')
    .action(async (keyId: string | undefined, options: Record<string, string | undefined>) => {
      if (keyId === undefined || options.file === undefined)
        throw usageError('Give a key and its material.', 'keyward import KEY --file material.bin')
      const material = readMaterial(options.file)
      const parameters = await client().call(getParametersForImport, {
        keyId,
        wrappingKeySpec: options.wrappingKeySpec,
        wrappingAlgorithm: options.wrappingAlgorithm,
      })
      const wrapped = wrap(material, parameters as Parameters, randomBytes)
      material.fill(0)
      terminal.data(
        await client().call(importKeyMaterial, {
          keyId,
          importToken: parameters.importToken,
          encryptedKeyMaterial: wrapped.toString('base64'),
          ...(options.expires === undefined ? {} : { materialExpiresAt: options.expires }),
        }),
      )
    })
  group
    .command('wrap')
    .description('Wrap key material for an import. Works without a server, on the machine that has the material.')
    .requiredOption('--params <file>', 'what keyward import params KEY -o json printed')
    .requiredOption('--material <file>', 'the key material, 32 bytes')
    .requiredOption('--out <file>', 'where the wrapped material goes; upload it with --encrypted-key-material @FILE')
    .action((options: { params: string; material: string; out: string }) => {
      let parameters: Parameters
      try {
        parameters = JSON.parse(readFileSync(options.params, 'utf8')) as Parameters
      } catch {
        throw usageError(
          `${options.params} is not the JSON of keyward import params.`,
          'keyward import params KEY -o json > params.json',
        )
      }
      writeFileSync(options.out, wrap(readMaterial(options.material), parameters, randomBytes), { mode: 0o600 })
      terminal.say(
        `Upload it: keyward import upload KEY --import-token base64:... --encrypted-key-material @${options.out}`,
      )
    })
}

function readMaterial(path: string): Buffer {
  const material = readInput(path)
  if (material.length === materialBytes) return material
  const text = material.toString('latin1').trim()
  if (/^[0-9a-fA-F]{64}$/.test(text))
    throw usageError(`${path} is hex text, not 32 bytes.`, `Decode it first: xxd -r -p ${path} > material.bin`)
  if (/^[A-Za-z0-9+/]{43}=$/.test(text))
    throw usageError(`${path} is base64 text, not 32 bytes.`, `Decode it first: base64 -d ${path} > material.bin`)
  throw usageError(
    `${path} is ${material.length} bytes; AES_256 material is 32.`,
    'openssl rand -out material.bin 32 makes such material.',
  )
}

function wrap(material: Buffer, parameters: Parameters, randomBytes: (count: number) => Uint8Array): Buffer {
  if (parameters.wrappingKeySpec === 'SM2')
    throw usageError('This command wraps with RSA keys only.', 'Get parameters with --wrapping-key-spec RSA_4096.')
  const publicKey = createPublicKey({ key: Buffer.from(parameters.publicKey, 'base64'), format: 'der', type: 'spki' })
  const oaep = (hash: string, bytes: Uint8Array) =>
    publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash }, bytes)
  switch (parameters.wrappingAlgorithm) {
    case 'RSAES_OAEP_SHA_256':
      return oaep('sha256', material)
    case 'RSAES_OAEP_SHA_1':
      return oaep('sha1', material)
    case 'RSA_AES_KEY_WRAP_SHA_256':
    case 'RSA_AES_KEY_WRAP_SHA_1': {
      const ephemeral = randomBytes(32)
      // RFC 5649: the initial value of key wrap with padding.
      const cipher = createCipheriv('id-aes256-wrap-pad', ephemeral, Buffer.from('a65959a6', 'hex'))
      const hash = parameters.wrappingAlgorithm.endsWith('256') ? 'sha256' : 'sha1'
      return Buffer.concat([oaep(hash, ephemeral), cipher.update(material), cipher.final()])
    }
    default:
      throw usageError(`This command does not wrap with ${parameters.wrappingAlgorithm}.`, 'Use RSAES_OAEP_SHA_256.')
  }
}
