/** A problem as the server told it: what happened, how to mend it, and the id of the request. */
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import { ApiProblem } from '../api/client.ts'
import { useText } from '../i18n/index.tsx'

export function ProblemText({ error }: { readonly error: unknown }) {
  const text = useText()
  if (!(error instanceof ApiProblem)) return <span>{error instanceof Error ? error.message : String(error)}</span>
  const { code, message, mend, member, requestId } = error
  const known = error.status === 0 ? text.app.unreachable : text.app.problems[code]
  return (
    <div>
      <div>
        <Box variant="strong" color="inherit">
          {known ?? message}
        </Box>{' '}
        ({code})
      </div>
      {known !== undefined && known !== message && error.status !== 0 && <div lang="en">{message}</div>}
      {mend !== undefined && <div lang="en">{mend}</div>}
      {member !== undefined && (
        <div>
          {text.app.problemMember}: <code>{member}</code>
        </div>
      )}
      {requestId !== undefined && (
        <div>
          {text.app.requestId}: <code>{requestId}</code>
        </div>
      )}
    </div>
  )
}

/** In place of what could not be shown, or above a form that was refused. Nothing without an error. */
export function ProblemAlert({ error, retry }: { readonly error: unknown; readonly retry?: () => void }) {
  const text = useText()
  if (error === null || error === undefined) return null
  return (
    <Alert
      type="error"
      {...(retry === undefined ? {} : { action: <Button onClick={retry}>{text.app.tryAgain}</Button> })}
    >
      <ProblemText error={error} />
    </Alert>
  )
}
