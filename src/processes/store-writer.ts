/** Commits of a process that does not write the metadata itself: they go to the keeper, and each is made once. */
import type { Commit } from '../stores/sqlite/transaction.ts'
import type { Writer } from '../stores/sqlite/writer-thread.ts'
import type { Siblings } from './siblings.ts'

/** Longer than a keeper that died takes to be replaced. Whether the commit was made is not known then. */
const patienceMs = 30_000

export function storeWriter({ call, serial }: Siblings): Writer {
  let commits = 0
  /** Of commits that were answered: nobody will ask for them again. */
  let answered: string[] = []

  async function write(commit: Commit): ReturnType<Writer['write']> {
    commits++
    const id = `${serial}.${commits}`
    const carried = answered
    answered = []
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error('The process that writes does not answer.')), patienceMs)
    try {
      const outcome = await Promise.race([call(0, 'commit', { ...commit, id, answered: carried }), late.promise])
      answered.push(id)
      return outcome
    } catch (error) {
      answered = carried.concat(answered)
      return { is: 'failed', error: error as Error }
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    write,
    async close(settled) {
      if (settled.length > 0 || answered.length > 0) await write({ steps: [], settled })
    },
  }
}
