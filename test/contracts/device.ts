/**
 * What every device must do, whatever computes in it (src/domain/ports.ts). Every spec meets every operation with every
 * algorithm: each either works or gives its own Problem; none crashes (CVE-2026-55776).
 *
 *     deviceContract('software', async () => createSoftwareDevice({ ... }))
 */
import assert from 'node:assert/strict'
import { constants, createCipheriv, createHmac, createPublicKey, hash, publicEncrypt } from 'node:crypto'
import { after, test } from 'node:test'
import { associatedData, decodeEnvelope, encodeHeader } from '../../src/domain/envelope.ts'
import { Problem, type ProblemCode } from '../../src/domain/errors.ts'
import type { KeyVersion, MaterialBinding, WrappingKeySpec } from '../../src/domain/key.ts'
import type { Device, ImportedMaterial, NewMaterial, Signable, WrappingAlgorithm } from '../../src/domain/ports.ts'
import {
  type Algorithm,
  algorithmsOf,
  defaultUsage,
  type EncryptionAlgorithm,
  type KeySpec,
  type KeyUsage,
  keySpecs,
  keyUsages,
  type MacAlgorithm,
  type SigningAlgorithm,
  specs,
} from '../../src/domain/specs.ts'
import { seededRandom } from '../seeded-random.ts'

