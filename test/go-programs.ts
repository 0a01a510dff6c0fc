/**
 * Programs in Go that tests run, built from what the Go module proxy gives. A build takes minutes, so it is kept in the
 * user's cache, by name and version: the second run takes no time.
 */
import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const strict = process.env.KEYWARD_TEST_STRICT === '1'
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'keyward-tests')
/** Below the time that a test file has. */
const buildMs = 540_000

export type GoProgram = { readonly name: string } & (
  | { readonly published: string; readonly version: string }
  /** With a module of our own. */
  | { readonly folder: string }
)

/**
 * The path of the program; or the reason why there is none. Without a Go toolchain there is none. Where the proxy does not
 * give the modules there is none either, but where nothing may be skipped that fails.
 */
export async function goProgram(program: GoProgram): Promise<{ readonly path: string } | { readonly missing: string }> {
  const { name } = program
  const version = 'version' in program ? program.version : contentOf(program.folder)
  const path = join(cache, `${name}-${version}`)
  if (existsSync(path)) return { path }
  try {
    await run('go', ['version'])
  } catch {
    return { missing: 'there is no Go toolchain to build it with' }
  }
  const folder = mkdtempSync(join(tmpdir(), 'keyward-go-'))
  const options = { timeout: buildMs, env: { ...process.env, GOBIN: folder, GOFLAGS: '-buildvcs=false' }, cwd: folder }
  try {
    if ('published' in program) await run('go', ['install', `${program.published}@${version}`], options)
    else {
      cpSync(program.folder, folder, { recursive: true })
      await run('go', ['build', '-o', join(folder, name), '.'], options)
    }
    mkdirSync(cache, { recursive: true })
    // In one step: another run that builds the same finds either nothing or the whole.
    const whole = join(cache, `${name}-${version}.${process.pid}`)
    cpSync(join(folder, name), whole)
    renameSync(whole, path)
    return { path }
  } catch (error) {
    if (strict) throw error
    return { missing: `${name} ${version} cannot be built: ${(error as Error).message.split('\n').at(-1)}` }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function contentOf(folder: string): string {
  const texts = readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'))
  return hash('sha256', texts.join('\0')).slice(0, 16)
}
