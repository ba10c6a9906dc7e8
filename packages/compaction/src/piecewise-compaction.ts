/**
 * Merges a tree, or stretches of it, into its oldest run, piece by piece: no task is larger than a limit, so it takes
 * neither the tree's size in free disk nor one very long merge.
 *
 * 1. Tables that lie across a border between pieces, as those of L0 do, are written anew where they are, cut there:
 *    each table once.
 * 2. In each piece the runs above the oldest are merged into it, the oldest of them first, as many at once as fit. If
 *    one alone is too much, it goes down by stretches of its tables.
 * 3. What is then left of the oldest run itself and has tombstones is written anew.
 *
 * What was written after the beginning is left alone, unless it is in the way. Each table is read once, and those
 * across borders twice. Cutting the last level into partitions is the idea of Spooky (Dayan et al., 2022).
 */
import {
  type CompactionTask,
  compareBytes,
  type OutputShape,
  type Placement,
  type TableId,
} from '@lsm/core';
import type { RunView, TableView } from './admission.ts';
import { aimedTaskBytes } from './aimed-task-bytes.ts';
import { hullOf, isWithinUpper, overlapping, totalBytes } from './key-range.ts';
import { meetsPiece, type Piece } from './pieces.ts';

/** A table as far as this goes; `TableInfo` and the manifest's metadata have this shape. */
export interface PiecewiseTable extends TableView {
  readonly minSequence: number;
  readonly pointTombstones: number;
  readonly rangeTombstones: number;
}

/** Settings of a {@link PiecewiseCompaction}. */
export interface PiecewiseOptions {
  /** The pieces to work on, in key order. */
  readonly pieces: readonly Piece[];
  /** Keys at which tables are cut, ascending: the borders of all pieces of the tree. */
  readonly borders: readonly Uint8Array[];
  /** Bytes of input that a task has at most, unless a single table with what lies below it is more. */
  readonly maxTaskBytes: number;
  /** Target size of a table, bytes. */
  readonly tableBytes: number;
  /** Sequence number of the last write that is to be merged. */
  readonly newestSequence: number;
  /** Smallest number that no table has yet. */
  readonly firstNewTable: TableId;
  /** For events. */
  readonly reason: string;
}

/** One compaction of a tree, from its beginning to its end. */
export class PiecewiseCompaction {
  readonly #options: PiecewiseOptions;
  #at = 0;

  /** @param options - borrowed */
  constructor(options: PiecewiseOptions) {
    this.#options = options;
  }

  /**
   * The task to run next; the one before has to have ended.
   *
   * @param runs - of the tree as it is now, newest first
   * @returns `null` when all is done
   */
  next(runs: readonly RunView<PiecewiseTable>[]): CompactionTask | null {
    const { pieces } = this.#options;
    for (; this.#at < pieces.length; this.#at++) {
      const task = this.#nextIn(this.#rows(runs), pieces[this.#at]!);
      if (task !== null) return task;
    }
    return null;
  }

