/**
 * The block index in memory: which block may hold a key, in O(1) for keys that spread evenly.
 *
 * 1. All separators share a common prefix; a key without it is before or after everything.
 * 2. The 6 bytes after it, as a number, map linearly to a bucket; a table of starts gives the blocks [low, high)
 *    whose separators fall into the same bucket. Both maps are monotone, so the answer lies in [low, high].
 * 3. Inside, a search over the 6-byte numbers, and over whole separators where those tie. Skewed keys make a large
 *    bucket; the search inside is binary, so the worst case is that of binary search.
 *
 * Measured by the design notes (2026-11): 36–41 ns at 31K blocks, where binary search takes 106–112.
 * The columns are the loaded block itself (see index-builder.ts); beside them stand 4 bytes for each block, and 12 more
 * from the first search on: lookups by a hash-index make none (5.0 + 0.9 bytes for each entry of 128 bytes then, 5.0 +
 * 1.3 with searches).
 */
import { compareAligned, corruption, equalAligned, type KeyBuffer } from '@lsm/core';
import { BLOCK_FOOTER_BYTES, HEADER_BYTES, TRAILER_BYTES } from './format.ts';
import { CONTINUES, INDEX_HEADER_BYTES } from './index-builder.ts';

/** Buckets for each block. */
const BUCKETS_PER_BLOCK = 1;
const NO_BUCKETS: Int32Array = new Int32Array(0);

/** A loaded index block. */
export class BlockIndex {
  /** Data blocks. */
  readonly blocks: number;
  /** Offset of each block in the file. */
  readonly fileOffsets: Uint32Array | Float64Array;
  /** Bytes of each block in the file, trailer included. */
  readonly storedLengths: Int32Array;
  /** Bytes of each payload once decoded. */
  readonly rawLengths: Int32Array;
  readonly #payloadBytes: number;
  readonly #entries: Int32Array;
  readonly #keyOffsets: Int32Array;
  readonly #keyLengths: Uint16Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  /** Length of the common prefix of all separators. */
  readonly #shared: number;
  /** What a search needs; `null` before the first one. */
  #prefixes: Float64Array | null = null;
  #buckets: Int32Array = NO_BUCKETS;
  #smallest = 0.5;
  #scale = 0.5;

  /**
   * @param payload - starts at a multiple of 4 in its buffer; handed over
   * @param blocks - by the footer
   * @param dataEnd - offset of the end of the data blocks
   * @param file - path, for errors
   * @throws LSM_CORRUPTION if the columns are impossible
   */
  constructor(payload: Uint8Array, blocks: number, dataEnd: number, file: string) {
    const n = blocks;
    const fixed = INDEX_HEADER_BYTES + 16 * n + (((n + 1) >> 1) << 2);
    const at = payload.byteOffset;
    const { buffer } = payload;
    if (payload.length < fixed) throw impossible(file, dataEnd);
    const header = new Int32Array(buffer, at, 4);
    if (header[0] !== n || fixed + (header[1]! >>> 0) !== payload.length)
      throw impossible(file, dataEnd);
    const column = (i: number): Int32Array =>
      new Int32Array(buffer, at + INDEX_HEADER_BYTES + i * 4 * n, n);
    this.blocks = n;
    this.storedLengths = column(0);
    this.rawLengths = column(1);
    this.#entries = column(2);
    this.#keyOffsets = column(3);
    this.#keyLengths = new Uint16Array(buffer, at + INDEX_HEADER_BYTES + 16 * n, n);
    this.#bytes = new Uint8Array(buffer, at + fixed, payload.length - fixed);
    this.#words = new Int32Array(buffer, at + fixed, (payload.length - fixed) >> 2);
    this.fileOffsets = dataEnd < 2 ** 32 ? new Uint32Array(n) : new Float64Array(n);
    this.#checkColumns(dataEnd, file);
    this.#shared = this.#sharedPrefix();
    this.#payloadBytes = payload.length;
  }

  /** Bytes of memory that the index holds at present. */
  get memoryBytes(): number {
    const searched = (this.#prefixes?.byteLength ?? 0) + this.#buckets.byteLength;
    return this.#payloadBytes + this.fileOffsets.byteLength + searched;
  }

  /** Entries of a block. */
  entries(block: number): number {
    return this.#entries[block]! & ~CONTINUES;
  }

  /** Whether the first key of a block equals the last key of the block before. */
  continues(block: number): boolean {
    return this.#entries[block]! < 0;
  }

  /**
   * The block where a search for `key` starts: no earlier one holds it, and if this one holds no entry at or after
   * it, the first such entry is the next block's first. −1: the key is below all.
   */
  startBlock(key: KeyBuffer): number {
    const block = this.#lowerBound(key);
    if (block < this.blocks && this.#entries[block]! > 0 && this.#hasSeparator(block, key)) {
      return block;
    }
    return block - 1;
  }

  /** A copy of the separator of a block. */
  separator(block: number): Uint8Array {
    const offset = this.#keyOffsets[block]!;
    return this.#bytes.slice(offset, offset + this.#keyLengths[block]!);
  }

  /** The first block whose separator is at or above `key`; {@link blocks} if there is none. */
  #lowerBound(key: KeyBuffer): number {
    if (this.blocks === 0) return 0;
    const shared = this.#shared;
    const outside = compareAligned(
      key.words,
      0,
      key.length < shared ? key.length : shared,
      this.#words,
      this.#keyOffsets[0]!,
      shared,
    );
    if (outside !== 0) return outside < 0 ? 0 : this.blocks;
    const prefixes = this.#prefixes ?? this.#prepareSearch();
    const prefix = widePrefix(key.bytes, shared, key.length);
    const spread = (prefix - this.#smallest) * this.#scale;
    if (spread < 0) return 0;
    const buckets = this.#buckets;
    const last = buckets.length - 2;
    const bucket = spread < last ? Math.trunc(spread) | 0 : last;
    return this.#search(key, prefixes, prefix, buckets[bucket]!, buckets[bucket + 1]!);
  }

  #search(
    key: KeyBuffer,
    prefixes: Float64Array,
    prefix: number,
    from: number,
    to: number,
  ): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = prefixes[middle]!;
      if (other === prefix ? this.#compareSeparator(middle, key) < 0 : other < prefix)
        low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compareSeparator(block: number, key: KeyBuffer): number {
    return compareAligned(
      this.#words,
      this.#keyOffsets[block]!,
      this.#keyLengths[block]!,
      key.words,
      0,
      key.length,
    );
  }

  #hasSeparator(block: number, key: KeyBuffer): boolean {
    return equalAligned(
      this.#words,
      this.#keyOffsets[block]!,
      this.#keyLengths[block]!,
      key.words,
      0,
      key.length,
    );
  }

