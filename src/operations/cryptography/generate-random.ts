import { z } from 'zod'
import { operation } from '../operation.ts'
import { bytes } from '../shapes.ts'

export const generateRandom = operation({
  name: 'GenerateRandom',
  summary: 'Random bytes from the service.',
  group: 'cryptography',
  rest: 'POST /v1/generate-random',
  cli: 'random',
  key: undefined,
  input: z.strictObject({ numberOfBytes: z.number().int().min(1).max(1024) }),
  output: z.object({ plaintext: bytes({ min: 1, max: 1024 }) }),
  audit: ['numberOfBytes'],
  async run({ world, input }) {
    return { plaintext: world.random.bytes(input.numberOfBytes) }
  },
})