  /** The runs from the newest one on that something was in at the beginning. */
  #rows(runs: readonly RunView<PiecewiseTable>[]): readonly RunView<PiecewiseTable>[] {
    const { newestSequence } = this.#options;
    const filled = runs.filter((run) => run.tables.length > 0);
    const first = filled.findIndex(({ tables }) =>
      tables.some((table) => table.minSequence <= newestSequence),
    );
    return first < 0 ? [] : filled.slice(first);
  }

  #nextIn(rows: readonly RunView<PiecewiseTable>[], piece: Piece): CompactionTask | null {
    const oldest = rows.at(-1);
    if (oldest === undefined) return null;
    for (const { tables } of rows) {
      const cut = this.#cut(tables.filter((table) => meetsPiece(table, piece)));
      if (cut !== null) return cut;
    }
    const parts = closure(rows, piece);
    // Of L0 nothing stays: the run that is made is older than all of it.
    const base = oldest.level > 0 ? parts.at(-1)! : [];
    const upper = oldest.level > 0 ? parts.slice(0, -1) : parts;
    const above = upper.filter((tables) => tables.length > 0);
    const selected = above.length === 0 ? this.#remains(base) : this.#down(above, base);
    if (selected.length === 0) return null;
    const to: Placement =
      oldest.level > 0 ? { into: oldest.id } : { newRun: { level: 1, before: null } };
    return this.#task('merge', selected, to);
  }

  /** A rewrite of the tables, of one run, that lie across borders and were not cut yet. */
  #cut(tables: readonly PiecewiseTable[]): CompactionTask | null {
    const { borders, firstNewTable } = this.#options;
    const aimedBytes = aimedTaskBytes(this.#options);
    const crossing: PiecewiseTable[] = [];
    const cutKeys = new Set<Uint8Array>();
    for (const table of tables) {
      if (table.id >= firstNewTable) continue;
      const within = borders.filter(
        (key) => compareBytes(table.minKey, key) < 0 && isWithinUpper(key, table.maxKey),
      );
      if (within.length === 0) continue;
      if (crossing.length > 0 && totalBytes(crossing) + table.bytes > aimedBytes) break;
      crossing.push(table);
      for (const key of within) cutKeys.add(key);
    }
    if (crossing.length === 0) return null;
    return this.#task('rewrite', crossing, null, [...cutKeys].toSorted(compareBytes));
  }

  /** What goes down next, with what it overlaps of the oldest run. `above`: newest first. */
  #down(
    above: readonly (readonly PiecewiseTable[])[],
    base: readonly PiecewiseTable[],
  ): readonly PiecewiseTable[] {
    const { maxTaskBytes } = this.#options;
    const down: PiecewiseTable[] = [];
    let selected: readonly PiecewiseTable[] = [];
    for (const tables of above.toReversed()) {
      const more = withBase([...down, ...tables], base);
      if (down.length > 0 && totalBytes(more) > maxTaskBytes) break;
      down.push(...tables);
      selected = more;
    }
    if (totalBytes(selected) <= maxTaskBytes) return selected;
    const aimedBytes = aimedTaskBytes(this.#options);
    const stretch: PiecewiseTable[] = [];
    for (const table of above.at(-1)!) {
      const more = withBase([...stretch, table], base);
      if (stretch.length > 0 && totalBytes(more) > aimedBytes) break;
      stretch.push(table);
    }
    return withBase(stretch, base);
  }

  /** Neighbouring tables of the oldest run, alone in their piece, that have to be written once more. */
  #remains(base: readonly PiecewiseTable[]): readonly PiecewiseTable[] {
    const { firstNewTable } = this.#options;
    const aimedBytes = aimedTaskBytes(this.#options);
    const selected: PiecewiseTable[] = [];
    for (const table of base) {
      const hasTombstones = table.pointTombstones + table.rangeTombstones > 0;
      const isDue = table.id < firstNewTable && hasTombstones;
      if (isDue && selected.length === 0) selected.push(table);
      else if (isDue && totalBytes(selected) + table.bytes <= aimedBytes) selected.push(table);
      else if (selected.length > 0) break;
    }
    return selected;
  }

  #task(
    kind: 'merge' | 'rewrite',
    tables: readonly PiecewiseTable[],
    to: Placement | null,
    cutKeys: readonly Uint8Array[] = [],
  ): CompactionTask {
    const { tableBytes, reason } = this.#options;
    const inputs = tables.map((table) => table.id);
    const shape: OutputShape = cutKeys.length > 0 ? { tableBytes, cutKeys } : { tableBytes };
    const common = { inputs, shape, reason, score: 1 };
    return kind === 'merge' ? { kind, to: to!, ...common } : { kind: 'rewrite', ...common };
  }
}

/** Tables and what their hull meets of the oldest run. */
function withBase(
  tables: readonly PiecewiseTable[],
  base: readonly PiecewiseTable[],
): readonly PiecewiseTable[] {
  return [...tables, ...overlapping(base, hullOf(tables))];
}

/** For each run: its tables in a piece, and those that lie among them; newest run first. */
function closure(
  rows: readonly RunView<PiecewiseTable>[],
  piece: Piece,
): readonly (readonly PiecewiseTable[])[] {
  let parts = rows.map(({ tables }) => tables.filter((table) => meetsPiece(table, piece)));
  for (;;) {
    const tables = parts.flat();
    if (tables.length === 0) return parts;
    const hull = hullOf(tables);
    const wider = rows.map((run) => [...overlapping(run.tables, hull)]);
    if (wider.flat().length === tables.length) return parts;
    parts = wider;
  }
}
