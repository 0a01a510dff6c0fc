/** What is left of a custody, and of what is sealed under it, when its process is killed at any of its steps. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CustodyError, createCustody, custodyExists, openCustody } from '../../src/devices/software/custody.ts'
import { createSealer } from '../../src/devices/software/sealer.ts'
import { seededRandom } from '../seeded-random.ts'
import { checkName, placesIn, readStore, rotate, secretNames, writeStore } from './little-store.ts'

const scratch = mkdtempSync(join(tmpdir(), 'keyward-killed-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
const random = seededRandom('killed')

/** How many steps it took; undefined where it was killed before that one. */
function run(task: 'make' | 'rotate', home: string, killAt?: number): Promise<number | undefined> {
  const script = join(import.meta.dirname, 'killed-child.ts')
  const child = spawn(process.execPath, [script, task, home, ...(killAt === undefined ? [] : [String(killAt)])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(undefined)
      else if (code === 0) resolve(Number(said))
      else reject(new Error(`${task} at step ${killAt} ended with ${code}`))
    })
  })
}

/** Two at a time: each is a process of its own. */
async function atEveryStep(steps: number, look: (step: number) => Promise<void>): Promise<void> {
  const waiting = Array.from({ length: steps }, (_, step) => step)
  const lane = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await look(step)
  }
  await Promise.all([lane(), lane()])
}

test('a rotation of the root key that is killed at any step loses nothing, and can be taken up again', async () => {
  const template = join(scratch, 'template')
  mkdirSync(join(template, 'store'), { recursive: true })
  const made = await createCustody(placesIn(template), random)
  const sealer = createSealer({ rootKeys: made, random })
  writeStore(template, checkName, made.rootKeyCheck())
  for (const name of secretNames) writeStore(template, name, sealer.seal([name], Buffer.from(`of ${name}`)))
  const derived = sealer.derive(['tokens'])

  async function everythingOpens(home: string, step: number): Promise<readonly number[]> {
    const custody = await openCustody(placesIn(home), random)
    assert.ok(custody.matches(readStore(home, checkName)), `the check at step ${step}`)
    const { open, derive } = createSealer({ rootKeys: custody, random })
    for (const name of secretNames)
      assert.equal(Buffer.from(open([name], readStore(home, name))).toString(), `of ${name}`)
    assert.deepEqual(derive(['tokens']), derived)
    return custody.generations()
  }

  const copy = (name: string) => {
    cpSync(template, join(scratch, name), { recursive: true })
    return join(scratch, name)
  }
  const whole = copy('whole')
  const steps = (await run('rotate', whole)) ?? 0
  assert.deepEqual(await everythingOpens(whole, steps), [2])
  assert.ok(steps > 8, `only ${steps} steps`)

  await atEveryStep(steps, async (step) => {
    const home = copy(`rotation-${step}`)
    assert.equal(await run('rotate', home, step), undefined)
    await everythingOpens(home, step)
    await rotate(home, random)
    assert.equal((await everythingOpens(home, step)).length, 1)
  })
})

test('a custody whose making is killed at any step is there and opens, or is not made again over what is left', async () => {
  const whole = join(scratch, 'whole-making')
  const steps = (await run('make', whole)) ?? 0
  await openCustody(placesIn(whole), random)
  assert.ok(steps > 8, `only ${steps} steps`)
  const outcomes = new Map<string, number>()
  const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)

  await atEveryStep(steps, async (step) => {
    const home = join(scratch, `making-${step}`)
    const places = placesIn(home)
    assert.equal(await run('make', home, step), undefined)
    const there = custodyExists(places)
    if (there === 'none') {
      count('none')
      await createCustody(places, random)
    } else if (there === 'complete') {
      count('complete')
      await openCustody(places, random)
    } else {
      count('incomplete')
      // The root key comes last: where it is missing, nothing has been sealed, and deleting the rest loses nothing.
      assert.ok(there.missing.includes(1))
      await assert.rejects(
        createCustody(places, random),
        (error: unknown) => error instanceof CustodyError && /never served/.test(error.mend),
      )
      rmSync(home, { recursive: true })
      await createCustody(places, random)
    }
  })
  assert.deepEqual([...outcomes.keys()].sort(), ['complete', 'incomplete', 'none'])
})
