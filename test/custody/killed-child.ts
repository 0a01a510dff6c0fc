/**
 * Makes a custody, or rotates its root key over the little store, and is killed on the way: before the step whose number
 * is given, a step being a call that changes what others see on disk. Without a number it goes to the end, and says how
 * many there were. Run by killed.test.ts as a process of its own.
 *
 *     node killed-child.ts make|rotate HOME [STEP]
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { seededRandom } from '../seeded-random.ts'

const [task, home = '', killAt = 'never'] = process.argv.slice(2)

let steps = 0
// A draft is created by the openSync before its writeFileSync: killed before the write, it is there and empty.
for (const name of ['mkdirSync', 'writeFileSync', 'linkSync', 'unlinkSync', 'renameSync'] as const) {
  const original = fs[name] as (...parameters: unknown[]) => unknown
  Object.assign(fs, {
    [name](...parameters: unknown[]) {
      if (String(steps) === killAt) process.kill(process.pid, 'SIGKILL')
      steps += 1
      return original(...parameters)
    },
  })
}
syncBuiltinESMExports()

const { createCustody } = await import('../../src/devices/software/custody.ts')
const { placesIn, rotate } = await import('./little-store.ts')
const random = seededRandom(`${task} ${killAt}`)
if (task === 'make') await createCustody(placesIn(home), random)
else await rotate(home, random)
process.stdout.write(String(steps))
