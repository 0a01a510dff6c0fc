/** Creating a key, in three steps; the last one shows everything, and the same as commands. */
import Alert from '@cloudscape-design/components/alert'
import Checkbox from '@cloudscape-design/components/checkbox'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import RadioGroup from '@cloudscape-design/components/radio-group'
import Select, { type SelectProps } from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Textarea from '@cloudscape-design/components/textarea'
import Tiles from '@cloudscape-design/components/tiles'
import Wizard from '@cloudscape-design/components/wizard'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import {
  algorithmsOf,
  defaultUsage,
  type Family,
  type KeySpec,
  type KeyUsage,
  keySpecs,
  keyUsages,
  specs,
} from '../../../../src/domain/specs.ts'
import { specWord } from '../../../../src/protocols/aws/words.ts'
import { type Asked, call } from '../../api/client.ts'
import { createAlias, createKey, type KeyMetadata } from '../../api/operations.ts'
import { useRight } from '../../api/rights.ts'
import { useGo } from '../../app/follow.tsx'
import { useNotifications } from '../../app/notifications.tsx'
import { type Catalogue, useFormats, useText } from '../../i18n/index.tsx'
import { asCall, CopyAs, quoted } from '../../parts/copy-as.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { TagEditor, type TagRow, tagsOf } from '../../parts/tag-editor.tsx'
import { aliasComplaint } from './alias-name.ts'

type Wish = {
  readonly spec: KeySpec
  readonly usage: KeyUsage
  readonly origin: 'KEYWARD' | 'EXTERNAL'
  readonly understood: boolean
  readonly approval: boolean
  readonly protection: 'SOFTWARE' | 'HSM'
  readonly alias: string
  readonly description: string
  readonly tags: readonly TagRow[]
  readonly rotates: boolean
  readonly periodDays: string
  readonly guarded: boolean
  readonly guardReason: string
}

export function CreateKey() {
  const text = useText()
  const words = text.keys.creation
  const go = useGo()
  const queries = useQueryClient()
  const { done, failed } = useNotifications()
  const mayCreate = useRight('kms:CreateKey')
  const [step, setStep] = useState(0)
  const [complained, setComplained] = useState(false)
  const [wish, setWish] = useState<Wish>({
    spec: 'AES_256',
    usage: 'ENCRYPT_DECRYPT',
    origin: 'KEYWARD',
    understood: false,
    approval: false,
    protection: 'SOFTWARE',
    alias: '',
    description: '',
    tags: [],
    rotates: false,
    periodDays: '365',
    guarded: true,
    guardReason: words.guardReasonFirst,
  })
  const change = (part: Partial<Wish>) => setWish((before) => ({ ...before, ...part }))
  const complaints = complaintsOf(wish, text)
  const shown: typeof complaints = complained ? complaints : {}

  const create = useMutation({
    async mutationFn(): Promise<KeyMetadata> {
      const { key } = await call(createKey, callOf(wish))
      // The key is there whatever becomes of its name: that is told, and mended on the page of the key.
      if (wish.alias !== '')
        await call(createAlias, { aliasName: `alias/${wish.alias}`, keyId: key.keyId }).catch(failed)
      return key
    },
    async onSuccess(key) {
      await queries.invalidateQueries({ queryKey: ['keys'] })
      done(words.done(wish.alias === '' ? key.keyId : `alias/${wish.alias}`))
      go(key.origin === 'EXTERNAL' ? `/keys/${key.keyId}/import` : `/keys/${key.keyId}`)
    },
  })

  const incomplete = (at: number) =>
    at === 0
      ? complaints.understood !== undefined
      : [complaints.alias, complaints.periodDays, complaints.tags, complaints.guardReason].some(
          (one) => one !== undefined,
        )

  return (
    <Wizard
      i18nStrings={{
        stepNumberLabel: words.stepNumber,
        collapsedStepsLabel: words.stepOf,
        navigationAriaLabel: words.steps,
        cancelButton: text.app.cancel,
        previousButton: text.app.previous,
        nextButton: text.app.next,
        submitButton: text.keys.create,
        optional: text.app.optional,
      }}
      activeStepIndex={step}
      isLoadingNextStep={create.isPending}
      onCancel={() => go('/keys')}
      onNavigate={({ detail }) => {
        const wanted = detail.requestedStepIndex
        const blocked = [0, 1].some((at) => at < wanted && incomplete(at))
        setComplained(blocked)
        if (!blocked) setStep(wanted)
        else if (!incomplete(0)) setStep(1)
      }}
      onSubmit={() => create.mutate()}
      steps={[
        { title: words.kind, content: <Kind wish={wish} change={change} complaint={shown.understood} /> },
        { title: words.details, content: <Details wish={wish} change={change} complaints={shown} /> },
        {
          title: words.review,
          content: (
            <SpaceBetween size="l">
              <ProblemAlert error={create.error} />
              {mayCreate === false && <Alert type="warning">{text.app.missingRight('kms:CreateKey')}</Alert>}
              <Review wish={wish} />
            </SpaceBetween>
          ),
        },
      ]}
    />
  )
}

