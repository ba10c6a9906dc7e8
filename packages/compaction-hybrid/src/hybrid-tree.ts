/**
 * A tree as hybrid compaction sees it: L0, upper levels of several runs each, and a last level.
 *
 * Levels are counted from the last one up, by its size B: with U = one full L0 there are as many upper levels as
 * ratios, multiplied from the base level down, stay within B / 0.75 U: floor(log_T(B / 0.75 U)) if all are T. So a small
 * tree has none. The level above the last is merged down when it has a third of the last one's bytes, so a level that is
 * there early costs no space. Runs that another strategy left above the base level count as members of the base level.
 */
import { aimedTaskBytes } from '@lsm/compaction';
import { perLevel, type RunInfo, type TreeSnapshot } from '@lsm/core';
import type { HybridSettings } from './settings.ts';

/**
 * What the last level has to be worth, in full L0s, before a level is put above it, as a multiple of T. Simulated at 21
 * sizes from 10 to 400 memtables: with 1.5 the largest write amplification was 7.85, at sizes just before the next
 * level; with 0.75 it is 5.46, for half a run more.
 */
const FILL = 0.75;

/** By how much the last level has to be larger than the one above it; the rest is obsolete versions at worst. */
const OVERWEIGHT = 3;

/** One upper level. */
export interface UpperLevel {
  /** Its number, at least the base level's. */
  readonly level: number;
  /** Its runs with tables, newest first. */
  readonly runs: readonly RunInfo[];
  readonly bytes: number;
  /** Runs that it may have at rest. */
  readonly maxRuns: number;
  /** Size of the next level against this one. */
  readonly ratio: number;
  /** Whether it has too many bytes for the last level below it. */
  readonly isHeavy: boolean;
  /** Whether it has more runs, or is too heavy. */
  readonly isFull: boolean;
  /** Bytes from which it is merged into the next level rather than within itself. */
  readonly capacity: number;
}

/** The whole tree. */
export interface HybridTree {
  /** Runs of L0 with tables, newest first. */
  readonly level0: readonly RunInfo[];
  /** Upper levels with runs, newest first. */
  readonly upper: readonly UpperLevel[];
  /** Runs of the last level with tables, newest first. */
  readonly last: readonly RunInfo[];
  /** Numbers of the level that L0 is merged into and of the last level. */
  readonly baseLevel: number;
  readonly lastLevel: number;
}

/** How many upper levels suit a last level of `lastBytes`. */
export function upperLevelCount(
  lastBytes: number,
  flushBytes: number,
  settings: HybridSettings,
): number {
  const unit = Math.max(1, settings.level0Runs * flushBytes);
  let count = 0;
  let worth = FILL * unit * perLevel(settings.ratio, 0);
  while (count < settings.lastLevel - 1 && lastBytes >= worth) {
    worth *= perLevel(settings.ratio, ++count);
  }
  return count;
}

/** Bytes that suit level `index`, counted from the base level, at one full L0 of `unit`. */
function capacityOf(unit: number, index: number, settings: HybridSettings): number {
  let capacity = 0.75 * unit;
  for (let i = 0; i <= index; i++) capacity *= perLevel(settings.ratio, i);
  return capacity;
}

/** Looks at a snapshot. */
export function hybridTree(snapshot: TreeSnapshot, settings: HybridSettings): HybridTree {
  const runs = snapshot.runs.filter((run) => run.tables.length > 0);
  const lastLevel = Math.max(settings.lastLevel, snapshot.runs.at(-1)?.level ?? 0);
  const level0 = runs.filter((run) => run.level === 0);
  const last = runs.filter((run) => run.level === lastLevel);
  const lastBytes = bytesOf(last);
  let count = upperLevelCount(lastBytes, snapshot.flushBytes, settings);
  // A last level that can't be merged with L0 in one task is reached in two steps.
  if (lastBytes + bytesOf(level0) > aimedTaskBytes(snapshot.limits)) count = Math.max(1, count);
  const baseLevel = lastLevel - count;
  const upper: UpperLevel[] = [];
  const unit = settings.level0Runs * snapshot.flushBytes;
  const lowest = Math.min(baseLevel, lastLevel - 1);
  for (let level = lowest; level < lastLevel; level++) {
    const members = runs.filter(
      (run) => run.level > 0 && run.level < lastLevel && Math.max(run.level, lowest) === level,
    );
    if (members.length === 0) continue;
    const bytes = bytesOf(members);
    const maxRuns = count === 0 ? 0 : perLevel(settings.upperRuns, level - baseLevel);
    const isHeavy = level === lastLevel - 1 && bytes * OVERWEIGHT > lastBytes;
    upper.push({
      level,
      runs: members,
      bytes,
      maxRuns,
      ratio: perLevel(settings.ratio, Math.max(0, level - baseLevel)),
      isHeavy,
      isFull: members.length > maxRuns || isHeavy,
      capacity: capacityOf(unit, level - baseLevel, settings),
    });
  }
  return { level0, upper, last, baseLevel, lastLevel };
}

/** Bytes of several runs. */
export function bytesOf(runs: readonly RunInfo[]): number {
  let bytes = 0;
  for (const run of runs) bytes += run.bytes;
  return bytes;
}
