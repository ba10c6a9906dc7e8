/**
 * What both memtables share: the arena, the range deletes, the versions, the queue of records that wait to be linked,
 * and the way to another thread.
 *
 * A point record that is added is only noted; the index takes up to 64 of them at once, at the latest when anybody
 * reads. A writer that hands every record to the system before the next one finds the index out of the processor's
 * caches each time; linked together, its records find it there, and their misses overlap.
 *
 * Q1. Whoever looks at the index, a step of a cursor included, links what waits first.
 */
import {
  assert,
  type Cursor,
  decodeRangeTombstone,
  type Entry,
  EntryKind,
  type KeyBuffer,
  type Memtable,
  RangeTombstones,
  RECORD_HEADER_BYTES,
  recordKeyLength,
  recordKind,
  recordValueLength,
} from '@lsm/core';
import type { Arena } from './arena.ts';
import {
  CELL,
  CELL_BYTES,
  DELTA_MAX,
  deltaWord,
  fillEntry,
  markVersionVoid,
  PLAIN,
  SEQUENCE_SHIFT,
  versionRecord,
  visibleVersion,
} from './version.ts';

/** What every description of a memtable says, whatever its kind. Plain data. */
export type MemtableDescriptionBase = {
  /** Sequence number that deltas count from. */
  readonly firstSequence: number;
  /** Point records. */
  readonly count: number;
  /** End of the frames, bytes. */
  readonly dataEnd: number;
  /** Start of the index, bytes. */
  readonly indexStart: number;
  /** Word index of the sequence table. */
  readonly sequences: number;
  /** Range deletes that are not void: record offset and sequence number, in turns. */
  readonly rangeDeletes: readonly number[];
};

/** A sealed adaptive radix tree, as plain data. */
export type ArtDescription = MemtableDescriptionBase & {
  readonly kind: 'art';
  /** Word index of the slot that holds the root. */
  readonly rootSlot: number;
};

/** A sealed hash table, as plain data. */
export type HashDescription = MemtableDescriptionBase & {
  readonly kind: 'hash';
  /** Byte offset of the control bytes. */
  readonly control: number;
  /** Word index of the slots. */
  readonly slots: number;
  /** Slots of the table, a power of two. */
  readonly capacity: number;
  /** Keys in the table. */
  readonly keys: number;
  /** Seed of the hash. */
  readonly seed: readonly [number, number];
};

/** Everything that another thread needs besides the memory; JSON-able. */
export type MemtableDescription = ArtDescription | HashDescription;

/** A memtable that can be handed to another thread once nothing is added any more. */
export interface SealableMemtable extends Memtable {
  /** How it is built. */
  readonly kind: 'art' | 'hash';
  /** The memory that it indexes, and lives in. */
  readonly arena: Arena;
  /** What `attachMemtable` needs besides the memory. Valid while nothing is added or marked void any more. */
  describe(): MemtableDescription;
}

/** Records that wait at most: enough to overlap their cache misses, linked within some microseconds. */
export const WAITING_MAX = 64;

/** The common part of the memtables. */
export abstract class VersionMemtable implements SealableMemtable {
  abstract readonly kind: 'art' | 'hash';
  readonly arena: Arena;
  readonly rangeTombstones: RangeTombstones = new RangeTombstones();
  /** Point records added so far; written by this package only. */
  count = 0;
  /** The arena's memory as words; read by the cursors of this package. */
  readonly words: Int32Array;
  /** The arena's memory as bytes. */
  readonly bytes: Uint8Array;
  /** Sequence number that deltas count from. */
  readonly firstSequence: number;
  /** Word index of the sequence table (version.ts). */
  readonly sequences: number;
  /** The last 64 bytes of the arena whose place in the sequence table is taken. */
  #lastBlock = -1;
  /** Offsets and deltas of the records that wait, oldest first, and how many there are. */
  readonly #offsets = new Int32Array(WAITING_MAX);
  readonly #deltas = new Int32Array(WAITING_MAX);
  #waiting = 0;
  /** Whether records may be added; false once attached in another place. */
  #writable = true;
  readonly #rangeDeletes: number[] = [];

  /** @param sequences - word index of the sequence table if it stands in the arena already */
  constructor(arena: Arena, firstSequence: number, sequences?: number) {
    if (sequences === undefined) arena.indexStart -= 4 * (arena.capacity >> SEQUENCE_SHIFT);
    this.sequences = sequences ?? arena.indexStart >> 2;
    this.arena = arena;
    this.words = arena.words;
    this.bytes = arena.bytes;
    this.firstSequence = firstSequence;
  }

  abstract cursor(): Cursor;
  abstract indexBytesMax(records: number): number;
  abstract describe(): MemtableDescription;
  /** Reference to the newest version of a key, or 0; nothing waits. */
  protected abstract find(key: KeyBuffer): number;
  /** Enters the first `count` records of `offsets` into the index, in this order. */
  protected abstract link(offsets: Int32Array, deltas: Int32Array, count: number): void;

