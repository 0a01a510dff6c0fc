/**
 * Our evaluator against an independent one, @cloud-copilot/iam-simulate, over generated policies and requests. Where the
 * two differ on purpose, the generator keeps away and a test below says why.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runUnsafeSimulation } from '@cloud-copilot/iam-simulate'
import fc from 'fast-check'
import { contextOf } from '../src/domain/condition-context.ts'
import { decide, defaultKeyPolicy, parsePolicy } from '../src/domain/policy.ts'

const here = '111122223333'
const abroad = '444455556666'
const keyOf = (account: string, id: string) => `arn:aws:kms:us-east-1:${account}:key/${id}`
const userOf = (account: string, name: string) => `arn:aws:iam::${account}:user/${name}`

type Document = { readonly Version: string; readonly Statement: readonly unknown[] }
type Case = {
  readonly identity: readonly Document[]
  /** `default`: the key has no policy of its own. Absent: the request is about no key. */
  readonly key?: Document | 'default'
  readonly owner: string
  readonly action: string
  readonly resource: string
  readonly caller: { readonly account: string; readonly name: string }
  readonly context: Readonly<Record<string, string | string[]>>
}

function ours(test: Case): string {
  const { account, name } = test.caller
  const decision = decide(
    {
      action: test.action,
      resource: test.resource,
      caller: { account, principalArn: name === 'root' ? `arn:aws:iam::${account}:root` : userOf(account, name) },
      context: contextOf(test.context),
    },
    {
      identityPolicies: test.identity.map((document, index) =>
        parsePolicy(JSON.stringify(document), { kind: 'identity', account, name: `policy ${index}` }),
      ),
      ...(test.key === undefined
        ? {}
        : {
            key: {
              account: test.owner,
              policy:
                test.key === 'default'
                  ? undefined
                  : parsePolicy(JSON.stringify(test.key), { kind: 'key', account: test.owner }),
            },
          }),
    },
  )
  return decision.allowed ? 'Allowed' : decision.by === 'explicit-deny' ? 'ExplicitlyDenied' : 'ImplicitlyDenied'
}

function theirs(test: Case): string {
  const { account, name } = test.caller
  return runUnsafeSimulation(
    {
      request: {
        principal: name === 'root' ? `arn:aws:iam::${account}:root` : userOf(account, name),
        action: test.action,
        resource: { resource: test.resource, accountId: test.owner },
        contextVariables: test.context as Record<string, string | string[]>,
      },
      identityPolicies: test.identity.map((policy, index) => ({ name: `policy ${index}`, policy })),
      // No organisation stands above our accounts: their guard rails allow everything.
      serviceControlPolicies: [{ orgIdentifier: 'all', policies: [{ name: 'all', policy: everything }] }],
      resourceControlPolicies: [
        {
          orgIdentifier: 'all',
          policies: [
            {
              name: 'all',
              policy: {
                ...everything,
                Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }],
              },
            },
          ],
        },
      ],
      // It takes the policy only with a name, which only this form can carry.
      resourcePolicy:
        test.key === undefined
          ? undefined
          : {
              __validated: true,
              policyDocument: test.key === 'default' ? JSON.parse(defaultKeyPolicy(test.owner)) : test.key,
              metadata: { name: 'key policy' },
              errors: [],
            },
    },
    {},
  )
}

const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

// ---------------------------------------------------------------------------------------------------------- generating

const oneOrMore = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | T[]> =>
  fc.oneof({ weight: 2, arbitrary }, { weight: 1, arbitrary: fc.array(arbitrary, { minLength: 1, maxLength: 3 }) })

const action = fc.constantFrom(
  '*',
  'kms:*',
  'kms:Encrypt',
  'kms:Decrypt',
  'kms:*crypt',
  'kms:D?crypt',
  'KMS:enCRYPT',
  'kms:Gen*Key*',
  's3:*',
)
const resolvable = [
  '*',
  keyOf(here, 'one'),
  keyOf(here, '*'),
  keyOf(here, 'o?e'),
  keyOf('*', 'one'),
  keyOf(abroad, '*'),
  'arn:aws:kms:eu-*:*:key/*',
  keyOf(here, '$' + "{aws:PrincipalTag/key, 'one'}"),
]
const resource = fc.constantFrom(...resolvable, keyOf(here, '$' + '{aws:username}'))
const principal = fc.oneof(
  fc.constant('*'),
  fc.record({
    AWS: oneOrMore(
      fc.constantFrom(
        '*',
        here,
        abroad,
        `arn:aws:iam::${here}:root`,
        userOf(here, 'one'),
        userOf(here, 'two'),
        userOf(abroad, 'one'),
      ),
    ),
  }),
)

