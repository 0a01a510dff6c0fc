/** A process of its own: certificates are trusted by NODE_EXTRA_CA_CERTS, which Node reads once, at its start. */
import { createRequire } from 'node:module'
import process from 'node:process'
import { type Call, importedLife, Refusal, symmetricLife } from './life.ts'

type Members = Record<string, unknown>
const KmsClient = createRequire(import.meta.url)('@alicloud/kms-sdk') as new (
  config: unknown,
) => Record<string, (...args: readonly unknown[]) => Promise<Members>>

const client = new KmsClient({
  endpoint: process.env.ENDPOINT,
  accessKeyId: process.env.ACCESS_KEY_ID,
  accessKeySecret: process.env.SECRET,
})

/** Its calls take their parameters in order. */
const orders: Readonly<Record<string, readonly string[]>> = {
  CancelKeyDeletion: ['KeyId'],
  CreateAlias: ['KeyId', 'AliasName'],
  CreateKey: ['Origin', 'Description'],
  Decrypt: ['CiphertextBlob', 'EncryptionContext'],
  DeleteAlias: ['AliasName'],
  DeleteKeyMaterial: ['KeyId'],
  DescribeKey: ['KeyId'],
  DisableKey: ['KeyId'],
  EnableKey: ['KeyId'],
  Encrypt: ['KeyId', 'Plaintext', 'EncryptionContext'],
  GenerateDataKey: ['KeyId', 'KeySpec', 'NumberOfBytes', 'EncryptionContext'],
  GetParametersForImport: ['KeyId', 'WrappingAlgorithm', 'WrappingKeySpec'],
  ImportKeyMaterial: ['KeyId', 'EncryptedKeyMaterial', 'ImportToken', 'KeyMaterialExpireUnix'],
  ListAliasesByKeyId: ['KeyId', 'PageNumber', 'PageSize'],
  ListKeys: ['PageNumber', 'PageSize'],
  ScheduleKeyDeletion: ['KeyId', 'PendingWindowInDays'],
  UpdateAlias: ['KeyId', 'AliasName'],
}

const call: Call = async (action, parameters) => {
  const order = orders[action]
  if (order === undefined) throw new Error(`this SDK has no ${action}`)
  const method = client[`${action[0]?.toLowerCase()}${action.slice(1)}`]
  // It does not sign a zero, but sends it.
  const values = order.map((name) => (parameters[name] === 0 ? undefined : parameters[name]))
  const answer = (await method?.call(client, ...values)) as Members
  if (answer.Code !== undefined) throw new Refusal(answer.Code as string)
  return answer
}

// Its signature leaves out what RFC 3986 encodes and encodeURIComponent does not: such letters it cannot sign.
const signable = (text: string) => text.replace(/[!'()*~]/g, '-')
const plain: Call = (action, parameters) =>
  call(
    action,
    Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, typeof value === 'string' ? signable(value) : value]),
    ),
  )

await symmetricLife({
  call: async (action, parameters) => {
    const answer = await plain(action, parameters)
    // The life looks for the description it gave.
    const metadata = answer.KeyMetadata as Members | undefined
    if (metadata?.Description === signable("d 中文 *~()!'")) metadata.Description = "d 中文 *~()!'"
    return answer
  },
  context: (context) => ({ EncryptionContext: JSON.stringify(context) }),
})
await importedLife(
  { call, context: (context) => ({ EncryptionContext: JSON.stringify(context) }) },
  { now: Date.now, versions: false },
)
process.stdout.write('both lives are over\n')
