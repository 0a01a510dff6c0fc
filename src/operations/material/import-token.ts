/**
 * Import tokens (R7 to R11): opaque to callers, authenticated, and bound to account, region, key, wrapping key and its
 * public key, algorithm and time. Nothing is kept for them but the wrapping key; they may be used again within their 24
 * hours (reading 13).
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import type { Sealer, WrappingAlgorithm } from '../../domain/ports.ts'
import type { Scope } from '../../domain/scope.ts'
import { hourMs, type Instant } from '../../domain/time.ts'

/** R9. */
export const importTokenMs = 24 * hourMs

export type ImportToken = Scope & {
  readonly keyId: string
  readonly wrappingKeyId: string
  readonly wrappingAlgorithm: WrappingAlgorithm
  /** Hex SHA-256 of the public key that the token was given out with. */
  readonly publicKeyHash: string
  readonly expiresAt: Instant
}

const tagBytes = 32

export function hashOf(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex')
}

export function sealImportToken(sealer: Sealer, token: ImportToken): Uint8Array {
  const content = Buffer.from(JSON.stringify(token), 'utf8')
  return Buffer.concat([tagOf(sealer, content), content])
}

export function openImportToken(sealer: Sealer, sealed: Uint8Array, now: Instant): ImportToken {
  const content = sealed.subarray(tagBytes)
  if (content.length === 0 || !timingSafeEqual(tagOf(sealer, content), sealed.subarray(0, tagBytes)))
    throw problem('InvalidImportToken', {
      member: 'importToken',
      mend: 'Send the token exactly as GetParametersForImport returned it.',
    })
  const token = JSON.parse(Buffer.from(content).toString('utf8')) as ImportToken
  if (now >= token.expiresAt)
    throw problem('ExpiredImportToken', {
      member: 'importToken',
      message: `The import token expired at ${new Date(token.expiresAt).toISOString()}.`,
      mend: 'Get new parameters with GetParametersForImport, and wrap the material with the new public key.',
    })
  return token
}

function tagOf(sealer: Sealer, content: Uint8Array): Uint8Array {
  return createHmac('sha256', sealer.derive(['import-token']))
    .update(content)
    .digest()
}
