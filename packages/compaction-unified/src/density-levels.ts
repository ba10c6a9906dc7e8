/**
 * Levels by density: bytes of a run per share of the keys that it covers.
 *
 * A run that was merged for half of the keys only is as dense as if it were whole, so that it does not change its level
 * while its merge goes on in pieces. The share is measured against the largest run of the tree, whose tables stand for
 * where the keys are. As in tiers, a run's level is never below that of a newer run, so that levels are contiguous in
 * time.
 */
import { overlapBounds } from '@lsm/compaction';
import type { RunInfo, TreeSnapshot } from '@lsm/core';
import { levelOf, thresholdOf } from './scaling.ts';

/** Neighbouring runs of one level, newest first. */
export interface DensityLevel {
  readonly level: number;
  /** Overlapping runs that start a merge. */
  readonly threshold: number;
  readonly runs: readonly RunInfo[];
  readonly bytes: number;
}

/** The run that takes most bytes; `null` in an empty tree. */
export function largestRun(snapshot: TreeSnapshot): RunInfo | null {
  let largest: RunInfo | null = null;
  for (const run of snapshot.runs) {
    // Of equals the oldest.
    if (run.tables.length > 0 && run.bytes >= (largest?.bytes ?? 0)) largest = run;
  }
  return largest;
}

/** Bytes per share of the keys; at least the bytes of the run. */
export function densityOf(run: RunInfo, largest: RunInfo): number {
  if (run === largest || largest.tables.length < 2) return run.bytes;
  const covered = new Uint8Array(largest.tables.length);
  for (const table of run.tables) {
    const [start, end] = overlapBounds(largest.tables, table);
    covered.fill(1, start, end);
  }
  let bytes = 0;
  for (let i = 0; i < covered.length; i++) if (covered[i] === 1) bytes += largest.tables[i]!.bytes;
  // What lies beside the largest run altogether is taken as one of its tables.
  const least = largest.bytes / largest.tables.length;
  return (run.bytes * largest.bytes) / Math.min(largest.bytes, Math.max(bytes, least));
}

/** Runs that hold tables, grouped; newest level first. */
export function densityLevels(
  snapshot: TreeSnapshot,
  scaling: readonly number[],
): readonly DensityLevel[] {
  const largest = largestRun(snapshot);
  if (largest === null) return [];
  const levels: { level: number; threshold: number; runs: RunInfo[]; bytes: number }[] = [];
  for (const run of snapshot.runs) {
    if (run.tables.length === 0) continue;
    const newest = levels.at(-1);
    const own = levelOf(densityOf(run, largest), Math.max(1, snapshot.flushBytes), scaling);
    const level = Math.max(newest?.level ?? 0, own);
    if (newest?.level === level) {
      newest.runs.push(run);
      newest.bytes += run.bytes;
      continue;
    }
    const threshold = thresholdOf(scaling[Math.min(level, scaling.length - 1)]!);
    levels.push({ level, threshold, runs: [run], bytes: run.bytes });
  }
  return levels;
}
