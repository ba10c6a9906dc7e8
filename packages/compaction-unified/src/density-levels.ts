/**
 * Levels by density: bytes of a run per share of the keys that it covers.
 *
 * A run that was merged for half of the keys only is as dense as if it were whole, so that it does not change its level
 * while its merge goes on in pieces. The share is measured against tables that stand for where the keys are. As in
 * tiers, a run's level is never below that of a newer run, so that levels are contiguous in time.
 */
import { overlapBounds } from '@lsm/compaction';
import { compareBytes, type RunInfo, type TableInfo, type TreeSnapshot } from '@lsm/core';
import { levelOf, thresholdOf } from './scaling.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Neighbouring runs of one level, newest first. */
export interface DensityLevel {
  readonly level: number;
  /** Overlapping runs that start a merge. */
  readonly threshold: number;
  readonly runs: readonly RunInfo[];
  readonly bytes: number;
  /** Of all its runs together. */
  readonly density: number;
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

/**
 * Tables that stand for where the keys are, disjoint and in key order: those of the largest run, and where it has none,
 * those of the next largest. A run that is being made in pieces has as little of the keys as what it is made of.
 */
function keySpine({ runs }: TreeSnapshot): readonly TableInfo[] {
  let spine: readonly TableInfo[] = [];
  for (const { tables } of runs.toSorted((a, b) => b.bytes - a.bytes)) {
    const free = tables.filter((table) => {
      const [start, end] = overlapBounds(spine, table);
      return start === end;
    });
    if (free.length === 0) continue;
    const joined = [...spine, ...free];
    spine = spine.length === 0 ? free : joined.sort((a, b) => compareBytes(a.minKey, b.minKey));
  }
  return spine;
}

/** Bytes per share of the keys: at least the bytes of the run, and no more than all of the spine, as if it had them. */
function densityOf(run: RunInfo, spine: readonly TableInfo[]): number {
  if (spine.length < 2) return run.bytes;
  const covered = new Uint8Array(spine.length);
  for (const table of run.tables) {
    const [start, end] = overlapBounds(spine, table);
    covered.fill(1, start, end);
  }
  let all = 0;
  let bytes = 0;
  for (const [i, table] of spine.entries()) {
    all += table.bytes;
    if (covered[i] === 1) bytes += table.bytes;
  }
  // The share of a short run is a guess: borders of tables decide.
  return Math.max(run.bytes, Math.min(all, (run.bytes * all) / Math.max(1, bytes)));
}

/** Runs that hold tables, grouped; newest level first. */
export function densityLevels(
  snapshot: TreeSnapshot,
  scaling: readonly number[],
): readonly DensityLevel[] {
  const spine = keySpine(snapshot);
  const unit = Math.max(1, snapshot.flushBytes);
  const levels: (Writable<Omit<DensityLevel, 'runs'>> & { readonly runs: RunInfo[] })[] = [];
  for (const run of snapshot.runs) {
    if (run.tables.length === 0) continue;
    const density = densityOf(run, spine);
    const newest = levels.at(-1);
    const level = Math.max(newest?.level ?? 0, levelOf(density, unit, scaling));
    if (newest?.level === level) {
      newest.runs.push(run);
      newest.bytes += run.bytes;
      newest.density += density;
      continue;
    }
    const threshold = thresholdOf(scaling[Math.min(level, scaling.length - 1)]!);
    levels.push({ level, threshold, runs: [run], bytes: run.bytes, density });
  }
  return levels;
}
