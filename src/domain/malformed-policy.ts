import { type Problem, problem } from './errors.ts'

/** `path` leads to the wrong place in the document, such as `Statement.0.Action.1`; empty for the document as a whole. */
export function malformed(path: string, what: string, mend: string): Problem {
  return problem('MalformedPolicy', {
    message: path === '' ? `The policy ${what}.` : `${path} ${what}.`,
    mend,
    ...(path === '' ? {} : { member: path }),
    facts: { path },
  })
}
