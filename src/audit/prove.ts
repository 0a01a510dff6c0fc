/** Proofs from the files of logs, without their service: what is published can be proven by whoever has a copy. */
import { logAndIndexOf } from '../domain/audit-places.ts'
import { problem } from '../domain/errors.ts'
import { diskFiles, type Files, readerOf } from './files.ts'
import { publishedLog } from './published.ts'

/** Where the files of a log are, and the key it is verified with. */
export type LogFiles = {
  readonly number: number
  readonly directory: string
  readonly vkey: string
  readonly files?: Pick<Files, 'read'>
}

export type ProveOptions = {
  readonly logs: readonly LogFiles[]
  readonly record: { readonly place: number } | { readonly requestId: string }
}

/** A text for `verifyProof`. A Problem `ResourceNotFound` where no such record is published. */
export async function proveFromFiles({ logs, record }: ProveOptions): Promise<string> {
  const wanted = 'place' in record ? logAndIndexOf(record.place) : undefined
  let published = 0
  for (const { number, directory, vkey, files = diskFiles } of logs) {
    if (wanted !== undefined && wanted.log !== number) continue
    const log = await publishedLog(number, vkey, readerOf(files, directory))
    if (log === undefined) throw new Error(`There is no checkpoint in ${directory} that this key has signed.`)
    published += log.size()
    if ('place' in record) return log.prove(logAndIndexOf(record.place).index)
    const found = await log.find(record.requestId)
    if (found !== undefined) return log.prove(found.index)
  }
  throw problem('ResourceNotFound', { message: `There is no such record among the ${published} that are published.` })
}
