/**
 * Once DisableKey was answered, no node uses the key: three real nodes over a real PostgreSQL, under load, of which one
 * after the other is cut off from the database, frozen, and given a wrong time. What the clients saw is checked for
 * linearizability (revocation-history.ts).
 */
import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { base64 } from '../service.ts'
import { type Answer, type Cluster, type Node, startCluster } from './cluster.ts'
import { type Event, violationsOf } from './revocation-history.ts'

const leaseMs = 800
const keys = 60
const wantedRounds = 1_000
/** On a machine that has much else to do there are fewer rounds; then the test says so. */
const longestMs = 150_000
const leastRounds = 250
/** Longer than a lease: the others have gone on without the node by then. */
const faultMs = leaseMs * 2.5
const pauseMs = leaseMs / 2
/** A request that was not answered yet: another one is sent beside it, so that some are asked at any time. */
const impatienceMs = 60
const mostUnanswered = 6

test('once DisableKey is answered, no answer of any node has used the key, whatever happens to nodes', async (context) => {
  const cluster = await startCluster(context, { nodes: 3, leaseMs })
  if (cluster === undefined) return
  try {
    context.diagnostic(`nodes in ${cluster.network}`)
    await proveRevocation(cluster, (words) => context.diagnostic(words))
  } finally {
    await cluster.stop()
  }
})

