/** What one process of a service has of the others. */
import type { Call, Peer } from './channel.ts'

export type Siblings = {
  /** 0 is the keeper, which alone writes the metadata; those that serve are 1 and so on. Also the number of its audit log. */
  readonly number: number
  /** How many serve. */
  readonly processes: number
  /** No other process of this service has or had it. */
  readonly serial: number
  /** Takes the place of one that died, while others are at work. */
  readonly resumes: boolean
  readonly call: Call
  readonly handle: Peer['handle']
}

/** The arguments of a process, as the supervisor gives them. */
export type Place = Omit<Siblings, 'call' | 'handle'>
