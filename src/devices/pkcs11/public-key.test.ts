import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { test } from 'node:test'
import {
  ecdsaSignatureFromDer,
  ecdsaSignatureToDer,
  ecPublicKey,
  edwardsPublicKey,
  pointOf,
  spkiOf,
} from './public-key.ts'

const curves = [
  ['P-256', 32],
  ['P-384', 48],
  ['P-521', 66],
  ['secp256k1', 32],
] as const

test('an EC point is read in both forms that tokens give it, and not in any other', () => {
  for (const [namedCurve, fieldBytes] of curves) {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve })
    const point = pointOf(publicKey, namedCurve, fieldBytes) as Buffer
    const header = point.length < 128 ? [4, point.length] : [4, 0x81, point.length]
    const wrapped = Buffer.concat([Buffer.from(header), point])
    for (const form of [point, wrapped])
      assert.deepEqual(spkiOf(ecPublicKey(namedCurve, fieldBytes, form)), spkiOf(publicKey))
    assert.throws(() => ecPublicKey(namedCurve, fieldBytes, point.subarray(1)))
    assert.throws(() => ecPublicKey(namedCurve, fieldBytes, Buffer.concat([wrapped, Buffer.of(0)])))
    const off = Buffer.from(point)
    off[off.length - 1] = (off[off.length - 1] as number) ^ 1
    assert.throws(() => ecPublicKey(namedCurve, fieldBytes, off), 'a point off the curve')
  }
})

test('an Ed25519 public key is read from its point', () => {
  const { publicKey } = generateKeyPairSync('ed25519')
  const x = Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url')
  const form = Buffer.concat([Buffer.of(4, 32), x])
  assert.deepEqual(spkiOf(edwardsPublicKey('Ed25519', 32, form)), spkiOf(publicKey))
})

test('ECDSA signatures keep their value between the two forms, for every curve', () => {
  for (const [namedCurve, fieldBytes] of curves) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
    for (let round = 0; round < 50; round += 1) {
      const message = Buffer.from(`message ${round}`)
      const raw = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      const der = ecdsaSignatureToDer(raw)
      assert.equal(verify('sha256', message, publicKey, der), true)
      assert.deepEqual(ecdsaSignatureFromDer(der, fieldBytes), raw)
    }
  }
})

test('small and large numbers have their one DER form', () => {
  const raw = (r: string, s: string) => Buffer.from(r.padStart(64, '0') + s.padStart(64, '0'), 'hex')
  assert.equal(ecdsaSignatureToDer(raw('1', '80')).toString('hex'), '30070201010202' + '0080')
  assert.equal(ecdsaSignatureToDer(raw('0', 'ff00')).toString('hex'), '30080201000203' + '00ff00')
})

test('what is not DER is no signature', () => {
  const refused = [
    '',
    '30',
    '3000',
    '3006020101020101ff',
    '3007020101020101',
    '3106020101020101',
    '3006030101020101',
    '30060201010201',
    '300602010102018' + '0',
    '30070202000102' + '0101',
    '3006020181020101',
    '3081060201010201' + '01',
    '30050200020101',
    `3045022100${'ff'.repeat(33)}0220${'01'.repeat(32)}`,
    `30260221${'01'.repeat(33)}020101`,
  ]
  for (const hex of refused) assert.equal(ecdsaSignatureFromDer(Buffer.from(hex, 'hex'), 32), undefined, hex)
  assert.notEqual(ecdsaSignatureFromDer(Buffer.from('3006020101020101', 'hex'), 32), undefined)
})
