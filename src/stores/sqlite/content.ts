import type { DatabaseSync } from 'node:sqlite'

/**
 * The texts of records, each in a slot of its own, so that what is removed or overwritten is gone from the file.
 *
 * SQLite's `secure_delete` zeroes what is deleted, but not the copies it leaves in the free room of a page when it moves
 * cells between pages (of 10,000 removed rows of a plain table some handful could still be read in the file). So nothing
 * here ever moves: a slot is a row that is only ever appended, keeps its size, and is overwritten in place: by spaces
 * when it falls vacant, by the next text of its size later. Spaces behind JSON are no part of it.
 */
export type Content = {
  add(text: string): number
  /** The slot where the new text is; the old text is gone. */
  replace(slot: number, text: string): number
  remove(slot: number): void
  /** Trailing spaces are filling. */
  read(slot: number): string
}

export function contentIn(database: DatabaseSync): Content {
  const append = database.prepare('INSERT INTO content (text) VALUES (?)')
  const overwrite = database.prepare('UPDATE content SET text = ? WHERE slot = ?')
  const select = database.prepare('SELECT text FROM content WHERE slot = ?')
  const vacate = database.prepare('INSERT INTO vacant (size, slot) VALUES (?, ?)')
  const findVacant = database.prepare('SELECT slot FROM vacant WHERE size = ? LIMIT 1')
  const occupy = database.prepare('DELETE FROM vacant WHERE size = ? AND slot = ?')

  const content: Content = {
    add: (text) => {
      const size = slotSize(Buffer.byteLength(text))
      const vacant = findVacant.get(size)
      if (vacant === undefined) return Number(append.run(filled(text, size)).lastInsertRowid)
      const slot = Number(vacant.slot)
      occupy.run(size, slot)
      overwrite.run(filled(text, size), slot)
      return slot
    },
    replace: (slot, text) => {
      const size = slotSize(Buffer.byteLength(text))
      if (Buffer.byteLength(content.read(slot)) === size) {
        overwrite.run(filled(text, size), slot)
        return slot
      }
      content.remove(slot)
      return content.add(text)
    },
    remove: (slot) => {
      const size = Buffer.byteLength(content.read(slot))
      overwrite.run(' '.repeat(size), slot)
      vacate.run(size, slot)
    },
    read: (slot) => {
      const found = select.get(slot)
      if (found === undefined) throw new Error(`The data file lacks slot ${slot}.`)
      return String(found.text)
    },
  }
  return content
}

const smallestSlot = 256

/** Four sizes to each doubling: at most a quarter is filling, and there are few enough sizes that vacant slots are used. */
export function slotSize(bytes: number): number {
  if (bytes <= smallestSlot) return smallestSlot
  const step = 2 ** Math.floor(Math.log2(bytes - 1)) / 4
  return Math.ceil(bytes / step) * step
}

function filled(text: string, size: number): string {
  return text + ' '.repeat(size - Buffer.byteLength(text))
}