  add(recordOffset: number, sequence: number): void {
    const delta = sequence - this.firstSequence;
    assert(this.#writable, 'An attached memtable takes no records.');
    assert(delta >= 0 && delta <= DELTA_MAX, 'A memtable spans less than 2^32 sequence numbers.');
    if (recordKind(this.words, recordOffset) === EntryKind.rangeDelete) {
      this.#addRangeDelete(recordOffset, sequence);
      return;
    }
    this.count++;
    const place = this.#waiting;
    this.#offsets[place] = recordOffset;
    this.#deltas[place] = delta;
    this.#waiting = place + 1;
    if (place === WAITING_MAX - 1) this.linkWaiting();
  }

  get(key: KeyBuffer, sequenceMax: number, entry: Entry): boolean {
    if (this.#waiting > 0) this.linkWaiting();
    const { words, sequences, firstSequence } = this;
    const newest = this.find(key);
    if (newest === 0) return false;
    const deltaMax = sequenceMax - firstSequence;
    const version = visibleVersion(
      words,
      sequences,
      newest,
      deltaMax < DELTA_MAX ? deltaMax : DELTA_MAX,
    );
    if (version === 0) return false;
    const sequence = firstSequence + (words[deltaWord(sequences, version)]! >>> 0);
    fillEntry(entry, this.bytes, words, versionRecord(words, version), sequence);
    return true;
  }

  markVoid(key: KeyBuffer, sequence: number): void {
    this.linkWaiting();
    const delta = sequence - this.firstSequence;
    if (markVersionVoid(this.words, this.sequences, this.find(key), delta)) return;
    const deletes = this.#rangeDeletes;
    for (let i = 0; i < deletes.length; i += 2) {
      if (deletes[i + 1] !== sequence) continue;
      deletes.splice(i, 2);
      this.rangeTombstones.remove(sequence);
      return;
    }
  }

  /** Records that wait: their index bytes are still to be taken. */
  protected get waiting(): number {
    return this.#waiting;
  }

  /** Links what waits; for this package only. */
  linkWaiting(): void {
    const count = this.#waiting;
    if (count === 0) return;
    this.#waiting = 0;
    this.link(this.#offsets, this.#deltas, count);
  }

  #addRangeDelete(recordOffset: number, sequence: number): void {
    const words = this.words;
    const keyOffset = recordOffset + RECORD_HEADER_BYTES;
    const keyLength = recordKeyLength(words, recordOffset);
    const valueLength = recordValueLength(words, recordOffset);
    this.rangeTombstones.add(
      decodeRangeTombstone(
        this.bytes,
        keyOffset,
        keyLength,
        keyOffset + keyLength,
        valueLength,
        sequence,
      ),
    );
    this.#rangeDeletes.push(recordOffset, sequence);
  }

  /** The reference for the first version of a key: plain if its place in the sequence table is free. */
  protected firstVersion(recordOffset: number, delta: number): number {
    const block = recordOffset >> SEQUENCE_SHIFT;
    if (block <= this.#lastBlock) return this.newVersion(recordOffset, delta, 0);
    this.#lastBlock = block;
    this.words[this.sequences + block] = delta;
    return recordOffset | PLAIN;
  }

  /** Allocates a cell in front of the chain `older`; returns the reference to it. */
  protected newVersion(recordOffset: number, delta: number, older: number): number {
    const arena = this.arena;
    const start = arena.indexStart - CELL_BYTES;
    arena.indexStart = start;
    return this.fillCell(start >> 2, recordOffset, delta, older);
  }

  /** Fills a cell; returns the reference to it. */
  protected fillCell(cell: number, recordOffset: number, delta: number, older: number): number {
    const words = this.words;
    words[cell] = recordOffset;
    words[cell + 1] = older;
    words[cell + 2] = delta;
    return (cell << 2) | CELL;
  }

  /** The common part of {@link describe}. */
  protected describeBase(): MemtableDescriptionBase {
    this.linkWaiting();
    return {
      firstSequence: this.firstSequence,
      count: this.count,
      dataEnd: this.arena.dataEnd,
      indexStart: this.arena.indexStart,
      sequences: this.sequences,
      rangeDeletes: [...this.#rangeDeletes],
    };
  }

  /** Takes over the common part of a description. */
  protected attachBase(description: MemtableDescriptionBase): void {
    this.arena.dataEnd = description.dataEnd;
    this.arena.indexStart = description.indexStart;
    this.count = description.count;
    const deletes = description.rangeDeletes;
    for (let i = 0; i < deletes.length; i += 2) {
      this.#addRangeDelete(deletes[i]!, deletes[i + 1]!);
    }
    this.#writable = false;
  }
}
