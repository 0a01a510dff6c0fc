// Runs everything: types, lint, all tests. What cannot run on this machine is skipped aloud, with its reason.
import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const root = join(import.meta.dirname, '..')
const bin = join(root, 'node_modules', '.bin')
const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
const only = process.argv.slice(2)

function run(command, args) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, env, stdio: 'inherit' })
  if (error !== undefined || status !== 0) {
    process.stderr.write(`\n${command} ${args[0] ?? ''} failed (${error?.message ?? signal ?? status}).\n`)
    process.exit(status === null || status === 0 ? 1 : status)
  }
}

// Debian's packages that tests use, where they may be installed. Without them those tests say what they miss.
const packages = {
  openssl: 'openssl',
  curl: 'curl',
  'g++': 'c++',
  softhsm2: 'softhsm2-util',
  'libnss3-tools': 'certutil',
  swtpm: 'swtpm',
  'tpm2-tools': 'tpm2_getcap',
  'tpm2-abrmd': 'tpm2-abrmd',
  'libtss2-tcti-tabrmd0': '/usr/lib/*/libtss2-tcti-tabrmd.so.0',
  'libtpm2-pkcs11-1': '/usr/lib/*/libtpm2_pkcs11.so.1',
  'libtpm2-pkcs11-tools': 'tpm2_ptool',
  'dbus-daemon': 'dbus-daemon',
  iproute2: 'ip',
  faketime: 'faketime',
  chromium: 'chromium',
}
const missing = Object.entries(packages)
  .filter(([, program]) => spawnSync('sh', ['-c', `command -v ${program} || ls ${program}`]).status !== 0)
  .map(([name]) => name)
if (only.length === 0 && missing.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
  process.stderr.write(`Installing ${missing.join(', ')} ...\n`)
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...env, DEBIAN_FRONTEND: 'noninteractive' } }
  // Another apt may be at work on a machine that has just come up.
  const options = ['-qq', '-o', 'DPkg::Lock::Timeout=120']
  const install = (...names) =>
    spawnSync('apt-get', ['install', '-y', ...options, '--no-install-recommends', ...names], quiet).status === 0
  spawnSync('apt-get', ['update', ...options], quiet)
  // One name that this release does not have must not cost all the others.
  if (!install(...missing)) for (const name of missing) install(name)
}

if (only.length === 0) {
  run('tsc', ['--noEmit'])
  run('tsc', ['--noEmit', '-p', 'console/tsconfig.json'])
  run('biome', ['check', '.'])
}
run('node', ['scripts/build-console.mjs'])
const files =
  only.length > 0
    ? only
    : globSync(['src/**/*.test.ts', 'console/src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }).sort()
run('node', [
  '--disable-warning=ExperimentalWarning',
  '--test',
  '--test-concurrency=2',
  '--test-timeout=600000',
  ...files,
])
