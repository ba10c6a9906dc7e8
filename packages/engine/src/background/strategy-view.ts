/**
 * What a strategy is shown of the tree: deeply frozen, and with keys of its own.
 *
 * Bytes can't be frozen. So a table is shown with copies of its bounds: a strategy that writes into them spoils what it
 * sees itself, not the tree. The copies are made once for each table and strategy.
 */
import type { AdmittedTask, RunView } from '@lsm/compaction';
import { copyBytes, type RunInfo, type TableId, type TableInfo, type TaskInfo } from '@lsm/core';
import type { TableMetadata } from '@lsm/manifest';

/** Who counts reads. */
interface ReadCounts {
  /** Lookups that looked into a table in vain. */
  wastedReads(table: TableId): number;
}

/** The tree and the running tasks, as one strategy sees them. */
export class StrategyView {
  #tables = new WeakMap<TableMetadata, TableInfo>();
  readonly #tree: ReadCounts;

  /** @param tree - whose tables are shown */
  constructor(tree: ReadCounts) {
    this.#tree = tree;
  }

  /** Forgets the copies: another strategy must not see what this one may have done to them. */
  forget(): void {
    this.#tables = new WeakMap();
  }

  /** Runs, newest first. */
  runs(
    rows: readonly RunView<TableMetadata>[],
    running: readonly AdmittedTask[],
  ): readonly RunInfo[] {
    const busy = new Map<TableId, number>();
    for (const { id, inputs } of running) for (const table of inputs) busy.set(table, id);
    const runs = rows.map(({ id, level, tables }): RunInfo => {
      let bytes = 0;
      let entries = 0;
      for (const table of tables) {
        bytes += table.bytes;
        entries += table.entries;
      }
      const shown = tables.map((table) => this.#table(table, busy.get(table.id) ?? null));
      return Object.freeze({ id, level, tables: Object.freeze(shown), bytes, entries });
    });
    return Object.freeze(runs);
  }

  /** Running tasks, oldest first. */
  tasks(running: readonly AdmittedTask[]): readonly TaskInfo[] {
    const tasks = running.map(({ id, kind, inputs, target, inputBytes }) =>
      Object.freeze({ id, kind, inputs: Object.freeze([...inputs]), target, inputBytes }),
    );
    return Object.freeze(tasks);
  }

  #table(table: TableMetadata, busyBy: number | null): TableInfo {
    let shown = this.#tables.get(table);
    if (shown === undefined) {
      const { minKey, maxKey } = table;
      shown = Object.freeze({
        ...table,
        minKey: copyBytes(minKey, 0, minKey.length),
        maxKey: maxKey === null ? null : copyBytes(maxKey, 0, maxKey.length),
        wastedReads: this.#tree.wastedReads(table.id),
        busyBy: null,
      });
      this.#tables.set(table, shown);
    } else if (shown.wastedReads !== this.#tree.wastedReads(table.id)) {
      shown = Object.freeze({ ...shown, wastedReads: this.#tree.wastedReads(table.id) });
      this.#tables.set(table, shown);
    }
    return busyBy === null ? shown : Object.freeze({ ...shown, busyBy });
  }
}
