import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import { call } from '../../../api/client.ts'
import { type KeyMetadata, tagResource, untagResource } from '../../../api/operations.ts'
import { useText } from '../../../i18n/index.tsx'
import { GuardedButton } from '../../../parts/guarded-button.tsx'
import { TagEditor, tagRowsOf, tagsOf } from '../../../parts/tag-editor.tsx'
import { useKeyChange } from '../use-key.ts'

export function TagsTab({ ofKey: { keyId, tags, keyState } }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const [rows, setRows] = useState(() => tagRowsOf(tags))
  const wanted = tagsOf(rows)
  const set = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => tags[name] !== value))
  const gone = Object.keys(tags).filter((name) => !(name in wanted))
  const nothing = Object.keys(set).length === 0 && gone.length === 0
  const twice = rows.filter(({ name }) => name !== '').length > Object.keys(wanted).length
  const dying = keyState.startsWith('Pending') && keyState !== 'PendingImport'
  const save = useKeyChange(
    async () => {
      if (gone.length > 0) await call(untagResource, { keyId, tagKeys: gone })
      if (Object.keys(set).length > 0) await call(tagResource, { keyId, tags: set })
    },
    { done: text.keys.tagsSaved },
  )
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <GuardedButton
                variant="primary"
                // Taking tags away is another right than setting them; the call says so where only one is there.
                right={Object.keys(set).length > 0 || gone.length === 0 ? 'kms:TagResource' : 'kms:UntagResource'}
                keyId={keyId}
                why={
                  dying
                    ? text.keys.details.notInState(text.keys.states[keyState])
                    : twice
                      ? text.app.tags.twice
                      : nothing && text.keys.tagsUnchanged
                }
                loading={save.isPending}
                onClick={() => save.mutate()}
              >
                {text.app.save}
              </GuardedButton>
            </SpaceBetween>
          }
        >
          {text.keys.columns.tags}
        </Header>
      }
    >
      <TagEditor rows={rows} onChange={setRows} />
    </Container>
  )
}
