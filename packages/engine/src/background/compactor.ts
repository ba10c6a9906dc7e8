/**
 * Keeps the tree in the shape that the strategy wants: asks it for tasks, checks them, runs them, commits them.
 *
 * 1. After every change of the tree the strategy plans on a frozen snapshot.
 * 2. Each task goes through admission (A1–A8); what is admitted gets its target run reserved and starts.
 * 3. A merge runs in the executor; a move or drop is only an edit. The outcome becomes one manifest edit, which also
 *    holds the strategy's state.
 * 4. A strategy that throws, repeats fruitless work or keeps proposing what may not run is quarantined: the safeguard
 *    takes over, an event says so, and no data is concerned.
 */
import { type AdmittedTask, isRejection, TaskLedger } from '@lsm/compaction';
import {
  type Clock,
  type CompactionPlan,
  type CompactionStrategy,
  type CompactionTask,
  compareBytes,
  type FilterAllocator,
  type Health,
  type Json,
  LsmError,
  type RunInfo,
  type TreeSnapshot,
} from '@lsm/core';
import type { Run, TableMetadata } from '@lsm/manifest';
import type { Counters } from '../counters.ts';
import type { CompactionEvent, EventHub } from '../events.ts';
import type { Executor, JobOutcome } from '../jobs/executor.ts';
import { type MergeJob, rangesOf } from '../jobs/jobs.ts';
import type { Settings } from '../options.ts';
import type { Interval } from '../range.ts';
import type { SnapshotList } from '../snapshot.ts';
import type { Tree } from '../tree/tree.ts';
import { asLsmError } from './flusher.ts';
import { outputSpec } from './output-spec.ts';
import { safeguard } from './safeguard.ts';

/** Rejected tasks in a row after which a strategy is taken for broken. */
const REJECTIONS_MAX = 16;
/** Pause after a failed task, ms. */
const RETRY_MS = 1000;
/** Input bytes that one task should not exceed, in tables. */
const TASK_TABLES_MAX = 16;

const CALM: Health = { debtBytes: 0, pressure: 0, delay: 'none', quiescent: true };

/** What the compactor needs of the database. */
export interface CompactionHost {
  readonly tree: Tree;
  readonly snapshots: SnapshotList;
  readonly settings: Settings;
  readonly filter: FilterAllocator;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly events: EventHub;
  executor(): Executor;
  /** Health, tasks or tree changed. */
  changed(): void;
}

/** Runs compaction. */
export class Compactor {
  /** The strategy in use. */
  strategy: CompactionStrategy;
  /** Its last judgement of the tree. */
  health: Health = CALM;
  readonly #host: CompactionHost;
  readonly #ledger: TaskLedger;
  #state: Json;
  #rejections = 0;
  #closed = false;
  /** Above 0 while a manual compaction has the tree to itself. */
  #held = 0;
  #paused = false;
  #cancelRetry: (() => void) | null = null;
  #planning = false;
  /** End of the last manual compaction that was asked for: they run one after the other. */
  #manual: Promise<void> = Promise.resolve();
  #changes: (() => void)[] = [];
  /** Who waits for a running task, by its id. */
  readonly #waiting = new Map<number, (error: LsmError | null) => void>();

  constructor(host: CompactionHost, strategy: CompactionStrategy, state: Json | undefined) {
    this.#host = host;
    this.strategy = strategy;
    this.#state = state ?? strategy.initialState?.() ?? null;
    this.#ledger = new TaskLedger({ nextRunId: () => host.tree.nextRunId() });
  }

  /** Whether there is nothing to do and nothing being done. */
  get idle(): boolean {
    const rests = this.health.quiescent || this.#closed || this.#paused;
    return this.#ledger.running.length === 0 && rests;
  }

  /** Whether the strategy is not asked for tasks at present. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Starts no further task of the strategy; resolves when none is running. Nobody is held back for its debt. */
  async pause(): Promise<void> {
    this.#paused = true;
    this.#judge();
    this.#changed();
    await this.#until(() => this.#ledger.running.length === 0 || !this.#paused);
  }

  /** Undoes {@link pause}. */
  resume(): void {
    this.#paused = false;
    this.plan();
  }

  /** Tasks under way. */
  get running(): number {
    return this.#ledger.running.length;
  }

  /** A flush brought new data. */
  flushed(): void {
    this.#ledger.renewBudget();
    this.plan();
  }

