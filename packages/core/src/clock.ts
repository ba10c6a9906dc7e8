/**
 * The seams to time, scheduling and randomness. No correctness decision uses wall time; everything that waits or
 * draws goes through here, so that a whole database runs in simulation from one seed.
 */

/** Time and scheduling. */
export interface Clock {
  /** Wall time, ms since 1970; only for ages in statistics and file properties. */
  now(): number;
  /** Monotonic time, ms with fractions; for pacing and measurements. */
  elapsed(): number;
  /** Runs `callback` as a macrotask, after pending I/O callbacks had their turn. */
  defer(callback: () => void): void;
  /**
   * Runs `callback` after `ms` unless the returned function is called first.
   *
   * @param keepAlive - whether the process has to stay for it, because somebody awaits it; default false
   */
  after(ms: number, callback: () => void, keepAlive?: boolean): () => void;
}

/** A source of random 32-bit integers. */
export interface Random {
  /** The next one, 0 … 2^32 − 1. */
  next(): number;
}

/** A small deterministic generator (SplitMix32 step of a Weyl sequence); for tests, samples and simulation. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return {
    next(): number {
      state = (state + 0x9e3779b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    },
  };
}
