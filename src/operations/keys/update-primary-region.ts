import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { keyArn } from '../../domain/key-reference.ts'
import { requireEnabled } from '../../domain/lifecycle.ts'
import { operation, present } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { changed } from './changed.ts'
import { otherCopies, requirePrimary } from './copies.ts'
import { regionName } from './replicate-key.ts'

export const updatePrimaryRegion = operation({
  name: 'UpdatePrimaryRegion',
  summary: 'Make another copy of a multi-Region key its primary.',
  group: 'keys',
  rest: 'PUT /v1/keys/{keyId}/primary-region',
  cli: 'key move-primary',
  key: { ...present(), check: requireEnabled },
  input: z.strictObject({ keyId: keyRef, primaryRegion: regionName }),
  output: z.object({}),
  audit: ['keyId', 'primaryRegion'],
  async run({ world, key, now, input, commit, permit }) {
    const { multiRegion } = key
    if (multiRegion === undefined)
      throw problem('UnsupportedOperation', { message: `${keyArn(key)} is not a multi-region key.` })
    requirePrimary(key, 'Name the new primary region')
    if (input.primaryRegion === key.region) return {}
    const copies = await otherCopies(world, key, now)
    const next = copies.find(({ region }) => region === input.primaryRegion)
    if (next === undefined)
      throw problem('KeyNotFound', {
        message: `There is no copy of this key in region ${input.primaryRegion}.`,
        mend: 'Replicate the key into that region first.',
        facts: { keyId: key.keyId },
      })
    await permit('UpdatePrimaryRegion', keyArn(next))
    requireEnabled(next, now)
    const moved = { ...multiRegion, primaryRegion: input.primaryRegion }
    await commit([key, ...copies].map((copy) => changed(copy, { multiRegion: moved })))
    return {}
  },
})
