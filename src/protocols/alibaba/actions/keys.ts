/** Keys: made, shown, disabled, deleted. */
import { problem } from '../../../domain/errors.ts'
import type { ProtectionLevel } from '../../../domain/key.ts'
import type { KeySpec, KeyUsage } from '../../../domain/specs.ts'
import { type Binding, nothing } from '../action.ts'
import { changesState } from '../errors.ts'
import {
  boolean,
  integer,
  interval,
  invalid,
  type Members,
  readJson,
  refused,
  required,
  tagList,
  text,
  withEmpty,
  word,
} from '../members.ts'
import { pageParameters } from '../pages.ts'
import { acsArnOf, intervalOfDays, keySpecWords, keyUsageWords, originWords } from '../words.ts'

const keyId = required(text('keyId'))
const protectionLevels = { SOFTWARE: 'SOFTWARE', HSM: 'HSM' } as const
const noInstances = 'there are no instances and no stores to choose from here.'

export const keyActions = {
  CreateKey: {
    operation: 'CreateKey',
    parameters: {
      Description: text('description'),
      KeyUsage: word('keyUsage', keyUsageWords),
      // The third origin is none that a key can be asked for here.
      Origin: word('origin', { KEYWARD: originWords.KEYWARD, EXTERNAL: originWords.EXTERNAL }),
      ProtectionLevel: word('protectionLevel', protectionLevels),
      EnableAutomaticRotation: boolean('rotates'),
      RotationInterval: interval('rotationPeriodDays'),
      KeySpec: word('keySpec', keySpecWords),
      Tags: tagList('tags', 20),
      DKMSInstanceId: refused(noInstances),
      KeyStorageMechanism: refused(noInstances),
      Policy: refused('create the key, then set its policy through the REST API.'),
    },
    input: ({ rotates, rotationPeriodDays, ...members }, { devices }) => {
      const level = members.protectionLevel as ProtectionLevel | undefined
      if (level !== undefined && !devices.has(level))
        throw problem('UnsupportedOperation', {
          member: 'ProtectionLevel',
          message: `No device of protection level ${level} is configured.`,
          facts: { protectionLevel: level },
        })
      // Without EnableAutomaticRotation the interval says nothing.
      if (rotates !== true) return members
      return { ...members, rotationPeriodDays: neededInterval(rotationPeriodDays) }
    },
    answer: ({ Key }) => ({ KeyMetadata: keyMetadata(Key as Members) }),
  },
  DescribeKey: {
    operation: 'DescribeKey',
    parameters: { KeyId: keyId },
    answer: ({ Key }) => {
      const key = Key as Members
      const protection = key.DeletionProtection as Members | undefined
      return {
        KeyMetadata: {
          ...keyMetadata(key),
          DeletionProtection: protection === undefined ? 'Disabled' : 'Enabled',
          DeletionProtectionDescription: protection?.Reason ?? '',
        },
      }
    },
  },
  ListKeys: {
    operation: 'ListKeys',
    parameters: { ...pageParameters, Filters: { ...text('filters'), read: readFilters } },
    input: ({ filters: _, ...members }) => members,
    list: {
      items: 'keys',
      member: 'Keys',
      element: 'Key',
      keep:
        ({ filters }) =>
        (item) =>
          passes(item, (filters as readonly Filter[] | undefined) ?? []),
    },
    answer: (key) => ({ KeyId: key.KeyId, KeyArn: acsArnOf(key.KeyArn as string) }),
  },
  UpdateKeyDescription: {
    operation: 'UpdateKeyDescription',
    parameters: { KeyId: keyId, Description: required(withEmpty(text('description'))) },
    answer: nothing,
  },
  EnableKey: { operation: 'EnableKey', parameters: { KeyId: keyId }, answer: nothing, rewording: changesState },
  DisableKey: { operation: 'DisableKey', parameters: { KeyId: keyId }, answer: nothing, rewording: changesState },
  ScheduleKeyDeletion: {
    operation: 'ScheduleKeyDeletion',
    parameters: { KeyId: keyId, PendingWindowInDays: integer('pendingWindowInDays') },
    differences: { deletesWithoutAsking: true },
    answer: nothing,
    rewording: changesState,
  },
  CancelKeyDeletion: {
    operation: 'CancelKeyDeletion',
    parameters: { KeyId: keyId },
    answer: nothing,
    rewording: changesState,
  },
  SetDeletionProtection: {
    operation: 'SetDeletionProtection',
    parameters: {
      ProtectedResourceArn: text('arn'),
      KeyId: text('keyId'),
      EnableDeletionProtection: required(boolean('enabled')),
      DeletionProtectionDescription: text('reason'),
      KmsInstanceId: refused(noInstances),
    },
    input: ({ arn, keyId: id, ...members }) => {
      if ((arn === undefined) === (id === undefined))
        throw problem('InvalidRequest', {
          member: 'ProtectedResourceArn',
          message: 'Name the key by ProtectedResourceArn or by KeyId.',
          facts: { missing: arn === undefined },
        })
      return { ...members, keyId: arn ?? id }
    },
    answer: nothing,
  },
} satisfies Record<string, Binding>

