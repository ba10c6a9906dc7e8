/**
 * One run as the read path sees it: which table may hold a key, by binary search over the tables' last keys.
 *
 * The last keys stand 4-byte aligned in one buffer, so that a comparison costs a few words and allocates nothing; the 31
 * bits that follow their common prefix in a column of numbers, which decides most searches alone.
 */
import { compareAligned, type KeyBuffer, sharedPrefixLength } from '@lsm/core';
import type { TableFile } from './table-file.ts';

/** Up to so many tables are compared one by one. */
const LINEAR_TABLES_MAX = 16;

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
  /** Bytes that the last keys of all bounded tables begin with. */
  readonly #shared: number;
  /** The 31 bits behind them of each bounded table's last key; only the last table may have no upper bound. */
  readonly #prefixes: Int32Array;

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
    const bounded = files.filter(({ metadata }) => metadata.maxKey !== null).length;
    this.#shared = sharedLength(files, bounded);
    this.#prefixes = Int32Array.from(files.slice(0, bounded), ({ metadata: { maxKey } }) =>
      prefixAt(maxKey!, this.#shared, maxKey!.length),
    );
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
    const shared = this.#shared;
    const prefixes = this.#prefixes;
    const count = prefixes.length;
    if (shared > 0) {
      const length = key.length < shared ? key.length : shared;
      const outside = compareAligned(key.words, 0, length, this.#words, this.#bounds[2]!, shared);
      if (outside !== 0) return outside < 0 ? 0 : count;
    }
    const wanted = prefixAt(key.bytes, shared, key.length);
    let low = 0;
    let high = count;
    while (high - low > LINEAR_TABLES_MAX) {
      const middle = (low + high) >> 1;
      if (prefixes[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    // Counts without a branch that could be mispredicted: the difference of two 31-bit numbers has a sign.
    let below = 0;
    for (let i = low; i < high; i++) below += (prefixes[i]! - wanted) >>> 31;
    low += below;
    return low < count && prefixes[low] === wanted ? this.#searchTied(key, wanted, low) : low;
  }

  /** The first table from `from` on, the first one whose prefix is `wanted`, with a last key at or above `key`. */
  #searchTied(key: KeyBuffer, wanted: number, from: number): number {
    const bounds = this.#bounds;
    const prefixes = this.#prefixes;
    let low = from;
    let high = prefixes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const offset = bounds[middle * 4 + 2]!;
      const length = bounds[middle * 4 + 3]!;
      if (
        prefixes[middle] === wanted &&
        compareAligned(this.#words, offset, length, key.words, 0, key.length) < 0
      ) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

/** Length of the longest prefix that the last keys of all bounded tables, which are in order, have in common. */
function sharedLength(files: readonly TableFile[], bounded: number): number {
  if (bounded === 0) return 0;
  return sharedPrefixLength(files[0]!.metadata.maxKey!, files[bounded - 1]!.metadata.maxKey!);
}

/** The 31 bits from `from` as a big-endian number, those at or beyond `end` taken as 0. */
function prefixAt(bytes: Uint8Array, from: number, end: number): number {
  let prefix = 0;
  for (let i = from; i < from + 4; i++) prefix = (prefix << 8) | (i < end ? bytes[i]! : 0);
  return prefix >>> 1;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
