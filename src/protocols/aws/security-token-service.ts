/**
 * The one action of AWS STS that tools ask for before they begin: GetCallerIdentity, in the query protocol (form in, XML
 * out; API version 2011-06-15).
 */
import type { Problem } from '../../domain/errors.ts'
import type { Caller } from '../../domain/principal.ts'
import type { HttpAnswer } from '../http.ts'
import { errorAnswer, type Failed } from './errors.ts'

const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/'
const headers = { 'Content-Type': 'text/xml', 'Cache-Control': 'no-store' }

export function identityAnswer(caller: Caller, requestId: string): HttpAnswer {
  return {
    status: 200,
    headers: { ...headers, 'x-amzn-RequestId': requestId },
    body: `<GetCallerIdentityResponse xmlns="${namespace}"><GetCallerIdentityResult><Arn>${escaped(caller.principalArn)}</Arn><UserId>${escaped(caller.principal.principalId)}</UserId><Account>${escaped(caller.account)}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>${escaped(requestId)}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
    operation: 'GetCallerIdentity',
    outcome: 'ok',
  }
}

/** STS answers 403 where KMS answers 400 to those it does not know, and has a name of its own for them. */
const codes: Readonly<Record<string, { readonly code: string; readonly status: number }>> = {
  UnrecognizedClientException: { code: 'InvalidClientTokenId', status: 403 },
  InvalidSignatureException: { code: 'SignatureDoesNotMatch', status: 403 },
  MissingAuthenticationTokenException: { code: 'MissingAuthenticationToken', status: 403 },
  IncompleteSignatureException: { code: 'IncompleteSignature', status: 400 },
  AccessDeniedException: { code: 'AccessDenied', status: 403 },
  UnknownOperationException: { code: 'InvalidAction', status: 400 },
}

export function identityError(error: Problem, failed: Failed): HttpAnswer {
  const answer = errorAnswer(error, failed)
  const { __type: kmsCode, message } = JSON.parse(String(answer.body)) as { __type: string; message: string }
  const { code, status } = codes[kmsCode] ?? { code: kmsCode, status: answer.status }
  return {
    ...answer,
    status,
    headers: { ...headers, 'x-amzn-RequestId': failed.requestId },
    body: `<ErrorResponse xmlns="${namespace}"><Error><Type>${status >= 500 ? 'Receiver' : 'Sender'}</Type><Code>${escaped(code)}</Code><Message>${escaped(message)}</Message></Error><RequestId>${escaped(failed.requestId)}</RequestId></ErrorResponse>`,
  }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => entities[letter] as string)
}
