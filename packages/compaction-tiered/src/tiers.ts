/**
 * Tiers: runs of similar size, seen in the order of time.
 *
 * A run's own tier is log_ratio(size / flush), rounded. Its tier here is the largest own tier among it and all newer
 * runs: so tiers never fall from newer to older, the members of a tier stand together, and a small run caught behind
 * a large one is merged with its neighbours instead of waiting for its like. That bounds the number of runs by
 * (merge width − 1) per tier.
 *
 * In a tree that no longer fits into one task, a merge is done in pieces, and meanwhile its runs shrink and its target
 * grows. There a run's own tier is its tag, which stands still; {@link retags} says when it has to be set anew.
 */
import { aimedTaskBytes } from '@lsm/compaction';
import type { RunInfo, TreeSnapshot } from '@lsm/core';

/** Neighbouring runs of one tier, newest first. */
export interface Tier {
  readonly tier: number;
  readonly runs: readonly RunInfo[];
}

/** Whether merges are done in pieces: the tree does not fit into one task. */
export function isPiecemeal({ runs, limits }: TreeSnapshot): boolean {
  let bytes = 0;
  for (const run of runs) bytes += run.bytes;
  return bytes > aimedTaskBytes(limits);
}

/** Runs that hold tables, grouped; newest tier first. */
export function tiersOf(snapshot: TreeSnapshot, ratio: number): readonly Tier[] {
  const byTag = isPiecemeal(snapshot);
  const tiers: { tier: number; runs: RunInfo[] }[] = [];
  for (const run of snapshot.runs) {
    if (run.tables.length === 0) continue;
    const newest = tiers.at(-1);
    const own = byTag && run.level > 0 ? run.level : ownTier(run.bytes, snapshot.flushBytes, ratio);
    const tier = Math.max(newest?.tier ?? 0, own);
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

/** Runs whose tag is not their size's tier although their neighbours allow it, and that tier. */
export function retags(
  snapshot: TreeSnapshot,
  ratio: number,
): readonly { readonly run: RunInfo; readonly level: number }[] {
  const { runs } = snapshot;
  return runs.flatMap((run, row) => {
    if (run.level === 0 || run.tables.length === 0) return [];
    const least = Math.max(1, runs[row - 1]?.level ?? 0);
    const most = runs[row + 1]?.level ?? Number.POSITIVE_INFINITY;
    const own = ownTier(run.bytes, snapshot.flushBytes, ratio);
    const level = Math.min(Math.max(own, least), most);
    return level === run.level ? [] : [{ run, level }];
  });
}
