import { z } from 'zod'
import { operation } from '../operation.ts'
import { none } from '../shapes.ts'

export const listSettings = operation({
  name: 'ListSettings',
  summary: 'The settings that the service was started with. Secrets lie in files; of those only the names are shown.',
  group: 'access',
  rest: 'GET /v1/settings',
  cli: 'access settings',
  key: undefined,
  operatorOnly: true,
  input: none,
  output: z.object({
    settings: z.array(z.object({ name: z.string(), environment: z.string(), value: z.string(), summary: z.string() })),
  }),
  audit: [],
  async run({ settings }) {
    return { settings: settings.listSettings().map((setting) => ({ ...setting })) }
  },
})
