/**
 * The version: an immutable list of sorted runs, newest first, and the one way to get from one to the next.
 *
 * Checked by every change, in time that grows with what is touched:
 * V1 the tables of a run are sorted and disjoint, bounds inclusive; only the last may be without upper end.
 * V2 levels never fall from newest to oldest. V3 every table is in exactly one run. V4 metadata is consistent, and a
 * run's sums are those of its tables. No run is empty: a reserved target exists in memory only.
 */
import { compareBytes, LsmError, type RunId, type TableId } from '@lsm/core';
import { faultOfTable, type TableMetadata } from './table-metadata.ts';
import type { AddedTable, RunPlace, TreeEdit, VersionEdit } from './version-edit.ts';

/** A sorted run: tables in key order with disjoint ranges. Immutable. */
export interface Run {
  readonly id: RunId;
  readonly level: number;
  readonly tables: readonly TableMetadata[];
  /** Sum over the tables. */
  readonly bytes: number;
  /** Sum over the tables. */
  readonly entries: number;
}

/** A run without its sums. */
export type RunTables = Pick<Run, 'id' | 'level' | 'tables'>;

/** One state of the tree. */
export class Version {
  /** The tree without runs. */
  static readonly empty: Version = new Version([], new Map());

  /** Newest first. */
  readonly runs: readonly Run[];
  /** Which run a table is in. Handed on to the next version, which changes it in place; then rebuilt on demand. */
  #runOf: Map<TableId, RunId> | null;

  private constructor(runs: readonly Run[], runOf: Map<TableId, RunId> | null) {
    this.runs = runs;
    this.#runOf = runOf;
  }

  /** Tables in all runs. */
  get tableCount(): number {
    return this.runs.reduce((sum, run) => sum + run.tables.length, 0);
  }

  /** Bytes of all tables. */
  get bytes(): number {
    return this.runs.reduce((sum, run) => sum + run.bytes, 0);
  }

  /** Entries of all tables. */
  get entries(): number {
    return this.runs.reduce((sum, run) => sum + run.entries, 0);
  }

  /** All tables, run by run, newest run first. */
  *tables(): Generator<TableMetadata, void, undefined> {
    for (const run of this.runs) yield* run.tables;
  }

  /** Number of the run that a table is in, or `undefined`. O(1) for the newest version, else O(tables) once. */
  runOf(table: TableId): RunId | undefined {
    return this.#index().get(table);
  }

  /**
   * The version after an edit; this one stays as it is.
   *
   * @throws LSM_INTERNAL if the result breaks V1–V4 or the edit names what doesn't exist; LSM_UNSUPPORTED_FORMAT for
   *   a keyspace other than the default one
   */
  apply(edit: VersionEdit): Version {
    if ((edit.keyspace ?? 0) !== 0) {
      throw new LsmError('LSM_UNSUPPORTED_FORMAT', 'Only the default keyspace is in use.');
    }
    const removed = edit.removedTables ?? [];
    const added = edit.addedTables ?? [];
    if (edit.runs === undefined && removed.length === 0 && added.length === 0) return this;
    const runOf = this.#index();
    const runs = placeRuns(this.runs, edit.runs, collectChanges(runOf, removed, added));
    for (const id of removed) runOf.delete(id);
    for (const { run, table } of added) runOf.set(table.id, run);
    this.#runOf = null;
    return new Version(runs, runOf);
  }

  #index(): Map<TableId, RunId> {
    if (this.#runOf === null) {
      const index = new Map<TableId, RunId>();
      for (const { id, tables } of this.runs) for (const table of tables) index.set(table.id, id);
      this.#runOf = index;
    }
    return this.#runOf;
  }
}

/**
 * The edit that turns a version into one with the given runs: tables that come, go and move, and the order of runs.
 *
 * @param runs - newest first; runs without tables are left out
 */
export function editBetween(before: Version, runs: readonly RunTables[]): TreeEdit {
  const kept = runs.filter((run) => run.tables.length > 0);
  const unchanged = new Set<RunId>();
  const listed = new Map(before.runs.map((run) => [run.id, run.tables]));
  const after = new Map<TableId, RunId>();
  const addedTables: AddedTable[] = [];
  for (const { id, tables } of kept) {
    // The rule, in a large tree: an edit changes two or three runs.
    if (listed.get(id) === tables) {
      unchanged.add(id);
      continue;
    }
    for (const table of tables) {
      after.set(table.id, id);
      if (before.runOf(table.id) !== id) addedTables.push({ run: id, table });
    }
  }
  const removedTables: TableId[] = [];
  for (const { id, tables } of before.runs) {
    if (unchanged.has(id)) continue;
    for (const table of tables) if (after.get(table.id) !== id) removedTables.push(table.id);
  }
  return { runs: kept.map(({ id, level }) => ({ id, level })), removedTables, addedTables };
}

