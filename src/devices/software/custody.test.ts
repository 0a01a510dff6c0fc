import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  globSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { seededRandom } from '../../../test/seeded-random.ts'
import type { Random } from '../../domain/ports.ts'
import { encodeRootKey, privateKeyOf } from './custody/root-key-file.ts'
import { CustodyError, createCustody, custodyExists, memoryCustody, openCustody, type Places } from './custody.ts'
import { createSealer } from './sealer.ts'

const scratch = mkdtempSync(join(tmpdir(), 'keyward-custody-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

let installations = 0
/** Places of an installation that is not there yet. */
function newPlaces(): Places & { readonly home: string } {
  installations += 1
  const home = join(scratch, String(installations))
  mkdirSync(home)
  return {
    home,
    rootKey: join(home, 'one', 'root'),
    privateKey: join(home, 'two'),
    unlockKey: { is: 'file', path: join(home, 'three', 'unlock-key') },
  }
}

const random = seededRandom('custody')

async function newInstallation() {
  const places = newPlaces()
  const custody = await createCustody(places, random)
  const sealed = createSealer({ rootKeys: custody, random }).seal(['p'], Buffer.from('a secret'))
  return { places, custody, sealed, check: custody.rootKeyCheck() }
}

/** Path of each place's file. */
function fileOf({ home }: { readonly home: string }, place: 1 | 2 | 3): string {
  return join(home, { 1: 'one/root/root-key.1', 2: 'two/private-key', 3: 'three/unlock-key' }[place])
}

/** Every file below, with its bytes: nothing may change where something is refused. */
function snapshot({ home }: { readonly home: string }): string {
  const files = globSync('**/*', { cwd: home, withFileTypes: true }).filter((entry) => entry.isFile())
  return files
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`)
    .join('\n')
}

function refusal(place: 1 | 2 | 3, what: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof CustodyError, String(error))
    assert.equal(error.place, place, error.message)
    assert.match(error.message, what)
    assert.ok(error.message.startsWith(`Place ${place} (`) && error.message.includes(error.path))
    assert.ok(error.mend.length > 0 && error.message.endsWith(error.mend))
    return true
  }
}

/** With the checksum made right again: what is left is what cryptography must notice. */
function rewrite(path: string, change: (part: Buffer) => void): void {
  const part = readFileSync(path)
  change(part)
  const whole = part.subarray(0, part.length - 8)
  createHash('sha256').update(whole).digest().copy(part, whole.length, 0, 8)
  writeFileSync(path, part)
}

// -------------------------------------------------------------------------------------------------- making and opening

test('what was sealed before a restart opens after it', async () => {
  const { places, sealed, check } = await newInstallation()
  const custody = await openCustody(places, random)
  assert.equal(Buffer.from(createSealer({ rootKeys: custody, random }).open(['p'], sealed)).toString(), 'a secret')
  assert.equal(custody.rootKeyCheck(), check)
  assert.deepEqual(custody.warnings, [])
  assert.deepEqual(custody.generations(), [1])
  assert.equal(custodyExists(places), 'complete')
})

/** Remembers all it gave out. */
function remembering(source: Random): Random & { readonly given: Uint8Array[] } {
  const given: Uint8Array[] = []
  return {
    given,
    uuid: source.uuid,
    bytes(count) {
      const bytes = source.bytes(count)
      given.push(Uint8Array.from(bytes))
      return bytes
    },
  }
}

test('R29, R30, R31: root key and private key are on disk only encrypted, and the unlock key in the third place only', async () => {
  const places = newPlaces()
  const watched = remembering(seededRandom('watched'))
  const custody = await createCustody(places, watched)
  custody.addGeneration()
  const files = globSync('**/*', { cwd: places.home, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  assert.equal(files.length, 4)
  const holders = (bytes: Uint8Array) =>
    files.filter((file) => {
      const content = readFileSync(file)
      const text = content.toString('latin1').toLowerCase()
      const hex = Buffer.from(bytes).toString('hex')
      const base64 = Buffer.from(bytes).toString('base64').slice(0, 42).toLowerCase()
      return content.includes(bytes) || text.includes(hex) || text.includes(base64)
    })
  // All that has 32 bytes: the seed of the private key, two root keys, the lasting key, the unlock key, X25519's ephemeral keys.
  const keys = watched.given.filter(({ length }) => length === 32)
  assert.equal(keys.length, 7)
  const found = keys.map(holders).filter((paths) => paths.length > 0)
  assert.deepEqual(found, [[fileOf(places, 3)]])
})

test('R29, R30, R31: no two of the three places open the root key', async () => {
  for (const missing of [1, 2, 3] as const) {
    const { places } = await newInstallation()
    const stranger = await newInstallation()
    // The third is replaced by one of the attacker's own, made to look as if it belonged.
    const installation = readFileSync(fileOf(places, missing)).subarray(9, 25)
    copyFileSync(fileOf(stranger.places, missing), fileOf(places, missing))
    rewrite(fileOf(places, missing), (part) => installation.copy(part, 9))
    await assert.rejects(openCustody(places, random), refusal(missing === 1 ? 1 : 3, /does not open/))
  }
})

test('files are open to their owner only, and so are the folders that are made for them', async () => {
  const { places, custody } = await newInstallation()
  custody.addGeneration()
  for (const entry of globSync('**/*', { cwd: places.home, withFileTypes: true })) {
    const { mode } = statSync(join(entry.parentPath, entry.name))
    assert.equal(mode & 0o777, entry.isFile() ? 0o600 : 0o700, entry.name)
  }
})

test('no draft is left beside the files', async () => {
  const { places } = await newInstallation()
  assert.deepEqual(readdirSync(places.rootKey), ['root-key.1'])
  assert.deepEqual(readdirSync(places.privateKey), ['private-key'])
  assert.deepEqual(readdirSync(join(places.home, 'three')), ['unlock-key'])
})

test('a source of chance that gives equal bytes makes no root key, and no file', async () => {
  const places = newPlaces()
  const broken: Random = { bytes: (count) => new Uint8Array(count), uuid: random.uuid }
  await assert.rejects(createCustody(places, broken), /not random/)
  assert.equal(custodyExists(places), 'none')
  assert.throws(() => memoryCustody(broken), /not random/)
})

// ----------------------------------------------------------------------------------------------------- what is refused

test('with nothing there, opening says so', async () => {
  const places = newPlaces()
  assert.equal(custodyExists(places), 'none')
  await assert.rejects(openCustody(places, random), refusal(1, /holds no root key/))
  assert.equal(snapshot(places), '')
})

test('a custody that is there is never made anew', async () => {
  const { places } = await newInstallation()
  const before = snapshot(places)
  await assert.rejects(createCustody(places, random), refusal(1, /nothing was changed/))
  assert.equal(snapshot(places), before)
})

test('with some parts missing nothing opens and nothing is made, and what is missing is named', async () => {
  for (const missing of [[1], [2], [3], [1, 2], [1, 3], [2, 3]] as const) {
    const { places } = await newInstallation()
    for (const place of missing) rmSync(fileOf(places, place))
    const before = snapshot(places)
    const there = custodyExists(places)
    assert.ok(typeof there === 'object')
    assert.deepEqual(there.missing, missing)
    await assert.rejects(openCustody(places, random), refusal(missing[0], /is missing/))
    await assert.rejects(createCustody(places, random), (error: unknown) => {
      for (const place of missing) assert.match(String(error), new RegExp(`place ${place} \\(`, 'i'))
      return refusal(there.present[0]!, /nothing was changed/)(error)
    })
    assert.equal(snapshot(places), before)
  }
})

test('an empty, cut or overlong part is refused by its name, at every length', async () => {
  const { places } = await newInstallation()
  for (const place of [1, 2, 3] as const) {
    const path = fileOf(places, place)
    const whole = readFileSync(path)
    const lengths = [0, 1, 7, 8, 9, 24, 25, 26, 33, whole.length >> 1, whole.length - 9, whole.length - 1]
    for (const length of lengths) {
      truncateSync(path, length)
      await assert.rejects(openCustody(places, random), refusal(place, /is empty|is no file of Keyward|cut short/))
      writeFileSync(path, whole)
    }
    for (const longer of [Buffer.alloc(1), whole, Buffer.alloc(10_000)]) {
      writeFileSync(path, Buffer.concat([whole, longer]))
      await assert.rejects(openCustody(places, random), refusal(place, /damaged|is no file of Keyward/))
      writeFileSync(path, whole)
    }
  }
  await openCustody(places, random)
})

test('a part with one byte changed is refused by its name, whether or not the checksum was made right', async () => {
  const { places } = await newInstallation()
  for (const place of [1, 2, 3] as const) {
    const path = fileOf(places, place)
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length; at += place === 1 ? 13 : 1) {
      const altered = Buffer.from(whole)
      altered[at]! ^= 0x10
      writeFileSync(path, altered)
      await assert.rejects(openCustody(places, random), refusal(place, /./))
      if (at < whole.length - 8) {
        rewrite(path, () => {})
        // A private key that no longer opens may as well be the unlock key's fault: place 3 is what is named then.
        await assert.rejects(openCustody(places, random), (error: unknown) =>
          refusal(error instanceof CustodyError && error.place === 3 && place === 2 ? 3 : place, /./)(error),
        )
      }
      writeFileSync(path, whole)
    }
  }
  await openCustody(places, random)
})

test('a part of another installation is named, whichever it is', async () => {
  const other = await newInstallation()
  for (const place of [1, 2, 3] as const) {
    const { places } = await newInstallation()
    copyFileSync(fileOf(other.places, place), fileOf(places, place))
    await assert.rejects(openCustody(places, random), refusal(place, /belongs to another installation/))
  }
})

test('parts that changed places are told to go back', async () => {
  for (const [from, to] of [
    [1, 2],
    [2, 1],
    [3, 2],
    [2, 3],
    [3, 1],
    [1, 3],
  ] as const) {
    const { places } = await newInstallation()
    copyFileSync(fileOf(places, from), fileOf(places, to))
    await assert.rejects(openCustody(places, random), refusal(to, new RegExp(`holds the part of place ${from}`)))
  }
})

test('a part in a later format asks for a newer version', async () => {
  const { places } = await newInstallation()
  rewrite(fileOf(places, 2), (part) => {
    part[8] = 2
  })
  await assert.rejects(openCustody(places, random), refusal(2, /newer/))
})

test('who has only the public key cannot put a root key of his own into place 1', async () => {
  const { places } = await newInstallation()
  const path = fileOf(places, 1)
  const installation = Uint8Array.from(readFileSync(path).subarray(9, 25))
  const seed = seededRandom('custody of one whose public key is known').bytes(32)
  const victim = newPlaces()
  // The installation's own seed, known to the test only: everything public about it is in the attacker's hands.
  const watched = remembering(seededRandom('victim'))
  await createCustody(victim, watched)
  const own = privateKeyOf(watched.given.filter(({ length }) => length === 32)[0]!)
  const attacker = { xwing: own.xwing, authentication: privateKeyOf(seed).authentication }
  const its = Uint8Array.from(readFileSync(fileOf(victim, 1)).subarray(9, 25))
  const forge = (key: typeof own) =>
    writeFileSync(
      fileOf(victim, 1),
      encodeRootKey(key, { installation: its, generation: 1, secret: random.bytes(64) }, random),
    )
  forge(attacker)
  await assert.rejects(openCustody(victim, random), refusal(1, /does not open under the private key/))
  // The forgery is a good one but for that: with the private key it would have been taken.
  forge(own)
  await openCustody(victim, random)
  assert.notDeepEqual(installation, its)
})

test('a part that every user of the machine may reach is refused, one that a group may reach is told', async () => {
  for (const place of [1, 2, 3] as const) {
    const { places } = await newInstallation()
    chmodSync(fileOf(places, place), 0o604)
    await assert.rejects(openCustody(places, random), refusal(place, /chmod 600/))
    chmodSync(fileOf(places, place), 0o640)
    const { warnings } = await openCustody(places, random)
    assert.match(warnings.join('\n'), new RegExp(`^Place ${place} .*chmod 600`))
  }
})

test('a folder where a part should be, or a file where its folder should be, is an error of its place', async () => {
  const { places } = await newInstallation()
  rmSync(fileOf(places, 2))
  mkdirSync(fileOf(places, 2))
  await assert.rejects(openCustody(places, random), refusal(2, /is no file of Keyward/))
  const blocked = newPlaces()
  writeFileSync(join(blocked.home, 'one'), 'a file where the folder should be')
  await assert.rejects(
    createCustody(blocked, random),
    (error: unknown) => error instanceof CustodyError && error.place === 1,
  )
})

// ------------------------------------------------------------------------------------------------------ separate places

test('two places in one folder, or one in the other, are refused; where that is allowed it is a warning', async () => {
  const cases: readonly ((home: string) => Places)[] = [
    (home) => ({
      rootKey: join(home, 'a'),
      privateKey: join(home, 'a'),
      unlockKey: { is: 'file', path: join(home, 'c', 'k') },
    }),
    (home) => ({
      rootKey: join(home, 'a'),
      privateKey: join(home, 'b'),
      unlockKey: { is: 'file', path: join(home, 'a', 'k') },
    }),
    (home) => ({
      rootKey: join(home, 'a'),
      privateKey: join(home, 'b'),
      unlockKey: { is: 'file', path: join(home, 'b', 'k') },
    }),
    (home) => ({
      rootKey: join(home, 'a'),
      privateKey: join(home, 'a', 'b'),
      unlockKey: { is: 'file', path: join(home, 'c', 'k') },
    }),
    (home) => ({
      rootKey: join(home, 'a', 'b'),
      privateKey: join(home, 'a'),
      unlockKey: { is: 'file', path: join(home, 'c', 'k') },
    }),
    (home) => ({
      rootKey: join(home, 'a'),
      privateKey: join(home, 'link', '..', 'a'),
      unlockKey: { is: 'file', path: join(home, 'c', 'k') },
    }),
  ]
  for (const [index, placesIn] of cases.entries()) {
    const { home } = newPlaces()
    const places = placesIn(home)
    await assert.rejects(
      createCustody(places, random),
      (error: unknown) => error instanceof CustodyError && /who copies it has both/.test(error.message),
    )
    assert.deepEqual(readdirSync(home), [], `case ${index}`)
    const { warnings } = await createCustody(places, random, { allowSharedFolders: true })
    assert.equal(warnings.length, 1, warnings.join('\n'))
    assert.match(warnings[0] ?? '', /who copies it has both/)
  }
})

test('a symbolic link does not hide that two places are one', async () => {
  const { home } = newPlaces()
  mkdirSync(join(home, 'a'))
  symlinkSync(join(home, 'a'), join(home, 'b'))
  const unlockKey = { is: 'file', path: join(home, 'c', 'k') } as const
  const places = { rootKey: join(home, 'a', 'x'), privateKey: join(home, 'b', 'x'), unlockKey }
  await assert.rejects(createCustody(places, random), refusal(2, /who copies it has both/))
})

test('three folders side by side are three places', async () => {
  const { home } = newPlaces()
  const unlockKey = { is: 'file', path: join(home, 'unlock-key') } as const
  const { warnings } = await createCustody(
    { rootKey: join(home, 'a'), privateKey: join(home, 'ab'), unlockKey },
    random,
  )
  assert.deepEqual(warnings, [])
})

// -------------------------------------------------------------------------------------------------------------- place 3

test('a place 3 that is a folder holds the unlock key under its own name', async () => {
  const places = newPlaces()
  mkdirSync(join(places.home, 'three'))
  const inFolder = { ...places, unlockKey: { is: 'file', path: join(places.home, 'three') } } as const
  await createCustody(inFolder, random)
  assert.deepEqual(readdirSync(join(places.home, 'three')), ['unlock-key'])
  await openCustody(inFolder, random)
})

test('an unlock key that is handed in opens whatever its mode, and is never written', async () => {
  const { places } = await newInstallation()
  const path = fileOf(places, 3)
  chmodSync(path, 0o444)
  await assert.rejects(openCustody(places, random), refusal(3, /chmod 600/))
  const provided = { ...places, unlockKey: { is: 'provided', path } } as const
  assert.deepEqual((await openCustody(provided, random)).warnings, [])
  const fresh = newPlaces()
  const elsewhere = { ...fresh, unlockKey: { is: 'provided', path: join(fresh.home, 'three', 'k') } } as const
  await assert.rejects(createCustody(elsewhere, random), refusal(3, /is only read/))
  assert.equal(snapshot(fresh), '')
})

test('a passphrase is a place 3 without a file: asked once, wiped, and only the right one opens', async () => {
  const places = newPlaces()
  const asked: Uint8Array[] = []
  const withPassphrase = (text: string): Places => ({
    ...places,
    unlockKey: {
      is: 'passphrase',
      passphrase() {
        const bytes = Buffer.from(text, 'utf8')
        asked.push(bytes)
        return bytes
      },
    },
  })
  for (const text of ['', 'elevenchars'])
    await assert.rejects(createCustody(withPassphrase(text), random), refusal(3, /is empty|is too short/))
  assert.equal(custodyExists(withPassphrase('')), 'none')

  asked.length = 0
  const made = await createCustody(withPassphrase('correct horse battery'), random)
  assert.equal(asked.length, 1)
  assert.equal(custodyExists(withPassphrase('')), 'complete')
  const opened = await openCustody(withPassphrase('correct horse battery'), random)
  assert.equal(opened.rootKeyCheck(), made.rootKeyCheck())
  await assert.rejects(openCustody(withPassphrase('correct horse batterz'), random), refusal(3, /does not open/))
  assert.ok(asked.every((bytes) => bytes.every((byte) => byte === 0)))

  const asFile = { ...places, unlockKey: { is: 'file', path: fileOf((await newInstallation()).places, 3) } } as const
  await assert.rejects(openCustody(asFile, random), refusal(3, /another installation|opens with a passphrase/))
  const { places: filePlaces } = await newInstallation()
  const { unlockKey } = withPassphrase('correct horse battery')
  await assert.rejects(openCustody({ ...filePlaces, unlockKey }, random), refusal(3, /opens with a file/))
})

test('Argon2id parameters that are weak, or would exhaust the machine, are not followed', async () => {
  const places = newPlaces()
  const unlockKey = { is: 'passphrase', passphrase: () => Buffer.from('correct horse battery') } as const
  const passphrased = { ...places, unlockKey }
  await createCustody(passphrased, random)
  const path = fileOf(places, 2)
  const whole = readFileSync(path)
  for (const [at, value] of [
    [26, 1_024],
    [26, 0xffff_ffff],
    [30, 1],
    [30, 1_000],
    [34, 0],
    [34, 1_000],
  ] as const) {
    rewrite(path, (part) => part.writeUInt32BE(value, at))
    await assert.rejects(openCustody(passphrased, random), refusal(2, /in no known way/))
    writeFileSync(path, whole)
  }
})

// ------------------------------------------------------------------------------------------------------------- rotation

test('a rotation keeps what was sealed, and survives a restart at each of its steps', async () => {
  const { places, custody, sealed, check } = await newInstallation()
  assert.equal(custody.addGeneration(), 2)
  const between = await openCustody(places, random)
  assert.deepEqual(between.generations(), [1, 2])
  assert.ok(between.matches(check) && between.matches(between.rootKeyCheck()))
  assert.notEqual(between.rootKeyCheck(), check)

  const sealer = createSealer({ rootKeys: between, random })
  const resealed = sealer.reseal(['p'], sealed)
  assert.ok(resealed !== undefined)
  assert.deepEqual(between.retireGenerations(), [1])
  assert.deepEqual(between.retireGenerations(), [])

  const later = await openCustody(places, random)
  assert.deepEqual(later.generations(), [2])
  assert.equal(Buffer.from(createSealer({ rootKeys: later, random }).open(['p'], resealed)).toString(), 'a secret')
  assert.ok(!later.matches(check))
  assert.equal(later.addGeneration(), 3)
})

test('a retired root key opens a backup from before the rotation, once it has its name back', async () => {
  const { places, custody, sealed } = await newInstallation()
  custody.addGeneration()
  custody.retireGenerations()
  const retired = join(places.rootKey, 'retired-root-key.1')
  const without = await openCustody(places, random)
  assert.throws(() => createSealer({ rootKeys: without, random }).open(['p'], sealed), /generation 1/)
  renameSync(retired, join(places.rootKey, 'root-key.1'))
  const { open } = createSealer({ rootKeys: await openCustody(places, random), random })
  assert.equal(Buffer.from(open(['p'], sealed)).toString(), 'a secret')
})

test('a running process seals under a generation that another one added, and opens what that one sealed', async () => {
  const { places, custody: running } = await newInstallation()
  const sealer = createSealer({ rootKeys: running, random })
  const before = sealer.seal(['p'], Buffer.from('x'))
  const other = await openCustody(places, random)
  other.addGeneration()
  const theirs = createSealer({ rootKeys: other, random }).seal(['p'], Buffer.from('theirs'))
  assert.equal(Buffer.from(sealer.open(['p'], theirs)).toString(), 'theirs')
  assert.equal(running.newest(), 2)
  assert.ok(sealer.reseal(['p'], before) !== undefined)
  assert.equal(running.rootKeyCheck(), other.rootKeyCheck())
})

test('two rotations at the same moment do not overwrite each other', async () => {
  const { places, custody: one } = await newInstallation()
  const other = await openCustody(places, random)
  const before = snapshot(places)
  assert.equal(one.addGeneration(), 2)
  assert.equal(other.addGeneration(), 3)
  assert.deepEqual((await openCustody(places, random)).generations(), [1, 2, 3])
  assert.ok(snapshot(places).includes(before.split('\n')[0] ?? '?'))
})

test('a new generation that is damaged stops the sealing: nothing goes on under the old one', async () => {
  const { places, custody } = await newInstallation()
  const other = await openCustody(places, random)
  other.addGeneration()
  truncateSync(join(places.rootKey, 'root-key.2'), 100)
  const { seal } = createSealer({ rootKeys: custody, random })
  assert.throws(() => seal(['p'], Buffer.from('x')), refusal(1, /root-key\.2.*damaged/))
})

test('no generation is retired while the newest cannot be read', async () => {
  const { places, custody } = await newInstallation()
  custody.addGeneration()
  rmSync(join(places.rootKey, 'root-key.2'))
  assert.throws(() => custody.retireGenerations(), refusal(1, /cannot be read/))
  assert.deepEqual(readdirSync(places.rootKey), ['root-key.1'])
})

test('a retirement that was cut short between its two steps is taken up again', async () => {
  const { places, custody } = await newInstallation()
  custody.addGeneration()
  linkSync(fileOf(places, 1), join(places.rootKey, 'retired-root-key.1'))
  const again = await openCustody(places, random)
  assert.deepEqual(again.retireGenerations(), [1])
  assert.deepEqual(readdirSync(places.rootKey), ['retired-root-key.1', 'root-key.2'])
})

test('a root key file under another name is refused', async () => {
  const { places } = await newInstallation()
  copyFileSync(fileOf(places, 1), join(places.rootKey, 'root-key.2'))
  chmodSync(join(places.rootKey, 'root-key.2'), 0o600)
  await assert.rejects(openCustody(places, random), refusal(1, /another generation than its name/))
})

test('an older copy of place 1 does not pass for the root key of today', async () => {
  const { places, custody } = await newInstallation()
  custody.addGeneration()
  const check = custody.rootKeyCheck()
  rmSync(join(places.rootKey, 'root-key.2'))
  const older = await openCustody(places, random)
  assert.ok(!older.matches(check))
  assert.ok(!(await newInstallation()).custody.matches(check))
})
