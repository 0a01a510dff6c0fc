/** Letting one principal do some things with a key. */
import Autosuggest from '@cloudscape-design/components/autosuggest'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Multiselect from '@cloudscape-design/components/multiselect'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type Asked, call } from '../../../api/client.ts'
import { createGrant, type KeyMetadata, listPrincipals } from '../../../api/operations.ts'
import { useSignedIn } from '../../../api/session.ts'
import { useText } from '../../../i18n/index.tsx'
import { asCall } from '../../../parts/copy-as.tsx'
import { Dialog } from '../../../parts/dialog.tsx'
import { useKeyChange } from '../use-key.ts'

type Operation = Asked<typeof createGrant>['operations'][number]

/** All there are; which of them suit a key the server knows, and says. */
const operations = Object.keys({
  Encrypt: true,
  Decrypt: true,
  GenerateDataKey: true,
  GenerateDataKeyWithoutPlaintext: true,
  GenerateDataKeyPair: true,
  GenerateDataKeyPairWithoutPlaintext: true,
  ReEncryptFrom: true,
  ReEncryptTo: true,
  Sign: true,
  Verify: true,
  GenerateMac: true,
  VerifyMac: true,
  DeriveSharedSecret: true,
  Encapsulate: true,
  Decapsulate: true,
  GetPublicKey: true,
  DescribeKey: true,
  CreateGrant: true,
  RetireGrant: true,
} satisfies Record<Operation, true>) as readonly Operation[]

export function GrantDialog({
  ofKey: { keyId },
  onClose,
}: {
  readonly ofKey: KeyMetadata
  readonly onClose: () => void
}) {
  const text = useText()
  const words = text.keys.access
  const { principal } = useSignedIn()
  const [grantee, setGrantee] = useState('')
  const [name, setName] = useState('')
  const [chosen, setChosen] = useState<readonly Operation[]>([])
  // Who may grant may still not see who is there: then the name is typed whole.
  const { data } = useQuery({
    queryKey: [listPrincipals.name, 'names'],
    queryFn: () => call(listPrincipals, { limit: 1000 }),
    retry: false,
  })
  const input = {
    keyId,
    granteePrincipal: grantee.startsWith('arn:') ? grantee : `arn:aws:iam::${principal.account}:user/${grantee}`,
    operations: [...chosen],
    ...(name === '' ? {} : { name }),
  }
  const create = useKeyChange(() => call(createGrant, input), { done: words.granted, after: onClose, inDialog: true })
  const aws = `create-grant --key-id ${keyId} --grantee-principal ${input.granteePrincipal} --operations ${chosen.join(' ')}`
  return (
    <Dialog
      title={words.createGrant}
      confirm={words.createGrant}
      onConfirm={() => create.mutate()}
      onClose={onClose}
      busy={create.isPending}
      blocked={grantee === '' || chosen.length === 0 ? text.app.incomplete : undefined}
      error={create.error}
      calls={[asCall(createGrant, input, aws)]}
    >
      <FormField label={words.grantee} constraintText={words.granteeHint} stretch>
        <Autosuggest
          value={grantee}
          options={(data?.principals ?? []).map((one) => ({ value: one.name }))}
          enteredTextLabel={(entered) => text.app.takeEntered(entered)}
          onChange={({ detail }) => setGrantee(detail.value)}
        />
      </FormField>
      <FormField label={words.operations} stretch>
        <Multiselect
          selectedOptions={chosen.map((value) => ({ value, label: value }))}
          options={operations.map((value) => ({ value, label: value }))}
          placeholder={words.chooseOperations}
          expandToViewport
          deselectAriaLabel={({ label }) => `${text.app.remove} ${label}`}
          onChange={({ detail }) => setChosen(detail.selectedOptions.map(({ value }) => value as Operation))}
        />
      </FormField>
      <FormField label={`${words.grantName} (${text.app.optional})`} constraintText={words.grantNameHint} stretch>
        <Input value={name} onChange={({ detail }) => setName(detail.value)} />
      </FormField>
    </Dialog>
  )
}
