/**
 * The database as users see it: checks arguments, routes writes and reads, owns the life cycle.
 *
 * The parts do the work: write-path.ts and commit.ts (writes), read-path.ts and scan-cursor.ts (reads),
 * maintenance.ts (flush, compaction, back-pressure), tree.ts (manifest, versions, files).
 */
import { type Bytes, invalidArgument, LsmError } from '@lsm/core';
import { writeCheckpoint } from './checkpoint.ts';
import { collectStats } from './collect-stats.ts';
import { CompactionControl } from './compaction-control.ts';
import type { Core } from './database-core.ts';
import type { DatabaseEvents, Listener } from './events.ts';
import { Recording, type RecordOptions } from './lab/recording.ts';
import { type Durability, strongerDurability } from './options.ts';
import {
  checkBoundNames,
  checkRangeNames,
  intervalOf,
  parseLimit,
  type RangeBounds,
  type RangeOptions,
} from './range.ts';
import { RangeIterator, type Selection } from './read/range-iterator.ts';
import { FOUND } from './read/read-path.ts';
import { Snapshot } from './snapshot.ts';
import type { Stats } from './stats.ts';
import { consentedStrategy, type StrategySetting, type SwitchOptions } from './strategies.ts';
import { type VerifyReport, verifyDatabase } from './verify.ts';
import {
  type BatchOperation,
  checkDeleteRange,
  checkOptionNames,
  checkWriteOptions,
  deleteInterval,
  WriteBatch,
} from './write-batch.ts';

/** Options of one write. */
export interface WriteOptions {
  /** At least the database's; default the database's. */
  readonly durability?: Durability | undefined;
}

/** Options of one point read. */
export interface ReadOptions {
  /** Read as of this snapshot; default: the latest state. */
  readonly snapshot?: Snapshot | undefined;
}

const DURABILITY_NAMES = ['durability'];
const READ_NAMES = ['snapshot'];

/**
 * An open database. Keys and values are bytes or strings (stored as UTF-8); results are bytes that belong to the
 * caller. Synchronous and asynchronous calls have the same meaning and order; writes are visible to reads at once.
 */
export class Db {
  /** Directory of the database. */
  readonly path: string;
  readonly #core: Core;
  readonly #compaction: CompactionControl;
  #closing: Promise<void> | null = null;

  /** Use `open()`. */
  constructor(core: Core) {
    this.#core = core;
    this.#compaction = new CompactionControl(core);
    this.path = core.directory;
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closing !== null;
  }

