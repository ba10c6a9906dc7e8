/**
 * Collects the rows of the index block and encodes it as columns that the reader uses in place.
 *
 * ```
 * offset   size  field
 *      0      4  blocks n (u32)
 *      4      4  bytes of the separator area (u32, multiple of 4)
 *      8      8  0
 *     16     4n  stored length of each block, trailer included (u32)
 *            4n  raw length of each payload (u32)
 *            4n  entries (bits 0–30); bit 31: the first key equals the last key of the block before
 *            4n  offset of the separator in the separator area (u32, multiple of 4)
 *            2n  length of the separator (u16), zero padded to a multiple of 4
 *                separators, each zero padded to a multiple of 4
 * ```
 * Blocks follow each other from byte 32 of the file, so offsets are sums of stored lengths. A separator is the
 * shortest key s with (last key of the block before) < s ≤ (first key of the block); where a key's versions go on
 * over the border (bit 31), and for the first block, it is the first key itself.
 */
import { sharedPrefixLength } from '@lsm/core';

/** Bytes before the columns of the index payload. */
export const INDEX_HEADER_BYTES = 16;
/** Flag in the entries column: the first key equals the last key of the block before. */
export const CONTINUES: number = 0x8000_0000 | 0;

/** A list of words that grows. */
class WordColumn {
  words: Int32Array = new Int32Array(64);
  length = 0;

  push(word: number): void {
    if (this.length === this.words.length) {
      const grown = new Int32Array(this.length * 2);
      grown.set(this.words);
      this.words = grown;
    }
    this.words[this.length++] = word;
  }
}

/** Builds one index block. */
export class IndexBuilder {
  readonly #stored = new WordColumn();
  readonly #raw = new WordColumn();
  readonly #entries = new WordColumn();
  readonly #offsets = new WordColumn();
  readonly #lengths = new WordColumn();
  #separators = new Uint8Array(1024);
  #separatorBytes = 0;
  #continues = false;

  /** Blocks so far. */
  get blocks(): number {
    return this.#stored.length;
  }

  /** Bytes that the payload would have now. */
  get payloadBytes(): number {
    const n = this.blocks;
    return INDEX_HEADER_BYTES + 16 * n + (((n + 1) >> 1) << 2) + this.#separatorBytes;
  }

  /**
   * Begins a block.
   *
   * @param lastKey - last key of the block before, borrowed; `null` for the first block
   * @param firstKey - first key of this block, borrowed
   */
  begin(lastKey: Uint8Array | null, firstKey: Uint8Array): void {
    let length = firstKey.length;
    this.#continues = false;
    if (lastKey !== null) {
      const shared = sharedPrefixLength(lastKey, firstKey);
      if (shared === length) this.#continues = true;
      else length = shared + 1;
    }
    this.#offsets.push(this.#separatorBytes);
    this.#lengths.push(length);
    this.#append(firstKey, length);
  }

  /** Ends the block that {@link begin} began. */
  end(storedLength: number, rawLength: number, entries: number): void {
    this.#stored.push(storedLength);
    this.#raw.push(rawLength);
    this.#entries.push(this.#continues ? entries | CONTINUES : entries);
  }

  /** Encodes the payload. */
  finish(): Uint8Array {
    const n = this.blocks;
    const payload = new Uint8Array(this.payloadBytes);
    const words = new Int32Array(payload.buffer);
    words[0] = n;
    words[1] = this.#separatorBytes;
    let at = INDEX_HEADER_BYTES >> 2;
    for (const column of [this.#stored, this.#raw, this.#entries, this.#offsets]) {
      words.set(column.words.subarray(0, n), at);
      at += n;
    }
    new Uint16Array(payload.buffer, at << 2, n).set(this.#lengths.words.subarray(0, n));
    at += (n + 1) >> 1;
    payload.set(this.#separators.subarray(0, this.#separatorBytes), at << 2);
    return payload;
  }

  #append(key: Uint8Array, length: number): void {
    const padded = (length + 3) & ~3;
    const end = this.#separatorBytes + padded;
    if (end > this.#separators.length) {
      const grown = new Uint8Array(Math.max(end, this.#separators.length * 2));
      grown.set(this.#separators);
      this.#separators = grown;
    }
    this.#separators.set(key.subarray(0, length), this.#separatorBytes);
    this.#separatorBytes = end;
  }
}
