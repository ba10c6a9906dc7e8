/**
 * The bytes of a simulated file, made for thousands of cheap copies.
 *
 * 1. Bytes stand in a buffer of whole 512-byte units; those at or beyond `size` count as zero, whatever stands there.
 * 2. `freeze` hands out a view of the present bytes without copying. Later appends go on in the same buffer; the first
 *    write below the frozen end copies the buffer first.
 * 3. Content made from a frozen view shares its buffer until its first write.
 * 4. The hash is a sum over units of (place, bytes), so that a changed unit costs only itself, and is computed once per
 *    frozen view.
 */

/** Bytes of the smallest unit that a crash keeps or loses. */
export const UNIT_BYTES = 512;

/** Bytes that never change; those of `buffer` from `size` on are not part of it. */
export interface FrozenContent {
  readonly buffer: Uint8Array;
  readonly size: number;
  /** Two lanes of the hash once computed, else `null`. */
  hash: ContentHash | null;
}

/** A 64-bit hash in two signed lanes. */
export interface ContentHash {
  readonly low: number;
  readonly high: number;
}

const EMPTY_BUFFER = new Uint8Array(0);

/** Growing, shrinking, shareable bytes. */
export class SimulatedContent {
  #buffer: Uint8Array;
  #size: number;
  /** Bytes below this belong to a frozen view. Infinite: the buffer is somebody else's. */
  #frozenEnd: number;
  #view: FrozenContent | null;

  /** @param from - the first content, shared until the first write */
  constructor(from: FrozenContent = { buffer: EMPTY_BUFFER, size: 0, hash: null }) {
    this.#buffer = from.buffer;
    this.#size = from.size;
    this.#frozenEnd = Number.POSITIVE_INFINITY;
    this.#view = from;
  }

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  /** The present bytes, unchanged for ever. */
  freeze(): FrozenContent {
    if (this.#view === null) {
      this.#view = { buffer: this.#buffer, size: this.#size, hash: null };
      if (this.#size > this.#frozenEnd) this.#frozenEnd = this.#size;
    }
    return this.#view;
  }

  /** Copies bytes out; returns how many there were. */
  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const count = Math.min(length, Math.max(0, this.#size - position));
    if (count > 0) target.set(this.#buffer.subarray(position, position + count), targetOffset);
    return count;
  }

  /** Writes bytes; a gap before them becomes zeros. */
  write(source: Uint8Array, sourceOffset: number, length: number, position: number): void {
    if (length === 0) return;
    const end = position + length;
    this.#own(Math.min(position, this.#size), end);
    if (position > this.#size) this.#buffer.fill(0, this.#size, position);
    this.#buffer.set(source.subarray(sourceOffset, sourceOffset + length), position);
    if (end > this.#size) this.#size = end;
  }

  /** Cuts, or extends with zeros. */
  resize(size: number): void {
    if (size === this.#size) return;
    if (size > this.#size) {
      this.#own(this.#size, size);
      this.#buffer.fill(0, this.#size, size);
    } else {
      this.#view = null;
    }
    this.#size = size;
  }

  /** Makes the buffer writable from `position` and long enough for `end`. */
  #own(position: number, end: number): void {
    this.#view = null;
    if (position >= this.#frozenEnd && end <= this.#buffer.length) return;
    const capacity = end > this.#buffer.length ? Math.max(end, this.#buffer.length * 2) : end;
    const rounded = Math.max(Math.ceil(capacity / UNIT_BYTES), 2) * UNIT_BYTES;
    const copy = new Uint8Array(Math.max(rounded, this.#buffer.length));
    copy.set(this.#buffer.subarray(0, this.#size));
    this.#buffer = copy;
    this.#frozenEnd = 0;
  }
}

/** The hash of frozen bytes and their length; computed once. */
export function hashContent(content: FrozenContent): ContentHash {
  if (content.hash !== null) return content.hash;
  let low = content.size | 0;
  let high = Math.imul(content.size, 0x9e3779b1);
  const whole = content.size - (content.size % UNIT_BYTES);
  const words = wordsOf(content.buffer);
  for (let offset = 0; offset < whole; offset += UNIT_BYTES) {
    hashUnit(words, offset >> 2, offset);
    low = (low + unitLow) | 0;
    high = (high + unitHigh) | 0;
  }
  if (whole < content.size) {
    lastUnit.fill(0);
    lastUnit.set(content.buffer.subarray(whole, content.size));
    hashUnit(wordsOf(lastUnit), 0, whole);
    low = (low + unitLow) | 0;
    high = (high + unitHigh) | 0;
  }
  content.hash = { low, high };
  return content.hash;
}

const lastUnit = new Uint8Array(UNIT_BYTES);
let unitLow = 0;
let unitHigh = 0;

/** Hashes one unit into `unitLow` and `unitHigh`; a unit of zeros counts like no unit, so that holes cost nothing. */
function hashUnit(words: Int32Array, start: number, offset: number): void {
  let a = 0;
  let b = 0;
  for (let i = start, end = start + UNIT_BYTES / 4; i < end; i++) {
    const word = words[i]!;
    a = Math.imul(a ^ word, 0xcc9e2d51);
    a ^= a >>> 15;
    b = Math.imul((b << 7) | (b >>> 25), 0x85ebca6b) + word;
  }
  if (a === 0 && b === 0) {
    unitLow = 0;
    unitHigh = 0;
    return;
  }
  a = Math.imul(a ^ offset, 0x7feb352d);
  b = Math.imul(b + offset, 0x846ca68b) ^ a;
  unitLow = a ^ (a >>> 16);
  unitHigh = b ^ (b >>> 13);
}

function wordsOf(buffer: Uint8Array): Int32Array {
  return new Int32Array(buffer.buffer, buffer.byteOffset, buffer.byteLength >> 2);
}
