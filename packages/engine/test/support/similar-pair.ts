/** The example of docs/compaction.md, "Writing a strategy": the text is the same there, and a test sees to it. */
import { elideTombstones, PlanDraft } from '@lsm/compaction';
import type { CompactionPlan, CompactionStrategy, TreeSnapshot } from '@lsm/core';

/** Merges the neighbouring runs that differ least in size while there are more than `most` runs. */
export function similarPair({ most = 6 }: { readonly most?: number } = {}): CompactionStrategy {
  const plan = (snapshot: TreeSnapshot): CompactionPlan => {
    const draft = new PlanDraft(snapshot);
    const runs = snapshot.runs.filter((run) => run.tables.length > 0);
    const pairs = runs.slice(1).map((older, i) => ({ newer: runs[i]!, older }));
    pairs.sort((a, b) => a.older.bytes / a.newer.bytes - b.older.bytes / b.newer.bytes);
    for (const { newer, older } of runs.length > most ? pairs : []) {
      draft.add({
        kind: 'merge',
        inputs: [...newer.tables, ...older.tables].map((table) => table.id),
        to: { into: older.id },
        shape: { tableBytes: snapshot.limits.tableBytes },
        reason: `more than ${most} runs`,
        score: runs.length / most,
      });
    }
    if (draft.tasks.length === 0) elideTombstones(snapshot, draft);
    return { tasks: draft.tasks };
  };
  const assess: CompactionStrategy['assess'] = (snapshot) => ({
    debtBytes: 0,
    pressure: snapshot.runs.length / (most + 1),
    delay: snapshot.runs.length > 4 * most ? 'stop' : 'none',
    quiescent: snapshot.inProgress.length === 0 && plan(snapshot).tasks.length === 0,
  });
  return { name: 'similar-pair', formatVersion: 1, settings: { most }, plan, assess };
}
