/**
 * The data block: entries in columns, searched in place.
 *
 * ```
 * entries         each 4-byte aligned:
 *                   0  value length (u32)    4  key length (u16)    6  kind (u8)    7  sequence, bits 32–39 (u8)
 *                   8  sequence, bits 0–31 (u32)   12  key | value | zero padding to a multiple of 4
 * prefix column   u32 for each entry: the 4 key bytes after the common prefix as a big-endian number, zero padded
 * offset column   u16 for each entry: its offset in the block / 4; zero padded to a multiple of 4
 * footer (16)     count (u32) | common prefix length (u16) | 0 (u16) | base sequence (u64)
 * ```
 * An entry's sequence number is the base plus its 40 bits. Entries are in internal order; they tile the entries
 * region. A lookup compares the common prefix once, then searches the prefix column (one cache line for 16 entries)
 * and reads a key only where prefixes tie. The columns are a layout of our own, after PAX (Ailamaki et al., 2001).
 */
import {
  compareAligned,
  corruption,
  type Entry,
  EntryKind,
  equalAligned,
  type KeyBuffer,
  LsmError,
} from '@lsm/core';
import { BLOCK_FOOTER_BYTES, ENTRY_HEADER_BYTES, TWO_32 } from './format.ts';

const SIGN = 0x8000_0000 | 0;
/** Upper words of base sequences are below this: 2^53 / 2^32. */
const SEQUENCE_HIGH_END = 0x20_0000;
const NO_BYTES: Uint8Array = new Uint8Array(0);
const NO_WORDS: Int32Array = new Int32Array(0);

/** A view of one data block in some memory; reused for many blocks, never allocates. */
export class DataBlock {
  bytes: Uint8Array = NO_BYTES;
  words: Int32Array = NO_WORDS;
  /** Byte offset of the block in the memory, a multiple of 4. */
  base = 0;
  /** Entries in the block. */
  count = 0;
  /** When not 0, the sequence number of every entry. */
  globalSequence = 0.5;
  #prefixLength = 0;
  /** Word index of the prefix column. */
  #prefixes = 0;
  /** Word index of the offset column. */
  #offsets = 0;
  #baseSequence = 0.5;

  /** @param globalSequence - 0, or the sequence number of every entry of the file */
  constructor(globalSequence: number) {
    this.globalSequence = globalSequence;
  }

  /**
   * Points the view to a block that was checked by {@link checkDataBlock} when it came into memory.
   *
   * @param base - multiple of 4
   * @param rawLength - bytes of the payload
   */
  open(bytes: Uint8Array, words: Int32Array, base: number, rawLength: number): void {
    const footer = (base + rawLength - BLOCK_FOOTER_BYTES) >> 2;
    const count = words[footer]!;
    this.bytes = bytes;
    this.words = words;
    this.base = base;
    this.count = count;
    this.#prefixLength = words[footer + 1]! & 0xffff;
    this.#baseSequence = (words[footer + 2]! >>> 0) + words[footer + 3]! * TWO_32;
    this.#offsets = footer - ((count + 1) >> 1);
    this.#prefixes = this.#offsets - count;
  }

  /** Points the view to where another one points. */
  openSame(other: DataBlock): void {
    this.bytes = other.bytes;
    this.words = other.words;
    this.base = other.base;
    this.count = other.count;
    this.#prefixLength = other.#prefixLength;
    this.#prefixes = other.#prefixes;
    this.#offsets = other.#offsets;
    this.#baseSequence = other.#baseSequence;
  }

  /** Lets go of the memory. */
  clear(): void {
    this.bytes = NO_BYTES;
    this.words = NO_WORDS;
    this.count = 0;
  }

  /** Word index in the memory of the entry at `slot`. */
  #entry(slot: number): number {
    const pair = this.words[this.#offsets + (slot >> 1)]!;
    return (this.base >> 2) + ((pair >>> ((slot & 1) << 4)) & 0xffff);
  }

  /** Fills `entry` from the entry at `slot`. */
  fill(slot: number, entry: Entry): void {
    const words = this.words;
    const at = this.#entry(slot);
    const meta = words[at + 1]!;
    const keyLength = meta & 0xffff;
    const keyOffset = (at << 2) + ENTRY_HEADER_BYTES;
    entry.bytes = this.bytes;
    entry.words = words;
    entry.keyOffset = keyOffset;
    entry.keyLength = keyLength;
    entry.valueOffset = keyOffset + keyLength;
    entry.valueLength = words[at]!;
    entry.kind = (meta >>> 16) & 0xff;
    entry.sequence =
      this.globalSequence === 0
        ? this.#baseSequence + (meta >>> 24) * TWO_32 + (words[at + 2]! >>> 0)
        : this.globalSequence;
  }

  /** Sequence number of the entry at `slot`. */
  sequence(slot: number): number {
    if (this.globalSequence !== 0) return this.globalSequence;
    const at = this.#entry(slot);
    const words = this.words;
    return this.#baseSequence + (words[at + 1]! >>> 24) * TWO_32 + (words[at + 2]! >>> 0);
  }

  /** Whether the entry at `slot` has this user key. */
  hasKey(slot: number, key: KeyBuffer): boolean {
    const at = this.#entry(slot);
    const words = this.words;
    const keyLength = words[at + 1]! & 0xffff;
    return equalAligned(words, (at + 3) << 2, keyLength, key.words, 0, key.length);
  }