  /**
   * Sets a key. Resolves when the write has its durability.
   *
   * @throws LSM_INVALID_ARGUMENT, LSM_CLOSED, LSM_READ_ONLY, LSM_DISK_FULL, LSM_IO: nothing was applied
   */
  put(key: Bytes, value: Bytes, options?: WriteOptions): Promise<void> {
    try {
      const durability = this.#writable(options);
      const core = this.#core;
      if (core.maintenance.mustQueue(key, value)) {
        return core.maintenance.queueWrite([{ type: 'put', key, value }], durability);
      }
      return core.maintenance.pace(core.committer.commit(core.writes.put(key, value), durability));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link put}, done when it returns. */
  putSync(key: Bytes, value: Bytes, options?: WriteOptions): void {
    const durability = this.#writable(options);
    const core = this.#core;
    core.maintenance.admitSync(key, value);
    core.committer.commitSync(core.writes.put(key, value), durability);
  }

  /** Deletes a key; a missing one is not an error. */
  del(key: Bytes, options?: WriteOptions): Promise<void> {
    try {
      const durability = this.#writable(options);
      const core = this.#core;
      if (core.maintenance.mustQueue(key, '')) {
        return core.maintenance.queueWrite([{ type: 'del', key }], durability);
      }
      return core.maintenance.pace(core.committer.commit(core.writes.del(key), durability));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link del}, done when it returns. */
  delSync(key: Bytes, options?: WriteOptions): void {
    const durability = this.#writable(options);
    const core = this.#core;
    core.maintenance.admitSync(key, '');
    core.committer.commitSync(core.writes.del(key), durability);
  }

  /** Deletes all keys of a range with one range tombstone, O(1); `{}` deletes everything. */
  delRange(range: RangeBounds & WriteOptions): Promise<void>;
  delRange(range: RangeBounds, options: WriteOptions): Promise<void>;
  delRange(range: RangeBounds & WriteOptions, options?: WriteOptions): Promise<void> {
    try {
      checkDeleteRange(range);
    } catch (error) {
      return Promise.reject(error);
    }
    const { durability, ...bounds } = range;
    return this.batch([{ ...bounds, type: 'delRange' }], options ?? { durability });
  }

  /** As {@link delRange}, done when it returns. */
  delRangeSync(range: RangeBounds & WriteOptions, options?: WriteOptions): void {
    checkDeleteRange(range);
    const { durability, ...bounds } = range;
    const wanted = this.#writable(options ?? { durability });
    const interval = deleteInterval(bounds, DURABILITY_NAMES);
    const core = this.#core;
    if (interval.empty) {
      if (wanted === 'fsync') core.committer.syncSync();
      return;
    }
    core.maintenance.admitSync(interval.lower, interval.upper ?? '');
    core.committer.commitSync(core.writes.delRange(interval), wanted);
  }

  /** Applies operations in order as one atomic write: all or none, to readers and after a crash. */
  batch(operations: readonly BatchOperation[] | WriteBatch, options?: WriteOptions): Promise<void> {
    try {
      const durability = this.#writable(options);
      const core = this.#core;
      const list = operationsOf(operations);
      if (core.maintenance.mustQueueBatch(list))
        return core.maintenance.queueWrite(list, durability);
      const frame = core.writes.batch(list);
      // Without effect of its own, it still vouches for what was written before.
      if (frame < 0) return durability === 'fsync' ? core.committer.sync() : Promise.resolve();
      return core.maintenance.pace(core.committer.commit(frame, durability));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link batch}, done when it returns. */
  batchSync(operations: readonly BatchOperation[] | WriteBatch, options?: WriteOptions): void {
    const durability = this.#writable(options);
    const core = this.#core;
    const list = operationsOf(operations);
    core.maintenance.admitBatchSync(list);
    const frame = core.writes.batch(list);
    if (frame >= 0) core.committer.commitSync(frame, durability);
    else if (durability === 'fsync') core.committer.syncSync();
  }

  /** The value of a key, or `undefined`. */
  get(key: Bytes, options?: ReadOptions): Promise<Uint8Array | undefined> {
    try {
      const core = this.#core;
      if (core.readsAsync) {
        const { slab } = core;
        return core.findAsync(key, this.#sequence(options), (entry) => slab.copyValue(entry));
      }
      return Promise.resolve(this.getSync(key, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link get}, reading from disk on this thread if need be. */
  getSync(key: Bytes, options?: ReadOptions): Uint8Array | undefined {
    const sequence = this.#sequence(options);
    const core = this.#core;
    if (core.find(key, sequence) !== FOUND) return undefined;
    return core.slab.copyValue(core.reads.entry);
  }

  /**
   * Copies the value of a key into `target`.
   *
   * @returns the value's length in bytes, −1 if there is none; nothing is written if it is longer than `target`
   */
  getInto(key: Bytes, target: Uint8Array, options?: ReadOptions): number {
    const sequence = this.#sequence(options);
    if (!(target instanceof Uint8Array)) {
      throw invalidArgument('getInto copies into a Uint8Array; give one as the second argument.');
    }
    const core = this.#core;
    if (core.find(key, sequence) !== FOUND) return -1;
    const { bytes, valueOffset, valueLength } = core.reads.entry;
    if (valueLength <= target.length) {
      target.set(bytes.subarray(valueOffset, valueOffset + valueLength));
    }
    return valueLength;
  }

  /** The values of several keys, in their order, from one state. */
  getMany(keys: readonly Bytes[], options?: ReadOptions): Promise<(Uint8Array | undefined)[]> {
    try {
      const core = this.#core;
      if (!core.tableReads.async) return Promise.resolve(this.getManySync(keys, options));
      const list = checkedKeyList(keys);
      return core.findManyAsync(list, this.#sequence(options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link getMany}, on this thread: much faster than a loop of {@link getSync}. */
  getManySync(keys: readonly Bytes[], options?: ReadOptions): (Uint8Array | undefined)[] {
    const list = checkedKeyList(keys);
    return this.#core.findMany(list, this.#sequence(options));
  }

  /** Whether a key has a value. */
  has(key: Bytes, options?: ReadOptions): Promise<boolean> {
    try {
      const core = this.#core;
      if (core.readsAsync) {
        return core
          .findAsync(key, this.#sequence(options), isFound)
          .then((found) => found === true);
      }
      return Promise.resolve(this.hasSync(key, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link has}, on this thread. */
  hasSync(key: Bytes, options?: ReadOptions): boolean {
    return this.#core.find(key, this.#sequence(options)) === FOUND;
  }

  /** Iterates `[key, value]` pairs of a range, in key order, as of now. */
  entries(range: RangeOptions = {}): RangeIterator<[Uint8Array, Uint8Array]> {
    return this.#iterate('entries', range);
  }

  /** Iterates the keys of a range. */
  keys(range: RangeOptions = {}): RangeIterator<Uint8Array> {
    return this.#iterate('keys', range);
  }

  /** Iterates the values of a range, in key order. */
  values(range: RangeOptions = {}): RangeIterator<Uint8Array> {
    return this.#iterate('values', range);
  }

  /** Pins the present state for later reads. Close it when done: it keeps overwritten data on disk. */
  snapshot(): Snapshot {
    this.#check();
    return this.#core.snapshots.open(this.#core.lastSequence);
  }

  /** Writes everything in memory to tables; resolves when they are durable and the log is not needed for them. */
  async flush(): Promise<void> {
    this.#writable(undefined);
    await this.#core.maintenance.flush();
  }

  /** Makes all writes so far durable, whatever durability they were made with. */
  async sync(): Promise<void> {
    this.#writable(undefined);
    await this.#core.maintenance.drained();
    await this.#core.committer.sync();
  }

  /** Merges all runs that overlap a range (default: everything) into one, dropping what no reader needs. */
  async compact(range: RangeBounds = {}): Promise<void> {
    this.#writable(undefined);
    const interval = intervalOf(range);
    checkBoundNames(range, 'compact');
    await this.#core.maintenance.compact(interval);
  }

  /**
   * Switches the compaction strategy, now and for later opens. Data is not rewritten by the switch itself; what will
   * be afterwards, `compaction.plan` tells beforehand.
   *
   * @throws LSM_INVALID_ARGUMENT for an unknown strategy or setting, or one that may drop data without consent
   */
  async setCompaction(strategy: StrategySetting, options: SwitchOptions = {}): Promise<void> {
    this.#writable(undefined);
    const { maintenance, settings } = this.#core;
    const next = consentedStrategy(strategy, options, settings.lossy, 'setCompaction');
    await maintenance.setStrategy(next);
  }

  /** What compaction does, and whether it does. */
  get compaction(): CompactionControl {
    return this.#compaction;
  }

  /** Resolves when no flush or compaction is left to do and files that are not needed are gone. */
  async idle(): Promise<void> {
    this.#check();
    await this.#core.maintenance.idle();
    await this.#core.removals.settled();
  }

  /**
   * Writes a copy of the state at the call into a new directory: a database of its own. Tables are hard links where
   * the file system can.
   *
   * @throws LSM_EXISTS if the directory exists
   */
  async checkpoint(directory: string): Promise<void> {
    this.#writable(undefined);
    await writeCheckpoint(this.#core, directory);
  }

  /**
   * Reads and checks every byte that a reopened database would read: manifest, log and live tables. Reading and
   * writing may go on; this thread is held for one file at a time.
   *
   * @throws LSM_CORRUPTION naming the first damaged file and offset
   */
  async verify(): Promise<VerifyReport> {
    this.#check();
    return verifyDatabase(this.#core);
  }

  /** Counted figures since open. */
  stats(): Stats {
    this.#check();
    return collectStats(this.#core);
  }

  /**
   * Records a trace of what the database is asked to do: kinds, times and sizes of operations, and for a sample of the
   * keys a hash and some bytes; never values. For {@link whatIf} and {@link advise}; docs/formats/trace.md says what it
   * gives away. One at a time.
   *
   * @throws LSM_INVALID_ARGUMENT, LSM_EXISTS if the file exists, LSM_IO
   */
  record(options: RecordOptions): Recording {
    this.#check();
    if (this.#core.recorder !== null) {
      throw invalidArgument('A trace is being recorded; stop that recording first.');
    }
    return new Recording(this.#core, options);
  }

  /** Listens to an event; the returned function stops it. */
  on<E extends keyof DatabaseEvents>(event: E, listener: Listener<E>): () => void {
    return this.#core.events.on(event, listener);
  }

  /**
   * Syncs the log, ends background work, closes snapshots and iterators, frees the lock. Idempotent; may be called at
   * any moment. Later calls throw LSM_CLOSED.
   */
  close(): Promise<void> {
    this.#closing ??= this.#core.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #iterate<T>(selection: Selection, range: RangeOptions): RangeIterator<T> {
    this.#check();
    checkRangeNames(range, selection);
    const sequence = this.#sequenceOf(range.snapshot);
    const interval = intervalOf(range);
    const limit = interval.empty ? 0 : parseLimit(range.limit);
    const core = this.#core;
    const pinned = core.pinSources();
    core.counters.scans++;
    return new RangeIterator<T>(
      core.iterators,
      {
        open: () => core.openScan(pinned, sequence, interval, range.reverse === true),
        release: (read) => {
          core.releaseSources(pinned);
          if (!interval.empty) core.recorder?.scanned(interval, range.reverse === true, read);
        },
        check: () => this.#check(),
      },
      core.slab,
      core.clock,
      selection,
      { limit, signal: range.signal },
    );
  }

  #sequence(options: ReadOptions | undefined): number {
    this.#check();
    if (options === undefined) return this.#core.lastSequence;
    checkReadOptions(options);
    return this.#sequenceOf(options.snapshot);
  }

  #sequenceOf(snapshot: Snapshot | undefined): number {
    if (snapshot === undefined) return this.#core.lastSequence;
    if (!(snapshot instanceof Snapshot) || !this.#core.snapshots.owns(snapshot)) {
      throw invalidArgument('The snapshot is not one of this database; use db.snapshot().');
    }
    snapshot.check();
    return snapshot.sequence;
  }

  #writable(options: WriteOptions | undefined): Durability {
    this.#check();
    this.#core.checkWritable();
    const least = this.#core.settings.durability;
    if (options === undefined) return least;
    checkWriteOptions(options);
    return strongerDurability(options.durability, least);
  }

  #check(): void {
    if (this.#closing !== null) {
      throw new LsmError('LSM_CLOSED', 'The database is closed; open it again.');
    }
  }
}

function operationsOf(
  operations: readonly BatchOperation[] | WriteBatch,
): readonly BatchOperation[] {
  if (Array.isArray(operations)) return operations as readonly BatchOperation[];
  if (operations instanceof WriteBatch) return operations.operations;
  throw invalidArgument('A batch is an array of operations or a WriteBatch.');
}

/** A copy of a list of keys, so that what a foreign array does when it is read happens before anything else. */
function checkedKeyList(keys: readonly Bytes[]): readonly Bytes[] {
  if (!Array.isArray(keys)) throw invalidArgument('getMany takes an array of keys.');
  return [...(keys as readonly Bytes[])];
}

function isFound(): true {
  return true;
}

function checkReadOptions(options: object): void {
  checkOptionNames(options, READ_NAMES, 'The options of a read');
}
