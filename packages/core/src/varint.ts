/**
 * Byte-wise readers and writers for the cold formats (manifest, metadata): LEB128 varints, fixed little-endian
 * integers, length-prefixed byte strings. Hot formats use fixed-width words instead.
 *
 * Every read is bounded by the input; a short or ill-formed input is LSM_CORRUPTION with the offset, never a guess.
 */
import { copyBytes } from './bytes.ts';
import { assert, corruption } from './errors.ts';

const TWO_32 = 0x1_0000_0000;
const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

/** Appends values to a buffer that grows. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Writes one byte. */
  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** Writes four bytes, little-endian. */
  u32(value: number): this {
    this.#reserve(4);
    for (let shift = 0; shift < 32; shift += 8) this.#bytes[this.#length++] = value >>> shift;
    return this;
  }

  /** Writes eight bytes, little-endian; `value` is an integer from 0 to 2^53 − 1. */
  u64(value: number): this {
    return this.u32(value % TWO_32).u32(Math.floor(value / TWO_32));
  }

  /** Writes an integer from 0 to 2^53 − 1 in 1 to 8 bytes, seven bits a byte, lowest first. */
  varint(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, 'A varint is an integer from 0 to 2^53 − 1.');
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
    return this;
  }

  /** Writes a length as varint, then the bytes. */
  bytes(value: Uint8Array): this {
    this.varint(value.length);
    return this.raw(value);
  }

  /** Writes a string as length-prefixed UTF-8. */
  string(value: string): this {
    return this.bytes(encoder.encode(value));
  }

  /** Writes bytes without a length. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Reads back what a {@link ByteWriter} wrote. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #file: string | undefined;
  readonly #base: number;
  /** Bytes consumed so far. */
  offset = 0;

  /**
   * @param bytes - borrowed for the life of the reader
   * @param file - named in errors
   * @param base - offset of `bytes[0]` in `file`, for errors; default 0
   */
  constructor(bytes: Uint8Array, file?: string, base = 0) {
    this.#bytes = bytes;
    this.#file = file;
    this.#base = base;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#bytes.length - this.offset;
  }

  /** Reads one byte. */
  u8(): number {
    this.#need(1);
    return this.#bytes[this.offset++]!;
  }

  /** Reads four bytes as an unsigned integer. */
  u32(): number {
    this.#need(4);
    const at = this.offset;
    const bytes = this.#bytes;
    this.offset += 4;
    return (
      (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
    );
  }

  /** Reads eight bytes; more than 2^53 − 1 is corruption. */
  u64(): number {
    const low = this.u32();
    const high = this.u32();
    if (high >= 0x20_0000) throw this.#error('A 64-bit number exceeds 2^53 − 1');
    return high * TWO_32 + low;
  }

  /** Reads a varint. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 0x80;
    }
    throw this.#error('A varint exceeds 2^53 − 1');
  }

  /** Reads length-prefixed bytes into a copy. */
  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  /** Reads a length-prefixed UTF-8 string. */
  string(): string {
    const bytes = this.bytes();
    try {
      return decoder.decode(bytes);
    } catch {
      throw this.#error('A string is not UTF-8');
    }
  }

  /** Reads `length` bytes into a copy. */
  raw(length: number): Uint8Array {
    this.#need(length);
    const copy = copyBytes(this.#bytes, this.offset, length);
    this.offset += length;
    return copy;
  }

  /** Checks that everything was read. */
  end(): void {
    if (this.remaining !== 0) throw this.#error(`${this.remaining} bytes follow the end`);
  }

  #need(count: number): void {
    if (count > this.remaining) {
      throw this.#error(`${count} bytes are needed and ${this.remaining} are left`);
    }
  }

  #error(message: string): Error {
    return corruption(message, this.#file, this.#base + this.offset);
  }
}
