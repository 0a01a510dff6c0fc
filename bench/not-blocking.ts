/** Do expensive signatures stand in the way of small encryptions? The p99 of Encrypt without and with 16 RSA-4096 at a time. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { hasWrk, loadOf, median, startChild } from './load.ts'

const seconds = Number(process.env.SECONDS ?? 3)

if (!hasWrk()) console.log('skipped, wrk is not installed (apt-get install wrk).')
else {
  const { child, ready } = await startChild(join(import.meta.dirname, 'service.ts'), ['10'])
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${ready.token}` }
  const post = async (path: string, body: object) =>
    (await fetch(`${ready.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json() as Promise<{
      key: { keyId: string; newestVersionId: string }
    }>
  const { key } = await post('/v1/keys', { keySpec: 'RSA_4096', keyUsage: 'SIGN_VERIFY' })
  const encrypting = {
    name: 'Encrypt',
    pid: Number(ready.pid),
    url: `${ready.url}/v1/keys/${ready.keyId}/encrypt`,
    headers,
    body: JSON.stringify({ plaintext: Buffer.alloc(32, 7).toString('base64') }),
  }
  const sign = {
    keyVersionId: key.newestVersionId,
    signingAlgorithm: 'RSASSA_PSS_SHA_256',
    message: Buffer.from('m').toString('base64'),
  }
  await loadOf(encrypting, 4, 2)
  const quiet: number[] = []
  const busy: number[] = []
  let signatures = 0
  for (let round = 0; round < 3; round++) {
    quiet.push((await loadOf(encrypting, 4, seconds)).p99Ms)
    let running = true
    const signers = Array.from({ length: 16 }, async () => {
      while (running) {
        await post(`/v1/keys/${key.keyId}/sign`, sign)
        signatures++
      }
    })
    busy.push((await loadOf(encrypting, 4, seconds)).p99Ms)
    running = false
    await Promise.all(signers)
  }
  console.log(
    `Encrypt p99 over 4 connections: ${median(quiet).toFixed(2)} ms alone, ${median(busy).toFixed(2)} ms beside 16 RSA-4096 signatures at a time (${signatures} made): ${(median(busy) / median(quiet)).toFixed(1)}x (goal 3).`,
  )
  child.kill('SIGTERM')
  await new Promise((resolve) => child.once('exit', resolve))
  rmSync(String(ready.data), { recursive: true, force: true })
}
