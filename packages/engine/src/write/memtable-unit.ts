/**
 * One memtable with its arena and the log segments that hold its frames: what is sealed, flushed and recycled as one.
 *
 * The arena's bytes are the log's bytes. `pendingStart` splits them: frames before it were handed to the segment,
 * frames from it up to `arena.dataEnd` wait. Log position and arena offset are therefore two numbers that differ by a
 * constant until a segment is replaced.
 */
import type { Arena, SealableMemtable } from '@lsm/memtable';
import type { SegmentIdentity, SegmentWriter } from '@lsm/wal';

/** What a unit gives back when nobody uses it any more. */
export type ReleaseArena = (arena: Arena) => void;

/** A memtable, active, sealed or retired. */
export class MemtableUnit {
  readonly arena: Arena;
  readonly memtable: SealableMemtable;
  /** Sequence number before the first write in it. */
  readonly sequenceBefore: number;
  /** Segment that new frames go to; `null` until the first write. */
  segment: SegmentWriter | null = null;
  /** Paths of all segment files that hold its frames, oldest first. */
  readonly segmentPaths: string[] = [];
  /** Their identities. */
  readonly segmentIdentities: SegmentIdentity[] = [];
  /** Arena offset of the first frame that waits to be written. */
  pendingStart: number;
  /** Newest sequence number in it. */
  lastSequence: number;
  /** Engine clock, ms, of its first and last write. */
  oldestWriteAt = 0;
  newestWriteAt = 0;
  /** Whether its flush is committed. */
  retired = false;
  #references = 1;
  readonly #release: ReleaseArena;

  constructor(memtable: SealableMemtable, sequenceBefore: number, release: ReleaseArena) {
    this.arena = memtable.arena;
    this.memtable = memtable;
    this.sequenceBefore = sequenceBefore;
    this.lastSequence = sequenceBefore;
    this.pendingStart = memtable.arena.dataEnd;
    this.#release = release;
  }

  /** Bytes of arena in use by records and index. */
  get usedBytes(): number {
    return this.arena.capacity - this.arena.free();
  }

  /** Whether nothing was ever written into it. */
  get empty(): boolean {
    return this.lastSequence === this.sequenceBefore;
  }

  /** Log position of an arena offset at or after `pendingStart`. */
  logPosition(offset: number): number {
    return this.segment!.position + (offset - this.pendingStart);
  }

  /** Whether nobody uses it any more. */
  get released(): boolean {
    return this.#references === 0;
  }

  /** Keeps the arena for a cursor or job. */
  retain(): void {
    this.#references++;
  }

  /** Undoes one {@link retain}, or the first reference; the last gives the arena back to its pool. */
  release(): void {
    this.#references--;
    if (this.#references === 0) this.#release(this.arena);
  }
}