type Complaints = Partial<Record<'understood' | 'alias' | 'periodDays' | 'tags' | 'guardReason', string>>

function complaintsOf(wish: Wish, text: Catalogue): Complaints {
  const words = text.keys.creation
  const days = Number(wish.periodDays)
  const alias = wish.alias === '' ? undefined : aliasComplaint(text, wish.alias)
  const names = wish.tags.map(({ name }) => name).filter((name) => name !== '')
  return {
    ...(wish.origin === 'EXTERNAL' && !wish.understood ? { understood: words.understandFirst } : {}),
    ...(alias === undefined ? {} : { alias }),
    ...(rotates(wish) && !(Number.isInteger(days) && days >= 7 && days <= 730)
      ? { periodDays: words.periodRange }
      : {}),
    ...(new Set(names).size < names.length ? { tags: text.app.tags.twice } : {}),
    ...(wish.guarded && wish.guardReason.trim() === '' ? { guardReason: words.guardReasonMissing } : {}),
  }
}

/** May it rotate at all, and is that wished? */
function rotates(wish: Wish): boolean {
  return wish.rotates && mayRotate(wish)
}

function mayRotate({ spec, origin }: Wish): boolean {
  return specs[spec].rotates && origin === 'KEYWARD'
}

function callOf(wish: Wish): Asked<typeof createKey> {
  const tags = tagsOf(wish.tags)
  return {
    keySpec: wish.spec,
    keyUsage: wish.usage,
    origin: wish.origin,
    protectionLevel: wish.protection,
    ...(wish.description === '' ? {} : { description: wish.description }),
    ...(rotates(wish) ? { rotationPeriodDays: Number(wish.periodDays) } : {}),
    ...(wish.guarded ? { deletionProtection: wish.guardReason } : {}),
    ...(wish.origin === 'EXTERNAL' && wish.approval ? { importApproval: true as const } : {}),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
  }
}

type StepProps = { readonly wish: Wish; readonly change: (part: Partial<Wish>) => void }

