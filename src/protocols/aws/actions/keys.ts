import type { ExternalKey } from '../../../domain/key-store.ts'
import { algorithmsOf, type KeySpec, type KeyUsage } from '../../../domain/specs.ts'
import { formatInstant } from '../../../domain/time.ts'
import { keyMaterialIdOf } from '../../../operations/material/key-material-id.ts'
import {
  arnOf,
  as,
  type Give,
  grantTokens,
  heeded,
  limit,
  nextMarker,
  type Output,
  pageOf,
  type Rows,
  seconds,
  truncated,
} from '../binding.ts'
import { refusal } from '../errors.ts'
import type { Given } from '../validation.ts'
import { originWord, specOf, specWord } from '../words.ts'
import { noCloudHsm } from './key-stores.ts'

/** AWS's KeyMetadata out of ours. */
export function keyMetadata(key: Output): Output {
  const spec = key.keySpec as KeySpec
  const usage = key.keyUsage as KeyUsage
  const imported = key.origin === 'EXTERNAL'
  const external = key.external as ExternalKey | undefined
  const hasMaterial = key.keyState !== 'PendingImport' && key.newestVersionId !== undefined
  const algorithms = (wanted: KeyUsage) => (usage === wanted ? algorithmsOf(spec, usage) : undefined)
  return {
    AWSAccountId: key.account,
    KeyId: key.keyId,
    Arn: key.keyArn,
    CreationDate: seconds(key.createdAt),
    Enabled: key.keyState === 'Enabled',
    CustomKeyStoreId: external?.keyStoreId,
    XksKeyConfiguration: external === undefined ? undefined : { Id: external.externalKeyId },
    Description: key.description,
    KeyUsage: usage,
    KeyState: key.keyState,
    // Of a primary that waits for its copies AWS tells the days, and no date.
    DeletionDate: key.keyState === 'PendingReplicaDeletion' ? undefined : seconds(key.deleteAt),
    PendingDeletionWindowInDays: key.pendingWindowInDays,
    ValidTo: seconds(key.materialExpiresAt),
    Origin: originWord(key.origin),
    ExpirationModel: imported && hasMaterial ? expirationModel(key.materialExpiresAt) : undefined,
    KeyManager: key.defaultFor === undefined ? 'CUSTOMER' : 'AWS',
    CustomerMasterKeySpec: specWord(spec),
    KeySpec: specWord(spec),
    EncryptionAlgorithms: algorithms('ENCRYPT_DECRYPT'),
    SigningAlgorithms: algorithms('SIGN_VERIFY'),
    KeyAgreementAlgorithms: algorithms('KEY_AGREEMENT'),
    EncapsulationAlgorithms: algorithms('ENCAPSULATE_DECAPSULATE'),
    MacAlgorithms: algorithms('GENERATE_VERIFY_MAC'),
    MultiRegion: key.multiRegion !== undefined,
    MultiRegionConfiguration: multiRegionConfiguration(key),
    CurrentKeyMaterialId:
      spec === 'AES_256' && hasMaterial && external === undefined
        ? keyMaterialIdOf(key.newestVersionId as string)
        : undefined,
  }
}

export function expirationModel(expiresAt: unknown): string {
  return expiresAt === undefined ? 'KEY_MATERIAL_DOES_NOT_EXPIRE' : 'KEY_MATERIAL_EXPIRES'
}

type MultiRegion = {
  readonly primary: { readonly region: string; readonly keyArn: string }
  readonly replicas: readonly { readonly region: string; readonly keyArn: string }[]
}

/** Always there for a multi-Region key: Terraform's provider relies on it. */
function multiRegionConfiguration(key: Output): Output | undefined {
  const copies = key.multiRegion as MultiRegion | undefined
  if (copies === undefined) return undefined
  return {
    MultiRegionKeyType: copies.primary.region === key.region ? 'PRIMARY' : 'REPLICA',
    PrimaryKey: { Arn: copies.primary.keyArn, Region: copies.primary.region },
    ReplicaKeys: copies.replicas.map(({ region, keyArn }) => ({ Arn: keyArn, Region: region })),
  }
}

const metadataOf: Give = (output) => keyMetadata(output.key as Output)

type AwsTag = { readonly TagKey: string; readonly TagValue: string }
const mostTags = 50

/** A list of pairs there, a record here. */
export const tags = as('tags', (value) => {
  const list = value as readonly AwsTag[]
  const record: Record<string, string> = {}
  if (list.length > mostTags) throw refusal('TagException', 'Too many tags')
  for (const { TagKey, TagValue } of list) {
    if (TagKey.toLowerCase().startsWith('aws:')) throw refusal('TagException', 'Tags beginning with aws: are reserved')
    if (Object.hasOwn(record, TagKey)) throw refusal('TagException', 'Duplicate tag keys')
    Object.defineProperty(record, TagKey, { value: TagValue, enumerable: true })
  }
  return record
})

