/**
 * Forecasts: what a strategy would do with a tree, worked out on its metadata alone.
 *
 * The planner and the admission rules are the real ones; merges are guessed (estimated-merge.ts), and nothing is read
 * or written. So a switch can be priced before it is made, and other strategies can be followed in the shadow of the one
 * at work. Tasks end in the order in which they began. Writes may be expected meanwhile (expected-writes.ts): their
 * flushes cover all keys evenly.
 */
import type { CompactionStrategy, Json, RunInfo, TableInfo, TreeSnapshot } from '@lsm/core';
import { EstimatedTree } from './estimated-tree.ts';
import { type ExpectedWrites, FlushSchedule } from './expected-writes.ts';
import { totalBytes } from './key-range.ts';
import type { AdmittedTask } from './task-ledger.ts';

/** Settings of a {@link forecast}. */
export interface ForecastOptions {
  /** Bytes of live data; default: those of the largest run. */
  readonly liveBytes?: number;
  /** Bytes that merges read and write in a millisecond, all together; default 100,000 (100 MB/s). */
  readonly bytesPerMs?: number;
  /** Tasks after which the forecast ends; default 100,000. */
  readonly maxTasks?: number;
  /** What is written meanwhile; default: nothing. */
  readonly writes?: ExpectedWrites;
  /** State that the strategy begins with; default: its initial state. */
  readonly state?: Json;
  /** Whether `drop` tasks are followed; default false: then they are counted as refused. */
  readonly lossy?: boolean;
}

/** What is to be expected until the tree is at rest. */
export interface Forecast {
  /** Bytes that merges read, and write. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** By the given speed, ms. */
  readonly durationMs: number;
  /** Bytes of flushes meanwhile, by {@link ForecastOptions.writes}, and the time at which they ended. */
  readonly flushedBytes: number;
  readonly writesEndMs: number;
  /** Most bytes beyond those of the tree as it is. */
  readonly peakExtraBytes: number;
  readonly largestTaskBytes: number;
  /** Merges and rewrites; moves and drops; tasks that admission refused. */
  readonly merges: number;
  readonly moves: number;
  readonly refused: number;
  /** The tree at rest, newest run first. */
  readonly shape: readonly {
    readonly level: number;
    readonly tables: number;
    readonly bytes: number;
  }[];
  /** Whether it came to rest. */
  readonly isComplete: boolean;
}

/**
 * Follows a strategy on a tree until it is at rest.
 *
 * @param tree - as it is; tasks in progress are taken as not begun
 * @param strategy - borrowed
 * @param options - what is known of data and device
 */
export function forecast(
  tree: TreeSnapshot,
  strategy: CompactionStrategy,
  options: ForecastOptions = {},
): Forecast {
  return new Forecaster(tree, strategy, options).run();
}

/** Bytes in a millisecond unless told otherwise. */
const BYTES_PER_MS = 100_000;

class Forecaster {
  readonly #tree: EstimatedTree;
  readonly #options: ForecastOptions;
  readonly #outputs = new Map<number, readonly TableInfo[]>();
  readonly #schedule: FlushSchedule;
  readonly #bytesBefore: number;
  #readBytes = 0;
  #writtenBytes = 0;
  #pendingBytes = 0;
  #peakBytes = 0;
  #largestTaskBytes = 0;
  #merges = 0;
  #moves = 0;
  #refused = 0;

  constructor(tree: TreeSnapshot, strategy: CompactionStrategy, options: ForecastOptions) {
    this.#options = options;
    this.#schedule = new FlushSchedule(options.writes, tree.flushBytes);
    // A forecast has its own limit of tasks.
    this.#tree = new EstimatedTree(tree, strategy, options.state, Number.POSITIVE_INFINITY);
    this.#bytesBefore = this.#tree.bytes;
  }

  run(): Forecast {
    const isComplete = this.#settle();
    return {
      readBytes: this.#readBytes,
      writtenBytes: this.#writtenBytes,
      durationMs: (this.#readBytes + this.#writtenBytes) / this.#bytesPerMs,
      flushedBytes: this.#schedule.bytes,
      writesEndMs: this.#schedule.endedAt ?? this.#schedule.now,
      peakExtraBytes: Math.max(0, this.#peakBytes - this.#bytesBefore),
      largestTaskBytes: this.#largestTaskBytes,
      merges: this.#merges,
      moves: this.#moves,
      refused: this.#refused,
      shape: this.#tree.runs.map(({ level, tables, bytes }) => ({
        level,
        tables: tables.length,
        bytes,
      })),
      isComplete,
    };
  }

  get #bytesPerMs(): number {
    return this.#options.bytesPerMs ?? BYTES_PER_MS;
  }

  #settle(): boolean {
    const { maxTasks = 100_000, lossy = false } = this.#options;
    const tree = this.#tree;
    for (let ended = 0; ended < maxTasks; ended++) {
      const { proposed, admitted, rejections } = tree.plan(lossy);
      this.#refused += rejections.length;
      for (const task of admitted) this.#start(task);
      const first = tree.oldestTask;
      if (first === undefined) {
        if (proposed > 0) return false;
        const bytes = this.#schedule.takeNext();
        if (bytes > 0) this.#flush(bytes);
        else if (this.#schedule.endedAt !== null) return true;
        continue;
      }
      this.#finish(first);
      this.#takeFlushes();
      // Without new data the budget of a live tree would run out.
      if (!tree.isBreakerTripped && ended % 64 === 63) tree.renewBudget();
    }
    return false;
  }

  /** Takes what is due, as long as the strategy lets writers write. */
  #takeFlushes(): void {
    const schedule = this.#schedule;
    while (schedule.isDue) {
      if (this.#tree.delay === 'stop') {
        schedule.hold();
        return;
      }
      const bytes = schedule.takeDue();
      if (bytes > 0) this.#flush(bytes);
    }
  }

  #start(task: AdmittedTask): void {
    const outputs = this.#tree.outputsOf(task, this.#live());
    this.#outputs.set(task.id, outputs);
    if (task.kind === 'move' || task.kind === 'drop') {
      this.#moves++;
      return;
    }
    this.#merges++;
    const bytes = totalBytes(outputs);
    this.#readBytes += task.inputBytes;
    this.#writtenBytes += bytes;
    this.#pendingBytes += bytes;
    this.#largestTaskBytes = Math.max(this.#largestTaskBytes, task.inputBytes);
    this.#notePeak();
  }

  #finish(task: AdmittedTask): void {
    const outputs = this.#outputs.get(task.id)!;
    this.#outputs.delete(task.id);
    const written = totalBytes(outputs);
    this.#pendingBytes -= written;
    if (written > 0) this.#schedule.now += (task.inputBytes + written) / this.#bytesPerMs;
    this.#tree.end(task, outputs);
  }

  #flush(bytes: number): void {
    this.#tree.flushOver(bytes, this.#live());
    this.#notePeak();
  }

  #notePeak(): void {
    this.#peakBytes = Math.max(this.#peakBytes, this.#tree.bytes + this.#pendingBytes);
  }

  /** The largest run, scaled to the live data. */
  #live(): readonly TableInfo[] {
    let largest: RunInfo | undefined;
    for (const run of this.#tree.runs) if (run.bytes >= (largest?.bytes ?? 0)) largest = run;
    if (largest === undefined) return [];
    const { liveBytes = largest.bytes } = this.#options;
    const scale = liveBytes / Math.max(1, largest.bytes);
    return largest.tables.map((table) => ({ ...table, bytes: table.bytes * scale }));
  }
}
