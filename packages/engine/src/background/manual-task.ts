/** The task behind `db.compact(range)`. */
import { type CompactionTask, compareBytes } from '@lsm/core';
import type { Run, TableMetadata } from '@lsm/manifest';
import type { Settings } from '../options.ts';
import type { Interval } from '../range.ts';

/** The task that merges all tables overlapping an interval, and whatever overlaps those, into the oldest run. */
export function manualTask(
  runs: readonly Run[],
  interval: Interval,
  settings: Settings,
): CompactionTask | null {
  const oldest = runs.at(-1);
  if (oldest === undefined || interval.empty) return null;
  const selected = overlapClosure(runs, interval);
  if (selected.length === 0) return null;
  const single = selected.every((table) => oldest.tables.includes(table));
  if (single && selected.every((table) => table.pointTombstones + table.rangeTombstones === 0)) {
    if (oldest.level > 0) return null;
  }
  return {
    kind: 'merge',
    inputs: selected.map((table) => table.id),
    to: oldest.level > 0 ? { into: oldest.id } : { newRun: { level: 1, before: null } },
    shape: { tableBytes: settings.tableBytes },
    reason: 'manual',
    score: 1,
  };
}

function overlapClosure(runs: readonly Run[], interval: Interval): TableMetadata[] {
  const tables = runs.flatMap((run) => run.tables);
  let { lower, upper }: { lower: Uint8Array; upper: Uint8Array | null } = interval;
  let inclusive = false;
  const overlaps = (table: TableMetadata): boolean => {
    if (table.maxKey !== null && compareBytes(table.maxKey, lower) < 0) return false;
    if (upper === null) return true;
    const order = compareBytes(table.minKey, upper);
    return inclusive ? order <= 0 : order < 0;
  };
  let selected: TableMetadata[] = [];
  for (;;) {
    const next = tables.filter(overlaps);
    if (next.length === selected.length) return selected;
    selected = next;
    for (const table of selected) {
      if (compareBytes(table.minKey, lower) < 0) lower = table.minKey;
      if (table.maxKey === null) upper = null;
      else if (upper !== null) {
        const order = compareBytes(table.maxKey, upper);
        if (order >= 0) {
          upper = table.maxKey;
          inclusive = true;
        }
      }
    }
  }
}
