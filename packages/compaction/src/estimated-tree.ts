/**
 * A tree that exists in metadata only, and a strategy at work on it: the ground of forecasts and of shadow mode.
 *
 * The planner and the admission rules are the real ones; what merges make is guessed (estimated-merge.ts), and nothing
 * is read or written. A strategy may be anybody's code: it sees keys and tables of this tree's own.
 */
import {
  type CompactionStrategy,
  compareBytes,
  copyBytes,
  type Json,
  type RunInfo,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';
import type { Rejection } from './admission.ts';
import { estimateMerge } from './estimated-merge.ts';
import { compareUpper, hullOf, isWithinUpper, type KeyRange, totalBytes } from './key-range.ts';
import { describeMerge } from './merge-description.ts';
import { overlapClusters } from './overlap-clusters.ts';
import { type AdmittedTask, isRejection, TaskLedger } from './task-ledger.ts';

/** What {@link EstimatedTree.plan} came to. */
export interface PlanOutcome {
  /** Tasks that the strategy proposed. */
  readonly proposed: number;
  readonly admitted: readonly AdmittedTask[];
  readonly rejections: readonly Rejection[];
}

/** Bits for each key that tables are said to have. */
const BITS_PER_KEY = 10;

/** One strategy's tree. */
export class EstimatedTree {
  readonly #base: TreeSnapshot;
  readonly #strategy: CompactionStrategy;
  readonly #ledger: TaskLedger;
  #state: Json;
  #runs: readonly RunInfo[];
  #nextId = 1;
  #version: number;
  /** Engine clock, ms: age of what is made. */
  now: number;

  /**
   * @param base - the tree to begin with; tasks in progress are taken as not begun; its keys are copied
   * @param strategy - borrowed
   * @param state - of the strategy; default: its initial state
   * @param writeAmplificationCap - see {@link TaskLedger}
   */
  constructor(
    base: TreeSnapshot,
    strategy: CompactionStrategy,
    state?: Json,
    writeAmplificationCap?: number,
  ) {
    this.#base = base;
    this.#strategy = strategy;
    this.#state = state === undefined ? (strategy.initialState?.() ?? null) : state;
    this.#version = base.version;
    this.now = base.now;
    const runs = base.runs.filter((run) => run.tables.length > 0);
    this.#runs = runs.map(({ level, tables }) =>
      this.#run(
        level,
        tables.map((table) => this.#own(table)),
      ),
    );
    this.#ledger = new TaskLedger({
      nextRunId: () => this.#nextId++,
      ...(writeAmplificationCap === undefined ? {} : { writeAmplificationCap }),
    });
    this.#ledger.view(this.#runs);
  }

  /** Newest first. */
  get runs(): readonly RunInfo[] {
    return this.#runs;
  }

  /** Bytes of all tables. */
  get bytes(): number {
    return totalBytes(this.#runs);
  }

  /** The task that began first of those that have not ended. */
  get oldestTask(): AdmittedTask | undefined {
    return this.#ledger.running[0];
  }

  get isBreakerTripped(): boolean {
    return this.#ledger.isBreakerTripped;
  }

  /** See {@link TaskLedger.renewBudget}. */
  renewBudget(): void {
    this.#ledger.renewBudget();
  }

  /** Whether the strategy would hold writers back now. */
  get delay(): ReturnType<CompactionStrategy['assess']>['delay'] {
    return this.#strategy.assess(this.#snapshot()).delay;
  }

  /** Plans once, and begins what is admitted, until as many tasks run as may. */
  plan(lossy: boolean): PlanOutcome {
    const { tasks, state } = this.#strategy.plan(this.#snapshot(), this.#state);
    if (state !== undefined) this.#state = state;
    const admitted: AdmittedTask[] = [];
    const rejections: Rejection[] = [];
    for (const task of this.#ledger.order(this.#runs, tasks)) {
      if (this.#ledger.running.length >= this.#base.limits.maxTasks) break;
      const answer = this.#ledger.propose(this.#runs, task, { lossy });
      if (isRejection(answer)) rejections.push(answer);
      else admitted.push(answer);
    }
    return { proposed: tasks.length, admitted, rejections };
  }

  /**
   * Guesses what a running task will make: nothing if it moves or drops.
   *
   * @param live - tables that stand for the live data, in key order
   */
  outputsOf(task: AdmittedTask, live: readonly TableInfo[]): readonly TableInfo[] {
    if (task.kind === 'move' || task.kind === 'drop') return [];
    const { sources, shape } = describeMerge(this.#rows(), task);
    const inputs = sources.flat();
    const outputs = estimateMerge({ sources, shape, live });
    return outputs.map((output, i) =>
      this.#describe({ ...output, ...withinInputs(output, outputs[i + 1], inputs) }, inputs),
    );
  }

  /**
   * Ends a task.
   *
   * @param outputs - as {@link outputsOf} gave them
   * @returns what stands in the tree: as many bytes, in other tables if one was guessed to stand where another does
   */
  end(task: AdmittedTask, outputs: readonly TableInfo[]): readonly TableInfo[] {
    let made = outputs;
    let runs = this.#outcome(task, made);
    if (runs === null) {
      made = this.#clustersOf(task, outputs);
      runs = this.#ledger.outcome<TableInfo>(this.#runs, task.id, made);
    }
    this.#version++;
    this.#ledger.commit(task.id, made);
    this.#runs = runs.map(({ id, level, tables }) => runOf(id, level, tables));
    return made;
  }

  /**
   * A flush arrives: its run comes on top, cut where the strategy wants it.
   *
   * @param tables - in key order; copied
   * @param live - tables that stand for the live data, in key order
   */
  flush(tables: readonly Omit<TableInfo, 'busyBy'>[], live: readonly TableInfo[]): void {
    if (tables.length > 0) {
      const own = tables.map((table) => this.#own(table));
      this.#runs = [this.#run(0, this.#cutFlush(own, live)), ...this.#runs];
    }
    this.#version++;
    this.#ledger.view(this.#runs);
    this.#ledger.renewBudget();
  }

  /** A flush whose keys are spread over those of the tree; nothing if the tree is empty. */
  flushOver(bytes: number, live: readonly TableInfo[]): void {
    const tables = this.#runs.flatMap((run) => run.tables);
    if (tables.length === 0) return;
    const newest = this.#describe({ ...hullOf(tables), bytes }, tables);
    const shape = { tableBytes: this.#base.limits.tableBytes };
    const outputs = estimateMerge({ sources: [[newest]], shape, live });
    this.flush(
      outputs.map((output) => this.#describe(output, [newest])),
      live,
    );
  }

  #cutFlush(tables: readonly TableInfo[], live: readonly TableInfo[]): readonly TableInfo[] {
    const { splitKeys = [] } = this.#strategy.flush?.(this.#snapshot()) ?? {};
    if (splitKeys.length === 0) return tables;
    const shape = { tableBytes: this.#base.limits.tableBytes, cutKeys: splitKeys };
    return estimateMerge({ sources: [tables], shape, live }).map((estimate) =>
      this.#describe(estimate, tables),
    );
  }

  #rows(): readonly Pick<RunInfo, 'id' | 'level' | 'tables'>[] {
    return this.#ledger.view<TableInfo, RunInfo>(this.#runs);
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
    const inputs = describeMerge(this.#rows(), task).sources.flat();
    const share = totalBytes(outputs) / Math.max(1, totalBytes(inputs));
    return overlapClusters(inputs).map((cluster) =>
      this.#describe({ ...hullOf(cluster), bytes: totalBytes(cluster) * share }, inputs),
    );
  }

  #describe(
    { minKey, maxKey, bytes }: Pick<TableInfo, 'minKey' | 'maxKey' | 'bytes'>,
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
      minKey,
      maxKey,
      bytes,
      id: 0,
      entries: Math.max(1, Math.round(bytes * density)),
      minSequence,
      maxSequence,
      // Tombstones are taken as gone: where they stay, they are merged with what comes after them.
      pointTombstones: 0,
      rangeTombstones: 0,
      reclaimableBytes: 0,
      oldestTombstoneAt: null,
      oldestWriteAt,
      newestWriteAt,
      createdAt: this.now,
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
    const { running } = this.#ledger;
    const busy = new Map(running.flatMap(({ id, inputs }) => inputs.map((table) => [table, id])));
    const markBusy = (table: TableInfo): TableInfo => {
      const busyBy = busy.get(table.id);
      return busyBy === undefined ? table : Object.freeze({ ...table, busyBy });
    };
    const runs = this.#rows().map(({ id, level, tables }) =>
      runOf(id, level, busy.size === 0 ? tables : tables.map(markBusy)),
    );
    const inProgress = running.map(({ id, kind, inputs, target, inputBytes }) =>
      Object.freeze({ id, kind, inputs, target, inputBytes }),
    );
    return Object.freeze({
      ...this.#base,
      now: this.now,
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