function Kind({ wish, change, complaint }: StepProps & { readonly complaint: string | undefined }) {
  const text = useText()
  const words = text.keys.creation
  const usages = keyUsages.filter((usage) => algorithmsOf(wish.spec, usage).length > 0)
  const options = specOptions(text)
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">{words.specAndUsage}</Header>}>
        <SpaceBetween size="l">
          <FormField label={text.keys.columns.spec} description={words.specHint}>
            <Select
              selectedOption={
                options.flatMap((group) => group.options).find(({ value }) => value === wish.spec) ?? null
              }
              options={options}
              filteringType="auto"
              onChange={({ detail }) => {
                const spec = detail.selectedOption.value as KeySpec
                change({
                  spec,
                  usage: algorithmsOf(spec, wish.usage).length > 0 ? wish.usage : defaultUsage(spec),
                  ...(spec === 'AES_256' ? {} : { origin: 'KEYWARD' as const, understood: false }),
                })
              }}
            />
          </FormField>
          <FormField label={text.keys.columns.usage} description={words.usageHint}>
            <RadioGroup
              value={wish.usage}
              items={usages.map((usage) => ({
                value: usage,
                label: text.keys.usages[usage],
                description: algorithmsOf(wish.spec, usage).join(', '),
              }))}
              onChange={({ detail }) => change({ usage: detail.value as KeyUsage })}
            />
          </FormField>
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">{words.material}</Header>}>
        <SpaceBetween size="l">
          <FormField label={text.keys.columns.origin}>
            <Tiles
              columns={2}
              value={wish.origin}
              items={[
                { value: 'KEYWARD', label: text.keys.origins.KEYWARD, description: words.originOwn },
                {
                  value: 'EXTERNAL',
                  label: text.keys.origins.EXTERNAL,
                  description: wish.spec === 'AES_256' ? words.originExternal : words.originOnlyAes,
                  disabled: wish.spec !== 'AES_256',
                },
              ]}
              onChange={({ detail }) => change({ origin: detail.value as Wish['origin'] })}
            />
          </FormField>
          {wish.origin === 'EXTERNAL' && (
            <SpaceBetween size="s">
              <Alert type="info">{words.externalDuties}</Alert>
              <FormField errorText={complaint}>
                <Checkbox checked={wish.understood} onChange={({ detail }) => change({ understood: detail.checked })}>
                  {words.understand}
                </Checkbox>
              </FormField>
              <Checkbox
                checked={wish.approval}
                description={words.approvalHint}
                onChange={({ detail }) => change({ approval: detail.checked })}
              >
                {words.approval}
              </Checkbox>
            </SpaceBetween>
          )}
          <FormField label={text.keys.columns.protection}>
            <Tiles
              columns={2}
              value={wish.protection}
              items={(['SOFTWARE', 'HSM'] as const).map((value) => ({
                value,
                label: text.keys.protections[value],
                description: words.protectionHints[value],
              }))}
              onChange={({ detail }) => change({ protection: detail.value as Wish['protection'] })}
            />
          </FormField>
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  )
}

function specOptions(text: Catalogue): (SelectProps.OptionGroup & { options: SelectProps.Option[] })[] {
  const families: readonly Family[] = ['symmetric', 'asymmetric', 'mac']
  return families.map((family) => ({
    label: text.keys.creation.families[family],
    options: keySpecs
      .filter((spec) => specs[spec].family === family)
      .map((spec) => ({ value: spec, label: spec, description: text.keys.creation.specs[spec] })),
  }))
}

