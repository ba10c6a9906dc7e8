/**
 * XXH64 (Collet, 2014) without BigInt: the twin of `assembly/xxh64.ts`.
 *
 * A 64-bit number is two 32-bit halves. Products modulo 2^64 need the upper half of one 32 × 32 product, which is
 * put together from 16-bit parts; everything else is `Math.imul`, shifts and carries. About 30 times slower than the
 * compiled kernel, but the same result on any platform.
 */

/** Halves of the five primes, low then high. */
const P1L = 0x85ebca87 | 0;
const P1H = 0x9e3779b1 | 0;
const P2L = 0x27d4eb4f | 0;
const P2H = 0xc2b2ae3d | 0;
const P3L = 0x9e3779f9 | 0;
const P3H = 0x165667b1 | 0;
const P4L = 0xc2b2ae63 | 0;
const P4H = 0x85ebca77 | 0;
const P5L = 0x165667c5 | 0;
const P5H = 0x27d4eb2f | 0;

/** Bytes of a stripe: one word for each of the four lanes. */
const STRIPE = 32;

/** Upper 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyUpper(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = Math.imul(a1, b0) >>> 0;
  const other = Math.imul(a0, b1) >>> 0;
  const carry = ((Math.imul(a0, b0) >>> 16) + (middle & 0xffff) + (other & 0xffff)) >>> 16;
  return (Math.imul(a1, b1) + (middle >>> 16) + (other >>> 16) + carry) | 0;
}

/** 1 if the unsigned sum of two 32-bit numbers, given as `sum`, has wrapped; `part` is one of the two. */
function carryOf(sum: number, part: number): number {
  return sum >>> 0 < part >>> 0 ? 1 : 0;
}

/** Hashes regions of one buffer; one-shot and streaming. The result stays in `low` and `high`. */
export class Xxh64 {
  /** Lower 32 bits of the last result, signed. */
  low = 0;
  /** Upper 32 bits of the last result, signed. */
  high = 0;
  readonly #bytes: Uint8Array;
  /** Four lanes, low and high half of each. */
  readonly #lanes = new Int32Array(8);
  /** Bytes of a stripe that isn't complete yet. */
  readonly #tail = new Uint8Array(STRIPE);
  #seedLow = 0;
  #seedHigh = 0;
  /** Bytes of the stream so far; exact to 2^53. */
  #total = 0;

  /** @param bytes - the memory that offsets refer to; borrowed */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Hashes `length` bytes at `offset` in one go. */
  compute(offset: number, length: number, seedLow: number, seedHigh: number): void {
    this.begin(seedLow, seedHigh);
    this.update(offset, length);
    this.end();
  }

  /** Starts a stream. */
  begin(seedLow: number, seedHigh: number): void {
    this.#seedLow = seedLow | 0;
    this.#seedHigh = seedHigh | 0;
    this.#total = 0;
    const lanes = this.#lanes;
    this.#set(seedLow | 0, seedHigh | 0);
    lanes[4] = this.low;
    lanes[5] = this.high;
    this.#add(P2L, P2H);
    lanes[2] = this.low;
    lanes[3] = this.high;
    this.#add(P1L, P1H);
    lanes[0] = this.low;
    lanes[1] = this.high;
    // seed − P1 = seed + ~P1 + 1.
    this.#set(seedLow | 0, seedHigh | 0);
    this.#add(~P1L, ~P1H);
    this.#add(1, 0);
    lanes[6] = this.low;
    lanes[7] = this.high;
  }

  /** Takes `length` more bytes. */
  update(offset: number, length: number): void {
    const end = offset + length;
    const filled = this.#total % STRIPE;
    this.#total += length;
    if (filled !== 0) {
      const missing = Math.min(STRIPE - filled, length);
      this.#tail.set(this.#bytes.subarray(offset, offset + missing), filled);
      if (filled + missing < STRIPE) return;
      this.#takeStripe(this.#tail, 0);
      offset += missing;
    }
    while (offset + STRIPE <= end) {
      this.#takeStripe(this.#bytes, offset);
      offset += STRIPE;
    }
    if (offset < end) this.#tail.set(this.#bytes.subarray(offset, end));
  }

