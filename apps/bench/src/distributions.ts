/**
 * Which key comes next: the request distributions of YCSB, seeded.
 *
 * - uniform: each index equally often
 * - zipfian: rank r (from 0) with probability 1 / ((r + 1)^θ · ζ(n, θ)), drawn in O(1) by the method of Gray et al.,
 *   "Quickly generating billion-record synthetic databases", 1994 (exact for the first two ranks, close for the rest)
 * - scattered zipfian: the same, with popular ranks spread over the key space by a fixed permutation, so that hot
 *   keys are not neighbours
 * - latest: zipfian from the newest index downwards; `grow` makes new indexes the most popular
 */
import { permutation, SeededDraws } from './random.ts';

/** Draws indexes 0 … count − 1. */
export interface KeyChooser {
  next(): number;
  /** Says that indexes 0 … count − 1 now exist; never shrinks. */
  grow(count: number): void;
}

/** Names of the distributions. */
export type Distribution = 'uniform' | 'zipfian' | 'latest';

/** Skew of YCSB. */
export const ZIPF_THETA = 0.99;

/** Every index equally often. */
export function uniformChooser(count: number, draws: SeededDraws): KeyChooser {
  let existing = count;
  return {
    next: () => draws.below(existing),
    grow(next) {
      existing = Math.max(existing, next);
    },
  };
}

/** Rank 0 most often; see the head of the file. */
export class ZipfianChooser implements KeyChooser {
  readonly #draws: SeededDraws;
  readonly #theta: number;
  readonly #alpha: number;
  readonly #half: number;
  #count = 0;
  #zeta = 0;
  #eta = 0;

  /**
   * @param count - how many ranks there are, ≥ 1
   * @param draws - where the randomness comes from
   * @param theta - skew, 0 < θ < 1, default 0.99
   */
  constructor(count: number, draws: SeededDraws, theta: number = ZIPF_THETA) {
    this.#draws = draws;
    this.#theta = theta;
    this.#alpha = 1 / (1 - theta);
    this.#half = 1 + 0.5 ** theta;
    this.grow(count);
  }

  next(): number {
    const u = this.#draws.fraction();
    const scaled = u * this.#zeta;
    if (scaled < 1) return 0;
    if (scaled < this.#half) return Math.min(1, this.#count - 1);
    const rank = Math.floor(this.#count * (this.#eta * u - this.#eta + 1) ** this.#alpha);
    return Math.min(rank, this.#count - 1);
  }

  grow(count: number): void {
    if (count <= this.#count) return;
    for (let rank = this.#count + 1; rank <= count; rank++) this.#zeta += rank ** -this.#theta;
    this.#count = count;
    this.#eta = (1 - (2 / count) ** (1 - this.#theta)) / (1 - this.#half / this.#zeta);
    if (!Number.isFinite(this.#eta)) this.#eta = 0;
  }
}

/** Zipfian popularity over indexes in no order. */
export function scatteredZipfianChooser(count: number, draws: SeededDraws): KeyChooser {
  const ranks = new ZipfianChooser(count, draws);
  const places = permutation(count, new SeededDraws(0x5eed));
  let existing = count;
  return {
    next: () => {
      const rank = ranks.next();
      return rank < places.length ? places[rank]! : rank;
    },
    grow(next) {
      if (next <= existing) return;
      existing = next;
      ranks.grow(next);
    },
  };
}

/** The newest index most often. */
export function latestChooser(count: number, draws: SeededDraws): KeyChooser {
  const ranks = new ZipfianChooser(count, draws);
  let existing = count;
  return {
    next: () => existing - 1 - ranks.next(),
    grow(next) {
      if (next <= existing) return;
      existing = next;
      ranks.grow(next);
    },
  };
}

/** The chooser of a name; `zipfian` is the scattered one. */
export function chooserOf(
  distribution: Distribution,
  count: number,
  draws: SeededDraws,
): KeyChooser {
  switch (distribution) {
    case 'uniform':
      return uniformChooser(count, draws);
    case 'zipfian':
      return scatteredZipfianChooser(count, draws);
    case 'latest':
      return latestChooser(count, draws);
  }
}
