/** What only this cloud asks: no other face offers it, but it takes the same road, with a right and a record. */
import { z } from 'zod'
import { type KeyUsage, keySpecs, specs } from '../../domain/specs.ts'
import { type AnyOperation, operation } from '../../operations/operation.ts'
import { keySpec, keyUsage, none, protectionLevel } from '../../operations/shapes.ts'

/** Never mounted: the type wants a route. */
const noRoute = 'GET /v1/none'

export function ownOperations(defaultRegion: string): readonly AnyOperation[] {
  return [describeRegions(defaultRegion), describeService, describeAccountKmsStatus]
}

/** Any region there is a name for is a resource pool of its own; these two are known to serve the caller. */
const describeRegions = (defaultRegion: string) =>
  operation({
    name: 'DescribeRegions',
    summary: 'The region of the service and that of the request.',
    group: 'keys',
    rest: noRoute,
    cli: '',
    key: undefined,
    input: none,
    output: z.object({ regions: z.array(z.string()) }),
    audit: [],
    async run({ scope }) {
      return { regions: [...new Set([defaultRegion, scope.region])] }
    },
  })

const describeService = operation({
  name: 'DescribeService',
  summary: 'Which key specs there are, at which protection level, for what.',
  group: 'keys',
  rest: noRoute,
  cli: '',
  key: undefined,
  input: none,
  output: z.object({
    protectionLevels: z.array(protectionLevel),
    keySpecs: z.array(z.object({ keySpec, protectionLevels: z.array(protectionLevel), usages: z.array(keyUsage) })),
  }),
  audit: [],
  async run({ world }) {
    // Keys of external key stores are made at other faces.
    const devices = [...world.devices.values()].flatMap((device) =>
      device.protection === 'EXTERNAL' ? [] : [{ level: device.protection, device }],
    )
    const offered = keySpecs.map((spec) => {
      const usages = Object.keys(specs[spec].usages) as KeyUsage[]
      const can = devices.map(({ level, device }) => ({
        level,
        usages: usages.filter((usage) => device.supports(spec, usage)),
      }))
      return {
        keySpec: spec,
        protectionLevels: can.filter((one) => one.usages.length > 0).map((one) => one.level),
        usages: usages.filter((usage) => can.some((one) => one.usages.includes(usage))),
      }
    })
    return {
      protectionLevels: devices.map(({ level }) => level),
      keySpecs: offered.filter(({ usages }) => usages.length > 0),
    }
  },
})

const describeAccountKmsStatus = operation({
  name: 'DescribeAccountKmsStatus',
  summary: 'That the service is open to the account.',
  group: 'keys',
  rest: noRoute,
  cli: '',
  key: undefined,
  input: none,
  output: z.object({}),
  audit: [],
  async run() {
    return {}
  },
})
