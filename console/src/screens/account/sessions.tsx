/** Where a principal is signed in, and the way to end it. For the account, and for a principal's details. */
import Badge from '@cloudscape-design/components/badge'
import Button from '@cloudscape-design/components/button'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type Answered, call } from '../../api/client.ts'
import { sessionKey } from '../../api/session.ts'
import { useNotifications } from '../../app/notifications.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { endSession, listSessions } from './operations.ts'

type Session = Answered<typeof listSessions>['sessions'][number]

export function Sessions({ principalName, own = false }: { readonly principalName: string; readonly own?: boolean }) {
  const text = useText()
  const formats = useFormats()
  const queries = useQueryClient()
  const { done, failed } = useNotifications()
  const queryKey = ['sessions', principalName]
  const { data, error, isPending } = useQuery({ queryKey, queryFn: () => call(listSessions, { principalName }) })
  const end = useMutation({
    mutationFn: ({ sessionId }: Session) => call(endSession, { principalName, sessionId }),
    onSuccess: (_, { current }) => {
      if (current) return queries.invalidateQueries({ queryKey: sessionKey })
      done(text.account.sessionEnded)
      return queries.invalidateQueries({ queryKey })
    },
    onError: failed,
  })
  return (
    <>
      <ProblemAlert error={error} />
      <Table
        items={data?.sessions ?? []}
        trackBy="sessionId"
        loading={isPending}
        loadingText={text.app.loading}
        empty={text.account.noSessions}
        ariaLabels={{ tableLabel: text.account.sessions }}
        header={
          <Header
            counter={data === undefined ? '' : `(${formats.number(data.sessions.length)})`}
            description={text.account.sessionsHelp}
          >
            {text.account.sessions}
          </Header>
        }
        columnDefinitions={[
          {
            id: 'browser',
            header: text.account.browser,
            isRowHeader: true,
            cell: ({ userAgent, current }) => (
              <SpaceBetween direction="horizontal" size="xs">
                <span>{browserName(userAgent) ?? text.account.unknownBrowser}</span>
                {current && <Badge color="green">{text.account.thisOne}</Badge>}
              </SpaceBetween>
            ),
          },
          { id: 'method', header: text.account.method, cell: ({ method }) => text.account.methods[method] },
          { id: 'address', header: text.account.address, cell: ({ sourceAddress }) => sourceAddress },
          { id: 'since', header: text.account.since, cell: ({ createdAt }) => formats.time(createdAt) },
          { id: 'seen', header: text.account.lastSeen, cell: ({ lastSeenAt }) => formats.fromNow(lastSeenAt) },
          { id: 'ends', header: text.account.ends, cell: ({ endsAt }) => formats.fromNow(endsAt) },
          {
            id: 'actions',
            header: text.app.actions,
            cell: (session) => {
              const button = {
                variant: 'inline-link',
                loading: end.isPending && end.variables.sessionId === session.sessionId,
                ariaLabel: `${text.account.endSession}: ${browserName(session.userAgent) ?? session.sessionId}`,
                onClick: () => end.mutate(session),
              } as const
              return own ? (
                <Button {...button}>{text.account.endSession}</Button>
              ) : (
                <GuardedButton right="kms:EndSession" {...button}>
                  {text.account.endSession}
                </GuardedButton>
              )
            },
          },
        ]}
      />
    </>
  )
}

/** `Firefox, Linux`: enough to know one's own. Every browser claims to be those before it, so the order counts. */
const browsers: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/Edg(?:iOS)?\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/(?:Firefox|FxiOS)\//, 'Firefox'],
  [/(?:Chrome|CriOS)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const systems: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/Windows/, 'Windows'],
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
]

function browserName(userAgent: string): string | undefined {
  const known = [browsers, systems].flatMap((all) => all.find(([pattern]) => pattern.test(userAgent))?.[1] ?? [])
  return known.length === 0 ? undefined : known.join(', ')
}
