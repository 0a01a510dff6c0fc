import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readPin } from './pin.ts'

async function pinFile(t: TestContext, content: string | Buffer, mode = 0o600): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'keyward-pin-'))
  t.after(() => rm(directory, { recursive: true }))
  const file = join(directory, 'pin')
  await writeFile(file, content)
  await chmod(file, mode)
  return file
}

test('a PIN is the content of its file without the line end', async (t) => {
  assert.equal((await readPin({ file: await pinFile(t, '1234') })).toString(), '1234')
  assert.equal((await readPin({ file: await pinFile(t, '12 34\r\n', 0o440) })).toString(), '12 34')
})

test('a PIN file that is empty, too long, missing or open to everybody is refused, without its content', async (t) => {
  await assert.rejects(readPin({ file: await pinFile(t, '\n') }), /is empty/)
  await assert.rejects(readPin({ file: await pinFile(t, 'x'.repeat(300)) }), /more than a PIN/)
  await assert.rejects(readPin({ file: '/nowhere/pin' }), /cannot be read/)
  const open = await readPin({ file: await pinFile(t, 'secret-pin', 0o644) }).catch((error: Error) => error)
  assert.ok(open instanceof Error)
  assert.match(open.message, /open to everybody/)
  assert.equal(open.message.includes('secret-pin'), false)
})
