/** A process for the test of the supervisor: its keeper answers; the others die as soon as they have started. */
import process from 'node:process'
import { type Message, peer } from '../src/processes/channel.ts'
import type { Place } from '../src/processes/siblings.ts'

const { number, serial } = JSON.parse(process.argv[2] ?? '') as Place
const own = peer(number, serial, (message) => process.send?.(message))
process.on('message', (message) => own.receive(message as Message))
process.once('disconnect', () => process.exit(0))
own.handle('stop', () => process.exit(0))
own.handle('deviceHealthy', () => true)
await own.call('supervisor', 'started', { words: [`process ${number}`], urls: [] })
if (number > 0) {
  if (!(await own.call(0, 'deviceHealthy', 'HSM'))) throw new Error('the keeper answers')
  process.exit(3)
}
