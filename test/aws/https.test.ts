import assert from 'node:assert/strict'
import { Agent } from 'node:https'
import { test } from 'node:test'
import { GenerateRandomCommand, KMSClient } from '@aws-sdk/client-kms'
import { operations } from '../../src/operations/index.ts'
import { openAuthenticator } from '../../src/protocols/authenticator.ts'
import { awsFace } from '../../src/protocols/aws/face.ts'
import { defaultLimits } from '../../src/protocols/http.ts'
import { listen } from '../../src/protocols/server.ts'
import { tlsFiles } from '../../src/tls.ts'
import { startTestService } from '../service.ts'
import { region } from './clients.ts'

test('over HTTPS the same client works, and the signature covers the host with its port', async () => {
  const service = await startTestService()
  const { cert, key } = await tlsFiles(service.config, Date.now())
  const authenticator = openAuthenticator(service.world)
  const face = awsFace({ service: service.running.service, operations, authenticator, limits: defaultLimits })
  const server = await listen(
    { host: '127.0.0.1', port: 0, tls: { cert, key } },
    {
      faces: [face],
      limits: defaultLimits,
      requestId: () => service.world.random.uuid(),
      onAnswer: () => {},
      reportBug: (error) => assert.fail(String(error)),
      date: () => new Date().toUTCString(),
      monotonic: () => performance.now(),
    },
  )
  const client = new KMSClient({
    endpoint: `https://localhost:${server.port}`,
    region,
    credentials: service,
    requestHandler: { httpsAgent: new Agent({ ca: cert }) },
    maxAttempts: 1,
  })
  try {
    const { Plaintext } = await client.send(new GenerateRandomCommand({ NumberOfBytes: 16 }))
    assert.equal(Plaintext?.length, 16)
  } finally {
    client.destroy()
    await server.close(100)
    await service.stop()
  }
})
