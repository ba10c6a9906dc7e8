/**
 * The strategy of last resort: takes over when another one was quarantined, keeps the number of runs bounded by
 * merging the newer half, and wants nothing else.
 */
import type { CompactionPlan, CompactionStrategy, Health, TreeSnapshot } from '@lsm/core';

const RUNS_MAX = 12;

/** Makes the safeguard. */
export function safeguard(): CompactionStrategy {
  return {
    name: 'safeguard',
    formatVersion: 1,
    settings: {},
    plan: planSafeguard,
    assess: assessSafeguard,
  };
}

function planSafeguard(snapshot: TreeSnapshot): CompactionPlan {
  const runs = snapshot.runs.filter((run) => run.tables.length > 0);
  if (snapshot.inProgress.length > 0 || runs.length <= RUNS_MAX) return { tasks: [] };
  const half = runs.slice(0, Math.ceil(runs.length / 2));
  const before = runs[half.length];
  return {
    tasks: [
      {
        kind: 'merge',
        inputs: half.flatMap((run) => run.tables.map((table) => table.id)),
        to: { newRun: { level: half.at(-1)!.level, before: before?.id ?? null } },
        shape: { tableBytes: snapshot.limits.tableBytes },
        reason: 'too many runs',
        score: runs.length / RUNS_MAX,
      },
    ],
  };
}

function assessSafeguard(snapshot: TreeSnapshot): Health {
  const runs = snapshot.runs.filter((run) => run.tables.length > 0);
  const pressure = runs.length / RUNS_MAX;
  return {
    debtBytes: pressure <= 1 ? 0 : runs.reduce((sum, run) => sum + run.bytes, 0),
    pressure,
    delay: pressure > 2 ? 'stop' : pressure > 1.5 ? 'slow' : 'none',
    quiescent: snapshot.inProgress.length === 0 && pressure <= 1,
  };
}
