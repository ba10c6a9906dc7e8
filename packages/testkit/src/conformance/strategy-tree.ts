/**
 * A tree without files: tables are sorted lists of (key, sequence, deleted), and the engine's own rules admit tasks.
 *
 * 1. `flush` puts a new run on top; `start` asks the ledger of `@lsm/compaction` to admit a task; `finish` merges its
 *    inputs as the executor would and commits the outcome.
 * 2. A merge keeps the newest version of each key (there are no snapshots here) and drops a tombstone where no older
 *    run has a table over its key.
 * 3. `find` reads as the engine does: the first run, newest first, that has the key decides.
 */

import { type AdmittedTask, isRejection, type Rejection, TaskLedger } from '@lsm/compaction';
import type { CompactionTask, RunInfo, TableInfo, TreeSnapshot } from '@lsm/core';
import { assert, compareBytes, type Random } from '@lsm/core';

/** A version of a key. Keys are numbers below 2^32. */
export interface TreeEntry {
  readonly key: number;
  readonly sequence: number;
  readonly deleted: boolean;
}

/** Bytes that one entry counts for. */
export const ENTRY_BYTES = 100;

/** Sizes of a tree, in entries. */
export interface TreeSizes {
  readonly flushEntries: number;
  readonly tableEntries: number;
}

interface TreeTable extends TableInfo {
  readonly data: readonly TreeEntry[];
}

interface TreeRun extends RunInfo {
  readonly tables: readonly TreeTable[];
}

/** Runs of tables in memory, and the tasks that run on them. */
export class StrategyTree {
  #runs: readonly TreeRun[] = [];
  readonly #sizes: TreeSizes;
  readonly #ledger: TaskLedger;
  readonly #lossy: boolean;
  #nextId = 1;
  #version = 0;
  #sequence = 0;
  #now = 1_700_000_000_000;

  /**
   * @param sizes - of flushes and tables
   * @param lossy - whether `drop` tasks are admitted
   */
  constructor(sizes: TreeSizes, lossy: boolean) {
    this.#sizes = sizes;
    this.#lossy = lossy;
    this.#ledger = new TaskLedger({ nextRunId: () => this.#nextId++ });
  }

  /** Live runs, newest first. */
  get runs(): readonly RunInfo[] {
    return this.#runs;
  }

  /** Tasks that were started and not finished. */
  get running(): readonly AdmittedTask[] {
    return this.#ledger.running;
  }

