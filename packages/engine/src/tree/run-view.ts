/**
 * One run as the read path sees it: which table may hold a key, by binary search over the tables' last keys.
 *
 * The last keys stand 4-byte aligned in one buffer, so that a comparison costs a few words and allocates nothing.
 */
import { compareAligned, type KeyBuffer } from '@lsm/core';
import type { TableFile } from './table-file.ts';

/** The tables of a run in key order. */
export class RunView {
  readonly id: number;
  readonly level: number;
  readonly files: readonly TableFile[];
  /** Whether any table has range tombstones. */
  readonly hasRangeTombstones: boolean;
  /** The run's slot in the combined index, as of that index's {@link combinedStamp}; for that index alone. */
  combinedSlot = 0;
  combinedStamp: object | null = null;
  readonly #words: Int32Array;
  /** For each table: offset and length of its first key, then of its last key (length −1: unbounded). */
  readonly #bounds: Int32Array;

  constructor(id: number, level: number, files: readonly TableFile[]) {
    this.id = id;
    this.level = level;
    this.files = files;
    this.hasRangeTombstones = files.some((file) => file.metadata.rangeTombstones > 0);
    let bytes = 4;
    for (const { metadata } of files) {
      bytes += aligned(metadata.minKey.length) + aligned(metadata.maxKey?.length ?? 0);
    }
    const buffer = new Uint8Array(bytes);
    this.#words = new Int32Array(buffer.buffer);
    this.#bounds = new Int32Array(files.length * 4);
    let offset = 0;
    files.forEach(({ metadata }, i) => {
      this.#bounds[i * 4] = offset;
      this.#bounds[i * 4 + 1] = metadata.minKey.length;
      buffer.set(metadata.minKey, offset);
      offset += aligned(metadata.minKey.length);
      this.#bounds[i * 4 + 2] = offset;
      this.#bounds[i * 4 + 3] = metadata.maxKey === null ? -1 : metadata.maxKey.length;
      if (metadata.maxKey !== null) {
        buffer.set(metadata.maxKey, offset);
        offset += aligned(metadata.maxKey.length);
      }
    });
  }

  /** Index of the table whose range holds `key`, or −1. */
  find(key: KeyBuffer): number {
    const index = this.firstAtOrAbove(key);
    if (index === this.files.length) return -1;
    const bounds = this.#bounds;
    const offset = bounds[index * 4]!;
    const length = bounds[index * 4 + 1]!;
    return compareAligned(this.#words, offset, length, key.words, 0, key.length) <= 0 ? index : -1;
  }

  /** Index of the first table whose last key is at or above `key`; the number of tables if there is none. */
  firstAtOrAbove(key: KeyBuffer): number {
    const bounds = this.#bounds;
    const words = this.#words;
    let low = 0;
    let high = this.files.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const length = bounds[middle * 4 + 3]!;
      if (
        length >= 0 &&
        compareAligned(words, bounds[middle * 4 + 2]!, length, key.words, 0, key.length) < 0
      ) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
