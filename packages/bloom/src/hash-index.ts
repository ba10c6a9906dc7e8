/**
 * The kind `hash-index`: an open-addressing table that says in which block and slot a key would stand, or that it is
 * absent. Filter, block index and search within the block in one, for 5 bytes a key.
 *
 *     word    fingerprint (f bits, from the top of the high lane) | block << slotBits | slot, plus 1 (32 − f bits)
 *     header  first = location bits 32 − f, second = slotBits, size = homes, extra = tail
 *     body    homes + tail words, the last one empty (0)
 *
 * 1. A key's home is ⌊low lane · homes / 2^32⌋ with homes = ⌈1.25 · keys⌉; a collision moves on to the next word.
 *    Nothing wraps around: the tail takes what overflows, and the last word is empty, so every walk ends (I1).
 * 2. On the way of each walk words stand in falling order (I2): an insertion that meets a smaller word takes its place
 *    and carries that one on (ordered hash tables, Amble and Knuth 1974). A lookup ends at the first fingerprint below
 *    its own, after about 3 words for a present and an absent key alike instead of 13 for an absent one, and meets a
 *    third of the false candidates.
 * 3. The bit widths fit the table: what block and slot numbers do not need belongs to the fingerprint, at least 8 bits.
 */
import {
  POINT_ABSENT,
  type PointIndex,
  type PointIndexBuilder,
  type PointIndexKind,
} from '@lsm/core';
import { allocateEncoding, bodyWords, check, HEADER_BYTES, readHeader } from './encoding.ts';
import { WordList } from './word-list.ts';

const ID = 4;
const HOMES_PER_KEY = 1.25;
const FINGERPRINT_BITS_MIN = 8;
const LOCATION_BITS_MAX = 32 - FINGERPRINT_BITS_MIN;
/** Share of foreign keys with a candidate at 8 fingerprint bits (measured 0.0149–0.0153 of 10^6). */
const RATE_MAX = 3.9 / 2 ** FINGERPRINT_BITS_MIN;
const HOMES_MAX = 0x1fff_ffff;
const TWO_32 = 0x1_0000_0000;
/** Words of the builder's list for each key: low lane, high lane, block, slot. */
const STRIDE = 4;

class HashIndex implements PointIndex {
  readonly memoryBytes: number;
  readonly slotBits: number;
  readonly #words: Int32Array;
  /** Homes / 2^32: the product with a lane, truncated, is a home. */
  readonly #scale: number;
  readonly #locationBits: number;
  readonly #locationMask: number;
  #at: number;
  #fingerprint = 0;

  constructor(words: Int32Array, homes: number, locationBits: number, slotBits: number) {
    this.#words = words;
    this.#scale = homes / TWO_32;
    this.#locationBits = locationBits;
    this.#locationMask = (1 << locationBits) - 1;
    this.#at = words.length - 1;
    this.slotBits = slotBits;
    this.memoryBytes = HEADER_BYTES + words.byteLength;
  }

  first(hashLow: number, hashHigh: number): number {
    return this.#walk(((hashLow >>> 0) * this.#scale) | 0, hashHigh >>> this.#locationBits);
  }

  next(): number {
    return this.#walk(this.#at, this.#fingerprint);
  }

  touch(hashLow: number): number {
    return this.#words[((hashLow >>> 0) * this.#scale) | 0]!;
  }

  #walk(from: number, fingerprint: number): number {
    const words = this.#words;
    const locationBits = this.#locationBits;
    let at = from;
    let word = words[at]!;
    // The empty word has fingerprint 0, which is above none: the walk ends there (I1).
    while (word >>> locationBits > fingerprint) word = words[++at]!;
    this.#fingerprint = fingerprint;
    if (word >>> locationBits !== fingerprint || word === 0) {
      this.#at = at;
      return POINT_ABSENT;
    }
    this.#at = at + 1;
    return (word & this.#locationMask) - 1;
  }
}

