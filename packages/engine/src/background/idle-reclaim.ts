/**
 * Gives space back while nobody writes.
 *
 * Strategies rest below their triggers, so what was deleted last would keep its space for ever: tombstones in memory and
 * in upper runs, and all that lies under them. When nothing was written for a second:
 *
 * 1. The memtable is flushed if its deletes may free a worthwhile part of the tree, or of the log.
 * 2. Pieces of the tree of which an eighth or more may be freed (reclaimable.ts) are merged into the oldest run, one
 *    task after the other; a write ends that after the task under way. A tree that allows loss is left as its strategy
 *    wants it unless three quarters of a piece are dead: its runs stand for times. There nothing but a sample will do
 *    (dead-share.ts), since keys may have many versions; it is taken where tombstones might hide so much.
 * 3. When nothing is left to do, and the tree is small beside them, spare segments of the log go, the active one gives
 *    back what stands behind its end, and the manifest is written anew.
 *
 * So a tombstone pays for at most eight entries that are written again, once. What readers hold back waits for them. A
 * database that is only read, or has one trickling writer, is never rewritten. While nothing changes the pauses grow.
 *
 * LevelDB leaves such space until a range is compacted by hand (issues 164, 603); RocksDB has a bottommost compaction.
 */
import {
  aimedTaskBytes,
  type Piece,
  type PieceEstimate,
  type PiecewiseCompaction,
  piecesOf,
  type ReclaimableContext,
  type ReclaimableTable,
  reclaimableIn,
} from '@lsm/compaction';
import { type Clock, EMPTY_BYTES, LsmError } from '@lsm/core';
import type { Counters } from '../counters.ts';
import type { Settings } from '../options.ts';
import type { ReadPath } from '../read/read-path.ts';
import type { SnapshotList } from '../snapshot.ts';
import type { Tree } from '../tree/tree.ts';
import type { LogFiles } from '../write/log-files.ts';
import type { MemtableUnit } from '../write/memtable-unit.ts';
import type { Compactor } from './compactor.ts';
import { DeadShare } from './dead-share.ts';
import { asLsmError } from './flusher.ts';
import { compactionOf, type PiecewiseScope } from './manual-task.ts';

/** Time without a write after which the database is idle, and the longest pause between two looks, ms. */
const IDLE_MS = 1000;
const LOOK_MS_MAX = 16_000;
/** Least share of a piece that is worth rewriting the rest; the second, of a sample, where runs stand for times. */
const LEAST_SHARE = 1 / 8;
const LEAST_SHARE_LOSSY = 3 / 4;
/** Least bytes that are worth anything at all. */
const LEAST_BYTES = 4096;
/** Bytes that a memtable has in the log from which it is flushed if a quarter of it is deletes. */
const LOG_BYTES = 262_144;
/** Unused bytes of the log that stay: so many, or an eighth of the tree, as they spare the next writes something. */
const LOG_BYTES_KEPT = 65_536;
const LOG_SHARE_KEPT = 1 / 8;
/** Share of the tree up to which the manifest stays as it is. */
const MANIFEST_SHARE = 1 / 100;

/** What the idle work needs of the database. */
export interface IdleHost {
  readonly tree: Tree;
  readonly logs: LogFiles;
  readonly snapshots: SnapshotList;
  readonly settings: Settings;
  /** For samples of what is dead. */
  readonly lookup: ReadPath;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly compactor: Compactor;
  /** The memtable that takes writes. */
  active(): MemtableUnit;
  /** Sequence number of the last write. */
  lastSequence(): number;
  /** Whether no flush or compaction is under way or due, and none is forbidden. */
  isAtRest(): boolean;
  flush(): Promise<void>;
  report(error: LsmError): void;
}

/** Looks for space to give back, from {@link start} to {@link close}. */
export class IdleReclaim {
  readonly #host: IdleHost;
  #cancel: (() => void) | null = null;
  #closed = false;
  #pauseMs = IDLE_MS;
  /** The last write as of the last look. */
  #seen = -1;
  /** `counters.deletes` when the active memtable was fresh. */
  #deletesBefore = 0;
  /** What a compaction was for that freed nothing: it is not repeated for the same. */
  #done = '';
  readonly #deadShare: DeadShare;
  /** The state in which samples found too little dead: none are taken before it changes. */
  #alive = '';

  constructor(host: IdleHost) {
    this.#host = host;
    this.#deadShare = new DeadShare(host.lookup);
  }

  /** Begins to look. */
  start(): void {
    this.#seen = this.#host.lastSequence();
    this.#arm();
  }

  /** A fresh memtable takes the writes. */
  sealed(): void {
    this.#deletesBefore = this.#host.counters.deletes;
  }