  /** Fills the file offsets; checks sums, bounds and order, so that no later read can leave a column. */
  #checkColumns(dataEnd: number, file: string): void {
    let offset = HEADER_BYTES;
    let keyEnd = 0;
    for (let i = 0; i < this.blocks; i++) {
      const stored = this.storedLengths[i]!;
      const keyOffset = this.#keyOffsets[i]!;
      this.fileOffsets[i] = offset;
      offset += stored;
      const fits =
        stored > TRAILER_BYTES &&
        stored % 4 === 0 &&
        this.rawLengths[i]! > BLOCK_FOOTER_BYTES &&
        this.rawLengths[i]! % 4 === 0 &&
        this.entries(i) > 0 &&
        keyOffset === keyEnd;
      if (!fits) throw impossible(file, dataEnd);
      keyEnd = keyOffset + ((this.#keyLengths[i]! + 3) & ~3);
      if (keyEnd > this.#bytes.length || !this.#isOrdered(i)) throw impossible(file, dataEnd);
    }
    if (offset !== dataEnd || keyEnd !== this.#bytes.length) throw impossible(file, dataEnd);
  }

  /** Whether the separator is above the one before, or equal to it inside the versions of one key. */
  #isOrdered(block: number): boolean {
    if (block === 0) return !this.continues(0);
    const order = compareAligned(
      this.#words,
      this.#keyOffsets[block - 1]!,
      this.#keyLengths[block - 1]!,
      this.#words,
      this.#keyOffsets[block]!,
      this.#keyLengths[block]!,
    );
    return order < 0 || (order === 0 && this.continues(block));
  }

  /** Common prefix of the first and last separator, and so of all. */
  #sharedPrefix(): number {
    if (this.blocks === 0) return 0;
    const last = this.blocks - 1;
    const length = Math.min(this.#keyLengths[0]!, this.#keyLengths[last]!);
    const offset = this.#keyOffsets[last]!;
    let shared = 0;
    while (shared < length && this.#bytes[shared] === this.#bytes[offset + shared]) shared++;
    return shared;
  }

  /** Makes prefixes and buckets; there is a block. */
  #prepareSearch(): Float64Array {
    const n = this.blocks;
    const prefixes = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const offset = this.#keyOffsets[i]!;
      prefixes[i] = widePrefix(this.#bytes, offset + this.#shared, offset + this.#keyLengths[i]!);
    }
    const bucketCount = n * BUCKETS_PER_BLOCK;
    this.#smallest = prefixes[0]!;
    const range = prefixes[n - 1]! - this.#smallest;
    // Slightly below bucketCount / range, so that the largest prefix falls into the last bucket.
    this.#scale = range === 0 ? 0 : (bucketCount * (1 - 2 ** -40)) / range;
    this.#buckets = this.#fillBuckets(prefixes, bucketCount);
    this.#prefixes = prefixes;
    return prefixes;
  }

  #fillBuckets(prefixes: Float64Array, count: number): Int32Array {
    const buckets = new Int32Array(count + 1);
    let next = 0;
    for (let i = 0; i < this.blocks; i++) {
      const bucket = Math.trunc((prefixes[i]! - this.#smallest) * this.#scale);
      while (next <= bucket) buckets[next++] = i;
    }
    while (next <= count) buckets[next++] = this.blocks;
    return buckets;
  }
}

/** The 6 bytes from `from` as a big-endian number, those at or beyond `end` taken as 0. */
function widePrefix(bytes: Uint8Array, from: number, end: number): number {
  if (end - from >= 6) {
    const high =
      (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!;
    return (high >>> 0) * 0x1_0000 + ((bytes[from + 4]! << 8) | bytes[from + 5]!);
  }
  let prefix = 0;
  for (let i = from; i < from + 6; i++) prefix = prefix * 256 + (i < end ? bytes[i]! : 0);
  return prefix;
}

function impossible(file: string, offset: number): Error {
  return corruption('The block index of the table is impossible', file, offset);
}
