/** The official SDK for Go. The `aliyun` CLI, which is written in Go too, is no module that the proxy gives. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { goProgram } from '../go-programs.ts'
import { startService } from './service.ts'

test('the official SDK for Go (ACS3): the lives of a symmetric key and of a key pair', async (context) => {
  const program = await goProgram({ name: 'alibaba-life', folder: join(import.meta.dirname, 'go-life') })
  if ('missing' in program) {
    context.skip(program.missing)
    return
  }
  const service = await startService()
  try {
    const { stdout } = await promisify(execFile)(program.path, [service.host, 'cn-hangzhou'], {
      timeout: 60_000,
      env: {
        PATH: process.env.PATH,
        ACCESS_KEY_ID: service.first.accessKeyId,
        ACCESS_KEY_SECRET: service.first.secret,
        NO_PROXY: 'localhost',
        no_proxy: 'localhost',
      },
    })
    assert.equal(stdout.trim(), 'well')
  } finally {
    await service.close()
  }
})
