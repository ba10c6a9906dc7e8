/** Seeded randomness of the bench: fractions, integers below a bound, permutations. Same seed, same sequence. */
import { type Random, seededRandom } from '@lsm/core';

/** A seeded generator with the draws that workloads need. */
export class SeededDraws {
  readonly #random: Random;

  /** @param seed - any integer */
  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** An integer from 0 to 2^32 − 1. */
  word(): number {
    return this.#random.next();
  }

  /** A fraction, 0 ≤ x < 1, of 32 bits. */
  fraction(): number {
    return this.#random.next() / 0x1_0000_0000;
  }

  /** An integer, 0 ≤ x < `bound`; `bound` up to 2^32. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }
}

/** The numbers 0 … count − 1 in random order (Fisher–Yates). */
export function permutation(count: number, draws: SeededDraws): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  for (let i = count - 1; i > 0; i--) {
    const j = draws.below(i + 1);
    const other = order[j]!;
    order[j] = order[i]!;
    order[i] = other;
  }
  return order;
}

/** A 32-bit mix of an integer: equal inputs give equal outputs, near inputs far ones. */
export function mixWord(value: number): number {
  let z = (value + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}
