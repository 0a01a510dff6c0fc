import {
  type Asked,
  as,
  dryRun,
  grantTokens,
  heeded,
  limit,
  nextMarker,
  type Output,
  pageOf,
  type Rows,
  refused,
  seconds,
  truncated,
} from '../binding.ts'
import { refusal } from '../errors.ts'
import type { Given } from '../validation.ts'
import { bypass } from './keys.ts'

const noServices = refused(
  'There are no AWS service principals here: nothing calls this service in the name of amazonaws.com. Name a principal by its ARN.',
)
const policyName = heeded('only `default` exists')

function onlyDefault(given: Given): Given {
  if (given.PolicyName !== undefined && given.PolicyName !== 'default')
    throw refusal('NotFoundException', 'No such policy exists')
  return {}
}

type Constraints = {
  readonly EncryptionContextSubset?: Readonly<Record<string, string>>
  readonly EncryptionContextEquals?: Readonly<Record<string, string>>
  readonly SourceArn?: string
}

const constraints = as('constraints', (value) => {
  const {
    EncryptionContextSubset: subset,
    EncryptionContextEquals: equals,
    SourceArn: sourceArn,
  } = value as Constraints
  if (sourceArn !== undefined)
    throw refusal('UnsupportedOperationException', 'SourceArn goes with service principals, and there are none here.')
  // Terraform sends both, the one it does not mean empty. An empty subset constrains nothing; empty equals alone means
  // that there must be no context at all.
  const onlySubset = isFilled(subset) && !isFilled(equals)
  return {
    ...(isFilled(subset) ? { encryptionContextSubset: subset } : {}),
    ...(equals === undefined || onlySubset ? {} : { encryptionContextEquals: equals }),
  }
})

function isFilled(pairs: Readonly<Record<string, string>> | undefined): boolean {
  return pairs !== undefined && Object.keys(pairs).length > 0
}

function grantEntry(grant: Output, { arn }: Asked): Output {
  const held = grant.constraints as Output | undefined
  return {
    KeyId: arn(grant.keyId as string),
    GrantId: grant.grantId,
    Name: grant.name ?? '',
    CreationDate: seconds(grant.createdAt),
    GranteePrincipal: grant.granteePrincipal,
    RetiringPrincipal: grant.retiringPrincipal,
    IssuingAccount: grant.issuingAccount,
    Operations: grant.operations,
    Constraints:
      held === undefined
        ? undefined
        : {
            EncryptionContextSubset: held.encryptionContextSubset,
            EncryptionContextEquals: held.encryptionContextEquals,
          },
  }
}

const grantList = {
  Grants: (output: Output, asked: Asked) =>
    (output.grants as readonly Output[]).map((grant) => grantEntry(grant, asked)),
  NextMarker: nextMarker,
  Truncated: truncated,
} as const

export const access = {
  GetKeyPolicy: {
    operation: 'GetKeyPolicy',
    takes: { KeyId: 'keyId', PolicyName: policyName },
    also: onlyDefault,
    gives: { Policy: 'policy', PolicyName: () => 'default' },
  },
  PutKeyPolicy: {
    operation: 'PutKeyPolicy',
    takes: {
      KeyId: 'keyId',
      Policy: 'policy',
      PolicyName: policyName,
      BypassPolicyLockoutSafetyCheck: bypass,
    },
    also: onlyDefault,
    gives: {},
  },
  ListKeyPolicies: {
    operation: 'ListKeyPolicies',
    takes: {
      KeyId: 'keyId',
      Limit: heeded('there is one policy, so one page'),
      Marker: refused(
        'There is one policy, so there is no page that a marker could point to.',
        'InvalidMarkerException',
      ),
    },
    gives: {
      PolicyNames: 'policyNames',
      NextMarker: { never: 'there is one policy, so one page' },
      Truncated: () => false,
    },
  },
  CreateGrant: {
    operation: 'CreateGrant',
    takes: {
      KeyId: 'keyId',
      Operations: 'operations',
      GranteePrincipal: 'granteePrincipal',
      RetiringPrincipal: 'retiringPrincipal',
      Constraints: constraints,
      GrantTokens: grantTokens,
      Name: 'name',
      DryRun: dryRun,
      GranteeServicePrincipal: noServices,
      RetiringServicePrincipal: noServices,
    },
    also: (given) => {
      if (given.GranteePrincipal === undefined)
        throw refusal(
          'ValidationException',
          "1 validation error detected: Value null at 'granteePrincipal' failed to satisfy constraint: Member must not be null",
        )
      return {}
    },
    gives: { GrantToken: 'grantToken', GrantId: 'grantId' },
  },
  ListGrants: {
    operation: 'ListGrants',
    takes: {
      KeyId: 'keyId',
      Limit: limit,
      Marker: 'marker',
      GrantId: 'grantId',
      GranteePrincipal: 'granteePrincipal',
      GranteeServicePrincipal: noServices,
    },
    also: pageOf(50, 100),
    gives: grantList,
  },
  ListRetirableGrants: {
    operation: 'ListRetirableGrants',
    takes: {
      Limit: limit,
      Marker: 'marker',
      RetiringPrincipal: 'retiringPrincipal',
      RetiringServicePrincipal: noServices,
    },
    also: (given) => {
      if (given.RetiringPrincipal === undefined)
        throw refusal(
          'ValidationException',
          "1 validation error detected: Value null at 'retiringPrincipal' failed to satisfy constraint: Member must not be null",
        )
      return pageOf(50, 100)(given)
    },
    gives: grantList,
  },
  RetireGrant: {
    operation: 'RetireGrant',
    takes: { GrantToken: 'grantToken', KeyId: 'keyId', GrantId: 'grantId', DryRun: dryRun },
    also: (given) => {
      const byToken = given.GrantToken !== undefined
      const byId = given.KeyId !== undefined && given.GrantId !== undefined
      if (byToken === (given.KeyId !== undefined || given.GrantId !== undefined) || byToken === byId)
        throw refusal('ValidationException', 'Either a grant token, or a key ID and a grant ID must be specified.')
      return {}
    },
    gives: {},
  },
  RevokeGrant: {
    operation: 'RevokeGrant',
    takes: { KeyId: 'keyId', GrantId: 'grantId', DryRun: dryRun },
    gives: {},
  },
} satisfies Partial<Rows>
