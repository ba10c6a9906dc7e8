/**
 * The entry: one version of one user key, and how a position on it is described without an object per entry.
 *
 * Internal order is user key ascending, then sequence number descending (newest first).
 */
import { compareAligned, copyBytes, EMPTY_BYTES } from './bytes.ts';

const EMPTY_WORDS: Int32Array = new Int32Array(1);

/** Largest sequence number, 2^53 − 1: the largest integer that a double holds exactly. */
export const SEQUENCE_MAX: number = Number.MAX_SAFE_INTEGER;

/**
 * What an entry says about its key. On disk: never renumber.
 *
 * Reserved, with their layout in docs/formats: 3 merge operand, 4 expiring put (u48 ms before the value), 5 value
 * pointer. A reader that meets a reserved or unknown kind stops with LSM_UNSUPPORTED_FORMAT.
 */
export const EntryKind = {
  /** The value is the key's value. */
  put: 0,
  /** A tombstone: the key has no value; the search ends here. */
  delete: 1,
  /** A tombstone for keys from the entry's key up to, but not including, the key in its value. */
  rangeDelete: 2,
} as const;

/** One of the numbers of {@link EntryKind}. */
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

/**
 * Where the current entry of a cursor or a lookup stands: offsets into a memory, no copy.
 *
 * One class for all sources keeps the code that reads it monomorphic. The position is borrowed: it is valid until
 * the source that filled it is moved, closed, or (for a lookup) asked again.
 */
export class Entry {
  /** Memory that holds key and value. */
  bytes: Uint8Array = EMPTY_BYTES;
  /** The same memory as words. */
  words: Int32Array = EMPTY_WORDS;
  /** Byte offset of the key, a multiple of 4. */
  keyOffset = 0;
  /** Bytes of the key. */
  keyLength = 0;
  /** Byte offset of the value. */
  valueOffset = 0;
  /** Bytes of the value. */
  valueLength = 0;
  /** One of {@link EntryKind}. */
  kind = 0;
  /** Sequence number of the write. A double field from the start: never assign a non-number. */
  sequence = 0.5;

  /** Takes the position of another entry; the bytes stay where they are. */
  assign(from: Entry): void {
    this.bytes = from.bytes;
    this.words = from.words;
    this.keyOffset = from.keyOffset;
    this.keyLength = from.keyLength;
    this.valueOffset = from.valueOffset;
    this.valueLength = from.valueLength;
    this.kind = from.kind;
    this.sequence = from.sequence;
  }

  /** A copy of the key. */
  copyKey(): Uint8Array {
    return copyBytes(this.bytes, this.keyOffset, this.keyLength);
  }

  /** A copy of the value. */
  copyValue(): Uint8Array {
    return copyBytes(this.bytes, this.valueOffset, this.valueLength);
  }
}

/** Compares the user keys of two entries as unsigned bytes. */
export function compareEntryKeys(a: Entry, b: Entry): number {
  return compareAligned(a.words, a.keyOffset, a.keyLength, b.words, b.keyOffset, b.keyLength);
}