  /** Looks no more; what is under way is ended by the compactor. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #arm(): void {
    if (this.#closed) return;
    this.#cancel = this.#host.clock.after(this.#pauseMs, () => {
      this.#cancel = null;
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    const last = this.#host.lastSequence();
    const wasIdle = last === this.#seen;
    this.#seen = last;
    let isDone = false;
    try {
      if (wasIdle && this.#host.isAtRest()) isDone = await this.#work();
      else isDone = !wasIdle;
    } catch (error) {
      if (!this.#closed) this.#host.report(asLsmError(error));
    }
    this.#pauseMs = isDone ? IDLE_MS : Math.min(2 * this.#pauseMs, LOOK_MS_MAX);
    this.#arm();
  }

  /** Does the first thing that is worth doing; false if there was none. */
  async #work(): Promise<boolean> {
    const { logs, tree, compactor, counters } = this.#host;
    if (this.#isFlushWorthwhile()) {
      await this.#host.flush();
      return true;
    }
    // A reader that kept tables which range deletes hide may be gone.
    const { droppedTables } = counters;
    compactor.plan();
    if (counters.droppedTables > droppedTables) return true;
    const reader = this.#host.snapshots.oldest();
    const cause = `${tree.lastSequence} ${reader}`;
    if (cause !== this.#done && this.#due(compactor.scope).length > 0) {
      const before = tree.version.bytes;
      const isIdle = (): boolean => this.#host.lastSequence() === this.#seen && !compactor.paused;
      await compactor.compactPieces((scope) => this.#compaction(scope), isIdle);
      if (tree.version.bytes > before - LEAST_BYTES / 2) this.#done = cause;
      return true;
    }
    this.#alive = this.#state;
    const { bytes } = tree.version;
    logs.shrink(this.#host.active(), Math.max(LOG_BYTES_KEPT, LOG_SHARE_KEPT * bytes));
    if (tree.manifestBytes > MANIFEST_SHARE * bytes) tree.shrinkManifest();
    return false;
  }

  #compaction(scope: PiecewiseScope): PiecewiseCompaction {
    const due = this.#due(scope);
    return compactionOf(scope, () => due.map(({ piece }) => piece), 'deleted');
  }

  /** Pieces of the tree of which enough may be freed. */
  #due(scope: PiecewiseScope): readonly PieceEstimate[] {
    const pieces = piecesOf(scope.runs, aimedTaskBytes(scope));
    return this.#worthwhile(reclaimableIn(scope.runs, pieces, this.#context()), []);
  }

  /** @param units - memtables whose deletes count as well */
  #worthwhile(
    estimates: readonly PieceEstimate[],
    units: readonly MemtableUnit[],
  ): readonly PieceEstimate[] {
    const { compactor, settings } = this.#host;
    const isLossy = compactor.strategy.lossy === true;
    const share = isLossy ? LEAST_SHARE_LOSSY : LEAST_SHARE;
    // Samples are read on this thread, which is not wanted there.
    const isSampled = isLossy && settings.reads !== 'async';
    const freedOf = (piece: PieceEstimate): number =>
      isSampled ? piece.mostBytes : piece.reclaimableBytes;
    const pieces = estimates.map(({ piece }) => piece);
    const due = estimates.filter(
      (piece, at) =>
        freedOf(piece) > 0 &&
        freedOf(piece) >= share * piece.bytes &&
        (!isSampled || this.#isDead(share, pieces, at, units)),
    );
    return due.reduce((sum, piece) => sum + freedOf(piece), 0) >= LEAST_BYTES ? due : [];
  }

  #isDead(
    share: number,
    pieces: readonly Piece[],
    at: number,
    units: readonly MemtableUnit[],
  ): boolean {
    if (this.#alive === this.#state) return false;
    const { tree, snapshots } = this.#host;
    const oldestReaderSequence = snapshots.oldest();
    try {
      const context = { view: tree.view, units, oldestReaderSequence };
      return this.#deadShare.isAtLeast(share, pieces, at, context);
    } catch (error) {
      // Whoever reads the table is told of its damage.
      if (error instanceof LsmError) return false;
      throw error;
    }
  }

  /** All that a sample depends on. */
  get #state(): string {
    const { tree, snapshots } = this.#host;
    return `${this.#host.lastSequence()} ${snapshots.oldest()} ${tree.changes}`;
  }

  #isFlushWorthwhile(): boolean {
    const { counters, compactor } = this.#host;
    const { memtable, lastSequence, empty, segment } = this.#host.active();
    if (empty) return false;
    const deletes = counters.deletes - this.#deletesBefore;
    const ranges = memtable.rangeTombstones.all;
    if (deletes + ranges.length === 0) return false;
    const isJunk = 4 * deletes >= memtable.count || ranges.length > 0;
    if (isJunk && segment !== null && segment.position >= LOG_BYTES) return true;
    if (lastSequence > this.#host.snapshots.oldest()) return false;
    const inMemory: ReclaimableTable = {
      id: 0,
      bytes: 0,
      entries: Math.max(1, deletes),
      minKey: EMPTY_BYTES,
      maxKey: null,
      minSequence: 0,
      maxSequence: 0,
      pointTombstones: deletes,
      rangeTombstones: ranges.length,
    };
    const { scope } = compactor;
    const { runs } = scope;
    const pieces = piecesOf(runs, aimedTaskBytes(scope));
    const withMemory = [{ id: 0, level: 0, tables: [inMemory] }, ...runs];
    const ofTables = this.#context();
    const context: ReclaimableContext = {
      ...ofTables,
      rangeTombstones: (table) => (table === inMemory ? ranges : ofTables.rangeTombstones(table)),
    };
    const estimates = reclaimableIn(withMemory, pieces, context);
    return this.#worthwhile(estimates, [this.#host.active()]).length > 0;
  }

  #context(): ReclaimableContext {
    const { tree, snapshots } = this.#host;
    return {
      oldestReaderSequence: snapshots.oldest(),
      rangeTombstones: (table) => tree.file(table.id)?.table.rangeTombstones.all ?? [],
    };
  }
}
