/**
 * The parts of one open database and how they hang together: what `Db` and the maintenance share.
 */

import { MergeCursor } from '@lsm/compaction';
import {
  type Bytes,
  type Clock,
  type Cursor,
  type Entry,
  type FileSystem,
  KeyBuffer,
  LsmError,
  type Random,
  type RangeTombstone,
} from '@lsm/core';
import type { Maintenance } from './background/maintenance.ts';
import type { Counters } from './counters.ts';
import type { EventHub } from './events.ts';
import type { TraceRecorder } from './lab/trace-recorder.ts';
import type { Settings } from './options.ts';
import type { Interval } from './range.ts';
import type { CombinedIndexBuilder } from './read/combined-index-builder.ts';
import type { IteratorRegistry } from './read/range-iterator.ts';
import { FOUND, MISSING_BLOCK, type ReadPath } from './read/read-path.ts';
import { ScanCursor } from './read/scan-cursor.ts';
import type { StagedLookup } from './read/staged-lookup.ts';
import { TombstoneMask } from './read/tombstone-mask.ts';
import type { ValueSlab } from './read/value-slab.ts';
import type { SnapshotList } from './snapshot.ts';
import type { Removals } from './tree/removals.ts';
import { RunCursor } from './tree/run-cursor.ts';
import type { TableReads } from './tree/table-reads.ts';
import type { Tree } from './tree/tree.ts';
import type { TreeView } from './tree/tree-view.ts';
import type { Committer } from './write/commit.ts';
import type { LogFiles } from './write/log-files.ts';
import type { MemtableUnit } from './write/memtable-unit.ts';
import type { WritePath } from './write/write-path.ts';

/** One read in 64 is timed. */
const SAMPLE_MASK = 63;

/** One write in 16 looks at the clock, and for another owner if the last look was so many ms ago. */
const OWNER_MASK = 15;
const OWNER_CHECK_MS = 100;

/** Memtables and tables that a reader holds. */
export interface PinnedSources {
  /** Newest first. */
  readonly units: readonly MemtableUnit[];
  readonly view: TreeView;
}

/** Fields of {@link Core} that are made before it. */
export interface CoreParts {
  readonly directory: string;
  readonly settings: Settings;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly snapshots: SnapshotList;
  readonly iterators: IteratorRegistry;
  readonly slab: ValueSlab;
  readonly tree: Tree;
  readonly tableReads: TableReads;
  readonly logs: LogFiles;
  readonly removals: Removals;
  readonly reads: ReadPath;
  readonly stagedReads: StagedLookup;
  readonly combinedIndex: CombinedIndexBuilder;
  readonly writes: WritePath;
  readonly committer: Committer;
  readonly maintenance: Maintenance;
  /** Frees the directory; called once, last. */
  readonly unlock: () => void;
  readonly lockKind: string;
}

/** One open database. */
export class Core {
  readonly directory: string;
  readonly settings: Settings;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly snapshots: SnapshotList;
  readonly iterators: IteratorRegistry;
  readonly slab: ValueSlab;
  readonly tree: Tree;
  readonly tableReads: TableReads;
  readonly logs: LogFiles;
  readonly removals: Removals;
  readonly reads: ReadPath;
  readonly stagedReads: StagedLookup;
  readonly combinedIndex: CombinedIndexBuilder;
  readonly writes: WritePath;
  readonly committer: Committer;
  readonly maintenance: Maintenance;
  readonly lockKind: string;
  /** Notes operations while a trace is recorded, else `null`. */
  recorder: TraceRecorder | null = null;
  readonly #unlock: () => void;
  #closed = false;
  /** Calls of {@link checkWritable}. */
  #writeCalls = 0;
  #ownerCheckedAt = 0;
  #isTakenOver = false;
  /** Calls of {@link findManyAsync}. */
  #manyCalls = 0;

  constructor(parts: CoreParts) {
    this.directory = parts.directory;
    this.settings = parts.settings;
    this.fileSystem = parts.fileSystem;
    this.clock = parts.clock;
    this.random = parts.random;
    this.counters = parts.counters;
    this.events = parts.events;
    this.snapshots = parts.snapshots;
    this.iterators = parts.iterators;
    this.slab = parts.slab;
    this.tree = parts.tree;
    this.tableReads = parts.tableReads;
    this.logs = parts.logs;
    this.removals = parts.removals;
    this.reads = parts.reads;
    this.stagedReads = parts.stagedReads;
    this.combinedIndex = parts.combinedIndex;
    this.writes = parts.writes;
    this.committer = parts.committer;
    this.maintenance = parts.maintenance;
    this.lockKind = parts.lockKind;
    this.#unlock = parts.unlock;
  }

