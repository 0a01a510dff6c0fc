import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../domain/errors.ts'
import { openNonces } from './nonces.ts'
import { mostSkewMs, signedAt } from './timestamp.ts'

const noon = Date.UTC(2026, 0, 31, 12)
const refused = (code: string) => (error: unknown) => error instanceof Problem && error.code === code

test('a nonce is taken once, for each access key', () => {
  const nonces = openNonces()
  nonces.use('a', 'n', noon, noon)
  assert.throws(() => nonces.use('a', 'n', noon, noon), refused('RequestReplayed'))
  nonces.use('b', 'n', noon, noon)
  nonces.use('a', 'm', noon, noon)
})

test('a repeated request is refused for as long as its timestamp is accepted', () => {
  const nonces = openNonces()
  // Signed as far ahead as is accepted, and repeated as late as is accepted, with much in between.
  const at = noon + mostSkewMs
  nonces.use('a', 'n', at, noon)
  for (let minute = 1; minute <= 30; minute++)
    nonces.use('a', `m${minute}`, noon + minute * 60_000, noon + minute * 60_000)
  const last = at + mostSkewMs
  assert.equal(signedAt(new Date(at).toISOString(), last), at)
  assert.throws(() => nonces.use('a', 'n', at, last), refused('RequestReplayed'))
})

test('memory for nonces is bounded: what is forgotten for lack of room is refused, never taken again', () => {
  const nonces = openNonces(100)
  for (let second = 0; second < 50; second++)
    for (let number = 0; number < 5; number++) nonces.use('a', `${number}`, noon + second * 1000, noon)
  let replayed = 0
  let expired = 0
  for (let second = 0; second < 50; second++)
    for (let number = 0; number < 5; number++)
      try {
        nonces.use('a', `${number}`, noon + second * 1000, noon)
        assert.fail('a repeated request was taken')
      } catch (error) {
        if (refused('RequestReplayed')(error)) replayed++
        else if (refused('RequestExpired')(error)) expired++
        else throw error
      }
  assert.equal(replayed, 100)
  assert.equal(expired, 150)
  // Another access key is not touched by it, and the newest seconds go on.
  nonces.use('b', '0', noon, noon)
  nonces.use('a', 'new', noon + 49_000, noon)
})

test('an overlong nonce is refused', () => {
  assert.throws(() => openNonces().use('a', 'n'.repeat(129), noon, noon), refused('InvalidRequest'))
})

test('a timestamp is taken in seconds or milliseconds, up to 15 minutes either way, and not one more', () => {
  assert.equal(signedAt('2026-01-31T12:00:00Z', noon), noon)
  assert.equal(signedAt('2026-01-31T12:00:00.250Z', noon), noon + 250)
  assert.equal(signedAt('2026-01-31T12:15:00Z', noon), noon + mostSkewMs)
  assert.equal(signedAt('2026-01-31T11:45:00Z', noon), noon - mostSkewMs)
  for (const text of ['2026-01-31T12:15:01Z', '2026-01-31T11:44:59Z', '2016-03-28T03:13:08Z'])
    assert.throws(
      () => signedAt(text, noon),
      (error) => refused('RequestExpired')(error) && !(error as Problem).facts.illegal,
    )
  for (const text of [
    undefined,
    '',
    '2026-02-30T12:00:00Z',
    '2026-01-31 12:00:00',
    '1769860800',
    '2026-01-31T12:00:00+00:00',
  ])
    assert.throws(
      () => signedAt(text, noon),
      (error) => refused('RequestExpired')(error) && (error as Problem).facts.illegal === true,
    )
})
