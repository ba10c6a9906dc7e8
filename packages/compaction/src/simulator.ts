/**
 * A deterministic simulator of an LSM-tree without I/O: for testing strategies and comparing what they cost.
 *
 * 1. Writes go to a memtable of `flushEntries`; a full one becomes a run of level 0.
 * 2. `plan` asks the strategy and starts what the ledger admits: the same admission, merge, drop rules and cuts as in
 *    the engine, on tables in memory. `step` ends one running task: the oldest, or with `random` any, and some of
 *    them by abort. So the adversarial orders that concurrency can bring are replayed from a seed.
 * 3. Tables that range deletes hide wholly go at once. Everything written is counted; `get` reads as the engine would, at any snapshot.
 * 4. `crash` ends the process: running tasks and reservations are gone, the log gives the memtables back, and the
 *    strategy gets the state that the last commit kept. The clock is virtual: it moves with flushes and `advance`.
 *
 * RocksDB tuned its picking with such a simulator (2022); mini-lsm teaches with one.
 */
import {
  type CompactionStrategy,
  type CompactionTask,
  fragmentRangeTombstones,
  type Json,
  LsmError,
  type RangeTombstone,
  SEQUENCE_MAX,
  type TableId,
  type TableInfo,
  type TaskId,
  type TreeSnapshot,
} from '@lsm/core';
import { ALL_ADMISSION_RULES, type Rejection, type RunView } from './admission.ts';
import { compactEntries } from './compact-entries.ts';
import { ALL_COVER_RULES, coveredTables } from './covered-tables.ts';
import { ALL_DROP_RULES, type DropRules } from './drop-rules.ts';
import { type KeyRange, totalBytes } from './key-range.ts';
import { MergeCursor } from './merge-cursor.ts';
import { describeMerge } from './merge-description.ts';
import type { CutShape } from './output-cutter.ts';
import { ALL_PROGRESS_RULES } from './progress-guard.ts';
import { SimulatedMemtable } from './simulated-memtable.ts';
import {
  entriesAround,
  type ProbedRun,
  probeRuns,
  type SimulatedLookup,
  type SimulatedScan,
  scanRuns,
} from './simulated-probe.ts';
import { readVisible, type Visible } from './simulated-read.ts';
import {
  describeTable,
  joinEntries,
  mergedAges,
  SimulatedCursor,
  type SimulatedEntries,
  SimulatedKeys,
  SimulatedSink,
  type TableAges,
} from './simulated-table.ts';
import type { SimulatorOptions, SimulatorRules, SimulatorStats } from './simulator-options.ts';
import { type AdmittedTask, isRejection, TaskLedger } from './task-ledger.ts';

type Run = RunView<TableInfo>;

/** Iterations of `settle` after which a strategy is taken to never end. */
const SETTLE_STEPS_MAX = 100_000;

