/**
 * The memtable as a hash table, sorted only when it is scanned or flushed.
 *
 * 1. Open addressing, linear probing. One control byte per slot (0: empty, else 8 bits of the hash) says in a compact
 *    array where to look; a slot holds the newest cell of a key. At ¾ of its slots the table is built anew, twice as
 *    large (four times while small), by reading the records in the order they were written.
 * 2. The outgrown table's bytes become room for cells: the region knows no other garbage.
 * 3. `cursor()` sorts the keys by 32-bit prefixes (sort.ts) if records were added since the last one; the order is
 *    kept and shared by cursors. A cursor shows what was there when it was made.
 *
 * H1. Exactly the cells without the SUPERSEDED flag are in slots.
 * H2. At least a quarter of the slots is empty, so every probe ends.
 */
import {
  type Cursor,
  type Entry,
  equalAligned,
  type KeyBuffer,
  KeyHasher,
  RECORD_HEADER_BYTES,
  recordKeyLength,
} from '@lsm/core';
import type { Arena } from './arena.ts';
import {
  CELL_BYTES,
  CELL_SUPERSEDED,
  CELL_WORDS,
  cellKeyLength,
  cellKeyOffset,
  fillEntry,
  markCellVoid,
  visibleCell,
} from './cell.ts';
import { CellMemtable, type HashDescription } from './cell-memtable.ts';
import { HashCursor } from './hash-cursor.ts';
import { sortCellsByKey } from './sort.ts';

/** Slots of a new table. */
const CAPACITY_MIN = 64;
/** Below this many slots a table grows fourfold, from it twofold. */
const CAPACITY_FOURFOLD = 8192;
/** Bytes of a slot and its control byte. */
const SLOT_BYTES = 5;

/**
 * Makes a memtable as a hash table: fastest lookups of absent keys, order on demand.
 *
 * @param arena - holds the records, takes the index
 * @param firstSequence - at most the sequence number of the first record
 * @param seed - of the hash; give the database's, so that nobody can aim at one slot; default zeros
 */
export function hashMemtable(
  arena: Arena,
  firstSequence: number,
  seed: readonly [low: number, high: number] = [0, 0],
): HashMemtable {
  return new HashMemtable(arena, firstSequence, seed);
}

/** A memtable in the form of a hash table. */
export class HashMemtable extends CellMemtable {
  readonly kind = 'hash' as const;
  readonly #seed: readonly [number, number];
  readonly #hasher: KeyHasher;
  /** Byte offset of the control bytes. */
  #control = 0;
  /** Word index of the slots. */
  #slots = 0;
  #capacity = 0;
  /** Keys in the table, and how many it takes before it grows. */
  #keys = 0;
  #keysMax = 0;
  /** Word ranges that hold cells: start and end, in turns. */
  readonly #ranges: number[] = [];
  /** Words of an outgrown table that cells may take, from the end. */
  #spareStart = 0;
  #spareEnd = 0;
  #sorted: Int32Array | null = null;

  /**
   * @param arena - holds the records, takes the index
   * @param firstSequence - at most the sequence number of the first record
   * @param seed - of the hash
   * @param attached - the description of a table that stands in the arena already
   */
  constructor(
    arena: Arena,
    firstSequence: number,
    seed: readonly [low: number, high: number],
    attached?: HashDescription,
  ) {
    super(arena, firstSequence);
    this.#seed = [seed[0], seed[1]];
    this.#hasher = new KeyHasher(seed);
    if (attached === undefined) {
      this.#allocateTable(CAPACITY_MIN);
    } else {
      this.#control = attached.control;
      this.#slots = attached.slots;
      this.#capacity = attached.capacity;
      this.#ranges.push(...attached.cellRanges);
      this.attachBase(attached);
    }
  }

