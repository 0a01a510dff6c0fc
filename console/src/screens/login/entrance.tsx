/** The way in. */
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import Form from '@cloudscape-design/components/form'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { request } from '../../api/client.ts'
import { type Session, sessionKey } from '../../api/session.ts'
import { useText } from '../../i18n/index.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'

export function Entrance({ session }: { readonly session: Session }) {
  const text = useText()
  const queries = useQueryClient()
  const [token, setToken] = useState('')
  const signIn = useMutation({
    mutationFn: () => request({ method: 'POST', path: '/ui/api/token', body: { token } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: sessionKey }),
  })
  if (!session.methods.token) return null
  const submit = (event: FormEvent) => {
    event.preventDefault()
    signIn.mutate()
  }
  return (
    <ContentLayout header={<Header variant="h1">{text.app.product}</Header>} maxContentWidth={480}>
      <form onSubmit={submit}>
        <Form
          actions={
            <Button variant="primary" loading={signIn.isPending}>
              {text.app.signIn}
            </Button>
          }
        >
          <Container>
            <ProblemAlert error={signIn.error} />
            <FormField label={text.app.token}>
              <Input type="password" value={token} onChange={({ detail }) => setToken(detail.value)} autoFocus />
            </FormField>
          </Container>
        </Form>
      </form>
    </ContentLayout>
  )
}