/** Values are such that a text is never taken for a number, and every value of a request can be compared. */
const keysAndValues = {
  String: {
    keys: ['aws:username', 'AWS:UserName', 'kms:EncryptionContext:dept', 'aws:PrincipalTag/key', 'kms:RequestAlias'],
    values: ['one', 'two', 'One', 'o*', '?ne', '*', 'alias/one', '$' + "{aws:username, 'nobody'}"],
    given: ['one', 'two', 'ONE', 'alias/one', '*', 'tw?'],
  },
  Numeric: { keys: ['kms:RotationPeriodInDays'], values: ['7', '30', '30.5', '-1'], given: ['7', '30', '100'] },
  Date: {
    keys: ['aws:CurrentTime', 'kms:ValidTo'],
    values: ['2026-01-01T00:00:00Z', '2026-06-01', '2026-03-01T12:00:00Z'],
    given: ['2026-01-01T00:00:00Z', '2026-03-01T12:00:00Z', '2027-01-01T00:00:00Z'],
  },
  Arn: {
    keys: ['aws:PrincipalArn', 'kms:GranteePrincipal'],
    values: [userOf(here, 'one'), userOf(here, '*'), userOf('*', 'two'), userOf(here, '$' + "{aws:username, 'x'}")],
    given: [userOf(here, 'one'), userOf(abroad, 'two')],
  },
  Ip: {
    keys: ['aws:SourceIp'],
    values: ['10.0.0.0/8', '10.1.2.3', '10.1.2.0/25', '10.1.0.0/16'],
    given: ['10.1.2.3', '10.1.2.200', '192.0.2.1'],
  },
  Ipv6: {
    keys: ['aws:VpcSourceIp'],
    values: ['2001:db8::/32', '2001:db8::1/128', '2001:db8:0:1::/64'],
    given: ['2001:db8::1', '2001:db8:0:1:2:3:4:5', 'fe80::1'],
  },
  Bool: { keys: ['aws:SecureTransport'], values: ['true', 'false'], given: ['true', 'false'] },
  List: {
    keys: ['kms:EncryptionContextKeys', 'aws:TagKeys'],
    values: ['one', 'two', 'o*', 'three'],
    given: ['one', 'two', 'three'],
  },
} as const

const operatorsOf = {
  String: [
    'StringEquals',
    'StringNotEquals',
    'StringEqualsIgnoreCase',
    'StringNotEqualsIgnoreCase',
    'StringLike',
    'StringNotLike',
  ],
  Numeric: [
    'NumericEquals',
    'NumericNotEquals',
    'NumericLessThan',
    'NumericLessThanEquals',
    'NumericGreaterThan',
    'NumericGreaterThanEquals',
  ],
  Date: [
    'DateEquals',
    'DateNotEquals',
    'DateLessThan',
    'DateLessThanEquals',
    'DateGreaterThan',
    'DateGreaterThanEquals',
  ],
  Arn: ['ArnEquals', 'ArnLike', 'ArnNotEquals', 'ArnNotLike'],
  Ip: ['IpAddress', 'NotIpAddress'],
  Ipv6: ['IpAddress', 'NotIpAddress'],
  Bool: ['Bool'],
  List: ['StringEquals', 'StringNotEquals', 'StringLike', 'StringNotLike'],
} as const

const families = Object.keys(keysAndValues) as (keyof typeof keysAndValues)[]

const condition = fc.constantFrom(...families).chain((family) =>
  fc
    .record({
      operator: fc.constantFrom(...operatorsOf[family]),
      set: family === 'List' ? fc.constantFrom('ForAnyValue:', 'ForAllValues:') : fc.constant(''),
      ifExists: fc.boolean(),
      key: fc.constantFrom(...keysAndValues[family].keys),
      values: oneOrMore(fc.constantFrom<string>(...keysAndValues[family].values)),
      isNull: fc.option(fc.constantFrom('true', 'false'), { freq: 8 }),
    })
    .map(({ operator, set, ifExists, key, values, isNull }) =>
      isNull !== null
        ? { Null: { [key]: isNull } }
        : { [`${set}${operator}${ifExists && set !== 'ForAnyValue:' ? 'IfExists' : ''}`]: { [key]: values } },
    ),
)
const conditions = fc
  .array(condition, { maxLength: 2 })
  .map((parts) => (parts.length === 0 ? {} : { Condition: Object.assign({}, ...parts) as object }))