/** What happens to one run. */
interface RunChange {
  readonly removed: Set<TableId>;
  readonly added: TableMetadata[];
}

function collectChanges(
  runOf: ReadonlyMap<TableId, RunId>,
  removed: readonly TableId[],
  added: readonly AddedTable[],
): Map<RunId, RunChange> {
  const changes = new Map<RunId, RunChange>();
  const changeOf = (run: RunId): RunChange => {
    const known = changes.get(run);
    if (known !== undefined) return known;
    const change: RunChange = { removed: new Set(), added: [] };
    changes.set(run, change);
    return change;
  };
  const gone = new Set<TableId>();
  for (const id of removed) {
    const run = runOf.get(id);
    if (run === undefined || gone.has(id)) throw broken(`Table ${id} is to leave and is not there`);
    gone.add(id);
    changeOf(run).removed.add(id);
  }
  const joined = new Set<TableId>();
  for (const { run, table } of added) {
    const { id } = table;
    if (joined.has(id) || (runOf.has(id) && !gone.has(id))) {
      throw broken(`V3: table ${id} would be in two places`);
    }
    joined.add(id);
    const fault = faultOfTable(table);
    if (fault !== null) throw broken(`V4: table ${id} can't be: ${fault}`);
    changeOf(run).added.push(table);
  }
  return changes;
}

/** The new list of runs, checked; uses `changes` up. */
function placeRuns(
  old: readonly Run[],
  places: readonly RunPlace[] = old,
  changes: Map<RunId, RunChange>,
): Run[] {
  const leaving = new Map(old.map((run) => [run.id, run]));
  const runs: Run[] = [];
  let level = 0;
  for (const place of places) {
    const { id } = place;
    if (place.level < level) throw broken(`V2: run ${id} has a level below that of a newer run`);
    level = place.level;
    runs.push(changeRun(place, leaving.get(id), changes.get(id)));
    leaving.delete(id);
    changes.delete(id);
  }
  for (const { id, tables } of leaving.values()) {
    if (changes.get(id)?.removed.size !== tables.length) {
      throw broken(`V3: run ${id} leaves the list with tables in it`);
    }
    if (changes.get(id)!.added.length === 0) changes.delete(id);
  }
  for (const id of changes.keys()) throw broken(`Run ${id} gets tables and is not listed`);
  return runs;
}

function changeRun(
  { id, level }: RunPlace,
  old: Run | undefined,
  change: RunChange | undefined,
): Run {
  if (change === undefined) {
    if (old === undefined) throw broken(`Run ${id} is listed twice or has no tables`);
    return old.level === level ? old : { ...old, level };
  }
  let { bytes, entries } = old ?? { bytes: 0, entries: 0 };
  let kept: readonly TableMetadata[] = old?.tables ?? [];
  if (change.removed.size > 0) {
    const left = kept;
    kept = left.filter((table) => !change.removed.has(table.id));
    for (const table of left) {
      if (!change.removed.has(table.id)) continue;
      bytes -= table.bytes;
      entries -= table.entries;
    }
  }
  for (const table of change.added) {
    bytes += table.bytes;
    entries += table.entries;
  }
  const tables = mergeTables(id, kept, change.added);
  if (tables.length === 0) throw broken(`Run ${id} is listed and has no tables`);
  return { id, level, tables, bytes, entries };
}

/** Joins new tables into a list in key order; checks V1 wherever a new one stands. */
function mergeTables(
  run: RunId,
  kept: readonly TableMetadata[],
  added: readonly TableMetadata[],
): readonly TableMetadata[] {
  if (added.length === 0) return kept;
  const tables: TableMetadata[] = [];
  let from = 0;
  for (const table of added.toSorted((a, b) => compareBytes(a.minKey, b.minKey))) {
    const to = firstAtOrAbove(kept, table.minKey, from);
    while (from < to) tables.push(kept[from++]!);
    if (tables.length > 0) requireDisjoint(run, tables.at(-1)!, table);
    if (to < kept.length) requireDisjoint(run, table, kept[to]!);
    tables.push(table);
  }
  while (from < kept.length) tables.push(kept[from++]!);
  return tables;
}

/** Index of the first table from `from` on whose smallest key is at or above `key`. */
function firstAtOrAbove(tables: readonly TableMetadata[], key: Uint8Array, from: number): number {
  let low = from;
  let high = tables.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(tables[middle]!.minKey, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function requireDisjoint(run: RunId, before: TableMetadata, after: TableMetadata): void {
  if (before.maxKey !== null && compareBytes(before.maxKey, after.minKey) < 0) return;
  throw broken(`V1: tables ${before.id} and ${after.id} of run ${run} overlap`);
}

function broken(sentence: string): LsmError {
  return new LsmError('LSM_INTERNAL', `The tree would not be valid. ${sentence}.`);
}
