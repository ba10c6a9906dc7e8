/**
 * A cursor over the keys of a hash memtable as they were sorted when the cursor was made.
 *
 * Records that were added later are not shown: later versions of a key are newer than those in the sorted order,
 * later keys are not in it. A reader opens its cursor with a sequence number that hides them anyway.
 */
import { compareAligned, type KeyBuffer } from '@lsm/core';
import { versionKeyLength, versionKeyOffset } from './version.ts';
import { VersionCursor } from './version-cursor.ts';
import type { VersionMemtable } from './version-memtable.ts';

/** Walks an array of versions, the newest of each key, in key order. */
export class HashCursor extends VersionCursor {
  readonly #versions: Int32Array;
  #index = -1;

  constructor(table: VersionMemtable, versions: Int32Array) {
    super(table);
    this.#versions = versions;
  }

  protected firstKey(): number {
    return this.#at(0);
  }

  protected lastKey(): number {
    return this.#at(this.#versions.length - 1);
  }

  protected nextKey(): number {
    return this.#at(this.#index + 1);
  }

  protected previousKey(): number {
    return this.#at(this.#index - 1);
  }

  protected newestVersion(): number {
    return this.#versions[this.#index]!;
  }

  protected keyFrom(key: KeyBuffer): number {
    const words = this.words;
    const versions = this.#versions;
    let low = 0;
    let high = versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const version = versions[middle]!;
      const order = compareAligned(
        words,
        versionKeyOffset(words, version),
        versionKeyLength(words, version),
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
    return index >= 0 && index < this.#versions.length ? this.#versions[index]! : 0;
  }
}
