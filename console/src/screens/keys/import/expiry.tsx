/** The third step: does the material end by itself? */
import Alert from '@cloudscape-design/components/alert'
import Container from '@cloudscape-design/components/container'
import DatePicker from '@cloudscape-design/components/date-picker'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import RadioGroup from '@cloudscape-design/components/radio-group'
import SpaceBetween from '@cloudscape-design/components/space-between'
import TimeInput from '@cloudscape-design/components/time-input'
import { type Catalogue, useText } from '../../../i18n/index.tsx'

/** Local date and time, as the fields give them. */
export type ExpiryWish = { readonly expires: boolean; readonly date: string; readonly time: string }

export function expiryInstant({ expires, date, time }: ExpiryWish): string | undefined {
  if (!expires || date === '') return undefined
  const at = new Date(`${date}T${time === '' ? '00:00:00' : time}`)
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString()
}

export function expiryComplaint(text: Catalogue, wish: ExpiryWish): string | undefined {
  if (!wish.expires) return undefined
  const at = expiryInstant(wish)
  if (at === undefined) return text.keys.import.expiryMissing
  return Date.parse(at) <= Date.now() ? text.keys.import.expiryPast : undefined
}

export function Expiry({
  wish,
  onChange,
}: {
  readonly wish: ExpiryWish
  readonly onChange: (wish: ExpiryWish) => void
}) {
  const text = useText()
  const words = text.keys.import
  return (
    <Container header={<Header variant="h2">{words.expiry}</Header>}>
      <SpaceBetween size="m">
        <RadioGroup
          ariaLabel={words.expiry}
          value={wish.expires ? 'at' : 'never'}
          items={[
            { value: 'never', label: words.neverExpires },
            { value: 'at', label: words.expiresAt, description: words.expiresHint },
          ]}
          onChange={({ detail }) => onChange({ ...wish, expires: detail.value === 'at' })}
        />
        {wish.expires && (
          <SpaceBetween direction="horizontal" size="s">
            <FormField label={words.date}>
              <DatePicker
                value={wish.date}
                placeholder="YYYY/MM/DD"
                openCalendarAriaLabel={(chosen) => `${words.date} ${chosen ?? ''}`}
                onChange={({ detail }) => onChange({ ...wish, date: detail.value })}
              />
            </FormField>
            <FormField label={words.time}>
              <TimeInput
                value={wish.time}
                placeholder="hh:mm:ss"
                onChange={({ detail }) => onChange({ ...wish, time: detail.value })}
              />
            </FormField>
          </SpaceBetween>
        )}
        <Alert type="warning">{words.keepBackup}</Alert>
      </SpaceBetween>
    </Container>
  )
}
