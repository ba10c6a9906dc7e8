/**
 * The one hash of a key: 64 bits in two 32-bit lanes, seeded per database, used by every filter and point index.
 *
 * Two multiply–rotate lanes in the manner of MurmurHash3 (Appleby, 2011) run over the same words with different
 * constants and are mixed across at the end, so that the lanes are independent enough for double hashing
 * (h1 + i·h2) and fingerprints. 11–17 ns for a 16-byte key; the same on both sides of the worker boundary.
 * On disk: never change the constants, tables hold what this computes.
 */

/** Hashes keys; the result stays in `low` and `high` until the next call. */
export class KeyHasher {
  /** Lower 32 bits of the last hash, as a signed integer. */
  low = 0;
  /** Upper 32 bits of the last hash, as a signed integer. */
  high = 0;
  readonly #seedLow: number;
  readonly #seedHigh: number;

  /** @param seed - two 32-bit integers that the database was created with */
  constructor(seed: readonly [low: number, high: number]) {
    this.#seedLow = seed[0] | 0;
    this.#seedHigh = seed[1] | 0;
  }

  /**
   * Hashes one key into {@link low} and {@link high}.
   *
   * @param words - memory that holds the key; must extend to the end of the key's last word
   * @param offset - byte offset of the key, a multiple of 4
   * @param length - bytes of the key
   */
  hash(words: Int32Array, offset: number, length: number): void {
    let a = this.#seedLow ^ length;
    let b = this.#seedHigh ^ Math.imul(length, 0x9e3779b1);
    let i = offset >> 2;
    const end = i + (length >> 2);
    while (i < end) {
      const word = words[i++]!;
      a = Math.imul(a ^ word, 0xcc9e2d51);
      a = (a << 15) | (a >>> 17);
      b = Math.imul(b + word, 0x85ebca6b);
      b = (b << 13) | (b >>> 19);
      b ^= a;
    }
    const rest = length & 3;
    if (rest !== 0) {
      const word = words[i]! & ((1 << (rest << 3)) - 1);
      a = Math.imul(a ^ word, 0xcc9e2d51);
      a = (a << 15) | (a >>> 17);
      b = Math.imul(b + word, 0x85ebca6b);
      b = (b << 13) | (b >>> 19);
      b ^= a;
    }
    a ^= a >>> 16;
    a = Math.imul(a, 0x7feb352d);
    b ^= b >>> 15;
    b = Math.imul(b, 0x846ca68b);
    a ^= b;
    a ^= a >>> 15;
    a = Math.imul(a, 0x2c1b3c6d);
    b = Math.imul(b + a, 0x297a2d39);
    b ^= b >>> 16;
    b = Math.imul(b, 0xc2b2ae35);
    this.low = a ^ (a >>> 13);
    this.high = b ^ (b >>> 16);
  }
}
