/** One record, and the proof that it is in the log: what is shown is what was proven. */
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { logAndIndexOf } from '../../../../src/domain/audit-places.ts'
import { ApiProblem, call } from '../../api/client.ts'
import { getAuditCheckpoint, getAuditProof } from '../../api/operations.ts'
import { ScreenLink, useButtonTo } from '../../app/follow.tsx'
import { Pending } from '../../app/pending.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { CodeBlock } from '../../parts/copy-as.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { saveFile } from '../../parts/save-file.ts'
import { Outcome } from './audit-list.tsx'
import { type AuditRecord, useIntegrity } from './calls.ts'
import { openVerifierKey, type Verdict, verifyProof } from './proof.ts'
import { isAlarm, rememberedIn } from './remembered-checkpoint.ts'

export function AuditRecordDetails() {
  const text = useText()
  const formats = useFormats()
  const { index } = useParams({ strict: false }) as { readonly index: string }
  const place = Number(index)
  const { data, error, refetch } = useProof(index)
  const older = useButtonTo(`/audit/records/${place - 1}`)
  const newer = useButtonTo(`/audit/records/${place + 1}`)
  const record = data?.verdict.valid ? (data.verdict.record as unknown as AuditRecord) : undefined
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={record && text.audit.recordOf(record.operation, formats.exactly(record.time))}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button {...older} disabled={place === 0}>
                {text.audit.previous}
              </Button>
              <Button {...newer}>{text.audit.next}</Button>
            </SpaceBetween>
          }
        >
          {text.audit.details(formats.number(place))}
        </Header>
      }
    >
      {error instanceof ApiProblem && error.code === 'AccessDenied' ? (
        <Alert type="info">{text.audit.noRight}</Alert>
      ) : error !== null ? (
        <SpaceBetween size="s">
          <ProblemAlert error={error} retry={() => void refetch()} />
          <Box color="text-body-secondary">{text.audit.notYours}</Box>
        </SpaceBetween>
      ) : data === undefined ? (
        <Pending />
      ) : (
        <SpaceBetween size="l">
          <Proof verdict={data.verdict} proof={data.proof} />
          {record !== undefined && <Record record={record} />}
        </SpaceBetween>
      )}
    </ContentLayout>
  )
}

/** The proof is held to the key this browser remembers, where it remembers one. */
function useProof(index: string) {
  return useQuery({
    queryKey: ['audit', 'proof', index],
    queryFn: async () => {
      const { log, index: indexInLog } = logAndIndexOf(Number(index))
      const remembered = rememberedIn(localStorage)[log]?.verifierKey
      const [{ proof }, verifierKey] = await Promise.all([
        call(getAuditProof, { index }),
        remembered ?? call(getAuditCheckpoint, {}).then(({ logs }) => logs.find((one) => one.log === log)?.verifierKey),
      ])
      const key = verifierKey === undefined ? undefined : await openVerifierKey(verifierKey)
      const verdict: Verdict =
        key === undefined ? { valid: false, failed: 'signature' } : await verifyProof(proof, key, indexInLog)
      return { proof, verdict }
    },
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
}

function Proof({ verdict, proof }: { readonly verdict: Verdict; readonly proof: string }) {
  const text = useText()
  const formats = useFormats()
  const { data: findings } = useIntegrity()
  const alarm = findings?.some(isAlarm) === true
  const download = () => saveFile('keyward-proof.txt', proof, 'text/plain')
  if (!verdict.valid)
    return (
      <Alert
        type="error"
        header={text.audit.unproven}
        action={<Button onClick={download}>{text.audit.downloadProof}</Button>}
      >
        {text.audit.failedSteps[verdict.failed]}
      </Alert>
    )
  const { leaf, path, checkpoint } = verdict
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={text.audit.proofHint}
          actions={
            <Button iconName="download" onClick={download}>
              {text.audit.downloadProof}
            </Button>
          }
        >
          {text.audit.proof}
        </Header>
      }
    >
      <SpaceBetween size="s">
        <Box variant="h3">
          <StatusIndicator type="success">{text.audit.proven}</StatusIndicator>
        </Box>
        <ol className="wrapped">
          <li>
            {text.audit.steps.leaf}: <Box variant="code">{leaf.toHex()}</Box>
          </li>
          <li>
            {text.audit.steps.path(formats.number(path.length))}: <Box variant="code">{checkpoint.root.toHex()}</Box>
          </li>
          <li>
            {text.audit.steps.signature(formats.number(checkpoint.size))}: <Box variant="code">{checkpoint.origin}</Box>
          </li>
          <li>
            {alarm ? (
              <StatusIndicator type="error">
                <ScreenLink to="/audit/records">{text.audit.checkpoint.alarm}</ScreenLink>
              </StatusIndicator>
            ) : findings?.some(({ is }) => is === 'consistent') ? (
              text.audit.steps.memory
            ) : (
              text.audit.steps.noMemory
            )}
          </li>
        </ol>
        <div>
          {text.audit.offline}{' '}
          <Box variant="code">keyward audit verify-proof keyward-proof.txt --verifier-key log.vkey</Box>
        </div>
      </SpaceBetween>
    </Container>
  )
}

function Record({ record }: { readonly record: AuditRecord }) {
  const text = useText()
  const why = useButtonTo(`/access/explain?${questionOf(record)}`)
  const ofRequest = useButtonTo(`/audit/records?requestId=${encodeURIComponent(record.requestId)}`)
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={text.audit.recordHint}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {record.outcome === 'AccessDenied' && record.principal !== undefined && (
                <Button variant="primary" {...why}>
                  {text.audit.why}
                </Button>
              )}
              <Button {...ofRequest}>{text.audit.sameRequest}</Button>
            </SpaceBetween>
          }
        >
          {text.audit.record}
        </Header>
      }
    >
      <SpaceBetween size="s">
        <SpaceBetween direction="horizontal" size="m">
          <Outcome of={record} />
          {record.keyId !== undefined && (
            <ScreenLink to={`/keys/${encodeURIComponent(record.keyId)}`}>{text.audit.showKey}</ScreenLink>
          )}
        </SpaceBetween>
        <CodeBlock label={text.audit.record}>{JSON.stringify(record, null, 2)}</CodeBlock>
      </SpaceBetween>
    </Container>
  )
}

/** What the tester is to be asked: the same principal, action, key, context and address as the refused call had. */
function questionOf({ principal = '', operation, keyId, input, sourceAddress }: AuditRecord): URLSearchParams {
  const question = new URLSearchParams({ principalName: principal.replace(/^.*:user\//, ''), action: operation })
  const reference = keyId ?? input?.keyId
  if (typeof reference === 'string') question.set('keyId', reference)
  if (input?.encryptionContext !== undefined) question.set('encryptionContext', JSON.stringify(input.encryptionContext))
  if (sourceAddress !== undefined) question.set('sourceAddress', sourceAddress)
  return question
}
