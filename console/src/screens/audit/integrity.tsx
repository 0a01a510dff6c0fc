/** Is the log the one this browser saw before? */
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import Header from '@cloudscape-design/components/header'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useQueryClient } from '@tanstack/react-query'
import { ApiProblem, call } from '../../api/client.ts'
import { getAuditCheckpoint } from '../../api/operations.ts'
import { type Catalogue, type Formats, useFormats, useText } from '../../i18n/index.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { saveFile } from '../../parts/save-file.ts'
import { useIntegrity } from './calls.ts'
import { type Finding, forgetIn, isAlarm, rememberedIn } from './remembered-checkpoint.ts'

export function Integrity() {
  const text = useText()
  const formats = useFormats()
  const { data: findings, error, isLoading, refetch } = useIntegrity()
  if (!isSecureContext) return <Alert type="warning">{text.audit.checkpoint.insecure}</Alert>
  if (error instanceof ApiProblem && error.code === 'AccessDenied')
    return <Alert type="info">{text.audit.checkpoint.noRight}</Alert>
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  const alarm = findings?.find(isAlarm)
  if (alarm !== undefined) return <Alarm finding={alarm} />
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={<Button onClick={() => void saveCheckpoints()}>{text.audit.checkpoint.download}</Button>}
        >
          {text.audit.checkpoint.title}
        </Header>
      }
    >
      {isLoading || findings === undefined ? (
        <StatusIndicator type="loading">{text.audit.checkpoint.checking}</StatusIndicator>
      ) : (
        <SpaceBetween size="s">
          {findings.map((finding) => (
            <StatusIndicator key={finding.log} type="success">
              {wordsFor(finding, text, formats)}
            </StatusIndicator>
          ))}
          <ExpandableSection headerText={text.audit.checkpoint.more}>
            {findings.map((finding) => (
              <KeyValuePairs
                key={finding.log}
                columns={1}
                items={
                  'now' in finding
                    ? [
                        { label: text.audit.checkpoint.size, value: formats.number(finding.now.size) },
                        {
                          label: text.audit.checkpoint.root,
                          value: <Box variant="code">{finding.now.root.toBase64()}</Box>,
                        },
                        {
                          label: text.audit.checkpoint.key,
                          value: <Box variant="code">{rememberedIn(localStorage)[finding.log]?.verifierKey}</Box>,
                        },
                      ]
                    : []
                }
              />
            ))}
          </ExpandableSection>
        </SpaceBetween>
      )}
    </Container>
  )
}

function Alarm({ finding }: { readonly finding: Finding }) {
  const text = useText()
  const formats = useFormats()
  const queries = useQueryClient()
  const accept = () => {
    forgetIn(localStorage)
    void queries.invalidateQueries({ queryKey: ['audit', 'integrity'] })
  }
  const saveEvidence = async () => {
    const remembered = rememberedIn(localStorage)
    const now = await call(getAuditCheckpoint, {})
    saveFile(
      'keyward-audit-evidence.json',
      JSON.stringify({ finding: finding.is, remembered, now }, null, 2),
      'application/json',
    )
  }
  return (
    <Alert
      type="error"
      header={text.audit.checkpoint.alarm}
      action={
        <SpaceBetween direction="horizontal" size="xs">
          <Button onClick={() => void saveEvidence()}>{text.audit.checkpoint.evidence}</Button>
          {finding.is !== 'not-signed' && <Button onClick={accept}>{text.audit.checkpoint.accept}</Button>}
        </SpaceBetween>
      }
    >
      <Box variant="p">{wordsFor(finding, text, formats)}</Box>
      <Box variant="p">
        {text.audit.checkpoint.alarmHint} {text.audit.checkpoint.acceptHint}
      </Box>
    </Alert>
  )
}

function wordsFor(finding: Finding, text: Catalogue, formats: Formats): string {
  const words = text.audit.checkpoint
  const seen = 'seenAt' in finding ? ` ${words.seen(formats.fromNow(finding.seenAt))}` : ''
  switch (finding.is) {
    case 'first':
      return words.first
    case 'consistent':
      return words.consistent(formats.number(finding.before.size), formats.number(finding.now.size)) + seen
    case 'not-signed':
      return words.notSigned
    case 'rolled-back':
      return words.rolledBack(formats.number(finding.before.size), formats.number(finding.now.size)) + seen
    case 'changed':
      return words.changed(formats.number(finding.before.size)) + seen
    case 'gone':
      return words.gone(formats.number(finding.before.size)) + seen
    case 'other-key':
      return words.otherKey + seen
  }
}

async function saveCheckpoints(): Promise<void> {
  const { logs } = await call(getAuditCheckpoint, {})
  for (const { log, checkpoint } of logs)
    saveFile(
      log === 0 ? 'keyward-audit-checkpoint.txt' : `keyward-audit-checkpoint-${log}.txt`,
      checkpoint,
      'text/plain',
    )
}
