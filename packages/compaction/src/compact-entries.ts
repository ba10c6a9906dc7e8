/**
 * The executor's core: entries of several runs in, tables of one run out, and nothing lost that a reader can see.
 *
 * 1. The source gives all versions of all keys, newest first. Drop rules D1–D3 judge each (drop-rules.ts).
 * 2. A point tombstone that D2 may let go waits, as a number, until an older version of its key is kept; then it is
 *    written after all. If the key ends first, it was the oldest and vanishes.
 * 3. Outputs are cut between user keys (output-cutter.ts). Range tombstones are clipped at each cut and written to
 *    the table that their piece belongs to; the cut is at the successor of the last key on its left, so that the
 *    inclusive ranges of neighbours stay disjoint.
 * 4. Every entry is counted: in = out + dropped, checked at the end.
 *
 * It is a generator that pauses every few hundred entries, so that one thread can do it in slices. To give it up,
 * stop calling `next` and abandon the sink's tables.
 */
import {
  assert,
  type Cursor,
  compareAligned,
  compareBytes,
  Entry,
  EntryKind,
  equalAligned,
  KEY_BYTES_MAX,
  KeyBuffer,
  keySuccessor,
  LsmError,
  type RangeTombstone,
} from '@lsm/core';
import { ALL_DROP_RULES, type DropRules, OlderRuns, RangeTombstoneSweep } from './drop-rules.ts';
import { type KeyRange, overlapBounds } from './key-range.ts';
import { type CutShape, OutputCutter } from './output-cutter.ts';
import { RangeTombstoneClipper } from './range-tombstone-clipper.ts';
import { SnapshotStripes } from './snapshot-stripes.ts';

/** Entries between two pauses, unless told otherwise. */
const PAUSE_ENTRIES = 512;

/** Where outputs go; the engine binds it to table files. Calls come as (open (add|addRangeTombstone)* cut)*. */
export interface TableSink {
  /** Estimated size of the open table, bytes; above 0 once something was added. Read at each new key. */
  readonly bytes: number;
  /** Begins a table. */
  open(): void;
  /** Adds an entry to the open table, in internal order; borrowed for the call. */
  add(entry: Entry): void;
  /** Adds a range tombstone to the open table, after its entries. */
  addRangeTombstone(tombstone: RangeTombstone): void;
  /** Ends the open table. */
  cut(): void;
}

/** What is merged, and what may be dropped on the way. */
export interface CompactionInput {
  /** All inputs as one sequence, fresh; for several sources a {@link MergeCursor}. Not closed. */
  readonly source: Cursor;
  /** Range tombstones of all inputs. */
  readonly rangeTombstones: readonly RangeTombstone[];
  /** Sequence numbers of live snapshots, read when the task starts. */
  readonly snapshots: readonly number[];
  /** For each run older than the target: its tables that are no inputs, in key order. */
  readonly olderRuns: readonly (readonly KeyRange[])[];
  readonly shape: CutShape;
  readonly sink: TableSink;
  /** Entries between two pauses; default 512. */
  readonly pauseEntries?: number;
}

/** What became of the entries; `entriesIn` is the sum of `entriesOut` and the three `dropped…`. */
export interface CompactionCounts {
  entriesIn: number;
  entriesOut: number;
  /** Versions behind a newer one (D1). */
  droppedShadowed: number;
  /** Entries under a range tombstone (D1). */
  droppedCovered: number;
  /** Point tombstones with nothing left to hide (D2). */
  droppedTombstones: number;
  rangeTombstonesIn: number;
  /** Pieces written, after clipping and joining. */
  rangeTombstonesOut: number;
  /** Tables written. */
  tables: number;
}

/**
 * Merges; iterate it to the end for the counts.
 *
 * @param input - sources, bounds and sink; borrowed until the end
 * @param rules - test only, see {@link DropRules}
 * @throws LSM_UNSUPPORTED_FORMAT for an entry of a reserved kind, and whatever source and sink throw
 */
export function* compactEntries(
  input: CompactionInput,
  rules: DropRules = ALL_DROP_RULES,
): Generator<void, CompactionCounts> {
  const { source } = input;
  const compaction = new Compaction(input, rules);
  const pauseEntries = input.pauseEntries ?? PAUSE_ENTRIES;
  let untilPause = pauseEntries;
  source.seekToFirst();
  while (source.valid) {
    compaction.take(source.entry);
    source.next();
    if (--untilPause === 0) {
      untilPause = pauseEntries;
      yield;
    }
  }
  return compaction.finish();
}

