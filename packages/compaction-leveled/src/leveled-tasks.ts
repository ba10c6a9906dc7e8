/** What tasks of leveled compaction have in common: how they cut, what they would elide, and tables too wide for them. */
import {
  compareUpper,
  groupBytes,
  hasOlder,
  hasTombstones,
  overlapGroups,
  overlapping,
  type PlanDraft,
  totalBytes,
} from '@lsm/compaction';
import {
  keySuccessor,
  type OutputShape,
  type RunInfo,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';

/** Bytes of the level after the next that one table may overlap, as a multiple of its target size. */
const OVERLAP_TABLES_MAX = 10;

/** Outputs end where tables of the next older run end, and overlap no more of it than a task can take. */
export function shapeFor({ limits }: TreeSnapshot, older: readonly RunInfo[]): OutputShape {
  const { tableBytes, maxTaskBytes } = limits;
  const near = older.find((run) => run.tables.length > 0);
  if (near === undefined) return { tableBytes };
  const maxOverlapBytes = Math.min(OVERLAP_TABLES_MAX * tableBytes, groupBytes(maxTaskBytes));
  return { tableBytes, cutNear: near.id, maxOverlapBytes };
}

/** Whether a merge would drop tombstones of these tables that a move would carry on. */
export function wouldElide(tables: readonly TableInfo[], older: readonly RunInfo[]): boolean {
  return tables.some((table) => hasTombstones(table) && !hasOlder(table, older));
}

/** Cut keys of one task; an engine takes no more than 16. */
const CUT_KEYS_MAX = 15;

/** Keys between a run's groups of at most half a task: where what goes into it is cut, so that it can go in pieces. */
export function borderKeys({ limits }: TreeSnapshot, run: RunInfo): readonly Uint8Array[] {
  const groups = overlapGroups(run.tables, groupBytes(limits.maxTaskBytes));
  return keysAfter(groups.slice(0, -1).map((group) => group.at(-1)!));
}

/** The keys after the ends of some tables; of many only every second, third, …. */
function keysAfter(tables: readonly TableInfo[]): readonly Uint8Array[] {
  const keys = tables.flatMap(({ maxKey }) => keySuccessor(maxKey!) ?? []);
  const step = Math.ceil(keys.length / CUT_KEYS_MAX);
  return keys.filter((_, i) => (i + 1) % step === 0);
}

/**
 * Adds a rewrite that cuts a table apart if merging it into `next` would be too large a task; returns whether it did.
 *
 * Only where it is sure to become several tables: it begins and ends with an entry, and a table of `next` ends between.
 */
export function cutWide(
  snapshot: TreeSnapshot,
  table: TableInfo,
  next: RunInfo,
  score: number,
  draft: PlanDraft,
): boolean {
  const { tableBytes, maxTaskBytes } = snapshot.limits;
  if (table.bytes + next.bytes <= maxTaskBytes || table.rangeTombstones > 0) return false;
  if (draft.isBusy(table.id)) return false;
  const overlap = overlapping(next.tables, table);
  if (table.bytes + totalBytes(overlap) <= maxTaskBytes) return false;
  const inside = overlap.filter(({ maxKey }) => compareUpper(maxKey, table.maxKey) < 0);
  if (inside.length === 0) return false;
  const ends = new Set(overlapGroups(next.tables, groupBytes(maxTaskBytes)).map((g) => g.at(-1)!));
  const borders = inside.filter((one) => ends.has(one));
  const cutKeys = keysAfter(borders.length > 0 ? borders : inside);
  const shape = { tableBytes, cutKeys };
  const reason = 'too wide for one task';
  return draft.add({ kind: 'rewrite', inputs: [table.id], shape, reason, score });
}
