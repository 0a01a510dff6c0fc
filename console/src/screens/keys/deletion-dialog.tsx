/** Scheduling a deletion: first what would break, then a word typed out, then the call. */
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Checkbox from '@cloudscape-design/components/checkbox'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import { useQueries } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { call } from '../../api/client.ts'
import { disableKey, getKeyUsage, type KeyMetadata, scheduleKeyDeletion } from '../../api/operations.ts'
import { useFormats, useText } from '../../i18n/index.tsx'
import { asCall } from '../../parts/copy-as.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { useKeyChange } from './use-key.ts'
import { UsesTable } from './uses-table.tsx'

const dayMs = 86_400_000

export function DeletionDialog({
  keys,
  onClose,
}: {
  readonly keys: readonly KeyMetadata[]
  readonly onClose: () => void
}) {
  const text = useText()
  const words = text.keys.deletion
  const formats = useFormats()
  const [days, setDays] = useState('30')
  const [typed, setTyped] = useState('')
  const [evenIfUsed, setEvenIfUsed] = useState(false)
  const scheduled = useRef(new Set<string>())
  const usages = useQueries({
    queries: keys.map(({ keyId }) => ({
      queryKey: ['keys', keyId, 'usage'],
      queryFn: () => call(getKeyUsage, { keyId }),
    })),
  })
  const known = usages.flatMap(({ data }) => (data === undefined ? [] : [data]))
  const refused = usages.find(({ error }) => error !== null)?.error
  const aliases = known.flatMap((usage) => usage.aliases.map((arn) => arn.slice(arn.indexOf(':alias/') + 1)))
  const recent = known.filter(
    ({ lastUsedAt }) => lastUsedAt !== undefined && Date.parse(lastUsedAt) > Date.now() - 7 * dayMs,
  )
  // The name one knows the key by; of several keys their number.
  const word = keys.length > 1 ? words.wordForMany(formats.number(keys.length)) : (aliases[0] ?? keys[0]?.keyId ?? '')

  const pendingWindowInDays = Number(days)
  const daysFit = Number.isInteger(pendingWindowInDays) && pendingWindowInDays >= 7 && pendingWindowInDays <= 30
  const inputs = keys.map(({ keyId }) => ({
    keyId,
    pendingWindowInDays,
    ...(evenIfUsed ? { evenIfRecentlyUsed: true } : {}),
  }))
  const schedule = useKeyChange(
    async () => {
      // All at once, so that they are confirmed together. Asked again after a refusal, it is for those that are left.
      const left = inputs.filter(({ keyId }) => !scheduled.current.has(keyId))
      const ends = await Promise.allSettled(
        left.map(async (input) => {
          await call(scheduleKeyDeletion, input)
          scheduled.current.add(input.keyId)
        }),
      )
      const refused = ends.find((end) => end.status === 'rejected')
      if (refused !== undefined) throw refused.reason
    },
    { done: words.scheduled, after: onClose, inDialog: true },
  )
  const blocked = !daysFit
    ? words.daysRange
    : recent.length > 0 && !evenIfUsed
      ? words.confirmUsed
      : typed.trim() !== word
        ? words.typeFirst(word)
        : undefined

  return (
    <Dialog
      size="large"
      title={text.keys.scheduleDeletion}
      confirm={text.keys.scheduleDeletion}
      onConfirm={() => schedule.mutate()}
      onClose={onClose}
      busy={schedule.isPending}
      blocked={blocked}
      error={schedule.error}
      calls={inputs.map((input) =>
        asCall(
          scheduleKeyDeletion,
          input,
          `schedule-key-deletion --key-id ${input.keyId} --pending-window-in-days ${pendingWindowInDays}`,
        ),
      )}
    >
      <Alert
        type="warning"
        header={words.warningHeader}
        {...(keys.length === 1 && keys[0]?.keyState === 'Enabled'
          ? { action: <DisableInstead keyId={keys[0].keyId} onClose={onClose} /> }
          : {})}
      >
        {words.warning}
      </Alert>
      <div>
        <Box variant="h3">{words.whatBreaks}</Box>
        {refused != null && <ProblemAlert error={refused} />}
        {usages.some(({ isPending }) => isPending) ? (
          <Spinner />
        ) : (
          <UsesTable uses={known.flatMap(({ uses }) => uses)} empty={words.nobody} />
        )}
      </div>
      {aliases.length > 0 && <Box>{words.aliasesGo(formats.list(aliases))}</Box>}
      <FormField
        label={words.days}
        constraintText={
          daysFit
            ? words.on(formats.exactly(new Date(Date.now() + pendingWindowInDays * dayMs).toISOString()))
            : undefined
        }
        errorText={daysFit ? undefined : words.daysRange}
      >
        <Input type="number" inputMode="numeric" value={days} onChange={({ detail }) => setDays(detail.value)} />
      </FormField>
      {recent.length > 0 && (
        <SpaceBetween size="xs">
          <Alert type="error" header={words.recentlyUsed}>
            {words.disableFirst}
          </Alert>
          <Checkbox checked={evenIfUsed} onChange={({ detail }) => setEvenIfUsed(detail.checked)}>
            {words.evenIfUsed}
          </Checkbox>
        </SpaceBetween>
      )}
      <FormField label={words.type(word)} stretch>
        <Input
          value={typed}
          placeholder={word}
          autoComplete={false}
          onChange={({ detail }) => setTyped(detail.value)}
        />
      </FormField>
    </Dialog>
  )
}

/** The way back is open: who misses the key says so before anything is lost. */
function DisableInstead({ keyId, onClose }: { readonly keyId: string; readonly onClose: () => void }) {
  const text = useText()
  const disable = useKeyChange(() => call(disableKey, { keyId }), { done: text.keys.details.disabled, after: onClose })
  return (
    <GuardedButton right="kms:DisableKey" keyId={keyId} loading={disable.isPending} onClick={() => disable.mutate()}>
      {text.keys.deletion.disableInstead}
    </GuardedButton>
  )
}