const effect = fc.constantFrom('Allow', 'Allow', 'Allow', 'Deny')
const actions = fc.oneof(
  { weight: 5, arbitrary: fc.record({ Action: oneOrMore(action) }) },
  { weight: 1, arbitrary: fc.record({ NotAction: oneOrMore(action) }) },
)
const resources = fc.oneof(
  { weight: 5, arbitrary: fc.record({ Resource: oneOrMore(resource) }) },
  { weight: 1, arbitrary: fc.record({ NotResource: oneOrMore(fc.constantFrom(...resolvable)) }) },
)
const statement = fc
  .tuple(effect, actions, resources, conditions)
  .map(([Effect, ...parts]) => Object.assign({ Effect }, ...parts) as Record<string, unknown>)
const document = (one: fc.Arbitrary<unknown>): fc.Arbitrary<Document> =>
  fc.array(one, { minLength: 1, maxLength: 3 }).map((Statement) => ({ Version: '2012-10-17', Statement }))
const keyStatement = fc
  .tuple(
    statement,
    principal,
    fc.option(oneOrMore(fc.constantFrom(userOf(here, 'one'), userOf(abroad, 'one'))), { freq: 8 }),
  )
  .map(([one, Principal, spared]) =>
    one.Effect === 'Deny' && spared !== null ? { ...one, NotPrincipal: { AWS: spared } } : { ...one, Principal },
  )

const given = fc
  .tuple(
    ...families.flatMap((family) =>
      keysAndValues[family].keys
        // Two spellings of one key are one key.
        .filter((key) => key !== 'AWS:UserName')
        .map((key) =>
          fc
            .option<string | string[]>(
              family === 'List'
                ? fc.uniqueArray(fc.constantFrom<string>(...keysAndValues.List.given), { minLength: 1 })
                : fc.constantFrom<string>(...keysAndValues[family].given),
            )
            .map((value) => (value === null ? {} : { [key]: value })),
        ),
    ),
  )
  .map((parts) => Object.assign({}, ...parts) as Record<string, string | string[]>)

const request = {
  owner: fc.constantFrom(here, here, abroad),
  id: fc.constantFrom('one', 'two', 'three'),
  action: fc.constantFrom('kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey'),
  caller: fc.record({ account: fc.constantFrom(here, here, here, abroad), name: fc.constantFrom('one', 'two') }),
  context: given,
  identity: fc.array(document(statement), { maxLength: 3 }),
}

const runs = 6000

test('an independent evaluator comes to the same decision about keys', () => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(
      fc.record({
        ...request,
        key: fc.oneof(fc.constant('default' as const), document(keyStatement), document(keyStatement)),
      }),
      ({ id, ...rest }) => {
        const generated: Case = { ...rest, resource: keyOf(rest.owner, id) }
        const decision = ours(generated)
        seen.set(decision, (seen.get(decision) ?? 0) + 1)
        assert.equal(decision, theirs(generated))
      },
    ),
    { numRuns: runs },
  )
  // A generator that only ever makes one outcome would prove nothing.
  for (const outcome of ['Allowed', 'ExplicitlyDenied', 'ImplicitlyDenied'])
    assert.ok((seen.get(outcome) ?? 0) > runs / 50, `${outcome} was seen ${seen.get(outcome) ?? 0} times`)
})

test('an independent evaluator comes to the same decision where no key is concerned', () => {
  fc.assert(
    fc.property(fc.record(request), ({ id, ...rest }) => {
      const generated: Case = { ...rest, resource: `arn:aws:kms:us-east-1:${rest.owner}:alias/${id}` }
      assert.equal(ours(generated), theirs(generated))
    }),
    { numRuns: runs / 3 },
  )
})

// --------------------------------------------------------------------------------------------- where we differ, and why

const allowing = (condition: object): Document => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*', Condition: condition }],
})
const denying = (condition: object): Document => ({
  Version: '2012-10-17',
  Statement: [...everything.Statement, { Effect: 'Deny', Action: '*', Resource: '*', Condition: condition }],
})
const keyPolicy = (statement: object): Document => ({
  Version: '2012-10-17',
  Statement: [{ Resource: '*', ...statement }],
})
const base: Case = {
  identity: [],
  key: 'default',
  owner: here,
  action: 'kms:Decrypt',
  resource: keyOf(here, 'one'),
  caller: { account: here, name: 'one' },
  context: {},
}
const dollar = '$'