async function proveRevocation(cluster: Cluster, say: (words: string) => void): Promise<void> {
  const { nodes } = cluster
  const ids: string[] = []
  const history: Event[] = []
  const codes = new Map<string, number>()
  let rounds = 0
  let done = false
  /** Who has a fault just now: changes are mostly asked of the others. */
  const faulty = new Set<Node>()

  async function ask(
    kind: Event['kind'],
    key: string,
    node: Node,
    act: () => Promise<Answer>,
  ): Promise<Answer | undefined> {
    const askedAt = performance.now()
    let answer: Answer | undefined
    try {
      answer = await act()
    } catch {
      // No answer: it may have happened.
    }
    const answeredAt = answer === undefined ? Number.POSITIVE_INFINITY : performance.now()
    const outcome = outcomeOf(kind, answer)
    history.push({ key, kind, node: node.name, askedAt, answeredAt, outcome })
    const code = `${kind} ${answer?.code ?? (answer === undefined ? 'no answer' : 'done')}`
    codes.set(code, (codes.get(code) ?? 0) + 1)
    return answer
  }

  const plaintext = base64('used')
  const use = (key: string, node: Node) =>
    ask('use', key, node, () => node.call('POST', `/v1/keys/${key}/encrypt`, { plaintext }))
  const change = (kind: 'revoke' | 'restore', key: string, node: Node) =>
    ask(kind, key, node, () => node.call('POST', `/v1/keys/${key}/${kind === 'revoke' ? 'disable' : 'enable'}`))

  /** Of one key at one node: always at least one request under way. */
  async function keepUsing(key: string, node: Node): Promise<void> {
    const unanswered = new Set<Promise<unknown>>()
    while (!done) {
      const one = use(key, node).finally(() => unanswered.delete(one))
      unanswered.add(one)
      await Promise.race([one, wait(impatienceMs, undefined, { ref: false })])
      if (unanswered.size >= mostUnanswered) await Promise.race(unanswered)
      // The nodes share two processors with whoever asks.
      await wait(25)
    }
    await Promise.all(unanswered)
  }

  const someNode = () => {
    const well = nodes.filter((node) => !faulty.has(node))
    const from = Math.random() < 0.1 ? nodes : well
    return from[Math.floor(Math.random() * from.length)] as Node
  }

  async function changeUntilDone(kind: 'revoke' | 'restore', key: string): Promise<void> {
    while ((await change(kind, key, someNode()))?.status !== 200) await wait(10)
  }

  /** Revoke, look on for a while, restore, look on. */
  async function keepChanging(key: string): Promise<void> {
    while (!done) {
      await changeUntilDone('revoke', key)
      rounds++
      // Long enough that uses are asked and answered while it is revoked, also where they take long.
      await wait(100 + 200 * Math.random())
      await changeUntilDone('restore', key)
      await wait(15)
    }
  }

  const faults: Record<string, { begin(node: Node): void; end(node: Node): void }> = {
    'cut off': { begin: (node) => node.cutOff(), end: (node) => node.mend() },
    frozen: { begin: (node) => node.freeze(), end: (node) => node.resume() },
    'frozen and cut off': {
      begin: (node) => {
        node.cutOff()
        node.freeze()
      },
      end: (node) => {
        node.resume()
        node.mend()
      },
    },
  }
  if (nodes.every(({ setClockOff }) => setClockOff !== undefined)) {
    faults['in another time'] = {
      begin: (node) => node.setClockOff?.(Math.random() < 0.5 ? 45_000 : -45_000),
      end: (node) => node.setClockOff?.(0),
    }
    // Who counted by the wall clock would believe in the lease for a long time.
    faults['set back and cut off'] = {
      begin: (node) => {
        node.cutOff()
        node.setClockOff?.(-3_600_000)
      },
      end: (node) => {
        node.setClockOff?.(0)
        node.mend()
      },
    }
  } else {
    const why = 'libfaketime is not installed: no node is given a wrong time'
    if (process.env.KEYWARD_TEST_STRICT === '1') throw new Error(why)
    say(`SKIPPED: ${why}`)
  }

  /** Has it a lease again? What takes longer is past that question. */
  async function untilReady(node: Node): Promise<void> {
    const answer = () => node.call('POST', `/v1/keys/${ids[0]}/encrypt`, { plaintext })
    const patience = wait(leaseMs, undefined, { ref: false })
    for (;;) {
      const told = await Promise.race([answer().catch(() => undefined), patience])
      if (told?.code !== 'Unavailable') return
      await wait(20)
    }
  }

  async function keepBreaking(): Promise<void> {
    const until = performance.now() + longestMs
    for (let turn = 0; turn === 0 || (rounds < wantedRounds && performance.now() < until); turn++)
      for (const { begin, end } of Object.values(faults))
        for (const node of nodes) {
          if (performance.now() > until || (turn > 0 && rounds >= wantedRounds)) continue
          faulty.add(node)
          begin(node)
          await wait(faultMs * (0.6 + 0.6 * Math.random()))
          end(node)
          // All are well when the next one is broken: otherwise nobody would answer from memory.
          await untilReady(node)
          faulty.delete(node)
          await wait(pauseMs)
        }
    done = true
  }

  for (let made = 0; made < keys; made++) {
    const answer = await (nodes[made % nodes.length] as Node).call('POST', '/v1/keys', {})
    assert.equal(answer.status, 200, answer.body)
    ids.push(JSON.parse(answer.body).key.keyId)
  }
  const began = performance.now()
  const clients = ids.flatMap((key) => [keepChanging(key), ...nodes.map((node) => keepUsing(key, node))])
  await Promise.all([keepBreaking(), ...clients])

  const seconds = (performance.now() - began) / 1000
  say(`${rounds} rounds, ${history.length} requests in ${seconds.toFixed(0)} s; ${[...codes].map(String).join('; ')}`)
  const violations = violationsOf(history)
  assert.deepEqual(violations.slice(0, 5), [], `${violations.length} uses after the revocation was answered`)
  if (rounds < wantedRounds) say(`This machine was too busy for ${wantedRounds} rounds in ${longestMs / 1000} s.`)
  assert.ok(rounds >= leastRounds)
  for (const node of nodes) {
    const uses = history.filter((event) => event.kind === 'use' && event.node === node.name)
    assert.ok(uses.filter(({ outcome }) => outcome === 'done').length > leastRounds, `${node.name} was not under load`)
  }
  // Otherwise nothing was shown: there were answers that only the lease held back, and keys that were found disabled.
  assert.ok((codes.get('use Unavailable') ?? 0) > 0)
  assert.ok((codes.get('use KeyDisabled') ?? 0) > leastRounds)
}

function outcomeOf(kind: Event['kind'], answer: Answer | undefined): Event['outcome'] {
  if (answer === undefined) return 'unknown'
  if (answer.status === 200) return 'done'
  // Of a change that could not be seen through it is not said that it was not made.
  return kind !== 'use' && answer.status >= 500 ? 'unknown' : 'refused'
}