export function deviceContract(
  name: string,
  open: () => Promise<Device>,
  { importAlgorithms = everyWrappingAlgorithm, importSpecs = keySpecs }: ImportLimits = {},
): void {
  let opened: Promise<Device> | undefined
  const device = () => {
    opened ??= open()
    return opened
  }
  after(async () => (await opened)?.close())

  /** One key of each spec for the whole suite: an RSA pair takes its time. */
  const keys = new Map<KeySpec, Promise<KeyVersion>>()
  function keyOf(spec: KeySpec): Promise<KeyVersion> {
    let key = keys.get(spec)
    if (key === undefined) {
      key = newKey(spec)
      keys.set(spec, key)
    }
    return key
  }
  async function newKey(spec: KeySpec): Promise<KeyVersion> {
    const binding = newBinding(spec)
    return versionOf(binding, await (await device()).generate(binding))
  }
  async function supportedSpecs(family?: string): Promise<readonly KeySpec[]> {
    const { supports } = await device()
    const known = keySpecs.filter((spec) => keyUsages.some((usage) => supports(spec, usage)))
    return known.filter((spec) => family === undefined || specs[spec].family === family)
  }
  /** The requirement that a fact proves stands first. */
  const fact = (text: string, body: () => Promise<void>) =>
    test(text.replace(/^((?:R\d+,? ?)+: )?/, `$1${name}: `), body)

  // ------------------------------------------------------------------------------------------------ specs and operations

  fact('the known answers are given', async () => {
    await (await device()).selfTest()
    assert.ok((await device()).healthy())
  })

  fact('a usage is supported only where the spec has it', async () => {
    const { supports } = await device()
    for (const spec of keySpecs)
      for (const usage of keyUsages)
        assert.ok(!supports(spec, usage) || algorithmsOf(spec, usage).length > 0, `${spec} ${usage}`)
  })

  fact('a key of every spec is made, sealed, with a public key exactly where it is a pair', async () => {
    for (const spec of await supportedSpecs()) {
      const key = await keyOf(spec)
      assert.match(key.sealed ?? '', /^[A-Za-z0-9+/]+=*$/, spec)
      assert.equal(key.publicKey !== undefined, specs[spec].family === 'asymmetric', spec)
      if (key.publicKey !== undefined)
        assert.ok(createPublicKey({ key: Buffer.from(key.publicKey, 'base64'), format: 'der', type: 'spki' }))
    }
  })

  fact(
    'every spec meets every operation with every algorithm: it works, or is refused for its spec or algorithm',
    async () => {
      const under = await device()
      const wrong: string[] = []
      let [worked, refused] = [0, 0]
      for (const spec of await supportedSpecs()) {
        const key = await keyOf(spec)
        for (const { operation, usage, family, algorithms, run } of everyOperation) {
          for (const algorithm of algorithms) {
            const can =
              algorithmsOf(spec, usage).includes(algorithm ?? algorithmsOf(spec, usage)[0]!) &&
              (family === undefined || specs[spec].family === family) &&
              under.supports(spec, usage)
            const outcome = await outcomeOf(run(under, key, algorithm))
            const right = can ? outcome === 'works' : outcome === 'KeySpecMismatch' || outcome === 'AlgorithmMismatch'
            if (can) worked += 1
            else refused += 1
            if (!right)
              wrong.push(`${spec} ${operation} ${algorithm ?? ''}: ${outcome}, should ${can ? 'work' : 'be refused'}`)
          }
        }
      }
      assert.deepEqual(wrong, [])
      assert.ok(worked > 0 && refused > worked)
    },
  )

  fact(
    'whatever is given to any operation, the answer is a value or a Problem of the caller, never a crash',
    async () => {
      const under = await device()
      const random = seededRandom('odd inputs')
      const wrong: string[] = []
      for (const spec of await supportedSpecs()) {
        const key = await keyOf(spec)
        for (const length of [0, 1, 16, 32, 40, 64, 91, 256, 700]) {
          const bytes = random.bytes(length)
          for (const [operation, run] of Object.entries(oddly(under, key, bytes))) {
            const outcome = await outcomeOf(run())
            if (outcome !== 'works' && (notTheCallers as readonly string[]).includes(outcome))
              wrong.push(`${spec} ${operation} of ${length} bytes: ${outcome}`)
          }
        }
      }
      assert.deepEqual(wrong, [])
    },
  )

  fact('R26: an AES_256 key encrypts and decrypts, and refuses to sign', async () => {
    const under = await device()
    if (!under.supports('AES_256', 'ENCRYPT_DECRYPT')) return
    const key = await keyOf('AES_256')
    const body = await under.encrypt(key, text('data'), text('context'))
    assert.deepEqual(bytesOf(await under.decrypt(key, body, text('context'))), text('data'))
    await assert.rejects(
      under.sign(key, 'RSASSA_PSS_SHA_256', { type: 'RAW', message: text('data') }),
      isProblem('KeySpecMismatch'),
    )
  })

  // -------------------------------------------------------------------------------------------------------- symmetric keys

  fact('R24: what a symmetric key encrypts it decrypts, at every length and under the same context only', async () => {
    const under = await device()
    for (const spec of await supportedSpecs('symmetric')) {
      const key = await keyOf(spec)
      for (const length of [0, 1, 15, 16, 17, 1_000, 6_144]) {
        const plaintext = Buffer.alloc(length, length)
        const body = await under.encrypt(key, plaintext, text('context'))
        assert.deepEqual(bytesOf(await under.decrypt(key, body, text('context'))), plaintext)
        await assert.rejects(under.decrypt(key, body, text('Context')), isProblem('InvalidCiphertext'))
        await assert.rejects(under.decrypt(key, body, text('')), isProblem('InvalidCiphertext'))
      }
    }
  })

  fact('the number of the algorithm is known for symmetric keys, and is one of its own', async () => {
    const under = await device()
    const numbers = new Map<number, KeySpec>()
    for (const spec of await supportedSpecs()) {
      if (specs[spec].family !== 'symmetric') {
        assert.throws(() => under.envelopeAlgorithm(spec), isProblem('KeySpecMismatch'), spec)
        continue
      }
      const number = under.envelopeAlgorithm(spec)
      assert.ok(number >= 1 && number <= 255 && !numbers.has(number))
      numbers.set(number, spec)
    }
  })

  fact('an altered, cut, longer or foreign ciphertext is refused, always with the same words', async () => {
    const under = await device()
    const said = new Set<string>()
    for (const spec of await supportedSpecs('symmetric')) {
      const key = await keyOf(spec)
      const other = await newKey(spec)
      const body = await under.encrypt(key, text('data'), text('context'))
      const bad: Uint8Array[] = [
        new Uint8Array(0),
        body.subarray(1),
        Buffer.concat([body, body]),
        Buffer.alloc(body.length),
      ]
      for (let at = 0; at < body.length; at += 3) {
        bad.push(body.subarray(0, at))
        const altered = Uint8Array.from(body)
        altered[at]! ^= 0x80
        bad.push(altered)
      }
      bad.push(await under.encrypt(other, text('data'), text('context')))
      for (const ciphertext of bad)
        await assert.rejects(under.decrypt(key, ciphertext, text('context')), (error: unknown) => {
          assert.ok(error instanceof Problem && error.code === 'InvalidCiphertext', `${spec}: ${error}`)
          said.add(`${error.message} ${error.mend}`)
          return true
        })
    }
    assert.ok(said.size <= 1, [...said].join(' / '))
  })

  fact('no two encryptions of the same data are alike', async () => {
    const under = await device()
    for (const spec of await supportedSpecs('symmetric')) {
      const key = await keyOf(spec)
      const beginnings = new Set<string>()
      for (let count = 0; count < 300; count += 1) {
        const body = await under.encrypt(key, text('data'), text(''))
        beginnings.add(bytesOf(body).toString('hex', 0, 12))
      }
      assert.equal(beginnings.size, 300)
    }
  })

  fact(
    'R55: two keys with identical material do not decrypt each other, whatever the header is made to say',
    async () => {
      const under = await device()
      for (const spec of await supportedSpecs('symmetric')) {
        const one = await keyOf(spec)
        const binding = newBinding(spec)
        const other = versionOf(binding, { sealed: await under.rebind(one, binding) })
        const header = (key: KeyVersion) =>
          encodeHeader({ algorithm: under.envelopeAlgorithm(spec), keyId: key.keyId, versionId: key.versionId })
        const blob = Buffer.concat([
          header(one),
          await under.encrypt(one, text('data'), associatedData(header(one), {})),
        ])
        // The material is the same indeed.
        assert.deepEqual(
          bytesOf(await under.decrypt(other, blob.subarray(header(one).length), associatedData(header(one), {}))),
          text('data'),
        )
        // But what is decrypted under a key goes by that key's header.
        const renamed = Buffer.concat([header(other), blob.subarray(header(one).length)])
        const { headerBytes, body } = decodeEnvelope(renamed)
        await assert.rejects(
          under.decrypt(other, body, associatedData(headerBytes, {})),
          isProblem('InvalidCiphertext'),
        )
      }
    },
  )

  // -------------------------------------------------------------------------------------------------------------- MACs

  fact('a MAC verifies for its message, its key and in its whole length only', async () => {
    const under = await device()
    for (const spec of await supportedSpecs('mac')) {
      const key = await keyOf(spec)
      const algorithm = algorithmsOf(spec, 'GENERATE_VERIFY_MAC')[0] as MacAlgorithm
      for (const message of [text(''), text('message'), Buffer.alloc(4_096, 7)]) {
        const mac = await under.mac(key, algorithm, message)
        assert.equal(mac.length, specs[spec].materialBytes, spec)
        assert.deepEqual(bytesOf(await under.mac(key, algorithm, message)), bytesOf(mac))
        assert.equal(await under.verifyMac(key, algorithm, message, mac), true)
        assert.equal(await under.verifyMac(key, algorithm, text('other'), mac), false)
        assert.equal(await under.verifyMac(key, algorithm, message, mac.subarray(1)), false)
        assert.equal(await under.verifyMac(key, algorithm, message, new Uint8Array(0)), false)
        assert.equal(await under.verifyMac(await newKey(spec), algorithm, message, mac), false)
        const altered = Uint8Array.from(mac)
        altered[mac.length - 1]! ^= 1
        assert.equal(await under.verifyMac(key, algorithm, message, altered), false)
      }
    }
  })

  // ----------------------------------------------------------------------------------------------------------- key pairs

  fact(
    'R25, R27: what a public key encrypts its private key decrypts, and an altered ciphertext does not open',
    async () => {
      const under = await device()
      for (const spec of await supportedSpecs('asymmetric')) {
        if (!under.supports(spec, 'ENCRYPT_DECRYPT')) continue
        const key = await keyOf(spec)
        for (const algorithm of encryptionAlgorithms) {
          if (!algorithmsOf(spec, 'ENCRYPT_DECRYPT').includes(algorithm)) continue
          if ((await outcomeOf(under.asymmetricEncrypt(key, algorithm, text('data')))) === 'AlgorithmMismatch') continue
          const ciphertext = await under.asymmetricEncrypt(key, algorithm, text('data'))
          assert.deepEqual(bytesOf(await under.asymmetricDecrypt(key, algorithm, ciphertext)), text('data'))
          for (const at of [0, 5, ciphertext.length >> 1, ciphertext.length - 1]) {
            const altered = Uint8Array.from(ciphertext)
            altered[at]! ^= 1
            await assert.rejects(under.asymmetricDecrypt(key, algorithm, altered), isProblem('InvalidCiphertext'))
          }
          await assert.rejects(
            under.asymmetricDecrypt(key, algorithm, Buffer.concat([ciphertext, Buffer.alloc(1)])),
            isProblem('InvalidCiphertext'),
          )
        }
      }
    },
  )

  fact('R25, R27: a signature verifies for its message, and a digest stands for its message', async () => {
    const under = await device()
    for (const spec of await supportedSpecs('asymmetric')) {
      if (!under.supports(spec, 'SIGN_VERIFY')) continue
      const key = await keyOf(spec)
      for (const algorithm of algorithmsOf(spec, 'SIGN_VERIFY') as readonly SigningAlgorithm[]) {
        let signed = 0
        for (const [message, other] of signables(algorithm)) {
          const outcome = await outcomeOf(under.sign(key, algorithm, message))
          if (outcome === 'InvalidRequest') {
            await assert.rejects(under.verify(key, algorithm, message, Buffer.alloc(64)), isProblem('InvalidRequest'))
            continue
          }
          assert.equal(outcome, 'works', `${spec} ${algorithm} ${message.type}`)
          signed += 1
          const signature = await under.sign(key, algorithm, message)
          assert.equal(
            await under.verify(key, algorithm, message, signature),
            true,
            `${spec} ${algorithm} ${message.type}`,
          )
          assert.equal(await under.verify(key, algorithm, other, signature), false)
          for (const bad of [new Uint8Array(0), signature.subarray(1), Buffer.concat([signature, signature])])
            assert.equal(await under.verify(key, algorithm, message, bad), false)
          const altered = Uint8Array.from(signature)
          altered[signature.length - 1]! ^= 1
          assert.equal(await under.verify(key, algorithm, message, altered), false)
          const stranger = spec.startsWith('RSA') ? undefined : await newKey(spec)
          if (stranger !== undefined) assert.equal(await under.verify(stranger, algorithm, message, signature), false)
        }
        assert.ok(signed > 0, `${spec} ${algorithm} signs nothing`)
      }
    }
  })

  fact('an RSA signature without its leading zero byte is not valid: no signature has two forms', async () => {
    const under = await device()
    if (!under.supports('RSA_2048', 'SIGN_VERIFY')) return
    const key = await keyOf('RSA_2048')
    const algorithm = 'RSASSA_PSS_SHA_256'
    const message: Signable = { type: 'RAW', message: text('message') }
    // PSS is salted: one signature in 256 begins with a zero byte.
    for (let count = 0; count < 4_000; count += 1) {
      const signature = await under.sign(key, algorithm, message)
      if (signature[0] !== 0) continue
      assert.equal(await under.verify(key, algorithm, message, signature), true)
      assert.equal(await under.verify(key, algorithm, message, signature.subarray(1)), false)
      assert.equal(await under.verify(key, algorithm, message, Buffer.concat([Buffer.alloc(1), signature])), false)
      return
    }
    assert.fail('no signature begins with a zero byte')
  })

  fact('both sides agree on one secret, as long as the field', async () => {
    const under = await device()
    const fieldBytes: Partial<Record<KeySpec, number>> = { EC_P256: 32, EC_P384: 48, EC_P521: 66, SM2: 32 }
    for (const spec of await supportedSpecs('asymmetric')) {
      if (!under.supports(spec, 'KEY_AGREEMENT')) continue
      const [one, other] = [await keyOf(spec), await newKey(spec)]
      const secret = await under.agree(one, publicKeyOf(other))
      assert.equal(secret.length, fieldBytes[spec])
      assert.deepEqual(bytesOf(await under.agree(other, publicKeyOf(one))), bytesOf(secret))
      const stranger = await newKey(spec === 'EC_P256' ? 'EC_P384' : 'EC_P256')
      await assert.rejects(under.agree(one, publicKeyOf(stranger)), isProblem('InvalidPublicKey'))
    }
  })

  fact('what is encapsulated only the private key decapsulates', async () => {
    const under = await device()
    for (const spec of await supportedSpecs('asymmetric')) {
      if (!under.supports(spec, 'ENCAPSULATE_DECAPSULATE')) continue
      const key = await keyOf(spec)
      const { ciphertext, sharedSecret } = await under.encapsulate(key)
      assert.equal(sharedSecret.length, 32)
      assert.deepEqual(bytesOf(await under.decapsulate(key, ciphertext)), bytesOf(sharedSecret))
      assert.notDeepEqual(bytesOf(await under.decapsulate(await newKey(spec), ciphertext)), bytesOf(sharedSecret))
      await assert.rejects(under.decapsulate(key, ciphertext.subarray(1)), isProblem('InvalidCiphertext'))
    }
  })

  fact('a key pair for the caller is one, and none is made of a spec that is no pair', async () => {
    const under = await device()
    for (const spec of keySpecs) {
      if (specs[spec].family !== 'asymmetric') {
        await assert.rejects(under.generateKeyPair(spec), isProblem('KeySpecMismatch'), spec)
        continue
      }
      // Of the RSA specs one stands for the three.
      if (spec === 'RSA_3072' || spec === 'RSA_4096' || !under.supports(spec, defaultUsage(spec))) continue
      const { privateKey, publicKey } = await under.generateKeyPair(spec)
      const half = createPublicKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' } as never)
      assert.deepEqual(half.export({ format: 'der', type: 'spki' }), bytesOf(publicKey), spec)
    }
  })

  // -------------------------------------------------------------------------------------------------------------- binding

  fact('material opens under its own binding only', async () => {
    const under = await device()
    for (const spec of ['AES_256', 'SM4', 'HMAC_SHA_256', 'EC_P256'] as const) {
      if (!(await supportedSpecs()).includes(spec)) continue
      const key = await keyOf(spec)
      const strangers: readonly Partial<KeyVersion>[] = [
        { account: '210987654321' },
        { region: 'elsewhere' },
        { keyId: newBinding(spec).keyId },
        { versionId: newBinding(spec).versionId },
        // Words that would run together without their lengths.
        { account: `${key.account}${key.region[0]}`, region: key.region.slice(1) },
      ]
      for (const stranger of strangers)
        await assert.rejects(anyUse(under, Object.freeze({ ...key, ...stranger })), isProblem('Internal'), spec)
      const altered = Buffer.from(key.sealed ?? '', 'base64')
      altered[altered.length - 1]! ^= 1
      const sealed = altered.toString('base64') as NonNullable<KeyVersion['sealed']>
      await assert.rejects(anyUse(under, { ...key, sealed }), isProblem('Internal'))
      // What may change about a version does not matter.
      await anyUse(under, Object.freeze({ ...key, revision: 9, number: 3, createdAt: 0 }))
    }
  })

  fact('material does not open as another spec', async () => {
    const under = await device()
    const usable = await supportedSpecs()
    for (const [made, taken] of [
      ['HMAC_SHA_256', 'AES_256'],
      ['AES_256', 'HMAC_SHA_256'],
      ['HMAC_SM3', 'AES_256'],
      ['EC_P256', 'EC_SECP256K1'],
    ] as const) {
      if (!usable.includes(made) || !usable.includes(taken)) continue
      await assert.rejects(
        anyUse(under, { ...(await keyOf(made)), spec: taken }),
        isProblem('Internal'),
        `${made} as ${taken}`,
      )
    }
  })

  fact('a version whose imported material is gone says that it must be imported', async () => {
    const under = await device()
    const { sealed, ...rest } = await keyOf('AES_256')
    assert.ok(sealed !== undefined)
    await assert.rejects(anyUse(under, rest), isProblem('KeyPendingImport'))
  })

  fact('rebound material is the same material, under the new binding only', async () => {
    const under = await device()
    const key = await keyOf('AES_256')
    const replica = { ...newBinding('AES_256'), keyId: key.keyId, versionId: key.versionId, region: 'elsewhere' }
    const sealed = await under.rebind(key, replica)
    const body = await under.encrypt(key, text('data'), text(''))
    assert.deepEqual(bytesOf(await under.decrypt(versionOf(replica, { sealed }), body, text(''))), text('data'))
    await assert.rejects(anyUse(under, versionOf(key, { sealed })), isProblem('Internal'))
    await assert.rejects(under.rebind(key, { ...replica, spec: 'SM4' }), isProblem('KeySpecMismatch'))
  })

  // ------------------------------------------------------------------------------------------------------------ importing

  /** The strongest hash that the device imports with. */
  function usual(padding: 'RSAES_OAEP' | 'RSA_AES_KEY_WRAP'): Wrapping {
    const wrappingAlgorithm = importAlgorithms.find((algorithm) => algorithm.startsWith(padding))
    assert.ok(wrappingAlgorithm !== undefined)
    return { wrappingKeySpec: 'RSA_2048', wrappingAlgorithm }
  }

  async function imported(
    spec: KeySpec,
    material: Uint8Array,
    how: Wrapping,
    binding = newBinding(spec),
  ): Promise<ImportedMaterial> {
    const under = await device()
    const wrappingKeyBinding = { ...newBinding(spec), keyId: binding.keyId }
    const wrappingKey = await wrappingKeyOf(how.wrappingKeySpec, wrappingKeyBinding)
    return under.importMaterial({
      ...how,
      sealedWrappingKey: wrappingKey.sealed,
      wrappingKeyBinding: wrappingKey.binding,
      encryptedKeyMaterial: await wrap(under, material, how, wrappingKey.publicKey),
      binding,
    })
  }

  /** Made once: to make one is the slow part, and its binding is all that ties it to a key. */
  const wrappingKeys = new Map<WrappingKeySpec, Promise<WrappingKeyUnderTest>>()
  type WrappingKeyUnderTest = NewMaterial & { readonly publicKey: Uint8Array; readonly binding: MaterialBinding }
  function wrappingKeyOf(wrappingKeySpec: WrappingKeySpec, binding: MaterialBinding): Promise<WrappingKeyUnderTest> {
    let made = wrappingKeys.get(wrappingKeySpec)
    if (made === undefined) {
      made = device().then(async (under) => ({
        ...(await under.generateWrappingKey(wrappingKeySpec, binding)),
        binding,
      }))
      wrappingKeys.set(wrappingKeySpec, made)
    }
    return made
  }

  fact('material comes in by every way of wrapping, and computes what it computes outside', async () => {
    const under = await device()
    const material = seededRandom('imported').bytes(32)
    for (const how of await offered(under, everyWrapping)) {
      if (!importAlgorithms.includes(how.wrappingAlgorithm) || !importSpecs.includes('HMAC_SHA_256')) continue
      const binding = newBinding('HMAC_SHA_256')
      const { fingerprint, ...made } = await imported('HMAC_SHA_256', material, how, binding)
      const mac = await under.mac(versionOf(binding, made), 'HMAC_SHA_256', text('message'))
      assert.deepEqual(bytesOf(mac), createHmac('sha256', material).update('message').digest(), JSON.stringify(how))
      assert.ok(!fingerprint.includes(Buffer.from(material).toString('hex')))
    }
  })

  fact('a device unwraps what it says that it does, and refuses the rest', async () => {
    const under = await device()
    const said = everyWrappingAlgorithm.filter((algorithm) => under.unwraps('AES_256', 'RSA_2048', algorithm))
    assert.deepEqual(
      said,
      everyWrappingAlgorithm.filter((algorithm) => importAlgorithms.includes(algorithm) && algorithm !== 'SM2PKE'),
    )
    assert.equal(under.unwraps('AES_256', 'SM2', 'RSAES_OAEP_SHA_1'), false)
    const material = seededRandom('unwrapped').bytes(32)
    for (const spec of ['AES_256', 'HMAC_SHA_256'] as const)
      for (const wrappingAlgorithm of everyWrappingAlgorithm) {
        if (wrappingAlgorithm === 'SM2PKE') continue
        const importing = imported(spec, material, { wrappingKeySpec: 'RSA_2048', wrappingAlgorithm })
        if (under.unwraps(spec, 'RSA_2048', wrappingAlgorithm)) await importing
        else await assert.rejects(importing, isProblem('UnsupportedOperation'), `${spec} ${wrappingAlgorithm}`)
      }
  })

  fact('material of every spec can be imported, and its public key comes with it', async () => {
    const under = await device()
    const how = usual('RSA_AES_KEY_WRAP')
    for (const spec of await supportedSpecs()) {
      if (!importSpecs.includes(spec)) continue
      if (spec === 'RSA_3072' || spec === 'RSA_4096') continue
      const { materialBytes } = specs[spec]
      const pair = materialBytes === undefined ? await under.generateKeyPair(spec) : undefined
      const material = pair?.privateKey ?? seededRandom(spec).bytes(materialBytes ?? 0)
      const binding = newBinding(spec)
      const made = await imported(spec, material, how, binding)
      assert.deepEqual(made.publicKey && bytesOf(made.publicKey), pair && bytesOf(pair.publicKey), spec)
      await anyUse(under, versionOf(binding, made))
    }
  })

  fact(
    'R53: the fingerprint tells the same material from other material, and says nothing across keys and accounts',
    async () => {
      const how = usual('RSAES_OAEP')
      const [material, other] = [seededRandom('first').bytes(32), seededRandom('second').bytes(32)]
      const binding = newBinding('AES_256')
      const first = (await imported('AES_256', material, how, binding)).fingerprint
      assert.equal((await imported('AES_256', material, how, binding)).fingerprint, first)
      assert.equal((await imported('AES_256', material, how, { ...binding, region: 'elsewhere' })).fingerprint, first)
      assert.notEqual((await imported('AES_256', other, how, binding)).fingerprint, first)
      assert.notEqual(
        (await imported('AES_256', material, how, { ...binding, account: '210987654321' })).fingerprint,
        first,
      )
      const stranger = { ...binding, keyId: newBinding('AES_256').keyId }
      assert.notEqual((await imported('AES_256', material, how, stranger)).fingerprint, first)
    },
  )

  fact('material of a wrong length, or wrapped under another key, is refused with the mend', async () => {
    const under = await device()
    const how = usual('RSAES_OAEP')
    const mended = (error: unknown) => isProblem('InvalidKeyMaterial')(error) && (error as Problem).mend !== undefined
    for (const bytes of [1, 16, 31, 33, 64])
      await assert.rejects(imported('AES_256', new Uint8Array(bytes), how), mended)
    const own = await wrappingKeyOf('RSA_2048', newBinding('AES_256'))
    const stranger = await under.generateWrappingKey('RSA_2048', newBinding('AES_256'))
    const wrapped = {
      ...how,
      sealedWrappingKey: own.sealed,
      wrappingKeyBinding: own.binding,
      binding: newBinding('AES_256'),
      encryptedKeyMaterial: await wrap(under, new Uint8Array(32), how, stranger.publicKey),
    }
    await assert.rejects(under.importMaterial(wrapped), mended)
    await assert.rejects(under.importMaterial({ ...wrapped, encryptedKeyMaterial: new Uint8Array(0) }), mended)
  })

  fact('a wrapping key opens as a wrapping key of its own binding, and as nothing else', async () => {
    const under = await device()
    const how = usual('RSAES_OAEP')
    const own = await wrappingKeyOf('RSA_2048', newBinding('AES_256'))
    const encryptedKeyMaterial = await wrap(under, new Uint8Array(32), how, own.publicKey)
    const wrapped = { ...how, sealedWrappingKey: own.sealed, encryptedKeyMaterial, binding: newBinding('AES_256') }
    const other = { ...own.binding, keyId: newBinding('AES_256').keyId }
    await assert.rejects(under.importMaterial({ ...wrapped, wrappingKeyBinding: other }), isProblem('Internal'))
    await assert.rejects(
      under.importMaterial({ ...wrapped, wrappingKeySpec: 'RSA_3072', wrappingKeyBinding: own.binding }),
      isProblem('Internal'),
    )
    await assert.rejects(anyUse(under, versionOf({ ...own.binding, spec: 'RSA_2048' }, own)), isProblem('Internal'))
    await assert.rejects(anyUse(under, versionOf(own.binding, own)), isProblem('Internal'))
    // Also where the key to import into is of the wrapping key's own spec.
    const binding = newBinding('RSA_2048')
    const alike = await under.generateWrappingKey('RSA_2048', binding)
    await assert.rejects(anyUse(under, versionOf(binding, alike)), isProblem('Internal'))
    const key = await keyOf('RSA_2048')
    assert.ok(key.sealed !== undefined)
    await assert.rejects(
      under.importMaterial({ ...wrapped, sealedWrappingKey: key.sealed, wrappingKeyBinding: key }),
      isProblem('Internal'),
    )
  })

  // ------------------------------------------------------------------------------------------------------------- together

  fact('two hundred requests at once all get their own answer', async () => {
    const under = await device()
    const [aes, mac, pair] = [await keyOf('AES_256'), await keyOf('HMAC_SHA_256'), await keyOf('EC_P256')]
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const message = text(`message ${index}`)
        if (index % 3 === 0) {
          const body = await under.encrypt(aes, message, message)
          assert.deepEqual(bytesOf(await under.decrypt(aes, body, message)), message)
        } else if (index % 3 === 1)
          assert.ok(await under.verifyMac(mac, 'HMAC_SHA_256', message, await under.mac(mac, 'HMAC_SHA_256', message)))
        else {
          const signature = await under.sign(pair, 'ECDSA_SHA_256', { type: 'RAW', message })
          assert.ok(await under.verify(pair, 'ECDSA_SHA_256', { type: 'RAW', message }, signature))
        }
      }),
    )
  })

  fact('a closed device refuses everything, and is not healthy', async () => {
    const closing = await open()
    const binding = newBinding('AES_256')
    const key = versionOf(binding, await closing.generate(binding))
    await anyUse(closing, key)
    await closing.close()
    assert.equal(closing.healthy(), false)
    for (const refused of [
      anyUse(closing, key),
      closing.generate(binding),
      closing.generateKeyPair('EC_P256'),
      closing.rebind(key, binding),
    ])
      await assert.rejects(refused, isProblem('DeviceUnavailable'))
    await closing.close()
  })
}

