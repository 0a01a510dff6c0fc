/** What the service is and where. */

import type { KeySpec, KeyUsage } from '../../../domain/specs.ts'
import { type Binding, nothing } from '../action.ts'
import type { Members } from '../members.ts'
import { keySpecWords, keyUsageWords } from '../words.ts'

export const serviceActions = {
  DescribeRegions: {
    operation: 'DescribeRegions',
    parameters: {},
    answer: ({ Regions }) => ({
      Regions: { Region: (Regions as readonly string[]).map((RegionId) => ({ RegionId })) },
    }),
  },
  DescribeService: {
    operation: 'DescribeService',
    parameters: {},
    answer: ({ ProtectionLevels, KeySpecs }) => ({
      ProtectionLevels: { ProtectionLevel: (ProtectionLevels as readonly string[]).map((Type) => ({ Type })) },
      KeySpecs: {
        KeySpec: (KeySpecs as readonly Members[]).map(({ KeySpec, ProtectionLevels: levels, Usages }) => ({
          Name: keySpecWords[KeySpec as KeySpec],
          SupportedProtectionLevels: { SupportedProtectionLevel: levels },
          Usages: { Usage: (Usages as readonly KeyUsage[]).map((usage) => keyUsageWords[usage]) },
        })),
      },
    }),
  },
  DescribeAccountKmsStatus: {
    operation: 'DescribeAccountKmsStatus',
    parameters: {},
    answer: () => ({ AccountStatus: 'Enabled' }),
  },
  // Nothing has to be ordered: whoever has an access key has the service.
  OpenKmsService: { operation: 'DescribeAccountKmsStatus', parameters: {}, answer: nothing },
} satisfies Record<string, Binding>
