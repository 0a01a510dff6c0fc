/** `npm run bench [NAME ...]`: each bench in a process of its own, one after the other. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const benches: Readonly<Record<string, readonly string[]>> = {
  http: ['http.ts'],
  'in-process': ['in-process.ts'],
  'not-blocking': ['not-blocking.ts'],
  asymmetric: ['asymmetric.ts'],
  policy: ['policy.ts'],
  'aws-signature': ['aws-signature.ts'],
  audit: ['audit.ts'],
  store: ['store.ts'],
  processes: ['processes.ts'],
  scale: ['scale.ts'],
  life: ['life.ts'],
  hsm: ['hsm.ts'],
  nodes: ['nodes.ts'],
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`There is no bench ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}.`)
  process.exit(2)
}
let failed = false
for (const [name, [file = '', ...args]] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n== ${name}`)
  const { status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, file), ...args],
    { stdio: 'inherit' },
  )
  failed ||= status !== 0
}
process.exit(failed ? 1 : 0)
