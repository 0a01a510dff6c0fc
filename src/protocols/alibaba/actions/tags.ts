/** Tags, by the actions of 2021 and by the later ones that take resources in a list. */
import { problem } from '../../../domain/errors.ts'
import { type Binding, nothing } from '../action.ts'
import {
  type Members,
  numbered,
  numberedTags,
  type Parameter,
  refused,
  required,
  tagList,
  text,
  textList,
} from '../members.ts'

const keyId = required(text('keyId'))
const onlyKeys = 'only keys have tags here.'

/** One call, one key: each has its own right and its own audit record. */
const oneKey: Readonly<Record<string, Parameter>> = {
  ResourceType: required(text('resourceType')),
  ResourceId: required(numbered('resourceIds')),
}

function keyOf({ resourceType, resourceIds, ...members }: Members): Members {
  if (resourceType !== 'key')
    throw problem('InvalidRequest', { member: 'ResourceType', message: `ResourceType must be key: ${onlyKeys}` })
  const [id, ...others] = resourceIds as readonly string[]
  if (others.length > 0)
    throw problem('LimitExceeded', { member: 'ResourceId', message: 'One call takes one resource here.' })
  return { ...members, keyId: id }
}

export const tagActions = {
  TagResource: {
    operation: 'TagResource',
    parameters: {
      KeyId: keyId,
      Tags: required(tagList('tags', 20)),
      SecretName: refused(onlyKeys),
      CertificateId: refused(onlyKeys),
    },
    answer: nothing,
  },
  UntagResource: {
    operation: 'UntagResource',
    parameters: {
      KeyId: keyId,
      TagKeys: required(textList('tagKeys')),
      SecretName: refused(onlyKeys),
      CertificateId: refused(onlyKeys),
    },
    answer: nothing,
  },
  ListResourceTags: {
    operation: 'ListResourceTags',
    parameters: { KeyId: keyId },
    answer: ({ KeyId, Tags }) => ({
      Tags: { Tag: pairs(Tags).map(([TagKey, TagValue]) => ({ KeyId, TagKey, TagValue })) },
    }),
  },
  TagResources: {
    operation: 'TagResource',
    parameters: { ...oneKey, Tag: required(numberedTags('tags')) },
    input: keyOf,
    answer: nothing,
  },
  UntagResources: {
    operation: 'UntagResource',
    parameters: {
      ...oneKey,
      TagKey: required(numbered('tagKeys')),
      All: refused('name the tags.'),
    },
    input: keyOf,
    answer: nothing,
  },
  ListTagResources: {
    operation: 'ListResourceTags',
    parameters: {
      ...oneKey,
      Tag: refused('the tags of one key are listed whole.'),
      NextToken: refused('the tags of one key are listed whole.'),
    },
    input: keyOf,
    answer: ({ KeyId, Tags }) => ({
      TagResources: {
        TagResource: pairs(Tags).map(([TagKey, TagValue]) => ({
          ResourceId: KeyId,
          ResourceType: 'key',
          TagKey,
          TagValue,
        })),
      },
      NextToken: '',
    }),
  },
} satisfies Record<string, Binding>

function pairs(tags: unknown): [string, string][] {
  return Object.entries(tags as Readonly<Record<string, string>>)
}
