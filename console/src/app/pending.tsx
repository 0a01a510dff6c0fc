import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Spinner from '@cloudscape-design/components/spinner'
import { useText } from '../i18n/index.tsx'
import { ScreenLink } from './follow.tsx'
import { firstScreen } from './screens.ts'

export function Pending() {
  const text = useText()
  return (
    <Box textAlign="center" padding="xxl">
      <Spinner size="large" />
      <Box variant="p" color="text-body-secondary">
        {text.app.loading}
      </Box>
    </Box>
  )
}

export function NotFound() {
  const text = useText()
  return (
    <Alert type="warning" header={text.app.notFound}>
      <ScreenLink to={firstScreen}>{text.app.backToStart}</ScreenLink>
    </Alert>
  )
}
