/**
 * Everything that goes on behind the callers: flushes, compaction, back-pressure, and which memtables reads look at.
 */
import { type Bytes, type CompactionStrategy, type Json, LsmError } from '@lsm/core';
import type { Executor } from '../jobs/executor.ts';
import type { Durability } from '../options.ts';
import type { Interval } from '../range.ts';
import type { ReadPath } from '../read/read-path.ts';
import { Backpressure } from '../write/backpressure.ts';
import type { Committer } from '../write/commit.ts';
import type { LogFiles } from '../write/log-files.ts';
import type { MemtableUnit } from '../write/memtable-unit.ts';
import type { WritePath } from '../write/write-path.ts';
import type { BatchOperation } from '../write-batch.ts';
import { type CompactionHost, Compactor } from './compactor.ts';
import { Flusher } from './flusher.ts';
import { IdleReclaim } from './idle-reclaim.ts';
import { manualCompaction } from './manual-task.ts';

/** What maintenance is made of; the write path is attached afterwards, because it needs maintenance to be made. */
export interface MaintenanceHost extends Omit<CompactionHost, 'executor' | 'changed'> {
  readonly logs: LogFiles;
  /** For lookups behind the callers' backs. */
  readonly lookup: ReadPath;
  /** Makes the executor at its first use. */
  newExecutor(): Executor;
  /** Makes the executor that is used when workers keep dying. */
  newFallback(): Executor;
}

/** Worker deaths without a success in between after which work is done in-process. */
const LOSSES_MAX = 3;

/** Background work of one database. */
export class Maintenance {
  /** Memtables that reads look at, newest first; replaced, never changed. */
  units: readonly MemtableUnit[] = [];
  /** Told of each flush before compaction is, and whether its run is the newest now or it left nothing; never throw. */
  readonly flushObservers: Set<(hasTables: boolean) => void> = new Set();
  readonly flusher: Flusher;
  readonly compactor: Compactor;
  readonly backpressure: Backpressure;
  readonly #idle: IdleReclaim;
  readonly #host: MaintenanceHost;
  readonly #retired = new Set<MemtableUnit>();
  #writes: WritePath | null = null;
  #committer: Committer | null = null;
  #executor: Executor | null = null;
  #losses = 0;
  #closed = false;
  #changes: (() => void)[] = [];

