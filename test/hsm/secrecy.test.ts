import assert from 'node:assert/strict'
import { fork, spawnSync } from 'node:child_process'
import { constants, createDecipheriv, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, globSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { vendors } from '../../src/devices/pkcs11/vendors.ts'
import { missing, newVersion, openToken, softToken } from './tokens.ts'

const skip = missing('softhsm2') ?? (process.platform === 'linux' ? false : 'only Linux shows the memory of a process')

test('R33: key material is nowhere in the memory of the service and of the agent, nor in any file', {
  skip,
}, async (t) => {
  const { connection, directory, pin } = await softToken(t, 'softhsm2')
  const service = fork(join(import.meta.dirname, 'service.ts'), [JSON.stringify(connection)], {
    serialization: 'advanced',
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  t.after(() => service.kill('SIGKILL'))
  const [started] = await once(service, 'message')
  // Of a pair that the token made, all the world knows is the modulus: whatever divides it is a private half. SoftHSM
  // computes in the agent's own memory, and frees one pair of four without wiping it: the C library does it.
  const ofToken: readonly bigint[] = started.rsaPublicKeys.map(modulusOf)
  const none = ofToken.map(() => 0)
  assert.deepEqual(primeFactors(started.agent, ofToken), none)

  // Known to the test alone: the service sees it wrapped, and only the token unwraps it.
  const material = randomBytes(32)
  const keep = randomBytes(32)
  const key = createPublicKey({ key: Buffer.from(started.publicKey), format: 'der', type: 'spki' })
  const oaepHash = started.wrappingAlgorithm === 'RSAES_OAEP_SHA_1' ? 'sha1' : 'sha256'
  const encryptedKeyMaterial = publicEncrypt({ key, oaepHash, padding: constants.RSA_PKCS1_OAEP_PADDING }, material)
  service.send({ encryptedKeyMaterial, keep })
  const [{ sealed, body }] = await once(service, 'message')

  const decipher = createDecipheriv('aes-256-gcm', material, body.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(Buffer.from('context')).setAuthTag(body.subarray(-16))
  const opened = Buffer.concat([decipher.update(body.subarray(12, -16)), decipher.final()])
  assert.equal(opened.toString(), 'plaintext', 'the token computes with this very material')

  const inService = occurrences(service.pid as number, [material, keep, Buffer.from(pin)])
  assert.ok((inService[1] as number) > 0, 'the search finds what is there')
  assert.equal(inService[0], 0)
  assert.equal(inService[2], 0, 'the PIN')
  // SoftHSM computes in the agent's own memory, and masks and wipes what it computed with.
  const [ofMaterial, ofCanary] = occurrences(started.agent, [material, Buffer.from('the token is well')])
  assert.ok((ofCanary as number) > 0)
  assert.equal(ofMaterial, 0, 'nor in the agent, while it computes nothing')

  const [ofOwn, ...inTheService] = primeFactors(service.pid as number, [modulusOf(started.ownPublicKey), ...ofToken])
  assert.ok((ofOwn as number) > 0, 'the search finds the primes of a pair that is there')
  assert.deepEqual(inTheService, none)

  assert.equal(Buffer.from(sealed, 'base64').includes(material), false)
  for (const file of globSync('**/*', { cwd: directory }))
    assert.equal(holds(join(directory, file), material), false, file)
})

test('R32: of the root key only its index is stored', { skip }, async (t) => {
  const { root, device, ...token } = await openToken(t, 'softhsm2')
  await device.encrypt(await newVersion(device, 'AES_256'), Buffer.from('plaintext'), Buffer.from('context'))
  assert.deepEqual(Object.keys(root).sort(), ['rootKeyId', 'rootKeyLabel'])
  assert.match(root.rootKeyId, /^[0-9a-f]{32}$/)
  const objects = globSync('**/*.object', { cwd: token.objects }).filter((file) => !file.endsWith('token.object'))
  assert.equal(objects.length, 3, 'the three parts of the root key, and nothing else')
})

test('the agent is told the PIN by no argument and no variable of its environment, and cannot be dumped', {
  skip,
}, async (t) => {
  const { device, pin } = await openToken(t, 'softhsm2')
  const agent = device.agentProcessId() as number
  for (const file of ['cmdline', 'environ'])
    assert.equal(readFileSync(`/proc/${agent}/${file}`).includes(pin), false, file)
  const environment = readFileSync(`/proc/${agent}/environ`, 'utf8').split('\0').filter(Boolean)
  // glibc takes its own variable apart in place.
  const variables = environment.filter((variable) => !variable.startsWith('glibc.malloc.'))
  assert.deepEqual(variables.map((variable) => variable.split('=')[0]).sort(), [
    'GLIBC_TUNABLES',
    'SOFTHSM2_CONF',
    'UV_THREADPOOL_SIZE',
  ])
  const status = readFileSync(`/proc/${agent}/status`, 'utf8')
  assert.match(status, /NoNewPrivs:\t1/)
  assert.match(readFileSync(`/proc/${agent}/limits`, 'utf8'), /Max core file size\s+0\s+0/)
})

test('the module takes its OpenSSL from its own library, never the one inside Node', { skip }, async (t) => {
  const { directory } = await softToken(t, 'softhsm2')
  const hardening = join(import.meta.dirname, '..', '..', 'src', 'devices', 'pkcs11', 'hardening.ts')
  const opening = `import { openApart } from ${JSON.stringify(hardening)}; openApart(${JSON.stringify(vendors.softhsm2.modulePath)})`
  // The dynamic linker says which library each symbol was taken from.
  const env = { LD_DEBUG: 'bindings', LD_DEBUG_OUTPUT: join(directory, 'bindings') }
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', opening], { env })
  assert.equal(status, 0)
  const bindings = globSync('bindings.*', { cwd: directory })
    .flatMap((file) => readFileSync(join(directory, file), 'utf8').split('\n'))
    .filter((line) => /binding file \S*libsofthsm2\.so \S+ to .*`(EVP|RSA|EC|BN)_/.test(line))
  assert.ok(bindings.length > 50)
  assert.deepEqual(
    bindings.filter((line) => !/ to \S*libcrypto\.so/.test(line)),
    [],
  )
})

function holds(file: string, secret: Buffer): boolean {
  try {
    return readFileSync(file).includes(secret)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EISDIR') return false
    throw error
  }
}

/** How often each of these is in the memory of a process. Needs to be root, or of the same user and a dumpable process. */
function occurrences(processId: number, secrets: readonly Buffer[]): readonly number[] {
  const found = secrets.map(() => 0)
  eachChunk(processId, 'r', (chunk) => {
    for (const [index, secret] of secrets.entries()) {
      for (let at = chunk.indexOf(secret); at >= 0; at = chunk.indexOf(secret, at + 1))
        found[index] = (found[index] as number) + 1
    }
  })
  return found
}

/** A process's memory in pieces: all that it can read, or all that it can write to. */
function eachChunk(processId: number, rights: 'r' | 'rw', look: (chunk: Buffer) => void): void {
  const memory = openSync(`/proc/${processId}/mem`, 'r')
  try {
    for (const line of readFileSync(`/proc/${processId}/maps`, 'utf8').split('\n')) {
      const [, from = '', to = '', has = ''] = /^([0-9a-f]+)-([0-9a-f]+) (\S*)/.exec(line) ?? []
      if (!has.startsWith(rights) || line.includes('[vvar') || line.includes('[vsyscall')) continue
      scan(memory, BigInt(`0x${from}`), BigInt(`0x${to}`), look)
    }
  } finally {
    closeSync(memory)
  }
}

function modulusOf(spki: string): bigint {
  const { n = '' } = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' }).export({
    format: 'jwk',
  })
  return BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`)
}

/**
 * How many prime factors of each modulus (RSA_2048) are in the memory of a process: as OpenSSL holds numbers, the lowest word
 * first, on words; or as files and PKCS#8 have them, the highest byte first.
 */
function primeFactors(processId: number, moduli: readonly bigint[]): readonly number[] {
  const found = moduli.map(() => 0)
  const bytes = 128
  const divides = (candidate: Buffer) => {
    const prime = BigInt(`0x${candidate.toString('hex')}`)
    for (const [index, modulus] of moduli.entries())
      if (modulus % prime === 0n) found[index] = (found[index] as number) + 1
  }
  // OpenSSL's primes have their two highest bits set, and are odd; text and pointers are sorted out by how few bytes differ.
  const isCandidate = (highest: number, lowest: number, chunk: Buffer, at: number) =>
    highest >= 0xb5 && (lowest & 1) === 1 && new Set(chunk.subarray(at + 32, at + 64)).size > 24
  const emptyPage = Buffer.alloc(4096)
  eachChunk(processId, 'rw', (chunk) => {
    for (let at = 0; at + bytes <= chunk.length; at += 1) {
      // Most of a process's memory was never written to.
      if (at % emptyPage.length === 0 && chunk.subarray(at, at + emptyPage.length).equals(emptyPage)) {
        at += emptyPage.length - bytes
        continue
      }
      const [first, last] = [chunk[at] as number, chunk[at + bytes - 1] as number]
      if (first >= 0xb5 && isCandidate(first, last, chunk, at)) divides(chunk.subarray(at, at + bytes))
      if (at % 8 === 0 && last >= 0xb5 && isCandidate(last, first, chunk, at))
        divides(Buffer.from(chunk.subarray(at, at + bytes)).reverse())
    }
  })
  return found
}

const chunkBytes = 1n << 20n
/** Chunks overlap by less than the shortest secret: what lies over an edge is found, and few things twice. */
const overlapBytes = 127n

function scan(memory: number, from: bigint, to: bigint, look: (chunk: Buffer) => void): void {
  const chunk = Buffer.alloc(Number(chunkBytes + overlapBytes))
  for (let at = from; at < to; at += chunkBytes) {
    const wanted = to - at < BigInt(chunk.length) ? Number(to - at) : chunk.length
    try {
      look(chunk.subarray(0, readSync(memory, chunk, 0, wanted, at)))
    } catch (error) {
      // Reserved and never touched, or gone since the map was read.
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
    }
  }
}
