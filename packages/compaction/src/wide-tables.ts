/** Tables that overlap more of the run below than a task may read: they are cut apart before they are merged. */
import { type CompactionTask, keySuccessor, type TableInfo, type TreeSnapshot } from '@lsm/core';
import { groupBytes } from './aimed-task-bytes.ts';
import { compareUpper, overlapping, totalBytes } from './key-range.ts';
import { overlapGroups } from './overlap-groups.ts';

/** Cut keys of one task; an engine takes no more than 16. */
const CUT_KEYS_MAX = 15;

/** The keys after the ends of some tables; of many only every second, third, …, so that one task can have them. */
export function keysAfter(tables: readonly TableInfo[]): readonly Uint8Array[] {
  const keys = tables.flatMap(({ maxKey }) => keySuccessor(maxKey!) ?? []);
  const step = Math.ceil(keys.length / CUT_KEYS_MAX);
  return keys.filter((_, i) => (i + 1) % step === 0);
}

/**
 * The rewrite that cuts a table apart, at borders of groups of tables below it, if merging it would be too large a task.
 *
 * Only where it is sure to become several tables: it begins and ends with an entry, and a table below ends between.
 *
 * @param below - tables of the run that it would be merged into, in key order
 * @param score - of the task
 * @returns `null` if it fits, or can't be cut
 */
export function cutOfWide(
  { limits }: TreeSnapshot,
  table: TableInfo,
  below: readonly TableInfo[],
  score: number,
): CompactionTask | null {
  const { tableBytes, maxTaskBytes } = limits;
  if (table.rangeTombstones > 0) return null;
  const overlap = overlapping(below, table);
  if (table.bytes + totalBytes(overlap) <= maxTaskBytes) return null;
  const inside = overlap.filter(({ maxKey }) => compareUpper(maxKey, table.maxKey) < 0);
  if (inside.length === 0) return null;
  const groups = overlapGroups(below, groupBytes(limits));
  const ends = new Set(groups.map((group) => group.at(-1)!));
  const borders = inside.filter((one) => ends.has(one));
  const cutKeys = keysAfter(borders.length > 0 ? borders : inside);
  if (cutKeys.length === 0) return null;
  const shape = { tableBytes, cutKeys };
  return { kind: 'rewrite', inputs: [table.id], shape, reason: 'too wide for one task', score };
}