  /** Ends the stream; the result is in {@link low} and {@link high}. */
  end(): void {
    const total = this.#total;
    if (total >= STRIPE) this.#mergeLanes();
    else {
      this.#set(this.#seedLow, this.#seedHigh);
      this.#add(P5L, P5H);
    }
    this.#add(total | 0, Math.floor(total / 0x1_0000_0000) | 0);
    this.#takeTail(total % STRIPE);
    this.#shiftXor(33);
    this.#multiply(P2L, P2H);
    this.#shiftXor(29);
    this.#multiply(P3L, P3H);
    this.low ^= this.high;
  }

  #takeStripe(bytes: Uint8Array, offset: number): void {
    const lanes = this.#lanes;
    for (let i = 0; i < 8; i += 2) {
      const at = offset + (i << 2);
      this.#round(lanes[i]!, lanes[i + 1]!, wordAt(bytes, at), wordAt(bytes, at + 4));
      lanes[i] = this.low;
      lanes[i + 1] = this.high;
    }
  }

  #mergeLanes(): void {
    const lanes = this.#lanes;
    let low = 0;
    let high = 0;
    for (let i = 0; i < 4; i++) {
      this.#set(lanes[2 * i]!, lanes[2 * i + 1]!);
      this.#rotate(MERGE_ROTATIONS[i]!);
      this.#add(low, high);
      low = this.low;
      high = this.high;
    }
    for (let i = 0; i < 4; i++) {
      this.#round(0, 0, lanes[2 * i]!, lanes[2 * i + 1]!);
      this.low ^= low;
      this.high ^= high;
      this.#multiply(P1L, P1H);
      this.#add(P4L, P4H);
      low = this.low;
      high = this.high;
    }
  }

  /** The last bytes of the input, below one stripe. */
  #takeTail(length: number): void {
    const tail = this.#tail;
    let i = 0;
    for (; i + 8 <= length; i += 8) {
      const low = this.low;
      const high = this.high;
      this.#round(0, 0, wordAt(tail, i), wordAt(tail, i + 4));
      this.low ^= low;
      this.high ^= high;
      this.#rotate(27);
      this.#multiply(P1L, P1H);
      this.#add(P4L, P4H);
    }
    if (i + 4 <= length) {
      this.#xorProduct(wordAt(tail, i), P1L, P1H);
      this.#rotate(23);
      this.#multiply(P2L, P2H);
      this.#add(P3L, P3H);
      i += 4;
    }
    for (; i < length; i++) {
      this.#xorProduct(tail[i]!, P5L, P5H);
      this.#rotate(11);
      this.#multiply(P1L, P1H);
    }
  }

  /** rotl(lane + word · P2, 31) · P1 */
  #round(laneLow: number, laneHigh: number, wordLow: number, wordHigh: number): void {
    this.#set(wordLow, wordHigh);
    this.#multiply(P2L, P2H);
    this.#add(laneLow, laneHigh);
    this.#rotate(31);
    this.#multiply(P1L, P1H);
  }

  #set(low: number, high: number): void {
    this.low = low;
    this.high = high;
  }

  #add(low: number, high: number): void {
    const sum = (this.low + low) | 0;
    this.high = (this.high + high + carryOf(sum, low)) | 0;
    this.low = sum;
  }

  #multiply(low: number, high: number): void {
    const cross = (Math.imul(this.low, high) + Math.imul(this.high, low)) | 0;
    this.high = (multiplyUpper(this.low, low) + cross) | 0;
    this.low = Math.imul(this.low, low);
  }

  /** Rotates left; any count from 1 to 31. */
  #rotate(count: number): void {
    const low = this.low;
    this.low = (low << count) | (this.high >>> (32 - count));
    this.high = (this.high << count) | (low >>> (32 - count));
  }

  /** x ^= x >>> count, for a count of 29 or 33. */
  #shiftXor(count: number): void {
    if (count >= 32) this.low ^= this.high >>> (count - 32);
    else {
      this.low ^= (this.low >>> count) | (this.high << (32 - count));
      this.high ^= this.high >>> count;
    }
  }

  /** x ^= word · (low, high) */
  #xorProduct(word: number, low: number, high: number): void {
    const before = this.low;
    const beforeHigh = this.high;
    this.#set(word, 0);
    this.#multiply(low, high);
    this.low ^= before;
    this.high ^= beforeHigh;
  }
}

const MERGE_ROTATIONS = [1, 7, 12, 18] as const;

function wordAt(bytes: Uint8Array, offset: number): number {
  return (
    bytes[offset]! |
    (bytes[offset + 1]! << 8) |
    (bytes[offset + 2]! << 16) |
    (bytes[offset + 3]! << 24)
  );
}
