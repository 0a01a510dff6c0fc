/**
 * Runs a file of C2SP/wycheproof (testvectors_v1). The vectors lie beside the project; where they are missing a test
 * says so and is skipped, or fails when KEYWARD_TEST_STRICT=1.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

export type Vector = {
  readonly tcId: number
  readonly comment: string
  readonly flags: readonly string[]
  readonly result: 'valid' | 'invalid' | 'acceptable'
}

/** `undefined`: the product cannot be asked this (an IV length it never has); such vectors are counted apart. */
export type Verdict = 'accepted' | 'refused' | undefined

const folder = new URL('../../../shared/vectors/wycheproof/', import.meta.url)

/**
 * Declares one test: every vector that can be asked is answered as wycheproof says; `acceptable` ones either way. `atLeast`
 * is how many must have been asked, so that a suite which skips everything fails.
 *
 *     wycheproof<AeadGroup, AeadVector>('sm4_gcm_test.json', { atLeast: 60, answer: (group, vector) => ... })
 */
export function wycheproof<Group, V extends Vector>(
  file: string,
  suite: {
    readonly name?: string
    readonly atLeast: number
    /** Anything that it throws fails the test: a refusal is a value. */
    readonly answer: (group: Group, vector: V) => Verdict | Promise<Verdict>
  },
): void {
  test(suite.name ?? `wycheproof: ${file}`, async (context) => {
    const path = new URL(file, folder)
    if (!existsSync(path)) {
      assert.notEqual(process.env.KEYWARD_TEST_STRICT, '1', `the test vectors ${file} are missing`)
      context.skip(`the test vectors ${file} are missing`)
      return
    }
    const { testGroups, numberOfTests } = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly numberOfTests: number
      readonly testGroups: readonly (Group & { readonly tests: readonly V[] })[]
    }
    const counts = { valid: 0, invalid: 0, acceptable: 0, notAsked: 0 }
    const wrong: string[] = []
    for (const group of testGroups) {
      for (const vector of group.tests) {
        const verdict = await suite.answer(group, vector)
        if (verdict === undefined) {
          counts.notAsked += 1
          continue
        }
        counts[vector.result] += 1
        const expected = { valid: 'accepted', invalid: 'refused', acceptable: verdict }[vector.result]
        if (verdict !== expected) wrong.push(`${vector.tcId} (${vector.comment || vector.flags.join()}): ${verdict}`)
      }
    }
    const asked = counts.valid + counts.invalid + counts.acceptable
    context.diagnostic(`${file}: ${JSON.stringify(counts)}`)
    assert.deepEqual(wrong, [])
    assert.equal(asked + counts.notAsked, numberOfTests)
    assert.ok(asked >= suite.atLeast, `only ${asked} of ${numberOfTests} vectors were asked`)
  })
}

export function fromHex(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex')
}
