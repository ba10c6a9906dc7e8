/**
 * The tree at one moment: an ordered, immutable list of sorted runs, newest first.
 *
 * V1 tables of a run are in key order and disjoint, bounds inclusive. V2 levels never decrease from newest to oldest.
 * V3 every table is in exactly one run. (V4, that counts match the files, is checked when tables are opened; V5, that
 * newer runs hold newer sequence numbers for each key, follows from admission.)
 */
import { assert, compareBytes } from '@lsm/core';
import type { TableMetadata } from './table-metadata.ts';

/** A sorted run. */
export interface Run {
  readonly id: number;
  /** The run's tag. */
  readonly level: number;
  /** In key order, disjoint. */
  readonly tables: readonly TableMetadata[];
  readonly bytes: number;
  readonly entries: number;
}

/** A run without its sums. */
export interface RunTables {
  readonly id: number;
  readonly level: number;
  readonly tables: readonly TableMetadata[];
}

/** An immutable version of the tree. */
export class Version {
  /** A tree without runs. */
  static readonly empty: Version = new Version([]);

  /** Newest first; none is empty. */
  readonly runs: readonly Run[];

  private constructor(runs: readonly Run[]) {
    this.runs = runs;
  }

  /**
   * A version of these runs; runs without tables are left out.
   *
   * @param before - runs that are the same objects there were checked already
   * @throws LSM_INTERNAL if V1–V3 do not hold
   */
  static of(runs: readonly RunTables[], before: Version = Version.empty): Version {
    const known = new Set<RunTables>(before.runs);
    const complete = runs
      .filter((run) => run.tables.length > 0)
      .map((run) => (known.has(run) ? (run as Run) : completeRun(run)));
    checkOrder(complete);
    return new Version(complete);
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

  /** All tables, newest run first. */
  *tables(): Generator<TableMetadata, void, undefined> {
    for (const run of this.runs) yield* run.tables;
  }
}

function completeRun({ id, level, tables }: RunTables): Run {
  let bytes = 0;
  let entries = 0;
  tables.forEach((table, i) => {
    const left = tables[i - 1];
    assert(
      left === undefined || (left.maxKey !== null && compareBytes(left.maxKey, table.minKey) < 0),
      `Table ${table.id} overlaps its neighbour in run ${id}.`,
    );
    bytes += table.bytes;
    entries += table.entries;
  });
  return { id, level, tables, bytes, entries };
}

function checkOrder(runs: readonly Run[]): void {
  const runIds = new Set<number>();
  const tableIds = new Set<number>();
  runs.forEach((run, i) => {
    assert(i === 0 || runs[i - 1]!.level <= run.level, `The level of run ${run.id} is out of order.`);
    assert(!runIds.has(run.id), `Run ${run.id} is in the tree twice.`);
    runIds.add(run.id);
    for (const { id } of run.tables) {
      assert(!tableIds.has(id), `Table ${id} is in the tree twice.`);
      tableIds.add(id);
    }
  });
}