  /** Sequence number of the last write. */
  get lastSequence(): number {
    return this.writes.lastSequence;
  }

  /** Whether point reads that miss the cache should leave this thread. */
  get readsAsync(): boolean {
    if (!this.tableReads.async) return false;
    // One read in a while stays here and is timed, so that a disk that became fast again is noticed.
    return this.settings.reads === 'async' || (this.counters.gets & SAMPLE_MASK) !== 0;
  }

  /** Throws LSM_CLOSED after {@link close} was called: for what goes on after an await. */
  checkOpen(): void {
    if (this.#closed) {
      throw new LsmError('LSM_CLOSED', 'The database was closed meanwhile; open it again.');
    }
  }

  /** Throws LSM_READ_ONLY if nothing may be written, LSM_LOCK_LOST if another owner was noticed. */
  checkWritable(): void {
    if (this.settings.readOnly) {
      throw new LsmError(
        'LSM_READ_ONLY',
        'The database was opened with readOnly; reopen it without.',
      );
    }
    if ((this.#writeCalls++ & OWNER_MASK) === 0 || this.#isTakenOver) this.#checkOwner();
  }

  /**
   * Looks for another owner, if the last look was some time ago: somebody may have deleted the lock. The manifest would
   * stop this owner, but only at the next flush, and what is logged until then is lost.
   */
  #checkOwner(): void {
    const now = this.clock.elapsed();
    if (!this.#isTakenOver && now - this.#ownerCheckedAt < OWNER_CHECK_MS) return;
    this.#ownerCheckedAt = now;
    try {
      this.tree.checkOwner();
    } catch (error) {
      this.#isTakenOver = true;
      throw error;
    }
  }

  /** Looks a key up; on FOUND `reads.entry` stands on the value until the next read. */
  find(key: Bytes, sequence: number): number {
    const reads = this.reads;
    const counters = this.counters;
    reads.key.set(key);
    const found =
      (counters.gets++ & SAMPLE_MASK) === 0
        ? this.#findTimed(sequence)
        : reads.find(this.maintenance.units, this.tree.view, sequence);
    if (found === FOUND) counters.getHits++;
    if (this.recorder !== null) this.recorder.lookedUp(reads.key, found === FOUND);
    return found;
  }

  /** A lookup that also measures how fast the disk answers, if it is asked. */
  #findTimed(sequence: number): number {
    const { tableReads, clock } = this;
    this.combinedIndex.work(this.tree.view);
    const before = tableReads.counters.blockReads;
    const started = clock.elapsed();
    const found = this.reads.find(this.maintenance.units, this.tree.view, sequence);
    if (tableReads.counters.blockReads > before) tableReads.measured(clock.elapsed() - started);
    return found;
  }

  /**
   * Looks many keys up, reading from disk on this thread if need be.
   *
   * @param keys - a list that nobody changes meanwhile
   * @returns owned values at the indexes of their keys, `undefined` for absent ones
   */
  findMany(keys: readonly Bytes[], sequence: number): (Uint8Array | undefined)[] {
    const { tableReads, clock } = this;
    const values: (Uint8Array | undefined)[] = keys.map(() => undefined);
    for (let i = keys.length; i > 0; i -= SAMPLE_MASK + 1) this.combinedIndex.work(this.tree.view);
    const before = tableReads.counters.blockReads;
    const started = clock.elapsed();
    this.#findStaged(keys, sequence, values, []);
    const blocks = tableReads.counters.blockReads - before;
    if (blocks > 0) tableReads.measured((clock.elapsed() - started) / blocks);
    if (this.recorder !== null) this.recorder.lookedUpMany(keys, values, []);
    return values;
  }

  /** As {@link findMany}, without blocking this thread on the disk: what is not cached is read by many at once. */
  async findManyAsync(
    keys: readonly Bytes[],
    sequence: number,
  ): Promise<(Uint8Array | undefined)[]> {
    const values: (Uint8Array | undefined)[] = keys.map(() => undefined);
    const missed: number[] = [];
    this.tableReads.withCacheOnly(() => this.#findStaged(keys, sequence, values, missed));
    if (this.recorder !== null) this.recorder.lookedUpMany(keys, values, missed);
    // One call in a while reads one key here, timed, so that a disk that became fast again is noticed.
    const isSample = this.settings.reads === 'auto' && (this.#manyCalls++ & SAMPLE_MASK) === 0;
    const sample = isSample ? missed.pop() : undefined;
    if (sample !== undefined) values[sample] = this.findMany([keys[sample]!], sequence)[0];
    await Promise.all(
      missed.map(async (index) => {
        values[index] = await this.findAsync(keys[index]!, sequence, (entry) =>
          this.slab.copyValue(entry),
        );
      }),
    );
    return values;
  }

  #findStaged(
    keys: readonly Bytes[],
    sequence: number,
    values: (Uint8Array | undefined)[],
    missed: number[],
  ): void {
    const sources = {
      units: this.maintenance.units,
      view: this.tree.view,
      sequence,
      reads: this.tableReads,
    };
    this.stagedReads.find(keys, sources, values, missed);
  }

  /**
   * Looks a key up without blocking this thread on the disk.
   *
   * @param take - called with the entry if the key has a value; borrowed
   * @returns what `take` made of it
   */
  async findAsync<T>(
    key: Bytes,
    sequence: number,
    take: (entry: Entry) => T,
  ): Promise<T | undefined> {
    const own = new KeyBuffer();
    own.set(key);
    const pinned = this.pinSources();
    this.counters.gets++;
    const reads = this.reads;
    const find = (): number => reads.find(pinned.units, pinned.view, sequence);
    const loaded = new Set<string>();
    let offThread = true;
    try {
      for (;;) {
        reads.key.setBytes(own.bytes, 0, own.length);
        const found = offThread ? this.tableReads.withCacheOnly(find) : find();
        if (found === MISSING_BLOCK) {
          const file = reads.missingFile!;
          const block = reads.missingBlock;
          await file.table.loadBlock(block);
          this.checkOpen();
          // What is larger than a frame, or was evicted by others, may be missing again and again: two such lookups
          // would load in turn for ever.
          const name = `${file.metadata.id} ${block}`;
          offThread = !loaded.has(name);
          loaded.add(name);
          continue;
        }
        if (this.recorder !== null) this.recorder.lookedUp(own, found === FOUND);
        if (found !== FOUND) return undefined;
        this.counters.getHits++;
        return take(reads.entry);
      }
    } finally {
      this.releaseSources(pinned);
    }
  }

  /** Holds the present memtables and tables. */
  pinSources(): PinnedSources {
    const units = [...this.maintenance.units];
    for (const unit of units) unit.retain();
    return { units, view: this.tree.view.retain() };
  }

  /** Undoes {@link pinSources}. */
  releaseSources(pinned: PinnedSources): void {
    for (const unit of pinned.units) unit.release();
    pinned.view.release();
  }

  /** A cursor over what a reader at `sequence` sees of an interval. */
  openScan(
    pinned: PinnedSources,
    sequence: number,
    interval: Interval,
    reverse: boolean,
  ): ScanCursor {
    // A memtable without records, and what comes into it later, shows nothing to this reader.
    const units = pinned.units.filter((unit) => unit.memtable.count > 0);
    const sources: Cursor[] = units.map((unit) => unit.memtable.cursor());
    const tombstones: RangeTombstone[] = [];
    for (const unit of pinned.units) tombstones.push(...unit.memtable.rangeTombstones.all);
    for (const run of pinned.view.runs) {
      sources.push(new RunCursor(run, { readAhead: true, fillCache: true }));
      if (!run.hasRangeTombstones) continue;
      for (const file of run.files) {
        if (file.metadata.rangeTombstones > 0) tombstones.push(...file.table.rangeTombstones.all);
      }
    }
    const mask = new TombstoneMask(tombstones, sequence);
    const merged = sources.length === 1 ? sources[0]! : new MergeCursor(sources);
    return new ScanCursor(merged, mask, sequence, interval, reverse);
  }

  /** Notes operations from here on, or no more. */
  attachRecorder(recorder: TraceRecorder | null): void {
    this.recorder = recorder;
    this.writes.recorder = recorder;
  }

  /** Ends everything; see `Db.close`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.recorder?.end('closed');
    this.iterators.closeAll();
    this.snapshots.closeAll();
    // A write that is applied behind the last sync would stand in a log that the manifest calls durable.
    this.maintenance.refuseQueued();
    let failure: unknown = null;
    const attempt = async (step: () => unknown): Promise<void> => {
      try {
        await step();
      } catch (error) {
        failure ??= error;
      }
    };
    if (!this.settings.readOnly) await attempt(() => this.committer.sync());
    await attempt(() => this.maintenance.close());
    if (!this.settings.readOnly && failure === null) {
      await attempt(() => this.logs.recordEnd());
      await attempt(() => this.tree.vouch());
    }
    await attempt(() => this.logs.close());
    await attempt(() => this.maintenance.releaseUnits());
    await attempt(() => this.tree.close());
    await attempt(() => this.removals.settled());
    await attempt(() => this.#unlock());
    if (failure !== null) throw failure as Error;
  }
}
