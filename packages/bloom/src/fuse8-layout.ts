/**
 * The shape of a 3-wise binary fuse filter (Graf and Lemire 2022): how many segments of which length hold n keys, and
 * where a key's three cells and its fingerprint are.
 *
 * Cells are bytes in `segmentCount + 2` segments of a power-of-two length. A key's first cell lies anywhere in the
 * first `segmentCount` of them, the other two at scattered places of the next segment and the one after that.
 */

/** log2 of the longest segment. */
export const SEGMENT_BITS_MAX = 18;
/** log2 of the shortest segment. */
export const SEGMENT_BITS_MIN = 2;

/** Segments for a number of keys. */
export interface FuseLayout {
  /** log2 of the cells of a segment, 2 to 18. */
  readonly segmentBits: number;
  /** Segments that first cells lie in, ≥ 1; two more follow. */
  readonly segmentCount: number;
}

/** Cells, one byte each, of a layout. */
export function fuseCells(layout: FuseLayout): number {
  return (layout.segmentCount + 2) * 2 ** layout.segmentBits;
}

/**
 * The smallest layout that peels with high probability, by the paper's fit: segments of 3.33^… growth, and an overhead
 * of 1/8 that rises for fewer than a million keys.
 *
 * @param keys - distinct keys, ≥ 1
 */
export function fuseLayout(keys: number): FuseLayout {
  const log = Math.log(Math.max(2, keys));
  const wished = Math.floor(log / Math.log(3.33) + 2.25);
  const segmentBits = Math.min(SEGMENT_BITS_MAX, Math.max(SEGMENT_BITS_MIN, wished));
  const overhead = Math.max(1.125, 0.875 + (0.25 * Math.log(1_000_000)) / log);
  const segments = Math.ceil((keys * overhead) / 2 ** segmentBits);
  return { segmentBits, segmentCount: Math.max(1, segments - 2) };
}

/** First mixed word of a hash under a seed; its top picks the first cell. */
export function mixLow(hashLow: number, seed: number): number {
  const a = hashLow ^ seed;
  const b = Math.imul(a ^ (a >>> 16), 0x85ebca6b);
  return b ^ (b >>> 13);
}

/** Second mixed word; with the first one it is a bijection of the hash. Its bottom picks the second cell. */
export function mixHigh(hashHigh: number, mixedLow: number): number {
  const a = Math.imul(hashHigh ^ mixedLow, 0xc2b2ae35);
  return a ^ (a >>> 16);
}

/** Third word, made of the other two: its bottom picks the third cell, its top eight bits are the fingerprint. */
export function mixThird(mixedLow: number, mixedHigh: number): number {
  const a = Math.imul(mixedLow ^ ((mixedHigh << 16) | (mixedHigh >>> 16)), 0x27d4eb2f);
  return a ^ (a >>> 16);
}
