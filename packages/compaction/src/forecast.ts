/**
 * Forecasts: what a strategy would do with a tree, worked out on its metadata alone.
 *
 * The planner and the admission rules are the real ones; merges are guessed (estimated-merge.ts), and nothing is read
 * or written. So a switch can be priced before it is made, and other strategies can be followed in the shadow of the one
 * at work. Tasks end in the order in which they began. Writes may be expected meanwhile (expected-writes.ts): their
 * flushes cover all keys evenly.
 */
import type { CompactionStrategy, Json, RunInfo, TableInfo, TreeSnapshot } from '@lsm/core';
import { type EstimatedTable, estimateMerge } from './estimated-merge.ts';
import { type ExpectedWrites, FlushSchedule } from './expected-writes.ts';
import { hullOf, totalBytes } from './key-range.ts';
import { describeMerge } from './merge-description.ts';
import { type AdmittedTask, isRejection, TaskLedger } from './task-ledger.ts';

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
  readonly #tree: TreeSnapshot;
  readonly #strategy: CompactionStrategy;
  readonly #options: ForecastOptions;
  readonly #ledger: TaskLedger;
  readonly #outputs = new Map<number, readonly TableInfo[]>();
  readonly #schedule: FlushSchedule;
  #state: Json;
  #runs: readonly RunInfo[];
  #nextId: number;
  #version: number;
  #readBytes = 0;
  #writtenBytes = 0;
  #pendingBytes = 0;
  #peakBytes = 0;
  #largestTaskBytes = 0;
  #merges = 0;
  #moves = 0;
  #refused = 0;

  constructor(tree: TreeSnapshot, strategy: CompactionStrategy, options: ForecastOptions) {
    this.#tree = tree;
    this.#strategy = strategy;
    this.#options = options;
    this.#state = options.state === undefined ? (strategy.initialState?.() ?? null) : options.state;
    this.#runs = tree.runs.filter((run) => run.tables.length > 0);
    const ids = this.#runs.flatMap((run) => [run.id, ...run.tables.map((table) => table.id)]);
    this.#nextId = 1 + Math.max(0, ...ids);
    this.#version = tree.version;
    this.#schedule = new FlushSchedule(options.writes, tree.flushBytes);
    this.#ledger = new TaskLedger({
      nextRunId: () => this.#nextId++,
      writeAmplificationCap: Number.POSITIVE_INFINITY,
    });
  }

  run(): Forecast {
    const before = bytesOf(this.#runs);
    const isComplete = this.#settle();
    return {
      readBytes: this.#readBytes,
      writtenBytes: this.#writtenBytes,
      durationMs: (this.#readBytes + this.#writtenBytes) / this.#bytesPerMs,
      flushedBytes: this.#schedule.bytes,
      writesEndMs: this.#schedule.endedAt ?? this.#schedule.now,
      peakExtraBytes: Math.max(0, this.#peakBytes - before),
      largestTaskBytes: this.#largestTaskBytes,
      merges: this.#merges,
      moves: this.#moves,
      refused: this.#refused,
      shape: this.#runs.map(({ level, tables, bytes }) => ({
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
    const { maxTasks = 100_000 } = this.#options;
    for (let ended = 0; ended < maxTasks; ended++) {
      const plan = this.#strategy.plan(this.#snapshot(), this.#state);
      if (plan.state !== undefined) this.#state = plan.state;
      for (const task of this.#ledger.order(this.#runs, plan.tasks)) {
        if (this.#ledger.running.length >= this.#tree.limits.maxTasks) break;
        const { lossy = false } = this.#options;
        const admitted = this.#ledger.propose(this.#runs, task, { lossy });
        if (isRejection(admitted)) this.#refused++;
        else this.#start(admitted);
      }
      const [first] = this.#ledger.running;
      if (first === undefined) {
        if (plan.tasks.length > 0) return false;
        const bytes = this.#schedule.takeNext();
        if (bytes > 0) this.#flush(bytes);
        else if (this.#schedule.endedAt !== null) return true;
        continue;
      }
      this.#finish(first);
      this.#takeFlushes();
      // Without new data the budget of a live tree would run out; a forecast has its own limit.
      if (!this.#ledger.isBreakerTripped) this.#renew(ended);
    }
    return false;
  }

  /** Takes what is due, as long as the strategy lets writers write. */
  #takeFlushes(): void {
    const schedule = this.#schedule;
    while (schedule.isDue) {
      if (this.#strategy.assess(this.#snapshot()).delay === 'stop') {
        schedule.hold();
        return;
      }
      const bytes = schedule.takeDue();
      if (bytes > 0) this.#flush(bytes);
    }
  }

  #renew(ended: number): void {
    if (ended % 64 === 63) this.#ledger.renewBudget();
  }

  #start(task: AdmittedTask): void {
    if (task.kind === 'move' || task.kind === 'drop') {
      this.#moves++;
      this.#outputs.set(task.id, []);
      return;
    }
    this.#merges++;
    const rows = this.#ledger.view<TableInfo, RunInfo>(this.#runs);
    const { sources, shape } = describeMerge(rows, task);
    const inputs = sources.flat();
    const outputs = estimateMerge({ sources, shape, live: this.#live() }).map((estimate) =>
      this.#describe(estimate, inputs),
    );
    const bytes = totalBytes(outputs);
    this.#outputs.set(task.id, outputs);
    this.#readBytes += task.inputBytes;
    this.#writtenBytes += bytes;
    this.#pendingBytes += bytes;
    this.#largestTaskBytes = Math.max(this.#largestTaskBytes, task.inputBytes);
    this.#peakBytes = Math.max(this.#peakBytes, bytesOf(this.#runs) + this.#pendingBytes);
  }

  #finish(task: AdmittedTask): void {
    const outputs = this.#outputs.get(task.id)!;
    this.#outputs.delete(task.id);
    const written = totalBytes(outputs);
    this.#pendingBytes -= written;
    if (written > 0) this.#schedule.now += (task.inputBytes + written) / this.#bytesPerMs;
    const runs = this.#ledger.outcome<TableInfo>(this.#runs, task.id, outputs);
    this.#ledger.commit(task.id, outputs);
    this.#runs = runs.map(({ id, level, tables }) => runOf(id, level, tables));
    this.#version++;
  }

  /** A flush arrives: one run on top, over all keys. */
  #flush(bytes: number): void {
    this.#ledger.renewBudget();
    const tables = this.#runs.flatMap((run) => run.tables);
    if (tables.length === 0) return;
    const { minKey, maxKey } = hullOf(tables);
    const cutKeys = this.#strategy.flush?.(this.#snapshot()).splitKeys ?? [];
    const newest: TableInfo = { ...this.#describe({ minKey, maxKey, bytes }, tables) };
    const shape = { tableBytes: this.#tree.limits.tableBytes, cutKeys };
    const cut = estimateMerge({ sources: [[newest]], shape, live: this.#live() });
    const outputs = cut.map((estimate) => this.#describe(estimate, [newest]));
    this.#runs = [runOf(this.#nextId++, 0, outputs), ...this.#runs];
    this.#version++;
    const now = bytesOf(this.#runs) + this.#pendingBytes;
    this.#peakBytes = Math.max(this.#peakBytes, now);
  }

  /** The largest run, scaled to the live data. */
  #live(): readonly TableInfo[] {
    let largest: RunInfo | undefined;
    for (const run of this.#runs) if (run.bytes >= (largest?.bytes ?? 0)) largest = run;
    if (largest === undefined) return [];
    const { liveBytes = largest.bytes } = this.#options;
    const scale = liveBytes / Math.max(1, largest.bytes);
    return largest.tables.map((table) => ({ ...table, bytes: table.bytes * scale }));
  }

  #describe(estimate: EstimatedTable, inputs: readonly TableInfo[]): TableInfo {
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
    return Object.freeze({
      ...estimate,
      id: this.#nextId++,
      entries: Math.max(1, Math.round(estimate.bytes * density)),
      minSequence,
      maxSequence,
      // Tombstones are taken as gone: where they stay, they are merged with what comes after them.
      pointTombstones: 0,
      rangeTombstones: 0,
      reclaimableBytes: 0,
      oldestTombstoneAt: null,
      oldestWriteAt,
      newestWriteAt,
      createdAt: this.#tree.now,
      filterBitsPerKey: 10,
      busyBy: null,
    });
  }

  #snapshot(): TreeSnapshot {
    const rows = this.#ledger.view<TableInfo, RunInfo>(this.#runs);
    const runs = rows.map(({ id, level, tables }) =>
      runOf(
        id,
        level,
        tables.map((table) => ({ ...table, busyBy: this.#ledger.busyBy(table.id) })),
      ),
    );
    const inProgress = this.#ledger.running.map(({ id, kind, inputs, target, inputBytes }) => ({
      id,
      kind,
      inputs,
      target,
      inputBytes,
    }));
    return { ...this.#tree, version: this.#version, runs, inProgress };
  }
}

function runOf(id: number, level: number, tables: readonly TableInfo[]): RunInfo {
  let entries = 0;
  for (const table of tables) entries += table.entries;
  return { id, level, tables, bytes: totalBytes(tables), entries };
}

function bytesOf(runs: readonly RunInfo[]): number {
  let bytes = 0;
  for (const run of runs) bytes += run.bytes;
  return bytes;
}
