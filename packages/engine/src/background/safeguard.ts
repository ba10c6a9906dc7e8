/**
 * The strategy of last resort: takes over when another one was quarantined, keeps the number of runs bounded by
 * merging the newer half, or as much of it as fits into a task, and wants nothing else. Where the two newest runs are
 * too large already, the smallest neighbours are merged in pieces.
 */
import { drainByPartitions, PlanDraft, runsWithin } from '@lsm/compaction';
import type { CompactionPlan, CompactionStrategy, Health, RunInfo, TreeSnapshot } from '@lsm/core';

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
  const draft = new PlanDraft(snapshot);
  const reason = 'too many runs';
  const score = runs.length / RUNS_MAX;
  const half = runs.slice(0, Math.ceil(runs.length / 2));
  const newest = runsWithin(half, snapshot.limits.maxTaskBytes);
  if (newest.length > 1) {
    draft.add({
      kind: 'merge',
      inputs: newest.flatMap((run) => run.tables.map((table) => table.id)),
      to: { newRun: { level: newest.at(-1)!.level, before: runs[newest.length]?.id ?? null } },
      shape: { tableBytes: snapshot.limits.tableBytes },
      reason,
      score,
    });
  } else {
    const at = smallestPair(runs);
    const target = runs[at + 1]!;
    drainByPartitions(
      snapshot,
      {
        upper: [runs[at]!],
        maxRuns: 0,
        isHeavy: true,
        target,
        to: { into: target.id },
        older: runs.slice(at + 2),
        reason,
        score,
      },
      draft,
    );
  }
  return { tasks: draft.tasks };
}

/** Where the two neighbours begin that are smallest together. */
function smallestPair(runs: readonly RunInfo[]): number {
  let best = 0;
  let bestBytes = Number.POSITIVE_INFINITY;
  for (let i = 0; i + 1 < runs.length; i++) {
    const bytes = runs[i]!.bytes + runs[i + 1]!.bytes;
    if (bytes >= bestBytes) continue;
    best = i;
    bestBytes = bytes;
  }
  return best;
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