class HashIndexBuilder implements PointIndexBuilder {
  readonly #keys = new WordList();
  #blockMax = 0;
  #slotMax = 0;

  add(hashLow: number, hashHigh: number, block: number, slot: number): void {
    const keys = this.#keys;
    keys.push(hashLow);
    keys.push(hashHigh);
    keys.push(block);
    keys.push(slot);
    if (block > this.#blockMax) this.#blockMax = block;
    if (slot > this.#slotMax) this.#slotMax = slot;
  }

  finish(): Uint8Array | null {
    const slotBits = bitLength(this.#slotMax);
    const locationMax = this.#blockMax * 2 ** slotBits + this.#slotMax;
    const keys = this.#keys.length / STRIDE;
    const homes = Math.max(1, Math.ceil(keys * HOMES_PER_KEY));
    if (locationMax + 1 >= 2 ** LOCATION_BITS_MAX || homes > HOMES_MAX) return null;
    const locationBits = bitLength(locationMax + 1);
    const words = fillTable(this.#keys, homes, locationBits, slotBits);
    const tail = words.length - homes;
    const header = { first: locationBits, second: slotBits, keys, size: homes, extra: tail };
    const encoding = allocateEncoding(ID, header, words.byteLength);
    bodyWords(encoding).set(words);
    return encoding;
  }
}

/** Places every key; returns the homes and the tail, ending with an empty word. */
function fillTable(
  list: WordList,
  homes: number,
  locationBits: number,
  slotBits: number,
): Int32Array {
  let words = new Int32Array(homes + 64);
  let end = homes;
  const keys = list.words;
  const scale = homes / TWO_32;
  for (let key = 0; key < list.length; key += STRIDE) {
    const location = (keys[key + 2]! << slotBits) | keys[key + 3]!;
    let carried = (((keys[key + 1]! >>> locationBits) << locationBits) | (location + 1)) >>> 0;
    let at = ((keys[key]! >>> 0) * scale) | 0;
    let word = words[at]! >>> 0;
    while (word !== 0) {
      if (word < carried) {
        words[at] = carried;
        carried = word;
      }
      word = words[++at]! >>> 0;
    }
    words[at] = carried;
    if (at >= end) {
      end = at + 1;
      if (end === words.length) words = grownTail(words, homes);
    }
  }
  return words.subarray(0, end + 1);
}

/** A table with twice the tail. */
function grownTail(words: Int32Array, homes: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(homes + 2 * (words.length - homes));
  grown.set(words);
  return grown;
}

/** Bits of the binary form of an integer from 0 to 2^32 − 1; 0 for 0. */
function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}

function openHashIndex(bytes: Uint8Array): PointIndex {
  const header = readHeader(bytes, ID, 'hash-index');
  const { first: locationBits, second: slotBits, keys, size: homes, extra: tail } = header;
  const words = bodyWords(bytes);
  check(
    locationBits >= 1 && locationBits <= LOCATION_BITS_MAX,
    `A hash index has ${locationBits} bits for a location`,
  );
  check(slotBits <= locationBits, `A hash index has ${slotBits} of ${locationBits} bits for slots`);
  check(
    homes >= 1 && homes <= HOMES_MAX && tail >= 1 && homes + tail === words.length,
    `A hash index of ${words.length} words says ${homes} homes and ${tail} more`,
  );
  check(keys < words.length, `A hash index of ${words.length} words says ${keys} keys`);
  check(words[words.length - 1] === 0, 'The last word of a hash index is not empty');
  return new HashIndex(words, homes, locationBits, slotBits);
}

/**
 * The hash index: 40 bits per key whatever is wished. The rate is what the smallest fingerprint gives; it halves with
 * each bit that the table's locations leave over.
 */
export const hashIndex: PointIndexKind = {
  name: 'hash-index',
  id: ID,
  rate: () => ({ bitsPerKey: HOMES_PER_KEY * 32, falsePositiveRate: RATE_MAX }),
  builder: () => new HashIndexBuilder(),
  open: openHashIndex,
};
