/** How one signs in oneself: passkeys, recovery codes, and where one is signed in. */
import Header from '@cloudscape-design/components/header'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useSignedIn } from '../../api/session.ts'
import { useText } from '../../i18n/index.tsx'
import { Passkeys } from './passkeys.tsx'
import { Sessions } from './sessions.tsx'

export function Account() {
  const text = useText()
  const { principal } = useSignedIn()
  return (
    <SpaceBetween size="l">
      <Header variant="h1">{text.account.title}</Header>
      <KeyValuePairs
        columns={3}
        items={[
          { label: text.account.name, value: principal.name },
          { label: text.app.account, value: principal.account },
          { label: 'ARN', value: principal.arn },
        ]}
      />
      <Passkeys principalName={principal.name} own />
      <Sessions principalName={principal.name} own />
    </SpaceBetween>
  )
}
