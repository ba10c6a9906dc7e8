/**
 * Merges runs into the run below them piece by piece, so that no task grows with the tree.
 *
 * 1. The upper tables fall into clusters: those that overlap each other, directly or through others. A cluster can
 *    be merged down by itself, since nothing else lies over or under it but the target. Upper runs were cut at the
 *    same keys when they were made, so that clusters are small. Its depth is the number of runs that it is from.
 * 2. Clusters deeper than the level may have runs are merged down (all clusters, if the level has too many bytes),
 *    those first that rewrite least of the target for each byte that goes down; neighbours together while they fit
 *    into one task. Of a cluster too large for a task, the newest runs are left for later; if even the oldest run
 *    alone is too much, it goes down in stretches, as in leveled compaction, of which tables that span too much (of a
 *    flush, or from another strategy) are cut apart first.
 * 3. If no cluster is too deep, tables sink: each is moved, unread, into the next older run if it fits there. So the
 *    level gets as few runs as its deepest cluster.
 *
 * The idea of merging the last level by partitions is Spooky's (Dayan et al., 2022).
 */
import {
  type CompactionTask,
  type OutputShape,
  type Placement,
  type RunInfo,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';
import { aimedTaskBytes } from './aimed-task-bytes.ts';
import { areDisjoint, hullOf, overlapBounds, overlapping, totalBytes } from './key-range.ts';
import { overlapClusters } from './overlap-clusters.ts';
import type { PlanDraft } from './plan-draft.ts';
import { hasOlder, hasTombstones } from './tombstone-elision.ts';
import { cutOfWide } from './wide-tables.ts';

/** What is to be merged down, for {@link drainByPartitions}. */
export interface Drain {
  /** Runs with tables, newest first, directly above the target. */
  readonly upper: readonly RunInfo[];
  /** Runs that may stay. */
  readonly maxRuns: number;
  /** Whether there are too many bytes, however few the runs. */
  readonly isHeavy: boolean;
  /** The run below; `null`: yet to be made. */
  readonly target: RunInfo | null;
  readonly to: Placement;
  /** Runs older than the target. */
  readonly older: readonly RunInfo[];
  /** Whether only what overlaps nothing of the target goes there, so that the target is never rewritten. */
  readonly isAppending?: boolean;
  /** Which of the stretches that have to go down belong to this drain; default all. */
  readonly takes?: (tables: readonly TableInfo[]) => boolean;
  /** How outputs are cut; default by `limits.tableBytes` alone. */
  readonly shape?: OutputShape;
  /** For events. */
  readonly reason: string;
  /** Urgency of the tasks; 1 and more is urgent. */
  readonly score: number;
}

/** Upper tables that overlap each other, in key order, and how many runs they are from. */
interface Cluster {
  readonly tables: readonly TableInfo[];
  readonly depth: number;
}

/** One task to be. */
interface Partition {
  readonly upper: readonly TableInfo[];
  readonly target: readonly TableInfo[];
  readonly bytes: number;
  readonly cost: number;
  /** Where it goes if not to the drain's own target. */
  readonly to?: Placement;
  /** What is to be done first: the only table is too wide. */
  readonly cut?: CompactionTask;
}

/**
 * Adds merges of partitions, or moves that make them needless, while the draft has room.
 *
 * @param snapshot - the tree; `limits.maxTaskBytes` bounds a task, where tables allow it
 * @param drain - what goes where
 * @param draft - takes the tasks
 */
export function drainByPartitions(snapshot: TreeSnapshot, drain: Drain, draft: PlanDraft): void {
  const partitions = partitionsOf(snapshot, drain, draft);
  for (const partition of partitions.toSorted((a, b) => a.cost - b.cost)) {
    if (draft.room === 0) return;
    const isTaken = addPartition(snapshot, drain, partition, draft);
    // A second task that makes a run would make a second run.
    const makesRun = drain.target === null && partition.to === undefined;
    if (isTaken && makesRun && partition.cut === undefined) return;
  }
  // Only when no cluster is too deep or at work: else runs vanish by themselves.
  const isBusy = drain.upper.some((run) => draft.hasBusy(run));
  if (partitions.length === 0 && !isBusy && drain.upper.length > drain.maxRuns) sink(drain, draft);
}

/**
 * Whether something of `upper` that is deeper than `maxRuns` could be appended to a run: it is the beginning of a run
 * that earlier pieces made, or lies elsewhere.
 */
export function canAppend(
  upper: readonly RunInfo[],
  maxRuns: number,
  target: RunInfo,
  takes?: Drain['takes'],
): boolean {
  return clustersOf(upper).some(
    ({ tables, depth }) =>
      depth > maxRuns && takes?.(tables) !== false && !meetsTarget(target, tables),
  );
}

function addPartition(
  snapshot: TreeSnapshot,
  drain: Drain,
  { upper, target, to = drain.to, cut }: Partition,
  draft: PlanDraft,
): boolean {
  if (cut !== undefined) return draft.add(cut);
  const { reason, score, older, shape = { tableBytes: snapshot.limits.tableBytes } } = drain;
  const inputs = [...upper, ...target].map((table) => table.id);
  const wouldElide = upper.some((table) => hasTombstones(table) && !hasOlder(table, older));
  if (target.length === 0 && areDisjoint(upper) && !wouldElide) {
    return draft.add({ kind: 'move', inputs, to, reason, score });
  }
  return draft.add({ kind: 'merge', inputs, to, shape, reason, score });
}

function partitionsOf(snapshot: TreeSnapshot, drain: Drain, draft: PlanDraft): Partition[] {
  const { maxTaskBytes } = snapshot.limits;
  const target = drain.target?.tables ?? [];
  const aimedBytes = aimedTaskBytes(snapshot.limits);
  const partitions: Partition[] = [];
  let current: Partition | null = null;
  for (const cluster of clustersOf(drain.upper)) {
    if (!isDue(drain, cluster, draft)) {
      current = null;
      continue;
    }
    const single = partitionOf(cluster.tables, target);
    if (single.bytes > maxTaskBytes) {
      partitions.push(...splitCluster(snapshot, drain, cluster));
      current = null;
      continue;
    }
    const joined: Partition | null =
      current === null ? null : partitionOf([...current.upper, ...cluster.tables], target);
    const mayJoin = drain.isAppending !== true || joined?.target.length === 0;
    if (joined !== null && mayJoin && joined.bytes <= aimedBytes) {
      partitions.pop();
      current = joined;
    } else {
      current = single;
    }
    partitions.push(current);
  }
  return partitions;
}

/** Whether a cluster is idle and has to go down. */
function isDue(drain: Drain, { tables, depth }: Cluster, draft: PlanDraft): boolean {
  if (tables.some((table) => draft.isBusy(table.id))) return false;
  if (!drain.isHeavy && depth <= drain.maxRuns) return false;
  if (drain.takes?.(tables) === false) return false;
  return drain.isAppending !== true || !meetsTarget(drain.target, tables);
}

function meetsTarget(target: RunInfo | null, tables: readonly TableInfo[]): boolean {
  return target !== null && overlapping(target.tables, hullOf(tables)).length > 0;
}

/** Tables of several runs in stretches that don't overlap each other, in key order. */
function clustersOf(runs: readonly { readonly tables: readonly TableInfo[] }[]): Cluster[] {
  const rowOf = new Map<TableInfo, number>();
  for (const [row, { tables }] of runs.entries()) for (const table of tables) rowOf.set(table, row);
  return overlapClusters([...rowOf.keys()]).map((tables) => ({
    tables,
    depth: new Set(tables.map((table) => rowOf.get(table))).size,
  }));
}

/** Partitions of the older runs of a cluster, as many runs as fit into tasks. */
function splitCluster(snapshot: TreeSnapshot, drain: Drain, cluster: Cluster): Partition[] {
  const { maxTaskBytes } = snapshot.limits;
  const target = drain.target?.tables ?? [];
  const within = new Set(cluster.tables);
  const runs = drain.upper
    .map((run) => ({ id: run.id, tables: run.tables.filter((table) => within.has(table)) }))
    .filter((run) => run.tables.length > 0);
  const least = drain.isAppending === true ? 2 : 1;
  // What is from one run alone would be moved to and fro.
  const partsWithout = (newest: number): Partition[] =>
    clustersOf(runs.slice(newest))
      .filter((part) => part.depth >= least)
      .map((part) => partitionOf(part.tables, target));
  // The more runs are left for later, the smaller the parts are.
  let low = 1;
  let high = runs.length - least + 1;
  let fitting: Partition[] = [];
  while (low < high) {
    const middle = (low + high) >> 1;
    const parts = partsWithout(middle);
    if (parts.some((part) => part.bytes > maxTaskBytes)) {
      low = middle + 1;
    } else {
      high = middle;
      fitting = parts;
    }
  }
  if (fitting.length > 0) return fitting;
  const oldest = runs.at(-1)!;
  if (drain.isAppending !== true) return stretches(snapshot, oldest.tables, target, drain.score);
  // Nothing is there to merge the oldest run with; so the next one is merged into it.
  const parts = stretches(snapshot, runs.at(-2)?.tables ?? [], oldest.tables, drain.score);
  return parts.map((part) => ({ ...part, to: { into: oldest.id } }));
}

/** A single run over the target needs no clusters: any of its tables can go down by itself. */
function stretches(
  snapshot: TreeSnapshot,
  upper: readonly TableInfo[],
  target: readonly TableInfo[],
  score: number,
): Partition[] {
  const aimedBytes = aimedTaskBytes(snapshot.limits);
  const parts: Partition[] = [];
  for (const table of upper) {
    const last = parts.at(-1);
    const joined = last === undefined ? null : partitionOf([...last.upper, table], target);
    if (joined !== null && joined.bytes <= aimedBytes) parts[parts.length - 1] = joined;
    else parts.push(partitionOrCut(snapshot, table, target, score));
  }
  return parts;
}

/** The merge of one table, or, if that is too large a task, its cut. */
function partitionOrCut(
  snapshot: TreeSnapshot,
  table: TableInfo,
  target: readonly TableInfo[],
  score: number,
): Partition {
  const part = partitionOf([table], target);
  const cut = cutOfWide(snapshot, table, target, score);
  return cut === null ? part : { ...part, cut, cost: 0 };
}

function partitionOf(upper: readonly TableInfo[], target: readonly TableInfo[]): Partition {
  const met = overlapping(target, hullOf(upper));
  const upperBytes = totalBytes(upper);
  const targetBytes = totalBytes(met);
  return {
    upper,
    target: met,
    bytes: upperBytes + targetBytes,
    cost: targetBytes / Math.max(1, upperBytes),
  };
}

/** Moves what does not overlap the next older run of the level into it, oldest runs first. */
function sink({ upper, score }: Drain, draft: PlanDraft): void {
  for (let row = upper.length - 2; row >= 0; row--) {
    const next = upper[row + 1]!;
    const tables = upper[row]!.tables.filter((table) => {
      const [start, end] = overlapBounds(next.tables, table);
      return start === end && !draft.isBusy(table.id);
    });
    if (tables.length === 0) continue;
    const inputs = tables.map((table) => table.id);
    draft.add({ kind: 'move', inputs, to: { into: next.id }, reason: 'sink', score });
  }
}
