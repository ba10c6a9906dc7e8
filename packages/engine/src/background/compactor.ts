/**
 * Keeps the tree in the shape that the strategy wants: asks it for tasks, checks them, runs them, commits them.
 *
 * 1. After every change of the tree the strategy plans on a frozen snapshot.
 * 2. Each task goes through admission (A1–A8); what is admitted gets its target run reserved and starts. A merge that
 *    the disk has no room for (A7) is not started; it is planned again after a flush, or when some time has passed.
 * 3. A merge runs in the executor; a move or drop is only an edit. The outcome becomes one manifest edit, which also
 *    holds the strategy's state.
 * 4. A strategy that throws, repeats fruitless work or keeps proposing what may not run is quarantined: the safeguard
 *    takes over, an event says so, and no data is concerned.
 */
import {
  type AdmittedTask,
  isRejection,
  type PiecewiseCompaction,
  type Rejection,
  TaskLedger,
} from '@lsm/compaction';
import {
  type Clock,
  type CompactionStrategy,
  type CompactionTask,
  type FilterAllocator,
  type Health,
  type Json,
  LsmError,
  type TreeSnapshot,
} from '@lsm/core';
import type { Run, TableMetadata } from '@lsm/manifest';
import type { Counters } from '../counters.ts';
import type { CompactionEvent, EventHub } from '../events.ts';
import type { Executor, JobOutcome } from '../jobs/executor.ts';
import type { Settings } from '../options.ts';
import type { SnapshotList } from '../snapshot.ts';
import type { Tree } from '../tree/tree.ts';
import { CoveredDrops } from './covered-drops.ts';
import { DiskWatch } from './disk-watch.ts';
import { asLsmError } from './flusher.ts';
import { type PiecewiseScope, refusal } from './manual-task.ts';
import { mergeJob } from './merge-job.ts';
import { Refusals } from './refusals.ts';
import { safeguard } from './safeguard.ts';
import {
  CALM,
  checkedHealth,
  checkedHint,
  checkedPlan,
  complaint,
  firstState,
} from './strategy-contract.ts';
import { StrategyState } from './strategy-state.ts';
import { StrategyView } from './strategy-view.ts';

/** Least and most time to a plan that was asked for by the clock, ms. */
const REPLAN_MS_MIN = 1000;
const REPLAN_MS_MAX = 2 ** 31 - 1;
/** Pause after a failed task, ms. */
const RETRY_MS = 1000;
/** Room that merges leave on the disk, in memtables: for the table of a flush and the next segment of the log. */
const RESERVED_MEMTABLES = 2;
/** Input bytes that one task has at most, in tables; planners aim at 16. */
const TASK_TABLES_MAX = 24;

/** What the compactor needs of the database. */
export interface CompactionHost {
  readonly tree: Tree;
  readonly snapshots: SnapshotList;
  readonly settings: Settings;
  readonly filter: FilterAllocator;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly events: EventHub;
  /** Bytes that the disk has left; infinite if that isn't known. */
  freeDiskBytes(): number;
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
  readonly #disk: DiskWatch;
  readonly #covered: CoveredDrops;
  #state: StrategyState;
  #refusals = new Refusals();
  readonly #view: StrategyView;
  /** Merges under way, and since when there are so many. */
  #merging = 0;
  #mergingSince = 0;
  #closed = false;
  /** Above 0 while a manual compaction has the tree to itself. */
  #held = 0;
  #paused = false;
  #cancelRetry: (() => void) | null = null;
  /** Plans again when something has grown too old. */
  #cancelReplan: (() => void) | null = null;
  /** Whether the strategy in use may drop tables: somebody confirmed it. */
  #isLossy: boolean;
  #planning = false;
  /** End of the last manual compaction that was asked for: they run one after the other. */
  #manual: Promise<void> = Promise.resolve();
  #changes: (() => void)[] = [];
  /** Who waits for a running task, by its id. */
  readonly #waiting = new Map<number, (error: LsmError | null) => void>();

  constructor(host: CompactionHost, strategy: CompactionStrategy, state: Json) {
    this.#host = host;
    this.#view = new StrategyView(host.tree);
    this.#disk = new DiskWatch(host, () => this.plan());
    this.#covered = new CoveredDrops(host);
    this.strategy = strategy;
    this.#isLossy = strategy.lossy === true;
    this.#state = new StrategyState(state);
    this.#ledger = new TaskLedger({ nextRunId: () => host.tree.nextRunId() });
  }

