/**
 * Plans hybrid compaction.
 *
 * 1. L0 has its trigger: its idle runs become one run of the base level, without touching what is there. A tree too
 *    small for upper levels merges them into the last level at once. Of more than a task may have, a large oldest run
 *    (another strategy left it there) is moved down as it is, and else as many of the oldest as fit are merged.
 * 2. An upper level has more than K runs: they become one run of the next level (of the same level, if K < T − 1 and
 *    they are still small). What is more than `aimedTaskBytes` goes there in pieces, each appended to the run that
 *    the first one made; whether a piece is small is then asked of its stretch of keys alone.
 * 3. The level above the last is full: its runs are merged into the last run partition by partition
 *    (`drainByPartitions` of `@lsm/compaction`).
 *    With Z > 1 they become one more run there, and beyond Z runs the newer ones are merged into the oldest.
 * 4. Nothing else to do: tombstones that hide nothing are written out of the oldest run.
 *
 * What doesn't overlap is moved without being read.
 */
import {
  aimedTaskBytes,
  areDisjoint,
  canAppend,
  type Drain,
  drainByPartitions,
  elideTombstones,
  groupBytes,
  hasOlder,
  hasTombstones,
  hullOf,
  overlapping,
  type PlanDraft,
  runsWithin,
  totalBytes,
} from '@lsm/compaction';
import {
  type OutputShape,
  type Placement,
  perLevel,
  type RunInfo,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';
import { bytesOf, type HybridTree, type UpperLevel } from './hybrid-tree.ts';
import type { HybridSettings } from './settings.ts';

/** Bytes of a run of L0 ÷ those of a flush, above which it is none, but what another strategy left. */
const FLUSH_SLACK = 1.5;

/** Fills a draft. */
export function planHybrid(
  snapshot: TreeSnapshot,
  tree: HybridTree,
  settings: HybridSettings,
  draft: PlanDraft,
): void {
  // L0 first, since writers wait for it; but a level that is worse off would never have its turn under steady load.
  const full = tree.upper.filter(({ isFull }) => isFull);
  const score = tree.level0.length / settings.level0Runs;
  const worse = full.filter(
    ({ runs, maxRuns }) => runs.length / (maxRuns + 1) > Math.max(1, score),
  );
  for (const level of worse) planUpper(snapshot, tree, level, settings, draft);
  planLevel0(snapshot, tree, settings, draft);
  for (const level of full) {
    if (!worse.includes(level)) planUpper(snapshot, tree, level, settings, draft);
  }
  if (tree.last.length > settings.lastRuns) {
    const extra = { runs: tree.last.slice(0, -1), maxRuns: settings.lastRuns - 1, isHeavy: false };
    drainInto(snapshot, extra, tree.last.at(-1)!, tree, draft);
  }
  if (draft.tasks.length === 0) elideTombstones(snapshot, draft);
}

function planLevel0(
  snapshot: TreeSnapshot,
  tree: HybridTree,
  settings: HybridSettings,
  draft: PlanDraft,
): void {
  const { level0, baseLevel, lastLevel, upper, last } = tree;
  if (level0.length < settings.level0Runs) return;
  let idle = idleOldest(level0, draft);
  if (idle.length < Math.min(2, settings.level0Runs)) return;
  const score = level0.length / settings.level0Runs;
  const reason = 'L0';
  const isDirect = baseLevel === lastLevel && upper.length === 0;
  const direct = isDirect && settings.lastRuns === 1 ? last[0] : undefined;
  if (direct !== undefined) {
    const tables = idle.flatMap((run) => run.tables);
    const overlap = overlapping(direct.tables, hullOf(tables));
    const to = { into: direct.id };
    const merge = { tables, overlap, to, level: lastLevel, reason, score };
    mergeTables(snapshot, tree, merge, settings, draft);
    return;
  }
  const level = isDirect ? lastLevel : Math.min(baseLevel, lastLevel - 1);
  const oldest = idle[0]!;
  const to = after(snapshot, oldest, level);
  // Two flushes can be merged however large memtables are.
  const most = Math.max(snapshot.limits.maxTaskBytes, 2 * snapshot.flushBytes);
  if (bytesOf(idle) > most) {
    if (oldest.bytes > Math.max(most / 3, FLUSH_SLACK * snapshot.flushBytes)) {
      const inputs = oldest.tables.map((table) => table.id);
      draft.add({ kind: 'move', inputs, to, reason, score });
      return;
    }
    idle = idle.slice(0, Math.max(2, runsWithin(idle, most).length));
  }
  const tables = idle.flatMap((run) => run.tables);
  const merge = { tables, overlap: [], to, level, reason, score };
  mergeTables(snapshot, tree, merge, settings, draft);
}

function planUpper(
  snapshot: TreeSnapshot,
  tree: HybridTree,
  upper: UpperLevel,
  settings: HybridSettings,
  draft: PlanDraft,
): void {
  const { level, runs, bytes, maxRuns, isHeavy, ratio, capacity } = upper;
  if (level === tree.lastLevel - 1) {
    const oldest = tree.last[0] ?? null;
    if (settings.lastRuns === 1 || oldest === null) {
      drainInto(snapshot, upper, oldest, tree, draft);
      return;
    }
  }
  const idle = idleOldest(runs, draft);
  // A level that may have no run, or is too heavy, has to be left, however small it is.
  const isLarge = maxRuns === 0 || isHeavy || maxRuns >= ratio - 1 || bytes >= capacity;
  const target = isLarge ? level + 1 : level;
  // Within its level a single run is what it would become.
  const least = level === tree.lastLevel - 1 && target > level ? 1 : 2;
  if (idle.length < least) return;
  if (bytes > aimedTaskBytes(snapshot.limits)) {
    mergeInPieces(snapshot, tree, upper, settings, draft);
    return;
  }
  const merge = {
    tables: idle.flatMap((run) => run.tables),
    overlap: [],
    to: after(snapshot, idle[0]!, target),
    level: target,
    reason: `L${level} is full`,
    score: runs.length / (maxRuns + 1),
  };
  mergeTables(snapshot, tree, merge, settings, draft);
}

/**
 * Each stretch of keys goes down, or is merged where it is, by its own weight against its share of the last run: while
 * pieces go down one after the other, the weight of the whole level says nothing about what is left.
 */
function mergeInPieces(
  snapshot: TreeSnapshot,
  tree: HybridTree,
  upper: UpperLevel,
  settings: HybridSettings,
  draft: PlanDraft,
): void {
  const { level, runs, maxRuns, isHeavy, ratio, capacity } = upper;
  const last = tree.last.at(-1);
  if (maxRuns === 0 || isHeavy || maxRuns >= ratio - 1 || last === undefined) {
    appendInPieces(snapshot, tree, upper, level + 1, settings, draft);
    return;
  }
  const isLarge = (tables: readonly TableInfo[]): boolean => {
    const hull = hullOf(tables);
    const bytesBelow = (run: RunInfo): number => totalBytes(overlapping(run.tables, hull));
    const bytes = runs.reduce((sum, run) => sum + bytesBelow(run), 0);
    return bytes * last.bytes >= capacity * bytesBelow(last);
  };
  const before = draft.tasks.length;
  appendInPieces(snapshot, tree, upper, level + 1, settings, draft, isLarge);
  const isSmall = (tables: readonly TableInfo[]): boolean => !isLarge(tables);
  drainWithin(snapshot, tree, upper, settings, draft, isSmall);
  // Without the oldest run stretches are shorter, so that one may belong to neither.
  if (draft.tasks.length > before || runs.some((run) => draft.hasBusy(run))) return;
  drainWithin(snapshot, tree, upper, settings, draft);
}

/**
 * Makes the runs of a level one run directly older than them, piece by piece. The run that earlier pieces made is known
 * by this: it has nothing where the rest still has to be merged.
 */
function appendInPieces(
  snapshot: TreeSnapshot,
  tree: HybridTree,
  { level, runs, maxRuns, isHeavy }: UpperLevel,
  targetLevel: number,
  settings: HybridSettings,
  draft: PlanDraft,
  takes?: Drain['takes'],
): void {
  const row = snapshot.runs.indexOf(runs.at(-1)!);
  const next = snapshot.runs[row + 1];
  const depth = isHeavy ? 0 : maxRuns;
  const isBegun =
    next !== undefined &&
    next.level <= targetLevel &&
    next.level > 0 &&
    canAppend(runs, depth, next, takes);
  drainByPartitions(
    snapshot,
    {
      upper: runs,
      maxRuns: depth,
      isHeavy,
      target: isBegun ? next : null,
      to: isBegun ? { into: next.id } : after(snapshot, runs.at(-1)!, targetLevel),
      older: snapshot.runs.slice(isBegun ? row + 2 : row + 1),
      isAppending: true,
      ...(takes === undefined ? {} : { takes }),
      shape: shapeFor(snapshot, tree, targetLevel, settings),
      reason: `L${level} is full`,
      score: runs.length / (maxRuns + 1),
    },
    draft,
  );
}

/** Merges the newer runs of a level into its oldest one, in pieces. */
function drainWithin(
  snapshot: TreeSnapshot,
  tree: HybridTree,
  { level, runs, maxRuns }: UpperLevel,
  settings: HybridSettings,
  draft: PlanDraft,
  takes?: Drain['takes'],
): void {
  const oldest = runs.at(-1)!;
  drainByPartitions(
    snapshot,
    {
      upper: runs.slice(0, -1),
      maxRuns: maxRuns - 1,
      isHeavy: false,
      target: oldest,
      to: { into: oldest.id },
      older: snapshot.runs.slice(snapshot.runs.indexOf(oldest) + 1),
      ...(takes === undefined ? {} : { takes }),
      shape: shapeFor(snapshot, tree, level, settings),
      reason: `L${level} has more runs than it may have`,
      score: runs.length / (maxRuns + 1),
    },
    draft,
  );
}

/** Merges runs into the one below, or into a new last run if there is none. */
function drainInto(
  snapshot: TreeSnapshot,
  from: Pick<UpperLevel, 'runs' | 'maxRuns' | 'isHeavy'>,
  target: RunInfo | null,
  tree: HybridTree,
  draft: PlanDraft,
): void {
  const to: Placement =
    target === null ? after(snapshot, from.runs.at(-1)!, tree.lastLevel) : { into: target.id };
  const above = snapshot.runs.indexOf(target ?? from.runs.at(-1)!);
  const share = bytesOf(from.runs) / Math.max(1, target?.bytes ?? 0);
  drainByPartitions(
    snapshot,
    {
      upper: from.runs,
      maxRuns: from.maxRuns,
      isHeavy: from.isHeavy,
      target,
      to,
      older: snapshot.runs.slice(above + 1),
      reason: 'into the last level',
      score: Math.max(1, Math.min(10, share)),
    },
    draft,
  );
}

/** Idle runs from the oldest up to the first busy one, oldest first. */
function idleOldest(runs: readonly RunInfo[], draft: PlanDraft): RunInfo[] {
  const idle: RunInfo[] = [];
  for (const run of runs.toReversed()) {
    if (draft.hasBusy(run)) break;
    idle.push(run);
  }
  return idle;
}

/** A new run directly older than `run`, with a tag that its older neighbour allows. */
function after(snapshot: TreeSnapshot, run: RunInfo, level: number): Placement {
  const next = snapshot.runs[snapshot.runs.indexOf(run) + 1];
  return {
    newRun: { level: Math.min(level, next?.level ?? level), before: next?.id ?? null },
  };
}

interface Merge {
  readonly tables: readonly TableInfo[];
  /** Tables of the target within their hull. */
  readonly overlap: readonly TableInfo[];
  readonly to: Placement;
  readonly level: number;
  readonly reason: string;
  readonly score: number;
}

/** Merges tables into their target, or moves them there. */
function mergeTables(
  snapshot: TreeSnapshot,
  tree: HybridTree,
  { tables, overlap, to, level, reason, score }: Merge,
  settings: HybridSettings,
  draft: PlanDraft,
): void {
  const next = 'into' in to ? to.into : to.newRun.before;
  const index = next === null ? -1 : snapshot.runs.findIndex((run) => run.id === next);
  const older = index < 0 ? [] : snapshot.runs.slice('into' in to ? index + 1 : index);
  const elides = tables.some((table) => hasTombstones(table) && !hasOlder(table, older));
  if (!elides && areDisjoint([...tables, ...overlap])) {
    const inputs = tables.map((table) => table.id);
    draft.add({ kind: 'move', inputs, to, reason, score });
    return;
  }
  const inputs = [...tables, ...overlap].map((table) => table.id);
  const shape = shapeFor(snapshot, tree, level, settings);
  draft.add({ kind: 'merge', inputs, to, shape, reason, score });
}

/**
 * Upper runs are all cut at borders of groups of the last one, so that they can be merged in pieces; those of higher
 * levels, whose tables cover more of it, at borders of larger groups.
 */
function shapeFor(
  snapshot: TreeSnapshot,
  tree: HybridTree,
  level: number,
  settings: HybridSettings,
): OutputShape {
  const { tableBytes } = snapshot.limits;
  const last = tree.last.at(-1);
  const above = tree.lastLevel - level;
  if (last === undefined || (above < 1 && settings.lastRuns === 1)) return { tableBytes };
  let group = groupBytes(snapshot.limits);
  for (let i = 1; i < above; i++) {
    group *= perLevel(settings.ratio, Math.max(0, level + i - tree.baseLevel));
  }
  if (above > 1 && group >= last.bytes) return { tableBytes };
  return { tableBytes, cutNear: last.id, maxOverlapBytes: group };
}
