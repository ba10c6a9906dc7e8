/**
 * Dynamic level targets: how large each level should be, from the last level up.
 *
 * 1. The last level has the size that it has. Each level above should have 1/ratio of the one below.
 * 2. The base level is the first whose target comes near what L0 delivers (within √ratio of `baseBytes`); L0 is
 *    merged straight into it, and levels between are left, or made, empty.
 *
 * Fixed targets from the top down can leave the last level as small as the one above it and so double the space;
 * this way upper levels hold at most 1/(ratio − 1) of the last. The idea is RocksDB's (dynamic level bytes, 2015).
 */

/** Targets of all levels. */
export interface LevelTargets {
  /** The level that L0 is merged into. */
  readonly base: number;
  /** Target bytes by level; 0 above the base level, infinite at the last. Index 0 (L0) is unused. */
  readonly bytes: readonly number[];
}

/** What targets are made from. */
export interface LevelSizes {
  /** Bytes in each level, by level; missing ones are 0. */
  readonly bytes: readonly number[];
  /** Number of the last level, ≥ 1. */
  readonly last: number;
  /** Size ratio of neighbouring levels, > 1. */
  readonly ratio: number;
  /** Size that suits the base level, bytes. */
  readonly baseBytes: number;
}

/** Computes the target of each level. */
export function levelTargets(sizes: LevelSizes): LevelTargets {
  const { last, ratio, baseBytes } = sizes;
  const targets = Array.from({ length: last + 1 }, () => 0);
  targets[last] = Number.POSITIVE_INFINITY;
  let size = Math.max(0, ...sizes.bytes.slice(1));
  let base = last;
  while (base > 1 && size > baseBytes * Math.sqrt(ratio)) {
    size /= ratio;
    targets[--base] = size;
  }
  return { base, bytes: targets };
}
