import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem, problem } from '../../domain/errors.ts'
import { mostOfAddress, mostOfAll, openAttempts, windowMs } from './attempts.ts'

const wrong = async () => {
  throw problem('NotAuthenticated')
}
const right = async () => 'in'
const codeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'ok',
    (error: unknown) => (error instanceof Problem ? error.code : 'bug'),
  )

test('an address that was wrong too often waits for the window to pass, and others do not', async () => {
  let now = 1_000_000
  const attempts = openAttempts(() => now)
  for (let count = 0; count < mostOfAddress; count++)
    assert.equal(await codeOf(attempts.guard('one', wrong)), 'NotAuthenticated')
  assert.equal(await codeOf(attempts.guard('one', right)), 'Throttled')
  assert.equal(await codeOf(attempts.guard('another', right)), 'ok')
  now += windowMs - 1
  assert.equal(await codeOf(attempts.guard('one', right)), 'Throttled')
  now += 1
  assert.equal(await codeOf(attempts.guard('one', right)), 'ok')
})

test('a right secret makes up for those before it; what is no wrong secret does not count', async () => {
  const attempts = openAttempts(() => 0)
  for (let round = 0; round < 3; round++) {
    for (let count = 1; count < mostOfAddress; count++) await codeOf(attempts.guard('one', wrong))
    assert.equal(await codeOf(attempts.guard('one', right)), 'ok')
  }
  const broken = async () => {
    throw problem('StoreUnavailable')
  }
  for (let count = 0; count < 2 * mostOfAddress; count++)
    assert.equal(await codeOf(attempts.guard('one', broken)), 'StoreUnavailable')
})

test('many addresses at once are stopped together, so that none is a way around', async () => {
  let now = 1
  const attempts = openAttempts(() => now)
  for (let count = 0; count < mostOfAll; count++) await codeOf(attempts.guard(`address-${count}`, wrong))
  assert.equal(await codeOf(attempts.guard('fresh', right)), 'Throttled')
  now += windowMs
  assert.equal(await codeOf(attempts.guard('fresh', right)), 'ok')
})

test('attempts that are under way count already', async () => {
  const attempts = openAttempts(() => 0)
  const answers = await Promise.all(Array.from({ length: 50 }, () => codeOf(attempts.guard('one', wrong))))
  assert.equal(answers.filter((code) => code === 'NotAuthenticated').length, mostOfAddress)
})
