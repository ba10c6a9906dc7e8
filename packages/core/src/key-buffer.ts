/**
 * A reusable, word-aligned copy of one key: what a lookup compares and hashes.
 *
 * Copying a short key costs 3–20 ns and buys aligned word access in every comparison that follows, independence of
 * the caller's buffer, and one monomorphic shape for strings and bytes.
 */
import { type Bytes, illFormed, KEY_BYTES_MAX } from './bytes.ts';
import { invalidArgument } from './errors.ts';

const encoder = new TextEncoder();

/** Above this many bytes `TypedArray.set` beats a byte loop (measured, 2026-11). */
const LOOP_BYTES_MAX = 24;

/** One key, copied to offset 0 of a buffer that both views show. Grows on demand, never above 64 KiB. */
export class KeyBuffer {
  /** The key's bytes, then rubbish; valid until the next `set`. */
  bytes: Uint8Array;
  /** The same memory as words. */
  words: Int32Array;
  /** Bytes of the key. */
  length = 0;

  /** @param capacity - bytes to start with, default 256 */
  constructor(capacity = 256) {
    const buffer = new ArrayBuffer((capacity + 3) & ~3);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
  }

  /**
   * Takes a copy of a key.
   *
   * @param key - 0 to 65,535 bytes
   * @throws LSM_INVALID_ARGUMENT for another type, an ill-formed string or a longer key
   */
  set(key: Bytes): void {
    if (typeof key === 'string') this.#setString(key);
    else if (key instanceof Uint8Array) this.setBytes(key, 0, key.length);
    else throw invalidArgument(`The key is of type ${typeof key}; give a Uint8Array or a string.`);
  }

  /** Takes a copy of `length` bytes of `source` from `offset`. */
  setBytes(source: Uint8Array, offset: number, length: number): void {
    if (length > KEY_BYTES_MAX) throw tooLong(length);
    if (length > this.bytes.length) this.#grow(length);
    const bytes = this.bytes;
    if (length <= LOOP_BYTES_MAX) {
      for (let i = 0; i < length; i++) bytes[i] = source[offset + i]!;
    } else {
      bytes.set(
        offset === 0 && source.length === length
          ? source
          : source.subarray(offset, offset + length),
      );
    }
    this.length = length;
  }

  /**
   * Takes a copy of a key that stands at an aligned place, a word at a time: a quarter of the price of
   * {@link setBytes} for 16 bytes.
   *
   * @param words - memory that extends to the end of the key's last word
   * @param offset - byte offset, a multiple of 4
   * @param length - bytes of the key
   */
  setAligned(words: Int32Array, offset: number, length: number): void {
    if (length > KEY_BYTES_MAX) throw tooLong(length);
    if (length > this.bytes.length) this.#grow(length);
    const target = this.words;
    const from = offset >> 2;
    const count = (length + 3) >> 2;
    for (let i = 0; i < count; i++) target[i] = words[from + i]!;
    this.length = length;
  }

  /** An own copy of the key. */
  toBytes(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  #setString(key: string): void {
    // UTF-8 needs at most 3 bytes for each UTF-16 unit.
    if (key.length * 3 > this.bytes.length) this.#grow(Math.min(key.length * 3, KEY_BYTES_MAX + 3));
    const { read, written } = encoder.encodeInto(key, this.bytes);
    if (read !== key.length) throw tooLong(encoder.encode(key).length);
    if (written > KEY_BYTES_MAX) throw tooLong(written);
    if (written !== key.length && !key.isWellFormed()) throw illFormed('key');
    this.length = written;
  }

  #grow(length: number): void {
    if (length > KEY_BYTES_MAX + 3) throw tooLong(length);
    const buffer = new ArrayBuffer((Math.max(length, this.bytes.length * 2) + 3) & ~3);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
  }
}

function tooLong(length: number): Error {
  return invalidArgument(`The key has ${length} bytes; at most ${KEY_BYTES_MAX} are allowed.`);
}