  /** Asks the strategy for work and starts what may start. */
  plan(): void {
    // A move is done at once and plans again; one loop is enough.
    if (this.#planning || this.#closed || this.#held > 0 || this.#cancelRetry !== null) return;
    this.#planning = true;
    try {
      while (!this.#paused && this.#planOnce());
    } finally {
      this.#planning = false;
    }
    this.#judge();
    this.#changed();
  }

  /** Replaces the strategy, durably. */
  setStrategy(strategy: CompactionStrategy): void {
    const from = this.strategy.name;
    const state = strategy.initialState?.() ?? null;
    this.#host.tree.commitStrategy(strategy, state);
    this.#use(strategy, state);
    this.#host.events.emit('strategyChange', { from, to: strategy.name });
    this.plan();
  }

  /** Merges everything that overlaps an interval into the oldest run. */
  compactRange(interval: Interval): Promise<void> {
    const run = this.#manual.then(() => this.#compactRange(interval));
    this.#manual = run.catch(() => undefined);
    return run;
  }

  async #compactRange(interval: Interval): Promise<void> {
    this.#held++;
    try {
      await this.#until(() => this.#ledger.running.length === 0);
      this.#check();
      const task = manualTask(this.#host.tree.version.runs, interval, this.#host.settings);
      if (task === null) return;
      this.#ledger.renewBudget();
      const admitted = this.#ledger.propose(this.#host.tree.version.runs, task);
      if (isRejection(admitted)) {
        throw new LsmError('LSM_INTERNAL', `A manual compaction was refused: ${admitted.message}`);
      }
      await new Promise<void>((resolve, reject) => {
        this.#start(admitted, (error) => (error === null ? resolve() : reject(error)));
      });
    } finally {
      this.#held--;
      this.plan();
    }
  }

  /** Starts nothing more and forgets what runs. */
  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    for (const task of this.#ledger.running) this.#ledger.abort(task.id);
    for (const done of this.#waiting.values()) done(closedMeanwhile());
    this.#waiting.clear();
    this.#changed();
  }

  /** One round of planning; true if the tree changed and another round makes sense. */
  #planOnce(): boolean {
    const snapshot = this.#snapshot();
    let plan: ReturnType<CompactionStrategy['plan']>;
    try {
      plan = checkedPlan(this.strategy.plan(snapshot, this.#state));
    } catch (error) {
      this.#quarantine(`plan failed: ${asLsmError(error).message}`);
      return true;
    }
    if (plan.state !== undefined) this.#state = plan.state;
    let moved = false;
    for (const task of plan.tasks) {
      if (this.#ledger.running.length >= this.#host.settings.maxTasks) break;
      const admitted = this.#propose(task);
      if (admitted === null) return true;
      if (isRejection(admitted)) {
        if (this.#rejected(admitted.message)) return true;
        continue;
      }
      this.#rejections = 0;
      if (this.#start(admitted, null)) moved = true;
    }
    return moved;
  }

  /** What admission says to a task; `null` if it is none at all and the strategy was quarantined for it. */
  #propose(task: CompactionTask): ReturnType<TaskLedger['propose']> | null {
    try {
      return this.#ledger.propose(this.#host.tree.version.runs, task);
    } catch (error) {
      this.#quarantine(`plan gave no task: ${asLsmError(error).message}`);
      return null;
    }
  }

  /** True if the strategy was quarantined. */
  #rejected(message: string): boolean {
    this.#rejections++;
    if (!this.#ledger.isBreakerTripped && this.#rejections < REJECTIONS_MAX) return false;
    this.#quarantine(message);
    return true;
  }

  #quarantine(reason: string): void {
    const strategy = this.strategy.name;
    this.#use(safeguard(), null);
    this.#host.events.emit('strategyQuarantined', { strategy, reason });
  }

  #use(strategy: CompactionStrategy, state: Json): void {
    this.strategy = strategy;
    this.#state = state;
    this.#rejections = 0;
    this.#ledger.renewBudget();
  }

  /** Starts a task; true if it is done already (no data had to be read). */
  #start(task: AdmittedTask, done: ((error: LsmError | null) => void) | null): boolean {
    const { events, clock } = this.#host;
    const event = eventOf(task);
    events.emit('compactionBegin', event);
    const started = clock.elapsed();
    if (task.kind === 'move' || task.kind === 'drop') {
      const error = this.#commit(task, [], event, started, 0, 0);
      done?.(error);
      return error === null;
    }
    const job = this.#job(task);
    this.#host.executor().submit(job, (outcome) => {
      if (this.#closed) return;
      this.#waiting.delete(task.id);
      const error = this.#finish(task, outcome, event, started);
      done?.(error);
      this.plan();
      // Planning may have been skipped, and then told nobody that a task less is running.
      this.#changed();
    });
    if (done !== null) this.#waiting.set(task.id, done);
    return false;
  }

  #finish(
    task: AdmittedTask,
    outcome: JobOutcome,
    event: CompactionEvent,
    started: number,
  ): LsmError | null {
    if (!outcome.ok) {
      this.#ledger.abort(task.id);
      this.#failed(outcome.error);
      return outcome.error;
    }
    const { outputs, readBytes, writtenBytes } = outcome.result;
    return this.#commit(task, outputs, event, started, readBytes, writtenBytes);
  }

  #commit(
    task: AdmittedTask,
    outputs: readonly TableMetadata[],
    event: CompactionEvent,
    started: number,
    readBytes: number,
    writtenBytes: number,
  ): LsmError | null {
    const { tree, counters, events, clock } = this.#host;
    try {
      const runs = this.#ledger.outcome<TableMetadata>(tree.version.runs, task.id, outputs);
      tree.commitRuns(runs, { state: this.#state });
    } catch (error) {
      this.#ledger.abort(task.id);
      tree.discard(outputs);
      const failure = asLsmError(error);
      this.#failed(failure);
      return failure;
    }
    this.#ledger.commit(task.id, outputs);
    if (task.kind === 'move') counters.moves++;
    else counters.compactions++;
    counters.compactionReadBytes += readBytes;
    counters.compactionWriteBytes += writtenBytes;
    const ms = clock.elapsed() - started;
    events.emit('compactionEnd', { ...event, readBytes, writtenBytes, ms });
    return null;
  }

  #failed(error: LsmError): void {
    this.#host.events.emit('error', { error });
    const retry = (): void => {
      this.#cancelRetry = null;
      this.plan();
    };
    // Somebody may wait for the tree to come to rest, so the process has to stay for it.
    this.#cancelRetry ??= this.#host.clock.after(RETRY_MS, retry, true);
  }

  #judge(): void {
    try {
      const health = checkedHealth(this.strategy.assess(this.#snapshot()));
      // A debt that nobody works off is no reason to hold writers back.
      this.health = this.#paused ? { ...health, delay: 'none' } : health;
    } catch (error) {
      this.#quarantine(`assess failed: ${asLsmError(error).message}`);
      this.health = this.strategy.assess(this.#snapshot());
    }
  }

  #job(task: AdmittedTask): MergeJob {
    const { tree, settings, filter, snapshots, clock } = this.#host;
    const rows = this.#ledger.view<TableMetadata, Run>(tree.version.runs);
    const selected = new Set(task.inputs);
    const inputs = rows
      .map((run) => run.tables.filter((table) => selected.has(table.id)))
      .filter((tables) => tables.length > 0);
    const target = rows.findIndex((run) => run.id === task.target);
    const olderRuns = rows
      .slice(target + 1)
      .map((run) => rangesOf(run.tables.filter((table) => !selected.has(table.id))))
      .filter((tables) => tables.length > 0);
    const shape = 'shape' in task.task ? task.task.shape : { tableBytes: settings.tableBytes };
    const near = rows.find((run) => run.id === shape.cutNear);
    const flat = inputs.flat();
    const staying = rows[target]!.tables.filter((table) => !selected.has(table.id));
    const output = outputSpec(tree, settings, filter, {
      level: task.level,
      entries: [...flat, ...staying].reduce((sum, table) => sum + table.entries, 0),
      bytes: task.inputBytes,
      isOldest: olderRuns.length === 0,
      replaced: rows
        .filter(
          (run) => run.id === task.target || run.tables.every((table) => selected.has(table.id)),
        )
        .map((run) => run.id),
      createdAt: clock.now(),
    });
    return {
      kind: 'merge',
      inputs,
      output: { ...output, tableBytes: shape.tableBytes },
      snapshots: snapshots.sequences(),
      olderRuns,
      cutNear: (near?.tables ?? []).map(({ maxKey, bytes }) => ({ maxKey, bytes })),
      maxOverlapBytes: shape.maxOverlapBytes ?? 0,
    };
  }

  #snapshot(): TreeSnapshot {
    const { tree, settings, clock, snapshots } = this.#host;
    const rows = this.#ledger.view<TableMetadata, Run>(tree.version.runs);
    const runs: readonly RunInfo[] = rows.map((run) => ({
      id: run.id,
      level: run.level,
      tables: run.tables.map((table) => ({ ...table, busyBy: this.#ledger.busyBy(table.id) })),
      bytes: run.tables.reduce((sum, table) => sum + table.bytes, 0),
      entries: run.tables.reduce((sum, table) => sum + table.entries, 0),
    }));
    return Object.freeze({
      version: tree.changes,
      now: clock.now(),
      runs,
      inProgress: this.#ledger.running.map(({ id, kind, inputs, target, inputBytes }) => ({
        id,
        kind,
        inputs,
        target,
        inputBytes,
      })),
      oldestReaderSequence: snapshots.oldest(),
      flushBytes: settings.memtableBytes,
      limits: {
        maxTasks: settings.maxTasks,
        maxTaskBytes: TASK_TABLES_MAX * settings.tableBytes,
        tableBytes: settings.tableBytes,
        freeDiskBytes: Number.POSITIVE_INFINITY,
      },
    });
  }

  #check(): void {
    if (this.#closed) throw closedMeanwhile();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#closed) {
      await new Promise<void>((resolve) => this.#changes.push(resolve));
    }
  }

  #changed(): void {
    for (const resolve of this.#changes.splice(0)) resolve();
    this.#host.changed();
  }
}

/** A plan of a strategy that may be anything. */
function checkedPlan(plan: CompactionPlan): CompactionPlan {
  const given: unknown = plan;
  if (typeof given !== 'object' || given === null || !Array.isArray(plan.tasks)) {
    throw new LsmError('LSM_STRATEGY', 'A plan has to be an object with a list of tasks.');
  }
  for (const task of plan.tasks as readonly unknown[]) {
    if (typeof task !== 'object' || task === null) {
      throw new LsmError('LSM_STRATEGY', 'A task has to be an object.');
    }
  }
  return plan;
}

/** A judgement of a strategy that may be anything. */
function checkedHealth(health: Health): Health {
  const given: unknown = health;
  if (
    typeof given !== 'object' ||
    given === null ||
    !['none', 'slow', 'stop'].includes(health.delay) ||
    typeof health.pressure !== 'number'
  ) {
    throw new LsmError(
      'LSM_STRATEGY',
      'A judgement has to be {debtBytes, pressure, delay, quiescent}.',
    );
  }
  return health;
}

function closedMeanwhile(): LsmError {
  return new LsmError('LSM_CLOSED', 'The database was closed meanwhile.');
}

function eventOf(task: AdmittedTask): CompactionEvent {
  return {
    task: task.id,
    kind: task.kind,
    reason: task.task.reason,
    inputs: task.inputs.length,
    level: task.level,
  };
}

/** The task that merges all tables overlapping an interval, and whatever overlaps those, into the oldest run. */
function manualTask(
  runs: readonly Run[],
  interval: Interval,
  settings: Settings,
): CompactionTask | null {
  const oldest = runs.at(-1);
  if (oldest === undefined || interval.empty) return null;
  const selected = overlapClosure(runs, interval);
  if (selected.length === 0) return null;
  const single = selected.every((table) => oldest.tables.includes(table));
  if (single && selected.every((table) => table.pointTombstones + table.rangeTombstones === 0)) {
    if (oldest.level > 0) return null;
  }
  return {
    kind: 'merge',
    inputs: selected.map((table) => table.id),
    to: oldest.level > 0 ? { into: oldest.id } : { newRun: { level: 1, before: null } },
    shape: { tableBytes: settings.tableBytes },
    reason: 'manual',
    score: 1,
  };
}

function overlapClosure(runs: readonly Run[], interval: Interval): TableMetadata[] {
  const tables = runs.flatMap((run) => run.tables);
  let { lower, upper }: { lower: Uint8Array; upper: Uint8Array | null } = interval;
  let inclusive = false;
  const overlaps = (table: TableMetadata): boolean => {
    if (table.maxKey !== null && compareBytes(table.maxKey, lower) < 0) return false;
    if (upper === null) return true;
    const order = compareBytes(table.minKey, upper);
    return inclusive ? order <= 0 : order < 0;
  };
  let selected: TableMetadata[] = [];
  for (;;) {
    const next = tables.filter(overlaps);
    if (next.length === selected.length) return selected;
    selected = next;
    for (const table of selected) {
      if (compareBytes(table.minKey, lower) < 0) lower = table.minKey;
      if (table.maxKey === null) upper = null;
      else if (upper !== null) {
        const order = compareBytes(table.maxKey, upper);
        if (order >= 0) {
          upper = table.maxKey;
          inclusive = true;
        }
      }
    }
  }
}
