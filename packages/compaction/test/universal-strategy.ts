/** The universal planner of the mini-lsm book (week 2, day 3), for its published simulator results. */
import type { CompactionStrategy, RunInfo, TreeSnapshot } from '@lsm/core';

export interface UniversalSettings {
  readonly runs: number;
  readonly maxSizeAmplificationPercent: number;
  readonly sizeRatioPercent: number;
  readonly minMergeWidth: number;
  readonly triggers: readonly ('space' | 'ratio' | 'count')[];
}

export function universal(settings: UniversalSettings): CompactionStrategy {
  return {
    name: 'universal',
    formatVersion: 1,
    settings: null,
    plan(snapshot: TreeSnapshot) {
      const count = runsToMerge(snapshot.runs, settings);
      if (count === 0) return { tasks: [] };
      const picked = snapshot.runs.slice(0, count);
      return {
        tasks: [
          {
            kind: 'merge',
            inputs: picked.flatMap((run) => run.tables.map((table) => table.id)),
            to: { newRun: { level: 0, before: snapshot.runs[count]?.id ?? null } },
            shape: { tableBytes: Number.POSITIVE_INFINITY },
            reason: 'universal',
            score: 1,
          },
        ],
      };
    },
    assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: true }),
  };
}

/** How many of the newest runs to merge. */
function runsToMerge(runs: readonly RunInfo[], settings: UniversalSettings): number {
  if (runs.length < settings.runs) return 0;
  let newer = 0;
  for (const run of runs.slice(0, -1)) newer += run.bytes;
  const isOn = (trigger: 'space' | 'ratio' | 'count'): boolean =>
    settings.triggers.includes(trigger);
  const percent = (newer / runs.at(-1)!.bytes) * 100;
  if (isOn('space') && percent >= settings.maxSizeAmplificationPercent) return runs.length;
  let sum = 0;
  for (let i = 0; isOn('ratio') && i + 1 < runs.length; i++) {
    sum += runs[i]!.bytes;
    const ratio = (runs[i + 1]!.bytes / sum) * 100;
    if (ratio > 100 + settings.sizeRatioPercent && i + 1 >= settings.minMergeWidth) return i + 1;
  }
  return isOn('count') ? runs.length : 0;
}
