/**
 * A new root key, and everything sealed again under it. It can be killed at any moment and taken up again: the old root
 * key is put out of use only after a whole pass found nothing left under it.
 */
import { keyStoreSecretPurpose } from './domain/key-store.ts'
import type { Change } from './domain/ports.ts'
import { type Collection, type Collections, collections, installation } from './domain/records.ts'
import { secretPurpose } from './protocols/authenticator.ts'
import type { StoreEngine } from './stores/engine.ts'
import { type OpenWorld, seedPurpose, settingNames } from './world.ts'

const batch = 200

export type RotationReport = { readonly generation: number; readonly resealed: number; readonly resumed: boolean }

export async function rotateRootKey(world: OpenWorld): Promise<RotationReport> {
  const { custody, engine } = world
  const resumed = custody.generations().length > 1
  if (!resumed) custody.addGeneration()
  const check = await engine.get('setting', installation, settingNames.rootKeyCheck)
  if (check !== undefined && check.value !== custody.rootKeyCheck())
    await engine.commit([
      { put: 'setting', record: { ...check, revision: check.revision + 1, value: custody.rootKeyCheck() } },
    ])
  let resealed = 0
  for (;;) {
    const done = await resealEverything(world)
    resealed += done
    if (done === 0) break
  }
  custody.retireGenerations()
  return { generation: custody.newest(), resealed, resumed }
}

async function resealEverything({ engine, software, sealer }: OpenWorld): Promise<number> {
  let done = 0
  done += await each(engine, 'version', (version) => {
    const sealed = software.reseal(version)
    return sealed && { ...version, revision: version.revision + 1, sealed }
  })
  done += await each(engine, 'wrappingKey', (wrappingKey) => {
    const sealed = software.resealWrappingKey(wrappingKey)
    return sealed && { ...wrappingKey, revision: wrappingKey.revision + 1, sealed }
  })
  done += await each(engine, 'credential', (credential) => {
    if (credential.sealedSecret === undefined) return undefined
    const sealedSecret = sealer.reseal(secretPurpose(credential.lookup), credential.sealedSecret)
    return sealedSecret && { ...credential, revision: credential.revision + 1, sealedSecret }
  })
  done += await each(engine, 'keyStores', (all) => {
    const stores = all.stores.map((store) => {
      const purpose = keyStoreSecretPurpose(all, store.keyStoreId)
      const sealedSecret = sealer.reseal(purpose, store.proxy.sealedSecret)
      return sealedSecret === undefined ? store : { ...store, proxy: { ...store.proxy, sealedSecret } }
    })
    return stores.some((store, at) => store !== all.stores[at])
      ? { ...all, revision: all.revision + 1, stores }
      : undefined
  })
  done += await each(engine, 'setting', (setting) => {
    if (setting.name !== settingNames.signingSeed) return undefined
    const value = sealer.reseal(seedPurpose, setting.value)
    return value && { ...setting, revision: setting.revision + 1, value }
  })
  return done
}

/** Walks a whole collection; what `change` gives back is stored. Returns how many were changed. */
async function each<C extends Collection>(
  engine: StoreEngine,
  collection: C,
  change: (record: Collections[C]) => Collections[C] | '' | undefined,
): Promise<number> {
  const facts = collections[collection]
  let after: { readonly partition: string; readonly id: string } | undefined
  let done = 0
  for (;;) {
    const records = await engine.scan(collection, after, batch)
    const last = records.at(-1)
    if (last === undefined) return done
    after = { partition: facts.partition(last), id: facts.id(last) }
    const changed = records.map(change).filter((record) => record !== undefined && record !== '')
    if (changed.length > 0) await engine.commit(changed.map((record) => ({ put: collection, record }) as Change))
    done += changed.length
  }
}
