/** How much a planner puts together for one task. */
import type { TreeSnapshot } from '@lsm/core';

/** The one limit that this is about. */
type TaskLimit = Pick<TreeSnapshot['limits'], 'maxTaskBytes'>;

/** A task's input at most ÷ what planners aim at. */
const HEADROOM = 1.5;

/**
 * Bytes of input that a planner should put together for one task: two thirds of `limits.maxTaskBytes`, so that what a
 * merge has to take beside them, since tables can't be cut apart, still fits.
 *
 * @param limits - of a snapshot
 */
export function aimedTaskBytes({ maxTaskBytes }: TaskLimit): number {
  return maxTaskBytes / HEADROOM;
}

/**
 * Bytes of the target that one partition is made of: what to give as `maxOverlapBytes` when runs above it are made, so
 * that they are cut at the same keys.
 *
 * @param limits - of a snapshot
 */
export function groupBytes(limits: TaskLimit): number {
  return Math.max(1, aimedTaskBytes(limits) / 2);
}
