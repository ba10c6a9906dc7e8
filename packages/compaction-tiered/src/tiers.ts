/**
 * Tiers: runs of similar size, seen in the order of time.
 *
 * A run's own tier is log_ratio(size / flush), rounded. Its tier here is the largest own tier among it and all newer
 * runs: so tiers never fall from newer to older, the members of a tier stand together, and a small run caught behind
 * a large one is merged with its neighbours instead of waiting for its like. That bounds the number of runs by
 * (merge width − 1) per tier.
 */
import type { RunInfo, TreeSnapshot } from '@lsm/core';

/** Neighbouring runs of one tier, newest first. */
export interface Tier {
  readonly tier: number;
  readonly runs: readonly RunInfo[];
}

/** Runs that hold tables, grouped; newest tier first. */
export function tiersOf(snapshot: TreeSnapshot, ratio: number): readonly Tier[] {
  const tiers: { tier: number; runs: RunInfo[] }[] = [];
  for (const run of snapshot.runs) {
    if (run.tables.length === 0) continue;
    const newest = tiers.at(-1);
    const tier = Math.max(newest?.tier ?? 0, ownTier(run.bytes, snapshot.flushBytes, ratio));
    if (newest?.tier === tier) newest.runs.push(run);
    else tiers.push({ tier, runs: [run] });
  }
  return tiers;
}

/** Tier of a size: 0 for a flush, 1 for `ratio` flushes; half-way, in the logarithm, it changes. */
export function ownTier(bytes: number, flushBytes: number, ratio: number): number {
  const flushes = bytes / Math.max(1, flushBytes);
  if (flushes <= 1) return 0;
  return Math.round(Math.log(flushes) / Math.log(ratio));
}
