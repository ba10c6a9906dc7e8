/** The example of the README of @lsm/compaction: the text is the same there, and a test sees to it. */
import type { CompactionStrategy } from '@lsm/core';

/** Up to eight runs, then all of them become one. */
export const simple: CompactionStrategy = {
  name: 'simple',
  formatVersion: 1,
  settings: {},
  plan({ runs, limits, inProgress }) {
    if (runs.length <= 8 || inProgress.length > 0) return { tasks: [] };
    const inputs = runs.flatMap((run) => run.tables.map((table) => table.id));
    const to = { newRun: { level: Math.max(1, runs.at(-1)!.level), before: null } }; // the oldest
    const shape = { tableBytes: limits.tableBytes };
    return { tasks: [{ kind: 'merge', inputs, to, shape, reason: 'too many runs', score: 1 }] };
  },
  assess({ runs, inProgress }) {
    const pressure = runs.length / 9;
    const delay = pressure > 3 ? 'stop' : pressure > 2 ? 'slow' : 'none';
    const quiescent = pressure < 1 && inProgress.length === 0;
    return { debtBytes: 0, pressure, delay, quiescent };
  },
};