  constructor(host: MaintenanceHost, strategy: CompactionStrategy, state: Json) {
    this.#host = host;
    const executor = (): Executor => this.#getExecutor();
    const changed = (): void => this.#update();
    this.flusher = new Flusher({
      ...host,
      executor,
      changed,
      retired: (unit, hasTables) => this.#retire(unit, hasTables),
      replayFromAfter: (unit) => this.#replayFromAfter(unit),
      cutKeys: () => this.compactor.flushCutKeys(),
    });
    this.compactor = new Compactor({ ...host, executor, changed }, strategy, state);
    this.#idle = new IdleReclaim({
      ...host,
      compactor: this.compactor,
      active: () => this.#writes!.active,
      lastSequence: () => this.#writes!.lastSequence,
      isAtRest: () => this.#isAtRest(),
      flush: () => this.flush(),
      report: (error) => host.events.emit('error', { error }),
    });
    this.backpressure = new Backpressure(
      {
        needsSeal: (bytes) => this.#writes!.needsSeal(bytes),
        waitSync: (ms) => this.#waitSync(ms),
        apply: (operations, durability) => this.#apply(operations, durability),
      },
      host.clock,
      host.counters,
      host.events,
    );
  }

  /** The strategy in use. */
  get strategy(): CompactionStrategy {
    return this.compactor.strategy;
  }

  /** Which executor is in use. */
  get executorKind(): 'worker' | 'inline' | 'none' {
    return this.#executor?.kind ?? 'none';
  }

  /** Bytes of arenas of flushed memtables that readers still hold. */
  get pinnedBytes(): number {
    let bytes = 0;
    for (const unit of this.#retired) {
      if (unit.released) this.#retired.delete(unit);
      else bytes += unit.arena.capacity;
    }
    return bytes;
  }

  /** Starts with the active memtable and what recovery left, oldest first. */
  start(writes: WritePath, committer: Committer, recovered: readonly MemtableUnit[]): void {
    this.#writes = writes;
    this.#committer = committer;
    this.units = [writes.active, ...recovered.toReversed()];
    for (const unit of recovered) this.flusher.add(unit);
    this.compactor.plan();
    this.#idle.start();
  }

  /** Makes `units` what a read-only database reads. */
  startReadOnly(writes: WritePath, recovered: readonly MemtableUnit[]): void {
    this.#writes = writes;
    this.units = [writes.active, ...recovered.toReversed()];
  }

  /** The write path sealed a unit and took a fresh one. */
  sealed(unit: MemtableUnit): void {
    this.#committer!.groupWritten();
    this.units = [this.#writes!.active, ...this.units];
    this.#idle.sealed();
    this.flusher.add(unit);
    this.#update();
  }

  /** The write path replaced its empty active unit. */
  activeReplaced(active: MemtableUnit): void {
    this.units = [active, ...this.units.slice(1)];
  }

  /** Whether an asynchronous write of these bytes has to be queued. */
  mustQueue(key: Bytes, value: Bytes): boolean {
    return this.backpressure.mustQueue(key, value);
  }

  /** As {@link mustQueue}, for a batch. */
  mustQueueBatch(operations: readonly BatchOperation[]): boolean {
    return this.backpressure.mustQueueBatch(operations);
  }

  /** Queues a write until the background has caught up. */
  queueWrite(operations: readonly BatchOperation[], durability: Durability): Promise<void> {
    return this.backpressure.queue(operations, durability);
  }

  /** Delays an acknowledgement if writers are slowed. */
  pace(acknowledgement: Promise<void>): Promise<void> {
    return this.backpressure.pace(acknowledgement);
  }

  /** Waits on this thread if a synchronous write has to. */
  admitSync(key: Bytes, value: Bytes): void {
    this.backpressure.admitSync(key, value);
  }

  /** As {@link admitSync}, for a batch. */
  admitBatchSync(operations: readonly BatchOperation[]): void {
    this.backpressure.admitBatchSync(operations);
  }

  /** Flushes everything written so far. */
  flush(): Promise<void> {
    return this.flushAndTake(() => undefined);
  }

  /** The same; resolves with what `take` returned when the tree held that, and nothing later. */
  async flushAndTake<T>(take: () => T): Promise<T> {
    // Sealing in the caller's turn keeps later writes out, which checkpoints rely on.
    if (this.backpressure.queued > 0) await this.backpressure.drained();
    if (this.#closed) throw new LsmError('LSM_CLOSED', 'The database was closed meanwhile.');
    const writes = this.#writes!;
    const last = writes.active.empty ? this.flusher.waiting.at(-1) : writes.active;
    writes.seal();
    return last === undefined ? take() : await this.flusher.flushed(last, take);
  }

  /** Flushes, then merges what overlaps an interval. */
  async compact(interval: Interval): Promise<void> {
    await this.flush();
    await this.compactor.compactPieces(
      (scope) => manualCompaction(scope, interval),
      () => true,
    );
  }

  /** Switches the strategy. */
  async setStrategy(strategy: CompactionStrategy): Promise<void> {
    this.compactor.setStrategy(strategy);
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (!this.#closed && !(this.flusher.waiting.length === 0 && this.compactor.idle)) {
      await new Promise<void>((resolve) => this.#changes.push(resolve));
    }
  }

  /** Refuses the writes that wait for the background: nothing is applied from here on. */
  refuseQueued(): void {
    this.backpressure.rejectAll(new LsmError('LSM_CLOSED', 'The database was closed.'));
  }

  /** Resolves when the writes that wait now were applied or refused. */
  drained(): Promise<void> {
    return this.backpressure.drained();
  }

  /** Ends background work; what was not committed is abandoned. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#idle.close();
    this.refuseQueued();
    this.flusher.close();
    this.compactor.close();
    await this.#executor?.close();
    this.#update();
  }

  /** Lets go of all memtables; the last step before files close. */
  releaseUnits(): void {
    for (const unit of this.units) unit.release();
    this.units = [];
  }

  #isAtRest(): boolean {
    const { flusher, compactor, backpressure } = this;
    if (flusher.waiting.length > 0 || flusher.failure !== null || backpressure.queued > 0)
      return false;
    return compactor.idle && !compactor.paused && !compactor.isDiskShort;
  }

  #getExecutor(): Executor {
    if (this.#losses > LOSSES_MAX && this.#executor?.kind === 'worker') {
      const dead = this.#executor;
      this.#executor = null;
      void dead.close();
    }
    this.#executor ??=
      this.#losses > LOSSES_MAX ? this.#host.newFallback() : this.#host.newExecutor();
    return this.#executor;
  }

  /** A worker died. */
  workerLost(): void {
    this.#losses++;
    this.#host.counters.workerRestarts++;
  }

  #retire(unit: MemtableUnit, hasTables: boolean): void {
    this.#losses = 0;
    this.units = this.units.filter((other) => other !== unit);
    this.#host.logs.retire(unit);
    this.#retired.add(unit);
    unit.release();
    for (const observe of this.flushObservers) observe(hasTables);
    this.compactor.flushed();
  }

  #replayFromAfter(unit: MemtableUnit): ReturnType<LogFiles['replayFrom']> {
    const oldestFirst = this.units.toReversed();
    const later = oldestFirst.slice(oldestFirst.indexOf(unit) + 1);
    return this.#host.logs.replayFrom(later.find((next) => next.segmentIdentities.length > 0));
  }

  #apply(operations: readonly BatchOperation[], durability: Durability): Promise<void> {
    const frame = this.#writes!.batch(operations);
    if (frame >= 0) return this.#committer!.commit(frame, durability);
    // Without effect of its own, it still vouches for what was written before.
    return durability === 'fsync' ? this.#committer!.sync() : Promise.resolve();
  }

  #waitSync(ms: number): void {
    const { failure } = this.flusher;
    if (!this.flusher.retry() && failure!.code !== 'LSM_WORKER_LOST') throw notApplied(failure!);
    this.#getExecutor().waitSync(ms);
  }

  #update(): void {
    const { health } = this.compactor;
    this.backpressure.update({
      sealed: this.flusher.waiting.length,
      delay: health.delay,
      pressure: health.pressure,
      compacting: this.compactor.running > 0,
    });
    // Writes that wait for a flush which the disk refuses would wait for ever; synchronous ones learn of it, too.
    const { failure } = this.flusher;
    if (failure !== null && failure.code !== 'LSM_WORKER_LOST')
      this.backpressure.rejectAll(notApplied(failure));
    for (const resolve of this.#changes.splice(0)) resolve();
  }
}

/** The error of a write that found no room because flushes fail: whatever became of them, it was not applied. */
function notApplied(cause: LsmError): LsmError {
  if (cause.code !== 'LSM_COMMIT_UNKNOWN') return cause;
  return new LsmError('LSM_IO', 'The write was not applied: memtables cannot be flushed', {
    cause,
    file: cause.file,
  });
}
