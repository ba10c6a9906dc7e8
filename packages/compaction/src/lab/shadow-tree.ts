/**
 * A tree that exists in metadata only: what a strategy would have made of the flushes of a live database.
 *
 * The planner and the admission rules are the real ones, merges are guessed (estimated-merge.ts), tasks end at once in
 * their order. A strategy may be anybody's code: what it throws comes out of {@link ShadowTree.flushed}, and it never
 * sees a key or a table that anybody else looks at.
 */
import {
  type CompactionStrategy,
  compareBytes,
  copyBytes,
  type Json,
  LsmError,
  type RunInfo,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';
import { estimateMerge } from '../estimated-merge.ts';
import { compareUpper, hullOf, isWithinUpper, type KeyRange, totalBytes } from '../key-range.ts';
import { describeMerge } from '../merge-description.ts';
import { type AdmittedTask, isRejection, TaskLedger } from '../task-ledger.ts';
import { filterRates } from './filter-rates.ts';

/** What a strategy would have cost since its shadow began. */
export interface ShadowCosts {
  /** Bytes of flushes and merges, and what merges read. */
  readonly writtenBytes: number;
  readonly readBytes: number;
  /** `writtenBytes` ÷ bytes of flushes. */
  readonly writeAmplification: number;
  /** After each flush: runs, and bytes of all tables. */
  readonly meanRuns: number;
  readonly maxRuns: number;
  readonly meanTableBytes: number;
  /** Tables read for an absent key, by Monkey filters of 10 bits. */
  readonly tablesPerMiss: number;
  readonly largestTaskBytes: number;
  readonly tasks: number;
  readonly moves: number;
  /** Tasks that admission refused. */
  readonly refused: number;
}

/** Tasks that follow a flush at most; what is left goes on after the next one. */
const TASKS_PER_FLUSH = 64;
/** Refused tasks in a row after which a strategy is taken for broken, as in the engine. */
const REFUSED_MAX = 16;
const BITS_PER_KEY = 10;

/** Sums of what is looked at after each flush. */
export class FlushSums {
  flushes = 0;
  maxRuns = 0;
  #runs = 0;
  #bytes = 0;
  #misses = 0;

  add(runs: readonly { readonly bytes: number; readonly entries: number }[]): void {
    this.flushes++;
    this.#runs += runs.length;
    this.maxRuns = Math.max(this.maxRuns, runs.length);
    for (const { bytes } of runs) this.#bytes += bytes;
    const entries = runs.map((run) => run.entries);
    for (const rate of filterRates(entries, 'monkey', BITS_PER_KEY)) this.#misses += rate;
  }

  get means(): Pick<ShadowCosts, 'meanRuns' | 'maxRuns' | 'meanTableBytes' | 'tablesPerMiss'> {
    const count = Math.max(1, this.flushes);
    return {
      meanRuns: this.#runs / count,
      maxRuns: this.maxRuns,
      meanTableBytes: this.#bytes / count,
      tablesPerMiss: this.#misses / count,
    };
  }
}

/** Follows one strategy. */
export class ShadowTree {
  readonly #strategy: CompactionStrategy;
  readonly #base: TreeSnapshot;
  readonly #ledger: TaskLedger;
  readonly #sums = new FlushSums();
  #state: Json;
  #runs: readonly RunInfo[];
  #nextId = 1;
  #version = 0;
  #now: number;
  #flushedBytes = 0;
  #mergedBytes = 0;
  #readBytes = 0;
  #largestTaskBytes = 0;
  #tasks = 0;
  #moves = 0;
  #refused = 0;
  #refusedInRow = 0;

  /**
   * @param base - the tree to begin with; tasks in progress are taken as not begun
   * @param strategy - borrowed
   * @param state - of the strategy; default: its initial state
   */
  constructor(base: TreeSnapshot, strategy: CompactionStrategy, state?: Json) {
    this.#base = base;
    this.#strategy = strategy;
    this.#state = state === undefined ? (strategy.initialState?.() ?? null) : state;
    this.#now = base.now;
    const runs = base.runs.filter((run) => run.tables.length > 0);
    this.#runs = runs.map(({ level, tables }) =>
      this.#run(
        level,
        tables.map((table) => this.#own(table)),
      ),
    );
    this.#ledger = new TaskLedger({ nextRunId: () => this.#nextId++ });
    this.#ledger.view(this.#runs);
  }

  /** What it has cost. */
  get costs(): ShadowCosts {
    const writtenBytes = this.#flushedBytes + this.#mergedBytes;
    return {
      writtenBytes,
      readBytes: this.#readBytes,
      writeAmplification: writtenBytes / Math.max(1, this.#flushedBytes),
      ...this.#sums.means,
      largestTaskBytes: this.#largestTaskBytes,
      tasks: this.#tasks,
      moves: this.#moves,
      refused: this.#refused,
    };
  }

  /**
   * A flush arrived: its run comes on top, then the strategy works.
   *
   * @param tables - of the flush, in key order; copied
   * @param live - tables that stand for the live data
   * @param now - engine clock, ms
   * @throws what the strategy throws; LSM_STRATEGY if the engine would have quarantined it
   */
  flushed(
    tables: readonly Omit<TableInfo, 'busyBy'>[],
    live: readonly TableInfo[],
    now: number,
  ): void {
    this.#now = now;
    this.#flushedBytes += totalBytes(tables);
    if (tables.length > 0) {
      const own = tables.map((table) => this.#own(table));
      this.#runs = [this.#run(0, this.#cutFlush(own, live)), ...this.#runs];
    }
    this.#version++;
    this.#ledger.view(this.#runs);
    this.#ledger.renewBudget();
    // As the database looks when its flush is committed: the merges before it are done, its own not begun.
    this.#sums.add(this.#runs);
    for (let tasks = 0; tasks < TASKS_PER_FLUSH; tasks++) if (!this.#step(live)) break;
  }

  /** Plans, and ends the oldest task; false if there was none. */
  #step(live: readonly TableInfo[]): boolean {
    const plan = this.#strategy.plan(this.#snapshot(), this.#state);
    if (plan.state !== undefined) this.#state = plan.state;
    for (const task of this.#ledger.order(this.#runs, plan.tasks)) {
      if (this.#ledger.running.length >= this.#base.limits.maxTasks) break;
      const lossy = this.#strategy.lossy === true;
      const admitted = this.#ledger.propose(this.#runs, task, { lossy });
      if (isRejection(admitted)) {
        this.#refuse(`${admitted.rule}: ${admitted.message}`);
        continue;
      }
      this.#refusedInRow = 0;
    }
    const [first] = this.#ledger.running;
    if (first === undefined) return false;
    this.#end(first, live);
    return true;
  }

  #refuse(why: string): void {
    this.#refused++;
    this.#refusedInRow++;
    if (this.#refusedInRow < REFUSED_MAX && !this.#ledger.isBreakerTripped) return;
    throw new LsmError('LSM_STRATEGY', `The engine would have quarantined it; refused by ${why}`);
  }

  #end(task: AdmittedTask, live: readonly TableInfo[]): void {
    let outputs = this.#outputsOf(task, live);
    let runs = this.#outcome(task, outputs);
    if (runs === null) {
      outputs = this.#clustersOf(task, outputs);
      runs = this.#ledger.outcome<TableInfo>(this.#runs, task.id, outputs);
    }
    this.#version++;
    this.#ledger.commit(task.id, outputs);
    this.#runs = runs.map(({ id, level, tables }) => runOf(id, level, tables));
    this.#count(task, outputs);
  }

  /** The tree with a task's outputs; `null` if one was guessed to stand where another table does. */
  #outcome(
    task: AdmittedTask,
    outputs: readonly TableInfo[],
  ): ReturnType<typeof TaskLedger.prototype.outcome<TableInfo>> | null {
    try {
      return this.#ledger.outcome<TableInfo>(this.#runs, task.id, outputs);
    } catch {
      return null;
    }
  }

  /** The same bytes where the inputs are, and certainly nothing else: an output for each group of overlapping inputs. */
  #clustersOf(task: AdmittedTask, outputs: readonly TableInfo[]): readonly TableInfo[] {
    const rows = this.#ledger.view<TableInfo, RunInfo>(this.#runs);
    const inputs = describeMerge(rows, task).sources.flat();
    const share = totalBytes(outputs) / Math.max(1, totalBytes(inputs));
    const clusters: TableInfo[][] = [];
    let upper: Uint8Array | null = null;
    for (const input of inputs.toSorted((a, b) => compareBytes(a.minKey, b.minKey))) {
      const open = clusters.at(-1);
      if (open === undefined || !isWithinUpper(input.minKey, upper)) {
        clusters.push([input]);
        upper = input.maxKey;
      } else {
        open.push(input);
        if (compareUpper(input.maxKey, upper) > 0) upper = input.maxKey;
      }
    }
    return clusters.map((cluster) =>
      this.#describe({ ...hullOf(cluster), bytes: totalBytes(cluster) * share }, inputs),
    );
  }

  #count(task: AdmittedTask, outputs: readonly TableInfo[]): void {
    this.#tasks++;
    if (task.kind === 'move' || task.kind === 'drop') {
      this.#moves++;
      return;
    }
    this.#readBytes += task.inputBytes;
    this.#mergedBytes += totalBytes(outputs);
    this.#largestTaskBytes = Math.max(this.#largestTaskBytes, task.inputBytes);
  }

  #outputsOf(task: AdmittedTask, live: readonly TableInfo[]): readonly TableInfo[] {
    if (task.kind === 'move' || task.kind === 'drop') return [];
    const rows = this.#ledger.view<TableInfo, RunInfo>(this.#runs);
    const { sources, shape } = describeMerge(rows, task);
    const inputs = sources.flat();
    const outputs = estimateMerge({ sources, shape, live });
    return outputs.map((output, i) =>
      this.#describe({ ...output, ...withinInputs(output, outputs[i + 1], inputs) }, inputs),
    );
  }

  /** The flush as this strategy would have cut it. */
  #cutFlush(tables: readonly TableInfo[], live: readonly TableInfo[]): readonly TableInfo[] {
    const { splitKeys = [] } = this.#strategy.flush?.(this.#snapshot()) ?? {};
    if (splitKeys.length === 0) return tables;
    const shape = { tableBytes: this.#base.limits.tableBytes, cutKeys: splitKeys };
    return estimateMerge({ sources: [tables], shape, live }).map((estimate) =>
      this.#describe(estimate, tables),
    );
  }

  #describe(
    estimate: Pick<TableInfo, 'minKey' | 'maxKey' | 'bytes'>,
    inputs: readonly TableInfo[],
  ): TableInfo {
    let entries = 0;
    let oldestWriteAt = Number.POSITIVE_INFINITY;
    let newestWriteAt = 0;
    let maxSequence = 0;
    let minSequence = Number.POSITIVE_INFINITY;
    for (const input of inputs) {
      entries += input.entries;
      oldestWriteAt = Math.min(oldestWriteAt, input.oldestWriteAt);
      newestWriteAt = Math.max(newestWriteAt, input.newestWriteAt);
      maxSequence = Math.max(maxSequence, input.maxSequence);
      minSequence = Math.min(minSequence, input.minSequence);
    }
    const density = entries / Math.max(1, totalBytes(inputs));
    return this.#own({
      ...estimate,
      id: 0,
      entries: Math.max(1, Math.round(estimate.bytes * density)),
      minSequence,
      maxSequence,
      // Tombstones are taken as gone with what they hid.
      pointTombstones: 0,
      rangeTombstones: 0,
      reclaimableBytes: 0,
      oldestTombstoneAt: null,
      oldestWriteAt,
      newestWriteAt,
      createdAt: this.#now,
      filterBitsPerKey: BITS_PER_KEY,
    });
  }

  /** A table of this tree's own: its number, its keys. */
  #own(table: Omit<TableInfo, 'busyBy'>): TableInfo {
    const { minKey, maxKey } = table;
    return Object.freeze({
      ...table,
      id: this.#nextId++,
      minKey: copyBytes(minKey, 0, minKey.length),
      maxKey: maxKey === null ? null : copyBytes(maxKey, 0, maxKey.length),
      busyBy: null,
    });
  }

  #run(level: number, tables: readonly TableInfo[]): RunInfo {
    return runOf(this.#nextId++, level, tables);
  }

  #snapshot(): TreeSnapshot {
    const rows = this.#ledger.view<TableInfo, RunInfo>(this.#runs);
    const runs = rows.map(({ id, level, tables }) =>
      runOf(
        id,
        level,
        tables.map((table) => {
          const busyBy = this.#ledger.busyBy(table.id);
          return busyBy === null ? table : Object.freeze({ ...table, busyBy });
        }),
      ),
    );
    const inProgress = this.#ledger.running.map(({ id, kind, inputs, target, inputBytes }) =>
      Object.freeze({ id, kind, inputs, target, inputBytes }),
    );
    return Object.freeze({
      ...this.#base,
      now: this.#now,
      version: this.#version,
      runs: Object.freeze(runs),
      inProgress: Object.freeze(inProgress),
    });
  }
}

function runOf(id: number, level: number, tables: readonly TableInfo[]): RunInfo {
  let entries = 0;
  for (const table of tables) entries += table.entries;
  const bytes = totalBytes(tables);
  return Object.freeze({ id, level, tables: Object.freeze(tables), bytes, entries });
}

/** The part of a guessed output in which there are inputs: in the gaps, tables that stay may stand. */
function withinInputs(
  { minKey, maxKey }: KeyRange,
  next: KeyRange | undefined,
  inputs: readonly TableInfo[],
): KeyRange {
  let lower: Uint8Array | null = null;
  let upper: Uint8Array | null = minKey;
  for (const input of inputs) {
    const isBehind = next !== undefined && compareBytes(input.minKey, next.minKey) >= 0;
    if (isBehind || !isWithinUpper(minKey, input.maxKey)) continue;
    const from = compareBytes(input.minKey, minKey) > 0 ? input.minKey : minKey;
    if (lower === null || compareBytes(from, lower) < 0) lower = from;
    if (compareUpper(input.maxKey, upper) > 0) upper = input.maxKey;
  }
  if (lower === null) return { minKey, maxKey: minKey };
  return { minKey: lower, maxKey: compareUpper(upper, maxKey) < 0 ? upper : maxKey };
}
