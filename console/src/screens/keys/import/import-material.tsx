/**
 * Importing key material: parameters, then the material (wrapped in this browser, or elsewhere), then its expiry. Plaintext
 * material lives only in the state of this page, and is overwritten when the page is left.
 */
import Alert from '@cloudscape-design/components/alert'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Wizard from '@cloudscape-design/components/wizard'
import { useParams } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { specs } from '../../../../../src/domain/specs.ts'
import { specWord } from '../../../../../src/protocols/aws/words.ts'
import { type Answered, type Asked, call } from '../../../api/client.ts'
import { getParametersForImport, importKeyMaterial, type KeyMetadata } from '../../../api/operations.ts'
import { useGo } from '../../../app/follow.tsx'
import { useNotifications } from '../../../app/notifications.tsx'
import { Pending } from '../../../app/pending.tsx'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { asCall, CopyAs } from '../../../parts/copy-as.tsx'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { KeyBanner } from '../key-banner.tsx'
import { useKey, useKeyChange } from '../use-key.ts'
import { Expiry, type ExpiryWish, expiryComplaint, expiryInstant } from './expiry.tsx'
import { Material, type MaterialWish, materialComplaint } from './material.tsx'
import { Parameters } from './parameters.tsx'
import { browserWrappings, wrapMaterial } from './wrap.ts'

export type ImportParameters = Answered<typeof getParametersForImport>

export function ImportMaterial() {
  const { keyId } = useParams({ strict: false }) as { readonly keyId: string }
  const { data: key, error, refetch } = useKey(keyId)
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  return key === undefined ? <Pending /> : <ImportWizard ofKey={key} />
}

function ImportWizard({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const words = text.keys.import
  const go = useGo()
  const { show } = useNotifications()
  const { keyId } = key
  const [step, setStep] = useState(0)
  const [complained, setComplained] = useState(false)
  const [wish, setWish] = useState<Asked<typeof getParametersForImport>>({
    keyId,
    wrappingKeySpec: 'RSA_4096',
    wrappingAlgorithm: 'RSAES_OAEP_SHA_256',
  })
  const [parameters, setParameters] = useState<ImportParameters>()
  const [material, setMaterial] = useState<MaterialWish>({ where: 'browser', source: 'file', kept: false })
  const [expiry, setExpiry] = useState<ExpiryWish>({ expires: false, date: '', time: '' })
  useOverwritten(material.plain)

  const get = useKeyChange(async () => setParameters(await call(getParametersForImport, wish)), {
    done: words.gotParameters,
    inDialog: true,
  })
  const send = useKeyChange(
    async () => {
      if (parameters === undefined) throw new Error('the first step gets the parameters')
      const wrapped = await wrappedMaterial(material, parameters)
      const materialExpiresAt = expiryInstant(expiry)
      const { status } = await call(importKeyMaterial, {
        keyId,
        importToken: parameters.importToken,
        encryptedKeyMaterial: wrapped.toBase64(),
        ...(materialExpiresAt === undefined ? {} : { materialExpiresAt }),
      })
      if (status === 'PendingApproval') show({ type: 'info', header: words.waitsForApproval })
    },
    { done: words.sent, after: () => go(`/keys/${keyId}?tab=material`), inDialog: true },
  )

  const complaints = [
    parameters === undefined ? words.getFirst : undefined,
    materialComplaint(text, material),
    expiryComplaint(text, expiry),
  ]

  if (key.origin !== 'EXTERNAL')
    return (
      <Alert type="warning" header={words.notExternal}>
        {words.notExternalText}
      </Alert>
    )
  return (
    <SpaceBetween size="m">
      <KeyBanner ofKey={key} onImportPage />
      <Wizard
        i18nStrings={{
          stepNumberLabel: text.keys.creation.stepNumber,
          collapsedStepsLabel: text.keys.creation.stepOf,
          navigationAriaLabel: text.keys.creation.steps,
          cancelButton: text.app.cancel,
          previousButton: text.app.previous,
          nextButton: text.app.next,
          submitButton: words.submit,
          optional: text.app.optional,
        }}
        activeStepIndex={step}
        isLoadingNextStep={send.isPending}
        onCancel={() => go(`/keys/${keyId}`)}
        onNavigate={({ detail }) => {
          const wanted = detail.requestedStepIndex
          const stuck = complaints.findIndex((complaint, at) => complaint !== undefined && at < wanted)
          setComplained(stuck !== -1)
          setStep(stuck === -1 ? wanted : stuck)
        }}
        onSubmit={() => {
          const stuck = complaints.findIndex((complaint) => complaint !== undefined)
          setComplained(stuck !== -1)
          if (stuck === -1) send.mutate()
          else setStep(stuck)
        }}
        steps={[
          {
            title: words.parameters,
            description: words.parametersHint,
            ...(complained && step === 0 && complaints[0] !== undefined ? { errorText: complaints[0] } : {}),
            content: (
              <Parameters
                wish={wish}
                onChange={(changed) => {
                  setWish(changed)
                  setParameters(undefined)
                }}
                parameters={parameters}
                keyId={keyId}
                busy={get.isPending}
                error={get.error}
                onGet={() => get.mutate()}
              />
            ),
          },
          {
            title: text.keys.creation.material,
            description: words.materialHint(specs[key.keySpec].materialBytes ?? 0),
            ...(complained && step === 1 && complaints[1] !== undefined ? { errorText: complaints[1] } : {}),
            content: parameters && (
              <Material
                wish={
                  browserWrappings.includes(parameters.wrappingAlgorithm)
                    ? material
                    : { ...material, where: 'elsewhere' }
                }
                onChange={setMaterial}
                parameters={parameters}
                materialBytes={specs[key.keySpec].materialBytes ?? 0}
              />
            ),
          },
          {
            title: words.finish,
            ...(complained && step === 2 && complaints[2] !== undefined ? { errorText: complaints[2] } : {}),
            content: (
              <SpaceBetween size="l">
                <ProblemAlert error={send.error} />
                <Expiry wish={expiry} onChange={setExpiry} />
                {parameters && <Summary ofKey={key} parameters={parameters} material={material} expiry={expiry} />}
              </SpaceBetween>
            ),
          },
        ]}
      />
    </SpaceBetween>
  )
}

async function wrappedMaterial(wish: MaterialWish, parameters: ImportParameters): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = parameters.wrappingAlgorithm
  const inBrowser = wish.where === 'browser' && browserWrappings.includes(algorithm)
  const bytes = inBrowser ? wish.plain : wish.wrapped
  if (bytes === undefined) throw new Error('the second step asks for the material')
  if (!inBrowser) return bytes
  return await wrapMaterial(bytes, Uint8Array.fromBase64(parameters.publicKey), algorithm as never)
}

