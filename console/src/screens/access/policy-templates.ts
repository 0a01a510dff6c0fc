/** Beginnings of a policy: what people write most often, to be changed where it says EXAMPLE. */
const seeKeys = [
  'kms:DescribeKey',
  'kms:GetKeyRotationStatus',
  'kms:GetPublicKey',
  'kms:ListAliases',
  'kms:ListKeyVersions',
  'kms:ListKeys',
  'kms:ListResourceTags',
]

export const templates = {
  empty: [{ Sid: 'Example', Effect: 'Allow', Action: [], Resource: '*' }],
  readKeys: [{ Sid: 'SeeKeys', Effect: 'Allow', Action: seeKeys, Resource: '*' }],
  useOneKey: [
    {
      Sid: 'UseByAlias',
      Effect: 'Allow',
      Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'],
      Resource: '*',
      Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/EXAMPLE' } },
    },
  ],
  withContext: [
    {
      Sid: 'OneTenantOnly',
      Effect: 'Allow',
      Action: ['kms:Encrypt', 'kms:Decrypt'],
      Resource: '*',
      Condition: { StringEquals: { 'kms:EncryptionContext:tenant': 'EXAMPLE' } },
    },
  ],
  office: [
    { Sid: 'Everything', Effect: 'Allow', Action: 'kms:*', Resource: '*' },
    {
      Sid: 'NotFromElsewhere',
      Effect: 'Deny',
      Action: 'kms:*',
      Resource: '*',
      Condition: { NotIpAddress: { 'aws:SourceIp': ['192.0.2.0/24', '2001:db8::/32'] } },
    },
  ],
  noDeletion: [{ Sid: 'NeverDelete', Effect: 'Deny', Action: 'kms:ScheduleKeyDeletion', Resource: '*' }],
} as const

export type Template = keyof typeof templates

export function documentOf(template: Template): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: templates[template] }, null, 2)
}