class Compaction {
  readonly #counts: CompactionCounts;
  readonly #sink: TableSink;
  readonly #stripes: SnapshotStripes;
  readonly #older: OlderRuns;
  readonly #sweep: RangeTombstoneSweep | null;
  readonly #clipper: RangeTombstoneClipper;
  readonly #cutter: OutputCutter;
  readonly #rules: DropRules;
  readonly #tombstone = new Entry();
  readonly #key = new KeyBuffer();
  /** Last key written; kept up to date only if range tombstones are written. */
  readonly #lastKey = new KeyBuffer();
  readonly #olderRuns: readonly (readonly KeyRange[])[];
  /** Where the last range tombstone ends; `null` once that is passed, or of no use. */
  #rangesEnd: KeyBuffer | null = null;
  #waiting = new Float64Array(8);
  #waitingCount = 0;
  #hasKey = false;
  #isKeyOut = false;
  #hasKept = false;
  #keptStripe = 0;
  #isOpen = false;

  constructor(input: CompactionInput, rules: DropRules) {
    this.#rules = rules;
    this.#sink = input.sink;
    this.#stripes = new SnapshotStripes(rules.snapshots ? input.snapshots : []);
    this.#older = new OlderRuns(input.olderRuns);
    this.#sweep =
      input.rangeTombstones.length === 0
        ? null
        : new RangeTombstoneSweep(input.rangeTombstones, this.#stripes, this.#older, rules);
    this.#clipper = new RangeTombstoneClipper(this.#sweep?.kept ?? []);
    this.#cutter = new OutputCutter(input.shape);
    this.#olderRuns = input.olderRuns;
    const end = this.#sweep?.kept.at(-1)?.upper ?? null;
    if (end !== null && (input.shape.cutKeys ?? []).length === 0) {
      this.#rangesEnd = new KeyBuffer();
      this.#rangesEnd.setBytes(end, 0, end.length);
    }
    this.#counts = {
      entriesIn: 0,
      entriesOut: 0,
      droppedShadowed: 0,
      droppedCovered: 0,
      droppedTombstones: 0,
      rangeTombstonesIn: input.rangeTombstones.length,
      rangeTombstonesOut: 0,
      tables: 0,
    };
  }