const differences: readonly {
  readonly why: string
  readonly test: Partial<Case>
  readonly ours: string
  readonly theirs: string
}[] = [
  {
    why: 'the account itself is named by its own ARN, as the root user is on AWS',
    test: { caller: { account: here, name: 'root' } },
    ours: 'Allowed',
    theirs: 'ImplicitlyDenied',
  },
  {
    why: 'an account beside a user in NotPrincipal spares that user only, as the documentation of AWS says',
    test: {
      key: keyPolicy({ Effect: 'Deny', Action: '*', NotPrincipal: { AWS: [userOf(here, 'two'), here] } }),
      identity: [everything],
    },
    ours: 'ExplicitlyDenied',
    theirs: 'ImplicitlyDenied',
  },
  {
    why: 'a wildcard may stand in the resource type: an ARN is compared part by part, and that is one part',
    test: {
      identity: [{ ...everything, Statement: [{ Effect: 'Allow', Action: '*', Resource: 'arn:aws:kms:*:*:*/*' }] }],
    },
    ours: 'Allowed',
    theirs: 'ImplicitlyDenied',
  },
  {
    why: 'a Deny with NotResource holds although a variable in it has no value: what it spares is not this',
    test: {
      identity: [
        {
          ...everything,
          Statement: [
            ...everything.Statement,
            { Effect: 'Deny', Action: '*', NotResource: keyOf(here, `${dollar}{aws:username}`) },
          ],
        },
      ],
    },
    ours: 'ExplicitlyDenied',
    theirs: 'Allowed',
  },
  {
    why: 'an Allow with NotResource does not hold while a variable in it has no value',
    test: {
      key: undefined as never,
      resource: `arn:aws:kms:us-east-1:${here}:alias/one`,
      identity: [
        {
          ...everything,
          Statement: [{ Effect: 'Allow', Action: '*', NotResource: keyOf(here, `${dollar}{aws:username}`) }],
        },
      ],
    },
    ours: 'ImplicitlyDenied',
    theirs: 'Allowed',
  },
  {
    why: 'a negated condition of a Deny is met when a variable in it has no value',
    test: {
      identity: [denying({ StringNotEquals: { 'kms:RequestAlias': `${dollar}{aws:username}` } })],
      context: { 'kms:RequestAlias': 'alias/one' },
    },
    ours: 'ExplicitlyDenied',
    theirs: 'Allowed',
  },
  {
    why: 'a Deny for one value is met by any value of a key that has several',
    test: {
      identity: [denying({ StringEquals: { 'aws:TagKeys': 'two' } })],
      context: { 'aws:TagKeys': ['one', 'two'] },
    },
    ours: 'ExplicitlyDenied',
    theirs: 'Allowed',
  },
  {
    why: 'dates may be written in seconds since 1970, as the documentation of AWS says',
    test: {
      identity: [allowing({ DateEquals: { 'aws:CurrentTime': '1767225600' } })],
      context: { 'aws:CurrentTime': '2026-01-01T00:00:00Z' },
    },
    ours: 'Allowed',
    theirs: 'ImplicitlyDenied',
  },
  {
    why: 'an escaped star is a star in StringEquals too',
    test: {
      identity: [allowing({ StringEquals: { 'kms:RequestAlias': `${dollar}{*}` } })],
      context: { 'kms:RequestAlias': '*' },
    },
    ours: 'Allowed',
    theirs: 'ImplicitlyDenied',
  },
  {
    why: 'an IPv6 address is not within a block of IPv4',
    test: {
      identity: [denying({ NotIpAddress: { 'aws:SourceIp': '10.1.2.3' } })],
      context: { 'aws:SourceIp': '2001:db8::1' },
    },
    ours: 'ExplicitlyDenied',
    theirs: 'Allowed',
  },
  {
    why: '0.0.0.0/0 is every IPv4 address',
    test: {
      identity: [denying({ IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } })],
      context: { 'aws:SourceIp': '10.1.2.3' },
    },
    ours: 'ExplicitlyDenied',
    theirs: 'Allowed',
  },
  {
    why: 'IfExists is met by a key that is not there, whatever stands before it',
    test: { identity: [denying({ 'ForAnyValue:StringEqualsIfExists': { 'aws:TagKeys': 'one' } })] },
    ours: 'ExplicitlyDenied',
    theirs: 'Allowed',
  },
]

for (const difference of differences)
  test(`we differ from the independent evaluator: ${difference.why}`, () => {
    const { key, ...rest } = { ...base, ...difference.test }
    const pinned: Case = key === undefined ? rest : { ...rest, key }
    assert.equal(ours(pinned), difference.ours)
    assert.equal(theirs(pinned), difference.theirs)
  })
