/**
 * Merges runs into the run below them piece by piece, so that no task grows with the tree.
 *
 * 1. The upper tables fall into clusters: those that overlap each other, directly or through others. A cluster can
 *    be merged down by itself, since nothing else lies over or under it but the target. Upper runs were cut at the
 *    same keys when they were made, so that clusters are small. Its depth is the number of runs that it is from.
 * 2. Clusters deeper than the level may have runs are merged down (all clusters, if the level has too many bytes),
 *    those first that rewrite least of the target for each byte that goes down; neighbours together while they fit
 *    into one task. Of a cluster too large for a task, the newest runs are left for later.
 * 3. If no cluster is too deep, tables sink: each is moved, unread, into the next older run if it fits there. So the
 *    level gets as few runs as its deepest cluster.
 *
 * The idea of merging the last level by partitions is Spooky's (Dayan et al., 2022).
 */
import {
  areDisjoint,
  compareUpper,
  hasOlder,
  hasTombstones,
  hullOf,
  isWithinUpper,
  overlapBounds,
  overlapping,
  type PlanDraft,
  totalBytes,
} from '@lsm/compaction';
import {
  compareBytes,
  type Placement,
  type RunInfo,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';

/** How far a task may go beyond its limit before a run is left out. */
const OVERSIZE = 1.5;

/** What is to be merged down. */
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
  readonly reason: string;
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
}

/** Bytes of the target that one partition is made of; cuts of the runs above it go by the same measure. */
export function groupBytes(maxTaskBytes: number): number {
  return Math.max(1, maxTaskBytes / 2);
}

/** Adds merges of partitions, or moves that make them needless, while the draft has room. */
export function drainByPartitions(snapshot: TreeSnapshot, drain: Drain, draft: PlanDraft): void {
  const partitions = partitionsOf(drain, draft, snapshot.limits.maxTaskBytes);
  for (const partition of partitions.toSorted((a, b) => a.cost - b.cost)) {
    if (draft.room === 0) return;
    const isTaken = addPartition(snapshot, drain, partition, draft);
    // A second task that makes a run would make a second run.
    if (isTaken && drain.target === null) return;
  }
  // Only when no cluster is too deep or at work: else runs vanish by themselves.
  const isBusy = drain.upper.some((run) => draft.hasBusy(run));
  if (partitions.length === 0 && !isBusy && drain.upper.length > drain.maxRuns) sink(drain, draft);
}

function addPartition(
  snapshot: TreeSnapshot,
  { to, reason, score, older }: Drain,
  { upper, target }: Partition,
  draft: PlanDraft,
): boolean {
  const inputs = [...upper, ...target].map((table) => table.id);
  const wouldElide = upper.some((table) => hasTombstones(table) && !hasOlder(table, older));
  if (target.length === 0 && areDisjoint(upper) && !wouldElide) {
    return draft.add({ kind: 'move', inputs, to, reason, score });
  }
  const shape = { tableBytes: snapshot.limits.tableBytes };
  return draft.add({ kind: 'merge', inputs, to, shape, reason, score });
}

function partitionsOf(drain: Drain, draft: PlanDraft, maxTaskBytes: number): Partition[] {
  const target = drain.target?.tables ?? [];
  const partitions: Partition[] = [];
  let current: Partition | null = null;
  for (const cluster of clustersOf(drain.upper)) {
    const isBusy = cluster.tables.some((table) => draft.isBusy(table.id));
    if (isBusy || (!drain.isHeavy && cluster.depth <= drain.maxRuns)) {
      current = null;
      continue;
    }
    const single = partitionOf(cluster.tables, target);
    if (single.bytes > OVERSIZE * maxTaskBytes) {
      partitions.push(...splitCluster(drain, cluster, maxTaskBytes));
      current = null;
      continue;
    }
    const joined: Partition | null =
      current === null ? null : partitionOf([...current.upper, ...cluster.tables], target);
    if (joined !== null && joined.bytes <= maxTaskBytes) partitions.pop();
    current = joined !== null && joined.bytes <= maxTaskBytes ? joined : single;
    partitions.push(current);
  }
  return partitions;
}

/** Tables of several runs in stretches that don't overlap each other, in key order. */
function clustersOf(runs: readonly { readonly tables: readonly TableInfo[] }[]): Cluster[] {
  const members = runs.flatMap((run, row) => run.tables.map((table) => ({ table, row })));
  members.sort((a, b) => compareBytes(a.table.minKey, b.table.minKey));
  const clusters: { tables: TableInfo[]; rows: Set<number> }[] = [];
  let reach: Uint8Array | null = null;
  for (const { table, row } of members) {
    const cluster = clusters.at(-1);
    if (cluster !== undefined && isWithinUpper(table.minKey, reach)) {
      cluster.tables.push(table);
      cluster.rows.add(row);
      if (compareUpper(table.maxKey, reach) > 0) reach = table.maxKey;
    } else {
      clusters.push({ tables: [table], rows: new Set([row]) });
      reach = table.maxKey;
    }
  }
  return clusters.map(({ tables, rows }) => ({ tables, depth: rows.size }));
}

/** Partitions of the older runs of a cluster, as many runs as fit into tasks. */
function splitCluster(drain: Drain, cluster: Cluster, maxTaskBytes: number): Partition[] {
  const target = drain.target?.tables ?? [];
  const within = new Set(cluster.tables);
  const runs = drain.upper
    .map((run) => ({ tables: run.tables.filter((table) => within.has(table)) }))
    .filter((run) => run.tables.length > 0);
  for (let newest = 1; newest < runs.length; newest++) {
    const parts = clustersOf(runs.slice(newest)).map((part) => partitionOf(part.tables, target));
    const isLast = newest === runs.length - 1;
    const fits = parts.every((part) => part.bytes <= OVERSIZE * maxTaskBytes);
    if (fits || isLast) return parts;
  }
  return [partitionOf(cluster.tables, target)];
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
