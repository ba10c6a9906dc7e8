/**
 * A cursor over the keys of a hash memtable as they were sorted when the cursor was made.
 *
 * Records that were added later are not shown: later versions of a key stand above the cells in the sorted order,
 * later keys are not in it. A reader opens its cursor with a sequence number that hides them anyway.
 */
import { compareAligned, type KeyBuffer } from '@lsm/core';
import { cellKeyLength, cellKeyOffset } from './cell.ts';
import type { HashMemtable } from './hash-memtable.ts';
import { VersionCursor } from './version-cursor.ts';

/** Walks an array of cells, the newest of each key, in key order. */
export class HashCursor extends VersionCursor {
  readonly #cells: Int32Array;
  #index = -1;

  constructor(table: HashMemtable, cells: Int32Array) {
    super(table.words, table.bytes, table.firstSequence);
    this.#cells = cells;
  }

  protected firstKey(): number {
    return this.#at(0);
  }

  protected lastKey(): number {
    return this.#at(this.#cells.length - 1);
  }

  protected nextKey(): number {
    return this.#at(this.#index + 1);
  }

  protected previousKey(): number {
    return this.#at(this.#index - 1);
  }

  protected newestCell(): number {
    return this.#cells[this.#index]!;
  }

  protected keyFrom(key: KeyBuffer): number {
    const words = this.words;
    const cells = this.#cells;
    let low = 0;
    let high = cells.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const cell = cells[middle]!;
      const order = compareAligned(
        words,
        cellKeyOffset(words, cell),
        cellKeyLength(words, cell),
        key.words,
        0,
        key.length,
      );
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return this.#at(low);
  }

  #at(index: number): number {
    this.#index = index;
    return index >= 0 && index < this.#cells.length ? this.#cells[index]! : 0;
  }
}
