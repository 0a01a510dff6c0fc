/** The contract of every device, on the soft tokens. */
import { after, test } from 'node:test'
import type { WrappingAlgorithm } from '../../src/domain/ports.ts'
import { deviceContract } from '../contracts/device.ts'
import { missing, openToken, type SoftVendor, softVendors } from './tokens.ts'

const imports: Readonly<Record<SoftVendor, readonly WrappingAlgorithm[]>> = {
  softhsm2: ['RSAES_OAEP_SHA_1', 'RSA_AES_KEY_WRAP_SHA_1'],
  nss: ['RSAES_OAEP_SHA_256', 'RSAES_OAEP_SHA_1', 'RSA_AES_KEY_WRAP_SHA_256', 'RSA_AES_KEY_WRAP_SHA_1'],
}

for (const vendor of softVendors) {
  const reason = missing(vendor)
  if (reason !== undefined) {
    test(`${vendor}: the device contract`, { skip: reason })
    continue
  }
  const disposals: (() => unknown)[] = []
  after(async () => {
    for (const dispose of disposals) await dispose()
  })
  deviceContract(
    vendor,
    async () => (await openToken({ after: (dispose) => disposals.push(dispose) }, vendor)).device,
    {
      importAlgorithms: imports[vendor],
      importSpecs: ['AES_256'],
    },
  )
}
