/**
 * What Terraform 1.11 with the AWS provider 5.100 asked in a run of terraform.test.ts, in its order and its words, asked
 * again: everything is answered, and a second look sees what the first one saw, so that there is no drift.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as kms from '@aws-sdk/client-kms'
import { startTestService, type TestService } from '../service.ts'
import { kmsClient } from './clients.ts'
import recorded from './terraform-requests.json' with { type: 'json' }

type Recorded = { readonly region: string; readonly action: string; readonly input: unknown }

let service: TestService
const clients = new Map<string, kms.KMSClient>()
/** What this run calls what the recorded one called otherwise: `{{main}}` and the like. */
const names = new Map<string, string>()

before(async () => {
  service = await startTestService()
})
after(async () => {
  for (const client of clients.values()) client.destroy()
  await service.stop()
})

type AnyCommand = new (input: object) => kms.DescribeKeyCommand

async function ask({ region, action, input }: Recorded): Promise<Record<string, unknown>> {
  const client = clients.get(region) ?? kmsClient(service, service, region)
  clients.set(region, client)
  const text = JSON.stringify(input).replace(/\{\{\w+\}\}/g, (name) => names.get(name) ?? assert.fail(`no ${name} yet`))
  const Command = (kms as unknown as Readonly<Record<string, AnyCommand>>)[`${action}Command`]
  assert.ok(Command, action)
  const parsed = JSON.parse(text)
  if (typeof parsed.Plaintext === 'string') parsed.Plaintext = Buffer.from(parsed.Plaintext, 'base64')
  const { $metadata: _, ...answer } = (await client.send(new Command(parsed))) as unknown as Record<string, unknown>
  return answer
}

const nameOf = (input: { readonly MultiRegion?: boolean; readonly KeyUsage?: string }) =>
  input.MultiRegion ? '{{spread}}' : input.KeyUsage === 'SIGN_VERIFY' ? '{{signing}}' : '{{main}}'

test('the requests of a recorded Terraform run are answered, without drift', async () => {
  const { apply, refresh, destroy } = recorded as Readonly<Record<'apply' | 'refresh' | 'destroy', readonly Recorded[]>>
  for (const request of apply) {
    const answer = await ask(request)
    if (request.action === 'CreateKey')
      names.set(nameOf(request.input as object), (answer.KeyMetadata as kms.KeyMetadata).KeyId as string)
    if (request.action === 'CreateGrant') names.set('{{grant}}', answer.GrantId as string)
  }
  const seen = []
  for (const request of refresh) seen.push(await ask(request))
  for (const [index, request] of refresh.entries()) assert.deepEqual(await ask(request), seen[index], request.action)
  const rotation =
    seen[
      refresh.findIndex(
        ({ action, input }) => action === 'GetKeyRotationStatus' && (input as { KeyId: string }).KeyId === '{{main}}',
      )
    ]
  assert.equal(rotation?.KeyRotationEnabled, true)
  assert.equal(rotation?.RotationPeriodInDays, 180)
  const [grant] = (seen[refresh.findIndex(({ action }) => action === 'ListGrants')]?.Grants ??
    []) as kms.GrantListEntry[]
  assert.deepEqual(grant?.Constraints, { EncryptionContextEquals: { tenant: 'a' } })
  for (const request of destroy) await ask(request)
  const { KeyMetadata: gone } = await ask({
    region: 'eu-central-1',
    action: 'DescribeKey',
    input: { KeyId: '{{main}}' },
  })
  assert.equal((gone as kms.KeyMetadata).KeyState, 'PendingDeletion')
})
