/**
 * Versions: how the index refers to the records of one key, newest to oldest.
 *
 * ```
 * reference            bits 0–1
 *   record offset | 1   01       a plain version: the oldest of its key; its sequence is in the sequence table
 *   cell offset   | 3   11       a version with a cell
 * cell word  field
 *    0  byte offset of the record
 *    1  reference to the next older version of the key; 0: none
 *    2  delta
 * sequence table: one delta for each 64 bytes of the arena, of the plain version whose record starts there
 * ```
 * A delta is the sequence number minus the memtable's first one (u32); 0xffff_ffff marks a void version.
 *
 * V1. Deltas fall strictly along a chain, void ones aside.
 * V2. At most one plain version starts in each 64 bytes: the first that came; the others have cells.
 * V3. A version never moves; of an old one only the delta changes, to void.
 *
 * Most keys have one version, and then a lookup goes from the leaf to the record at once: its delta is fetched beside
 * the record and not before it. With a cell for each record a lookup among 1M keys had one more dependent cache miss.
 */
import { type Entry, RECORD_HEADER_BYTES } from '@lsm/core';

/** Bytes of a cell. */
export const CELL_BYTES = 12;
/** Bits of a reference to a plain version; the lower one says "leaf" wherever nodes could stand too. */
export const PLAIN = 1;
/** Bits of a reference to a cell. */
export const CELL = 3;
/** The bit that tells the two apart. */
const HAS_CELL = 2;
/** log2 of the bytes of arena that share a place in the sequence table. */
export const SEQUENCE_SHIFT = 6;
/** The delta of void versions. */
const DELTA_VOID = 0xffff_ffff;
/** Largest delta of a version. */
export const DELTA_MAX = 0xffff_fffe;

/** Byte offset of a version's record. */
export function versionRecord(words: Int32Array, reference: number): number {
  return (reference & HAS_CELL) === 0 ? reference - PLAIN : words[reference >> 2]!;
}

/** Byte offset of a version's key. */
export function versionKeyOffset(words: Int32Array, reference: number): number {
  return versionRecord(words, reference) + RECORD_HEADER_BYTES;
}

/** Length of a version's key. */
export function versionKeyLength(words: Int32Array, reference: number): number {
  return words[(versionRecord(words, reference) >> 2) + 1]! & 0xffff;
}

/** Reference to the next older version, or 0. */
export function olderVersion(words: Int32Array, reference: number): number {
  return (reference & HAS_CELL) === 0 ? 0 : words[(reference >> 2) + 1]!;
}

/** Word index of a version's delta. */
export function deltaWord(sequences: number, reference: number): number {
  return (reference & HAS_CELL) === 0
    ? sequences + (reference >> SEQUENCE_SHIFT)
    : (reference >> 2) + 2;
}

/**
 * The newest version of a chain whose delta is at most `deltaMax`, or 0.
 *
 * @param sequences - word index of the sequence table
 * @param newest - reference to the head of the chain, or 0
 * @param deltaMax - at most DELTA_MAX, so that void versions are passed over
 */
export function visibleVersion(
  words: Int32Array,
  sequences: number,
  newest: number,
  deltaMax: number,
): number {
  let reference = newest;
  while (reference !== 0 && words[deltaWord(sequences, reference)]! >>> 0 > deltaMax) {
    reference = olderVersion(words, reference);
  }
  return reference;
}

/** Whether a version is void. */
export function isVoid(words: Int32Array, sequences: number, reference: number): boolean {
  return words[deltaWord(sequences, reference)]! >>> 0 === DELTA_VOID;
}

/** Makes the version with this delta void; returns whether the chain has one. */
export function markVersionVoid(
  words: Int32Array,
  sequences: number,
  newest: number,
  delta: number,
): boolean {
  let reference = newest;
  while (reference !== 0) {
    const word = deltaWord(sequences, reference);
    if (words[word]! >>> 0 === delta) {
      words[word] = DELTA_VOID;
      return true;
    }
    reference = olderVersion(words, reference);
  }
  return false;
}

/** Points an entry at a record. */
export function fillEntry(
  entry: Entry,
  bytes: Uint8Array,
  words: Int32Array,
  recordOffset: number,
  sequence: number,
): void {
  const record = recordOffset >> 2;
  const header = words[record + 1]!;
  const keyLength = header & 0xffff;
  const keyOffset = recordOffset + RECORD_HEADER_BYTES;
  // The views rarely change; the check spares two write barriers.
  if (entry.words !== words) {
    entry.words = words;
    entry.bytes = bytes;
  }
  entry.keyOffset = keyOffset;
  entry.keyLength = keyLength;
  entry.valueOffset = keyOffset + keyLength;
  entry.valueLength = words[record]!;
  entry.kind = (header >>> 16) & 0xff;
  entry.sequence = sequence;
}
