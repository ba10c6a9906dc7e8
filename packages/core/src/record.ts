/**
 * The record: one entry as it stands in a frame of the log and, being the same bytes, in the arena of a memtable.
 *
 * ```
 * offset  size  field
 *      0     4  value length (u32, ≤ 2^30 − 1)
 *      4     2  key length (u16)
 *      6     1  kind (EntryKind)
 *      7     1  keyspace id (varint; only the one-byte form 0 … 127 is in use, 0 = default)
 *      8     k  key            starts 4-byte aligned, as every record does
 *    8+k     v  value
 *            p  zero padding to the next multiple of 4
 * ```
 * Numbers are little-endian. A range delete keeps its lower bound as key; its value is one byte (1: an upper bound
 * follows, 0: the range has no upper end) and the upper bound. The n-th record of a frame has the frame's first
 * sequence number + n. On disk: docs/formats/wal.md.
 */
import { copyBytes } from './bytes.ts';
import type { RangeTombstone } from './range-tombstones.ts';

/** Bytes before the key. */
export const RECORD_HEADER_BYTES = 8;

/** Bytes that a record takes, padding included. */
export function recordBytes(keyLength: number, valueLength: number): number {
  return (RECORD_HEADER_BYTES + keyLength + valueLength + 3) & ~3;
}

/** Writes a record's header at `offset` (a multiple of 4); key and value follow at +8. */
export function writeRecordHeader(
  words: Int32Array,
  offset: number,
  kind: number,
  keyLength: number,
  valueLength: number,
): void {
  words[offset >> 2] = valueLength;
  words[(offset >> 2) + 1] = keyLength | (kind << 16);
}

/** Value length of the record at `offset`. */
export function recordValueLength(words: Int32Array, offset: number): number {
  return words[offset >> 2]!;
}

/** Key length of the record at `offset`. */
export function recordKeyLength(words: Int32Array, offset: number): number {
  return words[(offset >> 2) + 1]! & 0xffff;
}

/** Kind of the record at `offset`. */
export function recordKind(words: Int32Array, offset: number): number {
  return (words[(offset >> 2) + 1]! >>> 16) & 0xff;
}

/** Keyspace id of the record at `offset`. */
export function recordKeyspace(words: Int32Array, offset: number): number {
  return words[(offset >> 2) + 1]! >>> 24;
}

/** The value of a range delete, from its upper bound. */
export function encodeRangeUpper(upper: Uint8Array | null): Uint8Array {
  if (upper === null) return new Uint8Array(1);
  const value = new Uint8Array(1 + upper.length);
  value[0] = 1;
  value.set(upper, 1);
  return value;
}

/** The range delete whose key and value stand at the given places of a memory; key and bound are copied. */
export function decodeRangeTombstone(
  bytes: Uint8Array,
  keyOffset: number,
  keyLength: number,
  valueOffset: number,
  valueLength: number,
  sequence: number,
): RangeTombstone {
  const lower = copyBytes(bytes, keyOffset, keyLength);
  const upper =
    bytes[valueOffset] === 1 ? copyBytes(bytes, valueOffset + 1, valueLength - 1) : null;
  return { lower, upper, sequence };
}