/** Zeros over the plaintext when it is replaced, and when the page is left. */
function useOverwritten(plain: Uint8Array | undefined): void {
  useEffect(() => () => void plain?.fill(0), [plain])
}

function Summary({
  ofKey: key,
  parameters,
  material,
  expiry,
}: {
  readonly ofKey: KeyMetadata
  readonly parameters: ImportParameters
  readonly material: MaterialWish
  readonly expiry: ExpiryWish
}) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.import
  const materialExpiresAt = expiryInstant(expiry)
  const input = {
    keyId: key.keyId,
    importToken: '@import-token.bin',
    encryptedKeyMaterial: '@wrapped.bin',
    ...(materialExpiresAt === undefined ? {} : { materialExpiresAt }),
  }
  const aws = [
    'import-key-material',
    `--key-id ${key.keyId}`,
    '--import-token fileb://import-token.bin',
    '--encrypted-key-material fileb://wrapped.bin',
    materialExpiresAt === undefined
      ? '--expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE'
      : `--expiration-model KEY_MATERIAL_EXPIRES --valid-to ${materialExpiresAt}`,
  ].join(' ')
  return (
    <Container header={<Header variant="h2">{words.summary}</Header>}>
      <SpaceBetween size="m">
        {key.newestVersionId !== undefined && <Alert type="info">{words.onlyTheSame}</Alert>}
        <KeyValuePairs
          columns={2}
          items={[
            { label: text.keys.columns.keyId, value: key.keyId },
            { label: text.keys.columns.spec, value: `${key.keySpec} (AWS: ${specWord(key.keySpec)})` },
            { label: words.algorithm, value: `${parameters.wrappingKeySpec}, ${parameters.wrappingAlgorithm}` },
            {
              label: text.keys.columns.expires,
              value: materialExpiresAt === undefined ? words.neverExpires : formats.exactly(materialExpiresAt),
            },
            ...(material.where === 'browser' && material.fingerprint !== undefined
              ? [{ label: words.fingerprint, value: material.fingerprint }]
              : []),
          ]}
        />
        <CopyAs calls={[asCall(importKeyMaterial, input, aws)]} />
      </SpaceBetween>
    </Container>
  )
}