export function tagList(tagsByKey: unknown): readonly AwsTag[] {
  return Object.entries(tagsByKey as Readonly<Record<string, string>>)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([TagKey, TagValue]) => ({ TagKey, TagValue }))
}

function wishOfNewKey(given: Given): Given {
  const { KeySpec: named, CustomerMasterKeySpec: deprecated, KeyUsage: usage } = given
  if (named !== undefined && deprecated !== undefined)
    throw refusal(
      'ValidationException',
      'You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.',
    )
  const word = String(named ?? deprecated ?? 'SYMMETRIC_DEFAULT')
  const spec = specOf(word)
  if (usage === undefined && spec !== 'AES_256')
    throw refusal(
      'ValidationException',
      'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    )
  if (usage !== undefined && algorithmsOf(spec, usage as KeyUsage).length === 0)
    throw refusal('ValidationException', `KeyUsage ${String(usage)} is not compatible with KeySpec ${word}`)
  return { keySpec: spec }
}

export const bypass = 'bypassPolicyLockoutSafetyCheck'

const deletionDays = { min: 7, max: 30 } as const

const mostAliasesOrGrants = 100
const mostOfOtherLists = 1000
const mostTagsOfAPage = 50

/** All tags of a key are read at once; a page is cut out of them here. The marker is where it begins. */
function tagsFrom(given: Given): number {
  if (given.Marker === undefined) return 0
  if (!/^[1-9]\d?$/.test(given.Marker as string)) throw refusal('InvalidMarkerException', 'The marker is not valid.')
  return Number(given.Marker)
}
function tagsTo(given: Given): number {
  return tagsFrom(given) + Math.min((given.Limit as number | undefined) ?? mostTagsOfAPage, mostTagsOfAPage)
}
const tagCount = (output: Output) => Object.keys(output.tags as object).length

export const keys = {
  CreateKey: {
    operation: 'CreateKey',
    takes: {
      Policy: 'policy',
      Description: 'description',
      KeyUsage: 'keyUsage',
      CustomerMasterKeySpec: heeded('the old name of KeySpec'),
      KeySpec: heeded('SYMMETRIC_DEFAULT without it'),
      Origin: as('origin', (origin) => {
        if (origin === 'AWS_CLOUDHSM') throw refusal('UnsupportedOperationException', noCloudHsm)
        return origin === 'AWS_KMS' ? 'KEYWARD' : origin
      }),
      CustomKeyStoreId: 'keyStoreId',
      BypassPolicyLockoutSafetyCheck: bypass,
      Tags: tags,
      MultiRegion: 'multiRegion',
      XksKeyId: 'externalKeyId',
    },
    also: wishOfNewKey,
    gives: { KeyMetadata: metadataOf },
  },
  DescribeKey: {
    operation: 'DescribeKey',
    aliases: true,
    takes: { KeyId: 'keyId', GrantTokens: grantTokens },
    gives: { KeyMetadata: metadataOf },
  },
  ListKeys: {
    operation: 'ListKeys',
    takes: { Limit: limit, Marker: 'marker' },
    also: pageOf(100, mostOfOtherLists),
    gives: {
      Keys: (output) =>
        (output.keys as readonly Output[]).map(({ keyId, keyArn }) => ({ KeyId: keyId, KeyArn: keyArn })),
      NextMarker: nextMarker,
      Truncated: truncated,
    },
  },
  EnableKey: { operation: 'EnableKey', takes: { KeyId: 'keyId' }, gives: {} },
  DisableKey: { operation: 'DisableKey', takes: { KeyId: 'keyId' }, gives: {} },
  UpdateKeyDescription: {
    operation: 'UpdateKeyDescription',
    takes: { KeyId: 'keyId', Description: 'description' },
    gives: {},
  },
  ScheduleKeyDeletion: {
    operation: 'ScheduleKeyDeletion',
    takes: {
      KeyId: 'keyId',
      PendingWindowInDays: as('pendingWindowInDays', (value) => {
        const days = value as number
        if (days < deletionDays.min || days > deletionDays.max)
          throw refusal(
            'ValidationException',
            `PendingWindowInDays must be between ${deletionDays.min} and ${deletionDays.max} days, inclusive.`,
          )
        return days
      }),
    },
    gives: {
      KeyId: 'keyArn',
      DeletionDate: (output) => (output.keyState === 'PendingReplicaDeletion' ? undefined : seconds(output.deleteAt)),
      KeyState: 'keyState',
      PendingWindowInDays: 'pendingWindowInDays',
    },
  },
  CancelKeyDeletion: { operation: 'CancelKeyDeletion', takes: { KeyId: 'keyId' }, gives: { KeyId: 'keyArn' } },
  TagResource: { operation: 'TagResource', takes: { KeyId: 'keyId', Tags: tags }, gives: {} },
  UntagResource: { operation: 'UntagResource', takes: { KeyId: 'keyId', TagKeys: 'tagKeys' }, gives: {} },
  ListResourceTags: {
    operation: 'ListResourceTags',
    takes: {
      KeyId: 'keyId',
      Limit: limit,
      Marker: heeded('where the page before ended'),
    },
    also: (given) => {
      tagsFrom(given)
      return {}
    },
    gives: {
      Tags: (output, { given }) => tagList(output.tags).slice(tagsFrom(given), tagsTo(given)),
      NextMarker: (output, { given }) => (tagsTo(given) < tagCount(output) ? String(tagsTo(given)) : undefined),
      Truncated: (output, { given }) => tagsTo(given) < tagCount(output),
    },
  },
  GetPublicKey: {
    operation: 'GetPublicKey',
    aliases: true,
    takes: { KeyId: 'keyId', GrantTokens: grantTokens },
    gives: {
      KeyId: arnOf('keyId'),
      PublicKey: (output) => Buffer.from(output.publicKey as Uint8Array).toString('base64'),
      CustomerMasterKeySpec: (output) => specWord(output.keySpec),
      KeySpec: (output) => specWord(output.keySpec),
      KeyUsage: 'keyUsage',
      EncryptionAlgorithms: (output) => (output.keyUsage === 'ENCRYPT_DECRYPT' ? output.algorithms : undefined),
      SigningAlgorithms: (output) => (output.keyUsage === 'SIGN_VERIFY' ? output.algorithms : undefined),
      KeyAgreementAlgorithms: (output) => (output.keyUsage === 'KEY_AGREEMENT' ? output.algorithms : undefined),
      EncapsulationAlgorithms: (output) =>
        output.keyUsage === 'ENCAPSULATE_DECAPSULATE' ? output.algorithms : undefined,
    },
  },
  CreateAlias: {
    operation: 'CreateAlias',
    takes: { AliasName: 'aliasName', TargetKeyId: 'keyId' },
    also: aliasOfAKey,
    aliases: true,
    gives: {},
  },
  UpdateAlias: {
    operation: 'UpdateAlias',
    takes: { AliasName: 'aliasName', TargetKeyId: 'keyId' },
    also: aliasOfAKey,
    aliases: true,
    gives: {},
  },
  DeleteAlias: { operation: 'DeleteAlias', takes: { AliasName: 'aliasName' }, gives: {} },
  ListAliases: {
    operation: 'ListAliases',
    takes: { KeyId: 'keyId', Limit: limit, Marker: 'marker' },
    also: pageOf(50, mostAliasesOrGrants),
    gives: {
      Aliases: (output) =>
        (output.aliases as readonly Output[]).map((alias) => ({
          AliasName: alias.aliasName,
          AliasArn: alias.aliasArn,
          TargetKeyId: alias.keyId,
          CreationDate: seconds(alias.createdAt),
          LastUpdatedDate: seconds(alias.updatedAt),
        })),
      NextMarker: nextMarker,
      Truncated: truncated,
    },
  },
  ReplicateKey: {
    operation: 'ReplicateKey',
    takes: {
      KeyId: 'keyId',
      ReplicaRegion: 'replicaRegion',
      Policy: 'policy',
      BypassPolicyLockoutSafetyCheck: bypass,
      Description: 'description',
      Tags: tags,
    },
    gives: {
      ReplicaKeyMetadata: metadataOf,
      ReplicaPolicy: 'policy',
      ReplicaTags: (output) => tagList((output.key as Output).tags),
    },
  },
  UpdatePrimaryRegion: {
    operation: 'UpdatePrimaryRegion',
    takes: { KeyId: 'keyId', PrimaryRegion: 'primaryRegion' },
    gives: {},
  },
} satisfies Partial<Rows>

function aliasOfAKey(given: Given): Given {
  if (/^alias\/|:alias\//.test(given.TargetKeyId as string))
    throw refusal('ValidationException', 'Aliases must refer to keys. Not aliases')
  return {}
}

export function instantOf(value: unknown): string {
  const at = Math.round((value as number) * 1000)
  // The last instant that a date can be written for.
  if (Math.abs(at) > 8.64e15) throw refusal('ValidationException', 'The date is out of range.')
  return formatInstant(at)
}
