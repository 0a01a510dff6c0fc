/** Somebody came with a code: they make a passkey, and write down their recovery codes. */
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { sessionKey } from '../../api/session.ts'
import { useText } from '../../i18n/index.tsx'
import { createPasskey } from './passkey-calls.ts'
import { RecoveryCodes } from './recovery-codes.tsx'
import { Refusal } from './refusal.tsx'

export function SetUp() {
  const text = useText()
  const queries = useQueryClient()
  const [label, setLabel] = useState(text.signIn.firstLabel)
  const enter = () => queries.invalidateQueries({ queryKey: sessionKey })
  const create = useMutation({
    mutationFn: () => createPasskey(label),
    onSuccess: ({ recoveryCodes }) => (recoveryCodes === undefined ? enter() : undefined),
  })
  const codes = create.data?.recoveryCodes
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate()
  }
  if (codes !== undefined)
    return (
      <Container header={<Header variant="h2">{text.signIn.recoveryCodes}</Header>}>
        <SpaceBetween size="m">
          <RecoveryCodes codes={codes} />
          <Button variant="primary" onClick={() => void enter()}>
            {text.signIn.codesKept}
          </Button>
        </SpaceBetween>
      </Container>
    )
  return (
    <Container header={<Header variant="h2">{text.signIn.createPasskey}</Header>}>
      <form onSubmit={submit}>
        <SpaceBetween size="m">
          <Refusal error={create.error} />
          <Box>{text.signIn.createPasskeyHelp}</Box>
          <FormField label={text.signIn.label} description={text.signIn.labelHelp}>
            <Input value={label} onChange={({ detail }) => setLabel(detail.value.slice(0, 64))} />
          </FormField>
          <Button variant="primary" loading={create.isPending} formAction="submit">
            {text.signIn.createPasskey}
          </Button>
        </SpaceBetween>
      </form>
    </Container>
  )
}
