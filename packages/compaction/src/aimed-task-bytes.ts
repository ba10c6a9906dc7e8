/** How much a planner puts together for one task. */
import type { TreeSnapshot } from '@lsm/core';

/** A task's input at most ÷ what planners aim at. */
const HEADROOM = 1.5;

/**
 * Bytes of input that a planner should put together for one task: two thirds of `limits.maxTaskBytes`, so that what a
 * merge has to take beside them, since tables can't be cut apart, still fits.
 *
 * @param limits - of a snapshot
 */
export function aimedTaskBytes({
  maxTaskBytes,
}: Pick<TreeSnapshot['limits'], 'maxTaskBytes'>): number {
  return maxTaskBytes / HEADROOM;
}
