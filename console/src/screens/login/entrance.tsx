/** The way in: by a passkey, through the company, with a token where that is allowed; or by a code, towards a passkey. */
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { request } from '../../api/client.ts'
import { type Session, sessionKey } from '../../api/session.ts'
import { useText } from '../../i18n/index.tsx'
import { arrival } from './arrival.ts'
import { companyRefusalIn, goToProvider } from './company.ts'
import { knowsPasskeys, signInWithPasskey } from './passkey-calls.ts'
import { Refusal } from './refusal.tsx'
import { SetUp } from './set-up.tsx'

export function Entrance({ session }: { readonly session: Session }) {
  const text = useText()
  const [code, setCode] = useState(arrival.setupCode)
  return (
    <Box padding={{ vertical: 'xxl', horizontal: 'm' }}>
      <ContentLayout header={<Header variant="h1">{text.app.product}</Header>} maxContentWidth={520}>
        {session.state === 'setup' ? (
          <SetUp />
        ) : code !== undefined ? (
          <UseCode code={code} onBack={() => setCode(undefined)} />
        ) : (
          <SignIn session={session} />
        )}
      </ContentLayout>
    </Box>
  )
}

function SignIn({ session }: { readonly session: Session }) {
  const text = useText()
  const queries = useQueryClient()
  const { methods } = session
  const passkeys = methods.passkey && knowsPasskeys()
  const signIn = useMutation({
    mutationFn: signInWithPasskey,
    onSuccess: () => queries.invalidateQueries({ queryKey: sessionKey }),
  })
  const company = useMutation({ mutationFn: () => goToProvider('sign-in') })
  return (
    <Container header={<Header variant="h2">{text.app.signIn}</Header>}>
      <SpaceBetween size="m">
        <Refusal error={signIn.error ?? company.error} />
        {arrival.companyRefusal !== undefined && (
          <Alert type="error">{companyRefusalIn(text, arrival.companyRefusal)}</Alert>
        )}
        {session.setupNeeded && <Alert type="info">{text.signIn.setupNeeded}</Alert>}
        {passkeys ? (
          <Button variant="primary" fullWidth loading={signIn.isPending} onClick={() => signIn.mutate()}>
            {text.signIn.withPasskey}
          </Button>
        ) : (
          <Alert type="warning">{methods.passkey ? text.signIn.noPasskeysInBrowser : text.signIn.noPasskeysHere}</Alert>
        )}
        {methods.oidc !== undefined && (
          <Button fullWidth loading={company.isPending} onClick={() => company.mutate()}>
            {text.signIn.withCompany(methods.oidc.label)}
          </Button>
        )}
        {methods.token && (
          <SecretForm path="/ui/api/token" member="token" label={text.app.token} action={text.app.signIn} />
        )}
        <ExpandableSection headerText={text.signIn.lostPasskey}>
          <SpaceBetween size="s">
            <Box color="text-body-secondary">{text.signIn.lostPasskeyHelp}</Box>
            <SecretForm
              path="/ui/api/recovery"
              member="code"
              label={text.signIn.recoveryCode}
              action={text.signIn.useRecoveryCode}
            />
          </SpaceBetween>
        </ExpandableSection>
      </SpaceBetween>
    </Container>
  )
}

/** One secret, and where it is sent. */
function SecretForm(props: {
  readonly path: string
  readonly member: 'token' | 'code'
  readonly label: string
  readonly action: string
}) {
  const queries = useQueryClient()
  const [secret, setSecret] = useState('')
  const send = useMutation({
    mutationFn: () => request({ method: 'POST', path: props.path, body: { [props.member]: secret } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: sessionKey }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (secret !== '') send.mutate()
  }
  return (
    <form onSubmit={submit}>
      <SpaceBetween size="s">
        <Refusal error={send.error} />
        <FormField label={props.label}>
          <Input type="password" autoComplete="off" value={secret} onChange={({ detail }) => setSecret(detail.value)} />
        </FormField>
        <Button loading={send.isPending} formAction="submit">
          {props.action}
        </Button>
      </SpaceBetween>
    </form>
  )
}

/** Only a click uses the code up: whatever merely looks at links does no harm. */
function UseCode({ code, onBack }: { readonly code: string; readonly onBack: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const begin = useMutation({
    mutationFn: () => request({ method: 'POST', path: '/ui/api/setup', body: { code } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: sessionKey }),
  })
  return (
    <Container header={<Header variant="h2">{text.signIn.welcome}</Header>}>
      <SpaceBetween size="m">
        <Refusal error={begin.error} />
        <Box>{text.signIn.welcomeHelp}</Box>
        <SpaceBetween direction="horizontal" size="xs">
          <Button variant="primary" loading={begin.isPending} onClick={() => begin.mutate()}>
            {text.signIn.begin}
          </Button>
          <Button variant="link" onClick={onBack}>
            {text.signIn.haveAccess}
          </Button>
        </SpaceBetween>
      </SpaceBetween>
    </Container>
  )
}
