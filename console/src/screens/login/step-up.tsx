/**
 * The one place where a person confirms what is not to be undone, or gives rights away. Requests that the server refused
 * until then wait here; several are confirmed together, and then each is sent once more.
 */
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useEffect, useState } from 'react'
import { type ApiProblem, answerStepUpWith, type HttpCall, request } from '../../api/client.ts'
import { useNotifications } from '../../app/notifications.tsx'
import { useText } from '../../i18n/index.tsx'
import { arrival } from './arrival.ts'
import { companyRefusalIn, goToProvider } from './company.ts'
import { confirmWithPasskey } from './passkey-calls.ts'
import { Refusal } from './refusal.tsx'

type Method = 'passkey' | 'token' | 'oidc'
type Waiting = {
  readonly call: HttpCall
  readonly digest: string
  readonly methods: readonly Method[]
  readonly answer: (confirmed: boolean) => void
}

export function StepUpDialog() {
  const text = useText()
  const { show } = useNotifications()
  const [waiting, setWaiting] = useState<readonly Waiting[]>([])
  const [token, setToken] = useState('')
  const [first] = waiting

  useEffect(() => {
    if (arrival.companyRefusal !== undefined)
      show({ type: 'error', header: companyRefusalIn(text, arrival.companyRefusal) })
  }, [show, text])

  useEffect(() => {
    answerStepUpWith((problem, call) => {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      setWaiting((others) => [...others, { call, ...factsOf(problem), answer: resolve }])
      return promise
    })
  }, [])

  const close = (those: readonly Waiting[], confirmed: boolean) => {
    for (const { answer } of those) answer(confirmed)
    setWaiting((all) => all.filter((one) => !those.includes(one)))
    setToken('')
    confirm.reset()
  }
  const confirm = useMutation({
    mutationFn: async (method: Method) => {
      if (method === 'oidc') await goToProvider('step-up')
      else if (method === 'passkey') await confirmWithPasskey(waiting.map(({ digest }) => digest))
      else await request({ method: 'POST', path: '/ui/api/step-up/verify', body: { token } })
      return method === 'oidc' ? [] : waiting
    },
    onSuccess: (those) => close(those, true),
  })
  if (first === undefined) return null

  const has = (method: Method) => first.methods.includes(method)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (token !== '') confirm.mutate('token')
  }
  return (
    <Modal
      visible
      header={text.signIn.confirmTitle}
      closeAriaLabel={text.app.close}
      onDismiss={() => close(waiting, false)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => close(waiting, false)}>
              {text.app.cancel}
            </Button>
            {has('passkey') ? (
              <Button variant="primary" loading={confirm.isPending} onClick={() => confirm.mutate('passkey')}>
                {text.signIn.confirmWithPasskey}
              </Button>
            ) : has('oidc') ? (
              <Button variant="primary" loading={confirm.isPending} onClick={() => confirm.mutate('oidc')}>
                {text.signIn.confirmWithCompany}
              </Button>
            ) : has('token') ? (
              <Button
                variant="primary"
                loading={confirm.isPending}
                onClick={() => token !== '' && confirm.mutate('token')}
              >
                {text.app.confirm}
              </Button>
            ) : null}
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Refusal error={confirm.error} />
        <Box>{first.methods.length === 0 ? text.signIn.confirmNoWay : text.signIn.confirmHelp}</Box>
        <ul aria-label={text.signIn.confirmRequests}>
          {waiting.map(({ call, digest }) => (
            <li key={digest}>
              <Box variant="code">
                {call.method} {decodeURIComponent(call.path.replace(/^\/ui/, ''))}
              </Box>
            </li>
          ))}
        </ul>
        {has('oidc') && <Box color="text-body-secondary">{text.signIn.confirmCompanyHelp}</Box>}
        {has('token') && !has('oidc') && (
          <form onSubmit={submit}>
            <FormField label={text.app.token}>
              <Input
                type="password"
                autoComplete="off"
                autoFocus
                value={token}
                onChange={({ detail }) => setToken(detail.value)}
              />
            </FormField>
          </form>
        )}
      </SpaceBetween>
    </Modal>
  )
}

function factsOf({ body }: ApiProblem): { readonly digest: string; readonly methods: readonly Method[] } {
  const facts = (body.facts ?? {}) as { readonly digest?: string; readonly methods?: readonly Method[] }
  return { digest: facts.digest ?? '', methods: facts.methods ?? [] }
}
