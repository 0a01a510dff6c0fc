/** The AWS SDK for Java 2, from Maven; skipped aloud where there is no Java or no Maven. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startTestService } from '../service.ts'
import { region } from './clients.ts'

const run = promisify(execFile)
const strict = process.env.KEYWARD_TEST_STRICT === '1'
/** A registry that does not answer must not hold up the tests. */
const fetchMs = 240_000

test('the AWS SDK for Java: the lives of a symmetric key and of a key pair', async (context) => {
  try {
    await run('java', ['-version'])
    await run('mvn', ['-version'])
  } catch {
    context.skip('there is no Java with Maven')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'keyward-java-'))
  const options = { cwd: folder, timeout: fetchMs }
  try {
    cpSync(join(import.meta.dirname, 'java-life'), folder, { recursive: true })
    const classes = join(folder, 'classpath')
    try {
      await run('mvn', ['-q', '-B', 'dependency:build-classpath', `-Dmdep.outputFile=${classes}`], options)
    } catch (error) {
      if (strict) throw error
      context.skip('Maven does not get the SDK')
      return
    }
    const service = await startTestService()
    try {
      const { stdout } = await run('java', ['-cp', readFileSync(classes, 'utf8'), 'Life.java'], {
        ...options,
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          LANG: 'C.UTF-8',
          AWS_ACCESS_KEY_ID: service.accessKeyId,
          AWS_SECRET_ACCESS_KEY: service.secretAccessKey,
          AWS_REGION: region,
          AWS_ENDPOINT_URL_KMS: service.url,
          AWS_EC2_METADATA_DISABLED: 'true',
        },
      })
      assert.match(stdout, /well/)
    } finally {
      await service.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