/** Simulates one tree; see the head of this file. */
export class Simulator {
  readonly #options: Required<Omit<SimulatorOptions, 'random' | 'lossy'>> & SimulatorOptions;
  /** Tables of the runs for reads, as of a version. */
  #probed: { readonly version: number; readonly runs: readonly ProbedRun[] } = {
    version: -1,
    runs: [],
  };
  readonly #keys: SimulatedKeys;
  readonly #rules: SimulatorRules;
  readonly #dropRules: DropRules;
  #ledger: TaskLedger;
  readonly #contents = new Map<TableId, SimulatedEntries>();
  readonly #outputs = new Map<TaskId, readonly TableInfo[]>();
  #memtable: SimulatedMemtable;
  /** Sealed memtables, newest first. */
  #sealed: readonly SimulatedMemtable[] = [];
  #strategy: CompactionStrategy;
  #state: Json;
  /** The state as of the last commit: what a crash leaves. */
  #durableState: Json;
  #runs: readonly Run[] = [];
  #snapshots: number[] = [];
  #sequence = 0;
  #version = 0;
  #now = 0;
  #nextId = 1;
  #flushes = 0;
  #flushedBytes = 0;
  #writtenBytes = 0;
  #readBytes = 0;
  #pendingBytes = 0;
  #peakBytes = 0;
  #largestTaskBytes = 0;
  #tasks = 0;
  #moves = 0;
  #aborts = 0;
  #coveredTables = 0;
  #rejections: Rejection[] = [];

  /**
   * @param strategy - borrowed
   * @param options - size of the tree and what runs at once
   * @param rules - test only
   */
  constructor(strategy: CompactionStrategy, options: SimulatorOptions, rules: SimulatorRules = {}) {
    this.#options = {
      flushEntries: 64,
      entryBytes: 1,
      tombstoneBytes: options.entryBytes ?? 1,
      flushBytes: (options.flushEntries ?? 64) * (options.entryBytes ?? 1),
      tableEntries: Number.POSITIVE_INFINITY,
      maxTasks: 1,
      maxTaskEntries: Number.POSITIVE_INFINITY,
      settles: true,
      abortShare: 0,
      flushMs: 1,
      diskBytes: Number.POSITIVE_INFINITY,
      writeAmplificationCap: 1000,
      starvedPlansMax: 16,
      ...options,
    };
    this.#keys = new SimulatedKeys(options.keyCount);
    this.#memtable = new SimulatedMemtable(this.#keys);
    this.#strategy = strategy;
    this.#state = strategy.initialState?.() ?? null;
    this.#durableState = this.#state;
    this.#rules = rules;
    this.#dropRules = { ...ALL_DROP_RULES, ...rules.drop };
    this.#ledger = this.#makeLedger();
  }

  /** Runs with tables, newest first. */
  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** Tasks that run, oldest first. */
  get running(): readonly AdmittedTask[] {
    return this.#ledger.running;
  }

  /** Why tasks were not admitted, in order. */
  get rejections(): readonly Rejection[] {
    return this.#rejections;
  }

  /** Sequence number of the last write. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The virtual clock, ms. */
  get now(): number {
    return this.#now;
  }

  /** Bytes of the disk that neither tables nor outputs of running tasks take. */
  get freeDiskBytes(): number {
    return this.#options.diskBytes - this.#treeBytes() - this.#pendingBytes;
  }

  /** Entries that are in memory only. */
  get memtableEntries(): number {
    return this.#sealed.reduce((sum, memtable) => sum + memtable.count, this.#memtable.count);
  }

  /** Whether a merge that changed nothing was proposed again; an engine would quarantine the strategy. */
  get isBreakerTripped(): boolean {
    return this.#ledger.isBreakerTripped;
  }

  /** What it has cost so far. */
  get stats(): SimulatorStats {
    return {
      flushes: this.#flushes,
      flushedBytes: this.#flushedBytes,
      writtenBytes: this.#writtenBytes,
      readBytes: this.#readBytes,
      writeAmplification: this.#writtenBytes / Math.max(1, this.#flushedBytes),
      treeBytes: this.#treeBytes(),
      peakBytes: this.#peakBytes,
      largestTaskBytes: this.#largestTaskBytes,
      runs: this.#runs.length,
      tasks: this.#tasks,
      moves: this.#moves,
      aborts: this.#aborts,
      coveredTables: this.#coveredTables,
      rejections: this.#rejections.length,
    };
  }

  /** Writes a key; its value is the sequence number. */
  put(key: number): void {
    this.#memtable.put(key, ++this.#sequence);
    this.#flushIfFull();
  }

  /** Deletes a key. */
  del(key: number): void {
    this.#memtable.del(key, ++this.#sequence);
    this.#flushIfFull();
  }

  /** Deletes the keys from `lower` up to, not including, `upper`; `null`: to the end of all keys. */
  delRange(lower: number, upper: number | null): void {
    this.#memtable.delRange(lower, upper, ++this.#sequence);
    this.#flushIfFull();
  }

  /** Pins what is visible now; returns the sequence number for {@link get} and {@link release}. */
  snapshot(): number {
    this.#snapshots.push(this.#sequence);
    return this.#sequence;
  }

  /** Gives a snapshot back. */
  release(snapshot: number): void {
    const index = this.#snapshots.indexOf(snapshot);
    if (index >= 0) this.#snapshots = this.#snapshots.toSpliced(index, 1);
  }

  /** Sequence number of the put that is visible for a key at a snapshot (default: now); −1 if there is none. */
  get(key: number, snapshot: number = SEQUENCE_MAX): Visible {
    const keyBytes = this.#keys.copy(key);
    const runs = this.#probedRuns().map((run) => entriesAround(run, keyBytes));
    const memtables = [this.#memtable, ...this.#sealed].map((memtable) => memtable.entries());
    const sources = [...memtables, ...runs].flatMap((entries) =>
      entries === null ? [] : [[entries]],
    );
    return readVisible(sources, key, keyBytes, snapshot);
  }

  /** What a lookup of a key now would ask of the tables; the memtable is left out. */
  probe(key: number): SimulatedLookup {
    return probeRuns(this.#probedRuns(), key, this.#keys.copy(key));
  }

  /** What a scan over up to `limit` entries from a key on would pass in the tables; the memtable is left out. */
  probeScan(key: number, limit: number): SimulatedScan {
    return scanRuns(this.#probedRuns(), key, this.#keys.copy(key), limit);
  }

  /** Entries of all tables, obsolete ones and tombstones included. */
  get entries(): number {
    let entries = 0;
    for (const run of this.#runs) for (const table of run.tables) entries += table.entries;
    return entries;
  }

  /** Makes all memtables runs of level 0, oldest first. */
  flush(): void {
    this.seal();
    while (this.flushSealed());
  }

  /** Seals the memtable: it waits for its flush, and a fresh one takes the writes. */
  seal(): void {
    if (this.#memtable.count === 0) return;
    this.#sealed = [this.#memtable, ...this.#sealed];
    this.#memtable = new SimulatedMemtable(this.#keys);
  }

  /** Makes the oldest sealed memtable a run of level 0; returns whether there was one. */
  flushSealed(): boolean {
    const memtable = this.#sealed.at(this.#rules.flushesNewestFirst === true ? 0 : -1);
    if (memtable === undefined) return false;
    this.#now += this.#options.flushMs;
    const { now } = this;
    const { splitKeys = [] } = this.#strategy.flush?.(this.tree()) ?? {};
    const written = this.#merge(
      [memtable.entries()],
      this.#runs.map((run) => run.tables),
      { tableBytes: this.#tableBytes(), cutKeys: splitKeys },
      { oldestWriteAt: now, newestWriteAt: now, oldestTombstoneAt: now },
    );
    this.#sealed = this.#sealed.filter((other) => other !== memtable);
    this.#flushes++;
    this.#flushedBytes += totalBytes(written);
    if (written.length > 0) {
      this.#runs = [{ id: this.#nextId++, level: 0, tables: written }, ...this.#runs];
    }
    this.#version++;
    this.#ledger.view(this.#runs);
    this.#ledger.renewBudget();
    this.#notePeak();
    this.#dropCovered();
    if (this.#options.settles) this.settle();
    return true;
  }

  /** Moves the clock, ms. */
  advance(ms: number): void {
    this.#now += ms;
  }

  /** Ends the process and starts it again: running tasks are forgotten, nothing that was written is lost. */
  crash(): void {
    for (const outputs of this.#outputs.values()) {
      for (const output of outputs) this.#contents.delete(output.id);
    }
    this.#outputs.clear();
    this.#pendingBytes = 0;
    this.#state = this.#durableState;
    this.#snapshots = [];
    this.#ledger = this.#makeLedger();
    this.#ledger.view(this.#runs);
    this.#version++;
  }

  /** Replaces the strategy; running tasks go on. */
  setStrategy(strategy: CompactionStrategy): void {
    this.#strategy = strategy;
    this.#state = strategy.initialState?.() ?? null;
    this.#durableState = this.#state;
    this.#ledger.renewBudget();
    if (this.#options.settles) this.settle();
  }

  /** What the strategy is shown; deeply frozen. */
  tree(): TreeSnapshot {
    const { entryBytes, flushBytes, maxTasks, maxTaskEntries } = this.#options;
    const rows: readonly Run[] = this.#ledger.view<TableInfo, Run>(this.#runs);
    const runs = rows.map((run) =>
      Object.freeze({
        id: run.id,
        level: run.level,
        tables: Object.freeze(run.tables.map((table) => this.#withBusy(table))),
        bytes: totalBytes(run.tables),
        entries: run.tables.reduce((sum, table) => sum + table.entries, 0),
      }),
    );
    const inProgress = this.#ledger.running.map(({ id, kind, inputs, target, inputBytes }) =>
      Object.freeze({ id, kind, inputs, target, inputBytes }),
    );
    return Object.freeze({
      version: this.#version,
      now: this.#now,
      runs: Object.freeze(runs),
      inProgress: Object.freeze(inProgress),
      oldestReaderSequence: Math.min(SEQUENCE_MAX, ...this.#snapshots),
      flushBytes,
      limits: Object.freeze({
        maxTasks,
        maxTaskBytes: maxTaskEntries * entryBytes,
        tableBytes: this.#tableBytes(),
        freeDiskBytes: this.freeDiskBytes,
      }),
    });
  }

  /** Asks the strategy and starts what is admitted; returns how many tasks were planned. */
  plan(): number {
    const plan = this.#strategy.plan(this.tree(), this.#state);
    if (plan.state !== undefined) this.#state = plan.state;
    for (const task of this.#ledger.order(this.#runs, plan.tasks)) {
      if (this.#ledger.running.length >= this.#options.maxTasks) break;
      this.start(task);
    }
    return plan.tasks.length;
  }

  /** Starts a task, whoever planned it. */
  start(task: CompactionTask): AdmittedTask | Rejection {
    const lossy = this.#options.lossy ?? this.#strategy.lossy ?? false;
    // Outputs of running tasks are counted by their inputs, as admission does.
    const freeDiskBytes = this.#options.diskBytes - this.#treeBytes();
    const admitted = this.#ledger.propose(this.#runs, task, { lossy, freeDiskBytes });
    if (isRejection(admitted)) {
      this.#rejections.push(admitted);
      return admitted;
    }
    this.#tasks++;
    if (admitted.kind === 'move') this.#moves++;
    if (admitted.kind === 'merge' || admitted.kind === 'rewrite') {
      this.#readBytes += admitted.inputBytes;
      this.#largestTaskBytes = Math.max(this.#largestTaskBytes, admitted.inputBytes);
    }
    this.#outputs.set(admitted.id, this.#execute(admitted));
    this.#notePeak();
    if (this.freeDiskBytes < 0) {
      throw new LsmError(
        'LSM_DISK_FULL',
        `Task ${admitted.id} writes more than the disk can take.`,
      );
    }
    return admitted;
  }

  /** Ends one running task; returns whether there was one. */
  step(): boolean {
    const { random, abortShare } = this.#options;
    const running = this.#ledger.running;
    if (running.length === 0) return false;
    const task = running[random === undefined ? 0 : random.next() % running.length]!;
    if (random !== undefined && random.next() < abortShare * 2 ** 32) this.abort(task.id);
    else this.commit(task.id);
    return true;
  }

  /** Ends a task: its outputs replace its inputs. */
  commit(id: TaskId): void {
    const outputs = this.#outputs.get(id)!;
    const task = this.#ledger.running.find((running) => running.id === id)!;
    this.#runs = this.#ledger.outcome(this.#runs, id, outputs);
    this.#ledger.commit(id, outputs);
    this.#outputs.delete(id);
    this.#durableState = this.#state;
    this.#pendingBytes -= totalBytes(outputs);
    if (task.kind !== 'move') for (const input of task.inputs) this.#contents.delete(input);
    this.#version++;
    this.#dropCovered();
  }

  /** Ends a task: its outputs are forgotten. */
  abort(id: TaskId): void {
    const outputs = this.#outputs.get(id)!;
    this.#ledger.abort(id);
    this.#outputs.delete(id);
    this.#pendingBytes -= totalBytes(outputs);
    for (const output of outputs) this.#contents.delete(output.id);
    this.#aborts++;
  }

  /**
   * Plans and ends tasks until nothing is left to do.
   *
   * @throws LSM_STRATEGY if nothing that the strategy plans is admitted, or it never ends
   */
  settle(): void {
    for (let i = 0; i < SETTLE_STEPS_MAX; i++) {
      const rejected = this.#rejections.length;
      const planned = this.plan();
      if (!this.step()) {
        if (planned === 0) return;
        const why = this.#rejections[rejected];
        throw new LsmError(
          'LSM_STRATEGY',
          `"${this.#strategy.name}" plans what is not admitted: ${why?.rule} ${why?.message}`,
        );
      }
    }
    throw new LsmError('LSM_STRATEGY', `"${this.#strategy.name}" is never satisfied.`);
  }

  /** What range deletes hide goes at once, as in the engine. */
  #dropCovered(): void {
    const context = {
      oldestReaderSequence: Math.min(SEQUENCE_MAX, ...this.#snapshots),
      isBusy: (table: TableId) => this.#ledger.busyBy(table) !== null,
      fragments: ({ id }: { readonly id: TableId }) =>
        fragmentRangeTombstones(this.#contents.get(id)!.rangeTombstones),
    };
    const rules = { ...ALL_COVER_RULES, ...this.#rules.cover };
    const covered = coveredTables(this.#runs, context, rules);
    if (covered.length === 0) return;
    const inputs = covered.map(({ id }) => id);
    const task = { kind: 'drop' as const, inputs, reason: 'deleted by ranges', score: 1 };
    const admitted = this.#ledger.propose(this.#runs, task, { hidden: true });
    if (isRejection(admitted)) return;
    this.#runs = this.#ledger.outcome<TableInfo>(this.#runs, admitted.id, []);
    this.#ledger.commit(admitted.id, []);
    for (const id of inputs) this.#contents.delete(id);
    this.#coveredTables += inputs.length;
    this.#version++;
  }

  #probedRuns(): readonly ProbedRun[] {
    if (this.#probed.version !== this.#version) {
      const runs = this.#runs.map(({ tables }) => ({
        tables: tables.map((range) => ({ range, entries: this.#contents.get(range.id)! })),
      }));
      this.#probed = { version: this.#version, runs };
    }
    return this.#probed.runs;
  }

  #makeLedger(): TaskLedger {
    const { writeAmplificationCap, starvedPlansMax } = this.#options;
    return new TaskLedger(
      { nextRunId: () => this.#nextId++, writeAmplificationCap, starvedPlansMax },
      { ...ALL_ADMISSION_RULES, ...this.#rules.admission },
      { ...ALL_PROGRESS_RULES, ...this.#rules.progress },
    );
  }

  #execute(admitted: AdmittedTask): readonly TableInfo[] {
    if (admitted.kind === 'move' || admitted.kind === 'drop') return [];
    const rows = this.#ledger.view<TableInfo, Run>(this.#runs);
    const description = describeMerge(rows, admitted);
    const sources = description.sources.map((tables) =>
      joinEntries(tables.map((table) => this.#contents.get(table.id)!)),
    );
    const older =
      this.#rules.asksOnlyHigherTags === true
        ? describeMerge(withoutTag(rows, admitted), admitted).olderRuns
        : description.olderRuns;
    const ages = mergedAges(description.sources.flat());
    const outputs = this.#merge(sources, older, description.shape, ages);
    this.#pendingBytes += totalBytes(outputs);
    return outputs;
  }

  #merge(
    sources: readonly SimulatedEntries[],
    olderRuns: readonly (readonly KeyRange[])[],
    shape: CutShape,
    ages: TableAges,
  ): readonly TableInfo[] {
    const { entryBytes, tombstoneBytes } = this.#options;
    const forgets = this.#rules.forgetsSequences === true && this.#snapshots.length === 0;
    const sink = new SimulatedSink(entryBytes, tombstoneBytes, !forgets);
    const rangeTombstones: RangeTombstone[] = sources.flatMap((source) => source.rangeTombstones);
    const source = new MergeCursor(sources.map((list) => new SimulatedCursor(list, this.#keys)));
    const steps = compactEntries(
      { source, rangeTombstones, snapshots: this.#snapshots, olderRuns, shape, sink },
      this.#dropRules,
    );
    while (steps.next().done !== true);
    const tables = sink.tables.map((entries) => {
      const id = this.#nextId++;
      const sizes = { entryBytes, tombstoneBytes };
      const table = describeTable(id, entries, this.#keys, sizes, this.#now, ages);
      this.#contents.set(table.id, entries);
      return table;
    });
    this.#writtenBytes += totalBytes(tables);
    return tables;
  }

  #withBusy(table: TableInfo): TableInfo {
    const busyBy = this.#ledger.busyBy(table.id);
    return busyBy === null ? table : Object.freeze({ ...table, busyBy });
  }

  #flushIfFull(): void {
    if (this.#memtable.count >= this.#options.flushEntries) this.flush();
  }

  #tableBytes(): number {
    return this.#options.tableEntries * this.#options.entryBytes;
  }

  #treeBytes(): number {
    let bytes = 0;
    for (const run of this.#runs) bytes += totalBytes(run.tables);
    return bytes;
  }

  #notePeak(): void {
    this.#peakBytes = Math.max(this.#peakBytes, this.#treeBytes() + this.#pendingBytes);
  }
}

/** The tree without what older runs of the target's own tag hold beside the inputs. */
function withoutTag(rows: readonly Run[], admitted: AdmittedTask): readonly Run[] {
  const target = rows.findIndex((run) => run.id === admitted.target);
  const inputs = new Set(admitted.inputs);
  return rows.map((run, row) =>
    row <= target || run.level !== admitted.level
      ? run
      : { ...run, tables: run.tables.filter((table) => inputs.has(table.id)) },
  );
}
