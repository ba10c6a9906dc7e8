/**
 * A tree as leveled compaction sees it: L0, and below it rows, each of which has a target size and a next row.
 *
 * One run per level is the aim. Any legal tree can be the start: of several runs with one tag only the oldest counts
 * as the level, the others, and all above the base level, have the target 0 and drain downwards table by table.
 */
import { type LevelTargets, levelTargets } from '@lsm/compaction';
import type { Placement, RunInfo, TreeSnapshot } from '@lsm/core';
import type { LeveledSettings } from './settings.ts';

/** One run below L0. */
export interface Row {
  readonly run: RunInfo;
  readonly targetBytes: number;
  /** Size against target; 1 or more wants merging. */
  readonly score: number;
  /** Where its tables go, the run there (or `null` if it is yet to be made) and the runs older than that. */
  readonly to: Placement;
  readonly next: RunInfo | null;
  readonly older: readonly RunInfo[];
}

/** The whole tree. */
export interface LeveledTree {
  /** Runs of L0 with tables, newest first. */
  readonly level0: readonly RunInfo[];
  readonly targets: LevelTargets;
  readonly rows: readonly Row[];
  /** Where L0 goes. */
  readonly base: Pick<Row, 'to' | 'next' | 'older'>;
}

/** Looks at a snapshot. */
export function leveledTree(snapshot: TreeSnapshot, settings: LeveledSettings): LeveledTree {
  const level0 = snapshot.runs.filter((run) => run.level === 0 && run.tables.length > 0);
  const runs = snapshot.runs.filter((run) => run.level > 0);
  const bytes: number[] = [];
  for (const run of runs) bytes[run.level] = (bytes[run.level] ?? 0) + run.bytes;
  const targets = levelTargets({
    bytes: Array.from(bytes, (size) => size ?? 0),
    last: Math.max(settings.lastLevel, runs.at(-1)?.level ?? 1),
    ratio: settings.ratio,
    baseBytes: settings.baseBytes || settings.level0Runs * snapshot.flushBytes,
  });
  const rows = runs.map((run, i): Row => {
    const isLevel = runs[i + 1]?.level !== run.level;
    const targetBytes = isLevel ? (targets.bytes[run.level] ?? 0) : 0;
    return {
      run,
      targetBytes,
      score: scoreOf(run.bytes, targetBytes),
      ...below(runs, i + 1, Math.max(targets.base, isLevel ? run.level + 1 : run.level)),
    };
  });
  return { level0, targets, rows, base: below(runs, 0, targets.base) };
}

function scoreOf(bytes: number, targetBytes: number): number {
  if (bytes === 0) return 0;
  return targetBytes === 0 ? 1.5 : bytes / targetBytes;
}

/** The place of level `level` or newer directly before `runs[index]`, or that run itself. */
function below(
  runs: readonly RunInfo[],
  index: number,
  level: number,
): Pick<Row, 'to' | 'next' | 'older'> {
  const next = runs[index] ?? null;
  if (next !== null && next.level <= level) {
    return { to: { into: next.id }, next, older: runs.slice(index + 1) };
  }
  const to = { newRun: { level, before: next?.id ?? null } };
  return { to, next: null, older: runs.slice(index) };
}