// ------------------------------------------------------------------------------------------------------------------ helpers

const ids = seededRandom('contract ids')

export function newBinding(spec: KeySpec): MaterialBinding {
  return { account: '123456789012', region: 'local', keyId: ids.uuid(), versionId: ids.uuid(), spec }
}

/** Frozen, as a store gives them. */
export function versionOf(binding: MaterialBinding, { sealed, publicKey }: NewMaterial): KeyVersion {
  const { account, region, keyId, versionId, spec } = binding
  const version = { account, region, keyId, versionId, spec, revision: 1, number: 1, createdAt: 1_000, sealed }
  return Object.freeze(
    publicKey === undefined ? version : { ...version, publicKey: Buffer.from(publicKey).toString('base64') },
  )
}

const text = (words: string) => Buffer.from(words, 'utf8')
/** Deep equality asks for the same class too. */
const bytesOf = (bytes: Uint8Array) => Buffer.from(bytes)
const publicKeyOf = (key: KeyVersion) => Buffer.from(key.publicKey ?? '', 'base64')

function isProblem(...codes: readonly ProblemCode[]) {
  return (error: unknown): true => {
    assert.ok(error instanceof Problem, `not a Problem: ${error instanceof Error ? error.stack : error}`)
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`)
    return true
  }
}

/** `works`, the code of the Problem, or what else was thrown. */
async function outcomeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer
    return 'works'
  } catch (error) {
    return error instanceof Problem ? error.code : String(error)
  }
}

/** With these the service blames itself: no input may bring them about. */
const notTheCallers: readonly ProblemCode[] = [
  'Internal',
  'DeviceUnavailable',
  'Unavailable',
  'StoreUnavailable',
  'KeyUnavailable',
]

const encryptionAlgorithms = [
  'SYMMETRIC_DEFAULT',
  'RSAES_OAEP_SHA_1',
  'RSAES_OAEP_SHA_256',
  'SM2PKE',
] as const satisfies readonly EncryptionAlgorithm[]

function everyAlgorithmOf(usage: KeyUsage): readonly Algorithm[] {
  return [...new Set(keySpecs.flatMap((spec) => algorithmsOf(spec, usage)))]
}

type Operation = {
  readonly operation: string
  readonly usage: KeyUsage
  readonly family?: 'symmetric' | 'asymmetric'
  /** `undefined`: the operation takes none. */
  readonly algorithms: readonly (Algorithm | undefined)[]
  readonly run: (device: Device, key: KeyVersion, algorithm: Algorithm | undefined) => Promise<unknown>
}

/** With input that is right for the operation, so that what is refused is refused for the key. */
const everyOperation: readonly Operation[] = [
  {
    operation: 'encrypt',
    usage: 'ENCRYPT_DECRYPT',
    family: 'symmetric',
    algorithms: [undefined],
    run: (device, key) => device.encrypt(key, text('data'), text('')),
  },
  {
    operation: 'decrypt',
    usage: 'ENCRYPT_DECRYPT',
    family: 'symmetric',
    algorithms: [undefined],
    async run(device, key) {
      const body = await device.encrypt(key, text('data'), text('')).catch(() => new Uint8Array(64))
      return device.decrypt(key, body, text(''))
    },
  },
  {
    operation: 'asymmetricEncrypt',
    usage: 'ENCRYPT_DECRYPT',
    family: 'asymmetric',
    algorithms: encryptionAlgorithms,
    run: (device, key, algorithm) => device.asymmetricEncrypt(key, algorithm as EncryptionAlgorithm, text('data')),
  },
  {
    operation: 'asymmetricDecrypt',
    usage: 'ENCRYPT_DECRYPT',
    family: 'asymmetric',
    algorithms: encryptionAlgorithms,
    async run(device, key, algorithm) {
      const by = algorithm as EncryptionAlgorithm
      const ciphertext = await device.asymmetricEncrypt(key, by, text('data')).catch(() => new Uint8Array(64))
      return device.asymmetricDecrypt(key, by, ciphertext)
    },
  },
  {
    operation: 'sign',
    usage: 'SIGN_VERIFY',
    algorithms: everyAlgorithmOf('SIGN_VERIFY'),
    run: (device, key, algorithm) =>
      device.sign(key, algorithm as SigningAlgorithm, usualSignable(algorithm as SigningAlgorithm)),
  },
  {
    operation: 'verify',
    usage: 'SIGN_VERIFY',
    algorithms: everyAlgorithmOf('SIGN_VERIFY'),
    run: (device, key, algorithm) =>
      device.verify(key, algorithm as SigningAlgorithm, usualSignable(algorithm as SigningAlgorithm), Buffer.alloc(64)),
  },
  {
    operation: 'mac',
    usage: 'GENERATE_VERIFY_MAC',
    algorithms: everyAlgorithmOf('GENERATE_VERIFY_MAC'),
    run: (device, key, algorithm) => device.mac(key, algorithm as MacAlgorithm, text('data')),
  },
  {
    operation: 'verifyMac',
    usage: 'GENERATE_VERIFY_MAC',
    algorithms: everyAlgorithmOf('GENERATE_VERIFY_MAC'),
    run: (device, key, algorithm) => device.verifyMac(key, algorithm as MacAlgorithm, text('data'), Buffer.alloc(32)),
  },
  {
    operation: 'agree',
    usage: 'KEY_AGREEMENT',
    algorithms: [undefined],
    run: (device, key) => device.agree(key, publicKeyOf(key)),
  },
  {
    operation: 'encapsulate',
    usage: 'ENCAPSULATE_DECAPSULATE',
    algorithms: [undefined],
    run: (device, key) => device.encapsulate(key),
  },
  {
    operation: 'decapsulate',
    usage: 'ENCAPSULATE_DECAPSULATE',
    algorithms: [undefined],
    async run(device, key) {
      const ciphertext = await device.encapsulate(key).then(
        (encapsulated) => encapsulated.ciphertext,
        () => new Uint8Array(64),
      )
      return device.decapsulate(key, ciphertext)
    },
  },
]

/** Every operation that the key has at all, each time with the same bytes wherever bytes are asked for. */
function oddly(device: Device, key: KeyVersion, bytes: Uint8Array): Record<string, () => Promise<unknown>> {
  const calls: Record<string, () => Promise<unknown>> = {}
  const of = (usage: KeyUsage) => (device.supports(key.spec, usage) ? algorithmsOf(key.spec, usage) : [])
  for (const algorithm of of('ENCRYPT_DECRYPT') as readonly EncryptionAlgorithm[]) {
    if (algorithm === 'SYMMETRIC_DEFAULT') {
      calls.encrypt = () => device.encrypt(key, bytes, bytes)
      calls.decrypt = () => device.decrypt(key, bytes, bytes)
      continue
    }
    calls[`asymmetricEncrypt ${algorithm}`] = () => device.asymmetricEncrypt(key, algorithm, bytes)
    calls[`asymmetricDecrypt ${algorithm}`] = () => device.asymmetricDecrypt(key, algorithm, bytes)
  }
  for (const algorithm of of('SIGN_VERIFY') as readonly SigningAlgorithm[]) {
    const messages: readonly Signable[] = [
      { type: 'RAW', message: bytes },
      { type: 'DIGEST', digest: bytes },
      { type: 'EXTERNAL_MU', mu: bytes },
    ]
    for (const message of messages) {
      calls[`sign ${algorithm} ${message.type}`] = () => device.sign(key, algorithm, message, { signerId: bytes })
      calls[`verify ${algorithm} ${message.type}`] = () =>
        device.verify(key, algorithm, message, bytes, { signerId: bytes })
    }
    calls[`verify ${algorithm}`] = () => device.verify(key, algorithm, usualSignable(algorithm), bytes)
  }
  for (const algorithm of of('GENERATE_VERIFY_MAC') as readonly MacAlgorithm[]) {
    calls[`mac ${algorithm}`] = () => device.mac(key, algorithm, bytes)
    calls[`verifyMac ${algorithm}`] = () => device.verifyMac(key, algorithm, bytes, bytes)
  }
  if (of('KEY_AGREEMENT').length > 0) calls.agree = () => device.agree(key, bytes)
  if (of('ENCAPSULATE_DECAPSULATE').length > 0) calls.decapsulate = () => device.decapsulate(key, bytes)
  return calls
}

/** The simplest use that a key of the spec has. */
async function anyUse(device: Device, key: KeyVersion): Promise<unknown> {
  const usage = keyUsages.find((candidate) => device.supports(key.spec, candidate))
  assert.ok(usage !== undefined, `${key.spec} has no use here`)
  const algorithm = algorithmsOf(key.spec, usage)[0]
  switch (usage) {
    case 'ENCRYPT_DECRYPT': {
      if (specs[key.spec].family === 'symmetric') return device.encrypt(key, text('data'), text(''))
      const by = algorithm as EncryptionAlgorithm
      // To encrypt takes the public key alone; what is asked about is the private one.
      return device.asymmetricDecrypt(key, by, await device.asymmetricEncrypt(key, by, text('data')))
    }
    case 'SIGN_VERIFY':
      return device.sign(key, algorithm as SigningAlgorithm, usualSignable(algorithm as SigningAlgorithm))
    case 'GENERATE_VERIFY_MAC':
      return device.mac(key, algorithm as MacAlgorithm, text('data'))
    case 'KEY_AGREEMENT':
      return device.agree(key, publicKeyOf(key))
    case 'ENCAPSULATE_DECAPSULATE': {
      const { ciphertext } = await device.encapsulate(key)
      return device.decapsulate(key, ciphertext)
    }
  }
}

const digests: Readonly<Record<SigningAlgorithm, 'sha256' | 'sha384' | 'sha512' | 'sm3'>> = {
  RSASSA_PSS_SHA_256: 'sha256',
  RSASSA_PSS_SHA_384: 'sha384',
  RSASSA_PSS_SHA_512: 'sha512',
  RSASSA_PKCS1_V1_5_SHA_256: 'sha256',
  RSASSA_PKCS1_V1_5_SHA_384: 'sha384',
  RSASSA_PKCS1_V1_5_SHA_512: 'sha512',
  ECDSA_SHA_256: 'sha256',
  ECDSA_SHA_384: 'sha384',
  ECDSA_SHA_512: 'sha512',
  ED25519_SHA_512: 'sha512',
  ED25519_PH_SHA_512: 'sha512',
  SM2DSA: 'sm3',
  ML_DSA_SHAKE_256: 'sha512',
}

/** The message as each type has it, and another one of the same type. */
function signables(algorithm: SigningAlgorithm): readonly (readonly [Signable, Signable])[] {
  const digest = (message: string) => hash(digests[algorithm], message, 'buffer')
  return [
    [
      { type: 'RAW', message: text('message') },
      { type: 'RAW', message: text('another') },
    ],
    [
      { type: 'DIGEST', digest: digest('message') },
      { type: 'DIGEST', digest: digest('another') },
    ],
    [
      { type: 'EXTERNAL_MU', mu: Buffer.alloc(64, 1) },
      { type: 'EXTERNAL_MU', mu: Buffer.alloc(64, 2) },
    ],
  ]
}

/** Ed25519ph is made for digests; all others take the message itself. */
function usualSignable(algorithm: SigningAlgorithm): Signable {
  return algorithm === 'ED25519_PH_SHA_512'
    ? { type: 'DIGEST', digest: hash('sha512', 'message', 'buffer') }
    : { type: 'RAW', message: text('message') }
}

type Wrapping = { readonly wrappingKeySpec: WrappingKeySpec; readonly wrappingAlgorithm: WrappingAlgorithm }

/** What a device imports, where that is not everything: a token may lack a hash, and takes AES_256 material only. */
export type ImportLimits = {
  readonly importAlgorithms?: readonly WrappingAlgorithm[]
  readonly importSpecs?: readonly KeySpec[]
}

const everyWrappingAlgorithm: readonly WrappingAlgorithm[] = [
  'RSAES_OAEP_SHA_256',
  'RSAES_OAEP_SHA_1',
  'RSA_AES_KEY_WRAP_SHA_256',
  'RSA_AES_KEY_WRAP_SHA_1',
  'RSAES_PKCS1_V1_5',
  'SM2PKE',
]

const everyWrapping: readonly Wrapping[] = [
  ...(['RSA_2048', 'RSA_3072', 'RSA_4096'] as const).flatMap((wrappingKeySpec) =>
    (
      [
        'RSAES_OAEP_SHA_256',
        'RSAES_OAEP_SHA_1',
        'RSA_AES_KEY_WRAP_SHA_256',
        'RSA_AES_KEY_WRAP_SHA_1',
        'RSAES_PKCS1_V1_5',
      ] as const
    ).map((wrappingAlgorithm) => ({ wrappingKeySpec, wrappingAlgorithm })),
  ),
  { wrappingKeySpec: 'SM2', wrappingAlgorithm: 'SM2PKE' },
]

async function offered(device: Device, wrappings: readonly Wrapping[]): Promise<readonly Wrapping[]> {
  return wrappings.filter(
    ({ wrappingKeySpec }) =>
      wrappingKeySpec !== 'SM2' || (device.encryptFor !== undefined && device.supports('SM2', 'ENCRYPT_DECRYPT')),
  )
}

/** As the owner of the material does it, with tools of his own. */
async function wrap(
  device: Device,
  material: Uint8Array,
  { wrappingAlgorithm }: Wrapping,
  publicKey: Uint8Array,
): Promise<Uint8Array> {
  if (wrappingAlgorithm === 'SM2PKE') {
    assert.ok(device.encryptFor !== undefined)
    return device.encryptFor('SM2', publicKey, 'SM2PKE', material)
  }
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
  if (wrappingAlgorithm === 'RSAES_PKCS1_V1_5')
    return publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(material))
  const oaepHash = wrappingAlgorithm.endsWith('SHA_1') ? 'sha1' : 'sha256'
  const oaep = (bytes: Uint8Array) =>
    publicEncrypt({ key, oaepHash, padding: constants.RSA_PKCS1_OAEP_PADDING }, Buffer.from(bytes))
  if (!wrappingAlgorithm.startsWith('RSA_AES_KEY_WRAP')) return oaep(material)
  const kek = seededRandom('key encryption key').bytes(32)
  const wrapping = createCipheriv('id-aes256-wrap-pad', kek, Buffer.from('a65959a6', 'hex'))
  return Buffer.concat([oaep(kek), wrapping.update(material), wrapping.final()])
}
