/**
 * The kind `fuse8`: a binary fuse filter with 8-bit fingerprints (Graf and Lemire 2022), built once from all keys.
 *
 * A key may be there if its three cells xor to its fingerprint: 1 of 256 foreign keys passes, at about 9 bits a key.
 * The fastest to ask for its rate, the slowest to build.
 *
 *     header: first = log2 of a segment's cells, second = 0, size = segments − 2 (0 for no keys), extra = seed
 *     body: one byte for each cell
 */
import {
  POINT_ABSENT,
  POINT_MAYBE,
  type PointIndex,
  type PointIndexBuilder,
  type PointIndexKind,
} from '@lsm/core';
import { allocateEncoding, check, HEADER_BYTES, readHeader } from './encoding.ts';
import { buildFuse } from './fuse8-build.ts';
import {
  type FuseLayout,
  fuseCells,
  fuseLayout,
  mixHigh,
  mixLow,
  mixThird,
  SEGMENT_BITS_MAX,
  SEGMENT_BITS_MIN,
} from './fuse8-layout.ts';
import { WordList } from './word-list.ts';

const ID = 3;
const TWO_32 = 0x1_0000_0000;
const FALSE_POSITIVE_RATE = 1 / 256;

class Fuse8Index implements PointIndex {
  readonly memoryBytes: number;
  readonly slotBits = 0;
  readonly #cells: Uint8Array;
  readonly #segment: number;
  readonly #mask: number;
  /** Cells that can be a first one / 2^32. */
  readonly #scale: number;
  readonly #seed: number;

  constructor(cells: Uint8Array, layout: FuseLayout, seed: number) {
    this.#cells = cells;
    this.#segment = 1 << layout.segmentBits;
    this.#mask = this.#segment - 1;
    this.#scale = (layout.segmentCount * this.#segment) / TWO_32;
    this.#seed = seed | 0;
    this.memoryBytes = HEADER_BYTES + cells.length;
  }

  first(hashLow: number, hashHigh: number): number {
    return this.#xored(hashLow, hashHigh) === 0 ? POINT_MAYBE : POINT_ABSENT;
  }

  next(): number {
    return POINT_ABSENT;
  }

  touch(hashLow: number, hashHigh: number): number {
    return this.#xored(hashLow, hashHigh);
  }

  /** The key's three cells and its fingerprint, xored: 0 if they agree. */
  #xored(hashLow: number, hashHigh: number): number {
    const cells = this.#cells;
    const segment = this.#segment;
    const mask = this.#mask;
    const low = mixLow(hashLow, this.#seed);
    const high = mixHigh(hashHigh, low);
    const third = mixThird(low, high);
    const cell0 = ((low >>> 0) * this.#scale) | 0;
    const cell1 = (cell0 + segment) ^ (high & mask);
    const cell2 = (cell0 + 2 * segment) ^ (third & mask);
    return cells[cell0]! ^ cells[cell1]! ^ cells[cell2]! ^ (third >>> 24);
  }
}

const empty: PointIndex = {
  memoryBytes: 0,
  slotBits: 0,
  first: () => POINT_ABSENT,
  next: () => POINT_ABSENT,
  touch: () => 0,
};

class Fuse8Builder implements PointIndexBuilder {
  readonly #hashes = new WordList();

  add(hashLow: number, hashHigh: number): void {
    this.#hashes.push(hashLow);
    this.#hashes.push(hashHigh);
  }

  finish(): Uint8Array | null {
    const { words, length } = this.#hashes;
    if (length === 0) {
      const header = { first: 0, second: 0, keys: 0, size: 0, extra: 0 };
      return allocateEncoding(ID, header, 0);
    }
    const fuse = buildFuse(words, length / 2);
    if (fuse === null) return null;
    const { layout, seed, keys, cells } = fuse;
    const header = {
      first: layout.segmentBits,
      second: 0,
      keys,
      size: layout.segmentCount,
      extra: seed,
    };
    const encoding = allocateEncoding(ID, header, cells.length);
    encoding.set(cells, HEADER_BYTES);
    return encoding;
  }
}

function openFuse8(bytes: Uint8Array): PointIndex {
  const header = readHeader(bytes, ID, 'fuse8');
  const { first: segmentBits, second, keys, size: segmentCount, extra: seed } = header;
  const cells = bytes.subarray(HEADER_BYTES);
  check(second === 0, 'A fuse filter sets unused header fields');
  if (keys === 0) {
    const blank = segmentBits === 0 && segmentCount === 0 && seed === 0 && cells.length === 0;
    check(blank, 'A fuse filter without keys is not empty');
    return empty;
  }
  check(
    segmentBits >= SEGMENT_BITS_MIN && segmentBits <= SEGMENT_BITS_MAX && segmentCount >= 1,
    `A fuse filter has ${segmentCount} segments of 2^${segmentBits} cells`,
  );
  const layout = { segmentBits, segmentCount };
  check(
    fuseCells(layout) === cells.length,
    `A fuse filter of ${segmentCount} segments of 2^${segmentBits} cells has ${cells.length} bytes`,
  );
  return new Fuse8Index(cells, layout, seed);
}

/**
 * Bytes of an encoded filter; small sets cost more than 9 bits a key.
 *
 * @param keys - distinct keys, ≥ 0
 */
export function fuse8Bytes(keys: number): number {
  return HEADER_BYTES + (keys === 0 ? 0 : fuseCells(fuseLayout(keys)));
}

/** The binary fuse filter: false positive rate 1/256 at 9 bits per key, whatever is wished. */
export const fuse8: PointIndexKind = {
  name: 'fuse8',
  id: ID,
  rate: () => ({
    bitsPerKey: (fuse8Bytes(1_000_000) * 8) / 1_000_000,
    falsePositiveRate: FALSE_POSITIVE_RATE,
  }),
  builder: () => new Fuse8Builder(),
  open: openFuse8,
};
