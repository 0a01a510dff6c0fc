/** What went wrong while somebody came in: in the words of the browser's passkeys, or as the server told it. */
import Alert from '@cloudscape-design/components/alert'
import { useText } from '../../i18n/index.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { PasskeyRefusal } from './passkey-calls.ts'

export function Refusal({ error }: { readonly error: unknown }) {
  const text = useText()
  if (!(error instanceof PasskeyRefusal)) return <ProblemAlert error={error} />
  const words = (text.signIn.refusals as Readonly<Record<string, string>>)[error.name]
  return <Alert type="warning">{words ?? `${text.signIn.refused} (${error.name})`}</Alert>
}
