/** CPU time of one Signature Version 4 check, over a request as the JavaScript SDK sends it: `node bench/aws-signature.ts`. */
import { createHash, createHmac } from 'node:crypto'
import type { AccessKey } from '../src/protocols/authenticator.ts'
import { canonicalRequest, openSignatureCheck } from '../src/protocols/aws/signature.ts'
import type { HttpRequest } from '../src/protocols/http.ts'

const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const at = Date.UTC(2026, 10, 23, 18, 20, 11)
const body = Buffer.from(
  JSON.stringify({
    KeyId: 'alias/test',
    Plaintext: Buffer.alloc(32).toString('base64'),
    EncryptionContext: { a: 'b' },
  }),
)
const names = 'content-length;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target;x-amz-user-agent'
const bodyHash = createHash('sha256').update(body).digest('hex')
const headers: Record<string, string> = {
  host: '127.0.0.1:4599',
  'content-type': 'application/x-amz-json-1.1',
  'content-length': String(body.length),
  'x-amz-content-sha256': bodyHash,
  'x-amz-date': '20261123T182011Z',
  'x-amz-target': 'TrentService.Encrypt',
  'x-amz-user-agent': 'aws-sdk-js/3.1164.0 ua/2.1 os/linux#6.18 lang/js md/nodejs#26.10.0 api/kms#3.1164.0 m/N,E,e',
}
const unsigned: HttpRequest = {
  method: 'POST',
  path: '/',
  query: '',
  headers,
  body,
  sourceAddress: '127.0.0.1',
  secure: false,
  requestId: 'bench',
}
const scope = '20261123/us-east-1/kms/aws4_request'
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const key = ['us-east-1', 'kms', 'aws4_request'].reduce(hmac, hmac(`AWS4${secret}`, '20261123'))
const canonicalHash = createHash('sha256')
  .update(canonicalRequest(unsigned, { signedHeaders: names, signedHeaderNames: names.split(';') }, bodyHash))
  .digest('hex')
const signature = hmac(key, `AWS4-HMAC-SHA256\n20261123T182011Z\n${scope}\n${canonicalHash}`).toString('hex')
headers.authorization = `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scope}, SignedHeaders=${names}, Signature=${signature}`

const accessKey: AccessKey = { credential: {} as never, secret }
const signatures = openSignatureCheck({ authenticator: { findAccessKey: () => accessKey }, clock: { wall: () => at } })

const rounds = 9
const checks = 50_000
const figures: number[] = []
for (let round = 0; round < rounds; round++) {
  const before = process.cpuUsage()
  for (let index = 0; index < checks; index++) await signatures.verify(unsigned, signatures.readClaim(unsigned))
  const { user, system } = process.cpuUsage(before)
  figures.push((user + system) / checks)
}
figures.sort((left, right) => left - right)
console.log(
  `Signature Version 4: ${(figures[rounds >> 1] as number).toFixed(2)} microseconds of CPU (median of ${rounds})`,
)
