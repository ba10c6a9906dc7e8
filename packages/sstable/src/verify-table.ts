/**
 * The scrub of one table: everything is read anew and checked against everything else.
 *
 * 1. Ends: header, footer, metadata, range tombstones; the sections tile the file (so no byte is outside a checksum).
 * 2. Indexes: loaded afresh, structure checked.
 * 3. Data blocks, in order: checksum, structure, internal order within and across blocks, separators, flags.
 * 4. The point index finds every key, hash indexes the very place of its newest version.
 * 5. Counts, bounds and sequence numbers are those of the metadata.
 */
import {
  compareAligned,
  compareBytes,
  corruption,
  type Entry,
  type FileHandle,
  KeyBuffer,
  POINT_ABSENT,
  POINT_MAYBE,
  type PointIndex,
} from '@lsm/core';
import type { BlockIndex } from './block-index.ts';
import { BlockSource } from './block-source.ts';
import { loadPointIndex } from './point-index-block.ts';
import { TableCursor } from './table-cursor.ts';
import { readTableEnds, type TableEnds, type TableIdentity } from './table-ends.ts';
import { TableEnvironment } from './table-environment.ts';
import { TableTotals } from './table-totals.ts';

/** Checks a whole table; see {@link Table.verifyAll}. */
export function verifyTable(
  environment: TableEnvironment,
  handle: FileHandle,
  expected: TableIdentity,
): { blocks: number; bytes: number } {
  const ends = readTableEnds(handle, expected);
  // Without a cache and with all checks, so that every byte comes from the file.
  const uncached = new TableEnvironment({
    fs: environment.fs,
    cache: null,
    cacheKernels: null,
    kinds: environment.kinds,
    hasher: environment.hasher,
    counters: environment.counters,
  });
  const source = new BlockSource(uncached, handle, ends.footer);
  const scrub = new Scrub(source, ends);
  scrub.run();
  return { blocks: ends.footer.blocks, bytes: ends.footer.fileBytes };
}

class Scrub {
  readonly #source: BlockSource;
  readonly #ends: TableEnds;
  readonly #index: BlockIndex;
  readonly #points: PointIndex;
  readonly #last = new KeyBuffer();
  #lastSequence = 0.5;
  #isEmpty = true;
  readonly #totals = new TableTotals();
  #firstKey: Uint8Array | null = null;

  constructor(source: BlockSource, ends: TableEnds) {
    this.#source = source;
    this.#ends = ends;
    this.#index = source.loadIndex();
    this.#points = loadPointIndex(source);
  }

  run(): void {
    const cursor = new TableCursor(this.#source, { readAhead: true, fillCache: false });
    try {
      cursor.seekToFirst();
      for (let block = 0; block < this.#index.blocks; block++) {
        const entries = this.#index.entries(block);
        for (let slot = 0; slot < entries; slot++) {
          if (!cursor.valid) throw this.#wrong('Entries are missing', block);
          this.#checkEntry(cursor.entry, block, slot);
          cursor.next();
        }
      }
      if (cursor.valid) throw this.#wrong('There are more entries than counted', 0);
    } finally {
      cursor.close();
    }
    this.#checkTotals();
  }

  #checkEntry(entry: Entry, block: number, slot: number): void {
    const isNewKey = this.#checkOrder(entry, block, slot);
    if (isNewKey) this.#checkPointIndex(entry, block, slot);
    this.#totals.addEntry(entry, isNewKey);
  }

  /** Order against the entry before, and at the start of a block separator and flag; whether the key is new. */
  #checkOrder(entry: Entry, block: number, slot: number): boolean {
    const order = this.#isEmpty ? 1 : this.#compareWithLast(entry);
    if (order < 0 || (order === 0 && entry.sequence >= this.#lastSequence)) {
      throw this.#wrong('Entries are out of order', block);
    }
    if (slot === 0) this.#checkSeparator(entry, block, order === 0);
    if (order > 0) this.#last.setBytes(entry.bytes, entry.keyOffset, entry.keyLength);
    if (this.#isEmpty) this.#firstKey = entry.copyKey();
    this.#isEmpty = false;
    this.#lastSequence = entry.sequence;
    return order > 0;
  }

  #compareWithLast(entry: Entry): number {
    const last = this.#last;
    const { words, keyOffset, keyLength } = entry;
    return compareAligned(words, keyOffset, keyLength, last.words, 0, last.length);
  }

  #checkSeparator(entry: Entry, block: number, continues: boolean): void {
    const separator = this.#index.separator(block);
    const isAbove = this.#isEmpty || compareBytes(separator, this.#last.toBytes()) > 0;
    const isRight =
      this.#index.continues(block) === continues &&
      (continues || isAbove) &&
      compareBytes(separator, entry.copyKey()) <= 0;
    if (!isRight) throw this.#wrong('A separator of the block index is wrong', block);
  }

  #checkPointIndex(entry: Entry, block: number, slot: number): void {
    const { hasher } = this.#source.environment;
    hasher.hash(entry.words, entry.keyOffset, entry.keyLength);
    const points = this.#points;
    let location = points.first(hasher.low, hasher.high);
    if (location === POINT_MAYBE) return;
    const wanted = block * 2 ** points.slotBits + slot;
    while (location !== POINT_ABSENT) {
      if (location === wanted) return;
      location = points.next();
    }
    const { offset } = this.#ends.footer.pointIndex;
    throw corruption('The point index does not find a key', this.#source.handle.path, offset);
  }

  #checkTotals(): void {
    const { properties, rangeTombstones, footer } = this.#ends;
    const totals = this.#totals;
    if (this.#firstKey !== null) totals.addKeys(this.#firstKey, this.#last.toBytes());
    for (const tombstone of rangeTombstones) totals.addRangeTombstone(tombstone);
    const difference = totals.firstDifference(properties);
    if (difference === null) return;
    throw corruption(
      `The metadata of the table does not fit its entries (${difference})`,
      this.#source.handle.path,
      footer.metadata.offset,
    );
  }

  #wrong(message: string, block: number): Error {
    const offset = this.#index.fileOffsets[block] ?? this.#ends.footer.index.offset;
    return corruption(message, this.#source.handle.path, offset);
  }
}