export function neededInterval(days: unknown): unknown {
  if (days === undefined)
    throw problem('InvalidRequest', {
      member: 'RotationInterval',
      message: 'RotationInterval is needed where EnableAutomaticRotation is true.',
      mend: 'Give 7d to 730d.',
      facts: { missing: true },
    })
  return days
}

/** Empty text for what is not set, as the documentation shows it; left out what a key of this kind does not have. */
function keyMetadata(key: Members): Members {
  const rotation = key.Rotation as Members | undefined
  const status = rotation?.Status ?? 'Disabled'
  const rotates = rotation !== undefined && status !== 'Disabled'
  return {
    KeyId: key.KeyId,
    Arn: acsArnOf(key.KeyArn as string),
    Creator: key.Account,
    CreationDate: key.CreatedAt,
    Description: key.Description,
    KeyState: stateWord(key.KeyState),
    KeyUsage: keyUsageWords[key.KeyUsage as KeyUsage],
    KeySpec: keySpecWords[key.KeySpec as KeySpec],
    Origin: originWords[key.Origin as keyof typeof originWords],
    ProtectionLevel: key.ProtectionLevel,
    PrimaryKeyVersion: key.PrimaryVersionId,
    DeleteDate: key.DeleteAt,
    MaterialExpireTime: key.MaterialExpiresAt ?? '',
    LastRotationDate: key.LastRotatedAt,
    AutomaticRotation: status,
    RotationInterval: rotates ? intervalOfDays(rotation.PeriodDays as number) : undefined,
    NextRotationDate: rotates ? rotation.NextRotationAt : undefined,
  }
}

type Filter = { readonly name: keyof typeof filterValues; readonly values: readonly string[] }

/** This cloud has no primaries that wait for their copies: they are pending deletion like others. */
function stateWord(state: unknown): unknown {
  return state === 'PendingReplicaDeletion' ? 'PendingDeletion' : state
}

/** What a filter looks at, of an item of our list. */
const filterValues = {
  KeyState: (item: Members) => stateWord(item.keyState),
  KeySpec: (item: Members) => keySpecWords[item.keySpec as KeySpec],
  KeyUsage: (item: Members) => keyUsageWords[item.keyUsage as KeyUsage],
  ProtectionLevel: (item: Members) => item.protectionLevel,
  CreatorType: (item: Members) => (item.defaultFor === undefined ? 'User' : 'Service'),
} as const

const mostFilters = 10

/** `[{"Key":"KeyState","Values":["Enabled"]}]`: each must hold, with one of its values. */
function readFilters(value: string, name: string, limits: Parameters<typeof readJson>[2]): readonly Filter[] {
  const parsed = readJson(value, name, limits)
  if (!Array.isArray(parsed) || parsed.length > mostFilters)
    throw invalid(name, `${name} must be a JSON array of at most ${mostFilters} objects with Key and Values.`)
  return parsed.map((item: { readonly Key?: unknown; readonly Values?: unknown } | null) => {
    const key = item?.Key
    const values = item?.Values
    if (typeof key !== 'string' || !Object.hasOwn(filterValues, key))
      throw invalid(name, `The Key of a filter is one of: ${Object.keys(filterValues).join(', ')}.`)
    if (!Array.isArray(values) || values.length > mostFilters || !values.every((one) => typeof one === 'string'))
      throw invalid(name, `The Values of a filter are at most ${mostFilters} strings.`)
    return { name: key as Filter['name'], values }
  })
}

function passes(item: Members, filters: readonly Filter[]): boolean {
  return filters.every(({ name, values }) => values.length === 0 || values.includes(String(filterValues[name](item))))
}