  /** Number of the last write. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * What a strategy is shown; deeply frozen.
   *
   * @param maxTasks - tasks that may run at once
   * @param limits - others that differ from: tables as large as the tree's sizes say, everything else infinite
   */
  snapshot(maxTasks: number, limits: Partial<TreeSnapshot['limits']> = {}): TreeSnapshot {
    const rows = this.#ledger.view<TreeTable, TreeRun>(this.#runs);
    return freezeAll({
      version: this.#version,
      now: this.#now,
      runs: rows.map((run) => this.#describe(run.id, run.level, run.tables)),
      inProgress: this.running.map(({ id, kind, inputs, target, inputBytes }) => ({
        id,
        kind,
        inputs,
        target,
        inputBytes,
      })),
      oldestReaderSequence: Number.MAX_SAFE_INTEGER,
      flushBytes: this.#sizes.flushEntries * ENTRY_BYTES,
      limits: {
        maxTasks,
        maxTaskBytes: Number.POSITIVE_INFINITY,
        tableBytes: this.#sizes.tableEntries * ENTRY_BYTES,
        freeDiskBytes: Number.POSITIVE_INFINITY,
        ...limits,
      },
    });
  }

  /** Writes keys, negative ones as deletions of their opposite, as one run on top. */
  flush(keys: Iterable<number>): void {
    const newest = new Map<number, TreeEntry>();
    for (const key of keys) {
      const entry = { key: Math.abs(key), sequence: ++this.#sequence, deleted: key < 0 };
      newest.set(entry.key, entry);
    }
    const data = [...newest.values()].toSorted((a, b) => a.key - b.key);
    this.addRun(0, [data], 0);
    this.#ledger.renewBudget();
  }

  /** Puts a run of ready tables at a place; for trees that another strategy left. */
  addRun(level: number, tables: readonly (readonly TreeEntry[])[], place: number): void {
    const made = tables.filter((data) => data.length > 0).map((data) => this.#makeTable(data));
    if (made.length === 0) return;
    const run = this.#describe(this.#nextId++, level, made) as TreeRun;
    this.#runs = this.#runs.toSpliced(place, 0, run);
    for (const { data } of made) {
      for (const { sequence } of data) this.#sequence = Math.max(this.#sequence, sequence);
    }
    this.#change();
  }

  /** Admits a task, or says why not. */
  start(task: CompactionTask, freeDiskBytes?: number): AdmittedTask | Rejection {
    const context = {
      lossy: this.#lossy,
      freeDiskBytes: freeDiskBytes ?? Number.POSITIVE_INFINITY,
    };
    const answer = this.#ledger.propose(this.#runs, task, context);
    if (!isRejection(answer)) this.#version++;
    return answer;
  }

  /** Ends a running task: its outputs take the place of its inputs. */
  finish(id: number): void {
    const admitted = this.running.find((task) => task.id === id);
    assert(admitted !== undefined, `Task ${id} is not running.`);
    const outputs = this.#outputsOf(admitted);
    const runs = this.#ledger.outcome<TreeTable>(this.#runs, id, outputs);
    this.#ledger.commit(id, outputs);
    this.#runs = runs.map((run) => this.#describe(run.id, run.level, run.tables) as TreeRun);
    this.#change();
  }

  /** Ends a running task without effect. */
  abort(id: number): void {
    this.#ledger.abort(id);
    this.#version++;
  }

  /** The newest version of a key, deletions included; `undefined` if no run has it. */
  find(key: number): TreeEntry | undefined {
    for (const { tables } of this.#runs) {
      for (const { data } of tables) {
        const entry = data.find((one) => one.key === key);
        if (entry !== undefined) return entry;
      }
    }
    return undefined;
  }

  #outputsOf({ task, inputs, target }: AdmittedTask): TreeTable[] {
    if (task.kind === 'move' || task.kind === 'drop') return [];
    const gone = new Set(inputs);
    const rows = this.#ledger.view<TreeTable, TreeRun>(this.#runs);
    const newest = new Map<number, TreeEntry>();
    for (const run of rows) {
      for (const table of run.tables) {
        if (!gone.has(table.id)) continue;
        for (const entry of table.data) if (!newest.has(entry.key)) newest.set(entry.key, entry);
      }
    }
    const at = rows.findIndex((run) => run.id === target);
    const older = rows.slice(at + 1).flatMap((run) => run.tables.filter((t) => !gone.has(t.id)));
    const kept = [...newest.values()]
      .filter((entry) => !entry.deleted || older.some((table) => covers(table, entry.key)))
      .toSorted((a, b) => a.key - b.key);
    const tables: TreeTable[] = [];
    const step = Math.max(1, Math.floor(task.shape.tableBytes / ENTRY_BYTES));
    for (const stretch of cutAt(kept, task.shape.cutKeys ?? [])) {
      for (let i = 0; i < stretch.length; i += step) {
        tables.push(this.#makeTable(stretch.slice(i, i + step)));
      }
    }
    return tables;
  }

  #makeTable(data: readonly TreeEntry[]): TreeTable {
    const sequences = data.map(({ sequence }) => sequence);
    const pointTombstones = data.filter(({ deleted }) => deleted).length;
    return {
      id: this.#nextId++,
      bytes: data.length * ENTRY_BYTES,
      entries: data.length,
      minKey: keyOf(data[0]!.key),
      maxKey: keyOf(data.at(-1)!.key),
      minSequence: sequences.reduce((a, b) => Math.min(a, b)),
      maxSequence: sequences.reduce((a, b) => Math.max(a, b)),
      pointTombstones,
      rangeTombstones: 0,
      reclaimableBytes: pointTombstones * ENTRY_BYTES,
      oldestTombstoneAt: pointTombstones === 0 ? null : this.#now,
      oldestWriteAt: this.#now,
      newestWriteAt: this.#now,
      createdAt: this.#now,
      filterBitsPerKey: 10,
      busyBy: null,
      data,
    };
  }

  #describe(id: number, level: number, tables: readonly TreeTable[]): RunInfo {
    const described = tables.map((table) => ({ ...table, busyBy: this.#ledger.busyBy(table.id) }));
    const entries = tables.reduce((sum, table) => sum + table.entries, 0);
    return { id, level, tables: described, bytes: entries * ENTRY_BYTES, entries };
  }

  #change(): void {
    this.#version++;
    this.#now += 1000;
  }
}

/**
 * A legal tree that no strategy made: random runs of random tables, levels ascending, some of them far apart.
 *
 * @param random - the source of everything
 */
export function makeForeignTree(sizes: TreeSizes, lossy: boolean, random: Random): StrategyTree {
  const tree = new StrategyTree(sizes, lossy);
  const count = 1 + (random.next() % 12);
  let level = random.next() % 6 === 0 ? 7 + (random.next() % 994) : 6;
  let sequence = 1;
  for (let run = 0; run < count; run++) {
    const tables: TreeEntry[][] = [];
    let key = random.next() % 200;
    for (let t = 1 + (random.next() % 6); t > 0; t--) {
      const data: TreeEntry[] = [];
      for (let e = 1 + (random.next() % (2 * sizes.tableEntries)); e > 0; e--) {
        data.push({ key, sequence: sequence++, deleted: random.next() % 8 === 0 });
        key += 1 + (random.next() % 9);
      }
      tables.push(data);
    }
    tree.addRun(level, tables, 0);
    if (level > 6 && random.next() % 2 === 0) level = 6;
    else if (random.next() % 3 !== 0) level = Math.max(0, level - (random.next() % 3));
  }
  return tree;
}

function covers(table: TreeTable, key: number): boolean {
  const bytes = keyOf(key);
  return compareBytes(table.minKey, bytes) <= 0 && compareBytes(bytes, table.maxKey!) <= 0;
}

/** Big-endian, so that bytes order as numbers do. */
function keyOf(key: number): Uint8Array {
  return Uint8Array.of(key >>> 24, key >>> 16, key >>> 8, key);
}

/** Freezes plain data; entries of tables are shared between snapshots and left as they are. */
function freezeAll(snapshot: TreeSnapshot): TreeSnapshot {
  for (const run of snapshot.runs) {
    for (const table of run.tables) Object.freeze(table);
    Object.freeze(run.tables);
    Object.freeze(run);
  }
  for (const task of snapshot.inProgress) Object.freeze(task);
  Object.freeze(snapshot.runs);
  Object.freeze(snapshot.inProgress);
  Object.freeze(snapshot.limits);
  return Object.freeze(snapshot);
}

/** Entries in key order, divided before each of the keys. */
function cutAt(
  entries: readonly TreeEntry[],
  cutKeys: readonly Uint8Array[],
): readonly (readonly TreeEntry[])[] {
  const stretches: TreeEntry[][] = Array.from({ length: cutKeys.length + 1 }, () => []);
  for (const entry of entries) {
    const key = keyOf(entry.key);
    stretches[cutKeys.filter((cut) => compareBytes(cut, key) <= 0).length]!.push(entry);
  }
  return stretches;
}
