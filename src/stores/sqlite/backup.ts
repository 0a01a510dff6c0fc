import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { backup } from 'node:sqlite'
import { problem } from '../../domain/errors.ts'
import type { AuditRecord } from '../../domain/ports.ts'
import type { Collection } from '../../domain/records.ts'
import type { AnyRecord, FactsOfAll } from '../rows.ts'
import { createPrivately, openForReading, syncDirectoryOf } from './connection.ts'
import { openSqliteStore } from './store.ts'

/** A backup is a data file: of whatever engine it is made, `openSqliteStore` serves it, and `copyStore` copies it back. */

/** All pages in one step, so at one moment: a writer goes on beside it, and there is no starting over. */
const allPages = 0x7fff_ffff

/** Through a connection of its own, so that the reads of this process do not wait for it. */
export async function backupOnline(file: string, toFile: string): Promise<void> {
  await writeWhole(toFile, async (partial) => {
    createPrivately(partial)
    const source = openForReading(file)
    try {
      await backup(source, partial, { rate: allPages })
    } finally {
      source.close()
    }
  })
}

/** For the engines that keep their records elsewhere. The records must be those of one moment. */
export async function writeBackup(
  toFile: string,
  facts: FactsOfAll,
  everything: Iterable<Batch> | AsyncIterable<Batch>,
  unsettled: readonly AuditRecord[],
): Promise<void> {
  await writeWhole(toFile, async (partial) => {
    const store = await openSqliteStore({ file: partial, facts })
    try {
      for await (const { collection, records } of everything)
        for (let first = 0; first < records.length; first += loadSize)
          await store.load(collection, records.slice(first, first + loadSize) as never)
      for (const record of unsettled) await store.commit([], record)
    } finally {
      await store.close()
    }
    await rm(`${partial}.lock`, { force: true })
  })
}

export type Batch = { readonly collection: Collection; readonly records: readonly AnyRecord[] }

/** Records to a transaction. */
const loadSize = 1000

/** The file has its name only once it is whole and on disk. One that is there already is never touched. */
async function writeWhole(toFile: string, write: (partial: string) => Promise<void>): Promise<void> {
  if (existsSync(toFile))
    throw problem('InvalidRequest', { message: `${toFile} exists already.`, mend: 'Name a file that does not.' })
  const partial = `${toFile}.partial`
  try {
    await remove(partial)
    await write(partial)
    const written = openSync(partial, 'r+')
    try {
      fsyncSync(written)
    } finally {
      closeSync(written)
    }
    await rename(partial, toFile)
    syncDirectoryOf(toFile)
  } catch (error) {
    await remove(partial)
    throw error
  }
}

async function remove(partial: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '-journal', '.lock']) await rm(partial + suffix, { force: true })
}
