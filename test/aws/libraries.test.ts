/** Libraries built on AWS KMS, unchanged: each verifies with its own means what the service answers. */
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { after, before, test } from 'node:test'
import { buildClient, CommitmentPolicy, KmsKeyringNode } from '@aws-crypto/client-node'
import { CreateKeyCommand, GetPublicKeyCommand, type KeySpec, KMS, type KMSClient } from '@aws-sdk/client-kms'
import { ed25519 } from '@noble/curves/ed25519.js'
import { KMSSigner } from '@rumblefishdev/eth-signer-kms'
import { AwsKmsSigner } from '@solana/keychain-aws-kms'
import { JsonRpcProvider, Transaction, verifyMessage } from 'ethers'
import { startTestService, type TestService } from '../service.ts'
import { kmsClient, region } from './clients.ts'

let service: TestService
let client: KMSClient

before(async () => {
  service = await startTestService()
  client = kmsClient(service, service)
})
after(async () => {
  client.destroy()
  await service.stop()
})

async function newKey(spec?: KeySpec): Promise<{ readonly id: string; readonly arn: string }> {
  const wish = spec === undefined ? {} : { KeySpec: spec, KeyUsage: 'SIGN_VERIFY' as const }
  const { KeyMetadata: metadata } = await client.send(new CreateKeyCommand(wish))
  return { id: metadata?.KeyId as string, arn: metadata?.Arn as string }
}

test('the AWS Encryption SDK seals and opens, with its context, under several keys and a key commitment', async () => {
  const [generator, second] = [await newKey(), await newKey()]
  const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
  const credentials = { accessKeyId: service.accessKeyId, secretAccessKey: service.secretAccessKey }
  const all = new KMS({ endpoint: service.url, region, credentials })
  const clientProvider = () => all as never
  const context = { stage: 'test', purpose: 'é' }
  const sealing = new KmsKeyringNode({ generatorKeyId: generator.arn, keyIds: [second.arn], clientProvider })
  const { result } = await encrypt(sealing, 'a message', { encryptionContext: context })
  for (const key of [generator, second]) {
    const opening = new KmsKeyringNode({ keyIds: [key.arn], clientProvider })
    const { plaintext, messageHeader } = await decrypt(opening, result)
    assert.equal(plaintext.toString(), 'a message')
    assert.equal(messageHeader.encryptionContext.stage, 'test')
  }
  const stranger = new KmsKeyringNode({ keyIds: [(await newKey()).arn], clientProvider })
  await assert.rejects(decrypt(stranger, result))
})

test('an Ethereum signer signs messages and transactions that its address is recovered from', async () => {
  const { id } = await newKey('ECC_SECG_P256K1')
  const provider = new JsonRpcProvider(undefined, 1, { staticNetwork: true })
  try {
    const signer = await KMSSigner.create(provider as never, id, client)
    const address = await signer.getAddress()
    assert.equal(verifyMessage('hello', await signer.signMessage('hello')), address)
    const raw = await signer.signTransaction({
      to: '0x0000000000000000000000000000000000000001',
      value: 1n,
      nonce: 0,
      gasLimit: 21_000n,
      maxFeePerGas: 2n,
      maxPriorityFeePerGas: 1n,
      chainId: 1n,
      type: 2,
    })
    assert.equal(Transaction.from(raw).from, address)
  } finally {
    provider.destroy()
  }
})

test('a Solana signer signs with Ed25519', async () => {
  const { id } = await newKey('ECC_NIST_EDWARDS25519')
  const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: id }))
  const { x } = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' }).export({
    format: 'jwk',
  })
  const raw = Buffer.from(x as string, 'base64url')
  // The library makes its own client: where the service is it learns as every AWS client does.
  process.env.AWS_ENDPOINT_URL_KMS = service.url
  try {
    const signer = new AwsKmsSigner({
      keyId: id,
      publicKey: base58(raw),
      region,
      credentials: { accessKeyId: service.accessKeyId, secretAccessKey: service.secretAccessKey },
    })
    assert.equal(await signer.isAvailable(), true)
    const content = new TextEncoder().encode('a message')
    const [signatures] = await signer.signMessages([{ content, signatures: {} }] as never)
    const [signature] = Object.values(signatures ?? {})
    assert.ok(ed25519.verify(signature as Uint8Array, content, raw))
  } finally {
    delete process.env.AWS_ENDPOINT_URL_KMS
  }
})

function base58(bytes: Uint8Array): string {
  const letters = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  let number = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  let text = ''
  for (; number > 0n; number /= 58n) text = letters[Number(number % 58n)] + text
  for (const byte of bytes) {
    if (byte !== 0) break
    text = `1${text}`
  }
  return text
}
