/**
 * Turns sealed memtables into runs of level 0, oldest first, one at a time.
 *
 * A flush that fails is repeated until it succeeds: the data is safe in the log meanwhile and readable in memory.
 * Callers of `flush()` that wait for it learn of the failure at once. After repeated losses of the worker, the work
 * is done in-process.
 */
import { type Clock, type FilterAllocator, LsmError } from '@lsm/core';
import type { SegmentIdentity } from '@lsm/wal';
import type { Counters } from '../counters.ts';
import type { EventHub } from '../events.ts';
import type { Executor, JobOutcome } from '../jobs/executor.ts';
import { type FlushJob, type JobResult, rangesOf } from '../jobs/jobs.ts';
import type { Settings } from '../options.ts';
import type { SnapshotList } from '../snapshot.ts';
import type { Tree } from '../tree/tree.ts';
import type { MemtableUnit } from '../write/memtable-unit.ts';
import { outputSpec } from './output-spec.ts';

/** Pause after a failed flush, and after one whose worker died, ms. */
const RETRY_MS = 500;
const LOST_MS = 10;

/** What the flusher needs of the database. */
export interface FlushHost {
  readonly tree: Tree;
  readonly snapshots: SnapshotList;
  readonly settings: Settings;
  readonly filter: FilterAllocator;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly events: EventHub;
  /** The executor to use now. */
  executor(): Executor;
  /** Keys before which a flush should end a table. */
  cutKeys(): readonly Uint8Array[];
  /** A unit's flush is committed, with or without tables: its log is not needed any more. */
  retired(unit: MemtableUnit, hasTables: boolean): void;
  /** First segment that is needed once `unit` is flushed. */
  replayFromAfter(unit: MemtableUnit): SegmentIdentity;
  /** The number of waiting units changed. */
  changed(): void;
}

interface Waiter {
  readonly unit: MemtableUnit;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Flushes sealed memtables in order. */
export class Flusher {
  /** Sealed units that are not flushed, oldest first. */
  readonly waiting: MemtableUnit[] = [];
  /** The last failure; `null` after a success. */
  failure: LsmError | null = null;
  readonly #host: FlushHost;
  #waiters: Waiter[] = [];
  #running = false;
  #failedAt = 0;
  #closed = false;
  #cancelRetry: (() => void) | null = null;

  constructor(host: FlushHost) {
    this.#host = host;
  }

  /** Adds a sealed unit. */
  add(unit: MemtableUnit): void {
    this.waiting.push(unit);
    this.#start();
  }

  /**
   * Resolves when a unit and all before it are flushed, with what `take` returned then: it is called before a later
   * flush could be committed.
   */
  flushed<T>(unit: MemtableUnit, take: () => T): Promise<T> {
    if (unit.retired) return Promise.resolve(take());
    if (this.failure !== null) this.#retryNow();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ unit, resolve: () => resolve(take()), reject });
    });
  }

  /**
   * For a caller that blocks this thread, where no timer fires: tries again after a failure if the time for it has
   * come. True if an attempt is under way.
   */
  retry(): boolean {
    if (this.failure === null || this.#running) return true;
    if (this.#host.clock.elapsed() - this.#failedAt < this.#pauseMs()) return false;
    this.#retryNow();
    return true;
  }

  /** Starts no further flush. */
  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    this.#reject(new LsmError('LSM_CLOSED', 'The database was closed before the flush ended.'));
  }

  #retryNow(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.#start();
  }

  #start(): void {
    const unit = this.waiting[0];
    if (unit === undefined || this.#running || this.#closed || this.#cancelRetry !== null) return;
    this.#running = true;
    const { events, clock } = this.#host;
    const started = clock.elapsed();
    const entries = unit.memtable.count;
    events.emit('flushBegin', { entries });
    if (entries === 0 && unit.memtable.rangeTombstones.count === 0) {
      this.#finish(unit, started, { ok: true, result: NOTHING });
      return;
    }
    unit.retain();
    this.#host.executor().submit(this.#job(unit), (outcome) => {
      unit.release();
      if (!this.#closed) this.#finish(unit, started, outcome);
    });
  }

  #job(unit: MemtableUnit): FlushJob {
    const { tree, snapshots, settings, filter, clock } = this.#host;
    const entries = unit.memtable.count;
    return {
      kind: 'flush',
      memtable: unit.memtable.describe(),
      handle: unit.arena.kernels.handle,
      oldestWriteAt: unit.oldestWriteAt,
      newestWriteAt: unit.newestWriteAt,
      snapshots: snapshots.sequences(),
      olderRuns: tree.version.runs.map((run) => rangesOf(run.tables)),
      cutKeys: this.#host.cutKeys(),
      output: outputSpec(tree, settings, filter, {
        level: 0,
        entries,
        bytes: unit.usedBytes,
        isOldest: tree.version.runs.length === 0,
        replaced: [],
        createdAt: clock.now(),
      }),
    };
  }

  #finish(unit: MemtableUnit, started: number, outcome: JobOutcome): void {
    this.#running = false;
    if (!outcome.ok) {
      this.#failed(outcome.error, outcome.lost);
      return;
    }
    const host = this.#host;
    const { outputs, writtenBytes, entriesOut } = outcome.result;
    try {
      host.tree.commitFlush(outputs, unit.lastSequence, host.replayFromAfter(unit));
    } catch (error) {
      host.tree.discard(outputs);
      this.#failed(asLsmError(error), false);
      return;
    }
    this.failure = null;
    this.waiting.shift();
    unit.retired = true;
    host.counters.flushes++;
    host.counters.flushBytes += writtenBytes;
    host.counters.flushEntries += entriesOut;
    host.retired(unit, outputs.length > 0);
    const ms = host.clock.elapsed() - started;
    host.events.emit('flushEnd', { entries: entriesOut, bytes: writtenBytes, ms });
    this.#settle();
    host.changed();
    this.#start();
  }

  #failed(error: LsmError, lost: boolean): void {
    this.failure = error;
    this.#host.events.emit('error', { error });
    if (!lost) this.#reject(error);
    const retry = (): void => {
      this.#cancelRetry = null;
      this.#start();
    };
    this.#failedAt = this.#host.clock.elapsed();
    // Writers may wait for the flush, so the process has to stay for it.
    this.#cancelRetry = this.#host.clock.after(this.#pauseMs(), retry, true);
    this.#host.changed();
  }

  #pauseMs(): number {
    return this.failure?.code === 'LSM_WORKER_LOST' ? LOST_MS : RETRY_MS;
  }

  #settle(): void {
    const done = this.#waiters.filter((waiter) => waiter.unit.retired);
    this.#waiters = this.#waiters.filter((waiter) => !waiter.unit.retired);
    for (const waiter of done) waiter.resolve();
  }

  #reject(error: LsmError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}

const NOTHING: JobResult = {
  outputs: [],
  entriesIn: 0,
  entriesOut: 0,
  readBytes: 0,
  writtenBytes: 0,
};

/** Any error as one of ours. */
export function asLsmError(error: unknown): LsmError {
  if (error instanceof LsmError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LsmError('LSM_INTERNAL', `Unexpected failure: ${message}`, { cause: error });
}
