import assert from 'node:assert/strict'
import { BlockList, isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { blockHolds, parseAddress, parseBlock } from './internet-address.ts'

const holds = (block: string, address: string): boolean | undefined => {
  const [parsedBlock, parsedAddress] = [parseBlock(block), parseAddress(address)]
  return parsedBlock && parsedAddress && blockHolds(parsedBlock, parsedAddress)
}

test('an address is in its block, whichever way it is written', () => {
  assert.equal(holds('10.0.0.0/8', '10.255.0.1'), true)
  assert.equal(holds('10.0.0.0/8', '11.0.0.1'), false)
  assert.equal(holds('0.0.0.0/0', '255.255.255.255'), true)
  assert.equal(holds('203.0.113.7', '203.0.113.7'), true)
  assert.equal(holds('192.0.2.129/25', '192.0.2.200'), true)
  assert.equal(holds('2001:db8::/32', '2001:0DB8:0:0::1'), true)
  assert.equal(holds('::1', '0:0:0:0:0:0:0:1'), true)
  assert.equal(holds('::ffff:10.0.0.0/104', '10.1.2.3'), true)
  assert.equal(holds('10.0.0.0/8', '::ffff:10.1.2.3'), true)
  assert.equal(holds('10.0.0.0/8', '::ffff:a01:203'), true)
  assert.equal(holds('::/0', '10.1.2.3'), false)
  assert.equal(holds('0.0.0.0/0', '2001:db8::1'), false)
})

test('what is no address or block is refused', () => {
  for (const text of [
    '',
    '10',
    '10.0.0',
    '10.0.0.0.0',
    '010.0.0.1',
    '256.0.0.1',
    '1.2.3.4 ',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    '::1.2.3',
    'g::',
    '1:2:3:4:5:6:7:',
    '::1.2.3.4:5',
  ])
    assert.equal(parseAddress(text), undefined, text)
  for (const text of [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '::/129',
    '::ffff:10.0.0.0/95',
    '/8',
    '10.0.0.0/8/8',
  ])
    assert.equal(parseBlock(text), undefined, text)
})

test("Node's own list of blocks agrees on every address", () => {
  const v4 = fc.ipV4()
  const v6 = fc.ipV6()
  fc.assert(
    fc.property(fc.oneof(fc.tuple(v4, v4, fc.nat(32)), fc.tuple(v6, v6, fc.nat(128))), ([network, address, prefix]) => {
      const family = isIP(network) === 4 ? 'ipv4' : 'ipv6'
      const list = new BlockList()
      list.addSubnet(network, prefix, family)
      // A mapped address is IPv4 to us; both ends of such a pair are tested above.
      fc.pre(
        parseAddress(network)?.bits === parseAddress(address)?.bits &&
          parseAddress(network)?.bits === (family === 'ipv4' ? 32 : 128),
      )
      assert.equal(holds(`${network}/${prefix}`, address), list.check(address, family))
      assert.equal(holds(`${network}/${prefix}`, network), true)
    }),
    { numRuns: 2000 },
  )
})
