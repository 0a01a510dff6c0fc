/** Below a list: the next page, or how long the list is. */
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import { useText } from '../i18n/index.tsx'

export function More({
  of,
}: {
  readonly of: {
    readonly hasNextPage: boolean
    readonly isFetchingNextPage: boolean
    readonly fetchNextPage: () => unknown
  }
}) {
  const text = useText()
  if (!of.hasNextPage) return null
  return (
    <Box textAlign="center" padding="s">
      <Button loading={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>
        {text.app.more}
      </Button>
    </Box>
  )
}
