// Compiles pkcs11js, the binding that the HSM agent loads. Only who has an HSM needs it: `node scripts/build-pkcs11.mjs`.
//
// Install scripts are off in this project, so this is an explicit step. It calls the C++ compiler itself, on four files,
// with the headers that the Node package ships: neither node-gyp nor Python is asked, and nothing is downloaded.
// Run it with the Node that will run the service. --force compiles again; --include=DIR names other Node headers.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'

const given = (name) => process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3)

function build() {
  const require = createRequire(import.meta.url)
  let source
  try {
    source = dirname(require.resolve('pkcs11js/package.json'))
  } catch {
    return 'pkcs11js is not installed: it is an optional dependency, which `npm ci --omit=optional` leaves out.'
  }
  const target = join(source, 'build', 'Release', 'pkcs11.node')
  if (existsSync(target) && !process.argv.includes('--force')) return undefined

  const headers = given('include') ?? join(dirname(process.execPath), '..', 'include', 'node')
  if (!existsSync(join(headers, 'node_api.h')))
    return `There are no Node headers in ${headers}. Name their directory with --include=DIR.`
  const compiler = process.env.CXX ?? 'c++'
  const arguments_ = ['-std=c++17', '-O2', '-fPIC', '-shared', '-fstack-protector-strong', '-D_FORTIFY_SOURCE=2']
  arguments_.push('-DNODE_GYP_MODULE_NAME=pkcs11', '-DNAPI_DISABLE_CPP_EXCEPTIONS', '-DBUILDING_NODE_EXTENSION')
  arguments_.push(`-I${headers}`, `-I${join(source, 'includes')}`)
  if (process.platform === 'darwin') arguments_.push('-undefined', 'dynamic_lookup')
  else arguments_.push('-Wl,-z,relro,-z,now', '-ldl')
  arguments_.push(...['dl.cpp', 'common.cpp', 'main.cpp'].map((file) => join(source, 'src', file)))

  mkdirSync(dirname(target), { recursive: true })
  // Written beside its place and renamed into it: two builds at once both leave a whole file.
  const unfinished = `${target}.${process.pid}`
  const { error, status, stderr } = spawnSync(compiler, [...arguments_, '-o', unfinished], { encoding: 'utf8' })
  if (error !== undefined)
    return `The C++ compiler ${compiler} cannot be run (${error.message}). Install one, or set CXX.`
  if (status !== 0) return `${compiler} failed:\n${stderr}`
  renameSync(unfinished, target)
  return undefined
}

const failure = build()
if (failure !== undefined) {
  process.stderr.write(`build-pkcs11: ${failure}\n`)
  process.exit(1)
}
