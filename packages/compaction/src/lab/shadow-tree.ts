/**
 * What a strategy would have made of the flushes of a live database, and what that would have cost.
 *
 * Tasks end at once in their order (estimated-tree.ts). What the strategy throws comes out of {@link ShadowTree.flushed}.
 */
import {
  type CompactionStrategy,
  type Json,
  LsmError,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';
import { EstimatedTree } from '../estimated-tree.ts';
import { totalBytes } from '../key-range.ts';
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
/** Of the filters that misses are reckoned with. */
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
  readonly #tree: EstimatedTree;
  readonly #sums = new FlushSums();
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
    this.#strategy = strategy;
    this.#tree = new EstimatedTree(base, strategy, state);
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
    this.#tree.now = now;
    this.#flushedBytes += totalBytes(tables);
    this.#tree.flush(tables, live);
    // As the database looks when its flush is committed: the merges before it are done, its own not begun.
    this.#sums.add(this.#tree.runs);
    for (let tasks = 0; tasks < TASKS_PER_FLUSH; tasks++) if (!this.#step(live)) break;
  }

  /** Plans, and ends the oldest task; false if there was none. */
  #step(live: readonly TableInfo[]): boolean {
    const { admitted, rejections } = this.#tree.plan(this.#strategy.lossy === true);
    if (admitted.length > 0) this.#refusedInRow = 0;
    for (const { rule, message } of rejections) this.#refuse(`${rule}: ${message}`);
    const task = this.#tree.oldestTask;
    if (task === undefined) return false;
    const outputs = this.#tree.end(task, this.#tree.outputsOf(task, live));
    this.#tasks++;
    if (task.kind === 'move' || task.kind === 'drop') {
      this.#moves++;
      return true;
    }
    this.#readBytes += task.inputBytes;
    this.#mergedBytes += totalBytes(outputs);
    this.#largestTaskBytes = Math.max(this.#largestTaskBytes, task.inputBytes);
    return true;
  }

  #refuse(why: string): void {
    this.#refused++;
    this.#refusedInRow++;
    if (this.#refusedInRow < REFUSED_MAX && !this.#tree.isBreakerTripped) return;
    throw new LsmError('LSM_STRATEGY', `The engine would have quarantined it; refused by ${why}`);
  }
}
