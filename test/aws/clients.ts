/** Clients of the AWS SDK against a service of the test, as an application makes them: an endpoint and a key pair. */
import { KMSClient, type KMSServiceException } from '@aws-sdk/client-kms'
import type { TestService } from '../service.ts'

export const region = 'eu-central-1'

export type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string }

export function kmsClient(service: Pick<TestService, 'url'>, credentials: Keys, where = region): KMSClient {
  return new KMSClient({
    endpoint: service.url,
    region: where,
    credentials: { accessKeyId: credentials.accessKeyId, secretAccessKey: credentials.secretAccessKey },
    maxAttempts: 1,
  })
}

/** The error that a call ends in; a call that ends well is a failed test. */
export async function refusal(call: Promise<unknown>): Promise<KMSServiceException> {
  try {
    await call
  } catch (error) {
    return error as KMSServiceException
  }
  throw new Error('the call went well')
}

/** Another principal of the account, with these policies and an access key of its own. */
export async function principal(service: TestService, name: string, policies: readonly string[]): Promise<Keys> {
  const made = await service.api('POST', '/v1/principals', { principalName: name, policies })
  if (made.status >= 300) throw new Error(JSON.stringify(made.body))
  const key = await service.api('POST', `/v1/principals/${name}/access-keys`, {})
  if (key.status >= 300) throw new Error(JSON.stringify(key.body))
  return { accessKeyId: key.body.accessKeyId, secretAccessKey: key.body.secretAccessKey }
}
