/** What a call leaves behind in the memory that threads share: nothing, however it ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPair, type PairSpec } from './key-pair.ts'
import { pairAnswers } from './known-answers-pairs.ts'
import { Unsealed } from './material.ts'
import { OpensslFailure } from './openssl.ts'
import {
  abandon,
  type Job,
  type Laid,
  layOut,
  perform,
  runOpenssl,
  slotBytes,
  slotIn,
  takeOff,
} from './openssl-calls.ts'

const headerBytes = 64

function nativeOf(spec: PairSpec) {
  return openPair(spec, new Unsealed(Buffer.from(pairAnswers[spec].privateKey, 'base64'))).native
}

function newSlot() {
  const memory = new SharedArrayBuffer(slotBytes)
  const slot = slotIn(memory, 0)
  return { slot, left: () => new Uint8Array(memory).subarray(headerBytes).filter((byte) => byte !== 0).length }
}

const secret = new Uint8Array(32).fill(0xa5)
const sm2 = nativeOf('SM2')
const rsa = nativeOf('RSA_2048')
const sealed = runOpenssl(sm2, { call: 'encrypt', scheme: 'SM2', input: secret })

const jobs: readonly {
  readonly name: string
  readonly key: typeof sm2
  readonly job: Job
  readonly answer?: unknown
}[] = [
  { name: 'a plaintext that is encrypted', key: sm2, job: { call: 'encrypt', scheme: 'SM2', input: secret } },
  {
    name: 'a plaintext that is decrypted',
    key: sm2,
    job: { call: 'decrypt', scheme: 'SM2', input: sealed },
    answer: secret,
  },
  {
    name: 'a ciphertext that does not open',
    key: sm2,
    job: { call: 'decrypt', scheme: 'SM2', input: sealed.toReversed() },
    answer: undefined,
  },
  {
    name: 'a ciphertext of implicit rejection',
    key: rsa,
    job: { call: 'decrypt', scheme: 'PKCS1', input: new Uint8Array(256).fill(1) },
  },
  {
    name: 'a signature that is not valid',
    key: sm2,
    job: { call: 'verify', scheme: 'DIGEST', input: secret, signature: new Uint8Array(70).fill(3) },
    answer: false,
  },
  { name: 'a signature', key: rsa, job: { call: 'sign', scheme: { rsa: 'PSS', hash: 'sha256' }, input: secret } },
  {
    name: 'a point off the curve',
    key: sm2,
    job: { call: 'sm2Agree', input: new Uint8Array(65).fill(4) },
    answer: undefined,
  },
]

for (const { name, key, job, ...expected } of jobs) {
  test(`nothing of a call stays in its slot: ${name}`, () => {
    const { slot, left } = newSlot()
    // Twice: the second one computes in the context of the first.
    for (let round = 0; round < 2; round++) {
      const laid = layOut(slot, key, job)
      assert.ok(laid !== undefined && left() > 0)
      perform(slot)
      const answer = takeOff(slot, laid)
      if ('answer' in expected) assert.deepEqual(answer, expected.answer)
      assert.equal(left(), 0)
    }
  })
}

test('nothing of a call stays in its slot: one that fails, and one that nobody finished', () => {
  const { slot, left } = newSlot()
  const short = layOut(slot, rsa, { call: 'sign', scheme: { rsa: 'PKCS1', hash: 'sha256' }, input: secret.subarray(1) })
  perform(slot)
  assert.throws(() => takeOff(slot, short as Laid), OpensslFailure)
  assert.equal(left(), 0)

  const lost = layOut(slot, sm2, { call: 'decrypt', scheme: 'SM2', input: sealed })
  perform(slot)
  abandon(slot, lost as Laid)
  assert.equal(left(), 0)
})

test('a job that cannot be laid out throws, and a slot too small for one is not written to', () => {
  const { slot, left } = newSlot()
  const foreign = { call: 'sign', scheme: { rsa: 'PSS', hash: 'sha256' }, input: secret } as const
  assert.throws(() => layOut(slot, nativeOf('EC_P256'), foreign), OpensslFailure)
  const long = { call: 'sign', scheme: 'ML_DSA', input: new Uint8Array(slotBytes).fill(1) } as const
  assert.equal(layOut(slot, nativeOf('ML_DSA_44'), long), undefined)
  assert.equal(left(), 0)
  assert.equal(runOpenssl(nativeOf('ML_DSA_44'), long).length, 2_420)
})
