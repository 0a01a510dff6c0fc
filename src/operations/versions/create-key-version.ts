import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { requireEnabled } from '../../domain/lifecycle.ts'
import { specs } from '../../domain/specs.ts'
import { requireOwn } from '../keys/changed.ts'
import { requirePrimary } from '../keys/copies.ts'
import { operation, present } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { rotated } from './rotation.ts'
import { keyVersionFacts } from './version-facts.ts'

/** Reading 10. */
const mostAsymmetricVersions = 50

export const createKeyVersion = operation({
  name: 'CreateKeyVersion',
  summary: 'Make a new version, a new key pair, of an asymmetric key by hand.',
  group: 'versions',
  rest: 'POST /v1/keys/{keyId}/versions',
  cli: 'key new-version',
  key: { ...present(), check: requireEnabled },
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({ version: keyVersionFacts }),
  audit: ['keyId'],
  async run({ world, key, now, commit, note }) {
    requireOwn(key)
    requirePrimary(key, 'Make a new version')
    if (key.origin !== 'KEYWARD')
      throw problem('KeyOriginMismatch', {
        message: 'An imported key has one version for ever.',
        mend: 'Create another key, import new material there, and point the alias at it.',
      })
    if (specs[key.spec].family !== 'asymmetric')
      throw problem('KeySpecMismatch', {
        message: `Versions of ${key.spec} keys are made by rotation.`,
        mend: 'Use RotateKey, or set a rotation policy.',
        facts: { spec: key.spec },
      })
    if (key.versionCount >= mostAsymmetricVersions)
      throw problem('LimitExceeded', {
        message: `An asymmetric key has at most ${mostAsymmetricVersions} versions.`,
        mend: 'Create another key.',
      })
    const { key: next, changes } = await rotated(world, key, now, 'ON_DEMAND')
    note({ keyVersionId: next.currentVersionId as string })
    await commit(changes)
    return {
      version: {
        keyId: key.keyId,
        keyVersionId: next.currentVersionId as string,
        number: next.versionCount,
        createdAt: now,
        primary: false,
        lastDecryptedAt: undefined,
        decryptCount: 0,
      },
    }
  },
})