  add(recordOffset: number, sequence: number): void {
    this.assertAddable(sequence);
    if (this.addRangeDelete(recordOffset, sequence)) return;
    this.count++;
    this.#sorted = null;
    if (this.#keys >= this.#keysMax) this.#grow();
    const words = this.words;
    const bytes = this.bytes;
    const keyOffset = recordOffset + RECORD_HEADER_BYTES;
    const slot = this.#find(words, keyOffset, recordKeyLength(words, recordOffset));
    const control = this.#control + slot;
    const slotWord = this.#slots + slot;
    if (bytes[control] === 0) {
      this.#keys++;
      bytes[control] = fingerprint(this.#hasher.high);
      words[slotWord] = this.#takeCell(recordOffset, sequence, 0);
    } else {
      const older = words[slotWord]!;
      words[older] = words[older]! | CELL_SUPERSEDED;
      words[slotWord] = this.#takeCell(recordOffset, sequence, older);
    }
  }

  get(key: KeyBuffer, sequenceMax: number, entry: Entry): boolean {
    const cell = visibleCell(this.words, this.#findCell(key), sequenceMax - this.firstSequence);
    if (cell === 0) return false;
    fillEntry(entry, this.bytes, this.words, cell, this.firstSequence);
    return true;
  }

  /** A cursor over the records that are here now; sorts them, O(n), if any was added since the last call. */
  cursor(): Cursor {
    this.#sorted ??= this.#sortedCells();
    return new HashCursor(this, this.#sorted);
  }

  indexBytesMax(records: number): number {
    let bytes = records * CELL_BYTES;
    let capacity = this.#capacity;
    let keysMax = this.#keysMax;
    while (this.#keys + records > keysMax) {
      capacity = nextCapacity(capacity);
      keysMax = keysMaxOf(capacity);
      bytes += capacity * SLOT_BYTES;
    }
    return bytes;
  }

  describe(): HashDescription {
    return {
      kind: 'hash',
      control: this.#control,
      slots: this.#slots,
      capacity: this.#capacity,
      cellRanges: [...this.#ranges],
      seed: this.#seed,
      ...this.describeBase(),
    };
  }

  protected markPointVoid(key: KeyBuffer, delta: number): boolean {
    return markCellVoid(this.words, this.#findCell(key), delta);
  }

  #findCell(key: KeyBuffer): number {
    const slot = this.#find(key.words, 0, key.length);
    return this.bytes[this.#control + slot] === 0 ? 0 : this.words[this.#slots + slot]!;
  }

  /** The slot of a key, or the empty one where it belongs. Leaves the hash in the hasher. */
  #find(keyWords: Int32Array, keyOffset: number, keyLength: number): number {
    const hasher = this.#hasher;
    hasher.hash(keyWords, keyOffset, keyLength);
    const words = this.words;
    const bytes = this.bytes;
    const control = this.#control;
    const mask = this.#capacity - 1;
    const sought = fingerprint(hasher.high);
    let slot = hasher.low & mask;
    for (;;) {
      const found = bytes[control + slot]!;
      if (found === 0) return slot;
      if (found === sought) {
        const record = words[words[this.#slots + slot]!]! >> 2;
        if (
          equalAligned(
            words,
            (record << 2) + RECORD_HEADER_BYTES,
            words[record + 1]! & 0xffff,
            keyWords,
            keyOffset,
            keyLength,
          )
        ) {
          return slot;
        }
      }
      slot = (slot + 1) & mask;
    }
  }

  /** A cell from the outgrown table if it has room, else from the arena. */
  #takeCell(recordOffset: number, sequence: number, older: number): number {
    let cell = this.#spareEnd - CELL_WORDS;
    if (cell >= this.#spareStart) {
      this.#spareEnd = cell;
      const words = this.words;
      words[cell] = recordOffset;
      words[cell + 1] = older;
      words[cell + 2] = sequence - this.firstSequence;
    } else {
      cell = this.newCell(recordOffset, sequence, older);
    }
    const ranges = this.#ranges;
    const last = ranges.length - 2;
    if (last >= 0 && ranges[last] === cell + CELL_WORDS) ranges[last] = cell;
    else ranges.push(cell, cell + CELL_WORDS);
    return cell;
  }

  #allocateTable(capacity: number): void {
    const start = this.arena.indexStart - capacity * SLOT_BYTES;
    this.arena.indexStart = start;
    this.#control = start;
    this.#slots = (start + capacity) >> 2;
    this.#capacity = capacity;
    this.#keysMax = keysMaxOf(capacity);
    this.bytes.fill(0, start, start + capacity);
  }

  /** Builds a larger table from the cells, in the order they were written. */
  #grow(): void {
    const oldStart = this.#control >> 2;
    const oldEnd = this.#slots + this.#capacity;
    this.#allocateTable(nextCapacity(this.#capacity));
    const words = this.words;
    const bytes = this.bytes;
    const hasher = this.#hasher;
    const mask = this.#capacity - 1;
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i += 2) {
      for (let cell = ranges[i + 1]! - CELL_WORDS; cell >= ranges[i]!; cell -= CELL_WORDS) {
        if ((words[cell]! & CELL_SUPERSEDED) !== 0) continue;
        hasher.hash(words, cellKeyOffset(words, cell), cellKeyLength(words, cell));
        let slot = hasher.low & mask;
        while (bytes[this.#control + slot] !== 0) slot = (slot + 1) & mask;
        bytes[this.#control + slot] = fingerprint(hasher.high);
        words[this.#slots + slot] = cell;
      }
    }
    this.#spareStart = oldStart;
    this.#spareEnd = oldEnd;
  }

  /** The newest cells of all keys in key order. */
  #sortedCells(): Int32Array {
    const words = this.words;
    const ranges = this.#ranges;
    const cells = new Int32Array(this.count);
    let count = 0;
    for (let i = 0; i < ranges.length; i += 2) {
      for (let cell = ranges[i + 1]! - CELL_WORDS; cell >= ranges[i]!; cell -= CELL_WORDS) {
        if ((words[cell]! & CELL_SUPERSEDED) === 0) cells[count++] = cell;
      }
    }
    const keys = count === cells.length ? cells : cells.slice(0, count);
    sortCellsByKey(words, this.bytes, keys);
    return keys;
  }
}

/** The control byte of a hash: 1 … 255. */
function fingerprint(high: number): number {
  const byte = high >>> 24;
  return byte === 0 ? 1 : byte;
}

function nextCapacity(capacity: number): number {
  return capacity < CAPACITY_FOURFOLD ? capacity * 4 : capacity * 2;
}

function keysMaxOf(capacity: number): number {
  return capacity * 0.75;
}
