/** What a change would change, line by line. */
import Box from '@cloudscape-design/components/box'
import { diffLines } from 'diff'
import { useText } from '../i18n/index.tsx'

export function TextChanges({ before, after }: { readonly before: string; readonly after: string }) {
  const text = useText()
  const changes = diffLines(ended(before), ended(after))
  if (changes.every(({ added, removed }) => !added && !removed)) return <Box>{text.app.noChanges}</Box>
  let line = 0
  return (
    <Box variant="pre">
      {changes.flatMap(({ added, removed, value }) =>
        value
          .replace(/\n$/, '')
          .split('\n')
          .map((words) => {
            line += 1
            const sign = added ? '+' : removed ? '−' : ' '
            const shown = `${sign} ${words}\n`
            if (added)
              return (
                <ins key={line}>
                  <Box variant="span" color="text-status-success">
                    {shown}
                  </Box>
                </ins>
              )
            if (removed)
              return (
                <del key={line}>
                  <Box variant="span" color="text-status-error">
                    {shown}
                  </Box>
                </del>
              )
            return <span key={line}>{shown}</span>
          }),
      )}
    </Box>
  )
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
