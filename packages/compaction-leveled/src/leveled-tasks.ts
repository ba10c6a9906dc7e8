/** What tasks of leveled compaction have in common: how they cut, what they would elide, and tables too wide for them. */
import {
  cutOfWide,
  groupBytes,
  hasOlder,
  hasTombstones,
  keysAfter,
  overlapGroups,
  type PlanDraft,
} from '@lsm/compaction';
import type { OutputShape, RunInfo, TableInfo, TreeSnapshot } from '@lsm/core';

/** Bytes of the level after the next that one table may overlap, as a multiple of its target size. */
const OVERLAP_TABLES_MAX = 10;

/** Outputs end where tables of the next older run end, and overlap no more of it than a task can take. */
export function shapeFor({ limits }: TreeSnapshot, older: readonly RunInfo[]): OutputShape {
  const { tableBytes } = limits;
  const near = older.find((run) => run.tables.length > 0);
  if (near === undefined) return { tableBytes };
  const maxOverlapBytes = Math.min(OVERLAP_TABLES_MAX * tableBytes, groupBytes(limits));
  return { tableBytes, cutNear: near.id, maxOverlapBytes };
}

/** Whether a merge would drop tombstones of these tables that a move would carry on. */
export function wouldElide(tables: readonly TableInfo[], older: readonly RunInfo[]): boolean {
  return tables.some((table) => hasTombstones(table) && !hasOlder(table, older));
}

/** Keys between a run's groups of at most half a task: where what goes into it is cut, so that it can go in pieces. */
export function borderKeys({ limits }: TreeSnapshot, run: RunInfo): readonly Uint8Array[] {
  const groups = overlapGroups(run.tables, groupBytes(limits));
  return keysAfter(groups.slice(0, -1).map((group) => group.at(-1)!));
}

/** Adds a rewrite that cuts a table apart if merging it into `next` would be too large a task; whether it did. */
export function cutWide(
  snapshot: TreeSnapshot,
  table: TableInfo,
  next: RunInfo,
  score: number,
  draft: PlanDraft,
): boolean {
  if (draft.isBusy(table.id)) return false;
  const task = cutOfWide(snapshot, table, next.tables, score);
  return task !== null && draft.add(task);
}