function Details({ wish, change, complaints }: StepProps & { readonly complaints: Complaints }) {
  const text = useText()
  const words = text.keys.creation
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">{words.name}</Header>}>
        <SpaceBetween size="l">
          <FormField
            label={words.alias}
            description={words.aliasHint}
            constraintText={words.aliasRule}
            errorText={complaints.alias}
          >
            <Input
              value={wish.alias}
              placeholder="orders/production"
              onChange={({ detail }) => change({ alias: detail.value.replace(/^alias\//, '') })}
            />
          </FormField>
          <FormField label={`${text.keys.columns.description} (${text.app.optional})`}>
            <Textarea
              value={wish.description}
              rows={2}
              onChange={({ detail }) => change({ description: detail.value })}
            />
          </FormField>
          <FormField label={`${text.keys.columns.tags} (${text.app.optional})`} stretch errorText={complaints.tags}>
            <TagEditor rows={wish.tags} onChange={(tags) => change({ tags })} />
          </FormField>
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">{words.life}</Header>}>
        <SpaceBetween size="l">
          <FormField label={text.keys.rotation.automatic}>
            <SpaceBetween size="s">
              <Checkbox
                checked={rotates(wish)}
                disabled={!mayRotate(wish)}
                description={
                  !specs[wish.spec].rotates
                    ? words.rotationNotForSpec
                    : wish.origin === 'EXTERNAL'
                      ? words.rotationNotForExternal
                      : words.rotationHint
                }
                onChange={({ detail }) => change({ rotates: detail.checked })}
              >
                {words.rotate}
              </Checkbox>
              {rotates(wish) && (
                <FormField
                  label={text.keys.rotation.period}
                  errorText={complaints.periodDays}
                  constraintText={words.periodRange}
                >
                  <Input
                    type="number"
                    inputMode="numeric"
                    value={wish.periodDays}
                    onChange={({ detail }) => change({ periodDays: detail.value })}
                  />
                </FormField>
              )}
            </SpaceBetween>
          </FormField>
          <FormField label={text.keys.deletion.protection}>
            <SpaceBetween size="s">
              <Checkbox
                checked={wish.guarded}
                description={text.keys.deletion.protectionHint}
                onChange={({ detail }) => change({ guarded: detail.checked })}
              >
                {text.keys.deletion.protect}
              </Checkbox>
              {wish.guarded && (
                <FormField label={text.keys.deletion.protectionReason} errorText={complaints.guardReason}>
                  <Input value={wish.guardReason} onChange={({ detail }) => change({ guardReason: detail.value })} />
                </FormField>
              )}
            </SpaceBetween>
          </FormField>
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  )
}

function Review({ wish }: { readonly wish: Wish }) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.creation
  const tags = Object.entries(tagsOf(wish.tags)).map(([name, value]) => `${name}=${value}`)
  return (
    <>
      <Container>
        <KeyValuePairs
          columns={3}
          items={[
            { label: text.keys.columns.spec, value: wish.spec },
            { label: text.keys.columns.usage, value: text.keys.usages[wish.usage] },
            { label: words.algorithms, value: algorithmsOf(wish.spec, wish.usage).join(', ') },
            { label: text.keys.columns.origin, value: text.keys.origins[wish.origin] },
            { label: text.keys.columns.protection, value: text.keys.protections[wish.protection] },
            { label: words.alias, value: wish.alias === '' ? text.app.none : `alias/${wish.alias}` },
            { label: text.keys.columns.description, value: wish.description || text.app.none },
            { label: text.keys.columns.tags, value: tags.length === 0 ? text.app.none : tags.join(', ') },
            {
              label: text.keys.rotation.automatic,
              value: rotates(wish) ? text.keys.rotation.every(formats.number(Number(wish.periodDays))) : text.app.no,
            },
            { label: text.keys.deletion.protection, value: wish.guarded ? wish.guardReason : text.app.no },
          ]}
        />
      </Container>
      <CopyAs open calls={callsOf(wish, words)} />
    </>
  )
}

function callsOf(wish: Wish, words: Catalogue['keys']['creation']) {
  const input = callOf(wish)
  const calls = [asCall(createKey, input, awsWords(wish, input, words))]
  if (wish.alias === '') return calls
  const aliasName = `alias/${wish.alias}`
  const named = `create-alias --alias-name ${quoted(aliasName)} --target-key-id KEY_ID`
  return [...calls, asCall(createAlias, { aliasName, keyId: 'KEY_ID' }, named)]
}

/** AWS rotates no oftener. */
const awsLeastDays = 90

/** AWS has no words for some specs, for an HSM of one's own, and for short periods: then there is no such command. */
function awsWords(
  wish: Wish,
  input: Asked<typeof createKey>,
  { notInAws }: Catalogue['keys']['creation'],
): string | undefined {
  const unknown = ['SM4', 'HMAC_SM3', 'ML_KEM_512', 'ML_KEM_768', 'ML_KEM_1024']
  const days = rotates(wish) ? Number(wish.periodDays) : undefined
  if (unknown.includes(wish.spec) || wish.protection === 'HSM' || (days !== undefined && days < awsLeastDays))
    return undefined
  const words = ['create-key', `--key-spec ${specWord(wish.spec)}`, `--key-usage ${wish.usage}`]
  if (wish.origin === 'EXTERNAL') words.push('--origin EXTERNAL')
  if (wish.description !== '') words.push(`--description ${quoted(wish.description)}`)
  const tags = Object.entries(input.tags ?? {})
  if (tags.length > 0) words.push('--tags', ...tags.map(([name, value]) => quoted(`TagKey=${name},TagValue=${value}`)))
  const lines = [words.join(' ')]
  if (days !== undefined) lines.push(`aws kms enable-key-rotation --key-id KEY_ID --rotation-period-in-days ${days}`)
  if (wish.guarded) lines.push(`# ${notInAws}`)
  return lines.join('\n')
}
