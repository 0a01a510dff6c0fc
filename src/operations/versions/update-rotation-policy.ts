import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { requireEnabled } from '../../domain/lifecycle.ts'
import { dayMs } from '../../domain/time.ts'
import { changed, requireOwn } from '../keys/changed.ts'
import { otherCopies, requirePrimary } from '../keys/copies.ts'
import { rotationPeriodDays } from '../keys/create-key.ts'
import { requireRotatable } from '../keys/new-key.ts'
import { operation, present } from '../operation.ts'
import { instant, keyRef } from '../shapes.ts'

export const updateRotationPolicy = operation({
  name: 'UpdateRotationPolicy',
  summary: 'Switch automatic rotation on or off, and set its period of 7 to 730 days.',
  group: 'versions',
  rest: 'PUT /v1/keys/{keyId}/rotation-policy',
  cli: 'key rotation',
  key: {
    ...present<{ readonly keyId: string; readonly enabled: boolean }>(),
    check: requireEnabled,
    rotates: true,
    actionInAws: ({ enabled }) => (enabled ? 'EnableKeyRotation' : 'DisableKeyRotation'),
  },
  input: z.strictObject({
    keyId: keyRef,
    enabled: z.boolean(),
    periodDays: rotationPeriodDays.optional().describe('Without it: the period set before.'),
  }),
  output: z.object({
    enabled: z.boolean(),
    periodDays: z.number().int().optional(),
    nextRotationAt: instant().optional(),
  }),
  audit: ['keyId', 'enabled', 'periodDays'],
  async run({ world, key, now, input, commit }) {
    requireOwn(key)
    requirePrimary(key, 'Set the rotation')
    if (input.enabled) requireRotatable(key)
    const periodDays = input.periodDays ?? key.rotation?.periodDays
    if (periodDays === undefined) {
      if (!input.enabled) return { enabled: false, periodDays: undefined, nextRotationAt: undefined }
      throw problem('InvalidRequest', {
        member: 'periodDays',
        message: 'periodDays is needed.',
        mend: 'Give 7 to 730 days.',
      })
    }
    // One period after the last version came to be; where that is past, the next use makes the new version.
    const nextAt = key.lastRotatedAt + periodDays * dayMs
    const rotation = { enabled: input.enabled, periodDays, nextAt }
    const copies = await otherCopies(world, key, now)
    await commit([key, ...copies].map((copy) => changed(copy, { rotation })))
    return { enabled: input.enabled, periodDays, nextRotationAt: input.enabled ? nextAt : undefined }
  },
})
