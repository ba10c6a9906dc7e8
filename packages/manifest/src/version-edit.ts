/**
 * One change of the database's state, as the manifest logs it, and the state that all changes add up to.
 *
 * The tree changes by tables that come, go or move between runs, plus the full ordered list of runs whenever a run
 * comes or goes. Everything else is "the newest value wins".
 */
import { assert, compareBytes, type Json } from '@lsm/core';
import type { SegmentEnd, SegmentIdentity } from '@lsm/wal';
import type { TableMetadata } from './table-metadata.ts';
import { type RunTables, Version } from './version.ts';

/** A strategy as it is recorded. */
export interface StrategyRecord {
  readonly name: string;
  readonly formatVersion: number;
  readonly settings: Json;
  readonly state: Json;
}

/** Who writes: grows by one with each writer, with a random part to tell two apart that read the same epoch. */
export interface OwnerRecord {
  readonly epoch: number;
  readonly nonce: number;
}

/** A change; absent members stay as they are. */
export interface VersionEdit {
  readonly added?: readonly { readonly run: number; readonly table: TableMetadata }[];
  readonly moved?: readonly { readonly run: number; readonly table: number }[];
  readonly removed?: readonly number[];
  /** All runs in order, newest first, whenever a run came or went. */
  readonly runs?: readonly { readonly id: number; readonly level: number }[];
  readonly lastSequence?: number;
  /** Numbers of files from here on were never used. */
  readonly nextNumber?: number;
  readonly nextRunId?: number;
  /** First segment that recovery needs; an id of 0: none existed. */
  readonly replayFrom?: SegmentIdentity;
  /** Where the log ended at a clean close; `null`: it is open. */
  readonly logEnd?: SegmentEnd | null;
  readonly strategy?: StrategyRecord;
  /** Effective settings of the last writer, for people. */
  readonly settings?: Json;
  readonly owner?: OwnerRecord;
  readonly hashSeed?: readonly [number, number];
}

/** What all edits of a manifest add up to. */
export interface ManifestState {
  readonly version: Version;
  readonly lastSequence: number;
  readonly nextNumber: number;
  readonly nextRunId: number;
  readonly replayFrom: SegmentIdentity;
  readonly logEnd: SegmentEnd | null;
  readonly strategy: StrategyRecord | null;
  readonly settings: Json;
  readonly owner: OwnerRecord;
  readonly hashSeed: readonly [number, number];
}

/** The state before the first edit. */
export const INITIAL_STATE: ManifestState = {
  version: Version.empty,
  lastSequence: 0,
  nextNumber: 1,
  nextRunId: 1,
  replayFrom: { number: 0, idLow: 0, idHigh: 0 },
  logEnd: null,
  strategy: null,
  settings: null,
  owner: { epoch: 0, nonce: 0 },
  hashSeed: [0, 0],
};

/**
 * The state after an edit.
 *
 * @throws LSM_INTERNAL if the edit does not fit the state (V1–V3, unknown tables or runs)
 */
export function applyEdit(state: ManifestState, edit: VersionEdit): ManifestState {
  return {
    version: changesTree(edit) ? applyTree(state.version, edit) : state.version,
    lastSequence: Math.max(state.lastSequence, edit.lastSequence ?? 0),
    nextNumber: Math.max(state.nextNumber, edit.nextNumber ?? 0),
    nextRunId: Math.max(state.nextRunId, edit.nextRunId ?? 0),
    replayFrom: edit.replayFrom ?? state.replayFrom,
    logEnd: edit.logEnd === undefined ? state.logEnd : edit.logEnd,
    strategy: edit.strategy ?? state.strategy,
    settings: edit.settings ?? state.settings,
    owner: edit.owner ?? state.owner,
    hashSeed: edit.hashSeed ?? state.hashSeed,
  };
}

/** The one edit that makes a state out of nothing: the first record of a new manifest. */
export function editOfState(state: ManifestState): VersionEdit {
  const { version, strategy, ...rest } = state;
  return {
    ...rest,
    ...(strategy === null ? {} : { strategy }),
    runs: version.runs.map(({ id, level }) => ({ id, level })),
    added: version.runs.flatMap((run) => run.tables.map((table) => ({ run: run.id, table }))),
  };
}

/** The part of an edit that turns one tree into another. */
export function editBetween(before: Version, runs: readonly RunTables[]): VersionEdit {
  const home = new Map<number, number>();
  for (const run of before.runs) for (const table of run.tables) home.set(table.id, run.id);
  const added: { run: number; table: TableMetadata }[] = [];
  const moved: { run: number; table: number }[] = [];
  for (const run of runs) {
    for (const table of run.tables) {
      const from = home.get(table.id);
      if (from === undefined) added.push({ run: run.id, table });
      else if (from !== run.id) moved.push({ run: run.id, table: table.id });
      home.delete(table.id);
    }
  }
  const order = runs
    .filter((run) => run.tables.length > 0)
    .map(({ id, level }) => ({ id, level }));
  const same =
    order.length === before.runs.length &&
    order.every((run, i) => run.id === before.runs[i]!.id && run.level === before.runs[i]!.level);
  return { added, moved, removed: [...home.keys()], ...(same ? {} : { runs: order }) };
}

function changesTree({ added, moved, removed, runs }: VersionEdit): boolean {
  const count = (added?.length ?? 0) + (moved?.length ?? 0) + (removed?.length ?? 0);
  return count > 0 || runs !== undefined;
}

function applyTree(before: Version, edit: VersionEdit): Version {
  const tables = new Map<number, TableMetadata>();
  const members = new Map<number, TableMetadata[]>();
  const touched = new Set<number>();
  const removed = new Set(edit.removed);
  const moved = new Map((edit.moved ?? []).map(({ run, table }) => [table, run]));
  for (const run of before.runs) {
    members.set(
      run.id,
      run.tables.filter((table) => {
        tables.set(table.id, table);
        if (!removed.has(table.id) && !moved.has(table.id)) return true;
        touched.add(run.id);
        return false;
      }),
    );
  }
  const put = (run: number, table: TableMetadata): void => {
    touched.add(run);
    const list = members.get(run);
    if (list === undefined) members.set(run, [table]);
    else list.push(table);
  };
  for (const id of removed) assert(tables.has(id), `The edit removes table ${id}, which is not there.`);
  for (const [id, run] of moved) {
    const table = tables.get(id);
    assert(table !== undefined, `The edit moves table ${id}, which is not there.`);
    put(run, table);
  }
  for (const { run, table } of edit.added ?? []) put(run, table);
  const order = edit.runs ?? before.runs.map(({ id, level }) => ({ id, level }));
  const old = new Map(before.runs.map((run) => [run.id, run]));
  const runs = order.map(({ id, level }): RunTables => {
    const known = old.get(id);
    const list = members.get(id) ?? [];
    members.delete(id);
    if (known !== undefined && known.level === level && !touched.has(id)) return known;
    return { id, level, tables: list.toSorted((a, b) => compareBytes(a.minKey, b.minKey)) };
  });
  for (const [id, list] of members) {
    assert(list.length === 0, `The edit leaves run ${id} out, which has tables.`);
  }
  return Version.of(runs, before);
}
