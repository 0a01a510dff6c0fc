import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { systemRandom } from '../../machine.ts'
import { openChallenges } from './challenges.ts'

let now = 1_800_000_000_000
const sealer = {
  derive: (purpose: readonly string[]) => new Uint8Array(createHmac('sha256', 'root').update(purpose.join()).digest()),
  seal: () => '',
  open: () => new Uint8Array(),
}
const challenges = openChallenges({ clock: { now: () => now, wall: () => now }, random: systemRandom(), sealer })
const text = (challenge: Uint8Array) => Buffer.from(challenge).toString('base64url')

test('a challenge is good for its purpose alone, and for five minutes', () => {
  const challenge = text(challenges.issue(['step-up', 'session', 'a', 'b']))
  assert.equal(challenges.issuedAt(challenge, ['step-up', 'session', 'a', 'b']), now)
  for (const purpose of [
    ['step-up', 'session', 'a'],
    ['step-up', 'session', 'b', 'a'],
    ['step-up', 'session', 'a,b'],
    ['step-up', 'session', 'ab'],
    ['sign-in'],
    [],
  ])
    assert.equal(challenges.issuedAt(challenge, purpose), undefined, purpose.join())
  const issuedAt = now
  now = issuedAt + 5 * 60_000 - 1
  assert.equal(challenges.issuedAt(challenge, ['step-up', 'session', 'a', 'b']), issuedAt)
  now += 1
  assert.equal(challenges.issuedAt(challenge, ['step-up', 'session', 'a', 'b']), undefined)
})

test('a challenge with one bit changed is not ours', () => {
  const challenge = challenges.issue(['sign-in'])
  for (let bit = 0; bit < challenge.length * 8; bit++) {
    const forged = Uint8Array.from(challenge)
    forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7))
    assert.equal(challenges.issuedAt(text(forged), ['sign-in']), undefined, `bit ${bit}`)
  }
  for (const other of ['', 'AA', text(challenge.subarray(1)), `${text(challenge)}AA`])
    assert.equal(challenges.issuedAt(other, ['sign-in']), undefined)
})

test('no two challenges are alike', () => {
  const all = Array.from({ length: 1000 }, () => text(challenges.issue(['sign-in'])))
  assert.equal(new Set(all).size, all.length)
})
