/**
 * Merges runs into the run below them piece by piece, so that no task grows with the tree.
 *
 * 1. Seeds are the tables of the oldest of the upper runs. Neighbouring seeds are joined while their partition fits
 *    into one task.
 * 2. A partition is the seeds, the target's tables that they overlap, and from the newer runs all tables that lie
 *    within; if one of these reaches further, so must everything older that it overlaps (no table may jump).
 * 3. Partitions are taken by least target bytes per byte that goes down.
 *
 * Upper runs are cut at common borders of the target (`cutNear` with `maxOverlapBytes`), so partitions mostly end
 * where all runs have a border. The idea is Spooky's (Dayan et al., 2022).
 */
import {
  areDisjoint,
  hasOlder,
  hasTombstones,
  hullOf,
  type KeyRange,
  overlapping,
  type PlanDraft,
  rangeContains,
  totalBytes,
} from '@lsm/compaction';
import type { Placement, RunInfo, TableInfo, TreeSnapshot } from '@lsm/core';

/** What is to be merged down. */
export interface Drain {
  /** Runs with tables, newest first, directly above the target. */
  readonly upper: readonly RunInfo[];
  /** The run below; `null`: yet to be made. */
  readonly target: RunInfo | null;
  readonly to: Placement;
  /** Runs older than the target. */
  readonly older: readonly RunInfo[];
  readonly reason: string;
  readonly score: number;
}

interface Partition {
  readonly upper: readonly TableInfo[];
  readonly target: readonly TableInfo[];
  readonly bytes: number;
  readonly cost: number;
}

/** Adds merges of partitions while the draft has room. */
export function drainByPartitions(snapshot: TreeSnapshot, drain: Drain, draft: PlanDraft): void {
  const partitions = partitionsOf(drain, draft, snapshot.limits.maxTaskBytes);
  for (const { upper, target } of partitions.toSorted((a, b) => a.cost - b.cost)) {
    if (draft.room === 0) return;
    const { to, reason, score, older } = drain;
    const inputs = [...upper, ...target].map((table) => table.id);
    const isMove = target.length === 0 && areDisjoint(upper) && !wouldElide(upper, older);
    const taken = isMove
      ? draft.add({ kind: 'move', inputs, to, reason, score })
      : draft.add({
          kind: 'merge',
          inputs,
          to,
          shape: { tableBytes: snapshot.limits.tableBytes },
          reason,
          score,
        });
    // A second task that makes a run would make a second run.
    if (taken && drain.target === null) return;
  }
}

/** Whether a merge would drop tombstones of these tables that a move would carry on. */
function wouldElide(tables: readonly TableInfo[], older: readonly RunInfo[]): boolean {
  return tables.some((table) => hasTombstones(table) && !hasOlder(table, older));
}

function partitionsOf(drain: Drain, draft: PlanDraft, maxTaskBytes: number): Partition[] {
  const seeds = drain.upper.at(-1)?.tables ?? [];
  const partitions: Partition[] = [];
  let joined: TableInfo[] = [];
  let current: Partition | null = null;
  for (const seed of seeds) {
    if (draft.isBusy(seed.id)) {
      if (current !== null) partitions.push(current);
      current = null;
      joined = [];
      continue;
    }
    const larger = partitionAround([...joined, seed], drain, draft);
    if (current === null || larger.bytes <= maxTaskBytes) {
      joined.push(seed);
      current = larger;
      continue;
    }
    partitions.push(current);
    joined = [seed];
    current = partitionAround(joined, drain, draft);
  }
  if (current !== null) partitions.push(current);
  return partitions;
}

function partitionAround(
  seeds: readonly TableInfo[],
  { upper, target }: Drain,
  draft: PlanDraft,
): Partition {
  const below = target?.tables ?? [];
  const near = overlapping(below, hullOf(seeds));
  const frame = hullOf([...seeds, ...near]);
  const picked: TableInfo[] = [];
  let reach: KeyRange | null = null;
  for (const run of upper) {
    const isSeedRun = run === upper.at(-1);
    const must = reach === null ? [] : overlapping(run.tables, reach);
    const may: readonly TableInfo[] = isSeedRun
      ? seeds
      : overlapping(run.tables, frame).filter(
          (table) => rangeContains(frame, table) && !draft.isBusy(table.id),
        );
    const members: TableInfo[] = [...new Set([...must, ...may])];
    picked.push(...members);
    if (members.length > 0) reach = hullOf(reach === null ? members : [reach, ...members]);
  }
  const met = overlapping(below, hullOf(picked));
  const upperBytes = totalBytes(picked);
  const targetBytes = totalBytes(met);
  return {
    upper: picked,
    target: met,
    bytes: upperBytes + targetBytes,
    cost: targetBytes / Math.max(1, upperBytes),
  };
}
