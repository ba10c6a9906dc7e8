/**
 * The cell: what the index knows of one record, and the chain of one key's versions.
 *
 * ```
 * word  field
 *    0  byte offset of the record (a multiple of 4) | bit 0: void | bit 1: superseded (a newer cell points here)
 *    1  word index of the next older cell of the same key; 0: none
 *    2  sequence number − first sequence number of the memtable (u32)
 * ```
 * C1. A chain runs from newest to oldest: sequence numbers fall strictly.
 * C2. A cell never moves and is never freed; of an old cell only the flag bits change.
 * A cell is named by its word index, which is never 0 because frames start at 0.
 */
import { type Entry, RECORD_HEADER_BYTES } from '@lsm/core';

/** Words of a cell. */
export const CELL_WORDS = 3;
/** Bytes of a cell. */
export const CELL_BYTES = 12;
/** Flag in word 0: the record's write failed. */
export const CELL_VOID = 1;
/** Flag in word 0: a newer cell of the same key exists (kept by the hash memtable only). */
export const CELL_SUPERSEDED = 2;

/** Byte offset of the key of a cell's record. */
export function cellKeyOffset(words: Int32Array, cell: number): number {
  return (words[cell]! & ~3) + RECORD_HEADER_BYTES;
}

/** Length of the key of a cell's record. */
export function cellKeyLength(words: Int32Array, cell: number): number {
  return words[(words[cell]! >> 2) + 1]! & 0xffff;
}

/**
 * The newest live cell of a chain whose sequence is at most `deltaMax` above the first, or 0.
 *
 * @param cell - head of the chain, or 0
 */
export function visibleCell(words: Int32Array, cell: number, deltaMax: number): number {
  let candidate = cell;
  while (
    candidate !== 0 &&
    ((words[candidate]! & CELL_VOID) !== 0 || words[candidate + 2]! >>> 0 > deltaMax)
  ) {
    candidate = words[candidate + 1]!;
  }
  return candidate;
}

/** The first cell of a chain that is not void, or 0. */
export function liveCell(words: Int32Array, cell: number): number {
  let candidate = cell;
  while (candidate !== 0 && (words[candidate]! & CELL_VOID) !== 0) {
    candidate = words[candidate + 1]!;
  }
  return candidate;
}

/** Sets the void flag of the cell with this sequence; returns whether the chain has one. */
export function markCellVoid(words: Int32Array, cell: number, delta: number): boolean {
  let candidate = cell;
  while (candidate !== 0) {
    if (words[candidate + 2]! >>> 0 === delta) {
      words[candidate] = words[candidate]! | CELL_VOID;
      return true;
    }
    candidate = words[candidate + 1]!;
  }
  return false;
}

/** Points an entry at a cell's record. */
export function fillEntry(
  entry: Entry,
  bytes: Uint8Array,
  words: Int32Array,
  cell: number,
  firstSequence: number,
): void {
  const record = words[cell]! >> 2;
  const header = words[record + 1]!;
  const keyLength = header & 0xffff;
  const keyOffset = (record << 2) + RECORD_HEADER_BYTES;
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
  entry.sequence = firstSequence + (words[cell + 2]! >>> 0);
}
