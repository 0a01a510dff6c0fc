/** A thread of the pool: takes a job, answers it, and holds nothing in between. */
import { parentPort } from 'node:worker_threads'
import { type OpensslJob, runOpenssl } from './openssl.ts'

export type Question = { readonly id: number; readonly job: OpensslJob }
export type Answer =
  | { readonly id: number; readonly answer: Uint8Array | boolean | undefined }
  | { readonly id: number; readonly failure: string }

parentPort?.on('message', ({ id, job }: Question) => {
  const answered = answerTo(id, job)
  parentPort?.postMessage(answered)
  // Both have been copied on their way: one of the two may be a plaintext.
  if ('input' in job) job.input.fill(0)
  if ('answer' in answered && answered.answer instanceof Uint8Array) answered.answer.fill(0)
})

function answerTo(id: number, job: OpensslJob): Answer {
  try {
    return { id, answer: runOpenssl(job) }
  } catch (error) {
    return { id, failure: error instanceof Error ? error.message : String(error) }
  }
}
