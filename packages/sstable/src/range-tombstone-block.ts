/**
 * The range-tombstone block: the range deletes of a table, apart from its point entries.
 *
 * ```
 * v count · for each: b lower bound · u8 1 and b upper bound (exclusive), or u8 0: no upper end · v sequence
 * ```
 */
import { ByteReader, ByteWriter, copyBytes, corruption, type RangeTombstone } from '@lsm/core';

/** Encodes range deletes. */
export function encodeRangeTombstones(tombstones: readonly RangeTombstone[]): Uint8Array {
  const writer = new ByteWriter().varint(tombstones.length);
  for (const tombstone of tombstones) {
    writer.bytes(tombstone.lower);
    if (tombstone.upper === null) writer.u8(0);
    else writer.u8(1).bytes(tombstone.upper);
    writer.varint(tombstone.sequence);
  }
  return writer.finish();
}

/**
 * Decodes a range-tombstone payload whose checksum was right; bounds are copies.
 *
 * @throws LSM_CORRUPTION if it is impossible
 */
export function decodeRangeTombstones(
  payload: Uint8Array,
  globalSequence: number,
  file: string,
  base: number,
): RangeTombstone[] {
  const reader = new ByteReader(payload, file, base);
  const count = reader.varint();
  const tombstones: RangeTombstone[] = [];
  for (let i = 0; i < count; i++) {
    const lower = reader.bytes();
    const mark = reader.u8();
    if (mark > 1)
      throw corruption('A range tombstone has an unknown mark', file, base + reader.offset);
    const upper = mark === 0 ? null : reader.bytes();
    const sequence = reader.varint();
    tombstones.push({ lower, upper, sequence: globalSequence === 0 ? sequence : globalSequence });
  }
  reader.end();
  return tombstones;
}

/**
 * The inclusive largest key of a range that ends before `upper`, for a table's key range.
 *
 * It is exact when `upper` ends with a zero byte (as {@link keySuccessor} makes it); otherwise no short key is the
 * largest one below, and `upper` itself is the answer: one key too far, never too little. Whoever cuts a range
 * delete at the border of two tables of a run has to cut at the successor of the last key of the first table.
 */
export function inclusiveUpper(upper: Uint8Array): Uint8Array {
  const last = upper.length - 1;
  return upper[last] === 0 ? copyBytes(upper, 0, last) : upper;
}