  /** Compares the key of the entry at `slot` with `key`. */
  compareKey(slot: number, key: KeyBuffer): number {
    const at = this.#entry(slot);
    const words = this.words;
    return compareAligned(words, (at + 3) << 2, words[at + 1]! & 0xffff, key.words, 0, key.length);
  }

  /**
   * The first slot whose entry is at or after (key, sequenceMax) in internal order: of that key and visible at
   * `sequenceMax`, or of a larger key; {@link count} if there is none. O(log n).
   */
  lowerBound(key: KeyBuffer, sequenceMax: number): number {
    const outside = this.#compareCommonPrefix(key);
    if (outside !== 0) return outside < 0 ? 0 : this.count;
    const wanted = prefixOf(key, this.#prefixLength) ^ SIGN;
    const words = this.words;
    const prefixes = this.#prefixes;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const prefix = words[prefixes + middle]! ^ SIGN;
      const before = prefix === wanted ? this.#isBefore(middle, key, sequenceMax) : prefix < wanted;
      if (before) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A slot near {@link lowerBound}, by the prefix column alone. */
  nearSlot(key: KeyBuffer): number {
    const wanted = prefixOf(key, this.#prefixLength) ^ SIGN;
    const words = this.words;
    const prefixes = this.#prefixes;
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((words[prefixes + middle]! ^ SIGN) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Word index in the memory of the entry at `slot`; 0 if there is none. */
  entryAt(slot: number): number {
    return slot < this.count ? this.#entry(slot) : 0;
  }

  /** Negative if `key` is below every key with the block's common prefix, positive if above, 0 if it has it. */
  #compareCommonPrefix(key: KeyBuffer): number {
    const length = this.#prefixLength;
    const keyLength = key.length;
    const first = this.base + ENTRY_HEADER_BYTES;
    return compareAligned(
      key.words,
      0,
      keyLength < length ? keyLength : length,
      this.words,
      first,
      length,
    );
  }

  #isBefore(slot: number, key: KeyBuffer, sequenceMax: number): boolean {
    const order = this.compareKey(slot, key);
    return order < 0 || (order === 0 && this.sequence(slot) > sequenceMax);
  }
}

/** The 4 bytes of a key after `skip` bytes as a big-endian number, zero padded. */
function prefixOf(key: KeyBuffer, skip: number): number {
  return orderPrefix(key.bytes, skip, key.length);
}

/** The 4 bytes from `from`, those at or beyond `end` taken as 0, as a signed big-endian number. */
export function orderPrefix(bytes: Uint8Array, from: number, end: number): number {
  const left = end - from;
  if (left >= 4) {
    return (
      (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!
    );
  }
  let prefix = 0;
  for (let i = 0; i < left; i++) prefix |= bytes[from + i]! << (24 - (i << 3));
  return prefix;
}

/** Bytes that the columns and the footer of a block with `count` entries take. */
export function columnBytes(count: number): number {
  return count * 4 + (((count + 1) >> 1) << 2) + BLOCK_FOOTER_BYTES;
}

/**
 * Checks the structure of a block whose checksum was right, so that no later read can leave it: the columns fit,
 * the entries tile their region, keys have the common prefix's length at least, kinds are known.
 *
 * @param count - entries by the index block
 * @throws LSM_CORRUPTION, or LSM_UNSUPPORTED_FORMAT for an entry kind of a later version
 */
export function checkDataBlock(
  words: Int32Array,
  base: number,
  rawLength: number,
  count: number,
  file: string,
  fileOffset: number,
): void {
  const entriesLength = rawLength - columnBytes(count);
  const footer = (base + rawLength - BLOCK_FOOTER_BYTES) >> 2;
  if (
    entriesLength < ENTRY_HEADER_BYTES ||
    words[footer] !== count ||
    words[footer + 3]! >>> 0 >= SEQUENCE_HIGH_END
  ) {
    throw impossible(file, fileOffset);
  }
  const prefixLength = words[footer + 1]! & 0xffff;
  const offsets = footer - ((count + 1) >> 1);
  const first = base >> 2;
  const entriesEnd = entriesLength >> 2;
  let at = 0;
  for (let slot = 0; slot < count; slot++) {
    const offset = (words[offsets + (slot >> 1)]! >>> ((slot & 1) << 4)) & 0xffff;
    // A value length with the top bit set would be negative: the unsigned reading makes it too long.
    const valueLength = words[first + at]! >>> 0;
    const meta = words[first + at + 1]!;
    const keyLength = meta & 0xffff;
    if (((meta >>> 16) & 0xff) > EntryKind.delete) throw unknownKind(meta, file, fileOffset);
    const next = at + (((ENTRY_HEADER_BYTES + keyLength + 3 + valueLength) / 4) | 0);
    if (offset !== at || keyLength < prefixLength || next > entriesEnd) {
      throw impossible(file, fileOffset);
    }
    at = next;
  }
  if (at !== entriesEnd) throw impossible(file, fileOffset);
}

function impossible(file: string, offset: number): LsmError {
  return corruption('A data block has an impossible structure', file, offset);
}

function unknownKind(meta: number, file: string, offset: number): LsmError {
  return new LsmError(
    'LSM_UNSUPPORTED_FORMAT',
    `The table holds an entry of kind ${(meta >>> 16) & 0xff}, which this software does not know.`,
    { file, offset },
  );
}
