/** Signature V1 of the RPC style (HMAC-SHA1 over all parameters), as the SDKs up to 2022 send it. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import { decodeBase64 } from '../../operations/shapes.ts'
import { canonicalQuery, type Parameters, percentEncode } from './parameters.ts'
import type { Signed } from './signed.ts'

/**
 * Method, the path (always `/`), and all parameters but the signature, of query and body alike; those with an empty value
 * too. The wire may be encoded otherwise, so everything is decoded first and encoded again here.
 */
export function stringToSignV1(method: string, parameters: Parameters): string {
  const signed = new Map(parameters)
  signed.delete('Signature')
  return `${method}&%2F&${percentEncode(canonicalQuery(signed))}`
}

/** Base64 of HMAC-SHA1 under the secret and an ampersand. */
export function signV1(secret: string, stringToSign: string): string {
  return macV1(secret, stringToSign).toString('base64')
}

function macV1(secret: string, stringToSign: string): Buffer {
  return createHmac('sha1', `${secret}&`).update(stringToSign, 'utf8').digest()
}

export function readV1(method: string, parameters: Parameters): Signed {
  const version = parameters.get('SignatureVersion')
  const algorithm = parameters.get('SignatureMethod')
  if (version !== '1.0' || algorithm !== 'HMAC-SHA1')
    throw problem('SignatureMismatch', {
      message: 'The request is not signed in a way that is known here.',
      mend: 'Use SignatureVersion 1.0 with SignatureMethod HMAC-SHA1, or ACS3-HMAC-SHA256.',
      facts: { incomplete: true },
    })
  const accessKeyId = needed(parameters, 'AccessKeyId')
  const signature = decodeBase64(needed(parameters, 'Signature'))
  return {
    accessKeyId,
    timestamp: parameters.get('Timestamp'),
    // SDKs of 2017 send none.
    nonce: parameters.get('SignatureNonce') || undefined,
    securityToken: parameters.get('SecurityToken') || undefined,
    matches: (secret) => {
      const expected = macV1(secret, stringToSignV1(method, parameters))
      return signature?.length === expected.length && timingSafeEqual(signature, expected)
    },
  }
}

function needed(parameters: Parameters, name: string): string {
  const value = parameters.get(name)
  if (value === undefined || value === '')
    throw problem('NotAuthenticated', {
      member: name,
      message: 'The request is not signed.',
      facts: { missing: true },
    })
  return value
}