  take(entry: Entry): void {
    const counts = this.#counts;
    counts.entriesIn++;
    // Before anything could drop it: what a later version put there may mean something though it is hidden.
    if (entry.kind > EntryKind.delete && this.#rules.unknownKinds) throw unknownKind(entry);
    if (!this.#isSameKey(entry)) this.#beginKey(entry);
    const stripe = this.#stripes.stripeOf(entry.sequence);
    if (this.#hasKept && stripe === this.#keptStripe) {
      counts.droppedShadowed++;
      return;
    }
    if (this.#sweep?.covers(entry) === true) {
      counts.droppedCovered++;
      return;
    }
    this.#hasKept = true;
    this.#keptStripe = stripe;
    if (entry.kind === EntryKind.put) {
      this.#writeWaiting(entry);
      this.#write(entry);
    } else if (entry.kind === EntryKind.delete) {
      if (this.#rules.olderRuns && this.#older.mayContain(entry)) this.#write(entry);
      else this.#wait(entry.sequence);
    } else {
      throw unknownKind(entry);
    }
  }

  finish(): CompactionCounts {
    const counts = this.#counts;
    this.#dropWaiting();
    if (!this.#clipper.isEmpty) this.#cutAtKeys(null);
    if (!this.#isOpen && !this.#clipper.isEmpty) this.#open();
    if (this.#isOpen) this.#cut(null);
    assert(
      counts.entriesIn ===
        counts.entriesOut +
          counts.droppedShadowed +
          counts.droppedCovered +
          counts.droppedTombstones,
      'A merge lost count of its entries.',
    );
    return counts;
  }

  #isSameKey(entry: Entry): boolean {
    const key = this.#key;
    return (
      this.#hasKey &&
      equalAligned(entry.words, entry.keyOffset, entry.keyLength, key.words, 0, key.length)
    );
  }

  #beginKey(entry: Entry): void {
    this.#dropWaiting();
    this.#key.setBytes(entry.bytes, entry.keyOffset, entry.keyLength);
    this.#hasKey = true;
    this.#isKeyOut = false;
    this.#hasKept = false;
  }

  #wait(sequence: number): void {
    if (this.#waitingCount === this.#waiting.length) {
      const grown = new Float64Array(this.#waitingCount * 2);
      grown.set(this.#waiting);
      this.#waiting = grown;
    }
    this.#waiting[this.#waitingCount++] = sequence;
  }

  #dropWaiting(): void {
    this.#counts.droppedTombstones += this.#waitingCount;
    this.#waitingCount = 0;
  }

  /** Writes the tombstones that wait; `entry` is the older version of the same key that they have to hide. */
  #writeWaiting(entry: Entry): void {
    if (this.#waitingCount === 0) return;
    const tombstone = this.#tombstone;
    tombstone.bytes = entry.bytes;
    tombstone.words = entry.words;
    tombstone.keyOffset = entry.keyOffset;
    tombstone.keyLength = entry.keyLength;
    tombstone.valueOffset = entry.valueOffset;
    tombstone.valueLength = 0;
    tombstone.kind = EntryKind.delete;
    for (let i = 0; i < this.#waitingCount; i++) {
      tombstone.sequence = this.#waiting[i]!;
      this.#write(tombstone);
    }
    this.#waitingCount = 0;
  }

  #write(entry: Entry): void {
    if (!this.#isKeyOut) this.#beginKeyOut(entry);
    this.#sink.add(entry);
    this.#counts.entriesOut++;
  }

  /** Cuts if it is time; the entry is the first of its key that is written. */
  #beginKeyOut(entry: Entry): void {
    this.#isKeyOut = true;
    if (this.#rangesEnd !== null) this.#leaveRanges(this.#rangesEnd, entry);
    this.#cutAtKeys(entry);
    const openBytes = this.#isOpen ? this.#sink.bytes : 0;
    if (this.#cutter.shouldCut(entry, openBytes)) this.#cutAfter(this.#cutter.crossed);
    if (!this.#isOpen) this.#open();
    if (!this.#clipper.isEmpty) {
      this.#lastKey.setBytes(entry.bytes, entry.keyOffset, entry.keyLength);
    }
  }

  /**
   * Cuts before each cut key up to the entry; `null`: up to the end.
   *
   * Range tombstones that reach across such a key are divided just there if it is the successor of a key, whether or
   * not there are entries between: so a range delete over all keys can be cut like everything else.
   */
  #cutAtKeys(entry: Entry | null): void {
    for (;;) {
      const key = this.#cutter.passCutKey(entry);
      if (key === null) return;
      if (!this.#clipper.isEmpty && key.at(-1) === 0) {
        if (!this.#isOpen && this.#clipper.startsBelow(key)) this.#open();
        if (this.#isOpen) this.#cut(key);
      } else if (this.#isOpen && entry !== null) {
        this.#cutAfter(null);
      }
    }
  }

  /**
   * Ends the table of the last range tombstone behind it, if tables of older runs lie between it and the entry: else
   * one that holds deletes of the oldest keys and the newest entries would overlap the whole tree. In a queue that is
   * deleted by ranges hybrid compaction wrote 9 to 19 times without this.
   */
  #leaveRanges(end: KeyBuffer, entry: Entry): void {
    if (
      compareAligned(entry.words, entry.keyOffset, entry.keyLength, end.words, 0, end.length) <= 0
    )
      return;
    this.#rangesEnd = null;
    if (this.#clipper.isEmpty) return;
    const border = end.toBytes();
    const key = entry.bytes.subarray(entry.keyOffset, entry.keyOffset + entry.keyLength);
    if (!this.#olderRuns.some((tables) => hasTableBetween(tables, border, key))) return;
    if (!this.#isOpen) this.#open();
    this.#cut(border);
  }

  /** Ends the open table behind the given key, or, `null`, the last key that was written. */
  #cutAfter(border: Uint8Array | null): void {
    if (this.#clipper.isEmpty) {
      this.#cut(null);
      return;
    }
    const last = border ?? this.#lastKey.toBytes();
    // Only shorter keys have a successor from which they can be told back as an inclusive bound.
    if (last.length < KEY_BYTES_MAX) this.#cut(keySuccessor(last));
  }

  #open(): void {
    this.#sink.open();
    this.#isOpen = true;
  }

  /** Ends the open table below `upper`; `null`: all that is left belongs to it. */
  #cut(upper: Uint8Array | null): void {
    for (const tombstone of this.#clipper.takeBelow(upper)) {
      this.#sink.addRangeTombstone(tombstone);
      this.#counts.rangeTombstonesOut++;
    }
    this.#sink.cut();
    this.#isOpen = false;
    this.#counts.tables++;
  }
}

function unknownKind({ kind }: Entry): LsmError {
  return new LsmError(
    'LSM_UNSUPPORTED_FORMAT',
    `An entry of kind ${kind} can't be merged by this version.`,
  );
}

/** Whether a table of a run lies wholly above one key and below another. */
function hasTableBetween(
  tables: readonly KeyRange[],
  above: Uint8Array,
  below: Uint8Array,
): boolean {
  const [, end] = overlapBounds(tables, { minKey: above, maxKey: above });
  // Tables that hold `above`, or lie below it, end before this one.
  const next = tables[end];
  return next !== undefined && next.maxKey !== null && compareBytes(next.maxKey, below) < 0;
}