  /**
   * Whether nothing is being done and nothing will be, until something changes: a plan that started no task, because
   * there is none, or none may run, is not repeated.
   */
  get idle(): boolean {
    if (this.#ledger.running.length > 0) return false;
    const rests = this.health.quiescent || this.#closed || this.#paused;
    return rests || (this.#cancelRetry === null && this.#held === 0);
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

  /** Whether tasks wait for disk space, and nothing else can be done. */
  get isDiskShort(): boolean {
    return this.#disk.isShort;
  }

  /** The tree as a strategy is shown it, the disk taken as large enough; with keys of its own, for anybody's code. */
  get tree(): TreeSnapshot {
    return this.#snapshot(Number.POSITIVE_INFINITY, new StrategyView(this.#host.tree));
  }

  /** The state of the strategy in use. */
  get state(): Json {
    return this.#state.current;
  }

  /** Tasks under way. */
  get running(): number {
    return this.#ledger.running.length;
  }

  /** A flush brought new data. */
  flushed(): void {
    this.#renewBudget();
    this.plan();
  }

  /** Asks the strategy for work and starts what may start. */
  plan(): void {
    // A move is done at once and plans again; one loop is enough.
    if (this.#planning || this.#closed || this.#held > 0 || this.#cancelRetry !== null) return;
    this.#planning = true;
    try {
      if (!this.#paused) this.#dropCovered();
      while (!this.#paused && this.#cancelRetry === null && this.#planOnce());
    } finally {
      this.#planning = false;
    }
    // The safeguard that comes after a quarantine may have something to do.
    if (!this.#judge()) {
      this.plan();
      return;
    }
    const spareBytes = this.#spareDiskBytes();
    this.#disk.look(this.#taskWithoutSpace(spareBytes), spareBytes);
    this.#changed();
  }

  /** Drops the tables that range deletes hide from everybody, whatever the strategy. */
  #dropCovered(): void {
    const task = this.#covered.next(this.#ledger);
    if (task === null) return;
    const admitted = this.#ledger.propose(this.#host.tree.version.runs, task, { hidden: true });
    if (!isRejection(admitted)) this.#start(admitted, null);
  }

  /** Replaces the strategy, durably. One that may drop data has been confirmed by the caller. */
  setStrategy(strategy: CompactionStrategy): void {
    const from = this.strategy.name;
    const state = firstState(strategy);
    this.#host.tree.commitStrategy(strategy, state);
    this.#use(strategy, state);
    this.#host.events.emit('strategyChange', { from, to: strategy.name });
    this.plan();
  }

  /**
   * Runs a compaction task by task, with the tree to itself; writers that wait for the strategy let it work between
   * two tasks.
   *
   * @param make - called when its turn has come
   * @param mayGoOn - asked before each task
   * @throws LSM_DISK_FULL if a task doesn't fit on the disk, LSM_CLOSED, and what a task failed with
   */
  compactPieces(
    make: (scope: PiecewiseScope) => PiecewiseCompaction,
    mayGoOn: () => boolean,
  ): Promise<void> {
    const run = this.#manual.then(() => this.#compactPieces(make, mayGoOn));
    this.#manual = run.catch(() => undefined);
    return run;
  }

  async #compactPieces(
    make: (scope: PiecewiseScope) => PiecewiseCompaction,
    mayGoOn: () => boolean,
  ): Promise<void> {
    const { tree } = this.#host;
    this.#held++;
    try {
      await this.#until(() => this.#ledger.running.length === 0);
      this.#check();
      const compaction = make(this.scope);
      for (;;) {
        const task = mayGoOn() ? compaction.next(tree.version.runs) : null;
        if (task === null) return;
        await this.#runAlone(task);
        this.#judge();
        this.#changed();
        if (this.health.delay !== 'none') await this.#letStrategyWork();
        this.#check();
      }
    } finally {
      this.#held--;
      this.plan();
    }
  }

  /** The tree, and what bounds a task, for {@link compactPieces}. */
  get scope(): PiecewiseScope {
    const { tree, settings } = this.#host;
    return {
      runs: tree.version.runs,
      maxTaskBytes: TASK_TABLES_MAX * settings.tableBytes,
      tableBytes: settings.tableBytes,
      newestSequence: tree.lastSequence,
      firstNewTable: tree.nextNumber,
    };
  }

  async #runAlone(task: CompactionTask): Promise<void> {
    this.#renewBudget();
    const context = { freeDiskBytes: this.#spareDiskBytes() };
    const admitted = this.#ledger.propose(this.#host.tree.version.runs, task, context);
    if (isRejection(admitted)) throw refusal(admitted);
    await new Promise<void>((resolve, reject) => {
      this.#start(admitted, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** Until it is no longer behind, or has nothing to do. */
  async #letStrategyWork(): Promise<void> {
    this.#held--;
    try {
      this.plan();
      await this.#until(() => this.health.delay === 'none' || this.#ledger.running.length === 0);
    } finally {
      this.#held++;
    }
    await this.#until(() => this.#ledger.running.length === 0);
  }

  /** Starts nothing more and forgets what runs. */
  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    this.#disk.close();
    this.#cancelReplan?.();
    for (const task of this.#ledger.running) this.#ledger.abort(task.id);
    for (const done of this.#waiting.values()) done(closedMeanwhile());
    this.#waiting.clear();
    this.#changed();
  }

  /** One round of planning; true if the tree changed and another round makes sense. */
  #planOnce(): boolean {
    const freeDiskBytes = this.#spareDiskBytes();
    const snapshot = this.#snapshot(freeDiskBytes);
    const { strategy } = this;
    let plan: ReturnType<CompactionStrategy['plan']>;
    try {
      plan = checkedPlan(strategy.plan(snapshot, this.#state.current), tablesOf(snapshot));
    } catch (error) {
      this.#quarantine(complaint('plan', error));
      return true;
    }
    // It may have done what it must not: closed the database, or given it another strategy.
    if (this.#closed || this.strategy !== strategy) return false;
    this.#state.planned(plan.state);
    const context = { freeDiskBytes, lossy: this.#isLossy };
    let moved = false;
    for (const task of this.#ledger.order(this.#host.tree.version.runs, plan.tasks)) {
      if (this.#ledger.running.length >= this.#host.settings.maxTasks) break;
      const admitted = this.#ledger.propose(this.#host.tree.version.runs, task, context);
      if (isRejection(admitted)) {
        if (this.#rejected(admitted)) return true;
        continue;
      }
      this.#refusals.admitted();
      this.#state.admitted(admitted.id);
      if (this.#start(admitted, null)) moved = true;
    }
    return moved;
  }

  /** True if the strategy was quarantined. */
  #rejected(rejection: Rejection): boolean {
    const { rule, message } = rejection;
    // Nobody is to blame for a full disk.
    if (rule === 'A7') return false;
    const counted = this.#refusals.refused(rejection);
    const reason = this.#ledger.isBreakerTripped
      ? `A task was refused by ${rule}: ${message}`
      : counted;
    if (reason !== null) this.#quarantine(reason);
    return reason !== null;
  }

  /** New data came, or time passed: what a strategy may do is measured anew. */
  #renewBudget(): void {
    this.#ledger.renewBudget();
    this.#refusals.renewed();
  }

  /** Bytes of disk that merges may take. */
  #spareDiskBytes(): number {
    const host = this.#host;
    return Math.max(0, host.freeDiskBytes() - RESERVED_MEMTABLES * host.settings.memtableBytes);
  }

  /** What the strategy would do now if the disk were larger, while it does nothing. */
  #taskWithoutSpace(freeBytes: number): CompactionTask | undefined {
    const { tree } = this.#host;
    // No task needs more than the whole tree.
    if (this.running > 0 || this.#paused || freeBytes >= tree.version.bytes) return undefined;
    try {
      const snapshot = this.#snapshot();
      const { tasks } = checkedPlan(
        this.strategy.plan(snapshot, this.#state.current),
        tablesOf(snapshot),
      );
      return tasks.find(({ kind }) => kind === 'merge' || kind === 'rewrite');
    } catch {
      // Its next real plan ends in quarantine.
      return undefined;
    }
  }

  #quarantine(reason: string): void {
    const strategy = this.strategy.name;
    // The manifest keeps the state of the strategy that was given: the next opening is its next chance.
    this.#use(safeguard(), this.#host.tree.state.strategy?.state ?? null);
    const { events, clock } = this.#host;
    const tell = (): void => events.emit('strategyQuarantined', { strategy, reason });
    // Nobody can listen while the database is being opened.
    if (events.isHeard('strategyQuarantined')) tell();
    else clock.defer(tell);
  }

  #use(strategy: CompactionStrategy, state: Json): void {
    this.strategy = strategy;
    this.#isLossy = strategy.lossy === true;
    this.#state = new StrategyState(state);
    this.#refusals = new Refusals();
    this.#view.forget();
    this.#renewBudget();
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
    const rows = this.#ledger.view<TableMetadata, Run>(this.#host.tree.version.runs);
    const job = mergeJob(this.#host, rows, task, this.#held > 0);
    this.#countMerging(1);
    this.#host.executor().submit(job, (outcome) => {
      this.#countMerging(-1);
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

  /** A merge begins or ends. */
  #countMerging(change: 1 | -1): void {
    const now = this.#host.clock.elapsed();
    if (this.#merging > 0) this.#host.counters.compactionMs += now - this.#mergingSince;
    this.#merging += change;
    this.#mergingSince = now;
  }

  #finish(
    task: AdmittedTask,
    outcome: JobOutcome,
    event: CompactionEvent,
    started: number,
  ): LsmError | null {
    if (!outcome.ok) {
      this.#abort(task);
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
      tree.commitRuns(runs, { state: this.#state.keptWith(task.id) }, task.kind !== 'move');
    } catch (error) {
      this.#abort(task);
      tree.discard(outputs);
      const failure = asLsmError(error);
      this.#failed(failure);
      return failure;
    }
    this.#ledger.commit(task.id, outputs);
    this.#state.committed(task.id);
    if (task.kind === 'move') counters.moves++;
    else if (task.kind === 'drop') counters.droppedTables += task.inputs.length;
    else counters.compactions++;
    counters.compactionReadBytes += readBytes;
    counters.compactionWriteBytes += writtenBytes;
    const ms = clock.elapsed() - started;
    events.emit('compactionEnd', { ...event, readBytes, writtenBytes, ms });
    return null;
  }

  #abort({ id }: AdmittedTask): void {
    this.#ledger.abort(id);
    this.#state.aborted(id);
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

  /** Asks how far behind the tree is; false if the strategy was quarantined for what it said. */
  #judge(): boolean {
    let health: Health;
    try {
      health = checkedHealth(this.strategy.assess(this.#snapshot()));
    } catch (error) {
      this.#quarantine(complaint('assess', error));
      this.health = this.strategy.assess(this.#snapshot());
      return false;
    }
    // A debt that nobody works off is no reason to hold writers back.
    this.health = this.#paused ? { ...health, delay: 'none' } : health;
    this.#replanAt(health.replanAt ?? Number.POSITIVE_INFINITY);
    return true;
  }

  /** Plans again at a time of the engine's clock; a process that has nothing else to do may end before. */
  #replanAt(at: number): void {
    this.#cancelReplan?.();
    this.#cancelReplan = null;
    if (this.#closed || !(at < Number.POSITIVE_INFINITY)) return;
    const { clock } = this.#host;
    const ms = Math.min(Math.max(at - clock.now(), REPLAN_MS_MIN), REPLAN_MS_MAX);
    const replan = (): void => {
      this.#cancelReplan = null;
      this.#renewBudget();
      this.plan();
    };
    this.#cancelReplan = clock.after(ms, replan, false);
  }

  /** Keys before which a flush should end a table, as the strategy wants it. */
  flushCutKeys(): readonly Uint8Array[] {
    if (this.strategy.flush === undefined) return [];
    try {
      return checkedHint(this.strategy.flush(this.#snapshot()));
    } catch (error) {
      this.#quarantine(complaint('flush', error));
      return [];
    }
  }

  #snapshot(freeDiskBytes = Number.POSITIVE_INFINITY, view = this.#view): TreeSnapshot {
    const { tree, settings, clock, snapshots } = this.#host;
    const { running } = this.#ledger;
    const rows = this.#ledger.view<TableMetadata, Run>(tree.version.runs);
    return Object.freeze({
      version: tree.changes,
      now: clock.now(),
      runs: view.runs(rows, running),
      inProgress: view.tasks(running),
      oldestReaderSequence: snapshots.oldest(),
      flushBytes: settings.memtableBytes,
      limits: Object.freeze({
        maxTasks: settings.maxTasks,
        maxTaskBytes: TASK_TABLES_MAX * settings.tableBytes,
        tableBytes: settings.tableBytes,
        freeDiskBytes,
      }),
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

function tablesOf({ runs }: TreeSnapshot): number {
  return runs.reduce((sum, { tables }) => sum + tables.length, 0);
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
    inputBytes: task.inputBytes,
    level: task.level,
  };
}
